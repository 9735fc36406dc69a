//! A [`Session`] over a WebSocket: reads frames, carries the session's actions out, writes what the rooms publish.
//!
//! One task a connection. It holds a cursor into each feed it reads and no queue of messages; what the socket does not
//! take stays in the ring, and whoever falls off it is told the gap.

use super::{
    Gateway,
    registry::{Registered, Signals},
    session::{self, Action, Session, Submit},
};
use crate::{
    auth::Identity,
    clock,
    http::problem::Refusal,
    limits::Place,
    rooms::{
        Room,
        accept::Rejected,
        feed::{Cursor, Encoded, Snapshot, Subscription},
        history::Resumed,
    },
};
use axum::extract::ws::{CloseFrame, Message as WsMessage, Utf8Bytes, WebSocket};
use chat::{
    admission::Admitted,
    message::{Author, Draft, Logged, ReplyTo},
    nonces::Accepted,
};
use futures_util::{FutureExt, SinkExt, StreamExt, stream::FuturesUnordered};
use protocol::{
    codes::{CloseReason, ErrorCode},
    frames::{NotRecovered, ServerFrame, You, joined_frame, messages_frame},
    ids::{MessageId, Seq},
    limits::HISTORY_MAX,
    objects::FrameMessage,
};
use std::{collections::HashMap, future::Future, ops::ControlFlow, pin::Pin, sync::Arc, time::Duration};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tungstenite::error::{CapacityError, Error as WsError};

/// Bytes given to the socket before it is flushed: a turn of a busy room in one or few writes.
const TURN_BYTES_MAX: usize = 256 * 1024;
/// A socket that takes nothing for so long is given up. Twice the default heartbeat.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the peer may take to answer our close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Clients are asked to come back spread over this long when the process stops, or over half the grace time.
const RECONNECT_SPREAD_MAX: Duration = Duration::from_secs(4);
/// Messages of a resume beyond the first hundred travel in frames of this many.
const REPLAY_FRAME_MESSAGES: usize = HISTORY_MAX as usize;

type Outcome = (String, String, Result<Accepted, Rejected>);
type Pending = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The connection is over.
enum End {
    /// We close it and say why.
    Close(CloseReason),
    /// The other side closed it or is gone.
    Gone,
}

type Step = ControlFlow<End>;

struct Reading {
    room: Arc<Room>,
    cursor: Cursor,
    _subscription: Subscription,
}

struct Connection {
    gateway: Arc<Gateway>,
    socket: WebSocket,
    session: Session,
    signals: Arc<Signals>,
    registered: Option<Registered>,
    reading: HashMap<String, Reading>,
    pending: FuturesUnordered<Pending>,
    /// When anything last came from the other side.
    heard: Instant,
}

/// Serves one connection until it ends. `_place` counts it while it lives.
pub async fn serve(gateway: Arc<Gateway>, socket: WebSocket, _place: Place) {
    let (session, hello) = Session::new(&gateway.options, clock::now());
    let mut connection = Connection {
        gateway,
        socket,
        session,
        signals: Arc::default(),
        registered: None,
        reading: HashMap::new(),
        pending: FuturesUnordered::new(),
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

impl Connection {
    async fn run(&mut self, hello: ServerFrame) -> End {
        let mut heartbeat = tokio::time::interval(self.gateway.options.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        if let ControlFlow::Break(end) = self.reply(&hello).await {
            return end;
        }
        let stopping = self.gateway.stopping.clone();
        loop {
            let step = tokio::select! {
                // Frames of the client first would let a flood starve its own acks; the order is left to chance.
                frame = self.socket.next() => self.on_socket(frame).await,
                Some((room, nonce, outcome)) = self.pending.next() => self.on_outcome(room, nonce, outcome).await,
                () = self.signals.wake.notified() => self.on_wake().await,
                _ = heartbeat.tick() => self.on_heartbeat().await,
                () = stopping.cancelled() => return self.drain(&mut heartbeat).await,
            };
            if let ControlFlow::Break(end) = step {
                return end;
            }
        }
    }

    /// The process stops: tells the client when to come back, goes on answering until it leaves or the time is up.
    async fn drain(&mut self, heartbeat: &mut Interval) -> End {
        let spread = RECONNECT_SPREAD_MAX.min(self.gateway.options.shutdown_grace / 2);
        let after = spread.mul_f64(rand::random::<f64>());
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(0);
        if let ControlFlow::Break(end) = self.reply(&ServerFrame::Reconnect { after_ms }).await {
            return end;
        }
        let deadline = tokio::time::sleep(spread);
        tokio::pin!(deadline);
        loop {
            let step = tokio::select! {
                frame = self.socket.next() => self.on_socket(frame).await,
                Some((room, nonce, outcome)) = self.pending.next() => self.on_outcome(room, nonce, outcome).await,
                () = self.signals.wake.notified() => self.on_wake().await,
                _ = heartbeat.tick() => self.on_heartbeat().await,
                () = &mut deadline => break,
            };
            if let ControlFlow::Break(end) = step {
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

    async fn on_socket(&mut self, frame: Option<Result<WsMessage, axum::Error>>) -> Step {
        self.heard = Instant::now();
        match frame {
            Some(Ok(WsMessage::Text(text))) => {
                metrics::counter!("twitchy_frames_received_total").increment(1);
                let action = self.session.on_frame(text.as_str(), clock::now());
                self.act(action).await
            }
            Some(Ok(WsMessage::Binary(_))) => ControlFlow::Break(End::Close(CloseReason::BinaryFrame)),
            // tungstenite answers pings by itself.
            Some(Ok(WsMessage::Ping(_) | WsMessage::Pong(_))) => ControlFlow::Continue(()),
            Some(Ok(WsMessage::Close(_))) => {
                // The answer to it is only queued by the reading.
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.socket.flush()).await;
                ControlFlow::Break(End::Gone)
            }
            None => ControlFlow::Break(End::Gone),
            Some(Err(error)) => ControlFlow::Break(end_of(error)),
        }
    }

    async fn act(&mut self, action: Action) -> Step {
        match action {
            Action::Reply(frame) => self.reply(&frame).await,
            Action::Authenticate(token) => self.authenticate(&token).await,
            Action::Join(join) => self.join(join).await,
            Action::Leave(slug) => {
                self.reading.remove(&slug);
                self.reply(&ServerFrame::Left { room: slug }).await
            }
            Action::Submit(submit) => self.submit(submit).await,
            Action::Close(reason) => ControlFlow::Break(End::Close(reason)),
        }
    }

    async fn authenticate(&mut self, token: &str) -> Step {
        match self.gateway.accounts.authenticate(token, clock::now()).await {
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
                self.session.authed(identity);
                self.reply(&frame).await
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
        let (recovered, reason, older, snapshot) = match &join.resume {
            None => (None, None, Vec::new(), room.feed.latest(join.history)),
            Some(resume) => match resume_from(&self.gateway, &room, resume).await {
                Ok(Ok((older, snapshot))) => (Some(true), None, older, snapshot),
                Ok(Err(reason)) => (Some(false), Some(reason), Vec::new(), room.feed.latest(join.history)),
                Err(refusal) => return self.refuse(refusal, None, Some(join.room)).await,
            },
        };
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
            pinned: None,
            you: You { role: self.session.role() },
        };
        let (history, rest) = past.split_at(in_history);
        let mut frames: Vec<Utf8Bytes> = vec![joined_frame(&head, history.iter().map(String::as_str)).into()];
        frames.extend(
            rest.chunks(REPLAY_FRAME_MESSAGES)
                .map(|chunk| messages_frame(&join.room, chunk.iter().map(String::as_str), 0).into()),
        );
        self.session.joined(join.room.clone());
        self.reading
            .insert(join.room, Reading { room, cursor: snapshot.cursor, _subscription: subscription });
        self.write(frames).await
    }

    async fn submit(&mut self, submit: Submit) -> Step {
        let Submit { room: slug, author, text, nonce, reply_to } = submit;
        let submitted = match draft(&self.gateway, &slug, &author, text, &nonce, reply_to).await {
            Ok((room, draft)) => {
                room.submit(draft, &self.gateway.limits.pace, clock::now()).map_err(Refusal::from)
            }
            Err(refusal) => Err(refusal),
        };
        match submitted {
            Ok(submitted) => {
                let outcome = submitted.outcome().map(move |outcome| (slug, nonce, outcome));
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
        let mut frames = Vec::new();
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
        if self.session.expired(clock::now()) {
            return ControlFlow::Break(End::Close(CloseReason::SessionOver));
        }
        // Two heartbeats without a pong or anything else: nobody is there.
        if self.heard.elapsed() > self.gateway.options.heartbeat * 2 {
            return ControlFlow::Break(End::Close(CloseReason::TooSlow));
        }
        send_all(&mut self.socket, [WsMessage::Ping(Default::default())]).await
    }

    async fn reply(&mut self, frame: &ServerFrame) -> Step {
        send_all(&mut self.socket, [WsMessage::Text(frame.to_json().into())]).await
    }

    async fn refuse(&mut self, refusal: Refusal, nonce: Option<String>, room: Option<String>) -> Step {
        metrics::counter!("twitchy_refused_total", "code" => refusal.code.as_str()).increment(1);
        let Refusal { code, detail, retry_after, .. } = refusal;
        let retry_after_ms =
            retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
        self.reply(&ServerFrame::Error { code, detail, nonce, room, retry_after_ms }).await
    }

    async fn write(&mut self, frames: Vec<Utf8Bytes>) -> Step {
        send_all(&mut self.socket, frames.into_iter().map(WsMessage::Text)).await
    }

    async fn close(&mut self, reason: CloseReason) {
        let frame = CloseFrame { code: reason.code(), reason: reason.text().into() };
        let goodbye = async {
            if self.socket.send(WsMessage::Close(Some(frame))).await.is_ok() {
                // Read on until the other side has seen it; otherwise the reset could overtake the close frame.
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

/// Several frames, one flush.
async fn send_all(socket: &mut WebSocket, frames: impl IntoIterator<Item = WsMessage>) -> Step {
    let sent = async {
        let mut any = false;
        for frame in frames {
            socket.feed(frame).await?;
            any = true;
        }
        if any { socket.flush().await } else { Ok(()) }
    };
    match tokio::time::timeout(WRITE_TIMEOUT, sent).await {
        Ok(Ok(())) => ControlFlow::Continue(()),
        Ok(Err(_)) => ControlFlow::Break(End::Gone),
        Err(_) => ControlFlow::Break(End::Close(CloseReason::TooSlow)),
    }
}

/// What an error of the WebSocket means for the connection.
fn end_of(error: axum::Error) -> End {
    match error.into_inner().downcast::<WsError>().map(|e| *e) {
        Ok(WsError::Capacity(CapacityError::MessageTooLong { .. })) => End::Close(CloseReason::TooBig),
        Ok(WsError::Utf8(_)) => End::Close(CloseReason::NotUtf8),
        Ok(WsError::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => End::Gone,
        Ok(WsError::Protocol(_) | WsError::Capacity(_)) => End::Close(CloseReason::ProtocolError),
        _ => End::Gone,
    }
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
    Ok((
        room.clone(),
        Draft { room: room.id(), author: author_of(author), text, reply_to, nonce: Some(nonce.to_owned()) },
    ))
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
