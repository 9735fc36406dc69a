//! `twitchy-load`: writes at a given rate, reads at other gateways, and tells what came of it and what it cost.
//!
//! An open loop: a message is due at its time whatever became of the ones before, and every latency counts from when it
//! was due, so a server that stalls is charged for all that had to wait. It judges no order and no loss (that is what
//! `twitchy-check` is for), only that each viewer got as many as were accepted. Start with [`main`].

mod cost;
mod viewer;
mod writer;

use clap::Parser;
use client::Rest;
use cost::{Cpu, Watched};
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use std::{
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::watch, task::JoinSet, time::Instant};

/// How long viewers may take to get what was accepted, after the last message.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// Longer latencies are told as this long.
const LATENCY_MAX: Duration = Duration::from_secs(600);

/// Writes at a rate and reads elsewhere; prints rates, latencies and CPU-seconds per million messages.
///
/// The server has to allow it: TWITCHY_LIMITS__USER_MESSAGES_PER_SECOND=0, and the same for registrations, log-ins,
/// requests and connections of one address.
#[derive(Debug, Parser)]
#[command(name = "twitchy-load", version)]
struct Arguments {
    /// Gateways that are written to, as http://ADDR:PORT, with commas between.
    #[arg(long, value_delimiter = ',', required = true)]
    write: Vec<String>,
    /// Gateways that viewers are at; without it, the same.
    #[arg(long, value_delimiter = ',')]
    read: Vec<String>,
    /// Slugs of the rooms; without it, all that the server has.
    #[arg(long, value_delimiter = ',')]
    rooms: Vec<String>,
    /// Messages a second, all writers together.
    #[arg(long, default_value_t = 139.0)]
    rate: f64,
    /// How long to write, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Connections that write, each a user of its own.
    #[arg(long, default_value_t = 16)]
    writers: usize,
    /// Connections that read all rooms.
    #[arg(long, default_value_t = 1)]
    viewers: usize,
    /// Processes whose CPU time is told, as NAME=PID, with commas between.
    #[arg(long, value_delimiter = ',')]
    pids: Vec<String>,
    /// Where the persisters' lag is read, as http://ADDR:PORT of a gateway (its /metrics).
    #[arg(long)]
    lag: Option<String>,
}

/// What all writers and viewers share.
struct Shared {
    /// Messages are due from here on.
    begin: Instant,
    end: Instant,
    /// No other run's nonces are like this one's: a server knows them for ten minutes.
    run: u128,
    acks: Mutex<Latencies>,
    shown: Mutex<Latencies>,
    counts: Mutex<Counts>,
}

/// In microseconds.
struct Latencies(Histogram<u64>);

impl Latencies {
    fn new() -> Mutex<Self> {
        let most = u64::try_from(LATENCY_MAX.as_micros()).unwrap_or(u64::MAX);
        Mutex::new(Self(Histogram::new_with_max(most, 3).expect("three digits are allowed")))
    }

    fn note(&mut self, us: u64) {
        // What is beyond the bound counts as the bound.
        self.0.saturating_record(us);
    }
}

#[derive(Clone, Debug, Default)]
struct Counts {
    offered: u64,
    accepted: u64,
    refused: u64,
    unknown: u64,
    /// By all viewers together.
    shown: u64,
    gaps: u64,
}

impl Shared {
    /// Microseconds from when it was due until now.
    fn late(&self, due_us: u64) -> u64 {
        let now = u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        now.saturating_sub(due_us)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(told) => {
            let _ = io::stdout().write_all(told.as_bytes());
            ExitCode::SUCCESS
        }
        Err(words) => {
            let _ = writeln!(io::stderr(), "twitchy-load: {words}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<String, String> {
    if !(arguments.rate.is_finite() && arguments.rate > 0.0) || arguments.writers == 0 {
        return Err("--rate and --writers have to be above 0".to_owned());
    }
    let write = addresses(&arguments.write)?;
    let read = if arguments.read.is_empty() { write.clone() } else { addresses(&arguments.read)? };
    let watched = Watched::all(&arguments.pids)?;
    let lag = arguments.lag.as_deref().map(client::address).transpose()?;
    let rooms = match arguments.rooms.as_slice() {
        [] => {
            let all = Rest::new(write[0]).rooms().await.map_err(|e| format!("{}: {e}", write[0]))?;
            all.into_iter().map(|room| room.slug).collect()
        }
        rooms => rooms.to_vec(),
    };
    let mut writers = Vec::new();
    for number in 0..arguments.writers {
        writers.push(writer::Writer::enter(write[number % write.len()], number, &rooms).await?);
    }
    let mut viewers = Vec::new();
    for number in 0..arguments.viewers {
        viewers.push(viewer::Viewer::enter(read[number % read.len()], &rooms).await?);
    }
    // Everybody is there; a moment for the tasks to start.
    let begin = Instant::now() + Duration::from_millis(100);
    let shared = Arc::new(Shared {
        begin,
        end: begin + Duration::from_secs(arguments.seconds),
        run: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis()),
        acks: Latencies::new(),
        shown: Latencies::new(),
        counts: Mutex::default(),
    });
    let (done, written) = watch::channel(None);
    let (mut writing, mut viewing) = (JoinSet::new(), JoinSet::new());
    #[allow(clippy::cast_precision_loss)] // a number of connections
    let every = Duration::from_secs_f64(arguments.writers as f64 / arguments.rate);
    for (number, writer) in (0_u32..).zip(writers) {
        let offset =
            every.mul_f64(f64::from(number) / f64::from(u32::try_from(arguments.writers).unwrap_or(1)));
        writing.spawn(writer.run(shared.clone(), offset, every));
    }
    for viewer in viewers {
        viewing.spawn(viewer.run(shared.clone(), written.clone()));
    }
    let before: Vec<Cpu> = watched.iter().map(Watched::cpu).collect();
    let mut lags = Vec::new();
    let mut ticks = tokio::time::interval_at(begin + Duration::from_secs(1), Duration::from_secs(1));
    while Instant::now() < shared.end {
        ticks.tick().await;
        let counts = shared.counts.lock().clone();
        let behind = match lag {
            Some(address) => cost::lag(address).await,
            None => None,
        };
        lags.extend(behind);
        let _ =
            write!(io::stderr(), "\r{} accepted, {} shown, lag {behind:?}   ", counts.accepted, counts.shown);
    }
    while writing.join_next().await.is_some() {}
    let took = begin.elapsed();
    let accepted = shared.counts.lock().accepted;
    done.send_replace(Some(accepted));
    let _ = tokio::time::timeout(DRAIN_MAX, async { while viewing.join_next().await.is_some() {} }).await;
    let drained = Instant::now();
    if let Some(address) = lag {
        while cost::lag(address).await.is_some_and(|behind| behind > 0) && drained.elapsed() < DRAIN_MAX {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let caught_up = drained.elapsed();
    let _ = writeln!(io::stderr());
    let costs = watched.iter().zip(before).map(|(watched, before)| (watched, watched.cpu().since(before)));
    Ok(told(&shared, arguments, took, &lags, caught_up, costs.collect()))
}

#[allow(clippy::cast_precision_loss)] // counts of a run of minutes
fn told(
    shared: &Shared,
    arguments: &Arguments,
    took: Duration,
    lags: &[u64],
    caught_up: Duration,
    costs: Vec<(&Watched, f64)>,
) -> String {
    let counts = shared.counts.lock().clone();
    let mut text = format!(
        "offered {:.0}/s for {} s: {} messages, {} accepted ({:.0}/s), {} refused, {} without an answer\n",
        arguments.rate,
        arguments.seconds,
        counts.offered,
        counts.accepted,
        counts.accepted as f64 / took.as_secs_f64(),
        counts.refused,
        counts.unknown
    );
    let line = |what: &str, of: &Histogram<u64>| {
        let ms = |q: f64| of.value_at_quantile(q) as f64 / 1_000.0;
        format!(
            "{what}: p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms\n",
            ms(0.5),
            ms(0.99),
            ms(0.999),
            of.max() as f64 / 1_000.0
        )
    };
    text += &line("due -> acked", &shared.acks.lock().0);
    if arguments.viewers > 0 {
        text += &line("due -> shown", &shared.shown.lock().0);
        text += &format!(
            "{} viewers were shown {} of {} ({} gaps told)\n",
            arguments.viewers,
            counts.shown,
            counts.accepted * arguments.viewers as u64,
            counts.gaps
        );
    }
    if let (Some(first), Some(last)) = (lags.first(), lags.last()) {
        let most = lags.iter().max().unwrap_or(last);
        let after = caught_up.as_secs_f64();
        text += &format!(
            "persister's lag: {first} first, {most} at most, {last} last; none {after:.1} s later\n"
        );
    }
    for (watched, seconds) in costs {
        text += &format!(
            "{}: {seconds:.1} CPU-s, {:.1} per million accepted\n",
            watched.name,
            seconds * 1e6 / counts.accepted.max(1) as f64
        );
    }
    text
}

fn addresses(urls: &[String]) -> Result<Vec<SocketAddr>, String> {
    urls.iter().map(|url| client::address(url)).collect()
}
