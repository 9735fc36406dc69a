//! The connections to the cluster and the prepared statements, with the few ways in which the tables ask.
//!
//! Reads and writes are at LOCAL_QUORUM, lightweight transactions at LOCAL_SERIAL. Knows no table but by its statements.

use super::{
    Options, Tls,
    error::{self, OpenError},
    statements::Statements,
};
use crate::StoreError;
use scylla::{
    client::{
        Compression, execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder,
    },
    deserialize::row::DeserializeRow,
    errors::ExecutionError,
    policies::{load_balancing::DefaultPolicy, timestamp_generator::MonotonicTimestampGenerator},
    response::query_result::QueryResult,
    serialize::{batch::BatchValues, row::SerializeRow},
    statement::{Consistency, SerialConsistency, batch::Batch, prepared::PreparedStatement},
    value::{CqlValue, Row},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Calls that are on their way at once; one more waits until another is done, at most for the time of a request. With
/// batches of at most 256 KiB that bounds what is on its way to 64 MiB, and in practice to a tenth of that.
pub(super) const REQUESTS_MAX: usize = 256;
/// How often the driver looks whether the nodes agree on the schema.
const AGREEMENT_EVERY: Duration = Duration::from_millis(50);
/// How long they may take.
const AGREEMENT_MAX: Duration = Duration::from_secs(60);
/// A connection that says nothing for so long is given up, and another made.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Connects to the cluster. `keyspace` becomes that of all statements.
pub(super) async fn connect(options: &Options, keyspace: Option<&str>) -> Result<Session, OpenError> {
    options.check()?;
    let mut policy = DefaultPolicy::builder().token_aware(true);
    if let Some(datacenter) = &options.datacenter {
        policy = policy.prefer_datacenter(datacenter.clone()).permit_dc_failover(false);
    }
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::LocalSerial))
        .request_timeout(Some(options.request_timeout))
        .load_balancing_policy(policy.build())
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&options.nodes)
        .default_execution_profile_handle(profile.into_handle())
        .compression(Some(Compression::Lz4))
        .connection_timeout(options.request_timeout)
        .hostname_resolution_timeout(Some(options.request_timeout))
        .keepalive_timeout(SILENCE_MAX)
        .schema_agreement_interval(AGREEMENT_EVERY)
        .schema_agreement_timeout(AGREEMENT_MAX)
        .fetch_schema_metadata(keyspace.is_some())
        // Or the driver warns that one is asked for without the other.
        .fetch_full_schema_metadata(keyspace.is_some())
        .timestamp_generator(Arc::new(MonotonicTimestampGenerator::new()));
    if let Some(keyspace) = keyspace {
        // Whose replicas are asked follows from its replication.
        builder = builder.keyspaces_to_fetch([keyspace]);
    }
    if let Some(user) = &options.username {
        builder = builder.user(user, options.password.as_deref().unwrap_or_default());
    }
    if let Some(tls) = &options.tls {
        builder = with_tls(builder, tls)?;
    }
    let session = builder.build().await.map_err(|error| error::no_session(&options.nodes, &error))?;
    check_datacenter(&session, options)?;
    Ok(session)
}

#[cfg(feature = "cassandra-tls")]
fn with_tls(builder: SessionBuilder, tls: &Tls) -> Result<SessionBuilder, OpenError> {
    use openssl::ssl::{SslConnector, SslMethod};
    let refused = |what: String| OpenError::Config(format!("TLS to Cassandra: {what}"));
    // The defaults verify the certificate and the name in it.
    let mut connector = SslConnector::builder(SslMethod::tls_client()).map_err(|e| refused(e.to_string()))?;
    if let Some(path) = &tls.ca_file {
        connector.set_ca_file(path).map_err(|e| refused(format!("{}: {e}", path.display())))?;
    }
    Ok(builder.tls_context(Some(connector)))
}

#[cfg(not(feature = "cassandra-tls"))]
fn with_tls(_: SessionBuilder, _: &Tls) -> Result<SessionBuilder, OpenError> {
    Err(OpenError::Config(
        "TLS to Cassandra is not in this build: build it with the feature `cassandra-tls`".to_owned(),
    ))
}

/// With several datacenters, "local" has to mean one of them.
fn check_datacenter(session: &Session, options: &Options) -> Result<(), OpenError> {
    let there = datacenters(session);
    let list = || there.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match &options.datacenter {
        Some(wanted) if !there.contains(wanted) => {
            Err(OpenError::Config(format!("Cassandra has no datacenter {wanted:?}, it has: {}", list())))
        }
        None if there.len() > 1 => Err(OpenError::Config(format!(
            "Cassandra has several datacenters ({}): say which one is near in `cassandra.datacenter`",
            list()
        ))),
        _ => Ok(()),
    }
}

/// The datacenters of the cluster, in order.
pub(super) fn datacenters(session: &Session) -> BTreeSet<String> {
    session.get_cluster_state().get_nodes_info().iter().filter_map(|node| node.datacenter.clone()).collect()
}

/// What came of a lightweight transaction.
#[derive(Clone, Debug)]
pub(super) enum Cas {
    /// Its conditions held and it was done.
    Applied,
    /// They did not, and nothing was done.
    Refused,
    /// Nobody knows; ask at LOCAL_SERIAL.
    Unknown(StoreError),
}

/// An open store's side of the connections.
pub(super) struct Client {
    pub(super) session: Session,
    pub(super) statements: Statements,
    request_timeout: Duration,
    requests: Semaphore,
    /// Requests made so far, so that tests can tell how much an answer takes.
    #[cfg(test)]
    pub(super) made: std::sync::atomic::AtomicUsize,
}

impl Client {
    pub(super) fn new(session: Session, statements: Statements, request_timeout: Duration) -> Self {
        Self {
            session,
            statements,
            request_timeout,
            requests: Semaphore::new(REQUESTS_MAX),
            #[cfg(test)]
            made: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        let turn = tokio::time::timeout(self.request_timeout, self.requests.acquire()).await;
        #[cfg(test)]
        self.made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match turn {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(StoreError::Unavailable("too many requests to Cassandra at once".to_owned())),
        }
    }

    async fn execute(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<QueryResult, StoreError> {
        let _turn = self.turn().await?;
        self.session.execute_unpaged(statement, values).await.map_err(|error| error::unavailable(&error))
    }

    /// Makes a write without a condition.
    pub(super) async fn run(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<(), StoreError> {
        self.execute(statement, values).await.map(drop)
    }

    /// All rows of an answer; the statement bounds how many there can be.
    pub(super) async fn rows<R: for<'frame> DeserializeRow<'frame, 'frame>>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Vec<R>, StoreError> {
        let answer = self.execute(statement, values).await?;
        let damaged = |what: String| StoreError::Damaged(format!("an answer of Cassandra: {what}"));
        let rows = answer.into_rows_result().map_err(|error| damaged(error.to_string()))?;
        let rows = rows.rows::<R>().map_err(|error| damaged(error.to_string()))?;
        rows.collect::<Result<_, _>>().map_err(|error| damaged(error.to_string()))
    }

    /// The first row of an answer.
    pub(super) async fn first<R: for<'frame> DeserializeRow<'frame, 'frame>>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Option<R>, StoreError> {
        Ok(self.rows(statement, values).await?.into_iter().next())
    }

    /// Writes several rows of one partition at once.
    pub(super) async fn batch(&self, batch: &Batch, values: impl BatchValues) -> Result<(), StoreError> {
        let _turn = self.turn().await?;
        self.session.batch(batch, values).await.map(drop).map_err(|error| error::unavailable(&error))
    }

    /// Makes a lightweight transaction.
    pub(super) async fn cas(&self, statement: &PreparedStatement, values: impl SerializeRow) -> Cas {
        let _turn = match self.turn().await {
            Ok(turn) => turn,
            Err(error) => return Cas::Unknown(error),
        };
        applied(self.session.execute_unpaged(statement, values).await)
    }

    /// Makes a lightweight transaction of several statements.
    pub(super) async fn cas_batch(&self, batch: &Batch, values: impl BatchValues) -> Cas {
        let _turn = match self.turn().await {
            Ok(turn) => turn,
            Err(error) => return Cas::Unknown(error),
        };
        applied(self.session.batch(batch, values).await)
    }
}

/// The first column of the answer says it; the others, if any, what stood in the way.
fn applied(answer: Result<QueryResult, ExecutionError>) -> Cas {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Cas::Unknown(error::unavailable(&error)),
    };
    let row = answer.into_rows_result().ok().and_then(|rows| rows.first_row::<Row>().ok());
    match row.as_ref().and_then(|row| row.columns.first()) {
        Some(Some(CqlValue::Boolean(true))) => Cas::Applied,
        Some(Some(CqlValue::Boolean(false))) => Cas::Refused,
        _ => Cas::Unknown(StoreError::Damaged("an answer of Cassandra: neither applied nor not".to_owned())),
    }
}
