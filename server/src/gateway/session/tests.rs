//! What one connection may ask, without a socket.

use super::*;
use crate::{auth::Profile, gateway::Options};
use chat::account::Family;
use protocol::ids::UserId;
use std::time::Duration;

const NOW: Millis = Millis(1_000_000);

fn session() -> Session {
    let options = Options {
        compression: true,
        heartbeat: Duration::from_secs(30),
        rooms_per_connection: 2,
        resume_messages_max: 100,
        user_messages_per_second: 2.0,
        shutdown_grace: Duration::from_secs(1),
    };
    let (session, hello) = Session::new(&options, NOW);
    assert!(matches!(hello, ServerFrame::Hello { heartbeat_ms: 30_000, .. }));
    session
}

fn ada(expires_at: u64) -> Identity {
    let user = Profile {
        id: UserId(1),
        username: "ada".into(),
        display_name: "Ada".into(),
        color: "#FF69B4".into(),
        created_at: Millis(0),
        admin: false,
        bot: false,
    };
    Identity { user, family: Family(1), expires_at: Millis(expires_at) }
}

#[track_caller]
fn refused(action: Action) -> (ErrorCode, Option<String>, Option<String>) {
    match action {
        Action::Reply(ServerFrame::Error { code, nonce, room, .. }) => (code, nonce, room),
        other => panic!("{other:?}"),
    }
}

fn send(text: &str, nonce: &str) -> String {
    serde_json::json!({"type": "send", "room": "bestie", "text": text, "nonce": nonce}).to_string()
}

#[test]
fn nobody_anonymous_gets_a_message_in() {
    let mut session = session();
    let (code, nonce, room) = refused(session.on_frame(&send("hi", "c1"), NOW));
    assert_eq!(
        (code, nonce.as_deref(), room.as_deref()),
        (ErrorCode::AnonymousReadOnly, Some("c1"), Some("bestie"))
    );
}

#[test]
fn a_registered_user_sends_what_is_admitted() {
    let mut session = session();
    session.authed(ada(u64::MAX));
    let Action::Submit(submit) = session.on_frame(&send("  hi there ", "c1"), NOW) else {
        panic!("not submitted")
    };
    assert_eq!((submit.text.text(), submit.nonce.as_str(), session.in_flight()), ("hi there", "c1", 1));
    for (text, code) in [
        ("", ErrorCode::MessageEmpty),
        (" \u{200b} ", ErrorCode::MessageEmpty),
        ("a\nb", ErrorCode::ValidationFailed),
        (&"x".repeat(501), ErrorCode::MessageTooLong),
    ] {
        assert_eq!(refused(session.on_frame(&send(text, "c2"), NOW)).0, code, "{text:?}");
    }
    for nonce in ["", &"n".repeat(65)] {
        assert_eq!(refused(session.on_frame(&send("hi", nonce), NOW)).0, ErrorCode::ValidationFailed);
    }
    assert_eq!(session.in_flight(), 1, "refused messages are not under way");
}

#[test]
fn what_waits_for_the_log_is_bounded() {
    let mut session = session();
    session.authed(ada(u64::MAX));
    for n in 0..SENDS_IN_FLIGHT_MAX {
        assert!(matches!(session.on_frame(&send("hi", &n.to_string()), NOW), Action::Submit(_)));
    }
    assert_eq!(refused(session.on_frame(&send("hi", "more"), NOW)).0, ErrorCode::Overloaded);
    session.send_done();
    assert!(matches!(session.on_frame(&send("hi", "more"), NOW), Action::Submit(_)));
}

#[test]
fn joins_are_checked_before_anything_is_read() {
    let mut session = session();
    let join = |more: &str| format!(r#"{{"type":"join","room":"bestie"{more}}}"#);
    let Action::Join(plain) = session.on_frame(&join(""), NOW) else { panic!("no join") };
    assert_eq!((plain.history, plain.resume), (10, None));
    let Action::Join(resumed) = session.on_frame(&join(r#","after":"7","epoch":"e","history":0"#), NOW)
    else {
        panic!("no join")
    };
    assert_eq!((resumed.history, resumed.resume), (0, Some(Resume { after: Seq(7), epoch: "e".into() })));
    for more in [r#","history":101"#, r#","after":"7""#] {
        assert_eq!(refused(session.on_frame(&join(more), NOW)).0, ErrorCode::ValidationFailed);
    }
}

#[test]
fn one_connection_reads_so_many_rooms() {
    let mut session = session();
    session.joined("a".into());
    session.joined("b".into());
    let join = |room: &str| format!(r#"{{"type":"join","room":"{room}"}}"#);
    assert_eq!(refused(session.on_frame(&join("c"), NOW)).0, ErrorCode::RateLimited);
    assert!(matches!(session.on_frame(&join("a"), NOW), Action::Join(_)), "joining again is no further room");
    assert_eq!(session.on_frame(r#"{"type":"leave","room":"a"}"#, NOW), Action::Leave("a".into()));
    assert!(matches!(session.on_frame(&join("c"), NOW), Action::Join(_)));
    assert_eq!(refused(session.on_frame(r#"{"type":"leave","room":"zzz"}"#, NOW)).0, ErrorCode::RoomNotFound);
}

#[test]
fn a_flood_is_refused_and_then_closed_but_patience_is_rewarded() {
    let mut session = session();
    let mut now = NOW;
    let mut answered = 0;
    while refused(session.on_frame("{", now)).0 == ErrorCode::InvalidJson {
        answered += 1;
    }
    assert_eq!(f64::from(answered), CALLS_BURST / REFUSED_COST);
    now = now.plus(100);
    assert_eq!(refused(session.on_frame("{", now)).0, ErrorCode::InvalidJson, "2 calls in 100 ms came back");
    let mut refusals = 0;
    while session.on_frame("{", now) != Action::Close(CloseReason::Policy) {
        refusals += 1;
        assert!(refusals <= EXCESS_MAX, "it must end");
    }
    assert_eq!(refusals, EXCESS_MAX);
}

#[test]
fn a_clock_set_back_gives_nothing_and_breaks_nothing() {
    let mut session = session();
    assert!(matches!(
        session.on_frame(r#"{"type":"ping","id":"x"}"#, Millis(0)),
        Action::Reply(ServerFrame::Pong { .. })
    ));
    assert!(matches!(
        session.on_frame(r#"{"type":"ping","id":"x"}"#, NOW),
        Action::Reply(ServerFrame::Pong { .. })
    ));
}

#[test]
fn a_token_is_over_at_its_last_millisecond() {
    let mut session = session();
    assert!(!session.expired(Millis(u64::MAX)), "anonymous for ever");
    session.authed(ada(5_000));
    assert!(!session.expired(Millis(4_999)));
    assert!(session.expired(Millis(5_000)));
    session.authed(ada(9_000));
    assert!(!session.expired(Millis(5_000)), "renewed");
}
