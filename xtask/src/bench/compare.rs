//! The comparison: every server in turn, round by round, so that a machine that slows down slows all; medians are told.

use super::{
    LOAD_CORE, SERVER_CORE, number,
    peers::{Kind, Place},
    play::{Report, Wish, median, play},
    publish, unknown,
};
use crate::{
    failure::{Failure, Result},
    note,
    process::Workspace,
};
use std::{collections::BTreeMap, fmt::Write as _};

/// Rounds of twenty minutes, and of three.
const ROUNDS: usize = 3;
const ROUNDS_QUICK: usize = 1;
const CASES: [&str; 4] = [IDLE, "viewers-1000-rate-50", "viewers-1000-rate-400", "viewers-10000-rate-40"];
/// Where memory is measured: hashing passwords leaves more behind than viewers need.
const IDLE: &str = "viewers-5000-idle";
/// Cases without the large crowd, whose connecting alone takes minutes.
const CASES_QUICK: usize = 3;
const SECONDS_QUICK: f64 = 6.0;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Options {
    pub(super) quick: bool,
    pub(super) rounds: Option<usize>,
    /// Names of servers; none: all.
    pub(super) only: Vec<String>,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            match flag.as_str() {
                "--quick" => options.quick = true,
                "--rounds" => {
                    let rounds: usize = number(flag, rest.next())?;
                    if rounds == 0 {
                        return Err(Failure::Usage("`--rounds` has to be above 0".into()));
                    }
                    options.rounds = Some(rounds);
                }
                "--only" => {
                    let names = rest.next().map(String::as_str).unwrap_or_default();
                    options.only = names.split(',').map(str::to_owned).collect();
                    let known = |name: &String| Kind::ALL.iter().any(|kind| kind.name() == name);
                    if let Some(name) = options.only.iter().find(|name| !known(name)) {
                        let all = Kind::ALL.map(Kind::name).join(", ");
                        return Err(Failure::Usage(format!("there is no server {name:?}, only {all}")));
                    }
                }
                other => return Err(unknown(other)),
            }
        }
        Ok(options)
    }
}

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    super::build(workspace, super::Engines::Embedded)?;
    let mut missing = Vec::new();
    let wanted = |kind: &Kind| options.only.is_empty() || options.only.iter().any(|name| name == kind.name());
    let mut kinds = Vec::new();
    for kind in Kind::ALL.into_iter().filter(wanted) {
        match kind.provide(workspace) {
            Ok(()) => kinds.push(kind),
            Err(why) => missing.push(format!("{} is left out: {why}", kind.name())),
        }
    }
    missing.iter().for_each(|line| note(line));
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    let pinned = cores > LOAD_CORE;
    let place = Place {
        workspace,
        core: pinned.then_some(SERVER_CORE),
        config: Some("load-tests/bench/twitchy.toml"),
    };
    let rounds = options.rounds.unwrap_or(if options.quick { ROUNDS_QUICK } else { ROUNDS });
    let cases = if options.quick { &CASES[..CASES_QUICK] } else { &CASES[..] };
    let mut all: BTreeMap<(usize, usize), Vec<Report>> = BTreeMap::new();
    let (mut number, plays) = (0, rounds * cases.len() * kinds.len());
    for round in 1..=rounds {
        for (case, scenario) in cases.iter().enumerate() {
            for (index, kind) in kinds.iter().enumerate() {
                number += 1;
                note(&format!("{number} of {plays}, round {round}: {scenario}, {}", kind.name()));
                let wish = Wish {
                    seconds: options.quick.then_some(SECONDS_QUICK),
                    core: pinned.then_some(LOAD_CORE),
                    out: format!("{scenario}-{}-{round}", kind.name()),
                    ..Wish::default()
                };
                let server = place.start(*kind)?;
                let scenario = format!("load-tests/bench/{scenario}.toml");
                match play(workspace, &scenario, *kind, &server, &wish) {
                    Ok(report) => all.entry((case, index)).or_default().push(report),
                    // One that falls over does not end the comparison.
                    Err(failure) => missing.push(format!("{}, {scenario}: {failure}", kind.name())),
                }
            }
        }
    }
    let text = table(cases, &kinds, &all, &missing, rounds, pinned);
    publish(workspace, "report.md", &text)
}

fn table(
    cases: &[&str],
    kinds: &[Kind],
    all: &BTreeMap<(usize, usize), Vec<Report>>,
    missing: &[String],
    rounds: usize,
    pinned: bool,
) -> String {
    let machine =
        all.values().flatten().next().map_or_else(|| "nothing was played".to_owned(), Report::machine);
    let where_ = if pinned { "server on one core, generator on another" } else { "not pinned" };
    let what = match rounds {
        1 => "One round".to_owned(),
        rounds => format!("Medians of {rounds} rounds"),
    };
    let mut text =
        format!("{what}, servers in turn; {machine}; {where_}; loopback, no TLS, no compression.\n");
    for line in missing {
        let _ = writeln!(text, "- {line}");
    }
    for (case, scenario) in cases.iter().enumerate() {
        if (0..kinds.len()).all(|index| !all.contains_key(&(case, index))) {
            continue;
        }
        let ours = kinds.iter().position(|kind| *kind == Kind::Twitchy).and_then(|at| all.get(&(case, at)));
        let head = if *scenario == IDLE {
            "| server | KiB a viewer | connected | in seconds |\n|---|--:|--:|--:|\n"
        } else {
            "| server | shown/s | CPU-s per million | times ours | cores | p50 ms | p99 ms | messages a read | bytes each | lost or late \
             | generator's core |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        };
        let _ = write!(text, "\n### {scenario}\n\n{head}");
        for (index, kind) in kinds.iter().enumerate() {
            let Some(reports) = all.get(&(case, index)) else { continue };
            let m = |path: &str| median(reports, path);
            let cost = m("/processes/0/cpu_seconds_per_million_shown");
            let times = match ours.map(|ours| median(ours, "/processes/0/cpu_seconds_per_million_shown")) {
                Some(ours) if ours > 0.0 => format!("{:.1}", cost / ours),
                _ => "–".to_owned(),
            };
            if *scenario == IDLE {
                let (took, kib) = (m("/connect_seconds"), m("/processes/0/memory_per_viewer") / 1024.0);
                let _ = writeln!(text, "| {} | {kib:.1} | {:.0} | {took:.1} |", kind.name(), m("/connected"));
                continue;
            }
            let _ = writeln!(
                text,
                "| {} | {:.0} | {cost:.2} | {times} | {:.2} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} | {:.2} |",
                kind.name(),
                m("/window/shown_per_second"),
                m("/processes/0/cores"),
                m("/latencies_ms/due_to_shown/p50"),
                m("/latencies_ms/due_to_shown/p99"),
                m("/window/messages_per_read"),
                m("/window/bytes_per_message"),
                m("/checks/lost"),
                m("/window/generator_cores"),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_middle_figure_is_told_and_the_ratio_is_to_ours() {
        let report = |cost: f64| {
            Report::of(
                json!({ "processes": [{ "cpu_seconds_per_million_shown": cost }], "machine": { "cpu": "x" } }),
            )
        };
        let all = BTreeMap::from([
            ((0, 0), vec![report(9.0), report(2.0), report(4.0)]),
            ((0, 1), vec![report(8.0)]),
        ]);
        let text =
            table(&["case"], &[Kind::Twitchy, Kind::Nats], &all, &["ws is left out: no npm".into()], 3, true);
        assert!(text.contains("| twitchy | 0 | 4.00 | 1.0 |"), "{text}");
        assert!(
            text.contains("| nats | 0 | 8.00 | 2.0 |") && text.contains("- ws is left out: no npm"),
            "{text}"
        );
        assert!(text.starts_with("Medians of 3 rounds, servers in turn"), "{text}");
        let text = table(&["case"], &[Kind::Twitchy], &all, &[], 1, true);
        assert!(text.starts_with("One round, servers in turn"), "{text}");
        let text = table(&["case"], &[], &BTreeMap::new(), &["nats is left out: no go".into()], 1, true);
        assert!(text.contains("nothing was played") && text.contains("- nats is left out: no go"), "{text}");
        assert!(!text.contains("###"), "{text}");
    }
}
