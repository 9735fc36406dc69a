//! What a style is: the [`Transformer`] trait, the laws that every style keeps, and the text tools they share.
//!
//! This crate deliberately knows nothing of rooms, users or the wire: text in, text out. Start with
//! [`Transformer`], then read the crate `transformer-plain` for the smallest style there is and
//! `transformer-bestie` for a whole voice. A style that is more than a few words is built like this: [`pieces`]
//! cuts the line, [`Reading`] says what kind of line it is, [`Lexicon`] finds the words to replace, [`Choice`]
//! decides, and [`Output`] collects within the bounds. Most need not put these together themselves: [`speech`] says a
//! line with the words, frames and manners of a style, and `transformer-skibidi` is an example.
//!
//! # The laws
//! For every [`Line`] whose text is what admission lets through (1 to [`INPUT_CODE_POINTS_MAX`] code points, no
//! control characters, trimmed):
//! 1. **Total**: it returns; it does not panic.
//! 2. **Deterministic**: the same text, seed and emote names give the same answer, on every machine, for ever.
//! 3. **Bounded**: at most [`OUTPUT_CODE_POINTS_MAX`] code points, in time linear in the input.
//! 4. **Faithful where it matters**: every URL, @mention and emote name of the input stands in the output,
//!    unchanged, in the same order.
//! 5. **Never empty** for non-empty input, and never with control characters.
//!
//! The feature `laws` brings them as a test suite (`laws::Suite`) together with the golden harness
//! (`golden::check`); styles use both as a dev-dependency.

mod case;
mod choice;
mod emotes;
mod lexicon;
mod output;
mod piece;
mod reading;
pub mod speech;

#[cfg(any(test, feature = "laws"))]
pub mod golden;
#[cfg(any(test, feature = "laws"))]
pub mod laws;

pub use case::Case;
pub use choice::Choice;
pub use emotes::EmoteNames;
pub use lexicon::{Found, Lexicon};
pub use output::Output;
pub use piece::{Kind, Piece, pieces};
pub use reading::{Greeted, Reading, greeted, is_greeting, is_laughter};

/// Most code points that a line may have before its style.
pub const INPUT_CODE_POINTS_MAX: usize = 500;
/// Most code points that a style may answer with.
pub const OUTPUT_CODE_POINTS_MAX: usize = 2_000;

/// Where a style's choices come from. The server derives it from the message id, so a replay gives the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(pub u64);

/// One line of chat on its way through a style.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// What the user typed, admitted.
    pub text: &'a str,
    /// Where the choices come from.
    pub seed: Seed,
    /// Words to leave whole.
    pub emotes: &'a EmoteNames,
}

/// A style: a pure function from what was typed to what everyone sees. See the laws at the top of this crate.
pub trait Transformer: Send + Sync + 'static {
    /// The name used in `config/twitchy.toml`: lower case, `[a-z0-9_]+`.
    fn name(&self) -> &'static str;
    /// One sentence for people choosing a style.
    fn description(&self) -> &'static str;
    /// A typical line to show the style on; a room's card shows it before and after.
    fn sample(&self) -> &'static str;
    /// Says the line in this style.
    fn transform(&self, line: Line<'_>) -> String;
}
