//! The topic: made if it is missing, else checked against what the log needs.
//!
//! The epoch is written into the topic when it is made, as the topic setting `flush.messages`: a random number of at
//! least 2^62. To the broker each such number means "never by count", as its default does; to us it is an identity
//! that appears in the same step as the topic, goes with it, and needs no second topic that could be left behind.
//! (The broker's own topic id would be the natural choice, but the client library does not show it.)

use super::{OpenError, Options};
use crate::Epoch;
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    error::RDKafkaErrorCode,
};
use std::time::Duration;

/// The setting that carries the epoch.
const EPOCH_SETTING: &str = "flush.messages";
/// Smallest number that is an epoch.
const EPOCH_MIN: i64 = 1 << 62;
/// How often a topic that was just made is looked for, and the pause between: 50 × 100 ms.
const LOOKS_MAX: u32 = 50;
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

type Admin = AdminClient<DefaultClientContext>;

/// Makes the topic if there is none, checks it, and returns its epoch. Blocks.
pub(super) async fn make_or_check(admin: &Admin, options: &Options) -> Result<Epoch, OpenError> {
    let request = AdminOptions::new()
        .request_timeout(Some(options.request_timeout))
        .operation_timeout(Some(options.request_timeout));
    if partitions(admin, options)?.is_none() {
        make(admin, &request, options).await?;
    }
    for _ in 0..LOOKS_MAX {
        if let Some((found, replicas)) = partitions(admin, options)? {
            if found != options.partitions {
                return Err(mismatch(options, "partitions", &found, &options.partitions));
            }
            if replicas < options.replication {
                return Err(mismatch(options, "replication factor", &replicas, &options.replication));
            }
            return check_settings(admin, &request, options).await;
        }
        // On the thread of `open` alone.
        std::thread::sleep(LOOK_EVERY);
    }
    Err(OpenError::Unreachable(format!("the topic {} was made but does not appear", options.topic)))
}

/// Number of partitions and smallest number of replicas, if the topic is there and every partition has a leader.
fn partitions(admin: &Admin, options: &Options) -> Result<Option<(u32, u32)>, OpenError> {
    let metadata = admin
        .inner()
        .fetch_metadata(Some(&options.topic), options.request_timeout)
        .map_err(|e| OpenError::Unreachable(format!("{}: {e}", options.brokers)))?;
    let Some(topic) = metadata.topics().iter().find(|t| t.name() == options.topic) else { return Ok(None) };
    if topic.error().is_some() || topic.partitions().is_empty() {
        return Ok(None);
    }
    if topic.partitions().iter().any(|p| p.leader() < 0) {
        return Ok(None);
    }
    let replicas = topic.partitions().iter().map(|p| p.replicas().len()).min().unwrap_or(0);
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(Some((narrow(topic.partitions().len()), narrow(replicas))))
}

async fn make(admin: &Admin, request: &AdminOptions, options: &Options) -> Result<(), OpenError> {
    let narrow = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let random = uuid::Uuid::now_v7().as_u128() & ((1 << 62) - 1);
    let epoch = (EPOCH_MIN + i64::try_from(random).expect("62 bits")).min(i64::MAX - 1).to_string();
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
    .set(EPOCH_SETTING, &epoch);
    let answers = admin.create_topics([&topic], request).await;
    match answers.map_err(|e| OpenError::Unreachable(e.to_string()))?.pop() {
        // Another node was quicker: its topic is checked like any other.
        Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
        Some(Err((name, code))) => Err(OpenError::Refused(format!("topic {name}: {code}"))),
        None => Err(OpenError::Refused(format!("topic {}: no answer", options.topic))),
    }
}

async fn check_settings(
    admin: &Admin,
    request: &AdminOptions,
    options: &Options,
) -> Result<Epoch, OpenError> {
    let answers = admin
        .describe_configs([&ResourceSpecifier::Topic(&options.topic)], request)
        .await
        .map_err(|e| OpenError::Unreachable(e.to_string()))?;
    let resource = match answers.into_iter().next() {
        Some(Ok(resource)) => resource,
        Some(Err(code)) => return Err(OpenError::Refused(format!("settings of {}: {code}", options.topic))),
        None => return Err(OpenError::Refused(format!("settings of {}: no answer", options.topic))),
    };
    let setting = |name: &str| resource.get(name).and_then(|e| e.value.clone()).unwrap_or_default();
    let policy = setting("cleanup.policy");
    if policy != "delete" {
        return Err(mismatch(options, "cleanup.policy", &policy, &"delete"));
    }
    let min_insync = setting("min.insync.replicas");
    if min_insync.parse().is_ok_and(|n: u32| n < options.min_insync_replicas) {
        return Err(mismatch(options, "min.insync.replicas", &min_insync, &options.min_insync_replicas));
    }
    let retention = setting("retention.ms");
    let short = |ms: i128| ms >= 0 && ms < i128::try_from(options.retention.as_millis()).unwrap_or(i128::MAX);
    if retention.parse().is_ok_and(short) {
        return Err(mismatch(options, "retention.ms", &retention, &options.retention.as_millis()));
    }
    match setting(EPOCH_SETTING).parse::<i64>() {
        Ok(number) if (EPOCH_MIN..i64::MAX).contains(&number) => Ok(Epoch(format!("{number:016x}"))),
        _ => Err(OpenError::NoEpoch { topic: options.topic.clone() }),
    }
}

fn mismatch(
    options: &Options,
    setting: &'static str,
    found: &impl ToString,
    needed: &impl ToString,
) -> OpenError {
    OpenError::Mismatch {
        topic: options.topic.clone(),
        setting,
        found: found.to_string(),
        needed: needed.to_string(),
    }
}
