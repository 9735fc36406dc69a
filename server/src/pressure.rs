//! Is the processor what is short? Then a share of the sends is refused at once with `overloaded`, instead of all of them
//! waiting longer and longer.
//!
//! What is measured is how late a task comes that only sleeps: as late as anything else that is ready. One late moment is
//! none; what counts is a delay that stands, the least one of half a second. The share grows while it is above the
//! target and shrinks while it is below, so under a lasting overload the delay stays near the target, and what the
//! processor can do goes into messages that are accepted. A refusal costs a sixth of an acceptance.
//!
//! It knows no log: that refuses for itself what does not fit into its queues. Start with [`Pressure::watch`].

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// How often it is measured.
const PROBE_EVERY: Duration = Duration::from_millis(25);
/// A delay is the least one of so long, and of two measurements at least: one stall of the whole machine is none.
const STANDS_FOR: Duration = Duration::from_millis(500);
const PROBES_MIN: u32 = 2;
/// A send waits for its turn twice, and its log's answer once: with this its ack comes within a second.
const TARGET: Duration = Duration::from_millis(250);
/// The share's change for a delay of twice the target (or of nothing, down).
const STEP: f64 = 0.08;
/// A delay of four times the target, or more, changes it by three steps.
const STEPS_MAX: f64 = 3.0;
/// Some are always taken, or nobody would notice that it is over.
const SHARE_MAX: f64 = 0.95;
/// When a sender is asked to try again: two looks later.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How much of what is sent is refused.
#[derive(Debug, Default)]
pub struct Pressure {
    /// Of `u32::MAX`.
    share: AtomicU32,
}

impl Pressure {
    /// May one more be taken? `random` is asked for only if not all may.
    ///
    /// # Errors
    /// When to ask again.
    pub fn admit(&self, random: impl FnOnce() -> u128) -> Result<(), Duration> {
        let share = self.share.load(Ordering::Relaxed);
        #[allow(clippy::cast_possible_truncation)]
        let refused = share > 0 && (random() as u32) < share;
        if refused { Err(RETRY_AFTER) } else { Ok(()) }
    }

    /// Measures and adjusts, for ever.
    pub async fn watch(&self) {
        let mut scale = Scale::new(Instant::now());
        loop {
            let due = Instant::now() + PROBE_EVERY;
            sleep_until(due).await;
            let now = Instant::now();
            if let Some(least) = scale.note(now - due, now) {
                metrics::gauge!("twitchy_runtime_lag_seconds").set(least.as_secs_f64());
                metrics::gauge!("twitchy_overload_share").set(scale.share);
                self.set(scale.share);
            }
        }
    }

    /// Refuses this share from now on, from 0 to 1.
    pub fn set(&self, share: f64) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        self.share.store((share.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u32, Ordering::Relaxed);
    }
}

/// From delays to a share.
struct Scale {
    since: Instant,
    probes: u32,
    least: Duration,
    share: f64,
}

impl Scale {
    fn new(now: Instant) -> Self {
        Self { since: now, probes: 0, least: Duration::MAX, share: 0.0 }
    }

    /// A delay was measured; the one that stood, if it was time to look.
    fn note(&mut self, lag: Duration, now: Instant) -> Option<Duration> {
        self.probes += 1;
        self.least = self.least.min(lag);
        if now - self.since < STANDS_FOR || self.probes < PROBES_MIN {
            return None;
        }
        let least = self.least;
        let steps = (least.as_secs_f64() / TARGET.as_secs_f64() - 1.0).min(STEPS_MAX);
        *self = Self { share: (self.share + STEP * steps).clamp(0.0, SHARE_MAX), ..Self::new(now) };
        Some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share after so many measurements of each of these delays.
    fn after(share: f64, lags: impl IntoIterator<Item = (u32, u64)>) -> f64 {
        let mut now = Instant::now();
        let mut scale = Scale { share, ..Scale::new(now) };
        for (times, lag) in lags {
            for _ in 0..times {
                let lag = Duration::from_millis(lag);
                now += PROBE_EVERY + lag;
                scale.note(lag, now);
            }
        }
        scale.share
    }

    #[test]
    fn a_stall_is_no_overload_however_long() {
        let busy = [(10, 3), (1, 5_000), (10, 200), (1, 900), (30, 1)];
        assert!(after(0.0, busy).abs() < f64::EPSILON);
    }

    #[test]
    fn a_delay_that_stands_refuses_more_and_more_but_never_everything() {
        let (soon, later) = (after(0.0, [(4, 600)]), after(0.0, [(40, 600)]));
        assert!(0.0 < soon && soon < 0.3, "{soon}");
        assert!((later - SHARE_MAX).abs() < f64::EPSILON, "{later}");
    }

    #[test]
    fn it_rests_at_the_target_and_falls_to_nothing_below() {
        let at_target = after(0.4, [(20, 250)]);
        assert!((at_target - 0.4).abs() < 0.001, "{at_target}");
        assert!(after(SHARE_MAX, [(500, 1)]).abs() < f64::EPSILON);
    }

    #[test]
    fn the_share_is_the_share_of_those_refused() {
        let pressure = Pressure::default();
        let refused = || {
            let mut bits = 0_u128;
            let ask = |_: &u32| {
                // Every value of the highest byte equally often.
                bits = bits.wrapping_add(1 << 24);
                pressure.admit(|| bits).is_err()
            };
            (0..2_560).filter(ask).count()
        };
        assert_eq!(refused(), 0);
        pressure.set(0.25);
        assert_eq!(refused(), 640);
        pressure.set(1.0);
        assert_eq!(pressure.admit(|| 7), Err(RETRY_AFTER));
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_with_time_refuses_nothing() {
        let pressure = Pressure::default();
        assert!(tokio::time::timeout(Duration::from_secs(60), pressure.watch()).await.is_err());
        assert_eq!(pressure.admit(|| 0), Ok(()));
    }
}
