//! The real server as a process of its own, and what the world does to it: killed, stopped, started again.
//!
//! It knows the command line and the `ready` line and nothing else of the server. It is always ended, by its own
//! process id, also when a test panics; a test that panics is shown the end of the server's log.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// A start looks through what a crash left; a busy machine may take its time for it.
const READY_TIME_MAX: Duration = Duration::from_secs(60);
/// Bytes of the log that are shown when a test fails.
const LOG_TAIL_BYTES: u64 = 8 * 1024;

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program `twitchy`.
    pub binary: PathBuf,
    /// Its data folder.
    pub data: PathBuf,
    /// The address that it listens at, on a port of its own. Without: one of the loopback that no other test uses.
    pub listen: Option<IpAddr>,
    /// Where its log goes; later starts add to it.
    pub log: PathBuf,
    /// Further settings, as `TWITCHY_LIMITS__CONNECTIONS` and so on. They replace what this process was given.
    pub env: Vec<(String, String)>,
    /// Further arguments of `serve`.
    pub args: Vec<OsString>,
    /// Put before the command line: `["strace", "-D", "-f", …]`. With `strace -D` the process that is started stays the
    /// server and strace a watcher of it, so that signals go where they should.
    pub wrapper: Vec<OsString>,
}

impl Options {
    /// A server with its data and its log in this folder, and without any limits on how much one address may do:
    /// a test is one address.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>, folder: &Path) -> Self {
        let unlimited = [
            "USER_MESSAGES_PER_SECOND",
            "CONNECTIONS_PER_ADDRESS",
            "REGISTRATIONS_PER_ADDRESS_PER_HOUR",
            "LOGINS_PER_ADDRESS_PER_MINUTE",
            "REQUESTS_PER_ADDRESS_PER_SECOND",
        ];
        Self {
            binary: binary.into(),
            data: folder.join("data"),
            listen: None,
            log: folder.join("server.log"),
            env: unlimited.iter().map(|name| (format!("TWITCHY_LIMITS__{name}"), "0".to_owned())).collect(),
            args: Vec::new(),
            wrapper: Vec::new(),
        }
    }

    /// With one more setting.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Why a server is not there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program could not be started, or its log not written.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("the server ended before it was ready ({status}); the end of its log:\n{log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// It was not ready in time.
    #[error("the server was not ready in time; the end of its log:\n{log}")]
    NotReady {
        /// The end of its log.
        log: String,
    },
}

/// A server that runs, or did until it was ended.
#[derive(Debug)]
pub struct Server {
    options: Options,
    listen: SocketAddr,
    child: Option<Child>,
}

impl Server {
    /// Starts it and waits until it is ready. Unless told otherwise, it listens on a loopback address of its own: where a server is gone for a
    /// while, a client that keeps asking for its port may get connected to itself, unless its address is another.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start(options: Options) -> Result<Self, Error> {
        let address = options.listen.unwrap_or_else(|| own_address().into());
        let mut server = Self { options, listen: SocketAddr::new(address, 0), child: None };
        server.start_again()?;
        Ok(server)
    }

    /// Starts it again at the same address, once it has ended.
    ///
    /// # Errors
    /// See [`Error`].
    ///
    /// # Panics
    /// If it still runs.
    pub fn start_again(&mut self) -> Result<(), Error> {
        assert!(self.child.is_none(), "the server still runs");
        let failed = |what: &str| {
            let what = what.to_owned();
            |source| Error::Io { what, source }
        };
        let mut log = OpenOptions::new().create(true).append(true).open(&self.options.log);
        if let Ok(log) = &mut log {
            let _ = writeln!(log, "--- start");
        }
        let log = log.map_err(failed("the log"))?;
        let mut words = self.options.wrapper.iter().cloned().chain([self.options.binary.clone().into()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .arg("serve")
            .arg("--data")
            .arg(&self.options.data)
            .args(["--listen", &self.listen.to_string()])
            .args(&self.options.args)
            .envs(self.options.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log));
        let mut child = command.spawn().map_err(failed(&format!("{}", self.options.binary.display())))?;
        let stdout = child.stdout.take();
        // From here on it is ended whatever happens.
        self.child = Some(child);
        let (said, ready) = mpsc::channel();
        thread::spawn(move || {
            let lines = stdout.into_iter().flat_map(|out| BufReader::new(out).lines());
            for line in lines.map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("ready http://") {
                    let _ = said.send(url.parse::<SocketAddr>());
                }
            }
        });
        match ready.recv_timeout(READY_TIME_MAX) {
            Ok(Ok(address)) => {
                self.listen = address;
                Ok(())
            }
            Ok(Err(_)) | Err(mpsc::RecvTimeoutError::Timeout) => {
                self.kill();
                Err(Error::NotReady { log: self.log_tail() })
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = self.wait().map_err(failed("waiting for the server"))?;
                Err(Error::Ended { status, log: self.log_tail() })
            }
        }
    }

    /// Where it listens, also while it does not run.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// How it is started the next time.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Kills it (SIGKILL) and waits for its end. Nothing happens if it does not run.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself in the meantime.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    ///
    /// # Errors
    /// Those of the system.
    pub fn terminate(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait()
    }

    /// Waits for its end without asking for it.
    ///
    /// # Errors
    /// Those of the system, and `NotFound` if it does not run.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.take().ok_or(io::ErrorKind::NotFound)?.wait()
    }

    /// Holds all its threads (SIGSTOP): the machine is there, and nobody answers.
    ///
    /// # Errors
    /// Those of the system, and `NotFound` if it does not run.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`Self::freeze`].
    ///
    /// # Errors
    /// Those of the system, and `NotFound` if it does not run.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let child = self.child.as_ref().ok_or(io::ErrorKind::NotFound)?;
        // The child was not waited for, so its number is still its own.
        Ok(kill_process(Pid::from_child(child), signal)?)
    }

    /// The end of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        read_tail(&self.options.log).unwrap_or_else(|error| format!("(no log: {error})"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let tail = self.log_tail();
            // Not a macro of the test harness: a server may be dropped by any thread.
            let _ = writeln!(io::stderr(), "the end of the server's log:\n{tail}");
        }
    }
}

fn read_tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(LOG_TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A loopback address that no other test uses: Linux answers on all of 127.0.0.0/8. Elsewhere only the usual one.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST;
    }
    // Process numbers have up to 22 bits and mostly differ in the lower ones; 16 of them and 6 of the counter.
    let number = (std::process::id() & 0xffff) << 6 | NEXT.fetch_add(1, Ordering::Relaxed) & 0x3f;
    let [_, high, middle, low] = (number << 1 | 1).to_be_bytes();
    Ipv4Addr::new(127, high | 0x80, middle, low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_has_an_address_of_its_own() {
        let (one, two) = (own_address(), own_address());
        assert!(one.is_loopback() && two.is_loopback());
        assert!(one != two || !cfg!(target_os = "linux"));
    }

    #[test]
    fn a_program_that_ends_at_once_is_told_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new("sh", folder.path());
        // `sh -c SCRIPT sh serve --data …`: the wrapper stands in for the program.
        options.wrapper = ["sh", "-c", "echo cannot serve >&2; exit 3"].map(OsString::from).to_vec();
        let error = Server::start(options).unwrap_err();
        let Error::Ended { status, log } = error else { panic!("{error}") };
        assert_eq!(status.code(), Some(3));
        assert!(log.ends_with("cannot serve\n"), "{log}");
    }

    #[test]
    fn a_server_is_frozen_thawed_and_stopped_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new("sh", folder.path());
        let script = r#"trap 'exit 0' TERM; echo ready http://127.0.0.1:9; while :; do sleep 0.02; done"#;
        options.wrapper = ["sh", "-c", script].map(OsString::from).to_vec();
        let mut server = Server::start(options).unwrap();
        assert_eq!(server.address().to_string(), "127.0.0.1:9");
        server.freeze().unwrap();
        server.thaw().unwrap();
        assert_eq!(server.terminate().unwrap().code(), Some(0));
        assert_eq!(server.pid(), None);
        server.start_again().unwrap();
        server.kill();
        server.kill();
    }
}
