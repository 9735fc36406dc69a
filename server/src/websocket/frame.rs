//! Frames that a server sends: whole messages, not masked. Start with [`text`].

use bytes::{BufMut, Bytes, BytesMut};
use protocol::codes::CloseReason;

/// The longest header of a frame that is not masked.
const HEADER_BYTES_MAX: usize = 10;
/// Most bytes of a control frame's payload (RFC 6455, section 5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

const FIN: u8 = 0x80;
/// The first reserved bit: the message is compressed (RFC 7692).
pub const COMPRESSED: u8 = 0x40;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// More of the message before it.
    Continuation = 0,
    /// UTF-8.
    Text = 1,
    /// Any bytes.
    Binary = 2,
    /// Goodbye.
    Close = 8,
    /// Is somebody there?
    Ping = 9,
    /// Yes.
    Pong = 10,
}

impl Opcode {
    /// What the lower half of a frame's first byte means.
    pub fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Control frames are short and may stand between the fragments of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A text message that is one frame.
pub fn text(text: &str) -> Bytes {
    whole(Opcode::Text, text.as_bytes())
}

/// A message or control frame that is one frame. What is too long for a control frame is cut off.
pub fn whole(opcode: Opcode, payload: &[u8]) -> Bytes {
    let payload =
        if opcode.is_control() { &payload[..payload.len().min(CONTROL_BYTES_MAX)] } else { payload };
    build(FIN | opcode as u8, payload)
}

/// A message that is one frame, of a payload that is compressed.
pub fn compressed(opcode: Opcode, payload: &[u8]) -> Bytes {
    build(FIN | COMPRESSED | opcode as u8, payload)
}

fn build(first: u8, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER_BYTES_MAX + payload.len());
    header(&mut out, first, payload.len());
    out.put_slice(payload);
    out.freeze()
}

/// Goodbye, and why.
pub fn close(reason: CloseReason) -> Bytes {
    close_with(reason.code(), reason.text())
}

/// Goodbye with this code. The text is ours, short and ASCII.
pub fn close_with(code: u16, text: &str) -> Bytes {
    let mut payload = Vec::with_capacity(2 + text.len());
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(text.as_bytes());
    whole(Opcode::Close, &payload)
}

/// The payload of a frame that [`text`] or [`whole`] made.
pub fn payload(frame: &[u8]) -> &[u8] {
    let header = match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    };
    frame.get(header..).unwrap_or_default()
}

#[allow(clippy::cast_possible_truncation)] // each branch looks first
fn header(out: &mut BytesMut, first: u8, length: usize) {
    out.put_u8(first);
    match length {
        0..=125 => out.put_u8(length as u8),
        126..=0xffff => {
            out.put_u8(126);
            out.put_u16(length as u16);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(length as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_as_short_as_may_be() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (0xffff, 4), (0x1_0000, 10)] {
            let payload = vec![b'x'; length];
            let frame = whole(Opcode::Text, &payload);
            assert_eq!(frame.len(), header + length);
            assert_eq!(super::payload(&frame), payload);
        }
    }

    #[test]
    fn a_control_frame_is_never_too_long() {
        assert_eq!(whole(Opcode::Ping, &[0; 500]).len(), 2 + CONTROL_BYTES_MAX);
    }
}
