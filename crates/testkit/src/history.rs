//! What writers and readers saw during a run: a list of events, one JSON object a line on disk.
//!
//! It judges nothing: see [`crate::checker`]. Events of one connection stand in the order in which they happened;
//! events of different connections are compared by their times alone, which come from one monotonic clock.

use protocol::{
    frames::NotRecovered,
    ids::{MessageId, Seq},
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, BufRead, Write},
    time::Instant,
};

/// Nanoseconds since the run began, of a clock that never goes back.
pub type Nanos = u64;

/// The clock of a run.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it runs.
    #[must_use]
    pub fn now(&self) -> Nanos {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }
}

/// One thing that was done or seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// How the run began, before anything was written.
    Began(Began),
    /// One attempt to say something. Attempts with the same user, room and nonce are one message.
    Send(Send),
    /// A connection began to read a room; the past that it was shown follows as `message` events.
    Joined(Joined),
    /// A page of the history came over REST; its messages follow as `message` events.
    Page(Page),
    /// A message was shown.
    Message(Message),
    /// The server said that messages are missing here.
    Gap(Gap),
    /// A reader waited with an open connection for everything up to a place.
    Stayed(Stayed),
    /// A connection ended.
    Left(Left),
    /// A message of the final history.
    Stored(Stored),
    /// The final history of a room was read to its end.
    Read(Read),
}

/// How the run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// Where the workload's choices come from.
    pub seed: u64,
    /// The rooms it used.
    pub rooms: Vec<Baseline>,
    /// Others may write in these rooms too: what they write is not judged.
    pub strangers: bool,
    /// How many gateways there were. What one of them acked may reach the others a little later.
    #[serde(default = "one")]
    pub gateways: u32,
}

fn one() -> u32 {
    1
}

/// How far a room was before the run: what lies there or before is not judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Slug.
    pub room: String,
    /// Identity of its log.
    pub epoch: String,
    /// Its newest message.
    pub seq: Seq,
}

/// One attempt to say something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Send {
    /// It was handed to the network.
    pub t0: Nanos,
    /// The answer came, or hope was given up.
    pub t1: Nanos,
    /// Username.
    pub user: String,
    /// Slug.
    pub room: String,
    /// The sender's key.
    pub nonce: String,
    /// As typed.
    pub text: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An `ack` or 201.
    Accepted {
        /// As told.
        id: MessageId,
        /// As told.
        seq: Seq,
    },
    /// A definite error.
    Rejected {
        /// Its code.
        code: String,
    },
    /// No answer.
    Unknown {
        /// What came instead.
        why: String,
    },
}

/// A connection began to read a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// It was asked for.
    pub t0: Nanos,
    /// The answer came.
    pub t: Nanos,
    /// Number of the connection, unique in the run.
    pub connection: u64,
    /// Slug.
    pub room: String,
    /// As told.
    pub epoch: String,
    /// As told: everything up to here is in the past that was shown, or older.
    pub seq: Seq,
    /// How many messages of the past were asked for.
    pub asked: u32,
    /// For a resume: everything after this was asked for.
    pub after: Option<Seq>,
    /// As told.
    pub recovered: Option<bool>,
    /// As told.
    pub reason: Option<NotRecovered>,
}

/// A page of the history came over REST.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// It was asked for.
    pub t0: Nanos,
    /// It came.
    pub t: Nanos,
    /// Number of the reader, unique in the run.
    pub connection: u64,
    /// Slug.
    pub room: String,
    /// Everything after this was asked for.
    pub after: Seq,
    /// Did it end because a page holds no more? Otherwise it claims to be all that there is.
    pub full: bool,
}

/// A message as it was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Its place.
    pub seq: Seq,
    /// Its id.
    pub id: MessageId,
    /// Username of its author.
    pub user: String,
    /// The sender's key, which the workload hides in the text; none if it is not there.
    pub nonce: Option<String>,
    /// [`text_hash`] of the text.
    pub text_hash: u64,
}

/// A message was shown to a reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// When.
    pub t: Nanos,
    /// To which connection.
    pub connection: u64,
    /// Slug.
    pub room: String,
    /// Of the join; none over REST, which does not tell it.
    pub epoch: Option<String>,
    /// Was it part of the past that came with `joined`?
    pub past: bool,
    /// What.
    #[serde(flatten)]
    pub shown: Shown,
}

/// The server said that messages are missing here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// When.
    pub t: Nanos,
    /// To which connection.
    pub connection: u64,
    /// Slug.
    pub room: String,
    /// The last one that was sent.
    pub from: Seq,
    /// The last one that was not.
    pub to: Seq,
}

/// A reader waited with an open connection for everything up to a place, much longer than it should take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stayed {
    /// Until then.
    pub t: Nanos,
    /// Which connection.
    pub connection: u64,
    /// Slug.
    pub room: String,
    /// The newest message that was accepted.
    pub until: Seq,
}

/// A connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// When.
    pub t: Nanos,
    /// Which.
    pub connection: u64,
    /// Why.
    pub why: String,
}

/// A message of the final history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Slug.
    pub room: String,
    /// What.
    #[serde(flatten)]
    pub shown: Shown,
}

/// The final history of a room was read to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// When.
    pub t: Nanos,
    /// Slug.
    pub room: String,
    /// Identity of its log at the end.
    pub epoch: String,
}

/// FNV-1a, 64 bits: the same on every machine, so that a history can be judged again elsewhere.
#[must_use]
pub fn text_hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line that is no event.
    #[error("line {line}: {error}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

/// Writes one event a line.
///
/// # Errors
/// Those of the writer.
pub fn write(events: &[Event], to: impl Write) -> io::Result<()> {
    let mut to = io::BufWriter::new(to);
    for event in events {
        serde_json::to_writer(&mut to, event)?;
        to.write_all(b"\n")?;
    }
    to.flush()
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// Those of the reader, and lines that are no event.
pub fn read(from: impl BufRead) -> Result<Vec<Event>, ReadError> {
    let parse = |(at, line): (usize, io::Result<String>)| {
        serde_json::from_str(&line?).map_err(|error| ReadError::Line { line: at + 1, error })
    };
    from.lines().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let id = MessageId(uuid::Uuid::from_u128(7));
        let shown = Shown { seq: Seq(3), id, user: "ada".to_owned(), nonce: None, text_hash: u64::MAX };
        let (room, epoch) = ("bestie".to_owned(), "e".to_owned());
        let events = vec![
            Event::Began(Began {
                seed: 1,
                rooms: vec![Baseline { room: room.clone(), epoch: epoch.clone(), seq: Seq(0) }],
                strangers: false,
                gateways: 1,
            }),
            Event::Send(Send {
                t0: 1,
                t1: 2,
                user: "ada".to_owned(),
                room: room.clone(),
                nonce: "n".to_owned(),
                text: "hi\n\u{1f600}".to_owned(),
                outcome: Outcome::Accepted { id, seq: Seq(3) },
            }),
            Event::Message(Message {
                t: 3,
                connection: 1,
                room: room.clone(),
                epoch: Some(epoch.clone()),
                past: false,
                shown: shown.clone(),
            }),
            Event::Stored(Stored { room: room.clone(), shown }),
            Event::Read(Read { t: 9, room, epoch }),
        ];
        let mut file = Vec::new();
        write(&events, &mut file).unwrap();
        assert_eq!(file.iter().filter(|b| **b == b'\n').count(), events.len(), "one line each");
        assert_eq!(read(file.as_slice()).unwrap(), events);
        file.extend_from_slice(b"{}\n");
        let error = read(file.as_slice()).unwrap_err();
        assert!(error.to_string().starts_with("line 6: "), "{error}");
    }
}
