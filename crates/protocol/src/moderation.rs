//! Bodies of the REST calls with which a room is kept civil. PROTOCOL section 2.

use crate::{
    frames::Role,
    ids::{MessageId, Seq, UserId},
    objects::{Message, User},
};
use serde::{Deserialize, Serialize};

/// Somebody, as a measure names them: the name is that of the time of the measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Person {
    /// For ever.
    pub id: UserId,
    /// Lower case.
    pub username: String,
}

/// `GET /rooms/{slug}/roles`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RolesAnswer {
    /// Everyone who is more than a viewer here: the broadcaster first, then moderators, then VIPs, each by name.
    pub roles: Vec<RoomRole>,
}

/// What somebody is in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomRole {
    /// Who.
    pub user: Person,
    /// What.
    pub role: Role,
}

/// `PUT /rooms/{slug}/bans/{username}`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BanBody {
    /// A timeout of so many seconds; a ban for ever where left out.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub duration_seconds: Option<u32>,
    /// For the user concerned and for the log.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub reason: Option<String>,
}

/// Why somebody may not write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ban {
    /// For ever where null.
    pub until: Option<u64>,
    /// If one was given.
    pub reason: Option<String>,
    /// Username of the moderator.
    pub by: String,
    /// When.
    pub at: u64,
}

/// `GET /rooms/{slug}/bans`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BansAnswer {
    /// By name; those whose time is over are not among them.
    pub bans: Vec<BannedUser>,
    /// For the page after this one (`?after=`); null at the end.
    pub next_after: Option<String>,
}

/// Somebody who may not write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BannedUser {
    /// Who.
    pub user: Person,
    /// Why and how long.
    #[serde(flatten)]
    pub ban: Ban,
}

/// `POST /rooms/{slug}/clear`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClearBody {
    /// Whose messages; everyone's where left out.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub username: Option<String>,
    /// For the log.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub reason: Option<String>,
}

/// `PATCH /rooms/{slug}/settings`: what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettingsBody {
    /// Seconds between two messages of one user; 0 switches it off.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub slow_mode_seconds: Option<u32>,
    /// Only emotes.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub emote_only: Option<bool>,
    /// No line twice.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub unique_chat: Option<bool>,
    /// Its name for people, 1 to 100 code points. For the broadcaster and admins.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub title: Option<String>,
    /// At most 300 code points. For the broadcaster and admins.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub description: Option<String>,
}

/// `PUT /rooms/{slug}/pinned`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PinBody {
    /// A message of this room.
    pub message_id: MessageId,
}

/// `POST /rooms/{slug}/blocked-phrases`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockedPhraseBody {
    /// What may not be said, in any case of letters.
    pub phrase: String,
    /// Is it a regular expression? Else it is a word or several, as they are.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub pattern: bool,
}

/// Something that may not be said in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockedPhrase {
    /// For `DELETE`.
    pub id: Seq,
    /// As it was given.
    pub phrase: String,
    /// Is it a regular expression?
    pub pattern: bool,
    /// Username of the moderator.
    pub by: String,
    /// When.
    pub at: u64,
}

/// `GET /rooms/{slug}/blocked-phrases`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockedPhrasesAnswer {
    /// Oldest first.
    pub phrases: Vec<BlockedPhrase>,
}

/// `GET /rooms/{slug}/users/{username}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserCard {
    /// Who.
    pub user: User,
    /// What they are here.
    pub role: Role,
    /// Null for who may write.
    pub banned: Option<Ban>,
    /// Their newest in this room, oldest first; without those that were taken away.
    pub messages: Vec<Message>,
    /// What was done about them here, newest first.
    pub measures: Vec<LogEntry>,
}

/// What a moderator can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ModerationAction {
    /// Took one message away.
    Delete,
    /// Took away a user's messages, or all.
    Clear,
    /// Took the right to write for a while.
    Timeout,
    /// Took it for ever.
    Ban,
    /// Gave it back.
    Unban,
    /// Made somebody something; `detail` says what.
    Role,
    /// Changed the room's rules; `detail` says how.
    Settings,
    /// Pinned a message.
    Pin,
    /// Took the pin away.
    Unpin,
    /// Blocked a phrase; `detail` says which.
    BlockPhrase,
    /// Allowed it again.
    UnblockPhrase,
}

impl ModerationAction {
    /// The stable word, as it stands in JSON and in metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Clear => "clear",
            Self::Timeout => "timeout",
            Self::Ban => "ban",
            Self::Unban => "unban",
            Self::Role => "role",
            Self::Settings => "settings",
            Self::Pin => "pin",
            Self::Unpin => "unpin",
            Self::BlockPhrase => "block_phrase",
            Self::UnblockPhrase => "unblock_phrase",
        }
    }
}

/// One line of a room's moderation log: who did what, when and why. Lines are never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogEntry {
    /// Its place in the room's order, that of the messages.
    pub id: Seq,
    /// When.
    pub at: u64,
    /// Username of who did it.
    pub moderator: String,
    /// What.
    pub action: ModerationAction,
    /// Username of whom it concerns.
    pub target: Option<String>,
    /// Of a timeout.
    pub duration_seconds: Option<u32>,
    /// If one was given.
    pub reason: Option<String>,
    /// The message it is about.
    pub message_id: Option<MessageId>,
    /// The rest, for people: the beginning of a deleted message, a role, a phrase, what was set.
    pub detail: Option<String>,
}

/// `GET /rooms/{slug}/moderation-log`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModerationLogAnswer {
    /// Newest first.
    pub entries: Vec<LogEntry>,
    /// For the page after this one (`?before=`); null at the beginning of the room.
    pub next_before: Option<Seq>,
}
