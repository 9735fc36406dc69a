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
