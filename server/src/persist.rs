//! From the log to the store: one task a partition writes what became durable and then its checkpoint.
//!
//! Write first, checkpoint after: done twice it leaves the same rows, never a hole. It knows no room and no viewer.

use crate::rooms::tail::{READ_BYTES_MAX, READ_RECORDS_MAX, decode};
use chat_store::{Checkpoint, Store, StoreError};
use event_log::{EventLog, Offset, Partition, ReadError};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Its name among the consumers of the log.
const CONSUMER: &str = "persist";
/// Between two tries while the store is out of reach.
const RETRY: Duration = Duration::from_millis(500);

/// How far the store is, by partition: every record up to the mark is in the store (or was set aside).
#[derive(Debug)]
pub struct Marks(Box<[AtomicU64]>);

impl Marks {
    /// Nothing is stored yet.
    pub fn new(partitions: u32) -> Arc<Self> {
        Arc::new(Self((0..partitions).map(|_| AtomicU64::new(0)).collect()))
    }

    /// The last offset that is in the store.
    pub fn stored(&self, partition: Partition) -> Offset {
        Offset(self.0.get(partition.0 as usize).map_or(0, |mark| mark.load(Ordering::Acquire)))
    }

    fn advance(&self, partition: Partition, to: Offset) {
        if let Some(mark) = self.0.get(partition.0 as usize) {
            mark.fetch_max(to.0, Ordering::AcqRel);
        }
    }
}

/// Writes one partition's messages.
pub struct Persister {
    log: Arc<dyn EventLog>,
    store: Arc<dyn Store>,
    marks: Arc<Marks>,
    partition: Partition,
    at: Offset,
}

/// Why persisting cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The checkpoint is of another log.
    #[error(
        "the store belongs to another log (partition {partition}: epoch {stored}, the log's is {log}): the log was lost or \
         made anew while the store was kept. Bring the old log back, or move the whole data folder away and start afresh"
    )]
    OtherLog {
        /// Which.
        partition: u32,
        /// In the checkpoint.
        stored: String,
        /// Of the log.
        log: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] ReadError),
}

impl Persister {
    /// Finds out where the store stands.
    pub async fn start(
        log: Arc<dyn EventLog>,
        store: Arc<dyn Store>,
        marks: Arc<Marks>,
        partition: Partition,
    ) -> Result<Self, StartError> {
        let epoch = log.epoch(partition)?.0;
        let bounds = log.bounds(partition)?;
        let begin = Offset(bounds.first.0.saturating_sub(1));
        let at = match store.load(CONSUMER, partition.0).await? {
            Some(checkpoint) if checkpoint.epoch != epoch || checkpoint.offset > bounds.last.0 => {
                return Err(StartError::OtherLog {
                    partition: partition.0,
                    stored: checkpoint.epoch,
                    log: epoch,
                });
            }
            // A crash may bring back an older checkpoint, even one that lies before what was trimmed since. The rows are
            // there all the same: nothing is trimmed that was not in the store, durably.
            Some(checkpoint) => Offset(checkpoint.offset).max(begin),
            None => {
                if bounds.first.0 > 1 {
                    // A store that was taken away and is filled again: as far back as the log reaches.
                    let first = bounds.first.0;
                    tracing::warn!(
                        partition = partition.0,
                        first,
                        "the store is new, and the log no longer has its beginning: older messages are not in the history"
                    );
                }
                begin
            }
        };
        marks.advance(partition, at);
        Ok(Self { log, store, marks, partition, at })
    }

    /// Writes what is there already.
    pub async fn catch_up(&mut self) -> Result<(), StartError> {
        let last = self.log.bounds(self.partition)?.last;
        while self.at < last {
            self.step().await?;
        }
        Ok(())
    }

    /// Follows the log until it closes. A store that is out of reach is tried again for ever: the log keeps what it missed.
    pub async fn run(mut self) -> ReadError {
        let mut failing = false;
        loop {
            if let Err(error) = self.log.wait_past(self.partition, self.at).await {
                return error;
            }
            match self.step().await {
                Ok(()) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!(partition = self.partition.0, "the store takes messages again");
                    }
                }
                Err(StartError::Log(error)) => return error,
                Err(error) => {
                    metrics::counter!("twitchy_persist_failures_total").increment(1);
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(partition = self.partition.0, %error, "the store does not take messages; trying on");
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<(), StartError> {
        let records = self.log.read(self.partition, self.at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
        let Some(last) = records.last().map(|r| r.offset) else { return Ok(()) };
        let messages: Vec<_> = records.iter().filter_map(|record| decode(self.partition, record)).collect();
        let rows = messages.len() as u64;
        if !messages.is_empty() {
            self.store.write(messages).await?;
        }
        let epoch = self.log.epoch(self.partition)?.0;
        self.store.save(CONSUMER, self.partition.0, Checkpoint { epoch, offset: last.0 }).await?;
        metrics::counter!("twitchy_messages_stored_total").increment(rows);
        self.at = last;
        self.marks.advance(self.partition, last);
        Ok(())
    }
}
