//! The guarantees of docs/guarantees.md where many processes form one chat over a real Apache Kafka and a real Apache
//! Cassandra: gateways and persisters are killed, the broker and the database are killed, frozen and cut off, clocks
//! differ. A workload over all gateways writes down what it saw, and the history checker of `testkit` must find nothing.
//!
//! Every test has a topic and a keyspace of its own on servers that all share; what is done to a broker or a database is
//! done to others, started for that. The tests run one after the other, since each wants the machine for itself.
//! `GUARANTEES=long` makes them longer. Start with [`support`].

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)] // what fails in a test is the test; numbers are small

mod accounts;
mod bad;
mod broker;
mod brokers;
mod clocks;
mod database;
mod formats;
mod kills;
mod moderation;
mod order;
mod partition;
mod records;
mod resume;
mod rolling;
mod rooms;
mod sleep;
mod slow;
mod storm;
mod support;
mod upgrade;
