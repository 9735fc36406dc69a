//! Where the topic is, what it must be like, how to log in, and the settings of the client library that follow from it.

use super::OpenError;
use rdkafka::{ClientConfig, config::RDKafkaLogLevel};
use std::{fmt, path::PathBuf, time::Duration};

/// The login that every build can do.
const PLAIN: &str = "PLAIN";
/// Those that need OpenSSL, so the cargo feature `kafka-tls`.
const SCRAM: [&str; 2] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];
/// Longest name that Kafka takes for a topic, in bytes.
const TOPIC_NAME_BYTES_MAX: usize = 249;
/// Most bytes that the client library sends as one batch. The topic must take batches of twice that: see `topic`.
pub(super) const BATCH_BYTES_MAX: usize = 256 * 1024;
/// How often a member of a group says that it lives, in the time after which it is given up.
const HEARTBEATS: u32 = 3;

/// How one proves to the brokers who one is.
#[derive(Clone, Default)]
pub enum Security {
    /// Not at all.
    #[default]
    Plaintext,
    /// By a name and a password.
    Sasl {
        /// `PLAIN` (the password goes over the wire: use it with TLS), `SCRAM-SHA-256` or `SCRAM-SHA-512` (both need
        /// the cargo feature `kafka-tls`).
        mechanism: String,
        /// The name.
        username: String,
        /// The password. Never shown.
        password: String,
    },
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plaintext => f.write_str("Plaintext"),
            Self::Sasl { mechanism, username, password: _ } => f
                .debug_struct("Sasl")
                .field("mechanism", mechanism)
                .field("username", username)
                .field("password", &"…")
                .finish(),
        }
    }
}

/// Encrypted connections, with brokers whose certificates are checked. Needs the cargo feature `kafka-tls`.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates (PEM) of the authorities to trust; without it, those of the system.
    pub ca_file: Option<PathBuf>,
}

/// Where the topic is, what it must be like, and the limits of a [`KafkaLog`](super::KafkaLog).
#[derive(Clone, Debug)]
pub struct Options {
    /// Addresses of some brokers, `host:port,host:port`.
    pub brokers: String,
    /// Name of the topic.
    pub topic: String,
    /// Number of partitions; a topic with another number is refused.
    pub partitions: u32,
    /// Copies of each record. A topic with fewer is refused.
    pub replication: u32,
    /// How many of them have to be there for a record to be taken. A topic that asks for fewer is refused.
    pub min_insync_replicas: u32,
    /// How long the brokers keep records at least. A topic that keeps them shorter is refused.
    pub retention: Duration,
    /// The login.
    pub security: Security,
    /// Encryption; `None` is none.
    pub tls: Option<Tls>,
    /// Most records under way to the brokers. 16,384 are 0.4 s of the peak of 41,667 records/s.
    pub queue_records_max: usize,
    /// Most bytes under way: 16 MiB are 0.4 kB and the entry's 0.5 kB for each of 16,384 records. When nothing is under
    /// way, one record fits whatever its size.
    pub queue_bytes_max: usize,
    /// Bytes of the newest records kept in memory, per partition.
    pub tail_bytes_max: usize,
    /// How long a partition is followed after the last one who waited for its newest records. Readers are busy with what
    /// came for less.
    pub followed_on: Duration,
    /// How long an append may take until it is answered [`AppendError::Unknown`](crate::AppendError::Unknown).
    pub delivery_timeout: Duration,
    /// How long a question to the brokers may take (opening, older pages, trimming).
    pub request_timeout: Duration,
    /// A member of a group that is not heard of for so long is taken for dead, and its partitions go to the others. Brokers
    /// take no less than 6 s, unless told otherwise.
    pub session_timeout: Duration,
}

impl Options {
    /// The defaults for a topic: 3 partitions on one broker, kept for 7 days, no login, no encryption.
    pub fn new(brokers: impl Into<String>, topic: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            topic: topic.into(),
            partitions: 3,
            replication: 1,
            min_insync_replicas: 1,
            retention: Duration::from_secs(7 * 24 * 60 * 60),
            security: Security::Plaintext,
            tls: None,
            queue_records_max: 16_384,
            queue_bytes_max: 16 * 1024 * 1024,
            tail_bytes_max: 4 * 1024 * 1024,
            followed_on: Duration::from_secs(10),
            delivery_timeout: Duration::from_millis(4500),
            request_timeout: Duration::from_secs(5),
            session_timeout: Duration::from_secs(10),
        }
    }

    /// What no broker is needed for to see.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let wrong = |text: String| Err(OpenError::Config(text));
        if self.brokers.split(',').all(|broker| broker.trim().is_empty()) {
            return wrong("no broker is named".to_owned());
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let name = &self.topic;
        if name.is_empty()
            || name.len() > TOPIC_NAME_BYTES_MAX
            || !name.chars().all(legal)
            || name == "."
            || name == ".."
        {
            return wrong(format!(
                "{name:?} cannot be a topic: 1 to {TOPIC_NAME_BYTES_MAX} of the characters A-Z a-z 0-9 . _ -"
            ));
        }
        if self.partitions == 0 || self.replication == 0 || self.min_insync_replicas == 0 {
            return wrong("partitions, copies and copies in sync are at least 1".to_owned());
        }
        if self.min_insync_replicas > self.replication {
            return wrong(format!(
                "{} copies cannot be in sync when there are {}",
                self.min_insync_replicas, self.replication
            ));
        }
        let has_tls = cfg!(feature = "kafka-tls");
        if let Security::Sasl { mechanism, .. } = &self.security {
            let scram = SCRAM.contains(&mechanism.as_str());
            if mechanism != PLAIN && !scram {
                return wrong(format!(
                    "the login {mechanism:?} is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"
                ));
            }
            if scram && !has_tls {
                return wrong(format!(
                    "the login {mechanism} needs a build with the cargo feature kafka-tls"
                ));
            }
        }
        if let Some(tls) = &self.tls {
            if !has_tls {
                return wrong("TLS to Kafka needs a build with the cargo feature kafka-tls".to_owned());
            }
            if let Some(file) = &tls.ca_file
                && let Err(error) = std::fs::File::open(file)
            {
                return wrong(format!("{}: {error}", file.display()));
            }
        }
        Ok(())
    }

    /// For any client.
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "twitchy")
            .set("socket.nagle.disable", "true")
            .set("socket.connection.setup.timeout.ms", "3000")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "500")
            .set("log.connection.close", "false");
        if let Security::Sasl { mechanism, username, password } = &self.security {
            config
                .set("sasl.mechanism", mechanism)
                .set("sasl.username", username)
                .set("sasl.password", password);
        }
        let protocol = match (&self.security, &self.tls) {
            (Security::Plaintext, None) => "plaintext",
            (Security::Plaintext, Some(_)) => "ssl",
            (Security::Sasl { .. }, None) => "sasl_plaintext",
            (Security::Sasl { .. }, Some(_)) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Some(Tls { ca_file: Some(file) }) = &self.tls {
            config.set("ssl.ca.location", file.to_string_lossy());
        }
        config
    }

    /// Its events are looked at by nobody, so it must not gather any.
    pub(super) fn admin(&self) -> ClientConfig {
        let mut config = self.client();
        config.set_log_level(RDKafkaLogLevel::Emerg);
        config
    }

    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // Batches are gathered above (see `gather`); this is for those that are handed over one after the other.
            .set("linger.ms", "0.5")
            .set("batch.size", BATCH_BYTES_MAX.to_string())
            .set("compression.type", "lz4")
            .set("message.timeout.ms", self.delivery_timeout.as_millis().to_string())
            // Our own bound comes first; these are above it.
            .set("queue.buffering.max.messages", (self.queue_records_max * 2).max(1000).to_string())
            .set("queue.buffering.max.kbytes", (self.queue_bytes_max / 512 + 1024).to_string());
        config
    }

    /// For consumers that are told their places and are in no group; the group's name is asked for and never used.
    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("allow.auto.create.topics", "false")
            .set("group.id", "twitchy-unused")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            // A record counts once every in-sync replica has it, also within a transaction: one that somebody else left
            // open would hold up all readers otherwise.
            .set("isolation.level", "read_uncommitted")
            .set("fetch.wait.max.ms", "50")
            .set("fetch.error.backoff.ms", "50")
            .set("fetch.queue.backoff.ms", "5")
            .set("queued.max.messages.kbytes", "4096")
            .set("fetch.message.max.bytes", "1048576");
        config
    }

    /// For the one consumer that follows the ends. It says now and then how much it fetched.
    pub(super) fn follower(&self) -> ClientConfig {
        let mut config = self.consumer();
        config.set("statistics.interval.ms", "1000");
        config
    }

    /// For the one consumer whose complaints tell why the brokers cannot be reached: it also says when they hang up.
    pub(super) fn asker(&self) -> ClientConfig {
        let mut config = self.consumer();
        config.set("log.connection.close", "true").set_log_level(RDKafkaLogLevel::Info);
        config
    }

    /// For a member of a group, which is told partitions and reads nothing.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let mut config = self.client();
        config
            .set("allow.auto.create.topics", "false")
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", self.session_timeout.as_millis().to_string())
            .set("heartbeat.interval.ms", (self.session_timeout / HEARTBEATS).as_millis().to_string());
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sasl(mechanism: &str) -> Security {
        Security::Sasl { mechanism: mechanism.to_owned(), username: "ann".into(), password: "hunter2".into() }
    }

    #[test]
    fn a_password_is_never_shown() {
        let options = Options { security: sasl(PLAIN), ..Options::new("b:1", "t") };
        let shown = format!("{options:?} {:?} {:?}", options.producer(), options.member("g"));
        assert!(shown.contains("ann") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn what_cannot_be_is_told_before_any_broker_is_asked() {
        let good = Options::new("localhost:9092", "chat.log_1-a");
        good.check().expect("nothing is wrong with it");
        let long = "t".repeat(TOPIC_NAME_BYTES_MAX + 1);
        let cases = [
            (Options { brokers: " , ".into(), ..good.clone() }, "broker"),
            (Options { topic: "a b".into(), ..good.clone() }, "topic"),
            (Options { topic: String::new(), ..good.clone() }, "topic"),
            (Options { topic: "..".into(), ..good.clone() }, "topic"),
            (Options { topic: long, ..good.clone() }, "topic"),
            (Options { partitions: 0, ..good.clone() }, "at least 1"),
            (Options { min_insync_replicas: 2, ..good.clone() }, "in sync"),
            (Options { security: sasl("GSSAPI"), ..good }, "GSSAPI"),
        ];
        for (options, named) in cases {
            let error = options.check().expect_err("refused");
            assert!(matches!(&error, OpenError::Config(text) if text.contains(named)), "{error}");
        }
    }

    #[test]
    fn tls_and_scram_are_for_builds_that_have_them() {
        let good = Options::new("localhost:9092", "t");
        let cases = [
            Options { tls: Some(Tls::default()), ..good.clone() },
            Options { security: sasl("SCRAM-SHA-512"), ..good.clone() },
        ];
        for options in cases {
            let checked = options.check().map_err(|error| error.to_string());
            if cfg!(feature = "kafka-tls") {
                assert_eq!(checked, Ok(()));
            } else {
                assert!(checked.is_err_and(|text| text.contains("kafka-tls")));
            }
        }
        Options { security: sasl(PLAIN), ..good }.check().expect("every build can do PLAIN");
    }
}
