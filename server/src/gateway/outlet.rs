//! The writing half of a connection: its cursors, the frames of its own, and what is left of a half-written frame.
//!
//! Two sides use it. The connection's task puts answers in ([`Outlet::send`]), which are written at once where the socket
//! takes them; the shard writes what the rooms published ([`Outlet::pump`]). Neither ever waits for a socket: one that is
//! full is left alone until it says that it takes something again. It knows no WebSocket but the bytes of frames.

use super::{connection::End, registry::Signals, shard::Shard};
use crate::{
    figures::Fanout,
    rooms::feed::{Cursor, Feed, Gap, batch::Batch},
    websocket::frame,
};
use bytes::Bytes;
use chat::time::Millis;
use parking_lot::Mutex;
use protocol::{codes::CloseReason, frames::ServerFrame};
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::{Arc, Weak, atomic::AtomicBool},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};
use tokio::time::Instant;

/// What one visit takes from a room's ring: at a MB a second of a storm a quarter of a second's worth, and a browser's
/// work of some milliseconds.
const PULL_BYTES_MAX: usize = 256 * 1024;
/// Slices of one write: a full batch and the connection's own frames before it.
pub(super) const SLICES_MAX: usize = 24;
/// So much of a connection's own frames may wait for its socket; above it its requests are no longer read. The answers to
/// 64 KiB of requests are a few times that, and one resume may add its replay.
pub const OWN_BYTES_MAX: usize = 64 * 1024;
/// A socket that takes nothing for so long is given up. Twice the default heartbeat.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// What takes the bytes: a TCP stream, or a test's pretence of one.
pub trait Wire: Send + Sync {
    /// Takes as many as it can now; [`io::ErrorKind::WouldBlock`] if that is none.
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Wakes when it may take some again.
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// A room that is read.
struct Reading {
    feed: Arc<Feed>,
    cursor: Cursor,
}

#[derive(Default)]
struct Out {
    /// The connection's own frames, after the rest of a frame that was begun.
    own: VecDeque<Bytes>,
    own_bytes: usize,
    readings: Vec<Reading>,
    /// The socket is full since then.
    stuck: Option<Instant>,
    /// The connection waits for the frames to be written.
    is_awaited: bool,
    /// The username of who reads.
    viewer: Option<Box<str>>,
    /// When the token ends.
    expires_at: Option<Millis>,
    /// When anything last came from the other side.
    heard: Option<Instant>,
    /// Nothing of the rooms goes out any more.
    is_leaving: bool,
    over: Option<End>,
}

/// The writing half of one connection.
pub struct Outlet {
    wire: Arc<dyn Wire>,
    pub(super) shard: Arc<Shard>,
    signals: Arc<Signals>,
    /// What the rooms publish is written compressed.
    deflates: bool,
    /// It stands in the shard's list already.
    pub(super) is_noted: AtomicBool,
    out: Mutex<Out>,
}

/// Batches that were put together in this turn, for all who stand at the same place.
pub type Batches = Vec<(Arc<Feed>, Cursor, Arc<Batch>)>;

/// Places of which a turn keeps the batch: late ones are few, and further ones are put together again.
const BATCHES_MAX: usize = 32;

impl Outlet {
    pub(super) fn new(
        wire: Arc<dyn Wire>,
        shard: Arc<Shard>,
        signals: Arc<Signals>,
        deflates: bool,
    ) -> Arc<Self> {
        let out = Mutex::new(Out { heard: Some(Instant::now()), ..Out::default() });
        Arc::new(Self { wire, shard, signals, deflates, is_noted: AtomicBool::new(false), out })
    }

    /// Frames of the connection's own, in their order among each other; written at once if the socket takes them.
    pub fn send(self: &Arc<Self>, frames: impl IntoIterator<Item = Bytes>) {
        let mut out = self.out.lock();
        for frame in frames {
            out.push(frame);
        }
        self.write_own(&mut out);
    }

    /// The same, for whoever calls [`Self::flush`] soon: written when there are as many as one write takes.
    pub fn put(self: &Arc<Self>, frame: Bytes) {
        let mut out = self.out.lock();
        out.push(frame);
        if out.own.len() >= SLICES_MAX {
            self.write_own(&mut out);
        }
    }

    /// Writes what was put in.
    pub fn flush(self: &Arc<Self>) {
        self.write_own(&mut self.out.lock());
    }

    /// The same, and from then on the room's news.
    pub fn read(self: &Arc<Self>, feed: Arc<Feed>, cursor: Cursor, frames: Vec<Bytes>) {
        {
            let mut out = self.out.lock();
            for frame in frames {
                out.push(frame);
            }
            out.readings.push(Reading { feed, cursor });
            self.write_own(&mut out);
        }
        // What was published since the cursor was taken was told to nobody.
        self.shard.note(self);
    }

    /// No news of this room any more.
    pub fn leave(&self, feed: &Arc<Feed>) {
        self.out.lock().readings.retain(|reading| !Arc::ptr_eq(&reading.feed, feed));
    }

    /// No news of this room any more, after all that it has published and a last frame about it.
    pub fn part(self: &Arc<Self>, feed: &Arc<Feed>, last: Bytes) {
        let mut out = self.out.lock();
        let Out { own, own_bytes, readings, viewer, .. } = &mut *out;
        let mut push = |frame: Bytes| {
            *own_bytes += frame.len();
            own.push_back(frame);
        };
        if let Some(at) = readings.iter().position(|reading| Arc::ptr_eq(&reading.feed, feed)) {
            let Reading { feed, mut cursor } = readings.remove(at);
            // The ring's bytes are shared; so many frames at the most as it holds.
            while feed.has_more(&cursor) {
                let mut gap = None;
                let batch =
                    batch(&mut Batches::new(), &feed, &mut cursor, viewer.as_deref(), |g| gap = Some(g));
                if let Some(gap) = gap {
                    push(gap_frame(&feed, gap));
                }
                batch.steps().iter().for_each(|step| push(step.bytes(self.deflates).clone()));
                cursor = batch.end();
            }
        }
        push(last);
        self.write_own(&mut out);
    }

    /// Has the connection's task look again at which of its rooms are open.
    pub(super) fn look_at_rooms(&self) {
        self.signals.look_at_rooms();
    }

    /// The last frame of all.
    pub fn goodbye(self: &Arc<Self>, frame: Bytes) {
        let mut out = self.out.lock();
        out.readings = Vec::new();
        out.is_leaving = true;
        out.over = None;
        out.push(frame);
        self.write_own(&mut out);
    }

    /// The connection is over: nothing more is written or told.
    pub fn forget(&self) {
        let mut out = self.out.lock();
        *out = Out { is_leaving: true, over: Some(End::Gone), ..Out::default() };
    }

    /// How the connection ended, as this side saw it.
    pub fn over(&self) -> Option<End> {
        self.out.lock().over
    }

    /// Ends the connection and tells its task.
    pub fn end(&self, end: End) {
        self.out.lock().end(end, &self.signals);
    }

    /// Something came from the other side.
    pub fn heard(&self) {
        self.out.lock().heard = Some(Instant::now());
    }

    /// Who reads, and when the log-in ends.
    pub fn authed(&self, username: &str, until: Millis) {
        let mut out = self.out.lock();
        out.viewer = Some(username.into());
        out.expires_at = Some(until);
    }

    /// Is little enough of its own left to write that more may be asked for?
    pub fn is_short(&self) -> bool {
        self.out.lock().own_bytes <= OWN_BYTES_MAX
    }

    /// Waits until no more than this of the connection's own frames is left to write, or the connection is over. For the
    /// connection's task alone. Cancel-safe.
    pub async fn written_to(&self, left: usize) {
        loop {
            {
                let mut out = self.out.lock();
                out.is_awaited = out.own_bytes > left && out.over.is_none();
                if !out.is_awaited || self.signals.revoked() {
                    return;
                }
            }
            self.signals.wake.notified().await;
        }
    }

    /// Writes what waits and what the rooms have published. `true` if there is more for the next turn.
    pub(super) fn pump(self: &Arc<Self>, batches: &mut Batches, fanout: &mut Fanout) -> bool {
        let mut out = self.out.lock();
        if out.over.is_some() || out.stuck.is_some() {
            return false;
        }
        let Out { own, own_bytes, readings, viewer, .. } = &mut *out;
        let mut pulled = Vec::with_capacity(readings.len());
        for Reading { feed, cursor } in readings {
            pulled.push(batch(batches, feed, cursor, viewer.as_deref(), |gap| {
                let gap = gap_frame(feed, gap);
                *own_bytes += gap.len();
                own.push_back(gap);
            }));
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        let steps = pulled.iter().flat_map(|batch| batch.steps());
        for (slice, bytes) in
            slices.iter_mut().zip(own.iter().chain(steps.map(|step| step.bytes(self.deflates))))
        {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        if count == 0 {
            for (reading, batch) in out.readings.iter_mut().zip(&pulled) {
                reading.cursor = batch.end();
            }
            return false;
        }
        let asked: usize = slices[..count].iter().map(|slice| slice.len()).sum();
        let written = match self.wire.try_write(&slices[..count]) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => {
                out.end(End::Gone, &self.signals);
                return false;
            }
        };
        fanout.writes += 1;
        fanout.bytes += written as u64;
        let mut left = out.take(written);
        'rooms: for (reading, batch) in out.readings.iter_mut().zip(&pulled) {
            for step in batch.steps() {
                if left == 0 {
                    break 'rooms;
                }
                reading.cursor.pass(step);
                fanout.messages += step.messages;
                let frame = step.bytes(self.deflates);
                if left < frame.len() {
                    // The frame was begun, so it comes before everything else.
                    out.own_bytes += frame.len() - left;
                    out.own.push_front(frame.slice(left..));
                    break 'rooms;
                }
                left -= frame.len();
            }
            // With what comes after its last frame and is not shown.
            reading.cursor = batch.end();
        }
        out.tell_if_written(&self.signals);
        if written < asked {
            return self.wait_until_writable(&mut out);
        }
        !out.own.is_empty() || out.readings.iter().any(|reading| reading.feed.has_more(&reading.cursor))
    }

    /// The regular look at a connection: is somebody there, is the log-in still good, does the socket take anything?
    pub(super) fn beat(self: &Arc<Self>, now: Instant, wall: Millis, heartbeat: Duration, ping: &Bytes) {
        let mut out = self.out.lock();
        if out.is_leaving || out.over.is_some() {
            return;
        }
        let silent = out.heard.is_some_and(|heard| now.duration_since(heard) > heartbeat * 2);
        let stuck = out.stuck.is_some_and(|since| now.duration_since(since) > WRITE_TIMEOUT);
        if out.expires_at.is_some_and(|at| at <= wall) {
            out.end(End::Close(CloseReason::SessionOver), &self.signals);
        } else if silent || stuck {
            out.end(End::Close(CloseReason::TooSlow), &self.signals);
        } else if out.stuck.is_none() {
            out.push(ping.clone());
            self.write_own(&mut out);
        }
    }

    /// As much of the connection's own frames as the socket takes.
    fn write_own(self: &Arc<Self>, out: &mut Out) {
        while out.over.is_none() && out.stuck.is_none() && !out.own.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for (slice, bytes) in slices.iter_mut().zip(&out.own) {
                *slice = IoSlice::new(bytes);
                count += 1;
            }
            match self.wire.try_write(&slices[..count]) {
                Ok(written) => {
                    out.take(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.wait_until_writable(out) {
                        self.shard.note(self);
                        break;
                    }
                }
                Err(_) => out.end(End::Gone, &self.signals),
            }
        }
        if out.own.is_empty() {
            // Frames of one's own are rare: between them nothing is kept.
            out.own = VecDeque::new();
        }
    }

    /// Asks to be told when the socket takes something again. `true` if it does so already.
    fn wait_until_writable(self: &Arc<Self>, out: &mut Out) -> bool {
        // Weak, or the stream would keep the connection that keeps the stream.
        let waker = Waker::from(Arc::new(Writable(Arc::downgrade(self))));
        match self.wire.poll_writable(&mut Context::from_waker(&waker)) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(_)) => {
                out.end(End::Gone, &self.signals);
                false
            }
            Poll::Pending => {
                out.stuck = Some(Instant::now());
                false
            }
        }
    }
}

/// Tells what a viewer did not get.
fn gap_frame(feed: &Feed, Gap { from, to }: Gap) -> Bytes {
    metrics::counter!("twitchy_gaps_total").increment(1);
    frame::text(&ServerFrame::Gap { room: feed.slug().to_owned(), from, to }.to_json())
}

/// The batch before a cursor, from those of this turn if somebody stood there before.
fn batch(
    batches: &mut Batches,
    feed: &Arc<Feed>,
    cursor: &mut Cursor,
    viewer: Option<&str>,
    mut on_gap: impl FnMut(Gap),
) -> Arc<Batch> {
    let mut pull = |cursor: &mut Cursor, viewer| {
        let (gap, batch) = feed.pull(cursor, viewer, PULL_BYTES_MAX);
        if let Some(gap) = gap {
            on_gap(gap);
        }
        batch
    };
    let known = batches.iter().find(|(of, at, _)| at.sees_the_same(cursor) && Arc::ptr_eq(of, feed));
    let batch = match known {
        Some((.., batch)) => batch.clone(),
        None => {
            let batch = pull(cursor, None);
            if batches.len() < BATCHES_MAX {
                batches.push((feed.clone(), *cursor, batch.clone()));
            }
            batch
        }
    };
    // Rare: what concerns one viewer alone is put together for that viewer alone.
    match viewer.filter(|viewer| batch.concerns(viewer)) {
        None => batch,
        viewer => pull(cursor, viewer),
    }
}

impl Out {
    fn push(&mut self, frame: Bytes) {
        if self.over.is_none() {
            self.own_bytes += frame.len();
            self.own.push_back(frame);
        }
    }

    /// Takes written bytes off the connection's own frames; what is left of them belongs to the rooms' frames.
    fn take(&mut self, mut written: usize) -> usize {
        while written > 0
            && let Some(front) = self.own.front_mut()
        {
            let of_front = written.min(front.len());
            self.own_bytes -= of_front;
            written -= of_front;
            if of_front == front.len() {
                self.own.pop_front();
            } else {
                bytes::Buf::advance(front, of_front);
            }
        }
        written
    }

    fn tell_if_written(&mut self, signals: &Signals) {
        if self.is_awaited {
            signals.wake.notify_one();
        }
    }

    fn end(&mut self, end: End, signals: &Signals) {
        if self.over.is_none() {
            self.over = Some(end);
            signals.wake.notify_one();
        }
    }
}

/// Told by the driver that a socket takes something again.
struct Writable(Weak<Outlet>);

impl Wake for Writable {
    fn wake(self: Arc<Self>) {
        if let Some(outlet) = self.0.upgrade() {
            outlet.out.lock().stuck = None;
            outlet.shard.note(&outlet);
        }
    }
}

#[cfg(test)]
mod tests;
