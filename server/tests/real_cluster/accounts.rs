//! A session is one over all gateways, and so is the number of viewers.

use crate::support::{Cluster, again, alone, tell, until, user};
use client::{Rest, Socket};
use protocol::{
    codes::{CloseReason, ErrorCode},
    frames::ServerFrame,
};
use std::time::Instant;
use testkit::process::Server;

async fn refused(rest: &Rest) {
    let code = rest.me().await.unwrap_err().code();
    assert!(matches!(code, Some(ErrorCode::TokenExpired | ErrorCode::Unauthorized)), "{code:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_one_gateway_is_good_at_all_until_it_is_ended_at_any() {
    let _alone = alone();
    let name = "cluster_sessions";
    let cluster = Cluster::shared();
    let [a, mut b] = cluster.start(["gateway,persist", "gateway"]);
    let at_a = Rest::new(a.address());
    let made = at_a.register("ada", "a password for the test").await.unwrap();
    let at_b = Rest::new(b.address()).bearer(&made.access_token);
    assert_eq!(at_b.me().await.unwrap().id, made.user.id);
    let mut socket = Socket::connect(b.address()).await.unwrap();
    socket.auth(&made.access_token).await.unwrap();
    let since = Instant::now();
    at_a.logout(&made.refresh_token).await.unwrap();
    let closed = socket.closed().await.unwrap();
    let took = since.elapsed().as_secs_f64();
    let over = CloseReason::SessionOver;
    assert_eq!((closed.code, closed.reason.as_str()), (Some(over.code()), over.text()));
    refused(&at_b).await;
    // It stays so at a gateway that was not there when it was ended.
    b.kill();
    again(&mut b);
    refused(&Rest::new(b.address()).bearer(&made.access_token)).await;
    // Whatever gateway made it, any other can renew it; once.
    let again = Rest::new(b.address()).login("ada", "a password for the test").await.unwrap();
    let renewed = at_a.refresh(&again.refresh_token).await.unwrap();
    at_a.bearer(&renewed.access_token).me().await.unwrap();
    let twice = Rest::new(b.address()).refresh(&again.refresh_token).await;
    assert!(twice.err().is_some_and(|error| error.refusal().is_some()), "a refresh token is good once");
    tell(&format!("{name}: a log-out at one gateway ended the socket at the other after {took:.2} s"));
}

/// Waits until this gateway says so.
async fn viewers(server: &Server, room: &str, wanted: u64) {
    until(&format!("{wanted} viewers at {}", server.address()), async || {
        let room = Rest::new(server.address()).room(room).await.unwrap();
        (room.viewers == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_are_those_of_all_gateways_and_a_dead_one_has_none() {
    let _alone = alone();
    let name = "cluster_viewers";
    let cluster = Cluster::shared();
    let [a, b, mut c] = cluster.start(["gateway,persist", "gateway", "gateway"]);
    let mut sockets = Vec::new();
    for (server, count) in [(&a, 1), (&b, 2), (&c, 4)] {
        for _ in 0..count {
            let mut socket = Socket::connect(server.address()).await.unwrap();
            socket.join("ohio").await.unwrap();
            sockets.push(socket);
        }
    }
    for server in [&a, &b, &c] {
        viewers(server, "ohio", 7).await;
        viewers(server, "bestie", 0).await;
    }
    // Those who watch are told too.
    let told = |frame: &ServerFrame| match frame {
        ServerFrame::Room { room, viewers: 3, .. } if room == "ohio" => Some(()),
        _ => None,
    };
    let since = Instant::now();
    c.kill();
    sockets[0].wait_for("3 viewers", told).await.unwrap();
    for server in [&a, &b] {
        viewers(server, "ohio", 3).await;
    }
    tell(&format!(
        "{name}: 7 viewers at 3 gateways, {:.1} s until a dead one's were gone",
        since.elapsed().as_secs_f64()
    ));
}

/// Two who want one name at the same time, at two gateways: one has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_given_to_one_alone_whichever_gateway_is_asked() {
    let _alone = alone();
    let cluster = Cluster::shared();
    let [a, b] = cluster.start(["gateway,persist", "gateway"]);
    for round in 0..10 {
        let name = format!("wanted{round}");
        let (at_a, at_b) = (Rest::new(a.address()), Rest::new(b.address()));
        let (one, other) = tokio::join!(
            at_a.register(&name, "a password for the test"),
            at_b.register(&name, "another password here")
        );
        let refused: Vec<_> = [one.err(), other.err()].into_iter().flatten().collect();
        assert_eq!(refused.len(), 1, "{name}: {refused:?}");
        assert_eq!(refused[0].code(), Some(ErrorCode::UsernameTaken), "{name}: {refused:?}");
    }
    let _ = user(&a, "somebody").await;
    tell("cluster_names: 10 names wanted twice at once, each given once");
}
