//! A retry makes no second message: the same user, room and nonce get the first answer again.

use crate::support::{Server, refused, say_many, texts, whole_history};
use protocol::codes::ErrorCode;
use server::config::Rate;
use std::collections::HashSet;

#[tokio::test]
async fn the_same_nonce_gets_the_same_ack_and_makes_one_message() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let mut socket = ada.socket().await;
    let first = socket.send_text("quiet", "once", "n").await.unwrap();
    assert_eq!(socket.send_text("quiet", "once", "n").await.unwrap(), first);
    // Whatever the retry says: what was accepted stays.
    assert_eq!(socket.send_text("quiet", "another text", "n").await.unwrap(), first);
    // On another connection, and over REST.
    assert_eq!(ada.socket().await.send_text("quiet", "once", "n").await.unwrap(), first);
    let over_rest = ada.rest.send("quiet", "once", Some("n")).await.unwrap();
    assert_eq!((over_rest.id, over_rest.seq, over_rest.text.as_str()), (first.id, first.seq, "once"));
    assert_eq!(texts(&whole_history(&server.rest(), "quiet").await), ["once"]);
}

#[tokio::test]
async fn rest_first_and_websocket_after_is_one_message_too() {
    let server = Server::durable(|_| {}).await;
    let ada = server.user("ada").await;
    let first = ada.rest.send("quiet", "once", Some("n")).await.unwrap();
    let again = ada.socket().await.send_text("quiet", "once", "n").await.unwrap();
    assert_eq!((again.id, again.seq, again.sent_at), (first.id, first.seq, first.sent_at));
    assert_eq!(texts(&whole_history(&server.rest(), "quiet").await), ["once"]);
    // Without a nonce there is nothing to know a retry by.
    ada.rest.send("quiet", "twice", None).await.unwrap();
    ada.rest.send("quiet", "twice", None).await.unwrap();
    assert_eq!(whole_history(&server.rest(), "quiet").await.len(), 3);
}

#[tokio::test]
async fn a_nonce_holds_after_a_restart() {
    let server = Server::durable(|_| {}).await;
    let ada = server.user("ada").await;
    let mut socket = ada.socket().await;
    let acks = say_many(&mut socket, "quiet", "m", 20).await;
    socket.vanish();
    let server = server.restart(|_| {}).await;
    let mut socket = server.socket().await;
    socket.auth(&ada.access_token).await.expect("the signing secret is kept with the data");
    for first in &acks {
        assert_eq!(socket.send_text("quiet", "again", &first.nonce).await.unwrap(), *first);
    }
    assert_eq!(whole_history(&server.rest(), "quiet").await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_connections_at_once_make_one_message_a_nonce() {
    const NONCES: usize = 40;
    let server = Server::durable(|_| {}).await;
    let ada = server.user("ada").await;
    let mut senders = Vec::new();
    for _ in 0..8 {
        let mut socket = ada.socket().await;
        senders.push(tokio::spawn(async move {
            for i in 0..NONCES {
                socket.submit("quiet", &format!("m-{i}"), &format!("n-{i}")).await.unwrap();
            }
            let mut acks = Vec::new();
            for i in 0..NONCES {
                acks.push(socket.outcome(&format!("n-{i}")).await.unwrap());
            }
            acks
        }));
    }
    let mut answers = Vec::new();
    for sender in senders {
        answers.push(sender.await.unwrap());
    }
    for others in &answers[1..] {
        assert_eq!(*others, answers[0], "all eight hear the same");
    }
    let said = whole_history(&server.rest(), "quiet").await;
    let places: HashSet<_> = answers[0].iter().map(|ack| (ack.seq, ack.id)).collect();
    assert_eq!(said.len(), NONCES);
    assert_eq!(said.iter().map(|m| (m.seq, m.id)).collect::<HashSet<_>>(), places);
}

#[tokio::test]
async fn nonces_belong_to_one_user_and_one_room() {
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let (mut of_ada, mut of_bob) = (ada.socket().await, bob.socket().await);
    let acks = [
        of_ada.send_text("quiet", "of ada", "n").await.unwrap(),
        of_bob.send_text("quiet", "of bob", "n").await.unwrap(),
        of_ada.send_text("busy", "of ada", "n").await.unwrap(),
    ];
    assert_eq!(acks.iter().map(|ack| ack.id).collect::<HashSet<_>>().len(), 3);
    assert_eq!(texts(&whole_history(&server.rest(), "quiet").await), ["of ada", "of bob"]);
    assert_eq!(texts(&whole_history(&server.rest(), "busy").await), ["of ada"]);
}

#[tokio::test]
async fn a_nonce_has_1_to_64_bytes() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let mut socket = ada.socket().await;
    for bad in [String::new(), "x".repeat(65), "é".repeat(33), "x".repeat(5_000)] {
        socket.submit("quiet", "hello", &bad).await.unwrap();
        let refusal = socket.refused().await.unwrap();
        assert_eq!(refusal.code, ErrorCode::ValidationFailed, "{} bytes", bad.len());
        let refusal = refused(ada.rest.send("quiet", "hello", Some(&bad)).await, ErrorCode::ValidationFailed);
        assert_eq!(refusal.errors[0].field, "nonce");
    }
    for good in ["x".to_owned(), "x".repeat(64), "é".repeat(32), " ".to_owned(), "\"\\\u{1}".to_owned()] {
        assert_eq!(socket.send_text("quiet", &good, &good).await.map(|ack| ack.nonce).ok(), {
            // What it is made of is the client's choice; the text of the last one is not.
            if good.trim().is_empty() || good.contains('\u{1}') { None } else { Some(good.clone()) }
        });
        assert_eq!(socket.send_text("quiet", "hello", &good).await.unwrap().nonce, good);
    }
}

#[tokio::test]
async fn who_is_too_fast_still_hears_of_what_was_accepted() {
    let server = Server::with(|config| {
        config.limits.user_messages_per_second = Rate(0.001);
        config.limits.user_message_burst = 1;
    })
    .await;
    let ada = server.user("ada").await;
    let mut socket = ada.socket().await;
    let first = socket.send_text("quiet", "one", "n1").await.unwrap();
    for _ in 0..3 {
        let refusal = refused(socket.send_text("quiet", "two", "n2").await, ErrorCode::RateLimited);
        assert!(refusal.retry_after_ms.is_some_and(|wait| wait > 0));
        assert_eq!(
            socket.send_text("quiet", "one", "n1").await.unwrap(),
            first,
            "the retry is no new message"
        );
    }
    let again = ada.rest.send("quiet", "one", Some("n1")).await.unwrap();
    assert_eq!(again.id, first.id);
    assert_eq!(texts(&whole_history(&server.rest(), "quiet").await), ["one"]);
}

#[tokio::test]
async fn a_refused_message_does_not_use_its_nonce_up() {
    let server = Server::start().await;
    let mut socket = server.user("ada").await.socket().await;
    refused(socket.send_text("quiet", "", "n").await, ErrorCode::MessageEmpty);
    refused(socket.send_text("nowhere", "hello", "n").await, ErrorCode::RoomNotFound);
    socket.send_text("quiet", "hello", "n").await.unwrap();
    assert_eq!(texts(&whole_history(&server.rest(), "quiet").await), ["hello"]);
}
