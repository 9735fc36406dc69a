//! Tests of the embedded engine: the suite, and what only an engine on a disk can get wrong.

mod damage;
mod faults;
mod model;
mod opening;

use super::{EmbeddedLog, Options, files::FileWatch};
use crate::{
    AppendError, BoxFuture, EventLog, Offset, Partition, ReadError, Record,
    suite::{Holds, Persists, Shape, Subject},
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{collections::HashMap, fs, path::Path, sync::Arc};
use tempfile::TempDir;

/// Logs in folders of a temporary one, by name.
struct Embedded {
    base: TempDir,
    tail_bytes_max: usize,
    logs: Mutex<HashMap<String, Arc<EmbeddedLog>>>,
}

impl Embedded {
    fn new(tail_bytes_max: usize) -> Self {
        let base = TempDir::new().expect("a temporary folder");
        Self { base, tail_bytes_max, logs: Mutex::default() }
    }

    fn open(&self, name: &str, shape: Shape) -> Arc<dyn EventLog> {
        let defaults = Options::default();
        let options = Options {
            partitions: shape.partitions,
            queue_records_max: shape.queue_records_max.unwrap_or(defaults.queue_records_max),
            tail_bytes_max: self.tail_bytes_max,
            ..defaults
        };
        let log = Arc::new(EmbeddedLog::open(&self.base.path().join(name), options).expect("the log opens"));
        self.logs.lock().insert(name.to_owned(), Arc::clone(&log));
        log
    }
}

impl Subject for Embedded {
    fn make<'a>(&'a self, name: &'a str, shape: Shape) -> BoxFuture<'a, Arc<dyn EventLog>> {
        assert!(!self.base.path().join(name).exists(), "every case has its own names");
        Box::pin(async move { self.open(name, shape) })
    }
}

impl Persists for Embedded {
    fn reopen<'a>(&'a self, name: &'a str, shape: Shape) -> BoxFuture<'a, Arc<dyn EventLog>> {
        Box::pin(async move { self.open(name, shape) })
    }

    fn destroy<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()> {
        let path = self.base.path().join(name);
        Box::pin(async move {
            fs::remove_dir_all(path).expect("the folder can be removed");
        })
    }
}

impl Holds for Embedded {
    fn hold(&self, name: &str) -> Box<dyn Send> {
        Box::new(self.logs.lock()[name].hold())
    }
}

mod with_tail {
    crate::event_log_suite!(basic unshared held persistent => super::Embedded::new(1 << 20));
}

/// The same promises when every read goes to the file.
mod without_tail {
    crate::event_log_suite!(basic unshared held persistent => super::Embedded::new(0));
}

const P0: Partition = Partition(0);

/// A log without a tail in memory, so that every read goes to the file.
fn options() -> Options {
    Options {
        tail_bytes_max: 0,
        space_probe_every: std::time::Duration::from_millis(1),
        ..Options::default()
    }
}

fn open(path: &Path) -> EmbeddedLog {
    EmbeddedLog::open(path, options()).expect("the log opens")
}

/// A log on a file that a test can make fail.
fn open_watched(path: &Path) -> (EmbeddedLog, Arc<FileWatch>) {
    let watch = Arc::<FileWatch>::default();
    let log = EmbeddedLog::open_watched(path, options(), Arc::clone(&watch)).expect("the log opens");
    (log, watch)
}

async fn write(log: &EmbeddedLog, payload: impl Into<Vec<u8>>) -> Result<Offset, AppendError> {
    log.append(P0, Bytes::from(payload.into()))?.await
}

/// Every record of a partition, or the first error.
async fn read_all(log: &EmbeddedLog, partition: Partition) -> Result<Vec<Record>, ReadError> {
    let mut all: Vec<Record> = Vec::new();
    loop {
        let after = Offset(all.len() as u64);
        let page = log.read(partition, after, 1000, 1 << 20).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Text of the record at an offset; long enough that a log of some hundred has many pages.
fn text(partition: u32, offset: u64) -> String {
    format!("partition {partition}, record {offset:05}, {}", "and so on ".repeat(20))
}

/// Fills partition 0 and 1 with `records` each, and closes the log.
async fn fill(path: &Path, records: u64) {
    let log = open(path);
    write_texts(&log, records).await;
    log.close().await;
}

async fn write_texts(log: &EmbeddedLog, records: u64) {
    let mut under_way = Vec::new();
    for offset in 1..=records {
        for partition in [0, 1] {
            let payload = Bytes::from(text(partition, offset));
            under_way.push(log.append(Partition(partition), payload).expect("taken"));
        }
    }
    for append in under_way {
        append.await.expect("durable");
    }
}

fn assert_texts(records: &[Record], partition: u32) {
    for (offset, record) in (1..).zip(records) {
        assert_eq!(record.offset, Offset(offset));
        assert_eq!(record.payload, text(partition, offset));
    }
}

/// What a killed process leaves: the files as they are now.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder for the copy");
    for entry in fs::read_dir(from).expect("the folder can be read") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

#[tokio::test]
async fn the_queue_is_bounded_in_bytes() {
    let base = TempDir::new().expect("a temporary folder");
    let options = Options { queue_bytes_max: 10_000, ..options() };
    let log = EmbeddedLog::open(&base.path().join("log"), options).expect("the log opens");
    let hold = log.hold();
    let large = log.append(P0, Bytes::from(vec![1; 20_000])).expect("one record always fits");
    assert!(matches!(log.append(P0, Bytes::new()), Err(AppendError::Overloaded { .. })));
    drop(hold);
    assert_eq!(large.await, Ok(Offset(1)));
    let hold = log.hold();
    let under_way: Vec<_> = std::iter::from_fn(|| log.append(P0, Bytes::from(vec![1; 1000])).ok()).collect();
    assert_eq!(under_way.len(), 8, "8 × (1000 + 128) bytes fit, 9 do not");
    drop(hold);
    for append in under_way {
        append.await.expect("durable");
    }
}

#[tokio::test]
async fn groups_larger_than_one_commit_keep_their_order() {
    let base = TempDir::new().expect("a temporary folder");
    let log = EmbeddedLog::open(&base.path().join("log"), options()).expect("the log opens");
    let hold = log.hold();
    let under_way: Vec<_> =
        (0..10_000).map(|i| log.append(P0, Bytes::from(format!("{i}"))).expect("taken")).collect();
    drop(hold);
    for (expected, append) in (1..).zip(under_way) {
        assert_eq!(append.await, Ok(Offset(expected)));
    }
    let records = read_all(&log, P0).await.expect("readable");
    assert!(records.iter().enumerate().all(|(i, r)| r.payload == format!("{i}")));
    assert_eq!(records.len(), 10_000);
}

#[tokio::test]
async fn a_long_trim_goes_in_steps_and_is_never_taken_for_damage() {
    let base = TempDir::new().expect("a temporary folder");
    let log = Arc::new(open(&base.path().join("log")));
    let under_way: Vec<_> =
        (0..12_000).map(|i| log.append(P0, Bytes::from(format!("{i}"))).expect("taken")).collect();
    for append in under_way {
        append.await.expect("durable");
    }
    let trim = {
        let log = Arc::clone(&log);
        tokio::spawn(async move { log.trim(P0, Offset(11_000)).await })
    };
    let mut after = Offset(0);
    while after < Offset(12_000) {
        match log.read(P0, after, 50, 1 << 20).await {
            Ok(page) => after = page.last().expect("not at the end").offset,
            Err(ReadError::Trimmed { asked, first }) => {
                assert!(asked < first && asked == after.next());
                after = Offset(first.0 - 1);
            }
            Err(other) => panic!("{other}"),
        }
    }
    trim.await.expect("the task ends").expect("trimmed");
    assert_eq!(log.bounds(P0).expect("it exists").first, Offset(11_001));
    log.close().await;
    drop(log);
    let log = open(&base.path().join("log"));
    assert_eq!(log.bounds(P0).expect("it exists").first, Offset(11_001));
    assert_eq!(log.read(P0, Offset(11_000), 1, 1).await.expect("a page")[0].payload, "11000");
}

#[tokio::test]
async fn dropping_without_closing_loses_nothing_acknowledged() {
    let base = TempDir::new().expect("a temporary folder");
    let path = base.path().join("log");
    let log = open(&path);
    let mut under_way = Vec::new();
    for offset in 1..=5000 {
        under_way.push(log.append(P0, Bytes::from(text(0, offset))).expect("taken"));
    }
    under_way.remove(0).await.expect("durable");
    drop(log);
    let mut acknowledged = 1;
    for append in under_way {
        match append.await {
            Ok(offset) => acknowledged = offset.0,
            Err(AppendError::Unavailable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let log = open(&path);
    let records = read_all(&log, P0).await.expect("readable");
    assert_eq!(records.len() as u64, acknowledged, "what was told and what is there agree");
    assert_texts(&records, 0);
}

#[tokio::test]
async fn dropping_a_held_log_does_not_hang() {
    let base = TempDir::new().expect("a temporary folder");
    let log = open(&base.path().join("log"));
    let _hold = log.hold();
    let append = log.append(P0, Bytes::from_static(b"x")).expect("taken");
    drop(log);
    assert!(matches!(append.await, Err(AppendError::Unavailable(_))));
}
