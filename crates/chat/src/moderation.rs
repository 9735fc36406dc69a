//! Keeping a room civil: what moderators do ([`Measure`]), what follows from it ([`facts`]), and what it means for who
//! wants to write ([`rules`]).
//!
//! A measure is a record of the room's part of the log, so that everyone applies it in the same order as the messages
//! around it. From each follow a few [`facts::Fact`]s: absolute values under a key, each with the place of the measure
//! it stems from. The state of a room is, for each key, the fact with the latest place. So it does not matter from
//! where facts come, from a store or from the log, nor how often: the state is the same.
//!
//! The module knows no account, no room's configuration and no clock. Start with [`Act`].

pub mod facts;
pub mod recent;
pub mod rules;
pub mod words;

use crate::{message::Logged, time::Millis};
use protocol::{
    frames::Role,
    ids::{MessageId, RoomId, Seq, UserId},
    objects::RoomSettings,
};

/// Somebody whom a measure concerns, or who took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// For ever.
    pub id: UserId,
    /// Lower case, as of the moment of the measure.
    pub username: String,
}

/// What somebody did to a room, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Where.
    pub room: RoomId,
    /// Who did it.
    pub by: Person,
    /// When it was accepted.
    pub at: Millis,
    /// As it was given.
    pub reason: Option<String>,
    /// What.
    pub act: Act,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// One message is taken away.
    Delete {
        /// Which.
        id: MessageId,
        /// Its place.
        seq: Seq,
        /// Whose it was.
        author: Person,
        /// Its beginning, for the moderation log.
        excerpt: String,
    },
    /// All messages before the measure are taken away: of one user, or of all.
    Clear {
        /// Whose; everyone's where `None`.
        user: Option<Person>,
    },
    /// A user may not write, for so long or for ever. Their messages before it are taken away.
    Ban {
        /// Who.
        user: Person,
        /// A timeout of so many seconds.
        seconds: Option<u32>,
    },
    /// A user may write again.
    Unban {
        /// Who.
        user: Person,
    },
    /// A user is something else from now on; `Viewer` takes a role away. Never `Admin`, which no room gives.
    Role {
        /// Who.
        user: Person,
        /// What.
        role: Role,
    },
    /// Rules change; what is `None` stays.
    Settings(SettingsChange),
    /// A message is shown above the room. The record holds it whole, so that nobody has to look for it.
    Pin(Box<Logged>),
    /// It is not any more.
    Unpin,
    /// Something may not be said.
    BlockPhrase {
        /// As it was given.
        phrase: String,
        /// Is it a regular expression?
        pattern: bool,
    },
    /// It may again.
    AllowPhrase {
        /// The place of the measure that blocked it.
        id: Seq,
        /// What it was, for the moderation log.
        phrase: String,
    },
    /// The room has other words; what is `None` stays. They hold by what the store says of the room: this tells the
    /// moderation log, and nothing follows from it.
    Retitle {
        /// What it is called.
        title: Option<String>,
        /// The line under it.
        description: Option<String>,
    },
}

/// Rules that change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// Seconds between two messages of one user; 0 is off.
    pub slow_mode_seconds: Option<u32>,
    /// Only emotes.
    pub emote_only: Option<bool>,
    /// No line twice.
    pub unique_chat: Option<bool>,
}

impl SettingsChange {
    /// Without what is so already.
    #[must_use]
    pub fn beyond(self, now: &RoomSettings) -> Self {
        Self {
            slow_mode_seconds: self.slow_mode_seconds.filter(|s| *s != now.slow_mode_seconds),
            emote_only: self.emote_only.filter(|on| *on != now.emote_only),
            unique_chat: self.unique_chat.filter(|on| *on != now.unique_chat),
        }
    }

    /// Does it change nothing?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A measure with its place in the room's order: durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its place.
    pub seq: Seq,
    /// The measure.
    pub measure: Measure,
}

impl Act {
    /// Whom it concerns, if it concerns one.
    #[must_use]
    pub fn target(&self) -> Option<&Person> {
        match self {
            Self::Delete { author, .. } => Some(author),
            Self::Clear { user } => user.as_ref(),
            Self::Ban { user, .. } | Self::Unban { user } | Self::Role { user, .. } => Some(user),
            Self::Settings(_)
            | Self::Pin(_)
            | Self::Unpin
            | Self::BlockPhrase { .. }
            | Self::AllowPhrase { .. }
            | Self::Retitle { .. } => None,
        }
    }
}

/// Why somebody may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// It takes a moderator.
    #[error("this is for the room's moderators")]
    Moderators,
    /// It takes the broadcaster.
    #[error("this is for the room's broadcaster and for admins")]
    Broadcaster,
    /// It takes an admin.
    #[error("this is for admins")]
    Admins,
    /// The target is not below the one who acts.
    #[error("you cannot act against a {0} of this room")]
    Against(Standing),
    /// One's own rights are not one's own to take.
    #[error("you cannot do this to yourself")]
    Oneself,
}

/// The word for a role in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing(pub Role);

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(word(self.0))
    }
}

/// The word for a role in records and badges.
#[must_use]
pub fn word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Vip => "vip",
        Role::Moderator => "moderator",
        Role::Broadcaster => "broadcaster",
        Role::Admin => "admin",
    }
}

/// Who may do what: a moderator everything that keeps the room civil, against viewers and VIPs; the broadcaster also
/// against moderators, and gives roles; an admin also against the broadcaster, and names one. Nobody acts against
/// equals, so a quarrel of moderators is the broadcaster's. One's own message one may always take away.
///
/// # Errors
/// [`NotAllowed`].
pub fn may(by: &Person, role: Role, act: &Act, target: Role) -> Result<(), NotAllowed> {
    let is_oneself = act.target().is_some_and(|target| target.id == by.id);
    let needed = match act {
        Act::Delete { .. } if is_oneself => return Ok(()),
        Act::Role { role: given, .. } if *given == Role::Broadcaster || target == Role::Broadcaster => {
            Role::Admin
        }
        Act::Role { .. } => Role::Broadcaster,
        _ => Role::Moderator,
    };
    if role < needed {
        return Err(match needed {
            Role::Admin => NotAllowed::Admins,
            Role::Broadcaster => NotAllowed::Broadcaster,
            _ => NotAllowed::Moderators,
        });
    }
    match act {
        Act::Ban { .. } | Act::Unban { .. } if is_oneself => Err(NotAllowed::Oneself),
        Act::Clear { .. } if is_oneself => Ok(()),
        Act::Delete { .. } | Act::Clear { user: Some(_) } | Act::Ban { .. } | Act::Unban { .. }
            if target >= Role::Moderator && target >= role =>
        {
            Err(NotAllowed::Against(Standing(target)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
