//! What the bench of the cluster says: tables for `docs/performance.md`, and the inputs that `docs/capacity.md` reckons with.

use super::{
    HOLDS_LAG_SECONDS, HOLDS_SLOPE, QUIET_RATE, QUIET_VIEWERS, RATES, ROLES, Step,
    parts::{Idle, Joins, Return},
};
use crate::bench::{
    mission::RATE,
    play::{HOLDS_P99_MS, HOLDS_SHARE},
};
use std::fmt::Write as _;

/// All that was found.
pub(super) struct Findings<'a> {
    pub(super) steps: &'a [Step],
    pub(super) latency: &'a Step,
    pub(super) idle: Idle,
    pub(super) joins: Joins,
    pub(super) returns: &'a [Return],
}

pub(super) fn report(found: &Findings<'_>) -> String {
    let mut steps: Vec<&Step> = found.steps.iter().collect();
    steps.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let mut text = format!(
        "Gateway A (writers), gateway B (viewers), a persister, one broker, one database node and the load, all on {}; release \
         build, one copy of everything, three styled rooms, 60-byte texts.\n\n",
        found.latency.report.machine(),
    );
    rates(&mut text, &steps);
    costs(&mut text, &steps);
    others(&mut text, found);
    inputs(&mut text, found, &steps);
    text
}

fn rates(text: &mut String, steps: &[&Step]) {
    *text += "| offered/s | accepted/s | refused/s | no answer | due to acked p50 · p99 ms | due to shown at B p50 · p99 ms | \
              lag, least · most · last | lag grows by records/s | bytes a record on the topic | holds |\n\
              |--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n";
    for step in steps {
        let of = |path: &str| step.report.get(path);
        let both = |of_what: &str| {
            let at = |quantile: &str| of(&format!("/latencies_ms/{of_what}/{quantile}"));
            format!("{:.0} · {:.0}", at("p50"), at("p99"))
        };
        let lag = step.lag;
        let _ = writeln!(
            text,
            "| {:.0} | {:.0} | {:.0} | {:.0} | {} | {} | {:.0} · {:.0} · {:.0} | {:+.0} | {:.0} | {} |",
            of("/window/offered_per_second"),
            step.accepted(),
            of("/window/refused_per_second"),
            of("/checks/without_answer"),
            both("due_to_ack"),
            both("due_to_shown"),
            lag.least,
            lag.most,
            lag.last,
            lag.slope,
            step.bytes_a_record,
            if step.holds() { "yes" } else { "no" },
        );
    }
    let _ = write!(
        text,
        "\nA step holds if {:.0}% is accepted, acked within {HOLDS_P99_MS:.0} ms at p99, and the persister's lag grows by less than \
         {:.0}% of the rate and ends below {HOLDS_LAG_SECONDS:.0} s of it. ",
        HOLDS_SHARE * 100.0,
        HOLDS_SLOPE * 100.0
    );
    let _ = match highest(steps) {
        Some(step) => writeln!(text, "The highest that held: **{:.0}/s**.\n", step.accepted()),
        None => writeln!(text, "None held.\n"),
    };
}

fn highest<'a>(steps: &[&'a Step]) -> Option<&'a Step> {
    steps.iter().rfind(|step| step.holds()).copied()
}

/// Processor seconds of one role for a million messages.
fn per_million(step: &Step, role: usize) -> f64 {
    step.cores()[role] * 1e6 / step.accepted().max(1.0)
}

fn costs(text: &mut String, steps: &[&Step]) {
    *text +=
        "CPU-seconds per million accepted messages, and the share of all that was used:\n\n| offered/s |";
    let names = || ROLES.into_iter().chain(["generator"]);
    names().for_each(|name| *text += &format!(" {name} |"));
    *text += " all | cores |\n|--:|";
    *text += &"--:|".repeat(names().count() + 2);
    *text += "\n";
    for step in steps {
        let cores = step.cores();
        let all: f64 = cores.iter().sum();
        let _ = write!(text, "| {:.0} |", step.rate);
        for (role, cores) in cores.iter().enumerate() {
            let _ = write!(text, " {:.1} · {:.0}% |", per_million(step, role), cores / all.max(1e-9) * 100.0);
        }
        let _ = writeln!(text, " {:.1} | {all:.2} |", all * 1e6 / step.accepted().max(1.0));
    }
    *text += "\n";
}

fn others(text: &mut String, found: &Findings<'_>) {
    let quiet = |of_what: &str| {
        let at = |quantile: &str| found.latency.report.get(&format!("/latencies_ms/{of_what}/{quantile}"));
        format!("{:.1} · {:.1} ms", at("p50"), at("p99"))
    };
    let Idle { connections, process, kernel, buffers } = found.idle;
    let Joins { count, cpu_ms, p50_ms, p99_ms } = found.joins;
    let _ = write!(
        text,
        "| | |\n|---|--:|\n\
         | a sender at A to {QUIET_VIEWERS} viewers at B, {QUIET_RATE:.0} messages/s, p50 · p99 | {} |\n\
         | the same, to the sender's ack | {} |\n\
         | a record on the topic at that rate | {:.0} bytes |\n\
         | an idle connection ({connections:.0} of them): the process | {:.2} kB |\n\
         | the same: the kernel's objects · its buffers, one end | {:.1} kB · {:.1} kB |\n\
         | a join with the last ten messages ({count:.0} within 10 s): CPU of the gateway | {cpu_ms:.2} ms |\n\
         | the same: until it has joined, p50 · p99 | {p50_ms:.1} · {p99_ms:.1} ms |\n",
        quiet("due_to_shown"),
        quiet("due_to_ack"),
        found.latency.bytes_a_record,
        process / 1e3,
        kernel / 1e3,
        buffers / 1e3,
    );
    for how in ["stood still", "was killed"] {
        let of: Vec<&Return> = found.returns.iter().filter(|back| back.how == how).collect();
        let told = |of: &mut dyn Iterator<Item = f64>| {
            of.map(|seconds| format!("{seconds:.2}")).collect::<Vec<_>>().join(", ")
        };
        let acks = told(&mut of.iter().map(|back| back.first_ack.as_secs_f64()));
        let starts = told(&mut of.iter().filter_map(|back| back.start).map(|start| start.as_secs_f64()));
        let starts = if starts.is_empty() { starts } else { format!(" (its own start took {starts} s)") };
        let _ = writeln!(
            text,
            "| the broker {how} for 10 s: from its return to the first ack | {acks} s{starts} |"
        );
    }
    *text += "\n";
}

fn inputs(text: &mut String, found: &Findings<'_>, steps: &[&Step]) {
    let Some(step) = highest(steps).or(steps.last().copied()) else { return };
    let at = |rate: f64| steps.iter().find(|step| (step.rate - rate).abs() < 1.0).copied().unwrap_or(step);
    let (slow, fast) = (at(RATES[0]), at(RATES[1]));
    let _ = write!(
        text,
        "For `docs/capacity.md`, at {:.0} and {:.0}/s offered, and what the latter makes at {RATE:.0}/s:\n\n\
         | input | | CPU-s per million | cores at the peak |\n|---|---|--:|--:|\n",
        slow.rate, fast.rate
    );
    // In the order of the roles.
    let roles = [
        ("c", "a gateway: accept, append to Kafka, follow, ack"),
        ("d", "a gateway: follow and encode"),
        ("n", "a persister"),
        ("j", "a broker, one copy"),
        ("l", "a database node, one copy"),
    ];
    for (role, (letter, what)) in roles.into_iter().enumerate() {
        let cost = per_million(fast, role);
        let _ = writeln!(
            text,
            "| *{letter}* | {what} | {:.1} · {cost:.1} | {:.2} |",
            per_million(slow, role),
            cost * RATE / 1e6
        );
    }
    let _ = write!(
        text,
        "\n*o*: {:.0}/s{}. *p*: {:.0} bytes ({:.0} at {QUIET_RATE:.0}/s). *h*: {:.2} kB and {:.1} kB of the kernel. *q*: {:.2} ms.\n",
        step.accepted(),
        if step.holds() { "" } else { ", which did not hold" },
        fast.bytes_a_record,
        found.latency.bytes_a_record,
        found.idle.process / 1e3,
        (found.idle.kernel + found.idle.buffers) / 1e3,
        found.joins.cpu_ms,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{cluster::Lag, play::Report};
    use serde_json::json;
    use std::time::Duration;

    fn step(rate: f64) -> Step {
        let cores = |cores: f64| json!({ "cores": cores });
        let report = json!({
            "machine": { "cores": 2, "cpu": "x", "system": "y", "load": "1" },
            "window": { "offered_per_second": rate, "accepted_per_second": rate, "generator_cores": 0.25 },
            "latencies_ms": { "due_to_shown": { "p50": 3.0, "p99": 9.0 } },
            "processes": [cores(0.5), cores(0.1), cores(0.05), cores(0.1), cores(0.25)],
        });
        Step { rate, report: Report::of(report), lag: Lag::default(), bytes_a_record: 123.0 }
    }

    #[test]
    fn costs_shares_and_inputs_are_told() {
        let steps = [step(15_000.0), step(5_000.0)];
        let back = Return {
            how: "was killed",
            first_ack: Duration::from_millis(1_250),
            start: Some(Duration::from_secs(4)),
        };
        let text = report(&Findings {
            steps: &steps,
            latency: &step(QUIET_RATE),
            idle: Idle { connections: 5_000.0, process: 1_400.0, kernel: 3_000.0, buffers: 0.0 },
            joins: Joins { count: 100.0, cpu_ms: 0.25, p50_ms: 1.0, p99_ms: 2.0 },
            returns: &[back],
        });
        // 0.5 cores at 5,000/s; 0.5 of 1.25 in all.
        assert!(text.contains("| 5000 | 100.0 · 40% |"), "{text}");
        assert!(text.contains("The highest that held: **15000/s**"), "{text}");
        assert!(text.contains("3.0 · 9.0 ms"), "{text}");
        assert!(text.contains("first ack | 1.25 s (its own start took 4.00 s)"), "{text}");
        // 0.5 cores at 15,000/s are 33.3 CPU-s per million, and 1.39 cores at the peak.
        assert!(text.contains("| 100.0 · 33.3 | 1.39 |"), "{text}");
    }
}
