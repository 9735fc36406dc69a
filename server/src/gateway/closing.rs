//! Rooms that are closed while they are read: whoever reads one is told, after all that was said in it.
//!
//! It decides nothing: a connection looks itself which of its rooms are closed to it. Start with [`run`].

use super::shard::Shards;
use crate::rooms::Directory;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long what was accepted before is waited for. It is milliseconds, unless the log has trouble.
const SAID_MAX: Duration = Duration::from_secs(1);

/// Runs until it is dropped.
pub async fn run(rooms: Arc<Directory>, shards: Arc<Shards>) {
    let mut closed = rooms.closed();
    while closed.changed().await.is_ok() {
        let all = rooms.all();
        // Also those from before: they have only admins left, who stay.
        for room in all.iter().filter(|room| room.is_archived() && room.feed.viewers_here() > 0) {
            let _ = timeout(SAID_MAX, room.all_said()).await;
            shards.look_again(&room.feed).await;
        }
    }
}
