//! `cargo xtask`: what a developer runs. `run` serves Twitchy, `test` sets up and runs every test, the
//! rest are parts of those two that are useful alone.
//!
//! It is the first thing a newcomer compiles, so it is plain Rust over `std` (and `serde_json`, for what
//! cargo says about the workspace). It knows nothing of the chat itself: it starts other programs, and it
//! depends on no crate of ours, so that a broken crate never breaks the command that says so.
//!
//! Start reading in [`suite`], the list of all steps of `cargo xtask test`.

mod bench;
mod browser;
mod cluster;
mod conformance;
mod failure;
mod gen_types;
mod journey;
mod node;
mod packages;
mod process;
mod run;
mod servers;
mod suite;
mod tidy;
mod tls;
mod web;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use failure::{Failure, Result};
use process::Workspace;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  run [--no-web] [-- ARGS]   Build everything and serve it; ARGS go to `twitchy serve`
                             (--data DIR, --listen ADDR:PORT, …; data in ./data unless told otherwise)
  test [OPTIONS] [STEP] [-- ARGS]
                             Set up all that the tests need, then run them all
       --no-e2e              leave out the journey in a real browser
       --keep-going          run the remaining steps after a failure
       STEP                  only the steps whose name contains this word, and what they need
       ARGS                  go to `cargo test`, for instance the name of one test
  cluster up [--gateways N] [--port P] [-- ARGS]
                             Kafka, Cassandra and N gateways (3, from port 8081 on) on this machine, without Docker
                             (Java 17 and Maven are needed); Ctrl-C ends them; ARGS go to each `twitchy serve`
  gen-types [--check]        Write the web client's types from the protocol crate, or check that they are current
  tidy                       Check the house rules: directions of dependencies, file heads, sizes, imports
  bench [--quick] [--rounds N] [--only NAMES]
                             Twitchy beside other servers under the same load, twenty minutes (--quick: three
                             minutes); NAMES of twitchy,nats,ws,socketio,axum,limit; results in target/bench
  bench mission [--scale S] [--seconds N] [--gateways N]
                             How much of the whole mission this machine carries, and what the rest would take: with
                             one process, or with N gateways over Kafka and Cassandra
  bench targets [--only NAMES]
                             What the server is meant to reach, and whether it does here; a quarter of an hour;
                             NAMES of latency,ack,accept,fan,storm,steady,limit,deflate,idle,joins,stalled,hot
  bench cluster [--quick] [--seconds N]
                             Gateways, a persister, Kafka and Cassandra on this machine: rates, and what each part costs,
                             some ten minutes (--quick: three); Java 17 and Maven are needed
  bench crates               The benchmarks of single crates, one after the other
  help                       Show this
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            failure.exit_code()
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::find();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments),
    };
    match command {
        "run" => run::run(&workspace, &run::Options::parse(rest)?),
        "test" => suite::run(&workspace, &suite::Options::parse(rest)?),
        "cluster" => cluster::command(&workspace, rest),
        "gen-types" => {
            let check = flags(command, rest, &["--check"])?.contains(&"--check");
            let outcome = if check { gen_types::check(&workspace) } else { gen_types::write(&workspace) };
            outcome.map(|()| ExitCode::SUCCESS)
        }
        "tidy" => {
            flags(command, rest, &[])?;
            tidy::run(&workspace).map(|()| ExitCode::SUCCESS)
        }
        "bench" => bench::command(&workspace, rest).map(|()| ExitCode::SUCCESS),
        "help" | "--help" | "-h" => {
            say(HELP);
            Ok(ExitCode::SUCCESS)
        }
        other => Err(Failure::Usage(format!("there is no command `{other}`; see `cargo xtask help`"))),
    }
}

/// The flags of a command that takes nothing else.
fn flags<'a>(command: &str, arguments: &'a [String], known: &[&str]) -> Result<Vec<&'a str>> {
    match arguments.iter().find(|argument| !known.contains(&argument.as_str())) {
        None => Ok(arguments.iter().map(String::as_str).collect()),
        Some(unknown) => {
            Err(Failure::Usage(format!("`{command}` does not take `{unknown}`; see `cargo xtask help`")))
        }
    }
}

/// Writes to standard output, where only results go; progress goes to standard error.
fn say(text: &str) {
    // A reader that went away is no reason to fail: what was asked for has been done.
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// One line of progress.
fn note(text: &str) {
    eprintln!("xtask: {text}");
}
