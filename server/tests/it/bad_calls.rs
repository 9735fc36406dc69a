//! Whatever comes over REST: it gets a problem document with its code and status.

use crate::support::{Server, User, refused};
use client::{Answer, Call, Rest};
use protocol::{
    codes::ErrorCode::{self, *},
    limits::BODY_BYTES_MAX,
};

/// The answer is a problem with this code, and with the headers that every problem has.
#[track_caller]
fn problem(answer: &Answer, code: ErrorCode, case: &str) {
    let refusal = answer.refusal().unwrap_or_else(|e| panic!("{case}: {e}"));
    assert_eq!(refusal.code, code, "{case}: {refusal}");
    assert_eq!(answer.status.as_u16(), code.http_status(), "{case}");
    let raw: serde_json::Value = serde_json::from_slice(&answer.body).expect("it was read before");
    assert_eq!(raw["type"], format!("/docs#{}", code.as_str()), "{case}");
    assert_eq!(raw["title"], code.title(), "{case}");
    assert!(refusal.detail.len() < 400, "{case}: {}", refusal.detail);
}

async fn send(user: &User, body: impl Into<Vec<u8>>) -> Answer {
    user.rest.call(Call::post("/api/v1/rooms/quiet/messages", body.into())).await.unwrap()
}

#[tokio::test]
async fn a_body_that_is_no_request_gets_its_problem() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let nested = |key: &str| format!(r#"{{"{key}":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let (deep, deep_and_unknown) = (nested("text"), nested("later"));
    for (body, code) in [
        ("", InvalidJson),
        ("{", InvalidJson),
        ("text=hello", InvalidJson),
        (r#"{"text":"x"} y"#, InvalidJson),
        (r#"{"text":"\ud800"}"#, InvalidJson),
        ("\u{feff}{}", InvalidJson),
        (&deep, BadRequest),
        (&deep_and_unknown, BadRequest),
        ("null", BadRequest),
        ("[]", BadRequest),
        ("7", BadRequest),
        ("{}", BadRequest),
        (r#"{"text":7}"#, BadRequest),
        (r#"{"text":null}"#, BadRequest),
        (r#"{"text":["x"]}"#, BadRequest),
        (r#"{"text":"x","text":"y"}"#, BadRequest),
        (r#"{"text":"x","nonce":7}"#, BadRequest),
        (r#"{"text":"x","nonce":18446744073709551616}"#, BadRequest),
        (r#"{"text":"x","reply_to":"no id"}"#, BadRequest),
        (r#"{"text":"x","reply_to":{}}"#, BadRequest),
    ] {
        let case: String = body.chars().take(60).collect();
        problem(&send(&ada, body).await, code, &case);
    }
    for bytes in [&b"\xff"[..], b"{\"text\":\"\xc3\x28\"}", b"{\"text\":\"\xed\xa0\x80\"}", b"\0"] {
        problem(&send(&ada, bytes).await, InvalidJson, "not UTF-8 or NUL");
    }
    // What is not known is passed over.
    assert_eq!(send(&ada, r#"{"text":"x","later":{"unknown":[1]},"nonce":null}"#).await.status, 201);
}

#[tokio::test]
async fn a_body_has_64_kib_and_no_more() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let padded = |bytes: usize| {
        let body = r#"{"text":"x"}"#;
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    assert_eq!(send(&ada, padded(BODY_BYTES_MAX)).await.status, 201);
    problem(&send(&ada, padded(BODY_BYTES_MAX + 1)).await, PayloadTooLarge, "one byte too many");
    problem(&send(&ada, padded(4 * BODY_BYTES_MAX)).await, PayloadTooLarge, "far too many");
    for path in ["/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/preview"] {
        let call = Call::post(path, padded(BODY_BYTES_MAX + 1));
        problem(&server.rest().call(call).await.unwrap(), PayloadTooLarge, path);
    }
    assert_eq!(send(&ada, padded(20)).await.status, 201, "the connection is as good as before");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_told_so() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let call = async |method: &str, path: &str| {
        let method = method.parse().expect("a method");
        ada.rest.call(Call::new(method, path)).await.unwrap()
    };
    for path in [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v1/rooms/quiet/nothing",
        "/api/v1/rooms/",
        "/api/v2/rooms",
        "/api/v1/users/me/",
        "/nothing.txt",
        "/favicon.missing",
    ] {
        problem(&call("GET", path).await, NotFound, path);
    }
    for path in ["/api/v1/nothing", "/api/nothing"] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            problem(&call(method, path).await, NotFound, &format!("{method} {path}"));
        }
    }
    for (method, path) in [
        ("GET", "/api/v1/auth/login"),
        ("DELETE", "/api/v1/auth/register"),
        ("POST", "/api/v1/rooms/quiet"),
        ("PUT", "/api/v1/rooms/quiet/messages"),
        ("DELETE", "/api/v1/users/me"),
        ("GET", "/api/v1/preview"),
        ("POST", "/healthz"),
        ("POST", "/metrics"),
        ("DELETE", "/docs"),
        ("POST", "/"),
        ("BREW", "/api/v1/rooms"),
    ] {
        let answer = call(method, path).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.refusal().unwrap_or_else(|e| panic!("{method} {path}: {e}")).code, BadRequest);
        let allowed = answer.header("allow").unwrap_or_else(|| panic!("{method} {path}: which are allowed?"));
        assert!(!allowed.is_empty() && !allowed.contains(method), "{method} {path}: {allowed}");
    }
    for room in ["nowhere", "Quiet", "quiet%20", "%F0%9F%A4%AA", "..%2fquiet", "%00", &"x".repeat(5_000)] {
        let case = format!("room {room:.20}");
        problem(&call("GET", &format!("/api/v1/rooms/{room}")).await, RoomNotFound, &case);
        problem(&call("GET", &format!("/api/v1/rooms/{room}/messages")).await, RoomNotFound, &case);
        let post = Call::post(format!("/api/v1/rooms/{room}/messages"), r#"{"text":"x"}"#);
        problem(&ada.rest.call(post).await.unwrap(), RoomNotFound, &case);
    }
    // A path that is not UTF-8 names nothing.
    let answer = call("GET", "/api/v1/rooms/%ff").await;
    assert!((400..=404).contains(&answer.status.as_u16()), "{}", answer.status);
    answer.refusal().expect("a problem as all others");
}

#[tokio::test]
async fn query_values_that_will_not_do_are_named() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    ada.rest.send("quiet", "hello", None).await.unwrap();
    let page = async |query: &str| {
        server.rest().call(Call::get(format!("/api/v1/rooms/quiet/messages?{query}"))).await.unwrap()
    };
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=4294967296", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=1e1", "limit"),
        ("limit=", "limit"),
        ("limit=%00", "limit"),
        ("before=-1", "before"),
        ("before=", "before"),
        ("before=x", "before"),
        ("before=18446744073709551616", "before"),
        ("before=%2b1", "before"),
        ("after=1x", "after"),
        ("after=01", "after"),
        ("after=%ff", "after"),
        ("before=1&after=1", "after"),
    ] {
        let answer = page(query).await;
        problem(&answer, ValidationFailed, query);
        assert_eq!(answer.refusal().unwrap().errors[0].field, field, "{query}");
    }
    // Twice the same: which of them is meant?
    let twice = page("limit=1&limit=2").await;
    assert!((400..500).contains(&twice.status.as_u16()), "{}", twice.status);
    twice.refusal().expect("a problem as all others");
    for query in ["", "limit=1", "limit=100", "before=18446744073709551615", "after=0", "unknown=1"] {
        assert_eq!(page(query).await.status, 200, "{query}");
    }
}

#[tokio::test]
async fn who_does_not_prove_who_they_are_gets_401_and_is_told_how() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let anonymous = server.rest();
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Basic YWRhOnNldmVuIHB1cnBsZSB3YWxydXNlcw==",
        "bearer x.y.z",
        &format!("Token {}", ada.access_token),
        &ada.access_token,
        &format!("Bearer {0} {0}", ada.access_token),
        &format!("Bearer {}", ada.refresh_token),
    ] {
        for call in [
            Call::get("/api/v1/users/me"),
            // A token that is not good is no anonymous visit.
            Call::post("/api/v1/rooms/quiet/messages", r#"{"text":"x"}"#),
        ] {
            let answer = anonymous.call(call.header("authorization", value)).await.unwrap();
            problem(&answer, Unauthorized, &format!("{value:.20}"));
            let scheme = answer.header("www-authenticate").expect("RFC 9110: a 401 says how to authenticate");
            assert!(scheme.starts_with("Bearer"), "{scheme}");
        }
    }
    let any_case =
        Call::get("/api/v1/users/me").header("authorization", &format!("bEARER {}", ada.access_token));
    assert_eq!(anonymous.call(any_case).await.unwrap().status, 200);
    // Not in a URL, ever.
    let in_url = Call::get(format!("/api/v1/users/me?access_token={}", ada.access_token));
    problem(&anonymous.call(in_url).await.unwrap(), Unauthorized, "in the URL");
}

#[tokio::test]
async fn what_moderators_and_admins_may_is_no_hole_for_others() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let sent = ada.rest.send("quiet", "hello", None).await.unwrap();
    let bob = server.user("bob").await;
    for (method, path) in [
        ("POST", "/api/v1/rooms".to_owned()),
        ("DELETE", "/api/v1/rooms/quiet".to_owned()),
        ("DELETE", format!("/api/v1/rooms/quiet/messages/{}", sent.id)),
        ("PUT", "/api/v1/rooms/quiet/bans/ada".to_owned()),
        ("POST", "/api/v1/rooms/quiet/clear".to_owned()),
        ("PUT", "/api/v1/rooms/quiet/moderators/bob".to_owned()),
        ("PUT", "/api/v1/rooms/quiet/broadcaster/bob".to_owned()),
        ("PATCH", "/api/v1/rooms/quiet/settings".to_owned()),
        ("PUT", "/api/v1/rooms/quiet/pinned".to_owned()),
    ] {
        let answer = bob.rest.call(Call::new(method.parse().unwrap(), &path)).await.unwrap();
        assert!((400..500).contains(&answer.status.as_u16()), "{method} {path}: {}", answer.status);
    }
    assert_eq!(server.rest().latest("quiet", 10).await.unwrap().messages, [sent]);
    refused(Rest::new(server.address).me().await, Unauthorized);
}
