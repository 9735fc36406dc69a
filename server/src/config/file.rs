//! The configuration file as text: where it is found, what it holds and on which line.
//!
//! Nothing here knows which settings there are. Start with [`ConfigFile::read`].

use super::finding::{Finding, Findings, Source};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};
use toml::de::{DeTable, DeValue};

/// Where the file lies unless somebody says otherwise, from the working directory.
pub const DEFAULT_PATH: &str = "config/twitchy.toml";
/// The same file as it was when the program was built, for those who have only the program.
const SHIPPED: &str = include_str!("../../../config/twitchy.toml");
/// Longest file that is read, in bytes: 30,000 rooms of 300 bytes, and half as much again.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A configuration file that was read but not yet understood.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    name: String,
    text: String,
}

/// What a file says, and on which line (from 1) it says so. Keys are `section`, `section.name` and `rooms[0]`.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) table: toml::Table,
    pub(super) lines: BTreeMap<String, usize>,
}

impl ConfigFile {
    /// The file at `path`, which then has to be there; without a path the one at [`DEFAULT_PATH`], and where there is
    /// none, the one that is built in.
    ///
    /// # Errors
    /// One finding that names the file.
    pub fn read(path: Option<&Path>) -> Result<Self, Findings> {
        let wanted = path.unwrap_or(Path::new(DEFAULT_PATH));
        match Self::open(wanted) {
            Err(e)
                if path.is_none() && matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(Self::shipped())
            }
            Err(e) => Err(Finding::new(
                Source::File { name: wanted.display().to_string(), line: None },
                "",
                e.to_string(),
            )
            .into()),
            Ok(file) => Ok(file),
        }
    }

    /// The file that is built into the program.
    #[must_use]
    pub fn shipped() -> Self {
        Self::new(format!("built-in {DEFAULT_PATH}"), SHIPPED)
    }

    /// A file of that name and text, wherever it comes from.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Its name, as findings and `config print` show it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn open(path: &Path) -> std::io::Result<Self> {
        let mut text = String::new();
        let read = File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
        // Cut off in the middle of a character it is too long in the first place.
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(std::io::Error::other(format!("longer than {FILE_BYTES_MAX} bytes")));
        }
        read?;
        Ok(Self::new(path.display().to_string(), text))
    }

    /// What it says.
    pub(super) fn parse(&self) -> Result<Parsed, Finding> {
        let located = DeTable::parse(&self.text).map_err(|e| self.syntax(&e))?;
        let table = self.text.parse().map_err(|e| self.syntax(&e))?;
        let mut lines = BTreeMap::new();
        let line_of = LineIndex::new(&self.text);
        for (key, value) in located.get_ref() {
            lines.insert(key.get_ref().to_string(), line_of.line(key.span().start));
            match value.get_ref() {
                DeValue::Table(section) => {
                    for inner in section.keys() {
                        let path = format!("{}.{}", key.get_ref(), inner.get_ref());
                        lines.insert(path, line_of.line(inner.span().start));
                    }
                }
                DeValue::Array(items) => {
                    for (index, item) in items.iter().enumerate() {
                        lines.insert(format!("{}[{index}]", key.get_ref()), line_of.line(item.span().start));
                    }
                }
                _ => {}
            }
        }
        Ok(Parsed { table, lines })
    }

    /// One line `file:line:column: what`, whatever the parser says.
    fn syntax(&self, error: &toml::de::Error) -> Finding {
        let what = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        let offset = error.span().map_or(0, |span| span.start);
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = LineIndex::new(&self.text).line(offset);
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Finding::new(Source::File { name: format!("{}:{line}:{column}", self.name), line: None }, "", what)
    }
}

/// Where lines begin, so that looking up the line of each of 30,000 rooms does not read the text as often.
struct LineIndex(Vec<usize>);

impl LineIndex {
    fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect())
    }

    /// The line, from 1, of the byte at that offset.
    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|&newline| newline < offset) + 1
    }
}
