//! Collects a style's answer and keeps it inside law 3 and law 5.
//!
//! The idea: whatever of the input is still to come is *owed*, and its room is set aside from the start. A style's
//! own words go in only where they fit beside what is owed, so a long line loses decoration and never content, and
//! nothing is ever cut in its middle.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::{Case, OUTPUT_CODE_POINTS_MAX};

/// An answer in the making. Every piece of the input goes through exactly one of [`pass`](Self::pass),
/// [`replace`](Self::replace) and [`skip`](Self::skip); everything else through [`add`](Self::add).
#[derive(Debug)]
pub struct Output {
    said: String,
    scratch: String,
    code_points: usize,
    owed: usize,
    clean: bool,
}

impl Output {
    /// An empty answer to `input`, all of which is owed.
    #[must_use]
    pub fn new(input: &str) -> Self {
        Self {
            said: String::with_capacity(input.len() * 2 + 128),
            scratch: String::new(),
            code_points: 0,
            owed: code_points(input),
            clean: !has_control(input),
        }
    }

    /// Passes a piece of the input on as it is. Admission lets no control characters in; should one come all the
    /// same, it is left out, and of an input beyond all bounds what does not fit is left out by whole graphemes.
    pub fn pass(&mut self, original: &str) {
        let count = code_points(original);
        self.owed = self.owed.saturating_sub(count);
        if self.clean && self.code_points + count <= OUTPUT_CODE_POINTS_MAX {
            self.said.push_str(original);
            self.code_points += count;
            return;
        }
        for grapheme in original.graphemes(true).filter(|g| !g.chars().any(char::is_control)) {
            let count = code_points(grapheme);
            if self.code_points + count > OUTPUT_CODE_POINTS_MAX {
                break;
            }
            self.said.push_str(grapheme);
            self.code_points += count;
        }
    }

    /// Says `by` in place of a piece of the input, in `case`; passes the piece on where `by` does not fit.
    /// Returns whether it fitted.
    pub fn replace(&mut self, original: &str, by: &str, case: Case) -> bool {
        let count = code_points(original);
        self.owed = self.owed.saturating_sub(count);
        if self.add_in(by, case) {
            return true;
        }
        self.owed += count;
        self.pass(original);
        false
    }

    /// Leaves a piece of the input out, for example a full stop whose place the style's own words take.
    pub fn skip(&mut self, original: &str) {
        self.owed = self.owed.saturating_sub(code_points(original));
    }

    /// Adds the style's own `text` if it fits whole beside what is owed; returns whether it did.
    pub fn add(&mut self, text: &str) -> bool {
        let count = code_points(text);
        if self.code_points + self.owed + count > OUTPUT_CODE_POINTS_MAX {
            return false;
        }
        self.said.push_str(text);
        self.code_points += count;
        true
    }

    /// [`add`](Self::add) in a given shape of letters.
    pub fn add_in(&mut self, text: &str, case: Case) -> bool {
        if case == Case::Lower {
            return self.add(text);
        }
        let mut shaped = std::mem::take(&mut self.scratch);
        shaped.clear();
        case.write(text, &mut shaped);
        let fitted = self.add(&shaped);
        self.scratch = shaped;
        fitted
    }

    /// What has been said so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.said
    }

    /// Code points said so far.
    #[must_use]
    pub fn code_points(&self) -> usize {
        self.code_points
    }

    /// The answer, without spaces at its end.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.said.truncate(self.said.trim_end().len());
        self.said
    }
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_control()) || (!text.is_ascii() && text.chars().any(char::is_control))
}

fn code_points(text: &str) -> usize {
    if text.len() < 16 && text.is_ascii() { text.len() } else { text.chars().count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_keeps_its_room() {
        let input = "x".repeat(500);
        let mut out = Output::new(&input);
        assert!(out.add(&"y".repeat(1_500)));
        assert!(!out.add("y"), "that place belongs to the input");
        out.pass(&input);
        assert_eq!(out.finish().chars().count(), OUTPUT_CODE_POINTS_MAX);
    }

    #[test]
    fn a_replacement_that_does_not_fit_gives_way_to_the_original() {
        let mut out = Output::new("ab cd");
        assert!(out.add(&"y".repeat(OUTPUT_CODE_POINTS_MAX - 5)));
        assert!(!out.replace("ab", "abracadabra", Case::Lower));
        out.skip(" ");
        assert!(out.replace("cd", "efg", Case::Upper), "the space left out made room for it");
        assert!(out.finish().ends_with("yabEFG"));
    }

    #[test]
    fn control_characters_and_floods_stay_out() {
        let mut out = Output::new("a\u{7}b\u{85}c");
        out.pass("a\u{7}b\u{85}c");
        assert_eq!(out.finish(), "abc");
        let flood = "👨‍👩‍👧".repeat(1_000);
        let mut out = Output::new(&flood);
        out.pass(&flood);
        assert_eq!(out.finish(), "👨‍👩‍👧".repeat(OUTPUT_CODE_POINTS_MAX / 5));
    }
}
