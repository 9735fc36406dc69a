//! What all threads of the engine share: the views of the partitions, what is under way, and how the log is.
//!
//! The order that matters: a log is "not well" *before* any append is answered "unknown", and well again only after
//! `watch` has made sure of every partition where that happened. Whoever appends holds the reading side of the lock
//! until its record is handed over, so none slips in between.

use super::view::PartitionView;
use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};
use tokio::sync::watch;

/// See the module's head.
pub(super) struct State {
    pub(super) views: Vec<PartitionView>,
    pub(super) records_under_way: AtomicUsize,
    pub(super) bytes_under_way: AtomicUsize,
    pub(super) closing: AtomicBool,
    health: RwLock<Health>,
    /// Why nothing more will become durable, once that is so: the log is closed or has failed.
    pub(super) ended: watch::Sender<Option<String>>,
    stop: Mutex<Stop>,
    stop_changed: Condvar,
}

pub(super) struct Health {
    condition: Condition,
    /// How often it was said that something is wrong: an "all is well" that was asked for before the last of them is old.
    alarms: u64,
    /// Partitions where an append was answered "unknown" and it is not certain yet what became of it.
    uncertain: BTreeSet<u32>,
}

#[derive(Default)]
struct Stop {
    stopped: bool,
    /// The watch is to look now.
    nudged: bool,
}

#[derive(Clone, Debug)]
enum Condition {
    Open,
    /// No broker answers, or it is not certain what it wrote; appends are refused until that is over.
    Unreachable(String),
    /// For good: the topic lost its end or was made anew, or the producer lost its sequence.
    Failed(String),
}

impl Health {
    /// Why no append is taken, if so.
    pub(super) fn objection(&self) -> Option<String> {
        match &self.condition {
            Condition::Open => None,
            Condition::Unreachable(detail) => Some(format!("Kafka does not take records now: {detail}")),
            Condition::Failed(detail) => {
                Some(format!("the log failed and takes no more records until the next start: {detail}"))
            }
        }
    }
}

impl State {
    pub(super) fn new(views: Vec<PartitionView>) -> Self {
        Self {
            views,
            records_under_way: AtomicUsize::new(0),
            bytes_under_way: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            health: RwLock::new(Health { condition: Condition::Open, alarms: 0, uncertain: BTreeSet::new() }),
            ended: watch::Sender::new(None),
            stop: Mutex::default(),
            stop_changed: Condvar::new(),
        }
    }

    /// How the log is; it stays so while the guard lives. Never held over anything slow.
    pub(super) fn health(&self) -> RwLockReadGuard<'_, Health> {
        self.health.read()
    }

    /// From now on no append is taken.
    pub(super) fn begin_closing(&self) {
        let _nobody_hands_over = self.health.write();
        self.closing.store(true, Ordering::Release);
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.lock().stopped
    }

    /// Waits this long, or until the watch is to look at once; true when the threads are to end.
    pub(super) fn wait_stopped(&self, time: Duration) -> bool {
        let mut stop = self.stop.lock();
        if !stop.stopped && !stop.nudged {
            self.stop_changed.wait_for(&mut stop, time);
        }
        stop.nudged = false;
        stop.stopped
    }

    /// Lets the watch look at once.
    pub(super) fn nudge(&self) {
        self.stop.lock().nudged = true;
        self.stop_changed.notify_all();
    }

    pub(super) fn stop(&self) {
        self.stop.lock().stopped = true;
        self.stop_changed.notify_all();
    }

    /// The log is at its end, and everyone who waits is told why.
    pub(super) fn end(&self, why: &str) {
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(why.to_owned());
            }
            first
        });
        for view in &self.views {
            view.seen.send_modify(|_| {});
        }
    }

    pub(super) fn fail(&self, detail: &str) {
        {
            let mut health = self.health.write();
            if matches!(health.condition, Condition::Failed(_)) {
                return;
            }
            health.condition = Condition::Failed(detail.to_owned());
        }
        tracing::error!(detail, "the log failed and takes no more records until the next start");
        self.end(detail);
    }

    /// It will not be known at once what became of an append. To be called before it is answered.
    pub(super) fn uncertain(&self, partition: u32, why: &str) {
        self.health.write().uncertain.insert(partition);
        self.unreachable(why);
    }

    /// Refuses appends until the watch finds that all is well.
    pub(super) fn unreachable(&self, why: &str) {
        let mut health = self.health.write();
        health.alarms += 1;
        match health.condition {
            Condition::Failed(_) => return,
            Condition::Unreachable(_) => {}
            Condition::Open => {
                tracing::warn!(why, "Kafka does not take records; appends are refused until it does");
                self.nudge();
            }
        }
        health.condition = Condition::Unreachable(why.to_owned());
    }

    /// Where it has to be made certain what was written.
    pub(super) fn uncertain_partitions(&self) -> Vec<u32> {
        self.health.read().uncertain.iter().copied().collect()
    }

    /// Everything that was ever written to these partitions before now is in their bounds.
    pub(super) fn certain(&self, partitions: &[u32]) {
        let mut health = self.health.write();
        for partition in partitions {
            health.uncertain.remove(partition);
        }
    }

    /// To be asked before the brokers are.
    pub(super) fn alarms(&self) -> u64 {
        self.health.read().alarms
    }

    /// The brokers answered everything, and there were so many alarms before they were asked. Takes appends again, if
    /// nothing is uncertain and no alarm came in between.
    pub(super) fn reachable(&self, alarms: u64) {
        let mut health = self.health.write();
        let well = health.uncertain.is_empty() && health.alarms == alarms;
        if well && matches!(health.condition, Condition::Unreachable(_)) {
            tracing::info!("Kafka takes records again");
            health.condition = Condition::Open;
        }
    }
}
