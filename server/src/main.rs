//! The `twitchy` binary.
fn main() {}
