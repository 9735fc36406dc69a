//! Where everything is put together: engines, rooms, accounts, listeners, and their end. [`engines`] alone names the
//! engines of both ports. Start with [`start`].

pub mod engines;
mod housekeeping;

use crate::{
    auth::{
        self, Accounts,
        hasher::{Cost, Hasher},
        rates::{RateClock, RateLimits},
        secret::{self, Keys},
    },
    cli::Exit,
    config::{Config, Role, Secret, StoreEngine},
    emotes::Emotes,
    figures::PerMessage,
    following::{Following, PrepareError},
    gateway::{self, Gateway, closing, registry::Registry, shard::Shards, socket},
    http,
    limits::{self, Limits},
    news::News,
    nodes::{FeedsNow, Nodes, words::NodeId},
    persist,
    rooms::{
        Directory,
        feed::RingLimits,
        kept::{Keeper, Rules},
        style, ticker,
        waking::PrimeError,
    },
    world::{Real, World},
};
use axum::serve::ListenerExt;
use chat_store::{Store, StoreError};
use engines::Engines;
use event_log::{EventLog, ReadError};
use housekeeping::Housekeeping;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{
    io,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Why the process cannot start; the text is the one line that is printed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something the settings ask for is not there.
    #[error("{0}")]
    Usage(String),
    /// The data folder or its disk.
    #[error("{0}")]
    Disk(String),
    /// The log or the store.
    #[error("{0}")]
    Unavailable(String),
    /// The listener.
    #[error("cannot listen on {address}: {source}{hint}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
        /// What to do.
        hint: &'static str,
    },
}

impl StartError {
    /// The code to end with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Disk(_) => Exit::Disk,
            Self::Unavailable(_) => Exit::Unavailable,
            Self::Listen { .. } => Exit::Failure,
        }
    }
}

/// The accounts over a store.
pub fn accounts(config: &Config, store: &Arc<dyn Store>) -> Result<Accounts, StartError> {
    let usage = |error: &dyn std::error::Error| StartError::Usage(error.to_string());
    let keys = match &config.auth.secret {
        Some(secret) => {
            let text = |secret: &Secret| std::str::from_utf8(secret.expose()).map(str::to_owned);
            let older: Result<Vec<_>, _> = config.auth.previous_secrets.iter().map(text).collect();
            let (current, older) = (text(secret).map_err(|e| usage(&e))?, older.map_err(|e| usage(&e))?);
            Keys::from_secrets(&current, &older).map_err(|e| usage(&e))?
        }
        // Nothing of a memory engine outlives the process, so neither do its tokens; who only persists signs none.
        None if config.store.engine == StoreEngine::Memory || !config.roles.contains(&Role::Gateway) => {
            Keys::ephemeral()
        }
        None => {
            let folder = engines::make_data_folder(&config.server.data)?;
            secret::load_or_create(folder).map_err(|error| StartError::Disk(error.to_string()))?
        }
    };
    let cost =
        Cost::new(config.auth.argon2_memory_kib, config.auth.argon2_iterations, 1).map_err(|e| usage(&e))?;
    // Half the cores: a flood of log-ins must not take the chat's.
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let hasher = Hasher::new(cost, NonZeroUsize::new(cores / 2).unwrap_or(NonZeroUsize::MIN))
        .map_err(|e| usage(&e))?;
    let options = auth::service::Options {
        access_ttl: Duration::from_secs(60 * u64::from(config.auth.access_token_minutes)),
        refresh_ttl: Duration::from_secs(24 * 3600 * u64::from(config.auth.refresh_token_days)),
        rates: RateLimits {
            registrations_per_address_hour: config.limits.registrations_per_address_per_hour.0,
            logins_per_address_minute: config.limits.logins_per_address_per_minute.0,
            // One switch for log-ins: without a limit on addresses there is none on accounts either.
            ..if config.limits.logins_per_address_per_minute.0 == 0 {
                RateLimits::NONE
            } else {
                RateLimits::default()
            }
        },
        rooms: config.rooms.iter().map(|room| room.slug.as_str().to_owned()).collect(),
    };
    let stores = (store.clone(), store.clone(), store.clone());
    Ok(Accounts::new(stores.0, stores.1, stores.2, keys, hasher, RateClock::monotonic(), options))
}

/// What may be made of rooms at run time.
pub fn rules(config: &Config) -> Rules {
    Rules {
        preset: config.rooms.clone(),
        partitions: NonZeroU32::new(config.log.partitions).unwrap_or(NonZeroU32::MIN),
        rooms_max: config.limits.rooms as usize,
    }
}

/// A process at work.
pub struct Running {
    address: SocketAddr,
    gateway: Arc<Gateway>,
    log: Arc<dyn EventLog>,
    store: Arc<dyn Store>,
    nodes: Option<Arc<Nodes>>,
    fatal: mpsc::Receiver<String>,
    server: JoinHandle<io::Result<()>>,
    workers: TaskTracker,
    working: CancellationToken,
    grace: Duration,
}

/// Starts everything and listens. When this returns, clients are served.
pub async fn start(config: &Config) -> Result<Running, StartError> {
    start_with(config, &transformer_styles::all()).await
}

/// The same, with other styles than those that come with the program.
pub async fn start_with(
    config: &Config,
    styles: &transformer_styles::Registry,
) -> Result<Running, StartError> {
    let listeners = Listeners::bind(config).await?;
    let engines = Engines::open(config).await?;
    serve(config, styles, listeners, engines).await
}

/// The same over engines that are open already.
pub async fn start_over(
    config: &Config,
    styles: &transformer_styles::Registry,
    engines: Engines,
) -> Result<Running, StartError> {
    serve(config, styles, Listeners::bind(config).await?, engines).await
}

/// The ports, taken before anything else: whoever finds one taken has touched nothing.
struct Listeners {
    main: TcpListener,
    address: SocketAddr,
    ops: Option<TcpListener>,
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Self, StartError> {
        let main = listen(config.server.listen).await?;
        let address = main.local_addr().map_err(|source| listen_error(config.server.listen, source))?;
        let ops = match config.ops.listen {
            Some(ops) => Some(listen(ops).await?),
            None => None,
        };
        Ok(Self { main, address, ops })
    }
}

async fn serve(
    config: &Config,
    styles: &transformer_styles::Registry,
    listeners: Listeners,
    engines: Engines,
) -> Result<Running, StartError> {
    let takes_connections = config.roles.contains(&Role::Gateway);
    // Before anything counts.
    let metrics = metrics_handle().clone();
    let Engines { log, store, nodes: nodes_log } = engines;
    let accounts = Arc::new(accounts(config, &store)?);
    let limits = Arc::new(Limits::new(limits::Options {
        user_messages_per_second: config.limits.user_messages_per_second.0,
        user_message_burst: config.limits.user_message_burst,
        bot_messages_per_second: config.limits.bot_messages_per_second.0,
        bot_message_burst: config.limits.bot_message_burst,
        previews_per_address_per_second: config.limits.previews_per_address_per_second.0,
        requests_per_address_per_second: config.limits.requests_per_address_per_second.0,
        connections_per_address: config.limits.connections_per_address.0 as usize,
        connections: config.limits.connections.0 as usize,
    }));
    let ring = RingLimits {
        messages_max: config.feed.ring_messages as usize,
        bytes_max: config.feed.ring_bytes as usize,
    };
    let world: Arc<dyn World> = Arc::new(Real);
    let rooms = Directory::new(config.rooms.clone(), styles, &log, ring, &world)
        .map_err(|error| StartError::Usage(error.to_string()))?;
    let news = Arc::new(News::default());
    let emotes = Emotes::new(rooms.emotes().clone(), store.clone(), news.clone());
    let rules = rules(config);
    let keeper = Keeper::new(rooms.clone(), rules, store.clone(), news.clone(), world.clone());
    // Before their partitions are brought up, and without a look those of the configuration are served.
    if takes_connections && let Err(error) = keeper.look().await {
        tracing::warn!(%error, "the rooms made at run time cannot be read yet; they are looked for again");
    }
    let nodes = nodes_log.filter(|_| takes_connections).map(|log| {
        let directory = rooms.clone();
        let feeds: FeedsNow = Box::new(move || directory.feeds());
        let revocations = accounts.revocations().clone();
        Nodes::new(NodeId(rand::random()), log, feeds, revocations, news, world.clone())
    });

    let keep = config.gateway.follow_idle_seconds.get().map(|s| Duration::from_secs(s.get().into()));
    let following = Following::prepare(&log, &store, &rooms, &config.roles, &world, keep).await;
    let Following { marks, history, work } = following.map_err(|error| cannot_follow(config, &error))?;

    let (broke, fatal) = mpsc::channel(1);
    let (workers, working) = (TaskTracker::new(), CancellationToken::new());
    let spawn = |name: &'static str, work: std::pin::Pin<Box<dyn Future<Output = Option<String>> + Send>>| {
        let (working, broke) = (working.clone(), broke.clone());
        workers.spawn(async move {
            let ended = tokio::select! {
                () = working.cancelled() => return,
                ended = work => ended,
            };
            if let Some(reason) = ended {
                let _ = broke.try_send(format!("{name}: {reason}"));
            }
        });
    };
    let registry = Arc::new(Registry::default());
    if takes_connections {
        let watched = rooms.clone();
        spawn("styles", endless(async move { style::watch(watched).await }));
        rooms.say_samples().await;
        let (followed, revocations) = (registry.clone(), accounts.revocations().clone());
        spawn("registry", endless(followed.follow(revocations)));
        spawn("notices", endless(registry.clone().hand_on(rooms.notices().clone())));
        let pressure = limits.pace.pressure.clone();
        spawn("pressure", endless(async move { pressure.watch().await }));
        spawn("ticker", endless(ticker::run(rooms.clone())));
        if let Err(error) = emotes.look().await {
            tracing::warn!(%error, "the emotes cannot be read yet; those of the program are used");
        }
        spawn("emotes", endless(emotes.clone().run()));
        spawn("rooms", endless(keeper.clone().run()));
    }
    for work in work {
        spawn(work.name, Box::pin(async move { Some(work.run.await) }));
    }
    if let Some(nodes) = &nodes {
        nodes.catch_up().await;
        spawn("nodes", endless(nodes.clone().run()));
        tracing::info!(node = %nodes.id(), "one of several nodes");
    }
    let housekeeping =
        Housekeeping::new(config, log.clone(), store.clone(), accounts.clone(), limits.clone(), marks);
    spawn("housekeeping", endless(housekeeping.run()));

    let grace = Duration::from_secs(u64::from(config.server.shutdown_grace_seconds));
    let heartbeat = Duration::from_secs(u64::from(config.gateway.heartbeat_seconds));
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let shards = Shards::new(cores, heartbeat, &world);
    for shard in shards.all() {
        spawn("shard", endless(shard.clone().run()));
    }
    spawn("closing", endless(closing::run(rooms.clone(), shards.clone())));
    let gateway = Arc::new(Gateway {
        rooms,
        keeper,
        history,
        emotes,
        accounts,
        limits,
        registry,
        shards,
        figures: PerMessage::look_up(),
        options: gateway::Options {
            heartbeat,
            compression: config.gateway.compression,
            rooms_per_connection: config.limits.rooms_per_connection.0 as usize,
            resume_messages_max: config.feed.resume_messages_max as usize,
            user_messages_per_second: config.limits.user_messages_per_second.0,
            shutdown_grace: grace,
        },
        world,
        stopping: CancellationToken::new(),
        tasks: TaskTracker::new(),
    });
    let app = Arc::new(http::App {
        gateway: gateway.clone(),
        health: http::Parts::new(log.clone(), store.clone()),
        metrics,
        options: http::Options {
            allowed_origins: config.server.public_origins.iter().map(|o| o.as_str().to_owned()).collect(),
            trusted_proxies: config.server.trusted_proxies as usize,
            ops_listener: listeners.ops.is_some(),
        },
    });
    let routes = match takes_connections {
        true => http::router(app.clone()),
        false => http::health_router(app.clone()),
    };
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    let listener = listeners.main.tap_io(|stream| {
        let _ = socket::set_up(stream);
    });
    let stop = gateway.stopping.clone();
    let server = tokio::spawn(
        axum::serve(listener, service)
            .with_graceful_shutdown(async move { stop.cancelled().await })
            .into_future(),
    );
    if let Some(listener) = listeners.ops {
        let service = http::ops_router(app);
        let stop = working.clone();
        workers.spawn(async move {
            let serve =
                axum::serve(listener, service).with_graceful_shutdown(async move { stop.cancelled().await });
            if let Err(error) = serve.await {
                tracing::error!(%error, "the listener for operators ended");
            }
        });
    }
    let address = listeners.address;
    Ok(Running { address, gateway, log, store, nodes, fatal, server, workers, working, grace })
}

/// For work that ends only with the process.
fn endless(
    work: impl Future<Output = ()> + Send + 'static,
) -> std::pin::Pin<Box<dyn Future<Output = Option<String>> + Send>> {
    Box::pin(async move {
        work.await;
        None
    })
}

fn cannot_follow(config: &Config, error: &PrepareError) -> StartError {
    match error {
        PrepareError::Persist(e @ persist::StartError::OtherLog { .. }) => StartError::Disk(e.to_string()),
        // Damage that opening did not come across, because it reads the newest alone.
        PrepareError::Persist(persist::StartError::Log(e @ ReadError::Damaged { .. }))
        | PrepareError::Prime(PrimeError::Log(e @ ReadError::Damaged { .. })) => {
            engines::log_damaged(config, e)
        }
        PrepareError::Persist(persist::StartError::Store(e @ StoreError::Damaged(_)))
        | PrepareError::Prime(PrimeError::Store(e @ StoreError::Damaged(_))) => {
            engines::store_damaged(config, e)
        }
        e => StartError::Unavailable(e.to_string()),
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks it to stop. [`Self::stopped`] waits for the end.
    pub fn stop(&self) -> CancellationToken {
        self.gateway.stopping.clone()
    }

    /// Runs until it is asked to stop or a part breaks, then drains: connections are told, what was submitted is
    /// answered, the store catches up, files are closed. The error names the part that broke.
    pub async fn stopped(mut self) -> Result<(), String> {
        let broken = tokio::select! {
            () = self.gateway.stopping.cancelled() => None,
            reason = self.fatal.recv() => reason,
        };
        if let Some(reason) = &broken {
            tracing::error!(%reason, "a part broke; stopping");
        }
        self.gateway.stopping.cancel();
        self.gateway.tasks.close();
        let connections = async {
            self.gateway.tasks.wait().await;
            let _ = (&mut self.server).await;
        };
        let leave = async {
            if let Some(nodes) = &self.nodes {
                nodes.leave().await;
            }
        };
        let (drained, ()) = tokio::join!(tokio::time::timeout(self.grace, connections), leave);
        if drained.is_err() {
            tracing::warn!("connections were still open at the end of the grace time");
            self.server.abort();
        }
        // The log first: what it has taken becomes durable, and the persisters see its end.
        self.log.close().await;
        self.working.cancel();
        self.workers.close();
        self.workers.wait().await;
        if let Some(nodes) = &self.nodes {
            nodes.close().await;
        }
        self.store.close().await;
        broken.map_or(Ok(()), Err)
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| listen_error(address, source))
}

fn listen_error(address: SocketAddr, source: io::Error) -> StartError {
    let hint = match source.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program has this port: stop it or choose another with --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "; this port needs more rights: choose one above 1023 with --listen"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    };
    StartError::Listen { address, source, hint }
}

/// The process's one recorder of metrics; asking again gives the same.
fn metrics_handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        /// Seconds: from a quick answer over a commit of the log to a slow disk.
        const BUCKETS: [f64; 12] =
            [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
        let builder =
            PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS);
        let recorder = builder.expect("the buckets are not empty").build_recorder();
        let handle = recorder.handle();
        // Only the first recorder counts; in tests several servers share one process.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}
