//! What the server says, read from its frames.

use crate::{Error, Refusal};
use protocol::{
    frames::{NotRecovered, ServerFrame, You},
    ids::{MessageId, Seq},
    objects::{FrameMessage, Message, RoomSettings},
};

/// What `type` can be; other frames are passed over.
const KNOWN_TYPES: [&str; 16] = [
    "hello",
    "authed",
    "joined",
    "left",
    "messages",
    "ack",
    "error",
    "gap",
    "deleted",
    "cleared",
    "room",
    "banned",
    "unbanned",
    "role",
    "reconnect",
    "pong",
];

/// Of a frame that cannot be read, so many characters are told.
const TOLD_CHARS: usize = 200;

/// What `joined` said.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// Identity of the room's log.
    pub epoch: String,
    /// Everything up to here is in `history` or older.
    pub seq: Seq,
    /// After a resume: was it complete?
    pub recovered: Option<bool>,
    /// If not, why.
    pub reason: Option<NotRecovered>,
    /// Oldest first.
    pub history: Vec<FrameMessage>,
    /// Connections that read the room.
    pub viewers: u64,
    /// Its rules.
    pub settings: RoomSettings,
    /// The message above it.
    pub pinned: Option<Message>,
    /// What one is here.
    pub you: You,
    /// Its name for people.
    pub title: Option<String>,
    /// The line under it.
    pub description: Option<String>,
    /// Closed, so that only admins read it.
    pub archived: bool,
}

/// What `ack` said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Of the `send`.
    pub nonce: String,
    /// Of the message.
    pub id: MessageId,
    /// Its place.
    pub seq: Seq,
    /// Milliseconds since the Unix epoch.
    pub sent_at: u64,
}

/// A frame; none for a type that this client does not know.
pub(crate) fn parse(text: &str) -> Result<Option<ServerFrame>, Error> {
    let error = match serde_json::from_str(text) {
        Ok(frame) => return Ok(Some(frame)),
        Err(error) => error,
    };
    let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
    match value.as_ref().and_then(|value| value.get("type")?.as_str()) {
        Some(kind) if !KNOWN_TYPES.contains(&kind) => Ok(None),
        _ => {
            let text: String = text.chars().take(TOLD_CHARS).collect();
            Err(Error::Malformed(format!("{error}: {text}")))
        }
    }
}

pub(crate) fn refusal_of(frame: &ServerFrame) -> Option<Refusal> {
    let ServerFrame::Error { code, detail, nonce, room, retry_after_ms } = frame else { return None };
    Some(Refusal {
        code: *code,
        detail: detail.clone(),
        status: None,
        nonce: nonce.clone(),
        room: room.clone(),
        retry_after_ms: *retry_after_ms,
        errors: Vec::new(),
    })
}

pub(crate) fn ack_of(frame: &ServerFrame) -> Option<Ack> {
    let ServerFrame::Ack { nonce, id, seq, sent_at } = frame else { return None };
    Some(Ack { nonce: nonce.clone(), id: *id, seq: *seq, sent_at: *sent_at })
}

pub(crate) fn joined_of(frame: &ServerFrame) -> Option<Joined> {
    let ServerFrame::Joined {
        room: _,
        epoch,
        seq,
        recovered,
        reason,
        history,
        viewers,
        settings,
        pinned,
        you,
        title,
        description,
        archived,
    } = frame
    else {
        return None;
    };
    Some(Joined {
        epoch: epoch.clone(),
        seq: *seq,
        recovered: *recovered,
        reason: *reason,
        history: history.clone(),
        viewers: *viewers,
        settings: *settings,
        pinned: pinned.as_deref().cloned(),
        you: *you,
        title: title.clone(),
        description: description.clone(),
        archived: *archived,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_types_and_fields_are_passed_over() {
        assert_eq!(parse(r#"{"type":"poll","room":"bestie"}"#).expect("an unknown type is no error"), None);
        let known = parse(r#"{"type":"pong","id":"x","later":[1]}"#).expect("an unknown field is no error");
        assert_eq!(known, Some(ServerFrame::Pong { id: "x".to_owned() }));
    }

    #[test]
    fn what_breaks_the_protocol_is_an_error() {
        for text in ["", "[]", r#"{"id":"x"}"#, r#"{"type":"pong"}"#, r#"{"type":"left","room":7}"#] {
            assert!(matches!(parse(text), Err(Error::Malformed(_))), "{text}");
        }
    }
}
