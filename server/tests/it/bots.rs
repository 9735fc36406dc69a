//! Bots: made by admins, at work by their tokens, ended on every node.

use crate::support::{Server, User, config, refused, shared::Shared, socket};
use client::{Call, Method, Rest};
use protocol::{
    codes::{CloseReason, ErrorCode},
    objects::{self, Badge},
    rest::{BotTokensAnswer, NewBotToken},
};
use server::config::{Config, Rate, Secret};

struct House {
    here: Server,
    there: Server,
    admin: User,
}

async fn house_with(change: impl Fn(&mut Config)) -> House {
    let shared = Shared::new(config().log.partitions);
    let node = || {
        let mut config = config();
        config.auth.secret = Secret::new("one secret for all of the nodes here".to_owned());
        change(&mut config);
        Server::over(config, shared.engines())
    };
    let (here, there) = (node().await, node().await);
    let admin = here.user("ada").await;
    shared.promote(admin.id).await;
    House { here, there, admin }
}

async fn bot(house: &House) -> NewBotToken {
    let call = Call::post("/api/v1/bots", r#"{"username":"dice_bot","display_name":"Dice_Bot"}"#);
    let made: objects::User = house.admin.rest.call(call).await.unwrap().json().unwrap();
    assert!(made.bot && !made.admin);
    let call = Call::post("/api/v1/bots/dice_bot/tokens", r#"{"name":"one"}"#);
    house.admin.rest.call(call).await.unwrap().json().unwrap()
}

#[tokio::test]
async fn a_token_of_a_bot_is_used_like_any_and_ends_everywhere() {
    let house = house_with(|_| {}).await;
    let made = bot(&house).await;
    // Over REST and over the WebSocket, at a node that did not make it.
    let rest = Rest::new(house.there.address).bearer(&made.token);
    assert!(rest.me().await.unwrap().bot);
    let said = rest.send("alone", "four", None).await.unwrap();
    assert_eq!(said.user.badges, [Badge::Bot]);
    let mut socket = socket(house.there.address).await;
    let (user, _) = socket.auth(&made.token).await.unwrap();
    assert_eq!((user.username.as_str(), user.bot), ("dice_bot", true));
    socket.send_text("alone", "five", "n1").await.unwrap();
    let person = house.admin.rest.send("alone", "mine", None).await.unwrap();
    assert_eq!(person.user.badges, []);

    let listed = house.admin.rest.call(Call::get("/api/v1/bots/dice_bot/tokens")).await.unwrap();
    assert!(!listed.text().contains(&made.token), "it is shown once");
    let BotTokensAnswer { tokens } = listed.json().unwrap();
    assert_eq!(tokens.iter().map(|t| (&t.id, t.name.as_str())).collect::<Vec<_>>(), [(&made.id, "one")]);

    let path = format!("/api/v1/bots/dice_bot/tokens/{}", made.id);
    let gone = house.admin.rest.call(Call::new(Method::DELETE, path.clone())).await.unwrap();
    assert_eq!(gone.status.as_u16(), 204);
    let closed = socket.closed().await.unwrap();
    assert_eq!(closed.code, Some(CloseReason::SessionOver.code()));
    refused(rest.me().await, ErrorCode::Unauthorized);
    let again = house.admin.rest.call(Call::new(Method::DELETE, path)).await.unwrap();
    refused(again.success(), ErrorCode::NotFound);
}

#[tokio::test]
async fn only_admins_make_bots() {
    let house = house_with(|_| {}).await;
    let made = bot(&house).await;
    let bob = house.here.user("bob").await;
    let own = Rest::new(house.here.address).bearer(&made.token);
    for call in [
        Call::post("/api/v1/bots", r#"{"username":"my_bot"}"#),
        Call::get("/api/v1/bots/dice_bot/tokens"),
        Call::post("/api/v1/bots/dice_bot/tokens", r#"{"name":"mine"}"#),
        Call::new(Method::DELETE, format!("/api/v1/bots/dice_bot/tokens/{}", made.id)),
    ] {
        refused(house.here.rest().call(call.clone()).await.unwrap().success(), ErrorCode::Unauthorized);
        refused(bob.rest.call(call.clone()).await.unwrap().success(), ErrorCode::Forbidden);
        refused(own.call(call).await.unwrap().success(), ErrorCode::Forbidden);
    }
    for (path, body, code) in [
        ("/api/v1/bots", r#"{"username":"dice_bot"}"#, ErrorCode::UsernameTaken),
        ("/api/v1/bots", r#"{"username":"no name"}"#, ErrorCode::ValidationFailed),
        ("/api/v1/bots/bob/tokens", r#"{"name":"x"}"#, ErrorCode::NotFound),
        ("/api/v1/bots/dice_bot/tokens", r#"{"name":""}"#, ErrorCode::ValidationFailed),
    ] {
        refused(house.admin.rest.call(Call::post(path, body)).await.unwrap().success(), code);
    }
}

#[tokio::test]
async fn a_bot_has_a_pace_of_its_own() {
    let house = house_with(|config| {
        config.limits.user_messages_per_second = Rate(0.01);
        config.limits.user_message_burst = 1;
        config.limits.bot_messages_per_second = Rate(0.01);
        config.limits.bot_message_burst = 3;
    })
    .await;
    let rest = Rest::new(house.here.address).bearer(&bot(&house).await.token);
    for n in 0..3 {
        rest.send("alone", &format!("{n}"), None).await.unwrap();
    }
    let late = refused(rest.send("alone", "3", None).await, ErrorCode::RateLimited);
    assert!(late.retry_after_ms.is_some_and(|ms| ms > 0));
    house.admin.rest.send("alone", "mine", None).await.unwrap();
    refused(house.admin.rest.send("alone", "mine too", None).await, ErrorCode::RateLimited);
}
