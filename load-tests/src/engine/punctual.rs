//! Being there on time: whoever sleeps until something is due comes late by what waking up takes.
//!
//! That is 50 to 250 µs on a core that slept, and would be told as the server's. So before what is far away the sleep ends a
//! little early, and the rest is waited for awake. Where something is due every few milliseconds the core does not sleep
//! deeply, and waiting awake would take the time that reading needs. Start with [`Punctual::sleep`].

use std::time::Duration;

/// What is further away than this is waited for awake at its end: at ten messages a second, and a look every
/// 10 ms, that takes 3% of a core.
const FAR: Duration = Duration::from_millis(5);
/// The sleep before it ends so much early.
const EARLY: Duration = Duration::from_micros(300);

/// How one waits for what is due next.
#[derive(Debug, Default)]
pub struct Punctual {
    /// In microseconds of the clock.
    next: u64,
    was_far: bool,
}

impl Punctual {
    /// How long to sleep before something that is due then; nothing if that is waited for awake. What `next` is may change
    /// between two calls, and a sleep may end early.
    pub fn sleep(&mut self, next: u64, now: u64) -> Duration {
        let left = Duration::from_micros(next.saturating_sub(now));
        if next != self.next {
            *self = Self { next, was_far: left >= FAR };
        }
        if self.was_far { left.saturating_sub(EARLY) } else { left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_far_away_is_waited_for_awake_at_its_end() {
        let (mut punctual, far) = (Punctual::default(), 7_000 + 10_000);
        assert_eq!(punctual.sleep(far, 7_000), Duration::from_micros(10_000) - EARLY);
        // Something arrived meanwhile.
        assert_eq!(punctual.sleep(far, 13_000), Duration::from_micros(4_000) - EARLY);
        for awake in [far - 300, far - 1, far, far + 50] {
            assert_eq!(punctual.sleep(far, awake), Duration::ZERO);
        }
    }

    #[test]
    fn what_is_due_every_few_milliseconds_is_slept_for() {
        let mut punctual = Punctual::default();
        for next in [1_000, 3_500, 6_000] {
            assert_eq!(punctual.sleep(next, next - 900), Duration::from_micros(900));
            assert_eq!(punctual.sleep(next, next - 100), Duration::from_micros(100));
        }
    }
}
