//! One scenario against one server, or against several that are one to users: calls the generator and reads its report.

use super::{peers::Kind, server::Server};
use crate::{
    failure::{Failure, Result},
    process::{Workspace, line_of},
};
use serde_json::Value;
use std::{
    fs,
    io::{self, IsTerminal as _},
    process::Stdio,
    thread,
    time::Duration,
};

/// How often something is looked at while the generator is at work.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is asked of the generator beside the scenario.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) scale: Option<f64>,
    pub(super) seconds: Option<f64>,
    pub(super) core: Option<usize>,
    /// Where the report goes, below `target/bench`.
    pub(super) out: String,
}

/// A report of the generator.
#[derive(Clone, Debug)]
pub(super) struct Report(Value);

/// A server keeps up with a rate if so much of it is offered, so much of that accepted, and acked within this time at p99.
pub(super) const HOLDS_SHARE: f64 = 0.95;
pub(super) const HOLDS_P99_MS: f64 = 1_000.0;

impl Report {
    /// Was what is offered at this rate taken in, and soon?
    pub(super) fn keeps_up_with(&self, rate: f64) -> bool {
        let offered = self.get("/window/offered_per_second");
        self.get("/window/accepted_per_second") >= HOLDS_SHARE * offered
            && offered >= HOLDS_SHARE * rate
            && self.get("/latencies_ms/due_to_ack/p99") <= HOLDS_P99_MS
    }

    /// A number in it, by its path; 0 where there is none.
    pub(super) fn get(&self, path: &str) -> f64 {
        self.number(path).unwrap_or(0.0)
    }

    pub(super) fn text(&self, path: &str) -> &str {
        self.0.pointer(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// A number in it, if it is there.
    pub(super) fn number(&self, path: &str) -> Option<f64> {
        self.0.pointer(path).and_then(Value::as_f64)
    }

    /// Did every viewer get what it was promised?
    pub(super) fn is_clean(&self) -> bool {
        self.0.pointer("/checks/clean").and_then(Value::as_bool) == Some(true)
    }

    /// Where it was measured, and how busy that was.
    pub(super) fn machine(&self) -> String {
        format!(
            "{} cores of {}, {}, load {} before",
            self.get("/machine/cores"),
            self.text("/machine/cpu"),
            self.text("/machine/system"),
            self.text("/machine/load")
        )
    }

    /// What was seen each second.
    pub(super) fn timeline(&self) -> &[Value] {
        self.0.pointer("/timeline").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    #[cfg(test)]
    pub(super) fn of(value: Value) -> Self {
        Self(value)
    }
}

/// The figure in the middle; of an even number, the lower of the two.
pub(super) fn median(reports: &[Report], path: &str) -> f64 {
    let mut values: Vec<f64> = reports.iter().map(|report| report.get(path)).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// Who is loaded and who is watched.
#[derive(Debug)]
pub(super) struct Target {
    /// Where viewers are.
    pub(super) urls: Vec<String>,
    /// Where writers are; none: where viewers are.
    pub(super) write: Option<String>,
    /// Names and process ids.
    pub(super) pids: Vec<(&'static str, u32)>,
    /// Who says how far the store is behind.
    pub(super) lag: Option<String>,
    /// How one speaks to what is not Twitchy.
    pub(super) peer: Option<String>,
}

/// Plays it. That a server breaks a promise, as to lose messages, is in the report and no error here.
pub(super) fn play(
    workspace: &Workspace,
    scenario: &str,
    kind: Kind,
    server: &Server,
    wish: &Wish,
) -> Result<Report> {
    let twitchy = kind == Kind::Twitchy;
    let target = Target {
        urls: vec![server.url()],
        write: None,
        pids: vec![(kind.name(), server.pid())],
        lag: twitchy.then(|| server.url()),
        peer: (!twitchy).then(|| format!("load-tests/peers/{}.toml", kind.name())),
    };
    play_at(workspace, scenario, &target, wish, &mut || ())
}

/// As [`play`], at any target; looks at something while it plays.
pub(super) fn play_at(
    workspace: &Workspace,
    scenario: &str,
    target: &Target,
    wish: &Wish,
    look: &mut dyn FnMut(),
) -> Result<Report> {
    let out = workspace.path("target/bench").join(&wish.out);
    let _ = fs::remove_dir_all(&out);
    let mut command = workspace.command(workspace.path("target/release/twitchy-load"));
    command.args(["run", scenario, "--out"]).arg(&out);
    // Who looks on sees each second; a file gets one line a run.
    if !io::stderr().is_terminal() {
        command.arg("--quiet");
    }
    let pids: Vec<String> = target.pids.iter().map(|(name, pid)| format!("{name}={pid}")).collect();
    command.args(["--pids", &pids.join(",")]);
    let of_wish = [
        ("--scale", wish.scale.map(|scale| scale.to_string())),
        ("--seconds", wish.seconds.map(|seconds| seconds.to_string())),
        ("--core", wish.core.map(|core| core.to_string())),
    ];
    let of_target =
        [("--write", target.write.clone()), ("--lag", target.lag.clone()), ("--peer", target.peer.clone())];
    for (flag, value) in of_wish.into_iter().chain(of_target) {
        command.args(value.iter().flat_map(|value| [flag, value]));
    }
    command.args(&target.urls).stdout(Stdio::null());
    let line = line_of(&command);
    let failed = |source| Failure::Start { line: line.clone(), source };
    let mut child = command.spawn().map_err(failed)?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        look();
        thread::sleep(LOOK_EVERY);
    };
    let Ok(report) = fs::read(out.join("report.json")) else {
        return Err(Failure::Command { line, status });
    };
    let what = || "wrote a report that is not JSON".to_owned();
    serde_json::from_slice(&report).map(Report).map_err(|_| Failure::Answer { line, what: what() })
}
