//! What one connection was shown of one room, in its order: nothing twice, nothing back, no hole.

use super::{
    Start, at,
    ledger::Ledger,
    report::{Findings, Rule},
    stored::{Final, tell},
};
use crate::history::{Event, Joined, Message, Nanos, Page};
use protocol::ids::Seq;
use std::collections::{HashMap, HashSet};

/// From a join or a page to the next one: a piece of the room's order without a hole.
struct Stretch<'a> {
    connection: u64,
    room: &'a str,
    /// None if it was read in another log than that which is there at the end: then holes cannot be told.
    stored: Option<&'a Final<'a>>,
    /// It has all up to here, or was told that it has not. None before the first message of a join's past.
    at: Option<Seq>,
    /// How `at` was reached, as evidence.
    reached: Option<Reached>,
    seen: HashSet<Seq>,
    join: Option<Past<'a>>,
    page: Option<&'a Page>,
    /// What was accepted before the join began and was not in its past; until it comes.
    late: Option<Seq>,
    /// Did anything come after the join's past?
    live: bool,
}

struct Reached {
    how: &'static str,
    seq: Seq,
    t: Nanos,
}

/// A join whose past is still coming.
struct Past<'a> {
    joined: &'a Joined,
    shown: u64,
    first: Option<Seq>,
}

struct Readers<'a, 'f> {
    start: &'a Start<'a>,
    ledger: &'a Ledger<'a>,
    finals: &'a HashMap<&'a str, Final<'a>>,
    findings: &'f mut Findings,
    joins_late: u64,
}

/// Gives the number of joins that were late.
pub(super) fn check<'a>(
    events: &'a [Event],
    start: &'a Start<'a>,
    ledger: &'a Ledger<'a>,
    finals: &'a HashMap<&'a str, Final<'a>>,
    findings: &mut Findings,
) -> u64 {
    let mut readers = Readers { start, ledger, finals, findings, joins_late: 0 };
    let mut open: HashMap<(u64, &str), Stretch<'_>> = HashMap::new();
    for event in events {
        match event {
            Event::Joined(joined) => {
                let key = (joined.connection, joined.room.as_str());
                if let Some(before) = open.remove(&key) {
                    readers.end(before);
                }
                open.insert(key, readers.join(joined));
            }
            Event::Page(page) => {
                let key = (page.connection, page.room.as_str());
                if let Some(before) = open.remove(&key) {
                    readers.end(before);
                }
                open.insert(key, readers.page(page));
            }
            Event::Message(message) => {
                if let Some(stretch) = open.get_mut(&(message.connection, message.room.as_str())) {
                    readers.message(stretch, message);
                }
            }
            Event::Gap(gap) => {
                if let Some(stretch) = open.get_mut(&(gap.connection, gap.room.as_str())) {
                    readers.past_ends(stretch);
                    readers.cover(stretch, gap.from, gap.t, false);
                    stretch.move_to(gap.to, "it was told of a gap up to", gap.t);
                }
            }
            Event::Stayed(stayed) => {
                if let Some(stretch) = open.get_mut(&(stayed.connection, stayed.room.as_str())) {
                    readers.past_ends(stretch);
                    readers.cover(stretch, stayed.until, stayed.t, true);
                }
            }
            Event::Left(left) => {
                let rooms: Vec<_> = open.keys().copied().filter(|(c, _)| *c == left.connection).collect();
                for key in rooms {
                    if let Some(stretch) = open.remove(&key) {
                        readers.end(stretch);
                    }
                }
            }
            Event::Began(_) | Event::Send(_) | Event::Stored(_) | Event::Read(_) => {}
        }
    }
    let mut left: Vec<_> = open.into_iter().collect();
    left.sort_unstable_by_key(|(key, _)| *key);
    for (_, stretch) in left {
        readers.end(stretch);
    }
    readers.joins_late
}

impl<'a> Readers<'a, '_> {
    fn stretch(&self, connection: u64, room: &'a str, epoch: Option<&str>) -> Stretch<'a> {
        let stored = self.finals.get(room).filter(|stored| epoch.is_none_or(|epoch| epoch == stored.epoch));
        Stretch {
            connection,
            room,
            stored,
            at: None,
            reached: None,
            seen: HashSet::new(),
            join: None,
            page: None,
            late: None,
            live: false,
        }
    }

    fn join(&self, joined: &'a Joined) -> Stretch<'a> {
        let mut stretch = self.stretch(joined.connection, &joined.room, Some(&joined.epoch));
        if joined.recovered == Some(true)
            && let Some(after) = joined.after
        {
            stretch.move_to(after, "it resumed after", joined.t);
        }
        stretch.join = Some(Past { joined, shown: 0, first: None });
        stretch
    }

    fn page(&self, page: &'a Page) -> Stretch<'a> {
        let mut stretch = self.stretch(page.connection, &page.room, None);
        stretch.move_to(page.after, "it was given what is after", page.t);
        stretch.page = Some(page);
        stretch
    }

    fn message(&mut self, stretch: &mut Stretch<'a>, message: &'a Message) {
        let seq = message.shown.seq;
        if message.past {
            if let Some(past) = &mut stretch.join {
                past.shown += 1;
                past.first.get_or_insert(seq);
            }
        } else {
            self.past_ends(stretch);
        }
        if !stretch.seen.insert(seq) {
            self.findings.add(Rule::Duplicate, stretch.room, || {
                let what = format!("reader {} was shown seq {seq} twice", stretch.connection);
                (what, vec![format!("{} at {} again", tell(&message.shown), at(message.t))])
            });
            return;
        }
        if stretch.at.is_some_and(|before| seq <= before) {
            self.findings.add(Rule::Nonmonotonic, stretch.room, || {
                let what = format!("reader {} was shown seq {seq} after a later one", stretch.connection);
                let shown = format!("it was shown {} at {}", tell(&message.shown), at(message.t));
                (what, vec![stretch.reached(), shown])
            });
            return;
        }
        if stretch.at.is_some() {
            // The place just before it: it is there itself, whatever the final history says.
            self.cover(stretch, Seq(seq.0 - 1), message.t, false);
        }
        stretch.move_to(seq, "it was shown", message.t);
        stretch.live |= !message.past;
        if stretch.late.is_some_and(|late| seq >= late) {
            stretch.late = None;
            self.joins_late += 1;
        }
    }

    /// The past of a join is all there: it reaches its `seq`, it is as long as was asked for, and it is not old.
    fn past_ends(&mut self, stretch: &mut Stretch<'a>) {
        let Some(Past { joined, shown, first }) = stretch.join.take() else { return };
        let Some(stored) = stretch.stored else {
            stretch.move_to(joined.seq, "it joined up to", joined.t);
            return;
        };
        let resumed = joined.recovered == Some(true);
        if !resumed {
            let oldest = first.unwrap_or(Seq(joined.seq.0 + 1));
            let baseline = self.start.baseline(stretch.room, Some(&joined.epoch));
            let older = stored.between(baseline, Seq(oldest.0.saturating_sub(1)));
            let wanted = u64::from(joined.asked).saturating_sub(shown);
            if wanted > 0 && !older.is_empty() {
                self.findings.add(Rule::StaleJoin, stretch.room, || {
                    let what = format!(
                        "reader {} asked for {} messages of the past and was shown {shown}, though there were more",
                        stretch.connection, joined.asked
                    );
                    let there = older.last().map(|shown| stored.told(shown));
                    (what, [tell_join(joined)].into_iter().chain(there).collect())
                });
            }
        }
        let from = stretch.at.unwrap_or(joined.seq);
        let missing = stored.between(from, joined.seq);
        if let Some(shown) = missing.first() {
            self.findings.add(Rule::StaleJoin, stretch.room, || {
                let what = format!(
                    "the past that reader {} was shown lacks {} messages up to seq {}, from seq {} on",
                    stretch.connection,
                    missing.len(),
                    joined.seq,
                    shown.seq
                );
                (what, vec![tell_join(joined), stored.told(shown)])
            });
        }
        stretch.move_to(joined.seq, "it joined up to", joined.t);
        let accepted = self.ledger.newest_before(stretch.room, joined.t0);
        if !resumed && accepted > joined.seq {
            stretch.late = Some(accepted);
        }
    }

    /// The stretch has come to `up_to`: has it everything since the place where it was?
    fn cover(&mut self, stretch: &mut Stretch<'a>, up_to: Seq, t: Nanos, waited: bool) {
        let (Some(from), Some(stored)) = (stretch.at, stretch.stored) else { return };
        let missing = stored.between(from, up_to);
        let Some(first) = missing.first() else { return };
        let (connection, count) = (stretch.connection, missing.len());
        // A hole right behind a join, with messages that the join should have shown, is the join's fault.
        let late = stretch.late.take().is_some_and(|late| first.seq <= late) && !stretch.live;
        let rule = if late { Rule::StaleJoin } else { Rule::Gap };
        self.findings.add(rule, stretch.room, || {
            let what = if waited {
                format!(
                    "reader {connection} waited for {count} messages from seq {} on, and they never came",
                    first.seq
                )
            } else {
                format!(
                    "reader {connection} was not shown {count} messages from seq {} on, nor told so",
                    first.seq
                )
            };
            let now = format!("at {} it had come to seq {up_to}", at(t));
            (what, vec![stretch.reached(), stored.told(first), now])
        });
        stretch.move_to(up_to, "it came to", t);
    }

    fn end(&mut self, mut stretch: Stretch<'a>) {
        self.past_ends(&mut stretch);
        // Its messages did not come before the connection ended: nobody can tell.
        self.joins_late += u64::from(stretch.late.is_some());
        let (Some(page), Some(stored), Some(from)) = (stretch.page, stretch.stored, stretch.at) else {
            return;
        };
        if page.full {
            return;
        }
        let known = page.t0.saturating_sub(self.start.lag_max());
        let accepted = self.ledger.newest_before(stretch.room, known);
        let missing = stored.between(from, accepted);
        if let Some(shown) = missing.first() {
            self.findings.add(Rule::StaleJoin, stretch.room, || {
                let what = format!(
                    "the page that reader {} got after seq {} lacks {} messages that were accepted before it asked",
                    stretch.connection,
                    page.after,
                    missing.len()
                );
                (what, vec![format!("it asked at {}", at(page.t0)), stretch.reached(), stored.told(shown)])
            });
        }
    }
}

impl Stretch<'_> {
    fn move_to(&mut self, seq: Seq, how: &'static str, t: Nanos) {
        if self.at.is_none_or(|at| seq > at) {
            self.at = Some(seq);
            self.reached = Some(Reached { how, seq, t });
        }
    }

    fn reached(&self) -> String {
        self.reached
            .as_ref()
            .map_or_else(String::new, |Reached { how, seq, t }| format!("{how} seq {seq} at {}", at(*t)))
    }
}

fn tell_join(joined: &Joined) -> String {
    let Joined { t0, t, seq, recovered, .. } = joined;
    let resume = match (joined.after, recovered) {
        (Some(after), Some(recovered)) => format!(", a resume after seq {after}, recovered: {recovered}"),
        _ => String::new(),
    };
    format!("it asked at {} and joined up to seq {seq} at {}{resume}", at(*t0), at(*t))
}
