//! Writers and readers against any URL that speaks the protocol, and the history of what they saw.
//!
//! It judges nothing and knows nothing of how a server is run: one may be killed and started again under it at any
//! time. What has no answer is asked again, with the same nonce on a new connection, until it has one. All choices
//! come from a seed; what the network makes of them does not. Start with [`Run::start`], then [`Run::finish`].

mod pause;
mod readers;
mod text;
mod writers;

use crate::history::{Baseline, Began, Clock, Event, Nanos, Page, Read, Shown, Stored};
use client::{Error as ClientError, Rest, Socket};
use parking_lot::Mutex;
use pause::Pauses;
use protocol::{
    codes::ErrorCode,
    ids::Seq,
    objects::{FrameMessage, Message},
};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet, time::Instant};

pub use readers::Behaviour;

/// Messages of one REST page, the most there is.
const PAGE: u32 = 100;
/// How long one answer may take before it counts as none. A healthy server takes milliseconds; a frozen one must not
/// hold the writers for long.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the gateways of one chat listen, one at least. Everyone begins at one of them, and goes to the next when it
    /// does not answer or breaks off.
    pub gateways: Vec<SocketAddr>,
    /// Slugs; none for all that the server has.
    pub rooms: Vec<String>,
    /// Users that write; each fourth of them over REST.
    pub writers: usize,
    /// Readers of all rooms.
    pub readers: Vec<Behaviour>,
    /// Messages a second of all writers together; 0 for as many as they can, one after the other.
    pub rate: f64,
    /// The share of messages that are as long as may be, from 0 to 1. On the loopback the kernel takes about 2.6 MB for
    /// a reader that does not read; it takes long lines to make one fall behind.
    pub long: f64,
    /// Where all choices come from.
    pub seed: u64,
    /// Others write in these rooms too.
    pub strangers: bool,
    /// How long a message without an answer is tried again, and how long readers wait for what they miss at the end.
    pub give_up: Duration,
}

impl Options {
    /// Four writers and five readers, one of each behaviour, in all rooms.
    #[must_use]
    pub fn new(gateway: SocketAddr, seed: u64) -> Self {
        Self {
            gateways: vec![gateway],
            rooms: Vec::new(),
            writers: 4,
            readers: Behaviour::ALL.to_vec(),
            rate: 0.0,
            long: 0.05,
            seed,
            strangers: false,
            give_up: Duration::from_secs(60),
        }
    }
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct Error {
    what: String,
    source: ClientError,
}

fn failed(what: impl Into<String>) -> impl FnOnce(ClientError) -> Error {
    move |source| Error { what: what.into(), source }
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Messages that were accepted.
    pub accepted: u64,
    /// Messages that were refused.
    pub rejected: u64,
    /// Attempts without an answer.
    pub unknown: u64,
    /// Messages that were shown to readers.
    pub shown: u64,
}

/// What all of them share.
struct Shared {
    options: Options,
    clock: Clock,
    run: text::RunName,
    events: Mutex<Vec<Event>>,
    connections: AtomicU64,
    progress: watch::Sender<Progress>,
    /// Newest accepted place by room.
    newest: Mutex<HashMap<String, Seq>>,
}

impl Shared {
    fn record(&self, event: Event) {
        self.events.lock().push(event);
    }

    fn now(&self) -> Nanos {
        self.clock.now()
    }

    fn connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    /// The gateway whose turn it is.
    fn gateway(&self, turn: usize) -> SocketAddr {
        self.options.gateways[turn % self.options.gateways.len()]
    }

    fn rest(&self, turn: usize) -> Rest {
        Rest::new(self.gateway(turn)).with_deadline(ANSWER_TIME_MAX)
    }

    /// A source of choices of its own for each part, so that they do not hang on who is asked first.
    fn choices(&self, role: u64, number: usize) -> StdRng {
        let salt = (role << 32 | number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        StdRng::seed_from_u64(self.options.seed ^ salt)
    }

    fn shown_in_frame(&self, message: &FrameMessage) -> Shown {
        self.shown(message.seq, message.id, &message.user.username, &message.text)
    }

    fn shown_in_page(&self, message: &Message) -> Shown {
        self.shown(message.seq, message.id, &message.user.username, &message.text)
    }

    fn shown(&self, seq: Seq, id: protocol::ids::MessageId, user: &str, text: &str) -> Shown {
        let text_hash = crate::history::text_hash(text);
        Shown { seq, id, user: user.to_owned(), nonce: self.run.nonce_in(text), text_hash }
    }
}

/// A run under way.
pub struct Run {
    shared: Arc<Shared>,
    writers: JoinSet<()>,
    readers: JoinSet<()>,
    stop_writing: watch::Sender<bool>,
    /// Set when everything is written: what readers wait for.
    until: watch::Sender<Option<HashMap<String, Seq>>>,
}

impl Run {
    /// Notes how far the rooms are, makes an account for each writer, and lets them go.
    ///
    /// # Errors
    /// If the server cannot be reached, has no such room, or refuses the accounts (it limits registrations by address;
    /// see `limits.registrations_per_address_per_hour`).
    ///
    /// # Panics
    /// Without any gateway.
    pub async fn start(mut options: Options) -> Result<Self, Error> {
        let clock = Clock::start();
        let gateway = options.gateways[0];
        if options.rooms.is_empty() {
            let all = Rest::new(gateway).rooms().await;
            let all = all.map_err(failed(format!("no chat at {gateway}")))?;
            options.rooms = all.into_iter().map(|room| room.slug).collect();
        }
        let mut rooms = Vec::new();
        let mut socket = Socket::connect(gateway).await.map_err(failed(format!("no chat at {gateway}")))?;
        for room in &options.rooms {
            let joined = socket
                .join_with_history(room, 0)
                .await
                .map_err(failed(format!("the room {room:?} cannot be joined")))?;
            rooms.push(Baseline { room: room.clone(), epoch: joined.epoch, seq: joined.seq });
        }
        socket.vanish();
        let gateways = u32::try_from(options.gateways.len()).unwrap_or(u32::MAX);
        let began = Began { seed: options.seed, rooms, strangers: options.strangers, gateways };
        let baselines: HashMap<String, Seq> = began.rooms.iter().map(|b| (b.room.clone(), b.seq)).collect();
        let shared = Arc::new(Shared {
            run: text::RunName::new(),
            clock,
            events: Mutex::new(vec![Event::Began(began)]),
            connections: AtomicU64::new(1),
            progress: watch::Sender::default(),
            newest: Mutex::new(baselines.clone()),
            options,
        });
        let mut accounts = Vec::new();
        for number in 0..shared.options.writers {
            accounts.push(writers::Writer::register(&shared, number).await?);
        }
        let (stop_writing, until) = (watch::Sender::new(false), watch::Sender::new(None));
        let mut readers = JoinSet::new();
        for (number, behaviour) in shared.options.readers.iter().copied().enumerate() {
            let reader = readers::Reader::new(shared.clone(), number, behaviour, baselines.clone());
            readers.spawn(reader.run(until.subscribe()));
        }
        let mut writers = JoinSet::new();
        for writer in accounts {
            writers.spawn(writer.run(stop_writing.subscribe()));
        }
        Ok(Self { shared, writers, readers, stop_writing, until })
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        *self.shared.progress.borrow()
    }

    /// Waits until so many messages were accepted since the beginning. Waits for ever if nobody accepts any.
    pub async fn until_accepted(&self, count: u64) {
        let mut progress = self.shared.progress.subscribe();
        // The sender lives in `self`, so this does not fail.
        let _ = progress.wait_for(|progress| progress.accepted >= count).await;
    }

    /// Lets the writers stop, once they know what became of everything they said, and waits for that.
    pub async fn stop_writing(&mut self) {
        self.stop_writing.send_replace(true);
        join_all(&mut self.writers).await;
    }

    /// Stops writing, waits until the readers have everything or have waited long enough, reads the whole history over
    /// REST, and gives what was seen.
    pub async fn finish(mut self) -> Vec<Event> {
        self.stop_writing().await;
        self.stop_reading().await;
        self.read_history().await;
        self.into_events()
    }

    /// Waits until the readers have everything or have waited long enough. Writing has to be stopped before.
    pub async fn stop_reading(&mut self) {
        let newest = self.shared.newest.lock().clone();
        self.until.send_replace(Some(newest));
        join_all(&mut self.readers).await;
    }

    /// Reads the whole history over REST. What cannot be read in time is missing in the history, and the checker
    /// says so.
    pub async fn read_history(&self) {
        for room in self.shared.options.rooms.clone() {
            let mut pauses = Pauses::new(self.shared.choices(3, 0));
            let deadline = Instant::now() + self.shared.options.give_up;
            let mut turn = 0;
            while Instant::now() < deadline && !self.read_room(&room, turn).await {
                turn += 1;
                pauses.after_failure(None).await;
            }
        }
    }

    /// What was seen so far. Tasks that still run are ended.
    #[must_use]
    pub fn into_events(self) -> Vec<Event> {
        std::mem::take(&mut *self.shared.events.lock())
    }

    /// One room, in both directions; false if that failed.
    async fn read_room(&self, room: &str, turn: usize) -> bool {
        let Ok((epoch, baseline)) = self.end_of(room, turn).await else { return false };
        let rest = self.shared.rest(turn);
        let (mut events, mut after) = (Vec::new(), baseline);
        loop {
            let Ok(page) = rest.after(room, after, PAGE).await else { return false };
            let shown = page.messages.iter().map(|m| self.shared.shown_in_page(m));
            events.extend(shown.map(|shown| Event::Stored(Stored { room: room.to_owned(), shown })));
            match page.next_after {
                Some(next) if next > after => after = next,
                _ => break,
            }
        }
        let t0 = self.shared.now();
        let Some(backwards) = read_backwards(&rest, room, baseline).await else { return false };
        let (connection, t) = (self.shared.connection(), self.shared.now());
        let mut read = vec![
            Event::Read(Read { t, room: room.to_owned(), epoch }),
            Event::Page(Page { t0, t, connection, room: room.to_owned(), after: baseline, full: false }),
        ];
        read.extend(backwards.iter().map(|m| {
            let (room, shown) = (room.to_owned(), self.shared.shown_in_page(m));
            Event::Message(crate::history::Message { t, connection, room, epoch: None, past: false, shown })
        }));
        let mut all = self.shared.events.lock();
        all.extend(events);
        all.extend(read);
        true
    }

    /// The room's epoch now, and the place after which its history belongs to the run.
    async fn end_of(&self, room: &str, turn: usize) -> Result<(String, Seq), ClientError> {
        let mut socket = Socket::connect(self.shared.gateway(turn)).await?;
        let epoch = socket.join_with_history(room, 0).await?.epoch;
        let events = self.shared.events.lock();
        let began = events.iter().find_map(|event| match event {
            Event::Began(began) => began.rooms.iter().find(|b| b.room == room),
            _ => None,
        });
        let baseline = began.filter(|b| b.epoch == epoch).map_or(Seq(0), |b| b.seq);
        Ok((epoch, baseline))
    }
}

/// The same history by the other way of asking: from the newest backwards. None if that failed.
async fn read_backwards(rest: &Rest, room: &str, down_to: Seq) -> Option<Vec<Message>> {
    let mut newest_first: Vec<Message> = Vec::new();
    let mut page = rest.latest(room, PAGE).await.ok()?;
    loop {
        newest_first.extend(page.messages.into_iter().rev().filter(|m| m.seq > down_to));
        match page.next_before {
            Some(before) if before.0 > down_to.0 + 1 => page = rest.before(room, before, PAGE).await.ok()?,
            _ => break,
        }
    }
    newest_first.reverse();
    Some(newest_first)
}

async fn join_all(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// A definite no, and how long to wait before the next try; anything else leaves it open.
fn refusal(error: &ClientError) -> Option<(ErrorCode, Option<Duration>)> {
    let refusal = error.refusal()?;
    // "Something broke on our side" does not say where: the message may have been accepted before. And who is not known
    // any more is refused before the nonce is looked at, which says nothing of an earlier attempt.
    let definite =
        !matches!(refusal.code, ErrorCode::Internal | ErrorCode::Unauthorized | ErrorCode::TokenExpired);
    definite.then(|| (refusal.code, refusal.retry_after_ms.map(Duration::from_millis)))
}
