//! Persisters of several processes: the partitions of a shared log are shared out among them.
//!
//! A partition that is given to this process gets a [`Persister`], and one that is taken away loses it, wherever it stands:
//! the next owner goes on from the checkpoint and writes the same rows again. Start with [`Group::run`].

use super::{CONSUMER, Marks, Persister, RETRY, StartError};
use crate::{
    rooms::tail::{Patience, ended},
    world::World,
};
use chat_store::{Checkpoint, Store, StoreError};
use event_log::{EventLog, Membership, Offset, Partition, ReadError};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::oneshot,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

/// How long a checkpoint may be ahead of what this process has heard of the log, while the log is well. It hears of a
/// record within milliseconds; after this the log has lost its end.
const AHEAD_MAX: Duration = Duration::from_secs(30);
/// How often a wait looks at the log's health, and says that it still waits.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often the group's members tell the brokers how far they are, for operators' tools.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// This process's part in the group.
pub struct Group {
    log: Arc<dyn EventLog>,
    store: Arc<dyn Store>,
    marks: Arc<Marks>,
    world: Arc<dyn World>,
}

/// A partition at work here.
struct Held {
    /// Dropped to end the work.
    _stop: oneshot::Sender<()>,
    committed: Offset,
    /// The checkpoint seemed to be behind this at the last look.
    behind: Option<Offset>,
}

impl Group {
    /// Not yet at work.
    pub fn new(
        log: Arc<dyn EventLog>,
        store: Arc<dyn Store>,
        marks: Arc<Marks>,
        world: Arc<dyn World>,
    ) -> Self {
        Self { log, store, marks, world }
    }

    /// Works on whatever partitions are this process's until the log closes or cannot be worked with; says why.
    pub async fn run(self) -> String {
        let mut membership = self.log.join_group(CONSUMER);
        let mut held: BTreeMap<Partition, Held> = BTreeMap::new();
        // Dropped with this future, and with it all work.
        let mut tasks = JoinSet::new();
        let mut commits = interval(COMMIT_EVERY);
        commits.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                changed = membership.changed() => match changed {
                    Ok(partitions) => self.share(&partitions, &mut held, &mut tasks),
                    Err(error) => return error.to_string(),
                },
                Some(ended) = tasks.join_next() => match ended {
                    Ok(None) => {}
                    Ok(Some(reason)) => return reason,
                    Err(error) => return error.to_string(),
                },
                _ = commits.tick() => self.commit(membership.as_ref(), &mut held, &mut tasks),
            }
        }
    }

    fn share(
        &self,
        partitions: &[Partition],
        held: &mut BTreeMap<Partition, Held>,
        tasks: &mut JoinSet<Option<String>>,
    ) {
        held.retain(|partition, _| partitions.contains(partition));
        for partition in partitions.iter().copied().filter(|p| p.0 < self.log.partitions()) {
            held.entry(partition).or_insert_with(|| {
                let (stop, stopped) = oneshot::channel::<()>();
                let work = work(
                    self.log.clone(),
                    self.store.clone(),
                    self.marks.clone(),
                    partition,
                    self.world.clone(),
                );
                tasks.spawn(async move {
                    tokio::select! {
                        biased;
                        _ = stopped => None,
                        reason = work => Some(reason),
                    }
                });
                Held { _stop: stop, committed: Offset(0), behind: None }
            });
        }
        let numbers: Vec<u32> = held.keys().map(|partition| partition.0).collect();
        tracing::info!(partitions = ?numbers, "this process writes these partitions to the store");
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!("twitchy_persist_partitions").set(numbers.len() as f64);
    }

    fn commit(
        &self,
        membership: &dyn Membership,
        held: &mut BTreeMap<Partition, Held>,
        tasks: &mut JoinSet<Option<String>>,
    ) {
        for (partition, held) in held {
            let stored = self.marks.stored(*partition);
            if stored > held.committed {
                membership.commit(*partition, stored);
                held.committed = stored;
            }
            // Who had the partition before may have saved an older checkpoint over a newer one. In a busy partition the
            // next one puts that right; a quiet one would be written anew by its next owner.
            let behind = self.marks.behind(*partition);
            if let (Some(stored), true, Ok(epoch)) =
                (behind, behind == held.behind, self.log.epoch(*partition))
            {
                let (store, partition) = (self.store.clone(), partition.0);
                tasks.spawn(async move {
                    let checkpoint = Checkpoint { epoch: epoch.0, offset: stored.0 };
                    if let Err(error) = store.save(CONSUMER, partition, checkpoint).await {
                        tracing::debug!(partition, %error, "a checkpoint was not put right; it is tried again");
                    }
                    None
                });
            }
            held.behind = behind;
        }
    }
}

/// One partition, for as long as it is this process's; says what cannot be worked with.
async fn work(
    log: Arc<dyn EventLog>,
    store: Arc<dyn Store>,
    marks: Arc<Marks>,
    partition: Partition,
    world: Arc<dyn World>,
) -> String {
    let (mut failing, mut patience) = (false, Patience::new());
    loop {
        let started = Persister::start(log.clone(), store.clone(), marks.clone(), partition, &world).await;
        match started {
            Ok(persister) => return persister.run().await.to_string(),
            // Trimmed: between the look at its beginning and the reading.
            Err(StartError::Log(ReadError::Unavailable(_) | ReadError::Trimmed { .. })) => {
                if let Some(ended) = ended(log.as_ref(), partition) {
                    return ended.to_string();
                }
                metrics::counter!("twitchy_log_read_failures_total", "reader" => "persist").increment(1);
                patience.pause().await;
            }
            Err(StartError::Store(error @ (StoreError::Unavailable(_) | StoreError::Full))) => {
                metrics::counter!("twitchy_persist_failures_total").increment(1);
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(partition = partition.0, %error, "the store does not say where it stands; trying on");
                }
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return error.to_string(),
        }
    }
}

/// Waits until this process has heard of a record that the store has from another process.
pub(super) async fn wait_for(
    log: &dyn EventLog,
    partition: Partition,
    stored: Offset,
) -> Result<(), StartError> {
    let mut since = Instant::now();
    while log.bounds(partition)?.last < stored {
        let come = timeout(LOOK_EVERY, log.wait_past(partition, Offset(stored.0 - 1))).await;
        if let Ok(come) = come {
            come?;
            continue;
        }
        let last = log.bounds(partition)?.last;
        tracing::info!(
            partition = partition.0,
            stored = stored.0,
            log = last.0,
            "the store is ahead of what this process knows of the log; waiting for it"
        );
        if log.healthy().is_err() {
            since = Instant::now();
        } else if since.elapsed() >= AHEAD_MAX && last < stored {
            return Err(StartError::LogLostItsEnd { partition: partition.0, stored: stored.0, log: last.0 });
        }
    }
    Ok(())
}
