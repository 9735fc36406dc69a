//! A disk that fails: nothing is acknowledged that is not there, and nobody is left without an answer.

use super::{assert_texts, copy_folder, open, open_watched, read_all, text, write, write_texts};
use crate::{
    AppendError, EventLog, Offset, Partition, ReadError,
    embedded::{EmbeddedLog, files::Fault},
};
use bytes::Bytes;
use std::{
    io::ErrorKind,
    sync::{Arc, mpsc},
};
use tempfile::TempDir;

const P0: Partition = Partition(0);

async fn no_space_to_space(log: &EmbeddedLog) {
    // The writer tries the disk every millisecond; there is no wait for it in the contract.
    while log.healthy().is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_failed_sync_closes_the_log_for_good() {
    let base = TempDir::new().expect("a temporary folder");
    let (log, watch) = open_watched(base.path());
    write_texts(&log, 10).await;
    *watch.fault.lock() = Some(Fault::Sync(ErrorKind::Other));
    let hold = log.hold();
    let under_way: Vec<_> =
        (11..20).map(|i| log.append(P0, Bytes::from(text(0, i))).expect("taken")).collect();
    let waiting = log.wait_past(P0, Offset(10));
    drop(hold);
    for append in under_way {
        assert!(matches!(append.await, Err(AppendError::Unknown(_))));
    }
    assert!(matches!(waiting.await, Err(ReadError::Unavailable(_))), "nothing more will come");
    assert_eq!(log.bounds(P0).expect("it exists").last, Offset(10), "what is not durable is not seen");
    *watch.fault.lock() = None;
    assert!(
        matches!(write(&log, "later").await, Err(AppendError::Unavailable(_))),
        "a failed sync is not retried"
    );
    assert!(matches!(log.trim(P0, Offset(1)).await, Err(ReadError::Unavailable(_))));
    let health = log.healthy().expect_err("not healthy");
    assert!(health.contains("until the next start"), "{health}");
    log.close().await;
    log.healthy().expect_err("closing does not make it healthy");
    drop(log);

    let log = open(base.path());
    let records = read_all(&log, P0).await.expect("readable");
    assert!(records.len() >= 10, "all that was acknowledged is there");
    assert_texts(&records, 0);
    assert_eq!(write(&log, "again").await, Ok(Offset(records.len() as u64 + 1)));
}

#[tokio::test]
async fn a_failed_write_closes_the_log_for_good() {
    let base = TempDir::new().expect("a temporary folder");
    let (log, watch) = open_watched(base.path());
    write_texts(&log, 10).await;
    *watch.fault.lock() = Some(Fault::Write(ErrorKind::Other));
    assert!(matches!(write(&log, text(0, 11)).await, Err(AppendError::Unknown(_))));
    *watch.fault.lock() = None;
    log.healthy().expect_err("not healthy");
    drop(log);
    let records = read_all(&open(base.path()), P0).await.expect("readable");
    assert_eq!(records.len(), 10);
}

#[tokio::test]
async fn a_full_disk_refuses_and_later_takes_again() {
    let base = TempDir::new().expect("a temporary folder");
    let (log, watch) = open_watched(base.path());
    write_texts(&log, 10).await;
    for round in 0..3 {
        let last = 10 + round;
        *watch.fault.lock() = Some(Fault::Write(ErrorKind::StorageFull));
        let hold = log.hold();
        let under_way: Vec<_> =
            (0..5).map(|_| log.append(P0, Bytes::from_static(b"no")).expect("taken")).collect();
        drop(hold);
        for append in under_way {
            assert_eq!(append.await, Err(AppendError::StorageFull));
        }
        assert_eq!(write(&log, "no").await, Err(AppendError::StorageFull));
        let health = log.healthy().expect_err("not healthy");
        assert!(health.contains("no space"), "{health}");
        assert_eq!(log.bounds(P0).expect("it exists").last, Offset(last));

        *watch.fault.lock() = None;
        no_space_to_space(&log).await;
        assert_eq!(
            write(&log, text(0, last + 1)).await,
            Ok(Offset(last + 1)),
            "refused records took no offset"
        );
        assert_texts(&read_all(&log, P0).await.expect("readable"), 0);
    }
    log.close().await;
    drop(log);
    let records = read_all(&open(base.path()), P0).await.expect("readable");
    assert_texts(&records, 0);
    assert_eq!(records.len(), 13);
}

#[tokio::test]
async fn room_inside_the_file_is_found_without_room_on_the_disk() {
    let base = TempDir::new().expect("a temporary folder");
    let (log, watch) = open_watched(base.path());
    write_texts(&log, 10).await;
    *watch.fault.lock() = Some(Fault::Write(ErrorKind::StorageFull));
    assert_eq!(write(&log, "no").await, Err(AppendError::StorageFull));
    *watch.fault.lock() = Some(Fault::Probe(ErrorKind::StorageFull));
    let trim = log.trim(P0, Offset(5));
    no_space_to_space(&log).await;
    assert_eq!(trim.await, Ok(()), "retention goes on by itself");
    assert_eq!(write(&log, "yes").await, Ok(Offset(11)));
}

#[tokio::test]
async fn a_full_disk_can_be_closed() {
    let base = TempDir::new().expect("a temporary folder");
    let (log, watch) = open_watched(base.path());
    write_texts(&log, 10).await;
    *watch.fault.lock() = Some(Fault::Write(ErrorKind::StorageFull));
    assert_eq!(write(&log, "no").await, Err(AppendError::StorageFull));
    log.close().await;
    *watch.fault.lock() = None;
    drop(log);
    assert_eq!(read_all(&open(base.path()), P0).await.expect("readable").len(), 10);
}

#[tokio::test]
async fn a_panic_of_the_library_is_an_error_like_others() {
    let base = TempDir::new().expect("a temporary folder");
    let (log, watch) = open_watched(base.path());
    write_texts(&log, 10).await;
    *watch.fault.lock() = Some(Fault::Panic);
    assert!(matches!(write(&log, text(0, 11)).await, Err(AppendError::Unknown(_))));
    *watch.fault.lock() = None;
    log.healthy().expect_err("not healthy");
    log.close().await;
    drop(log);
    assert_texts(&read_all(&open(base.path()), P0).await.expect("readable"), 0);
}

/// Stops the writer at each sync of a commit. There, nothing is seen yet, the next group gathers, and the files are what
/// a process killed at this instant would leave.
#[tokio::test]
async fn a_kill_at_any_sync_loses_nothing_acknowledged() {
    let base = TempDir::new().expect("a temporary folder");
    let path = base.path().join("log");
    let (log, watch) = open_watched(&path);
    write_texts(&log, 10).await;
    let (entered_sender, entered) = mpsc::channel();
    let (release, release_receiver) = mpsc::channel();
    *watch.fault.lock() = Some(Fault::GateSync { entered: entered_sender, release: release_receiver });
    let log = Arc::new(log);
    let mut syncs = 0;
    for round in 0..5 {
        let last = 10 + round;
        let mut append = log.append(P0, Bytes::from(text(0, last + 1))).expect("taken");
        loop {
            entered.recv().expect("the writer syncs");
            syncs += 1;
            assert_eq!(log.bounds(P0).expect("it exists").last, Offset(last), "not durable, not seen");
            let none = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(std::pin::Pin::new(&mut append).poll(cx).is_pending())
            });
            assert!(none.await, "not durable, not acknowledged");

            let image = base.path().join(format!("killed at {syncs}"));
            copy_folder(&path, &image);
            let killed = open(&image);
            let records = read_all(&killed, P0).await.expect("readable");
            assert!(records.len() as u64 >= last, "killed at sync {syncs}: an acknowledged record is lost");
            assert!(records.len() as u64 <= last + 1);
            assert_texts(&records, 0);

            release.send(()).expect("the writer waits");
            // A commit has two syncs, and more when the file grows: after the last of them the answer comes.
            if syncs % 2 == 0 {
                break;
            }
        }
        assert_eq!(append.await, Ok(Offset(last + 1)));
    }
    drop(release);
    drop(entered);
    *watch.fault.lock() = None;
    log.close().await;
}
