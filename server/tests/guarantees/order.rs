//! G7, G8 and G10: one order for all, no silent hole, and joins that fit between past and present.

use crate::support::{accepted, alone, choices, folder, judge, mixed, options, run, server, tell, times};
use client::{Rest, Socket};
use protocol::{frames::ServerFrame, ids::Seq};
use std::time::{Duration, Instant};
use testkit::{process::Server, workload::Run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g07_all_see_one_order_and_it_is_that_of_time() {
    let _alone = alone();
    let (seed, _) = choices("g07_order");
    let folder = folder();
    let server = server(folder.path());
    let run = run(&server, seed, |options| (options.writers, options.readers) = (8, mixed(20))).await;
    accepted(&run, times(3_000, 100_000)).await;
    judge("g07_order", "8 writers, 20 readers", &run.finish().await);
}

/// Waits for so many, and says how many there were a second: for the reader of the figures, nothing hangs on it.
async fn accepted_rate(run: &Run, count: u64) -> f64 {
    let since = Instant::now();
    accepted(run, count).await;
    count as f64 / since.elapsed().as_secs_f64()
}

/// With a small ring, so that slow readers do fall off it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_no_reader_has_a_hole_that_it_was_not_told_of() {
    let _alone = alone();
    let (seed, _) = choices("g08_holes");
    let folder = folder();
    let options = options(folder.path())
        .with_env("TWITCHY_FEED__RING_MESSAGES", "256")
        .with_env("TWITCHY_FEED__RESUME_MESSAGES_MAX", "300");
    let server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    let run = run(&server, seed, |options| {
        (options.writers, options.readers, options.rate) = (16, mixed(200), 1_000.0);
        // Those with a small buffer catch up at the pace of their windows: nobody is at fault there.
        options.give_up = Duration::from_secs(240);
    })
    .await;
    let rate = accepted_rate(&run, times(2_500, 60_000)).await;
    let counts = judge(
        "g08_holes",
        &format!("200 readers that pause, go and come back, {rate:.0} messages/s"),
        &run.finish().await,
    );
    assert!(counts.resumes_recovered > 100, "{counts:?}");
}

/// Far more than the machine's buffers and the ring take, while one reader reads nothing. Then it reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_a_reader_that_stood_still_is_told_exactly_what_it_missed() {
    const SENDERS: u64 = 8;
    const EACH: u64 = 600;
    let _alone = alone();
    let folder = folder();
    let options = options(folder.path()).with_env("TWITCHY_FEED__RING_MESSAGES", "256");
    let server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    let small = client::Options { receive_buffer_bytes: Some(4096), ..client::Options::default() };
    let mut still = Socket::connect_with(server.address(), small).await.unwrap();
    assert_eq!(still.join("bestie").await.unwrap().seq, Seq(0));
    let mut senders = Vec::new();
    for number in 0..SENDERS {
        let token =
            Rest::new(server.address()).register(&format!("long{number}"), "a long line").await.unwrap();
        let mut socket = Socket::connect(server.address()).await.unwrap();
        socket.auth(&token.access_token).await.unwrap();
        // 2,000 bytes: 4,800 of them are 10 MB, and the system's buffers for one connection take 4 to 6.
        let text = "\u{1f980}".repeat(500);
        senders.push(tokio::spawn(async move {
            for count in 0..EACH {
                socket.send_text("bestie", &text, &format!("l{count}")).await.unwrap();
            }
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let last = Seq(SENDERS * EACH);
    let (mut at, mut shown, mut gaps, mut missed) = (Seq(0), 0_u64, 0_u64, 0_u64);
    while at < last {
        match still.recv().await.unwrap() {
            ServerFrame::Messages { messages, .. } => {
                for message in messages {
                    assert_eq!(message.seq, Seq(at.0 + 1), "a hole that was not told, or a step back");
                    at = message.seq;
                    shown += 1;
                }
            }
            ServerFrame::Gap { from, to, .. } => {
                assert_eq!(from, at, "a gap begins where one is");
                assert!(to > from, "a gap of nothing");
                (gaps, missed) = (gaps + 1, missed + to.0 - from.0);
                at = to;
            }
            _ => {}
        }
    }
    tell(&format!(
        "g08_still: {shown} messages shown, {missed} told as missing in {gaps} gaps, {} sent",
        last.0
    ));
    assert_eq!(shown + missed, last.0);
    assert!(gaps > 0, "the reader missed nothing: too little was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_a_join_under_load_has_the_newest_and_no_hole_to_live() {
    let _alone = alone();
    let (seed, _) = choices("g10_joins");
    let folder = folder();
    let server = server(folder.path());
    let run = run(&server, seed, |options| {
        (options.writers, options.readers, options.rate) = (64, mixed(40), 1_000.0);
    })
    .await;
    let rate = accepted_rate(&run, times(6_000, 60_000)).await;
    let counts = judge("g10_joins", &format!("joins at {rate:.0} messages/s"), &run.finish().await);
    assert!(counts.joins >= 300, "too few joins: {counts:?}");
}
