//! Golden cases: lines with what the style must make of them, in a text file beside the style.
//!
//! ```text
//! # A comment; the ones at the top of the file say how to renew it.
//! in: hi there
//! seed: any
//! out: Hey bestie! …
//! ```
//!
//! Blocks are parted by blank lines. `seed` is a number, or `any` for a case that no seed may change. `emotes:`
//! names the room's emotes, parted by spaces; without it there are none. Run the tests with `UPDATE_GOLDEN=1` to
//! write what the style says now, then read the diff line by line: a change of an old case changes what everybody
//! sees.

use std::fmt::Write as _;
use std::path::Path;

use crate::{EmoteNames, Line, Seed, Transformer};

/// How many seeds stand for `any`.
const ANY_SEEDS: u64 = 500;

struct Case<'f> {
    line: usize,
    text: &'f str,
    /// None for `any`.
    seed: Option<u64>,
    emotes: EmoteNames,
    out: &'f str,
}

/// Checks the cases in `file` against `style`; returns how many there are.
///
/// # Panics
/// With the differences, if there are any; if the file cannot be read or is malformed.
pub fn check(style: &dyn Transformer, file: impl AsRef<Path>) -> usize {
    let file = file.as_ref();
    let content = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let cases = parse(&content).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let renewed = renew(style, &content, &cases);
        std::fs::write(file, renewed).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        return cases.len();
    }
    let differences = compare(style, &cases);
    assert!(differences.is_empty(), "{}:\n{differences}(UPDATE_GOLDEN=1 renews the file)", file.display());
    cases.len()
}

fn parse(content: &str) -> Result<Vec<Case<'_>>, String> {
    let mut cases = Vec::new();
    let mut open: Option<Case<'_>> = None;
    for (number, line) in (1..).zip(content.lines()) {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (key, value) = line.split_once(':').ok_or_else(|| format!("line {number}: no `key: value`"))?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (key, &mut open) {
            ("in", None) if !value.is_empty() => {
                open =
                    Some(Case { line: number, text: value, seed: None, emotes: EmoteNames::new(), out: "" });
            }
            ("seed", Some(case)) => {
                case.seed = match value {
                    "any" => None,
                    _ => Some(value.parse().map_err(|e| format!("line {number}: seed: {e}"))?),
                };
            }
            ("emotes", Some(case)) => case.emotes = value.split_whitespace().collect(),
            ("out", Some(_)) => {
                if let Some(case) = open.take() {
                    cases.push(Case { out: value, ..case });
                }
            }
            _ => {
                return Err(format!(
                    "line {number}: `{key}` is not expected here; the order is in, seed, emotes, out"
                ));
            }
        }
    }
    match open {
        Some(case) => Err(format!("line {}: a case without `out`", case.line)),
        None if cases.is_empty() => Err("no cases".into()),
        None => Ok(cases),
    }
}

fn said(style: &dyn Transformer, case: &Case<'_>, seed: u64) -> String {
    style.transform(Line { text: case.text, seed: Seed(seed), emotes: &case.emotes })
}

fn compare(style: &dyn Transformer, cases: &[Case<'_>]) -> String {
    let mut differences = String::new();
    for case in cases {
        let seeds = match case.seed {
            Some(seed) => seed..seed + 1,
            None => 0..ANY_SEEDS,
        };
        for seed in seeds {
            let said = said(style, case, seed);
            if said != case.out {
                let (line, text, out) = (case.line, case.text, case.out);
                let _ = writeln!(differences, "line {line}, seed {seed}, {text:?}\n- {out:?}\n+ {said:?}");
                break;
            }
        }
    }
    differences
}

/// The file with new `out` lines, all else as it was.
fn renew(style: &dyn Transformer, content: &str, cases: &[Case<'_>]) -> String {
    let mut cases = cases.iter();
    let mut renewed = String::with_capacity(content.len());
    for line in content.lines() {
        match line.starts_with("out:").then(|| cases.next()).flatten() {
            Some(case) => {
                let said = said(style, case, case.seed.unwrap_or(0));
                let _ = writeln!(renewed, "out: {said}");
            }
            None => renewed += &format!("{line}\n"),
        }
    }
    renewed
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Transformer for Echo {
        fn name(&self) -> &'static str {
            "echo"
        }
        fn description(&self) -> &'static str {
            "Says it with the seed."
        }
        fn sample(&self) -> &'static str {
            "hi"
        }
        fn transform(&self, line: Line<'_>) -> String {
            match line.text {
                "seedless" => "seedless".into(),
                text => format!("{text} {} {}", line.seed.0, line.emotes.contains("Kappa")),
            }
        }
    }

    const FILE: &str = "# head\nin: a: b\nseed: 7\nout: a: b 7 false\n\nin: Kappa\nseed: 1\nemotes: x Kappa\nout: Kappa 1 true\n\n\
                        in: seedless\nseed: any\nout: seedless\n";

    #[test]
    fn what_agrees_passes_and_what_differs_is_told() {
        let cases = parse(FILE).expect("well-formed");
        assert_eq!(cases.len(), 3);
        assert_eq!(compare(&Echo, &cases), "");
        let other = FILE.replace("7 false", "8 false");
        let differences = compare(&Echo, &parse(&other).expect("well-formed"));
        assert_eq!(differences, "line 2, seed 7, \"a: b\"\n- \"a: b 8 false\"\n+ \"a: b 7 false\"\n");
        assert_eq!(renew(&Echo, &other, &parse(&other).expect("well-formed")), FILE);
    }

    #[test]
    fn a_case_for_any_seed_is_tried_with_many() {
        let file = "in: x\nseed: any\nout: x 0 false\n";
        assert!(compare(&Echo, &parse(file).expect("well-formed")).contains("seed 1"));
    }

    #[test]
    fn a_malformed_file_is_no_file_of_zero_cases() {
        for file in [
            "",
            "# only\n",
            "in: a\n",
            "out: a\n",
            "in: a\nin: b\nout: c\n",
            "in: a\nseed: x\nout: a\n",
            "what\n",
        ] {
            assert!(parse(file).is_err(), "{file:?}");
        }
    }
}
