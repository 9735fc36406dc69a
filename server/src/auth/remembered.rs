//! Who proved a session here lately: what stands in for the store while that does not answer.
//!
//! The store stays the truth and is asked each time. Only if it is out of reach, or silent for [`ASK_MAX`], is a session
//! that it vouched for before taken as good, as long as its access token is (15 minutes at most) and nobody said that it
//! ended. So whoever was there when a database died goes on to chat; who comes anew has to wait for it.

use super::identity::Profile;
use chat::account::{Family, TokenHash};
use chat_store::StoreError;
use parking_lot::Mutex;
use protocol::ids::UserId;
use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// How long the store is waited for where there is something to fall back on. An answer takes milliseconds.
pub const ASK_MAX: Duration = Duration::from_millis(500);
/// A store that did not answer is not waited for again for so long.
const SILENT_FOR: Duration = Duration::from_secs(1);
/// Sessions that are remembered; beyond it the oldest are forgotten. 65,536 × some 300 bytes are 20 MiB, and hold the
/// users of 15 minutes of a busy gateway.
const REMEMBERED_MAX: usize = 64 * 1_024;

/// One session, as an access token names it.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// The refresh token it was issued with.
    pub hash: TokenHash,
    /// Of which log-in.
    pub family: Family,
    /// Whose.
    pub user: UserId,
}

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
    /// The store's answer about this session, or what it said before if it does not answer. `None`: there is no such session.
    pub async fn or_ask(
        &self,
        session: Session,
        asked: impl Future<Output = Result<Option<Profile>, StoreError>>,
    ) -> Result<Option<Profile>, StoreError> {
        let Some(known) = self.who(session) else {
            let answer = asked.await;
            self.learn(session, &answer);
            return answer;
        };
        let answer = if self.is_silent() {
            None
        } else {
            let answer = timeout(ASK_MAX, asked).await.ok();
            let answer = answer.filter(|answer| !matches!(answer, Err(StoreError::Unavailable(_))));
            if answer.is_none() {
                self.0.lock().silent_until = Some(Instant::now() + SILENT_FOR);
            }
            answer
        };
        if let Some(answer) = answer {
            self.learn(session, &answer);
            return answer;
        }
        metrics::counter!("twitchy_sessions_remembered_total").increment(1);
        Ok(Some(known))
    }

    fn learn(&self, session: Session, answer: &Result<Option<Profile>, StoreError>) {
        let mut inner = self.0.lock();
        match answer {
            Ok(Some(user)) => {
                inner.silent_until = None;
                if inner.sessions.insert(session.hash, (session.family, user.clone())).is_none() {
                    inner.order.push_back(session.hash);
                }
                if inner.order.len() > REMEMBERED_MAX
                    && let Some(oldest) = inner.order.pop_front()
                {
                    inner.sessions.remove(&oldest);
                }
            }
            // Its place in the order is taken by nothing.
            Ok(None) => drop(inner.sessions.remove(&session.hash)),
            Err(_) => {}
        }
    }

    /// Did the store not answer a moment ago?
    fn is_silent(&self) -> bool {
        self.0.lock().silent_until.is_some_and(|until| Instant::now() < until)
    }

    fn who(&self, session: Session) -> Option<Profile> {
        let inner = self.0.lock();
        let (family, user) = inner.sessions.get(&session.hash)?;
        (*family == session.family && user.id == session.user).then(|| user.clone())
    }
}
