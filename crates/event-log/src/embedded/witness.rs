//! A small file beside the log that remembers how far it was acknowledged.
//!
//! redb checks its pages, but one thing it cannot know: that a file which is sound in itself is not the newest state
//! there was (an older copy, a header that points to the commit before). So after each commit, and before anyone hears
//! of it, the newest offsets are written here. Not synced: after the death of the process the kernel still has them, and
//! after a power cut an older state only means a weaker check, never a false alarm. It never runs ahead of the log.

use super::files::{private_file, sync_folder};
use crate::Epoch;
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"twseen01";
/// Name of the file.
pub(super) const NAME: &str = "log.seen";

/// The open file.
pub(super) struct Witness {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
    epochs_check: u32,
    broken: bool,
}

/// What the file said.
pub(super) enum Seen {
    /// There is no such file.
    Nothing,
    /// It cannot be read as one of ours.
    Unreadable,
    /// The newest acknowledged offset of each partition, of the log with these epochs.
    Offsets { epochs_check: u32, last: Vec<u64> },
}

/// One number for the identities of all partitions.
pub(super) fn epochs_check<'a>(epochs: impl Iterator<Item = &'a Epoch>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for epoch in epochs {
        hasher.update(epoch.0.as_bytes());
        hasher.update(b"\n");
    }
    hasher.finalize()
}

/// Reads what an earlier run left in this folder.
pub(super) fn read(folder: &Path) -> io::Result<Seen> {
    let bytes = match fs::read(folder.join(NAME)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Seen::Nothing),
        Err(error) => return Err(error),
    };
    let Some((body, check)) = bytes.split_last_chunk::<4>() else { return Ok(Seen::Unreadable) };
    let Some(rest) = body.strip_prefix(MAGIC.as_slice()) else { return Ok(Seen::Unreadable) };
    let Some((epochs_check, offsets)) = rest.split_first_chunk::<4>() else { return Ok(Seen::Unreadable) };
    let (offsets, []) = offsets.as_chunks::<8>() else { return Ok(Seen::Unreadable) };
    if crc32fast::hash(body).to_le_bytes() != *check {
        return Ok(Seen::Unreadable);
    }
    Ok(Seen::Offsets {
        epochs_check: u32::from_le_bytes(*epochs_check),
        last: offsets.iter().map(|o| u64::from_le_bytes(*o)).collect(),
    })
}

impl Witness {
    /// Opens or makes the file, and writes the state the log is in.
    pub(super) fn open(folder: &Path, epochs_check: u32, last: &[u64]) -> io::Result<Self> {
        let path = folder.join(NAME);
        let file = private_file().create(true).truncate(false).open(&path)?;
        let mut witness = Self { file, path, buffer: Vec::new(), epochs_check, broken: false };
        witness.write(last)?;
        witness.file.set_len(witness.buffer.len() as u64)?;
        sync_folder(folder)?;
        Ok(witness)
    }

    fn write(&mut self, last: &[u64]) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.extend_from_slice(MAGIC);
        self.buffer.extend_from_slice(&self.epochs_check.to_le_bytes());
        for last in last {
            self.buffer.extend_from_slice(&last.to_le_bytes());
        }
        let check = crc32fast::hash(&self.buffer);
        self.buffer.extend_from_slice(&check.to_le_bytes());
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&self.buffer)
    }

    /// Notes the newest offsets. A failure weakens a later check and nothing else, so it is told once and passed over.
    pub(super) fn note(&mut self, last: &[u64]) {
        match self.write(last) {
            Ok(()) => self.broken = false,
            Err(error) if !self.broken => {
                self.broken = true;
                tracing::warn!(path = %self.path.display(), %error, "cannot note how far the log was acknowledged");
            }
            Err(_) => {}
        }
    }

    /// Makes the file durable, at a clean stop.
    pub(super) fn sync(&self) {
        if let Err(error) = self.file.sync_all() {
            tracing::warn!(path = %self.path.display(), %error, "cannot sync the note of the newest offsets");
        }
    }
}
