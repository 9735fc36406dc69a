//! What one write to a viewer takes from the ring: frames, and where the cursor stands after each.
//!
//! Batches of messages that stand side by side travel as one frame, put together once for all viewers at the same
//! place: less to write, and less to read for a browser.

use super::{Cursor, FRAME_MESSAGES_MAX, Item};
use crate::websocket::frame;
use bytes::Bytes;
use protocol::frames;
use std::sync::Arc;

/// Frames of one batch at most: what one vectored write takes besides a few frames of the connection's own. A room's own
/// frames (`deleted`, `room`) cannot be put together, so there could be many.
pub const STEPS_MAX: usize = 16;

/// Frames that lie before a cursor.
#[derive(Debug)]
pub struct Batch {
    steps: Vec<Step>,
    end: Cursor,
}

/// One frame.
#[derive(Clone, Debug)]
pub struct Step {
    /// As it is written.
    pub frame: Bytes,
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
    pub(super) fn of(slug: &str, items: &[Arc<Item>], from: Cursor) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        let (mut at, mut rest) = (from, items);
        while let [first, ..] = rest {
            if first.frame.is_empty() {
                // All of it was taken away: it is passed together with what stands before it, or else after.
                at.pass_over(&rest[..1]);
                if let Some(step) = steps.last_mut() {
                    step.to = at;
                }
                rest = &rest[1..];
                continue;
            }
            if steps.len() == STEPS_MAX {
                break;
            }
            let mut messages = first.messages.len();
            let more = rest[1..].iter().take_while(|item| {
                messages += item.messages.len();
                !first.messages.is_empty() && !item.messages.is_empty() && messages <= FRAME_MESSAGES_MAX
            });
            let (run, after) = rest.split_at(1 + more.count());
            let frame = match run {
                [only] => only.frame.clone(),
                many => {
                    frame::text(&frames::messages_frame(slug, many.iter().map(|item| item.all_messages()), 0))
                }
            };
            at.pass_over(run);
            let messages = run.iter().map(|item| item.messages.len() as u64).sum();
            steps.push(Step { frame, messages, to: at });
            rest = after;
        }
        Self { steps, end: at }
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

impl Cursor {
    /// This frame is written, or as good as: what is left of it is kept with the connection.
    pub fn pass(&mut self, step: &Step) {
        *self = step.to;
    }

    fn pass_over(&mut self, items: &[Arc<Item>]) {
        self.next += items.len() as u64;
        self.last = items.iter().rev().find_map(|item| item.last).unwrap_or(self.last);
    }
}
