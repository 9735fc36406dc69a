//! What the embedded engine carries: rows a second in batches, and pages out of a large history.
//!
//! `cargo bench -p chat-store`; the folder for the data may be given with `STORE_BENCH_DIR` (the system's folder for
//! temporary files otherwise). The rows are made before the clock starts. A batch is kept with its checkpoint, as
//! a persister does.

#![allow(clippy::print_stdout, reason = "the figures are for whoever runs it")]

use chat::{
    message::{Author, Logged, Styled},
    time::Millis,
};
use chat_store::{
    Checkpoint, Mark, MessageStore, Page, Row, Store,
    embedded::{EmbeddedStore, Options},
};
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use uuid::Uuid;

const ROOMS: u64 = 3;
/// The record of a message here is about so long, in bytes; the figure the design reckons with.
const RECORD_LEN: usize = 350;
const BATCHED_ROWS: u64 = 100_000;
const HISTORY_ROWS: u64 = 1_000_000;
const PAGES: u64 = 20_000;

fn line(n: u64) -> Logged {
    let text = format!("Hey bestie! ✨💅  Fr fr, number {n}!  {}", "No cap, slayyy.  ".repeat(7));
    let sent_at = 1_720_000_000_000 + n / 10;
    let id = u128::from(sent_at) << 80 | u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut message = Styled {
        id: MessageId(Uuid::from_u128(id)),
        room: RoomId(1 + n % ROOMS),
        author: Author {
            id: UserId(n % 1_000),
            username: format!("viewer_{}", n % 1_000),
            display_name: format!("Viewer_{}", n % 1_000),
            color: "#FF7F50".into(),
            badges: vec![],
        },
        text,
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
    Logged { seq: Seq(1 + n / ROOMS), message }
}

fn open(folder: &Path) -> EmbeddedStore {
    EmbeddedStore::open(folder, Options::default()).expect("a new folder opens")
}

fn percentile(sorted: &[Duration], hundredths: usize) -> Duration {
    sorted[(sorted.len() * hundredths / 100).min(sorted.len() - 1)]
}

async fn batches(folder: &Path, batch: u64) {
    let store = open(folder);
    let rows = |b| (b * batch..(b + 1) * batch).map(|n| Row::from(&line(n))).collect();
    let mut all: Vec<Vec<Row>> = (0..BATCHED_ROWS / batch).map(rows).collect();
    let mut times = Vec::with_capacity(all.len());
    let begin = Instant::now();
    for (offset, rows) in (0..).zip(all.drain(..)) {
        let one = Instant::now();
        let at = Checkpoint { epoch: "bench".into(), offset };
        store.keep(rows, Some(Mark { consumer: "persister", partition: 0, at })).await.expect("keep");
        times.push(one.elapsed());
    }
    let rate = BATCHED_ROWS as f64 / begin.elapsed().as_secs_f64();
    times.sort();
    println!(
        "keep, batches of {batch:>5}: {rate:>9.0} rows/s; a batch p50 {:?}, p99 {:?}",
        percentile(&times, 50),
        percentile(&times, 99)
    );
    store.close().await;
}

async fn history(folder: &Path) {
    let store = open(folder);
    let begin = Instant::now();
    for first in (0..HISTORY_ROWS).step_by(1_000) {
        store.write((first..first + 1_000).map(line).collect()).await.expect("write");
    }
    println!("{HISTORY_ROWS} rows made and written in {:?}", begin.elapsed());
    let mut latest = Vec::new();
    let mut earlier = Vec::new();
    for n in 0..PAGES {
        let room = RoomId(1 + n % ROOMS);
        let one = Instant::now();
        let page = store.page(room, Page::Latest, 10).await.expect("page");
        latest.push(one.elapsed());
        assert_eq!(page.len(), 10, "a page is full");
        let before = Seq(11 + n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (HISTORY_ROWS / ROOMS - 11));
        let one = Instant::now();
        let page = store.page(room, Page::Before(before), 10).await.expect("page");
        earlier.push(one.elapsed());
        assert_eq!(page.len(), 10, "a page is full");
    }
    for (name, mut times) in [("Latest, 10", latest), ("Before(anywhere), 10", earlier)] {
        times.sort();
        println!(
            "page({name}) of {HISTORY_ROWS} rows: p50 {:?}, p99 {:?}",
            percentile(&times, 50),
            percentile(&times, 99)
        );
    }
    let begin = Instant::now();
    let gone = store.expire(Millis(u64::MAX), 100_000).await.expect("expire");
    println!("expire: {:.0} rows/s", gone as f64 / begin.elapsed().as_secs_f64());
    let len = std::fs::metadata(folder.join("messages.redb")).expect("the file is there").len();
    println!("messages.redb: {} bytes a row", len / HISTORY_ROWS);
    // A copy of the open file is what a crash leaves behind.
    let crashed = folder.join("crashed");
    std::fs::create_dir(&crashed).expect("a new folder");
    std::fs::copy(folder.join("messages.redb"), crashed.join("messages.redb"))
        .expect("there is room for a copy");
    let begin = Instant::now();
    let again = open(&crashed);
    println!("open after a crash: {:?}", begin.elapsed());
    again.close().await;
    store.close().await;
}

fn main() {
    let root = std::env::var_os("STORE_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(root).expect("a folder for the data");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        for batch in [50, 200, 1_000] {
            batches(&folder.path().join(format!("batches-{batch}")), batch).await;
        }
        history(&folder.path().join("history")).await;
    });
}
