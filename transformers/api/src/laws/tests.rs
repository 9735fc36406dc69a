//! A suite that cannot fail proves nothing: each broken style here breaks one law and must be found out.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

struct Style(fn(Line<'_>) -> String);

impl Transformer for Style {
    fn name(&self) -> &'static str {
        "test"
    }
    fn description(&self) -> &'static str {
        "For this test."
    }
    fn sample(&self) -> &'static str {
        "hi there"
    }
    fn transform(&self, line: Line<'_>) -> String {
        self.0(line)
    }
}

#[track_caller]
fn breaks(law: &str, transform: fn(Line<'_>) -> String) {
    let broken =
        Suite::new(&Style(transform)).emoji_survive().run().expect_err("a broken style passed").to_string();
    assert!(broken.contains(law), "{broken}");
}

#[test]
fn the_unchanged_line_keeps_every_law() {
    Suite::new(&Style(|line| line.text.to_owned())).emoji_survive().check();
}

#[test]
fn a_style_of_the_crates_own_tools_keeps_every_law() {
    use crate::{Case, Choice, Output, pieces};
    Suite::new(&Style(|line| {
        let mut choice = Choice::new(line.seed);
        let mut out = Output::new(line.text);
        for piece in pieces(line.text, line.emotes) {
            match piece.kind {
                crate::Kind::Word => {
                    out.replace(piece.text, choice.pick(&["meow", "mrrrp"]), Case::of(piece.text));
                }
                _ => out.pass(piece.text),
            }
            out.add("~".repeat(choice.index(50)).as_str());
        }
        out.finish()
    }))
    .emoji_survive()
    .check();
}

#[test]
fn a_panic_is_found() {
    breaks("test", |line| {
        assert!(!line.text.contains('ß'), "surprise");
        line.text.to_owned()
    });
}

#[test]
fn lost_links_are_found() {
    breaks("law 4", |line| {
        line.text.split(' ').map(|w| if w.contains("://") { "link" } else { w }).collect()
    });
}

#[test]
fn broken_mentions_are_found() {
    breaks("law 4", |line| line.text.replace('@', "@ "));
}

#[test]
fn respelled_emotes_are_found() {
    breaks("law 4", |line| line.text.replace("Kappa", "kappa"));
}

#[test]
fn another_order_is_found() {
    breaks("law 4", |line| line.text.split(' ').rev().collect::<Vec<_>>().join(" "));
}

#[test]
fn too_long_is_found() {
    breaks("law 3", |line| line.text.repeat(5));
}

#[test]
fn chance_is_found() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    breaks("law 2", |line| format!("{} {}", line.text, CALLS.fetch_add(1, Ordering::Relaxed)));
}

#[test]
fn the_order_inside_a_set_is_found() {
    breaks("law 2", |line| {
        let set: std::collections::HashSet<char> = ('a'..='z').collect();
        line.text.to_owned() + &set.into_iter().collect::<String>()
    });
}

#[test]
fn nothing_said_is_found() {
    breaks("law 5", |line| if line.text.chars().count() == 1 { String::new() } else { line.text.to_owned() });
}

#[test]
fn control_characters_are_found() {
    breaks("law 5", |line| line.text.replace('!', "!\u{7}"));
}

#[test]
fn cut_emoji_are_found() {
    breaks("emoji survive", |line| line.text.replace('\u{200D}', ""));
}

#[test]
fn a_name_that_configuration_could_not_hold_is_found() {
    struct Misnamed;
    impl Transformer for Misnamed {
        fn name(&self) -> &'static str {
            "Bad Name"
        }
        fn description(&self) -> &'static str {
            "x"
        }
        fn sample(&self) -> &'static str {
            "x"
        }
        fn transform(&self, line: Line<'_>) -> String {
            line.text.to_owned()
        }
    }
    assert!(Suite::new(&Misnamed).run().is_err());
}

#[track_caller]
fn lacks(habit: &str, transform: fn(Line<'_>) -> String) {
    let broken = Habits::new(&Style(transform)).ways(3).run().expect_err("a dull style passed").to_string();
    assert!(broken.contains(habit), "{broken}");
}

#[test]
fn a_lively_style_has_every_habit() {
    Habits::new(&Style(|line| format!("{}? {}", line.text, line.seed.0))).ways(300).check();
}

#[test]
fn one_answer_for_every_seed_is_found() {
    lacks("in 1 ways only", |line| format!("{}!", line.text));
    lacks("in 2 ways only", |line| format!("{} {}", line.text, line.seed.0 % 2));
}

#[test]
fn a_line_passed_on_is_found() {
    lacks("\"67\": passed on unchanged", |line| match line.text {
        "67" if line.seed.0 == 299 => "67".into(),
        text => format!("{text} {}", line.seed.0),
    });
}

#[test]
fn a_line_that_swells_is_found() {
    lacks("grew beyond", |line| {
        format!("{} {} {}", line.text, line.seed.0, "very ".repeat(line.text.len() / 2))
    });
}

#[test]
fn a_question_that_became_a_statement_is_found() {
    lacks("no question any more", |line| match line.seed.0 {
        299 => line.text.replace("what game", "the game") + ".",
        seed => format!("{}? {seed}", line.text),
    });
}
