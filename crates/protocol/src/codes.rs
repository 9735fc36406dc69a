//! The closed sets of words for what went wrong: error codes and close codes. Words that go out of use are never
//! given a new meaning.

use serde::{Deserialize, Serialize};

/// What went wrong with one request. The connection stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[allow(missing_docs)] // the words are the documentation; PROTOCOL section 4 lists them
pub enum ErrorCode {
    BadRequest,
    InvalidJson,
    ValidationFailed,
    UnknownType,
    Unauthorized,
    InvalidCredentials,
    TokenExpired,
    Forbidden,
    Banned,
    AnonymousReadOnly,
    NotFound,
    RoomNotFound,
    RoomArchived,
    MessageNotFound,
    UsernameTaken,
    RoomTaken,
    LimitReached,
    DuplicateMessage,
    PayloadTooLarge,
    MessageTooLong,
    MessageEmpty,
    EmoteOnly,
    BlockedPhrase,
    SlowMode,
    RateLimited,
    Overloaded,
    StorageFull,
    Unavailable,
    Internal,
}

impl ErrorCode {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 29] = [
        Self::BadRequest,
        Self::InvalidJson,
        Self::ValidationFailed,
        Self::UnknownType,
        Self::Unauthorized,
        Self::InvalidCredentials,
        Self::TokenExpired,
        Self::Forbidden,
        Self::Banned,
        Self::AnonymousReadOnly,
        Self::NotFound,
        Self::RoomNotFound,
        Self::RoomArchived,
        Self::MessageNotFound,
        Self::UsernameTaken,
        Self::RoomTaken,
        Self::LimitReached,
        Self::DuplicateMessage,
        Self::PayloadTooLarge,
        Self::MessageTooLong,
        Self::MessageEmpty,
        Self::EmoteOnly,
        Self::BlockedPhrase,
        Self::SlowMode,
        Self::RateLimited,
        Self::Overloaded,
        Self::StorageFull,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The status that REST answers it with.
    pub fn http_status(self) -> u16 {
        match self {
            Self::BadRequest | Self::InvalidJson | Self::UnknownType => 400,
            Self::Unauthorized | Self::InvalidCredentials | Self::TokenExpired => 401,
            Self::Forbidden
            | Self::Banned
            | Self::AnonymousReadOnly
            | Self::RoomArchived
            | Self::EmoteOnly
            | Self::BlockedPhrase => 403,
            Self::NotFound | Self::RoomNotFound | Self::MessageNotFound => 404,
            Self::UsernameTaken | Self::RoomTaken | Self::LimitReached | Self::DuplicateMessage => 409,
            Self::PayloadTooLarge => 413,
            Self::ValidationFailed | Self::MessageTooLong | Self::MessageEmpty => 422,
            Self::SlowMode | Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Overloaded | Self::Unavailable => 503,
            Self::StorageFull => 507,
        }
    }

    /// The stable word, as it stands in JSON and in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::InvalidJson => "invalid_json",
            Self::ValidationFailed => "validation_failed",
            Self::UnknownType => "unknown_type",
            Self::Unauthorized => "unauthorized",
            Self::InvalidCredentials => "invalid_credentials",
            Self::TokenExpired => "token_expired",
            Self::Forbidden => "forbidden",
            Self::Banned => "banned",
            Self::AnonymousReadOnly => "anonymous_read_only",
            Self::NotFound => "not_found",
            Self::RoomNotFound => "room_not_found",
            Self::RoomArchived => "room_archived",
            Self::MessageNotFound => "message_not_found",
            Self::UsernameTaken => "username_taken",
            Self::RoomTaken => "room_taken",
            Self::LimitReached => "limit_reached",
            Self::DuplicateMessage => "duplicate_message",
            Self::PayloadTooLarge => "payload_too_large",
            Self::MessageTooLong => "message_too_long",
            Self::MessageEmpty => "message_empty",
            Self::EmoteOnly => "emote_only",
            Self::BlockedPhrase => "blocked_phrase",
            Self::SlowMode => "slow_mode",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::StorageFull => "storage_full",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// A short title for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "The request is not of the expected form",
            Self::InvalidJson => "The body is not valid JSON",
            Self::ValidationFailed => "A field has a value that is not allowed",
            Self::UnknownType => "There is no frame of this type",
            Self::Unauthorized => "Log in first",
            Self::InvalidCredentials => "Wrong name or password",
            Self::TokenExpired => "The token has expired",
            Self::Forbidden => "You may not do this",
            Self::Banned => "You are banned from this room",
            Self::AnonymousReadOnly => "Only registered users can write",
            Self::NotFound => "There is nothing here",
            Self::RoomNotFound => "There is no such room",
            Self::RoomArchived => "The room is closed",
            Self::MessageNotFound => "There is no such message",
            Self::UsernameTaken => "This name is taken",
            Self::RoomTaken => "There is a room of this name",
            Self::LimitReached => "There are as many of these as there may be",
            Self::DuplicateMessage => "This was said already",
            Self::PayloadTooLarge => "The body is too large",
            Self::MessageTooLong => "The message is too long",
            Self::MessageEmpty => "The message is empty",
            Self::EmoteOnly => "The room takes only emotes",
            Self::BlockedPhrase => "The room does not take these words",
            Self::SlowMode => "The room is in slow mode",
            Self::RateLimited => "Too many requests",
            Self::Overloaded => "The server is too busy",
            Self::StorageFull => "The server's disk is full",
            Self::Unavailable => "The log or the store is out of reach",
            Self::Internal => "Something broke on our side",
        }
    }
}

/// Why a connection ends. Each cause has its own reason text, and is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client said goodbye.
    Normal,
    /// A frame was binary; the protocol is text.
    BinaryFrame,
    /// A text frame was not UTF-8.
    NotUtf8,
    /// A frame broke the WebSocket protocol.
    ProtocolError,
    /// Errors without end: abuse, not one mistake.
    Policy,
    /// A message above [`crate::limits::FRAME_BYTES_MAX`].
    TooBig,
    /// A fault of ours.
    Internal,
    /// This node stops; a `reconnect` frame came before.
    Restarting,
    /// No room for another connection at all.
    TryLater,
    /// The access token ran out without a new `auth`, or the session was revoked.
    SessionOver,
    /// The client did not answer heartbeats or take what was sent.
    TooSlow,
    /// Too many connections from one address.
    TooManyConnections,
}

impl CloseReason {
    /// The number in the close frame.
    pub fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::ProtocolError => 1002,
            Self::BinaryFrame => 1003,
            Self::NotUtf8 => 1007,
            Self::Policy => 1008,
            Self::TooBig => 1009,
            Self::Internal => 1011,
            Self::Restarting => 1012,
            Self::TryLater => 1013,
            Self::SessionOver => 4001,
            Self::TooSlow => 4008,
            Self::TooManyConnections => 4009,
        }
    }

    /// The reason text in the close frame.
    pub fn text(self) -> &'static str {
        match self {
            Self::Normal => "bye",
            Self::ProtocolError => "not a valid WebSocket frame",
            Self::BinaryFrame => "binary frames are not part of the protocol",
            Self::NotUtf8 => "text must be UTF-8",
            Self::Policy => "too many refused requests",
            Self::TooBig => "a frame may have 16384 bytes",
            Self::Internal => "something broke on our side",
            Self::Restarting => "restarting, come back",
            Self::TryLater => "the server is full, try again later",
            Self::SessionOver => "session expired or revoked",
            Self::TooSlow => "no answer to heartbeats",
            Self::TooManyConnections => "too many connections from your address",
        }
    }

    /// The word in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::ProtocolError => "protocol_error",
            Self::BinaryFrame => "binary_frame",
            Self::NotUtf8 => "not_utf8",
            Self::Policy => "policy",
            Self::TooBig => "too_big",
            Self::Internal => "internal",
            Self::Restarting => "restarting",
            Self::TryLater => "try_later",
            Self::SessionOver => "session_over",
            Self::TooSlow => "too_slow",
            Self::TooManyConnections => "too_many_connections",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_in_json_is_the_word_in_code() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
