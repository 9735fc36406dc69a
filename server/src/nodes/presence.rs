//! Who reads which room: what this node says of itself, and what it has heard of the others. No I/O; time is given.

use super::words::NodeId;
use protocol::ids::RoomId;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use tokio::time::Instant;

/// Every so many looks everything is said, also what has not changed; with a look a second, every 2 s.
const WHOLE_EVERY: u32 = 2;
/// How long a word counts: three times it may fail to come, and a second for the way.
pub(super) const HEARD_FOR: Duration = Duration::from_secs(7);
/// Most other nodes that are listened to. With 1,000 busy rooms each an entry of 40 bytes: 40 MiB.
const NODES_MAX: usize = 1_024;

/// What to say next.
#[derive(Debug, Default)]
pub(super) struct Telling {
    looks: u32,
    told: BTreeMap<RoomId, u64>,
}

impl Telling {
    /// Is everything said at the next look?
    pub(super) fn says_all(&self) -> bool {
        self.looks.is_multiple_of(WHOLE_EVERY)
    }

    /// Looks at the counts of all rooms, once a second. Every other time everything is said (rooms with viewers, and
    /// those that had some when last told); between that only what changed much: from or to none, or by a tenth.
    pub(super) fn next(
        &mut self,
        counts: impl Iterator<Item = (RoomId, u64)>,
    ) -> Option<BTreeMap<RoomId, u64>> {
        let whole = self.says_all();
        self.looks = self.looks.wrapping_add(1);
        let mut say = BTreeMap::new();
        for (room, now) in counts {
            let told = self.told.get(&room).copied().unwrap_or(0);
            let changed_much = now != told && now.abs_diff(told) >= told.max(now) / 10;
            if changed_much || (whole && (now > 0 || told > 0)) {
                say.insert(room, now);
            }
        }
        for (room, now) in &say {
            match now {
                0 => self.told.remove(room),
                now => self.told.insert(*room, *now),
            };
        }
        (whole || !say.is_empty()).then_some(say)
    }
}

/// What the other nodes said.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    nodes: HashMap<NodeId, Node>,
}

#[derive(Debug)]
struct Node {
    heard: Instant,
    rooms: HashMap<RoomId, (u64, Instant)>,
    paces: HashMap<RoomId, (u64, Instant)>,
}

impl Node {
    fn new(heard: Instant) -> Self {
        Self { heard, rooms: HashMap::new(), paces: HashMap::new() }
    }
}

impl Elsewhere {
    /// A node says how many read these rooms. `false` if there are too many nodes to listen to one more.
    pub(super) fn hear(
        &mut self,
        node: NodeId,
        rooms: impl IntoIterator<Item = (RoomId, u64)>,
        now: Instant,
    ) -> bool {
        let Some(entry) = self.node(node, now) else { return false };
        for (room, viewers) in rooms {
            match viewers {
                0 => entry.rooms.remove(&room),
                viewers => entry.rooms.insert(room, (viewers, now)),
            };
        }
        true
    }

    /// A node says how many messages it counts in these rooms. `false` as for [`Self::hear`].
    pub(super) fn hear_paces(
        &mut self,
        node: NodeId,
        rooms: impl IntoIterator<Item = (RoomId, u64)>,
        now: Instant,
    ) -> bool {
        let Some(entry) = self.node(node, now) else { return false };
        entry.paces.extend(rooms.into_iter().map(|(room, pace)| (room, (pace, now))));
        true
    }

    /// The node, which was heard now, unless there are too many.
    fn node(&mut self, node: NodeId, now: Instant) -> Option<&mut Node> {
        if !self.nodes.contains_key(&node) && self.nodes.len() >= NODES_MAX {
            return None;
        }
        let entry = self.nodes.entry(node).or_insert_with(|| Node::new(now));
        entry.heard = now;
        Some(entry)
    }

    /// The highest pace that a node counts, by room: all count the same messages, and who has only begun counts fewer.
    pub(super) fn paces(&mut self, now: Instant) -> HashMap<RoomId, u64> {
        let mut paces: HashMap<RoomId, u64> = HashMap::new();
        for node in self.nodes.values_mut() {
            node.paces.retain(|_, (_, heard)| now.saturating_duration_since(*heard) < HEARD_FOR);
            for (room, (pace, _)) in &node.paces {
                let highest = paces.entry(*room).or_default();
                *highest = (*highest).max(*pace);
            }
        }
        paces
    }

    /// A node says that it stops.
    pub(super) fn left(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }

    /// Viewers by room, all other nodes together; forgets what was said too long ago.
    pub(super) fn sums(&mut self, now: Instant) -> HashMap<RoomId, u64> {
        let fresh = |heard: Instant| now.saturating_duration_since(heard) < HEARD_FOR;
        self.nodes.retain(|_, node| fresh(node.heard));
        let mut sums = HashMap::new();
        for node in self.nodes.values_mut() {
            node.rooms.retain(|_, (_, heard)| fresh(*heard));
            for (room, (viewers, _)) in &node.rooms {
                let sum: &mut u64 = sums.entry(*room).or_default();
                *sum = sum.saturating_add(*viewers);
            }
        }
        sums
    }

    /// How many other nodes there are.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }
}
