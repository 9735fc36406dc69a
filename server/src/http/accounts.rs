//! Accounts over REST: register, log in, refresh, log out, one's own profile and password.

use super::{
    App,
    extract::{Address, Body, User},
    problem::Refusal,
};
use crate::clock;
use axum::{Json, extract::State, http::StatusCode};
use protocol::{
    objects,
    rest::{AuthAnswer, LoginBody, PasswordBody, Problem, ProfileBody, RefreshBody, RegisterBody},
};
use std::sync::Arc;

/// Makes an account and logs it in.
#[utoipa::path(post, path = "/api/v1/auth/register", tag = "accounts", request_body = RegisterBody, responses(
    (status = 201, description = "The account is there", body = AuthAnswer),
    (status = 409, description = "`username_taken`", body = Problem),
    (status = 422, description = "`validation_failed`", body = Problem),
    (status = 429, description = "`rate_limited`", body = Problem)))]
pub async fn register(
    State(app): State<Arc<App>>,
    Address(address): Address,
    Body(body): Body<RegisterBody>,
) -> Result<(StatusCode, Json<AuthAnswer>), Refusal> {
    let answer = app.gateway.accounts.register(body, address, clock::now()).await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Begins a session.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "accounts", request_body = LoginBody, responses(
    (status = 200, description = "The session has begun", body = AuthAnswer),
    (status = 401, description = "`invalid_credentials`", body = Problem),
    (status = 429, description = "`rate_limited`", body = Problem)))]
pub async fn login(
    State(app): State<Arc<App>>,
    Address(address): Address,
    Body(body): Body<LoginBody>,
) -> Result<Json<AuthAnswer>, Refusal> {
    Ok(Json(app.gateway.accounts.login(body, address, clock::now()).await?))
}

/// Exchanges a refresh token for new tokens; the old one is spent. A spent one used again ends the session.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "accounts", request_body = RefreshBody, responses(
    (status = 200, description = "New tokens", body = AuthAnswer),
    (status = 401, description = "`unauthorized`: unknown, spent or expired", body = Problem)))]
pub async fn refresh(
    State(app): State<Arc<App>>,
    Body(body): Body<RefreshBody>,
) -> Result<Json<AuthAnswer>, Refusal> {
    Ok(Json(app.gateway.accounts.refresh(body, clock::now()).await?))
}

/// Ends the session that the refresh token belongs to, and its connections.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "accounts", request_body = RefreshBody, responses(
    (status = 204, description = "It is over")))]
pub async fn logout(
    State(app): State<Arc<App>>,
    Body(body): Body<RefreshBody>,
) -> Result<StatusCode, Refusal> {
    app.gateway.accounts.logout(body, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who one is.
#[utoipa::path(get, path = "/api/v1/users/me", tag = "accounts", security(("bearer" = [])), responses(
    (status = 200, description = "Oneself", body = objects::User),
    (status = 401, description = "`unauthorized`, `token_expired`", body = Problem)))]
pub async fn me(State(app): State<Arc<App>>, User(user): User) -> Result<Json<objects::User>, Refusal> {
    Ok(Json(app.gateway.accounts.me(&user).await?.into()))
}

/// Changes the display name or colour.
#[utoipa::path(patch, path = "/api/v1/users/me", tag = "accounts", security(("bearer" = [])),
    request_body = ProfileBody, responses(
    (status = 200, description = "Oneself, as from now on", body = objects::User),
    (status = 422, description = "`validation_failed`", body = Problem)))]
pub async fn update_me(
    State(app): State<Arc<App>>,
    User(user): User,
    Body(body): Body<ProfileBody>,
) -> Result<Json<objects::User>, Refusal> {
    Ok(Json(app.gateway.accounts.update_profile(&user, body).await?.into()))
}

/// Changes the password and ends every session of the user.
#[utoipa::path(post, path = "/api/v1/users/me/password", tag = "accounts", security(("bearer" = [])),
    request_body = PasswordBody, responses(
    (status = 204, description = "Changed; log in again"),
    (status = 401, description = "`invalid_credentials`", body = Problem),
    (status = 422, description = "`validation_failed`", body = Problem)))]
pub async fn change_password(
    State(app): State<Arc<App>>,
    Address(address): Address,
    User(user): User,
    Body(body): Body<PasswordBody>,
) -> Result<StatusCode, Refusal> {
    app.gateway.accounts.change_password(&user, body, address, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
