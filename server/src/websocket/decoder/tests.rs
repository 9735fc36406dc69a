//! What the decoder makes of frames, good and bad, however they are cut into reads; and that it agrees with tungstenite.

use super::*;
use crate::websocket::frame;
use proptest::prelude::*;
use std::io::Cursor;
use tungstenite::{
    Message as Theirs,
    protocol::{Role, WebSocket, WebSocketConfig},
};

const MAX: usize = 1_000;

/// A client's frame. `first` is its first byte.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x11, 0xa2, 0x03, 0xf4];
    let mut out = frame::whole(Opcode::Binary, payload).to_vec();
    let header = out.len() - payload.len();
    out[0] = first;
    out[1] |= MASKED;
    out.truncate(header);
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

/// Everything that comes of some bytes, read in pieces of this length.
fn decode(bytes: &[u8], piece: usize) -> (Vec<Event>, Option<Violation>) {
    let mut decoder = Decoder::new(MAX, false);
    let mut events = Vec::new();
    for piece in bytes.chunks(piece) {
        decoder.push(piece);
        loop {
            match decoder.next_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            }
        }
    }
    (events, None)
}

fn expect(frames: &[(u8, &[u8])], events: &[Event], violation: Option<Violation>) {
    let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| masked(*first, payload)).collect();
    for piece in [1, 2, 3, 7, 1_000_000] {
        assert_eq!(decode(&bytes, piece), (events.to_vec(), violation), "in pieces of {piece}");
    }
}

fn text(text: &str) -> Event {
    Event::Text(text.to_owned())
}

#[test]
fn messages_come_whole_however_they_are_cut() {
    expect(&[(0x81, b""), (0x81, "gr\u{fc}\u{df}e".as_bytes())], &[text(""), text("gr\u{fc}\u{df}e")], None);
    expect(&[(0x82, &[0, 255])], &[Event::Binary(vec![0, 255])], None);
    let long = "x".repeat(MAX);
    expect(&[(0x81, long.as_bytes())], &[text(&long)], None);
    // A character may be cut in two by fragments, and a ping may stand between them.
    expect(
        &[(0x01, b"gr\xc3"), (0x89, b"hi"), (0x00, b""), (0x80, b"\xbc\xc3\x9fe"), (0x8a, b"")],
        &[Event::Ping(Bytes::from_static(b"hi")), text("gr\u{fc}\u{df}e"), Event::Pong],
        None,
    );
}

#[test]
fn nothing_comes_after_a_goodbye() {
    expect(&[(0x88, b""), (0x81, b"x")], &[Event::Close(None)], None);
    expect(&[(0x88, b"\x03\xe8bye"), (0x81, b"x")], &[Event::Close(Some(1000))], None);
}

#[test]
fn what_is_against_the_protocol_ends_it() {
    let broken = Some(Violation::Protocol);
    for first in [0x83, 0x84, 0x87, 0x8b, 0x8f, 0xc1, 0xa1, 0x91, 0x09, 0x08, 0x0a] {
        expect(&[(0x81, b"a"), (first, b"")], &[text("a")], broken);
    }
    expect(&[(0x80, b"x")], &[], broken);
    expect(&[(0x00, b"x")], &[], broken);
    expect(&[(0x01, b"x"), (0x81, b"y")], &[], broken);
    expect(&[(0x01, b"x"), (0x02, b"y")], &[], broken);
    expect(&[(0x89, &[b'x'; 126])], &[], broken);
    expect(&[(0x88, b"x")], &[], broken);
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535] {
        expect(&[(0x88, &code.to_be_bytes())], &[], broken);
    }
    // Not masked.
    assert_eq!(decode(&frame::text("x"), 1), (vec![], broken));
    // A length of which the highest bit is set.
    assert_eq!(decode(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], 100), (vec![], broken));
}

#[test]
fn text_that_is_not_utf8_is_seen_as_soon_as_it_comes() {
    let bad = Some(Violation::NotUtf8);
    expect(&[(0x81, b"a\xffb")], &[], bad);
    expect(&[(0x81, b"a\xc3")], &[], bad);
    expect(&[(0x81, b"\xed\xa0\x80")], &[], bad);
    expect(&[(0x88, b"\x03\xe8\xff")], &[], bad);
    // The message is not at its end, and neither is the frame.
    let mut decoder = Decoder::new(MAX, false);
    decoder.push(&masked(0x01, &[b'a', 0xff, b'b', b'c'])[..8]);
    assert_eq!(decoder.next_event(), Err(Violation::NotUtf8));
}

#[test]
fn what_is_too_long_is_refused_before_it_comes() {
    let mut decoder = Decoder::new(MAX, false);
    decoder.push(&masked(0x81, &[b'x'; MAX + 1])[..8]);
    assert_eq!(decoder.next_event(), Err(Violation::TooBig));
    let half = [b'x'; MAX / 2 + 1];
    expect(&[(0x01, &half), (0x80, &half)], &[], Some(Violation::TooBig));
    let mut decoder = Decoder::new(MAX, false);
    decoder.push(&[0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4]);
    assert_eq!(decoder.next_event(), Err(Violation::TooBig));
}

#[test]
fn between_messages_nothing_is_kept() {
    let mut decoder = Decoder::new(MAX, false);
    for _ in 0..3 {
        decoder.push(&masked(0x81, &[b'x'; MAX]));
        assert!(matches!(decoder.next_event(), Ok(Some(Event::Text(_)))));
        assert_eq!(decoder.next_event(), Ok(None));
        assert_eq!((decoder.input.capacity(), decoder.control.capacity()), (0, 0));
        assert!(decoder.message.is_none() && decoder.frame.is_none());
    }
}

#[test]
fn a_compressed_message_is_taken_if_that_was_agreed_on() {
    let text = "the same again and again, the same again and again";
    let frame = deflate::compress(Opcode::Text, text.as_bytes());
    assert_eq!(frame[0], 0xc1);
    let payload = frame::payload(&frame);
    let (start, rest) = payload.split_at(payload.len() / 2);
    let whole = masked(0xc1, payload);
    let cut = [masked(0x41, start), masked(0x89, b"hi"), masked(0x80, rest)].concat();
    let read = |bytes: &[u8], deflates, piece| {
        let mut decoder = Decoder::new(MAX, deflates);
        let mut events = Vec::new();
        for piece in bytes.chunks(piece) {
            decoder.push(piece);
            while let Some(event) = decoder.next_event()? {
                events.push(event);
            }
        }
        Ok(events)
    };
    let event = Event::Text(text.to_owned());
    for piece in [1, 5, 1_000] {
        assert_eq!(read(&whole, true, piece), Ok(vec![event.clone()]));
        assert_eq!(read(&cut, true, piece), Ok(vec![Event::Ping(Bytes::from_static(b"hi")), event.clone()]));
        assert_eq!(read(&masked(0x81, b"plain"), true, piece), Ok(vec![Event::Text("plain".to_owned())]));
        assert_eq!(read(&whole, false, piece), Err(Violation::Protocol), "it was not");
        // The bit stands in no later fragment and in no control frame.
        let later = [masked(0x41, start), masked(0xc0, rest)].concat();
        assert_eq!(read(&later, true, piece), Err(Violation::Protocol));
        assert_eq!(read(&masked(0xc9, b""), true, piece), Err(Violation::Protocol));
        assert_eq!(read(&masked(0xa1, b""), true, piece), Err(Violation::Protocol));
    }
    let bomb = deflate::compress(Opcode::Text, &[b'x'; MAX + 1]);
    assert_eq!(read(&masked(0xc1, frame::payload(&bomb)), true, 7), Err(Violation::TooBig));
    let not_text = deflate::compress(Opcode::Text, &[0xff; 100]);
    assert_eq!(read(&masked(0xc1, frame::payload(&not_text)), true, 7), Err(Violation::NotUtf8));
}

/// What tungstenite, as a server with the same limit, makes of the same bytes.
fn theirs(bytes: &[u8]) -> (Vec<Event>, bool) {
    let limits = WebSocketConfig::default().max_message_size(Some(MAX)).max_frame_size(Some(MAX));
    let mut socket =
        WebSocket::from_raw_socket(Duplex(Cursor::new(bytes.to_vec())), Role::Server, Some(limits));
    let mut events = Vec::new();
    loop {
        let event = match socket.read() {
            Ok(Theirs::Text(text)) => Event::Text(text.as_str().to_owned()),
            Ok(Theirs::Binary(bytes)) => Event::Binary(bytes.to_vec()),
            Ok(Theirs::Ping(payload)) => Event::Ping(payload),
            Ok(Theirs::Pong(_)) => Event::Pong,
            Ok(Theirs::Close(frame)) => {
                events.push(Event::Close(frame.map(|frame| frame.code.into())));
                return (events, false);
            }
            Ok(Theirs::Frame(_)) => unreachable!("only for sending"),
            Err(tungstenite::Error::Io(_)) => return (events, false),
            Err(_) => return (events, true),
        };
        events.push(event);
    }
}

/// Mostly good frames, now and then a bad one.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => Just(0x81_u8), 3 => Just(0x01), 3 => Just(0x00), 4 => Just(0x80), 3 => Just(0x82),
        2 => Just(0x89), 2 => Just(0x8a), 1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        6 => "\\PC{0,40}".prop_map(String::into_bytes),
        2 => proptest::collection::vec(any::<u8>(), 0..8),
        1 => (120_usize..=130).prop_map(|length| vec![b'a'; length]),
        1 => (MAX - 2..=MAX + 2).prop_map(|length| vec![b'a'; length]),
    ];
    let one = (first, payload).prop_map(|(first, payload)| masked(first, &payload));
    proptest::collection::vec(one, 0..8).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn it_agrees_with_tungstenite(bytes in frames(), piece in 1_usize..64) {
        let (events, violation) = decode(&bytes, piece);
        let (mut expected, mut failed) = theirs(&bytes);
        // A goodbye with a code that may not be sent is told by them as one with the code of what is wrong.
        if violation == Some(Violation::Protocol) && !failed && expected.last() == Some(&Event::Close(Some(1002))) {
            expected.pop();
            failed = true;
        }
        prop_assert_eq!(&events, &expected);
        prop_assert_eq!(violation.is_some(), failed, "{:?}", violation);
    }

    #[test]
    fn no_bytes_make_it_panic_or_keep_much(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), piece in 1_usize..64) {
        let mut decoder = Decoder::new(MAX, false);
        for piece in bytes.chunks(piece) {
            decoder.push(piece);
            while let Ok(Some(_)) = decoder.next_event() {}
            prop_assert!(decoder.message.as_ref().is_none_or(|message| message.bytes.len() <= MAX));
            prop_assert!(decoder.input.len() <= 14 + 64, "only a header may wait");
        }
    }

    #[test]
    fn tungstenite_reads_what_we_write(text in "\\PC{0,300}", ping in proptest::collection::vec(any::<u8>(), 0..125)) {
        let mut bytes = frame::text(&text).to_vec();
        bytes.extend(frame::whole(Opcode::Ping, &ping));
        bytes.extend(frame::close_with(1012, "restarting"));
        let mut read = WebSocket::from_raw_socket(Duplex(Cursor::new(bytes)), Role::Client, None);
        prop_assert_eq!(read.read().unwrap(), Theirs::text(text));
        prop_assert_eq!(read.read().unwrap(), Theirs::Ping(ping.into()));
        prop_assert!(matches!(read.read().unwrap(), Theirs::Close(Some(frame)) if u16::from(frame.code) == 1012));
    }
}

/// Reads from bytes, and forgets what is written.
struct Duplex(Cursor<Vec<u8>>);

impl std::io::Read for Duplex {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(std::io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl std::io::Write for Duplex {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
