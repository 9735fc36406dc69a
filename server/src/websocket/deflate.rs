//! Compression of messages (RFC 7692, permessage-deflate), each by itself: no side keeps a window from one message to the
//! next, so that a frame that is compressed once is the same bytes for everybody, and a connection holds nothing.
//!
//! It knows no connection. Start with [`answer`], [`shortest`] and [`inflate`].

use super::{decoder::Violation, frame};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::cell::RefCell;

/// What is answered to an offer that is taken.
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// The same to a client that named the window, which must be named again.
const ANSWER_WITH_WINDOW: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";
/// How hard it tries, of 9: a tenth fewer bytes than the fastest that finds repetitions well (2), and further levels find
/// next to nothing more (docs/decisions/0013).
const LEVEL: u32 = 6;
/// A shorter message is sent as it is: a single line gains little.
pub const BYTES_MIN: usize = 512;
/// What every compressed message would end with, and therefore none does.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// With so much an inflated message begins to grow; later it doubles.
const GROWTH: usize = 4 * 1024;

thread_local! {
    // Some 300 kB each: one a thread, not one a connection.
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(LEVEL), false));
    static DECOMPRESS: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// The answer to the first of a client's offers that is one we take. It may ask for no smaller window than the usual one.
pub fn answer(headers: &HeaderMap) -> Option<&'static str> {
    let lists = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS);
    let mut offers = lists.iter().filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
    offers.find_map(|offer| {
        let mut words = offer.split(';').map(str::trim);
        let is_ours = words.next().is_some_and(|name| name.eq_ignore_ascii_case("permessage-deflate"));
        let parameters: Vec<_> = words.map(parameter).collect();
        if !is_ours || !are_acceptable(&parameters) {
            return None;
        }
        let names_window = parameters.iter().any(|(name, _)| *name == "server_max_window_bits");
        Some(if names_window { ANSWER_WITH_WINDOW } else { ANSWER })
    })
}

/// A name, and a value that may stand in quotation marks.
fn parameter(text: &str) -> (&str, Option<&str>) {
    let Some((name, value)) = text.split_once('=') else { return (text, None) };
    let value = value.trim();
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    (name.trim(), Some(quoted.unwrap_or(value)))
}

fn are_acceptable(parameters: &[(&str, Option<&str>)]) -> bool {
    let mut seen = Vec::new();
    parameters.iter().all(|&(name, value)| {
        let is_first = !seen.contains(&name);
        seen.push(name);
        is_first
            && match name {
                "server_no_context_takeover" | "client_no_context_takeover" => value.is_none(),
                "server_max_window_bits" => value == Some("15"),
                // Ours to use, and we do not.
                "client_max_window_bits" => value.is_none_or(|bits| {
                    bits.parse::<u8>()
                        .is_ok_and(|number| (8..=15).contains(&number) && !bits.starts_with('0'))
                }),
                _ => false,
            }
    })
}

/// A whole message as one frame: compressed, or as it is if that is no longer.
pub fn shortest(opcode: frame::Opcode, payload: &[u8]) -> Bytes {
    let compressed = compress(opcode, payload);
    if frame::payload(&compressed).len() < payload.len() { compressed } else { frame::whole(opcode, payload) }
}

/// A whole message as one compressed frame, however long that is.
pub fn compress(opcode: frame::Opcode, payload: &[u8]) -> Bytes {
    COMPRESS.with_borrow_mut(|compress| {
        compress.reset();
        // Never more than a few bytes longer than what goes in.
        let mut out = Vec::with_capacity(payload.len() + 64);
        let mut read = 0;
        loop {
            let before = compress.total_in();
            let flushed = compress.compress_vec(&payload[read..], &mut out, FlushCompress::Sync);
            read += usize::try_from(compress.total_in() - before).unwrap_or(usize::MAX);
            if flushed.is_err() {
                return frame::whole(opcode, payload);
            }
            if read == payload.len() && out.len() < out.capacity() {
                break;
            }
            out.reserve(GROWTH);
        }
        match out.strip_suffix(&TAIL) {
            Some(compressed) => frame::compressed(opcode, compressed),
            // What was flushed ends so; otherwise it is not what the other side is told.
            None => frame::whole(opcode, payload),
        }
    })
}

/// A compressed message as it was; never more than `bytes_max` of it are made.
pub fn inflate(payload: &[u8], bytes_max: usize) -> Result<Vec<u8>, Violation> {
    let mut out = Vec::new();
    inflate_into(&mut out, payload, bytes_max).map(|()| out)
}

fn inflate_into(out: &mut Vec<u8>, payload: &[u8], bytes_max: usize) -> Result<(), Violation> {
    DECOMPRESS.with_borrow_mut(|decompress| {
        decompress.reset(false);
        for mut part in [payload, &TAIL] {
            loop {
                if out.len() == out.capacity() {
                    if out.len() > bytes_max {
                        return Err(Violation::TooBig);
                    }
                    out.reserve_exact(GROWTH.max(out.len()).min(bytes_max + 1 - out.len()));
                }
                let before = (decompress.total_in(), out.len());
                let status = decompress
                    .decompress_vec(part, out, FlushDecompress::Sync)
                    .map_err(|_| Violation::Protocol)?;
                let taken = usize::try_from(decompress.total_in() - before.0).unwrap_or(usize::MAX);
                part = &part[taken..];
                if status == Status::StreamEnd {
                    // The last block of a stream, and perhaps another stream after it.
                    decompress.reset(false);
                    if part.is_empty() || part == TAIL {
                        break;
                    }
                } else if part.is_empty() && out.len() < out.capacity() {
                    break;
                } else if taken == 0 && out.len() == before.1 && out.len() < out.capacity() {
                    return Err(Violation::Protocol);
                }
            }
        }
        if out.len() > bytes_max { Err(Violation::TooBig) } else { Ok(()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::frame::Opcode;
    use proptest::prelude::*;

    fn answer_to(offer: &'static str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert("sec-websocket-extensions", offer.parse().unwrap());
        answer(&headers)
    }

    /// As somebody else does it, in one go.
    fn inflate_elsewhere(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let whole = [payload, &TAIL].concat();
        let mut decoder = flate2::read::DeflateDecoder::new(whole.as_slice());
        // What comes has no last block, so the end of the input is an error there.
        let _ = std::io::Read::read_to_end(&mut decoder, &mut out);
        out
    }

    #[test]
    fn what_browsers_offer_is_taken_and_what_we_cannot_do_is_not() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
            "x-webkit-deflate-frame, permessage-deflate;client_max_window_bits",
            "permessage-deflate; server_max_window_bits=9, permessage-deflate",
        ] {
            assert_eq!(answer_to(offer), Some(ANSWER), "{offer}");
        }
        for offer in [
            "permessage-deflate; server_max_window_bits=15; client_no_context_takeover",
            "permessage-deflate; server_max_window_bits=\"15\", permessage-deflate",
        ] {
            assert_eq!(answer_to(offer), Some(ANSWER_WITH_WINDOW), "{offer}");
        }
        for offer in [
            "",
            "permessage-bzip2",
            "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=08",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; server_max_window_bits=\"15",
            "permessage-deflate;",
            "permessage-deflate; unheard_of",
        ] {
            assert_eq!(answer_to(offer), None, "{offer}");
        }
    }

    #[test]
    fn a_small_message_that_becomes_a_huge_one_is_stopped_while_it_grows() {
        let bomb = compress(Opcode::Text, &vec![b'x'; 10_000_000]);
        let bomb = frame::payload(&bomb);
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        let mut grown = Vec::new();
        assert_eq!(inflate_into(&mut grown, bomb, 16 * 1024), Err(Violation::TooBig));
        assert!(grown.capacity() <= 16 * 1024 + 1, "{}", grown.capacity());
        let exact = compress(Opcode::Text, &[b'x'; 1_000]);
        assert_eq!(inflate(frame::payload(&exact), 1_000), Ok(vec![b'x'; 1_000]));
        assert_eq!(inflate(frame::payload(&exact), 999), Err(Violation::TooBig));
    }

    #[test]
    fn what_does_not_get_shorter_stays_as_it_is() {
        assert_eq!(shortest(Opcode::Text, b"x"), frame::whole(Opcode::Text, b"x"));
        let frame = compress(Opcode::Text, b"");
        assert_eq!(&frame[..], [0xc1, 1, 0], "section 7.2.3.6");
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // Section 7.2.3: a usual block, one that is not compressed, one that says it is the last.
        for payload in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        ] {
            assert_eq!(inflate(payload, 100), Ok(b"Hello".to_vec()), "{payload:x?}");
        }
        assert_eq!(inflate(&[0], 100), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn it_comes_out_as_it_went_in(text in "([a-z]{1,8} ){0,2000}") {
            let frame = compress(Opcode::Text, text.as_bytes());
            prop_assert!(frame[0] & frame::COMPRESSED != 0);
            prop_assert_eq!(inflate(frame::payload(&frame), text.len()).unwrap(), text.as_bytes());
            prop_assert_eq!(inflate_elsewhere(frame::payload(&frame)), text.as_bytes());
        }

        #[test]
        fn no_bytes_make_it_panic_or_grow(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            if let Ok(out) = inflate(&bytes, 2_000) {
                prop_assert!(out.len() <= 2_000);
            }
        }
    }
}
