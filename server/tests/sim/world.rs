//! Simulated time and chance, and the trace of a run.

use crate::dice::Dice;
use chat::time::Millis;
use parking_lot::Mutex;
use server::world::World;
use std::sync::Arc;
use tokio::time::Instant;

/// Where the wall clock stands when a run begins.
pub const BEGIN_MS: u64 = 1_800_000_000_000;

/// The world of one run.
#[derive(Debug)]
pub struct SimWorld {
    start: Instant,
    dice: Dice,
    /// How far the wall clock is off, in milliseconds.
    skew: Mutex<i64>,
}

impl SimWorld {
    /// Begins now.
    pub fn new(dice: Dice) -> Self {
        Self { start: Instant::now(), dice, skew: Mutex::new(0) }
    }

    /// Sets the wall clock forward or back.
    pub fn skew(&self, ms: i64) {
        *self.skew.lock() = ms;
    }

    /// Simulated nanoseconds since the run began.
    pub fn nanos(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).expect("runs are shorter than centuries")
    }
}

impl World for SimWorld {
    fn now(&self) -> Millis {
        let now = BEGIN_MS + self.nanos() / 1_000_000;
        Millis(now.saturating_add_signed(*self.skew.lock()))
    }

    fn random(&self) -> u128 {
        u128::from(self.dice.bits()) << 64 | u128::from(self.dice.bits())
    }
}

/// What happened, line by line, if somebody wants to read it.
#[derive(Clone, Debug)]
pub struct Trace(Option<Arc<Mutex<Vec<String>>>>, Instant);

impl Trace {
    /// One that keeps its lines, or one that costs nothing.
    pub fn new(kept: bool) -> Self {
        Self(kept.then(Arc::default), Instant::now())
    }

    /// Notes something.
    pub fn note(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            let at = self.1.elapsed();
            lines.lock().push(format!("{:>5}.{:03} {}", at.as_secs(), at.subsec_millis(), line()));
        }
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.as_ref().map(|lines| lines.lock().clone()).unwrap_or_default()
    }
}
