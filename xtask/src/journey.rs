//! The journey in a real browser: the built server as a child process, `web/e2e/journey.mjs` against it, and a
//! stop that has to be clean.
//!
//! It does not know what the journey does, only that it takes an address and ends with zero when all went well.
//! The server is ended on every path, also when this process is killed: see [`GUARD`].

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;

use crate::{
    failure::{Failure, Result},
    note,
    process::{Workspace, line_of, read},
};

const JOURNEY: &str = "web/e2e/journey.mjs";
/// This one starts servers of its own, as it ends them in between.
const MODERATION: &str = "web/e2e/civil.mjs";

/// A start opens an empty data folder; a busy machine may take some seconds for it.
const READY_TIME_MAX: Duration = Duration::from_secs(60);

/// Far above what a journey takes, and far below the limit of a CI run.
const JOURNEY_TIME_MAX: Duration = Duration::from_secs(600);

const POLL_EVERY: Duration = Duration::from_millis(50);

/// Runs the command of its arguments until its standard input ends, then sends it SIGTERM (and SIGKILL half a minute
/// later), and ends with its exit status. The other end of that input is held by this process, and the kernel
/// closes it however this process ends: no server outlives the run that started it.
const GUARD: &str = r#"
trap : INT TERM HUP
"$@" </dev/null &
server=$!
exec >/dev/null
read -r _
kill -TERM "$server" 2>/dev/null
(sleep 30; kill -KILL "$server") </dev/null 2>/dev/null &
watchdog=$!
wait "$server"
status=$?
kill "$watchdog" 2>/dev/null
exit "$status"
"#;

pub(crate) fn run(workspace: &Workspace, browser: &Path) -> Result<()> {
    let journey = workspace.path(JOURNEY);
    if !journey.is_file() {
        return Err(Failure::Repository(format!("{JOURNEY} is not there")));
    }
    let binary = server_binary(workspace)?;
    let data = DataFolder::create()?;
    let mut serve = Command::new(&binary);
    serve
        .current_dir(workspace.root())
        .arg("serve")
        .arg("--data")
        .arg(&data.path)
        .args(["--listen", "127.0.0.1:0"]);
    let mut server = Server::start(&serve)?;
    let travelled = server.wait_until_ready(READY_TIME_MAX).and_then(|address| {
        note(&format!("the server is ready at {address}; starting the journey"));
        travel(
            workspace.command("node").arg(&journey).arg(&address).env("CHROME_PATH", browser),
            JOURNEY_TIME_MAX,
        )
    });
    let stopped = server.stop();
    if travelled.is_err()
        && let Err(failure) = &stopped
    {
        note(&failure.to_string());
    }
    travelled.and(stopped)
}

/// A moderator at work, in real browsers.
pub(crate) fn moderation(workspace: &Workspace, browser: &Path) -> Result<()> {
    let script = workspace.path(MODERATION);
    if !script.is_file() {
        return Err(Failure::Repository(format!("{MODERATION} is not there")));
    }
    let binary = server_binary(workspace)?;
    travel(workspace.command("node").arg(&script).arg(&binary).env("CHROME_PATH", browser), JOURNEY_TIME_MAX)
}

/// The server as `cargo test --workspace` has just built it for its own tests: the same command line, so that
/// nothing is built a second time with other features.
pub(crate) fn server_binary(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = workspace.cargo();
    command.args(["test", "--workspace", "--no-run", "--message-format", "json-render-diagnostics"]);
    let messages = read(&mut command)?;
    executable_in(&messages, "twitchy")
        .ok_or_else(|| Failure::Answer { line: line_of(&command), what: "built no binary `twitchy`".into() })
}

/// Where cargo's messages say that it put the binary of this name (not the test harness of the same name).
fn executable_in(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        let is_binary = message["reason"] == "compiler-artifact"
            && message["target"]["name"] == name
            && message["target"]["kind"][0] == "bin"
            && message["profile"]["test"] == false;
        message["executable"].as_str().filter(|_| is_binary).map(PathBuf::from)
    })
}

/// Runs the journey to its end, or ends it.
fn travel(command: &mut Command, time_max: Duration) -> Result<()> {
    let failed_to_start = |line, source| Failure::Start { line, source };
    command.stdout(Stdio::from(io::stderr()));
    let mut child = command.spawn().map_err(|source| failed_to_start(line_of(command), source))?;
    let deadline = Instant::now() + time_max;
    loop {
        match child.try_wait().map_err(|source| failed_to_start(line_of(command), source))? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(Failure::Command { line: line_of(command), status }),
            None if Instant::now() < deadline => thread::sleep(POLL_EVERY),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                let what = format!("did not end within {} s", time_max.as_secs());
                return Err(Failure::Answer { line: line_of(command), what });
            }
        }
    }
}

/// A server in the care of [`GUARD`].
pub(crate) struct Server {
    line: String,
    guard: Child,
    /// Held open as long as the server is to run.
    leash: Option<ChildStdin>,
    output: Receiver<String>,
}

impl Server {
    pub(crate) fn start(serve: &Command) -> Result<Self> {
        let line = line_of(serve);
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "sh"]).arg(serve.get_program()).args(serve.get_args());
        if let Some(folder) = serve.get_current_dir() {
            command.current_dir(folder);
        }
        let mut guard = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Failure::Start { line: line.clone(), source })?;
        let leash = guard.stdin.take();
        let stdout = guard.stdout.take().expect("piped above");
        let (send, output) = mpsc::channel();
        // Ends with the server's output.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(io::Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { line, guard, leash, output })
    }

    /// The address of the line `ready http://ADDR:PORT`, which has to be the first.
    pub(crate) fn wait_until_ready(&self, time_max: Duration) -> Result<String> {
        let answer = |what: String| Failure::Answer { line: self.line.clone(), what };
        match self.output.recv_timeout(time_max) {
            Ok(first) => {
                match first.strip_prefix("ready ").filter(|address| address.starts_with("http://")) {
                    Some(address) => Ok(address.to_owned()),
                    None => Err(answer(format!("printed `{first}` in place of `ready http://…`"))),
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(answer(format!("not ready within {} s", time_max.as_secs())))
            }
            Err(RecvTimeoutError::Disconnected) => Err(answer("ended before it was ready".into())),
        }
    }

    /// SIGTERM, and zero as the answer.
    fn stop(&mut self) -> Result<()> {
        let status = self.end().map_err(|source| Failure::Start { line: self.line.clone(), source })?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::Answer {
                line: self.line.clone(),
                what: format!("did not stop cleanly on SIGTERM: {status}"),
            })
        }
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        self.leash = None;
        self.guard.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Waits at most the half minute that the guard gives; after a `stop` it answers at once.
        let _ = self.end();
    }
}

/// An empty data folder of our own, taken away at the end.
struct DataFolder {
    path: PathBuf,
}

impl DataFolder {
    fn create() -> Result<Self> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let name = format!("twitchy-journey-{}-{}", std::process::id(), since.as_millis());
        let path = std::env::temp_dir().join(name);
        // Not `create_dir_all`: a folder that is there already is not ours to take away.
        fs::create_dir(&path).map_err(|error| Failure::file(&path, error))?;
        Ok(Self { path })
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn start(script: &str) -> Server {
        Server::start(&sh(script)).expect("sh is there")
    }

    const WAIT_MAX: Duration = Duration::from_secs(30);

    #[test]
    fn a_server_that_stops_on_sigterm_passes() {
        let mut server =
            start("trap 'exit 0' TERM; echo ready http://127.0.0.1:4; while :; do sleep 0.05; done");
        assert_eq!(server.wait_until_ready(WAIT_MAX).expect("ready"), "http://127.0.0.1:4");
        server.stop().expect("clean stop");
    }

    #[test]
    fn a_server_that_stops_with_an_error_fails() {
        let mut server =
            start("trap 'exit 3' TERM; echo ready http://127.0.0.1:4; while :; do sleep 0.05; done");
        server.wait_until_ready(WAIT_MAX).expect("ready");
        let failure = server.stop().expect_err("exit code 3").to_string();
        assert!(failure.contains("did not stop cleanly") && failure.contains('3'), "{failure}");
    }

    #[test]
    fn a_server_that_ends_too_early_or_says_something_else_is_told() {
        let early = start("exit 74").wait_until_ready(WAIT_MAX).expect_err("no line").to_string();
        assert!(early.contains("ended before it was ready"), "{early}");
        let other =
            start("echo hello; exec sleep 60").wait_until_ready(WAIT_MAX).expect_err("wrong").to_string();
        assert!(other.contains("`hello`"), "{other}");
    }

    #[test]
    fn a_failed_journey_is_an_error_and_a_long_one_is_ended() {
        travel(&mut sh("exit 0"), WAIT_MAX).expect("passes");
        let failed = travel(&mut sh("exit 1"), WAIT_MAX).expect_err("exit code 1").to_string();
        assert!(failed.contains("failed"), "{failed}");
        let long = travel(&mut sh("exec sleep 600"), Duration::ZERO).expect_err("too long").to_string();
        assert!(long.contains("did not end within"), "{long}");
    }

    #[test]
    fn the_binary_is_found_among_cargos_messages() {
        let messages = r#"
            {"reason":"compiler-artifact","target":{"name":"server","kind":["lib"]},"profile":{"test":false},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"twitchy","kind":["bin"]},"profile":{"test":true},"executable":"deps/twitchy-1"}
            no json at all
            {"reason":"compiler-artifact","target":{"name":"twitchy","kind":["bin"]},"profile":{"test":false},"executable":"debug/twitchy"}
            {"reason":"build-finished","success":true}
        "#;
        assert_eq!(executable_in(messages, "twitchy"), Some(PathBuf::from("debug/twitchy")));
        assert_eq!(executable_in(messages, "other"), None);
    }
}
