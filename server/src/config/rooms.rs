//! The preset rooms: from `[[rooms]]` tables to definitions, or everything that is wrong with them.
//!
//! Start with [`define`].

use super::{
    finding::{Finding, Findings, Source},
    layers::RoomSources,
    nearest::hint,
    values::found,
};
use chat::rooms::{RoomDefinition, Slug, partition_of};
use protocol::{
    ids::RoomId,
    limits::{ROOM_DESCRIPTION_CODE_POINTS_MAX, ROOM_TITLE_CODE_POINTS_MAX},
};
use std::{collections::HashMap, num::NonZeroU32};
use toml::{Table, Value as Toml};

/// The keys of a room, those it must have first, and what they mean.
pub const ROOM_KEYS: &[(&str, &str)] = &[
    ("slug", "Its name in addresses: `[a-z0-9_]{3,25}`. Needed."),
    ("title", "Its name for people, 1 to 100 characters. Needed."),
    ("transformer", "Its style, for ever; `plain` leaves text as it is. Needed."),
    ("description", "One line under the title, at most 300 characters."),
    ("id", "A whole number from 1 to 9223372036854775807, for ever. Else it is made from the slug (FNV-1a)."),
    ("partition", "In which partition of the log it lives, for ever. Else `id` modulo `log.partitions`."),
];

/// Reads the rooms, and where each was written down. Those that are wrong are left out and told. Without `partitions` (their number is itself in doubt)
/// partitions are not looked at.
pub(super) fn define(
    rooms: Option<(Toml, RoomSources)>,
    partitions: Option<NonZeroU32>,
    styles: &[&str],
    findings: &mut Findings,
) -> (Vec<RoomDefinition>, Vec<Source>) {
    const REMEDY: &str = "no rooms; add at least one [[rooms]] table with slug, title and transformer";
    let mut refuse = |source, key: &str, text: String| findings.0.push(Finding::new(source, key, text));
    let (items, sources) = match rooms {
        None => {
            refuse(Source::Default, "rooms", REMEDY.to_owned());
            return (Vec::new(), Vec::new());
        }
        Some((Toml::Array(items), sources)) => (items, sources),
        Some((other, sources)) => {
            refuse(sources.whole, "rooms", format!("expected [[rooms]] tables, found {}", found(&other)));
            return (Vec::new(), Vec::new());
        }
    };
    if items.is_empty() {
        refuse(sources.whole.clone(), "rooms", REMEDY.to_owned());
    }
    let (mut by_slug, mut by_id) = (HashMap::new(), HashMap::new());
    let (mut defined, mut origins) = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
    for (index, item) in items.iter().enumerate() {
        let Toml::Table(table) = item else {
            refuse(
                sources.of(index),
                &format!("rooms[{index}]"),
                format!("expected a table, found {}", found(item)),
            );
            continue;
        };
        let mut reader = Reader { table, problems: Vec::new() };
        let room = reader.room(partitions, styles);
        let name = match table.get("slug").and_then(Toml::as_str) {
            Some(slug) => format!("rooms[{index}] {slug:?}"),
            None => format!("rooms[{index}]"),
        };
        if let Some(room) = &room {
            if let Some(first) = by_slug.insert(room.slug.clone(), index) {
                reader.problems.push(format!("slug as in rooms[{first}]; give each room its own"));
            } else if let Some(first) = by_id.insert(room.id, index) {
                reader
                    .problems
                    .push(format!("id {} as in rooms[{first}]; give this room another id", room.id));
            }
        }
        if reader.problems.is_empty() {
            defined.extend(room);
            origins.push(sources.of(index));
        }
        for problem in reader.problems {
            refuse(sources.of(index), &name, problem);
        }
    }
    (defined, origins)
}

struct Reader<'a> {
    table: &'a Table,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// The room, as far as it can be told; `None` only if the slug is missing or bad.
    fn room(&mut self, partitions: Option<NonZeroU32>, styles: &[&str]) -> Option<RoomDefinition> {
        for key in self.table.keys() {
            if !ROOM_KEYS.iter().any(|(known, _)| known == key) {
                let hint = hint(key, ROOM_KEYS.iter().map(|(known, _)| *known));
                self.problems.push(format!("no such key: {key:?}{hint}"));
            }
        }
        let slug = self.needed("slug").and_then(|text| match text.parse::<Slug>() {
            Ok(slug) => Some(slug),
            Err(bad) => {
                self.problems.push(bad.to_string());
                None
            }
        });
        let title = self.needed("title").unwrap_or_default();
        if self.table.get("title").is_some_and(Toml::is_str) && title.trim().is_empty() {
            self.problems.push("title: expected a text that is not empty".to_owned());
        }
        self.line("title", &title, ROOM_TITLE_CODE_POINTS_MAX);
        let description = self.text("description").unwrap_or_default();
        self.line("description", &description, ROOM_DESCRIPTION_CODE_POINTS_MAX);
        let transformer = self.needed("transformer").unwrap_or_default();
        if self.table.get("transformer").is_some_and(Toml::is_str) && !styles.contains(&transformer.as_str())
        {
            let hint = hint(&transformer, styles.iter().copied());
            self.problems
                .push(format!("unknown transformer {transformer:?}; known: {}{hint}", styles.join(", ")));
        }
        let id = self.number("id", 1, i64::MAX);
        let last = partitions.map_or(u32::MAX, |partitions| partitions.get() - 1);
        let partition = self.number("partition", 0, i64::from(last));
        let slug = slug?;
        let id = id.map_or_else(|| slug.room_id(), RoomId);
        let partition = partition.and_then(|partition| u32::try_from(partition).ok());
        let partition = partition.unwrap_or_else(|| partition_of(id, partitions.unwrap_or(NonZeroU32::MIN)));
        Some(RoomDefinition { id, slug, title, description, transformer, partition })
    }

    fn needed(&mut self, key: &str) -> Option<String> {
        if !self.table.contains_key(key) {
            self.problems.push(format!("{key} is missing"));
        }
        self.text(key)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.table.get(key)? {
            Toml::String(text) => Some(text.clone()),
            other => {
                self.problems.push(format!("{key}: expected a text, found {}", found(other)));
                None
            }
        }
    }

    /// One line of a bounded length.
    fn line(&mut self, key: &str, text: &str, code_points_max: usize) {
        let len = text.chars().count();
        if len > code_points_max {
            self.problems.push(format!("{key}: expected at most {code_points_max} characters, found {len}"));
        }
        if text.chars().any(char::is_control) {
            self.problems.push(format!("{key}: expected one line without control characters"));
        }
    }

    fn number(&mut self, key: &str, first: i64, last: i64) -> Option<u64> {
        let value = self.table.get(key)?;
        let number = value.as_integer().filter(|number| (first..=last).contains(number));
        if number.is_none() {
            let instead = found(value);
            self.problems
                .push(format!("{key}: expected a whole number from {first} to {last}, found {instead}"));
        }
        number.and_then(|number| u64::try_from(number).ok())
    }
}
