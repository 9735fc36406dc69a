//! Port 1: an ordered, durable log of opaque records, split into partitions.
//!
//! The crate knows no message, no room and no user: a record is bytes. Start with [`EventLog`]; the engines
//! ([`memory`], [`embedded`], and `kafka` behind the feature of that name) implement it, and `suite` holds the promises
//! as tests that every engine passes.
//!
//! ```text
//!  offset      1     2     3     4     5     6     7      (next append gets 8)
//!              x     x   [ r ] [ r ] [ r ] [ r ] [ r ]
//!                          ▲                       ▲
//!                        first                   last     Bounds { first: 3, last: 7 }
//!              └ trimmed ┘
//! ```
//! Offsets are dense and start at 1 in every partition; `Offset(0)` is the place before the first record. An [`Epoch`]
//! is the identity of a partition's log: it changes if, and only if, the log was lost or made anew, so a position is
//! an offset *and* its epoch.

#[cfg(feature = "broken")]
pub mod broken;
pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;
mod membership;
pub mod memory;
#[cfg(test)]
mod memory_tests;
#[cfg(any(test, feature = "suite"))]
pub mod suite;

pub use membership::{AllPartitions, Membership};

use bytes::Bytes;
use std::{fmt, future::Future, pin::Pin, task, time::Duration};

/// Largest payload of one record, in bytes. A message is about 0.4 kB; 64 KiB leaves room for the widest control event
/// and keeps one record far below a group of the writer (4 MiB) and a broker's usual limit (1 MiB).
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// A future in a box: the port is used as `Arc<dyn EventLog>`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Number of a partition, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u32);

/// A record's place in its partition: dense, from 1. 0 is the place before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

impl Offset {
    /// The place right behind this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Identity of a partition's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub String);

impl Epoch {
    /// An identity that no other log has: 48 bits of time and 74 random ones.
    pub(crate) fn random() -> Self {
        Self(uuid::Uuid::now_v7().simple().to_string())
    }
}

/// What a partition holds. Empty when `last < first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest offset that can still be read (or would be the next one).
    pub first: Offset,
    /// The newest durable offset; 0 if nothing was ever appended.
    pub last: Offset,
}

/// One durable record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub offset: Offset,
    /// Its bytes, shared.
    pub payload: Bytes,
}

/// Why an append was not accepted. Every variant tells the caller what it may do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The bounded queue in front of the writer is full. Nothing was written; try again after the hint.
    #[error("the log's queue is full")]
    Overloaded {
        /// A guess when there will be room.
        retry_after: Duration,
    },
    /// The payload is above the engine's limit. Nothing was written, and trying again does not help.
    #[error("record of {bytes} bytes, the limit is {limit_bytes}")]
    TooLarge {
        /// Size of the payload.
        bytes: usize,
        /// The engine's limit.
        limit_bytes: usize,
    },
    /// No such partition.
    #[error("no partition {}", .0.0)]
    NoPartition(Partition),
    /// The disk is full. Nothing was written; it may work once there is space.
    #[error("no space left for the log")]
    StorageFull,
    /// The log is closed or out of reach; nothing was written.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// It is not known whether the record is durable (the engine stopped under it). Ask again with the same nonce.
    #[error("it is not known whether the record was written: {0}")]
    Unknown(String),
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The offset asked for was trimmed away; reading can go on from `first`.
    #[error("offset {} was trimmed, the oldest is {}", .asked.0, .first.0)]
    Trimmed {
        /// What was asked for.
        asked: Offset,
        /// The oldest that can be read.
        first: Offset,
    },
    /// No such partition.
    #[error("no partition {}", .0.0)]
    NoPartition(Partition),
    /// The log is damaged at this place. It is told, never taken for the end.
    #[error("the log is damaged at offset {}: {detail}", .at.0)]
    Damaged {
        /// The first offset that cannot be trusted.
        at: Offset,
        /// What was found.
        detail: String,
    },
    /// The log is closed or out of reach.
    #[error("the log is not available: {0}")]
    Unavailable(String),
}

/// An append under way: resolves to the record's offset once it is **durable**.
/// Dropping it does not take the record back.
pub struct Append(tokio::sync::oneshot::Receiver<Result<Offset, AppendError>>);

impl Append {
    /// For engines: the other end is completed when the record is durable.
    pub fn new(receiver: tokio::sync::oneshot::Receiver<Result<Offset, AppendError>>) -> Self {
        Self(receiver)
    }
}

impl Future for Append {
    type Output = Result<Offset, AppendError>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|r| {
            r.unwrap_or_else(|_| Err(AppendError::Unknown("the log stopped before it answered".to_owned())))
        })
    }
}

/// A durable, ordered log. See the picture at the top of this module for the words.
///
/// Rules for implementers:
/// - Records of one partition get their offsets in the order of the `append` calls. `append` is quick: it queues and
///   returns; it does no I/O and takes no lock that is held over I/O.
/// - An [`Append`] resolves to `Ok` only after the record is durable in the engine's sense. Readers and tails see
///   a record only then, so nobody sees what a crash could take back.
/// - Bounded: when the queue is full, `append` refuses with [`AppendError::Overloaded`]; it never grows without limit.
/// - A failed sync is never retried: every append under way is answered [`AppendError::Unknown`], and the log is closed for good.
/// - From before an append is answered [`AppendError::Unknown`] until it is certain whether its record is there,
///   [`EventLog::healthy`] is an error and no append is taken. Once it is well again, [`EventLog::bounds`] holds the record,
///   or it never will be there.
pub trait EventLog: Send + Sync + 'static {
    /// How many partitions there are; fixed for the life of the log.
    fn partitions(&self) -> u32;
    /// Identity of a partition's log.
    fn epoch(&self, partition: Partition) -> Result<Epoch, ReadError>;
    /// What the partition holds now (durable records only).
    fn bounds(&self, partition: Partition) -> Result<Bounds, ReadError>;
    /// Queues one record.
    fn append(&self, partition: Partition, payload: Bytes) -> Result<Append, AppendError>;
    /// Durable records after `after`, oldest first: at least one if there is one, at most `records_max` (0 counts as 1),
    /// and about `bytes_max` bytes. Empty at the end of the log, and past it.
    ///
    /// When `after` lies below the oldest record, the answer is [`ReadError::Trimmed`]; reading goes on with
    /// `after = first - 1`.
    fn read(
        &self,
        partition: Partition,
        after: Offset,
        records_max: usize,
        bytes_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Record>, ReadError>>;
    /// Resolves once the partition's last durable offset is above `offset`, or with an error once the log is closed.
    /// Cancel-safe.
    ///
    /// An engine may leave the newest records of a partition where they are as long as nobody waits for them here.
    /// `Offset(u64::MAX)` waits for the end of the log alone.
    fn wait_past(&self, partition: Partition, offset: Offset) -> BoxFuture<'_, Result<(), ReadError>>;
    /// Where the partition ends. Where other processes append too it is asked anew, so what anybody was told of as durable
    /// before the call lies up to here; an error if nobody answers within a second or two. Cancel-safe.
    fn end(&self, partition: Partition) -> BoxFuture<'_, Result<Offset, ReadError>> {
        Box::pin(std::future::ready(self.bounds(partition).map(|bounds| bounds.last)))
    }
    /// Gives up the records up to and including `up_to` (retention). Never trims above the last durable record.
    /// Offsets are never used again: after trimming everything the next append gets `last + 1`.
    fn trim(&self, partition: Partition, up_to: Offset) -> BoxFuture<'_, Result<(), ReadError>>;
    /// Is the engine able to take an append now? The text names what is wrong.
    fn healthy(&self) -> Result<(), String>;
    /// Refuses new appends, finishes those under way, syncs and lets go of files. Idempotent.
    fn close(&self) -> BoxFuture<'_, ()>;
    /// Do other processes append to this log too?
    fn is_shared(&self) -> bool {
        false
    }
    /// Joins the group of this name, whose members share the partitions out among them. In a log that is not shared every
    /// member has all partitions.
    fn join_group(&self, _group: &str) -> Box<dyn Membership> {
        Box::new(AllPartitions::new(self.partitions(), None))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
