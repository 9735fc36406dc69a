//! An echo over the very same WebSocket code as the chat's, for conformance suites. No part of a serving process.

use super::{
    connection::{End, Outward},
    outlet::Outlet,
    registry::Signals,
    shard::Shards,
    socket,
    ws::Upgraded,
};
use crate::{
    http::problem::Refusal,
    websocket::{
        Event, deflate,
        frame::{self, Opcode},
        handshake::Handshake,
    },
    world::{Real, World},
};
use axum::{Router, extract::Request, response::Response, routing::get, serve::ListenerExt};
use protocol::{SUBPROTOCOL, codes::ErrorCode};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// As in the settings' default.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Serves until the process ends. `ready` is told the address.
pub async fn run(
    listen: SocketAddr,
    message_bytes_max: usize,
    ready: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    ready(listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        let _ = socket::set_up(stream);
    });
    let world: Arc<dyn World> = Arc::new(Real);
    let shards = Shards::new(1, HEARTBEAT, &world);
    for shard in shards.all() {
        tokio::spawn(shard.clone().run());
    }
    let upgrade = move |request: Request| {
        let shards = shards.clone();
        async move { accept(request, shards, message_bytes_max) }
    };
    axum::serve(listener, Router::new().route("/", get(upgrade.clone())).route("/ws", get(upgrade))).await
}

fn accept(request: Request, shards: Arc<Shards>, message_bytes_max: usize) -> Result<Response, Refusal> {
    let (mut parts, _) = request.into_parts();
    let refuse = |what| Refusal::new(ErrorCode::BadRequest, what);
    let handshake = Handshake::read(&parts, SUBPROTOCOL, true).map_err(refuse)?;
    let upgrade = parts.extensions.remove().ok_or_else(|| refuse("this connection cannot be upgraded"))?;
    let deflates = handshake.deflates();
    tokio::spawn(async move {
        if let Some(upgraded) = Upgraded::from_http(upgrade, message_bytes_max, deflates).await {
            echo(upgraded, &shards, message_bytes_max).await;
        }
    });
    Ok(handshake.accept())
}

async fn echo(mut upgraded: Upgraded, shards: &Shards, message_bytes_max: usize) {
    let signals: Arc<Signals> = Arc::default();
    let Outward { wire, deflates } = upgraded.outward();
    let berth = shards.take(wire, signals, deflates);
    let message = |opcode, payload: &[u8]| match deflates {
        true => deflate::compress(opcode, payload),
        false => frame::whole(opcode, payload),
    };
    let outlet: &Arc<Outlet> = &berth.outlet;
    let last = loop {
        match upgraded.next().await {
            Ok(Event::Text(text)) => outlet.send([message(Opcode::Text, text.as_bytes())]),
            Ok(Event::Binary(bytes)) => outlet.send([message(Opcode::Binary, &bytes)]),
            Ok(Event::Ping(payload)) => outlet.send([frame::whole(Opcode::Pong, &payload)]),
            Ok(Event::Pong) => {}
            Ok(Event::Close(code)) => {
                let payload = code.map(u16::to_be_bytes);
                break frame::whole(Opcode::Close, payload.as_ref().map_or(&[], |code| code));
            }
            Err(End::Close(reason)) => break frame::close(reason),
            Err(_) => return,
        }
        outlet.heard();
        outlet.written_to(message_bytes_max).await;
        if outlet.over().is_some() {
            return;
        }
    };
    outlet.goodbye(last);
    outlet.written_to(0).await;
    // Read on until the other side has seen it; otherwise the reset could overtake the close frame.
    let _ = tokio::time::timeout(HEARTBEAT, async { while upgraded.next().await.is_ok() {} }).await;
}
