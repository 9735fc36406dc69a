//! What a setting can be: each type says which words describe it, how it reads from TOML, from a plain text of the
//! environment or the command line, and how it is shown. Types refuse here what no program could use.
//!
//! Nothing here knows which settings there are. Start with [`Value`].

use std::{fmt, net::SocketAddr, num::NonZeroU32, path::PathBuf};
use toml::Value as Toml;

/// Shortest signing secret, in bytes: as many as the digest of HMAC-SHA-256 has.
pub const SECRET_BYTES_MIN: usize = 32;
/// Slowest and fastest rate that is not "none", per second: one in about 17 minutes, and one each microsecond.
const RATE: std::ops::RangeInclusive<f64> = 0.001..=1_000_000.0;

/// Longest text that an error repeats, in characters.
const FOUND_CHARS_MAX: usize = 80;

/// A type that a setting can have.
pub trait Value: Sized {
    /// What may stand there, in words: "expected …".
    const EXPECTED: &'static str;
    /// Never shown.
    const SECRET: bool = false;

    /// From a file. The error is said after "expected …".
    ///
    /// # Errors
    /// What was found instead.
    fn read(value: &Toml) -> Result<Self, String>;

    /// As it stands in a file; `None` for what is not set.
    fn show(&self) -> Option<Toml>;

    /// A plain text, as the environment has it, in the form of a file; `None` if it cannot be.
    #[must_use]
    fn parse(text: &str) -> Option<Toml> {
        Some(Toml::String(text.to_owned()))
    }
}

/// What was found, in a few words: shown when something else was expected.
pub(super) fn found(value: &Toml) -> String {
    match value {
        Toml::String(text) if text.chars().count() > FOUND_CHARS_MAX => {
            format!("{:?} and more", text.chars().take(FOUND_CHARS_MAX).collect::<String>())
        }
        Toml::String(text) => format!("{text:?}"),
        Toml::Integer(_) | Toml::Float(_) | Toml::Boolean(_) | Toml::Datetime(_) => value.to_string(),
        Toml::Array(_) => "a list".to_owned(),
        Toml::Table(_) => "a table".to_owned(),
    }
}

fn text(value: &Toml) -> Result<&str, String> {
    value.as_str().ok_or_else(|| found(value))
}

impl Value for String {
    const EXPECTED: &'static str = "a text";

    fn read(value: &Toml) -> Result<Self, String> {
        text(value).map(str::to_owned)
    }

    fn show(&self) -> Option<Toml> {
        Some(Toml::String(self.clone()))
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn read(value: &Toml) -> Result<Self, String> {
        let path = text(value)?;
        if path.is_empty() || path.contains('\0') { Err(found(value)) } else { Ok(path.into()) }
    }

    fn show(&self) -> Option<Toml> {
        Some(Toml::String(self.display().to_string()))
    }
}

impl Value for SocketAddr {
    const EXPECTED: &'static str =
        "an IP address and port, as \"127.0.0.1:8080\", \"0.0.0.0:8080\" or \"[::1]:8080\"";

    fn read(value: &Toml) -> Result<Self, String> {
        text(value)?.parse().map_err(|_| found(value))
    }

    fn show(&self) -> Option<Toml> {
        Some(Toml::String(self.to_string()))
    }
}

impl Value for u32 {
    const EXPECTED: &'static str = "a whole number";

    fn read(value: &Toml) -> Result<Self, String> {
        value.as_integer().and_then(|n| Self::try_from(n).ok()).ok_or_else(|| found(value))
    }

    fn show(&self) -> Option<Toml> {
        Some(Toml::Integer(i64::from(*self)))
    }

    fn parse(text: &str) -> Option<Toml> {
        text.parse().ok().map(Toml::Integer)
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(value: &Toml) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| found(value))
    }

    fn show(&self) -> Option<Toml> {
        Some(Toml::Boolean(*self))
    }

    fn parse(text: &str) -> Option<Toml> {
        text.parse().ok().map(Toml::Boolean)
    }
}

/// A whole number that limits something; 0 means that nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub u32);

impl Limit {
    /// The limit, if there is one.
    #[must_use]
    pub fn get(self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.0)
    }
}

impl Value for Limit {
    const EXPECTED: &'static str = "a whole number from 0 (none) to 4294967295";

    fn read(value: &Toml) -> Result<Self, String> {
        u32::read(value).map(Self)
    }

    fn show(&self) -> Option<Toml> {
        self.0.show()
    }

    fn parse(text: &str) -> Option<Toml> {
        u32::parse(text)
    }
}

/// How often something may happen in a second; 0 means that nothing limits it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(pub f64);

impl Rate {
    /// Times per second, finite and above 0, if there is a limit.
    #[must_use]
    pub fn get(self) -> Option<f64> {
        (self.0 > 0.0).then_some(self.0)
    }
}

impl Value for Rate {
    const EXPECTED: &'static str = "a number from 0.001 to 1000000, or 0 (none)";

    fn read(value: &Toml) -> Result<Self, String> {
        // Both kinds of number may stand there; whole ones up to the bound are exact in an f64.
        let rate = match *value {
            Toml::Float(rate) => rate,
            Toml::Integer(rate) => u32::try_from(rate).map(f64::from).map_err(|_| found(value))?,
            _ => return Err(found(value)),
        };
        if rate == 0.0 || RATE.contains(&rate) { Ok(Self(rate)) } else { Err(found(value)) }
    }

    fn show(&self) -> Option<Toml> {
        Some(Toml::Float(self.0))
    }

    fn parse(text: &str) -> Option<Toml> {
        text.parse().ok().map(Toml::Float)
    }
}

/// A secret text. It is never shown: not by `Debug`, not in an error, not by `config print`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret, if it is long enough.
    #[must_use]
    pub fn new(secret: String) -> Option<Self> {
        (secret.len() >= SECRET_BYTES_MIN).then_some(Self(secret))
    }

    /// The bytes, for signing.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Value for Secret {
    const EXPECTED: &'static str = "a text of at least 32 bytes";
    const SECRET: bool = true;

    fn read(value: &Toml) -> Result<Self, String> {
        let Some(secret) = value.as_str() else { return Err("something else".to_owned()) };
        Self::new(secret.to_owned()).ok_or_else(|| format!("{} bytes", secret.len()))
    }

    fn show(&self) -> Option<Toml> {
        Some(Toml::String("(redacted)".to_owned()))
    }
}

impl Listed for Secret {
    const EXPECTED_LIST: &'static str = "a list of texts of at least 32 bytes each";
}

/// A password that somebody else chose, of any length. It is never shown either.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password, if there is one.
    #[must_use]
    pub fn new(password: String) -> Option<Self> {
        (!password.is_empty()).then_some(Self(password))
    }

    /// The text, for whoever asks for it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Value for Password {
    const EXPECTED: &'static str = "a text";
    const SECRET: bool = true;

    fn read(value: &Toml) -> Result<Self, String> {
        value.as_str().map(str::to_owned).and_then(Self::new).ok_or_else(|| "something else".to_owned())
    }

    fn show(&self) -> Option<Toml> {
        Some(Toml::String("(redacted)".to_owned()))
    }
}

/// Not set, or a value. An empty text unsets what a lower layer set.
impl<T: Value> Value for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const SECRET: bool = T::SECRET;

    fn read(value: &Toml) -> Result<Self, String> {
        if value.as_str() == Some("") { Ok(None) } else { T::read(value).map(Some) }
    }

    fn show(&self) -> Option<Toml> {
        self.as_ref().and_then(T::show)
    }

    fn parse(text: &str) -> Option<Toml> {
        if text.is_empty() { Some(Toml::String(String::new())) } else { T::parse(text) }
    }
}

/// A type of which there can be a list; the words for the list are its own.
pub trait Listed: Value {
    /// What may stand there, in words.
    const EXPECTED_LIST: &'static str;
}

impl Listed for String {
    const EXPECTED_LIST: &'static str = "a list of texts";
}

impl<T: Listed> Value for Vec<T> {
    const EXPECTED: &'static str = T::EXPECTED_LIST;
    const SECRET: bool = T::SECRET;

    fn read(value: &Toml) -> Result<Self, String> {
        match value {
            Toml::Array(items) => items.iter().map(T::read).collect(),
            _ if T::SECRET => Err("something else".to_owned()),
            _ => Err(found(value)),
        }
    }

    fn show(&self) -> Option<Toml> {
        Some(Toml::Array(self.iter().filter_map(T::show).collect()))
    }

    /// `["a", "b"]` as in a file, or `a,b`. Nothing between the commas is nothing.
    fn parse(text: &str) -> Option<Toml> {
        if text.trim_start().starts_with('[') {
            let table: toml::Table = format!("list = {text}").parse().ok()?;
            return (table.len() == 1).then(|| table["list"].clone());
        }
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(T::parse).collect::<Option<_>>().map(Toml::Array)
    }
}

/// The origin of a site as browsers send it: scheme, host and port, nothing behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The text, as in the header `Origin`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Origin {
    const EXPECTED: &'static str = "an origin as \"https://example.org\" or \"http://localhost:3000\"";

    fn read(value: &Toml) -> Result<Self, String> {
        let origin = text(value)?;
        // Browsers send lower case and leave out the port that the scheme has by default: anything else never matches.
        let (host, default_port) = match origin.split_once("://") {
            Some(("http", host)) => (host, ":80"),
            Some(("https", host)) => (host, ":443"),
            _ => return Err(found(value)),
        };
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:[]".contains(&b);
        let usable = !host.is_empty() && !host.starts_with(':') && host.bytes().all(allowed);
        if usable && !host.ends_with(default_port) && !host.ends_with(':') {
            Ok(Self(origin.to_owned()))
        } else {
            Err(found(value))
        }
    }

    fn show(&self) -> Option<Toml> {
        Some(Toml::String(self.0.clone()))
    }
}

impl Listed for Origin {
    const EXPECTED_LIST: &'static str =
        "a list of origins as \"https://example.org\" (lower case, no path, no default port)";
}

/// Makes an enum of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $expected:literal { $( $(#[$vdoc:meta])* $variant:ident = $word:literal, )+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $( $(#[$vdoc])* $variant, )+
        }

        impl $name {
            /// The word for it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Value for $name {
            const EXPECTED: &'static str = $expected;

            fn read(value: &Toml) -> Result<Self, String> {
                match value.as_str() {
                    $( Some($word) => Ok(Self::$variant), )+
                    _ => Err(found(value)),
                }
            }

            fn show(&self) -> Option<Toml> {
                Some(Toml::String(self.as_str().to_owned()))
            }
        }
    };
}

words! {
    /// Who holds the log.
    LogEngine: "embedded, kafka or memory" {
        /// This process, in the data folder.
        Embedded = "embedded",
        /// Apache Kafka.
        Kafka = "kafka",
        /// This process, and nothing survives it: for tests and trials.
        Memory = "memory",
    }
}

words! {
    /// Who holds the store.
    StoreEngine: "embedded, cassandra or memory" {
        /// This process, in the data folder.
        Embedded = "embedded",
        /// Apache Cassandra or ScyllaDB.
        Cassandra = "cassandra",
        /// This process, and nothing survives it: for tests and trials.
        Memory = "memory",
    }
}

words! {
    /// How a name and a password are proved to Kafka.
    SaslMechanism: "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512" {
        /// The password itself is sent.
        Plain = "PLAIN",
        /// A proof of it is sent.
        ScramSha256 = "SCRAM-SHA-256",
        /// The same with the longer hash.
        ScramSha512 = "SCRAM-SHA-512",
    }
}

words! {
    /// What a process does.
    Role: "gateway or persist" {
        /// Takes connections.
        Gateway = "gateway",
        /// Writes from the log to the store.
        Persist = "persist",
    }
}

impl Listed for Role {
    const EXPECTED_LIST: &'static str = "a list of gateway and persist";
}
