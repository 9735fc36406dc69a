//! What no single setting can tell: settings that do not go together, engines that are not there, the file with the
//! secret.
//!
//! Start with [`check`].

use super::{
    finding::{Finding, Findings, Source},
    keys::Config,
    values::{LogEngine, Role, SECRET_BYTES_MIN, Secret, StoreEngine},
};
use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

/// Longest file with a secret, in bytes.
const SECRET_FILE_BYTES_MAX: u64 = 4096;

/// Compares settings with each other.
pub(super) fn check(config: &Config, sources: &BTreeMap<&'static str, Source>, findings: &mut Findings) {
    let mut refuse = |key: &str, text: String| {
        let source = sources.get(key).cloned().unwrap_or(Source::Default);
        findings.0.push(Finding::new(source, key, text));
    };
    roles(config, &mut refuse);
    engines(config, &mut refuse);
    listeners(config, &mut refuse);
    if config.auth.secret.is_some() && config.auth.secret_file.is_some() {
        refuse("auth.secret_file", "auth.secret is set too; keep one of them".to_owned());
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
    const NOT_YET: &str = "is not available in this version; use \"embedded\"";
    if config.log.engine == LogEngine::Kafka {
        refuse("log.engine", format!("the engine \"kafka\" {NOT_YET}"));
        hosts("kafka.brokers", &config.kafka.brokers, refuse);
    }
    if config.store.engine == StoreEngine::Cassandra {
        refuse("store.engine", format!("the engine \"cassandra\" {NOT_YET}"));
        hosts("cassandra.nodes", &config.cassandra.nodes, refuse);
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

/// Reads the secret out of its file; white space at its end does not count. The error never shows any of it.
pub(super) fn read_secret(path: &Path) -> Result<Secret, String> {
    let name = path.display();
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(SECRET_FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|e| format!("{name}: {e}"))?;
    if text.len() as u64 > SECRET_FILE_BYTES_MAX {
        return Err(format!("{name}: expected at most {SECRET_FILE_BYTES_MAX} bytes"));
    }
    text.truncate(text.trim_end().len());
    let len = text.len();
    Secret::new(text)
        .ok_or_else(|| format!("{name}: expected at least {SECRET_BYTES_MIN} bytes, found {len}"))
}
