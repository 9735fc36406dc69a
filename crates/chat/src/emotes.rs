//! Emotes: what their names may be, and what is kept of one.
//!
//! A name stands for a picture, everywhere or in one room. A picture is found by an id that is made from its bytes, so
//! what an id shows never changes: a name that gets another picture gets another id, and old messages keep theirs. The
//! module knows no picture's format. Start with [`Emote`].

use crate::time::Millis;
use protocol::{
    ids::{RoomId, UserId},
    limits::EMOTE_NAME_BYTES,
};
use std::{fmt, str::FromStr, sync::Arc};

/// Bytes of an id before they are written as text: 120 bits of a SHA-256.
pub const EMOTE_ID_BYTES: usize = 15;
/// Characters of an id: base64 for URLs, four for three bytes.
pub const EMOTE_ID_CHARS: usize = EMOTE_ID_BYTES / 3 * 4;

/// What a message calls an emote. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmoteName(Arc<str>);

/// The text is no name of an emote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEmoteName {
    /// See [`EMOTE_NAME_BYTES`].
    #[error("a name of an emote has 2 to 32 characters")]
    Length,
    /// What a word of the chat cannot be.
    #[error("a name of an emote has letters A to Z, digits and _ alone, a letter first")]
    Character,
    /// Such names are words that people write without thinking of pictures.
    #[error(
        "a name of an emote has a capital letter, a digit or _ in it, so that no everyday word turns into a picture"
    )]
    EverydayWord,
}

impl BadEmoteName {
    /// The stable word for a field's error.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Character => "character",
            Self::EverydayWord => "everyday_word",
        }
    }
}

impl EmoteName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmoteName {
    type Err = BadEmoteName;

    fn from_str(s: &str) -> Result<Self, BadEmoteName> {
        if !EMOTE_NAME_BYTES.contains(&s.len()) {
            return Err(BadEmoteName::Length);
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if !s.as_bytes()[0].is_ascii_alphabetic() || !s.bytes().all(allowed) {
            return Err(BadEmoteName::Character);
        }
        if s.bytes().all(|b| b.is_ascii_lowercase()) {
            return Err(BadEmoteName::EverydayWord);
        }
        Ok(Self(s.into()))
    }
}

impl fmt::Display for EmoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Of a picture: 20 characters, made from its bytes by whoever knows how to hash. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmoteId(Arc<str>);

/// The text is no id of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an emote")]
pub struct BadEmoteId;

impl EmoteId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmoteId {
    type Err = BadEmoteId;

    fn from_str(s: &str) -> Result<Self, BadEmoteId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if s.len() == EMOTE_ID_CHARS && s.bytes().all(allowed) { Ok(Self(s.into())) } else { Err(BadEmoteId) }
    }
}

impl fmt::Display for EmoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a name stands for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// In all rooms.
    Everywhere,
    /// In this one, also before one of the same name that is everywhere.
    Room(RoomId),
}

impl Scope {
    /// As a number, for keys: the id of the room, which is never 0.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Everywhere => 0,
            Self::Room(room) => room.0,
        }
    }

    /// The scope of this number.
    #[must_use]
    pub fn of_number(number: u64) -> Self {
        if number == 0 { Self::Everywhere } else { Self::Room(RoomId(number)) }
    }
}

/// What a picture is, as its bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureKind {
    /// `image/svg+xml`
    Svg,
    /// `image/png`
    Png,
    /// `image/gif`
    Gif,
    /// `image/webp`
    Webp,
}

impl PictureKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Svg, Self::Png, Self::Gif, Self::Webp];

    /// The media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// As it is kept.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }

    /// Reads that back.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A picture that was looked at and found harmless.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// What it is.
    pub kind: PictureKind,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}, {} bytes)", self.kind.as_str(), self.bytes.len())
    }
}

/// A name with its picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emote {
    /// Where it may be used.
    pub scope: Scope,
    /// What a message calls it.
    pub name: EmoteName,
    /// Of its picture.
    pub id: EmoteId,
    /// Does the picture move?
    pub animated: bool,
    /// Who uploaded it.
    pub by: UserId,
    /// When.
    pub at: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_that_nobody_writes_by_chance() {
        for good in ["Kappa", "ok1", "a_b", "xD", "SlayQueen", "PogChamp_2", "A1", &"Ab".repeat(16)] {
            assert_eq!(good.parse::<EmoteName>().map(|n| n.to_string()), Ok(good.to_owned()));
        }
        for (bad, why) in [
            ("", BadEmoteName::Length),
            ("K", BadEmoteName::Length),
            (&*"Ab".repeat(17), BadEmoteName::Length),
            ("the", BadEmoteName::EverydayWord),
            ("1Up", BadEmoteName::Character),
            ("_Up", BadEmoteName::Character),
            ("Up!", BadEmoteName::Character),
            ("Up Up", BadEmoteName::Character),
            ("Ärger", BadEmoteName::Character),
            ("A\0", BadEmoteName::Character),
            ("../A", BadEmoteName::Character),
        ] {
            assert_eq!(bad.parse::<EmoteName>(), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn ids_are_twenty_characters_for_urls() {
        assert_eq!(EMOTE_ID_CHARS, 20);
        let good = "aB3-_aB3-_aB3-_aB3-_";
        assert_eq!(good.parse::<EmoteId>().map(|id| id.to_string()), Ok(good.to_owned()));
        for bad in [
            "",
            "aB3-_aB3-_aB3-_aB3-",
            "aB3-_aB3-_aB3-_aB3-_x",
            "aB3-_aB3-_aB3-_aB3/_",
            "äB3-_aB3-_aB3-_aB3-",
        ] {
            assert_eq!(bad.parse::<EmoteId>(), Err(BadEmoteId), "{bad:?}");
        }
    }

    #[test]
    fn scopes_and_kinds_come_back() {
        for scope in [Scope::Everywhere, Scope::Room(RoomId(1)), Scope::Room(RoomId(u64::MAX >> 1))] {
            assert_eq!(Scope::of_number(scope.number()), scope);
        }
        for kind in PictureKind::ALL {
            assert_eq!(PictureKind::of_word(kind.as_str()), Some(kind));
        }
        assert_eq!(PictureKind::of_word("exe"), None);
    }
}
