//! Files that changed behind our back: told, never passed over, never a panic.

use super::*;
use std::{fs, path::Path};

/// Flips a bit of the byte behind the first place where `needle` stands; says how often it stands there.
fn flip_behind(path: &Path, needle: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<_> =
        bytes.windows(needle.len()).enumerate().filter(|(_, w)| *w == needle).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the text is not in the file");
    // Pages that were replaced may still hold it.
    for at in places {
        bytes[at + needle.len()] ^= 1;
    }
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_row_is_told_and_spares_the_others() {
    let engine = Embedded::default();
    let store = engine.store();
    store.write([lines(1, 1..=9), lines(2, 1..=9)].concat()).await.unwrap();
    store.close().await;
    flip_behind(&engine.path().join("messages.redb"), b"skibidi 1/5");
    let store = engine.store_with(Options { check_pages: false, ..Options::default() }).unwrap();
    let answer = places(&store, 1).await;
    assert!(
        matches!(&answer, Err(StoreError::Damaged(what)) if what.contains("room 1, place 5")),
        "{answer:?}"
    );
    let answer = store.message(RoomId(1), suite::id(1, 5)).await;
    assert!(matches!(answer, Err(StoreError::Damaged(_))), "{answer:?}");
    let after = store.page(RoomId(1), Page::After(protocol::ids::Seq(5)), 10).await.unwrap();
    assert_eq!(suite::places(&after), [6, 7, 8, 9]);
    assert_eq!(places(&store, 2).await.unwrap().len(), 9);
    assert_eq!(store.expire(Millis(u64::MAX), 100).await, Ok(18), "it can be given up");
    assert_eq!(places(&store, 1).await, Ok(vec![]));
}

#[tokio::test]
async fn a_damaged_page_of_messages_stops_the_start() {
    let engine = Embedded::default();
    let store = engine.store();
    store.write(lines(1, 1..=9)).await.unwrap();
    store.close().await;
    flip_behind(&engine.path().join("messages.redb"), b"skibidi 1/5");
    let error = engine.store_with(Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("filled anew from the log"), "{error}");
}

#[tokio::test]
async fn a_damaged_account_or_token_stops_the_start() {
    for needle in [b"$argon2id".as_slice(), &suite::hash(1).0] {
        let engine = Embedded::default();
        let store = engine.store();
        store.create(suite::account(7, "ada")).await.unwrap();
        SessionStore::open(&store, suite::hash(1), suite::token(7, 1, suite::T0)).await.unwrap();
        store.close().await;
        let path = engine.path().join("accounts.redb");
        flip_behind(&path, needle);
        let error = engine.store_with(Options::default()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("restore it from a backup") && text.lines().count() == 1, "{text}");
    }
}

#[tokio::test]
async fn files_that_were_cut_off_are_told() {
    let engine = Embedded::default();
    let store = engine.store();
    store.write(lines(1, 1..=500)).await.unwrap();
    store.create(suite::account(7, "ada")).await.unwrap();
    store.close().await;
    for name in ["accounts.redb", "messages.redb"] {
        let path = engine.path().join(name);
        let whole = fs::read(&path).unwrap();
        for len in [1, 8, 9, 100, 4_096, 5_000, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..len]).unwrap();
            let opened = engine.store_with(Options::default());
            // Cut to a part of its first bytes, it is nobody's file any more.
            let told = match &opened {
                Err(OpenError::Damaged { .. }) => len >= 9,
                Err(OpenError::NotOurs { .. }) => len < 9,
                // The system speaks of the end of the file.
                Err(OpenError::Io { source, .. }) => source.kind() == std::io::ErrorKind::UnexpectedEof,
                // The end of the file is free space.
                Ok(store) if name == "messages.redb" => {
                    places(store, 1).await.map_or(true, |rows| rows.len() == 500)
                }
                Ok(store) => store.by_name("ada").await.map_or(true, |ada| ada.is_some()),
                Err(_) => false,
            };
            assert!(told, "{name} cut to {len} bytes: {opened:?}");
            drop(opened);
        }
        fs::write(&path, whole).unwrap();
    }
}

/// Bytes here and there, in every region of the file that is in use. What is given out is what was written.
#[tokio::test]
async fn no_damaged_byte_makes_a_row_say_something_else() {
    let engine = Embedded::default();
    let store = engine.store();
    let rows = lines(1, 1..=300);
    store.write(rows.clone()).await.unwrap();
    store.close().await;
    let path = engine.path().join("messages.redb");
    let whole = fs::read(&path).unwrap();
    // Pages that hold anything, and of each a byte every so often.
    let places: Vec<usize> = (0..whole.len())
        .step_by(4_096)
        .filter(|&page| whole[page..].iter().take(4_096).any(|&byte| byte != 0))
        .flat_map(|page| (page + 7..whole.len().min(page + 4_096)).step_by(331))
        .collect();
    let (mut told, mut whole_again) = (0, 0);
    // Whether all pages are checked at the start, or each row only when it is read.
    for (at, check_pages) in places.into_iter().zip([true, false].into_iter().cycle()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        let Ok(store) = engine.store_with(Options { check_pages, ..Options::default() }) else {
            told += 1;
            continue;
        };
        match store.page(RoomId(1), Page::Latest, 1_000).await {
            Ok(page) if page == rows => whole_again += 1,
            Ok(page) => {
                assert!(!check_pages, "byte {at}: rows are missing without a word");
                assert!(page.iter().all(|row| rows.contains(row)), "byte {at}: a row nobody wrote");
            }
            Err(StoreError::Damaged(_)) => told += 1,
            Err(error) => panic!("byte {at}: {error:?}"),
        }
        for row in rows.iter().step_by(50) {
            match store.message(RoomId(1), row.message.id).await {
                Ok(Some(found)) => assert_eq!(found, *row, "byte {at}"),
                Ok(None) | Err(StoreError::Damaged(_)) => {}
                Err(error) => panic!("byte {at}: {error:?}"),
            }
        }
        store.close().await;
    }
    assert!(told > 20 && whole_again > 20, "the test hits rows ({told}) and what is no row ({whole_again})");
}
