//! The Kafka engine: a log that is one topic of Apache Kafka, shared by any number of processes.
//!
//! Kafka's offsets begin at 0 and ours at 1, so ours are Kafka's plus one; they stay dense because the topic is neither
//! compacted nor written by transactions. Appends go to an idempotent producer with `acks=all` behind a bound of our own
//! and are answered from its delivery reports. One consumer without a group follows the ends of all partitions into
//! a bounded tail in memory (`view`, `follow`); older pages are fetched on blocking threads (`fetch`). The topic is made
//! or checked by `topic`, which also says what the epoch is.
//!
//! Durable means: acknowledged by every in-sync replica. Kafka does not sync to disk before that; a log on one broker
//! survives the end of the broker's process, not of its machine. Start with [`KafkaLog::open`].

mod fetch;
mod follow;
mod topic;
mod view;

use crate::{
    Append, AppendError, Bounds, BoxFuture, Epoch, EventLog, Offset, Partition, RECORD_BYTES_MAX, ReadError,
    Record,
};
use bytes::Bytes;
use fetch::{Fetchers, Wanted};
use parking_lot::{Condvar, Mutex};
use rdkafka::{
    ClientConfig, ClientContext, Offset as KafkaOffset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Message},
    producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::{oneshot, watch};
use view::{From, PartitionView};

/// Most records that one call of `read` returns, whatever is asked: 4,096 × 0.4 kB = 1.6 MB.
const PAGE_RECORDS_MAX: usize = 4096;
/// Most bytes that one call of `read` returns, whatever is asked; one record always fits.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What an append under way takes besides its payload: its entry here and the client library's.
const ENTRY_BYTES: usize = 512;

/// Where the topic is, what it must be like, and the limits of a [`KafkaLog`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Addresses of some brokers, `host:port,host:port`.
    pub brokers: String,
    /// Name of the topic.
    pub topic: String,
    /// Number of partitions; a topic with another number is refused.
    pub partitions: u32,
    /// Copies of each record. A topic with fewer is refused.
    pub replication: u32,
    /// How many of them have to be there for a record to be taken. A topic that asks for fewer is refused.
    pub min_insync_replicas: u32,
    /// How long the brokers keep records at least. A topic that keeps them shorter is refused.
    pub retention: Duration,
    /// Most records under way to the brokers. 16,384 are 0.4 s of the peak of 41,667 records/s.
    pub queue_records_max: usize,
    /// Most bytes under way: 16 MiB are 0.4 kB and the entry's 0.5 kB for each of 16,384 records. When nothing is under
    /// way, one record fits whatever its size.
    pub queue_bytes_max: usize,
    /// Bytes of the newest records kept in memory, per partition.
    pub tail_bytes_max: usize,
    /// How long an append may take until it is answered [`AppendError::Unknown`].
    pub delivery_timeout: Duration,
    /// How long a question to the brokers may take (opening, older pages, trimming).
    pub request_timeout: Duration,
}

impl Options {
    /// The defaults for a topic: 3 partitions on one broker, kept for 7 days.
    pub fn new(brokers: impl Into<String>, topic: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            topic: topic.into(),
            partitions: 3,
            replication: 1,
            min_insync_replicas: 1,
            retention: Duration::from_secs(7 * 24 * 60 * 60),
            queue_records_max: 16_384,
            queue_bytes_max: 16 * 1024 * 1024,
            tail_bytes_max: 4 * 1024 * 1024,
            delivery_timeout: Duration::from_millis(4500),
            request_timeout: Duration::from_secs(5),
        }
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "twitchy")
            .set("socket.nagle.disable", "true")
            .set("socket.connection.setup.timeout.ms", "3000")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "500")
            .set("allow.auto.create.topics", "false");
        config
    }

    fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", "2")
            .set("compression.type", "lz4")
            .set("message.timeout.ms", self.delivery_timeout.as_millis().to_string())
            // Our own bound comes first; these are above it.
            .set("queue.buffering.max.messages", (self.queue_records_max * 2).max(1000).to_string())
            .set("queue.buffering.max.kbytes", (self.queue_bytes_max / 512 + 1024).to_string());
        config
    }

    /// For consumers that are told their places and are in no group; the group's name is asked for and never used.
    fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", "twitchy-unused")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "50")
            .set("fetch.error.backoff.ms", "50")
            .set("fetch.queue.backoff.ms", "5")
            .set("queued.max.messages.kbytes", "4096")
            .set("fetch.message.max.bytes", "1048576");
        config
    }
}

/// Why the log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No broker answered.
    #[error("Kafka cannot be reached: {0}")]
    Unreachable(String),
    /// The brokers answered, and said no.
    #[error("Kafka refused: {0}")]
    Refused(String),
    /// The topic is not as it has to be.
    #[error("the topic {topic} has {setting} = {found}, needed is {needed}")]
    Mismatch {
        /// Its name.
        topic: String,
        /// What differs.
        setting: &'static str,
        /// What it has.
        found: String,
        /// What is asked for.
        needed: String,
    },
    /// The topic was not made by this program, so it has no identity.
    #[error(
        "the topic {topic} has no epoch: let this program make it, or set its flush.messages to a random number above 2^62"
    )]
    NoEpoch {
        /// Its name.
        topic: String,
    },
    /// A setting is not possible.
    #[error("the Kafka client cannot be set up: {0}")]
    Client(KafkaError),
    /// No thread could be started.
    #[error("no thread for the Kafka client: {0}")]
    Thread(std::io::Error),
}

/// An [`EventLog`] on a topic of Kafka.
///
/// Dropping it gives up what is under way ([`AppendError::Unknown`]); [`EventLog::close`] finishes it first.
pub struct KafkaLog {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    options: Options,
    epoch: Epoch,
    state: Arc<State>,
    producer: ThreadedProducer<Reports>,
    admin: AdminClient<DefaultClientContext>,
    fetchers: Fetchers,
    /// True when everything under way was answered after `close`.
    released: watch::Sender<bool>,
    closing_done: tokio::sync::Mutex<()>,
}

/// What all threads share.
struct State {
    views: Vec<PartitionView>,
    records_under_way: AtomicUsize,
    bytes_under_way: AtomicUsize,
    closing: AtomicBool,
    condition: Mutex<Condition>,
    stop: Mutex<bool>,
    stop_changed: Condvar,
}

#[derive(Clone, Debug)]
enum Condition {
    Open,
    /// No broker answers; appends are refused until one does.
    Unreachable(String),
    /// For good: the topic lost its end, or the producer its sequence.
    Failed(String),
}

impl State {
    fn stopped(&self) -> bool {
        *self.stop.lock()
    }

    /// Waits this long; true at once when the threads are to end.
    fn wait_stopped(&self, time: Duration) -> bool {
        let mut stop = self.stop.lock();
        if !*stop {
            self.stop_changed.wait_for(&mut stop, time);
        }
        *stop
    }

    fn stop(&self) {
        *self.stop.lock() = true;
        self.stop_changed.notify_all();
    }

    fn fail(&self, detail: String) {
        tracing::error!(detail, "the log failed and takes no more records until the next start");
        *self.condition.lock() = Condition::Failed(detail);
        self.wake_waiters();
    }

    fn set_unreachable(&self, why: Option<String>) {
        let mut condition = self.condition.lock();
        match (&*condition, why) {
            (Condition::Failed(_), _) | (Condition::Open, None) => {}
            (Condition::Unreachable(_), None) => {
                tracing::info!("Kafka answers again");
                *condition = Condition::Open;
            }
            (before, Some(why)) => {
                if matches!(before, Condition::Open) {
                    tracing::warn!(why, "Kafka does not answer; appends are refused until it does");
                }
                *condition = Condition::Unreachable(why);
            }
        }
    }

    fn wake_waiters(&self) {
        for view in &self.views {
            view.seen.send_modify(|_| {});
        }
    }
}

/// An append under way, kept by the producer until its delivery report.
struct Waiting {
    answer: oneshot::Sender<Result<Offset, AppendError>>,
    bytes: usize,
}

/// Receives the producer's delivery reports.
struct Reports(Arc<State>);

impl ClientContext for Reports {
    fn error(&self, error: KafkaError, reason: &str) {
        if let KafkaError::Global(RDKafkaErrorCode::Fatal) = error {
            self.0.fail(reason.to_owned());
        } else {
            tracing::debug!(%error, reason, "the Kafka client tells of an error");
        }
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Waiting>;

    fn delivery(&self, report: &DeliveryResult<'_>, waiting: Box<Waiting>) {
        self.0.records_under_way.fetch_sub(1, Ordering::AcqRel);
        self.0.bytes_under_way.fetch_sub(waiting.bytes, Ordering::AcqRel);
        let answer = match report {
            Ok(message) => {
                let last = offset(message.offset());
                let view = usize::try_from(message.partition()).ok().and_then(|p| self.0.views.get(p));
                if let Some(view) = view {
                    view.raise_last(last);
                }
                Ok(Offset(last))
            }
            // Nobody judged these by what was sent before: the client library does not tell whether an earlier attempt
            // may have arrived, so each of them may have.
            Err((error, _)) => Err(AppendError::Unknown(error.to_string())),
        };
        // A caller that no longer waits is no reason not to keep its record.
        let _ = waiting.answer.send(answer);
    }
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

impl KafkaLog {
    /// Opens the topic's log, and makes the topic if there is none. Blocks while the brokers are asked.
    ///
    /// # Errors
    /// See [`OpenError`]. A topic that is not as `options` asks is refused, never changed.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let admin: AdminClient<_> = options.client().create().map_err(OpenError::Client)?;
        let (admin, epoch) = ask(admin, &options)?;
        let asker: BaseConsumer = options.consumer().create().map_err(OpenError::Client)?;
        let mut views = Vec::new();
        for partition in 0..options.partitions {
            let (low, high) = first_watermarks(&asker, &options, kafka_partition(Partition(partition)))?;
            views.push(PartitionView::new(watermark(low) + 1, watermark(high)));
        }
        let state = Arc::new(State {
            views,
            records_under_way: AtomicUsize::new(0),
            bytes_under_way: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            condition: Mutex::new(Condition::Open),
            stop: Mutex::new(false),
            stop_changed: Condvar::new(),
        });
        let producer =
            options.producer().create_with_context(Reports(Arc::clone(&state))).map_err(OpenError::Client)?;
        let follower = follow::consumer(&options, &state).map_err(OpenError::Client)?;
        let shared = Arc::new(Shared {
            options,
            epoch,
            state,
            producer,
            admin,
            fetchers: Fetchers::new(),
            released: watch::Sender::new(false),
            closing_done: tokio::sync::Mutex::new(()),
        });
        let mut log = Self { shared, threads: Vec::new() };
        log.spawn("kafka-follow", move |options, state| follow::follow(&follower, options, state))?;
        log.spawn("kafka-watch", move |options, state| follow::watch(&asker, options, state))?;
        Ok(log)
    }

    fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce(&Options, &Arc<State>) + Send + 'static,
    ) -> Result<(), OpenError> {
        let (options, state) = (self.shared.options.clone(), Arc::clone(&self.shared.state));
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || work(&options, &state));
        self.threads.push(thread.map_err(OpenError::Thread)?);
        Ok(())
    }
}

/// Watermarks of a partition that may just have been made: for moments a broker may not know yet that it leads it.
fn first_watermarks(
    asker: &BaseConsumer,
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
            Err(error) => return Err(OpenError::Unreachable(format!("partition {partition}: {error}"))),
        }
    }
}

/// Makes or checks the topic on a thread of its own, as the caller may be inside a runtime.
fn ask(
    admin: AdminClient<DefaultClientContext>,
    options: &Options,
) -> Result<(AdminClient<DefaultClientContext>, Epoch), OpenError> {
    thread::scope(|scope| {
        scope
            .spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().build().map_err(OpenError::Thread)?;
                let epoch = runtime.block_on(topic::make_or_check(&admin, options))?;
                Ok((admin, epoch))
            })
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.shared.state.stop();
        for thread in self.threads.drain(..) {
            // A panic of the thread was told when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn view(&self, partition: Partition) -> Result<&PartitionView, ReadError> {
        self.state.views.get(partition.0 as usize).ok_or(ReadError::NoPartition(partition))
    }

    /// Why nothing more will become durable, if so.
    fn ended(&self) -> Option<ReadError> {
        if *self.released.borrow() {
            return Some(ReadError::Unavailable("the log is closed".to_owned()));
        }
        match &*self.state.condition.lock() {
            Condition::Failed(detail) => Some(ReadError::Unavailable(detail.clone())),
            Condition::Open | Condition::Unreachable(_) => None,
        }
    }

    /// Counts an append in, if there is room.
    fn reserve(&self, bytes: usize) -> bool {
        let (records, all) = (&self.state.records_under_way, &self.state.bytes_under_way);
        let before = records.fetch_add(1, Ordering::AcqRel);
        let bytes_before = all.fetch_add(bytes, Ordering::AcqRel);
        let room = before < self.options.queue_records_max
            && (before == 0 || bytes_before + bytes <= self.options.queue_bytes_max);
        if !room {
            self.give_back(bytes);
        }
        room
    }

    fn give_back(&self, bytes: usize) {
        self.state.records_under_way.fetch_sub(1, Ordering::AcqRel);
        self.state.bytes_under_way.fetch_sub(bytes, Ordering::AcqRel);
    }

    async fn fetch(self: &Arc<Self>, wanted: Wanted) -> Result<Vec<Record>, ReadError> {
        let Ok(_permit) = self.fetchers.permits.acquire().await else {
            return Err(ReadError::Unavailable("the log is closed".to_owned()));
        };
        let (partition, after) = (wanted.partition, wanted.after);
        let shared = Arc::clone(self);
        let fetched = tokio::task::spawn_blocking(move || {
            let page = shared.fetchers.page(&shared.options, &wanted)?;
            if page.is_none() {
                // Gone meanwhile; learn up to where.
                let asker: Result<BaseConsumer, _> = shared.options.consumer().create();
                let low = asker.and_then(|asker| {
                    asker.fetch_watermarks(
                        &shared.options.topic,
                        kafka_partition(partition),
                        shared.options.request_timeout,
                    )
                });
                let (low, _) = low.map_err(|e| ReadError::Unavailable(e.to_string()))?;
                shared.view(partition)?.raise_first(watermark(low) + 1);
            }
            Ok(page)
        });
        match fetched.await.unwrap_or_else(|e| Err(ReadError::Unavailable(e.to_string())))? {
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
        self.healthy().map_err(AppendError::Unavailable)?;
        let bytes = payload.len() + ENTRY_BYTES;
        let overloaded = AppendError::Overloaded { retry_after: Duration::from_millis(50) };
        if !self.shared.reserve(bytes) {
            return Err(overloaded);
        }
        let (answer, receiver) = oneshot::channel();
        let record =
            BaseRecord::with_opaque_to(&self.shared.options.topic, Box::new(Waiting { answer, bytes }))
                .partition(kafka_partition(partition));
        let sent = self.shared.producer.send::<(), [u8]>(record.payload(&payload));
        match sent {
            Ok(()) => Ok(Append::new(receiver)),
            Err((error, _)) => {
                self.shared.give_back(bytes);
                match error {
                    KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => Err(overloaded),
                    // Refused before it was queued, so it was never sent.
                    error => Err(AppendError::Unavailable(error.to_string())),
                }
            }
        }
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
                if *self.shared.released.borrow() {
                    return Err(ReadError::Unavailable("the log is closed".to_owned()));
                }
                seen.borrow_and_update();
                match view.read(after, known, records_max, bytes_max)? {
                    From::Memory(page) => return Ok(page),
                    From::Broker { last } => {
                        let wanted = Wanted { partition, after: after.0, last, records_max, bytes_max };
                        return self.shared.fetch(wanted).await;
                    }
                    From::Soon => {
                        if let Some(ended) = self.shared.ended() {
                            return Err(ended);
                        }
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
            let mut seen = self.shared.view(partition)?.seen.subscribe();
            while *seen.borrow_and_update() <= offset.0 {
                if let Some(ended) = self.shared.ended() {
                    return Err(ended);
                }
                let _ = seen.changed().await;
            }
            Ok(())
        })
    }

    /// Deletes the records at the brokers, for every process that uses the topic. (The topic's retention does so too.)
    fn trim(&self, partition: Partition, up_to: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async move {
            let view = self.shared.view(partition)?;
            if let Some(ended) = self.shared.ended() {
                return Err(ended);
            }
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
            return Err("the log is closed".to_owned());
        }
        match &*self.shared.state.condition.lock() {
            Condition::Open => Ok(()),
            Condition::Unreachable(detail) => Err(format!("Kafka does not answer: {detail}")),
            Condition::Failed(detail) => {
                Err(format!("the log failed and takes no more records until the next start: {detail}"))
            }
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.shared.state.closing.store(true, Ordering::Release);
        Box::pin(async move {
            let _one_at_a_time = self.shared.closing_done.lock().await;
            if *self.shared.released.borrow() {
                return;
            }
            let shared = Arc::clone(&self.shared);
            let flushed = tokio::task::spawn_blocking(move || {
                let time = shared.options.delivery_timeout + Duration::from_secs(1);
                if let Err(error) = shared.producer.flush(time) {
                    tracing::warn!(%error, "not everything under way was answered");
                }
                shared.fetchers.clear();
            });
            if let Err(error) = flushed.await {
                tracing::warn!(%error, "flushing stopped");
            }
            self.shared.state.stop();
            self.shared.released.send_replace(true);
            self.shared.state.wake_waiters();
        })
    }
}
