//! Full and failing disks.

use super::*;
use std::io::ErrorKind;

#[tokio::test]
async fn on_a_nearly_full_disk_reads_and_what_gives_room_go_on() {
    let engine = Embedded::default();
    let store = engine.store();
    store.write(lines(1, 1..=5)).await.unwrap();
    store.create(suite::account(7, "ada")).await.unwrap();
    SessionStore::open(&store, suite::hash(1), suite::token(7, 1, suite::T0 + 5)).await.unwrap();
    store.close().await;

    let options = Options { space_reserve_bytes: u64::MAX, ..Options::default() };
    let store = engine.store_with(options).unwrap();
    assert_eq!(store.write(lines(1, 6..=6)).await, Err(StoreError::Full));
    assert_eq!(store.create(suite::account(8, "bob")).await, Err(StoreError::Full));
    assert_eq!(store.update(UserId(7), AccountChange::default()).await, Err(StoreError::Full));
    assert_eq!(
        SessionStore::open(&store, suite::hash(2), suite::token(7, 2, 9)).await,
        Err(StoreError::Full)
    );
    assert_eq!(store.save("persister", 0, checkpoint(1)).await, Err(StoreError::Full));
    assert_eq!(places(&store, 1).await, Ok(vec![1, 2, 3, 4, 5]));
    assert_eq!(store.by_name("ada").await, Ok(Some(suite::account(7, "ada"))));
    assert_eq!(store.healthy().await, Ok(()));
    assert_eq!(store.expire(Millis(u64::MAX), 2).await, Ok(2));
    assert_eq!(store.revoke_user(UserId(7)).await, Ok(vec![Family(1)]));
    store.close().await;
}

#[tokio::test]
async fn a_write_into_a_full_disk_is_undone_and_the_file_comes_back() {
    let engine = Embedded::default();
    let options = Options::default();
    let faults = Arc::clone(&options.faults);
    let store = engine.store_with(options).unwrap();
    store.write(lines(1, 1..=5)).await.unwrap();
    for round in 0..3 {
        faults.write.set(Some(ErrorKind::StorageFull));
        assert_eq!(store.write(lines(1, 6..=9)).await, Err(StoreError::Full), "round {round}");
        assert_eq!(store.write(lines(1, 6..=9)).await, Err(StoreError::Full), "round {round}, still full");
        faults.write.set(None);
        assert_eq!(places(&store, 1).await, Ok(vec![1, 2, 3, 4, 5]), "round {round}: nothing of it is there");
        assert_eq!(store.healthy().await, Ok(()));
    }
    assert_eq!(store.write(lines(1, 6..=9)).await, Ok(()));
    assert_eq!(places(&store, 1).await, Ok((1..=9).collect()));
    store.close().await;
    let store = engine.store();
    assert_eq!(places(&store, 1).await, Ok((1..=9).collect()));
    store.close().await;
}

#[tokio::test]
async fn after_a_failed_fsync_nothing_is_promised_any_more() {
    for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
        let engine = Embedded::default();
        let options = Options::default();
        let faults = Arc::clone(&options.faults);
        let store = engine.store_with(options).unwrap();
        store.create(suite::account(7, "ada")).await.unwrap();
        store.write(lines(1, 1..=5)).await.unwrap();
        faults.sync.set(Some(kind));
        let unavailable = |answer: Result<(), StoreError>| {
            assert!(matches!(&answer, Err(StoreError::Unavailable(_))), "{kind:?}: {answer:?}");
        };
        unavailable(store.create(suite::account(8, "bob")).await.map(drop));
        unavailable(store.write(lines(1, 6..=9)).await);
        faults.sync.set(None);
        unavailable(store.create(suite::account(8, "bob")).await.map(drop));
        unavailable(store.by_name("ada").await.map(drop));
        unavailable(places(&store, 1).await.map(drop));
        unavailable(store.save("persister", 0, checkpoint(1)).await);
        assert!(store.healthy().await.is_err_and(|why| why.contains("accounts.redb")));
        store.close().await;

        let store = engine.store();
        assert_eq!(
            store.by_name("ada").await,
            Ok(Some(suite::account(7, "ada"))),
            "what was answered is there"
        );
        let rows = places(&store, 1).await.unwrap();
        assert!(
            rows == [1, 2, 3, 4, 5] || rows == (1..=9).collect::<Vec<_>>(),
            "all of a batch or none: {rows:?}"
        );
        store.close().await;
    }
}

#[tokio::test]
async fn another_error_of_the_disk_is_for_good_as_well() {
    let engine = Embedded::default();
    let options = Options::default();
    let faults = Arc::clone(&options.faults);
    let store = engine.store_with(options).unwrap();
    faults.write.set(Some(ErrorKind::Other));
    assert!(matches!(store.write(lines(1, 1..=5)).await, Err(StoreError::Unavailable(_))));
    faults.write.set(None);
    assert!(matches!(store.write(lines(1, 1..=5)).await, Err(StoreError::Unavailable(_))));
    assert_eq!(store.create(suite::account(7, "ada")).await, Ok(Created::Yes), "the other file is as it was");
    store.close().await;
}
