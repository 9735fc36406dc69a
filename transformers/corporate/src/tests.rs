use std::collections::HashSet;

use transformer_api::{EmoteNames, Line, Seed, Transformer as _, golden, laws};

use crate::Corporate;

/// Seeds tried where a property must hold for every seed.
const SEEDS: u64 = 300;

fn say(text: &str, seed: u64) -> String {
    Corporate.transform(Line { text, seed: Seed(seed), emotes: &EmoteNames::new() })
}

#[test]
fn keeps_the_laws() {
    laws::Suite::new(&Corporate).emoji_survive().check();
}

#[test]
fn says_what_it_said_before() {
    let cases = golden::check(&Corporate, concat!(env!("CARGO_MANIFEST_DIR"), "/golden.txt"));
    assert!(cases >= 60, "{cases} cases");
}

#[test]
fn one_line_is_said_in_many_ways() {
    for text in ["hi there", "gg", "why is he so bad", "привет всем", "k"] {
        let said: HashSet<String> = (0..SEEDS).map(|seed| say(text, seed)).collect();
        assert!(said.len() >= 5, "{text}: {said:?}");
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
fn questions_stay_questions() {
    for seed in 0..SEEDS {
        assert!(say("what game is this", seed).contains('?'));
    }
}

#[test]
fn nobody_shouts_in_a_mail() {
    for text in ["THIS STREAMER IS SO BAD!!!", "STOP SCREAMING IN CHAT", "I DEMAND SATISFACTION"] {
        for seed in 0..SEEDS {
            let said = say(text, seed);
            assert!(!said.contains('!'), "{said}");
            let shouted = said.split(' ').find(|word| word.len() > 4 && *word == word.to_uppercase());
            assert_eq!(shouted, None, "{said}");
            assert!(["urgency", "Escalating"].iter().any(|flag| said.contains(flag)), "{said}");
        }
    }
}

#[test]
fn the_house_phrases_stand() {
    for seed in 0..SEEDS {
        assert!(say("gg", seed).contains("Great alignment, team."));
        assert!(say("lol", seed).contains("That is a highly engaging data point."));
    }
}

#[test]
fn sadness_hears_from_hr_and_not_from_the_review() {
    for text in ["i'm so sad today", "my dog died and i miss him", "i failed my exam"] {
        for seed in 0..SEEDS {
            let said = say(text, seed);
            assert!(!["review", "improvement plan", "sunset"].iter().any(|m| said.contains(m)), "{said}");
        }
    }
}

#[test]
fn articles_follow_their_words() {
    for seed in 0..SEEDS {
        let said = say("he is a noob and an awesome guy", seed);
        assert!(said.contains("a junior") && said.contains("an industry-leading"), "{said}");
        let said = say("that was a insane clutch by an enemy", seed);
        assert!(said.contains("a truly disruptive") && said.contains("a competitor"), "{said}");
    }
}
