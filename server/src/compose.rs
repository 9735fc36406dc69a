//! Where everything is put together: engines, rooms, accounts, listeners, and their end. The only place that names
//! the engines of both ports. Start with [`start`].

use crate::{
    auth::{
        self, Accounts,
        hasher::{Cost, Hasher},
        rates::{RateClock, RateLimits},
        secret::{self, Keys},
    },
    cli::Exit,
    clock,
    config::{Config, LogEngine, StoreEngine},
    data_folder,
    following::{Following, PrepareError, trim},
    gateway::{self, Gateway, registry::Registry},
    http,
    limits::{self, Limits},
    persist::{self, Marks},
    rooms::{Directory, feed::RingLimits, style, tail::PrimeError, ticker},
    world::{Real, World},
};
use axum::serve::ListenerExt;
use chat_store::{Store, StoreError};
use event_log::{EventLog, Partition, ReadError};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
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

/// The two ports with the engines that the settings name.
pub struct Engines {
    /// Port 1.
    pub log: Arc<dyn EventLog>,
    /// Port 2.
    pub store: Arc<dyn Store>,
}

/// The store alone, for commands that need no log.
pub fn open_store(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    match config.store.engine {
        StoreEngine::Memory => Ok(Arc::new(chat_store::memory::MemoryStore::new())),
        StoreEngine::Embedded => {
            let folder = make_data_folder(&config.server.data)?.join("store");
            let store = chat_store::embedded::EmbeddedStore::open(&folder, Default::default());
            Ok(Arc::new(store.map_err(|error| StartError::Disk(error.to_string()))?))
        }
        StoreEngine::Cassandra => Err(StartError::Usage(
            "store.engine = \"cassandra\" is not in this version yet; use \"embedded\"".to_owned(),
        )),
    }
}

fn open_log(config: &Config) -> Result<Arc<dyn EventLog>, StartError> {
    match config.log.engine {
        LogEngine::Memory => Ok(Arc::new(event_log::memory::MemoryLog::new(config.log.partitions))),
        LogEngine::Embedded => {
            let folder = make_data_folder(&config.server.data)?.join("log");
            let options =
                event_log::embedded::Options { partitions: config.log.partitions, ..Default::default() };
            let log = event_log::embedded::EmbeddedLog::open(&folder, options);
            Ok(Arc::new(log.map_err(|error| StartError::Disk(error.to_string()))?))
        }
        LogEngine::Kafka => Err(StartError::Usage(
            "log.engine = \"kafka\" is not in this version yet; use \"embedded\"".to_owned(),
        )),
    }
}

fn make_data_folder(folder: &Path) -> Result<&Path, StartError> {
    data_folder::look(folder).map_err(|error| StartError::Disk(error.to_string()))?;
    // What is in it is for its owner alone; a folder that is there already keeps the mode it was given.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        let folder = folder.display();
        StartError::Disk(format!("cannot make the data folder {folder}: {error}; choose another with --data"))
    })?;
    Ok(folder)
}

fn open_engines(config: &Config) -> Result<Engines, StartError> {
    let engines = Engines { log: open_log(config)?, store: open_store(config)? };
    if (config.log.engine, config.store.engine) == (LogEngine::Embedded, StoreEngine::Embedded) {
        data_folder::mark(&config.server.data).map_err(|error| StartError::Disk(error.to_string()))?;
    }
    Ok(engines)
}

/// The accounts over a store.
pub fn accounts(config: &Config, store: &Arc<dyn Store>) -> Result<Accounts, StartError> {
    let usage = |error: &dyn std::error::Error| StartError::Usage(error.to_string());
    let keys = match &config.auth.secret {
        Some(secret) => {
            let secret = std::str::from_utf8(secret.expose()).map_err(|e| usage(&e))?;
            Keys::from_secrets(secret, &[]).map_err(|e| usage(&e))?
        }
        // Nothing of a memory engine outlives the process, so neither do its tokens.
        None if config.store.engine == StoreEngine::Memory => Keys::ephemeral(),
        None => {
            let folder = make_data_folder(&config.server.data)?;
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
    Ok(Accounts::new(store.clone(), store.clone(), keys, hasher, RateClock::monotonic(), options))
}

/// A process at work.
pub struct Running {
    address: SocketAddr,
    gateway: Arc<Gateway>,
    engines: Engines,
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
    let unavailable = |error: &dyn std::error::Error| StartError::Unavailable(error.to_string());
    let listener = listen(config.server.listen).await?;
    let address = listener.local_addr().map_err(|source| listen_error(config.server.listen, source))?;
    let ops_listener = match config.ops.listen {
        Some(ops) => Some(listen(ops).await?),
        None => None,
    };
    // Opening looks through what a crash left: seconds for gigabytes, so not on the async threads.
    let settings = config.clone();
    let opened = tokio::task::spawn_blocking(move || open_engines(&settings));
    let engines = opened
        .await
        .map_err(|error| StartError::Disk(format!("opening the data folder failed: {error}")))??;
    let Engines { log, store } = &engines;
    let accounts = Arc::new(accounts(config, store)?);
    let limits = Arc::new(Limits::new(limits::Options {
        user_messages_per_second: config.limits.user_messages_per_second.0,
        user_message_burst: config.limits.user_message_burst,
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
    let rooms = Directory::new(config.rooms.clone(), styles, log, ring, &world)
        .map_err(|error| StartError::Usage(error.to_string()))?;

    let following = Following::prepare(log, store, &rooms, &config.roles, &world).await;
    let Following { marks, history, work } = following.map_err(|e| match e {
        PrepareError::Persist(e @ persist::StartError::OtherLog { .. }) => StartError::Disk(e.to_string()),
        // Damage that opening did not come across, because it reads the newest alone.
        PrepareError::Persist(persist::StartError::Log(e @ ReadError::Damaged { .. }))
        | PrepareError::Prime(PrimeError::Log(e @ ReadError::Damaged { .. })) => {
            StartError::Disk(damaged(&config.server.data.join("log/log.redb"), &e))
        }
        PrepareError::Persist(persist::StartError::Store(e @ StoreError::Damaged(_)))
        | PrepareError::Prime(PrimeError::Store(e @ StoreError::Damaged(_))) => {
            StartError::Disk(damaged(&config.server.data.join("store/messages.redb"), &e))
        }
        e => unavailable(&e),
    })?;

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
    {
        let rooms = rooms.clone();
        spawn(
            "styles",
            Box::pin(async move {
                style::watch(rooms).await;
                None
            }),
        );
    }
    rooms.say_samples().await;
    for work in work {
        spawn(work.name, Box::pin(async move { Some(work.run.await) }));
    }
    let registry = Arc::new(Registry::default());
    {
        let (registry, revocations) = (registry.clone(), accounts.revocations().clone());
        spawn(
            "registry",
            Box::pin(async move {
                registry.follow(revocations).await;
                None
            }),
        );
        let rooms = rooms.clone();
        spawn(
            "ticker",
            Box::pin(async move {
                ticker::run(rooms).await;
                None
            }),
        );
        let housekeeping = housekeeping(config, &engines, accounts.clone(), limits.clone(), marks);
        spawn(
            "housekeeping",
            Box::pin(async move {
                housekeeping.await;
                None
            }),
        );
    }

    let grace = Duration::from_secs(u64::from(config.server.shutdown_grace_seconds));
    let gateway = Arc::new(Gateway {
        rooms,
        history,
        accounts,
        limits,
        registry,
        options: gateway::Options {
            heartbeat: Duration::from_secs(u64::from(config.gateway.heartbeat_seconds)),
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
        log: engines.log.clone(),
        store: engines.store.clone(),
        metrics: metrics_handle().clone(),
        options: http::Options {
            allowed_origins: config.server.public_origins.iter().map(|o| o.as_str().to_owned()).collect(),
            trusted_proxies: config.server.trusted_proxies as usize,
            ops_listener: ops_listener.is_some(),
        },
    });
    let service = http::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    // A chat line must not wait for the acknowledgement of the one before it.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let stop = gateway.stopping.clone();
    let server = tokio::spawn(
        axum::serve(listener, service)
            .with_graceful_shutdown(async move { stop.cancelled().await })
            .into_future(),
    );
    if let Some(listener) = ops_listener {
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
    Ok(Running { address, gateway, engines, fatal, server, workers, working, grace })
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
        if tokio::time::timeout(self.grace, connections).await.is_err() {
            tracing::warn!("connections were still open at the end of the grace time");
            self.server.abort();
        }
        // The log first: what it has taken becomes durable, and the persisters see its end.
        self.engines.log.close().await;
        self.working.cancel();
        self.workers.close();
        self.workers.wait().await;
        self.engines.store.close().await;
        broken.map_or(Ok(()), Err)
    }
}

fn damaged(path: &Path, error: &dyn std::error::Error) -> String {
    format!(
        "{}: {error}; restore the data folder from a backup, or move it away to start anew",
        path.display()
    )
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

/// Once a minute: forgets quiet addresses and ended sessions, and gives up what is past its retention.
fn housekeeping(
    config: &Config,
    engines: &Engines,
    accounts: Arc<Accounts>,
    limits: Arc<Limits>,
    marks: Arc<Marks>,
) -> impl Future<Output = ()> + Send + 'static {
    /// Rows that one round gives up at most: 16 minutes of the average of all rooms, so that expiry keeps up.
    const EXPIRE_ROWS: usize = 400_000;
    const HOUR_MS: u64 = 3_600_000;
    let (log, store) = (engines.log.clone(), engines.store.clone());
    let store_ms = config.store.retention_days.get().map(|days| u64::from(days.get()) * 24 * HOUR_MS);
    let log_ms = config.log.retention_hours.get().map(|hours| u64::from(hours.get()) * HOUR_MS);
    async move {
        let mut every_minute = tokio::time::interval(Duration::from_secs(60));
        every_minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        every_minute.tick().await;
        loop {
            every_minute.tick().await;
            let now = clock::now();
            limits.sweep();
            if let Err(error) = accounts.sweep(now).await {
                tracing::warn!(%error, "ended sessions were not swept");
            }
            if let Some(keep) = store_ms {
                let before = chat::time::Millis(now.0.saturating_sub(keep));
                if let Err(error) = store.expire(before, EXPIRE_ROWS).await {
                    tracing::warn!(%error, "old messages were not given up");
                }
            }
            if let Some(keep) = log_ms {
                for partition in (0..log.partitions()).map(Partition) {
                    let before = chat::time::Millis(now.0.saturating_sub(keep));
                    if let Err(error) = trim(log.as_ref(), partition, before, marks.stored(partition)).await {
                        tracing::warn!(partition = partition.0, %error, "the log was not trimmed");
                    }
                }
            }
        }
    }
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
