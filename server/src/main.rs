//! The `twitchy` binary: reads the command line, and hands over.

use mimalloc::MiMalloc;
use server::{
    cli::{self, Command, Exit, Stop},
    commands, logging,
};
use std::process::ExitCode;

/// The system's allocator took a fifth of what accepting a message costs: docs/decisions/0009-allocator.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The program, also under another name: see `broken.rs`.
pub fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(Stop::Said(text)) => {
            commands::say(&text);
            return ExitCode::SUCCESS;
        }
        Err(Stop::Refused(text)) => {
            eprint!("{text}");
            return Exit::Usage.into();
        }
    };
    let logs = logging::choose(cli.log_format, cli.log_level.clone(), |name| std::env::var_os(name))
        .and_then(|(format, filter)| logging::init(format, &filter));
    if let Err(error) = logs {
        eprintln!("twitchy: {error}");
        return Exit::Usage.into();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("twitchy: no threads to run on: {error}");
            return Exit::Failure.into();
        }
    };
    let done = runtime.block_on(async {
        match &cli.command {
            Command::Serve(_) => commands::serve(&cli).await,
            Command::User(command) => commands::user(&cli, command).await,
            Command::Room(command) => commands::room(&cli, command).await,
            Command::Migrate => commands::migrate(&cli).await,
            Command::Config(command) => commands::config(&cli, command),
            Command::ConformanceEcho { listen, message_bytes_max } => {
                commands::conformance_echo(*listen, *message_bytes_max).await
            }
        }
    });
    // A task that hangs must not keep the process.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(commands::Failed { exit, words }) => {
            eprintln!("twitchy: {words}");
            exit.into()
        }
    }
}
