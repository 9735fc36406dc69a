//! The checker is checked: servers that are broken on purpose are caught, each by the rule meant for it, and the same
//! program without a fault has no finding under the same workload.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
    time::Duration,
};
use tempfile::TempDir;
use testkit::{
    checker::{self, Report, Rule},
    history::{self, Event},
    process::{self, Server},
    workload::{self, Behaviour, Run},
};

/// Kills in each run of short lines, and messages that are accepted before each of them and after the last.
const KILLS: u64 = 4;
const ACCEPTED_BETWEEN: u64 = 250;
/// Messages of a run of long lines: twice what the kernel takes for a reader that does not read, and the ring.
const ACCEPTED_LONG: u64 = 5_500;
/// Ends a run that hangs; it takes some seconds.
const RUN_TIME_MAX: Duration = Duration::from_secs(180);

/// All rooms in one partition of the log, so that places have gaps, and a ring that slow readers fall off.
const CONFIG: &str = r#"
[log]
partitions = 1
[feed]
ring_messages = 128
[[rooms]]
slug = "bestie"
title = "Bestie"
transformer = "bestie"
[[rooms]]
slug = "ohio"
title = "Ohio"
transformer = "skibidi"
[[rooms]]
slug = "plain"
title = "Plain"
transformer = "plain"
"#;

/// Builds the program with its faults once, beside the whole one, and says where it is.
fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            // Its faults are in the embedded engines; the others would only be compiled once more.
            .args(["build", "--package", "server", "--no-default-features", "--features", "broken"])
            .args(["--bin", "twitchy-broken"])
            .args(["--message-format", "json-render-diagnostics"])
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs this test, so it can be run");
        assert!(built.status.success(), "building the broken server failed");
        let messages = String::from_utf8(built.stdout).expect("cargo writes UTF-8");
        let messages =
            messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let executables = messages.filter(|message| message["target"]["name"] == "twitchy-broken");
        let mut executables =
            executables.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
        executables.next().expect("cargo says where it put the program")
    })
}

fn start(fault: &str) -> (TempDir, Server) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("twitchy.toml");
    fs::write(&config, CONFIG).expect("the temporary folder takes files");
    let mut options = process::Options::new(binary(), folder.path()).with_env("BROKEN_ON_PURPOSE", fault);
    options.args = vec!["--config".into(), config.into()];
    let server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    (folder, server)
}

fn load(server: &Server) -> workload::Options {
    let give_up = Duration::from_secs(20);
    let readers = [Behaviour::ALL, Behaviour::ALL].concat();
    workload::Options { writers: 8, readers, give_up, ..workload::Options::new(server.address(), 1) }
}

async fn bounded<T>(run: impl Future<Output = T>) -> T {
    tokio::time::timeout(RUN_TIME_MAX, run).await.expect("the run ends in time")
}

/// Writing and reading in every manner, and some kills.
async fn run_with_kills(fault: &str) -> Report {
    let (_folder, mut server) = start(fault);
    let run = bounded(async {
        let run = Run::start(load(&server)).await.expect("the server takes accounts and joins");
        for kill in 1..=KILLS {
            run.until_accepted(kill * ACCEPTED_BETWEEN).await;
            server.kill();
            server.start_again().unwrap_or_else(|error| panic!("after a kill: {error}"));
        }
        run.until_accepted((KILLS + 1) * ACCEPTED_BETWEEN).await;
        run.finish().await
    });
    judge(fault, "kills", &run.await)
}

/// Long lines and readers that do not read for a while, so that they fall off the ring.
async fn run_with_slow_readers(fault: &str) -> Report {
    let (_folder, server) = start(fault);
    let readers = vec![Behaviour::Slow, Behaviour::Slow, Behaviour::Slow, Behaviour::Steady];
    let options = workload::Options { long: 1.0, readers, ..load(&server) };
    let run = bounded(async {
        let run = Run::start(options).await.expect("the server takes accounts and joins");
        run.until_accepted(ACCEPTED_LONG).await;
        run.finish().await
    });
    judge(fault, "slow-readers", &run.await)
}

/// The history is kept, so that a surprise can be looked at: `twitchy-check --replay FILE`.
fn judge(fault: &str, run: &str, events: &[Event]) -> Report {
    let report = checker::check(events);
    let name = format!("{}-{run}", if fault.is_empty() { "no-fault" } else { fault });
    let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.jsonl"));
    let file = fs::File::create(&kept).expect("cargo's folder for tests takes files");
    history::write(events, file).expect("cargo's folder for tests takes files");
    eprintln!("{name}: the history is {}\n{report}", kept.display());
    report
}

/// The rule finds it, and no other does, save those that the same fault must break too.
#[track_caller]
fn assert_caught(report: &Report, by: Rule, and_perhaps: &[Rule]) {
    assert!(report.count(by) > 0, "not caught by {by}\n{report}");
    let others = report.findings_by_rule.keys().filter(|rule| **rule != by && !and_perhaps.contains(rule));
    assert_eq!(others.count(), 0, "caught by other rules too\n{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_fault_there_is_no_finding() {
    let report = run_with_kills("").await;
    assert!(report.clean, "{report}");
    let counts = &report.counts;
    assert!(counts.accepted >= (KILLS + 1) * ACCEPTED_BETWEEN);
    assert_eq!(counts.unknown, 0, "every message has its answer in the end");
    // It proves little unless all of this was there.
    assert!(counts.attempts_unknown > 0, "{report}");
    assert!(counts.resumes_recovered > 0, "{report}");
    assert!(counts.joins > 0 && counts.pages > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_that_is_told_is_no_finding() {
    let report = run_with_slow_readers("").await;
    assert!(report.clean, "{report}");
    assert!(report.counts.gaps_told > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_before_the_append_is_a_lost_write() {
    // Places that were promised to lost messages are given away again, and pages lack what was promised.
    let perhaps = [Rule::AckConsistency, Rule::NonmonotonicSend, Rule::StaleJoin, Rule::InconsistentOffsets];
    assert_caught(&run_with_kills("ack-before-append").await, Rule::LostWrite, &perhaps);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribing_after_reading_is_a_gap() {
    assert_caught(&run_with_kills("read-before-subscribe").await, Rule::Gap, &[Rule::StaleJoin]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_nonces_are_duplicates() {
    assert_caught(&run_with_kills("no-nonces").await, Rule::Duplicate, &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_that_is_not_told_is_a_gap() {
    assert_caught(&run_with_slow_readers("silent-gap").await, Rule::Gap, &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_a_clock_is_not_monotonic() {
    // Who skips ahead has holes, and who comes back from there is shown some again.
    let perhaps = [Rule::Gap, Rule::StaleJoin, Rule::Duplicate];
    assert_caught(&run_with_kills("clock-order").await, Rule::Nonmonotonic, &perhaps);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_what_is_in_the_log_is_an_aborted_read() {
    assert_caught(&run_with_kills("refuse-accepted").await, Rule::AbortedRead, &[]);
}

/// Here the server itself is the first to see it, twice: the log is shorter than what it noted beside it, and shorter
/// than what the store has of it. Only when both are taken away does it start, and the checker sees what is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_stay_in_memory_are_lost_writes() {
    let (folder, mut server) = start("no-commit");
    let report = bounded(async {
        let mut run = Run::start(load(&server)).await.expect("the server takes accounts and joins");
        run.until_accepted(ACCEPTED_BETWEEN).await;
        run.stop_writing().await;
        run.stop_reading().await;
        server.kill();
        let data = folder.path().join("data");
        assert_refused(&mut server, "was acknowledged");
        fs::remove_file(data.join("log/log.seen")).expect("the note is there");
        assert_refused(&mut server, "the store belongs to another log");
        fs::remove_file(data.join("store/messages.redb")).expect("the history is there");
        server.start_again().expect("it starts with what is left");
        run.read_history().await;
        run.into_events()
    });
    let report = judge("no-commit", "forced", &report.await);
    assert!(report.count(Rule::LostWrite) >= ACCEPTED_BETWEEN, "{report}");
    assert_caught(&report, Rule::LostWrite, &[]);
}

#[track_caller]
fn assert_refused(server: &mut Server, words: &str) {
    let error = server.start_again().expect_err("it must not start with less than it acknowledged");
    assert!(error.to_string().contains(words), "{error}");
}
