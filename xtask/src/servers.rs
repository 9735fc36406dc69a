//! The real Kafka and Cassandra of a test run: started once, told to all tests by the environment, ended with the run.
//!
//! How they are fetched and started is the business of `crates/test-servers`, which is a program here. It ends them when
//! its standard input ends, so they do not outlive this process however it ends.

use std::{
    io::{BufRead, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use crate::{
    failure::{Failure, Result},
    note,
    process::{Workspace, check, find_program, line_of},
};

/// What both servers need to run and to be fetched.
const NEEDED: [(&str, &str); 2] = [("java", "openjdk-17-jre-headless"), ("mvn", "maven")];

/// Servers at work; they end when this is dropped.
pub(crate) struct Servers {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
    /// Names and values for the environment of tests.
    pub(crate) variables: Vec<(String, String)>,
}

/// What they are started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Soon there.
    Tests,
    /// With the settings that servers have at work.
    Measuring,
}

/// The program that holds them.
const PROGRAM: &str = "test-servers";

/// Java and Maven, or the line that installs them.
pub(crate) fn provide_tools() -> Result<()> {
    for (program, package) in NEEDED {
        if find_program(&[program]).is_none() {
            let remedy = format!("apt-get install {package} (Java 17 or newer, and Maven)");
            return Err(Failure::Missing { what: program.into(), remedy });
        }
    }
    Ok(())
}

impl Servers {
    pub(crate) fn start(workspace: &Workspace, purpose: Purpose) -> Result<Self> {
        provide_tools()?;
        let cargo = |verb: &str| {
            let mut command = workspace.cargo();
            command.args([verb, "-q", "-p", PROGRAM, "--bin", PROGRAM]);
            command
        };
        check(&mut cargo("build"))?;
        note("starting Kafka and Cassandra (the first time their jars are fetched: some 110 MB)");
        let mut command = cargo("run");
        command.args(["--", "start"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        if purpose == Purpose::Measuring {
            command.arg("--measured");
        }
        let line = line_of(&command);
        let mut child = command.spawn().map_err(|source| Failure::Start { line, source })?;
        let input = child.stdin.take();
        let output = child.stdout.take().map(BufReader::new);
        let mut servers = Self { child, input, output, variables: Vec::new() };
        servers.listen_until("ready")?;
        for (name, value) in &servers.variables {
            note(&format!("{name}={value}"));
        }
        Ok(servers)
    }

    /// What they said under this name.
    pub(crate) fn said(&self, name: &str) -> Result<&str> {
        let said = self.variables.iter().rfind(|(known, _)| known == name);
        let what = || Failure::Answer { line: PROGRAM.into(), what: format!("did not say {name}") };
        said.map(|(_, value)| value.as_str()).ok_or_else(what)
    }

    /// Does something to the broker: `pause`, `resume`, `kill`, `restart`. It is done when this returns.
    pub(crate) fn kafka(&mut self, verb: &str) -> Result<()> {
        let failed = |source| Failure::Start { line: format!("kafka {verb}"), source };
        if let Some(input) = &mut self.input {
            writeln!(input, "kafka {verb}").and_then(|()| input.flush()).map_err(failed)?;
        }
        self.listen_until("done")
    }

    fn listen_until(&mut self, word: &str) -> Result<()> {
        for line in self.output.iter_mut().flat_map(BufRead::lines) {
            let line = line.map_err(|source| Failure::Start { line: PROGRAM.into(), source })?;
            if line == word {
                return Ok(());
            }
            if let Some((name, value)) = line.split_once('=') {
                self.variables.push((name.to_owned(), value.to_owned()));
            }
        }
        Err(Failure::Answer { line: PROGRAM.into(), what: format!("ended before it said `{word}`") })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
