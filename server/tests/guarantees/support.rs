//! What the tests of the guarantees share: folders, servers, faults, and the judgement. It knows no guarantee.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;
use testkit::{
    checker::Counts,
    history::Event,
    process::{Options, Server},
    trial,
    workload::{self, Run},
};

pub use testkit::trial::{alone, choices, has_tool, mixed, tell, times, tool};

/// The server that these tests are about.
pub const TWITCHY: &str = env!("CARGO_BIN_EXE_twitchy");

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

/// The same, with its data on this disk.
pub fn server_on(mount: &Mount, folder: &Path) -> Server {
    let mut options = options(folder);
    options.data = mount.at.join("data");
    Server::start(options).unwrap_or_else(|error| panic!("{error}"))
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

/// No finding, or the history is kept and told.
pub fn judge(name: &str, faults: &str, events: &[Event]) -> Counts {
    trial::judge(Path::new(env!("CARGO_TARGET_TMPDIR")), name, faults, events)
}

/// Does the test run with the rights of root? If not, says what is not run.
pub fn is_root(test: &str) -> bool {
    trial::is_root(test, "mounts")
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
