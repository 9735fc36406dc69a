//! For tests of faults: something that drives a server and writes down what it saw, and something that judges it.
//!
//! [`workload`] speaks the protocol to any URL and gives a [`history`]; [`checker`] says what in it breaks the
//! guarantees; [`process`] runs the real server and does to it what the world does; [`trial`] is what
//! tests of guarantees have in common. The checker knows nothing of
//! sockets and clocks, the workload nothing of rules. For a run by hand there is the program `twitchy-check`.

pub mod checker;
pub mod history;
pub mod process;
pub mod trial;
pub mod workload;
