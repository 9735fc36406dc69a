//! Compression: once for all who stand at the same place, and to a quarter of the bytes where people really talk.

use super::*;
use crate::websocket::frame::COMPRESSED;
use chat::names::{Color, Username};
use std::{collections::BTreeSet, time::Duration};
use transformer_api::{EmoteNames, Line, Seed};

/// What turns usually put together where a room is busy.
const TURN: Duration = Duration::from_millis(50);
const WRITERS: u64 = 400;

#[test]
fn a_batch_is_made_and_compressed_once_for_all_shards() {
    let feed = feed(1_000);
    let start = feed.latest(0).cursor;
    let pulled = |kind| feed.pull(&mut start.of_kind(kind), None, usize::MAX).1;
    feed.publish(&messages(1..=20));
    let (first, second) = (pulled(FeedKind::Full), pulled(FeedKind::Full));
    assert!(Arc::ptr_eq(&first, &second));
    let of = |batch: &Arc<Batch>| batch.steps()[0].bytes(true).clone();
    assert!(of(&first)[0] & COMPRESSED != 0);
    assert_eq!(of(&first).as_ptr(), of(&second).as_ptr(), "the very same bytes");
    // Another part of the room, or more of it, is another batch; and what was made before is still known.
    let sample = pulled(FeedKind::Readable);
    assert!(!Arc::ptr_eq(&first, &sample));
    assert!(
        Arc::ptr_eq(&first, &pulled(FeedKind::Full)) && Arc::ptr_eq(&sample, &pulled(FeedKind::Readable))
    );
    feed.publish(&messages([21]));
    assert!(!Arc::ptr_eq(&first, &pulled(FeedKind::Full)));
    // What was taken away is in nothing that is given out later, though the place is the same.
    let before = pulled(FeedKind::Full);
    feed.retract(&|place| place.seq == Seq(21), None);
    let after = pulled(FeedKind::Full);
    assert_eq!((before.end().next, after.end().next), (start.next + 2, start.next + 2));
    assert!(seqs(&[before.steps()[0].bytes(false).clone()]).contains(&21));
    assert!(!seqs(&[after.steps()[0].bytes(false).clone()]).contains(&21));
}

#[test]
fn no_more_batches_are_kept_than_there_are_feeds() {
    let feed = feed(1_000);
    let start = feed.latest(0).cursor;
    for seq in 1..=10 {
        feed.publish(&messages([seq]));
        feed.pull(&mut start.clone(), None, usize::MAX);
    }
    assert_eq!(feed.made.len(), batch::MADE_MAX);
}

#[test]
fn a_short_frame_stays_as_it_is() {
    let feed = feed(1_000);
    let mut cursor = feed.latest(0).cursor;
    feed.publish(&messages([1]));
    let (_, batch) = feed.pull(&mut cursor, None, usize::MAX);
    assert_eq!(batch.steps()[0].bytes(true).as_ptr(), batch.steps()[0].bytes(false).as_ptr());
}

/// Lines that people type, as they stand in the styles' own cases.
fn lines() -> Vec<&'static str> {
    let cases = [
        include_str!("../../../../../transformers/bestie/golden.txt"),
        include_str!("../../../../../transformers/skibidi/golden.txt"),
        include_str!("../../../../../transformers/corporate/golden.txt"),
        include_str!("../../../../../transformers/plain/golden.txt"),
    ];
    let lines = cases.iter().flat_map(|file| file.lines()).filter_map(|line| line.strip_prefix("in: "));
    // Chat is short; some cases are there to be as long as may be. Every line once: nothing repeats but as people do.
    lines.filter(|line| line.chars().count() <= 120).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Bits that look like chance, the same in every run.
fn bits(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn writer(number: u64) -> Author {
    const FIRST: [&str; 12] = [
        "moon", "pixel", "sneaky", "turbo", "lil", "mega", "cozy", "dark", "happy", "rusty", "nova", "silent",
    ];
    const LAST: [&str; 12] =
        ["fox", "gamer", "wizard", "toast", "panda", "ninja", "frog", "queen", "wolf", "bean", "tv", "cat"];
    let dice = bits(number + 1_000_000);
    let pick = |of: [&'static str; 12], at: u32| of[usize::try_from((dice >> at) % 12).unwrap()];
    let display_name = format!("{}_{}{}", pick(FIRST, 0), pick(LAST, 8), dice >> 16 & 0xfff);
    let username = Username::parse(&display_name).unwrap();
    Author {
        // As accounts get it: the time when they were made, in the last year here, and chance.
        id: UserId((85_000_000_000 - dice % 31_000_000_000) << 22 | dice >> 42),
        color: Color::default_for(&username).into(),
        username: username.into(),
        display_name,
        badges: if dice.is_multiple_of(20) { vec!["moderator".to_owned()] } else { vec![] },
    }
}

/// So many messages of a styled room from the `from`th on, at this pace.
fn chat(style: &str, from: u64, count: u64, each: Duration) -> Vec<Logged> {
    let style = transformer_styles::all().get(style).unwrap();
    let (lines, emotes) = (lines(), EmoteNames::default());
    let message = |n: u64| {
        let at = 1_790_000_000_000 + u64::try_from((each * u32::try_from(n).unwrap()).as_millis()).unwrap();
        // As version 7: the time, and then chance.
        let id = u128::from(at) << 80 | 7 << 76 | u128::from(bits(n)) << 14 | 1 << 63;
        let text = lines[usize::try_from(bits(n) >> 20).unwrap() % lines.len()];
        let line = Line { text, seed: Seed(bits(n + 7)), emotes: &emotes };
        let author = writer(bits(n + 3) % WRITERS);
        let mut logged = super::message(1_000_000 + n);
        logged.message = Styled {
            id: MessageId(uuid::Uuid::from_u128(id)),
            author,
            text: style.transform(line),
            sent_at: Millis(at),
            ..logged.message
        };
        logged
    };
    (from..from + count).map(message).collect()
}

/// Bytes of a message as a viewer gets it who is written to once a turn: plain, compressed.
fn bytes_per_message(style: &str, each_second: u64) -> [f64; 2] {
    const TURNS: u64 = 20;
    let a_turn = each_second * u64::try_from(TURN.as_millis()).unwrap() / 1_000;
    let feed = feed(100_000);
    let mut cursor = feed.latest(0).cursor;
    let mut bytes = [0; 2];
    for turn in 0..TURNS {
        let each = Duration::from_secs(1) / u32::try_from(each_second).unwrap();
        feed.publish(&chat(style, turn * a_turn, a_turn, each));
        while feed.has_more(&cursor) {
            let (_, batch) = feed.pull(&mut cursor, None, 256 * 1024);
            for step in batch.steps() {
                for (sum, deflates) in bytes.iter_mut().zip([false, true]) {
                    *sum += step.bytes(deflates).len();
                }
            }
            cursor = batch.end();
        }
    }
    #[allow(clippy::cast_precision_loss)] // small numbers
    bytes.map(|sum| sum as f64 / (TURNS * a_turn) as f64)
}

/// docs/performance.md has the table; `cargo test -p server --lib is_left_of -- --nocapture` prints it.
#[test]
fn a_fraction_is_left_of_what_people_say() {
    assert!(lines().len() > 150, "{} lines", lines().len());
    for style in transformer_styles::all().names() {
        // A room on average, a storm, the busiest there is: what compresses is what a turn has together.
        for (each_second, at_most) in [(139, 0.52), (1_389, 0.36), (13_889, 0.30)] {
            let [plain, deflated] = bytes_per_message(style, each_second);
            let left = deflated / plain;
            println!(
                "{style} {each_second}/s: {plain:.0} bytes a message, {deflated:.0} compressed: {left:.3}"
            );
            assert!(left <= at_most, "{style} at {each_second}/s");
        }
    }
}
