//! The rules of accounts and sessions, each as a test over real stores in memory.

use super::*;
use crate::auth::{
    hasher::Cost,
    remembered::ASK_MAX,
    revocations::{End, Revoked},
};
use chat_store::{StoreError, memory::MemoryStore};
use governor::clock::FakeRelativeClock;
use parking_lot::Mutex;
use protocol::codes::ErrorCode;
use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

mod bots;
mod rates;
mod refreshes;
mod stores;
use stores::{ChangedMeanwhile, CountingWrites, Silenced};

const NOW: Millis = Millis(1_800_000_000_000);
const MINUTE: u64 = 60_000;
const PASSWORD: &str = "correct horse battery";

/// The service over a store in memory, with a cheap hash and a clock that is moved by hand.
struct House {
    accounts: Arc<Accounts>,
    store: Arc<MemoryStore>,
    hasher: Hasher,
    time: FakeRelativeClock,
}

fn house_with(store: Arc<MemoryStore>, rates: RateLimits) -> House {
    let hasher = Hasher::new(Cost::CHEAP, NonZeroUsize::new(2).unwrap()).unwrap();
    let (clock, time) = RateClock::manual();
    let keys = Keys::from_secrets(&"k".repeat(32), &[]).unwrap();
    let options = Options { rates, rooms: vec!["bestie".to_owned()], ..Options::default() };
    let accounts =
        Accounts::new(store.clone(), store.clone(), store.clone(), keys, hasher.clone(), clock, options);
    House { accounts: Arc::new(accounts), store, hasher, time }
}

/// The service over stores of the test's own making.
fn service_over(
    accounts: Arc<dyn AccountStore>,
    sessions: Arc<dyn SessionStore>,
    hasher: &Hasher,
) -> Accounts {
    let keys = Keys::from_secrets(&"k".repeat(32), &[]).unwrap();
    // Refresh tokens of no length live as long as access tokens all the same.
    let options = Options { rates: unlimited(), refresh_ttl: Duration::ZERO, ..Options::default() };
    let bots = Arc::new(MemoryStore::new());
    Accounts::new(accounts, sessions, bots, keys, hasher.clone(), RateClock::monotonic(), options)
}

fn unlimited() -> RateLimits {
    RateLimits {
        registrations_per_address_hour: 0,
        logins_per_address_minute: 0,
        logins_per_account_and_address_minute: 0,
        logins_per_account_minute: 0,
    }
}

fn house() -> House {
    house_with(Arc::default(), unlimited())
}

fn ip(s: &str) -> IpAddr {
    s.parse().unwrap()
}

fn home() -> IpAddr {
    ip("192.0.2.1")
}

fn register_body(username: &str) -> RegisterBody {
    RegisterBody { username: username.to_owned(), password: PASSWORD.to_owned(), display_name: None }
}

fn login_body(username: &str, password: &str) -> LoginBody {
    LoginBody { username: username.to_owned(), password: password.to_owned() }
}

fn refresh_body(answer: &AuthAnswer) -> RefreshBody {
    RefreshBody { refresh_token: answer.refresh_token.clone(), next_refresh_token: None }
}

impl House {
    async fn register(&self, username: &str) -> AuthAnswer {
        self.accounts.register(register_body(username), home(), NOW).await.unwrap()
    }

    async fn login(&self, username: &str, password: &str) -> Result<AuthAnswer, AuthError> {
        self.accounts.login(login_body(username, password), home(), NOW).await
    }

    async fn who(&self, answer: &AuthAnswer) -> Result<Identity, AuthError> {
        self.accounts.authenticate(&answer.access_token, NOW).await
    }

    async fn refresh(&self, answer: &AuthAnswer) -> Result<AuthAnswer, AuthError> {
        self.accounts.refresh(refresh_body(answer), NOW).await
    }
}

/// `field` and `code` of what is wrong.
fn fields<T: std::fmt::Debug>(result: Result<T, AuthError>) -> Vec<(String, String)> {
    match result {
        Err(AuthError::Validation(errors)) => errors.into_iter().map(|e| (e.field, e.code)).collect(),
        other => panic!("{other:?}"),
    }
}

/// `AuthAnswer` holds tokens and therefore has no `Debug`.
fn error<T>(result: Result<T, AuthError>) -> AuthError {
    result.err().expect("it should have been refused")
}

#[tokio::test]
async fn registering_begins_a_session() {
    let house = house();
    let answer = house.register("Alice").await;
    assert_eq!(answer.user.username, "alice");
    assert_eq!(answer.user.display_name, "Alice", "as it was typed");
    assert_eq!(answer.user.created_at, NOW.0);
    assert_eq!((answer.token_type.as_str(), answer.expires_in), ("Bearer", 900));

    let who = house.who(&answer).await.unwrap();
    assert_eq!(protocol::objects::User::from(who.user.clone()), answer.user);
    assert!(!who.user.admin);
    assert_eq!(who.expires_at, NOW.plus(15 * MINUTE));
    assert_eq!(house.accounts.me(&who).await.unwrap(), who.user);

    let kept = house.store.by_name("alice").await.unwrap().unwrap();
    assert!(kept.password_hash.starts_with("$argon2id$"), "{}", kept.password_hash);
    let everything = format!("{kept:?}{:?}", house.store);
    for secret in [PASSWORD, &answer.access_token, &answer.refresh_token] {
        assert!(!everything.contains(secret));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_registration_is_told_by_field() {
    let house = house();
    let body = |username: &str, password: &str, display_name: Option<&str>| RegisterBody {
        username: username.to_owned(),
        password: password.to_owned(),
        display_name: display_name.map(str::to_owned),
    };
    for (body, expected) in [
        (body("al", PASSWORD, None), vec![("username", "too_short")]),
        (body(&"a".repeat(26), PASSWORD, None), vec![("username", "too_long")]),
        (body("al ice", PASSWORD, None), vec![("username", "bad_character")]),
        (body("admin", PASSWORD, None), vec![("username", "reserved")]),
        (body("bestie", PASSWORD, None), vec![("username", "reserved")]),
        (body("alice", "short", None), vec![("password", "too_short")]),
        (body("alice", &"x".repeat(1_025), None), vec![("password", "too_long")]),
        (body("alice", "password1", None), vec![("password", "too_common")]),
        (body("alice", "alice123", None), vec![("password", "contains_username")]),
        (body("alice", PASSWORD, Some("bob")), vec![("display_name", "mismatch")]),
        (body("ä", "short", Some("x")), vec![("username", "bad_character"), ("password", "too_short")]),
        (body("alice", "short", Some("x")), vec![("display_name", "mismatch"), ("password", "too_short")]),
    ] {
        let result = house.accounts.register(body, home(), NOW).await.map(drop);
        let expected: Vec<_> = expected.into_iter().map(|(f, c)| (f.to_owned(), c.to_owned())).collect();
        assert_eq!(fields(result), expected);
    }
    assert_eq!(house.hasher.computed(), 0, "nothing was hashed for it");
}

#[tokio::test]
async fn a_name_is_taken_in_any_case() {
    let house = house();
    house.register("alice").await;
    let again = house.accounts.register(register_body("ALICE"), home(), NOW).await;
    assert_eq!(error(again), AuthError::UsernameTaken);
    assert_eq!(house.hasher.computed(), 1, "nothing was hashed for the second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_register_a_name_at_once_one_wins() {
    for round in 0..20 {
        let house = house();
        let tries = (0..4).map(|_| {
            let accounts = house.accounts.clone();
            tokio::spawn(async move {
                accounts.register(register_body(&format!("alice_{round}")), home(), NOW).await
            })
        });
        let (mut won, mut taken) = (0, 0);
        for result in futures_util::future::join_all(tries).await {
            match result.unwrap() {
                Ok(answer) => {
                    won += 1;
                    house.who(&answer).await.unwrap();
                }
                Err(e) => {
                    assert_eq!(e, AuthError::UsernameTaken);
                    taken += 1;
                }
            }
        }
        assert_eq!((won, taken), (1, 3));
    }
}

#[tokio::test]
async fn one_logs_in_with_the_password_and_the_name_in_any_case() {
    let house = house();
    let registered = house.register("alice").await;
    let answer = house.login("ALICE", PASSWORD).await.unwrap();
    assert_eq!(answer.user, registered.user);
    let (first, second) = (house.who(&registered).await.unwrap(), house.who(&answer).await.unwrap());
    assert_eq!(first.user, second.user);
    assert_ne!(first.family, second.family, "each log-in is a session of its own");
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_cannot_be_told_apart() {
    let house = house();
    house.register("alice").await;
    let mut answers = Vec::new();
    for (name, password) in [
        ("alice", "wrong horse battery"),
        ("alice", "Correct horse battery"),
        ("alice", "correct horse battery "),
        ("alice", ""),
        ("nobody_here", PASSWORD),
        ("not a name", PASSWORD),
        ("admin", PASSWORD),
        ("", ""),
    ] {
        let before = house.hasher.computed();
        answers.push(error(house.login(name, password).await));
        assert_eq!(house.hasher.computed(), before + 1, "{name:?}: the same work is done");
    }
    answers.dedup();
    assert_eq!(answers, [AuthError::InvalidCredentials]);

    let before = house.hasher.computed();
    for name in ["alice", "nobody_here"] {
        assert_eq!(error(house.login(name, &"x".repeat(1_025)).await), AuthError::InvalidCredentials);
    }
    assert_eq!(house.hasher.computed(), before, "no work for anybody's password that is too long");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_second_use_ends_the_session() {
    let house = house();
    let first = house.register("alice").await;
    let other = house.login("alice", PASSWORD).await.unwrap();
    let family = house.who(&first).await.unwrap().family;
    let mut word = house.accounts.revocations().subscribe();

    let second = house.refresh(&first).await.unwrap();
    assert_ne!(second.refresh_token, first.refresh_token);
    assert_eq!(house.who(&second).await.unwrap().family, family);
    assert_eq!(house.who(&first).await.unwrap().family, family, "an access token outlives the refresh");

    assert_eq!(error(house.refresh(&first).await), AuthError::Unauthorized);
    assert_eq!(word.try_recv().unwrap(), Revoked::Family(family));
    for ended in [&first, &second] {
        assert_eq!(error(house.who(ended).await), AuthError::Unauthorized);
        assert_eq!(error(house.refresh(ended).await), AuthError::Unauthorized);
    }
    house.who(&other).await.unwrap();
    house.refresh(&other).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_refreshes_at_once_at_most_one_gets_a_session_and_then_nobody_has_it() {
    for _ in 0..20 {
        let house = house();
        let first = house.register("alice").await;
        let tries = (0..2).map(|_| {
            let (accounts, body) = (house.accounts.clone(), refresh_body(&first));
            tokio::spawn(async move { accounts.refresh(body, NOW).await })
        });
        let answers: Vec<_> =
            futures_util::future::join_all(tries).await.into_iter().filter_map(|r| r.unwrap().ok()).collect();
        assert_eq!(answers.len(), 1);
        assert_eq!(error(house.who(&answers[0]).await), AuthError::Unauthorized);
    }
}

#[tokio::test]
async fn a_refresh_token_ends_with_its_time() {
    let house = house();
    let answer = house.register("alice").await;
    let days_30 = 30 * 24 * 60 * MINUTE;
    let late = house.accounts.refresh(refresh_body(&answer), NOW.plus(days_30)).await;
    assert_eq!(error(late), AuthError::Unauthorized);

    let answer = house.login("alice", PASSWORD).await.unwrap();
    let just = NOW.plus(days_30 - 1);
    let next = house.accounts.refresh(refresh_body(&answer), just).await.unwrap();
    assert!(
        house.accounts.refresh(refresh_body(&next), NOW.plus(days_30 + MINUTE)).await.is_ok(),
        "each use renews it"
    );
}

#[tokio::test]
async fn a_session_lives_as_long_as_its_access_token_at_least() {
    let plain = house();
    let accounts = service_over(plain.store.clone(), plain.store.clone(), &plain.hasher);
    let answer = accounts.register(register_body("alice"), home(), NOW).await.unwrap();
    let just = NOW.plus(15 * MINUTE - 1);
    accounts.sweep(just).await.unwrap();
    accounts.authenticate(&answer.access_token, just).await.unwrap();
    accounts.refresh(refresh_body(&answer), just).await.unwrap();
}

#[tokio::test]
async fn a_made_up_refresh_token_is_refused_without_a_write() {
    let plain = house();
    let counting = Arc::new(CountingWrites { inner: plain.store.clone(), writes: AtomicU64::new(0) });
    let accounts = service_over(plain.store.clone(), counting.clone(), &plain.hasher);
    let mut sent: Vec<String> = ["", "x", PASSWORD].map(str::to_owned).into();
    sent.extend(["x".repeat(10_000), RefreshSecret::generate().reveal()]);
    for refresh_token in sent {
        let body = RefreshBody { refresh_token, next_refresh_token: None };
        assert_eq!(error(accounts.refresh(body.clone(), NOW).await), AuthError::Unauthorized);
        accounts.logout(body, NOW).await.unwrap();
    }
    assert_eq!(counting.writes.load(Ordering::Relaxed), 0);
    let real = refresh_body(&plain.register("alice").await);
    accounts.refresh(real, NOW).await.unwrap();
    assert_eq!(counting.writes.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn logging_out_ends_the_session_at_once() {
    let house = house();
    let answer = house.register("alice").await;
    let next = house.refresh(&answer).await.unwrap();
    let other = house.login("alice", PASSWORD).await.unwrap();
    let family = house.who(&answer).await.unwrap().family;
    let mut word = house.accounts.revocations().subscribe();

    house.accounts.logout(refresh_body(&next), NOW).await.unwrap();
    assert_eq!(word.try_recv().unwrap(), Revoked::Family(family));
    assert!(house.accounts.revocations().has_ended(family));
    for ended in [&answer, &next] {
        assert_eq!(error(house.who(ended).await), AuthError::Unauthorized);
        assert_eq!(error(house.refresh(ended).await), AuthError::Unauthorized);
    }
    house.who(&other).await.unwrap();

    house.accounts.logout(refresh_body(&next), NOW).await.unwrap();
    assert!(word.try_recv().is_err(), "the second time there is nothing to tell");
}

#[tokio::test]
async fn an_end_counts_before_the_store_shows_it() {
    let house = house();
    let answer = house.register("alice").await;
    let family = house.who(&answer).await.unwrap().family;
    house.accounts.revocations().end_family(family, NOW);
    assert_eq!(error(house.who(&answer).await), AuthError::Unauthorized);
}

#[tokio::test]
async fn a_spent_refresh_token_can_still_log_out() {
    let house = house();
    let answer = house.register("alice").await;
    let next = house.refresh(&answer).await.unwrap();
    house.accounts.logout(refresh_body(&answer), NOW).await.unwrap();
    assert_eq!(error(house.who(&next).await), AuthError::Unauthorized);
}

#[tokio::test]
async fn an_ended_session_stays_ended_after_a_restart_and_on_other_nodes() {
    let house = house();
    let answer = house.register("alice").await;
    let other_node = house_with(house.store.clone(), unlimited());
    other_node.who(&answer).await.unwrap();
    house.accounts.logout(refresh_body(&answer), NOW).await.unwrap();
    assert_eq!(error(other_node.who(&answer).await), AuthError::Unauthorized);
}

#[tokio::test]
async fn what_is_remembered_is_swept_but_the_end_stays() {
    let house = house();
    let answer = house.register("alice").await;
    let family = house.who(&answer).await.unwrap().family;
    house.accounts.logout(refresh_body(&answer), NOW).await.unwrap();
    let later = NOW.plus(15 * MINUTE);
    assert_eq!(house.accounts.sweep(later).await.unwrap(), 0);
    assert!(!house.accounts.revocations().has_ended(family));
    assert_eq!(error(house.who(&answer).await), AuthError::Unauthorized, "even to one whose clock is slow");
    house.login("alice", PASSWORD).await.unwrap();
    assert_eq!(
        house.accounts.sweep(NOW.plus(31 * 24 * 60 * MINUTE)).await.unwrap(),
        1,
        "the new session's token"
    );
}

#[tokio::test]
async fn an_expired_access_token_is_told_from_a_wrong_one() {
    let house = house();
    let answer = house.register("alice").await;
    let at = |ms| house.accounts.authenticate(&answer.access_token, NOW.plus(ms));
    assert!(at(15 * MINUTE - 1).await.is_ok());
    let expired = error(at(15 * MINUTE).await);
    assert_eq!((expired.code(), expired), (ErrorCode::TokenExpired, AuthError::TokenExpired));
    for token in ["", "x.y.z", &answer.refresh_token, &answer.access_token[1..]] {
        assert_eq!(error(house.accounts.authenticate(token, NOW).await), AuthError::Unauthorized);
    }
}

#[tokio::test]
async fn a_token_of_another_house_opens_nothing_here() {
    let (here, there) = (house(), house());
    let answer = there.register("alice").await;
    here.register("alice").await;
    // The keys are the same; the session is not.
    assert_eq!(error(here.who(&answer).await), AuthError::Unauthorized);
    here.accounts.replace_keys(Keys::from_secrets(&"z".repeat(32), &[]).unwrap());
    let own = here.login("alice", PASSWORD).await.unwrap();
    here.who(&own).await.unwrap();
    assert_eq!(error(there.who(&own).await), AuthError::Unauthorized);
}

#[tokio::test]
async fn a_password_change_ends_all_sessions_but_not_those_begun_since() {
    let house = house();
    let (first, second) = (house.register("alice").await, house.login("alice", PASSWORD).await.unwrap());
    let bystander = house.register("bob").await;
    let who = house.who(&first).await.unwrap();
    let mut word = house.accounts.revocations().subscribe();
    let body = |current: &str, new: &str| PasswordBody {
        current_password: current.to_owned(),
        new_password: new.to_owned(),
    };
    let change = |body| house.accounts.change_password(&who, body, home(), NOW);

    assert_eq!(error(change(body("wrong", "a brand new phrase")).await), AuthError::InvalidCredentials);
    let refused = fields(change(body(PASSWORD, "password1")).await);
    assert_eq!(refused, [("new_password".to_owned(), "too_common".to_owned())]);
    let refused = fields(change(body(PASSWORD, "Alice123")).await);
    assert_eq!(refused, [("new_password".to_owned(), "contains_username".to_owned())]);
    house.who(&first).await.unwrap();
    assert!(word.try_recv().is_err());

    change(body(PASSWORD, "a brand new phrase")).await.unwrap();
    assert_eq!(word.try_recv().unwrap(), Revoked::User(who.user.id));
    for ended in [&first, &second] {
        assert_eq!(error(house.who(ended).await), AuthError::Unauthorized);
        assert_eq!(error(house.refresh(ended).await), AuthError::Unauthorized);
    }
    assert!(house.accounts.revocations().has_ended(who.family));
    assert_eq!(error(house.login("alice", PASSWORD).await), AuthError::InvalidCredentials);
    // In the same millisecond.
    let since = house.login("alice", "a brand new phrase").await.unwrap();
    let since = house.who(&since).await.unwrap();
    assert!(!house.accounts.revocations().has_ended(since.family));
    house.who(&bystander).await.unwrap();
}

#[tokio::test]
async fn the_profile_changes_in_what_is_given() {
    let house = house();
    let answer = house.register("alice").await;
    let who = house.who(&answer).await.unwrap();
    let change = |display_name: Option<&str>, color: Option<&str>| ProfileBody {
        display_name: display_name.map(str::to_owned),
        color: color.map(str::to_owned),
    };
    let update = |body| house.accounts.update_profile(&who, body);

    assert_eq!(update(change(None, None)).await.unwrap(), who.user);
    let named = update(change(Some("ALICE"), None)).await.unwrap();
    assert_eq!((named.display_name.as_str(), &named.color), ("ALICE", &who.user.color));
    let colored = update(change(None, Some("#abcdef"))).await.unwrap();
    assert_eq!((colored.display_name.as_str(), colored.color.as_str()), ("ALICE", "#ABCDEF"));
    assert_eq!(house.who(&answer).await.unwrap().user, colored, "authenticating shows it");

    let refused = fields(update(change(Some("bob"), Some("red"))).await);
    let expected = [("display_name", "mismatch"), ("color", "bad_color")];
    assert_eq!(refused, expected.map(|(f, c)| (f.to_owned(), c.to_owned())));
    assert_eq!(fields(update(change(Some("Alice"), Some("#12"))).await).len(), 1);
    assert_eq!(house.accounts.me(&who).await.unwrap(), colored, "all or nothing");
}

#[tokio::test]
async fn the_operator_makes_promotes_and_resets() {
    let house = house();
    let (profile, password) = house.accounts.create_user("Admin", None, NOW).await.unwrap();
    let password = password.unwrap();
    assert_eq!((profile.username.as_str(), profile.admin), ("admin", false));
    assert!(!format!("{password:?}").contains(password.reveal()));
    assert_eq!(error(house.accounts.create_user("admin", None, NOW).await), AuthError::UsernameTaken);
    assert_eq!(fields(house.accounts.create_user("ad min", None, NOW).await).len(), 1);

    let answer = house.login("admin", password.reveal()).await.unwrap();
    assert!(house.accounts.set_admin("ADMIN", true).await.unwrap().unwrap().admin);
    assert!(house.who(&answer).await.unwrap().user.admin, "from the next look on, without a new log-in");

    let reset = house.accounts.reset_password("admin", None, NOW).await.unwrap().unwrap().unwrap();
    assert_ne!(reset.reveal(), password.reveal());
    assert_eq!(error(house.who(&answer).await), AuthError::Unauthorized);
    assert_eq!(error(house.login("admin", password.reveal()).await), AuthError::InvalidCredentials);
    house.login("admin", reset.reveal()).await.unwrap();
    passwords::check(reset.reveal(), "admin").unwrap();

    for name in ["nobody_here", "not a name"] {
        assert_eq!(house.accounts.set_admin(name, true).await, Ok(None));
        assert!(house.accounts.reset_password(name, None, NOW).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_full_or_closed_store_is_told_as_such() {
    let house = house_with(Arc::new(MemoryStore::with_rows_max(1)), unlimited());
    let answer = house.register("alice").await;
    let e = error(house.accounts.register(register_body("bob"), home(), NOW).await);
    assert_eq!((e.code(), e), (ErrorCode::StorageFull, AuthError::Full));
    chat_store::Store::close(&*house.store).await;
    let e = error(house.who(&answer).await);
    assert!(matches!(e, AuthError::Unavailable(_)));
    assert_eq!(e.code(), ErrorCode::Unavailable);
    assert_eq!(AuthError::from(StoreError::Damaged("page 7".to_owned())), AuthError::Internal);
}

#[tokio::test]
async fn a_session_that_was_proved_is_good_while_the_store_is_out_of_reach() {
    let house = house();
    let (alice, bob) = (house.register("alice").await, house.register("bob").await);
    let known = house.who(&alice).await.unwrap();
    chat_store::Store::close(&*house.store).await;
    assert_eq!(house.who(&alice).await, Ok(known.clone()), "the store vouched for it before");
    assert!(matches!(error(house.who(&bob).await), AuthError::Unavailable(_)), "it never did for this one");
    let late = house.accounts.authenticate(&alice.access_token, NOW.plus(15 * MINUTE)).await;
    assert_eq!(error(late), AuthError::TokenExpired, "no longer than its token");
    let end = End { user: None, families: vec![known.family] };
    house.accounts.revocations().end_elsewhere(&end, NOW, NOW);
    assert_eq!(error(house.who(&alice).await), AuthError::Unauthorized, "an end that is heard of counts");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_holds_nobody_up_who_was_proved_before() {
    let house = house();
    let silenced = Arc::new(Silenced { inner: house.store.clone(), silent: AtomicBool::new(false) });
    let accounts = service_over(house.store.clone(), silenced.clone(), &house.hasher);
    let alice = house.register("alice").await;
    let who = || accounts.authenticate(&alice.access_token, NOW);
    let known = who().await.unwrap();
    silenced.silent.store(true, Ordering::Relaxed);
    let since = tokio::time::Instant::now();
    assert_eq!(who().await, Ok(known.clone()));
    assert_eq!(since.elapsed(), ASK_MAX);
    assert_eq!(who().await, Ok(known.clone()));
    assert_eq!(since.elapsed(), ASK_MAX, "it is not waited for each time");
    // It is asked again, and its word counts.
    silenced.silent.store(false, Ordering::Relaxed);
    house.accounts.logout(refresh_body(&alice), NOW).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(error(who().await), AuthError::Unauthorized);
    silenced.silent.store(true, Ordering::Relaxed);
    let never = tokio::time::timeout(Duration::from_secs(60), who()).await;
    assert!(never.is_err(), "nothing is remembered of a session that ended");
}

#[test]
fn ids_grow_with_time_and_fit_63_bits() {
    assert_eq!(user_id(Millis(USER_ID_EPOCH_MS), 0), UserId(0));
    assert_eq!(user_id(Millis(0), 0), UserId(0), "a clock that is wrong makes no panic");
    assert!(user_id(NOW, u128::MAX) < user_id(NOW.plus(1), 0));
    assert!(user_id(Millis(u64::MAX), u128::MAX).0 <= i64::MAX as u64);
    let year_2090 = Millis(3_786_912_000_000);
    assert!(user_id(NOW, u128::MAX) < user_id(year_2090, 0));
}

#[tokio::test]
async fn a_log_in_that_crosses_a_password_change_leaves_no_session() {
    let plain = house();
    plain.register("alice").await;
    let new_hash = plain.hasher.hash("a brand new phrase".to_owned()).await.unwrap();
    let change = AccountChange { password_hash: Some(new_hash), ..AccountChange::default() };
    let crossing =
        Arc::new(ChangedMeanwhile { inner: plain.store.clone(), change: Mutex::new(Some(change)) });
    let accounts = service_over(crossing.clone(), plain.store.clone(), &plain.hasher);
    let late = accounts.login(login_body("alice", PASSWORD), home(), NOW).await;
    assert_eq!(error(late), AuthError::InvalidCredentials);
    assert!(crossing.change.lock().is_none(), "it did cross");
    let user = plain.store.by_name("alice").await.unwrap().unwrap().id;
    assert_eq!(plain.store.revoke_user(user).await.unwrap(), [], "no session was left behind");
    accounts.login(login_body("alice", "a brand new phrase"), home(), NOW).await.unwrap();
}
