//! What is asked of a cluster beside its rates: latency to viewers of another gateway, connections that are idle, joins, and
//! how soon it takes messages after its broker was away.

use super::{QUIET_RATE, QUIET_VIEWERS, Stage, Step};
use crate::{
    bench::{
        http::{self, Answer},
        play::{Wish, play_at},
    },
    failure::{Failure, Result},
    note,
};
use serde_json::{Value, json};
use std::{
    fs, io, thread,
    time::{Duration, Instant},
};

/// How long the broker is away.
const AWAY: Duration = Duration::from_secs(10);
/// If nothing is accepted for so long after its return, something is broken.
const BACK_MAX: Duration = Duration::from_secs(120);
const ASK_EVERY: Duration = Duration::from_millis(10);
/// Viewers that join within ten seconds.
const JOINS: u32 = 5_000;
const JOINS_QUICK: u32 = 500;
/// A part of the scenario of 5,000.
const IDLE_QUICK: f64 = 0.1;
/// Of Linux on this machine's processors.
const PAGE_BYTES: f64 = 4096.0;

/// An average room, whose viewers are at the other gateway.
pub(super) fn latency(stage: &Stage<'_>, seconds: u32) -> Result<Step> {
    let scenario = format!(
        "about = \"An average room.\"\nseconds = {seconds}\nwarm_seconds = 5\nwriters = 64\n\n\
         [[rooms]]\nrate = [[0, {QUIET_RATE}]]\nviewers = {QUIET_VIEWERS}\n"
    );
    stage.play(QUIET_RATE, &scenario, "quiet")
}

/// What an idle connection takes, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    pub(super) connections: f64,
    pub(super) process: f64,
    /// One end of it, in the kernel's objects and in its buffers.
    pub(super) kernel: f64,
    pub(super) buffers: f64,
}

pub(super) fn idle(stage: &Stage<'_>, quick: bool) -> Result<Idle> {
    note("idle connections");
    let wish = Wish { scale: quick.then_some(IDLE_QUICK), out: "cluster-idle".into(), ..Wish::default() };
    let (before, mut most) = (Kernel::now(), Kernel::default());
    let mut look = || {
        let now = Kernel::now();
        most = Kernel { slab: most.slab.max(now.slab), buffers: most.buffers.max(now.buffers) };
    };
    let scenario = "load-tests/bench/viewers-5000-idle.toml";
    let report = play_at(stage.workspace, scenario, &stage.target()?, &wish, &mut look)?;
    let connections = report.get("/connected").max(1.0);
    // Both ends of each are on this machine.
    let end = |most: f64, before: f64| (most - before).max(0.0) / (2.0 * connections);
    Ok(Idle {
        connections,
        process: report.get("/processes/1/memory_per_viewer"),
        kernel: end(most.slab, before.slab),
        buffers: end(most.buffers, before.buffers),
    })
}

/// Bytes of the kernel that sockets are among.
#[derive(Clone, Copy, Debug, Default)]
struct Kernel {
    slab: f64,
    buffers: f64,
}

impl Kernel {
    fn now() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            slab: behind(&read("/proc/meminfo"), "Slab:", "") * 1024.0,
            buffers: behind(&read("/proc/net/sockstat"), "TCP:", "mem") * PAGE_BYTES,
        }
    }
}

/// The number behind a word in the line that begins so; 0 if there is none.
fn behind(text: &str, line: &str, word: &str) -> f64 {
    let Some(rest) = text.lines().find_map(|text| text.strip_prefix(line)) else { return 0.0 };
    let mut words = rest.split_whitespace().skip_while(|known| !word.is_empty() && *known != word);
    if !word.is_empty() {
        words.next();
    }
    words.next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

/// Viewers who come to a room that is quiet, each for its last ten messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joins {
    pub(super) count: f64,
    pub(super) cpu_ms: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

pub(super) fn joins(stage: &Stage<'_>, quick: bool) -> Result<Joins> {
    note("joins");
    let viewers = if quick { JOINS_QUICK } else { JOINS };
    let path = stage.scenario(&format!(
        "about = \"Viewers come.\"\nseconds = 18\nwarm_seconds = 4\nwriters = 1\nopening_max = 1024\n\n\
         [[rooms]]\nrate = [[0, 20], [2, 20], [2.1, 0]]\nviewers = 1\nhistory = 10\n\
         joins = [{{ at = 5, within = 10, viewers = {viewers} }}]\n"
    ))?;
    let wish = Wish { out: "cluster-joins".into(), ..Wish::default() };
    let report = play_at(stage.workspace, &path, &stage.target()?, &wish, &mut || ())?;
    let of = |path: &str| report.get(path);
    let count = of("/latencies_ms/due_to_joined/count").max(1.0);
    Ok(Joins {
        count,
        cpu_ms: of("/processes/1/cpu_seconds") * 1e3 / count,
        p50_ms: of("/latencies_ms/due_to_joined/p50"),
        p99_ms: of("/latencies_ms/due_to_joined/p99"),
    })
}

/// The broker was away and came back.
#[derive(Clone, Debug)]
pub(super) struct Return {
    pub(super) how: &'static str,
    /// Since then it takes connections again.
    pub(super) first_ack: Duration,
    /// From its start until it takes connections; none where it only stood still.
    pub(super) start: Option<Duration>,
}

pub(super) fn returns(stage: &mut Stage<'_>, quick: bool) -> Result<Vec<Return>> {
    let prober = Prober::new(stage)?;
    let mut all = Vec::new();
    for round in 0..if quick { 1 } else { 3 } {
        for (how, away, back) in [("stood still", "pause", "resume"), ("was killed", "kill", "restart")] {
            note(&format!("the broker is away for {} s ({how}, {})", AWAY.as_secs(), round + 1));
            stage.servers.kafka(away)?;
            let since = Instant::now();
            while since.elapsed() < AWAY {
                // Who asks meanwhile is refused, and the gateway knows.
                let _ = prober.send();
                thread::sleep(ASK_EVERY);
            }
            let begin = Instant::now();
            stage.servers.kafka(back)?;
            let there = Instant::now();
            let start = (back == "restart").then(|| there - begin);
            while !prober.send()? {
                if there.elapsed() > BACK_MAX {
                    let what = format!("accepts nothing {} s after the broker's return", BACK_MAX.as_secs());
                    return Err(Failure::Answer { line: "gateway A".into(), what });
                }
                thread::sleep(ASK_EVERY);
            }
            all.push(Return { how, first_ack: there.elapsed(), start });
        }
    }
    Ok(all)
}

/// Somebody who sends to a room at gateway A, over REST.
struct Prober {
    address: std::net::SocketAddr,
    token: String,
    path: String,
}

impl Prober {
    fn new(stage: &Stage<'_>) -> Result<Self> {
        let address = stage.a.address;
        let text = |answer: io::Result<Answer>, pointer: &str| {
            let answer = answer.map_err(|source| Failure::Start { line: "gateway A".into(), source })?;
            let value = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
            let what = || format!("answered {} without {pointer}", answer.status);
            let text = value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            text.ok_or_else(|| Failure::Answer { line: "gateway A".into(), what: what() })
        };
        let account = json!({ "username": "prober", "password": "correct horse battery" });
        let token = http::post(address, "/api/v1/auth/register", None, &account);
        let slug = text(http::get(address, "/api/v1/rooms"), "/rooms/0/slug")?;
        Ok(Self {
            address,
            token: text(token, "/access_token")?,
            path: format!("/api/v1/rooms/{slug}/messages"),
        })
    }

    /// Is it accepted?
    fn send(&self) -> Result<bool> {
        let answer =
            http::post(self.address, &self.path, Some(&self.token), &json!({ "text": "still here" }));
        let answer = answer.map_err(|source| Failure::Start { line: "gateway A".into(), source })?;
        Ok(answer.status == 201)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_kernel_are_found() {
        let sockets =
            "sockets: used 220\nTCP: inuse 114 orphan 0 tw 1135 alloc 191 mem 4067\nUDP: inuse 0 mem 1\n";
        assert!((behind(sockets, "TCP:", "mem") - 4067.0).abs() < 1e-9);
        assert!((behind("MemFree: 1 kB\nSlab:   123 kB\n", "Slab:", "") - 123.0).abs() < 1e-9);
        assert!(behind("", "Slab:", "").abs() < 1e-9 && behind(sockets, "TCP:", "none").abs() < 1e-9);
    }
}
