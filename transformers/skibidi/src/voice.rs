//! The manners of brain-rot: small letters unless somebody shouts, and something thrown in where a sentence pauses.

use std::sync::LazyLock;

use transformer_api::speech::{Manner, Mood, Phrasebook, Speech};
use transformer_api::{Case, Kind, Lexicon, Piece, Reading};

use crate::frames::{self, AFTER_COMMA, BETWEEN};
use crate::words::{ALONE, MOODS, QUESTIONS, WORDS};

/// How often something is thrown into one line.
const ASIDES_MAX: usize = 2;

static PHRASEBOOK: LazyLock<Phrasebook> = LazyLock::new(|| Phrasebook {
    words: Lexicon::new(WORDS),
    alone: Lexicon::new(ALONE),
    questions: Lexicon::new(QUESTIONS),
    moods: Lexicon::new(MOODS),
});

/// What brain-rot remembers of a line.
#[derive(Debug, Default)]
pub(crate) struct BrainRot {
    /// How often something was thrown in.
    asides: usize,
}

impl Manner for BrainRot {
    const CLOSING_PLANS: usize = 7;

    fn phrasebook(&self) -> &'static Phrasebook {
        &PHRASEBOOK
    }

    fn openers(&self, mood: Mood) -> &'static [&'static str] {
        frames::openers(mood)
    }

    fn closers(&self, mood: Mood) -> &'static [&'static str] {
        frames::closers(mood)
    }

    /// Six, seven.
    fn own_mood(&self, pieces: &[Piece<'_>], _reading: &Reading) -> Option<Mood> {
        let said = |p: &Piece<'_>| p.kind == Kind::Number && matches!(p.text, "67" | "6-7" | "6,7" | "6.7");
        pieces.iter().any(said).then_some(Mood::Joke)
    }

    fn opens(&mut self, speech: &Speech<'_>, plan: usize) -> bool {
        let one_liner = speech.pieces.len() <= 2 && speech.alone(self, 0).is_some();
        plan >= 4 && !one_liner
    }

    fn joint(&self, speech: &Speech<'_>, closer: &str) -> &'static str {
        // A comma right behind a link or an emote would become part of its name for whoever draws it.
        let last = speech.pieces.last().map(|piece| piece.kind);
        let after_word = matches!(last, Some(Kind::Word | Kind::Number))
            && speech.out.as_str().ends_with(char::is_alphanumeric);
        let words = closer.starts_with(|first: char| first.is_ascii());
        if after_word && words && speech.mood != Mood::Number { ", " } else { " " }
    }

    fn frame_case(&self, reading: &Reading) -> Case {
        if reading.shouting { Case::Upper } else { Case::Lower }
    }

    /// One `erm` is like the other.
    fn gist<'t>(&self, text: &'t str) -> &'t str {
        if text.starts_with("erm") { "erm" } else { text }
    }

    fn trim<'t>(&self, speech: &Speech<'_>, answer: &'t str, end: usize) -> &'t str {
        let answer = match speech.behind_space(end) {
            None | Some(Kind::Punctuation) => answer.trim_end_matches(','),
            Some(_) => answer,
        };
        answer.strip_suffix(" on").filter(|_| !speech.takes_object(end)).unwrap_or(answer)
    }

    fn article_case(&mut self, speech: &Speech<'_>, typed: &str) -> Case {
        if speech.reading.shouting {
            Case::Upper
        } else if typed.starts_with('A') {
            Case::Capital
        } else {
            Case::Lower
        }
    }

    fn answer_case(&mut self, speech: &Speech<'_>, original: &str, _answer: &str) -> Case {
        match Case::of(original) {
            _ if speech.reading.shouting => Case::Upper,
            // The capital of `I` is no sign of a sentence's beginning.
            Case::Capital if original.starts_with("I ") || original.starts_with("I'") => Case::Lower,
            case => case,
        }
    }

    fn other(&mut self, speech: &mut Speech<'_>, at: usize) {
        let piece = speech.pieces[at];
        speech.out.pass(piece.text);
        if piece.kind == Kind::Space && self.asides < ASIDES_MAX && !speech.long {
            self.asides += usize::from(aside(speech, at));
        }
    }

    fn stop(&mut self, speech: &mut Speech<'_>) {
        if speech.lacks_question_mark() && speech.pieces.last().is_some_and(|piece| piece.kind == Kind::Word)
        {
            speech.add("?", Case::Lower);
        }
    }
}

/// Perhaps throws something in after the space at `at`, between sentences or behind a comma.
fn aside(speech: &mut Speech<'_>, at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|before| speech.pieces.get(before)) else { return false };
    if before.kind != Kind::Punctuation || speech.behind_space(at) != Some(Kind::Word) {
        return false;
    }
    let (list, percent) = match before.text {
        "." | "!" | "!!" | "?" | "..." => (BETWEEN, 50),
        "," => (AFTER_COMMA, 35),
        _ => return false,
    };
    if speech.mood == Mood::Sad || !speech.choice.chance(percent) {
        return false;
    }
    let aside = speech.choice.pick(list);
    if !speech.has_room(aside.chars().count() + 1) {
        return false;
    }
    speech.add(aside, if speech.reading.shouting { Case::Upper } else { Case::Lower });
    speech.add(" ", Case::Lower);
    true
}
