//! The handshake of the WebSocket: who may connect, and with which limits.

use super::{App, extract::Address, problem::Refusal};
use crate::{gateway::ws, limits::Full};
use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, header},
    response::Response,
};
use protocol::{
    SUBPROTOCOL,
    codes::{CloseReason, ErrorCode},
    limits::FRAME_BYTES_MAX,
};
use std::sync::Arc;

/// Read buffer of a connection: a chat line fits; the default of 128 KiB would be 6.4 GB for 50,000 readers.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// Frames are gathered up to this before a write.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;
/// What may wait in the write buffer at most: a whole turn and the largest frame of a join. Above it the connection ends.
const WRITE_BUFFER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// `GET /ws`
pub async fn websocket(
    State(app): State<Arc<App>>,
    Address(address): Address,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|rejection| {
        Refusal::new(ErrorCode::BadRequest, format!("this is a WebSocket: {}", rejection.body_text()))
    })?;
    if !origin_is_welcome(&headers, &app.options.allowed_origins) {
        return Err(Refusal::new(ErrorCode::Forbidden, "pages of this origin may not connect here"));
    }
    let place = app.gateway.limits.connections.take(address);
    let upgrade = with_limits(upgrade.protocols([SUBPROTOCOL]), FRAME_BYTES_MAX);
    let gateway = app.gateway.clone();
    Ok(match place {
        Ok(place) => upgrade.on_upgrade(move |socket| {
            let tasks = gateway.tasks.clone();
            tasks.track_future(ws::serve(gateway, socket, place))
        }),
        // Told over the WebSocket: browsers hide the status of a refused handshake.
        Err(full) => upgrade.on_upgrade(move |mut socket| async move {
            let reason = match full {
                Full::Address => CloseReason::TooManyConnections,
                Full::Process => CloseReason::TryLater,
            };
            metrics::counter!("twitchy_connections_ended_total", "reason" => reason.as_str()).increment(1);
            let frame = CloseFrame { code: reason.code(), reason: reason.text().into() };
            let _ = socket.send(Message::Close(Some(frame))).await;
        }),
    })
}

/// The limits of every WebSocket here.
pub fn with_limits(upgrade: WebSocketUpgrade, message_bytes_max: usize) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX.max(message_bytes_max.saturating_mul(2)))
        .max_message_size(message_bytes_max)
        .max_frame_size(message_bytes_max)
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
