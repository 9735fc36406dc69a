//! Whether a line may be said in a room as it is now: bans, slow mode, emote-only, unique chat, blocked phrases.
//!
//! What is looked at is what was typed. How long a line may be is asked before ([`crate::admission`]), and how often a
//! user may write at all elsewhere. Start with [`objection`].

use super::{facts::State, recent::Recent};
use crate::{message::EmoteRange, time::Millis};
use protocol::{frames::Role, ids::UserId};

/// Who wants to say something.
#[derive(Clone, Copy, Debug)]
pub struct Speaker {
    /// Who.
    pub id: UserId,
    /// What they are in the room.
    pub role: Role,
}

/// Why a line may not be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// Banned or timed out.
    #[error("{}", banned(*until, reason.as_deref()))]
    Banned {
        /// For ever where `None`.
        until: Option<Millis>,
        /// If one was given.
        reason: Option<String>,
    },
    /// Too soon after the last one.
    #[error("this room is in slow mode")]
    SlowMode {
        /// Not before that.
        wait_ms: u64,
    },
    /// Something else than emotes.
    #[error("this room takes only emotes right now")]
    EmoteOnly,
    /// Said already.
    #[error("this was said a moment ago; the room takes each line once")]
    Duplicate,
    /// Something that may not be said.
    #[error("the message holds something that this room's moderators blocked")]
    Blocked,
}

fn banned(until: Option<Millis>, reason: Option<&str>) -> String {
    let kind =
        if until.is_some() { "you are timed out in this room" } else { "you are banned from this room" };
    reason.map_or_else(|| kind.to_owned(), |reason| format!("{kind}: {reason}"))
}

/// What speaks against a line, if anything does. VIPs and those above are free of slow mode, emote-only and unique chat;
/// moderators and those above also of blocked phrases, which they may have to name. Nobody above a viewer can be banned
/// by equals, and who is banned stays so with any role but admin.
#[must_use]
pub fn objection(
    state: &State,
    recent: &Recent,
    speaker: Speaker,
    text: &str,
    emotes: &[EmoteRange],
    now: Millis,
) -> Option<Objection> {
    let Speaker { id, role } = speaker;
    if role < Role::Admin
        && let Some(ban) = state.ban(id, now)
    {
        return Some(Objection::Banned { until: ban.until, reason: ban.reason.clone() });
    }
    if role < Role::Moderator && state.words().blocks(text) {
        return Some(Objection::Blocked);
    }
    if role >= Role::Vip {
        return None;
    }
    let settings = state.settings();
    if settings.emote_only && !is_emotes_alone(text, emotes) {
        return Some(Objection::EmoteOnly);
    }
    if settings.unique_chat && recent.knows(text) {
        return Some(Objection::Duplicate);
    }
    if settings.slow_mode_seconds > 0
        && let Some(wait_ms) = recent.wait_ms(id, settings.slow_mode_seconds, now)
    {
        return Some(Objection::SlowMode { wait_ms });
    }
    None
}

/// Does every word lie in an emote?
fn is_emotes_alone(text: &str, emotes: &[EmoteRange]) -> bool {
    let (mut at, mut emotes) = (0_u32, emotes.iter().peekable());
    for c in text.chars() {
        while emotes.next_if(|emote| emote.end < at).is_some() {}
        if !c.is_whitespace() && emotes.peek().is_none_or(|emote| at < emote.start) {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kappa(start: u32) -> EmoteRange {
        EmoteRange { id: "25".into(), name: "Kappa".into(), start, end: start + 4 }
    }

    #[test]
    fn emotes_alone_are_emotes_and_white_space() {
        assert!(is_emotes_alone("Kappa", &[kappa(0)]));
        assert!(is_emotes_alone("Kappa  Kappa ", &[kappa(0), kappa(7)]));
        assert!(!is_emotes_alone("Kappa Kappa", &[kappa(0)]));
        assert!(!is_emotes_alone("Kappa!", &[kappa(0)]));
        assert!(!is_emotes_alone("é Kappa", &[kappa(2)]));
        assert!(!is_emotes_alone("hi", &[]));
    }
}
