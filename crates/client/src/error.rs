//! What can come instead of the answer that was waited for.

use protocol::{codes::ErrorCode, rest::FieldError};
use std::{fmt, io};
use tokio_tungstenite::tungstenite;

/// What came instead of the answer that was waited for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server understood and said no.
    #[error("refused: {0}")]
    Refused(Box<Refusal>),
    /// The connection ended.
    #[error("closed while waiting for {waiting_for}: {closed}; before that came {seen}")]
    Closed {
        /// What did not come.
        waiting_for: String,
        /// How it ended.
        closed: Closed,
        /// What came, shortened.
        seen: String,
    },
    /// The handshake of the WebSocket was answered with another status than 101.
    #[error("the handshake was answered with {status}: {body}")]
    Handshake {
        /// HTTP status.
        status: u16,
        /// Of the answer, as text.
        body: String,
    },
    /// Nothing fitting came in time.
    #[error("no {waiting_for} in time; there came {seen}")]
    TimedOut {
        /// What did not come.
        waiting_for: String,
        /// What came, shortened.
        seen: String,
    },
    /// An answer that the protocol does not have.
    #[error("not of the protocol: {0}")]
    Malformed(String),
    /// The connection could not be made or broke.
    #[error("connection: {0}")]
    Io(#[from] io::Error),
    /// HTTP broke.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The WebSocket broke.
    #[error("WebSocket: {0}")]
    WebSocket(Box<tungstenite::Error>),
}

impl From<tungstenite::Error> for Error {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(answer) => Self::Handshake {
                status: answer.status().as_u16(),
                body: answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned(),
            },
            tungstenite::Error::Io(error) => Self::Io(error),
            other => Self::WebSocket(Box::new(other)),
        }
    }
}

impl Error {
    /// The refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The refusal's code, if it is one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.refusal().map(|refusal| refusal.code)
    }

    /// Was it not said whether the request had an effect? Then it may be asked again, with the same nonce.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Malformed(_))
    }
}

/// The server said no, by an error frame or a problem document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable word.
    pub code: ErrorCode,
    /// For people.
    pub detail: String,
    /// HTTP status; none in a frame.
    pub status: Option<u16>,
    /// Of the `send` that was refused; in frames alone.
    pub nonce: Option<String>,
    /// The room it was about; in frames alone.
    pub room: Option<String>,
    /// Not before that, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Fields that are not as they should be.
    pub errors: Vec<FieldError>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code.as_str(), self.detail)?;
        self.errors.iter().try_for_each(|e| write!(f, " {}: {}", e.field, e.code))
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Of the close frame; none if the connection broke without one.
    pub code: Option<u16>,
    /// Of the close frame, or what the connection said.
    pub reason: String,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{code} {:?}", self.reason),
            None => write!(f, "without a close frame ({})", self.reason),
        }
    }
}
