//! G2: what was accepted survives a power cut; what was only written does not, which shows that the cut was one.

use crate::support::{
    Mount, accepted, again, alone, choices, folder, has_tool, is_root, judge, options, run, times,
};
use rand::RngExt;
use std::{fs, path::Path};
use testkit::process::Server;

async fn power_cuts(name: &str, kind: &str) {
    let _alone = alone();
    if !(is_root(name)
        && has_tool(name, "xfs_io", "xfsprogs")
        && has_tool(name, &format!("mkfs.{kind}"), if kind == "xfs" { "xfsprogs" } else { "e2fsprogs" }))
    {
        return;
    }
    let (seed, mut choices) = choices(name);
    let folder = folder();
    let mount = Mount::image(folder.path(), kind);
    let mut options = options(folder.path());
    options.data = mount.at.join("data");
    let mut server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    let run = run(&server, seed, |_| {}).await;
    let cuts = times(5, 100);
    for cut in 0..cuts {
        accepted(&run, choices.random_range(20..60)).await;
        // Each under a name of its own: ext4 writes at once what replaces older contents.
        let witness = mount.at.join(format!("witness-{cut}"));
        not_synced(&witness);
        tokio::task::block_in_place(|| mount.cut_power());
        server.kill();
        mount.power_back();
        let left = fs::read(&witness).unwrap_or_default();
        assert!(left.is_empty(), "the power cut took nothing away");
        again(&mut server);
    }
    accepted(&run, 20).await;
    judge(name, &format!("{cuts} power cuts on {kind}"), &run.finish().await);
    server.kill();
}

/// What a power cut has to take away: the name may have come to the disk together with something else, the contents not.
fn not_synced(path: &Path) {
    fs::write(path, "not synced").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g02_a_power_cut_on_ext4_loses_nothing() {
    power_cuts("g02_power_ext4", "ext4").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g02_a_power_cut_on_xfs_loses_nothing() {
    power_cuts("g02_power_xfs", "xfs").await;
}
