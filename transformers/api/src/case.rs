//! How a word is written: small, Capitalised or SHOUTED, and how to write another word the same way.

/// The shape of a word's letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// `word`, and every shape that is none of the others: a replacement is written as the lexicon has it.
    Lower,
    /// `Word`.
    Capital,
    /// `WORD`, two letters or more; a lone `I` is only a pronoun.
    Upper,
}

impl Case {
    /// The shape of `text`; what has no letters is `Lower`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        // Most words, at a glance.
        if text.bytes().all(|b| b.is_ascii_lowercase() || b == b'\'') {
            return Self::Lower;
        }
        let (mut upper, mut lower, mut first_upper) = (0_usize, 0_usize, false);
        for letter in text.chars().filter(|letter| letter.is_alphabetic()) {
            if letter.is_uppercase() {
                first_upper |= upper + lower == 0;
                upper += 1;
            } else if letter.is_lowercase() {
                lower += 1;
            }
        }
        match (upper, lower) {
            (2.., 0) => Self::Upper,
            (1, 1..) if first_upper => Self::Capital,
            _ => Self::Lower,
        }
    }

    /// Appends `text` to `to` in this shape.
    pub fn write(self, text: &str, to: &mut String) {
        match self {
            Self::Lower => to.push_str(text),
            Self::Capital => {
                let mut letters = text.chars();
                if let Some(first) = letters.next() {
                    to.extend(first.to_uppercase());
                    to.push_str(letters.as_str());
                }
            }
            Self::Upper => to.extend(text.chars().flat_map(char::to_uppercase)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_a_word_carries_over() {
        for (word, case, said) in [
            ("very", Case::Lower, "so"),
            ("Very", Case::Capital, "So"),
            ("VERY", Case::Upper, "SO"),
            ("I", Case::Lower, "so"),
            ("vErY", Case::Lower, "so"),
            ("DON'T", Case::Upper, "SO"),
            ("", Case::Lower, "so"),
            ("日本", Case::Lower, "so"),
        ] {
            assert_eq!(Case::of(word), case, "{word}");
            let mut written = String::new();
            case.write("so", &mut written);
            assert_eq!(written, said);
        }
    }

    #[test]
    fn shouting_reaches_every_letter() {
        let mut written = String::new();
        Case::Upper.write("ça slay 💅", &mut written);
        assert_eq!(written, "ÇA SLAY 💅");
    }
}
