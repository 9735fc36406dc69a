//! How a server is spoken to: Twitchy, or a peer described by a file, so that all get the same load from the same
//! program.
//!
//! A peer's file is templates: what to send on entering and what to wait for, what a message looks like, what
//! acknowledges it. Messages are found by their mark wherever a server packs them. It knows no socket.

use crate::stamp;
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

/// A language over WebSocket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    Twitchy,
    Peer(Box<Peer>),
}

/// A server that is spoken to by templates, in which `{room}` is replaced; in `say` also `{text}`, `{len}` (of the text,
/// in bytes) and `{number}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    pub name: String,
    #[serde(default = "root")]
    pub path: String,
    /// Frames are binary.
    #[serde(default)]
    pub binary: bool,
    /// What viewers do on entering.
    pub enter: Vec<Step>,
    /// What writers do on entering; without it, the same.
    #[serde(default)]
    pub enter_to_write: Option<Vec<Step>>,
    pub say: String,
    /// Each of these in what a writer receives acknowledges a message.
    #[serde(default)]
    pub ack: Option<String>,
    /// A line that is one of the first is answered with the second.
    #[serde(default)]
    pub answers: Vec<(String, String)>,
}

fn root() -> String {
    "/".to_owned()
}

/// One thing to do on entering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Send(String),
    /// Wait for a frame that holds this.
    Expect(String),
}

/// A prime, so that every line has its turn.
const LINES_STEP: usize = 7_919;

/// Words as people write them, for messages of any length.
const FILLER: [&str; 8] = [
    "did you see that, what a play",
    "no way they hold this until the end",
    "hello from the back row, who is winning",
    "my cat just walked over the keyboard again",
    "can somebody explain the rules to me please",
    "that was the best round of the whole evening",
    "i have been here for hours and regret nothing",
    "first time in this chat, it moves fast",
];

/// One of these lines, with its mark at the end.
pub fn line(stamp: stamp::Stamp, lines: &[String]) -> String {
    // Neighbours are far apart in the list, where one line often follows from the one before.
    let at = (stamp.number as usize).wrapping_mul(LINES_STEP) % lines.len().max(1);
    let line = lines.get(at).map(String::as_str).unwrap_or_default();
    format!("{line} {}", stamp::write(stamp))
}

/// A message of this many bytes, with its mark at the end.
pub fn text(stamp: stamp::Stamp, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes.max(stamp::LEN));
    let words = bytes.saturating_sub(stamp::LEN);
    for line in FILLER.iter().cycle().skip(stamp.number as usize % FILLER.len()) {
        if text.len() + 1 >= words {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(line);
    }
    // The words are ASCII. A blank stands before the mark.
    text.truncate(words.saturating_sub(1));
    while text.len() < words {
        text.push(' ');
    }
    text.push_str(&stamp::write(stamp));
    text
}

impl Peer {
    pub fn read(path: &Path) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        toml::from_str(&fs::read_to_string(path).map_err(|e| told(&e))?).map_err(|e| told(&e))
    }

    pub fn steps(&self, writes: bool) -> &[Step] {
        match &self.enter_to_write {
            Some(steps) if writes => steps,
            _ => &self.enter,
        }
    }

    pub fn message(&self, room: &str, number: u32, text: &str) -> String {
        self.say
            .replace("{room}", room)
            .replace("{len}", &text.len().to_string())
            .replace("{number}", &number.to_string())
            .replace("{text}", text)
    }

    /// The answers that this frame asks for, line by line.
    pub fn answers_to(&self, frame: &[u8]) -> Vec<&str> {
        if self.answers.is_empty() {
            return Vec::new();
        }
        frame
            .split_inclusive(|byte| *byte == b'\n')
            .filter_map(|line| {
                let (_, answer) = self.answers.iter().find(|(asked, _)| asked.as_bytes() == line)?;
                Some(answer.as_str())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::{Stamp, finder, first};

    #[test]
    fn a_text_has_its_length_and_its_mark() {
        let stamp = Stamp { number: 7, due: 9 };
        for bytes in [stamp::LEN, 60, 100, 400] {
            let text = text(stamp, bytes);
            assert_eq!((text.len(), first(&finder(), text.as_bytes())), (bytes, Some(stamp)), "{text}");
        }
        assert_eq!(text(stamp, 0).len(), stamp::LEN);
    }

    #[test]
    fn every_line_has_its_turn_and_its_mark() {
        let lines: Vec<String> = (0..100).map(|n| format!("line {n} ends")).collect();
        let said: std::collections::BTreeSet<String> = (0..100)
            .map(|number| {
                let stamp = Stamp { number, due: 9 };
                let text = line(stamp, &lines);
                assert_eq!(first(&finder(), text.as_bytes()), Some(stamp));
                text.split_once(" @").expect("a blank before the mark").0.to_owned()
            })
            .collect();
        assert_eq!(said.len(), lines.len());
    }

    #[test]
    fn templates_are_filled_in_and_questions_found_among_messages() {
        let peer = Peer {
            name: "nats".into(),
            path: root(),
            binary: true,
            enter: vec![],
            enter_to_write: None,
            say: "PUB {room} {len}\r\n{text}\r\n".into(),
            ack: None,
            answers: vec![("PING\r\n".into(), "PONG\r\n".into())],
        };
        assert_eq!(peer.message("r", 1, "hi"), "PUB r 2\r\nhi\r\n");
        assert_eq!(peer.answers_to(b"MSG r 1 2\r\nhi\r\nPING\r\n"), ["PONG\r\n"]);
        assert!(peer.answers_to(b"PING").is_empty());
    }

    #[test]
    fn the_peers_of_this_folder_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let mut read = 0;
        for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "toml")
                && entry.file_name() != "Cargo.toml"
            {
                let peer = Peer::read(&entry.path()).unwrap_or_else(|error| panic!("{error}"));
                assert!(peer.say.contains("{text}"), "{}", peer.name);
                read += 1;
            }
        }
        assert!(read >= 4, "{read}");
    }
}
