//! Bodies of version 1. Frozen: a change of anything here changes stored bytes, and `golden/record-v1-*.hex` tells.
//!
//! Postcard writes integers as varints and lists with their length before them; the id is 16 plain bytes. The mirror
//! types borrow, so that writing copies each text once and reading allocates only what the message keeps.

use super::{Head, RecordError};
use crate::{
    message::{Author, EmoteRange, ReplyTo, Styled},
    time::Millis,
};
use protocol::ids::{MessageId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
pub(super) struct MessageV1<'a> {
    id: [u8; 16],
    room: u64,
    #[serde(borrow)]
    author: AuthorV1<'a>,
    text: &'a str,
    original: &'a str,
    #[serde(borrow)]
    emotes: Vec<EmoteV1<'a>>,
    #[serde(borrow)]
    mentions: Vec<&'a str>,
    #[serde(borrow)]
    reply_to: Option<ReplyV1<'a>>,
    action: bool,
    styled: bool,
    sent_at: u64,
    nonce: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct AuthorV1<'a> {
    id: u64,
    username: &'a str,
    display_name: &'a str,
    color: &'a str,
    #[serde(borrow)]
    badges: Vec<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct EmoteV1<'a> {
    id: &'a str,
    name: &'a str,
    start: u32,
    end: u32,
}

#[derive(Serialize, Deserialize)]
struct ReplyV1<'a> {
    id: [u8; 16],
    username: &'a str,
    display_name: &'a str,
    excerpt: &'a str,
}

/// Appends the body to `bytes`.
pub(super) fn encode_message(message: &Styled, bytes: Vec<u8>) -> Vec<u8> {
    postcard::to_extend(&mirror(message), bytes)
        .expect("a growing buffer and lists of known length leave postcard nothing to refuse")
}

/// A message as version 1 has it.
pub(super) fn mirror(message: &Styled) -> MessageV1<'_> {
    // Taken apart by name: a new field does not get lost here without a word of the compiler.
    let Styled {
        id,
        room,
        author,
        text,
        original,
        emotes,
        mentions,
        reply_to,
        action,
        styled,
        sent_at,
        nonce,
    } = message;
    let Author { id: user, username, display_name, color, badges } = author;
    MessageV1 {
        id: *id.0.as_bytes(),
        room: room.0,
        author: AuthorV1 {
            id: user.0,
            username,
            display_name,
            color,
            badges: badges.iter().map(String::as_str).collect(),
        },
        text,
        original,
        emotes: emotes
            .iter()
            .map(|EmoteRange { id, name, start, end }| EmoteV1 { id, name, start: *start, end: *end })
            .collect(),
        mentions: mentions.iter().map(String::as_str).collect(),
        reply_to: reply_to.as_ref().map(|ReplyTo { id, username, display_name, excerpt }| ReplyV1 {
            id: *id.0.as_bytes(),
            username,
            display_name,
            excerpt,
        }),
        action: *action,
        styled: *styled,
        sent_at: sent_at.0,
        nonce: nonce.as_deref(),
    }
}

/// Reads a body that has to fill `body` to its last byte.
pub(super) fn decode_message(body: &[u8]) -> Result<Styled, RecordError> {
    Ok(read(body)?.into())
}

/// Reads all of it too, and keeps what a message is filed by.
pub(super) fn head(body: &[u8]) -> Result<Head<'_>, RecordError> {
    let MessageV1 { id, room, author, sent_at, nonce, .. } = read(body)?;
    Ok(Head {
        id: MessageId(Uuid::from_bytes(id)),
        room: RoomId(room),
        author: UserId(author.id),
        sent_at: Millis(sent_at),
        nonce,
    })
}

fn read(body: &[u8]) -> Result<MessageV1<'_>, RecordError> {
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        _ => Err(RecordError::Malformed),
    }
}

impl From<MessageV1<'_>> for Styled {
    fn from(v1: MessageV1<'_>) -> Self {
        Self {
            id: MessageId(Uuid::from_bytes(v1.id)),
            room: RoomId(v1.room),
            author: Author {
                id: UserId(v1.author.id),
                username: v1.author.username.to_owned(),
                display_name: v1.author.display_name.to_owned(),
                color: v1.author.color.to_owned(),
                badges: owned(&v1.author.badges),
            },
            text: v1.text.to_owned(),
            original: v1.original.to_owned(),
            emotes: v1
                .emotes
                .iter()
                .map(|e| EmoteRange {
                    id: e.id.to_owned(),
                    name: e.name.to_owned(),
                    start: e.start,
                    end: e.end,
                })
                .collect(),
            mentions: owned(&v1.mentions),
            reply_to: v1.reply_to.map(|r| ReplyTo {
                id: MessageId(Uuid::from_bytes(r.id)),
                username: r.username.to_owned(),
                display_name: r.display_name.to_owned(),
                excerpt: r.excerpt.to_owned(),
            }),
            action: v1.action,
            styled: v1.styled,
            sent_at: Millis(v1.sent_at),
            nonce: v1.nonce.map(str::to_owned),
        }
    }
}

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|&s| s.to_owned()).collect()
}
