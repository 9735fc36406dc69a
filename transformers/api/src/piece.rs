//! Cuts a line into pieces, so that a style sees words as words and never touches what must stay whole.
//!
//! The pieces put together are the line again. A piece never ends inside a grapheme, except where a mention or a
//! link ends by its own rules. What is taken for a link is what a reader could click: `scheme://…`, `www.…`, bare
//! hosts such as `clips.twitch.tv/x`, and with them anything else that has a dot inside a word (`main.rs`), since
//! it is cheaper to leave a file name alone than to break a host. The rule is written here because finders of links
//! disagree about what to leave out (`linkify` ends `https://a.com#x` before its `#`), and a style must rather keep
//! too much.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::EmoteNames;
use crate::emotes::{is_emoticon, is_well_known};

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A URL, a bare host, an e-mail address or a file name.
    Link,
    /// `@name`.
    Mention,
    /// A name of the room's emotes, a well-known one, `:code:`, an emoticon, or a word in camelCase.
    Emote,
    /// `` `code` ``, `snake_case`, `path::to`, `call()`.
    Code,
    /// `!command` or `/command` at the beginning of a word.
    Command,
    /// `5`, `3.14`, `10:30`, `1v1`, `100%`.
    Number,
    /// Letters of any alphabet, with their marks, inner apostrophes and digits.
    Word,
    /// A run of punctuation.
    Punctuation,
    /// A run of white space.
    Space,
    /// A run of anything else: emoji (whole graphemes), signs, stray marks.
    Symbol,
}

impl Kind {
    /// Whether a style must pass the piece on unchanged.
    #[must_use]
    pub fn is_protected(self) -> bool {
        matches!(self, Self::Link | Self::Mention | Self::Emote | Self::Code | Self::Command | Self::Number)
    }
}

/// A stretch of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The stretch as typed; never empty.
    pub text: &'a str,
    /// What it is.
    pub kind: Kind,
}

/// Cuts `text` into its pieces. Linear in the text.
#[must_use]
pub fn pieces<'a>(text: &'a str, emotes: &EmoteNames) -> Vec<Piece<'a>> {
    let has_schemes = text.contains("://");
    let mut cutter =
        Cutter { text, emotes, has_schemes, at: 0, pieces: Vec::with_capacity(text.len() / 3 + 2) };
    while cutter.at < text.len() {
        let rest = &text[cutter.at..];
        match rest.len() - rest.trim_start().len() {
            0 => cutter.cut_chunk(cutter.at + rest.find(char::is_whitespace).unwrap_or(rest.len())),
            space => cutter.push(cutter.at + space, Kind::Space),
        }
    }
    cutter.pieces
}

struct Cutter<'a, 'e> {
    text: &'a str,
    emotes: &'e EmoteNames,
    /// Most lines show at a glance that they have no `://`.
    has_schemes: bool,
    at: usize,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Cutter<'a, '_> {
    fn push(&mut self, end: usize, kind: Kind) {
        self.pieces.push(Piece { text: &self.text[self.at..end], kind });
        self.at = end;
    }

    /// Cuts one stretch without white space; a code span in it may reach beyond `end`.
    fn cut_chunk(&mut self, end: usize) {
        let chunk = &self.text[self.at..end];
        if self.has_schemes
            && let Some(colon) = chunk.find("://")
        {
            let scheme = chunk[..colon].bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
            let link = &chunk[colon - scheme..];
            if scheme > 0 && link.len() > scheme + 3 && !chunk[..colon].contains('`') {
                let start = self.at + colon - scheme;
                self.cut_words(start);
                self.push(start + trim_link(link).len().max(scheme + 3), Kind::Link);
                return self.cut_words(end);
            }
        }
        let bare = trim_stops(chunk);
        let inner = bare.trim_start_matches(['(', '"', '\'', '[', '{', '*']);
        for (before, whole) in [(0, chunk), (0, bare), (bare.len() - inner.len(), inner)] {
            // Most are bare words, which `word` and `number` look up.
            let is_bare = whole.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if is_emoticon(whole) || (!is_bare && self.emotes.contains(whole)) {
                if before > 0 {
                    self.push(self.at + before, Kind::Punctuation);
                }
                self.push(self.at + whole.len(), Kind::Emote);
                return self.cut_words(end);
            }
        }
        if is_command(bare) {
            self.push(self.at + bare.len(), Kind::Command);
        }
        self.cut_words(end);
    }

    fn cut_words(&mut self, end: usize) {
        while self.at < end {
            let rest = &self.text[self.at..end];
            let (kind, length) = match rest.as_bytes()[0] {
                b'@' if name_length(&rest[1..]) > 0 => (Kind::Mention, 1 + name_length(&rest[1..])),
                b':' if shortcode_length(rest) > 0 => (Kind::Emote, shortcode_length(rest)),
                b'`' => match self.text[self.at + 1..].find('`') {
                    Some(inside) if inside > 0 => (Kind::Code, inside + 2),
                    _ => (Kind::Punctuation, 1),
                },
                b'0'..=b'9' if Class::of(grapheme(rest)) == Class::Letter => self.number(rest),
                _ => match Class::of(grapheme(rest)) {
                    Class::Letter => self.word(rest),
                    class => {
                        let mut length = 0;
                        while length < rest.len() {
                            let next = grapheme(&rest[length..]);
                            // What may begin a piece of another kind ends the run.
                            if Class::of(next) != class
                                || (length > 0 && matches!(next.as_bytes()[0], b'@' | b':' | b'`'))
                            {
                                break;
                            }
                            length += next.len();
                        }
                        (class.kind(), length)
                    }
                },
            };
            debug_assert!(length > 0, "every round takes a piece");
            self.push(self.at + length, kind);
        }
    }

    fn number(&self, rest: &str) -> (Kind, usize) {
        let bytes = rest.as_bytes();
        let mut length = 0;
        let mut previous_digit = false;
        while length < rest.len() {
            let next = grapheme(&rest[length..]);
            let first = next.as_bytes()[0];
            let inside = match first {
                b'.' | b',' | b':' | b'/' | b'-' => {
                    previous_digit && bytes.get(length + 1).is_some_and(u8::is_ascii_digit)
                }
                b'%' => previous_digit,
                b'_' => true,
                _ => Class::of(next) == Class::Letter,
            };
            if !inside {
                break;
            }
            previous_digit = first.is_ascii_digit();
            length += next.len();
        }
        if self.emotes.contains(&rest[..length]) { (Kind::Emote, length) } else { (Kind::Number, length) }
    }

    fn word(&self, rest: &str) -> (Kind, usize) {
        let (mut length, mut last, mut underscore, mut camel, mut previous_lower) =
            (0, 0, false, false, false);
        while let Some(c) = rest[length..].chars().next() {
            let after = length + c.len_utf8();
            match c {
                _ if c.is_ascii_alphanumeric() => camel |= previous_lower && c.is_ascii_uppercase(),
                '_' => underscore = true,
                '\'' | '’' if rest[after..].starts_with(char::is_alphanumeric) => {}
                _ if c.is_ascii() => break,
                _ if c.is_alphanumeric() => {}
                // A mark or joiner belongs to the word if the grapheme of the letter before it reaches over it.
                // Between letters nobody needs to look for graphemes, since the word does not end there.
                _ => {
                    let end = last + grapheme(&rest[last..]).len();
                    if end <= length {
                        break;
                    }
                    (length, previous_lower) = (end, false);
                    continue;
                }
            }
            previous_lower = c.is_ascii_lowercase();
            (last, length) = (length, after);
        }
        let (word, after) = rest.split_at(length);
        if is_well_known(word) || self.emotes.contains(word) {
            return (Kind::Emote, length);
        }
        // `we're` may hide an emote before its apostrophe only where a room has such a name.
        if let Some((name, _)) = word.split_once(['\'', '’'])
            && self.emotes.contains(name)
        {
            return (Kind::Emote, name.len());
        }
        let after = after.as_bytes();
        let joined = after.get(1).is_some_and(|b| b.is_ascii_alphanumeric());
        if joined && matches!(after[0], b'.' | b'@') {
            let whole = trim_link(rest);
            // `word@name` is a mention that lacks its space, not an address, unless a host follows.
            if after[0] == b'.' || whole[length + 1..].contains('.') {
                return (Kind::Link, whole.len());
            }
        }
        if after.len() >= 2 && CODE_SIGNS.iter().any(|sign| after.starts_with(sign)) {
            return (Kind::Code, rest.trim_end_matches(['.', ',', '!', '?', ';']).len().max(length));
        }
        match (underscore, camel) {
            (true, _) => (Kind::Code, length),
            (false, true) => (Kind::Emote, length),
            (false, false) => (Kind::Word, length),
        }
    }
}

/// What follows a word in code and hardly ever in a sentence.
const CODE_SIGNS: [&[u8]; 14] =
    [b"()", b"::", b"->", b"=>", b"==", b"!=", b"+=", b"!(", b"(\"", b"('", b"=\"", b"++", b"&&", b"||"];

/// Without the stops and brackets that end a sentence rather than a name.
fn trim_stops(chunk: &str) -> &str {
    chunk.trim_end_matches(['.', ',', '!', '?', ';', ':', '\'', '"', ')', ']', '}', '…'])
}

/// A link without what follows it in the sentence; a bracket that it opened itself belongs to it.
fn trim_link(link: &str) -> &str {
    let count = |bracket| link.bytes().filter(|&b| b == bracket).count();
    let mut unopened = count(b')').saturating_sub(count(b'('));
    let mut kept = link;
    loop {
        let shorter =
            kept.trim_end_matches(['.', ',', '!', '?', ';', ':', '\'', '"', ']', '}', '>', '*', '…']);
        kept = match shorter.strip_suffix(')') {
            Some(inside) if unopened > 0 => {
                unopened -= 1;
                inside
            }
            _ => return shorter,
        };
    }
}

fn is_command(chunk: &str) -> bool {
    let mut bytes = chunk.bytes();
    matches!(bytes.next(), Some(b'!' | b'/'))
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn name_length(text: &str) -> usize {
    text.bytes().take_while(|&b| b.is_ascii_alphanumeric() || b == b'_').count()
}

/// The length of `:code:` at the beginning of `text`, 0 if there is none.
fn shortcode_length(text: &str) -> usize {
    let name = text[1..]
        .bytes()
        .take_while(|&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-'))
        .count();
    if name >= 2 && text.as_bytes().get(1 + name) == Some(&b':') { name + 2 } else { 0 }
}

/// The first grapheme of `text`, which is not empty.
fn grapheme(text: &str) -> &str {
    let bytes = text.as_bytes();
    // Between two ASCII characters there is always a boundary (CR LF does not pass admission).
    if bytes[0].is_ascii() && bytes.get(1).is_none_or(u8::is_ascii) {
        return &text[..1];
    }
    text.graphemes(true).next().unwrap_or(text)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Punctuation,
    Other,
}

impl Class {
    /// By the first character: marks and joiners go with what they are on.
    fn of(grapheme: &str) -> Self {
        match grapheme.chars().next() {
            Some('#' | '*' | '0'..='9') if grapheme.ends_with('\u{20E3}') => Self::Other,
            Some(c) if c.is_alphanumeric() => Self::Letter,
            Some(
                '¡'
                | '¿'
                | '«'
                | '»'
                | '·'
                | '\u{2010}'..='\u{203B}'
                | '\u{203D}'..='\u{2048}'
                | '\u{204A}'..='\u{205E}'
                | '\u{3001}'..='\u{3003}'
                | '\u{3008}'..='\u{3011}'
                | '،'
                | '؛'
                | '؟'
                | '।'
                | '\u{FF01}'..='\u{FF0F}'
                | '：'
                | '；'
                | '？',
            ) => Self::Punctuation,
            Some(c) if c.is_ascii_punctuation() => Self::Punctuation,
            _ => Self::Other,
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Letter => Kind::Word,
            Self::Punctuation => Kind::Punctuation,
            Self::Other => Kind::Symbol,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows the kinds by letter, spaces left out.
    fn show(text: &str) -> String {
        let emotes: EmoteNames = ["peepoClap", "Hype", ":tf:", "4Head", "R-)", "müde"].into_iter().collect();
        let pieces = pieces(text, &emotes);
        assert_eq!(pieces.iter().map(|p| p.text).collect::<String>(), text, "nothing is lost");
        let shown: Vec<String> = pieces
            .iter()
            .filter(|p| p.kind != Kind::Space)
            .map(|p| format!("{}{}", &format!("{:?}", p.kind)[..2], format_args!("({})", p.text)))
            .collect();
        shown.join(" ")
    }

    #[test]
    fn pieces_of_many_lines() {
        for (line, pieces) in [
            ("hi there!", "Wo(hi) Wo(there) Pu(!)"),
            ("don't, we’re o'clock '", "Wo(don't) Pu(,) Wo(we’re) Wo(o'clock) Pu(')"),
            ("see https://a.b/c?d=e#f. ok", "Wo(see) Li(https://a.b/c?d=e#f) Pu(.) Wo(ok)"),
            (
                "https://a.com#x, https://a.b/c_(d)) ://",
                "Li(https://a.com#x) Pu(,) Li(https://a.b/c_(d)) Pu()) Pu(://)",
            ),
            ("(www.twitch.tv/x)", "Pu(() Li(www.twitch.tv/x) Pu())"),
            ("clips.twitch.tv/Ab-c, main.rs!", "Li(clips.twitch.tv/Ab-c) Pu(,) Li(main.rs) Pu(!)"),
            ("me@host.org is me", "Li(me@host.org) Wo(is) Wo(me)"),
            ("hey@bob_1! @ @@x", "Wo(hey) Me(@bob_1) Pu(!) Pu(@) Pu(@) Me(@x)"),
            (
                "Hype! (peepoClap)Hype, hype",
                "Em(Hype) Pu(!) Pu(() Em(peepoClap) Pu()) Em(Hype) Pu(,) Wo(hype)",
            ),
            (
                "4Head R-) :tf: :smile: :a 4head",
                "Em(4Head) Em(R-)) Em(:tf:) Em(:smile:) Pu(:) Wo(a) Nu(4head)",
            ),
            (
                "Kappa LUL. monkaS (<3) :D!",
                "Em(Kappa) Em(LUL) Pu(.) Em(monkaS) Pu(() Em(<3) Pu()) Em(:D) Pu(!)",
            ),
            ("müde Hype's", "Em(müde) Em(Hype) Pu(') Wo(s)"),
            ("3.14 10:30 1v1 100% 5. 2-0", "Nu(3.14) Nu(10:30) Nu(1v1) Nu(100%) Nu(5) Pu(.) Nu(2-0)"),
            ("!uptime /me !! wow!", "Co(!uptime) Co(/me) Pu(!!) Wo(wow) Pu(!)"),
            ("`let x = 1;` a_b foo() std::fmt x", "Co(`let x = 1;`) Co(a_b) Co(foo()) Co(std::fmt) Wo(x)"),
            ("println!(\"hello\"); x!=y wow!!", "Co(println!(\"hello\")) Pu(;) Co(x!=y) Wo(wow) Pu(!!)"),
            ("`https://a.b c` `", "Co(`https://a.b c`) Pu(`)"),
            ("👨‍👩‍👧!🇩🇪🏳️‍🌈 1️⃣", "Sy(👨‍👩‍👧) Pu(!) Sy(🇩🇪🏳️‍🌈) Sy(1️⃣)"),
            ("Zͨ̂aͦl̂ こんにちは、世界 привет", "Wo(Zͨ̂aͦl̂) Wo(こんにちは) Pu(、) Wo(世界) Wo(привет)"),
            ("שלום… مرحبا؟", "Wo(שלום) Pu(…) Wo(مرحبا) Pu(؟)"),
        ] {
            assert_eq!(show(line), pieces);
        }
    }
}
