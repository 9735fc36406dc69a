//! A room's past, put together without a hole: the ring holds the newest, the store what the persister has written,
//! and the log what lies between.
//!
//! It knows no HTTP and no viewer. Reading order matters: the persister's mark is looked at *before* the store is
//! read, and the ring's beginning before both, so that every message is in at least one of the three.

use super::{
    Room,
    feed::{Resume, Snapshot},
    followed::Stage,
    repeats::{Repeats, accepted},
    tail::{READ_BYTES_MAX, READ_RECORDS_MAX, decode},
};
use crate::persist::Marks;
use chat::{
    message::Logged,
    moderation::{
        Taken,
        facts::{Fact, State},
    },
    nonces::{RACE_MS, Verdict},
    time::Millis,
};
use chat_store::{PAGE_ROWS_MAX, Page, Store, StoreError};
use event_log::{EventLog, Offset, Partition, ReadError};
use protocol::{
    ids::{MessageId, Seq, UserId},
    limits::HISTORY_MAX,
    objects,
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// Most log records looked through for the part that is not yet in the store. The persister lags by milliseconds;
/// after a long outage of the store this bounds the work of one reader.
pub(super) const LAG_RECORDS_MAX: u64 = 100_000;
/// Most rows of the store that one reader looks through because those it looks for were taken away: 100 reads, a second
/// of work at the most. All before a clear of everything are passed over without looking.
const GONE_ROWS_MAX: usize = 100_000;
/// How long a resume waits for the feed to come to the message it resumes after. The feed lags by well under a
/// millisecond; a `seq` of another room in the same partition is never reached.
const FEED_LAG_MAX: Duration = Duration::from_millis(250);
/// The same where the log is shared: what a viewer saw at another gateway a moment ago may still be on its way here.
const SHARED_LAG_MAX: Duration = Duration::from_secs(1);
/// How long a sender's own message is looked for in a shared log; after that the store is asked. It is in memory, nearly
/// always.
const ACCEPTED_READ_MAX: Duration = Duration::from_secs(2);
/// Without a limit of the caller's.
const ALL: usize = usize::MAX;

/// Reads rooms' pasts.
#[derive(Clone)]
pub struct History {
    log: Arc<dyn EventLog>,
    store: Arc<dyn Store>,
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
    CatchingUp {
        /// Records.
        behind: u64,
    },
    /// The room's partition was not followed here, and it takes a while until it is.
    #[error("the room is being brought up here")]
    Waking,
    /// More messages in a row were taken away than one reader looks through.
    #[error("{GONE_ROWS_MAX} messages in a row were taken away")]
    TooMuchGone,
}

/// A page read backwards.
pub struct Past {
    /// Oldest first.
    pub messages: Vec<Logged>,
    /// Is this all that was asked for? If not, more messages in a row were taken away than one reader looks through.
    pub complete: bool,
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
    pub fn new(log: Arc<dyn EventLog>, store: Arc<dyn Store>, marks: Arc<Marks>) -> Self {
        Self { log, store, marks }
    }

    /// The newest offset of a partition that is known to be in the store.
    pub fn stored(&self, partition: Partition) -> Offset {
        self.marks.stored(partition)
    }

    /// The messages after `after`, at most `limit`, oldest first.
    pub async fn after(&self, room: &Room, after: Seq, limit: usize) -> Result<Vec<Logged>, HistoryError> {
        room.known().await?;
        let stored = Seq(self.marks.stored(room.partition).0);
        let mut found = Vec::new();
        let mut at = after.max(room.all_cleared());
        let mut gone = 0;
        while at < stored && found.len() < limit {
            // Where some are gone more are asked for than are missing, so that few reads find enough.
            let asked = if gone == 0 { PAGE_ROWS_MAX.min(limit - found.len()) } else { PAGE_ROWS_MAX };
            let mut page = self.stored_page(room, Page::After(at), asked).await?;
            // Only a page that is full may have others behind it.
            at = page.last().filter(|_| page.len() == asked).map_or(stored, |m| m.seq.min(stored));
            // Beyond its mark the store may have holes; the log has none.
            page.retain(|m| m.seq <= stored);
            gone += self.leave_out_gone(room, &mut page).await?;
            found.extend(page);
            if gone >= GONE_ROWS_MAX && found.len() < limit {
                return Err(HistoryError::TooMuchGone);
            }
        }
        if found.len() < limit {
            found.extend(self.in_log(room, at, None, limit - found.len()).await?);
        }
        found.truncate(limit);
        Ok(found)
    }

    /// The newest messages before `before` (or at all), at most `limit`, oldest first.
    pub async fn before(
        &self,
        room: &Room,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Logged>, HistoryError> {
        let Past { messages, complete } = self.past(room, before, limit).await?;
        if complete { Ok(messages) } else { Err(HistoryError::TooMuchGone) }
    }

    /// The same, or as many of them as are found with a bounded amount of work.
    pub async fn past(&self, room: &Room, before: Option<Seq>, limit: usize) -> Result<Past, HistoryError> {
        room.known().await?;
        let stored = Seq(self.marks.stored(room.partition).0);
        let newer = if before.is_none_or(|b| b.0 > stored.0 + 1) {
            let all = self.in_log(room, stored, before, ALL).await?;
            let skip = all.len().saturating_sub(limit);
            all.into_iter().skip(skip).collect()
        } else {
            Vec::new()
        };
        // Pages, newest first.
        let mut pages = vec![newer];
        let mut missing = limit - pages[0].len();
        let mut end = Seq(before.map_or(stored.0 + 1, |b| b.0.min(stored.0 + 1)));
        let mut gone = 0;
        while missing > 0 && end > room.all_cleared() && gone < GONE_ROWS_MAX {
            let asked = if gone == 0 { PAGE_ROWS_MAX.min(missing) } else { PAGE_ROWS_MAX };
            let mut page = self.stored_page(room, Page::Before(end), asked).await?;
            // Only a page that is full may have others before it.
            end = page.first().filter(|_| page.len() == asked).map_or(Seq(0), |m| m.seq);
            gone += self.leave_out_gone(room, &mut page).await?;
            page.drain(..page.len().saturating_sub(missing));
            missing -= page.len();
            pages.push(page);
        }
        let complete = missing == 0 || end <= room.all_cleared();
        Ok(Past { messages: pages.into_iter().rev().flatten().collect(), complete })
    }

    /// Takes out of a page of the store what moderators took away; says how many.
    async fn leave_out_gone(&self, room: &Room, page: &mut Vec<Logged>) -> Result<usize, StoreError> {
        let before = page.len();
        room.leave_out_gone(page);
        if !page.is_empty() {
            let gone = self.store.deleted(room.id(), page.iter().map(|m| m.seq).collect()).await?;
            page.retain(|m| !gone.contains(&m.seq));
        }
        Ok(before - page.len())
    }

    /// What the store knows of what moderators made of a room.
    pub(super) async fn facts(&self, room: &Room) -> Result<Vec<Fact>, StoreError> {
        self.store.facts(room.id()).await
    }

    /// What moderators did after one place up to another, up to which the store has everything, oldest first.
    pub(super) async fn measures_between(
        &self,
        room: &Room,
        after: Offset,
        up_to: Offset,
    ) -> Result<Vec<Taken>, StoreError> {
        let newest = self.store.measures(room.id(), Seq(up_to.0 + 1), PAGE_ROWS_MAX).await?;
        Ok(newest.into_iter().rev().filter(|taken| taken.seq.0 > after.0).collect())
    }

    /// The newest measures of a room before a place, newest first: from memory and from the store, which lags by moments.
    pub async fn measures(&self, room: &Room, before: Seq, limit: usize) -> Result<Vec<Taken>, StoreError> {
        let stored = self.store.measures(room.id(), before, limit).await?;
        Ok(merged(room.newest_measures(before, limit), stored, limit))
    }

    /// The newest of those about a user.
    pub async fn measures_about(
        &self,
        room: &Room,
        user: UserId,
        limit: usize,
    ) -> Result<Vec<Taken>, StoreError> {
        let stored = self.store.measures_about(room.id(), user, limit).await?;
        let mut newest = room.newest_measures(Seq(u64::MAX), ALL);
        newest.retain(|taken| taken.measure.act.target().is_some_and(|target| target.id == user));
        Ok(merged(newest, stored, limit))
    }

    /// A user's newest messages in a room, oldest first: those among the newest `rows_max` of the room.
    pub async fn messages_of(
        &self,
        room: &Room,
        user: UserId,
        limit: usize,
        rows_max: usize,
    ) -> Result<Vec<Logged>, HistoryError> {
        let mut past = self.past(room, None, rows_max.min(PAGE_ROWS_MAX)).await?;
        let (mut looked, mut found) = (0, Vec::new());
        loop {
            looked += past.messages.len();
            let oldest = past.messages.first().map(|m| m.seq);
            found.extend(past.messages.into_iter().rev().filter(|m| m.message.author.id == user));
            let Some(oldest) = oldest.filter(|_| found.len() < limit && looked < rows_max) else { break };
            past = self.past(room, Some(oldest), PAGE_ROWS_MAX.min(rows_max - looked)).await?;
        }
        found.truncate(limit);
        found.reverse();
        Ok(found)
    }

    /// One message, if the room has it. One that somebody saw at another gateway a moment ago is waited for.
    pub async fn message(&self, room: &Room, id: MessageId) -> Result<Option<Logged>, HistoryError> {
        let found = self.look_for(room, id).await?;
        if found.is_some() || !room.shared || !is_young(id, room.world.now()) {
            return Ok(found);
        }
        if !room.followed.caught_up(Instant::now() + SHARED_LAG_MAX).await {
            return Err(HistoryError::CatchingUp { behind: 0 });
        }
        self.look_for(room, id).await
    }

    async fn look_for(&self, room: &Room, id: MessageId) -> Result<Option<Logged>, HistoryError> {
        room.known().await?;
        // The mark first: what the persister writes while the store is read is then still looked for in the log.
        let stored = Seq(self.marks.stored(room.partition).0);
        metrics::counter!("twitchy_store_reads_total", "what" => "message").increment(1);
        if let Some(found) = self.store.message(room.id(), id).await? {
            let mut found = vec![found];
            self.leave_out_gone(room, &mut found).await?;
            return Ok(found.pop());
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
        let read = self.log.read(room.partition, before, 1, READ_BYTES_MAX);
        // Brokers that do not answer must not hold the sender up; it is accepted already.
        let read = if room.shared { timeout(ACCEPTED_READ_MAX, read).await } else { Ok(read.await) };
        if let Ok(Ok(records)) = read {
            let found = records.first().and_then(|record| decode(room.partition, record));
            if let Some(found) = found.filter(|logged| logged.message.id == id) {
                return Ok(Some(found));
            }
        }
        self.message(room, id).await
    }

    /// Everything after `after`, if it is not more than `limit`.
    pub async fn resume(&self, room: &Room, after: Seq, limit: usize) -> Result<Resumed, HistoryError> {
        if room.shared {
            room.shown().await?;
            let come = timeout(SHARED_LAG_MAX, room.followed.reached(Offset(after.0))).await;
            if come.is_err() {
                if room.followed.stage() < Stage::Live {
                    return Err(HistoryError::Waking);
                }
                // While the log is out of reach it cannot be told whether this place is there.
                let known = self.log.healthy().is_ok() && !room.followed.reads_late();
                return if known { Ok(Resumed::Ahead) } else { Err(HistoryError::CatchingUp { behind: 0 }) };
            }
        } else {
            if after.0 > self.log.bounds(room.partition)?.last.0 {
                return Ok(Resumed::Ahead);
            }
            // Whoever has the ack of a message can be a moment ahead of the feed; what it has must not come again.
            let _ = timeout(FEED_LAG_MAX, room.feed.reached(after)).await;
        }
        let mut older: Vec<Logged> = Vec::new();
        let mut from = after;
        // The ring may move on while the store is read; each round starts where the last one ended.
        loop {
            match room.feed.resume(from) {
                Resume::Complete(snapshot) if older.len() + snapshot.messages.len() > limit => {
                    return Ok(Resumed::TooOld);
                }
                Resume::Complete(snapshot) => {
                    // What was taken away while the store was read: of that nobody is told after the snapshot.
                    room.leave_out_gone(&mut older);
                    return Ok(Resumed::Complete { older, snapshot });
                }
                Resume::Before(ring_begins_after) => {
                    let asked = limit + 1 - older.len();
                    let page = match self.after(room, from, asked).await {
                        Err(HistoryError::TooMuchGone) => return Ok(Resumed::TooOld),
                        page => page?,
                    };
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

    /// A room as REST tells it. One that sleeps is not woken for that: its rules and its pin are what the store knows, or, if
    /// it does not answer, what is known here.
    pub async fn object(&self, room: &Room) -> objects::Room {
        let mut object = room.to_object();
        if room.followed.stage() < Stage::Shown
            && let Ok(facts) = self.facts(room).await
        {
            let mut state = State::default();
            for fact in facts {
                state.learn(fact);
            }
            object.settings = state.settings();
            object.pinned = state.pinned().map(|pinned| pinned.to_message(room.slug()));
        }
        object
    }

    /// Asks how far the store is with a partition.
    pub(super) async fn look(&self, partition: Partition) -> Result<Offset, StoreError> {
        self.marks.look_at(self.log.as_ref(), self.store.as_ref(), partition).await?;
        Ok(self.marks.stored(partition))
    }

    /// The newest messages up to a place up to which the store has everything, oldest first: as many as a join shows, and
    /// then more as long as they were sent after `since`, up to `most`.
    pub(super) async fn newest_stored(
        &self,
        room: &Room,
        up_to: Offset,
        since: Millis,
        most: usize,
    ) -> Result<Past, StoreError> {
        let mut messages: Vec<Logged> = Vec::new();
        let (mut end, mut asked, mut looked) = (Seq(up_to.0 + 1), HISTORY_MAX as usize, 0);
        loop {
            let mut page = self.stored_page(room, Page::Before(end), asked).await?;
            looked += page.len();
            let oldest = page.first().filter(|_| page.len() == asked).map(|m| (m.seq, m.message.sent_at));
            self.leave_out_gone(room, &mut page).await?;
            messages.splice(0..0, page);
            let few = messages.len() < HISTORY_MAX as usize && looked < GONE_ROWS_MAX;
            asked = PAGE_ROWS_MAX.min(most.max(HISTORY_MAX as usize).saturating_sub(messages.len()));
            match oldest.filter(|(seq, _)| *seq > room.all_cleared()) {
                Some((seq, sent_at)) if asked > 0 && (few || sent_at >= since) => end = seq,
                older => return Ok(Past { messages, complete: older.is_none() }),
            }
        }
    }

    /// The messages after one place up to another, up to which the store has everything.
    pub(super) async fn stored_between(
        &self,
        room: &Room,
        after: Offset,
        up_to: Offset,
    ) -> Result<Vec<Logged>, StoreError> {
        let (mut found, mut at) = (Vec::new(), Seq(after.0));
        while at.0 < up_to.0 {
            let mut page = self.stored_page(room, Page::After(at), PAGE_ROWS_MAX).await?;
            at = page.last().filter(|_| page.len() == PAGE_ROWS_MAX).map_or(Seq(up_to.0), |m| m.seq);
            self.leave_out_gone(room, &mut page).await?;
            found.extend(page.into_iter().filter(|m| m.seq.0 <= up_to.0));
        }
        Ok(found)
    }

    /// A page of the store, which is counted: joins should not need any.
    async fn stored_page(&self, room: &Room, page: Page, limit: usize) -> Result<Vec<Logged>, StoreError> {
        metrics::counter!("twitchy_store_reads_total", "what" => "page").increment(1);
        self.store.page(room.id(), page, limit).await
    }

    /// The room's messages in the log after `after` and before `before`, oldest first, at most `limit`.
    async fn in_log(
        &self,
        room: &Room,
        after: Seq,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Logged>, HistoryError> {
        let mut last =
            self.log.bounds(room.partition)?.last.0.min(before.map_or(u64::MAX, |b| b.0.saturating_sub(1)));
        if room.shared {
            if !room.followed.live().await {
                // Until its nonces are known, what the store has is all that can be told, and nearly all there is.
                room.shown().await?;
                return Ok(Vec::new());
            }
            // Only what the tail has read can be told from second records. It is there, or will be in a moment.
            let _ = timeout(FEED_LAG_MAX, room.followed.reached(Offset(last))).await;
            last = last.min(room.followed.at().0);
        }
        let behind = last.saturating_sub(after.0);
        if behind > LAG_RECORDS_MAX && limit == ALL {
            return Err(HistoryError::CatchingUp { behind });
        }
        let part = Part { after, last, limit };
        let found = match self.read(room, &part, &mut None).await? {
            Some(found) => found,
            // The store is minutes behind, and the room's nonces do not go back so far.
            None => {
                let (after, now) = (Offset(after.0), room.world.now());
                let repeats = Repeats::before(self.log.as_ref(), room.partition, after, now).await?;
                self.read(room, &part, &mut Some(repeats)).await?.unwrap_or_default()
            }
        };
        Ok(found)
    }

    /// Reads them; `None` if `repeats` are needed to tell messages from second records.
    async fn read(
        &self,
        room: &Room,
        part: &Part,
        repeats: &mut Option<Repeats>,
    ) -> Result<Option<Vec<Logged>>, HistoryError> {
        let mut found = Vec::new();
        let mut at = Offset(part.after.0);
        while at.0 < part.last && found.len() < part.limit {
            let records = self.log.read(room.partition, at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
            let Some(end) = records.last() else { break };
            at = end.offset;
            let records = records.iter().take_while(|r| r.offset.0 <= part.last);
            let decoded = records.filter_map(|r| decode(room.partition, r));
            for logged in decoded.filter(|m| m.message.room == room.id() && !room.is_gone(m)) {
                let verdict = match repeats {
                    Some(repeats) => {
                        let message =
                            repeats.is_message(logged.seq, &(&logged.message).into(), room.world.now());
                        if message { Verdict::Message } else { Verdict::Repeat }
                    }
                    None => room.verdict(&logged),
                };
                match verdict {
                    Verdict::Message if found.len() < part.limit => found.push(logged),
                    Verdict::Message | Verdict::Repeat => {}
                    Verdict::Unknown => return Ok(None),
                }
            }
        }
        Ok(Some(found))
    }
}

/// Newest first; what is in both comes once.
fn merged(newest: Vec<Taken>, stored: Vec<Taken>, limit: usize) -> Vec<Taken> {
    let mut all = newest;
    all.extend(stored);
    all.sort_by_key(|taken| std::cmp::Reverse(taken.seq));
    all.dedup_by_key(|taken| taken.seq);
    all.truncate(limit);
    all
}

/// May the message have been accepted so short a time ago that it is not everywhere yet? A clock may be off by some time.
fn is_young(id: MessageId, now: Millis) -> bool {
    let made_at = id.0.get_timestamp().map(|at| at.to_unix()).map(|(seconds, _)| seconds * 1_000);
    made_at.is_some_and(|made_at| made_at + RACE_MS >= now.0)
}

/// A part of the log: after one place, up to another, so many messages.
struct Part {
    after: Seq,
    last: u64,
    limit: usize,
}

impl Room {
    /// Waits until the newest messages can be shown from the ring.
    ///
    /// # Errors
    /// [`HistoryError::Waking`] if that takes too long.
    pub async fn shown(&self) -> Result<(), HistoryError> {
        if self.followed.shown().await { Ok(()) } else { Err(HistoryError::Waking) }
    }

    /// Waits until it is known what moderators took away.
    async fn known(&self) -> Result<(), HistoryError> {
        if self.shared { self.shown().await } else { Ok(()) }
    }

    /// Is this record that the tail has read a message, or a second record of one?
    fn verdict(&self, logged: &Logged) -> Verdict {
        let Some(nonce) = logged.message.nonce.as_ref().filter(|_| self.shared) else {
            return Verdict::Message;
        };
        if logged.seq.0 <= self.followed.judged_after.load(Ordering::Acquire) {
            return Verdict::Unknown;
        }
        self.nonces.lock().verdict(logged.message.author.id, nonce, accepted(logged))
    }
}
