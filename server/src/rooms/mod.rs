//! Rooms: where a message is accepted, styled and shown.
//!
//! The path of a message through here: [`accept`] → the log → [`tail`] → [`feed`] → viewers. [`history`] puts a
//! room's past together from ring, log and store. Which partitions of the log are followed at all is [`followed`], and what
//! brings one up is [`waking`]; what moderators made of a room is [`moderation`]. This part knows nothing of sockets, HTTP or accounts' passwords.

pub mod accept;
pub mod feed;
pub mod followed;
pub mod history;
pub mod moderation;
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
use chat::{nonces::Nonces, rooms::RoomDefinition};
use event_log::{Epoch, EventLog, Partition, ReadError};
use feed::Feed;
use followed::Followed;
use parking_lot::{Mutex, RwLock};
use protocol::{ids::RoomId, objects};
use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use style::Style;
use tokio::sync::Notify;
use transformer_api::Seed;

/// One room at work.
pub struct Room {
    /// What the configuration says of it.
    pub definition: RoomDefinition,
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
    /// Its name in URLs and frames.
    pub fn slug(&self) -> &str {
        self.definition.slug.as_str()
    }

    /// For ever.
    pub fn id(&self) -> RoomId {
        self.definition.id
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

    /// Messages that the tail brought since the start of the process.
    fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// As REST tells it.
    pub fn to_object(&self) -> objects::Room {
        objects::Room {
            id: self.id(),
            slug: self.slug().to_owned(),
            title: self.definition.title.clone(),
            description: self.definition.description.clone(),
            transformer: objects::RoomTransformer {
                name: self.style.name().to_owned(),
                sample_in: self.style.sample().to_owned(),
                sample_out: self.sample.get().cloned().unwrap_or_else(|| self.style.sample().to_owned()),
            },
            settings: self.settings(),
            viewers: self.feed.viewers(),
            messages_per_second: self.messages_per_second(),
            pinned: self.pinned(),
            archived: false,
        }
    }
}

/// All rooms, found by slug or id. The set is fixed at the start.
pub struct Directory {
    rooms: Vec<Arc<Room>>,
    by_slug: HashMap<String, Arc<Room>>,
    /// By number.
    partitions: Vec<Arc<Followed>>,
    ring: feed::RingLimits,
    emotes: Live,
    notices: moderation::Notices,
}

/// Why the rooms could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// A style that this program does not have.
    #[error("room {room:?}: unknown transformer {name:?}")]
    UnknownStyle {
        /// Slug.
        room: String,
        /// As configured.
        name: String,
    },
    /// The log has no such partition.
    #[error("room {room:?}: {error}")]
    Log {
        /// Slug.
        room: String,
        /// What the log said.
        error: ReadError,
    },
}

impl Directory {
    /// Sets the rooms up, each with an empty feed.
    pub fn new(
        definitions: Vec<RoomDefinition>,
        styles: &transformer_styles::Registry,
        log: &Arc<dyn EventLog>,
        ring: feed::RingLimits,
        world: &Arc<dyn World>,
    ) -> Result<Arc<Self>, SetUpError> {
        let partitions: Vec<_> =
            (0..log.partitions()).map(|number| Followed::new(log, Partition(number))).collect();
        let emotes = Live::default();
        let notices = moderation::Notices::default();
        let mut rooms = Vec::with_capacity(definitions.len());
        for definition in definitions {
            let slug = definition.slug.as_str().to_owned();
            let transformer = styles.get(&definition.transformer).ok_or_else(|| {
                SetUpError::UnknownStyle { room: slug.clone(), name: definition.transformer.clone() }
            })?;
            let partition = Partition(definition.partition);
            let missing = |error| SetUpError::Log { room: slug.clone(), error };
            let epoch = log.epoch(partition).map_err(missing)?;
            let followed = partitions.get(partition.0 as usize).cloned();
            let followed = followed.ok_or_else(|| missing(ReadError::NoPartition(partition)))?;
            let style = Style::new(transformer, styles.keeps_the_laws(&definition.transformer));
            rooms.push(Arc::new(Room {
                partition,
                epoch,
                feed: Feed::new(&slug, ring),
                sample: OnceLock::new(),
                style,
                emotes: emotes.clone(),
                moderation: moderation::Moderation::new(notices.clone()),
                messages_per_second: RwLock::new(0.0),
                log: log.clone(),
                world: world.clone(),
                nonces: Mutex::new(if log.is_shared() { Nonces::of_shared_log() } else { Nonces::default() }),
                nonce_settled: Notify::new(),
                followed,
                heard: AtomicU64::new(0),
                shared: log.is_shared(),
                definition,
            }));
        }
        let by_slug = rooms.iter().map(|r| (r.slug().to_owned(), r.clone())).collect();
        Ok(Arc::new(Self { rooms, by_slug, partitions, ring, emotes, notices }))
    }

    /// Says each style's typical line, for the rooms' cards. Needs [`style::watch`] at work: a style may hang on it.
    pub async fn say_samples(&self) {
        for room in &self.rooms {
            let said = room.style.show(Seed(0), room.style.sample(), room.emotes()).await;
            let _ = room.sample.set(said);
        }
    }

    /// Words of all rooms for single users.
    pub fn notices(&self) -> &moderation::Notices {
        &self.notices
    }

    /// In the order of the configuration.
    pub fn all(&self) -> &[Arc<Room>] {
        &self.rooms
    }

    /// Which words are emotes in them.
    pub fn emotes(&self) -> &Live {
        &self.emotes
    }

    /// By its name in URLs and frames.
    pub fn get(&self, slug: &str) -> Option<&Arc<Room>> {
        self.by_slug.get(slug)
    }

    /// The rooms that live in a partition.
    pub fn in_partition(&self, partition: Partition) -> impl Iterator<Item = &Arc<Room>> {
        self.rooms.iter().filter(move |r| r.partition == partition)
    }

    /// How each partition of the log is followed, by number; those without a room too, as one may be made there.
    pub fn partitions(&self) -> &[Arc<Followed>] {
        &self.partitions
    }

    /// How much of a room's past its ring may keep.
    pub(crate) fn ring(&self) -> feed::RingLimits {
        self.ring
    }
}
