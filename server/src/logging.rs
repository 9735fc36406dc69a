//! Logs: structured lines on standard error, as text for people or JSON for machines. Standard output stays free for
//! what commands print.
//!
//! The module knows no setting of the configuration: logs begin before that is read. Start with [`init`].

use std::{
    ffi::OsStr,
    fmt,
    io::{self, IsTerminal},
};
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// The variable that says which lines are written.
pub const FILTER_VARIABLE: &str = "TWITCHY_LOG";
/// The variable that says in which form.
pub const FORMAT_VARIABLE: &str = "TWITCHY_LOG_FORMAT";
/// Our own parts at `info`; the driver of Cassandra tells at that level of each connection it makes, and while the schema
/// is changed it warns of what is meant to be so.
const FILTER_DEFAULT: &str = "info,scylla=warn,scylla::client::session=error";

/// In which form lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Which lines are written: a level (`error`, `warn`, `info`, `debug`, `trace`, `off`), or directives by module as
/// `info,server::gateway=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl std::str::FromStr for LogFilter {
    type Err = LoggingError;

    fn from_str(directives: &str) -> Result<Self, LoggingError> {
        match EnvFilter::builder().parse(directives) {
            Ok(_) if !directives.trim().is_empty() => Ok(Self(directives.to_owned())),
            Ok(_) | Err(_) => Err(LoggingError::Filter),
        }
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self(FILTER_DEFAULT.to_owned())
    }
}

/// Why logs cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggingError {
    /// The filter is not one.
    Filter,
    /// A variable holds what it must not.
    Variable {
        /// Its name.
        name: &'static str,
        /// What may stand there.
        expected: &'static str,
    },
    /// Somebody has set them up already.
    Already,
}

const FILTER_EXPECTED: &str =
    "a level (error, warn, info, debug, trace, off) or directives as info,server=debug";

impl fmt::Display for LoggingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter => write!(f, "expected {FILTER_EXPECTED}"),
            Self::Variable { name, expected } => write!(f, "{name}: expected {expected}"),
            Self::Already => f.write_str("logs are set up already"),
        }
    }
}

impl std::error::Error for LoggingError {}

/// What was asked for: a flag, else its variable, else the default. An empty variable is as good as none.
///
/// # Errors
/// A variable that is looked at holds something else.
pub fn choose(
    format: Option<LogFormat>,
    filter: Option<LogFilter>,
    variable: impl Fn(&str) -> Option<std::ffi::OsString>,
) -> Result<(LogFormat, LogFilter), LoggingError> {
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    let format = match (format, variable(FORMAT_VARIABLE)) {
        (Some(format), _) => format,
        (None, None) => LogFormat::default(),
        (None, Some(value)) if value == "text" => LogFormat::Text,
        (None, Some(value)) if value == "json" => LogFormat::Json,
        (None, Some(_)) => {
            return Err(LoggingError::Variable { name: FORMAT_VARIABLE, expected: "text or json" });
        }
    };
    let filter = match (filter, variable(FILTER_VARIABLE)) {
        (Some(filter), _) => filter,
        (None, None) => LogFilter::default(),
        (None, Some(value)) => value
            .to_str()
            .and_then(|directives| directives.parse().ok())
            .ok_or(LoggingError::Variable { name: FILTER_VARIABLE, expected: FILTER_EXPECTED })?,
    };
    Ok((format, filter))
}

/// Sets the logs of the process up, once. Colours only where standard error is a terminal and `NO_COLOR` is not set.
///
/// # Errors
/// [`LoggingError::Already`].
pub fn init(format: LogFormat, filter: &LogFilter) -> Result<(), LoggingError> {
    let colours = coloured(io::stderr().is_terminal(), std::env::var_os("NO_COLOR").as_deref());
    tracing::subscriber::set_global_default(subscriber(format, filter, colours, io::stderr))
        .map_err(|_| LoggingError::Already)
}

fn coloured(terminal: bool, no_color: Option<&OsStr>) -> bool {
    terminal && no_color.is_none_or(OsStr::is_empty)
}

fn subscriber<W>(
    format: LogFormat,
    filter: &LogFilter,
    colours: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(&filter.0).expect("a LogFilter was parsed when it was made");
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        // Else a line that cannot be written is told by `eprintln!`, which panics once standard error is closed.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => Box::new(lines.with_ansi(colours).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).with_ansi(false).finish()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of one line of each level.
    fn written(format: LogFormat, filter: &str, colours: bool) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(format, &filter.parse().unwrap(), colours, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(room = "bestie", "joined");
            tracing::info!(room = "ohio", "left");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_has_fields_and_no_colours_unless_asked() {
        let text = written(LogFormat::Text, "info", false);
        assert!(text.contains("left") && text.contains(r#"room="ohio""#), "{text}");
        assert!(!text.contains("joined") && !text.contains('\x1b'), "{text:?}");
        assert!(written(LogFormat::Text, "info", true).contains('\x1b'));
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = written(LogFormat::Json, "debug", false);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |key: &str| lines.iter().map(|line| line[key].as_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(
            (of("message"), of("room"), of("level")),
            (vec!["joined", "left"], vec!["bestie", "ohio"], vec!["DEBUG", "INFO"])
        );
    }

    #[test]
    fn directives_choose_by_module() {
        assert!(written(LogFormat::Text, "off,server::logging=debug", false).contains("joined"));
        assert_eq!(written(LogFormat::Text, "info,server=off", false), "");
    }

    #[test]
    fn flag_then_variable_then_default() {
        let set = |name: &str| match name {
            FORMAT_VARIABLE => Some("json".into()),
            FILTER_VARIABLE => Some("warn".into()),
            other => panic!("asked for {other}"),
        };
        let filter = |text: &str| text.parse::<LogFilter>().unwrap();
        assert_eq!(choose(None, None, |_| None), Ok((LogFormat::Text, filter(FILTER_DEFAULT))));
        assert_eq!(choose(None, None, |_| Some("".into())), Ok((LogFormat::Text, filter(FILTER_DEFAULT))));
        assert_eq!(choose(None, None, set), Ok((LogFormat::Json, filter("warn"))));
        let flags = choose(Some(LogFormat::Text), Some(filter("trace")), set);
        assert_eq!(flags, Ok((LogFormat::Text, filter("trace"))));
    }

    #[test]
    fn a_bad_variable_is_named() {
        for (bad, text) in [(FORMAT_VARIABLE, "xml"), (FILTER_VARIABLE, "server=loud")] {
            let error = choose(None, None, |name| (name == bad).then(|| text.into())).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{bad}: expected ")), "{error}");
        }
        assert_eq!("a=b=c".parse::<LogFilter>(), Err(LoggingError::Filter));
        assert_eq!(" ".parse::<LogFilter>(), Err(LoggingError::Filter));
    }

    #[test]
    fn colours_need_a_terminal_and_leave() {
        assert!(coloured(true, None) && coloured(true, Some(OsStr::new(""))));
        assert!(!coloured(false, None) && !coloured(true, Some(OsStr::new("1"))));
    }
}
