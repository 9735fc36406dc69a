//! The data folder as a whole: is it ours, of a version that this program knows, and is all of it there?
//!
//! ```text
//! <data>/FORMAT        "twitchy data folder 1": written once log and store are both made
//! <data>/log/          see crate `event-log`
//! <data>/store/        see crate `chat-store`
//! <data>/secret.key    see `auth::secret`
//! ```
//! Each part looks after its own files. What none of them can see is that another part is missing: a log without its
//! store would start with no accounts, a store without its log with another order. Start with [`look`].

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

const MARK: &str = "FORMAT";
const MARK_WORDS: &str = "twitchy data folder ";
/// What this program writes, and the newest that it reads.
const VERSION: u32 = 1;
/// Bytes of the mark that are looked at; it has 23.
const MARK_BYTES_MAX: u64 = 64;

/// What may be in a folder that was never finished: a first start may have been killed at any instant, and accounts may
/// have been made before the first start.
const PARTS: [&str; 3] = ["log", "store", crate::auth::secret::FILE_NAME];
/// The databases of a finished one. It can do without the last, which is filled again from the log.
const DATABASES: [&str; 3] = ["log/log.redb", "store/accounts.redb", REFILLED];
const REFILLED: &str = "store/messages.redb";
/// How each of them begins.
const REDB_MAGIC: &[u8; 9] = b"redb\x1A\x0A\xA9\x0D\x0A";

/// Why a folder is not used; nothing in it was touched. One line each, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is a file in this place.
    #[error("{}: it is a file, the data needs a folder; choose another with --data", .0.display())]
    NotAFolder(PathBuf),
    /// It belongs to something else.
    #[error("{}: it holds {found:?}, which is not ours; choose an empty folder with --data", .path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// Something in it.
        found: String,
    },
    /// A newer version of this program wrote it.
    #[error(
        "{}: the data has format {found}, this program knows formats up to {VERSION}; start the newer program again",
        .path.display()
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// In place of a part there is something else.
    #[error("{}: it is not a file of ours; bring the whole folder back from a backup, or move it away", .0.display())]
    Foreign(PathBuf),
    /// A part is missing.
    #[error(
        "{}: {missing} is missing, the rest of the data is there; bring the whole folder back from a backup, or move it \
         away to start anew",
        .path.display()
    )]
    Half {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        missing: &'static str,
    },
    /// The system says no.
    #[error("{}: {source}; check its owner and permissions, or choose another with --data", .path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Looks at a folder without touching it. One that is not there yet, or empty, is fine.
///
/// # Errors
/// See [`FolderError`].
pub fn look(folder: &Path) -> Result<(), FolderError> {
    let path = || folder.to_owned();
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(FolderError::NotAFolder(path())),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(FolderError::Io { path: path(), source }),
    }
    let Some(mark) = read_mark(folder)? else {
        let stranger = stranger(folder).map_err(|source| FolderError::Io { path: path(), source })?;
        return match stranger {
            None => Ok(()),
            Some(found) => Err(FolderError::NotOurs { path: path(), found }),
        };
    };
    match mark.strip_prefix(MARK_WORDS).and_then(|version| version.trim_end().parse().ok()) {
        None => return Err(FolderError::NotOurs { path: path(), found: MARK.to_owned() }),
        Some(found) if found > VERSION => return Err(FolderError::Newer { path: path(), found }),
        Some(_) => {}
    }
    // All of them before any of them is opened: opening writes.
    for name in DATABASES {
        let path = folder.join(name);
        let mut head = [0; REDB_MAGIC.len()];
        match File::open(&path).and_then(|mut file| file.read_exact(&mut head)) {
            Ok(()) if head == *REDB_MAGIC => {}
            Ok(()) => return Err(FolderError::Foreign(path)),
            Err(error) if error.kind() == ErrorKind::NotFound && name == REFILLED => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(FolderError::Half { path: folder.to_owned(), missing: name });
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(FolderError::Foreign(path)),
            Err(source) => return Err(FolderError::Io { path, source }),
        }
    }
    Ok(())
}

fn read_mark(folder: &Path) -> Result<Option<String>, FolderError> {
    let path = folder.join(MARK);
    let read = || {
        let mut bytes = Vec::new();
        File::open(&path)?.take(MARK_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if io::Error::kind(&error) == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FolderError::Io { path: path.clone(), source }),
    }
}

/// Something in an unfinished folder that none of our parts would have made. Hidden files and what a file system puts
/// at its root do not count.
fn stranger(folder: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let ours = PARTS.iter().chain([&MARK]).any(|part| name.starts_with(part));
        if !ours && !name.starts_with('.') && name != "lost+found" {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Notes that log and store are made. From now on neither may be missing.
///
/// # Errors
/// Those of the system.
pub fn mark(folder: &Path) -> Result<(), FolderError> {
    let path = folder.join(MARK);
    if path.exists() {
        return Ok(());
    }
    let write = || {
        let new = folder.join(format!("{MARK}.new"));
        let mut file = File::create(&new)?;
        writeln!(file, "{MARK_WORDS}{VERSION}")?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| FolderError::Io { path: path.clone(), source })
}
