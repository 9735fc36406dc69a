//! The edges and the composition of Twitchy.

pub mod cli;
pub mod config;
pub mod logging;
