//! `twitchy-check`: drives a chat server, and says whether it keeps what it promises.
//!
//! It knows no rule and no frame itself: see the library's `workload` and `checker`.

use clap::Parser;
use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use testkit::{
    checker::{self, Report},
    history::{self, Event},
    workload::{Behaviour, Options, Run},
};

/// Exit codes.
const BROKEN: u8 = 1;
const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
const FILE: u8 = 74;

/// Writes to a chat server and reads from it in many ways, then judges whether everything that was accepted is there,
/// once, in one order, the same for everybody.
///
/// The server may be killed and started again meanwhile: what has no answer is asked again until it has one. Run it
/// against a server without limits for one address (TWITCHY_LIMITS__USER_MESSAGES_PER_SECOND=0,
/// TWITCHY_LIMITS__REGISTRATIONS_PER_ADDRESS_PER_HOUR=0 and so on), or with a rate below them.
///
/// Exit code: 0 no finding; 1 findings, or the history could not be read to its end; 64 bad usage; 69 the server
/// cannot be reached; 74 a file cannot be read or written.
#[derive(Debug, Parser)]
#[command(name = "twitchy-check", version)]
struct Arguments {
    /// Where the server is, as http://ADDR:PORT; several, if they are gateways of one chat.
    #[arg(required_unless_present = "replay", conflicts_with = "replay")]
    urls: Vec<String>,
    /// Users that write; each fourth uses REST, the others the WebSocket.
    #[arg(long, default_value_t = 4)]
    writers: usize,
    /// Readers: in turn steady, reconnecting with a resume, joining late, slow, and paging over REST.
    #[arg(long, default_value_t = 5)]
    readers: usize,
    /// Messages a second of all writers together; 0 for as many as they can.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// The share of messages that are as long as may be, from 0 to 1.
    #[arg(long, default_value_t = 0.05)]
    long: f64,
    /// How long to write.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Slugs of the rooms, with commas between; without it, all that the server has.
    #[arg(long, value_delimiter = ',')]
    rooms: Vec<String>,
    /// Where all choices come from; without it one is drawn, and printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Other people write in these rooms too; what they write is not judged.
    #[arg(long)]
    strangers: bool,
    /// How long a message without an answer is tried again, in seconds.
    #[arg(long, default_value_t = 60)]
    give_up: u64,
    /// Write the report as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the history, one JSON object a line, to this file.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Judge a history that was written before, instead of a server.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

struct Failed {
    exit: u8,
    words: String,
}

fn failed(exit: u8, words: impl std::fmt::Display) -> Failed {
    Failed { exit, words: words.to_string() }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    match judge(&arguments).await {
        Ok(report) => {
            let _ = write!(io::stdout(), "{report}");
            if report.clean { ExitCode::SUCCESS } else { BROKEN.into() }
        }
        Err(Failed { exit, words }) => {
            let _ = writeln!(io::stderr(), "twitchy-check: {words}");
            exit.into()
        }
    }
}

async fn judge(arguments: &Arguments) -> Result<Report, Failed> {
    let events = match (&arguments.replay, arguments.urls.as_slice()) {
        (Some(file), _) => {
            let open = File::open(file).map_err(|error| failed(FILE, told(file, &error)))?;
            history::read(BufReader::new(open)).map_err(|error| failed(FILE, told(file, &error)))?
        }
        (None, urls @ [_, ..]) => drive(arguments, urls).await?,
        (None, []) => return Err(failed(USAGE, "a URL is needed, or --replay FILE")),
    };
    if let Some(file) = &arguments.history {
        let written = File::create(file).and_then(|file| history::write(&events, file));
        written.map_err(|error| failed(FILE, told(file, &error)))?;
    }
    let report = checker::check(&events);
    if let Some(file) = &arguments.json {
        let json = serde_json::to_string_pretty(&report).map_err(|error| failed(FILE, told(file, &error)))?;
        std::fs::write(file, json + "\n").map_err(|error| failed(FILE, told(file, &error)))?;
    }
    Ok(report)
}

fn told(file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", file.display())
}

async fn drive(arguments: &Arguments, urls: &[String]) -> Result<Vec<Event>, Failed> {
    if !arguments.rate.is_finite() || arguments.rate < 0.0 {
        return Err(failed(USAGE, "--rate is a number of 0 or more"));
    }
    if !(0.0..=1.0).contains(&arguments.long) {
        return Err(failed(USAGE, "--long is a share from 0 to 1"));
    }
    let gateways = urls.iter().map(|url| client::address(url)).collect::<Result<Vec<_>, _>>();
    let gateways = gateways.map_err(|words| failed(USAGE, words))?;
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let mut stderr = io::stderr();
    let _ = writeln!(stderr, "seed {seed}");
    let options = Options {
        gateways: gateways.clone(),
        rooms: arguments.rooms.clone(),
        writers: arguments.writers,
        readers: Behaviour::ALL.into_iter().cycle().take(arguments.readers).collect(),
        rate: arguments.rate,
        long: arguments.long,
        strangers: arguments.strangers,
        give_up: Duration::from_secs(arguments.give_up),
        ..Options::new(gateways[0], seed)
    };
    let run = Run::start(options).await.map_err(|error| failed(UNAVAILABLE, error))?;
    for second in 1..=arguments.seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let progress = run.progress();
        let _ = write!(
            stderr,
            "\r{second} s: {} accepted, {} refused, {} without an answer, {} shown ",
            progress.accepted, progress.rejected, progress.unknown, progress.shown
        );
    }
    let _ = writeln!(stderr, "\nreading the final history");
    Ok(run.finish().await)
}
