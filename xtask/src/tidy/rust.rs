//! Rules for Rust files: a head that says what the module is for, and nothing left lying about.

use super::{Finding, Source};

/// Macros and attributes of unfinished work. In parts, so that this file does not hold them itself.
const UNFINISHED: [[&str; 2]; 4] = [["todo", "!("], ["unimplemented", "!("], ["dbg", "!("], ["#[igno", "re"]];

pub(super) fn check(source: Source<'_>) -> Vec<Finding> {
    if !source.has_extension(&["rs"]) {
        return Vec::new();
    }
    let mut findings = unfinished(source);
    findings.extend(head(source));
    findings
}

fn head(source: Source<'_>) -> Option<Finding> {
    let first = source.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    (source.is_under("src") && !first.starts_with("//!")).then(|| {
        let what = "no head; begin with `//!`: what it is for, what it does not know, where to start reading";
        Finding::line(source.path, 1, what)
    })
}

fn unfinished(source: Source<'_>) -> Vec<Finding> {
    source
        .lines()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter_map(|(number, line)| {
            let left = UNFINISHED.iter().map(|parts| parts.concat()).find(|left| line.contains(left))?;
            let what =
                format!("`{}` is unfinished work; finish it or take it out", left.trim_end_matches('('));
            Some(Finding::line(source.path, number, what))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(path: &str, text: &str) -> Vec<Option<usize>> {
        check(Source { path, text }).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_module_without_a_head_is_found() {
        assert_eq!(lines_of("crates/a/src/lib.rs", "use std::fmt;\n"), [Some(1)]);
        assert_eq!(lines_of("crates/a/src/lib.rs", "// no doc comment\n"), [Some(1)]);
        assert_eq!(lines_of("crates/a/src/lib.rs", ""), [Some(1)]);
        assert_eq!(lines_of("crates/a/src/lib.rs", "\n//! What it is for.\n"), []);
        assert_eq!(lines_of("crates/a/tests/it.rs", "use std::fmt;\n"), [], "tests say it in their names");
        assert_eq!(lines_of("web/src/a.ts", "import a;\n"), [], "not Rust");
    }

    #[test]
    fn unfinished_work_is_found_but_not_in_comments() {
        for parts in UNFINISHED {
            let left = parts.concat();
            assert_eq!(
                lines_of("crates/a/tests/it.rs", &format!("fn a() {{\n    {left}\n}}\n")),
                [Some(2)],
                "{left}"
            );
            assert_eq!(lines_of("crates/a/tests/it.rs", &format!("/// Not `{left}`.\n")), [], "{left}");
        }
    }
}
