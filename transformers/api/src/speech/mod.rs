//! The common way to say a line: opener, the line's own words with others in their place, closer.
//!
//! A style that speaks so brings its words (a [`Phrasebook`]), its frames (openers and closers for each [`Mood`]) and
//! its [`Manner`]: where it puts capitals and stops, and what it throws in. This module deliberately knows no word of
//! any language but the articles `a` and `an`. Start with [`say`], then read `Speech::body`; `transformer-skibidi` is
//! the shorter of the styles built on it.

mod mood;
#[cfg(test)]
mod tests;

pub use mood::Mood;

use crate::{Case, Choice, Found, Kind, Lexicon, Line, Output, Piece, Reading, pieces};

/// How much longer than one and a half times its length again a line may get, in code points: room for a frame
/// around a line of one letter.
const GROWTH_FREE: usize = 40;
/// What the body of a line leaves for its closer, in code points: each list of closers has one this short.
pub const CLOSER_RESERVE: usize = 14;
/// From this many code points a line gets a closer and no opener.
const LONG_LINE: usize = 200;
/// Up to this many code points said, a phrase is not used twice; in a longer line nobody notices.
const FRESH_WITHIN: usize = 120;
/// Words into a question within which its question word is looked for.
const QUESTION_WORDS: usize = 3;
/// The plans of a line, of which one is drawn: low ones close it, high ones open it, those between do both.
pub const PLANS: usize = 10;

/// Words that are no object of the verb before them.
const LEADING_ON: &[&str] = &[
    "again",
    "already",
    "after",
    "and",
    "anyway",
    "as",
    "at",
    "badly",
    "because",
    "before",
    "but",
    "by",
    "cause",
    "cuz",
    "for",
    "from",
    "gg",
    "hard",
    "here",
    "if",
    "in",
    "is",
    "just",
    "later",
    "lol",
    "now",
    "on",
    "or",
    "since",
    "so",
    "then",
    "to",
    "today",
    "tomorrow",
    "tonight",
    "too",
    "twice",
    "until",
    "was",
    "when",
    "while",
    "with",
    "without",
    "yesterday",
    "yet",
];

/// What a style says instead.
#[derive(Debug)]
pub struct Phrasebook {
    /// Of words and phrases anywhere.
    pub words: Lexicon,
    /// Of words that stand alone, between stops or beside themselves; elsewhere they mean something else.
    pub alone: Lexicon,
    /// Of how a question begins; looked at only near the head of a line that asks.
    pub questions: Lexicon,
    /// Which words tell what a line is about; the answer is a name that [`Mood::named`] knows.
    pub moods: Lexicon,
}

/// Where the styles that speak this way differ.
pub trait Manner {
    /// Of the [`PLANS`], those below this end in a closer.
    const CLOSING_PLANS: usize;

    /// The style's words.
    fn phrasebook(&self) -> &'static Phrasebook;

    /// What may go before a line; not empty.
    fn openers(&self, mood: Mood) -> &'static [&'static str];

    /// What may go after a line; not empty, and one has fewer than [`CLOSER_RESERVE`] code points.
    fn closers(&self, mood: Mood) -> &'static [&'static str];

    /// A mood that goes before every other but sadness.
    fn own_mood(&self, pieces: &[Piece<'_>], reading: &Reading) -> Option<Mood> {
        let _ = (pieces, reading);
        None
    }

    /// Whether a line that is not long gets an opener by `plan`. Called before anything is said.
    fn opens(&mut self, speech: &Speech<'_>, plan: usize) -> bool;

    /// Hears which opener was said.
    fn opened(&mut self, opener: &str) {
        let _ = opener;
    }

    /// What stands between the line and `closer`.
    fn joint(&self, speech: &Speech<'_>, closer: &str) -> &'static str {
        let _ = (speech, closer);
        " "
    }

    /// The shape of openers and closers.
    fn frame_case(&self, reading: &Reading) -> Case {
        let _ = reading;
        Case::Lower
    }

    /// Code points that the body leaves for the closer.
    fn reserve(&self, speech: &Speech<'_>) -> usize {
        let _ = speech;
        CLOSER_RESERVE
    }

    /// The part of `text` by which one knows that it has been said already.
    fn gist<'t>(&self, text: &'t str) -> &'t str {
        text
    }

    /// Whether `piece` beside a word means that the word does not stand alone.
    fn joins(&self, piece: Piece<'_>) -> bool {
        matches!(piece.kind, Kind::Word | Kind::Number | Kind::Code)
    }

    /// `answer` as it fits before the piece at `end`: most drop what only a further word would need.
    fn trim<'t>(&self, speech: &Speech<'_>, answer: &'t str, end: usize) -> &'t str;

    /// The shape of an article that stands for the `typed` one.
    fn article_case(&mut self, speech: &Speech<'_>, typed: &str) -> Case;

    /// The shape of `answer`, said in place of `original`.
    fn answer_case(&mut self, speech: &Speech<'_>, original: &str, answer: &str) -> Case;

    /// Says words that keep their place in the line.
    fn keep(&mut self, speech: &mut Speech<'_>, original: &str) {
        speech.out.pass(original);
    }

    /// Says the piece at `at`, which is no word, and perhaps something behind it.
    fn other(&mut self, speech: &mut Speech<'_>, at: usize) {
        speech.out.pass(speech.pieces[at].text);
    }

    /// Ends the last sentence if it has no end of its own.
    fn stop(&mut self, speech: &mut Speech<'_>);
}

/// One line on its way.
#[derive(Debug)]
pub struct Speech<'a> {
    /// What was typed.
    pub text: &'a str,
    /// Its pieces.
    pub pieces: &'a [Piece<'a>],
    /// What kind of line it is.
    pub reading: Reading,
    /// Which frame it gets.
    pub mood: Mood,
    /// Where the choices come from.
    pub choice: Choice,
    /// What has been said.
    pub out: Output,
    /// Whether the line is so long that a frame around it would only add to the flood.
    pub long: bool,
    phrasebook: &'static Phrasebook,
    /// Code points that may still be added beyond the input's own.
    growth_left: usize,
}

/// Says `line` in the manner of a style.
pub fn say<M: Manner>(mut manner: M, line: Line<'_>) -> String {
    let pieces = pieces(line.text, line.emotes);
    let reading = Reading::of(&pieces);
    let phrasebook = manner.phrasebook();
    let own = manner.own_mood(&pieces, &reading);
    let length = line.text.chars().count();
    let mut speech = Speech {
        text: line.text,
        pieces: &pieces,
        reading,
        mood: Mood::of(&pieces, &reading, &phrasebook.moods, own),
        choice: Choice::new(line.seed),
        out: Output::new(line.text),
        long: length >= LONG_LINE,
        phrasebook,
        growth_left: length * 3 / 2 + GROWTH_FREE,
    };
    speech.speak(&mut manner);
    speech.out.finish()
}

impl Speech<'_> {
    fn speak<M: Manner>(&mut self, manner: &mut M) {
        let plan = self.choice.index(PLANS);
        if manner.opens(self, plan) && !self.long {
            self.opener(manner);
        }
        let changed = self.body(manner);
        if plan < M::CLOSING_PLANS || !changed {
            self.closer(manner);
        }
    }

    fn opener<M: Manner>(&mut self, manner: &mut M) {
        let room = self.growth_left.saturating_sub(manner.reserve(self));
        if let Some(opener) = self.fitting(manner, manner.openers(self.mood), room) {
            self.add(opener, manner.frame_case(&self.reading));
            self.add(" ", Case::Lower);
            manner.opened(opener);
        }
    }

    fn closer<M: Manner>(&mut self, manner: &M) {
        let room = self.growth_left.saturating_sub(1);
        if let Some(closer) = self.fitting(manner, manner.closers(self.mood), room) {
            self.add(manner.joint(self, closer), Case::Lower);
            self.add(closer, manner.frame_case(&self.reading));
        }
    }

    /// Says the line itself; whether any word of it was changed for another.
    fn body<M: Manner>(&mut self, manner: &mut M) -> bool {
        let (mut at, mut start, mut words) = (0, 0, 0);
        let mut asked = !self.reading.question;
        let mut changed = false;
        while let Some(&piece) = self.pieces.get(at) {
            if piece.kind != Kind::Word {
                manner.other(self, at);
                start += piece.text.len();
                at += 1;
                continue;
            }
            words += 1;
            let article = self.article(at);
            let head = if article { at + 2 } else { at };
            let question = (!asked && words <= QUESTION_WORDS)
                .then(|| self.phrasebook.questions.find(self.pieces, head))
                .flatten();
            asked |= question.is_some();
            let found = question
                .or_else(|| self.alone(manner, at))
                .or_else(|| self.phrasebook.words.find(self.pieces, head));
            let Some(found) = found else {
                manner.keep(self, piece.text);
                start += piece.text.len();
                at += 1;
                continue;
            };
            let end = head + found.pieces;
            let length: usize = self.pieces[head..end].iter().map(|piece| piece.text.len()).sum();
            let answer = self.answer(manner, found.answers, length);
            let answer = manner.trim(self, answer, end);
            if article {
                let space = self.pieces[at + 1].text;
                self.out.skip(piece.text);
                self.out.skip(space);
                let case = manner.article_case(self, piece.text);
                self.out.add_in(article_before(answer), case);
                self.out.add(space);
                start += piece.text.len() + space.len();
            }
            changed |= self.replace(manner, &self.text[start..start + length], answer);
            start += length;
            at = end;
        }
        manner.stop(self);
        changed
    }

    /// Says `answer` for `original` if the line may grow so much; returns whether it did.
    fn replace<M: Manner>(&mut self, manner: &mut M, original: &str, answer: &str) -> bool {
        let growth = answer.chars().count().saturating_sub(original.chars().count());
        if growth + manner.reserve(self) > self.growth_left {
            manner.keep(self, original);
            return false;
        }
        let case = manner.answer_case(self, original, answer);
        let fitted = self.out.replace(original, answer, case);
        self.growth_left -= if fitted { growth } else { 0 };
        fitted
    }

    /// One of `of` that has fewer than `room` code points and was not said yet, the search beginning at a chosen
    /// place.
    fn fitting<M: Manner>(
        &mut self,
        manner: &M,
        of: &'static [&'static str],
        room: usize,
    ) -> Option<&'static str> {
        let start = self.choice.index(of.len());
        let mut turned = of[start..].iter().chain(&of[..start]).copied();
        turned.find(|text| text.chars().count() < room && !self.said(manner.gist(text)))
    }

    /// What to say of `answers` for `length` bytes of the line: one that fits and was not said yet, the search
    /// beginning at a chosen place; the one there if none does.
    fn answer<M: Manner>(
        &mut self,
        manner: &M,
        answers: &'static [&'static str],
        length: usize,
    ) -> &'static str {
        if let [only] = answers {
            return only;
        }
        let room = (self.growth_left + length).saturating_sub(manner.reserve(self));
        let start = self.choice.index(answers.len());
        let mut turned = answers[start..].iter().chain(&answers[..start]).copied();
        turned
            .find(|answer| answer.len() <= room && !self.said(manner.gist(answer)))
            .unwrap_or(answers[start])
    }

    fn said(&self, text: &str) -> bool {
        self.out.code_points() <= FRESH_WITHIN && self.out.as_str().contains(text)
    }

    /// Whether the piece at `at` is an article with a word of the phrasebook behind it.
    fn article(&self, at: usize) -> bool {
        let is_article = ["a", "an"].iter().any(|a| self.pieces[at].text.eq_ignore_ascii_case(a));
        is_article
            && self.pieces.get(at + 1).is_some_and(|piece| piece.kind == Kind::Space)
            && self.phrasebook.words.find(self.pieces, at + 2).is_some()
    }

    /// Adds `text` if the line may grow so much.
    pub fn add(&mut self, text: &str, case: Case) {
        let count = text.chars().count();
        if count <= self.growth_left && self.out.add_in(text, case) {
            self.growth_left -= count;
        }
    }

    /// Whether the line may grow by `count` code points and leave room for a closer.
    #[must_use]
    pub fn has_room(&self, count: usize) -> bool {
        count + CLOSER_RESERVE <= self.growth_left
    }

    /// The answer for words that stand alone at `at`: stops, edges, pictures or their own likes around them.
    #[must_use]
    pub fn alone<M: Manner>(&self, manner: &M, at: usize) -> Option<Found> {
        let found = self.phrasebook.alone.find(self.pieces, at)?;
        let first = self.pieces[at].text;
        let parts = |beside: Option<&Piece<'_>>| {
            beside.is_none_or(|piece| !manner.joins(*piece) || piece.text.eq_ignore_ascii_case(first))
        };
        let before = self.pieces[..at].iter().rev().find(|piece| piece.kind != Kind::Space);
        let after = self.pieces[at + found.pieces..].iter().find(|piece| piece.kind != Kind::Space);
        (parts(before) && parts(after)).then_some(found)
    }

    /// What stands behind the space at `at`; none if there is no space or nothing behind it.
    #[must_use]
    pub fn behind_space(&self, at: usize) -> Option<Kind> {
        let space = self.pieces.get(at)?;
        (space.kind == Kind::Space).then(|| self.pieces.get(at + 1)).flatten().map(|piece| piece.kind)
    }

    /// Whether what stands behind the space at `at` can be the object of a verb: no stop, and no word that only leads
    /// on, such as `again`, `to` or `because`.
    #[must_use]
    pub fn takes_object(&self, at: usize) -> bool {
        let leads_on = |word: &str| LEADING_ON.iter().any(|known| known.eq_ignore_ascii_case(word));
        self.behind_space(at).is_some_and(|kind| match kind {
            Kind::Word => !leads_on(self.pieces[at + 1].text),
            Kind::Punctuation | Kind::Emote | Kind::Symbol => false,
            _ => true,
        })
    }

    /// Whether the line asks and nobody typed a question mark.
    #[must_use]
    pub fn lacks_question_mark(&self) -> bool {
        self.reading.question && !self.text.contains(['?', '？', '؟'])
    }
}

/// `an` before a vowel, else `a`; an `NPC` and an `L` are spelt out.
#[must_use]
pub fn article_before(text: &str) -> &'static str {
    let vowel =
        text.starts_with(['a', 'e', 'i', 'o', 'u']) || text.starts_with("NPC") || text.starts_with("L ");
    if vowel { "an" } else { "a" }
}
