//! A seeded simulation of the core: accept, log, feed, followers, sessions and connection drivers, the real code, in one
//! thread with paused time, over a simulated log, store and network, with simulated clients. Every choice comes from one
//! number, so what a seed found can be seen again:
//!
//! ```text
//! SIM_SEED=17 cargo test -p server --test sim        one seed, with its trace
//! SIM_SEEDS=100000 cargo test -p server --test sim   more seeds than usual
//! SIM_CLUSTER_SEED=17, SIM_CLUSTER_SEEDS=100000      the same with several processes over one log and one store
//! ```
//!
//! Start with [`run::run`]; `process` puts the real parts together, `log`, `store` and `net` pretend to be the world
//! (`brokers` and `shared_log` for several processes, of which `cluster` tells the rest),
//! `clients` live in it. The judgement is the history checker's (`testkit::checker`).

mod brokers;
mod clients;
mod cluster;
mod dice;
mod life;
mod log;
mod net;
mod plan;
mod process;
mod run;
mod shared_log;
mod store;
mod world;

use run::{Outcome, run, run_cluster};

/// Seeds that once found something, each with what it was. They run before all others. When the simulation itself draws
/// other dice, a seed means another run: then take the bug back by hand and look for the seed that finds it now.
const KEPT: &[(u64, &str)] = &[
    (8, "stale-join: large batches pushed out of the ring what a join shows"),
    (
        45,
        "aborted-read: a nonce was free again while its first send was in doubt, and its second one refused",
    ),
    (220, "liveness: a crash brought back a checkpoint from before the trimmed log, and no start came up"),
];

/// The same of several processes.
const KEPT_CLUSTER: &[(u64, &str)] = &[(
    1145,
    "duplicate: a page that the store had refused was read again and shorter, and what was judged behind it was judged \
     no more",
)];

/// Seeds of a usual run: nearly two minutes of one core without optimisation.
const SEEDS: u64 = 2_000;
/// Seeds of a usual run with several processes.
const CLUSTER_SEEDS: u64 = 300;

fn told(variable: &str, seed: u64, outcome: &Outcome) -> String {
    let mut text = format!("seed {seed} found something; see it again with\n");
    text += &format!("    {variable}={seed} cargo test -p server --test sim\n");
    for problem in &outcome.problems {
        text += &format!("  {problem}\n");
    }
    for finding in &outcome.report.findings {
        text += &format!("  {}: {} ({})\n", finding.rule, finding.what, finding.room);
        for evidence in &finding.evidence {
            text += &format!("      {evidence}\n");
        }
    }
    for missing in &outcome.report.incomplete {
        text += &format!("  incomplete: {missing}\n");
    }
    text
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// The seed that is asked for, with its trace; `false` if none is.
fn one(variable: &str, run: fn(u64, bool) -> Outcome) -> bool {
    let Some(seed) = number(variable) else { return false };
    let outcome = run(seed, true);
    for line in &outcome.trace {
        eprintln!("{line}");
    }
    eprintln!("hash of this run: {:016x}, {} second records", outcome.hash(), outcome.repeats);
    assert!(outcome.is_clean(), "{}", told(variable, seed, &outcome));
    true
}

/// Second records of one message among all runs, and how often a partition fell asleep.
fn none_finds_anything(
    variable: &str,
    run: fn(u64, bool) -> Outcome,
    seeds: impl Iterator<Item = u64>,
) -> (u64, u64) {
    let (mut simulated, mut records, mut events, mut repeats, mut naps, mut found) =
        (0, 0, 0, 0, 0, Vec::new());
    for seed in seeds {
        let outcome = run(seed, false);
        simulated += outcome.simulated.as_secs();
        records += outcome.records;
        events += outcome.events.len();
        repeats += outcome.repeats;
        naps += outcome.naps;
        if !outcome.is_clean() {
            eprintln!("{}", told(variable, seed, &outcome));
            found.push(seed);
        }
    }
    eprintln!(
        "{} simulated hours, {records} records, {repeats} of them second ones, {events} events, {naps} times a partition \
         fell asleep",
        simulated / 3_600
    );
    assert!(found.is_empty(), "{} seeds found something: {found:?}", found.len());
    (repeats, naps)
}

fn range(seeds: &str, usual: u64) -> std::ops::Range<u64> {
    let from = number("SIM_FROM").unwrap_or(1);
    from..from + number(seeds).unwrap_or(usual)
}

#[test]
fn no_seed_finds_anything() {
    if one("SIM_SEED", run) {
        return;
    }
    none_finds_anything("SIM_SEED", run, with_kept(KEPT, range("SIM_SEEDS", SEEDS)));
}

fn with_kept(kept: &'static [(u64, &str)], seeds: std::ops::Range<u64>) -> impl Iterator<Item = u64> {
    let kept = kept.iter().map(|(seed, _)| *seed);
    kept.clone().chain(seeds.filter(move |seed| !kept.clone().any(|kept| kept == *seed)))
}

#[test]
fn no_seed_of_a_cluster_finds_anything() {
    if one("SIM_CLUSTER_SEED", run_cluster) {
        return;
    }
    let seeds = with_kept(KEPT_CLUSTER, range("SIM_CLUSTER_SEEDS", CLUSTER_SEEDS));
    let (repeats, naps) = none_finds_anything("SIM_CLUSTER_SEED", run_cluster, seeds);
    assert!(naps > 0, "no partition ever fell asleep, so none was woken");
    assert!(repeats > 0, "no two processes ever wrote the same nonce, and that is what these runs are for");
}

#[test]
fn a_seed_gives_the_same_run_every_time() {
    for (run, seeds) in [(run as fn(u64, bool) -> Outcome, 1..=50), (run_cluster, 1..=20)] {
        for seed in seeds {
            let (first, second) = (run(seed, true), run(seed, true));
            let differs = first.trace.iter().zip(&second.trace).find(|(a, b)| a != b);
            assert_eq!(differs, None, "seed {seed}");
            assert_eq!(first.hash(), second.hash(), "seed {seed}");
        }
    }
}
