//! The WebSocket. Start with [`Socket::connect`]; [`Socket::wait_for`] is what the typed calls are built on.
//!
//! Frames that come while something else is waited for are kept in their order and given out by the next call that
//! wants them, so nothing is lost between an `ack` and the message it belongs to.

use crate::{
    Ack, Closed, DEADLINE, Error, Joined, Refusal,
    answers::{ack_of, joined_of, parse, refusal_of},
    connect,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use protocol::{
    frames::{ClientFrame, FeedKind, ServerFrame},
    ids::Seq,
    objects::{FrameMessage, User},
};
use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message as WsMessage,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue, header},
        protocol::{
            CloseFrame, WebSocketConfig,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

/// Frames kept while something else is waited for. A wait that passes over more than a busy room's minute waits for
/// something that does not come.
const KEPT_MAX: usize = 100_000;
/// Of the frames that came instead, so many are told in an error, each cut off at so many characters.
const TOLD_FRAMES: usize = 8;
const TOLD_CHARS: usize = 200;
/// tungstenite would reserve 128 KiB for every connection; a load test has thousands.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// How to connect.
#[derive(Clone, Debug)]
pub struct Options {
    /// Offered as `Sec-WebSocket-Protocol`.
    pub subprotocol: Option<String>,
    /// Sent as `Origin`, as browsers do.
    pub origin: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Connect from this address of the machine.
    pub source: Option<IpAddr>,
    /// Bytes that the machine takes before this client reads them; for a reader that is slow on purpose.
    pub receive_buffer_bytes: Option<u32>,
    /// How long each wait may take.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            subprotocol: None,
            origin: None,
            headers: Vec::new(),
            source: None,
            receive_buffer_bytes: None,
            deadline: DEADLINE,
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    subprotocol: Option<String>,
    kept: VecDeque<ServerFrame>,
    closed: Option<Closed>,
    deadline: Duration,
}

impl Socket {
    /// Connects to `/ws` and waits for the `hello`, which is kept as the first frame.
    ///
    /// # Errors
    /// `Handshake` if it is refused, `Closed` if it is closed at once, and those of the connection.
    pub async fn connect(address: SocketAddr) -> Result<Self, Error> {
        Self::connect_with(address, Options::default()).await
    }

    /// The same, told how.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_with(address: SocketAddr, options: Options) -> Result<Self, Error> {
        let deadline = options.deadline;
        let mut socket = Self::open(address, options).await?;
        let hello = socket.next_frame("hello", Instant::now() + deadline).await?;
        if !matches!(hello, ServerFrame::Hello { .. }) {
            return Err(Error::Malformed(format!("the first frame is no hello: {hello:?}")));
        }
        socket.kept.push_back(hello);
        Ok(socket)
    }

    /// The handshake alone: no frame has been read.
    ///
    /// # Errors
    /// `Handshake` if it is refused, and those of the connection.
    pub async fn open(address: SocketAddr, options: Options) -> Result<Self, Error> {
        let Options { subprotocol, origin, headers, source, receive_buffer_bytes, deadline } = options;
        let opening = async {
            let mut request = format!("ws://{address}/ws").into_client_request()?;
            let all = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .chain(subprotocol.as_deref().map(|value| (header::SEC_WEBSOCKET_PROTOCOL.as_str(), value)))
                .chain(origin.as_deref().map(|value| (header::ORIGIN.as_str(), value)));
            for (name, value) in all {
                let bad = |_| Error::Malformed(format!("no header: {name}: {value}"));
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| bad(e.to_string()))?;
                request
                    .headers_mut()
                    .insert(name, HeaderValue::from_str(value).map_err(|e| bad(e.to_string()))?);
            }
            let stream = connect(address, source, receive_buffer_bytes).await?;
            let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
            Ok(client_async_with_config(request, stream, Some(config)).await?)
        };
        let (stream, answer) = tokio::time::timeout(deadline, opening).await.unwrap_or_else(|_| {
            Err(Error::TimedOut { waiting_for: "handshake".to_owned(), seen: "nothing".to_owned() })
        })?;
        let subprotocol = answer.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
        let subprotocol = subprotocol.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Self { stream, subprotocol, kept: VecDeque::new(), closed: None, deadline })
    }

    /// The subprotocol that the server chose.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send(&mut self, frame: &ClientFrame) -> Result<(), Error> {
        let text = serde_json::to_string(frame).map_err(|error| Error::Malformed(error.to_string()))?;
        self.send_raw(text).await
    }

    /// Sends a text frame with this text, whatever it is.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send_raw(&mut self, text: impl Into<String>) -> Result<(), Error> {
        self.write(WsMessage::Text(text.into().into())).await
    }

    /// Sends a binary frame.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.write(WsMessage::Binary(bytes.into())).await
    }

    /// Sends a text frame with these bytes, which need not be UTF-8.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send_text_bytes(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.write(WsMessage::Frame(Frame::message(bytes.into(), OpCode::Data(Data::Text), true))).await
    }

    /// Sends one text in fragments.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send_fragments(&mut self, pieces: &[&[u8]]) -> Result<(), Error> {
        for (i, piece) in pieces.iter().enumerate() {
            let kind = OpCode::Data(if i == 0 { Data::Text } else { Data::Continue });
            let frame = Frame::message(Bytes::copy_from_slice(piece), kind, i + 1 == pieces.len());
            self.write(WsMessage::Frame(frame)).await?;
        }
        Ok(())
    }

    /// Writes bytes past the WebSocket onto the connection.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send_unframed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.flush().await?;
        Ok(self.stream.get_mut().write_all(bytes).await?)
    }

    /// Sends a WebSocket ping.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send_ping(&mut self) -> Result<(), Error> {
        self.write(WsMessage::Ping(Bytes::from_static(b"x"))).await
    }

    async fn write(&mut self, message: WsMessage) -> Result<(), Error> {
        match tokio::time::timeout(self.deadline, self.stream.send(message)).await {
            Ok(sent) => Ok(sent?),
            Err(_) => {
                let waiting_for = "chance to write".to_owned();
                Err(Error::TimedOut { waiting_for, seen: "nothing".to_owned() })
            }
        }
    }

    /// The next frame, kept or new.
    ///
    /// # Errors
    /// `TimedOut`, `Closed`, `Malformed` and those of the connection.
    pub async fn recv(&mut self) -> Result<ServerFrame, Error> {
        match self.kept.pop_front() {
            Some(frame) => Ok(frame),
            None => self.next_frame("frame", Instant::now() + self.deadline).await,
        }
    }

    /// The first frame, kept or new, of which `pick` makes something. Frames that are passed over are kept in their
    /// order.
    ///
    /// # Errors
    /// `TimedOut`, `Closed` (both with what came instead), `Malformed` and those of the connection.
    pub async fn wait_for<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&ServerFrame) -> Option<T>,
    ) -> Result<T, Error> {
        let found = self.kept.iter().enumerate().find_map(|(at, frame)| Some((at, pick(frame)?)));
        if let Some((at, found)) = found {
            self.kept.remove(at);
            return Ok(found);
        }
        let deadline = Instant::now() + self.deadline;
        loop {
            let frame = self.next_frame(what, deadline).await?;
            match pick(&frame) {
                Some(found) => return Ok(found),
                None if self.kept.len() < KEPT_MAX => self.kept.push_back(frame),
                None => return Err(self.timed_out(what)),
            }
        }
    }

    /// The next error frame.
    ///
    /// # Errors
    /// As [`Self::wait_for`].
    pub async fn refused(&mut self) -> Result<Refusal, Error> {
        self.wait_for("error", refusal_of).await
    }

    /// Becomes a user, or renews.
    ///
    /// # Errors
    /// `Refused`, and as [`Self::wait_for`].
    pub async fn auth(&mut self, token: &str) -> Result<(User, u64), Error> {
        self.send(&ClientFrame::Auth { token: token.to_owned() }).await?;
        let answer = self.wait_for("authed", |frame| match frame {
            ServerFrame::Authed { user, expires_at } => Some(Ok((user.clone(), *expires_at))),
            ServerFrame::Error { nonce: None, room: None, .. } => refusal_of(frame).map(Err),
            _ => None,
        });
        answer.await?.map_err(|refusal| Error::Refused(Box::new(refusal)))
    }

    /// Starts reading a room, with the last 10 messages.
    ///
    /// # Errors
    /// `Refused`, and as [`Self::wait_for`].
    pub async fn join(&mut self, room: &str) -> Result<Joined, Error> {
        self.join_frame(room, None, None, FeedKind::Full).await
    }

    /// Starts reading a room, with so many messages of its past.
    ///
    /// # Errors
    /// `Refused`, and as [`Self::wait_for`].
    pub async fn join_with_history(&mut self, room: &str, history: u32) -> Result<Joined, Error> {
        self.join_frame(room, Some(history), None, FeedKind::Full).await
    }

    /// Starts reading a room on this feed, without its past.
    ///
    /// # Errors
    /// `Refused`, and as [`Self::wait_for`].
    pub async fn join_feed(&mut self, room: &str, feed: FeedKind) -> Result<Joined, Error> {
        self.join_frame(room, Some(0), None, feed).await
    }

    /// Starts reading a room where another connection ended.
    ///
    /// # Errors
    /// `Refused`, and as [`Self::wait_for`].
    pub async fn resume(&mut self, room: &str, after: Seq, epoch: &str) -> Result<Joined, Error> {
        self.join_frame(room, None, Some((after, epoch.to_owned())), FeedKind::Full).await
    }

    async fn join_frame(
        &mut self,
        room: &str,
        history: Option<u32>,
        resume: Option<(Seq, String)>,
        feed: FeedKind,
    ) -> Result<Joined, Error> {
        let (after, epoch) = resume.unzip();
        self.send(&ClientFrame::Join { room: room.to_owned(), history, after, epoch, feed }).await?;
        let answer = self.wait_for("joined", |frame| match frame {
            ServerFrame::Joined { room: joined, .. } if joined == room => joined_of(frame).map(Ok),
            ServerFrame::Error { nonce: None, room: Some(refused), .. } if refused == room => {
                refusal_of(frame).map(Err)
            }
            _ => None,
        });
        answer.await?.map_err(|refusal| Error::Refused(Box::new(refusal)))
    }

    /// Says something and waits for the answer.
    ///
    /// # Errors
    /// `Refused`, and as [`Self::wait_for`]; see [`Error::is_unknown`].
    pub async fn send_text(&mut self, room: &str, text: &str, nonce: &str) -> Result<Ack, Error> {
        self.submit(room, text, nonce).await?;
        self.outcome(nonce).await
    }

    /// Says something and does not wait.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn submit(&mut self, room: &str, text: &str, nonce: &str) -> Result<(), Error> {
        let frame = ClientFrame::Send {
            room: room.to_owned(),
            text: text.to_owned(),
            nonce: nonce.to_owned(),
            reply_to: None,
        };
        self.send(&frame).await
    }

    /// The answer to what was said with this nonce.
    ///
    /// # Errors
    /// `Refused`, and as [`Self::wait_for`].
    pub async fn outcome(&mut self, nonce: &str) -> Result<Ack, Error> {
        let what = format!("ack of {nonce:?}");
        let answer = self.wait_for(&what, |frame| match frame {
            ServerFrame::Ack { nonce: of, .. } if of == nonce => ack_of(frame).map(Ok),
            ServerFrame::Error { nonce: Some(of), .. } if of == nonce => refusal_of(frame).map(Err),
            _ => None,
        });
        answer.await?.map_err(|refusal| Error::Refused(Box::new(refusal)))
    }

    /// The next messages of a room, until there are so many. Frames may bring more than one: then more are given.
    ///
    /// # Errors
    /// As [`Self::wait_for`]; a `gap` of the room is an error too.
    pub async fn messages(&mut self, room: &str, count: usize) -> Result<Vec<FrameMessage>, Error> {
        let mut all = Vec::new();
        while all.len() < count {
            let what = format!("messages of {room:?} ({} of {count} are there)", all.len());
            let next = self.wait_for(&what, |frame| match frame {
                ServerFrame::Messages { room: of, messages, .. } if of == room => Some(Ok(messages.clone())),
                ServerFrame::Gap { room: of, .. } if of == room => Some(Err(format!("{frame:?}"))),
                _ => None,
            });
            all.extend(next.await?.map_err(Error::Malformed)?);
        }
        Ok(all)
    }

    /// Asks for a `pong` and waits for it: everything that the server said before is kept then.
    ///
    /// # Errors
    /// As [`Self::wait_for`].
    pub async fn ping(&mut self, id: &str) -> Result<(), Error> {
        self.send(&ClientFrame::Ping { id: id.to_owned() }).await?;
        let what = format!("pong {id:?}");
        self.wait_for(&what, |frame| matches!(frame, ServerFrame::Pong { id: of } if of == id).then_some(()))
            .await
    }

    /// Everything that came and nobody waited for; nothing of it is kept.
    pub fn take_kept(&mut self) -> Vec<ServerFrame> {
        self.kept.drain(..).collect()
    }

    /// Waits until the other side ends the connection. Frames that come before are kept.
    ///
    /// # Errors
    /// `TimedOut`, `Malformed`.
    pub async fn closed(&mut self) -> Result<Closed, Error> {
        let deadline = Instant::now() + self.deadline;
        loop {
            match self.next_frame("close frame", deadline).await {
                Ok(frame) if self.kept.len() < KEPT_MAX => self.kept.push_back(frame),
                Ok(_) => return Err(self.timed_out("close frame")),
                Err(Error::Closed { closed, .. }) => return Ok(closed),
                Err(other) => return Err(other),
            }
        }
    }

    /// Says goodbye and waits until the other side has answered. Gives its close frame.
    ///
    /// # Errors
    /// As [`Self::closed`], and those of the connection.
    pub async fn close(mut self) -> Result<Closed, Error> {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        self.write(WsMessage::Close(Some(frame))).await?;
        self.closed().await
    }

    /// Drops the connection without a word, as a machine does that loses its network.
    pub fn vanish(self) {
        drop(self);
    }

    async fn next_frame(&mut self, what: &str, deadline: Instant) -> Result<ServerFrame, Error> {
        loop {
            if let Some(closed) = &self.closed {
                let (waiting_for, closed) = (what.to_owned(), closed.clone());
                return Err(Error::Closed { waiting_for, closed, seen: self.told() });
            }
            let Ok(next) = timeout_at(deadline, self.stream.next()).await else {
                return Err(self.timed_out(what));
            };
            match next {
                Some(Ok(WsMessage::Text(text))) => {
                    if let Some(frame) = parse(text.as_str())? {
                        return Ok(frame);
                    }
                }
                Some(Ok(WsMessage::Close(frame))) => {
                    let (code, reason) =
                        frame.map_or((None, String::new()), |f| (Some(f.code.into()), f.reason.to_string()));
                    self.closed = Some(Closed { code, reason });
                    // Our answer to it; the other side may be gone already.
                    let _ = self.stream.flush().await;
                }
                Some(Ok(WsMessage::Binary(_))) => return Err(Error::Malformed("a binary frame".to_owned())),
                Some(Ok(WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_))) => {}
                Some(Err(error)) => self.closed = Some(Closed { code: None, reason: error.to_string() }),
                None => self.closed = Some(Closed { code: None, reason: "end of the stream".to_owned() }),
            }
        }
    }

    fn timed_out(&self, what: &str) -> Error {
        Error::TimedOut { waiting_for: what.to_owned(), seen: self.told() }
    }

    /// The last frames that came and were not wanted, shortened.
    fn told(&self) -> String {
        if self.kept.is_empty() {
            return "nothing".to_owned();
        }
        let last = self.kept.iter().skip(self.kept.len().saturating_sub(TOLD_FRAMES));
        let told: Vec<String> =
            last.map(|frame| frame.to_json().chars().take(TOLD_CHARS).collect::<String>()).collect();
        format!("{} frames, at last {}", self.kept.len(), told.join(" | "))
    }
}
