//! What follows the log: the store's persisters and the feeds' tails, and in which order they come up.
//!
//! It names no engine and spawns nothing; whoever composes a process runs what is prepared here. Start with
//! [`Following::prepare`].

use crate::{
    persist::{self, Marks, Persister},
    rooms::{
        Directory,
        history::History,
        tail::{self, PrimeError, Tail},
    },
};
use chat::time::Millis;
use chat_store::Store;
use event_log::{EventLog, Offset, Partition, ReadError};
use std::sync::Arc;

/// All followers, caught up and ready to run.
pub struct Following {
    /// How far the store is.
    pub marks: Arc<Marks>,
    /// The rooms' pasts.
    pub history: History,
    /// One a partition.
    pub persisters: Vec<Persister>,
    /// One a partition that holds a room.
    pub tails: Vec<Tail>,
}

/// Why they cannot come up.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The store cannot catch up.
    #[error(transparent)]
    Persist(#[from] persist::StartError),
    /// The rings cannot be filled.
    #[error(transparent)]
    Prime(#[from] PrimeError),
}

impl Following {
    /// The store catches up before the rings are filled, so that a join after the start needs neither log nor store.
    pub async fn prepare(
        log: &Arc<dyn EventLog>,
        store: &Arc<dyn Store>,
        rooms: &Arc<Directory>,
        now: Millis,
    ) -> Result<Self, PrepareError> {
        let marks = Marks::new(log.partitions());
        let mut persisters = Vec::new();
        for partition in (0..log.partitions()).map(Partition) {
            let mut persister =
                Persister::start(log.clone(), store.clone(), marks.clone(), partition).await?;
            persister.catch_up().await?;
            persisters.push(persister);
        }
        let history = History::new(log.clone(), store.clone(), marks.clone());
        let mut tails = Vec::new();
        for partition in rooms.partitions() {
            tails.push(Tail::prime(log.clone(), rooms.clone(), &history, partition, now).await?);
        }
        Ok(Self { marks, history, persisters, tails })
    }
}

/// Gives up a partition's records that were sent before a time, never one that is not in the store yet.
pub async fn trim(
    log: &dyn EventLog,
    partition: Partition,
    before: Millis,
    stored: Offset,
) -> Result<(), ReadError> {
    let old = tail::last_before(log, partition, before).await?;
    log.trim(partition, old.min(stored)).await
}
