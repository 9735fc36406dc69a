//! Starting other programs: where the workspace is, which cargo to call, how a command is shown and checked.
//!
//! It does not know what the programs are for. Everything a program prints is passed on live, and to standard
//! error, because standard output belongs to results.

use std::{
    env,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::failure::{Failure, Result};

/// The checkout that this program works on.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Asks cargo's environment first: a checkout may have been moved since this program was built.
    pub(crate) fn find() -> Self {
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        Self { root }
    }

    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A command in the root of the checkout, which reads nothing.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// The cargo that runs us, without what it says about the package `xtask`: build scripts of other packages
    /// watch those variables, and would build again at each change from one caller to another.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (name, _) in env::vars_os() {
            let of_package = name.to_str().is_some_and(|name| {
                ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
                    .iter()
                    .any(|start| name.starts_with(start))
            });
            if of_package {
                command.env_remove(name);
            }
        }
        if in_ci() {
            set_default(&mut command, "CARGO_INCREMENTAL", "0");
            set_default(&mut command, "CARGO_TERM_PROGRESS_WHEN", "never");
            set_default(&mut command, "CARGO_NET_RETRY", "5");
            if env::var_os("GITHUB_ACTIONS").is_some() {
                set_default(&mut command, "CARGO_TERM_COLOR", "always");
            }
        }
        set_default(&mut command, "RUST_BACKTRACE", "1");
        command
    }
}

/// Whether this is a build nobody watches.
pub(crate) fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false" && value != "0")
}

fn set_default(command: &mut Command, name: &str, value: &str) {
    if env::var_os(name).is_none() {
        command.env(name, value);
    }
}

/// Runs to the end; what it prints goes to standard error as it comes.
pub(crate) fn check(command: &mut Command) -> Result<()> {
    command.stdout(Stdio::from(io::stderr()));
    let status = command.status().map_err(|source| Failure::Start { line: line_of(command), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Command { line: line_of(command), status }) }
}

/// Runs to the end and gives what it wrote to standard output; its standard error is passed on live.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    command.stderr(Stdio::inherit());
    let Output { status, stdout, .. } =
        command.output().map_err(|source| Failure::Start { line: line_of(command), source })?;
    if !status.success() {
        return Err(Failure::Command { line: line_of(command), status });
    }
    String::from_utf8(stdout).map_err(|_| Failure::Answer {
        line: line_of(command),
        what: "answered with bytes that are not UTF-8".into(),
    })
}

/// What a tool answers to a question such as `--version`, or nothing if it is not there or fails.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as a person would type it, without its folder and environment.
pub(crate) fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    command.get_args().fold(program, |line, argument| {
        let argument = argument.to_string_lossy();
        if argument.is_empty() || argument.contains(char::is_whitespace) {
            format!("{line} '{argument}'")
        } else {
            format!("{line} {argument}")
        }
    })
}

/// The first of these programs that is on the search path.
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    names.iter().find_map(|name| {
        env::split_paths(&folders)
            .map(|folder| folder.join(format!("{name}{}", env::consts::EXE_SUFFIX)))
            .find(|candidate| candidate.is_file())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new(Path::new("some").join("folder").join("cargo"));
        command.args(["test", "a name", ""]);
        assert_eq!(line_of(&command), "cargo test 'a name' ''");
    }

    #[test]
    fn a_program_that_is_not_there_is_not_found() {
        assert_eq!(find_program(&["no-such-program-here"]), None);
    }

    #[test]
    fn a_failing_command_is_an_error_that_names_it() {
        let workspace = Workspace::find();
        let failure =
            check(workspace.cargo().args(["--no-such-flag"]).stderr(Stdio::null())).expect_err("must fail");
        assert!(failure.to_string().starts_with("`cargo --no-such-flag` failed"), "{failure}");
    }
}
