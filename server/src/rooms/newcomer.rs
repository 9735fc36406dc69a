//! A room that comes while its partition is followed: brought up by the tail, between two reads, at the tail's own place.
//!
//! Nobody finds the room before that ([`Directory::get`](super::Directory::get)), so nobody misses it. Nearly always it has no past. It
//! may have one: its first messages came here before the word of it, or it was in the configuration once; then its past
//! comes from the store and, beyond that, from the log, like that of any other room. A store that does not answer keeps
//! the room waiting, and the partition's other rooms for [`BRING_UP_MAX`] at the most.

use super::history::LAG_RECORDS_MAX;
use super::{
    Room,
    repeats::accepted,
    tail::{Event, READ_BYTES_MAX, READ_RECORDS_MAX, Tail, event, last_before},
    waking::{PrimeError, RING_MS, begin},
};
use chat::{
    nonces::{LOOK_BACK_MS, Nonces},
    time::Millis,
};
use event_log::Offset;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// How long the rooms of one look may take. A new room takes three small answers of the store.
const BRING_UP_MAX: Duration = Duration::from_secs(1);
/// When it is tried again: a store that is away costs the partition's other rooms a tenth of their time at the most.
const RETRY: Duration = Duration::from_secs(10);
/// Clocks of nodes may be so far apart: a room's messages may seem older than the room.
const CLOCKS_APART_MS: u64 = 60_000;

impl Tail {
    /// Resolves when it is time to look for rooms that have to be brought up. Cancel-safe.
    pub(super) async fn newcomers(&self, retry: Option<Instant>) {
        let Some(followed) = self.rooms.partitions().get(self.partition.0 as usize) else {
            return std::future::pending().await;
        };
        match retry {
            Some(at) => tokio::select! {
                () = followed.arrived.notified() => {}
                () = tokio::time::sleep_until(at) => {}
            },
            None => followed.arrived.notified().await,
        }
    }

    /// Brings up what has come.
    pub(super) async fn bring_up_newcomers(&mut self) {
        let rooms = self.rooms.in_partition(self.partition);
        let new: Vec<&Arc<Room>> = rooms.iter().filter(|room| !room.is_ready()).collect();
        let all = async {
            for room in new {
                self.bring_up(room).await?;
                self.rooms.ready(room);
            }
            Ok::<_, PrimeError>(())
        };
        let failed = match timeout(BRING_UP_MAX, all).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the store takes long".to_owned()),
        };
        if let Some(why) = &failed {
            metrics::counter!("twitchy_rooms_brought_up_late_total").increment(1);
            tracing::warn!(
                partition = self.partition.0,
                why,
                "a new room cannot be brought up yet; trying on"
            );
        }
        self.retry = failed.map(|_| Instant::now() + RETRY);
    }

    /// Gives a room all that it would have if it had been there when the partition was brought up.
    async fn bring_up(&self, room: &Room) -> Result<(), PrimeError> {
        let (log, partition, now) = (self.log.as_ref(), self.partition, room.world.now());
        let stored = match room.shared {
            true => self.history.look(partition).await?,
            false => self.history.stored(partition),
        };
        let stored = stored.min(self.at);
        let behind = self.at.0.saturating_sub(stored.0);
        if behind > LAG_RECORDS_MAX {
            return Err(PrimeError::Behind(behind));
        }
        *room.nonces.lock() = if room.shared { Nonces::of_shared_log() } else { Nonces::default() };
        room.learn(self.history.facts(room).await?);
        let since = Millis(now.0.saturating_sub(RING_MS));
        let newest = self.history.newest_stored(room, stored, since, self.rooms.ring().messages_max).await?;
        begin(room, &newest, stored);
        // What was said before there was a room was not said in it.
        let made = room.created_at().map_or(0, |made| made.0.saturating_sub(CLOCKS_APART_MS));
        let since = Millis(now.0.saturating_sub(LOOK_BACK_MS).max(made));
        let first = Offset(log.bounds(partition)?.first.0.saturating_sub(1));
        let mut at = last_before(log, partition, since).await?.min(stored).max(first);
        while at < self.at {
            let records = log.read(partition, at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
            let Some(last) = records.last() else { break };
            at = last.offset;
            let up_to_here = records.iter().take_while(|record| record.offset <= self.at);
            let events = up_to_here.filter_map(|record| Some((record.offset, event(partition, record)?)));
            for (offset, event) in events.filter(|(_, event)| event.room() == room.id()) {
                match event {
                    Event::Message(logged) if offset > stored => room.show(vec![*logged]),
                    Event::Message(logged) => {
                        room.hear(std::slice::from_ref(&logged));
                        if let Some(nonce) = &logged.message.nonce {
                            room.settle(logged.message.author.id, nonce, accepted(&logged));
                        }
                    }
                    Event::Measure(taken) if offset > stored => room.apply(*taken),
                    Event::Measure(_) => {}
                }
            }
        }
        Ok(())
    }
}
