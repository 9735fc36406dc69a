//! Histories that a correct server gives, by chance: none has a finding. And each broken in one place: it is found.

use super::{check, shown};
use crate::{
    checker::Rule,
    history::{
        Baseline, Began, Event, Gap, Joined, Left, Message, Outcome, Page, Read, Send, Shown, Stayed, Stored,
    },
};
use proptest::prelude::*;
use protocol::ids::Seq;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

const ROOMS: [&str; 2] = ["a", "b"];
const EPOCH: &str = "e";
/// What was there before the run, in each room.
const BEFORE: u64 = 4;

/// A server that keeps its promises: one order of places for two rooms, and connections that read them.
struct Server {
    choices: StdRng,
    time: u64,
    events: Vec<Event>,
    /// Of both rooms, in their order.
    log: Vec<(usize, Shown)>,
    place: u64,
    said: u128,
    /// Sent and not yet answered, and what is in the log of it.
    open: Vec<(Send, Option<Shown>)>,
    readers: Vec<Reader>,
    connections: u64,
}

#[derive(Clone, Copy)]
struct Reader {
    connection: u64,
    room: usize,
    at: Seq,
}

impl Server {
    fn new(seed: u64) -> Self {
        let rooms = ROOMS.iter().zip(1..).map(|(room, n)| Baseline {
            room: (*room).to_owned(),
            epoch: EPOCH.to_owned(),
            seq: Seq(BEFORE * n),
        });
        let began = Began { seed, rooms: rooms.collect(), strangers: false, gateways: 1 };
        let mut server = Self {
            choices: StdRng::seed_from_u64(seed),
            time: 0,
            events: vec![Event::Began(began)],
            log: Vec::new(),
            place: BEFORE * ROOMS.len() as u64,
            said: 0,
            open: Vec::new(),
            readers: Vec::new(),
            connections: 0,
        };
        for (room, first) in [(0, 1), (1, BEFORE + 1)] {
            let old = |seq| (room, Shown { nonce: None, ..shown(seq, 1_000_000 + u128::from(seq)) });
            server.log.extend((first..first + BEFORE).map(old));
        }
        server
    }

    fn run(mut self, steps: usize) -> Vec<Event> {
        for _ in 0..steps {
            self.time += self.choices.random_range(0..3);
            match self.choices.random_range(0..10) {
                0..=2 => self.send(),
                3..=4 => self.answer(),
                5 => self.join(),
                6..=7 => self.read(),
                8 => self.page(),
                _ => self.leave(),
            }
        }
        while !self.open.is_empty() {
            self.answer();
        }
        self.end()
    }

    fn room_log(&self, room: usize) -> impl DoubleEndedIterator<Item = &Shown> {
        self.log.iter().filter(move |(of, _)| *of == room).map(|(_, shown)| shown)
    }

    fn send(&mut self) {
        self.said += 1;
        let room = self.choices.random_range(0..ROOMS.len());
        let send = Send {
            t0: self.time,
            t1: 0,
            user: "ada".to_owned(),
            room: ROOMS[room].to_owned(),
            nonce: format!("n{}", self.said),
            text: "hi".to_owned(),
            outcome: Outcome::Unknown { why: "closed".to_owned() },
        };
        let logged = if self.choices.random_bool(0.8) {
            self.place += self.choices.random_range(1..3);
            Some(shown(self.place, self.said))
        } else {
            None
        };
        self.log.extend(logged.clone().map(|shown| (room, shown)));
        self.open.push((send, logged));
    }

    /// An answer, or none and perhaps a retry; what is in the log is never refused.
    fn answer(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let (mut send, logged) = self.open.swap_remove(self.choices.random_range(0..self.open.len()));
        self.time += 1;
        send.t1 = self.time;
        let lost = self.choices.random_bool(0.2);
        let mut attempt = send.clone();
        attempt.outcome = match &logged {
            _ if lost => attempt.outcome,
            Some(shown) => Outcome::Accepted { id: shown.id, seq: shown.seq },
            None => Outcome::Rejected { code: "overloaded".to_owned() },
        };
        self.events.push(Event::Send(attempt));
        if lost && self.choices.random_bool(0.7) {
            self.time += 1;
            send.t0 = self.time;
            self.open.push((send, logged));
        }
    }

    fn show(&mut self, connection: u64, room: usize, past: bool, shown: Shown) {
        let (t, epoch) = (self.time, Some(EPOCH.to_owned()));
        let room = ROOMS[room].to_owned();
        self.events.push(Event::Message(Message { t, connection, room, epoch, past, shown }));
    }

    fn join(&mut self) {
        let room = self.choices.random_range(0..ROOMS.len());
        self.connections += 1;
        let (connection, t0) = (self.connections, self.time);
        self.time += 1;
        let asked: usize = self.choices.random_range(0..6);
        let all: Vec<Shown> = self.room_log(room).cloned().collect();
        // The feed may be a little behind the log.
        let known = all.len() - usize::from(all.len() > 8 && self.choices.random_bool(0.2));
        let resume = if self.choices.random_bool(0.4) {
            all[..known].choose(&mut self.choices).cloned()
        } else {
            None
        };
        // Where it is too much to replay, there is the usual past.
        let recovered = resume.as_ref().map(|_| self.choices.random_bool(0.7));
        let from = match &resume {
            Some(after) if recovered == Some(true) => {
                all[..known].iter().position(|s| s.seq > after.seq).unwrap_or(known)
            }
            _ => known.saturating_sub(asked),
        };
        // A long resume goes on in frames of its own.
        let to = if recovered == Some(true) { known.min(from + 3) } else { known };
        let seq = all[to - 1].seq;
        self.events.push(Event::Joined(Joined {
            t0,
            t: self.time,
            connection,
            room: ROOMS[room].to_owned(),
            epoch: EPOCH.to_owned(),
            seq,
            asked: u32::try_from(asked).unwrap_or(u32::MAX),
            after: resume.map(|shown| shown.seq),
            recovered,
            reason: None,
        }));
        for message in &all[from..to] {
            self.show(connection, room, true, message.clone());
        }
        self.readers.push(Reader { connection, room, at: seq });
    }

    fn read_up_to(&mut self, at: usize, count: usize) {
        let Reader { connection, room, at: from } = self.readers[at];
        let new: Vec<Shown> = self.room_log(room).filter(|s| s.seq > from).take(count).cloned().collect();
        let Some(to) = new.last().map(|shown| shown.seq) else { return };
        self.readers[at].at = to;
        if self.choices.random_bool(0.1) {
            let (t, room) = (self.time, ROOMS[room].to_owned());
            self.events.push(Event::Gap(Gap { t, connection, room, from, to }));
            return;
        }
        for message in new {
            self.show(connection, room, false, message);
        }
    }

    fn read(&mut self) {
        if !self.readers.is_empty() {
            let at = self.choices.random_range(0..self.readers.len());
            let count = self.choices.random_range(1..5);
            self.read_up_to(at, count);
        }
    }

    fn page(&mut self) {
        let room = self.choices.random_range(0..ROOMS.len());
        let limit = self.choices.random_range(1..6);
        let all: Vec<Shown> = self.room_log(room).cloned().collect();
        let after = all.choose(&mut self.choices).map_or(Seq(0), |shown| shown.seq);
        let page: Vec<Shown> = all.into_iter().filter(|s| s.seq > after).take(limit).collect();
        self.connections += 1;
        let (t, connection, full) = (self.time, self.connections, page.len() == limit);
        let name = ROOMS[room].to_owned();
        self.events.push(Event::Page(Page { t0: t, t, connection, room: name, after, full }));
        for message in page {
            self.show(connection, room, false, message);
        }
    }

    fn leave(&mut self) {
        if self.readers.is_empty() {
            return;
        }
        let at = self.choices.random_range(0..self.readers.len());
        let Reader { connection, .. } = self.readers.swap_remove(at);
        self.events.push(Event::Left(Left { t: self.time, connection, why: "gone".to_owned() }));
    }

    fn end(mut self) -> Vec<Event> {
        for at in 0..self.readers.len() {
            self.read_up_to(at, usize::MAX);
            let Reader { connection, room, .. } = self.readers[at];
            let until = self.room_log(room).next_back().map_or(Seq(0), |shown| shown.seq);
            let (t, room) = (self.time, ROOMS[room].to_owned());
            self.events.push(Event::Stayed(Stayed { t, connection, room, until }));
        }
        for (index, room) in ROOMS.iter().enumerate() {
            let room = || (*room).to_owned();
            let baseline = Seq(BEFORE * (index as u64 + 1));
            let new: Vec<Shown> = self.room_log(index).filter(|s| s.seq > baseline).cloned().collect();
            self.events.extend(new.into_iter().map(|shown| Event::Stored(Stored { room: room(), shown })));
            self.events.push(Event::Read(Read { t: self.time, room: room(), epoch: EPOCH.to_owned() }));
        }
        self.events
    }
}

fn pick(choices: &mut StdRng, events: &[Event], wanted: impl Fn(usize) -> bool) -> Option<usize> {
    let fitting: Vec<usize> = (0..events.len()).filter(|at| wanted(*at)).collect();
    fitting.choose(choices).copied()
}

fn is_accepted(event: &Event) -> bool {
    matches!(event, Event::Send(Send { outcome: Outcome::Accepted { .. }, .. }))
}

/// Live, and not of before the run.
fn is_live(event: &Event) -> bool {
    matches!(event, Event::Message(m) if !m.past && m.shown.nonce.is_some())
}

fn set_outcome(events: &mut [Event], nonce: Option<&String>, outcome: &Outcome) {
    for event in events {
        if let Event::Send(send) = event
            && Some(&send.nonce) == nonce
        {
            send.outcome = outcome.clone();
        }
    }
}

/// Puts one thing wrong, and says which rule must find it; none if this history has no place for it.
fn spoil(events: &mut Vec<Event>, rule: Rule, choices: &mut StdRng) -> Option<()> {
    match rule {
        // An accepted message vanishes from the history, and nobody was shown it.
        Rule::LostWrite => {
            let at = pick(choices, events, |at| is_accepted(&events[at]))?;
            let Event::Send(Send { outcome: Outcome::Accepted { id, .. }, .. }) = events[at] else {
                return None;
            };
            events.retain(|event| match event {
                Event::Stored(s) => s.shown.id != id,
                Event::Message(m) => m.shown.id != id,
                _ => true,
            });
        }
        // A message is shown twice in a row.
        Rule::Duplicate => {
            let at = pick(choices, events, |at| is_live(&events[at]))?;
            events.insert(at, events[at].clone());
        }
        // What was accepted was refused.
        Rule::AbortedRead => {
            let at = pick(choices, events, |at| is_accepted(&events[at]))?;
            let Event::Send(Send { nonce, .. }) = events[at].clone() else { return None };
            set_outcome(events, Some(&nonce), &Outcome::Rejected { code: "overloaded".to_owned() });
        }
        // Somebody else's message stands in the history.
        Rule::Phantom => {
            let at = pick(choices, events, |at| matches!(events[at], Event::Stored(_)))?;
            let Event::Stored(stored) = &mut events[at] else { return None };
            stored.shown = shown(stored.shown.seq.0, 5_000_000);
        }
        // One reader is shown another text.
        Rule::InconsistentOffsets => {
            let at = pick(choices, events, |at| is_live(&events[at]))?;
            let Event::Message(message) = &mut events[at] else { return None };
            message.shown.text_hash += 1;
        }
        // Two messages change places on their way.
        Rule::Nonmonotonic => {
            let neighbours = |at: usize| {
                let (Some(Event::Message(a)), Some(Event::Message(b))) = (events.get(at), events.get(at + 1))
                else {
                    return false;
                };
                a.connection == b.connection && !a.past && !b.past
            };
            let at = pick(choices, events, neighbours)?;
            events.swap(at, at + 1);
        }
        // A message does not reach a reader that stays.
        Rule::Gap => {
            let stayed = |message: &Message| {
                events.iter().any(|event| {
                    matches!(event, Event::Stayed(s) if (s.connection, &s.room) == (message.connection, &message.room))
                })
            };
            // Right behind a join it may be the join's fault, so it has been live before.
            let was_live = |at: usize, connection| {
                let live =
                    |e: &Event| matches!(e, Event::Message(m) if !m.past && m.connection == connection);
                events[..at].iter().any(live)
            };
            let fits = |at: usize| {
                let message = |m: &Message| stayed(m) && was_live(at, m.connection);
                is_live(&events[at]) && matches!(&events[at], Event::Message(m) if message(m))
            };
            let at = pick(choices, events, fits)?;
            events.remove(at);
        }
        // The first message that was accepted was sent after all others were.
        Rule::NonmonotonicSend => {
            let place = |event: &Event| match event {
                Event::Send(Send { outcome: Outcome::Accepted { seq, .. }, room, .. })
                    if room == ROOMS[0] =>
                {
                    Some(*seq)
                }
                _ => None,
            };
            let first = (0..events.len()).filter(|at| place(&events[*at]).is_some());
            let first = first.min_by_key(|at| place(&events[*at]))?;
            let others = (0..events.len()).filter(|at| *at != first && place(&events[*at]).is_some());
            let newest = others.max_by_key(|at| place(&events[*at]))?;
            let Event::Send(Send { t1, .. }) = events[newest] else { return None };
            let Event::Send(send) = &mut events[first] else { return None };
            (send.t0, send.t1) = (t1 + 1, t1 + 2);
            let nonce = send.nonce.clone();
            // It had no earlier attempts.
            events.retain(|event| !matches!(event, Event::Send(s) if s.nonce == nonce) || is_accepted(event));
        }
        // The sender is told another place.
        Rule::AckConsistency => {
            let at = pick(choices, events, |at| is_accepted(&events[at]))?;
            let Event::Send(Send { outcome: Outcome::Accepted { seq, .. }, .. }) = &mut events[at] else {
                return None;
            };
            seq.0 += 1_000_000;
        }
        // A past ends too early.
        Rule::StaleJoin => {
            let ends_past = |at: usize| {
                let Event::Message(m) = &events[at] else { return false };
                let goes_on = matches!(events.get(at + 1), Some(Event::Message(n)) if n.past && n.connection == m.connection);
                m.past && m.shown.nonce.is_some() && !goes_on
            };
            let at = pick(choices, events, ends_past)?;
            events.remove(at);
        }
        // A message without an answer is shown and then gone.
        Rule::Indeterminate => {
            let at = pick(choices, events, |at| is_live(&events[at]))?;
            let Event::Message(Message { shown, .. }) = events[at].clone() else { return None };
            set_outcome(events, shown.nonce.as_ref(), &Outcome::Unknown { why: "closed".to_owned() });
            events.retain(|event| !matches!(event, Event::Stored(s) if s.shown.id == shown.id));
        }
    }
    Some(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_correct_server_has_no_findings(seed in any::<u64>(), steps in 30_usize..400) {
        let report = check(&Server::new(seed).run(steps));
        prop_assert!(report.findings.is_empty(), "{report}");
    }

    #[test]
    fn one_fault_is_found_by_its_rule(seed in any::<u64>(), steps in 100_usize..400, kind in 0..Rule::ALL.len()) {
        let mut events = Server::new(seed).run(steps);
        let rule = Rule::ALL[kind];
        if spoil(&mut events, rule, &mut StdRng::seed_from_u64(seed)).is_some() {
            let report = check(&events);
            prop_assert!(report.count(rule) > 0, "must be found as {rule}\n{report}");
        }
    }
}

/// So that the property above is not true for lack of cases.
#[test]
fn every_fault_finds_its_place() {
    for rule in Rule::ALL {
        let found = (0..40).filter(|seed| {
            let mut events = Server::new(*seed).run(300);
            spoil(&mut events, rule, &mut StdRng::seed_from_u64(*seed)).is_some()
        });
        assert!(found.count() > 30, "{rule}");
    }
}
