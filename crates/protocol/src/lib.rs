//! The wire and nothing else: ids, frames, bodies, codes and limits of protocol version 1.
//!
//! It knows no room's state, no socket and no clock. Start with [`frames`] for the WebSocket and [`rest`] for
//! the calls; `golden/` holds each of them once as JSON, read by the tests here and by those of the web client.

pub mod ids;
