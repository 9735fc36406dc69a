//! Tables of `messages.redb`: the rows, two indices and the checkpoints.

use super::{error::Failure, file::Plan};
use crate::{Checkpoint, PAGE_ROWS_MAX, Page, Row, rows};
use chat::{message::Logged, time::Millis};
use protocol::ids::{MessageId, RoomId, Seq};
use redb::{
    AccessGuard, CursorError, CursorMut, Key, ReadTransaction, ReadableTable, StorageError, Table,
    TableDefinition, Value, WriteTransaction,
};
use std::ops::Bound;

/// (room, place) → row.
const ROWS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("rows");
/// (room, id) → the first place with this id.
const IDS: TableDefinition<'_, (u64, u128), u64> = TableDefinition::new("ids");
/// (time, room, place) → id. With the id, expiry reads no row, so a damaged one does not stop it.
const TIMES: TableDefinition<'_, (u64, u64, u64), u128> = TableDefinition::new("times");
/// (consumer, partition) → checkpoint.
const CHECKPOINTS: TableDefinition<'_, (&str, u32), &[u8]> = TableDefinition::new("checkpoints");

pub(super) const PLAN: Plan = Plan {
    contents: "messages",
    create: |txn| {
        txn.open_table(ROWS)?;
        txn.open_table(IDS)?;
        txn.open_table(TIMES)?;
        txn.open_table(CHECKPOINTS)?;
        Ok(())
    },
    later: |_| Ok(()),
    // The rows themselves are checked when they are read.
    verify: |txn| {
        txn.open_table(ROWS)?;
        txn.open_table(IDS)?;
        txn.open_table(TIMES)?;
        txn.open_table(CHECKPOINTS)?;
        Ok(())
    },
    check_pages: true,
    advice: "move it away and start again, it is filled anew from the log",
};

pub(super) fn write(txn: &WriteTransaction, mut new: Vec<Row>) -> Result<(), Failure> {
    // In the order of the keys, neighbours share their pages. The sort keeps the first of two alike in front.
    new.sort_by_key(|row| (row.room, row.seq));
    new.dedup_by_key(|row| (row.room, row.seq));
    let mut rows = txn.open_table(ROWS)?;
    let mut fresh = Vec::with_capacity(new.len());
    for batch in new.chunk_by(|a, b| a.room == b.room) {
        let room = batch[0].room.0;
        let last =
            rows.range((room, 0)..=(room, u64::MAX))?.next_back().transpose()?.map(|(key, _)| key.value().1);
        for row in batch {
            rows::check_length(row)?;
            // Behind the room's last row, where new messages belong, there is nothing to look for.
            if last.is_none_or(|last| row.seq.0 > last) || rows.get((room, row.seq.0))?.is_none() {
                fresh.push(row);
            }
        }
    }
    let mut value = Vec::new();
    let place = |row: &Row| (row.room.0, row.seq.0);
    let insert = |cursor: &mut CursorMut<'_, _, &'static [u8]>, key, row: &Row| {
        rows::encode_row(row, &mut value);
        cursor.insert_before(key, value.as_slice())
    };
    let there = insert_in_runs(&mut rows, &fresh, place, insert)?;
    debug_assert!(there.is_empty(), "those that are there were left out");

    fresh.sort_unstable_by_key(|row| (row.sent_at, row.room, row.seq));
    let mut times = txn.open_table(TIMES)?;
    let time = |row: &Row| (row.sent_at.0, row.room.0, row.seq.0);
    let insert =
        |cursor: &mut CursorMut<'_, _, u128>, key, row: &Row| cursor.insert_before(key, row.id.0.as_u128());
    for row in insert_in_runs(&mut times, &fresh, time, insert)? {
        // Left over from a row that is gone.
        times.insert(time(row), row.id.0.as_u128())?;
    }

    fresh.sort_unstable_by_key(|row| (row.room, row.id, row.seq));
    let mut ids = txn.open_table(IDS)?;
    let id = |row: &Row| (row.room.0, row.id.0.as_u128());
    let insert = |cursor: &mut CursorMut<'_, _, u64>, key, row: &Row| cursor.insert_before(key, row.seq.0);
    for row in insert_in_runs(&mut ids, &fresh, id, insert)? {
        // The id stands at another place too, and the first of them counts.
        let other = ids.get(id(row))?.map(|other| other.value());
        ids.insert(id(row), other.map_or(row.seq.0, |other| other.min(row.seq.0)))?;
    }
    Ok(())
}

/// Puts rows into a table in the order of their keys, and gives those back whose keys are there already, untouched. Neighbours
/// go in together: their pages are written once and filled, which costs a fraction of putting each in by itself.
fn insert_in_runs<'r, K, V>(
    table: &mut Table<'_, K, V>,
    rows: &[&'r Row],
    key: impl Fn(&Row) -> K,
    mut insert: impl FnMut(&mut CursorMut<'_, K, V>, K, &Row) -> Result<(), CursorError>,
) -> Result<Vec<&'r Row>, Failure>
where
    K: Key + 'static,
    V: Value + 'static,
    for<'k> K: Value<SelfType<'k> = K>,
{
    let mut there = Vec::new();
    let mut rest = rows;
    while let [first, ..] = rest {
        let mut run = 0;
        let mut cursor = table.upper_bound_mut(Bound::Excluded(key(first)))?;
        for row in rest {
            match insert(&mut cursor, key(row), row) {
                Ok(()) => run += 1,
                // Another row of the table comes before it.
                Err(CursorError::UnorderedKey) => break,
                Err(CursorError::Storage(error)) => return Err(error.into()),
                Err(other) => return Err(Failure::damaged(other.to_string())),
            }
        }
        cursor.close()?;
        if run == 0 {
            there.push(*first);
            run = 1;
        }
        rest = &rest[run..];
    }
    Ok(there)
}

pub(super) fn page(
    txn: &ReadTransaction,
    room: RoomId,
    page: Page,
    limit: usize,
) -> Result<Vec<Logged>, Failure> {
    let limit = limit.min(PAGE_ROWS_MAX);
    let rows = txn.open_table(ROWS)?;
    let room_no = room.0;
    let range = match page {
        Page::Latest => rows.range((room_no, 0)..=(room_no, u64::MAX))?,
        Page::Before(seq) => rows.range((room_no, 0)..(room_no, seq.0))?,
        Page::After(Seq(u64::MAX)) => return Ok(vec![]),
        Page::After(seq) => rows.range((room_no, seq.0 + 1)..=(room_no, u64::MAX))?,
    };
    if matches!(page, Page::After(_)) {
        return range.take(limit).map(|entry| read(room, entry)).collect();
    }
    let mut page: Vec<Logged> =
        range.rev().take(limit).map(|entry| read(room, entry)).collect::<Result<_, _>>()?;
    page.reverse();
    Ok(page)
}

/// A row with its key, as a walk over [`ROWS`] gives it.
type Entry<'a> = (AccessGuard<'a, (u64, u64)>, AccessGuard<'a, &'static [u8]>);

fn read(room: RoomId, entry: Result<Entry<'_>, StorageError>) -> Result<Logged, Failure> {
    let (key, value) = entry?;
    Ok(rows::decode_message(room, Seq(key.value().1), value.value())?)
}

pub(super) fn message(txn: &ReadTransaction, room: RoomId, id: MessageId) -> Result<Option<Logged>, Failure> {
    let Some(seq) = txn.open_table(IDS)?.get((room.0, id.0.as_u128()))?.map(|seq| seq.value()) else {
        return Ok(None);
    };
    let rows = txn.open_table(ROWS)?;
    let row = rows.get((room.0, seq))?.ok_or_else(|| {
        Failure::damaged(format!("room {room}: the index names place {seq}, which is not there"))
    })?;
    let logged = rows::decode_message(room, Seq(seq), row.value())?;
    if logged.message.id != id {
        return Err(Failure::damaged(format!(
            "room {room}: the index names place {seq} for another message"
        )));
    }
    Ok(Some(logged))
}

pub(super) fn expire(txn: &WriteTransaction, sent_before: Millis, rows_max: usize) -> Result<usize, Failure> {
    let mut rows = txn.open_table(ROWS)?;
    let mut ids = txn.open_table(IDS)?;
    let mut times = txn.open_table(TIMES)?;
    let mut old = Vec::new();
    for entry in times.range(..(sent_before.0, 0, 0))?.take(rows_max) {
        let (key, id) = entry?;
        old.push((key.value(), id.value()));
    }
    for &((sent_at, room, seq), id) in &old {
        times.remove((sent_at, room, seq))?;
        rows.remove((room, seq))?;
        let first = ids.get((room, id))?.map(|first| first.value());
        if first == Some(seq) {
            ids.remove((room, id))?;
        }
    }
    Ok(old.len())
}

pub(super) fn load(
    txn: &ReadTransaction,
    consumer: &str,
    partition: u32,
) -> Result<Option<Checkpoint>, Failure> {
    let table = txn.open_table(CHECKPOINTS)?;
    let row = table.get((consumer, partition))?;
    Ok(row.map(|row| rows::decode_checkpoint(consumer, partition, row.value())).transpose()?)
}

pub(super) fn save(
    txn: &WriteTransaction,
    consumer: &str,
    partition: u32,
    at: &Checkpoint,
) -> Result<(), Failure> {
    let row = rows::encode_checkpoint(consumer, partition, at);
    txn.open_table(CHECKPOINTS)?.insert((consumer, partition), row.as_slice())?;
    Ok(())
}
