//! Opening and making the log's folder, and every way that can fail.
//!
//! ```text
//! <folder>/            0700
//!   log.redb           0600   the records; made as log.redb.new and renamed when it is whole
//!   log.seen           0600   how far the log was acknowledged (see `witness`)
//!   LOCK               0600   held while a process has the log open
//! ```

use super::{
    files::{FileWatch, is_no_space, make_private_folder, private_file, sync_folder},
    store::{FORMAT_VERSION, Store, StoreError, Stored},
    witness::{self, Seen, Witness, epochs_check},
};
use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Name of the file of records.
pub(super) const FILE_NAME: &str = "log.redb";
const NEW_FILE_NAME: &str = "log.redb.new";
const LOCK_NAME: &str = "LOCK";

/// Why the log was not opened. Each displays as one line that names the path and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is something else in this place.
    #[error("{}: {detail}; give the log a folder of its own", .path.display())]
    NotOurs {
        /// The place.
        path: PathBuf,
        /// What was found there.
        detail: String,
    },
    /// A newer version of this program wrote the log.
    #[error(
        "{}: the log has format {found}, this program reads up to {}; use the newer program",
        .path.display(), FORMAT_VERSION
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Another process has the log open.
    #[error("{}: another process has the log open; stop it first", .path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The file system says no.
    #[error("{}: {source}; check that the folder exists, can be written and has space", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Acknowledged records are missing or wrong. No record was changed.
    #[error(
        "{}: the log is damaged: {detail}; restore the folder from a backup, or move it away to start a new log",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The number of partitions is fixed when a log is made.
    #[error("{}: the log has {found} partitions, not {asked}; configure {found}", .path.display())]
    PartitionsMismatch {
        /// The file.
        path: PathBuf,
        /// How many the log has.
        found: u32,
        /// How many were asked for.
        asked: u32,
    },
}

impl OpenError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// Is a lack of space the reason? Then the same call may work later.
    pub(super) fn is_no_space(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_no_space(source.kind()))
    }
}

/// Everything the engine holds of its folder.
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) stored: Vec<Stored>,
    pub(super) witness: Witness,
    /// Locked as long as it is open.
    pub(super) lock: File,
}

/// Opens the log in this folder, and makes it if there is none.
pub(super) fn open(folder: &Path, partitions: u32, watch: &Arc<FileWatch>) -> Result<Opened, OpenError> {
    if fs::metadata(folder).is_ok_and(|m| !m.is_dir()) {
        let detail = "it is a file, the log needs a folder".to_owned();
        return Err(OpenError::NotOurs { path: folder.to_owned(), detail });
    }
    make_private_folder(folder).map_err(|e| OpenError::io(folder, e))?;
    let lock = lock(folder)?;
    let path = folder.join(FILE_NAME);
    let seen = witness::read(folder).map_err(|e| OpenError::io(&folder.join(witness::NAME), e))?;
    match fs::symlink_metadata(&path) {
        Ok(file) if file.is_dir() => {
            let detail = "it is a folder, a file is expected".to_owned();
            return Err(OpenError::NotOurs { path, detail });
        }
        // A log becomes visible under this name only when it is whole, so it never was empty.
        Ok(file) if file.len() == 0 => {
            return Err(OpenError::Damaged { path, detail: "the file is empty".to_owned() });
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if !matches!(seen, Seen::Nothing) {
                let detail = format!("the file is missing, though {} remembers it", witness::NAME);
                return Err(OpenError::Damaged { path, detail });
            }
            create(folder, &path, partitions, watch)?;
        }
        Err(error) => return Err(OpenError::io(&path, error)),
    }
    let (store, stored) = open_file(&path, partitions, watch)?;
    let epochs = epochs_check(stored.iter().map(|s| &s.epoch));
    check_against(&seen, epochs, &stored, &path)?;
    let last: Vec<_> = stored.iter().map(|s| s.last).collect();
    let witness =
        Witness::open(folder, epochs, &last).map_err(|e| OpenError::io(&folder.join(witness::NAME), e))?;
    Ok(Opened { store, stored, witness, lock })
}

/// Opens the file of records alone: the folder is locked and the log is known to be there.
pub(super) fn open_file(
    path: &Path,
    partitions: u32,
    watch: &Arc<FileWatch>,
) -> Result<(Store, Vec<Stored>), OpenError> {
    Store::open(path, partitions, watch).map_err(|e| told(path, partitions, e))
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK_NAME);
    let file =
        private_file().create(true).truncate(false).open(&path).map_err(|e| OpenError::io(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::io(&path, error)),
    }
}

fn create(folder: &Path, path: &Path, partitions: u32, watch: &Arc<FileWatch>) -> Result<(), OpenError> {
    let new = folder.join(NEW_FILE_NAME);
    match fs::remove_file(&new) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(OpenError::io(&new, error)),
    }
    Store::create(&new, partitions, watch).map_err(|e| told(&new, partitions, e))?;
    fs::rename(&new, path).map_err(|e| OpenError::io(path, e))?;
    sync_folder(folder).map_err(|e| OpenError::io(folder, e))
}

fn check_against(seen: &Seen, epochs: u32, stored: &[Stored], path: &Path) -> Result<(), OpenError> {
    let damaged = |detail| Err(OpenError::Damaged { path: path.to_owned(), detail });
    match seen {
        Seen::Nothing => Ok(()),
        Seen::Unreadable => {
            tracing::warn!(
                path = %path.display(),
                "the note of the newest offsets cannot be read; whether the newest records are there was not checked"
            );
            Ok(())
        }
        Seen::Offsets { epochs_check, last } if *epochs_check != epochs || last.len() != stored.len() => {
            damaged(format!("it is not the log that {} belongs to", witness::NAME))
        }
        Seen::Offsets { last, .. } => {
            let short = (0..).zip(stored.iter().zip(last)).find(|(_, (s, last))| s.last < **last);
            let Some((partition, (stored, last))) = short else { return Ok(()) };
            let partition: u32 = partition;
            damaged(format!(
                "partition {partition} ends at offset {}, but {last} was acknowledged",
                stored.last
            ))
        }
    }
}

fn told(path: &Path, asked: u32, error: StoreError) -> OpenError {
    let path = path.to_owned();
    match error {
        StoreError::NotOurs(detail) => OpenError::NotOurs { path, detail },
        StoreError::Newer(found) => OpenError::Newer { path, found },
        StoreError::Partitions(found) => OpenError::PartitionsMismatch { path, found, asked },
        StoreError::Damaged(detail) => OpenError::Damaged { path, detail },
        StoreError::Redb(error) => match error {
            redb::Error::DatabaseAlreadyOpen => OpenError::Locked { path },
            // redb's words for a file without its magic number.
            redb::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
                OpenError::NotOurs { path, detail: format!("it is not a log ({error})") }
            }
            redb::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
                OpenError::Damaged { path, detail: "the file ends too early".to_owned() }
            }
            redb::Error::Io(source) => OpenError::Io { path, source },
            other => OpenError::Damaged { path, detail: other.to_string() },
        },
    }
}
