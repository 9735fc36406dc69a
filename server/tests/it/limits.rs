//! How often and how many: each limit has its error, holds for the right one, and 0 means none.

use crate::support::{Server, keys, refused, same, say_many, texts, whole_history};
use client::{Answer, Call, Error, Options, Rest, Socket};
use protocol::{
    codes::{CloseReason, ErrorCode, ErrorCode::*},
    frames::ServerFrame,
};
use server::config::{Limit, Rate};
use std::net::{IpAddr, Ipv4Addr};

/// An address of this machine.
fn loopback(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

fn from(last: u8) -> Options {
    Options { source: Some(loopback(last)), ..Options::default() }
}

/// It says 429 and when to come again, in the header in whole seconds and in the body in milliseconds.
#[track_caller]
fn too_many(answer: &Answer) {
    let refusal = answer.refusal().unwrap();
    assert_eq!((answer.status.as_u16(), refusal.code), (429, RateLimited));
    let wait = refusal.retry_after_ms.expect("when to come again");
    let header: u64 = answer.header("retry-after").expect("the header").parse().expect("seconds");
    assert!(wait >= 1 && header >= 1 && header * 1_000 >= wait, "{header} s, {wait} ms");
}

#[tokio::test]
async fn a_user_has_one_pace_over_all_connections_and_others_have_theirs() {
    let server = Server::with(|config| {
        config.limits.user_messages_per_second = Rate(0.01);
        config.limits.user_message_burst = 3;
    })
    .await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let (mut one, mut two) = (ada.socket().await, ada.socket().await);
    one.send_text("quiet", "1", "1").await.unwrap();
    two.send_text("busy", "2", "2").await.unwrap();
    ada.rest.send("quiet", "3", None).await.unwrap();
    for socket in [&mut one, &mut two] {
        let refusal = refused(socket.send_text("quiet", "4", "4").await, RateLimited);
        assert!(refusal.retry_after_ms.is_some_and(|wait| (1..=100_000).contains(&wait)), "{refusal:?}");
        assert_eq!((refusal.nonce.as_deref(), refusal.room.as_deref()), (Some("4"), Some("quiet")));
    }
    too_many(&ada.rest.call(Call::post("/api/v1/rooms/quiet/messages", r#"{"text":"4"}"#)).await.unwrap());
    for i in 0..3 {
        bob.rest.send("quiet", &format!("of bob {i}"), None).await.unwrap();
    }
    let hello = server.socket_with(Options::default()).await.unwrap().recv().await.unwrap();
    let ServerFrame::Hello { limits, .. } = hello else { panic!("{hello:?}") };
    assert!((limits.user_messages_per_second - 0.01).abs() < 1e-9);
    assert_eq!(
        texts(&whole_history(&server.rest(), "quiet").await),
        ["1", "3", "of bob 0", "of bob 1", "of bob 2"]
    );
}

#[tokio::test]
async fn an_address_makes_so_many_accounts_and_a_forged_header_makes_no_other_address() {
    let server = Server::with(|config| config.limits.registrations_per_address_per_hour = Limit(2)).await;
    let here = server.rest();
    here.register("ada", "seven purple walruses").await.unwrap();
    here.register("bob", "seven purple walruses").await.unwrap();
    let body = |name: &str| format!(r#"{{"username":"{name}","password":"seven purple walruses"}}"#);
    let register = |name: &str| Call::post("/api/v1/auth/register", body(name));
    too_many(&here.call(register("carol")).await.unwrap());
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-for", "203.0.113.9, 198.51.100.7"),
        ("forwarded", "for=203.0.113.9"),
        ("x-real-ip", "203.0.113.9"),
        ("cf-connecting-ip", "203.0.113.9"),
        ("true-client-ip", "203.0.113.9"),
    ] {
        too_many(&here.call(register("carol").header(name, value)).await.unwrap());
    }
    // What is refused for its form does not count against the address, and the limit is not its answer.
    let elsewhere = server.rest().from_source(loopback(2));
    refused(elsewhere.register("no name", "x").await, ValidationFailed);
    elsewhere.register("carol", "seven purple walruses").await.unwrap();
}

#[tokio::test]
async fn one_proxy_in_front_is_believed_for_one_entry() {
    let server = Server::with(|config| {
        config.server.trusted_proxies = 1;
        config.limits.registrations_per_address_per_hour = Limit(1);
    })
    .await;
    let rest = server.rest();
    let register = |name: &str, seen: &str| {
        let body = format!(r#"{{"username":"{name}","password":"seven purple walruses"}}"#);
        Call::post("/api/v1/auth/register", body).header("x-forwarded-for", seen)
    };
    assert_eq!(rest.call(register("ada", "203.0.113.1")).await.unwrap().status, 201);
    too_many(&rest.call(register("bob", "203.0.113.1")).await.unwrap());
    too_many(&rest.call(register("bob", "198.51.100.99, 203.0.113.1")).await.unwrap());
    assert_eq!(rest.call(register("bob", "203.0.113.1, 203.0.113.2")).await.unwrap().status, 201);
}

#[tokio::test]
async fn passwords_are_tried_so_often_from_an_address() {
    let server = Server::with(|config| config.limits.logins_per_address_per_minute = Limit(3)).await;
    server.user("ada").await;
    let here = server.rest();
    for _ in 0..3 {
        refused(here.login("ada", "not the password").await, InvalidCredentials);
    }
    let body = r#"{"username":"ada","password":"seven purple walruses"}"#;
    too_many(&here.call(Call::post("/api/v1/auth/login", body)).await.unwrap());
    let elsewhere = server.rest().from_source(loopback(2));
    elsewhere.login("ada", "seven purple walruses").await.expect("a stranger does not lock the owner out");
}

#[tokio::test]
async fn previews_and_calls_have_a_pace_by_address() {
    let server = Server::with(|config| config.limits.previews_per_address_per_second = Limit(5)).await;
    let preview = |rest: Rest| async move {
        let mut answers = Vec::new();
        for _ in 0..60 {
            answers.push(rest.call(Call::post("/api/v1/preview", r#"{"text":"hi"}"#)).await.unwrap());
        }
        answers
    };
    let answers = preview(server.rest()).await;
    assert!(answers[..5].iter().all(|a| a.status == 200), "five a second are anyone's right");
    let refused: Vec<&Answer> = answers.iter().filter(|a| a.status != 200).collect();
    assert!(!refused.is_empty(), "60 at once are more than 5 a second");
    refused.iter().for_each(|answer| too_many(answer));
    assert!(preview(server.rest().from_source(loopback(2))).await[..5].iter().all(|a| a.status == 200));

    let server = Server::with(|config| config.limits.requests_per_address_per_second = Limit(2)).await;
    let rest = server.rest();
    let mut limited = 0;
    for _ in 0..100 {
        let answer = rest.call(Call::get("/api/v1/rooms")).await.unwrap();
        if answer.status != 200 {
            too_many(&answer);
            limited += 1;
        }
    }
    assert!(limited > 0);
    assert_eq!(rest.call(Call::get("/healthz")).await.unwrap().status, 200, "what watches it is not held up");
}

/// The connection is opened and closed again with this reason.
async fn full(server: &Server, options: Options, reason: CloseReason) {
    let mut socket =
        Socket::open(server.address, options).await.expect("the handshake succeeds, so browsers can tell");
    let closed = socket.closed().await.unwrap();
    assert_eq!((closed.code, closed.reason.as_str()), (Some(reason.code()), reason.text()));
}

/// Connects as soon as there is room again; a place is given back when the server has seen the end.
async fn connect_when_free(server: &Server, options: Options) -> Socket {
    for _ in 0..10_000 {
        match server.socket_with(options.clone()).await {
            Ok(socket) => return socket,
            Err(Error::Closed { .. }) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the place was never given back");
}

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let server = Server::with(|config| config.limits.connections_per_address = Limit(2)).await;
    let (one, mut two) =
        (server.socket_with(from(1)).await.unwrap(), server.socket_with(from(1)).await.unwrap());
    full(&server, from(1), CloseReason::TooManyConnections).await;
    let forged =
        Options { headers: vec![("x-forwarded-for".to_owned(), "203.0.113.9".to_owned())], ..from(1) };
    full(&server, forged, CloseReason::TooManyConnections).await;
    server.socket_with(from(2)).await.expect("another address");
    two.ping("still here").await.unwrap();
    one.vanish();
    connect_when_free(&server, from(1)).await;
}

#[tokio::test]
async fn the_process_has_so_many_connections() {
    let server = Server::with(|config| config.limits.connections = Limit(3)).await;
    let mut sockets = Vec::new();
    for last in 1..=3 {
        sockets.push(server.socket_with(from(last)).await.unwrap());
    }
    full(&server, from(4), CloseReason::TryLater).await;
    sockets.remove(0).close().await.unwrap();
    connect_when_free(&server, from(4)).await;
    sockets[0].ping("still here").await.unwrap();
}

#[tokio::test]
async fn a_connection_reads_so_many_rooms() {
    let server = Server::with(|config| config.limits.rooms_per_connection = Limit(2)).await;
    let mut socket = server.socket().await;
    socket.join("quiet").await.unwrap();
    socket.join("busy").await.unwrap();
    socket.join("busy").await.expect("a room that is read already is no third");
    let refusal = refused(socket.join("alone").await, RateLimited);
    assert_eq!(refusal.room.as_deref(), Some("alone"));
    socket.send_raw(r#"{"type":"leave","room":"busy"}"#).await.unwrap();
    socket.join("alone").await.unwrap();
}

async fn flooded_until_closed(server: &Server, frame: &str, codes: &[ErrorCode]) {
    let mut reader = server.socket().await;
    reader.join("alone").await.unwrap();
    let mut writer = server.user("bystander").await.socket().await;
    let mut flood = server.socket().await;
    // It may be closed while we still write.
    for _ in 0..5_000 {
        if flood.send_raw(frame).await.is_err() {
            break;
        }
    }
    let closed = flood.closed().await.unwrap();
    let reason = CloseReason::Policy;
    // A close frame can be lost behind what we wrote into the closed connection; the end itself cannot.
    assert!(closed.code.is_none_or(|code| code == reason.code()), "{closed}");
    let answers = flood.take_kept();
    assert!(!answers.is_empty() && answers.len() < 1_000, "{} answers", answers.len());
    for answer in answers {
        let ServerFrame::Error { code, retry_after_ms, .. } = answer else { panic!("{answer:?}") };
        assert!(codes.contains(&code), "{code:?}");
        assert_eq!(code == RateLimited, retry_after_ms.is_some());
    }
    writer.send_text("alone", "nobody noticed", "n").await.unwrap();
    assert_eq!(texts(&reader.messages("alone", 1).await.unwrap()), ["nobody noticed"]);
}

#[tokio::test]
async fn a_flood_of_frames_that_are_none_ends_as_abuse() {
    flooded_until_closed(&Server::start().await, "{", &[InvalidJson, RateLimited]).await;
}

#[tokio::test]
async fn a_flood_of_sends_without_an_account_ends_as_abuse() {
    let frame = r#"{"type":"send","room":"alone","text":"x","nonce":"n"}"#;
    flooded_until_closed(&Server::start().await, frame, &[AnonymousReadOnly, RateLimited]).await;
}

#[tokio::test]
async fn the_end_of_an_abuse_has_its_close_code() {
    let server = Server::start().await;
    let mut socket = server.socket().await;
    // 100 are allowed at once and 100 above them are answered; the rest is for a machine so slow that some come back.
    for _ in 0..400 {
        socket.send_raw("{").await.unwrap();
    }
    let closed = socket.closed().await.unwrap();
    let reason = CloseReason::Policy;
    assert_eq!((closed.code, closed.reason.as_str()), (Some(reason.code()), reason.text()));
    let answers = socket.take_kept().len();
    assert!((200..400).contains(&answers), "{answers} answers: one mistake, or a hundred, is no abuse");
}

#[tokio::test]
async fn a_user_above_the_pace_is_refused_for_ever_and_never_cut_off_for_being_keen() {
    let server = Server::with(|config| {
        config.limits.user_messages_per_second = Rate(0.001);
        config.limits.user_message_burst = 1;
    })
    .await;
    let mut socket = server.user("ada").await.socket().await;
    socket.send_text("quiet", "one", "0").await.unwrap();
    for i in 1..=50 {
        refused(socket.send_text("quiet", "more", &i.to_string()).await, RateLimited);
    }
    socket.ping("still here").await.unwrap();
}

#[tokio::test]
async fn every_send_is_answered_however_many_are_under_way() {
    // A few above the 1,024 that `hello` tells; far above them is abuse.
    const COUNT: usize = 1_100;
    let server = Server::durable(|_| {}).await;
    let mut socket = server.user("ada").await.socket().await;
    let mut accepted = Vec::new();
    for i in 0..COUNT {
        socket.submit("quiet", &format!("m-{i}"), &format!("m-{i}")).await.unwrap();
    }
    for i in 0..COUNT {
        match socket.outcome(&format!("m-{i}")).await {
            Ok(ack) => accepted.push((ack.seq, ack.id, ack.nonce)),
            Err(Error::Refused(refusal)) => {
                assert!(matches!(refusal.code, Overloaded | RateLimited), "{refusal}");
                assert!(refusal.retry_after_ms.is_some(), "{refusal}");
            }
            Err(other) => panic!("m-{i}: {other}"),
        }
    }
    assert!(accepted.len() >= 1_000, "{} accepted", accepted.len());
    same(&keys(&whole_history(&server.rest(), "quiet").await), &accepted, "what was acked is what is there");
}

#[tokio::test]
async fn zero_means_no_limit() {
    let server = Server::start().await;
    let mut socket = server.user("ada").await.socket().await;
    assert_eq!(say_many(&mut socket, "quiet", "m", 500).await.len(), 500);
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(server.socket().await);
    }
    for room in ["bestie", "ohio", "quiet", "busy", "alone"] {
        sockets[0].join(room).await.unwrap();
    }
    let rest = server.rest();
    for _ in 0..200 {
        rest.preview("quiet", "hi").await.unwrap();
    }
    for i in 0..25 {
        refused(rest.register(&format!("user{i}"), "short").await, ValidationFailed);
        refused(rest.login("nobody", "x".repeat(2_000).as_str()).await, InvalidCredentials);
    }
}
