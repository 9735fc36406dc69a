//! What came of a run: as JSON for programs, as Markdown with plots for people.
//!
//! Rates and costs are of the measured part, after the warm-up. It judges nothing: that was done.

use crate::{
    judge::Findings,
    machine::Machine,
    plan::Counts,
    plot::{self, Line, Look},
    run::{Outcome, Second},
};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::{fmt::Write as _, fs, io, path::Path};

/// What the run was, for the head of the report.
pub struct About {
    pub scenario: String,
    pub about: String,
    pub scale: f64,
    pub command: String,
    pub warm_seconds: f64,
    pub watched: Vec<String>,
    pub machine: Machine,
}

#[derive(Debug, Serialize)]
pub struct Report {
    scenario: String,
    about: String,
    scale: f64,
    command: String,
    machine: Machine,
    viewers: usize,
    writers: usize,
    workers: usize,
    connected: usize,
    connect_seconds: f64,
    warm_seconds: f64,
    window: Window,
    latencies_ms: Latencies,
    checks: Checks,
    processes: Vec<Process>,
    /// Of the persisters, in records: at most, and at the end.
    lag: Option<(u64, u64)>,
    /// For rooms' pasts, while viewers came and went.
    store_reads: Option<u64>,
    counts: Counts,
    words: Vec<String>,
    timeline: Vec<Point>,
}

/// The measured part.
#[derive(Clone, Debug, Default, Serialize)]
struct Window {
    seconds: f64,
    offered_per_second: f64,
    accepted_per_second: f64,
    refused_per_second: f64,
    shown_per_second: f64,
    bytes_per_message: f64,
    /// What came over the wire, of what it would have been without compression.
    wire_share: f64,
    messages_per_read: f64,
    /// Cores that the generator kept busy. Near what it has, it is the limit.
    generator_cores: f64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Quantiles {
    count: u64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

#[derive(Debug, Serialize)]
struct Latencies {
    due_to_ack: Quantiles,
    due_to_shown: Quantiles,
    due_to_joined: Quantiles,
    due_to_back: Quantiles,
}

#[derive(Debug, Serialize)]
struct Checks {
    clean: bool,
    #[serde(flatten)]
    findings: Findings,
    unseen: u64,
    unexplained: u64,
    without_answer: u64,
    drain_seconds: f64,
}

#[derive(Debug, Serialize)]
struct Process {
    name: String,
    cpu_seconds: f64,
    cores: f64,
    cpu_seconds_per_million_shown: f64,
    cpu_seconds_per_million_accepted: f64,
    memory_before: u64,
    memory_with_viewers: u64,
    memory_most: u64,
    memory_per_viewer: f64,
}

#[derive(Debug, Serialize)]
struct Point {
    at: f64,
    offered: u64,
    accepted: u64,
    refused: u64,
    shown: u64,
    viewers: usize,
    ack_p50: f64,
    ack_p99: f64,
    shown_p50: f64,
    shown_p99: f64,
    generator_cores: f64,
    cores: Vec<f64>,
    lag: Option<u64>,
}

#[allow(clippy::cast_precision_loss)] // counts of a run
fn float(count: u64) -> f64 {
    count as f64
}

fn ms(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    if histogram.is_empty() { 0.0 } else { float(histogram.value_at_quantile(quantile)) / 1e3 }
}

impl Quantiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        let max = if histogram.is_empty() { 0.0 } else { float(histogram.max()) / 1e3 };
        let at = |quantile| ms(histogram, quantile);
        Self { count: histogram.len(), p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max }
    }
}

/// Change between two points of a run, each second.
fn rate(from: &Second, to: &Second, of: impl Fn(&Counts) -> u64) -> f64 {
    float(of(&to.counts).saturating_sub(of(&from.counts))) / (to.at - from.at).max(1e-9)
}

impl Report {
    pub fn new(about: About, outcome: &Outcome) -> Self {
        let seconds = &outcome.seconds;
        let warm = seconds.iter().rposition(|second| second.at <= about.warm_seconds + 1e-9);
        let zero = Second {
            at: 0.0,
            counts: Counts::default(),
            viewers: 0,
            acks: crate::plan::histogram(),
            shown: crate::plan::histogram(),
            generator_cpu: 0.0,
            watched: outcome.ready.clone(),
            lag: None,
        };
        let first = warm.map_or(&zero, |at| &seconds[at]);
        let last = seconds.last().unwrap_or(&zero);
        let took = (last.at - first.at).max(1e-9);
        let per = |of: fn(&Counts) -> u64| rate(first, last, of);
        let (shown, accepted) = (per(|c| c.shown) * took, per(|c| c.accepted) * took);
        let counts = outcome.counts();
        let window = Window {
            seconds: last.at - first.at,
            offered_per_second: per(|c| c.offered),
            accepted_per_second: per(|c| c.accepted),
            refused_per_second: per(Counts::refused),
            shown_per_second: per(|c| c.shown),
            bytes_per_message: per(|c| c.bytes) * took / shown.max(1.0),
            wire_share: per(|c| c.bytes) / (per(|c| c.bytes) + per(|c| c.saved)).max(1e-9),
            messages_per_read: shown / (per(|c| c.reads) * took).max(1.0),
            generator_cores: (last.generator_cpu - first.generator_cpu).max(0.0) / took,
        };
        let processes = about.watched.iter().enumerate().map(|(n, name)| {
            let cpu = last.watched[n].cpu - first.watched[n].cpu;
            let (before, ready) = (outcome.before[n].memory, outcome.ready[n].memory);
            Process {
                name: name.clone(),
                cpu_seconds: cpu,
                cores: cpu / took,
                cpu_seconds_per_million_shown: cpu * 1e6 / shown.max(1.0),
                cpu_seconds_per_million_accepted: cpu * 1e6 / accepted.max(1.0),
                memory_before: before,
                memory_with_viewers: ready,
                memory_most: last.watched[n].memory_most,
                memory_per_viewer: float(ready.saturating_sub(before))
                    / float(outcome.connected.max(1) as u64),
            }
        });
        let lags: Vec<u64> = seconds.iter().filter_map(|second| second.lag).collect();
        Self {
            viewers: outcome.viewers,
            writers: outcome.writers,
            workers: outcome.workers,
            connected: outcome.connected,
            connect_seconds: outcome.connect_seconds,
            warm_seconds: about.warm_seconds,
            window,
            latencies_ms: Latencies {
                due_to_ack: Quantiles::of(&outcome.latencies(|tally| &tally.acks)),
                due_to_shown: Quantiles::of(&outcome.latencies(|tally| &tally.shown)),
                due_to_joined: Quantiles::of(&outcome.latencies(|tally| &tally.joins)),
                due_to_back: Quantiles::of(&outcome.latencies(|tally| &tally.back)),
            },
            checks: Checks {
                clean: outcome.is_clean(),
                findings: outcome.findings,
                unseen: outcome.unseen,
                unexplained: outcome.unexplained,
                without_answer: counts
                    .offered
                    .saturating_sub(counts.unsent + counts.accepted + counts.refused()),
                drain_seconds: outcome.drain_seconds,
            },
            processes: processes.collect(),
            store_reads: outcome.store_reads,
            lag: lags.iter().max().copied().zip(lags.last().copied()),
            timeline: std::iter::once(&zero)
                .chain(seconds)
                .zip(seconds)
                .map(|(a, b)| Point::of(a, b))
                .collect(),
            words: outcome.tallies.iter().flat_map(|tally| tally.words.clone()).take(16).collect(),
            counts,
            scenario: about.scenario,
            about: about.about,
            scale: about.scale,
            command: about.command,
            machine: about.machine,
        }
    }

    /// Puts `report.json`, `report.md` and the plots into a folder.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("report.json"), serde_json::to_vec_pretty(self)?)?;
        fs::write(folder.join("report.md"), self.markdown())?;
        for (name, svg) in self.plots() {
            fs::write(folder.join(name), svg)?;
        }
        Ok(())
    }

    fn plots(&self) -> [(&'static str, String); 3] {
        let line = |name: &str, of: &dyn Fn(&Point) -> f64| Line {
            name: name.to_owned(),
            points: self.timeline.iter().map(|point| (point.at, of(point))).collect(),
        };
        let rates = [
            line("offered", &|p| float(p.offered)),
            line("accepted", &|p| float(p.accepted)),
            line("refused", &|p| float(p.refused)),
        ];
        let some = |value: f64| if value > 0.0 { value } else { f64::NAN };
        let latencies = [
            line("ack p50", &|p| some(p.ack_p50)),
            line("ack p99", &|p| some(p.ack_p99)),
            line("shown p50", &|p| some(p.shown_p50)),
            line("shown p99", &|p| some(p.shown_p99)),
        ];
        let mut cores = vec![line("generator", &|p| p.generator_cores)];
        for (n, process) in self.processes.iter().enumerate() {
            cores.push(line(&process.name, &|p| p.cores[n]));
        }
        let (even, logarithmic) = (
            Look { logarithmic: false, warm: self.warm_seconds },
            Look { logarithmic: true, warm: self.warm_seconds },
        );
        let title = |what: &str| format!("{}: {what}", self.scenario);
        [
            ("rate.svg", plot::svg(&title("messages"), "a second", &rates, even)),
            (
                "latency.svg",
                plot::svg(&title("latency from when a message was due"), "ms", &latencies, logarithmic),
            ),
            ("cpu.svg", plot::svg(&title("processor"), "cores", &cores, even)),
        ]
    }

    /// A few lines for the terminal.
    pub fn summary(&self) -> String {
        let Window { offered_per_second, accepted_per_second, refused_per_second, shown_per_second, .. } =
            self.window;
        let Latencies { due_to_ack: ack, due_to_shown: shown, .. } = self.latencies_ms;
        let mut text = format!(
            "{}: {} of {} connections, offered {offered_per_second:.0}/s, accepted {accepted_per_second:.0}/s, \
             refused {refused_per_second:.0}/s, shown {shown_per_second:.0}/s ({:.1} messages a read, {:.0} bytes each{})\n",
            self.scenario,
            self.connected,
            self.viewers + self.writers,
            self.window.messages_per_read,
            self.window.bytes_per_message,
            self.compressed()
        );
        for (name, q) in [
            ("due -> acked", ack),
            ("due -> shown", shown),
            ("due -> joined", self.latencies_ms.due_to_joined),
            ("due -> back", self.latencies_ms.due_to_back),
        ] {
            if q.count > 0 {
                let _ = writeln!(
                    text,
                    "{name}: p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms",
                    q.p50, q.p99, q.p999, q.max
                );
            }
        }
        for p in &self.processes {
            let _ = writeln!(
                text,
                "{}: {:.2} cores, {:.2} CPU-s per million shown, {:.1} per million accepted, {:.1} KiB a viewer",
                p.name,
                p.cores,
                p.cpu_seconds_per_million_shown,
                p.cpu_seconds_per_million_accepted,
                p.memory_per_viewer / 1024.0
            );
        }
        if let Some((most, last)) = self.lag {
            let _ = writeln!(text, "persister's lag: {most} at most, {last} at the end of the run");
        }
        if let Some(reads) = self.store_reads {
            let _ = writeln!(text, "reads of the store for rooms' pasts: {reads}");
        }
        let _ = writeln!(
            text,
            "generator: {:.2} cores in {}",
            self.window.generator_cores,
            self.processes_told()
        );
        text + &self.verdict() + "\n"
    }

    /// What compression made of the bytes, if there was any.
    fn compressed(&self) -> String {
        if self.counts.saved == 0 {
            return String::new();
        }
        format!(" compressed, {:.1}% of what they were", self.window.wire_share * 100.0)
    }

    fn processes_told(&self) -> String {
        match self.workers {
            1 => "one process".to_owned(),
            workers => format!("{workers} processes"),
        }
    }

    fn verdict(&self) -> String {
        let Checks { clean, findings: f, unseen, unexplained, without_answer, .. } = &self.checks;
        format!(
            "{}: {} lost, {} doubles, {} out of order, {unseen} accepted and not seen, {unexplained} unexplained; \
             {} told as gaps, {} as skipped; {without_answer} without an answer",
            if *clean { "clean" } else { "NOT CLEAN" },
            f.lost,
            f.doubles,
            f.disorder,
            f.told,
            f.skipped
        )
    }

    fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n{}\n\n", self.scenario, self.about);
        let _ = write!(
            text,
            "Scale {}. `{}`\n\n{}. Generator: {}, {:.2} cores.\n\n",
            self.scale,
            self.command,
            self.machine.line(),
            self.processes_told(),
            self.window.generator_cores
        );
        let w = &self.window;
        let _ = write!(
            text,
            "| | |\n|---|--:|\n| viewers and writers connected | {} of {} in {:.1} s |\n| measured | {:.0} s |\n\
             | offered | {:.0}/s |\n| accepted | {:.0}/s |\n| refused | {:.0}/s |\n| shown, all viewers together | {:.0}/s |\n\
             | bytes a shown message | {:.0}{} |\n| messages a read | {:.1} |\n\n",
            self.connected,
            self.viewers + self.writers,
            self.connect_seconds,
            w.seconds,
            w.offered_per_second,
            w.accepted_per_second,
            w.refused_per_second,
            w.shown_per_second,
            w.bytes_per_message,
            self.compressed(),
            w.messages_per_read
        );
        text += "| latency, ms | count | p50 | p90 | p99 | p99.9 | max |\n|---|--:|--:|--:|--:|--:|--:|\n";
        let l = &self.latencies_ms;
        for (name, q) in [
            ("due to acked", l.due_to_ack),
            ("due to shown", l.due_to_shown),
            ("due to joined", l.due_to_joined),
            ("due to back", l.due_to_back),
        ] {
            if q.count == 0 {
                continue;
            }
            let _ = writeln!(
                text,
                "| {name} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
                q.count, q.p50, q.p90, q.p99, q.p999, q.max
            );
        }
        if !self.processes.is_empty() {
            text += "\n| process | cores | CPU-s per million shown | per million accepted | KiB a viewer | MiB at most |\n|---|--:|--:|--:|--:|--:|\n";
        }
        for p in &self.processes {
            let _ = writeln!(
                text,
                "| {} | {:.2} | {:.2} | {:.1} | {:.1} | {} |",
                p.name,
                p.cores,
                p.cpu_seconds_per_million_shown,
                p.cpu_seconds_per_million_accepted,
                p.memory_per_viewer / 1024.0,
                p.memory_most / (1024 * 1024)
            );
        }
        if let Some((most, last)) = self.lag {
            let _ = write!(text, "\nThe persister was {most} records behind at most, {last} at the end.\n");
        }
        if let Some(reads) = self.store_reads {
            let _ = write!(text, "\nThe store was read {reads} times for rooms' pasts.\n");
        }
        let _ = write!(
            text,
            "\n**Checks.** {}. Connections that the server ended: {}; that failed: {}; viewers that came back: {}, with all they had missed: {}.\n\n",
            self.verdict(),
            self.counts.ended,
            self.counts.failed,
            self.counts.back,
            self.counts.recovered
        );
        for (code, count) in &self.counts.refused {
            let _ = writeln!(text, "- refused with `{code}`: {count}");
        }
        for word in &self.words {
            let _ = writeln!(text, "- {word}");
        }
        text + "\n![messages a second](rate.svg)\n\n![latency](latency.svg)\n\n![processor](cpu.svg)\n"
    }

    pub fn is_clean(&self) -> bool {
        self.checks.clean
    }
}

impl Point {
    fn of(before: &Second, now: &Second) -> Self {
        let took = (now.at - before.at).max(1e-9);
        let cores =
            now.watched.iter().zip(&before.watched).map(|(now, before)| (now.cpu - before.cpu) / took);
        let since = |of: fn(&Counts) -> u64| of(&now.counts).saturating_sub(of(&before.counts));
        Self {
            at: now.at,
            offered: since(|c| c.offered),
            accepted: since(|c| c.accepted),
            refused: since(Counts::refused),
            shown: since(|c| c.shown),
            viewers: now.viewers,
            ack_p50: ms(&now.acks, 0.5),
            ack_p99: ms(&now.acks, 0.99),
            shown_p50: ms(&now.shown, 0.5),
            shown_p99: ms(&now.shown, 0.99),
            generator_cores: (now.generator_cpu - before.generator_cpu).max(0.0) / took,
            cores: cores.collect(),
            lag: now.lag,
        }
    }
}
