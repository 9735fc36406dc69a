//! What servers say, read as little as possible: messages by searching for `"seq"` and the mark, everything else, which
//! is rare, as JSON.
//!
//! A quote inside a text stands behind a backslash, so `"seq":"` is found in no text. What the findings mean is
//! [`crate::judge`]'s business.

use super::{Connection, Engine, KEPT_BYTES, Role, Room, State};
use crate::{
    dialect::{Dialect, Step},
    stamp::{self, Stamp},
    ws::{self, Next},
};
use memchr::memmem;
use serde::Deserialize;

/// How Twitchy's frames of messages begin.
const MESSAGES: &[u8] = br#"{"type":"messages""#;
const SKIPPED: &[u8] = br#""skipped":"#;

/// Of the frames that are read as JSON, what matters here.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Joined {
        epoch: String,
        seq: String,
        recovered: Option<bool>,
    },
    Authed,
    Ack {
        nonce: String,
    },
    Error {
        code: String,
        detail: String,
        nonce: Option<String>,
    },
    Gap {
        to: String,
    },
    #[serde(other)]
    Other,
}

impl Engine {
    /// Bytes of a connection: whole frames are looked at, the rest is kept.
    pub(super) fn take(&mut self, index: usize, new: &[u8]) {
        let mut kept = std::mem::take(&mut self.connections[index].kept);
        let whole = if kept.is_empty() {
            new
        } else {
            kept.extend_from_slice(new);
            kept.as_slice()
        };
        let mut at = 0;
        if self.connections[index].state == State::Upgrading {
            let Some(end) = memmem::find(whole, b"\r\n\r\n") else {
                if whole.len() > KEPT_BYTES {
                    return self.end(index, "no answer to the upgrade");
                }
                self.connections[index].kept = whole.to_vec();
                return;
            };
            let line = whole.split(|byte| *byte == b'\r').next().unwrap_or_default();
            if memmem::find(line, b" 101 ").is_none() {
                let line = String::from_utf8_lossy(line).into_owned();
                return self.end(index, &line);
            }
            let names = whole[..end].to_ascii_lowercase();
            if self.connections[index].deflate && memmem::find(&names, ws::DEFLATE.as_bytes()).is_none() {
                return self.end(index, "it was asked to compress and does not");
            }
            at = end + 4;
            self.connections[index].state = State::Entering(0);
            self.enter(index, false);
        }
        let before = self.counts.shown;
        loop {
            match ws::head(&whole[at..]) {
                Next::Frame(head) => {
                    let Some(content) = whole.get(at + head.begin..at + head.begin + head.len) else { break };
                    at += head.begin + head.len;
                    if head.compressed {
                        self.on_compressed(index, head.code, content);
                    } else {
                        self.on_frame(index, head.code, content);
                    }
                    if self.connections[index].state == State::Away {
                        return;
                    }
                }
                Next::More => break,
                Next::Bad => return self.end(index, "what it sent is no frame"),
            }
        }
        self.counts.reads += u64::from(self.counts.shown > before);
        if at < whole.len() {
            self.connections[index].kept = whole[at..].to_vec();
        } else if kept.capacity() <= KEPT_BYTES {
            kept.clear();
            self.connections[index].kept = kept;
        }
    }

    fn on_compressed(&mut self, index: usize, code: u8, content: &[u8]) {
        if !self.connections[index].deflate {
            return self.end(index, "a compressed frame, and nobody asked for it");
        }
        let Some(mut inflater) = self.inflater.take() else { return };
        match inflater.inflate(content) {
            Some(whole) => {
                self.counts.saved += (whole.len() as u64).saturating_sub(content.len() as u64);
                self.on_frame(index, code, whole);
            }
            None => self.end(index, "a compressed frame that cannot be read"),
        }
        self.inflater = Some(inflater);
    }

    fn on_frame(&mut self, index: usize, code: u8, content: &[u8]) {
        match code {
            ws::PING => {
                self.put(index, ws::PONG, content);
                self.flush(index);
            }
            ws::CLOSE => {
                let reason = String::from_utf8_lossy(content.get(2..).unwrap_or_default()).into_owned();
                self.end(index, &format!("closed: {reason}"));
            }
            0..=ws::BINARY => match &self.plan.dialect {
                Dialect::Twitchy => self.on_twitchy(index, content),
                Dialect::Peer(_) => self.on_peer(index, content),
            },
            _ => {}
        }
    }

    fn on_twitchy(&mut self, index: usize, content: &[u8]) {
        if content.starts_with(MESSAGES) {
            if let Some(room) = self.connections[index].room() {
                let skipped = memmem::rfind(content, SKIPPED)
                    .and_then(|at| stamp::decimal(&content[at + SKIPPED.len()..]));
                let place = &mut self.connections[index].place;
                place.skipped(skipped.unwrap_or(0));
                self.see_messages(index, room, content);
            }
            return;
        }
        match serde_json::from_slice(content) {
            Ok(Said::Authed) => self.enter(index, true),
            Ok(Said::Joined { epoch, seq, recovered }) => {
                self.on_joined(index, epoch, &seq, recovered, content);
            }
            Ok(Said::Ack { nonce }) => {
                if let Some((due, room, _)) = self.of_this_run(&nonce) {
                    self.answered(index);
                    self.counts.accepted += 1;
                    self.rooms[room].counts.accepted += 1;
                    let now = stamp::now();
                    let counts = self.is_measured(due);
                    self.acks.note(now.saturating_sub(due), counts);
                }
            }
            Ok(Said::Error { code, nonce: Some(nonce), .. }) => {
                if let Some((_, room, number)) = self.of_this_run(&nonce) {
                    self.answered(index);
                    if let Some(closed) = &mut self.closed {
                        closed.refused(number);
                    }
                    *self.counts.refused.entry(code).or_default() += 1;
                    self.rooms[room].counts.refused += 1;
                }
            }
            Ok(Said::Error { code, detail, nonce: None }) => self.end(index, &format!("{code}: {detail}")),
            Ok(Said::Gap { to }) => {
                self.counts.gaps += 1;
                if let Ok(to) = to.parse() {
                    let place = &mut self.connections[index].place;
                    self.counts.fell += u64::from(!place.fell());
                    place.gap(to);
                }
            }
            Ok(Said::Other) => {}
            Err(error) => self.word(format!("a frame that is not understood: {error}")),
        }
    }

    fn on_joined(&mut self, index: usize, epoch: String, seq: &str, recovered: Option<bool>, content: &[u8]) {
        let (Some(room), Ok(seq)) = (self.connections[index].room(), seq.parse()) else { return };
        let Connection { role, place, returns, .. } = &mut self.connections[index];
        let sampled = matches!(role, Role::Viewer { crowd, .. } if self.plan.rooms[room].crowds[*crowd as usize].feed != "full");
        let order = &self.rooms[room].order;
        if *returns {
            let recovered = recovered == Some(true);
            place.rejoin(recovered, seq);
            self.counts.recovered += u64::from(recovered);
            if recovered && let Some(history) = memmem::find(content, br#""history":["#) {
                self.see_messages(index, room, &content[history..]);
            }
        } else {
            *place = order.join(seq, sampled);
        }
        self.rooms[room].epoch = epoch;
        self.enter(index, true);
    }

    /// Every message in this frame is seen by this viewer.
    fn see_messages(&mut self, index: usize, room: usize, content: &[u8]) {
        let (now, begin) = (stamp::now(), self.begin);
        let measured = self.measured();
        // What a slow viewer reads late is its own doing.
        let reads = !self.connections[index].slow;
        let mut found = self.seq.find_iter(content).peekable();
        while let Some(at) = found.next() {
            let message = &content[at + 7..found.peek().copied().unwrap_or(content.len())];
            let Some(seq) = stamp::decimal(message) else { continue };
            // Stamps of an earlier run are no stamps.
            let stamp = stamp::first(&self.mark, message).filter(|stamp| stamp.due >= begin);
            let place = &mut self.connections[index].place;
            let Room { order, counts, .. } = &mut self.rooms[room];
            order.see(place, seq, stamp.is_some(), &mut self.findings);
            if let Some(Stamp { due, number }) = stamp {
                if let Some(closed) = &mut self.closed {
                    closed.seen(number);
                }
                counts.shown += 1;
                self.counts.shown += 1;
                if reads {
                    self.shown.note(now.saturating_sub(due), measured.contains(&due));
                }
            }
        }
    }

    fn on_peer(&mut self, index: usize, content: &[u8]) {
        let Dialect::Peer(peer) = &self.plan.dialect else { return };
        let answers: Vec<String> = peer.answers_to(content).into_iter().map(str::to_owned).collect();
        let acks = match (&peer.ack, self.connections[index].role) {
            (Some(ack), Role::Writer) => memmem::find_iter(content, ack.as_bytes()).count() as u64,
            _ => 0,
        };
        let met = match self.connections[index].state {
            State::Entering(at) => {
                let steps = peer.steps(self.connections[index].role == Role::Writer);
                matches!(steps.get(at), Some(Step::Expect(text))
                    if memmem::find(content, text.split("{room}").next().unwrap_or_default().as_bytes()).is_some())
            }
            _ => false,
        };
        self.counts.accepted += acks;
        if let Some(room) = self.connections[index].room() {
            let (now, begin, measured) = (stamp::now(), self.begin, self.measured());
            let writers = u32::try_from(self.plan.writers.len()).unwrap_or(u32::MAX);
            for stamp in self.mark.find_iter(content).filter_map(|at| stamp::read(&content[at..])) {
                if stamp.due >= begin {
                    if let Some(closed) = &mut self.closed {
                        closed.seen(stamp.number);
                    }
                    self.connections[index].heard.see(stamp.number, writers, &mut self.findings);
                    self.rooms[room].counts.shown += 1;
                    self.counts.shown += 1;
                    self.shown.note(now.saturating_sub(stamp.due), measured.contains(&stamp.due));
                }
            }
        }
        for answer in answers {
            self.say(index, &answer);
        }
        if met {
            self.enter(index, true);
        }
    }

    fn answered(&mut self, index: usize) {
        let in_flight = &mut self.connections[index].in_flight;
        *in_flight = in_flight.saturating_sub(1);
    }

    /// When a message of this run was due, its room and its number.
    fn of_this_run(&self, nonce: &str) -> Option<(u64, usize, u32)> {
        let mut parts = nonce.strip_prefix(&self.plan.run)?.strip_prefix('.')?.split('.');
        let due = u64::from_str_radix(parts.next()?, 16).ok()?;
        let room = parts.next()?.parse().ok().filter(|room| *room < self.rooms.len())?;
        Some((due, room, u32::from_str_radix(parts.next()?, 16).ok()?))
    }

    /// When the messages are due whose latency counts.
    fn measured(&self) -> std::ops::Range<u64> {
        let at = |seconds| self.begin.saturating_add(super::people::us(seconds));
        at(self.plan.warm_seconds)..at(self.plan.seconds)
    }

    fn is_measured(&self, due: u64) -> bool {
        self.measured().contains(&due)
    }
}
