//! Which rooms there are: those of the configuration, for the life of the process, and those that admins made at run time.
//!
//! A read costs a lock that is held for the time of a clone, and no wait. Rooms come and are never taken out: one that is
//! archived stays, for the admins who read it, for the messages that are on their way, and to be opened again. A room that
//! comes while its partition is followed is found only once it is up ([`newcomer`](super::newcomer)), so whoever finds a
//! room can read it and write to it. It knows no store: what is kept there comes by [`Directory::take_in`], from
//! [`kept`](super::kept).

use super::{Room, Words, feed, followed::Followed, followed::Stage, moderation, style::Style};
use crate::{emotes::live::Live, world::World};
use chat::rooms::{KeptRoom, RoomDefinition};
use event_log::{EventLog, Partition, ReadError};
use feed::Feed;
use parking_lot::{Mutex, RwLock};
use protocol::ids::RoomId;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
};
use tokio::sync::{Notify, watch};
use transformer_api::Seed;

/// The feeds of all rooms, for those who count their viewers.
pub type Feeds = Arc<HashMap<RoomId, Arc<Feed>>>;

/// All rooms, found by slug or id.
pub struct Directory {
    index: RwLock<Arc<Index>>,
    /// Held by who changes the index.
    changing: Mutex<()>,
    /// By number.
    partitions: Vec<Arc<Followed>>,
    /// Rooms of the store that cannot be served here; each is told of once.
    left_out: Mutex<HashSet<RoomId>>,
    styles: transformer_styles::Registry,
    log: Arc<dyn EventLog>,
    world: Arc<dyn World>,
    ring: feed::RingLimits,
    emotes: Live,
    notices: moderation::Notices,
    /// Counts how often a room was closed.
    closed: watch::Sender<u64>,
    /// Told when a room that came later is up.
    readied: Notify,
    /// Told when the log speaks of a room that is not known.
    wanted: Notify,
}

/// One state of it, never changed.
#[derive(Default)]
struct Index {
    /// In the order of the configuration, then by age.
    rooms: Arc<[Arc<Room>]>,
    by_slug: HashMap<String, Arc<Room>>,
    by_partition: Vec<Arc<[Arc<Room>]>>,
    feeds: Feeds,
}

impl Index {
    fn new(rooms: Vec<Arc<Room>>, partitions: usize) -> Self {
        let of = |number: usize| rooms.iter().filter(|r| r.partition.0 as usize == number).cloned().collect();
        Self {
            by_slug: rooms.iter().map(|room| (room.slug().to_owned(), room.clone())).collect(),
            by_partition: (0..partitions).map(of).collect(),
            feeds: Arc::new(rooms.iter().map(|room| (room.id(), room.feed.clone())).collect()),
            rooms: rooms.into(),
        }
    }
}

/// Why a room cannot be served.
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
    /// Another room has its id, by which messages are kept.
    #[error("room {room:?}: its id {id} is that of another room")]
    SameId {
        /// Slug.
        room: String,
        /// Of both.
        id: RoomId,
    },
}

impl Directory {
    /// Sets the rooms of the configuration up, each with an empty feed.
    ///
    /// # Errors
    /// The configuration names what is not there.
    pub fn new(
        definitions: Vec<RoomDefinition>,
        styles: &transformer_styles::Registry,
        log: &Arc<dyn EventLog>,
        ring: feed::RingLimits,
        world: &Arc<dyn World>,
    ) -> Result<Arc<Self>, SetUpError> {
        let directory = Self {
            index: RwLock::default(),
            changing: Mutex::default(),
            partitions: (0..log.partitions()).map(|number| Followed::new(log, Partition(number))).collect(),
            left_out: Mutex::default(),
            styles: styles.clone(),
            log: log.clone(),
            world: world.clone(),
            ring,
            emotes: Live::default(),
            notices: moderation::Notices::default(),
            closed: watch::Sender::default(),
            readied: Notify::new(),
            wanted: Notify::new(),
        };
        let rooms: Result<Vec<_>, _> = definitions
            .into_iter()
            .map(|definition| directory.set_up(definition, None).map(Arc::new))
            .collect();
        *directory.index.write() = Arc::new(Index::new(rooms?, directory.partitions.len()));
        Ok(Arc::new(directory))
    }

    fn set_up(&self, definition: RoomDefinition, kept: Option<super::Kept>) -> Result<Room, SetUpError> {
        let RoomDefinition { id, slug, title, description, transformer, partition } = definition;
        let name = slug.as_str().to_owned();
        let partition = Partition(partition);
        let missing = |error| SetUpError::Log { room: name.clone(), error };
        let epoch = self.log.epoch(partition).map_err(missing)?;
        let followed = self.partitions.get(partition.0 as usize).cloned();
        let followed = followed.ok_or_else(|| missing(ReadError::NoPartition(partition)))?;
        let tested = self.styles.keeps_the_laws(&transformer);
        let transformer = self
            .styles
            .get(&transformer)
            .ok_or_else(|| SetUpError::UnknownStyle { room: name.clone(), name: transformer })?;
        Ok(Room::new(
            super::Identity { id, slug, partition, epoch },
            Words { title, description },
            kept,
            Feed::new(&name, self.ring),
            Style::new(transformer, tested),
            followed,
            super::Surroundings {
                log: self.log.clone(),
                world: self.world.clone(),
                emotes: self.emotes.clone(),
                moderation: moderation::Moderation::new(self.notices.clone()),
            },
        ))
    }

    fn now(&self) -> Arc<Index> {
        self.index.read().clone()
    }

    /// Takes in what the store says of rooms: new ones come, words change, rooms close and open again. Of a room that
    /// stands in the configuration title and description alone count. Changes nothing where nothing is new, so it may be
    /// told the same again and again.
    pub fn take_in(&self, kept: Vec<KeptRoom>) {
        let _changing = self.changing.lock();
        let index = self.now();
        let mut ids: HashSet<RoomId> = index.rooms.iter().map(|room| room.id()).collect();
        let mut new = Vec::new();
        for room in kept {
            if let Some(known) = index.by_slug.get(room.definition.slug.as_str()) {
                self.change(known, &room);
                continue;
            }
            let (id, slug) = (room.definition.id, room.definition.slug.as_str().to_owned());
            let of = super::Kept { created_at: room.created_at };
            let set_up = match ids.contains(&id) {
                true => Err(SetUpError::SameId { room: slug, id }),
                false => self.set_up(room.definition, Some(of)),
            };
            match set_up {
                Ok(made) => {
                    made.archived.store(room.archived, Ordering::Release);
                    ids.insert(id);
                    new.push(Arc::new(made));
                }
                Err(error) => {
                    if self.left_out.lock().insert(id) {
                        metrics::counter!("twitchy_rooms_left_out_total").increment(1);
                        tracing::error!(%error, "a room of the store cannot be served here; it is left out");
                    }
                }
            }
        }
        if new.is_empty() {
            return;
        }
        new.sort_by(|a, b| (a.created_at(), a.slug()).cmp(&(b.created_at(), b.slug())));
        let rooms = index.rooms.iter().chain(&new).cloned().collect();
        *self.index.write() = Arc::new(Index::new(rooms, self.partitions.len()));
        // In the index first, then the look: whoever wakes the partition from now on brings the room up with the others.
        for room in new {
            match room.followed.stage() {
                Stage::Asleep => self.ready(&room),
                _ => room.followed.arrived.notify_one(),
            }
        }
    }

    fn change(&self, room: &Arc<Room>, kept: &KeptRoom) {
        let definition = &kept.definition;
        let words = Words { title: definition.title.clone(), description: definition.description.clone() };
        let archived = kept.archived && !room.is_preset();
        if room.say_of_itself(words, archived) {
            self.closed.send_modify(|count| *count += 1);
        }
    }

    /// The room can be read and written to from now on.
    pub(super) fn ready(&self, room: &Room) {
        if !room.ready.swap(true, Ordering::AcqRel) {
            self.readied.notify_waiters();
        }
    }

    /// Waits until a room can be read and written to. Cancel-safe.
    pub(super) async fn until_ready(&self, room: &Room) {
        loop {
            let readied = self.readied.notified();
            tokio::pin!(readied);
            // Listen first, then look: otherwise the news could come in between.
            readied.as_mut().enable();
            if room.is_ready() {
                return;
            }
            readied.await;
        }
    }

    /// The log speaks of a room that is not known: somebody should look into the store.
    pub(super) fn want_look(&self) {
        self.wanted.notify_one();
    }

    /// Waits until somebody should. Cancel-safe.
    pub(super) async fn look_wanted(&self) {
        self.wanted.notified().await;
    }

    /// Tells of each room that is closed, if not how many.
    pub fn closed(&self) -> watch::Receiver<u64> {
        self.closed.subscribe()
    }

    /// Says each style's typical line, for the rooms' cards, where that was not done yet. Needs [`style::watch`] at work: a
    /// style may hang on it.
    ///
    /// [`style::watch`]: super::style::watch
    pub async fn say_samples(&self) {
        for room in self.all().iter().filter(|room| room.sample.get().is_none()) {
            let said = room.style.show(Seed(0), room.style.sample(), room.emotes()).await;
            let _ = room.sample.set(said);
        }
    }

    /// Words of all rooms for single users.
    pub fn notices(&self) -> &moderation::Notices {
        &self.notices
    }

    /// All there are, also those that are archived or not up yet: in the order of the configuration, then by age.
    pub fn all(&self) -> Arc<[Arc<Room>]> {
        self.now().rooms.clone()
    }

    /// Those that everyone may read.
    pub fn open(&self) -> Vec<Arc<Room>> {
        self.all().iter().filter(|room| room.is_ready() && !room.is_archived()).cloned().collect()
    }

    /// The feeds of all there are.
    pub fn feeds(&self) -> Feeds {
        self.now().feeds.clone()
    }

    /// Which words are emotes in them.
    pub fn emotes(&self) -> &Live {
        &self.emotes
    }

    /// By its name in URLs and frames; also one that is archived.
    pub fn get(&self, slug: &str) -> Option<Arc<Room>> {
        self.index.read().by_slug.get(slug).filter(|room| room.is_ready()).cloned()
    }

    /// The same, also if it is not up yet.
    pub(super) fn find(&self, slug: &str) -> Option<Arc<Room>> {
        self.index.read().by_slug.get(slug).cloned()
    }

    /// The rooms that live in a partition, also those that are archived or not up yet.
    pub fn in_partition(&self, partition: Partition) -> Arc<[Arc<Room>]> {
        self.index.read().by_partition.get(partition.0 as usize).cloned().unwrap_or_default()
    }

    /// How each partition of the log is followed, by number; those without a room too, as one may be made there.
    pub fn partitions(&self) -> &[Arc<Followed>] {
        &self.partitions
    }

    /// How much of a room's past its ring may keep.
    pub(crate) fn ring(&self) -> feed::RingLimits {
        self.ring
    }

    /// The styles that rooms may have.
    pub(super) fn styles(&self) -> &transformer_styles::Registry {
        &self.styles
    }
}
