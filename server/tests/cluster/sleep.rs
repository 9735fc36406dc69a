//! A gateway follows a partition only while somebody reads or writes its rooms there. Nothing of what is promised may
//! depend on whether it did.

use crate::support::{GATEWAY, NOW, PERSIST, Process, Shared};
use chat::moderation::{Act, Person, SettingsChange};
use protocol::{
    frames::Role,
    ids::{Seq, UserId},
};
use server::rooms::{
    accept::Rejected,
    followed::{Stage, WAKE_WAIT_MAX},
    history::Resumed,
    moderation::Parties,
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const KEEP: Duration = Duration::from_secs(60);

async fn until_asleep(process: &Process) {
    while process.room.followed.stage() != Stage::Asleep {
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_is_followed_from_the_first_who_needs_it_until_some_time_after_the_last() {
    let shared = Shared::new();
    let _persister = Process::start(&shared, PERSIST).await;
    let gateway = Process::lazy(&shared, GATEWAY, KEEP).await;
    sleep(KEEP * 3).await;
    assert_eq!(gateway.room.followed.stage(), Stage::Asleep, "nobody needs it");
    // A send wakes it.
    let first = gateway.say("n", "hello").await.expect("accepted");
    assert_eq!((gateway.shown(), gateway.room.followed.stage()), (vec![first.seq], Stage::Live));
    until_asleep(&gateway).await;
    assert!(gateway.shown().is_empty(), "a partition that sleeps costs no memory");
    // A reader wakes it, and it stays awake as long as there is one.
    let reader = gateway.room.feed.subscribe();
    gateway.room.shown().await.expect("the store answers");
    assert_eq!(gateway.shown(), [first.seq]);
    sleep(KEEP * 3).await;
    assert_eq!(gateway.room.followed.stage(), Stage::Live);
    drop(reader);
    let left = Instant::now();
    until_asleep(&gateway).await;
    assert!(left.elapsed() <= KEEP, "of simulated time");
    // Whoever reads the past wakes it too.
    assert_eq!(gateway.told().await, ["hello"]);
    assert_eq!(gateway.room.followed.stage(), Stage::Live);
}

/// Nobody reads or writes there by that.
#[tokio::test(start_paused = true)]
async fn a_room_that_is_looked_at_tells_its_rules_and_sleeps_on() {
    let shared = Shared::new();
    let (a, persister) = (Process::start(&shared, GATEWAY).await, Process::start(&shared, PERSIST).await);
    let by = Person { id: UserId(1), username: "ada".to_owned() };
    let parties = Parties { by: &by, role: Role::Admin, target: Role::Viewer };
    let unique = SettingsChange { unique_chat: Some(true), ..SettingsChange::default() };
    a.room.take(parties, Act::Settings(unique), None).await.expect("taken");
    persister.stored(1).await;
    let gateway = Process::lazy(&shared, GATEWAY, KEEP).await;
    assert!(!gateway.room.settings().unique_chat, "nothing is known here yet");
    let object = gateway.history.object(&gateway.room).await;
    assert_eq!((object.settings.unique_chat, gateway.room.followed.stage()), (true, Stage::Asleep));
}

#[tokio::test(start_paused = true)]
async fn a_nonce_is_one_message_whether_its_partition_slept_in_between_or_not() {
    let shared = Shared::new();
    let _persister = Process::start(&shared, PERSIST).await;
    let (a, b) = (Process::lazy(&shared, GATEWAY, KEEP).await, Process::lazy(&shared, GATEWAY, KEEP).await);
    let first = a.say("n", "hello").await.expect("accepted");
    until_asleep(&a).await;
    for gateway in [&a, &b] {
        assert_eq!(gateway.say("n", "a retry").await, Ok(first));
    }
    assert_eq!(shared.last(), 1, "nothing was written again");
    assert_eq!(b.told().await, ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn sends_to_a_partition_that_sleeps_keep_their_order() {
    let shared = Shared::new();
    let gateway = Process::lazy(&shared, GATEWAY, KEEP).await;
    let nonces: Vec<String> = (0..50).map(|n| format!("n{n}")).collect();
    let sends = nonces.iter().map(|nonce| gateway.say(nonce, "hello"));
    let outcomes = futures_util::future::join_all(sends).await;
    let seqs: Vec<Seq> = outcomes.into_iter().map(|outcome| outcome.expect("accepted").seq).collect();
    assert_eq!(seqs, (1..=50).map(Seq).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_place_that_another_gateway_just_acked_is_known_where_the_partition_slept() {
    let shared = Shared::new();
    let _persister = Process::start(&shared, PERSIST).await;
    let (a, b) = (Process::start(&shared, GATEWAY).await, Process::lazy(&shared, GATEWAY, KEEP).await);
    // Here it is not even heard of yet.
    b.view.hears_up_to(0);
    let first = a.say("n", "hello").await.expect("accepted");
    let (resumed, ()) = tokio::join!(b.history.resume(&b.room, first.seq, 100), async {
        sleep(Duration::from_millis(700)).await;
        b.view.hears_up_to(u64::MAX);
    });
    let Ok(Resumed::Complete { older, snapshot }) = resumed else { panic!("the place is there") };
    assert!(older.is_empty() && snapshot.messages.is_empty(), "and nothing is after it");
    // One that nobody has is told from that once the partition is live.
    let ahead = b.history.resume(&b.room, Seq(99), 100).await;
    assert!(matches!(ahead, Ok(Resumed::Ahead)));
}

#[tokio::test(start_paused = true)]
async fn a_room_is_shown_by_way_of_the_store_until_its_nonces_are_known() {
    let shared = Shared::new();
    let (a, persister) = (Process::start(&shared, GATEWAY).await, Process::start(&shared, PERSIST).await);
    shared.written(Some("n"), "first", NOW - 1_000).await;
    shared.written(Some("n"), "its second record", NOW - 900).await;
    persister.stored(2).await;
    let b = Process::lazy(&shared, GATEWAY, KEEP).await;
    // The log cannot be read here.
    b.view.away(true);
    let _reader = b.room.feed.subscribe();
    b.room.shown().await.expect("the store answers");
    assert_eq!((b.shown(), b.room.followed.stage()), (vec![Seq(1)], Stage::Shown));
    let live = a.say("m", "live").await.expect("accepted");
    let asked = Instant::now();
    b.reached(live.seq).await;
    assert!(asked.elapsed() < Duration::from_secs(2), "of simulated time");
    assert_eq!(b.shown(), [Seq(1), live.seq]);
    // Sends have to wait for the nonces, and do so for a bounded time.
    let asked = Instant::now();
    assert_eq!(b.say("m", "a retry").await, Err(Rejected::Unavailable));
    assert_eq!(asked.elapsed(), WAKE_WAIT_MAX);
    b.view.away(false);
    assert_eq!(b.say("m", "a retry").await, Ok(live));
    let last = b.say("o", "after it").await.expect("accepted");
    b.reached(last.seq).await;
    assert_eq!(b.shown(), [Seq(1), live.seq, last.seq]);
    assert_eq!(b.told().await, ["first", "live", "after it"]);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_lags_behind_its_store_is_not_shown_as_if_it_were_whole() {
    let shared = Shared::new();
    let (a, persister) = (Process::start(&shared, GATEWAY).await, Process::start(&shared, PERSIST).await);
    a.say("n", "hello").await.expect("accepted");
    persister.stored(1).await;
    drop(persister);
    a.say("m", "not in the store").await.expect("accepted");
    let b = Process::lazy(&shared, GATEWAY, KEEP).await;
    b.view.away(true);
    let asked = Instant::now();
    assert!(b.room.shown().await.is_err(), "a join would lack the newest message");
    assert_eq!(asked.elapsed(), WAKE_WAIT_MAX);
    b.view.away(false);
    b.room.shown().await.expect("the log has it");
    assert_eq!(b.shown(), [Seq(1), Seq(2)]);
}
