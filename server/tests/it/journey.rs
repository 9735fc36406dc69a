//! The main journey: people write, everyone reads, whoever comes later sees what was said.

use crate::support::{Server, keys, messages_in, refused, same, say_many, texts, whole_history};
use protocol::{codes::ErrorCode, ids::Seq, objects::FrameMessage};

const HI_THERE: &str = "Hey bestie! ✨💅  Fr fr, hi bestie!  No cap, slayyy.  Busssin.  🤪";

#[tokio::test]
async fn hi_there_in_bestie_reaches_everyone_exactly() {
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let (mut of_ada, mut of_bob, mut reader) =
        (ada.socket().await, bob.socket().await, server.socket().await);
    for socket in [&mut of_ada, &mut of_bob, &mut reader] {
        let joined = socket.join("bestie").await.unwrap();
        assert_eq!((joined.history.len(), joined.recovered, joined.reason), (0, None, None));
    }
    let ack = of_ada.send_text("bestie", "hi there", "c1").await.unwrap();
    assert_eq!(ack.nonce, "c1");
    for socket in [&mut of_ada, &mut of_bob, &mut reader] {
        let messages = socket.messages("bestie", 1).await.unwrap();
        let [message] = messages.as_slice() else { panic!("one message: {messages:?}") };
        assert_eq!(message.text, HI_THERE);
        assert_eq!((message.id, message.seq, message.sent_at), (ack.id, ack.seq, ack.sent_at));
        assert_eq!((message.user.id, message.user.username.as_str()), (ada.id, "ada"));
        assert!(message.styled);
    }
    let page = server.rest().latest("bestie", 10).await.unwrap();
    assert_eq!(texts(&page.messages), [HI_THERE]);
    // Nothing more came: one message is one message.
    for socket in [&mut of_ada, &mut of_bob, &mut reader] {
        socket.ping("end").await.unwrap();
        assert_eq!(messages_in(socket.take_kept()), []);
    }
}

#[tokio::test]
async fn whoever_has_no_account_reads_along_and_cannot_write() {
    let server = Server::start().await;
    let mut writer = server.user("ada").await.socket().await;
    let mut reader = server.socket().await;
    reader.join("quiet").await.unwrap();
    let refusal = refused(reader.send_text("quiet", "me too", "n").await, ErrorCode::AnonymousReadOnly);
    assert_eq!((refusal.nonce.as_deref(), refusal.room.as_deref()), (Some("n"), Some("quiet")));
    let refusal = refused(server.rest().send("quiet", "me too", None).await, ErrorCode::AnonymousReadOnly);
    assert_eq!(refusal.status, Some(403));
    writer.send_text("quiet", "hello", "n").await.unwrap();
    assert_eq!(texts(&reader.messages("quiet", 1).await.unwrap()), ["hello"]);
    assert_eq!(texts(&whole_history(&server.rest(), "quiet").await), ["hello"]);
}

#[tokio::test]
async fn whoever_joins_later_sees_the_last_ten_oldest_first() {
    let server = Server::start().await;
    let mut writer = server.user("ada").await.socket().await;
    say_many(&mut writer, "quiet", "m", 13).await;
    let joined = server.socket().await.join("quiet").await.unwrap();
    let expected: Vec<String> = (3..13).map(|i| format!("m-{i}")).collect();
    assert_eq!(texts(&joined.history), expected);
    assert_eq!(joined.seq, joined.history[9].seq);
}

#[tokio::test]
async fn history_takes_0_to_100_and_no_more() {
    let server = Server::start().await;
    let mut writer = server.user("ada").await.socket().await;
    say_many(&mut writer, "quiet", "m", 120).await;
    for wanted in [0, 1, 2, 99, 100] {
        let joined = server.socket().await.join_with_history("quiet", wanted).await.unwrap();
        let expected: Vec<String> = (120 - wanted..120).map(|i| format!("m-{i}")).collect();
        assert_eq!(texts(&joined.history), expected, "{wanted}");
    }
    let mut socket = server.socket().await;
    refused(socket.join_with_history("quiet", 101).await, ErrorCode::ValidationFailed);
    socket.join("quiet").await.expect("the connection is as good as before");
}

#[tokio::test]
async fn pages_back_and_forth_have_no_hole_and_nothing_twice() {
    let server = Server::durable(|_| {}).await;
    let ada = server.user("ada").await;
    let (mut here, mut there) = (ada.socket().await, ada.socket().await);
    // Two rooms of one partition take turns, so there are gaps between the places of each.
    for i in 0..57 {
        let name = format!("m-{i}");
        here.send_text("quiet", &name, &name).await.unwrap();
        there.send_text("busy", "other", &name).await.unwrap();
    }
    let expected: Vec<String> = (0..57).map(|i| format!("m-{i}")).collect();
    for limit in [1, 7, 10, 56, 57, 58, 100] {
        let rest = server.rest();
        let mut forth = Vec::new();
        let mut after = Some(Seq(0));
        while let Some(place) = after {
            let page = rest.after("quiet", place, limit).await.unwrap();
            assert!(page.messages.len() <= limit as usize);
            forth.extend(page.messages);
            after = page.next_after;
        }
        assert_eq!(texts(&forth), expected, "forth by {limit}");

        let newest = rest.latest("quiet", limit).await.unwrap();
        let (mut back, mut before) = (newest.messages, newest.next_before);
        assert_eq!(newest.next_after, None);
        while let Some(place) = before {
            let page = rest.before("quiet", place, limit).await.unwrap();
            back.splice(0..0, page.messages);
            before = page.next_before;
        }
        assert_eq!(keys(&back), keys(&forth), "back by {limit}");
    }
    let beyond = server.rest().after("quiet", Seq(u64::MAX), 10).await.unwrap();
    assert_eq!((beyond.messages.len(), beyond.next_after), (0, None));
    let nothing = server.rest().before("quiet", Seq(0), 10).await.unwrap();
    assert_eq!((nothing.messages.len(), nothing.next_before), (0, None));
    let all = server.rest().before("quiet", Seq(u64::MAX), 100).await.unwrap();
    assert_eq!(texts(&all.messages), expected);
}

#[tokio::test]
async fn a_message_sent_over_rest_is_201_and_the_same_for_everyone() {
    let server = Server::durable(|_| {}).await;
    let ada = server.user("ada").await;
    let mut reader = server.socket().await;
    reader.join("bestie").await.unwrap();
    let body = r#"{"text":"hi there","nonce":"c1"}"#;
    let call = client::Call::post("/api/v1/rooms/bestie/messages", body);
    let answer = ada.rest.call(call).await.unwrap();
    assert_eq!(answer.status, 201);
    let sent: protocol::objects::Message = answer.json().unwrap();
    assert_eq!((sent.text.as_str(), sent.room.as_str()), (HI_THERE, "bestie"));
    // Over REST every field is there, at its default too.
    let raw: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    for field in ["emotes", "mentions", "reply_to", "action", "styled", "room"] {
        assert!(raw.get(field).is_some(), "{field}: {raw}");
    }
    let live = reader.messages("bestie", 1).await.unwrap();
    assert_eq!(live, [FrameMessage::from(sent.clone())]);
    assert_eq!(whole_history(&server.rest(), "bestie").await, [sent]);
}

#[tokio::test]
async fn what_was_typed_is_for_its_author_alone() {
    let server = Server::durable(|_| {}).await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let sent = ada.rest.send("bestie", "hi there", None).await.unwrap();
    assert_eq!(ada.rest.original("bestie", sent.id).await.unwrap(), "hi there");
    refused(bob.rest.original("bestie", sent.id).await, ErrorCode::Forbidden);
    let refusal = refused(server.rest().original("bestie", sent.id).await, ErrorCode::Unauthorized);
    assert_eq!(refusal.status, Some(401));
    refused(ada.rest.original("ohio", sent.id).await, ErrorCode::MessageNotFound);
    let nobody = "00000000-0000-7000-8000-000000000000".parse().unwrap();
    refused(ada.rest.original("bestie", nobody).await, ErrorCode::MessageNotFound);
    let no_id: Result<serde_json::Value, _> = ada.rest.get("/rooms/bestie/messages/no-id/original").await;
    refused(no_id, ErrorCode::MessageNotFound);
}

#[tokio::test]
async fn everyone_sees_the_same_order_and_acks_say_the_place_in_it() {
    let server = Server::start().await;
    let mut readers = Vec::new();
    for _ in 0..3 {
        let mut reader = server.socket().await;
        reader.join("busy").await.unwrap();
        readers.push(reader);
    }
    let mut writers = Vec::new();
    for w in 0..4 {
        let mut socket = server.user(&format!("writer{w}")).await.socket().await;
        writers.push(tokio::spawn(async move { say_many(&mut socket, "busy", &format!("w{w}"), 100).await }));
    }
    let mut acked = Vec::new();
    for writer in writers {
        acked.extend(writer.await.unwrap().into_iter().map(|ack| (ack.seq, ack.id, ack.nonce)));
    }
    acked.sort_unstable();
    assert!(acked.windows(2).all(|pair| pair[0].0 < pair[1].0), "one place, one message");
    for mut reader in readers {
        same(&keys(&reader.messages("busy", 400).await.unwrap()), &acked, "live");
    }
    same(&keys(&whole_history(&server.rest(), "busy").await), &acked, "history");
    // Each writer's own messages stand in the order in which they were said.
    for w in 0..4 {
        let own = acked.iter().map(|(_, _, text)| text.as_str());
        let own: Vec<&str> = own.filter(|text| text.starts_with(&format!("w{w}-"))).collect();
        assert_eq!(own, (0..100).map(|i| format!("w{w}-{i}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_answer_quotes_what_it_answers() {
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let first = ada.rest.send("quiet", "who is there?", None).await.unwrap();
    let answer = bob.rest.reply("quiet", "me, @ada", first.id).await.unwrap();
    let quoted = answer.reply_to.expect("an answer");
    assert_eq!((quoted.id, quoted.username.as_str()), (first.id, "ada"));
    assert_eq!(quoted.excerpt, "who is there?");
    assert_eq!(answer.mentions, ["ada"]);
    refused(bob.rest.reply("busy", "wrong room", first.id).await, ErrorCode::MessageNotFound);
    let waved = ada.rest.send("quiet", "/me waves", None).await.unwrap();
    assert_eq!((waved.action, waved.text.as_str()), (true, "waves"));
}

#[tokio::test]
async fn a_preview_shows_what_each_room_would_make_of_it() {
    let server = Server::start().await;
    let rest = server.rest();
    assert_eq!(rest.preview("bestie", "hi there").await.unwrap(), HI_THERE);
    let all = rest.previews("hi there").await.unwrap().rooms;
    assert_eq!(all.keys().collect::<Vec<_>>(), ["alone", "bestie", "busy", "ohio", "quiet"]);
    assert_eq!((all["bestie"].as_str(), all["quiet"].as_str()), (HI_THERE, "hi there"));
    assert_ne!(all["ohio"], "hi there");
    assert_eq!(whole_history(&rest, "bestie").await, [], "nobody said it");
    refused(rest.preview("bestie", " ").await, ErrorCode::MessageEmpty);
    refused(rest.preview("nowhere", "hi").await, ErrorCode::RoomNotFound);
}

#[tokio::test]
async fn who_left_a_room_hears_nothing_of_it_and_can_come_back() {
    let server = Server::start().await;
    let mut writer = server.user("ada").await.socket().await;
    let mut reader = server.socket().await;
    reader.join("quiet").await.unwrap();
    reader.join("busy").await.unwrap();
    reader.send_raw(r#"{"type":"leave","room":"quiet"}"#).await.unwrap();
    let left = |frame: &protocol::frames::ServerFrame| {
        matches!(frame, protocol::frames::ServerFrame::Left { room, .. } if room == "quiet").then_some(())
    };
    reader.wait_for("left", left).await.unwrap();
    writer.send_text("quiet", "one", "1").await.unwrap();
    writer.send_text("busy", "two", "2").await.unwrap();
    assert_eq!(texts(&reader.messages("busy", 1).await.unwrap()), ["two"]);
    assert_eq!(messages_in(reader.take_kept()), [], "nothing of the room that was left");
    // Joining again, also twice, starts over and doubles nothing.
    for _ in 0..2 {
        assert_eq!(texts(&reader.join("quiet").await.unwrap().history), ["one"]);
    }
    writer.send_text("quiet", "three", "3").await.unwrap();
    assert_eq!(texts(&reader.messages("quiet", 1).await.unwrap()), ["three"]);
    reader.ping("end").await.unwrap();
    assert_eq!(messages_in(reader.take_kept()), []);
}
