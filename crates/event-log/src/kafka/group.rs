//! A place in a consumer group: Kafka's group shares the partitions out, and this side only listens.
//!
//! The member reads nothing: it answers every assignment with an empty one of its own, so the client library fetches no
//! records, while the broker counts the partitions as this member's. All partitions are handed out anew when a member comes or
//! goes ("eager"); until then everyone keeps working on what it had, which the port allows. A member that dies is noticed by
//! the broker when it was not heard of for the session's time (10 s).

use super::Options;
use crate::{BoxFuture, Membership, Offset, Partition, ReadError};
use parking_lot::Mutex;
use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance},
    error::KafkaError,
    types::RDKafkaRespErr,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How long the member waits for news before it looks at commits and whether it should leave.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// How often commits are sent.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// What the thread tells: nothing yet, the partitions, or why there will be none.
type Assigned = Option<Result<Vec<Partition>, String>>;

/// A member of a group, served by a thread of its own.
pub(super) struct Member {
    assigned: watch::Receiver<Assigned>,
    /// What was told last.
    told: Option<Vec<Partition>>,
    ended: watch::Receiver<Option<String>>,
    place: Arc<Place>,
}

#[derive(Default)]
struct Place {
    left: AtomicBool,
    /// What is done and not sent yet.
    commits: Mutex<BTreeMap<Partition, Offset>>,
}

impl Member {
    /// Joins in the background.
    pub(super) fn join(options: &Options, group: &str, ended: watch::Receiver<Option<String>>) -> Self {
        let (tell, assigned) = watch::channel(None);
        let place = Arc::new(Place::default());
        let member = Self { assigned, told: None, ended: ended.clone(), place: Arc::clone(&place) };
        let (options, group) = (options.clone(), group.to_owned());
        let tell = Arc::new(tell);
        let tell_failure = Arc::clone(&tell);
        let thread = thread::Builder::new().name("kafka-group".to_owned()).spawn(move || {
            if let Err(error) = serve(&options, &group, &tell, &ended, &place) {
                tracing::error!(%error, group, "cannot be a member of the group");
                tell.send_replace(Some(Err(error.to_string())));
            }
        });
        if let Err(error) = thread {
            tell_failure.send_replace(Some(Err(error.to_string())));
        }
        member
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.place.left.store(true, Ordering::Release);
    }
}

impl Membership for Member {
    fn changed(&mut self) -> BoxFuture<'_, Result<Vec<Partition>, ReadError>> {
        Box::pin(async move {
            loop {
                if let Some(why) = &*self.ended.borrow_and_update() {
                    return Err(ReadError::Unavailable(why.clone()));
                }
                let assigned = self.assigned.borrow_and_update().clone();
                match assigned {
                    Some(Err(why)) => return Err(ReadError::Unavailable(why)),
                    Some(Ok(now)) if self.told.as_ref() != Some(&now) => {
                        self.told = Some(now.clone());
                        return Ok(now);
                    }
                    Some(Ok(_)) | None => {}
                }
                tokio::select! {
                    changed = self.assigned.changed() => {
                        if changed.is_err() {
                            return Err(ReadError::Unavailable("the group was left".to_owned()));
                        }
                    }
                    // Its sender lives as long as the log.
                    ended = self.ended.changed() => {
                        if ended.is_err() {
                            return Err(ReadError::Unavailable("the log is closed".to_owned()));
                        }
                    }
                }
            }
        })
    }

    fn commit(&self, partition: Partition, offset: Offset) {
        let mut commits = self.place.commits.lock();
        let newest = commits.entry(partition).or_insert(offset);
        *newest = offset.max(*newest);
    }
}

/// Receives assignments.
struct Assignments(Arc<watch::Sender<Assigned>>);

impl ClientContext for Assignments {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(facility, text, "the Kafka client says");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the Kafka client tells of an error");
    }
}

impl ConsumerContext for Assignments {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let assigned = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let answered =
            if assigned { consumer.assign(&TopicPartitionList::new()) } else { consumer.unassign() };
        if let Err(error) = answered {
            tracing::warn!(%error, "the group's assignment cannot be answered");
        }
        // What is taken away is handed out anew in the same breath: the next assignment says what is left.
        if assigned {
            let mut now: Vec<_> = partitions
                .elements()
                .iter()
                .filter_map(|e| u32::try_from(e.partition()).ok())
                .map(Partition)
                .collect();
            now.sort_unstable();
            tracing::info!(partitions = ?now, "the group handed out its partitions");
            self.0.send_replace(Some(Ok(now)));
        }
    }

    fn post_rebalance(&self, _consumer: &BaseConsumer<Self>, _rebalance: &Rebalance<'_>) {}

    fn commit_callback(&self, result: Result<(), KafkaError>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "noting the group's progress failed; the next one comes");
        }
    }
}

fn serve(
    options: &Options,
    group: &str,
    tell: &Arc<watch::Sender<Assigned>>,
    ended: &watch::Receiver<Option<String>>,
    place: &Place,
) -> Result<(), KafkaError> {
    let consumer: BaseConsumer<Assignments> =
        options.member(group).create_with_context(Assignments(Arc::clone(tell)))?;
    consumer.subscribe(&[&options.topic])?;
    let mut committed = Instant::now();
    let mut complained = false;
    loop {
        let leaving = place.left.load(Ordering::Acquire) || ended.borrow().is_some();
        if leaving || committed.elapsed() >= COMMIT_EVERY {
            committed = Instant::now();
            commit(&consumer, options, place)?;
        }
        if leaving {
            // Dropping the consumer sends what was committed and leaves the group.
            return Ok(());
        }
        if let Some(Err(error)) = consumer.poll(POLL_EVERY) {
            // The client library tries again by itself.
            if complained {
                tracing::debug!(%error, group, "being a member of the group goes on");
            } else {
                complained = true;
                tracing::warn!(%error, group, "being a member of the group meets an error; it is tried on");
            }
        }
    }
}

/// Sends what was done, without waiting for the answer.
fn commit(consumer: &BaseConsumer<Assignments>, options: &Options, place: &Place) -> Result<(), KafkaError> {
    let commits = std::mem::take(&mut *place.commits.lock());
    if commits.is_empty() {
        return Ok(());
    }
    let mut offsets = TopicPartitionList::new();
    for (partition, done) in commits {
        // Kafka keeps the offset that is to be read next: that of our `done` is one less, and the next one is `done`.
        offsets.add_partition_offset(
            &options.topic,
            super::kafka_partition(partition),
            super::kafka_offset(done.0 + 1),
        )?;
    }
    if let Err(error) = consumer.commit(&offsets, CommitMode::Async) {
        tracing::debug!(%error, "noting the group's progress failed; the next one comes");
    }
    Ok(())
}
