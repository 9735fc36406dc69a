//! A simulated connection: two bounded pipes with delays, which may stall and be cut.
//!
//! Frames of one direction arrive in order. What is in a pipe when it is cut is lost from some frame on. The server's
//! end is a [`Transport`]; a process that is dead neither takes nor gives anything.

use crate::{dice::Dice, life::Life};
use axum::extract::ws::Utf8Bytes;
use parking_lot::Mutex;
use protocol::codes::CloseReason;
use server::gateway::connection::{End, Gone, Received, Transport};
use std::{collections::VecDeque, sync::Arc};
use tokio::{sync::Notify, time::Instant};

/// What the server's end gathers before it writes, as the real one does.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// What travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Text(Utf8Bytes),
    Binary,
    Ping,
    Pong,
    Close(u16),
}

impl Frame {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 8,
            _ => 8,
        }
    }
}

struct Pipe {
    state: Mutex<PipeState>,
    /// One reader, one writer: both look again at every change.
    changed: Notify,
    bytes_max: usize,
    latency_ms: u64,
    dice: Dice,
}

#[derive(Default)]
struct PipeState {
    frames: VecDeque<(Instant, Frame)>,
    bytes: usize,
    /// No more frames come after those that are there.
    closed: bool,
}

impl Pipe {
    fn new(bytes_max: usize, latency_ms: u64, dice: Dice) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), bytes_max, latency_ms, dice }
    }

    /// Waits while the pipe is full.
    async fn push(&self, frame: Frame) -> Result<(), Gone> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.state.lock();
                if state.closed {
                    return Err(Gone);
                }
                if state.frames.is_empty() || state.bytes + frame.bytes() <= self.bytes_max {
                    let earliest = state.frames.back().map_or_else(Instant::now, |(at, _)| *at);
                    let at = earliest
                        .max(Instant::now() + self.dice.latency(self.latency_ms, 10 * self.latency_ms));
                    state.bytes += frame.bytes();
                    state.frames.push_back((at, frame));
                    drop(state);
                    self.changed.notify_waiters();
                    return Ok(());
                }
            }
            changed.await;
        }
    }

    /// The next frame; `None` at the end. Cancel-safe.
    async fn pop(&self) -> Option<Frame> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let until = {
                let mut state = self.state.lock();
                match state.frames.front() {
                    Some((at, _)) if *at <= Instant::now() => {
                        let (_, frame) = state.frames.pop_front()?;
                        state.bytes -= frame.bytes();
                        drop(state);
                        self.changed.notify_waiters();
                        return Some(frame);
                    }
                    Some((at, _)) => Some(*at),
                    None if state.closed => return None,
                    None => None,
                }
            };
            match until {
                Some(until) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = tokio::time::sleep_until(until) => {}
                },
                None => changed.await,
            }
        }
    }

    fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_waiters();
    }

    /// Loses what is on its way from some frame on.
    fn cut(&self) {
        {
            let mut state = self.state.lock();
            let kept = self.dice.below(state.frames.len() + 1);
            state.frames.truncate(kept);
            state.bytes = state.frames.iter().map(|(_, frame)| frame.bytes()).sum();
            state.closed = true;
        }
        self.changed.notify_waiters();
    }
}

struct Link {
    up: Pipe,
    down: Pipe,
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
}

/// A new connection.
pub fn connection(line: Line, life: Arc<Life>, dice: &Dice) -> (ClientEnd, ServerEnd, Cutter) {
    let pipe = || Pipe::new(line.bytes_max, line.latency_ms, dice.fork());
    let link = Arc::new(Link { up: pipe(), down: pipe() });
    let server = ServerEnd { link: link.clone(), life, buffer: VecDeque::new(), buffered: 0 };
    (ClientEnd(link.clone()), server, Cutter(link))
}

/// The client's end.
pub struct ClientEnd(Arc<Link>);

impl ClientEnd {
    /// The next frame but pings, which are answered; `None` when it is over.
    pub async fn receive(&self) -> Option<Frame> {
        loop {
            match self.0.down.pop().await? {
                // An answer that finds no place is late, as in life.
                Frame::Ping => self.0.up.push(Frame::Pong).await.ok()?,
                frame => return Some(frame),
            }
        }
    }

    /// Sends; an error if it is over.
    pub async fn send(&self, frame: Frame) -> Result<(), Gone> {
        self.0.up.push(frame).await
    }
}

impl Drop for ClientEnd {
    fn drop(&mut self) {
        self.0.up.close();
        self.0.down.cut();
    }
}

/// The server's end.
pub struct ServerEnd {
    link: Arc<Link>,
    life: Arc<Life>,
    buffer: VecDeque<Frame>,
    buffered: usize,
}

impl ServerEnd {
    async fn buffer(&mut self, frame: Frame) -> Result<(), Gone> {
        self.buffered += frame.bytes();
        self.buffer.push_back(frame);
        if self.buffered > WRITE_BUFFER_BYTES { self.flush().await } else { Ok(()) }
    }
}

impl Transport for ServerEnd {
    async fn receive(&mut self) -> Result<Received, End> {
        let frame = self.link.up.pop().await;
        // Popped by the dead is lost with them.
        self.life.live().await;
        match frame {
            Some(Frame::Text(text)) => Ok(Received::Text(text)),
            Some(Frame::Binary) => Err(End::Close(CloseReason::BinaryFrame)),
            Some(Frame::Ping | Frame::Pong) => Ok(Received::Alive),
            Some(Frame::Close(_)) | None => Err(End::Gone),
        }
    }

    async fn feed(&mut self, frame: Utf8Bytes) -> Result<(), Gone> {
        self.buffer(Frame::Text(frame)).await
    }

    async fn feed_ping(&mut self) -> Result<(), Gone> {
        self.buffer(Frame::Ping).await
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        while let Some(frame) = self.buffer.front().cloned() {
            self.life.live().await;
            self.link.down.push(frame.clone()).await?;
            self.buffer.pop_front();
            self.buffered -= frame.bytes();
        }
        Ok(())
    }

    async fn close(&mut self, reason: CloseReason) {
        self.buffer.push_back(Frame::Close(reason.code()));
        self.buffered += 8;
        if self.flush().await.is_ok() {
            while self.link.up.pop().await.is_some() {}
        }
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
