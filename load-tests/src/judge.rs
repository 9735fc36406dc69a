//! Order, loss and doubles, judged for each viewer at the price of one comparison a message.
//!
//! The viewers of one process build a room's [`Order`] together: whoever sees a message first adds it. Of a viewer only is
//! kept where it is and how many it saw. At the end it has to have seen as many as the order has since it joined; what is
//! missing has to have been told, by a `gap`, or as `skipped` where the feed is a sample. Whether the order itself is whole
//! is judged by the run, from what writers were told. Where a server gives no places ([`Heard`]), only order within a
//! writer is judged, and the count. It knows no socket. Start with [`Order::see`].

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Places kept for one room, 128 MiB: 20 minutes of the busiest one (13,889 a second). What is older is not judged.
const PLACES_MAX: usize = 16 * 1024 * 1024;
/// Gaps remembered of one viewer. Beyond that the last two become one, which excuses what lies between.
const GAPS_MAX: usize = 256;

/// What viewers saw that they should not have seen, and what they were not shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Seen a second time.
    pub doubles: u64,
    /// Seen after a later one.
    pub disorder: u64,
    /// Not seen, and nobody said so.
    pub lost: u64,
    /// Not seen, and told by a `gap` or a resume that was refused.
    pub told: u64,
    /// Not seen, and counted by a sampled feed as `skipped`.
    pub skipped: u64,
}

impl Findings {
    pub fn add(&mut self, other: Self) {
        self.doubles += other.doubles;
        self.disorder += other.disorder;
        self.lost += other.lost;
        self.told += other.told;
        self.skipped += other.skipped;
    }

    /// Did the server break a promise?
    pub fn is_clean(&self) -> bool {
        self.doubles == 0 && self.disorder == 0 && self.lost == 0
    }
}

/// The messages of a room in their order, as the viewers of this process saw them.
#[derive(Debug, Default)]
pub struct Order {
    places: VecDeque<u64>,
    /// How many were forgotten before the first of these.
    forgotten: u64,
    /// How many of all there were are of this run.
    pub ours: u64,
}

/// Where one viewer is in a room's order.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The last that it saw, or joined behind.
    last: u64,
    /// What lies up to here is from before it joined.
    joined_at: u64,
    /// Where the next message probably is in the order.
    hint: u64,
    seen: u64,
    /// Its feed may be a sample. What such a feed left out is told with the next frame, so of what lies behind the last
    /// that was seen nothing is known.
    sampled: bool,
    /// So many may be missing: a sampled feed said so.
    allowance: u64,
    /// Told to be missing: behind the first, up to the second. In order, and none of them was seen.
    gaps: Vec<(u64, u64)>,
    /// The last hole: a message out of it is late, not a double.
    hole: (u64, u64),
}

impl Place {
    /// The last message that was seen, or that the viewer joined behind.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Was it told a gap before?
    pub fn fell(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// The viewer is told that it will not see what lies up to here.
    pub fn gap(&mut self, to: u64) {
        if to <= self.last {
            return;
        }
        let full = self.gaps.len() == GAPS_MAX;
        match self.gaps.last_mut() {
            Some(gap) if full => gap.1 = to,
            _ => self.gaps.push((self.last, to)),
        }
        self.last = to;
    }

    /// The viewer's feed left so many out.
    pub fn skipped(&mut self, count: u64) {
        self.allowance += count;
    }

    /// It comes back. If the server did not give it all it missed up to here, it said so.
    pub fn rejoin(&mut self, recovered: bool, seq: u64) {
        if !recovered {
            self.gap(seq);
        }
    }
}

impl Order {
    /// A viewer that joins behind this message; `sampled`: on a feed that may leave messages out.
    pub fn join(&self, seq: u64, sampled: bool) -> Place {
        Place { last: seq, joined_at: seq, hint: self.up_to(seq), sampled, ..Place::default() }
    }

    /// The viewer sees a message. `ours`: it is of this run.
    pub fn see(&mut self, place: &mut Place, seq: u64, ours: bool, findings: &mut Findings) {
        if seq <= place.last {
            let late = place.hole.0 < seq && seq < place.hole.1;
            *(if late { &mut findings.disorder } else { &mut findings.doubles }) += 1;
            place.seen += u64::from(late);
            return;
        }
        let at = if self.at(place.hint) == Some(seq) {
            place.hint
        } else if self.places.back().is_none_or(|newest| *newest < seq) {
            self.push(seq, ours);
            self.end() - 1
        } else {
            match self.places.binary_search(&seq) {
                Ok(at) => self.forgotten + at as u64,
                // Whoever went before did not see it; rare.
                Err(at) => {
                    self.places.insert(at, seq);
                    self.ours += u64::from(ours);
                    self.forgotten + at as u64
                }
            }
        };
        if at > place.hint {
            place.hole = (place.last, seq);
        }
        place.hint = at + 1;
        place.last = seq;
        place.seen += 1;
    }

    /// What the viewer has not seen of those in the order, and nobody told it.
    fn missing(&self, place: &Place) -> (u64, u64) {
        let told = place.gaps.iter().map(|(from, to)| self.up_to(*to) - self.up_to(*from)).sum();
        let end = if place.sampled { self.up_to(place.last) } else { self.end() };
        let all = end - self.up_to(place.joined_at);
        (all.saturating_sub(place.seen).saturating_sub(told), told)
    }

    /// How many of those in the order the viewer still has to see.
    pub fn behind(&self, place: &Place) -> u64 {
        self.missing(place).0.saturating_sub(place.allowance)
    }

    /// The run is over: what the viewer has not seen now it will not see.
    pub fn finish(&self, place: &Place, findings: &mut Findings) {
        let (missing, told) = self.missing(place);
        let skipped = missing.min(place.allowance);
        findings.told += told;
        findings.skipped += skipped;
        findings.lost += missing - skipped;
    }

    fn push(&mut self, seq: u64, ours: bool) {
        if self.places.len() == PLACES_MAX {
            self.places.pop_front();
            self.forgotten += 1;
        }
        self.places.push_back(seq);
        self.ours += u64::from(ours);
    }

    fn end(&self) -> u64 {
        self.forgotten + self.places.len() as u64
    }

    fn at(&self, index: u64) -> Option<u64> {
        let index = usize::try_from(index.checked_sub(self.forgotten)?).ok()?;
        self.places.get(index).copied()
    }

    /// How many there are up to this message.
    fn up_to(&self, seq: u64) -> u64 {
        if self.places.back().is_none_or(|newest| *newest <= seq) {
            return self.end();
        }
        self.forgotten + self.places.partition_point(|place| *place <= seq) as u64
    }
}

/// Writers whose order a viewer checks where the server gives no places.
pub const WRITERS_HEARD: usize = 4;

/// The last message heard of each of some writers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard([u32; WRITERS_HEARD]);

impl Heard {
    /// A message of the writer who has every `writers`-th number. Numbers begin with `writers`.
    pub fn see(&mut self, number: u32, writers: u32, findings: &mut Findings) {
        let writer = usize::try_from(number % writers.max(1)).unwrap_or(usize::MAX);
        let Some(last) = self.0.get_mut(writer) else { return };
        findings.doubles += u64::from(number == *last);
        findings.disorder += u64::from(number < *last);
        *last = number.max(*last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one viewer finds who joined behind 0 and sees this, while another sees everything.
    fn judged(all: &[u64], seen: &[u64]) -> Findings {
        let (mut order, mut findings) = (Order::default(), Findings::default());
        let (mut good, mut other) = (order.join(0, false), order.join(0, false));
        for seq in all {
            order.see(&mut good, *seq, true, &mut findings);
        }
        assert_eq!(findings, Findings::default());
        for seq in seen {
            order.see(&mut other, *seq, true, &mut findings);
        }
        order.finish(&other, &mut findings);
        findings
    }

    #[test]
    fn a_faultless_stream_has_no_findings() {
        assert_eq!(judged(&[3, 5, 9], &[3, 5, 9]), Findings::default());
        assert_eq!(judged(&[], &[]), Findings::default());
    }

    #[test]
    fn what_is_left_out_is_lost_wherever_it_lies() {
        for seen in [&[5, 9, 10][..], &[3, 9, 10], &[3, 5, 9]] {
            assert_eq!(judged(&[3, 5, 9, 10], seen), Findings { lost: 1, ..Findings::default() }, "{seen:?}");
        }
        assert_eq!(judged(&[3, 5, 9, 10], &[]).lost, 4);
    }

    #[test]
    fn what_comes_again_is_a_double_and_what_comes_late_is_disorder() {
        assert_eq!(judged(&[3, 5, 9], &[3, 5, 5, 9]), Findings { doubles: 1, ..Findings::default() });
        assert_eq!(judged(&[3, 5, 9], &[3, 5, 3, 9]), Findings { doubles: 1, ..Findings::default() });
        assert_eq!(judged(&[3, 5, 9], &[3, 9, 5]), Findings { disorder: 1, ..Findings::default() });
    }

    #[test]
    fn a_message_that_those_in_front_did_not_see_is_lost_to_them() {
        let (mut order, mut findings) = (Order::default(), Findings::default());
        let (mut first, mut told, mut second) =
            (order.join(0, false), order.join(0, false), order.join(0, false));
        for seq in [3, 9] {
            order.see(&mut first, seq, true, &mut findings);
        }
        order.see(&mut told, 3, true, &mut findings);
        told.gap(8);
        order.see(&mut told, 9, true, &mut findings);
        for seq in [3, 5, 9] {
            order.see(&mut second, seq, true, &mut findings);
        }
        order.see(&mut first, 10, true, &mut findings);
        order.see(&mut second, 10, true, &mut findings);
        order.finish(&second, &mut findings);
        assert_eq!((findings, order.ours), (Findings::default(), 4));
        order.finish(&first, &mut findings);
        assert_eq!(findings, Findings { lost: 1, ..Findings::default() });
        order.see(&mut told, 10, true, &mut findings);
        order.finish(&told, &mut findings);
        assert_eq!(findings, Findings { lost: 1, told: 1, ..Findings::default() });
    }

    #[test]
    fn what_was_told_is_not_lost_and_no_more_than_that() {
        let (mut order, mut findings) = (Order::default(), Findings::default());
        let (mut good, mut slow) = (order.join(0, false), order.join(0, false));
        for seq in 1..=10 {
            order.see(&mut good, seq, true, &mut findings);
        }
        order.see(&mut slow, 1, true, &mut findings);
        slow.gap(7);
        order.see(&mut slow, 9, true, &mut findings);
        order.finish(&slow, &mut findings);
        // 2 to 7 were told; 8 and 10 were not.
        assert_eq!(findings, Findings { told: 6, lost: 2, ..Findings::default() });
    }

    #[test]
    fn a_sample_may_leave_out_what_it_counted() {
        let (mut order, mut findings) = (Order::default(), Findings::default());
        let (mut good, mut sampled) = (order.join(0, false), order.join(0, true));
        for seq in 1..=10 {
            order.see(&mut good, seq, true, &mut findings);
        }
        sampled.skipped(3);
        order.see(&mut sampled, 4, true, &mut findings);
        order.see(&mut sampled, 9, true, &mut findings);
        assert_eq!(order.behind(&sampled), 4);
        order.finish(&sampled, &mut findings);
        // Of 10 it may be told later.
        assert_eq!(findings, Findings { skipped: 3, lost: 4, ..Findings::default() });
    }

    #[test]
    fn who_joins_ahead_of_the_others_misses_nothing() {
        let (mut order, mut findings) = (Order::default(), Findings::default());
        let mut old = order.join(0, false);
        order.see(&mut old, 1, true, &mut findings);
        let mut new = order.join(3, false);
        assert_eq!(order.behind(&new), 0);
        for seq in 2..=5 {
            order.see(&mut old, seq, true, &mut findings);
        }
        assert_eq!(order.behind(&new), 2);
        order.see(&mut new, 4, true, &mut findings);
        order.see(&mut new, 5, true, &mut findings);
        assert_eq!((order.behind(&new), findings), (0, Findings::default()));
    }

    #[test]
    fn who_comes_back_goes_on_where_it_was() {
        let (mut order, mut findings) = (Order::default(), Findings::default());
        let (mut old, mut back, mut refused) =
            (order.join(0, false), order.join(0, false), order.join(0, false));
        for seq in 1..=9 {
            order.see(&mut old, seq, true, &mut findings);
        }
        order.see(&mut back, 1, true, &mut findings);
        back.rejoin(true, 3);
        for seq in 2..=9 {
            order.see(&mut back, seq, true, &mut findings);
        }
        order.see(&mut refused, 1, true, &mut findings);
        refused.rejoin(false, 8);
        order.see(&mut refused, 9, true, &mut findings);
        order.finish(&back, &mut findings);
        order.finish(&refused, &mut findings);
        assert_eq!(findings, Findings { told: 7, ..Findings::default() });
    }

    #[test]
    fn without_places_the_order_of_each_writer_is_judged() {
        let (mut heard, mut findings) = (Heard::default(), Findings::default());
        for number in [2, 3, 4, 5, 5, 7, 6, 4] {
            heard.see(number, 2, &mut findings);
        }
        assert_eq!(findings, Findings { doubles: 1, disorder: 1, ..Findings::default() });
    }
}
