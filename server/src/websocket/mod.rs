//! The WebSocket protocol (RFC 6455) of a server, without I/O: the [`handshake`], the [`decoder`] of what clients send, and
//! the [`frame`]s that a server sends.
//!
//! It knows no socket, no room and no session. A server does not mask its frames, so a frame that is made once is the
//! same bytes for everybody. Why this is not a crate: docs/decisions/0011.

pub mod decoder;
pub mod frame;
pub mod handshake;

pub use decoder::{Decoder, Event, Violation};
