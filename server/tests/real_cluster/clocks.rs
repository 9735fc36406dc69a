//! G15 over several machines: their clocks differ.

use crate::support::{Cluster, accepted, alone, blocking, choices, folder, has_tool, judge, run, tell, tool};
use client::Rest;
use std::fs;
use testkit::process::Server;

/// Seconds between gateways: docs/guarantees.md asks that no two machines' clocks differ by more than 45. Persisters may
/// be wrong by as much as they like.
const GATEWAYS: [i64; 3] = [-20, 0, 20];
const PERSISTERS: [i64; 2] = [-86_400, 86_400];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g15_gateways_and_persisters_whose_clocks_differ_lose_nothing_and_keep_one_order() {
    let _alone = alone();
    let name = "cluster_g15_clocks";
    if !has_tool(name, "cc", "gcc") {
        return;
    }
    let (seed, _) = choices(name);
    let folder = folder();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("clock.c"), include_str!("clock.c")).unwrap();
    tool("cc", &["-O1", "-shared", "-fPIC", "-o", &path("clock.so"), &path("clock.c")]);
    let cluster = Cluster::shared();
    let start = |roles: &str, offset: i64| {
        let options = cluster.options(roles).with_env("LD_PRELOAD", &path("clock.so"));
        let options = options.with_env("CLOCK_OFFSET", &offset.to_string());
        blocking(|| Server::start(options)).unwrap_or_else(|error| panic!("{error}"))
    };
    let gateways = GATEWAYS.map(|offset| start("gateway", offset));
    let _persisters = PERSISTERS.map(|offset| start("persist", offset));
    for from in &gateways {
        let user = format!("ada_{}", from.address().port());
        let token = Rest::new(from.address()).register(&user, "what time is it").await.unwrap().access_token;
        for to in &gateways {
            Rest::new(to.address()).bearer(&token).me().await.expect("good by all three clocks");
        }
    }
    let run = run(&gateways, seed, |_| {}).await;
    accepted(&run, 1_500).await;
    let faults = format!("gateways at {GATEWAYS:?} s, persisters at {PERSISTERS:?} s");
    judge(name, &faults, &run.finish().await);
    let rows = cluster.store_is_the_log().await;
    tell(&format!("{name}: {rows} rows in the store, those of the log"));
}
