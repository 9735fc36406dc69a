//! `cargo xtask bench`: Twitchy beside other servers, on the same machine, in the same run, under the same load.
//!
//! `bench crates` runs the benchmarks of single crates, `bench mission` looks how far one machine carries the whole, `bench
//! targets` whether it reaches what it is meant to, `bench cluster` what each part of a cluster costs. The load comes from
//! `load-tests`, whose reports are read here ([`play`]); how a server is started is in [`server`], and which servers there
//! are to compare with in [`peers`]. Start with [`command`].

mod cluster;
mod compare;
mod http;
mod mission;
mod peers;
mod play;
mod server;
mod targets;

use crate::{
    failure::{Failure, Result},
    note,
    process::{Workspace, check},
    say,
};
use std::fs;

/// Where they have a core of their own each.
const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;

/// Crates with benchmarks of their own, one after the other so that none disturbs another.
const CRATES: [&str; 3] = ["transformer-styles", "event-log", "chat-store"];

/// What was asked for.
#[derive(Debug, PartialEq)]
enum What {
    Cluster(cluster::Options),
    Compare(compare::Options),
    Crates,
    Mission(mission::Options),
    Targets(targets::Options),
}

fn parse(arguments: &[String]) -> Result<What> {
    match arguments.split_first() {
        Some((word, rest)) if word == "crates" => match rest.first() {
            None => Ok(What::Crates),
            Some(other) => Err(Failure::Usage(format!("`bench crates` does not take `{other}`"))),
        },
        Some((word, rest)) if word == "cluster" => Ok(What::Cluster(cluster::Options::parse(rest)?)),
        Some((word, rest)) if word == "mission" => Ok(What::Mission(mission::Options::parse(rest)?)),
        Some((word, rest)) if word == "targets" => Ok(What::Targets(targets::Options::parse(rest)?)),
        _ => Ok(What::Compare(compare::Options::parse(arguments)?)),
    }
}

pub(crate) fn command(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    match parse(arguments)? {
        What::Cluster(options) => cluster::run(workspace, &options),
        What::Compare(options) => compare::run(workspace, &options),
        What::Mission(options) => mission::run(workspace, &options),
        What::Targets(options) => targets::run(workspace, &options),
        What::Crates => {
            for name in CRATES {
                note(&format!("benchmarks of {name}"));
                check(workspace.cargo().args(["bench", "-p", name]))?;
            }
            Ok(())
        }
    }
}

/// Which engines the server is built with. Those of a cluster take minutes to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engines {
    Embedded,
    All,
}

/// Builds what is measured and what measures, all at once, so that nothing is compiled twice.
fn build(workspace: &Workspace, engines: Engines) -> Result<()> {
    note("building the server and the generator (the first time takes some minutes)");
    let mut command = workspace.cargo();
    command.args(["build", "--release", "-p", "server", "-p", "load-tests"]);
    command.args(["--bin", "twitchy", "--bin", "twitchy-load"]);
    if engines == Engines::Embedded {
        command.args(["--no-default-features", "-p", "peer-axum", "--bin", "peer-axum"]);
        command.args(["-p", "peer-limit", "--bin", "peer-limit"]);
    }
    check(&mut command)
}

/// Keeps what was found below `target/bench`, and says it.
fn publish(workspace: &Workspace, name: &str, text: &str) -> Result<()> {
    let path = keep(workspace, name, text)?;
    say(text);
    note(&format!("kept in {path}"));
    Ok(())
}

/// Writes a file below `target/bench`; its path.
fn keep(workspace: &Workspace, name: &str, text: &str) -> Result<String> {
    let folder = workspace.path("target/bench");
    let path = folder.join(name);
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, text))
        .map_err(|source| Failure::file(&path, source))?;
    Ok(path.display().to_string())
}

/// The value behind a flag, as a number.
fn number<T: std::str::FromStr>(flag: &str, value: Option<&String>) -> Result<T> {
    let bad = || Failure::Usage(format!("`{flag}` takes a number; see `cargo xtask help`"));
    value.and_then(|value| value.parse().ok()).ok_or_else(bad)
}

fn unknown(flag: &str) -> Failure {
    Failure::Usage(format!("`bench` does not take `{flag}`; see `cargo xtask help`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<What> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_comparison_is_what_is_meant_without_a_word() {
        assert_eq!(parsed("").expect("valid"), What::Compare(compare::Options::default()));
        let What::Compare(options) = parsed("--quick --rounds 2 --only twitchy,nats").expect("valid") else {
            panic!("a comparison");
        };
        assert_eq!((options.quick, options.rounds), (true, Some(2)));
        assert_eq!(options.only, ["twitchy", "nats"]);
    }

    #[test]
    fn the_cluster_the_mission_and_the_crates_have_words_of_their_own() {
        let wanted = cluster::Options { quick: true, seconds: Some(10) };
        assert_eq!(parsed("cluster --quick --seconds 10").expect("valid"), What::Cluster(wanted));
        assert_eq!(parsed("crates").expect("valid"), What::Crates);
        let What::Mission(options) = parsed("mission --scale 0.1 --seconds 30").expect("valid") else {
            panic!("the mission");
        };
        assert!((options.scale - 0.1).abs() < 1e-9 && options.seconds == 30);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for line in [
            "--slow",
            "--rounds",
            "--rounds x",
            "--rounds 0",
            "crates --quick",
            "mission --scale 0",
            "mission --gateways 1",
            "mission --gateways 11",
            "cluster --seconds 9",
            "cluster up",
            "--only ,",
            "--only novell",
        ] {
            assert!(matches!(parsed(line), Err(Failure::Usage(_))), "{line}");
        }
    }
}
