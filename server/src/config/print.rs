//! The configuration in words: what holds and where it came from, and the page of all settings.
//!
//! Start with [`print`]; secrets never come out of here.

use super::{
    Loaded,
    finding::Source,
    keys::{KEYS, Key, SECTIONS},
    layers::{OTHER_VARIABLES, key},
    rooms::ROOM_KEYS,
};
use std::fmt::Write as _;
use toml::Value as Toml;

/// What holds, as a file that could be loaded again: behind each setting, where it came from. What is not set and what
/// is secret stands there as a comment.
#[must_use]
pub fn print(loaded: &Loaded) -> String {
    let mut out = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(out, "{text}").expect("a String takes all");
    line(format_args!("# What holds. Later layers win: default, {}, environment, flags.", loaded.file_name));
    let mut section = "";
    for (path, value) in loaded.config.shown() {
        let (this, name) = path.rsplit_once('.').unwrap_or(("", path));
        if this != section {
            section = this;
            line(format_args!("\n[{section}]"));
        }
        let source = one_line(loaded.source(path));
        match value {
            // That there are none is no secret.
            Some(value) if key(path).is_some_and(|key| key.secret) && value != Toml::Array(Vec::new()) => {
                line(format_args!("# {name} = (redacted)  # {source}"));
            }
            Some(value) => line(format_args!("{name} = {value}  # {source}")),
            None => line(format_args!("# {name} is not set  # {source}")),
        }
    }
    for (room, source) in loaded.config.rooms.iter().zip(&loaded.room_sources) {
        line(format_args!("\n[[rooms]]  # {}", one_line(source)));
        for (name, text) in [
            ("slug", room.slug.as_str()),
            ("title", &room.title),
            ("description", &room.description),
            ("transformer", &room.transformer),
        ] {
            line(format_args!("{name} = {}", Toml::String(text.to_owned())));
        }
        line(format_args!("id = {}\npartition = {}", room.id, room.partition));
    }
    out
}

/// For a comment: a file's name may hold anything.
fn one_line(source: &Source) -> String {
    source.to_string().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The tables of `docs/configuration.md`: every setting with its type, default and meaning.
#[must_use]
pub fn reference() -> String {
    let mut out = String::new();
    let above = KEYS.iter().filter(|key| !key.path.contains('.'));
    table(&mut out, "Above all sections", &[], above);
    for (section, doc) in SECTIONS {
        let keys = KEYS.iter().filter(|key| key.path.split_once('.').is_some_and(|(of, _)| of == *section));
        table(&mut out, &format!("`[{section}]`"), doc, keys);
    }
    out.push_str("\n### `[[rooms]]`\n\nThe preset rooms, one table each.\n\n| key | meaning |\n|---|---|\n");
    for (name, meaning) in ROOM_KEYS {
        writeln!(out, "| `{name}` | {meaning} |").expect("a String takes all");
    }
    out.push_str("\n### Variables that are no settings\n\n| variable | meaning |\n|---|---|\n");
    for (name, meaning) in OTHER_VARIABLES {
        writeln!(out, "| `{name}` | {meaning} |").expect("a String takes all");
    }
    out
}

fn table<'a>(out: &mut String, title: &str, doc: &[&str], keys: impl Iterator<Item = &'a Key>) {
    let prose =
        |doc: &[&str]| doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let intro = if doc.is_empty() { String::new() } else { format!("{}\n\n", prose(doc)) };
    write!(out, "\n### {title}\n\n{intro}| key | default | expected | meaning |\n|---|---|---|---|\n")
        .expect("a String takes all");
    for key in keys {
        let default = (key.default)().map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"));
        let (path, expected) = (key.path, key.expected());
        writeln!(out, "| `{path}` | {default} | {expected} | {} |", prose(key.doc))
            .expect("a String takes all");
    }
}
