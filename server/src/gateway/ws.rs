//! A WebSocket over TCP as the [`Inlet`] and the [`Wire`] of a connection. It knows no session and no room.
//!
//! The stream is what is left of an HTTP connection after its handshake. A silent client has no buffer here: its socket
//! is waited for, and what it says is read into a buffer that all connections of a thread share.

use super::{
    connection::{self, End, Inlet, Outward, Received},
    outlet::Wire,
};
use crate::{
    gateway::Gateway,
    limits::Place,
    websocket::{Decoder, Event, Violation, frame},
};
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade::downcast};
use protocol::{codes::CloseReason, limits::FRAME_BYTES_MAX};
use std::{
    cell::RefCell,
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll},
};
use tokio::net::TcpStream;

/// What one read takes: a full frame with its header, in one buffer a thread.
const READ_BYTES: usize = 16 * 1024 + 16;

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What is left of an HTTP connection after the handshake.
pub struct Upgraded {
    stream: Arc<TcpStream>,
    deflates: bool,
    decoder: Decoder,
}

impl Upgraded {
    /// Takes the stream over, with what was read of it beyond the handshake.
    pub async fn from_http(
        upgrade: hyper::upgrade::OnUpgrade,
        message_bytes_max: usize,
        deflates: bool,
    ) -> Option<Self> {
        let upgraded = upgrade.await.ok()?;
        // Only what `axum::serve` listens on comes here: plain TCP.
        let parts = downcast::<TokioIo<TcpStream>>(upgraded).ok()?;
        let mut decoder = Decoder::new(message_bytes_max, deflates);
        decoder.push(&parts.read_buf);
        Some(Self { stream: Arc::new(parts.io.into_inner()), deflates, decoder })
    }

    /// Where its frames go.
    pub fn outward(&self) -> Outward {
        Outward { wire: self.stream.clone(), deflates: self.deflates }
    }

    /// The next thing that the client said.
    pub async fn next(&mut self) -> Result<Event, End> {
        loop {
            match self.decoder.next_event() {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(Violation::Protocol) => return Err(End::Close(CloseReason::ProtocolError)),
                Err(Violation::NotUtf8) => return Err(End::Close(CloseReason::NotUtf8)),
                Err(Violation::TooBig) => return Err(End::Close(CloseReason::TooBig)),
            }
            self.stream.readable().await.map_err(|_| End::Gone)?;
            READ_BUFFER.with_borrow_mut(|buffer| match self.stream.try_read(buffer) {
                Ok(0) => Err(End::Gone),
                Ok(count) => {
                    self.decoder.push(&buffer[..count]);
                    Ok(())
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                Err(_) => Err(End::Gone),
            })?;
        }
    }
}

impl Inlet for Upgraded {
    async fn receive(&mut self) -> Result<Received, End> {
        match self.next().await? {
            Event::Text(text) => Ok(Received::Text(text)),
            Event::Binary(_) => Err(End::Close(CloseReason::BinaryFrame)),
            Event::Ping(payload) => Ok(Received::Ping(payload)),
            Event::Pong => Ok(Received::Alive),
            Event::Close(code) => Err(End::Goodbye(code)),
        }
    }
}

impl Wire for TcpStream {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [only] => Self::try_write(self, only),
            several => self.try_write_vectored(several),
        }
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ready(context)
    }
}

/// Serves one WebSocket until it ends. `place` counts it while it lives.
pub async fn serve(gateway: Arc<Gateway>, upgrade: hyper::upgrade::OnUpgrade, deflates: bool, place: Place) {
    let Some(upgraded) = Upgraded::from_http(upgrade, FRAME_BYTES_MAX, deflates).await else { return };
    // A task of its own: what the handshake needed is not kept for the life of the connection.
    let (tasks, outward) = (gateway.tasks.clone(), upgraded.outward());
    tasks.spawn(connection::serve(gateway, upgraded, outward, place));
}

/// Tells a client over its WebSocket that there is no place for it: browsers hide the status of a refused handshake.
pub async fn refuse(upgrade: hyper::upgrade::OnUpgrade, reason: CloseReason) {
    if let Some(upgraded) = Upgraded::from_http(upgrade, FRAME_BYTES_MAX, false).await {
        // The first bytes of a stream always find room.
        let _ = upgraded.stream.try_write(&frame::close(reason));
    }
}
