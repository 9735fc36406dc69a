//! Who proved a session here lately: what stands in for the store while that does not answer.
//!
//! The store stays the truth and is asked each time. Only if it is out of reach, or silent for [`ASK_MAX`], is a session
//! that it vouched for before taken as good, as long as its access token is (15 minutes at most) and nobody said that it
//! ended. So whoever was there when a database died goes on to chat; who comes anew has to wait for it.

use super::identity::Profile;
use chat::account::{Family, TokenHash};
use parking_lot::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};
use tokio::time::Instant;

/// How long the store is waited for where there is something to fall back on. An answer takes milliseconds.
pub const ASK_MAX: Duration = Duration::from_millis(500);
/// A store that did not answer is not waited for again for so long.
const SILENT_FOR: Duration = Duration::from_secs(1);
/// Sessions that are remembered; beyond it the oldest are forgotten. 65,536 × some 300 bytes are 20 MiB, and hold the
/// users of 15 minutes of a busy gateway.
const REMEMBERED_MAX: usize = 64 * 1_024;

#[derive(Debug, Default)]
pub struct Remembered(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sessions: HashMap<TokenHash, (Family, Profile)>,
    /// Those of `sessions`, in the order in which they first came.
    order: VecDeque<TokenHash>,
    silent_until: Option<Instant>,
}

impl Remembered {
    /// The store vouched for this session, and answers.
    pub fn proved(&self, session: TokenHash, family: Family, user: Profile) {
        let mut inner = self.0.lock();
        inner.silent_until = None;
        if inner.sessions.insert(session, (family, user)).is_none() {
            inner.order.push_back(session);
        }
        if inner.order.len() > REMEMBERED_MAX
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.sessions.remove(&oldest);
        }
    }

    /// The store did not answer.
    pub fn silent(&self) {
        self.0.lock().silent_until = Some(Instant::now() + SILENT_FOR);
    }

    /// Did it not answer a moment ago?
    pub fn is_silent(&self) -> bool {
        self.0.lock().silent_until.is_some_and(|until| Instant::now() < until)
    }

    /// The store says that this session is over.
    pub fn forget(&self, session: &TokenHash) {
        // Its place in the order is taken by nothing.
        self.0.lock().sessions.remove(session);
    }

    /// Who it was, if the store vouched for it before.
    pub fn who(&self, session: &TokenHash, family: Family) -> Option<Profile> {
        let inner = self.0.lock();
        let (known, user) = inner.sessions.get(session)?;
        (*known == family).then(|| user.clone())
    }
}
