//! One scenario against one server: calls the generator and reads its report.

use super::peers::{Kind, Server};
use crate::{
    failure::{Failure, Result},
    process::{Workspace, line_of},
};
use serde_json::Value;
use std::{fs, process::Stdio};

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

impl Report {
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

/// Plays it. That a server breaks a promise, as to lose messages, is in the report and no error here.
pub(super) fn play(
    workspace: &Workspace,
    scenario: &str,
    kind: Kind,
    server: &Server,
    wish: &Wish,
) -> Result<Report> {
    let out = workspace.path("target/bench").join(&wish.out);
    let _ = fs::remove_dir_all(&out);
    let mut command = workspace.command(workspace.path("target/release/twitchy-load"));
    command.args(["run", scenario, "--quiet", "--out"]).arg(&out);
    command.args(["--pids", &format!("{}={}", kind.name(), server.pid())]);
    if let Some(scale) = wish.scale {
        command.args(["--scale", &scale.to_string()]);
    }
    if let Some(seconds) = wish.seconds {
        command.args(["--seconds", &seconds.to_string()]);
    }
    if let Some(core) = wish.core {
        command.args(["--core", &core.to_string()]);
    }
    if kind == Kind::Twitchy {
        command.args(["--lag", &format!("http://{}", server.address)]);
    } else {
        command.args(["--peer", &format!("load-tests/peers/{}.toml", kind.name())]);
    }
    command.arg(format!("http://{}", server.address)).stdout(Stdio::null());
    let line = line_of(&command);
    let status = command.status().map_err(|source| Failure::Start { line: line.clone(), source })?;
    let Ok(report) = fs::read(out.join("report.json")) else {
        return Err(Failure::Command { line, status });
    };
    let what = || "wrote a report that is not JSON".to_owned();
    serde_json::from_slice(&report).map(Report).map_err(|_| Failure::Answer { line, what: what() })
}
