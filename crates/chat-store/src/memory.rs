//! The engine in memory: for tests, and for a server that may forget everything when it stops.
//!
//! It keeps every promise of the port but durability, and is the plain statement of what the others have to do. It
//! knows nothing of bytes. Start with [`MemoryStore`]; all of it stands under one lock, held for no await.

use crate::{
    AccountChange, AccountStore, BoxFuture, Checkpoint, CheckpointStore, Created, MessageStore,
    ModerationStore, PAGE_ROWS_MAX, Page, SessionStore, Spent, Store, StoreError,
};
use chat::{
    account::{Account, Family, RefreshToken, TokenHash},
    message::{Logged, Styled},
    moderation::{
        Measure, Taken,
        facts::{Fact, Key},
    },
    time::Millis,
};
use parking_lot::Mutex;
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
    sync::atomic::{AtomicI64, Ordering},
};

/// Most rows of each kind (messages, accounts, tokens) unless [`MemoryStore::with_rows_max`] says otherwise: a
/// million messages of about 700 bytes on the heap are 700 MB.
pub const ROWS_MAX: usize = 1_000_000;

/// A store that lives as long as the process.
#[derive(Debug)]
pub struct MemoryStore {
    rows_max: usize,
    life: AtomicI64,
    /// One lock for all: a call is short, and no call waits for anything while it holds it.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    messages: BTreeMap<(RoomId, Seq), Styled>,
    by_id: HashMap<(RoomId, MessageId), Seq>,
    by_time: BTreeSet<(Millis, RoomId, Seq)>,
    measures: BTreeMap<(RoomId, Seq), Measure>,
    facts: BTreeMap<(RoomId, Key), Fact>,
    accounts: HashMap<UserId, Account>,
    by_name: HashMap<String, UserId>,
    tokens: HashMap<TokenHash, RefreshToken>,
    checkpoints: HashMap<(String, u32), Checkpoint>,
    run_time: run_time::RunTime,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_rows_max(ROWS_MAX)
    }

    /// An empty store that is [`StoreError::Full`] at so many messages, accounts or refresh tokens.
    #[must_use]
    pub fn with_rows_max(rows_max: usize) -> Self {
        Self { rows_max, life: AtomicI64::new(0), state: Mutex::default() }
    }

    /// As a server that is started anew: it says so, and a test may take away what it lost by that.
    pub fn starts_anew(&self) {
        self.life.fetch_add(1, Ordering::AcqRel);
    }

    /// Runs `call` on the state, now; the future is ready at once.
    fn with<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let mut state = self.state.lock();
        let answer =
            if state.closed { Err(StoreError::Unavailable("closed".to_owned())) } else { call(&mut state) };
        drop(state);
        Box::pin(std::future::ready(answer))
    }
}

impl State {
    fn write(&mut self, messages: Vec<Logged>, rows_max: usize) -> Result<(), StoreError> {
        let new: BTreeSet<_> = messages
            .iter()
            .map(|logged| (logged.message.room, logged.seq))
            .filter(|key| !self.messages.contains_key(key))
            .collect();
        if self.messages.len() + new.len() > rows_max {
            return Err(StoreError::Full);
        }
        for Logged { seq, message } in messages {
            let (room, id, sent_at) = (message.room, message.id, message.sent_at);
            if self.messages.contains_key(&(room, seq)) {
                continue;
            }
            let first = self.by_id.entry((room, id)).or_insert(seq);
            *first = seq.min(*first);
            self.by_time.insert((sent_at, room, seq));
            self.messages.insert((room, seq), message);
        }
        Ok(())
    }

    fn page(&self, room: RoomId, page: Page, limit: usize) -> Vec<Logged> {
        let limit = limit.min(PAGE_ROWS_MAX);
        let (first, last) = ((room, Seq(0)), (room, Seq(u64::MAX)));
        let row = |(&(_, seq), message): (&(RoomId, Seq), &Styled)| Logged { seq, message: message.clone() };
        match page {
            Page::After(seq) => {
                let range = (Bound::Excluded((room, seq)), Bound::Included(last));
                // An excluded start equal to the included end is an empty range to a map, and no panic.
                self.messages.range(range).take(limit).map(row).collect()
            }
            Page::Latest => newest_first(self.messages.range(first..=last).rev().take(limit).map(row)),
            Page::Before(seq) => {
                newest_first(self.messages.range(first..(room, seq)).rev().take(limit).map(row))
            }
        }
    }

    fn message(&self, room: RoomId, id: MessageId) -> Option<Logged> {
        let seq = *self.by_id.get(&(room, id))?;
        self.messages.get(&(room, seq)).map(|message| Logged { seq, message: message.clone() })
    }

    fn expire(&mut self, sent_before: Millis, rows_max: usize) -> usize {
        let mut gone = 0;
        while gone < rows_max {
            let Some(&(sent_at, room, seq)) = self.by_time.first() else { break };
            if sent_at >= sent_before {
                break;
            }
            self.by_time.pop_first();
            if let Some(message) = self.messages.remove(&(room, seq))
                && self.by_id.get(&(room, message.id)) == Some(&seq)
            {
                self.by_id.remove(&(room, message.id));
            }
            gone += 1;
        }
        gone
    }

    fn forget_tokens(&mut self, mut which: impl FnMut(&RefreshToken) -> bool) {
        self.tokens.retain(|_, token| !which(token));
    }
}

/// Turns a page that was read backwards.
fn newest_first(rows: impl Iterator<Item = Logged>) -> Vec<Logged> {
    let mut rows: Vec<_> = rows.collect();
    rows.reverse();
    rows
}

impl MessageStore for MemoryStore {
    fn write(&self, messages: Vec<Logged>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|state| state.write(messages, self.rows_max))
    }

    fn page(&self, room: RoomId, page: Page, limit: usize) -> BoxFuture<'_, Result<Vec<Logged>, StoreError>> {
        self.with(|state| Ok(state.page(room, page, limit)))
    }

    fn message(&self, room: RoomId, id: MessageId) -> BoxFuture<'_, Result<Option<Logged>, StoreError>> {
        self.with(|state| Ok(state.message(room, id)))
    }

    fn expire(&self, sent_before: Millis, rows_max: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(|state| Ok(state.expire(sent_before, rows_max)))
    }
}

impl ModerationStore for MemoryStore {
    fn measure(&self, taken: Vec<Taken>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|state| {
            if state.measures.len() + taken.len() > self.rows_max {
                return Err(StoreError::Full);
            }
            for one in taken {
                let room = one.measure.room;
                for fact in one.facts() {
                    let there = state.facts.get(&(room, fact.key));
                    if there.is_none_or(|there| there.since < fact.since) {
                        state.facts.insert((room, fact.key), fact);
                    }
                }
                state.measures.entry((room, one.seq)).or_insert(one.measure);
            }
            Ok(())
        })
    }

    fn facts(&self, room: RoomId) -> BoxFuture<'_, Result<Vec<Fact>, StoreError>> {
        self.with(|state| {
            let (first, end) = ((room, Key::Role(UserId(0))), (room, Key::Deleted(Seq(0))));
            Ok(state.facts.range(first..end).map(|(_, fact)| fact.clone()).collect())
        })
    }

    fn deleted(&self, room: RoomId, places: Vec<Seq>) -> BoxFuture<'_, Result<Vec<Seq>, StoreError>> {
        self.with(|state| {
            let gone = |seq: &Seq| state.facts.contains_key(&(room, Key::Deleted(*seq)));
            Ok(places.into_iter().filter(gone).collect())
        })
    }

    fn measures(
        &self,
        room: RoomId,
        before: Seq,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>> {
        self.with(|state| {
            let rows = state.measures.range((room, Seq(0))..(room, before)).rev();
            Ok(rows.take(limit.min(PAGE_ROWS_MAX)).map(taken).collect())
        })
    }

    fn measures_about(
        &self,
        room: RoomId,
        user: UserId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Taken>, StoreError>> {
        self.with(|state| {
            let rows = state.measures.range((room, Seq(0))..=(room, Seq(u64::MAX))).rev();
            let about = rows.filter(|(_, m)| m.act.target().is_some_and(|target| target.id == user));
            Ok(about.take(limit.min(PAGE_ROWS_MAX)).map(taken).collect())
        })
    }
}

fn taken((&(_, seq), measure): (&(RoomId, Seq), &Measure)) -> Taken {
    Taken { seq, measure: measure.clone() }
}

impl AccountStore for MemoryStore {
    fn create(&self, account: Account) -> BoxFuture<'_, Result<Created, StoreError>> {
        self.with(|state| {
            let name = account.username.to_ascii_lowercase();
            if state.by_name.contains_key(&name) {
                return Ok(Created::NameTaken);
            }
            if state.accounts.contains_key(&account.id) {
                return Err(crate::id_in_use(account.id));
            }
            if state.accounts.len() >= self.rows_max {
                return Err(StoreError::Full);
            }
            state.by_name.insert(name, account.id);
            state.accounts.insert(account.id, account);
            Ok(Created::Yes)
        })
    }

    fn by_name(&self, username: &str) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        let name = username.to_ascii_lowercase();
        self.with(|state| Ok(state.by_name.get(&name).and_then(|id| state.accounts.get(id)).cloned()))
    }

    fn by_id(&self, id: UserId) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.with(|state| Ok(state.accounts.get(&id).cloned()))
    }

    fn update(
        &self,
        id: UserId,
        change: AccountChange,
    ) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.with(|state| {
            Ok(state.accounts.get_mut(&id).map(|account| {
                change.apply(account);
                account.clone()
            }))
        })
    }
}

impl SessionStore for MemoryStore {
    fn open(&self, hash: TokenHash, token: RefreshToken) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|state| match state.tokens.get(&hash) {
            Some(kept) if *kept == token => Ok(()),
            Some(_) => Err(crate::hash_in_use()),
            None if state.tokens.len() >= self.rows_max => Err(StoreError::Full),
            None => {
                state.tokens.insert(hash, token);
                Ok(())
            }
        })
    }

    fn rotate(
        &self,
        hash: TokenHash,
        next: TokenHash,
        next_expires_at: Millis,
        now: Millis,
    ) -> BoxFuture<'_, Result<Spent, StoreError>> {
        self.with(|state| {
            let Some(&token) = state.tokens.get(&hash).filter(|token| token.expires_at > now) else {
                return Ok(Spent::Unknown);
            };
            if token.spent {
                if let Some(&follower) = state.tokens.get(&next)
                    && token.was_followed_by(&follower, now)
                {
                    return Ok(Spent::Now(follower));
                }
                state.forget_tokens(|other| other.family == token.family);
                return Ok(Spent::Reused(token));
            }
            if state.tokens.contains_key(&next) {
                return Err(crate::hash_in_use());
            }
            if state.tokens.len() >= self.rows_max {
                return Err(StoreError::Full);
            }
            let follower = RefreshToken { expires_at: next_expires_at, spent: false, ..token };
            state.tokens.insert(hash, RefreshToken { spent: true, ..token });
            state.tokens.insert(next, follower);
            Ok(Spent::Now(follower))
        })
    }

    fn token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>> {
        self.with(|state| Ok(state.tokens.get(&hash).copied()))
    }

    fn revoke_family(&self, family: Family) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|state| {
            state.forget_tokens(|token| token.family == family);
            Ok(())
        })
    }

    fn revoke_user(&self, user: UserId) -> BoxFuture<'_, Result<Vec<Family>, StoreError>> {
        self.with(|state| {
            let families: BTreeSet<_> =
                state.tokens.values().filter(|token| token.user == user).map(|token| token.family).collect();
            state.forget_tokens(|token| token.user == user);
            Ok(families.into_iter().collect())
        })
    }

    fn sweep(&self, now: Millis) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(|state| {
            let before = state.tokens.len();
            state.forget_tokens(|token| token.expires_at <= now);
            Ok(before - state.tokens.len())
        })
    }
}

impl CheckpointStore for MemoryStore {
    fn load(&self, consumer: &str, partition: u32) -> BoxFuture<'_, Result<Option<Checkpoint>, StoreError>> {
        let key = (consumer.to_owned(), partition);
        self.with(|state| Ok(state.checkpoints.get(&key).cloned()))
    }

    fn save(&self, consumer: &str, partition: u32, at: Checkpoint) -> BoxFuture<'_, Result<(), StoreError>> {
        let key = (consumer.to_owned(), partition);
        self.with(|state| {
            state.checkpoints.insert(key, at);
            Ok(())
        })
    }

    fn lives(&self) -> BoxFuture<'_, Result<BTreeMap<String, i64>, StoreError>> {
        let life = ("memory".to_owned(), self.life.load(Ordering::Acquire));
        self.with(|_| Ok(BTreeMap::from([life])))
    }
}

impl Store for MemoryStore {
    fn healthy(&self) -> BoxFuture<'_, Result<(), String>> {
        let closed = self.state.lock().closed;
        Box::pin(std::future::ready(if closed { Err("the store is closed".to_owned()) } else { Ok(()) }))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.state.lock().closed = true;
        Box::pin(std::future::ready(()))
    }
}

mod run_time;
#[cfg(test)]
mod tests;
