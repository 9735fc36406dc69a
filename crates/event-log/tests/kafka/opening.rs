//! What a topic must be like, and what is said when it is not.

use crate::{admin, open, options, patient};
use event_log::{
    EventLog,
    kafka::{OpenError, Options},
};
use rdkafka::admin::{AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use std::{collections::BTreeMap, net::TcpListener, time::Duration};

#[tokio::test]
async fn a_topic_with_too_few_or_too_many_partitions_is_refused() {
    let two = Options { partitions: 2, ..options("two") };
    open(two.clone()).await.expect("made").close().await;
    for (partitions, cure) in [(3, "kafka-topics.sh"), (1, "set 2 partitions")] {
        let error = open(Options { partitions, ..two.clone() }).await.err().expect("refused");
        assert!(
            matches!(&error, OpenError::TopicMismatch(text) if text.contains("partitions 2") && text.contains(cure)),
            "{error}"
        );
    }
}

/// What is wrong with a topic is told one thing at a time, each with the command that mends it; so following the commands ends
/// with a log that opens.
#[tokio::test]
async fn the_commands_that_are_told_mend_the_topic() {
    let options = Options { retention: Duration::from_secs(3600), ..options("mend") };
    let wrong = [
        ("cleanup.policy", "compact,delete"),
        ("min.insync.replicas", "1"),
        ("retention.ms", "60000"),
        ("max.message.bytes", "70000"),
        ("unclean.leader.election.enable", "true"),
    ];
    let mut topic = NewTopic::new(&options.topic, 3, TopicReplication::Fixed(1));
    for (name, value) in wrong {
        topic = topic.set(name, value);
    }
    let made = admin().create_topics([&topic], &patient()).await.expect("an answer");
    assert!(made.iter().all(Result::is_ok), "{made:?}");

    let mut settings: BTreeMap<String, String> =
        wrong.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut mended = Vec::new();
    let log = loop {
        let text = match open(options.clone()).await {
            Ok(log) => break log,
            Err(OpenError::TopicMismatch(text)) => text,
            Err(error) => panic!("{error}"),
        };
        let (_, setting) = text.split_once("--add-config ").unwrap_or_else(|| panic!("no command: {text}"));
        assert!(text.contains(&format!("--bootstrap-server {}", options.brokers)), "{text}");
        assert!(text.contains(&format!("--entity-name {}", options.topic)), "{text}");
        let (name, value) = setting.split_once('=').expect("name=value");
        assert!(!mended.contains(&name.to_owned()), "{name} again: {text}");
        mended.push(name.to_owned());
        settings.insert(name.to_owned(), value.to_owned());
        let mut all = AlterConfig::new(ResourceSpecifier::Topic(&options.topic));
        for (name, value) in &settings {
            all = all.set(name, value);
        }
        let altered = admin().alter_configs([&all], &patient()).await.expect("an answer");
        assert!(altered.iter().all(Result::is_ok), "{altered:?}");
    };
    log.healthy().expect("it takes appends");
    assert_eq!(
        mended,
        [
            "cleanup.policy",
            "retention.ms",
            "max.message.bytes",
            "unclean.leader.election.enable",
            "flush.messages"
        ]
    );
}

#[tokio::test]
async fn a_topic_that_needs_too_few_copies_in_sync_is_refused() {
    let options = options("insync");
    let topic = NewTopic::new(&options.topic, 3, TopicReplication::Fixed(1)).set("min.insync.replicas", "1");
    let made = admin().create_topics([&topic], &patient()).await.expect("an answer");
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    // There is one broker, so the copies are missing first.
    let error =
        open(Options { replication: 2, min_insync_replicas: 2, ..options }).await.err().expect("refused");
    assert!(
        matches!(&error, OpenError::TopicMismatch(text) if text.contains("kafka-reassign-partitions.sh")),
        "{error}"
    );
}

#[tokio::test]
async fn more_copies_than_brokers_are_told() {
    let error = open(Options { replication: 3, ..options("copies") }).await.err().expect("refused");
    assert!(matches!(&error, OpenError::Config(text) if text.contains("3 copies")), "{error}");
}

#[tokio::test]
async fn nobody_at_the_address_is_told_with_the_address() {
    // No program listens on port 1.
    let address = "127.0.0.1:1";
    let options = Options { request_timeout: Duration::from_millis(500), ..Options::new(address, "nowhere") };
    let error = open(options).await.err().expect("refused");
    assert!(matches!(&error, OpenError::Unreachable(text) if text.contains(address)), "{error}");
}

#[tokio::test]
async fn somebody_who_is_no_broker_is_told() {
    // Takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("it has one").to_string();
    let options =
        Options { request_timeout: Duration::from_millis(500), ..Options::new(address.clone(), "nowhere") };
    let error = open(options).await.err().expect("refused");
    assert!(matches!(&error, OpenError::Unreachable(text) if text.contains(&address)), "{error}");
}
