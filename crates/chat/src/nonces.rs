//! Against sending twice: which `(user, nonce)` pairs of a room were accepted, or are on their way.
//!
//! It knows no clock (callers say what time it is) and is rebuilt from the log, whose records carry the nonce. An
//! entry counts for [`NONCE_TTL_MS`] from the time the message was accepted.

use crate::time::Millis;
use protocol::{
    ids::{MessageId, Seq, UserId},
    limits::NONCE_TTL_MS,
};
use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
};

/// Most entries of one room: ten minutes of the brief's busiest room, 13,889 messages a second, are 8.3 million.
/// About 80 bytes each, and only as many as there are. Above it the oldest go early.
pub const ENTRIES_MAX: usize = 8_400_000;

/// What the sender of an accepted message is told, the first time and every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Of the message.
    pub id: MessageId,
    /// Its place.
    pub seq: Seq,
    /// When it was accepted.
    pub sent_at: Millis,
}

/// What is known of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is reserved for the caller now, who must [`Nonces::settle`] or [`Nonces::release`] it.
    New,
    /// Another send with it is on its way to the log.
    Pending,
    /// It was accepted before; this is its answer.
    Accepted(Accepted),
}

/// 128 bits of two differently keyed hashes: a collision among 8.4 million entries has a chance below 10⁻²⁴.
type Key = (u64, u64);

/// The nonces of one room.
#[derive(Debug, Default)]
pub struct Nonces {
    entries: HashMap<Key, Option<Accepted>>,
    by_age: VecDeque<(Millis, Key)>,
}

fn key(user: UserId, nonce: &str) -> Key {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, user, nonce).hash(&mut hasher);
        hasher.finish()
    };
    (half(1), half(2))
}

impl Nonces {
    /// Looks a nonce up and reserves it if it is new.
    pub fn reserve(&mut self, user: UserId, nonce: &str, now: Millis) -> Known {
        self.forget_old(now);
        match self.entries.entry(key(user, nonce)) {
            Entry::Vacant(free) => {
                free.insert(None);
                Known::New
            }
            Entry::Occupied(held) => held.get().map_or(Known::Pending, Known::Accepted),
        }
    }

    /// The message is durable. The first answer stays: a second record with the same nonce within [`NONCE_TTL_MS`]
    /// changes nothing and is reported with `false`. Only the records' own times count here, so that every reading of
    /// the log comes to the same answer whatever its clock says.
    pub fn settle(&mut self, user: UserId, nonce: &str, accepted: Accepted) -> bool {
        let key = key(user, nonce);
        let entry = self.entries.entry(key).or_insert(None);
        match entry {
            Some(first) if accepted.sent_at <= first.sent_at.plus(NONCE_TTL_MS) => *first == accepted,
            _ => {
                *entry = Some(accepted);
                self.by_age.push_back((accepted.sent_at, key));
                if self.by_age.len() > ENTRIES_MAX {
                    self.forget_oldest();
                }
                true
            }
        }
    }

    /// The message did not come into the log: the nonce is free again.
    pub fn release(&mut self, user: UserId, nonce: &str) {
        if let Entry::Occupied(held) = self.entries.entry(key(user, nonce))
            && held.get().is_none()
        {
            held.remove();
        }
    }

    /// How many nonces are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is none known?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn forget_old(&mut self, now: Millis) {
        while self.by_age.front().is_some_and(|(sent_at, _)| sent_at.plus(NONCE_TTL_MS) < now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((sent_at, key)) = self.by_age.pop_front() else { return };
        // A nonce used anew after its time has a younger entry of its own.
        if let Entry::Occupied(held) = self.entries.entry(key)
            && held.get().is_some_and(|accepted| accepted.sent_at == sent_at)
        {
            held.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: UserId = UserId(1);
    const BOB: UserId = UserId(2);

    fn accepted(seq: u64, sent_at: u64) -> Accepted {
        let id = MessageId(uuid::Uuid::from_u128(u128::from(seq)));
        Accepted { id, seq: Seq(seq), sent_at: Millis(sent_at) }
    }

    #[test]
    fn a_nonce_is_new_then_pending_then_accepted() {
        let mut nonces = Nonces::default();
        assert_eq!(nonces.reserve(ADA, "c1", Millis(0)), Known::New);
        assert_eq!(nonces.reserve(ADA, "c1", Millis(0)), Known::Pending);
        assert!(nonces.settle(ADA, "c1", accepted(7, 0)));
        assert_eq!(nonces.reserve(ADA, "c1", Millis(0)), Known::Accepted(accepted(7, 0)));
        assert_eq!(nonces.reserve(BOB, "c1", Millis(0)), Known::New);
        assert_eq!(nonces.reserve(ADA, "c2", Millis(0)), Known::New);
    }

    #[test]
    fn a_released_nonce_can_be_used_again_but_an_accepted_one_stays() {
        let mut nonces = Nonces::default();
        nonces.reserve(ADA, "c1", Millis(0));
        nonces.release(ADA, "c1");
        assert_eq!(nonces.reserve(ADA, "c1", Millis(0)), Known::New);
        nonces.settle(ADA, "c1", accepted(7, 0));
        nonces.release(ADA, "c1");
        assert_eq!(nonces.reserve(ADA, "c1", Millis(0)), Known::Accepted(accepted(7, 0)));
    }

    #[test]
    fn the_first_record_with_a_nonce_wins() {
        let mut nonces = Nonces::default();
        assert!(nonces.settle(ADA, "c1", accepted(7, 0)));
        assert!(nonces.settle(ADA, "c1", accepted(7, 0)), "the same record read again is no second message");
        assert!(!nonces.settle(ADA, "c1", accepted(8, 0)));
        assert_eq!(nonces.reserve(ADA, "c1", Millis(1)), Known::Accepted(accepted(7, 0)));
    }

    #[test]
    fn whether_a_second_record_counts_is_decided_by_the_records_times_alone() {
        let mut nonces = Nonces::default();
        assert!(nonces.settle(ADA, "c1", accepted(7, 1_000)));
        assert!(!nonces.settle(ADA, "c1", accepted(8, 1_000 + NONCE_TTL_MS)));
        assert!(nonces.settle(ADA, "c1", accepted(9, 1_001 + NONCE_TTL_MS)), "its time was over: a message of its own");
        let young = Millis(1_001 + 2 * NONCE_TTL_MS);
        assert_eq!(nonces.reserve(ADA, "c1", young), Known::Accepted(accepted(9, 1_001 + NONCE_TTL_MS)));
    }

    #[test]
    fn ten_minutes_and_no_longer() {
        let mut nonces = Nonces::default();
        nonces.settle(ADA, "c1", accepted(7, 1_000));
        let last = 1_000 + NONCE_TTL_MS;
        assert_eq!(nonces.reserve(ADA, "c1", Millis(last)), Known::Accepted(accepted(7, 1_000)));
        assert_eq!(nonces.reserve(ADA, "c1", Millis(last + 1)), Known::New);
        assert_eq!(nonces.len(), 1);
    }
}
