//! Several servers over one log and one store: to their users they are one.

use crate::support::{PASSWORD, Server, User, config, messages_in, refused, shared::Shared, texts};
use client::{Call, Socket};
use protocol::{
    codes::{CloseReason, ErrorCode},
    frames::ServerFrame,
};
use server::{
    config::{Config, Role, Secret},
    nodes,
};

const SECRET: &str = "one secret for all of the nodes here";
const NEW_SECRET: &str = "the secret that comes after that one";

fn secret(text: &str) -> Option<Secret> {
    Secret::new(text.to_owned())
}

fn shared() -> Shared {
    Shared::new(config().log.partitions)
}

async fn node_with(shared: &Shared, change: impl FnOnce(&mut Config)) -> Server {
    let mut config = config();
    config.auth.secret = secret(SECRET);
    change(&mut config);
    Server::over(config, shared.engines()).await
}

async fn node(shared: &Shared) -> Server {
    node_with(shared, |_| {}).await
}

/// Waits until those who read a room are told that so many do.
async fn told(socket: &mut Socket, room: &str, wanted: u64) {
    let told = |frame: &ServerFrame| match frame {
        ServerFrame::Room { room: of, viewers, .. } if of == room && *viewers == wanted => Some(()),
        _ => None,
    };
    socket.wait_for(&format!("{wanted} viewers"), told).await.unwrap();
}

async fn ends_as_revoked(mut socket: Socket) {
    let closed = socket.closed().await.unwrap();
    let reason = CloseReason::SessionOver;
    assert_eq!((closed.code, closed.reason.as_str()), (Some(reason.code()), reason.text()));
}

#[tokio::test]
async fn viewers_of_all_nodes_are_counted_and_fall_when_one_goes() {
    let shared = shared();
    let (a, b) = (node(&shared).await, node(&shared).await);
    let mut at_a = a.socket().await;
    assert_eq!(at_a.join("alone").await.unwrap().viewers, 1);
    let (mut first_at_b, mut second_at_b) = (b.socket().await, b.socket().await);
    first_at_b.join("alone").await.unwrap();
    second_at_b.join("alone").await.unwrap();
    told(&mut at_a, "alone", 3).await;
    told(&mut first_at_b, "alone", 3).await;
    for server in [&a, &b] {
        assert_eq!(server.rest().room("alone").await.unwrap().viewers, 3);
        assert_eq!(server.rest().room("busy").await.unwrap().viewers, 0);
    }
    let mut another = a.socket().await;
    assert_eq!(another.join("alone").await.unwrap().viewers, 4, "who joins is told of all");
    drop(another);
    b.stop().await;
    told(&mut at_a, "alone", 1).await;
    assert_eq!(a.rest().room("alone").await.unwrap().viewers, 1);
}

#[tokio::test]
async fn a_session_is_good_at_every_node_and_over_at_every_node() {
    let shared = shared();
    let (a, b) = (node(&shared).await, node(&shared).await);
    let ada = a.user("ada").await;
    let of_b = b.rest().bearer(&ada.access_token);
    assert_eq!(of_b.me().await.unwrap().id, ada.id);
    let mut at_b = b.socket().await;
    at_b.auth(&ada.access_token).await.unwrap();
    let mut other = User::login(b.address, "ada").await.socket().await;

    a.rest().logout(&ada.refresh_token).await.unwrap();
    ends_as_revoked(at_b).await;
    refused(of_b.me().await, ErrorCode::Unauthorized);
    refused(b.socket().await.auth(&ada.access_token).await, ErrorCode::Unauthorized);
    other.ping("another session of the same user").await.unwrap();

    // A new password, said at b this time, ends what is open at a.
    let again = User::login(a.address, "ada").await;
    let at_a = again.socket().await;
    b.rest().bearer(&again.access_token).change_password(PASSWORD, "eleven green herons").await.unwrap();
    ends_as_revoked(at_a).await;
    ends_as_revoked(other).await;
    refused(again.rest.me().await, ErrorCode::Unauthorized);
}

#[tokio::test]
async fn what_is_said_at_one_node_is_read_at_the_other() {
    let shared = shared();
    let (a, b) = (node(&shared).await, node(&shared).await);
    let mut reader = b.socket().await;
    reader.join("quiet").await.unwrap();
    let mut writer = a.user("ada").await.socket().await;
    writer.send_text("quiet", "hello over there", "1").await.unwrap();
    let read = reader.messages("quiet", 1).await.unwrap();
    assert_eq!(texts(&read), ["hello over there"]);
    assert!(messages_in(reader.take_kept()).is_empty());
}

#[tokio::test]
async fn a_secret_is_changed_node_by_node_and_nobody_is_logged_out() {
    let shared = shared();
    let a = node(&shared).await;
    let ada = a.user("ada").await;
    // The others learn the new one first, then it signs.
    let b = node_with(&shared, |config| config.auth.previous_secrets.extend(secret(NEW_SECRET))).await;
    let c = node_with(&shared, |config| {
        config.auth.secret = secret(NEW_SECRET);
        config.auth.previous_secrets.extend(secret(SECRET));
    })
    .await;
    let bob = c.user("bob").await;
    for (server, token, id) in
        [(&b, &ada.access_token, ada.id), (&b, &bob.access_token, bob.id), (&c, &ada.access_token, ada.id)]
    {
        assert_eq!(server.rest().bearer(token).me().await.unwrap().id, id);
    }
    // Where a secret is not known, what it signed proves nothing.
    refused(a.rest().bearer(&bob.access_token).me().await, ErrorCode::Unauthorized);
    let d = node_with(&shared, |config| config.auth.secret = secret(NEW_SECRET)).await;
    refused(d.rest().bearer(&ada.access_token).me().await, ErrorCode::Unauthorized);
    assert_eq!(d.rest().bearer(&bob.access_token).me().await.unwrap().id, bob.id);
}

#[tokio::test]
async fn a_process_that_only_persists_serves_health_and_figures_and_no_people() {
    let shared = shared();
    let persister = node_with(&shared, |config| {
        config.roles = vec![Role::Persist];
        config.auth.secret = None;
    })
    .await;
    let gateway = node_with(&shared, |config| config.roles = vec![Role::Gateway]).await;
    let ada = gateway.user("ada").await;
    ada.rest.send("quiet", "hello", None).await.unwrap();

    let get = async |path: &'static str| persister.rest().call(Call::get(path)).await.unwrap();
    for path in ["/healthz", "/readyz"] {
        let answer = get(path).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, r#"{"status":"ok"}"#.to_owned()));
    }
    assert!(get("/metrics").await.text().contains("twitchy_"));
    for path in ["/", "/ws", "/api/v1/rooms", "/docs"] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    persister.stop().await;
    gateway.stop().await;
}

#[tokio::test]
async fn garbage_in_the_nodes_log_does_no_harm() {
    let shared = shared();
    let a = node(&shared).await;
    for partition in [nodes::PASSING, nodes::LASTING] {
        for garbage in [&b""[..], b"\0\xff", b"{}", br#"{"v":1,"node":"1","at":0,"kind":"ended","ends":7}"#] {
            use event_log::EventLog as _;
            shared.nodes.append(partition, garbage.into()).unwrap().await.unwrap();
        }
    }
    let b = node(&shared).await;
    let ada = a.user("ada").await;
    let mut at_b = b.socket().await;
    at_b.auth(&ada.access_token).await.unwrap();
    at_b.join("alone").await.unwrap();
    let mut at_a = a.socket().await;
    at_a.join("alone").await.unwrap();
    told(&mut at_a, "alone", 2).await;
    a.rest().logout(&ada.refresh_token).await.unwrap();
    ends_as_revoked(at_b).await;
}
