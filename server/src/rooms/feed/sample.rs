//! What is shown of a storm to those who want to read: a fair sample, chosen once for all as messages come.
//!
//! Every message has the same chance, which falls as the rate rises, whoever wrote it; what moderators and the broadcaster
//! say is always in it. It knows no clock: time is that of the messages, so that all nodes choose alike, and a start that
//! reads minutes of the past in a moment takes them for no storm.

use chat::message::Styled;
use protocol::frames::FeedKind;

/// Messages a second that a person can just follow: a screen of twenty lines is another one every second.
const READABLE_PER_SECOND: f64 = 20.0;
/// What may be shown at once: two seconds' worth.
const BURST: f64 = 40.0;
/// `auto` shows a sample from this rate on: well above what a lively room has, and what is left of it is half.
const STORM_PER_SECOND: f64 = 40.0;
/// And everything again below this: all of it fits the sample then, so that nobody sees the difference.
const CALM_PER_SECOND: f64 = 20.0;
/// The rate is that of about the last two seconds.
const WINDOW_MS: f64 = 2_000.0;
/// A clock that is behind by more than this was set back; less is two nodes that do not agree.
const SKEW_MAX_MS: u64 = 5_000;

/// Badges of those whose words are always shown.
const ALWAYS: [&str; 2] = ["broadcaster", "moderator"];

/// In which feeds a message is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    readable: bool,
    auto: bool,
}

impl Shown {
    /// Is it in the feed of this kind?
    pub fn is_in(self, kind: FeedKind) -> bool {
        match kind {
            FeedKind::Full => true,
            FeedKind::Readable => self.readable,
            FeedKind::Auto => self.auto,
        }
    }

    /// Is it in all of them?
    pub fn everywhere(self) -> bool {
        self.readable && self.auto
    }
}

/// Chooses, message by message.
#[derive(Debug)]
pub(super) struct Sampler {
    /// Messages a second.
    rate: f64,
    /// As of then.
    at_ms: u64,
    /// How many may be shown now.
    allowance: f64,
    storms: bool,
}

impl Default for Sampler {
    fn default() -> Self {
        Self { rate: 0.0, at_ms: 0, allowance: BURST, storms: false }
    }
}

impl Sampler {
    /// In which feeds this message, the next of the room, is shown.
    pub fn choose(&mut self, message: &Styled) -> Shown {
        let now = message.sent_at.0;
        // Milliseconds between two messages fit a f64.
        #[allow(clippy::cast_precision_loss)]
        let passed_ms = now.saturating_sub(self.at_ms) as f64;
        if now > self.at_ms || self.at_ms - now > SKEW_MAX_MS {
            self.at_ms = now;
        }
        self.rate = self.rate * (-passed_ms / WINDOW_MS).exp() + 1_000.0 / WINDOW_MS;
        self.allowance = (self.allowance + passed_ms / 1_000.0 * READABLE_PER_SECOND).min(BURST);
        self.storms = self.rate > if self.storms { CALM_PER_SECOND } else { STORM_PER_SECOND };

        let always = message.author.badges.iter().any(|badge| ALWAYS.contains(&badge.as_str()));
        let readable = always || (self.allowance >= 1.0 && draw(message) < READABLE_PER_SECOND / self.rate);
        if readable {
            self.allowance = (self.allowance - 1.0).max(0.0);
        }
        Shown { readable, auto: readable || !self.storms }
    }
}

/// From 0 to 1, by the random bits of the message's id: the same on every node, and nobody's choice.
fn draw(message: &Styled) -> f64 {
    const OF: f64 = (1_u64 << 32) as f64;
    let bits = message.id.0.as_u128() & 0xffff_ffff;
    #[allow(clippy::cast_precision_loss)] // 32 bits
    let bits = bits as f64;
    bits / OF
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rooms::feed::tests::message;
    use chat::time::Millis;
    use protocol::ids::MessageId;

    /// So many messages a second for so many seconds, from then on; ids as scattered as real ones.
    fn storm(sampler: &mut Sampler, from_ms: u64, per_second: u64, seconds: u64) -> Vec<Shown> {
        let all = 0..per_second * seconds;
        all.map(|n| {
            let mut line = message(n).message;
            line.sent_at = Millis(from_ms + n * 1_000 / per_second);
            let bits = (from_ms + n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
            line.id = MessageId(uuid::Uuid::from_u128(u128::from(bits)));
            sampler.choose(&line)
        })
        .collect()
    }

    fn count(shown: &[Shown], kind: FeedKind) -> usize {
        shown.iter().filter(|shown| shown.is_in(kind)).count()
    }

    #[test]
    fn a_calm_room_is_shown_whole() {
        let mut sampler = Sampler::default();
        let shown = storm(&mut sampler, 1_000_000, 15, 60);
        assert_eq!((count(&shown, FeedKind::Readable), count(&shown, FeedKind::Auto)), (900, 900));
    }

    #[test]
    fn a_storm_is_shown_at_a_rate_fit_for_eyes_and_evenly() {
        for per_second in [100, 1_000, 13_889] {
            let mut sampler = Sampler::default();
            storm(&mut sampler, 1_000_000, per_second, 10);
            let shown = storm(&mut sampler, 1_010_000, per_second, 20);
            let seen = count(&shown, FeedKind::Readable);
            assert!((250..=440).contains(&seen), "{seen} of {per_second} a second in 20 s");
            assert_eq!(count(&shown, FeedKind::Auto), seen);
            for second in shown.chunks(usize::try_from(per_second).unwrap() * 2) {
                let seen = count(second, FeedKind::Readable);
                assert!((5..=80).contains(&seen), "{seen} in two seconds of {per_second} a second");
            }
        }
    }

    #[test]
    fn auto_changes_over_once_and_not_to_and_fro() {
        let mut sampler = Sampler::default();
        let left_out = |sampler: &mut Sampler, from, per_second| {
            let shown = storm(sampler, from, per_second, 20);
            shown.len() - count(&shown, FeedKind::Auto)
        };
        assert_eq!(left_out(&mut sampler, 1_000_000, 30), 0, "not yet a storm");
        assert!(left_out(&mut sampler, 1_020_000, 100) > 1_000);
        assert!(left_out(&mut sampler, 1_040_000, 30) > 50, "still one");
        left_out(&mut sampler, 1_060_000, 10);
        assert_eq!(left_out(&mut sampler, 1_080_000, 30), 0, "over");
    }

    #[test]
    fn a_burst_is_bounded_and_forgotten() {
        let mut sampler = Sampler::default();
        let shown = storm(&mut sampler, 1_000_000, 100_000, 1);
        assert!(count(&shown, FeedKind::Readable) <= 61, "{}", count(&shown, FeedKind::Readable));
        let later = storm(&mut sampler, 1_060_000, 1, 10);
        assert_eq!(count(&later, FeedKind::Auto), 10);
    }

    #[test]
    fn moderators_are_always_heard() {
        let mut sampler = Sampler::default();
        storm(&mut sampler, 1_000_000, 10_000, 3);
        for badge in ["moderator", "broadcaster"] {
            let mut line = message(7).message;
            line.sent_at = Millis(1_003_000);
            line.id = MessageId(uuid::Uuid::from_u128(u128::MAX));
            assert!(!sampler.choose(&line).readable);
            line.author.badges = vec!["vip".into(), badge.into()];
            assert!(sampler.choose(&line).everywhere());
        }
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_storm() {
        let mut sampler = Sampler::default();
        storm(&mut sampler, 10_000_000, 5, 10);
        // Two nodes that do not agree, and then one hour back.
        for n in 0..200 {
            let mut line = message(n).message;
            line.sent_at = Millis(10_010_000 + n * 200 - if n % 2 == 0 { 150 } else { 0 });
            assert!(sampler.choose(&line).everywhere());
        }
        let shown = storm(&mut sampler, 6_000_000, 5, 60);
        assert_eq!(count(&shown, FeedKind::Auto), shown.len());
    }
}
