//! Servers to test: [`Server`] inside the test's process, [`process::Process`] the built binary.

pub(crate) mod process;
pub(crate) mod shared;

use client::{Ack, Error, Options, Rest, Socket};
use protocol::{
    codes::ErrorCode,
    frames::ServerFrame,
    ids::{MessageId, Seq, UserId},
    objects::{FrameMessage, Message},
    rest::AuthAnswer,
};
use server::{
    compose::{self, Running, engines::Engines},
    config::{Config, ConfigFile, LogEngine, StoreEngine, load},
};
use std::net::SocketAddr;
use tempfile::TempDir;

/// Rooms of every kind. `quiet` and `busy` share a partition, so their `seq` have gaps; `alone` has one for itself.
/// All limits are off: a test that wants one sets it.
pub(crate) const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
shutdown_grace_seconds = 1

[limits]
user_messages_per_second = 0
connections_per_address = 0
connections = 0
rooms_per_connection = 0
registrations_per_address_per_hour = 0
logins_per_address_per_minute = 0
previews_per_address_per_second = 0
requests_per_address_per_second = 0

[[rooms]]
slug = "bestie"
title = "Bestie"
description = "The style of the main journey."
transformer = "bestie"
partition = 0

[[rooms]]
slug = "ohio"
title = "Ohio"
description = "Another style."
transformer = "skibidi"
partition = 1

[[rooms]]
slug = "quiet"
title = "Quiet"
description = "Text as it is, in a shared partition."
transformer = "plain"
partition = 2

[[rooms]]
slug = "busy"
title = "Busy"
description = "The other room of that partition."
transformer = "plain"
partition = 2

[[rooms]]
slug = "alone"
title = "Alone"
description = "Text as it is, in a partition of its own."
transformer = "plain"
partition = 3
"#;

/// Good for every account of the tests.
pub(crate) const PASSWORD: &str = "seven purple walruses";

/// A server in the test's process.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    config: Config,
    running: Running,
    /// Removed when the test ends.
    folder: Option<TempDir>,
}

/// The configuration of the tests, in memory.
pub(crate) fn config() -> Config {
    let styles = transformer_styles::all();
    let names: Vec<&str> = styles.names().collect();
    let loaded = load(&ConfigFile::new("tests.toml", CONFIG), &[], &[], &names);
    let mut config = loaded.expect("the tests' configuration is well").config;
    config.log.engine = LogEngine::Memory;
    config.store.engine = StoreEngine::Memory;
    config
}

impl Server {
    /// With memory engines.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With memory engines and other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config();
        change(&mut config);
        Self::run(config, None).await
    }

    /// With embedded engines in a folder of its own.
    pub(crate) async fn durable(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = config();
        config.log.engine = LogEngine::Embedded;
        config.store.engine = StoreEngine::Embedded;
        config.server.data = folder.path().join("data");
        change(&mut config);
        Self::run(config, Some(folder)).await
    }

    /// Over engines that it shares with others.
    pub(crate) async fn over(config: Config, engines: Engines) -> Self {
        let started = compose::start_over(&config, &transformer_styles::all(), engines).await;
        let running = started.expect("the server starts");
        Self { address: running.address(), config, running, folder: None }
    }

    async fn run(config: Config, folder: Option<TempDir>) -> Self {
        let running = compose::start(&config).await.expect("the server starts");
        Self { address: running.address(), config, running, folder }
    }

    /// Stops it in good order.
    pub(crate) async fn stop(self) -> Option<TempDir> {
        self.running.stop().cancel();
        self.running.stopped().await.expect("the server stops well");
        self.folder
    }

    /// Stops it and starts it again on the same folder, on another port.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.config.clone();
        let folder = self.stop().await;
        change(&mut config);
        Self::run(config, folder).await
    }

    /// Anonymous calls.
    pub(crate) fn rest(&self) -> Rest {
        Rest::new(self.address)
    }

    /// An anonymous connection; its `hello` has been read.
    pub(crate) async fn socket(&self) -> Socket {
        socket(self.address).await
    }

    /// An anonymous connection, told how.
    pub(crate) async fn socket_with(&self, options: Options) -> Result<Socket, Error> {
        Socket::connect_with(self.address, options).await
    }

    /// A new account.
    pub(crate) async fn user(&self, name: &str) -> User {
        User::register(self.address, name).await
    }
}

/// An anonymous connection; its `hello` has been read.
pub(crate) async fn socket(address: SocketAddr) -> Socket {
    let mut socket = Socket::connect(address).await.expect("a connection");
    socket.take_kept();
    socket
}

/// An account with its first session.
pub(crate) struct User {
    pub(crate) id: UserId,
    /// Calls of this user.
    pub(crate) rest: Rest,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    address: SocketAddr,
}

impl User {
    /// Makes the account.
    pub(crate) async fn register(address: SocketAddr, name: &str) -> Self {
        let answer = Rest::new(address).register(name, PASSWORD).await;
        Self::of(address, answer.unwrap_or_else(|error| panic!("{name}: {error}")))
    }

    /// Begins another session of it.
    pub(crate) async fn login(address: SocketAddr, name: &str) -> Self {
        Self::of(address, Rest::new(address).login(name, PASSWORD).await.expect("the account is there"))
    }

    fn of(address: SocketAddr, answer: AuthAnswer) -> Self {
        let AuthAnswer { user, access_token, refresh_token, .. } = answer;
        let rest = Rest::new(address).bearer(&access_token);
        Self { id: user.id, rest, access_token, refresh_token, address }
    }

    /// A connection of this user.
    pub(crate) async fn socket(&self) -> Socket {
        let mut socket = socket(self.address).await;
        let (user, _) = socket.auth(&self.access_token).await.expect("the token is good");
        assert_eq!(user.id, self.id);
        socket
    }
}

/// What was asked for must be refused with this code.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Error>, code: ErrorCode) -> client::Refusal {
    match result {
        Err(Error::Refused(refusal)) if refusal.code == code => *refusal,
        Err(other) => panic!("expected {}, got {other}", code.as_str()),
        Ok(_) => panic!("expected {}, but it was accepted", code.as_str()),
    }
}

/// Says so many numbered things, with many under way at once, and gives their acks in the order of the sends.
pub(crate) async fn say_many(socket: &mut Socket, room: &str, label: &str, count: usize) -> Vec<Ack> {
    const WINDOW: usize = 256;
    let mut acks = Vec::with_capacity(count);
    for i in 0..count {
        let name = format!("{label}-{i}");
        socket.submit(room, &name, &name).await.expect("the connection takes it");
        if i >= WINDOW {
            acks.push(socket.outcome(&format!("{label}-{}", i - WINDOW)).await.expect("accepted"));
        }
    }
    for i in acks.len()..count {
        acks.push(socket.outcome(&format!("{label}-{i}")).await.expect("accepted"));
    }
    acks
}

/// The whole history of a room, oldest first, in pages of 100.
pub(crate) async fn whole_history(rest: &Rest, room: &str) -> Vec<Message> {
    let mut all = Vec::new();
    let mut after = Seq(0);
    loop {
        let page = rest.after(room, after, 100).await.expect("a page");
        all.extend(page.messages);
        match page.next_after {
            Some(next) => after = next,
            None => return all,
        }
    }
}

/// What two sources have to agree on of each message.
pub(crate) trait Identified {
    fn key(&self) -> (Seq, MessageId, String);
}

impl Identified for FrameMessage {
    fn key(&self) -> (Seq, MessageId, String) {
        (self.seq, self.id, self.text.clone())
    }
}

impl Identified for Message {
    fn key(&self) -> (Seq, MessageId, String) {
        (self.seq, self.id, self.text.clone())
    }
}

/// Place, id and text of each.
pub(crate) fn keys<T: Identified>(messages: &[T]) -> Vec<(Seq, MessageId, String)> {
    messages.iter().map(Identified::key).collect()
}

/// Their texts.
pub(crate) fn texts<T: Identified>(messages: &[T]) -> Vec<String> {
    messages.iter().map(|message| message.key().2).collect()
}

/// The messages in the frames that nobody waited for.
pub(crate) fn messages_in(frames: Vec<ServerFrame>) -> Vec<FrameMessage> {
    frames
        .into_iter()
        .flat_map(|frame| match frame {
            ServerFrame::Messages { messages, .. } => messages,
            _ => Vec::new(),
        })
        .collect()
}

/// The two must be equal; what is told is where they begin to differ, for they may be long.
#[track_caller]
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(got: &[T], expected: &[T], case: &str) {
    let differ = got.iter().zip(expected).position(|(a, b)| a != b);
    let at = differ.unwrap_or(got.len().min(expected.len()));
    let about =
        |all: &[T]| format!("{:?}", all.iter().skip(at.saturating_sub(1)).take(3).collect::<Vec<_>>());
    assert!(
        differ.is_none() && got.len() == expected.len(),
        "{case}: {} and not {} items; from item {at} on {} and not {}",
        got.len(),
        expected.len(),
        about(got),
        about(expected),
    );
}
