//! What clients send, byte by byte: [`Decoder::push`] takes what was read, [`Decoder::next_event`] gives what it means.
//!
//! It holds no more than the message under way, which is bounded while it comes, and nothing at all between messages, so
//! that ten thousand silent viewers cost nothing here. Text is checked as it comes, not first at its end.

use super::{
    deflate,
    frame::{COMPRESSED, CONTROL_BYTES_MAX, Opcode},
};
use bytes::Bytes;
use std::collections::VecDeque;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// To be answered by a pong with the same bytes.
    Ping(Bytes),
    /// The answer to a ping.
    Pong,
    /// Goodbye, with a code if one was given. Nothing comes after it.
    Close(Option<u16>),
}

/// What a client did wrong; it ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Against the protocol: 1002.
    #[error("the frame is not as RFC 6455 wants it")]
    Protocol,
    /// Text that is not UTF-8: 1007.
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// Longer than is allowed: 1009.
    #[error("a message longer than is allowed")]
    TooBig,
}

/// Reads one client's frames.
pub struct Decoder {
    message_bytes_max: usize,
    /// Compression was agreed on.
    deflates: bool,
    /// Read and not yet looked at.
    input: VecDeque<u8>,
    /// The frame whose payload is coming.
    frame: Option<Frame>,
    /// The message whose fragments are coming.
    message: Option<Message>,
    /// The payload of the control frame that is coming.
    control: Vec<u8>,
    closed: bool,
}

struct Frame {
    opcode: Opcode,
    fin: bool,
    left: usize,
    mask: [u8; 4],
    /// Where in the mask the next byte stands.
    at: usize,
}

struct Message {
    is_text: bool,
    is_compressed: bool,
    bytes: Vec<u8>,
    /// Bytes at the beginning that are certainly UTF-8.
    checked: usize,
}

impl Decoder {
    /// A decoder that takes messages up to this length, also compressed ones if that was agreed on.
    pub fn new(message_bytes_max: usize, deflates: bool) -> Self {
        Self {
            message_bytes_max,
            deflates,
            input: VecDeque::new(),
            frame: None,
            message: None,
            control: Vec::new(),
            closed: false,
        }
    }

    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.input.extend(bytes);
        }
    }

    /// The next thing that came whole; `None` if more has to be read first. After a violation or a goodbye there is nothing.
    pub fn next_event(&mut self) -> Result<Option<Event>, Violation> {
        let result = self.advance();
        if !matches!(
            result,
            Ok(None) | Ok(Some(Event::Text(_) | Event::Binary(_) | Event::Ping(_) | Event::Pong))
        ) {
            self.closed = true;
        }
        if self.closed || self.input.is_empty() {
            // Nothing is kept between reads.
            self.input = VecDeque::new();
        }
        result
    }

    fn advance(&mut self) -> Result<Option<Event>, Violation> {
        while !self.closed {
            let frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.header()? {
                    Some(frame) => frame,
                    None => break,
                },
            };
            let frame = self.frame.insert(frame);
            let into = match (&mut self.message, frame.opcode.is_control()) {
                (Some(message), false) => &mut message.bytes,
                _ => &mut self.control,
            };
            take(&mut self.input, frame, into);
            let (opcode, fin, done) = (frame.opcode, frame.fin, frame.left == 0);
            if let Some(message) = self.message.as_mut().filter(|_| !opcode.is_control()) {
                message.check()?;
            }
            if !done {
                break;
            }
            self.frame = None;
            if opcode.is_control() {
                return control(opcode, &std::mem::take(&mut self.control)).map(Some);
            }
            if fin && let Some(message) = self.message.take() {
                return message.finish(self.message_bytes_max).map(Some);
            }
        }
        Ok(None)
    }

    /// Reads a header if it is there whole.
    fn header(&mut self) -> Result<Option<Frame>, Violation> {
        let at = |i: usize| self.input.get(i).copied();
        let (Some(first), Some(second)) = (at(0), at(1)) else { return Ok(None) };
        let opcode = Opcode::from_bits(first & 0x0f).ok_or(Violation::Protocol)?;
        let fin = first & FIN != 0;
        let short = usize::from(second & !MASKED);
        // The bit stands in a message's first frame alone.
        let begins = matches!(opcode, Opcode::Text | Opcode::Binary);
        let may_be_set = if self.deflates && begins { COMPRESSED } else { 0 };
        // A client masks everything.
        if first & RESERVED & !may_be_set != 0 || second & MASKED == 0 {
            return Err(Violation::Protocol);
        }
        if opcode.is_control() && (!fin || short > CONTROL_BYTES_MAX) {
            return Err(Violation::Protocol);
        }
        if !opcode.is_control() && (opcode == Opcode::Continuation) != self.message.is_some() {
            return Err(Violation::Protocol);
        }
        let more = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if self.input.len() < 2 + more + 4 {
            return Ok(None);
        }
        let length = match more {
            0 => short as u64,
            _ => (2..2 + more).fold(0, |length, i| length << 8 | u64::from(self.input[i])),
        };
        if length >> 63 != 0 {
            return Err(Violation::Protocol);
        }
        let so_far = self.message.as_ref().map_or(0, |message| message.bytes.len());
        let left = usize::try_from(length).map_err(|_| Violation::TooBig)?;
        if !opcode.is_control() && so_far.saturating_add(left) > self.message_bytes_max {
            return Err(Violation::TooBig);
        }
        let mask = std::array::from_fn(|i| self.input[2 + more + i]);
        self.input.drain(..2 + more + 4);
        if begins {
            self.message = Some(Message {
                is_text: opcode == Opcode::Text,
                is_compressed: first & COMPRESSED != 0,
                bytes: Vec::new(),
                checked: 0,
            });
        }
        Ok(Some(Frame { opcode, fin, left, mask, at: 0 }))
    }
}

/// Moves what there is of a frame's payload, unmasked.
fn take(input: &mut VecDeque<u8>, frame: &mut Frame, into: &mut Vec<u8>) {
    let count = frame.left.min(input.len());
    let start = into.len();
    into.extend(input.drain(..count));
    let mask = std::array::from_fn::<u8, 4, _>(|i| frame.mask[(frame.at + i) % 4]);
    for (byte, key) in into[start..].iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    frame.at = (frame.at + count) % 4;
    frame.left -= count;
}

fn control(opcode: Opcode, payload: &[u8]) -> Result<Event, Violation> {
    match opcode {
        Opcode::Ping => Ok(Event::Ping(Bytes::copy_from_slice(payload))),
        Opcode::Pong => Ok(Event::Pong),
        _ => match payload {
            [] => Ok(Event::Close(None)),
            [_] => Err(Violation::Protocol),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                if !may_be_sent(code) {
                    return Err(Violation::Protocol);
                }
                std::str::from_utf8(reason).map_err(|_| Violation::NotUtf8)?;
                Ok(Event::Close(Some(code)))
            }
        },
    }
}

/// Codes that may stand in a close frame (RFC 6455, section 7.4, and IANA's list).
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

impl Message {
    /// Checks what is new; a character may be cut at the end. What is compressed is checked at its end.
    fn check(&mut self) -> Result<(), Violation> {
        if !self.is_text || self.is_compressed {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[self.checked..]) {
            Ok(_) => self.checked = self.bytes.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Violation::NotUtf8),
        }
        Ok(())
    }

    fn finish(self, bytes_max: usize) -> Result<Event, Violation> {
        let bytes = if self.is_compressed { deflate::inflate(&self.bytes, bytes_max)? } else { self.bytes };
        if !self.is_text {
            return Ok(Event::Binary(bytes));
        }
        String::from_utf8(bytes).map(Event::Text).map_err(|_| Violation::NotUtf8)
    }
}

#[cfg(test)]
mod tests;
