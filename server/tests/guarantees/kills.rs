//! G1: whatever instant the process is killed at, what was accepted is there when it is back.

use crate::support::{
    Attached, accepted, again, alone, choices, folder, has_tool, judge, run, server, strace, times,
};
use rand::RngExt;
use std::time::Duration;
use testkit::process::Error;

/// SIGKILL at chance instants under load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g01_kills_at_random_instants_lose_nothing() {
    let _alone = alone();
    let (seed, mut choices) = choices("g01_kills");
    let folder = folder();
    let mut server = server(folder.path());
    let run = run(&server, seed, |_| {}).await;
    let kills = times(100, 1_000);
    for _ in 0..kills {
        accepted(&run, choices.random_range(0..20)).await;
        // The instant is the fault: not after something, but between.
        tokio::time::sleep(Duration::from_micros(choices.random_range(0..8_000))).await;
        server.kill();
        again(&mut server);
    }
    accepted(&run, 20).await;
    let counts = judge("g01_kills", &format!("{kills} kills"), &run.finish().await);
    assert!(counts.accepted > kills, "too little was accepted between the kills: {counts:?}");
}

/// SIGKILL when a thread enters its Nth sync: between "written" and "durable", in the log, in the store, and while
/// opening after the kill before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g01_kills_exactly_at_a_sync_lose_nothing() {
    let _alone = alone();
    if !has_tool("g01_kills_at_syncs", "strace", "strace") {
        return;
    }
    let (seed, _) = choices("g01_kills_at_syncs");
    let folder = folder();
    let mut server = server(folder.path());
    let run = run(&server, seed, |_| {}).await;
    accepted(&run, 20).await;
    let (mut opening, mut working) = (0, 0);
    for _ in 0..times(1, 10) {
        for nth in 1..=10 {
            let kill = format!("inject=fdatasync,fsync:signal=KILL:when={nth}");
            let kill = ["-e", "trace=fdatasync,fsync", "-e", &kill];
            // The writers bring it to the sync.
            let attached = Attached::to(&server, &kill);
            let _ = tokio::task::block_in_place(|| server.wait());
            drop(attached);
            working += 1;
            server.options_mut().wrapper = strace(&kill);
            match tokio::task::block_in_place(|| server.start_again()) {
                Ok(()) => server.kill(),
                Err(Error::Ended { .. }) => opening += 1,
                Err(error) => panic!("{error}"),
            }
            server.options_mut().wrapper.clear();
            again(&mut server);
            accepted(&run, 20).await;
        }
    }
    let faults = format!("{working} kills at a sync under load, {opening} while opening");
    judge("g01_kills_at_syncs", &faults, &run.finish().await);
    assert!(opening > 0, "no kill hit a server that opens its files");
}
