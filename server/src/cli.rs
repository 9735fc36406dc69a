//! The command line: what can be asked for, and with which code the process ends.
//!
//! It says what was asked and does none of it; settings given as flags become the last layer of the configuration
//! ([`Cli::flags`]). Start with [`Cli`] and [`parse`].

use crate::{
    config::{ConfigFile, Findings, Flag, Loaded, load},
    logging::{LogFilter, LogFormat},
};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};
use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The variable for `--config`.
pub const CONFIG_VARIABLE: &str = "TWITCHY_CONFIG";
/// Largest message that `conformance-echo` can be told to take, in bytes: twice the largest that conformance suites
/// send (16 MiB).
const ECHO_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Why the process ends other than well; the codes are those of `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Anything else.
    Failure = 1,
    /// Bad usage or configuration.
    Usage = 64,
    /// The log or the store cannot be reached.
    Unavailable = 69,
    /// The data folder or its disk.
    Disk = 74,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

const EXAMPLES: &str = "\
Examples:
  twitchy serve                                   everything on http://127.0.0.1:8080, data in ./data
  twitchy serve --listen 0.0.0.0:80 --data /var/lib/twitchy
  TWITCHY_LIMITS__USER_MESSAGES_PER_SECOND=0 twitchy serve
  twitchy --config my.toml config check           tell everything that is wrong with it
  twitchy user create alice --admin               make an account; its password is printed once
  twitchy user create --bot dice_bot              make a bot; its token is printed once
  twitchy room create night --title Night --style plain

Every setting is a key in config/twitchy.toml and a variable TWITCHY_<SECTION>__<KEY>; flags win over both.
Exit codes: 0 well, 64 usage or configuration, 69 log or store unreachable, 74 data folder or disk, 1 anything else.";

/// A live chat in which every room has a style of its own.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(name = "twitchy", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// Configuration file, instead of config/twitchy.toml [env: TWITCHY_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data folder [setting: server.data; default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<String>,
    /// Form of the log lines on standard error [env: TWITCHY_LOG_FORMAT; default: text]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Which log lines: a level, or directives as info,server=debug [env: TWITCHY_LOG; default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<LogFilter>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve the chat; prints "ready http://ADDR:PORT" once it accepts
    Serve(ServeFlags),
    /// Look after accounts
    #[command(subcommand, arg_required_else_help = true)]
    User(UserCommand),
    /// Look after rooms
    #[command(subcommand, arg_required_else_help = true)]
    Room(RoomCommand),
    /// Bring the store's layout up to this version
    Migrate,
    /// Look at the configuration
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),
    /// Echo over the chat's own WebSocket code and limits, for conformance suites
    ConformanceEcho {
        /// Address and port
        #[arg(long, value_name = "ADDR:PORT")]
        listen: SocketAddr,
        /// Longest message, in bytes
        #[arg(long, value_name = "N", default_value_t = protocol::limits::FRAME_BYTES_MAX as u64,
              value_parser = clap::value_parser!(u64).range(1..=ECHO_BYTES_MAX))]
        message_bytes_max: u64,
    },
}

/// Settings that are often given by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct ServeFlags {
    /// Address and port; port 0 picks a free one [setting: server.listen; default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// What this process does, as gateway,persist [setting: roles; default: both]
    #[arg(long, value_name = "ROLES")]
    pub roles: Option<String>,
}

/// What to do with an account.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum UserCommand {
    /// Make an account; its password is made at random and printed once, unless one is read
    Create {
        /// Its name: 3 to 25 of a to z, 0 to 9 and _
        name: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
        /// Make it an admin
        #[arg(long)]
        admin: bool,
        /// Make it a bot: it gets a token, printed once, and no password
        #[arg(long, conflicts_with = "password_stdin")]
        bot: bool,
    },
    /// Make an account an admin
    Promote {
        /// Its name
        name: String,
        /// Take it back
        #[arg(long)]
        revoke: bool,
    },
    /// Give an account a new password, made at random and printed once, unless one is read; ends its sessions
    ResetPassword {
        /// Its name
        name: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

/// What to do with a room. With the embedded store only while the server is stopped; a running one has the calls.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum RoomCommand {
    /// All rooms, one a line: slug, style, "preset", "open" or "closed", title
    List,
    /// Make a room; its slug and its style are for ever
    Create {
        /// Its name in addresses: 3 to 25 of a to z, 0 to 9 and _
        slug: String,
        /// Its name for people
        #[arg(long)]
        title: String,
        /// The style of all that is said in it; plain leaves text as it is
        #[arg(long)]
        style: String,
        /// One line under the title
        #[arg(long)]
        description: Option<String>,
    },
    /// Give a room another title, another description, or both
    #[command(group = clap::ArgGroup::new("words").required(true).multiple(true))]
    Retitle {
        /// Its name in addresses
        slug: String,
        /// Its name for people
        #[arg(long, group = "words")]
        title: Option<String>,
        /// One line under the title
        #[arg(long, group = "words")]
        description: Option<String>,
    },
    /// Close a room: nobody writes, only admins read, nothing is lost
    Archive {
        /// Its name in addresses
        slug: String,
    },
    /// Open it again
    Restore {
        /// Its name in addresses
        slug: String,
    },
}

/// What to do with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Show what holds and where each value came from, without secrets
    Print(ServeFlags),
    /// Tell everything that is wrong
    Check(ServeFlags),
}

impl Cli {
    /// The settings given as flags, for the last layer of the configuration.
    #[must_use]
    pub fn flags(&self) -> Vec<Flag> {
        let serve = match &self.command {
            Command::Serve(flags)
            | Command::Config(ConfigCommand::Print(flags) | ConfigCommand::Check(flags)) => flags.clone(),
            Command::User(_) | Command::Room(_) | Command::Migrate | Command::ConformanceEcho { .. } => {
                ServeFlags::default()
            }
        };
        [
            ("--data", "server.data", self.data.clone()),
            ("--listen", "server.listen", serve.listen),
            ("--roles", "roles", serve.roles),
        ]
        .into_iter()
        .filter_map(|(name, path, text)| text.map(|text| Flag { name, path, text }))
        .collect()
    }

    /// The configuration: the file named by `--config` or its variable, or else the default one, with environment and
    /// flags over it.
    ///
    /// # Errors
    /// Everything that is wrong; the process then ends with [`Exit::Usage`].
    pub fn load(&self, environment: &[(OsString, OsString)], styles: &[&str]) -> Result<Loaded, Findings> {
        let variable = environment.iter().find(|(name, path)| name == CONFIG_VARIABLE && !path.is_empty());
        let path = self.config.as_deref().or(variable.map(|(_, path)| Path::new(path)));
        load(&ConfigFile::read(path)?, environment, &self.flags(), styles)
    }
}

/// What a command line that is none asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Print this on standard output and end well: help or version, asked for.
    Said(String),
    /// Print this on standard error and end with [`Exit::Usage`].
    Refused(String),
}

/// Reads the command line, its first word the program's name.
///
/// # Errors
/// What to print instead. A mistake is one line; no command at all is answered by the help.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Stop> {
    let parsed = Cli::command().try_get_matches_from(arguments);
    parsed.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(|error| {
        let text = error.render().to_string();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Stop::Said(text),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Stop::Refused(text),
            _ => Stop::Refused(one_line(&text)),
        }
    })
}

/// What went wrong and the tip, without the usage behind them.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let said = lines.collect::<Vec<_>>().join("; ");
    let escaped: String = said
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect();
    format!("{} (see twitchy --help)\n", escaped.trim_start_matches("error: "))
}

#[cfg(test)]
mod tests;
