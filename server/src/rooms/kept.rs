//! Rooms that admins make, retitle, close and open again at run time.
//!
//! ```text
//!  REST, command line ──▶ rules ──▶ STORE ──▶ directory, in every process: at once in this one, elsewhere after a word
//!                                     ▲  look        of it, and by and by without one
//! ```
//! The store is the truth. A room's row is there before anything is said in the room, so a process that meets a record of a
//! room it does not know finds it here. Where a room of the configuration has the same slug, the configuration has the
//! say: it decides style and place, and that the room is open; title and description are those that were given last at
//! run time. It knows no HTTP. Start with [`Keeper`]; [`Rules`] serve the command line too, which has no directory.

use super::{Directory, Room, Words};
use crate::{
    news::{News, Topic},
    world::World,
};
use chat::{
    rooms::{KeptRoom, RoomDefinition, Slug, partition_of},
    time::Millis,
};
use chat_store::{Created, RoomChange, Store, StoreError};
use protocol::{
    limits::{ROOM_DESCRIPTION_CODE_POINTS_MAX, ROOM_TITLE_CODE_POINTS_MAX},
    rest::{FieldError, NewRoomBody},
};
use std::{num::NonZeroU32, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// How often the store is looked into without a word, at the most and at the least: each time by chance in between, so that
/// processes that started together do not ask together.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(10);
const LOOK_EVERY_MIN: Duration = Duration::from_secs(5);
/// Between two looks. Whoever makes rooms by the dozen costs the store five looks a second at each gateway.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// How long whoever made a room waits until this process serves it. It takes milliseconds; after that it comes by itself.
const READY_MAX: Duration = Duration::from_secs(3);

/// Why a room cannot be made or changed as asked.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// Fields that are not as they should be.
    #[error("{}", told(.0))]
    Invalid(Vec<FieldError>),
    /// There is one of this name, or (hardly ever) of the same id.
    #[error("there is a room {0:?} already; also a closed one keeps its name")]
    Taken(String),
    /// There are as many as there may be.
    #[error("there are {0} rooms already, which is as many as there may be (`limits.rooms`)")]
    TooMany(usize),
    /// There is none of this name.
    #[error("there is no room {0:?}")]
    Missing(String),
    /// It stands in the configuration.
    #[error("the room {0:?} stands in the configuration, so it is open; it is closed by taking it out there")]
    Preset(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn told(errors: &[FieldError]) -> String {
    let each: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.field, error.detail)).collect();
    each.join("; ")
}

/// What may be made and changed, and what a change does to the store.
pub struct Rules {
    /// The rooms of the configuration.
    pub preset: Vec<RoomDefinition>,
    /// Of the log.
    pub partitions: NonZeroU32,
    /// Rooms that there may be, those of the configuration and closed ones among them.
    pub rooms_max: usize,
}

/// Words to be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewWords {
    /// Its name for people.
    pub title: Option<String>,
    /// One line under it.
    pub description: Option<String>,
}

impl NewWords {
    /// As they will stand, without what is so already: nothing of it may be left.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn beyond(self, now: &Words) -> Result<Self, RoomError> {
        let Self { title, description } = checked(self)?;
        Ok(Self {
            title: title.filter(|title| *title != now.title),
            description: description.filter(|description| *description != now.description),
        })
    }
}

impl Rules {
    fn preset(&self, slug: &str) -> Option<&RoomDefinition> {
        self.preset.iter().find(|room| room.slug.as_str() == slug)
    }

    /// Keeps a new room.
    ///
    /// # Errors
    /// `Invalid`, `Taken`, `TooMany`, and those of the store.
    pub async fn create(
        &self,
        store: &dyn Store,
        body: NewRoomBody,
        styles: &transformer_styles::Registry,
        now: Millis,
    ) -> Result<KeptRoom, RoomError> {
        let definition = define(body, styles, self.partitions)?;
        let (slug, id) = (definition.slug.as_str().to_owned(), definition.id);
        let kept = store.rooms().await?;
        let is_new = |room: &&KeptRoom| self.preset(room.definition.slug.as_str()).is_none();
        let all = || self.preset.iter().chain(kept.iter().filter(is_new).map(|room| &room.definition));
        if all().any(|room| room.slug.as_str() == slug || room.id == id) {
            return Err(RoomError::Taken(slug));
        }
        if all().count() >= self.rooms_max {
            return Err(RoomError::TooMany(self.rooms_max));
        }
        let room = KeptRoom { definition, archived: false, created_at: now };
        match store.create_room(room.clone()).await {
            Ok(Created::Yes) => Ok(room),
            Ok(Created::NameTaken) => Err(RoomError::Taken(slug)),
            Err(StoreError::Full) => Err(RoomError::TooMany(chat_store::ROOMS_MAX)),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a room other words.
    ///
    /// # Errors
    /// `Invalid`, `Missing`, and those of the store.
    pub async fn retitle(
        &self,
        store: &dyn Store,
        slug: &str,
        words: NewWords,
        now: Millis,
    ) -> Result<KeptRoom, RoomError> {
        let NewWords { title, description } = checked(words)?;
        let change = RoomChange { title: title.clone(), description: description.clone(), archived: None };
        if let Some(room) = store.change_room(slug, change.clone()).await? {
            return Ok(room);
        }
        let preset = self.preset(slug).ok_or_else(|| RoomError::Missing(slug.to_owned()))?;
        // Closed as soon as it stands in the configuration no more, as it would be without a row.
        let mut room = KeptRoom { definition: preset.clone(), archived: true, created_at: now };
        change.clone().apply(&mut room);
        match store.create_room(room.clone()).await? {
            Created::Yes => Ok(room),
            // Somebody was quicker by a moment.
            Created::NameTaken => {
                let room = store.change_room(slug, change).await?;
                room.ok_or_else(|| RoomError::Missing(slug.to_owned()))
            }
        }
    }

    /// Closes a room, or opens it again.
    ///
    /// # Errors
    /// `Preset`, `Missing`, and those of the store.
    pub async fn archive(
        &self,
        store: &dyn Store,
        slug: &str,
        archived: bool,
    ) -> Result<KeptRoom, RoomError> {
        if self.preset(slug).is_some() {
            return Err(RoomError::Preset(slug.to_owned()));
        }
        let change = RoomChange { archived: Some(archived), ..RoomChange::default() };
        store.change_room(slug, change).await?.ok_or_else(|| RoomError::Missing(slug.to_owned()))
    }
}

/// The room that is asked for, or all that is wrong with it.
fn define(
    body: NewRoomBody,
    styles: &transformer_styles::Registry,
    partitions: NonZeroU32,
) -> Result<RoomDefinition, RoomError> {
    let NewRoomBody { slug, title, description, transformer } = body;
    let mut errors = Vec::new();
    let slug: Option<Slug> = match slug.parse() {
        Ok(slug) => Some(slug),
        Err(bad) => {
            errors.push(wrong("slug", "invalid", format!("{bad}")));
            None
        }
    };
    let title = line("title", &title, 1, ROOM_TITLE_CODE_POINTS_MAX, &mut errors);
    let description = description.unwrap_or_default();
    let description = line("description", &description, 0, ROOM_DESCRIPTION_CODE_POINTS_MAX, &mut errors);
    if styles.get(&transformer).is_none() {
        let known: Vec<_> = styles.names().collect();
        errors.push(wrong("transformer", "unknown", format!("one of {}", known.join(", "))));
    }
    match slug {
        Some(slug) if errors.is_empty() => {
            let id = slug.room_id();
            let partition = partition_of(id, partitions);
            Ok(RoomDefinition { id, slug, title, description, transformer, partition })
        }
        _ => Err(RoomError::Invalid(errors)),
    }
}

fn checked(words: NewWords) -> Result<NewWords, RoomError> {
    let mut errors = Vec::new();
    let title = words.title.map(|title| line("title", &title, 1, ROOM_TITLE_CODE_POINTS_MAX, &mut errors));
    let description = words.description.map(|description| {
        line("description", &description, 0, ROOM_DESCRIPTION_CODE_POINTS_MAX, &mut errors)
    });
    if errors.is_empty() { Ok(NewWords { title, description }) } else { Err(RoomError::Invalid(errors)) }
}

fn wrong(field: &str, code: &str, detail: impl Into<String>) -> FieldError {
    FieldError { field: field.to_owned(), code: code.to_owned(), detail: detail.into() }
}

/// One plain line for a page: what would break it, turn the text beside it round, or cannot be seen is refused.
fn line(field: &str, text: &str, min: usize, max: usize, errors: &mut Vec<FieldError>) -> String {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        errors.push(wrong(field, "control_character", "one line without control characters"));
    } else if text.chars().any(turns_text) {
        errors.push(wrong(field, "control_character", "no characters that turn the direction of text"));
    } else if text.chars().count() > max {
        errors.push(wrong(field, "too_long", format!("at most {max} characters")));
    } else if min > 0 && text.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
        errors.push(wrong(field, "empty", "something that can be seen"));
    }
    text.to_owned()
}

/// Embeddings, overrides and isolates of the bidirectional algorithm: they reach beyond the line's own end.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters without a width, and those that are blank though they count as letters.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Keeps the directory as the store has it, and changes both.
pub struct Keeper {
    rooms: Arc<Directory>,
    rules: Rules,
    store: Arc<dyn Store>,
    news: Arc<News>,
    world: Arc<dyn World>,
    /// One change or look after the other, so that an older look never takes a newer one's place.
    turn: tokio::sync::Mutex<()>,
}

impl Keeper {
    /// Knows nothing of the store yet: [`Self::look`] brings its rooms, and [`Self::run`] keeps them current.
    pub fn new(
        rooms: Arc<Directory>,
        rules: Rules,
        store: Arc<dyn Store>,
        news: Arc<News>,
        world: Arc<dyn World>,
    ) -> Arc<Self> {
        Arc::new(Self { rooms, rules, store, news, world, turn: tokio::sync::Mutex::new(()) })
    }

    /// Looks into the store whenever there may be something new; runs until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut told = false;
        loop {
            tokio::select! {
                () = self.news.time_to_look(Topic::Rooms) => {}
                () = self.rooms.look_wanted() => {}
                () = sleep(self.some_time()) => {}
            }
            match self.look().await {
                Ok(()) => told = false,
                // One line for one outage; the next look is soon.
                Err(error) if !told => {
                    tracing::warn!(%error, "the rooms cannot be read; those known so far are served");
                    told = true;
                }
                Err(_) => {}
            }
            self.rooms.say_samples().await;
            sleep(LOOK_PAUSE).await;
        }
    }

    fn some_time(&self) -> Duration {
        /// Of 32 random bits.
        const CHANCES: f64 = (1_u64 << 32) as f64;
        #[allow(clippy::cast_precision_loss)]
        let chance = (self.world.random() >> 96) as f64 / CHANCES;
        LOOK_EVERY_MIN + (LOOK_EVERY_MAX - LOOK_EVERY_MIN).mul_f64(chance)
    }

    /// Looks into the store once.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn look(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.rooms.take_in(self.store.rooms().await?);
        Ok(())
    }

    /// Makes a room. When this answers it is served here, or will be in a moment.
    ///
    /// # Errors
    /// As [`Rules::create`].
    pub async fn create(&self, body: NewRoomBody) -> Result<Arc<Room>, RoomError> {
        let slug = body.slug.clone();
        let _turn = self.turn.lock().await;
        let created =
            self.rules.create(self.store.as_ref(), body, self.rooms.styles(), self.world.now()).await;
        self.changed(created)?;
        let room = self.rooms.find(&slug).ok_or(RoomError::Missing(slug))?;
        let _ = timeout(READY_MAX, self.rooms.until_ready(&room)).await;
        self.rooms.say_samples().await;
        Ok(room)
    }

    /// Gives a room other words.
    ///
    /// # Errors
    /// As [`Rules::retitle`].
    pub async fn retitle(&self, room: &Room, words: NewWords) -> Result<(), RoomError> {
        let _turn = self.turn.lock().await;
        let changed = self.rules.retitle(self.store.as_ref(), room.slug(), words, self.world.now()).await;
        self.changed(changed)
    }

    /// Closes a room, or opens it again. What was accepted before stays in its history.
    ///
    /// # Errors
    /// As [`Rules::archive`].
    pub async fn archive(&self, slug: &str, archived: bool) -> Result<(), RoomError> {
        let _turn = self.turn.lock().await;
        let changed = self.rules.archive(self.store.as_ref(), slug, archived).await;
        self.changed(changed)
    }

    /// Holds here at once, and is told the others. A change that failed in the store may have been made all the same, so
    /// then too somebody has to look.
    fn changed(&self, answer: Result<KeptRoom, RoomError>) -> Result<(), RoomError> {
        match answer {
            Ok(room) => {
                self.rooms.take_in(vec![room]);
                self.news.say(Topic::Rooms);
                Ok(())
            }
            Err(RoomError::Store(error)) => {
                self.news.say(Topic::Rooms);
                self.rooms.want_look();
                Err(error.into())
            }
            Err(refused) => Err(refused),
        }
    }
}

#[cfg(test)]
mod tests;
