//! What was said in a room of late, as far as slow mode and unique chat have to know: who spoke when, and which lines.
//!
//! It knows no clock. A process learns it from its own accepting, at once, and from the log for what others accepted.
//! Start with [`Recent::claim`].

use crate::time::Millis;
use protocol::{ids::UserId, limits::SLOW_MODE_SECONDS_MAX};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
};

/// Lines of which unique chat knows that they were said: ten minutes at 16 a second. 40 bytes each.
pub const LINES_MAX: usize = 10_000;
/// Speakers that slow mode knows before it forgets those whose time is over.
const SPEAKERS_LOOK: usize = 1_024;
/// Longest that slow mode can be.
const SLOW_MS_MAX: u64 = SLOW_MODE_SECONDS_MAX as u64 * 1_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Recent {
    spoke: HashMap<UserId, Millis>,
    /// Forget those that are past their time when there are so many.
    look_at: usize,
    lines: HashSet<u64>,
    lines_by_age: VecDeque<u64>,
    keys: RandomState,
}

/// What was noted for a message that is not in the log yet; [`Recent::release`] takes it back.
#[derive(Debug)]
pub struct Claim {
    user: UserId,
    at: Millis,
    before: Option<Millis>,
    line: Option<u64>,
}

impl Recent {
    /// How long a user has to wait, if they spoke less than so many seconds ago.
    #[must_use]
    pub fn wait_ms(&self, user: UserId, seconds: u32, now: Millis) -> Option<u64> {
        let last = self.spoke.get(&user)?;
        let free = last.plus(u64::from(seconds) * 1_000);
        // A clock ahead of this one by more than that is not believed.
        (now < free).then(|| (free.0 - now.0).min(u64::from(seconds) * 1_000))
    }

    /// Was this line said?
    #[must_use]
    pub fn knows(&self, line: &str) -> bool {
        self.lines.contains(&self.mark(line))
    }

    /// A message is on its way to the log.
    pub fn claim(&mut self, user: UserId, line: &str, now: Millis) -> Claim {
        let before = self.spoke(user, now);
        Claim { user, at: now, before, line: self.said(line) }
    }

    /// It did not come there.
    #[allow(clippy::needless_pass_by_value)] // it is worth nothing afterwards
    pub fn release(&mut self, claim: Claim) {
        let Claim { user, at, before, line } = claim;
        if self.spoke.get(&user) == Some(&at) {
            match before {
                Some(before) => self.spoke.insert(user, before),
                None => self.spoke.remove(&user),
            };
        }
        if let Some(line) = line {
            self.lines.remove(&line);
        }
    }

    /// The log holds a message. Hearing one's own again changes nothing.
    pub fn hear(&mut self, user: UserId, line: &str, at: Millis) {
        if self.spoke.get(&user).is_none_or(|known| *known < at) {
            self.spoke(user, at);
        }
        self.said(line);
    }

    /// Forgets everything: neither rule is on.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    fn spoke(&mut self, user: UserId, at: Millis) -> Option<Millis> {
        if self.spoke.len() >= self.look_at.max(SPEAKERS_LOOK) {
            self.spoke.retain(|_, spoke| at < spoke.plus(SLOW_MS_MAX));
            self.look_at = self.spoke.len() * 2;
        }
        self.spoke.insert(user, at)
    }

    /// `None` if it was known.
    fn said(&mut self, line: &str) -> Option<u64> {
        let mark = self.mark(line);
        if !self.lines.insert(mark) {
            return None;
        }
        self.lines_by_age.push_back(mark);
        while self.lines_by_age.len() > LINES_MAX {
            if let Some(oldest) = self.lines_by_age.pop_front() {
                self.lines.remove(&oldest);
            }
        }
        Some(mark)
    }

    /// Of a line without regard to case and white space. Chance makes one of 10,000 lines and a new one alike once in
    /// 10¹⁵ lines; nobody can foresee which.
    fn mark(&self, line: &str) -> u64 {
        let words: Vec<String> = line.split_whitespace().map(str::to_lowercase).collect();
        self.keys.hash_one(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: UserId = UserId(1);

    #[test]
    fn who_spoke_waits_and_a_message_that_failed_does_not_count() {
        let mut recent = Recent::default();
        assert_eq!(recent.wait_ms(ADA, 30, Millis(1_000)), None);
        let claim = recent.claim(ADA, "hi", Millis(1_000));
        assert_eq!(recent.wait_ms(ADA, 30, Millis(1_001)), Some(29_999));
        assert_eq!(recent.wait_ms(ADA, 30, Millis(31_000)), None);
        assert_eq!(recent.wait_ms(ADA, 120, Millis(31_000)), Some(90_000));
        recent.release(claim);
        assert_eq!((recent.wait_ms(ADA, 30, Millis(1_001)), recent.knows("hi")), (None, false));
        recent.hear(ADA, "ho", Millis(5_000));
        let claim = recent.claim(ADA, "hu", Millis(40_000));
        recent.hear(ADA, "hu", Millis(40_000));
        recent.release(claim);
        assert_eq!(recent.wait_ms(ADA, 30, Millis(6_000)), Some(29_000), "what was before counts again");
    }

    #[test]
    fn a_line_is_known_in_any_case_until_many_came_after() {
        let mut recent = Recent::default();
        recent.hear(ADA, "Hello  World", Millis(1));
        assert!(recent.knows("hello world ") && !recent.knows("hello, world"));
        for n in 0..LINES_MAX as u64 - 1 {
            recent.hear(UserId(n), &n.to_string(), Millis(n));
        }
        assert!(recent.knows("hello world"));
        recent.hear(ADA, "one more", Millis(2));
        assert!(!recent.knows("hello world") && recent.knows("one more"));
        assert_eq!(recent.lines.len(), LINES_MAX);
    }

    #[test]
    fn speakers_are_forgotten_when_no_rule_can_ask_for_them() {
        let mut recent = Recent::default();
        for n in 0..10_000 {
            recent.hear(UserId(n), "x", Millis(n * 1_000));
        }
        assert!(recent.spoke.len() <= 2 * SPEAKERS_LOOK, "{}", recent.spoke.len());
        assert!(recent.wait_ms(UserId(9_990), 120, Millis(10_000_000)).is_some());
    }
}
