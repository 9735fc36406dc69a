//! Rows of moderation: measures as they stand in the log, and facts in a mirror type of their own.

use super::{damaged, decode, encode, seal, unseal};
use crate::StoreError;
use chat::{
    message::Logged,
    moderation::{
        Person, Taken,
        facts::{Ban, Fact, Key, Phrase, Value},
        word,
    },
    record::{self, Record},
    time::Millis,
};
use protocol::{
    frames::Role,
    ids::{RoomId, Seq, UserId},
};
use serde::{Deserialize, Serialize};

/// Frozen, variants and their order too.
#[derive(Serialize, Deserialize)]
struct FactV1<'a> {
    since: u64,
    #[serde(borrow)]
    value: ValueV1<'a>,
}

#[derive(Serialize, Deserialize)]
enum ValueV1<'a> {
    Role(&'a str, &'a str),
    #[serde(borrow)]
    Ban(Option<BanV1<'a>>),
    Gone,
    Seconds(u32),
    Switch(bool),
    /// Place and record.
    Pinned(Option<(u64, &'a [u8])>),
    #[serde(borrow)]
    Phrase(Option<PhraseV1<'a>>),
}

#[derive(Serialize, Deserialize)]
struct BanV1<'a> {
    username: &'a str,
    until: Option<u64>,
    reason: Option<&'a str>,
    by: &'a str,
    at: u64,
}

#[derive(Serialize, Deserialize)]
struct PhraseV1<'a> {
    phrase: &'a str,
    pattern: bool,
    by: &'a str,
    at: u64,
}

/// A key as two numbers, in whose order facts lie in the tables. The first is the kind and never used twice.
pub(crate) fn key_parts(key: Key) -> (u8, u64) {
    match key {
        Key::Role(user) => (1, user.0),
        Key::Ban(user) => (2, user.0),
        Key::Cleared(user) => (3, user.0),
        Key::AllCleared => (4, 0),
        Key::SlowMode => (5, 0),
        Key::EmoteOnly => (6, 0),
        Key::UniqueChat => (7, 0),
        Key::Pinned => (8, 0),
        Key::Phrase(id) => (9, id.0),
        Key::Deleted(seq) => (DELETED, seq.0),
    }
}

/// The last kind: deletions of single messages lie behind all others.
pub(crate) const DELETED: u8 = 10;

pub(crate) fn key_of(kind: u8, id: u64) -> Result<Key, StoreError> {
    Ok(match kind {
        1 => Key::Role(UserId(id)),
        2 => Key::Ban(UserId(id)),
        3 => Key::Cleared(UserId(id)),
        4 => Key::AllCleared,
        5 => Key::SlowMode,
        6 => Key::EmoteOnly,
        7 => Key::UniqueChat,
        8 => Key::Pinned,
        9 => Key::Phrase(Seq(id)),
        DELETED => Key::Deleted(Seq(id)),
        other => return Err(damaged(format!("a fact of kind {other}, which is not known"))),
    })
}

fn sealed_under(room: RoomId, key: Key) -> [[u8; 8]; 3] {
    let (kind, id) = key_parts(key);
    [room.0.to_be_bytes(), u64::from(kind).to_be_bytes(), id.to_be_bytes()]
}

pub(crate) fn encode_fact(room: RoomId, fact: &Fact) -> Vec<u8> {
    let mut record = Vec::new();
    let value = match &fact.value {
        Value::Role(person, role) => ValueV1::Role(&person.username, word(*role)),
        Value::Ban(ban) => ValueV1::Ban(ban.as_deref().map(|ban| BanV1 {
            username: &ban.user.username,
            until: ban.until.map(|until| until.0),
            reason: ban.reason.as_deref(),
            by: &ban.by,
            at: ban.at.0,
        })),
        Value::Gone => ValueV1::Gone,
        Value::Seconds(seconds) => ValueV1::Seconds(*seconds),
        Value::Switch(on) => ValueV1::Switch(*on),
        Value::Pinned(message) => ValueV1::Pinned(message.as_ref().map(|logged| {
            record = record::encode_message(&logged.message);
            (logged.seq.0, &record[..])
        })),
        Value::Phrase(phrase) => ValueV1::Phrase(phrase.as_deref().map(|phrase| PhraseV1 {
            phrase: &phrase.phrase,
            pattern: phrase.pattern,
            by: &phrase.by,
            at: phrase.at.0,
        })),
    };
    let [room, kind, id] = &sealed_under(room, fact.key);
    encode("fact", &[room, kind, id], &FactV1 { since: fact.since.0, value })
}

pub(crate) fn decode_fact(room: RoomId, key: Key, bytes: &[u8]) -> Result<Fact, StoreError> {
    let [room_key, kind, id] = &sealed_under(room, key);
    let row: FactV1<'_> = decode("fact", &[room_key, kind, id], bytes)?;
    let flaw = |what: &str| damaged(format!("room {room}, {key:?}: {what}"));
    let person = |username: &str| match key {
        Key::Role(user) | Key::Ban(user) => Ok(Person { id: user, username: username.to_owned() }),
        _ => Err(flaw("a person under the key of something else")),
    };
    let value = match row.value {
        ValueV1::Role(username, role) => {
            let given = [Role::Viewer, Role::Vip, Role::Moderator, Role::Broadcaster];
            let role = given.into_iter().find(|known| word(*known) == role);
            Value::Role(person(username)?, role.ok_or_else(|| flaw("not a role"))?)
        }
        ValueV1::Ban(None) => Value::Ban(None),
        ValueV1::Ban(Some(ban)) => Value::Ban(Some(Box::new(Ban {
            user: person(ban.username)?,
            until: ban.until.map(Millis),
            reason: ban.reason.map(str::to_owned),
            by: ban.by.to_owned(),
            at: Millis(ban.at),
        }))),
        ValueV1::Gone => Value::Gone,
        ValueV1::Seconds(seconds) => Value::Seconds(seconds),
        ValueV1::Switch(on) => Value::Switch(on),
        ValueV1::Pinned(None) => Value::Pinned(None),
        ValueV1::Pinned(Some((seq, record))) => match Record::decode(record) {
            Ok(Record::Message(message)) => {
                Value::Pinned(Some(Box::new(Logged { seq: Seq(seq), message: *message })))
            }
            _ => return Err(flaw("not a message")),
        },
        ValueV1::Phrase(phrase) => Value::Phrase(phrase.map(|phrase| {
            Box::new(Phrase {
                phrase: phrase.phrase.to_owned(),
                pattern: phrase.pattern,
                by: phrase.by.to_owned(),
                at: Millis(phrase.at),
            })
        })),
    };
    Ok(Fact { key, since: Seq(row.since), value })
}

/// A measure as it stands in the log, behind a checksum of its key and it.
pub(crate) fn encode_measure(taken: &Taken) -> Vec<u8> {
    let record = Record::Measure(Box::new(taken.measure.clone())).encode();
    seal("measure", &[&taken.measure.room.0.to_be_bytes(), &taken.seq.0.to_be_bytes()], &record)
}

pub(crate) fn decode_measure(room: RoomId, seq: Seq, bytes: &[u8]) -> Result<Taken, StoreError> {
    let flaw = |what: String| damaged(format!("room {room}, measure {seq}: {what}"));
    let record = unseal("measure", &[&room.0.to_be_bytes(), &seq.0.to_be_bytes()], bytes).map_err(flaw)?;
    match Record::decode(record) {
        Ok(Record::Measure(measure)) if measure.room == room => Ok(Taken { seq, measure: *measure }),
        Ok(_) => Err(flaw("not a measure in this room".to_owned())),
        Err(error) => Err(flaw(error.to_string())),
    }
}
