//! G3 and G4: a disk whose syncs fail, and one that is full.

use crate::support::{
    Attached, Mount, accepted, again, alone, choices, folder, has_tool, is_root, judge, options, run, server,
    tell,
};
use client::{Rest, Socket};
use protocol::codes::ErrorCode;
use std::{fs, io::Write as _};
use testkit::process::Server;

/// From one sync on all fail. The disk then loses power, so that whatever was told on the strength of a failed sync is
/// gone, and would be missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g03_after_a_failed_sync_nothing_is_accepted_and_the_process_ends() {
    let _alone = alone();
    let name = "g03_failed_sync";
    if !(is_root(name) && has_tool(name, "strace", "strace") && has_tool(name, "xfs_io", "xfsprogs")) {
        return;
    }
    let (seed, _) = choices(name);
    let folder = folder();
    let mount = Mount::image(folder.path(), "ext4");
    let mut options = options(folder.path());
    options.data = mount.at.join("data");
    let mut server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    let run = run(&server, seed, |_| {}).await;
    let rounds = 3;
    for _ in 0..rounds {
        accepted(&run, 50).await;
        let attached =
            Attached::to(&server, &["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"]);
        let status = tokio::task::block_in_place(|| server.wait()).unwrap();
        drop(attached);
        let log = server.log_tail();
        assert_eq!(status.code(), Some(74), "{log}");
        assert!(log.lines().any(|line| line.starts_with("twitchy: ") && line.contains("log")), "{log}");
        mount.cut_power();
        mount.power_back();
        again(&mut server);
    }
    accepted(&run, 20).await;
    judge(name, &format!("{rounds} times all syncs failed, then a power cut"), &run.finish().await);
    server.kill();
}

/// The syncs of the history's file alone fail: the log carries on, over every edge, and nothing is missing afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g03_a_failing_store_takes_nothing_from_the_chat() {
    let _alone = alone();
    let name = "g03_failing_store";
    if !has_tool(name, "strace", "strace") {
        return;
    }
    let (seed, _) = choices(name);
    let folder = folder();
    let mut server = server(folder.path());
    let run = run(&server, seed, |_| {}).await;
    accepted(&run, 50).await;
    let messages = folder.path().canonicalize().unwrap().join("data/store/messages.redb");
    let path = messages.display().to_string();
    let attached = Attached::to(
        &server,
        &["-P", &path, "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"],
    );
    accepted(&run, 300).await;
    drop(attached);
    assert!(server.log_tail().contains("store"), "the log does not tell of it:\n{}", server.log_tail());
    server.kill();
    again(&mut server);
    accepted(&run, 20).await;
    judge(name, "the store's syncs failed until the next start", &run.finish().await);
}

/// A disk that fills up and is freed again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g04_on_a_full_disk_sends_are_refused_reads_go_on_and_space_brings_them_back() {
    let _alone = alone();
    let name = "g04_full_disk";
    if !is_root(name) {
        return;
    }
    let (seed, _) = choices(name);
    let folder = folder();
    let mount = Mount::memory(folder.path(), 128);
    let mut options = options(folder.path());
    options.data = mount.at.join("data");
    let mut server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    let run = run(&server, seed, |options| options.rate = 400.0).await;
    let rest = Rest::new(server.address());
    let user = rest.register("filler", "a disk is full").await.unwrap();
    let rounds = 3;
    for round in 0..rounds {
        accepted(&run, 200).await;
        fill(&mount);
        let refused = run.progress().rejected;
        while run.progress().rejected < refused + 20 {
            tokio::task::yield_now().await;
        }
        let mut socket = Socket::connect(server.address()).await.unwrap();
        let joined = socket.join("bestie").await.expect("one can join while the disk is full");
        assert_eq!(joined.history.len(), 10);
        socket.auth(&user.access_token).await.expect("one can log in while the disk is full");
        let error =
            socket.send_text("bestie", "is there space?", &format!("full-{round}")).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::StorageFull), "{error}");
        let error = rest.bearer(&user.access_token).send("bestie", "and here?", None).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::StorageFull), "{error}");
        let page = rest.latest("bestie", 50).await.expect("history can be read while the disk is full");
        assert_eq!(page.messages.len(), 50);
        fs::remove_file(mount.at.join("ballast")).unwrap();
        accepted(&run, 200).await;
    }
    tell(&format!("{name}: filled and freed {rounds} times"));
    let counts = judge(name, &format!("{rounds} times full"), &run.finish().await);
    assert!(counts.rejected.get("storage_full").is_some_and(|count| *count >= 60), "{counts:?}");
    assert_eq!(server.terminate().unwrap().code(), Some(0));
}

/// Down to the last byte, also what the server gives back meanwhile.
fn fill(mount: &Mount) {
    let mut ballast = fs::File::create(mount.at.join("ballast")).unwrap();
    for block in [vec![7_u8; 1 << 20], vec![7; 4096], vec![7; 1]] {
        while ballast.write_all(&block).is_ok() {}
    }
}
