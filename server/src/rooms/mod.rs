//! Rooms: where a message is accepted, styled and shown.
//!
//! The path of a message through here: [`accept`] (or, but not lightly, [`refusals`]) → the log → [`tail`] → [`feed`] → viewers. [`history`] puts a
//! room's past together from ring, log and store. Which rooms there are is [`directory`], and those that admins make at run
//! time are [`kept`] in the store. Which partitions of the log are followed at all is [`followed`], and what
//! brings one up is [`waking`]; what moderators made of a room is [`moderation`]. This part knows nothing of sockets, HTTP or accounts' passwords.

pub mod accept;
pub mod directory;
pub mod feed;
pub mod followed;
pub mod history;
pub mod kept;
pub mod moderation;
mod newcomer;
mod refusals;
pub mod repeats;
mod stage;
pub mod style;
pub mod tail;
pub mod ticker;
pub mod waking;

use crate::{
    emotes::live::{Live, Set},
    world::World,
};
use chat::{nonces::Nonces, rooms::Slug, time::Millis};
use event_log::{Epoch, EventLog, Partition};
use feed::Feed;
use followed::{Followed, Stage};
use parking_lot::{Mutex, RwLock};
use protocol::{ids::RoomId, objects};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use style::Style;
use tokio::sync::Notify;

pub use directory::{Directory, SetUpError};

/// What a room is for ever.
struct Identity {
    id: RoomId,
    slug: Slug,
    partition: Partition,
    epoch: Epoch,
}

/// What people read of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Its name.
    pub title: String,
    /// One line under it; may be empty.
    pub description: String,
}

/// What is known of a room that was made at run time.
#[derive(Clone, Copy, Debug)]
struct Kept {
    created_at: Millis,
}

/// What all rooms share, and a moderation of its own.
struct Surroundings {
    log: Arc<dyn EventLog>,
    world: Arc<dyn World>,
    emotes: Live,
    moderation: moderation::Moderation,
}

/// What a `room` frame says only where it changed.
#[derive(Debug, Default, PartialEq, Eq)]
struct News {
    title: Option<String>,
    description: Option<String>,
    archived: Option<bool>,
}

/// One room at work.
pub struct Room {
    id: RoomId,
    slug: Slug,
    words: RwLock<Words>,
    /// None for one of the configuration.
    kept: Option<Kept>,
    /// Closed: nobody writes, and only admins read.
    archived: AtomicBool,
    /// Can it be read and written to?
    ready: AtomicBool,
    /// Where in the log it lives.
    pub partition: Partition,
    /// Identity of that part of the log.
    pub epoch: Epoch,
    /// What its viewers get.
    pub feed: Arc<Feed>,
    style: Style,
    /// What becomes of the style's typical line.
    sample: OnceLock<String>,
    emotes: Live,
    moderation: moderation::Moderation,
    messages_per_second: RwLock<f64>,
    log: Arc<dyn EventLog>,
    world: Arc<dyn World>,
    /// Never held over an await.
    nonces: Mutex<Nonces>,
    /// Somebody waits for a nonce that is on its way; told whenever one is settled or released.
    nonce_settled: Notify,
    /// How this process follows the room's partition; all rooms of it have the same.
    pub followed: Arc<Followed>,
    /// Messages that the tail brought since the start of the process.
    heard: AtomicU64,
    /// Do other processes write to the log too? Then the tail alone settles nonces.
    shared: bool,
}

impl Room {
    fn new(
        identity: Identity,
        words: Words,
        kept: Option<Kept>,
        feed: Arc<Feed>,
        style: Style,
        followed: Arc<Followed>,
        around: Surroundings,
    ) -> Self {
        let Identity { id, slug, partition, epoch } = identity;
        let Surroundings { log, world, emotes, moderation } = around;
        let shared = log.is_shared();
        Self {
            id,
            slug,
            words: RwLock::new(words),
            // Those of the configuration are there before anyone is served.
            ready: AtomicBool::new(kept.is_none()),
            kept,
            archived: AtomicBool::new(false),
            partition,
            epoch,
            feed,
            sample: OnceLock::new(),
            style,
            emotes,
            moderation,
            messages_per_second: RwLock::new(0.0),
            log,
            world,
            nonces: Mutex::new(if shared { Nonces::of_shared_log() } else { Nonces::default() }),
            nonce_settled: Notify::new(),
            followed,
            heard: AtomicU64::new(0),
            shared,
        }
    }

    /// Its name in URLs and frames.
    pub fn slug(&self) -> &str {
        self.slug.as_str()
    }

    /// For ever.
    pub fn id(&self) -> RoomId {
        self.id
    }

    /// What people read of it now.
    pub fn words(&self) -> Words {
        self.words.read().clone()
    }

    /// Does it stand in the configuration? Then it cannot be closed.
    pub fn is_preset(&self) -> bool {
        self.kept.is_none()
    }

    /// Is it closed? Then nobody writes, and only admins read.
    pub fn is_archived(&self) -> bool {
        self.archived.load(Ordering::Acquire)
    }

    /// Waits until all that was accepted before is shown here, where anybody looks.
    pub async fn all_said(&self) {
        if let Ok(bounds) = self.log.bounds(self.partition)
            && self.followed.stage() == Stage::Live
        {
            self.followed.reached(bounds.last).await;
        }
    }

    /// Is it up? Nobody is to see it before.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// None for one of the configuration.
    fn created_at(&self) -> Option<Millis> {
        self.kept.map(|kept| kept.created_at)
    }

    /// Takes its words and whether it is closed, and tells its viewers what changed; `true` if it was closed by that.
    fn say_of_itself(&self, words: Words, archived: bool) -> bool {
        let was = self.archived.swap(archived, Ordering::AcqRel);
        let before = std::mem::replace(&mut *self.words.write(), words.clone());
        let news = News {
            title: (before.title != words.title).then_some(words.title),
            description: (before.description != words.description).then_some(words.description),
            archived: (was != archived).then_some(archived),
        };
        if news != News::default() {
            self.feed.publish_frame(self.frame(news).to_json());
        }
        archived && !was
    }

    /// Its emotes now.
    pub fn emotes(&self) -> Arc<Set> {
        self.emotes.of_room(self.id())
    }

    /// Messages a second over the last few seconds.
    pub fn messages_per_second(&self) -> f64 {
        *self.messages_per_second.read()
    }

    /// What the room would make of a text, more or less: the real choices hang on the message's id.
    pub async fn preview(&self, text: &str) -> String {
        self.style.show(style::seed_of_preview(text), text, self.emotes()).await
    }

    /// Rooms of the same voice make the same of the same preview.
    pub fn voice(&self) -> (&'static str, usize) {
        (self.style.name(), Arc::as_ptr(&self.emotes()) as usize)
    }

    /// Messages that the tail brought since the start of the process.
    fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// As REST tells it.
    pub fn to_object(&self) -> objects::Room {
        let words = self.words();
        objects::Room {
            id: self.id(),
            slug: self.slug().to_owned(),
            title: words.title,
            description: words.description,
            transformer: objects::RoomTransformer {
                name: self.style.name().to_owned(),
                sample_in: self.style.sample().to_owned(),
                sample_out: self.sample.get().cloned().unwrap_or_else(|| self.style.sample().to_owned()),
            },
            settings: self.settings(),
            viewers: self.feed.viewers(),
            messages_per_second: self.messages_per_second(),
            pinned: self.pinned(),
            archived: self.is_archived(),
        }
    }
}
