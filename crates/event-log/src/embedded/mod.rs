//! The embedded engine: a durable log in one folder of the local disk, over redb.
//!
//! One thread writes and syncs (`writer`); appends reach it through a bounded queue and are answered after the commit
//! that holds them is synced. Reads come from a bounded tail of the newest records in memory, and else from the file on
//! a blocking thread. What it promises after a crash or damage, and why it is built on redb, is in
//! docs/decisions/0001-embedded-engine.md. It deliberately knows nothing of what a record means, and does no retention of
//! its own: whoever owns the log calls `trim`. Start with [`EmbeddedLog::open`].

mod files;
mod open;
mod partition;
mod store;
#[cfg(test)]
mod tests;
mod witness;
mod writer;

pub use open::OpenError;

use crate::{
    AllPartitions, Append, AppendError, Bounds, BoxFuture, Epoch, EventLog, Membership, Offset, Partition,
    RECORD_BYTES_MAX, ReadError, Record,
};
use bytes::Bytes;
use files::FileWatch;
use parking_lot::{Condvar, Mutex, RwLock};
use partition::{FromMemory, PartitionState};
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};
use store::{PageError, Store};
use tokio::sync::{oneshot, watch};
use writer::Writer;

/// Most records that one call of `read` returns, whatever is asked: 4,096 × 0.4 kB = 1.6 MB.
const PAGE_RECORDS_MAX: usize = 4096;
/// Most bytes that one call of `read` returns, whatever is asked; one record always fits.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Limits of an [`EmbeddedLog`]. The defaults fit the peak of 41,667 records/s of 0.4 kB.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of partitions; fixed when the log is made.
    pub partitions: u32,
    /// Most records that may wait for the writer. 16,384 are 0.4 s of the peak: several slow syncs in a row.
    pub queue_records_max: usize,
    /// Most bytes that may wait for the writer: 16 MiB are 0.4 kB for each of 16,384 records, and 2.5 times that.
    /// When nothing waits, one record fits whatever its size.
    pub queue_bytes_max: usize,
    /// Bytes of the newest records kept in memory, per partition. 4 MiB are 10,000 records of 0.4 kB: 0.7 s of the
    /// busiest partition (13,889/s), so that whoever follows the log reads no file. Payloads are kept as they were given:
    /// one that is a slice of a larger buffer keeps that buffer.
    pub tail_bytes_max: usize,
    /// How often a full disk is tried again.
    pub space_probe_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            partitions: 3,
            queue_records_max: 16_384,
            queue_bytes_max: 16 * 1024 * 1024,
            tail_bytes_max: 4 * 1024 * 1024,
            space_probe_every: Duration::from_secs(1),
        }
    }
}

/// A durable [`EventLog`] in a folder of the local disk.
///
/// Dropping it stops the writer after the commit it is at; appends that still wait are answered
/// [`AppendError::Unavailable`]. [`EventLog::close`] finishes them first.
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// What callers and the writer share.
struct Shared {
    folder: PathBuf,
    options: Options,
    partitions: Vec<PartitionState>,
    /// Held for moments only, never over I/O.
    queue: Mutex<Queue>,
    /// Wakes the writer.
    wake: Condvar,
    /// Held for reading by whoever uses the file, for writing only to let it go or open it again. Taken on blocking
    /// threads and the writer's thread alone, and never together with `queue`.
    store: RwLock<Option<Store>>,
    watch: Arc<FileWatch>,
    /// True when the files are let go.
    released: watch::Sender<bool>,
}

struct Queue {
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    condition: Condition,
    closing: bool,
    /// Dropped without being closed: what waits is not written any more.
    abandoned: bool,
    /// Tests hold the writer back with this.
    holds: usize,
}

/// An append that nobody wrote yet.
struct Waiting {
    partition: u32,
    payload: Bytes,
    answer: oneshot::Sender<Result<Offset, AppendError>>,
}

/// How the log is; the texts are for people.
#[derive(Clone, Debug)]
enum Condition {
    Open,
    /// No space: appends are refused until there is.
    Full(String),
    /// A write or sync failed: nothing is written until the process starts anew.
    Failed(String),
}

impl Waiting {
    /// Memory that a waiting append takes: its payload, and about 128 bytes for the entry and its answer.
    fn bytes(&self) -> usize {
        self.payload.len() + 128
    }
}

impl Queue {
    fn take_all(&mut self) -> VecDeque<Waiting> {
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting)
    }
}

impl EmbeddedLog {
    /// Opens the log in this folder, and makes folder and log if there is none. Blocks: it reads from the disk, and after
    /// an unclean stop it checks every page of the file.
    ///
    /// # Errors
    /// See [`OpenError`]. A damaged log is never opened as a shorter one.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_watched(path, options, Arc::default())
    }

    fn open_watched(path: &Path, options: Options, watch: Arc<FileWatch>) -> Result<Self, OpenError> {
        let opened = open::open(path, options.partitions, &watch)?;
        let last = opened.stored.iter().map(|s| s.last).collect();
        let shared = Arc::new(Shared {
            folder: path.to_owned(),
            options,
            partitions: opened.stored.into_iter().map(PartitionState::new).collect(),
            queue: Mutex::new(Queue {
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                condition: Condition::Open,
                closing: false,
                abandoned: false,
                holds: 0,
            }),
            wake: Condvar::new(),
            store: RwLock::new(Some(opened.store)),
            watch,
            released: watch::Sender::new(false),
        });
        let writer = Writer::new(Arc::clone(&shared), opened.witness, opened.lock, last);
        let writer = thread::Builder::new()
            .name("event-log".to_owned())
            .spawn(|| writer.run())
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// Holds the writer back until the guard is dropped: a test can look at the time between "appended" and "durable".
    #[cfg(any(test, feature = "suite"))]
    pub fn hold(&self) -> Hold {
        self.shared.queue.lock().holds += 1;
        Hold(Arc::downgrade(&self.shared))
    }
}

/// While one of these lives, the writer takes no new group.
#[cfg(any(test, feature = "suite"))]
pub struct Hold(std::sync::Weak<Shared>);

#[cfg(any(test, feature = "suite"))]
impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.queue.lock().holds -= 1;
            shared.wake.notify_one();
        }
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        self.shared.queue.lock().abandoned = true;
        self.shared.wake.notify_one();
        // The last owner may be dropped by a waker that the writer itself calls; it cannot wait for its own end. A panic
        // of the writer was told when it happened.
        if writer.thread().id() != thread::current().id() {
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn state(&self, partition: Partition) -> Result<&PartitionState, ReadError> {
        self.partitions.get(partition.0 as usize).ok_or(ReadError::NoPartition(partition))
    }

    fn with_store<T>(&self, what: impl FnOnce(&Store) -> T) -> Result<T, String> {
        match &*self.store.read() {
            Some(store) => Ok(what(store)),
            None => Err("the file is not open".to_owned()),
        }
    }

    /// A partition that should be trimmed further, and up to where. (The queue's lock orders this with the condvar.)
    fn trim_wanted(&self, _queue: &Queue) -> Option<(u32, u64)> {
        (0..).zip(&self.partitions).find_map(|(partition, state)| Some((partition, state.trim_wanted()?)))
    }

    /// Lets everyone who waits look again.
    fn wake_waiters(&self) {
        for partition in &self.partitions {
            partition.progress.send_modify(|_| {});
        }
    }

    /// Why nothing more will become durable, if so.
    fn ended(&self) -> Option<ReadError> {
        if *self.released.borrow() {
            return Some(ReadError::Unavailable("the log is closed".to_owned()));
        }
        match &self.queue.lock().condition {
            Condition::Failed(detail) => Some(ReadError::Unavailable(detail.clone())),
            Condition::Open | Condition::Full(_) => None,
        }
    }

    fn read_file(
        &self,
        partition: Partition,
        after: u64,
        last: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let page = self
            .with_store(|store| store.page(partition.0, after, last, records_max, bytes_max))
            .map_err(ReadError::Unavailable)?;
        page.map_err(|error| {
            // Trimming may have overtaken the read; then the gap is no damage.
            let first = self.partitions[partition.0 as usize].bounds().first;
            match error {
                _ if after.saturating_add(1) < first.0 => {
                    ReadError::Trimmed { asked: Offset(after).next(), first }
                }
                PageError::Damaged(damage) => {
                    tracing::error!(
                        path = %self.folder.display(), partition = partition.0, offset = damage.at,
                        detail = damage.detail, "the log is damaged"
                    );
                    ReadError::Damaged { at: Offset(damage.at), detail: damage.detail }
                }
                PageError::Failed(detail) => ReadError::Unavailable(detail),
            }
        })
    }
}

impl EventLog for EmbeddedLog {
    fn partitions(&self) -> u32 {
        self.shared.options.partitions
    }

    fn epoch(&self, partition: Partition) -> Result<Epoch, ReadError> {
        Ok(self.shared.state(partition)?.epoch.clone())
    }

    fn bounds(&self, partition: Partition) -> Result<Bounds, ReadError> {
        Ok(self.shared.state(partition)?.bounds())
    }

    fn append(&self, partition: Partition, payload: Bytes) -> Result<Append, AppendError> {
        self.shared.state(partition).map_err(|_| AppendError::NoPartition(partition))?;
        if payload.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes: payload.len(), limit_bytes: RECORD_BYTES_MAX });
        }
        let (answer, receiver) = oneshot::channel();
        let waiting = Waiting { partition: partition.0, payload, answer };
        let options = &self.shared.options;
        let mut queue = self.shared.queue.lock();
        match &queue.condition {
            Condition::Open if queue.closing => {
                return Err(AppendError::Unavailable("the log is closed".to_owned()));
            }
            Condition::Open => {}
            Condition::Full(_) => return Err(AppendError::StorageFull),
            Condition::Failed(detail) => return Err(AppendError::Unavailable(detail.clone())),
        }
        let bytes = queue.waiting_bytes + waiting.bytes();
        let full = queue.waiting.len() >= options.queue_records_max || bytes > options.queue_bytes_max;
        if full && !queue.waiting.is_empty() {
            // About the time of one group (see docs/performance.md).
            return Err(AppendError::Overloaded { retry_after: Duration::from_millis(50) });
        }
        queue.waiting_bytes = bytes;
        queue.waiting.push_back(waiting);
        drop(queue);
        self.shared.wake.notify_one();
        Ok(Append::new(receiver))
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
            let state = self.shared.state(partition)?;
            if *self.shared.released.borrow() {
                return Err(ReadError::Unavailable("the log is closed".to_owned()));
            }
            let last = match state.read_memory(after, records_max, bytes_max)? {
                FromMemory::Page(page) => return Ok(page),
                FromMemory::InFile { last } => last,
            };
            let shared = Arc::clone(&self.shared);
            tokio::task::spawn_blocking(move || {
                shared.read_file(partition, after.0, last, records_max, bytes_max)
            })
            .await
            .unwrap_or_else(|error| Err(ReadError::Unavailable(error.to_string())))
        })
    }

    fn wait_past(&self, partition: Partition, offset: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async move {
            let mut progress = self.shared.state(partition)?.progress.subscribe();
            while progress.borrow_and_update().last <= offset.0 {
                if let Some(ended) = self.shared.ended() {
                    return Err(ended);
                }
                let _ = progress.changed().await;
            }
            Ok(())
        })
    }

    fn trim(&self, partition: Partition, up_to: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async move {
            let state = self.shared.state(partition)?;
            if let Some(ended) = self.shared.ended() {
                return Err(ended);
            }
            let target = {
                let _ordered = self.shared.queue.lock();
                state.want_trim(up_to)
            };
            self.shared.wake.notify_one();
            let mut progress = state.progress.subscribe();
            while progress.borrow_and_update().trimmed < target {
                if let Some(ended) = self.shared.ended() {
                    return Err(ended);
                }
                let _ = progress.changed().await;
            }
            Ok(())
        })
    }

    fn healthy(&self) -> Result<(), String> {
        let queue = self.shared.queue.lock();
        match &queue.condition {
            Condition::Open if queue.closing => Err("the log is closed".to_owned()),
            Condition::Open => Ok(()),
            Condition::Full(detail) => Err(format!("no space left for the log: {detail}")),
            Condition::Failed(detail) => {
                Err(format!("the log failed and takes no more records until the next start: {detail}"))
            }
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.shared.queue.lock().closing = true;
            self.shared.wake.notify_one();
            // The sender lives in `shared`, so waiting cannot fail.
            let _ = self.shared.released.subscribe().wait_for(|released| *released).await;
        })
    }

    fn join_group(&self, _group: &str) -> Box<dyn Membership> {
        Box::new(AllPartitions::new(self.partitions(), Some(self.shared.released.subscribe())))
    }
}
