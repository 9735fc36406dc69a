//! Names that stand for pictures: those of the room, and those that every chat knows.

use std::collections::HashSet;

/// The names that stand for pictures in a room (`Kappa`, `peepoClap`); a style passes them on untouched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmoteNames {
    names: HashSet<Box<str>>,
    /// A bit for each length that one of them has; long ones share the last.
    lengths: u64,
    /// A bit for each ASCII character that one of them begins with; the last is for all others.
    firsts: u128,
}

impl EmoteNames {
    /// No names: a room without emotes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `name` is one of them; letters' case counts.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        // Nearly every word of a line is no name, and this tells most of them.
        let (length, first) = bits(name);
        self.lengths & length != 0 && self.firsts & first != 0 && self.names.contains(name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl<S: Into<Box<str>>> FromIterator<S> for EmoteNames {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut all = Self::default();
        all.extend(names);
        all
    }
}

impl<S: Into<Box<str>>> Extend<S> for EmoteNames {
    fn extend<I: IntoIterator<Item = S>>(&mut self, names: I) {
        for name in names.into_iter().map(Into::into) {
            let (length, first) = bits(&name);
            self.lengths |= length;
            self.firsts |= first;
            self.names.insert(name);
        }
    }
}

/// The bits of a name's length and first character.
fn bits(name: &str) -> (u64, u128) {
    let first = name.bytes().next().filter(u8::is_ascii).unwrap_or(127);
    (1 << name.len().min(63), 1 << first)
}

/// Words that every chat reads as a picture, so they stay whole in a room that has no set of its own. Names in
/// camelCase (`peepoHappy`, `monkaS`) need no entry: the tokeniser knows them by their shape.
pub(crate) fn is_well_known(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase())
        && matches!(
            word,
            "Kappa"
                | "Keepo"
                | "Kreygasm"
                | "Sadge"
                | "Madge"
                | "Bedge"
                | "Copium"
                | "Hopium"
                | "Susge"
                | "Okayge"
                | "Clap"
                | "Pog"
                | "Poggers"
                | "POGGERS"
                | "POG"
                | "POGGIES"
                | "Pogey"
                | "LUL"
                | "LULW"
                | "KEKW"
                | "KEKL"
                | "KEK"
                | "ICANT"
                | "OMEGALUL"
                | "OMEGALULiguess"
                | "PEPW"
                | "EZ"
                | "GIGACHAD"
                | "YEP"
                | "NOPE"
                | "NOPERS"
                | "NODDERS"
                | "HUH"
                | "COPIUM"
                | "HOPIUM"
                | "WAYTOODANK"
                | "DIESOFCRINGE"
                | "AINTNOWAY"
                | "DONTCARE"
                | "SCHIZO"
                | "WICKED"
                | "FLUSHED"
                | "SAJ"
                | "MLADY"
                | "HYPERS"
                | "PausersHype"
                | "SMOrc"
                | "ResidentSleeper"
                | "Jebaited"
                | "Weirdge"
                | "Prayge"
                | "Gladge"
                | "Awkward"
                | "Hmm"
                | "Hmmge"
                | "Stare"
                | "Waiting"
                | "Corpa"
                | "Aware"
                | "Clueless"
                | "Surely"
                | "Despair"
                | "Listening"
        )
}

/// Pictures made of punctuation, as whole words.
pub(crate) fn is_emoticon(chunk: &str) -> bool {
    // Most short words, at a glance.
    if chunk.bytes().all(|b| b.is_ascii_lowercase()) {
        return matches!(chunk, "xd" | "uwu" | "owo");
    }
    chunk.len() <= 4
        && matches!(
            chunk,
            ":)" | ":-)"
                | ":("
                | ":-("
                | ":D"
                | ":-D"
                | "D:"
                | "xD"
                | "XD"
                | ":P"
                | ":p"
                | ";P"
                | ";p"
                | ";)"
                | ";-)"
                | ":O"
                | ":o"
                | "<3"
                | "</3"
                | ":3"
                | ":/"
                | ":\\"
                | ":'("
                | ":')"
                | "T_T"
                | "^^"
                | "^_^"
                | "o/"
                | "\\o/"
                | "-_-"
                | "O_o"
                | "o_O"
                | "o_o"
                | "O_O"
                | "o7"
                | "B)"
                | ">:("
                | "R)"
                | ":|"
                | ":S"
                | "=)"
                | "=("
                | "=D"
                | "UwU"
                | "OwO"
                | ">_<"
                | "._."
                | ":z"
                | "#/"
                | ":>"
                | ":<"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_collected_and_found_as_written() {
        let mut names: EmoteNames = ["peepoClap", "<3"].into_iter().collect();
        names.extend([String::from("Kappa")]);
        assert_eq!(names.len(), 3);
        assert!(names.contains("peepoClap") && names.contains("Kappa"));
        assert!(!names.contains("kappa"));
        assert!(EmoteNames::new().is_empty());
    }

    #[test]
    fn pictures_of_letters_are_whole_words() {
        for picture in ["xd", "xD", "XD", "uwu", "UwU", "owo", "OwO", "D:", "o7", "B)", "O_o", ":3", "<3"] {
            assert!(is_emoticon(picture), "{picture}");
        }
        for word in ["", "x", "ok", "xdd", "o", "Uwu", "7", ":", "D"] {
            assert!(!is_emoticon(word), "{word}");
        }
    }
}
