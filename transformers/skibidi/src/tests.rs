//! The golden cases, the laws, the habits, and what the golden cases cannot say: what holds for every seed.

use transformer_api::golden;
use transformer_api::laws::{Habits, Suite};

use crate::Skibidi;

const HABITS: Habits<'_> = Habits::new(&Skibidi).ways(8);

#[test]
fn keeps_the_laws_and_the_habits() {
    Suite::new(&Skibidi).emoji_survive().check();
    HABITS.check();
}

#[test]
fn says_what_it_said_before() {
    let cases = golden::check(&Skibidi, concat!(env!("CARGO_MANIFEST_DIR"), "/golden.txt"));
    assert!(cases >= 60, "{cases} cases");
}

#[test]
fn shouting_stays_loud() {
    for loud in HABITS.said("THIS STREAMER IS SO BAD") {
        assert!(!loud.chars().any(char::is_lowercase), "{loud}");
    }
}

#[test]
fn sadness_is_met_with_kindness() {
    for text in ["i'm so sad today", "my dog died and i miss him", "i failed my exam"] {
        for said in HABITS.said(text) {
            assert!(!["ratio", "-500", "-1000", "NPC behavior"].iter().any(|m| said.contains(m)), "{said}");
        }
    }
}

#[test]
fn articles_follow_their_words() {
    for said in HABITS.said("that is a bad idea") {
        assert!(!said.contains(" a ohio"), "{said}");
    }
    for said in HABITS.said("an enemy is an old noob") {
        assert!(!said.contains("a opp") && !said.contains("a NPC") && !said.contains("an side"), "{said}");
    }
}
