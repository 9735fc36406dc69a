//! What is at the path already.

use super::*;
use redb::TableDefinition;
use std::{fs, path::Path};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The error's text is one line that names the path.
fn told(error: &OpenError, path: &Path) -> String {
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()) && text.lines().count() == 1, "{text}");
    text
}

#[tokio::test]
async fn folder_and_files_are_for_their_owner_only() {
    let engine = Embedded::default();
    engine.store().close().await;
    let files = ["accounts.redb", "messages.redb"].map(|name| engine.path().join(name));
    assert_eq!((mode(&engine.path()), mode(&files[0]), mode(&files[1])), (0o700, 0o600, 0o600));
    for path in [&engine.path(), &files[0], &files[1]] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    engine.store().close().await;
    assert_eq!((mode(&engine.path()), mode(&files[0]), mode(&files[1])), (0o700, 0o600, 0o600));
}

#[test]
fn another_file_is_told_and_left_as_it_is() {
    for content in [b"something else".as_slice(), b"x", &[7; 10_000]] {
        let engine = Embedded::default();
        fs::create_dir(engine.path()).unwrap();
        let path = engine.path().join("messages.redb");
        fs::write(&path, content).unwrap();
        let error = engine.store_with(Options::default()).unwrap_err();
        assert!(matches!(error, OpenError::NotOurs { .. }), "{error:?}");
        told(&error, &path);
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn another_program_s_database_is_not_ours() {
    const OTHER: TableDefinition<'_, &str, u64> = TableDefinition::new("other");
    let engine = Embedded::default();
    fs::create_dir(engine.path()).unwrap();
    let path = engine.path().join("accounts.redb");
    let database = redb::Database::create(&path).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(OTHER).unwrap().insert("a", 1).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = engine.store_with(Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::NotOurs { .. }), "{error:?}");
    told(&error, &path);
}

#[tokio::test]
async fn the_two_files_are_not_taken_for_one_another() {
    let engine = Embedded::default();
    engine.store().close().await;
    fs::copy(engine.path().join("accounts.redb"), engine.path().join("messages.redb")).unwrap();
    let error = engine.store_with(Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::NotOurs { .. }), "{error:?}");
}

#[tokio::test]
async fn a_later_format_is_named() {
    const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let engine = Embedded::default();
    engine.store().close().await;
    let path = engine.path().join("messages.redb");
    let database = redb::Database::open(&path).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(META).unwrap().insert("format", 2_u32.to_be_bytes().as_slice()).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = engine.store_with(Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }), "{error:?}");
    told(&error, &path);
}

/// A file of a program that knew no moderation.
#[tokio::test]
async fn tables_that_came_later_are_made_in_an_older_file() {
    const FACTS: TableDefinition<'_, (u64, u8, u64), &[u8]> = TableDefinition::new("moderation_facts");
    const MEASURES: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("moderation_log");
    const ABOUT: TableDefinition<'_, (u64, u64, u64), ()> = TableDefinition::new("moderation_about");
    let engine = Embedded::default();
    let store = engine.store();
    store.create(suite::account(7, "ada")).await.unwrap();
    store.close().await;
    let database = redb::Database::open(engine.path().join("accounts.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    assert!(txn.delete_table(FACTS).unwrap() && txn.delete_table(MEASURES).unwrap());
    assert!(txn.delete_table(ABOUT).unwrap());
    txn.commit().unwrap();
    drop(database);
    let store = engine.store();
    assert_eq!(store.facts(RoomId(1)).await, Ok(vec![]));
    let measures = suite::moderation::all_kinds(1, 10);
    store.measure(measures.clone()).await.unwrap();
    store.close().await;
    let store = engine.store();
    assert_eq!(store.measures(RoomId(1), Seq(u64::MAX), 100).await.unwrap().len(), measures.len());
    assert!(store.by_name("ada").await.unwrap().is_some());
    store.close().await;
}

#[tokio::test]
async fn a_second_one_is_locked_out_until_the_first_is_closed() {
    let engine = Embedded::default();
    let first = engine.store();
    let error = engine.store_with(Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
    told(&error, &engine.path().join("accounts.redb"));
    first.close().await;
    engine.store().close().await;
}

#[test]
fn a_file_in_place_of_the_folder_is_told() {
    let engine = Embedded::default();
    fs::write(engine.path(), "a file").unwrap();
    let error = engine.store_with(Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
    told(&error, &engine.path());
}

#[tokio::test]
async fn empty_files_are_new_ones() {
    let engine = Embedded::default();
    fs::create_dir(engine.path()).unwrap();
    fs::write(engine.path().join("accounts.redb"), "").unwrap();
    fs::write(engine.path().join("messages.redb"), "").unwrap();
    let store = engine.store();
    assert_eq!(store.healthy().await, Ok(()));
    store.close().await;
}
