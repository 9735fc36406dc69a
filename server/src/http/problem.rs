//! The one outward form of a refusal: an [`ErrorCode`] with words, as `application/problem+json` or as an error frame.

use crate::{
    auth::AuthError,
    rooms::{accept::Rejected, history::HistoryError, moderation::Refused},
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chat::{admission, moderation::rules::Objection};
use chat_store::StoreError;
use protocol::{
    codes::ErrorCode,
    rest::{FieldError, Problem},
};
use std::time::Duration;

/// Where a part is out of reach for an unknown time.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(2);

/// Why a request is refused, for the one who asked. What only the operator needs goes to the log instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable word.
    pub code: ErrorCode,
    /// For people: what is wrong and what to do.
    pub detail: String,
    /// Not before that.
    pub retry_after: Option<Duration>,
    /// For `validation_failed`.
    pub errors: Vec<FieldError>,
}

impl Refusal {
    /// A refusal with its words.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after: None, errors: Vec::new() }
    }

    /// There is no such room.
    pub fn room_not_found() -> Self {
        Self::new(ErrorCode::RoomNotFound, "there is no such room")
    }

    /// The room is closed.
    pub fn room_archived() -> Self {
        Self::new(ErrorCode::RoomArchived, "this room is closed; only admins can look into it")
    }

    /// Log in first.
    pub fn unauthorized() -> Self {
        Self::new(ErrorCode::Unauthorized, "this needs `Authorization: Bearer <access token>`")
    }

    /// Too often.
    pub fn rate_limited(retry_after: Duration) -> Self {
        let retry_after = Some(retry_after);
        Self {
            retry_after,
            ..Self::new(ErrorCode::RateLimited, "too many requests from your address; wait a moment")
        }
    }

    /// Fields that are not as they should be.
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.field, one.detail),
            _ => "several fields have values that are not allowed".to_owned(),
        };
        Self { errors, ..Self::new(ErrorCode::ValidationFailed, detail) }
    }

    /// One field that is not as it should be.
    pub fn field(field: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::validation(vec![FieldError {
            field: field.to_owned(),
            code: code.to_owned(),
            detail: detail.into(),
        }])
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { code, detail, retry_after, errors } = self;
        let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        problem(status, code, detail, errors, retry_after)
    }
}

/// A problem with a status of its own (405 has no code of its own).
pub fn problem(
    status: StatusCode,
    code: ErrorCode,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
) -> Response {
    let retry_after_ms = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
    let kind = format!("/docs#{}", code.as_str());
    let body = Problem {
        kind,
        title: code.title().to_owned(),
        status: status.as_u16(),
        detail,
        code,
        errors,
        retry_after_ms,
    };
    let json = serde_json::to_vec(&body).expect("a problem has only string keys");
    let mut response = (status, json).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    // Caches keep a 404 or 405 by default.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(ms) = retry_after_ms {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
    }
    response
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        let (code, retry_after) = (error.code(), error.retry_after());
        match error {
            AuthError::Validation(errors) => Self::validation(errors),
            AuthError::Unavailable(cause) => {
                tracing::error!(%cause, "the account store is out of reach");
                let detail = "accounts are out of reach right now; try again in a moment";
                Self { retry_after: Some(RETRY_UNAVAILABLE), ..Self::new(code, detail) }
            }
            other => Self { retry_after, ..Self::new(code, other.to_string()) },
        }
    }
}

impl From<Rejected> for Refusal {
    fn from(rejected: Rejected) -> Self {
        let (code, retry_after) = match rejected {
            Rejected::RateLimited { retry_after } => (ErrorCode::RateLimited, Some(retry_after)),
            Rejected::Objection(ref objection) => objection_code(objection),
            Rejected::Archived => (ErrorCode::RoomArchived, None),
            Rejected::Overloaded { retry_after } => (ErrorCode::Overloaded, Some(retry_after)),
            Rejected::StorageFull => (ErrorCode::StorageFull, None),
            Rejected::ParentMissing => (ErrorCode::MessageNotFound, None),
            Rejected::ParentUnknown | Rejected::Unavailable | Rejected::Unconfirmed => {
                (ErrorCode::Unavailable, Some(RETRY_UNAVAILABLE))
            }
            // REST has to answer something; 500 is no refusal, and the text says what to do.
            Rejected::Unknown => (ErrorCode::Internal, None),
        };
        Self { retry_after, ..Self::new(code, rejected.to_string()) }
    }
}

fn objection_code(objection: &Objection) -> (ErrorCode, Option<Duration>) {
    match objection {
        Objection::Banned { .. } => (ErrorCode::Banned, None),
        Objection::SlowMode { wait_ms } => (ErrorCode::SlowMode, Some(Duration::from_millis(*wait_ms))),
        Objection::EmoteOnly => (ErrorCode::EmoteOnly, None),
        Objection::Duplicate => (ErrorCode::DuplicateMessage, None),
        Objection::Blocked => (ErrorCode::BlockedPhrase, None),
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotAllowed(why) => Self::new(ErrorCode::Forbidden, why.to_string()),
            Refused::Full(why) => Self::new(ErrorCode::LimitReached, why),
            // Unlike a message, a measure may be taken twice.
            Refused::Log(Rejected::Unknown) => Self {
                retry_after: Some(RETRY_UNAVAILABLE),
                ..Self::new(ErrorCode::Unavailable, "it is not known whether it took effect; do it again")
            },
            Refused::Log(rejected) => rejected.into(),
        }
    }
}

impl From<HistoryError> for Refusal {
    fn from(error: HistoryError) -> Self {
        if matches!(error, HistoryError::TooMuchGone) {
            let detail =
                "too many messages in a row were taken away here; ask for another part of the history";
            return Self::new(ErrorCode::Unavailable, detail);
        }
        if !matches!(error, HistoryError::CatchingUp { .. } | HistoryError::Waking) {
            tracing::error!(%error, "a room's history cannot be read");
        }
        let detail = "the history is out of reach right now; try again in a moment";
        Self { retry_after: Some(RETRY_UNAVAILABLE), ..Self::new(ErrorCode::Unavailable, detail) }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        HistoryError::from(error).into()
    }
}

impl From<admission::Refused> for Refusal {
    fn from(refused: admission::Refused) -> Self {
        let code = crate::gateway::session::refusal_code(refused);
        let word = match refused {
            admission::Refused::Empty => "empty",
            admission::Refused::TooLong { .. } => "too_long",
            admission::Refused::ControlCharacter(_) => "control_character",
        };
        let detail = refused.to_string();
        let errors =
            vec![FieldError { field: "text".to_owned(), code: word.to_owned(), detail: detail.clone() }];
        Self { errors, ..Self::new(code, detail) }
    }
}
