//! A closed loop: so many messages are under way, each until every viewer has it, and the next is written when one has arrived.
//!
//! It shows what a server carries when nobody asks for more than that. It knows no socket; numbers of messages rise by one.

use std::collections::VecDeque;

/// A message that has not arrived everywhere by then is given up: the run finds out what became of it.
const GIVEN_UP_US: u64 = 10_000_000;

pub struct Closed {
    most: usize,
    viewers: usize,
    under_way: usize,
    /// The number of the first of these.
    first: u32,
    /// How many viewers do not have it yet, and since when it is under way.
    left: VecDeque<(usize, u64)>,
}

impl Closed {
    pub fn new(most: usize, viewers: usize) -> Self {
        Self { most, viewers, under_way: 0, first: 0, left: VecDeque::new() }
    }

    /// How many more may be written now.
    pub fn room(&mut self, now: u64) -> usize {
        while let Some((left, since)) = self.left.front().copied()
            && (left == 0 || since + GIVEN_UP_US <= now)
        {
            self.under_way -= usize::from(left > 0);
            self.left.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        self.most.saturating_sub(self.under_way)
    }

    /// This one, whose number is the next, has been written; or it could not be, and nobody will get it.
    pub fn wrote(&mut self, number: u32, now: u64, sent: bool) {
        if self.left.is_empty() {
            self.first = number;
        }
        self.under_way += usize::from(sent);
        self.left.push_back((if sent { self.viewers } else { 0 }, now));
    }

    /// A viewer has it.
    pub fn seen(&mut self, number: u32) {
        self.take(number, 1);
    }

    /// Nobody will get it: it was refused.
    pub fn refused(&mut self, number: u32) {
        self.take(number, usize::MAX);
    }

    fn take(&mut self, number: u32, viewers: usize) {
        let at = usize::try_from(number.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        // One that was given up is not there any more.
        if let Some((left, _)) = self.left.get_mut(at).filter(|(left, _)| *left > 0) {
            *left = left.saturating_sub(viewers);
            self.under_way -= usize::from(*left == 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_is_written_when_everybody_has_one() {
        let mut closed = Closed::new(2, 3);
        assert_eq!(closed.room(0), 2);
        closed.wrote(70, 0, true);
        closed.wrote(71, 0, true);
        assert_eq!(closed.room(0), 0);
        for _ in 0..2 {
            closed.seen(71);
            assert_eq!(closed.room(0), 0);
        }
        closed.seen(71);
        assert_eq!(closed.room(0), 1, "whichever arrives first");
        closed.wrote(72, 0, true);
        (0..3).for_each(|_| closed.seen(70));
        closed.seen(70);
        assert_eq!(closed.room(0), 1, "once more is no more than once");
        assert_eq!(closed.left.len(), 1, "what arrived is forgotten");
    }

    #[test]
    fn what_nobody_will_get_holds_nothing_up() {
        let mut closed = Closed::new(2, 3);
        closed.wrote(5, 0, true);
        closed.wrote(6, 0, false);
        assert_eq!(closed.room(1), 1, "what was not sent is not under way");
        closed.refused(5);
        assert_eq!((closed.room(1), closed.left.len()), (2, 0));
        closed.wrote(7, 1, true);
        closed.seen(7);
        assert_eq!(closed.room(GIVEN_UP_US), 1);
        assert_eq!((closed.room(GIVEN_UP_US + 1), closed.left.len()), (2, 0), "it is given up");
        closed.seen(7);
        assert_eq!(closed.room(GIVEN_UP_US + 1), 2);
    }
}
