//! What can go wrong when the store is opened or migrated, and how the driver's words are taken.

use crate::StoreError;
use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, ExecutionError,
    MetadataError, NewSessionError, PrepareError, RequestAttemptError, SchemaAgreementError,
};

/// Why the store could not be opened. One line each, with what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Nobody answers at any of the addresses.
    #[error(
        "Cassandra cannot be reached at {nodes} ({detail}): check the addresses, that it runs, and whether it wants TLS"
    )]
    Unreachable {
        /// The addresses.
        nodes: String,
        /// What the driver said.
        detail: String,
    },
    /// User name or password are wrong or missing, or the user may not do this.
    #[error("Cassandra refuses this user ({0}): check the user name, the password and what the user may do")]
    Refused(String),
    /// The tables are not there, or not all of them.
    #[error(
        "the keyspace has {}, this program needs version {wanted}: run `twitchy migrate`",
        .found.map_or_else(|| "no tables of ours".to_owned(), |found| format!("version {found} of the schema"))
    )]
    NotMigrated {
        /// The version of the schema that is there.
        found: Option<u32>,
        /// The version that this program needs.
        wanted: u32,
    },
    /// A later program has changed the tables.
    #[error(
        "the keyspace has version {found} of the schema, this program knows versions up to {known}: start the newer program"
    )]
    Newer {
        /// The version of the schema that is there.
        found: u32,
        /// The latest version of this program.
        known: u32,
    },
    /// A setting cannot be, or does not fit what is there.
    #[error("{0}")]
    Config(String),
}

/// Why the keyspace could not be brought up to date. What was done stays, and doing it again goes on from there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// As when the store is opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Somebody else migrates, and was not done in the time one waits for that.
    #[error("another process migrates this keyspace and does not come to an end: look after that one")]
    Busy,
    /// Somebody else began to migrate while this process stood still.
    #[error("the lock of the migration was lost to another process: start again")]
    LockLost,
    /// A statement failed.
    #[error("migration {number} ({name}) failed: {detail}; it may be started again")]
    Failed {
        /// Number of the migration; 0 for the table that the others are noted in.
        number: u32,
        /// Its name.
        name: String,
        /// What the driver said.
        detail: String,
    },
    /// What was applied is not what this program has under that number.
    #[error("{0}")]
    Changed(String),
}

/// What a user without the right to do something, or with the wrong password, is told.
fn refusal(error: &DbError) -> bool {
    matches!(error, DbError::AuthenticationError | DbError::Unauthorized)
}

fn refused_connection(error: &ConnectionPoolError) -> bool {
    let ConnectionPoolError::Broken {
        last_connection_error: ConnectionError::ConnectionSetupRequestError(setup),
    } = error
    else {
        return false;
    };
    match setup.get_error() {
        ConnectionSetupRequestErrorKind::DbError(error, _) => refusal(error),
        ConnectionSetupRequestErrorKind::MissingAuthentication => true,
        _ => false,
    }
}

/// Why no connection came to be.
pub(super) fn no_session(nodes: &[String], error: &NewSessionError) -> OpenError {
    if let NewSessionError::MetadataError(MetadataError::ConnectionPoolError(pool)) = error
        && refused_connection(pool)
    {
        return OpenError::Refused(error.to_string());
    }
    match error {
        NewSessionError::EmptyKnownNodesList | NewSessionError::IllegalConfig(_) => {
            OpenError::Config(format!("Cassandra: {error}"))
        }
        _ => OpenError::Unreachable { nodes: nodes.join(", "), detail: error.to_string() },
    }
}

/// Why a request failed while the store was opened.
pub(super) fn no_answer(nodes: &[String], error: &ExecutionError) -> OpenError {
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(db, _)) if refusal(db) => {
            OpenError::Refused(error.to_string())
        }
        ExecutionError::ConnectionPoolError(pool) if refused_connection(pool) => {
            OpenError::Refused(error.to_string())
        }
        _ => OpenError::Unreachable { nodes: nodes.join(", "), detail: error.to_string() },
    }
}

pub(super) fn not_prepared(nodes: &[String], error: PrepareError) -> OpenError {
    no_answer(nodes, &ExecutionError::PrepareError(error))
}

pub(super) fn no_agreement(nodes: &[String], error: &SchemaAgreementError) -> OpenError {
    OpenError::Unreachable {
        nodes: nodes.join(", "),
        detail: format!("the nodes do not agree on a schema: {error}"),
    }
}

/// The table or keyspace that was asked for is not there.
pub(super) fn is_missing_table(error: &ExecutionError) -> bool {
    let db = match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(db, _)) => db,
        ExecutionError::PrepareError(PrepareError::AllAttemptsFailed {
            first_attempt: RequestAttemptError::DbError(db, _),
            ..
        }) => db,
        _ => return false,
    };
    matches!(db, DbError::Invalid)
}

/// Why a call failed.
pub(super) fn unavailable(error: &ExecutionError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
