//! Faults built in on purpose, for the test that shows that the checker of histories catches them.
//!
//! A checker that never fails proves nothing. This module exists only with the feature `broken`, which no release build
//! may have; which fault is on is said by the environment variable `BROKEN_ON_PURPOSE`, and without it none is. The places
//! where a fault bites are marked with `cfg(feature = "broken")`, here and in the server.

use std::sync::OnceLock;

#[cfg(not(debug_assertions))]
compile_error!("the feature `broken` is for tests and has no place in a release build");

/// The environment variable that chooses the fault.
pub const VARIABLE: &str = "BROKEN_ON_PURPOSE";

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The log's commits stay in memory until it is closed. Shows after a kill.
    NoCommit,
    /// The log's file is never synced. Shows after a power cut alone: after a kill the kernel still has it all.
    NoSync,
    /// The log answers before it has written.
    AckBeforeAppend,
    /// A join looks at the past first and subscribes a while later.
    ReadBeforeSubscribe,
    /// Nobody remembers nonces.
    NoNonces,
    /// A slow viewer loses batches and is not told.
    SilentGap,
    /// Viewers get messages by the time in their ids instead of by their places.
    ClockOrder,
    /// Now and then a sender is told "no" for a message that is in the log.
    RefuseAccepted,
}

impl Fault {
    /// All of them, with the words that choose them.
    pub const ALL: [(&'static str, Self); 8] = [
        ("no-commit", Self::NoCommit),
        ("no-sync", Self::NoSync),
        ("ack-before-append", Self::AckBeforeAppend),
        ("read-before-subscribe", Self::ReadBeforeSubscribe),
        ("no-nonces", Self::NoNonces),
        ("silent-gap", Self::SilentGap),
        ("clock-order", Self::ClockOrder),
        ("refuse-accepted", Self::RefuseAccepted),
    ];

    /// Is it on in this process?
    ///
    /// # Panics
    /// If the variable holds none of the words.
    #[must_use]
    pub fn is_on(self) -> bool {
        static CHOSEN: OnceLock<Option<Fault>> = OnceLock::new();
        *CHOSEN.get_or_init(chosen) == Some(self)
    }
}

fn chosen() -> Option<Fault> {
    let word = std::env::var(VARIABLE).ok().filter(|word| !word.is_empty())?;
    let found = Fault::ALL.into_iter().find(|(name, _)| *name == word);
    let (_, fault) = found.unwrap_or_else(|| panic!("{VARIABLE}={word}: no such fault"));
    tracing::warn!(fault = word, "this process is broken on purpose");
    Some(fault)
}
