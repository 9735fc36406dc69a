//! Blocked phrases, ready to be looked for: each a regular expression that is matched in time linear in the text,
//! whatever the expression, with a bound on its memory.
//!
//! They are compared with what was typed, in any case of letters. Start with [`Words::blocks`].

use super::facts::Phrase;
use regex::{Regex, RegexBuilder};

/// Memory of one phrase, in bytes, when it is made ready, and again while it is looked for. With
/// [`protocol::limits::PHRASES_MAX`] phrases a room has 25 MiB at the very worst, and some kilobytes a phrase in practice.
pub const PHRASE_BYTES_MAX: usize = 128 * 1024;
/// How deep brackets of an expression may stand in each other.
const NESTING_MAX: u32 = 32;

/// The expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// It is none, or matches everything.
    #[error("not a regular expression that can be used: {0}")]
    Syntax(String),
    /// It would take more than [`PHRASE_BYTES_MAX`].
    #[error("the regular expression is too large; make it shorter, above all its repetitions")]
    TooLarge,
}

/// All that may not be said in a room.
#[derive(Debug, Default)]
pub struct Words(Vec<Regex>);

impl Words {
    /// Makes them ready. What cannot be used (a later program may take more) is left out.
    pub fn new<'a>(phrases: impl Iterator<Item = &'a Phrase>) -> Self {
        Self(phrases.filter_map(|phrase| compile(&phrase.phrase, phrase.pattern).ok()).collect())
    }

    /// Is any of them in the text?
    #[must_use]
    pub fn blocks(&self, text: &str) -> bool {
        self.0.iter().any(|word| word.is_match(text))
    }
}

/// Makes a phrase ready.
///
/// # Errors
/// [`BadPattern`]
pub fn compile(phrase: &str, pattern: bool) -> Result<Regex, BadPattern> {
    let source = if pattern { phrase.to_owned() } else { literal(phrase) };
    let built = RegexBuilder::new(&source)
        .case_insensitive(true)
        .size_limit(PHRASE_BYTES_MAX)
        .dfa_size_limit(PHRASE_BYTES_MAX)
        .nest_limit(NESTING_MAX)
        .build();
    let regex = built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => BadPattern::TooLarge,
        // The first line says where and what at length; the last one what.
        other => BadPattern::Syntax(other.to_string().lines().last().unwrap_or_default().trim().to_owned()),
    })?;
    // It would close the room.
    if regex.is_match("") {
        return Err(BadPattern::Syntax("it matches every line".to_owned()));
    }
    Ok(regex)
}

/// Words as they are: whole ones, with any white space between them.
fn literal(phrase: &str) -> String {
    let words: Vec<String> = phrase.split_whitespace().map(regex::escape).collect();
    let edge = |c: Option<char>| if c.is_some_and(char::is_alphanumeric) { r"\b" } else { "" };
    let trimmed = phrase.trim();
    format!("{}{}{}", edge(trimmed.chars().next()), words.join(r"\s+"), edge(trimmed.chars().next_back()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(phrase: &str, pattern: bool, text: &str) -> bool {
        compile(phrase, pattern).unwrap().is_match(text)
    }

    #[test]
    fn a_phrase_is_whole_words_in_any_case() {
        for text in ["bad word", "a BAD  Word!", "(bad word)"] {
            assert!(blocks("Bad word", false, text), "{text}");
        }
        for text in ["bad words", "abad word", "badword", "bad, word"] {
            assert!(!blocks("bad word", false, text), "{text}");
        }
        assert!(blocks("c++", false, "I like C++ much"));
        assert!(blocks("über", false, "ÜBER alles") && !blocks("über", false, "hinüber"));
        assert!(!blocks("a.c", false, "abc"), "no expression unless it is one");
    }

    #[test]
    fn a_pattern_is_an_expression() {
        assert!(blocks("b[a4]d+", true, "so B4DDD"));
        assert!(!blocks("b[a4]d+", true, "bed"));
    }

    #[test]
    fn what_would_close_the_room_or_fill_the_memory_is_refused() {
        assert!(matches!(compile("a(", true), Err(BadPattern::Syntax(_))));
        for all in ["", "a*", "|b", "()"] {
            assert!(
                matches!(compile(all, true), Err(BadPattern::Syntax(what)) if what.contains("every line"))
            );
        }
        assert!(matches!(compile("", false), Err(BadPattern::Syntax(_))));
        assert_eq!(compile(r"\w{200}\w{200}", true).map(drop), Err(BadPattern::TooLarge));
        assert_eq!(compile("(((a{100}){100}){100})", true).map(drop), Err(BadPattern::TooLarge));
        assert!(compile(&format!("{}a{}", "(".repeat(90), ")".repeat(90)), true).is_err());
    }

    /// Expressions on which a backtracking engine would take for ever.
    #[test]
    fn no_expression_takes_long() {
        for evil in [r"(a+)+$", r"(a|a)*$b", r"(a|aa)+$c", r"(.*a){20}$d"] {
            let Ok(regex) = compile(evil, true) else { continue };
            assert!(!regex.is_match(&format!("{}!", "a".repeat(500))), "{evil}");
        }
    }

    #[test]
    fn the_longest_phrase_fits() {
        let longest = "ÄÖ ".repeat(protocol::limits::PHRASE_CODE_POINTS_MAX / 3);
        assert!(compile(&longest, false).is_ok());
    }
}
