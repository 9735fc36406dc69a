//! An open loop: a message is due at its time whatever became of those before. Or a closed one ([`super::closed`]).
//!
//! Rates are straight lines between points in time. Every latency counts from when a message was due, so whoever stalls is
//! charged for all that had to wait. It knows no viewer.

use super::{Connection, Engine, IN_FLIGHT_MAX, Interest, OUT_BYTES_MAX, State, people::us};
use crate::{
    dialect::{self, Dialect},
    stamp::Stamp,
    ws,
};

/// Messages of one turn: then viewers are looked at again. What is left is due at once in the next.
const AT_ONCE_MAX: usize = 2_048;
/// So often a closed loop looks whether a message has to be given up, or a writer takes one again.
const CLOSED_LOOK_US: u64 = 10_000;
/// In a room with fewer messages than one in this time, in seconds, its rate is looked at so often.
const STEP: f64 = 0.01;

/// The rate at this time, on the line between the points around it.
pub fn rate_at(points: &[(f64, f64)], at: f64) -> f64 {
    let behind = points.partition_point(|(time, _)| *time <= at);
    match (behind.checked_sub(1).map(|before| points[before]), points.get(behind).copied()) {
        (Some((t0, r0)), Some((t1, r1))) => r0 + (r1 - r0) * (at - t0) / (t1 - t0),
        (Some((_, rate)), None) | (None, Some((_, rate))) => rate,
        (None, None) => 0.0,
    }
}

impl Engine {
    /// Writes what is due; when the next message is.
    pub(super) fn write_what_is_due(&mut self, now: u64) -> u64 {
        if self.writers.is_empty() {
            return u64::MAX;
        }
        let mut left = AT_ONCE_MAX;
        let mut next = self.write_what_has_room(now, left);
        for room in 0..self.rooms.len() {
            while let Some(at) = self.rooms[room].next.filter(|_| self.closed.is_none()) {
                if at >= self.plan.seconds {
                    self.rooms[room].next = None;
                    break;
                }
                let due = self.begin + us(at);
                if due > now || left == 0 {
                    next = next.min(due);
                    break;
                }
                let rate = rate_at(&self.plan.rooms[room].rate, at);
                let (step, share) = if rate * STEP > 1.0 { (1.0 / rate, 1.0) } else { (STEP, rate * STEP) };
                self.rooms[room].credit += share;
                if self.rooms[room].credit >= 1.0 {
                    self.rooms[room].credit -= 1.0;
                    self.write(room, due);
                    left -= 1;
                }
                self.rooms[room].next = Some(at + step);
            }
        }
        for index in self.writers.clone() {
            if !self.connections[index].out.is_empty() && self.connections[index].interest == Interest::Read {
                self.flush(index);
            }
        }
        next
    }

    /// In a closed loop: what may be written now, at most so many; when to look again, if nothing arrives before.
    fn write_what_has_room(&mut self, now: u64, most: usize) -> u64 {
        let end = self.begin.saturating_add(us(self.plan.seconds));
        let Some(room) = self.closed.as_mut().filter(|_| now < end).map(|closed| closed.room(now)) else {
            return u64::MAX;
        };
        if now < self.begin {
            return self.begin;
        }
        for _ in 0..room.min(most) {
            let number = self.number;
            let sent = self.write(0, now);
            if let Some(closed) = &mut self.closed {
                closed.wrote(number, now, sent);
            }
            if !sent {
                break;
            }
        }
        now + CLOSED_LOOK_US
    }

    /// Writes a message; no writer may take it.
    fn write(&mut self, room: usize, due: u64) -> bool {
        self.counts.offered += 1;
        let number = self.number;
        self.number += 1;
        let stamp = Stamp { number, due };
        let text = match self.plan.lines.as_slice() {
            [] => dialect::text(stamp, self.plan.text_bytes),
            lines => dialect::line(stamp, lines),
        };
        let slug = &self.plan.rooms[room].slug;
        let (frame, binary, any) = match &self.plan.dialect {
            // The text is as it stands in JSON.
            Dialect::Twitchy => {
                let nonce = format!("{}.{due:x}.{room}.{number:x}", self.plan.run);
                let frame = format!(r#"{{"type":"send","room":"{slug}","text":"{text}","nonce":"{nonce}"}}"#);
                (frame, false, true)
            }
            // The number says who writes, so that order within a writer can be judged.
            Dialect::Peer(peer) => (peer.message(slug, number, &text), peer.binary, false),
        };
        let first = if any { self.turn_of } else { number as usize };
        for n in 0..if any { self.writers.len() } else { 1 } {
            let index = self.writers.start + (first + n) % self.writers.len();
            let Connection { state, out, in_flight, .. } = &mut self.connections[index];
            if *state == State::In && out.len() < OUT_BYTES_MAX / 2 && *in_flight < IN_FLIGHT_MAX {
                // Peers do not all say which message they acknowledge.
                *in_flight += usize::from(any);
                self.turn_of = first + n + 1;
                self.put(index, if binary { ws::BINARY } else { ws::TEXT }, frame.as_bytes());
                self.rooms[room].counts.sent += 1;
                return true;
            }
        }
        self.counts.unsent += 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::rate_at;

    #[test]
    fn a_rate_is_a_line_between_points_and_flat_beyond_them() {
        let points = [(10.0, 100.0), (20.0, 300.0), (20.0, 50.0)];
        for (at, rate) in [(0.0, 100.0), (10.0, 100.0), (15.0, 200.0), (20.0, 50.0), (99.0, 50.0)] {
            assert!((rate_at(&points, at) - rate).abs() < 1e-9, "{at}");
        }
        assert!(rate_at(&[], 1.0).abs() < 1e-9);
    }
}
