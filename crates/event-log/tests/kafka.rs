//! The suite over the Kafka engine and a real broker, which the first test starts.
#![cfg(feature = "kafka")]

use event_log::{
    AppendError, BoxFuture, EventLog, Partition,
    kafka::{KafkaLog, OpenError, Options},
    suite::{Persists, Shape, Subject},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// Each case has its own prefix for the topics.
struct Kafka {
    prefix: String,
}

impl Kafka {
    fn new() -> Self {
        static CASES: AtomicU32 = AtomicU32::new(0);
        let case = CASES.fetch_add(1, Ordering::Relaxed);
        Self { prefix: format!("t{}-{case}", std::process::id()) }
    }

    fn options(&self, name: &str, shape: Shape) -> Options {
        let address = test_servers::kafka::shared().address();
        let defaults = Options::new(address, format!("{}-{name}", self.prefix));
        Options {
            partitions: shape.partitions,
            queue_records_max: shape.queue_records_max.unwrap_or(defaults.queue_records_max),
            ..defaults
        }
    }
}

async fn open(options: Options) -> Result<KafkaLog, OpenError> {
    tokio::task::spawn_blocking(|| KafkaLog::open(options)).await.expect("opening does not panic")
}

fn admin() -> AdminClient<DefaultClientContext> {
    let address = test_servers::kafka::shared().address();
    ClientConfig::new().set("bootstrap.servers", address).create().expect("a client")
}

fn patient() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)))
}

impl Subject for Kafka {
    fn make<'a>(&'a self, name: &'a str, shape: Shape) -> BoxFuture<'a, Arc<dyn EventLog>> {
        Box::pin(async move {
            Arc::new(open(self.options(name, shape)).await.expect("the log opens")) as Arc<dyn EventLog>
        })
    }
}

impl Persists for Kafka {
    fn reopen<'a>(&'a self, name: &'a str, shape: Shape) -> BoxFuture<'a, Arc<dyn EventLog>> {
        self.make(name, shape)
    }

    fn destroy<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let topic = format!("{}-{name}", self.prefix);
            let answers = admin().delete_topics(&[&topic], &patient()).await.expect("an answer");
            assert_eq!(answers, [Ok(topic)]);
        })
    }
}

event_log::event_log_suite!(basic persistent => Kafka::new());

#[tokio::test]
async fn a_topic_with_too_few_partitions_is_refused() {
    let kafka = Kafka::new();
    let options = kafka.options("few", Shape { partitions: 2, ..Shape::default() });
    open(options.clone()).await.expect("made").close().await;
    let error = open(Options { partitions: 3, ..options }).await.err().expect("refused");
    assert!(
        matches!(&error, OpenError::Mismatch { setting: "partitions", found, .. } if found == "2"),
        "{error}"
    );
}

#[tokio::test]
async fn a_topic_that_forgets_too_soon_or_compacts_or_has_no_epoch_is_refused() {
    let kafka = Kafka::new();
    type Settings = &'static [(&'static str, &'static str)];
    let cases: [(&str, Settings, &str); 4] = [
        ("short", &[("retention.ms", "60000")], "retention.ms"),
        ("compacted", &[("cleanup.policy", "compact")], "cleanup.policy"),
        ("both", &[("cleanup.policy", "compact,delete")], "cleanup.policy"),
        ("foreign", &[], "epoch"),
    ];
    for (name, settings, named) in cases {
        let options = kafka.options(name, Shape::default());
        let mut topic = NewTopic::new(&options.topic, 3, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let made = admin().create_topics([&topic], &patient()).await.expect("an answer");
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        let error = open(options).await.err().expect("refused").to_string();
        assert!(error.contains(named), "{name}: {error}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_told() {
    let options =
        Options { request_timeout: Duration::from_millis(300), ..Options::new("127.0.0.1:1", "nowhere") };
    let error = open(options).await.err().expect("refused");
    assert!(matches!(error, OpenError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn two_processes_see_one_log() {
    const EACH: usize = 200;
    let kafka = Kafka::new();
    let options = kafka.options("two", Shape::default());
    let (a, b) = tokio::join!(open(options.clone()), open(options));
    let (a, b) = (a.expect("the first opens"), b.expect("the second opens"));
    let p = Partition(0);
    assert_eq!(a.epoch(p), b.epoch(p));
    let under_way: Vec<_> = (0..EACH)
        .flat_map(|i| [(&a, "a", i), (&b, "b", i)])
        .map(|(log, who, i)| log.append(p, format!("{who} {i}").into()).expect("taken"))
        .collect();
    for append in under_way {
        append.await.expect("durable");
    }
    let mut seen = Vec::new();
    for log in [&a, &b] {
        let mut records = Vec::new();
        while records.len() < 2 * EACH {
            let after = event_log::Offset(records.len() as u64);
            log.wait_past(p, after).await.expect("open");
            records.extend(log.read(p, after, 4096, 1 << 20).await.expect("a page"));
        }
        seen.push(records);
    }
    assert_eq!(seen[0], seen[1], "the same records in the same order");
    assert_eq!(seen[0].len(), 2 * EACH);
}

/// Not a judgement but a figure: `cargo test --release … figures -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures, proves nothing"]
async fn figures() {
    const RECORDS: usize = 300_000;
    let log = open(Kafka::new().options("figures", Shape::default())).await.expect("the log opens");
    let payload = bytes::Bytes::from(vec![b'x'; 400]);
    let mut latency = hdrhistogram::Histogram::<u64>::new(3).expect("three digits");
    let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
    let collect = tokio::spawn(async move {
        let mut taken = 0;
        while let Some((at, append)) = tell.recv().await {
            let (at, append): (Instant, event_log::Append) = (at, append);
            append.await.expect("durable");
            latency.record(u64::try_from(at.elapsed().as_micros()).expect("short")).expect("in range");
            taken += 1;
        }
        (taken, latency)
    });
    let began = Instant::now();
    let mut refused = 0_u64;
    for i in 0..RECORDS {
        let partition = Partition(u32::try_from(i % 3).expect("small"));
        loop {
            match log.append(partition, payload.clone()) {
                Ok(append) => {
                    let _ = told.send((Instant::now(), append));
                    break;
                }
                Err(AppendError::Overloaded { .. }) => {
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    drop(told);
    let (taken, full) = collect.await.expect("collected");
    let rate = f64::from(taken) / began.elapsed().as_secs_f64();
    println!(
        "flat out: {taken} records of 400 B, {rate:.0}/s, ack p50 {} µs p99 {} µs, refused {refused}",
        full.value_at_quantile(0.5),
        full.value_at_quantile(0.99)
    );
    let mut alone = hdrhistogram::Histogram::<u64>::new(3).expect("three digits");
    for _ in 0..1000 {
        let at = Instant::now();
        log.append(Partition(0), payload.clone()).expect("taken").await.expect("durable");
        alone.record(u64::try_from(at.elapsed().as_micros()).expect("short")).expect("in range");
    }
    println!(
        "one by one: ack p50 {} µs p99 {} µs",
        alone.value_at_quantile(0.5),
        alone.value_at_quantile(0.99)
    );
    log.close().await;
}
