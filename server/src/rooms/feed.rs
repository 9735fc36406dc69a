//! A room's feed: a ring of batches, each encoded once, and cursors into it.
//!
//! It knows no socket. A viewer holds a [`Cursor`]; publishing costs the same whether there is one viewer or
//! fifty thousand. There is no queue per viewer: whoever falls off the ring is told the [`Gap`] and goes on at its
//! oldest batch. What is encoded is whole WebSocket frames, since those of a server are the same bytes for everyone.
//! Start with [`Feed::publish`] and [`Feed::pull`]; [`batch`] is what one write takes.

pub mod batch;
mod sample;

use crate::websocket::frame;
use batch::{Batch, Made, Part};
use bytes::Bytes;
use chat::message::{Logged, Styled};
use parking_lot::{Mutex, RwLock};
use protocol::{
    frames::{self, FeedKind},
    ids::{MessageId, Seq, UserId},
    limits::HISTORY_MAX,
};
use sample::{Sampler, Shown};
use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Notify;

/// Most messages of one `messages` frame: at 350 bytes each the frame stays near 70 kB, a few milliseconds of work
/// for a browser.
const FRAME_MESSAGES_MAX: usize = 200;

/// Nobody counts a room's messages here.
const UNCOUNTED: u64 = u64::MAX;

/// How much of a room's past the ring keeps.
#[derive(Clone, Copy, Debug)]
pub struct RingLimits {
    /// Messages.
    pub messages_max: usize,
    /// Bytes of encoded frames.
    pub bytes_max: usize,
}

/// One step of the feed: a frame, encoded once, shared by everyone.
struct Item {
    /// Empty where all messages of a batch were taken away: nobody is sent it.
    frame: Bytes,
    /// Where each message stands in the frame; empty for other frames.
    messages: Box<[Place]>,
    /// The last place of the batch, also if its message was taken away; none for other frames.
    last: Option<Seq>,
}

/// Where a message stands in a batch, what tells whether it is to be taken away, and to whom it is shown.
#[derive(Clone)]
pub struct Place {
    /// Its place in the room's order.
    pub seq: Seq,
    /// Its id.
    pub id: MessageId,
    /// Who said it.
    pub author: UserId,
    json: Range<usize>,
    shown: Shown,
    /// Whose own it is, whom it mentions and whom it answers, if it is not shown to all; they get it besides.
    concerns: Box<[Box<str>]>,
}

struct Ring {
    items: VecDeque<Arc<Item>>,
    /// The newest [`HISTORY_MAX`] messages, for joins, whatever has left `items`: a large batch, or frames without
    /// messages in a quiet room, must not push out what a join shows.
    newest: VecDeque<Encoded>,
    /// Number of the oldest item; items are numbered from 0 for the life of the process.
    first: u64,
    messages: usize,
    bytes: usize,
    /// Every message of the room after this one is in the ring.
    complete_after: Seq,
    /// The newest message.
    last: Seq,
    /// So often was something taken away.
    retracted: u64,
    sampler: Sampler,
}

/// A viewer's place in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    next: u64,
    last: Seq,
    kind: FeedKind,
    /// Messages that were left out since the last frame.
    skipped: u64,
}

/// What a viewer did not get: messages after `from` up to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last one it has.
    pub from: Seq,
    /// The last one that is gone.
    pub to: Seq,
}

/// A room's past as it stands in the ring, and the place where its future begins.
pub struct Snapshot {
    /// Encoded messages, oldest first.
    pub messages: Vec<Encoded>,
    /// The newest message of the room.
    pub last: Seq,
    /// Everything after the snapshot.
    pub cursor: Cursor,
}

/// One encoded message, sharing its batch's bytes.
#[derive(Clone)]
pub struct Encoded {
    item: Arc<Item>,
    index: usize,
}

impl Encoded {
    /// Its place.
    pub fn seq(&self) -> Seq {
        self.item.messages[self.index].seq
    }

    /// As JSON.
    pub fn json(&self) -> &str {
        self.item.json(&self.item.messages[self.index])
    }
}

/// What there is of a resume.
pub enum Resume {
    /// All that was missed is here.
    Complete(Snapshot),
    /// The ring begins after this message; what lies before it has to come from elsewhere, then ask again.
    Before(Seq),
}

/// The feed of one room.
pub struct Feed {
    slug: Box<str>,
    limits: RingLimits,
    /// Never held over an await, and neither is held while the other is taken.
    ring: RwLock<Ring>,
    made: Made,
    listeners: Mutex<Vec<Arc<dyn Listener>>>,
    /// Here, and on other nodes as they last said.
    viewers: AtomicU64,
    viewers_elsewhere: AtomicU64,
    /// Messages in ten seconds: as counted here, or [`UNCOUNTED`], and as other nodes last said.
    pace_here: AtomicU64,
    pace_elsewhere: AtomicU64,
    /// Told whenever messages are published; for those who wait for one message, not for viewers.
    progress: Notify,
}

/// Who is told that something was published: one for each shard that has viewers of the room.
pub trait Listener: Send + Sync {
    /// Something was published. Called often and by many: it only makes a note.
    fn news(self: Arc<Self>);
}

/// Counts a viewer until it is dropped.
pub struct Subscription {
    feed: Arc<Feed>,
}

impl Feed {
    /// An empty feed.
    pub fn new(slug: &str, limits: RingLimits) -> Arc<Self> {
        Arc::new(Self {
            slug: slug.into(),
            limits,
            ring: RwLock::new(Ring {
                items: VecDeque::new(),
                newest: VecDeque::new(),
                first: 0,
                messages: 0,
                bytes: 0,
                complete_after: Seq(0),
                last: Seq(0),
                retracted: 0,
                sampler: Sampler::default(),
            }),
            made: Made::default(),
            listeners: Mutex::default(),
            viewers: AtomicU64::new(0),
            viewers_elsewhere: AtomicU64::new(0),
            pace_here: AtomicU64::new(UNCOUNTED),
            pace_elsewhere: AtomicU64::new(0),
            progress: Notify::new(),
        })
    }

    /// Begins, or begins anew: the ring is empty, and its past begins after this message. Only while nobody reads it.
    pub fn begins_after(&self, seq: Seq) {
        let mut ring = self.ring.write();
        ring.first += ring.items.len() as u64;
        ring.items.clear();
        ring.newest.clear();
        (ring.messages, ring.bytes) = (0, 0);
        (ring.complete_after, ring.last) = (seq, seq);
    }

    /// Adds messages in the room's order and wakes the viewers. What is not newer than the newest is passed over, so
    /// reading the log twice shows nothing twice.
    pub fn publish(&self, messages: &[Logged]) {
        let last = self.ring.read().last;
        let new = messages.iter().position(|m| m.seq > last).unwrap_or(messages.len());
        if new == messages.len() {
            return;
        }
        for batch in messages[new..].chunks(FRAME_MESSAGES_MAX) {
            let shown: Vec<Shown> = {
                let sampler = &mut self.ring.write().sampler;
                batch.iter().map(|logged| sampler.choose(&logged.message)).collect()
            };
            self.push(encode(&self.slug, batch, &shown));
        }
        self.wake();
        self.progress.notify_waiters();
    }

    /// Adds a frame that is no message (`room`, `deleted`, …) and wakes the viewers.
    #[allow(clippy::needless_pass_by_value)] // it is made for this and never needed again
    pub fn publish_frame(&self, frame: String) {
        self.push(Item { frame: frame::text(&frame), messages: Box::default(), last: None });
        self.wake();
    }

    /// Takes messages away from what joins, resumes and slow viewers still get, and then says so with a frame. Who has
    /// them already has to be told by that frame. Costs one look at each message of the ring.
    pub fn retract(&self, doomed: &dyn Fn(&Place) -> bool, frame: Option<String>) {
        self.ring.write().retract(&self.slug, doomed);
        if let Some(frame) = frame {
            self.publish_frame(frame);
        }
    }

    fn push(&self, item: Item) {
        let mut ring = self.ring.write();
        ring.bytes += item.frame.len();
        ring.messages += item.messages.len();
        if let Some(last) = item.last {
            ring.last = last;
        }
        let item = Arc::new(item);
        let encoded = (0..item.messages.len()).map(|index| Encoded { item: item.clone(), index });
        ring.newest.extend(encoded);
        let beyond = ring.newest.len().saturating_sub(HISTORY_MAX as usize);
        ring.newest.drain(..beyond);
        ring.items.push_back(item);
        while ring.items.len() > 1
            && (ring.messages > self.limits.messages_max || ring.bytes > self.limits.bytes_max)
        {
            let Some(old) = ring.items.pop_front() else { break };
            ring.first += 1;
            ring.bytes -= old.frame.len();
            ring.messages -= old.messages.len();
            if let Some(last) = old.last {
                ring.complete_after = last;
            }
        }
    }

    fn wake(&self) {
        for listener in self.listeners.lock().iter() {
            listener.clone().news();
        }
    }

    /// Tells this one of everything that is published from now on.
    pub fn listen(&self, listener: Arc<dyn Listener>) {
        self.listeners.lock().push(listener);
    }

    /// No longer.
    pub fn unlisten(&self, listener: &Arc<dyn Listener>) {
        self.listeners.lock().retain(|other| !Arc::ptr_eq(other, listener));
    }

    /// The newest `count` messages, at most [`HISTORY_MAX`], and the place after them.
    pub fn latest(&self, count: usize) -> Snapshot {
        let ring = self.ring.read();
        let skip = ring.newest.len().saturating_sub(count);
        let messages = ring.newest.range(skip..).cloned().collect();
        Snapshot { messages, last: ring.last, cursor: ring.head() }
    }

    /// All messages after `after`, if the ring goes back that far.
    pub fn resume(&self, after: Seq) -> Resume {
        let ring = self.ring.read();
        if after < ring.complete_after {
            return Resume::Before(ring.complete_after);
        }
        let messages = ring
            .items
            .iter()
            .flat_map(|item| (0..item.messages.len()).map(move |index| Encoded { item: item.clone(), index }))
            .skip_while(|m| m.seq() <= after)
            .collect();
        Resume::Complete(Snapshot { messages, last: ring.last, cursor: ring.head() })
    }

    /// A message that is still in the ring.
    pub fn find(&self, id: MessageId) -> Option<Encoded> {
        let ring = self.ring.read();
        ring.items.iter().rev().find_map(|item| {
            let index = item.messages.iter().position(|place| place.id == id)?;
            Some(Encoded { item: item.clone(), index })
        })
    }

    /// What lies before the cursor, up to about `bytes_max` (of a sample, which is small, all); the cursor itself moves only as what is in the batch gets
    /// written ([`Cursor::pass`]). `Some` gap if it had fallen off the ring; then it stands at the ring's beginning.
    /// Of a sample, `viewer` also gets what concerns it.
    pub fn pull(
        &self,
        cursor: &mut Cursor,
        viewer: Option<&str>,
        bytes_max: usize,
    ) -> (Option<Gap>, Arc<Batch>) {
        let ring = self.ring.read();
        #[cfg(feature = "broken")]
        if event_log::broken::Fault::SilentGap.is_on() && cursor.next < ring.first {
            *cursor = ring.head();
        }
        let mut gap = None;
        if cursor.next < ring.first {
            cursor.next = ring.first;
            // Frames without messages may be all that was lost; then nothing is missing.
            if ring.complete_after > cursor.last {
                gap = Some(Gap { from: cursor.last, to: ring.complete_after });
                cursor.last = ring.complete_after;
            }
        }
        let skip = usize::try_from(cursor.next - ring.first).unwrap_or(usize::MAX);
        let bytes_max = if cursor.kind == FeedKind::Full { bytes_max } else { usize::MAX };
        let items: Vec<Arc<Item>> = batch::up_to(ring.items.iter().skip(skip), bytes_max).cloned().collect();
        let part = Part { from: *cursor, items: items.len(), retracted: ring.retracted };
        drop(ring);
        let make = || Batch::of(&self.slug, &items, *cursor, viewer);
        let is_for_all = viewer.is_none() && !items.is_empty();
        (gap, if is_for_all { self.made.get_or_make(part, make) } else { Arc::new(make()) })
    }

    /// Has the cursor anything left to pull?
    pub fn has_more(&self, cursor: &Cursor) -> bool {
        let ring = self.ring.read();
        cursor.next < ring.first + ring.items.len() as u64
    }

    /// The room's name.
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// Counts a viewer.
    pub fn subscribe(self: &Arc<Self>) -> Subscription {
        self.viewers.fetch_add(1, Ordering::Relaxed);
        Subscription { feed: self.clone() }
    }

    /// Connections that read the room now, on all nodes.
    pub fn viewers(&self) -> u64 {
        self.viewers_here().saturating_add(self.viewers_elsewhere.load(Ordering::Relaxed))
    }

    /// Those of this process.
    pub fn viewers_here(&self) -> u64 {
        self.viewers.load(Ordering::Relaxed)
    }

    /// How many there are on all other nodes together.
    pub fn set_viewers_elsewhere(&self, viewers: u64) {
        self.viewers_elsewhere.store(viewers, Ordering::Relaxed);
    }

    /// Messages in ten seconds, as counted here; none if nothing of the room is read here.
    pub fn pace_here(&self) -> Option<u64> {
        Some(self.pace_here.load(Ordering::Relaxed)).filter(|pace| *pace != UNCOUNTED)
    }

    /// The same, as counted wherever somebody counts.
    pub fn pace(&self) -> u64 {
        self.pace_here().unwrap_or_else(|| self.pace_elsewhere.load(Ordering::Relaxed))
    }

    /// So many in ten seconds were counted here; none if nothing was.
    pub fn set_pace_here(&self, pace: Option<u64>) {
        self.pace_here.store(pace.unwrap_or(UNCOUNTED), Ordering::Relaxed);
    }

    /// So many in ten seconds are counted on other nodes.
    pub fn set_pace_elsewhere(&self, pace: u64) {
        self.pace_elsewhere.store(pace, Ordering::Relaxed);
    }

    /// Resolves once the feed has come to this message or beyond. Cancel-safe.
    pub async fn reached(&self, seq: Seq) {
        loop {
            let progress = self.progress.notified();
            tokio::pin!(progress);
            // Listen first, then look: otherwise the news could come in between.
            progress.as_mut().enable();
            if self.last() >= seq {
                return;
            }
            progress.await;
        }
    }

    /// Every message after this one is in the ring.
    pub fn complete_after(&self) -> Seq {
        self.ring.read().complete_after
    }

    /// The newest message.
    pub fn last(&self) -> Seq {
        self.ring.read().last
    }
}

impl Ring {
    fn head(&self) -> Cursor {
        Cursor {
            next: self.first + self.items.len() as u64,
            last: self.last,
            kind: FeedKind::Full,
            skipped: 0,
        }
    }

    /// Items keep their numbers, so cursors stay where they are.
    fn retract(&mut self, slug: &str, doomed: &dyn Fn(&Place) -> bool) {
        self.retracted += 1;
        // Held until the end, so that none of them is taken for another.
        let mut changed: Vec<(Arc<Item>, Arc<Item>)> = Vec::new();
        for item in &mut self.items {
            if let Some(rest) = item.without(slug, doomed) {
                self.bytes = self.bytes - item.frame.len() + rest.frame.len();
                self.messages -= item.messages.len() - rest.messages.len();
                let rest = Arc::new(rest);
                changed.push((std::mem::replace(item, rest.clone()), rest));
            }
        }
        self.newest.retain(|m| !doomed(&m.item.messages[m.index]));
        for encoded in &mut self.newest {
            let known = changed.iter().find(|(old, _)| Arc::ptr_eq(old, &encoded.item));
            let rest = match known {
                Some((_, rest)) => rest.clone(),
                // Its batch has left the ring.
                None => match encoded.item.without(slug, doomed) {
                    Some(rest) => {
                        let rest = Arc::new(rest);
                        changed.push((encoded.item.clone(), rest.clone()));
                        rest
                    }
                    None => continue,
                },
            };
            let seq = encoded.seq();
            if let Some(index) = rest.messages.iter().position(|place| place.seq == seq) {
                *encoded = Encoded { item: rest, index };
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Item {
    /// The item without some of its messages; `None` if it has none of them.
    fn without(&self, slug: &str, doomed: &dyn Fn(&Place) -> bool) -> Option<Self> {
        if !self.messages.iter().any(doomed) {
            return None;
        }
        let left: Vec<&Place> = self.messages.iter().filter(|place| !doomed(place)).collect();
        if left.is_empty() {
            return Some(Self { frame: Bytes::new(), messages: Box::default(), last: self.last });
        }
        let text = frames::messages_frame(slug, left.iter().map(|place| self.json(place)), 0);
        let frame = frame::text(&text);
        let messages = places(&frame, &text, left.into_iter().cloned());
        Some(Self { frame, messages, last: self.last })
    }

    /// A part of the frame that is JSON.
    fn text(&self, part: Range<usize>) -> &str {
        std::str::from_utf8(&self.frame[part]).expect("it was encoded from a string")
    }

    /// A message as it stands in the frame.
    fn json(&self, place: &Place) -> &str {
        self.text(place.json.clone())
    }
}

impl Cursor {
    /// The same place, for this part of the messages.
    pub fn of_kind(self, kind: FeedKind) -> Self {
        Self { kind, ..self }
    }

    /// Have two cursors of one feed the same before them?
    pub fn sees_the_same(&self, other: &Self) -> bool {
        (self.next, self.kind, self.skipped) == (other.next, other.kind, other.skipped)
    }
}

/// Where messages stand in a frame around a text made of them; of where they stood, only the lengths count.
fn places(frame: &Bytes, text: &str, messages: impl Iterator<Item = Place>) -> Box<[Place]> {
    let bracket = text.find('[').map_or(0, |bracket| bracket + 1);
    let mut at = frame.len() - text.len() + bracket;
    messages
        .map(|place| {
            let json = at..at + place.json.len();
            at = json.end + 1;
            Place { json, ..place }
        })
        .collect()
}

/// Encodes a batch once; remembers where each message stands, so that history can be cut out of it.
fn encode(slug: &str, batch: &[Logged], shown: &[Shown]) -> Item {
    let json: Vec<String> = batch
        .iter()
        .map(|m| serde_json::to_string(&m.to_frame_message()).expect("a message has only string keys"))
        .collect();
    let text = frames::messages_frame(slug, json.iter().map(String::as_str), 0);
    let frame = frame::text(&text);
    let each = batch.iter().zip(&json).zip(shown).map(|((logged, json), shown)| Place {
        seq: logged.seq,
        id: logged.message.id,
        author: logged.message.author.id,
        json: 0..json.len(),
        shown: *shown,
        concerns: if shown.everywhere() { Box::default() } else { concerned(&logged.message) },
    });
    let messages = places(&frame, &text, each);
    Item { frame, messages, last: batch.last().map(|m| m.seq) }
}

/// The usernames of those who get a message though it is left out of what all get.
fn concerned(message: &Styled) -> Box<[Box<str>]> {
    let answered = message.reply_to.iter().map(|parent| &parent.username);
    let all = [&message.author.username].into_iter().chain(&message.mentions).chain(answered);
    all.map(|name| name.as_str().into()).collect()
}

#[cfg(test)]
mod tests;
