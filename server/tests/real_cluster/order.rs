//! G7, G8 and G10 over three gateways: one order for all, no silent hole, joins that fit between past and present.

use crate::support::{Cluster, accepted, alone, choices, judge, mixed, run, tell, times};

const BOTH: &str = "gateway,persist";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g07_three_gateways_show_one_order_and_it_is_that_of_time() {
    let _alone = alone();
    let name = "cluster_g07_order";
    let (seed, _) = choices(name);
    let cluster = Cluster::shared();
    let gateways = cluster.start([BOTH; 3]);
    let run = run(&gateways, seed, |options| (options.writers, options.readers) = (8, mixed(20))).await;
    accepted(&run, times(3_000, 100_000)).await;
    let events = run.finish().await;
    let counts = judge(name, "8 writers and 20 readers at 3 gateways", &events);
    assert!(counts.accepted >= 3_000, "{counts:?}");
    let rows = cluster.store_is_the_log().await;
    tell(&format!("{name}: {rows} rows in the store, those of the log"));
}

/// With rings and resumes so short that readers fall off them, and much of the past comes from the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g08_no_reader_of_any_gateway_has_a_hole_that_it_was_not_told_of() {
    let _alone = alone();
    let name = "cluster_g08_holes";
    let (seed, _) = choices(name);
    let cluster =
        Cluster::shared().with("FEED__RING_MESSAGES", "100").with("FEED__RESUME_MESSAGES_MAX", "200");
    let gateways = cluster.start(["gateway", "gateway", BOTH]);
    let run = run(&gateways, seed, |options| {
        (options.writers, options.readers, options.long) = (8, mixed(20), 0.5);
    })
    .await;
    accepted(&run, times(3_000, 100_000)).await;
    let counts = judge(name, "short rings at 3 gateways", &run.finish().await);
    assert!(counts.resumes_recovered > 20, "{counts:?}");
    assert!(counts.resumes_not_recovered > 0 || counts.gaps_told > 0, "nobody fell behind: {counts:?}");
}
