//! Promises of [`CheckpointStore`](crate::CheckpointStore), and of the end of a store.

use super::{Engine, T0, account, hash, line, moderation::all_kinds, token};
use crate::{AccountChange, Checkpoint, Page, SessionStore, StoreError};
use chat::{account::Family, time::Millis};
use protocol::ids::{RoomId, Seq, UserId};

fn at(epoch: &str, offset: u64) -> Checkpoint {
    Checkpoint { epoch: epoch.into(), offset }
}

/// A consumer that has not begun.
pub async fn none_before_the_first(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(store.load("persister", 0).await, Ok(None));
}

/// Names that begin alike, and partitions.
pub async fn each_consumer_and_partition_has_its_own(engine: &impl Engine) {
    let store = engine.open().await;
    let all = [("p", 0, 1), ("p", 1, 2), ("p", u32::MAX, 3), ("p1", 0, 4), ("", 0, 5), ("P", 0, 6)];
    for (consumer, partition, offset) in all {
        assert_eq!(store.save(consumer, partition, at("e", offset)).await, Ok(()));
    }
    for (consumer, partition, offset) in all {
        assert_eq!(
            store.load(consumer, partition).await,
            Ok(Some(at("e", offset))),
            "{consumer:?}/{partition}"
        );
    }
    assert_eq!(store.load("p", 2).await, Ok(None));
    assert_eq!(store.load("p2", 0).await, Ok(None));
}

/// Forwards, backwards and into another log: the consumer says where it stands.
pub async fn the_last_one_counts(engine: &impl Engine) {
    let store = engine.open().await;
    for checkpoint in [at("e", 5), at("e", 5), at("e", u64::MAX), at("e", 0), at("another log", 3)] {
        assert_eq!(store.save("persister", 3, checkpoint.clone()).await, Ok(()));
        assert_eq!(store.load("persister", 3).await, Ok(Some(checkpoint)));
    }
}

/// `healthy` and `close`; no call works, hangs or panics afterwards.
pub async fn a_closed_store_says_so(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(store.healthy().await, Ok(()));
    store.write(vec![line(1, 1)]).await.expect("write");
    store.close().await;
    store.close().await;
    assert!(store.healthy().await.is_err());
    fn refused<T: std::fmt::Debug>(answer: &Result<T, StoreError>) {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    refused(&store.write(vec![line(1, 2)]).await);
    refused(&store.page(RoomId(1), Page::Latest, 10).await);
    refused(&store.message(RoomId(1), line(1, 1).message.id).await);
    refused(&store.expire(Millis(u64::MAX), 10).await);
    refused(&store.measure(all_kinds(1, 10)).await);
    refused(&store.facts(RoomId(1)).await);
    refused(&store.deleted(RoomId(1), vec![Seq(1)]).await);
    refused(&store.measures(RoomId(1), Seq(9), 10).await);
    refused(&store.measures_about(RoomId(1), UserId(1), 10).await);
    refused(&store.create(account(1, "ada")).await);
    refused(&store.by_name("ada").await);
    refused(&store.by_id(UserId(1)).await);
    refused(&store.update(UserId(1), AccountChange::default()).await);
    refused(&SessionStore::open(&*store, hash(1), token(1, 1, T0 + 1)).await);
    refused(&store.rotate(hash(1), hash(2), Millis(T0 + 2), Millis(T0)).await);
    refused(&store.token(hash(1)).await);
    refused(&store.revoke_family(Family(1)).await);
    refused(&store.revoke_user(UserId(1)).await);
    refused(&store.sweep(Millis(T0)).await);
    refused(&store.load("persister", 0).await);
    refused(&store.save("persister", 0, at("e", 1)).await);
    store.close().await;
}
