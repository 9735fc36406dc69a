//! The driver of a [`Session`]: reads frames, carries the session's actions out, writes what the rooms publish.
//!
//! One task a connection. It holds a cursor into each feed it reads and no queue of messages; what the transport does
//! not take stays in the ring, and whoever falls off it is told the gap. It knows no socket: what carries the frames is
//! a [`Transport`]. Which of the things that are ready comes first is never left to chance ([`Connection::next`]), so a
//! run over a simulated transport can be played again.

use super::{
    Gateway,
    registry::{Registered, Signals},
    session::{self, Action, Session, Submit},
};
use crate::{
    auth::Identity,
    figures,
    http::problem::Refusal,
    limits::Place,
    rooms::{
        Room,
        accept::Rejected,
        feed::{Cursor, Encoded, Snapshot, Subscription},
        history::Resumed,
    },
};
use axum::extract::ws::Utf8Bytes;
use chat::{
    admission::Admitted,
    message::{Author, Draft, Logged, ReplyTo},
    nonces::Accepted,
};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use protocol::{
    codes::{CloseReason, ErrorCode},
    frames::{NotRecovered, Role, ServerFrame, You, joined_frame, messages_frame},
    ids::{MessageId, Seq},
    limits::HISTORY_MAX,
    objects::FrameMessage,
};
use std::{collections::BTreeMap, future::Future, ops::ControlFlow, pin::Pin, sync::Arc, time::Duration};
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// Bytes given to the socket before it is flushed: a turn of a busy room in one or few writes.
const TURN_BYTES_MAX: usize = 256 * 1024;
/// A socket that takes nothing for so long is given up. Twice the default heartbeat.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the peer may take to answer our close frame.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Clients are asked to come back spread over this long when the process stops, or over half the grace time.
const RECONNECT_SPREAD_MAX: Duration = Duration::from_secs(4);
/// Messages of a resume beyond the first hundred travel in frames of this many.
const REPLAY_FRAME_MESSAGES: usize = HISTORY_MAX as usize;

type Outcome = (String, String, Result<Accepted, Rejected>);
type Pending = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// We close it and say why.
    Close(CloseReason),
    /// The other side closed it or is gone.
    Gone,
}

/// What came from the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A frame of the protocol.
    Text(Utf8Bytes),
    /// Nothing to act on, but somebody is there: the answer to a ping, or a ping of theirs (answered already).
    Alive,
}

/// The other side is gone while something was written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// What carries a connection's frames: a WebSocket, or a test's pretence of one. Static, so nothing is boxed.
pub trait Transport: Send {
    /// The next thing from the other side, or how the connection ended. Cancel-safe.
    fn receive(&mut self) -> impl Future<Output = Result<Received, End>> + Send;
    /// Takes a frame into the buffer; waits while that is full.
    fn feed(&mut self, frame: Utf8Bytes) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Takes a ping into the buffer; its answer comes as [`Received::Alive`].
    fn feed_ping(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Waits until the buffer is handed to the network.
    fn flush(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Says goodbye and waits until the other side has seen it.
    fn close(&mut self, reason: CloseReason) -> impl Future<Output = ()> + Send;
}

/// What a connection has to look at next.
enum Event {
    Received(Result<Received, End>),
    Answered(Outcome),
    News,
    Heartbeat,
}

type Step = ControlFlow<End>;

struct Reading {
    room: Arc<Room>,
    cursor: Cursor,
    _subscription: Subscription,
}

struct Connection<T> {
    gateway: Arc<Gateway>,
    transport: T,
    session: Session,
    signals: Arc<Signals>,
    registered: Option<Registered>,
    /// By slug; in order, so that every run writes the rooms in the same order.
    reading: BTreeMap<String, Reading>,
    pending: FuturesUnordered<Pending>,
    heartbeat: Interval,
    /// News of the rooms come before the client's frames in this turn.
    news_first: bool,
    /// When anything last came from the other side.
    heard: Instant,
}

/// Serves one connection until it ends. `_place` counts it while it lives.
pub async fn serve(gateway: Arc<Gateway>, transport: impl Transport, _place: Place) {
    let (session, hello) = Session::new(&gateway.options, gateway.world.now());
    let mut heartbeat = tokio::time::interval(gateway.options.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    let mut connection = Connection {
        gateway,
        transport,
        session,
        signals: Arc::default(),
        registered: None,
        reading: BTreeMap::new(),
        pending: FuturesUnordered::new(),
        heartbeat,
        news_first: false,
        heard: Instant::now(),
    };
    let reason = match connection.run(hello).await {
        End::Close(reason) => {
            connection.close(reason).await;
            reason.as_str()
        }
        End::Gone => "gone",
    };
    metrics::counter!("twitchy_connections_ended_total", "reason" => reason).increment(1);
}

impl<T: Transport> Connection<T> {
    async fn run(&mut self, hello: ServerFrame) -> End {
        if let ControlFlow::Break(end) = self.reply(&hello).await {
            return end;
        }
        let stopping = self.gateway.stopping.clone();
        loop {
            let event = tokio::select! {
                biased;
                () = stopping.cancelled() => return self.drain().await,
                event = self.next() => event,
            };
            if let ControlFlow::Break(end) = self.on_event(event).await {
                return end;
            }
        }
    }

    /// The next thing to do. Cancel-safe.
    ///
    /// Heartbeats are rare, and answers are no more than the client asked for, so neither can crowd out the rest. News
    /// and the client's frames may both be there without end: they take turns.
    async fn next(&mut self) -> Event {
        let Self { transport, pending, signals, heartbeat, news_first, .. } = self;
        let event = tokio::select! {
            biased;
            _ = heartbeat.tick() => Event::Heartbeat,
            Some(answer) = pending.next() => Event::Answered(answer),
            () = signals.wake.notified(), if *news_first => Event::News,
            received = transport.receive() => Event::Received(received),
            () = signals.wake.notified(), if !*news_first => Event::News,
        };
        *news_first = matches!(event, Event::Received(_));
        event
    }

    async fn on_event(&mut self, event: Event) -> Step {
        match event {
            Event::Received(received) => self.on_received(received).await,
            Event::Answered((room, nonce, outcome)) => self.on_outcome(room, nonce, outcome).await,
            Event::News => self.on_wake().await,
            Event::Heartbeat => self.on_heartbeat().await,
        }
    }

    /// The process stops: tells the client when to come back, goes on answering until it leaves or the time is up.
    async fn drain(&mut self) -> End {
        /// Of 32 random bits.
        const CHANCES: f64 = (1_u64 << 32) as f64;
        let spread = RECONNECT_SPREAD_MAX.min(self.gateway.options.shutdown_grace / 2);
        #[allow(clippy::cast_precision_loss)]
        let after = spread.mul_f64((self.gateway.world.random() >> 96) as f64 / CHANCES);
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(0);
        if let ControlFlow::Break(end) = self.reply(&ServerFrame::Reconnect { after_ms }).await {
            return end;
        }
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
        while let Some((room, nonce, outcome)) = self.pending.next().await {
            if let ControlFlow::Break(end) = self.on_outcome(room, nonce, outcome).await {
                return end;
            }
        }
        End::Close(CloseReason::Restarting)
    }

    async fn on_received(&mut self, received: Result<Received, End>) -> Step {
        self.heard = Instant::now();
        match received {
            Ok(Received::Text(text)) => {
                metrics::counter!("twitchy_frames_received_total").increment(1);
                let action = self.session.on_frame(text.as_str(), self.gateway.world.now());
                self.act(action).await
            }
            Ok(Received::Alive) => ControlFlow::Continue(()),
            Err(end) => ControlFlow::Break(end),
        }
    }

    async fn act(&mut self, action: Action) -> Step {
        match action {
            Action::Reply(frame) => self.reply(&frame).await,
            Action::Authenticate(token) => self.authenticate(&token).await,
            Action::Join(join) => self.join(join).await,
            Action::Leave(slug) => {
                self.reading.remove(&slug);
                self.reply(&ServerFrame::Left { room: slug, reason: None }).await
            }
            Action::Submit(submit) => self.submit(submit).await,
            Action::Close(reason) => ControlFlow::Break(End::Close(reason)),
        }
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
                let again = self.session.identity().is_some();
                self.session.authed(identity);
                self.reply(&frame).await?;
                self.tell_standing(again).await
            }
            Err(error) => {
                let refusal = Refusal::from(error);
                self.refuse(refusal, None, None).await
            }
        }
    }

    async fn join(&mut self, join: session::Join) -> Step {
        let Some(room) = self.gateway.rooms.get(&join.room).cloned() else {
            return self.refuse(Refusal::room_not_found(), None, Some(join.room)).await;
        };
        // Subscribe first, then look at the past: nothing can fall between. Joining again starts over.
        self.reading.remove(&join.room);
        let subscription = room.feed.subscribe(self.signals.wake.clone());
        if let Err(error) = room.shown().await {
            return self.refuse(error.into(), None, Some(join.room)).await;
        }
        let (recovered, reason, (older, snapshot)) = match &join.resume {
            None => (None, None, (Vec::new(), room.feed.latest(join.history))),
            Some(resume) => match resume_from(&self.gateway, &room, resume).await {
                Ok(Ok(past)) => (Some(true), None, past),
                Ok(Err(reason)) => (Some(false), Some(reason), (Vec::new(), room.feed.latest(join.history))),
                Err(refusal) => return self.refuse(refusal, None, Some(join.room)).await,
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
        let head = ServerFrame::Joined {
            room: join.room.clone(),
            epoch: room.epoch.0.clone(),
            seq,
            recovered,
            reason,
            history: Vec::new(),
            viewers: room.feed.viewers(),
            settings: room.settings(),
            pinned: room.pinned(),
            you: You { role: self.role(&room) },
        };
        let (history, rest) = past.split_at(in_history);
        let mut frames: Vec<Utf8Bytes> = vec![joined_frame(&head, history.iter().map(String::as_str)).into()];
        frames.extend(
            rest.chunks(REPLAY_FRAME_MESSAGES)
                .map(|chunk| messages_frame(&join.room, chunk.iter().map(String::as_str), 0).into()),
        );
        let banned = self.session.identity().and_then(|identity| room.banned_frame(identity.user.id));
        frames.extend(banned.map(|frame| frame.to_json().into()));
        self.session.joined(join.room.clone());
        self.reading
            .insert(join.room, Reading { room, cursor: snapshot.cursor, _subscription: subscription });
        self.write(frames).await
    }

    /// What one is in a room.
    fn role(&self, room: &Room) -> Role {
        self.session
            .identity()
            .map_or(Role::Viewer, |identity| room.role(identity.user.id, identity.user.admin))
    }

    /// Somebody became a user, or another one, while rooms were read: what they are there, if it is more than a viewer or
    /// may be less than before.
    async fn tell_standing(&mut self, again: bool) -> Step {
        let Some(user) = self.session.identity().map(|identity| identity.user.id) else {
            return ControlFlow::Continue(());
        };
        let mut frames: Vec<Utf8Bytes> = Vec::new();
        for (slug, reading) in &self.reading {
            let you = You { role: self.role(&reading.room) };
            if again || you.role > Role::Viewer {
                frames.push(ServerFrame::Role { room: slug.clone(), you }.to_json().into());
            }
            frames.extend(reading.room.banned_frame(user).map(|frame| frame.to_json().into()));
        }
        self.write(frames).await
    }

    async fn submit(&mut self, submit: Submit) -> Step {
        let Submit { room: slug, author, text, nonce, reply_to } = submit;
        let submitted = match draft(&self.gateway, &slug, &author, text, &nonce, reply_to).await {
            Ok((room, draft)) => {
                room.submit(draft, &self.gateway.limits.pace, self.gateway.world.now()).map_err(Refusal::from)
            }
            Err(refusal) => Err(refusal),
        };
        match submitted {
            Ok(submitted) => {
                let outcome = figures::timed(submitted.outcome()).map(move |outcome| (slug, nonce, outcome));
                self.pending.push(Box::pin(outcome));
                ControlFlow::Continue(())
            }
            Err(refusal) => {
                self.session.send_done();
                self.refuse(refusal, Some(nonce), Some(slug)).await
            }
        }
    }

    async fn on_outcome(&mut self, room: String, nonce: String, outcome: Result<Accepted, Rejected>) -> Step {
        self.session.send_done();
        match outcome {
            Ok(Accepted { id, seq, sent_at }) => {
                self.reply(&ServerFrame::Ack { nonce, id, seq, sent_at: sent_at.0 }).await
            }
            // No answer is the honest answer: the client asks again with the same nonce.
            Err(Rejected::Unknown) => ControlFlow::Break(End::Close(CloseReason::Internal)),
            Err(rejected) => self.refuse(rejected.into(), Some(nonce), Some(room)).await,
        }
    }

    /// Something was published, or the log-in ended.
    async fn on_wake(&mut self) -> Step {
        if self.signals.revoked() {
            return ControlFlow::Break(End::Close(CloseReason::SessionOver));
        }
        let mut frames: Vec<Utf8Bytes> =
            self.signals.mail().iter().map(|frame| Utf8Bytes::from(&**frame)).collect();
        let mut more = false;
        for (slug, reading) in &mut self.reading {
            let feed = &reading.room.feed;
            let mut pulled = Vec::new();
            if let Some(gap) = feed.pull(&mut reading.cursor, &mut pulled, TURN_BYTES_MAX) {
                metrics::counter!("twitchy_gaps_total").increment(1);
                let frame = ServerFrame::Gap { room: slug.clone(), from: gap.from, to: gap.to };
                frames.push(frame.to_json().into());
            }
            frames.append(&mut pulled);
            more |= feed.has_more(&reading.cursor);
        }
        if more {
            // The rest in the next turn, so that the client's own frames and acks are not kept waiting.
            self.signals.wake.notify_one();
        }
        self.write(frames).await
    }

    async fn on_heartbeat(&mut self) -> Step {
        if self.session.expired(self.gateway.world.now()) {
            return ControlFlow::Break(End::Close(CloseReason::SessionOver));
        }
        // Two heartbeats without a pong or anything else: nobody is there.
        if self.heard.elapsed() > self.gateway.options.heartbeat * 2 {
            return ControlFlow::Break(End::Close(CloseReason::TooSlow));
        }
        let Self { transport, .. } = self;
        within_time(async {
            transport.feed_ping().await?;
            transport.flush().await
        })
        .await
    }

    async fn reply(&mut self, frame: &ServerFrame) -> Step {
        self.write([frame.to_json().into()]).await
    }

    async fn refuse(&mut self, refusal: Refusal, nonce: Option<String>, room: Option<String>) -> Step {
        metrics::counter!("twitchy_refused_total", "code" => refusal.code.as_str()).increment(1);
        let Refusal { code, detail, retry_after, .. } = refusal;
        let retry_after_ms =
            retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
        self.reply(&ServerFrame::Error { code, detail, nonce, room, retry_after_ms }).await
    }

    /// Several frames, one flush.
    async fn write(&mut self, frames: impl IntoIterator<Item = Utf8Bytes, IntoIter: Send>) -> Step {
        let Self { transport, .. } = self;
        let mut frames = frames.into_iter().peekable();
        within_time(async {
            if frames.peek().is_none() {
                return Ok(());
            }
            for frame in frames {
                transport.feed(frame).await?;
            }
            transport.flush().await
        })
        .await
    }

    async fn close(&mut self, reason: CloseReason) {
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.transport.close(reason)).await;
    }
}

/// What was written, or the end of a connection that takes nothing.
async fn within_time(written: impl Future<Output = Result<(), Gone>>) -> Step {
    match tokio::time::timeout(WRITE_TIMEOUT, written).await {
        Ok(Ok(())) => ControlFlow::Continue(()),
        Ok(Err(Gone)) => ControlFlow::Break(End::Gone),
        Err(_) => ControlFlow::Break(End::Close(CloseReason::TooSlow)),
    }
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

async fn draft(
    gateway: &Gateway,
    slug: &str,
    author: &Identity,
    text: Admitted,
    nonce: &str,
    reply_to: Option<MessageId>,
) -> Result<(Arc<Room>, Draft), Refusal> {
    let room = gateway.rooms.get(slug).cloned().ok_or_else(Refusal::room_not_found)?;
    let reply_to = match reply_to {
        None => None,
        Some(id) => Some(find_parent(gateway, &room, id).await?),
    };
    let draft = Draft {
        room: room.id(),
        author: author_of(author),
        text,
        reply_to,
        nonce: Some(nonce.to_owned()),
        admin: author.user.admin,
    };
    Ok((room, draft))
}

/// The author of a message that is written now.
pub fn author_of(identity: &Identity) -> Author {
    let user = &identity.user;
    Author {
        id: user.id,
        username: user.username.clone(),
        display_name: user.display_name.clone(),
        color: user.color.clone(),
        badges: Vec::new(),
    }
}

/// The message that is answered: from the ring, where nearly all answers go, or from the store.
pub async fn find_parent(gateway: &Gateway, room: &Room, id: MessageId) -> Result<ReplyTo, Refusal> {
    if let Some(encoded) = room.feed.find(id)
        && let Ok(parent) = serde_json::from_str::<FrameMessage>(encoded.json())
    {
        return Ok(reply_to(parent));
    }
    match gateway.history.message(room, id).await? {
        Some(parent) => Ok(ReplyTo::of(&parent.message)),
        None => Err(Refusal::new(ErrorCode::MessageNotFound, "the message you answer is not in this room")),
    }
}

fn reply_to(parent: FrameMessage) -> ReplyTo {
    let excerpt = chat::message::excerpt(&parent.text);
    ReplyTo { id: parent.id, username: parent.user.username, display_name: parent.user.display_name, excerpt }
}
