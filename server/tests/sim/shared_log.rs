//! One process's view of the simulated brokers, as a client library gives it: an [`EventLog`] that is shared.
//!
//! Appends are answered by delivery reports and read by a follower, and neither waits for the other. A report that does
//! not come in time is `Unknown`, and its record may come into the log later. Brokers that are out of reach are noticed
//! after a while; until then appends are taken, and end as unknown.

use crate::{
    brokers::{Brokers, Trouble},
    dice::Dice,
    life::Life,
    log::Visible,
    plan::Plan,
    world::Trace,
};
use bytes::Bytes;
use event_log::{
    Append, AppendError, Bounds, BoxFuture, Epoch, EventLog, Membership, Offset, Partition, ReadError, Record,
};
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

/// After this an append is given up.
const DELIVERY_MAX: Duration = Duration::from_millis(4_500);
/// How long a read waits for what is known to be there.
const READ_MAX: Duration = Duration::from_secs(5);
/// How long it takes until it is given up to ask where a partition ends.
const END_MAX: Duration = Duration::from_secs(1);
/// How often a process looks whether the brokers are there.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// Most appends of one request.
const GROUP_RECORDS_MAX: u64 = 64;

struct Waiting {
    payload: Bytes,
    answer: oneshot::Sender<Result<Offset, AppendError>>,
    until: Instant,
}

#[derive(Default)]
struct State {
    queues: Vec<VecDeque<Waiting>>,
    /// Given up, and still on their way: they come into the log before anything that is sent after them.
    late: Vec<Vec<Bytes>>,
    busy: usize,
    unreachable: bool,
    closing: bool,
    closed: bool,
}

/// The log of one life.
pub struct SharedLog {
    brokers: Arc<Brokers>,
    life: Arc<Life>,
    dice: Dice,
    trace: Trace,
    /// What is wrong with this process's way to the brokers.
    own: Arc<Mutex<Trouble>>,
    queue_max: usize,
    lag_ms: u64,
    state: Mutex<State>,
    /// How far the follower came, by partition.
    seen: Vec<Visible>,
    /// What delivery reports told, which may be more.
    told: Vec<Visible>,
    work: Notify,
}

impl SharedLog {
    pub fn open(
        brokers: Arc<Brokers>,
        life: Arc<Life>,
        dice: Dice,
        trace: Trace,
        own: Arc<Mutex<Trouble>>,
        plan: &Plan,
    ) -> Arc<Self> {
        let lasts: Vec<u64> = (0..brokers.partitions()).map(|p| brokers.last(Partition(p))).collect();
        Arc::new(Self {
            life,
            dice,
            trace,
            own,
            queue_max: plan.queue_max,
            lag_ms: plan.lag_ms,
            state: Mutex::new(State {
                queues: lasts.iter().map(|_| VecDeque::new()).collect(),
                late: lasts.iter().map(|_| Vec::new()).collect(),
                ..State::default()
            }),
            seen: lasts.iter().map(|last| Visible::new(*last)).collect(),
            told: lasts.iter().map(|last| Visible::new(*last)).collect(),
            work: Notify::new(),
            brokers,
        })
    }

    /// The brokers' troubles and this process's own.
    fn trouble(&self) -> Trouble {
        let (all, own) = (*self.brokers.trouble.lock(), *self.own.lock());
        Trouble {
            away: all.away || own.away,
            deaf: all.deaf || own.deaf,
            commit_ms: all.commit_ms.max(own.commit_ms),
            reports_lost: all.reports_lost.max(own.reports_lost),
            reads_fail: all.reads_fail.max(own.reads_fail),
        }
    }

    /// Notices whether the brokers are there; a task of the process.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WATCH_EVERY).await;
            let away = self.trouble().away;
            self.state.lock().unreachable = away;
        }
    }

    /// Brings new records of a partition into view; a task of the process.
    pub async fn follow(self: Arc<Self>, partition: Partition) {
        let seen = &self.seen[partition.0 as usize];
        loop {
            let changed = self.brokers.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let (from, last) = (seen.last(), self.brokers.last(partition));
            if from >= last {
                changed.await;
                continue;
            }
            tokio::time::sleep(self.dice.latency(self.lag_ms, 400 + self.lag_ms)).await;
            let trouble = self.trouble();
            if trouble.away || trouble.deaf {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            self.life.live().await;
            // Not all at once, now and then.
            let to = if self.dice.percent(20) { self.dice.between(from + 1..=last) } else { last };
            seen.raise(to);
        }
    }

    /// The producer of one partition; a task of the process.
    pub async fn write(self: Arc<Self>, partition: Partition) {
        let index = partition.0 as usize;
        loop {
            let work = self.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            if self.state.lock().queues[index].is_empty() {
                work.await;
                continue;
            }
            tokio::time::sleep(self.dice.latency(3, self.trouble().commit_ms.max(10))).await;
            self.life.live().await;
            if self.give_up_old(index) || self.trouble().away {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            let group: Vec<Waiting> = {
                let mut state = self.state.lock();
                let most = self.dice.between(1..=GROUP_RECORDS_MAX).min(state.queues[index].len() as u64);
                state.busy += 1;
                (0..most).filter_map(|_| state.queues[index].pop_front()).collect()
            };
            self.deliver(partition, group).await;
            self.state.lock().busy -= 1;
        }
    }

    async fn deliver(&self, partition: Partition, group: Vec<Waiting>) {
        let index = partition.0 as usize;
        let late = std::mem::take(&mut self.state.lock().late[index]);
        let sent = late.into_iter().chain(group.iter().map(|waiting| waiting.payload.clone()));
        let last = self.brokers.append(partition, sent);
        let first = last + 1 - group.len() as u64;
        self.trace.note(|| format!("brokers: {} has {first}..={last}", partition.0));
        if self.dice.percent(30) {
            tokio::time::sleep(self.dice.latency(5, 300)).await;
        }
        let lost = self.dice.percent(self.trouble().reports_lost);
        for (offset, Waiting { answer, until, .. }) in (first..).zip(group) {
            self.life.live().await;
            if lost {
                // It is in the log, and the producer gives up without knowing.
                let life = self.life.clone();
                tokio::spawn(async move {
                    tokio::time::sleep_until(until).await;
                    life.live().await;
                    let _ = answer.send(Err(AppendError::Unknown("no report came".to_owned())));
                });
                continue;
            }
            self.told[index].raise(offset);
            let _ = answer.send(Ok(Offset(offset)));
        }
    }

    /// Gives up what has waited too long; `true` if there was any. It may be on its way all the same.
    fn give_up_old(&self, index: usize) -> bool {
        let mut state = self.state.lock();
        let mut any = false;
        while state.queues[index].front().is_some_and(|waiting| waiting.until <= Instant::now()) {
            let Some(Waiting { payload, answer, .. }) = state.queues[index].pop_front() else { break };
            if self.dice.percent(40) {
                state.late[index].push(payload);
            }
            let _ = answer.send(Err(AppendError::Unknown("the brokers did not answer in time".to_owned())));
            any = true;
        }
        any
    }

    /// The life has ended: what was on its way arrives, or does not.
    pub fn crash(&self) {
        let (mut queues, mut late) = {
            let mut state = self.state.lock();
            state.closed = true;
            (std::mem::take(&mut state.queues), std::mem::take(&mut state.late))
        };
        for (partition, (queue, late)) in (0..).map(Partition).zip(queues.iter_mut().zip(&mut late)) {
            let kept = if self.dice.percent(50) { self.dice.below(queue.len() + 1) } else { 0 };
            let survivors: Vec<Bytes> =
                late.drain(..).chain(queue.drain(..).take(kept).map(|waiting| waiting.payload)).collect();
            if !survivors.is_empty() {
                self.trace.note(|| {
                    format!("brokers: {survivors:?} arrive after the crash", survivors = survivors.len())
                });
                self.brokers.append(partition, survivors);
            }
        }
    }

    /// Since when this process may lack something of a partition.
    pub fn complete_until(&self, partition: Partition) -> Instant {
        self.brokers.complete_until(partition, self.seen[partition.0 as usize].last())
    }

    fn index(&self, partition: Partition) -> Result<usize, ReadError> {
        let index = partition.0 as usize;
        if index < self.seen.len() { Ok(index) } else { Err(ReadError::NoPartition(partition)) }
    }

    fn open_still(&self) -> Result<(), ReadError> {
        let closed = self.state.lock().closed;
        if closed { Err(ReadError::Unavailable("the log is closed".to_owned())) } else { Ok(()) }
    }

    fn last(&self, index: usize) -> u64 {
        self.seen[index].last().max(self.told[index].last())
    }

    async fn until_seen(&self, index: usize, at_least: u64) {
        loop {
            let changed = self.seen[index].changed();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.seen[index].last() >= at_least || self.open_still().is_err() {
                return;
            }
            changed.await;
        }
    }
}

impl EventLog for SharedLog {
    fn partitions(&self) -> u32 {
        self.brokers.partitions()
    }

    fn epoch(&self, partition: Partition) -> Result<Epoch, ReadError> {
        self.index(partition).map(|index| Epoch(format!("epoch{index}")))
    }

    fn bounds(&self, partition: Partition) -> Result<Bounds, ReadError> {
        let last = self.last(self.index(partition)?);
        let first = self.brokers.first(partition);
        Ok(Bounds { first: Offset(first), last: Offset(last.max(first - 1)) })
    }

    fn append(&self, partition: Partition, payload: Bytes) -> Result<Append, AppendError> {
        let index = self.index(partition).map_err(|_| AppendError::NoPartition(partition))?;
        let gone = || Err(AppendError::Unavailable("out of reach".to_owned()));
        if !self.life.step() {
            return gone();
        }
        let mut state = self.state.lock();
        if state.unreachable || state.closing || state.closed {
            return gone();
        }
        if state.queues[index].len() >= self.queue_max {
            return Err(AppendError::Overloaded { retry_after: Duration::from_millis(50) });
        }
        let (answer, receiver) = oneshot::channel();
        state.queues[index].push_back(Waiting { payload, answer, until: Instant::now() + DELIVERY_MAX });
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
            self.open_still()?;
            if self.dice.percent(self.trouble().reads_fail) {
                return Err(ReadError::Unavailable("the broker did not answer in time".to_owned()));
            }
            let last = self.last(index);
            // What a report told of is on its way.
            if tokio::time::timeout(READ_MAX, self.until_seen(index, last)).await.is_err() {
                return Err(ReadError::Unavailable("the newest records do not come".to_owned()));
            }
            self.open_still()?;
            let payloads = self.brokers.page(partition, after.0, last)?;
            let most = if self.dice.percent(10) { 1 } else { records_max.max(1) };
            let (mut page, mut bytes) = (Vec::new(), 0);
            for (offset, payload) in (after.0 + 1..).zip(payloads) {
                if page.len() >= most || (!page.is_empty() && bytes + payload.len() > bytes_max) {
                    break;
                }
                bytes += payload.len();
                page.push(Record { offset: Offset(offset), payload });
            }
            Ok(page)
        })
    }

    fn wait_past(&self, partition: Partition, offset: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async move {
            let index = self.index(partition)?;
            if self.seen[index].last() <= offset.0 {
                self.open_still()?;
                self.until_seen(index, offset.0.saturating_add(1)).await;
            }
            if self.seen[index].last() > offset.0 { Ok(()) } else { self.open_still() }
        })
    }

    fn end(&self, partition: Partition) -> BoxFuture<'_, Result<Offset, ReadError>> {
        Box::pin(async move {
            let index = self.index(partition)?;
            tokio::time::sleep(self.dice.latency(2, 300)).await;
            self.life.live().await;
            self.open_still()?;
            let trouble = self.trouble();
            if trouble.away || trouble.deaf || self.dice.percent(trouble.reads_fail) {
                tokio::time::sleep(END_MAX).await;
                return Err(ReadError::Unavailable("the broker did not answer in time".to_owned()));
            }
            let end = self.brokers.last(partition);
            // The answer takes its time too.
            tokio::time::sleep(self.dice.latency(2, 300)).await;
            self.life.live().await;
            self.told[index].raise(end);
            Ok(Offset(end))
        })
    }

    fn trim(&self, _partition: Partition, _up_to: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        panic!("a process does not trim a log that others share")
    }

    fn healthy(&self) -> Result<(), String> {
        let state = self.state.lock();
        if state.unreachable || state.closed { Err("out of reach".to_owned()) } else { Ok(()) }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.state.lock().closing = true;
            loop {
                let idle = {
                    let state = self.state.lock();
                    state.busy == 0 && state.queues.iter().all(VecDeque::is_empty)
                };
                if idle {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            self.state.lock().closed = true;
            for seen in &self.seen {
                seen.wake();
            }
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn join_group(&self, _group: &str) -> Box<dyn Membership> {
        self.brokers.join(self.life.clone(), self.dice.fork())
    }
}
