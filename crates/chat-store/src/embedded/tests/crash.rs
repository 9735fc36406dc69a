//! What is there when the process ends without a word. A copy of the open files is what a killed process leaves.

use super::*;
use std::fs;

impl Embedded {
    /// Another engine with what a crash would leave at this moment.
    fn crashed(&self) -> Self {
        let other = Self::default();
        fs::create_dir(other.path()).unwrap();
        for name in ["accounts.redb", "messages.redb"] {
            fs::copy(self.path().join(name), other.path().join(name)).unwrap();
        }
        other
    }
}

#[tokio::test]
async fn a_checkpoint_is_never_newer_than_the_rows() {
    let engine = Embedded::default();
    let store = engine.store();
    for batch in 1..=20_u64 {
        let last = batch * 5;
        store.write(lines(1, last - 4..=last)).await.unwrap();
        for saved in [false, true] {
            if saved {
                store.save("persister", 0, checkpoint(last)).await.unwrap();
            }
            let after = engine.crashed().store();
            let rows = places(&after, 1).await.unwrap();
            assert_eq!(rows, (1..=last).collect::<Vec<_>>(), "what was answered is there");
            let at = after.load("persister", 0).await.unwrap().map_or(0, |at| at.offset);
            assert!(at <= last, "the checkpoint {at} is newer than the rows up to {last}");
            assert!(at + 10 >= last, "the checkpoint {at} is more than one batch behind {last}");
            after.close().await;
        }
    }
    store.close().await;
}

#[tokio::test]
async fn checkpoints_without_rows_are_durable_now_and_then() {
    let engine = Embedded::default();
    let store = engine.store();
    let saves = u64::from(SAVES_LOOSE_MAX) + 1;
    for offset in 1..=saves + 5 {
        store.save("analytics", 0, checkpoint(offset)).await.unwrap();
    }
    let after = engine.crashed().store();
    assert_eq!(after.load("analytics", 0).await, Ok(Some(checkpoint(saves))));
    after.close().await;
    store.close().await;
    let store = engine.store();
    assert_eq!(store.load("analytics", 0).await, Ok(Some(checkpoint(saves + 5))), "closing keeps the last");
    store.close().await;
}

#[tokio::test]
async fn accounts_and_revocations_are_there_at_once() {
    let engine = Embedded::default();
    let store = engine.store();
    for n in 1..=5 {
        store.create(suite::account(n, &format!("name{n}"))).await.unwrap();
        SessionStore::open(&store, suite::hash(n), suite::token(n, u128::from(n), suite::T0)).await.unwrap();
        if n > 1 {
            store.revoke_user(UserId(n - 1)).await.unwrap();
        }
        let after = engine.crashed().store();
        assert!(after.by_name(&format!("name{n}")).await.unwrap().is_some());
        assert!(after.token(suite::hash(n)).await.unwrap().is_some());
        assert_eq!(after.token(suite::hash(n - 1)).await, Ok(None), "a crash gives nobody a session back");
        after.close().await;
    }
    store.close().await;
}

#[tokio::test]
async fn a_write_nobody_waits_for_is_whole_or_not_there() {
    let engine = Embedded::default();
    let store = engine.store();
    for n in 0..10 {
        let mut write = store.write(lines(1, n * 100 + 1..=n * 100 + 100));
        // Polled once, then dropped: its call may have begun.
        let _ = std::future::poll_fn(|cx| std::task::Poll::Ready(write.as_mut().poll(cx))).await;
        drop(write);
    }
    store.write(lines(2, 1..=1)).await.unwrap();
    let rows = places(&store, 1).await.unwrap();
    assert_eq!(rows.len() % 100, 0);
    store.close().await;
}
