//! The lines that the laws are tried on: chat as it is typed, and chat as it is attacked.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::INPUT_CODE_POINTS_MAX;

/// A line as admission lets it through, with what a style must keep.
#[derive(Clone, Debug)]
pub struct Typed {
    /// The text: 1 to 500 code points, trimmed, no control characters.
    pub text: String,
    /// The message's seed.
    pub seed: u64,
    /// The room's emotes.
    pub emotes: Vec<String>,
    /// The URLs, mentions and emote names in the text, in order.
    pub protected: Vec<String>,
}

/// The emotes of the rooms that the lines are typed in; some are everyday words, some hardly words at all.
const EMOTES: &[&str] = &[
    "Kappa",
    "peepoClap",
    "hi",
    "LUL",
    "4Head",
    "<3",
    "R-)",
    ":tf:",
    "good",
    "no",
    "müde",
    "日本",
    "x_x",
    "The",
];

const WORDS: &[&str] = &[
    "hi", "there", "hello", "everyone", "good", "bad", "the", "stream", "is", "so", "very", "laggy", "today",
    "why", "what", "how", "can", "you", "i", "love", "hate", "this", "game", "win", "lost", "gg", "ez",
    "lol", "haha", "omg", "sad", "friend", "please", "don't", "we're", "LETS", "GO", "WTF", "No", "Yes",
    "nooooo", "niceeee", "thx", "brb", "one", "a", "my", "boss", "meeting", "deadline", "money", "food",
    "toilet", "code", "bug", "rust", "sorry", "bye", "not", "never",
];

/// Part of a line, and whether it is one that must stay.
#[derive(Clone, Debug)]
enum Part {
    Free(String),
    Kept(String),
}

/// Lines of every sort named in the laws.
pub fn typed() -> impl Strategy<Value = Typed> {
    let line = prop_oneof![
        6 => vec(part(), 1..14),
        3 => ascii_chat(),
        1 => vec(part(), 100..200),
        2 => any_text(1..=40).prop_map(|text| vec![Part::Free(text)]),
        1 => any_text(INPUT_CODE_POINTS_MAX..=INPUT_CODE_POINTS_MAX).prop_map(|text| vec![Part::Free(text)]),
        1 => any::<char>().prop_map(|c| vec![Part::Free(c.to_string())]),
        1 => same_again(),
    ];
    (line, seed(), any::<bool>())
        .prop_filter_map("nothing that admission lets through", |(parts, seed, emotes)| {
            assemble(parts, seed, emotes)
        })
}

fn seed() -> impl Strategy<Value = u64> {
    prop_oneof![4 => any::<u64>(), 1 => 0_u64..3, 1 => Just(u64::MAX)]
}

/// Puts the parts together with single spaces, as far as they fit.
fn assemble(parts: Vec<Part>, seed: u64, with_emotes: bool) -> Option<Typed> {
    let emotes: Vec<String> =
        if with_emotes { EMOTES.iter().map(|&e| e.into()).collect() } else { Vec::new() };
    let (mut text, mut protected) = (String::new(), Vec::new());
    for part in parts {
        let (Part::Free(word) | Part::Kept(word)) = &part;
        let word: String = word.chars().filter(|c| !c.is_control()).collect();
        if text.chars().count() + 1 + word.chars().count() > INPUT_CODE_POINTS_MAX {
            if text.is_empty() {
                text.extend(word.chars().take(INPUT_CODE_POINTS_MAX));
            }
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word);
        // With brackets and stops around it, what stays is the name inside them.
        let core = core(&word);
        if emotes.iter().any(|e| e == core || e == &word) || matches!(core, "Kappa" | "LUL" | "peepoClap") {
            protected.push(if emotes.contains(&word) { word.clone() } else { core.to_owned() });
        } else if let Part::Kept(_) = part {
            protected.push(core.to_owned());
        }
    }
    let text = text.trim().to_owned();
    (!text.is_empty()).then_some(Typed { text, seed, emotes, protected })
}

/// A word without the punctuation that [`dressed`] puts around it.
fn core(word: &str) -> &str {
    word.trim_matches(['(', ')', '.', ',', '!', '?', '"', '\'', '*', '…'])
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        12 => word().prop_map(Part::Free),
        2 => dressed(prop::sample::select(EMOTES).prop_filter("dresses badly", |e| !e.ends_with(')')).prop_map(String::from)).prop_map(Part::Free),
        1 => prop::sample::select(EMOTES).prop_map(|e| Part::Free(e.to_owned())),
        2 => dressed("@[A-Za-z0-9_]{1,25}").prop_map(Part::Kept),
        2 => dressed(link()).prop_map(Part::Kept),
        2 => foreign().prop_map(Part::Free),
        1 => emoji().prop_map(Part::Free),
        1 => "[!-/:-@\\[-`{-~]{1,6}".prop_filter("could hide a mention", |s| !s.contains(['@', '`'])).prop_map(Part::Free),
        1 => "[0-9]{1,5}([.:,/%-][0-9]{0,3})?".prop_map(Part::Free),
        1 => prop::sample::select(&["fn main() {", "x != y;", "a->b", "std::fmt", "snake_case", "!uptime", "/me", "$x=1"][..])
            .prop_map(|s| Part::Free(s.to_owned())),
    ]
}

fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(WORDS);
    prop_oneof![
        5 => known.clone().prop_map(String::from),
        1 => known.clone().prop_map(str::to_uppercase),
        1 => known.prop_map(|w| w[..1].to_uppercase() + &w[1..]),
        1 => "[a-z]{1,9}",
    ]
}

/// With nothing, stops or brackets around it.
fn dressed(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let dress = prop::sample::select(
        &[("", ""), ("", "!"), ("", "?"), ("", ","), ("(", ")"), ("\"", "\""), ("", "...")][..],
    );
    (inner, dress).prop_map(|(inner, (before, after))| format!("{before}{inner}{after}"))
}

fn link() -> impl Strategy<Value = String> {
    let host = "[a-z]{1,8}\\.(com|tv|org|io)";
    let path = "(/[A-Za-z0-9_-]{1,8}){0,3}(\\?[a-z]=[0-9]{1,3}(&good=bad)?)?(#[a-z]{1,3})?";
    (prop::sample::select(&["https://", "http://", "www.", "https://www."][..]), host, path)
        .prop_map(|(scheme, host, path)| format!("{scheme}{host}{path}"))
}

fn foreign() -> impl Strategy<Value = String> {
    prop_oneof![
        "[а-я]{1,8}",
        "[ぁ-ん一-十]{1,6}",
        "[א-ת]{1,7}",
        "[ا-ي]{1,7}",
        "[가-힣]{1,4}",
        "[ğüşöçıİß]{1,5}",
        "[a-z]{1,3}[\u{300}-\u{36F}]{1,30}",
        "[กขคงจ][\u{E31}\u{E34}-\u{E3A}]{0,4}",
        "\u{202E}[a-z]{1,4}\u{202C}",
        "[\u{200D}\u{FE0F}\u{300}\u{20E3}]{1,3}",
    ]
}

fn emoji() -> impl Strategy<Value = String> {
    let one = prop::sample::select(&["😀", "💅", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "❤️", "1️⃣", "👩🏿‍🚀", "🤷‍♀️", "✨"][..]);
    vec(one, 1..5).prop_map(|all| all.concat())
}

fn ascii_chat() -> impl Strategy<Value = Vec<Part>> {
    vec(word().prop_map(Part::Free), 1..20)
}

fn any_text(code_points: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    vec(any::<char>().prop_filter("control", |c| !c.is_control()), code_points)
        .prop_map(|all| all.into_iter().collect())
}

/// One thing over and over, as copypasta and attackers do it.
fn same_again() -> impl Strategy<Value = Vec<Part>> {
    (prop_oneof![word(), emoji(), foreign(), "[!?.`@:/]"], any::<bool>()).prop_map(|(one, apart)| {
        let times = INPUT_CODE_POINTS_MAX / (one.chars().count() + 1);
        if apart { vec![Part::Free(one); times] } else { vec![Part::Free(one.repeat(times))] }
    })
}
