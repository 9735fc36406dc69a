//! The wire and nothing else: ids, objects, frames, bodies, codes and limits of protocol version 1.
//!
//! It knows no room's state, no socket and no clock. Start with [`frames`] for the WebSocket, [`rest`] and
//! [`moderation`] for the calls; all are made of [`objects`]. The folder `golden/` holds each of them once as JSON, read by the
//! tests here and by those of the web client.

pub mod codes;
pub mod frames;
pub mod ids;
pub mod limits;
pub mod moderation;
pub mod objects;
pub mod rest;

/// The WebSocket subprotocol, and what is assumed where none is offered.
pub const SUBPROTOCOL: &str = "twitchy.v1.json";
