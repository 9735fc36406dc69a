//! Apache Kafka: one process that is broker and controller (KRaft), on free ports, in a folder of its own.

use crate::child::Watched;
use std::{
    env, fs, io,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{self, Command},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The version that is fetched.
pub const VERSION: &str = "4.1.0";
/// An address in this variable is used instead of starting a broker.
pub const ADDRESS_VARIABLE: &str = "TWITCHY_TEST_KAFKA";
/// How long a broker may take to start on a busy machine.
const START_MAX: Duration = Duration::from_secs(120);
/// Name of the file with its settings.
const SETTINGS: &str = "server.properties";
/// How often it is looked whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running broker.
pub struct Broker {
    address: String,
    folder: PathBuf,
    classes: String,
    process: Option<Watched>,
}

impl Broker {
    /// `host:port` for clients.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where its log and data are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fetches the jars if they are not there, and starts a broker. Blocks until it takes connections.
    ///
    /// # Errors
    /// When Java or Maven are missing, the jars cannot be fetched, or the broker does not start; the text says where the
    /// log is.
    pub fn start() -> io::Result<Self> {
        let root = root();
        let jars = jars(&root)?;
        static BROKERS: AtomicU32 = AtomicU32::new(0);
        let number = BROKERS.fetch_add(1, Ordering::Relaxed);
        let folder = root.join(format!("run-{}-{number}", process::id()));
        remove_old_runs(&root);
        fs::create_dir_all(&folder)?;
        let [client, controller] = free_ports()?;
        let settings = folder.join(SETTINGS);
        fs::write(&settings, server_properties(&folder, client, controller))?;
        let classes = format!("{}/*:{}", jars.display(), folder.display());
        fs::write(folder.join("simplelogger.properties"), LOGGING)?;
        let settings = settings.to_string_lossy().into_owned();
        let format = Command::new("java")
            .args(["-Xmx256m", "-cp", &classes, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
            .arg(&settings)
            .output()?;
        if !format.status.success() {
            return Err(io::Error::other(format!("formatting: {}", String::from_utf8_lossy(&format.stderr))));
        }
        let mut broker = Self { address: format!("127.0.0.1:{client}"), folder, classes, process: None };
        broker.restart()?;
        Ok(broker)
    }

    /// Kills the process, as a crash would; address and data stay.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    /// Starts the process (again) over the same data. Blocks until it takes connections.
    ///
    /// # Errors
    /// When it does not start; the text says where the log is.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let log = self.folder.join("kafka.log");
        let settings = self.folder.join(SETTINGS).to_string_lossy().into_owned();
        let args = [
            "-Xms512m",
            "-Xmx512m",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            &self.classes,
            "kafka.Kafka",
            &settings,
        ];
        let mut process = Watched::start("java", args, &self.folder, &log)?;
        let deadline = Instant::now() + START_MAX;
        // The port is opened last, when the broker is ready for requests.
        while TcpStream::connect(&self.address).is_err() {
            if process.ended()? || Instant::now() > deadline {
                return Err(io::Error::other(format!("Kafka did not start, see {}", log.display())));
            }
            thread::sleep(LOOK_EVERY);
        }
        self.process = Some(process);
        Ok(())
    }
}

/// The broker of this process, started at the first call.
///
/// # Panics
/// When it cannot be started: a test that needs it fails, and is not skipped.
pub fn shared() -> &'static Broker {
    static SHARED: OnceLock<Broker> = OnceLock::new();
    SHARED.get_or_init(|| match env::var(ADDRESS_VARIABLE) {
        Ok(address) => Broker { address, folder: root(), classes: String::new(), process: None },
        Err(_) => Broker::start().expect("a Kafka broker for the tests"),
    })
}

/// Any id will do: the cluster is one process and lives for one run.
const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";

const LOGGING: &str = "org.slf4j.simpleLogger.defaultLogLevel=warn
org.slf4j.simpleLogger.showDateTime=true
org.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS
";

/// `target/test-servers`, wherever the target folder is.
fn root() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    target.join("test-servers")
}

/// Fetches the jars once; whoever comes second waits for the first.
fn jars(root: &Path) -> io::Result<PathBuf> {
    let folder = root.join(format!("kafka-{VERSION}"));
    fs::create_dir_all(&folder)?;
    let lock = fs::File::create(folder.join("lock"))?;
    lock.lock()?;
    let (jars, complete) = (folder.join("jars"), folder.join("complete"));
    if complete.exists() {
        return Ok(jars);
    }
    fs::write(folder.join("pom.xml"), pom())?;
    let fetched = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"])
        .current_dir(&folder)
        .output()
        .map_err(|e| io::Error::new(e.kind(), format!("mvn: {e}")))?;
    if !fetched.status.success() {
        return Err(io::Error::other(format!("mvn: {}", String::from_utf8_lossy(&fetched.stdout))));
    }
    fs::write(complete, "")?;
    Ok(jars)
}

fn pom() -> String {
    format!(
        r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test-servers</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"#
    )
}

fn server_properties(folder: &Path, client: u16, controller: u16) -> String {
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENTS://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{client}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs={}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
delete.topic.enable=true
num.network.threads=2
num.io.threads=4
log.cleaner.enable=false
",
        folder.display()
    )
}

/// Two free ports, both held until both are known.
fn free_ports() -> io::Result<[u16; 2]> {
    let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let [a, b] = &listeners;
    Ok([a.local_addr()?.port(), b.local_addr()?.port()])
}

/// Takes the folders of processes away that are no more.
fn remove_old_runs(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let id = name.to_str().and_then(|n| n.strip_prefix("run-")).and_then(|n| n.split('-').next());
        if id.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
