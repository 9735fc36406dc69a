//! The chat server that one writes first in Rust: axum's WebSocket, a tokio broadcast channel a room, JSON in and out.
//!
//! Nothing is kept, nobody logs in. With the two settings that cost nothing: TCP_NODELAY, and a read buffer of 4 KiB.
//! In: `{"type":"join","room":"r"}`, `{"type":"msg","room":"r","text":"…","id":1}`. Out: `joined`, `ack`, `msg`.

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::any,
    serve::ListenerExt as _,
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    env, io,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    net::TcpListener,
    sync::{broadcast, mpsc},
};

/// Messages that a slow viewer may be behind; then it loses some.
const ROOM_MESSAGES: usize = 1_024;
/// Answers that wait for one connection.
const ANSWERS: usize = 64;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum In {
    Join { room: String },
    Msg { room: String, text: String, id: u64 },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Out<'a> {
    Joined { room: &'a str },
    Ack { id: u64 },
    Msg { room: &'a str, text: &'a str },
}

#[derive(Clone, Default)]
struct Rooms(Arc<Mutex<HashMap<String, broadcast::Sender<Utf8Bytes>>>>);

impl Rooms {
    fn get(&self, name: &str) -> broadcast::Sender<Utf8Bytes> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(name) {
            return room.clone();
        }
        rooms.entry(name.to_owned()).or_insert_with(|| broadcast::channel(ROOM_MESSAGES).0).clone()
    }
}

fn json(out: &Out<'_>) -> Utf8Bytes {
    serde_json::to_string(out).unwrap_or_default().into()
}

async fn upgrade(socket: WebSocketUpgrade, State(rooms): State<Rooms>) -> Response {
    socket.read_buffer_size(4096).on_upgrade(move |socket| serve(socket, rooms))
}

async fn serve(socket: WebSocket, rooms: Rooms) {
    let (mut sink, mut stream) = socket.split();
    let (answer, mut answers) = mpsc::channel::<Utf8Bytes>(ANSWERS);
    let mut room: Option<broadcast::Receiver<Utf8Bytes>> = None;
    loop {
        let news = async {
            match &mut room {
                Some(room) => room.recv().await,
                None => std::future::pending().await,
            }
        };
        let frame = tokio::select! {
            frame = stream.next() => match frame {
                Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                    Ok(In::Join { room: name }) => {
                        room = Some(rooms.get(&name).subscribe());
                        json(&Out::Joined { room: &name })
                    }
                    Ok(In::Msg { room, text, id }) => {
                        // Nobody may be there to read it.
                        let _ = rooms.get(&room).send(json(&Out::Msg { room: &room, text: &text }));
                        let _ = answer.send(json(&Out::Ack { id })).await;
                        continue;
                    }
                    Err(_) => return,
                },
                Some(Ok(_)) => continue,
                _ => return,
            },
            Some(frame) = answers.recv() => frame,
            news = news => match news {
                Ok(frame) => frame,
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return,
            },
        };
        if sink.send(Message::Text(frame)).await.is_err() {
            return;
        }
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(env::args().nth(1).as_deref().unwrap_or("127.0.0.1:9200")).await?;
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, Router::new().route("/ws", any(upgrade)).with_state(Rooms::default())).await
}
