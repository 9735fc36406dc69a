//! G7, G8 and G10: one order for all, no silent hole, and joins that fit between past and present.

use crate::support::{accepted, alone, choices, folder, judge, mixed, options, run, server, times};
use testkit::process::Server;

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
    })
    .await;
    accepted(&run, times(4_000, 60_000)).await;
    let counts = judge("g08_holes", "200 readers that pause, go and come back", &run.finish().await);
    assert!(counts.resumes_recovered > 100, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_a_join_under_load_has_the_newest_and_no_hole_to_live() {
    let _alone = alone();
    let (seed, _) = choices("g10_joins");
    let folder = folder();
    let server = server(folder.path());
    let run = run(&server, seed, |options| {
        (options.writers, options.readers, options.rate) = (16, mixed(40), 1_000.0);
    })
    .await;
    accepted(&run, times(6_000, 60_000)).await;
    let counts = judge("g10_joins", "joins under load", &run.finish().await);
    assert!(counts.joins >= 300, "too few joins: {counts:?}");
}
