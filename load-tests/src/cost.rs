//! What a run costs others: CPU time of processes, and how far the persisters are behind. Linux only.

use client::{Call, Rest};
use std::{fs, net::SocketAddr};

/// `USER_HZ`, which is 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that is watched, with all its threads.
pub struct Watched {
    /// As it is told.
    pub name: String,
    pid: u32,
}

/// CPU time of a process so far, user and system.
#[derive(Clone, Copy, Debug)]
pub struct Cpu(f64);

impl Cpu {
    /// Seconds since then.
    pub fn since(self, before: Self) -> f64 {
        self.0 - before.0
    }
}

impl Watched {
    /// Of `NAME=PID` each.
    pub fn all(words: &[String]) -> Result<Vec<Self>, String> {
        words
            .iter()
            .map(|word| {
                let (name, pid) = word.split_once('=').ok_or_else(|| format!("{word:?} is not NAME=PID"))?;
                let pid = pid.parse().map_err(|_| format!("{pid:?} is no process id"))?;
                Ok(Self { name: name.to_owned(), pid })
            })
            .collect()
    }

    /// 0 for a process that has ended.
    pub fn cpu(&self) -> Cpu {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        // The name, in brackets, may hold anything; user and system time are the 12th and 13th field behind it.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = |n: usize| fields.split_whitespace().nth(n).and_then(|t| t.parse::<f64>().ok());
        Cpu((ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / TICKS_PER_SECOND)
    }
}

/// Records that are in the log and not yet in the store, over all partitions; none if the server does not say.
pub async fn lag(address: SocketAddr) -> Option<u64> {
    let answer = Rest::new(address).call(Call::get("/metrics")).await.ok()?;
    let text = answer.text();
    let mut lags = text.lines().filter(|line| line.starts_with("twitchy_persist_lag_records")).peekable();
    lags.peek()?;
    let values = lags.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count of records
    Some(values.sum::<f64>() as u64)
}
