//! One partition of the log as this process follows it: is it followed at all, and how far has its tail read?
//!
//! Where the log is shared, a process follows the partitions whose rooms somebody reads or writes here, and no others. The
//! first who needs one wakes it ([`Followed::shown`], [`Followed::live`], [`Followed::enter`]); some time after the last one
//! it is let go. What a wake does, and who decides that it is over, is [`super::waking`]. It knows no room and no store.

use event_log::{EventLog, Offset, Partition};
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit, oneshot},
    time::{Instant, timeout, timeout_at},
};

/// How long somebody waits for a partition that is being woken. What is known of it takes tens of milliseconds to come from
/// the store, and its nonces are 13 minutes of the log: at 139 messages a second some 40 MB. Two of the five seconds in
/// which a send is answered are left for the log.
pub const WAKE_WAIT_MAX: Duration = Duration::from_secs(3);
/// Sends that wait for one partition to wake: as many as one connection may have under way, and 6 KB each at the most.
pub(super) const WAITING_MAX: usize = 1_024;

/// Refusals that wait for the tail of one partition: as many, and 0.3 KB each.
pub(super) const REFUSALS_MAX: usize = WAITING_MAX;

/// How far a partition is up here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nobody needs it, so nothing of it is read.
    Asleep,
    /// Somebody needs it, and its rooms cannot be shown yet.
    Waking,
    /// The rings hold the newest messages, a moment late: they come by way of the store. Nonces are not known yet.
    Shown,
    /// The tail follows the log, and sends are taken.
    Live,
}

/// A send that waits for the partition to be live.
struct Turn {
    /// Taken by whoever comes first: the partition, or the sender who waits no longer.
    taken: Arc<AtomicBool>,
    go: Box<dyn FnOnce() + Send>,
}

struct Gate {
    waiting: Vec<Turn>,
    /// When somebody last needed it.
    used: Instant,
}

/// See the module's head.
pub struct Followed {
    /// Which.
    pub partition: Partition,
    log: Arc<dyn EventLog>,
    /// How far the rings are, and somebody waits for them to come further.
    at: AtomicU64,
    further: Notify,
    /// Told when a room of it has come that its tail has to bring up. One permit is kept.
    pub(super) arrived: Notify,
    /// Senders that wait for the tail to read past their records, by offset. As many as there are appends under way.
    awaiting: Mutex<BTreeMap<u64, oneshot::Sender<()>>>,
    /// The tail was waited for in vain up to here.
    read_late: AtomicU64,
    /// Of records after this one the nonces know whether they are second ones.
    pub(super) judged_after: AtomicU64,
    /// Whoever changes the stage holds it. Never held over an await.
    gate: Mutex<Gate>,
    /// A [`Stage`], and somebody waits for another.
    stage: AtomicU8,
    staged: Notify,
    /// Places for refusals that wait.
    refusals: Semaphore,
}

impl Followed {
    /// A partition of this process's own log is always live; one of a shared log sleeps.
    pub(super) fn new(log: &Arc<dyn EventLog>, partition: Partition) -> Arc<Self> {
        let stage = if log.is_shared() { Stage::Asleep } else { Stage::Live };
        Arc::new(Self {
            partition,
            log: log.clone(),
            at: AtomicU64::new(0),
            further: Notify::new(),
            arrived: Notify::new(),
            awaiting: Mutex::default(),
            read_late: AtomicU64::new(0),
            judged_after: AtomicU64::new(0),
            gate: Mutex::new(Gate { waiting: Vec::new(), used: Instant::now() }),
            stage: AtomicU8::new(stage as u8),
            staged: Notify::new(),
            refusals: Semaphore::new(REFUSALS_MAX),
        })
    }

    /// How far it is up.
    pub fn stage(&self) -> Stage {
        let now = self.stage.load(Ordering::Acquire);
        let stages = [Stage::Asleep, Stage::Waking, Stage::Shown, Stage::Live];
        stages.into_iter().find(|stage| *stage as u8 == now).unwrap_or(Stage::Asleep)
    }

    /// Somebody needs it: wakes it if it sleeps, and keeps it from falling asleep for a while.
    pub fn need(&self) -> Stage {
        self.need_with(&mut self.gate.lock())
    }

    fn need_with(&self, gate: &mut Gate) -> Stage {
        gate.used = Instant::now();
        if self.stage() == Stage::Asleep {
            self.set(Stage::Waking);
        }
        self.stage()
    }

    /// Waits until its rooms can be shown; `false` if that takes too long.
    pub async fn shown(&self) -> bool {
        self.reaches(Stage::Shown).await
    }

    /// Waits until it is live; `false` if that takes too long.
    pub async fn live(&self) -> bool {
        self.reaches(Stage::Live).await
    }

    async fn reaches(&self, stage: Stage) -> bool {
        if self.need() >= stage {
            return true;
        }
        timeout(WAKE_WAIT_MAX, self.until(stage)).await.is_ok()
    }

    async fn until(&self, stage: Stage) {
        loop {
            let staged = self.staged.notified();
            tokio::pin!(staged);
            // Listen first, then look: otherwise the news could come in between.
            staged.as_mut().enable();
            if self.stage() >= stage {
                return;
            }
            staged.await;
        }
    }

    /// For a send: `None` if it may go on at once. Sends keep their order, also those that wait.
    pub(super) fn enter(&self) -> Option<Queue<'_>> {
        let mut gate = self.gate.lock();
        (self.need_with(&mut gate) < Stage::Live).then_some(Queue(gate))
    }

    /// How far the rings are.
    pub fn at(&self) -> Offset {
        Offset(self.at.load(Ordering::Acquire))
    }

    /// The rings are up to here.
    pub(super) fn advance(&self, to: Offset) {
        self.at.store(to.0, Ordering::Release);
        self.further.notify_waiters();
        let due = {
            let mut awaiting = self.awaiting.lock();
            if awaiting.first_key_value().is_none_or(|(first, _)| *first > to.0) {
                return;
            }
            let later = awaiting.split_off(&to.0.saturating_add(1));
            std::mem::replace(&mut *awaiting, later)
        };
        for waiter in due.into_values() {
            // One that is gone has left its nonce in doubt.
            let _ = waiter.send(());
        }
    }

    /// Resolves once the rings are up to here. Cancel-safe.
    pub(super) async fn reached(&self, to: Offset) {
        loop {
            let further = self.further.notified();
            tokio::pin!(further);
            // Listen first, then look: otherwise the news could come in between.
            further.as_mut().enable();
            if self.at() >= to {
                return;
            }
            further.await;
        }
    }

    /// Waits for the tail to read past this record of a sender's; `false` if it does not in time.
    pub(super) async fn passed(&self, record: Offset, until: Instant) -> bool {
        let read = {
            let mut awaiting = self.awaiting.lock();
            // Looked at under the lock: `advance` raises it before it takes the lock.
            if self.at() >= record {
                return true;
            }
            let (tell, read) = oneshot::channel();
            awaiting.insert(record.0, tell);
            read
        };
        let in_time = timeout_at(until, read).await.is_ok_and(|told| told.is_ok());
        if !in_time {
            self.read_late.fetch_max(record.0, Ordering::AcqRel);
        }
        in_time
    }

    /// Waits until the tail has read all that anybody, at any process, was told of as durable before this was called; `false`
    /// if that is not so in time. Where this process alone writes it always is.
    pub(super) async fn caught_up(&self, until: Instant) -> bool {
        if !self.log.is_shared() {
            return true;
        }
        let read = async {
            if !self.live().await {
                return false;
            }
            let Ok(end) = self.log.end(self.partition).await else { return false };
            self.reached(end).await;
            // It may have been let go meanwhile, and be shown by way of the store again.
            self.stage() == Stage::Live
        };
        timeout_at(until, read).await.unwrap_or(false)
    }

    /// A place for a refusal that has to wait; none if too many do.
    pub(super) fn hold_refusal(&self) -> Option<SemaphorePermit<'_>> {
        self.refusals.try_acquire().ok()
    }

    /// Is the tail so far behind the log that no more sends may be taken? What it has not read may repeat them.
    pub(super) fn reads_late(&self) -> bool {
        self.at().0 < self.read_late.load(Ordering::Acquire)
    }

    /// Resolves once somebody needs it.
    pub(super) async fn wanted(&self) {
        self.until(Stage::Waking).await;
    }

    /// While it wakes: can its rooms be shown?
    pub(super) fn show(&self, shown: bool) {
        let _gate = self.gate.lock();
        self.set(if shown { Stage::Shown } else { Stage::Waking });
    }

    /// The tail is at the log's end and knows all nonces: whoever waited with a send has its turn, in order.
    pub(super) fn go_live(&self) {
        let mut gate = self.gate.lock();
        for Turn { taken, go } in std::mem::take(&mut gate.waiting) {
            if !taken.swap(true, Ordering::AcqRel) {
                go();
            }
        }
        self.set(Stage::Live);
    }

    /// Falls asleep if nobody has needed it for so long; `viewers` says whether any of its rooms is being read. What is
    /// uncertain while the log is not well has to be followed.
    pub(super) fn sleep_after(&self, idle: Duration, viewers: impl FnOnce() -> bool) -> bool {
        let mut gate = self.gate.lock();
        gate.waiting.retain(Turn::is_waited_for);
        // Asked under the lock: who comes to read is counted first, and then looks whether it sleeps.
        let needed = gate.used.elapsed() < idle || !gate.waiting.is_empty() || viewers();
        if needed || self.log.healthy().is_err() {
            return false;
        }
        self.set(Stage::Asleep);
        self.at.store(0, Ordering::Release);
        self.read_late.store(0, Ordering::Release);
        true
    }

    fn set(&self, stage: Stage) {
        if self.stage.swap(stage as u8, Ordering::AcqRel) == stage as u8 {
            return;
        }
        self.staged.notify_waiters();
        let followed = if stage == Stage::Asleep { 0.0 } else { 1.0 };
        metrics::gauge!("twitchy_partition_followed", "partition" => self.partition.0.to_string())
            .set(followed);
    }
}

impl Turn {
    fn is_waited_for(&self) -> bool {
        !self.taken.load(Ordering::Acquire)
    }
}

/// Those who wait with a send.
pub(super) struct Queue<'a>(MutexGuard<'a, Gate>);

impl Queue<'_> {
    /// Waits as the last one; `None` if too many do.
    pub(super) fn wait(mut self, go: impl FnOnce() + Send + 'static) -> Option<Place> {
        let waiting = &mut self.0.waiting;
        if waiting.len() >= WAITING_MAX {
            waiting.retain(Turn::is_waited_for);
        }
        if waiting.len() >= WAITING_MAX {
            return None;
        }
        let taken = Arc::new(AtomicBool::new(false));
        waiting.push(Turn { taken: taken.clone(), go: Box::new(go) });
        Some(Place(taken))
    }
}

/// A place among those who wait; whoever drops it waits no longer.
pub(super) struct Place(Arc<AtomicBool>);

impl Place {
    /// Waits no longer; `false` if it had its turn.
    pub(super) fn give_up(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event_log::memory::MemoryLog;

    fn asleep() -> Arc<Followed> {
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(1));
        let followed = Followed::new(&log, Partition(0));
        followed.set(Stage::Asleep);
        followed
    }

    #[tokio::test(start_paused = true)]
    async fn sends_that_wait_have_their_turns_in_order_and_no_more_wait_than_may() {
        let followed = asleep();
        let done = Arc::new(Mutex::new(Vec::new()));
        let wait = |number: usize| {
            let told = done.clone();
            followed.enter().expect("it is not live").wait(move || told.lock().push(number))
        };
        let mut places: Vec<_> = (0..=WAITING_MAX).map(wait).collect();
        assert_eq!(places.iter().position(Option::is_none), Some(WAITING_MAX));
        assert_eq!(followed.stage(), Stage::Waking, "a send wakes it");
        // One gives up, and its place is free.
        places[3] = None;
        assert!(wait(WAITING_MAX).is_some_and(|place| place.give_up()));
        followed.show(true);
        assert!(done.lock().is_empty());
        followed.go_live();
        assert_eq!(*done.lock(), (0..WAITING_MAX).filter(|number| *number != 3).collect::<Vec<_>>());
        assert!(places[0].as_ref().is_some_and(|place| !place.give_up()), "it had its turn");
        assert!(followed.enter().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn it_sleeps_only_when_nobody_needs_it() {
        let (followed, idle) = (asleep(), Duration::from_secs(60));
        followed.need();
        followed.go_live();
        followed.advance(Offset(7));
        assert!(!followed.sleep_after(idle, || false), "somebody was here a moment ago");
        tokio::time::advance(idle).await;
        assert!(!followed.sleep_after(idle, || true), "somebody reads");
        followed.need();
        assert!(!followed.sleep_after(idle, || false));
        tokio::time::advance(idle).await;
        assert!(followed.sleep_after(idle, || false));
        assert_eq!((followed.stage(), followed.at()), (Stage::Asleep, Offset(0)));
        let waits = Instant::now();
        assert!(!followed.shown().await, "nobody wakes it in this test");
        assert_eq!(waits.elapsed(), WAKE_WAIT_MAX);
    }
}
