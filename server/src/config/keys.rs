//! Every setting, once: its name, type, default, bounds and what it means. The structs, the table of keys behind the
//! files and the environment, `config print` and the page `docs/configuration.md` all come from this list.
//!
//! Start with the `settings!` block below; a new setting is one entry there.

use super::values::{
    Limit, LogEngine, Origin, Password, Rate, Role, SaslMechanism, Secret, StoreEngine, Value,
};
use chat::rooms::RoomDefinition;
use std::{collections::BTreeMap, net::SocketAddr, ops::RangeInclusive, path::PathBuf};

/// What is known of one setting besides its value.
#[derive(Debug)]
pub struct Key {
    /// As in a file: `section.name`, or `name` for those above all sections.
    pub path: &'static str,
    /// What it means, with its unit: the lines of its documentation.
    pub doc: &'static [&'static str],
    /// What may stand there, in words.
    pub expected: &'static str,
    /// Is its value never to be shown?
    pub secret: bool,
    /// Smallest and largest whole number, where there are such.
    pub range: Option<RangeInclusive<i64>>,
    /// The default; none for a setting that is not set unless somebody does.
    pub default: fn() -> Option<toml::Value>,
    /// Reads a text from the environment or a flag as this setting would stand in a file.
    pub(super) parse: fn(&str) -> Option<toml::Value>,
    /// Says what is wrong with a value, if something is.
    pub(super) refuse: fn(&toml::Value) -> Option<String>,
}

/// Values by path, each already accepted by its key.
pub(super) type Accepted = BTreeMap<&'static str, toml::Value>;

fn read<T: Value>(accepted: &Accepted, path: &str, default: T) -> T {
    match accepted.get(path) {
        Some(value) => T::read(value).expect("values are accepted by their key before they come here"),
        None => default,
    }
}

macro_rules! settings {
    (@range) => { None };
    (@range $range:expr) => { Some($range) };
    (@key $path:expr, [$($doc:expr),*], $kind:ty, $default:expr $(, $range:expr)?) => {
        Key {
            path: $path,
            doc: &[$($doc),*],
            expected: <$kind as Value>::EXPECTED,
            secret: <$kind as Value>::SECRET,
            range: settings!(@range $($range)?),
            default: || { let default: $kind = $default; default.show() },
            parse: <$kind as Value>::parse,
            refuse: |value| <$kind as Value>::read(value).err(),
        }
    };
    (
        above { $( $(#[doc = $tdoc:expr])* $tname:ident: $tkind:ty = $tdefault:expr $(=> $trange:expr)?; )* }
        $( $(#[doc = $sdoc:expr])* $section:ident: $struct:ident {
            $( $(#[doc = $doc:expr])* $name:ident: $kind:ty = $default:expr $(=> $range:expr)?; )*
        } )*
    ) => {
        $(
            $(#[doc = $sdoc])*
            #[derive(Clone, Debug, PartialEq)]
            pub struct $struct {
                $( $(#[doc = $doc])* pub $name: $kind, )*
            }

            impl Default for $struct {
                fn default() -> Self {
                    Self { $( $name: $default, )* }
                }
            }
        )*

        /// Everything that can be set. What comes out of [`load`](super::load) has been checked;
        /// [`Config::default`] is what holds without file, environment and flags, and has no rooms.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Config {
            $( $(#[doc = $tdoc])* pub $tname: $tkind, )*
            $( $(#[doc = $sdoc])* pub $section: $struct, )*
            /// The preset rooms, with their ids and partitions.
            pub rooms: Vec<RoomDefinition>,
        }

        impl Default for Config {
            fn default() -> Self {
                Self {
                    $( $tname: $tdefault, )*
                    $( $section: $struct::default(), )*
                    rooms: Vec::new(),
                }
            }
        }

        /// Every setting but the rooms, in the order in which people read them.
        pub static KEYS: &[Key] = &[
            $( settings!(@key stringify!($tname), [$($tdoc),*], $tkind, $tdefault $(, $trange)?), )*
            $( $( settings!(@key concat!(stringify!($section), ".", stringify!($name)), [$($doc),*], $kind, $default $(, $range)?), )* )*
        ];

        /// Every section with its documentation, in the same order.
        pub static SECTIONS: &[(&str, &[&str])] = &[ $( (stringify!($section), &[$($sdoc),*]), )* ];

        impl Config {
            /// Every setting but the rooms, as it would stand in a file; `None` for what is not set. In the order of
            /// [`KEYS`]. A secret is not in it, only that there is one.
            pub(super) fn shown(&self) -> Vec<(&'static str, Option<toml::Value>)> {
                vec![
                    $( (stringify!($tname), self.$tname.show()), )*
                    $( $( (concat!(stringify!($section), ".", stringify!($name)), self.$section.$name.show()), )* )*
                ]
            }

            /// The defaults with the accepted values over them.
            pub(super) fn assemble(accepted: &Accepted) -> Self {
                Self {
                    $( $tname: read(accepted, stringify!($tname), $tdefault), )*
                    $( $section: $struct {
                        $( $name: read(accepted, concat!(stringify!($section), ".", stringify!($name)), $default), )*
                    }, )*
                    rooms: Vec::new(),
                }
            }
        }
    };
}

settings! {
    above {
        /// What this process does: `gateway` takes connections, `persist` writes from the log to the store. With the
        /// embedded and memory engines one process has to do both.
        roles: Vec<Role> = vec![Role::Gateway, Role::Persist];
    }

    /// The main listener and the process.
    server: Server {
        /// Address and port of the main listener (web page, REST, WebSocket). Port 0 picks a free one.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080));
        /// The data folder: log, store and signing secret. It is made if it is not there.
        data: PathBuf = PathBuf::from("./data");
        /// Origins of other sites whose pages may call this server from a browser, as `https://example.org`. The
        /// server's own pages need no entry.
        public_origins: Vec<Origin> = Vec::new();
        /// How many reverse proxies stand in front, counted from the right of `X-Forwarded-For`. 0: nobody's
        /// `X-Forwarded-For` is believed.
        trusted_proxies: u32 = 0 => 0..=16;
        /// How long a stop may take to drain, in seconds; what is left then is cut off.
        shutdown_grace_seconds: u32 = 10 => 0..=3600;
    }

    /// The log: where a message is durable before it is acked.
    log: Log {
        /// Which engine holds the log.
        engine: LogEngine = LogEngine::Embedded;
        /// Number of partitions. Fixed when the data folder (or the topic) is made; rooms are spread over them.
        partitions: u32 = 16 => 1..=1024;
        /// How long records stay in the log, in hours. 0: for ever.
        retention_hours: Limit = Limit(168);
    }

    /// The store: history, accounts and checkpoints, as they are read back.
    store: Store {
        /// Which engine holds the store.
        engine: StoreEngine = StoreEngine::Embedded;
        /// How long messages stay in the history, in days. 0: for ever.
        retention_days: Limit = Limit(0);
    }

    /// Only for `log.engine = "kafka"`. The topic is made at the first start, with `log.partitions` and
    /// `log.retention_hours`; beside it `<topic>-nodes`, in which the processes tell each other what they have to know.
    kafka: Kafka {
        /// Brokers to start from, as `host:port`.
        brokers: Vec<String> = Vec::new();
        /// Name of the topic.
        topic: String = "twitchy".to_owned();
        /// On how many brokers each record lies. For a trial with one broker: 1.
        replication: u32 = 3 => 1..=32;
        /// How many of them must have a record before it is acked; with fewer there, nothing is accepted. For a trial
        /// with one broker: 1.
        min_insync_replicas: u32 = 2 => 1..=32;
        /// Name to log in with (SASL). Not set: without a log-in.
        username: Option<String> = None;
        /// Password of that name.
        password: Option<Password> = None;
        /// A file that holds the password instead; white space at its end does not count.
        password_file: Option<PathBuf> = None;
        /// How name and password are proved. All but `PLAIN` needs a program built with `kafka-tls`.
        sasl_mechanism: SaslMechanism = SaslMechanism::Plain;
        /// Speak TLS with the brokers. Needs a program built with `kafka-tls`.
        tls: bool = false;
        /// File (PEM) with the authorities that sign the brokers' certificates. Not set: those of the system.
        ca_file: Option<PathBuf> = None;
    }

    /// Only for `store.engine = "cassandra"`. `twitchy migrate` makes keyspace and tables.
    cassandra: Cassandra {
        /// Nodes to start from, as `host:port`.
        nodes: Vec<String> = Vec::new();
        /// Name of the keyspace.
        keyspace: String = "twitchy".to_owned();
        /// On how many nodes each row lies; looked at when `twitchy migrate` makes the keyspace. For a trial with one
        /// node: 1.
        replication: u32 = 3 => 1..=32;
        /// The datacenter that is asked, and in which the keyspace is made. Not set: whichever the nodes are in.
        datacenter: Option<String> = None;
        /// Name to log in with. Not set: without a log-in.
        username: Option<String> = None;
        /// Password of that name.
        password: Option<Password> = None;
        /// A file that holds the password instead; white space at its end does not count.
        password_file: Option<PathBuf> = None;
        /// Speak TLS with the nodes. Needs a program built with `cassandra-tls`.
        tls: bool = false;
        /// File (PEM) with the authorities that sign the nodes' certificates. Not set: those of the system.
        ca_file: Option<PathBuf> = None;
    }

    /// Passwords and tokens.
    auth: Auth {
        /// How long an access token holds, in minutes.
        access_token_minutes: u32 = 15 => 1..=1440;
        /// How long a refresh token holds, in days.
        refresh_token_days: u32 = 30 => 1..=365;
        /// What access tokens are signed with. Without it and without `secret_file` one is made at the first start and
        /// kept in the data folder. Processes that share log or store need the same one, so there it has to be set.
        secret: Option<Secret> = None;
        /// A file that holds the secret instead; white space at its end does not count.
        secret_file: Option<PathBuf> = None;
        /// Further secrets: they sign nothing, and what they signed is good. For changing the secret of running
        /// processes one after the other.
        previous_secrets: Vec<Secret> = Vec::new();
        /// Memory of one password hash (argon2id), in KiB.
        argon2_memory_kib: u32 = 19_456 => 19_456..=1_048_576;
        /// Passes of one password hash (argon2id).
        argon2_iterations: u32 = 2 => 2..=64;
    }

    /// How much one user, one address or all together may do. 0 means no limit.
    limits: Limits {
        /// Messages of one user in the long run, per second.
        user_messages_per_second: Rate = Rate(2.0);
        /// Messages that one user may send at once before that rate holds; without that rate it means nothing.
        user_message_burst: u32 = 10 => 1..=10_000;
        /// The same two for one bot.
        bot_messages_per_second: Rate = Rate(10.0);
        /// See `bot_messages_per_second`.
        bot_message_burst: u32 = 50 => 1..=10_000;
        /// Open connections from one address.
        connections_per_address: Limit = Limit(64);
        /// Open connections in all.
        connections: Limit = Limit(16_000);
        /// Rooms that one connection may read at once.
        rooms_per_connection: Limit = Limit(32);
        /// New accounts from one address, per hour.
        registrations_per_address_per_hour: Limit = Limit(20);
        /// Attempts to log in from one address, per minute.
        logins_per_address_per_minute: Limit = Limit(20);
        /// Previews from one address, per second.
        previews_per_address_per_second: Limit = Limit(10);
        /// REST calls from one address, per second.
        requests_per_address_per_second: Limit = Limit(50);
        /// Rooms in all: those of the configuration, those made at run time, and closed ones. Each costs every gateway memory
        /// (some kilobytes, and up to `feed.ring_bytes`), and a line in each answer with all rooms.
        rooms: u32 = 1_000 => 1..=10_000;
    }

    /// The newest messages of each room, in memory, from which viewers are served.
    feed: Feed {
        /// Messages kept per room. At least the longest history that a join may ask for.
        ring_messages: u32 = 4096 => 100..=1_048_576;
        /// Bytes kept per room, whichever of the two is reached first. At least the same history at its longest.
        ring_bytes: u32 = 4 * 1024 * 1024 => 1_048_576..=1_073_741_824;
        /// Messages that a resume replays at most; who missed more is sent the usual history.
        resume_messages_max: u32 = 2000 => 0..=100_000;
    }

    /// Sessions over WebSocket.
    gateway: Gateway {
        /// How often the server looks whether a client still answers, in seconds.
        heartbeat_seconds: u32 = 30 => 5..=600;
        /// Whether messages are compressed (`permessage-deflate`) for clients that offer it, as browsers do. What a room
        /// publishes is compressed once for all of them. Off where a proxy or the network compresses already, or where
        /// processor time is dearer than bytes.
        compression: bool = true;
        /// Where the log is shared (`log.engine = "kafka"`): how long a partition is followed on after its rooms' last
        /// viewer and sender here left, in seconds, at least 15. Who comes later waits a moment until it is followed again.
        /// 0: all partitions are followed, always.
        follow_idle_seconds: Limit = Limit(600);
    }

    /// Twitch's dialect of IRC.
    irc: Irc {
        /// Address and port of the IRC listener. Not set: there is none.
        listen: Option<SocketAddr> = None;
    }

    /// For operators.
    ops: Ops {
        /// Address and port for `/metrics` alone. Not set: the main listener serves them to this machine only.
        listen: Option<SocketAddr> = None;
    }
}
