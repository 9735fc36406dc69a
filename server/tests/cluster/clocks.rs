//! G15 over several machines: their clocks differ.

use crate::support::{Cluster, accepted, alone, blocking, choices, has_tool, judge, run, tell};
use client::Rest;
use testkit::{
    process::Server,
    trial::{Leavings, set_clock},
};

/// Minutes, not hours: a token of one clock has to be good by the other, and a nonce holds for ten minutes. Both are what
/// docs/guarantees.md asks of the machines' clocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g15_gateways_and_persisters_whose_clocks_differ_lose_nothing_and_keep_one_order() {
    let _alone = alone();
    let name = "cluster_g15_clocks";
    if !has_tool(name, "faketime", "faketime") {
        return;
    }
    let (seed, _) = choices(name);
    let cluster = Cluster::shared();
    let mut leavings = Leavings::default();
    let mut start = |roles: &str, clock: Option<&str>| {
        let mut options = cluster.options(roles);
        set_clock(&mut options, clock);
        let server = blocking(|| Server::start(options)).unwrap_or_else(|error| panic!("{error}"));
        leavings.of(&server);
        server
    };
    let gateways = [start("gateway", Some("-4m")), start("gateway", None), start("gateway", Some("+4m"))];
    let _persisters = [start("persist", Some("-1d")), start("persist", Some("+1d"))];
    let token =
        Rest::new(gateways[0].address()).register("ada", "what time is it").await.unwrap().access_token;
    for gateway in &gateways {
        Rest::new(gateway.address()).bearer(&token).me().await.expect("good by all three clocks");
    }
    let run = run(&gateways, seed, |_| {}).await;
    accepted(&run, 1_500).await;
    judge(name, "gateways at -4, 0 and +4 minutes, persisters at -1 and +1 day", &run.finish().await);
    let rows = cluster.store_is_the_log().await;
    tell(&format!("{name}: {rows} rows in the store, those of the log"));
}
