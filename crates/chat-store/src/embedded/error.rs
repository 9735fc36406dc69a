//! What can go wrong: when the store is opened, and inside a call.

use crate::StoreError;
use std::{io, path::PathBuf};

/// Why the store could not be opened. One line each, with the path and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is something else at this path; it was not touched.
    #[error("{path} is not a file of this store: move it away or choose another data folder", path = path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later program.
    #[error(
        "{path} has format {found}, this program knows formats up to {known}: start the newer program again",
        path = path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The latest format of this program.
        known: u32,
    },
    /// Another process has it open.
    #[error("{path} is in use by another process: stop that one first or choose another data folder", path = path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{path} cannot be opened ({source}): check its owner, its permissions and the free space", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is in it cannot be trusted.
    #[error("{path} is damaged ({detail}): {advice}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
        /// What to do about this file.
        advice: &'static str,
    },
}

/// What ends a call inside: the database's word, or ours.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database's. Boxed: it is large and rare.
    Redb(Box<redb::Error>),
    /// Ours, ready for the caller.
    Store(StoreError),
}

impl Failure {
    /// A row or a table that is not as we wrote it.
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Store(StoreError::Damaged(what.into()))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

macro_rules! from_redb {
    ($($error:ident),+) => {
        $(impl From<redb::$error> for Failure {
            fn from(error: redb::$error) -> Self {
                Self::Redb(Box::new(error.into()))
            }
        })+
    };
}

from_redb!(CommitError, DatabaseError, SetDurabilityError, StorageError, TableError, TransactionError);
