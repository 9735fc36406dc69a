//! The Kafka engine over a real broker, which the first test starts. What a broken broker does to it: `kafka_faults`.
#![cfg(feature = "kafka")]

mod following;
mod foreign;
mod groups;
mod limits;
mod opening;
mod security;
mod sharing;
mod suite;

use event_log::{
    EventLog, Offset, Partition, Record,
    kafka::{KafkaLog, OpenError, Options},
    suite::Shape,
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

const P0: Partition = Partition(0);

/// How long anything may take on a busy machine before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Options for a topic that no other test has.
fn options(name: &str) -> Options {
    static TOPICS: AtomicU32 = AtomicU32::new(0);
    let number = TOPICS.fetch_add(1, Ordering::Relaxed);
    let topic = format!("t{}-{number}-{name}", std::process::id());
    shaped(topic, Shape::default())
}

fn shaped(topic: String, shape: Shape) -> Options {
    let defaults = Options::new(test_servers::kafka::shared().address(), topic);
    Options {
        partitions: shape.partitions,
        queue_records_max: shape.queue_records_max.unwrap_or(defaults.queue_records_max),
        ..defaults
    }
}

async fn open(options: Options) -> Result<KafkaLog, OpenError> {
    tokio::task::spawn_blocking(|| KafkaLog::open(options)).await.expect("opening does not panic")
}

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", test_servers::kafka::shared().address());
    config
}

fn admin() -> AdminClient<DefaultClientContext> {
    client().create().expect("a client")
}

fn patient() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)))
}

/// Waits for something to become so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let look = async {
        let mut every = tokio::time::interval(Duration::from_millis(20));
        while !is_so() {
            every.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("never came: {what}"));
}

/// Waits for something that a future brings.
async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("never came: {what}"))
}

/// Everything from the first record to the last that is durable now, page by page; checks that offsets are dense.
async fn read_all(log: &dyn EventLog, partition: Partition) -> Vec<Record> {
    let last = log.bounds(partition).expect("it exists").last;
    let mut records: Vec<Record> = Vec::new();
    while (records.len() as u64) < last.0 {
        let after = Offset(records.len() as u64);
        let page = within("a page", log.read(partition, after, 100, 1 << 20)).await.expect("a page");
        assert!(!page.is_empty(), "nothing after {after:?}, though {last:?} is durable");
        for record in page {
            assert_eq!(record.offset, Offset(records.len() as u64 + 1), "offsets are dense");
            records.push(record);
        }
    }
    records
}
