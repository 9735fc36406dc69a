//! `cargo xtask run`: from a fresh clone to a printed address.
//!
//! It knows neither the server's options nor what it prints: everything after `--` is passed on, and on Unix
//! this process *becomes* the server, so that input, output, signals and the exit code are the server's own.

use std::process::{Command, ExitCode};

use crate::{
    failure::{Failure, Result},
    node, note,
    process::{Workspace, line_of},
    web,
};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    no_web: bool,
    serve: Vec<String>,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--no-web" => options.no_web = true,
                "--" => options.serve = rest.by_ref().cloned().collect(),
                other => {
                    return Err(Failure::Usage(format!(
                        "`run` does not take `{other}`; what is meant for the server comes after `--`"
                    )));
                }
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    if options.no_web {
        note("web: left out (--no-web)");
    } else {
        build_web(workspace)?;
    }
    note("building and starting the server (the first build takes some minutes)");
    let mut command = workspace.cargo();
    command
        .args(["run", "--release", "-p", "server", "--bin", "twitchy", "--", "serve"])
        .args(&options.serve)
        .stdin(std::process::Stdio::inherit());
    replace_self(command)
}

/// What the machine lacks is said in one line and does not keep the server from starting; a client that does not
/// build is a fault of the sources, and serving the one of yesterday would hide it.
pub(crate) fn build_web(workspace: &Workspace) -> Result<()> {
    if !web::is_present(workspace) {
        note("web: there is no client in web/; serving the API and a plain page");
        return Ok(());
    }
    let node = match node::find(workspace) {
        Ok(node) => node,
        Err(lack) => {
            note(&format!("web: {}; serving the API and a plain page until then", Failure::from(lack)));
            return Ok(());
        }
    };
    if let Err(failure) = web::install(workspace, &node) {
        note(&format!("web: {failure}; going on without a new build of the client"));
        return Ok(());
    }
    web::build(workspace)
}

#[cfg(unix)]
pub(crate) fn replace_self(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    let source = command.exec();
    Err(Failure::Start { line: line_of(&command), source })
}

#[cfg(not(unix))]
pub(crate) fn replace_self(mut command: Command) -> Result<ExitCode> {
    let status = command.status().map_err(|source| Failure::Start { line: line_of(&command), source })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options> {
        Options::parse(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn what_follows_the_dashes_is_the_servers() {
        let options = parse(&["--no-web", "--", "--data", "d", "--", "--no-web"]).expect("valid");
        assert_eq!(
            options,
            Options { no_web: true, serve: ["--data", "d", "--", "--no-web"].map(String::from).into() }
        );
        assert_eq!(parse(&[]).expect("valid"), Options::default());
    }

    #[test]
    fn the_servers_options_before_the_dashes_are_refused_with_advice() {
        let failure = parse(&["--listen", "127.0.0.1:0"]).expect_err("must be refused");
        assert!(failure.to_string().contains("after `--`"), "{failure}");
    }
}
