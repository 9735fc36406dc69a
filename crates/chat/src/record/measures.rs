//! Bodies of the kinds of measures, in version 1. Frozen: a change of anything here changes stored bytes, and
//! `golden/record-v1-measure-*.hex` tells.
//!
//! Each begins with what all have (room, who, when, why); what a kind has of its own follows. A kind of its own for
//! each, so that a program that does not know one sets that one aside and reads the others.

use super::{
    RecordError, VERSION,
    v1::{MessageV1, mirror},
};
use crate::{
    message::Logged,
    moderation::{Act, Measure, Person, SettingsChange, word},
    time::Millis,
};
use protocol::{
    frames::Role,
    ids::{MessageId, RoomId, Seq, UserId},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const KIND_DELETE: u8 = 2;
const KIND_CLEAR: u8 = 3;
const KIND_BAN: u8 = 4;
const KIND_UNBAN: u8 = 5;
const KIND_ROLE: u8 = 6;
const KIND_SETTINGS: u8 = 7;
const KIND_PIN: u8 = 8;
const KIND_UNPIN: u8 = 9;
const KIND_BLOCK_PHRASE: u8 = 10;
const KIND_ALLOW_PHRASE: u8 = 11;
const KIND_RETITLE: u8 = 12;

#[derive(Serialize, Deserialize)]
struct MeasureV1<'a, Own> {
    room: u64,
    #[serde(borrow)]
    by: PersonV1<'a>,
    at: u64,
    reason: Option<&'a str>,
    own: Own,
}

#[derive(Serialize, Deserialize)]
struct PersonV1<'a> {
    id: u64,
    username: &'a str,
}

#[derive(Serialize, Deserialize)]
struct DeleteV1<'a> {
    id: [u8; 16],
    seq: u64,
    #[serde(borrow)]
    author: PersonV1<'a>,
    excerpt: &'a str,
}

#[derive(Serialize, Deserialize)]
struct BanV1<'a> {
    #[serde(borrow)]
    user: PersonV1<'a>,
    seconds: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct RoleV1<'a> {
    #[serde(borrow)]
    user: PersonV1<'a>,
    role: &'a str,
}

#[derive(Serialize, Deserialize)]
struct SettingsV1 {
    slow_mode_seconds: Option<u32>,
    emote_only: Option<bool>,
    unique_chat: Option<bool>,
}

#[derive(Serialize, Deserialize)]
struct PinV1<'a> {
    seq: u64,
    #[serde(borrow)]
    message: MessageV1<'a>,
}

#[derive(Serialize, Deserialize)]
struct BlockPhraseV1<'a> {
    phrase: &'a str,
    pattern: bool,
}

#[derive(Serialize, Deserialize)]
struct AllowPhraseV1<'a> {
    id: u64,
    phrase: &'a str,
}

#[derive(Serialize, Deserialize)]
struct RetitleV1<'a> {
    title: Option<&'a str>,
    description: Option<&'a str>,
}

impl<'a> From<&'a Person> for PersonV1<'a> {
    fn from(person: &'a Person) -> Self {
        Self { id: person.id.0, username: &person.username }
    }
}

impl From<PersonV1<'_>> for Person {
    fn from(v1: PersonV1<'_>) -> Self {
        Self { id: UserId(v1.id), username: v1.username.to_owned() }
    }
}

/// The whole record.
pub(super) fn encode(measure: &Measure) -> Vec<u8> {
    match &measure.act {
        Act::Delete { id, seq, author, excerpt } => {
            let own = DeleteV1 { id: *id.0.as_bytes(), seq: seq.0, author: author.into(), excerpt };
            write(KIND_DELETE, measure, own)
        }
        Act::Clear { user } => write(KIND_CLEAR, measure, user.as_ref().map(PersonV1::from)),
        Act::Ban { user, seconds } => {
            write(KIND_BAN, measure, BanV1 { user: user.into(), seconds: *seconds })
        }
        Act::Unban { user } => write(KIND_UNBAN, measure, PersonV1::from(user)),
        Act::Role { user, role } => {
            write(KIND_ROLE, measure, RoleV1 { user: user.into(), role: word(*role) })
        }
        Act::Settings(SettingsChange { slow_mode_seconds, emote_only, unique_chat }) => {
            let own = SettingsV1 {
                slow_mode_seconds: *slow_mode_seconds,
                emote_only: *emote_only,
                unique_chat: *unique_chat,
            };
            write(KIND_SETTINGS, measure, own)
        }
        Act::Pin(logged) => {
            write(KIND_PIN, measure, PinV1 { seq: logged.seq.0, message: mirror(&logged.message) })
        }
        Act::Unpin => write(KIND_UNPIN, measure, ()),
        Act::BlockPhrase { phrase, pattern } => {
            write(KIND_BLOCK_PHRASE, measure, BlockPhraseV1 { phrase, pattern: *pattern })
        }
        Act::AllowPhrase { id, phrase } => {
            write(KIND_ALLOW_PHRASE, measure, AllowPhraseV1 { id: id.0, phrase })
        }
        Act::Retitle { title, description } => {
            let own = RetitleV1 { title: title.as_deref(), description: description.as_deref() };
            write(KIND_RETITLE, measure, own)
        }
    }
}

fn write<Own: Serialize>(kind: u8, measure: &Measure, own: Own) -> Vec<u8> {
    let Measure { room, by, at, reason, act: _ } = measure;
    let body = MeasureV1 { room: room.0, by: by.into(), at: at.0, reason: reason.as_deref(), own };
    postcard::to_extend(&body, vec![VERSION, kind])
        .expect("a growing buffer and lists of known length leave postcard nothing to refuse")
}

/// Reads a body that has to fill `body` to its last byte.
pub(super) fn decode(kind: u8, body: &[u8]) -> Result<Measure, RecordError> {
    match kind {
        KIND_DELETE => read(body, |own: DeleteV1<'_>| {
            Ok(Act::Delete {
                id: MessageId(Uuid::from_bytes(own.id)),
                seq: Seq(own.seq),
                author: own.author.into(),
                excerpt: own.excerpt.to_owned(),
            })
        }),
        KIND_CLEAR => read(body, |own: Option<PersonV1<'_>>| Ok(Act::Clear { user: own.map(Person::from) })),
        KIND_BAN => read(body, |own: BanV1<'_>| Ok(Act::Ban { user: own.user.into(), seconds: own.seconds })),
        KIND_UNBAN => read(body, |own: PersonV1<'_>| Ok(Act::Unban { user: own.into() })),
        KIND_ROLE => read(body, |own: RoleV1<'_>| {
            let given = [Role::Viewer, Role::Vip, Role::Moderator, Role::Broadcaster];
            let role = given.into_iter().find(|role| word(*role) == own.role);
            Ok(Act::Role { user: own.user.into(), role: role.ok_or(RecordError::Malformed)? })
        }),
        KIND_SETTINGS => read(body, |own: SettingsV1| {
            let SettingsV1 { slow_mode_seconds, emote_only, unique_chat } = own;
            Ok(Act::Settings(SettingsChange { slow_mode_seconds, emote_only, unique_chat }))
        }),
        KIND_PIN => read(body, |own: PinV1<'_>| {
            Ok(Act::Pin(Box::new(Logged { seq: Seq(own.seq), message: own.message.into() })))
        }),
        KIND_UNPIN => read(body, |(): ()| Ok(Act::Unpin)),
        KIND_BLOCK_PHRASE => read(body, |own: BlockPhraseV1<'_>| {
            Ok(Act::BlockPhrase { phrase: own.phrase.to_owned(), pattern: own.pattern })
        }),
        KIND_ALLOW_PHRASE => read(body, |own: AllowPhraseV1<'_>| {
            Ok(Act::AllowPhrase { id: Seq(own.id), phrase: own.phrase.to_owned() })
        }),
        KIND_RETITLE => read(body, |own: RetitleV1<'_>| {
            let owned = |words: Option<&str>| words.map(str::to_owned);
            Ok(Act::Retitle { title: owned(own.title), description: owned(own.description) })
        }),
        _ => Err(RecordError::UnknownKind),
    }
}

fn read<'a, Own: Deserialize<'a>>(
    body: &'a [u8],
    act: impl FnOnce(Own) -> Result<Act, RecordError>,
) -> Result<Measure, RecordError> {
    let (body, rest) =
        postcard::take_from_bytes::<MeasureV1<'a, Own>>(body).map_err(|_| RecordError::Malformed)?;
    if !rest.is_empty() {
        return Err(RecordError::Malformed);
    }
    let MeasureV1 { room, by, at, reason, own } = body;
    Ok(Measure {
        room: RoomId(room),
        by: by.into(),
        at: Millis(at),
        reason: reason.map(str::to_owned),
        act: act(own)?,
    })
}
