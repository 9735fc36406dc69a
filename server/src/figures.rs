//! Figures for operators that nobody counts in passing: how long an answer took, and what is looked up when it is asked for.
//!
//! It changes nothing and knows no format. What is counted where it happens stands there (`metrics::counter!`); all names
//! together are in docs/operating.md. Start with [`look`].

use crate::limits::Connections;
use event_log::{EventLog, Offset, Partition};
use metrics::{Counter, Histogram};
use protocol::codes::ErrorCode;
use std::time::Instant;

/// What is counted for each message. Looking a figure up by its name costs as much as counting it ten times, so this is
/// done once.
pub struct PerMessage {
    /// Frames of clients.
    pub frames: Counter,
    /// How long a sender waited for the answer that its message is accepted.
    pub acks: Histogram,
}

impl PerMessage {
    /// Looks them up: to be called after the process's recorder was set.
    pub fn look_up() -> Self {
        Self {
            frames: metrics::counter!("twitchy_frames_received_total"),
            acks: metrics::histogram!("twitchy_ack_seconds"),
        }
    }
}

/// Looks up what is a state and no event: is the log there, how far is the store behind it, how many sockets may there be.
/// `stored` says up to where a partition is in the store, as far as this process knows.
pub fn look(log: &dyn EventLog, stored: impl Fn(Partition) -> Offset, connections: &Connections) {
    // A counter that appears with its first event has no rise that anyone could be alarmed by.
    for code in [ErrorCode::Overloaded, ErrorCode::StorageFull, ErrorCode::Unavailable] {
        metrics::counter!("twitchy_refused_total", "code" => code.as_str()).increment(0);
    }
    metrics::counter!("twitchy_gaps_total").increment(0);
    metrics::counter!("twitchy_messages_stored_total").increment(0);
    metrics::counter!("twitchy_panics_total").increment(0);
    metrics::counter!("twitchy_persist_failures_total").increment(0);
    metrics::counter!("twitchy_persist_lost_records_total").increment(0);
    metrics::counter!("twitchy_records_set_aside_total").increment(0);
    metrics::gauge!("twitchy_log_ready").set(if log.healthy().is_ok() { 1.0 } else { 0.0 });
    // 0 for none, as in the settings.
    metrics::gauge!("twitchy_connections_max").set(figure(connections.max() as u64));
    for partition in (0..log.partitions()).map(Partition) {
        let Ok(bounds) = log.bounds(partition) else { continue };
        let behind = bounds.last.0.saturating_sub(stored(partition).0);
        let partition = partition.0.to_string();
        metrics::gauge!("twitchy_log_last_offset", "partition" => partition.clone())
            .set(figure(bounds.last.0));
        metrics::gauge!("twitchy_persist_lag_records", "partition" => partition).set(figure(behind));
    }
}

/// What one turn of a shard wrote; told when it ends, since counting every write would cost more than some of them.
pub struct Fanout {
    begun: Instant,
    /// Writes to sockets.
    pub writes: u64,
    /// Bytes they took.
    pub bytes: u64,
    /// Messages in them: one for each viewer that it was written to.
    pub messages: u64,
}

impl Fanout {
    /// A turn begins.
    pub fn begin() -> Self {
        Self { begun: Instant::now(), writes: 0, bytes: 0, messages: 0 }
    }

    /// It is over.
    pub fn end(self) {
        metrics::histogram!("twitchy_fanout_turn_seconds").record(self.begun.elapsed().as_secs_f64());
        metrics::counter!("twitchy_fanout_writes_total").increment(self.writes);
        metrics::counter!("twitchy_fanout_bytes_total").increment(self.bytes);
        metrics::counter!("twitchy_fanout_messages_total").increment(self.messages);
    }
}

/// Prometheus knows floating-point numbers alone; a count above 2^53 loses its last digits.
#[allow(clippy::cast_precision_loss)]
fn figure(count: u64) -> f64 {
    count as f64
}
