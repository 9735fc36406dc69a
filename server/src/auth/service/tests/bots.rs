//! Bots and their tokens.

use super::*;
use chat_store::BOT_TOKENS_MAX;
use protocol::rest::{BotBody, BotTokenBody, NewBotToken};

async fn bot_with_token(house: &House) -> NewBotToken {
    let body = BotBody { username: "dice_bot".into(), display_name: Some("Dice_Bot".into()) };
    let bot = house.accounts.create_bot(body, NOW).await.unwrap();
    assert_eq!((bot.bot, bot.admin, bot.display_name.as_str()), (true, false, "Dice_Bot"));
    token(house, "one").await.unwrap()
}

async fn token(house: &House, name: &str) -> Result<NewBotToken, AuthError> {
    let body = BotTokenBody { name: name.into() };
    Ok(house.accounts.create_bot_token("dice_bot", body, NOW).await?.expect("the bot is there"))
}

fn house() -> House {
    house_with(Arc::new(MemoryStore::new()), unlimited())
}

#[tokio::test]
async fn a_token_is_a_bot_until_it_is_revoked() {
    let house = house();
    let (one, two) = (bot_with_token(&house).await, token(&house, "two").await.unwrap());
    assert!(one.token.starts_with(BOT_TOKEN_PREFIX) && one.token != two.token);
    let late = NOW.plus(365 * 24 * 3600 * 1000);
    let who = house.accounts.authenticate(&one.token, late).await.unwrap();
    assert!(who.user.bot);
    assert_eq!((who.user.username.as_str(), who.expires_at), ("dice_bot", late.plus(BOT_PROOF_MS)));

    let mut ends = house.accounts.revocations().subscribe();
    let told = house.accounts.bot_tokens("Dice_Bot").await.unwrap().unwrap();
    let mut names: Vec<_> = told.iter().map(|t| t.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["one", "two"], "made in the same millisecond, so in any order");
    assert!(house.accounts.revoke_bot_token("dice_bot", &one.id, NOW).await.unwrap());
    assert_eq!(ends.try_recv(), Ok(Revoked::Family(who.family)), "its connections end");
    assert_eq!(house.accounts.authenticate(&one.token, NOW).await, Err(AuthError::Unauthorized));
    assert!(house.accounts.authenticate(&two.token, NOW).await.is_ok(), "the other one lives");
    for (bot, id) in
        [("dice_bot", &one.id), ("nobody", &two.id), ("dice_bot", &"+".repeat(32)), ("dice_bot", &"".into())]
    {
        assert!(!house.accounts.revoke_bot_token(bot, id, NOW).await.unwrap(), "{bot} {id}");
    }
}

#[tokio::test]
async fn what_is_like_a_token_opens_nothing() {
    let house = house();
    let good = bot_with_token(&house).await.token;
    let secret = good.strip_prefix(BOT_TOKEN_PREFIX).unwrap();
    let other = format!("{BOT_TOKEN_PREFIX}{}", RefreshSecret::generate().reveal());
    for bad in
        ["twitchy_bot_", secret, &good[..good.len() - 1], &format!("{good}x"), &other, &good.to_uppercase()]
    {
        let who = house.accounts.authenticate(bad, NOW).await;
        assert_eq!(who, Err(AuthError::Unauthorized), "{bad}");
    }
}

#[tokio::test]
async fn nobody_logs_in_to_a_bot_and_none_becomes_a_person() {
    let house = house();
    bot_with_token(&house).await;
    for password in ["bot", "", PASSWORD] {
        let body = LoginBody { username: "dice_bot".into(), password: password.into() };
        let answer = house.accounts.login(body, IpAddr::from([192, 0, 2, 1]), NOW).await;
        assert!(matches!(answer, Err(AuthError::InvalidCredentials)), "{password:?}");
    }
    assert!(house.accounts.reset_password("dice_bot", None, NOW).await.unwrap().is_none());
    let again = BotBody { username: "DICE_BOT".into(), display_name: None };
    assert_eq!(house.accounts.create_bot(again, NOW).await.unwrap_err(), AuthError::UsernameTaken);
}

#[tokio::test]
async fn people_have_no_tokens_and_bots_so_many() {
    let house = house();
    house.accounts.create_user("ada", None, NOW).await.unwrap();
    let body = BotTokenBody { name: "x".into() };
    assert!(house.accounts.create_bot_token("ada", body, NOW).await.unwrap().is_none());
    assert!(house.accounts.bot_tokens("ada").await.unwrap().is_none());
    bot_with_token(&house).await;
    for name in ["", "  ", "a\nb", &"x".repeat(65)] {
        assert!(matches!(token(&house, name).await, Err(AuthError::Validation(_))), "{name:?}");
    }
    for n in 1..BOT_TOKENS_MAX {
        token(&house, &format!("number {n}")).await.unwrap();
    }
    assert_eq!(token(&house, "one more").await.err(), Some(AuthError::TooManyTokens));
}
