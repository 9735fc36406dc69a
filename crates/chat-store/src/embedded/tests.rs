//! The embedded engine beyond the suite: reopening, damage, full and failing disks, foreign files.

use super::*;
use crate::suite;
use std::sync::Arc;

struct Embedded {
    folder: tempfile::TempDir,
}

impl Default for Embedded {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
}

impl suite::Engine for Embedded {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        Box::pin(async {
            let store = EmbeddedStore::open(&self.folder.path().join("store"), Options::default()).unwrap();
            Arc::new(store) as Arc<dyn Store>
        })
    }
}

crate::conformance!(Embedded, persists);

mod crash;
mod damage;
mod faults;
mod golden;
mod opening;

impl Embedded {
    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("store")
    }

    fn store(&self) -> EmbeddedStore {
        self.store_with(Options::default()).unwrap()
    }

    fn store_with(&self, options: Options) -> Result<EmbeddedStore, OpenError> {
        EmbeddedStore::open(&self.path(), options)
    }
}

fn lines(room: u64, seqs: std::ops::RangeInclusive<u64>) -> Vec<Logged> {
    seqs.map(|seq| suite::line(room, seq)).collect()
}

async fn places(store: &EmbeddedStore, room: u64) -> Result<Vec<u64>, StoreError> {
    store.page(RoomId(room), Page::Latest, 1_000).await.map(|page| suite::places(&page))
}

fn checkpoint(offset: u64) -> Checkpoint {
    Checkpoint { epoch: "e".into(), offset }
}
