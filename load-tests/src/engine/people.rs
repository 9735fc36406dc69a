//! Who comes and goes: connecting a bounded number at a time, entering, breaking connections, coming back, reading
//! slowly. It knows nothing of what is said.

use super::{COME_BACK_US, Connection, Engine, Role, SLOW_EVERY_US, State};
use crate::{
    dialect::{Dialect, Step},
    net::{self, Interest},
    ws,
};
use std::{io, time::Duration};

/// The subprotocol of Twitchy.
const SUBPROTOCOL: &str = "twitchy.v1.json";

/// A time of the run, in seconds, as microseconds.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the scenario bounds it
pub(super) fn us(seconds: f64) -> u64 {
    Duration::from_secs_f64(seconds.max(0.0)).as_micros() as u64
}

impl Engine {
    /// Those who come while it runs are put in the queue, in the order of their times.
    pub(super) fn expect_joiners(&mut self) {
        let mut joiners = Vec::new();
        let mut index = 0;
        for crowd in self.plan.rooms.iter().flat_map(|room| &room.crowds) {
            if let Some(at) = crowd.at {
                #[allow(clippy::cast_precision_loss)] // a number of viewers
                let step = crowd.within / crowd.viewers.max(1) as f64;
                #[allow(clippy::cast_precision_loss)]
                joiners
                    .extend((0..crowd.viewers).map(|n| (self.begin + us(at + step * n as f64), index + n)));
            }
            index += crowd.viewers;
        }
        joiners.sort_unstable();
        self.coming.extend(joiners);
    }

    /// Connects those whose time has come, as many as may be opening at once.
    pub(super) fn let_in(&mut self, now: u64) -> io::Result<()> {
        while self.opening < self.plan.opening_max
            && let Some((due, index)) = self.coming.front().copied()
            && due <= now
        {
            self.coming.pop_front();
            let from = self.plan.from[index % self.plan.from.len()];
            let connection = &mut self.connections[index];
            let at = match connection.role {
                Role::Viewer { .. } => &self.plan.read_at,
                Role::Writer => &self.plan.write_at,
            };
            let stream = net::connect(from, at[index % at.len()], connection.slow)?;
            self.poll.add(&stream, index as u64, Interest::Write)?;
            connection.interest = Interest::Write;
            connection.stream = Some(stream);
            connection.state = State::Connecting;
            connection.due = (due > 0).then_some(due);
            self.opening += 1;
        }
        Ok(())
    }

    /// It is connected: asks for a WebSocket.
    pub(super) fn upgrade(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        connection.state = State::Upgrading;
        let at = match connection.role {
            Role::Viewer { .. } => &self.plan.read_at,
            Role::Writer => &self.plan.write_at,
        };
        let host = at[index % at.len()].to_string();
        let deflate = connection.deflate;
        let request = match &self.plan.dialect {
            Dialect::Twitchy => ws::upgrade("/ws", &host, Some(SUBPROTOCOL), deflate),
            Dialect::Peer(peer) => ws::upgrade(&peer.path, &host, None, deflate),
        };
        connection.out.extend_from_slice(request.as_bytes());
        self.flush(index);
    }

    /// Does the next steps of entering; `met`: what the present one waits for has come.
    pub(super) fn enter(&mut self, index: usize, mut met: bool) {
        while let State::Entering(at) = self.connections[index].state {
            let step = match &self.plan.dialect {
                Dialect::Twitchy => self.step_at_twitchy(index, at),
                Dialect::Peer(peer) => {
                    let (writes, room) = match self.connections[index].role {
                        Role::Viewer { room, .. } => (false, room as usize),
                        Role::Writer => (true, index % self.plan.rooms.len()),
                    };
                    let slug = &self.plan.rooms[room].slug;
                    peer.steps(writes).get(at).map(|step| match step {
                        Step::Send(text) => Step::Send(text.replace("{room}", slug)),
                        Step::Expect(text) => Step::Expect(text.replace("{room}", slug)),
                    })
                }
            };
            match step {
                None => return self.entered(index),
                Some(Step::Send(text)) => self.say(index, &text),
                Some(Step::Expect(_)) if met => met = false,
                Some(Step::Expect(_)) => return,
            }
            if self.connections[index].state == State::Away {
                return;
            }
            self.connections[index].state = State::Entering(at + 1);
        }
    }

    fn step_at_twitchy(&self, index: usize, at: usize) -> Option<Step> {
        let connection = &self.connections[index];
        match (connection.role, at) {
            (Role::Writer, 0) => {
                let token = &self.plan.writers[index - self.writers.start];
                Some(Step::Send(format!(r#"{{"type":"auth","token":"{token}"}}"#)))
            }
            (Role::Writer, 1) => Some(Step::Expect("authed".to_owned())),
            (Role::Viewer { room, crowd }, 0) => {
                let (room, last) = (room as usize, connection.place.last());
                let crowd = &self.plan.rooms[room].crowds[crowd as usize];
                let resume = match connection.returns {
                    true => format!(r#","after":"{}","epoch":"{}""#, last, self.rooms[room].epoch),
                    false => String::new(),
                };
                Some(Step::Send(format!(
                    r#"{{"type":"join","room":"{}","history":{},"feed":"{}"{resume}}}"#,
                    self.plan.rooms[room].slug, crowd.history, crowd.feed
                )))
            }
            (Role::Viewer { .. }, 1) => Some(Step::Expect("joined".to_owned())),
            _ => None,
        }
    }

    fn entered(&mut self, index: usize) {
        let now = crate::stamp::now();
        let connection = &mut self.connections[index];
        connection.state = State::In;
        self.opening -= 1;
        self.inside += 1;
        if connection.role == Role::Writer {
            self.writers_inside += 1;
        } else if let Some(due) = connection.due.take() {
            let late = now.saturating_sub(due).max(1);
            if connection.returns { &mut self.back } else { &mut self.joins }.saturating_record(late);
        }
        self.counts.back += u64::from(connection.returns);
        if self.holds_back(index) {
            self.set_interest(index, Interest::Nothing);
        }
    }

    /// The connection is over, and not by our doing. It comes back a little later, if it had been there.
    pub(super) fn end(&mut self, index: usize, why: &str) {
        let was = self.connections[index].state;
        match was {
            State::Away => return,
            State::In => self.counts.ended += 1,
            _ => self.counts.failed += 1,
        }
        self.word(format!("{:?}, {was:?}: {why}", self.connections[index].role));
        self.leave(index);
        let spread = COME_BACK_US * (index as u64 % 64) / 64;
        // Whoever never got in before the run begins is told as missing instead.
        if self.begin < u64::MAX && !self.drains {
            self.come_back(index, crate::stamp::now() + COME_BACK_US / 2 + spread);
        }
    }

    fn leave(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        match connection.state {
            State::Away => return,
            State::In => {
                self.inside -= 1;
                self.writers_inside -= usize::from(connection.role == Role::Writer);
                connection.returns = matches!(connection.role, Role::Viewer { .. });
            }
            _ => self.opening -= 1,
        }
        connection.state = State::Away;
        // Dropped, it is reset, and gone from what is waited for.
        connection.stream = None;
        connection.kept = Vec::new();
        connection.out = Vec::new();
        connection.in_flight = 0;
    }

    fn come_back(&mut self, index: usize, at: u64) {
        let place = self.coming.partition_point(|(due, _)| *due <= at);
        self.coming.insert(place, (at, index));
    }

    /// Breaks connections of viewers whose time has come; when the next are due.
    pub(super) fn kill_who_is_due(&mut self, now: u64) -> u64 {
        while let Some(kill) = self.plan.kills.get(self.kills_done).copied() {
            let at = self.begin.saturating_add(us(kill.at));
            if at > now {
                return at;
            }
            self.kills_done += 1;
            let viewers: Vec<usize> =
                (0..self.writers.start).filter(|index| self.connections[*index].state == State::In).collect();
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let count = (viewers.len() as f64 * kill.share).round() as usize;
            let within = us(kill.within);
            for (n, index) in viewers.into_iter().take(count).enumerate() {
                self.leave(index);
                self.come_back(index, at + within * n as u64 / count.max(1) as u64);
            }
        }
        u64::MAX
    }

    /// Slow viewers read their share; when they do so again.
    pub(super) fn read_slowly(&mut self, now: u64) -> u64 {
        let share = self.plan.slow_bytes_per_second * SLOW_EVERY_US / 1_000_000;
        if share == 0 || self.drains {
            return u64::MAX;
        }
        if now >= self.slow_at {
            self.slow_at = now + SLOW_EVERY_US;
            for index in 0..self.writers.start {
                if self.connections[index].slow && self.connections[index].state == State::In {
                    self.read(index, usize::try_from(share).unwrap_or(usize::MAX));
                }
            }
        }
        self.slow_at
    }
}

impl Connection {
    /// The room that a viewer reads.
    pub(super) fn room(&self) -> Option<usize> {
        match self.role {
            Role::Viewer { room, .. } => Some(room as usize),
            Role::Writer => None,
        }
    }
}
