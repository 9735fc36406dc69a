//! A program that is measured: started in an empty folder, on one core if wanted, with all the open files that there may be and
//! no limits on what one address may do, waited for, and ended.
//!
//! Which program with which words is the business of [`super::peers`] and [`super::cluster`].

use super::http;
use crate::{
    failure::{Failure, Result},
    process::{Workspace, find_program, line_of},
};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A start that takes longer has failed. Over Kafka and Cassandra it makes its topics and reads back what there is.
const READY_MAX: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// No limits on how much one address may do: the load is one address.
const UNLIMITED: [&str; 6] = [
    "USER_MESSAGES_PER_SECOND",
    "CONNECTIONS_PER_ADDRESS",
    "CONNECTIONS",
    "REGISTRATIONS_PER_ADDRESS_PER_HOUR",
    "LOGINS_PER_ADDRESS_PER_MINUTE",
    "REQUESTS_PER_ADDRESS_PER_SECOND",
];

/// What is started.
#[derive(Debug)]
pub(super) struct Program<'a> {
    pub(super) name: &'a str,
    /// The program and its arguments.
    pub(super) words: Vec<String>,
    pub(super) variables: Vec<(String, String)>,
    /// The core that it stays on, if it is to stay on one.
    pub(super) core: Option<usize>,
}

/// When it is there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ready {
    /// Its port takes connections.
    Listens,
    /// It says so at `/readyz`.
    Says,
}

/// A program at work; it ends when this is dropped, and its folder is gone.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
    data: PathBuf,
}

impl Program<'_> {
    /// Starts it and waits until it is ready.
    pub(super) fn start(
        self,
        workspace: &Workspace,
        address: SocketAddr,
        data: PathBuf,
        ready: Ready,
    ) -> Result<Server> {
        let log = data.join("log");
        let log = fs::File::create(&log).map_err(|source| Failure::file(&log, source))?;
        // As many open files as there may be: each viewer is one.
        let mut command = workspace.command("sh");
        command.args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$@\"", "sh"]);
        if let Some(core) = self.core.filter(|_| find_program(&["taskset"]).is_some()) {
            command.args(["taskset", "-c", &core.to_string()]);
        }
        command.args(self.words).stdout(Stdio::null()).stderr(log).envs(self.variables);
        for name in UNLIMITED {
            command.env(format!("TWITCHY_LIMITS__{name}"), "0");
        }
        let line = line_of(&command);
        let child = command.spawn().map_err(|source| Failure::Start { line, source })?;
        let mut server = Server { child, address, data };
        server.wait_until(ready, self.name)?;
        Ok(server)
    }
}

impl Server {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn wait_until(&mut self, ready: Ready, name: &str) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < READY_MAX {
            let is_ready = match ready {
                Ready::Listens => TcpStream::connect(self.address).is_ok(),
                Ready::Says => http::get(self.address, "/readyz").is_ok_and(|answer| answer.status == 200),
            };
            if is_ready {
                return Ok(());
            }
            if let Ok(Some(_)) = self.child.try_wait() {
                break;
            }
            thread::sleep(LOOK_EVERY);
        }
        let log = fs::read_to_string(self.data.join("log")).unwrap_or_default();
        let end: String = log.lines().rev().take(3).collect::<Vec<_>>().join(" / ");
        Err(Failure::Answer { line: name.into(), what: format!("is not ready: {end}") })
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

/// A port that nobody has now. Somebody could take it in between; then the start fails and is told.
pub(super) fn free_address() -> Result<SocketAddr> {
    let told = |source| Failure::Start { line: "a free port".into(), source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(told)?;
    listener.local_addr().map_err(told)
}

/// A folder below `target/bench` with nothing in it.
pub(super) fn empty_folder(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let folder = workspace.path("target/bench").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|source| Failure::file(&folder, source))?;
    Ok(folder)
}
