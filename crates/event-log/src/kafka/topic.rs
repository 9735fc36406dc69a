//! The topic: made if it is missing, else checked against what the log needs.
//!
//! The epoch is written into the topic when it is made, as the topic setting `flush.messages`: a random number of at
//! least 2^62. To the broker each such number means "never by count", as its default does; to us it is an identity
//! that appears in the same step as the topic, goes with it, and needs no second topic that could be left behind.
//! (The broker's own topic id would be the natural choice, but the client library does not show it.)
//!
//! A topic is never changed: what is wrong with it is told together with the command that mends it.

use super::{Options, client, client::Client, options::BATCH_BYTES_MAX};
use crate::{Epoch, kafka::OpenError};
use rdkafka::{
    admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    consumer::BaseConsumer,
    error::{KafkaError, RDKafkaErrorCode},
};
use std::time::Duration;

/// The setting that carries the epoch.
const EPOCH_SETTING: &str = "flush.messages";
/// Smallest number that is an epoch.
const EPOCH_MIN: i64 = 1 << 62;
/// Smallest `max.message.bytes` (Kafka means a batch): a batch of ours, with as much again for its frame and for one last
/// record that does not fit. Kafka's default is 1 MiB.
const BATCH_TAKEN_MIN: usize = 2 * BATCH_BYTES_MAX;
/// How often a topic that was just made is looked for, and the pause between: 50 × 100 ms.
const LOOKS_MAX: u32 = 50;
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) type Admin = AdminClient<DefaultClientContext>;

/// Makes the topic if there is none, checks it, and returns its epoch. Blocks.
pub(super) async fn make_or_check(
    asker: &BaseConsumer<Client>,
    admin: &Admin,
    options: &Options,
) -> Result<Epoch, OpenError> {
    if shape(asker, options)?.is_none() {
        make(admin, options).await?;
    }
    for _ in 0..LOOKS_MAX {
        if let Some((partitions, copies)) = shape(asker, options)? {
            check_shape(options, partitions, copies)?;
            return check_settings(admin, options).await;
        }
        // On the thread of `open` alone.
        std::thread::sleep(LOOK_EVERY);
    }
    Err(OpenError::Unreachable(format!(
        "{}: the topic {} is there, but some partition has no leader",
        options.brokers, options.topic
    )))
}

/// The epoch that the topic has now; `Ok(None)` when it was not made by this program. The error says why it cannot be told.
pub(super) async fn epoch(
    admin: &Admin,
    options: &Options,
    timeout: Duration,
) -> Result<Option<Epoch>, String> {
    let request = AdminOptions::new().request_timeout(Some(timeout));
    let answers = admin.describe_configs([&ResourceSpecifier::Topic(&options.topic)], &request).await;
    match answers.map_err(|error| error.to_string())?.into_iter().next() {
        Some(Ok(resource)) => Ok(epoch_in(&resource)),
        Some(Err(RDKafkaErrorCode::UnknownTopicOrPartition)) => {
            Err(format!("the topic {} is gone", options.topic))
        }
        Some(Err(code)) => Err(format!("settings of {}: {code}", options.topic)),
        None => Err(format!("settings of {}: no answer", options.topic)),
    }
}

fn epoch_in(resource: &ConfigResource) -> Option<Epoch> {
    let number: i64 = value(resource, EPOCH_SETTING).parse().ok()?;
    (EPOCH_MIN..i64::MAX).contains(&number).then(|| Epoch(format!("{number:016x}")))
}

fn value<'a>(resource: &'a ConfigResource, name: &str) -> &'a str {
    resource.get(name).and_then(|entry| entry.value.as_deref()).unwrap_or_default()
}

/// Number of partitions and smallest number of copies, if the topic is there and every partition has a leader.
fn shape(asker: &BaseConsumer<Client>, options: &Options) -> Result<Option<(u32, u32)>, OpenError> {
    let metadata = client::metadata(asker, options)?;
    let Some(topic) = metadata.topics().iter().find(|t| t.name() == options.topic) else { return Ok(None) };
    if let Some(error) = topic.error() {
        let code = RDKafkaErrorCode::from(error);
        return if is_refusal(code) { Err(refused(options, code)) } else { Ok(None) };
    }
    if topic.partitions().is_empty() || topic.partitions().iter().any(|p| p.leader() < 0) {
        return Ok(None);
    }
    let copies = topic.partitions().iter().map(|p| p.replicas().len()).min().unwrap_or(0);
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(Some((narrow(topic.partitions().len()), narrow(copies))))
}

fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::PolicyViolation
    )
}

fn refused(options: &Options, code: RDKafkaErrorCode) -> OpenError {
    OpenError::Refused(format!(
        "the topic {}: {code} (needed on it: Create, Describe, DescribeConfigs, Read, Write, Delete)",
        options.topic
    ))
}

async fn make(admin: &Admin, options: &Options) -> Result<(), OpenError> {
    let request = AdminOptions::new()
        .request_timeout(Some(options.request_timeout))
        .operation_timeout(Some(options.request_timeout));
    let narrow = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let epoch = random_epoch().to_string();
    let retention = options.retention.as_millis().to_string();
    let min_insync = options.min_insync_replicas.to_string();
    let topic = NewTopic::new(
        &options.topic,
        narrow(options.partitions),
        TopicReplication::Fixed(narrow(options.replication)),
    )
    .set("cleanup.policy", "delete")
    .set("retention.ms", &retention)
    .set("min.insync.replicas", &min_insync)
    .set("unclean.leader.election.enable", "false")
    .set("message.timestamp.type", "CreateTime")
    .set(EPOCH_SETTING, &epoch);
    let answers = admin.create_topics([&topic], &request).await;
    match answers.map_err(|error| unreachable(options, &error))?.pop() {
        // Another node was quicker: its topic is checked like any other.
        Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
        Some(Err((_, RDKafkaErrorCode::InvalidReplicationFactor))) => Err(OpenError::Config(format!(
            "{} copies of the topic {} are wanted, and there are not so many brokers",
            options.replication, options.topic
        ))),
        Some(Err((_, code))) if is_refusal(code) => Err(refused(options, code)),
        Some(Err((_, code))) => {
            Err(OpenError::Unreachable(format!("{}: the topic {}: {code}", options.brokers, options.topic)))
        }
        None => Err(OpenError::Unreachable(format!("{}: no answer", options.brokers))),
    }
}

fn unreachable(options: &Options, error: &KafkaError) -> OpenError {
    OpenError::Unreachable(format!("{}: {error}", options.brokers))
}

fn random_epoch() -> i64 {
    let random = uuid::Uuid::now_v7().as_u128() & ((1 << 62) - 1);
    (EPOCH_MIN + i64::try_from(random).expect("62 bits")).min(i64::MAX - 1)
}

fn check_shape(options: &Options, partitions: u32, copies: u32) -> Result<(), OpenError> {
    let Options { brokers, topic, .. } = options;
    if partitions != options.partitions {
        let cure = if partitions < options.partitions {
            format!(
                "while it is empty: kafka-topics.sh --bootstrap-server {brokers} --alter --topic {topic} --partitions {}; once it holds records: set {partitions} partitions, as the place of each room hangs on their number",
                options.partitions
            )
        } else {
            format!("set {partitions} partitions, or name another topic")
        };
        return Err(mismatch(options, "partitions", &partitions, &options.partitions, &cure));
    }
    if copies < options.replication {
        let cure = format!(
            "kafka-reassign-partitions.sh --bootstrap-server {brokers} with {} brokers for each partition",
            options.replication
        );
        return Err(mismatch(options, "copies (replication factor)", &copies, &options.replication, &cure));
    }
    Ok(())
}

async fn check_settings(admin: &Admin, options: &Options) -> Result<Epoch, OpenError> {
    let request = AdminOptions::new().request_timeout(Some(options.request_timeout));
    let answers = admin.describe_configs([&ResourceSpecifier::Topic(&options.topic)], &request).await;
    let resource = match answers.map_err(|error| unreachable(options, &error))?.into_iter().next() {
        Some(Ok(resource)) => resource,
        Some(Err(code)) if is_refusal(code) => return Err(refused(options, code)),
        Some(Err(code)) => {
            return Err(OpenError::Unreachable(format!("settings of {}: {code}", options.topic)));
        }
        None => return Err(OpenError::Unreachable(format!("settings of {}: no answer", options.topic))),
    };
    // As the broker says it; what is no number there (or not there at all) is as good as any.
    let number = |name: &str| value(&resource, name).parse::<i128>().ok();
    let below = |name: &str, least: i128| number(name).is_some_and(|n| n < least);
    let retention = i128::try_from(options.retention.as_millis()).unwrap_or(i128::MAX);
    let least_batch = BATCH_TAKEN_MIN as i128;
    let wrong = [
        ("cleanup.policy", value(&resource, "cleanup.policy") != "delete", "delete".to_owned()),
        (
            "min.insync.replicas",
            below("min.insync.replicas", options.min_insync_replicas.into()),
            options.min_insync_replicas.to_string(),
        ),
        // Negative: for ever.
        (
            "retention.ms",
            number("retention.ms").is_some_and(|n| n >= 0 && n < retention),
            retention.to_string(),
        ),
        ("max.message.bytes", below("max.message.bytes", least_batch), least_batch.to_string()),
        (
            "unclean.leader.election.enable",
            value(&resource, "unclean.leader.election.enable") == "true",
            "false".to_owned(),
        ),
    ];
    for (name, is_wrong, needed) in wrong {
        if is_wrong {
            let cure = alter(options, &format!("{name}={needed}"));
            return Err(mismatch(options, name, &value(&resource, name), &needed, &cure));
        }
    }
    if number("retention.bytes").is_some_and(|n| n > 0) {
        tracing::warn!(
            topic = options.topic,
            retention_bytes = value(&resource, "retention.bytes"),
            "the topic is also limited by size, so records may go before their time"
        );
    }
    epoch_in(&resource).ok_or_else(|| {
        let cure = format!(
            "let this program make the topic; or, if nothing else writes to it: {}",
            alter(options, &format!("{EPOCH_SETTING}={}", random_epoch()))
        );
        mismatch(
            options,
            &format!("epoch ({EPOCH_SETTING})"),
            &value(&resource, EPOCH_SETTING),
            &"a random number above 2^62",
            &cure,
        )
    })
}

fn alter(options: &Options, setting: &str) -> String {
    format!(
        "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {} --add-config {setting}",
        options.brokers, options.topic
    )
}

fn mismatch(
    options: &Options,
    what: &str,
    found: &impl ToString,
    needed: &impl ToString,
    cure: &str,
) -> OpenError {
    OpenError::TopicMismatch(format!(
        "the topic {} has {what} {}, needed is {}; to mend it: {cure}",
        options.topic,
        found.to_string(),
        needed.to_string()
    ))
}
