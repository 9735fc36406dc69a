//! What tests of guarantees have in common: the machine for one at a time, seeds, tools, and the judgement. It knows no
//! guarantee and starts no server.

use crate::{
    checker::{self, Counts},
    history::{self, Event},
    process::Server,
    workload::Behaviour,
};
use client::Socket;
use parking_lot::{Mutex, MutexGuard};
use protocol::{frames::NotRecovered, ids::Seq};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

static MACHINE: Mutex<()> = Mutex::new(());

/// The machine, while it is held.
pub struct Alone {
    _machine: MutexGuard<'static, ()>,
}

/// The machine, for one test at a time. It is held for the whole test, on a thread that does nothing else.
pub fn alone() -> Alone {
    Alone { _machine: MACHINE.lock() }
}

/// How often something is done: in the usual run, and with `GUARANTEES=long`.
#[must_use]
pub fn times(usual: u64, long: u64) -> u64 {
    if std::env::var_os("GUARANTEES").is_some_and(|value| value == "long") { long } else { usual }
}

/// Prints a line even where the harness keeps output to itself: what was run, and what not and why.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "guarantees: {line}");
}

/// A source of choices; its seed is printed, and taken from `GUARANTEES_SEED` if that is set.
#[must_use]
pub fn choices(name: &str) -> (u64, StdRng) {
    let given = std::env::var("GUARANTEES_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(rand::random::<u64>);
    tell(&format!("{name}: GUARANTEES_SEED={seed}"));
    (seed, StdRng::seed_from_u64(seed))
}

/// So many readers, of every behaviour in turn.
#[must_use]
pub fn mixed(count: usize) -> Vec<Behaviour> {
    Behaviour::ALL.into_iter().cycle().take(count).collect()
}

/// Resumes in a room of one user's messages 1 to `now` and checks the whole answer: what was missed and no more, `Ok` with
/// how many that are, or why not, with the usual history.
///
/// # Panics
/// If the answer is another one.
pub async fn resumes(
    server: SocketAddr,
    room: &str,
    (after, epoch): (u64, &str),
    now: u64,
    expected: Result<u64, NotRecovered>,
    told: &str,
) {
    let mut socket = Socket::connect(server).await.unwrap_or_else(|error| panic!("{told}: {error}"));
    let joined =
        socket.resume(room, Seq(after), epoch).await.unwrap_or_else(|error| panic!("{told}: {error}"));
    match expected {
        Ok(count) => {
            assert_eq!((joined.recovered, joined.reason), (Some(true), None), "{told}");
            // Those of the answer and of the frames behind it.
            let (mut replayed, mut at) = (joined.history, joined.seq);
            while at < Seq(now) {
                let more = socket.messages(room, 1).await.unwrap_or_else(|error| panic!("{told}: {error}"));
                at = more.last().map_or(at, |message| message.seq);
                replayed.extend(more);
            }
            let seqs: Vec<u64> = replayed.iter().map(|m| m.seq.0).collect();
            assert_eq!(seqs, (after + 1..=now).collect::<Vec<_>>(), "{told}");
            assert_eq!(seqs.len() as u64, count, "{told}");
        }
        Err(reason) => {
            assert_eq!((joined.recovered, joined.reason), (Some(false), Some(reason)), "{told}");
            let seqs: Vec<u64> = joined.history.iter().map(|m| m.seq.0).collect();
            assert_eq!(seqs, (now - 9..=now).collect::<Vec<_>>(), "the usual history: {told}");
            assert_eq!(joined.seq, Seq(now), "{told}");
        }
    }
}

/// No finding, or the history is kept in this folder and told.
///
/// # Panics
/// If there is a finding.
pub fn judge(keep_in: &Path, name: &str, faults: &str, events: &[Event]) -> Counts {
    let report = checker::check(events);
    let c = &report.counts;
    tell(&format!(
        "{name}: {faults}; {} messages in {} attempts ({} without an answer), {} accepted, {} refused, {} shown on {} \
         connections, {} findings",
        c.messages,
        c.attempts,
        c.attempts_unknown,
        c.accepted,
        c.rejected.values().sum::<u64>(),
        c.shown,
        c.connections,
        report.findings_by_rule.values().sum::<u64>(),
    ));
    if !report.clean {
        let kept = keep_in.join(format!("{name}.jsonl"));
        let file = fs::File::create(&kept).expect("the folder for what is kept can be written");
        history::write(events, file).expect("the history can be written");
        panic!("{name}: the history is kept in {}\n{report}", kept.display());
    }
    report.counts
}

/// A field of `/proc/PID/status` of a server that runs, in KiB.
///
/// # Panics
/// If it does not run, or there is no such field.
#[must_use]
pub fn memory_kib(server: &Server, field: &str) -> u64 {
    let pid = server.pid().expect("the server runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let line = status.lines().find(|line| line.starts_with(field)).expect("a field of the status");
    line.split_ascii_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number of KiB")
}

/// Does the test run with the rights of root? If not, says what is not run, and what for they are needed.
#[must_use]
pub fn is_root(test: &str, what_for: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        tell(&format!("{test}: NOT RUN, it needs root ({what_for})"));
    }
    root
}

/// Is the tool there? As root on Debian and its kin a missing one is installed; else says what is not run.
#[must_use]
pub fn has_tool(test: &str, tool: &str, package: &str) -> bool {
    let there = || Command::new(tool).arg("--version").output().is_ok() || which(tool).is_some();
    if there() {
        return true;
    }
    if rustix::process::geteuid().is_root() && which("apt-get").is_some() {
        let _ = Command::new("apt-get").args(["install", "-y", "-q", package]).output();
    }
    if there() {
        return true;
    }
    tell(&format!("{test}: NOT RUN, {tool} is missing (apt-get install {package})"));
    false
}

/// Where a program is; also in the folders of the system's own tools.
#[must_use]
pub fn which(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|folder| folder.join(tool)).find(|path| path.is_file())
}

/// Runs a tool to its end.
///
/// # Panics
/// If it fails.
pub fn tool(program: &str, arguments: &[&str]) {
    let program = which(program).unwrap_or_else(|| PathBuf::from(program));
    let done = Command::new(&program).args(arguments).output();
    let done = done.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(
        done.status.success(),
        "{} {arguments:?}: {}",
        program.display(),
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A clock that stands elsewhere, for the server's next start, by the library of `faketime` (the program itself would
/// stay between us and the server). The monotonic clock stays as it is.
///
/// # Panics
/// If `faketime` is missing: see [`has_tool`].
pub fn set_clock(options: &mut crate::process::Options, offset: Option<&str>) {
    options.env.retain(|(name, _)| !["LD_PRELOAD", "FAKETIME"].contains(&name.as_str()));
    let Some(offset) = offset else { return };
    let said = Command::new("faketime").args(["-f", "+0", "sh", "-c", "echo $LD_PRELOAD"]).output();
    let said = said.expect("faketime was looked for").stdout;
    let library = String::from_utf8_lossy(&said).trim().to_owned();
    let env = [("LD_PRELOAD", &*library), ("FAKETIME", offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    options.env.extend(env.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

/// What the library of [`set_clock`] leaves in shared memory when its process is killed; taken away when dropped.
#[derive(Default)]
pub struct Leavings(Vec<u32>);

impl Leavings {
    /// This process was started with another clock.
    pub fn of(&mut self, server: &Server) {
        self.0.extend(server.pid());
    }
}

impl Drop for Leavings {
    fn drop(&mut self) {
        for pid in &self.0 {
            // There are none of a process that had the right clock, or ended by itself.
            let _ = fs::remove_file(format!("/dev/shm/faketime_shm_{pid}"));
            let _ = fs::remove_file(format!("/dev/shm/sem.faketime_sem_{pid}"));
        }
    }
}
