//! Three brokers, each with all records: one may be gone, two may not, and their return needs no restart.

use crate::support::{
    Cluster, LOOK_EVERY, accepted, alone, blocking, choices, judge, mixed, run, tell, times, until, user,
};
use protocol::codes::ErrorCode;
use std::time::Instant;
use test_servers::kafka::Broker;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g12_of_three_brokers_one_may_be_gone_and_two_are_told() {
    let _alone = alone();
    let name = "cluster_g12_three";
    if times(0, 1) == 0 {
        // Three more servers in Java, and some three minutes.
        return tell(&format!("{name}: NOT RUN, it is part of the long run (GUARANTEES=long)"));
    }
    let (seed, _) = choices(name);
    let mut brokers = blocking(Broker::start_three).expect("three brokers");
    let cluster = Cluster::with_brokers(&brokers);
    let gateways = cluster.start(["gateway,persist", "gateway"]);
    let ada = user(&gateways[0], "ada").await;
    let run = run(&gateways, seed, |options| {
        (options.readers, options.rate, options.strangers) = (mixed(8), 200.0, true);
    })
    .await;
    accepted(&run, 200).await;

    // One is gone: sends go on as soon as others lead its partitions.
    blocking(|| brokers[0].kill());
    let since = Instant::now();
    for room in crate::support::ROOMS {
        until("sends go on in every room", async || ada.send(room, "two left", None).await.ok()).await;
    }
    let one_gone = since.elapsed();
    accepted(&run, 200).await;

    // Two are gone: what was accepted lies on two at least, so nothing more is.
    blocking(|| brokers[1].kill());
    let since = Instant::now();
    let refused = until("sends are refused", async || {
        let error = ada.send("bestie", "one left", None).await.err()?;
        (error.code() == Some(ErrorCode::Unavailable)).then_some(since.elapsed())
    })
    .await;
    let asked = Instant::now();
    let again = ada.send("bestie", "one left", None).await.expect_err("nothing is accepted");
    assert_eq!(again.code(), Some(ErrorCode::Unavailable), "{again}");
    let told = asked.elapsed();
    let during = run.progress();
    tokio::time::sleep(LOOK_EVERY * 50).await;
    assert_eq!(run.progress().accepted, during.accepted, "one copy is not enough");

    // One is back.
    blocking(|| brokers[1].restart()).expect("the broker comes back");
    let since = Instant::now();
    until("sends go on", async || ada.send("bestie", "two again", None).await.ok()).await;
    let back = since.elapsed();
    accepted(&run, 200).await;
    blocking(|| brokers[0].restart()).expect("the broker comes back");
    accepted(&run, 200).await;
    let counts = judge(name, "one and two of three brokers killed", &run.finish().await);
    let rows = cluster.store_is_the_log().await;
    tell(&format!(
        "{name}: one of three killed: sends in all rooms after {:.1} s; two: refused after {:.1} s, then within {:.0} ms; \
         one back: accepted {:.1} s after it took connections; {rows} rows, those of the log; {counts:?}",
        one_gone.as_secs_f64(),
        refused.as_secs_f64(),
        told.as_secs_f64() * 1_000.0,
        back.as_secs_f64()
    ));
}
