//! From the domain's types to the protocol's.

use crate::{account::Account, message};
use protocol::objects::{self, Badge};

impl message::Logged {
    /// As REST tells it.
    pub fn to_message(&self, slug: &str) -> objects::Message {
        let m = &self.message;
        objects::Message {
            id: m.id,
            seq: self.seq,
            room: slug.to_owned(),
            user: objects::Author {
                id: m.author.id,
                username: m.author.username.clone(),
                display_name: m.author.display_name.clone(),
                color: m.author.color.clone(),
                badges: badges(&m.author.badges),
            },
            text: m.text.clone(),
            emotes: m.emotes.iter().map(Into::into).collect(),
            mentions: m.mentions.clone(),
            reply_to: m.reply_to.as_ref().map(Into::into),
            action: m.action,
            styled: m.styled,
            sent_at: m.sent_at.0,
        }
    }

    /// As frames tell it: defaults left out, and the frame says the room.
    pub fn to_frame_message(&self) -> objects::FrameMessage {
        self.to_message("").into()
    }
}

/// Words that this version does not know are left out: a later one may have written them.
fn badges(words: &[String]) -> Vec<Badge> {
    words.iter().filter_map(|w| serde_json::from_value(serde_json::Value::String(w.clone())).ok()).collect()
}

impl From<&message::EmoteRange> for objects::EmoteRange {
    fn from(e: &message::EmoteRange) -> Self {
        Self { id: e.id.clone(), name: e.name.clone(), start: e.start, end: e.end }
    }
}

impl From<&message::ReplyTo> for objects::ReplyTo {
    fn from(r: &message::ReplyTo) -> Self {
        Self {
            id: r.id,
            username: r.username.clone(),
            display_name: r.display_name.clone(),
            excerpt: r.excerpt.clone(),
        }
    }
}

impl From<&Account> for objects::User {
    fn from(a: &Account) -> Self {
        Self {
            id: a.id,
            username: a.username.clone(),
            display_name: a.display_name.clone(),
            color: a.color.clone(),
            created_at: a.created_at.0,
            admin: a.admin,
            bot: false,
        }
    }
}
