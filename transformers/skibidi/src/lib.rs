//! Brain-rot: skibidi, ohio, rizz, sigma, fanum tax, and aura points for everything.
//!
//! This crate deliberately knows nothing of rooms or users, and it never mocks a sad line. Start with
//! [`Skibidi::transform`]; the jokes are in `words` (what replaces what) and `frames` (what goes around a line).

mod frames;
mod words;

use std::sync::LazyLock;

use transformer_api::{
    Case, Choice, Found, Kind, Lexicon, Line, Output, Piece, Reading, Transformer, pieces,
};

use crate::frames::{AFTER_COMMA, BETWEEN, Mood};
use crate::words::{ALONE, MOODS, QUESTIONS, WORDS};

/// How much longer than one and a half times its length again a line may get, in code points: room for a frame
/// around a line of one letter.
const GROWTH_FREE: usize = 40;
/// What the body of a line leaves for its closer, in code points: each list of closers has one this short.
const CLOSER_RESERVE: usize = 14;
/// From this many code points a line gets a closer and no opener.
const LONG_LINE: usize = 200;
/// Up to this many code points said, a joke is not told twice; in a longer line nobody notices.
const FRESH_WITHIN: usize = 120;
/// Words into a question within which its question word is looked for.
const QUESTION_WORDS: usize = 3;

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(WORDS));
static STANDING: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(ALONE));
static ASKED: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(QUESTIONS));
static MOOD: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(MOODS));

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
        let pieces = pieces(line.text, line.emotes);
        let reading = Reading::of(&pieces);
        let mood = mood(&pieces, &reading);
        let length = line.text.chars().count();
        Voice {
            pieces: &pieces,
            reading,
            mood,
            choice: Choice::new(line.seed),
            out: Output::new(line.text),
            growth_left: length * 3 / 2 + GROWTH_FREE,
            long: length >= LONG_LINE,
            text: line.text,
        }
        .speak()
    }
}

fn mood(pieces: &[Piece<'_>], reading: &Reading) -> Mood {
    let (mut found, mut sad) = (Mood::Plain, false);
    let (mut link, mut number, mut code, mut six_seven) = (false, false, false, false);
    for (at, piece) in pieces.iter().enumerate() {
        match piece.kind {
            Kind::Word => {
                if let Some(hit) = MOOD.find(pieces, at) {
                    let named = Mood::named(hit.answers[0]);
                    sad |= named == Mood::Sad;
                    if found == Mood::Plain {
                        found = named;
                    }
                }
            }
            Kind::Link => link = true,
            Kind::Number => {
                number = true;
                six_seven |= matches!(piece.text, "67" | "6-7" | "6,7" | "6.7");
            }
            Kind::Code => code = true,
            _ => {}
        }
    }
    match reading {
        _ if sad => Mood::Sad,
        _ if six_seven => Mood::SixSeven,
        _ if reading.shouting => Mood::Shout,
        _ if reading.question => Mood::Question,
        _ if reading.bare_greeting => Mood::Greeting,
        _ if link => Mood::Link,
        _ if code => Mood::Code,
        _ if number && reading.words == 0 => Mood::Number,
        _ if reading.words == 0 => Mood::Picture,
        _ if reading.foreign => Mood::Foreign,
        _ if found != Mood::Plain => found,
        _ if reading.laughter => Mood::Laugh,
        _ => Mood::Plain,
    }
}

/// One line on its way.
struct Voice<'a> {
    text: &'a str,
    pieces: &'a [Piece<'a>],
    reading: Reading,
    mood: Mood,
    choice: Choice,
    out: Output,
    /// Code points that may still be added beyond the input's own.
    growth_left: usize,
    long: bool,
}

impl Voice<'_> {
    fn speak(mut self) -> String {
        let plan = self.choice.index(10);
        let one_liner = self.pieces.len() <= 2 && self.alone(0).is_some();
        if plan >= 4 && !self.long && !one_liner {
            self.opener();
        }
        let changed = self.body();
        if plan < 7 || !changed || self.out.code_points() == 0 {
            self.closer();
        }
        self.out.finish()
    }

    fn case(&self) -> Case {
        if self.reading.shouting { Case::Upper } else { Case::Lower }
    }

    /// One of `of` that fits and has not been said yet, the search beginning at a chosen place.
    fn fitting(&mut self, of: &'static [&'static str], room: usize) -> Option<&'static str> {
        let start = self.choice.index(of.len());
        let mut turned = of[start..].iter().chain(&of[..start]).copied();
        turned.find(|text| text.chars().count() < room && !self.said(text))
    }

    /// Whether the joke of `text` has been made already.
    fn said(&self, text: &str) -> bool {
        let joke = if text.starts_with("erm") { "erm" } else { text };
        self.out.code_points() <= FRESH_WITHIN && self.out.as_str().contains(joke)
    }

    /// What to say of `answers` for `length` bytes of the line: one that fits and was not said yet, the search
    /// beginning at a chosen place.
    fn answer(&mut self, answers: &'static [&'static str], length: usize) -> &'static str {
        if let [only] = answers {
            return only;
        }
        let room = (self.growth_left + length).saturating_sub(CLOSER_RESERVE);
        let start = self.choice.index(answers.len());
        let mut turned = answers[start..].iter().chain(&answers[..start]).copied();
        turned.find(|answer| answer.len() <= room && !self.said(answer)).unwrap_or(answers[start])
    }

    fn opener(&mut self) {
        let room = self.growth_left.saturating_sub(CLOSER_RESERVE);
        if let Some(opener) = self.fitting(self.mood.openers(), room) {
            self.add(opener, self.case());
            self.add(" ", Case::Lower);
        }
    }

    fn closer(&mut self) {
        let Some(closer) = self.fitting(self.mood.closers(), self.growth_left.saturating_sub(1)) else {
            return;
        };
        // A comma right behind a link or an emote would become part of its name for whoever draws it.
        let last = self.pieces.last().map(|piece| piece.kind);
        let after_word = matches!(last, Some(Kind::Word | Kind::Number))
            && self.out.as_str().ends_with(char::is_alphanumeric);
        let joint = match closer.chars().next() {
            Some(first) if after_word && self.mood != Mood::Number && (first.is_ascii()) => ", ",
            _ => " ",
        };
        self.add(joint, Case::Lower);
        self.add(closer, self.case());
    }

    fn add(&mut self, text: &str, case: Case) {
        let count = text.chars().count();
        if count <= self.growth_left && self.out.add_in(text, case) {
            self.growth_left -= count;
        }
    }

    /// Says the line itself; whether any word of it was changed.
    fn body(&mut self) -> bool {
        let (mut at, mut start, mut words) = (0, 0, 0);
        let mut asked = !self.reading.question;
        let mut changed = false;
        let mut asides = 0;
        while let Some(&piece) = self.pieces.get(at) {
            if piece.kind != Kind::Word {
                self.out.pass(piece.text);
                if piece.kind == Kind::Space && asides < 2 && !self.long {
                    asides += usize::from(self.aside(at));
                }
                start += piece.text.len();
                at += 1;
                continue;
            }
            words += 1;
            let article = self.article(at);
            let head = if article { at + 2 } else { at };
            let question =
                (!asked && words <= QUESTION_WORDS).then(|| ASKED.find(self.pieces, head)).flatten();
            asked |= question.is_some();
            let found = question.or_else(|| self.alone(at)).or_else(|| LEXICON.find(self.pieces, head));
            let Some(found) = found else {
                self.out.pass(piece.text);
                start += piece.text.len();
                at += 1;
                continue;
            };
            let end = head + found.pieces;
            let length: usize = self.pieces[head..end].iter().map(|piece| piece.text.len()).sum();
            let mut answer = self.answer(found.answers, length);
            if !self.goes_on(end) {
                answer = answer.trim_end_matches(',');
            }
            if article {
                let space = self.pieces[at + 1].text;
                self.out.skip(piece.text);
                self.out.skip(space);
                let an = if sounds_like_a_vowel(answer) { "an" } else { "a" };
                self.out.add_in(an, if piece.text.starts_with('A') { Case::Capital } else { Case::Lower });
                self.out.add(space);
                start += piece.text.len() + space.len();
            }
            changed |= self.replace(start, length, answer);
            start += length;
            at = end;
        }
        if self.reading.question
            && !self.text.contains(['?', '？', '؟'])
            && self.pieces.last().is_some_and(|piece| piece.kind == Kind::Word)
        {
            self.add("?", Case::Lower);
        }
        changed
    }

    fn replace(&mut self, start: usize, length: usize, answer: &str) -> bool {
        let original = &self.text[start..start + length];
        let growth = answer.chars().count().saturating_sub(original.chars().count());
        if growth + CLOSER_RESERVE > self.growth_left {
            self.out.pass(original);
            return false;
        }
        let case = match Case::of(original) {
            _ if self.reading.shouting => Case::Upper,
            // The capital of `I` is no sign of a sentence's beginning.
            Case::Capital if original.starts_with("I ") || original.starts_with("I'") => Case::Lower,
            case => case,
        };
        if self.out.replace(original, answer, case) {
            self.growth_left -= growth;
            return true;
        }
        false
    }

    /// The answer for words that stand alone at `at`: stops, edges, pictures or their own likes around them.
    fn alone(&self, at: usize) -> Option<Found> {
        let found = STANDING.find(self.pieces, at)?;
        let first = self.pieces[at].text;
        let parts = |beside: Option<&Piece<'_>>| {
            beside.is_none_or(|piece| {
                let joins = matches!(piece.kind, Kind::Word | Kind::Number | Kind::Code);
                !joins || piece.text.eq_ignore_ascii_case(first)
            })
        };
        let before = self.pieces[..at].iter().rev().find(|piece| piece.kind != Kind::Space);
        let after = self.pieces[at + found.pieces..].iter().find(|piece| piece.kind != Kind::Space);
        (parts(before) && parts(after)).then_some(found)
    }

    /// Whether the piece at `at` is an article with a word of the lexicon behind it.
    fn article(&self, at: usize) -> bool {
        let is_article = ["a", "an"].iter().any(|a| self.pieces[at].text.eq_ignore_ascii_case(a));
        is_article
            && self.pieces.get(at + 1).is_some_and(|piece| piece.kind == Kind::Space)
            && LEXICON.find(self.pieces, at + 2).is_some()
    }

    /// Whether a further word follows piece `end - 1` without punctuation between.
    fn goes_on(&self, end: usize) -> bool {
        self.pieces.get(end).is_some_and(|piece| piece.kind == Kind::Space)
            && self.pieces.get(end + 1).is_some_and(|piece| piece.kind != Kind::Punctuation)
    }

    /// Perhaps throws something in after the space at `at`, between sentences or behind a comma.
    fn aside(&mut self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1).and_then(|before| self.pieces.get(before)) else { return false };
        if before.kind != Kind::Punctuation
            || self.pieces.get(at + 1).is_none_or(|next| next.kind != Kind::Word)
        {
            return false;
        }
        let (list, percent) = match before.text {
            "." | "!" | "!!" | "?" | "..." => (BETWEEN, 50),
            "," => (AFTER_COMMA, 35),
            _ => return false,
        };
        if self.mood == Mood::Sad || !self.choice.chance(percent) {
            return false;
        }
        let aside = self.choice.pick(list);
        if aside.chars().count() + 1 + CLOSER_RESERVE > self.growth_left {
            return false;
        }
        self.add(aside, self.case());
        self.add(" ", Case::Lower);
        true
    }
}

/// Whether `a` becomes `an` before `text`; an `NPC` and an `L` are spelt out.
fn sounds_like_a_vowel(text: &str) -> bool {
    text.starts_with(['a', 'e', 'i', 'o', 'u']) || text.starts_with("NPC") || text.starts_with("L ")
}

#[cfg(test)]
mod tests;
