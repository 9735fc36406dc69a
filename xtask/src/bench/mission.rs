//! The whole mission on this machine: viewers in all rooms on `auto`, as many messages in as are to come at the peak, and
//! what that says of 150,000 viewers.
//!
//! One process with the embedded engines has all viewers that its open files allow; `--gateways N` are so many processes over
//! the real Kafka and Cassandra, each with as many. Rates rise step by step until one does
//! not hold; from the costs of accepting, of a viewer, and of a delivery follows what the peak would take. What is
//! measured and what is arithmetic is told apart.

use super::{
    cluster::Stage,
    keep, number,
    peers::{Kind, Place},
    play::{HOLDS_P99_MS, HOLDS_SHARE, Report, Wish, play, play_at},
    publish,
    server::Server,
    unknown,
};
use crate::{
    failure::{Failure, Result},
    note,
    process::Workspace,
};
use std::{fmt::Write as _, ops::RangeInclusive};

/// The peak of the mission.
pub(super) const RATE: f64 = 41_667.0;
const ROOMS: f64 = 3.0;
const VIEWERS: f64 = 150_000.0;
/// Viewers at a scale of 1: below the 16,000 that 20,000 open files leave.
const VIEWERS_HERE: f64 = 15_000.0;
/// A cluster of one gateway is none, and 150,000 viewers fit ten.
const GATEWAYS: RangeInclusive<usize> = 2..=10;
/// Parts of the peak that are tried, in turn.
const STEPS: [f64; 6] = [0.1, 0.25, 0.5, 0.65, 0.8, 1.0];
/// Deliveries a second where everything goes to everyone.
const DELIVERIES: f64 = 1.5e6;
/// Of each step, before anything counts.
pub(super) const WARM_SECONDS: f64 = 5.0;

#[derive(Debug, PartialEq)]
pub(super) struct Options {
    /// So many times the viewers.
    pub(super) scale: f64,
    /// Of each step.
    pub(super) seconds: u32,
    /// Over Kafka and Cassandra; none: one process with everything inside.
    pub(super) gateways: Option<usize>,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self { scale: 1.0, seconds: 20, gateways: None };
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            match flag.as_str() {
                "--scale" => options.scale = number(flag, rest.next())?,
                "--seconds" => options.seconds = number(flag, rest.next())?,
                "--gateways" => options.gateways = Some(number(flag, rest.next())?),
                other => return Err(unknown(other)),
            }
        }
        if !(options.scale > 0.0 && options.scale <= 1.0) || options.seconds < 8 {
            return Err(Failure::Usage("`--scale` is from 0 to 1, `--seconds` at least 8".into()));
        }
        if options.gateways.is_some_and(|gateways| !GATEWAYS.contains(&gateways)) {
            let (least, most) = (GATEWAYS.start(), GATEWAYS.end());
            return Err(Failure::Usage(format!("`--gateways` is from {least} to {most}")));
        }
        Ok(options)
    }
}

/// A scenario of this machine, as a file.
pub(super) fn scenario(viewers: f64, rate: f64, seconds: u32, feed: &str) -> String {
    let room = format!(
        "\n[[rooms]]\nrate = [[0, {start:.1}], [3, {rate:.1}]]\nviewers = {viewers:.0}\nfeed = \"{feed}\"\n",
        start = (rate / 10.0).min(139.0),
        rate = rate / ROOMS,
        viewers = (viewers / ROOMS).max(1.0),
    );
    format!(
        "about = \"A step of the mission.\"\nseconds = {seconds}\nwarm_seconds = {WARM_SECONDS}\ndrain_seconds = 30\nwriters = 128\nopening_max = 512\n{}",
        room.repeat(3)
    )
}

/// A step that was played.
struct Step {
    rate: f64,
    report: Report,
    /// The first so many processes of the report; behind them are the persister, Kafka and Cassandra.
    gateways: usize,
}

impl Step {
    fn holds(&self) -> bool {
        self.report.keeps_up_with(self.rate)
    }

    fn cores(&self, processes: impl Iterator<Item = usize>) -> f64 {
        processes.map(|process| self.report.get(&format!("/processes/{process}/cores"))).sum()
    }

    /// Of the processes that have the viewers.
    fn cpu(&self) -> f64 {
        self.cores(0..self.gateways)
    }

    /// A second, to all viewers together.
    fn shown(&self) -> f64 {
        self.report.get("/window/shown_per_second")
    }

    /// Of the three others, where there are others.
    fn others(&self) -> f64 {
        self.cores(self.gateways..self.gateways + 3)
    }
}

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let ground = Ground::prepare(workspace, options.gateways)?;
    let viewers = VIEWERS_HERE * options.scale * ground.processes();
    let mut text = String::new();
    let mut held: Vec<Step> = Vec::new();
    let mut first_that_fails = None;
    for part in STEPS {
        let step = ground.play(viewers, RATE * part, options.seconds, "auto", "auto")?;
        let _ = writeln!(text, "{}", line(&step, "auto", viewers));
        if !step.holds() {
            first_that_fails = Some(step);
            break;
        }
        held.push(step);
    }
    let rate = held.last().map_or(RATE * STEPS[0], |step| step.rate);
    // The same without the viewers is what accepting alone costs; the rest is theirs.
    let alone = ground.play(ROOMS, rate, options.seconds, "full", "alone")?;
    let _ = writeln!(text, "{}", line(&alone, "full", ROOMS));
    // Everything to everyone, at a rate that one core can send.
    let full_rate = (DELIVERIES / viewers.max(1.0) * ROOMS).clamp(ROOMS, rate);
    let full = ground.play(viewers, full_rate, options.seconds, "full", "full")?;
    let _ = writeln!(text, "{}", line(&full, "full", viewers));
    let report = tell(&text, &held, first_that_fails.as_ref(), &alone, &full, viewers);
    publish(workspace, ground.report(), &report)
}

/// What is played on.
enum Ground<'a> {
    /// Everything in one process, a new one for each step.
    One(&'a Workspace),
    /// The same processes for all steps; those of `more` are gateways beside the stage's own two.
    Cluster { workspace: &'a Workspace, more: Vec<Server>, stage: Box<Stage<'a>> },
}

impl<'a> Ground<'a> {
    fn prepare(workspace: &'a Workspace, gateways: Option<usize>) -> Result<Self> {
        let Some(gateways) = gateways else {
            super::build(workspace, super::Engines::Embedded)?;
            return Ok(Self::One(workspace));
        };
        crate::servers::provide_tools()?;
        super::build(workspace, super::Engines::All)?;
        let stage = Box::new(Stage::start(workspace)?);
        let more = (*GATEWAYS.start()..gateways).map(|_| stage.gateway()).collect::<Result<_>>()?;
        Ok(Self::Cluster { workspace, more, stage })
    }

    /// How many have viewers.
    #[allow(clippy::cast_precision_loss)] // ten at most
    fn processes(&self) -> f64 {
        self.gateways() as f64
    }

    fn gateways(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Cluster { more, .. } => GATEWAYS.start() + more.len(),
        }
    }

    fn report(&self) -> &'static str {
        match self {
            Self::One(_) => "mission.md",
            Self::Cluster { .. } => "mission-cluster.md",
        }
    }

    fn play(&self, viewers: f64, rate: f64, seconds: u32, feed: &str, name: &str) -> Result<Step> {
        note(&format!("{viewers:.0} viewers on `{feed}`, {rate:.0} messages a second"));
        let workspace = match self {
            Self::One(workspace) | Self::Cluster { workspace, .. } => workspace,
        };
        let path = keep(workspace, "mission.toml", &scenario(viewers, rate, seconds, feed))?;
        let wish = Wish { out: format!("mission-{name}-{rate:.0}"), ..Wish::default() };
        let report = match self {
            Self::One(_) => {
                let server = Place { workspace, core: None, config: None }.start(Kind::Twitchy)?;
                play(workspace, &path, Kind::Twitchy, &server, &wish)?
            }
            Self::Cluster { more, stage, .. } => {
                let report = play_at(workspace, &path, &stage.all_with(more)?, &wish, &mut || ())?;
                // What the store has not taken yet would be the next step's work.
                stage.settle()?;
                report
            }
        };
        Ok(Step { rate, report, gateways: self.gateways() })
    }
}

fn line(step: &Step, feed: &str, viewers: f64) -> String {
    let of = |path: &str| step.report.get(path);
    format!(
        "| {viewers:.0} `{feed}` | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.2} | {} | {:.2} | {:.1} | {} |",
        of("/window/offered_per_second"),
        of("/window/accepted_per_second"),
        of("/window/refused_per_second"),
        of("/window/shown_per_second"),
        of("/latencies_ms/due_to_ack/p99"),
        of("/latencies_ms/due_to_shown/p99"),
        step.cpu(),
        if step.gateways == 1 { "–".to_owned() } else { format!("{:.2}", step.others()) },
        of("/window/generator_cores"),
        of("/window/shown_per_second") * of("/window/bytes_per_message") * 8.0 / 1e6,
        if step.holds() { "yes" } else { "no" },
    )
}

/// What of the machine is full first.
fn limit(step: &Step) -> String {
    let cores = step.report.get("/machine/cores").max(1.0);
    let (server, load) = (step.cpu(), step.report.get("/window/generator_cores"));
    let refused = step.report.get("/window/refused_per_second");
    let others = step.others();
    let beside = if step.gateways == 1 {
        String::new()
    } else {
        format!(", {others:.2} those of persister, Kafka and Cassandra")
    };
    let processor = if server + others + load > 0.85 * cores {
        format!(
            "the processor: {server:.2} of {cores:.0} cores are the server's{beside}, {load:.2} the generator's"
        )
    } else {
        format!(
            "not the processor ({server:.2} cores are the server's{beside}, {load:.2} the generator's): the order of commits, or other work on the machine"
        )
    };
    format!("{processor}; refused {refused:.0}/s")
}

fn tell(
    steps: &str,
    held: &[Step],
    failed: Option<&Step>,
    alone: &Step,
    full: &Step,
    viewers: f64,
) -> String {
    let who = match alone.gateways {
        1 => "one process".to_owned(),
        gateways => format!("{gateways} gateways, a persister, a broker and a database node"),
    };
    let mut text = format!(
        "| viewers, feed | offered/s | accepted/s | refused/s | shown/s | ack p99 ms | shown p99 ms | server's cores | persister's, Kafka's, Cassandra's | generator's | Mbit/s | holds |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n{steps}\n\
         Measured with {who} on {}, which the generator shares; a step holds if {:.0}% is accepted and acked within {HOLDS_P99_MS:.0} ms at p99.\n\n",
        alone.report.machine(),
        HOLDS_SHARE * 100.0
    );
    if let Some(failed) = failed {
        let _ = writeln!(text, "At {:.0}/s the first limit is {}.\n", failed.rate, limit(failed));
    }
    if held.is_empty() {
        text += "No step held; what follows is reckoned from the first, which did not.\n\n";
    }
    // On a full machine viewers of a sample are shown less and cost less: they are reckoned where they were shown most.
    let most = held.iter().chain(failed.filter(|_| held.is_empty()));
    let Some(held) = most.max_by(|a, b| a.shown().total_cmp(&b.shown())) else {
        return text + "Nothing was played.\n";
    };
    let accept = alone.cpu() / alone.report.get("/window/accepted_per_second").max(1.0);
    let accepted = held.report.get("/window/accepted_per_second");
    let viewer = (held.cpu() - accept * accepted).max(0.0) / viewers.max(1.0);
    let shown = held.shown() / viewers.max(1.0);
    let bytes = shown * held.report.get("/window/bytes_per_message");
    let delivery = (full.cpu() - accept * full.report.get("/window/accepted_per_second")).max(0.0)
        / full.report.get("/window/shown_per_second").max(1.0);
    let beside = if alone.gateways == 1 {
        String::new()
    } else {
        let beside = alone.others() / alone.report.get("/window/accepted_per_second").max(1.0);
        let (here, peak) = (beside * 1e6, beside * RATE);
        format!("| persister, Kafka, Cassandra | {here:.1} CPU-s per million | {peak:.1} cores |\n")
    };
    let all = RATE / ROOMS * VIEWERS;
    let full_bytes = full.report.get("/window/bytes_per_message");
    let _ = write!(
        text,
        "Arithmetic from these figures, for {RATE:.0} messages a second and {VIEWERS:.0} viewers (generator and network cards not counted):\n\n\
         | | measured here | at the peak |\n|---|--:|--:|\n\
         | accepting | {:.1} CPU-s per million | {:.1} cores |\n{beside}\
         | a viewer on `auto`, shown {shown:.1} messages a second | {:.1} CPU-µs and {:.1} kB a second | {:.1} cores, {:.1} Gbit/s |\n\
         | everything to everyone | {:.3} CPU-s per million at {:.1} messages a read, {full_bytes:.0} bytes each | {:.2} billion a second: {:.0} cores, {:.0} Gbit/s |\n",
        accept * 1e6,
        accept * RATE,
        viewer * 1e6,
        bytes / 1e3,
        viewer * VIEWERS,
        bytes * VIEWERS * 8.0 / 1e9,
        delivery * 1e6,
        full.report.get("/window/messages_per_read"),
        all / 1e9,
        delivery * all,
        full_bytes * all * 8.0 / 1e9,
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(rate: f64, accepted: f64, shown: f64, cores: f64) -> Step {
        let report = json!({
            "machine": { "cores": 2, "cpu": "x", "system": "y" },
            "window": { "offered_per_second": rate, "accepted_per_second": accepted, "shown_per_second": shown, "bytes_per_message": 100.0 },
            "latencies_ms": { "due_to_ack": { "p99": 10.0 } },
            "processes": [{ "cores": cores }],
        });
        Step { rate, report: Report::of(report), gateways: 1 }
    }

    #[test]
    fn a_step_holds_if_nearly_all_is_accepted() {
        assert!(step(1000.0, 980.0, 0.0, 1.0).holds());
        assert!(!step(1000.0, 900.0, 0.0, 1.0).holds());
    }

    #[test]
    fn the_peak_is_reckoned_from_what_was_measured() {
        // Accepting: 1 core for 10,000/s. 100 viewers: half a core and 1,000 messages a second of 100 bytes each.
        let (held, alone) =
            (step(10_000.0, 10_000.0, 100_000.0, 1.5), step(10_000.0, 10_000.0, 30_000.0, 1.0));
        let full = step(0.0, 0.0, 1e6, 1.0);
        let text = tell("", &[held], None, &alone, &full, 100.0);
        assert!(text.contains("| accepting | 100.0 CPU-s per million | 4.2 cores |"), "{text}");
        assert!(text.contains("| a viewer on `auto`, shown 1000.0 messages a second | "), "{text}");
        assert!(text.contains("5000.0 CPU-µs and 100.0 kB a second | 750.0 cores, 120.0 Gbit/s"), "{text}");
        assert!(text.contains("2.08 billion a second: 2083 cores, 1667 Gbit/s"), "{text}");
    }

    #[test]
    fn of_a_cluster_gateways_and_what_they_stand_on_are_told_apart() {
        let report = json!({
            "window": { "accepted_per_second": 1_000.0 },
            "processes": [{ "cores": 0.1 }, { "cores": 0.2 }, { "cores": 0.05 }, { "cores": 0.2 }, { "cores": 0.25 }],
        });
        let step = || Step { rate: 1_000.0, report: Report::of(report.clone()), gateways: 2 };
        assert!((step().cpu() - 0.3).abs() < 1e-9 && (step().others() - 0.5).abs() < 1e-9);
        let text = tell("", &[step()], None, &step(), &step(), 100.0);
        assert!(text.contains("with 2 gateways, a persister, a broker and a database node on"), "{text}");
        assert!(text.contains("| accepting | 300.0 CPU-s per million | 12.5 cores |"), "{text}");
        assert!(
            text.contains("| persister, Kafka, Cassandra | 500.0 CPU-s per million | 20.8 cores |"),
            "{text}"
        );
        assert!(
            limit(&step()).contains("0.50 those of persister, Kafka and Cassandra"),
            "{}",
            limit(&step())
        );
    }

    #[test]
    fn a_viewer_is_reckoned_where_it_was_shown_most() {
        let alone = || step(10_000.0, 10_000.0, 0.0, 1.0);
        let steps = [step(1_000.0, 1_000.0, 100_000.0, 0.6), step(10_000.0, 10_000.0, 10_000.0, 1.2)];
        let text = tell("", &steps, Some(&step(20_000.0, 1.0, 1e6, 2.0)), &alone(), &alone(), 100.0);
        assert!(text.contains("shown 1000.0 messages a second | 5000.0 CPU-µs"), "{text}");
        assert!(text.contains("At 20000/s the first limit is"), "{text}");
        let text = tell("", &[], Some(&step(1_000.0, 1.0, 100.0, 2.0)), &alone(), &alone(), 100.0);
        assert!(text.contains("No step held") && text.contains("shown 1.0 messages a second"), "{text}");
    }

    #[test]
    fn a_step_is_a_scenario_of_three_rooms() {
        let text = scenario(15_000.0, 41_667.0, 20, "auto");
        assert_eq!(text.matches("viewers = 5000").count(), 3);
        assert_eq!(text.matches("[3, 13889.0]").count(), 3);
    }
}
