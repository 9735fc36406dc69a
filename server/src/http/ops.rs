//! For operators and their machines: is it alive, is it ready, what does it count.

use super::App;
use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chat_store::Store;
use event_log::EventLog;
use serde::Serialize;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// How long an answer of the store holds: whoever asks more often is told the same.
const ANSWER_HOLDS: Duration = Duration::from_secs(1);
/// How long the store may think about it.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// The parts that have to work, and what the store last said.
pub struct Parts {
    log: Arc<dyn EventLog>,
    store: Arc<dyn Store>,
    /// Held while the store is asked, so that those who come meanwhile wait for the same answer.
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Parts {
    /// Nobody was asked yet.
    pub fn new(log: Arc<dyn EventLog>, store: Arc<dyn Store>) -> Self {
        Self { log, store, last: Mutex::default() }
    }

    async fn store(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < ANSWER_HOLDS
        {
            return answer.clone();
        }
        let answer = timeout(ANSWER_MAX, self.store.healthy()).await;
        let seconds = ANSWER_MAX.as_secs();
        let answer = answer.unwrap_or_else(|_| Err(format!("it did not answer within {seconds} s")));
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

/// What `/healthz` and `/readyz` say.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// `ok` or `failing`.
    status: &'static str,
    /// The parts that fail, with what they say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failing: Vec<Part>,
}

/// A part that fails.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Part {
    /// `log`, `store` or `server`.
    part: &'static str,
    /// What it says.
    detail: String,
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = Health)))]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", failing: Vec::new() })
}

/// Its log and store answer.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "Ready", body = Health),
    (status = 503, description = "The failing parts are named", body = Health)))]
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    let mut failing = Vec::new();
    if app.gateway.stopping.is_cancelled() {
        failing.push(Part { part: "server", detail: "stopping".to_owned() });
    }
    if let Err(detail) = app.health.log.healthy() {
        failing.push(Part { part: "log", detail });
    }
    if let Err(detail) = app.health.store().await {
        failing.push(Part { part: "store", detail });
    }
    if failing.is_empty() {
        Json(Health { status: "ok", failing }).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "failing", failing })).into_response()
    }
}

/// Everything counted, in Prometheus' text format; on the main listener for this machine only.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, content_type = "text/plain")))]
pub async fn metrics(State(app): State<Arc<App>>, ConnectInfo(peer): ConnectInfo<SocketAddr>) -> Response {
    let own_listener = app.options.ops_listener;
    if own_listener || !peer.ip().to_canonical().is_loopback() {
        return super::not_found().await.into_response();
    }
    render(&app)
}

/// The same on `ops.listen`, for whoever can reach that address.
pub async fn metrics_on_ops(State(app): State<Arc<App>>) -> Response {
    render(&app)
}

fn render(app: &App) -> Response {
    let text = app.metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
