//! One connection as a state machine without I/O: frames and time in, [`Action`]s out.
//!
//! It decides what may be asked and by whom; it does not know how frames travel, where messages are kept or what time
//! it is. Whoever carries it out reports back through [`Session::authed`], [`Session::joined`] and so on.

use crate::auth::Identity;
use chat::{
    admission::{self, Refused},
    time::Millis,
};
use protocol::{
    codes::{CloseReason, ErrorCode},
    frames::{BadFrame, ClientFrame, FeedKind, Limits, ServerFrame},
    ids::{MessageId, Seq},
    limits::{
        FRAME_BYTES_MAX, HISTORY_DEFAULT, HISTORY_MAX, MESSAGE_CODE_POINTS_MAX, NONCE_BYTES_MAX,
        PING_ID_BYTES_MAX,
    },
};
use std::{collections::HashSet, sync::Arc};

/// Sends that may wait for their acknowledgement: at 41,667 messages a second and 10 ms to the log, 400 are under way
/// in the whole process; one connection that pipelines everything fits.
pub const SENDS_IN_FLIGHT_MAX: usize = 1_024;

/// Frames other than `send` that may come at once, and how many a second in the long run. Sends have the user's pace.
const CALLS_BURST: f64 = 200.0;
const CALLS_PER_SECOND: f64 = 20.0;
/// What a refused frame costs of that.
const REFUSED_COST: f64 = 2.0;
/// So many frames beyond the limit are answered; then the connection is closed as abuse.
const EXCESS_MAX: u32 = 100;

/// A room's name is repeated in an error only up to this length; slugs are shorter.
const ROOM_ECHO_BYTES_MAX: usize = 64;

/// What is to be done.
#[derive(Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "it is carried out at once and never kept")]
pub enum Action {
    /// Send this frame.
    Reply(ServerFrame),
    /// Check the token, then call [`Session::authed`] or [`Session::auth_failed`].
    Authenticate(String),
    /// Read the room, then call [`Session::joined`].
    Join(Join),
    /// Stop reading the room.
    Leave(String),
    /// Say something, then call [`Session::send_done`].
    Submit(Submit),
    /// Close the connection.
    Close(CloseReason),
}

/// A room to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Slug.
    pub room: String,
    /// How many messages of the past.
    pub history: usize,
    /// Where to go on.
    pub resume: Option<Resume>,
    /// Which part of the messages.
    pub feed: FeedKind,
}

/// Where a connection before this one ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Everything later than this is wanted.
    pub after: Seq,
    /// In this log.
    pub epoch: String,
}

/// Something to say; the text is admitted.
#[derive(Debug, PartialEq)]
pub struct Submit {
    /// Slug.
    pub room: String,
    /// By whom.
    pub author: Arc<Identity>,
    /// What.
    pub text: admission::Admitted,
    /// The sender's key.
    pub nonce: String,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
}

/// The state of one connection.
pub struct Session {
    identity: Option<Arc<Identity>>,
    rooms: HashSet<String>,
    rooms_max: usize,
    in_flight: usize,
    calls: f64,
    calls_at: Millis,
    excess: u32,
}

impl Session {
    /// A connection that has just been opened, and what it is told first.
    pub fn new(options: &super::Options, now: Millis) -> (Self, ServerFrame) {
        let session = Self {
            identity: None,
            rooms: HashSet::new(),
            rooms_max: options.rooms_per_connection,
            in_flight: 0,
            calls: CALLS_BURST,
            calls_at: now,
            excess: 0,
        };
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let hello = ServerFrame::Hello {
            server: concat!("twitchy/", env!("CARGO_PKG_VERSION")).to_owned(),
            heartbeat_ms: u64::try_from(options.heartbeat.as_millis()).unwrap_or(u64::MAX),
            limits: Limits {
                message_code_points_max: small(MESSAGE_CODE_POINTS_MAX),
                frame_bytes_max: small(FRAME_BYTES_MAX),
                history_max: HISTORY_MAX,
                nonce_bytes_max: small(NONCE_BYTES_MAX),
                rooms_per_connection: small(options.rooms_per_connection),
                sends_in_flight_max: small(SENDS_IN_FLIGHT_MAX),
                user_messages_per_second: options.user_messages_per_second,
            },
        };
        (session, hello)
    }

    /// Who is it, if it said so.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// Sends that wait for the log.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// A text frame came.
    pub fn on_frame(&mut self, text: &str, now: Millis) -> Action {
        let frame = match ClientFrame::parse(text) {
            Ok(frame) => frame,
            Err(BadFrame { code, detail, nonce, room }) => {
                return match self.spend(REFUSED_COST, now) {
                    Ok(()) => {
                        Action::Reply(ServerFrame::Error { code, detail, nonce, room, retry_after_ms: None })
                    }
                    Err(over) => over.action(nonce, room),
                };
            }
        };
        match frame {
            ClientFrame::Send { room, text, nonce, reply_to } => {
                self.on_send(room, &text, nonce, reply_to, now)
            }
            other => match self.spend(1.0, now) {
                Ok(()) => self.on_call(other),
                Err(over) => over.action(None, None),
            },
        }
    }

    fn on_call(&mut self, frame: ClientFrame) -> Action {
        match frame {
            ClientFrame::Auth { token } => Action::Authenticate(token),
            ClientFrame::Join { room, history, after, epoch, feed } => {
                let history = history.unwrap_or(HISTORY_DEFAULT);
                if history > HISTORY_MAX {
                    return refuse(
                        ErrorCode::ValidationFailed,
                        format!("`history` is at most {HISTORY_MAX}"),
                        room,
                    );
                }
                let resume = match (after, epoch) {
                    (None, _) => None,
                    (Some(after), Some(epoch)) => Some(Resume { after, epoch }),
                    (Some(_), None) => {
                        let detail = "`after` needs the `epoch` that it comes from".to_owned();
                        return refuse(ErrorCode::ValidationFailed, detail, room);
                    }
                };
                if self.rooms_max > 0 && self.rooms.len() >= self.rooms_max && !self.rooms.contains(&room) {
                    let detail = format!("one connection may read {} rooms at once", self.rooms_max);
                    return refuse(ErrorCode::RateLimited, detail, room);
                }
                Action::Join(Join { room, history: history as usize, resume, feed })
            }
            ClientFrame::Leave { room } => {
                if self.rooms.remove(&room) {
                    Action::Leave(room)
                } else {
                    refuse(ErrorCode::RoomNotFound, "you do not read this room".to_owned(), room)
                }
            }
            ClientFrame::Ping { id } if id.len() > PING_ID_BYTES_MAX => Action::Reply(ServerFrame::Error {
                code: ErrorCode::ValidationFailed,
                detail: format!("`id` has at most {PING_ID_BYTES_MAX} bytes"),
                nonce: None,
                room: None,
                retry_after_ms: None,
            }),
            ClientFrame::Ping { id } => Action::Reply(ServerFrame::Pong { id }),
            ClientFrame::Send { .. } => unreachable!("handled by on_frame"),
        }
    }

    fn on_send(
        &mut self,
        room: String,
        text: &str,
        nonce: String,
        reply_to: Option<MessageId>,
        now: Millis,
    ) -> Action {
        let refused = match &self.identity {
            _ if nonce.is_empty() || nonce.len() > NONCE_BYTES_MAX => {
                let detail = format!("`nonce` has 1 to {NONCE_BYTES_MAX} bytes");
                Err((ErrorCode::ValidationFailed, detail, None))
            }
            None => Err((ErrorCode::AnonymousReadOnly, "register or log in to write".to_owned(), None)),
            Some(_) if self.in_flight >= SENDS_IN_FLIGHT_MAX => {
                let detail = format!("{SENDS_IN_FLIGHT_MAX} messages of this connection wait for their ack");
                Err((ErrorCode::Overloaded, detail, Some(100)))
            }
            Some(author) => match admission::admit(text) {
                Ok(text) => Ok((author.clone(), text)),
                Err(refused) => Err((refusal_code(refused), refused.to_string(), None)),
            },
        };
        match refused {
            Ok((author, text)) => {
                self.in_flight += 1;
                Action::Submit(Submit { room, author, text, nonce, reply_to })
            }
            Err((code, detail, retry_after_ms)) => {
                let nonce = Some(nonce).filter(|n| n.len() <= NONCE_BYTES_MAX);
                let room = Some(room).filter(|r| r.len() <= ROOM_ECHO_BYTES_MAX);
                match self.spend(REFUSED_COST, now) {
                    Ok(()) => Action::Reply(ServerFrame::Error { code, detail, nonce, room, retry_after_ms }),
                    Err(over) => over.action(nonce, room),
                }
            }
        }
    }

    /// The token was good. A second `auth` may renew, or change who one is.
    pub fn authed(&mut self, identity: Identity) {
        self.identity = Some(Arc::new(identity));
    }

    /// The room is read from now on.
    pub fn joined(&mut self, room: String) {
        self.rooms.insert(room);
    }

    /// The room was closed, and is read no longer.
    pub fn left(&mut self, room: &str) {
        self.rooms.remove(room);
    }

    /// A submitted message was answered.
    pub fn send_done(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Is the time of the token up?
    pub fn expired(&self, now: Millis) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.expires_at <= now)
    }

    /// Takes from the bucket of calls; what is beyond it is refused, and for ever beyond it closed.
    fn spend(&mut self, cost: f64, now: Millis) -> Result<(), Over> {
        // A clock set back adds nothing; milliseconds of a connection's life fit a f64.
        #[allow(clippy::cast_precision_loss)]
        let seconds = now.0.saturating_sub(self.calls_at.0) as f64 / 1_000.0;
        self.calls_at = now;
        self.calls = (self.calls + seconds * CALLS_PER_SECOND).min(CALLS_BURST);
        if self.calls >= cost {
            self.calls -= cost;
            // Not back to 0: between two that are answered, a steady flood has fewer than the limit.
            self.excess = self.excess.saturating_sub(1);
            return Ok(());
        }
        self.excess += 1;
        if self.excess > EXCESS_MAX {
            return Err(Over::Abuse);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let retry_after_ms = ((cost - self.calls) / CALLS_PER_SECOND * 1_000.0).ceil() as u64;
        Err(Over::TooFast { retry_after_ms })
    }
}

/// The bucket of calls is empty.
enum Over {
    TooFast { retry_after_ms: u64 },
    Abuse,
}

impl Over {
    fn action(self, nonce: Option<String>, room: Option<String>) -> Action {
        match self {
            Self::Abuse => Action::Close(CloseReason::Policy),
            Self::TooFast { retry_after_ms } => Action::Reply(ServerFrame::Error {
                code: ErrorCode::RateLimited,
                detail: "too many frames on this connection".to_owned(),
                nonce,
                room,
                retry_after_ms: Some(retry_after_ms),
            }),
        }
    }
}

/// The outward code for a text that may not be said.
pub fn refusal_code(refused: Refused) -> ErrorCode {
    match refused {
        Refused::Empty => ErrorCode::MessageEmpty,
        Refused::TooLong { .. } => ErrorCode::MessageTooLong,
        Refused::ControlCharacter(_) => ErrorCode::ValidationFailed,
    }
}

fn refuse(code: ErrorCode, detail: String, room: String) -> Action {
    // What was sent is not repeated at length.
    let room = Some(room).filter(|r| r.len() <= ROOM_ECHO_BYTES_MAX);
    Action::Reply(ServerFrame::Error { code, detail, nonce: None, room, retry_after_ms: None })
}

#[cfg(test)]
mod tests;
