//! The engines of both ports, by what the settings name. The only place that knows them; everything else sees the ports.
//! Start with [`Engines::open`].

use super::StartError;
use crate::{
    auth::revocations::End,
    cli::Exit,
    clock,
    config::{Config, LogEngine, StoreEngine},
    data_folder,
    news::Topic,
    nodes::{self, NodesLog},
};
use chat_store::Store;
use event_log::EventLog;
use std::{os::unix::fs::DirBuilderExt as _, path::Path, sync::Arc, time::Duration};
use tokio::{task::spawn_blocking, time::timeout};

/// How long servers of Kafka or Cassandra may take to answer at the start. A folder has the time it needs: after
/// a crash gigabytes are looked through.
const OPEN_MAX: Duration = Duration::from_secs(30);

/// The two ports with the engines that the settings name.
pub struct Engines {
    /// Port 1.
    pub log: Arc<dyn EventLog>,
    /// Port 2.
    pub store: Arc<dyn Store>,
    /// What the nodes tell each other; none where this process is the only one.
    pub nodes: Option<NodesLog>,
}

impl Engines {
    /// Opens all of them.
    ///
    /// # Errors
    /// One line and the code to end with.
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        let (log, store) = tokio::try_join!(open_log(config), open_store(config))?;
        if (config.log.engine, config.store.engine) == (LogEngine::Embedded, StoreEngine::Embedded) {
            data_folder::mark(&config.server.data).map_err(|error| StartError::Disk(error.to_string()))?;
        }
        let nodes = open_nodes_log(config).await?;
        Ok(Self { log, store, nodes })
    }
}

/// The store alone, for commands that need no log.
///
/// # Errors
/// As [`Engines::open`].
pub async fn open_store(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    match config.store.engine {
        StoreEngine::Memory => Ok(Arc::new(chat_store::memory::MemoryStore::new())),
        StoreEngine::Embedded => {
            let folder = make_data_folder(&config.server.data)?.join("store");
            let open = move || chat_store::embedded::EmbeddedStore::open(&folder, Default::default());
            let store = on_its_thread(open).await?;
            Ok(Arc::new(store.map_err(|error| StartError::Disk(error.to_string()))?))
        }
        StoreEngine::Cassandra => cassandra::open(config).await,
    }
}

async fn open_log(config: &Config) -> Result<Arc<dyn EventLog>, StartError> {
    match config.log.engine {
        LogEngine::Memory => Ok(Arc::new(event_log::memory::MemoryLog::new(config.log.partitions))),
        LogEngine::Embedded => {
            let folder = make_data_folder(&config.server.data)?.join("log");
            let options =
                event_log::embedded::Options { partitions: config.log.partitions, ..Default::default() };
            let log = on_its_thread(move || event_log::embedded::EmbeddedLog::open(&folder, options)).await?;
            Ok(Arc::new(log.map_err(|error| StartError::Disk(error.to_string()))?))
        }
        LogEngine::Kafka => kafka::open(kafka::messages(config)).await,
    }
}

/// The nodes' log lies where the log of messages lies; for one that is not shared there is none.
async fn open_nodes_log(config: &Config) -> Result<Option<NodesLog>, StartError> {
    match config.log.engine {
        LogEngine::Memory | LogEngine::Embedded => Ok(None),
        LogEngine::Kafka => {
            let options = kafka::nodes(config);
            let log = kafka::open(options.clone()).await?;
            let reopen = move || -> event_log::BoxFuture<'static, _> {
                let options = options.clone();
                Box::pin(async move { kafka::open(options).await.map_err(|error| error.to_string()) })
            };
            Ok(Some(NodesLog { log, reopen: Box::new(reopen) }))
        }
    }
}

/// Tells running servers which sessions a command has ended. Without a log that they share there are none.
///
/// # Errors
/// As [`Engines::open`].
pub async fn tell_nodes(config: &Config, ends: Vec<End>) -> Result<(), StartError> {
    let Some(NodesLog { log, reopen: _ }) = open_nodes_log(config).await? else { return Ok(()) };
    let told = in_time("the nodes' log", async {
        let told = nodes::tell_ends_once(log.as_ref(), ends, clock::now()).await;
        told.map_err(|error| StartError::Unavailable(error.to_string()))
    });
    let told = told.await;
    log.close().await;
    told
}

/// Tells running servers that a command changed something of this kind. Without a log that they share there are none.
///
/// # Errors
/// As [`Engines::open`].
pub async fn tell_nodes_to_look(config: &Config, topic: Topic) -> Result<(), StartError> {
    let Some(NodesLog { log, reopen: _ }) = open_nodes_log(config).await? else { return Ok(()) };
    let told = in_time("the nodes' log", async {
        let told = nodes::tell_news_once(log.as_ref(), topic, clock::now()).await;
        told.map_err(|error| StartError::Unavailable(error.to_string()))
    });
    let told = told.await;
    log.close().await;
    told
}

/// Where the store lies, for people.
pub fn place_of_store(config: &Config) -> String {
    match config.store.engine {
        StoreEngine::Memory => "memory".to_owned(),
        StoreEngine::Embedded => config.server.data.display().to_string(),
        StoreEngine::Cassandra => format!("the keyspace {}", config.cassandra.keyspace),
    }
}

/// Brings the store's layout up to this version; says what was done, a line each.
///
/// # Errors
/// As [`Engines::open`].
pub async fn migrate(config: &Config) -> Result<Vec<String>, StartError> {
    match config.store.engine {
        // Opening reads every older format; there is nothing to bring up by hand.
        StoreEngine::Embedded | StoreEngine::Memory => {
            open_store(config).await?.close().await;
            Ok(Vec::new())
        }
        StoreEngine::Cassandra => cassandra::migrate(config).await,
    }
}

/// The code to end with when a part breaks while serving.
pub fn exit_when_broken(config: &Config) -> Exit {
    match (config.log.engine, config.store.engine) {
        (LogEngine::Kafka, _) | (_, StoreEngine::Cassandra) => Exit::Unavailable,
        _ => Exit::Disk,
    }
}

/// What to say of a log that is damaged.
pub(super) fn log_damaged(config: &Config, error: &dyn std::error::Error) -> StartError {
    match config.log.engine {
        LogEngine::Kafka => StartError::Unavailable(format!("the topic {}: {error}", config.kafka.topic)),
        LogEngine::Embedded | LogEngine::Memory => damaged(&config.server.data.join("log/log.redb"), error),
    }
}

/// What to say of a store that is damaged.
pub(super) fn store_damaged(config: &Config, error: &dyn std::error::Error) -> StartError {
    match config.store.engine {
        StoreEngine::Cassandra => StartError::Unavailable(format!("{}: {error}", place_of_store(config))),
        StoreEngine::Embedded | StoreEngine::Memory => {
            damaged(&config.server.data.join("store/messages.redb"), error)
        }
    }
}

fn damaged(path: &Path, error: &dyn std::error::Error) -> StartError {
    let path = path.display();
    StartError::Disk(format!(
        "{path}: {error}; restore the data folder from a backup, or move it away to start anew"
    ))
}

pub(super) fn make_data_folder(folder: &Path) -> Result<&Path, StartError> {
    data_folder::look(folder).map_err(|error| StartError::Disk(error.to_string()))?;
    // What is in it is for its owner alone; a folder that is there already keeps the mode it was given.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        let folder = folder.display();
        StartError::Disk(format!("cannot make the data folder {folder}: {error}; choose another with --data"))
    })?;
    Ok(folder)
}

/// Opening waits for disks or servers, so it is not done on the async threads.
async fn on_its_thread<T: Send + 'static>(
    open: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StartError> {
    spawn_blocking(open).await.map_err(|error| StartError::Disk(format!("opening failed: {error}")))
}

/// Servers that do not answer are no reason to hang. The future is in a box: a driver's are as deep as they come, and
/// compilers measure everything that holds them.
async fn in_time<T>(
    who: &str,
    open: impl Future<Output = Result<T, StartError>> + Send,
) -> Result<T, StartError> {
    let seconds = OPEN_MAX.as_secs();
    let open: event_log::BoxFuture<'_, _> = Box::pin(open);
    timeout(OPEN_MAX, open)
        .await
        .unwrap_or_else(|_| Err(StartError::Unavailable(format!("{who} did not answer within {seconds} s"))))
}

#[cfg(feature = "kafka")]
mod kafka {
    //! From the settings to Kafka's options, and from its errors to ours.

    use super::{StartError, in_time, on_its_thread};
    use crate::{config::Config, nodes};
    use event_log::{
        EventLog,
        kafka::{KafkaLog, OpenError, Options, Security, Tls},
    };
    use std::{sync::Arc, time::Duration};

    const HOUR: Duration = Duration::from_secs(3600);
    /// As long as Kafka can say, in milliseconds.
    const FOR_EVER: Duration = Duration::from_millis(i64::MAX.unsigned_abs());
    /// Of the nodes' log a node reads what came a moment ago; far less than of messages.
    const NODES_TAIL_BYTES: usize = 1024 * 1024;

    pub(super) async fn open(options: Options) -> Result<Arc<dyn EventLog>, StartError> {
        in_time("Kafka", async {
            let log = on_its_thread(move || KafkaLog::open(options)).await?;
            let log = log.map_err(|error| start_error(&error))?;
            Ok(Arc::new(log) as Arc<dyn EventLog>)
        })
        .await
    }

    fn start_error(error: &OpenError) -> StartError {
        let line = error.to_string();
        match error {
            OpenError::Unreachable(_) => StartError::Unavailable(line),
            OpenError::Refused(_) | OpenError::TopicMismatch(_) | OpenError::Config(_) => {
                StartError::Usage(line)
            }
        }
    }

    /// For the log of messages.
    pub(super) fn messages(config: &Config) -> Options {
        let settings = &config.kafka;
        let mut options = Options::new(settings.brokers.join(","), settings.topic.as_str());
        options.partitions = config.log.partitions;
        options.replication = settings.replication;
        options.min_insync_replicas = settings.min_insync_replicas;
        options.retention = config.log.retention_hours.get().map_or(FOR_EVER, |hours| HOUR * hours.get());
        options.tls = settings.tls.then(|| Tls { ca_file: settings.ca_file.clone() });
        if let (Some(username), Some(password)) = (&settings.username, &settings.password) {
            options.security = Security::Sasl {
                mechanism: settings.sasl_mechanism.as_str().to_owned(),
                username: username.clone(),
                password: password.expose().to_owned(),
            };
        }
        options
    }

    /// For the nodes' log: as long as an access token lives, and an hour for clocks that are apart.
    pub(super) fn nodes(config: &Config) -> Options {
        let mut options = messages(config);
        options.topic.push_str("-nodes");
        options.partitions = nodes::PARTITIONS;
        options.retention = Duration::from_secs(60 * u64::from(config.auth.access_token_minutes)) + HOUR;
        options.tail_bytes_max = NODES_TAIL_BYTES;
        options
    }
}

#[cfg(not(feature = "kafka"))]
mod kafka {
    //! In a build without the engine: the settings refuse it before anything comes here.

    use super::StartError;
    use crate::config::Config;
    use event_log::EventLog;
    use std::sync::Arc;

    #[derive(Clone)]
    pub(super) struct Absent;

    pub(super) async fn open(_: Absent) -> Result<Arc<dyn EventLog>, StartError> {
        Err(StartError::Usage("this program was built without \"kafka\"".to_owned()))
    }

    pub(super) fn messages(_: &Config) -> Absent {
        Absent
    }

    pub(super) fn nodes(_: &Config) -> Absent {
        Absent
    }
}

#[cfg(feature = "cassandra")]
mod cassandra {
    //! The same for Cassandra.

    use super::{StartError, in_time};
    use crate::config::Config;
    use chat_store::{
        Store,
        cassandra::{self, CassandraStore, MigrateError, OpenError, Options, Tls},
    };
    use std::{sync::Arc, time::Duration};

    const DAY: Duration = Duration::from_secs(24 * 3600);

    pub(super) async fn open(config: &Config) -> Result<Arc<dyn Store>, StartError> {
        in_time("Cassandra", async {
            let store = CassandraStore::open(options(config)).await.map_err(|error| start_error(&error))?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
        .await
    }

    /// Takes the time that it needs: a cluster agrees on each change, and another process may be at it.
    pub(super) async fn migrate(config: &Config) -> Result<Vec<String>, StartError> {
        let options = options(config);
        let migrate: chat_store::BoxFuture<'_, _> = Box::pin(cassandra::migrate(&options));
        let applied = migrate.await.map_err(|error| match error {
            MigrateError::Open(error) => start_error(&error),
            MigrateError::Changed(_) => StartError::Usage(error.to_string()),
            error => StartError::Unavailable(error.to_string()),
        })?;
        Ok(applied.iter().map(|done| format!("applied {:04} {}", done.number, done.name)).collect())
    }

    fn start_error(error: &OpenError) -> StartError {
        let line = error.to_string();
        match error {
            OpenError::Unreachable { .. } => StartError::Unavailable(line),
            _ => StartError::Usage(line),
        }
    }

    fn options(config: &Config) -> Options {
        let settings = &config.cassandra;
        let mut options = Options::new(settings.nodes.iter().cloned(), settings.keyspace.as_str());
        options.replication = settings.replication;
        options.datacenter = settings.datacenter.clone();
        options.username = settings.username.clone();
        options.password = settings.password.as_ref().map(|password| password.expose().to_owned());
        options.tls = settings.tls.then(|| Tls { ca_file: settings.ca_file.clone() });
        options.message_retention = config.store.retention_days.get().map(|days| DAY * days.get());
        options
    }
}

#[cfg(not(feature = "cassandra"))]
mod cassandra {
    //! In a build without the engine: the settings refuse it before anything comes here.

    use super::StartError;
    use crate::config::Config;
    use chat_store::Store;
    use std::sync::Arc;

    pub(super) async fn open(_: &Config) -> Result<Arc<dyn Store>, StartError> {
        Err(absent())
    }

    pub(super) async fn migrate(_: &Config) -> Result<Vec<String>, StartError> {
        Err(absent())
    }

    fn absent() -> StartError {
        StartError::Usage("this program was built without \"cassandra\"".to_owned())
    }
}
