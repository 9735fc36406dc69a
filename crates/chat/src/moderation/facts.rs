//! What follows from measures: facts, and the state of a room that they make.
//!
//! A fact is an absolute value under a [`Key`] with the place of the measure it stems from. Of two facts under one key
//! the one with the later place holds, whichever is heard first. Start with [`Measure::facts`](super::Measure::facts)
//! and [`State::learn`].

use super::{Act, Person, Taken, words::Words};
use crate::{message::Logged, time::Millis};
use protocol::{
    frames::Role,
    ids::{Seq, UserId},
    objects::RoomSettings,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Most users of a room that are banned or timed out at once: at 150 bytes each 15 MB. One more is refused.
pub const BANS_MAX: usize = 100_000;
/// Most users of a room that have a role. One more is refused.
pub const ROLES_MAX: usize = 1_000;
/// Deletions of single messages that a process remembers. A page that comes from the store is compared with all that
/// the store knows; this is for what lies between, the persisters' lag of moments.
pub const DELETIONS_MAX: usize = 10_000;

/// What a fact is about. In its order the facts of a room lie in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A user's role.
    Role(UserId),
    /// Whether a user may write.
    Ban(UserId),
    /// Up to where a user's messages are taken away.
    Cleared(UserId),
    /// Up to where all messages are taken away.
    AllCleared,
    /// A rule.
    SlowMode,
    /// A rule.
    EmoteOnly,
    /// A rule.
    UniqueChat,
    /// The message above the room.
    Pinned,
    /// A phrase, by the place of the measure that blocked it.
    Phrase(Seq),
    /// A message that is taken away, by its place.
    Deleted(Seq),
}

/// What is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of [`Key::Role`].
    Role(Person, Role),
    /// Of [`Key::Ban`]; `None` for somebody who may write again.
    Ban(Option<Box<Ban>>),
    /// Of [`Key::Cleared`], [`Key::AllCleared`] and [`Key::Deleted`]: what came before the measure is gone.
    Gone,
    /// Of [`Key::SlowMode`].
    Seconds(u32),
    /// Of [`Key::EmoteOnly`] and [`Key::UniqueChat`].
    Switch(bool),
    /// Of [`Key::Pinned`].
    Pinned(Option<Box<Logged>>),
    /// Of [`Key::Phrase`]; `None` for one that is allowed again.
    Phrase(Option<Box<Phrase>>),
}

/// Somebody may not write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Who.
    pub user: Person,
    /// For ever where `None`.
    pub until: Option<Millis>,
    /// If one was given.
    pub reason: Option<String>,
    /// Username of who did it.
    pub by: String,
    /// When.
    pub at: Millis,
}

impl Ban {
    /// Does it hold at this time?
    #[must_use]
    pub fn holds(&self, now: Millis) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Something that may not be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// As it was given.
    pub phrase: String,
    /// Is it a regular expression?
    pub pattern: bool,
    /// Username of who blocked it.
    pub by: String,
    /// When.
    pub at: Millis,
}

/// A value under its key, and the place of the measure that it stems from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub key: Key,
    /// The measure's place.
    pub since: Seq,
    /// What is so.
    pub value: Value,
}

impl Taken {
    /// What follows from the measure.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let since = self.seq;
        let fact = |key, value| Fact { key, since, value };
        let (by, at) = (self.measure.by.username.clone(), self.measure.at);
        match &self.measure.act {
            Act::Delete { seq, .. } => vec![fact(Key::Deleted(*seq), Value::Gone)],
            Act::Clear { user: None } => vec![fact(Key::AllCleared, Value::Gone)],
            Act::Clear { user: Some(user) } => vec![fact(Key::Cleared(user.id), Value::Gone)],
            Act::Ban { user, seconds } => {
                let until = seconds.map(|seconds| at.plus(u64::from(seconds) * 1_000));
                let ban = Ban { user: user.clone(), until, reason: self.measure.reason.clone(), by, at };
                vec![
                    fact(Key::Ban(user.id), Value::Ban(Some(Box::new(ban)))),
                    fact(Key::Cleared(user.id), Value::Gone),
                ]
            }
            Act::Unban { user } => vec![fact(Key::Ban(user.id), Value::Ban(None))],
            Act::Role { user, role } => vec![fact(Key::Role(user.id), Value::Role(user.clone(), *role))],
            Act::Settings(change) => [
                change.slow_mode_seconds.map(|seconds| fact(Key::SlowMode, Value::Seconds(seconds))),
                change.emote_only.map(|on| fact(Key::EmoteOnly, Value::Switch(on))),
                change.unique_chat.map(|on| fact(Key::UniqueChat, Value::Switch(on))),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Act::Pin(message) => vec![fact(Key::Pinned, Value::Pinned(Some(message.clone())))],
            Act::Unpin => vec![fact(Key::Pinned, Value::Pinned(None))],
            Act::BlockPhrase { phrase, pattern } => {
                let phrase = Phrase { phrase: phrase.clone(), pattern: *pattern, by, at };
                vec![fact(Key::Phrase(since), Value::Phrase(Some(Box::new(phrase))))]
            }
            Act::AllowPhrase { id, .. } => vec![fact(Key::Phrase(*id), Value::Phrase(None))],
            Act::Retitle { .. } => vec![],
        }
    }
}

/// A value and since when it holds.
type Since<T> = (Seq, T);

/// What is so in a room.
#[derive(Debug, Default)]
pub struct State {
    roles: HashMap<UserId, Since<(Person, Role)>>,
    bans: HashMap<UserId, Since<Option<Box<Ban>>>>,
    cleared: HashMap<UserId, Seq>,
    all_cleared: Seq,
    slow_mode: Since<u32>,
    emote_only: Since<bool>,
    unique_chat: Since<bool>,
    pinned: Since<Option<Arc<Logged>>>,
    phrases: BTreeMap<Seq, Since<Option<Box<Phrase>>>>,
    words: Arc<Words>,
    /// Message to measure, and by measure, to forget the oldest first.
    deleted: HashMap<Seq, Seq>,
    deleted_by_age: BTreeMap<Seq, Seq>,
}

/// Takes a newer value in place of an older one; `false` if what is there is as new.
fn renew<T>(place: &mut Since<T>, since: Seq, value: T) -> bool {
    if place.0 >= since {
        return false;
    }
    *place = (since, value);
    true
}

impl State {
    /// Takes a fact in. `false` if a later one under its key is known, or this one: then nothing changes. A value that
    /// is not of its key's kind changes nothing either.
    pub fn learn(&mut self, fact: Fact) -> bool {
        let Fact { key, since, value } = fact;
        match (key, value) {
            (Key::Role(id), Value::Role(person, role)) => {
                let place = self.roles.entry(id).or_insert_with(|| (Seq(0), (person.clone(), Role::Viewer)));
                renew(place, since, (person, role))
            }
            (Key::Ban(id), Value::Ban(ban)) => renew(self.bans.entry(id).or_default(), since, ban),
            (Key::Cleared(id), Value::Gone) => {
                let to = self.cleared.entry(id).or_default();
                std::mem::replace(to, since.max(*to)) < since
            }
            (Key::AllCleared, Value::Gone) => {
                let before = self.all_cleared;
                self.all_cleared = before.max(since);
                before < since
            }
            (Key::SlowMode, Value::Seconds(seconds)) => renew(&mut self.slow_mode, since, seconds),
            (Key::EmoteOnly, Value::Switch(on)) => renew(&mut self.emote_only, since, on),
            (Key::UniqueChat, Value::Switch(on)) => renew(&mut self.unique_chat, since, on),
            (Key::Pinned, Value::Pinned(message)) => {
                renew(&mut self.pinned, since, message.map(|message| Arc::new(*message)))
            }
            (Key::Phrase(id), Value::Phrase(phrase)) => {
                let changed = renew(self.phrases.entry(id).or_default(), since, phrase);
                if changed {
                    self.words = Arc::new(Words::new(self.phrases().map(|(_, phrase)| phrase)));
                }
                changed
            }
            (Key::Deleted(seq), Value::Gone) => {
                let new = self.deleted.insert(seq, since).is_none();
                if new {
                    self.deleted_by_age.insert(since, seq);
                }
                if self.deleted_by_age.len() > DELETIONS_MAX
                    && let Some((_, oldest)) = self.deleted_by_age.pop_first()
                {
                    self.deleted.remove(&oldest);
                }
                new
            }
            _ => false,
        }
    }

    /// What a user is here; `Viewer` for most. Admins are none of the room's business.
    #[must_use]
    pub fn role(&self, user: UserId) -> Role {
        self.roles.get(&user).map_or(Role::Viewer, |(_, (_, role))| *role)
    }

    /// Everyone who is more than a viewer, highest first, then by name.
    #[must_use]
    pub fn roles(&self) -> Vec<(Person, Role)> {
        let some = self.roles.values().map(|(_, held)| held).filter(|(_, role)| *role > Role::Viewer);
        let mut all: Vec<_> = some.cloned().collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.username.cmp(&b.0.username)));
        all
    }

    /// Why a user may not write now, if so.
    #[must_use]
    pub fn ban(&self, user: UserId, now: Millis) -> Option<&Ban> {
        self.bans.get(&user).and_then(|(_, ban)| ban.as_deref()).filter(|ban| ban.holds(now))
    }

    /// Everyone who may not write now, by name.
    #[must_use]
    pub fn bans(&self, now: Millis) -> Vec<&Ban> {
        let all = self.bans.values().filter_map(|(_, ban)| ban.as_deref());
        let mut all: Vec<_> = all.filter(|ban| ban.holds(now)).collect();
        all.sort_by(|a, b| a.user.username.cmp(&b.user.username));
        all
    }

    /// Is there a place for another ban? Forgets timeouts that are over where it would be refused.
    pub fn has_place_for_ban(&mut self, now: Millis) -> bool {
        if self.bans.len() >= BANS_MAX {
            self.bans.retain(|_, (_, ban)| ban.as_ref().is_some_and(|ban| ban.holds(now)));
        }
        self.bans.len() < BANS_MAX
    }

    /// Its rules.
    #[must_use]
    pub fn settings(&self) -> RoomSettings {
        RoomSettings {
            slow_mode_seconds: self.slow_mode.1,
            emote_only: self.emote_only.1,
            unique_chat: self.unique_chat.1,
        }
    }

    /// The message above the room, unless it was taken away.
    #[must_use]
    pub fn pinned(&self) -> Option<&Arc<Logged>> {
        let pinned = self.pinned.1.as_ref();
        pinned.filter(|logged| !self.is_gone(logged.seq, logged.message.author.id))
    }

    /// What may not be said, oldest first.
    pub fn phrases(&self) -> impl Iterator<Item = (Seq, &Phrase)> {
        self.phrases.iter().filter_map(|(id, (_, phrase))| Some((*id, phrase.as_deref()?)))
    }

    /// The same, ready to be looked for.
    #[must_use]
    pub fn words(&self) -> &Arc<Words> {
        &self.words
    }

    /// Was the message at this place taken away? Of single deletions it knows the newest [`DELETIONS_MAX`].
    #[must_use]
    pub fn is_gone(&self, seq: Seq, author: UserId) -> bool {
        seq < self.all_cleared
            || self.cleared.get(&author).is_some_and(|to| seq < *to)
            || self.deleted.contains_key(&seq)
    }

    /// Everything before this was taken away.
    #[must_use]
    pub fn all_cleared(&self) -> Seq {
        self.all_cleared
    }
}
