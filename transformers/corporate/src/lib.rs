//! Circling back: every line as a middle manager would mail it.
//!
//! Shouting is flagged with some urgency, insults become performance feedback, and sad lines hear from HR. This
//! crate deliberately knows nothing of rooms or users. Start with [`Corporate::transform`], then read `voice`; the
//! jokes are in `words` (what replaces what) and `frames` (what goes around a line).

mod frames;
mod voice;
mod words;

use transformer_api::{Line, Transformer, speech};

/// The style `corporate`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Corporate;

impl Transformer for Corporate {
    fn name(&self) -> &'static str {
        "corporate"
    }

    fn description(&self) -> &'static str {
        "Your middle manager mails it for you: aligned, actionable, and happy to take it offline."
    }

    fn sample(&self) -> &'static str {
        "WHY IS THIS STREAMER SO BAD"
    }

    fn transform(&self, line: Line<'_>) -> String {
        speech::say(voice::Mail::default(), line)
    }
}

#[cfg(test)]
mod tests;
