//! Emotes: which there are, their pictures, and how admins change them.
//!
//! ```text
//!  upload ──▶ picture: what is it? harmless? ──▶ STORE ──▶ live: the names, in every process ──▶ rooms
//!             (svg: nothing but a drawing)         ▲            ▲
//!                                                  └─ look ─────┘  after a word of another process, and by and by
//! ```
//! The store is the truth, [`live`] a copy that every message is measured against. A picture's id is made from its bytes,
//! so browsers keep it for ever, and a message shows what it showed when it was said. It knows no HTTP and no room's
//! state. Start with [`Emotes`].

pub mod live;
pub mod own;
pub mod picture;
pub mod svg;

use crate::news::{News, Topic};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chat::{
    emotes::{EMOTE_ID_BYTES, Emote, EmoteId, EmoteName, Picture, Scope},
    time::Millis,
};
use chat_store::{Store, StoreError};
use live::Live;
use parking_lot::Mutex;
use protocol::ids::UserId;
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// Emotes that one scope may have, beside those that come with the program: what a person may leaf through. The store has
/// a limit on all of them together.
pub const SCOPE_MAX: usize = 300;
/// Bytes of uploaded pictures that are kept in memory, the newest asked for: 64 of the largest, and thousands as they are.
const CACHE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why an emote cannot be changed as asked.
#[derive(Debug, thiserror::Error)]
pub enum EmoteError {
    /// The picture may not be shown.
    #[error(transparent)]
    Unfit(#[from] picture::Unfit),
    /// There are [`SCOPE_MAX`] already.
    #[error("there are {SCOPE_MAX} emotes here already; take one away first")]
    TooMany,
    /// It comes with the program.
    #[error("this emote comes with the program; it can be replaced, and not taken away")]
    BuiltIn,
    /// There is no such emote in this scope.
    #[error("there is no emote of this name here")]
    Missing,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All emotes.
pub struct Emotes {
    live: Live,
    store: Arc<dyn Store>,
    news: Arc<News>,
    /// One change or look after the other, so that an older look never takes a newer one's place.
    turn: tokio::sync::Mutex<()>,
    cache: Mutex<Cache>,
}

/// The id of a picture.
pub fn id_of(bytes: &[u8]) -> EmoteId {
    let hash = Sha256::digest(bytes);
    let id = URL_SAFE_NO_PAD.encode(&hash[..EMOTE_ID_BYTES]);
    id.parse().expect("so many bytes are so many of these characters")
}

/// Where a picture is found.
pub fn url_of(id: &EmoteId) -> String {
    format!("/emotes/{id}")
}

impl Emotes {
    /// Those of the program at first; [`Self::look`] brings the others, and [`Self::run`] keeps them current.
    pub fn new(live: Live, store: Arc<dyn Store>, news: Arc<News>) -> Arc<Self> {
        live.replace(own::emotes().iter().cloned());
        let (turn, cache) = (tokio::sync::Mutex::new(()), Mutex::default());
        Arc::new(Self { live, store, news, turn, cache })
    }

    /// The names.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Looks into the store whenever there may be something new; runs until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut told = false;
        loop {
            self.news.time_to_look(Topic::Emotes).await;
            let looked = self.look().await;
            match &looked {
                Ok(()) => told = false,
                // One line for one outage; the next look is soon.
                Err(error) if !told => {
                    tracing::warn!(%error, "the emotes cannot be read; those known so far are used");
                    told = true;
                }
                Err(_) => {}
            }
        }
    }

    /// Looks into the store once.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn look(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.look_in_turn().await
    }

    async fn look_in_turn(&self) -> Result<(), StoreError> {
        let kept = self.store.emotes().await?;
        // One of the same name takes the place of the program's.
        self.live.replace(own::emotes().iter().cloned().chain(kept));
        Ok(())
    }

    /// Gives a name a picture, in place of the one it may have.
    ///
    /// # Errors
    /// `Unfit`, `TooMany`, and those of the store.
    pub async fn put(
        &self,
        scope: Scope,
        name: EmoteName,
        bytes: &[u8],
        by: UserId,
        now: Millis,
    ) -> Result<Emote, EmoteError> {
        let fit = picture::look(bytes)?;
        let _turn = self.turn.lock().await;
        let kept = self.store.emotes().await?;
        let mut here = kept.iter().filter(|emote| emote.scope == scope);
        if here.clone().count() >= SCOPE_MAX && !here.any(|emote| emote.name == name) {
            return Err(EmoteError::TooMany);
        }
        let emote = Emote { scope, name, id: id_of(bytes), animated: fit.animated, by, at: now };
        let put = self.store.put_emote(emote.clone(), fit.picture).await;
        self.changed(put).await?;
        Ok(emote)
    }

    /// Takes a name away. Its picture stays.
    ///
    /// # Errors
    /// `Missing`, `BuiltIn`, and those of the store.
    pub async fn remove(&self, scope: Scope, name: EmoteName) -> Result<(), EmoteError> {
        let _turn = self.turn.lock().await;
        let removed = self.store.remove_emote(scope, name.clone()).await;
        if self.changed(removed).await? {
            return Ok(());
        }
        let is_own = scope == Scope::Everywhere && own::emotes().iter().any(|emote| emote.name == name);
        Err(if is_own { EmoteError::BuiltIn } else { EmoteError::Missing })
    }

    /// A change that failed may have been made all the same, so it is told either way.
    async fn changed<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        let looked = self.look_in_turn().await;
        self.news.say(Topic::Emotes);
        let answer = answer?;
        looked.map(|()| answer)
    }

    /// A picture that needs no store.
    pub fn picture_here(&self, id: &EmoteId) -> Option<Picture> {
        own::picture(id).cloned().or_else(|| self.cache.lock().pictures.get(id).cloned())
    }

    /// A picture from the store.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn picture_kept(&self, id: &EmoteId) -> Result<Option<Picture>, StoreError> {
        let picture = self.store.picture(id.clone()).await?;
        if let Some(picture) = &picture {
            self.cache.lock().keep(id.clone(), picture.clone());
        }
        Ok(picture)
    }
}

/// Pictures lately asked for; the oldest goes first.
#[derive(Default)]
struct Cache {
    pictures: HashMap<EmoteId, Picture>,
    order: VecDeque<EmoteId>,
    bytes: usize,
}

impl Cache {
    fn keep(&mut self, id: EmoteId, picture: Picture) {
        let bytes = picture.bytes.len();
        if self.pictures.insert(id.clone(), picture).is_some() {
            return;
        }
        self.order.push_back(id);
        self.bytes += bytes;
        while self.bytes > CACHE_BYTES_MAX {
            let Some(gone) = self.order.pop_front().and_then(|oldest| self.pictures.remove(&oldest)) else {
                break;
            };
            self.bytes -= gone.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests;
