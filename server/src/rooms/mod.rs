//! Rooms: where a message is accepted, styled and shown.
//!
//! The path of a message through here: [`accept`] → the log → [`tail`] → [`feed`] → viewers. [`history`] puts a
//! room's past together from ring, log and store. This part knows nothing of sockets, HTTP or accounts' passwords.

pub mod accept;
pub mod feed;
pub mod history;
pub mod repeats;
mod stage;
pub mod style;
pub mod tail;
pub mod ticker;

use crate::world::World;
use chat::{nonces::Nonces, rooms::RoomDefinition};
use event_log::{Epoch, EventLog, Offset, Partition};
use feed::Feed;
use parking_lot::{Mutex, RwLock};
use protocol::{
    ids::RoomId,
    objects::{self, RoomSettings},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use style::Style;
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout_at},
};
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
    settings: RwLock<RoomSettings>,
    messages_per_second: RwLock<f64>,
    log: Arc<dyn EventLog>,
    world: Arc<dyn World>,
    /// Never held over an await.
    nonces: Mutex<Nonces>,
    /// Somebody waits for a nonce that is on its way; told whenever one is settled or released.
    nonce_settled: Notify,
    /// How far the tail has read this room's partition, and somebody waits for it to come further.
    followed: AtomicU64,
    followed_on: Notify,
    /// Do other processes write to the log too? Then the tail alone settles nonces, and these come in:
    shared: bool,
    /// Senders that wait for the tail to read past their records, by offset. As many as there are appends under way.
    awaiting: Mutex<BTreeMap<u64, oneshot::Sender<()>>>,
    /// The tail was waited for in vain up to here.
    read_late: AtomicU64,
    /// Of records after this one the nonces know whether they are second ones.
    judged_after: AtomicU64,
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

    /// Its rules now.
    pub fn settings(&self) -> RoomSettings {
        *self.settings.read()
    }

    /// Messages a second over the last few seconds.
    pub fn messages_per_second(&self) -> f64 {
        *self.messages_per_second.read()
    }

    /// What the room would make of a text, more or less: the real choices hang on the message's id.
    pub async fn preview(&self, text: &str) -> String {
        self.style.show(style::seed_of_preview(text), text).await
    }

    /// Resolves once the tail has read the room's partition up to here. Cancel-safe.
    async fn followed(&self, to: Offset) {
        loop {
            let on = self.followed_on.notified();
            tokio::pin!(on);
            // Listen first, then look: otherwise the news could come in between.
            on.as_mut().enable();
            if self.followed.load(Ordering::Acquire) >= to.0 {
                return;
            }
            on.await;
        }
    }

    /// The tail has read up to here.
    fn follow(&self, to: Offset) {
        self.followed.store(to.0, Ordering::Release);
        self.followed_on.notify_waiters();
        let due = {
            let mut awaiting = self.awaiting.lock();
            if awaiting.first_key_value().is_none_or(|(first, _)| *first > to.0) {
                return;
            }
            let later = awaiting.split_off(&to.0.saturating_add(1));
            std::mem::replace(&mut *awaiting, later)
        };
        for waiter in due.into_values() {
            // One that is gone has left its nonce in doubt.
            let _ = waiter.send(());
        }
    }

    /// Waits for the tail to read past this record of a sender's; `false` if it does not in time.
    async fn passed(&self, record: Offset, until: Instant) -> bool {
        let read = {
            let mut awaiting = self.awaiting.lock();
            // Looked at under the lock: `follow` raises it before it takes the lock.
            if self.followed.load(Ordering::Acquire) >= record.0 {
                return true;
            }
            let (tell, read) = oneshot::channel();
            awaiting.insert(record.0, tell);
            read
        };
        let in_time = timeout_at(until, read).await.is_ok_and(|told| told.is_ok());
        if !in_time {
            self.read_late.fetch_max(record.0, Ordering::AcqRel);
        }
        in_time
    }

    /// Is the tail so far behind the log that no more sends may be taken? What it has not read may repeat them.
    fn reads_late(&self) -> bool {
        self.followed.load(Ordering::Acquire) < self.read_late.load(Ordering::Acquire)
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
            pinned: None,
            archived: false,
        }
    }
}

/// All rooms, found by slug or id. The set is fixed at the start.
pub struct Directory {
    rooms: Vec<Arc<Room>>,
    by_slug: HashMap<String, Arc<Room>>,
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
        error: event_log::ReadError,
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
        let mut rooms = Vec::with_capacity(definitions.len());
        for definition in definitions {
            let slug = definition.slug.as_str().to_owned();
            let transformer = styles.get(&definition.transformer).ok_or_else(|| {
                SetUpError::UnknownStyle { room: slug.clone(), name: definition.transformer.clone() }
            })?;
            let partition = Partition(definition.partition);
            let epoch =
                log.epoch(partition).map_err(|error| SetUpError::Log { room: slug.clone(), error })?;
            let style = Style::new(transformer, styles.keeps_the_laws(&definition.transformer));
            rooms.push(Arc::new(Room {
                partition,
                epoch,
                feed: Feed::new(&slug, ring),
                sample: OnceLock::new(),
                style,
                settings: RwLock::default(),
                messages_per_second: RwLock::new(0.0),
                log: log.clone(),
                world: world.clone(),
                nonces: Mutex::new(if log.is_shared() { Nonces::of_shared_log() } else { Nonces::default() }),
                nonce_settled: Notify::new(),
                followed: AtomicU64::new(0),
                followed_on: Notify::new(),
                shared: log.is_shared(),
                awaiting: Mutex::default(),
                read_late: AtomicU64::new(0),
                judged_after: AtomicU64::new(0),
                definition,
            }));
        }
        let by_slug = rooms.iter().map(|r| (r.slug().to_owned(), r.clone())).collect();
        Ok(Arc::new(Self { rooms, by_slug }))
    }

    /// Says each style's typical line, for the rooms' cards. Needs [`style::watch`] at work: a style may hang on it.
    pub async fn say_samples(&self) {
        for room in &self.rooms {
            let said = room.style.show(Seed(0), room.style.sample()).await;
            let _ = room.sample.set(said);
        }
    }

    /// In the order of the configuration.
    pub fn all(&self) -> &[Arc<Room>] {
        &self.rooms
    }

    /// By its name in URLs and frames.
    pub fn get(&self, slug: &str) -> Option<&Arc<Room>> {
        self.by_slug.get(slug)
    }

    /// The rooms that live in a partition.
    pub fn in_partition(&self, partition: Partition) -> impl Iterator<Item = &Arc<Room>> {
        self.rooms.iter().filter(move |r| r.partition == partition)
    }

    /// The partitions that hold any room, each once.
    pub fn partitions(&self) -> Vec<Partition> {
        let mut all: Vec<Partition> = self.rooms.iter().map(|r| r.partition).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
