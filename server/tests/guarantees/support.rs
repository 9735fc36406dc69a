//! What the tests of the guarantees share: folders, servers, faults, and the judgement. It knows no guarantee.

use parking_lot::{Mutex, MutexGuard};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    ffi::OsString,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;
use testkit::{
    checker::{self, Counts},
    history::{self, Event},
    process::{Options, Server},
    workload::{self, Behaviour, Run},
};

/// The server that these tests are about.
pub const TWITCHY: &str = env!("CARGO_BIN_EXE_twitchy");

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
pub fn times(usual: u64, long: u64) -> u64 {
    if std::env::var_os("GUARANTEES").is_some_and(|value| value == "long") { long } else { usual }
}

/// Prints a line even where the harness keeps output to itself: what was run, and what not and why.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "guarantees: {line}");
}

/// A source of choices; its seed is printed, and taken from `GUARANTEES_SEED` if that is set.
pub fn choices(name: &str) -> (u64, StdRng) {
    let given = std::env::var("GUARANTEES_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(rand::random::<u64>);
    tell(&format!("{name}: GUARANTEES_SEED={seed}"));
    (seed, StdRng::seed_from_u64(seed))
}

/// A folder that goes away with the test.
pub fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder can be written")
}

/// A server with its data in this folder.
pub fn options(folder: &Path) -> Options {
    Options::new(TWITCHY, folder)
}

/// The same, started.
pub fn server(folder: &Path) -> Server {
    Server::start(options(folder)).unwrap_or_else(|error| panic!("{error}"))
}

/// Starts it again. Blocks the caller's thread alone.
pub fn again(server: &mut Server) {
    tokio::task::block_in_place(|| server.start_again()).unwrap_or_else(|error| panic!("{error}"));
}

/// A workload against it.
pub async fn run(server: &Server, seed: u64, change: impl FnOnce(&mut workload::Options)) -> Run {
    let mut options = workload::Options::new(server.address(), seed);
    change(&mut options);
    Run::start(options).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Waits until so many more messages are accepted.
pub async fn accepted(run: &Run, more: u64) {
    run.until_accepted(run.progress().accepted + more).await;
}

/// So many readers, of every behaviour in turn.
pub fn mixed(count: usize) -> Vec<Behaviour> {
    Behaviour::ALL.into_iter().cycle().take(count).collect()
}

/// No finding, or the history is kept and told.
pub fn judge(name: &str, faults: &str, events: &[Event]) -> Counts {
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
        let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.jsonl"));
        let file = fs::File::create(&kept).expect("the target folder can be written");
        history::write(events, file).expect("the history can be written");
        panic!("{name}: the history is kept in {}\n{report}", kept.display());
    }
    report.counts
}

/// Does the test run with the rights of root? If not, says what is not run.
pub fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        tell(&format!("{test}: NOT RUN, it needs root (mounts)"));
    }
    root
}

/// Is the tool there? As root on Debian and its kin a missing one is installed; else says what is not run.
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

fn which(tool: &str) -> Option<PathBuf> {
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

/// A file system of its own in a folder, unmounted when dropped.
pub struct Mount {
    /// Where it is.
    pub at: PathBuf,
    source: Source,
}

enum Source {
    Image(PathBuf),
    Memory,
}

impl Mount {
    /// A fresh `ext4` or `xfs` in a file of this folder.
    pub fn image(folder: &Path, kind: &str) -> Self {
        let (image, at) = (folder.join("disk.img"), folder.join("mnt"));
        // Sparse; 320 MiB is a little more than the least that mkfs.xfs takes.
        fs::File::create(&image).unwrap().set_len(320 * 1024 * 1024).unwrap();
        fs::create_dir(&at).unwrap();
        let path = image.display().to_string();
        tool(&format!("mkfs.{kind}"), &["-q", if kind == "ext4" { "-F" } else { "-f" }, &path]);
        let mount = Self { at, source: Source::Image(image) };
        mount.mount();
        mount
    }

    /// A disk of so many MiB in memory.
    pub fn memory(folder: &Path, mib: u64) -> Self {
        let at = folder.join("mnt");
        fs::create_dir(&at).unwrap();
        tool("mount", &["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs", &at.display().to_string()]);
        Self { at, source: Source::Memory }
    }

    fn mount(&self) {
        if let Source::Image(image) = &self.source {
            tool("mount", &["-o", "loop", &image.display().to_string(), &self.at.display().to_string()]);
        }
    }

    /// The power goes: what is not synced is gone, and every further call fails. Then it is back.
    pub fn cut_power(&self) {
        tool("xfs_io", &["-x", "-c", "shutdown", &self.at.display().to_string()]);
    }

    /// The power is back. Nobody may use the disk any more.
    pub fn power_back(&self) {
        tool("umount", &[&self.at.display().to_string()]);
        self.mount();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a server that is about to be killed may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.at).stderr(Stdio::null()).status();
    }
}

/// Words before a command line that have strace do this to the server, which stays the child.
pub fn strace(inject: &[&str]) -> Vec<OsString> {
    let mut words: Vec<OsString> =
        ["strace", "-D", "-f", "-qq", "-o", "/dev/null"].map(OsString::from).to_vec();
    words.extend(inject.iter().map(OsString::from));
    words
}

/// strace, attached to a server that runs; let go when dropped.
pub struct Attached(Child);

impl Attached {
    /// Attaches, and returns once it has.
    pub fn to(server: &Server, inject: &[&str]) -> Self {
        let pid = server.pid().expect("the server runs");
        let child = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-p", &pid.to_string()])
            .args(inject)
            .stderr(Stdio::null())
            .spawn()
            .expect("strace was looked for");
        let attached = Self(child);
        loop {
            let mut tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
            let traced = |task: fs::DirEntry| match fs::read_to_string(task.path().join("status")) {
                Ok(status) => !status.contains("TracerPid:\t0\n"),
                Err(_) => true,
            };
            if tasks.all(traced) {
                return attached;
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // strace detaches on SIGTERM; killed, it would leave threads stopped.
        if let Some(pid) = rustix::process::Pid::from_raw(i32::try_from(self.0.id()).unwrap_or(0)) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

/// Runs the program to its end with this data folder, as `serve` on a free port.
pub fn serve_to_the_end(data: &Path, before: &[&str]) -> Output {
    let mut words = before.iter().copied().chain([TWITCHY]);
    Command::new(words.next().unwrap_or(TWITCHY))
        .args(words)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}
