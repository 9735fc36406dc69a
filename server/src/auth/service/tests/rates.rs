//! How often one may try: registrations, log-ins and guesses at the current password.

use super::*;

#[tokio::test]
async fn registrations_from_one_address_are_limited() {
    let house = house_with(Arc::default(), RateLimits { registrations_per_address_hour: 3, ..unlimited() });
    house.register("alice").await;
    // A taken name is an answer about accounts, so it counts; a bad name is not.
    for _ in 0..2 {
        let taken = house.accounts.register(register_body("alice"), home(), NOW).await;
        assert_eq!(error(taken), AuthError::UsernameTaken);
    }
    let e = error(house.accounts.register(register_body("bob"), home(), NOW).await);
    assert_eq!(e, AuthError::RateLimited { retry_after: Duration::from_secs(1_200) });
    assert_eq!((e.code(), e.retry_after()), (ErrorCode::RateLimited, Some(Duration::from_secs(1_200))));
    assert_eq!(fields(house.accounts.register(register_body("a"), home(), NOW).await.map(drop)).len(), 1);
    house.accounts.register(register_body("carol"), ip("192.0.2.2"), NOW).await.unwrap();
    house.time.advance(Duration::from_secs(1_200));
    house.register("bob").await;
}

#[tokio::test]
async fn guessing_is_limited_and_the_owner_still_gets_in() {
    let house =
        house_with(Arc::default(), RateLimits { registrations_per_address_hour: 0, ..RateLimits::default() });
    house.register("alice").await;
    let guess = |from| house.accounts.login(login_body("alice", "wrong horse battery"), from, NOW);
    let before = house.hasher.computed();
    let mut refused = 0;
    for _ in 0..50 {
        refused += u32::from(error(guess(ip("127.0.0.2")).await) != AuthError::InvalidCredentials);
    }
    assert_eq!(refused, 40);
    assert_eq!(house.hasher.computed() - before, 10, "a refused try costs no hash");
    // The stranger does not even get in with the right password; the owner does.
    let lucky = house.accounts.login(login_body("alice", PASSWORD), ip("127.0.0.2"), NOW).await;
    assert!(matches!(error(lucky), AuthError::RateLimited { .. }));
    house.accounts.login(login_body("alice", PASSWORD), ip("127.0.0.3"), NOW).await.unwrap();
}

#[tokio::test]
async fn guessing_the_current_password_is_limited_as_a_log_in() {
    let limits = RateLimits { logins_per_account_and_address_minute: 2, ..unlimited() };
    let house = house_with(Arc::default(), limits);
    let who = house.who(&house.register("alice").await).await.unwrap();
    let guess = || PasswordBody {
        current_password: "wrong".to_owned(),
        new_password: "a brand new phrase".to_owned(),
    };
    for _ in 0..2 {
        let e = error(house.accounts.change_password(&who, guess(), home(), NOW).await);
        assert_eq!(e, AuthError::InvalidCredentials);
    }
    let e = error(house.accounts.change_password(&who, guess(), home(), NOW).await);
    assert!(matches!(e, AuthError::RateLimited { .. }));
}
