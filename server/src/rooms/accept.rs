//! Accepting a message: nonce → style → log → acknowledgement.
//!
//! Who speaks, and how often, is asked before; here a [`Draft`] is already admitted. [`Room::submit`] is quick and
//! keeps the order of its calls; [`Submitted::outcome`] waits for the log. *Accepted* means that the log said durable.
//!
//! Where other processes write to the log too, one of them may have appended the same nonce a moment earlier. Then
//! "durable" is not yet the answer: it is given once this process's tail has read past the record, and is what the log's
//! order made of the nonce. Only the tail settles nonces there.

use super::{
    Room,
    followed::{Place, WAKE_WAIT_MAX},
    refusals::Refused,
    stage, style,
};
use crate::{emotes::live::Set, limits::UserPace};
use chat::{
    message::Draft,
    moderation::{recent::Claim, rules::Objection},
    nonces::{Accepted, Known},
    record::Record,
    time::Millis,
};
use event_log::{Append, AppendError, Offset};
use protocol::ids::{MessageId, Seq, UserId};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{Instant, error::Elapsed, timeout_at},
};
use uuid::Builder;

/// When to ask again while a room's style has too much to do: as for the log, about a group of the queue's work.
const STYLE_RETRY_AFTER: Duration = Duration::from_millis(50);

/// How long a send waits for the tail to come to the log's end. It lags by milliseconds.
const TAIL_LAG_MAX: Duration = Duration::from_secs(1);

/// With a log that is shared, a send is answered within this time, whatever the brokers do: as [`Rejected::Unknown`] if
/// by nothing better. An append is given up after 4.5 s; the rest is for the tail.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Why a message was not accepted. Nobody will ever see it, except after [`Rejected::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The user sends too fast.
    #[error("you are sending messages too fast")]
    RateLimited {
        /// Not before that.
        retry_after: Duration,
    },
    /// The room's rules do not allow it.
    #[error(transparent)]
    Objection(#[from] Objection),
    /// The room is closed.
    #[error("the room is closed; nobody writes here any more")]
    Archived,
    /// Too much is waiting for the log.
    #[error("the server is too busy right now; try again in a moment")]
    Overloaded {
        /// Not before that.
        retry_after: Duration,
    },
    /// The disk is full.
    #[error("the server's disk is full; nothing was accepted")]
    StorageFull,
    /// The message that is answered is not there.
    #[error("the message you answer is not in this room")]
    ParentMissing,
    /// The message that is answered cannot be looked for now.
    #[error("the message you answer cannot be looked up right now; try again in a moment")]
    ParentUnknown,
    /// The log is out of reach.
    #[error("the message log is out of reach; nothing was accepted")]
    Unavailable,
    /// It is refused, or was accepted at another gateway before: this one cannot tell yet.
    #[error(
        "this gateway cannot tell yet whether an earlier attempt was accepted; send it again with the same nonce"
    )]
    Unconfirmed,
    /// The log stopped under it: it may be there or not. Not to be answered as an error; the sender asks again.
    #[error("it is not known whether the message was accepted; send it again with the same nonce")]
    Unknown,
}

impl Rejected {
    /// Does it speak of every attempt with this nonce so far, and not of this one alone?
    pub(super) fn is_final(&self) -> bool {
        !matches!(self, Self::ParentUnknown | Self::Unavailable | Self::Unconfirmed | Self::Unknown)
    }
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
pub struct Submitted {
    state: State,
    /// When the sender is to have an answer at the latest; set where the log is shared.
    until: Option<Instant>,
}

/// A message that waits for a log of this process alone; see [`Submitted::in_line`].
pub struct InLine(InFlight);

enum State {
    /// The room's partition is not followed here yet; when it is, the send has its turn.
    Asleep(Place, oneshot::Receiver<Result<Submitted, Rejected>>, Instant),
    /// The nonce was used before: here is the first answer.
    Known(Accepted),
    /// Another send with this nonce is on its way; then it is this one's turn, or has its answer.
    Waiting(Arc<Room>, Draft, UserPace),
    /// Another send with this nonce may be in the log or not.
    Doubtful(Arc<Room>, Draft, UserPace),
    Appending(InFlight),
    /// It is refused, if it was not accepted before.
    Refused(Refused),
}

/// Where a message is on its way.
enum Appending {
    /// On its style's thread, which hands it to the log.
    Style(oneshot::Receiver<Result<Append, AppendError>>),
    Log(Append),
}

impl Appending {
    /// Waits for the log's answer; may be dropped and called again.
    async fn answer(&mut self) -> Result<Offset, AppendError> {
        if let Self::Style(styled) = self {
            let closed =
                || AppendError::Unavailable("the room was closed before the log was asked".to_owned());
            *self = Self::Log(styled.await.unwrap_or_else(|_| Err(closed()))?);
        }
        match self {
            Self::Log(append) => append.await,
            Self::Style(_) => Err(AppendError::Unknown("the style is still at work".to_owned())),
        }
    }
}

struct InFlight {
    room: Arc<Room>,
    /// Taken when it is done; if it is still here on drop, someone has to wait for it (the nonce hangs on it).
    appending: Option<Appending>,
    id: MessageId,
    sent_at: Millis,
    nonce: Option<(UserId, String)>,
    /// What the room's rules noted of it, to be taken back if it does not come into the log.
    claim: Option<Claim>,
}

impl Room {
    /// Styles a draft and hands it to the log, in the order of the calls. Quick: it waits for nothing. Where the room's
    /// partition is not followed yet, that is begun, and the draft waits in line.
    pub fn submit(
        self: &Arc<Self>,
        draft: Draft,
        pace: &UserPace,
        now: Millis,
    ) -> Result<Submitted, Rejected> {
        let Some(queue) = self.followed.enter() else { return self.submit_now(draft, pace, now) };
        let (answer, answered) = oneshot::channel();
        let (room, pace) = (self.clone(), pace.clone());
        let turn = move || {
            let submitted = room.submit_now(draft, &pace, room.world.now());
            // Whoever waits no longer has given its place up, or does it this moment: then it goes its way without them.
            let _ = answer.send(submitted);
        };
        let waits = Instant::now() + WAKE_WAIT_MAX;
        match queue.wait(turn) {
            Some(place) => Ok(self.submitted(State::Asleep(place, answered, waits))),
            // Nothing is known of any nonce yet.
            None => Err(Rejected::Unconfirmed),
        }
    }

    /// The nonce comes before the room's rules and the pace: whoever asks again after a message that was accepted must not
    /// be told that it was refused.
    fn submit_now(
        self: &Arc<Self>,
        draft: Draft,
        pace: &UserPace,
        now: Millis,
    ) -> Result<Submitted, Rejected> {
        #[cfg(feature = "broken")]
        let draft =
            if event_log::broken::Fault::NoNonces.is_on() { Draft { nonce: None, ..draft } } else { draft };
        if let Some(nonce) = &draft.nonce {
            match self.nonces.lock().reserve(draft.author.id, nonce, now) {
                Known::New => {}
                Known::Pending => {
                    return Ok(self.submitted(State::Waiting(self.clone(), draft, pace.clone())));
                }
                Known::Doubtful => {
                    return Ok(self.submitted(State::Doubtful(self.clone(), draft, pace.clone())));
                }
                Known::Accepted(first) => return Ok(self.submitted(State::Known(first))),
            }
        }
        // Not before the nonce, like the rest; but before anything that costs.
        if let Err(retry_after) = pace.pressure.admit(|| self.world.random()) {
            let nonce = draft.nonce.map(|nonce| (draft.author.id, nonce));
            return self.refuse_new(nonce, now, Rejected::Overloaded { retry_after });
        }
        let id = new_id(now, self.world.random());
        let nonce = draft.nonce.clone().map(|nonce| (draft.author.id, nonce));
        let mut draft = draft;
        let claim = match self.may_be_said(&mut draft, pace, now) {
            Ok(claim) => claim,
            Err(rejected) => return self.refuse_new(nonce, now, rejected),
        };
        let seed = style::seed_of(id);
        let emotes = self.emotes();
        let appending = match self.style.apart() {
            None => {
                let styled = self.style.say(seed, draft.text.text(), emotes.names());
                self.append(draft, id, now, styled, &emotes).map(Appending::Log).map_err(Rejected::from)
            }
            Some(stage) => {
                let (answer, answered) = oneshot::channel();
                let (room, text) = (self.clone(), draft.text.text().to_owned());
                // Nobody waits for the answer any more only while the process ends.
                let names = emotes.clone();
                let then = move |styled| drop(answer.send(room.append(draft, id, now, styled, &emotes)));
                stage
                    .put(seed, text, names, then)
                    .map(|()| Appending::Style(answered))
                    .map_err(|stage::Full| Rejected::Overloaded { retry_after: STYLE_RETRY_AFTER })
            }
        };
        match appending {
            Ok(appending) => {
                let (room, appending) = (self.clone(), Some(appending));
                let flight = InFlight { room, appending, id, sent_at: now, nonce, claim };
                Ok(self.submitted(State::Appending(flight)))
            }
            Err(rejected) => {
                self.release_claim(claim);
                self.refuse_new(nonce, now, rejected)
            }
        }
    }

    /// Is the room open? Then the room's rules, then the pace: who is banned learns that, however fast.
    fn may_be_said(
        &self,
        draft: &mut Draft,
        pace: &UserPace,
        now: Millis,
    ) -> Result<Option<Claim>, Rejected> {
        if self.is_archived() {
            return Err(Rejected::Archived);
        }
        let claim = self.claim(draft, now)?;
        let late = || if self.followed.reads_late() { Err(Rejected::Unavailable) } else { Ok(()) };
        let paced = pace
            .check(draft.author.id, draft.author.is_bot())
            .map_err(|retry_after| Rejected::RateLimited { retry_after });
        match paced.and_then(|()| late()) {
            Ok(()) => Ok(claim),
            Err(rejected) => {
                self.release_claim(claim);
                Err(rejected)
            }
        }
    }

    /// The answer is a refusal, if it is found to be true.
    pub(super) fn held(&self, refused: Refused) -> Submitted {
        self.submitted(State::Refused(refused))
    }

    fn submitted(&self, state: State) -> Submitted {
        Submitted { state, until: self.shared.then(|| Instant::now() + ANSWER_MAX) }
    }

    fn append(
        &self,
        draft: Draft,
        id: MessageId,
        now: Millis,
        styled: Option<String>,
        emotes: &Set,
    ) -> Result<Append, AppendError> {
        let mut message = draft.into_styled(id, now, styled);
        message.emotes = emotes.ranges(&message.text);
        let record = Record::Message(Box::new(message)).encode();
        self.log.append(self.partition, record.into())
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
        if tokio::time::timeout(TAIL_LAG_MAX, self.followed.reached(bounds.last)).await.is_err() {
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

    pub(super) fn release(&self, nonce: Option<&(UserId, String)>) {
        if let Some((user, nonce)) = nonce {
            self.nonces.lock().release(*user, nonce);
            self.nonce_settled.notify_waiters();
        }
    }
}

impl Submitted {
    /// Does it wait for a log of this process alone, and for nothing else? Those are answered in the order in which they
    /// were submitted.
    #[allow(clippy::result_large_err, reason = "it is of the same size either way")]
    pub fn in_line(self) -> Result<InLine, Self> {
        let Self { state, until } = self;
        match state {
            State::Appending(flight)
                if until.is_none() && matches!(flight.appending, Some(Appending::Log(_))) =>
            {
                Ok(InLine(flight))
            }
            state => Err(Self { state, until }),
        }
    }

    /// Waits until the message is durable or refused. If this is dropped half-way, the message still goes its way.
    pub async fn outcome(self) -> Result<Accepted, Rejected> {
        let Self { mut state, until } = self;
        loop {
            state = match state {
                State::Asleep(place, mut answered, waits) => {
                    let turn = match timeout_at(waits, &mut answered).await {
                        Err(_) if place.give_up() => return Err(Rejected::Unavailable),
                        // It has its turn this moment.
                        Err(_) => answered.await,
                        Ok(turn) => turn,
                    };
                    // Without an answer the process ends, and there was no turn.
                    turn.map_err(|_| Rejected::Unavailable)??.state
                }
                State::Known(accepted) => return Ok(accepted),
                State::Refused(refused) => return refused.outcome(until).await,
                State::Appending(flight) => return flight.land(until).await,
                State::Waiting(room, draft, pace) => {
                    let settled = room.nonce_settled.notified();
                    tokio::pin!(settled);
                    // Listen first, then look again: otherwise the news could come in between.
                    settled.as_mut().enable();
                    match room.submit(draft, &pace, room.world.now())?.state {
                        waiting @ State::Waiting(..) => {
                            by(until, settled).await.map_err(|_| Rejected::Unknown)?;
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
                    room.submit(draft, &pace, room.world.now())?.state
                }
            };
        }
    }
}

/// Waits, where there is a limit no longer than that.
async fn by<T>(until: Option<Instant>, what: impl Future<Output = T>) -> Result<T, Elapsed> {
    match until {
        Some(until) => timeout_at(until, what).await,
        None => Ok(what.await),
    }
}

impl InLine {
    /// Where it was said.
    pub fn room(&self) -> &Room {
        &self.0.room
    }
}

/// As [`Submitted::outcome`]; if it is dropped half-way, the message still goes its way.
impl Future for InLine {
    type Output = Result<Accepted, Rejected>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let flight = &mut self.0;
        let Some(Appending::Log(append)) = &mut flight.appending else {
            return Poll::Ready(Err(Rejected::Unknown));
        };
        let answer = ready!(Pin::new(append).poll(context));
        Poll::Ready(flight.answered(&answer).and_then(|()| flight.concluded(answer)))
    }
}

impl InFlight {
    async fn land(mut self, until: Option<Instant>) -> Result<Accepted, Rejected> {
        let Some(appending) = self.appending.as_mut() else { return Err(Rejected::Unknown) };
        // If the time is up, what becomes of it is waited for without the sender.
        let answer = by(until, appending.answer()).await.map_err(|_| Rejected::Unknown)?;
        self.answered(&answer)?;
        match until {
            Some(until) if self.nonce.is_some() => self.land_in_shared_log(answer, until).await,
            _ => self.concluded(answer),
        }
    }

    /// The log has answered.
    fn answered(&mut self, answer: &Result<Offset, AppendError>) -> Result<(), Rejected> {
        self.appending = None;
        forget_claim(&self.room, self.claim.take(), answer);
        #[cfg(feature = "broken")]
        if event_log::broken::Fault::RefuseAccepted.is_on() && answer.as_ref().is_ok_and(|at| at.0 % 16 == 0)
        {
            return Err(Rejected::Overloaded { retry_after: Duration::from_millis(1) });
        }
        Ok(())
    }

    fn concluded(&mut self, answer: Result<Offset, AppendError>) -> Result<Accepted, Rejected> {
        conclude(&self.room, self.nonce.take().as_ref(), answer, self.id, self.sent_at)
    }

    /// What the log's order made of the nonce, once the tail has read so far.
    async fn land_in_shared_log(
        mut self,
        answer: Result<Offset, AppendError>,
        until: Instant,
    ) -> Result<Accepted, Rejected> {
        let Some((user, nonce)) = self.nonce.as_ref() else { return Err(Rejected::Unknown) };
        let (end, error) = match answer {
            // If this is dropped while it waits, the nonce is left in doubt.
            Ok(offset) => {
                if !self.room.followed.passed(offset, until).await {
                    return Err(Rejected::Unknown);
                }
                (offset, None)
            }
            Err(error) => (Offset(u64::MAX), Some(error)),
        };
        // The message of this nonce may have come from another process; then that is the answer, also to a refusal.
        let of_this_nonce = |first: &Accepted| {
            first.seq.0 <= end.0 && self.sent_at <= first.sent_at.plus(protocol::limits::NONCE_TTL_MS)
        };
        let settled = self.room.nonces.lock().settled(*user, nonce).filter(of_this_nonce);
        let nonce = self.nonce.take();
        match (settled, error) {
            (Some(first), _) => Ok(first),
            (None, Some(error)) => {
                let concluded = conclude(&self.room, nonce.as_ref(), Err(error), self.id, self.sent_at);
                match (concluded, nonce) {
                    (Err(why), Some(nonce)) if why.is_final() => {
                        self.room.refused_by_log(nonce, self.sent_at, why, until).await
                    }
                    (concluded, _) => concluded,
                }
            }
            // The tail had to pass over records that are gone.
            (None, None) => {
                self.room.doubt(nonce.as_ref());
                Err(Rejected::Unknown)
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Some(nonce) = self.nonce.take() else { return };
        let Some(mut appending) = self.appending.take() else {
            // It is in the log, and nobody waits any more until the tail has read it.
            self.room.doubt(Some(&nonce));
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (room, id, sent_at, claim) = (self.room.clone(), self.id, self.sent_at, self.claim.take());
        // Rare: the sender's connection ended before the log answered. Bounded by the log's own queue. The task holds
        // no `InFlight`: a runtime that is shutting down drops it at once, and it must not ask for another one then.
        runtime.spawn(async move {
            let answer = appending.answer().await;
            forget_claim(&room, claim, &answer);
            let _ = conclude(&room, Some(&nonce), answer, id, sent_at);
        });
    }
}

/// What is surely not in the log was not said.
fn forget_claim(room: &Room, claim: Option<Claim>, answer: &Result<Offset, AppendError>) {
    if matches!(answer, Err(error) if !matches!(error, AppendError::Unknown(_))) {
        room.release_claim(claim);
    }
}

/// The log has answered: what becomes of the nonce, and what the sender is told.
fn conclude(
    room: &Room,
    nonce: Option<&(UserId, String)>,
    answer: Result<Offset, AppendError>,
    id: MessageId,
    sent_at: Millis,
) -> Result<Accepted, Rejected> {
    let error = match answer {
        Ok(offset) => {
            let accepted = Accepted { id, seq: Seq(offset.0), sent_at };
            match nonce {
                // The tail will settle it.
                Some(_) if room.shared => room.doubt(nonce),
                Some((user, nonce)) => {
                    room.settle(*user, nonce, accepted);
                }
                None => {}
            }
            return Ok(accepted);
        }
        Err(error) => error,
    };
    match &error {
        AppendError::Unknown(_) => room.doubt(nonce),
        _ => room.release(nonce),
    }
    Err(error.into())
}

/// A UUIDv7 for a message that is accepted now.
fn new_id(now: Millis, random: u128) -> MessageId {
    let [.., a, b, c, d, e, f, g, h, i, j] = random.to_le_bytes();
    MessageId(Builder::from_unix_timestamp_millis(now.0, &[a, b, c, d, e, f, g, h, i, j]).into_uuid())
}
