//! Brain-rot: skibidi, ohio, rizz, sigma, fanum tax, and aura points for everything.
//!
//! This crate deliberately knows nothing of rooms or users, and it never mocks a sad line. Start with
//! [`Skibidi::transform`], then read `voice`; the jokes are in `words` (what replaces what) and `frames` (what goes around a line).

mod frames;
mod voice;
mod words;

use transformer_api::{Line, Transformer, speech};

/// The style of a twelve-year-old who has seen every short video there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Skibidi;

impl Transformer for Skibidi {
    fn name(&self) -> &'static str {
        "skibidi"
    }

    fn description(&self) -> &'static str {
        "Pure brain-rot: ohio, rizz, sigma, fanum tax, and aura points for everything you say."
    }

    fn sample(&self) -> &'static str {
        "this streamer is so good, i love this game"
    }

    fn transform(&self, line: Line<'_>) -> String {
        speech::say(voice::BrainRot::default(), line)
    }
}

#[cfg(test)]
mod tests;
