//! A nonce makes one message, whichever processes wrote it: the log's order decides.

use crate::support::{BOTH, GATEWAY, NOW, PERSIST, Process, Shared, draft};
use chat::time::Millis;
use protocol::{
    ids::{Seq, UserId},
    limits::NONCE_TTL_MS,
};
use server::{
    limits::{Limits, Options},
    pressure::RETRY_AFTER,
    rooms::{accept::Rejected, history::Resumed},
};
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: u64 = 60_000;

#[tokio::test(start_paused = true)]
async fn a_nonce_that_two_gateways_write_at_once_is_one_message_for_all() {
    let shared = Shared::new();
    let (a, b) = (Process::start(&shared, BOTH).await, Process::start(&shared, GATEWAY).await);
    b.view.sees_up_to(0);
    let first = a.say("n", "from a").await.expect("accepted");
    // The other one has not read it, and writes a second record.
    let (second, ()) = tokio::join!(b.say("n", "from b"), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(shared.last(), 2);
        b.view.sees_up_to(u64::MAX);
    });
    assert_eq!(second, Ok(first), "both senders hear of the same message");
    let third = a.say("other", "after it").await.expect("accepted");
    b.reached(third.seq).await;
    for process in [&a, &b] {
        assert_eq!(process.shown(), [first.seq, third.seq]);
        assert_eq!(process.told().await, ["from a", "after it"]);
    }
    a.stored(third.seq.0).await;
    assert_eq!(shared.rows().await, ["from a", "after it"]);
    // And from the store as from the log.
    assert_eq!(b.told().await, ["from a", "after it"]);
}

#[tokio::test(start_paused = true)]
async fn without_its_tail_a_gateway_says_neither_yes_nor_no_and_then_takes_no_more() {
    let shared = Shared::new();
    let process = Process::start(&shared, GATEWAY).await;
    process.view.sees_up_to(0);
    let begun = Instant::now();
    assert_eq!(process.say("n", "hello").await, Err(Rejected::Unknown));
    assert_eq!(begun.elapsed(), Duration::from_secs(5), "of simulated time");
    // What it has not read may hold any nonce.
    assert_eq!(process.say("another", "hello").await, Err(Rejected::Unavailable));
    assert_eq!(process.say("n", "hello").await, Err(Rejected::Unknown), "still in doubt");
    assert_eq!(shared.last(), 1);
    process.view.sees_up_to(u64::MAX);
    let accepted = process.say("n", "hello").await.expect("it is known now");
    assert_eq!((accepted.seq, shared.last()), (Seq(1), 1), "nothing was written again");
    assert!(process.say("another", "hello").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_under_pressure_may_ask_again_and_who_was_accepted_is_never_refused() {
    let shared = Shared::new();
    let process = Process::start(&shared, BOTH).await;
    let overloaded = Err(Rejected::Overloaded { retry_after: RETRY_AFTER });
    assert_eq!(process.say_under(1.0, "first", "hi").await, overloaded);
    let accepted = process.say("first", "hi").await;
    assert!(accepted.is_ok(), "{accepted:?}");
    assert_eq!(process.say_under(1.0, "first", "hi").await, accepted);
    assert_eq!(process.say_under(1.0, "second", "hi").await, overloaded);
}

/// It was accepted elsewhere, and nothing of it is heard of here when the retry comes.
#[tokio::test(start_paused = true)]
async fn a_retry_of_what_another_gateway_accepted_is_never_told_that_it_was_refused() {
    let shared = Shared::new();
    let (a, b) = (Process::start(&shared, GATEWAY).await, Process::start(&shared, GATEWAY).await);
    b.view.hears_up_to(0);
    let first = a.say("n", "hello").await.expect("accepted");
    let comes = |after: Duration| {
        let view = b.view.clone();
        async move {
            tokio::time::sleep(after).await;
            view.hears_up_to(u64::MAX);
        }
    };
    let (retry, ()) = tokio::join!(b.say_under(1.0, "n", "hello"), comes(Duration::from_millis(700)));
    assert_eq!(retry, Ok(first), "however much this one refuses");
    let overloaded = Err(Rejected::Overloaded { retry_after: RETRY_AFTER });
    assert_eq!(b.say_under(1.0, "another", "hello").await, overloaded, "what is new is refused all the same");

    // What does not come in time is not said.
    b.view.hears_up_to(1);
    let second = a.say("m", "hello").await.expect("accepted");
    let begun = Instant::now();
    assert_eq!(b.say_under(1.0, "m", "hello").await, Err(Rejected::Unconfirmed));
    assert_eq!(begun.elapsed(), Duration::from_secs(5), "of simulated time");
    // Nor what nobody can tell.
    b.view.away(true);
    assert_eq!(b.say_under(1.0, "m", "hello").await, Err(Rejected::Unconfirmed));
    b.view.away(false);
    b.view.hears_up_to(u64::MAX);
    assert_eq!(b.say_under(1.0, "m", "hello").await, Ok(second));
    assert_eq!(shared.last(), 2, "nothing was written again");
}

/// All the other reasons for which a message is refused.
#[tokio::test(start_paused = true)]
async fn no_rule_of_a_room_and_no_queue_refuses_what_another_gateway_accepted() {
    let shared = Shared::new();
    let (a, b) = (Process::start(&shared, GATEWAY).await, Process::start(&shared, GATEWAY).await);
    let slow = Options { user_messages_per_second: 0.001, user_message_burst: 1, ..Options::default() };
    let limits = Limits::new(slow);
    let say = |nonce: &'static str| {
        let submitted = b.room.submit(draft(Some(nonce), "hello"), &limits.pace, Millis(NOW));
        async move { submitted?.outcome().await }
    };
    say("earlier").await.expect("accepted");
    b.view.hears_up_to(1);
    let first = a.say("n", "hello").await.expect("accepted");
    let missing = || b.room.refuse(UserId(1), Some("n".to_owned()), Rejected::ParentMissing).expect("held");
    let (too_fast, no_parent, ()) = tokio::join!(say("n"), missing().outcome(), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        b.view.hears_up_to(u64::MAX);
    });
    assert_eq!((too_fast, no_parent), (Ok(first), Ok(first)));
    assert!(matches!(say("new").await, Err(Rejected::RateLimited { .. })), "it is too fast");
    let missing = b.room.refuse(UserId(1), Some("new".to_owned()), Rejected::ParentMissing).expect("held");
    assert_eq!(missing.outcome().await, Err(Rejected::ParentMissing));
}

/// What waits is bounded, and beyond that nothing is said that may not be true.
#[tokio::test(start_paused = true)]
async fn more_refusals_than_may_wait_are_told_to_ask_again() {
    const MAX: usize = 1_024;
    let shared = Shared::new();
    let process = Process::start(&shared, GATEWAY).await;
    process.view.hears_up_to(0);
    shared.written(None, "what it has not read", NOW).await;
    let nonces: Vec<String> = (0..MAX + 10).map(|n| format!("n{n}")).collect();
    let sends = nonces.iter().map(|nonce| process.say_under(1.0, nonce, "hello"));
    let (answers, ()) = tokio::join!(futures_util::future::join_all(sends), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        process.view.hears_up_to(u64::MAX);
    });
    let overloaded = Err(Rejected::Overloaded { retry_after: RETRY_AFTER });
    assert_eq!(answers.iter().filter(|answer| **answer == overloaded).count(), MAX);
    assert_eq!(answers.iter().filter(|answer| **answer == Err(Rejected::Unconfirmed)).count(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_out_of_reach_refuses_at_once() {
    let shared = Shared::new();
    let process = Process::start(&shared, GATEWAY).await;
    process.view.away(true);
    let begun = Instant::now();
    assert_eq!(process.say("n", "hello").await, Err(Rejected::Unavailable));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    process.view.away(false);
    assert!(process.say("n", "hello").await.is_ok(), "the same nonce is free");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_knows_the_nonces_of_others_and_which_records_are_second_ones() {
    let shared = Shared::new();
    shared.written(Some("m"), "its time is over", NOW - 2 * NONCE_TTL_MS).await;
    let first = shared.written(Some("n"), "first", NOW - 9 * MINUTE).await;
    shared.written(Some("n"), "second", NOW - 9 * MINUTE + 1_500).await;
    shared.written(Some("m"), "as a message of its own", NOW - MINUTE).await;
    shared.written(Some("m"), "second of that", NOW - MINUTE + 300).await;
    let whole = ["its time is over", "first", "as a message of its own"];
    let gateway = Process::start(&shared, GATEWAY).await;
    assert_eq!(gateway.say("n", "a retry").await.map(|accepted| accepted.seq), Ok(first));
    assert_eq!(shared.last(), 5, "nothing was written");
    assert_eq!(gateway.told().await, whole);
    // A persister that goes on from between a message and its second record.
    let persister = Process::start(&shared, PERSIST).await;
    persister.stored(5).await;
    assert_eq!(shared.rows().await, whole);
    assert_eq!(gateway.told().await, whole);
}

#[tokio::test(start_paused = true)]
async fn a_persister_that_goes_on_between_a_message_and_its_second_record_knows_it() {
    let shared = Shared::new();
    shared.written(Some("n"), "first", NOW - 9 * MINUTE).await;
    let persister = Process::start(&shared, PERSIST).await;
    persister.stored(1).await;
    drop(persister);
    shared.written(Some("n"), "second", NOW - MINUTE).await;
    shared.written(Some("n"), "its time is over", NOW + 2 * MINUTE).await;
    let persister = Process::start(&shared, PERSIST).await;
    persister.stored(3).await;
    assert_eq!(shared.rows().await, ["first", "its time is over"]);
}

/// The room's nonces do not go back so far; the log does.
#[tokio::test(start_paused = true)]
async fn a_history_that_the_store_lacks_for_hours_shows_no_second_record() {
    let shared = Shared::new();
    for (minutes, nonce) in [(300, "a"), (299, "a"), (200, "b"), (200, "b"), (100, "a"), (99, "b")] {
        let text = format!("{nonce} {minutes}");
        shared.written(Some(nonce), &text, NOW - minutes * MINUTE).await;
    }
    let gateway = Process::start(&shared, GATEWAY).await;
    let messages = ["a 300", "b 200", "a 100", "b 99"];
    assert_eq!(gateway.told().await, messages);
    assert_eq!(gateway.shown(), [Seq(1), Seq(3), Seq(5), Seq(6)]);
    let page = gateway.history.after(&gateway.room, Seq(1), 2).await.expect("a page");
    assert_eq!(page.iter().map(|m| m.seq).collect::<Vec<_>>(), [Seq(3), Seq(5)]);
    let page = gateway.history.before(&gateway.room, Some(Seq(5)), 10).await.expect("a page");
    assert_eq!(page.iter().map(|m| m.seq).collect::<Vec<_>>(), [Seq(1), Seq(3)]);
}

#[tokio::test(start_paused = true)]
async fn a_viewer_who_comes_from_a_gateway_that_was_ahead_resumes_here() {
    let shared = Shared::new();
    let (a, b) = (Process::start(&shared, GATEWAY).await, Process::start(&shared, GATEWAY).await);
    b.view.hears_up_to(0);
    let last = a.say("n", "hello").await.expect("accepted").seq;
    let (resumed, ()) = tokio::join!(b.history.resume(&b.room, last, 100), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        b.view.sees_up_to(u64::MAX);
    });
    assert!(matches!(resumed, Ok(Resumed::Complete { .. })), "it has all");
    assert!(matches!(b.history.resume(&b.room, Seq(7), 100).await, Ok(Resumed::Ahead)), "no such place");
    b.view.away(true);
    assert!(b.history.resume(&b.room, Seq(7), 100).await.is_err(), "nobody can tell");
}

#[tokio::test(start_paused = true)]
async fn a_message_just_accepted_elsewhere_can_be_answered_here() {
    let shared = Shared::new();
    let (a, b) = (Process::start(&shared, GATEWAY).await, Process::start(&shared, GATEWAY).await);
    b.view.hears_up_to(0);
    let id = a.say("n", "hello").await.expect("accepted").id;
    let (found, ()) = tokio::join!(b.history.message(&b.room, id), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        b.view.sees_up_to(u64::MAX);
    });
    assert_eq!(found.expect("it can be read").map(|logged| logged.message.id), Some(id));
}
