//! Which connections belong to which log-in, so that they end when it ends.
//!
//! It knows no socket: a connection is something that can be woken, and then looks whether it is over.

use crate::{
    auth::revocations::{Revocations, Revoked},
    rooms::moderation::{Notice, Notices},
};
use chat::account::Family;
use parking_lot::Mutex;
use protocol::ids::UserId;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::{Notify, broadcast::error::RecvError};

/// What wakes a connection's task: the end of its log-in, a room that was closed, or something that its writing half has to say.
#[derive(Default)]
pub struct Signals {
    /// One permit is kept, so no wake-up is lost between two looks.
    pub wake: Notify,
    revoked: AtomicBool,
    /// A room that it reads may be closed.
    rooms: AtomicBool,
    /// Frames for this user alone, oldest first.
    mail: Mutex<VecDeque<Arc<str>>>,
}

/// Frames that may wait for a connection; more than this the oldest go. What they say is asked again at the next join.
const MAIL_MAX: usize = 32;

impl Signals {
    /// Takes the frames that wait for this connection.
    pub fn mail(&self) -> VecDeque<Arc<str>> {
        std::mem::take(&mut *self.mail.lock())
    }

    fn post(&self, frame: Arc<str>) {
        let mut mail = self.mail.lock();
        if mail.len() == MAIL_MAX {
            mail.pop_front();
        }
        mail.push_back(frame);
        drop(mail);
        self.wake.notify_one();
    }

    /// Has the connection to look whether a room that it reads was closed? Asked once for each time.
    pub fn rooms_closed(&self) -> bool {
        self.rooms.load(Ordering::Relaxed) && self.rooms.swap(false, Ordering::AcqRel)
    }

    /// It has.
    pub(super) fn look_at_rooms(&self) {
        self.rooms.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Has the log-in of this connection ended?
    pub fn revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

/// The connections of registered users.
#[derive(Default)]
pub struct Registry {
    next: AtomicU64,
    by_family: Mutex<HashMap<Family, Vec<Entry>>>,
}

struct Entry {
    number: u64,
    user: UserId,
    signals: Arc<Signals>,
}

/// A connection's entry; gone when dropped.
pub struct Registered {
    registry: Arc<Registry>,
    family: Family,
    number: u64,
}

impl Registry {
    /// Enters a connection under its log-in.
    pub fn enter(self: &Arc<Self>, family: Family, user: UserId, signals: Arc<Signals>) -> Registered {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.by_family.lock().entry(family).or_default().push(Entry { number, user, signals });
        Registered { registry: self.clone(), family, number }
    }

    /// Ends connections as log-ins end; runs until the process stops.
    pub async fn follow(self: Arc<Self>, revocations: Arc<Revocations>) {
        let mut words = revocations.subscribe();
        loop {
            match words.recv().await {
                Ok(Revoked::Family(family)) => self.end(|f, _| *f == family),
                Ok(Revoked::User(user)) => {
                    self.end(|f, entry| entry.user == user && revocations.has_ended(*f));
                }
                // So many at once that some words were lost: look at everyone.
                Err(RecvError::Lagged(_)) => self.end(|f, _| revocations.has_ended(*f)),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Hands on what rooms say to single users; runs until the process stops.
    pub async fn hand_on(self: Arc<Self>, notices: Notices) {
        let mut notices = notices.subscribe();
        loop {
            match notices.recv().await {
                Ok(Notice { user, frame }) => self.post(user, &frame),
                // Its effect is there all the same.
                Err(RecvError::Lagged(lost)) => {
                    metrics::counter!("twitchy_notices_lost_total").increment(lost);
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn post(&self, user: UserId, frame: &Arc<str>) {
        for entry in self.by_family.lock().values().flatten().filter(|entry| entry.user == user) {
            entry.signals.post(frame.clone());
        }
    }

    fn end(&self, is_meant: impl Fn(&Family, &Entry) -> bool) {
        for (family, entries) in self.by_family.lock().iter() {
            for entry in entries.iter().filter(|entry| is_meant(family, entry)) {
                entry.signals.revoke();
            }
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut by_family = self.registry.by_family.lock();
        if let Some(entries) = by_family.get_mut(&self.family) {
            entries.retain(|entry| entry.number != self.number);
            if entries.is_empty() {
                by_family.remove(&self.family);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_comes_to_all_connections_of_one_user() {
        let registry = Arc::new(Registry::default());
        let [a, b, c]: [Arc<Signals>; 3] = Default::default();
        let _a = registry.enter(Family(1), UserId(1), a.clone());
        let _b = registry.enter(Family(2), UserId(1), b.clone());
        let _c = registry.enter(Family(3), UserId(2), c.clone());
        for n in 0..MAIL_MAX + 2 {
            registry.post(UserId(1), &n.to_string().into());
        }
        for mine in [&a, &b] {
            let mail = mine.mail();
            assert_eq!((mail.len(), &*mail[0]), (MAIL_MAX, "2"), "the newest");
            assert!(mine.mail().is_empty());
        }
        assert!(c.mail().is_empty());
    }

    #[test]
    fn only_the_connections_that_are_meant_are_woken() {
        let registry = Arc::new(Registry::default());
        let [a, b, c]: [Arc<Signals>; 3] = Default::default();
        let _a = registry.enter(Family(1), UserId(1), a.clone());
        let _b = registry.enter(Family(2), UserId(1), b.clone());
        let gone = registry.enter(Family(1), UserId(1), c.clone());
        drop(gone);
        registry.end(|family, _| *family == Family(1));
        assert_eq!([a.revoked(), b.revoked(), c.revoked()], [true, false, false]);
    }
}
