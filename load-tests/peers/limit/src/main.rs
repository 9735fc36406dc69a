//! The least that a server can do which sends one message to many: one thread, one `epoll`, each frame made once, and all
//! that came within a turn in one write to each reader.
//!
//! Nothing is parsed, kept or checked, and there are no rooms: it marks how far a server of chats can come. A reader says
//! `read`; whatever else is said goes to all readers. Linux. Start with [`Limit::turn`].

use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    fd::OwnedFd,
    io::Errno,
};
use std::{
    collections::BTreeSet,
    env,
    io::{self, ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};
use tungstenite::handshake::derive_accept_key;

/// As long as the server's own turns: what comes within one goes out together.
const TURN: Duration = Duration::from_millis(50);
const EVENTS_MAX: usize = 256;
const READ_BYTES: usize = 64 * 1024;
/// A request or a message longer than this is none.
const IN_BYTES_MAX: usize = 256 * 1024;
/// Who reads so much more slowly than is said is let go.
const OUT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Not the number of any connection.
const LISTENER: u64 = u64::MAX;
const READ: &[u8] = b"read";
const READS: &[u8] = b"reads";
const TEXT: u8 = 1;
const CLOSE: u8 = 8;

struct Connection {
    stream: TcpStream,
    open: bool,
    input: Vec<u8>,
    /// What the socket would not take.
    out: Vec<u8>,
}

struct Limit {
    epoll: OwnedFd,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    readers: BTreeSet<usize>,
    /// The frames of this turn.
    turn: Vec<u8>,
    /// When the next may go out.
    due: Instant,
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(env::args().nth(1).as_deref().unwrap_or("127.0.0.1:9300"))?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut limit = Limit {
        epoll,
        listener,
        connections: Vec::new(),
        free: Vec::new(),
        readers: BTreeSet::new(),
        turn: Vec::new(),
        due: Instant::now(),
    };
    let mut events = Vec::with_capacity(EVENTS_MAX);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        limit.turn(&mut events, &mut buffer)?;
    }
}

impl Limit {
    /// Waits, takes what came, and sends what is due.
    fn turn(&mut self, events: &mut Vec<Event>, buffer: &mut [u8]) -> io::Result<()> {
        let left = self.due.saturating_duration_since(Instant::now());
        let wait = (!self.turn.is_empty()).then(|| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        events.clear();
        match epoll::wait(&self.epoll, spare_capacity(events), wait.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.iter() {
            let (data, flags) = (event.data, event.flags);
            let Ok(index) = usize::try_from(data.u64()) else { continue };
            if data.u64() == LISTENER {
                self.accept()?;
                continue;
            }
            if flags.contains(EventFlags::OUT) {
                self.put(index, &[]);
            }
            if flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP) {
                self.read(index, buffer);
            }
        }
        if !self.turn.is_empty() && Instant::now() >= self.due {
            let frames = std::mem::take(&mut self.turn);
            for index in self.readers.clone() {
                self.put(index, &frames);
            }
            self.due = Instant::now() + TURN;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // One that was gone before it was taken.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or(self.connections.len());
            epoll::add(&self.epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            let connection = Some(Connection { stream, open: false, input: Vec::new(), out: Vec::new() });
            match self.connections.get_mut(index) {
                Some(place) => *place = connection,
                None => self.connections.push(connection),
            }
        }
    }

    /// Dropped, it is gone from what is waited for.
    fn close(&mut self, index: usize) {
        if self.connections.get_mut(index).is_some_and(|place| place.take().is_some()) {
            self.readers.remove(&index);
            self.free.push(index);
        }
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) {
        let Some(Some(connection)) = self.connections.get_mut(index) else { return };
        match connection.stream.read(buffer) {
            Ok(count) if count > 0 && connection.input.len() + count <= IN_BYTES_MAX => {
                connection.input.extend_from_slice(&buffer[..count]);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            _ => return self.close(index),
        }
        if !connection.open {
            let Some(end) = connection.input.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
                return;
            };
            let Some(answer) = answer(&String::from_utf8_lossy(&connection.input[..end])) else {
                return self.close(index);
            };
            connection.open = true;
            connection.input.drain(..end + 4);
            self.put(index, answer.as_bytes());
        }
        let Some(Some(connection)) = self.connections.get_mut(index) else { return };
        let mut input = std::mem::take(&mut connection.input);
        let mut at = 0;
        while let Some(found) = frame(&mut input[at..]) {
            let (code, content, length) = found;
            if code == CLOSE {
                return self.close(index);
            }
            if code == TEXT && content == READ {
                self.readers.insert(index);
                let mut out = Vec::new();
                put(&mut out, READS);
                self.put(index, &out);
            } else if code == TEXT {
                put(&mut self.turn, content);
            }
            at += length;
        }
        input.drain(..at);
        if let Some(Some(connection)) = self.connections.get_mut(index) {
            connection.input = input;
        }
    }

    /// Writes what is left and then this; keeps what the socket does not take.
    fn put(&mut self, index: usize, bytes: &[u8]) {
        let Some(Some(connection)) = self.connections.get_mut(index) else { return };
        let Connection { stream, out, .. } = connection;
        let waited = !out.is_empty();
        let mut broken = false;
        let mut write = |bytes: &[u8]| match stream.write(bytes) {
            Ok(count) => count,
            Err(error) => {
                broken |= !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
                0
            }
        };
        if waited {
            let written = write(out);
            out.drain(..written);
        }
        let written = if out.is_empty() && !bytes.is_empty() { write(bytes) } else { 0 };
        out.extend_from_slice(&bytes[written..]);
        let waits = !out.is_empty();
        if waited != waits {
            let flags = if waits { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            broken |= epoll::modify(&self.epoll, &*stream, EventData::new_u64(index as u64), flags).is_err();
        }
        if broken || out.len() > OUT_BYTES_MAX {
            self.close(index);
        }
    }
}

/// The answer to a request for a WebSocket.
fn answer(head: &str) -> Option<String> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, key) = fields.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))?;
    let accept = derive_accept_key(key.trim().as_bytes());
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    ))
}

/// A client's frame, which is masked: what it is, its content in clear, and how many bytes it takes. None before it is whole.
fn frame(bytes: &mut [u8]) -> Option<(u8, &[u8], usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, at) = match second & 127 {
        126 => (u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?), 10),
        length => (u64::from(length), 2),
    };
    let mask: [u8; 4] = *bytes.get(at..)?.first_chunk()?;
    let end = usize::try_from(length).ok()?.checked_add(at + 4)?;
    let content = bytes.get_mut(at + 4..end)?;
    content.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some((first & 15, content, end))
}

/// Adds a text as a server sends it.
fn put(out: &mut Vec<u8>, content: &[u8]) {
    out.push(128 | TEXT);
    match (u8::try_from(content.len()), u16::try_from(content.len())) {
        (Ok(length), _) if length < 126 => out.push(length),
        (_, Ok(length)) => {
            out.push(126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(content.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_with_its_key() {
        let head = "GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        // The example of RFC 6455.
        assert!(answer(head).expect("a key is there").contains("Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert_eq!(answer("GET / HTTP/1.1"), None);
    }

    #[test]
    fn frames_of_any_length_are_read_when_they_are_whole() {
        for length in [0_usize, 125, 126, 65_535, 65_536] {
            let content = vec![b'x'; length];
            let mut plain = Vec::new();
            put(&mut plain, &content);
            // The same as a client sends it: with a mask, behind the length.
            let at = plain.len() - length;
            plain[1] |= 128;
            let masked: Vec<u8> =
                content.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(b, m)| b ^ m).collect();
            let whole = [&plain[..at], &[1, 2, 3, 4], &masked].concat();
            assert_eq!(frame(&mut whole.clone()), Some((TEXT, content.as_slice(), whole.len())), "{length}");
            let cut = whole.len() - 1;
            assert_eq!(frame(&mut whole.clone()[..cut]), None, "{length}");
        }
        assert_eq!(frame(&mut [129, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]), None);
    }
}
