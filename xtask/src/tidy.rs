//! `cargo xtask tidy`: the house rules that neither the compiler nor clippy nor Biome can check.
//!
//! Each rule is a pure function from what it looks at to findings, in a file of its own beside this one; here is
//! only what is looked at: every file that git tracks or would track. What this knows nothing of is formatting.
//!
//! A line that has to break a rule on text carries `tidy:allow` and the reason in a comment.

mod dependencies;
mod files;
mod metrics;
mod rust;
mod web;

use std::{fmt, fs};

use crate::{
    failure::{Failure, Result},
    note,
    process::{Workspace, read},
};

/// Something that is not as the house wants it.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// From 1; nothing if it is about the whole file.
    line: Option<usize>,
    /// What is wrong, and what to do.
    what: String,
}

impl Finding {
    fn file(path: &str, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, what: what.into() }
    }

    fn line(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.what),
            None => write!(f, "{}: {}", self.path, self.what),
        }
    }
}

/// A text file of the repository.
#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    /// From the root, with `/`.
    path: &'a str,
    text: &'a str,
}

impl<'a> Source<'a> {
    /// The lines with their numbers, without those that are excused.
    fn lines(self) -> impl Iterator<Item = (usize, &'a str)> {
        (1..).zip(self.text.lines()).filter(|(_, line)| !line.contains("tidy:allow"))
    }

    fn has_extension(self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// Whether a folder of this name is on the way to the file.
    fn is_under(self, folder: &str) -> bool {
        self.path.rsplit_once('/').is_some_and(|(folders, _)| folders.split('/').any(|name| name == folder))
    }

    /// Written by a program, or kept byte by byte as test data.
    fn is_verbatim(self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or(self.path);
        VERBATIM_FOLDERS.iter().any(|folder| self.is_under(folder)) || name.starts_with("golden.")
    }
}

const VERBATIM_FOLDERS: [&str; 6] =
    ["__generated__", "golden", "snapshots", "fixtures", "corpus", "proptest-regressions"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = dependencies::check(&read(workspace.cargo().args([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
    ]))?)?;
    let listing = read(workspace.command("git").args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut names = metrics::Names::default();
    let mut count = 0_usize;
    for path in listing.split_terminator('\0') {
        let full = workspace.path(path);
        // Links, and files that git still knows and that are gone, have no content to look at.
        if !fs::symlink_metadata(&full).is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        let bytes = fs::read(&full).map_err(|error| Failure::file(&full, error))?;
        count += 1;
        findings.extend(files::check_size(path, bytes.len()));
        if let Ok(text) = str::from_utf8(&bytes)
            && !text.contains('\0')
        {
            let source = Source { path, text };
            names.look(source);
            findings.extend(check_text(source));
        }
    }
    findings.extend(names.findings());
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => {
            note(&format!("tidy: {count} files are in order"));
            Ok(())
        }
        found => Err(Failure::Repository(format!("tidy: {found} findings in {count} files"))),
    }
}

fn check_text(source: Source<'_>) -> Vec<Finding> {
    let mut findings = files::check_text(source);
    findings.extend(rust::check(source));
    findings.extend(web::check(source));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_like_a_compilers() {
        assert_eq!(Finding::line("a/b.rs", 7, "wrong").to_string(), "a/b.rs:7: wrong");
        assert_eq!(Finding::file("a/b.rs", "wrong").to_string(), "a/b.rs: wrong");
    }

    #[test]
    fn folders_are_told_from_parts_of_names() {
        let source = |path| Source { path, text: "" };
        assert!(source("crates/protocol/golden/ack.json").is_verbatim());
        assert!(source("transformers/plain/golden.txt").is_verbatim());
        assert!(!source("crates/golden-fleece/src/lib.rs").is_verbatim());
        assert!(!source("golden").is_verbatim());
    }

    #[test]
    fn an_excused_line_is_passed_over_and_the_others_keep_their_numbers() {
        let source = Source { path: "a", text: "one\ntwo // tidy:allow the reason\nthree\n" };
        assert_eq!(source.lines().collect::<Vec<_>>(), [(1, "one"), (3, "three")]);
    }
}
