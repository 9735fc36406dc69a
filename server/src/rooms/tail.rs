//! From the log to the feeds: one task a partition reads what became durable and publishes it in order.
//!
//! It knows no viewer, and not when a partition is followed: that is [`super::waking`]; rooms that come meanwhile are
//! [`super::newcomer`]. A record that cannot be read is set
//! aside and counted; the room goes on.

use super::{Directory, Room, history::History, repeats::accepted};
use chat::{
    message::Logged,
    moderation::Taken,
    record::{self, Record, RecordError, Seen},
    time::Millis,
};
use event_log::{EventLog, Offset, Partition, ReadError};
use futures_util::FutureExt;
use protocol::ids::{RoomId, Seq};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// Records of one read: a few batches of the busiest room.
pub const READ_RECORDS_MAX: usize = 2_000;
/// Bytes of one read: 2,000 records of 500 bytes.
pub const READ_BYTES_MAX: usize = 1024 * 1024;
/// Between two tries while a shared log is out of reach: at first, and at most.
const RETRY: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(1);
/// Rooms that nobody knows of which it is remembered that they were asked for; 16 KB.
const UNKNOWN_MAX: usize = 1_000;

/// Follows one partition.
pub struct Tail {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) rooms: Arc<Directory>,
    /// For rooms that come while the partition is followed.
    pub(super) history: History,
    pub(super) partition: Partition,
    pub(super) at: Offset,
    /// Rooms that the log speaks of and nobody knows: each was asked for once.
    unknown: HashSet<RoomId>,
    /// When rooms that could not be brought up are tried again.
    pub(super) retry: Option<Instant>,
}

/// Reads a message; `None` if the record is another or holds nothing (a barrier, which a log writes for itself after an
/// outage), or (counted and logged) if this version cannot.
pub fn decode(partition: Partition, record: &event_log::Record) -> Option<Logged> {
    match event(partition, record)? {
        Event::Message(logged) => Some(*logged),
        Event::Measure(_) => None,
    }
}

/// What a record says.
pub enum Event {
    /// Somebody said something.
    Message(Box<Logged>),
    /// A moderator did something.
    Measure(Box<Taken>),
}

impl Event {
    pub(super) fn room(&self) -> RoomId {
        match self {
            Self::Message(logged) => logged.message.room,
            Self::Measure(taken) => taken.measure.room,
        }
    }
}

/// Reads a record, whatever it says; `None` as for [`decode`].
pub fn event(partition: Partition, record: &event_log::Record) -> Option<Event> {
    let seq = Seq(record.offset.0);
    match readable(partition, record, Record::decode)? {
        Record::Message(message) => Some(Event::Message(Box::new(Logged { seq, message: *message }))),
        Record::Measure(measure) => Some(Event::Measure(Box::new(Taken { seq, measure: *measure }))),
    }
}

/// Reads a record for whoever keeps the bytes of messages as they are; `None` as for [`decode`].
pub fn seen(partition: Partition, record: &event_log::Record) -> Option<Seen<'_>> {
    readable(partition, record, record::look)
}

fn readable<'a, T>(
    partition: Partition,
    record: &'a event_log::Record,
    read: impl FnOnce(&'a [u8]) -> Result<T, RecordError>,
) -> Option<T> {
    if record.payload.is_empty() {
        return None;
    }
    match read(&record.payload) {
        Ok(said) => Some(said),
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
    /// At a place from which the log is to be read.
    pub(super) fn at(
        log: Arc<dyn EventLog>,
        rooms: Arc<Directory>,
        history: History,
        partition: Partition,
        at: Offset,
    ) -> Self {
        Self { log, rooms, history, partition, at, unknown: HashSet::new(), retry: None }
    }

    /// Reads on to what is there already, for the feeds.
    pub(super) async fn catch_up(&mut self, to: Offset) -> Result<(), ReadError> {
        while self.at < to {
            self.step().await?;
        }
        Ok(())
    }

    /// Reads on up to here what the records say of nonces and of who spoke last, and nothing for the feeds. What moderators
    /// did up to here is known already.
    pub(super) async fn look_back(&mut self, to: Offset) -> Result<(), ReadError> {
        while self.at < to {
            self.look_back_step(to).await?;
        }
        Ok(())
    }

    /// How far it has read.
    pub(super) fn place(&self) -> Offset {
        self.at
    }

    /// Follows the log until it closes; the error says why. A shared log that is out of reach is tried again: that it is
    /// closed is what [`EventLog::wait_past`] says.
    pub(super) async fn run(mut self) -> ReadError {
        let mut patience = Patience::new();
        loop {
            let retry = self.retry;
            let waited = tokio::select! {
                // Newcomers first: they are rare, and a busy log never lets anyone wait.
                biased;
                () = self.newcomers(retry) => None,
                waited = self.log.wait_past(self.partition, self.at) => Some(waited),
            };
            let step = match waited {
                Some(Err(error)) => return error,
                Some(Ok(())) => self.step().await,
                None => {
                    self.bring_up_newcomers().await;
                    continue;
                }
            };
            match step {
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

    async fn look_back_step(&mut self, to: Offset) -> Result<(), ReadError> {
        let records = self.log.read(self.partition, self.at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
        let Some(last) = records.last().map(|r| r.offset.min(to)) else {
            // The store is ahead of what is heard of the log here.
            return self.log.wait_past(self.partition, self.at).await;
        };
        let before = records.iter().filter(|r| r.offset <= to);
        let rooms = self.rooms.in_partition(self.partition);
        for logged in before.filter_map(|record| decode(self.partition, record)) {
            let Some(room) = rooms.iter().find(|room| room.id() == logged.message.room) else { continue };
            room.hear(std::slice::from_ref(&logged));
            if let Some(nonce) = &logged.message.nonce {
                room.settle(logged.message.author.id, nonce, accepted(&logged));
            }
        }
        self.at = last;
        Ok(())
    }

    async fn step(&mut self) -> Result<(), ReadError> {
        let records = self.log.read(self.partition, self.at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
        let Some(last) = records.last().map(|r| r.offset) else { return Ok(()) };
        let mut by_room: HashMap<RoomId, Vec<Event>> = HashMap::new();
        for event in records.iter().filter_map(|record| event(self.partition, record)) {
            by_room.entry(event.room()).or_default().push(event);
        }
        for room in self.rooms.in_partition(self.partition).iter() {
            let events = by_room.remove(&room.id()).unwrap_or_default();
            // One that is not up reads this by itself when it is brought up.
            if !room.is_ready() {
                continue;
            }
            let mut messages = Vec::new();
            for event in events {
                match event {
                    Event::Message(logged) => messages.push(*logged),
                    // In the room's order: what was said before it is shown, and then it takes effect.
                    Event::Measure(taken) => {
                        room.show(std::mem::take(&mut messages));
                        room.apply(*taken);
                    }
                }
            }
            room.show(messages);
            if room.shared {
                room.nonces.lock().forget_old(room.world.now());
            }
        }
        if !by_room.is_empty() {
            self.note_unknown(&by_room);
        }
        self.at = last;
        if let Some(followed) = self.rooms.partitions().get(self.partition.0 as usize) {
            followed.advance(last);
        }
        Ok(())
    }
}

impl Tail {
    /// The log may speak of a room before the word of it comes here, or of one that was in the configuration once.
    fn note_unknown(&mut self, by_room: &HashMap<RoomId, Vec<Event>>) {
        let records: usize = by_room.values().map(Vec::len).sum();
        metrics::counter!("twitchy_records_of_unknown_rooms_total").increment(records as u64);
        if self.unknown.len() + by_room.len() > UNKNOWN_MAX {
            self.unknown.clear();
        }
        let before = self.unknown.len();
        self.unknown.extend(by_room.keys().take(UNKNOWN_MAX));
        if self.unknown.len() > before {
            self.rooms.want_look();
        }
    }
}

impl Room {
    /// The log holds these: those that are messages go to the viewers.
    pub(super) fn show(&self, mut messages: Vec<Logged>) {
        messages.retain(|m| {
            let Some(nonce) = &m.message.nonce else { return true };
            let first = self.settle(m.message.author.id, nonce, accepted(m));
            if !first {
                metrics::counter!("twitchy_repeats_dropped_total", "reader" => "feed").increment(1);
            }
            first
        });
        self.hear(&messages);
        self.heard.fetch_add(messages.len() as u64, Ordering::Relaxed);
        // While the room is brought up, measures that come later are known already.
        self.leave_out_gone(&mut messages);
        #[cfg(feature = "broken")]
        if event_log::broken::Fault::ClockOrder.is_on() {
            messages.sort_by_key(|m| m.message.id);
        }
        self.feed.publish(&messages);
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
