//! The `twitchy` binary with the feature `broken`, under another name: see `event_log::broken`.

use std::process::ExitCode;

#[path = "main.rs"]
mod whole;

fn main() -> ExitCode {
    whole::main()
}
