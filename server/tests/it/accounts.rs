//! Accounts and sessions: who may be whom, and when a session is over everywhere.

use crate::support::{PASSWORD, Server, User, refused, socket};
use client::{Answer, Call, Socket};
use protocol::{
    codes::{CloseReason, ErrorCode},
    rest::ProfileBody,
};

async fn ends_as_revoked(mut socket: Socket) {
    let closed = socket.closed().await.unwrap();
    let reason = CloseReason::SessionOver;
    assert_eq!((closed.code, closed.reason.as_str()), (Some(reason.code()), reason.text()));
}

#[tokio::test]
async fn registering_makes_an_account_that_can_write_at_once() {
    let server = Server::start().await;
    let answer = server.rest().register("Ada_99", PASSWORD).await.unwrap();
    let user = &answer.user;
    assert_eq!((user.username.as_str(), user.display_name.as_str()), ("ada_99", "Ada_99"));
    assert!(user.color.len() == 7 && user.color.starts_with('#'), "{}", user.color);
    assert_eq!((answer.token_type.as_str(), answer.expires_in), ("Bearer", 15 * 60));
    let rest = server.rest().bearer(&answer.access_token);
    assert_eq!(rest.me().await.unwrap(), *user);
    let message = rest.send("quiet", "hello", None).await.unwrap();
    assert_eq!((message.user.id, message.user.display_name.as_str()), (user.id, "Ada_99"));
    let mut socket = server.socket().await;
    let (authed, expires_at) = socket.auth(&answer.access_token).await.unwrap();
    assert_eq!(authed, *user);
    assert!(expires_at >= user.created_at + 14 * 60_000, "{expires_at}");
    // Logged in, the name may be typed in any case.
    assert_eq!(server.rest().login("ADA_99", PASSWORD).await.unwrap().user, *user);
}

#[tokio::test]
async fn a_name_is_taken_once_whatever_its_case_and_however_many_ask_at_once() {
    let server = Server::durable(|_| {}).await;
    let (one, two) = (server.rest(), server.rest());
    let (first, second) = tokio::join!(one.register("ada", PASSWORD), two.register("ADA", PASSWORD));
    let (made, taken) = if first.is_ok() { (first, second) } else { (second, first) };
    assert_eq!(made.unwrap().user.username, "ada");
    let refusal = refused(taken, ErrorCode::UsernameTaken);
    assert_eq!(refusal.status, Some(409));
    refused(server.rest().register("Ada", "another good phrase").await, ErrorCode::UsernameTaken);
}

#[tokio::test]
async fn names_and_passwords_that_will_not_do_are_refused_by_field() {
    let server = Server::start().await;
    let rest = server.rest();
    for (name, code) in [
        ("", "too_short"),
        ("ab", "too_short"),
        ("abcdefghijklmnopqrstuvwxyz", "too_long"),
        ("ada lovelace", "bad_character"),
        (" ada", "bad_character"),
        ("ada\n", "bad_character"),
        ("ada-l", "bad_character"),
        ("ada.l", "bad_character"),
        ("@ada", "bad_character"),
        ("ada\u{0}", "bad_character"),
        ("аdа", "bad_character"),
        ("ádám", "bad_character"),
        ("ａｄａ", "bad_character"),
        ("\u{212a}elvin", "bad_character"),
        ("小明小明", "bad_character"),
        ("ada😀", "bad_character"),
        ("___", "bad_character"),
        ("admin", "reserved"),
        ("Admin", "reserved"),
        ("_mod_", "reserved"),
        ("justinfan123", "reserved"),
        ("bestie", "reserved"),
        ("quiet", "reserved"),
    ] {
        let refusal = refused(rest.register(name, PASSWORD).await, ErrorCode::ValidationFailed);
        assert_eq!(refusal.status, Some(422));
        assert_eq!(
            (refusal.errors[0].field.as_str(), refusal.errors[0].code.as_str()),
            ("username", code),
            "{name:?}"
        );
    }
    for (password, code) in [
        ("", "too_short"),
        ("1234567", "too_short"),
        ("dragon12", "too_common"),
        ("aaaaaaaaaaaa", "too_common"),
        ("lovelace1", "contains_username"),
        (&"x1".repeat(513), "too_long"),
    ] {
        let refusal = refused(rest.register("lovelace", password).await, ErrorCode::ValidationFailed);
        assert_eq!((refusal.errors[0].field.as_str(), refusal.errors[0].code.as_str()), ("password", code));
        assert!(
            password.is_empty() || !format!("{refusal:?}").contains(password),
            "no answer repeats a password"
        );
    }
    // All that is wrong, in one answer.
    let refusal = refused(rest.register("a b", "short").await, ErrorCode::ValidationFailed);
    let fields: Vec<&str> = refusal.errors.iter().map(|e| e.field.as_str()).collect();
    assert_eq!(fields, ["username", "password"]);
    for name in ["abc", "abcdefghijklmnopqrstuvwxy", "a_1", "0ada"] {
        rest.register(name, PASSWORD).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let other_letters = r#"{"username":"grace","password":"seven purple walruses","display_name":"Hopper"}"#;
    let refusal =
        rest.call(Call::post("/api/v1/auth/register", other_letters)).await.unwrap().refusal().unwrap();
    assert_eq!(
        (refusal.errors[0].field.as_str(), refusal.errors[0].code.as_str()),
        ("display_name", "mismatch")
    );
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let server = Server::start().await;
    server.user("ada").await;
    let login = async |name: &str, password: &str| -> Answer {
        let body = format!(r#"{{"username":"{name}","password":"{password}"}}"#);
        server.rest().call(Call::post("/api/v1/auth/login", body)).await.unwrap()
    };
    let wrong = login("ada", "not the password").await;
    assert_eq!((wrong.status.as_u16(), wrong.refusal().unwrap().code), (401, ErrorCode::InvalidCredentials));
    for (name, password) in
        [("nobody", PASSWORD), ("no such name", PASSWORD), ("", ""), ("ada", ""), ("ad", PASSWORD)]
    {
        let other = login(name, password).await;
        assert_eq!((other.status, other.text()), (wrong.status, wrong.text()), "{name:?}");
    }
    let too_long = login("ada", &"x".repeat(2_000)).await;
    assert_eq!((too_long.status, too_long.text()), (wrong.status, wrong.text()));
    assert_eq!(login("ada", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_is_spent_once_and_used_again_ends_the_session() {
    let server = Server::durable(|_| {}).await;
    let first = server.user("ada").await;
    let other_session = User::login(server.address, "ada").await;
    let (of_first, of_other) = (first.socket().await, other_session.socket().await);
    let second = server.rest().refresh(&first.refresh_token).await.unwrap();
    assert_ne!(second.refresh_token, first.refresh_token);
    let third = server.rest().refresh(&second.refresh_token).await.unwrap();
    let third_rest = server.rest().bearer(&third.access_token);
    third_rest.me().await.unwrap();

    // Somebody has a copy of a spent one: everything of that session ends, the newest tokens too.
    refused(server.rest().refresh(&first.refresh_token).await, ErrorCode::Unauthorized);
    refused(server.rest().refresh(&third.refresh_token).await, ErrorCode::Unauthorized);
    refused(third_rest.me().await, ErrorCode::Unauthorized);
    refused(first.rest.me().await, ErrorCode::Unauthorized);
    ends_as_revoked(of_first).await;

    // Another session of the same user has nothing to do with it.
    let mut of_other = of_other;
    of_other.send_text("quiet", "hello", "n").await.unwrap();
    server.rest().refresh(&other_session.refresh_token).await.unwrap();
    for made_up in ["", "x", &"A".repeat(43), &"A".repeat(5_000)] {
        refused(server.rest().refresh(made_up).await, ErrorCode::Unauthorized);
    }
}

#[tokio::test]
async fn logging_out_ends_the_session_and_its_connections_and_no_other() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let elsewhere = User::login(server.address, "ada").await;
    let bob = server.user("bob").await;
    let (one, two) = (ada.socket().await, ada.socket().await);
    let mut others = [elsewhere.socket().await, bob.socket().await, server.socket().await];
    server.rest().logout(&ada.refresh_token).await.unwrap();
    ends_as_revoked(one).await;
    ends_as_revoked(two).await;
    refused(ada.rest.me().await, ErrorCode::Unauthorized);
    refused(ada.rest.send("quiet", "hello", None).await, ErrorCode::Unauthorized);
    refused(server.rest().refresh(&ada.refresh_token).await, ErrorCode::Unauthorized);
    refused(socket(server.address).await.auth(&ada.access_token).await, ErrorCode::Unauthorized);
    for other in &mut others {
        other.ping("still here").await.unwrap();
    }
    elsewhere.rest.me().await.unwrap();
    // Over is over; saying so again is no error, and neither is a token that nobody knows.
    server.rest().logout(&ada.refresh_token).await.unwrap();
    server.rest().logout("nothing").await.unwrap();
}

#[tokio::test]
async fn a_session_that_ended_stays_ended_after_a_restart() {
    let server = Server::durable(|_| {}).await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    server.rest().logout(&ada.refresh_token).await.unwrap();
    let server = server.restart(|_| {}).await;
    let rest = server.rest();
    refused(rest.bearer(&ada.access_token).me().await, ErrorCode::Unauthorized);
    refused(rest.refresh(&ada.refresh_token).await, ErrorCode::Unauthorized);
    assert_eq!(rest.bearer(&bob.access_token).me().await.unwrap().id, bob.id);
    rest.refresh(&bob.refresh_token).await.unwrap();
    assert_eq!(User::login(server.address, "ada").await.id, ada.id);
}

#[tokio::test]
async fn a_new_password_ends_every_session_and_the_old_one_is_worth_nothing() {
    const NEW: &str = "eleven green herons";
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let elsewhere = User::login(server.address, "ada").await;
    let sockets = [ada.socket().await, elsewhere.socket().await];
    refused(ada.rest.change_password("not the password", NEW).await, ErrorCode::InvalidCredentials);
    let refusal = refused(ada.rest.change_password(PASSWORD, "short").await, ErrorCode::ValidationFailed);
    assert_eq!(refusal.errors[0].field, "new_password");
    refused(server.rest().change_password(PASSWORD, NEW).await, ErrorCode::Unauthorized);
    elsewhere.rest.me().await.expect("nothing has changed yet");

    ada.rest.change_password(PASSWORD, NEW).await.unwrap();
    for socket in sockets {
        ends_as_revoked(socket).await;
    }
    for session in [&ada, &elsewhere] {
        refused(session.rest.me().await, ErrorCode::Unauthorized);
        refused(server.rest().refresh(&session.refresh_token).await, ErrorCode::Unauthorized);
    }
    refused(server.rest().login("ada", PASSWORD).await, ErrorCode::InvalidCredentials);
    assert_eq!(server.rest().login("ada", NEW).await.unwrap().user.id, ada.id);
}

#[tokio::test]
async fn a_profile_changes_as_far_as_it_may_and_new_messages_show_it() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let change = |display_name: Option<&str>, color: Option<&str>| ProfileBody {
        display_name: display_name.map(str::to_owned),
        color: color.map(str::to_owned),
    };
    let changed = ada.rest.patch_me(&change(Some("ADA"), Some("#12abEF"))).await.unwrap();
    assert_eq!((changed.display_name.as_str(), changed.username.as_str()), ("ADA", "ada"));
    assert!(changed.color.eq_ignore_ascii_case("#12ABEF"));
    assert_eq!(ada.rest.me().await.unwrap(), changed);
    let message = ada.rest.send("quiet", "hello", None).await.unwrap();
    assert_eq!((message.user.display_name, message.user.color), ("ADA".to_owned(), changed.color.clone()));
    assert_eq!(
        ada.rest.patch_me(&change(None, None)).await.unwrap(),
        changed,
        "nothing asked, nothing changed"
    );
    for (body, field) in [
        (change(Some("Bob"), None), "display_name"),
        (change(Some(""), None), "display_name"),
        (change(Some("ADA "), None), "display_name"),
        (change(None, Some("red")), "color"),
        (change(None, Some("#12345")), "color"),
        (change(None, Some("#12345g")), "color"),
    ] {
        let refusal = refused(ada.rest.patch_me(&body).await, ErrorCode::ValidationFailed);
        assert_eq!(refusal.errors[0].field, field);
    }
    refused(server.rest().patch_me(&change(None, None)).await, ErrorCode::Unauthorized);
    assert_eq!(ada.rest.me().await.unwrap(), changed);
}

#[tokio::test]
async fn a_connection_renews_its_log_in_and_can_become_another_user() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let mut socket = ada.socket().await;
    socket.join("quiet").await.unwrap();
    let renewed = server.rest().refresh(&ada.refresh_token).await.unwrap();
    let (user, _) = socket.auth(&renewed.access_token).await.unwrap();
    assert_eq!(user.id, ada.id);
    socket.send_text("quiet", "one", "1").await.unwrap();
    assert_eq!(socket.messages("quiet", 1).await.unwrap()[0].user.id, ada.id, "it still reads the room");

    let bob = server.user("bob").await;
    socket.auth(&bob.access_token).await.unwrap();
    socket.send_text("quiet", "two", "2").await.unwrap();
    assert_eq!(socket.messages("quiet", 1).await.unwrap()[0].user.id, bob.id);
    // The log-in that it had before is none of its business any more; the one that it has is.
    server.rest().logout(&renewed.refresh_token).await.unwrap();
    refused(server.rest().bearer(&renewed.access_token).me().await, ErrorCode::Unauthorized);
    socket.send_text("quiet", "three", "3").await.unwrap();
    server.rest().logout(&bob.refresh_token).await.unwrap();
    ends_as_revoked(socket).await;
}
