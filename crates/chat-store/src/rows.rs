//! Bytes of stored values, where an engine keeps bytes: `crc32 (LE) ‖ version ‖ postcard of a mirror type`, and for messages `crc32 ‖ record`.
//!
//! The checksum covers the key as well, so that a row found under another key than its own is told. The mirror types
//! of version 1 are frozen; `golden/` keeps their bytes. A changed body takes the next version, read beside the old.

pub(crate) mod run_time;

use crate::{Checkpoint, Row, StoreError};
use chat::{
    account::{Account, Family, RefreshToken, TokenHash},
    message::Logged,
    record::{RECORD_LEN_MAX, Record},
    time::Millis,
};
use protocol::ids::{RoomId, Seq, UserId};
use serde::{Deserialize, Serialize};

pub(crate) mod moderation;

const VERSION: u8 = 1;
const CRC_LEN: usize = 4;

#[derive(Serialize, Deserialize)]
struct AccountV1<'a> {
    username: &'a str,
    display_name: &'a str,
    color: &'a str,
    created_at: u64,
    password_hash: &'a str,
    admin: bool,
}

#[derive(Serialize, Deserialize)]
struct TokenV1 {
    user: u64,
    family: [u8; 16],
    expires_at: u64,
    spent: bool,
}

#[derive(Serialize, Deserialize)]
struct CheckpointV1<'a> {
    epoch: &'a str,
    offset: u64,
}

/// A row that is not as we wrote it.
fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged(what.into())
}

fn crc(kind: &str, key: &[&[u8]], value: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(kind.as_bytes());
    for part in key {
        crc.update(part);
    }
    crc.update(value);
    crc.finalize()
}

fn seal(kind: &str, key: &[&[u8]], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CRC_LEN + value.len());
    bytes.extend_from_slice(&crc(kind, key, value).to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// The value behind its checksum, or what is wrong with it.
fn unseal<'a>(kind: &str, key: &[&[u8]], bytes: &'a [u8]) -> Result<&'a [u8], String> {
    let (sum, value) = bytes.split_first_chunk::<CRC_LEN>().ok_or_else(|| format!("{kind}: cut off"))?;
    if crc(kind, key, value) != u32::from_le_bytes(*sum) {
        return Err(format!("{kind}: wrong checksum"));
    }
    Ok(value)
}

fn encode(kind: &str, key: &[&[u8]], body: &impl Serialize) -> Vec<u8> {
    let body =
        postcard::to_extend(body, vec![VERSION]).expect("a growing buffer leaves postcard nothing to refuse");
    seal(kind, key, &body)
}

fn decode<'a, T: Deserialize<'a>>(kind: &str, key: &[&[u8]], bytes: &'a [u8]) -> Result<T, StoreError> {
    let value = unseal(kind, key, bytes).map_err(damaged)?;
    match value.split_first() {
        Some((&VERSION, body)) => match postcard::take_from_bytes(body) {
            Ok((body, [])) => Ok(body),
            _ => Err(damaged(format!("{kind}: malformed"))),
        },
        Some((version, _)) => Err(damaged(format!("{kind}: version {version} is not known"))),
        None => Err(damaged(format!("{kind}: empty"))),
    }
}

pub(crate) fn encode_account(account: &Account) -> Vec<u8> {
    let Account { id, username, display_name, color, created_at, password_hash, admin } = account;
    let body =
        AccountV1 { username, display_name, color, created_at: created_at.0, password_hash, admin: *admin };
    encode("account", &[&id.0.to_be_bytes()], &body)
}

pub(crate) fn decode_account(id: UserId, bytes: &[u8]) -> Result<Account, StoreError> {
    let row: AccountV1<'_> = decode("account", &[&id.0.to_be_bytes()], bytes)?;
    Ok(Account {
        id,
        username: row.username.to_owned(),
        display_name: row.display_name.to_owned(),
        color: row.color.to_owned(),
        created_at: Millis(row.created_at),
        password_hash: row.password_hash.to_owned(),
        admin: row.admin,
    })
}

pub(crate) fn encode_token(hash: TokenHash, token: &RefreshToken) -> Vec<u8> {
    let RefreshToken { user, family, expires_at, spent } = token;
    let body =
        TokenV1 { user: user.0, family: family.0.to_be_bytes(), expires_at: expires_at.0, spent: *spent };
    encode("token", &[&hash.0], &body)
}

pub(crate) fn decode_token(hash: TokenHash, bytes: &[u8]) -> Result<RefreshToken, StoreError> {
    let row: TokenV1 = decode("token", &[&hash.0], bytes)?;
    Ok(RefreshToken {
        user: UserId(row.user),
        family: Family(u128::from_be_bytes(row.family)),
        expires_at: Millis(row.expires_at),
        spent: row.spent,
    })
}

pub(crate) fn encode_checkpoint(consumer: &str, partition: u32, at: &Checkpoint) -> Vec<u8> {
    let Checkpoint { epoch, offset } = at;
    let key: [&[u8]; 2] = [consumer.as_bytes(), &partition.to_be_bytes()];
    encode("checkpoint", &key, &CheckpointV1 { epoch, offset: *offset })
}

pub(crate) fn decode_checkpoint(
    consumer: &str,
    partition: u32,
    bytes: &[u8],
) -> Result<Checkpoint, StoreError> {
    let key: [&[u8]; 2] = [consumer.as_bytes(), &partition.to_be_bytes()];
    let row: CheckpointV1<'_> = decode("checkpoint", &key, bytes)?;
    Ok(Checkpoint { epoch: row.epoch.to_owned(), offset: row.offset })
}

/// A message longer than a record may be could not be read back; the log has none.
pub(crate) fn check_length(row: &Row) -> Result<(), StoreError> {
    if row.record.len() > RECORD_LEN_MAX {
        return Err(damaged(format!("message {} is longer than a record may be", row.id)));
    }
    Ok(())
}

/// The value of a row, in place of what the buffer held.
pub(crate) fn encode_row(row: &Row, value: &mut Vec<u8>) {
    let key: [&[u8]; 2] = [&row.room.0.to_be_bytes(), &row.seq.0.to_be_bytes()];
    value.clear();
    value.extend_from_slice(&crc("message", &key, &row.record).to_le_bytes());
    value.extend_from_slice(&row.record);
}

/// The same by itself, if it could be read back.
#[cfg(any(test, feature = "cassandra"))]
pub(crate) fn encode_message(row: &Row) -> Result<Vec<u8>, StoreError> {
    check_length(row)?;
    let mut value = Vec::with_capacity(CRC_LEN + row.record.len());
    encode_row(row, &mut value);
    Ok(value)
}

pub(crate) fn decode_message(room: RoomId, seq: Seq, bytes: &[u8]) -> Result<Logged, StoreError> {
    let flaw = |what: String| damaged(format!("room {room}, place {seq}: {what}"));
    let record = unseal("message", &[&room.0.to_be_bytes(), &seq.0.to_be_bytes()], bytes).map_err(flaw)?;
    match Record::decode(record) {
        Ok(Record::Message(message)) if message.room == room => Ok(Logged { seq, message: *message }),
        Ok(_) => Err(flaw("not a message of this room".to_owned())),
        Err(error) => Err(flaw(error.to_string())),
    }
}
