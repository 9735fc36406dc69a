//! Accepting a message: nonce → style → log → acknowledgement.
//!
//! Who speaks, and how often, is asked before; here a [`Draft`] is already admitted. [`Room::submit`] is quick and
//! keeps the order of its calls; [`Submitted::outcome`] waits for the log. *Accepted* means that the log said durable.

use super::{Room, style};
use crate::limits::UserPace;
use chat::{
    message::Draft,
    nonces::{Accepted, Known},
    record::Record,
    time::Millis,
};
use event_log::{Append, AppendError};
use protocol::ids::{MessageId, Seq, UserId};
use std::{sync::Arc, time::Duration};
use uuid::Builder;

/// How long a send waits for the tail to come to the log's end. It lags by milliseconds.
const TAIL_LAG_MAX: Duration = Duration::from_secs(1);

/// Why a message was not accepted. Nobody will ever see it, except after [`Rejected::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The user sends too fast.
    #[error("you are sending messages too fast")]
    RateLimited {
        /// Not before that.
        retry_after: Duration,
    },
    /// Too much is waiting for the log.
    #[error("the server is too busy right now; try again in a moment")]
    Overloaded {
        /// Not before that.
        retry_after: Duration,
    },
    /// The disk is full.
    #[error("the server's disk is full; nothing was accepted")]
    StorageFull,
    /// The log is out of reach.
    #[error("the message log is out of reach; nothing was accepted")]
    Unavailable,
    /// The log stopped under it: it may be there or not. Not to be answered as an error; the sender asks again.
    #[error("it is not known whether the message was accepted; send it again with the same nonce")]
    Unknown,
}

impl From<AppendError> for Rejected {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            AppendError::StorageFull => Self::StorageFull,
            AppendError::Unknown(_) => Self::Unknown,
            AppendError::Unavailable(_) => Self::Unavailable,
            // Admission and the room's set-up exclude these two; if they come, nothing was written.
            AppendError::TooLarge { .. } | AppendError::NoPartition(_) => {
                tracing::error!(%error, "the log refused a record that should fit");
                Self::Unavailable
            }
        }
    }
}

/// A message on its way into the log.
pub struct Submitted(State);

enum State {
    /// The nonce was used before: here is the first answer.
    Known(Accepted),
    /// Another send with this nonce is on its way; then it is this one's turn, or has its answer.
    Waiting(Arc<Room>, Draft, UserPace),
    /// Another send with this nonce may be in the log or not.
    Doubtful(Arc<Room>, Draft, UserPace),
    Appending(InFlight),
}

struct InFlight {
    room: Arc<Room>,
    /// Taken when it is done; if it is still here on drop, someone has to wait for it (the nonce hangs on it).
    append: Option<Append>,
    id: MessageId,
    sent_at: Millis,
    nonce: Option<(UserId, String)>,
}

impl Room {
    /// Styles a draft and hands it to the log, in the order of the calls. Quick: it waits for nothing.
    ///
    /// The nonce comes before the pace: whoever asks again after a message that was accepted must not be told that it
    /// was refused.
    pub fn submit(
        self: &Arc<Self>,
        draft: Draft,
        pace: &UserPace,
        now: Millis,
    ) -> Result<Submitted, Rejected> {
        if let Some(nonce) = &draft.nonce {
            match self.nonces.lock().reserve(draft.author.id, nonce, now) {
                Known::New => {}
                Known::Pending => return Ok(Submitted(State::Waiting(self.clone(), draft, pace.clone()))),
                Known::Doubtful => return Ok(Submitted(State::Doubtful(self.clone(), draft, pace.clone()))),
                Known::Accepted(first) => return Ok(Submitted(State::Known(first))),
            }
        }
        let id = new_id(now, self.world.random());
        let nonce = draft.nonce.clone().map(|nonce| (draft.author.id, nonce));
        if let Err(retry_after) = pace.check(draft.author.id) {
            self.release(nonce.as_ref());
            return Err(Rejected::RateLimited { retry_after });
        }
        let styled = self.style.say(style::seed_of(id), draft.text.text());
        let record = Record::Message(Box::new(draft.into_styled(id, now, styled))).encode();
        match self.log.append(self.partition, record.into()) {
            Ok(append) => {
                let room = self.clone();
                Ok(Submitted(State::Appending(InFlight {
                    room,
                    append: Some(append),
                    id,
                    sent_at: now,
                    nonce,
                })))
            }
            Err(error) => {
                self.release(nonce.as_ref());
                Err(error.into())
            }
        }
    }

    /// The log holds a message with this nonce: the answer to it, for whoever asks again.
    pub(super) fn settle(&self, user: UserId, nonce: &str, accepted: Accepted) -> bool {
        let first = self.nonces.lock().settle(user, nonce, accepted);
        self.nonce_settled.notify_waiters();
        first
    }

    /// Finds out what became of a send that the log could not tell of; `true` if the nonce can be asked for again.
    ///
    /// Once the log is well again it holds that record or never will, and once the tail has read so far the record's
    /// nonce is settled.
    async fn resolve(&self, user: UserId, nonce: &str) -> bool {
        if self.log.healthy().is_err() {
            return false;
        }
        let Ok(bounds) = self.log.bounds(self.partition) else { return false };
        if tokio::time::timeout(TAIL_LAG_MAX, self.followed(bounds.last)).await.is_err() {
            return false;
        }
        self.nonces.lock().forget_doubt(user, nonce);
        true
    }

    fn doubt(&self, nonce: Option<&(UserId, String)>) {
        if let Some((user, nonce)) = nonce {
            self.nonces.lock().doubt(*user, nonce, self.world.now());
            self.nonce_settled.notify_waiters();
        }
    }

    fn release(&self, nonce: Option<&(UserId, String)>) {
        if let Some((user, nonce)) = nonce {
            self.nonces.lock().release(*user, nonce);
            self.nonce_settled.notify_waiters();
        }
    }
}

impl Submitted {
    /// Waits until the message is durable or refused. If this is dropped half-way, the message still goes its way.
    pub async fn outcome(self) -> Result<Accepted, Rejected> {
        let mut state = self.0;
        loop {
            state = match state {
                State::Known(accepted) => return Ok(accepted),
                State::Appending(flight) => return flight.land().await,
                State::Waiting(room, draft, pace) => {
                    let settled = room.nonce_settled.notified();
                    tokio::pin!(settled);
                    // Listen first, then look again: otherwise the news could come in between.
                    settled.as_mut().enable();
                    match room.submit(draft, &pace, room.world.now())?.0 {
                        waiting @ State::Waiting(..) => {
                            settled.await;
                            waiting
                        }
                        other => other,
                    }
                }
                State::Doubtful(room, draft, pace) => {
                    let nonce = draft.nonce.clone().unwrap_or_default();
                    if !room.resolve(draft.author.id, &nonce).await {
                        return Err(Rejected::Unknown);
                    }
                    room.submit(draft, &pace, room.world.now())?.0
                }
            };
        }
    }
}

impl InFlight {
    async fn land(mut self) -> Result<Accepted, Rejected> {
        let Some(append) = self.append.as_mut() else { return Err(Rejected::Unknown) };
        let answer = append.await;
        self.append = None;
        match answer {
            Ok(offset) => {
                let accepted = Accepted { id: self.id, seq: Seq(offset.0), sent_at: self.sent_at };
                if let Some((user, nonce)) = &self.nonce {
                    self.room.settle(*user, nonce, accepted);
                }
                Ok(accepted)
            }
            Err(error @ AppendError::Unknown(_)) => {
                self.room.doubt(self.nonce.as_ref());
                Err(error.into())
            }
            Err(error) => {
                self.room.release(self.nonce.as_ref());
                Err(error.into())
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Some(append) = self.append.take() else { return };
        let (Some((user, nonce)), Ok(runtime)) = (self.nonce.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (room, id, sent_at) = (self.room.clone(), self.id, self.sent_at);
        // Rare: the sender's connection ended before the log answered. Bounded by the log's own queue. The task holds
        // no `InFlight`: a runtime that is shutting down drops it at once, and it must not ask for another one then.
        runtime.spawn(async move {
            match append.await {
                Ok(offset) => {
                    room.settle(user, &nonce, Accepted { id, seq: Seq(offset.0), sent_at });
                }
                Err(AppendError::Unknown(_)) => room.doubt(Some(&(user, nonce))),
                Err(_) => room.release(Some(&(user, nonce))),
            }
        });
    }
}

/// A UUIDv7 for a message that is accepted now.
fn new_id(now: Millis, random: u128) -> MessageId {
    let [.., a, b, c, d, e, f, g, h, i, j] = random.to_le_bytes();
    MessageId(Builder::from_unix_timestamp_millis(now.0, &[a, b, c, d, e, f, g, h, i, j]).into_uuid())
}
