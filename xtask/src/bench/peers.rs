//! The servers of a comparison: how each is got, and how it is started on one core.
//!
//! What cannot be had is told and left out, never silently. Nothing here is installed for the machine: NATS comes from Go's
//! module proxy into `target/bench`, the Node servers into `load-tests/peers/node_modules`.

use crate::{
    failure::{Failure, Result},
    note,
    process::{Workspace, check, find_program},
};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The version that is asked of Go's module proxy.
const NATS: &str = "github.com/nats-io/nats-server/v2@v2.15.3";
/// A start that takes longer has failed.
const READY_MAX: Duration = Duration::from_secs(30);
/// No limits on how much one address may do: the load is one address.
const UNLIMITED: [&str; 6] = [
    "USER_MESSAGES_PER_SECOND",
    "CONNECTIONS_PER_ADDRESS",
    "CONNECTIONS",
    "REGISTRATIONS_PER_ADDRESS_PER_HOUR",
    "LOGINS_PER_ADDRESS_PER_MINUTE",
    "REQUESTS_PER_ADDRESS_PER_SECOND",
];

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Twitchy,
    Nats,
    Ws,
    SocketIo,
    Axum,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Twitchy, Self::Nats, Self::Ws, Self::SocketIo, Self::Axum];

    /// Also the name of its file in `load-tests/peers`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Twitchy => "twitchy",
            Self::Nats => "nats",
            Self::Ws => "ws",
            Self::SocketIo => "socketio",
            Self::Axum => "axum",
        }
    }

    /// Gets it; the error says why there is none.
    pub(super) fn provide(self, workspace: &Workspace) -> std::result::Result<(), String> {
        let told = |failure: Failure| failure.to_string();
        match self {
            // Built with us.
            Self::Twitchy | Self::Axum => Ok(()),
            Self::Nats => {
                if nats(workspace).is_file() {
                    return Ok(());
                }
                find_program(&["go"]).ok_or("Go is not here (https://go.dev/dl)")?;
                note("fetching and building NATS (some minutes)");
                let bin = workspace.path("target/bench/bin");
                let mut command = workspace.command("go");
                command.args(["install", NATS]).env("GOBIN", bin).env("GOFLAGS", "-mod=mod");
                // Outside of any module; the folder is there as soon as anything was built.
                check(command.current_dir(std::env::temp_dir())).map_err(told)
            }
            Self::Ws | Self::SocketIo => {
                find_program(&["npm"]).ok_or("npm is not here")?;
                let mut command = workspace.command("npm");
                command.args(["ci", "--no-audit", "--no-fund", "--silent"]);
                check(command.current_dir(workspace.path("load-tests/peers"))).map_err(told)
            }
        }
    }
}

fn nats(workspace: &Workspace) -> PathBuf {
    workspace.path("target/bench/bin/nats-server")
}

/// Where and how servers run.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) workspace: &'a Workspace,
    /// The core that the server stays on, if it is to stay on one.
    pub(super) core: Option<usize>,
    /// Twitchy's configuration; without it, the shipped one.
    pub(super) config: Option<&'a str>,
}

/// A server at work; it ends when this is dropped.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
    data: PathBuf,
}

impl Place<'_> {
    /// Starts one, with nothing in its store.
    pub(super) fn start(&self, kind: Kind) -> Result<Server> {
        let address = free_address()?;
        let data = self.workspace.path(format!("target/bench/data-{}-{}", kind.name(), address.port()));
        let file = |source| Failure::file(&data, source);
        let _ = fs::remove_dir_all(&data);
        fs::create_dir_all(&data).map_err(file)?;
        let script = |name: &str| self.workspace.path("load-tests/peers").join(name).display().to_string();
        let port = address.port().to_string();
        let words: Vec<String> = match kind {
            Kind::Twitchy => {
                let program = self.workspace.path("target/release/twitchy").display().to_string();
                let mut words = vec![program, "serve".into(), "--listen".into(), address.to_string()];
                words.extend(["--data".to_owned(), data.join("data").display().to_string()]);
                if let Some(config) = self.config {
                    words.extend(["--config".to_owned(), self.workspace.path(config).display().to_string()]);
                }
                words
            }
            Kind::Axum => vec![
                self.workspace.path("target/release/peer-axum").display().to_string(),
                address.to_string(),
            ],
            Kind::Ws => vec!["node".into(), script("ws.cjs"), port],
            Kind::SocketIo => vec!["node".into(), script("socketio.cjs"), port],
            Kind::Nats => {
                let clients = free_address()?;
                let text = format!(
                    "listen: \"{clients}\"\nmax_connections: 65536\nwrite_deadline: \"30s\"\n\
                     websocket {{ listen: \"{address}\", no_tls: true, compression: false }}\n"
                );
                let config = data.join("nats.conf");
                fs::write(&config, text).map_err(file)?;
                vec![nats(self.workspace).display().to_string(), "-c".into(), config.display().to_string()]
            }
        };
        let log = fs::File::create(data.join("log")).map_err(file)?;
        // As many open files as there may be: each viewer is one.
        let mut command = self.workspace.command("sh");
        command.args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$@\"", "sh"]);
        if let Some(core) = self.core.filter(|_| find_program(&["taskset"]).is_some()) {
            command.args(["taskset", "-c", &core.to_string()]);
        }
        command.args(words).stdout(Stdio::null()).stderr(log);
        for name in UNLIMITED {
            command.env(format!("TWITCHY_LIMITS__{name}"), "0");
        }
        let child = spawn(&mut command)?;
        let mut server = Server { child, address, data };
        server.wait_until_ready(kind)?;
        Ok(server)
    }
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().map_err(|source| Failure::Start { line: crate::process::line_of(command), source })
}

/// A port that nobody has now. Somebody could take it in between; then the start fails and is told.
fn free_address() -> Result<SocketAddr> {
    let told = |source| Failure::Start { line: "a free port".into(), source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(told)?;
    listener.local_addr().map_err(told)
}

impl Server {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_ready(&mut self, kind: Kind) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < READY_MAX {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            if let Ok(Some(_)) = self.child.try_wait() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.data.join("log")).unwrap_or_default();
        let end: String = log.lines().rev().take(3).collect::<Vec<_>>().join(" / ");
        Err(Failure::Answer { line: kind.name().into(), what: format!("does not listen: {end}") })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}
