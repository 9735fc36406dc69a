//! Against sending twice: which `(user, nonce)` pairs of a room were accepted, or are on their way.
//!
//! It knows no clock (callers say what time it is) and is rebuilt from the log, whose records carry the nonce. An
//! entry counts for [`NONCE_TTL_MS`] from the time the message was accepted.
//!
//! Where several processes write to one log, two of them may append the same nonce before either has read the other's
//! record. Then the order of the log decides: [`Nonces::settle`], called for every record in that order, gives every
//! process the same answer, whenever it began to read, if it began [`LOOK_BACK_MS`] before the first record it judges.

use crate::time::Millis;
use protocol::{
    ids::{MessageId, Seq, UserId},
    limits::NONCE_TTL_MS,
};
use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
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

/// 128 bits of two differently keyed hashes: a collision among 8.4 million entries has a chance below 10⁻²⁴. Nobody knows
/// what they are keyed with, so nobody can choose nonces that lie in each other's way.
type Key = (u64, u64);

type Keyed<T> = HashMap<Key, T, BuildHasherDefault<AsItIs>>;

/// For keys that are hashes already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u64(&mut self, half: u64) {
        self.0 = self.0.rotate_left(1) ^ half;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Two records of one nonce in a shared log lie no further apart than this, or further than [`NONCE_TTL_MS`]: the second
/// was written by a process that had not read the first, so it is bounded by how far a process may be behind the log
/// (about ten seconds; then it takes no sends), how long an append may be on its way (five), and by how much the
/// processes' clocks may differ (the rest).
pub const RACE_MS: u64 = 60_000;

/// So long before the first record that is to be judged has the reading of a shared log to begin. A record is judged by
/// those of [`NONCE_TTL_MS`] before it. Of the oldest among these it is not known whether they stand for a message
/// themselves, and what is judged by them neither; three times [`RACE_MS`] lets all such records be past their time.
pub const LOOK_BACK_MS: u64 = NONCE_TTL_MS + 3 * RACE_MS;

/// The nonces of one room.
#[derive(Debug, Default)]
pub struct Nonces {
    halves: (RandomState, RandomState),
    accepted: Keyed<Accepted>,
    by_age: VecDeque<(Millis, Key)>,
    /// Sends of this process that the log has not told of. A nonce may be here while an old message with it is still in
    /// `accepted`, past its time.
    under_way: Keyed<UnderWay>,
    doubts_by_age: VecDeque<(Millis, Key)>,
    shared: bool,
    /// When the record was sent that was settled last.
    settled_at: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnderWay {
    Pending,
    Doubtful { since: Millis },
}

impl UnderWay {
    fn known(&self) -> Known {
        match self {
            Self::Pending => Known::Pending,
            Self::Doubtful { .. } => Known::Doubtful,
        }
    }
}

/// What a record of a shared log is, as far as the nonces know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message of its nonce.
    Message,
    /// A second record of a nonce whose message is another one.
    Repeat,
    /// Too old to be known, or not settled yet.
    Unknown,
}

impl Nonces {
    /// For a log that other processes write to as well: what was settled is kept until no record that it decides about
    /// can come any more, also where this process is behind the log.
    #[must_use]
    pub fn of_shared_log() -> Self {
        Self { shared: true, ..Self::default() }
    }

    fn key(&self, user: UserId, nonce: &str) -> Key {
        (self.halves.0.hash_one((user, nonce)), self.halves.1.hash_one((user, nonce)))
    }

    /// Looks a nonce up and reserves it if it is new.
    pub fn reserve(&mut self, user: UserId, nonce: &str, now: Millis) -> Known {
        self.forget_old(now);
        let key = self.key(user, nonce);
        if let Some(first) = self.in_force(&key, now) {
            return Known::Accepted(first);
        }
        match self.under_way.entry(key) {
            Entry::Vacant(free) => {
                free.insert(UnderWay::Pending);
                Known::New
            }
            Entry::Occupied(held) => held.get().known(),
        }
    }

    /// Looks a nonce up, and reserves nothing.
    #[must_use]
    pub fn look(&self, user: UserId, nonce: &str, now: Millis) -> Known {
        let key = self.key(user, nonce);
        match self.in_force(&key, now) {
            Some(first) => Known::Accepted(first),
            None => self.under_way.get(&key).map_or(Known::New, UnderWay::known),
        }
    }

    fn in_force(&self, key: &Key, now: Millis) -> Option<Accepted> {
        self.accepted.get(key).copied().filter(|first| first.sent_at.plus(NONCE_TTL_MS) >= now)
    }

    /// The message is durable. The first answer stays: a second record with the same nonce within [`NONCE_TTL_MS`]
    /// changes nothing and is reported with `false`. Only the records' own times count here, so that every reading of
    /// the log comes to the same answer whatever its clock says.
    pub fn settle(&mut self, user: UserId, nonce: &str, accepted: Accepted) -> bool {
        let key = self.key(user, nonce);
        self.settled_at = accepted.sent_at;
        self.under_way.remove(&key);
        match self.accepted.entry(key) {
            Entry::Occupied(first) if accepted.sent_at <= first.get().sent_at.plus(NONCE_TTL_MS) => {
                *first.get() == accepted
            }
            Entry::Occupied(mut past) => {
                past.insert(accepted);
                self.remember(accepted.sent_at, key);
                true
            }
            Entry::Vacant(free) => {
                free.insert(accepted);
                self.remember(accepted.sent_at, key);
                true
            }
        }
    }

    /// The message of a nonce, as far as the log has been read.
    #[must_use]
    pub fn settled(&self, user: UserId, nonce: &str) -> Option<Accepted> {
        self.accepted.get(&self.key(user, nonce)).copied()
    }

    /// What the record is that was sent then and stands there.
    #[must_use]
    pub fn verdict(&self, user: UserId, nonce: &str, record: Accepted) -> Verdict {
        match self.settled(user, nonce) {
            Some(first) if first == record => Verdict::Message,
            Some(first) if first.seq < record.seq && record.sent_at <= first.sent_at.plus(NONCE_TTL_MS) => {
                Verdict::Repeat
            }
            _ => Verdict::Unknown,
        }
    }

    /// It is not known whether the message is in the log. Until that is known the nonce is neither free nor accepted:
    /// a second send could become a second message, and a refusal of it could turn out to be untrue.
    pub fn doubt(&mut self, user: UserId, nonce: &str, now: Millis) {
        let key = self.key(user, nonce);
        if let Some(held @ UnderWay::Pending) = self.under_way.get_mut(&key) {
            *held = UnderWay::Doubtful { since: now };
            self.doubts_by_age.push_back((now, key));
        }
    }

    /// The log has been read beyond the place where the message would be, and nobody settled it: it is not there, and
    /// the nonce is free again.
    pub fn forget_doubt(&mut self, user: UserId, nonce: &str) {
        let key = self.key(user, nonce);
        if let Entry::Occupied(held) = self.under_way.entry(key)
            && matches!(held.get(), UnderWay::Doubtful { .. })
        {
            held.remove();
        }
    }

    /// The message did not come into the log: the nonce is free again.
    pub fn release(&mut self, user: UserId, nonce: &str) {
        let key = self.key(user, nonce);
        if let Entry::Occupied(held) = self.under_way.entry(key)
            && *held.get() == UnderWay::Pending
        {
            held.remove();
        }
    }

    /// How many nonces are known.
    pub fn len(&self) -> usize {
        self.accepted.len() + self.under_way.len()
    }

    /// Is none known?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives up what is past its time; [`Self::reserve`] does so too.
    pub fn forget_old(&mut self, now: Millis) {
        while let Some((since, key)) = self.doubts_by_age.front().copied()
            && since.plus(NONCE_TTL_MS) < now
        {
            self.doubts_by_age.pop_front();
            // What was in doubt then may have been settled, or be on its way again, since.
            if self.under_way.get(&key) == Some(&UnderWay::Doubtful { since }) {
                self.under_way.remove(&key);
            }
        }
        // In a shared log it is the log's time that counts: a process that is behind still needs what is old by the clock.
        // And it is the clock's where somebody else's is ahead.
        let (now, keep_ms) =
            if self.shared { (now.min(self.settled_at), LOOK_BACK_MS) } else { (now, NONCE_TTL_MS) };
        while self.by_age.front().is_some_and(|(sent_at, _)| sent_at.plus(keep_ms) < now) {
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
        // There may be a younger message with that nonce since.
        if self.accepted.get(&key).is_some_and(|first| first.sent_at == at) {
            self.accepted.remove(&key);
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

    /// Whoever begins to read a shared log anywhere comes to the same answers as who read it all, if it began early enough.
    #[test]
    fn where_the_reading_begins_does_not_change_what_a_record_is() {
        let minute = 60_000;
        // Times of records with one nonce: a race, a retry by a process that was behind, and the nonce used anew.
        let times = [0, 400, RACE_MS, NONCE_TTL_MS + 1, NONCE_TTL_MS + 900, 30 * minute, 30 * minute + 7];
        let records: Vec<Accepted> = (1..).zip(times).map(|(seq, at)| accepted(seq, at)).collect();
        let read = |records: &[Accepted]| -> Vec<bool> {
            let mut nonces = Nonces::of_shared_log();
            records
                .iter()
                .map(|record| {
                    nonces.forget_old(Millis(u64::MAX));
                    nonces.settle(ADA, "c1", *record)
                })
                .collect()
        };
        let whole = read(&records);
        assert_eq!(whole, [true, false, false, true, false, true, false]);
        for (judged, record) in records.iter().enumerate() {
            let begin = records.partition_point(|r| r.sent_at.plus(LOOK_BACK_MS) < record.sent_at);
            for begin in 0..=begin {
                assert_eq!(
                    read(&records[begin..=judged]).last(),
                    Some(&whole[judged]),
                    "{judged} from {begin}"
                );
            }
        }
    }

    #[test]
    fn a_process_that_is_behind_a_shared_log_still_knows_a_repeat() {
        let mut nonces = Nonces::of_shared_log();
        let first = accepted(7, 1_000);
        assert!(nonces.settle(ADA, "c1", first));
        // By the clock it is long past its time: another send with it is a message of its own.
        let now = Millis(1_001 + NONCE_TTL_MS);
        assert_eq!(nonces.reserve(ADA, "c1", now), Known::New);
        assert_eq!(nonces.reserve(ADA, "c1", now), Known::Pending);
        // The log is still where the first one was repeated.
        let repeat = accepted(8, 1_500);
        assert!(!nonces.settle(ADA, "c1", repeat));
        assert_eq!(nonces.verdict(ADA, "c1", first), Verdict::Message);
        assert_eq!(nonces.verdict(ADA, "c1", repeat), Verdict::Repeat);
        let own = accepted(9, now.0);
        assert_eq!(nonces.verdict(ADA, "c1", own), Verdict::Unknown);
        assert!(nonces.settle(ADA, "c1", own));
        assert_eq!(nonces.verdict(ADA, "c1", own), Verdict::Message);
        assert_eq!(nonces.verdict(ADA, "c1", first), Verdict::Unknown, "a later one took its place");
    }

    #[test]
    fn what_is_settled_by_somebody_else_answers_a_send_under_way() {
        let mut nonces = Nonces::of_shared_log();
        assert_eq!(nonces.reserve(ADA, "c1", Millis(5)), Known::New);
        nonces.settle(ADA, "c1", accepted(7, 4));
        nonces.release(ADA, "c1");
        nonces.doubt(ADA, "c1", Millis(6));
        assert_eq!(nonces.reserve(ADA, "c1", Millis(6)), Known::Accepted(accepted(7, 4)));
        assert_eq!(nonces.settled(ADA, "c1"), Some(accepted(7, 4)));
        assert_eq!(nonces.settled(BOB, "c1"), None);
    }

    #[test]
    fn to_look_reserves_nothing() {
        let mut nonces = Nonces::default();
        assert_eq!(nonces.look(ADA, "c1", Millis(1)), Known::New);
        assert_eq!(nonces.reserve(ADA, "c1", Millis(1)), Known::New, "it was free still");
        assert_eq!(nonces.look(ADA, "c1", Millis(1)), Known::Pending);
        assert_eq!(nonces.look(BOB, "c1", Millis(1)), Known::New);
        nonces.doubt(ADA, "c1", Millis(1));
        assert_eq!(nonces.look(ADA, "c1", Millis(1)), Known::Doubtful);
        nonces.settle(ADA, "c1", accepted(7, 1));
        assert_eq!(nonces.look(ADA, "c1", Millis(1 + NONCE_TTL_MS)), Known::Accepted(accepted(7, 1)));
        assert_eq!(nonces.look(ADA, "c1", Millis(2 + NONCE_TTL_MS)), Known::New, "its time is over");
    }

    #[test]
    fn a_record_of_a_clock_ahead_keeps_no_old_nonce_in_force() {
        let mut nonces = Nonces::default();
        nonces.settle(ADA, "c1", accepted(7, 10 * NONCE_TTL_MS));
        nonces.settle(ADA, "c2", accepted(8, 1_000));
        assert_eq!(nonces.reserve(ADA, "c2", Millis(1_001 + NONCE_TTL_MS)), Known::New);
    }
}
