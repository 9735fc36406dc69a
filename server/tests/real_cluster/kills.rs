//! G1 and G14: gateways and persisters die at any instant, again and again, and nothing accepted is lost or there twice.

use crate::support::{Cluster, accepted, alone, blocking, choices, judge, run, tell, times};
use rand::RngExt;
use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use testkit::process::Server;

/// At most so many of them are dead or starting at the same time.
const DEAD_MAX: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g14_gateways_and_persisters_killed_again_and_again_lose_nothing() {
    let _alone = alone();
    let name = "cluster_g14_kills";
    let (seed, mut choices) = choices(name);
    let cluster = Cluster::shared();
    let gateways = cluster.start(["gateway"; 3]);
    let persisters = cluster.start(["persist"; 2]);
    let run = run(&gateways, seed, |_| {}).await;
    accepted(&run, 50).await;
    let kills = times(30, 500);
    let mut all: Vec<Option<Server>> = gateways.into_iter().chain(persisters).map(Some).collect();
    let (started, starts) = mpsc::channel();
    let (mut dead, mut by_role) = (0, [0_u32; 2]);
    for _ in 0..kills {
        // The instant is the fault: while it starts, too.
        tokio::time::sleep(Duration::from_millis(choices.random_range(0..700))).await;
        while let Ok((at, server)) = starts.try_recv() {
            (all[at], dead) = (Some(server), dead - 1);
        }
        while dead == DEAD_MAX {
            let (at, server) = blocking(|| starts.recv()).unwrap();
            (all[at], dead) = (Some(server), dead - 1);
        }
        let alive: Vec<usize> = (0..all.len()).filter(|at| all[*at].is_some()).collect();
        let at = alive[choices.random_range(0..alive.len())];
        let mut server = all[at].take().unwrap();
        server.kill();
        by_role[usize::from(at >= 3)] += 1;
        dead += 1;
        let started = started.clone();
        thread::spawn(move || {
            server.start_again().unwrap_or_else(|error| panic!("{error}"));
            let _ = started.send((at, server));
        });
    }
    while dead > 0 {
        let (at, server) = blocking(|| starts.recv_timeout(Duration::from_secs(60))).expect("it comes back");
        (all[at], dead) = (Some(server), dead - 1);
    }
    accepted(&run, 100).await;
    let [gateways, persisters] = by_role;
    let counts =
        judge(name, &format!("{gateways} gateways and {persisters} persisters killed"), &run.finish().await);
    assert!(counts.accepted > kills, "too little was accepted between the kills: {counts:?}");
    let since = Instant::now();
    let rows = cluster.store_is_the_log().await;
    tell(&format!(
        "{name}: {rows} rows, those of the log, {:.1} s after the end",
        since.elapsed().as_secs_f64()
    ));
}

/// With its only persister dead, a chat goes on; another one takes over all that the dead one had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g14_the_work_of_a_dead_persister_is_taken_over() {
    let _alone = alone();
    let name = "cluster_g14_takeover";
    let (seed, _) = choices(name);
    let cluster = Cluster::shared();
    let gateways = cluster.start(["gateway"; 2]);
    let [mut dying, _staying] = cluster.start(["persist"; 2]);
    let run = run(&gateways, seed, |options| options.rate = 200.0).await;
    accepted(&run, 300).await;
    dying.kill();
    let since = Instant::now();
    accepted(&run, 300).await;
    judge(name, "one of two persisters dead for good", &run.finish().await);
    let rows = cluster.store_is_the_log().await;
    tell(&format!(
        "{name}: {rows} rows, those of the log, {:.1} s after its death",
        since.elapsed().as_secs_f64()
    ));
}
