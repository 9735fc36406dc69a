//! From the domain's types to the protocol's.

use crate::{
    account::Account,
    message,
    moderation::{Act, Person, SettingsChange, Taken, facts, word},
};
use protocol::{
    moderation::{self as wire, ModerationAction},
    objects::{self, Badge},
};

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
            bot: a.is_bot(),
        }
    }
}

impl From<Person> for wire::Person {
    fn from(person: Person) -> Self {
        Self { id: person.id, username: person.username }
    }
}

impl From<facts::Ban> for wire::Ban {
    fn from(ban: facts::Ban) -> Self {
        Self { until: ban.until.map(|until| until.0), reason: ban.reason, by: ban.by, at: ban.at.0 }
    }
}

impl Act {
    /// The word for it in the moderation log.
    #[must_use]
    pub fn action(&self) -> ModerationAction {
        match self {
            Self::Delete { .. } => ModerationAction::Delete,
            Self::Clear { .. } => ModerationAction::Clear,
            Self::Ban { seconds: Some(_), .. } => ModerationAction::Timeout,
            Self::Ban { seconds: None, .. } => ModerationAction::Ban,
            Self::Unban { .. } => ModerationAction::Unban,
            Self::Role { .. } => ModerationAction::Role,
            Self::Settings(_) | Self::Retitle { .. } => ModerationAction::Settings,
            Self::Pin(_) => ModerationAction::Pin,
            Self::Unpin => ModerationAction::Unpin,
            Self::BlockPhrase { .. } => ModerationAction::BlockPhrase,
            Self::AllowPhrase { .. } => ModerationAction::UnblockPhrase,
        }
    }

    /// What a reader of the moderation log wants to know besides.
    fn detail(&self) -> Option<String> {
        match self {
            Self::Delete { excerpt, .. } => Some(excerpt.clone()),
            Self::Role { role, .. } => Some(word(*role).to_owned()),
            Self::Settings(SettingsChange { slow_mode_seconds, emote_only, unique_chat }) => {
                let switch = |name: &str, on: bool| format!("{name} {}", if on { "on" } else { "off" });
                let parts = [
                    slow_mode_seconds.map(|seconds| format!("slow mode {seconds} s")),
                    emote_only.map(|on| switch("emote-only", on)),
                    unique_chat.map(|on| switch("unique chat", on)),
                ];
                Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
            }
            Self::Retitle { title, description } => {
                let new = |what: &str, words: &String| match words.as_str() {
                    "" => format!("no {what}"),
                    words => format!("{what} “{words}”"),
                };
                let parts = [("title", title), ("description", description)];
                let parts = parts.into_iter().filter_map(|(what, words)| Some(new(what, words.as_ref()?)));
                Some(parts.collect::<Vec<_>>().join(", "))
            }
            Self::Pin(logged) => Some(message::excerpt(&logged.message.text)),
            Self::BlockPhrase { phrase, .. } | Self::AllowPhrase { phrase, .. } => Some(phrase.clone()),
            Self::Clear { .. } | Self::Ban { .. } | Self::Unban { .. } | Self::Unpin => None,
        }
    }
}

impl Taken {
    /// As the moderation log tells it.
    #[must_use]
    pub fn to_entry(&self) -> wire::LogEntry {
        let (measure, act) = (&self.measure, &self.measure.act);
        wire::LogEntry {
            id: self.seq,
            at: measure.at.0,
            moderator: measure.by.username.clone(),
            action: act.action(),
            target: act.target().map(|target| target.username.clone()),
            duration_seconds: match act {
                Act::Ban { seconds, .. } => *seconds,
                _ => None,
            },
            reason: measure.reason.clone(),
            message_id: match act {
                Act::Delete { id, .. } => Some(*id),
                Act::Pin(logged) => Some(logged.message.id),
                _ => None,
            },
            detail: act.detail(),
        }
    }
}
