//! What can be wrong with a request about accounts: each variant is another answer.

use chat_store::StoreError;
use protocol::{codes::ErrorCode, rest::FieldError};
use std::time::Duration;

/// Why the answer is no. None of the texts holds a password or a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The name is not known or the password is wrong; which of them is not told.
    #[error("wrong name or password")]
    InvalidCredentials,
    /// Somebody else has that name.
    #[error("this name is taken")]
    UsernameTaken,
    /// Fields that are not as they should be, at least one.
    #[error("a field has a value that is not allowed")]
    Validation(Vec<FieldError>),
    /// The access token was good once. Refresh and come again.
    #[error("the token has expired")]
    TokenExpired,
    /// There is no token, or it is not (or no longer) good. Log in again.
    #[error("log in first")]
    Unauthorized,
    /// Too many tries.
    #[error("too many tries, wait {} s", .retry_after.as_secs().max(1))]
    RateLimited {
        /// When the next try has a chance.
        retry_after: Duration,
    },
    /// More passwords are waiting to be checked than may wait.
    #[error("too many people are logging in at this moment")]
    Busy {
        /// When to come again.
        retry_after: Duration,
    },
    /// A bot has as many tokens as it may have.
    #[error("this bot has as many tokens as it may have; revoke one first")]
    TooManyTokens,
    /// The store is out of reach; the text is for the log.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The disk is full.
    #[error("the server's disk is full")]
    Full,
    /// A fault of ours. It was logged where it happened.
    #[error("something broke on our side")]
    Internal,
}

impl AuthError {
    /// The word of the protocol for it.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidCredentials => ErrorCode::InvalidCredentials,
            Self::UsernameTaken => ErrorCode::UsernameTaken,
            Self::Validation(_) => ErrorCode::ValidationFailed,
            Self::TokenExpired => ErrorCode::TokenExpired,
            Self::Unauthorized => ErrorCode::Unauthorized,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::Busy { .. } => ErrorCode::Overloaded,
            Self::Unavailable(_) => ErrorCode::Unavailable,
            Self::TooManyTokens => ErrorCode::LimitReached,
            Self::Full => ErrorCode::StorageFull,
            Self::Internal => ErrorCode::Internal,
        }
    }

    /// When to come again, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Busy { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
}

impl From<StoreError> for AuthError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Full => Self::Full,
            StoreError::Unavailable(what) => Self::Unavailable(what),
            StoreError::Damaged(what) => {
                tracing::error!(what, "the store is damaged");
                Self::Internal
            }
        }
    }
}
