//! The versioned record: how a message is written to the log and into the rows of a store, and read back for ever.
//!
//! ```text
//! byte 0     version of the layout (1)
//! byte 1     kind (1 = message, 2 to 11 = measures of moderators, one kind each)
//! byte 2..   body: postcard of the private mirror type of that version and kind
//! ```
//!
//! The domain's types may change freely: what is stored is the mirror in `v1`, and `golden/` keeps bytes of every
//! version that was ever written. Rules for those who change something here:
//!
//! - a new kind of event takes the next kind number; a changed body takes the next
//!   version, with its own module beside `v1`; numbers are never used twice, and old ones are read for ever;
//! - a record carries neither its offset nor a checksum: those belong to whoever stores it.
//!
//! The module knows nothing of files, offsets or rooms' configuration. Start with [`Record`].

mod measures;
mod v1;

use crate::{message::Styled, moderation::Measure, time::Millis};
use protocol::ids::{MessageId, RoomId, UserId};

/// Longest record that is read, in bytes. A transformer's answer is at most 2,000 code points (8,000 bytes of UTF-8),
/// the original 500 (2,000 bytes), a quoted excerpt no more than an answer (8,000), and names, badges, emotes and
/// mentions stay under 8,000 together: 26,000, with more than as much again in reserve.
pub const RECORD_LEN_MAX: usize = 64 * 1024;

/// Number of the layout that is written.
const VERSION: u8 = 1;
/// Number of the kind "message".
const KIND_MESSAGE: u8 = 1;

/// One event of a room, as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Somebody said something.
    Message(Box<Styled>),
    /// A moderator did something.
    Measure(Box<Measure>),
}

/// Why bytes are not a record that this program can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Written by a later program, or not a record at all.
    #[error("record of version {0}, this program reads up to {VERSION}")]
    UnknownVersion(u8),
    /// A kind of event that this program does not know.
    #[error("record of a kind that this program does not know")]
    UnknownKind,
    /// The body is cut off, has bytes left over or is not what its version says.
    #[error("malformed record")]
    Malformed,
    /// Longer than [`RECORD_LEN_MAX`].
    #[error("record longer than {RECORD_LEN_MAX} bytes")]
    TooLong,
}

impl Record {
    /// The bytes for the log, in the newest version.
    ///
    /// Admission keeps every message far below [`RECORD_LEN_MAX`]; a writer that takes messages from elsewhere has to
    /// compare the length itself, as a longer record would not be read back.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Message(message) => encode_message(message),
            Self::Measure(measure) => measures::encode(measure),
        }
    }

    /// Reads a record of any version that was ever written. Never panics. Whatever the bytes say, it takes no more than
    /// a few times [`RECORD_LEN_MAX`] of memory, and for a list that lies about its length 1 MiB for a moment.
    ///
    /// # Errors
    /// [`RecordError`]; bytes left over behind the body are [`RecordError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (kind, body) = body(bytes)?;
        match kind {
            KIND_MESSAGE => v1::decode_message(body).map(|message| Self::Message(Box::new(message))),
            kind => measures::decode(kind, body).map(|measure| Self::Measure(Box::new(measure))),
        }
    }
}

/// What a message is filed by, read without taking the rest of it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// Its own.
    pub id: MessageId,
    /// Where it was said.
    pub room: RoomId,
    /// Who said it.
    pub author: UserId,
    /// When it was accepted.
    pub sent_at: Millis,
    /// The sender's own key against sending twice.
    pub nonce: Option<&'a str>,
}

impl<'a> From<&'a Styled> for Head<'a> {
    fn from(message: &'a Styled) -> Self {
        let Styled { id, room, author, sent_at, nonce, .. } = message;
        Self { id: *id, room: *room, author: author.id, sent_at: *sent_at, nonce: nonce.as_deref() }
    }
}

/// What [`look`] sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// Somebody said something.
    Message(Head<'a>),
    /// A moderator did something.
    Measure(Box<Measure>),
}

/// Reads a record as [`Record::decode`] does, with the same errors, for whoever keeps the bytes of a message as they are:
/// nothing of it is copied.
///
/// # Errors
/// As [`Record::decode`].
pub fn look(bytes: &[u8]) -> Result<Seen<'_>, RecordError> {
    match body(bytes)? {
        (KIND_MESSAGE, body) => v1::head(body).map(Seen::Message),
        (kind, body) => measures::decode(kind, body).map(|measure| Seen::Measure(Box::new(measure))),
    }
}

/// The kind of a record and what comes behind it.
fn body(bytes: &[u8]) -> Result<(u8, &[u8]), RecordError> {
    if bytes.len() > RECORD_LEN_MAX {
        return Err(RecordError::TooLong);
    }
    let (&version, rest) = bytes.split_first().ok_or(RecordError::Malformed)?;
    if version != VERSION {
        return Err(RecordError::UnknownVersion(version));
    }
    let (&kind, body) = rest.split_first().ok_or(RecordError::Malformed)?;
    Ok((kind, body))
}

/// What [`Record::encode`] gives for a message, without the need to own it.
#[must_use]
pub fn encode_message(message: &Styled) -> Vec<u8> {
    // Fixed fields, names and lengths take some 120 bytes beside the two texts.
    let mut bytes = Vec::with_capacity(message.text.len() + message.original.len() + 160);
    bytes.extend_from_slice(&[VERSION, KIND_MESSAGE]);
    v1::encode_message(message, bytes)
}

#[cfg(test)]
mod tests;
