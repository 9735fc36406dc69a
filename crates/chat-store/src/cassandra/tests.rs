//! The engine over a real Cassandra: the suite, and what is special here. The first test starts a node.

use super::*;
use crate::suite;
use std::sync::atomic::{AtomicU32, Ordering};
use test_servers::cassandra::shared;

mod faults;
mod history;
mod logins;
mod schema;

/// A keyspace of its own.
struct Cassandra {
    options: Options,
}

impl Default for Cassandra {
    fn default() -> Self {
        Self { options: options_of(shared().address()) }
    }
}

/// A node holds some hundred tables in the memory it has here, so each test takes its own away; one that failed leaves
/// them to be looked at.
impl Drop for Cassandra {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let options = self.options.clone();
        let dropped = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let session = client::connect(&options, None).await.expect("connect");
                let cql = format!("DROP KEYSPACE IF EXISTS {}", options.keyspace);
                session.query_unpaged(cql, ()).await.expect("drop");
            });
        });
        dropped.join().expect("the keyspace is dropped");
    }
}

/// A new keyspace at this address. Its name is not known to another process that uses the same server.
fn options_of(address: &str) -> Options {
    static KEYSPACES: AtomicU32 = AtomicU32::new(0);
    let number = KEYSPACES.fetch_add(1, Ordering::Relaxed);
    let keyspace = format!("t{}_{}_{number}", std::process::id(), expiry::now().0);
    // The machine of a test has other work as well.
    Options { request_timeout: Duration::from_secs(30), ..Options::new([address], keyspace) }
}

impl Cassandra {
    /// Opens the store after the schema was brought up to date.
    async fn store(&self) -> CassandraStore {
        self.store_with(self.options.clone()).await
    }

    async fn store_with(&self, options: Options) -> CassandraStore {
        migrate(&options).await.expect("migrate");
        CassandraStore::open(options).await.expect("open")
    }
}

impl suite::Engine for Cassandra {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        Box::pin(async { Arc::new(self.store().await) as Arc<dyn Store> })
    }

    fn gives_up_when_told(&self) -> bool {
        false
    }
}

crate::conformance!(Cassandra, persists);
