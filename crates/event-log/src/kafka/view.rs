//! What the engine keeps in memory of one partition: its bounds and its newest records.
//!
//! `last` is the newest offset known to be durable (an acknowledgement, a watermark or the tail told so); `seen` is
//! how far the tail came. Between the two, records exist that are on their way here. The lock is held for moments.
//!
//! A partition is followed while somebody waits for its newest records, and some time after ([`PartitionView::want`]). Of
//! one that is not, nothing is fetched: `last` is what acknowledgements and the watch tell, and pages come from the broker.

use crate::{Bounds, Offset, ReadError, Record};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// What a record in the tail costs besides its payload, roughly: the handle and its share of the allocation.
const ENTRY_BYTES: usize = 64;
/// A hole of more offsets than this is not held in memory: 1,024 × 64 B = 64 KiB of empty records.
const HOLE_IN_MEMORY_MAX: u64 = 1024;

pub(super) struct PartitionView {
    inner: Mutex<Inner>,
    /// How far the tail came.
    pub(super) seen: watch::Sender<u64>,
    /// Bytes of records that were fetched for the tail, as the client library counts them.
    pub(super) fetched: AtomicU64,
}

struct Inner {
    first: u64,
    last: u64,
    seen: u64,
    /// The newest records; the last one has offset `seen`.
    tail: VecDeque<Bytes>,
    tail_bytes: usize,
    /// Who waits for the newest records, and when the last one did.
    wanted: usize,
    wanted_at: Option<Instant>,
    followed: bool,
}

/// Somebody waits for a partition's newest records, as long as this lives.
pub(super) struct Want<'a>(&'a PartitionView);

impl Drop for Want<'_> {
    fn drop(&mut self) {
        let mut inner = self.0.inner.lock();
        inner.wanted -= 1;
        inner.wanted_at = Some(Instant::now());
    }
}

/// What the follower has to do about a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Fetch what comes after this place.
    Follow(u64),
    LetGo,
}

impl Inner {
    fn new(first: u64, last: u64) -> Self {
        Self {
            first,
            last,
            seen: last,
            tail: VecDeque::new(),
            tail_bytes: 0,
            wanted: 0,
            wanted_at: None,
            followed: false,
        }
    }

    fn add(&mut self, payload: Bytes) {
        self.seen += 1;
        self.last = self.last.max(self.seen);
        self.tail_bytes += payload.len() + ENTRY_BYTES;
        self.tail.push_back(payload);
    }

    fn fill(&mut self, up_to: u64) {
        if up_to <= self.seen {
            return;
        }
        super::tell_of_holes();
        if up_to - self.seen > HOLE_IN_MEMORY_MAX {
            // Pages before it are read from the broker.
            self.tail.clear();
            self.tail_bytes = 0;
            self.seen = up_to;
            self.last = self.last.max(up_to);
        }
        while self.seen < up_to {
            self.add(Bytes::new());
        }
    }

    fn shrink(&mut self, tail_bytes_max: usize) {
        while self.tail_bytes > tail_bytes_max {
            let Some(oldest) = self.tail.pop_front() else { break };
            self.tail_bytes -= oldest.len() + ENTRY_BYTES;
        }
    }
}

/// Where a page is to be read.
pub(super) enum From {
    Memory(Vec<Record>),
    /// It is durable, but the tail is not there yet.
    Soon,
    /// At the broker; up to this offset there are records.
    Broker {
        last: u64,
    },
}

impl PartitionView {
    pub(super) fn new(first: u64, last: u64) -> Self {
        let inner = Mutex::new(Inner::new(first, last));
        Self { inner, seen: watch::Sender::new(last), fetched: AtomicU64::new(0) }
    }

    /// Begins behind `last`, before anybody looks at it.
    pub(super) fn begin_at(&self, first: u64, last: u64) {
        *self.inner.lock() = Inner::new(first, last);
        self.seen.send_replace(last);
    }

    /// Somebody waits for the newest records.
    pub(super) fn want(&self) -> Want<'_> {
        self.inner.lock().wanted += 1;
        Want(self)
    }

    /// For the follower, which asks often: is there anything to be done about it? It is followed on for a while after the
    /// last one who waited.
    pub(super) fn turn(&self, now: Instant, followed_on: Duration) -> Option<Turn> {
        let mut inner = self.inner.lock();
        let lately = |at: Instant| now.saturating_duration_since(at) < followed_on;
        let wanted = inner.wanted > 0 || inner.wanted_at.is_some_and(lately);
        match (inner.followed, wanted) {
            (false, true) => {
                // What lies between is at the broker.
                (inner.followed, inner.seen) = (true, inner.last);
                let seen = inner.seen;
                drop(inner);
                self.seen.send_replace(seen);
                Some(Turn::Follow(seen))
            }
            (true, false) => {
                inner.followed = false;
                inner.tail = VecDeque::new();
                inner.tail_bytes = 0;
                Some(Turn::LetGo)
            }
            _ => None,
        }
    }

    /// Where the tail is, if it is followed.
    pub(super) fn followed_at(&self) -> Option<u64> {
        let inner = self.inner.lock();
        inner.followed.then_some(inner.seen)
    }

    /// The client library counts so many bytes since its start; what it counted ever.
    pub(super) fn count_fetched(&self, bytes: u64) -> u64 {
        self.fetched.fetch_max(bytes, Ordering::Relaxed).max(bytes)
    }

    pub(super) fn bounds(&self) -> Bounds {
        let inner = self.inner.lock();
        Bounds { first: Offset(inner.first), last: Offset(inner.last) }
    }

    /// This offset is durable.
    pub(super) fn raise_last(&self, last: u64) {
        let mut inner = self.inner.lock();
        inner.last = inner.last.max(last);
    }

    /// What lies below is trimmed.
    pub(super) fn raise_first(&self, first: u64) {
        let mut inner = self.inner.lock();
        inner.first = inner.first.max(first);
        inner.last = inner.last.max(inner.first - 1);
        let keep = usize::try_from((inner.seen + 1).saturating_sub(inner.first)).unwrap_or(usize::MAX);
        while inner.tail.len() > keep {
            let Some(oldest) = inner.tail.pop_front() else { break };
            inner.tail_bytes -= oldest.len() + ENTRY_BYTES;
        }
    }

    /// How far the tail came, and what is durable.
    pub(super) fn seen_and_last(&self) -> (u64, u64) {
        let inner = self.inner.lock();
        (inner.seen, inner.last)
    }

    /// Adds records that the tail brought, in order, and wakes who waits for them. Ones seen before are passed over; holes
    /// become empty records.
    pub(super) fn push(&self, records: impl IntoIterator<Item = Record>, tail_bytes_max: usize) {
        let seen = {
            let mut inner = self.inner.lock();
            if !inner.followed {
                return;
            }
            for Record { offset: Offset(offset), payload } in records {
                if offset <= inner.seen {
                    continue;
                }
                inner.fill(offset - 1);
                inner.add(payload);
            }
            inner.shrink(tail_bytes_max);
            inner.seen
        };
        self.seen.send_replace(seen);
    }

    /// There is nothing more up to this offset: what the tail did not bring are holes.
    pub(super) fn fill(&self, up_to: u64, tail_bytes_max: usize) {
        let seen = {
            let mut inner = self.inner.lock();
            inner.fill(up_to);
            inner.shrink(tail_bytes_max);
            inner.seen
        };
        self.seen.send_replace(seen);
    }

    /// The tail passes over records that are gone.
    pub(super) fn skip_to(&self, seen: u64) {
        {
            let mut inner = self.inner.lock();
            if seen <= inner.seen {
                return;
            }
            inner.seen = seen;
            inner.last = inner.last.max(seen);
            inner.tail.clear();
            inner.tail_bytes = 0;
        }
        self.seen.send_replace(seen);
    }

    /// A page from memory, if it begins there. A page does not end before `known`, which the caller knows to be durable,
    /// unless it is full.
    pub(super) fn read(
        &self,
        after: Offset,
        known: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<From, ReadError> {
        let inner = self.inner.lock();
        if after.next().0 < inner.first {
            return Err(ReadError::Trimmed { asked: after.next(), first: Offset(inner.first) });
        }
        if after.0 >= inner.last {
            return Ok(From::Memory(Vec::new()));
        }
        if after.0 >= inner.seen {
            return Ok(if inner.followed { From::Soon } else { From::Broker { last: inner.last } });
        }
        let before_tail = inner.seen - inner.tail.len() as u64;
        let Some(skip) = after.0.checked_sub(before_tail) else {
            return Ok(From::Broker { last: inner.last });
        };
        let mut page = Page::new(records_max, bytes_max);
        for (offset, payload) in
            (after.0 + 1..).zip(inner.tail.range(usize::try_from(skip).unwrap_or(usize::MAX)..))
        {
            if !page.fits(payload.len()) {
                return Ok(From::Memory(page.records));
            }
            page.push(Record { offset: Offset(offset), payload: payload.clone() });
        }
        let full = page.records.len() >= records_max;
        Ok(if inner.followed && inner.seen < known && !full {
            From::Soon
        } else {
            From::Memory(page.records)
        })
    }
}

/// A page under way, with its limits: at least one record, however large.
pub(super) struct Page {
    pub(super) records: Vec<Record>,
    bytes: usize,
    records_max: usize,
    bytes_max: usize,
}

impl Page {
    pub(super) fn new(records_max: usize, bytes_max: usize) -> Self {
        Self { records: Vec::new(), bytes: 0, records_max, bytes_max }
    }

    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.records.is_empty()
            || (self.records.len() < self.records_max && self.bytes + bytes <= self.bytes_max)
    }

    pub(super) fn push(&mut self, record: Record) {
        self.bytes += record.payload.len();
        self.records.push(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64, payload: &'static str) -> Record {
        Record { offset: Offset(offset), payload: Bytes::from_static(payload.as_bytes()) }
    }

    fn page(view: &PartitionView, after: u64) -> Vec<(u64, Vec<u8>)> {
        match view.read(Offset(after), 0, 100, 1000).expect("nothing is trimmed") {
            From::Memory(page) => page.iter().map(|r| (r.offset.0, r.payload.to_vec())).collect(),
            From::Soon => panic!("everything was seen"),
            From::Broker { .. } => panic!("everything is in memory"),
        }
    }

    const FOLLOWED_ON: Duration = Duration::from_secs(10);

    fn followed(first: u64, last: u64) -> PartitionView {
        let view = PartitionView::new(first, last);
        drop(view.want());
        assert_eq!(view.turn(Instant::now(), FOLLOWED_ON), Some(Turn::Follow(last)));
        view
    }

    #[test]
    fn it_is_followed_while_somebody_waits_and_some_time_after() {
        let view = PartitionView::new(1, 5);
        assert_eq!(view.turn(Instant::now(), FOLLOWED_ON), None);
        let want = view.want();
        view.raise_last(7);
        let later = Instant::now() + FOLLOWED_ON * 2;
        assert_eq!(view.turn(later, FOLLOWED_ON), Some(Turn::Follow(7)), "nothing from before is fetched");
        view.push([record(8, "a")], 1000);
        assert_eq!((view.turn(later, FOLLOWED_ON), *view.seen.borrow()), (None, 8));
        drop(want);
        assert_eq!(view.turn(Instant::now(), FOLLOWED_ON), None);
        assert_eq!(view.turn(Instant::now() + FOLLOWED_ON, FOLLOWED_ON), Some(Turn::LetGo));
        // What is still on its way changes nothing, and all pages are at the broker.
        view.push([record(9, "b")], 1000);
        view.raise_last(9);
        assert_eq!((view.seen_and_last(), view.followed_at()), ((8, 9), None));
        for after in [6, 7, 8] {
            assert!(matches!(view.read(Offset(after), 9, 100, 1000), Ok(From::Broker { last: 9 })));
        }
        let _want = view.want();
        assert_eq!(view.turn(Instant::now(), FOLLOWED_ON), Some(Turn::Follow(9)));
    }

    #[test]
    fn a_hole_between_records_reads_as_empty_records() {
        let view = followed(1, 0);
        view.push([record(1, "a"), record(4, "b"), record(4, "again")], 1000);
        let expected = [(1, b"a".to_vec()), (2, vec![]), (3, vec![]), (4, b"b".to_vec())];
        assert_eq!(page(&view, 0), expected);
        assert_eq!(view.seen_and_last(), (4, 4));
    }

    #[test]
    fn a_hole_at_the_end_is_filled_up_to_what_is_durable() {
        let view = followed(1, 0);
        view.push([record(1, "a")], 1000);
        view.raise_last(3);
        view.fill(3, 1000);
        view.fill(2, 1000);
        assert_eq!(page(&view, 1), [(2, vec![]), (3, vec![])]);
        assert_eq!(*view.seen.borrow(), 3);
    }

    #[test]
    fn a_wide_hole_takes_no_memory_and_is_read_from_the_broker() {
        let view = followed(1, 0);
        let far = 2 + HOLE_IN_MEMORY_MAX * 1_000_000;
        view.push([record(1, "a"), record(far, "b")], 1000);
        assert_eq!(view.seen_and_last(), (far, far));
        assert_eq!(page(&view, far - 1), [(far, b"b".to_vec())]);
        assert!(matches!(view.read(Offset(0), 0, 100, 1000), Ok(From::Broker { last }) if last == far));
    }

    #[test]
    fn the_tail_keeps_to_its_limit_even_for_one_large_record() {
        let view = followed(1, 0);
        view.push([record(1, "a"), record(2, "far too large for it")], ENTRY_BYTES);
        assert!(matches!(view.read(Offset(0), 0, 100, 1000), Ok(From::Broker { last: 2 })));
        assert_eq!(view.inner.lock().tail_bytes, 0);
    }
}
