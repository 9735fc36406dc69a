//! Before a send is refused: was it accepted before?
//!
//! Whoever asks again for a message that was accepted must never hear that it was refused. Where the log is this process's
//! own, its nonces know that. Where it is shared, the message may have been accepted at another gateway a moment ago, and
//! the tail here not have read it: a refusal then waits until the tail is where the log ended when the attempt came, and
//! only then is it said. If that takes too long it is not said at all; the sender is told to ask again. What is accepted
//! waits for nothing of this. Start with [`Room::refuse`].

use super::{
    Room,
    accept::{Rejected, Submitted},
};
use chat::{
    nonces::{Accepted, Known},
    time::Millis,
};
use protocol::ids::UserId;
use std::sync::Arc;
use tokio::time::Instant;

/// A refusal that is not said yet.
pub(super) struct Refused {
    room: Arc<Room>,
    user: UserId,
    nonce: String,
    /// When the attempt came.
    came: Millis,
    why: Rejected,
}

impl Room {
    /// An attempt is refused for a reason that was found before its nonce was looked at.
    ///
    /// # Errors
    /// The refusal, if it has no nonce.
    pub fn refuse(
        self: &Arc<Self>,
        user: UserId,
        nonce: Option<String>,
        why: Rejected,
    ) -> Result<Submitted, Rejected> {
        let Some(nonce) = nonce else { return Err(why) };
        let came = self.world.now();
        Ok(self.held(Refused { room: self.clone(), user, nonce, came, why }))
    }

    /// An attempt is refused whose nonce was new here and is free again.
    pub(super) fn refuse_new(
        self: &Arc<Self>,
        nonce: Option<(UserId, String)>,
        came: Millis,
        why: Rejected,
    ) -> Result<Submitted, Rejected> {
        self.release(nonce.as_ref());
        match nonce {
            Some((user, nonce)) if self.shared && why.is_final() => {
                Ok(self.held(Refused { room: self.clone(), user, nonce, came, why }))
            }
            _ => Err(why),
        }
    }

    /// As [`Refused::outcome`], of an attempt that the log refused.
    pub(super) async fn refused_by_log(
        self: &Arc<Self>,
        (user, nonce): (UserId, String),
        came: Millis,
        why: Rejected,
        until: Instant,
    ) -> Result<Accepted, Rejected> {
        Refused { room: self.clone(), user, nonce, came, why }.outcome(Some(until)).await
    }
}

impl Refused {
    /// The answer to the first attempt with this nonce, or the refusal, or that it cannot be told which.
    pub(super) async fn outcome(self, until: Option<Instant>) -> Result<Accepted, Rejected> {
        let Self { room, user, nonce, came, why } = self;
        let told = match until.filter(|_| why.is_final()) {
            None => true,
            Some(until) => match room.followed.hold_refusal() {
                Some(_place) => room.followed.caught_up(until).await,
                None => false,
            },
        };
        let known = room.nonces.lock().look(user, &nonce, came);
        match known {
            Known::Accepted(first) => Ok(first),
            Known::New if told => Err(why),
            // Another attempt is under way, and may be accepted yet.
            _ if !room.shared => Err(Rejected::Unknown),
            _ => {
                metrics::counter!("twitchy_refusals_not_said_total").increment(1);
                Err(Rejected::Unconfirmed)
            }
        }
    }
}
