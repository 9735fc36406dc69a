//! What one write to a viewer takes from the ring: frames, and where the cursor stands after each.
//!
//! Batches of messages that stand side by side travel as one frame, put together once for all viewers at the same
//! place: less to write, and less to read for a browser. Of a sample only what is shown is in it, and how much is not; who is
//! concerned by what is left out gets a frame of its own. A frame is compressed when the first viewer who negotiated that takes
//! it, once for all of them, and shards that come to the same place share it ([`Made`]). The ring holds nothing compressed.

use super::{Cursor, FRAME_MESSAGES_MAX, Item, Place};
use crate::websocket::{
    deflate,
    frame::{self, Opcode},
};
use bytes::Bytes;
use parking_lot::Mutex;
use protocol::frames;
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, OnceLock},
};

/// Frames of one batch at most: what one vectored write takes besides a few frames of the connection's own. A room's own
/// frames (`deleted`, `room`) cannot be put together, so there could be many.
pub const STEPS_MAX: usize = 16;

/// Batches of a room that are kept for the next shard: one of the full feed and one of the sample. A batch holds a pull
/// (256 KiB) at most, and compressed less than that again, so a room in a storm keeps less than 1 MiB, and a calm one a line.
pub(super) const MADE_MAX: usize = 2;

/// What was put together last. Every shard of a room asks for its batch, in a calm room all of them for the same; none of
/// them then puts it together again, or compresses it again.
#[derive(Debug, Default)]
pub(super) struct Made(Mutex<VecDeque<(Part, Arc<Batch>)>>);

/// The part of a room that a batch was made of.
#[derive(Debug)]
pub(super) struct Part {
    pub from: Cursor,
    /// How many items.
    pub items: usize,
    /// So often was something taken away from the ring before.
    pub retracted: u64,
}

impl Made {
    /// The batch of this part, or what is made now.
    pub fn get_or_make(&self, part: Part, make: impl FnOnce() -> Batch) -> Arc<Batch> {
        let known = |made: &VecDeque<(Part, Arc<Batch>)>| {
            made.iter().find(|(other, _)| other.is(&part)).map(|(_, batch)| batch.clone())
        };
        if let Some(batch) = known(&self.0.lock()) {
            return batch;
        }
        // Not under the lock: who asks for another part need not wait.
        let batch = Arc::new(make());
        let mut made = self.0.lock();
        if let Some(batch) = known(&made) {
            return batch;
        }
        if made.len() == MADE_MAX {
            made.pop_front();
        }
        made.push_back((part, batch.clone()));
        batch
    }
}

#[cfg(test)]
impl Made {
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl Part {
    fn is(&self, other: &Self) -> bool {
        self.from.sees_the_same(&other.from) && (self.items, self.retracted) == (other.items, other.retracted)
    }
}

/// Frames that lie before a cursor.
#[derive(Debug)]
pub struct Batch {
    steps: Vec<Step>,
    end: Cursor,
    /// Whom something concerns that is left out.
    concerned: HashSet<Box<str>>,
}

/// One frame.
#[derive(Clone, Debug)]
pub struct Step {
    frame: Bytes,
    /// Made when the first viewer wants it compressed.
    deflated: OnceLock<Bytes>,
    /// Messages in it.
    pub messages: u64,
    to: Cursor,
}

/// As many items as fit; one always does.
pub(super) fn up_to<'a>(
    items: impl Iterator<Item = &'a Arc<Item>>,
    bytes_max: usize,
) -> impl Iterator<Item = &'a Arc<Item>> {
    let mut bytes = 0_usize;
    items.take_while(move |item| {
        let first = bytes == 0;
        bytes = bytes.saturating_add(item.frame.len());
        first || bytes <= bytes_max
    })
}

impl Batch {
    /// Puts the items after a cursor together.
    pub(super) fn of(slug: &str, items: &[Arc<Item>], from: Cursor, viewer: Option<&str>) -> Self {
        let is_shown = |place: &Place| {
            place.shown.is_in(from.kind)
                || viewer.is_some_and(|name| place.concerns.iter().any(|c| **c == *name))
        };
        let mut batch = Self { steps: Vec::new(), end: from, concerned: HashSet::new() };
        let mut rest = items;
        while let [first, ..] = rest
            && batch.steps.len() < STEPS_MAX
        {
            if first.last.is_none() {
                batch.end.next += 1;
                batch.push(first.frame.clone(), 0);
                rest = &rest[1..];
                continue;
            }
            // Messages that stand side by side, as many as fit a frame. What was taken away takes no place.
            let mut shown = 0;
            let count = |item: &Arc<Item>| item.messages.iter().filter(|place| is_shown(place)).count();
            let fits = rest.iter().take_while(|item| {
                shown += if item.last.is_some() { count(item) } else { 0 };
                item.last.is_some() && shown <= FRAME_MESSAGES_MAX
            });
            // One always does: no item is longer than a frame.
            let (run, after) = rest.split_at(fits.count().max(1));
            batch.put(slug, run, &is_shown);
            rest = after;
        }
        batch
    }

    fn put(&mut self, slug: &str, run: &[Arc<Item>], is_shown: &dyn Fn(&Place) -> bool) {
        self.end.next += run.len() as u64;
        self.end.last = run.iter().rev().find_map(|item| item.last).unwrap_or(self.end.last);
        let places = || run.iter().flat_map(|item| item.messages.iter().map(move |place| (item, place)));
        let mut shown = 0;
        for (_, place) in places() {
            if is_shown(place) {
                shown += 1;
            } else {
                self.end.skipped += 1;
                self.concerned.extend(place.concerns.iter().cloned());
            }
        }
        if shown == 0 {
            // What was left out is told by the next frame; what was taken away is passed with the one before.
            if let Some(step) = self.steps.last_mut().filter(|step| step.to.skipped == self.end.skipped) {
                step.to = self.end;
            }
            return;
        }
        let skipped = std::mem::take(&mut self.end.skipped);
        let frame = match run {
            [only] if skipped == 0 => only.frame.clone(),
            _ => {
                let shown =
                    places().filter(|(_, place)| is_shown(place)).map(|(item, place)| item.json(place));
                frame::text(&frames::messages_frame(slug, shown, skipped))
            }
        };
        self.push(frame, shown);
    }

    fn push(&mut self, frame: Bytes, messages: u64) {
        self.steps.push(Step { frame, deflated: OnceLock::new(), messages, to: self.end });
    }

    /// Does something concern this viewer that is left out?
    pub fn concerns(&self, viewer: &str) -> bool {
        self.concerned.contains(viewer)
    }

    /// Its frames, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Where the cursor stands after all of it.
    pub fn end(&self) -> Cursor {
        self.end
    }
}

impl Step {
    /// As it is written: compressed, once for all who can read that, or as it is.
    pub fn bytes(&self, deflates: bool) -> &Bytes {
        if !deflates || self.frame.len() < deflate::BYTES_MIN {
            return &self.frame;
        }
        self.deflated.get_or_init(|| {
            let deflated = deflate::shortest(Opcode::Text, frame::payload(&self.frame));
            metrics::counter!("twitchy_deflate_in_bytes_total").increment(self.frame.len() as u64);
            metrics::counter!("twitchy_deflate_out_bytes_total").increment(deflated.len() as u64);
            deflated
        })
    }
}

impl Cursor {
    /// This frame is written, or as good as: what is left of it is kept with the connection.
    pub fn pass(&mut self, step: &Step) {
        *self = step.to;
    }
}
