//! One value per setting out of four layers: default, file, environment, flag; the later wins.
//!
//! Every layer is read whole and what is wrong in it is collected, also what a later layer would have covered. Nothing
//! here knows what a single setting means. Start with [`merge`].

use super::{
    file::{ConfigFile, Parsed},
    finding::{Finding, Findings, Source},
    keys::{Accepted, KEYS, Key, SECTIONS},
    nearest::{hint, nearest},
    values::found,
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};
use toml::Value as Toml;

/// What every variable of ours begins with.
pub const VARIABLE_PREFIX: &str = "TWITCHY_";
/// Variables of ours that are no settings, and what they do.
pub const OTHER_VARIABLES: &[(&str, &str)] = &[
    ("TWITCHY_CONFIG", "the configuration file, as `--config`"),
    ("TWITCHY_LOG", "which log lines are written, as `--log-level`"),
    ("TWITCHY_LOG_FORMAT", "`text` or `json`, as `--log-format`"),
];
/// The variable for all rooms at once.
const ROOMS_VARIABLE: &str = "TWITCHY_ROOMS";

/// A setting given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The flag, as `--listen`.
    pub name: &'static str,
    /// The setting it stands for, as in [`Key::path`].
    pub path: &'static str,
    /// What was given.
    pub text: String,
}

/// What the layers say together, before rooms are read and settings are compared with each other.
pub(super) struct Merged {
    pub(super) accepted: Accepted,
    /// Of the accepted values; a setting that is not here has its default.
    pub(super) sources: BTreeMap<&'static str, Source>,
    pub(super) rooms: Option<(Toml, RoomSources)>,
    pub(super) findings: Findings,
}

/// Where each room was written down.
pub(super) struct RoomSources {
    pub(super) whole: Source,
    /// By index.
    pub(super) each: Vec<Source>,
}

impl RoomSources {
    pub(super) fn of(&self, index: usize) -> Source {
        self.each.get(index).unwrap_or(&self.whole).clone()
    }
}

impl Key {
    /// The environment variable of this setting.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.path.replace('.', "__").to_uppercase())
    }

    /// What may stand there, in words, with the bounds.
    #[must_use]
    pub fn expected(&self) -> String {
        match &self.range {
            Some(range) => format!("{} from {} to {}", self.expected, range.start(), range.end()),
            None => self.expected.to_owned(),
        }
    }
}

impl Merged {
    fn refuse(&mut self, source: Source, key: &str, text: impl Into<String>) {
        self.findings.0.push(Finding::new(source, key, text));
    }

    /// Takes a value if its key does, or says why not.
    fn offer(&mut self, key: &'static Key, value: Toml, source: Source) {
        let outside = || match (&key.range, value.as_integer()) {
            (Some(range), Some(number)) if !range.contains(&number) => Some(found(&value)),
            _ => None,
        };
        match (key.refuse)(&value).or_else(outside) {
            Some(instead) => {
                self.refuse(source, key.path, format!("expected {}, found {instead}", key.expected()));
            }
            None => {
                self.accepted.insert(key.path, value);
                self.sources.insert(key.path, source);
            }
        }
    }

    /// The same for a plain text.
    fn offer_text(&mut self, key: &'static Key, text: &str, source: Source) {
        match (key.parse)(text) {
            Some(value) => self.offer(key, value, source),
            None => {
                let instead = match key.secret {
                    true => "something else".to_owned(),
                    false => found(&Toml::String(text.to_owned())),
                };
                self.refuse(source, key.path, format!("expected {}, found {instead}", key.expected()));
            }
        }
    }

    fn file(&mut self, file: &ConfigFile) {
        let Parsed { table, lines } = match file.parse() {
            Ok(parsed) => parsed,
            Err(finding) => return self.findings.0.push(finding),
        };
        let source =
            |path: &str| Source::File { name: file.name().to_owned(), line: lines.get(path).copied() };
        for (name, value) in table {
            let at = source(&name);
            if name == "rooms" {
                let len = value.as_array().map_or(0, Vec::len);
                let each = (0..len).map(|index| source(&format!("rooms[{index}]"))).collect();
                self.rooms = Some((value, RoomSources { whole: at, each }));
            } else if let Some(key) = key(&name) {
                self.offer(key, value, at);
            } else if SECTIONS.iter().any(|(section, _)| *section == name) {
                let Toml::Table(section) = value else {
                    self.refuse(at, &name, format!("expected a section [{name}], found {}", found(&value)));
                    continue;
                };
                for (inner, value) in section {
                    let path = format!("{name}.{inner}");
                    match key(&path) {
                        Some(key) => self.offer(key, value, source(&path)),
                        None => self.refuse(source(&path), &path, unknown_setting(&path)),
                    }
                }
            } else if value.is_table() {
                let sections = SECTIONS.iter().map(|(section, _)| *section);
                self.refuse(at, &name, format!("no such section{}", hint(&name, sections.chain(["rooms"]))));
            } else {
                self.refuse(at, &name, unknown_setting(&name));
            }
        }
    }

    fn environment(&mut self, variables: &[(OsString, OsString)]) {
        for (name, text) in variables {
            let name = name.to_string_lossy();
            if !name.starts_with(VARIABLE_PREFIX) || OTHER_VARIABLES.iter().any(|(other, _)| *other == name) {
                continue;
            }
            if is_service_link(&name, text) {
                continue;
            }
            let source = Source::Environment(name.to_string());
            let Some(text) = text.to_str() else {
                self.refuse(source, "", "not UTF-8");
                continue;
            };
            if name == ROOMS_VARIABLE {
                match format!("rooms = {text}").parse::<toml::Table>() {
                    Ok(mut table) if table.len() == 1 => {
                        let value = table.remove("rooms").expect("the one key there is");
                        self.rooms = Some((value, RoomSources { whole: source, each: Vec::new() }));
                    }
                    _ => self.refuse(
                        source,
                        "rooms",
                        "expected a list of tables in TOML, as [{slug = \"…\", …}]",
                    ),
                }
            } else if let Some(key) = KEYS.iter().find(|key| key.variable() == *name) {
                self.offer_text(key, text, source);
            } else {
                let hint = unknown_variable(&name);
                self.refuse(source, "", format!("no setting has this variable{hint}"));
            }
        }
    }
}

/// Puts the layers over each other. The environment may hold anything; only variables of ours are looked at, in the
/// order of their names.
pub(super) fn merge(file: &ConfigFile, environment: &[(OsString, OsString)], flags: &[Flag]) -> Merged {
    let mut merged = Merged {
        accepted: Accepted::new(),
        sources: BTreeMap::new(),
        rooms: None,
        findings: Findings::default(),
    };
    merged.file(file);
    let mut environment = environment.to_vec();
    environment.sort();
    merged.environment(&environment);
    for flag in flags {
        let key = key(flag.path).expect("flags stand for settings there are; a test looks at each");
        merged.offer_text(key, &flag.text, Source::Flag(flag.name));
    }
    merged
}

/// The setting of that path.
pub(super) fn key(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Is it one of the variables that Kubernetes sets in every container for a service called `twitchy` or `twitchy-…`?
/// Nobody typed them, so they must not stop a start. No setting looks like them.
fn is_service_link(name: &str, text: &OsStr) -> bool {
    let is_url = || {
        text.to_str().is_some_and(|text| ["tcp://", "udp://", "sctp://"].iter().any(|s| text.starts_with(s)))
    };
    let is_port =
        || name.split("_PORT_").nth(1).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    !name.contains("__")
        && (name.ends_with("_SERVICE_HOST")
            || name.contains("_SERVICE_PORT")
            || (name.ends_with("_PORT") && is_url())
            || is_port())
}

/// The variable that was meant, if one is near. The prefix, which all have, makes none nearer.
fn unknown_variable(name: &str) -> String {
    let mut known: Vec<String> = KEYS.iter().map(Key::variable).collect();
    known.extend(OTHER_VARIABLES.iter().map(|(other, _)| *other).chain([ROOMS_VARIABLE]).map(str::to_owned));
    let bare = |name| str::strip_prefix(name, VARIABLE_PREFIX).unwrap_or(name);
    match nearest(bare(name), known.iter().map(|known| bare(known))) {
        Some(near) => format!(" (did you mean {VARIABLE_PREFIX}{near}?)"),
        None => String::new(),
    }
}

/// With the setting that was meant: the nearest by its path, or one of the same name in another section.
fn unknown_setting(path: &str) -> String {
    let name = |path: &str| path.rsplit('.').next().map(str::to_owned);
    let same_name = || KEYS.iter().map(|key| key.path).find(|known| name(known) == name(path));
    match same_name().or_else(|| nearest(path, KEYS.iter().map(|key| key.path))) {
        Some(meant) => format!("no such setting (did you mean {meant:?}?)"),
        None => "no such setting".to_owned(),
    }
}
