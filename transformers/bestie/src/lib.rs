//! The style of the best friend who has opinions.
//!
//! A bare greeting gets the house ritual, word for word the same for everybody. Any other line keeps its own words
//! where the bestie has none of hers (`words`), and gets an opener and a closer that fit its mood (`frames`): questions
//! stay questions, shouting stays shouting, sad lines are held. It deliberately knows no grammar; the answers in
//! `words` are chosen to fit where the word stood. Start with [`Bestie::transform`], then read `voice`.

mod frames;
mod voice;
mod words;

use transformer_api::{Line, Reading, Transformer, pieces};

/// The style `bestie`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bestie;

impl Transformer for Bestie {
    fn name(&self) -> &'static str {
        "bestie"
    }

    fn description(&self) -> &'static str {
        "Your best friend says it for you, with glitter, tea and no chill."
    }

    fn sample(&self) -> &'static str {
        "hi there"
    }

    fn transform(&self, line: Line<'_>) -> String {
        let pieces = pieces(line.text, line.emotes);
        let reading = Reading::of(&pieces);
        if reading.bare_greeting { voice::ritual(line, &pieces) } else { voice::say(line, &pieces, &reading) }
    }
}

#[cfg(test)]
mod tests;
