//! Tables of `accounts.redb` that hold what moderators did: it has to outlive the log, so it lies with what is precious.

use super::{error::Failure, file::Done};
use crate::rows::moderation as rows;
use chat::moderation::{
    Taken,
    facts::{Fact, Key},
};
use protocol::ids::{RoomId, Seq, UserId};
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

/// (room, kind of key, id) → fact.
const FACTS: TableDefinition<'_, (u64, u8, u64), &[u8]> = TableDefinition::new("moderation_facts");
/// (room, place) → measure.
const MEASURES: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("moderation_log");
/// (room, user, place): measures about a user.
const ABOUT: TableDefinition<'_, (u64, u64, u64), ()> = TableDefinition::new("moderation_about");

/// Makes what is not there yet. These tables came after the first files were made.
pub(super) fn create_tables(txn: &WriteTransaction) -> Result<(), Failure> {
    txn.open_table(FACTS)?;
    txn.open_table(MEASURES)?;
    txn.open_table(ABOUT)?;
    Ok(())
}

/// The rows are checked when they are read.
pub(super) fn verify(txn: &ReadTransaction) -> Result<(), Failure> {
    txn.open_table(FACTS)?;
    txn.open_table(MEASURES)?;
    txn.open_table(ABOUT)?;
    Ok(())
}

pub(super) fn write(txn: &WriteTransaction, taken: &[Taken]) -> Result<Done<()>, Failure> {
    let mut facts = txn.open_table(FACTS)?;
    let mut measures = txn.open_table(MEASURES)?;
    let mut about = txn.open_table(ABOUT)?;
    for one in taken {
        let (room, seq) = (one.measure.room, one.seq.0);
        // Of a place the first row stays.
        if measures.get((room.0, seq))?.is_none() {
            measures.insert((room.0, seq), rows::encode_measure(one).as_slice())?;
            if let Some(target) = one.measure.act.target() {
                about.insert((room.0, target.id.0, seq), ())?;
            }
        }
        for fact in one.facts() {
            let (kind, id) = rows::key_parts(fact.key);
            let there = facts.get((room.0, kind, id))?;
            let there = there.map(|row| rows::decode_fact(room, fact.key, row.value())).transpose()?;
            if there.is_none_or(|there| there.since < fact.since) {
                facts.insert((room.0, kind, id), rows::encode_fact(room, &fact).as_slice())?;
            }
        }
    }
    Ok(if taken.is_empty() { Done::Nothing(()) } else { Done::Durably(()) })
}

pub(super) fn facts(txn: &ReadTransaction, room: RoomId) -> Result<Vec<Fact>, Failure> {
    let table = txn.open_table(FACTS)?;
    let mut found = Vec::new();
    for entry in table.range((room.0, 0, 0)..(room.0, rows::DELETED, 0))? {
        let (key, row) = entry?;
        let (_, kind, id) = key.value();
        found.push(rows::decode_fact(room, rows::key_of(kind, id)?, row.value())?);
    }
    Ok(found)
}

pub(super) fn deleted(txn: &ReadTransaction, room: RoomId, places: &[Seq]) -> Result<Vec<Seq>, Failure> {
    let table = txn.open_table(FACTS)?;
    let mut found = Vec::new();
    for &place in places {
        if let Some(row) = table.get((room.0, rows::DELETED, place.0))? {
            rows::decode_fact(room, Key::Deleted(place), row.value())?;
            found.push(place);
        }
    }
    Ok(found)
}

pub(super) fn measures(
    txn: &ReadTransaction,
    room: RoomId,
    before: Seq,
    limit: usize,
) -> Result<Vec<Taken>, Failure> {
    let table = txn.open_table(MEASURES)?;
    let mut found = Vec::new();
    for entry in table.range((room.0, 0)..(room.0, before.0))?.rev().take(limit) {
        let (key, row) = entry?;
        found.push(rows::decode_measure(room, Seq(key.value().1), row.value())?);
    }
    Ok(found)
}

pub(super) fn about(
    txn: &ReadTransaction,
    room: RoomId,
    user: UserId,
    limit: usize,
) -> Result<Vec<Taken>, Failure> {
    let (index, table) = (txn.open_table(ABOUT)?, txn.open_table(MEASURES)?);
    let mut found = Vec::new();
    for entry in index.range((room.0, user.0, 0)..=(room.0, user.0, u64::MAX))?.rev().take(limit) {
        let (_, _, seq) = entry?.0.value();
        let row = table.get((room.0, seq))?.ok_or_else(|| {
            Failure::damaged(format!("room {room}: the index names measure {seq}, which is not there"))
        })?;
        found.push(rows::decode_measure(room, Seq(seq), row.value())?);
    }
    Ok(found)
}
