//! A room made at one gateway is a room at all of them, and what becomes of it outlives them.

use crate::support::{Cluster, again, alone, tell, until};
use chat_store::{AccountChange, AccountStore as _};
use client::{Error, Rest, Socket};
use protocol::{
    codes::ErrorCode,
    frames::{LeftReason, ServerFrame},
    rest::NewRoomBody,
};
use std::time::Instant;

const PASSWORD: &str = "a password for the test";
const ROOM: &str = "night";

/// Is it refused because the room is closed? A gateway that is being brought up may say first that it cannot tell.
fn is_archived<T>(answer: Result<T, Error>) -> Option<()> {
    match answer {
        Ok(_) => panic!("the room is closed, and it was accepted"),
        Err(error) => (error.code() == Some(ErrorCode::RoomArchived)).then_some(()),
    }
}

async fn is_open(rest: &Rest) {
    until("the room to be open", async || rest.room(ROOM).await.ok().filter(|room| !room.archived)).await;
}

/// The history, once it has so many messages.
async fn texts(rest: &Rest, count: usize) -> Vec<String> {
    let page = async || rest.latest(ROOM, 100).await.ok().filter(|page| page.messages.len() >= count);
    let page = until("the history", page).await;
    page.messages.into_iter().map(|message| message.text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_made_at_one_gateway_is_a_room_at_all_and_outlives_them() {
    let _alone = alone();
    let cluster = Cluster::shared();
    let [mut a, mut b] = cluster.start(["gateway,persist", "gateway"]);
    let (at_a, at_b) = (Rest::new(a.address()), Rest::new(b.address()));
    let boss = at_a.register("boss", PASSWORD).await.unwrap();
    let change = AccountChange { admin: Some(true), ..AccountChange::default() };
    cluster.store().await.update(boss.user.id, change).await.unwrap();
    let boss = at_a.login("boss", PASSWORD).await.unwrap().access_token;
    let eve = at_a.register("eve", PASSWORD).await.unwrap().access_token;

    let since = Instant::now();
    let body = NewRoomBody {
        slug: ROOM.to_owned(),
        title: "Night shift".to_owned(),
        description: None,
        transformer: "plain".to_owned(),
    };
    at_a.bearer(&boss).create_room(&body).await.unwrap();
    let by_eve = at_a.bearer(&eve);
    until("the ack", async || by_eve.send(ROOM, "one", Some("n1")).await.ok()).await;
    is_open(&at_b).await;
    let made = since.elapsed().as_secs_f64();
    let mut at_b_viewer = Socket::connect(b.address()).await.unwrap();
    let joined = until("the room to be shown", async || at_b_viewer.join(ROOM).await.ok()).await;
    let mut shown: Vec<String> = joined.history.into_iter().map(|message| message.text).collect();
    let by_eve = at_b.bearer(&eve);
    let second = until("the ack", async || by_eve.send(ROOM, "two", Some("n2")).await.ok()).await;
    while shown.len() < 2 {
        let next = at_b_viewer.messages(ROOM, 1).await.unwrap();
        shown.extend(next.into_iter().map(|message| message.text));
    }
    assert_eq!(shown, ["one", "two"]);

    let since = Instant::now();
    at_a.bearer(&boss).archive_room(ROOM).await.unwrap();
    let left = |frame: &ServerFrame| match frame {
        ServerFrame::Left { reason, .. } => Some(*reason),
        _ => None,
    };
    assert_eq!(at_b_viewer.wait_for("left", left).await.unwrap(), Some(LeftReason::Archived));
    let closed = since.elapsed().as_secs_f64();
    for _ in 0..2 {
        for server in [&a, &b] {
            let rest = Rest::new(server.address());
            let by_eve = rest.bearer(&eve);
            until("no", async || is_archived(by_eve.send(ROOM, "three", None).await)).await;
            let mut socket = Socket::connect(server.address()).await.unwrap();
            until("no", async || is_archived(socket.join(ROOM).await)).await;
            assert_eq!(
                texts(&rest.bearer(&boss), 2).await,
                ["one", "two"],
                "what was accepted is so for ever"
            );
        }
        for server in [&mut a, &mut b] {
            server.kill();
            again(server);
        }
    }
    let (at_a, at_b) = (Rest::new(a.address()), Rest::new(b.address()));
    at_a.bearer(&boss).restore_room(ROOM).await.unwrap();
    is_open(&at_b).await;
    let by_eve = at_b.bearer(&eve);
    let repeated = until("the ack", async || by_eve.send(ROOM, "two", Some("n2")).await.ok()).await;
    assert_eq!((repeated.id, repeated.seq), (second.id, second.seq));
    until("the ack", async || by_eve.send(ROOM, "three", Some("n3")).await.ok()).await;
    for rest in [&at_a, &at_b] {
        assert_eq!(texts(rest, 3).await, ["one", "two", "three"]);
    }
    tell(&format!(
        "cluster_rooms: a room made at one gateway was open at the other after {made:.2} s, one that was closed there closed \
         after {closed:.2} s"
    ));
}
