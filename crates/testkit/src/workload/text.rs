//! What is said, and how a message is known again after a room's style has changed it.
//!
//! The nonce stands in the text as a mention: styles leave mentions as they are. So a message whose sender never had
//! an answer is still known by everyone who sees it.

use rand::{RngExt, rngs::StdRng};
use std::time::{SystemTime, UNIX_EPOCH};

/// Things that people and programs say: plain, loud, long, in other scripts, with marks that styles act on.
const LINES: [&str; 12] = [
    "hello everyone",
    "this stream is really good",
    "WHAT A PLAY!!!",
    "can somebody tell me what happened?",
    "lol",
    "i think we should go left here, not right, but what do i know",
    "gg wp \u{1f389}\u{1f389}",
    "\u{3053}\u{3093}\u{306b}\u{3061}\u{306f} chat",
    "look at https://example.org/a?b=c&d=e#f and tell me",
    "/me waves",
    "e\u{301}te\u{301} \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "no no no no no no no no no no no no no no no no no no no no no no no no no no no no no no",
];

/// Tells the messages of this run from those of every other.
#[derive(Clone, Debug)]
pub(super) struct RunName(String);

impl RunName {
    /// From the time, not from the seed: a second run with the same seed must not be taken for retries of the first.
    pub(super) fn new() -> Self {
        let mut millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        let mut digits = Vec::new();
        while millis > 0 {
            digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(millis % 36) as usize]);
            millis /= 36;
        }
        digits.reverse();
        Self(String::from_utf8_lossy(&digits).into_owned())
    }

    pub(super) fn user(&self, number: usize) -> String {
        format!("w_{}_{number}", self.0)
    }

    fn prefix(&self) -> String {
        format!("n_{}_", self.0)
    }

    /// At most 25 bytes, as mentions are, up to the millionth message of a thousand writers.
    pub(super) fn nonce(&self, writer: usize, count: u64) -> String {
        format!("{}{writer}_{count}", self.prefix())
    }

    /// The nonce that a text mentions.
    pub(super) fn nonce_in(&self, text: &str) -> Option<String> {
        let prefix = self.prefix();
        let rest = &text[text.find(&format!("@{prefix}"))? + 1..];
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let writer = digits(&rest[prefix.len()..]);
        let count_at = prefix.len() + writer + 1;
        let count = digits(rest.get(count_at..)?);
        let whole = writer > 0 && count > 0 && rest.as_bytes()[count_at - 1] == b'_';
        whole.then(|| rest[..count_at + count].to_owned())
    }
}

/// About 1,900 bytes, near the longest that may be said.
const LONG_CHARS: usize = 470;

/// A line with this nonce in it; `long` is the share of those that are as long as may be.
pub(super) fn line(nonce: &str, long: f64, choices: &mut StdRng) -> String {
    if choices.random_bool(long) {
        return format!("{} @{nonce}", "\u{1f438}".repeat(LONG_CHARS));
    }
    let said = LINES[choices.random_range(0..LINES.len())];
    format!("{said} @{nonce}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_nonce_is_found_again_in_every_line() {
        let run = RunName::new();
        let mut choices = StdRng::seed_from_u64(1);
        for count in 0..100 {
            let nonce = run.nonce(7, count);
            assert!(nonce.len() <= 25, "{nonce}");
            let said = line(&nonce, 0.2, &mut choices);
            assert!(said.chars().count() <= 500);
            assert_eq!(run.nonce_in(&said), Some(nonce.clone()), "{said}");
            assert_eq!(run.nonce_in(&format!("{said}!!! omg \u{1f480}")), Some(nonce), "{said}");
        }
    }

    #[test]
    fn what_is_no_nonce_of_this_run_is_none() {
        let (run, other) = (RunName("abc".to_owned()), RunName("abd".to_owned()));
        for text in
            ["", "hi", "@n_abc", "@n_abc_", "@n_abc_1", "@n_abc_1_", "@n_abc_1x2", "@n_abc__2", "n_abc_1_2"]
        {
            assert_eq!(run.nonce_in(text), None, "{text}");
        }
        assert_eq!(run.nonce_in(&format!("hi @{}", other.nonce(1, 2))), None);
        assert_eq!(run.nonce_in("hi @n_abc_1_2\u{e9}").as_deref(), Some("n_abc_1_2"));
    }
}
