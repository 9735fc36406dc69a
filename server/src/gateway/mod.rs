//! Gateway: connections that stay open.
//!
//! [`session`] is the state machine of one connection, without I/O: frames in, actions out. [`connection`] drives it, a
//! small task each, and reads what the client says; [`answers`] that are there together go out together; [`shard`]s write
//! what the rooms publish, one task a core, through each connection's [`outlet`]. Neither knows a socket; [`ws`] does, and
//! [`socket`] sets it up. [`registry`] finds connections whose log-in ended, [`closing`] those whose room was closed.

mod answers;
pub mod closing;
pub mod connection;
pub mod echo;
pub mod outlet;
pub mod registry;
pub mod session;
pub mod shard;
pub mod socket;
pub mod ws;

use crate::{
    auth::Accounts,
    emotes::Emotes,
    figures::PerMessage,
    limits::Limits,
    rooms::{Directory, history::History, kept::Keeper},
    world::World,
};
use registry::Registry;
use shard::Shards;
use std::{sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What the settings say of connections.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A WebSocket ping this often.
    pub heartbeat: Duration,
    /// Messages are compressed for those who can read that.
    pub compression: bool,
    /// Rooms that one connection may read at once.
    pub rooms_per_connection: usize,
    /// Most messages that a resume replays.
    pub resume_messages_max: usize,
    /// Messages that a user may send a second, as told in `hello`.
    pub user_messages_per_second: f64,
    /// How long a stop may take.
    pub shutdown_grace: Duration,
}

/// What all connections share.
pub struct Gateway {
    /// The rooms.
    pub rooms: Arc<Directory>,
    /// Makes and changes them.
    pub keeper: Arc<Keeper>,
    /// Their pasts.
    pub history: History,
    /// The rooms' emotes.
    pub emotes: Arc<Emotes>,
    /// Who is who.
    pub accounts: Arc<Accounts>,
    /// How often and how many.
    pub limits: Arc<Limits>,
    /// What writes to the connections.
    pub shards: Arc<Shards>,
    /// Connections by log-in.
    pub registry: Arc<Registry>,
    /// Time and chance.
    pub world: Arc<dyn World>,
    /// What is counted for each message.
    pub figures: PerMessage,
    /// Settings.
    pub options: Options,
    /// Set when the process stops.
    pub stopping: CancellationToken,
    /// Every connection's task; the stop waits for them.
    pub tasks: TaskTracker,
}
