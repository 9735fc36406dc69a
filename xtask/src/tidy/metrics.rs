//! Metrics have one name: what a dashboard, an alert or a page speaks of is counted by the code, and what the code
//! counts stands on the page for operators.
//!
//! It reads text and knows neither Prometheus' language nor Rust's: a metric is a word that begins with `twitchy_`, and
//! it is counted where such a word is the first argument of one of the macros. Start with [`Names`].

use std::collections::BTreeMap;

use super::{Finding, Source};

/// Every metric of ours begins so.
const PREFIX: &str = "twitchy_";
/// Where they are counted.
const MACROS: [&str; 3] = ["counter!(", "gauge!(", "histogram!("];
/// What a histogram is asked by.
const HISTOGRAM_PARTS: [&str; 3] = ["_bucket", "_count", "_sum"];
/// Where they are spoken of.
const DEPLOY: &str = "deploy/";
/// The page that has them all.
const PAGE: &str = "docs/operating.md";

/// Names that were met, each with the first place it was met at.
#[derive(Debug, Default)]
pub(super) struct Names {
    counted: BTreeMap<String, (String, usize)>,
    spoken_of: BTreeMap<String, (String, usize)>,
    on_page: Vec<String>,
    has_page: bool,
}

impl Names {
    /// Looks through one file.
    pub(super) fn look(&mut self, source: Source<'_>) {
        if source.path == PAGE {
            self.has_page = true;
            self.on_page.extend(source.lines().flat_map(|(_, line)| words(line)).map(str::to_owned));
        }
        if source.path == PAGE || source.path.starts_with(DEPLOY) {
            for (number, line) in source.lines() {
                for word in words(line) {
                    let place = (source.path.to_owned(), number);
                    self.spoken_of.entry(word.to_owned()).or_insert(place);
                }
            }
        }
        // The tests of these rules have examples.
        if source.has_extension(&["rs"]) && source.is_under("src") && !source.path.starts_with("xtask/") {
            for (name, line) in counted(source.text) {
                self.counted.entry(name.to_owned()).or_insert((source.path.to_owned(), line));
            }
        }
    }

    /// What does not fit, once all files were looked through.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .spoken_of
            .iter()
            .filter(|(name, _)| !self.is_counted(name))
            .map(|(name, (path, line))| {
                Finding::line(
                    path,
                    *line,
                    format!("nothing counts `{name}`; name a metric that is in the code"),
                )
            })
            .collect();
        if self.has_page {
            findings.extend(self.counted.iter().filter(|(name, _)| !self.on_page.contains(name)).map(
                |(name, (path, line))| {
                    Finding::line(path, *line, format!("`{name}` is not in {PAGE}; say there what it counts"))
                },
            ));
        }
        findings
    }

    fn is_counted(&self, name: &str) -> bool {
        let of_histogram = || HISTOGRAM_PARTS.iter().find_map(|part| name.strip_suffix(part));
        self.counted.contains_key(name) || of_histogram().is_some_and(|name| self.counted.contains_key(name))
    }
}

/// The metrics that stand in a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.len() > PREFIX.len() && word.starts_with(PREFIX))
}

/// The metrics that a Rust file counts, with the lines of the macros.
fn counted(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let calls =
        MACROS.iter().flat_map(|name| text.match_indices(name).map(|(at, name)| (at, at + name.len())));
    calls.filter_map(|(at, arguments)| {
        let (name, _) = text[arguments..].trim_start().strip_prefix('"')?.split_once('"')?;
        name.starts_with(PREFIX).then(|| (name, 1 + text[..at].matches('\n').count()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "fn a() {\n    metrics::counter!(\"twitchy_a_total\", \"b\" => b).increment(1);\n    \
                        metrics::histogram!(\n        \"twitchy_b_seconds\"\n    );\n}\n";

    fn findings(files: &[(&str, &str)]) -> Vec<(String, Option<usize>)> {
        let mut names = Names::default();
        for (path, text) in files {
            names.look(Source { path, text });
        }
        names.findings().into_iter().map(|finding| (finding.path, finding.line)).collect()
    }

    #[test]
    fn a_name_that_nothing_counts_is_found() {
        let code = ("server/src/a.rs", CODE);
        let alerts = "expr: rate(twitchy_a_total[5m]) > 0\nexpr: twitchy_b_seconds_bucket\nexpr: twitchy_c\n";
        assert_eq!(
            findings(&[("deploy/alerts.yml", alerts), code]),
            [("deploy/alerts.yml".to_owned(), Some(3))]
        );
        assert_eq!(findings(&[("deploy/a.json", "{\"expr\": \"sum(twitchy_a_total_count)\"}"), code]), []);
        assert_eq!(findings(&[("docs/other.md", "`twitchy_c`"), code]), [], "not a place that is looked at");
    }

    #[test]
    fn a_metric_that_the_page_leaves_out_is_found() {
        let code = ("server/src/a.rs", CODE);
        assert_eq!(
            findings(&[code, (PAGE, "| `twitchy_a_total` |\n")]),
            [("server/src/a.rs".to_owned(), Some(3))]
        );
        assert_eq!(findings(&[code, (PAGE, "`twitchy_a_total`, `twitchy_b_seconds`\n")]), []);
    }

    #[test]
    fn names_in_tests_and_of_others_are_not_counted() {
        let other = "metrics::gauge!(\"other\"); assert!(text.contains(\"twitchy_a_total\"));\n";
        let alert = ("deploy/alerts.yml", "twitchy_a_total\n");
        assert_eq!(findings(&[alert, ("server/tests/it/a.rs", CODE)]).len(), 1);
        assert_eq!(findings(&[alert, ("server/src/a.rs", other)]).len(), 1);
    }
}
