//! The edges and the composition of Twitchy. Everything that a `twitchy` process does is put together in [`compose`];
//! follow a message from [`gateway::connection`] over [`rooms`] back to it.

pub mod auth;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod compose;
pub mod config;
mod data_folder;
pub mod emotes;
pub mod figures;
pub mod following;
pub mod gateway;
pub mod http;
pub mod limits;
pub mod logging;
pub mod news;
pub mod nodes;
pub mod persist;
pub mod pressure;
pub mod rooms;
pub mod websocket;
pub mod world;
