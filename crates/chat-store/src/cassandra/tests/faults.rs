//! A database that asks for a password, is killed, stands still, and comes back. These have nodes of their own.

use super::*;
use crate::suite::{account, hash, line, places, token};
use std::time::Instant;
use test_servers::cassandra::{Node, SUPERUSER, Settings};

/// How long a test waits for what comes by itself.
const PATIENCE: Duration = Duration::from_secs(120);

fn node(settings: Settings) -> Node {
    Node::start_with(settings).expect("a node for this test")
}

/// Until the store answers again.
async fn back(store: &CassandraStore) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = store.healthy().await {
        assert!(Instant::now() < deadline, "{error}");
        tokio::task::yield_now().await;
    }
}

/// Every call says so, in the time of some requests.
async fn gone(store: &CassandraStore) {
    fn told<T: std::fmt::Debug>(answer: &Result<T, StoreError>) {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert!(store.healthy().await.is_err());
    told(&store.page(RoomId(1), Page::Latest, 10).await);
    told(&store.write(vec![line(1, 2)]).await);
    told(&store.create(account(8, "bob")).await);
    told(&store.update(UserId(7), AccountChange { admin: Some(true), ..Default::default() }).await);
    told(&store.rotate(hash(1), hash(2), Millis(suite::T0 + 200), Millis(suite::T0)).await);
    told(&store.save("p", 0, Checkpoint { epoch: "e".into(), offset: 2 }).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_gone_is_used_again() {
    let mut node = tokio::task::spawn_blocking(|| node(Settings { passwords: true, ..Settings::default() }))
        .await
        .expect("starting does not panic");
    let (user, password) = SUPERUSER;
    let nobody = Options { request_timeout: Duration::from_secs(30), ..options_of(node.address()) };
    let options = Options { username: Some(user.into()), password: Some(password.into()), ..nobody.clone() };
    // Its first user is made a moment after it takes connections.
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = migrate(&options).await {
        assert!(matches!(&error, MigrateError::Open(_)) && Instant::now() < deadline, "{error}");
    }
    let wrong = Options { password: Some("wrong".into()), ..options.clone() };
    let stranger = Options { username: Some("stranger".into()), ..options.clone() };
    for refused in [&nobody, &wrong, &stranger] {
        let error = CassandraStore::open(refused.clone()).await.expect_err("who is that?");
        assert!(matches!(error, OpenError::Refused(_)), "{error:?}");
        assert!(!error.to_string().contains("wrong"), "{error}");
        let error = migrate(refused).await.expect_err("who is that?");
        assert!(matches!(error, MigrateError::Open(OpenError::Refused(_))), "{error:?}");
    }

    let quick = Options { request_timeout: Duration::from_secs(2), ..options };
    let store = CassandraStore::open(quick).await.expect("open");
    back(&store).await;
    store.write(vec![line(1, 1)]).await.expect("write");
    assert_eq!(store.create(account(7, "ada")).await, Ok(Created::Yes));
    SessionStore::open(&store, hash(1), token(7, 1, suite::T0 + 100)).await.expect("open");

    // It stands still: connections are open and nothing comes.
    node.pause().expect("pause");
    gone(&store).await;
    node.resume().expect("resume");
    back(&store).await;

    let mut node = tokio::task::spawn_blocking(move || {
        node.kill();
        node
    })
    .await
    .expect("killing does not panic");
    gone(&store).await;
    let node = tokio::task::spawn_blocking(move || {
        node.restart().expect("restart");
        node
    })
    .await
    .expect("starting does not panic");
    back(&store).await;
    assert_eq!(store.by_name("ada").await.map(|ada| ada.map(|ada| ada.id)), Ok(Some(UserId(7))));
    // What was refused while it was gone may have been done; done again it is there once.
    store.write(vec![line(1, 1), line(1, 2)]).await.expect("write");
    assert_eq!(places(&store.page(RoomId(1), Page::Latest, 10).await.expect("page")), [1, 2]);
    let kept = store.token(hash(1)).await.expect("token").expect("it was opened");
    assert_eq!(
        kept.spent,
        store.token(hash(2)).await.expect("token").is_some(),
        "rotated or not, never half"
    );
    drop(node);
}

#[cfg(feature = "cassandra-tls")]
#[tokio::test(flavor = "multi_thread")]
async fn tls_tells_the_right_database() {
    let node = tokio::task::spawn_blocking(|| node(Settings { tls: true, ..Settings::default() }))
        .await
        .expect("starting does not panic");
    let plain = options_of(node.address());
    let trusted = Options { tls: Some(Tls { ca_file: Some(node.certificate()) }), ..plain.clone() };
    migrate(&trusted).await.expect("migrate");
    let store = CassandraStore::open(trusted).await.expect("open");
    store.write(vec![line(1, 1)]).await.expect("write");
    assert_eq!(store.page(RoomId(1), Page::Latest, 10).await, Ok(vec![line(1, 1)]));

    let unknown = Options { tls: Some(Tls { ca_file: None }), ..plain.clone() };
    let short = |options: Options| Options { request_timeout: Duration::from_secs(3), ..options };
    for refused in [short(unknown), short(plain.clone())] {
        let error = CassandraStore::open(refused).await.expect_err("not trusted, or not spoken to in TLS");
        assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    }
    let nowhere = Options { tls: Some(Tls { ca_file: Some("/no/such/file".into()) }), ..plain };
    assert!(matches!(CassandraStore::open(nowhere).await, Err(OpenError::Config(_))));
}
