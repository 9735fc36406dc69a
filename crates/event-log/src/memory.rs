//! The memory engine: a log for tests and benchmarks of what stands above it.
//!
//! **Not durable.** A record counts as durable the moment it is in memory, and everything is gone with the value. In
//! all else it keeps the contract of [`EventLog`], passes the same suite as the other engines, and bounds nothing but
//! its queue: a test that appends for ever fills the memory. Start with [`MemoryLog`]; [`MemoryLog::hold`] lets a test
//! decide when appends become "durable".

use crate::{
    AllPartitions, Append, AppendError, Bounds, BoxFuture, Epoch, EventLog, Membership, Offset, Partition,
    RECORD_BYTES_MAX, ReadError, Record,
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::sync::{oneshot, watch};

/// Most appends that may wait while the log is held: as the embedded engine's default, so tests meet the same limit.
pub const QUEUE_RECORDS_MAX: usize = 16_384;

/// What an append under way waits for.
type Answer = oneshot::Sender<Result<Offset, AppendError>>;

/// An [`EventLog`] that forgets everything when it is dropped.
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
    /// One per partition: the newest durable offset. Closed logs send their waiters a last change.
    progress: Arc<[watch::Sender<u64>]>,
    epochs: Vec<Epoch>,
    queue_records_max: usize,
    /// True from `close` on.
    released: watch::Sender<bool>,
}

/// Everything behind the one lock; it is never held over anything slow.
struct State {
    partitions: Vec<Log>,
    waiting: VecDeque<(Partition, Bytes, Answer)>,
    holds: usize,
    closed: bool,
}

#[derive(Default)]
struct Log {
    trimmed: u64,
    records: VecDeque<Bytes>,
}

impl Log {
    fn bounds(&self) -> Bounds {
        Bounds { first: Offset(self.trimmed + 1), last: Offset(self.trimmed + self.records.len() as u64) }
    }
}

/// While one of these lives, appends wait and nothing becomes durable; see [`MemoryLog::hold`].
pub struct Hold {
    state: Weak<Mutex<State>>,
    progress: Arc<[watch::Sender<u64>]>,
}

impl MemoryLog {
    /// An empty log of `partitions` partitions.
    pub fn new(partitions: u32) -> Self {
        Self::with_queue(partitions, QUEUE_RECORDS_MAX)
    }

    /// As [`Self::new`], with a limit of its own for the appends that wait while the log is held.
    pub fn with_queue(partitions: u32, queue_records_max: usize) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                partitions: (0..partitions).map(|_| Log::default()).collect(),
                waiting: VecDeque::new(),
                holds: 0,
                closed: false,
            })),
            progress: (0..partitions).map(|_| watch::Sender::new(0)).collect(),
            epochs: (0..partitions).map(|_| Epoch::random()).collect(),
            queue_records_max,
            released: watch::Sender::new(false),
        }
    }

    /// Holds every append back until the guard is dropped: a test can look at the time between "appended" and "durable".
    pub fn hold(&self) -> Hold {
        self.state.lock().holds += 1;
        Hold { state: Arc::downgrade(&self.state), progress: Arc::clone(&self.progress) }
    }

    fn index(&self, partition: Partition) -> Result<usize, ReadError> {
        let index = partition.0 as usize;
        if index < self.epochs.len() { Ok(index) } else { Err(ReadError::NoPartition(partition)) }
    }
}

/// Makes everything that waits durable, in order.
fn commit(state: &mut State, progress: &[watch::Sender<u64>]) {
    while let Some((partition, payload, answer)) = state.waiting.pop_front() {
        let index = partition.0 as usize;
        let log = &mut state.partitions[index];
        log.records.push_back(payload);
        let last = log.bounds().last;
        progress[index].send_replace(last.0);
        // A caller that no longer waits is no reason not to keep its record.
        let _ = answer.send(Ok(last));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Some(state) = self.state.upgrade() else { return };
        let mut state = state.lock();
        state.holds -= 1;
        if state.holds == 0 {
            commit(&mut state, &self.progress);
        }
    }
}

impl EventLog for MemoryLog {
    fn partitions(&self) -> u32 {
        u32::try_from(self.epochs.len()).expect("made from a u32")
    }

    fn epoch(&self, partition: Partition) -> Result<Epoch, ReadError> {
        Ok(self.epochs[self.index(partition)?].clone())
    }

    fn bounds(&self, partition: Partition) -> Result<Bounds, ReadError> {
        let index = self.index(partition)?;
        Ok(self.state.lock().partitions[index].bounds())
    }

    fn append(&self, partition: Partition, payload: Bytes) -> Result<Append, AppendError> {
        self.index(partition).map_err(|_| AppendError::NoPartition(partition))?;
        if payload.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes: payload.len(), limit_bytes: RECORD_BYTES_MAX });
        }
        let mut state = self.state.lock();
        if state.closed {
            return Err(AppendError::Unavailable("the log is closed".to_owned()));
        }
        if state.waiting.len() >= self.queue_records_max {
            return Err(AppendError::Overloaded { retry_after: Duration::from_millis(10) });
        }
        let (answer, receiver) = oneshot::channel();
        state.waiting.push_back((partition, payload, answer));
        if state.holds == 0 {
            commit(&mut state, &self.progress);
        }
        Ok(Append::new(receiver))
    }

    fn read(
        &self,
        partition: Partition,
        after: Offset,
        records_max: usize,
        bytes_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Record>, ReadError>> {
        Box::pin(async move {
            let index = self.index(partition)?;
            let state = self.state.lock();
            if state.closed {
                return Err(ReadError::Unavailable("the log is closed".to_owned()));
            }
            let log = &state.partitions[index];
            let Bounds { first, last } = log.bounds();
            if after >= last && after.next() >= first {
                return Ok(Vec::new());
            }
            if after.next() < first {
                return Err(ReadError::Trimmed { asked: after.next(), first });
            }
            let skip = usize::try_from(after.0 - log.trimmed).expect("a place inside a collection in memory");
            let mut page = Vec::new();
            let mut bytes = 0;
            for (offset, payload) in (after.0 + 1..).zip(log.records.iter().skip(skip)) {
                if page.len() >= records_max.max(1) || (!page.is_empty() && bytes + payload.len() > bytes_max)
                {
                    break;
                }
                bytes += payload.len();
                page.push(Record { offset: Offset(offset), payload: payload.clone() });
            }
            Ok(page)
        })
    }

    fn wait_past(&self, partition: Partition, offset: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async move {
            let mut progress = self.progress[self.index(partition)?].subscribe();
            loop {
                if *progress.borrow_and_update() > offset.0 {
                    return Ok(());
                }
                if self.state.lock().closed || progress.changed().await.is_err() {
                    return Err(ReadError::Unavailable("the log is closed".to_owned()));
                }
            }
        })
    }

    fn trim(&self, partition: Partition, up_to: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async move {
            let index = self.index(partition)?;
            let mut state = self.state.lock();
            if state.closed {
                return Err(ReadError::Unavailable("the log is closed".to_owned()));
            }
            let log = &mut state.partitions[index];
            while log.trimmed < up_to.0 && log.records.pop_front().is_some() {
                log.trimmed += 1;
            }
            Ok(())
        })
    }

    fn healthy(&self) -> Result<(), String> {
        if self.state.lock().closed { Err("the log is closed".to_owned()) } else { Ok(()) }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            {
                let mut state = self.state.lock();
                state.closed = true;
                commit(&mut state, &self.progress);
            }
            for progress in self.progress.iter() {
                progress.send_modify(|_| {});
            }
            self.released.send_replace(true);
        })
    }

    fn join_group(&self, _group: &str) -> Box<dyn Membership> {
        Box::new(AllPartitions::new(self.partitions(), Some(self.released.subscribe())))
    }
}
