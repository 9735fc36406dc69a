//! Who works on which partition: the members of a group share the partitions out among them.
//!
//! A group is a hint for sharing work, not a lock: for a moment two members may hold the same partition, so what they do
//! with it must be harmless twice. Start with [`Membership`]; [`AllPartitions`] is the group of one that the engines of
//! a single process give.

use crate::{BoxFuture, Offset, Partition, ReadError};
use tokio::sync::watch;

/// A place in a group, from [`EventLog::join_group`](crate::EventLog::join_group). Dropping it leaves the group.
pub trait Membership: Send {
    /// Resolves with the partitions that are this member's now, in rising order, whenever that changes; the first call
    /// resolves with the first assignment. Changes that come quicker than they are asked for are told as one.
    /// Cancel-safe. An error once the log is closed.
    fn changed(&mut self) -> BoxFuture<'_, Result<Vec<Partition>, ReadError>>;
    /// Notes that the group is done with everything up to and including `offset`, for operators' tools (consumer lag).
    /// Best effort, and never blocks; where to go on from is for the caller to keep.
    fn commit(&self, partition: Partition, offset: Offset);
}

/// The [`Membership`] of a log that no other process shares: all partitions, until the log is closed.
pub struct AllPartitions {
    partitions: u32,
    told: bool,
    /// Becomes true, or loses its sender, when the log is closed. `None`: nobody tells.
    closed: Option<watch::Receiver<bool>>,
}

impl AllPartitions {
    /// For a log of `partitions` partitions; `closed` becomes true when it is closed (without it, that is never told).
    pub fn new(partitions: u32, closed: Option<watch::Receiver<bool>>) -> Self {
        Self { partitions, told: false, closed }
    }
}

impl Membership for AllPartitions {
    fn changed(&mut self) -> BoxFuture<'_, Result<Vec<Partition>, ReadError>> {
        Box::pin(async move {
            let closed_now = self.closed.as_ref().is_some_and(|closed| *closed.borrow());
            if !self.told && !closed_now {
                self.told = true;
                return Ok((0..self.partitions).map(Partition).collect());
            }
            match &mut self.closed {
                // An error means that the log is gone altogether.
                Some(closed) => drop(closed.wait_for(|closed| *closed).await),
                None => std::future::pending().await,
            }
            Err(ReadError::Unavailable("the log is closed".to_owned()))
        })
    }

    fn commit(&self, _partition: Partition, _offset: Offset) {}
}
