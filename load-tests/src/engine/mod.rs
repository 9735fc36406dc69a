//! The loop of one worker: thousands of connections on one thread, none of them with a buffer of its own.
//!
//! Viewers and writers are entries of one table; what is ready is read into one shared buffer, judged and forgotten. Only
//! half a frame is kept. What is due, and when, is decided in [`writing`] and [`people`]; what frames mean in [`frames`].
//! Start with [`Engine::turn`].

mod closed;
mod frames;
mod people;
mod punctual;
mod writing;

use crate::{
    dialect::Dialect,
    inflate::Inflater,
    judge::{Findings, Heard, Order, Place},
    net::{self, Interest, Poll, Ready},
    plan::{self, Counts, Latencies, Plan, RoomCounts, Sample, Tally},
    stamp, ws,
};
use closed::Closed;
use hdrhistogram::Histogram;
use memchr::memmem::Finder;
use punctual::Punctual;
use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// One read of one socket: several turns of a busy room.
const READ_BYTES: usize = 256 * 1024;
/// What may wait for a socket that takes no more. A writer's message has some 200 bytes.
const OUT_BYTES_MAX: usize = 256 * 1024;
/// Half a frame is kept in a buffer that is let go if it is larger than this.
const KEPT_BYTES: usize = 4 * 1024;
/// Messages of one writer without an answer; the server refuses more than 1,024 on one connection.
const IN_FLIGHT_MAX: usize = 512;
/// Things that went wrong are told so often.
const WORDS_MAX: usize = 8;
/// How often slow viewers read.
const SLOW_EVERY_US: u64 = 100_000;
/// Whoever lost the connection by the server's doing comes back after this, spread by their number.
const COME_BACK_US: u64 = 1_000_000;
/// The longest that a turn waits: what main says is looked at so often.
const TURN_MAX: Duration = Duration::from_millis(50);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Viewer { room: u32, crowd: u32 },
    Writer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not connected; it is in the queue of those who come, or will not come any more.
    Away,
    Connecting,
    Upgrading,
    /// At this step of entering.
    Entering(usize),
    In,
}

struct Connection {
    role: Role,
    state: State,
    stream: Option<TcpStream>,
    /// Half a frame.
    kept: Vec<u8>,
    out: Vec<u8>,
    interest: Interest,
    slow: bool,
    /// It asks for compressed messages.
    deflate: bool,
    /// Messages without an answer.
    in_flight: usize,
    /// When it was due to come, if that counts; how late it was is told.
    due: Option<u64>,
    /// It was here before.
    returns: bool,
    place: Place,
    heard: Heard,
}

/// A room as this worker sees it.
struct Room {
    order: Order,
    counts: RoomCounts,
    epoch: String,
    /// When the next message is due here, in seconds of the run; none any more.
    next: Option<f64>,
    /// Parts of a message that are due, where less than one is in a step of time.
    credit: f64,
}

/// Latencies over all, and since the last sample.
struct Both {
    all: Histogram<u64>,
    now: Histogram<u64>,
}

impl Both {
    fn new() -> Self {
        Self { all: plan::histogram(), now: plan::histogram() }
    }

    fn note(&mut self, us: u64, counts: bool) {
        self.now.saturating_record(us.max(1));
        if counts {
            self.all.saturating_record(us.max(1));
        }
    }

    fn take_now(&mut self) -> Latencies {
        let taken = Latencies::of(&self.now);
        self.now.reset();
        taken
    }
}

pub struct Engine {
    plan: Plan,
    poll: Poll,
    ready: Vec<Ready>,
    buffer: Vec<u8>,
    /// Not there while it is at work.
    inflater: Option<Box<Inflater>>,
    connections: Vec<Connection>,
    /// Where the writers are in the table.
    writers: std::ops::Range<usize>,
    rooms: Vec<Room>,
    /// Instead of rates.
    closed: Option<Closed>,
    /// Who comes, and when (0: at once); in the order of time.
    coming: VecDeque<(u64, usize)>,
    opening: usize,
    inside: usize,
    writers_inside: usize,
    seq: Finder<'static>,
    mark: Finder<'static>,
    counts: Counts,
    findings: Findings,
    acks: Both,
    shown: Both,
    joins: Histogram<u64>,
    back: Histogram<u64>,
    words: Vec<String>,
    /// When the run begins, in microseconds of the clock; `u64::MAX` before that is known.
    begin: u64,
    number: u32,
    turn_of: usize,
    kills_done: usize,
    slow_at: u64,
    punctual: Punctual,
    drains: bool,
}

impl Engine {
    pub fn new(plan: Plan) -> io::Result<Self> {
        let mut connections = Vec::new();
        let mut coming = VecDeque::new();
        for (room, crowds) in (0_u32..).zip(&plan.rooms) {
            for (crowd, who) in (0_u32..).zip(&crowds.crowds) {
                for number in 0..who.viewers {
                    if who.at.is_none() {
                        coming.push_back((0, connections.len()));
                    }
                    let mut connection = Connection::new(Role::Viewer { room, crowd }, who.slow);
                    connection.deflate = who.deflates(number);
                    connections.push(connection);
                }
            }
        }
        let writers = connections.len()..connections.len() + plan.writers.len();
        coming.extend(writers.clone().map(|index| (0, index)));
        connections.extend(writers.clone().map(|_| Connection::new(Role::Writer, false)));
        let rooms: Vec<Room> = plan
            .rooms
            .iter()
            .map(|room| Room {
                order: Order::default(),
                counts: RoomCounts {
                    whole: room
                        .crowds
                        .iter()
                        .filter(|c| c.at.is_none() && c.feed == "full")
                        .map(|c| c.viewers)
                        .sum(),
                    ..RoomCounts::default()
                },
                epoch: String::new(),
                next: Some(0.0),
                // So that something is said in every room, whatever the scale.
                credit: 1.0,
            })
            .collect();
        let whole = rooms.first().map_or(0, |room| room.counts.whole);
        Ok(Self {
            poll: Poll::new()?,
            ready: Vec::new(),
            buffer: vec![0; READ_BYTES],
            inflater: Some(Box::new(Inflater::new())),
            closed: plan.under_way.map(|most| Closed::new(most, whole)),
            rooms,
            connections,
            coming,
            opening: 0,
            inside: 0,
            writers_inside: 0,
            seq: Finder::new(b"\"seq\":\""),
            mark: stamp::finder(),
            counts: Counts::default(),
            findings: Findings::default(),
            acks: Both::new(),
            shown: Both::new(),
            joins: plan::histogram(),
            back: plan::histogram(),
            words: Vec::new(),
            begin: u64::MAX,
            number: plan.first_number,
            turn_of: 0,
            kills_done: 0,
            slow_at: 0,
            punctual: Punctual::default(),
            drains: false,
            writers,
            plan,
        })
    }

    /// Something else to wait for; the turn that finds it ready says so by its key.
    pub fn watch(&self, what: impl rustix::fd::AsFd, key: u64) -> io::Result<()> {
        self.poll.add(what, key, Interest::Read)
    }

    /// Connections that are there, and those that should be before the run begins.
    pub fn inside(&self) -> (usize, usize) {
        let expected = self.plan.rooms.iter().flat_map(|room| &room.crowds).filter(|c| c.at.is_none());
        (self.inside, expected.map(|crowd| crowd.viewers).sum::<usize>() + self.writers.len())
    }

    /// The run begins at this time.
    pub fn begin(&mut self, at: u64) {
        self.begin = at;
        self.expect_joiners();
    }

    /// Nothing more is written; slow viewers read what is left.
    pub fn drain(&mut self) {
        self.drains = true;
        for index in 0..self.connections.len() {
            if self.connections[index].slow && self.connections[index].state == State::In {
                self.set_interest(index, Interest::Read);
            }
        }
    }

    /// Does what is due, waits for at most so long, and does what became ready. Tells the keys that are not its own.
    pub fn turn(&mut self, most: Duration) -> io::Result<Vec<u64>> {
        let now = stamp::now();
        let next = self.do_what_is_due(now);
        self.let_in(now)?;
        let wait = self.punctual.sleep(next, stamp::now()).min(most).min(TURN_MAX);
        let mut ready = std::mem::take(&mut self.ready);
        self.poll.wait(wait, &mut ready)?;
        let mut others = Vec::new();
        for event in &ready {
            match usize::try_from(event.key) {
                Ok(index) if index < self.connections.len() => self.on_ready(index, *event),
                _ => others.push(event.key),
            }
        }
        self.ready = ready;
        Ok(others)
    }

    fn do_what_is_due(&mut self, now: u64) -> u64 {
        if self.begin == u64::MAX {
            return u64::MAX;
        }
        let mut next = u64::MAX;
        if !self.drains {
            next = next.min(self.write_what_is_due(now));
            next = next.min(self.kill_who_is_due(now));
        }
        next.min(self.read_slowly(now))
    }

    fn on_ready(&mut self, index: usize, event: Ready) {
        match self.connections[index].state {
            State::Away => {}
            State::Connecting if event.broken => self.end(index, "refused"),
            State::Connecting => self.upgrade(index),
            _ => {
                if event.write {
                    self.flush(index);
                }
                if event.read || event.broken {
                    self.read(index, READ_BYTES);
                }
            }
        }
    }

    /// Reads once, at most so many bytes. What is left is ready again in the next turn.
    fn read(&mut self, index: usize, most: usize) {
        let Some(mut stream) = self.connections[index].stream.as_ref() else { return };
        let mut buffer = std::mem::take(&mut self.buffer);
        let most = most.min(buffer.len());
        let got = loop {
            match stream.read(&mut buffer[..most]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                got => break got,
            }
        };
        match got {
            Ok(0) => self.end(index, "ended by the server"),
            Ok(count) => {
                self.counts.bytes += count as u64;
                self.take(index, &buffer[..count]);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => self.end(index, &error.kind().to_string()),
        }
        self.buffer = buffer;
    }

    /// Adds a frame to what is written; `false` if too much waits already.
    fn put(&mut self, index: usize, code: u8, content: &[u8]) -> bool {
        let connection = &mut self.connections[index];
        if connection.out.len() + content.len() > OUT_BYTES_MAX {
            return false;
        }
        ws::put(&mut connection.out, code, content);
        true
    }

    fn say(&mut self, index: usize, text: &str) {
        let binary = matches!(&self.plan.dialect, Dialect::Peer(peer) if peer.binary);
        self.put(index, if binary { ws::BINARY } else { ws::TEXT }, text.as_bytes());
        self.flush(index);
    }

    fn flush(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let Some(mut stream) = connection.stream.as_ref() else { return };
        let mut written = 0;
        let failure = loop {
            if written == connection.out.len() {
                break None;
            }
            match stream.write(&connection.out[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break None,
                Err(error) => break Some(error),
            }
        };
        connection.out.drain(..written);
        if let Some(error) = failure {
            return self.end(index, &error.kind().to_string());
        }
        let reads = !self.holds_back(index);
        self.set_interest(
            index,
            match (reads, self.connections[index].out.is_empty()) {
                (true, true) => Interest::Read,
                (true, false) => Interest::ReadWrite,
                (false, true) => Interest::Nothing,
                (false, false) => Interest::Write,
            },
        );
    }

    /// A slow viewer that has joined reads when it is told to.
    fn holds_back(&self, index: usize) -> bool {
        let connection = &self.connections[index];
        connection.slow && connection.state == State::In && !self.drains
    }

    fn set_interest(&mut self, index: usize, interest: Interest) {
        let connection = &mut self.connections[index];
        let Some(stream) = connection.stream.as_ref() else { return };
        if connection.interest != interest {
            connection.interest = interest;
            // It can only fail if the connection is not there.
            let _ = self.poll.change(stream, index as u64, interest);
        }
    }

    fn word(&mut self, word: String) {
        if self.words.len() < WORDS_MAX {
            self.words.push(word);
        }
    }

    fn behind(&self) -> u64 {
        if matches!(self.plan.dialect, Dialect::Peer(_)) {
            return 0;
        }
        let viewers = self.connections.iter().filter(|c| c.state == State::In);
        viewers
            .filter_map(|c| match c.role {
                Role::Viewer { room, .. } => Some(self.rooms[room as usize].order.behind(&c.place)),
                Role::Writer => None,
            })
            .sum()
    }

    /// How it stands now.
    pub fn sample(&mut self) -> Sample {
        let behind = self.behind();
        for room in &mut self.rooms {
            room.counts.seen = room.order.ours;
        }
        #[allow(clippy::cast_precision_loss)] // microseconds of a run
        let at = stamp::now().saturating_sub(self.begin) as f64 / 1e6;
        Sample {
            at,
            counts: self.counts.clone(),
            viewers: self.inside - self.writers_inside,
            writers: self.writers_inside,
            acks: self.acks.take_now(),
            shown: self.shown.take_now(),
            cpu: net::own_cpu().as_secs_f64(),
            rooms: self.rooms.iter().map(|room| room.counts).collect(),
            behind,
        }
    }

    /// It is over: judges what viewers have not seen.
    pub fn finish(mut self) -> Tally {
        let last = self.sample();
        if self.plan.dialect == Dialect::Twitchy {
            for connection in self.connections.iter().filter(|c| c.state == State::In) {
                if let Role::Viewer { room, .. } = connection.role {
                    self.rooms[room as usize].order.finish(&connection.place, &mut self.findings);
                }
            }
        }
        Tally {
            last,
            findings: self.findings,
            acks: Latencies::of(&self.acks.all),
            shown: Latencies::of(&self.shown.all),
            joins: Latencies::of(&self.joins),
            back: Latencies::of(&self.back),
            words: self.words,
        }
    }
}

impl Connection {
    fn new(role: Role, slow: bool) -> Self {
        Self {
            role,
            state: State::Away,
            stream: None,
            kept: Vec::new(),
            out: Vec::new(),
            interest: Interest::Write,
            slow,
            deflate: false,
            in_flight: 0,
            due: None,
            returns: false,
            place: Place::default(),
            heard: Heard::default(),
        }
    }
}
