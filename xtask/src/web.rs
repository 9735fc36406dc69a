//! The web client's packages and its build, both done again only when something changed.
//!
//! It does not know what the client is made of: that is said by the scripts of `web/package.json`, which it
//! calls by name (`check`, `test`, `build`). The server embeds `web/dist` when it is compiled, so the build here
//! comes before every cargo command that compiles the server.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    failure::{Failure, Result},
    node::Node,
    note,
    process::{Workspace, check},
};

/// Written after an install: for which lock file and which Node it was made.
const STAMP: &str = "web/node_modules/.xtask-stamp";

/// What the build writes last.
const BUILT: &str = "web/dist/index.html";

/// What lies in `web/` and is no source of the build.
const NOT_SOURCES: [&str; 5] = ["node_modules", "dist", "e2e", "test-results", "README.md"];

/// Installs the packages of the lock file, if that or Node changed since the last install.
pub(crate) fn install(workspace: &Workspace, node: &Node) -> Result<()> {
    let lock_path = workspace.path("web/package-lock.json");
    let lock = fs::read_to_string(&lock_path).map_err(|error| Failure::file(&lock_path, error))?;
    let wanted = stamp(&node.version, &lock);
    let stamp_path = workspace.path(STAMP);
    if fs::read_to_string(&stamp_path).is_ok_and(|found| found == wanted) {
        note("web: packages are current");
        return Ok(());
    }
    note("web: installing packages (npm ci)");
    check(
        workspace
            .command("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(workspace.path("web"))
            // The journey drives the browser of the system.
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"),
    )?;
    fs::write(&stamp_path, wanted).map_err(|error| Failure::file(&stamp_path, error))
}

fn stamp(node_version: &str, lock: &str) -> String {
    format!("node {node_version}\n{lock}")
}

/// Builds `web/dist`, if a source is newer than it.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    if is_built(&workspace.path("web"), &workspace.path(BUILT))? {
        note("web: web/dist is current");
        return Ok(());
    }
    note("web: building (npm run build)");
    script(workspace, "build")
}

/// Runs a script of `web/package.json`.
pub(crate) fn script(workspace: &Workspace, name: &str) -> Result<()> {
    check(workspace.command("npm").args(["run", name]).current_dir(workspace.path("web")))
}

/// Whether there is a web client to build at all.
pub(crate) fn is_present(workspace: &Workspace) -> bool {
    workspace.path("web/package.json").is_file()
}

fn is_built(web: &Path, built: &Path) -> Result<bool> {
    let Ok(built_at) = fs::metadata(built).and_then(|metadata| metadata.modified()) else { return Ok(false) };
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in entries(web)? {
        let is_source = !NOT_SOURCES.iter().any(|name| entry.file_name().is_some_and(|found| found == *name));
        if is_source {
            newest = newest.max(newest_in(&entry)?);
        }
    }
    Ok(newest <= built_at)
}

/// The latest change of a file, or of a folder and all in it: a folder's own time tells of files taken away.
fn newest_in(path: &Path) -> Result<SystemTime> {
    let metadata = fs::symlink_metadata(path).map_err(|error| Failure::file(path, error))?;
    let mut newest = metadata.modified().map_err(|error| Failure::file(path, error))?;
    if metadata.is_dir() {
        for entry in entries(path)? {
            newest = newest.max(newest_in(&entry)?);
        }
    }
    Ok(newest)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>())
        .map_err(|error| Failure::file(folder, error))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    use super::*;

    /// A folder of its own under the target folder's parent of temporary files, taken away at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let name = format!("xtask-web-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).expect("temporary folder");
            Self(path)
        }

        /// Writes a file that looks changed at `seconds` after the epoch, and its folders with it.
        fn file(&self, name: &str, seconds: u64) {
            let path = self.0.join(name);
            let folder = path.parent().expect("has a folder");
            fs::create_dir_all(folder).expect("folder");
            fs::write(&path, name).expect("file");
            set_time(&path, seconds);
            set_time(folder, seconds);
        }

        fn is_built(&self) -> bool {
            is_built(&self.0, &self.0.join("dist/index.html")).expect("readable")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn set_time(path: &Path, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::open(path).and_then(|file| file.set_modified(time)).expect("set time");
    }

    #[test]
    fn a_newer_source_asks_for_a_build() {
        let folder = Folder::new();
        folder.file("src/app/main.tsx", 100);
        set_time(&folder.0.join("src"), 100);
        assert!(!folder.is_built(), "nothing built yet");
        folder.file("dist/index.html", 200);
        assert!(folder.is_built());
        folder.file("src/app/main.tsx", 300);
        assert!(!folder.is_built());
    }

    #[test]
    fn a_source_taken_away_asks_for_a_build() {
        let folder = Folder::new();
        folder.file("src/gone.ts", 100);
        folder.file("dist/index.html", 200);
        fs::remove_file(folder.0.join("src/gone.ts")).expect("remove");
        assert!(!folder.is_built());
    }

    #[test]
    fn packages_and_journeys_are_no_sources() {
        let folder = Folder::new();
        folder.file("src/main.tsx", 100);
        folder.file("dist/index.html", 200);
        folder.file("node_modules/vite/index.js", 300);
        folder.file("e2e/journey.mjs", 300);
        folder.file("dist/assets/index.js", 300);
        assert!(folder.is_built());
    }

    #[test]
    fn another_node_or_lock_is_another_stamp() {
        assert_eq!(stamp("v20.19.0", "{}"), stamp("v20.19.0", "{}"));
        assert_ne!(stamp("v20.19.0", "{}"), stamp("v22.12.0", "{}"));
        assert_ne!(stamp("v20.19.0", "{}"), stamp("v20.19.0", "{ }"));
    }
}
