//! The edges and the composition of Twitchy.

pub mod config;
