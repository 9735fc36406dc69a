//! The guarantees of docs/guarantees.md, each proved on the real server as a process of its own, under real faults:
//! killed, its disk full, failing or without power, its clock wrong, its descriptors gone. A workload writes down what
//! it saw, and the history checker of `testkit` must find nothing.
//!
//! Every test is named after its guarantee. They run one after the other, since each wants the machine for itself.
//! `GUARANTEES=long` makes them longer. What needs root or a tool that is missing says so and is not run. Start with
//! [`support`].

#![allow(clippy::unwrap_used)] // what fails in a test is the test

mod clocks;
mod damage;
mod disk;
mod folders;
mod format;
mod kills;
mod load;
mod order;
mod power;
mod resume;
mod retries;
mod stop;
mod styles;
mod support;
