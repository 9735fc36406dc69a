//! The golden cases, the laws, the habits, and what the golden cases cannot say: what holds for every seed.

use transformer_api::golden;
use transformer_api::laws::{Habits, Suite};

use crate::Corporate;

const HABITS: Habits<'_> = Habits::new(&Corporate).ways(5);

#[test]
fn keeps_the_laws_and_the_habits() {
    Suite::new(&Corporate).emoji_survive().check();
    HABITS.check();
}

#[test]
fn says_what_it_said_before() {
    let cases = golden::check(&Corporate, concat!(env!("CARGO_MANIFEST_DIR"), "/golden.txt"));
    assert!(cases >= 60, "{cases} cases");
}

#[test]
fn nobody_shouts_in_a_mail() {
    for text in ["THIS STREAMER IS SO BAD!!!", "STOP SCREAMING IN CHAT", "I DEMAND SATISFACTION"] {
        for said in HABITS.said(text) {
            assert!(!said.contains('!'), "{said}");
            let shouted = said.split(' ').find(|word| word.len() > 4 && *word == word.to_uppercase());
            assert_eq!(shouted, None, "{said}");
            assert!(["urgency", "Escalating"].iter().any(|flag| said.contains(flag)), "{said}");
        }
    }
}

#[test]
fn the_house_phrases_stand() {
    assert!(HABITS.said("gg").all(|said| said.contains("Great alignment, team.")));
    assert!(HABITS.said("lol").all(|said| said.contains("That is a highly engaging data point.")));
}

#[test]
fn sadness_hears_from_hr_and_not_from_the_review() {
    for text in ["i'm so sad today", "my dog died and i miss him", "i failed my exam"] {
        for said in HABITS.said(text) {
            assert!(!["review", "improvement plan", "sunset"].iter().any(|m| said.contains(m)), "{said}");
        }
    }
}

#[test]
fn articles_follow_their_words() {
    for said in HABITS.said("he is a noob and an awesome guy") {
        assert!(said.contains("a junior") && said.contains("an industry-leading"), "{said}");
    }
    for said in HABITS.said("that was a insane clutch by an enemy") {
        assert!(said.contains("a truly disruptive") && said.contains("a competitor"), "{said}");
    }
}
