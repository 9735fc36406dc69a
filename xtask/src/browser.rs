//! Chromium for the journey: found, or installed where that can be done without asking.
//!
//! It does not start it: the journey does, with the path that is found here.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    failure::{Failure, Result},
    packages,
    process::{Workspace, find_program},
};

/// Where a person may name another browser.
const VARIABLE: &str = "CHROME_PATH";

const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// Browsers that are no programs on the search path.
const PLACES: [&str; 2] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// Without it every emoji in a picture is an empty box.
const EMOJI_FONT: &str = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";

const PACKAGES: [&str; 2] = ["chromium", "fonts-noto-color-emoji"];

const REMEDY: &str =
    "apt-get update && apt-get install -y --no-install-recommends chromium fonts-noto-color-emoji";

/// The path of a Chromium. On a Debian where we are root, what is missing is installed.
pub(crate) fn provide(workspace: &Workspace) -> Result<PathBuf> {
    let found = find()?;
    let has_font = Path::new(EMOJI_FONT).is_file() || !cfg!(target_os = "linux");
    if let Some(path) = found.as_deref()
        && (has_font || !packages::can_install(workspace))
    {
        return Ok(path.to_owned());
    }
    if !packages::can_install(workspace) {
        return Err(Failure::Missing { what: "Chromium".into(), remedy: remedy_here() });
    }
    packages::install(workspace, "Chromium and an emoji font", &PACKAGES)?;
    find()?.ok_or_else(|| Failure::Missing { what: "Chromium".into(), remedy: remedy_here() })
}

fn find() -> Result<Option<PathBuf>> {
    if let Some(named) = env::var_os(VARIABLE).map(PathBuf::from) {
        return if named.is_file() {
            Ok(Some(named))
        } else {
            Err(Failure::Repository(format!("{VARIABLE} names {}, which is no file", named.display())))
        };
    }
    Ok(find_program(&PROGRAMS).or_else(|| PLACES.iter().map(PathBuf::from).find(|place| place.is_file())))
}

fn remedy_here() -> String {
    if find_program(&["apt-get"]).is_some() {
        // Not root, or it would have been installed.
        format!("sudo sh -c '{REMEDY}'")
    } else {
        format!("your system's packages, or name a Chromium in {VARIABLE} (on Debian: {REMEDY})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_to_run_installs_all_packages() {
        for package in PACKAGES {
            assert!(REMEDY.contains(package), "{package}");
        }
    }
}
