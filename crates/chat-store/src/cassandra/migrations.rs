//! The schema and its versions: `migrations/NNNN_name.cql` at the top of the project, built into the program.
//!
//! [`migrate`] brings a keyspace up to date; opening a store only looks. A migration is a list of statements each of which
//! may be made twice, so one that was broken off is made again from its beginning. Applied ones are noted with their
//! checksum in `schema_migrations`. Two processes that migrate at once take turns by a row in `schema_lock`, which its
//! owner renews before each statement and which goes by itself if its owner dies.

use super::{
    Options, client,
    error::{self, MigrateError, OpenError},
};
use scylla::{
    client::session::Session,
    errors::ExecutionError,
    policies::load_balancing::{LoadBalancingPolicy, NodeIdentifier, SingleTargetLoadBalancingPolicy},
    serialize::row::SerializeRow,
    statement::{Consistency, Statement},
    value::{CqlValue, Row},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// One step of the schema.
pub(super) struct Migration {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) cql: &'static str,
}

/// All of them, in order. A new file is a new line here.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "store", cql: include_str!("../../../../migrations/0001_store.cql") },
    Migration {
        number: 2,
        name: "moderation",
        cql: include_str!("../../../../migrations/0002_moderation.cql"),
    },
    Migration { number: 3, name: "run_time", cql: include_str!("../../../../migrations/0003_run_time.cql") },
];

/// A migration that was applied just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its number, from 1 on.
    pub number: u32,
    /// Its name.
    pub name: String,
}

/// How long the lock lives if its owner does not renew it, in seconds. One statement takes a second or two.
const LEASE: i32 = 60;
/// How long one waits for the lock of another: two leases, so a dead owner's is over by then.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(120);
const LOCK_LOOK_EVERY: Duration = Duration::from_millis(100);
/// A change of the schema is agreed on by all nodes before it is answered.
const STATEMENT_MAX: Duration = Duration::from_secs(30);

/// The version of the schema that this program needs.
pub(super) fn wanted() -> u32 {
    MIGRATIONS.last().map_or(0, |last| last.number)
}

/// Brings the keyspace up to date, and makes it if it is not there. Says what it did; doing it again does nothing, and
/// several at once do it once.
///
/// # Errors
/// [`MigrateError`] says what to do. What was done stays, and may be continued.
pub async fn migrate(options: &Options) -> Result<Vec<Applied>, MigrateError> {
    migrate_with(options, MIGRATIONS).await
}

pub(super) async fn migrate_with(
    options: &Options,
    migrations: &[Migration],
) -> Result<Vec<Applied>, MigrateError> {
    let session = client::connect(options, None).await?;
    let schema = Schema::new(&session, options)?;
    schema.change(0, "keyspace", &schema.keyspace_cql()).await?;
    // The files name tables without their keyspace.
    let used = session.use_keyspace(&options.keyspace, false).await;
    used.map_err(|error| error::no_answer(&options.nodes, &error.into()))?;
    for table in [APPLIED_TABLE, LOCK_TABLE] {
        schema.change(0, "schema", &table.replace("KS.", &schema.prefix)).await?;
    }
    let lock = Lock::take(&schema).await?;
    let done = schema.apply(&lock, migrations).await;
    lock.release().await;
    done
}

const APPLIED_TABLE: &str = "CREATE TABLE IF NOT EXISTS KS.schema_migrations (
    part text, number int, name text, checksum bigint, PRIMARY KEY (part, number))";
const LOCK_TABLE: &str = "CREATE TABLE IF NOT EXISTS KS.schema_lock (part text PRIMARY KEY, owner uuid)";
/// The only value of `part`: the table is one partition, so it is read in order.
const PART: &str = "store";

/// Looks whether the tables are those of this program.
pub(super) async fn check(session: &Session, options: &Options) -> Result<(), OpenError> {
    let schema = Schema::new(session, options)?;
    let applied = match schema.applied().await {
        Ok(applied) => applied,
        Err(error) if error::is_missing_table(&error) => vec![],
        Err(error) => return Err(error::no_answer(&options.nodes, &error)),
    };
    changed(&applied, MIGRATIONS).map_or(Ok(()), |what| Err(OpenError::Config(what)))?;
    let (found, wanted) = (applied.iter().map(|row| row.number).max(), wanted());
    match found {
        Some(found) if found > wanted => Err(OpenError::Newer { found, known: wanted }),
        Some(found) if found == wanted => Ok(()),
        found => Err(OpenError::NotMigrated { found, wanted }),
    }
}

/// A row of `schema_migrations`.
struct AppliedRow {
    number: u32,
    name: String,
    checksum: u32,
}

/// A migration that was applied and is not what this program has under its number.
fn changed(applied: &[AppliedRow], migrations: &[Migration]) -> Option<String> {
    let differs = |row: &&AppliedRow| {
        let ours = migrations.iter().find(|ours| ours.number == row.number);
        ours.is_some_and(|ours| ours.name != row.name || checksum(ours.cql) != row.checksum)
    };
    applied.iter().find(differs).map(|row| {
        format!(
            "migration {} ({}) was applied with other contents than this program has: an applied migration must not be \
             changed; use the program that applied it, or another keyspace",
            row.number, row.name
        )
    })
}

/// Of what the statements say, so that a comment may be mended.
fn checksum(cql: &str) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for statement in statements(cql) {
        crc.update(statement.as_bytes());
        crc.update(b";");
    }
    crc.finalize()
}

/// The statements of a file, without comments and with single spaces.
fn statements(cql: &str) -> Vec<String> {
    let (mut all, mut one) = (Vec::new(), String::new());
    let mut chars = cql.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) => {
                one.push(c);
                if c == open {
                    quote = None;
                }
            }
            (None, '-') if chars.peek() == Some(&'-') => while chars.next_if(|&c| c != '\n').is_some() {},
            (None, ';') => all.push(std::mem::take(&mut one)),
            (None, '\'' | '"') => {
                quote = Some(c);
                one.push(c);
            }
            (None, c) if c.is_whitespace() => {
                if !one.is_empty() && !one.ends_with(' ') {
                    one.push(' ');
                }
            }
            (None, c) => one.push(c),
        }
    }
    all.push(one);
    all.into_iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// A keyspace whose tables are looked at or changed.
struct Schema<'a> {
    session: &'a Session,
    options: &'a Options,
    /// The keyspace and a dot.
    prefix: String,
    /// All changes go through one node, the same for everybody: two nodes that make the same table at the same time
    /// would make two of one name.
    node: Arc<dyn LoadBalancingPolicy>,
}

impl<'a> Schema<'a> {
    fn new(session: &'a Session, options: &'a Options) -> Result<Self, OpenError> {
        let state = session.get_cluster_state();
        let nodes = state.get_nodes_info().iter().filter(|node| node.is_connected());
        let first = nodes.min_by_key(|node| node.host_id).ok_or_else(|| OpenError::Unreachable {
            nodes: options.nodes.join(", "),
            detail: "no node of the cluster is connected".to_owned(),
        })?;
        let node = NodeIdentifier::HostId(first.host_id);
        Ok(Self {
            session,
            options,
            prefix: format!("{}.", options.keyspace),
            node: SingleTargetLoadBalancingPolicy::new(node, None),
        })
    }

    fn keyspace_cql(&self) -> String {
        let wanted = self.options.datacenter.clone();
        let datacenter = wanted.or_else(|| client::datacenters(self.session).into_iter().next());
        format!(
            "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {{'class': 'NetworkTopologyStrategy', '{}': {}}}",
            self.options.keyspace,
            datacenter.unwrap_or_default().replace('\'', "''"),
            self.options.replication
        )
    }

    /// Makes a statement that changes the schema, and waits until all nodes know it.
    async fn change(&self, number: u32, name: &str, cql: &str) -> Result<(), MigrateError> {
        let mut statement = Statement::new(cql);
        statement.set_load_balancing_policy(Some(Arc::clone(&self.node)));
        statement.set_request_timeout(Some(STATEMENT_MAX));
        let failed = |error: ExecutionError| match error::no_answer(&self.options.nodes, &error) {
            refused @ OpenError::Refused(_) => MigrateError::Open(refused),
            _ => MigrateError::Failed { number, name: name.to_owned(), detail: error.to_string() },
        };
        self.session.query_unpaged(statement, ()).await.map_err(failed)?;
        let agreed = self.session.await_schema_agreement().await;
        agreed.map(drop).map_err(|error| error::no_agreement(&self.options.nodes, &error).into())
    }

    async fn ask(
        &self,
        cql: &str,
        consistency: Consistency,
        values: impl SerializeRow,
    ) -> Result<Vec<Row>, ExecutionError> {
        let mut statement = Statement::new(cql.replace("KS.", &self.prefix));
        statement.set_consistency(consistency);
        let answer = self.session.query_unpaged(statement, values).await?;
        let Ok(rows) = answer.into_rows_result() else { return Ok(vec![]) };
        Ok(rows.rows::<Row>().map(|rows| rows.filter_map(Result::ok).collect()).unwrap_or_default())
    }

    async fn applied(&self) -> Result<Vec<AppliedRow>, ExecutionError> {
        let cql = "SELECT number, name, checksum FROM KS.schema_migrations WHERE part = ?";
        let rows = self.ask(cql, Consistency::LocalQuorum, (PART,)).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| match <[Option<CqlValue>; 3]>::try_from(row.columns) {
                Ok(
                    [
                        Some(CqlValue::Int(number)),
                        Some(CqlValue::Text(name)),
                        Some(CqlValue::BigInt(checksum)),
                    ],
                ) => {
                    let number = u32::try_from(number).ok()?;
                    Some(AppliedRow { number, name, checksum: u32::try_from(checksum).ok()? })
                }
                _ => None,
            })
            .collect())
    }

    async fn apply(&self, lock: &Lock<'_>, migrations: &[Migration]) -> Result<Vec<Applied>, MigrateError> {
        let read = self.applied().await;
        let applied = read.map_err(|error| error::no_answer(&self.options.nodes, &error))?;
        changed(&applied, migrations).map_or(Ok(()), |what| Err(MigrateError::Changed(what)))?;
        let known = migrations.last().map_or(0, |last| last.number);
        if let Some(found) = applied.iter().map(|row| row.number).max().filter(|&found| found > known) {
            return Err(OpenError::Newer { found, known }.into());
        }
        let mut done = Vec::new();
        for migration in migrations.iter().filter(|ours| applied.iter().all(|row| row.number != ours.number))
        {
            let Migration { number, name, cql } = *migration;
            for statement in statements(cql) {
                lock.renew().await?;
                self.change(number, name, &statement).await?;
            }
            lock.renew().await?;
            let note = "INSERT INTO KS.schema_migrations (part, number, name, checksum) VALUES (?, ?, ?, ?)";
            let values = (PART, number.cast_signed(), name, i64::from(checksum(cql)));
            let noted = self.ask(note, Consistency::LocalQuorum, values).await;
            noted.map_err(|error| error::no_answer(&self.options.nodes, &error))?;
            done.push(Applied { number, name: name.to_owned() });
        }
        Ok(done)
    }
}

/// The right to change the schema.
struct Lock<'a> {
    schema: &'a Schema<'a>,
    owner: Uuid,
}

impl<'a> Lock<'a> {
    async fn take(schema: &'a Schema<'a>) -> Result<Lock<'a>, MigrateError> {
        let lock = Self { schema, owner: Uuid::now_v7() };
        let deadline = Instant::now() + LOCK_WAIT_MAX;
        loop {
            let cql = "INSERT INTO KS.schema_lock (part, owner) VALUES (?, ?) IF NOT EXISTS USING TTL ?";
            // Not known is as good as not taken: renewing tells whose it is.
            match lock.ask(cql, (PART, lock.owner, LEASE)).await {
                Ok(true) => return Ok(lock),
                Ok(false) | Err(_) if lock.renew().await.is_ok() => return Ok(lock),
                Err(error) if Instant::now() > deadline => {
                    return Err(error::no_answer(&schema.options.nodes, &error).into());
                }
                Ok(_) if Instant::now() > deadline => return Err(MigrateError::Busy),
                _ => tokio::time::sleep(LOCK_LOOK_EVERY).await,
            }
        }
    }

    async fn renew(&self) -> Result<(), MigrateError> {
        let cql = "UPDATE KS.schema_lock USING TTL ? SET owner = ? WHERE part = ? IF owner = ?";
        match self.ask(cql, (LEASE, self.owner, PART, self.owner)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(MigrateError::LockLost),
            Err(error) => Err(error::no_answer(&self.schema.options.nodes, &error).into()),
        }
    }

    /// If it cannot be given back it goes by itself.
    async fn release(self) {
        let _ = self.ask("DELETE FROM KS.schema_lock WHERE part = ? IF owner = ?", (PART, self.owner)).await;
    }

    async fn ask(&self, cql: &str, values: impl SerializeRow) -> Result<bool, ExecutionError> {
        let rows = self.schema.ask(cql, Consistency::LocalQuorum, values).await?;
        let applied = rows.into_iter().next().and_then(|row| row.columns.into_iter().next());
        Ok(applied == Some(Some(CqlValue::Boolean(true))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeMap, fs, path::Path};

    #[test]
    fn the_list_is_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read_to_string(path).unwrap());
        }
        let list: BTreeMap<_, _> = MIGRATIONS
            .iter()
            .map(|m| (format!("{:04}_{}.cql", m.number, m.name), m.cql.to_owned()))
            .collect();
        assert_eq!(files, list);
        let numbers: Vec<_> = MIGRATIONS.iter().map(|m| m.number).collect();
        assert_eq!(numbers, (1..=wanted()).collect::<Vec<_>>(), "from 1 on, in order, without a hole");
    }

    #[test]
    fn every_statement_may_be_made_twice() {
        for migration in MIGRATIONS {
            for statement in statements(migration.cql) {
                assert!(
                    statement.starts_with("CREATE TABLE IF NOT EXISTS "),
                    "{}: {statement}",
                    migration.name
                );
            }
        }
    }

    #[test]
    fn a_file_falls_into_statements() {
        let cql = "-- a; comment\nCREATE  TABLE a (\n  b text -- it's; so\n)\n;\nINSERT 'x;  --y' \"z;\";  \n-- end";
        assert_eq!(statements(cql), ["CREATE TABLE a ( b text )", "INSERT 'x;  --y' \"z;\""]);
        assert_eq!(checksum(cql), checksum(&cql.replace("a; comment", "another")));
        assert_ne!(checksum(cql), checksum(&cql.replace("b text", "b blob")));
    }
}
