//! Promises of [`AccountStore`](crate::AccountStore).

use super::{Engine, account};
use crate::{AccountChange, Created, Store, StoreError};
use protocol::ids::UserId;
use std::sync::Arc;

/// `create`, `by_name`, `by_id`.
pub async fn an_account_is_found_by_name_and_id(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(store.by_name("ada").await, Ok(None));
    assert_eq!(store.by_id(UserId(7)).await, Ok(None));
    let ada = account(7, "Ada");
    assert_eq!(store.create(ada.clone()).await, Ok(Created::Yes));
    assert_eq!(store.create(account(u64::MAX, "bob")).await, Ok(Created::Yes));
    for name in ["ada", "Ada", "ADA"] {
        assert_eq!(store.by_name(name).await, Ok(Some(ada.clone())), "{name}");
    }
    assert_eq!(store.by_id(UserId(7)).await, Ok(Some(ada)));
    assert_eq!(store.by_id(UserId(u64::MAX)).await, Ok(Some(account(u64::MAX, "bob"))));
    assert_eq!(store.by_name("ad").await, Ok(None));
    assert_eq!(store.by_name("adam").await, Ok(None));
    assert_eq!(store.by_name("").await, Ok(None));
}

/// A name is taken in any case of letters, and the refused one leaves no trace.
pub async fn names_are_unique_in_any_case(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(store.create(account(1, "ada")).await, Ok(Created::Yes));
    let mut shouted = account(2, "ada");
    shouted.username = "ADA".into();
    for (id, other) in [(2, account(2, "ada")), (2, shouted), (1, account(1, "ada"))] {
        assert_eq!(store.create(other).await, Ok(Created::NameTaken), "id {id}");
    }
    assert_eq!(store.by_id(UserId(2)).await, Ok(None));
    assert_eq!(store.by_name("ada").await, Ok(Some(account(1, "ada"))));
    assert_eq!(store.create(account(2, "bob")).await, Ok(Created::Yes), "the id is still free");
}

/// Two accounts of one id would be one account with two names.
pub async fn an_id_in_use_is_refused(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(store.create(account(1, "ada")).await, Ok(Created::Yes));
    assert!(matches!(store.create(account(1, "bob")).await, Err(StoreError::Unavailable(_))));
    assert_eq!(store.by_id(UserId(1)).await, Ok(Some(account(1, "ada"))));
    assert_eq!(store.by_name("bob").await, Ok(None));
}

/// Everybody wants the same name.
pub async fn of_many_at_once_exactly_one_wins(engine: &impl Engine) {
    let store = engine.open().await;
    for round in 0..5 {
        let name = format!("name{round}");
        let tasks: Vec<_> = (1..=16)
            .map(|n| {
                let (store, name) = (Arc::clone(&store), name.clone());
                let id = round * 100 + n;
                tokio::spawn(async move { (id, store.create(account(id, &name)).await.expect("create")) })
            })
            .collect();
        let mut winners = vec![];
        for task in tasks {
            let (id, created) = task.await.expect("the task runs to its end");
            if created == Created::Yes {
                winners.push(id);
            }
        }
        assert_eq!(winners.len(), 1, "winners of {name}: {winners:?}");
        assert_eq!(store.by_name(&name).await, Ok(Some(account(winners[0], &name))));
        for id in (1..=16).map(|n| round * 100 + n).filter(|&id| id != winners[0]) {
            assert_eq!(store.by_id(UserId(id)).await, Ok(None), "a loser is there");
        }
    }
}

/// `update`: each field alone, all, none, and nobody.
pub async fn an_update_changes_what_it_names(engine: &impl Engine) {
    let store = engine.open().await;
    let mut now = account(7, "ada");
    assert_eq!(store.create(now.clone()).await, Ok(Created::Yes));
    assert_eq!(store.create(account(8, "bob")).await, Ok(Created::Yes));
    let id = UserId(7);

    assert_eq!(store.update(id, AccountChange::default()).await, Ok(Some(now.clone())));
    now.display_name = "ADA".into();
    let change = AccountChange { display_name: Some("ADA".into()), ..AccountChange::default() };
    assert_eq!(store.update(id, change).await, Ok(Some(now.clone())));
    now.color = "#123456".into();
    let change = AccountChange { color: Some("#123456".into()), ..AccountChange::default() };
    assert_eq!(store.update(id, change).await, Ok(Some(now.clone())));
    now.password_hash = "$argon2id$other".into();
    let change = AccountChange { password_hash: Some("$argon2id$other".into()), ..AccountChange::default() };
    assert_eq!(store.update(id, change).await, Ok(Some(now.clone())));
    for admin in [true, false, true] {
        now.admin = admin;
        let change = AccountChange { admin: Some(admin), ..AccountChange::default() };
        assert_eq!(store.update(id, change).await, Ok(Some(now.clone())));
    }

    assert_eq!(store.by_id(id).await, Ok(Some(now.clone())));
    assert_eq!(store.by_name("ada").await, Ok(Some(now)));
    assert_eq!(store.by_name("bob").await, Ok(Some(account(8, "bob"))));
    let change = AccountChange { admin: Some(true), ..AccountChange::default() };
    assert_eq!(store.update(UserId(9), change).await, Ok(None));
    assert_eq!(store.by_id(UserId(9)).await, Ok(None));
}

/// Changes of different fields at the same time.
pub async fn updates_at_once_lose_nothing(engine: &impl Engine) {
    let store: Arc<dyn Store> = engine.open().await;
    let id = UserId(7);
    assert_eq!(store.create(account(7, "ada")).await, Ok(Created::Yes));
    let changes = [
        AccountChange { display_name: Some("ADA".into()), ..AccountChange::default() },
        AccountChange { color: Some("#123456".into()), ..AccountChange::default() },
        AccountChange { password_hash: Some("$other".into()), ..AccountChange::default() },
        AccountChange { admin: Some(true), ..AccountChange::default() },
    ];
    let tasks = changes.map(|change| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.update(id, change).await.expect("update").expect("she is there") })
    });
    for task in tasks {
        task.await.expect("the task runs to its end");
    }
    let mut all = account(7, "ADA");
    (all.color, all.password_hash, all.admin) = ("#123456".into(), "$other".into(), true);
    assert_eq!(store.by_id(id).await, Ok(Some(all)));
}
