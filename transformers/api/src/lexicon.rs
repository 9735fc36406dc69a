//! What a style says instead of a word or a phrase.
//!
//! A key is lower-case ASCII, its words parted by single spaces, and `|` parts keys with the same answers. The
//! longest phrase wins. Chat's spelling is met half way: letters' case does not count, a typographic apostrophe is
//! a plain one, and a stretched word (`niceeee`) is looked up again with the stretch taken out.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::{Kind, Piece};

/// Most words in a phrase of a lexicon.
const PHRASE_WORDS_MAX: usize = 4;
/// Most bytes in a key; a longer word or phrase of the input is in no lexicon.
const KEY_BYTES_MAX: usize = 40;

/// Words and phrases with what to say instead.
#[derive(Debug)]
pub struct Lexicon(HashMap<&'static [u8], Entry, BuildHasherDefault<Fnv>>);

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Empty if the key only begins longer phrases.
    answers: &'static [&'static str],
    /// Words of the longest phrase that begins with this word.
    words: usize,
}

/// What [`Lexicon::find`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What may be said instead; never empty.
    pub answers: &'static [&'static str],
    /// How many pieces of the input it stands for: words and the spaces between them.
    pub pieces: usize,
}

impl Lexicon {
    /// A lexicon of `(keys, answers)`. Make it once and keep it in a `OnceLock` or `LazyLock`.
    ///
    /// # Panics
    /// If a key is there twice, malformed or too long, or has no answer: the tables are the style's own constants,
    /// and its tests see it at once.
    #[must_use]
    pub fn new(table: &[(&'static str, &'static [&'static str])]) -> Self {
        let mut map: HashMap<&'static [u8], Entry, _> = HashMap::default();
        for &(keys, answers) in table {
            for key in keys.split('|') {
                let words = key.split(' ').count();
                assert!(
                    !answers.is_empty() && answers.iter().all(|a| !a.is_empty()),
                    "`{key}` has no answer"
                );
                assert!(key.len() <= KEY_BYTES_MAX && words <= PHRASE_WORDS_MAX, "`{key}` is too long");
                assert!(
                    key.split(' ').all(|w| !w.is_empty())
                        && key.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'\'' | b' ')),
                    "`{key}` is not a key"
                );
                let entry = map.entry(key.as_bytes()).or_default();
                assert!(entry.answers.is_empty(), "`{key}` is there twice");
                entry.answers = answers;
                let first = key.split(' ').next().unwrap_or(key);
                let first = map.entry(first.as_bytes()).or_default();
                first.words = first.words.max(words);
            }
        }
        Self(map)
    }

    /// How many words and phrases it has answers for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().filter(|entry| !entry.answers.is_empty()).count()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The longest phrase or else word that begins at piece `at`.
    #[must_use]
    pub fn find(&self, pieces: &[Piece<'_>], at: usize) -> Option<Found> {
        let piece = pieces.get(at).filter(|piece| piece.kind == Kind::Word)?;
        let mut key = Key::default();
        if !key.push(piece.text) {
            return None;
        }
        let Some(&entry) = self.0.get(key.as_bytes()) else {
            let answers = self.unstretched(&key)?;
            return Some(Found { answers, pieces: 1 });
        };
        let mut longest = (!entry.answers.is_empty()).then_some(Found { answers: entry.answers, pieces: 1 });
        let mut next = at;
        for _ in 1..entry.words {
            match (pieces.get(next + 1), pieces.get(next + 2)) {
                (Some(space), Some(word)) if space.kind == Kind::Space && word.kind == Kind::Word => {
                    if !(key.push(" ") && key.push(word.text)) {
                        break;
                    }
                }
                _ => break,
            }
            next += 2;
            let answers = match self.0.get(key.as_bytes()) {
                Some(entry) => Some(entry.answers).filter(|answers| !answers.is_empty()),
                None => self.unstretched(&key),
            };
            if let Some(answers) = answers {
                longest = Some(Found { answers, pieces: next - at + 1 });
            }
        }
        longest
    }

    /// The answers for a word alone, as [`find`](Self::find) would look it up.
    #[must_use]
    pub fn word(&self, word: &str) -> Option<&'static [&'static str]> {
        self.find(&[Piece { text: word, kind: Kind::Word }], 0).map(|found| found.answers)
    }

    fn unstretched(&self, key: &Key) -> Option<&'static [&'static str]> {
        let bytes = key.as_bytes();
        if !bytes.windows(3).any(|w| w[0] == w[1] && w[1] == w[2]) {
            return None;
        }
        for keep in [1, 2] {
            let mut folded = Key::default();
            let mut run = 0;
            for (i, &byte) in bytes.iter().enumerate() {
                run = if i > 0 && bytes[i - 1] == byte { run + 1 } else { 1 };
                let stretched = bytes[i + 1 - run..].iter().take_while(|&&b| b == byte).count() >= 3;
                if !stretched || run <= keep {
                    folded.push_byte(byte);
                }
            }
            if let Some(entry) = self.0.get(folded.as_bytes()).filter(|entry| !entry.answers.is_empty()) {
                return Some(entry.answers);
            }
        }
        None
    }
}

/// A key in the making, on the stack: looking up allocates nothing.
struct Key {
    bytes: [u8; KEY_BYTES_MAX],
    len: usize,
}

impl Default for Key {
    fn default() -> Self {
        Self { bytes: [0; KEY_BYTES_MAX], len: 0 }
    }
}

impl Key {
    /// Appends a word in small letters; false if it cannot be part of a key.
    fn push(&mut self, word: &str) -> bool {
        if word.is_ascii() {
            let Some(place) = self.bytes.get_mut(self.len..self.len + word.len()) else { return false };
            place.copy_from_slice(word.as_bytes());
            place.make_ascii_lowercase();
            self.len += word.len();
            true
        } else {
            word.chars().all(|c| match c {
                '’' => self.push_byte(b'\''),
                _ => u8::try_from(c)
                    .is_ok_and(|byte| byte.is_ascii() && self.push_byte(byte.to_ascii_lowercase())),
            })
        }
    }

    fn push_byte(&mut self, byte: u8) -> bool {
        let Some(place) = self.bytes.get_mut(self.len) else { return false };
        *place = byte;
        self.len += 1;
        true
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// FNV-1a: the keys are our own constants, so nobody can aim at its collisions, and for words of five letters it
/// takes a fifth of the time of the standard hash.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }

    /// The length of a key, which its hash begins with.
    fn write_usize(&mut self, len: usize) {
        self.0 = (self.0 ^ len as u64).wrapping_mul(0x0000_0100_0000_01B3);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EmoteNames, pieces};

    fn found(text: &str) -> Option<(&'static str, usize)> {
        let lexicon = Lexicon::new(&[
            ("good", &["slay"]),
            ("good morning|gm", &["rise and slay"]),
            ("good morning to everyone", &["rise and slay, all"]),
            ("nice", &["iconic"]),
            ("cool", &["ate"]),
            ("don't", &["do not"]),
            ("as if", &["ew no"]),
        ]);
        lexicon.find(&pieces(text, &EmoteNames::new()), 0).map(|f| (f.answers[0], f.pieces))
    }

    #[test]
    fn the_longest_phrase_wins() {
        assert_eq!(found("good luck"), Some(("slay", 1)));
        assert_eq!(found("Good  MORNING to you"), Some(("rise and slay", 3)));
        assert_eq!(found("good morning to everyone!"), Some(("rise and slay, all", 7)));
        assert_eq!(found("good, morning"), Some(("slay", 1)));
        assert_eq!(found("gm"), Some(("rise and slay", 1)));
        assert_eq!(found("as is"), None);
        assert_eq!(found("as if"), Some(("ew no", 3)));
    }

    #[test]
    fn chat_spelling_is_met_half_way() {
        assert_eq!(found("NICEEEE"), Some(("iconic", 1)));
        assert_eq!(found("good morniiiing"), Some(("rise and slay", 3)));
        assert_eq!(found("coooool"), Some(("ate", 1)));
        assert_eq!(found("don’t"), Some(("do not", 1)));
        assert_eq!(found("nicely"), None);
        assert_eq!(found("ñice"), None);
        assert_eq!(found(&"n".repeat(400)), None);
    }

    #[test]
    #[should_panic(expected = "`gm` is there twice")]
    fn a_key_stands_once() {
        let _ = Lexicon::new(&[("good morning|gm", &["a"]), ("gm", &["b"])]);
    }
}
