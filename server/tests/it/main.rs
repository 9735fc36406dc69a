//! The server from outside: real sockets, real files, and the built binary where a process is the point.
//!
//! Every test is named for the promise it checks. They share nothing (ports are picked by the system, folders are
//! temporary) and wait for what has to come, never for time to pass. [`support`] starts servers; [`journey`] is the
//! place to begin reading.

#![allow(clippy::unwrap_used, reason = "what is unwrapped here is what the test asserts, in helpers too")]

mod accounts;
mod bad_calls;
mod bad_frames;
mod bots;
mod compression;
mod durability;
mod emotes;
mod feeds;
mod journey;
mod limits;
mod moderation;
mod moderation_nodes;
mod nodes;
mod nonces;
mod process;
mod resume;
mod rooms;
mod support;
mod surface;
mod tokens;
