//! The words in the nodes' log: JSON, so that an operator can read them with any tool.
//!
//! ```json
//! {"v":1,"node":"9f86d081884c7d65","at":1730000000000,"kind":"viewers","rooms":{"4711":12}}
//! {"v":1,"node":"9f86d081884c7d65","at":1730000000000,"kind":"paces","rooms":{"4711":139}}
//! {"v":1,"node":"9f86d081884c7d65","at":1730000000000,"kind":"left"}
//! {"v":1,"node":"9f86d081884c7d65","at":1730000000000,"kind":"look","at_what":"emotes"}
//! {"v":1,"node":"9f86d081884c7d65","at":1730000000000,"kind":"ended","ends":[{"user":"7","sessions":["00…1f"]}]}
//! ```
//! Nodes of two versions run side by side while a new one is brought out, so fields and kinds that are not known are
//! passed over; `v` rises only when an old node must not read what a new one wrote. Start with [`Record`].

use crate::{auth::revocations::End, news::Topic};
use bytes::Bytes;
use chat::{account::Family, time::Millis};
use protocol::ids::{RoomId, UserId};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// What this program writes, and the newest that it reads.
const VERSION: u32 = 1;
/// Most rooms of one record; more are told in several. An entry has at most 20 digits of an id, 20 of a count, quotes,
/// colon and comma: 1,000 × 44 bytes and a head of 100 stay below the 64 KiB of a log's record.
pub(super) const ROOMS_MAX: usize = 1_000;
/// Most sessions of one record. The longest are ends of one session each, with its user:
/// 512 × (20 digits of a user, 32 of a session, and 30 bytes around them) are 42 kB.
pub(super) const SESSIONS_MAX: usize = 512;

/// One process from its start to its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// What one node tells the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who says it.
    pub node: NodeId,
    /// When, by its clock.
    pub at: Millis,
    /// What.
    pub word: Word,
}

/// What can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// So many connections of this node read these rooms. Nothing is said of others.
    Viewers(BTreeMap<RoomId, u64>),
    /// So many messages in ten seconds this node counts in these rooms. Nothing is said of those that it does not follow,
    /// nor of silent ones.
    Paces(BTreeMap<RoomId, u64>),
    /// This node stops: its viewers count no more.
    Left,
    /// These sessions are over.
    Ended(Vec<End>),
    /// There is something new in the store.
    Look(Topic),
}

/// Why a record says nothing to this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Of a newer program, which knows more.
    Newer,
    /// Not ours, or broken.
    Garbage,
}

#[derive(Serialize, Deserialize)]
struct Written {
    v: u32,
    node: NodeId,
    at: Millis,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kind {
    Viewers {
        rooms: BTreeMap<RoomId, u64>,
    },
    Paces {
        rooms: BTreeMap<RoomId, u64>,
    },
    Left,
    Ended {
        ends: Vec<WrittenEnd>,
    },
    Look {
        at_what: WrittenTopic,
    },
    #[serde(other, skip_serializing)]
    Other,
}

#[derive(Serialize, Deserialize)]
struct WrittenEnd {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    sessions: Vec<Hex>,
}

/// A topic that a newer node knows is none to this one.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenTopic {
    Emotes,
    Rooms,
    #[serde(other, skip_serializing)]
    Other,
}

/// 32 hexadecimal digits, as in access tokens.
struct Hex(Family);

impl Record {
    /// As it stands in the log.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let kind = match &self.word {
            Word::Viewers(rooms) => Kind::Viewers { rooms: rooms.clone() },
            Word::Paces(rooms) => Kind::Paces { rooms: rooms.clone() },
            Word::Left => Kind::Left,
            Word::Look(Topic::Emotes) => Kind::Look { at_what: WrittenTopic::Emotes },
            Word::Look(Topic::Rooms) => Kind::Look { at_what: WrittenTopic::Rooms },
            Word::Ended(ends) => Kind::Ended {
                ends: ends
                    .iter()
                    .map(|end| WrittenEnd {
                        user: end.user,
                        sessions: end.families.iter().copied().map(Hex).collect(),
                    })
                    .collect(),
            },
        };
        let written = Written { v: VERSION, node: self.node, at: self.at, kind };
        serde_json::to_vec(&written).expect("its keys are strings and its kind is one we write").into()
    }

    /// Reads it back.
    ///
    /// # Errors
    /// See [`Unread`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Unread> {
        #[derive(Deserialize)]
        struct Head {
            v: u32,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|_| Unread::Garbage)?;
        if head.v > VERSION {
            return Err(Unread::Newer);
        }
        let Written { v: _, node, at, kind } = serde_json::from_slice(bytes).map_err(|_| Unread::Garbage)?;
        let word = match kind {
            Kind::Viewers { rooms } => Word::Viewers(rooms),
            Kind::Paces { rooms } => Word::Paces(rooms),
            Kind::Left => Word::Left,
            Kind::Look { at_what: WrittenTopic::Emotes } => Word::Look(Topic::Emotes),
            Kind::Look { at_what: WrittenTopic::Rooms } => Word::Look(Topic::Rooms),
            Kind::Look { at_what: WrittenTopic::Other } => return Err(Unread::Newer),
            Kind::Ended { ends } => Word::Ended(
                ends.into_iter()
                    .map(|end| End {
                        user: end.user,
                        families: end.sessions.into_iter().map(|hex| hex.0).collect(),
                    })
                    .collect(),
            ),
            Kind::Other => return Err(Unread::Newer),
        };
        Ok(Self { node, at, word })
    }
}

/// Cuts ends into such as fit into one record each.
pub(super) fn cut(end: End) -> impl Iterator<Item = End> {
    let End { user, families } = end;
    let pieces: Vec<_> = families.chunks(SESSIONS_MAX).map(<[Family]>::to_vec).collect();
    pieces.into_iter().map(move |families| End { user, families })
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl Serialize for NodeId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{:032x}", self.0.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        u128::from_str_radix(&text, 16).map(|n| Self(Family(n))).map_err(serde::de::Error::custom)
    }
}
