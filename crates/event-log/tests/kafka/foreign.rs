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
use std::time::{Duration, Instant};

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
    assert_eq!(payloads(read_all(&log, P0).await), expected, "from memory");
    let small = Options { tail_bytes_max: 0, ..options };
    assert_eq!(
        payloads(read_all(&open(small).await.expect("it opens"), P0).await),
        expected,
        "from the broker"
    );
}

/// Runs transactions on another thread, as the client library blocks in them.
async fn in_transactions(topic: String, work: impl FnOnce(&BaseProducer, &str) + Send + 'static) {
    let run = tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = client().set("transactional.id", &topic).create().expect("a producer");
        producer.init_transactions(TIMEOUT).expect("a transactional producer");
        work(&producer, &topic);
    });
    run.await.expect("the transactions end");
}

fn payloads(records: Vec<event_log::Record>) -> Vec<Bytes> {
    records.into_iter().map(|record| record.payload).collect()
}

#[tokio::test]
async fn holes_that_transactions_leave_read_as_empty_records() {
    let options = options("holes");
    let log = open(options.clone()).await.expect("it opens");
    in_transactions(options.topic.clone(), |producer, topic| {
        let transactions: [(&[Option<&[u8]>], bool); 3] =
            [(&[Some(b"a"), Some(b"b")], true), (&[Some(b"given up")], false), (&[Some(b"c")], true)];
        for (values, commit) in transactions {
            producer.begin_transaction().expect("begun");
            send(producer, topic, values);
            if commit {
                producer.commit_transaction(TIMEOUT).expect("committed");
            } else {
                producer.abort_transaction(TIMEOUT).expect("given up");
            }
        }
    })
    .await;
    // Behind each transaction lies its mark.
    let expected: Vec<Bytes> = ["a", "b", "", "given up", "", "c", ""].map(Bytes::from).into();
    within("the end, which is a hole", log.wait_past(P0, Offset(6))).await.expect("open");
    assert_eq!(log.bounds(P0).expect("it exists").last, Offset(7));
    assert_eq!(payloads(read_all(&log, P0).await), expected, "by a log that follows");
    let late = open(options).await.expect("it opens");
    assert_eq!(payloads(read_all(&late, P0).await), expected, "by a log that comes later");
    assert_eq!(late.append(P0, "own".into()).expect("taken").await, Ok(Offset(8)));
    within("the own record", log.wait_past(P0, Offset(7))).await.expect("open");
    assert_eq!(read_all(&log, P0).await[7].payload, "own");
}

#[tokio::test]
async fn an_open_transaction_holds_nobody_up() {
    let options = options("open-transaction");
    let log = open(options.clone()).await.expect("it opens");
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let (tell, begun) = tokio::sync::oneshot::channel();
    let transaction = in_transactions(options.topic.clone(), move |producer, topic| {
        producer.begin_transaction().expect("begun");
        send(producer, topic, &[Some(b"not committed")]);
        tell.send(()).expect("the test waits");
        // Until the test is over, however it ends.
        let _ = wait.recv();
    });
    let check = async {
        within("the transaction", begun).await.expect("begun");
        assert_eq!(log.append(P0, "own".into()).expect("taken").await, Ok(Offset(2)));
        within("the own record", log.wait_past(P0, Offset(1))).await.expect("open");
        let late = open(options).await.expect("it opens");
        for log in [&log, &late] {
            assert_eq!(payloads(read_all(log, P0).await), ["not committed", "own"]);
            log.healthy().expect("it takes appends");
        }
        drop(done);
    };
    tokio::join!(transaction, check);
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
        // A poll also ends when the group hands its partitions out.
        let deadline = Instant::now() + TIMEOUT;
        let message = loop {
            assert!(Instant::now() < deadline, "no message came");
            if let Some(message) = consumer.poll(Duration::from_secs(1)) {
                break message.expect("a message");
            }
        };
        (message.payload().map(<[u8]>::to_vec), message.key().map(<[u8]>::to_vec), message.timestamp())
    });
    let (payload, key, timestamp) = message.await.expect("read");
    assert_eq!((payload.as_deref(), key), (Some(b"hello".as_slice()), None));
    assert!(matches!(timestamp, Timestamp::CreateTime(ms) if ms > 0), "{timestamp:?}");
}
