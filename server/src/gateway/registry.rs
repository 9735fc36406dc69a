//! Which connections belong to which log-in, so that they end when it ends.
//!
//! It knows no socket: a connection is something that can be woken, and then looks whether it is over.

use crate::auth::revocations::{Revocations, Revoked};
use chat::account::Family;
use parking_lot::Mutex;
use protocol::ids::UserId;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::{Notify, broadcast::error::RecvError};

/// What wakes a connection: news in a room, or the end of its log-in.
#[derive(Default)]
pub struct Signals {
    /// One permit is kept, so no wake-up is lost between two looks.
    pub wake: Arc<Notify>,
    revoked: AtomicBool,
}

impl Signals {
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
