//! Files and folders as the engine wants them: private to the user, and named durably.
//!
//! Knows nothing of records. [`LogFile`] is the file under redb: it hands everything on and notes what went wrong, so
//! that after a failed commit the writer can tell "nothing was written" from "nobody knows".

use redb::{BackendError, StorageBackend, backends::FileBackend};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    ops::Bound,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Makes a folder (and its parents) that only its owner may enter, and makes their names durable.
pub(super) fn make_private_folder(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let missing: Vec<_> = path.ancestors().take_while(|p| !p.is_dir()).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&path)?;
    // A name is durable when the folder it stands in is synced.
    missing.iter().filter_map(|p| p.parent()).try_for_each(sync_folder)
}

/// How to open a file that only its owner may read.
pub(super) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the names inside a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Is the disk able to take `bytes` more bytes? Tried with a file beside the log, so that a "no" does the log no harm.
pub(super) fn probe_space(folder: &Path, bytes: usize, watch: &FileWatch) -> io::Result<()> {
    let path = folder.join("space.probe");
    let result = (|| {
        watch.before_probe()?;
        let mut file = private_file().create(true).truncate(true).open(&path)?;
        // Not zeros: a file system may store those without taking space.
        file.write_all(&vec![0xA5; bytes])?;
        file.sync_data()
    })();
    let removed = fs::remove_file(&path);
    result.and(removed)
}

/// What the log's file went through since the current transaction began.
#[derive(Debug, Default)]
pub(super) struct FileWatch {
    no_space: AtomicBool,
    other_error: AtomicBool,
    synced: AtomicBool,
    commit_point_reached: AtomicBool,
    #[cfg(test)]
    pub(super) fault: parking_lot::Mutex<Option<Fault>>,
}

/// What [`FileWatch`] says about a commit that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There was no space, and the header still names the state before: certainly not committed.
    NoSpaceNotCommitted,
    /// There was no space, and the header was perhaps already being switched over.
    NoSpaceUnknown,
    /// Anything else.
    Failed,
}

impl FileWatch {
    /// A transaction begins: what was noted before does not concern it.
    pub(super) fn begin(&self) {
        self.no_space.store(false, Ordering::Relaxed);
        self.other_error.store(false, Ordering::Relaxed);
        self.synced.store(false, Ordering::Relaxed);
        self.commit_point_reached.store(false, Ordering::Relaxed);
    }

    pub(super) fn verdict(&self) -> Verdict {
        if self.other_error.load(Ordering::Relaxed) || !self.no_space.load(Ordering::Relaxed) {
            Verdict::Failed
        } else if self.commit_point_reached.load(Ordering::Relaxed) {
            Verdict::NoSpaceUnknown
        } else {
            Verdict::NoSpaceNotCommitted
        }
    }

    fn note_write<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            let flag = if is_no_space(error.kind()) { &self.no_space } else { &self.other_error };
            flag.store(true, Ordering::Relaxed);
        }
        result
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.is_err() {
            self.other_error.store(true, Ordering::Relaxed);
        }
        result
    }

    #[cfg_attr(not(test), allow(clippy::unnecessary_wraps, clippy::unused_self))]
    fn before_probe(&self) -> io::Result<()> {
        #[cfg(test)]
        if let Some(Fault::Write(kind) | Fault::Probe(kind)) = &*self.fault.lock() {
            return Err((*kind).into());
        }
        Ok(())
    }

    #[cfg_attr(not(test), allow(clippy::unnecessary_wraps, clippy::unused_self))]
    fn before_write(&self) -> io::Result<()> {
        #[cfg(test)]
        if let Some(Fault::Write(kind)) = &*self.fault.lock() {
            return Err((*kind).into());
        }
        Ok(())
    }

    #[cfg_attr(not(test), allow(clippy::unnecessary_wraps, clippy::unused_self))]
    fn before_sync(&self) -> io::Result<()> {
        #[cfg(test)]
        match &*self.fault.lock() {
            Some(Fault::Sync(kind)) => return Err((*kind).into()),
            Some(Fault::GateSync { entered, release }) => {
                let _ = entered.send(());
                let _ = release.recv();
            }
            Some(Fault::Panic) => panic!("injected"),
            Some(Fault::Write(_) | Fault::Probe(_)) | None => {}
        }
        Ok(())
    }
}

pub(super) fn is_no_space(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// What tests make the file do.
#[cfg(test)]
#[derive(Debug)]
pub(super) enum Fault {
    /// Every write fails like this.
    Write(ErrorKind),
    /// There is no room beside the log, but there is inside its file.
    Probe(ErrorKind),
    /// Every sync fails like this.
    Sync(ErrorKind),
    /// Every sync reports itself and waits to be let go.
    GateSync { entered: std::sync::mpsc::Sender<()>, release: std::sync::mpsc::Receiver<()> },
    /// The library under us panics.
    Panic,
}

/// The file under redb.
#[derive(Debug)]
pub(super) struct LogFile {
    inner: FileBackend,
    watch: Arc<FileWatch>,
}

impl LogFile {
    pub(super) fn new(file: File, watch: Arc<FileWatch>) -> Result<Self, redb::DatabaseError> {
        Ok(Self { inner: FileBackend::new(file)?, watch })
    }
}

impl StorageBackend for LogFile {
    fn len(&self) -> io::Result<u64> {
        self.watch.note(self.inner.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.watch.note(self.inner.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.watch.note_write(self.watch.before_write().and_then(|()| self.inner.set_len(len)))
    }

    fn sync_data(&self) -> io::Result<()> {
        #[cfg(feature = "broken")]
        if crate::broken::Fault::NoSync.is_on() {
            self.watch.synced.store(true, Ordering::Relaxed);
            return Ok(());
        }
        // No space or not: what a failed sync left behind is not known.
        let result = self.watch.before_sync().and_then(|()| self.inner.sync_data());
        if result.is_ok() {
            self.watch.synced.store(true, Ordering::Relaxed);
        }
        self.watch.note(result)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        // A two-phase commit writes its pages and the spare slot of the header, syncs, and only then writes the header
        // again to make that slot the valid one. (Growing the file syncs too; then this is careful without need.)
        if offset == 0 && self.watch.synced.load(Ordering::Relaxed) {
            self.watch.commit_point_reached.store(true, Ordering::Relaxed);
        }
        self.watch.note_write(self.watch.before_write().and_then(|()| self.inner.write(offset, data)))
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
