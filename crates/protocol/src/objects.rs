//! The things the protocol speaks of: users, rooms, messages. PROTOCOL section 1.

use crate::ids::{MessageId, RoomId, Seq, UserId};
use serde::{Deserialize, Serialize};

fn is_false(b: &bool) -> bool {
    !*b
}
fn is_true(b: &bool) -> bool {
    *b
}
fn yes() -> bool {
    true
}

/// A registered user as everyone may see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// For ever.
    pub id: UserId,
    /// Lower case, `[a-z0-9_]{3,25}`.
    pub username: String,
    /// The same letters in any case.
    pub display_name: String,
    /// `#RRGGBB`.
    pub color: String,
    /// Milliseconds since the Unix epoch.
    pub created_at: u64,
    /// May do everything; left out when false.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub admin: bool,
    /// Is a program; left out when false.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub bot: bool,
}

/// What a user is in a room; shown beside the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Badge {
    /// Owns the room.
    Broadcaster,
    /// Keeps it civil.
    Moderator,
    /// Is dear to it.
    Vip,
    /// Was there from the start.
    Founder,
    /// Is a program.
    Bot,
}

/// The author of a message, as of the moment of writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Author {
    /// For ever.
    pub id: UserId,
    /// Lower case.
    pub username: String,
    /// As shown.
    pub display_name: String,
    /// `#RRGGBB`.
    pub color: String,
    /// In frames left out when empty.
    #[serde(default)]
    pub badges: Vec<Badge>,
}

/// A picture in a text: Unicode code points, `end` inclusive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EmoteRange {
    /// Of the emote.
    pub id: String,
    /// The word it stands for.
    pub name: String,
    /// First code point.
    pub start: u32,
    /// Last code point.
    pub end: u32,
}

/// The message that another one answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplyTo {
    /// Which.
    pub id: MessageId,
    /// Its author.
    pub username: String,
    /// Its author, as shown.
    pub display_name: String,
    /// Its beginning.
    pub excerpt: String,
}

/// A message as REST tells it: every field is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// UUIDv7.
    pub id: MessageId,
    /// Its place in the room's order.
    pub seq: Seq,
    /// Slug of the room.
    pub room: String,
    /// Who said it.
    pub user: Author,
    /// After the room's style.
    pub text: String,
    /// Pictures in `text`.
    pub emotes: Vec<EmoteRange>,
    /// Usernames.
    pub mentions: Vec<String>,
    /// What it answers.
    pub reply_to: Option<ReplyTo>,
    /// `/me`.
    pub action: bool,
    /// False when the style failed on it and the plain text is shown.
    pub styled: bool,
    /// Milliseconds since the Unix epoch.
    pub sent_at: u64,
}

/// An author in a frame: `badges` only if there are any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct FrameAuthor {
    /// For ever.
    pub id: UserId,
    /// Lower case.
    pub username: String,
    /// As shown.
    pub display_name: String,
    /// `#RRGGBB`.
    pub color: String,
    /// None if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<Badge>>"))]
    pub badges: Vec<Badge>,
}

/// A message in a frame: whatever is null, empty, false or at its default is left out, and the frame says the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct FrameMessage {
    /// UUIDv7.
    pub id: MessageId,
    /// Its place in the room's order.
    pub seq: Seq,
    /// Who said it.
    pub user: FrameAuthor,
    /// After the room's style.
    pub text: String,
    /// Pictures in `text`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<EmoteRange>>"))]
    pub emotes: Vec<EmoteRange>,
    /// Usernames.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<String>>"))]
    pub mentions: Vec<String>,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub reply_to: Option<ReplyTo>,
    /// `/me`.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub action: bool,
    /// False when the style failed on it and the plain text is shown; left out when true.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub styled: bool,
    /// Milliseconds since the Unix epoch.
    pub sent_at: u64,
}

impl From<Message> for FrameMessage {
    fn from(m: Message) -> Self {
        let Message { id, seq, room: _, user, text, emotes, mentions, reply_to, action, styled, sent_at } = m;
        let Author { id: user_id, username, display_name, color, badges } = user;
        let user = FrameAuthor { id: user_id, username, display_name, color, badges };
        Self { id, seq, user, text, emotes, mentions, reply_to, action, styled, sent_at }
    }
}

/// The style of a room, with an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomTransformer {
    /// Of the style.
    pub name: String,
    /// Something someone might type.
    pub sample_in: String,
    /// What the room would make of it.
    pub sample_out: String,
}

/// The rules of a room that can change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomSettings {
    /// Seconds between two messages of one user; 0 is off.
    pub slow_mode_seconds: u32,
    /// Only emotes.
    pub emote_only: bool,
    /// No line twice.
    pub unique_chat: bool,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Room {
    /// For ever.
    pub id: RoomId,
    /// Its name in URLs and frames.
    pub slug: String,
    /// Its name for people.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// Its style, fixed at creation.
    pub transformer: RoomTransformer,
    /// Its rules.
    pub settings: RoomSettings,
    /// Connections that read it now.
    pub viewers: u64,
    /// Over the last few seconds.
    pub messages_per_second: f64,
    /// The pinned message.
    pub pinned: Option<Message>,
    /// Closed: only admins see it, and nobody writes; left out when false.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub archived: bool,
}

/// An emote that messages may name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Emote {
    /// Of its picture: a changed picture has another id, so what an id shows never changes.
    pub id: String,
    /// The word it stands for, in these very letters.
    pub name: String,
    /// Its picture, to be kept for ever.
    pub url: String,
    /// Does it move?
    #[serde(default)]
    pub animated: bool,
}
