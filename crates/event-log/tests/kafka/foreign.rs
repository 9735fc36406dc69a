//! Records that another program wrote to the topic.

use crate::{P0, client, open, options, read_all, within};
use bytes::Bytes;
use event_log::{EventLog, Offset, RECORD_BYTES_MAX, kafka::Options};
use rdkafka::{
    Message,
    consumer::{BaseConsumer, Consumer},
    message::Timestamp,
    producer::{BaseProducer, BaseRecord, Producer},
};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends these values, `None` as Kafka's null.
fn send(producer: &BaseProducer, topic: &str, values: &[Option<&[u8]>]) {
    for value in values {
        let record = BaseRecord::<[u8], [u8]>::to(topic).partition(0).key(b"foreign");
        let record = match value {
            Some(value) => record.payload(*value),
            None => record,
        };
        assert!(producer.send(record).is_ok(), "queued");
    }
    producer.flush(TIMEOUT).expect("written");
}

#[tokio::test]
async fn foreign_records_come_with_their_bytes_and_stop_nothing() {
    let options = options("foreign");
    let log = open(options.clone()).await.expect("it opens");
    log.append(P0, "first".into()).expect("taken").await.expect("durable");
    let large: Vec<u8> = (0..=250).cycle().take(3 * RECORD_BYTES_MAX).collect();
    let values = [Some(b"\xff\x00garbage".as_slice()), None, Some(b""), Some(&large)];
    let producer: BaseProducer = client().create().expect("a producer");
    send(&producer, &options.topic, &values);
    let own = log.append(P0, "last".into()).expect("taken").await.expect("durable");
    assert_eq!(own, Offset(6));
    within("the last record", log.wait_past(P0, Offset(5))).await.expect("open");
    let expected: Vec<Bytes> = vec![
        "first".into(),
        (&b"\xff\x00garbage"[..]).into(),
        "".into(),
        "".into(),
        large.into(),
        "last".into(),
    ];
    let seen = |records: Vec<event_log::Record>| records.into_iter().map(|r| r.payload).collect::<Vec<_>>();
    assert_eq!(seen(read_all(&log, P0).await), expected, "from memory");
    let small = Options { tail_bytes_max: 0, ..options };
    assert_eq!(seen(read_all(&open(small).await.expect("it opens"), P0).await), expected, "from the broker");
}

#[tokio::test]
async fn holes_that_transactions_leave_read_as_empty_records() {
    let options = options("holes");
    let log = open(options.clone()).await.expect("it opens");
    let producer: BaseProducer =
        client().set("transactional.id", &options.topic).create().expect("a producer");
    tokio::task::spawn_blocking(move || {
        producer.init_transactions(TIMEOUT).expect("a transactional producer");
        let topic = options.topic.as_str();
        // Kafka's offsets: a b + a mark, c + a mark (given up), d + a mark, then e + a mark (given up).
        for (values, commit) in [
            (&[Some(b"a".as_slice()), Some(b"b")][..], true),
            (&[Some(b"c")], false),
            (&[Some(b"d")], true),
            (&[Some(b"e")], false),
        ] {
            producer.begin_transaction().expect("begun");
            send(&producer, topic, values);
            if commit {
                producer.commit_transaction(TIMEOUT).expect("committed");
            } else {
                producer.abort_transaction(TIMEOUT).expect("given up");
            }
        }
        options
    })
    .await
    .map(|options| async move {
        let expected: Vec<Bytes> = ["a", "b", "", "", "", "d", "", "", ""].map(Bytes::from).into();
        let seen =
            |records: Vec<event_log::Record>| records.into_iter().map(|r| r.payload).collect::<Vec<_>>();
        within("the end, which is a hole", log.wait_past(P0, Offset(8))).await.expect("open");
        assert_eq!(log.bounds(P0).expect("it exists").last, Offset(9));
        assert_eq!(seen(read_all(&log, P0).await), expected, "by a log that follows");
        let late = open(options).await.expect("it opens");
        assert_eq!(seen(read_all(&late, P0).await), expected, "by a log that comes later");
        assert_eq!(late.append(P0, "own".into()).expect("taken").await, Ok(Offset(10)));
        within("the own record", log.wait_past(P0, Offset(9))).await.expect("open");
        assert_eq!(read_all(&log, P0).await[9].payload, "own");
    })
    .expect("the transactions end")
    .await;
}

#[tokio::test]
async fn others_can_read_what_is_written() {
    let options = options("others");
    let log = open(options.clone()).await.expect("it opens");
    log.append(P0, "hello".into()).expect("taken").await.expect("durable");
    let consumer: BaseConsumer = client()
        .set("group.id", "others")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    consumer.subscribe(&[&options.topic]).expect("subscribed");
    let message = tokio::task::spawn_blocking(move || {
        let message = consumer.poll(TIMEOUT).expect("in time").expect("a message");
        (message.payload().map(<[u8]>::to_vec), message.key().map(<[u8]>::to_vec), message.timestamp())
    });
    let (payload, key, timestamp) = message.await.expect("read");
    assert_eq!((payload.as_deref(), key), (Some(b"hello".as_slice()), None));
    assert!(matches!(timestamp, Timestamp::CreateTime(ms) if ms > 0), "{timestamp:?}");
}
