//! Says a line: opener, the line's own words as a manager would put them, a full stop, closer.
//!
//! Words are matched before their case is mended, so that a shouted line finds the same answers as a calm one.

use std::sync::LazyLock;

use transformer_api::{Case, Choice, Found, Kind, Lexicon, Line, Output, Piece, Reading};

use crate::frames::Mood;
use crate::words::{ALONE, MOODS, QUESTIONS, WORDS};

/// How much longer than one and a half times its length again a line may get, in code points: room for a frame
/// around a line of one letter.
const GROWTH_FREE: usize = 40;
/// What the body of a line leaves for its closer, in code points: each list of closers has one this short.
const CLOSER_RESERVE: usize = 14;
/// From this many code points a line gets a closer and no opener.
const LONG_LINE: usize = 200;
/// Up to this many bytes a line rarely gets an opener, to have room for what is said instead of its words.
const SHORT_LINE: usize = 20;
/// Up to this many code points said, a phrase is not used twice; in a longer line nobody notices.
const FRESH_WITHIN: usize = 120;
/// Words into a question within which its question word is looked for.
const QUESTION_WORDS: usize = 3;
/// A capitalised word of this many letters is an acronym wherever the line as a whole does not shout.
const ACRONYM_LETTERS_MAX: usize = 4;

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(WORDS));
static STANDING: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(ALONE));
static ASKED: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(QUESTIONS));
static MOOD: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new(MOODS));

/// The line, mailed.
pub(crate) fn say(line: Line<'_>, pieces: &[Piece<'_>], reading: Reading) -> String {
    let length = line.text.chars().count();
    Voice {
        text: line.text,
        pieces,
        reading,
        mood: mood(pieces, &reading),
        choice: Choice::new(line.seed),
        out: Output::new(line.text),
        growth_left: length * 3 / 2 + GROWTH_FREE,
        long: length >= LONG_LINE,
        whole: false,
        sentence_start: true,
    }
    .speak()
}

fn mood(pieces: &[Piece<'_>], reading: &Reading) -> Mood {
    let (mut found, mut sad) = (Mood::Plain, false);
    let (mut link, mut number, mut code) = (false, false, false);
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
            Kind::Number => number = true,
            Kind::Code => code = true,
            _ => {}
        }
    }
    match reading {
        _ if sad => Mood::Sad,
        _ if reading.shouting => Mood::Shout,
        _ if code => Mood::Code,
        _ if reading.question => Mood::Question,
        _ if reading.bare_greeting => Mood::Greeting,
        _ if link => Mood::Link,
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
    /// Whether one answer stands for the whole line.
    whole: bool,
    /// Whether the next word begins a sentence.
    sentence_start: bool,
}

impl Voice<'_> {
    fn speak(mut self) -> String {
        let plan = self.choice.index(10);
        let short = self.text.len() < SHORT_LINE;
        self.whole = self.is_whole();
        let opens = self.mood == Mood::Shout || (!self.whole && plan >= if short { 8 } else { 4 });
        if opens && !self.long {
            self.opener();
        }
        let changed = self.body();
        if plan < 8 || !changed {
            self.closer();
        }
        self.out.finish()
    }

    /// One of `of` that fits and has not been said yet, the search beginning at a chosen place.
    fn fitting(&mut self, of: &'static [&'static str], room: usize) -> Option<&'static str> {
        let start = self.choice.index(of.len());
        let mut turned = of[start..].iter().chain(&of[..start]).copied();
        turned.find(|text| text.chars().count() < room && !self.said(text))
    }

    /// Whether `text` has been said already, capital or not.
    fn said(&self, text: &str) -> bool {
        self.out.code_points() <= FRESH_WITHIN && self.out.as_str().contains(text.get(1..).unwrap_or(text))
    }

    /// Whether one answer stands for the whole line.
    fn is_whole(&self) -> bool {
        let found = self.alone(0).or_else(|| LEXICON.find(self.pieces, 0));
        found.is_some_and(|found| found.pieces + 1 >= self.pieces.len())
    }

    /// What to say of `answers` for `length` bytes of the line: one that fits and was not said yet, the search
    /// beginning at a chosen place.
    fn answer(&mut self, answers: &'static [&'static str], length: usize) -> &'static str {
        if let [only] = answers {
            return only;
        }
        let room = (self.growth_left + length).saturating_sub(self.reserve());
        let start = self.choice.index(answers.len());
        let mut turned = answers[start..].iter().chain(&answers[..start]).copied();
        turned.find(|answer| answer.len() <= room && !self.said(answer)).unwrap_or(answers[start])
    }

    /// What the body leaves for the closer: nothing where an opener or the answer itself carries the voice.
    fn reserve(&self) -> usize {
        if self.mood == Mood::Shout || self.whole { 0 } else { CLOSER_RESERVE }
    }

    fn opener(&mut self) {
        let room = self.growth_left.saturating_sub(self.reserve());
        if let Some(opener) = self.fitting(self.mood.openers(), room) {
            self.add(opener);
            self.add(" ");
            self.sentence_start = opener.ends_with('.');
        }
    }

    fn closer(&mut self) {
        let Some(closer) = self.fitting(self.mood.closers(), self.growth_left.saturating_sub(1)) else {
            return;
        };
        self.add(" ");
        self.add(closer);
    }

    fn add(&mut self, text: &str) {
        let count = text.chars().count();
        if count <= self.growth_left && self.out.add(text) {
            self.growth_left -= count;
        }
    }

    /// Says the line itself; whether any word of it was changed for another.
    fn body(&mut self) -> bool {
        let (mut at, mut start, mut words) = (0, 0, 0);
        let mut asked = !self.reading.question;
        let mut changed = false;
        // Code is quoted as it stands.
        self.sentence_start &= self.mood != Mood::Code;
        while let Some(&piece) = self.pieces.get(at) {
            if piece.kind != Kind::Word {
                self.other(piece);
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
                self.plain_word(piece.text);
                start += piece.text.len();
                at += 1;
                continue;
            };
            let end = head + found.pieces;
            let length: usize = self.pieces[head..end].iter().map(|piece| piece.text.len()).sum();
            let mut answer = self.answer(found.answers, length);
            if !self.goes_on(end) {
                answer = answer.trim_end_matches([',', ':']);
                answer = answer.strip_suffix(" on").unwrap_or(answer);
            }
            // The line's own stop stands behind it, or the answer goes on.
            if end < self.pieces.len() && self.pieces[end].kind != Kind::Space {
                answer = answer.trim_end_matches('.');
            }
            if article {
                let space = self.pieces[at + 1].text;
                self.out.skip(piece.text);
                self.out.skip(space);
                let an = if answer.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
                self.out.add_in(an, if self.sentence_start { Case::Capital } else { Case::Lower });
                self.out.add(space);
                self.sentence_start = false;
                start += piece.text.len() + space.len();
            }
            changed |= self.replace(start, length, answer);
            start += length;
            at = end;
        }
        self.stop();
        changed
    }

    /// Passes on what is no word; excitement in its punctuation is brought down to what a mail can bear.
    fn other(&mut self, piece: Piece<'_>) {
        match piece.kind {
            Kind::Punctuation if piece.text.chars().all(|c| matches!(c, '!' | '?')) => {
                let calm = if piece.text.contains('?') { "?" } else { "." };
                if calm == "." && self.out.as_str().ends_with('.') {
                    self.out.skip(piece.text);
                } else {
                    self.out.replace(piece.text, calm, Case::Lower);
                }
                self.sentence_start = self.mood != Mood::Code;
            }
            Kind::Punctuation => {
                self.out.pass(piece.text);
                self.sentence_start |= piece.text == "." || piece.text == "...";
            }
            Kind::Link | Kind::Code | Kind::Number | Kind::Command => {
                self.out.pass(piece.text);
                self.sentence_start = false;
            }
            _ => self.out.pass(piece.text),
        }
    }

    /// Ends the last sentence, unless something ends it already or a picture or a link stands last: a stop right
    /// behind those would become part of their name for whoever draws them.
    fn stop(&mut self) {
        let last = self.pieces.last().map(|piece| piece.kind);
        if !matches!(last, Some(Kind::Word | Kind::Number)) || self.out.as_str().ends_with('.') {
            return;
        }
        let asks = self.reading.question && !self.text.contains(['?', '？', '؟']);
        self.add(if asks { "?" } else { "." });
    }

    /// A word that no table knows: kept, but never shouted, and capitalised where a sentence begins.
    fn plain_word(&mut self, word: &str) {
        let first = std::mem::take(&mut self.sentence_start);
        let shouted = Case::of(word) == Case::Upper
            && (self.reading.shouting || word.len() > ACRONYM_LETTERS_MAX)
            && word.is_ascii();
        if !(shouted || (first && word.starts_with(|c: char| c.is_ascii_lowercase()))) {
            self.out.pass(word);
            return;
        }
        let calm = if shouted { word.to_ascii_lowercase() } else { word.to_owned() };
        self.out.replace(word, &calm, if first { Case::Capital } else { Case::Lower });
    }

    fn replace(&mut self, start: usize, length: usize, answer: &str) -> bool {
        let original = &self.text[start..start + length];
        let growth = answer.chars().count().saturating_sub(original.chars().count());
        if growth + self.reserve() > self.growth_left {
            self.plain_word(original);
            return false;
        }
        let sentence = answer.ends_with('.') && !self.out.as_str().trim_end().ends_with([',', ':', '(']);
        let case = if self.sentence_start || sentence { Case::Capital } else { Case::Lower };
        self.sentence_start = answer.ends_with('.');
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
                let joins = matches!(piece.kind, Kind::Word | Kind::Number | Kind::Code) || piece.text == "+";
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
            && LEXICON.find(self.pieces, at).is_none()
            && LEXICON.find(self.pieces, at + 2).is_some()
    }

    /// Whether a further word follows piece `end - 1` without punctuation between.
    fn goes_on(&self, end: usize) -> bool {
        self.pieces.get(end).is_some_and(|piece| piece.kind == Kind::Space)
            && self
                .pieces
                .get(end + 1)
                .is_some_and(|piece| !matches!(piece.kind, Kind::Punctuation | Kind::Emote | Kind::Symbol))
    }
}
