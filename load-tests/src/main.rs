//! `twitchy-load`: plays a scenario against a running server, checks what its viewers see, and tells what it cost whom.
//!
//! An open loop: a message is due at its time whatever became of the ones before, and every latency counts from when it
//! was due, so a server that stalls is charged for all that had to wait. Viewers cost some hundred bytes each and judge
//! order, loss and doubles. Start with [`run::Run::play`]; each process's loop is [`engine::Engine::turn`].

mod cost;
mod dialect;
mod engine;
mod inflate;
mod judge;
mod machine;
mod net;
mod plan;
mod plot;
mod report;
mod run;
mod scenario;
mod stamp;
mod worker;
mod ws;

use clap::{Args, Parser, Subcommand};
use cost::Watched;
use dialect::{Dialect, Peer};
use machine::Machine;
use report::{About, Report};
use run::Run;
use scenario::{Scenario, Stage};
use std::{
    env,
    io::{self, Write as _},
    net::{SocketAddr, SocketAddrV4},
    path::PathBuf,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

/// Load on a chat server, and what comes of it.
#[derive(Debug, Parser)]
#[command(name = "twitchy-load", version)]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Plays a scenario.
    ///
    /// The server has to allow it: TWITCHY_LIMITS__USER_MESSAGES_PER_SECOND=0, and the same for registrations, log-ins,
    /// requests and connections of one address, and connections. Only loopback addresses are loaded.
    Run(Box<Play>),
    /// One process of a run; it is started by `run`.
    #[command(hide = true)]
    Worker,
}

#[derive(Debug, Args)]
struct Play {
    /// A scenario, as load-tests/scenarios/peak.toml.
    scenario: PathBuf,
    /// Gateways, as http://ADDR:PORT; viewers are spread over all of them.
    #[arg(required = true)]
    urls: Vec<String>,
    /// Gateways that are written to, with commas between; without it, all.
    #[arg(long, value_delimiter = ',')]
    write: Vec<String>,
    /// So many times the viewers, writers and messages.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Stop after so many seconds.
    #[arg(long)]
    seconds: Option<f64>,
    /// Processes whose processor time and memory are told, as NAME=PID, with commas between.
    #[arg(long, value_delimiter = ',')]
    pids: Vec<String>,
    /// Where the persisters' lag and the reads of the store are read, as http://ADDR:PORT of a gateway (its /metrics).
    #[arg(long)]
    lag: Option<String>,
    /// A folder for the report.
    #[arg(long)]
    out: Option<PathBuf>,
    /// A file that says how a server other than Twitchy is spoken to.
    #[arg(long)]
    peer: Option<PathBuf>,
    /// The core that all processes of this program stay on.
    #[arg(long)]
    core: Option<usize>,
    /// Processes for viewers at least.
    #[arg(long, default_value_t = 1)]
    processes: usize,
    /// How long connecting may take, in seconds.
    #[arg(long, default_value_t = 120.0)]
    connect_seconds: f64,
    /// Nothing is told while it runs.
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let told = match &arguments.command {
        What::Worker => return worker::work(),
        What::Run(play) => run(play),
    };
    match told {
        Ok(report) => {
            let _ = io::stdout().write_all(report.summary().as_bytes());
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(words) => {
            let _ = writeln!(io::stderr(), "twitchy-load: {words}");
            ExitCode::FAILURE
        }
    }
}

fn run(play: &Play) -> Result<Report, String> {
    if !(play.scale.is_finite() && play.scale > 0.0) || play.seconds.is_some_and(|s| s.is_nan() || s < 1.0) {
        return Err("--scale has to be above 0, --seconds at least 1".to_owned());
    }
    let mut scenario = Scenario::read(&play.scenario)?.scaled(play.scale);
    if let Some(seconds) = play.seconds {
        scenario = scenario.shortened(seconds);
    }
    if scenario.under_way.is_some() && play.processes > 1 {
        return Err("a closed loop has one process".to_owned());
    }
    let read_at = addresses(&play.urls)?;
    let write_at = if play.write.is_empty() { read_at.clone() } else { addresses(&play.write)? };
    let dialect = match &play.peer {
        Some(path) => Dialect::Peer(Box::new(Peer::read(path)?)),
        None => Dialect::Twitchy,
    };
    let name = play.scenario.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let watched = Watched::all(&play.pids)?;
    let about = About {
        scenario: match &dialect {
            Dialect::Twitchy => name,
            Dialect::Peer(peer) => format!("{name} ({})", peer.name),
        },
        about: scenario.about.clone(),
        scale: play.scale,
        command: format!("twitchy-load {}", env::args().skip(1).collect::<Vec<_>>().join(" ")),
        warm_seconds: scenario.warm_seconds,
        watched: watched.iter().map(|watched| watched.name.clone()).collect(),
        machine: Machine::this(),
    };
    let run = Run {
        stage: Stage {
            dialect,
            read_at,
            write_at,
            core: play.core,
            run: format!(
                "{:x}",
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis())
            ),
            processes: play.processes,
            connect_seconds_max: play.connect_seconds.clamp(1.0, 3600.0),
        },
        lag: play.lag.as_deref().map(client::address).transpose()?,
        progress: !play.quiet,
        scenario,
        watched,
    };
    let report = Report::new(about, &run.play()?);
    if let Some(folder) = &play.out {
        report.write(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(report)
}

/// Of loopback alone: nobody else's server is loaded by mistake.
fn addresses(urls: &[String]) -> Result<Vec<SocketAddrV4>, String> {
    urls.iter()
        .map(|url| match client::address(url)? {
            SocketAddr::V4(address) if address.ip().is_loopback() => Ok(address),
            other => {
                Err(format!("{other} is not of this machine's loopback (IPv4), and nothing else is loaded"))
            }
        })
        .collect()
}
