//! How the bestie says a line: the ritual for greetings, the weaving of words for everything else.

use transformer_api::speech::article_before;
use transformer_api::{
    Case, Choice, Found, Greeted, Kind, Line, Output, Piece, Reading, greeted, is_greeting, is_laughter,
};

use crate::frames::{ASIDES, Mood, QUESTION_TAGS, SOFT_TAGS, TAGS};
use crate::words;

/// Code points that replacements may add beyond the line's own length, so that a line of `lol lol lol …` does not
/// swell to four times its size.
const SPARE_CODE_POINTS: usize = 40;
/// From this many code points on, a line gets an opener or a closer, not both.
const SHORT_FRAME_CODE_POINTS_MIN: usize = 90;

/// How much of a closer or tag may not stand in the line already.
const REPEAT_BYTES: usize = 6;
/// Words that lose their capital when an opener flows into them; of others it could be part of the name.
const STARTERS: &[&str] = &[
    "The", "This", "That", "These", "It", "It's", "What", "Why", "How", "When", "Where", "Who", "Is", "Are",
    "Do", "Does", "Did", "Can", "We", "You", "He", "She", "They", "My", "Your", "Just", "So", "If", "In",
    "On", "At", "There", "Not", "A", "Imagine", "Please", "Someone", "Anyone", "Let",
];

/// The house ritual around the greeting: `hi there` → `… Fr fr, hi bestie! …`.
pub(crate) fn ritual(line: Line<'_>, pieces: &[Piece<'_>]) -> String {
    let mut out = Output::new(line.text);
    out.add("Hey bestie! ✨💅  Fr fr, ");
    let last = pieces.iter().rposition(|p| matches!(p.kind, Kind::Word | Kind::Mention)).unwrap_or(0);
    let mut anybody = false;
    for (at, piece) in pieces.iter().enumerate() {
        match piece.kind {
            Kind::Word => {
                let case = Case::of(piece.text);
                let by = if at == 0 || is_greeting(piece.text) { None } else { addressee(piece.text) };
                anybody |= by.is_some() || greeted(piece.text) == Some(Greeted::Called);
                match by {
                    Some(by) => _ = out.replace(piece.text, by, case),
                    None if at == 0 && case == Case::Capital => {
                        out.replace(piece.text, &piece.text.to_lowercase(), Case::Lower);
                    }
                    None => out.pass(piece.text),
                }
            }
            Kind::Mention => {
                anybody = true;
                out.pass(piece.text);
            }
            // The ritual brings its own stops.
            Kind::Punctuation if at > last => out.skip(piece.text),
            _ => out.pass(piece.text),
        }
        if at == last {
            // With nobody named, it is the bestie who is greeted.
            if !anybody {
                let shouted = Case::of(piece.text) == Case::Upper;
                out.add_in(" bestie", if shouted { Case::Upper } else { Case::Lower });
            }
            out.add("!");
        }
    }
    out.add("  No cap, slayyy.  Busssin.  🤪");
    out.finish()
}

/// How the bestie calls whoever `word` greets.
fn addressee(word: &str) -> Option<&'static str> {
    match greeted(word)? {
        Greeted::One => Some("bestie"),
        Greeted::Many => Some("besties"),
        Greeted::Called | Greeted::Nobody => None,
    }
}

/// Any line that is more than a greeting.
pub(crate) fn say(line: Line<'_>, pieces: &[Piece<'_>], reading: &Reading) -> String {
    let code_points = line.text.chars().count();
    let mood = Mood::of(pieces, reading, code_points);
    let frame = mood.frame();
    let mut choice = Choice::new(line.seed);
    let case = if reading.shouting { Case::Upper } else { Case::Lower };
    // Which of opener and closer: short lines need both to carry the voice, long ones neither in full.
    let (mut opens, mut closes) = match choice.index(4) {
        _ if reading.words <= 2 => (!reading.shouting, true),
        shape if code_points >= SHORT_FRAME_CODE_POINTS_MIN => (shape < 2, shape >= 2),
        0 => (true, false),
        1 => (false, true),
        _ => (true, true),
    };
    if mood == Mood::Sad {
        (opens, closes) = (true, true);
    }
    let mut weaver = Weaver {
        out: Output::new(line.text),
        pieces,
        reading,
        mood,
        spare: code_points + SPARE_CODE_POINTS,
        previous: &[],
        aside: mood <= Mood::Link && choice.chance(50),
        tagged: choice.chance(if opens { 25 } else { 80 }),
        choice,
        capital: mood != Mood::Letter,
        small: false,
    };
    let alone = weaver.alone();
    opens &= !reading.greeting && !alone && !frame.openers.is_empty();
    weaver.tagged &= !alone && !reading.foreign && reading.words >= 3 && mood != Mood::Story;
    if opens {
        weaver.open(frame.openers, case);
    }
    weaver.body();
    if closes || !opens {
        let closer = weaver.unsaid(frame.closers);
        weaver.out.add("  ");
        weaver.out.add_in(closer, case);
    }
    weaver.out.finish()
}

struct Weaver<'a> {
    out: Output,
    pieces: &'a [Piece<'a>],
    reading: &'a Reading,
    mood: Mood,
    choice: Choice,
    /// Code points that replacements may still add.
    spare: usize,
    /// What the last replacement chose from, so that it is not said twice running.
    previous: &'static [&'static str],
    /// Whether an aside after `is` is still to come.
    aside: bool,
    /// Whether the last sentence gets a tag.
    tagged: bool,
    /// Whether the next word begins a sentence.
    capital: bool,
    /// Whether the next word stands in the middle of one, whatever its first letter says.
    small: bool,
}

impl Weaver<'_> {
    /// Whether the line is a single standalone answer, which needs no opener.
    fn alone(&self) -> bool {
        let words_end = self.pieces.iter().rposition(|p| p.kind == Kind::Word).map_or(0, |at| at + 1);
        self.standalone(0).is_some_and(|found| found.pieces >= words_end)
    }

    fn open(&mut self, openers: &[&str], case: Case) {
        let opener = self.choice.pick(openers);
        self.out.add_in(opener, case);
        let flows = opener.ends_with(|c: char| c.is_alphabetic() || c == ',' || c == ':');
        self.out.add(if flows { " " } else { "  " });
        self.capital = !flows;
        self.small = opener.ends_with(|c: char| c.is_alphabetic() || c == ',');
    }

    /// One of `of` that does not repeat how something in the line begins or ends.
    fn unsaid(&mut self, of: &'static [&'static str]) -> &'static str {
        let first = self.choice.index(of.len());
        let said = |text: &str| {
            let key = text.trim_start_matches([',', ' ']).as_bytes();
            let key = &key[..key.len().min(REPEAT_BYTES)];
            self.out
                .as_str()
                .as_bytes()
                .windows(key.len())
                .any(|w| (w[0] ^ key[0]) & !0x20 == 0 && w.eq_ignore_ascii_case(key))
        };
        of.iter().cycle().skip(first).take(of.len()).find(|text| !said(text)).copied().unwrap_or(of[first])
    }

    fn body(&mut self) {
        let end = self.sentence_end();
        let mut at = 0;
        while at < self.pieces.len() {
            if at == end {
                self.tag();
            }
            at += self.piece(at);
        }
        if end >= self.pieces.len() {
            self.tag();
            self.stop();
        }
    }

    /// Where the closing punctuation begins; the number of pieces if there is none.
    fn sentence_end(&self) -> usize {
        match self.pieces.last() {
            Some(last) if last.kind == Kind::Punctuation && last.text.starts_with(['.', '!', '?', '…']) => {
                self.pieces.len() - 1
            }
            _ => self.pieces.len(),
        }
    }

    fn tag(&mut self) {
        if !std::mem::take(&mut self.tagged) || !self.ends_with_word() {
            return;
        }
        let tags: &'static [&'static str] = match self.mood {
            Mood::Sad => SOFT_TAGS,
            _ if self.reading.question => QUESTION_TAGS,
            _ => TAGS,
        };
        let tag = self.unsaid(tags);
        let case = if self.reading.shouting { Case::Upper } else { Case::Lower };
        if !self.out.as_str().ends_with("bestie") {
            self.out.add_in(tag, case);
        }
    }

    /// Ends a sentence that has no stop of its own.
    fn stop(&mut self) {
        if self.out.as_str().ends_with(['.', '!', '?']) {
            return;
        }
        if self.ends_with_word() {
            let stop = match (self.reading.question, self.reading.shouting) {
                (true, _) => "?",
                (_, true) => "!!",
                _ if !matches!(self.mood, Mood::Sad | Mood::Lose) && self.choice.chance(35) => "!",
                _ => ".",
            };
            self.out.add(stop);
        } else if self.reading.question {
            self.out.add(" ?");
        }
    }

    fn ends_with_word(&self) -> bool {
        self.pieces
            .iter()
            .rfind(|p| !matches!(p.kind, Kind::Space | Kind::Punctuation))
            .is_some_and(|p| matches!(p.kind, Kind::Word | Kind::Number))
            && self
                .pieces
                .last()
                .is_some_and(|p| p.kind != Kind::Punctuation || p.text.starts_with(['.', '!', '?', '…']))
    }

    /// Says the piece at `at`, and more if it begins a phrase; returns how many.
    fn piece(&mut self, at: usize) -> usize {
        let piece = self.pieces[at];
        if piece.kind != Kind::Word {
            if piece.kind == Kind::Space && self.pauses(at) && !self.out.as_str().ends_with(',') {
                self.out.add(",");
            }
            self.out.pass(piece.text);
            self.capital &= piece.kind == Kind::Space || piece.text == "\"";
            return 1;
        }
        if let Some(said) = self.article(at) {
            return said;
        }
        if is_laughter(piece.text) && words::inside().word(piece.text).is_none() {
            self.say_instead(
                Found { answers: &["i'm cackling,", "i'm wheezing,", "ahaha stop,"], pieces: 1 },
                at,
            );
            return 1;
        }
        if let Some(found) = self.standalone(at).or_else(|| words::inside().find(self.pieces, at)) {
            self.say_instead(found, at);
            self.greet(at, found.pieces);
            return found.pieces;
        }
        self.say_itself(piece.text);
        self.previous = &[];
        self.greet(at, 1);
        self.aside(at);
        1
    }

    /// Whether a comma belongs before the space at `at`: laughter and gasps come as clauses of their own.
    fn pauses(&self, at: usize) -> bool {
        let word = |at: usize| self.pieces.get(at).filter(|p| p.kind == Kind::Word).map(|p| p.text);
        at.checked_sub(1).and_then(word).is_some_and(|before| !is_laughter(before))
            && word(at + 1).is_some_and(|next| {
                is_laughter(next)
                    || ["omg", "omfg", "sorry", "gg", "ggs"]
                        .iter()
                        .any(|gasp| gasp.eq_ignore_ascii_case(next))
            })
    }

    fn say_itself(&mut self, text: &str) {
        if std::mem::take(&mut self.small) && STARTERS.contains(&text) {
            self.out.replace(text, &text.to_ascii_lowercase(), Case::Lower);
            return;
        }
        let small = text.chars().next().filter(|_| self.capital).filter(|c| c.is_lowercase());
        match small {
            Some(_) => _ = self.out.replace(text, text, Case::Capital),
            None => self.out.pass(text),
        }
        self.capital = false;
    }

    fn say_instead(&mut self, found: Found, at: usize) {
        let answer = self.choice.pick(found.answers);
        self.say_answer(answer, found, at);
    }

    fn say_answer(&mut self, answer: &str, found: Found, at: usize) {
        let originals = &self.pieces[at..at + found.pieces];
        let old: usize = originals.iter().map(|p| p.text.chars().count()).sum();
        let growth = answer.chars().count().saturating_sub(old);
        let again = std::ptr::eq(self.previous, found.answers);
        if again || growth > self.spare {
            self.previous = &[];
            for piece in originals {
                if piece.kind == Kind::Word { self.say_itself(piece.text) } else { self.out.pass(piece.text) }
            }
            return;
        }
        self.spare -= growth;
        self.previous = found.answers;
        let shouted = originals
            .iter()
            .all(|p| p.kind != Kind::Word || Case::of(p.text) == Case::Upper || p.text.len() == 1);
        let case = if self.reading.shouting || (shouted && Case::of(originals[0].text) == Case::Upper) {
            Case::Upper
        } else if self.capital || (Case::of(originals[0].text) == Case::Capital && !self.small) {
            Case::Capital
        } else {
            Case::Lower
        };
        (self.capital, self.small) = (false, false);
        for piece in &originals[1..] {
            self.out.skip(piece.text);
        }
        // An answer that ends in a comma wants words after it.
        let wordy = self.pieces.get(at + found.pieces + 1).is_some_and(|p| p.kind != Kind::Punctuation);
        let answer = if wordy { answer } else { answer.trim_end_matches(',') };
        self.out.replace(originals[0].text, answer, case);
    }

    /// `a` and `an` follow the word that is said, not the one that was typed.
    fn article(&mut self, at: usize) -> Option<usize> {
        let article = self.pieces[at].text;
        if !article.eq_ignore_ascii_case("a") && !article.eq_ignore_ascii_case("an") {
            return None;
        }
        if words::inside().find(self.pieces, at).is_some_and(|found| found.pieces > 1) {
            return None;
        }
        let found = words::inside().find(self.pieces, at + 2)?;
        let mut answer = self.choice.pick(found.answers);
        // An answer with an article of its own takes the place of both.
        for own in ["a ", "an ", "the "] {
            answer = answer.strip_prefix(own).unwrap_or(answer);
        }
        let case = match Case::of(article) {
            _ if self.reading.shouting => Case::Upper,
            _ if self.capital => Case::Capital,
            case => case,
        };
        self.capital = false;
        self.small = false;
        self.out.replace(article, article_before(answer), case);
        self.out.pass(self.pieces[at + 1].text);
        self.previous = &[];
        self.spare += SPARE_CODE_POINTS.min(answer.len());
        self.say_answer(answer, found, at + 2);
        Some(2 + found.pieces)
    }

    /// The standalone answer, if a whole clause begins at `at`.
    fn standalone(&self, at: usize) -> Option<Found> {
        let is_edge =
            |p: &Piece<'_>| matches!(p.kind, Kind::Punctuation | Kind::Emote | Kind::Symbol | Kind::Mention);
        let before = self.pieces[..at].iter().rfind(|p| p.kind != Kind::Space);
        if before.is_some_and(|p| !is_edge(p)) {
            return None;
        }
        let found = words::standalone().find(self.pieces, at)?;
        let after = self.pieces[at + found.pieces..].iter().find(|p| p.kind != Kind::Space);
        after.is_none_or(is_edge).then_some(found)
    }

    /// `hi what game is this` → `hi bestie, what …`.
    fn greet(&mut self, at: usize, pieces: usize) {
        if at != 0 || !self.reading.greeting {
            return;
        }
        let next = self.pieces.iter().skip(at + pieces).find(|p| p.kind != Kind::Space);
        if next
            .is_some_and(|p| p.kind == Kind::Word && matches!(greeted(p.text), None | Some(Greeted::Nobody)))
        {
            let case = if self.reading.shouting { Case::Upper } else { Case::Lower };
            self.out.add_in(" bestie,", case);
        }
    }

    /// `this is fine` → `this is lowkey fine`, once in a line and never in a question.
    fn aside(&mut self, at: usize) {
        if !self.aside || self.reading.question || at < 2 || self.pieces[at - 2].kind != Kind::Word {
            return;
        }
        let word = self.pieces[at].text;
        if !["is", "are", "was", "were", "i'm", "it's", "that's"].iter().any(|w| w.eq_ignore_ascii_case(word))
        {
            return;
        }
        let next = self.pieces.get(at + 2).filter(|p| p.kind == Kind::Word);
        let strong = [
            "so",
            "very",
            "really",
            "too",
            "not",
            "what",
            "why",
            "how",
            "literally",
            "actually",
            "honestly",
            "it",
        ];
        if next.is_some_and(|p| !strong.iter().any(|s| s.eq_ignore_ascii_case(p.text))) {
            self.aside = false;
            let aside = self.unsaid(ASIDES);
            let case = if self.reading.shouting { Case::Upper } else { Case::Lower };
            self.out.add_in(aside, case);
        }
    }
}
