//! What one line of chat of about 60 characters costs in each style, on one core: median and 99th percentile over
//! single calls, the reading of the clock included. The bound is 5 µs at the median and 20 µs at p99.
//!
//! `cargo bench -p transformer-styles` prints a table. `-- --rounds N` takes more samples (20,000 calls each).

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::hint::black_box;
use std::time::Instant;

use transformer_api::{EmoteNames, Line, Seed};

const CALLS: usize = 20_000;

/// Lines of 50 to 70 code points, as people type them.
const LINES: &[&str] = &[
    "hello everyone, what game are we playing today on stream?",
    "this stream is very good, I love the new overlay so much",
    "WHY IS THE STREAM LAGGING SO MUCH TODAY I CAN'T SEE ANYTHING",
    "gg wp that was an amazing win, the last round was crazy lol",
    "@some_user did you see https://clips.twitch.tv/AbCdEf yet?",
    "Kappa Kappa LUL that was so bad, my friend could do better",
    "my dog died yesterday and I am really sad about it sorry",
    "hahaha no way he missed that shot, what an absolute noob",
    "Привет всем, сегодня хороший стрим и отличная игра, спасибо!",
    "こんにちは みなさん、今日の配信はとても楽しいです、ありがとうございます、また明日、よろしくお願いします",
    "can someone explain how the drop system works in this game",
    "just got a new pc, 144 fps at 1440p and 12 ms ping, finally",
    "😂😂😂 I can't believe it 👨‍👩‍👧‍👦 the whole family is watching 🎉🎉",
    "!command is broken again, `let x = 5;` does not compile here",
    "good night chat, see you all tomorrow, thanks for the stream",
    "imagine losing to a level 3 boss with full gear, skill issue",
];

fn main() {
    let mut rounds = 5_usize;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--rounds" {
            rounds = arguments
                .next()
                .and_then(|n| n.parse().ok())
                .filter(|&n| n > 0)
                .expect("--rounds takes a number");
        }
    }
    let emotes: EmoteNames = ["Kappa", "LUL", "peepoClap", "monkaS", "catJAM"].into_iter().collect();
    println!("| style | best median µs | median µs | p99 µs | p99 of the best round µs | characters out |");
    println!("|---|---|---|---|---|---|");
    for style in transformer_styles::all().iter() {
        let mut medians = Vec::with_capacity(rounds);
        let mut tails = Vec::with_capacity(rounds);
        let mut characters = 0;
        for round in 0..=rounds {
            let mut nanoseconds = Vec::with_capacity(CALLS);
            characters = 0;
            for call in 0..CALLS {
                let seed = Seed((round * CALLS + call) as u64 ^ 0x9E37_79B9);
                let line = Line { text: LINES[call % LINES.len()], seed, emotes: &emotes };
                let start = Instant::now();
                let said = black_box(style.transform(black_box(line)));
                nanoseconds.push(start.elapsed().as_nanos());
                characters += said.chars().count();
            }
            // The first round warms the caches and builds the tables.
            if round > 0 {
                nanoseconds.sort_unstable();
                medians.push(nanoseconds[CALLS / 2]);
                tails.push(nanoseconds[CALLS * 99 / 100]);
            }
        }
        medians.sort_unstable();
        tails.sort_unstable();
        let us = |ns: u128| ns as f64 / 1_000.0;
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {} |",
            style.name(),
            us(medians[0]),
            us(medians[rounds / 2]),
            us(tails[rounds / 2]),
            us(tails[0]),
            characters / CALLS,
        );
    }
}
