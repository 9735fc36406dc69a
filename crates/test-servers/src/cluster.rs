//! A whole cluster on one machine: a broker, a database node and some gateways over them.
//!
//! It knows Twitchy as a program with settings and a port, no more. Start with [`up`].

use crate::{cassandra, child::Watched, interrupt::Interrupts, kafka};
use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher, Hasher},
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc::{self, TryRecvError},
    thread,
    time::{Duration, Instant},
};

/// How long a gateway may take to be ready: it makes its topics and reads back what there is.
const READY_MAX: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often it is looked whether the gateways still run.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// More would not get cores of their own on any machine that this is meant for.
const GATEWAYS_MAX: u16 = 16;

/// What is to be started.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    twitchy: PathBuf,
    gateways: u16,
    port: u16,
    serve: Vec<String>,
}

impl Options {
    /// From the command line.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let (mut twitchy, mut gateways, mut port) = (None, 3, 8081);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--" => break,
                "--twitchy" => twitchy = Some(PathBuf::from(value()?)),
                "--gateways" => gateways = number(argument, value()?, GATEWAYS_MAX)?,
                "--port" => port = number(argument, value()?, u16::MAX - GATEWAYS_MAX)?,
                other => return Err(format!("{other:?} is not known")),
            }
        }
        let twitchy = match twitchy {
            Some(twitchy) => twitchy,
            // Both are built into one folder.
            None => std::env::current_exe().map_err(|error| error.to_string())?.with_file_name("twitchy"),
        };
        Ok(Self { twitchy, gateways, port, serve: rest.cloned().collect() })
    }
}

fn number(name: &str, value: &str, most: u16) -> Result<u16, String> {
    let number = value.parse().ok().filter(|n| (1..=most).contains(n));
    number.ok_or_else(|| format!("{name}: expected a number from 1 to {most}, found {value:?}"))
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Asked to, and in order.
    Asked,
    /// Asked to before all was there, or twice: what runs still ends with this process.
    AtOnce,
}

/// What runs. Fields end in this order.
struct Cluster {
    gateways: Vec<Gateway>,
    _node: cassandra::Node,
    _broker: kafka::Broker,
}

/// Starts everything, says where it is, and stays until it is asked to end (Ctrl-C, SIGTERM); everything ends with it.
///
/// # Errors
/// What could not be started, or ended by itself, and where its log is.
pub fn up(options: Options) -> io::Result<End> {
    // Before the half minute that the servers take.
    let addresses = free_addresses(&options)?;
    if !options.twitchy.is_file() {
        let program = options.twitchy.display();
        return Err(io::Error::other(format!(
            "there is no program {program}; build it, or name it by --twitchy"
        )));
    }
    let interrupts = Interrupts::listen()?;
    // On a thread that is left where it is if the start is given up.
    let mut cluster = match while_working(&interrupts, move || start(&options, addresses))? {
        Some(cluster) => cluster?,
        None => {
            say("ending what was started")?;
            return Ok(End::AtOnce);
        }
    };
    while !interrupts.within(WATCH_EVERY) {
        for gateway in &mut cluster.gateways {
            if gateway.process.ended()? {
                return Err(io::Error::other(format!(
                    "the gateway at {} ended, see {}",
                    gateway.address,
                    gateway.log.display()
                )));
            }
        }
    }
    say("ending the gateways, then Kafka and Cassandra; Ctrl-C again ends them at once")?;
    let ending = move || {
        // All at the same time.
        cluster.gateways.iter_mut().for_each(|gateway| gateway.process.let_go());
        drop(cluster);
    };
    match while_working(&interrupts, ending)? {
        Some(()) => {
            say("everything has ended")?;
            Ok(End::Asked)
        }
        None => Ok(End::AtOnce),
    }
}

/// Does something on another thread; `None` if an interrupt came before it was done.
fn while_working<T: Send + 'static>(
    interrupts: &Interrupts,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Option<T>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(work()));
    loop {
        if interrupts.within(LOOK_EVERY) {
            return Ok(None);
        }
        match told.try_recv() {
            Ok(done) => return Ok(Some(done)),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Err(io::Error::other("a part of it panicked")),
        }
    }
}

fn start(options: &Options, addresses: Vec<SocketAddr>) -> io::Result<Cluster> {
    say("starting Kafka and Cassandra: half a minute (the first time their jars are fetched: some 110 MB)")?;
    let began = Instant::now();
    let broker = thread::spawn(|| {
        let broker = kafka::Broker::start()?;
        say(&format!("Kafka      {}   log in {}", broker.address(), broker.folder().display()))?;
        io::Result::Ok(broker)
    });
    let node = cassandra::Node::start()?;
    say(&format!("Cassandra  {}   log in {}", node.address(), node.folder().display()))?;
    let broker = broker.join().map_err(|_| io::Error::other("starting Kafka failed"))??;
    let settings = settings(broker.address(), node.address());
    say("making the tables, then starting the gateways")?;
    let mut migrate = Command::new(&options.twitchy);
    let migrated = migrate.arg("migrate").envs(settings.iter().cloned()).status()?;
    if !migrated.success() {
        return Err(io::Error::other(format!("`twitchy migrate` ended with {migrated}")));
    }
    let mut gateways = Vec::new();
    for (number, address) in addresses.into_iter().enumerate() {
        gateways.push(Gateway::start(options, &settings, broker.folder(), number, address)?);
    }
    for gateway in &mut gateways {
        gateway.wait_until_ready()?;
        say(&format!("gateway    http://{}   log in {}", gateway.address, gateway.log.display()))?;
    }
    say(&format!(
        "ready after {} s: the same rooms at each of them. Ctrl-C ends it all.",
        began.elapsed().as_secs()
    ))?;
    Ok(Cluster { gateways, _node: node, _broker: broker })
}

/// Where the gateways will be.
fn free_addresses(options: &Options) -> io::Result<Vec<SocketAddr>> {
    let addresses =
        (0..options.gateways).map(|number| SocketAddr::from(([127, 0, 0, 1], options.port + number)));
    let free = |address: SocketAddr| match TcpListener::bind(address) {
        Ok(_) => Ok(address),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("{address} cannot be used ({error}); choose other ports with --port"),
        )),
    };
    addresses.map(free).collect()
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

type Settings = Vec<(String, String)>;

fn settings(kafka: &str, cassandra: &str) -> Settings {
    let secret: String =
        (0..4).map(|_| format!("{:016x}", RandomState::new().build_hasher().finish())).collect();
    [
        ("TWITCHY_LOG__ENGINE", "kafka"),
        ("TWITCHY_KAFKA__BROKERS", kafka),
        // One broker and one node hold one copy.
        ("TWITCHY_KAFKA__REPLICATION", "1"),
        ("TWITCHY_KAFKA__MIN_INSYNC_REPLICAS", "1"),
        ("TWITCHY_STORE__ENGINE", "cassandra"),
        ("TWITCHY_CASSANDRA__NODES", cassandra),
        ("TWITCHY_CASSANDRA__REPLICATION", "1"),
        // Only this run knows it, and its tokens end with it.
        ("TWITCHY_AUTH__SECRET", &secret),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

struct Gateway {
    address: SocketAddr,
    log: PathBuf,
    process: Watched,
}

impl Gateway {
    fn start(
        options: &Options,
        settings: &Settings,
        folder: &Path,
        number: usize,
        address: SocketAddr,
    ) -> io::Result<Self> {
        let log = folder.join(format!("gateway-{number}.log"));
        let listen = address.to_string();
        let data = folder.join(format!("gateway-{number}"));
        fs::create_dir_all(&data)?;
        let data = data.display().to_string();
        let mut arguments = vec!["serve", "--listen", &listen, "--data", &data];
        arguments.extend(options.serve.iter().map(String::as_str));
        let here = std::env::current_dir()?;
        let program = options.twitchy.display().to_string();
        let process = Watched::start_gently(&program, arguments, settings.iter().cloned(), &here, &log)?;
        Ok(Self { address, log, process })
    }

    fn wait_until_ready(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + READY_MAX;
        while !is_ready(self.address) {
            if self.process.ended()? || Instant::now() > deadline {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
                return Err(io::Error::other(format!(
                    "the gateway at {} is not ready, see {}:\n{last}",
                    self.address,
                    self.log.display()
                )));
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

/// Asks `/readyz`, in the plainest HTTP.
fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(64 * 1024).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_port_that_is_taken_is_told_before_anything_is_started() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("it has one");
        let options = Options { twitchy: "t".into(), gateways: 1, port: address.port(), serve: Vec::new() };
        let error = up(options).expect_err("it is taken").to_string();
        assert!(error.contains(&address.to_string()) && error.contains("--port"), "{error}");
    }

    #[test]
    fn the_command_line_is_taken_apart() {
        let options = parse("--twitchy t --gateways 2 --port 9000 -- --config c").expect("valid");
        let expected = Options {
            twitchy: "t".into(),
            gateways: 2,
            port: 9000,
            serve: vec!["--config".into(), "c".into()],
        };
        assert_eq!(options, expected);
        assert!(parse("--gateways 2").expect("valid").twitchy.ends_with("twitchy"));
        for wrong in ["--twitchy t --gateways 0", "--twitchy t --gateways 17", "--twitchy t --port x", "up"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
