//! For tests: real servers, without Docker. Needs Java 17 and Maven on the path, and the network the first time.
//!
//! The jars come from Maven Central by `mvn`, whose own settings say where that is. Everything lies under
//! `target/test-servers`: the jars once, and a folder per run whose logs stay until the next run begins. A server ends
//! with the process that started it, however that ends: see [`child`]. Start with [`kafka::shared`]
//! or [`cassandra::shared`].

pub mod cassandra;
pub mod child;
pub mod cluster;
mod interrupt;
pub mod kafka;
pub mod maven;
