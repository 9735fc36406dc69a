//! What stands around the chat: viewers' counts, health, metrics, documentation, headers and origins.

use crate::support::{Server, refused};
use client::{Answer, Call, Error, Options};
use protocol::{SUBPROTOCOL, codes::ErrorCode, frames::ServerFrame};
use server::config::{ConfigFile, load};
use std::{collections::BTreeSet, net::SocketAddr};

async fn get(server: &Server, path: &str) -> Answer {
    server.rest().call(Call::get(path)).await.unwrap()
}

#[tokio::test]
async fn the_first_frame_says_what_is_allowed() {
    let server = Server::start().await;
    let frame = server.socket_with(Options::default()).await.unwrap().recv().await.unwrap();
    let ServerFrame::Hello { server: name, heartbeat_ms, limits } = frame else { panic!("{frame:?}") };
    assert!(name.starts_with("twitchy/"), "{name}");
    assert_eq!(heartbeat_ms, 30_000);
    assert_eq!((limits.message_code_points_max, limits.frame_bytes_max), (500, 16 * 1024));
    assert_eq!((limits.history_max, limits.nonce_bytes_max), (100, 64));
}

#[tokio::test]
async fn the_subprotocol_is_chosen_where_it_is_offered() {
    let server = Server::start().await;
    let offer = |text: &str| Options { subprotocol: Some(text.to_owned()), ..Options::default() };
    let socket = server.socket_with(offer(SUBPROTOCOL)).await.unwrap();
    assert_eq!(socket.subprotocol(), Some(SUBPROTOCOL));
    let socket = server.socket_with(offer(&format!("other, {SUBPROTOCOL}"))).await.unwrap();
    assert_eq!(socket.subprotocol(), Some(SUBPROTOCOL));
    assert_eq!(server.socket_with(Options::default()).await.unwrap().subprotocol(), None);
}

#[tokio::test]
async fn viewers_are_counted_and_those_who_read_are_told() {
    let server = Server::start().await;
    let mut first = server.socket().await;
    assert_eq!(first.join("alone").await.unwrap().viewers, 1);
    let told = |wanted: u64| {
        move |frame: &ServerFrame| match frame {
            ServerFrame::Room { room, viewers, .. } if room == "alone" && *viewers == wanted => Some(()),
            _ => None,
        }
    };
    let mut second = server.socket().await;
    assert_eq!(second.join("alone").await.unwrap().viewers, 2);
    assert_eq!(second.join("alone").await.unwrap().viewers, 2, "joining again makes no third");
    first.wait_for("room with 2 viewers", told(2)).await.unwrap();
    assert_eq!(server.rest().room("alone").await.unwrap().viewers, 2);
    second.vanish();
    first.wait_for("room with 1 viewer", told(1)).await.unwrap();
    let rooms = server.rest().rooms().await.unwrap();
    let counts: Vec<_> = rooms.iter().map(|room| (room.slug.as_str(), room.viewers)).collect();
    assert_eq!(
        counts,
        [("bestie", 0), ("ohio", 0), ("quiet", 0), ("busy", 0), ("alone", 1)],
        "as configured"
    );
    let room = &rooms[0];
    assert_eq!((room.title.as_str(), room.transformer.name.as_str()), ("Bestie", "bestie"));
    assert_ne!(room.transformer.sample_in, room.transformer.sample_out);
    refused(server.rest().room("nowhere").await, ErrorCode::RoomNotFound);
}

#[tokio::test]
async fn health_and_readiness_are_told() {
    let server = Server::durable(|_| {}).await;
    for path in ["/healthz", "/readyz"] {
        let answer = get(&server, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json::<serde_json::Value>().unwrap()["status"], "ok");
    }
}

#[tokio::test]
async fn metrics_count_and_name_no_user() {
    let server = Server::start().await;
    let mut socket = server.user("conspicuous_name").await.socket().await;
    socket.join("alone").await.unwrap();
    socket.send_text("alone", "conspicuous text", "n").await.unwrap();
    get(&server, "/api/v1/rooms/conspicuous_room").await;
    get(&server, "/conspicuous_path").await;
    let answer = get(&server, "/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
    let text = answer.text();
    // No values: all servers of this test's process count together.
    for name in [
        "twitchy_ack_seconds_count ",
        "twitchy_connections ",
        "twitchy_connections_max ",
        "twitchy_frames_received_total ",
        "twitchy_http_requests_total{",
        "twitchy_log_last_offset{partition=\"0\"} ",
        "twitchy_log_ready ",
        "twitchy_persist_lag_records{partition=\"0\"} ",
        "twitchy_records_set_aside_total ",
        "twitchy_refused_total{code=\"unavailable\"} ",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    assert!(!text.contains("conspicuous"), "labels are never what a client chose");
}

#[tokio::test]
async fn with_a_listener_for_operators_metrics_are_there_alone() {
    // An address that no other process of this machine picks.
    let id = std::process::id();
    let ops: SocketAddr = format!("127.{}.{}.7:9464", 1 + id % 200, id / 200 % 250).parse().unwrap();
    let server = Server::with(|config| config.ops.listen = Some(ops)).await;
    let answer = get(&server, "/metrics").await;
    assert_eq!(answer.refusal().unwrap().code, ErrorCode::NotFound);
    let rest = client::Rest::new(ops);
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(rest.call(Call::get(path)).await.unwrap().status, 200, "{path}");
    }
    assert_eq!(rest.call(Call::get("/api/v1/rooms")).await.unwrap().status, 404, "and nothing else");
}

/// Every path and method of the API, read from the router's own source.
fn routes() -> BTreeSet<(String, String)> {
    const ROUTER: &str = include_str!("../../src/http/mod.rs");
    let router = &ROUTER[ROUTER.find("pub fn router").expect("the router")..];
    let router = &router[..router.find("\n}\n").expect("its end")];
    let (api, rest) = router.split_at(router.find(".nest(\"/api/v1\"").expect("the API is nested"));
    let mut found = BTreeSet::new();
    for (prefix, text) in [("/api/v1", api), ("", rest)] {
        for route in text.split(".route(").skip(1) {
            let (path, handlers) = route.trim_start()[1..].split_once('"').expect("a path in quotes");
            // Up to where the next call of the builder begins.
            let handlers = handlers.split("\n        .").next().expect("there is always a first");
            for method in ["get", "post", "put", "patch", "delete"] {
                let called = |before: char| handlers.contains(&format!("{before}{method}("));
                if called(' ') || called('.') {
                    found.insert((format!("{prefix}{path}"), method.to_owned()));
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn the_description_lists_every_route_and_no_other() {
    // Not calls of the API: the pages, the WebSocket, the description itself and what catches unknown paths.
    const OTHERS: [&str; 5] = ["/ws", "/openapi.json", "/docs", "/docs/docs.js", "/docs/docs.css"];
    let server = Server::start().await;
    let answer = get(&server, "/openapi.json").await;
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
    let description: serde_json::Value = answer.json().unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3."));
    let mut described = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["responses"].as_object().is_some_and(|r| !r.is_empty()), "{method} {path}");
            described.insert((path.clone(), method.clone()));
        }
    }
    let routes: BTreeSet<_> =
        routes().into_iter().filter(|(path, _)| !OTHERS.contains(&path.as_str())).collect();
    assert!(routes.len() >= 16, "{routes:?}");
    assert_eq!(described, routes);
    // Every reference leads somewhere.
    let text = answer.text();
    for reference in text.split("\"$ref\": \"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(description.pointer(pointer).is_some(), "{pointer}");
    }
}

#[tokio::test]
async fn the_pages_are_there_without_anything_from_elsewhere() {
    let server = Server::start().await;
    for path in ["/docs", "/", "/some/page"] {
        let page = get(&server, path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        let text = page.text();
        assert!(text.to_lowercase().contains("<!doctype html>"), "{path}");
        for elsewhere in ["src=\"http", "href=\"//", "src=\"//", "@import"] {
            assert!(!text.contains(elsewhere), "{path} has {elsewhere}");
        }
    }
    let docs = get(&server, "/docs").await.text();
    for file in ["/docs/docs.js", "/docs/docs.css"] {
        assert!(docs.contains(file), "{file}");
        let answer = get(&server, file).await;
        assert_eq!(answer.status, 200, "{file}");
        let tag = answer.header("etag").expect("an entity tag").to_owned();
        let again = server.rest().call(Call::get(file).header("if-none-match", &tag)).await.unwrap();
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{file}");
    }
}

#[tokio::test]
async fn every_kind_of_answer_has_the_security_headers() {
    let server =
        Server::with(|config| config.limits.previews_per_address_per_second = server::config::Limit(1)).await;
    let rest = server.rest();
    let mut answers = Vec::new();
    for (status, call) in [
        (200, Call::get("/")),
        (200, Call::get("/docs")),
        (200, Call::get("/healthz")),
        (200, Call::get("/openapi.json")),
        (200, Call::get("/metrics")),
        (200, Call::get("/api/v1/rooms")),
        (400, Call::get("/ws")),
        (400, Call::post("/api/v1/auth/login", "{")),
        (401, Call::get("/api/v1/users/me")),
        (403, Call::post("/api/v1/rooms/quiet/messages", r#"{"text":"x"}"#)),
        (404, Call::get("/api/v1/nothing")),
        (404, Call::get("/nothing.txt")),
        (405, Call::get("/api/v1/preview")),
        (413, Call::post("/api/v1/preview", vec![b' '; 70_000])),
        (422, Call::post("/api/v1/auth/register", r#"{"username":"x","password":"y"}"#)),
    ] {
        let case = format!("{call:.60?}");
        let answer = rest.call(call).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{case}");
        answers.push((case, answer));
    }
    for _ in 0..20 {
        let answer = rest.call(Call::post("/api/v1/preview", r#"{"text":"x"}"#)).await.unwrap();
        if answer.status == 429 {
            answers.push(("429".to_owned(), answer));
            break;
        }
    }
    assert_eq!(answers.len(), 16);
    for (case, answer) in &answers {
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{case}"));
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe-"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{case}: {name}");
        }
        assert!(answer.header("x-request-id").is_some(), "{case}");
        assert_eq!(answer.header("server"), None, "{case}");
    }
    let of_api = answers.iter().filter(|(case, _)| case.contains("/api/"));
    for (case, answer) in of_api {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_kept_out_unless_the_settings_name_them() {
    let friend = "https://friend.example";
    let text =
        crate::support::CONFIG.replace("[server]", "[server]\npublic_origins = [\"https://friend.example\"]");
    let loaded = load(&ConfigFile::new("t.toml", text), &[], &[], &["bestie", "skibidi", "plain"]).unwrap();
    let server =
        Server::with(|config| config.server.public_origins = loaded.config.server.public_origins).await;
    let own = format!("http://{}", server.address);
    let origin = |value: &str| Options { origin: Some(value.to_owned()), ..Options::default() };
    for welcome in [friend, &own] {
        server.socket_with(origin(welcome)).await.unwrap_or_else(|e| panic!("{welcome}: {e}"));
    }
    let port = server.address.port();
    for stranger in [
        "https://evil.example",
        "http://friend.example",
        "https://friend.example.evil.example",
        "https://friend.example:8443",
        "null",
        "",
        &format!("http://localhost:{port}"),
        &format!("http://127.0.0.1:{}", port ^ 1),
        "file://",
    ] {
        match server.socket_with(origin(stranger)).await {
            Err(Error::Handshake { status, body }) => {
                assert_eq!(status, 403, "{stranger:?}");
                assert!(body.contains("forbidden"), "{stranger:?}: {body}");
            }
            other => panic!("{stranger:?}: {other:?}"),
        }
        let asked = server.rest().call(Call::get("/api/v1/rooms").header("origin", stranger)).await.unwrap();
        assert_eq!(asked.header("access-control-allow-origin"), None, "{stranger:?}");
        let preflight = Call::new("OPTIONS".parse().unwrap(), "/api/v1/rooms/quiet/messages")
            .header("origin", stranger)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        let preflight = server.rest().call(preflight).await.unwrap();
        assert_eq!(preflight.header("access-control-allow-origin"), None, "{stranger:?}");
        // A page can send this without asking first; it must have no effect.
        let sent = Call::post("/api/v1/preview", r#"{"text":"hi"}"#)
            .header("origin", stranger)
            .header("content-type", "text/plain");
        assert_eq!(server.rest().call(sent).await.unwrap().status, 403, "{stranger:?}");
    }
    for welcome in [friend, &own] {
        let sent = Call::post("/api/v1/preview", r#"{"text":"hi"}"#).header("origin", welcome);
        assert_eq!(server.rest().call(sent).await.unwrap().status, 200, "{welcome}");
    }
    let preflight = Call::new("OPTIONS".parse().unwrap(), "/api/v1/rooms/quiet/messages")
        .header("origin", friend)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let preflight = server.rest().call(preflight).await.unwrap();
    assert_eq!(preflight.header("access-control-allow-origin"), Some(friend));
    assert!(preflight.header("access-control-allow-methods").is_some_and(|m| m.contains("POST")));
    assert_eq!(preflight.header("access-control-allow-credentials"), None);
    let asked = server.rest().call(Call::get("/api/v1/rooms").header("origin", friend)).await.unwrap();
    assert_eq!(asked.header("access-control-allow-origin"), Some(friend));
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_can_read_it() {
    let server = Server::start().await;
    let plain = get(&server, "/openapi.json").await;
    assert_eq!(plain.header("content-encoding"), None);
    let call = Call::get("/openapi.json").header("accept-encoding", "gzip");
    let packed = server.rest().call(call).await.unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len() / 2);
}
