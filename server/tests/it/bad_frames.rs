//! Whatever comes over a WebSocket: it gets its documented error or close code, and nobody else notices.

use crate::{
    support::{Server, messages_in, refused, texts, whole_history},
    tokens,
};
use client::{Options, Socket};
use protocol::{
    codes::{CloseReason, ErrorCode, ErrorCode::*},
    frames::{ClientFrame, ServerFrame},
    limits::FRAME_BYTES_MAX,
};

/// A reader and a writer who have nothing to do with what is tried beside them.
struct Bystanders {
    reader: Socket,
    writer: Socket,
    said: usize,
}

impl Bystanders {
    async fn new(server: &Server) -> Self {
        let writer = server.user("bystander").await.socket().await;
        let mut reader = server.socket().await;
        reader.join("alone").await.unwrap();
        Self { reader, writer, said: 0 }
    }

    /// They go on as if nothing had happened.
    async fn notice_nothing(&mut self, case: &str) {
        self.said += 1;
        let text = format!("line {}", self.said);
        self.writer.send_text("alone", &text, &text).await.unwrap_or_else(|e| panic!("{case}: {e}"));
        let got = self.reader.messages("alone", 1).await.unwrap_or_else(|e| panic!("{case}: {e}"));
        assert_eq!(texts(&got), [text], "{case}");
    }
}

fn shown(text: &str) -> String {
    text.chars().take(120).collect()
}

/// Refusals of sends that come together are written together; whatever is answered after them stays after them.
#[tokio::test]
async fn many_sends_that_are_refused_at_once_are_answered_one_by_one_and_in_their_order() {
    const SENDS: usize = 300;
    let server = Server::start().await;
    let mut socket = server.user("stray").await.socket().await;
    for n in 0..SENDS {
        socket.submit("nowhere", "is anybody there?", &format!("n{n}")).await.unwrap();
        if n % 100 == 99 {
            socket.send(&ClientFrame::Ping { id: format!("p{n}") }).await.unwrap();
        }
    }
    let mut answers = Vec::new();
    while answers.len() < SENDS + SENDS / 100 {
        answers.push(match socket.recv().await.unwrap() {
            ServerFrame::Error { code: RoomNotFound, nonce: Some(nonce), .. } => nonce,
            ServerFrame::Pong { id } => id,
            other => panic!("{other:?}"),
        });
    }
    let asked = (0..SENDS).flat_map(|n| [Some(format!("n{n}")), (n % 100 == 99).then(|| format!("p{n}"))]);
    assert_eq!(answers, asked.flatten().collect::<Vec<_>>());
    // One alone is not kept back until more come.
    let refusal = socket.send_text("nowhere", "hello?", "last").await;
    assert!(refusal.is_err(), "{refusal:?}");
}

#[tokio::test]
async fn a_frame_that_is_no_request_gets_its_error_and_the_connection_stays() {
    let server = Server::start().await;
    let mut bystanders = Bystanders::new(&server).await;
    let mut socket = server.socket().await;
    let deep = |open: &str, close: &str| {
        format!(r#"{{"type":"ping","id":"x","y":{}{}}}"#, open.repeat(2_000), close.repeat(2_000))
    };
    let cases: Vec<(String, ErrorCode)> = [
        ("", InvalidJson),
        (" ", InvalidJson),
        ("{", InvalidJson),
        ("}", InvalidJson),
        ("nul", InvalidJson),
        ("hello", InvalidJson),
        ("{'type':'ping'}", InvalidJson),
        (r#"{"type":"ping",}"#, InvalidJson),
        (r#"{"type":"ping"} x"#, InvalidJson),
        (r#"{"type":"ping"}{"type":"ping"}"#, InvalidJson),
        (r#"{"type":"ping","id":"\ud800"}"#, InvalidJson),
        ("{\"type\":\"ping\",\"id\":\"a\nb\"}", InvalidJson),
        ("\u{feff}{\"type\":\"ping\"}", InvalidJson),
        (r#"{"type":"join","room":"alone","history":1e999}"#, InvalidJson),
        (r#"{"type":"join","room":"alone","history":NaN}"#, InvalidJson),
        ("null", BadRequest),
        ("true", BadRequest),
        ("3", BadRequest),
        ("\"ping\"", BadRequest),
        ("[]", BadRequest),
        (r#"[{"type":"ping"}]"#, BadRequest),
        ("{}", BadRequest),
        (r#"{"id":"x"}"#, BadRequest),
        (r#"{"type":1}"#, BadRequest),
        (r#"{"type":null}"#, BadRequest),
        (r#"{"type":["ping"]}"#, BadRequest),
        (r#"{"type":"ping","id":7}"#, BadRequest),
        (r#"{"type":"auth"}"#, BadRequest),
        (r#"{"type":"auth","token":null}"#, BadRequest),
        (r#"{"type":"join"}"#, BadRequest),
        (r#"{"type":"join","room":7}"#, BadRequest),
        (r#"{"type":"join","room":["alone"]}"#, BadRequest),
        (r#"{"type":"join","room":"alone","history":-1}"#, BadRequest),
        (r#"{"type":"join","room":"alone","history":1.5}"#, BadRequest),
        (r#"{"type":"join","room":"alone","history":"10"}"#, BadRequest),
        (r#"{"type":"join","room":"alone","history":4294967296}"#, BadRequest),
        (r#"{"type":"join","room":"alone","history":99999999999999999999999999}"#, BadRequest),
        (r#"{"type":"join","room":"alone","after":1,"epoch":"x"}"#, BadRequest),
        (r#"{"type":"join","room":"alone","after":"-1","epoch":"x"}"#, BadRequest),
        (r#"{"type":"join","room":"alone","after":"01","epoch":"x"}"#, BadRequest),
        (r#"{"type":"join","room":"alone","after":"","epoch":"x"}"#, BadRequest),
        (r#"{"type":"join","room":"alone","after":"18446744073709551616","epoch":"x"}"#, BadRequest),
        (r#"{"type":"join","room":"alone","after":"1","epoch":1}"#, BadRequest),
        (r#"{"type":"join","room":"alone","feed":"some"}"#, BadRequest),
        (r#"{"type":"send","room":"alone","text":"x"}"#, BadRequest),
        (r#"{"type":"send","room":"alone","nonce":"n"}"#, BadRequest),
        (r#"{"type":"send","room":"alone","text":7,"nonce":"n"}"#, BadRequest),
        (r#"{"type":"send","room":"alone","text":"x","nonce":"n","reply_to":"no"}"#, BadRequest),
        (r#"{"type":"send","room":"alone","text":"x","nonce":"n","text":"y"}"#, BadRequest),
        (r#"{"type":"ping","id":"a","id":"b"}"#, BadRequest),
        (r#"{"type":"ping","type":"ping"}"#, BadRequest),
        (r#"{"type":"join","room":"alone","history":101}"#, ValidationFailed),
        (r#"{"type":"join","room":"alone","history":4294967295}"#, ValidationFailed),
        (r#"{"type":"shout"}"#, UnknownType),
        (r#"{"type":""}"#, UnknownType),
        (r#"{"type":"PING"}"#, UnknownType),
        (r#"{"type":"joined","room":"alone"}"#, UnknownType),
        (r#"{"type":"join","room":"nowhere"}"#, RoomNotFound),
        (r#"{"type":"join","room":""}"#, RoomNotFound),
        (r#"{"type":"join","room":"Alone"}"#, RoomNotFound),
        (r#"{"type":"join","room":"../alone"}"#, RoomNotFound),
        (r#"{"type":"join","room":"alone\u0000"}"#, RoomNotFound),
        (r#"{"type":"leave","room":"alone"}"#, RoomNotFound),
        (r#"{"type":"send","room":"alone","text":"x","nonce":"n"}"#, AnonymousReadOnly),
        (r#"{"type":"auth","token":""}"#, Unauthorized),
        (r#"{"type":"auth","token":"a.b.c"}"#, Unauthorized),
    ]
    .map(|(text, code)| (text.to_owned(), code))
    .into_iter()
    .chain([
        (deep("[", "]"), InvalidJson),
        (deep(r#"{"a":"#, "}").replace("}}", "1}}"), InvalidJson),
        (format!(r#"{{"type":"{}"}}"#, "x".repeat(10_000)), UnknownType),
        (format!(r#"{{"type":"join","room":"{}"}}"#, "x".repeat(10_000)), RoomNotFound),
        (format!(r#"{{"type":"ping","id":"{}"}}"#, "x".repeat(65)), ValidationFailed),
        (format!(r#"{{"type":"auth","token":"{}"}}"#, "x".repeat(10_000)), Unauthorized),
    ])
    .collect();
    for (text, code) in cases {
        // A new connection now and then: so many refusals on one are taken for abuse (tests/it/limits.rs).
        if bystanders.said % 20 == 19 {
            socket = server.socket().await;
        }
        socket.send_raw(text.clone()).await.unwrap();
        let refusal = socket.refused().await.unwrap_or_else(|e| panic!("{}: {e}", shown(&text)));
        assert_eq!(refusal.code, code, "{}: {}", shown(&text), refusal.detail);
        assert!(!refusal.detail.is_empty() && refusal.detail.len() < 400, "{}", refusal.detail);
        socket.ping("still here").await.unwrap_or_else(|e| panic!("{}: {e}", shown(&text)));
        bystanders.notice_nothing(&shown(&text)).await;
    }
    bystanders.reader.ping("end").await.unwrap();
    assert_eq!(messages_in(bystanders.reader.take_kept()), []);
}

#[tokio::test]
async fn a_refused_send_names_its_nonce_and_room() {
    let server = Server::start().await;
    let mut socket = server.user("ada").await.socket().await;
    for (text, code) in [
        (r#"{"type":"send","room":"alone","text":"","nonce":"n1"}"#, MessageEmpty),
        (r#"{"type":"send","room":"alone","text":7,"nonce":"n1"}"#, BadRequest),
        (r#"{"type":"send","room":"alone","text":"x","text":"y","nonce":"n1"}"#, BadRequest),
    ] {
        socket.send_raw(text).await.unwrap();
        let refusal = socket.refused().await.unwrap();
        assert_eq!(refusal.code, code, "{text}");
        assert_eq!(
            (refusal.nonce.as_deref(), refusal.room.as_deref()),
            (Some("n1"), Some("alone")),
            "{text}"
        );
    }
    let refusal = refused(socket.send_text("nowhere", "x", "n2").await, RoomNotFound);
    assert_eq!(refusal.room.as_deref(), Some("nowhere"));
}

#[tokio::test]
async fn a_text_that_may_not_be_said_is_refused_on_both_ways_in() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let mut socket = ada.socket().await;
    let mut cases = vec![
        (String::new(), MessageEmpty),
        ("   \u{a0}\u{3000} ".to_owned(), MessageEmpty),
        ("\n\r\n".to_owned(), MessageEmpty),
        ("\u{200b}\u{feff}".to_owned(), MessageEmpty),
        ("/me".to_owned(), MessageEmpty),
        ("x".repeat(501), MessageTooLong),
        ("🤪".repeat(501), MessageTooLong),
        ("x".repeat(10_000), MessageTooLong),
    ];
    for control in ['\0', '\t', '\n', '\r', '\u{7}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}'] {
        cases.push((format!("a{control}b"), ValidationFailed));
    }
    for (text, code) in cases {
        refused(socket.send_text("alone", &text, "n").await, code);
        let refusal = refused(ada.rest.send("alone", &text, Some("n")).await, code);
        assert_eq!(refusal.errors[0].field, "text");
        refused(ada.rest.preview("alone", &text).await, code);
    }
    assert_eq!(whole_history(&server.rest(), "alone").await, []);
    let mut good = Vec::new();
    for (i, text) in ["x".repeat(500), "🤪".repeat(500), "👩‍👩‍👧".to_owned(), "مرحبا بالعالم".to_owned()]
        .into_iter()
        .enumerate()
    {
        socket.send_text("alone", &format!("  {text} \n"), &format!("good-{i}")).await.unwrap();
        good.push(text);
    }
    assert_eq!(texts(&whole_history(&server.rest(), "alone").await), good);
}

#[tokio::test]
async fn what_is_no_text_of_the_protocol_ends_the_connection_with_its_code() {
    let server = Server::start().await;
    let mut bystanders = Bystanders::new(&server).await;
    let longest = |bytes: usize| {
        let ping = r#"{"type":"ping","id":"long"}"#;
        format!("{ping}{}", " ".repeat(bytes - ping.len()))
    };

    let mut socket = server.socket().await;
    socket.send_raw(longest(FRAME_BYTES_MAX)).await.unwrap();
    socket.ping("long").await.expect("the largest frame is taken");

    socket.send_binary(&b"{\"type\":\"ping\"}"[..]).await.unwrap();
    ends(socket, CloseReason::BinaryFrame, &mut bystanders).await;

    let mut socket = server.socket().await;
    socket.send_binary(&b""[..]).await.unwrap();
    ends(socket, CloseReason::BinaryFrame, &mut bystanders).await;

    for bytes in [
        &b"\xff"[..],
        b"{\"type\":\"ping\",\"id\":\"\xc3\x28\"}",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\xaf",
    ] {
        let mut socket = server.socket().await;
        socket.send_text_bytes(bytes).await.unwrap();
        ends(socket, CloseReason::NotUtf8, &mut bystanders).await;
    }

    let mut socket = server.socket().await;
    socket.send_raw(longest(FRAME_BYTES_MAX + 1)).await.unwrap();
    ends(socket, CloseReason::TooBig, &mut bystanders).await;

    // The sum of the fragments counts.
    let half = longest(FRAME_BYTES_MAX / 2 + 1);
    let mut socket = server.socket().await;
    socket.send_fragments(&[half.as_bytes(), half.as_bytes()]).await.unwrap();
    ends(socket, CloseReason::TooBig, &mut bystanders).await;

    // Only the head of a frame that claims 2^62 bytes: nothing is reserved for it.
    let mut socket = server.socket().await;
    socket.send_unframed(&[0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]).await.unwrap();
    ends(socket, CloseReason::TooBig, &mut bystanders).await;

    // Not masked; a reserved opcode; a reserved bit; a continuation of nothing; a fragmented ping.
    for bytes in [
        &[0x81, 0x02, b'{', b'}'][..],
        &[0x83, 0x80, 1, 2, 3, 4],
        &[0xc1, 0x80, 1, 2, 3, 4],
        &[0x80, 0x80, 1, 2, 3, 4],
        &[0x09, 0x80, 1, 2, 3, 4],
    ] {
        let mut socket = server.socket().await;
        socket.send_unframed(bytes).await.unwrap();
        ends(socket, CloseReason::ProtocolError, &mut bystanders).await;
    }
}

async fn ends(mut socket: Socket, reason: CloseReason, bystanders: &mut Bystanders) {
    let closed = socket.closed().await.unwrap_or_else(|e| panic!("{reason:?}: {e}"));
    assert_eq!((closed.code, closed.reason.as_str()), (Some(reason.code()), reason.text()), "{reason:?}");
    bystanders.notice_nothing(reason.as_str()).await;
}

#[tokio::test]
async fn fragments_and_pings_are_part_of_a_websocket() {
    let server = Server::start().await;
    let mut socket = server.socket().await;
    // A code point may be cut in two between fragments.
    let text = r#"{"type":"ping","id":"né"}"#.as_bytes();
    let cut = text.iter().position(|b| *b == 0xc3).unwrap() + 1;
    socket.send_fragments(&[&text[..cut], &text[cut..]]).await.unwrap();
    let pong = |frame: &protocol::frames::ServerFrame| {
        matches!(frame, protocol::frames::ServerFrame::Pong { id } if id == "né").then_some(())
    };
    socket.wait_for("pong", pong).await.unwrap();
    socket.send_ping().await.unwrap();
    socket.ping("x").await.unwrap();
    let closed = socket.close().await.unwrap();
    assert_eq!(closed.code, Some(1000));
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_a_frame_harms_nobody() {
    let server = Server::start().await;
    let mut bystanders = Bystanders::new(&server).await;
    for bytes in
        [&[0x81][..], &[0x81, 0xfe, 0x01], &[0x81, 0x85, 1, 2, 3, 4, b'x'], &[0x01, 0x81, 1, 2, 3, 4, b'x']]
    {
        let mut socket = server.socket().await;
        socket.join("alone").await.unwrap();
        socket.send_unframed(bytes).await.unwrap();
        socket.vanish();
        bystanders.notice_nothing("half a frame").await;
    }
}

#[tokio::test]
async fn a_handshake_that_is_none_is_told_so() {
    let server = Server::start().await;
    let rest = server.rest();
    let refusal = rest.call(client::Call::get("/ws")).await.unwrap().refusal().unwrap();
    assert_eq!(refusal.code, BadRequest);
    let old =
        Options { headers: vec![("sec-websocket-version".to_owned(), "8".to_owned())], ..Options::default() };
    match server.socket_with(old).await {
        Err(client::Error::Handshake { status, .. }) => assert!((400..500).contains(&status), "{status}"),
        other => panic!("{other:?}"),
    }
    server.socket().await.ping("fine").await.unwrap();
}

#[tokio::test]
async fn tokens_that_prove_nothing_are_refused_and_leave_the_connection_as_it_was() {
    let secret = "an operator's own secret, 40 bytes long!!";
    let server =
        Server::with(|config| config.auth.secret = server::config::Secret::new(secret.to_owned())).await;
    let ada = server.user("ada").await;
    let mut socket = ada.socket().await;
    socket.auth(&tokens::signed_again(&ada.access_token, secret)).await.expect("signed with the right key");
    for (what, token, code) in tokens::worthless(&ada.access_token, secret) {
        let refusal = match socket.auth(&token).await {
            Err(client::Error::Refused(refusal)) => refusal,
            other => panic!("{what}: {other:?}"),
        };
        assert_eq!(refusal.code, code, "{what}");
        let over_rest = server.rest().bearer(&token).me().await;
        assert_eq!(over_rest.map_err(|e| e.code()), Err(Some(code)), "{what}");
    }
    socket.send_text("alone", "still ada", "n").await.expect("a bad token does not log one out");
}
