//! Bots over REST, for admins: accounts of programs and their tokens.

use super::{
    App,
    extract::{Admin, Body, Path},
    problem::Refusal,
};
use crate::clock;
use axum::{Json, extract::State, http::StatusCode};
use protocol::{
    codes::ErrorCode,
    objects,
    rest::{BotBody, BotTokenBody, BotTokensAnswer, NewBotToken, Problem},
};
use std::sync::Arc;

fn missing(what: &str) -> Refusal {
    Refusal::new(ErrorCode::NotFound, format!("there is no such {what}"))
}

/// Makes a bot: an account without a password, which only its tokens open.
#[utoipa::path(post, path = "/api/v1/bots", tag = "bots", security(("bearer" = [])), request_body = BotBody, responses(
    (status = 201, description = "The bot is there, without a token yet", body = objects::User),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 409, description = "`username_taken`", body = Problem),
    (status = 422, description = "`validation_failed`", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    Admin(admin): Admin,
    Body(body): Body<BotBody>,
) -> Result<(StatusCode, Json<objects::User>), Refusal> {
    let bot = app.gateway.accounts.create_bot(body, clock::now()).await?;
    tracing::info!(bot = %bot.username, by = %admin.user.username, "a bot was made");
    Ok((StatusCode::CREATED, Json(bot.into())))
}

/// What tokens a bot has; the tokens themselves are nowhere.
#[utoipa::path(get, path = "/api/v1/bots/{username}/tokens", tag = "bots", params(("username" = String, Path)),
    security(("bearer" = [])), responses(
    (status = 200, description = "Those that are good, oldest first", body = BotTokensAnswer),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`not_found`", body = Problem)))]
pub async fn tokens(
    State(app): State<Arc<App>>,
    Path(username): Path<String>,
    _: Admin,
) -> Result<Json<BotTokensAnswer>, Refusal> {
    let tokens = app.gateway.accounts.bot_tokens(&username).await?.ok_or_else(|| missing("bot"))?;
    Ok(Json(BotTokensAnswer { tokens }))
}

/// Makes a token; this answer is the one time that it is shown.
#[utoipa::path(post, path = "/api/v1/bots/{username}/tokens", tag = "bots", params(("username" = String, Path)),
    security(("bearer" = [])), request_body = BotTokenBody, responses(
    (status = 201, description = "To be used like an access token until it is revoked", body = NewBotToken),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`not_found`", body = Problem),
    (status = 409, description = "`limit_reached`", body = Problem),
    (status = 422, description = "`validation_failed`", body = Problem)))]
pub async fn create_token(
    State(app): State<Arc<App>>,
    Path(username): Path<String>,
    Admin(admin): Admin,
    Body(body): Body<BotTokenBody>,
) -> Result<(StatusCode, Json<NewBotToken>), Refusal> {
    let made = app.gateway.accounts.create_bot_token(&username, body, clock::now()).await?;
    let made = made.ok_or_else(|| missing("bot"))?;
    tracing::info!(bot = %username, token = %made.id, by = %admin.user.username, "a bot got a token");
    Ok((StatusCode::CREATED, Json(made)))
}

/// Ends a token, and the connections that came in by it.
#[utoipa::path(delete, path = "/api/v1/bots/{username}/tokens/{id}", tag = "bots",
    params(("username" = String, Path), ("id" = String, Path)), security(("bearer" = [])), responses(
    (status = 204, description = "It opens nothing any more"),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`not_found`", body = Problem)))]
pub async fn revoke_token(
    State(app): State<Arc<App>>,
    Path((username, id)): Path<(String, String)>,
    Admin(admin): Admin,
) -> Result<StatusCode, Refusal> {
    if !app.gateway.accounts.revoke_bot_token(&username, &id, clock::now()).await? {
        return Err(missing("token"));
    }
    tracing::info!(bot = %username, token = %id, by = %admin.user.username, "a bot's token was revoked");
    Ok(StatusCode::NO_CONTENT)
}
