//! Bringing a partition up, and letting it go: the one place where the rooms of a partition get what they need before
//! anyone is shown them or writes to them.
//!
//! ```text
//!            somebody joins, writes, reads the past                          for some time nobody did
//!  asleep ──────────────────────▶ waking ──▶ shown ──────────────▶ live ──────────────────▶ asleep
//!                                   │ rings filled   │ nonces of the last ten minutes
//!                                   │ from the store │ read from the log; meanwhile the rings
//!                                                    │ go on by way of the store
//! ```
//! A log of this process alone is brought up once, at the start, and has no need of the way between. What a room is to have
//! when it comes up goes into [`Follower::fill_room`]. It knows no viewer. Start with [`Follower::run`].

use super::{
    Directory, Room,
    followed::{Followed, Stage},
    history::{History, HistoryError, LAG_RECORDS_MAX, Past},
    repeats::time_at,
    tail::{Patience, Tail, ended, last_before},
};
use crate::world::World;
use chat::{
    nonces::{LOOK_BACK_MS, Nonces},
    time::Millis,
};
use event_log::{EventLog, Offset, Partition, ReadError};
use protocol::{
    ids::Seq,
    limits::{HISTORY_MAX, NONCE_TTL_MS},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// So much of the newest time is put into the rings, as far as it fits: viewers of a gateway that died come to others and
/// resume, or come back to it, within seconds.
pub(super) const RING_MS: u64 = 120_000;
/// How often rooms that are shown and not live yet get what the store has of them. Persisters are behind by about as much.
const STORE_EVERY: Duration = Duration::from_millis(250);
/// How long one such look may take.
const STORE_MAX: Duration = Duration::from_secs(2);
/// Rooms are shown before they are live only while they lag no more than this.
const LATE_MAX: Duration = Duration::from_secs(2);
/// How often it is looked whether a partition is still needed.
const IDLE_LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often a bring-up that does not get on is told of.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Brings one partition up when it is needed, follows it, and lets it go.
pub struct Follower {
    log: Arc<dyn EventLog>,
    rooms: Arc<Directory>,
    history: History,
    followed: Arc<Followed>,
    world: Arc<dyn World>,
    /// How long after its last viewer and sender; `None` for ever.
    keep: Option<Duration>,
}

/// A partition could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum PrimeError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] chat_store::StoreError),
    /// The store is too far behind the log. With a shared log somebody works on it, and it may be tried again.
    #[error("the store is {0} records behind the log")]
    Behind(u64),
    /// It is not needed any more.
    #[error("nobody waits for it any more")]
    Needless,
}

impl From<HistoryError> for PrimeError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Store(error) => Self::Store(error),
            HistoryError::Log(error) => Self::Log(error),
            HistoryError::CatchingUp { behind } => Self::Behind(behind),
            // Not asked for in a way that can end so.
            HistoryError::TooMuchGone => Self::Behind(0),
            HistoryError::Waking => Self::Needless,
        }
    }
}

/// What a bring-up has met with.
struct Trouble {
    patience: Patience,
    told: Option<Instant>,
}

impl Default for Trouble {
    fn default() -> Self {
        Self { patience: Patience::new(), told: None }
    }
}

impl Follower {
    /// Not yet at work.
    pub fn new(
        log: Arc<dyn EventLog>,
        rooms: Arc<Directory>,
        history: History,
        followed: Arc<Followed>,
        world: Arc<dyn World>,
        keep: Option<Duration>,
    ) -> Self {
        Self { log, rooms, history, followed, world, keep }
    }

    /// Follows a partition that was brought up at the start, until the log closes; the error says why.
    pub async fn run_from(self, tail: Tail) -> ReadError {
        match self.follow(tail).await {
            Ok(()) => self.run().await,
            Err(error) => error,
        }
    }

    /// Follows the partition whenever somebody needs it, until the log closes; the error says why.
    pub async fn run(self) -> ReadError {
        loop {
            tokio::select! {
                biased;
                () = self.followed.wanted() => {}
                closed = self.closed() => return closed,
            }
            let began = Instant::now();
            let tail = match self.bring_up().await {
                Ok(tail) => tail,
                Err(PrimeError::Log(error)) => return error,
                Err(_) => continue,
            };
            metrics::histogram!("twitchy_wake_seconds").record(began.elapsed().as_secs_f64());
            tracing::debug!(partition = self.partition().0, took = ?began.elapsed(), "a partition is followed");
            if let Err(error) = self.follow(tail).await {
                return error;
            }
            self.clear();
            tracing::debug!(partition = self.partition().0, "a partition is followed no longer");
        }
    }

    fn partition(&self) -> Partition {
        self.followed.partition
    }

    async fn closed(&self) -> ReadError {
        let never = self.log.wait_past(self.partition(), Offset(u64::MAX)).await;
        never.err().unwrap_or_else(|| ReadError::Unavailable("the log is full".to_owned()))
    }

    /// Follows until nobody needs it any more.
    async fn follow(&self, tail: Tail) -> Result<(), ReadError> {
        let Some(keep) = self.keep.filter(|_| self.log.is_shared()) else { return Err(tail.run().await) };
        let idle = async {
            while !self.falls_asleep(keep) {
                sleep(IDLE_LOOK_EVERY.min(keep)).await;
            }
        };
        tokio::select! {
            biased;
            error = tail.run() => Err(error),
            () = idle => Ok(()),
        }
    }

    fn falls_asleep(&self, keep: Duration) -> bool {
        let rooms = self.rooms.in_partition(self.partition());
        let read = || rooms.iter().any(|room| room.feed.viewers_here() > 0);
        self.followed.sleep_after(keep, read)
    }

    /// A partition that sleeps costs no memory.
    fn clear(&self) {
        for room in self.rooms.in_partition(self.partition()).iter() {
            room.feed.begins_after(Seq(0));
            *room.nonces.lock() = Nonces::of_shared_log();
            room.forget_recent();
            // The next wake brings all of them up.
            self.rooms.ready(room);
        }
    }

    /// Brings a partition of a shared log up. Goes on trying while somebody needs it; an error of the log is its end.
    async fn bring_up(&self) -> Result<Tail, PrimeError> {
        let mut trouble = Trouble::default();
        let filled = loop {
            match self.fill().await {
                Ok(filled) => break filled,
                Err(error) => self.after(error, &mut trouble).await?,
            }
        };
        let live = async {
            loop {
                match self.look_back(filled).await {
                    Ok(tail) => return Ok(tail),
                    Err(error) => self.after(error, &mut trouble).await?,
                }
            }
        };
        tokio::select! {
            biased;
            live = live => live,
            needless = self.follow_store() => Err(needless),
        }
    }

    /// Waits before the next try, if there is to be one.
    async fn after(&self, error: PrimeError, trouble: &mut Trouble) -> Result<(), PrimeError> {
        match &error {
            PrimeError::Needless => return Err(error),
            // Trimmed: the brokers' retention went on while it was read.
            PrimeError::Log(ReadError::Unavailable(_) | ReadError::Trimmed { .. }) => {
                if let Some(ended) = ended(self.log.as_ref(), self.partition()) {
                    return Err(ended.into());
                }
                metrics::counter!("twitchy_log_read_failures_total", "reader" => "feed").increment(1);
            }
            PrimeError::Log(_) => return Err(error),
            PrimeError::Store(_) | PrimeError::Behind(_) => {}
        }
        if trouble.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            tracing::warn!(partition = self.partition().0, %error, "a partition cannot be followed yet; trying on");
            trouble.told = Some(Instant::now());
        }
        self.still_needed()?;
        trouble.patience.pause().await;
        Ok(())
    }

    fn still_needed(&self) -> Result<(), PrimeError> {
        match self.keep {
            Some(keep) if self.falls_asleep(keep) => {
                self.clear();
                Err(PrimeError::Needless)
            }
            _ => Ok(()),
        }
    }

    /// Fills the rings with what the store has, up to the place that is given back.
    async fn fill(&self) -> Result<Offset, PrimeError> {
        let last = self.log.bounds(self.partition())?.last;
        let stored = self.history.look(self.partition()).await?;
        let behind = last.0.saturating_sub(stored.0);
        if behind > LAG_RECORDS_MAX {
            return Err(PrimeError::Behind(behind));
        }
        let since = Millis(self.world.now().0.saturating_sub(RING_MS));
        for room in self.rooms.in_partition(self.partition()).iter() {
            self.fill_room(room, stored, since).await?;
            self.rooms.ready(room);
        }
        self.followed.advance(stored);
        self.followed.show(stored >= last);
        Ok(stored)
    }

    /// What a room has to have before anyone is shown it.
    async fn fill_room(&self, room: &Room, stored: Offset, since: Millis) -> Result<(), PrimeError> {
        room.learn(self.history.facts(room).await?);
        let most = self.rooms.ring().messages_max;
        let newest = self.history.newest_stored(room, stored, since, most).await?;
        begin(room, &newest, stored);
        Ok(())
    }

    /// Reads back the nonces that count at this place, and on to the log's end.
    async fn look_back(&self, filled: Offset) -> Result<Tail, PrimeError> {
        let log = self.log.as_ref();
        // The log's own time, if this process's clock is ahead of it.
        let time = time_at(log, self.partition(), filled, self.world.now()).await?;
        let ago = Millis(time.0.saturating_sub(LOOK_BACK_MS));
        let begin = last_before(log, self.partition(), ago).await?.min(filled);
        let begin = begin.max(Offset(log.bounds(self.partition())?.first.0.saturating_sub(1)));
        let mut tail = self.tail(begin);
        // The rings may go on meanwhile.
        while tail.place() < self.followed.at() {
            tail.look_back(self.followed.at()).await?;
        }
        self.followed.judged_after.store(tail.place().0, Ordering::Release);
        tail.catch_up(log.bounds(self.partition())?.last).await?;
        self.followed.go_live();
        Ok(tail)
    }

    /// Brings the rooms their newest by way of the store, until nobody needs it any more or this is dropped.
    async fn follow_store(&self) -> PrimeError {
        let mut looks = interval(STORE_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = self.log.bounds(self.partition()).map_or(Offset(0), |bounds| bounds.last);
        let mut known_at = Instant::now();
        loop {
            looks.tick().await;
            if let Err(needless) = self.still_needed() {
                return needless;
            }
            // What fails is tried again at the next look; meanwhile the rooms fall behind, and that counts.
            let _ = timeout(STORE_MAX, self.take_from_store()).await;
            if self.followed.at() >= known {
                self.followed.show(true);
                known = self.log.bounds(self.partition()).map_or(known, |bounds| bounds.last);
                known_at = Instant::now();
            } else if known_at.elapsed() > LATE_MAX && self.followed.stage() == Stage::Shown {
                self.followed.show(false);
            }
        }
    }

    async fn take_from_store(&self) -> Result<(), chat_store::StoreError> {
        let (at, stored) = (self.followed.at(), self.history.look(self.partition()).await?);
        if stored <= at {
            return Ok(());
        }
        let mut all = Vec::new();
        let rooms = self.rooms.in_partition(self.partition());
        for room in rooms.iter() {
            let taken = self.history.measures_between(room, at, stored).await?;
            all.push((room, self.history.stored_between(room, at, stored).await?, taken));
        }
        for (room, messages, taken) in all {
            let mut rest = &messages[..];
            for taken in taken {
                let (before, after) = rest.split_at(rest.partition_point(|m| m.seq < taken.seq));
                room.feed.publish(before);
                room.apply(taken);
                rest = after;
            }
            room.feed.publish(rest);
        }
        self.followed.advance(stored);
        Ok(())
    }

    fn tail(&self, at: Offset) -> Tail {
        Tail::at(self.log.clone(), self.rooms.clone(), self.history.clone(), self.partition(), at)
    }

    /// Brings a partition up at the start, before anyone is served, and stands ready to follow it.
    pub async fn bring_up_now(&self) -> Result<Tail, PrimeError> {
        if self.log.is_shared() {
            self.followed.need();
            let filled = self.fill().await?;
            return self.look_back(filled).await;
        }
        let (log, partition) = (self.log.as_ref(), self.partition());
        let last = log.bounds(partition)?.last;
        let ago = Millis(self.world.now().0.saturating_sub(NONCE_TTL_MS));
        let start = last_before(log, partition, ago).await?;
        self.followed.judged_after.store(start.0, Ordering::Release);
        self.followed.advance(start);
        // What lies before `start` comes from the store or the log's older part, as much as a join shows.
        for room in self.rooms.in_partition(partition).iter() {
            room.learn(self.history.facts(room).await?);
            let older = self.history.past(room, Some(Seq(start.0 + 1)), HISTORY_MAX as usize).await?;
            begin(room, &older, start);
            self.rooms.ready(room);
        }
        let mut tail = self.tail(start);
        tail.catch_up(last).await?;
        Ok(tail)
    }
}

/// The ring begins with these, the newest up to a place.
pub(super) fn begin(room: &Room, newest: &Past, up_to: Offset) {
    let Past { messages, complete } = newest;
    // With fewer than a join shows, the room's whole past is in the ring.
    let whole = *complete && messages.len() < HISTORY_MAX as usize;
    let first = messages.first().map_or(up_to.0, |first| first.seq.0 - 1);
    room.feed.begins_after(if whole { Seq(0) } else { Seq(first) });
    room.feed.publish(messages);
}
