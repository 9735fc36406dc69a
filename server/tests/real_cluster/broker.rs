//! G12: the broker is killed, or frozen, under load.

use crate::support::{
    Cluster, LOOK_EVERY, PATIENCE, accepted, alone, blocking, broker, choices, judge, run, tell, user,
};
use client::{Error, Socket};
use protocol::{codes::ErrorCode, frames::ServerFrame};
use std::time::{Duration, Instant};
use testkit::{process::Server, workload::Behaviour};

/// A send has its answer within this time, or its connection is closed. Promised are 5 s; the rest is for a machine that
/// does many things at once.
const ANSWER_MAX: Duration = Duration::from_secs(8);

/// Someone who tries to send at one gateway, and one who reads there and never leaves.
struct Pair {
    server_at: std::net::SocketAddr,
    token: String,
    reader: Socket,
}

impl Pair {
    async fn at(server: &Server, token: &str) -> Self {
        let mut reader = Socket::connect(server.address()).await.unwrap();
        reader.join("synergy").await.unwrap();
        Self { server_at: server.address(), token: token.to_owned(), reader }
    }

    /// Asks until it knows that nothing is accepted, and says how long the slowest answer took. What was under way when
    /// the broker died may be unknown, and is settled by asking again.
    async fn refused(&self, round: &str) -> Duration {
        let mut slowest = Duration::ZERO;
        let deadline = Instant::now() + PATIENCE;
        let mut refusals = 0;
        for count in 0.. {
            assert!(Instant::now() < deadline, "{round}: it was never told that nothing is accepted");
            let options = client::Options { deadline: ANSWER_MAX, ..client::Options::default() };
            let mut socket = Socket::connect_with(self.server_at, options).await.unwrap();
            socket.auth(&self.token).await.unwrap();
            let asked = Instant::now();
            let answer = socket.send_text("synergy", "is anybody there", &format!("{round}_{count}")).await;
            slowest = slowest.max(asked.elapsed());
            match answer {
                Err(Error::TimedOut { .. }) => panic!("{round}: no answer in {ANSWER_MAX:?}"),
                Err(error) if error.code() == Some(ErrorCode::Unavailable) => refusals += 1,
                // Just before the fault, or unknown: closed, or told so.
                Ok(_) | Err(_) => {}
            }
            if refusals == 3 {
                return slowest;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        slowest
    }

    /// Asks until it is accepted, by the same connection if there still is one.
    async fn first_ack(&self, round: &str) {
        let deadline = Instant::now() + PATIENCE;
        for count in 0.. {
            assert!(Instant::now() < deadline, "{round}: nothing was accepted any more");
            let options = client::Options { deadline: ANSWER_MAX, ..client::Options::default() };
            let mut socket = Socket::connect_with(self.server_at, options).await.unwrap();
            socket.auth(&self.token).await.unwrap();
            if socket
                .send_text("synergy", &format!("{round} is over"), &format!("{round}_end_{count}"))
                .await
                .is_ok()
            {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The reader never lost its connection, and is shown what was accepted after the fault.
    async fn shown(&mut self, round: &str) {
        let wanted = format!("{round} is over");
        // Styles change the text; who sent it, and how often, is not looked at here: the workload's readers do that.
        self.reader
            .wait_for("a message after the fault", |frame| match frame {
                ServerFrame::Messages { messages, .. } => messages
                    .iter()
                    .any(|m| m.user.username == "prober" && m.text.contains("over"))
                    .then_some(()),
                _ => None,
            })
            .await
            .unwrap_or_else(|error| panic!("{wanted}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g12_a_dead_or_frozen_broker_is_told_and_its_return_needs_no_restart() {
    let _alone = alone();
    let name = "cluster_g12_broker";
    let (seed, _) = choices(name);
    let mut broker = broker();
    let cluster = Cluster::with_broker(&broker);
    let gateways = cluster.start(["gateway,persist"; 2]);
    let run = run(&gateways, seed, |options| {
        (options.rate, options.readers) = (200.0, vec![Behaviour::Steady; 4]);
        // The prober writes there too.
        options.strangers = true;
    })
    .await;
    let prober = user(&gateways[0], "prober").await;
    let token = prober.token().unwrap().to_owned();
    let mut pairs = Vec::new();
    for gateway in &gateways {
        pairs.push(Pair::at(gateway, &token).await);
    }
    let mut told = Vec::new();
    for fault in ["killed", "frozen", "killed_again"] {
        accepted(&run, 200).await;
        if fault == "frozen" {
            broker.pause().unwrap();
        } else {
            blocking(|| broker.kill());
        }
        let mut slowest = Duration::ZERO;
        for pair in &pairs {
            slowest = slowest.max(pair.refused(fault).await);
            // REST too says so, and when to come again.
            let rest = client::Rest::new(pair.server_at).bearer(&token).with_deadline(ANSWER_MAX);
            let refused =
                rest.send("synergy", "and over REST?", Some(&format!("{fault}_rest"))).await.unwrap_err();
            assert_eq!(refused.code(), Some(ErrorCode::Unavailable), "{fault}: {refused}");
        }
        if fault == "frozen" {
            broker.resume().unwrap();
        } else {
            blocking(|| broker.restart()).unwrap();
        }
        let back = Instant::now();
        for pair in &pairs {
            pair.first_ack(fault).await;
        }
        let recovered = back.elapsed();
        for pair in &mut pairs {
            pair.shown(fault).await;
        }
        told.push(format!(
            "{fault}: slowest answer {:.1} s, first ack at both gateways {:.1} s after the return",
            slowest.as_secs_f64(),
            recovered.as_secs_f64()
        ));
    }
    accepted(&run, 200).await;
    tell(&format!("{name}: {}", told.join("; ")));
    let counts = judge(name, "broker killed, frozen, killed", &run.finish().await);
    assert!(counts.rejected.contains_key("unavailable"), "{counts:?}");
    assert_eq!(counts.unknown, 0, "what was unknown is settled by asking again: {counts:?}");
    let rows = cluster.store_is_the_log().await;
    tell(&format!("{name}: {rows} rows in the store, those of the log"));
}
