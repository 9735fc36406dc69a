//! The laws of the crate's head as a property suite. A style runs it in one line of its tests:
//!
//! ```
//! # use transformer_api::{Line, Transformer};
//! # struct Same;
//! # impl Transformer for Same {
//! #     fn name(&self) -> &'static str { "same" }
//! #     fn description(&self) -> &'static str { "Says it again." }
//! #     fn sample(&self) -> &'static str { "hi there" }
//! #     fn transform(&self, line: Line<'_>) -> String { line.text.to_owned() }
//! # }
//! transformer_api::laws::Suite::new(&Same).emoji_survive().check();
//! ```
//!
//! The lines come from the module `lines`; they know which of their words are protected without asking the
//! tokeniser. Time is not measured: law 3's "linear" follows from the bound on what a style may say and from
//! reading each piece once. `LAWS_CASES` sets how many lines are tried, 512 if unset. What a lively style promises
//! beyond the laws is in [`Habits`].

mod habits;
mod lines;
#[cfg(test)]
mod tests;

use std::fmt;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use unicode_segmentation::UnicodeSegmentation as _;

pub use habits::Habits;
pub use lines::{Typed, typed};

use crate::{EmoteNames, INPUT_CODE_POINTS_MAX, Line, OUTPUT_CODE_POINTS_MAX, Seed, Transformer};

const CASES: u32 = 512;

/// Which laws to try on which style.
#[must_use = "a suite does nothing until it is checked"]
pub struct Suite<'a> {
    style: &'a dyn Transformer,
    emoji: bool,
    cases: u32,
}

impl fmt::Debug for Suite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("style", &self.style.name()).field("cases", &self.cases).finish()
    }
}

/// What a style broke, with the smallest line found that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

impl<'a> Suite<'a> {
    /// All laws, on `style`.
    pub fn new(style: &'a dyn Transformer) -> Self {
        let cases = std::env::var("LAWS_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(CASES);
        Self { style, emoji: false, cases }
    }

    /// Also: every emoji of the input stands whole in the output, in order. For styles that promise it.
    pub fn emoji_survive(mut self) -> Self {
        self.emoji = true;
        self
    }

    /// Tries the laws.
    ///
    /// # Panics
    /// If one is broken.
    pub fn check(self) {
        if let Err(broken) = self.run() {
            panic!("{broken}");
        }
    }

    /// Tries the laws.
    ///
    /// # Errors
    /// The first law that is broken.
    pub fn run(self) -> Result<(), Broken> {
        let style = self.style;
        let named = |why: &str| Broken(format!("style `{}`: {why}", style.name()));
        let name_fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if style.name().is_empty() || !style.name().bytes().all(name_fits) {
            return Err(named("the name is not [a-z0-9_]+"));
        }
        if style.description().trim().is_empty() {
            return Err(named("no description"));
        }
        if !is_admitted(style.sample()) {
            return Err(named("the sample is no line that admission lets through"));
        }
        let config = Config {
            cases: self.cases,
            // Some lines come out empty; the more cases, the more of those.
            max_local_rejects: self.cases.saturating_mul(100).max(65_536),
            failure_persistence: None,
            ..Config::default()
        };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        runner.run(&typed(), |typed| self.try_line(&typed)).map_err(|error| named(&error.to_string()))
    }

    fn try_line(&self, typed: &Typed) -> Result<(), TestCaseError> {
        // Two sets, since the order inside a set differs from one to the next and may not matter.
        let [first, second] = [(); 2].map(|()| {
            let emotes: EmoteNames = typed.emotes.iter().map(String::as_str).collect();
            self.style.transform(Line { text: &typed.text, seed: Seed(typed.seed), emotes: &emotes })
        });
        match broken(typed, &first, &second, self.emoji) {
            None => Ok(()),
            Some(law) => Err(TestCaseError::fail(format!("{law}\n  said: {first:?}"))),
        }
    }
}

/// Whether admission would let `text` through.
#[must_use]
pub fn is_admitted(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && text.chars().count() <= INPUT_CODE_POINTS_MAX
        && !text.chars().any(char::is_control)
}

fn broken(typed: &Typed, said: &str, again: &str, emoji: bool) -> Option<String> {
    if said != again {
        return Some(format!("law 2, deterministic: the second time it said {again:?}"));
    }
    let code_points = said.chars().count();
    if code_points > OUTPUT_CODE_POINTS_MAX {
        return Some(format!("law 3, bounded: {code_points} code points"));
    }
    if let Some(lost) = lost(said, typed.protected.iter().map(String::as_str)) {
        return Some(format!("law 4, faithful: {lost:?} is not in its place"));
    }
    if said.trim().is_empty() {
        return Some("law 5, never empty".into());
    }
    if let Some(control) = said.chars().find(|c| c.is_control()) {
        return Some(format!("law 5, no control characters: {control:?}"));
    }
    if emoji && let Some(lost) = lost_grapheme(&typed.text, said) {
        return Some(format!("emoji survive: {lost:?} is not in its place"));
    }
    None
}

/// The first of `wanted` that does not follow the one before it in `said`.
fn lost<'w>(said: &str, wanted: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let mut rest = said;
    for word in wanted {
        match rest.find(word) {
            Some(at) => rest = &rest[at + word.len()..],
            None => return Some(word),
        }
    }
    None
}

/// The first emoji of `typed` that is not a whole grapheme of `said`, in order.
fn lost_grapheme<'t>(typed: &'t str, said: &str) -> Option<&'t str> {
    let is_emoji = |g: &&str| g.chars().next().is_some_and(|c| matches!(c, '\u{1F1E6}'..='\u{1FAFF}'));
    let mut said = said.graphemes(true).filter(is_emoji);
    typed.graphemes(true).filter(is_emoji).find(|emoji| !said.any(|g| g == *emoji))
}
