//! From the log to the store: one task a partition writes what became durable and then its checkpoint.
//!
//! Write first, checkpoint after: done twice it leaves the same rows, never a hole. So two processes may work on the same
//! partition for a while, as happens when a group shares its partitions out anew ([`group`]). How far the store is, and how far
//! it certainly stays, is in [`marks`]. It knows no room and no viewer.

pub mod group;
mod marks;
mod trouble;

pub use marks::Marks;

use crate::{
    rooms::{
        repeats::Repeats,
        tail::{Patience, READ_BYTES_MAX, READ_RECORDS_MAX, ended, seen},
    },
    world::World,
};
use chat::{
    moderation::Taken,
    record::{Head, Seen},
};
use chat_store::{Checkpoint, Mark, Row, Store, StoreError};
use event_log::{EventLog, Offset, Partition, ReadError};
use marks::{AWAY_MIN, Outage, Trail};
use protocol::ids::Seq;
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use trouble::Trouble;

/// Its name among the consumers of the log, and that of its checkpoint: so far the store was told everything.
const CONSUMER: &str = "persist";
/// The name of the checkpoint that a shared log has besides: so far everything is on the store's disks ([`marks`]).
const CERTAIN: &str = "persist-certain";
/// Between two tries while the store is out of reach.
const RETRY: Duration = Duration::from_millis(500);
/// What comes within this time of a step is written by the next one together, unless it is a whole page before. A call to the
/// store costs as much for one row as for dozens: at 5,000 messages a second in a partition a step has 500 of them, and at 139
/// there are ten steps a second instead of 139. Meanwhile they are read from the rings and the log.
const GATHER: Duration = Duration::from_millis(100);
/// So often in a row a persister goes back to the same place. A store that is away again and again, before what was
/// written again is on its disks, has to be filled at last.
const AGAIN_MAX: u32 = 3;

/// Writes one partition's messages.
pub struct Persister {
    log: Arc<dyn EventLog>,
    store: Arc<dyn Store>,
    marks: Arc<Marks>,
    partition: Partition,
    at: Offset,
    lost: watch::Receiver<Option<Outage>>,
    /// With a shared log: what is told, and not certain.
    unsynced: Option<Unsynced>,
    /// With a shared log: who tells messages from second records of them.
    judge: Option<Judge>,
}

/// How far back a persister goes when the store may have lost something.
#[derive(Debug, Default)]
struct Unsynced {
    trail: Trail,
    /// What the checkpoint says that is certain, if there is one.
    saved: Option<u64>,
    /// The checkpoint of what was told is to be taken back before anything is written.
    takes_back: bool,
    /// Where it went back to last, and how often.
    back_to: Option<(u64, u32)>,
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

    fn is_message(&mut self, seq: Seq, head: &Head<'_>) -> bool {
        let at = Offset(seq.0);
        if at > self.judged {
            self.judged = at;
            if !self.repeats.is_message(seq, head, self.world.now()) {
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
            Some(Checkpoint { offset: stored, .. }) if log.is_shared() => {
                // Its rows are read while the newest are written again.
                marks.hear(partition, Offset(stored));
                Offset(marks::certain(store.as_ref(), partition, &epoch, stored).await?).max(begin)
            }
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
        marks.begin(partition, at);
        let lost = marks.lost.subscribe();
        let unsynced = log.is_shared().then(Unsynced::default);
        Ok(Self { log, store, marks, partition, at, lost, unsynced, judge })
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
        let (mut trouble, mut patience): (Option<Trouble>, _) = (None, Patience::new());
        let mut gathers_until = Instant::now();
        loop {
            tokio::select! {
                biased;
                _ = self.lost.changed() => self.go_back(),
                past = gathered(self.log.as_ref(), self.partition, self.at, gathers_until) => {
                    if let Err(error) = past {
                        return error;
                    }
                }
            }
            // First it goes back: a checkpoint that went on now would speak for what was lost.
            if let Some(trouble) = trouble.as_mut().filter(|_| self.unsynced.is_some()) {
                self.marks.look_for_new_life(self.store.as_ref()).await;
                if trouble.since.elapsed() >= AWAY_MIN && !trouble.went_back {
                    if let Err(error) = self.store.load(CONSUMER, self.partition.0).await {
                        self.failed(trouble, &error.into()).await;
                        continue;
                    }
                    trouble.went_back = true;
                    self.marks.back_from(trouble.since);
                }
                if self.lost.has_changed().unwrap_or(false) {
                    continue;
                }
            }
            let began = Instant::now();
            gathers_until = began + GATHER;
            match self.step().await {
                Ok(()) => {
                    patience.renew();
                    if let Some(Trouble { failures, since, .. }) = trouble.take() {
                        let (partition, lasted) = (self.partition.0, since.elapsed());
                        tracing::info!(partition, failures, ?lasted, "the store takes messages again");
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
                    self.failed(trouble.get_or_insert_with(|| Trouble::new(began)), &error).await;
                }
            }
        }
    }

    /// The store did not take something; a pause before it is tried again.
    async fn failed(&self, trouble: &mut Trouble, error: &StartError) {
        metrics::counter!("twitchy_persist_failures_total").increment(1);
        self.tell_lag();
        if trouble.failed() {
            let (partition, failures) = (self.partition.0, trouble.failures);
            tracing::error!(partition, failures, %error, "the store does not take messages; trying on");
        }
        tokio::time::sleep(RETRY).await;
    }

    /// The store may have lost the newest of what it took.
    fn go_back(&mut self) {
        let outage = *self.lost.borrow_and_update();
        // What was trimmed was in the store long before.
        let first = self.log.bounds(self.partition).map_or(0, |bounds| bounds.first.0.saturating_sub(1));
        let (Some(unsynced), Some(Outage { began, .. })) = (&mut self.unsynced, outage) else { return };
        let Some(from) = unsynced.trail.take_certain(began).map(|from| from.max(first)) else { return };
        let times = unsynced.back_to.filter(|(to, _)| *to == from).map_or(1, |(_, times)| times + 1);
        if times > AGAIN_MAX {
            tracing::warn!(
                partition = self.partition.0,
                "the store is away again and again; what it took is not written once more"
            );
            unsynced.back_to = None;
            return;
        }
        unsynced.back_to = Some((from, times));
        unsynced.takes_back = true;
        let again = self.at.0.saturating_sub(from);
        tracing::info!(
            partition = self.partition.0,
            again,
            "the store was away; its newest records are written again"
        );
        self.at = Offset(from);
    }

    /// Others read the store as far as its checkpoint says, so that says less before anything else is done.
    async fn take_back(&mut self) -> Result<(), StartError> {
        if self.unsynced.as_ref().is_some_and(|unsynced| unsynced.takes_back) {
            self.save(CONSUMER, self.at).await?;
            self.marks.take_back(self.partition, self.at);
            self.unsynced.iter_mut().for_each(|unsynced| unsynced.takes_back = false);
        }
        Ok(())
    }

    async fn save(&self, name: &'static str, at: Offset) -> Result<(), StartError> {
        let Mark { consumer, partition, at } = self.mark(name, at)?;
        Ok(self.store.save(consumer, partition, at).await?)
    }

    fn mark(&self, consumer: &'static str, at: Offset) -> Result<Mark, ReadError> {
        let epoch = self.log.epoch(self.partition)?.0;
        Ok(Mark { consumer, partition: self.partition.0, at: Checkpoint { epoch, offset: at.0 } })
    }

    /// For operators: how many records the log has beyond what is in the store. What is written once more is there.
    fn tell_lag(&self) {
        let at = self.at.max(self.marks.stored(self.partition));
        let last = self.log.bounds(self.partition).map_or(at, |bounds| bounds.last);
        #[allow(clippy::cast_precision_loss)]
        let lag = last.0.saturating_sub(at.0) as f64;
        metrics::gauge!("twitchy_persist_lag_records", "partition" => self.partition.0.to_string()).set(lag);
    }

    async fn step(&mut self) -> Result<(), StartError> {
        self.take_back().await?;
        if let Some(judge) = self.judge.as_mut().filter(|judge| self.at < judge.remembers_after) {
            // It went back behind what it remembers: another process wrote that, or the marks ran ahead meanwhile.
            *judge = Judge::after(self.log.as_ref(), self.partition, self.at, judge.world.clone()).await?;
        }
        let records = self.log.read(self.partition, self.at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
        let Some(last) = records.last().map(|r| r.offset) else { return Ok(()) };
        let (mut rows, mut taken) = (Vec::with_capacity(records.len()), Vec::new());
        for record in &records {
            let seq = Seq(record.offset.0);
            match seen(self.partition, record) {
                Some(Seen::Message(head))
                    if self.judge.as_mut().is_none_or(|judge| judge.is_message(seq, &head)) =>
                {
                    let Head { id, room, sent_at, .. } = head;
                    rows.push(Row { room, seq, id, sent_at, record: record.payload.clone() });
                }
                Some(Seen::Measure(measure)) => taken.push(Taken { seq, measure: *measure }),
                // A second record of its nonce, or nothing that can be read.
                Some(Seen::Message(_)) | None => {}
            }
        }
        let stored = rows.len() as u64;
        if !taken.is_empty() {
            self.store.measure(taken).await?;
        }
        // Another process may have come further while this one was slow; its checkpoint is not taken back.
        let further = self.marks.stored(self.partition) < last;
        let mark = if further { Some(self.mark(CONSUMER, last)?) } else { None };
        if !rows.is_empty() || mark.is_some() {
            self.store.keep(rows, mark).await?;
        }
        let certain = match &mut self.unsynced {
            Some(unsynced) => {
                unsynced.trail.leaves(self.at.0);
                Offset(unsynced.trail.certain().unwrap_or(self.at.0))
            }
            None => last,
        };
        if self.unsynced.as_ref().is_some_and(|unsynced| unsynced.saved != Some(certain.0)) {
            self.save(CERTAIN, certain).await?;
            self.unsynced.iter_mut().for_each(|unsynced| unsynced.saved = Some(certain.0));
        }
        metrics::counter!("twitchy_messages_stored_total").increment(stored);
        self.at = last;
        // Unless it has to go back.
        if !self.lost.has_changed().unwrap_or(false) {
            self.marks.advance(self.partition, last);
        }
        self.tell_lag();
        if let Some(judge) = &mut self.judge {
            // A page that is read again may be shorter, and the store may lose what it took lately; what was judged was
            // judged all the same.
            judge.forget_before(certain);
        }
        Ok(())
    }
}

/// Resolves once there is something to write and either this time has come or it is a whole page; with an error once the
/// log is closed. Cancel-safe.
async fn gathered(
    log: &dyn EventLog,
    partition: Partition,
    at: Offset,
    until: Instant,
) -> Result<(), ReadError> {
    log.wait_past(partition, at).await?;
    let page = Offset(at.0.saturating_add(READ_RECORDS_MAX as u64 - 1));
    // A log that ends meanwhile still has what came before.
    let _ = tokio::time::timeout_at(until, log.wait_past(partition, page)).await;
    Ok(())
}

#[cfg(test)]
mod tests;
