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
    /// Another send with it may be in the log or not; [`Nonces::settle`] or [`Nonces::forget_doubt`] will tell.
    Doubtful,
    /// It was accepted before; this is its answer.
    Accepted(Accepted),
}

/// 128 bits of two differently keyed hashes: a collision among 8.4 million entries has a chance below 10⁻²⁴.
type Key = (u64, u64);

/// The nonces of one room.
#[derive(Debug, Default)]
pub struct Nonces {
    entries: HashMap<Key, Held>,
    by_age: VecDeque<(Millis, Key)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Pending,
    Doubtful { since: Millis },
    Accepted(Accepted),
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
                free.insert(Held::Pending);
                Known::New
            }
            Entry::Occupied(held) => match *held.get() {
                Held::Pending => Known::Pending,
                Held::Doubtful { .. } => Known::Doubtful,
                Held::Accepted(first) => Known::Accepted(first),
            },
        }
    }

    /// The message is durable. The first answer stays: a second record with the same nonce within [`NONCE_TTL_MS`]
    /// changes nothing and is reported with `false`. Only the records' own times count here, so that every reading of
    /// the log comes to the same answer whatever its clock says.
    pub fn settle(&mut self, user: UserId, nonce: &str, accepted: Accepted) -> bool {
        let key = key(user, nonce);
        let entry = self.entries.entry(key).or_insert(Held::Pending);
        match entry {
            Held::Accepted(first) if accepted.sent_at <= first.sent_at.plus(NONCE_TTL_MS) => {
                *first == accepted
            }
            _ => {
                *entry = Held::Accepted(accepted);
                self.remember(accepted.sent_at, key);
                true
            }
        }
    }

    /// It is not known whether the message is in the log. Until that is known the nonce is neither free nor accepted:
    /// a second send could become a second message, and a refusal of it could turn out to be untrue.
    pub fn doubt(&mut self, user: UserId, nonce: &str, now: Millis) {
        let key = key(user, nonce);
        if let Some(held @ Held::Pending) = self.entries.get_mut(&key) {
            *held = Held::Doubtful { since: now };
            self.remember(now, key);
        }
    }

    /// The log has been read beyond the place where the message would be, and nobody settled it: it is not there, and
    /// the nonce is free again.
    pub fn forget_doubt(&mut self, user: UserId, nonce: &str) {
        if let Entry::Occupied(held) = self.entries.entry(key(user, nonce))
            && matches!(held.get(), Held::Doubtful { .. })
        {
            held.remove();
        }
    }

    /// The message did not come into the log: the nonce is free again.
    pub fn release(&mut self, user: UserId, nonce: &str) {
        if let Entry::Occupied(held) = self.entries.entry(key(user, nonce))
            && *held.get() == Held::Pending
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

    fn remember(&mut self, at: Millis, key: Key) {
        self.by_age.push_back((at, key));
        if self.by_age.len() > ENTRIES_MAX {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((at, key)) = self.by_age.pop_front() else { return };
        // What was in doubt then may have been settled, or be on its way again, since.
        let is_meant = match self.entries.get(&key) {
            Some(Held::Doubtful { since }) => *since == at,
            Some(Held::Accepted(first)) => first.sent_at == at,
            Some(Held::Pending) | None => false,
        };
        if is_meant {
            self.entries.remove(&key);
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
    fn a_nonce_in_doubt_is_neither_free_nor_accepted() {
        let mut nonces = Nonces::default();
        let in_doubt = |nonces: &mut Nonces, nonce: &str| {
            nonces.reserve(ADA, nonce, Millis(0));
            nonces.doubt(ADA, nonce, Millis(5));
        };
        in_doubt(&mut nonces, "c1");
        nonces.release(ADA, "c1");
        assert_eq!(nonces.reserve(ADA, "c1", Millis(9)), Known::Doubtful);
        assert!(nonces.settle(ADA, "c1", accepted(7, 0)), "it was in the log after all");
        nonces.forget_doubt(ADA, "c1");
        assert_eq!(nonces.reserve(ADA, "c1", Millis(9)), Known::Accepted(accepted(7, 0)));

        in_doubt(&mut nonces, "c2");
        nonces.forget_doubt(ADA, "c2");
        assert_eq!(nonces.reserve(ADA, "c2", Millis(9)), Known::New);

        in_doubt(&mut nonces, "c3");
        nonces.reserve(BOB, "c9", Millis(6 + NONCE_TTL_MS));
        assert_eq!(
            nonces.reserve(ADA, "c3", Millis(6 + NONCE_TTL_MS)),
            Known::New,
            "doubt ends with the time"
        );
        assert_eq!(
            nonces.reserve(ADA, "c2", Millis(6 + NONCE_TTL_MS)),
            Known::Pending,
            "what is on its way stays"
        );
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
        assert!(
            nonces.settle(ADA, "c1", accepted(9, 1_001 + NONCE_TTL_MS)),
            "its time was over: a message of its own"
        );
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
