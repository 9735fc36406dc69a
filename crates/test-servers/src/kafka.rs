//! Apache Kafka: one process that is broker and controller (KRaft), on free ports, in a folder of its own.
//!
//! Each broker listens three times: for anybody, for who logs in ([`USERNAME`], [`PASSWORD`]), and with TLS under
//! a certificate of its own.

use crate::{child::Watched, maven};
use std::{
    env, fs, io,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

/// The version that is fetched.
pub const VERSION: &str = "4.1.0";
/// An address in this variable is used instead of starting a broker.
///
/// What begins with `TWITCHY_` are settings, and a server refuses those that it does not know.
pub const ADDRESS_VARIABLE: &str = "TEST_KAFKA";
/// How long a broker may take to start on a busy machine.
const START_MAX: Duration = Duration::from_secs(120);
/// Name of the file with its settings.
const SETTINGS: &str = "server.properties";
/// How often it is looked whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Who may log in.
pub const USERNAME: &str = "twitchy";
/// By what (PLAIN and SCRAM).
pub const PASSWORD: &str = "not-a-secret";

/// A running broker.
pub struct Broker {
    address: String,
    login_address: String,
    tls_address: String,
    folder: PathBuf,
    classes: String,
    java: &'static [&'static str],
    process: Option<Watched>,
}

/// What the one broker of most tests is to Java, and what each of several: small, and soon there.
const QUICK: &[&str] = &["-Xms512m", "-Xmx512m", "-XX:TieredStopAtLevel=1"];
const SMALL: &[&str] = &["-Xms256m", "-Xmx256m", "-XX:TieredStopAtLevel=1"];
/// As Kafka's own start script has it, for a broker whose costs are measured.
const MEASURED: &[&str] = &[
    "-Xms1g",
    "-Xmx1g",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
];

impl Broker {
    /// `host:port` for clients.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `host:port` for clients that log in; others are hung up on.
    pub fn login_address(&self) -> &str {
        &self.login_address
    }

    /// `host:port` for clients that talk TLS.
    pub fn tls_address(&self) -> &str {
        &self.tls_address
    }

    /// The certificate to trust at [`Self::tls_address`], as PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    /// Where its log and data are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Of its process, which is another one after each start.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> io::Result<u32> {
        self.running()?.pid()
    }

    /// Fetches the jars if they are not there, and starts a broker. Blocks until it takes connections.
    ///
    /// # Errors
    /// When Java or Maven are missing, the jars cannot be fetched, or the broker does not start; the text says where the
    /// log is.
    pub fn start() -> io::Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST)
    }

    /// As [`Self::start`], with [`Self::address`] at another address of this machine, for clients in a network of their
    /// own.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_on(host: Ipv4Addr) -> io::Result<Self> {
        Self::start_as(host, QUICK)
    }

    /// As [`Self::start`], with the memory and the compiler that a broker has at work.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_measured() -> io::Result<Self> {
        Self::start_as(Ipv4Addr::LOCALHOST, MEASURED)
    }

    fn start_as(host: Ipv4Addr, java: &'static [&'static str]) -> io::Result<Self> {
        let root = maven::root();
        let jars = jars(&root)?;
        let folder = maven::run_folder(&root)?;
        let ports @ [client, login, tls, _] = maven::free_ports()?;
        let settings = folder.join(SETTINGS);
        fs::write(&settings, server_properties(&folder, host, ports))?;
        certificate(&folder)?;
        let classes = classes(&jars, &folder)?;
        let scram = |kind: &str| format!("SCRAM-SHA-{kind}=[name={USERNAME},password={PASSWORD}]");
        format(&classes, &folder, &["--add-scram", &scram("256"), "--add-scram", &scram("512")])?;
        let address = |port| format!("127.0.0.1:{port}");
        let client = format!("{host}:{client}");
        let mut broker = Self {
            address: client,
            login_address: address(login),
            tls_address: address(tls),
            folder,
            classes,
            java,
            process: None,
        };
        broker.restart()?;
        Ok(broker)
    }

    /// Starts three brokers that are one cluster and its controllers, for clients without a login. Blocks until all take
    /// connections.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_three() -> io::Result<[Self; 3]> {
        let root = maven::root();
        let jars = jars(&root)?;
        let ports: [u16; 6] = maven::free_ports()?;
        let voters: Vec<String> =
            (1..).zip(&ports[3..]).map(|(node, port)| format!("{node}@127.0.0.1:{port}")).collect();
        let mut brokers = Vec::new();
        for node in 0..3 {
            let folder = maven::run_folder(&root)?;
            let classes = classes(&jars, &folder)?;
            let settings =
                member_properties(&folder, node + 1, [ports[node], ports[node + 3]], &voters.join(","));
            fs::write(folder.join(SETTINGS), settings)?;
            format(&classes, &folder, &[])?;
            let address = format!("127.0.0.1:{}", ports[node]);
            let none = String::new;
            let (login_address, tls_address) = (none(), none());
            brokers.push(Self {
                address,
                login_address,
                tls_address,
                folder,
                classes,
                java: SMALL,
                process: None,
            });
        }
        // None is ready before two of them are.
        thread::scope(|scope| {
            let starts: Vec<_> = brokers.iter_mut().map(|broker| scope.spawn(|| broker.restart())).collect();
            let joined = starts
                .into_iter()
                .map(|start| start.join().unwrap_or_else(|_| Err(io::Error::other("starting Kafka failed"))));
            joined.collect::<io::Result<()>>()
        })?;
        brokers.try_into().map_err(|_| io::Error::other("there are three"))
    }

    /// Kills the process, as a crash would; address and data stay.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    /// Stops the process in the middle of whatever it does: connections stay, answers do not come.
    ///
    /// # Errors
    /// When it runs no more.
    pub fn pause(&self) -> io::Result<()> {
        self.signal("STOP")
    }

    /// Lets a paused process go on.
    ///
    /// # Errors
    /// When it runs no more.
    pub fn resume(&self) -> io::Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        self.running()?.signal(name)
    }

    fn running(&self) -> io::Result<&Watched> {
        self.process.as_ref().ok_or_else(|| io::Error::other("the broker is not running"))
    }

    /// Starts the process (again) over the same data. Blocks until it takes connections.
    ///
    /// # Errors
    /// When it does not start; the text says where the log is.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let log = self.folder.join("kafka.log");
        let settings = self.folder.join(SETTINGS).to_string_lossy().into_owned();
        let args = [self.java, &["-cp", &self.classes, "kafka.Kafka", &settings]].concat();
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
        Ok(address) => Broker {
            address,
            login_address: String::new(),
            tls_address: String::new(),
            folder: maven::root(),
            classes: String::new(),
            java: QUICK,
            process: None,
        },
        Err(_) => Broker::start().expect("a Kafka broker for the tests"),
    })
}

/// As [`shared`], for tests of logins and TLS, which a broker from elsewhere may not have: then it is one of our own.
///
/// # Panics
/// As [`shared`].
pub fn secured() -> &'static Broker {
    static SECURED: OnceLock<Broker> = OnceLock::new();
    if env::var_os(ADDRESS_VARIABLE).is_none() {
        return shared();
    }
    SECURED.get_or_init(|| Broker::start().expect("a Kafka broker for the tests"))
}

fn jars(root: &Path) -> io::Result<PathBuf> {
    maven::jars(
        root,
        &format!("kafka-{VERSION}"),
        &[&format!("org.apache.kafka:kafka_2.13:{VERSION}"), "org.slf4j:slf4j-simple:1.7.36"],
    )
}

/// Where Java finds the classes and how they log.
fn classes(jars: &Path, folder: &Path) -> io::Result<String> {
    fs::write(folder.join("simplelogger.properties"), LOGGING)?;
    Ok(format!("{}/*:{}", jars.display(), folder.display()))
}

/// Makes an empty log for a broker with the settings in this folder.
fn format(classes: &str, folder: &Path, more: &[&str]) -> io::Result<()> {
    let settings = folder.join(SETTINGS).to_string_lossy().into_owned();
    run(Command::new("java")
        .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", classes, "kafka.tools.StorageTool"])
        .args(["format", "-t", CLUSTER_ID, "-c", &settings])
        .args(more))
}

/// Runs something short that has to succeed.
fn run(command: &mut Command) -> io::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done =
        command.output().map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    if done.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    Err(io::Error::other(format!("{program}: {out}{err}")))
}

/// Makes a key and its self-signed certificate for this machine, with the tool that comes with Java.
fn certificate(folder: &Path) -> io::Result<()> {
    let keytool = |args: &[&str]| {
        run(Command::new("keytool").current_dir(folder).args(args).args([
            "-alias",
            "broker",
            "-keystore",
            KEYS,
            "-storepass",
            KEYS_PASSWORD,
        ]))
    };
    keytool(&[
        "-genkeypair",
        "-keyalg",
        "EC",
        "-groupname",
        "secp256r1",
        "-storetype",
        "PKCS12",
        "-validity",
        "3650",
        "-dname",
        "CN=localhost",
        "-ext",
        "SAN=ip:127.0.0.1,dns:localhost",
    ])?;
    keytool(&["-exportcert", "-rfc", "-file", CERTIFICATE])
}

/// The broker's key, its password, and the certificate for clients.
const KEYS: &str = "broker.p12";
const KEYS_PASSWORD: &str = "not-a-secret-either";
const CERTIFICATE: &str = "broker.pem";

/// Any id will do: the cluster lives for one run.
const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";

const LOGGING: &str = "org.slf4j.simpleLogger.defaultLogLevel=warn
org.slf4j.simpleLogger.showDateTime=true
org.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS
";

fn server_properties(folder: &Path, host: Ipv4Addr, [client, login, tls, controller]: [u16; 4]) -> String {
    const MODULES: &str = "org.apache.kafka.common.security";
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENTS://{host}:{client},LOGIN://127.0.0.1:{login},TLS://127.0.0.1:{tls},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://{host}:{client},LOGIN://127.0.0.1:{login},TLS://127.0.0.1:{tls}
listener.security.protocol.map=CLIENTS:PLAINTEXT,LOGIN:SASL_PLAINTEXT,TLS:SSL,CONTROLLER:PLAINTEXT
listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.login.plain.sasl.jaas.config={MODULES}.plain.PlainLoginModule required user_{USERNAME}=\"{PASSWORD}\";
listener.name.login.scram-sha-256.sasl.jaas.config={MODULES}.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config={MODULES}.scram.ScramLoginModule required;
listener.name.tls.ssl.keystore.type=PKCS12
listener.name.tls.ssl.keystore.location={0}/{KEYS}
listener.name.tls.ssl.keystore.password={KEYS_PASSWORD}
listener.name.tls.ssl.key.password={KEYS_PASSWORD}
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs={0}/data
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

/// One of several brokers that are each a controller too.
fn member_properties(folder: &Path, node: usize, [client, controller]: [u16; 2], voters: &str) -> String {
    format!(
        "process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=CLIENTS://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{client}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs={}/data
offsets.topic.replication.factor=3
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=4
log.cleaner.enable=false
",
        folder.display()
    )
}
