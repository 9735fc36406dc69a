//! The rules: what in a history breaks the guarantees. Start with [`check`].
//!
//! It is pure and knows no server: events in, a [`Report`] out. Time and memory grow linearly with the events (and
//! with the logarithm of a room's messages for each join). Messages are unique and never change, so plain look-ups
//! by place, id and nonce are enough; no search for an order that would explain what was seen.
//!
//! A `seq` may rise with gaps, since several rooms may share a part of the log. So what is a hole is told by the final
//! history of the room: a message that stands there between two that a connection was shown, and that this connection
//! was neither shown nor told to miss.

mod ledger;
mod readers;
mod report;
mod sightings;
mod stored;
#[cfg(test)]
mod tests;

pub use report::{Counts, Finding, Report, RoomCounts, Rule};

use crate::history::{Began, Event, Nanos};
use ledger::Ledger;
use protocol::ids::Seq;
use report::Findings;
use std::collections::HashMap;
use stored::Final;

/// How long what one gateway acked may take to reach the others: a message takes milliseconds there, and some seconds
/// where a broker is being replaced. Only a page of history may lack it for so long, and only at its end.
const GATEWAY_LAG_MAX: Nanos = 10_000_000_000;

/// Judges a history.
#[must_use]
pub fn check(events: &[Event]) -> Report {
    let start = Start::of(events);
    let mut findings = Findings::default();
    let mut counts = Counts::of(events);
    let finals = Final::all(events, &start, &mut findings);
    let ledger = Ledger::of(events);
    ledger.check(&finals, &mut findings);
    sightings::check(events, &start, &ledger, &finals, &mut findings);
    counts.joins_late = readers::check(events, &start, &ledger, &finals, &mut findings);
    ledger.count(&mut counts);
    let stored = |said: &ledger::Said<'_>| {
        let stored = finals.get(said.first.room.as_str());
        stored.and_then(|stored| stored.with_nonce(&said.first.user, &said.first.nonce)).is_some()
    };
    counts.unknown_stored = ledger.unknown().filter(|said| stored(said)).count() as u64;
    for (room, stored) in &finals {
        counts.rooms.entry((*room).to_owned()).or_default().stored = stored.len() as u64;
    }
    findings.into_report(counts, incomplete(events, &start, &finals))
}

/// How far each room was before the run.
struct Start<'a> {
    began: Option<&'a Began>,
    rooms: HashMap<&'a str, (&'a str, Seq)>,
}

impl<'a> Start<'a> {
    fn of(events: &'a [Event]) -> Self {
        let began = events.iter().find_map(|event| match event {
            Event::Began(began) => Some(began),
            _ => None,
        });
        let rooms = began.iter().flat_map(|began| &began.rooms);
        Self { began, rooms: rooms.map(|b| (b.room.as_str(), (b.epoch.as_str(), b.seq))).collect() }
    }

    /// The newest place that is older than the run; in a log that was made anew during the run, none.
    fn baseline(&self, room: &str, epoch: Option<&str>) -> Seq {
        match self.rooms.get(room) {
            Some((at_start, seq)) if epoch.is_none_or(|epoch| epoch == *at_start) => *seq,
            _ => Seq(0),
        }
    }

    /// How old an ack has to be for every gateway to know of it.
    fn lag_max(&self) -> Nanos {
        if self.began.is_some_and(|began| began.gateways > 1) { GATEWAY_LAG_MAX } else { 0 }
    }

    fn strangers(&self) -> bool {
        self.began.is_some_and(|began| began.strangers)
    }
}

/// What is missing for a judgement; a history without it is not clean, whatever the rules found.
fn incomplete(events: &[Event], start: &Start<'_>, finals: &HashMap<&str, Final<'_>>) -> Vec<String> {
    let mut missing = Vec::new();
    if start.began.is_none() {
        missing.push("how the run began is not in the history".to_owned());
    }
    let mut rooms: Vec<&str> = start.rooms.keys().copied().collect();
    rooms.extend(events.iter().filter_map(|event| match event {
        Event::Send(send) => Some(send.room.as_str()),
        _ => None,
    }));
    rooms.sort_unstable();
    rooms.dedup();
    missing.extend(
        rooms
            .into_iter()
            .filter(|room| !finals.contains_key(room))
            .map(|room| format!("the final history of {room:?} was not read to its end")),
    );
    if !events.iter().any(|event| matches!(event, Event::Send(_))) {
        missing.push("nothing was sent".to_owned());
    }
    missing
}

/// A time as people read it.
fn at(t: Nanos) -> String {
    format!("{}.{:06} s", t / 1_000_000_000, t % 1_000_000_000 / 1_000)
}
