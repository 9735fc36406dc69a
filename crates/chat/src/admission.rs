//! What may be said at all: the rules for a text, the same for WebSocket, REST and IRC.
//!
//! It looks at the text alone; who speaks, how often and in which room is asked elsewhere.

use protocol::limits::MESSAGE_CODE_POINTS_MAX;

/// A text that passed [`admit`]: trimmed, not empty, not too long, no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    text: String,
    action: bool,
}

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing that could be seen is left after trimming.
    #[error("there is nothing to say in this message")]
    Empty,
    /// Above [`MESSAGE_CODE_POINTS_MAX`] after trimming.
    #[error("the message has {code_points} characters, at most {MESSAGE_CODE_POINTS_MAX} are allowed")]
    TooLong {
        /// How long it is.
        code_points: usize,
    },
    /// Line breaks, tabs, escapes and the like.
    #[error("the message has a control character (U+{:04X}); write it as one plain line", *.0 as u32)]
    ControlCharacter(char),
}

impl Admitted {
    /// What was typed, without `/me` and outer white space.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Was it `/me …`?
    pub fn action(&self) -> bool {
        self.action
    }

    /// Takes it apart: text and `/me`.
    pub fn into_parts(self) -> (String, bool) {
        (self.text, self.action)
    }
}

/// Looks at what was typed.
pub fn admit(typed: &str) -> Result<Admitted, Refused> {
    let trimmed = typed.trim();
    // Trimming also takes line breaks at the ends; those in the middle are refused.
    if let Some(c) = trimmed.chars().find(|c| c.is_control()) {
        return Err(Refused::ControlCharacter(c));
    }
    // Bytes first: four bytes a code point at most, so a huge text is not counted through.
    let over =
        trimmed.len() > MESSAGE_CODE_POINTS_MAX * 4 || trimmed.chars().count() > MESSAGE_CODE_POINTS_MAX;
    if over {
        return Err(Refused::TooLong { code_points: trimmed.chars().count() });
    }
    let (text, action) = match trimmed.strip_prefix("/me") {
        Some("") => ("", true),
        Some(rest) if rest.starts_with(char::is_whitespace) => (rest.trim_start(), true),
        _ => (trimmed, false),
    };
    if text.chars().all(is_invisible) {
        return Err(Refused::Empty);
    }
    Ok(Admitted { text: text.to_owned(), action })
}

/// Code points that leave no mark on their own: a message of nothing else would be an empty line.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn admitted(typed: &str, text: &str, action: bool) {
        assert_eq!(admit(typed), Ok(Admitted { text: text.to_owned(), action }));
    }

    #[test]
    fn trims_and_knows_me() {
        admitted("hi there", "hi there", false);
        admitted("  hi \u{a0}\n", "hi", false);
        admitted("/me waves", "waves", true);
        admitted("/me   waves", "waves", true);
        admitted("/meow", "/meow", false);
        admitted("//me x", "//me x", false);
    }

    #[test]
    fn nothing_to_say() {
        for typed in ["", " ", "\n\t ", "/me", "/me  ", "\u{200b}\u{feff}", "\u{2800}\u{3164}", "\u{e0020}"] {
            assert_eq!(admit(typed), Err(Refused::Empty), "{typed:?}");
        }
        // A joiner inside an emoji is not the whole message.
        admitted("👩‍👩‍👧", "👩‍👩‍👧", false);
    }

    #[test]
    fn length_counts_code_points_after_trimming() {
        let longest = "é".repeat(500);
        admitted(&format!("  {longest}  "), &longest, false);
        assert_eq!(admit(&"x".repeat(501)), Err(Refused::TooLong { code_points: 501 }));
        assert_eq!(admit(&"🤪".repeat(501)), Err(Refused::TooLong { code_points: 501 }));
    }

    #[test]
    fn control_characters_are_refused_inside() {
        for c in ['\0', '\t', '\n', '\r', '\u{7}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}'] {
            assert_eq!(admit(&format!("a{c}b")), Err(Refused::ControlCharacter(c)));
        }
    }
}
