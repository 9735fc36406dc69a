//! `cargo xtask bench`: every benchmark of the workspace, one crate after the other so that none disturbs another.

use crate::{
    failure::Result,
    note,
    process::{Workspace, check},
};

const CRATES: [&str; 3] = ["transformer-styles", "event-log", "chat-store"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for name in CRATES {
        note(&format!("benchmarks of {name}"));
        check(workspace.cargo().args(["bench", "-p", name]))?;
    }
    Ok(())
}
