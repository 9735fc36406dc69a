//! What anybody saw, one message at a time: is it somebody's, and is it the same for everybody?

use super::{
    Start, at,
    ledger::{Ledger, State},
    report::{Findings, Rule},
    stored::{Final, tell},
};
use crate::history::{Event, Shown};
use protocol::ids::{MessageId, Seq};
use std::collections::{HashMap, HashSet};

#[derive(Clone, Copy)]
struct Sighting<'a> {
    shown: &'a Shown,
    event: &'a Event,
}

impl Sighting<'_> {
    fn told(&self) -> String {
        let shown = tell(self.shown);
        let hash = self.shown.text_hash;
        match self.event {
            Event::Message(m) => {
                format!("reader {} was shown {shown} at {}, text {hash:016x}", m.connection, at(m.t))
            }
            _ => format!("the final history has {shown}, text {hash:016x}"),
        }
    }
}

#[derive(Default)]
struct Seen<'a> {
    by_place: HashMap<(&'a str, &'a str, Seq), Sighting<'a>>,
    by_id: HashMap<(&'a str, &'a str, MessageId), Sighting<'a>>,
    by_nonce: HashMap<(&'a str, &'a str, &'a str), Sighting<'a>>,
    /// Each is told once a rule.
    told: HashSet<(Rule, MessageId)>,
}

pub(super) fn check<'a>(
    events: &'a [Event],
    start: &Start<'_>,
    ledger: &Ledger<'_>,
    finals: &HashMap<&str, Final<'a>>,
    findings: &mut Findings,
) {
    let mut seen = Seen::default();
    for event in events {
        let (room, epoch, shown) = match event {
            Event::Message(m) => (&m.room, m.epoch.as_deref(), &m.shown),
            Event::Stored(s) => (&s.room, None, &s.shown),
            _ => continue,
        };
        let stored = finals.get(room.as_str());
        // REST does not tell the epoch; it is that of the end unless the log was made anew under the run.
        let epoch = epoch.or(stored.map(|stored| stored.epoch)).unwrap_or_default();
        if shown.seq <= start.baseline(room, Some(epoch)) {
            continue;
        }
        let sighting = Sighting { shown, event };
        seen.compare(room, epoch, sighting, findings);
        let sender = match &shown.nonce {
            Some(nonce) => ledger.get(room, &shown.user, nonce),
            None => None,
        };
        match sender {
            None if start.strangers() => {}
            None => seen.once(Rule::Phantom, shown.id, || {
                findings.add(Rule::Phantom, room, || {
                    (format!("{} was sent by nobody", tell(shown)), vec![sighting.told()])
                });
            }),
            Some(said) if said.state() == State::Rejected => seen.once(Rule::AbortedRead, shown.id, || {
                findings.add(Rule::AbortedRead, room, || {
                    (format!("{} was refused", tell(shown)), vec![said.told(), sighting.told()])
                });
            }),
            Some(said)
                if said.state() == State::Unknown
                    && stored.is_some_and(|stored| stored.seq_of(shown.id).is_none()) =>
            {
                seen.once(Rule::Indeterminate, shown.id, || {
                    findings.add(Rule::Indeterminate, room, || {
                        let what = format!("{} was shown and is not in the final history", tell(shown));
                        (what, vec![said.told(), sighting.told()])
                    });
                });
            }
            Some(_) => {}
        }
    }
}

impl<'a> Seen<'a> {
    fn once(&mut self, rule: Rule, id: MessageId, tell: impl FnOnce()) {
        if self.told.insert((rule, id)) {
            tell();
        }
    }

    /// One place, one id, one text; one nonce, one id.
    fn compare(&mut self, room: &'a str, epoch: &'a str, sighting: Sighting<'a>, findings: &mut Findings) {
        let shown = sighting.shown;
        let at_place = *self.by_place.entry((room, epoch, shown.seq)).or_insert(sighting);
        let with_id = *self.by_id.entry((room, epoch, shown.id)).or_insert(sighting);
        let same = (at_place.shown.id, at_place.shown.text_hash) == (shown.id, shown.text_hash);
        let other = if same { with_id } else { at_place };
        if !same || with_id.shown.seq != shown.seq {
            self.once(Rule::InconsistentOffsets, shown.id, || {
                findings.add(Rule::InconsistentOffsets, room, || {
                    let what = format!("what stands at seq {} is not the same for everybody", shown.seq);
                    (what, vec![other.told(), sighting.told()])
                });
            });
        }
        let Some(nonce) = &shown.nonce else { return };
        let with_nonce = *self.by_nonce.entry((room, &shown.user, nonce)).or_insert(sighting);
        if with_nonce.shown.id != shown.id {
            self.once(Rule::Duplicate, shown.id, || {
                findings.add(Rule::Duplicate, room, || {
                    let what = format!("nonce {nonce:?} of {} became two messages", shown.user);
                    (what, vec![with_nonce.told(), sighting.told()])
                });
            });
        }
    }
}
