//! The Kafka engine: a log that is one topic of Apache Kafka, shared by any number of processes.
//!
//! What is on the topic, for whoever else reads it: the value of a Kafka record is the payload of ours, byte for byte;
//! there is no key (the engine does not know what a payload means, and the partition is chosen above it); the timestamp is when
//! the record was handed over (`CreateTime`), and the topic's retention goes by it. A record without a value and with
//! the header [`BARRIER_HEADER`] is a barrier, written after an outage.
//!
//! Kafka's offsets begin at 0 and ours at 1, so ours are Kafka's plus one. Ours are dense; on the topic there may be holes,
//! where another producer used transactions, whose marks take offsets. Each offset of a hole reads as an empty record
//! here, as does a record without a value: what stands above sets aside what it cannot read. Records of a transaction are
//! read like any other, whether it is open, committed or given up, so that nobody can hold up the readers of a topic.
//!
//! Appends go to an idempotent producer with `acks=all` behind a bound of our own, gathered by need (`gather`), and are
//! answered from its delivery reports (`produce`). One consumer without a group follows the ends of the partitions that
//! somebody waits for into a bounded tail in memory (`view`, `follow`), and fetches nothing of the others; older pages are
//! fetched on blocking threads (`fetch`), and so is where a partition ends (`ends`). A thread keeps watch on the brokers, and after
//! an outage makes certain what was written (`watch`, `state`). The topic is made or checked by `topic`, which also
//! says what the epoch is; a topic that was made anew under a running process ends the log. Groups are Kafka's
//! own (`group`).
//!
//! Durable means: acknowledged by every in-sync replica. Kafka does not sync to disk before that; a log on one broker
//! survives the end of the broker's process, not of its machine. Start with [`KafkaLog::open`].

mod client;
mod ends;
mod fetch;
mod follow;
mod gather;
mod group;
mod options;
mod produce;
mod state;
mod topic;
mod view;
mod watch;

pub use options::{Options, Security, Tls};
pub use produce::BARRIER_HEADER;

use crate::{
    Append, AppendError, Bounds, BoxFuture, Epoch, EventLog, Membership, Offset, Partition, RECORD_BYTES_MAX,
    ReadError, Record,
};
use bytes::Bytes;
use client::Client;
use ends::Ends;
use fetch::{Fetchers, Wanted};
use parking_lot::Mutex;
use produce::Producer;
use rdkafka::{
    Offset as KafkaOffset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use state::State;
use std::{
    sync::{Arc, Once, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use topic::Admin;
use view::{From, PartitionView};

/// Most records that one call of `read` returns, whatever is asked: 4,096 × 0.4 kB = 1.6 MB.
const PAGE_RECORDS_MAX: usize = 4096;
/// Most bytes that one call of `read` returns, whatever is asked; one record always fits.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Why a log that was closed gives nothing.
const CLOSED: &str = "the log is closed";

/// Why the log could not be opened. The variants are what one can do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No broker answered, or they cannot do it now; it may work later, or at another address.
    #[error("Kafka cannot be reached: {0}")]
    Unreachable(String),
    /// The brokers do not take the login, or this login may not do what is needed.
    #[error("Kafka refused: {0}")]
    Refused(String),
    /// The topic is not as it has to be; the text has the command that mends it.
    #[error("{0}")]
    TopicMismatch(String),
    /// Something is wrong on this side: a setting, or what this build or this machine can do.
    #[error("the Kafka client cannot work so: {0}")]
    Config(String),
}

impl OpenError {
    fn client(error: &KafkaError) -> Self {
        Self::Config(error.to_string())
    }

    fn machine(error: &std::io::Error) -> Self {
        Self::Config(format!("no thread for the Kafka client: {error}"))
    }
}

/// An [`EventLog`] on a topic of Kafka.
///
/// Dropping it gives up what is under way ([`AppendError::Unknown`]); [`EventLog::close`] finishes it first.
pub struct KafkaLog {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the log and its threads own together; whoever is last lets go of it.
struct Shared {
    options: Options,
    epoch: Epoch,
    state: Arc<State>,
    producer: Producer,
    admin: Admin,
    /// Asks for bounds.
    asker: BaseConsumer<Client>,
    fetchers: Fetchers,
    ends: Ends,
    closing_done: tokio::sync::Mutex<bool>,
}

/// Our offset of a record that Kafka has at `kafka`. (Never negative for a record.)
fn offset(kafka: i64) -> u64 {
    watermark(kafka) + 1
}

/// Kafka's low or high watermark: as many records lie before it, so it is our offset of the last of them.
fn watermark(kafka: i64) -> u64 {
    u64::try_from(kafka).unwrap_or(0)
}

/// Kafka's offset of our record.
fn kafka_offset(ours: u64) -> KafkaOffset {
    KafkaOffset::Offset(i64::try_from(ours.saturating_sub(1)).unwrap_or(i64::MAX))
}

fn kafka_partition(partition: Partition) -> i32 {
    i32::try_from(partition.0).unwrap_or(i32::MAX)
}

/// Says once that there are offsets without a record.
fn tell_of_holes() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            "the topic has offsets without a record; another producer writes to it in transactions"
        );
    });
}

impl KafkaLog {
    /// Opens the topic's log, and makes the topic if there is none. Blocks while the brokers are asked.
    ///
    /// # Errors
    /// See [`OpenError`]. A topic that is not as `options` asks is refused, never changed.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        options.check()?;
        // Where each partition stands is learnt below; the producer comes first, as it takes half a second to get its
        // identity from the brokers, and nothing can be sent before.
        let views = (0..options.partitions).map(|_| PartitionView::new(1, 0)).collect();
        let state = Arc::new(State::new(views));
        let producer = Producer::new(&options, &state).map_err(|e| OpenError::client(&e))?;
        let asker: BaseConsumer<Client> =
            options.asker().create_with_context(Client::default()).map_err(|e| OpenError::client(&e))?;
        let admin: AdminClient<_> = options.admin().create().map_err(|e| OpenError::client(&e))?;
        let runtime = watch::runtime().map_err(|e| OpenError::machine(&e))?;
        // On a thread of its own, as the caller may be inside a runtime.
        let (epoch, runtime) = thread::scope(|scope| {
            let opening =
                scope.spawn(|| (runtime.block_on(topic::make_or_check(&asker, &admin, &options)), runtime));
            opening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let epoch = epoch?;
        for (partition, view) in (0..).zip(&state.views) {
            let (low, high) = first_watermarks(&asker, &options, partition)?;
            view.begin_at(watermark(low) + 1, watermark(high));
        }
        producer.warm_up(options.request_timeout);
        let follower = follow::consumer(&options, &state).map_err(|e| OpenError::client(&e))?;
        let ends = Ends::of(options.partitions);
        let shared = Arc::new(Shared {
            options,
            epoch,
            state,
            producer,
            admin,
            asker,
            fetchers: Fetchers::new(),
            ends,
            closing_done: tokio::sync::Mutex::new(false),
        });
        let log = Self { shared, threads: Mutex::default() };
        log.spawn("kafka-produce", |shared| shared.producer.serve())?;
        log.spawn("kafka-gather", |shared| shared.producer.serve_gathered())?;
        log.spawn("kafka-follow", move |shared| follow::follow(&follower, &shared.options, &shared.state))?;
        log.spawn("kafka-watch", move |shared| watch::watch(shared, &runtime))?;
        Ok(log)
    }

    fn spawn(&self, name: &str, work: impl FnOnce(&Shared) + Send + 'static) -> Result<(), OpenError> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || work(&shared));
        self.threads.lock().push(thread.map_err(|e| OpenError::machine(&e))?);
        Ok(())
    }
}

/// Watermarks of a partition that may just have been made: for moments a broker may not know yet that it leads it.
fn first_watermarks(
    asker: &BaseConsumer<Client>,
    options: &Options,
    partition: i32,
) -> Result<(i64, i64), OpenError> {
    use RDKafkaErrorCode as Code;
    let deadline = Instant::now() + options.request_timeout;
    loop {
        match asker.fetch_watermarks(&options.topic, partition, options.request_timeout) {
            Ok(watermarks) => return Ok(watermarks),
            Err(KafkaError::MetadataFetch(
                Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::UnknownTopicOrPartition
                | Code::UnknownPartition
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch,
            )) if Instant::now() < deadline => thread::sleep(topic::LOOK_EVERY),
            Err(error) => {
                return Err(OpenError::Unreachable(format!(
                    "{}: partition {partition}: {error}",
                    options.brokers
                )));
            }
        }
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.shared.state.begin_closing();
        self.shared.stop();
        join(std::mem::take(&mut *self.threads.lock()));
    }
}

/// Waits for the threads' ends.
fn join(threads: Vec<JoinHandle<()>>) {
    // The last owner may be dropped by a waker that one of them calls; that one cannot wait for its own end, nor for the
    // others, which may wait for it in turn. They end by themselves.
    if threads.iter().any(|t| t.thread().id() == thread::current().id()) {
        return;
    }
    for thread in threads {
        // A panic of the thread was told when it happened.
        let _ = thread.join();
    }
}

impl KafkaLog {
    /// Bytes of a partition's records that were fetched to follow its end, as the client library counts them (once a second).
    /// Nothing is fetched of a partition for which nobody waits.
    pub fn fetched_bytes(&self, partition: Partition) -> Option<u64> {
        let view = self.shared.state.views.get(partition.0 as usize)?;
        Some(view.fetched.load(Ordering::Relaxed))
    }

    /// Is a partition's end followed now, because somebody waits there or did a moment ago?
    pub fn follows(&self, partition: Partition) -> bool {
        self.shared.state.views.get(partition.0 as usize).is_some_and(|view| view.followed_at().is_some())
    }
}

impl Shared {
    /// Ends the threads, and whoever waits is told so.
    fn stop(&self) {
        self.state.stop();
        self.producer.stop();
        self.state.end(CLOSED);
    }

    fn view(&self, partition: Partition) -> Result<&PartitionView, ReadError> {
        self.state.views.get(partition.0 as usize).ok_or(ReadError::NoPartition(partition))
    }

    /// Why nothing more will become durable or be read, if so.
    fn alive(&self) -> Result<(), ReadError> {
        match &*self.state.ended.borrow() {
            Some(why) => Err(ReadError::Unavailable(why.clone())),
            None => Ok(()),
        }
    }

    async fn fetch(self: &Arc<Self>, wanted: Wanted) -> Result<Vec<Record>, ReadError> {
        let Ok(_permit) = self.fetchers.permits.acquire().await else {
            return Err(ReadError::Unavailable(CLOSED.to_owned()));
        };
        let (partition, after) = (wanted.partition, wanted.after);
        let shared = Arc::clone(self);
        let fetched = tokio::task::spawn_blocking(move || {
            let page = shared.fetchers.page(&shared.options, &wanted)?;
            if page.is_none() {
                // Gone meanwhile; learn up to where.
                let (low, _) = shared
                    .asker
                    .fetch_watermarks(
                        &shared.options.topic,
                        kafka_partition(partition),
                        shared.options.request_timeout,
                    )
                    .map_err(|error| ReadError::Unavailable(error.to_string()))?;
                shared.view(partition)?.raise_first(watermark(low) + 1);
            }
            Ok(page)
        });
        let page = fetched.await.unwrap_or_else(|e| Err(ReadError::Unavailable(e.to_string())))?;
        self.alive()?;
        match page {
            Some(page) => Ok(page),
            None => {
                let first = self.view(partition)?.bounds().first;
                Err(ReadError::Trimmed { asked: Offset(after).next(), first })
            }
        }
    }
}

impl EventLog for KafkaLog {
    fn partitions(&self) -> u32 {
        self.shared.options.partitions
    }

    fn epoch(&self, partition: Partition) -> Result<Epoch, ReadError> {
        self.shared.view(partition)?;
        Ok(self.shared.epoch.clone())
    }

    fn bounds(&self, partition: Partition) -> Result<Bounds, ReadError> {
        Ok(self.shared.view(partition)?.bounds())
    }

    fn append(&self, partition: Partition, payload: Bytes) -> Result<Append, AppendError> {
        self.shared.view(partition).map_err(|_| AppendError::NoPartition(partition))?;
        if payload.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes: payload.len(), limit_bytes: RECORD_BYTES_MAX });
        }
        self.shared.producer.append(partition, &payload).map(Append::new)
    }

    fn read(
        &self,
        partition: Partition,
        after: Offset,
        records_max: usize,
        bytes_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Record>, ReadError>> {
        let records_max = records_max.clamp(1, PAGE_RECORDS_MAX);
        let bytes_max = bytes_max.min(PAGE_BYTES_MAX);
        Box::pin(async move {
            let view = self.shared.view(partition)?;
            let mut seen = view.seen.subscribe();
            let known = view.bounds().last.0;
            loop {
                self.shared.alive()?;
                seen.borrow_and_update();
                match view.read(after, known, records_max, bytes_max)? {
                    From::Memory(page) => return Ok(page),
                    From::Broker { last } => {
                        let wanted = Wanted { partition, after: after.0, last, records_max, bytes_max };
                        return self.shared.fetch(wanted).await;
                    }
                    From::Soon => {
                        self.shared.alive()?;
                        let _want = view.want();
                        let come = tokio::time::timeout(self.shared.options.request_timeout, seen.changed());
                        if come.await.is_err() {
                            return Err(ReadError::Unavailable("the newest records do not come".to_owned()));
                        }
                    }
                }
            }
        })
    }

    fn wait_past(&self, partition: Partition, offset: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async move {
            let view = self.shared.view(partition)?;
            let mut seen = view.seen.subscribe();
            // Whoever waits for the end of the log does not need its records.
            let _want = (offset.0 < u64::MAX).then(|| view.want());
            while *seen.borrow_and_update() <= offset.0 {
                self.shared.alive()?;
                let _ = seen.changed().await;
            }
            Ok(())
        })
    }

    fn end(&self, partition: Partition) -> BoxFuture<'_, Result<Offset, ReadError>> {
        Box::pin(ends::end(&self.shared, partition))
    }

    /// Deletes the records at the brokers, for every process that uses the topic. (The topic's retention does so too.)
    fn trim(&self, partition: Partition, up_to: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async move {
            let view = self.shared.view(partition)?;
            self.shared.alive()?;
            let Bounds { first, last } = view.bounds();
            let up_to = up_to.0.min(last.0);
            if up_to < first.0 {
                return Ok(());
            }
            let unavailable = |e: KafkaError| ReadError::Unavailable(e.to_string());
            let timeout = self.shared.options.request_timeout;
            let deleted = {
                let mut places = TopicPartitionList::new();
                let (topic, number) = (&self.shared.options.topic, kafka_partition(partition));
                places.add_partition_offset(topic, number, kafka_offset(up_to + 1)).map_err(unavailable)?;
                let request =
                    AdminOptions::new().request_timeout(Some(timeout)).operation_timeout(Some(timeout));
                self.shared.admin.delete_records(&places, &request)
            };
            for element in deleted.await.map_err(unavailable)?.elements() {
                element.error().map_err(unavailable)?;
            }
            view.raise_first(up_to + 1);
            Ok(())
        })
    }

    fn healthy(&self) -> Result<(), String> {
        if self.shared.state.closing.load(Ordering::Acquire) {
            return Err(CLOSED.to_owned());
        }
        self.shared.state.health().objection().map_or(Ok(()), Err)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.shared.state.begin_closing();
        Box::pin(async move {
            let mut done = self.shared.closing_done.lock().await;
            if *done {
                return;
            }
            let shared = Arc::clone(&self.shared);
            let threads = std::mem::take(&mut *self.threads.lock());
            let closed = tokio::task::spawn_blocking(move || {
                shared.producer.flush(shared.options.delivery_timeout + Duration::from_secs(1));
                shared.stop();
                shared.fetchers.clear();
                join(threads);
            });
            if let Err(error) = closed.await {
                tracing::warn!(%error, "closing stopped");
            }
            *done = true;
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn join_group(&self, group: &str) -> Box<dyn Membership> {
        // Groups belong to the brokers, and these may serve more chats than ours.
        let group = format!("{}-{group}", self.shared.options.topic);
        Box::new(group::Member::join(&self.shared.options, &group, self.shared.state.ended.subscribe()))
    }
}
