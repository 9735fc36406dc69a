//! What the engine keeps in memory of one partition: its bounds and its newest records.
//!
//! Only durable records get here. The lock is held for moments; nothing here reads a file.

use super::store::Stored;
use crate::{Bounds, Epoch, Offset, ReadError, Record};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::watch;

/// What a record in the tail costs besides its payload, roughly: the handle and its share of the allocation.
const ENTRY_BYTES: usize = 64;

pub(super) struct PartitionState {
    pub(super) epoch: Epoch,
    view: Mutex<View>,
    pub(super) progress: watch::Sender<Progress>,
}

/// What waiters watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Newest durable offset.
    pub(super) last: u64,
    /// Newest offset that is trimmed for good.
    pub(super) trimmed: u64,
}

struct View {
    first: u64,
    last: u64,
    /// The newest records; the last one has offset `last`.
    tail: VecDeque<Bytes>,
    tail_bytes: usize,
    trim_wanted: u64,
}

/// Where a page is to be read.
pub(super) enum FromMemory {
    Page(Vec<Record>),
    /// In the file, up to this offset.
    InFile {
        last: u64,
    },
}

impl PartitionState {
    pub(super) fn new(stored: Stored) -> Self {
        let Stored { epoch, first, last } = stored;
        let view = View { first, last, tail: VecDeque::new(), tail_bytes: 0, trim_wanted: 0 };
        let progress = watch::Sender::new(Progress { last, trimmed: first - 1 });
        Self { epoch, view: Mutex::new(view), progress }
    }

    pub(super) fn bounds(&self) -> Bounds {
        let view = self.view.lock();
        Bounds { first: Offset(view.first), last: Offset(view.last) }
    }

    /// Adds records that just became durable, and wakes who waits for them.
    pub(super) fn push(&self, payloads: Vec<Bytes>, tail_bytes_max: usize) {
        let last = {
            let mut view = self.view.lock();
            for payload in payloads {
                view.last += 1;
                view.tail_bytes += payload.len() + ENTRY_BYTES;
                view.tail.push_back(payload);
            }
            while view.tail_bytes > tail_bytes_max {
                let Some(oldest) = view.tail.pop_front() else { break };
                view.tail_bytes -= oldest.len() + ENTRY_BYTES;
            }
            view.last
        };
        self.progress.send_modify(|p| p.last = last);
    }

    /// The log turned out to be longer than was known.
    pub(super) fn jump(&self, last: u64) {
        {
            let mut view = self.view.lock();
            view.last = last;
            view.tail.clear();
            view.tail_bytes = 0;
        }
        self.progress.send_modify(|p| p.last = last);
    }

    /// Asks for trimming up to this offset, and returns how far it will really go.
    pub(super) fn want_trim(&self, up_to: Offset) -> u64 {
        let mut view = self.view.lock();
        let up_to = up_to.0.min(view.last);
        view.trim_wanted = view.trim_wanted.max(up_to);
        up_to
    }

    /// Up to where this partition should still be trimmed.
    pub(super) fn trim_wanted(&self) -> Option<u64> {
        let wanted = self.view.lock().trim_wanted;
        (wanted > self.progress.borrow().trimmed).then_some(wanted)
    }

    /// From now on, what lies below counts as trimmed.
    pub(super) fn raise_first(&self, first: u64) {
        let mut view = self.view.lock();
        view.first = view.first.max(first);
        let keep = usize::try_from(view.last + 1 - view.first).unwrap_or(usize::MAX);
        while view.tail.len() > keep {
            let Some(oldest) = view.tail.pop_front() else { break };
            view.tail_bytes -= oldest.len() + ENTRY_BYTES;
        }
    }

    /// A page from memory, if it begins there.
    pub(super) fn read_memory(
        &self,
        after: Offset,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<FromMemory, ReadError> {
        let view = self.view.lock();
        if after.next().0 < view.first {
            return Err(ReadError::Trimmed { asked: after.next(), first: Offset(view.first) });
        }
        if after.0 >= view.last {
            return Ok(FromMemory::Page(Vec::new()));
        }
        let before_tail = view.last - view.tail.len() as u64;
        let Some(skip) = after.0.checked_sub(before_tail) else {
            return Ok(FromMemory::InFile { last: view.last });
        };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let mut page = Vec::new();
        let mut bytes = 0;
        for (offset, payload) in (after.0 + 1..).zip(view.tail.range(skip..)) {
            if page.len() >= records_max || (!page.is_empty() && bytes + payload.len() > bytes_max) {
                break;
            }
            bytes += payload.len();
            page.push(Record { offset: Offset(offset), payload: payload.clone() });
        }
        Ok(FromMemory::Page(page))
    }
}
