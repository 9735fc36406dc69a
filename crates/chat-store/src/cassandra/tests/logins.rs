//! Names and tokens that several processes want at once, what a crash leaves behind, and when tokens go.

use super::*;
use crate::suite::{T0, account, hash, token};
use scylla::value::{CqlValue, Row};

async fn raw(store: &CassandraStore, cql: &str) -> Vec<Row> {
    let cql = cql.replace("KS.", &format!("{}.", store.options.keyspace));
    let answer = store.client().expect("open").session.query_unpaged(cql, ()).await.expect("query");
    match answer.into_rows_result() {
        Ok(rows) => rows.rows::<Row>().expect("rows").map(|row| row.expect("a row")).collect(),
        Err(_) => vec![],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_processes_one_gets_the_name() {
    let cassandra = Cassandra::default();
    let mut stores = vec![Arc::new(cassandra.store().await)];
    for _ in 0..3 {
        stores.push(Arc::new(CassandraStore::open(cassandra.options.clone()).await.expect("open")));
    }
    for round in 0..3 {
        let name = format!("name{round}");
        let tasks: Vec<_> = (0_u64..40)
            .zip(stores.iter().cycle())
            .map(|(n, store)| {
                let (store, name) = (Arc::clone(store), name.clone());
                let id = 1 + round * 100 + n;
                tokio::spawn(async move { (id, store.create(account(id, &name)).await) })
            })
            .collect();
        let mut winners = vec![];
        for task in tasks {
            match task.await.expect("the task runs to its end") {
                (id, Ok(Created::Yes)) => winners.push(id),
                (_, Ok(Created::NameTaken)) => {}
                (id, Err(error)) => panic!("{id}: {error}"),
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        for store in &stores {
            assert_eq!(store.by_name(&name).await, Ok(Some(account(winners[0], &name))));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_an_account_is_made_blocks_no_name() {
    let cassandra = Cassandra::default();
    let store = cassandra.store().await;
    // Died after the first of the two writes.
    raw(&store, "INSERT INTO KS.account_ids (id, username) VALUES (1, 'ada') IF NOT EXISTS").await;
    assert_eq!(store.by_id(UserId(1)).await, Ok(None));
    assert_eq!(store.by_name("ada").await, Ok(None));
    assert_eq!(
        store.update(UserId(1), AccountChange { admin: Some(true), ..Default::default() }).await,
        Ok(None)
    );
    assert_eq!(store.create(account(2, "ada")).await, Ok(Created::Yes));
    assert_eq!(store.by_id(UserId(1)).await, Ok(None), "and not hers");
    assert_eq!(
        store.update(UserId(1), AccountChange { admin: Some(true), ..Default::default() }).await,
        Ok(None)
    );
    assert_eq!(store.by_name("ada").await, Ok(Some(account(2, "ada"))));
    // The one who died comes back with the same account.
    raw(&store, "INSERT INTO KS.account_ids (id, username) VALUES (3, 'bob') IF NOT EXISTS").await;
    assert_eq!(store.create(account(3, "bob")).await, Ok(Created::Yes));
    assert_eq!(store.by_id(UserId(3)).await, Ok(Some(account(3, "bob"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_a_session_is_opened_leaves_nothing() {
    let cassandra = Cassandra::default();
    let store = cassandra.store().await;
    let way = format!("0x{}", hash(1).0.iter().map(|b| format!("{b:02x}")).collect::<String>());
    raw(&store, &format!("INSERT INTO KS.session_hashes (hash, family) VALUES ({way}, 0x{:032x})", 42)).await;
    raw(&store, &format!("INSERT INTO KS.user_sessions (user, family) VALUES (7, 0x{:032x})", 42)).await;
    assert_eq!(store.token(hash(1)).await, Ok(None));
    assert_eq!(store.revoke_family(Family(42)).await, Ok(()));
    assert_eq!(store.revoke_user(UserId(7)).await, Ok(vec![]));
    assert_eq!(SessionStore::open(&store, hash(1), token(7, 42, T0 + 9)).await, Ok(()));
    assert_eq!(store.token(hash(1)).await, Ok(Some(token(7, 42, T0 + 9))));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_its_revocation() {
    let cassandra = Cassandra::default();
    let (a, b) =
        (cassandra.store().await, CassandraStore::open(cassandra.options.clone()).await.expect("open"));
    for round in 0..8 {
        let base = round * 10;
        SessionStore::open(&a, hash(base), token(7, u128::from(round), T0 + 100)).await.expect("open");
        // Which of the two is first is left to chance; the end is the same.
        let rotate = a.rotate(hash(base), hash(base + 1), Millis(T0 + 900), Millis(T0));
        let (rotated, revoked) = tokio::join!(rotate, b.revoke_user(UserId(7)));
        assert!(matches!(rotated, Ok(Spent::Now(_) | Spent::Unknown)), "{rotated:?}");
        assert_eq!(revoked, Ok(vec![Family(u128::from(round))]));
        for n in [base, base + 1] {
            assert_eq!(b.token(hash(n)).await, Ok(None));
            assert_eq!(
                a.rotate(hash(n), hash(base + 5), Millis(T0 + 900), Millis(T0)).await,
                Ok(Spent::Unknown)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_go_a_day_after_they_were_good_and_revocations_not_before() {
    const DAY: i32 = 86_400;
    let cassandra = Cassandra::default();
    let store = cassandra.store().await;
    let now = expiry::now();
    SessionStore::open(&store, hash(1), token(7, 1, now.0 + 1_000_000)).await.expect("open");
    store.rotate(hash(1), hash(2), Millis(now.0 + 3_000_000), now).await.expect("rotate");
    store.revoke_family(Family(1)).await.expect("revoke");
    let ttls = |rows: Vec<Row>| -> Vec<i32> {
        let ttl = |row: Row| match row.columns[0] {
            Some(CqlValue::Int(ttl)) => ttl,
            _ => panic!("no TTL"),
        };
        let mut ttls: Vec<_> = rows.into_iter().map(ttl).collect();
        ttls.sort_unstable();
        ttls
    };
    let about = |ttl: i32, seconds: i32| (DAY + seconds - 300..=DAY + seconds + 1).contains(&ttl);
    let spent = ttls(raw(&store, "SELECT ttl(spent) FROM KS.sessions").await);
    assert!(spent.len() == 2 && about(spent[0], 1_000) && about(spent[1], 3_000), "{spent:?}");
    let revoked = ttls(raw(&store, "SELECT ttl(revoked) FROM KS.sessions").await);
    assert!(revoked[0] >= spent[1] - 1, "{revoked:?} after {spent:?}");
    let ways = ttls(raw(&store, "SELECT ttl(family) FROM KS.session_hashes").await);
    assert!(ways.len() == 2 && about(ways[0], 1_000) && about(ways[1], 3_000), "{ways:?}");
}
