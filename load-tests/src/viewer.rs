//! One connection that reads all rooms and notes how late each message is.

use crate::{Shared, writer::due_in};
use client::{Error, Socket};
use protocol::frames::ServerFrame;
use std::{net::SocketAddr, sync::Arc};
use tokio::sync::watch;

pub struct Viewer(Socket);

impl Viewer {
    pub async fn enter(address: SocketAddr, rooms: &[String]) -> Result<Self, String> {
        let failed = |error: Error| format!("a viewer at {address}: {error}");
        let mut socket = Socket::connect(address).await.map_err(failed)?;
        for room in rooms {
            socket.join_with_history(room, 0).await.map_err(failed)?;
        }
        Ok(Self(socket))
    }

    /// Until it has as many messages as were accepted, which is told at the end.
    pub async fn run(mut self, shared: Arc<Shared>, mut accepted: watch::Receiver<Option<u64>>) {
        let mut seen = 0_u64;
        loop {
            if accepted.borrow_and_update().is_some_and(|accepted| seen >= accepted) {
                return;
            }
            let frame = tokio::select! {
                frame = self.0.recv() => frame,
                changed = accepted.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            };
            match frame {
                Ok(ServerFrame::Messages { messages, .. }) => {
                    let late = messages.iter().filter_map(|m| due_in(&m.text)).map(|due| shared.late(due));
                    let mut shown = shared.shown.lock();
                    late.for_each(|late| shown.note(late));
                    drop(shown);
                    seen += messages.len() as u64;
                    shared.counts.lock().shown += messages.len() as u64;
                }
                Ok(ServerFrame::Gap { .. }) => shared.counts.lock().gaps += 1,
                Ok(_) | Err(Error::TimedOut { .. }) => {}
                Err(_) => return,
            }
        }
    }
}
