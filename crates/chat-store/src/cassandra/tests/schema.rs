//! Migrating and opening: alone, at once, older, newer, changed, and with wrong settings.

use super::*;
use crate::cassandra::migrations::{MIGRATIONS, Migration, migrate_with, wanted};
use std::net::TcpListener;

async fn refused(options: Options) -> OpenError {
    CassandraStore::open(options).await.expect_err("it must not open")
}

/// The migrations there are and one more.
fn and(cql: &'static str) -> Vec<Migration> {
    let copy = |m: &Migration| Migration { number: m.number, name: m.name, cql: m.cql };
    let next = Migration { number: wanted() + 1, name: "next", cql };
    MIGRATIONS.iter().map(copy).chain([next]).collect()
}

/// Makes a statement; says how many rows it gave.
async fn raw(options: &Options, cql: &str) -> usize {
    let session = client::connect(options, None).await.expect("connect");
    let cql = cql.replace("KS.", &format!("{}.", options.keyspace));
    let answer = session.query_unpaged(cql, ()).await.expect("query");
    answer.into_rows_result().map_or(0, |rows| rows.rows_num())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyspace_is_made_once() {
    let cassandra = Cassandra::default();
    let options = cassandra.options.clone();
    assert_eq!(refused(options.clone()).await, OpenError::NotMigrated { found: None, wanted: wanted() });
    let all: Vec<_> =
        MIGRATIONS.iter().map(|m| Applied { number: m.number, name: m.name.to_owned() }).collect();
    assert_eq!(migrate(&options).await, Ok(all));
    assert_eq!(migrate(&options).await, Ok(vec![]));
    CassandraStore::open(options).await.expect("open");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_migrations_at_once_one_does_it() {
    let cassandra = Cassandra::default();
    let options = cassandra.options.clone();
    let all = (0..4).map(|_| {
        let options = options.clone();
        tokio::spawn(async move { migrate(&options).await })
    });
    let mut applied = 0;
    for one in all.collect::<Vec<_>>() {
        applied += one.await.expect("the task runs to its end").expect("migrate").len();
    }
    assert_eq!(applied, MIGRATIONS.len());
    CassandraStore::open(options).await.expect("open");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_keyspace_is_brought_up_to_date_and_a_newer_one_left_alone() {
    let cassandra = Cassandra::default();
    let options = cassandra.options.clone();
    migrate(&options).await.expect("migrate");
    let broken = and("CREATE TABLE IF NOT EXISTS more (a int PRIMARY KEY); CREATE TABEL oops (b int)");
    match migrate_with(&options, &broken).await {
        Err(MigrateError::Failed { number, name, .. }) => {
            assert_eq!((number, &name[..]), (wanted() + 1, "next"));
        }
        other => panic!("{other:?}"),
    }
    CassandraStore::open(options.clone()).await.expect("what failed is not noted");
    let mended =
        and("CREATE TABLE IF NOT EXISTS more (a int PRIMARY KEY); ALTER TABLE more ADD IF NOT EXISTS b int");
    let next = Applied { number: wanted() + 1, name: "next".into() };
    assert_eq!(migrate_with(&options, &mended).await, Ok(vec![next]));
    assert_eq!(raw(&options, "SELECT owner FROM KS.schema_lock").await, 0, "the lock was given back");
    let (found, known) = (wanted() + 1, wanted());
    assert_eq!(refused(options.clone()).await, OpenError::Newer { found, known });
    assert_eq!(migrate(&options).await, Err(OpenError::Newer { found, known }.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_migration_is_told() {
    let cassandra = Cassandra::default();
    let options = cassandra.options.clone();
    migrate(&options).await.expect("migrate");
    raw(&options, "UPDATE KS.schema_migrations SET checksum = 7 WHERE part = 'store' AND number = 1").await;
    assert!(
        matches!(refused(options.clone()).await, OpenError::Config(what) if what.contains("migration 1 (store)"))
    );
    assert!(matches!(migrate(&options).await, Err(MigrateError::Changed(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_of_a_dead_process_goes_by_itself() {
    let cassandra = Cassandra::default();
    let options = cassandra.options.clone();
    migrate(&options).await.expect("migrate");
    raw(
        &options,
        "INSERT INTO KS.schema_lock (part, owner) VALUES ('store', uuid()) IF NOT EXISTS USING TTL 3",
    )
    .await;
    assert_eq!(migrate(&options).await, Ok(vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_are_told() {
    let cassandra = Cassandra::default();
    let good = cassandra.options.clone();
    let told = |error: OpenError, word: &str| match error {
        OpenError::Config(what) => assert!(what.contains(word), "{what}"),
        other => panic!("{other:?}"),
    };
    let long = "k".repeat(49);
    for keyspace in ["", "1a", "Twitchy", "a-b", "a;b", "a\"b", &long] {
        told(refused(Options { keyspace: keyspace.into(), ..good.clone() }).await, "no name for a keyspace");
    }
    told(refused(Options { nodes: vec![], ..good.clone() }).await, "no nodes");
    told(refused(Options { replication: 0, ..good.clone() }).await, "replication");
    told(refused(Options { password: Some("x".into()), ..good.clone() }).await, "user name");
    told(refused(Options { datacenter: Some("mars".into()), ..good.clone() }).await, "datacenter1");
    let secret = Options { username: Some("u".into()), password: Some("hunter2".into()), ..good };
    assert!(!format!("{secret:?}").contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_address_is_told() {
    let cassandra = Cassandra::default();
    let good = cassandra.options.clone();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for node in [closed.to_string(), "no-such-host.invalid".to_owned()] {
        let error = refused(Options { nodes: vec![node.clone()], ..good.clone() }).await;
        assert!(matches!(&error, OpenError::Unreachable { nodes, .. } if *nodes == node), "{error:?}");
        let error =
            migrate(&Options { nodes: vec![node], ..good.clone() }).await.expect_err("nobody is there");
        assert!(matches!(error, MigrateError::Open(OpenError::Unreachable { .. })), "{error:?}");
    }
    // One of two is enough.
    migrate(&good).await.expect("migrate");
    let both = vec![closed.to_string(), shared().address().to_owned()];
    CassandraStore::open(Options { nodes: both, ..good }).await.expect("open");
}

/// Somebody is there who speaks no CQL, or says nothing at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_at_the_address_is_told() {
    let cassandra = Cassandra::default();
    let good = cassandra.options.clone();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = silent.local_addr().unwrap().to_string();
    let options = Options { nodes: vec![node], request_timeout: Duration::from_millis(300), ..good };
    assert!(matches!(refused(options).await, OpenError::Unreachable { .. }));
}

#[cfg(not(feature = "cassandra-tls"))]
#[tokio::test(flavor = "multi_thread")]
async fn tls_that_is_not_in_the_build_is_told() {
    let options = Options { tls: Some(Tls::default()), ..options_of(shared().address()) };
    assert!(matches!(refused(options).await, OpenError::Config(what) if what.contains("cassandra-tls")));
}
