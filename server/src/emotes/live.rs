//! Which words are emotes in which room, now; and where they stand in a text.
//!
//! It knows no store and no picture. A room asks for its [`Set`] once for each message, so that the style and the ranges
//! speak of the same names. Start with [`Live`].

use chat::{
    emotes::{Emote, EmoteId, Scope},
    message::EmoteRange,
};
use parking_lot::RwLock;
use protocol::{ids::RoomId, limits::EMOTES_PER_MESSAGE_MAX};
use std::{collections::HashMap, sync::Arc};
use transformer_api::{EmoteNames, Kind, pieces};

/// The emotes of a room: its own, and those that are everywhere.
#[derive(Debug, Default)]
pub struct Set {
    names: EmoteNames,
    by_name: HashMap<Box<str>, Known>,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Of the picture.
    pub id: EmoteId,
    /// Does it move?
    pub animated: bool,
}

impl Set {
    fn new(by_name: HashMap<Box<str>, Known>) -> Self {
        Self { names: by_name.keys().cloned().collect(), by_name }
    }

    /// For styles, which pass them on as they are.
    pub fn names(&self) -> &EmoteNames {
        &self.names
    }

    /// All, in no order.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Known)> {
        self.by_name.iter().map(|(name, known)| (&**name, known))
    }

    /// What this name stands for.
    pub fn get(&self, name: &str) -> Option<&Known> {
        self.by_name.get(name)
    }

    /// Where the emotes of a text stand: code points, the end inclusive. Those beyond [`EMOTES_PER_MESSAGE_MAX`] are words.
    pub fn ranges(&self, text: &str) -> Vec<EmoteRange> {
        // Most lines have none, which their words show: names are words of ASCII letters, digits and `_`.
        let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        if !words.any(|word| self.names.contains(word)) {
            return Vec::new();
        }
        let mut ranges = Vec::new();
        let mut at = 0;
        for piece in pieces(text, &self.names) {
            let len = u32::try_from(piece.text.chars().count()).unwrap_or(u32::MAX);
            if piece.kind == Kind::Emote
                && let Some(Known { id, .. }) = self.get(piece.text)
            {
                let (id, name) = (id.as_str().to_owned(), piece.text.to_owned());
                ranges.push(EmoteRange { id, name, start: at, end: at + len - 1 });
                if ranges.len() == EMOTES_PER_MESSAGE_MAX {
                    break;
                }
            }
            at += len;
        }
        ranges
    }

    /// Is there nothing in a text but emotes, and at least one?
    pub fn is_all_emotes(&self, text: &str) -> bool {
        let mut any = false;
        pieces(text, &self.names).iter().all(|piece| {
            let is_emote = piece.kind == Kind::Emote && self.by_name.contains_key(piece.text);
            any |= is_emote;
            is_emote || piece.kind == Kind::Space
        }) && any
    }
}

/// The sets of all rooms, as everyone sees them now. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<RwLock<Sets>>);

#[derive(Debug, Default)]
struct Sets {
    everywhere: Arc<Set>,
    /// Only of rooms that have any of their own.
    rooms: HashMap<RoomId, Arc<Set>>,
}

impl Live {
    /// Those of a room.
    pub fn of_room(&self, room: RoomId) -> Arc<Set> {
        let sets = self.0.read();
        sets.rooms.get(&room).unwrap_or(&sets.everywhere).clone()
    }

    /// Those that may be used anywhere.
    pub fn everywhere(&self) -> Arc<Set> {
        self.0.read().everywhere.clone()
    }

    /// Puts others in their place. Of two of one scope and name the later one counts.
    pub fn replace(&self, emotes: impl IntoIterator<Item = Emote>) {
        let mut everywhere = HashMap::new();
        let mut rooms: HashMap<RoomId, Vec<(Box<str>, Known)>> = HashMap::new();
        for Emote { scope, name, id, animated, .. } in emotes {
            let (name, known) = (Box::from(name.as_str()), Known { id, animated });
            match scope {
                Scope::Everywhere => drop(everywhere.insert(name, known)),
                Scope::Room(room) => rooms.entry(room).or_default().push((name, known)),
            }
        }
        let rooms = rooms.into_iter().map(|(room, own)| {
            let mut set = everywhere.clone();
            set.extend(own);
            (room, Arc::new(Set::new(set)))
        });
        let sets = Sets { rooms: rooms.collect(), everywhere: Arc::new(Set::new(everywhere)) };
        *self.0.write() = sets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat::time::Millis;
    use protocol::ids::UserId;

    fn emote(scope: Scope, name: &str, id: u32) -> Emote {
        let (name, id) = (name.parse().unwrap(), format!("{id:0>20}").parse().unwrap());
        Emote { scope, name, id, animated: false, by: UserId(1), at: Millis(0) }
    }

    fn live() -> Live {
        let live = Live::default();
        let here = Scope::Room(RoomId(7));
        live.replace([
            emote(Scope::Everywhere, "Hype", 1),
            emote(Scope::Everywhere, "xD", 2),
            emote(here, "Hype", 3),
            emote(here, "Local_1", 4),
        ]);
        live
    }

    fn found(room: u64, text: &str) -> Vec<(u32, u32, u32)> {
        let ranges = live().of_room(RoomId(room)).ranges(text);
        let chars: Vec<char> = text.chars().collect();
        for range in &ranges {
            let shown: String = chars[range.start as usize..=range.end as usize].iter().collect();
            assert_eq!(shown, range.name, "{text}");
        }
        ranges.iter().map(|r| (r.id.parse().unwrap(), r.start, r.end)).collect()
    }

    #[test]
    fn ranges_are_code_points_with_the_end_inclusive() {
        assert_eq!(found(1, "Hype"), [(1, 0, 3)]);
        assert_eq!(found(1, "✨👩‍👩‍👧 Hype! (xD) Hype, hype"), [(1, 7, 10), (2, 14, 15), (1, 18, 21)]);
        assert_eq!(found(1, "e\u{301}Hype @Hype https://a.b/Hype `Hype` HypeTrain Hype_ 1Hype"), []);
        assert_eq!(found(1, ""), []);
    }

    #[test]
    fn a_room_has_its_own_before_those_of_everywhere() {
        assert_eq!(found(7, "Hype Local_1 xD"), [(3, 0, 3), (4, 5, 11), (2, 13, 14)]);
        assert_eq!(found(8, "Hype Local_1"), [(1, 0, 3)]);
        let names = |room| live().of_room(RoomId(room)).names().len();
        assert_eq!((names(7), names(8), live().everywhere().names().len()), (3, 2, 2));
    }

    #[test]
    fn a_message_has_so_many_and_no_more() {
        let set = live().everywhere();
        assert_eq!(set.ranges(&"xD ".repeat(200)).len(), EMOTES_PER_MESSAGE_MAX);
        assert!(Set::default().ranges("Hype").is_empty());
    }

    #[test]
    fn nothing_but_emotes_is_told() {
        let set = live().everywhere();
        for yes in ["Hype", "Hype  xD Hype"] {
            assert!(set.is_all_emotes(yes), "{yes}");
        }
        for no in ["", " ", "Hype!", "Hype you", "hype", ":)", "Kappa", "@Hype"] {
            assert!(!set.is_all_emotes(no), "{no}");
        }
    }
}
