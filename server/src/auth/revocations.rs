//! Sessions that ended a moment ago: who wants to know is told, and whoever asks gets the answer from memory.
//!
//! The store is the truth about sessions; this is what makes an end known within the process at once. Ends made here
//! and ends heard of from elsewhere are remembered alike; only those made here are told on
//! ([`Revocations::subscribe_own`]), so no word goes round in circles. Start with [`Revocations`].

use super::service::millis;
use chat::{account::Family, time::Millis};
use parking_lot::Mutex;
use protocol::ids::UserId;
use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};
use tokio::sync::broadcast;

/// How many words may wait for a subscriber. One that is further behind is told `Lagged` and asks
/// [`Revocations::has_ended`] for each of its sessions. 1,024 × 24 bytes.
const HUB_CAPACITY: usize = 1_024;

/// How many ended sessions are remembered. An entry is needed as long as an access token lives: in 15 minutes this is
/// enough for 145 ends a second. Beyond it the oldest are forgotten here, and the store refuses their tokens.
/// 131,072 × (24 in the queue + about 40 in the set) is 8 MiB.
pub const ENDED_MAX: usize = 128 * 1_024;

/// Whose sessions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// One session.
    Family(Family),
    /// All sessions this user had. One begun since is not meant: ask [`Revocations::has_ended`].
    User(UserId),
}

/// One end made by this process, for whoever tells the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whose sessions, where all of them were ended.
    pub user: Option<UserId>,
    /// Which sessions.
    pub families: Vec<Family>,
}

/// The sessions that ended lately. Ends are in the store before they are told here.
#[derive(Debug)]
pub struct Revocations {
    hub: broadcast::Sender<Revoked>,
    own: broadcast::Sender<End>,
    ended: Mutex<Ended>,
    kept_for: Duration,
}

#[derive(Debug, Default)]
struct Ended {
    families: HashSet<Family>,
    /// Oldest first, with the moment from which on no access token of it can be good.
    order: VecDeque<(Millis, Family)>,
}

impl Revocations {
    /// `kept_for` is how long an access token may live.
    pub(crate) fn new(kept_for: Duration) -> Self {
        Self {
            hub: broadcast::Sender::new(HUB_CAPACITY),
            own: broadcast::Sender::new(HUB_CAPACITY),
            ended: Mutex::default(),
            kept_for,
        }
    }

    /// Every end from now on. One subscription for a gateway, not one for each connection.
    pub fn subscribe(&self) -> broadcast::Receiver<Revoked> {
        self.hub.subscribe()
    }

    /// Every end made by this process from now on, and none that was heard of from elsewhere.
    pub fn subscribe_own(&self) -> broadcast::Receiver<End> {
        self.own.subscribe()
    }

    /// Did this session end lately?
    pub fn has_ended(&self, family: Family) -> bool {
        self.ended.lock().families.contains(&family)
    }

    /// Forgets sessions whose access tokens have all run out.
    pub(super) fn sweep(&self, now: Millis) {
        let mut ended = self.ended.lock();
        while ended.order.front().is_some_and(|(until, _)| *until <= now) {
            ended.forget_oldest();
        }
    }

    pub(crate) fn end_family(&self, family: Family, now: Millis) {
        let until = self.until(now);
        self.remember(&[family], until);
        self.tell(Revoked::Family(family));
        let _ = self.own.send(End { user: None, families: vec![family] });
    }

    pub(crate) fn end_user(&self, user: UserId, families: Vec<Family>, now: Millis) {
        self.remember(&families, self.until(now));
        self.tell(Revoked::User(user));
        let _ = self.own.send(End { user: Some(user), families });
    }

    /// Another process ended sessions at that time. What is known already, or matters no more because every access token
    /// of then has run out, is not told again.
    pub fn end_elsewhere(&self, end: &End, at: Millis, now: Millis) {
        let until = self.until(at.min(now));
        if until <= now || !self.remember(&end.families, until) {
            return;
        }
        match end.user {
            Some(user) => self.tell(Revoked::User(user)),
            None => end.families.iter().for_each(|family| self.tell(Revoked::Family(*family))),
        }
    }

    fn until(&self, ended_at: Millis) -> Millis {
        ended_at.plus(millis(self.kept_for))
    }

    /// Was any of them not known yet?
    fn remember(&self, families: &[Family], until: Millis) -> bool {
        let mut ended = self.ended.lock();
        let mut new = false;
        for family in families {
            if ended.families.insert(*family) {
                new = true;
                ended.order.push_back((until, *family));
            }
            if ended.order.len() > ENDED_MAX {
                ended.forget_oldest();
            }
        }
        new
    }

    fn tell(&self, word: Revoked) {
        // An error means that nobody has subscribed.
        let _ = self.hub.send(word);
    }
}

impl Ended {
    fn forget_oldest(&mut self) {
        if let Some((_, family)) = self.order.pop_front() {
            self.families.remove(&family);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(900);

    #[test]
    fn an_end_is_told_and_remembered_as_long_as_a_token_lives() {
        let revocations = Revocations::new(TTL);
        let mut word = revocations.subscribe();
        revocations.end_family(Family(1), Millis(1_000));
        revocations.end_user(UserId(7), vec![Family(2), Family(3)], Millis(2_000));
        assert_eq!(word.try_recv().unwrap(), Revoked::Family(Family(1)));
        assert_eq!(word.try_recv().unwrap(), Revoked::User(UserId(7)));
        assert!(word.try_recv().is_err());

        let ended = || [1, 2, 3, 4].map(|f| revocations.has_ended(Family(f)));
        assert_eq!(ended(), [true, true, true, false]);
        revocations.sweep(Millis(900_999));
        assert_eq!(ended(), [true, true, true, false]);
        revocations.sweep(Millis(901_000));
        assert_eq!(ended(), [false, true, true, false]);
        revocations.sweep(Millis(902_000));
        assert_eq!(ended(), [false; 4]);
    }

    #[test]
    fn what_others_ended_is_remembered_and_told_once_and_not_told_on() {
        let revocations = Revocations::new(TTL);
        let (mut word, mut own) = (revocations.subscribe(), revocations.subscribe_own());
        let all = End { user: Some(UserId(7)), families: vec![Family(1), Family(2)] };
        revocations.end_elsewhere(&all, Millis(1_000), Millis(5_000));
        revocations.end_elsewhere(&all, Millis(1_000), Millis(5_000));
        let one = End { user: None, families: vec![Family(3)] };
        revocations.end_elsewhere(&one, Millis(9_000), Millis(5_000));
        assert_eq!(word.try_recv().unwrap(), Revoked::User(UserId(7)));
        assert_eq!(word.try_recv().unwrap(), Revoked::Family(Family(3)));
        assert!(word.try_recv().is_err());
        assert!(own.try_recv().is_err(), "it was not ended here");
        revocations.end_family(Family(4), Millis(5_000));
        assert_eq!(own.try_recv().unwrap(), End { user: None, families: vec![Family(4)] });

        // As long as from its own moment, and a clock that runs ahead makes it no longer.
        revocations.sweep(Millis(901_000));
        assert_eq!([1, 2, 3].map(|f| revocations.has_ended(Family(f))), [false, false, true]);
        revocations.sweep(Millis(905_000));
        assert!(!revocations.has_ended(Family(3)));
        revocations.end_elsewhere(&all, Millis(1_000), Millis(901_000));
        assert!(!revocations.has_ended(Family(1)), "its access tokens have all run out");
    }

    #[test]
    fn memory_is_bounded() {
        let revocations = Revocations::new(TTL);
        let many: Vec<_> = (0..=ENDED_MAX as u128).map(Family).collect();
        revocations.end_user(UserId(1), many.clone(), Millis(0));
        revocations.end_user(UserId(1), many[1..].to_vec(), Millis(0));
        assert!(!revocations.has_ended(Family(0)), "the oldest went");
        assert!(revocations.has_ended(Family(1)));
        let ended = revocations.ended.lock();
        assert_eq!((ended.families.len(), ended.order.len()), (ENDED_MAX, ENDED_MAX));
    }

    #[test]
    fn a_subscriber_that_is_too_far_behind_is_told_so() {
        let revocations = Revocations::new(TTL);
        let mut word = revocations.subscribe();
        for f in 0..=HUB_CAPACITY as u128 {
            revocations.end_family(Family(f), Millis(0));
        }
        assert!(matches!(word.try_recv(), Err(broadcast::error::TryRecvError::Lagged(_))));
        assert!(revocations.has_ended(Family(0)), "and can ask");
    }
}
