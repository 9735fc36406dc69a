//! What the tests of a cluster share: real servers, processes of ours over them, and a look at what the log and the store
//! really hold. It knows no guarantee.

use chat::{message::Logged, record::Record};
use chat_store::{
    CheckpointStore, MessageStore, Page,
    cassandra::{CassandraStore, Options as CassandraOptions},
};
use client::{Call, Rest};
use event_log::{
    EventLog, Offset, Partition,
    kafka::{KafkaLog, Options as KafkaOptions},
};
use parking_lot::{Mutex, MutexGuard};
use protocol::ids::{RoomId, Seq, UserId};
use scylla::client::session_builder::SessionBuilder;
use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    fs, io,
    net::SocketAddr,
    path::Path,
    process::{Command, ExitStatus, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tempfile::TempDir;
use test_servers::{cassandra, kafka};
use testkit::{
    checker::Counts,
    history::Event,
    process::{Error, Options, Server},
    trial,
    workload::{self, Run},
};

pub use testkit::trial::{alone, choices, has_tool, memory_kib, mixed, tell, times, tool};

/// The program that these tests are about.
pub const TWITCHY: &str = env!("CARGO_BIN_EXE_twitchy");
/// Each room of the configuration that comes with the program has one for itself.
pub const PARTITIONS: u32 = 3;
/// The rooms, in the order of their partitions.
pub const ROOMS: [&str; 3] = ["bestie", "ohio", "synergy"];
/// How long something may take that happens by itself: far more than it does, so that only what never comes fails.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that happens by itself.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a database may take to forget a keyspace.
const DROP_MAX: Duration = Duration::from_secs(20);

/// A folder that goes away with the test.
pub fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder can be written")
}

/// No finding, or the history is kept and told.
pub fn judge(name: &str, faults: &str, events: &[Event]) -> Counts {
    trial::judge(Path::new(env!("CARGO_TARGET_TMPDIR")), name, faults, events)
}

/// Work that blocks, on a thread of a test that may.
pub fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// If there is none in [`PATIENCE`].
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A server that one test may kill and freeze while it has it. Whatever the test before left, it is well when it is
/// handed out.
pub struct Victim<T: 'static>(MutexGuard<'static, Option<T>>);

impl<T> std::ops::Deref for Victim<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.as_ref().expect("made when it was handed out")
    }
}

impl<T> std::ops::DerefMut for Victim<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("made when it was handed out")
    }
}

fn victim<T>(
    of: &'static Mutex<Option<T>>,
    start: impl FnOnce() -> io::Result<T>,
    mend: impl FnOnce(&mut T) -> io::Result<()>,
) -> Victim<T> {
    blocking(|| {
        let mut server = of.lock();
        match server.as_mut() {
            Some(server) => mend(server).expect("the server comes back"),
            None => *server = Some(start().expect("a server for the tests")),
        }
        Victim(server)
    })
}

/// A broker to be killed and frozen.
pub fn broker() -> Victim<kafka::Broker> {
    static BROKER: Mutex<Option<kafka::Broker>> = Mutex::new(None);
    victim(&BROKER, kafka::Broker::start, |broker| match broker.resume() {
        Ok(()) => Ok(()),
        Err(_) => broker.restart(),
    })
}

/// A database node to be killed and frozen. It wants [`cassandra::SUPERUSER`].
pub fn node() -> Victim<cassandra::Node> {
    static NODE: Mutex<Option<cassandra::Node>> = Mutex::new(None);
    let settings = cassandra::Settings { passwords: true, ..cassandra::Settings::default() };
    victim(
        &NODE,
        || cassandra::Node::start_with(settings),
        |node| match node.resume() {
            Ok(()) => Ok(()),
            Err(_) => node.restart(),
        },
    )
}

/// A topic, a keyspace and what every process over them is told.
pub struct Cluster {
    folder: TempDir,
    topic: String,
    kafka: String,
    cassandra: String,
    password: Option<&'static str>,
    env: Vec<(String, String)>,
    members: Cell<u32>,
}

impl Cluster {
    /// On the servers that all tests share.
    pub fn shared() -> Self {
        blocking(|| {
            let broker = std::thread::spawn(kafka::shared);
            let node = cassandra::shared();
            let broker = broker.join().expect("a broker for the tests");
            Self::on(broker.address(), node.address(), None)
        })
    }

    /// With a broker of the test's own.
    pub fn with_broker(broker: &kafka::Broker) -> Self {
        blocking(|| Self::on(broker.address(), cassandra::shared().address(), None))
    }

    /// With several brokers of the test's own, on all of which each record lies and on two at least when it is acked.
    pub fn with_brokers(brokers: &[kafka::Broker]) -> Self {
        let addresses: Vec<&str> = brokers.iter().map(kafka::Broker::address).collect();
        let copies = brokers.len().to_string();
        let cluster = blocking(|| Self::on(&addresses.join(","), cassandra::shared().address(), None));
        cluster.with("KAFKA__REPLICATION", &copies).with("KAFKA__MIN_INSYNC_REPLICAS", "2")
    }

    /// With a database of the test's own.
    pub fn with_node(node: &cassandra::Node) -> Self {
        let (_, password) = cassandra::SUPERUSER;
        blocking(|| Self::on(kafka::shared().address(), node.address(), Some(password)))
    }

    fn on(kafka: &str, cassandra: &str, password: Option<&'static str>) -> Self {
        let cluster = Self::unmigrated(kafka, cassandra, password);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let migrated = cluster.migrate();
            if migrated.status.success() {
                return cluster;
            }
            // A node makes its first user a moment after it takes clients.
            let may_come = password.is_some() && Instant::now() < deadline;
            assert!(may_come, "{}", String::from_utf8_lossy(&migrated.stderr));
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// A cluster whose keyspace was not made yet.
    pub fn unmigrated(kafka: &str, cassandra: &str, password: Option<&'static str>) -> Self {
        static CLUSTERS: AtomicU32 = AtomicU32::new(0);
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let since =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        // The servers may outlive this process, and know its number from earlier.
        let name = format!("t{}_{number}_{since}", std::process::id());
        let mut env = Options::new(TWITCHY, Path::new("")).env;
        let settings = [
            ("LOG__ENGINE", "kafka"),
            ("LOG__PARTITIONS", &PARTITIONS.to_string()),
            ("KAFKA__BROKERS", kafka),
            ("KAFKA__TOPIC", &name),
            ("KAFKA__REPLICATION", "1"),
            ("KAFKA__MIN_INSYNC_REPLICAS", "1"),
            ("STORE__ENGINE", "cassandra"),
            ("CASSANDRA__NODES", cassandra),
            ("CASSANDRA__KEYSPACE", &name),
            ("CASSANDRA__REPLICATION", "1"),
            ("AUTH__SECRET", "a secret that all processes of a test share"),
        ];
        env.extend(settings.map(|(key, value)| (format!("TWITCHY_{key}"), value.to_owned())));
        if let Some(password) = password {
            let (user, _) = cassandra::SUPERUSER;
            env.push(("TWITCHY_CASSANDRA__USERNAME".to_owned(), user.to_owned()));
            env.push(("TWITCHY_CASSANDRA__PASSWORD".to_owned(), password.to_owned()));
        }
        Self {
            folder: folder(),
            topic: name,
            kafka: kafka.to_owned(),
            cassandra: cassandra.to_owned(),
            password,
            env,
            members: Cell::new(0),
        }
    }

    /// With one more setting for all processes, as `FEED__RING_MESSAGES`.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.env.push((format!("TWITCHY_{key}"), value.to_owned()));
        self
    }

    /// Name of the topic and of the keyspace.
    pub fn name(&self) -> &str {
        &self.topic
    }

    /// Where the brokers are.
    pub fn kafka(&self) -> &str {
        &self.kafka
    }

    /// How a process with these roles is started: `gateway`, `persist` or both.
    pub fn options(&self, roles: &str) -> Options {
        let number = self.members.replace(self.members.get() + 1);
        let folder = self.folder.path().join(format!("{number}"));
        fs::create_dir(&folder).expect("the target folder can be written");
        let mut options = Options::new(TWITCHY, &folder);
        options.env = self.env.clone();
        options.args = ["--roles", roles].map(Into::into).to_vec();
        options
    }

    /// Starts processes with these roles, all at once.
    pub fn start<const N: usize>(&self, roles: [&str; N]) -> [Server; N] {
        let options = roles.map(|roles| self.options(roles));
        blocking(|| {
            let starts = options.map(|options| std::thread::spawn(|| Server::start(options)));
            starts.map(|start| {
                let started = start.join().expect("a start does not panic");
                started.unwrap_or_else(|error| panic!("{error}"))
            })
        })
    }

    /// `twitchy migrate`, to its end.
    pub fn migrate(&self) -> Output {
        self.command(&["migrate"]).output().expect("the program starts")
    }

    /// The program with the settings of this cluster.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(TWITCHY);
        command
            .args(arguments)
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// What the start of a process says that cannot be, and with which code it ends.
    pub fn refused(&self, change: &[(&str, &str)]) -> (ExitStatus, String) {
        let mut options = self.options("gateway,persist");
        for (key, value) in change {
            let name = format!("TWITCHY_{key}");
            options.env.retain(|(known, _)| *known != name);
            if !value.is_empty() {
                options.env.push((name, (*value).to_owned()));
            }
        }
        match blocking(|| Server::start(options)) {
            Err(Error::Ended { status, log }) => (status, log),
            Err(error) => panic!("{change:?}: {error}"),
            Ok(server) => panic!("{change:?}: it serves: {}", server.log_tail()),
        }
    }

    /// The log itself.
    pub async fn log(&self) -> Arc<KafkaLog> {
        let mut options = KafkaOptions::new(self.kafka.as_str(), self.topic.as_str());
        options.partitions = PARTITIONS;
        (options.replication, options.min_insync_replicas) = (1, 1);
        let opened = tokio::task::spawn_blocking(|| KafkaLog::open(options)).await;
        Arc::new(opened.expect("opening does not panic").unwrap_or_else(|error| panic!("{error}")))
    }

    /// The store itself.
    pub async fn store(&self) -> CassandraStore {
        let mut options = CassandraOptions::new(vec![self.cassandra.clone()], self.topic.as_str());
        if let Some(password) = self.password {
            let (user, _) = cassandra::SUPERUSER;
            (options.username, options.password) = (Some(user.to_owned()), Some(password.to_owned()));
        }
        CassandraStore::open(options).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits until the persisters say that they are at the end, and compares the store with the log row by row: nothing is
    /// missing, nothing is there twice. Gives the number of messages.
    pub async fn store_is_the_log(&self) -> usize {
        let (log, store) = (self.log().await, self.store().await);
        let mut count = 0;
        for (number, slug) in ROOMS.into_iter().enumerate() {
            let partition = Partition(u32::try_from(number).expect("few rooms"));
            let last = log.bounds(partition).expect("a partition of the topic").last;
            until(&format!("{slug} is in the store up to {}", last.0), async || {
                let checkpoint = store.load("persist", partition.0).await.ok().flatten();
                (last.0 == 0 || checkpoint.is_some_and(|at| at.offset >= last.0)).then_some(())
            })
            .await;
            let logged = messages(log.as_ref(), partition, last).await;
            let room = logged.first().map(|message| message.message.room);
            let stored = match room {
                Some(room) => rows(&store, room).await,
                None => Vec::new(),
            };
            let (logged, stored): (Vec<_>, Vec<_>) = (
                logged.iter().map(|m| (m.seq, m.message.id)).collect(),
                stored.iter().map(|m| (m.seq, m.message.id)).collect(),
            );
            let (in_log, in_store): (HashSet<_>, HashSet<_>) =
                (logged.iter().copied().collect(), stored.iter().copied().collect());
            let missing: Vec<_> = in_log.difference(&in_store).take(5).collect();
            let too_many: Vec<_> = in_store.difference(&in_log).take(5).collect();
            assert!(
                missing.is_empty() && too_many.is_empty() && logged == stored,
                "{slug}: {} in the log, {} in the store; missing {missing:?}, too many {too_many:?}",
                logged.len(),
                stored.len()
            );
            count += stored.len();
        }
        log.close().await;
        count
    }
}

/// A database holds some thirty keyspaces in the memory that tests give it, so each goes with its test.
impl Drop for Cluster {
    fn drop(&mut self) {
        let drop = format!("DROP KEYSPACE IF EXISTS {}", self.topic);
        let mut session = SessionBuilder::new().known_node(&self.cassandra).fetch_schema_metadata(false);
        session = session.fetch_full_schema_metadata(false);
        if let Some(password) = self.password {
            session = session.user(cassandra::SUPERUSER.0, password);
        }
        // Not on the thread of the test, which may not wait here. If it fails, nobody minds but the next tests.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let dropping = async { session.build().await.ok()?.query_unpaged(drop, ()).await.ok() };
                let _ = tokio::time::timeout(DROP_MAX, dropping).await;
                io::Result::Ok(())
            })
        });
        let _ = dropping.join();
    }
}

/// The messages of a partition in the order of the log. Of records with one nonce of one sender the first is the message:
/// no test takes longer than a nonce holds.
async fn messages(log: &KafkaLog, partition: Partition, last: Offset) -> Vec<Logged> {
    let (mut all, mut at, mut seen) = (Vec::new(), Offset(0), HashSet::<(RoomId, UserId, String)>::new());
    while at < last {
        let page = log.read(partition, at, 4_000, 4 << 20).await.expect("the log can be read");
        for record in page {
            at = record.offset;
            let Ok(Record::Message(message)) = Record::decode(&record.payload) else { continue };
            let first = message
                .nonce
                .as_ref()
                .is_none_or(|nonce| seen.insert((message.room, message.author.id, nonce.clone())));
            if first {
                all.push(Logged { seq: Seq(at.0), message: *message });
            }
        }
    }
    all
}

async fn rows(store: &CassandraStore, room: RoomId) -> Vec<Logged> {
    let (mut all, mut after): (Vec<Logged>, Seq) = (Vec::new(), Seq(0));
    loop {
        let page = store.page(room, Page::After(after), 1_000).await.expect("the store can be read");
        let Some(last) = page.last() else { return all };
        after = last.seq;
        all.extend(page);
    }
}

/// A workload against these gateways.
pub async fn run(gateways: &[Server], seed: u64, change: impl FnOnce(&mut workload::Options)) -> Run {
    let addresses: Vec<SocketAddr> = gateways.iter().map(Server::address).collect();
    let mut options = workload::Options::new(addresses[0], seed);
    options.gateways = addresses;
    options.rooms = ROOMS.map(str::to_owned).to_vec();
    change(&mut options);
    Run::start(options).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Waits until so many more messages are accepted.
pub async fn accepted(run: &Run, more: u64) {
    let wanted = run.progress().accepted + more;
    tokio::time::timeout(PATIENCE, run.until_accepted(wanted))
        .await
        .unwrap_or_else(|_| panic!("{more} more messages: not within {PATIENCE:?}, {:?}", run.progress()));
}

/// Starts it again. Blocks the caller's thread alone.
pub fn again(server: &mut Server) {
    blocking(|| server.start_again()).unwrap_or_else(|error| panic!("{error}"));
}

/// What a server counts, by name and labels as they stand on its page.
pub async fn metrics(server: &Server) -> HashMap<String, f64> {
    let page = Rest::new(server.address()).call(Call::get("/metrics")).await.expect("the page of metrics");
    let page = page.text();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

/// The sum of a counter over its labels; 0 if it never counted.
pub async fn counted(server: &Server, name: &str) -> f64 {
    let all = metrics(server).await;
    let of_name = |key: &str| key == name || key.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
    all.iter().filter(|(key, _)| of_name(key)).map(|(_, value)| value).sum()
}

/// A new user of this gateway, by token.
pub async fn user(server: &Server, name: &str) -> Rest {
    let rest = Rest::new(server.address());
    let token = rest.register(name, "a password for the test").await.expect("a new user").access_token;
    rest.bearer(&token)
}

/// The bytes of a file of hexadecimal digits.
pub fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect()
}
