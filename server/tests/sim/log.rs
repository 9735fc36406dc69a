//! A simulated event log: a disk that outlives the process, and one life's log over it.
//!
//! The disk keeps what is durable. What a life has not committed when it ends survives by the fall of the dice, a
//! prefix of each partition's queue. The log acks late, refuses, fills up, fails for good, and after a full disk can
//! have records whose senders were told `Unknown`, as the embedded engine does. It keeps the contract of [`EventLog`].

use crate::{dice::Dice, life::Life, world::Trace};
use bytes::Bytes;
use event_log::{
    Append, AppendError, Bounds, BoxFuture, Epoch, EventLog, Offset, Partition, ReadError, Record,
};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, oneshot};

/// Most appends of one group.
const GROUP_RECORDS_MAX: u64 = 64;

/// The log's disk.
pub struct Disk(Mutex<Vec<OnDisk>>);

#[derive(Default)]
struct OnDisk {
    trimmed: u64,
    records: VecDeque<Bytes>,
}

impl OnDisk {
    fn last(&self) -> u64 {
        self.trimmed + self.records.len() as u64
    }
}

impl Disk {
    /// An empty disk for so many partitions.
    pub fn new(partitions: u32) -> Self {
        Self(Mutex::new((0..partitions).map(|_| OnDisk::default()).collect()))
    }

    /// Records of all partitions, ever.
    pub fn records(&self) -> u64 {
        self.0.lock().iter().map(OnDisk::last).sum()
    }
}

/// What is wrong with the log at the moment; set from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogFaults {
    /// Commits take up to this long.
    pub commit_ms: u64,
    /// The disk is full.
    pub full: bool,
    /// Out of reach: every append is refused.
    pub away: bool,
    /// The next sync fails.
    pub sync_fails: bool,
}

/// How the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Open,
    /// Until the fault is over.
    Full,
    /// For good.
    Failed,
    Closed,
}

type Answer = oneshot::Sender<Result<Offset, AppendError>>;

struct State {
    condition: Condition,
    closing: bool,
    /// Groups that have left their queue and are not answered yet.
    busy: usize,
    queues: Vec<VecDeque<(Bytes, Answer)>>,
    /// On the disk, but the log does not know: found when there is space again, or at the next start.
    hidden: Vec<Vec<Bytes>>,
}

/// The newest offset that may be seen. Not a `watch`, which wakes those who wait in an order of chance.
pub struct Visible {
    last: AtomicU64,
    changed: Notify,
}

impl Visible {
    pub fn new(last: u64) -> Self {
        Self { last: AtomicU64::new(last), changed: Notify::new() }
    }

    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    pub fn wake(&self) {
        self.changed.notify_waiters();
    }

    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    pub fn raise(&self, to: u64) {
        self.last.fetch_max(to, Ordering::Relaxed);
        self.changed.notify_waiters();
    }
}

/// The log of one life.
pub struct SimLog {
    disk: Arc<Disk>,
    life: Arc<Life>,
    dice: Dice,
    trace: Trace,
    faults: Arc<Mutex<LogFaults>>,
    queue_max: usize,
    state: Mutex<State>,
    /// By partition.
    visible: Vec<Visible>,
    work: Notify,
}

impl SimLog {
    /// Opens the disk.
    pub fn open(
        disk: Arc<Disk>,
        life: Arc<Life>,
        dice: Dice,
        trace: Trace,
        faults: Arc<Mutex<LogFaults>>,
        queue_max: usize,
    ) -> Arc<Self> {
        let lasts: Vec<u64> = disk.0.lock().iter().map(OnDisk::last).collect();
        let state = State {
            condition: Condition::Open,
            closing: false,
            busy: 0,
            queues: lasts.iter().map(|_| VecDeque::new()).collect(),
            hidden: lasts.iter().map(|_| Vec::new()).collect(),
        };
        let visible = lasts.into_iter().map(Visible::new).collect();
        Arc::new(Self {
            disk,
            life,
            dice,
            trace,
            faults,
            queue_max,
            state: Mutex::new(state),
            visible,
            work: Notify::new(),
        })
    }

    /// The writer of one partition; to be run as a task of the process.
    pub async fn write(self: Arc<Self>, partition: Partition) {
        let index = partition.0 as usize;
        loop {
            let work = self.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            let (idle, over) = {
                let state = self.state.lock();
                let over = matches!(state.condition, Condition::Failed | Condition::Closed);
                (state.queues[index].is_empty(), over || (state.closing && state.queues[index].is_empty()))
            };
            if over {
                return;
            }
            if idle {
                work.await;
                continue;
            }
            let faults = *self.faults.lock();
            tokio::time::sleep(self.dice.latency(3, faults.commit_ms.max(10))).await;
            self.life.live().await;
            self.commit(index).await;
        }
    }

    async fn commit(&self, index: usize) {
        let faults = *self.faults.lock();
        let group: Vec<(Bytes, Answer)> = {
            let mut state = self.state.lock();
            if state.condition != Condition::Open {
                return;
            }
            state.busy += 1;
            let most = self.dice.between(1..=GROUP_RECORDS_MAX).min(state.queues[index].len() as u64);
            (0..most).filter_map(|_| state.queues[index].pop_front()).collect()
        };
        if faults.sync_fails {
            self.fail(index, group);
        } else if faults.full {
            self.fill_up(index, group);
        } else {
            self.make_durable(index, group).await;
        }
        self.state.lock().busy -= 1;
    }

    async fn make_durable(&self, index: usize, group: Vec<(Bytes, Answer)>) {
        let first = {
            let mut disk = self.disk.0.lock();
            let first = disk[index].last() + 1;
            disk[index].records.extend(group.iter().map(|(payload, _)| payload.clone()));
            first
        };
        let last = first + group.len() as u64 - 1;
        self.trace.note(|| format!("log {index}: {first}..={last} durable"));
        // Durable, and nobody knows yet.
        self.life.live().await;
        if self.dice.percent(20) {
            tokio::time::sleep(self.dice.latency(2, 30)).await;
            self.life.live().await;
        }
        self.visible[index].raise(last);
        if self.dice.percent(30) {
            tokio::time::sleep(self.dice.latency(5, 200)).await;
        }
        for (offset, (_, answer)) in (first..).zip(group) {
            self.life.live().await;
            let _ = answer.send(Ok(Offset(offset)));
        }
    }

    /// A failed sync: nobody knows how much of the group is on the disk, and the log is closed for good.
    fn fail(&self, index: usize, group: Vec<(Bytes, Answer)>) {
        let kept = self.dice.below(group.len() + 1);
        self.disk.0.lock()[index].records.extend(group.iter().take(kept).map(|(p, _)| p.clone()));
        self.trace.note(|| format!("log {index}: sync failed, {kept} of {} kept", group.len()));
        self.faults.lock().sync_fails = false;
        let mut state = self.state.lock();
        state.condition = Condition::Failed;
        let waiting = state.queues.iter_mut().flat_map(std::mem::take);
        for (_, answer) in group.into_iter().chain(waiting) {
            let _ = answer.send(Err(AppendError::Unknown("the sync failed".to_owned())));
        }
        drop(state);
        self.wake_all();
    }

    /// A full disk. If the file cannot even be opened again, it is not known whether the commit came through.
    fn fill_up(&self, index: usize, group: Vec<(Bytes, Answer)>) {
        let known = self.dice.percent(50);
        let kept = if known { 0 } else { self.dice.below(group.len() + 1) };
        self.trace.note(|| format!("log {index}: full, known {known}, {kept} of {} kept", group.len()));
        let answer = if known {
            AppendError::StorageFull
        } else {
            AppendError::Unknown("the disk is full and the file does not open".to_owned())
        };
        let mut state = self.state.lock();
        state.condition = Condition::Full;
        state.hidden[index].extend(group.iter().take(kept).map(|(p, _)| p.clone()));
        for (_, waiting) in group {
            let _ = waiting.send(Err(answer.clone()));
        }
        for (_, waiting) in state.queues.iter_mut().flat_map(std::mem::take) {
            let _ = waiting.send(Err(AppendError::StorageFull));
        }
    }

    /// There is space again: what opening finds becomes visible, then appends are taken.
    pub fn space_again(&self) {
        let mut state = self.state.lock();
        if state.condition == Condition::Full && self.life.alive() {
            self.adopt(&mut state);
            for (visible, on_disk) in self.visible.iter().zip(self.disk.0.lock().iter()) {
                visible.raise(on_disk.last());
            }
            state.condition = Condition::Open;
        }
    }

    fn adopt(&self, state: &mut State) {
        let mut disk = self.disk.0.lock();
        for (on_disk, hidden) in disk.iter_mut().zip(&mut state.hidden) {
            on_disk.records.extend(hidden.drain(..));
        }
    }

    /// The life has ended: what was on its way survives, or does not.
    pub fn crash(&self) {
        let mut state = self.state.lock();
        self.adopt(&mut state);
        state.condition = Condition::Closed;
        for (index, queue) in state.queues.iter_mut().enumerate() {
            let kept = if self.dice.percent(50) { self.dice.below(queue.len() + 1) } else { 0 };
            let survivors = queue.drain(..).take(kept).map(|(payload, _)| payload);
            self.disk.0.lock()[index].records.extend(survivors);
            if kept > 0 {
                self.trace.note(|| format!("log {index}: {kept} unanswered records survive the crash"));
            }
        }
    }

    fn wake_all(&self) {
        self.work.notify_waiters();
        for visible in &self.visible {
            visible.changed.notify_waiters();
        }
    }

    fn index(&self, partition: Partition) -> Result<usize, ReadError> {
        let index = partition.0 as usize;
        if index < self.visible.len() { Ok(index) } else { Err(ReadError::NoPartition(partition)) }
    }

    fn ended(&self) -> Result<(), ReadError> {
        match self.state.lock().condition {
            Condition::Open | Condition::Full => Ok(()),
            Condition::Failed => Err(ReadError::Unavailable("the sync failed".to_owned())),
            Condition::Closed => Err(ReadError::Unavailable("the log is closed".to_owned())),
        }
    }
}

impl EventLog for SimLog {
    fn partitions(&self) -> u32 {
        u32::try_from(self.visible.len()).expect("made from a u32")
    }

    fn epoch(&self, partition: Partition) -> Result<Epoch, ReadError> {
        self.index(partition).map(|index| Epoch(format!("epoch{index}")))
    }

    fn bounds(&self, partition: Partition) -> Result<Bounds, ReadError> {
        let index = self.index(partition)?;
        let first = self.disk.0.lock()[index].trimmed + 1;
        Ok(Bounds { first: Offset(first), last: Offset(self.visible[index].last()) })
    }

    fn append(&self, partition: Partition, payload: Bytes) -> Result<Append, AppendError> {
        let index = self.index(partition).map_err(|_| AppendError::NoPartition(partition))?;
        let gone = || Err(AppendError::Unavailable("out of reach".to_owned()));
        if !self.life.step() {
            return gone();
        }
        let mut state = self.state.lock();
        match state.condition {
            _ if self.faults.lock().away => return gone(),
            Condition::Open if state.closing => return gone(),
            Condition::Open => {}
            Condition::Full => return Err(AppendError::StorageFull),
            Condition::Failed | Condition::Closed => return gone(),
        }
        if state.queues[index].len() >= self.queue_max {
            return Err(AppendError::Overloaded { retry_after: Duration::from_millis(50) });
        }
        let (answer, receiver) = oneshot::channel();
        state.queues[index].push_back((payload, answer));
        drop(state);
        self.work.notify_waiters();
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
            if self.dice.percent(25) {
                tokio::time::sleep(self.dice.latency(2, 100)).await;
            }
            self.life.live().await;
            if self.state.lock().condition == Condition::Closed {
                return Err(ReadError::Unavailable("the log is closed".to_owned()));
            }
            let last = self.visible[index].last();
            let disk = self.disk.0.lock();
            let OnDisk { trimmed, records } = &disk[index];
            if after.0 >= last && after.0 >= *trimmed {
                return Ok(Vec::new());
            }
            let Some(skip) = after.0.checked_sub(*trimmed) else {
                return Err(ReadError::Trimmed { asked: after.next(), first: Offset(trimmed + 1) });
            };
            let mut page = Vec::new();
            let mut bytes = 0;
            let skip = usize::try_from(skip).expect("a place in memory");
            // Fewer than asked for now and then, as the contract allows.
            let most = if self.dice.percent(10) { 1 } else { records_max.max(1) };
            for (offset, payload) in (after.0 + 1..=last).zip(records.iter().skip(skip)) {
                if page.len() >= most || (!page.is_empty() && bytes + payload.len() > bytes_max) {
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
            let visible = &self.visible[self.index(partition)?];
            loop {
                let changed = visible.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if visible.last() > offset.0 {
                    break;
                }
                self.ended()?;
                changed.await;
            }
            Ok(())
        })
    }

    fn trim(&self, partition: Partition, up_to: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async move {
            let index = self.index(partition)?;
            self.life.live().await;
            self.ended()?;
            let last = self.visible[index].last();
            let mut disk = self.disk.0.lock();
            while disk[index].trimmed < up_to.0.min(last) && disk[index].records.pop_front().is_some() {
                disk[index].trimmed += 1;
            }
            self.trace.note(|| format!("log {index}: trimmed to {}", disk[index].trimmed));
            Ok(())
        })
    }

    fn healthy(&self) -> Result<(), String> {
        match self.state.lock().condition {
            Condition::Open => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.state.lock().closing = true;
            self.wake_all();
            loop {
                let empty = {
                    let state = self.state.lock();
                    let idle = state.busy == 0 && state.queues.iter().all(VecDeque::is_empty);
                    idle || (state.busy == 0 && state.condition != Condition::Open)
                };
                if empty {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            self.state.lock().condition = Condition::Closed;
            self.wake_all();
        })
    }
}
