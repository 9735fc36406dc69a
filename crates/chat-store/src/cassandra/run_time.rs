//! What admins set up at run time: emotes and their pictures, rooms, tokens of bots.
//!
//! Emotes and pictures are written without a condition: whoever is last has the name. Rooms are made by a lightweight
//! transaction, since two must not have one name. A bot's token is good as long as the row under its hash is there: that
//! is written last and taken away first.

use super::{
    accounts::decided,
    client::{Cas, Client},
    sessions::family_of,
};
use crate::{Created, EMOTES_MAX, ROOMS_MAX, RoomChange, StoreError, rows::run_time as rows};
use chat::{
    account::{BotToken, Family, TokenHash},
    emotes::{Emote, EmoteId, EmoteName, Picture, Scope},
    rooms::{KeptRoom, RoomDefinition},
    time::Millis,
};
use protocol::ids::{RoomId, UserId};
use scylla::{
    statement::{
        batch::{Batch, BatchType},
        prepared::PreparedStatement,
    },
    value::CqlValue,
};

/// The only value of `part`: each of these tables is one partition, so it is read in order.
const PART: &str = "all";

fn torn(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} has not all columns"))
}

/// A number that is kept bit by bit.
fn limit(most: usize) -> i32 {
    i32::try_from(most).unwrap_or(i32::MAX)
}

pub(super) async fn put_emote(client: &Client, emote: Emote, picture: Picture) -> Result<(), StoreError> {
    let Emote { scope, name, id, animated, by, at } = emote;
    let all = emotes(client).await?;
    let replaces = all.iter().any(|other| (other.scope, &other.name) == (scope, &name));
    if !replaces && all.len() >= EMOTES_MAX {
        return Err(StoreError::Full);
    }
    let statements = &client.statements;
    // The same id is the same bytes, so writing it again changes nothing.
    client.run(&statements.insert_picture, (id.as_str(), picture.kind.as_str(), &picture.bytes[..])).await?;
    let (scope, by, at) = (scope.number().cast_signed(), by.0.cast_signed(), at.0.cast_signed());
    let values = (PART, scope, name.as_str(), id.as_str(), animated, by, at);
    client.run(&statements.insert_emote, values).await
}

pub(super) async fn remove_emote(client: &Client, scope: Scope, name: EmoteName) -> Result<bool, StoreError> {
    let there = emotes(client).await?.iter().any(|other| (other.scope, &other.name) == (scope, &name));
    if there {
        let key = (PART, scope.number().cast_signed(), name.as_str());
        client.run(&client.statements.delete_emote, key).await?;
    }
    Ok(there)
}

pub(super) async fn emotes(client: &Client) -> Result<Vec<Emote>, StoreError> {
    type Columns = (i64, String, Option<String>, Option<bool>, Option<i64>, Option<i64>);
    // A few more than there may be: two that were added at once.
    let columns: Vec<Columns> =
        client.rows(&client.statements.emotes, (PART, limit(EMOTES_MAX + 1_000))).await?;
    let emote = |(scope, name, id, animated, by, at): Columns| {
        let (Some(id), Some(animated), Some(by), Some(at)) = (id, animated, by, at) else {
            return Err(torn(&format!("the emote {name}")));
        };
        rows::emote(scope.cast_unsigned(), &name, &id, animated, by.cast_unsigned(), at.cast_unsigned())
    };
    columns.into_iter().map(emote).collect()
}

pub(super) async fn picture(client: &Client, id: &EmoteId) -> Result<Option<Picture>, StoreError> {
    let row: Option<(Option<String>, Option<Vec<u8>>)> =
        client.first(&client.statements.picture, (id.as_str(),)).await?;
    match row {
        None => Ok(None),
        Some((Some(kind), Some(bytes))) => rows::picture(id, &kind, &bytes).map(Some),
        Some(_) => Err(torn(&format!("the picture {id}"))),
    }
}

/// A row of the table. A column that is not there is null.
type RoomColumns = (
    String,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<bool>,
    Option<i64>,
);

fn room(columns: RoomColumns) -> Result<KeptRoom, StoreError> {
    let (
        slug,
        Some(id),
        Some(title),
        Some(description),
        Some(transformer),
        Some(partition),
        Some(archived),
        Some(created_at),
    ) = columns
    else {
        return Err(torn(&format!("the room {}", columns_slug(&columns))));
    };
    let partition = u32::try_from(partition)
        .map_err(|_| StoreError::Damaged(format!("the room {slug}: its partition")))?;
    let (id, slug) = (RoomId(id.cast_unsigned()), rows::slug_of(&slug)?);
    Ok(KeptRoom {
        definition: RoomDefinition { id, slug, title, description, transformer, partition },
        archived,
        created_at: Millis(created_at.cast_unsigned()),
    })
}

fn columns_slug(columns: &RoomColumns) -> &str {
    &columns.0
}

async fn read_rooms(client: &Client, statement: &PreparedStatement) -> Result<Vec<KeptRoom>, StoreError> {
    let all: Vec<RoomColumns> = client.rows(statement, (PART, limit(ROOMS_MAX + 1_000))).await?;
    all.into_iter().map(room).collect()
}

pub(super) async fn rooms(client: &Client) -> Result<Vec<KeptRoom>, StoreError> {
    read_rooms(client, &client.statements.rooms).await
}

async fn room_now(client: &Client, slug: &str) -> Result<Option<KeptRoom>, StoreError> {
    let row: Option<RoomColumns> = client.first(&client.statements.room_now, (PART, slug)).await?;
    row.map(room).transpose()
}

pub(super) async fn create_room(client: &Client, new: KeptRoom) -> Result<Created, StoreError> {
    let there = read_rooms(client, &client.statements.rooms_now).await?;
    let slug = new.definition.slug.as_str();
    if there.iter().any(|room| room.definition.slug.as_str() == slug) {
        return Ok(Created::NameTaken);
    }
    if there.len() >= ROOMS_MAX {
        return Err(StoreError::Full);
    }
    let definition = &new.definition;
    let values = (
        PART,
        slug,
        definition.id.0.cast_signed(),
        &definition.title,
        &definition.description,
        &definition.transformer,
        i64::from(definition.partition),
        new.archived,
        new.created_at.0.cast_signed(),
    );
    let created = decided(client, &client.statements.create_room, values, || async {
        Ok(room_now(client, slug).await?.map(|there| there == new))
    });
    Ok(if created.await? { Created::Yes } else { Created::NameTaken })
}

pub(super) async fn change_room(
    client: &Client,
    slug: &str,
    change: RoomChange,
) -> Result<Option<KeptRoom>, StoreError> {
    let RoomChange { title, description, archived } = change;
    let statements = &client.statements;
    let Some(there) = room_now(client, slug).await? else { return Ok(None) };
    let id = there.definition.id.0.cast_signed();
    // Each column by itself, so that two who change different ones do not undo each other.
    let changes = [
        (&statements.set_room_title, title.map(CqlValue::Text)),
        (&statements.set_room_description, description.map(CqlValue::Text)),
        (&statements.set_room_archived, archived.map(CqlValue::Boolean)),
    ];
    let mut batch = Batch::new(BatchType::Unlogged);
    let mut values = Vec::new();
    for (statement, value) in changes {
        if let Some(value) = value {
            batch.append_statement(statement.clone());
            values.push((value, PART, slug, id));
        }
    }
    if !values.is_empty() {
        match client.cas_batch(&batch, &values[..]).await {
            Cas::Applied => {}
            Cas::Refused => return Ok(None),
            Cas::Unknown(error) => return Err(error),
        }
    }
    room_now(client, slug).await
}

/// A row of either table behind its key: the hash or the family's bytes among it.
type TokenColumns = (Option<i64>, Option<Vec<u8>>, Option<Vec<u8>>, Option<String>, Option<i64>);

fn bot_token(columns: TokenColumns) -> Result<BotToken, StoreError> {
    let (Some(user), Some(family), Some(hash), Some(name), Some(created_at)) = columns else {
        return Err(torn("a bot's token"));
    };
    let hash = hash.try_into().map_err(|_| torn("a bot's token"))?;
    Ok(BotToken {
        hash: TokenHash(hash),
        user: UserId(user.cast_unsigned()),
        family: family_of(&family)?,
        name,
        created_at: Millis(created_at.cast_unsigned()),
    })
}

pub(super) async fn add_bot_token(client: &Client, token: BotToken) -> Result<(), StoreError> {
    let BotToken { hash, user, family, name, created_at } = token;
    let (user, family, at) = (user.0.cast_signed(), family.0.to_be_bytes(), created_at.0.cast_signed());
    let statements = &client.statements;
    client.run(&statements.insert_bot_token_of, (user, &family[..], &hash.0[..], &name, at)).await?;
    client.run(&statements.insert_bot_token, (&hash.0[..], user, &family[..], &name, at)).await
}

pub(super) async fn bot_token_of_hash(
    client: &Client,
    hash: TokenHash,
) -> Result<Option<BotToken>, StoreError> {
    let row: Option<TokenColumns> = client.first(&client.statements.bot_token, (&hash.0[..],)).await?;
    row.map(bot_token).transpose()
}

pub(super) async fn bot_tokens(client: &Client, user: UserId) -> Result<Vec<BotToken>, StoreError> {
    let rows: Vec<TokenColumns> =
        client.rows(&client.statements.bot_tokens_of, (user.0.cast_signed(),)).await?;
    let mut tokens: Vec<BotToken> = rows.into_iter().map(bot_token).collect::<Result<_, _>>()?;
    tokens.sort_by_key(|token| (token.created_at, token.family));
    Ok(tokens)
}

pub(super) async fn remove_bot_token(
    client: &Client,
    user: UserId,
    family: Family,
) -> Result<bool, StoreError> {
    let tokens = bot_tokens(client, user).await?;
    let Some(token) = tokens.iter().find(|token| token.family == family) else { return Ok(false) };
    let statements = &client.statements;
    client.run(&statements.delete_bot_token, (&token.hash.0[..],)).await?;
    let key = (user.0.cast_signed(), &family.0.to_be_bytes()[..]);
    client.run(&statements.delete_bot_token_of, key).await?;
    Ok(true)
}
