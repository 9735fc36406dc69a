//! The built binary as a child process, with its standard output and error read as they come.

use super::CONFIG;
use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long a start or an end may take. Far above what any takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// A command line of the binary.
pub(crate) struct Twitchy(Command);

/// A process that serves; killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Lines of standard output; it closes with the process.
    lines: Receiver<String>,
    /// All of standard error, once it closes.
    logs: Option<JoinHandle<String>>,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder for one test: its configuration and, below it, its data.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("twitchy.toml"), CONFIG).expect("it can be written to");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The binary with this folder's configuration and data, and nothing of our own environment's settings.
    pub(crate) fn twitchy(&self, arguments: &[&str]) -> Twitchy {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twitchy"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TWITCHY_") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.path()).env("TWITCHY_CONFIG", "twitchy.toml").env("NO_COLOR", "1");
        command.env("TWITCHY_SERVER__DATA", "data").args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Twitchy(command)
    }

    /// A process that serves this folder and is ready.
    pub(crate) fn serve(&self) -> Process {
        self.twitchy(&["serve"]).serve()
    }
}

impl Twitchy {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Without a setting of the test.
    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.0.env_remove(name);
        self
    }

    /// In another working folder.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Starts it and waits for its line.
    pub(crate) fn serve(self) -> Process {
        let (mut child, lines, logs) = self.spawn();
        match lines.recv_timeout(DEADLINE) {
            Ok(line) => {
                let address = line.strip_prefix("ready http://").and_then(|address| address.parse().ok());
                let address =
                    address.unwrap_or_else(|| panic!("not the line that scripts rely on: {line:?}"));
                Process { child, address, lines, logs: Some(logs) }
            }
            Err(error) => {
                let _ = child.kill();
                let status = child.wait();
                panic!("not ready ({error}, {status:?}): {}", logs.join().expect("reading does not panic"));
            }
        }
    }

    /// Starts it and does not wait for anything. The caller ends it.
    pub(crate) fn start(mut self) -> Child {
        self.0.stdout(Stdio::null()).stderr(Stdio::null());
        self.0.spawn().expect("the binary is built")
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ended {
        let command = format!("{:?}", self.0);
        let (mut child, lines, logs) = self.spawn();
        let out = rest_of(&mut child, &lines, &command);
        let status = child.wait().expect("it is our child");
        Ended { code: status.code(), out, err: logs.join().expect("reading does not panic") }
    }

    fn spawn(mut self) -> (Child, Receiver<String>, JoinHandle<String>) {
        let mut child = self.0.spawn().expect("the binary is built");
        let (said, lines) = mpsc::channel();
        let stdout = child.stdout.take().expect("it is piped");
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        let mut stderr = child.stderr.take().expect("it is piped");
        let logs = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        (child, lines, logs)
    }
}

/// The rest of standard output. It closes with the process, so this is also how to wait for its end.
fn rest_of(child: &mut Child, lines: &Receiver<String>, command: &str) -> String {
    let mut out = String::new();
    loop {
        match lines.recv_timeout(DEADLINE) {
            Ok(line) => out.extend([line.as_str(), "\n"]),
            Err(RecvTimeoutError::Disconnected) => return out,
            Err(RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                panic!("it does not end: {command}");
            }
        }
    }
}

impl Process {
    /// SIGTERM, as service managers send it.
    pub(crate) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// SIGINT, as Ctrl-C sends it.
    pub(crate) fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let id = id.expect("a child has an id above 0");
        rustix::process::kill_process(id, signal).expect("it is our child");
    }

    /// SIGKILL: not one more instruction.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Waits until it ends. `out` is what it printed after the ready line.
    pub(crate) fn ended(mut self) -> Ended {
        let out = rest_of(&mut self.child, &self.lines, "serve");
        let status = self.child.wait().expect("it is our child");
        let logs = self.logs.take().expect("it ends once");
        Ended { code: status.code(), out, err: logs.join().expect("reading does not panic") }
    }

    /// Waits until it ends without holding up the test's other tasks.
    pub(crate) async fn ended_meanwhile(self) -> Ended {
        tokio::task::spawn_blocking(|| self.ended()).await.expect("waiting does not panic")
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(self) -> Ended {
        self.terminate();
        self.ended_meanwhile().await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A test that fails leaves nothing behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// It ended with this code and said one line about why, and nothing else.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert_eq!(self.out, "", "{}", self.err);
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "{word:?} in {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}
