//! A line of chat on its way: [`Draft`] (admitted) → [`Styled`] (in the room's voice) → the log → [`Logged`] (with its place).

use crate::time::Millis;
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use serde::{Deserialize, Serialize};

/// The author as of the moment of writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Whose line it is.
    pub id: UserId,
    /// Lower case.
    pub username: String,
    /// As shown.
    pub display_name: String,
    /// `#RRGGBB`.
    pub color: String,
    /// `broadcaster`, `moderator`, `vip`, `founder`, `bot`.
    pub badges: Vec<String>,
}

/// A picture in the text: Unicode code points into [`Styled::text`], `end` inclusive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// The message that this one answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTo {
    /// Which one.
    pub id: MessageId,
    /// Its author.
    pub username: String,
    /// Its author, as shown.
    pub display_name: String,
    /// Its beginning.
    pub excerpt: String,
}

/// What goes into the log: what everyone will see, and beside it what was typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Styled {
    /// Made at accept; the style's seed comes from it.
    pub id: MessageId,
    /// Where it was said.
    pub room: RoomId,
    /// Who said it.
    pub author: Author,
    /// After the style: what everyone sees.
    pub text: String,
    /// Before it: for the author and moderators only.
    pub original: String,
    /// Pictures in `text`.
    pub emotes: Vec<EmoteRange>,
    /// Usernames mentioned.
    pub mentions: Vec<String>,
    /// What it answers.
    pub reply_to: Option<ReplyTo>,
    /// `/me`.
    pub action: bool,
    /// False when the style failed on it and `text` is the plain text.
    pub styled: bool,
    /// When it was accepted.
    pub sent_at: Millis,
    /// The sender's own key against sending twice.
    pub nonce: Option<String>,
}

/// A message with its place in the room's order: durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its place.
    pub seq: Seq,
    /// The message.
    pub message: Styled,
}
