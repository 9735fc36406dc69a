//! What moderators did: the log of measures, and the facts that follow from them.
//!
//! A fact is written with the place of its measure as the row's timestamp. So of two facts under one key the later one
//! stays, whichever is written last, and writing a part of the log again changes nothing. There are no deletes.

use super::{
    client::Client,
    expiry::{self, Expiry},
};
use crate::{PAGE_ROWS_MAX, StoreError, rows::moderation as rows};
use chat::moderation::{
    Taken,
    facts::{Fact, Key},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::ids::{RoomId, Seq, UserId};
use std::{collections::BTreeMap, time::Duration};

/// Places of a room's log in one partition of the tables of measures and deletions: 20 minutes of the busiest room, 33
/// hours at 139 messages a second. At ten measures a second all that time, 1.2 million rows of 200 bytes at the most.
const BUCKET_PLACES: u64 = 1 << 24;
/// Facts that one request gives: 2.5 MB.
const FACTS_AT_ONCE: i32 = 10_000;
/// Buckets that one look into the index gives, and requests that are made at once.
const BUCKETS_PER_LOOK: i32 = 64;
const REQUESTS_AT_ONCE: usize = 16;

/// Bucket and place in it.
fn place(seq: Seq) -> (i64, i32) {
    let place = i32::try_from(seq.0 % BUCKET_PLACES).expect("less than 2^24");
    ((seq.0 / BUCKET_PLACES).cast_signed(), place)
}

fn seq(bucket: i64, place: i32) -> Result<Seq, StoreError> {
    let seq = u64::try_from(bucket).ok().and_then(|bucket| bucket.checked_mul(BUCKET_PLACES));
    let seq = seq.zip(u64::try_from(place).ok()).and_then(|(first, place)| first.checked_add(place));
    seq.map(Seq).ok_or_else(|| StoreError::Damaged(format!("({bucket}, {place}) is no place of a measure")))
}

/// Places order facts, and Cassandra orders writes by signed numbers above 0.
fn timestamp(since: Seq) -> i64 {
    i64::try_from(since.0).unwrap_or(i64::MAX).max(1)
}

pub(super) async fn write(
    client: &Client,
    taken: Vec<Taken>,
    retention: Option<Duration>,
) -> Result<(), StoreError> {
    for one in &taken {
        write_one(client, one, retention).await?;
    }
    Ok(())
}

async fn write_one(client: &Client, taken: &Taken, retention: Option<Duration>) -> Result<(), StoreError> {
    let statements = &client.statements;
    let room = taken.measure.room;
    let (key, (bucket, at)) = (room.0.cast_signed(), place(taken.seq));
    let row = rows::encode_measure(taken);
    // The index first: a bucket that is not in it is not found.
    client.run(&statements.insert_measure_bucket, (key, bucket)).await?;
    // With the place as timestamp, and the same bytes: the first row of a place and the second are one.
    client.run(&statements.insert_measure, (key, bucket, at, &row, timestamp(taken.seq))).await?;
    if let Some(target) = taken.measure.act.target() {
        let values = (key, target.id.0.cast_signed(), taken.seq.0.cast_signed(), &row, timestamp(taken.seq));
        client.run(&statements.insert_measure_about, values).await?;
    }
    for fact in taken.facts() {
        let row = rows::encode_fact(room, &fact);
        if let Key::Deleted(message) = fact.key {
            // It outlives its message, which was there before it.
            let ttl = Expiry::after(taken.measure.at, retention).ttl(expiry::now());
            let Some(ttl) = ttl else { continue };
            let (bucket, at) = place(message);
            let values = (key, bucket, at, &row, timestamp(fact.since), ttl);
            client.run(&statements.insert_deletion, values).await?;
        } else {
            let (kind, id) = rows::key_parts(fact.key);
            let values = (key, i32::from(kind), id.cast_signed(), &row, timestamp(fact.since));
            client.run(&statements.insert_fact, values).await?;
        }
    }
    Ok(())
}

pub(super) async fn facts(client: &Client, room: RoomId) -> Result<Vec<Fact>, StoreError> {
    let mut found = Vec::new();
    let (mut kind, mut id) = (0, i64::MIN);
    loop {
        let values = (room.0.cast_signed(), kind, id, FACTS_AT_ONCE);
        let page: Vec<(i32, i64, Vec<u8>)> = client.rows(&client.statements.facts, values).await?;
        let full = usize::try_from(FACTS_AT_ONCE).is_ok_and(|most| page.len() >= most);
        for (kind, id, row) in &page {
            let kind = u8::try_from(*kind).unwrap_or(0);
            found.push(rows::decode_fact(room, rows::key_of(kind, id.cast_unsigned())?, row)?);
        }
        match page.last() {
            Some(last) if full => (kind, id) = (last.0, last.1),
            _ => return Ok(found),
        }
    }
}

pub(super) async fn deleted(client: &Client, room: RoomId, places: Vec<Seq>) -> Result<Vec<Seq>, StoreError> {
    let mut buckets: BTreeMap<i64, (i32, i32)> = BTreeMap::new();
    for &seq in &places {
        let (bucket, at) = place(seq);
        let range = buckets.entry(bucket).or_insert((at, at));
        *range = (range.0.min(at), range.1.max(at));
    }
    let mut looks = stream::iter(buckets.into_iter().map(|(bucket, (first, last))| async move {
        let values = (room.0.cast_signed(), bucket, first, last);
        let found: Vec<(i32,)> = client.rows(&client.statements.deletions, values).await?;
        found.into_iter().map(|(at,)| seq(bucket, at)).collect::<Result<Vec<_>, _>>()
    }))
    .buffered(REQUESTS_AT_ONCE);
    let mut found = Vec::new();
    while let Some(some) = looks.try_next().await? {
        found.extend(some);
    }
    found.retain(|seq| places.contains(seq));
    Ok(found)
}

pub(super) async fn measures(
    client: &Client,
    room: RoomId,
    before: Seq,
    limit: usize,
) -> Result<Vec<Taken>, StoreError> {
    let (key, limit) = (room.0.cast_signed(), limit.min(PAGE_ROWS_MAX));
    let (last_bucket, last_place) = place(before);
    let (mut found, mut next) = (Vec::new(), last_bucket);
    while found.len() < limit {
        let buckets: Vec<(i64,)> =
            client.rows(&client.statements.measure_buckets, (key, next, BUCKETS_PER_LOOK)).await?;
        let Some(&(oldest,)) = buckets.last() else { break };
        for (bucket,) in buckets {
            let end = if bucket == last_bucket { last_place } else { i32::MAX };
            let missing = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
            if missing == 0 {
                break;
            }
            let values = (key, bucket, end, missing);
            let some: Vec<(i32, Vec<u8>)> = client.rows(&client.statements.measures, values).await?;
            for (at, row) in some {
                found.push(rows::decode_measure(room, seq(bucket, at)?, &row)?);
            }
        }
        next = oldest.saturating_sub(1);
    }
    Ok(found)
}

pub(super) async fn about(
    client: &Client,
    room: RoomId,
    user: UserId,
    limit: usize,
) -> Result<Vec<Taken>, StoreError> {
    let limit = i32::try_from(limit.min(PAGE_ROWS_MAX)).unwrap_or(i32::MAX);
    let values = (room.0.cast_signed(), user.0.cast_signed(), limit);
    if limit == 0 {
        return Ok(vec![]);
    }
    let found: Vec<(i64, Vec<u8>)> = client.rows(&client.statements.measures_about, values).await?;
    found.into_iter().map(|(at, row)| rows::decode_measure(room, Seq(at.cast_unsigned()), &row)).collect()
}
