//! What has to be done now and then, and by whom.

use crate::{
    auth::Accounts,
    clock,
    config::{Config, Role},
    following::trim,
    limits::Limits,
    persist::Marks,
};
use chat::time::Millis;
use chat_store::Store;
use event_log::{EventLog, Partition};
use std::{sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval};

/// Rows that one round gives up at most: 16 minutes of the average of all rooms, so that expiry keeps up.
const EXPIRE_ROWS: usize = 400_000;
const HOUR_MS: u64 = 3_600_000;

/// Everything that grows old.
pub(super) struct Housekeeping {
    log: Arc<dyn EventLog>,
    store: Arc<dyn Store>,
    accounts: Arc<Accounts>,
    limits: Arc<Limits>,
    marks: Arc<Marks>,
    /// Milliseconds that messages stay in the store; none where they stay for ever, or others see to it.
    keep_messages: Option<u64>,
    /// The same of records in the log.
    keep_records: Option<u64>,
}

impl Housekeeping {
    pub(super) fn new(
        config: &Config,
        log: Arc<dyn EventLog>,
        store: Arc<dyn Store>,
        accounts: Arc<Accounts>,
        limits: Arc<Limits>,
        marks: Arc<Marks>,
    ) -> Self {
        let messages = config.store.retention_days.get().map(|days| u64::from(days.get()) * 24 * HOUR_MS);
        let records = config.log.retention_hours.get().map(|hours| u64::from(hours.get()) * HOUR_MS);
        // Who writes the store tidies it; a log that others write too is told its retention when it is made.
        let persists = config.roles.contains(&Role::Persist);
        let shared = log.is_shared();
        Self {
            log,
            store,
            accounts,
            limits,
            marks,
            keep_messages: messages.filter(|_| persists),
            keep_records: records.filter(|_| !shared),
        }
    }

    /// Once a minute, until it is dropped.
    pub(super) async fn run(self) {
        let mut every_minute = interval(Duration::from_secs(60));
        every_minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
        every_minute.tick().await;
        loop {
            every_minute.tick().await;
            self.round(clock::now()).await;
        }
    }

    /// Forgets quiet addresses and ended sessions, and gives up what is past its retention.
    async fn round(&self, now: Millis) {
        self.limits.sweep();
        if let Err(error) = self.accounts.sweep(now).await {
            tracing::warn!(%error, "ended sessions were not swept");
        }
        if let Some(keep) = self.keep_messages {
            let before = Millis(now.0.saturating_sub(keep));
            if let Err(error) = self.store.expire(before, EXPIRE_ROWS).await {
                tracing::warn!(%error, "old messages were not given up");
            }
        }
        if let Some(keep) = self.keep_records {
            let before = Millis(now.0.saturating_sub(keep));
            for partition in (0..self.log.partitions()).map(Partition) {
                let stored = self.marks.stored(partition);
                if let Err(error) = trim(self.log.as_ref(), partition, before, stored).await {
                    tracing::warn!(partition = partition.0, %error, "the log was not trimmed");
                }
            }
        }
    }
}
