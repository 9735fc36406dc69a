//! Where every choice of a run comes from: one seed. SplitMix64, written out so that a seed means the same for ever.

use parking_lot::Mutex;
use std::{ops::RangeInclusive, sync::Arc, time::Duration};

/// A stream of choices. Clones share it; [`Dice::fork`] begins one of its own.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Mutex<u64>>);

impl Dice {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// 64 bits.
    pub fn bits(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A stream for one actor, so that its choices do not hang on what the others do.
    pub fn fork(&self) -> Self {
        Self::new(self.bits())
    }

    /// A number in a range.
    pub fn between(&self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.bits() % (range.end() - range.start() + 1)
    }

    /// A number below `n`, for places in a list.
    pub fn below(&self, n: usize) -> usize {
        usize::try_from(self.between(0..=n as u64 - 1)).expect("below a usize")
    }

    /// So many times in a hundred.
    pub fn percent(&self, chance: u64) -> bool {
        self.bits() % 100 < chance
    }

    /// One of these.
    pub fn pick<T: Clone>(&self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// A time of whole milliseconds.
    pub fn millis(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.between(range))
    }

    /// Mostly short, now and then long: what latencies look like.
    pub fn latency(&self, usual_ms: u64, rare_ms: u64) -> Duration {
        if self.percent(5) { self.millis(0..=rare_ms) } else { self.millis(0..=usual_ms) }
    }
}
