//! What the senders know: every message with the answers to its attempts.

use super::{
    Counts, at,
    report::{Findings, Rule},
    stored::Final,
};
use crate::history::{Event, Nanos, Outcome, Send};
use protocol::ids::{MessageId, Seq};
use std::collections::HashMap;

/// One message that somebody tried to say.
pub(super) struct Said<'a> {
    /// The first attempt.
    pub(super) first: &'a Send,
    /// The last attempt.
    last: &'a Send,
    /// The first attempt that was accepted.
    accepted: Option<(&'a Send, MessageId, Seq)>,
    /// Answers that contradict an earlier one.
    contradictions: Vec<&'a Send>,
}

/// What its sender knows of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Accepted(MessageId, Seq),
    Rejected,
    Unknown,
}

impl Said<'_> {
    pub(super) fn state(&self) -> State {
        match (self.accepted, &self.last.outcome) {
            (Some((_, id, seq)), _) => State::Accepted(id, seq),
            (None, Outcome::Rejected { .. }) => State::Rejected,
            (None, _) => State::Unknown,
        }
    }

    pub(super) fn told(&self) -> String {
        tell(self.last)
    }
}

/// All of them.
pub(super) struct Ledger<'a> {
    /// By room, user and nonce.
    said: HashMap<(&'a str, &'a str, &'a str), Said<'a>>,
    /// The same in the order of their first attempts' events, so that findings do not hang on chance.
    order: Vec<(&'a str, &'a str, &'a str)>,
    /// By room: when a message was accepted, and the newest place that was accepted until then.
    accepted_until: HashMap<&'a str, Vec<(Nanos, Seq)>>,
}

impl<'a> Ledger<'a> {
    pub(super) fn of(events: &'a [Event]) -> Self {
        let mut said: HashMap<_, Said<'_>> = HashMap::new();
        let mut order = Vec::new();
        for event in events {
            let Event::Send(send) = event else { continue };
            let key = (send.room.as_str(), send.user.as_str(), send.nonce.as_str());
            let entry = said.entry(key).or_insert_with(|| {
                order.push(key);
                Said { first: send, last: send, accepted: None, contradictions: Vec::new() }
            });
            entry.last = send;
            match (&send.outcome, entry.accepted) {
                (Outcome::Accepted { id, seq }, None) => entry.accepted = Some((send, *id, *seq)),
                (Outcome::Accepted { id, seq }, Some((_, first_id, first_seq)))
                    if (*id, *seq) != (first_id, first_seq) =>
                {
                    entry.contradictions.push(send);
                }
                (Outcome::Rejected { .. }, Some(_)) => entry.contradictions.push(send),
                _ => {}
            }
        }
        let mut accepted_until: HashMap<&str, Vec<(Nanos, Seq)>> = HashMap::new();
        for said in said.values() {
            if let Some((send, _, seq)) = said.accepted {
                accepted_until.entry(&said.first.room).or_default().push((send.t1, seq));
            }
        }
        for accepted in accepted_until.values_mut() {
            accepted.sort_unstable();
            let mut newest = Seq(0);
            for (_, seq) in accepted {
                newest = newest.max(*seq);
                *seq = newest;
            }
        }
        Self { said, order, accepted_until }
    }

    pub(super) fn get<'s>(&'s self, room: &'s str, user: &'s str, nonce: &'s str) -> Option<&'s Said<'s>> {
        self.said.get(&(room, user, nonce))
    }

    /// The newest place that was accepted before this time.
    pub(super) fn newest_before(&self, room: &str, t: Nanos) -> Seq {
        let Some(accepted) = self.accepted_until.get(room) else { return Seq(0) };
        let before = accepted.partition_point(|(t1, _)| *t1 < t);
        before.checked_sub(1).map_or(Seq(0), |last| accepted[last].1)
    }

    fn in_order(&self) -> impl Iterator<Item = &Said<'a>> {
        self.order.iter().filter_map(|key| self.said.get(key))
    }

    pub(super) fn check(&self, finals: &HashMap<&str, Final<'_>>, findings: &mut Findings) {
        for said in self.in_order() {
            self.check_answers(said, findings);
            let Some(stored) = finals.get(said.first.room.as_str()) else { continue };
            if let State::Accepted(id, seq) = said.state() {
                check_accepted(said, id, seq, stored, findings);
            }
        }
        self.check_order(findings);
    }

    fn check_answers(&self, said: &Said<'_>, findings: &mut Findings) {
        let Some((first, ..)) = said.accepted else { return };
        for second in &said.contradictions {
            findings.add(Rule::AckConsistency, &first.room, || {
                let what = format!("nonce {:?} of {} was answered in two ways", first.nonce, first.user);
                (what, vec![tell(first), tell(second)])
            });
        }
    }

    /// What was sent after another was accepted stands after it.
    fn check_order(&self, findings: &mut Findings) {
        let mut by_room: HashMap<&str, Vec<&Said<'_>>> = HashMap::new();
        for said in self.in_order().filter(|said| said.accepted.is_some()) {
            by_room.entry(&said.first.room).or_default().push(said);
        }
        let mut rooms: Vec<_> = by_room.into_iter().collect();
        rooms.sort_unstable_by_key(|(room, _)| *room);
        for (room, mut begun) in rooms {
            let mut done: Vec<_> = begun.iter().filter_map(|said| said.accepted).collect();
            begun.sort_by_key(|said| said.first.t0);
            done.sort_by_key(|(send, ..)| send.t1);
            let mut done = done.into_iter().peekable();
            let mut newest: Option<(&Send, Seq)> = None;
            for said in begun {
                while let Some((send, _, seq)) = done.next_if(|(send, ..)| send.t1 < said.first.t0) {
                    if newest.is_none_or(|(_, newest)| seq > newest) {
                        newest = Some((send, seq));
                    }
                }
                let (Some((earlier, floor)), Some((send, _, seq))) = (newest, said.accepted) else {
                    continue;
                };
                if seq < floor {
                    findings.add(Rule::NonmonotonicSend, room, || {
                        let what = format!("seq {seq} was first sent after seq {floor} was accepted");
                        (
                            what,
                            vec![tell(earlier), tell(send), format!("first sent at {}", at(said.first.t0))],
                        )
                    });
                }
            }
        }
    }

    pub(super) fn count(&self, counts: &mut Counts) {
        counts.messages = self.said.len() as u64;
        for said in self.said.values() {
            match (said.state(), &said.last.outcome) {
                (State::Accepted(..), _) => {
                    counts.accepted += 1;
                    counts.rooms.entry(said.first.room.clone()).or_default().accepted += 1;
                }
                (_, Outcome::Rejected { code }) => *counts.rejected.entry(code.clone()).or_default() += 1,
                _ => counts.unknown += 1,
            }
        }
    }

    /// Messages whose senders never had an answer.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &Said<'a>> {
        self.in_order().filter(|said| said.state() == State::Unknown)
    }
}

fn check_accepted(said: &Said<'_>, id: MessageId, seq: Seq, stored: &Final<'_>, findings: &mut Findings) {
    let room = &said.first.room;
    match (stored.seq_of(id), stored.with_nonce(&said.first.user, &said.first.nonce)) {
        (Some(there), _) if there == seq => {}
        (Some(there), _) => findings.add(Rule::AckConsistency, room, || {
            let what = format!("{id} was accepted as seq {seq} and stands at seq {there}");
            (what, accepted_by(said))
        }),
        (None, Some(other)) => findings.add(Rule::AckConsistency, room, || {
            let what = format!("the message with nonce {:?} was accepted with another id", said.first.nonce);
            (what, accepted_by(said).into_iter().chain([stored.told(other)]).collect())
        }),
        (None, None) => findings.add(Rule::LostWrite, room, || {
            let what = format!("{id} was accepted as seq {seq} and is not in the final history");
            (what, accepted_by(said))
        }),
    }
}

fn accepted_by(said: &Said<'_>) -> Vec<String> {
    said.accepted.iter().map(|(send, ..)| tell(send)).collect()
}

/// An attempt in words.
fn tell(send: &Send) -> String {
    let Send { t0, t1, user, nonce, .. } = send;
    let outcome = match &send.outcome {
        Outcome::Accepted { id, seq } => format!("accepted as seq {seq}, {id}"),
        Outcome::Rejected { code } => format!("refused as {code}"),
        Outcome::Unknown { why } => format!("not answered ({why})"),
    };
    format!("{user} sent nonce {nonce:?} at {} and was {outcome} at {}", at(*t0), at(*t1))
}
