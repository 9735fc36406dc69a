//! The ways in which a command of ours ends badly, each with what to do about it.
//!
//! It knows no step and no tool: those name themselves in the values.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
};

/// `EX_USAGE` of `sysexits.h`.
const EXIT_USAGE: u8 = 64;

pub(crate) type Result<T> = std::result::Result<T, Failure>;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line was not understood.
    Usage(String),
    /// The machine lacks something; `remedy` is the line that installs it.
    Missing { what: String, remedy: String },
    /// A program could not be started.
    Start { line: String, source: io::Error },
    /// A program ran and said no.
    Command { line: String, status: ExitStatus },
    /// A program answered something other than what was asked for.
    Answer { line: String, what: String },
    /// A file could not be read or written.
    File { path: PathBuf, source: io::Error },
    /// The repository is not as it should be; the text says what to do.
    Repository(String),
}

impl Failure {
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(EXIT_USAGE),
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Repository(what) => f.write_str(what),
            Self::Missing { what, remedy } => write!(f, "{what} is missing; to get it: {remedy}"),
            Self::Start { line, source } => write!(f, "cannot start `{line}`: {source}"),
            Self::Command { line, status } => write!(f, "`{line}` failed: {status}"),
            Self::Answer { line, what } => write!(f, "`{line}`: {what}"),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}
