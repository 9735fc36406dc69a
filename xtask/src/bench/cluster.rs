//! The whole cluster on this machine: two gateways and a persister as processes of their own, over a real broker and a real
//! database, and what each of them costs.
//!
//! Writers are at gateway A and viewers at gateway B, so what accepts and what only follows are told apart. Rates rise
//! until one does not hold, or the store falls behind. What else is asked of a cluster is in [`parts`], what is told of
//! it all in [`tell`]. The load shares the machine with everything, so rates are a lower bound; CPU-seconds say more.

mod parts;
mod tell;

use super::{
    http, mission, number,
    play::{Report, Target, Wish, play_at},
    server::{Program, Ready, Server, empty_folder, free_address},
    unknown,
};
use crate::{
    failure::{Failure, Result},
    note,
    process::{Workspace, check},
    servers::{Purpose, Servers},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// What is told in any case, and what the search goes on from.
const RATES: [f64; 2] = [5_000.0, 15_000.0];
/// An average room of the mission.
const QUIET_RATE: f64 = 139.0;
const QUIET_VIEWERS: u32 = 20;
/// The search rises by this much, and ends when what held and what did not are half of it apart.
const STEP: f64 = 5_000.0;
/// No machine of two cores gets there; the search ends all the same.
const RATE_MAX: f64 = 60_000.0;
/// Seconds of each step, the warm-up among them.
const SECONDS: u32 = 35;
const SECONDS_QUICK: u32 = 12;
/// Java compiles what is used often while it is used, on the cores that are measured: 15 % of one in Cassandra and 8 to 10 % in Kafka
/// a minute after their start, 1 to 2 % a minute later. So long, and at this rate, before anything counts.
const WARM_UP: u32 = 90;
const WARM_UP_QUICK: u32 = 20;
const WARM_UP_RATE: f64 = 10_000.0;
/// A step holds if the gateway keeps up with it, and the store's lag grows by less than this share of the rate and ends below so
/// many seconds of it.
const HOLDS_SLOPE: f64 = 0.01;
const HOLDS_LAG_SECONDS: f64 = 2.0;
/// How long the persister may take for what is left after a step.
const SETTLE_MAX: Duration = Duration::from_secs(300);
/// Who is watched, in this order; the names are those of the report.
const ROLES: [&str; 5] = ["gateway A", "gateway B", "persister", "Kafka", "Cassandra"];

#[derive(Debug, Default, PartialEq)]
pub(super) struct Options {
    /// Some minutes, without the search.
    pub(super) quick: bool,
    /// Of each step.
    pub(super) seconds: Option<u32>,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            match flag.as_str() {
                "--quick" => options.quick = true,
                "--seconds" => options.seconds = Some(number(flag, rest.next())?),
                other => return Err(unknown(other)),
            }
        }
        if options.seconds.is_some_and(|seconds| seconds < 10) {
            return Err(Failure::Usage("`--seconds` is at least 10".into()));
        }
        Ok(options)
    }
}

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    crate::servers::provide_tools()?;
    super::build(workspace, super::Engines::All)?;
    let mut stage = Stage::start(workspace)?;
    let quick = options.quick;
    let seconds = options.seconds.unwrap_or(if quick { SECONDS_QUICK } else { SECONDS });
    note("warming up");
    stage.step(WARM_UP_RATE, if quick { WARM_UP_QUICK } else { WARM_UP })?;
    let latency = parts::latency(&stage, seconds)?;
    let mut steps = Vec::new();
    for rate in RATES {
        steps.push(stage.step(rate, seconds)?);
    }
    while let Some(rate) = next_rate(&steps).filter(|_| !quick) {
        steps.push(stage.step(rate, seconds)?);
    }
    let idle = parts::idle(&stage, quick)?;
    let joins = parts::joins(&stage, quick)?;
    let returns = parts::returns(&mut stage, quick)?;
    let text =
        tell::report(&tell::Findings { steps: &steps, latency: &latency, idle, joins, returns: &returns });
    super::publish(workspace, "cluster.md", &text)
}

/// What is to be tried after these, if anything: up until one does not hold, then once between.
fn next_rate(steps: &[Step]) -> Option<f64> {
    let of = |held: bool| steps.iter().filter(move |step| step.holds() == held).map(|step| step.rate);
    let low = of(true).fold(0.0, f64::max);
    // One that failed below one that held was disturbed by something else.
    let high = of(false).filter(|rate| *rate > low).fold(f64::INFINITY, f64::min);
    let next = if high.is_infinite() { low + STEP } else { ((low + high) / STEP).round() * STEP / 2.0 };
    (next <= RATE_MAX && high - low > STEP / 2.0 && steps.iter().all(|step| (step.rate - next).abs() > 1.0))
        .then_some(next)
}

/// All processes at work. Ours are dropped first, as they are declared first.
pub(super) struct Stage<'a> {
    workspace: &'a Workspace,
    /// What all of ours are given.
    settings: Vec<(String, String)>,
    a: Server,
    b: Server,
    persister: Server,
    servers: Servers,
}

impl<'a> Stage<'a> {
    pub(super) fn start(workspace: &'a Workspace) -> Result<Self> {
        let servers = Servers::start(workspace, Purpose::Measuring)?;
        let setting = |name: &str, value: &str| (format!("TWITCHY_{name}"), value.to_owned());
        let settings = vec![
            setting("LOG__ENGINE", "kafka"),
            setting("KAFKA__BROKERS", servers.said("TEST_KAFKA")?),
            // One broker and one node hold one copy.
            setting("KAFKA__REPLICATION", "1"),
            setting("KAFKA__MIN_INSYNC_REPLICAS", "1"),
            setting("STORE__ENGINE", "cassandra"),
            setting("CASSANDRA__NODES", servers.said("TEST_CASSANDRA")?),
            setting("CASSANDRA__REPLICATION", "1"),
            // Of accounts that are gone with the run.
            setting("AUTH__SECRET", &"0123456789abcdef".repeat(4)),
        ];
        check(workspace.command(program(workspace)).arg("migrate").envs(settings.clone()))?;
        let start = |name, role| start(workspace, &settings, name, role);
        let (a, b) = (start(ROLES[0], "gateway")?, start(ROLES[1], "gateway")?);
        let persister = start(ROLES[2], "persist")?;
        Ok(Self { workspace, settings, a, b, persister, servers })
    }

    /// One more gateway; it ends when it is dropped.
    pub(super) fn gateway(&self) -> Result<Server> {
        start(self.workspace, &self.settings, "gateway", "gateway")
    }

    /// Writers and viewers at all gateways, also at these; they are watched first, then the other three of [`ROLES`].
    pub(super) fn all_with(&self, more: &[Server]) -> Result<Target> {
        let gateways = || [&self.a, &self.b].into_iter().chain(more);
        let target = self.target()?;
        let watched = gateways().map(|gateway| ("gateway", gateway.pid()));
        Ok(Target {
            urls: gateways().map(Server::url).collect(),
            write: None,
            pids: watched.chain(target.pids.iter().skip(2).copied()).collect(),
            ..target
        })
    }

    /// Writers at A, viewers at B, and everybody watched.
    fn target(&self) -> Result<Target> {
        let pid = |name: &str| {
            let pid = self.servers.said(name)?.parse();
            pid.map_err(|_| Failure::Answer { line: name.into(), what: "is no process id".into() })
        };
        let pids = [
            self.a.pid(),
            self.b.pid(),
            self.persister.pid(),
            pid("TEST_KAFKA_PID")?,
            pid("TEST_CASSANDRA_PID")?,
        ];
        Ok(Target {
            urls: vec![self.b.url()],
            write: Some(self.a.url()),
            pids: ROLES.into_iter().zip(pids).collect(),
            lag: Some(self.persister.url()),
            peer: None,
        })
    }

    /// So many messages a second into three rooms, one viewer each.
    fn step(&self, rate: f64, seconds: u32) -> Result<Step> {
        self.play(rate, &mission::scenario(3.0, rate, seconds, "full"), &format!("{rate:.0}"))
    }

    fn play(&self, rate: f64, scenario: &str, name: &str) -> Result<Step> {
        note(&format!("{rate:.0} messages a second"));
        let path = self.scenario(scenario)?;
        let wish = Wish { out: format!("cluster-{name}"), ..Wish::default() };
        let before = self.topic_bytes()?;
        let report = play_at(self.workspace, &path, &self.target()?, &wish, &mut || ())?;
        self.settle()?;
        #[allow(clippy::cast_precision_loss)] // bytes of some minutes
        let bytes = self.topic_bytes()?.saturating_sub(before) as f64;
        let bytes_a_record = bytes / report.get("/counts/accepted").max(1.0);
        Ok(Step { rate, lag: Lag::of(&report), report, bytes_a_record })
    }

    /// As a file.
    fn scenario(&self, text: &str) -> Result<String> {
        super::keep(self.workspace, "cluster.toml", text)
    }

    /// What the records of the topic take of the broker's disk, all partitions together.
    fn topic_bytes(&self) -> Result<u64> {
        let data = PathBuf::from(self.servers.said("TEST_KAFKA_FOLDER")?).join("data");
        let mut bytes = 0;
        for folder in entries(&data)? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let partition = name.strip_prefix("twitchy-").is_some_and(|rest| rest.parse::<u32>().is_ok());
            if !partition {
                continue;
            }
            let logs =
                entries(&folder)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "log"));
            bytes += logs.filter_map(|log| Some(fs::metadata(log).ok()?.len())).sum::<u64>();
        }
        Ok(bytes)
    }

    /// Waits until the store has everything.
    pub(super) fn settle(&self) -> Result<()> {
        let begin = Instant::now();
        let failed = |what: String| Failure::Answer { line: "the persister".into(), what };
        while begin.elapsed() < SETTLE_MAX {
            let answer =
                http::get(self.persister.address, "/metrics").map_err(|error| failed(error.to_string()))?;
            let lags = answer.body.lines().filter(|line| line.starts_with("twitchy_persist_lag_records"));
            let lag: f64 = lags.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum();
            if lag == 0.0 {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err(failed(format!("is still behind after {} s", SETTLE_MAX.as_secs())))
    }
}

fn program(workspace: &Workspace) -> String {
    workspace.path("target/release/twitchy").display().to_string()
}

/// Starts one of our processes.
fn start(
    workspace: &Workspace,
    settings: &[(String, String)],
    name: &'static str,
    role: &str,
) -> Result<Server> {
    let address = free_address()?;
    let folder = empty_folder(workspace, &format!("data-{}", address.port()))?;
    let (listen, data) = (address.to_string(), folder.join("data").display().to_string());
    let words = [&program(workspace), "serve", "--listen", &listen, "--data", &data].map(str::to_owned);
    let mut variables = settings.to_vec();
    variables.push(("TWITCHY_ROLES".to_owned(), role.to_owned()));
    let program = Program { name, words: words.into(), variables, core: None };
    program.start(workspace, address, folder, Ready::Says)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).map_err(|source| Failure::file(folder, source))?;
    Ok(listed.flatten().map(|entry| entry.path()).collect())
}

/// A rate that was played.
struct Step {
    rate: f64,
    report: Report,
    lag: Lag,
    bytes_a_record: f64,
}

impl Step {
    fn holds(&self) -> bool {
        self.report.keeps_up_with(self.rate)
            && self.lag.slope <= HOLDS_SLOPE * self.rate
            && self.lag.last <= HOLDS_LAG_SECONDS * self.rate
    }

    fn accepted(&self) -> f64 {
        self.report.get("/window/accepted_per_second")
    }

    /// Cores of everybody who is watched, and of the generator behind them.
    fn cores(&self) -> [f64; ROLES.len() + 1] {
        std::array::from_fn(|role| match role < ROLES.len() {
            true => self.report.get(&format!("/processes/{role}/cores")),
            false => self.report.get("/window/generator_cores"),
        })
    }
}

/// Records that the log has and the store has not, looked at once a second after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Lag {
    least: f64,
    most: f64,
    last: f64,
    /// Records a second by which it grows: the straight line with the least squares.
    slope: f64,
}

impl Lag {
    fn of(report: &Report) -> Self {
        let number = |point: &Value, name: &str| point.get(name).and_then(Value::as_f64);
        let points = report.timeline().iter().filter_map(|point| {
            let at = number(point, "at").filter(|at| *at > mission::WARM_SECONDS)?;
            Some((at, number(point, "lag")?))
        });
        Self::of_points(&points.collect::<Vec<_>>())
    }

    fn of_points(points: &[(f64, f64)]) -> Self {
        let Some((_, last)) = points.last().copied() else { return Self::default() };
        #[allow(clippy::cast_precision_loss)] // seconds of a step
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (at, lag) = (mean(|point| point.0), mean(|point| point.1));
        let along: f64 = points.iter().map(|point| (point.0 - at) * (point.1 - lag)).sum();
        let spread: f64 = points.iter().map(|point| (point.0 - at).powi(2)).sum();
        let lags = points.iter().map(|point| point.1);
        Self {
            least: lags.clone().fold(f64::INFINITY, f64::min),
            most: lags.fold(0.0, f64::max),
            last,
            slope: if spread > 0.0 { along / spread } else { 0.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(rate: f64, accepted: f64, lags: &[f64]) -> Step {
        let timeline: Vec<Value> = (6..).zip(lags).map(|(at, lag)| json!({ "at": at, "lag": lag })).collect();
        let report = Report::of(json!({
            "window": { "offered_per_second": rate, "accepted_per_second": accepted },
            "timeline": timeline,
        }));
        Step { rate, lag: Lag::of(&report), report, bytes_a_record: 0.0 }
    }

    #[test]
    fn a_lag_that_grows_is_told_from_one_that_goes_up_and_down() {
        let grows = Lag::of_points(&[(6.0, 100.0), (7.0, 400.0), (8.0, 700.0)]);
        assert_eq!(grows, Lag { least: 100.0, most: 700.0, last: 700.0, slope: 300.0 });
        let waves = Lag::of_points(&[(6.0, 0.0), (7.0, 900.0), (8.0, 0.0)]);
        assert!(waves.slope.abs() < 1e-9, "{waves:?}");
        assert_eq!(Lag::of_points(&[]), Lag::default());
    }

    #[test]
    fn a_step_holds_if_nearly_all_is_accepted_and_the_store_keeps_up() {
        assert!(step(5_000.0, 4_900.0, &[800.0, 0.0, 800.0]).holds());
        assert!(!step(5_000.0, 4_000.0, &[0.0, 0.0]).holds());
        assert!(!step(5_000.0, 5_000.0, &[0.0, 2_000.0, 4_000.0]).holds(), "the lag grows");
        assert!(!step(5_000.0, 5_000.0, &[20_000.0, 20_000.0]).holds(), "it is far behind");
    }

    #[test]
    fn the_search_rises_and_then_looks_once_between() {
        let held = |rate: f64| step(rate, rate, &[]);
        let fails = |rate: f64| step(rate, rate / 2.0, &[]);
        let next = |steps: Vec<Step>| next_rate(&steps);
        assert_eq!(next(vec![held(5_000.0), held(15_000.0)]), Some(20_000.0));
        assert_eq!(next(vec![held(15_000.0), held(20_000.0), fails(25_000.0)]), Some(22_500.0));
        assert_eq!(next(vec![held(20_000.0), fails(25_000.0), fails(22_500.0)]), None);
        assert_eq!(next(vec![held(20_000.0), fails(25_000.0), held(22_500.0)]), None);
        assert_eq!(next(vec![held(5_000.0), fails(15_000.0)]), Some(10_000.0));
        assert_eq!(next(vec![fails(5_000.0), fails(15_000.0)]), Some(2_500.0));
        assert_eq!(next(vec![fails(5_000.0), held(15_000.0)]), Some(20_000.0), "it was disturbed");
        assert_eq!(next(vec![held(RATE_MAX)]), None);
    }
}
