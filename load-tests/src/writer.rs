//! One connection of one user that writes when it is due.

use crate::Shared;
use client::{Error, Rest, Socket};
use protocol::{codes::ErrorCode, frames::ServerFrame};
use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};
use tokio::time::Instant;

const PASSWORD: &str = "correct horse battery";
/// How long it waits for the last answers.
const ANSWERS_MAX: Duration = Duration::from_secs(30);

pub struct Writer {
    socket: Socket,
    rooms: Vec<String>,
}

/// When the message was due, in microseconds of the run; every style keeps a mention whole.
pub fn due_in(text: &str) -> Option<u64> {
    text.split(['@', ' ']).find_map(|word| word.strip_prefix("due_")?.parse().ok())
}

impl Writer {
    pub async fn enter(address: SocketAddr, number: usize, rooms: &[String]) -> Result<Self, String> {
        let failed = |error: Error| format!("writer {number} at {address}: {error}");
        let (rest, name) = (Rest::new(address), format!("load_{number}"));
        let token = match rest.register(&name, PASSWORD).await {
            Err(error) if error.code() == Some(ErrorCode::UsernameTaken) => rest.login(&name, PASSWORD).await,
            answer => answer,
        };
        let token = token.map_err(failed)?.access_token;
        let mut socket = Socket::connect(address).await.map_err(failed)?;
        socket.auth(&token).await.map_err(failed)?;
        Ok(Self { socket, rooms: rooms.to_vec() })
    }

    /// Writes every so often from `begin` and `offset` on until the end, then waits for the answers.
    pub async fn run(mut self, shared: Arc<Shared>, offset: Duration, every: Duration) {
        let mut due = shared.begin + offset;
        let mut waiting: HashMap<String, u64> = HashMap::new();
        let mut said = 0_usize;
        let mut deadline = None;
        loop {
            while due <= Instant::now() && due < shared.end {
                let due_us = u64::try_from((due - shared.begin).as_micros()).unwrap_or(u64::MAX);
                let nonce = format!("{}-{due_us}-{said}", shared.run);
                let text = format!("somebody says something of a usual length here @due_{due_us}");
                let room = &self.rooms[said % self.rooms.len()];
                shared.counts.lock().offered += 1;
                if self.socket.submit(room, &text, &nonce).await.is_err() {
                    shared.counts.lock().unknown += waiting.len() as u64 + 1;
                    return;
                }
                waiting.insert(nonce, due_us);
                said += 1;
                due += every;
            }
            let over = due >= shared.end;
            if over && waiting.is_empty() {
                return;
            }
            let wake = if over { *deadline.get_or_insert(Instant::now() + ANSWERS_MAX) } else { due };
            let frame = tokio::select! {
                frame = self.socket.recv() => frame,
                () = tokio::time::sleep_until(wake) => {
                    if over {
                        shared.counts.lock().unknown += waiting.len() as u64;
                        return;
                    }
                    continue;
                }
            };
            match frame {
                Ok(ServerFrame::Ack { nonce, .. }) => {
                    if let Some(due_us) = waiting.remove(&nonce) {
                        shared.acks.lock().note(shared.late(due_us));
                        shared.counts.lock().accepted += 1;
                    }
                }
                Ok(ServerFrame::Error { nonce: Some(nonce), .. }) if waiting.remove(&nonce).is_some() => {
                    shared.counts.lock().refused += 1;
                }
                Ok(_) | Err(Error::TimedOut { .. }) => {}
                Err(_) => {
                    shared.counts.lock().unknown += waiting.len() as u64;
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::due_in;

    #[test]
    fn the_time_is_found_whatever_a_style_puts_around_it() {
        assert_eq!(due_in("somebody @due_12"), Some(12));
        assert_eq!(due_in("Fr fr, somebody @due_12 no cap"), Some(12));
        assert_eq!(due_in("due_ @due_x"), None);
    }
}
