//! What follows the log: the store's persisters and the feeds' tails, and in which order they come up.
//!
//! It names no engine and spawns nothing; whoever composes a process runs what is prepared here. Start with
//! [`Following::prepare`].

use crate::{
    config::Role,
    persist::{self, Marks, Persister, group::Group},
    rooms::{
        Directory,
        history::History,
        tail::{self, Tail},
        waking::{Follower, PrimeError},
    },
    world::World,
};
use chat::time::Millis;
use chat_store::Store;
use event_log::{EventLog, Offset, Partition, ReadError};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How often a start looks whether the store has come near the log's end, and how often it says that it waits.
const BEHIND_LOOK_EVERY: Duration = Duration::from_millis(500);
const BEHIND_TELL_EVERY: Duration = Duration::from_secs(5);

/// Work that goes on for the life of the process; it ends only when it cannot go on, and says why.
pub struct Work {
    /// What breaks with it, for people.
    pub name: &'static str,
    /// To be run as a task of its own.
    pub run: Pin<Box<dyn Future<Output = String> + Send>>,
}

impl Work {
    fn new(name: &'static str, run: impl Future<Output = String> + Send + 'static) -> Self {
        Self { name, run: Box::pin(run) }
    }
}

/// All followers, ready to run.
pub struct Following {
    /// How far the store is.
    pub marks: Arc<Marks>,
    /// The rooms' pasts. Without the role `gateway` nobody may ask for them.
    pub history: History,
    /// What has to run from now on.
    pub work: Vec<Work>,
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
    /// The persisters ended while the rings were filled.
    #[error("persisters: {0}")]
    Ended(String),
}

impl Following {
    /// Brings up what these roles need.
    ///
    /// With a log of this process alone the store catches up before the rings are filled, so that a join after the start
    /// needs neither log nor store. With a shared log the persisters of all processes catch up while gateways serve;
    /// only a store that is too far behind for a room's past to be read is waited for, and that is told. With `keep` no
    /// partition is followed before somebody needs it, nor for longer than that after nobody does.
    pub async fn prepare(
        log: &Arc<dyn EventLog>,
        store: &Arc<dyn Store>,
        rooms: &Arc<Directory>,
        roles: &[Role],
        world: &Arc<dyn World>,
        keep: Option<Duration>,
    ) -> Result<Self, PrepareError> {
        let keep = keep.filter(|_| log.is_shared());
        let marks = Marks::new(log.partitions());
        let history = History::new(log.clone(), store.clone(), marks.clone());
        let mut work = Vec::new();
        if roles.contains(&Role::Persist) && !log.is_shared() {
            for partition in (0..log.partitions()).map(Partition) {
                let mut persister =
                    Persister::start(log.clone(), store.clone(), marks.clone(), partition, world).await?;
                persister.catch_up().await?;
                work.push(Work::new("persister", async { persister.run().await.to_string() }));
            }
        } else {
            persist::same_log(log.as_ref(), store.as_ref()).await?;
            marks.look(log.as_ref(), store.as_ref()).await.map_err(persist::StartError::from)?;
            let (marks, log, store) = (marks.clone(), log.clone(), store.clone());
            work.push(Work::new("marks", async {
                marks.follow(log, store).await;
                "ended".to_owned()
            }));
        }
        if roles.contains(&Role::Persist) && log.is_shared() {
            let group = Group::new(log.clone(), store.clone(), marks.clone(), world.clone());
            work.push(Work::new("persisters", group.run()));
        }
        if roles.contains(&Role::Gateway) {
            let followers = rooms.partitions().iter().map(|followed| {
                let (log, rooms, followed) = (log.clone(), rooms.clone(), followed.clone());
                Follower::new(log, rooms, history.clone(), followed, world.clone(), keep)
            });
            if keep.is_some() {
                work.extend(followers.map(|f| Work::new("feed", async { f.run().await.to_string() })));
            } else {
                let brought_up = tokio::select! {
                    biased;
                    brought_up = bring_up(followers, log.is_shared()) => brought_up?,
                    // Whom the gateway waits for may be in this very process.
                    ended = first_of(&mut work), if log.is_shared() => return Err(PrepareError::Ended(ended)),
                };
                work.extend(brought_up.into_iter().map(|(follower, tail)| {
                    Work::new("feed", async { follower.run_from(tail).await.to_string() })
                }));
            }
        }
        Ok(Self { marks, history, work })
    }
}

/// Runs all of it until the first one ends.
async fn first_of(work: &mut [Work]) -> String {
    std::future::poll_fn(|cx| {
        let mut ended = work.iter_mut().map(|work| work.run.as_mut().poll(cx));
        ended.find(std::task::Poll::is_ready).unwrap_or(std::task::Poll::Pending)
    })
    .await
}

async fn bring_up(
    followers: impl Iterator<Item = Follower>,
    shared: bool,
) -> Result<Vec<(Follower, Tail)>, PrimeError> {
    let mut brought_up = Vec::new();
    for follower in followers {
        let mut told: Option<Instant> = None;
        let tail = loop {
            match follower.bring_up_now().await {
                Err(PrimeError::Behind(records)) if shared => {
                    if told.is_none_or(|told| told.elapsed() >= BEHIND_TELL_EVERY) {
                        tracing::info!(records, "waiting for the store to come near the log's end");
                        told = Some(Instant::now());
                    }
                    tokio::time::sleep(BEHIND_LOOK_EVERY).await;
                }
                // The brokers' retention went on while it was read.
                Err(PrimeError::Log(ReadError::Trimmed { .. })) if shared => {
                    tokio::time::sleep(BEHIND_LOOK_EVERY).await;
                }
                brought_up => break brought_up?,
            }
        };
        brought_up.push((follower, tail));
    }
    Ok(brought_up)
}

/// Gives up a partition's records that were sent before a time, never one that is not in the store yet. A shared log is
/// left alone: there the brokers' retention does it.
pub async fn trim(
    log: &dyn EventLog,
    partition: Partition,
    before: Millis,
    stored: Offset,
) -> Result<(), ReadError> {
    if log.is_shared() {
        return Ok(());
    }
    let old = tail::last_before(log, partition, before).await?;
    log.trim(partition, old.min(stored)).await
}
