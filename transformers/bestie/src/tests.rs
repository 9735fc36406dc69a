//! The golden cases, the laws, and what the golden cases cannot say: what holds for every seed.

use transformer_api::laws::Suite;
use transformer_api::{EmoteNames, Line, Seed, Transformer, golden};

use super::Bestie;

const FOR_EVERYONE: &str = "Hey bestie! ✨💅  Fr fr, hi bestie!  No cap, slayyy.  Busssin.  🤪";

fn say(text: &str, seed: u64) -> String {
    Bestie.transform(Line { text, seed: Seed(seed), emotes: &EmoteNames::new() })
}

#[test]
fn golden_cases() {
    let cases = golden::check(&Bestie, concat!(env!("CARGO_MANIFEST_DIR"), "/golden.txt"));
    assert!(cases >= 60, "{cases}");
}

#[test]
fn laws() {
    Suite::new(&Bestie).emoji_survive().check();
}

#[test]
fn the_greeting_is_the_same_for_every_seed() {
    for seed in (0..1_000).chain([u64::MAX, u64::MAX / 2]) {
        assert_eq!(say("hi there", seed), FOR_EVERYONE);
    }
    assert_ne!(say("hi there, what game is this", 0), FOR_EVERYONE);
}

#[test]
fn another_line_is_not_one_canned_sentence() {
    let said: std::collections::HashSet<_> =
        (0..50).map(|seed| say("this stream is very good", seed)).collect();
    assert!(said.len() > 25, "{}", said.len());
}

#[test]
fn questions_stay_questions_and_shouting_stays_shouting() {
    for seed in 0..100 {
        assert!(say("what game is this", seed).contains('?'));
        assert!(say("are you winning?", seed).contains('?'));
        let shouted = say("WHY IS EVERYONE SO LOUD TODAY", seed);
        assert!(!shouted.contains(char::is_lowercase), "{shouted}");
    }
}

#[test]
fn no_line_grows_beyond_its_frame() {
    for text in ["lol ", "gg ", "lag ", "lagging ", "i lost ", "yes. ", "a bug, "] {
        let line = text.repeat(500 / text.len());
        let line = line.trim();
        for seed in 0..20 {
            let grown = say(line, seed).chars().count();
            assert!(grown <= line.chars().count() * 5 / 2 + 100, "{grown}: {line}");
        }
    }
}

#[test]
fn words_know_their_tables() {
    assert!(crate::words::inside().len() >= 300, "{}", crate::words::inside().len());
    assert!(crate::words::standalone().len() >= 100, "{}", crate::words::standalone().len());
}
