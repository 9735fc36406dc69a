//! A WebSocket as the [`Transport`] of a connection. It knows no session and no room.

use super::connection::{self, CLOSE_TIMEOUT, End, Gone, Received, Transport};
use crate::{gateway::Gateway, limits::Place};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::{SinkExt, StreamExt};
use protocol::codes::CloseReason;
use std::sync::Arc;
use tungstenite::error::{CapacityError, Error as WsError, ProtocolError};

/// Serves one WebSocket until it ends. `place` counts it while it lives.
pub async fn serve(gateway: Arc<Gateway>, socket: WebSocket, place: Place) {
    connection::serve(gateway, socket, place).await;
}

impl Transport for WebSocket {
    async fn receive(&mut self) -> Result<Received, End> {
        match self.next().await {
            Some(Ok(Message::Text(text))) => Ok(Received::Text(text)),
            Some(Ok(Message::Binary(_))) => Err(End::Close(CloseReason::BinaryFrame)),
            // tungstenite answers pings by itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Received::Alive),
            Some(Ok(Message::Close(_))) => {
                // The answer to it is only queued by the reading.
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, SinkExt::flush(self)).await;
                Err(End::Gone)
            }
            None => Err(End::Gone),
            Some(Err(error)) => Err(end_of(error)),
        }
    }

    async fn feed(&mut self, frame: Utf8Bytes) -> Result<(), Gone> {
        SinkExt::feed(self, Message::Text(frame)).await.map_err(|_| Gone)
    }

    async fn feed_ping(&mut self) -> Result<(), Gone> {
        SinkExt::feed(self, Message::Ping(Default::default())).await.map_err(|_| Gone)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        SinkExt::flush(self).await.map_err(|_| Gone)
    }

    async fn close(&mut self, reason: CloseReason) {
        let frame = CloseFrame { code: reason.code(), reason: reason.text().into() };
        if self.send(Message::Close(Some(frame))).await.is_ok() {
            // Read on until the other side has seen it; otherwise the reset could overtake the close frame.
            while let Some(Ok(_)) = self.next().await {}
        }
    }
}

/// What an error of the WebSocket means for the connection.
fn end_of(error: axum::Error) -> End {
    match error.into_inner().downcast::<WsError>().map(|e| *e) {
        Ok(WsError::Capacity(CapacityError::MessageTooLong { .. })) => End::Close(CloseReason::TooBig),
        Ok(WsError::Utf8(_)) => End::Close(CloseReason::NotUtf8),
        Ok(WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => End::Gone,
        Ok(WsError::Protocol(_) | WsError::Capacity(_)) => End::Close(CloseReason::ProtocolError),
        _ => End::Gone,
    }
}
