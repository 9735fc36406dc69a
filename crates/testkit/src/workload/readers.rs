//! One reader of all rooms, in the manner of good and bad viewers.

use super::{ANSWER_TIME_MAX, PAGE, Shared, pause::Pauses, refusal};
use crate::history::{Event, Gap, Joined, Left, Message, Nanos, Page, Stayed};
use client::{Error as ClientError, Options as SocketOptions, Rest, Socket};
use protocol::{
    frames::{ClientFrame, FeedKind, ServerFrame},
    ids::Seq,
};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use std::{collections::HashMap, ops::Range, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// How a reader behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Stays, and comes back with a resume if it is cut off.
    Steady,
    /// Goes without a word at chance instants and comes back with a resume.
    Reconnecting,
    /// Joins anew at chance instants, without a resume.
    Late,
    /// Takes little from the network, and stops reading for a while at chance instants.
    Slow,
    /// Reads pages over REST.
    Paging,
}

impl Behaviour {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Steady, Self::Reconnecting, Self::Late, Self::Slow, Self::Paging];

    /// How long it is between two of its acts, in milliseconds.
    fn every_ms(self) -> Range<u64> {
        match self {
            // Longer than any run.
            Self::Steady => 1 << 40..1 << 41,
            Self::Reconnecting => 30..600,
            Self::Late => 20..300,
            Self::Slow => 200..600,
            Self::Paging => 5..100,
        }
    }
}

/// How long a slow reader does not read: until so many messages more are accepted, but no longer than this.
/// The last is more than what the kernel and a small ring keep of long lines.
const SLOW_MESSAGES: [u64; 3] = [20, 2_500, 2_500];
const SLOW_MAX: Duration = Duration::from_secs(10);
/// The receive buffer of a slow reader, in bytes; with a large one the machine would read for it.
const SLOW_BUFFER_BYTES: u32 = 4 * 1024;
/// Lengths of the past that a late joiner asks for.
const PASTS: [u32; 5] = [0, 1, 10, 10, 100];
const PAST: u32 = 10;

pub(super) struct Reader {
    shared: Arc<Shared>,
    behaviour: Behaviour,
    choices: StdRng,
    pauses: Pauses,
    /// Which gateway it is at.
    turn: usize,
    /// By room: the log it reads, and how far it is.
    places: HashMap<String, (Option<String>, Seq)>,
    /// Joins that were asked for and not yet answered.
    asked: HashMap<String, Asked>,
}

#[derive(Clone)]
struct Asked {
    t0: Nanos,
    history: u32,
    after: Option<Seq>,
}

type Until = watch::Receiver<Option<HashMap<String, Seq>>>;

/// What is to happen with a connection.
enum Next {
    Stay,
    /// It is left, by the reader or by the server.
    Leave(String),
    /// Everything was read.
    Done,
}

impl Reader {
    pub(super) fn new(
        shared: Arc<Shared>,
        number: usize,
        behaviour: Behaviour,
        baselines: HashMap<String, Seq>,
    ) -> Self {
        let places = baselines.into_iter().map(|(room, seq)| (room, (None, seq))).collect();
        let (choices, pauses) = (shared.choices(4, number), Pauses::new(shared.choices(5, number)));
        Self { shared, behaviour, choices, pauses, turn: number, places, asked: HashMap::new() }
    }

    /// Until it has everything that `until` will say, or has waited for it too long.
    pub(super) async fn run(mut self, until: Until) {
        if self.behaviour == Behaviour::Paging {
            return self.page(until).await;
        }
        while !self.over(&until) {
            match self.connect().await {
                Ok(socket) => {
                    self.pauses.success();
                    if self.stay(socket, until.clone()).await {
                        return;
                    }
                }
                Err(error) => self.pauses.after_failure(refusal(&error).and_then(|(_, wait)| wait)).await,
            }
            self.turn += 1;
        }
    }

    /// Only for a server that does not come back: is the end long past?
    fn over(&self, until: &Until) -> bool {
        until.borrow().is_some() && self.pauses.gave_up(self.shared.options.give_up)
    }

    async fn connect(&self) -> Result<Socket, ClientError> {
        let receive_buffer_bytes = (self.behaviour == Behaviour::Slow).then_some(SLOW_BUFFER_BYTES);
        let options =
            SocketOptions { deadline: ANSWER_TIME_MAX, receive_buffer_bytes, ..SocketOptions::default() };
        Socket::connect_with(self.shared.gateway(self.turn), options).await
    }

    fn act_at(&mut self) -> Instant {
        Instant::now() + Duration::from_millis(self.choices.random_range(self.behaviour.every_ms()))
    }

    /// Reads on one connection until it ends; true if everything was read.
    async fn stay(&mut self, mut socket: Socket, mut until: Until) -> bool {
        let connection = self.shared.connection();
        self.asked.clear();
        let mut next = self.join_all(&mut socket).await;
        let mut act_at = self.act_at();
        // Nobody waits for ever: the time runs from when everything is written.
        let mut deadline: Option<Instant> = None;
        while let Next::Stay = next {
            let wanted = until.borrow_and_update().clone();
            if let Some(wanted) = &wanted {
                let deadline = *deadline.get_or_insert(Instant::now() + self.shared.options.give_up);
                if Instant::now() >= deadline || self.has(wanted) {
                    self.stayed(connection, wanted);
                    next = Next::Done;
                    break;
                }
            }
            next = tokio::select! {
                frame = socket.recv() => self.on_frame(connection, frame),
                () = tokio::time::sleep_until(act_at), if wanted.is_none() => {
                    act_at = self.act_at();
                    self.act(&mut socket, &until).await
                }
                () = tokio::time::sleep_until(deadline.unwrap_or(act_at)), if deadline.is_some() => Next::Stay,
                _ = until.changed(), if wanted.is_none() => Next::Stay,
            };
        }
        let (why, done) = match next {
            Next::Leave(why) => (why, false),
            Next::Done | Next::Stay => ("everything was read".to_owned(), true),
        };
        self.shared.record(Event::Left(Left { t: self.shared.now(), connection, why }));
        socket.vanish();
        done
    }

    fn has(&self, wanted: &HashMap<String, Seq>) -> bool {
        self.asked.is_empty()
            && wanted.iter().all(|(room, seq)| self.places.get(room).is_some_and(|(_, at)| at >= seq))
    }

    fn stayed(&self, connection: u64, wanted: &HashMap<String, Seq>) {
        for (room, until) in wanted.iter().filter(|(room, _)| !self.asked.contains_key(*room)) {
            let (t, room, until) = (self.shared.now(), room.clone(), *until);
            self.shared.record(Event::Stayed(Stayed { t, connection, room, until }));
        }
    }

    async fn join_all(&mut self, socket: &mut Socket) -> Next {
        for room in self.shared.options.rooms.clone() {
            if let Next::Leave(why) = self.join(socket, &room).await {
                return Next::Leave(why);
            }
        }
        Next::Stay
    }

    /// Asks for a room; the answer comes as a frame among the others.
    async fn join(&mut self, socket: &mut Socket, room: &str) -> Next {
        let late = self.behaviour == Behaviour::Late;
        let resume = match self.places.get(room) {
            Some((Some(epoch), seq)) if !late => Some((*seq, epoch.clone())),
            _ => None,
        };
        let history = if late { PASTS.choose(&mut self.choices).copied().unwrap_or(PAST) } else { PAST };
        let (after, epoch) = resume.unzip();
        self.asked.insert(room.to_owned(), Asked { t0: self.shared.now(), history, after });
        let (room, history) = (room.to_owned(), Some(history));
        match socket.send(&ClientFrame::Join { room, history, after, epoch, feed: FeedKind::Full }).await {
            Ok(()) => Next::Stay,
            Err(error) => Next::Leave(error.to_string()),
        }
    }

    async fn act(&mut self, socket: &mut Socket, until_set: &Until) -> Next {
        match self.behaviour {
            Behaviour::Steady | Behaviour::Paging => Next::Stay,
            Behaviour::Reconnecting => Next::Leave("it went without a word".to_owned()),
            Behaviour::Late if self.choices.random_bool(0.5) => Next::Leave("it begins anew".to_owned()),
            Behaviour::Late => match self.shared.options.rooms.choose(&mut self.choices).cloned() {
                // Not before the last answer came, so that answers and questions belong together.
                Some(room) if !self.asked.contains_key(&room) => self.join(socket, &room).await,
                _ => Next::Stay,
            },
            Behaviour::Slow => {
                let mut progress = self.shared.progress.subscribe();
                let until = progress.borrow().accepted
                    + SLOW_MESSAGES.choose(&mut self.choices).copied().unwrap_or(1);
                let mut over = until_set.clone();
                let waited = progress.wait_for(|progress| progress.accepted >= until);
                // Either way it reads on.
                tokio::select! {
                    _ = tokio::time::timeout(SLOW_MAX, waited) => {}
                    _ = over.wait_for(Option::is_some) => {}
                }
                Next::Stay
            }
        }
    }

    fn on_frame(&mut self, connection: u64, frame: Result<ServerFrame, ClientError>) -> Next {
        let t = self.shared.now();
        match frame {
            Ok(ServerFrame::Joined { room, epoch, seq, recovered, reason, history, .. }) => {
                let Some(Asked { t0, history: asked, after }) = self.asked.remove(&room) else {
                    return Next::Leave(format!("{room:?} was joined without asking"));
                };
                // It may begin again, also further back.
                self.places.insert(room.clone(), (Some(epoch.clone()), seq));
                self.shared.record(Event::Joined(Joined {
                    t0,
                    t,
                    connection,
                    room: room.clone(),
                    epoch,
                    seq,
                    asked,
                    after,
                    recovered,
                    reason,
                }));
                self.shown(t, connection, &room, true, &history);
            }
            Ok(ServerFrame::Messages { room, messages, .. }) => {
                self.shown(t, connection, &room, false, &messages);
                if let (Some(last), Some((_, at))) = (messages.last(), self.places.get_mut(&room)) {
                    *at = last.seq.max(*at);
                }
            }
            Ok(ServerFrame::Gap { room, from, to }) => {
                if let Some((_, at)) = self.places.get_mut(&room) {
                    *at = to.max(*at);
                }
                self.shared.record(Event::Gap(Gap { t, connection, room, from, to }));
            }
            Ok(ServerFrame::Error { code, detail, room, .. }) => {
                let room = room.unwrap_or_default();
                return Next::Leave(format!("{room:?}: {} ({detail})", code.as_str()));
            }
            // A quiet room is none that is gone.
            Ok(_) | Err(ClientError::TimedOut { .. }) => {}
            Err(error) => return Next::Leave(error.to_string().chars().take(200).collect()),
        }
        Next::Stay
    }

    fn shown(
        &self,
        t: Nanos,
        connection: u64,
        room: &str,
        past: bool,
        messages: &[protocol::objects::FrameMessage],
    ) {
        let epoch = self.places.get(room).and_then(|(epoch, _)| epoch.clone());
        self.shared.progress.send_modify(|progress| progress.shown += messages.len() as u64);
        let mut events = self.shared.events.lock();
        events.extend(messages.iter().map(|message| {
            let shown = self.shared.shown_in_frame(message);
            Event::Message(Message {
                t,
                connection,
                room: room.to_owned(),
                epoch: epoch.clone(),
                past,
                shown,
            })
        }));
    }

    /// Page after page, each room in turn.
    async fn page(mut self, until: Until) {
        let connection = self.shared.connection();
        let mut deadline: Option<Instant> = None;
        loop {
            self.turn += 1;
            let rest = self.shared.rest(self.turn);
            for room in self.shared.options.rooms.clone() {
                while self.next_page(&rest, connection, &room).await {}
            }
            let wanted = until.borrow().clone();
            if let Some(wanted) = wanted {
                let deadline = *deadline.get_or_insert(Instant::now() + self.shared.options.give_up);
                if self.has(&wanted) || Instant::now() >= deadline {
                    return;
                }
            }
            tokio::time::sleep_until(self.act_at()).await;
        }
    }

    /// True if there is more.
    async fn next_page(&mut self, rest: &Rest, connection: u64, room: &str) -> bool {
        let after = self.places.get(room).map_or(Seq(0), |(_, at)| *at);
        let t0 = self.shared.now();
        let page = match rest.after(room, after, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                self.pauses.after_failure(refusal(&error).and_then(|(_, wait)| wait)).await;
                return false;
            }
        };
        self.pauses.success();
        let (t, full) = (self.shared.now(), page.next_after.is_some());
        let room_of = |room: &str| room.to_owned();
        let mut events = self.shared.events.lock();
        events.push(Event::Page(Page { t0, t, connection, room: room_of(room), after, full }));
        events.extend(page.messages.iter().map(|message| {
            let shown = self.shared.shown_in_page(message);
            Event::Message(Message { t, connection, room: room_of(room), epoch: None, past: false, shown })
        }));
        drop(events);
        self.shared.progress.send_modify(|progress| progress.shown += page.messages.len() as u64);
        if let (Some(last), Some((_, at))) = (page.messages.last(), self.places.get_mut(room)) {
            *at = last.seq.max(*at);
        }
        full
    }
}
