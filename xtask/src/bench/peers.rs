//! The servers of a comparison: how each is got, and with which words it is started ([`super::server`] does it).
//!
//! What cannot be had is told and left out, never silently. Nothing here is installed for the machine: NATS comes from Go's
//! module proxy into `target/bench`, the Node servers into `load-tests/peers/node_modules`.

use super::server::{Program, Ready, Server, empty_folder, free_address};
use crate::{
    failure::{Failure, Result},
    node, note,
    process::{Workspace, check, find_program},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The version that is asked of Go's module proxy.
const NATS: &str = "github.com/nats-io/nats-server/v2@v2.15.3";

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Twitchy,
    Nats,
    Ws,
    SocketIo,
    Axum,
    Limit,
}

impl Kind {
    pub(super) const ALL: [Self; 6] =
        [Self::Twitchy, Self::Nats, Self::Ws, Self::SocketIo, Self::Axum, Self::Limit];

    /// Also the name of its file in `load-tests/peers`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Twitchy => "twitchy",
            Self::Nats => "nats",
            Self::Ws => "ws",
            Self::SocketIo => "socketio",
            Self::Axum => "axum",
            Self::Limit => "limit",
        }
    }

    /// Gets it; the error says why there is none.
    pub(super) fn provide(self, workspace: &Workspace) -> std::result::Result<(), String> {
        let told = |failure: Failure| failure.to_string();
        match self {
            // Built with us.
            Self::Twitchy | Self::Axum | Self::Limit => Ok(()),
            Self::Nats => {
                if nats(workspace).is_file() {
                    return Ok(());
                }
                find_program(&["go"]).ok_or("Go is not here (https://go.dev/dl; any newer than 1.21)")?;
                note("fetching and building NATS (some minutes)");
                let bin = workspace.path("target/bench/bin");
                let mut command = workspace.command("go");
                command.args(["install", NATS]).env("GOBIN", bin).env("GOFLAGS", "-mod=mod");
                // Outside of any module; the folder is there as soon as anything was built.
                check(command.current_dir(std::env::temp_dir())).map_err(told)
            }
            Self::Ws | Self::SocketIo => {
                node::find(workspace).map_err(|lack| told(lack.into()))?;
                let folder = workspace.path("load-tests/peers");
                if is_newer(
                    &folder.join("node_modules/.package-lock.json"),
                    &folder.join("package-lock.json"),
                ) {
                    return Ok(());
                }
                note("fetching the packages of the Node servers");
                let mut command = workspace.command("npm");
                command.args(["ci", "--no-audit", "--no-fund", "--silent"]);
                check(command.current_dir(folder)).map_err(told)
            }
        }
    }
}

/// Was this made after that?
fn is_newer(this: &Path, that: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    time(this).zip(time(that)).is_some_and(|(this, that)| this >= that)
}

fn nats(workspace: &Workspace) -> PathBuf {
    workspace.path("target/bench/bin/nats-server")
}

/// Where and how servers run.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) workspace: &'a Workspace,
    /// The core that the server stays on, if it is to stay on one.
    pub(super) core: Option<usize>,
    /// Twitchy's configuration; without it, the shipped one.
    pub(super) config: Option<&'a str>,
}

impl Place<'_> {
    /// Starts one, with nothing in its store.
    pub(super) fn start(&self, kind: Kind) -> Result<Server> {
        let address = free_address()?;
        let data = empty_folder(self.workspace, &format!("data-{}-{}", kind.name(), address.port()))?;
        let script = |name: &str| self.workspace.path("load-tests/peers").join(name).display().to_string();
        let port = address.port().to_string();
        let words: Vec<String> = match kind {
            Kind::Twitchy => {
                let program = self.workspace.path("target/release/twitchy").display().to_string();
                let mut words = vec![program, "serve".into(), "--listen".into(), address.to_string()];
                words.extend(["--data".to_owned(), data.join("data").display().to_string()]);
                if let Some(config) = self.config {
                    words.extend(["--config".to_owned(), self.workspace.path(config).display().to_string()]);
                }
                words
            }
            Kind::Axum | Kind::Limit => {
                let program = self.workspace.path(format!("target/release/peer-{}", kind.name()));
                vec![program.display().to_string(), address.to_string()]
            }
            Kind::Ws => vec!["node".into(), script("ws.cjs"), port],
            Kind::SocketIo => vec!["node".into(), script("socketio.cjs"), port],
            Kind::Nats => {
                let clients = free_address()?;
                let text = format!(
                    "listen: \"{clients}\"\nmax_connections: 65536\nwrite_deadline: \"30s\"\n\
                     websocket {{ listen: \"{address}\", no_tls: true, compression: false }}\n"
                );
                let config = data.join("nats.conf");
                fs::write(&config, text).map_err(|source| Failure::file(&config, source))?;
                vec![nats(self.workspace).display().to_string(), "-c".into(), config.display().to_string()]
            }
        };
        let program = Program { name: kind.name(), words, variables: Vec::new(), core: self.core };
        program.start(self.workspace, address, data, Ready::Listens)
    }
}
