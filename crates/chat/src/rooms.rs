//! Rooms: what a room is called, which id it has for ever and in which partition of the log it lives.
//!
//! The module knows neither configuration files nor styles: a room names its style, and whoever composes the server
//! looks it up. Start with [`RoomDefinition`].

use crate::time::Millis;
use protocol::ids::RoomId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Borrow, fmt, num::NonZeroU32, ops::RangeInclusive, str::FromStr, sync::Arc};

/// Shortest and longest slug, in bytes (they are ASCII).
pub const SLUG_BYTES: RangeInclusive<usize> = 3..=25;

/// Offset basis of FNV-1a with 64 bits.
const FNV_OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
/// Prime of FNV-1a with 64 bits.
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
/// Ids stay below 2⁶³, so that they fit the signed 64-bit integers of TOML and CQL.
const ROOM_ID_MASK: u64 = u64::MAX >> 1;

/// A room's name in URLs and frames: `[a-z0-9_]{3,25}`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(Arc<str>);

/// The text is not a slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a slug has 3 to 25 characters, each a to z, 0 to 9 or _")]
pub struct BadSlug;

impl Slug {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the room of this name, where none was chosen by hand: FNV-1a with 64 bits over the bytes of the slug,
    /// its highest bit cleared. It must never change, for rows and log records refer to it; a golden test holds it.
    ///
    /// Two slugs could meet in one id (for 30,000 rooms with a chance of 1 in 20,000,000,000): whoever collects rooms
    /// has to refuse the second.
    #[must_use]
    pub fn room_id(&self) -> RoomId {
        let hash = self
            .0
            .bytes()
            .fold(FNV_OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        RoomId(hash & ROOM_ID_MASK)
    }
}

impl FromStr for Slug {
    type Err = BadSlug;

    fn from_str(s: &str) -> Result<Self, BadSlug> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if SLUG_BYTES.contains(&s.len()) && s.bytes().all(allowed) {
            Ok(Self(s.into()))
        } else {
            Err(BadSlug)
        }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Slug {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Slug {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Serialize for Slug {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// A room as it was set up. The style of a room never changes, nor do its id and partition: its messages lie there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomDefinition {
    /// For ever, below 2⁶³ and above 0.
    pub id: RoomId,
    /// Unique.
    pub slug: Slug,
    /// What people read.
    pub title: String,
    /// One line under the title; may be empty.
    pub description: String,
    /// Name of the style.
    pub transformer: String,
    /// Number of the log's partition, from 0.
    pub partition: u32,
}

/// What is kept of a room that was made, retitled or closed at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRoom {
    /// As it was set up. Of a room that also stands in the configuration title and description alone count.
    pub definition: RoomDefinition,
    /// Closed: nobody but admins reads it, and nobody writes.
    pub archived: bool,
    /// When it was first kept.
    pub created_at: Millis,
}

/// The partition of a room for which none was chosen: the id modulo their number. Holds as long as that number does.
#[must_use]
pub fn partition_of(room: RoomId, partitions: NonZeroU32) -> u32 {
    u32::try_from(room.0 % u64::from(partitions.get()))
        .expect("a remainder is below its divisor, which is a u32")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slug(s: &str) -> Slug {
        s.parse().unwrap()
    }

    #[test]
    fn slugs_are_three_to_twenty_five_of_few_characters() {
        for good in ["abc", "a_b", "123", "___", "abcdefghijklmnopqrstuvwxy"] {
            assert_eq!(good.parse::<Slug>().map(|s| s.to_string()), Ok(good.to_owned()));
        }
        for bad in
            ["", "ab", "abcdefghijklmnopqrstuvwxyz", "Abc", "a c", "a-c", "#abc", "äbc", "abc\n", "ab\0"]
        {
            assert_eq!(bad.parse::<Slug>(), Err(BadSlug), "{bad:?}");
        }
    }

    /// Rows and records refer to these for ever.
    #[test]
    fn ids_are_golden() {
        let golden = [
            ("bestie", 2_188_801_979_011_559_293),
            ("ohio", 4_381_684_354_465_139_066),
            ("synergy", 6_604_867_963_314_814_934),
            ("abc", 7_430_836_138_530_658_123),
            ("___", 4_090_240_541_808_548_724),
        ];
        for (name, id) in golden {
            assert_eq!(slug(name).room_id(), RoomId(id), "{name}");
        }
    }

    #[test]
    fn partition_is_the_remainder() {
        let sixteen = NonZeroU32::new(16).unwrap();
        assert_eq!(partition_of(RoomId(0), sixteen), 0);
        assert_eq!(partition_of(RoomId(33), sixteen), 1);
        assert_eq!(partition_of(RoomId(u64::MAX), sixteen), 15);
        assert_eq!(partition_of(RoomId(u64::MAX), NonZeroU32::MIN), 0);
    }

    proptest! {
        #[test]
        fn every_slug_has_an_id_that_fits_an_i64(name in "[a-z0-9_]{3,25}") {
            let id = slug(&name).room_id();
            prop_assert!(i64::try_from(id.0).is_ok_and(|id| id > 0));
            prop_assert_eq!(id, slug(&name).room_id());
        }

        #[test]
        fn json_round_trips_and_refuses_like_from_str(text in ".{0,30}") {
            let slug = text.parse::<Slug>();
            prop_assert_eq!(slug.is_ok(), text.len() <= 25 && text.len() >= 3
                && text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_')));
        }
    }
}
