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

    /// Adds records that the tail brought, in order, and wakes who waits for them. Ones seen before are passed over.
    pub(super) fn push(&self, records: impl IntoIterator<Item = Record>, tail_bytes_max: usize) {
        let seen = {
            let mut inner = self.inner.lock();
            for Record { offset: Offset(offset), payload } in records {
                if offset <= inner.seen {
                    continue;
                }
                if offset != inner.seen + 1 {
                    inner.tail.clear();
                    inner.tail_bytes = 0;
                }
                inner.seen = offset;
                inner.tail_bytes += payload.len() + ENTRY_BYTES;
                inner.tail.push_back(payload);
            }
            while inner.tail_bytes > tail_bytes_max {
                let Some(oldest) = inner.tail.pop_front() else { break };
                inner.tail_bytes -= oldest.len() + ENTRY_BYTES;
            }
            inner.last = inner.last.max(inner.seen);
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
