//! What no single setting can tell: settings that do not go together, engines that are not there, the file with the
//! secret.
//!
//! Start with [`check`].

use super::{
    finding::{Finding, Findings, Source},
    keys::Config,
    values::{LogEngine, Password, Role, SECRET_BYTES_MIN, Secret, StoreEngine},
};
use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

/// Longest file with a secret, in bytes.
const SECRET_FILE_BYTES_MAX: u64 = 4096;

/// A partition is followed at least as long after its last sender as a send may wait for its answer (5 s), an append may be on
/// its way (4.5 s) and a doubt about it may last (two rounds of the watch over the brokers).
const FOLLOW_IDLE_MIN: u32 = 15;

/// Longest name of a topic that Kafka takes, in characters, less those of the `-nodes` beside it.
const TOPIC_CHARS_MAX: usize = 249 - 6;
/// Longest name of a keyspace that Cassandra takes, in characters.
const KEYSPACE_CHARS_MAX: usize = 48;
/// Most secrets from before: each is there for the days of one change.
const PREVIOUS_SECRETS_MAX: usize = 8;

/// Compares settings with each other.
pub(super) fn check(config: &Config, sources: &BTreeMap<&'static str, Source>, findings: &mut Findings) {
    let mut refuse = |key: &str, text: String| {
        let source = sources.get(key).cloned().unwrap_or(Source::Default);
        findings.0.push(Finding::new(source, key, text));
    };
    roles(config, &mut refuse);
    engines(config, &mut refuse);
    listeners(config, &mut refuse);
    if (1..FOLLOW_IDLE_MIN).contains(&config.gateway.follow_idle_seconds.0) {
        let found = config.gateway.follow_idle_seconds.0;
        let text =
            format!("expected 0 (all are followed, always) or at least {FOLLOW_IDLE_MIN}, found {found}");
        refuse("gateway.follow_idle_seconds", text);
    }
    secrets(config, &mut refuse);
}

fn secrets(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    let auth = &config.auth;
    let given = auth.secret.is_some() || auth.secret_file.is_some();
    if auth.secret.is_some() && auth.secret_file.is_some() {
        refuse("auth.secret_file", "auth.secret is set too; keep one of them".to_owned());
    }
    let (kafka, cassandra) =
        (config.log.engine == LogEngine::Kafka, config.store.engine == StoreEngine::Cassandra);
    // A process that only persists signs and checks nothing, so it need not know the secret.
    if (kafka || cassandra) && config.roles.contains(&Role::Gateway) && !given {
        let engine = if kafka { "log.engine = \"kafka\"" } else { "store.engine = \"cassandra\"" };
        refuse(
            "auth.secret",
            format!(
                "expected a secret (or auth.secret_file), the same in every process: with {engine} any of them may be \
                 asked to check what another has signed; make one with: openssl rand -hex 32"
            ),
        );
    } else if !auth.previous_secrets.is_empty() && !given {
        refuse(
            "auth.previous_secrets",
            "there is no auth.secret that came after them; set it, or auth.secret_file".to_owned(),
        );
    }
    if auth.previous_secrets.len() > PREVIOUS_SECRETS_MAX {
        let found = auth.previous_secrets.len();
        refuse("auth.previous_secrets", format!("expected at most {PREVIOUS_SECRETS_MAX}, found {found}"));
    }
}

fn roles(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    let has = |role| config.roles.contains(&role);
    if config.roles.is_empty() {
        return refuse("roles", "expected at least one of gateway and persist".to_owned());
    }
    for role in [Role::Gateway, Role::Persist] {
        if config.roles.iter().filter(|r| **r == role).count() > 1 {
            refuse("roles", format!("{role} stands there more than once"));
        }
    }
    let alone = config.log.engine != LogEngine::Kafka || config.store.engine != StoreEngine::Cassandra;
    if alone && !(has(Role::Gateway) && has(Role::Persist)) {
        refuse(
            "roles",
            "expected both gateway and persist, as log and store are not shared between processes (that takes \
             log.engine = \"kafka\" and store.engine = \"cassandra\")"
                .to_owned(),
        );
    }
}

fn engines(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    if config.log.engine == LogEngine::Kafka {
        let kafka = &config.kafka;
        if !cfg!(feature = "kafka") {
            let text = "this program was built without \"kafka\"; use one with it, or \"embedded\"";
            refuse("log.engine", text.to_owned());
        }
        hosts("kafka.brokers", &kafka.brokers, refuse);
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if kafka.topic.is_empty() || kafka.topic.len() > TOPIC_CHARS_MAX || !kafka.topic.chars().all(fits) {
            refuse(
                "kafka.topic",
                format!("expected 1 to {TOPIC_CHARS_MAX} of a to z, A to Z, 0 to 9, ., _ and -"),
            );
        }
        let (asked, copies) = (kafka.min_insync_replicas, kafka.replication);
        if asked > copies {
            let text = format!("expected at most kafka.replication, which is {copies}; found {asked}");
            refuse("kafka.min_insync_replicas", text);
        }
        log_in(
            ["kafka.username", "kafka.password", "kafka.password_file"],
            kafka.username.as_deref(),
            kafka.password.is_some(),
            kafka.password_file.is_some(),
            refuse,
        );
        authorities("kafka.ca_file", kafka.tls, kafka.ca_file.as_deref(), refuse);
    }
    if config.store.engine == StoreEngine::Cassandra {
        let cassandra = &config.cassandra;
        if !cfg!(feature = "cassandra") {
            let text = "this program was built without \"cassandra\"; use one with it, or \"embedded\"";
            refuse("store.engine", text.to_owned());
        }
        hosts("cassandra.nodes", &cassandra.nodes, refuse);
        let name = &cassandra.keyspace;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_lowercase())
            || name.len() > KEYSPACE_CHARS_MAX
            || !name.chars().all(fits)
        {
            refuse(
                "cassandra.keyspace",
                format!("expected 1 to {KEYSPACE_CHARS_MAX} of a to z, 0 to 9 and _, a letter first"),
            );
        }
        log_in(
            ["cassandra.username", "cassandra.password", "cassandra.password_file"],
            cassandra.username.as_deref(),
            cassandra.password.is_some(),
            cassandra.password_file.is_some(),
            refuse,
        );
        authorities("cassandra.ca_file", cassandra.tls, cassandra.ca_file.as_deref(), refuse);
    }
}

/// A name has its password, a password its name, and the password one place.
fn log_in(
    [username_key, password_key, file_key]: [&str; 3],
    username: Option<&str>,
    password: bool,
    file: bool,
    refuse: &mut impl FnMut(&str, String),
) {
    if password && file {
        refuse(file_key, format!("{password_key} is set too; keep one of them"));
    }
    match username {
        Some(_) if !(password || file) => {
            refuse(username_key, format!("it needs a password; set {password_key} or {file_key}"));
        }
        None if password || file => {
            let key = if password { password_key } else { file_key };
            refuse(key, format!("there is no {username_key} for it"));
        }
        _ => {}
    }
}

fn authorities(key: &str, tls: bool, file: Option<&Path>, refuse: &mut impl FnMut(&str, String)) {
    let Some(file) = file else { return };
    if !tls {
        refuse(key, format!("without {} it means nothing", key.replace("ca_file", "tls = true")));
    } else if let Err(error) = File::open(file) {
        refuse(key, format!("{}: {error}", file.display()));
    }
}

fn hosts(key: &str, hosts: &[String], refuse: &mut impl FnMut(&str, String)) {
    if hosts.is_empty() {
        refuse(key, "expected at least one host:port for this engine".to_owned());
    }
    for host in hosts {
        let port = host
            .rsplit_once(':')
            .filter(|(name, _)| !name.is_empty())
            .and_then(|(_, port)| port.parse().ok());
        if port.is_none_or(|port: u16| port == 0) || host.contains(char::is_whitespace) {
            refuse(key, format!("expected host:port, found {host:?}"));
        }
    }
}

fn listeners(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    let listeners = [
        ("server.listen", Some(config.server.listen)),
        ("irc.listen", config.irc.listen),
        ("ops.listen", config.ops.listen),
    ];
    for (index, (key, address)) in listeners.iter().enumerate() {
        let earlier = listeners[..index].iter().find(|(_, other)| other == address);
        if let (Some(address), Some((other, _))) = (address.filter(|address| address.port() != 0), earlier) {
            refuse(key, format!("{address} is the address of {other} too; choose another port"));
        }
    }
}

/// Reads the secret out of its file. The error never shows any of it.
pub(super) fn read_secret(path: &Path) -> Result<Secret, String> {
    let text = read_file(path)?;
    let (name, len) = (path.display(), text.len());
    Secret::new(text)
        .ok_or_else(|| format!("{name}: expected at least {SECRET_BYTES_MIN} bytes, found {len}"))
}

/// The same for a password.
pub(super) fn read_password(path: &Path) -> Result<Password, String> {
    Password::new(read_file(path)?).ok_or_else(|| format!("{}: there is no password in it", path.display()))
}

/// A short text; white space at its end does not count.
fn read_file(path: &Path) -> Result<String, String> {
    let name = path.display();
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(SECRET_FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|e| format!("{name}: {e}"))?;
    if text.len() as u64 > SECRET_FILE_BYTES_MAX {
        return Err(format!("{name}: expected at most {SECRET_FILE_BYTES_MAX} bytes"));
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}
