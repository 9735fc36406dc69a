//! Rules for every file: its size, its length, white space, and nothing of the machine it was written on.

use super::{Finding, Source};

/// Above this a file makes every clone slower for ever.
const SIZE_MAX: usize = 1 << 20;

/// Files that may be larger, each for a reason of its own.
const LARGE_FILES: [&str; 0] = [];

/// A file that does not fit into a reader's head wants to be two.
const LINES_MAX: usize = 600;

/// What is written by hand and read from top to bottom.
const CODE: [&str; 8] = ["rs", "ts", "tsx", "js", "mjs", "css", "sh", "py"];

/// Folders that exist on one machine only. In parts, so that this file does not name them itself.
const MACHINE_FOLDERS: [[&str; 2]; 5] =
    [["/wo", "rk/"], ["/ro", "ot/"], ["/tm", "p/"], ["/ho", "me/"], ["/Us", "ers/"]];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// In parts, like the folders above.
const NPM: &str = concat!("https://registry.", "npmjs", ".org/");

pub(super) fn check_size(path: &str, bytes: usize) -> Option<Finding> {
    (bytes > SIZE_MAX && !LARGE_FILES.contains(&path)).then(|| {
        Finding::file(
            path,
            format!(
                "{bytes} bytes, {SIZE_MAX} at most; make it smaller, or list it in xtask/src/tidy/files.rs"
            ),
        )
    })
}

pub(super) fn check_text(source: Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if is_lock_file(source.path) {
        findings.extend(lock_sources(source));
        return findings;
    }
    findings.extend(package_sources(source));
    if source.is_verbatim() {
        return findings;
    }
    findings.extend(length(source));
    findings.extend(white_space(source));
    findings.extend(machine_paths(source));
    findings
}

fn is_lock_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ["Cargo.lock", "package-lock.json"].contains(&name)
}

fn length(source: Source<'_>) -> Option<Finding> {
    let lines = source.text.lines().count();
    (lines > LINES_MAX && source.has_extension(&CODE)).then(|| {
        Finding::file(
            source.path,
            format!("{lines} lines, {LINES_MAX} at most; give one of its concerns a file of its own"),
        )
    })
}

fn white_space(source: Source<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = source
        .lines()
        .filter(|(_, line)| line.ends_with([' ', '\t', '\r']))
        .map(|(number, _)| Finding::line(source.path, number, "white space at the end; take it away"))
        .collect();
    if !source.text.is_empty() && (!source.text.ends_with('\n') || source.text.ends_with("\n\n")) {
        let last = source.text.lines().count();
        findings.push(Finding::line(source.path, last, "end the file with exactly one line feed"));
    }
    findings
}

fn machine_paths(source: Source<'_>) -> Vec<Finding> {
    source
        .lines()
        .filter_map(|(number, line)| {
            let folder = MACHINE_FOLDERS.iter().map(|parts| parts.concat()).find(|folder| names_folder(line, folder))?;
            Some(Finding::line(
                source.path,
                number,
                format!("`{folder}` is a folder of one machine; use a path from the root of the repository, or a temporary folder"),
            ))
        })
        .collect()
}

/// Whether an absolute path with this beginning stands in the line: not in the middle of a longer path or address.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = &line[..at];
        before.ends_with("file://")
            || before
                .chars()
                .next_back()
                .is_none_or(|last| !(last.is_alphanumeric() || "/.-_~}>)*".contains(last)))
    })
}

/// Packages come from the public registries, whatever mirror was used when the lock file was written.
fn lock_sources(source: Source<'_>) -> Vec<Finding> {
    let foreign = |line: &str| {
        let line = line.trim();
        let cargo =
            line.strip_prefix("source = \"").is_some_and(|rest| rest.trim_end_matches('"') != CRATES_IO);
        let npm = line.strip_prefix("\"resolved\": \"").is_some_and(|rest| !rest.starts_with(NPM));
        cargo || npm
    };
    source
        .lines()
        .filter(|(_, line)| foreign(line))
        .map(|(number, line)| {
            let what = format!("`{}` is not the public registry; renew the lock file from it", line.trim());
            Finding::line(source.path, number, what)
        })
        .collect()
}

/// Which registry or mirror to use is said by each machine for itself.
fn package_sources(source: Source<'_>) -> Vec<Finding> {
    let name = source.path.rsplit('/').next().unwrap_or(source.path);
    let settings: &[&str] = match name {
        ".npmrc" | ".yarnrc" | "pip.conf" => &["registry", "index-url", "_auth"],
        "config.toml" if source.is_under(".cargo") => &["[source", "[registr", "replace-with", "index ="],
        _ => return Vec::new(),
    };
    source
        .lines()
        .filter(|(_, line)| settings.iter().any(|setting| line.contains(setting)))
        .map(|(number, _)| {
            Finding::line(
                source.path,
                number,
                "names a registry; keep that in the settings of your own machine",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(path: &str, text: &str) -> Vec<Option<usize>> {
        check_text(Source { path, text }).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn large_files_are_found() {
        assert_eq!(check_size("a.png", SIZE_MAX), None);
        let finding = check_size("a.png", SIZE_MAX + 1).expect("too large");
        assert_eq!((finding.path.as_str(), finding.line), ("a.png", None));
    }

    #[test]
    fn long_code_is_found_and_long_text_is_not() {
        let text = "x\n".repeat(LINES_MAX + 1);
        assert_eq!(lines_of("src/a.rs", &text), [None]);
        assert_eq!(lines_of("src/a.rs", &text[2..]), []);
        assert_eq!(lines_of("docs/a.md", &text), []);
        assert_eq!(lines_of("web/src/__generated__/a.ts", &text), []);
    }

    #[test]
    fn white_space_at_the_end_of_a_line_or_file_is_found() {
        assert_eq!(lines_of("a.md", "good\nbad \nbad\t\n"), [Some(2), Some(3)]);
        assert_eq!(lines_of("a.md", "no line feed"), [Some(1)]);
        assert_eq!(lines_of("a.md", "one too many\n\n"), [Some(2)]);
        assert_eq!(lines_of("a.md", ""), []);
        assert_eq!(lines_of("golden/a.txt", "kept as it is "), []);
    }

    #[test]
    fn folders_of_one_machine_are_found() {
        for parts in MACHINE_FOLDERS {
            let folder = parts.concat();
            for text in [
                format!("cd {folder}x\n"),
                format!("\"{folder}x\"\n"),
                format!("{folder}\n"),
                format!("file://{folder}x\n"),
                format!("DIR={folder}x\n"),
            ] {
                assert_eq!(lines_of("a.md", &text), [Some(1)], "{text}");
            }
            for text in [
                format!("src{folder}x\n"),
                format!("https://example.org{folder}x\n"),
                format!("..{folder}x\n"),
                format!("${{dir}}{folder}x\n"),
            ] {
                assert_eq!(lines_of("a.md", &text), [], "{text}");
            }
        }
    }

    #[test]
    fn packages_from_elsewhere_are_found() {
        let cargo = format!("source = \"{CRATES_IO}\"\nsource = \"registry+https://mirror.example/index\"\n");
        assert_eq!(lines_of("Cargo.lock", &cargo), [Some(2)]);
        assert_eq!(lines_of("Cargo.lock", "source = \"git+https://github.com/a/b#c\"\n"), [Some(1)]);
        let npm = format!(
            "\"resolved\": \"{NPM}a/-/a-1.tgz\",\n\"resolved\": \"https://mirror.example/a-1.tgz\",\n"
        );
        assert_eq!(lines_of("web/package-lock.json", &npm), [Some(2)]);
    }

    #[test]
    fn settings_of_registries_are_found() {
        assert_eq!(lines_of("web/.npmrc", "fund=false\nregistry=https://mirror.example/\n"), [Some(2)]);
        assert_eq!(lines_of(".cargo/config.toml", "[alias]\n[source.crates-io]\n"), [Some(2)]);
        assert_eq!(lines_of("docs/config.toml", "[source.crates-io]\n"), []);
    }
}
