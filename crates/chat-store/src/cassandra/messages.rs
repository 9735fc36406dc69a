//! Writing the history. Reading is in `pages`; how places fall into buckets is here.
//!
//! A write goes room by room, several rooms at once. In a room first the index of buckets and the index of ids, then the
//! rows in the order of their places, one batch after the other: whoever reads meanwhile finds a beginning of them, and
//! after a crash nothing is found by the rows that the indices do not know.
//!
//! Rows are written without looking whether they are there, which would double the work, where they lie behind the last
//! one of their room. The last place is asked for once a room and remembered. Rows at or before it, as after a crash,
//! are looked for first, and those that are there are left out. Another process that writes the same places at the same
//! time writes them from the same log, so it writes the same bytes with the same timestamp.

use super::{
    client::Client,
    expiry::{self, Expiry},
    pages,
};
use crate::{StoreError, rows};
use chat::time::Millis;
use futures_util::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use protocol::ids::{MessageId, RoomId, Seq};
use scylla::statement::batch::{Batch, BatchType};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

/// Places of a room in one partition of the table: 6.5 MB at 400 bytes a row, and 1.2 seconds of the busiest room.
pub const BUCKET_PLACES: u64 = 1 << 14;
/// Rows in one batch: what was fastest of what was tried; 80 KB at 400 bytes a row.
pub const BATCH_ROWS_MAX: usize = 200;
/// Bytes of records in one batch. Cassandra refuses a write of 16 MiB, and a large one stands in the way of others.
pub const BATCH_BYTES_MAX: usize = 256 * 1024;
/// Milliseconds in one partition of the index of ids: some 300 rows at 13,889 messages a second in full batches.
const SLOT_MS: u64 = 1 << 12;
/// How much longer than its last row a bucket is known, and so how often at most its row in the index is written again
/// in a quiet room, in seconds.
const BUCKET_SPARE: u64 = 600;
/// Rooms of one call that are written at once.
const ROOMS_AT_ONCE: usize = 8;
/// Rooms that are remembered; a room that is not costs two small reads at its next write. 100 bytes each.
const ROOMS_MAX: usize = 10_000;
/// Buckets of a room whose row in the index is remembered.
const BUCKETS_MAX: usize = 4;

/// Where a message stands in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) bucket: i64,
    pub(super) place: i32,
}

impl Place {
    pub(super) fn of(seq: Seq) -> Self {
        // Both fit: a bucket has at most 50 bits, a place 14.
        let place = i32::try_from(seq.0 % BUCKET_PLACES).expect("less than 2^14");
        Self { bucket: (seq.0 / BUCKET_PLACES).cast_signed(), place }
    }

    /// `None` for what no place is kept as.
    pub(super) fn seq(self) -> Option<Seq> {
        let place = u64::try_from(self.place).ok().filter(|&place| place < BUCKET_PLACES)?;
        let bucket = u64::try_from(self.bucket).ok()?;
        bucket.checked_mul(BUCKET_PLACES)?.checked_add(place).map(Seq)
    }
}

/// The partition of the index of ids that this id belongs to. Ids begin with their time in 48 bits; of those that do not,
/// it is as good as any.
pub(super) fn slot(id: MessageId) -> i64 {
    let ms = u64::try_from(id.0.as_u128() >> 80).expect("48 bits");
    (ms / SLOT_MS).cast_signed()
}

/// A row that is to be written.
struct Row {
    at: Place,
    id: MessageId,
    record: Vec<u8>,
    timestamp: i64,
    expiry: Expiry,
}

/// What is remembered of a room.
#[derive(Default)]
struct Room {
    /// Is `last` known?
    asked: bool,
    /// The last place that holds a row.
    last: Option<Place>,
    /// Rows of the index of buckets that are there at least until then.
    buckets: BTreeMap<i64, Expiry>,
}

/// The rooms that were written of late.
#[derive(Default)]
pub(super) struct Rooms(Mutex<HashMap<RoomId, Arc<tokio::sync::Mutex<Room>>>>);

impl Rooms {
    fn get(&self, room: RoomId) -> Arc<tokio::sync::Mutex<Room>> {
        let mut rooms = self.0.lock();
        if rooms.len() >= ROOMS_MAX && !rooms.contains_key(&room) {
            // Those that are written now stay, so that each room has one writer.
            rooms.retain(|_, state| Arc::strong_count(state) > 1);
        }
        Arc::clone(rooms.entry(room).or_default())
    }
}

/// Writes messages of any rooms.
pub(super) async fn write(
    client: &Client,
    rooms: &Rooms,
    mut messages: Vec<crate::Row>,
    retention: Option<Duration>,
) -> Result<(), StoreError> {
    // The sort keeps the first of two alike in front.
    messages.sort_by_key(|m| (m.room, m.seq));
    messages.dedup_by_key(|m| (m.room, m.seq));
    let mut work: Vec<(RoomId, Vec<Row>)> = Vec::new();
    for message in &messages {
        let row = Row {
            at: Place::of(message.seq),
            id: message.id,
            record: rows::encode_message(message)?,
            timestamp: expiry::timestamp(message.sent_at),
            expiry: Expiry::after(message.sent_at, retention),
        };
        match work.last_mut() {
            Some((room, rows)) if *room == message.room => rows.push(row),
            _ => work.push((message.room, vec![row])),
        }
    }
    drop(messages);
    stream::iter(work.into_iter().map(|(room, rows)| write_room(client, rooms.get(room), room, rows)))
        .buffer_unordered(ROOMS_AT_ONCE)
        .try_collect()
        .await
}

async fn write_room(
    client: &Client,
    state: Arc<tokio::sync::Mutex<Room>>,
    room: RoomId,
    mut rows: Vec<Row>,
) -> Result<(), StoreError> {
    let mut state = state.lock().await;
    if !state.asked {
        state.last = pages::last(client, room).await?;
        state.asked = true;
    }
    leave_out_what_is_there(client, room, state.last, &mut rows).await?;
    let now = expiry::now();
    // What is past its time is not there any more, whoever writes it.
    rows.retain(|row| row.expiry.ttl(now).is_some());
    let batches: Vec<&[Row]> = rows.chunk_by(|a, b| a.at.bucket == b.at.bucket).flat_map(batches).collect();
    tokio::try_join!(
        write_buckets(client, &mut state.buckets, room, &rows, now),
        write_ids(client, room, &batches, now)
    )?;
    for batch in batches {
        write_batch(client, room, batch, now).await?;
        state.last = state.last.max(batch.last().map(|row| row.at));
    }
    Ok(())
}

/// Parts of rows of one bucket that are small enough to be written at once.
fn batches(mut rows: &[Row]) -> Vec<&[Row]> {
    let mut batches = Vec::with_capacity(rows.len().div_ceil(BATCH_ROWS_MAX));
    while !rows.is_empty() {
        let mut bytes = 0;
        let fit = rows
            .iter()
            .take(BATCH_ROWS_MAX)
            .take_while(|row| {
                bytes += row.record.len();
                bytes <= BATCH_BYTES_MAX
            })
            .count();
        let (batch, rest) = rows.split_at(fit.max(1));
        batches.push(batch);
        rows = rest;
    }
    batches
}

/// Takes rows away whose places hold one already.
async fn leave_out_what_is_there(
    client: &Client,
    room: RoomId,
    last: Option<Place>,
    rows: &mut Vec<Row>,
) -> Result<(), StoreError> {
    let Some(last) = last else { return Ok(()) };
    let known = rows.partition_point(|row| row.at <= last);
    let mut there = BTreeSet::new();
    for part in rows[..known].chunk_by(|a, b| a.at.bucket == b.at.bucket) {
        let (first, last) = (part[0].at, part[part.len() - 1].at);
        let values = (room.0.cast_signed(), first.bucket, first.place, last.place);
        let places: Vec<(i32,)> = client.rows(&client.statements.places_between, values).await?;
        there.extend(places.into_iter().map(|(place,)| Place { bucket: first.bucket, place }));
    }
    rows.retain(|row| !there.contains(&row.at));
    Ok(())
}

/// Sees to it that the buckets of these rows are in the index for as long as the rows live.
async fn write_buckets(
    client: &Client,
    known: &mut BTreeMap<i64, Expiry>,
    room: RoomId,
    rows: &[Row],
    now: Millis,
) -> Result<(), StoreError> {
    for part in rows.chunk_by(|a, b| a.at.bucket == b.at.bucket) {
        let bucket = part[0].at.bucket;
        let needed = part.iter().map(|row| row.expiry).max().unwrap_or(Expiry::Never);
        if known.get(&bucket).is_some_and(|&until| until >= needed) {
            continue;
        }
        let until = needed.plus(BUCKET_SPARE);
        let values = (room.0.cast_signed(), bucket, until.as_timestamp(), until.ttl(now).unwrap_or(0));
        client.run(&client.statements.insert_bucket, values).await?;
        known.insert(bucket, until);
        if known.len() > BUCKETS_MAX {
            known.pop_first();
        }
    }
    Ok(())
}

/// Notes where the ids of these batches will be.
async fn write_ids(client: &Client, room: RoomId, batches: &[&[Row]], now: Millis) -> Result<(), StoreError> {
    let mut notes: BTreeMap<i64, Vec<_>> = BTreeMap::new();
    for batch in batches {
        let mut slots: BTreeMap<i64, (Place, Place, Uuid, Uuid, Expiry)> = BTreeMap::new();
        for row in *batch {
            let note = slots.entry(slot(row.id)).or_insert((row.at, row.at, row.id.0, row.id.0, row.expiry));
            note.1 = row.at;
            note.2 = note.2.min(row.id.0);
            note.3 = note.3.max(row.id.0);
            note.4 = note.4.max(row.expiry);
        }
        for (slot, (first, last, first_id, last_id, until)) in slots {
            let ttl = until.ttl(now).unwrap_or(0);
            let note =
                (room.0.cast_signed(), slot, first.bucket, first.place, last.place, first_id, last_id, ttl);
            notes.entry(slot).or_default().push(note);
        }
    }
    let statement = &client.statements.insert_ids;
    stream::iter(notes.into_values().map(|notes| async move {
        for notes in notes.chunks(BATCH_ROWS_MAX) {
            match notes {
                [note] => client.run(statement, note).await?,
                notes => client.batch(&batch_of(statement, notes.len()), notes).await?,
            }
        }
        Ok(())
    }))
    .buffer_unordered(ROOMS_AT_ONCE)
    .try_collect()
    .await
}

async fn write_batch(client: &Client, room: RoomId, rows: &[Row], now: Millis) -> Result<(), StoreError> {
    let statement = &client.statements.insert_row;
    let values: Vec<_> = rows
        .iter()
        .filter_map(|row| {
            let ttl = row.expiry.ttl(now)?;
            Some((room.0.cast_signed(), row.at.bucket, row.at.place, &row.record[..], row.timestamp, ttl))
        })
        .collect();
    match &values[..] {
        [] => Ok(()),
        [row] => client.run(statement, row).await,
        rows => client.batch(&batch_of(statement, rows.len()), rows).await,
    }
}

/// Rows of one partition need no log of batches: they are one change.
fn batch_of(statement: &scylla::statement::prepared::PreparedStatement, len: usize) -> Batch {
    let mut batch = Batch::new_with_statements(
        BatchType::Unlogged,
        std::iter::repeat_n(statement.clone().into(), len).collect(),
    );
    batch.set_is_idempotent(true);
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: u64, len: usize) -> Row {
        Row {
            at: Place::of(Seq(seq)),
            id: MessageId(Uuid::nil()),
            record: vec![0; len],
            timestamp: 0,
            expiry: Expiry::Never,
        }
    }

    #[test]
    fn places_are_in_the_order_of_the_log() {
        let mut before = None;
        for seq in [0, 1, BUCKET_PLACES - 1, BUCKET_PLACES, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            let at = Place::of(Seq(seq));
            assert!(Some(at) > before, "{seq}");
            assert_eq!(at.seq(), Some(Seq(seq)));
            before = Some(at);
        }
        for (bucket, place) in [(-1, 0), (0, -1), (0, 1 << 14), (1 << 50, 0), (i64::MAX, 0)] {
            assert_eq!(Place { bucket, place }.seq(), None);
        }
    }

    #[test]
    fn a_batch_is_bounded_in_rows_and_bytes() {
        let lens = |rows: &[Row]| batches(rows).iter().map(|batch| batch.len()).collect::<Vec<_>>();
        let small: Vec<_> = (0..450).map(|seq| row(seq, 400)).collect();
        assert_eq!(lens(&small), [200, 200, 50]);
        let large: Vec<_> = (0..10).map(|seq| row(seq, 60_000)).collect();
        assert_eq!(lens(&large), [4, 4, 2]);
        assert_eq!(lens(&[row(0, BATCH_BYTES_MAX + 1), row(1, 1)]), [1, 1], "one has to go somehow");
        assert_eq!(lens(&[]), [0; 0]);
    }

    #[test]
    fn ids_of_the_same_four_seconds_share_a_slot() {
        let id = |ms: u64| MessageId(Uuid::from_u128(u128::from(ms) << 80 | 7 << 76 | 5));
        assert_eq!(slot(id(SLOT_MS * 9)), 9);
        assert_eq!(slot(id(SLOT_MS * 10 - 1)), 9);
        assert_eq!(slot(id((1 << 48) - 1)), (1 << 36) - 1);
    }
}
