//! Persisters share the partitions, and the marks of all processes come from the store.

use crate::support::{BOTH, GATEWAY, NOW, P0, PERSIST, Process, Shared};
use chat_store::{Checkpoint, CheckpointStore};
use event_log::EventLog;
use protocol::ids::Seq;
use server::{following, following::PrepareError, persist};
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn a_process_without_persist_writes_nothing_and_learns_how_far_the_others_are() {
    let shared = Shared::new();
    let gateway = Process::start(&shared, GATEWAY).await;
    let last = gateway.say("n", "hello").await.expect("accepted").seq;
    sleep(Duration::from_secs(60)).await;
    assert!(shared.rows().await.is_empty());
    assert_eq!(gateway.marks.stored(P0).0, 0);
    assert_eq!(gateway.told().await, ["hello"], "from the log");
    let persister = Process::start(&shared, PERSIST).await;
    persister.stored(last.0).await;
    gateway.stored(last.0).await;
    assert_eq!(gateway.told().await, ["hello"], "from the store");
    // A checkpoint of another log says nothing, and one that went back takes nothing away.
    for (epoch, offset) in [("another", 99), (shared.log.epoch(P0).expect("it has one").0.as_str(), 0)] {
        let checkpoint = Checkpoint { epoch: epoch.to_owned(), offset };
        shared.store.save("persist", 0, checkpoint).await.expect("it is kept");
        gateway.marks.look(gateway.view.as_ref(), shared.store.as_ref()).await.expect("it can be read");
        assert_eq!(gateway.marks.stored(P0).0, last.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_changes_hands_is_written_on_without_a_hole() {
    let shared = Shared::new();
    let (a, b) = (Process::start(&shared, BOTH).await, Process::start(&shared, BOTH).await);
    let mut said = Vec::new();
    for (round, (holds, idle)) in [(&a, &b), (&b, &a), (&a, &b)].into_iter().enumerate() {
        // For a while both hold it.
        holds.view.share.send_replace(vec![P0]);
        for n in 0..5 {
            let text = format!("{round}-{n}");
            a.say(&text, &text).await.expect("accepted");
            said.push(text);
        }
        idle.view.share.send_replace(Vec::new());
        b.say(&format!("{round}"), &format!("{round}")).await.expect("accepted");
        said.push(format!("{round}"));
        holds.stored(shared.last()).await;
        assert_eq!(shared.rows().await, said);
    }
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_a_slower_process_took_back_is_put_right() {
    let shared = Shared::new();
    let process = Process::start(&shared, BOTH).await;
    let last = process.say("n", "hello").await.expect("accepted").seq;
    process.stored(last.0).await;
    let epoch = shared.log.epoch(P0).expect("it has one").0;
    shared.store.save("persist", 0, Checkpoint { epoch, offset: 0 }).await.expect("it is kept");
    loop {
        sleep(Duration::from_millis(100)).await;
        let checkpoint = shared.store.load("persist", 0).await.expect("it can be read");
        if checkpoint.is_some_and(|checkpoint| checkpoint.offset == last.0) {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_database_lost_when_it_ended_together_with_its_persister_is_written_again() {
    let shared = Shared::new();
    let gateway = Process::start(&shared, GATEWAY).await;
    let persister = Process::start(&shared, PERSIST).await;
    for (text, then) in [("old", 60), ("newer", 20), ("newest", 1)] {
        let last = gateway.say(text, text).await.expect("accepted").seq;
        persister.stored(last.0).await;
        sleep(Duration::from_secs(then)).await;
    }
    // A retry at another gateway, which is no message.
    shared.written(Some("newest"), "newest", NOW).await;
    persister.stored(4).await;
    drop(persister);
    // All rows, so that it is seen which are written again. The checkpoints say what they said.
    chat_store::MessageStore::expire(shared.store.as_ref(), chat::time::Millis(NOW + 1), 100)
        .await
        .expect("the memory engine is there");
    assert!(shared.rows().await.is_empty());
    let later = Process::start(&shared, PERSIST).await;
    while shared.rows().await.len() < 2 {
        sleep(Duration::from_millis(10)).await;
    }
    shared.written(Some("after"), "after", NOW).await;
    later.stored(5).await;
    assert_eq!(shared.rows().await, ["newer", "newest", "after"], "the old one was on the disk long before");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_ahead_of_what_is_heard_of_the_log_is_waited_for_and_at_last_told() {
    let shared = Shared::new();
    let first = Process::start(&shared, BOTH).await;
    for n in 0..3 {
        first.say(&n.to_string(), &format!("m{n}")).await.expect("accepted");
    }
    first.stored(3).await;
    first.view.share.send_replace(Vec::new());
    let view = Process::view(&shared);
    view.hears_up_to(1);
    let mut second = Process::start_with(&shared, view, PERSIST).await.expect("it is not another log");
    sleep(Duration::from_secs(20)).await;
    assert!(second.work.try_join_next().is_none(), "it waits");
    second.view.sees_up_to(u64::MAX);
    first.say("later", "later").await.expect("accepted");
    second.stored(4).await;
    assert_eq!(shared.rows().await, ["m0", "m1", "m2", "later"]);
    // A log that lost its end never comes so far.
    let view = Process::view(&shared);
    view.hears_up_to(1);
    let mut third = Process::start_with(&shared, view, PERSIST).await.expect("it is not another log");
    let (name, why) = third.work.join_next().await.expect("it has work").expect("it does not panic");
    assert_eq!(name, "persisters");
    assert!(why.contains("up to 4, and the log ends at 1"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_store_of_another_log_is_told_at_the_start_whatever_the_role() {
    let shared = Shared::new();
    let another = Checkpoint { epoch: "another".to_owned(), offset: 1 };
    shared.store.save("persist", 0, another).await.expect("it is kept");
    for roles in [GATEWAY, PERSIST, BOTH] {
        let started = Process::start_with(&shared, Process::view(&shared), roles).await;
        assert!(matches!(started, Err(PrepareError::Persist(persist::StartError::OtherLog { .. }))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_with_a_store_far_behind_waits_for_it_and_for_its_own_persister() {
    let shared = Shared::new();
    // Sent long ago, so that they are not among what the ring is filled with from the log.
    for n in 0..100_100 {
        let text = if n < 100_000 { "old" } else { "newer" };
        shared.written(None, text, NOW - 3_600_000).await;
    }
    shared.written(None, "newest", NOW).await;
    let process = Process::start(&shared, BOTH).await;
    assert_eq!(process.shown().len(), 100);
    assert_eq!(process.shown().last(), Some(&Seq(100_101)));
    process.stored(100_101).await;
    // Without any persister it waits on.
    let alone = Shared { store: Default::default(), log: shared.log.clone() };
    let start = Process::start_with(&alone, Process::view(&alone), GATEWAY);
    assert!(tokio::time::timeout(Duration::from_secs(600), start).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn garbage_in_the_log_is_set_aside_by_feed_and_store_and_the_partition_goes_on() {
    let shared = Shared::new();
    let process = Process::start(&shared, BOTH).await;
    let first = process.say("a", "before").await.expect("accepted").seq;
    // Nothing, noise, a version and a kind that nobody knows, a body cut off, more than a record may hold.
    for bytes in [&b""[..], b"\xff\xfe noise", &[9, 1, 2, 3], &[1, 200, 0], &[1, 1, 7], &[1; 65_000]] {
        shared.raw(bytes.to_vec()).await;
    }
    let last = process.say("b", "after").await.expect("accepted").seq;
    assert_eq!(last, Seq(8));
    process.reached(last).await;
    assert_eq!(process.shown(), [first, last]);
    process.stored(last.0).await;
    assert_eq!(shared.rows().await, ["before", "after"]);
    assert_eq!(process.told().await, ["before", "after"]);
    // Also for one that starts and looks back over it.
    let later = Process::start(&shared, BOTH).await;
    assert_eq!(later.shown(), [first, last]);
    assert_eq!(later.say("a", "a retry").await.map(|accepted| accepted.seq), Ok(first));
}

#[tokio::test(start_paused = true)]
async fn a_log_out_of_reach_ends_neither_feed_nor_persister_and_a_closed_one_does() {
    let shared = Shared::new();
    let (mut a, b) = (Process::start(&shared, BOTH).await, Process::start(&shared, GATEWAY).await);
    a.view.away(true);
    let last = b.say("n", "hello").await.expect("accepted").seq;
    sleep(Duration::from_secs(300)).await;
    assert!(a.work.try_join_next().is_none(), "nothing ended");
    assert!(a.shown().is_empty());
    a.view.away(false);
    let back = Instant::now();
    a.reached(last).await;
    assert!(back.elapsed() <= Duration::from_secs(1), "the pauses are bounded (in simulated time)");
    a.stored(last.0).await;
    assert_eq!(shared.rows().await, ["hello"]);
    a.view.close().await;
    let (_, why) = a.work.join_next().await.expect("it has work").expect("it does not panic");
    assert!(why.contains("closed"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn no_process_trims_a_log_that_others_share() {
    let shared = Shared::new();
    let process = Process::start(&shared, BOTH).await;
    let last = process.say("n", "hello").await.expect("accepted").seq;
    process.stored(last.0).await;
    let later = chat::time::Millis(NOW + 1_000_000);
    let trimmed = following::trim(process.view.as_ref(), P0, later, process.marks.stored(P0)).await;
    assert_eq!(trimmed, Ok(()));
    assert_eq!(shared.log.bounds(P0).expect("it is there").first.0, 1);
}
