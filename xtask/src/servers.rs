//! The real Kafka and Cassandra of a test run: started once, told to all tests by the environment, ended with the run.
//!
//! How they are fetched and started is the business of `crates/test-servers`, which is a program here. It ends them when
//! its standard input ends, so they do not outlive this process however it ends.

use std::{
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::{
    failure::{Failure, Result},
    note,
    process::{Workspace, check, find_program, line_of},
};

/// The one Java that both run on: Kafka 4 takes no older one, Cassandra 5.0 no newer one.
const JAVA: u32 = 17;
/// What installs both.
const REMEDY: &str = "apt-get install openjdk-17-jre-headless maven";

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

/// Is there the Java that the servers run on, and the Maven that fetches them? To be asked before anything is built.
pub(crate) fn provide_tools() -> Result<()> {
    let lacks = |what: String| Failure::Missing {
        what,
        remedy: format!("{REMEDY} (elsewhere: https://adoptium.net)"),
    };
    let Some(java) = find_program(&["java"]) else {
        return Err(lacks(format!(
            "Java {JAVA}, on which Kafka and Cassandra run, (there is no `java` on the path)"
        )));
    };
    match version_of(&java) {
        Ok((JAVA, _)) => {}
        Ok((_, found)) => {
            return Err(lacks(format!(
                "Java {JAVA}, on which Kafka and Cassandra run, ({} is Java {found}; where several are installed, the \
                 first on the path counts)",
                java.display()
            )));
        }
        Err(what) => return Err(lacks(format!("a Java {JAVA} that runs ({}: {what})", java.display()))),
    }
    if find_program(&["mvn"]).is_none() {
        return Err(lacks(
            "Maven, which fetches Kafka and Cassandra, (there is no `mvn` on the path)".into(),
        ));
    }
    Ok(())
}

/// The first number of a Java's version, and all of it; or what it said instead.
fn version_of(java: &Path) -> std::result::Result<(u32, String), String> {
    let told = Command::new(java).arg("-version").stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&told.stderr);
    let first = || text.lines().next().unwrap_or_default().to_owned();
    if !told.status.success() {
        return Err(format!("`java -version` ends with {}: {}", told.status, first()));
    }
    version_in(&text).ok_or_else(|| format!("`java -version` says {:?}", first()))
}

/// From `openjdk version "17.0.15" 2025-04-15`, on whichever line; up to Java 8 it was called 1.8.
fn version_in(text: &str) -> Option<(u32, String)> {
    let version = text.lines().find(|line| line.contains(" version \""))?.split('"').nth(1)?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let (first, second) = (numbers.next()?.ok()?, numbers.next());
    let number = match (first, second) {
        (1, Some(Ok(second))) => second,
        _ => first,
    };
    Some((number, version.to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_java_says_its_version() {
        for (text, number, version) in [
            ("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment", 17, "17.0.15"),
            ("java version \"1.8.0_391\"\nJava(TM) SE Runtime Environment", 8, "1.8.0_391"),
            ("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"21\" 2023-09-19", 21, "21"),
            ("openjdk version \"25-ea\" 2025-09-16", 25, "25-ea"),
        ] {
            assert_eq!(version_in(text), Some((number, version.to_owned())), "{text}");
        }
        assert_eq!(version_in("no such thing"), None);
    }

    #[test]
    fn what_is_no_java_is_told_and_not_taken_for_one() {
        assert!(version_of(Path::new("/no/such/java")).is_err());
        let told = version_of(Path::new("false")).expect_err("it says nothing");
        assert!(told.contains("java -version"), "{told}");
    }
}
