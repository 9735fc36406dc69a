//! A simulated connection: a pipe of frames up and a pipe of bytes down, with delays, which may stall and be cut.
//!
//! What is sent arrives in order. What is in a pipe when it is cut is lost from some frame or byte on. The server's end is an
//! [`Inlet`] and a [`Wire`], as a socket is; a process that is dead neither takes nor gives anything.

use crate::{dice::Dice, life::Life};
use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use protocol::codes::CloseReason;
use server::{
    gateway::{
        connection::{End, Inlet, Outward, Received},
        outlet::Wire,
    },
    websocket::deflate,
};
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tokio::{sync::Notify, time::Instant};

/// No frame of these rooms is longer.
const INFLATED_MAX: usize = 1024 * 1024;

/// The other side is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// What travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Text(String),
    Binary,
    Ping,
    Pong,
    Close(u16),
}

/// A part of what is on its way.
trait Parcel: Clone {
    fn bytes(&self) -> usize;
    /// What is left of it if it is cut here.
    fn cut(self, at: usize) -> Option<Self>;
}

impl Parcel for Frame {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 8,
            _ => 8,
        }
    }

    fn cut(self, _: usize) -> Option<Self> {
        None
    }
}

impl Parcel for Bytes {
    fn bytes(&self) -> usize {
        self.len()
    }

    fn cut(self, at: usize) -> Option<Self> {
        Some(self.slice(..at))
    }
}

struct Pipe<P> {
    state: Mutex<PipeState<P>>,
    /// One reader, one writer: both look again at every change.
    changed: Notify,
    bytes_max: usize,
    latency_ms: u64,
    dice: Dice,
}

struct PipeState<P> {
    parcels: VecDeque<(Instant, P)>,
    bytes: usize,
    /// No more comes after what is there.
    closed: bool,
    /// Waits for room.
    writer: Option<Waker>,
}

impl<P: Parcel> Pipe<P> {
    fn new(bytes_max: usize, latency_ms: u64, dice: Dice) -> Self {
        let state = PipeState { parcels: VecDeque::new(), bytes: 0, closed: false, writer: None };
        Self { state: Mutex::new(state), changed: Notify::new(), bytes_max, latency_ms, dice }
    }

    /// Everybody looks again.
    fn change<T>(&self, change: impl FnOnce(&mut PipeState<P>) -> T) -> T {
        let (result, writer) = {
            let mut state = self.state.lock();
            (change(&mut state), state.writer.take())
        };
        self.changed.notify_waiters();
        if let Some(writer) = writer {
            writer.wake();
        }
        result
    }

    fn put(&self, state: &mut PipeState<P>, parcel: P) {
        let earliest = state.parcels.back().map_or_else(Instant::now, |(at, _)| *at);
        let at = earliest.max(Instant::now() + self.dice.latency(self.latency_ms, 10 * self.latency_ms));
        state.bytes += parcel.bytes();
        state.parcels.push_back((at, parcel));
    }

    /// Waits while the pipe is full.
    async fn push(&self, parcel: P) -> Result<(), Gone> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.state.lock();
                if state.closed {
                    return Err(Gone);
                }
                if state.parcels.is_empty() || state.bytes + parcel.bytes() <= self.bytes_max {
                    self.put(&mut state, parcel);
                    drop(state);
                    self.changed.notify_waiters();
                    return Ok(());
                }
            }
            changed.await;
        }
    }

    /// The next parcel; `None` at the end. Cancel-safe.
    async fn pop(&self) -> Option<P> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let until = {
                let state = self.state.lock();
                match state.parcels.front() {
                    Some((at, _)) if *at <= Instant::now() => None,
                    Some((at, _)) => Some(Some(*at)),
                    None if state.closed => return None,
                    None => Some(None),
                }
            };
            match until {
                None => {
                    return self.change(|state| {
                        let (_, parcel) = state.parcels.pop_front()?;
                        state.bytes -= parcel.bytes();
                        Some(parcel)
                    });
                }
                Some(Some(until)) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = tokio::time::sleep_until(until) => {}
                },
                Some(None) => changed.await,
            }
        }
    }

    fn close(&self) {
        self.change(|state| state.closed = true);
    }

    /// Loses what is on its way from somewhere on.
    fn cut(&self) {
        self.change(|state| {
            let kept = self.dice.below(state.parcels.len() + 1);
            let mut lost = state.parcels.split_off(kept).into_iter();
            if let Some((at, parcel)) = lost.next() {
                let half = self.dice.below(parcel.bytes() + 1);
                state.parcels.extend(parcel.cut(half).map(|rest| (at, rest)));
            }
            state.bytes = state.parcels.iter().map(|(_, parcel)| parcel.bytes()).sum();
            state.closed = true;
        });
    }
}

struct Link {
    up: Pipe<Frame>,
    down: Pipe<Bytes>,
}

/// A way to break a connection from outside.
#[derive(Clone)]
pub struct Cutter(Arc<Link>);

impl Cutter {
    /// Both directions, now.
    pub fn cut(&self) {
        self.0.up.cut();
        self.0.down.cut();
    }
}

/// How good a line is.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// What a direction holds.
    pub bytes_max: usize,
    /// How long a frame usually takes; now and then ten times that.
    pub latency_ms: u64,
    /// The client reads compressed messages.
    pub deflates: bool,
}

/// A new connection.
pub fn connection(line: Line, life: Arc<Life>, dice: &Dice) -> (ClientEnd, ServerEnd, Cutter) {
    let up = Pipe::new(line.bytes_max, line.latency_ms, dice.fork());
    let down = Pipe::new(line.bytes_max, line.latency_ms, dice.fork());
    let link = Arc::new(Link { up, down });
    let client = ClientEnd { link: link.clone(), read: Mutex::default(), deflates: line.deflates };
    (client, ServerEnd { link: link.clone(), life, deflates: line.deflates }, Cutter(link))
}

/// The client's end.
pub struct ClientEnd {
    link: Arc<Link>,
    /// What came and is not yet a whole frame.
    read: Mutex<BytesMut>,
    deflates: bool,
}

impl ClientEnd {
    /// The next frame but pings, which are answered; `None` when it is over.
    pub async fn receive(&self) -> Option<Frame> {
        loop {
            let whole = next_frame(&mut self.read.lock(), self.deflates);
            match whole {
                // An answer that finds no place is late, as in life.
                Some(Frame::Ping) => self.link.up.push(Frame::Pong).await.ok()?,
                Some(frame) => return Some(frame),
                None => {
                    let bytes = self.link.down.pop().await?;
                    self.read.lock().extend_from_slice(&bytes);
                }
            }
        }
    }

    /// Sends; an error if it is over.
    pub async fn send(&self, frame: Frame) -> Result<(), Gone> {
        self.link.up.push(frame).await
    }
}

impl Drop for ClientEnd {
    fn drop(&mut self) {
        self.link.up.close();
        self.link.down.cut();
    }
}

/// A server's frame, if it is there whole: final, not masked and of the kinds that servers send.
fn next_frame(read: &mut BytesMut, deflates: bool) -> Option<Frame> {
    let (first, short) = (*read.first()?, *read.get(1)?);
    let (header, length) = match short {
        0..=125 => (2, u64::from(short)),
        126 => (4, u64::from(u16::from_be_bytes(read.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(read.get(2..10)?.try_into().ok()?)),
        _ => panic!("a server masks nothing"),
    };
    let end = header + usize::try_from(length).expect("frames are small");
    let payload = read.get(header..end)?;
    let text = |bytes: Vec<u8>| Frame::Text(String::from_utf8(bytes).expect("text is UTF-8"));
    let frame = match first {
        0x81 => text(payload.to_vec()),
        0xc1 if deflates => text(deflate::inflate(payload, INFLATED_MAX).expect("the server compressed it")),
        0x88 => Frame::Close(payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]))),
        0x89 => Frame::Ping,
        0x8a => Frame::Pong,
        other => panic!("no frame of a server begins with {other:#x}"),
    };
    read.advance(end);
    Some(frame)
}

/// The server's end, from which it reads.
pub struct ServerEnd {
    link: Arc<Link>,
    life: Arc<Life>,
    deflates: bool,
}

/// The same, into which it writes.
struct ServerWire {
    link: Arc<Link>,
    life: Arc<Life>,
}

impl ServerEnd {
    /// Where the server writes.
    pub fn outward(&self) -> Outward {
        let wire = Arc::new(ServerWire { link: self.link.clone(), life: self.life.clone() });
        Outward { wire, deflates: self.deflates }
    }
}

impl Inlet for ServerEnd {
    async fn receive(&mut self) -> Result<Received, End> {
        let frame = self.link.up.pop().await;
        // Popped by the dead is lost with them.
        self.life.live().await;
        match frame {
            Some(Frame::Text(text)) => Ok(Received::Text(text)),
            Some(Frame::Binary) => Err(End::Close(CloseReason::BinaryFrame)),
            Some(Frame::Ping) => Ok(Received::Ping(Bytes::new())),
            Some(Frame::Pong) => Ok(Received::Alive),
            Some(Frame::Close(code)) => Err(End::Goodbye(Some(code))),
            None => Err(End::Gone),
        }
    }
}

impl Wire for ServerWire {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if !self.life.step() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let mut state = self.link.down.state.lock();
        if state.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = self.link.down.bytes_max.saturating_sub(state.bytes);
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(room).collect();
        let written = bytes.len();
        self.link.down.put(&mut state, bytes.into());
        drop(state);
        self.link.down.changed.notify_waiters();
        Ok(written)
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.link.down.state.lock();
        if state.closed || state.bytes < self.link.down.bytes_max {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        self.link.up.cut();
        if self.life.alive() {
            self.link.down.close();
        } else {
            self.link.down.cut();
        }
    }
}
