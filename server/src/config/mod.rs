//! The configuration: defaults, then a file, then the environment, then flags; later ones win.
//!
//! ```text
//!  keys::settings!  ──▶ structs with defaults ─────────────────────────────┐
//!        │                                                                 ▼
//!        └────────▶ KEYS ──▶ layers::merge(file, environment, flags) ──▶ Config ──▶ check ──▶ Loaded
//! ```
//! [`keys`] lists every setting once; [`values`] are the types they can have. Everything that is wrong is found in one
//! go and told one line each. Nothing here opens a socket or the data folder. Start with [`load`].

mod check;
mod file;
mod finding;
pub mod keys;
mod layers;
mod nearest;
mod print;
mod rooms;
#[cfg(all(test, feature = "kafka", feature = "cassandra"))]
mod shared_tests;
#[cfg(test)]
mod tests;
pub mod values;

pub use file::{ConfigFile, DEFAULT_PATH};
pub use finding::{Finding, Findings, Source};
pub use keys::{
    Auth, Cassandra, Config, Feed, Gateway, Irc, KEYS, Kafka, Key, Limits, Log, Ops, SECTIONS, Server, Store,
};
pub use layers::{Flag, OTHER_VARIABLES, VARIABLE_PREFIX};
pub use print::{print, reference};
pub use rooms::ROOM_KEYS;
pub use values::{Limit, LogEngine, Origin, Password, Rate, Role, SaslMechanism, Secret, StoreEngine};

use std::{
    collections::BTreeMap,
    ffi::OsString,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

/// A configuration that was checked, and where each of its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What holds.
    pub config: Config,
    file_name: String,
    sources: BTreeMap<&'static str, Source>,
    room_sources: Vec<Source>,
}

impl Loaded {
    /// Where the value of a setting came from.
    #[must_use]
    pub fn source(&self, path: &str) -> &Source {
        self.sources.get(path).unwrap_or(&Source::Default)
    }

    /// The file that was read.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }
}

/// Puts the layers together and checks what comes out. `environment` may be everything the process has
/// (`std::env::vars_os()`); `styles` are the names of all styles there are. Reads `auth.secret_file`, if that is set,
/// into `auth.secret`, and the same for the passwords of engines that are used.
///
/// # Errors
/// Everything that is wrong, in one go.
pub fn load(
    file: &ConfigFile,
    environment: &[(OsString, OsString)],
    flags: &[Flag],
    styles: &[&str],
) -> Result<Loaded, Findings> {
    let layers::Merged { accepted, mut sources, rooms, mut findings } =
        layers::merge(file, environment, flags);
    if findings
        .0
        .iter()
        .any(|finding| finding.key.is_empty() && matches!(finding.source, Source::File { .. }))
    {
        // A file that is not TOML says nothing, so what seems to be missing may well stand there.
        return Err(findings);
    }
    let mut config = Config::assemble(&accepted);
    let doubtful = findings.0.iter().any(|finding| finding.key == "log.partitions");
    let partitions = NonZeroU32::new(config.log.partitions).filter(|_| !doubtful);
    let (defined, room_sources) = rooms::define(rooms, partitions, styles, &mut findings);
    config.rooms = defined;
    check::check(&config, &sources, &mut findings);
    let auth = &mut config.auth;
    let mut files = Files { sources: &mut sources, findings: &mut findings };
    files.read("auth.secret", &mut auth.secret, "auth.secret_file", &auth.secret_file, check::read_secret);
    let (kafka, cassandra) = (&mut config.kafka, &mut config.cassandra);
    if config.log.engine == LogEngine::Kafka {
        let (password, file) = (&mut kafka.password, &kafka.password_file);
        files.read("kafka.password", password, "kafka.password_file", file, check::read_password);
    }
    if config.store.engine == StoreEngine::Cassandra {
        let (password, file) = (&mut cassandra.password, &cassandra.password_file);
        files.read("cassandra.password", password, "cassandra.password_file", file, check::read_password);
    }
    if findings.0.is_empty() {
        Ok(Loaded { config, file_name: file.name().to_owned(), sources, room_sources })
    } else {
        findings.sort();
        Err(findings)
    }
}

/// Settings whose value may lie in a file of its own.
struct Files<'a> {
    sources: &'a mut BTreeMap<&'static str, Source>,
    findings: &'a mut Findings,
}

impl Files<'_> {
    fn read<T>(
        &mut self,
        key: &'static str,
        value: &mut Option<T>,
        file_key: &'static str,
        file: &Option<PathBuf>,
        read: fn(&Path) -> Result<T, String>,
    ) {
        let (Some(path), None) = (file, &value) else { return };
        match read(path) {
            Ok(secret) => {
                self.sources.insert(key, Source::File { name: path.display().to_string(), line: None });
                *value = Some(secret);
            }
            Err(problem) => {
                let source = self.sources.get(file_key).cloned().unwrap_or(Source::Default);
                self.findings.0.push(Finding::new(source, file_key, problem));
            }
        }
    }
}
