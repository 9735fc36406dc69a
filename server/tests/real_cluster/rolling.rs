//! G17, and G19 as far as there is one version: all processes are stopped and started again, one after the other, over the
//! data that is there.

use crate::support::{Cluster, accepted, again, alone, blocking, choices, judge, mixed, run, tell, times};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g17_a_rolling_restart_under_load_leaves_nobody_in_the_dark() {
    let _alone = alone();
    let name = "cluster_g17_rolling";
    let (seed, _) = choices(name);
    let cluster = Cluster::shared();
    let gateways = cluster.start(["gateway"; 3]);
    let mut persisters = cluster.start(["persist"; 2]);
    let run = run(&gateways, seed, |options| {
        (options.writers, options.readers, options.rate) = (8, mixed(20), 200.0);
    })
    .await;
    let mut gateways = gateways;
    let rounds = times(1, 10);
    let (mut stops, mut slowest) = (0, 0.0_f64);
    for _ in 0..rounds {
        for server in gateways.iter_mut().chain(&mut persisters) {
            accepted(&run, 100).await;
            let since = Instant::now();
            let status = blocking(|| server.terminate()).unwrap();
            assert_eq!(status.code(), Some(0), "{}", server.log_tail());
            slowest = slowest.max(since.elapsed().as_secs_f64());
            again(server);
            stops += 1;
        }
    }
    accepted(&run, 200).await;
    let counts = judge(name, &format!("{stops} stops, the slowest {slowest:.1} s"), &run.finish().await);
    assert_eq!(counts.unknown, 0, "what was unknown is settled by asking again: {counts:?}");
    assert!(counts.resumes_recovered > 20, "{counts:?}");
    let rows = cluster.store_is_the_log().await;
    tell(&format!("{name}: {rows} rows in the store, those of the log"));
}
