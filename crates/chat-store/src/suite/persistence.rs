//! Promises of engines whose data outlive them.

use super::{Engine, T0, account, hash, id, line, moderation::all_kinds, places, rich, run_time, token};
use crate::{AccountChange, Checkpoint, Created, Page, Spent, Store};
use chat::{
    account::{Family, RefreshToken},
    emotes::Scope,
    time::Millis,
};
use protocol::ids::{RoomId, Seq, UserId};
use std::sync::Arc;

async fn reopen(engine: &impl Engine, store: Arc<dyn Store>) -> Arc<dyn Store> {
    store.close().await;
    drop(store);
    engine.open().await
}

/// A bit of everything.
pub async fn everything_is_there_after_reopen(engine: &impl Engine) {
    let store = engine.open().await;
    let rows = vec![rich(1, 1), line(1, 2), line(1, u64::MAX)];
    store.write(rows.clone()).await.expect("write");
    store.create(account(7, "ada")).await.expect("create");
    let change = AccountChange { admin: Some(true), ..AccountChange::default() };
    let ada = store.update(UserId(7), change).await.expect("update").expect("she is there");
    store.open(hash(1), token(7, 42, T0 + 100)).await.expect("open");
    store.rotate(hash(1), hash(2), Millis(T0 + 200), Millis(T0)).await.expect("rotate");
    let measures = all_kinds(1, 20);
    store.measure(measures.clone()).await.expect("measure");
    let facts = store.facts(RoomId(1)).await.expect("facts").len();
    let checkpoint = Checkpoint { epoch: "e".into(), offset: 17 };
    store.save("persister", 3, checkpoint.clone()).await.expect("save");
    let hype = run_time::emote(Scope::Everywhere, "Hype", 1);
    store.put_emote(hype.clone(), run_time::picture(1)).await.expect("put_emote");
    let night = run_time::room("night");
    store.create_room(night.clone()).await.expect("create_room");
    let bot = run_time::bot_token(7, 9);
    store.add_bot_token(bot.clone()).await.expect("add_bot_token");

    let store = reopen(engine, store).await;
    assert_eq!(store.healthy().await, Ok(()));
    assert_eq!(store.page(RoomId(1), Page::Latest, 10).await, Ok(rows.clone()));
    assert_eq!(store.message(RoomId(1), id(1, 1)).await, Ok(Some(rich(1, 1))));
    assert_eq!(store.by_name("ada").await, Ok(Some(ada.clone())));
    assert_eq!(store.by_id(UserId(7)).await, Ok(Some(ada)));
    assert_eq!(store.create(account(8, "ADA")).await, Ok(Created::NameTaken));
    assert_eq!(store.token(hash(2)).await, Ok(Some(token(7, 42, T0 + 200))));
    let newest_first: Vec<_> = measures.into_iter().rev().collect();
    assert_eq!(store.measures(RoomId(1), Seq(u64::MAX), 100).await, Ok(newest_first));
    assert_eq!(store.facts(RoomId(1)).await.expect("facts").len(), facts);
    assert_eq!(store.deleted(RoomId(1), vec![Seq(1), Seq(2)]).await, Ok(vec![Seq(2)]));
    assert_eq!(store.load("persister", 3).await, Ok(Some(checkpoint)));
    assert_eq!(store.emotes().await, Ok(vec![hype.clone()]));
    assert_eq!(store.picture(hype.id).await, Ok(Some(run_time::picture(1))));
    assert_eq!(store.rooms().await, Ok(vec![night]));
    assert_eq!(store.bot_token(bot.hash).await, Ok(Some(bot)));
    store.write(rows.clone()).await.expect("write again");
    assert_eq!(store.page(RoomId(1), Page::Latest, 10).await, Ok(rows));
    let spent = RefreshToken { spent: true, ..token(7, 42, T0 + 100) };
    assert_eq!(store.rotate(hash(1), hash(3), Millis(T0 + 300), Millis(T0)).await, Ok(Spent::Reused(spent)));
}

/// A restart gives nobody a session back.
pub async fn revocations_are_there_after_reopen(engine: &impl Engine) {
    let store = engine.open().await;
    for n in 1..=4 {
        store.open(hash(n), token(n, u128::from(n), T0 + n * 10)).await.expect("open");
    }
    store.revoke_family(Family(1)).await.expect("revoke_family");
    store.revoke_user(UserId(2)).await.expect("revoke_user");
    store.sweep(Millis(T0 + 30)).await.expect("sweep");
    let store = reopen(engine, store).await;
    for n in 1..=if engine.gives_up_when_told() { 3 } else { 2 } {
        assert_eq!(store.token(hash(n)).await, Ok(None), "token {n}");
    }
    assert_eq!(store.token(hash(4)).await, Ok(Some(token(4, 4, T0 + 40))));
    assert_eq!(store.revoke_user(UserId(4)).await, Ok(vec![Family(4)]));
}

/// Nor a message that was given up.
pub async fn expiry_is_there_after_reopen(engine: &impl Engine) {
    let store = engine.open().await;
    if !engine.gives_up_when_told() {
        return super::messages::expire_leaves_all(&store).await;
    }
    store.write((1..=10).map(|seq| line(1, seq)).collect()).await.expect("write");
    assert_eq!(store.expire(Millis(T0 + 6), 100).await, Ok(5));
    let store = reopen(engine, store).await;
    assert_eq!(places(&store.page(RoomId(1), Page::Latest, 100).await.expect("page")), [6, 7, 8, 9, 10]);
    assert_eq!(store.message(RoomId(1), id(1, 5)).await, Ok(None));
    assert_eq!(store.expire(Millis(u64::MAX), 100).await, Ok(5));
}

/// Opened and closed again and again, also without anything done in between.
pub async fn many_lives_of_one_store(engine: &impl Engine) {
    let mut store = engine.open().await;
    for life in 1..=5 {
        assert_eq!(places(&store.page(RoomId(1), Page::Latest, 100).await.expect("page")).len(), life - 1);
        store.write(vec![line(1, life as u64)]).await.expect("write");
        store = reopen(engine, store).await;
        store = reopen(engine, store).await;
    }
}
