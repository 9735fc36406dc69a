//! A child process that cannot outlive its parent.
//!
//! A panic, an `exit` or a kill runs no destructor of a static, so the child is watched by a small shell: it holds the
//! reading end of a pipe whose only writer is this process, and when the pipe closes, it ends the child by its id. Both are in
//! a process group of their own: a Ctrl-C at the terminal is for this process, which ends them in its order.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

/// Starts `"$@"`, waits for the end of the pipe or of the child, whichever is first.
const WATCH: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
echo "$child" >"$WATCH_PID"
( read -r _ <&3; kill -"$WATCH_SIGNAL" "$child" ) 2>/dev/null &
watcher=$!
exec 3<&-
wait "$child"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"#;

/// A running child; ends with the value or with the process.
pub struct Watched {
    shell: Child,
    pipe: Option<ChildStdin>,
    /// Written by the shell, beside the log.
    pid: PathBuf,
}

impl Watched {
    /// Starts a program in this folder, its output at the end of `log`. Its end is a kill, as in a crash.
    ///
    /// # Errors
    /// When the log cannot be written or no process started.
    pub fn start(
        program: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        folder: &Path,
        log: &Path,
    ) -> io::Result<Self> {
        Self::start_with(program, args, [], "KILL", folder, log)
    }

    /// Starts a program with these variables; its end is SIGTERM.
    ///
    /// # Errors
    /// When the log cannot be written or no process started.
    pub fn start_gently(
        program: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        variables: impl IntoIterator<Item = (String, String)>,
        folder: &Path,
        log: &Path,
    ) -> io::Result<Self> {
        Self::start_with(program, args, variables, "TERM", folder, log)
    }

    fn start_with(
        program: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        variables: impl IntoIterator<Item = (String, String)>,
        signal: &str,
        folder: &Path,
        log: &Path,
    ) -> io::Result<Self> {
        let pid = log.with_extension("pid");
        let out = File::options().create(true).append(true).open(log)?;
        let mut shell = Command::new("sh")
            .args(["-c", WATCH, "watch", program])
            .args(args)
            .envs(variables)
            .env("WATCH_SIGNAL", signal)
            .env("WATCH_PID", &pid)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stderr(out.try_clone()?)
            .stdout(out)
            .process_group(0)
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe, pid })
    }

    /// Has it ended by itself?
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn ended(&mut self) -> io::Result<bool> {
        Ok(self.shell.try_wait()?.is_some())
    }

    /// Tells it to end, and does not wait for that: dropping it does.
    pub fn let_go(&mut self) {
        drop(self.pipe.take());
    }

    /// The process id of the child, which is not that of the shell.
    ///
    /// # Errors
    /// When the shell has not written it yet.
    pub fn pid(&self) -> io::Result<u32> {
        let pid = fs::read_to_string(&self.pid)?;
        pid.trim().parse().map_err(|_| io::Error::other(format!("{pid:?} is no process id")))
    }

    /// Sends the child a signal by its name without `SIG`, as `kill` takes it.
    ///
    /// # Errors
    /// When it runs no more.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        let pid = self.pid()?.to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status()?;
        if sent.success() { Ok(()) } else { Err(io::Error::other(format!("kill -{name} {pid}"))) }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.let_go();
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group_of(pid: u32) -> String {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        // Behind the name, which may hold anything: state, parent, group.
        let rest = stat.rsplit(')').next().expect("there is something");
        rest.split_whitespace().nth(2).expect("a group").to_owned()
    }

    #[test]
    fn a_child_is_out_of_reach_of_the_terminal_and_ends_when_it_is_let_go() {
        let folder =
            crate::maven::run_folder(&crate::maven::root()).expect("the target folder can be written");
        let mut child = Watched::start("sleep", ["1000"], &folder, &folder.join("log")).expect("it starts");
        let pid = loop {
            match child.pid() {
                Ok(pid) => break pid,
                Err(_) => std::thread::yield_now(),
            }
        };
        assert_ne!(group_of(pid), group_of(std::process::id()));
        child.let_go();
        drop(child);
        let runs = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        assert!(!runs, "it is waited for");
    }
}
