//! The WebSocket protocol (RFC 6455) of a server, without I/O: the [`handshake`], the [`decoder`] of what clients send,
//! the [`frame`]s that a server sends, and how messages are compressed ([`deflate`], RFC 7692).
//!
//! It knows no socket, no room and no session. A server does not mask its frames, and compresses each message by itself, so
//! a frame that is made once is the same bytes for everybody. Why this is not a crate: docs/decisions/0011.

pub mod decoder;
pub mod deflate;
pub mod frame;
pub mod handshake;

pub use decoder::{Decoder, Event, Violation};
