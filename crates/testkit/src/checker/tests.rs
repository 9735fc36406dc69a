//! For every rule a history that breaks it, and near misses that do not.

use super::{GATEWAY_LAG_MAX, Report, Rule, check};
use crate::history::{
    Baseline, Began, Event, Gap, Joined, Left, Message, Outcome, Page, Read, Send, Shown, Stayed, Stored,
};
use protocol::ids::{MessageId, Seq};

mod generated;

const ROOM: &str = "bestie";
const EPOCH: &str = "e1";

/// What became of an attempt, short.
#[derive(Clone, Copy)]
enum Answer {
    Ack(u64),
    AckAs(u128, u64),
    No,
    Nothing,
}
use Answer::{Ack, AckAs, No, Nothing};

/// A history under construction. Message `n` has nonce `n{n}` and, where it was accepted, id `n`.
struct Story {
    events: Vec<Event>,
    time: u64,
}

fn shown(seq: u64, n: u128) -> Shown {
    let id = MessageId(uuid::Uuid::from_u128(n));
    Shown { seq: Seq(seq), id, user: "ada".to_owned(), nonce: Some(format!("n{n}")), text_hash: 7 }
}

impl Story {
    fn new() -> Self {
        let rooms = vec![Baseline { room: ROOM.to_owned(), epoch: EPOCH.to_owned(), seq: Seq(10) }];
        Self { events: vec![Event::Began(Began { seed: 1, rooms, strangers: false, gateways: 1 })], time: 0 }
    }

    fn now(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    fn send_at(mut self, t0: u64, t1: u64, n: u128, answer: Answer) -> Self {
        self.time = self.time.max(t1);
        let id = |n| MessageId(uuid::Uuid::from_u128(n));
        let outcome = match answer {
            Ack(seq) => Outcome::Accepted { id: id(n), seq: Seq(seq) },
            AckAs(id_told, seq) => Outcome::Accepted { id: id(id_told), seq: Seq(seq) },
            No => Outcome::Rejected { code: "overloaded".to_owned() },
            Nothing => Outcome::Unknown { why: "closed".to_owned() },
        };
        let (user, room, nonce) = ("ada".to_owned(), ROOM.to_owned(), format!("n{n}"));
        self.events.push(Event::Send(Send { t0, t1, user, room, nonce, text: "hi".to_owned(), outcome }));
        self
    }

    fn send(mut self, n: u128, answer: Answer) -> Self {
        let (t0, t1) = (self.now(), self.now());
        self.send_at(t0, t1, n, answer)
    }

    fn join_with(mut self, connection: u64, seq: u64, asked: u32, resume: Option<(u64, bool)>) -> Self {
        let (t0, t) = (self.now(), self.now());
        let (after, recovered) = resume.map(|(after, recovered)| (Seq(after), recovered)).unzip();
        let (room, epoch, seq) = (ROOM.to_owned(), EPOCH.to_owned(), Seq(seq));
        let joined = Joined { t0, t, connection, room, epoch, seq, asked, after, recovered, reason: None };
        self.events.push(Event::Joined(joined));
        self
    }

    fn join(self, connection: u64, seq: u64) -> Self {
        self.join_with(connection, seq, 0, None)
    }

    fn saw_as(mut self, connection: u64, past: bool, shown: Shown) -> Self {
        let (t, room, epoch) = (self.now(), ROOM.to_owned(), Some(EPOCH.to_owned()));
        self.events.push(Event::Message(Message { t, connection, room, epoch, past, shown }));
        self
    }

    fn past(self, connection: u64, seq: u64, n: u128) -> Self {
        self.saw_as(connection, true, shown(seq, n))
    }

    fn saw(self, connection: u64, seq: u64, n: u128) -> Self {
        self.saw_as(connection, false, shown(seq, n))
    }

    fn gap(mut self, connection: u64, from: u64, to: u64) -> Self {
        let (t, room) = (self.now(), ROOM.to_owned());
        self.events.push(Event::Gap(Gap { t, connection, room, from: Seq(from), to: Seq(to) }));
        self
    }

    fn page(mut self, connection: u64, after: u64, full: bool) -> Self {
        let (t0, t, room) = (self.now(), self.now(), ROOM.to_owned());
        self.events.push(Event::Page(Page { t0, t, connection, room, after: Seq(after), full }));
        self
    }

    fn stayed(mut self, connection: u64, until: u64) -> Self {
        let (t, room) = (self.now(), ROOM.to_owned());
        self.events.push(Event::Stayed(Stayed { t, connection, room, until: Seq(until) }));
        self
    }

    fn left(mut self, connection: u64) -> Self {
        let t = self.now();
        self.events.push(Event::Left(Left { t, connection, why: "gone".to_owned() }));
        self
    }

    fn stored(mut self, messages: &[(u64, u128)]) -> Self {
        let room = || ROOM.to_owned();
        let all = messages.iter().map(|(seq, n)| Stored { room: room(), shown: shown(*seq, *n) });
        self.events.extend(all.map(Event::Stored));
        let t = self.now();
        self.events.push(Event::Read(Read { t, room: room(), epoch: EPOCH.to_owned() }));
        self
    }

    #[track_caller]
    fn clean(&self) -> Report {
        let report = check(&self.events);
        assert!(report.clean, "{report}");
        report
    }

    /// Findings of these rules and no others.
    #[track_caller]
    fn has(&self, rules: &[Rule]) {
        let report = check(&self.events);
        assert_eq!(report.findings_by_rule.keys().copied().collect::<Vec<_>>(), rules, "{report}");
    }

    /// Exactly one finding, of this rule, with words and evidence.
    #[track_caller]
    fn breaks(&self, rule: Rule) {
        let report = check(&self.events);
        let found: Vec<_> = report.findings_by_rule.iter().map(|(rule, count)| (*rule, *count)).collect();
        assert_eq!(found, [(rule, 1)], "{report}");
        assert!(!report.clean);
        let finding = &report.findings[0];
        assert!(!finding.what.is_empty() && !finding.evidence.is_empty(), "{finding:?}");
        assert!(report.to_string().contains(rule.name()), "{report}");
    }
}

/// Three accepted messages, at 11, 13 and 14: 12 belongs to another room.
fn three() -> Story {
    Story::new().send(1, Ack(11)).send(2, Ack(13)).send(3, Ack(14))
}
const THREE: [(u64, u128); 3] = [(11, 1), (13, 2), (14, 3)];

#[test]
fn what_is_as_it_should_be_is_clean() {
    let report = Story::new()
        .join(1, 10)
        .send(1, Ack(11))
        .saw(1, 11, 1)
        .send(2, Nothing)
        .send(2, Ack(13))
        .saw(1, 13, 2)
        .send(3, No)
        .send(4, Nothing)
        .stayed(1, 13)
        .left(1)
        .stored(&[(11, 1), (13, 2)])
        .clean();
    let counts = report.counts;
    assert_eq!((counts.messages, counts.attempts, counts.accepted), (4, 5, 2));
    assert_eq!((counts.unknown, counts.unknown_stored, counts.attempts_unknown), (1, 0, 2));
    assert_eq!(counts.rejected.get("overloaded"), Some(&1));
    assert_eq!(counts.rooms[ROOM].stored, 2);
}

#[test]
fn lost_write() {
    three().stored(&[(11, 1), (14, 3)]).breaks(Rule::LostWrite);
    three().stored(&THREE).clean();
    // Shown to everybody and gone after all.
    three().join(1, 14).saw(1, 15, 9).send(9, Ack(15)).stored(&THREE).breaks(Rule::LostWrite);
}

#[test]
fn duplicate() {
    // The same id, the same place, and one nonce as two messages.
    three().stored(&[(11, 1), (13, 2), (14, 3), (15, 3)]).has(&[Rule::Duplicate, Rule::InconsistentOffsets]);
    three().join(1, 10).saw(1, 11, 1).saw(1, 11, 1).stored(&THREE).breaks(Rule::Duplicate);
    let mut twice = three().stored(&THREE);
    let mut second = shown(15, 4);
    second.nonce = Some("n3".to_owned());
    twice.events.push(Event::Stored(Stored { room: ROOM.to_owned(), shown: second }));
    twice.breaks(Rule::Duplicate);
    // Another user's nonce may be the same, and a new join shows the past again.
    let mut other = shown(15, 4);
    (other.user, other.nonce) = ("bob".to_owned(), Some("n3".to_owned()));
    let mut near = three().send(4, Ack(15)).stored(&THREE);
    if let Some(Event::Send(send)) = near.events.iter_mut().rev().find(|e| matches!(e, Event::Send(_))) {
        (send.user, send.nonce) = ("bob".to_owned(), "n3".to_owned());
    }
    near.events.push(Event::Stored(Stored { room: ROOM.to_owned(), shown: other }));
    near.clean();
    three()
        .join(1, 10)
        .saw(1, 11, 1)
        .join_with(1, 14, 2, None)
        .past(1, 13, 2)
        .past(1, 14, 3)
        .stored(&THREE)
        .clean();
}

#[test]
fn aborted_read() {
    let story = || three().send(4, No);
    story().stored(&[(11, 1), (13, 2), (14, 3), (15, 4)]).breaks(Rule::AbortedRead);
    story().join(1, 14).saw(1, 15, 4).stored(&THREE).breaks(Rule::AbortedRead);
    // No answer, then no: nobody may see it. No, then yes: that is a message.
    three().send(4, Nothing).send(4, No).join(1, 14).saw(1, 15, 4).stored(&THREE).breaks(Rule::AbortedRead);
    three().send(4, No).send(4, Ack(15)).stored(&[(11, 1), (13, 2), (14, 3), (15, 4)]).clean();
    story().stored(&THREE).clean();
}

#[test]
fn phantom() {
    three().stored(&[(11, 1), (13, 2), (14, 3), (15, 4)]).breaks(Rule::Phantom);
    three().join(1, 14).saw(1, 15, 4).stored(&THREE).breaks(Rule::Phantom);
    let without_nonce = Shown { nonce: None, ..shown(15, 4) };
    three().join(1, 14).saw_as(1, false, without_nonce.clone()).stored(&THREE).breaks(Rule::Phantom);
    // What is older than the run, and other people where they may write.
    three()
        .join_with(1, 14, 100, None)
        .past(1, 9, 90)
        .past(1, 10, 91)
        .past(1, 11, 1)
        .past(1, 13, 2)
        .past(1, 14, 3)
        .stored(&THREE)
        .clean();
    let mut strangers = three().join(1, 14).saw_as(1, false, without_nonce).stored(&THREE);
    if let Some(Event::Began(began)) = strangers.events.first_mut() {
        began.strangers = true;
    }
    strangers.clean();
    // A message without an answer is no phantom.
    three().send(4, Nothing).stored(&[(11, 1), (13, 2), (14, 3), (15, 4)]).clean();
}

#[test]
fn inconsistent_offsets() {
    let other_text = || Shown { text_hash: 8, ..shown(13, 2) };
    three()
        .join(1, 11)
        .saw_as(1, false, other_text())
        .saw(1, 14, 3)
        .stored(&THREE)
        .breaks(Rule::InconsistentOffsets);
    three()
        .join(1, 11)
        .saw(1, 13, 2)
        .join(2, 11)
        .saw_as(2, false, other_text())
        .stored(&THREE)
        .breaks(Rule::InconsistentOffsets);
    // One message at two places: 12 is nobody's here.
    three()
        .join(1, 11)
        .saw(1, 12, 2)
        .saw(1, 14, 3)
        .stored(&THREE)
        .has(&[Rule::InconsistentOffsets, Rule::Gap]);
    // A log that was made anew begins its places again.
    let mut anew = three().stored(&THREE);
    let shown = shown(13, 77);
    let (room, epoch) = (ROOM.to_owned(), Some("e0".to_owned()));
    anew.events.push(Event::Message(Message { t: 99, connection: 9, room, epoch, past: false, shown }));
    anew.send(77, Nothing).has(&[Rule::Indeterminate]);
}

#[test]
fn nonmonotonic() {
    three()
        .join(1, 10)
        .saw(1, 11, 1)
        .saw(1, 14, 3)
        .saw(1, 13, 2)
        .stored(&THREE)
        .has(&[Rule::Nonmonotonic, Rule::Gap]);
    three()
        .join(1, 10)
        .saw(1, 11, 1)
        .gap(1, 11, 13)
        .saw(1, 14, 3)
        .saw(1, 13, 2)
        .stored(&THREE)
        .breaks(Rule::Nonmonotonic);
    three().stored(&[(11, 1), (14, 3), (13, 2)]).breaks(Rule::Nonmonotonic);
    // Each connection has its own order in time.
    three()
        .join(1, 10)
        .join(2, 10)
        .saw(1, 11, 1)
        .saw(1, 13, 2)
        .saw(2, 11, 1)
        .saw(1, 14, 3)
        .stored(&THREE)
        .clean();
}

#[test]
fn gap() {
    let to_the_end = |story: Story| story.stayed(1, 14).left(1).stored(&THREE);
    three().join(1, 10).saw(1, 11, 1).saw(1, 14, 3).stored(&THREE).breaks(Rule::Gap);
    three().join(1, 11).saw(1, 14, 3).stored(&THREE).has(&[Rule::StaleJoin]);
    to_the_end(Story::new().join(1, 10).send(1, Ack(11)).send(2, Ack(13)).send(3, Ack(14)).saw(1, 11, 1))
        .breaks(Rule::Gap);
    // The first live message after a join.
    Story::new()
        .join(1, 10)
        .send(1, Ack(11))
        .send(2, Ack(13))
        .send(3, Ack(14))
        .saw(1, 13, 2)
        .saw(1, 14, 3)
        .stored(&THREE)
        .breaks(Rule::Gap);
    // A gap that is told covers what it says and no more.
    let told = |from, to| {
        Story::new()
            .join(1, 10)
            .send(1, Ack(11))
            .send(2, Ack(13))
            .send(3, Ack(14))
            .saw(1, 11, 1)
            .gap(1, from, to)
    };
    told(11, 13).saw(1, 14, 3).stored(&THREE).clean();
    told(11, 14).stored(&THREE).clean();
    told(11, 12).saw(1, 14, 3).stored(&THREE).breaks(Rule::Gap);
    told(13, 14).stored(&THREE).breaks(Rule::Gap);
    // A connection that ends, and a resume that does or does not bring everything.
    let resumed =
        |recovered| three().join(1, 10).saw(1, 11, 1).left(1).join_with(2, 14, 1, Some((11, recovered)));
    three().join(1, 10).saw(1, 11, 1).left(1).stored(&THREE).clean();
    resumed(true).past(2, 13, 2).past(2, 14, 3).stored(&THREE).clean();
    resumed(false).past(2, 14, 3).stored(&THREE).clean();
    resumed(true).past(2, 14, 3).stored(&THREE).breaks(Rule::Gap);
    // Over REST: between `after` and the end of the page.
    three().page(1, 10, true).saw(1, 11, 1).saw(1, 14, 3).stored(&THREE).breaks(Rule::Gap);
    three()
        .page(1, 10, true)
        .saw(1, 11, 1)
        .page(1, 11, false)
        .saw(1, 13, 2)
        .saw(1, 14, 3)
        .stored(&THREE)
        .clean();
}

#[test]
fn nonmonotonic_send() {
    let story = |t0_of_second| {
        Story::new()
            .send_at(1, 5, 1, Ack(13))
            .send_at(t0_of_second, 9, 2, Ack(11))
            .stored(&[(11, 2), (13, 1)])
    };
    story(6).breaks(Rule::NonmonotonicSend);
    // At the same time, any order is right.
    story(5).clean();
    story(4).clean();
    // A retry began with its first attempt.
    Story::new()
        .send_at(1, 2, 2, Nothing)
        .send_at(1, 5, 1, Ack(13))
        .send_at(6, 9, 2, Ack(11))
        .stored(&[(11, 2), (13, 1)])
        .clean();
}

#[test]
fn ack_consistency() {
    Story::new().send(1, Ack(12)).stored(&[(11, 1)]).breaks(Rule::AckConsistency);
    Story::new().send(1, AckAs(9, 11)).stored(&[(11, 1)]).breaks(Rule::AckConsistency);
    // A retry that is told something else.
    Story::new().send(1, Ack(11)).send(1, Ack(12)).stored(&[(11, 1)]).breaks(Rule::AckConsistency);
    Story::new().send(1, Ack(11)).send(1, No).stored(&[(11, 1)]).breaks(Rule::AckConsistency);
    Story::new().send(1, Ack(11)).send(1, Nothing).send(1, Ack(11)).stored(&[(11, 1)]).clean();
}

#[test]
fn stale_join() {
    // Fewer than asked for, a hole in the past, and a past that ends too early.
    three().join_with(1, 14, 3, None).past(1, 13, 2).past(1, 14, 3).stored(&THREE).breaks(Rule::StaleJoin);
    three().join_with(1, 14, 2, None).past(1, 11, 1).past(1, 13, 2).stored(&THREE).breaks(Rule::StaleJoin);
    three().join_with(1, 14, 2, None).past(1, 11, 1).past(1, 14, 3).stored(&THREE).breaks(Rule::Gap);
    three().join_with(1, 11, 1, None).past(1, 11, 1).stayed(1, 14).stored(&THREE).breaks(Rule::StaleJoin);
    // All that there is, exactly as many as asked for, and what comes at once afterwards.
    three().join_with(1, 14, 100, None).past(1, 11, 1).past(1, 13, 2).past(1, 14, 3).stored(&THREE).clean();
    three().join_with(1, 14, 2, None).past(1, 13, 2).past(1, 14, 3).stored(&THREE).clean();
    let late =
        three().join_with(1, 13, 1, None).past(1, 13, 2).saw(1, 14, 3).stayed(1, 14).stored(&THREE).clean();
    assert_eq!(late.counts.joins_late, 1);
    // A page that is not full claims to be all that there is.
    three().page(1, 10, false).saw(1, 11, 1).saw(1, 13, 2).stored(&THREE).breaks(Rule::StaleJoin);
    three().page(1, 10, true).saw(1, 11, 1).saw(1, 13, 2).stored(&THREE).clean();
    // Another gateway may not know yet what was acked a moment ago, but not for long.
    let elsewhere = |later: u64| {
        let mut story = three();
        if let Some(Event::Began(began)) = story.events.first_mut() {
            began.gateways = 2;
        }
        story.time += later;
        story.page(1, 10, false).saw(1, 11, 1).saw(1, 13, 2).stored(&THREE)
    };
    elsewhere(0).clean();
    elsewhere(GATEWAY_LAG_MAX).breaks(Rule::StaleJoin);
}

#[test]
fn indeterminate() {
    let story = || three().join(1, 14).send(4, Nothing);
    story().saw(1, 15, 4).stored(&THREE).breaks(Rule::Indeterminate);
    story().saw(1, 15, 4).stored(&[(11, 1), (13, 2), (14, 3), (15, 4)]).clean();
    story().stored(&THREE).clean();
}

#[test]
fn a_history_without_its_end_is_not_clean() {
    let report = check(&three().events);
    assert!(!report.clean && report.findings.is_empty());
    assert_eq!(report.incomplete, ["the final history of \"bestie\" was not read to its end"]);
    assert!(!check(&[]).clean);
    assert!(!check(&Story::new().stored(&[]).events).clean, "nothing was sent");
}

#[test]
fn many_findings_are_counted_and_few_are_told() {
    let report =
        check(&(11..36).fold(Story::new(), |story, n| story.send(n.into(), Ack(n))).stored(&[]).events);
    assert_eq!(report.count(Rule::LostWrite), 25);
    assert_eq!(report.findings.len(), 10);
    assert!(report.to_string().contains("and 15 more"), "{report}");
    let json = serde_json::to_string(&report).unwrap();
    assert!(json.contains(r#""findings_by_rule":{"lost-write":25}"#), "{json}");
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}
