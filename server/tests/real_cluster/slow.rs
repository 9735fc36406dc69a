//! G11: readers that stand still cost the others nothing, and the gateway no more than a bound.

use crate::support::{Cluster, accepted, alone, choices, judge, memory_kib, run, tell, times};
use client::{Options, Socket};
use protocol::frames::ServerFrame;
use std::time::{Duration, Instant};
use testkit::workload::Behaviour;

/// More than the rings' 3 × 4 MiB, the log's tails 3 × 4 MiB and the queues of 200 connections.
const GROWN_MIB_MAX: u64 = 200;
const STILL: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g11_readers_that_stand_still_cost_the_others_nothing() {
    let _alone = alone();
    let name = "cluster_g11_slow";
    let (seed, _) = choices(name);
    // Of long lines the system takes some 6 MB for each connection, the ring little more.
    let cluster = Cluster::shared().with("FEED__RING_MESSAGES", "100");
    let gateways = cluster.start(["gateway", "gateway,persist"]);
    let run = run(&gateways, seed, |options| {
        (options.writers, options.long, options.readers) = (8, 0.9, vec![Behaviour::Steady; 4]);
    })
    .await;
    let quarter = times(1_500, 20_000);
    let pace = async || {
        let since = Instant::now();
        accepted(&run, quarter).await;
        since.elapsed()
    };
    pace().await;
    let before = memory_kib(&gateways[0], "VmRSS");
    let alone_took = pace().await;
    let mut still = Vec::new();
    for _ in 0..STILL {
        let options = Options { receive_buffer_bytes: Some(4096), ..Options::default() };
        let mut socket = Socket::connect_with(gateways[0].address(), options).await.unwrap();
        for room in crate::support::ROOMS {
            socket.join(room).await.unwrap();
        }
        still.push(socket);
    }
    let crowded_took: Duration = pace().await + pace().await;
    pace().await;
    pace().await;
    let grown = memory_kib(&gateways[0], "VmRSS").saturating_sub(before) / 1024;
    tell(&format!(
        "{name}: {quarter} messages took {:.1} s, with {STILL} readers that stand still twice as many {:.1} s; {grown} MiB \
         more memory",
        alone_took.as_secs_f64(),
        crowded_took.as_secs_f64()
    ));
    // Sent to 200 connections more until their buffers are full; after that they cost nothing.
    assert!(grown < GROWN_MIB_MAX, "{grown} MiB");
    // They did stand still: what the machine took for them ends in a gap.
    let mut one = still.pop().expect("there are some");
    let gap = one.wait_for("a gap", |frame| match frame {
        ServerFrame::Gap { from, to, .. } => Some(to.0 - from.0),
        _ => None,
    });
    let missed = gap.await.expect("it is told what it missed");
    drop((one, still));
    judge(
        name,
        &format!("{STILL} readers that stood still, one of them for {missed} messages"),
        &run.finish().await,
    );
}
