//! `cargo xtask cluster up`: a real broker, a real database and some gateways on this machine, without Docker.
//!
//! It builds both programs and becomes `test-servers cluster`, which starts and ends everything.

use std::process::{ExitCode, Stdio};

use crate::{
    failure::{Failure, Result},
    note,
    process::{Workspace, check},
    run, servers,
};

pub(crate) fn command(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    match arguments.split_first() {
        Some((up, rest)) if up == "up" => start(workspace, rest),
        _ => Err(Failure::Usage("`cluster` takes `up`; see `cargo xtask help`".into())),
    }
}

fn start(workspace: &Workspace, rest: &[String]) -> Result<ExitCode> {
    servers::provide_tools()?;
    run::build_web(workspace)?;
    note("building the server (the first build takes some minutes)");
    check(workspace.cargo().args(["build", "--release", "-p", "server", "--bin", "twitchy"]))?;
    let mut command = workspace.cargo();
    // It finds the server beside itself, wherever the target folder is.
    command.args(["run", "-q", "--release", "-p", "test-servers", "--bin", "test-servers", "--", "cluster"]);
    command.args(rest).stdin(Stdio::inherit());
    run::replace_self(command)
}
