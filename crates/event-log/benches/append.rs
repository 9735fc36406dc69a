//! What a durable append costs: `cargo bench -p event-log` (another folder: `BENCH_DIR=…`; another length of each row in
//! seconds: `BENCH_SECONDS=…`). Prints the tables of docs/performance.md.
//!
//! Records of 350 bytes go round over three partitions. CPU is that of the whole process, so the making of the load is in
//! it; the share of the log's own thread is told beside it. "closed loop" keeps a number of appends under way; "open loop" offers a rate whatever the log does, and counts
//! latency from the moment an append was due. The limit is the same batches in a plain file with `fdatasync`.
//!
//! With `--features kafka` the two loops also run over the Kafka engine and a broker on this machine (one it starts itself, or
//! the one at `TWITCHY_TEST_KAFKA`). The broker's CPU is not in the figures; its records are not synced to disk.
#![allow(clippy::print_stdout, reason = "it prints tables")]

use bytes::Bytes;
use event_log::{
    AppendError, EventLog, Offset, Partition,
    embedded::{EmbeddedLog, Options},
};
use hdrhistogram::Histogram;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{runtime, sync::mpsc, task::JoinSet};

const RECORD_BYTES: usize = 350;
const PARTITIONS: u32 = 3;

fn main() {
    let seconds = std::env::var("BENCH_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(5.0);
    let length = Duration::from_secs_f64(seconds);
    let folder = match std::env::var_os("BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.expect("a folder for the logs");
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, load {}, {RECORD_BYTES}-byte records, {seconds} s a row\n", load());

    println!(
        "| closed loop: appends under way | durable/s | p50 ms | p99 ms | max ms | CPU-s per million | of it writer |"
    );
    println!("|---|---|---|---|---|---|---|");
    for under_way in [1, 16, 200, 1000, 4000] {
        let path = folder.path().join(format!("closed {under_way}"));
        let row = runtime.block_on(closed_loop(open(&path), under_way, length));
        println!("| {under_way} | {row} |");
        fs::remove_dir_all(&path).expect("removed");
    }

    println!(
        "\n| open loop: offered/s | durable/s | p50 ms | p99 ms | max ms | CPU-s per million | of it writer | refused |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for rate in [1000, 10_000, 41_667, 80_000, 200_000] {
        let path = folder.path().join(format!("open {rate}"));
        let (row, refused) = runtime.block_on(open_loop(open(&path), rate, length));
        println!("| {rate} | {row} | {refused} |");
        fs::remove_dir_all(&path).expect("removed");
    }

    println!(
        "\n| the limit: plain file, batches of | durable/s | p50 ms | p99 ms | max ms | CPU-s per million | of it writer |"
    );
    println!("|---|---|---|---|---|---|---|");
    for batch in [1, 16, 200, 1000] {
        let path = folder.path().join("plain");
        println!("| {batch} | {} |", plain(&path, batch, length));
        fs::remove_file(&path).expect("removed");
    }

    #[cfg(feature = "kafka")]
    over_kafka(&runtime, length);

    println!(
        "\n| a log of | payload MB | file MB | open, closed before | open, killed before | read all, records/s |"
    );
    println!("|---|---|---|---|---|---|");
    for records in [100_000, 1_000_000] {
        println!("{}", runtime.block_on(size_and_opening(folder.path(), records)));
    }
}

#[cfg(feature = "kafka")]
fn over_kafka(runtime: &runtime::Runtime, length: Duration) {
    use event_log::kafka::{KafkaLog, Options};
    let broker = test_servers::kafka::shared();
    let open = |name: String| -> Arc<dyn EventLog> {
        let topic = format!("bench-{}-{name}", std::process::id());
        Arc::new(KafkaLog::open(Options::new(broker.address(), topic)).expect("the log opens"))
    };
    // The first topic finds a cold broker.
    drop(runtime.block_on(closed_loop(open("warm".to_owned()), 200, length)));
    println!(
        "\n| Kafka, closed loop: appends under way | durable/s | p50 ms | p99 ms | max ms | CPU-s per million | of it writer |"
    );
    println!("|---|---|---|---|---|---|---|");
    for under_way in [1, 16, 200, 1000, 4000] {
        let row = runtime.block_on(closed_loop(open(format!("closed-{under_way}")), under_way, length));
        println!("| {under_way} | {row} |");
    }
    println!(
        "\n| Kafka, open loop: offered/s | durable/s | p50 ms | p99 ms | max ms | CPU-s per million | of it writer | refused |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for rate in [1000, 10_000, 41_667, 80_000] {
        let (row, refused) = runtime.block_on(open_loop(open(format!("open-{rate}")), rate, length));
        println!("| {rate} | {row} | {refused} |");
    }
}

/// One row of figures.
struct Row {
    records: u64,
    took: Duration,
    cpu: Cpu,
    latencies: Histogram<u64>,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |us: u64| us as f64 / 1000.0;
        write!(
            f,
            "{:.0} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1}",
            self.records as f64 / self.took.as_secs_f64(),
            ms(self.latencies.value_at_quantile(0.5)),
            ms(self.latencies.value_at_quantile(0.99)),
            ms(self.latencies.max()),
            self.cpu.process / self.records as f64 * 1e6,
            self.cpu.writer / self.records as f64 * 1e6,
        )
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("3 digits are allowed")
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// CPU time of the user and the kernel so far, in seconds (Linux; the kernel counts in 1/100 s).
#[derive(Clone, Copy, Default)]
struct Cpu {
    process: f64,
    /// Of the log's own thread.
    writer: f64,
}

impl Cpu {
    fn now() -> Self {
        let mut writer = 0.0;
        for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            if name.trim() == "event-log" {
                writer += ticks(&task.path().join("stat"));
            }
        }
        Self { process: ticks(Path::new("/proc/self/stat")), writer }
    }

    fn since(self, before: Self) -> Self {
        Self { process: self.process - before.process, writer: self.writer - before.writer }
    }
}

fn ticks(stat: &Path) -> f64 {
    let stat = fs::read_to_string(stat).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").to_owned()
}

fn open(path: &Path) -> Arc<dyn EventLog> {
    let options = Options { partitions: PARTITIONS, ..Options::default() };
    Arc::new(EmbeddedLog::open(path, options).expect("the log opens"))
}

fn record() -> Bytes {
    Bytes::from(vec![b'x'; RECORD_BYTES])
}

async fn closed_loop(log: Arc<dyn EventLog>, under_way: u32, length: Duration) -> Row {
    let cpu = Cpu::now();
    let start = Instant::now();
    let mut appenders = JoinSet::new();
    for appender in 0..under_way {
        let log = Arc::clone(&log);
        appenders.spawn(async move {
            let mut latencies = histogram();
            while start.elapsed() < length {
                let before = Instant::now();
                let append = log.append(Partition(appender % PARTITIONS), record()).expect("there is room");
                append.await.expect("durable");
                latencies.record(micros(before)).expect("it resizes itself or fits");
            }
            latencies
        });
    }
    let mut latencies = histogram();
    while let Some(appender) = appenders.join_next().await {
        latencies.add(appender.expect("the appender ends")).expect("same shape");
    }
    let row = Row { records: latencies.len(), took: start.elapsed(), cpu: Cpu::now().since(cpu), latencies };
    log.close().await;
    row
}

async fn open_loop(log: Arc<dyn EventLog>, rate: u64, length: Duration) -> (Row, u32) {
    let refused = Arc::new(AtomicU32::new(0));
    let cpu = Cpu::now();
    let start = Instant::now();
    let (under_way, mut answers) = mpsc::unbounded_channel();
    let offering = {
        let (log, refused) = (Arc::clone(&log), Arc::clone(&refused));
        // A thread of its own: offering must not wait for the runtime.
        std::thread::spawn(move || {
            let offers = (0..).map(|i| (i, Duration::from_secs_f64(i as f64 / rate as f64)));
            for (i, at) in offers.take_while(|(_, at)| *at < length) {
                let due = start + at;
                if let Some(early) = due.checked_duration_since(Instant::now()) {
                    std::thread::sleep(early);
                }
                let partition = Partition(u32::try_from(i % u64::from(PARTITIONS)).expect("below 3"));
                match log.append(partition, record()) {
                    Ok(append) => under_way.send((due, append)).expect("somebody takes the answers"),
                    Err(AppendError::Overloaded { .. }) => {
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        })
    };
    // Answers come in the order of the groups, so waiting for them one after the other sees each as soon as it is there
    // (within a group, the order of partitions does not matter to the time).
    let mut latencies = histogram();
    while let Some((due, append)) = answers.recv().await {
        append.await.expect("durable");
        latencies.record(micros(due)).expect("it resizes itself or fits");
    }
    let row = Row { records: latencies.len(), took: start.elapsed(), cpu: Cpu::now().since(cpu), latencies };
    offering.join().expect("the offering thread ends");
    log.close().await;
    (row, refused.load(Ordering::Relaxed))
}

fn plain(path: &Path, batch: usize, length: Duration) -> Row {
    let mut file = OpenOptions::new().create_new(true).append(true).open(path).expect("made");
    let bytes = vec![b'x'; RECORD_BYTES * batch];
    let mut latencies = histogram();
    let cpu = Cpu::now();
    let start = Instant::now();
    while start.elapsed() < length {
        let before = Instant::now();
        file.write_all(&bytes).expect("written");
        file.sync_data().expect("synced");
        latencies.record(micros(before)).expect("it resizes itself or fits");
    }
    Row {
        records: latencies.len() * batch as u64,
        took: start.elapsed(),
        cpu: Cpu::now().since(cpu),
        latencies,
    }
}

async fn size_and_opening(base: &Path, records: u64) -> String {
    let path = base.join(format!("size {records}"));
    let killed = base.join(format!("killed {records}"));
    let log = open(&path);
    let mut under_way = std::collections::VecDeque::new();
    for i in 0..records {
        if under_way.len() >= 8000 {
            let append: event_log::Append = under_way.pop_front().expect("not empty");
            append.await.expect("durable");
        }
        let partition = Partition(u32::try_from(i % u64::from(PARTITIONS)).expect("below 3"));
        under_way.push_back(log.append(partition, record()).expect("there is room"));
    }
    for append in under_way {
        append.await.expect("durable");
    }
    fs::create_dir_all(&killed).expect("made");
    for entry in fs::read_dir(&path).expect("listed").flatten() {
        fs::copy(entry.path(), killed.join(entry.file_name())).expect("copied");
    }
    log.close().await;
    drop(log);
    let file_bytes = fs::metadata(path.join("log.redb")).expect("it exists").len();

    let opening = |path: &PathBuf| {
        let start = Instant::now();
        let log = open(path);
        (log, start.elapsed())
    };
    let (after_close, close_took) = opening(&path);
    let (log, kill_took) = opening(&killed);
    after_close.close().await;

    let start = Instant::now();
    let mut read = 0;
    for partition in 0..PARTITIONS {
        let mut after = Offset(0);
        loop {
            let page = log.read(Partition(partition), after, 1000, 1 << 20).await.expect("readable");
            let Some(last) = page.last() else { break };
            after = last.offset;
            read += page.len();
        }
    }
    assert_eq!(read as u64, records);
    let read_rate = records as f64 / start.elapsed().as_secs_f64();
    log.close().await;
    for path in [path, killed] {
        fs::remove_dir_all(path).expect("removed");
    }
    format!(
        "| {records} | {:.0} | {:.0} | {:.0} ms | {:.0} ms | {read_rate:.0} |",
        (records * RECORD_BYTES as u64) as f64 / 1e6,
        file_bytes as f64 / 1e6,
        close_took.as_secs_f64() * 1e3,
        kill_took.as_secs_f64() * 1e3,
    )
}
