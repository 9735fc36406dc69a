//! A room's style with a net under it: whatever a transformer does, the room goes on.
//!
//! It knows no user and no log. The laws that styles keep are in the crate `transformer-api`. A style that was tested
//! against them works on the caller's thread; any other on a [`stage`] of its own, where it may even hang. Start with
//! [`Style::say`].

use super::stage::{self, Full, Stage};
use crate::emotes::live::Set;
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

/// Why a line is shown plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The style panicked.
    Panic,
    /// It answered, but too late.
    TooSlow,
    /// It answered with nothing.
    Empty,
    /// It answered with more than fits a message.
    TooLong,
    /// It answered with what no message may hold.
    ControlCharacter,
    /// It did not answer; its thread was left behind.
    Hung,
    /// It hung too often and is not asked any more.
    Off,
}

impl Failure {
    /// For metrics and logs.
    fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::TooSlow => "too_slow",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::Hung => "hung",
            Self::Off => "off",
        }
    }
}

/// A transformer, and a judgement of what it answers. It may still take for ever.
pub struct Voice {
    transformer: Arc<dyn Transformer>,
    time_max: Duration,
}

impl Voice {
    /// Over this transformer.
    pub fn new(transformer: Arc<dyn Transformer>) -> Self {
        Self { transformer, time_max: TIME_MAX }
    }

    /// For tests on machines that are busy with others: no answer is too late.
    #[cfg(test)]
    pub(super) fn patient(transformer: Arc<dyn Transformer>) -> Self {
        Self { time_max: Duration::MAX, ..Self::new(transformer) }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &'static str {
        self.transformer.name()
    }

    /// The line in this style; `emotes` are the words that stay as they are.
    ///
    /// # Errors
    /// The style panicked, took too long or broke its laws.
    pub fn say(&self, seed: Seed, text: &str, emotes: &EmoteNames) -> Result<String, Failure> {
        let start = Instant::now();
        let line = Line { text, seed, emotes };
        // The transformer is stateless (`&self`, no interior mutability by contract), so nothing is left half-done.
        let answer = catch_unwind(AssertUnwindSafe(|| self.transformer.transform(line)));
        match answer {
            Err(_) => Err(Failure::Panic),
            Ok(_) if start.elapsed() > self.time_max => Err(Failure::TooSlow),
            Ok(out) if out.trim().is_empty() => Err(Failure::Empty),
            Ok(out) if out.len() > STYLED_CODE_POINTS_MAX && out.chars().count() > STYLED_CODE_POINTS_MAX => {
                Err(Failure::TooLong)
            }
            Ok(out) if out.chars().any(char::is_control) => Err(Failure::ControlCharacter),
            Ok(out) => Ok(out),
        }
    }
}

/// What a room makes of a line.
pub struct Style {
    name: &'static str,
    sample: &'static str,
    work: Work,
}

enum Work {
    /// On the caller's thread: for styles that were tested against the laws.
    Here(Voice),
    /// On a thread of its own: for all others.
    Apart(Stage),
}

impl Style {
    /// Puts a transformer to work. One that is not `tested` against the laws may hang, and gets a thread of its own.
    pub fn new(transformer: Arc<dyn Transformer>, tested: bool) -> Self {
        let (name, sample) = (transformer.name(), transformer.sample());
        let voice = Voice::new(transformer);
        let work = if tested { Work::Here(voice) } else { Work::Apart(Stage::new(voice)) };
        Self { name, sample, work }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A typical line.
    pub fn sample(&self) -> &'static str {
        self.sample
    }

    /// The thread of its own, if it has one; then lines go there.
    pub fn apart(&self) -> Option<&Stage> {
        match &self.work {
            Work::Here(_) => None,
            Work::Apart(stage) => Some(stage),
        }
    }

    /// The line in this style, on the caller's thread; `None` (counted) if it failed on the line, or works apart.
    pub fn say(&self, seed: Seed, text: &str, emotes: &EmoteNames) -> Option<String> {
        match &self.work {
            Work::Here(voice) => told(self.name, voice.say(seed, text, emotes)),
            Work::Apart(_) => None,
        }
    }

    /// The line in this style wherever it works; plain if it fails on it or has too much to do.
    pub async fn show(&self, seed: Seed, text: &str, emotes: Arc<Set>) -> String {
        let said = match &self.work {
            Work::Here(_) => self.say(seed, text, emotes.names()),
            Work::Apart(stage) => {
                let (answer, answered) = tokio::sync::oneshot::channel();
                match stage.put(seed, text.to_owned(), emotes, |said| drop(answer.send(said))) {
                    Ok(()) => answered.await.unwrap_or(None),
                    Err(Full) => None,
                }
            }
        };
        said.unwrap_or_else(|| text.to_owned())
    }

    /// Looks whether the style hangs; to be called several times in [`stage::HANG`].
    pub fn watch(&self, now: std::time::Instant) {
        if let Work::Apart(stage) = &self.work {
            stage.watch(now);
        }
    }
}

/// Counts and logs what a style failed on.
pub(super) fn told(style: &'static str, answer: Result<String, Failure>) -> Option<String> {
    let failure = match answer {
        Ok(said) => return Some(said),
        Err(failure) => failure.as_str(),
    };
    metrics::counter!("twitchy_style_failures_total", "style" => style, "cause" => failure).increment(1);
    tracing::warn!(style, cause = failure, "a style failed on a message; it is shown plain");
    None
}

/// Looks after the rooms' styles; runs until it is dropped.
pub async fn watch(rooms: Arc<super::Directory>) {
    let mut often = tokio::time::interval(stage::HANG / 4);
    often.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        often.tick().await;
        for room in rooms.all().iter() {
            // A thread that hangs does so in the machine's time, whatever the runtime's clock says.
            room.style.watch(std::time::Instant::now());
        }
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

    fn say(f: fn(&str) -> String) -> Result<String, Failure> {
        Voice::patient(Arc::new(Broken(f))).say(Seed(0), "hi", &EmoteNames::default())
    }

    #[test]
    fn a_style_that_breaks_its_laws_is_passed_over() {
        assert_eq!(say(|text| format!("{text}!")).as_deref(), Ok("hi!"));
        assert_eq!(say(|_| panic!("poison")), Err(Failure::Panic));
        assert_eq!(say(|_| " ".to_owned()), Err(Failure::Empty));
        assert_eq!(say(|_| "a\nb".to_owned()), Err(Failure::ControlCharacter));
        assert_eq!(say(|_| "x".repeat(2_000)).map(|s| s.len()), Ok(2_000));
        assert_eq!(say(|_| "🤪".repeat(2_001)), Err(Failure::TooLong));
    }

    #[test]
    fn seeds_are_the_same_for_ever() {
        let id: MessageId = "0193b2c4-0000-7000-8000-000000000001".parse().unwrap();
        assert_eq!(seed_of(id), Seed(0x0000_7000_0193_b2c4 ^ 0x8000_0000_0000_0001));
        assert_eq!(seed_of_preview("hi there"), seed_of_preview("hi there"));
        assert_eq!(seed_of_preview(""), Seed(0xcbf2_9ce4_8422_2325));
    }
}
