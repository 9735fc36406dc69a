//! The rows of what admins set up at run time: emotes, pictures, rooms, tokens of bots.

use super::{damaged, decode, encode};
use crate::StoreError;
use chat::{
    account::{BotToken, Family, TokenHash},
    emotes::{Emote, EmoteId, EmoteName, Picture, PictureKind, Scope},
    rooms::{KeptRoom, RoomDefinition, Slug},
    time::Millis,
};
use protocol::ids::{RoomId, UserId};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct EmoteV1<'a> {
    id: &'a str,
    animated: bool,
    by: u64,
    at: u64,
}

#[derive(Serialize, Deserialize)]
struct PictureV1<'a> {
    kind: &'a str,
    bytes: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct RoomV1<'a> {
    id: u64,
    title: &'a str,
    description: &'a str,
    transformer: &'a str,
    partition: u32,
    archived: bool,
    created_at: u64,
}

#[derive(Serialize, Deserialize)]
struct BotTokenV1<'a> {
    user: u64,
    family: [u8; 16],
    name: &'a str,
    created_at: u64,
}

pub(crate) fn encode_emote(emote: &Emote) -> Vec<u8> {
    let Emote { scope, name, id, animated, by, at } = emote;
    let key: [&[u8]; 2] = [&scope.number().to_be_bytes(), name.as_str().as_bytes()];
    encode("emote", &key, &EmoteV1 { id: id.as_str(), animated: *animated, by: by.0, at: at.0 })
}

pub(crate) fn decode_emote(scope: u64, name: &str, bytes: &[u8]) -> Result<Emote, StoreError> {
    let row: EmoteV1<'_> = decode("emote", &[&scope.to_be_bytes(), name.as_bytes()], bytes)?;
    emote(scope, name, row.id, row.animated, row.by, row.at)
}

/// An emote from its columns.
pub(crate) fn emote(
    scope: u64,
    name: &str,
    id: &str,
    animated: bool,
    by: u64,
    at: u64,
) -> Result<Emote, StoreError> {
    Ok(Emote {
        scope: Scope::of_number(scope),
        name: name.parse::<EmoteName>().map_err(|bad| damaged(format!("emote {name:?}: {bad}")))?,
        id: id.parse::<EmoteId>().map_err(|bad| damaged(format!("emote {name:?}: {bad}")))?,
        animated,
        by: UserId(by),
        at: Millis(at),
    })
}

pub(crate) fn encode_picture(id: &EmoteId, picture: &Picture) -> Vec<u8> {
    let body = PictureV1 { kind: picture.kind.as_str(), bytes: &picture.bytes };
    encode("picture", &[id.as_str().as_bytes()], &body)
}

pub(crate) fn decode_picture(id: &EmoteId, bytes: &[u8]) -> Result<Picture, StoreError> {
    let row: PictureV1<'_> = decode("picture", &[id.as_str().as_bytes()], bytes)?;
    picture(id, row.kind, row.bytes)
}

/// A picture from its columns.
pub(crate) fn picture(id: &EmoteId, kind: &str, bytes: &[u8]) -> Result<Picture, StoreError> {
    let kind =
        PictureKind::of_word(kind).ok_or_else(|| damaged(format!("picture {id}: of no known kind")))?;
    Ok(Picture { kind, bytes: bytes.into() })
}

pub(crate) fn encode_room(room: &KeptRoom) -> Vec<u8> {
    let KeptRoom { definition, archived, created_at } = room;
    let RoomDefinition { id, slug, title, description, transformer, partition } = definition;
    let body = RoomV1 {
        id: id.0,
        title,
        description,
        transformer,
        partition: *partition,
        archived: *archived,
        created_at: created_at.0,
    };
    encode("room", &[slug.as_str().as_bytes()], &body)
}

pub(crate) fn decode_room(slug: &str, bytes: &[u8]) -> Result<KeptRoom, StoreError> {
    let row: RoomV1<'_> = decode("room", &[slug.as_bytes()], bytes)?;
    Ok(KeptRoom {
        definition: RoomDefinition {
            id: RoomId(row.id),
            slug: slug_of(slug)?,
            title: row.title.to_owned(),
            description: row.description.to_owned(),
            transformer: row.transformer.to_owned(),
            partition: row.partition,
        },
        archived: row.archived,
        created_at: Millis(row.created_at),
    })
}

/// The slug of a row.
pub(crate) fn slug_of(slug: &str) -> Result<Slug, StoreError> {
    slug.parse().map_err(|bad| damaged(format!("room {slug:?}: {bad}")))
}

pub(crate) fn encode_bot_token(token: &BotToken) -> Vec<u8> {
    let BotToken { hash, user, family, name, created_at } = token;
    let body = BotTokenV1 { user: user.0, family: family.0.to_be_bytes(), name, created_at: created_at.0 };
    encode("bot token", &[&hash.0], &body)
}

pub(crate) fn decode_bot_token(hash: TokenHash, bytes: &[u8]) -> Result<BotToken, StoreError> {
    let row: BotTokenV1<'_> = decode("bot token", &[&hash.0], bytes)?;
    Ok(BotToken {
        hash,
        user: UserId(row.user),
        family: Family(u128::from_be_bytes(row.family)),
        name: row.name.to_owned(),
        created_at: Millis(row.created_at),
    })
}
