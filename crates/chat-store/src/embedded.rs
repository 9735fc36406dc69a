//! The engine for one machine: two files of the embedded database `redb` in one folder.
//!
//! ```text
//! accounts.redb   accounts, tokens, moderation, rooms, emotes   precious: back it up
//! messages.redb   rows, indices, checkpoints                    filled again from the log if it is lost
//! ```
//!
//! *Durability.* Every change is one transaction and is on the disk (fsync) before it is answered, with one exception:
//! `save`. A checkpoint is committed without waiting for the disk and becomes durable together with the next change of
//! `messages.redb`, or after [`SAVES_LOOSE_MAX`] saves, or at close. The database makes the commits of a file durable
//! in their order, so after a crash a checkpoint may be older than the rows, by one batch in the usual write-then-save
//! rhythm, and never newer. Rows are not written that loosely: what was answered would vanish if the file had to be
//! opened anew within one life of the process, and no consumer would know that it has to go back.
//!
//! *Damage.* Every row carries a CRC-32 of its key and its value, checked whenever it is read; the accounts are walked
//! through once when they are opened, and the pages of the messages are checked then. A panic of the database on a broken page is caught. All of this is
//! [`StoreError::Damaged`].
//!
//! *A full disk.* Changes that need room are refused as [`StoreError::Full`] while less than
//! [`Options::space_reserve_bytes`] are free; reads, expiry and revocations go on. If a write runs into the end of the
//! disk all the same, it is undone, answered [`StoreError::Full`], and the file is opened anew as soon as the reserve
//! is free again.
//!
//! *A failing disk.* After any other I/O error, above all a failed fsync, the file stays [`StoreError::Unavailable`]
//! until the process is started anew: what a second fsync would say cannot be trusted.
//!
//! Calls to the database run on tokio's blocking threads: one writer and at most [`READS_MAX`] readers a file. A
//! future that is dropped leaves its call running to its end. The module knows nothing of the log. Start with
//! [`EmbeddedStore`]; `file` holds what is said above, `messages`, `accounts`, `sessions` and
//! `moderation` hold the tables.

mod accounts;
mod backend;
mod error;
mod file;
mod messages;
mod moderation;
mod run_time;
mod sessions;

pub use error::OpenError;
pub use file::{READS_MAX, SAVES_LOOSE_MAX};

use crate::{
    AccountChange, AccountStore, BotStore, BoxFuture, Checkpoint, CheckpointStore, Created, EmoteStore, Mark,
    MessageStore, ModerationStore, PAGE_ROWS_MAX, Page, RoomChange, RoomStore, Row, SessionStore, Spent,
    Store, StoreError,
};
use chat::{
    account::{Account, BotToken, Family, RefreshToken, TokenHash},
    emotes::{Emote, EmoteId, EmoteName, Picture, Scope},
    message::Logged,
    moderation::{Taken, facts::Fact},
    rooms::KeptRoom,
    time::Millis,
};
use file::{DataFile, Done, Room};
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use std::{
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
    sync::Arc,
};

/// Rows or tokens that one transaction of an expiry or a sweep takes away, so that other writers get their turn.
const STEP_ROWS: usize = 1_000;

/// What an operator may want to change.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Memory for pages of `messages.redb`, in bytes. The default, 64 MiB, holds some 60,000 messages.
    pub messages_cache_bytes: usize,
    /// Memory for pages of `accounts.redb`, in bytes. The default, 16 MiB, holds 30,000 accounts.
    pub accounts_cache_bytes: usize,
    /// Changes that need room are refused while less than this is free on the disk, in bytes. The default is 32 MiB:
    /// what the largest expiry in flight and the log's last segment may still need.
    pub space_reserve_bytes: u64,
    /// Check all pages of `messages.redb` when it is opened: about a second a gigabyte from memory. Without it a page
    /// that the disk changed is still told when a row in it is read, but a row that can no longer be reached is missing
    /// without a word. On by default.
    pub check_pages: bool,
    #[cfg(test)]
    faults: Arc<backend::Faults>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            messages_cache_bytes: 64 * 1024 * 1024,
            accounts_cache_bytes: 16 * 1024 * 1024,
            space_reserve_bytes: 32 * 1024 * 1024,
            check_pages: true,
            #[cfg(test)]
            faults: Arc::default(),
        }
    }
}

/// A store in a folder of its own.
#[derive(Debug)]
pub struct EmbeddedStore {
    accounts: Arc<DataFile>,
    messages: Arc<DataFile>,
}

impl EmbeddedStore {
    /// Opens the store in this folder, which is made if it is not there; the folder and its files are for their owner
    /// only. Blocks; after a crash for as long as it takes to read the files through.
    ///
    /// # Errors
    /// [`OpenError`] names the path and what to do. Nothing that is not ours is changed.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let options = Arc::new(options);
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io)?;
        let file = |plan, name, cache_bytes| {
            DataFile::open(plan, path.join(name), cache_bytes, &options).map(Arc::new)
        };
        let accounts = file(&accounts::PLAN, "accounts.redb", options.accounts_cache_bytes)?;
        let messages = file(&messages::PLAN, "messages.redb", options.messages_cache_bytes)?;
        // New names are durable only with their folder.
        fs::File::open(path).and_then(|folder| folder.sync_all()).map_err(io)?;
        Ok(Self { accounts, messages })
    }
}

impl MessageStore for EmbeddedStore {
    fn write(&self, messages: Vec<Logged>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if messages.is_empty() {
                return self.messages.check().await;
            }
            self.keep(messages.iter().map(Row::from).collect(), None).await
        })
    }

    fn page(&self, room: RoomId, page: Page, limit: usize) -> BoxFuture<'_, Result<Vec<Logged>, StoreError>> {
        Box::pin(self.messages.read(move |txn| messages::page(txn, room, page, limit)))
    }

    fn message(&self, room: RoomId, id: MessageId) -> BoxFuture<'_, Result<Option<Logged>, StoreError>> {
        Box::pin(self.messages.read(move |txn| messages::message(txn, room, id)))
    }

    fn expire(&self, sent_before: Millis, rows_max: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(in_steps(rows_max, move |step| {
            self.messages
                .write(Room::Frees, move |txn| messages::expire(txn, sent_before, step).map(Done::some))
        }))
    }
}

impl ModerationStore for EmbeddedStore {
    fn measure(&self, taken: Vec<Taken>) -> BoxFuture<'_, Result<(), StoreError>> {
        // Measures are small and rare; the reserve holds many.
        Box::pin(self.accounts.write(Room::Needs(0), move |txn| moderation::write(txn, &taken)))
    }

    fn facts(&self, room: RoomId) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        Box::pin(self.accounts.read(move |txn| moderation::facts(txn, room)))
    }

    fn deleted(&self, room: RoomId, places: Vec<Seq>) -> BoxFuture<'_, Result<Vec<Seq>, StoreError>> {
        Box::pin(self.accounts.read(move |txn| moderation::deleted(txn, room, &places)))
    }

    fn measures(
        &self,
        room: RoomId,
        before: Seq,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>> {
        let limit = limit.min(PAGE_ROWS_MAX);
        Box::pin(self.accounts.read(move |txn| moderation::measures(txn, room, before, limit)))
    }

    fn measures_about(
        &self,
        room: RoomId,
        user: UserId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>> {
        let limit = limit.min(PAGE_ROWS_MAX);
        Box::pin(self.accounts.read(move |txn| moderation::about(txn, room, user, limit)))
    }
}

impl CheckpointStore for EmbeddedStore {
    fn load(&self, consumer: &str, partition: u32) -> BoxFuture<'_, Result<Option<Checkpoint>, StoreError>> {
        let consumer = consumer.to_owned();
        Box::pin(self.messages.read(move |txn| messages::load(txn, &consumer, partition)))
    }

    fn save(&self, consumer: &str, partition: u32, at: Checkpoint) -> BoxFuture<'_, Result<(), StoreError>> {
        let consumer = consumer.to_owned();
        Box::pin(self.messages.write(Room::Needs(0), move |txn| {
            messages::save(txn, &consumer, partition, &at).map(Done::Loosely)
        }))
    }
}

impl AccountStore for EmbeddedStore {
    fn create(&self, account: Account) -> BoxFuture<'_, Result<Created, StoreError>> {
        Box::pin(self.accounts.write(Room::Needs(0), move |txn| accounts::create(txn, &account)))
    }

    fn by_name(&self, username: &str) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        let name = username.to_ascii_lowercase();
        Box::pin(self.accounts.read(move |txn| accounts::by_name(txn, &name)))
    }

    fn by_id(&self, id: UserId) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        Box::pin(self.accounts.read(move |txn| accounts::by_id(txn, id)))
    }

    fn update(
        &self,
        id: UserId,
        change: AccountChange,
    ) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        Box::pin(self.accounts.write(Room::Needs(0), move |txn| accounts::update(txn, id, change)))
    }
}

impl SessionStore for EmbeddedStore {
    fn open(&self, hash: TokenHash, token: RefreshToken) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.accounts.write(Room::Needs(0), move |txn| sessions::open(txn, hash, token)))
    }

    fn rotate(
        &self,
        hash: TokenHash,
        next: TokenHash,
        next_expires_at: Millis,
        now: Millis,
    ) -> BoxFuture<'_, Result<Spent, StoreError>> {
        Box::pin(
            self.accounts
                .write(Room::Needs(0), move |txn| sessions::rotate(txn, hash, next, next_expires_at, now)),
        )
    }

    fn token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>> {
        Box::pin(self.accounts.read(move |txn| sessions::token(txn, hash)))
    }

    fn revoke_family(&self, family: Family) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.accounts.write(Room::Frees, move |txn| sessions::revoke_family(txn, family)))
    }

    fn revoke_user(&self, user: UserId) -> BoxFuture<'_, Result<Vec<Family>, StoreError>> {
        Box::pin(self.accounts.write(Room::Frees, move |txn| sessions::revoke_user(txn, user)))
    }

    fn sweep(&self, now: Millis) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(in_steps(usize::MAX, move |step| {
            self.accounts.write(Room::Frees, move |txn| sessions::sweep(txn, now, step).map(Done::some))
        }))
    }
}

impl EmoteStore for EmbeddedStore {
    fn put_emote(&self, emote: Emote, picture: Picture) -> BoxFuture<'_, Result<(), StoreError>> {
        let room = Room::Needs(picture.bytes.len() as u64);
        Box::pin(self.accounts.write(room, move |txn| run_time::put_emote(txn, &emote, &picture)))
    }

    fn remove_emote(&self, scope: Scope, name: EmoteName) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.accounts.write(Room::Frees, move |txn| run_time::remove_emote(txn, scope, &name)))
    }

    fn emotes(&self) -> BoxFuture<'_, Result<Vec<Emote>, StoreError>> {
        Box::pin(self.accounts.read(run_time::emotes))
    }

    fn picture(&self, id: EmoteId) -> BoxFuture<'_, Result<Option<Picture>, StoreError>> {
        Box::pin(self.accounts.read(move |txn| run_time::picture(txn, &id)))
    }
}

impl RoomStore for EmbeddedStore {
    fn create_room(&self, room: KeptRoom) -> BoxFuture<'_, Result<Created, StoreError>> {
        Box::pin(self.accounts.write(Room::Needs(0), move |txn| run_time::create_room(txn, &room)))
    }

    fn change_room(
        &self,
        slug: &str,
        change: RoomChange,
    ) -> BoxFuture<'_, Result<Option<KeptRoom>, StoreError>> {
        let slug = slug.to_owned();
        Box::pin(self.accounts.write(Room::Needs(0), move |txn| run_time::change_room(txn, &slug, change)))
    }

    fn rooms(&self) -> BoxFuture<'_, Result<Vec<KeptRoom>, StoreError>> {
        Box::pin(self.accounts.read(run_time::rooms))
    }
}

impl BotStore for EmbeddedStore {
    fn add_bot_token(&self, token: BotToken) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.accounts.write(Room::Needs(0), move |txn| run_time::add_bot_token(txn, &token)))
    }

    fn bot_token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<BotToken>, StoreError>> {
        Box::pin(self.accounts.read(move |txn| run_time::bot_token(txn, hash)))
    }

    fn bot_tokens(&self, user: UserId) -> BoxFuture<'_, Result<Vec<BotToken>, StoreError>> {
        Box::pin(self.accounts.read(move |txn| run_time::bot_tokens(txn, user)))
    }

    fn remove_bot_token(&self, user: UserId, family: Family) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.accounts.write(Room::Frees, move |txn| run_time::remove_bot_token(txn, user, family)))
    }
}

impl Store for EmbeddedStore {
    /// One transaction: the rows make it durable, a checkpoint alone does not.
    fn keep(&self, rows: Vec<Row>, mark: Option<Mark>) -> BoxFuture<'_, Result<(), StoreError>> {
        // Three tables, each with a path of pages that is written anew, and the row itself.
        let room = Room::Needs(rows.iter().map(|row| 1_024 + row.record.len() as u64).sum());
        Box::pin(self.messages.write(room, move |txn| {
            let done = if rows.is_empty() { Done::Loosely(()) } else { Done::Durably(()) };
            messages::write(txn, rows)?;
            if let Some(Mark { consumer, partition, at }) = mark {
                messages::save(txn, consumer, partition, &at)?;
            }
            Ok(done)
        }))
    }

    fn healthy(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            self.accounts.check().await.map_err(|error| error.to_string())?;
            self.messages.check().await.map_err(|error| error.to_string())
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.accounts.close().await;
            self.messages.close().await;
        })
    }
}

/// Repeats `step` with at most [`STEP_ROWS`] until `rows_max` are gone or a step takes less than it might.
async fn in_steps<F>(rows_max: usize, mut step: impl FnMut(usize) -> F + Send) -> Result<usize, StoreError>
where
    F: Future<Output = Result<usize, StoreError>> + Send,
{
    let mut gone = 0;
    loop {
        let most = STEP_ROWS.min(rows_max - gone);
        let now = step(most).await?;
        gone += now;
        if now < most || gone == rows_max {
            return Ok(gone);
        }
    }
}

#[cfg(test)]
mod tests;
