//! From the log to the feeds: one task a partition reads what became durable and publishes it in order.
//!
//! It knows no viewer. A record that cannot be read is set aside and counted; the room goes on.

use super::{
    Directory,
    history::{History, HistoryError},
    repeats::{accepted, time_at},
};
use chat::{message::Logged, nonces::LOOK_BACK_MS, record::Record, time::Millis};
use event_log::{EventLog, Offset, Partition, ReadError};
use futures_util::FutureExt;
use protocol::{
    ids::{RoomId, Seq},
    limits::{HISTORY_MAX, NONCE_TTL_MS},
};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Records of one read: a few batches of the busiest room.
pub const READ_RECORDS_MAX: usize = 2_000;
/// Bytes of one read: 2,000 records of 500 bytes.
pub const READ_BYTES_MAX: usize = 1024 * 1024;
/// So much of a shared log's newest time is put into the rings at the start, as far as it fits: viewers of a gateway that
/// died come to others and resume, or come back to it, within seconds. Of this time too it has to be known which records
/// are second ones, so it makes the look back longer.
const RING_MS: u64 = 120_000;
/// Between two tries while a shared log is out of reach: at first, and at most.
const RETRY: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// Follows one partition for the life of the process.
pub struct Tail {
    log: Arc<dyn EventLog>,
    rooms: Arc<Directory>,
    partition: Partition,
    at: Offset,
}

/// Reads a record; `None` if there is nothing in it (a barrier, which a log writes for itself after an outage), or
/// (counted and logged) if this version cannot.
pub fn decode(partition: Partition, record: &event_log::Record) -> Option<Logged> {
    if record.payload.is_empty() {
        return None;
    }
    match Record::decode(&record.payload) {
        Ok(Record::Message(message)) => Some(Logged { seq: Seq(record.offset.0), message: *message }),
        Ok(Record::Measure(_)) => None,
        Err(error) => {
            metrics::counter!("twitchy_records_set_aside_total").increment(1);
            tracing::error!(partition = partition.0, offset = record.offset.0, %error, "a log record cannot be read; it is set aside");
            None
        }
    }
}

/// Why nothing more will come of this log, if it has ended. One that is out of reach has not.
pub(crate) fn ended(log: &dyn EventLog, partition: Partition) -> Option<ReadError> {
    log.wait_past(partition, Offset(u64::MAX)).now_or_never().and_then(Result::err)
}

/// A pause between two tries, longer each time.
pub(crate) struct Patience(Duration);

impl Patience {
    pub(crate) fn new() -> Self {
        Self(RETRY)
    }

    /// After a failure.
    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(RETRY_MAX);
    }

    /// It went well again; `true` if it had not.
    pub(crate) fn renew(&mut self) -> bool {
        std::mem::replace(&mut self.0, RETRY) != RETRY
    }
}

impl Tail {
    /// Fills the rings and nonces of a partition's rooms from what is there already, and stands ready to follow.
    pub async fn prime(
        log: Arc<dyn EventLog>,
        rooms: Arc<Directory>,
        history: &History,
        partition: Partition,
        now: Millis,
    ) -> Result<Self, PrimeError> {
        let bounds = log.bounds(partition)?;
        let shared = log.is_shared();
        let ago = |time: Millis, ms: u64| Millis(time.0.saturating_sub(ms));
        let (begin, start) = if shared {
            // The log's own time, if this process's clock is ahead of it.
            let time = time_at(log.as_ref(), partition, bounds.last, now).await?;
            let begin = last_before(log.as_ref(), partition, ago(time, RING_MS + LOOK_BACK_MS)).await?;
            let start = last_before(log.as_ref(), partition, ago(time, RING_MS)).await?;
            (begin.min(start), start)
        } else {
            let start = last_before(log.as_ref(), partition, ago(now, NONCE_TTL_MS)).await?;
            (start, start)
        };
        let mut tail = Self { log, rooms, partition, at: begin };
        while tail.at < start {
            tail.look_back(start).await?;
        }
        // What lies before `start` comes from the store or the log's older part, as much as a join shows.
        for room in tail.rooms.in_partition(partition) {
            room.judged_after.store(start.0, Ordering::Release);
            room.follow(start);
            let older = history.before(room, Some(Seq(start.0 + 1)), HISTORY_MAX as usize).await?;
            // With fewer than asked for, the room's whole past is in the ring.
            let whole = older.len() < HISTORY_MAX as usize;
            room.feed.begins_after(if whole { Seq(0) } else { Seq(older[0].seq.0 - 1) });
            room.feed.publish(&older);
        }
        while tail.at < bounds.last {
            tail.step().await?;
        }
        Ok(tail)
    }

    /// Follows the log until it closes; the error says why. A shared log that is out of reach is tried again: that it is
    /// closed is what [`EventLog::wait_past`] says.
    pub async fn run(mut self) -> ReadError {
        let mut patience = Patience::new();
        loop {
            if let Err(error) = self.log.wait_past(self.partition, self.at).await {
                return error;
            }
            match self.step().await {
                Ok(()) => {
                    if patience.renew() {
                        tracing::info!(partition = self.partition.0, "the feed goes on");
                    }
                }
                // Only if this task slept longer than the retention: nothing can be done but say so and go on.
                Err(ReadError::Trimmed { asked, first }) => {
                    tracing::error!(asked = asked.0, first = first.0, "the log was trimmed under the feed");
                    self.at = Offset(first.0.saturating_sub(1));
                }
                Err(ReadError::Unavailable(cause)) if self.log.is_shared() => {
                    if let Some(ended) = ended(self.log.as_ref(), self.partition) {
                        return ended;
                    }
                    metrics::counter!("twitchy_log_read_failures_total", "reader" => "feed").increment(1);
                    tracing::warn!(partition = self.partition.0, cause, "the log cannot be read; trying on");
                    patience.pause().await;
                }
                Err(other) => return other,
            }
        }
    }

    /// The next records up to `to`: what they say of nonces, and nothing for the feeds.
    async fn look_back(&mut self, to: Offset) -> Result<(), ReadError> {
        let records = self.log.read(self.partition, self.at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
        let before = records.iter().filter(|r| r.offset <= to);
        for logged in before.filter_map(|record| decode(self.partition, record)) {
            let room = self.rooms.in_partition(self.partition).find(|room| room.id() == logged.message.room);
            if let (Some(room), Some(nonce)) = (room, &logged.message.nonce) {
                room.settle(logged.message.author.id, nonce, accepted(&logged));
            }
        }
        self.at = records.last().map_or(to, |last| last.offset.min(to));
        Ok(())
    }

    async fn step(&mut self) -> Result<(), ReadError> {
        let records = self.log.read(self.partition, self.at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
        let Some(last) = records.last().map(|r| r.offset) else { return Ok(()) };
        let mut by_room: HashMap<RoomId, Vec<Logged>> = HashMap::new();
        for logged in records.iter().filter_map(|record| decode(self.partition, record)) {
            by_room.entry(logged.message.room).or_default().push(logged);
        }
        for room in self.rooms.in_partition(self.partition) {
            let mut messages = by_room.remove(&room.id()).unwrap_or_default();
            messages.retain(|m| {
                let Some(nonce) = &m.message.nonce else { return true };
                let first = room.settle(m.message.author.id, nonce, accepted(m));
                if !first {
                    metrics::counter!("twitchy_repeats_dropped_total", "reader" => "feed").increment(1);
                }
                first
            });
            if room.shared {
                room.nonces.lock().forget_old(room.world.now());
            }
            #[cfg(feature = "broken")]
            if event_log::broken::Fault::ClockOrder.is_on() {
                messages.sort_by_key(|m| m.message.id);
            }
            room.feed.publish(&messages);
            room.follow(last);
        }
        self.at = last;
        Ok(())
    }
}

/// The rings could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum PrimeError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] chat_store::StoreError),
    /// The store is too far behind the log. With a shared log somebody works on it, and the start may be tried again.
    #[error("the store is {0} records behind the log")]
    Behind(u64),
}

impl From<HistoryError> for PrimeError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Store(error) => Self::Store(error),
            HistoryError::Log(error) => Self::Log(error),
            HistoryError::CatchingUp { behind } => Self::Behind(behind),
        }
    }
}

/// The offset of the last record that was sent before `since`; by bisection, since times rise with offsets (nearly: a
/// clock set back makes the answer earlier or later by as much).
pub async fn last_before(
    log: &dyn EventLog,
    partition: Partition,
    since: Millis,
) -> Result<Offset, ReadError> {
    let bounds = log.bounds(partition)?;
    let (mut low, mut high) = (bounds.first.0.saturating_sub(1), bounds.last.0);
    while low < high {
        let middle = low + (high - low) / 2;
        match sent_next(log, partition, middle, high).await? {
            Some((at, sent_at)) if sent_at < since => low = at,
            _ => high = middle,
        }
    }
    Ok(Offset(low))
}

/// The first record after one place and up to another that can be read: where it stands, and when it was sent.
async fn sent_next(
    log: &dyn EventLog,
    partition: Partition,
    after: u64,
    up_to: u64,
) -> Result<Option<(u64, Millis)>, ReadError> {
    let (mut at, mut records_max) = (after, 1);
    while at < up_to {
        let records = log.read(partition, Offset(at), records_max, READ_BYTES_MAX).await?;
        let Some(last) = records.last() else { break };
        let readable = records.iter().find_map(|record| match Record::decode(&record.payload) {
            Ok(Record::Message(message)) => Some((record.offset.0, message.sent_at)),
            Ok(Record::Measure(measure)) => Some((record.offset.0, measure.at)),
            Err(_) => None,
        });
        if let Some(found) = readable.filter(|(offset, _)| *offset <= up_to) {
            return Ok(Some(found));
        }
        // Rare: one that cannot be read tells no time.
        (at, records_max) = (last.offset.0, READ_RECORDS_MAX);
    }
    Ok(None)
}
