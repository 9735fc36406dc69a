//! The driver of a [`Session`]: reads frames, carries the session's actions out, puts the answers into the [`Outlet`].
//!
//! One small task a connection, which sleeps while its client says nothing: what the rooms publish is written by the
//! shard. It knows no socket: what the client says comes from an [`Inlet`]. Which of the things that are ready comes first
//! is never left to chance ([`Connection::next`]), so a run over a simulated network can be played again.
//!
//! What is rare and large (a join, a log-in) is boxed, so that a viewer who only reads costs little.

use super::{
    Gateway,
    answers::{Answers, Outcome, Sent},
    outlet::{OWN_BYTES_MAX, Outlet, Wire},
    registry::{Registered, Signals},
    session::{self, Action, Session, Submit},
    shard::{Berth, Seat},
};
use crate::{
    auth::Identity,
    http::problem::Refusal,
    limits::Place,
    rooms::{
        Room,
        accept::{Rejected, Submitted},
        feed::{Encoded, Snapshot},
        history::{HistoryError, Resumed},
    },
    websocket::frame,
};
use bytes::Bytes;
use chat::{
    admission::Admitted,
    message::{Author, BOT_BADGE, Draft, Logged, ReplyTo},
    nonces::Accepted,
};
use protocol::{
    codes::CloseReason,
    frames::{LeftReason, NotRecovered, Role, ServerFrame, You, joined_frame, messages_frame},
    ids::{MessageId, Seq},
    limits::HISTORY_MAX,
    objects::FrameMessage,
};
use std::{
    future::Future,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long the peer may take to answer our close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Clients are asked to come back spread over this long when the process stops, or over half the grace time.
const RECONNECT_SPREAD_MAX: Duration = Duration::from_secs(4);
/// Messages of a resume beyond the first hundred travel in frames of this many.
const REPLAY_FRAME_MESSAGES: usize = HISTORY_MAX as usize;
/// Frames of a client before others have their turn: hundreds from one socket would hold a core for milliseconds.
const FRAMES_A_TURN: u32 = 16;

/// The connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// We close it and say why.
    Close(CloseReason),
    /// The other side said goodbye, with this code if it gave one, and is owed the same.
    Goodbye(Option<u16>),
    /// The other side is gone.
    Gone,
}

/// What came from the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A frame of the protocol.
    Text(String),
    /// To be answered with the same bytes.
    Ping(Bytes),
    /// Nothing to act on, but somebody is there: the answer to a ping.
    Alive,
}

/// Where a client's frames come from: a WebSocket, or a test's pretence of one. Static, so nothing is boxed.
pub trait Inlet: Send {
    /// The next thing from the other side, or how the connection ended. Cancel-safe.
    fn receive(&mut self) -> impl Future<Output = Result<Received, End>> + Send;
}

/// What a connection has to look at next.
enum Event {
    Received(Result<Received, End>),
    Answered(Vec<Outcome>),
    Woken,
    /// Nothing else is ready, and refusals wait to be written.
    Quiet,
}

type Step = ControlFlow<End>;

/// A room that is read.
struct Reading {
    slug: String,
    room: Arc<Room>,
    _seat: Seat,
}

struct Connection<I> {
    gateway: Arc<Gateway>,
    inlet: I,
    session: Session,
    signals: Arc<Signals>,
    berth: Berth,
    registered: Option<Registered>,
    reading: Vec<Reading>,
    /// Made when the first message is sent: most connections only read.
    pending: Option<Box<Answers<Sent>>>,
    /// Frames of the client since others had their turn.
    in_turn: u32,
    /// Refusals that are not written yet. Those of a client that sends much at once go out together.
    unwritten: bool,
}

/// What a connection writes to.
pub struct Outward {
    /// Takes the bytes.
    pub wire: Arc<dyn Wire>,
    /// The other side reads compressed messages.
    pub deflates: bool,
}

/// Serves one connection until it ends. `_place` counts it while it lives.
pub async fn serve(gateway: Arc<Gateway>, inlet: impl Inlet, outward: Outward, _place: Place) {
    let (session, hello) = Session::new(&gateway.options, gateway.world.now());
    let signals: Arc<Signals> = Arc::default();
    let berth = gateway.shards.take(outward.wire, signals.clone(), outward.deflates);
    let mut connection = Connection {
        gateway,
        inlet,
        session,
        signals,
        berth,
        registered: None,
        reading: Vec::new(),
        pending: None,
        in_turn: 0,
        unwritten: false,
    };
    connection.reply(&hello);
    let end = connection.run().await;
    let reason = match end {
        End::Close(reason) => {
            Box::pin(connection.close(frame::close(reason))).await;
            reason.as_str()
        }
        End::Goodbye(code) => {
            Box::pin(connection.answer_goodbye(code)).await;
            "gone"
        }
        End::Gone => "gone",
    };
    metrics::counter!("twitchy_connections_ended_total", "reason" => reason).increment(1);
}

impl<I: Inlet> Connection<I> {
    async fn run(&mut self) -> End {
        let stopping = self.gateway.stopping.clone();
        loop {
            let event = tokio::select! {
                biased;
                () = stopping.cancelled() => return Box::pin(self.drain()).await,
                event = self.next() => event,
            };
            if let ControlFlow::Break(end) = self.on_event(event).await {
                return end;
            }
        }
    }

    /// The next thing to do. Cancel-safe. Answers are no more than the client asked for, and being woken is rare, so
    /// neither can crowd out the client's frames.
    async fn next(&mut self) -> Event {
        let Self { inlet, pending, signals, unwritten, .. } = self;
        let answers = async {
            match pending {
                Some(pending) => pending.ready().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answers = answers => Event::Answered(answers),
            () = signals.wake.notified() => Event::Woken,
            received = inlet.receive() => Event::Received(received),
            () = std::future::ready(()), if *unwritten => Event::Quiet,
        }
    }

    async fn on_event(&mut self, event: Event) -> Step {
        let step = match event {
            Event::Received(Ok(Received::Text(text))) => {
                self.outlet().heard();
                self.gateway.figures.frames.increment(1);
                self.in_turn = (self.in_turn + 1) % FRAMES_A_TURN;
                if self.in_turn == 0 {
                    tokio::task::yield_now().await;
                }
                let action = self.session.on_frame(&text, self.gateway.world.now());
                self.act(action).await
            }
            Event::Received(Ok(Received::Ping(payload))) => {
                self.outlet().heard();
                self.outlet().send([frame::whole(frame::Opcode::Pong, &payload)]);
                ControlFlow::Continue(())
            }
            Event::Received(Ok(Received::Alive)) => {
                self.outlet().heard();
                ControlFlow::Continue(())
            }
            Event::Received(Err(end)) => ControlFlow::Break(end),
            Event::Answered(outcomes) => self.on_outcomes(outcomes),
            Event::Woken => ControlFlow::Continue(()),
            Event::Quiet => {
                self.unwritten = false;
                self.outlet().flush();
                ControlFlow::Continue(())
            }
        };
        if step.is_continue() && !self.outlet().is_short() {
            // Its answers wait for its socket, so its next requests wait too.
            Box::pin(self.outlet().written_to(OWN_BYTES_MAX)).await;
        }
        if self.signals.revoked() {
            return ControlFlow::Break(End::Close(CloseReason::SessionOver));
        }
        // After every event, since whatever waited may have taken the wake-up that told of it.
        let mail = self.signals.mail();
        if !mail.is_empty() {
            self.outlet().send(mail.iter().map(|frame| frame::text(frame)));
        }
        if self.signals.rooms_closed() {
            self.leave_closed();
        }
        match self.outlet().over() {
            Some(end) if step.is_continue() => ControlFlow::Break(end),
            _ => step,
        }
    }

    fn outlet(&self) -> &Arc<Outlet> {
        &self.berth.outlet
    }

    /// The process stops: tells the client when to come back, goes on answering until it leaves or the time is up.
    async fn drain(&mut self) -> End {
        /// Of 32 random bits.
        const CHANCES: f64 = (1_u64 << 32) as f64;
        let spread = RECONNECT_SPREAD_MAX.min(self.gateway.options.shutdown_grace / 2);
        #[allow(clippy::cast_precision_loss)]
        let after = spread.mul_f64((self.gateway.world.random() >> 96) as f64 / CHANCES);
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(0);
        self.reply(&ServerFrame::Reconnect { after_ms });
        let deadline = tokio::time::sleep(spread);
        tokio::pin!(deadline);
        loop {
            let event = tokio::select! {
                biased;
                () = &mut deadline => break,
                event = self.next() => event,
            };
            if let ControlFlow::Break(end) = self.on_event(event).await {
                return end;
            }
        }
        // What was submitted is answered before the connection is closed.
        while let Some(pending) = self.pending.as_mut().filter(|pending| !pending.is_empty()) {
            let outcomes = pending.ready().await;
            if let ControlFlow::Break(end) = self.on_outcomes(outcomes) {
                return end;
            }
        }
        End::Close(CloseReason::Restarting)
    }

    async fn act(&mut self, action: Action) -> Step {
        match action {
            Action::Reply(frame) => self.reply(&frame),
            Action::Authenticate(token) => return Box::pin(self.authenticate(&token)).await,
            Action::Join(join) => Box::pin(self.join(join)).await,
            Action::Leave(slug) => {
                self.reading.retain(|reading| reading.slug != slug);
                self.reply(&ServerFrame::Left { room: slug, reason: None });
            }
            Action::Submit(submit) => Box::pin(self.submit(submit)).await,
            Action::Close(reason) => return ControlFlow::Break(End::Close(reason)),
        }
        ControlFlow::Continue(())
    }

    async fn authenticate(&mut self, token: &str) -> Step {
        match self.gateway.accounts.authenticate(token, self.gateway.world.now()).await {
            Ok(identity) => {
                let registry = &self.gateway.registry;
                let entry = registry.enter(identity.family, identity.user.id, self.signals.clone());
                self.registered = Some(entry);
                // It may have ended between the check and the entry; then nobody would tell us.
                if self.gateway.accounts.revocations().has_ended(identity.family) {
                    return ControlFlow::Break(End::Close(CloseReason::SessionOver));
                }
                let frame = ServerFrame::Authed {
                    user: identity.user.clone().into(),
                    expires_at: identity.expires_at.0,
                };
                self.outlet().authed(&identity.user.username, identity.expires_at);
                let again = self.session.identity().is_some();
                self.session.authed(identity);
                self.reply(&frame);
                self.tell_standing(again);
                // Whoever was an admin a moment ago may read closed rooms.
                self.leave_closed();
            }
            Err(error) => self.refuse(error.into(), None, None),
        }
        ControlFlow::Continue(())
    }

    async fn join(&mut self, join: session::Join) {
        let Some(room) = self.gateway.rooms.get(&join.room) else {
            return self.refuse(Refusal::room_not_found(), None, Some(join.room));
        };
        // Subscribe first, then look at the past: nothing can fall between. Joining again starts over.
        self.reading.retain(|reading| reading.slug != join.room);
        let seat = self.outlet().shard.seat(self.outlet(), &room.feed);
        // Looked at behind the seat: from there on whoever closes the room tells this connection.
        if room.is_archived() && !self.is_admin() {
            return self.refuse(Refusal::room_archived(), None, Some(join.room));
        }
        if let Err(error) = room.shown().await {
            return self.refuse(error.into(), None, Some(join.room));
        }
        let (recovered, reason, (older, snapshot)) = match &join.resume {
            None => (None, None, (Vec::new(), room.feed.latest(join.history))),
            Some(resume) => match resume_from(&self.gateway, &room, resume).await {
                Ok(Ok(past)) => (Some(true), None, past),
                Ok(Err(reason)) => (Some(false), Some(reason), (Vec::new(), room.feed.latest(join.history))),
                Err(refusal) => return self.refuse(refusal, None, Some(join.room)),
            },
        };
        #[cfg(feature = "broken")]
        let snapshot = subscribe_late(&room, snapshot).await;
        let mut past: Vec<String> = older
            .iter()
            .map(|m| serde_json::to_string(&m.to_frame_message()).expect("a message has only string keys"))
            .collect();
        past.extend(snapshot.messages.iter().map(|m| m.json().to_owned()));
        let seqs: Vec<Seq> =
            older.iter().map(|m| m.seq).chain(snapshot.messages.iter().map(Encoded::seq)).collect();
        // `history` holds the first hundred; `seq` is where it ends, and what follows comes in frames of its own.
        let in_history = past.len().min(HISTORY_MAX as usize);
        let seq = if in_history < past.len() { seqs[in_history - 1] } else { snapshot.last };
        let words = room.words();
        let head = ServerFrame::Joined {
            room: join.room.clone(),
            epoch: room.epoch.0.clone(),
            seq,
            recovered,
            reason,
            history: Vec::new(),
            viewers: room.feed.viewers(),
            settings: room.settings(),
            pinned: room.pinned().map(Box::new),
            you: You { role: self.role(&room) },
            title: Some(words.title),
            description: Some(words.description),
            archived: room.is_archived(),
        };
        let (history, rest) = past.split_at(in_history);
        let mut frames = vec![frame::text(&joined_frame(&head, history.iter().map(String::as_str)))];
        frames.extend(
            rest.chunks(REPLAY_FRAME_MESSAGES)
                .map(|chunk| frame::text(&messages_frame(&join.room, chunk.iter().map(String::as_str), 0))),
        );
        let banned = self.session.identity().and_then(|identity| room.banned_frame(identity.user.id));
        frames.extend(banned.map(|frame| frame::text(&frame.to_json())));
        let cursor = snapshot.cursor.of_kind(join.feed);
        self.outlet().read(room.feed.clone(), cursor, frames);
        self.session.joined(join.room.clone());
        self.reading.push(Reading { slug: join.room, room, _seat: seat });
    }

    fn is_admin(&self) -> bool {
        self.session.identity().is_some_and(|identity| identity.user.admin)
    }

    /// Leaves the rooms that were closed, unless an admin reads them: told so after all that was said in them.
    fn leave_closed(&mut self) {
        if self.is_admin() {
            return;
        }
        let (closed, open) = self.reading.drain(..).partition(|reading| reading.room.is_archived());
        self.reading = open;
        let closed: Vec<Reading> = closed;
        for Reading { slug, room, .. } in closed {
            self.session.left(&slug);
            let left = ServerFrame::Left { room: slug, reason: Some(LeftReason::Archived) };
            self.outlet().part(&room.feed, frame::text(&left.to_json()));
        }
    }

    /// What one is in a room.
    fn role(&self, room: &Room) -> Role {
        self.session
            .identity()
            .map_or(Role::Viewer, |identity| room.role(identity.user.id, identity.user.admin))
    }

    /// Somebody became a user, or another one, while rooms were read: what they are there, if it is more than a viewer or
    /// may be less than before.
    fn tell_standing(&self, again: bool) {
        let Some(user) = self.session.identity().map(|identity| identity.user.id) else { return };
        for Reading { slug, room, .. } in &self.reading {
            let you = You { role: self.role(room) };
            if again || you.role > Role::Viewer {
                self.reply(&ServerFrame::Role { room: slug.clone(), you });
            }
            if let Some(banned) = room.banned_frame(user) {
                self.reply(&banned);
            }
        }
    }

    async fn submit(&mut self, submit: Submit) {
        let Submit { room: slug, author, text, nonce, reply_to } = submit;
        let submitted = match self.gateway.rooms.get(&slug) {
            Some(room) => {
                let said = say(&self.gateway, &room, &author, text, Some(nonce.clone()), reply_to).await;
                said.map_err(Refusal::from)
            }
            None => Err(Refusal::room_not_found()),
        };
        match submitted {
            Ok(submitted) => {
                let (pending, asked) = (self.pending.get_or_insert_default(), Instant::now());
                match submitted.in_line() {
                    Ok(answer) => pending.push_in_line(Sent { nonce, asked, answer }),
                    Err(submitted) => pending.push_aside(Box::pin(async move {
                        let answer = submitted.outcome().await.map_err(|rejected| (rejected, slug));
                        Outcome { nonce, asked, answer }
                    })),
                }
            }
            Err(refusal) => {
                self.session.send_done();
                let refusal = refusal_frame(refusal, Some(nonce), Some(slug));
                self.outlet().put(frame::text(&refusal.to_json()));
                self.unwritten = true;
            }
        }
    }

    /// Answers that are there together go out in one write, as the log commits a connection's messages together.
    fn on_outcomes(&mut self, outcomes: Vec<Outcome>) -> Step {
        let now = Instant::now();
        let mut frames = Vec::with_capacity(outcomes.len());
        let mut step = ControlFlow::Continue(());
        for Outcome { nonce, asked, answer } in outcomes {
            self.session.send_done();
            let answer = match answer {
                Ok(Accepted { id, seq, sent_at }) => {
                    self.gateway.figures.acks.record(now.saturating_duration_since(asked).as_secs_f64());
                    ServerFrame::Ack { nonce, id, seq, sent_at: sent_at.0 }
                }
                // No answer is the honest answer: the client asks again with the same nonce.
                Err((Rejected::Unknown, _)) => {
                    step = ControlFlow::Break(End::Close(CloseReason::Internal));
                    continue;
                }
                Err((rejected, room)) => refusal_frame(rejected.into(), Some(nonce), Some(room)),
            };
            frames.push(frame::text(&answer.to_json()));
        }
        self.outlet().send(frames);
        step
    }

    fn reply(&self, frame: &ServerFrame) {
        self.outlet().send([frame::text(&frame.to_json())]);
    }

    fn refuse(&self, refusal: Refusal, nonce: Option<String>, room: Option<String>) {
        self.reply(&refusal_frame(refusal, nonce, room));
    }

    /// Says goodbye and waits until the other side has seen it; otherwise the reset could overtake the close frame.
    async fn close(&mut self, frame: Bytes) {
        self.outlet().goodbye(frame);
        let inlet = &mut self.inlet;
        let answered = async { while inlet.receive().await.is_ok() {} };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, answered).await;
    }

    async fn answer_goodbye(&mut self, code: Option<u16>) {
        let payload = code.map(u16::to_be_bytes);
        self.outlet().goodbye(frame::whole(frame::Opcode::Close, payload.as_ref().map_or(&[], |code| code)));
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.outlet().written_to(0)).await;
    }
}

/// A refusal as its client is told it; counted.
fn refusal_frame(refusal: Refusal, nonce: Option<String>, room: Option<String>) -> ServerFrame {
    metrics::counter!("twitchy_refused_total", "code" => refusal.code.as_str()).increment(1);
    let Refusal { code, detail, retry_after, .. } = refusal;
    let retry_after_ms = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
    ServerFrame::Error { code, detail, nonce, room, retry_after_ms }
}

/// What came meanwhile is gone, as where a channel is subscribed to only now.
#[cfg(feature = "broken")]
async fn subscribe_late(room: &Room, snapshot: Snapshot) -> Snapshot {
    if !event_log::broken::Fault::ReadBeforeSubscribe.is_on() {
        return snapshot;
    }
    tokio::time::sleep(Duration::from_millis(30)).await;
    Snapshot { cursor: room.feed.latest(0).cursor, ..snapshot }
}

/// Everything since then; the inner error is what the client is told in `joined`.
async fn resume_from(
    gateway: &Gateway,
    room: &Room,
    resume: &session::Resume,
) -> Result<Result<(Vec<Logged>, Snapshot), NotRecovered>, Refusal> {
    if resume.epoch != room.epoch.0 {
        return Ok(Err(NotRecovered::EpochChanged));
    }
    let limit = gateway.options.resume_messages_max;
    match gateway.history.resume(room, resume.after, limit).await {
        Ok(Resumed::Complete { older, snapshot }) => Ok(Ok((older, snapshot))),
        Ok(Resumed::TooOld) => Ok(Err(NotRecovered::TooOld)),
        Ok(Resumed::Ahead) => Ok(Err(NotRecovered::Ahead)),
        Err(error) => Err(error.into()),
    }
}

/// Hands a message to a room, whichever edge it came by.
///
/// # Errors
/// What is known at once; the rest is the outcome of what is given back.
pub async fn say(
    gateway: &Gateway,
    room: &Arc<Room>,
    author: &Identity,
    text: Admitted,
    nonce: Option<String>,
    reply_to: Option<MessageId>,
) -> Result<Submitted, Rejected> {
    let reply_to = match reply_to {
        None => None,
        Some(id) => match find_parent(gateway, room, id).await {
            Ok(parent) => Some(parent),
            // It may have been taken away since the first attempt was accepted.
            Err(why) => return room.refuse(author.user.id, nonce, why),
        },
    };
    let (author, admin) = (author_of(author), author.user.admin);
    let draft = Draft { room: room.id(), author, text, reply_to, nonce, admin };
    room.submit(draft, &gateway.limits.pace, gateway.world.now())
}

/// The author of a message that is written now.
fn author_of(identity: &Identity) -> Author {
    let user = &identity.user;
    Author {
        id: user.id,
        username: user.username.clone(),
        display_name: user.display_name.clone(),
        color: user.color.clone(),
        badges: user.bot.then(|| BOT_BADGE.to_owned()).into_iter().collect(),
    }
}

/// The message that is answered: from the ring, where nearly all answers go, or from the store.
async fn find_parent(gateway: &Gateway, room: &Room, id: MessageId) -> Result<ReplyTo, Rejected> {
    if let Some(encoded) = room.feed.find(id)
        && let Ok(parent) = serde_json::from_str::<FrameMessage>(encoded.json())
    {
        return Ok(reply_to(parent));
    }
    match gateway.history.message(room, id).await {
        Ok(Some(parent)) => Ok(ReplyTo::of(&parent.message)),
        Ok(None) => Err(Rejected::ParentMissing),
        Err(error) => {
            if !matches!(error, HistoryError::CatchingUp { .. } | HistoryError::Waking) {
                tracing::error!(%error, "a message that is answered cannot be looked up");
            }
            Err(Rejected::ParentUnknown)
        }
    }
}

fn reply_to(parent: FrameMessage) -> ReplyTo {
    let excerpt = chat::message::excerpt(&parent.text);
    ReplyTo { id: parent.id, username: parent.user.username, display_name: parent.user.display_name, excerpt }
}
