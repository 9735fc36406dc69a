//! A line of chat on its way: [`Draft`] (admitted) → [`Styled`] (in the room's voice) → the log → [`Logged`] (with its place).

use crate::{admission::Admitted, time::Millis};
use protocol::{
    ids::{MessageId, RoomId, Seq, UserId},
    limits::EXCERPT_CODE_POINTS_MAX,
};
use serde::{Deserialize, Serialize};

/// Most usernames that one message can mention; further ones are plain text.
pub const MENTIONS_MAX: usize = 25;

/// A line that may be said: admitted, from a known author, for a known room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Where.
    pub room: RoomId,
    /// Who.
    pub author: Author,
    /// What.
    pub text: Admitted,
    /// What it answers.
    pub reply_to: Option<ReplyTo>,
    /// The sender's own key against sending twice.
    pub nonce: Option<String>,
    /// Is the author an admin, whom no rule of a room holds?
    pub admin: bool,
}

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

/// The badge of programs.
pub const BOT_BADGE: &str = "bot";

impl Author {
    /// Is it a program?
    #[must_use]
    pub fn is_bot(&self) -> bool {
        self.badges.iter().any(|badge| badge == BOT_BADGE)
    }
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

impl Draft {
    /// What goes into the log. `styled` is the style's answer, or `None` where it failed and the plain text is shown.
    pub fn into_styled(self, id: MessageId, sent_at: Millis, styled: Option<String>) -> Styled {
        let (original, action) = self.text.into_parts();
        let worked = styled.is_some();
        let text = styled.unwrap_or_else(|| original.clone());
        Styled {
            id,
            room: self.room,
            author: self.author,
            mentions: mentions(&text),
            text,
            original,
            emotes: Vec::new(),
            reply_to: self.reply_to,
            action,
            styled: worked,
            sent_at,
            nonce: self.nonce,
        }
    }
}

impl ReplyTo {
    /// Points at a message.
    pub fn of(parent: &Styled) -> Self {
        Self {
            id: parent.id,
            username: parent.author.username.clone(),
            display_name: parent.author.display_name.clone(),
            excerpt: excerpt(&parent.text),
        }
    }
}

/// The beginning of a text, for a reply: at most [`EXCERPT_CODE_POINTS_MAX`] code points, with `…` where it was cut.
pub fn excerpt(text: &str) -> String {
    let mut excerpt: String = text.chars().take(EXCERPT_CODE_POINTS_MAX).collect();
    if excerpt.len() < text.len() {
        excerpt.pop();
        excerpt.push('…');
    }
    excerpt
}

/// The usernames that a text calls with `@`, lower case, each once, in order of appearance.
pub fn mentions(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    // Most texts have none, and a byte is found faster than a character.
    if !text.as_bytes().contains(&b'@') {
        return found;
    }
    let mut before = None;
    for (at, c) in text.char_indices() {
        // `mail@example` is no mention.
        let starts = c == '@' && !before.is_some_and(|b: char| b.is_alphanumeric() || b == '_');
        before = Some(c);
        if !starts {
            continue;
        }
        let name = &text[at + 1..];
        let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
        let name = name[..end].to_ascii_lowercase();
        if protocol::limits::USERNAME_BYTES.contains(&name.len()) && !found.contains(&name) {
            found.push(name);
            if found.len() == MENTIONS_MAX {
                break;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_found_once_and_in_order() {
        assert_eq!(mentions("hey @Bob_1, @ada! and @bob_1 (@eve)"), ["bob_1", "ada", "eve"]);
        assert_eq!(mentions("mail me at me@example.com, @ab, @, @@ann, ünder@hansi"), ["ann"]);
        assert_eq!(mentions(&"@aaa".repeat(3)), ["aaa"]);
        let many: String = (100..200).map(|n| format!("@user{n} ")).collect();
        assert_eq!(mentions(&many).len(), MENTIONS_MAX);
    }
}
