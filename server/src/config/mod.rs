//! The configuration: defaults, then a file, then the environment, then flags; later ones win.
//!
//! [`keys`] lists every setting once; [`values`] are the types they can have.

pub mod keys;
pub mod values;

pub use keys::{
    Auth, Cassandra, Config, Feed, Gateway, Irc, KEYS, Kafka, Key, Limits, Log, Ops, SECTIONS, Server, Store,
};
pub use values::{Limit, LogEngine, Origin, Rate, Role, Secret, StoreEngine};
