//! Bodies of the REST calls under `/api/v1`. PROTOCOL section 2.

use crate::{
    codes::ErrorCode,
    objects::{Emote, Message, Room, User},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `POST /auth/register`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegisterBody {
    /// 3 to 25 of `a`–`z`, `0`–`9`, `_`.
    pub username: String,
    /// 8 characters at least.
    pub password: String,
    /// The same letters as the username, in any case.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub display_name: Option<String>,
}

/// `POST /auth/login`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginBody {
    /// In any case.
    pub username: String,
    /// The password.
    pub password: String,
}

/// `POST /auth/refresh` and `POST /auth/logout`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefreshBody {
    /// As it came with the last answer.
    pub refresh_token: String,
    /// What the next one is to be: 32 random bytes of the client, in base64url without padding. An exchange whose answer
    /// was lost can then be asked for again with the same two. Logging out does not look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub next_refresh_token: Option<String>,
}

/// What registering, logging in and refreshing answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthAnswer {
    /// Who one is now.
    pub user: User,
    /// For `Authorization: Bearer …` and the `auth` frame.
    pub access_token: String,
    /// For one `POST /auth/refresh`.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
}

/// `PATCH /users/me`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProfileBody {
    /// The same letters as the username, in any case.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub display_name: Option<String>,
    /// `#RRGGBB`.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub color: Option<String>,
}

/// `POST /users/me/password`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PasswordBody {
    /// The one so far.
    pub current_password: String,
    /// The one from now on.
    pub new_password: String,
}

/// `GET /rooms`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomsAnswer {
    /// In the order of the configuration.
    pub rooms: Vec<Room>,
}

/// `GET /rooms/{slug}/messages`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessagesAnswer {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// For the page before this one; null at the beginning of the room.
    pub next_before: Option<crate::ids::Seq>,
    /// For the page after this one; null where the room's present is reached.
    pub next_after: Option<crate::ids::Seq>,
}

/// `POST /rooms/{slug}/messages`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendBody {
    /// 1 to 500 code points.
    pub text: String,
    /// 1 to 64 bytes of the sender's choice; makes a retry harmless.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub nonce: Option<String>,
    /// A message of the same room.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub reply_to: Option<crate::ids::MessageId>,
}

/// `POST /preview` and `POST /rooms/{slug}/preview`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviewBody {
    /// As for a message.
    pub text: String,
}

/// `POST /rooms/{slug}/preview`, and `GET …/original`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TextAnswer {
    /// The text.
    pub text: String,
}

/// `POST /preview`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviewsAnswer {
    /// What each room would make of it, by slug.
    pub rooms: BTreeMap<String, String>,
}

/// `POST /rooms`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewRoomBody {
    /// Its name in URLs and frames: 3 to 25 of `a`–`z`, `0`–`9`, `_`; for ever.
    pub slug: String,
    /// Its name for people, 1 to 100 code points.
    pub title: String,
    /// At most 300 code points; empty where left out.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub description: Option<String>,
    /// Name of its style; for ever.
    pub transformer: String,
}

/// `POST /bots`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BotBody {
    /// 3 to 25 of `a`–`z`, `0`–`9`, `_`.
    pub username: String,
    /// The same letters as the username, in any case.
    #[serde(default)]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub display_name: Option<String>,
}

/// `POST /bots/{username}/tokens`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BotTokenBody {
    /// What it is for, so that the right one is revoked: 1 to 64 code points.
    pub name: String,
}

/// What is told of a bot's token after it was made: never the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BotToken {
    /// To revoke it by.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// Milliseconds since the Unix epoch.
    pub created_at: u64,
}

/// Answer to `POST /bots/{username}/tokens`: the one time that the token is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewBotToken {
    /// To revoke it by.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// Milliseconds since the Unix epoch.
    pub created_at: u64,
    /// For `Authorization: Bearer …` and the `auth` frame, like an access token; good until it is revoked.
    pub token: String,
}

/// `GET /bots/{username}/tokens`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BotTokensAnswer {
    /// Those that are good, oldest first.
    pub tokens: Vec<BotToken>,
}

/// `GET /emotes` and `GET /rooms/{slug}/emotes`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EmotesAnswer {
    /// By name. Of a room: also those that may be used anywhere; where both have a name, the room's.
    pub emotes: Vec<Emote>,
}

/// One field that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Its name.
    pub field: String,
    /// A stable word.
    pub code: String,
    /// For people.
    pub detail: String,
}

/// RFC 9457 `application/problem+json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `/docs#` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// Of the code.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What went wrong here, and what to do.
    pub detail: String,
    /// The stable word.
    pub code: ErrorCode,
    /// For `validation_failed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<FieldError>>"))]
    pub errors: Vec<FieldError>,
    /// For `rate_limited`, `slow_mode`, `overloaded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub retry_after_ms: Option<u64>,
}
