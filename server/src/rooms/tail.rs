//! From the log to the feeds: one task a partition reads what became durable and publishes it in order.
//!
//! It knows no viewer. A record that cannot be read is set aside and counted; the room goes on.

use super::{Directory, history::History};
use chat::{message::Logged, nonces::Accepted, record::Record, time::Millis};
use event_log::{EventLog, Offset, Partition, ReadError};
use protocol::{
    ids::{RoomId, Seq},
    limits::{HISTORY_MAX, NONCE_TTL_MS},
};
use std::{collections::HashMap, sync::Arc};

/// Records of one read: a few batches of the busiest room.
pub const READ_RECORDS_MAX: usize = 2_000;
/// Bytes of one read: 2,000 records of 500 bytes.
pub const READ_BYTES_MAX: usize = 1024 * 1024;

/// Follows one partition for the life of the process.
pub struct Tail {
    log: Arc<dyn EventLog>,
    rooms: Arc<Directory>,
    partition: Partition,
    at: Offset,
}

/// Reads a record; `None` (counted and logged) if this version cannot.
pub fn decode(partition: Partition, record: &event_log::Record) -> Option<Logged> {
    match Record::decode(&record.payload) {
        Ok(Record::Message(message)) => Some(Logged { seq: Seq(record.offset.0), message: *message }),
        Err(error) => {
            metrics::counter!("twitchy_records_set_aside_total").increment(1);
            tracing::error!(partition = partition.0, offset = record.offset.0, %error, "a log record cannot be read; it is set aside");
            None
        }
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
        let start = last_before(log.as_ref(), partition, Millis(now.0.saturating_sub(NONCE_TTL_MS))).await?;
        // What lies before `start` comes from the store or the log's older part, as much as a join shows.
        for room in rooms.in_partition(partition) {
            let older = history.before(room, Some(Seq(start.0 + 1)), HISTORY_MAX as usize).await?;
            // With fewer than asked for, the room's whole past is in the ring.
            let whole = older.len() < HISTORY_MAX as usize;
            room.feed.begins_after(if whole { Seq(0) } else { Seq(older[0].seq.0 - 1) });
            room.feed.publish(&older);
            room.follow(start);
        }
        let mut tail = Self { log, rooms, partition, at: start };
        while tail.at < bounds.last {
            tail.step().await?;
        }
        Ok(tail)
    }

    /// Follows the log until it closes; the error says why.
    pub async fn run(mut self) -> ReadError {
        loop {
            if let Err(error) = self.log.wait_past(self.partition, self.at).await {
                return error;
            }
            if let Err(error) = self.step().await {
                match error {
                    // Only if this task slept longer than the retention: nothing can be done but say so and go on.
                    ReadError::Trimmed { asked, first } => {
                        tracing::error!(
                            asked = asked.0,
                            first = first.0,
                            "the log was trimmed under the feed"
                        );
                        self.at = Offset(first.0.saturating_sub(1));
                    }
                    other => return other,
                }
            }
        }
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
                let accepted = Accepted { id: m.message.id, seq: m.seq, sent_at: m.message.sent_at };
                room.settle(m.message.author.id, nonce, accepted)
            });
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
        let record = log.read(partition, Offset(middle), 1, READ_BYTES_MAX).await?;
        let sent_at = record.first().and_then(|r| decode(partition, r)).map(|m| m.message.sent_at);
        match sent_at {
            Some(sent_at) if sent_at >= since => high = middle,
            // What cannot be read or is too old lies before.
            _ => low = middle + 1,
        }
    }
    Ok(Offset(low))
}
