//! Simulated clients: writers, readers and readers of pages. Each has its own dice. Those who break the rules are
//! [`abuse`], and those who ask more than once [`again`].

pub mod abuse;
mod again;

use crate::{
    dice::Dice,
    net::{ClientEnd, Frame},
    process,
    run::Sim,
};
use protocol::{
    codes::{CloseReason, ErrorCode},
    frames::{ClientFrame, FeedKind, ServerFrame},
    ids::{MessageId, Seq},
    objects::FrameMessage,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use testkit::history::{self, Event, Outcome, Shown, text_hash};

/// How long an answer is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// After this a writer gives up on a message: well below the ten minutes for which its nonce holds.
const HOPE_NANOS: u64 = 240_000_000_000;

/// Things to say; styles act on some of them.
const LINES: [&str; 6] = [
    "hello",
    "WHAT A PLAY!!!",
    "can somebody tell me what happened?",
    "gg wp \u{1f389}\u{1f389}",
    "/me waves",
    "i think we should go left here, not right, but what do i know",
];

/// A connection from the client's side.
struct Connection {
    sim: Arc<Sim>,
    number: u64,
    end: ClientEnd,
}

/// Why no frame came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nothing {
    /// In time.
    Silence,
    /// The connection is over, with this code if the server gave one.
    Over(Option<u16>),
}

impl Connection {
    /// Connects, sooner or later.
    async fn open(sim: &Arc<Sim>, dice: &Dice) -> Self {
        loop {
            if let Some((end, cutter)) = process::connect(sim, sim.line(dice)) {
                sim.cutters.lock().push(cutter);
                let number = sim.connection_number();
                let connection = Self { sim: sim.clone(), number, end };
                match connection.receive(ANSWER_MAX).await {
                    Ok(ServerFrame::Hello { .. }) => return connection,
                    Ok(other) => sim.problem(format!("the first frame is not hello but {other:?}")),
                    Err(_) => {}
                }
            }
            tokio::time::sleep(dice.millis(10..=1_000)).await;
        }
    }

    async fn receive(&self, within: Duration) -> Result<ServerFrame, Nothing> {
        match tokio::time::timeout(within, self.end.receive()).await {
            Err(_) => Err(Nothing::Silence),
            Ok(None) => Err(Nothing::Over(None)),
            Ok(Some(Frame::Close(code))) => Err(Nothing::Over(Some(code))),
            Ok(Some(Frame::Text(text))) => match serde_json::from_str(&text) {
                Ok(frame) => Ok(frame),
                Err(error) => {
                    self.sim.problem(format!("connection {} got {text:?}: {error}", self.number));
                    Err(Nothing::Over(None))
                }
            },
            Ok(Some(other)) => {
                self.sim.problem(format!("connection {} got {other:?}", self.number));
                Err(Nothing::Over(None))
            }
        }
    }

    async fn send(&self, frame: &ClientFrame) -> bool {
        let text = serde_json::to_string(frame).expect("a frame is JSON");
        let send = self.end.send(Frame::Text(text));
        matches!(tokio::time::timeout(ANSWER_MAX, send).await, Ok(Ok(())))
    }

    /// Becomes a user.
    async fn auth(&self, token: &str) -> bool {
        if !self.send(&ClientFrame::Auth { token: token.to_owned() }).await {
            return false;
        }
        match self.receive(ANSWER_MAX).await {
            Ok(ServerFrame::Authed { .. }) => true,
            // The store is out of reach.
            Ok(ServerFrame::Error { code: ErrorCode::Unavailable, .. }) | Err(_) => false,
            Ok(ServerFrame::Reconnect { .. }) => false,
            Ok(other) => {
                self.sim.problem(format!("auth was answered with {other:?}"));
                false
            }
        }
    }
}

/// A line that somebody wants to say.
#[derive(Clone)]
struct Line {
    room: String,
    text: String,
    nonce: String,
    reply_to: Option<MessageId>,
    first_sent: Option<u64>,
    /// A frame of an earlier attempt may still be on its way, so that no refusal is the last word.
    afloat: bool,
}

/// Says lines and asks again until each has an answer.
pub struct Writer {
    sim: Arc<Sim>,
    dice: Dice,
    number: usize,
    user: String,
    token: String,
    lines: VecDeque<Line>,
    in_flight: BTreeMap<String, (u64, Line)>,
    said: u64,
    /// The newest own message of a room that was accepted.
    accepted: BTreeMap<String, MessageId>,
}

impl Writer {
    pub fn new(sim: &Arc<Sim>, number: usize, user: &str, token: &str) -> Self {
        Self {
            sim: sim.clone(),
            dice: sim.dice.fork(),
            number,
            user: user.to_owned(),
            token: token.to_owned(),
            lines: VecDeque::new(),
            in_flight: BTreeMap::new(),
            said: 0,
            accepted: BTreeMap::new(),
        }
    }

    fn line(&mut self, room: String) -> Line {
        self.said += 1;
        let nonce = format!("nq{}_{}", self.number, self.said);
        let text = format!("{} @{nonce}", self.dice.pick(&LINES));
        let reply_to = self.accepted.get(&room).copied().filter(|_| self.dice.percent(10));
        Line { room, text, nonce, reply_to, first_sent: None, afloat: false }
    }

    /// One line in every room, each acked.
    pub async fn probe(mut self) {
        for room in self.sim.plan.rooms.clone() {
            let line = self.line(room.slug.as_str().to_owned());
            self.lines.push_back(line);
        }
        self.until_answered(1).await;
    }

    /// So many lines, in its own rhythm.
    pub async fn write(mut self, count: u64) {
        let window = self.dice.pick(&[1, 1, 3, 20]);
        let pause_ms = self.dice.pick(&[0, 20, 800]);
        // After the night or before it: who writes in the morning finds an old room.
        if let Some(night) = self.sim.plan.night.filter(|_| self.dice.percent(50)) {
            tokio::time::sleep(night).await;
        }
        let mut left = count;
        while left > 0 {
            let burst = self.dice.between(1..=window).min(left);
            left -= burst;
            for _ in 0..burst {
                let room = self.sim.room(&self.dice);
                let line = self.line(room);
                self.lines.push_back(line);
            }
            self.until_answered(usize::try_from(window).expect("small")).await;
            tokio::time::sleep(self.dice.millis(0..=pause_ms)).await;
        }
    }

    async fn until_answered(&mut self, window: usize) {
        while !self.lines.is_empty() {
            let connection = Connection::open(&self.sim, &self.dice).await;
            let lines = std::mem::take(&mut self.lines);
            self.lines = lines.into_iter().filter(|line| self.has_hope(line)).collect();
            if connection.auth(&self.token).await {
                let end = self.talk(&connection, window).await;
                self.lose_hope(end);
            }
            if !self.lines.is_empty() {
                tokio::time::sleep(self.dice.millis(10..=1_000)).await;
            }
        }
    }

    /// Sends and listens until all is said or the connection fails.
    async fn talk(&mut self, connection: &Connection, window: usize) -> Nothing {
        loop {
            while self.in_flight.len() < window
                && let Some(mut line) = self.lines.pop_front()
            {
                let now = self.sim.world.nanos();
                line.first_sent.get_or_insert(now);
                let Line { room, text, nonce, reply_to, .. } = line.clone();
                if self.dice.percent(self.sim.plan.twins) {
                    line.afloat = true;
                    tokio::spawn(again::twin(
                        self.sim.clone(),
                        self.dice.fork(),
                        self.user.clone(),
                        self.token.clone(),
                        line.clone(),
                    ));
                }
                self.in_flight.insert(nonce.clone(), (now, line));
                if !connection.send(&ClientFrame::Send { room, text, nonce, reply_to }).await {
                    return Nothing::Over(None);
                }
            }
            if self.in_flight.is_empty() {
                return Nothing::Silence;
            }
            match connection.receive(ANSWER_MAX).await {
                Ok(ServerFrame::Ack { nonce, id, seq, .. }) => {
                    if let Some((t0, line)) = self.in_flight.remove(&nonce) {
                        self.accepted.insert(line.room.clone(), id);
                        self.record(t0, &line, Outcome::Accepted { id, seq });
                        if self.sim.plan.asks_again && self.dice.percent(40) {
                            let (sim, dice) = (self.sim.clone(), self.dice.fork());
                            let (user, token) = (self.user.clone(), self.token.clone());
                            tokio::spawn(again::after_ack(sim, dice, user, token, line));
                        }
                    } else {
                        self.sim.problem(format!("an ack for {nonce}, which was not asked"));
                    }
                }
                Ok(ServerFrame::Error { code, nonce: Some(nonce), .. }) => {
                    if let Some((t0, line)) = self.in_flight.remove(&nonce) {
                        self.refused(t0, line, code).await;
                    }
                }
                Ok(_) => {}
                Err(nothing) => return nothing,
            }
        }
    }

    async fn refused(&mut self, t0: u64, line: Line, code: ErrorCode) {
        let passing = matches!(code, ErrorCode::Overloaded | ErrorCode::StorageFull | ErrorCode::Unavailable);
        if !passing {
            self.sim.problem(format!("{} was refused as {}", line.nonce, code.as_str()));
        }
        if line.afloat {
            let why = format!("refused as {}, and an earlier attempt is afloat", code.as_str());
            self.record(t0, &line, Outcome::Unknown { why });
        } else {
            self.record(t0, &line, Outcome::Rejected { code: code.as_str().to_owned() });
        }
        if passing && (line.afloat || self.sim.is_healed() || self.dice.percent(50)) && self.has_hope(&line) {
            tokio::time::sleep(self.dice.millis(20..=500)).await;
            self.lines.push_back(line);
        }
    }

    fn has_hope(&self, line: &Line) -> bool {
        line.first_sent.is_none_or(|first| self.sim.world.nanos() - first < HOPE_NANOS)
    }

    /// The connection failed: nothing is known of what was in flight. It is asked again, in the same order.
    fn lose_hope(&mut self, end: Nothing) {
        let told = end == Nothing::Over(Some(CloseReason::Internal.code()));
        let mut again: Vec<(u64, Line)> = std::mem::take(&mut self.in_flight).into_values().collect();
        again.sort_by_key(|(_, line)| line.first_sent);
        for (t0, mut line) in again.into_iter().rev() {
            // Another gateway knows nothing of what this one was told.
            line.afloat |= !told || self.sim.brokers.is_some();
            self.record(t0, &line, Outcome::Unknown { why: format!("{end:?}") });
            if self.has_hope(&line) {
                self.lines.push_front(line);
            }
        }
    }

    fn record(&self, t0: u64, line: &Line, outcome: Outcome) {
        record(&self.sim, &self.user, t0, line, outcome);
    }
}

fn record(sim: &Sim, user: &str, t0: u64, line: &Line, outcome: Outcome) {
    sim.record(Event::Send(history::Send {
        t0,
        t1: sim.world.nanos(),
        user: user.to_owned(),
        room: line.room.clone(),
        nonce: line.nonce.clone(),
        text: line.text.clone(),
        outcome,
    }));
}

/// A message as the history keeps it.
pub fn shown(message: &FrameMessage) -> Shown {
    let nonce = message.text.find("@nq").map(|at| {
        let word = &message.text[at + 1..];
        let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(word.len());
        word[..end].to_owned()
    });
    Shown {
        seq: message.seq,
        id: message.id,
        user: message.user.username.clone(),
        nonce,
        text_hash: text_hash(&message.text),
    }
}

/// How a reader behaves.
#[derive(Clone, Copy, Debug)]
struct Manners {
    /// Between two frames.
    pause_ms: u64,
    /// In a thousand frames or silences.
    leaves: u64,
    cuts: u64,
    vanishes: u64,
    /// Of a hundred returns.
    resumes: u64,
}

/// Reads until the run is over.
pub async fn read(sim: Arc<Sim>, dice: Dice) {
    let steady = Manners { pause_ms: 0, leaves: 0, cuts: 0, vanishes: 0, resumes: 80 };
    let manners = dice.pick(&[
        steady,
        Manners { pause_ms: 1_500, ..steady },
        Manners { leaves: 60, ..steady },
        Manners { cuts: 60, resumes: 95, ..steady },
        Manners { pause_ms: 300, vanishes: 40, ..steady },
    ]);
    let mut places: BTreeMap<String, (String, Seq)> = BTreeMap::new();
    loop {
        let connection = Connection::open(&sim, &dice).await;
        let number = connection.number;
        let mut reader =
            Reader { sim: &sim, dice: &dice, manners, places: &mut places, asked: BTreeMap::new() };
        let stash = reader.read(&connection).await;
        sim.reading.lock().retain(|(connection, _)| *connection != number);
        let t = sim.world.nanos();
        sim.record(Event::Left(history::Left { t, connection: number, why: format!("{stash:?}") }));
        if stash == Parting::Vanish {
            sim.vanished.lock().push(connection.end);
        }
        // Away for long enough that a gateway lets go of what it read.
        let away = if sim.plan.keep.is_some() && dice.percent(25) { dice.between(8..=40) } else { 0 };
        for _ in 0..away {
            if !sim.is_healed() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        tokio::time::sleep(dice.millis(1..=1_000)).await;
    }
}

/// How a reader leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parting {
    Over,
    Cut,
    Vanish,
}

struct Reader<'a> {
    sim: &'a Arc<Sim>,
    dice: &'a Dice,
    manners: Manners,
    /// By room: epoch and newest message.
    places: &'a mut BTreeMap<String, (String, Seq)>,
    /// Joins without an answer.
    asked: BTreeMap<String, (u64, u32, Option<Seq>)>,
}

impl Reader<'_> {
    async fn read(&mut self, connection: &Connection) -> Parting {
        let rooms = self.sim.plan.rooms.clone();
        let first = self.dice.below(rooms.len());
        for (n, room) in rooms.iter().enumerate() {
            let wanted = n == first || self.dice.percent(40);
            if wanted && !self.join(connection, room.slug.as_str()).await {
                return Parting::Over;
            }
        }
        loop {
            let manners = self.manners;
            if !self.sim.is_healed() {
                tokio::time::sleep(self.dice.millis(0..=manners.pause_ms)).await;
            }
            match connection.receive(Duration::from_secs(5)).await {
                Ok(frame) => {
                    if !self.on_frame(connection, frame).await {
                        return Parting::Over;
                    }
                }
                Err(Nothing::Silence) if self.asked.is_empty() => {}
                Err(_) => return Parting::Over,
            }
            if self.sim.is_healed() {
                continue;
            }
            let chance = self.dice.between(0..=999);
            if chance < manners.leaves {
                let room = self.sim.room(self.dice);
                if self.asked.contains_key(&room) {
                    continue;
                }
                // With a word or without, the room is joined again.
                if self.dice.percent(50) && !connection.send(&ClientFrame::Leave { room: room.clone() }).await
                {
                    return Parting::Over;
                }
                if !self.join(connection, &room).await {
                    return Parting::Over;
                }
            } else if chance < manners.leaves + manners.cuts {
                return Parting::Cut;
            } else if chance < manners.leaves + manners.cuts + manners.vanishes {
                return Parting::Vanish;
            }
        }
    }

    async fn join(&mut self, connection: &Connection, room: &str) -> bool {
        if self.asked.contains_key(room) {
            return true;
        }
        let most = self.sim.plan.ring_messages.min(100) as u64;
        let history = u32::try_from(self.dice.between(0..=most)).expect("small");
        let place = self.places.get(room).filter(|_| self.dice.percent(self.manners.resumes));
        let (mut after, mut epoch) = place.cloned().map(|(epoch, seq)| (seq, epoch)).unzip();
        if self.dice.percent(3) {
            // Positions that nobody ever had.
            after = Some(self.dice.pick(&[Seq(0), Seq(1), Seq(1_000_000), Seq(u64::MAX)]));
            epoch = Some(self.dice.pick(&["epoch0", "another"]).to_owned());
        }
        self.asked.insert(room.to_owned(), (self.sim.world.nanos(), history, after));
        let room = room.to_owned();
        connection
            .send(&ClientFrame::Join { room, history: Some(history), after, epoch, feed: FeedKind::Full })
            .await
    }

    async fn on_frame(&mut self, connection: &Connection, frame: ServerFrame) -> bool {
        let (number, t) = (connection.number, self.sim.world.nanos());
        match frame {
            ServerFrame::Joined { room, epoch, seq, recovered, reason, history, .. } => {
                let Some((t0, asked, after)) = self.asked.remove(&room) else {
                    self.sim.problem(format!("joined {room}, which was not asked"));
                    return false;
                };
                self.sim.record(Event::Joined(history::Joined {
                    t0,
                    t,
                    connection: number,
                    room: room.clone(),
                    epoch: epoch.clone(),
                    seq,
                    asked,
                    after,
                    recovered,
                    reason,
                }));
                self.places.insert(room.clone(), (epoch, seq));
                for message in &history {
                    self.show(number, &room, message, true);
                }
                self.sim.reading.lock().insert((number, room));
            }
            ServerFrame::Messages { room, messages, .. } => {
                for message in &messages {
                    self.show(number, &room, message, false);
                    if let Some((_, place)) = self.places.get_mut(&room) {
                        *place = message.seq;
                    }
                }
            }
            ServerFrame::Gap { room, from, to } => {
                if let Some((_, place)) = self.places.get_mut(&room) {
                    *place = to;
                }
                self.sim.record(Event::Gap(history::Gap { t, connection: number, room, from, to }));
            }
            ServerFrame::Error { code, room, .. } => {
                // Of a join: the store is out of reach. Of a leave: it was not read.
                if let Some(room) = room
                    && code == ErrorCode::Unavailable
                {
                    self.asked.remove(&room);
                    return false;
                }
            }
            ServerFrame::Left { room, .. } => {
                self.sim.reading.lock().remove(&(number, room));
            }
            ServerFrame::Reconnect { after_ms } if self.dice.percent(70) => {
                tokio::time::sleep(Duration::from_millis(after_ms)).await;
                return false;
            }
            _ => {}
        }
        true
    }

    fn show(&self, connection: u64, room: &str, message: &FrameMessage, past: bool) {
        let epoch = self.places.get(room).map(|(epoch, _)| epoch.clone());
        self.sim.record(Event::Message(history::Message {
            t: self.sim.world.nanos(),
            connection,
            room: room.to_owned(),
            epoch,
            past,
            shown: shown(message),
        }));
    }
}

/// Reads pages of the history now and then, as REST does.
pub async fn read_pages(sim: Arc<Sim>, dice: Dice) {
    let mut places: BTreeMap<String, Seq> = BTreeMap::new();
    loop {
        tokio::time::sleep(dice.millis(100..=4_000)).await;
        let slug = sim.room(&dice);
        let Some(process) = sim.gateway() else { continue };
        let Some(room) = process.gateway.rooms.get(&slug) else { continue };
        let after = if dice.percent(50) { Seq(0) } else { places.get(&slug).copied().unwrap_or_default() };
        let limit = dice.pick(&[5, 100]);
        let (t0, connection) = (process.heard_until(&sim, &slug), sim.connection_number());
        let page = process.gateway.history.after(&room, after, limit);
        // Out of reach, or the process died under it.
        let Ok(Ok(page)) = tokio::time::timeout(ANSWER_MAX, page).await else { continue };
        let (t, full) = (sim.world.nanos(), page.len() == limit);
        sim.record(Event::Page(history::Page { t0, t, connection, room: slug.clone(), after, full }));
        for logged in &page {
            let shown = shown(&logged.to_frame_message());
            let room = slug.clone();
            sim.record(Event::Message(history::Message {
                t,
                connection,
                room,
                epoch: None,
                past: false,
                shown,
            }));
            places.insert(slug.clone(), logged.seq);
        }
        let why = "read".to_owned();
        sim.record(Event::Left(history::Left { t, connection, why }));
    }
}
