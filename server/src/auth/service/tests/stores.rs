//! Stores that do something odd at a chosen moment.

use chat::{
    account::{Account, Family, RefreshToken, TokenHash},
    time::Millis,
};
use chat_store::{
    AccountChange, AccountStore, BoxFuture, Created, SessionStore, Spent, StoreError, memory::MemoryStore,
};
use parking_lot::Mutex;
use protocol::ids::UserId;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// A session store that counts the durable writes it is asked for.
pub(super) struct CountingWrites {
    pub(super) inner: Arc<MemoryStore>,
    pub(super) writes: AtomicU64,
}

impl CountingWrites {
    fn count(&self) -> &MemoryStore {
        self.writes.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }
}

impl SessionStore for CountingWrites {
    fn open(&self, hash: TokenHash, token: RefreshToken) -> BoxFuture<'_, Result<(), StoreError>> {
        self.count().open(hash, token)
    }
    fn rotate(
        &self,
        hash: TokenHash,
        next: TokenHash,
        next_expires_at: Millis,
        now: Millis,
    ) -> BoxFuture<'_, Result<Spent, StoreError>> {
        self.count().rotate(hash, next, next_expires_at, now)
    }
    fn token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>> {
        self.inner.token(hash)
    }
    fn revoke_family(&self, family: Family) -> BoxFuture<'_, Result<(), StoreError>> {
        self.count().revoke_family(family)
    }
    fn revoke_user(&self, user: UserId) -> BoxFuture<'_, Result<Vec<Family>, StoreError>> {
        self.count().revoke_user(user)
    }
    fn sweep(&self, now: Millis) -> BoxFuture<'_, Result<usize, StoreError>> {
        SessionStore::sweep(&*self.inner, now)
    }
}

/// A session store that stops answering who a token belongs to.
pub(super) struct Silenced {
    pub(super) inner: Arc<MemoryStore>,
    pub(super) silent: AtomicBool,
}

impl SessionStore for Silenced {
    fn open(&self, hash: TokenHash, token: RefreshToken) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.open(hash, token)
    }
    fn rotate(
        &self,
        hash: TokenHash,
        next: TokenHash,
        next_expires_at: Millis,
        now: Millis,
    ) -> BoxFuture<'_, Result<Spent, StoreError>> {
        self.inner.rotate(hash, next, next_expires_at, now)
    }
    fn token(&self, hash: TokenHash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>> {
        if self.silent.load(Ordering::Relaxed) {
            return Box::pin(std::future::pending());
        }
        self.inner.token(hash)
    }
    fn revoke_family(&self, family: Family) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.revoke_family(family)
    }
    fn revoke_user(&self, user: UserId) -> BoxFuture<'_, Result<Vec<Family>, StoreError>> {
        self.inner.revoke_user(user)
    }
    fn sweep(&self, now: Millis) -> BoxFuture<'_, Result<usize, StoreError>> {
        SessionStore::sweep(&*self.inner, now)
    }
}

/// An account store in which the password is changed by somebody else right after the first answer about a name.
pub(super) struct ChangedMeanwhile {
    pub(super) inner: Arc<MemoryStore>,
    pub(super) change: Mutex<Option<AccountChange>>,
}

impl AccountStore for ChangedMeanwhile {
    fn create(&self, account: Account) -> BoxFuture<'_, Result<Created, StoreError>> {
        self.inner.create(account)
    }
    fn by_name(&self, username: &str) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        let username = username.to_owned();
        Box::pin(async move {
            let found = self.inner.by_name(&username).await?;
            let change = self.change.lock().take();
            if let (Some(account), Some(change)) = (&found, change) {
                self.inner.update(account.id, change).await?;
                self.inner.revoke_user(account.id).await?;
            }
            Ok(found)
        })
    }
    fn by_id(&self, id: UserId) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.inner.by_id(id)
    }
    fn update(
        &self,
        id: UserId,
        change: AccountChange,
    ) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.inner.update(id, change)
    }
}
