//! Tables of `messages.redb`: the rows, two indices and the checkpoints.

use super::{error::Failure, file::Plan};
use crate::{Checkpoint, PAGE_ROWS_MAX, Page, rows};
use chat::{message::Logged, time::Millis};
use protocol::ids::{MessageId, RoomId, Seq};
use redb::{AccessGuard, ReadTransaction, ReadableTable, StorageError, TableDefinition, WriteTransaction};

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

pub(super) fn write(txn: &WriteTransaction, mut messages: Vec<Logged>) -> Result<(), Failure> {
    // In the order of the keys, neighbours share their pages. The sort keeps the first of two alike in front.
    messages.sort_by_key(|m| (m.message.room, m.seq));
    messages.dedup_by_key(|m| (m.message.room, m.seq));
    let mut rows = txn.open_table(ROWS)?;
    let mut ids = txn.open_table(IDS)?;
    let mut times = txn.open_table(TIMES)?;
    for batch in messages.chunk_by(|a, b| a.message.room == b.message.room) {
        let room = batch[0].message.room.0;
        let last =
            rows.range((room, 0)..=(room, u64::MAX))?.next_back().transpose()?.map(|(key, _)| key.value().1);
        for Logged { seq, message } in batch {
            let (seq, id) = (seq.0, message.id.0.as_u128());
            // Behind the room's last row, where new messages belong, there is nothing to look for.
            if last.is_some_and(|last| seq <= last) && rows.get((room, seq))?.is_some() {
                continue;
            }
            rows.insert((room, seq), rows::encode_message(Seq(seq), message)?.as_slice())?;
            times.insert((message.sent_at.0, room, seq), id)?;
            let other = ids.insert((room, id), seq)?.map(|other| other.value());
            if let Some(other) = other
                && other < seq
            {
                ids.insert((room, id), other)?;
            }
        }
    }
    Ok(())
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
