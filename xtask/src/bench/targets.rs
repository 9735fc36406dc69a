//! `cargo xtask bench targets`: what the server is meant to reach on one machine, each with the scenario that shows it, and
//! whether it is reached here.
//!
//! A target that compares two loads plays them in turn, round by round, and compares medians. What a figure is worth
//! depends on what else the machine does; the judge is a quiet one. Start with [`TARGETS`]; the targets of a crowd that is
//! shown much are in [`crowd`].

mod crowd;

use super::{
    mission::RATE,
    peers::{Kind, Place},
    play::{Report, Wish, median, play},
    publish, unknown,
};
use crate::{
    failure::{Failure, Result},
    note,
    process::Workspace,
};
use std::{
    cell::RefCell,
    fmt::Write as _,
    fs::{self, File},
    io::Write as _,
    path::Path,
    thread,
    time::Instant,
};

/// Rounds of a target that compares.
const ROUNDS: usize = 2;
/// One block of the log, and so often.
const SYNC_BYTES: usize = 4096;
const SYNCS: usize = 101;

/// One target.
struct Target {
    /// To choose it by.
    name: &'static str,
    /// As it is told.
    words: &'static str,
    measure: fn(&Stage<'_>) -> Result<Reached>,
}

/// What was reached, in words, and whether that is enough.
struct Reached {
    words: String,
    holds: bool,
}

const TARGETS: [Target; 12] = [
    Target {
        name: "latency",
        words: "100 viewers, 10 messages/s: sender to viewer p50 within one fsync and 1 ms",
        measure: latency,
    },
    Target { name: "ack", words: "20,833 messages/s (half the peak): ack p99 below 25 ms", measure: ack },
    Target {
        name: "accept",
        words: "41,667 messages/s (the peak) durable and acked by one process: at most 1.2 cores, none refused",
        measure: accept,
    },
    Target {
        name: "fan",
        words: "1,000 viewers, 400 messages/s, everything to everyone: at most 0.90 CPU-s per million, p99 below 80 ms",
        measure: crowd::fan,
    },
    Target {
        name: "idle",
        words: "16,000 silent viewers: at most 4 KB of the server's memory each",
        measure: idle,
    },
    Target {
        name: "storm",
        words: "10,000 viewers, 400 messages/s, everything to everyone: at most 0.40 CPU-s per million, p99 below 1 s",
        measure: storm,
    },
    Target {
        name: "steady",
        words: "10,000 viewers, 64 messages always under way: at most 0.40 CPU-s per million, p99 below 1 s",
        measure: crowd::steady,
    },
    Target {
        name: "limit",
        words: "10,000 viewers, half the rate that `steady` comes to: p99 no worse than that of the least server, which sends in turns",
        measure: crowd::limit,
    },
    Target {
        name: "deflate",
        words: "three styled rooms, real lines, compressed, a turn of 50 ms: at most a quarter of the plain bytes",
        measure: crowd::deflate,
    },
    Target {
        name: "joins",
        words: "10,000 join at once: all from the ring, the store is not read",
        measure: joins,
    },
    Target {
        name: "stalled",
        words: "a fifth of the viewers read nothing: for the others at most 1.10 times the p99, 1.05 times the memory; all of the fifth are told what they miss",
        measure: stalled,
    },
    Target {
        name: "hot",
        words: "5,000 viewers in one room: at most 1.10 times the cost of the same over 50 rooms",
        measure: hot,
    },
];

#[derive(Debug, Default, PartialEq)]
pub(super) struct Options {
    /// Names of targets; none: all.
    pub(super) only: Vec<String>,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            if flag != "--only" {
                return Err(unknown(flag));
            }
            let names = rest.next().map(String::as_str).unwrap_or_default();
            options.only = names.split(',').map(str::to_owned).collect();
            let known = |name: &String| TARGETS.iter().any(|target| target.name == name);
            if let Some(name) = options.only.iter().find(|name| !known(name)) {
                let all = TARGETS.map(|target| target.name).join(", ");
                return Err(Failure::Usage(format!("there is no target {name:?}, only {all}")));
            }
        }
        Ok(options)
    }
}

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    super::build(workspace, super::Engines::Embedded)?;
    let cores = thread::available_parallelism().map_or(1, Into::into);
    let stage = Stage { workspace, cores, machine: RefCell::default() };
    let chosen: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| options.only.is_empty() || options.only.iter().any(|name| name == target.name))
        .collect();
    let mut text = String::new();
    for (number, target) in (1..).zip(&chosen) {
        note(&format!("target {number} of {}, {}: {}", chosen.len(), target.name, target.words));
        let reached = (target.measure)(&stage)
            // One that cannot be measured does not keep the others from it.
            .unwrap_or_else(|failure| Reached { words: failure.to_string(), holds: false });
        note(&reached.words);
        let _ = writeln!(text, "{}", row(target, &reached));
    }
    let head = format!(
        "{}, which the generator shares; where cores are told apart, the server has one and the generator another.\n\n\
         | `cargo xtask bench targets --only` | target | reached | holds |\n|---|---|---|---|\n",
        stage.machine.borrow()
    );
    publish(workspace, "targets.md", &(head + &text))
}

fn row(target: &Target, reached: &Reached) -> String {
    let holds = if reached.holds { "yes" } else { "no" };
    format!("| `{}` | {} | {} | {holds} |", target.name, target.words, reached.words)
}

/// Where targets are measured.
struct Stage<'a> {
    workspace: &'a Workspace,
    cores: usize,
    /// What it is, as the first report says it.
    machine: RefCell<String>,
}

/// How a scenario is played.
#[derive(Default)]
struct How<'a> {
    config: Option<&'a str>,
    scale: Option<f64>,
    /// Server and generator have a core of their own, where there are two.
    apart: bool,
}

impl Stage<'_> {
    /// A scenario, given by its file, against a server of its own.
    fn play(&self, scenario: &str, how: &How<'_>) -> Result<Report> {
        self.play_at(Kind::Twitchy, scenario, how)
    }

    /// The same against any kind of server.
    fn play_at(&self, kind: Kind, scenario: &str, how: &How<'_>) -> Result<Report> {
        let apart = how.apart && self.cores > super::LOAD_CORE;
        let place = Place {
            workspace: self.workspace,
            core: apart.then_some(super::SERVER_CORE),
            config: how.config,
        };
        let name = Path::new(scenario).file_stem().unwrap_or_default().to_string_lossy();
        note(&format!("playing {name} ({})", kind.name()));
        let wish = Wish {
            scale: how.scale,
            core: apart.then_some(super::LOAD_CORE),
            out: format!("target-{name}-{}", kind.name()),
            ..Wish::default()
        };
        let server = place.start(kind)?;
        let report = play(self.workspace, scenario, kind, &server, &wish)?;
        let mut machine = self.machine.borrow_mut();
        if machine.is_empty() {
            *machine = report.machine();
        }
        Ok(report)
    }

    /// A file that is made for a run; its path.
    fn write(&self, name: &str, text: &str) -> Result<String> {
        super::keep(self.workspace, name, text)
    }

    /// Two scenarios in turn, so that a machine that slows down slows both.
    fn both(&self, scenarios: [&str; 2], how: &How<'_>) -> Result<[Vec<Report>; 2]> {
        let mut reports = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (scenario, reports) in scenarios.iter().zip(&mut reports) {
                reports.push(self.play(scenario, how)?);
            }
        }
        Ok(reports)
    }
}

/// What a run has to be to count at all.
fn is_whole(report: &Report) -> bool {
    report.is_clean() && report.get("/connected") >= report.get("/viewers") + report.get("/writers")
}

fn not_whole(report: &Report) -> String {
    if is_whole(report) {
        return String::new();
    }
    let (connected, of) = (report.get("/connected"), report.get("/viewers") + report.get("/writers"));
    format!("; **not clean**, or not all there ({connected:.0} of {of:.0})")
}

fn latency(stage: &Stage<'_>) -> Result<Reached> {
    let fsync = fsync_ms(stage.workspace)?;
    let report =
        stage.play("load-tests/bench/viewers-100-rate-10.toml", &How { apart: true, ..How::default() })?;
    Ok(latency_of(&report, fsync))
}

fn latency_of(report: &Report, fsync: f64) -> Reached {
    let p50 = report.get("/latencies_ms/due_to_shown/p50");
    Reached {
        words: format!("p50 {p50:.2} ms; an fsync here takes {fsync:.2} ms{}", not_whole(report)),
        holds: p50 <= fsync + 1.0 && is_whole(report),
    }
}

/// What one block of a file takes until it is on the disk, at the median.
fn fsync_ms(workspace: &Workspace) -> Result<f64> {
    let path = workspace.path("target/bench/fsync");
    let told = |source| Failure::file(&path, source);
    fs::create_dir_all(workspace.path("target/bench")).map_err(told)?;
    let mut file = File::create(&path).map_err(told)?;
    let mut took = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[0x5a; SYNC_BYTES]).and_then(|()| file.sync_data()).map_err(told)?;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let _ = fs::remove_file(&path);
    took.sort_by(f64::total_cmp);
    Ok(took[SYNCS / 2])
}

fn ack(stage: &Stage<'_>) -> Result<Reached> {
    let how = How { scale: Some(0.5), ..How::default() };
    Ok(ack_of(&stage.play("load-tests/bench/accept.toml", &how)?))
}

fn ack_of(report: &Report) -> Reached {
    let p99 = report.get("/latencies_ms/due_to_ack/p99");
    let (offered, accepted) =
        (report.get("/window/offered_per_second"), report.get("/window/accepted_per_second"));
    let words = format!(
        "ack p50 {:.1} ms, p99 {p99:.1} ms at {accepted:.0}/s accepted of {offered:.0}/s, on {:.2} cores{}",
        report.get("/latencies_ms/due_to_ack/p50"),
        report.get("/processes/0/cores"),
        not_whole(report)
    );
    Reached { words, holds: p99 < 25.0 && accepted >= 0.99 * offered && is_whole(report) }
}

fn accept(stage: &Stage<'_>) -> Result<Reached> {
    Ok(accept_of(&stage.play("load-tests/bench/accept.toml", &How::default())?))
}

fn accept_of(report: &Report) -> Reached {
    let of = |path: &str| report.get(path);
    let (offered, accepted) = (of("/window/offered_per_second"), of("/window/accepted_per_second"));
    let (cores, refused) = (of("/processes/0/cores"), of("/window/refused_per_second"));
    let words = format!(
        "{accepted:.0}/s accepted of {offered:.0}/s, {refused:.0}/s refused, on {cores:.2} cores: {:.1} CPU-s per million (generator {:.2} cores){}",
        of("/processes/0/cpu_seconds_per_million_accepted"),
        of("/window/generator_cores"),
        not_whole(report)
    );
    let all = accepted >= 0.99 * offered && offered >= 0.99 * RATE && refused < 1.0;
    Reached { words, holds: all && cores <= 1.2 && is_whole(report) }
}

fn idle(stage: &Stage<'_>) -> Result<Reached> {
    let how = How { apart: true, ..How::default() };
    Ok(idle_of(&stage.play("load-tests/bench/viewers-16000-idle.toml", &how)?))
}

fn idle_of(report: &Report) -> Reached {
    let bytes = report.get("/processes/0/memory_per_viewer");
    let words = format!("{bytes:.0} bytes each of {:.0}{}", report.get("/connected"), not_whole(report));
    Reached { words, holds: bytes <= 4096.0 && is_whole(report) }
}

fn storm(stage: &Stage<'_>) -> Result<Reached> {
    let how = How { apart: true, ..How::default() };
    Ok(storm_of(&stage.play("load-tests/scenarios/storm-one-room.toml", &how)?))
}

fn storm_of(report: &Report) -> Reached {
    let cost = report.get("/processes/0/cpu_seconds_per_million_shown");
    let p99 = report.get("/latencies_ms/due_to_shown/p99");
    let words = format!(
        "{cost:.2} CPU-s per million, p99 {p99:.0} ms at {:.1} million shown/s, on {:.2} cores (generator {:.2}){}",
        report.get("/window/shown_per_second") / 1e6,
        report.get("/processes/0/cores"),
        report.get("/window/generator_cores"),
        not_whole(report)
    );
    Reached { words, holds: cost <= 0.40 && p99 < 1_000.0 && is_whole(report) }
}

fn joins(stage: &Stage<'_>) -> Result<Reached> {
    Ok(joins_of(&stage.play("load-tests/bench/joins-10000.toml", &How { apart: true, ..How::default() })?))
}

fn joins_of(report: &Report) -> Reached {
    let (joined, reads) = (report.get("/latencies_ms/due_to_joined/count"), report.number("/store_reads"));
    let told = reads.map_or_else(|| "nobody says how many".to_owned(), |reads| format!("{reads:.0}"));
    let words = format!(
        "{joined:.0} joined, p50 {:.0} ms, p99 {:.0} ms after they were due; reads of the store: {told}{}",
        report.get("/latencies_ms/due_to_joined/p50"),
        report.get("/latencies_ms/due_to_joined/p99"),
        if report.is_clean() { "" } else { "; **not clean**" },
    );
    let holds = reads.is_some_and(|reads| reads < 1.0) && joined >= 10_000.0 && report.is_clean();
    Reached { words, holds }
}

fn stalled(stage: &Stage<'_>) -> Result<Reached> {
    let how = How { config: Some("load-tests/bench/small-ring.toml"), apart: true, ..How::default() };
    let scenarios = ["load-tests/bench/healthy-1600.toml", "load-tests/bench/healthy-1600-stalled-400.toml"];
    let [healthy, stalled] = stage.both(scenarios, &how)?;
    Ok(stalled_of(&healthy, &stalled))
}

fn stalled_of(healthy: &[Report], stalled: &[Report]) -> Reached {
    let of = |path: &str| (median(healthy, path), median(stalled, path));
    let ((before, p99), (memory_before, memory)) =
        (of("/latencies_ms/due_to_shown/p99"), of("/processes/0/memory_most"));
    let (slower, larger) = (p99 / before.max(1e-9), memory / memory_before.max(1.0));
    let fell = stalled.iter().map(|report| report.get("/counts/fell")).fold(f64::INFINITY, f64::min);
    let are_whole = healthy.iter().chain(stalled).all(is_whole);
    let words = format!(
        "p99 {p99:.0} ms, {slower:.2} times that without them; memory {:.1} MiB, {larger:.2} times; {fell:.0} of 400 were told their gaps, {}",
        memory / 1_048_576.0,
        if are_whole { "each exact" } else { "**not clean**" },
    );
    Reached { words, holds: slower <= 1.10 && larger <= 1.05 && fell >= 400.0 && are_whole }
}

/// Of the spread load, and its viewers and messages a second in each.
const ROOMS: usize = 50;
const ROOM_VIEWERS: usize = 100;
const ROOM_RATE: usize = 10;

fn hot(stage: &Stage<'_>) -> Result<Reached> {
    let config = stage.write("rooms-50-config.toml", &rooms_config())?;
    let spread = stage.write("rooms-50.toml", &rooms_scenario(|_| ROOM_VIEWERS))?;
    let all_in_one = rooms_scenario(|room| if room == 0 { ROOMS * ROOM_VIEWERS } else { 0 });
    let one = stage.write("rooms-1.toml", &all_in_one)?;
    let how = How { config: Some(&config), apart: true, ..How::default() };
    let [spread, one] = stage.both([&spread, &one], &how)?;
    Ok(hot_of(&spread, &one))
}

fn hot_of(spread: &[Report], one: &[Report]) -> Reached {
    let cost = |reports| median(reports, "/processes/0/cpu_seconds_per_million_shown");
    let (before, now) = (cost(spread), cost(one));
    let times = now / before.max(1e-9);
    let are_whole = spread.iter().chain(one).all(is_whole);
    let words = format!(
        "{now:.2} CPU-s per million, {times:.2} times the {before:.2} over {ROOMS} rooms{}",
        if are_whole { "" } else { "; **not clean**" }
    );
    Reached { words, holds: times <= 1.10 && before > 0.0 && are_whole }
}

fn room_name(room: usize) -> String {
    format!("room_{room:02}")
}

fn rooms_config() -> String {
    (0..ROOMS).fold(String::new(), |mut text, room| {
        let name = room_name(room);
        let _ = write!(text, "[[rooms]]\nslug = \"{name}\"\ntitle = \"{name}\"\ntransformer = \"plain\"\n\n");
        text
    })
}

/// As much is said in every room in either case, so that accepting costs the same; only viewers sit elsewhere.
fn rooms_scenario(viewers: impl Fn(usize) -> usize) -> String {
    let head = "about = \"5,000 viewers, each shown 10 messages a second.\"\nseconds = 14\nwarm_seconds = 4\nwriters = 16\ntext_bytes = 100\nopening_max = 512\n";
    (0..ROOMS).fold(head.to_owned(), |mut text, room| {
        let (name, viewers) = (room_name(room), viewers(room));
        let _ =
            write!(text, "\n[[rooms]]\nslug = \"{name}\"\nrate = [[0, {ROOM_RATE}]]\nviewers = {viewers}\n");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn report(change: impl FnOnce(&mut Value)) -> Report {
        let mut value = json!({
            "viewers": 10, "writers": 1, "connected": 11, "checks": { "clean": true }, "store_reads": 0,
            "window": { "offered_per_second": 20_833.0, "accepted_per_second": 20_800.0 },
            "latencies_ms": {
                "due_to_shown": { "p50": 1.2, "p99": 100.0 }, "due_to_ack": { "p99": 24.0 }, "due_to_joined": { "count": 10_000 },
            },
            "processes": [{ "cpu_seconds_per_million_shown": 0.4, "memory_per_viewer": 4096.0, "memory_most": 100.0 }],
            "counts": { "fell": 400 },
        });
        change(&mut value);
        Report::of(value)
    }

    #[test]
    fn what_is_just_enough_holds() {
        let good = || report(|_| ());
        assert!(latency_of(&good(), 0.2).holds);
        for of in [ack_of, idle_of, storm_of, joins_of] {
            assert!(of(&good()).holds, "{}", of(&good()).words);
        }
        let peak = |cores: f64, refused: f64| {
            report(|report| {
                report["window"] = json!({ "offered_per_second": 41_660.0, "accepted_per_second": 41_600.0, "refused_per_second": refused });
                report["processes"][0]["cores"] = json!(cores);
            })
        };
        assert!(accept_of(&peak(1.2, 0.0)).holds, "{}", accept_of(&peak(1.2, 0.0)).words);
        assert!(!accept_of(&peak(1.21, 0.0)).holds && !accept_of(&peak(1.0, 2.0)).holds);
        assert!(!accept_of(&good()).holds, "half the peak is not the peak");
        assert!(stalled_of(&[good()], &[good()]).holds && hot_of(&[good()], &[good()]).holds);
    }

    #[test]
    fn what_is_not_enough_does_not_hold() {
        let with = |path: &str, value: Value| {
            report(|report| *report.pointer_mut(path).expect("it is there") = value)
        };
        let good = || report(|_| ());
        assert!(!latency_of(&good(), 0.1).holds);
        assert!(!ack_of(&with("/latencies_ms/due_to_ack/p99", json!(25.0))).holds);
        assert!(!ack_of(&with("/window/accepted_per_second", json!(20_000.0))).holds, "it accepts less");
        assert!(!idle_of(&with("/processes/0/memory_per_viewer", json!(4097.0))).holds);
        assert!(!storm_of(&with("/processes/0/cpu_seconds_per_million_shown", json!(0.41))).holds);
        assert!(!storm_of(&with("/latencies_ms/due_to_shown/p99", json!(1_000.0))).holds);
        assert!(!joins_of(&with("/store_reads", json!(1))).holds);
        assert!(!joins_of(&with("/store_reads", Value::Null)).holds, "nobody says that it was not read");
        assert!(!joins_of(&with("/latencies_ms/due_to_joined/count", json!(9_999))).holds);
        for (path, value) in [
            ("/latencies_ms/due_to_shown/p99", json!(111.0)),
            ("/processes/0/memory_most", json!(106.0)),
            ("/counts/fell", json!(399)),
        ] {
            assert!(!stalled_of(&[good()], &[with(path, value)]).holds, "{path}");
        }
        let dear = with("/processes/0/cpu_seconds_per_million_shown", json!(0.45));
        assert!(!hot_of(&[good()], &[dear]).holds);
        let unclean = || with("/checks/clean", json!(false));
        let short = || with("/connected", json!(10));
        assert!(!idle_of(&unclean()).holds && !idle_of(&short()).holds && !joins_of(&unclean()).holds);
        assert!(!hot_of(&[good()], &[unclean()]).holds && !stalled_of(&[short()], &[good()]).holds);
    }

    #[test]
    fn one_room_has_the_viewers_of_fifty_and_the_same_is_said() {
        let one = rooms_scenario(|room| if room == 0 { 5_000 } else { 0 });
        assert_eq!(one.matches("viewers = 0\n").count(), ROOMS - 1);
        assert_eq!(one.matches("rate = [[0, 10]]").count(), ROOMS);
        assert_eq!(rooms_config().matches("[[rooms]]").count(), ROOMS);
        // What the server takes as a slug.
        let is_slug = |name: &str| name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        assert!((0..ROOMS).map(room_name).all(|name| (3..=25).contains(&name.len()) && is_slug(&name)));
    }

    #[test]
    fn targets_are_chosen_by_their_names() {
        let parse =
            |line: &str| Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("--only idle,hot").expect("both are there").only, ["idle", "hot"]);
        for line in ["--only", "--only speed", "--quick"] {
            assert!(matches!(parse(line), Err(Failure::Usage(_))), "{line}");
        }
    }
}
