//! From the log to the store: one task a partition writes what became durable and then its checkpoint.
//!
//! Write first, checkpoint after: done twice it leaves the same rows, never a hole. So two processes may work on the same
//! partition for a while, as happens when a group shares its partitions out anew ([`group`]). It knows no room and no
//! viewer.

pub mod group;

use crate::{
    rooms::{
        repeats::Repeats,
        tail::{Event, Patience, READ_BYTES_MAX, READ_RECORDS_MAX, ended, event},
    },
    world::World,
};
use chat::message::Logged;
use chat_store::{Checkpoint, Store, StoreError};
use event_log::{EventLog, Offset, Partition, ReadError};
use parking_lot::Mutex;
use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// Its name among the consumers of the log.
const CONSUMER: &str = "persist";
/// Between two tries while the store is out of reach.
const RETRY: Duration = Duration::from_millis(500);
/// How often a process asks how far other processes' persisters are. History between the mark and the truth is read from
/// the log, so this is a matter of work and not of truth: at 139 messages a second it is 70 records.
const MARKS_EVERY: Duration = Duration::from_millis(500);

/// What was written so long before the store was out of reach is written again when it is back. Databases say "written"
/// before it is on their disks: Cassandra by 0.1 s for a killed process, and by 10 s for a machine without power, unless
/// told otherwise. Where enough other nodes have the rows it is work for nothing, and little of it.
const UNSYNCED_MAX: Duration = Duration::from_secs(30);
/// What is away for a shorter time only did not answer: no database starts so quickly. It is two answers that did not come.
const AWAY_MIN: Duration = Duration::from_secs(8);
/// One place a second is remembered of these.
const TRAIL_EVERY: Duration = Duration::from_secs(1);

/// How far the store is, by partition: every record up to the mark is in the store (or was set aside).
#[derive(Debug)]
pub struct Marks {
    marks: Box<[Mark]>,
    /// Outages of the store that are over: how many, and where each partition has to be written from again.
    lost: watch::Sender<Lost>,
}

#[derive(Debug, Default)]
struct Mark {
    stored: AtomicU64,
    /// What the checkpoint said when it was looked at last. A slower process may have taken it back.
    told: AtomicU64,
    /// What lies before was written again after an outage. Once: a database that is away again and again has to be filled
    /// in between, not to begin anew each time.
    again: AtomicU64,
    /// Where the mark was in the last seconds; at most [`UNSYNCED_MAX`] / [`TRAIL_EVERY`] + 1 places, oldest first.
    trail: Mutex<VecDeque<(Instant, u64)>>,
}

#[derive(Clone, Debug, Default)]
struct Lost {
    healed: Option<Instant>,
    from: Box<[Option<u64>]>,
}

impl Marks {
    /// Nothing is stored yet.
    pub fn new(partitions: u32) -> Arc<Self> {
        let marks = (0..partitions).map(|_| Mark::default()).collect();
        Arc::new(Self { marks, lost: watch::Sender::default() })
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
            self.tell(partition, Offset(checkpoint.offset));
            self.learn(partition, Offset(checkpoint.offset));
        }
        Ok(())
    }

    /// A checkpoint says so.
    fn learn(&self, partition: Partition, to: Offset) {
        let first = self.stored(partition) == Offset(0);
        self.advance_from(partition, to, !first);
    }

    /// It was written here.
    fn advance(&self, partition: Partition, to: Offset) {
        self.advance_from(partition, to, true);
    }

    fn advance_from(&self, partition: Partition, to: Offset, lately: bool) {
        let Some(mark) = self.marks.get(partition.0 as usize) else { return };
        let before = mark.stored.fetch_max(to.0, Ordering::AcqRel);
        if before >= to.0 || !lately || before < mark.again.load(Ordering::Acquire) {
            return;
        }
        let (now, mut trail) = (Instant::now(), mark.trail.lock());
        if trail.back().is_none_or(|(at, _)| now.duration_since(*at) >= TRAIL_EVERY) {
            trail.push_back((now, before));
        }
        // What is older than that is on the disk.
        while trail.front().is_some_and(|(at, _)| now.duration_since(*at) > UNSYNCED_MAX) {
            trail.pop_front();
        }
    }

    /// The store answers again, after an outage that began at this time. What was written shortly before may be lost, so
    /// the marks go back to what is certain, and persisters with them. Several who noticed the same outage are heard once.
    fn back_from(&self, since: Instant) {
        self.lost.send_if_modified(|lost| {
            if since.elapsed() < AWAY_MIN || lost.healed.is_some_and(|healed| since <= healed) {
                return false;
            }
            let certain = |mark: &Mark| {
                let mut trail = mark.trail.lock();
                let unsynced =
                    |(at, _): &&(Instant, u64)| since.saturating_duration_since(*at) <= UNSYNCED_MAX;
                let certain = trail.iter().find(unsynced).map(|(_, before)| *before)?;
                trail.clear();
                let written = mark.stored.fetch_min(certain, Ordering::AcqRel);
                mark.again.fetch_max(written, Ordering::AcqRel);
                Some(certain)
            };
            let from = self.marks.iter().map(certain).collect();
            *lost = Lost { healed: Some(Instant::now()), from };
            true
        });
    }

    /// So far even a store that was away has everything.
    fn certain(&self, partition: Partition) -> u64 {
        let Some(mark) = self.marks.get(partition.0 as usize) else { return 0 };
        mark.trail.lock().front().map_or_else(|| mark.stored.load(Ordering::Acquire), |(_, before)| *before)
    }

    fn tell(&self, partition: Partition, checkpoint: Offset) {
        if let Some(mark) = self.marks.get(partition.0 as usize) {
            mark.told.store(checkpoint.0, Ordering::Release);
        }
    }

    /// Where the checkpoint should be, if it said less when it was looked at last.
    fn behind(&self, partition: Partition) -> Option<Offset> {
        let stored = self.stored(partition);
        let told = self.marks.get(partition.0 as usize)?.told.load(Ordering::Acquire);
        (told < stored.0).then_some(stored)
    }
}

/// Writes one partition's messages.
pub struct Persister {
    log: Arc<dyn EventLog>,
    store: Arc<dyn Store>,
    marks: Arc<Marks>,
    partition: Partition,
    at: Offset,
    lost: watch::Receiver<Lost>,
    /// With a shared log: who tells messages from second records of them.
    judge: Option<Judge>,
}

/// Judges each record once, also if it is read again because the store did not take it.
struct Judge {
    repeats: Repeats,
    world: Arc<dyn World>,
    judged: Offset,
    /// Second records among those that were judged and may be read again.
    repeated: HashSet<u64>,
    /// All second records after this one, as far as was judged, are in `repeated`.
    remembers_after: Offset,
}

impl Judge {
    /// Ready for what comes after this record.
    async fn after(
        log: &dyn EventLog,
        partition: Partition,
        at: Offset,
        world: Arc<dyn World>,
    ) -> Result<Self, ReadError> {
        let repeats = Repeats::before(log, partition, at, world.now()).await?;
        Ok(Self { repeats, world, judged: at, repeated: HashSet::new(), remembers_after: at })
    }

    /// Nothing before this will be read again, as far as one knows.
    fn forget_before(&mut self, certain: Offset) {
        self.repeated.retain(|at| *at > certain.0);
        self.remembers_after = self.remembers_after.max(certain);
    }

    fn is_message(&mut self, logged: &Logged) -> bool {
        let at = Offset(logged.seq.0);
        if at > self.judged {
            self.judged = at;
            if !self.repeats.is_message(logged, self.world.now()) {
                self.repeated.insert(at.0);
                metrics::counter!("twitchy_repeats_dropped_total", "reader" => "persist").increment(1);
            }
        }
        !self.repeated.contains(&at.0)
    }
}

/// Why persisting cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The checkpoint is of another log.
    #[error(
        "the store belongs to another log (partition {partition}: epoch {stored}, the log's is {log}): the log was lost or \
         made anew while the store was kept. Bring the old log back, or move the whole data folder away and start afresh (with a topic and a \
         keyspace: with other names)"
    )]
    OtherLog {
        /// Which.
        partition: u32,
        /// In the checkpoint.
        stored: String,
        /// Of the log.
        log: String,
    },
    /// The checkpoint is of this log, and beyond its end.
    #[error(
        "the store has partition {partition} up to {stored}, and the log ends at {log}: the log lost what it had accepted. \
         Bring its lost records back, or begin with a new topic and a new keyspace"
    )]
    LogLostItsEnd {
        /// Which.
        partition: u32,
        /// In the checkpoint.
        stored: u64,
        /// Of the log.
        log: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] ReadError),
}

/// Is the store of this log? For processes that write nothing to it before they serve.
pub async fn same_log(log: &dyn EventLog, store: &dyn Store) -> Result<(), StartError> {
    for partition in (0..log.partitions()).map(Partition) {
        let epoch = log.epoch(partition)?.0;
        if let Some(checkpoint) = store.load(CONSUMER, partition.0).await?
            && checkpoint.epoch != epoch
        {
            return Err(StartError::OtherLog {
                partition: partition.0,
                stored: checkpoint.epoch,
                log: epoch,
            });
        }
    }
    Ok(())
}

impl Persister {
    /// Finds out where the store stands.
    pub async fn start(
        log: Arc<dyn EventLog>,
        store: Arc<dyn Store>,
        marks: Arc<Marks>,
        partition: Partition,
        world: &Arc<dyn World>,
    ) -> Result<Self, StartError> {
        let epoch = log.epoch(partition)?.0;
        let checkpoint = store.load(CONSUMER, partition.0).await?;
        let other_log =
            |stored: String| StartError::OtherLog { partition: partition.0, stored, log: epoch.clone() };
        if let Some(checkpoint) = checkpoint.as_ref().filter(|checkpoint| checkpoint.epoch != epoch) {
            return Err(other_log(checkpoint.epoch.clone()));
        }
        if let Some(checkpoint) = &checkpoint
            && log.is_shared()
        {
            group::wait_for(log.as_ref(), partition, Offset(checkpoint.offset)).await?;
        }
        let bounds = log.bounds(partition)?;
        let begin = Offset(bounds.first.0.saturating_sub(1));
        let at = match checkpoint {
            Some(checkpoint) if checkpoint.offset > bounds.last.0 => {
                return Err(other_log(checkpoint.epoch));
            }
            // A crash may bring back an older checkpoint, even one that lies before what was trimmed since. The rows are
            // there all the same: nothing is trimmed that was not in the store, durably.
            Some(checkpoint) => Offset(checkpoint.offset).max(begin),
            None => {
                if bounds.first.0 > 1 {
                    // A store that was taken away and is filled again: as far back as the log reaches.
                    let first = bounds.first.0;
                    tracing::warn!(
                        partition = partition.0,
                        first,
                        "the store is new, and the log no longer has its beginning: older messages are not in the history"
                    );
                }
                begin
            }
        };
        let judge = if log.is_shared() {
            Some(Judge::after(log.as_ref(), partition, at, world.clone()).await?)
        } else {
            None
        };
        marks.learn(partition, at);
        let lost = marks.lost.subscribe();
        Ok(Self { log, store, marks, partition, at, lost, judge })
    }

    /// Writes what is there already.
    pub async fn catch_up(&mut self) -> Result<(), StartError> {
        let last = self.log.bounds(self.partition)?.last;
        while self.at < last {
            self.step().await?;
        }
        Ok(())
    }

    /// Follows the log until it closes. A store that is out of reach is tried again for ever: the log keeps what it missed.
    /// So is a shared log that is out of reach; that it is closed is what [`EventLog::wait_past`] says.
    pub async fn run(mut self) -> ReadError {
        let (mut failing, mut patience): (Option<Instant>, _) = (None, Patience::new());
        loop {
            tokio::select! {
                biased;
                _ = self.lost.changed() => self.go_back(),
                past = self.log.wait_past(self.partition, self.at) => {
                    if let Err(error) = past {
                        return error;
                    }
                }
            }
            let began = Instant::now();
            match self.step().await {
                Ok(()) => {
                    patience.renew();
                    if let Some(since) = failing.take() {
                        tracing::info!(partition = self.partition.0, "the store takes messages again");
                        if self.log.is_shared() {
                            self.marks.back_from(since);
                        }
                    }
                }
                Err(StartError::Log(ReadError::Unavailable(cause))) if self.log.is_shared() => {
                    if let Some(ended) = ended(self.log.as_ref(), self.partition) {
                        return ended;
                    }
                    metrics::counter!("twitchy_log_read_failures_total", "reader" => "persist").increment(1);
                    tracing::warn!(partition = self.partition.0, cause, "the log cannot be read; trying on");
                    patience.pause().await;
                }
                // The brokers' retention does not ask how far the store is.
                Err(StartError::Log(ReadError::Trimmed { asked, first })) if self.log.is_shared() => {
                    let lost = first.0.saturating_sub(asked.0);
                    metrics::counter!("twitchy_persist_lost_records_total").increment(lost);
                    tracing::error!(
                        partition = self.partition.0,
                        asked = asked.0,
                        first = first.0,
                        "the log gave up records that were not in the store yet; the history has a hole"
                    );
                    self.at = Offset(first.0.saturating_sub(1));
                }
                Err(StartError::Log(error)) => return error,
                Err(error) => {
                    metrics::counter!("twitchy_persist_failures_total").increment(1);
                    self.tell_lag();
                    if failing.is_none() {
                        tracing::error!(partition = self.partition.0, %error, "the store does not take messages; trying on");
                        failing = Some(began);
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// The store may have lost the newest of what it took.
    fn go_back(&mut self) {
        let from = self.lost.borrow_and_update().from.get(self.partition.0 as usize).copied().flatten();
        // What was trimmed was in the store long before.
        let first = self.log.bounds(self.partition).map_or(0, |bounds| bounds.first.0.saturating_sub(1));
        if let Some(from) = from.map(|from| from.max(first)).filter(|from| *from < self.at.0) {
            let again = self.at.0 - from;
            tracing::info!(
                partition = self.partition.0,
                again,
                "the store was away; its newest records are written again"
            );
            self.at = Offset(from);
        }
    }

    /// For operators: how many records the log has beyond what is in the store.
    fn tell_lag(&self) {
        let last = self.log.bounds(self.partition).map_or(self.at, |bounds| bounds.last);
        #[allow(clippy::cast_precision_loss)]
        let lag = last.0.saturating_sub(self.at.0) as f64;
        metrics::gauge!("twitchy_persist_lag_records", "partition" => self.partition.0.to_string()).set(lag);
    }

    async fn step(&mut self) -> Result<(), StartError> {
        if let Some(judge) = self.judge.as_mut().filter(|judge| self.at < judge.remembers_after) {
            // It went back behind what it remembers: another process wrote that, or the marks ran ahead meanwhile.
            *judge = Judge::after(self.log.as_ref(), self.partition, self.at, judge.world.clone()).await?;
        }
        let records = self.log.read(self.partition, self.at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
        let Some(last) = records.last().map(|r| r.offset) else { return Ok(()) };
        let (mut messages, mut taken) = (Vec::new(), Vec::new());
        for event in records.iter().filter_map(|record| event(self.partition, record)) {
            match event {
                Event::Message(logged) => messages.push(*logged),
                Event::Measure(one) => taken.push(*one),
            }
        }
        if let Some(judge) = &mut self.judge {
            messages.retain(|logged| judge.is_message(logged));
        }
        let rows = messages.len() as u64;
        if !messages.is_empty() {
            self.store.write(messages).await?;
        }
        if !taken.is_empty() {
            self.store.measure(taken).await?;
        }
        // Another process may have come further while this one was slow; its checkpoint is not taken back.
        if self.marks.stored(self.partition) < last {
            let epoch = self.log.epoch(self.partition)?.0;
            self.store.save(CONSUMER, self.partition.0, Checkpoint { epoch, offset: last.0 }).await?;
        }
        metrics::counter!("twitchy_messages_stored_total").increment(rows);
        self.at = last;
        // Unless it has to go back.
        if !self.lost.has_changed().unwrap_or(false) {
            self.marks.advance(self.partition, last);
        }
        self.tell_lag();
        if let Some(judge) = &mut self.judge {
            // A page that is read again may be shorter, and the store may lose what it took lately; what was judged was
            // judged all the same.
            judge.forget_before(Offset(self.marks.certain(self.partition)).min(last));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
