//! Pages over the bounds of buckets, how much a page takes, writing again, and retention.

use super::*;
use crate::suite::{id, line, places, rich};
use protocol::ids::Seq;
use scylla::value::{CqlValue, Row};
use std::time::Instant;
use uuid::Uuid;

const ROOM: RoomId = RoomId(1);
const N: u64 = BUCKET_PLACES;
/// How long a test waits for what comes by itself.
const PATIENCE: Duration = Duration::from_secs(60);

async fn page(store: &CassandraStore, page: Page, limit: usize) -> Vec<u64> {
    places(&store.page(ROOM, page, limit).await.expect("page"))
}

/// Requests that a call makes.
async fn requests<T>(store: &CassandraStore, call: impl Future<Output = T>) -> (usize, T) {
    let client = store.client().expect("open");
    let before = client.made.load(Ordering::SeqCst);
    let answer = call.await;
    (client.made.load(Ordering::SeqCst) - before, answer)
}

/// Everything that a table holds, with the times of one column.
async fn dump(store: &CassandraStore, what: &str, table: &str) -> Vec<Row> {
    let cql = format!("SELECT {what} FROM {}.{table}", store.options.keyspace);
    let answer = store.client().expect("open").session.query_unpaged(cql, ()).await.expect("query");
    answer
        .into_rows_result()
        .expect("rows")
        .rows::<Row>()
        .expect("rows")
        .map(|row| row.expect("a row"))
        .collect()
}

/// A message whose id begins with its time, as those of the server do.
fn timed(seq: u64, sent_at: Millis) -> Logged {
    let mut logged = suite::line_at(1, seq, sent_at.0);
    logged.message.id = MessageId(Uuid::from_u128(u128::from(sent_at.0) << 80 | 7 << 76 | u128::from(seq)));
    logged
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_over_the_bounds_of_buckets() {
    let cassandra = Cassandra::default();
    let store = cassandra.store().await;
    let all: Vec<u64> = [
        vec![0, 1],
        (N - 3..N + 3).collect(),
        vec![5 * N - 1, 5 * N],
        (1_000 * N..1_000 * N + 250).collect(),
        vec![u64::MAX - 1, u64::MAX],
    ]
    .concat();
    store.write(all.iter().map(|&seq| line(1, seq)).collect()).await.expect("write");
    for limit in [1, 3, 7, 100, 1_000] {
        let mut backward = page(&store, Page::Latest, limit).await;
        loop {
            let mut before = page(&store, Page::Before(Seq(backward[0])), limit).await;
            if before.is_empty() {
                break;
            }
            assert!(before.len() == limit || before[0] == 0, "{limit}: a short page in the middle");
            before.extend(backward);
            backward = before;
        }
        assert_eq!(backward, all, "{limit}");
        let mut forward = vec![0];
        loop {
            let after = page(&store, Page::After(Seq(forward[forward.len() - 1])), limit).await;
            if after.is_empty() {
                break;
            }
            forward.extend(after);
        }
        assert_eq!(forward, all, "{limit}");
    }
    for edge in [N - 1, N, N + 1, 5 * N] {
        let before: Vec<_> = all.iter().copied().filter(|&seq| seq < edge).collect();
        assert_eq!(page(&store, Page::Before(Seq(edge)), 1_000).await, before);
        let after: Vec<_> = all.iter().copied().filter(|&seq| seq > edge).collect();
        assert_eq!(page(&store, Page::After(Seq(edge)), 1_000).await, after);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_messages_of_a_silent_room_take_few_requests() {
    let cassandra = Cassandra::default();
    let store = cassandra.store().await;
    // Between the two halves a million buckets are empty, as after a week of other rooms in the same partition of the log.
    let seqs = [(0..5).collect::<Vec<_>>(), (1_000_000 * N..1_000_000 * N + 5).collect()].concat();
    store.write(seqs.iter().map(|&seq| line(1, seq)).collect()).await.expect("write");
    let (made, latest) = requests(&store, page(&store, Page::Latest, 10)).await;
    assert_eq!((made, latest), (3, seqs.clone()), "the index and two buckets");
    let (made, latest) = requests(&store, page(&store, Page::Latest, 5)).await;
    assert_eq!((made, latest), (2, seqs[5..].to_vec()), "the index and one bucket");
    let (made, before) = requests(&store, page(&store, Page::Before(Seq(900_000 * N)), 5)).await;
    assert_eq!((made, before), (2, seqs[..5].to_vec()));

    // One message a bucket: a quiet room beside a loud one.
    let quiet: Vec<u64> = (0..40).map(|n| n * 7 * N).collect();
    let rows = quiet.iter().map(|&seq| line(2, seq)).collect();
    store.write(rows).await.expect("write");
    let (made, latest) = requests(&store, store.page(RoomId(2), Page::Latest, 10)).await;
    assert_eq!(places(&latest.expect("page")), quiet[30..]);
    assert_eq!(made, 11, "the index and ten buckets");

    let (made, nothing) = requests(&store, store.page(RoomId(3), Page::Latest, 10)).await;
    assert_eq!((made, nothing), (1, Ok(vec![])), "a room without messages");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_in_batches() {
    let cassandra = Cassandra::default();
    let store = cassandra.store().await;
    let now = expiry::now();
    let rows = |from: u64| (from..from + 1_000).map(|seq| timed(seq, now)).collect::<Vec<_>>();
    let (made, done) = requests(&store, store.write(rows(0))).await;
    done.expect("write");
    assert_eq!(made, 8, "the last place, a bucket, the ids, and five batches of rows");
    let (made, done) = requests(&store, store.write(rows(1_000))).await;
    done.expect("write");
    assert_eq!(made, 6, "what is known is not asked again");
    let (made, done) = requests(&store, store.write(rows(1_500))).await;
    done.expect("write");
    assert_eq!(made, 5, "which of the places are taken, the ids, and three batches of what is new");
    assert_eq!(page(&store, Page::After(Seq(1_999)), 1_000).await, (2_000..2_500).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_a_range_again_leaves_the_same_rows() {
    let cassandra = Cassandra::default();
    let options =
        Options { message_retention: Some(Duration::from_secs(86_400)), ..cassandra.options.clone() };
    let now = expiry::now();
    let rows: Vec<_> =
        (N - 300..N + 300).map(|seq| timed(seq, Millis(now.0 - 5_000 + seq % 1_000))).collect();
    let what = "room, bucket, place, record, writetime(record)";
    let first = cassandra.store_with(options.clone()).await;
    first.write(rows.clone()).await.expect("write");
    let before = dump(&first, what, "messages").await;
    assert_eq!(before.len(), rows.len());

    // Another process, which knows nothing of the first one's writes and cuts its batches elsewhere.
    let second = CassandraStore::open(options.clone()).await.expect("open");
    for part in rows.chunks(170) {
        second.write(part.to_vec()).await.expect("write");
    }
    // And two at once, as when the partitions of the log change hands.
    let third = CassandraStore::open(options).await.expect("open");
    let (a, b) = tokio::join!(third.write(rows.clone()), first.write(rows.clone()));
    a.and(b).expect("write");
    assert_eq!(dump(&second, what, "messages").await, before);
    for logged in [&rows[0], &rows[299], &rows[300], &rows[599]] {
        assert_eq!(third.message(ROOM, logged.message.id).await, Ok(Some(logged.clone())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_broken_off_is_taken_up_again() {
    let cassandra = Cassandra::default();
    let store = cassandra.store().await;
    let rows: Vec<_> = (0..600).map(|seq| timed(seq, Millis(suite::T0))).collect();
    store.write(rows.clone()).await.expect("write");
    // As if the process had died after the indices and the second batch of rows.
    let cql = format!(
        "DELETE FROM {}.messages WHERE room = 1 AND bucket = 0 AND place >= 400",
        store.options.keyspace
    );
    // The rows have the time of their record, so they are gone only to those who look at that time.
    let client = store.client().expect("open");
    let mut delete = scylla::statement::Statement::new(cql);
    delete.set_timestamp(Some(expiry::timestamp(Millis(suite::T0))));
    client.session.query_unpaged(delete, ()).await.expect("delete");
    assert_eq!(page(&store, Page::Latest, 1).await, [399]);
    let later: Vec<_> = (0..600).map(|seq| timed(seq, Millis(suite::T0 + 1))).collect();
    let again = CassandraStore::open(cassandra.options.clone()).await.expect("open");
    again.write(later.clone()).await.expect("write");
    let now = again.page(ROOM, Page::Before(Seq(402)), 4).await.expect("page");
    assert_eq!(
        now,
        [&rows[398..400], &later[400..402]].concat(),
        "what was there stays, what was missing is written"
    );
    assert_eq!(again.message(ROOM, later[599].message.id).await, Ok(Some(later[599].clone())));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_when_their_time_is_over() {
    const KEPT: u64 = 3_600_000;
    let cassandra = Cassandra::default();
    let options =
        Options { message_retention: Some(Duration::from_millis(KEPT)), ..cassandra.options.clone() };
    let store = cassandra.store_with(options).await;
    let now = expiry::now();
    let over = timed(1, Millis(now.0 - KEPT - 1_000));
    let soon = timed(2, Millis(now.0 - KEPT + 8_000));
    let fresh = timed(3, now);
    store.write(vec![over.clone(), soon.clone(), fresh.clone()]).await.expect("write");
    assert_eq!(page(&store, Page::After(Seq(2)), 10).await, [3]);
    assert_eq!(store.message(ROOM, over.message.id).await, Ok(None), "what is over is not written at all");
    for (table, column, spare) in [("messages", "record", 0), ("message_ids", "first_id", 0)] {
        let ttls: Vec<_> = dump(&store, &format!("ttl({column})"), table).await;
        let largest = ttls.iter().filter_map(|row| match row.columns[0] {
            Some(CqlValue::Int(ttl)) => Some(ttl),
            _ => None,
        });
        let largest = u64::try_from(largest.max().expect("rows go by TTL")).expect("a time to live");
        assert!(largest <= KEPT / 1_000 + 1 + spare && largest > KEPT / 1_000 - 600, "{table}: {largest} s");
    }
    let deadline = Instant::now() + PATIENCE;
    while page(&store, Page::Latest, 10).await != [3] {
        assert!(Instant::now() < deadline, "it is still there");
        tokio::task::yield_now().await;
    }
    assert_eq!(store.message(ROOM, soon.message.id).await, Ok(None));
    assert_eq!(store.message(ROOM, fresh.message.id).await, Ok(Some(fresh)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_is_told() {
    let cassandra = Cassandra::default();
    let store = cassandra.store().await;
    store.write(vec![line(1, 1), rich(1, 2), line(1, 3)]).await.expect("write");
    let cql = format!(
        "UPDATE {}.messages SET record = 0x0011223344 WHERE room = 1 AND bucket = 0 AND place = 2",
        store.options.keyspace
    );
    store.client().expect("open").session.query_unpaged(cql, ()).await.expect("update");
    let answer = store.page(ROOM, Page::Latest, 10).await;
    assert!(matches!(&answer, Err(StoreError::Damaged(what)) if what.contains("place 2")), "{answer:?}");
    assert_eq!(page(&store, Page::After(Seq(2)), 10).await, [3]);
    assert!(matches!(store.message(ROOM, id(1, 2)).await, Err(StoreError::Damaged(_))));
}
