//! The engine over Apache Cassandra, for many processes at once. Needs the feature `cassandra`, and `cassandra-tls` for TLS.
//!
//! `docs/decisions/0006-cassandra.md` says why the tables are as they are, and `migrations/` how. What differs from the
//! engines of one machine:
//!
//! - *A write of messages is not all or none.* A batch of up to 200 rows of a room is; of a longer write, readers and
//!   crashes see a beginning of each room's rows. Whoever gets an error writes the same again.
//! - *Expiry is TTL.* Messages go [`Options::message_retention`] after the time in their record and tokens a day after
//!   they were good; `expire` and `sweep` have nothing to do and say 0.
//! - *Unavailable means perhaps.* A change may have happened. Where the answer is a decision (a name, a token) it is
//!   first asked at LOCAL_SERIAL what came of it.
//!
//! Everything is read and written at LOCAL_QUORUM: with a replication of 3 one node may be gone. The driver connects
//! anew by itself. Start with [`CassandraStore`]; `messages` and `pages` hold the history, `moderation` what
//! moderators did, `accounts` and `sessions` the rest, `client` the connections, `migrations` the schema.

mod accounts;
mod client;
mod error;
mod expiry;
mod lives;
mod messages;
mod migrations;
mod moderation;
mod pages;
mod run_time;
mod sessions;
mod statements;

pub use error::{MigrateError, OpenError};
pub use messages::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, BUCKET_PLACES};
pub use migrations::{Applied, migrate};

use crate::{
    AccountChange, AccountStore, BotStore, BoxFuture, Checkpoint, CheckpointStore, Created, EmoteStore, Mark,
    MessageStore, ModerationStore, Page, RoomChange, RoomStore, Row, SessionStore, Spent, Store, StoreError,
};
use chat::{
    account::{Account, BotToken, Family, RefreshToken, TokenHash},
    emotes::{Emote, EmoteId, EmoteName, Picture, Scope},
    message::Logged,
    moderation::{Taken, facts::Fact},
    rooms::KeptRoom,
    time::Millis,
};
use client::Client;
use parking_lot::RwLock;
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use statements::Statements;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// Longest name of a keyspace.
const KEYSPACE_LEN_MAX: usize = 48;
/// A database that does not answer a simple question for so long is not healthy.
const HEALTHY_WITHIN: Duration = Duration::from_secs(2);

/// Where the database is and how it is used.
#[derive(Clone)]
pub struct Options {
    /// Nodes to start from, as `host:port` or `host` (then the port is 9042); the others are found through them.
    pub nodes: Vec<String>,
    /// Holds the tables: a letter, then letters, digits and `_`, all in lower case.
    pub keyspace: String,
    /// Copies of each row in the datacenter. Only used when [`migrate`] makes the keyspace.
    pub replication: u32,
    /// The datacenter that is near. Needed if there are several.
    pub datacenter: Option<String>,
    /// User name, if the database asks for one.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// Whether to use TLS.
    pub tls: Option<Tls>,
    /// How long after the time in their record messages are kept; `None`: for ever. A row keeps what was set when it was
    /// written.
    pub message_retention: Option<Duration>,
    /// How long one request may take, with all its retries. What takes longer is [`StoreError::Unavailable`].
    pub request_timeout: Duration,
}

/// How the database is told from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates that may sign the database's, a PEM file; `None`: those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

impl Options {
    /// One copy, no user, no TLS, messages for ever, five seconds for a request.
    #[must_use]
    pub fn new(nodes: impl IntoIterator<Item = impl Into<String>>, keyspace: impl Into<String>) -> Self {
        Self {
            nodes: nodes.into_iter().map(Into::into).collect(),
            keyspace: keyspace.into(),
            replication: 1,
            datacenter: None,
            username: None,
            password: None,
            tls: None,
            message_retention: None,
            request_timeout: Duration::from_secs(5),
        }
    }

    /// What is wrong with them by themselves. The name of the keyspace becomes part of statements.
    fn check(&self) -> Result<(), OpenError> {
        let refuse = |what: String| Err(OpenError::Config(format!("Cassandra: {what}")));
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.nodes.iter().all(|node| node.trim().is_empty()) {
            return refuse("no nodes are named".to_owned());
        }
        if !self.keyspace.starts_with(|c: char| c.is_ascii_lowercase())
            || !self.keyspace.chars().all(word)
            || self.keyspace.len() > KEYSPACE_LEN_MAX
        {
            return refuse(format!(
                "{:?} is no name for a keyspace: a letter, then letters, digits and _, in lower case, at most {KEYSPACE_LEN_MAX}",
                self.keyspace
            ));
        }
        if self.replication == 0 {
            return refuse("a replication of 0 keeps nothing".to_owned());
        }
        if self.password.is_some() && self.username.is_none() {
            return refuse("there is a password and no user name".to_owned());
        }
        Ok(())
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("nodes", &self.nodes)
            .field("keyspace", &self.keyspace)
            .field("replication", &self.replication)
            .field("datacenter", &self.datacenter)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("tls", &self.tls)
            .field("message_retention", &self.message_retention)
            .field("request_timeout", &self.request_timeout)
            .finish()
    }
}

/// A store in a keyspace, shared with the other processes of the cluster.
pub struct CassandraStore {
    options: Options,
    /// `None` once the store is closed.
    client: RwLock<Option<Arc<Client>>>,
    rooms: Arc<messages::Rooms>,
}

impl std::fmt::Debug for CassandraStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CassandraStore").field("options", &self.options).finish_non_exhaustive()
    }
}

impl CassandraStore {
    /// Connects, and looks whether the tables are those of this program; changes nothing.
    ///
    /// # Errors
    /// [`OpenError`] says what to do.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let session = client::connect(&options, Some(&options.keyspace)).await?;
        migrations::check(&session, &options).await?;
        let statements = Statements::prepare(&session, &options.keyspace)
            .await
            .map_err(|error| error::not_prepared(&options.nodes, error))?;
        let client = Client::new(session, statements, options.request_timeout);
        Ok(Self { options, client: RwLock::new(Some(Arc::new(client))), rooms: Arc::default() })
    }

    fn client(&self) -> Result<Arc<Client>, StoreError> {
        self.client.read().clone().ok_or_else(|| StoreError::Unavailable("closed".to_owned()))
    }

    /// Reads; may be dropped at any time.
    fn read<'a, T, F>(
        &'a self,
        call: impl FnOnce(Arc<Client>) -> F + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        Box::pin(async move { call(self.client()?).await })
    }

    /// Changes something in several steps, and goes on to the end if its caller does not wait for it.
    fn change<'a, T, F>(
        &'a self,
        call: impl FnOnce(Arc<Client>) -> F + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        Box::pin(async move {
            let task = tokio::spawn(call(self.client()?));
            task.await
                .unwrap_or_else(|ended| Err(StoreError::Unavailable(format!("a call was ended: {ended}"))))
        })
    }
}

impl MessageStore for CassandraStore {
    fn write(&self, messages: Vec<Logged>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.keep(messages.iter().map(Row::from).collect(), None)
    }

    fn page(&self, room: RoomId, page: Page, limit: usize) -> BoxFuture<'_, Result<Vec<Logged>, StoreError>> {
        self.read(move |client| async move { pages::page(&client, room, page, limit).await })
    }

    fn message(&self, room: RoomId, id: MessageId) -> BoxFuture<'_, Result<Option<Logged>, StoreError>> {
        self.read(move |client| async move { pages::message(&client, room, id).await })
    }

    /// Messages go by themselves: always 0.
    fn expire(&self, _: Millis, _: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.read(|_| async { Ok(0) })
    }
}

impl ModerationStore for CassandraStore {
    fn measure(&self, taken: Vec<Taken>) -> BoxFuture<'_, Result<(), StoreError>> {
        let retention = self.options.message_retention;
        self.change(move |client| async move { moderation::write(&client, taken, retention).await })
    }

    fn facts(&self, room: RoomId) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        self.read(move |client| async move { moderation::facts(&client, room).await })
    }

    fn deleted(&self, room: RoomId, places: Vec<Seq>) -> BoxFuture<'_, Result<Vec<Seq>, StoreError>> {
        self.read(move |client| async move { moderation::deleted(&client, room, places).await })
    }

    fn measures(
        &self,
        room: RoomId,
        before: Seq,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>> {
        self.read(move |client| async move { moderation::measures(&client, room, before, limit).await })
    }

    fn measures_about(
        &self,
        room: RoomId,
        user: UserId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>> {
        self.read(move |client| async move { moderation::about(&client, room, user, limit).await })
    }
}

impl AccountStore for CassandraStore {
    fn create(&self, account: Account) -> BoxFuture<'_, Result<Created, StoreError>> {
        self.change(move |client| async move { accounts::create(&client, account).await })
    }

    fn by_name(&self, username: &str) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        let username = username.to_owned();
        self.read(move |client| async move { accounts::by_name(&client, &username).await })
    }

    fn by_id(&self, id: UserId) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.read(move |client| async move { accounts::by_id(&client, id).await })
    }

    fn update(
        &self,
        id: UserId,
        change: AccountChange,
    ) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.change(move |client| async move { accounts::update(&client, id, change).await })
    }
}

impl SessionStore for CassandraStore {
    fn open(&self, hash: TokenHash, token: RefreshToken) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |client| async move { sessions::open(&client, hash, token).await })
    }

    fn rotate(
        &self,
        hash: TokenHash,
        next: TokenHash,
        next_expires_at: Millis,
        now: Millis,
    ) -> BoxFuture<'_, Result<Spent, StoreError>> {
        self.change(
            move |client| async move { sessions::rotate(&client, hash, next, next_expires_at, now).await },
        )
    }

    fn token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>> {
        self.read(move |client| async move { sessions::token(&client, hash).await })
    }

    fn revoke_family(&self, family: Family) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |client| async move { sessions::revoke_family(&client, family).await })
    }

    fn revoke_user(&self, user: UserId) -> BoxFuture<'_, Result<Vec<Family>, StoreError>> {
        self.change(move |client| async move { sessions::revoke_user(&client, user).await })
    }

    /// Tokens go by themselves: always 0.
    fn sweep(&self, _: Millis) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.read(|_| async { Ok(0) })
    }
}

impl CheckpointStore for CassandraStore {
    fn load(&self, consumer: &str, partition: u32) -> BoxFuture<'_, Result<Option<Checkpoint>, StoreError>> {
        let consumer = consumer.to_owned();
        self.read(move |client| async move { accounts::load(&client, &consumer, partition).await })
    }

    fn save(&self, consumer: &str, partition: u32, at: Checkpoint) -> BoxFuture<'_, Result<(), StoreError>> {
        let consumer = consumer.to_owned();
        self.read(move |client| async move { accounts::save(&client, &consumer, partition, &at).await })
    }

    fn lives(&self) -> BoxFuture<'_, Result<BTreeMap<String, i64>, StoreError>> {
        self.read(|client| async move { lives::lives(&client).await })
    }
}

impl EmoteStore for CassandraStore {
    fn put_emote(&self, emote: Emote, picture: Picture) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |client| async move { run_time::put_emote(&client, emote, picture).await })
    }

    fn remove_emote(&self, scope: Scope, name: EmoteName) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.change(move |client| async move { run_time::remove_emote(&client, scope, name).await })
    }

    fn emotes(&self) -> BoxFuture<'_, Result<Vec<Emote>, StoreError>> {
        self.read(|client| async move { run_time::emotes(&client).await })
    }

    fn picture(&self, id: EmoteId) -> BoxFuture<'_, Result<Option<Picture>, StoreError>> {
        self.read(move |client| async move { run_time::picture(&client, &id).await })
    }
}

impl RoomStore for CassandraStore {
    fn create_room(&self, room: KeptRoom) -> BoxFuture<'_, Result<Created, StoreError>> {
        self.change(move |client| async move { run_time::create_room(&client, room).await })
    }

    fn change_room(
        &self,
        slug: &str,
        change: RoomChange,
    ) -> BoxFuture<'_, Result<Option<KeptRoom>, StoreError>> {
        let slug = slug.to_owned();
        self.change(move |client| async move { run_time::change_room(&client, &slug, change).await })
    }

    fn rooms(&self) -> BoxFuture<'_, Result<Vec<KeptRoom>, StoreError>> {
        self.read(|client| async move { run_time::rooms(&client).await })
    }
}

impl BotStore for CassandraStore {
    fn add_bot_token(&self, token: BotToken) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |client| async move { run_time::add_bot_token(&client, token).await })
    }

    fn bot_token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<BotToken>, StoreError>> {
        self.read(move |client| async move { run_time::bot_token_of_hash(&client, hash).await })
    }

    fn bot_tokens(&self, user: UserId) -> BoxFuture<'_, Result<Vec<BotToken>, StoreError>> {
        self.read(move |client| async move { run_time::bot_tokens(&client, user).await })
    }

    fn remove_bot_token(&self, user: UserId, family: Family) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.change(move |client| async move { run_time::remove_bot_token(&client, user, family).await })
    }
}

impl Store for CassandraStore {
    fn keep(&self, rows: Vec<Row>, mark: Option<Mark>) -> BoxFuture<'_, Result<(), StoreError>> {
        let (rooms, retention) = (Arc::clone(&self.rooms), self.options.message_retention);
        self.change(move |client| async move {
            messages::write(&client, &rooms, rows, retention).await?;
            match mark {
                Some(Mark { consumer, partition, at }) => {
                    accounts::save(&client, consumer, partition, &at).await
                }
                None => Ok(()),
            }
        })
    }

    /// Reads a row at LOCAL_QUORUM.
    fn healthy(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let client = self.client().map_err(|error| error.to_string())?;
            match tokio::time::timeout(HEALTHY_WITHIN, accounts::load(&client, "healthy", 0)).await {
                Ok(answer) => answer.map(drop).map_err(|error| error.to_string()),
                Err(_) => Err(format!("Cassandra did not answer within {} s", HEALTHY_WITHIN.as_secs())),
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        drop(self.client.write().take());
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests;
