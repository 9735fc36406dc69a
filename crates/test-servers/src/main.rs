//! The real servers as a program: for `cargo xtask test`, which starts them once for all tests, and for
//! `cargo xtask cluster up`, which runs Twitchy over them.
//!
//! It knows no test and no protocol of the servers. Start with [`main`].

use std::{
    env,
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
    thread,
};
use test_servers::{cassandra, cluster, kafka};

const HELP: &str = "\
Usage: test-servers start [--measured]
           Starts Kafka and Cassandra, says where they are as NAME=VALUE, a line each, then `ready`,
           and ends them when its standard input ends. --measured: with the settings that a broker has at work.
           `kafka VERB` as a line of its input, VERB of pause, resume, kill and restart, is done to the broker and
           answered by `done`, behind NAME=VALUE for what is new.
       test-servers cluster [--twitchy PROGRAM] [--gateways N] [--port P] [-- ARGS]
           Starts them and N gateways (3) on ports from P (8081) over them; ARGS go to each `twitchy serve`.
           PROGRAM is the `twitchy` beside this program unless another is named.
           Ctrl-C ends everything in order, and what was said is gone; a second one ends it at once.
";

/// As shells tell of a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((command, [])) if command == "start" => start(kafka::Broker::start),
        Some((command, [how])) if command == "start" && how == "--measured" => {
            start(kafka::Broker::start_measured)
        }
        Some((command, rest)) if command == "cluster" => match cluster::Options::parse(rest) {
            Ok(options) => match cluster::up(options) {
                Ok(cluster::End::Asked) => Ok(()),
                Ok(cluster::End::AtOnce) => return ExitCode::from(INTERRUPTED),
                Err(error) => Err(error),
            },
            Err(wrong) => {
                let _ = write!(io::stderr(), "test-servers: {wrong}\n{HELP}");
                return ExitCode::from(64);
            }
        },
        _ => {
            let _ = io::stderr().write_all(HELP.as_bytes());
            return ExitCode::from(64);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "test-servers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(kafka: fn() -> io::Result<kafka::Broker>) -> io::Result<()> {
    let broker = thread::spawn(kafka);
    let node = cassandra::Node::start()?;
    let mut broker = broker.join().map_err(|_| io::Error::other("starting Kafka failed"))??;
    let mut out = io::stdout().lock();
    writeln!(out, "{}={}", kafka::ADDRESS_VARIABLE, broker.address())?;
    writeln!(out, "{}_FOLDER={}", kafka::ADDRESS_VARIABLE, broker.folder().display())?;
    writeln!(out, "{}_PID={}", kafka::ADDRESS_VARIABLE, broker.pid()?)?;
    writeln!(out, "{}={}", cassandra::ADDRESS_VARIABLE, node.address())?;
    writeln!(out, "{}_PID={}", cassandra::ADDRESS_VARIABLE, node.pid()?)?;
    writeln!(out, "ready")?;
    out.flush()?;
    // Whoever started this holds the other end.
    for line in io::stdin().lock().lines() {
        match line?.as_str() {
            "kafka pause" => broker.pause()?,
            "kafka resume" => broker.resume()?,
            "kafka kill" => broker.kill(),
            "kafka restart" => {
                broker.restart()?;
                writeln!(out, "{}_PID={}", kafka::ADDRESS_VARIABLE, broker.pid()?)?;
            }
            other => return Err(io::Error::other(format!("{other:?} is not known"))),
        }
        writeln!(out, "done")?;
        out.flush()?;
    }
    Ok(())
}
