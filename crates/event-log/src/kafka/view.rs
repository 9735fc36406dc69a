//! What the engine keeps in memory of one partition: its bounds and its newest records.
//!
//! `last` is the newest offset known to be durable (an acknowledgement, a watermark or the tail told so); `seen` is
//! how far the tail came. Between the two, records exist that are on their way here. The lock is held for moments.

use crate::{Bounds, Offset, ReadError, Record};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::watch;

/// What a record in the tail costs besides its payload, roughly: the handle and its share of the allocation.
const ENTRY_BYTES: usize = 64;
/// A hole of more offsets than this is not held in memory: 1,024 × 64 B = 64 KiB of empty records.
const HOLE_IN_MEMORY_MAX: u64 = 1024;

pub(super) struct PartitionView {
    inner: Mutex<Inner>,
    /// How far the tail came.
    pub(super) seen: watch::Sender<u64>,
}

struct Inner {
    first: u64,
    last: u64,
    seen: u64,
    /// The newest records; the last one has offset `seen`.
    tail: VecDeque<Bytes>,
    tail_bytes: usize,
}

impl Inner {
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
        let inner = Inner { first, last, seen: last, tail: VecDeque::new(), tail_bytes: 0 };
        Self { inner: Mutex::new(inner), seen: watch::Sender::new(last) }
    }

    /// Begins behind `last`, before anybody looks at it.
    pub(super) fn begin_at(&self, first: u64, last: u64) {
        let mut inner = self.inner.lock();
        *inner = Inner { first, last, seen: last, tail: VecDeque::new(), tail_bytes: 0 };
        self.seen.send_replace(last);
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
            return Ok(From::Soon);
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
        Ok(if inner.seen < known && !full { From::Soon } else { From::Memory(page.records) })
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

    #[test]
    fn a_hole_between_records_reads_as_empty_records() {
        let view = PartitionView::new(1, 0);
        view.push([record(1, "a"), record(4, "b"), record(4, "again")], 1000);
        let expected = [(1, b"a".to_vec()), (2, vec![]), (3, vec![]), (4, b"b".to_vec())];
        assert_eq!(page(&view, 0), expected);
        assert_eq!(view.seen_and_last(), (4, 4));
    }

    #[test]
    fn a_hole_at_the_end_is_filled_up_to_what_is_durable() {
        let view = PartitionView::new(1, 0);
        view.push([record(1, "a")], 1000);
        view.raise_last(3);
        view.fill(3, 1000);
        view.fill(2, 1000);
        assert_eq!(page(&view, 1), [(2, vec![]), (3, vec![])]);
        assert_eq!(*view.seen.borrow(), 3);
    }

    #[test]
    fn a_wide_hole_takes_no_memory_and_is_read_from_the_broker() {
        let view = PartitionView::new(1, 0);
        let far = 2 + HOLE_IN_MEMORY_MAX * 1_000_000;
        view.push([record(1, "a"), record(far, "b")], 1000);
        assert_eq!(view.seen_and_last(), (far, far));
        assert_eq!(page(&view, far - 1), [(far, b"b".to_vec())]);
        assert!(matches!(view.read(Offset(0), 0, 100, 1000), Ok(From::Broker { last }) if last == far));
    }

    #[test]
    fn the_tail_keeps_to_its_limit_even_for_one_large_record() {
        let view = PartitionView::new(1, 0);
        view.push([record(1, "a"), record(2, "far too large for it")], ENTRY_BYTES);
        assert!(matches!(view.read(Offset(0), 0, 100, 1000), Ok(From::Broker { last: 2 })));
        assert_eq!(view.inner.lock().tail_bytes, 0);
    }
}
