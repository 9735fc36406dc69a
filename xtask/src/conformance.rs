//! The cases of Autobahn's WebSocket test suite against `twitchy conformance-echo`, which speaks over the very code that the
//! chat's sockets do. The client that plays them is `kosoku` from PyPI, in an environment of its own under `target`.
//!
//! Cases 12 and 13 are those of compression. Of them those are left out that ask for a window of another size, which is not
//! agreed on (docs/decisions/0013), and, for their time, most of those that send a thousand long messages: 12.1 and 13.1 are
//! played whole, and of the others what is below 8 KiB.

use std::{path::PathBuf, process::Command, time::Duration};

use crate::{
    failure::{Failure, Result},
    journey::{Server, server_binary},
    note,
    process::{Workspace, check, find_program},
};

const KOSOKU: &str = "kosoku==0.1.0";

/// Cases 9 send messages of 16 MiB.
const MESSAGE_BYTES_MAX: &str = "33554432";

/// The first case of a group of 12 or 13 that sends 8 KiB at once, and the last one.
const LONG: u32 = 6;
const LAST: u32 = 18;

const READY_TIME_MAX: Duration = Duration::from_secs(60);

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let kosoku = provide(workspace)?;
    let mut echo = Command::new(server_binary(workspace)?);
    echo.current_dir(workspace.root()).args(["conformance-echo", "--listen", "127.0.0.1:0"]);
    echo.args(["--message-bytes-max", MESSAGE_BYTES_MAX]);
    // Ended when it is dropped.
    let server = Server::start(&echo)?;
    let address = server.wait_until_ready(READY_TIME_MAX)?;
    let address = address.trim_start_matches("http://");
    note(&format!("the echo is ready at {address}; playing the cases"));
    let report = workspace.path("target/conformance/report");
    let mut play = workspace.command(kosoku);
    play.args(["-m", "fuzzingclient"]);
    for left_out in left_out() {
        play.args(["-x", &left_out]);
    }
    play.arg("-o").arg(report).arg(address);
    check(&mut play)
}

/// Cases that are not played.
fn left_out() -> Vec<String> {
    // `server_max_window_bits` of 9, or of 8, without another offer beside it.
    let windows = ["13.3.*", "13.5.*"].map(str::to_owned);
    let others = ["12.2", "12.3", "12.4", "12.5", "13.2", "13.4", "13.6", "13.7"];
    let long = others.iter().flat_map(|group| (LONG..=LAST).map(move |case| format!("{group}.{case}")));
    windows.into_iter().chain(long).collect()
}

/// Installs it where it is not there yet.
fn provide(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.path("target/conformance/python");
    let kosoku = folder.join("bin/kosoku");
    if kosoku.is_file() {
        return Ok(kosoku);
    }
    let python = find_program(&["python3"]).ok_or_else(|| Failure::Missing {
        what: "Python 3".into(),
        remedy: "apt-get install python3 python3-venv".into(),
    })?;
    check(workspace.command(python).args(["-m", "venv"]).arg(&folder))?;
    check(workspace.command(folder.join("bin/pip")).args(["install", "--quiet", KOSOKU]))?;
    Ok(kosoku)
}
