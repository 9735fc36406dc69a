//! Just enough of RFC 6455 for a client that reads very much: heads of frames, masked frames, the upgrade.
//!
//! It owns no buffer, so that a viewer costs some hundred bytes. It trusts the server with nothing: what does not parse
//! ends the connection. Start with [`head`].

use std::fmt::Write as _;

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// Bytes of one frame; a longer one is no frame of a chat. A batch of the busiest room is below 1 MiB.
pub const FRAME_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Any key will do: a client that masks for safety is a browser behind a proxy.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub code: u8,
    /// Its content is compressed (RFC 7692).
    pub compressed: bool,
    /// Where its content begins, and how long it is.
    pub begin: usize,
    pub len: usize,
}

/// What the next bytes are.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Frame(Head),
    /// More bytes are needed.
    More,
    /// Not a frame of a server.
    Bad,
}

/// Reads the head of a server's frame; the frame itself may not be there yet.
pub fn head(bytes: &[u8]) -> Next {
    let [first, second, rest @ ..] = bytes else { return Next::More };
    let (len, begin) = match second & 127 {
        126 => match rest.first_chunk::<2>() {
            Some(len) => (u64::from(u16::from_be_bytes(*len)), 4),
            None => return Next::More,
        },
        127 => match rest.first_chunk::<8>() {
            Some(len) => (u64::from_be_bytes(*len), 10),
            None => return Next::More,
        },
        len => (u64::from(len), 2),
    };
    match usize::try_from(len) {
        Ok(len) if second & 128 == 0 && len as u64 <= FRAME_BYTES_MAX => {
            Next::Frame(Head { code: first & 15, compressed: first & 64 != 0, begin, len })
        }
        _ => Next::Bad,
    }
}

/// Adds a frame as a client sends it.
pub fn put(out: &mut Vec<u8>, code: u8, content: &[u8]) {
    out.push(128 | code);
    match (u8::try_from(content.len()), u16::try_from(content.len())) {
        (Ok(len), _) if len < 126 => out.push(128 | len),
        (_, Ok(len)) => {
            out.push(128 | 126);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(128 | 127);
            out.extend_from_slice(&(content.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(content.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// As it is asked for, and found in the answer of a server that compresses.
pub const DEFLATE: &str = "permessage-deflate";

/// The request that opens a WebSocket; `deflate`: messages may come compressed, each by itself.
pub fn upgrade(path: &str, host: &str, subprotocol: Option<&str>, deflate: bool) -> String {
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    if let Some(subprotocol) = subprotocol {
        let _ = write!(request, "Sec-WebSocket-Protocol: {subprotocol}\r\n");
    }
    if deflate {
        let _ = write!(
            request,
            "Sec-WebSocket-Extensions: {DEFLATE}; server_no_context_takeover; client_no_context_takeover\r\n"
        );
    }
    request + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmasked(code: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![128 | code];
        match (u8::try_from(content.len()), u16::try_from(content.len())) {
            (Ok(len), _) if len < 126 => out.push(len),
            (_, Ok(len)) => {
                out.push(126);
                out.extend_from_slice(&len.to_be_bytes());
            }
            _ => {
                out.push(127);
                out.extend_from_slice(&(content.len() as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(content);
        out
    }

    #[test]
    fn heads_of_every_length_are_read_and_cut_ones_wait() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let frame = unmasked(TEXT, &vec![b'a'; len]);
            let begin = frame.len() - len;
            assert_eq!(head(&frame), Next::Frame(Head { code: TEXT, compressed: false, begin, len }));
            let mut compressed = frame.clone();
            compressed[0] |= 64;
            assert_eq!(head(&compressed), Next::Frame(Head { code: TEXT, compressed: true, begin, len }));
            for cut in 0..begin {
                assert_eq!(head(&frame[..cut]), Next::More, "{len} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        let mut masked = Vec::new();
        put(&mut masked, TEXT, b"hi");
        assert_eq!(head(&masked), Next::Bad);
        assert_eq!(head(&[129, 127, 255, 0, 0, 0, 0, 0, 0, 0]), Next::Bad);
    }

    #[test]
    fn a_clients_frame_is_masked() {
        for len in [0_usize, 125, 126, 65_535, 65_536] {
            let mut out = Vec::new();
            put(&mut out, BINARY, &vec![b'x'; len]);
            assert_eq!(out[0], 130);
            assert!(out[1] & 128 != 0);
            let content = &out[out.len() - len..];
            let plain: Vec<u8> = content.iter().zip(MASK.iter().cycle()).map(|(b, m)| b ^ m).collect();
            assert_eq!(plain, vec![b'x'; len]);
        }
    }
}
