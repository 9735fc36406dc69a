//! The file below the database: redb's own, watched for a failed fsync.
//!
//! After a failed fsync nobody knows what is on the disk, and the database above tells only that some I/O failed.

use redb::{BackendError, StorageBackend, backends::FileBackend};
use std::{
    io,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Redb's file with an eye on it.
#[derive(Debug)]
pub(super) struct Backend {
    file: FileBackend,
    sync_failed: Arc<AtomicBool>,
    #[cfg(test)]
    faults: Arc<Faults>,
}

impl Backend {
    pub(super) fn new(file: FileBackend, sync_failed: Arc<AtomicBool>, _options: &super::Options) -> Self {
        Self {
            file,
            sync_failed,
            #[cfg(test)]
            faults: Arc::clone(&_options.faults),
        }
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        #[cfg(test)]
        let done = self.faults.sync.fail().and_then(|()| self.file.sync_data());
        #[cfg(not(test))]
        let done = self.file.sync_data();
        if done.is_err() {
            self.sync_failed.store(true, Ordering::SeqCst);
        }
        done
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.faults.write.fail()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

/// Failures that a test asks for.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) write: Fault,
    pub(super) sync: Fault,
}

/// An error for every call from now on, until it is taken back.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct Fault(parking_lot::Mutex<Option<io::ErrorKind>>);

#[cfg(test)]
impl Fault {
    pub(super) fn set(&self, kind: Option<io::ErrorKind>) {
        *self.0.lock() = kind;
    }

    fn fail(&self) -> io::Result<()> {
        self.0.lock().map_or(Ok(()), |kind| Err(kind.into()))
    }
}
