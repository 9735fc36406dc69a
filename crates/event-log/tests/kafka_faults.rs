//! What the Kafka engine does when its broker is killed or hangs, and comes back: a broker of its own, so that no other
//! test is disturbed.
#![cfg(feature = "kafka")]

use event_log::{
    Append, AppendError, EventLog, Offset, Partition, Record,
    kafka::{KafkaLog, Options},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use test_servers::kafka::Broker;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

const P0: Partition = Partition(0);
/// How long anything may take on a busy machine before a test gives up.
const PATIENCE: Duration = Duration::from_secs(90);

/// The broker, for one test at a time.
async fn broker() -> MutexGuard<'static, Broker> {
    static BROKER: OnceCell<Mutex<Broker>> = OnceCell::const_new();
    let start = || async {
        let started = tokio::task::spawn_blocking(Broker::start).await.expect("no panic");
        Mutex::new(started.expect("a Kafka broker for the tests"))
    };
    BROKER.get_or_init(start).await.lock().await
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("never came: {what}"))
}

/// Waits until the log is well, or is not.
async fn until_well(log: &KafkaLog, well: bool) {
    within(&format!("a log with well = {well}"), async {
        let mut every = tokio::time::interval(Duration::from_millis(5));
        while log.healthy().is_ok() != well {
            every.tick().await;
        }
    })
    .await;
}

/// Everything that is durable.
async fn read_all(log: &KafkaLog) -> Vec<Record> {
    let last = log.bounds(P0).expect("it exists").last;
    let mut records: Vec<Record> = Vec::new();
    while (records.len() as u64) < last.0 {
        let after = Offset(records.len() as u64);
        let page = within("a page", log.read(P0, after, 4096, 1 << 20)).await.expect("a page");
        assert!(!page.is_empty(), "nothing after {after:?}, though {last:?} is durable");
        records.extend(page);
    }
    for (place, record) in (1..).zip(&records) {
        assert_eq!(record.offset, Offset(place), "offsets are dense");
    }
    records
}

/// What became of each payload.
#[derive(Default)]
struct Outcomes {
    acked: HashMap<String, Offset>,
    unknown: HashSet<String>,
}

/// Checks what is in the log against what was told: nothing acked is lost or elsewhere, nothing is there twice, nothing
/// refused is there.
fn check(records: &[Record], outcomes: &Outcomes) {
    let mut seen = HashMap::new();
    for record in records.iter().filter(|record| !record.payload.is_empty()) {
        let payload = String::from_utf8(record.payload.to_vec()).expect("text");
        let known = outcomes.acked.contains_key(&payload) || outcomes.unknown.contains(&payload);
        assert!(known, "{payload} was refused, and is there");
        let before = seen.insert(payload, record.offset);
        assert_eq!(before, None, "written twice");
    }
    for (payload, offset) in &outcomes.acked {
        assert_eq!(seen.get(payload), Some(offset), "{payload} was acked");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_loses_nothing_acked_and_the_log_comes_back_by_itself() {
    let mut broker = broker().await;
    let log = Arc::new(KafkaLog::open(Options::new(broker.address(), "killed")).expect("the log opens"));
    // Load: as much as is taken, until appends are refused because the broker is gone.
    let load = |name: &'static str| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut under_way: Vec<(String, Append)> = Vec::new();
            let mut outcomes = Outcomes::default();
            for number in 0.. {
                let payload = format!("{name} {number}");
                match log.append(P0, payload.clone().into()) {
                    Ok(append) => under_way.push((payload, append)),
                    Err(AppendError::Overloaded { .. }) => {
                        // Room comes with an answer.
                        let (payload, append) = under_way.remove(0);
                        settle(&mut outcomes, payload, append.await);
                    }
                    Err(AppendError::Unavailable(_)) => break,
                    Err(error) => panic!("{error}"),
                }
                if number % 100 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            for (payload, append) in under_way {
                settle(&mut outcomes, payload, within("an answer", append).await);
            }
            outcomes
        })
    };
    let loads = [load("a"), load("b")];
    within("a thousand records", log.wait_past(P0, Offset(1000))).await.expect("open");
    // They are there; that this one is acked says that all before it are, too.
    let marker = within("an ack", async {
        loop {
            match log.append(P0, "marker".into()) {
                Ok(append) => break append.await,
                Err(AppendError::Overloaded { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    });
    let marker = marker.await.expect("durable");
    broker.kill();
    let mut outcomes = Outcomes::default();
    outcomes.acked.insert("marker".to_owned(), marker);
    for load in loads {
        let part = within("the end of the load", load).await.expect("no panic");
        outcomes.acked.extend(part.acked);
        outcomes.unknown.extend(part.unknown);
    }
    assert!(outcomes.acked.len() >= 1000);
    log.healthy().expect_err("told to who asks");
    assert!(matches!(log.append(P0, "while it is gone".into()), Err(AppendError::Unavailable(_))));

    broker.restart().expect("the broker starts again");
    until_well(&log, true).await;
    let certain = read_all(&log).await;
    check(&certain, &outcomes);
    let after = log.append(P0, "after".into()).expect("taken").await.expect("durable");
    outcomes.acked.insert("after".to_owned(), after);
    within("the last record", log.wait_past(P0, Offset(after.0 - 1))).await.expect("open");
    let all = read_all(&log).await;
    check(&all, &outcomes);
    assert_eq!(all.len(), certain.len() + 1, "nothing came late");
    // Another process sees the same.
    let other = KafkaLog::open(Options::new(broker.address(), "killed")).expect("the log opens");
    assert_eq!(read_all(&other).await, all);
    other.close().await;
    log.close().await;
}

fn settle(outcomes: &mut Outcomes, payload: String, answer: Result<Offset, AppendError>) {
    match answer {
        Ok(offset) => assert_eq!(outcomes.acked.insert(payload, offset), None),
        Err(AppendError::Unknown(_)) => assert!(outcomes.unknown.insert(payload)),
        Err(error) => panic!("{payload}: {error}"),
    }
}

/// The broker takes requests into its sockets and does nothing; what was sent meanwhile becomes durable after the appends
/// were answered "unknown".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hanging_broker_wrote_after_all_is_there_once_the_log_is_well() {
    let broker = broker().await;
    let log = KafkaLog::open(Options::new(broker.address(), "hangs")).expect("the log opens");
    let mut outcomes = Outcomes::default();
    let first = log.append(P0, "before".into()).expect("taken").await.expect("durable");
    outcomes.acked.insert("before".to_owned(), first);
    broker.pause().expect("it runs");
    let under_way: Vec<_> = (0..10)
        .map(|number| format!("during {number}"))
        .map(|payload| (log.append(P0, payload.clone().into()).expect("nobody noticed yet"), payload))
        .collect();
    until_well(&log, false).await;
    for (append, payload) in under_way {
        let answer = within("an answer", append).await;
        assert!(matches!(answer, Err(AppendError::Unknown(_))), "{payload}: {answer:?}");
        log.healthy().expect_err("an answer is unknown");
        let refused = log.append(P0, "refused".into()).err();
        assert!(matches!(refused, Some(AppendError::Unavailable(_))), "{refused:?}");
        outcomes.unknown.insert(payload);
    }
    broker.resume().expect("it runs");
    until_well(&log, true).await;
    let certain = read_all(&log).await;
    check(&certain, &outcomes);
    let after = log.append(P0, "after".into()).expect("taken").await.expect("durable");
    assert_eq!(after, Offset(certain.len() as u64 + 1), "nothing came between");
    outcomes.acked.insert("after".to_owned(), after);
    within("the last record", log.wait_past(P0, Offset(after.0 - 1))).await.expect("open");
    check(&read_all(&log).await, &outcomes);
    log.close().await;
}

/// Closing and dropping end in time when nobody answers, and answer what was under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_broker_hangs_can_be_closed() {
    let broker = broker().await;
    let log = KafkaLog::open(Options::new(broker.address(), "closes")).expect("the log opens");
    log.append(P0, "before".into()).expect("taken").await.expect("durable");
    let mut member = log.join_group("closes");
    within("the first assignment", member.changed()).await.expect("partitions");
    broker.pause().expect("it runs");
    let append = log.append(P0, "during".into()).expect("nobody noticed yet");
    within("the end of closing", log.close()).await;
    assert!(matches!(within("an answer", append).await, Err(AppendError::Unknown(_))));
    within("the member's end", async { while member.changed().await.is_ok() {} }).await;
    drop(log);
    broker.resume().expect("it runs");
}
