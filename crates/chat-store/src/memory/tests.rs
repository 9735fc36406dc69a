//! The memory engine against the suite, and its own bound.

use super::*;
use crate::suite;
use std::sync::Arc;

#[derive(Default)]
struct Memory;

impl suite::Engine for Memory {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        Box::pin(async { Arc::new(MemoryStore::new()) as Arc<dyn Store> })
    }
}

crate::conformance!(Memory);

#[tokio::test]
async fn full_is_told_and_changes_nothing() {
    let store = MemoryStore::with_rows_max(2);
    let rows: Vec<_> = (1..=3).map(|seq| suite::line(1, seq)).collect();
    assert_eq!(store.write(rows.clone()).await, Err(StoreError::Full));
    assert_eq!(store.page(RoomId(1), Page::Latest, 10).await, Ok(vec![]));
    assert_eq!(store.write(rows[..2].to_vec()).await, Ok(()));
    assert_eq!(store.write(rows[..2].to_vec()).await, Ok(()), "what is there already needs no room");
    assert_eq!(store.write(rows[2..].to_vec()).await, Err(StoreError::Full));
    assert_eq!(store.expire(Millis(u64::MAX), 1).await, Ok(1));
    assert_eq!(store.write(rows[2..].to_vec()).await, Ok(()));
}
