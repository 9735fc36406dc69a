//! Apache Cassandra: one node on free ports, in a folder of its own.

use crate::{child::Watched, maven};
use std::{
    env, fs, io,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

/// The version that is fetched.
pub const VERSION: &str = "5.0.5";
/// An address in this variable is used instead of starting a node.
///
/// What begins with `TWITCHY_` are settings, and a server refuses those that it does not know.
pub const ADDRESS_VARIABLE: &str = "TEST_CASSANDRA";
/// Its one datacenter.
pub const DATACENTER: &str = "datacenter1";
/// Name and password of the first user of a node that asks for passwords.
pub const SUPERUSER: (&str, &str) = ("cassandra", "cassandra");
/// How long a node may take to start on a busy machine.
const START_MAX: Duration = Duration::from_secs(240);
/// How often it is looked whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Name and password of the files with its certificate.
const KEYSTORE: &str = "keystore.p12";
const KEYSTORE_PASSWORD: &str = "changeit";
const CERTIFICATE: &str = "certificate.pem";

/// What a node asks of its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// A user name and a password, see [`SUPERUSER`].
    pub passwords: bool,
    /// TLS, with the certificate of [`Node::certificate`].
    pub tls: bool,
    /// Changes of the schema need not outlive the process: ten times as fast, for a node that is never restarted.
    pub fleeting: bool,
}

/// A running node.
pub struct Node {
    address: String,
    folder: PathBuf,
    classes: String,
    agent: String,
    fleeting: bool,
    process: Option<Watched>,
}

impl Node {
    /// `host:port` for clients.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where its log and data are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The certificate of a node with TLS, a PEM file; made out for 127.0.0.1 and localhost, signed by itself.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    /// Fetches the jars if they are not there, and starts a node that asks for nothing. Blocks until it takes clients.
    ///
    /// # Errors
    /// When Java or Maven are missing, the jars cannot be fetched, or the node does not start; the text says where the
    /// log is.
    pub fn start() -> io::Result<Self> {
        Self::start_with(Settings::default())
    }

    /// As [`Node::start`], with these settings.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn start_with(settings: Settings) -> io::Result<Self> {
        let root = maven::root();
        let wanted = format!("org.apache.cassandra:cassandra-all:{VERSION}");
        let jars = maven::jars(&root, &format!("cassandra-{VERSION}"), &[&wanted])?;
        let folder = maven::run_folder(&root)?;
        let [client, internal] = maven::free_ports()?;
        if settings.tls {
            make_certificate(&folder)?;
        }
        fs::write(folder.join("cassandra.yaml"), yaml(&folder, settings, client, internal))?;
        fs::write(folder.join("logback.xml"), LOGBACK)?;
        let mut node = Self {
            address: format!("127.0.0.1:{client}"),
            classes: format!("{}:{}/*", folder.display(), jars.display()),
            agent: format!("-javaagent:{}", jam(&jars)?.display()),
            fleeting: settings.fleeting,
            folder,
            process: None,
        };
        node.restart()?;
        Ok(node)
    }

    /// Kills the process, as a crash would; address and data stay.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    /// Stops the process where it stands: connections stay open and nothing is answered.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self) -> io::Result<()> {
        self.signal("STOP")
    }

    /// Lets it go on after [`Node::pause`].
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> io::Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        self.running()?.signal(name)
    }

    /// Of its process, which is another one after each start.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> io::Result<u32> {
        self.running()?.pid()
    }

    fn running(&self) -> io::Result<&Watched> {
        self.process.as_ref().ok_or_else(|| io::Error::other("the node is killed"))
    }

    /// Starts the process (again) over the same data. Blocks until it takes clients.
    ///
    /// # Errors
    /// When it does not start; the text says where the log is.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let log = self.folder.join("cassandra.log");
        let place = self.folder.display();
        let mut args = vec![
            self.agent.clone(),
            "-Xms768m".to_owned(),
            "-Xmx768m".to_owned(),
            "-XX:+UseG1GC".to_owned(),
            "-Djdk.attach.allowAttachSelf=true".to_owned(),
            format!("-Dcassandra.config=file://{place}/cassandra.yaml"),
            format!("-Dcassandra.storagedir={place}/data"),
            format!("-Dlogback.configurationFile={place}/logback.xml"),
            "-Dcassandra-foreground=yes".to_owned(),
            // One node has nobody to wait for.
            "-Dcassandra.ring_delay_ms=0".to_owned(),
            "-Dcassandra.skip_wait_for_gossip_to_settle=0".to_owned(),
            "-Dcassandra.superuser_setup_delay_ms=0".to_owned(),
        ];
        if self.fleeting {
            args.push("-Dcassandra.unsafesystem=true".to_owned());
            args.push("-Dcassandra.test.flush_local_schema_changes=false".to_owned());
        }
        args.extend(EXPORTS.iter().map(|package| format!("--add-exports={package}=ALL-UNNAMED")));
        args.extend(OPENS.iter().map(|package| format!("--add-opens={package}=ALL-UNNAMED")));
        args.extend(
            ["-cp", &self.classes, "org.apache.cassandra.service.CassandraDaemon"].map(str::to_owned),
        );
        let mut process = Watched::start("java", args, &self.folder, &log)?;
        let deadline = Instant::now() + START_MAX;
        // The port for clients is opened last.
        while TcpStream::connect(&self.address).is_err() {
            if process.ended()? || Instant::now() > deadline {
                return Err(io::Error::other(format!("Cassandra did not start, see {}", log.display())));
            }
            thread::sleep(LOOK_EVERY);
        }
        self.process = Some(process);
        Ok(())
    }
}

/// The node of this process, started at the first call. It asks for neither password nor TLS.
///
/// # Panics
/// When it cannot be started: a test that needs it fails, and is not skipped.
pub fn shared() -> &'static Node {
    static SHARED: OnceLock<Node> = OnceLock::new();
    SHARED.get_or_init(|| match env::var(ADDRESS_VARIABLE) {
        Ok(address) => Node {
            address,
            folder: maven::root(),
            classes: String::new(),
            agent: String::new(),
            fleeting: true,
            process: None,
        },
        Err(_) => Node::start_with(Settings { fleeting: true, ..Settings::default() })
            .expect("a Cassandra node for the tests"),
    })
}

/// The agent that measures objects for the memtables; it comes with the jars.
fn jam(jars: &Path) -> io::Result<PathBuf> {
    for entry in fs::read_dir(jars)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with("jamm-")) {
            return Ok(entry.path());
        }
    }
    Err(io::Error::other(format!("no jamm among {}", jars.display())))
}

/// Makes a key and its certificate with the tool that comes with Java.
fn make_certificate(folder: &Path) -> io::Result<()> {
    let keytool = |args: &[&str]| {
        let done = Command::new("keytool")
            .args(args)
            .args(["-keystore", KEYSTORE, "-storepass", KEYSTORE_PASSWORD, "-alias", "node"])
            .current_dir(folder)
            .output()?;
        let told = String::from_utf8_lossy(&done.stdout);
        if done.status.success() { Ok(()) } else { Err(io::Error::other(format!("keytool: {told}"))) }
    };
    let name = ["-dname", "CN=localhost", "-ext", "san=ip:127.0.0.1,dns:localhost", "-validity", "30"];
    keytool(&[&["-genkeypair", "-keyalg", "EC", "-storetype", "PKCS12"], &name[..]].concat())?;
    keytool(&["-exportcert", "-rfc", "-file", CERTIFICATE])
}

const LOGBACK: &str = r#"<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level [%thread] %logger{0}: %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
"#;

/// What is not said here is the default of Cassandra itself.
fn yaml(folder: &Path, settings: Settings, client: u16, internal: u16) -> String {
    let authenticator = if settings.passwords { "PasswordAuthenticator" } else { "AllowAllAuthenticator" };
    let mut yaml = format!(
        "cluster_name: tests
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {internal}
native_transport_port: {client}
authenticator: {authenticator}
commitlog_sync: periodic
commitlog_sync_period: 10000ms
memtable_heap_space: 128MiB
memtable_offheap_space: 128MiB
file_cache_size: 64MiB
concurrent_compactors: 1
compaction_throughput: 16MiB/s
auto_snapshot: false
hinted_handoff_enabled: false
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: \"127.0.0.1:{internal}\"
"
    );
    if settings.tls {
        let store = folder.join(KEYSTORE);
        yaml.push_str(&format!(
            "client_encryption_options:
  enabled: true
  optional: false
  keystore: {}
  keystore_password: {KEYSTORE_PASSWORD}
  store_type: PKCS12
",
            store.display()
        ));
    }
    yaml
}

/// The packages of Java 17 that it reaches into, as its own start script allows.
const EXPORTS: [&str; 9] = [
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.base/java.lang.ref",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
];
const OPENS: [&str; 17] = [
    "java.base/java.lang.module",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.reflect",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "jdk.management/com.sun.management.internal",
];
