//! The handshake of the WebSocket: who may connect. What it says is [`Handshake`]'s matter.

use super::{App, extract::Address, problem::Refusal};
use crate::{gateway::ws, limits::Full, websocket::handshake::Handshake};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    response::Response,
};
use protocol::{
    SUBPROTOCOL,
    codes::{CloseReason, ErrorCode},
};
use std::sync::Arc;

/// `GET /ws`
pub async fn websocket(
    State(app): State<Arc<App>>,
    Address(address): Address,
    request: Request,
) -> Result<Response, Refusal> {
    let (mut parts, _) = request.into_parts();
    let refuse = |what| Refusal::new(ErrorCode::BadRequest, what);
    let handshake = Handshake::read(&parts, SUBPROTOCOL, app.gateway.options.compression).map_err(refuse)?;
    if !origin_is_welcome(&parts.headers, &app.options.allowed_origins) {
        return Err(Refusal::new(ErrorCode::Forbidden, "pages of this origin may not connect here"));
    }
    let upgrade = parts.extensions.remove().ok_or_else(|| refuse("this connection cannot be upgraded"))?;
    let gateway = app.gateway.clone();
    match app.gateway.limits.connections.take(address) {
        Ok(place) => {
            let tasks = gateway.tasks.clone();
            tasks.spawn(ws::serve(gateway, upgrade, handshake.deflates(), place));
        }
        Err(full) => {
            let reason = match full {
                Full::Address => CloseReason::TooManyConnections,
                Full::Process => CloseReason::TryLater,
            };
            metrics::counter!("twitchy_connections_ended_total", "reason" => reason.as_str()).increment(1);
            tokio::spawn(ws::refuse(upgrade, reason));
        }
    }
    Ok(handshake.accept())
}

/// Programs send no `Origin`; pages of our own host are welcome, others only if the settings name them.
pub(super) fn origin_is_welcome(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.iter().any(|a| a == origin) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let of_origin = origin.split_once("://").map(|(_, host)| host);
    of_origin.is_some() && of_origin == host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_origins_are_not_welcome() {
        let welcome = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "chat.example:8080".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            origin_is_welcome(&headers, &["https://friend.example".to_owned()])
        };
        assert!(welcome(None));
        assert!(welcome(Some("http://chat.example:8080")));
        assert!(welcome(Some("https://friend.example")));
        for origin in
            ["https://evil.example", "null", "http://chat.example", "https://friend.example.evil.org"]
        {
            assert!(!welcome(Some(origin)), "{origin}");
        }
    }
}
