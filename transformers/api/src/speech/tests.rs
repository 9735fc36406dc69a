//! The manner here is the plainest there is, so that what shows is what every style shares.

use std::sync::LazyLock;

use super::*;
use crate::{EmoteNames, INPUT_CODE_POINTS_MAX, Seed};

static PHRASEBOOK: LazyLock<Phrasebook> = LazyLock::new(|| Phrasebook {
    words: Lexicon::new(&[("bad", &["awful,", "odd,"]), ("good", &["grand"]), ("gg", &["well fought by"])]),
    alone: Lexicon::new(&[("gg", &["a fine match"])]),
    questions: Lexicon::new(&[("why", &["for what reason"])]),
    moods: Lexicon::new(&[("good", &["praise"])]),
});

struct Polite;

impl Manner for Polite {
    const CLOSING_PLANS: usize = PLANS;

    fn phrasebook(&self) -> &'static Phrasebook {
        &PHRASEBOOK
    }

    fn openers(&self, mood: Mood) -> &'static [&'static str] {
        if mood == Mood::Praise { &["hear, hear:"] } else { &["i say:"] }
    }

    fn closers(&self, _mood: Mood) -> &'static [&'static str] {
        &["i remain your most humble servant in all the things of this world", "yours"]
    }

    fn opens(&mut self, _speech: &Speech<'_>, _plan: usize) -> bool {
        true
    }

    fn trim<'t>(&self, speech: &Speech<'_>, answer: &'t str, end: usize) -> &'t str {
        if !speech.takes_object(end) {
            return answer.strip_suffix(" by").unwrap_or(answer).trim_end_matches(',');
        }
        if speech.behind_space(end).is_some() { answer } else { answer.trim_end_matches(',') }
    }

    fn article_case(&mut self, _speech: &Speech<'_>, _typed: &str) -> Case {
        Case::Lower
    }

    fn answer_case(&mut self, _speech: &Speech<'_>, original: &str, _answer: &str) -> Case {
        Case::of(original)
    }

    fn stop(&mut self, speech: &mut Speech<'_>) {
        speech.add(if speech.lacks_question_mark() { "?" } else { "." }, Case::Lower);
    }
}

/// What is said for each of some seeds, without the opener and the closer.
fn bodies(text: &str) -> Vec<String> {
    (0..50)
        .map(|seed| {
            let said = say(Polite, Line { text, seed: Seed(seed), emotes: &EmoteNames::new() });
            let body = said.split_once(": ").map_or(&*said, |(_, body)| body);
            let end = body.find(" yours").or_else(|| body.find(" i remain")).unwrap_or(body.len());
            body[..end].to_owned()
        })
        .collect()
}

fn always(text: &str, body: &str) {
    for said in bodies(text) {
        assert_eq!(said, body, "{text}");
    }
}

#[test]
fn words_stand_alone_or_in_a_sentence() {
    always("gg", "a fine match.");
    always("gg GG, gg", "a fine match A FINE MATCH, a fine match.");
    always("gg them", "well fought by them.");
    always("gg again to them", "well fought again to them.");
    always("and gg @them", "and well fought by @them.");
}

#[test]
fn articles_follow_what_is_said() {
    always("an good day", "a grand day.");
    for said in bodies("a bad day") {
        assert!(["an awful, day.", "an odd, day."].contains(&&*said), "{said}");
    }
    always("a day", "a day.");
    assert_eq!(["NPC", "L of a day", "Lamp", "apple"].map(article_before), ["an", "an", "a", "an"]);
}

#[test]
fn a_question_is_asked_once_and_near_its_head() {
    always("why is he why", "for what reason is he why?");
    always("is that the reason why", "is that the reason why?");
    always("i know why", "i know why.");
}

#[test]
fn what_was_said_is_not_said_again_while_there_is_another() {
    for said in bodies("bad day or bad") {
        assert!(said == "awful, day or odd." || said == "odd, day or awful.", "{said}");
    }
}

#[test]
fn a_line_keeps_to_its_bound_and_finds_a_closer() {
    for text in ["k", "gg them all", "good bad good", "why"] {
        for seed in 0..50 {
            let said = say(Polite, Line { text, seed: Seed(seed), emotes: &EmoteNames::new() });
            let (count, most) = (said.chars().count(), text.len() * 5 / 2 + GROWTH_FREE);
            assert!(count <= most, "{count} of {most}: {said}");
            assert!(said.ends_with("yours") || said.ends_with("world"), "{said}");
        }
    }
}

#[test]
fn a_long_line_gets_no_opener() {
    let text = "good day ".repeat(INPUT_CODE_POINTS_MAX / 9);
    for (text, opens) in [(text.trim_end(), false), (&text[..LONG_LINE - 2], true)] {
        let said = say(Polite, Line { text, seed: Seed(1), emotes: &EmoteNames::new() });
        assert_eq!(said.starts_with("hear, hear:"), opens, "{said}");
    }
}
