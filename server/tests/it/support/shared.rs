//! Engines that several servers of one test share, as they would share Kafka and Cassandra: a server that stops closes
//! its own way to them and nothing else.

use chat::{
    account::{Account, Family, RefreshToken, TokenHash},
    message::Logged,
    moderation::{Taken, facts::Fact},
    time::Millis,
};
use chat_store::{
    AccountChange, AccountStore, Checkpoint, CheckpointStore, Created, MessageStore, ModerationStore, Page,
    SessionStore, Spent, Store, StoreError, memory::MemoryStore,
};
use event_log::{
    AllPartitions, Append, AppendError, Bounds, BoxFuture, Epoch, EventLog, Membership, Offset, Partition,
    ReadError, Record, memory::MemoryLog,
};
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use server::{
    compose::engines::Engines,
    nodes::{self, NodesLog},
};
use std::sync::Arc;
use tokio::sync::watch;

/// What the servers share.
#[derive(Clone)]
pub(crate) struct Shared {
    log: Arc<MemoryLog>,
    pub(crate) nodes: Arc<MemoryLog>,
    store: Arc<MemoryStore>,
}

impl Shared {
    pub(crate) fn new(partitions: u32) -> Self {
        Self {
            log: Arc::new(MemoryLog::new(partitions)),
            nodes: Arc::new(MemoryLog::new(nodes::PARTITIONS)),
            store: Arc::default(),
        }
    }

    /// Makes somebody an admin, as the command line does.
    pub(crate) async fn promote(&self, user: UserId) {
        let change = AccountChange { admin: Some(true), ..AccountChange::default() };
        self.store.update(user, change).await.expect("the store in memory").expect("the account is there");
    }

    /// One server's way to them.
    pub(crate) fn engines(&self) -> Engines {
        let nodes = self.nodes.clone();
        Engines {
            log: Arc::new(SharedLog::new(self.log.clone())),
            store: Arc::new(SharedStore(self.store.clone())),
            nodes: Some(NodesLog {
                log: Arc::new(SharedLog::new(nodes.clone())),
                reopen: Box::new(move || {
                    let log: Arc<dyn EventLog> = Arc::new(SharedLog::new(nodes.clone()));
                    Box::pin(async { Ok(log) })
                }),
            }),
        }
    }
}

struct SharedLog {
    log: Arc<MemoryLog>,
    closed: watch::Sender<bool>,
}

impl SharedLog {
    fn new(log: Arc<MemoryLog>) -> Self {
        Self { log, closed: watch::Sender::new(false) }
    }

    fn open(&self) -> Result<&MemoryLog, String> {
        if *self.closed.borrow() { Err("the log is closed".to_owned()) } else { Ok(&self.log) }
    }
}

impl EventLog for SharedLog {
    fn is_shared(&self) -> bool {
        true
    }

    fn join_group(&self, _group: &str) -> Box<dyn Membership> {
        Box::new(AllPartitions::new(self.partitions(), Some(self.closed.subscribe())))
    }

    fn partitions(&self) -> u32 {
        self.log.partitions()
    }

    fn epoch(&self, partition: Partition) -> Result<Epoch, ReadError> {
        self.log.epoch(partition)
    }

    fn bounds(&self, partition: Partition) -> Result<Bounds, ReadError> {
        self.log.bounds(partition)
    }

    fn append(&self, partition: Partition, payload: bytes::Bytes) -> Result<Append, AppendError> {
        self.open().map_err(AppendError::Unavailable)?.append(partition, payload)
    }

    fn read(
        &self,
        partition: Partition,
        after: Offset,
        records_max: usize,
        bytes_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Record>, ReadError>> {
        match self.open() {
            Ok(log) => log.read(partition, after, records_max, bytes_max),
            Err(why) => Box::pin(async { Err(ReadError::Unavailable(why)) }),
        }
    }

    fn wait_past(&self, partition: Partition, offset: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        let mut closed = self.closed.subscribe();
        Box::pin(async move {
            tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => {
                    Err(ReadError::Unavailable("the log is closed".to_owned()))
                }
                past = self.log.wait_past(partition, offset) => past,
            }
        })
    }

    fn trim(&self, partition: Partition, up_to: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        self.log.trim(partition, up_to)
    }

    fn healthy(&self) -> Result<(), String> {
        self.open()?.healthy()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.closed.send_replace(true);
        Box::pin(async {})
    }
}

/// The store; nobody closes it.
struct SharedStore(Arc<MemoryStore>);

impl MessageStore for SharedStore {
    fn write(&self, messages: Vec<Logged>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.write(messages)
    }

    fn page(&self, room: RoomId, page: Page, limit: usize) -> BoxFuture<'_, Result<Vec<Logged>, StoreError>> {
        self.0.page(room, page, limit)
    }

    fn message(&self, room: RoomId, id: MessageId) -> BoxFuture<'_, Result<Option<Logged>, StoreError>> {
        self.0.message(room, id)
    }

    fn expire(&self, sent_before: Millis, rows_max: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.0.expire(sent_before, rows_max)
    }
}

impl ModerationStore for SharedStore {
    fn measure(&self, taken: Vec<Taken>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.measure(taken)
    }

    fn facts(&self, room: RoomId) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        self.0.facts(room)
    }

    fn deleted(&self, room: RoomId, places: Vec<Seq>) -> BoxFuture<'_, Result<Vec<Seq>, StoreError>> {
        self.0.deleted(room, places)
    }

    fn measures(
        &self,
        room: RoomId,
        before: Seq,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>> {
        self.0.measures(room, before, limit)
    }

    fn measures_about(
        &self,
        room: RoomId,
        user: UserId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>> {
        self.0.measures_about(room, user, limit)
    }
}

impl AccountStore for SharedStore {
    fn create(&self, account: Account) -> BoxFuture<'_, Result<Created, StoreError>> {
        self.0.create(account)
    }

    fn by_name(&self, username: &str) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.0.by_name(username)
    }

    fn by_id(&self, id: UserId) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.0.by_id(id)
    }

    fn update(
        &self,
        id: UserId,
        change: AccountChange,
    ) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.0.update(id, change)
    }
}

impl SessionStore for SharedStore {
    fn open(&self, hash: TokenHash, token: RefreshToken) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.open(hash, token)
    }

    fn rotate(
        &self,
        hash: TokenHash,
        next: TokenHash,
        next_expires_at: Millis,
        now: Millis,
    ) -> BoxFuture<'_, Result<Spent, StoreError>> {
        self.0.rotate(hash, next, next_expires_at, now)
    }

    fn token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>> {
        self.0.token(hash)
    }

    fn revoke_family(&self, family: Family) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.revoke_family(family)
    }

    fn revoke_user(&self, user: UserId) -> BoxFuture<'_, Result<Vec<Family>, StoreError>> {
        self.0.revoke_user(user)
    }

    fn sweep(&self, now: Millis) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.0.sweep(now)
    }
}

impl CheckpointStore for SharedStore {
    fn load(&self, consumer: &str, partition: u32) -> BoxFuture<'_, Result<Option<Checkpoint>, StoreError>> {
        self.0.load(consumer, partition)
    }

    fn save(&self, consumer: &str, partition: u32, at: Checkpoint) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.save(consumer, partition, at)
    }
}

chat_store::pass_on_run_time!(SharedStore, |store| *store.0);

impl Store for SharedStore {
    fn healthy(&self) -> BoxFuture<'_, Result<(), String>> {
        self.0.healthy()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
