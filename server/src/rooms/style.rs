//! A room's style with a net under it: whatever a transformer does, the room goes on.
//!
//! It knows no user and no log. The laws that styles keep are in the crate `transformer-api`.

use protocol::{ids::MessageId, limits::STYLED_CODE_POINTS_MAX};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;
use transformer_api::{EmoteNames, Line, Seed, Transformer};

/// A style that takes longer for one line is passed over for that line. Styles need some microseconds; this is what a
/// viewer would notice.
const TIME_MAX: Duration = Duration::from_millis(100);

/// What a room makes of a line.
pub struct Style {
    transformer: Arc<dyn Transformer>,
    emotes: EmoteNames,
}

impl Style {
    /// Puts a transformer to work.
    pub fn new(transformer: Arc<dyn Transformer>) -> Self {
        Self { transformer, emotes: EmoteNames::default() }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &'static str {
        self.transformer.name()
    }

    /// A typical line and what becomes of it.
    pub fn sample(&self) -> (String, String) {
        let line = self.transformer.sample();
        (line.to_owned(), self.say(Seed(0), line).unwrap_or_else(|| line.to_owned()))
    }

    /// The line in this style; `None` (counted) if the style panicked, took too long or broke its laws.
    pub fn say(&self, seed: Seed, text: &str) -> Option<String> {
        let start = Instant::now();
        let line = Line { text, seed, emotes: &self.emotes };
        // The transformer is stateless (`&self`, no interior mutability by contract), so nothing is left half-done.
        let answer = catch_unwind(AssertUnwindSafe(|| self.transformer.transform(line)));
        let failure = match &answer {
            Err(_) => "panic",
            Ok(_) if start.elapsed() > TIME_MAX => "too_slow",
            Ok(out) if out.trim().is_empty() => "empty",
            Ok(out) if out.len() > STYLED_CODE_POINTS_MAX && out.chars().count() > STYLED_CODE_POINTS_MAX => {
                "too_long"
            }
            Ok(out) if out.chars().any(char::is_control) => "control_character",
            Ok(_) => return answer.ok(),
        };
        metrics::counter!("twitchy_style_failures_total", "style" => self.name(), "cause" => failure)
            .increment(1);
        tracing::warn!(
            style = self.name(),
            cause = failure,
            "a style failed on a message; it is shown plain"
        );
        None
    }
}

/// Where the choices for a message come from: its id, so that every replay chooses the same.
pub fn seed_of(id: MessageId) -> Seed {
    let (high, low) = id.0.as_u64_pair();
    Seed(high.rotate_left(32) ^ low)
}

/// The seed for a preview: the same text gives the same preview, so that it does not flicker while typing.
/// FNV-1a, 64 bits.
pub fn seed_of_preview(text: &str) -> Seed {
    Seed(
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(fn(&str) -> String);
    impl Transformer for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }
        fn description(&self) -> &'static str {
            ""
        }
        fn sample(&self) -> &'static str {
            "hi"
        }
        fn transform(&self, line: Line<'_>) -> String {
            (self.0)(line.text)
        }
    }

    fn say(f: fn(&str) -> String) -> Option<String> {
        Style::new(Arc::new(Broken(f))).say(Seed(0), "hi")
    }

    #[test]
    fn a_style_that_breaks_its_laws_is_passed_over() {
        assert_eq!(say(|text| format!("{text}!")).as_deref(), Some("hi!"));
        assert_eq!(say(|_| panic!("poison")), None);
        assert_eq!(say(|_| " ".to_owned()), None);
        assert_eq!(say(|_| "a\nb".to_owned()), None);
        assert_eq!(say(|_| "x".repeat(2_000)).map(|s| s.len()), Some(2_000));
        assert_eq!(say(|_| "🤪".repeat(2_001)), None);
    }

    #[test]
    fn seeds_are_the_same_for_ever() {
        let id: MessageId = "0193b2c4-0000-7000-8000-000000000001".parse().unwrap();
        assert_eq!(seed_of(id), Seed(0x0000_7000_0193_b2c4 ^ 0x8000_0000_0000_0001));
        assert_eq!(seed_of_preview("hi there"), seed_of_preview("hi there"));
        assert_eq!(seed_of_preview(""), Seed(0xcbf2_9ce4_8422_2325));
    }
}
