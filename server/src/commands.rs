//! What the commands of the command line do. Each ends well, or with one clear line and a code.

use crate::{
    auth::{Accounts, AuthError},
    cli::{Cli, ConfigCommand, Exit, RoomCommand, UserCommand},
    clock,
    compose::{
        self,
        engines::{self, open_store},
    },
    config::{self, Config, Loaded, StoreEngine},
    gateway::echo,
    news::Topic,
    rooms::kept::{NewWords, RoomError},
};
use chat::rooms::KeptRoom;
use chat_store::{Store, StoreError};
use protocol::rest::{BotBody, BotTokenBody, NewRoomBody};
use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Longest password read from standard input, as long as passwords may be and a line break.
const PASSWORD_BYTES_MAX: u64 = *protocol::limits::PASSWORD_LEN.end() as u64 + 2;

/// A command that did not end well.
#[derive(Debug)]
pub struct Failed {
    /// The code to end with.
    pub exit: Exit,
    /// One line (or one a finding) for people.
    pub words: String,
}

impl Failed {
    #[allow(clippy::needless_pass_by_value)] // errors and texts alike, at the end of their use
    fn new(exit: Exit, words: impl std::fmt::Display) -> Self {
        Self { exit, words: format!("{words}") }
    }
}

impl From<compose::StartError> for Failed {
    fn from(error: compose::StartError) -> Self {
        Self::new(error.exit(), error)
    }
}

impl From<AuthError> for Failed {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Validation(errors) => {
                let words: Vec<String> =
                    errors.into_iter().map(|e| format!("{}: {}", e.field, e.detail)).collect();
                Self::new(Exit::Usage, words.join("; "))
            }
            AuthError::UsernameTaken => Self::new(Exit::Failure, error),
            AuthError::Full => Self::new(Exit::Disk, error),
            other => Self::new(Exit::Unavailable, other),
        }
    }
}

impl From<RoomError> for Failed {
    fn from(error: RoomError) -> Self {
        let exit = match &error {
            RoomError::Invalid(_) => Exit::Usage,
            RoomError::Store(StoreError::Full) => Exit::Disk,
            RoomError::Store(_) => Exit::Unavailable,
            _ => Exit::Failure,
        };
        Self::new(exit, error)
    }
}

/// Prints on standard output; a reader that went away is no error of ours.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn load(cli: &Cli) -> Result<Loaded, Failed> {
    let environment: Vec<_> = std::env::vars_os().collect();
    let styles = transformer_styles::all();
    let names: Vec<&str> = styles.names().collect();
    cli.load(&environment, &names).map_err(|findings| Failed::new(Exit::Usage, findings))
}

/// `twitchy serve`
pub async fn serve(cli: &Cli) -> Result<(), Failed> {
    let config = load(cli)?.config;
    // Signals first: one that comes during the start, which may wait for servers, ends that.
    let handler =
        |kind| signal(kind).map_err(|e| Failed::new(Exit::Failure, format!("no signal handler: {e}")));
    let (mut terminate, mut interrupt) =
        (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    let running = tokio::select! {
        running = compose::start(&config) => running?,
        // Nothing was served yet, and what lies on a disk is made for any end.
        name = asked_to_stop(&mut terminate, &mut interrupt) => {
            tracing::info!(signal = name, "stopped before it was ready");
            return Ok(());
        }
    };
    let address = running.address();
    if !crate::http::has_client() {
        tracing::warn!(
            "this binary has no web page in it (built without Node); the API and a plain page are served"
        );
    }
    tracing::info!(%address, data = %config.server.data.display(), rooms = config.rooms.len(), "serving");
    say(&format!("ready http://{address}\n"));
    let stop = running.stop();
    tokio::spawn(async move {
        let name = asked_to_stop(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, "stopping; the same again ends at once");
        stop.cancel();
        asked_to_stop(&mut terminate, &mut interrupt).await;
        tracing::warn!("ended at once; what was acknowledged is in the log");
        std::process::exit(1);
    });
    running.stopped().await.map_err(|reason| Failed::new(engines::exit_when_broken(&config), reason))?;
    tracing::info!("stopped");
    Ok(())
}

/// Waits for a signal and gives its name.
async fn asked_to_stop(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// `twitchy user …`, with the server stopped where the store is embedded.
pub async fn user(cli: &Cli, command: &UserCommand) -> Result<(), Failed> {
    let config = load(cli)?.config;
    if config.store.engine == StoreEngine::Memory {
        return Err(Failed::new(Exit::Usage, "store.engine = \"memory\" keeps no accounts between runs"));
    }
    let store = open_store(&config).await?;
    let accounts = compose::accounts(&config, &store)?;
    let mut own = accounts.revocations().subscribe_own();
    let done = change_user(&config, &accounts, command).await;
    store.close().await;
    let ends: Vec<_> = std::iter::from_fn(|| own.try_recv().ok()).collect();
    if !ends.is_empty()
        && let Err(error) = engines::tell_nodes(&config, ends).await
    {
        // The sessions are over all the same: what is left is told of, not undone.
        let minutes = config.auth.access_token_minutes;
        tracing::warn!(
            %error,
            "running servers could not be told; connections that are open may go on for up to {minutes} minutes"
        );
    }
    done
}

async fn change_user(config: &Config, accounts: &Accounts, command: &UserCommand) -> Result<(), Failed> {
    let missing = |name: &str| {
        let place = engines::place_of_store(config);
        Failed::new(Exit::Failure, format!("there is no account {name:?} in {place}"))
    };
    match command {
        UserCommand::Create { name, admin, bot: true, .. } => {
            let body = BotBody { username: name.clone(), display_name: None };
            let profile = accounts.create_bot(body, clock::now()).await?;
            if *admin {
                accounts.set_admin(name, true).await?;
            }
            let body = BotTokenBody { name: "command line".to_owned() };
            let made =
                accounts.create_bot_token(name, body, clock::now()).await?.ok_or_else(|| missing(name))?;
            say(&format!("{} token: {}\n", profile.username, made.token));
        }
        UserCommand::Create { name, password_stdin, admin, bot: false } => {
            let given = if *password_stdin { Some(read_password()?) } else { None };
            let (profile, made) = accounts.create_user(name, given, clock::now()).await?;
            if *admin {
                accounts.set_admin(name, true).await?;
            }
            match made {
                Some(password) => say(&format!("{} password: {}\n", profile.username, password.reveal())),
                None => say(&format!("{} made\n", profile.username)),
            }
        }
        UserCommand::Promote { name, revoke } => {
            let profile = accounts.set_admin(name, !revoke).await?.ok_or_else(|| missing(name))?;
            let what = if profile.admin { "an admin" } else { "no admin" };
            say(&format!("{} is {what} now\n", profile.username));
        }
        UserCommand::ResetPassword { name, password_stdin } => {
            let given = if *password_stdin { Some(read_password()?) } else { None };
            let made =
                accounts.reset_password(name, given, clock::now()).await?.ok_or_else(|| missing(name))?;
            match made {
                Some(password) => say(&format!("{name} password: {}\n", password.reveal())),
                None => say(&format!("{name} has the new password\n")),
            }
        }
    }
    Ok(())
}

/// `twitchy room …`, with the server stopped where the store is embedded.
pub async fn room(cli: &Cli, command: &RoomCommand) -> Result<(), Failed> {
    let config = load(cli)?.config;
    if config.store.engine == StoreEngine::Memory {
        return Err(Failed::new(Exit::Usage, "store.engine = \"memory\" keeps no rooms between runs"));
    }
    let store = open_store(&config).await?;
    let done = change_room(&config, store.as_ref(), command).await;
    store.close().await;
    let changed = done?;
    if changed && let Err(error) = engines::tell_nodes_to_look(&config, Topic::Rooms).await {
        tracing::warn!(%error, "running servers could not be told; they look by themselves within ten seconds");
    }
    Ok(())
}

/// `true` if running servers have to know.
async fn change_room(config: &Config, store: &dyn Store, command: &RoomCommand) -> Result<bool, Failed> {
    let rules = compose::rules(config);
    let now = clock::now();
    let done = match command {
        RoomCommand::List => {
            list_rooms(config, &store.rooms().await.map_err(RoomError::from)?);
            return Ok(false);
        }
        RoomCommand::Create { slug, title, style, description } => {
            let (slug, title, transformer) = (slug.clone(), title.clone(), style.clone());
            let body = NewRoomBody { slug, title, description: description.clone(), transformer };
            let made = rules.create(store, body, &transformer_styles::all(), now).await?;
            format!("{} made", made.definition.slug)
        }
        RoomCommand::Retitle { slug, title, description } => {
            let words = NewWords { title: title.clone(), description: description.clone() };
            let room = rules.retitle(store, slug, words, now).await?;
            format!("{slug} is called {:?} now", room.definition.title)
        }
        RoomCommand::Archive { slug } => {
            rules.archive(store, slug, true).await?;
            format!("{slug} is closed now")
        }
        RoomCommand::Restore { slug } => {
            rules.archive(store, slug, false).await?;
            format!("{slug} is open now")
        }
    };
    say(&format!("{done}\n"));
    Ok(true)
}

fn list_rooms(config: &Config, kept: &[KeptRoom]) {
    let words = |slug: &str| kept.iter().find(|room| room.definition.slug.as_str() == slug);
    let is_preset = |room: &KeptRoom| config.rooms.iter().any(|preset| preset.slug == room.definition.slug);
    for preset in &config.rooms {
        let room = words(preset.slug.as_str()).map_or(preset, |kept| &kept.definition);
        say(&format!("{}\t{}\tpreset\t{}\n", preset.slug, preset.transformer, room.title));
    }
    for KeptRoom { definition: room, archived, .. } in kept.iter().filter(|room| !is_preset(room)) {
        let state = if *archived { "closed" } else { "open" };
        say(&format!("{}\t{}\t{state}\t{}\n", room.slug, room.transformer, room.title));
    }
}

fn read_password() -> Result<String, Failed> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(PASSWORD_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| Failed::new(Exit::Usage, format!("the password cannot be read: {error}")))?;
    Ok(text.strip_suffix('\n').map(|t| t.strip_suffix('\r').unwrap_or(t)).unwrap_or(&text).to_owned())
}

/// `twitchy migrate`
pub async fn migrate(cli: &Cli) -> Result<(), Failed> {
    let config = load(cli)?.config;
    for done in engines::migrate(&config).await? {
        say(&format!("{done}\n"));
    }
    say("the store is of this version\n");
    Ok(())
}

/// `twitchy config …`
pub fn config(cli: &Cli, command: &ConfigCommand) -> Result<(), Failed> {
    let loaded = load(cli)?;
    match command {
        ConfigCommand::Print(_) => say(&config::print(&loaded)),
        ConfigCommand::Check(_) => say(&format!("{}: everything is well\n", loaded.file_name())),
    }
    Ok(())
}

/// `twitchy conformance-echo`
pub async fn conformance_echo(listen: SocketAddr, message_bytes_max: u64) -> Result<(), Failed> {
    let bytes_max = usize::try_from(message_bytes_max).unwrap_or(usize::MAX);
    echo::run(listen, bytes_max, |address| say(&format!("ready http://{address}\n")))
        .await
        .map_err(|error| Failed::new(Exit::Failure, format!("cannot listen on {listen}: {error}")))
}
