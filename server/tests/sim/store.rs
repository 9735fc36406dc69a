//! A simulated store: the memory engine as the disk, and around it delays, failures and a process that dies.
//!
//! As the embedded engine does, it makes every change durable before it answers, but for checkpoints: those saved since
//! the last write may be undone by a crash, the newest first.

use crate::{dice::Dice, life::Life, world::Trace};
use chat::{
    account::{Account, Family, RefreshToken, TokenHash},
    message::Logged,
    moderation::{Taken, facts::Fact},
    time::Millis,
};
use chat_store::{
    AccountChange, AccountStore, BoxFuture, Checkpoint, CheckpointStore, Created, MessageStore,
    ModerationStore, Page, SessionStore, Spent, Store, StoreError, memory::MemoryStore,
};
use parking_lot::Mutex;
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use std::sync::Arc;

/// What is wrong with the store at the moment; set from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreFaults {
    /// Out of reach; a write may have happened all the same.
    pub away: bool,
    /// No space for rows.
    pub full: bool,
    /// Calls take up to this long.
    pub slow_ms: u64,
}

/// What outlives the process.
#[derive(Default)]
pub struct StoreDisk {
    engine: MemoryStore,
    /// Checkpoints that a crash may undo, each with what stood there before.
    loose: Mutex<Vec<(String, u32, Checkpoint)>>,
}

impl StoreDisk {
    /// The rows themselves, for those who set a run up and judge it.
    pub fn engine(&self) -> &MemoryStore {
        &self.engine
    }

    /// The life has ended.
    pub async fn crash(&self, dice: &Dice, trace: &Trace) {
        let mut loose = std::mem::take(&mut *self.loose.lock());
        let undone = dice.below(loose.len() + 1);
        trace.note(|| format!("store: {undone} of {} loose checkpoints undone by the crash", loose.len()));
        for _ in 0..undone {
            let Some((consumer, partition, before)) = loose.pop() else { return };
            self.engine.save(&consumer, partition, before).await.expect("the memory engine saves");
        }
    }
}

/// The store of one life.
pub struct SimStore {
    disk: Arc<StoreDisk>,
    life: Arc<Life>,
    dice: Dice,
    faults: Arc<Mutex<StoreFaults>>,
}

impl SimStore {
    /// Opens the disk.
    pub fn open(
        disk: Arc<StoreDisk>,
        life: Arc<Life>,
        dice: Dice,
        faults: Arc<Mutex<StoreFaults>>,
    ) -> Arc<Self> {
        Arc::new(Self { disk, life, dice, faults })
    }

    /// Before a call: it takes its time, and may not come through.
    async fn arrive(&self) -> Result<(), StoreError> {
        let faults = *self.faults.lock();
        if faults.slow_ms > 0 || self.dice.percent(20) {
            tokio::time::sleep(self.dice.latency(2, faults.slow_ms.max(20))).await;
        }
        self.life.live().await;
        if faults.away { Err(out_of_reach()) } else { Ok(()) }
    }

    /// After a call that changed something: the answer may be lost.
    async fn answer(&self) -> Result<(), StoreError> {
        self.life.live().await;
        let faults = *self.faults.lock();
        if faults.slow_ms > 0 {
            tokio::time::sleep(self.dice.latency(2, faults.slow_ms)).await;
            self.life.live().await;
        }
        if faults.away { Err(out_of_reach()) } else { Ok(()) }
    }
}

fn out_of_reach() -> StoreError {
    StoreError::Unavailable("out of reach".to_owned())
}

impl MessageStore for SimStore {
    fn write(&self, messages: Vec<Logged>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let arrived = self.arrive().await;
            // Whoever is told `Unavailable` does not know whether it happened.
            if arrived.is_err() && self.dice.percent(50) {
                return arrived;
            }
            if self.faults.lock().full {
                return Err(StoreError::Full);
            }
            self.disk.engine.write(messages).await?;
            self.disk.loose.lock().clear();
            arrived?;
            self.answer().await
        })
    }

    fn page(&self, room: RoomId, page: Page, limit: usize) -> BoxFuture<'_, Result<Vec<Logged>, StoreError>> {
        Box::pin(async move {
            self.arrive().await?;
            self.disk.engine.page(room, page, limit).await
        })
    }

    fn message(&self, room: RoomId, id: MessageId) -> BoxFuture<'_, Result<Option<Logged>, StoreError>> {
        Box::pin(async move {
            self.arrive().await?;
            self.disk.engine.message(room, id).await
        })
    }

    fn expire(&self, sent_before: Millis, rows_max: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.disk.engine.expire(sent_before, rows_max)
    }
}

impl ModerationStore for SimStore {
    fn measure(&self, taken: Vec<Taken>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let arrived = self.arrive().await;
            // Whoever is told `Unavailable` does not know whether it happened.
            if arrived.is_err() && self.dice.percent(50) {
                return arrived;
            }
            if self.faults.lock().full {
                return Err(StoreError::Full);
            }
            self.disk.engine.measure(taken).await?;
            arrived?;
            self.answer().await
        })
    }

    fn facts(&self, room: RoomId) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        Box::pin(async move {
            self.arrive().await?;
            self.disk.engine.facts(room).await
        })
    }

    fn deleted(&self, room: RoomId, places: Vec<Seq>) -> BoxFuture<'_, Result<Vec<Seq>, StoreError>> {
        Box::pin(async move {
            self.arrive().await?;
            self.disk.engine.deleted(room, places).await
        })
    }

    fn measures(
        &self,
        room: RoomId,
        before: Seq,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>> {
        Box::pin(async move {
            self.arrive().await?;
            self.disk.engine.measures(room, before, limit).await
        })
    }

    fn measures_about(
        &self,
        room: RoomId,
        user: UserId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>> {
        Box::pin(async move {
            self.arrive().await?;
            self.disk.engine.measures_about(room, user, limit).await
        })
    }
}

impl CheckpointStore for SimStore {
    fn load(&self, consumer: &str, partition: u32) -> BoxFuture<'_, Result<Option<Checkpoint>, StoreError>> {
        let consumer = consumer.to_owned();
        Box::pin(async move {
            self.arrive().await?;
            self.disk.engine.load(&consumer, partition).await
        })
    }

    fn save(&self, consumer: &str, partition: u32, at: Checkpoint) -> BoxFuture<'_, Result<(), StoreError>> {
        let consumer = consumer.to_owned();
        Box::pin(async move {
            self.arrive().await?;
            let before = self.disk.engine.load(&consumer, partition).await?;
            let before = before.unwrap_or_else(|| Checkpoint { offset: 0, ..at.clone() });
            self.disk.loose.lock().push((consumer.clone(), partition, before));
            self.disk.engine.save(&consumer, partition, at).await?;
            self.answer().await
        })
    }
}

/// Of accounts and sessions the connections only read.
impl AccountStore for SimStore {
    fn create(&self, account: Account) -> BoxFuture<'_, Result<Created, StoreError>> {
        self.disk.engine.create(account)
    }

    fn by_name(&self, username: &str) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.disk.engine.by_name(username)
    }

    fn by_id(&self, id: UserId) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        Box::pin(async move {
            self.arrive().await?;
            self.disk.engine.by_id(id).await
        })
    }

    fn update(
        &self,
        id: UserId,
        change: AccountChange,
    ) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.disk.engine.update(id, change)
    }
}

impl SessionStore for SimStore {
    fn open(&self, hash: TokenHash, token: RefreshToken) -> BoxFuture<'_, Result<(), StoreError>> {
        self.disk.engine.open(hash, token)
    }

    fn rotate(
        &self,
        hash: TokenHash,
        next: TokenHash,
        next_expires_at: Millis,
        now: Millis,
    ) -> BoxFuture<'_, Result<Spent, StoreError>> {
        self.disk.engine.rotate(hash, next, next_expires_at, now)
    }

    fn token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>> {
        Box::pin(async move {
            self.arrive().await?;
            self.disk.engine.token(hash).await
        })
    }

    fn revoke_family(&self, family: Family) -> BoxFuture<'_, Result<(), StoreError>> {
        self.disk.engine.revoke_family(family)
    }

    fn revoke_user(&self, user: UserId) -> BoxFuture<'_, Result<Vec<Family>, StoreError>> {
        self.disk.engine.revoke_user(user)
    }

    fn sweep(&self, now: Millis) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.disk.engine.sweep(now)
    }
}

// Nobody simulates what admins do.
chat_store::pass_on_run_time!(SimStore, |store| store.disk.engine);

impl Store for SimStore {
    fn healthy(&self) -> BoxFuture<'_, Result<(), String>> {
        let away = self.faults.lock().away;
        Box::pin(async move { if away { Err("out of reach".to_owned()) } else { Ok(()) } })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        // The disk stays open for the next life.
        self.disk.loose.lock().clear();
        Box::pin(std::future::ready(()))
    }
}
