use std::collections::HashSet;

use transformer_api::{EmoteNames, Line, Seed, Transformer as _, golden, laws};

use crate::Skibidi;

/// Seeds tried where a property must hold for every seed.
const SEEDS: u64 = 300;

fn say(text: &str, seed: u64) -> String {
    Skibidi.transform(Line { text, seed: Seed(seed), emotes: &EmoteNames::new() })
}

#[test]
fn keeps_the_laws() {
    laws::Suite::new(&Skibidi).emoji_survive().check();
}

#[test]
fn says_what_it_said_before() {
    let cases = golden::check(&Skibidi, concat!(env!("CARGO_MANIFEST_DIR"), "/golden.txt"));
    assert!(cases >= 60, "{cases} cases");
}

#[test]
fn one_line_is_said_in_many_ways() {
    for text in ["hi there", "gg", "why is he so bad", "привет всем", "k"] {
        let said: HashSet<String> = (0..SEEDS).map(|seed| say(text, seed)).collect();
        assert!(said.len() >= 8, "{text}: {said:?}");
    }
}

#[test]
fn never_passes_a_line_unchanged() {
    for text in ["a", "👀", "67", "the", "привет", "https://example.com/", "KEKW", "!!", "x y z"] {
        for seed in 0..SEEDS {
            assert_ne!(say(text, seed), text);
        }
    }
}

#[test]
fn lines_stay_short() {
    let copypasta = "the streamer is bad and i love this game so much ".repeat(10);
    for text in ["k", "hi", "gg", "streamer is bad", "WHAT IS THIS GAME", copypasta.trim()] {
        for seed in 0..SEEDS {
            let said = say(text, seed);
            let most = text.chars().count() * 5 / 2 + 40;
            assert!(said.chars().count() <= most, "{said}");
        }
    }
}

#[test]
fn questions_stay_questions_and_shouting_stays_loud() {
    for seed in 0..SEEDS {
        assert!(say("what game is this", seed).contains('?'));
        let loud = say("THIS STREAMER IS SO BAD", seed);
        assert!(!loud.chars().any(char::is_lowercase), "{loud}");
    }
}

#[test]
fn sadness_is_met_with_kindness() {
    for text in ["i'm so sad today", "my dog died and i miss him", "i failed my exam"] {
        for seed in 0..SEEDS {
            let said = say(text, seed);
            assert!(!["ratio", "-500", "-1000", "NPC behavior"].iter().any(|m| said.contains(m)), "{said}");
        }
    }
}

#[test]
fn articles_follow_their_words() {
    for seed in 0..SEEDS {
        let said = say("that is a bad idea", seed);
        assert!(!said.contains(" a ohio"), "{said}");
        let said = say("an enemy is an old noob", seed);
        assert!(!said.contains("a opp") && !said.contains("a NPC") && !said.contains("an side"), "{said}");
    }
}
