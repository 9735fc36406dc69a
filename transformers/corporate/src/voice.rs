//! The manners of a mail: sentences begin with capitals and end in a stop, and nobody shouts.
//!
//! Words are matched before their case is mended, so that a shouted line finds the same answers as a calm one.

use std::sync::LazyLock;

use transformer_api::speech::{CLOSER_RESERVE, Manner, Mood, Phrasebook, Speech};
use transformer_api::{Case, Kind, Lexicon, Piece, Reading};

use crate::frames;
use crate::words::{ALONE, MOODS, QUESTIONS, WORDS};

/// Up to this many bytes a line rarely gets an opener, to have room for what is said instead of its words.
const SHORT_LINE: usize = 20;
/// A capitalised word of this many letters is an acronym wherever the line as a whole does not shout.
const ACRONYM_LETTERS_MAX: usize = 4;

static PHRASEBOOK: LazyLock<Phrasebook> = LazyLock::new(|| Phrasebook {
    words: Lexicon::new(WORDS),
    alone: Lexicon::new(ALONE),
    questions: Lexicon::new(QUESTIONS),
    moods: Lexicon::new(MOODS),
});

/// What a mail needs to know of itself.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// Whether one answer stands for the whole line.
    whole: bool,
    /// Whether the next word begins a sentence.
    sentence_start: bool,
}

impl Manner for Mail {
    const CLOSING_PLANS: usize = 8;

    fn phrasebook(&self) -> &'static Phrasebook {
        &PHRASEBOOK
    }

    fn openers(&self, mood: Mood) -> &'static [&'static str] {
        frames::openers(mood)
    }

    fn closers(&self, mood: Mood) -> &'static [&'static str] {
        frames::closers(mood)
    }

    /// Code is for the engineers, whatever is said about it.
    fn own_mood(&self, pieces: &[Piece<'_>], reading: &Reading) -> Option<Mood> {
        let code = !reading.shouting && pieces.iter().any(|piece| piece.kind == Kind::Code);
        code.then_some(Mood::Code)
    }

    fn opens(&mut self, speech: &Speech<'_>, plan: usize) -> bool {
        let found = speech.alone(self, 0).or_else(|| PHRASEBOOK.words.find(speech.pieces, 0));
        self.whole = found.is_some_and(|found| found.pieces + 1 >= speech.pieces.len());
        // Code is quoted as it stands.
        self.sentence_start = speech.mood != Mood::Code;
        let short = speech.text.len() < SHORT_LINE;
        speech.mood == Mood::Shout || (!self.whole && plan >= if short { 8 } else { 4 })
    }

    fn opened(&mut self, opener: &str) {
        self.sentence_start = opener.ends_with('.');
    }

    /// Nothing where an opener or the answer itself carries the voice.
    fn reserve(&self, speech: &Speech<'_>) -> usize {
        if speech.mood == Mood::Shout || self.whole { 0 } else { CLOSER_RESERVE }
    }

    /// With a capital or without.
    fn gist<'t>(&self, text: &'t str) -> &'t str {
        text.get(1..).unwrap_or(text)
    }

    fn joins(&self, piece: Piece<'_>) -> bool {
        matches!(piece.kind, Kind::Word | Kind::Number | Kind::Code) || piece.text == "+"
    }

    fn trim<'t>(&self, speech: &Speech<'_>, mut answer: &'t str, end: usize) -> &'t str {
        let goes_on = |kind| !matches!(kind, Kind::Punctuation | Kind::Emote | Kind::Symbol);
        if !speech.behind_space(end).is_some_and(goes_on) {
            answer = answer.trim_end_matches([',', ':']);
        }
        if let Some(verb) = answer.strip_suffix(" on").filter(|_| !speech.takes_object(end)) {
            answer = verb;
        }
        // The line's own stop stands behind it, or the answer goes on.
        if speech.pieces.get(end).is_some_and(|piece| piece.kind != Kind::Space) {
            answer = answer.trim_end_matches('.');
        }
        answer
    }

    fn article_case(&mut self, _speech: &Speech<'_>, _typed: &str) -> Case {
        if std::mem::take(&mut self.sentence_start) { Case::Capital } else { Case::Lower }
    }

    fn answer_case(&mut self, speech: &Speech<'_>, _original: &str, answer: &str) -> Case {
        let ends = answer.ends_with('.');
        let sentence = ends && !speech.out.as_str().trim_end().ends_with([',', ':', '(']);
        let case = if self.sentence_start || sentence { Case::Capital } else { Case::Lower };
        self.sentence_start = ends;
        case
    }

    /// A word that no table knows: kept, but never shouted, and capitalised where a sentence begins.
    fn keep(&mut self, speech: &mut Speech<'_>, word: &str) {
        let first = std::mem::take(&mut self.sentence_start);
        let shouted = Case::of(word) == Case::Upper
            && (speech.reading.shouting || word.len() > ACRONYM_LETTERS_MAX)
            && word.is_ascii();
        if !(shouted || (first && word.starts_with(|c: char| c.is_ascii_lowercase()))) {
            speech.out.pass(word);
            return;
        }
        let calm = if shouted { word.to_ascii_lowercase() } else { word.to_owned() };
        speech.out.replace(word, &calm, if first { Case::Capital } else { Case::Lower });
    }

    /// Passes on what is no word; excitement in its punctuation is brought down to what a mail can bear.
    fn other(&mut self, speech: &mut Speech<'_>, at: usize) {
        let piece = speech.pieces[at];
        match piece.kind {
            Kind::Punctuation if piece.text.chars().all(|c| matches!(c, '!' | '?')) => {
                let calm = if piece.text.contains('?') { "?" } else { "." };
                if calm == "." && speech.out.as_str().ends_with('.') {
                    speech.out.skip(piece.text);
                } else {
                    speech.out.replace(piece.text, calm, Case::Lower);
                }
                self.sentence_start = speech.mood != Mood::Code;
            }
            Kind::Punctuation => {
                speech.out.pass(piece.text);
                self.sentence_start |= piece.text == "." || piece.text == "...";
            }
            Kind::Link | Kind::Code | Kind::Number | Kind::Command => {
                speech.out.pass(piece.text);
                self.sentence_start = false;
            }
            _ => speech.out.pass(piece.text),
        }
    }

    /// Leaves a picture or a link that stands last alone: a stop right behind those would become part of their name
    /// for whoever draws them.
    fn stop(&mut self, speech: &mut Speech<'_>) {
        let last = speech.pieces.last().map(|piece| piece.kind);
        if matches!(last, Some(Kind::Word | Kind::Number)) && !speech.out.as_str().ends_with('.') {
            speech.add(if speech.lacks_question_mark() { "?" } else { "." }, Case::Lower);
        }
    }
}
