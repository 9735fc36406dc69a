//! What is wrong with a configuration, one line each: where, which setting, what was expected.

use std::fmt;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything else.
    Default,
    /// A file.
    File {
        /// Its name.
        name: String,
        /// The line, from 1, where it is known.
        line: Option<usize>,
    },
    /// An environment variable of this name.
    Environment(String),
    /// A flag, as `--listen`.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line: Some(line) } => write!(f, "{name}:{line}"),
            Self::File { name, line: None } => f.write_str(name),
            Self::Environment(variable) => f.write_str(variable),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it was said.
    pub source: Source,
    /// The setting, as `limits.connections` or `rooms[1] "ohio"`; empty where it is about the whole source.
    pub key: String,
    /// What is wrong and what helps.
    pub text: String,
}

impl Finding {
    pub(super) fn new(source: Source, key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { source, key: key.into(), text: text.into() }
    }
}

impl fmt::Display for Finding {
    /// One line: control characters, which may come from a file or the environment, are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        if self.source != Source::Default {
            line = format!("{}: ", self.source);
        }
        if !self.key.is_empty() {
            line = format!("{line}{}: ", self.key);
        }
        line.push_str(&self.text);
        for c in line.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        Ok(())
    }
}

impl Findings {
    /// In the order in which one mends them: down the file, then the environment, flags, and what nobody said.
    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|finding| match &finding.source {
            Source::File { line, .. } => (0, line.unwrap_or(0)),
            Source::Environment(_) => (1, 0),
            Source::Flag(_) => (2, 0),
            Source::Default => (3, 0),
        });
    }
}

/// Everything that is wrong, one line each. Never empty as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl From<Finding> for Findings {
    fn from(finding: Finding) -> Self {
        Self(vec![finding])
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            write!(f, "{}{finding}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}
