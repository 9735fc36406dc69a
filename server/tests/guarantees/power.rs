//! G2: what was accepted survives a power cut; what was only written does not, which shows that the cut was one.

use crate::support::{
    Attached, Mount, accepted, again, alone, choices, folder, has_tool, is_root, judge, options, run, tell,
    times,
};
use rand::RngExt;
use std::{fs, path::Path, time::Duration};
use testkit::{
    checker::{self, Rule},
    process::{Error, Server},
};

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

/// The control: the same cut with syncs that do nothing must be found out, or the tests above prove nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g02_without_syncs_the_same_cut_is_found_out() {
    let _alone = alone();
    let name = "g02_control";
    if !(is_root(name) && has_tool(name, "xfs_io", "xfsprogs") && has_tool(name, "strace", "strace")) {
        return;
    }
    let (seed, _) = choices(name);
    let folder = folder();
    let mount = Mount::image(folder.path(), "ext4");
    let mut options = options(folder.path());
    options.data = mount.at.join("data");
    let mut server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    let run = run(&server, seed, |options| {
        // Its readers wait for what will never come.
        options.give_up = Duration::from_secs(5);
    })
    .await;
    accepted(&run, 20).await;
    let lying =
        Attached::to(&server, &["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:retval=0"]);
    accepted(&run, 100).await;
    tokio::task::block_in_place(|| mount.cut_power());
    server.kill();
    drop(lying);
    mount.power_back();
    match tokio::task::block_in_place(|| server.start_again()) {
        Ok(()) => {
            let report = checker::check(&run.finish().await);
            let lost = report.count(Rule::LostWrite);
            tell(&format!(
                "{name}: syncs that do nothing and a power cut: {lost} accepted messages found missing"
            ));
            assert!(lost > 0, "{report}");
        }
        // Half of it came to the disk by chance: found out even earlier.
        Err(Error::Ended { status, log }) => {
            tell(&format!("{name}: syncs that do nothing and a power cut: the start is refused"));
            assert_eq!(status.code(), Some(74), "{log}");
        }
        Err(error) => panic!("{error}"),
    }
    server.kill();
}
