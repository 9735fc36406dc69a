//! Targets of a crowd that is shown much: what a message to a viewer costs, how late it comes, and in how many bytes.
//!
//! The limit is a server that does nothing but send ([`Kind::Limit`]): what it needs nobody gets below. Start with [`limit`].

use super::{How, ROUNDS, Reached, Stage, is_whole, not_whole};
use crate::{
    bench::{
        peers::Kind,
        play::{Report, median},
    },
    failure::Result,
};

const STEADY: &str = "load-tests/bench/viewers-10000-steady.toml";
const COST: &str = "/processes/0/cpu_seconds_per_million_shown";
const P99: &str = "/latencies_ms/due_to_shown/p99";

fn apart() -> How<'static> {
    How { apart: true, ..How::default() }
}

pub(super) fn fan(stage: &Stage<'_>) -> Result<Reached> {
    Ok(fan_of(&stage.play("load-tests/bench/viewers-1000-rate-400.toml", &apart())?))
}

fn fan_of(report: &Report) -> Reached {
    let (cost, p99) = (report.get(COST), report.get(P99));
    let words = format!(
        "{cost:.2} CPU-s per million, p50 {:.0} ms, p99 {p99:.0} ms at {:.0} shown/s, {:.1} messages a read{}",
        report.get("/latencies_ms/due_to_shown/p50"),
        report.get("/window/shown_per_second"),
        report.get("/window/messages_per_read"),
        not_whole(report)
    );
    Reached { words, holds: cost <= 0.90 && p99 < 80.0 && is_whole(report) }
}

pub(super) fn steady(stage: &Stage<'_>) -> Result<Reached> {
    Ok(steady_of(&stage.play(STEADY, &apart())?))
}

fn steady_of(report: &Report) -> Reached {
    let (cost, p99) = (report.get(COST), report.get(P99));
    let words = format!(
        "{cost:.2} CPU-s per million, p99 {p99:.0} ms at {:.0} messages/s, {:.1} million shown/s, on {:.2} cores (generator {:.2}){}",
        report.get("/window/accepted_per_second"),
        report.get("/window/shown_per_second") / 1e6,
        report.get("/processes/0/cores"),
        report.get("/window/generator_cores"),
        not_whole(report)
    );
    Reached { words, holds: cost <= 0.40 && p99 < 1_000.0 && is_whole(report) }
}

pub(super) fn limit(stage: &Stage<'_>) -> Result<Reached> {
    let full = stage.play(STEADY, &apart())?.get("/window/accepted_per_second");
    let half = stage.write("half.toml", &half_of(full))?;
    let (mut ours, mut least) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(stage.play(&half, &apart())?);
        least.push(stage.play_at(Kind::Limit, &half, &apart())?);
    }
    Ok(limit_of(full / 2.0, &ours, &least))
}

/// As many viewers at half of this rate, reached step by step.
fn half_of(rate: f64) -> String {
    let half = (rate / 2.0).max(1.0);
    format!(
        "about = \"10,000 viewers, half the rate that they can be shown.\"\nseconds = 26\nwarm_seconds = 10\nwriters = 32\n\
         text_bytes = 100\nopening_max = 512\n\n[[rooms]]\nrate = [[0, {:.1}], [5, {half:.1}]]\nviewers = 10000\n",
        half / 10.0
    )
}

fn limit_of(rate: f64, ours: &[Report], least: &[Report]) -> Reached {
    let (p99, p99_least) = (median(ours, P99), median(least, P99));
    let bytes = |reports| median(reports, "/window/bytes_per_message");
    let are_whole = ours.iter().chain(least).all(is_whole);
    let words = format!(
        "at {rate:.0} messages/s p99 {p99:.0} ms, the least server's {p99_least:.0} ms; {:.2} and {:.2} CPU-s per million; {:.0} and {:.0} bytes a message{}",
        median(ours, COST),
        median(least, COST),
        bytes(ours),
        bytes(least),
        if are_whole { "" } else { "; **not clean**, or not all there" },
    );
    Reached { words, holds: p99 <= p99_least && p99 > 0.0 && are_whole }
}

pub(super) fn deflate(stage: &Stage<'_>) -> Result<Reached> {
    Ok(deflate_of(&stage.play("load-tests/bench/deflate.toml", &apart())?))
}

fn deflate_of(report: &Report) -> Reached {
    let share = report.get("/window/wire_share");
    let words = format!(
        "{share:.3} of the plain bytes: {:.0} bytes a message at {:.1} messages a read, our mark of 24 bytes in each{}",
        report.get("/window/bytes_per_message"),
        report.get("/window/messages_per_read"),
        not_whole(report)
    );
    Reached { words, holds: share > 0.0 && share <= 0.25 && is_whole(report) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn with(path: &str, value: Value) -> Report {
        let mut report = json!({
            "viewers": 10, "writers": 1, "connected": 11, "checks": { "clean": true },
            "window": { "accepted_per_second": 400.0, "bytes_per_message": 300.0, "wire_share": 0.25 },
            "latencies_ms": { "due_to_shown": { "p99": 79.0 } },
            "processes": [{ "cpu_seconds_per_million_shown": 0.4 }],
        });
        *report.pointer_mut(path).expect("it is there") = value;
        Report::of(report)
    }

    fn good() -> Report {
        with("/viewers", json!(10))
    }

    #[test]
    fn what_is_just_enough_holds_and_what_is_not_does_not() {
        for of in [fan_of, steady_of, deflate_of] {
            assert!(of(&good()).holds, "{}", of(&good()).words);
            assert!(!of(&with("/checks/clean", json!(false))).holds);
            assert!(!of(&with("/connected", json!(10))).holds);
        }
        assert!(!fan_of(&with(COST, json!(0.91))).holds && !fan_of(&with(P99, json!(80.0))).holds);
        assert!(!steady_of(&with(COST, json!(0.41))).holds && !steady_of(&with(P99, json!(1_000.0))).holds);
        let share = |share: f64| deflate_of(&with("/window/wire_share", json!(share)));
        assert!(!share(0.251).holds && !share(0.0).holds, "nothing that was measured is nothing reached");
    }

    #[test]
    fn the_least_server_is_what_p99_is_compared_with() {
        let reached = limit_of(200.0, &[good()], &[good()]);
        assert!(reached.holds && reached.words.contains("at 200 messages/s p99 79 ms"), "{}", reached.words);
        let slower = with(P99, json!(80.0));
        assert!(!limit_of(200.0, std::slice::from_ref(&slower), &[good()]).holds);
        assert!(limit_of(200.0, &[good()], &[slower]).holds);
        assert!(!limit_of(200.0, &[good()], &[with("/checks/clean", json!(false))]).holds);
    }

    #[test]
    fn half_the_rate_is_a_scenario() {
        assert!(half_of(900.0).contains("rate = [[0, 45.0], [5, 450.0]]"), "{}", half_of(900.0));
    }
}
