//! How far the store is, and how far it certainly stays.
//!
//! A database says "written" before it is on its disks. So there are two checkpoints over a shared log: up to the first
//! ([`CONSUMER`]) the store was told everything, and history is read from it; up to the second ([`CERTAIN`]), which
//! follows [`UNSYNCED_MAX`] behind, everything is on its disks. Whoever begins, or goes on after an outage, begins at the
//! second, so what a database lost when it ended is written again, whoever ended with it. It knows no record. Start with
//! [`Marks::follow`] and [`Marks::back_from`].

use super::{CERTAIN, CONSUMER};
use chat_store::{Store, StoreError};
use event_log::{EventLog, Offset, Partition};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// How often a process asks how far other processes' persisters are. History between the mark and the truth is read from
/// the log, so this is a matter of work and not of truth: at 139 messages a second it is 70 records.
const MARKS_EVERY: Duration = Duration::from_millis(500);

/// What was written so long before the store was out of reach is written again when it is back. Databases say "written"
/// before it is on their disks: Cassandra by 0.1 s for a killed process, and by 10 s for a machine without power, unless
/// told otherwise. Where enough other nodes have the rows it is work for nothing, and little of it: at 139 messages a
/// second 4,170 rows, a fraction of a second; at 13,889 some ten seconds of a persister's time.
pub(super) const UNSYNCED_MAX: Duration = Duration::from_secs(30);
/// What is away for a shorter time only did not answer, unless one of its servers says that it was started anew
/// ([`Marks::look_for_new_life`]). It is two answers that did not come.
pub(super) const AWAY_MIN: Duration = Duration::from_secs(8);
/// One place a second is remembered of these.
const TRAIL_EVERY: Duration = Duration::from_secs(1);

/// How far the store is, by partition: every record up to the mark is in the store (or was set aside).
#[derive(Debug)]
pub struct Marks {
    marks: Box<[Mark]>,
    /// The last outage of the store that is over.
    pub(super) lost: watch::Sender<Option<Outage>>,
    /// In which life each server of the store was, and when it was asked. As many as there are.
    lives: Mutex<BTreeMap<String, (i64, Instant)>>,
}

#[derive(Debug, Default)]
struct Mark {
    stored: AtomicU64,
    /// What the checkpoint said when it was looked at last. A slower process may have taken it back.
    told: AtomicU64,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    trail: Trail,
    /// After an outage: the checkpoint may be from before it, and say more than the store has.
    doubt: Option<Doubt>,
}

#[derive(Debug)]
struct Doubt {
    since: Instant,
    /// What it said first. As soon as it says something else, a persister has taken it back, or went on.
    first: Option<u64>,
}

/// The store was away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    /// Since this time,
    pub(super) began: Instant,
    /// and until this one.
    healed: Instant,
}

/// Where something that only rises was in the last [`UNSYNCED_MAX`]; at most one place each [`TRAIL_EVERY`], oldest first.
#[derive(Debug, Default)]
pub(super) struct Trail(VecDeque<(Instant, u64)>);

impl Trail {
    /// It rises from here, now.
    pub(super) fn leaves(&mut self, before: u64) {
        let now = Instant::now();
        if self.0.back().is_none_or(|(at, _)| now.duration_since(*at) >= TRAIL_EVERY) {
            self.0.push_back((now, before));
        }
        // What is older than that is on the disk.
        while self.0.front().is_some_and(|(at, _)| now.duration_since(*at) > UNSYNCED_MAX) {
            self.0.pop_front();
        }
    }

    /// So far everything was on the disk at the last rise; none if that is all there was.
    pub(super) fn certain(&self) -> Option<u64> {
        self.0.front().map(|(_, before)| *before)
    }

    /// So far everything was on the disk when an outage began, and what lay behind is no longer remembered.
    pub(super) fn take_certain(&mut self, began: Instant) -> Option<u64> {
        let unsynced = |(at, _): &&(Instant, u64)| began.saturating_duration_since(*at) <= UNSYNCED_MAX;
        let certain = self.0.iter().find(unsynced).map(|(_, before)| *before);
        self.0.clear();
        certain
    }
}

impl Marks {
    /// Nothing is stored yet.
    pub fn new(partitions: u32) -> Arc<Self> {
        let marks = (0..partitions).map(|_| Mark::default()).collect();
        Arc::new(Self { marks, lost: watch::Sender::default(), lives: Mutex::default() })
    }

    /// The last offset that is in the store.
    pub fn stored(&self, partition: Partition) -> Offset {
        Offset(self.marks.get(partition.0 as usize).map_or(0, |mark| mark.stored.load(Ordering::Acquire)))
    }

    /// Learns from the checkpoints in the store how far all persisters are, those of other processes included; runs until
    /// it is dropped. A mark may be older than the truth, never newer: whoever saved a checkpoint had written before it.
    pub async fn follow(self: Arc<Self>, log: Arc<dyn EventLog>, store: Arc<dyn Store>) {
        let mut often = tokio::time::interval(MARKS_EVERY);
        often.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing: Option<Instant> = None;
        loop {
            often.tick().await;
            let asked = Instant::now();
            if log.is_shared() {
                // First: a checkpoint of the new life may speak for what was lost with the old one.
                self.look_for_new_life(store.as_ref()).await;
            }
            match (self.look(log.as_ref(), store.as_ref()).await, failing) {
                (Err(error), None) => {
                    tracing::warn!(%error, "the store does not say how far it is; the log stands in for it");
                    failing = Some(asked);
                }
                (Ok(()), Some(since)) => {
                    tracing::info!("the store says again how far it is");
                    self.back_from(since);
                    failing = None;
                }
                (Ok(()), None) | (Err(_), Some(_)) => {}
            }
        }
    }

    /// Asks once. A checkpoint of another log is none of this one's.
    pub async fn look(&self, log: &dyn EventLog, store: &dyn Store) -> Result<(), StoreError> {
        for partition in (0..log.partitions()).map(Partition) {
            self.look_at(log, store, partition).await?;
        }
        Ok(())
    }

    /// As [`Self::look`], for one partition.
    pub async fn look_at(
        &self,
        log: &dyn EventLog,
        store: &dyn Store,
        partition: Partition,
    ) -> Result<(), StoreError> {
        let checkpoint = store.load(CONSUMER, partition.0).await?;
        if let (Some(checkpoint), Ok(epoch)) = (checkpoint, log.epoch(partition))
            && checkpoint.epoch == epoch.0
        {
            self.hear(partition, Offset(checkpoint.offset));
        }
        Ok(())
    }

    /// A checkpoint says so. After an outage what it says is not believed before it says something else: whoever goes on
    /// takes it back first. If nobody does for as long as all that would be on the disk by itself, nothing was lost.
    pub(super) fn hear(&self, partition: Partition, checkpoint: Offset) {
        let Some(mark) = self.marks.get(partition.0 as usize) else { return };
        mark.told.store(checkpoint.0, Ordering::Release);
        let mut recent = mark.recent.lock();
        if let Some(doubt) = &mut recent.doubt {
            let first = *doubt.first.get_or_insert(checkpoint.0);
            if first == checkpoint.0 && doubt.since.elapsed() <= UNSYNCED_MAX {
                return;
            }
            recent.doubt = None;
        }
        drop(recent);
        // What is found at the start was not written lately, as far as one knows.
        let first = self.stored(partition) == Offset(0);
        self.rise(partition, checkpoint, !first);
    }

    /// A persister of this process begins here: all before is in the store.
    pub(super) fn begin(&self, partition: Partition, at: Offset) {
        self.rise(partition, at, false);
    }

    /// It was written here.
    pub(super) fn advance(&self, partition: Partition, to: Offset) {
        self.rise(partition, to, true);
    }

    fn rise(&self, partition: Partition, to: Offset, lately: bool) {
        let Some(mark) = self.marks.get(partition.0 as usize) else { return };
        let before = mark.stored.fetch_max(to.0, Ordering::AcqRel);
        if before < to.0 && lately {
            mark.recent.lock().trail.leaves(before);
        }
    }

    /// Was a server of the store started anew since it was asked last? However short that took, and whether or not anybody
    /// was refused meanwhile, it may lack the newest of what it took.
    pub(super) async fn look_for_new_life(&self, store: &dyn Store) {
        let asked = Instant::now();
        // A store that does not answer says so elsewhere.
        let Ok(lives) = store.lives().await else { return };
        let mut last_seen: Option<Instant> = None;
        {
            let mut known = self.lives.lock();
            for (server, life) in lives {
                match known.get(&server) {
                    // Somebody asked later and was answered earlier.
                    Some((_, at)) if *at > asked => continue,
                    Some((before, at)) if *before != life => {
                        last_seen = Some(last_seen.map_or(*at, |seen| seen.min(*at)));
                    }
                    _ => {}
                }
                known.insert(server, (life, asked));
            }
        }
        if let Some(began) = last_seen {
            tracing::warn!("a server of the store was started anew; what it took last is written again");
            self.lost_since(began, asked);
        }
    }

    /// The store answers again, after an outage that began at this time. If it lasted, the store may have lost something.
    pub(super) fn back_from(&self, began: Instant) {
        if began.elapsed() >= AWAY_MIN {
            self.lost_since(began, Instant::now());
        }
    }

    /// What was written shortly before an outage may be lost, so the marks go back to what is certain, and persisters with
    /// them. Several who noticed the same outage are heard once.
    fn lost_since(&self, began: Instant, healed: Instant) {
        self.lost.send_if_modified(|lost| {
            if lost.is_some_and(|lost| began < lost.healed) {
                return false;
            }
            for mark in &self.marks {
                let mut recent = mark.recent.lock();
                if let Some(certain) = recent.trail.take_certain(began) {
                    mark.stored.fetch_min(certain, Ordering::AcqRel);
                    recent.doubt = Some(Doubt { since: Instant::now(), first: None });
                }
            }
            *lost = Some(Outage { began, healed });
            true
        });
    }

    /// A persister goes back so far.
    pub(super) fn take_back(&self, partition: Partition, to: Offset) {
        if let Some(mark) = self.marks.get(partition.0 as usize) {
            mark.stored.fetch_min(to.0, Ordering::AcqRel);
        }
    }

    /// Where the checkpoint should be, if it said less when it was looked at last.
    pub(super) fn behind(&self, partition: Partition) -> Option<Offset> {
        let stored = self.stored(partition);
        let told = self.marks.get(partition.0 as usize)?.told.load(Ordering::Acquire);
        (told < stored.0).then_some(stored)
    }
}

/// Where a persister begins: what both checkpoints say is certain, if both are of this log.
pub(super) async fn certain(
    store: &dyn Store,
    partition: Partition,
    epoch: &str,
    stored: u64,
) -> Result<u64, StoreError> {
    let certain = store.load(CERTAIN, partition.0).await?.filter(|certain| certain.epoch == epoch);
    // Of a store that was written before there were two, the one is all that is known.
    Ok(certain.map_or(stored, |certain| certain.offset.min(stored)))
}
