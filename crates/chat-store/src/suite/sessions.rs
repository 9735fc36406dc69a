//! Promises of [`SessionStore`](crate::SessionStore).

use super::{Engine, T0, hash, token};
use crate::{Spent, Store, StoreError};
use chat::{
    account::{Family, RefreshToken},
    time::Millis,
};
use protocol::ids::UserId;
use std::sync::Arc;

const NOW: Millis = Millis(T0);
const LATER: Millis = Millis(T0 + 1_000);

async fn kept(store: &Arc<dyn Store>, n: u64) -> Option<RefreshToken> {
    store.token(hash(n)).await.expect("token")
}

/// `open` and `token`.
pub async fn a_token_is_kept(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(kept(&store, 1).await, None);
    let first = token(7, u128::MAX, u64::MAX);
    assert_eq!(store.open(hash(1), first).await, Ok(()));
    assert_eq!(kept(&store, 1).await, Some(first));
    assert_eq!(kept(&store, 2).await, None);
}

/// A caller that does not know whether `open` happened asks again; nobody can make a spent token good that way.
pub async fn opening_again_changes_nothing(engine: &impl Engine) {
    let store = engine.open().await;
    let first = token(7, 1, T0 + 100);
    assert_eq!(store.open(hash(1), first).await, Ok(()));
    assert_eq!(store.open(hash(1), first).await, Ok(()));
    assert!(matches!(store.rotate(hash(1), hash(2), LATER, NOW).await, Ok(Spent::Now(_))));
    assert!(matches!(store.open(hash(1), first).await, Err(StoreError::Unavailable(_))));
    assert_eq!(kept(&store, 1).await, Some(RefreshToken { spent: true, ..first }));
}

/// `rotate`: a chain of tokens of one log-in.
pub async fn rotation_spends_and_follows(engine: &impl Engine) {
    let store = engine.open().await;
    let mut current = token(7, 42, T0 + 100);
    store.open(hash(1), current).await.expect("open");
    for n in 1..=20 {
        let next = RefreshToken { expires_at: Millis(T0 + 100 + n), ..current };
        assert_eq!(store.rotate(hash(n), hash(n + 1), next.expires_at, NOW).await, Ok(Spent::Now(next)));
        assert_eq!(
            kept(&store, n).await,
            Some(RefreshToken { spent: true, ..current }),
            "spent, not forgotten"
        );
        assert_eq!(kept(&store, n + 1).await, Some(next));
        current = next;
    }
    assert_eq!(store.rotate(hash(99), hash(100), LATER, NOW).await, Ok(Spent::Unknown));
    assert_eq!(kept(&store, 100).await, None, "an unknown token has no follower");
}

/// Reuse is told once, ends the family and spares every other.
pub async fn a_spent_token_revokes_its_family(engine: &impl Engine) {
    let store = engine.open().await;
    let first = token(7, 42, T0 + 100);
    store.open(hash(1), first).await.expect("open");
    store.open(hash(50), token(7, 43, T0 + 100)).await.expect("the same user on another device");
    store.rotate(hash(1), hash(2), LATER, NOW).await.expect("rotate");
    store.rotate(hash(2), hash(3), LATER, NOW).await.expect("rotate");
    let spent = RefreshToken { spent: true, ..first };
    assert_eq!(store.rotate(hash(1), hash(4), LATER, NOW).await, Ok(Spent::Reused(spent)));
    for n in 1..=4 {
        assert_eq!(kept(&store, n).await, None, "token {n} of the revoked family");
        assert_eq!(store.rotate(hash(n), hash(9), LATER, NOW).await, Ok(Spent::Unknown));
    }
    assert!(matches!(store.rotate(hash(50), hash(51), LATER, NOW).await, Ok(Spent::Now(_))));
}

/// Whoever did not hear of the end of a rotation makes the same one again. Only the newest token can be named so.
pub async fn a_rotation_made_again_is_answered_as_before(engine: &impl Engine) {
    let store = engine.open().await;
    let first = token(7, 42, T0 + 100);
    store.open(hash(1), first).await.expect("open");
    store.open(hash(50), token(7, 43, T0 + 100)).await.expect("the same user on another device");
    let second = RefreshToken { expires_at: LATER, ..first };
    for expires_at in [LATER, Millis(LATER.0 + 1)] {
        assert_eq!(store.rotate(hash(1), hash(2), expires_at, NOW).await, Ok(Spent::Now(second)));
    }
    let both = [(); 2].map(|()| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.rotate(hash(1), hash(2), LATER, NOW).await })
    });
    for again in both {
        assert_eq!(again.await.expect("the task runs to its end"), Ok(Spent::Now(second)));
    }
    assert_eq!(kept(&store, 2).await, Some(second), "it is as good as before, and for as long");

    store.rotate(hash(2), hash(3), LATER, NOW).await.expect("rotate");
    let spent = RefreshToken { spent: true, ..first };
    assert_eq!(
        store.rotate(hash(1), hash(2), LATER, NOW).await,
        Ok(Spent::Reused(spent)),
        "2 is spent as well"
    );
    assert_eq!(kept(&store, 3).await, None, "the family is revoked");

    store.rotate(hash(50), hash(51), LATER, NOW).await.expect("rotate");
    store.open(hash(60), token(8, 44, T0 + 100)).await.expect("open");
    assert!(
        matches!(store.rotate(hash(50), hash(60), LATER, NOW).await, Ok(Spent::Reused(_))),
        "a good token of another log-in is not its follower"
    );
    assert!(kept(&store, 60).await.is_some(), "and keeps its own");
}

/// Two clients present the same token at the same time.
pub async fn of_two_rotations_at_once_one_is_reuse(engine: &impl Engine) {
    let store = engine.open().await;
    for round in 0..5 {
        let base = round * 10;
        store.open(hash(base), token(7, u128::from(round), T0 + 100)).await.expect("open");
        let both = [1, 2].map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                store.rotate(hash(base), hash(base + n), LATER, NOW).await.expect("rotate")
            })
        });
        let mut good = 0;
        let mut reused = 0;
        for task in both {
            match task.await.expect("the task runs to its end") {
                Spent::Now(_) => good += 1,
                Spent::Reused(_) => reused += 1,
                Spent::Unknown => panic!("it was known"),
            }
        }
        assert_eq!((good, reused), (1, 1));
        for n in 0..=2 {
            assert_eq!(kept(&store, base + n).await, None, "the family is revoked");
        }
    }
}

/// The edge of time, for a token that was spent as well.
pub async fn a_token_is_good_until_its_time(engine: &impl Engine) {
    let store = engine.open().await;
    let first = token(7, 42, T0 + 100);
    store.open(hash(1), first).await.expect("open");
    assert_eq!(store.rotate(hash(1), hash(2), LATER, Millis(T0 + 100)).await, Ok(Spent::Unknown));
    assert_eq!(store.rotate(hash(1), hash(2), LATER, Millis(u64::MAX)).await, Ok(Spent::Unknown));
    assert_eq!(kept(&store, 1).await, Some(first), "asking too late changes nothing");
    assert!(matches!(store.rotate(hash(1), hash(2), LATER, Millis(T0 + 99)).await, Ok(Spent::Now(_))));
    assert_eq!(store.rotate(hash(1), hash(3), LATER, Millis(T0 + 100)).await, Ok(Spent::Unknown));
    assert!(kept(&store, 2).await.is_some(), "a spent token past its time revokes nothing");
}

/// The follower's hash has to be new.
pub async fn a_hash_in_use_is_refused(engine: &impl Engine) {
    let store = engine.open().await;
    store.open(hash(1), token(7, 1, T0 + 100)).await.expect("open");
    store.open(hash(2), token(8, 2, T0 + 100)).await.expect("open");
    for next in [1, 2] {
        let answer = store.rotate(hash(1), hash(next), LATER, NOW).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(kept(&store, 1).await, Some(token(7, 1, T0 + 100)), "not spent");
    assert_eq!(kept(&store, 2).await, Some(token(8, 2, T0 + 100)));
}

/// `revoke_family`.
pub async fn revoking_a_family_spares_the_others(engine: &impl Engine) {
    let store = engine.open().await;
    store.open(hash(1), token(7, 1, T0 + 100)).await.expect("open");
    store.rotate(hash(1), hash(2), LATER, NOW).await.expect("rotate");
    store.open(hash(3), token(7, 2, T0 + 100)).await.expect("open");
    for _ in 0..2 {
        assert_eq!(store.revoke_family(Family(1)).await, Ok(()), "once more is fine");
        assert_eq!((kept(&store, 1).await, kept(&store, 2).await), (None, None));
    }
    assert_eq!(kept(&store, 3).await, Some(token(7, 2, T0 + 100)));
    assert_eq!(store.revoke_user(UserId(7)).await, Ok(vec![Family(2)]), "the first is not counted again");
}

/// `revoke_user`.
pub async fn revoking_a_user_names_the_families(engine: &impl Engine) {
    let store = engine.open().await;
    for (n, user, family) in [(1, 7, u128::MAX), (2, 7, 1), (3, 8, 2), (4, 6, 3)] {
        store.open(hash(n), token(user, family, T0 + 100)).await.expect("open");
    }
    store.rotate(hash(2), hash(5), LATER, NOW).await.expect("rotate");
    assert_eq!(store.revoke_user(UserId(7)).await, Ok(vec![Family(1), Family(u128::MAX)]));
    assert_eq!(store.revoke_user(UserId(7)).await, Ok(vec![]));
    for n in [1, 2, 5] {
        assert_eq!(kept(&store, n).await, None);
    }
    assert!(kept(&store, 3).await.is_some() && kept(&store, 4).await.is_some());
}

/// `sweep`, with a family of which a part stays.
pub async fn a_sweep_takes_what_is_past_its_time(engine: &impl Engine) {
    let store = engine.open().await;
    if !engine.gives_up_when_told() {
        return sweep_leaves_all(&store).await;
    }
    store.open(hash(1), token(7, 1, T0 + 10)).await.expect("open");
    store.rotate(hash(1), hash(2), Millis(T0 + 20), NOW).await.expect("rotate");
    store.open(hash(3), token(8, 2, T0 + 11)).await.expect("open");
    assert_eq!(store.sweep(Millis(T0 + 9)).await, Ok(0));
    assert_eq!(store.sweep(Millis(T0 + 10)).await, Ok(1));
    assert_eq!((kept(&store, 1).await, kept(&store, 2).await.is_some()), (None, true));
    assert_eq!(store.sweep(Millis(T0 + 19)).await, Ok(1));
    assert_eq!(store.revoke_user(UserId(8)).await, Ok(vec![]), "a family without tokens is none");
    assert_eq!(store.revoke_user(UserId(7)).await, Ok(vec![Family(1)]), "of the other a token is left");
    assert_eq!(store.sweep(Millis(u64::MAX)).await, Ok(0));
}

/// What `sweep` is to an engine whose tokens go by themselves.
async fn sweep_leaves_all(store: &Arc<dyn Store>) {
    let first = token(7, 1, T0 + 10);
    store.open(hash(1), first).await.expect("open");
    assert_eq!(store.sweep(Millis(u64::MAX)).await, Ok(0));
    assert_eq!(kept(store, 1).await, Some(first));
    assert_eq!(
        store.rotate(hash(1), hash(2), LATER, Millis(T0 + 10)).await,
        Ok(Spent::Unknown),
        "past its time"
    );
}

/// More than an engine may like to take in one step.
pub async fn a_large_sweep_takes_all(engine: &impl Engine) {
    const TOKENS: u64 = 1_500;
    let store = engine.open().await;
    if !engine.gives_up_when_told() {
        return sweep_leaves_all(&store).await;
    }
    store.open(hash(0), token(7, 1, T0 + 1)).await.expect("open");
    for n in 0..TOKENS - 1 {
        store.rotate(hash(n), hash(n + 1), Millis(T0 + 1 + n % 3), NOW).await.expect("rotate");
    }
    store.open(hash(TOKENS), token(8, 2, T0 + 100)).await.expect("open");
    assert_eq!(store.sweep(Millis(T0 + 10)).await.map(|n| n as u64), Ok(TOKENS));
    assert!(kept(&store, TOKENS).await.is_some());
}
