//! What admins set up at run time: emotes, rooms, tokens of bots.

use super::MemoryStore;
use crate::{
    BotStore, BoxFuture, Created, EMOTES_MAX, EmoteStore, ROOMS_MAX, RoomChange, RoomStore, StoreError,
};
use chat::{
    account::{BotToken, Family, TokenHash},
    emotes::{Emote, EmoteId, EmoteName, Picture, Scope},
    rooms::KeptRoom,
};
use protocol::ids::UserId;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Default)]
pub(super) struct RunTime {
    emotes: BTreeMap<(Scope, EmoteName), Emote>,
    pictures: HashMap<EmoteId, Picture>,
    rooms: BTreeMap<String, KeptRoom>,
    bot_tokens: HashMap<TokenHash, BotToken>,
}

impl EmoteStore for MemoryStore {
    fn put_emote(&self, emote: Emote, picture: Picture) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|state| {
            let kept = &mut state.run_time;
            let key = (emote.scope, emote.name.clone());
            if !kept.emotes.contains_key(&key) && kept.emotes.len() >= EMOTES_MAX {
                return Err(StoreError::Full);
            }
            kept.pictures.entry(emote.id.clone()).or_insert(picture);
            kept.emotes.insert(key, emote);
            Ok(())
        })
    }

    fn remove_emote(&self, scope: Scope, name: EmoteName) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|state| Ok(state.run_time.emotes.remove(&(scope, name)).is_some()))
    }

    fn emotes(&self) -> BoxFuture<'_, Result<Vec<Emote>, StoreError>> {
        self.with(|state| Ok(state.run_time.emotes.values().cloned().collect()))
    }

    fn picture(&self, id: EmoteId) -> BoxFuture<'_, Result<Option<Picture>, StoreError>> {
        self.with(|state| Ok(state.run_time.pictures.get(&id).cloned()))
    }
}

impl RoomStore for MemoryStore {
    fn create_room(&self, room: KeptRoom) -> BoxFuture<'_, Result<Created, StoreError>> {
        self.with(|state| {
            let rooms = &mut state.run_time.rooms;
            let slug = room.definition.slug.as_str().to_owned();
            if rooms.contains_key(&slug) {
                return Ok(Created::NameTaken);
            }
            if rooms.len() >= ROOMS_MAX {
                return Err(StoreError::Full);
            }
            rooms.insert(slug, room);
            Ok(Created::Yes)
        })
    }

    fn change_room(
        &self,
        slug: &str,
        change: RoomChange,
    ) -> BoxFuture<'_, Result<Option<KeptRoom>, StoreError>> {
        let slug = slug.to_owned();
        self.with(|state| {
            Ok(state.run_time.rooms.get_mut(&slug).map(|room| {
                change.apply(room);
                room.clone()
            }))
        })
    }

    fn rooms(&self) -> BoxFuture<'_, Result<Vec<KeptRoom>, StoreError>> {
        self.with(|state| Ok(state.run_time.rooms.values().cloned().collect()))
    }
}

impl BotStore for MemoryStore {
    fn add_bot_token(&self, token: BotToken) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|state| {
            if state.run_time.bot_tokens.len() >= self.rows_max {
                return Err(StoreError::Full);
            }
            state.run_time.bot_tokens.entry(token.hash).or_insert(token);
            Ok(())
        })
    }

    fn bot_token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<BotToken>, StoreError>> {
        self.with(|state| Ok(state.run_time.bot_tokens.get(&hash).cloned()))
    }

    fn bot_tokens(&self, user: UserId) -> BoxFuture<'_, Result<Vec<BotToken>, StoreError>> {
        self.with(|state| {
            let tokens = state.run_time.bot_tokens.values().filter(|token| token.user == user);
            let mut tokens: Vec<_> = tokens.cloned().collect();
            tokens.sort_by_key(|token| (token.created_at, token.family));
            Ok(tokens)
        })
    }

    fn remove_bot_token(&self, user: UserId, family: Family) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|state| {
            let tokens = &mut state.run_time.bot_tokens;
            let before = tokens.len();
            tokens.retain(|_, token| (token.user, token.family) != (user, family));
            Ok(tokens.len() < before)
        })
    }
}
