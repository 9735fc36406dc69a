//! What a run costs others: processor time and memory of processes, how far the persisters are behind, and how often the store
//! is read. Linux only.

use client::{Call, Rest};
use std::{fs, net::SocketAddr};

/// `USER_HZ`, which is 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that is watched, with all its threads.
#[derive(Clone, Debug)]
pub struct Watched {
    /// As it is told.
    pub name: String,
    pid: u32,
}

/// What a process has used so far; nothing if it has ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Use {
    /// Seconds of processor time.
    pub cpu: f64,
    /// Bytes of memory now, and at most so far.
    pub memory: u64,
    pub memory_most: u64,
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

    pub fn used(&self) -> Use {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        Use { cpu: self.cpu(), memory: bytes("VmRSS:"), memory_most: bytes("VmHWM:") }
    }

    /// The scheduler counts nanoseconds for each thread that lives; threads that have ended are in the ticks alone.
    fn cpu(&self) -> f64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten().flatten();
        let nanos = threads.filter_map(|thread| {
            let line = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            line.split(' ').next()?.parse::<f64>().ok()
        });
        let nanos: f64 = nanos.sum();
        nanos.max(self.ticks() * 1e9 / TICKS_PER_SECOND) / 1e9
    }

    fn ticks(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        // The name, in brackets, may hold anything; user and system time are the 12th and 13th field behind it.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = |n: usize| fields.split_whitespace().nth(n).and_then(|t| t.parse::<f64>().ok());
        ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)
    }
}

/// What a server tells of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Records that are in the log and not yet in the store, over all partitions; none if it does not say.
    pub lag: Option<u64>,
    /// Reads of the store for rooms' pasts, since it began.
    pub store_reads: u64,
}

/// None if it does not answer.
pub async fn figures(address: SocketAddr) -> Option<Figures> {
    let answer = Rest::new(address).call(Call::get("/metrics")).await.ok()?;
    answer.status.is_success().then(|| parse(&answer.text()))
}

fn parse(text: &str) -> Figures {
    let sum = |name: &str| {
        let of_name = |line: &&str| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
        };
        let values =
            text.lines().filter(of_name).filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count
        values.fold(None, |sum: Option<u64>, value| Some(sum.unwrap_or(0) + value as u64))
    };
    // What was never counted is not told.
    Figures {
        lag: sum("twitchy_persist_lag_records"),
        store_reads: sum("twitchy_store_reads_total").unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_seen_to_work() {
        let me = Watched::all(&[format!("me={}", std::process::id())]).unwrap().remove(0);
        let before = me.used();
        let mut sum = 0_u64;
        while me.used().cpu < before.cpu + 0.03 {
            sum = (0..100_000).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
        }
        assert!(me.used().memory > 100_000 && me.used().memory_most >= before.memory, "{sum}");
        assert!(Watched::all(&["me".to_owned()]).is_err() && Watched::all(&["me=x".to_owned()]).is_err());
    }

    #[test]
    fn what_a_server_tells_is_summed_up() {
        let text = "# HELP twitchy_persist_lag_records x\n# TYPE twitchy_persist_lag_records gauge\n\
            twitchy_persist_lag_records{partition=\"0\"} 3\ntwitchy_persist_lag_records{partition=\"1\"} 4\n\
            twitchy_store_reads_total{what=\"page\"} 2\ntwitchy_store_reads_total_of_another 9\n";
        assert_eq!(parse(text), Figures { lag: Some(7), store_reads: 2 });
        assert_eq!(parse("twitchy_uptime 1\n"), Figures { lag: None, store_reads: 0 });
    }

    #[test]
    fn a_process_that_is_gone_uses_nothing() {
        let gone = Watched { name: "gone".into(), pid: u32::MAX };
        assert!(gone.used().cpu < f64::EPSILON && gone.used().memory == 0);
    }
}
