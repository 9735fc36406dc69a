//! Node and npm: whether they are there, and new enough for the web client's tools.
//!
//! It does not install them: which of the many ways suits a machine is its owner's choice.

use std::fmt;

use crate::{
    failure::Failure,
    process::{Workspace, ask, find_program},
};

/// How to get Node, for every message that says it is missing.
const REMEDY: &str = "https://nodejs.org/en/download (Node 20.19 or newer, with npm)";

/// Node and npm, found and new enough.
#[derive(Debug)]
pub(crate) struct Node {
    /// As `node --version` says it: `v20.19.0`.
    pub(crate) version: String,
}

/// What keeps the web client from being built here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    Node,
    Npm,
    TooOld(String),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node => f.write_str("Node"),
            Self::Npm => f.write_str("npm (Node is here)"),
            Self::TooOld(version) => write!(f, "a newer Node (this is {version})"),
        }
    }
}

impl From<Lack> for Failure {
    fn from(lack: Lack) -> Self {
        Self::Missing { what: lack.to_string(), remedy: REMEDY.into() }
    }
}

pub(crate) fn find(workspace: &Workspace) -> Result<Node, Lack> {
    if find_program(&["node"]).is_none() {
        return Err(Lack::Node);
    }
    let version = ask(workspace.command("node").arg("--version")).ok_or(Lack::Node)?;
    if !is_new_enough(&version) {
        return Err(Lack::TooOld(version));
    }
    if ask(workspace.command("npm").arg("--version")).is_none() {
        return Err(Lack::Npm);
    }
    Ok(Node { version })
}

/// What Vite asks for: 20.19 or newer of the 20s, 22.12 or newer of the 22s, or later; the odd 21 is too old.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return false };
    match major {
        0..=19 | 21 => false,
        20 => minor >= 19,
        22 => minor >= 12,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, expected) in [
            ("v20.19.0", true),
            ("v20.20.2", true),
            ("v20.9.0", false),
            ("v18.20.4", false),
            ("v21.7.3", false),
            ("v22.11.0", false),
            ("v22.12.0", true),
            ("v24.0.0", true),
            ("v100.0.0", true),
            ("", false),
            ("nonsense", false),
            ("v20", false),
        ] {
            assert_eq!(is_new_enough(version), expected, "{version}");
        }
    }

    #[test]
    fn what_is_missing_is_named_with_its_remedy() {
        let text = Failure::from(Lack::TooOld("v18.20.4".into())).to_string();
        assert!(text.contains("v18.20.4") && text.contains("nodejs.org"), "{text}");
    }
}
