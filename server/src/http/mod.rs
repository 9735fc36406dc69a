//! HTTP: the REST calls, the WebSocket's handshake, the web client and what operators look at.
//!
//! Handlers translate between the wire and the parts behind; no rule of the chat is decided here. Start with
//! [`router`].

mod accounts;
mod assets;
mod bots;
mod emotes;
mod extract;
mod moderation;
mod openapi;
mod ops;
pub mod problem;
mod rooms;
pub mod upgrade;

use crate::gateway::Gateway;
use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, delete, get, patch, post, put},
};
use extract::Address;
use metrics_exporter_prometheus::PrometheusHandle;
use problem::Refusal;
use protocol::{codes::ErrorCode, limits::BODY_BYTES_MAX};
use std::sync::Arc;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{AllowOrigin, CorsLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
};

pub use assets::has_client;
pub use ops::Parts;

/// What the settings say of HTTP.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Other origins whose pages may call us.
    pub allowed_origins: Vec<String>,
    /// Proxies in front of us that write `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// Metrics have a listener of their own.
    pub ops_listener: bool,
}

/// What all handlers share.
pub struct App {
    /// Rooms, accounts, limits.
    pub gateway: Arc<Gateway>,
    /// For readiness.
    pub health: Parts,
    /// What was counted.
    pub metrics: PrometheusHandle,
    /// Settings.
    pub options: Options,
}

/// Scripts, styles and pictures from ourselves alone, and no framing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Everything on the main listener.
pub fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/auth/register", post(accounts::register))
        .route("/auth/login", post(accounts::login))
        .route("/auth/refresh", post(accounts::refresh))
        .route("/auth/logout", post(accounts::logout))
        .route("/users/me", get(accounts::me).patch(accounts::update_me))
        .route("/users/me/password", post(accounts::change_password))
        .route("/bots", post(bots::create))
        .route("/bots/{username}/tokens", get(bots::tokens).post(bots::create_token))
        .route("/bots/{username}/tokens/{id}", delete(bots::revoke_token))
        .route("/rooms", get(rooms::list).post(rooms::create))
        .route("/rooms/{slug}", get(rooms::get).delete(rooms::archive))
        .route("/rooms/{slug}/restore", post(rooms::restore))
        .route("/rooms/{slug}/messages", get(rooms::messages).post(rooms::send))
        .route("/rooms/{slug}/messages/{id}", delete(moderation::delete_message))
        .route("/rooms/{slug}/messages/{id}/original", get(rooms::original))
        .route("/rooms/{slug}/clear", post(moderation::clear))
        .route("/rooms/{slug}/bans", get(moderation::bans))
        .route("/rooms/{slug}/bans/{username}", put(moderation::ban).delete(moderation::unban))
        .route("/rooms/{slug}/roles", get(moderation::roles))
        .route(
            "/rooms/{slug}/moderators/{username}",
            put(moderation::add_moderator).delete(moderation::remove_moderator),
        )
        .route("/rooms/{slug}/vips/{username}", put(moderation::add_vip).delete(moderation::remove_vip))
        .route(
            "/rooms/{slug}/broadcaster/{username}",
            put(moderation::set_broadcaster).delete(moderation::remove_broadcaster),
        )
        .route("/rooms/{slug}/settings", patch(moderation::settings))
        .route("/rooms/{slug}/pinned", put(moderation::pin).delete(moderation::unpin))
        .route("/rooms/{slug}/blocked-phrases", get(moderation::phrases).post(moderation::block_phrase))
        .route("/rooms/{slug}/blocked-phrases/{id}", delete(moderation::allow_phrase))
        .route("/rooms/{slug}/users/{username}", get(moderation::user_card))
        .route("/rooms/{slug}/moderation-log", get(moderation::log))
        .route("/rooms/{slug}/preview", post(rooms::preview))
        .route("/preview", post(rooms::previews))
        .route("/rooms/{slug}/emotes", get(emotes::list_of_room))
        .route("/rooms/{slug}/emotes/{name}", put(emotes::put_of_room).delete(emotes::delete_of_room))
        .route("/emotes", get(emotes::list))
        .route("/emotes/{name}", put(emotes::put).delete(emotes::delete))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), refuse_foreign_pages))
        .layer(middleware::from_fn_with_state(app.clone(), limit_requests))
        .layer(middleware::from_fn(no_store));
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(app.options.allowed_origins.iter().filter_map(|o| o.parse().ok())))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE]);
    let request_id = HeaderName::from_static("x-request-id");
    Router::new()
        .nest("/api/v1", api)
        .route("/ws", get(upgrade::websocket))
        .route("/emotes/{id}", get(emotes::picture))
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .route("/openapi.json", get(openapi_json))
        .route("/docs", get(|headers: HeaderMap| async move { assets::own("docs.html", &headers).await }))
        .route(
            "/docs/docs.js",
            get(|headers: HeaderMap| async move { assets::own("docs.js", &headers).await }),
        )
        .route(
            "/docs/docs.css",
            get(|headers: HeaderMap| async move { assets::own("docs.css", &headers).await }),
        )
        .route("/api", any(not_found))
        .route("/api/", any(not_found))
        .route("/api/{*rest}", any(not_found))
        .fallback(get(assets::client).fallback(method_not_allowed))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CompressionLayer::new())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(security_headers))
        .layer(cors)
        .layer(middleware::from_fn(count))
        .layer(PropagateRequestIdLayer::new(request_id.clone()))
        .layer(SetRequestIdLayer::new(request_id, MakeRequestUuid))
        .with_state(app)
}

/// What is served on `ops.listen`.
pub fn ops_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics_on_ops))
        .with_state(app)
}

/// What a process serves on its main listener that takes no connections of people.
pub fn health_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .fallback(not_found)
        .layer(middleware::from_fn(security_headers))
        .with_state(app)
}

async fn openapi_json() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::json()).into_response()
}

/// There is nothing here.
pub async fn not_found() -> Refusal {
    Refusal::new(ErrorCode::NotFound, "there is nothing at this path")
}

async fn method_not_allowed() -> Response {
    let detail = "this path does not take this method".to_owned();
    problem::problem(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::BadRequest, detail, Vec::new(), None)
}

/// A handler panicked: the one who asked gets 500, nobody else notices.
#[allow(clippy::needless_pass_by_value)] // the layer's signature
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    metrics::counter!("twitchy_panics_total").increment(1);
    Refusal::new(ErrorCode::Internal, "something broke on our side; it was written down").into_response()
}

async fn limit_requests(
    State(app): State<Arc<App>>,
    Address(address): Address,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    app.gateway.limits.request(address).map_err(Refusal::rate_limited)?;
    Ok(next.run(request).await)
}

/// Withholding CORS headers keeps another site's page from reading an answer, not from sending a request.
async fn refuse_foreign_pages(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && !upgrade::origin_is_welcome(request.headers(), &app.options.allowed_origins) {
        return Err(Refusal::new(ErrorCode::Forbidden, "pages of this origin may not call this server"));
    }
    Ok(next.run(request).await)
}

/// Answers of the API hold tokens and live figures.
async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // Pictures that others uploaded bring a stricter one.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    let mut set =
        |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    response
}

/// Counts by route and status; never by anything that a client chooses freely.
async fn count(path: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let start = std::time::Instant::now();
    let path = path.map_or("other".to_owned(), |p| p.as_str().to_owned());
    let response = next.run(request).await;
    let status = response.status().as_str().to_owned();
    metrics::counter!("twitchy_http_requests_total", "path" => path.clone(), "status" => status).increment(1);
    metrics::histogram!("twitchy_http_seconds", "path" => path).record(start.elapsed().as_secs_f64());
    response
}
