//! What a lively style does whatever the seed, beyond the laws: it says one line in many ways, never passes a line on
//! unchanged, keeps to its bound of growth, and lets questions be questions. For styles that promise all of it; a style
//! with a line that is the same for everybody has tests of its own.
//!
//! ```
//! # use transformer_api::{Line, Transformer};
//! # struct Loud;
//! # impl Transformer for Loud {
//! #     fn name(&self) -> &'static str { "loud" }
//! #     fn description(&self) -> &'static str { "Says it with a number." }
//! #     fn sample(&self) -> &'static str { "hi there" }
//! #     fn transform(&self, line: Line<'_>) -> String { format!("{}? {}", line.text, line.seed.0) }
//! # }
//! transformer_api::laws::Habits::new(&Loud).ways(8).check();
//! ```

use std::collections::HashSet;

use super::Broken;
use crate::{EmoteNames, Line, Seed, Transformer};

/// Seeds tried where a property must hold for every seed.
const SEEDS: u64 = 300;
/// Most code points that a line of `n` may become: `n * 5 / 2` and these, a frame around a line of one letter.
const FRAME_CODE_POINTS: usize = 40;

/// The habits to try on a style.
#[must_use = "habits are nothing until they are checked"]
#[derive(Clone, Copy)]
pub struct Habits<'a> {
    style: &'a dyn Transformer,
    ways: usize,
}

impl std::fmt::Debug for Habits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Habits").field("style", &self.style.name()).field("ways", &self.ways).finish()
    }
}

impl<'a> Habits<'a> {
    /// The habits of `style`, each typical line said in two ways at least.
    pub const fn new(style: &'a dyn Transformer) -> Self {
        Self { style, ways: 2 }
    }

    /// Each typical line is said in `least` ways or more.
    pub const fn ways(self, least: usize) -> Self {
        Self { ways: least, ..self }
    }

    /// What the style says to `text` for each seed, in a room without emotes.
    pub fn said(self, text: &'a str) -> impl Iterator<Item = String> + use<'a> {
        let emotes = EmoteNames::new();
        (0..SEEDS).map(move |seed| self.style.transform(Line { text, seed: Seed(seed), emotes: &emotes }))
    }

    /// Tries the habits.
    ///
    /// # Panics
    /// If the style does not have one of them.
    pub fn check(self) {
        if let Err(broken) = self.run() {
            panic!("{broken}");
        }
    }

    /// Tries the habits.
    ///
    /// # Errors
    /// The first that the style does not have.
    pub fn run(self) -> Result<(), Broken> {
        let broken =
            |habit: &str, text: &str| Broken(format!("style `{}`, {text:?}: {habit}", self.style.name()));
        for text in ["hi there", "gg", "why is he so bad", "привет всем", "k"] {
            let ways = self.said(text).collect::<HashSet<_>>().len();
            if ways < self.ways {
                return Err(broken(&format!("said in {ways} ways only"), text));
            }
        }
        for text in ["a", "👀", "67", "the", "привет", "https://example.com/", "KEKW", "!!", "x y z"]
        {
            if self.said(text).any(|said| said == text) {
                return Err(broken("passed on unchanged", text));
            }
        }
        let copypasta = ["the streamer is bad and i love this game so much"; 10].join(" ");
        for text in ["k", "hi", "gg", "streamer is bad", "WHAT IS THIS GAME", &copypasta] {
            let most = text.chars().count() * 5 / 2 + FRAME_CODE_POINTS;
            if let Some(long) = self.said(text).find(|said| said.chars().count() > most) {
                return Err(broken(&format!("grew beyond {most} code points: {long:?}"), text));
            }
        }
        let question = "what game is this";
        match self.said(question).find(|said| !said.contains('?')) {
            Some(said) => Err(broken(&format!("no question any more: {said:?}"), question)),
            None => Ok(()),
        }
    }
}
