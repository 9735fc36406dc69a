//! Reading the history: pages by the index of buckets, and messages by the index of ids.

use super::{
    client::Client,
    messages::{BUCKET_PLACES, Place, slot},
};
use crate::{PAGE_ROWS_MAX, Page, StoreError, rows};
use chat::message::Logged;
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::ids::{MessageId, RoomId, Seq};
use uuid::Uuid;

/// Buckets that one look into the index gives.
const BUCKETS_PER_LOOK: i32 = 64;
/// Buckets that are read at once when one does not hold enough.
const BUCKETS_AT_ONCE: usize = 16;

/// Behind the last place of every bucket.
const END: Place = Place { bucket: i64::MAX, place: 1 << 14 };

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// Newest first, before a place.
    Down,
    /// Oldest first, from a place on.
    Up,
}

/// The buckets of a room that may hold rows, in the order in which they are read.
struct Buckets<'a> {
    client: &'a Client,
    room: RoomId,
    direction: Direction,
    /// The next one in question, until all were seen.
    next: Option<i64>,
}

impl Buckets<'_> {
    /// The next few; none at the end.
    async fn look(&mut self, most: i32) -> Result<Vec<i64>, StoreError> {
        let Some(next) = self.next else { return Ok(vec![]) };
        let statements = &self.client.statements;
        let statement = match self.direction {
            Direction::Down => &statements.buckets_down,
            Direction::Up => &statements.buckets_up,
        };
        let found: Vec<(i64,)> = self.client.rows(statement, (self.room.0.cast_signed(), next, most)).await?;
        let full = usize::try_from(most).is_ok_and(|most| found.len() >= most);
        self.next = found.last().filter(|_| full).and_then(|&(last,)| match self.direction {
            Direction::Down => last.checked_sub(1),
            Direction::Up => last.checked_add(1),
        });
        Ok(found.into_iter().map(|(bucket,)| bucket).collect())
    }
}

/// A page of a room's history, oldest first.
pub(super) async fn page(
    client: &Client,
    room: RoomId,
    page: Page,
    limit: usize,
) -> Result<Vec<Logged>, StoreError> {
    let limit = limit.min(PAGE_ROWS_MAX);
    let (direction, from) = match page {
        Page::Latest => (Direction::Down, END),
        Page::Before(seq) => (Direction::Down, Place::of(seq)),
        Page::After(Seq(u64::MAX)) => return Ok(vec![]),
        Page::After(seq) => (Direction::Up, Place::of(Seq(seq.0 + 1))),
    };
    let mut rows = Vec::new();
    if limit == 0 {
        return Ok(rows);
    }
    let mut buckets = Buckets { client, room, direction, next: Some(from.bucket) };
    // Mostly the first bucket holds it all. Where buckets hold few rows, several are read at once, as many as the
    // fullest one seen lets expect to be needed.
    let mut fullest = limit;
    while rows.len() < limit {
        let ahead = buckets.look(BUCKETS_PER_LOOK).await?;
        if ahead.is_empty() {
            break;
        }
        let mut ahead = &ahead[..];
        while rows.len() < limit && !ahead.is_empty() {
            let missing = limit - rows.len();
            let group = missing.div_ceil(fullest.max(1)).clamp(1, BUCKETS_AT_ONCE).min(ahead.len());
            let (now, rest) = ahead.split_at(group);
            let mut parts = stream::iter(
                now.iter().copied().map(|bucket| part(client, room, direction, bucket, from, missing)),
            )
            .buffered(BUCKETS_AT_ONCE);
            let mut most = 0;
            while let Some(part) = parts.try_next().await? {
                most = most.max(part.len());
                rows.extend(part);
            }
            fullest = most;
            ahead = rest;
        }
    }
    rows.truncate(limit);
    if direction == Direction::Down {
        rows.reverse();
    }
    Ok(rows)
}

/// The rows of one bucket on one side of a place, nearest first.
async fn part(
    client: &Client,
    room: RoomId,
    direction: Direction,
    bucket: i64,
    from: Place,
    limit: usize,
) -> Result<Vec<Logged>, StoreError> {
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    let (statement, all) = match direction {
        Direction::Down => (&client.statements.rows_down, END.place),
        Direction::Up => (&client.statements.rows_up, 0),
    };
    let place = if bucket == from.bucket { from.place } else { all };
    let found: Vec<(i32, Vec<u8>)> =
        client.rows(statement, (room.0.cast_signed(), bucket, place, limit)).await?;
    found.into_iter().map(|(place, record)| read(room, Place { bucket, place }, &record)).collect()
}

fn read(room: RoomId, at: Place, record: &[u8]) -> Result<Logged, StoreError> {
    let seq = at.seq().ok_or_else(|| {
        StoreError::Damaged(format!("room {room}: {at:?} is no place in buckets of {BUCKET_PLACES}"))
    })?;
    rows::decode_message(room, seq, record)
}

/// The last place of a room that holds a row.
pub(super) async fn last(client: &Client, room: RoomId) -> Result<Option<Place>, StoreError> {
    let mut buckets = Buckets { client, room, direction: Direction::Down, next: Some(i64::MAX) };
    // The first one, unless a writer fell between the index and the row, or the last rows are past their time.
    let mut most = 1;
    loop {
        let found = buckets.look(most).await?;
        if found.is_empty() {
            return Ok(None);
        }
        for bucket in found {
            let values = (room.0.cast_signed(), bucket);
            if let Some((place,)) = client.first::<(i32,)>(&client.statements.last_place, values).await? {
                return Ok(Some(Place { bucket, place }));
            }
        }
        most = BUCKETS_PER_LOOK;
    }
}

/// A message by its id, the first if there are several.
pub(super) async fn message(
    client: &Client,
    room: RoomId,
    id: MessageId,
) -> Result<Option<Logged>, StoreError> {
    let notes: Vec<(i64, i32, i32, Uuid, Uuid)> =
        client.rows(&client.statements.ids, (room.0.cast_signed(), slot(id))).await?;
    let mut first: Option<Logged> = None;
    // In the order of their first places. Of a range that was written in other batches again there are several notes.
    for (bucket, from, to, first_id, last_id) in notes {
        if id.0 < first_id || id.0 > last_id {
            continue;
        }
        let begins_behind = |found: &Logged| Place { bucket, place: from } > Place::of(found.seq);
        if first.as_ref().is_some_and(begins_behind) {
            break;
        }
        let values = (room.0.cast_signed(), bucket, from, to);
        let found: Vec<(i32, Vec<u8>)> = client.rows(&client.statements.rows_between, values).await?;
        for (place, record) in found {
            let logged = read(room, Place { bucket, place }, &record)?;
            if logged.message.id == id && first.as_ref().is_none_or(|first| logged.seq < first.seq) {
                first = Some(logged);
            }
        }
    }
    Ok(first)
}
