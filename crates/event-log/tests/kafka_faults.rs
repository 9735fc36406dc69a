//! What the Kafka engine does when its broker is killed and comes back: a broker of its own, so that no other test is
//! disturbed.
#![cfg(feature = "kafka")]

use event_log::{
    AppendError, EventLog, Offset, Partition,
    kafka::{KafkaLog, Options},
};
use std::{collections::HashSet, time::Duration};
use test_servers::kafka::Broker;

const P0: Partition = Partition(0);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_refuses_and_comes_back_without_loss_of_an_acked_record() {
    let mut broker = Broker::start().expect("a Kafka broker for the tests");
    let options = Options::new(broker.address(), "fault");
    let log = KafkaLog::open(options).expect("the log opens");
    let mut acked = HashSet::new();
    let first = log.append(P0, "before".into()).expect("taken").await.expect("durable");
    assert_eq!(first, Offset(1));
    acked.insert("before".to_owned());

    broker.kill();
    let mut number = 0;
    // Whoever appends meanwhile is told "unknown" in time, and then "unavailable" at once.
    let mut unknown = HashSet::new();
    let refused = loop {
        number += 1;
        let payload = format!("during {number}");
        match log.append(P0, payload.clone().into()) {
            Err(error) => break error,
            Ok(append) => match append.await {
                Err(AppendError::Unknown(_)) => assert!(unknown.insert(payload)),
                other => panic!("nobody is there to take {payload}: {other:?}"),
            },
        }
    };
    assert!(matches!(refused, AppendError::Unavailable(_)), "{refused:?}");
    log.healthy().expect_err("told to who asks");

    broker.restart().expect("the broker starts again");
    let last = loop {
        number += 1;
        let payload = format!("after {number}");
        match log.append(P0, payload.clone().into()) {
            Err(AppendError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error}"),
            Ok(append) => match append.await {
                Ok(offset) => {
                    acked.insert(payload);
                    break offset;
                }
                Err(AppendError::Unknown(_)) => assert!(unknown.insert(payload)),
                Err(error) => panic!("{error}"),
            },
        }
    };
    log.wait_past(P0, Offset(last.0 - 1)).await.expect("the tail follows again");
    let records = log.read(P0, Offset(0), 4096, 1 << 20).await.expect("a page");
    let mut seen = HashSet::new();
    for (place, record) in (1..).zip(&records) {
        assert_eq!(record.offset, Offset(place));
        let payload = String::from_utf8(record.payload.to_vec()).expect("text");
        assert!(acked.contains(&payload) || unknown.contains(&payload), "{payload} was refused");
        assert!(seen.insert(payload), "written twice");
    }
    assert!(acked.is_subset(&seen), "acked {acked:?}, seen {seen:?}");
    log.close().await;
}
