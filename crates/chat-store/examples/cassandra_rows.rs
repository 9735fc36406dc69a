//! What the engine over Cassandra carries: rows a second in batches, and the latest page of a room.
//!
//! `cargo run --release -p chat-store --features cassandra --example cassandra_rows`. The database of the tests is
//! started for it (`TWITCHY_TEST_CASSANDRA` names another), so client and database share the cores of this machine. The
//! rows are made before the clock starts. Batches of several rooms are written by as many writers at once as a persister
//! has partitions of the log, and each is followed by its checkpoint; both are part of the time.

#![allow(clippy::print_stdout, reason = "the figures are for whoever runs it")]

use chat::{
    message::{Author, Logged, Styled},
    time::Millis,
};
use chat_store::{
    Checkpoint, CheckpointStore, MessageStore, Page, Store,
    cassandra::{CassandraStore, Options, migrate},
};
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use uuid::Uuid;

/// The record of a message here is about so long, in bytes; the figure the design reckons with.
const RECORD_LEN: usize = 350;
/// Rooms, and writers: one partition of the log each.
const ROOMS: u64 = 3;
const ROWS_PER_ROOM: u64 = 100_000;
const WARM_UP_ROWS: u64 = 20_000;
const PAGES: usize = 2_000;

fn line(room: u64, seq: u64, start: u64) -> Logged {
    let sent_at = start + seq / 14;
    let id = u128::from(sent_at) << 80 | 7 << 76 | u128::from(room) << 48 | u128::from(seq);
    let mut message = Styled {
        id: MessageId(Uuid::from_u128(id)),
        room: RoomId(room),
        author: Author {
            id: UserId(seq % 1_000),
            username: format!("viewer_{}", seq % 1_000),
            display_name: format!("Viewer_{}", seq % 1_000),
            color: "#FF7F50".into(),
            badges: vec![],
        },
        text: format!("Hey bestie! ✨💅  Fr fr, number {seq}!  {}", "No cap, slayyy.  ".repeat(7)),
        original: String::new(),
        emotes: vec![],
        mentions: vec![],
        reply_to: None,
        action: false,
        styled: true,
        sent_at: Millis(sent_at),
        nonce: Some("c1".into()),
    };
    let len = chat::record::encode_message(&message).len();
    message.original = "x".repeat(RECORD_LEN.saturating_sub(len));
    Logged { seq: Seq(seq), message }
}

/// Writes so many rows of each room in calls of `batch` rows; the time it took, and that of each call.
async fn write(
    store: &Arc<CassandraStore>,
    from: u64,
    rows: u64,
    batch: u64,
    start: u64,
) -> (Duration, Vec<Duration>) {
    let mut work = Vec::new();
    for room in 1..=ROOMS {
        let seqs: Vec<u64> = (from..from + rows).collect();
        let calls = seqs.chunks(usize::try_from(batch).expect("small"));
        work.push(
            calls
                .map(|seqs| seqs.iter().map(|&seq| line(room, seq, start)).collect::<Vec<_>>())
                .collect::<Vec<_>>(),
        );
    }
    let begin = Instant::now();
    let mut writers = Vec::new();
    for (partition, calls) in (0..).zip(work) {
        let store = Arc::clone(store);
        writers.push(tokio::spawn(async move {
            let mut times = Vec::with_capacity(calls.len());
            for rows in calls {
                let one = Instant::now();
                let offset = rows.last().expect("not empty").seq.0;
                store.write(rows).await.expect("write");
                let at = Checkpoint { epoch: "bench".into(), offset };
                store.save("persister", partition, at).await.expect("save");
                times.push(one.elapsed());
            }
            times
        }));
    }
    let mut times = Vec::new();
    for writer in writers {
        times.extend(writer.await.expect("a writer runs to its end"));
    }
    (begin.elapsed(), times)
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |hundredths: usize| {
        times[(times.len() * hundredths / 100).min(times.len() - 1)].as_secs_f64() * 1_000.0
    };
    format!("p50 {:.2} ms, p99 {:.2} ms", at(50), at(99))
}

#[tokio::main]
async fn main() {
    let start = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let start = u64::try_from(start.as_millis()).expect("before the end of time");
    let address = test_servers::cassandra::shared().address();
    let options = Options {
        message_retention: Some(Duration::from_secs(30 * 24 * 60 * 60)),
        request_timeout: Duration::from_secs(30),
        ..Options::new([address], format!("bench{start}"))
    };
    migrate(&options).await.expect("migrate");
    let store = Arc::new(CassandraStore::open(options).await.expect("open"));
    let mut from = 0;
    write(&store, from, WARM_UP_ROWS, 200, start).await;
    from += WARM_UP_ROWS;
    for batch in [50, 200, 1_000] {
        let (took, times) = write(&store, from, ROWS_PER_ROOM, batch, start).await;
        from += ROWS_PER_ROOM;
        let rate = (ROOMS * ROWS_PER_ROOM) as f64 / took.as_secs_f64();
        println!("{ROOMS} writers, {batch} rows a call: {rate:.0} rows/s; a call {}", percentiles(times));
    }
    let mut times = Vec::with_capacity(PAGES);
    for n in 0..PAGES {
        let one = Instant::now();
        let page = store.page(RoomId(1 + n as u64 % ROOMS), Page::Latest, 10).await.expect("page");
        times.push(one.elapsed());
        assert_eq!(page.len(), 10);
    }
    println!("the latest 10 of a room of {from}: {}", percentiles(times));
    let mut times = Vec::with_capacity(PAGES);
    for n in 0..PAGES as u64 {
        let wanted = line(1, n * 97 % from, start);
        let one = Instant::now();
        let found = store.message(RoomId(1), wanted.message.id).await.expect("message");
        times.push(one.elapsed());
        assert_eq!(found, Some(wanted));
    }
    println!("a message by its id: {}", percentiles(times));
    store.close().await;
}
