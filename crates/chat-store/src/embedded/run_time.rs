//! Tables of `accounts.redb` that hold what admins set up at run time: emotes and their pictures, rooms, tokens of bots.
//!
//! They are made by the first write into them: a file of a program that did not know them has none, and that is the same
//! as empty.

use super::{error::Failure, file::Done};
use crate::{Created, EMOTES_MAX, ROOMS_MAX, RoomChange, StoreError, rows::run_time as rows};
use chat::{
    account::{BotToken, Family, TokenHash},
    emotes::{Emote, EmoteId, EmoteName, Picture, Scope},
    rooms::KeptRoom,
};
use protocol::ids::UserId;
use redb::{
    Key, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, TableError,
    Value, WriteTransaction,
};

/// (scope, name) → emote.
const EMOTES: TableDefinition<'_, (u64, &str), &[u8]> = TableDefinition::new("emotes");
/// Id → picture.
const PICTURES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("pictures");
/// Slug → room.
const ROOMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("rooms");
/// Hash → token of a bot.
const BOT_TOKENS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("bot_tokens");
/// (user, family) → hash.
const BOT_TOKENS_OF: TableDefinition<'_, (u64, u128), [u8; 32]> = TableDefinition::new("bot_tokens_of");

/// A table that may not be there yet.
fn table<K: Key + 'static, V: Value + 'static>(
    txn: &ReadTransaction,
    definition: TableDefinition<'_, K, V>,
) -> Result<Option<ReadOnlyTable<K, V>>, Failure> {
    match txn.open_table(definition) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads every row.
pub(super) fn verify(txn: &ReadTransaction) -> Result<(), Failure> {
    emotes(txn)?;
    rooms(txn)?;
    if let Some(pictures) = table(txn, PICTURES)? {
        for entry in pictures.iter()? {
            let (id, row) = entry?;
            let id = id.value().parse().map_err(|_| Failure::damaged("a picture under no id"))?;
            rows::decode_picture(&id, row.value())?;
        }
    }
    let Some(tokens) = table(txn, BOT_TOKENS)? else { return Ok(()) };
    let of =
        table(txn, BOT_TOKENS_OF)?.ok_or_else(|| Failure::damaged("the index of bots' tokens is gone"))?;
    let mut count = 0;
    for entry in tokens.iter()? {
        let (hash, row) = entry?;
        let token = rows::decode_bot_token(TokenHash(hash.value()), row.value())?;
        if of.get((token.user.0, token.family.0))?.is_none_or(|there| there.value() != hash.value()) {
            return Err(Failure::damaged("a bot's token is missing in its index"));
        }
        count += 1;
    }
    if [tokens.len()?, of.len()?] != [count; 2] {
        return Err(Failure::damaged("bots' tokens are missing"));
    }
    Ok(())
}

pub(super) fn put_emote(
    txn: &WriteTransaction,
    emote: &Emote,
    picture: &Picture,
) -> Result<Done<()>, Failure> {
    let mut emotes = txn.open_table(EMOTES)?;
    let key = (emote.scope.number(), emote.name.as_str());
    if emotes.get(key)?.is_none() && emotes.len()? >= EMOTES_MAX as u64 {
        return Err(StoreError::Full.into());
    }
    let mut pictures = txn.open_table(PICTURES)?;
    if pictures.get(emote.id.as_str())?.is_none() {
        pictures.insert(emote.id.as_str(), rows::encode_picture(&emote.id, picture).as_slice())?;
    }
    emotes.insert(key, rows::encode_emote(emote).as_slice())?;
    Ok(Done::Durably(()))
}

pub(super) fn remove_emote(
    txn: &WriteTransaction,
    scope: Scope,
    name: &EmoteName,
) -> Result<Done<bool>, Failure> {
    let gone = txn.open_table(EMOTES)?.remove((scope.number(), name.as_str()))?.is_some();
    Ok(if gone { Done::Durably(true) } else { Done::Nothing(false) })
}

pub(super) fn emotes(txn: &ReadTransaction) -> Result<Vec<Emote>, Failure> {
    let mut all = Vec::new();
    if let Some(emotes) = table(txn, EMOTES)? {
        for entry in emotes.iter()? {
            let (key, row) = entry?;
            let (scope, name) = key.value();
            all.push(rows::decode_emote(scope, name, row.value())?);
        }
    }
    Ok(all)
}

pub(super) fn picture(txn: &ReadTransaction, id: &EmoteId) -> Result<Option<Picture>, Failure> {
    let Some(pictures) = table(txn, PICTURES)? else { return Ok(None) };
    let row = pictures.get(id.as_str())?;
    Ok(row.map(|row| rows::decode_picture(id, row.value())).transpose()?)
}

pub(super) fn create_room(txn: &WriteTransaction, room: &KeptRoom) -> Result<Done<Created>, Failure> {
    let mut rooms = txn.open_table(ROOMS)?;
    let slug = room.definition.slug.as_str();
    if rooms.get(slug)?.is_some() {
        return Ok(Done::Nothing(Created::NameTaken));
    }
    if rooms.len()? >= ROOMS_MAX as u64 {
        return Err(StoreError::Full.into());
    }
    rooms.insert(slug, rows::encode_room(room).as_slice())?;
    Ok(Done::Durably(Created::Yes))
}

pub(super) fn change_room(
    txn: &WriteTransaction,
    slug: &str,
    change: RoomChange,
) -> Result<Done<Option<KeptRoom>>, Failure> {
    let mut rooms = txn.open_table(ROOMS)?;
    let kept = rooms.get(slug)?.map(|row| rows::decode_room(slug, row.value())).transpose()?;
    let Some(mut room) = kept else { return Ok(Done::Nothing(None)) };
    change.apply(&mut room);
    rooms.insert(slug, rows::encode_room(&room).as_slice())?;
    Ok(Done::Durably(Some(room)))
}

pub(super) fn rooms(txn: &ReadTransaction) -> Result<Vec<KeptRoom>, Failure> {
    let mut all = Vec::new();
    if let Some(rooms) = table(txn, ROOMS)? {
        for entry in rooms.iter()? {
            let (slug, row) = entry?;
            all.push(rows::decode_room(slug.value(), row.value())?);
        }
    }
    Ok(all)
}

pub(super) fn add_bot_token(txn: &WriteTransaction, token: &BotToken) -> Result<Done<()>, Failure> {
    let mut tokens = txn.open_table(BOT_TOKENS)?;
    if tokens.get(token.hash.0)?.is_some() {
        return Ok(Done::Nothing(()));
    }
    tokens.insert(token.hash.0, rows::encode_bot_token(token).as_slice())?;
    txn.open_table(BOT_TOKENS_OF)?.insert((token.user.0, token.family.0), token.hash.0)?;
    Ok(Done::Durably(()))
}

pub(super) fn bot_token(txn: &ReadTransaction, hash: TokenHash) -> Result<Option<BotToken>, Failure> {
    let Some(tokens) = table(txn, BOT_TOKENS)? else { return Ok(None) };
    let row = tokens.get(hash.0)?;
    Ok(row.map(|row| rows::decode_bot_token(hash, row.value())).transpose()?)
}

pub(super) fn bot_tokens(txn: &ReadTransaction, user: UserId) -> Result<Vec<BotToken>, Failure> {
    let mut all = Vec::new();
    if let Some(of) = table(txn, BOT_TOKENS_OF)? {
        for entry in of.range((user.0, 0)..=(user.0, u128::MAX))? {
            let hash = TokenHash(entry?.1.value());
            all.push(
                bot_token(txn, hash)?.ok_or_else(|| Failure::damaged("an index names a missing token"))?,
            );
        }
    }
    all.sort_by_key(|token: &BotToken| (token.created_at, token.family));
    Ok(all)
}

pub(super) fn remove_bot_token(
    txn: &WriteTransaction,
    user: UserId,
    family: Family,
) -> Result<Done<bool>, Failure> {
    let mut of = txn.open_table(BOT_TOKENS_OF)?;
    let Some(hash) = of.remove((user.0, family.0))?.map(|hash| hash.value()) else {
        return Ok(Done::Nothing(false));
    };
    txn.open_table(BOT_TOKENS)?.remove(hash)?;
    Ok(Done::Durably(true))
}
