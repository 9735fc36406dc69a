//! What is told: findings by rule, counts, a verdict.

use crate::history::{Event, Outcome};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

/// Findings of one rule that are told in full; the others are counted.
const TOLD_MAX: usize = 10;

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A message was accepted and is not in the final history.
    LostWrite,
    /// One message is there twice: its id or its place, or two messages for one nonce of its sender.
    Duplicate,
    /// A message that was refused was seen.
    AbortedRead,
    /// A message was seen that nobody sent.
    Phantom,
    /// At one place different messages or texts were seen, or one message at different places.
    InconsistentOffsets,
    /// A connection was shown an older message after a newer one.
    Nonmonotonic,
    /// A connection was not shown a message, and not told so.
    Gap,
    /// A message was sent after another was accepted, and stands before it.
    NonmonotonicSend,
    /// The sender was told another id or place than everybody saw, or different answers for one nonce.
    AckConsistency,
    /// The past that a reader was shown lacks messages that were accepted before it asked.
    StaleJoin,
    /// A message whose sender never had an answer was seen by some, and is not in the final history.
    Indeterminate,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::LostWrite,
        Self::Duplicate,
        Self::AbortedRead,
        Self::Phantom,
        Self::InconsistentOffsets,
        Self::Nonmonotonic,
        Self::Gap,
        Self::NonmonotonicSend,
        Self::AckConsistency,
        Self::StaleJoin,
        Self::Indeterminate,
    ];

    /// As it stands in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LostWrite => "lost-write",
            Self::Duplicate => "duplicate",
            Self::AbortedRead => "aborted-read",
            Self::Phantom => "phantom",
            Self::InconsistentOffsets => "inconsistent-offsets",
            Self::Nonmonotonic => "nonmonotonic",
            Self::Gap => "gap",
            Self::NonmonotonicSend => "nonmonotonic-send",
            Self::AckConsistency => "ack-consistency",
            Self::StaleJoin => "stale-join",
            Self::Indeterminate => "indeterminate",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub rule: Rule,
    /// Where; a slug.
    pub room: String,
    /// What happened, in words, with ids and places.
    pub what: String,
    /// The events that show it, in words.
    pub evidence: Vec<String>,
}

/// What is counted in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomCounts {
    /// Messages that were accepted.
    pub accepted: u64,
    /// Messages of the final history.
    pub stored: u64,
}

/// How much was done and seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Messages that somebody tried to say.
    pub messages: u64,
    /// Attempts to say them.
    pub attempts: u64,
    /// Messages that were accepted in the end.
    pub accepted: u64,
    /// Messages that were refused in the end, by code.
    pub rejected: BTreeMap<String, u64>,
    /// Attempts without an answer.
    pub attempts_unknown: u64,
    /// Messages that never had an answer.
    pub unknown: u64,
    /// Of these, those that are in the final history.
    pub unknown_stored: u64,
    /// Connections that read, and REST readers.
    pub connections: u64,
    /// Joins without a resume.
    pub joins: u64,
    /// Joins that did not yet show a message that was accepted before, but brought it after.
    pub joins_late: u64,
    /// Resumes that gave everything.
    pub resumes_recovered: u64,
    /// Resumes that said that they could not.
    pub resumes_not_recovered: u64,
    /// Pages read over REST.
    pub pages: u64,
    /// Messages that were shown to readers.
    pub shown: u64,
    /// Gaps that readers were told.
    pub gaps_told: u64,
    /// By slug.
    pub rooms: BTreeMap<String, RoomCounts>,
}

impl Counts {
    pub(super) fn of(events: &[Event]) -> Self {
        let mut counts = Self::default();
        let mut connections = HashSet::new();
        for event in events {
            match event {
                Event::Send(send) => {
                    counts.attempts += 1;
                    counts.attempts_unknown += u64::from(matches!(send.outcome, Outcome::Unknown { .. }));
                }
                Event::Joined(joined) => {
                    connections.insert(joined.connection);
                    match joined.recovered {
                        None => counts.joins += 1,
                        Some(true) => counts.resumes_recovered += 1,
                        Some(false) => counts.resumes_not_recovered += 1,
                    }
                }
                Event::Page(page) => {
                    connections.insert(page.connection);
                    counts.pages += 1;
                }
                Event::Message(_) => counts.shown += 1,
                Event::Gap(_) => counts.gaps_told += 1,
                Event::Began(_) | Event::Stayed(_) | Event::Left(_) | Event::Stored(_) | Event::Read(_) => {}
            }
        }
        counts.connections = connections.len() as u64;
        counts
    }
}

/// The judgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// No findings and nothing missing.
    pub clean: bool,
    /// What is missing for a judgement.
    pub incomplete: Vec<String>,
    /// How many findings, by rule; rules without are left out.
    pub findings_by_rule: BTreeMap<Rule, u64>,
    /// Up to ten of each rule, in words.
    pub findings: Vec<Finding>,
    /// How much was done and seen.
    pub counts: Counts,
}

impl Report {
    /// How many findings of a rule.
    #[must_use]
    pub fn count(&self, rule: Rule) -> u64 {
        self.findings_by_rule.get(&rule).copied().unwrap_or(0)
    }
}

#[derive(Default)]
pub(super) struct Findings {
    by_rule: BTreeMap<Rule, u64>,
    told: Vec<Finding>,
}

impl Findings {
    /// Adds one; the words are made only if they will be told.
    pub(super) fn add(&mut self, rule: Rule, room: &str, words: impl FnOnce() -> (String, Vec<String>)) {
        let count = self.by_rule.entry(rule).or_default();
        *count += 1;
        if *count <= TOLD_MAX as u64 {
            let (what, evidence) = words();
            self.told.push(Finding { rule, room: room.to_owned(), what, evidence });
        }
    }

    pub(super) fn into_report(mut self, counts: Counts, incomplete: Vec<String>) -> Report {
        self.told.sort_by_key(|finding| finding.rule);
        Report {
            clean: self.by_rule.is_empty() && incomplete.is_empty(),
            incomplete,
            findings_by_rule: self.by_rule,
            findings: self.told,
            counts,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.counts;
        writeln!(
            f,
            "messages   {} in {} attempts: {} accepted, {} refused, {} unknown ({} of these in the history)",
            c.messages,
            c.attempts,
            c.accepted,
            c.rejected.values().sum::<u64>(),
            c.unknown,
            c.unknown_stored,
        )?;
        for (code, count) in &c.rejected {
            writeln!(f, "           refused as {code}: {count}")?;
        }
        writeln!(f, "           {} attempts had no answer", c.attempts_unknown)?;
        for (room, counts) in &c.rooms {
            writeln!(f, "room       {room}: {} accepted, {} in the history", counts.accepted, counts.stored)?;
        }
        writeln!(
            f,
            "readers    {} connections, {} messages shown, {} joins ({} late), {} resumes ({} without recovery), {} pages, \
             {} gaps told",
            c.connections,
            c.shown,
            c.joins,
            c.joins_late,
            c.resumes_recovered + c.resumes_not_recovered,
            c.resumes_not_recovered,
            c.pages,
            c.gaps_told,
        )?;
        for (rule, count) in &self.findings_by_rule {
            writeln!(f, "\n{rule}: {count}")?;
            for finding in self.findings.iter().filter(|finding| finding.rule == *rule) {
                writeln!(f, "  - {}: {}", finding.room, finding.what)?;
                for evidence in &finding.evidence {
                    writeln!(f, "      {evidence}")?;
                }
            }
            if let Some(more) = count.checked_sub(TOLD_MAX as u64).filter(|more| *more > 0) {
                writeln!(f, "  and {more} more")?;
            }
        }
        for missing in &self.incomplete {
            writeln!(f, "\nincomplete: {missing}")?;
        }
        let found: u64 = self.findings_by_rule.values().sum();
        match (found, self.incomplete.is_empty()) {
            (0, true) => writeln!(f, "\nVERDICT: clean. No finding under {} rules.", Rule::ALL.len()),
            (0, false) => writeln!(f, "\nVERDICT: none. The history is not complete."),
            (found, _) => writeln!(f, "\nVERDICT: broken. {found} findings."),
        }
    }
}
