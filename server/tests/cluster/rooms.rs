//! A room that comes while its partition is followed is like one that was there from the start.

use crate::support::{GATEWAY, NOW, PERSIST, Process, Shared};
use chat::{
    moderation::{Act, Person, SettingsChange},
    rooms::{KeptRoom, RoomDefinition, Slug},
    time::Millis,
};
use protocol::{
    frames::Role,
    ids::{Seq, UserId},
};
use server::rooms::{Room, accept::Rejected, moderation::Parties};
use std::{sync::Arc, time::Duration};

fn night(archived: bool) -> KeptRoom {
    let slug: Slug = "night".parse().expect("a slug");
    KeptRoom {
        definition: RoomDefinition {
            id: slug.room_id(),
            slug,
            title: "Night shift".to_owned(),
            description: String::new(),
            transformer: "plain".to_owned(),
            partition: 0,
        },
        archived,
        created_at: Millis(NOW),
    }
}

/// The room, once the process serves it; a minute of simulated time is more than it needs.
async fn served(process: &Process) -> Arc<Room> {
    for _ in 0..6_000 {
        if let Some(room) = process.rooms.get("night") {
            return room;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the room did not come up");
}

fn shown(room: &Room) -> Vec<Seq> {
    room.feed.latest(100).messages.iter().map(server::rooms::feed::Encoded::seq).collect()
}

#[tokio::test(start_paused = true)]
async fn a_room_of_which_one_hears_late_has_its_past_its_rules_and_its_nonces() {
    // What was said before the word came is in the log alone, or in the store as well.
    for stored in [false, true] {
        let shared = Shared::new();
        let (a, b) = (Process::start(&shared, GATEWAY).await, Process::start(&shared, GATEWAY).await);
        let _persister = if stored { Some(Process::start(&shared, PERSIST).await) } else { None };
        a.rooms.take_in(vec![night(false)]);
        let here = served(&a).await;
        let first = a.say_in(&here, "n1", "one").await.expect("accepted");
        let second = a.say_in(&here, "n2", "two").await.expect("accepted");
        let by = Person { id: UserId(1), username: "ada".to_owned() };
        let parties = Parties { by: &by, role: Role::Admin, target: Role::Viewer };
        let emotes = SettingsChange { unique_chat: Some(true), ..SettingsChange::default() };
        here.take(parties, Act::Settings(emotes), None).await.expect("taken");
        let elsewhere = a.say("n1", "in the room that all know").await.expect("accepted");
        b.reached(elsewhere.seq).await;
        if stored {
            b.stored(elsewhere.seq.0).await;
        }
        assert!(b.rooms.get("night").is_none(), "nobody told it");

        b.rooms.take_in(vec![night(false)]);
        let there = served(&b).await;
        assert_eq!(shown(&there), [first.seq, second.seq], "stored: {stored}");
        assert_eq!(b.told_of(&there).await, ["one", "two"]);
        assert!(there.settings().unique_chat);
        assert_eq!(b.say_in(&there, "n1", "one").await, Ok(first), "it knows whose nonce it was");
        let third = b.say_in(&there, "n3", "three").await.expect("accepted");
        here.feed.reached(third.seq).await;
        for room in [&here, &there] {
            assert_eq!(shown(room), [first.seq, second.seq, third.seq]);
        }
        assert_eq!(b.shown(), [elsewhere.seq], "the other room is as it was");
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_closed_answers_for_what_it_accepted_and_takes_no_more() {
    let shared = Shared::new();
    let a = Process::start(&shared, GATEWAY).await;
    a.rooms.take_in(vec![night(false)]);
    let room = served(&a).await;
    let first = a.say_in(&room, "n1", "one").await.expect("accepted");
    let mut closed = a.rooms.closed();
    a.rooms.take_in(vec![night(true)]);
    assert!(closed.has_changed().expect("the directory is there"));
    closed.mark_unchanged();
    assert_eq!(a.say_in(&room, "n1", "one").await, Ok(first));
    assert_eq!(a.say_in(&room, "n2", "two").await, Err(Rejected::Archived));
    a.rooms.take_in(vec![night(true)]);
    assert!(!closed.has_changed().expect("the directory is there"), "told once");
    a.rooms.take_in(vec![night(false)]);
    let second = a.say_in(&room, "n2", "two").await.expect("the refusal left nothing behind");
    room.feed.reached(second.seq).await;
    assert_eq!(shown(&room), [first.seq, second.seq]);
}

#[tokio::test(start_paused = true)]
async fn a_room_comes_to_a_partition_that_sleeps_and_wakes_it_like_any_other() {
    let shared = Shared::new();
    let (a, keep) = (Process::start(&shared, GATEWAY).await, Duration::from_secs(60));
    let _persister = Process::start(&shared, PERSIST).await;
    let lazy = Process::lazy(&shared, GATEWAY, keep).await;
    a.rooms.take_in(vec![night(false)]);
    let here = served(&a).await;
    let first = a.say_in(&here, "n1", "one").await.expect("accepted");
    lazy.rooms.take_in(vec![night(false)]);
    let there = lazy.rooms.get("night").expect("nothing has to be brought up yet");
    assert_eq!(lazy.say_in(&there, "n1", "one").await, Ok(first));
    there.feed.reached(first.seq).await;
    assert_eq!(shown(&there), [first.seq]);
}
