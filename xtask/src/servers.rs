//! The real Kafka and Cassandra of a test run: started once, told to all tests by the environment, ended with the run.
//!
//! How they are fetched and started is the business of `crates/test-servers`, which is a program here. It ends them when
//! its standard input ends, so they do not outlive this process however it ends.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdin, Stdio},
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
    /// Names and values for the environment of tests.
    pub(crate) variables: Vec<(String, String)>,
}

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
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        provide_tools()?;
        let cargo = |verb: &str| {
            let mut command = workspace.cargo();
            command.args([verb, "-q", "-p", "test-servers", "--bin", "test-servers"]);
            command
        };
        check(&mut cargo("build"))?;
        note("starting Kafka and Cassandra (the first time their jars are fetched: some 110 MB)");
        let mut command = cargo("run");
        command.args(["--", "start"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let failed = |line: String| move |source| Failure::Start { line, source };
        let mut child = command.spawn().map_err(failed(line_of(&command)))?;
        let input = child.stdin.take();
        let output = child.stdout.take();
        let mut servers = Self { child, input, variables: Vec::new() };
        for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
            let line = line.map_err(failed(line_of(&command)))?;
            if line == "ready" {
                for (name, value) in &servers.variables {
                    note(&format!("{name}={value}"));
                }
                return Ok(servers);
            }
            if let Some((name, value)) = line.split_once('=') {
                servers.variables.push((name.to_owned(), value.to_owned()));
            }
        }
        Err(Failure::Answer { line: line_of(&command), what: "ended before the servers were ready".into() })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
