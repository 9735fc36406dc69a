//! `cargo xtask gen-types`: the web client's TypeScript types, written by the protocol crate.
//!
//! It does not know the types. The generator is a binary of the protocol crate; here is only where its answer
//! belongs and whether the one in the repository is still the same.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    failure::{Failure, Result},
    note,
    process::{Workspace, check as run},
};

/// The one generated file, kept in the repository so that a change of the protocol is a visible difference.
const GENERATED: &str = "web/src/protocol/__generated__/protocol.ts";

pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let path = workspace.path(GENERATED);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::file(folder, error))?;
    }
    generate(workspace, &path)?;
    note(&format!("wrote {GENERATED}"));
    Ok(())
}

/// Fails if the file in the repository is not what the protocol crate would write.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let path = workspace.path(GENERATED);
    let fresh = FreshFile::new();
    generate(workspace, &fresh.path)?;
    let wanted = fs::read_to_string(&fresh.path).map_err(|error| Failure::file(&fresh.path, error))?;
    let found = fs::read_to_string(&path).unwrap_or_default();
    match first_difference(&found, &wanted) {
        None => {
            note(&format!("{GENERATED} is current"));
            Ok(())
        }
        Some(line) => Err(Failure::Repository(format!(
            "{GENERATED}:{line}: differs from what the protocol crate says; renew it with `cargo xtask gen-types`"
        ))),
    }
}

fn generate(workspace: &Workspace, out: &Path) -> Result<()> {
    run(workspace
        .cargo()
        .args(["run", "-q", "-p", "protocol", "--features", "ts", "--bin", "gen-types", "--"])
        .arg(out))
}

/// The number of the first line that differs, from 1.
fn first_difference(found: &str, wanted: &str) -> Option<usize> {
    if found == wanted {
        return None;
    }
    let same = found.lines().zip(wanted.lines()).take_while(|(found, wanted)| found == wanted).count();
    Some(same + 1)
}

/// A file that goes away with this value.
struct FreshFile {
    path: PathBuf,
}

impl FreshFile {
    fn new() -> Self {
        Self { path: std::env::temp_dir().join(format!("twitchy-protocol-{}.ts", std::process::id())) }
    }
}

impl Drop for FreshFile {
    fn drop(&mut self) {
        // Nothing to do if it was never written.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn the_first_line_that_differs_is_told() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("", "a\n"), Some(1));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
        assert_eq!(first_difference("a\nb", "a\nb\n"), Some(3), "only the end of the last line is missing");
    }
}
