//! The final history of a room: what everything else is measured by.

use super::{
    Start, at,
    report::{Findings, Rule},
};
use crate::history::{Event, Nanos, Shown, Stored};
use protocol::ids::{MessageId, Seq};
use std::collections::HashMap;

/// A room's final history since the run began, in its order.
pub(super) struct Final<'a> {
    pub(super) epoch: &'a str,
    read_at: Nanos,
    messages: Vec<&'a Shown>,
    by_id: HashMap<MessageId, Seq>,
    by_nonce: HashMap<(&'a str, &'a str), &'a Shown>,
}

impl<'a> Final<'a> {
    /// Those that were read to their end, and what is wrong with them in themselves.
    pub(super) fn all(
        events: &'a [Event],
        start: &Start<'_>,
        findings: &mut Findings,
    ) -> HashMap<&'a str, Self> {
        let mut finals: HashMap<&str, Self> = HashMap::new();
        for event in events {
            if let Event::Read(read) = event {
                finals.insert(&read.room, Self::new(&read.epoch, read.t));
            }
        }
        for event in events {
            let Event::Stored(Stored { room, shown }) = event else { continue };
            let Some(stored) = finals.get_mut(room.as_str()) else { continue };
            if shown.seq > start.baseline(room, Some(stored.epoch)) {
                stored.add(room, shown, findings);
            }
        }
        for stored in finals.values_mut() {
            // In order already, unless that is one of the findings.
            stored.messages.sort_by_key(|shown| shown.seq);
        }
        finals
    }

    fn new(epoch: &'a str, read_at: Nanos) -> Self {
        let (messages, by_id, by_nonce) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { epoch, read_at, messages, by_id, by_nonce }
    }

    fn add(&mut self, room: &str, shown: &'a Shown, findings: &mut Findings) {
        if let Some(seq) = self.by_id.get(&shown.id) {
            findings.add(Rule::Duplicate, room, || {
                (format!("{} is twice in the final history", tell(shown)), vec![format!("at seq {seq} too")])
            });
            return;
        }
        if let Some(last) = self.messages.last() {
            if last.seq == shown.seq {
                findings.add(Rule::Duplicate, room, || {
                    let what = format!("seq {} is twice in the final history", shown.seq);
                    (what, vec![tell(last), tell(shown)])
                });
            } else if last.seq > shown.seq {
                findings.add(Rule::Nonmonotonic, room, || {
                    let what = format!("the final history has seq {} after {}", shown.seq, last.seq);
                    (what, vec![tell(last), tell(shown)])
                });
            }
        }
        self.by_id.insert(shown.id, shown.seq);
        if let Some(nonce) = &shown.nonce {
            self.by_nonce.entry((&shown.user, nonce)).or_insert(shown);
        }
        self.messages.push(shown);
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn seq_of(&self, id: MessageId) -> Option<Seq> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn with_nonce(&self, user: &str, nonce: &str) -> Option<&'a Shown> {
        self.by_nonce.get(&(user, nonce)).copied()
    }

    /// The messages after `after` up to `up_to`.
    pub(super) fn between(&self, after: Seq, up_to: Seq) -> &[&'a Shown] {
        let from = self.messages.partition_point(|shown| shown.seq <= after);
        let to = self.messages.partition_point(|shown| shown.seq <= up_to);
        self.messages.get(from..to).unwrap_or_default()
    }

    /// As evidence.
    pub(super) fn told(&self, shown: &Shown) -> String {
        format!("the final history, read at {}, has {}", at(self.read_at), tell(shown))
    }
}

/// A message in words.
pub(super) fn tell(shown: &Shown) -> String {
    let nonce = shown.nonce.as_ref().map_or_else(String::new, |nonce| format!(", nonce {nonce:?}"));
    format!("seq {} ({} by {}{nonce})", shown.seq, shown.id, shown.user)
}
