//! The seeded dice of the styles.
//!
//! SplitMix64 and a multiply-shift, written out: law 2 says "for ever", so the numbers may not change with the
//! release of a crate, and ten lines that never change are smaller than a dependency that promises so. Styles
//! need variety, not secrecy.

use crate::Seed;

/// A stream of choices that follows from a [`Seed`] alone.
#[derive(Clone, Debug)]
pub struct Choice(u64);

impl Choice {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self(seed.0)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the product's upper half is below bound, a usize")]
    pub fn index(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// One of `of`.
    ///
    /// # Panics
    /// If `of` is empty: the lists are the style's own constants.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.index(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_published_ones() {
        // The reference sequence of SplitMix64 for the seed 1234567.
        let mut choice = Choice::new(Seed(1_234_567));
        let first: Vec<u64> = (0..3).map(|_| choice.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn every_index_comes_up_and_none_beyond() {
        let mut seen = [0_u32; 7];
        let mut choice = Choice::new(Seed(0));
        for _ in 0..7_000 {
            seen[choice.index(7)] += 1;
        }
        assert!(seen.iter().all(|&n| (800..1_200).contains(&n)), "{seen:?}");
        assert_eq!(choice.index(0), 0);
    }
}
