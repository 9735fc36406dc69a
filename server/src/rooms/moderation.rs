//! What moderators made of a room: its state in memory, how the tail changes it, and how a measure is taken.
//!
//! Every gateway holds the state of its rooms and asks it whenever somebody wants to write. It is learned from the
//! store when the room's partition is brought up, and from the log after that, in the room's order. A measure is
//! appended to the log like a message; whoever took it is answered once this process's tail has applied it. It knows no
//! HTTP and no account. Start with [`Room::take`] and [`Room::apply`].

use super::{
    News, Room,
    accept::Rejected,
    feed::{Feed, Place},
};
use chat::{
    message::{Draft, Logged},
    moderation::{
        Act, Measure, NotAllowed, Person, Taken,
        facts::{Ban, Fact, Phrase, ROLES_MAX, State},
        may,
        recent::{Claim, Recent},
        rules::{Objection, Speaker, objection},
        word,
    },
    record::Record,
    time::Millis,
};
use event_log::Offset;
use parking_lot::Mutex;
use protocol::{
    frames::{Role, ServerFrame, You},
    ids::{Seq, UserId},
    limits::PHRASES_MAX,
    objects::{self, RoomSettings},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{sync::broadcast, time::Instant};

/// Measures of a room that are remembered, for the moderation log: those that the store may not have yet. Persisters lag
/// by moments; a kilobyte each at the most.
const TAKEN_MAX: usize = 1_000;
/// Words for users' connections that may wait to be handed on. Whoever missed one is told when they join again.
const NOTICES_MAX: usize = 1_024;
/// How long whoever took a measure waits until this process has applied it. It lags by milliseconds.
const APPLY_MAX: Duration = Duration::from_secs(5);

/// A frame for all connections of a user.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Whose.
    pub user: UserId,
    /// JSON.
    pub frame: Arc<str>,
}

/// Where notices of all rooms go. Nobody need listen.
#[derive(Clone, Debug)]
pub struct Notices(broadcast::Sender<Notice>);

impl Default for Notices {
    fn default() -> Self {
        Self(broadcast::Sender::new(NOTICES_MAX))
    }
}

impl Notices {
    /// Hears all from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.0.subscribe()
    }

    fn tell(&self, user: UserId, frame: &ServerFrame) {
        let _ = self.0.send(Notice { user, frame: frame.to_json().into() });
    }
}

/// The part of a room that moderators change. Its lock is held for no await, and never while the feed's is asked for.
#[derive(Default)]
pub(super) struct Moderation {
    now: Mutex<Now>,
    notices: Notices,
}

#[derive(Default)]
struct Now {
    state: State,
    recent: Recent,
    /// The newest, oldest first.
    taken: VecDeque<Taken>,
}

impl Moderation {
    pub(super) fn new(notices: Notices) -> Self {
        Self { now: Mutex::default(), notices }
    }
}

/// Why a measure was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not by this user, or not against that one.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// There are as many as there may be.
    #[error("{0}")]
    Full(&'static str),
    /// The log did not take it, or it is not known whether.
    #[error(transparent)]
    Log(#[from] Rejected),
}

/// Who takes a measure, and whom it concerns.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// Who.
    pub by: &'a Person,
    /// What they are here.
    pub role: Role,
    /// What the target is; `Viewer` where there is none.
    pub target: Role,
}

impl Room {
    /// What somebody is here.
    pub fn role(&self, user: UserId, admin: bool) -> Role {
        if admin { Role::Admin } else { self.moderation.now.lock().state.role(user) }
    }

    /// Its rules now.
    pub fn settings(&self) -> RoomSettings {
        self.moderation.now.lock().state.settings()
    }

    /// The message above the room.
    pub fn pinned(&self) -> Option<objects::Message> {
        let pinned = self.moderation.now.lock().state.pinned().cloned();
        pinned.map(|logged| logged.to_message(self.slug()))
    }

    /// Everyone who is more than a viewer.
    pub fn roles(&self) -> Vec<(Person, Role)> {
        self.moderation.now.lock().state.roles()
    }

    /// Why a user may not write now.
    pub fn ban(&self, user: UserId) -> Option<Ban> {
        self.moderation.now.lock().state.ban(user, self.world.now()).cloned()
    }

    /// Those who may not write, by name, after this name; at most so many.
    pub fn bans(&self, after: &str, limit: usize) -> Vec<Ban> {
        let now = self.moderation.now.lock();
        let bans = now.state.bans(self.world.now());
        let first = bans.partition_point(|ban| ban.user.username.as_str() <= after);
        bans[first..].iter().take(limit).map(|&ban| ban.clone()).collect()
    }

    /// What may not be said.
    pub fn phrases(&self) -> Vec<(Seq, Phrase)> {
        self.moderation.now.lock().state.phrases().map(|(id, phrase)| (id, phrase.clone())).collect()
    }

    /// The newest measures before a place, newest first: those that the store may not have yet, and some that it has.
    pub fn newest_measures(&self, before: Seq, limit: usize) -> Vec<Taken> {
        let now = self.moderation.now.lock();
        now.taken.iter().rev().filter(|taken| taken.seq < before).take(limit).cloned().collect()
    }

    /// Was it taken away? Of single deletions it knows the newest only; pages of the store are compared with all of them.
    pub fn is_gone(&self, logged: &Logged) -> bool {
        self.moderation.now.lock().state.is_gone(logged.seq, logged.message.author.id)
    }

    /// Leaves out what was taken away.
    pub(super) fn leave_out_gone(&self, messages: &mut Vec<Logged>) {
        let now = self.moderation.now.lock();
        messages.retain(|m| !now.state.is_gone(m.seq, m.message.author.id));
    }

    /// Everything before this was taken away, so nobody has to look there.
    pub(super) fn all_cleared(&self) -> Seq {
        self.moderation.now.lock().state.all_cleared()
    }

    /// May this be said now? Gives the author's badges to the draft, and notes that they speak.
    pub(super) fn claim(&self, draft: &mut Draft, now: Millis) -> Result<Option<Claim>, Objection> {
        // Not under the lock, and only where it is asked for.
        let emotes =
            if self.settings().emote_only { self.emotes().ranges(draft.text.text()) } else { vec![] };
        let mut moderation = self.moderation.now.lock();
        let Now { state, recent, .. } = &mut *moderation;
        let given = state.role(draft.author.id);
        let role = if draft.admin { Role::Admin } else { given };
        let speaker = Speaker { id: draft.author.id, role };
        if let Some(objection) = objection(state, recent, speaker, draft.text.text(), &emotes, now) {
            metrics::counter!("twitchy_objections_total", "rule" => rule(&objection)).increment(1);
            return Err(objection);
        }
        if given > Role::Viewer {
            draft.author.badges.insert(0, word(given).to_owned());
        }
        let notes = needs_recent(&state.settings());
        Ok(notes.then(|| recent.claim(speaker.id, draft.text.text(), now)))
    }

    /// What was claimed did not come into the log.
    pub(super) fn release_claim(&self, claim: Option<Claim>) {
        if let Some(claim) = claim {
            self.moderation.now.lock().recent.release(claim);
        }
    }

    /// The log holds these messages: who spoke when, and what.
    pub(super) fn hear(&self, messages: &[Logged]) {
        let mut moderation = self.moderation.now.lock();
        if messages.is_empty() || !needs_recent(&moderation.state.settings()) {
            return;
        }
        for Logged { message, .. } in messages {
            moderation.recent.hear(message.author.id, &message.original, message.sent_at);
        }
    }

    /// The room falls asleep: what is needed only to judge who speaks is learned anew when it wakes.
    pub(super) fn forget_recent(&self) {
        self.moderation.now.lock().recent.forget();
    }

    /// Takes in what the store knows.
    pub(super) fn learn(&self, facts: Vec<Fact>) {
        let mut moderation = self.moderation.now.lock();
        for fact in facts {
            moderation.state.learn(fact);
        }
    }

    /// The log holds a measure: changes the room, and tells those who read it and those whom it concerns. All messages
    /// before it were published, and none after it.
    pub(super) fn apply(&self, taken: Taken) {
        let facts = taken.facts();
        let (at, act) = (taken.seq, taken.measure.act.clone());
        let news = {
            let mut moderation = self.moderation.now.lock();
            let before = needs_recent(&moderation.state.settings());
            // All of them are learned, whichever is news.
            let news =
                facts.into_iter().map(|fact| moderation.state.learn(fact)).filter(|new| *new).count() > 0;
            if before && !needs_recent(&moderation.state.settings()) {
                moderation.recent.forget();
            }
            moderation.note(taken);
            news
        };
        self.retract(at, &act);
        if news {
            self.notify(&act);
        }
    }

    /// What is taken away leaves the feed, and its viewers are told.
    fn retract(&self, at: Seq, act: &Act) {
        let room = self.slug().to_owned();
        let feed: &Feed = &self.feed;
        match act {
            Act::Delete { id, seq, .. } => {
                let frame = ServerFrame::Deleted { room, ids: vec![*id] };
                feed.retract(&|place: &Place| place.seq == *seq, Some(frame.to_json()));
            }
            Act::Clear { user: None } => {
                feed.retract(
                    &|place: &Place| place.seq < at,
                    Some(ServerFrame::Cleared { room, username: None }.to_json()),
                );
            }
            Act::Clear { user: Some(user) } | Act::Ban { user, .. } => {
                let frame = ServerFrame::Cleared { room, username: Some(user.username.clone()) };
                feed.retract(
                    &|place: &Place| place.author == user.id && place.seq < at,
                    Some(frame.to_json()),
                );
            }
            Act::Settings(_) | Act::Pin(_) | Act::Unpin => {
                feed.publish_frame(self.frame(News::default()).to_json());
            }
            Act::Unban { .. }
            | Act::Role { .. }
            | Act::BlockPhrase { .. }
            | Act::AllowPhrase { .. }
            | Act::Retitle { .. } => {}
        }
    }

    fn notify(&self, act: &Act) {
        let room = self.slug().to_owned();
        let notices = &self.moderation.notices;
        match act {
            Act::Ban { user, .. } => {
                if let Some(frame) = self.banned_frame(user.id) {
                    notices.tell(user.id, &frame);
                }
            }
            Act::Unban { user } => notices.tell(user.id, &ServerFrame::Unbanned { room }),
            // The room does not know admins; their clients do, by `user.admin`.
            Act::Role { user, role } => {
                notices.tell(user.id, &ServerFrame::Role { room, you: You { role: *role } });
            }
            _ => {}
        }
    }

    /// What a user who may not write is told.
    pub fn banned_frame(&self, user: UserId) -> Option<ServerFrame> {
        let ban = self.ban(user)?;
        let until = ban.until.map(|until| until.0);
        Some(ServerFrame::Banned { room: self.slug().to_owned(), until, reason: ban.reason })
    }

    /// What the room is now, and what is new of its words.
    pub(super) fn frame(&self, News { title, description, archived }: News) -> ServerFrame {
        ServerFrame::Room {
            title,
            description,
            archived,
            room: self.slug().to_owned(),
            settings: self.settings(),
            viewers: self.feed.viewers(),
            messages_per_second: self.messages_per_second(),
            pinned: self.pinned().map(Box::new),
        }
    }

    /// Takes a measure: durable, and applied here, when this answers. Doing it again does no harm.
    pub async fn take(&self, parties: Parties<'_>, act: Act, reason: Option<String>) -> Result<Seq, Refused> {
        let Parties { by, role, target } = parties;
        may(by, role, &act, target)?;
        if !self.followed.live().await {
            return Err(Rejected::Unavailable.into());
        }
        let at = self.world.now();
        self.has_place(&act, at)?;
        let action = act.action().as_str();
        let measure = Measure { room: self.id(), by: by.clone(), at, reason, act };
        let record = Record::Measure(Box::new(measure)).encode();
        let appended = self.log.append(self.partition, record.into()).map_err(Rejected::from)?;
        let offset = tokio::time::timeout(APPLY_MAX, appended).await;
        let offset: Offset = offset.map_err(|_| Rejected::Unknown)?.map_err(Rejected::from)?;
        metrics::counter!("twitchy_measures_total", "action" => action).increment(1);
        // It is durable whether the tail is late or not; then it takes effect a little later.
        self.followed.passed(offset, Instant::now() + APPLY_MAX).await;
        Ok(Seq(offset.0))
    }

    fn has_place(&self, act: &Act, now: Millis) -> Result<(), Refused> {
        let mut moderation = self.moderation.now.lock();
        let state = &mut moderation.state;
        match act {
            Act::Ban { user, .. } if state.ban(user.id, now).is_none() && !state.has_place_for_ban(now) => {
                Err(Refused::Full("the room has as many bans as it may have; lift some first"))
            }
            Act::Role { user, role }
                if *role > Role::Viewer
                    && state.role(user.id) == Role::Viewer
                    && state.roles().len() >= ROLES_MAX =>
            {
                Err(Refused::Full("the room has as many people with roles as it may have"))
            }
            Act::BlockPhrase { .. } if state.phrases().count() >= PHRASES_MAX => {
                Err(Refused::Full("the room blocks as many phrases as it may; allow some first"))
            }
            _ => Ok(()),
        }
    }
}

impl Now {
    fn note(&mut self, taken: Taken) {
        if self.taken.back().is_some_and(|last| last.seq >= taken.seq) {
            return;
        }
        self.taken.push_back(taken);
        if self.taken.len() > TAKEN_MAX {
            self.taken.pop_front();
        }
    }
}

/// Do the rules ask who spoke, or what was said?
fn needs_recent(settings: &RoomSettings) -> bool {
    settings.unique_chat || settings.slow_mode_seconds > 0
}

fn rule(objection: &Objection) -> &'static str {
    match objection {
        Objection::Banned { .. } => "banned",
        Objection::SlowMode { .. } => "slow_mode",
        Objection::EmoteOnly => "emote_only",
        Objection::Duplicate => "unique_chat",
        Objection::Blocked => "blocked_phrase",
    }
}
