//! A room's past, put together without a hole: the ring holds the newest, the store what the persister has written,
//! and the log what lies between.
//!
//! It knows no HTTP and no viewer. Reading order matters: the persister's mark is looked at *before* the store is
//! read, and the ring's beginning before both, so that every message is in at least one of the three.

use super::{
    Room,
    feed::{Resume, Snapshot},
    tail::{READ_BYTES_MAX, READ_RECORDS_MAX, decode},
};
use crate::persist::Marks;
use chat::message::Logged;
use chat_store::{MessageStore, PAGE_ROWS_MAX, Page, StoreError};
use event_log::{EventLog, Offset, Partition, ReadError};
use protocol::ids::{MessageId, Seq};
use std::{sync::Arc, time::Duration};

/// Most log records looked through for the part that is not yet in the store. The persister lags by milliseconds;
/// after a long outage of the store this bounds the work of one reader.
const LAG_RECORDS_MAX: u64 = 100_000;
/// How long a resume waits for the feed to come to the message it resumes after. The feed lags by well under a
/// millisecond; a `seq` of another room in the same partition is never reached.
const FEED_LAG_MAX: Duration = Duration::from_millis(250);
/// Without a limit of the caller's.
const ALL: usize = usize::MAX;

/// Reads rooms' pasts.
#[derive(Clone)]
pub struct History {
    log: Arc<dyn EventLog>,
    store: Arc<dyn MessageStore>,
    marks: Arc<Marks>,
}

/// Why a past could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The store is too far behind the log.
    #[error("the store is still catching up")]
    CatchingUp,
}

impl From<HistoryError> for super::tail::PrimeError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Store(e) => Self::Store(e),
            HistoryError::Log(e) => Self::Log(e),
            HistoryError::CatchingUp => Self::Store(StoreError::Unavailable("still catching up".to_owned())),
        }
    }
}

/// What a resume gives.
pub enum Resumed {
    /// Everything that was missed: older messages first, then those of the snapshot.
    Complete {
        /// What the ring no longer has.
        older: Vec<Logged>,
        /// The rest, and the place to go on.
        snapshot: Snapshot,
    },
    /// More was missed than is replayed at once.
    TooOld,
    /// Later than anything there is.
    Ahead,
}

impl History {
    /// Reads from these; `marks` say how far the store is.
    pub fn new(log: Arc<dyn EventLog>, store: Arc<dyn MessageStore>, marks: Arc<Marks>) -> Self {
        Self { log, store, marks }
    }

    /// The newest offset of a partition that is known to be in the store.
    pub fn stored(&self, partition: Partition) -> Offset {
        self.marks.stored(partition)
    }

    /// The messages after `after`, at most `limit`, oldest first.
    pub async fn after(&self, room: &Room, after: Seq, limit: usize) -> Result<Vec<Logged>, HistoryError> {
        let stored = Seq(self.marks.stored(room.partition).0);
        let mut found = Vec::new();
        let mut at = after;
        while at < stored && found.len() < limit {
            let asked = PAGE_ROWS_MAX.min(limit - found.len());
            let page = self.store.page(room.id(), Page::After(at), asked).await?;
            // Only a page that is full may have others behind it.
            at = page.last().filter(|_| page.len() == asked).map_or(stored, |m| m.seq.min(stored));
            // Beyond its mark the store may have holes; the log has none.
            found.extend(page.into_iter().filter(|m| m.seq <= stored));
        }
        if found.len() < limit {
            found.extend(self.in_log(room, at, None, limit - found.len()).await?);
        }
        Ok(found)
    }

    /// The newest messages before `before` (or at all), at most `limit`, oldest first.
    pub async fn before(
        &self,
        room: &Room,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Logged>, HistoryError> {
        let stored = Seq(self.marks.stored(room.partition).0);
        let newer = if before.is_none_or(|b| b.0 > stored.0 + 1) {
            let all = self.in_log(room, stored, before, ALL).await?;
            let skip = all.len().saturating_sub(limit);
            all.into_iter().skip(skip).collect()
        } else {
            Vec::new()
        };
        if newer.len() == limit {
            return Ok(newer);
        }
        let end = Seq(before.map_or(stored.0 + 1, |b| b.0.min(stored.0 + 1)));
        let mut page = self.store.page(room.id(), Page::Before(end), limit - newer.len()).await?;
        page.extend(newer);
        Ok(page)
    }

    /// One message, if the room has it.
    pub async fn message(&self, room: &Room, id: MessageId) -> Result<Option<Logged>, HistoryError> {
        // The mark first: what the persister writes while the store is read is then still looked for in the log.
        let stored = Seq(self.marks.stored(room.partition).0);
        if let Some(found) = self.store.message(room.id(), id).await? {
            return Ok(Some(found));
        }
        let newer = self.in_log(room, stored, None, ALL).await?;
        Ok(newer.into_iter().find(|m| m.message.id == id))
    }

    /// A message that was accepted at this place. From the log, which has it whatever the store does; only one that the
    /// log has given up already (an old nonce) is looked for in the store.
    pub async fn accepted(
        &self,
        room: &Room,
        id: MessageId,
        seq: Seq,
    ) -> Result<Option<Logged>, HistoryError> {
        let before = Offset(seq.0.saturating_sub(1));
        if let Ok(records) = self.log.read(room.partition, before, 1, READ_BYTES_MAX).await {
            let found = records.first().and_then(|record| decode(room.partition, record));
            if let Some(found) = found.filter(|logged| logged.message.id == id) {
                return Ok(Some(found));
            }
        }
        self.message(room, id).await
    }

    /// Everything after `after`, if it is not more than `limit`.
    pub async fn resume(&self, room: &Room, after: Seq, limit: usize) -> Result<Resumed, HistoryError> {
        if after.0 > self.log.bounds(room.partition)?.last.0 {
            return Ok(Resumed::Ahead);
        }
        // Whoever has the ack of a message can be a moment ahead of the feed; what it has must not come again.
        let _ = tokio::time::timeout(FEED_LAG_MAX, room.feed.reached(after)).await;
        let mut older: Vec<Logged> = Vec::new();
        let mut from = after;
        // The ring may move on while the store is read; each round starts where the last one ended.
        loop {
            match room.feed.resume(from) {
                Resume::Complete(snapshot) if older.len() + snapshot.messages.len() > limit => {
                    return Ok(Resumed::TooOld);
                }
                Resume::Complete(snapshot) => return Ok(Resumed::Complete { older, snapshot }),
                Resume::Before(ring_begins_after) => {
                    let asked = limit + 1 - older.len();
                    let page = self.after(room, from, asked).await?;
                    let reaches_ring =
                        page.len() < asked || page.last().is_some_and(|m| m.seq > ring_begins_after);
                    older.extend(page.into_iter().filter(|m| m.seq <= ring_begins_after));
                    if older.len() > limit {
                        return Ok(Resumed::TooOld);
                    }
                    from =
                        if reaches_ring { ring_begins_after } else { older.last().map_or(from, |m| m.seq) };
                }
            }
        }
    }

    /// The room's messages in the log after `after` and before `before`, oldest first, at most `limit`.
    async fn in_log(
        &self,
        room: &Room,
        after: Seq,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Logged>, HistoryError> {
        let last =
            self.log.bounds(room.partition)?.last.0.min(before.map_or(u64::MAX, |b| b.0.saturating_sub(1)));
        if last.saturating_sub(after.0) > LAG_RECORDS_MAX && limit == ALL {
            return Err(HistoryError::CatchingUp);
        }
        let mut found = Vec::new();
        let mut at = Offset(after.0);
        while at.0 < last && found.len() < limit {
            let records = self.log.read(room.partition, at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
            let Some(end) = records.last() else { break };
            at = end.offset;
            let messages =
                records.iter().take_while(|r| r.offset.0 <= last).filter_map(|r| decode(room.partition, r));
            found.extend(messages.filter(|m| m.message.room == room.id()).take(limit - found.len()));
        }
        Ok(found)
    }
}
