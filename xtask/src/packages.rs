//! Packages of a Debian: installed where that can be done without asking.
//!
//! It does not know what a package is for; who needs one has the line that a person can run instead.

use crate::{
    failure::Result,
    note,
    process::{Workspace, ask, check, find_program},
};

/// There is `apt-get`, and we are root.
pub(crate) fn can_install(workspace: &Workspace) -> bool {
    find_program(&["apt-get"]).is_some()
        && ask(workspace.command("id").arg("-u")).is_some_and(|user| user == "0")
}

/// Installs `packages`; `what` says to a person what they are.
pub(crate) fn install(workspace: &Workspace, what: &str, packages: &[&str]) -> Result<()> {
    note(&format!("installing {what} (apt-get)"));
    check(apt_get(workspace).arg("update"))?;
    check(apt_get(workspace).args(["install", "-y", "--no-install-recommends"]).args(packages))
}

/// `apt-get` that asks nothing, waits its turn, and tries again when the network fails.
fn apt_get(workspace: &Workspace) -> std::process::Command {
    let mut command = workspace.command("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args([
        "-q",
        "-o",
        "DPkg::Lock::Timeout=300",
        "-o",
        "Acquire::Retries=3",
    ]);
    command
}
