//! Exchanges that are made again because their answer was lost.

use super::*;

#[tokio::test]
async fn an_exchange_whose_answer_was_lost_is_made_again_by_who_named_the_next_token() {
    let house = house();
    let first = house.register("alice").await;
    let family = house.who(&first).await.unwrap().family;
    let next = RefreshSecret::generate().reveal();
    let body = RefreshBody { next_refresh_token: Some(next.clone()), ..refresh_body(&first) };
    for _ in 0..3 {
        let answer = house.accounts.refresh(body.clone(), NOW).await.unwrap();
        assert_eq!(answer.refresh_token, next);
        assert_eq!(house.who(&answer).await.unwrap().family, family);
    }

    // With any other word for the next one, or none, it is a second use.
    for other in [None, Some(RefreshSecret::generate().reveal())] {
        let answer = house.login("alice", PASSWORD).await.unwrap();
        house.refresh(&answer).await.unwrap();
        let again = RefreshBody { next_refresh_token: other, ..refresh_body(&answer) };
        assert_eq!(error(house.accounts.refresh(again, NOW).await), AuthError::Unauthorized);
        assert_eq!(error(house.who(&answer).await), AuthError::Unauthorized);
    }

    // And once the next one was used, the first exchange is over for good.
    house.accounts.refresh(RefreshBody { refresh_token: next, next_refresh_token: None }, NOW).await.unwrap();
    assert_eq!(error(house.accounts.refresh(body, NOW).await), AuthError::Unauthorized);
}

#[tokio::test]
async fn a_next_token_without_the_form_of_one_is_refused_and_spends_nothing() {
    let house = house();
    let first = house.register("alice").await;
    for named in ["", "x", &"x".repeat(44), &"!".repeat(43)] {
        let body = RefreshBody { next_refresh_token: Some(named.to_owned()), ..refresh_body(&first) };
        let expected = vec![("next_refresh_token".to_owned(), "malformed".to_owned())];
        assert_eq!(fields(house.accounts.refresh(body, NOW).await.map(drop)), expected);
    }
    house.refresh(&first).await.unwrap();
}
