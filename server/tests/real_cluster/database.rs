//! G13: the database is slow, frozen, and killed, under as much load as the machine carries; the chat goes on from the log.

use crate::support::{
    Cluster, LOOK_EVERY, PATIENCE, accepted, alone, blocking, choices, judge, node, run, tell, times, user,
};
use client::{Rest, Socket};
use protocol::codes::ErrorCode;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};
use testkit::workload::Behaviour;
use tokio::{sync::watch, task::JoinHandle};

/// What comes while there is no database: joins, pages of history, and a user who was there before.
#[derive(Debug, Default)]
struct Visits {
    joins: u64,
    slowest_join: Duration,
    sends: u64,
    slowest_send: Duration,
    history: BTreeMap<&'static str, u64>,
}

/// Visits a gateway until told to stop.
fn visit(user: Rest, at: SocketAddr, mut stop: watch::Receiver<bool>) -> JoinHandle<Visits> {
    tokio::spawn(async move {
        let mut visits = Visits::default();
        while !*stop.borrow_and_update() {
            let asked = Instant::now();
            let mut socket = Socket::connect(at).await.expect("connections are taken");
            let joined = socket.join("bestie").await.expect("joins go on");
            assert_eq!(joined.history.len(), 10, "the newest messages");
            visits.slowest_join = visits.slowest_join.max(asked.elapsed());
            visits.joins += 1;
            // Over REST, and over a connection that is new too.
            let asked = Instant::now();
            user.send("synergy", "still here", None).await.expect("sends over REST go on");
            visits.slowest_send = visits.slowest_send.max(asked.elapsed());
            socket.auth(user.token().expect("a user")).await.expect("who was known is known");
            let nonce = format!("v{}_{}", at.port(), visits.sends);
            socket.send_text("synergy", "here too", &nonce).await.expect("sends go on");
            visits.sends += 2;
            let page = Rest::new(at).latest("ohio", 50).await;
            let outcome = match page {
                Ok(page) if page.messages.len() == 50 => "from the log",
                Ok(page) => panic!("a short page of {} messages", page.messages.len()),
                Err(error) => match error.code() {
                    Some(ErrorCode::Unavailable) => "unavailable",
                    _ => panic!("{error}"),
                },
            };
            *visits.history.entry(outcome).or_default() += 1;
            tokio::time::sleep(LOOK_EVERY * 5).await;
        }
        visits
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g13_without_a_database_the_chat_goes_on_and_the_store_is_filled_later() {
    let _alone = alone();
    let name = "cluster_g13_database";
    let (seed, _) = choices(name);
    let mut node = node();
    let cluster = Cluster::with_node(&node);
    let gateways = cluster.start(["gateway", "gateway"]);
    let _persisters = cluster.start(["persist"]);
    let run = run(&gateways, seed, |options| {
        (options.writers, options.rate, options.strangers) = (32, 1_000.0, true);
        options.readers = vec![Behaviour::Steady, Behaviour::Reconnecting, Behaviour::Late, Behaviour::Slow];
    })
    .await;
    accepted(&run, 500).await;
    let mut users = Vec::new();
    for gateway in &gateways {
        let user = user(gateway, &format!("before_{}", gateway.address().port())).await;
        user.me().await.unwrap();
        users.push(user);
    }
    let mut told = Vec::new();
    for fault in ["slow", "frozen", "killed"] {
        let before = run.progress();
        let (stop, stopped) = watch::channel(false);
        let visitors: Vec<_> = gateways
            .iter()
            .zip(&users)
            .map(|(g, user)| visit(user.bearer(user.token().expect("a user")), g.address(), stopped.clone()))
            .collect();
        let since = Instant::now();
        if fault == "slow" {
            // It gets one sixth of the time: what it answers in 10 ms takes up to 300.
            while since.elapsed() < Duration::from_secs(times(8, 60)) {
                node.pause().unwrap();
                tokio::time::sleep(Duration::from_millis(250)).await;
                node.resume().unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        } else if fault == "frozen" {
            node.pause().unwrap();
            tokio::time::sleep(Duration::from_secs(times(8, 60))).await;
            // Who logs in is told that it cannot be known, not that the password is wrong.
            let rest = Rest::new(gateways[0].address()).with_deadline(PATIENCE);
            let refused =
                rest.login("nobody_here", "a password for the test").await.err().expect("nobody can know");
            assert_eq!(refused.code(), Some(ErrorCode::Unavailable), "{refused}");
        } else {
            blocking(|| node.kill());
            tokio::time::sleep(Duration::from_secs(times(2, 30))).await;
        }
        let lasted = since.elapsed().as_secs_f64();
        let during = run.progress();
        stop.send_replace(true);
        let mut all = Visits::default();
        for visitor in visitors {
            let visits = visitor.await.unwrap();
            all.joins += visits.joins;
            all.slowest_join = all.slowest_join.max(visits.slowest_join);
            all.sends += visits.sends;
            all.slowest_send = all.slowest_send.max(visits.slowest_send);
            for (outcome, count) in visits.history {
                *all.history.entry(outcome).or_default() += count;
            }
        }
        match fault {
            "slow" => {}
            "frozen" => node.resume().unwrap(),
            _ => blocking(|| node.restart()).unwrap(),
        }
        let sent = during.accepted - before.accepted;
        // Who breaks off and comes back at the other gateway is not known there yet, and has to wait for the database.
        let waiting = during.rejected - before.rejected;
        assert!(sent > 100 && waiting < sent / 10, "{fault}: {before:?} {during:?}");
        assert!(all.joins > 3, "{fault}: {all:?}");
        told.push(format!(
            "{fault} for {lasted:.0} s: {:.0} messages/s accepted, {waiting} of new sessions refused, {} joins, \
             the slowest {:.0} ms, {} sends of sessions from before, the slowest over REST {:.0} ms, history {:?}",
            sent as f64 / lasted,
            all.joins,
            all.slowest_join.as_secs_f64() * 1_000.0,
            all.sends,
            all.slowest_send.as_secs_f64() * 1_000.0,
            all.history
        ));
        accepted(&run, 200).await;
    }
    tell(&format!("{name}: {}", told.join("; ")));
    judge(name, "database slow, frozen and killed", &run.finish().await);
    let since = Instant::now();
    let rows = cluster.store_is_the_log().await;
    tell(&format!(
        "{name}: {rows} rows, those of the log, {:.1} s after the end",
        since.elapsed().as_secs_f64()
    ));
}
