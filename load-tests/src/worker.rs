//! One worker process: takes its plan from standard input, plays its part, and tells what it saw on standard output.
//!
//! It ends by itself when the run says so, when its input ends (the run is gone), or when the run is long over. What it
//! plays is [`crate::engine`]'s business.

use crate::{
    engine::Engine,
    net,
    plan::{Plan, Told, Word},
    stamp,
};
use std::{
    io::{self, Read as _, Write as _},
    process::ExitCode,
    time::Duration,
};

/// Not the number of any connection.
const INPUT: u64 = u64::MAX - 1;
/// Between two samples: while it runs, and while viewers read what is left.
const SAMPLE_EVERY_US: u64 = 1_000_000;
const DRAIN_SAMPLE_EVERY_US: u64 = 200_000;
/// If the run has not said by then that it is over, it will not say so any more.
const OVERTIME_US: u64 = 600_000_000;
/// Open files that are no connections.
const OTHER_FILES: u64 = 32;

/// The program's whole work as a worker.
pub fn work() -> ExitCode {
    let told = match play() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(words) => Told::Failed(words),
    };
    let _ = tell(&told);
    ExitCode::FAILURE
}

fn play() -> Result<(), String> {
    let mut input = Input { bytes: Vec::new() };
    let plan: Plan = loop {
        if let Some(line) = input.line() {
            break serde_json::from_str(&line).map_err(|error| format!("the plan: {error}"))?;
        }
        input.read()?;
    };
    let failed = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    if let Some(core) = plan.core {
        net::pin(core).map_err(failed("staying on one core"))?;
    }
    let (connect_us, seconds) = (us(plan.connect_seconds_max), us(plan.seconds));
    let mut engine = Engine::new(plan).map_err(failed("waiting for sockets"))?;
    let (_, expected) = engine.inside();
    let open_files = net::open_files_most();
    if expected as u64 + OTHER_FILES > open_files {
        return Err(format!("{expected} connections do not fit below {open_files} open files"));
    }
    engine.watch(io::stdin(), INPUT).map_err(failed("standard input"))?;
    let start = stamp::now();
    while engine.inside().0 < expected && stamp::now() < start + connect_us {
        turn(&mut engine, &mut input)?;
    }
    let took_ms = (stamp::now() - start) / 1_000;
    tell(&Told::Ready { connected: engine.inside().0, took_ms })?;
    let begin = loop {
        match word(&mut input)? {
            Some(Word::Begin { at }) => break at,
            Some(Word::Finish) => return Ok(()),
            None => turn(&mut engine, &mut input)?,
        }
    };
    engine.begin(begin);
    let end = begin + seconds;
    let mut sample_at = begin + SAMPLE_EVERY_US;
    let mut drains = false;
    while stamp::now() < end + OVERTIME_US {
        if let Some(Word::Finish) = word(&mut input)? {
            return tell(&Told::Final(Box::new(engine.finish())));
        }
        let now = stamp::now();
        if now >= end && !drains {
            drains = true;
            engine.drain();
        }
        if now >= sample_at {
            let sample = engine.sample();
            tell(&Told::Sample(Box::new(sample)))?;
            sample_at += if drains { DRAIN_SAMPLE_EVERY_US } else { SAMPLE_EVERY_US };
        }
        let most = sample_at.min(if drains { u64::MAX } else { end }).saturating_sub(stamp::now());
        let others = engine.turn(Duration::from_micros(most)).map_err(failed("the loop"))?;
        if others.contains(&INPUT) {
            input.read()?;
        }
    }
    Err("the run did not say that it is over".to_owned())
}

#[allow(clippy::cast_possible_truncation)] // seconds of a run
fn us(seconds: f64) -> u64 {
    Duration::from_secs_f64(seconds).as_micros() as u64
}

fn turn(engine: &mut Engine, input: &mut Input) -> Result<(), String> {
    let others = engine.turn(Duration::from_millis(50)).map_err(|error| format!("the loop: {error}"))?;
    if others.contains(&INPUT) {
        input.read()?;
    }
    Ok(())
}

fn word(input: &mut Input) -> Result<Option<Word>, String> {
    let Some(line) = input.line() else { return Ok(None) };
    serde_json::from_str(&line).map(Some).map_err(|error| format!("a word of the run: {error}"))
}

fn tell(told: &Told) -> Result<(), String> {
    let mut line = serde_json::to_vec(told).map_err(|error| error.to_string())?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).map_err(|error| format!("standard output: {error}"))
}

/// Standard input, by lines, read only when something is there.
struct Input {
    bytes: Vec<u8>,
}

impl Input {
    fn line(&mut self) -> Option<String> {
        let end = self.bytes.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.bytes.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    fn read(&mut self) -> Result<(), String> {
        // Larger than the buffer of standard input, so that nothing stays there unseen.
        let mut buffer = [0; 64 * 1024];
        match io::stdin().lock().read(&mut buffer) {
            Ok(0) => Err("the run is gone".to_owned()),
            Ok(count) => {
                self.bytes.extend_from_slice(&buffer[..count]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(format!("standard input: {error}")),
        }
    }
}
