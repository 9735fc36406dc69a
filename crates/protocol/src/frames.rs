//! Frames of the WebSocket, both ways. PROTOCOL section 3.

use crate::{
    codes::ErrorCode,
    ids::{MessageId, Seq},
    objects::{FrameMessage, Message, RoomSettings, User},
};
use serde::{Deserialize, Serialize};

/// Which part of a room's messages a connection gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum FeedKind {
    /// Every message.
    Full,
    /// A sample at a rate fit to read.
    Readable,
    /// Full while the room is calm, readable while it storms.
    #[default]
    Auto,
}

/// What a client says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum ClientFrame {
    /// Become a user, or renew before expiry.
    Auth {
        /// An access token.
        token: String,
    },
    /// Start reading a room.
    Join {
        /// Its slug.
        room: String,
        /// 0 to 100, 10 where left out.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(optional = nullable))]
        history: Option<u32>,
        /// Everything later than this.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(optional = nullable))]
        after: Option<Seq>,
        /// Where `after` comes from.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(optional = nullable))]
        epoch: Option<String>,
        /// `auto` where left out.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(optional, as = "Option<FeedKind>"))]
        feed: FeedKind,
    },
    /// Stop reading it.
    Leave {
        /// Its slug.
        room: String,
    },
    /// Say something.
    Send {
        /// Where.
        room: String,
        /// 1 to 500 code points.
        text: String,
        /// 1 to 64 bytes of the sender's choice.
        nonce: String,
        /// A message of the same room.
        #[serde(default)]
        #[cfg_attr(feature = "ts", ts(optional = nullable))]
        reply_to: Option<MessageId>,
    },
    /// Answered by `pong`.
    Ping {
        /// Comes back.
        #[serde(default)]
        id: String,
    },
}

impl std::fmt::Debug for ClientFrame {
    /// Tokens and texts stay out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auth { .. } => f.write_str("Auth"),
            Self::Join { room, after, .. } => write!(f, "Join({room}, after {after:?})"),
            Self::Leave { room } => write!(f, "Leave({room})"),
            Self::Send { room, text, .. } => write!(f, "Send({room}, {} bytes)", text.len()),
            Self::Ping { .. } => f.write_str("Ping"),
        }
    }
}

/// The limits that a client should know.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Limits {
    /// Code points of a message.
    pub message_code_points_max: u32,
    /// Bytes of a frame.
    pub frame_bytes_max: u32,
    /// Messages in a `joined` frame.
    pub history_max: u32,
    /// Bytes of a nonce.
    pub nonce_bytes_max: u32,
    /// Rooms that one connection may read at once.
    pub rooms_per_connection: u32,
    /// Sends of one connection that may wait for their `ack`.
    pub sends_in_flight_max: u32,
    /// Messages a user may send, a second; 0 means no limit.
    pub user_messages_per_second: f64,
}

/// What one is in a room. Each may do what those before it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Role {
    /// Reads, and writes if registered.
    #[default]
    Viewer,
    /// Is dear to the room.
    Vip,
    /// Keeps it civil.
    Moderator,
    /// Owns it.
    Broadcaster,
    /// May do everything everywhere.
    Admin,
}

/// Oneself, in a `joined` frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct You {
    /// What one is here.
    pub role: Role,
}

/// Why a resume could not give everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum NotRecovered {
    /// The room's log was lost or made anew.
    EpochChanged,
    /// More was missed than is replayed at once.
    TooOld,
    /// `after` is later than anything there is.
    Ahead,
}

/// Why the server ended the reading of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum LeftReason {
    /// The room was closed.
    Archived,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum ServerFrame {
    /// First frame of every connection.
    Hello {
        /// `twitchy/<version>`
        server: String,
        /// The server sends a WebSocket ping this often.
        heartbeat_ms: u64,
        /// What is allowed.
        limits: Limits,
    },
    /// The token was good.
    Authed {
        /// Who one is now.
        user: User,
        /// When the token ends; `auth` again before.
        expires_at: u64,
    },
    /// The room is read from now on. Nothing between `seq` and the first live frame is missing or twice.
    Joined {
        /// Its slug.
        room: String,
        /// Identity of the room's log.
        epoch: String,
        /// Everything up to here is in `history` or older.
        seq: Seq,
        /// After a resume: was it complete?
        recovered: Option<bool>,
        /// If not, why.
        reason: Option<NotRecovered>,
        /// Oldest first.
        history: Vec<FrameMessage>,
        /// Connections that read it.
        viewers: u64,
        /// Its rules.
        settings: RoomSettings,
        /// The pinned message.
        pinned: Option<Box<Message>>,
        /// What one is here.
        you: You,
        /// Its name for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        title: Option<String>,
        /// The line under it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        description: Option<String>,
        /// Closed, so that only admins read it; left out while it is open.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "ts", ts(as = "Option<bool>", optional))]
        archived: bool,
    },
    /// The room is no longer read.
    Left {
        /// Its slug.
        room: String,
        /// Why, where the client did not ask for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        reason: Option<LeftReason>,
    },
    /// New messages in the room's order.
    Messages {
        /// Slug.
        room: String,
        /// One or more.
        messages: Vec<FrameMessage>,
        /// How many a `readable` feed left out before this frame.
        skipped: u64,
    },
    /// The message is durable.
    Ack {
        /// Of the `send`.
        nonce: String,
        /// Of the message.
        id: MessageId,
        /// Its place.
        seq: Seq,
        /// When it was accepted.
        sent_at: u64,
    },
    /// A request was refused; the connection stays open.
    Error {
        /// The stable word.
        code: ErrorCode,
        /// For people.
        detail: String,
        /// Of the `send` that was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        nonce: Option<String>,
        /// The room it was about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        room: Option<String>,
        /// Not before that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        retry_after_ms: Option<u64>,
    },
    /// Messages after `from` up to `to` were not sent on this connection.
    Gap {
        /// Slug.
        room: String,
        /// The last one sent.
        from: Seq,
        /// The last one left out.
        to: Seq,
    },
    /// Take these away.
    Deleted {
        /// Slug.
        room: String,
        /// Of the messages.
        ids: Vec<MessageId>,
    },
    /// Take away all of one user's messages, or all.
    Cleared {
        /// Slug.
        room: String,
        /// Whose; everyone's where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        username: Option<String>,
    },
    /// What changed about the room.
    Room {
        /// Slug.
        room: String,
        /// Its rules.
        settings: RoomSettings,
        /// Connections that read it.
        viewers: u64,
        /// Over the last few seconds.
        messages_per_second: f64,
        /// The pinned message.
        pinned: Option<Box<Message>>,
        /// Its name for people, where that changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        title: Option<String>,
        /// The line under it, where that changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        description: Option<String>,
        /// Closed, or open again, where that changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        archived: Option<bool>,
    },
    /// To the user concerned.
    Banned {
        /// Slug.
        room: String,
        /// For ever where null.
        until: Option<u64>,
        /// Why.
        reason: Option<String>,
    },
    /// To the user concerned: may write again.
    Unbanned {
        /// Slug.
        room: String,
    },
    /// To the user concerned: is something else in this room now.
    Role {
        /// Slug.
        room: String,
        /// What one is here from now on.
        you: You,
    },
    /// This node is about to stop.
    Reconnect {
        /// Come back after this, with `after`.
        after_ms: u64,
    },
    /// Answer to `ping`.
    Pong {
        /// Of the `ping`.
        id: String,
    },
}

/// A client frame that could not be understood: what to tell, and the words that let the client find its request again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFrame {
    /// `invalid_json`, `unknown_type` or `bad_request`.
    pub code: ErrorCode,
    /// For people.
    pub detail: String,
    /// If the frame had one.
    pub nonce: Option<String>,
    /// If the frame had one.
    pub room: Option<String>,
}

impl ClientFrame {
    /// Every `type` a client may send.
    pub const TYPES: [&'static str; 5] = ["auth", "join", "leave", "send", "ping"];

    /// Reads a frame; what cannot be read becomes the error to answer with.
    pub fn parse(text: &str) -> Result<Self, BadFrame> {
        // Nearly all frames of a busy server are these, and with the type known beforehand nothing is read twice.
        if let Ok(SendFrame { kind: "send", room, text, nonce, reply_to }) = serde_json::from_str(text) {
            return Ok(Self::Send { room, text, nonce, reply_to });
        }
        serde_json::from_str(text).map_err(|error| Self::explain(text, &error))
    }

    /// The slow path: finds out what exactly is wrong.
    fn explain(text: &str, error: &serde_json::Error) -> BadFrame {
        let bad = |code, detail: String| BadFrame { code, detail, nonce: None, room: None };
        if !error.is_data() {
            let place = format!("not valid JSON at line {} column {}", error.line(), error.column());
            return bad(ErrorCode::InvalidJson, place);
        }
        let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
            return bad(ErrorCode::InvalidJson, "not valid JSON".to_owned());
        };
        let Some(object) = value.as_object() else {
            return bad(ErrorCode::BadRequest, "a frame is a JSON object with a `type`".to_owned());
        };
        let word = |key: &str, bytes_max: usize| {
            object.get(key).and_then(|v| v.as_str()).filter(|s| s.len() <= bytes_max).map(str::to_owned)
        };
        let (nonce, room) = (word("nonce", crate::limits::NONCE_BYTES_MAX), word("room", 64));
        let (code, detail) = match object.get("type") {
            None => (ErrorCode::BadRequest, "the frame has no `type`".to_owned()),
            Some(serde_json::Value::String(t)) if Self::TYPES.contains(&t.as_str()) => {
                (ErrorCode::BadRequest, shorten(&error.to_string()))
            }
            Some(serde_json::Value::String(t)) => (
                ErrorCode::UnknownType,
                format!("no frame type {:?}; there are {}", shorten(t), Self::TYPES.join(", ")),
            ),
            Some(_) => (ErrorCode::BadRequest, "`type` is a string".to_owned()),
        };
        BadFrame { code, detail, nonce, room }
    }
}

/// [`ClientFrame::Send`] with its type; whatever else it could not read is read as any frame.
#[derive(Deserialize)]
struct SendFrame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    room: String,
    text: String,
    nonce: String,
    #[serde(default)]
    reply_to: Option<MessageId>,
}

/// Keeps what a client sent from filling an answer.
fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 160;
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(CHARS_MAX).collect()
}

impl ServerFrame {
    /// The frame as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a frame has only string keys and finite numbers")
    }
}

/// Puts messages that are JSON already into one `messages` frame, without encoding any of them again.
/// The same text as [`ServerFrame::Messages`] gives.
pub fn messages_frame<'a>(room: &str, messages: impl Iterator<Item = &'a str>, skipped: u64) -> String {
    use std::fmt::Write as _;
    let room = serde_json::to_string(room).expect("a string is always JSON");
    let mut out = String::with_capacity(512);
    let _ = write!(out, r#"{{"type":"messages","room":{room},"messages":["#);
    for (i, message) in messages.enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(message);
    }
    let _ = write!(out, r#"],"skipped":{skipped}}}"#);
    out
}

/// A `joined` frame around messages that are JSON already; the same text as [`ServerFrame::Joined`] gives.
/// `head` is the frame with an empty history.
pub fn joined_frame<'a>(head: &ServerFrame, history: impl Iterator<Item = &'a str>) -> String {
    const EMPTY: &str = r#""history":[]"#;
    let text = head.to_json();
    // Only `joined` has a history, and slugs and epochs hold no quotes, so the first match is the field.
    let Some(at) = text.find(EMPTY) else { return text };
    let (before, after) = text.split_at(at + EMPTY.len() - 1);
    let mut out = String::with_capacity(text.len() + 4 * 1024);
    out.push_str(before);
    for (i, message) in history.enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(message);
    }
    out.push_str(after);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, code: ErrorCode) -> BadFrame {
        let bad = ClientFrame::parse(text).expect_err("must be refused");
        assert_eq!(bad.code, code, "{text}: {}", bad.detail);
        bad
    }

    #[test]
    fn defaults_are_filled_in() {
        let frame = ClientFrame::parse(r#"{"type":"join","room":"bestie","later":{"unknown":[1]}}"#).unwrap();
        let ClientFrame::Join { history: None, after: None, epoch: None, feed: FeedKind::Auto, room } = frame
        else {
            panic!("{frame:?}")
        };
        assert_eq!(room, "bestie");
    }

    #[test]
    fn bad_frames_get_their_own_code() {
        for text in
            ["", "{", "nul", "{\"type\":\"ping\"} x", "{\"type\":\"ping\",\"id\":\"\\ud800\"}", "\u{feff}{}"]
        {
            refused(text, ErrorCode::InvalidJson);
        }
        refused(r#"{"type":"join","room":"r","history":1e999}"#, ErrorCode::InvalidJson);
        for text in ["null", "[]", "3", "{}", r#"{"type":1}"#, r#"{"type":"send","room":"r","text":"x"}"#] {
            refused(text, ErrorCode::BadRequest);
        }
        for text in [
            r#"{"type":"join","room":7}"#,
            r#"{"type":"join","room":"r","history":-1}"#,
            r#"{"type":"join","room":"r","history":4294967296}"#,
            r#"{"type":"join","room":"r","after":"-1"}"#,
            r#"{"type":"join","room":"r","after":"18446744073709551616"}"#,
            r#"{"type":"join","room":"r","feed":"some"}"#,
            r#"{"type":"send","room":"r","text":"x","nonce":"n","reply_to":"no"}"#,
        ] {
            refused(text, ErrorCode::BadRequest);
        }
        refused(r#"{"type":"shout"}"#, ErrorCode::UnknownType);
    }

    #[test]
    fn duplicate_keys_are_refused_and_the_request_is_named() {
        let bad =
            refused(r#"{"type":"send","room":"r","text":"a","nonce":"n","text":"b"}"#, ErrorCode::BadRequest);
        assert_eq!((bad.nonce.as_deref(), bad.room.as_deref()), (Some("n"), Some("r")));
        assert!(bad.detail.contains("duplicate"), "{}", bad.detail);
    }

    #[test]
    fn deep_nesting_is_refused_without_a_deep_stack() {
        let deep = format!(r#"{{"type":"ping","id":"x","y":{}{}}}"#, "[".repeat(8_000), "]".repeat(8_000));
        refused(&deep, ErrorCode::InvalidJson);
    }

    #[test]
    fn errors_do_not_repeat_what_was_sent_at_length() {
        let bad = refused(&format!(r#"{{"type":"{}"}}"#, "x".repeat(10_000)), ErrorCode::UnknownType);
        assert!(bad.detail.len() < 400);
    }
}
