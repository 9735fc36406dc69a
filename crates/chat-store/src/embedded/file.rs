//! One file of the store: opened, locked, told from other files, called off the async threads, and taken out of
//! service when the disk fails. Knows nothing of what its tables hold.

use super::{
    Options,
    backend::Backend,
    error::{Failure, OpenError},
};
use crate::StoreError;
use parking_lot::RwLock;
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction,
    backends::FileBackend,
};
use std::{
    any::Any,
    fs, io,
    io::Read,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};
use tokio::sync::Semaphore;

/// Reads of one file at the same time. They are short and mostly from memory; more of them than cores only take
/// blocking threads away from others.
pub const READS_MAX: usize = 8;

/// After so many checkpoints in a row that wait for the disk, one is made durable at once. A consumer that loses them
/// does 64 small batches again, and pages that they replaced are not kept for longer.
pub const SAVES_LOOSE_MAX: u32 = 64;

/// First bytes of every file of the database.
const REDB_MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const MAGIC: &[u8] = b"twitchy chat-store";
/// Format of both files. A change of tables takes the next number and a step that brings older files up to it.
const FORMAT: u32 = 1;

/// What a file is for.
pub(super) struct Plan {
    /// Name of the contents, kept in the file so that the two are never taken for one another.
    pub(super) contents: &'static str,
    /// Makes the tables of a new file.
    pub(super) create: fn(&WriteTransaction) -> Result<(), Failure>,
    /// Makes tables that older programs of this format did not know, where they are missing. They pass over such tables.
    pub(super) later: fn(&WriteTransaction) -> Result<(), Failure>,
    /// Looks through a file that is being opened.
    pub(super) verify: fn(&ReadTransaction) -> Result<(), Failure>,
    /// Have the database check all its pages at opening. What it can mend, by going back to the commit before, it mends:
    /// only for a file that may go back.
    pub(super) check_pages: bool,
    /// What to do when it is damaged.
    pub(super) advice: &'static str,
}

/// Whether a change may be made on a nearly full disk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Room {
    /// It takes about so many bytes, beside the reserve.
    Needs(u64),
    /// It gives room back.
    Frees,
}

/// How a change ends.
pub(super) enum Done<T> {
    /// Committed, and on the disk before it is answered.
    Durably(T),
    /// Committed; on the disk with a later change.
    Loosely(T),
    /// There is nothing to commit.
    Nothing(T),
}

impl Done<usize> {
    /// For changes that say how many: none of them is nothing to commit.
    pub(super) fn some(count: usize) -> Self {
        if count == 0 { Self::Nothing(0) } else { Self::Durably(count) }
    }
}

/// One file with its place in the order of calls.
pub(super) struct DataFile {
    plan: &'static Plan,
    path: PathBuf,
    cache_bytes: usize,
    options: Arc<Options>,
    /// Calls read it while they run; whoever opens, closes or gives the file up writes it, and so waits for them.
    state: RwLock<State>,
    /// Set below the database, read here after an error.
    sync_failed: Arc<AtomicBool>,
    /// Commits that are not on the disk yet. Changed by the one writer only.
    loose: AtomicU32,
    writer: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

enum State {
    Open(Database),
    /// The disk was full. May be opened again.
    Full,
    /// The disk failed. Stays so.
    Failed(StoreError),
    Closed,
}

impl std::fmt::Debug for DataFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl DataFile {
    /// Opens or makes the file. Blocks.
    pub(super) fn open(
        plan: &'static Plan,
        path: PathBuf,
        cache_bytes: usize,
        options: &Arc<Options>,
    ) -> Result<Self, OpenError> {
        let file = Self {
            plan,
            path,
            cache_bytes,
            options: Arc::clone(options),
            state: RwLock::new(State::Full),
            sync_failed: Arc::default(),
            loose: AtomicU32::new(0),
            writer: Arc::new(Semaphore::new(1)),
            readers: Arc::new(Semaphore::new(READS_MAX)),
        };
        let database = file.open_database()?;
        *file.state.write() = State::Open(database);
        Ok(file)
    }

    fn open_database(&self) -> Result<Database, OpenError> {
        let io = |source| OpenError::Io { path: self.path.clone(), source };
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)
            .map_err(io)?;
        let mut head = Vec::with_capacity(REDB_MAGIC.len());
        (&mut file).take(REDB_MAGIC.len() as u64).read_to_end(&mut head).map_err(io)?;
        // A database that was never finished is all zeros; the database below takes it for new, and so may we.
        if !head.is_empty() && head != REDB_MAGIC && head.iter().any(|&byte| byte != 0) {
            return Err(OpenError::NotOurs { path: self.path.clone() });
        }
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(io)?;
        let open = || -> Result<Database, OpenFailure> {
            let backend = Backend::new(FileBackend::new(file)?, Arc::clone(&self.sync_failed), &self.options);
            let mut database =
                redb::Builder::new().set_cache_size(self.cache_bytes).create_with_backend(backend)?;
            self.recognise(&mut database)?;
            if self.plan.check_pages && self.options.check_pages && !database.check_integrity()? {
                return Err(Failure::damaged("pages with wrong checksums").into());
            }
            (self.plan.verify)(&database.begin_read()?)?;
            Ok(database)
        };
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(Ok(database)) => Ok(database),
            Ok(Err(failure)) => Err(self.open_error(failure)),
            Err(panic) => Err(self.damaged(panic_text(&*panic))),
        }
    }

    /// Tells a file of ours from another's and makes the tables of a new one.
    fn recognise(&self, database: &mut Database) -> Result<(), OpenFailure> {
        let txn = database.begin_write()?;
        if txn.list_tables()?.next().is_none() && txn.list_multimap_tables()?.next().is_none() {
            {
                let mut meta = txn.open_table(META)?;
                meta.insert("magic", MAGIC)?;
                meta.insert("contents", self.plan.contents.as_bytes())?;
                meta.insert("format", FORMAT.to_be_bytes().as_slice())?;
            }
            (self.plan.create)(&txn)?;
            return Ok(txn.commit()?);
        }
        txn.abort()?;
        let txn = database.begin_read()?;
        let meta = match txn.open_table(META) {
            Ok(meta) => meta,
            Err(redb::TableError::Storage(error)) => return Err(error.into()),
            Err(_) => return Err(OpenFailure::NotOurs),
        };
        let has = |key, value: &[u8]| -> Result<bool, OpenFailure> {
            Ok(meta.get(key)?.is_some_and(|found| found.value() == value))
        };
        if !has("magic", MAGIC)? || !has("contents", self.plan.contents.as_bytes())? {
            return Err(OpenFailure::NotOurs);
        }
        let format = meta.get("format")?.ok_or_else(|| Failure::damaged("no format in its meta table"))?;
        let format =
            <[u8; 4]>::try_from(format.value()).map_err(|_| Failure::damaged("unreadable format"))?;
        match u32::from_be_bytes(format) {
            FORMAT => self.make_later_tables(database),
            0 => Err(Failure::damaged("format 0").into()),
            found => Err(OpenFailure::Newer(found)),
        }
    }

    fn make_later_tables(&self, database: &Database) -> Result<(), OpenFailure> {
        let txn = database.begin_write()?;
        let before = txn.list_tables()?.count();
        (self.plan.later)(&txn)?;
        if txn.list_tables()?.count() == before {
            return Ok(txn.abort()?);
        }
        Ok(txn.commit()?)
    }

    fn damaged(&self, detail: String) -> OpenError {
        OpenError::Damaged { path: self.path.clone(), detail, advice: self.plan.advice }
    }

    fn open_error(&self, failure: OpenFailure) -> OpenError {
        let path = self.path.clone();
        match failure {
            OpenFailure::NotOurs => OpenError::NotOurs { path },
            OpenFailure::Newer(found) => OpenError::Newer { path, found, known: FORMAT },
            OpenFailure::Inside(Failure::Store(error)) => self.damaged(error.to_string()),
            OpenFailure::Inside(Failure::Redb(error)) => match *error {
                redb::Error::DatabaseAlreadyOpen => OpenError::Locked { path },
                redb::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => {
                    OpenError::Io { path, source }
                }
                redb::Error::PreviousIo => {
                    OpenError::Io { path, source: io::Error::other("an earlier call failed") }
                }
                other => self.damaged(other.to_string()),
            },
        }
    }

    /// Reads in one snapshot.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        call: impl FnOnce(&ReadTransaction) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(&self.readers, move |_, database| call(&database.begin_read()?)).await
    }

    /// Makes a change: all of it, or nothing.
    pub(super) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        room: Room,
        call: impl FnOnce(&WriteTransaction) -> Result<Done<T>, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(&self.writer, move |file, database| {
            if let Room::Needs(bytes) = room
                && !file.has_room(bytes)?
            {
                return Err(StoreError::Full.into());
            }
            let mut txn = database.begin_write()?;
            match call(&txn)? {
                Done::Nothing(answer) => {
                    txn.abort()?;
                    Ok(answer)
                }
                Done::Loosely(answer) if file.loose.load(Ordering::Relaxed) < SAVES_LOOSE_MAX => {
                    txn.set_durability(Durability::None)?;
                    txn.commit()?;
                    file.loose.fetch_add(1, Ordering::Relaxed);
                    Ok(answer)
                }
                Done::Loosely(answer) | Done::Durably(answer) => {
                    txn.commit()?;
                    file.loose.store(0, Ordering::Relaxed);
                    Ok(answer)
                }
            }
        })
        .await
    }

    /// Can it answer?
    pub(super) async fn check(self: &Arc<Self>) -> Result<(), StoreError> {
        self.read(|txn| txn.open_table(META).map(drop).map_err(Failure::from)).await
    }

    /// Makes everything durable and lets go of the file. Waits for the calls that run.
    pub(super) async fn close(self: &Arc<Self>) {
        let file = Arc::clone(self);
        let closed = tokio::task::spawn_blocking(move || {
            let state = std::mem::replace(&mut *file.state.write(), State::Closed);
            // An error has nobody to tell it to: at most checkpoints are lost, and they may be.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                if let State::Open(database) = state
                    && let Ok(txn) = database.begin_write()
                {
                    let _ = txn.commit();
                }
            }));
        });
        let _ = closed.await;
    }

    /// Waits for a place, then runs `call` on a blocking thread.
    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        gate: &Arc<Semaphore>,
        call: impl FnOnce(&Self, &Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(gate).acquire_owned().await.expect("the gates are never closed");
        let file = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            // Goes with the call, not with the future: a caller that gave up does not let one more in.
            let _place = place;
            file.call(call)
        });
        task.await.unwrap_or_else(|_| Err(self.unavailable("the runtime is stopping")))
    }

    fn call<T>(&self, call: impl FnOnce(&Self, &Database) -> Result<T, Failure>) -> Result<T, StoreError> {
        self.reopen_if_full()?;
        let state = self.state.read();
        let database = match &*state {
            State::Open(database) => database,
            State::Full => return Err(StoreError::Full),
            State::Failed(error) => return Err(error.clone()),
            State::Closed => return Err(self.unavailable("closed")),
        };
        let error = match catch_unwind(AssertUnwindSafe(|| call(self, database))) {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(Failure::Store(StoreError::Damaged(what)))) => return Err(self.damage(&what)),
            Ok(Err(Failure::Store(error))) => return Err(error),
            Ok(Err(Failure::Redb(error))) => *error,
            Err(panic) => return Err(self.damage(&panic_text(&*panic))),
        };
        drop(state);
        match error {
            redb::Error::Io(source) => Err(self.give_up(Some(&source))),
            redb::Error::PreviousIo => Err(self.give_up(None)),
            redb::Error::DatabaseClosed => Err(self.unavailable("closed")),
            other => Err(self.damage(&other.to_string())),
        }
    }

    /// Takes the file out of service after an I/O error, and says which error its caller gets.
    fn give_up(&self, source: Option<&io::Error>) -> StoreError {
        let full = source.is_some_and(|source| {
            matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        });
        let mut state = self.state.write();
        if !matches!(*state, State::Open(_)) {
            // Another call was first, and knew the cause.
            return match &*state {
                State::Failed(error) => error.clone(),
                State::Closed => self.unavailable("closed"),
                State::Full | State::Open(_) => StoreError::Full,
            };
        }
        let failed = self.unavailable(&match source {
            Some(source) => format!("{source}; check the disk and start again"),
            None => "an earlier call failed; check the disk and start again".to_owned(),
        });
        // Dropping a database writes, and that may fail in its own way.
        let broken = std::mem::replace(&mut *state, State::Failed(failed.clone()));
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(broken))).is_ok();
        // A failed fsync while it was dropped counts as well, so this is asked last.
        if full && dropped && !self.sync_failed.load(Ordering::SeqCst) {
            *state = State::Full;
            return StoreError::Full;
        }
        failed
    }

    /// Opens the file again after the disk was full, if it is not any more.
    fn reopen_if_full(&self) -> Result<(), StoreError> {
        if !matches!(*self.state.read(), State::Full) {
            return Ok(());
        }
        let mut state = self.state.write();
        if !matches!(*state, State::Full) {
            return Ok(());
        }
        if !self.has_room(0)? {
            return Err(StoreError::Full);
        }
        match self.open_database() {
            Ok(database) => {
                *state = State::Open(database);
                self.loose.store(0, Ordering::Relaxed);
                Ok(())
            }
            Err(OpenError::Io { source, .. })
                if source.kind() == io::ErrorKind::StorageFull
                    && !self.sync_failed.load(Ordering::SeqCst) =>
            {
                Err(StoreError::Full)
            }
            Err(OpenError::Damaged { detail, .. }) => Err(self.damage(&detail)),
            Err(error) => {
                let failed = self.unavailable(&error.to_string());
                *state = State::Failed(failed.clone());
                Err(failed)
            }
        }
    }

    /// Are so many bytes free beside the reserve?
    fn has_room(&self, bytes: u64) -> Result<bool, StoreError> {
        let disk = rustix::fs::statvfs(&self.path).map_err(|error| self.unavailable(&error.to_string()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        Ok(free >= self.options.space_reserve_bytes.saturating_add(bytes))
    }

    fn damage(&self, what: &str) -> StoreError {
        StoreError::Damaged(format!("{}: {what}", self.path.display()))
    }

    fn unavailable(&self, why: &str) -> StoreError {
        StoreError::Unavailable(format!("{}: {why}", self.path.display()))
    }
}

/// Why a file could not be opened, before it is told with its path.
enum OpenFailure {
    NotOurs,
    Newer(u32),
    Inside(Failure),
}

impl<E: Into<Failure>> From<E> for OpenFailure {
    fn from(error: E) -> Self {
        Self::Inside(error.into())
    }
}

/// What a caught panic said.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let said =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the database stumbled over a page: {}", said.unwrap_or("no word of what"))
}
