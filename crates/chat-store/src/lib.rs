//! Port 2: what is read back. Small traits, one per reader; an engine implements them all.
//!
//! The crate knows what a message is and nothing of sockets or HTTP. Start with the traits below; the engines are
//! [`memory`], [`embedded`] and (feature `cassandra`) `cassandra`, and `suite` (feature `suite`) holds the promises as tests that every engine passes.
//!
//! Rules for engines, beside what each method says:
//!
//! - a call that answers an error other than [`StoreError::Unavailable`] changed nothing;
//! - after `close` every call answers [`StoreError::Unavailable`];
//! - a future that is dropped half-way leaves the call done or not done, never half done (of `write` see there).

use bytes::Bytes;
use chat::{
    account::{Account, BotToken, Family, RefreshToken, TokenHash},
    emotes::{Emote, EmoteId, EmoteName, Picture, Scope},
    message::Logged,
    moderation::{Taken, facts::Fact},
    record::{self, Record},
    rooms::KeptRoom,
    time::Millis,
};
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use std::{collections::BTreeMap, future::Future, pin::Pin};

#[cfg(feature = "cassandra")]
pub mod cassandra;
pub mod embedded;
pub mod memory;
mod rows;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
mod wrapped;

/// A future in a box: the port is used as `Arc<dyn …>`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a call to the store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full; nothing was changed.
    #[error("no space left for the store")]
    Full,
    /// What was read cannot be trusted. It is told, never passed over.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The store is closed or out of reach. A write may or may not have happened.
    #[error("the store is not available: {0}")]
    Unavailable(String),
}

/// Most rows that one [`MessageStore::page`] gives, whatever limit was asked for: at up to 64 KiB a record 64 MiB at the
/// very worst, and well under 1 MB with messages as they are.
pub const PAGE_ROWS_MAX: usize = 1_000;

/// Which part of a room's history a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest.
    Latest,
    /// The newest that come before this one.
    Before(Seq),
    /// The oldest that come after this one.
    After(Seq),
}

/// A message as the log has it: the bytes of its record, and what they are filed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where.
    pub room: RoomId,
    /// Its place.
    pub seq: Seq,
    /// Of the message.
    pub id: MessageId,
    /// When it was accepted.
    pub sent_at: Millis,
    /// What [`chat::record`] reads as that message.
    pub record: Bytes,
}

impl From<&Logged> for Row {
    fn from(Logged { seq, message }: &Logged) -> Self {
        let record = record::encode_message(message).into();
        Self { room: message.room, seq: *seq, id: message.id, sent_at: message.sent_at, record }
    }
}

impl TryFrom<&Row> for Logged {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        match Record::decode(&row.record) {
            Ok(Record::Message(message)) => Ok(Self { seq: row.seq, message: *message }),
            Ok(Record::Measure(_)) => Err(StoreError::Damaged("a measure in a message's place".to_owned())),
            Err(error) => Err(StoreError::Damaged(error.to_string())),
        }
    }
}

/// The history of rooms. Rows are immutable and keyed by `(room, seq)`: writing a row again changes nothing, not even
/// if it says something else.
pub trait MessageStore: Send + Sync + 'static {
    /// Writes messages of any rooms, all or none. In an engine of many machines that is so of a small part of them: of
    /// each room's rows a beginning may be there when the call fails or is not done yet. Writing the same again mends it.
    fn write(&self, messages: Vec<Logged>) -> BoxFuture<'_, Result<(), StoreError>>;
    /// A page of a room's history, oldest first, at most `limit` and [`PAGE_ROWS_MAX`] long.
    fn page(&self, room: RoomId, page: Page, limit: usize) -> BoxFuture<'_, Result<Vec<Logged>, StoreError>>;
    /// One message of a room by its id. If an id stands at two places, it is the first of them.
    fn message(&self, room: RoomId, id: MessageId) -> BoxFuture<'_, Result<Option<Logged>, StoreError>>;
    /// Gives up messages sent before this time, at most about `rows_max` of them in one call; says how many went.
    /// Where messages go by themselves it does nothing and says 0.
    fn expire(&self, sent_before: Millis, rows_max: usize) -> BoxFuture<'_, Result<usize, StoreError>>;
}

/// What moderators did, and what is so because of it. Measures are kept for ever, in rows that are immutable and keyed by
/// `(room, seq)`; beside them stand the facts that follow from them, of each key the one with the latest place. So
/// writing a part of the log again changes nothing, even after a later part.
pub trait ModerationStore: Send + Sync + 'static {
    /// Writes measures of any rooms, with what follows from them. As with messages, a part may be there if it fails.
    fn measure(&self, taken: Vec<Taken>) -> BoxFuture<'_, Result<(), StoreError>>;
    /// All facts of a room except deletions of single messages, in any order.
    fn facts(&self, room: RoomId) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>>;
    /// Which of these places hold a message that was deleted by itself; at most [`PAGE_ROWS_MAX`] are asked for.
    fn deleted(&self, room: RoomId, places: Vec<Seq>) -> BoxFuture<'_, Result<Vec<Seq>, StoreError>>;
    /// The newest measures of a room before a place, newest first, at most `limit` and [`PAGE_ROWS_MAX`].
    fn measures(
        &self,
        room: RoomId,
        before: Seq,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>>;
    /// The newest of those that concern a user.
    fn measures_about(
        &self,
        room: RoomId,
        user: UserId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>>;
}

/// What came of [`AccountStore::create`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there, durably.
    Yes,
    /// Somebody else has that name.
    NameTaken,
}

/// The accounts. Names are unique; every change is durable before it is answered.
pub trait AccountStore: Send + Sync + 'static {
    /// Adds an account if its name is free in any case of letters (two at once: exactly one wins). An id that is in
    /// use changes nothing and is told as [`StoreError::Unavailable`].
    fn create(&self, account: Account) -> BoxFuture<'_, Result<Created, StoreError>>;
    /// Finds an account by its name, in any case of letters.
    fn by_name(&self, username: &str) -> BoxFuture<'_, Result<Option<Account>, StoreError>>;
    /// Finds an account by its id.
    fn by_id(&self, id: UserId) -> BoxFuture<'_, Result<Option<Account>, StoreError>>;
    /// Changes what is `Some`; answers the account as it is now, or `None` if there is none.
    fn update(&self, id: UserId, change: AccountChange)
    -> BoxFuture<'_, Result<Option<Account>, StoreError>>;
}

/// What [`AccountStore::update`] changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// New display name.
    pub display_name: Option<String>,
    /// New colour.
    pub color: Option<String>,
    /// New PHC string.
    pub password_hash: Option<String>,
    /// Admin or not.
    pub admin: Option<bool>,
}

impl AccountChange {
    /// Makes the change.
    pub(crate) fn apply(self, account: &mut Account) {
        let Self { display_name, color, password_hash, admin } = self;
        let set = |field: &mut String, new: Option<String>| {
            if let Some(new) = new {
                *field = new;
            }
        };
        set(&mut account.display_name, display_name);
        set(&mut account.color, color);
        set(&mut account.password_hash, password_hash);
        account.admin = admin.unwrap_or(account.admin);
    }
}

/// The answer to a new account whose id is not new.
fn id_in_use(id: UserId) -> StoreError {
    StoreError::Unavailable(format!("the user id {id} is in use"))
}

/// The answer to a new token whose hash is not new.
fn hash_in_use() -> StoreError {
    StoreError::Unavailable("the hash of the new refresh token is in use".to_owned())
}

/// What came of spending a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It was good; now it is spent and this one, the next, stands in its place.
    Now(RefreshToken),
    /// It, given here as it was kept, was spent before: someone has a copy. Its whole family is revoked now.
    Reused(RefreshToken),
    /// Not known (or revoked), or past its time.
    Unknown,
}

/// The refresh tokens. Every change is durable before it is answered.
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps the first token of a log-in. Doing it again with the same token changes nothing; a hash that stands for
    /// another token is refused as [`StoreError::Unavailable`], here and in `rotate`.
    fn open(&self, hash: TokenHash, token: RefreshToken) -> BoxFuture<'_, Result<(), StoreError>>;
    /// In one step: marks `hash` spent and keeps `next` for the same user and family, good until `next_expires_at`.
    /// A token that was spent before revokes its family, unless `next` is the good token that followed: that is the same
    /// step again, asked for by one who did not hear of its end, and answered as the first time. A token is past its time
    /// at `expires_at` itself, and then it is unknown whether it was spent or not.
    fn rotate(
        &self,
        hash: TokenHash,
        next: TokenHash,
        next_expires_at: Millis,
        now: Millis,
    ) -> BoxFuture<'_, Result<Spent, StoreError>>;
    /// The token as it is kept, spent or not.
    fn token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>>;
    /// Ends one log-in: all tokens of the family are forgotten.
    fn revoke_family(&self, family: Family) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Ends all log-ins of a user; says which families went, in order.
    fn revoke_user(&self, user: UserId) -> BoxFuture<'_, Result<Vec<Family>, StoreError>>;
    /// Forgets tokens that are past their time; says how many. Where they go by themselves it does nothing and says 0.
    fn sweep(&self, now: Millis) -> BoxFuture<'_, Result<usize, StoreError>>;
}

/// How far a consumer of the log has come. `epoch` and `offset` are the log's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Identity of the log.
    pub epoch: String,
    /// Everything up to and including this offset is done.
    pub offset: u64,
}

/// A checkpoint with what it is kept under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The consumer's name.
    pub consumer: &'static str,
    /// Of the log.
    pub partition: u32,
    /// How far it has come.
    pub at: Checkpoint,
}

/// Where the consumers of the log stand.
pub trait CheckpointStore: Send + Sync + 'static {
    /// Where `consumer` stands in `partition`.
    fn load(&self, consumer: &str, partition: u32) -> BoxFuture<'_, Result<Option<Checkpoint>, StoreError>>;
    /// Moves it. After a crash an older checkpoint may be read again, never a newer one than the writes before it.
    fn save(&self, consumer: &str, partition: u32, at: Checkpoint) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Which life each of the store's servers is in, by a name of the server: another number after it was started anew, when
    /// it may lack the newest of what it took. Of a server that cannot be asked nothing is said. Empty where nothing that was
    /// taken is ever lost.
    fn lives(&self) -> BoxFuture<'_, Result<BTreeMap<String, i64>, StoreError>> {
        Box::pin(std::future::ready(Ok(BTreeMap::new())))
    }
}

/// Most emotes that a store keeps the names of, in all rooms together. Every node holds them all, at some 200 bytes each:
/// 2 MB.
pub const EMOTES_MAX: usize = 10_000;
/// Most rooms that a store keeps, those closed among them. Every node holds them all.
pub const ROOMS_MAX: usize = 10_000;
/// Most tokens of one bot.
pub const BOT_TOKENS_MAX: usize = 32;

/// The emotes that were uploaded, and their pictures. Pictures are kept for ever: old messages show them.
pub trait EmoteStore: Send + Sync + 'static {
    /// Keeps the picture under the emote's id, then the emote under its scope and name, in place of one that has them. A
    /// picture that is there is not written over. [`StoreError::Full`] if there are [`EMOTES_MAX`] others.
    fn put_emote(&self, emote: Emote, picture: Picture) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Takes a name away; the picture stays. `false` if there was no such name.
    fn remove_emote(&self, scope: Scope, name: EmoteName) -> BoxFuture<'_, Result<bool, StoreError>>;
    /// All of them, by scope and name.
    fn emotes(&self) -> BoxFuture<'_, Result<Vec<Emote>, StoreError>>;
    /// A picture by its id.
    fn picture(&self, id: EmoteId) -> BoxFuture<'_, Result<Option<Picture>, StoreError>>;
}

/// What [`RoomStore::change_room`] changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomChange {
    /// New title.
    pub title: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// Close it or open it again.
    pub archived: Option<bool>,
}

impl RoomChange {
    /// Makes the change.
    pub fn apply(self, room: &mut KeptRoom) {
        let Self { title, description, archived } = self;
        if let Some(title) = title {
            room.definition.title = title;
        }
        if let Some(description) = description {
            room.definition.description = description;
        }
        room.archived = archived.unwrap_or(room.archived);
    }
}

/// The rooms that were made or changed at run time. A room's id, style and partition never change.
pub trait RoomStore: Send + Sync + 'static {
    /// Keeps a new room if its slug is free; two at once: exactly one wins. [`StoreError::Full`] at [`ROOMS_MAX`].
    fn create_room(&self, room: KeptRoom) -> BoxFuture<'_, Result<Created, StoreError>>;
    /// Changes what is `Some`; answers the room as it is now, or `None` if there is none.
    fn change_room(
        &self,
        slug: &str,
        change: RoomChange,
    ) -> BoxFuture<'_, Result<Option<KeptRoom>, StoreError>>;
    /// All of them, by slug.
    fn rooms(&self) -> BoxFuture<'_, Result<Vec<KeptRoom>, StoreError>>;
}

/// The tokens of bots, by their hashes. Every change is durable before it is answered.
pub trait BotStore: Send + Sync + 'static {
    /// Keeps a new token. Doing it again changes nothing.
    fn add_bot_token(&self, token: BotToken) -> BoxFuture<'_, Result<(), StoreError>>;
    /// The token of this hash.
    fn bot_token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<BotToken>, StoreError>>;
    /// All tokens of a bot, oldest first.
    fn bot_tokens(&self, user: UserId) -> BoxFuture<'_, Result<Vec<BotToken>, StoreError>>;
    /// Takes one away; `false` if the bot has no such token.
    fn remove_bot_token(&self, user: UserId, family: Family) -> BoxFuture<'_, Result<bool, StoreError>>;
}

/// What every engine offers besides its readers' traits.
pub trait Store:
    MessageStore
    + ModerationStore
    + AccountStore
    + SessionStore
    + CheckpointStore
    + EmoteStore
    + RoomStore
    + BotStore
{
    /// What the persister does with each part of the log: as [`MessageStore::write`] of these messages and then
    /// [`CheckpointStore::save`] of the mark. An engine may do both in one step, and keep the records as they are.
    fn keep(&self, rows: Vec<Row>, mark: Option<Mark>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if !rows.is_empty() {
                self.write(rows.iter().map(Logged::try_from).collect::<Result<_, _>>()?).await?;
            }
            match mark {
                Some(Mark { consumer, partition, at }) => self.save(consumer, partition, at).await,
                None => Ok(()),
            }
        })
    }
    /// Can it answer now? The text names what is wrong.
    fn healthy(&self) -> BoxFuture<'_, Result<(), String>>;
    /// Makes everything durable and lets go of files. Idempotent.
    fn close(&self) -> BoxFuture<'_, ()>;
}
