//! An echo over the very same WebSocket settings as the chat's, for conformance suites. No part of a serving process.

use crate::http::upgrade::with_limits;
use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::get,
    serve::ListenerExt,
};
use std::{io, net::SocketAddr};
use tokio::net::TcpListener;

/// Serves until the process ends. `ready` is told the address.
pub async fn run(
    listen: SocketAddr,
    message_bytes_max: usize,
    ready: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    ready(listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let upgrade = move |upgrade: WebSocketUpgrade| async move {
        with_limits(upgrade, message_bytes_max).on_upgrade(echo)
    };
    axum::serve(listener, Router::new().route("/", get(upgrade)).route("/ws", get(upgrade))).await
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}
