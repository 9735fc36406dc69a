//! Compressed messages over a real socket: who negotiated them reads what everybody reads, and what a client compresses is
//! understood, and stopped where it grows.
//!
//! The client here is written out by hand, since tungstenite knows no compression; it inflates with another crate's reader
//! than the server does.

use crate::support::{Server, User, keys, same};
use flate2::{Compress, Compression, FlushCompress, bufread::DeflateDecoder};
use protocol::{
    codes::CloseReason,
    frames::{ClientFrame, FeedKind, ServerFrame},
    limits::FRAME_BYTES_MAX,
    objects::FrameMessage,
};
use std::{io::Read as _, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

/// What Chromium offers.
const OFFER: &str = "permessage-deflate; client_max_window_bits";
const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// How long one answer may take; far above what any takes.
const DEADLINE: Duration = Duration::from_secs(30);
const COMPRESSED: u8 = 0x40;

/// A client that may read and write compressed messages.
struct Deflating {
    stream: BufReader<TcpStream>,
    /// What the server answered to the offer.
    agreed: Option<String>,
}

/// A frame of the server as it came.
struct Came {
    first: u8,
    payload: Vec<u8>,
}

impl Deflating {
    async fn connect(address: SocketAddr, offer: &str) -> Self {
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Extensions: {offer}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let agreed = head.lines().filter_map(|line| line.split_once(": "));
        let agreed = agreed.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-extensions"));
        let agreed = agreed.map(|(_, value)| value.to_owned()).next();
        let mut client = Self { stream, agreed };
        assert!(matches!(client.frame().await, (ServerFrame::Hello { .. }, false)));
        client
    }

    async fn came(&mut self) -> Came {
        let stream = &mut self.stream;
        let came = async {
            let (first, short) = (stream.read_u8().await.unwrap(), stream.read_u8().await.unwrap());
            let length = match short {
                127 => stream.read_u64().await.unwrap(),
                126 => stream.read_u16().await.unwrap().into(),
                short => short.into(),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            stream.read_exact(&mut payload).await.unwrap();
            Came { first, payload }
        };
        tokio::time::timeout(DEADLINE, came).await.expect("a frame")
    }

    /// The next frame of the protocol, and whether it came compressed.
    async fn frame(&mut self) -> (ServerFrame, bool) {
        loop {
            let Came { first, payload } = self.came().await;
            let is_compressed = first & COMPRESSED != 0;
            let text = match first & !COMPRESSED {
                0x81 if is_compressed => inflated(&payload),
                0x81 => payload,
                0x89 => {
                    assert!(!is_compressed, "a control frame never is");
                    continue;
                }
                other => panic!("{other:#x}: {payload:?}"),
            };
            return (serde_json::from_slice(&text).unwrap(), is_compressed);
        }
    }

    /// The next one of which something can be made; what comes before is passed over.
    async fn until<T>(&mut self, mut pick: impl FnMut(ServerFrame, bool) -> Option<T>) -> T {
        loop {
            let (frame, is_compressed) = self.frame().await;
            if let Some(found) = pick(frame, is_compressed) {
                return found;
            }
        }
    }

    async fn send_bytes(&mut self, first: u8, payload: &[u8]) {
        let mut out = vec![first];
        match u16::try_from(payload.len()) {
            Ok(short) if short < 126 => out.push(0x80 | u8::try_from(short).unwrap()),
            Ok(length) => {
                out.push(0x80 | 126);
                out.extend(length.to_be_bytes());
            }
            Err(_) => panic!("no client here says so much"),
        }
        // A mask of zeros leaves the bytes as they are.
        out.extend([0; 4]);
        out.extend(payload);
        self.stream.write_all(&out).await.unwrap();
    }

    async fn send(&mut self, frame: &ClientFrame) {
        let payload = deflated(serde_json::to_string(frame).unwrap().as_bytes());
        self.send_bytes(0x81 | COMPRESSED, &payload).await;
    }

    async fn join(&mut self, room: &str) {
        let room = room.to_owned();
        self.send(&ClientFrame::Join { room, history: None, after: None, epoch: None, feed: FeedKind::Full })
            .await;
        self.until(|frame, _| matches!(frame, ServerFrame::Joined { .. }).then_some(())).await;
    }

    /// So many messages, all of which have to come compressed.
    async fn messages(&mut self, count: usize) -> Vec<FrameMessage> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(
                self.until(|frame, is_compressed| match frame {
                    ServerFrame::Messages { messages, .. } => {
                        assert!(is_compressed, "{} long messages that are not", messages.len());
                        Some(messages)
                    }
                    ServerFrame::Gap { .. } => panic!("{frame:?}"),
                    _ => None,
                })
                .await,
            );
        }
        all
    }

    /// Waits for the close frame with this reason.
    async fn ends(mut self, reason: CloseReason) {
        let Came { first, payload } = self.came().await;
        let expected = [&reason.code().to_be_bytes(), reason.text().as_bytes()].concat();
        assert_eq!((first, payload), (0x88, expected), "{reason:?}");
    }
}

fn inflated(payload: &[u8]) -> Vec<u8> {
    // An empty last block, so that the reader knows that it is the end.
    let whole = [payload, &[0, 0, 0xff, 0xff, 0x03, 0x00]].concat();
    let mut out = Vec::new();
    DeflateDecoder::new(whole.as_slice()).read_to_end(&mut out).expect("it is a stream of its own");
    out
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut compress = Compress::new(Compression::best(), false);
    compress.compress_vec(bytes, &mut out, FlushCompress::Sync).unwrap();
    assert_eq!(compress.total_in(), bytes.len() as u64);
    assert_eq!(out.split_off(out.len() - 4), [0, 0, 0xff, 0xff]);
    out
}

/// Long enough that its frame is worth compressing, also if it travels alone.
fn line(number: usize) -> String {
    format!("line {number} {}", "of what people say, and say again, ".repeat(12))
}

async fn writer(server: &Server, name: &str) -> (User, client::Socket) {
    let user = server.user(name).await;
    let socket = user.socket().await;
    (user, socket)
}

#[tokio::test]
async fn who_negotiated_it_reads_the_same_lines_in_the_same_order_as_everybody() {
    const LINES: usize = 300;
    let server = Server::start().await;
    let mut plain = server.socket().await;
    plain.join("alone").await.unwrap();
    let mut readers = Vec::new();
    // As many as make sure that several shards have some.
    for _ in 0..4 {
        let mut reader = Deflating::connect(server.address, OFFER).await;
        assert_eq!(reader.agreed.as_deref(), Some(AGREED));
        reader.join("alone").await;
        readers.push(reader);
    }
    let (_ada, mut ada) = writer(&server, "ada").await;
    for number in 0..LINES {
        ada.submit("alone", &line(number), &number.to_string()).await.unwrap();
    }
    let expected = plain.messages("alone", LINES).await.unwrap();
    assert_eq!(expected.len(), LINES);
    for reader in &mut readers {
        same(&keys(&reader.messages(LINES).await), &keys(&expected), "compressed");
    }
    for number in 0..LINES {
        ada.outcome(&number.to_string()).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_client_compresses_is_understood() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let mut socket = Deflating::connect(server.address, OFFER).await;
    socket.join("alone").await;
    socket.send(&ClientFrame::Auth { token: ada.access_token.clone() }).await;
    socket.until(|frame, _| matches!(frame, ServerFrame::Authed { .. }).then_some(())).await;
    let send =
        ClientFrame::Send { room: "alone".to_owned(), text: line(1), nonce: "n".to_owned(), reply_to: None };
    socket.send(&send).await;
    let seen = socket.messages(1).await;
    assert_eq!(seen[0].text, line(1).trim());
    // In fragments, of which the first alone says that it is compressed, with a ping between them; and plain.
    let payload = deflated(br#"{"type":"ping","id":"in two parts"}"#);
    let (start, rest) = payload.split_at(payload.len() / 2);
    socket.send_bytes(0x01 | COMPRESSED, start).await;
    socket.send_bytes(0x89, b"").await;
    socket.send_bytes(0x80, rest).await;
    socket.send_bytes(0x81, br#"{"type":"ping","id":"plain"}"#).await;
    let mut pongs = Vec::new();
    while pongs.len() < 2 {
        let Came { first, payload } = socket.came().await;
        match first {
            0x8a => continue,
            0x81 => {}
            other => panic!("{other:#x}"),
        }
        if let ServerFrame::Pong { id } = serde_json::from_slice(&payload).unwrap() {
            pongs.push(id);
        }
    }
    assert_eq!(pongs, ["in two parts", "plain"]);
}

#[tokio::test]
async fn a_small_frame_that_would_become_a_huge_message_ends_its_connection_alone() {
    let server = Server::start().await;
    let mut beside = server.socket().await;
    let bomb = deflated(&vec![b'x'; 10_000_000]);
    assert!(bomb.len() < FRAME_BYTES_MAX, "it would be refused by its length: {}", bomb.len());
    for (first, payload) in [(0x81, &bomb), (0x81, &deflated(&vec![b' '; FRAME_BYTES_MAX + 1]))] {
        let mut socket = Deflating::connect(server.address, OFFER).await;
        socket.send_bytes(first | COMPRESSED, payload).await;
        socket.ends(CloseReason::TooBig).await;
    }
    // The longest that is allowed is taken.
    let ping = r#"{"type":"ping","id":"long"}"#;
    let longest = deflated(format!("{ping}{}", " ".repeat(FRAME_BYTES_MAX - ping.len())).as_bytes());
    let mut socket = Deflating::connect(server.address, OFFER).await;
    socket.send_bytes(0x81 | COMPRESSED, &longest).await;
    socket.until(|frame, _| matches!(frame, ServerFrame::Pong { .. }).then_some(())).await;
    beside.ping("beside").await.expect("nobody else is touched");
}

#[tokio::test]
async fn what_is_compressed_badly_or_in_the_wrong_place_ends_the_connection() {
    let server = Server::start().await;
    // A block of a kind that there is not; the bit in a later fragment, in a control frame, and another bit.
    let cases: [&[(u8, &[u8])]; 4] = [
        &[(0xc1, &[0xff; 20])],
        &[(0x01, b"{"), (0x80 | COMPRESSED, b"}")],
        &[(0x89 | COMPRESSED, b"")],
        &[(0xa1, b"{}")],
    ];
    for frames in cases {
        let mut socket = Deflating::connect(server.address, OFFER).await;
        for (first, payload) in frames {
            socket.send_bytes(*first, payload).await;
        }
        socket.ends(CloseReason::ProtocolError).await;
    }
    let mut socket = Deflating::connect(server.address, OFFER).await;
    socket.send_bytes(0x81 | COMPRESSED, &deflated(&[0xff; 100])).await;
    socket.ends(CloseReason::NotUtf8).await;
}

#[tokio::test]
async fn an_offer_that_cannot_be_taken_and_a_setting_leave_everything_plain() {
    let server = Server::start().await;
    for offer in ["permessage-deflate; server_max_window_bits=10", "permessage-bzip2", ""] {
        let mut socket = Deflating::connect(server.address, offer).await;
        assert_eq!(socket.agreed, None, "{offer}");
        // And then the bit is against the protocol.
        socket.send_bytes(0x81 | COMPRESSED, &deflated(b"{}")).await;
        socket.ends(CloseReason::ProtocolError).await;
    }
    let server = Server::with(|config| config.gateway.compression = false).await;
    let mut socket = Deflating::connect(server.address, OFFER).await;
    assert_eq!(socket.agreed, None);
    let text = r#"{"type":"join","room":"alone"}"#;
    socket.send_bytes(0x81, text.as_bytes()).await;
    socket.until(|frame, _| matches!(frame, ServerFrame::Joined { .. }).then_some(())).await;
    let (_ada, mut ada) = writer(&server, "ada").await;
    ada.send_text("alone", &line(1), "n").await.unwrap();
    let is_compressed = socket
        .until(|frame, is_compressed| matches!(frame, ServerFrame::Messages { .. }).then_some(is_compressed));
    assert!(!is_compressed.await);
}
