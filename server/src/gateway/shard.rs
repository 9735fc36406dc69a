//! Shards: one task a core writes what the rooms publish to all sockets that belong to it, in turns.
//!
//! A turn gives each viewer everything since the last turn in one write. A send costs 5 to 9 µs whatever its size up to
//! some KiB, so what a room costs is viewers × turns; the pause after a turn grows with what the turn took, so that writing
//! stays a bounded share of a core, and an idle room's line goes out at once. Beside that a wheel looks at each connection
//! once a heartbeat: one timer a shard, not one a connection.
//!
//! It knows no socket and no session. Start with [`Shard::run`]; [`Outlet`] is one connection's writing half.

use super::{
    outlet::{Batches, Outlet, Wire},
    registry::Signals,
};
use crate::{
    figures::Fanout,
    rooms::feed::{Feed, Listener, Subscription},
    websocket::frame::{self, Opcode},
    world::World,
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// After a turn its own time is paused this many times, so that writing takes a fifth of a core: 1,000 viewers at 6.5 µs
/// are written in 6.5 ms and again 26 ms later, 30 turns a second.
const PAUSE_PER_TURN: u32 = 4;
/// But no longer than this, however large the room: 10,000 viewers take 90 ms a turn, and see a line after 0.15 s at most. In
/// a storm of theirs a longer pause saves nothing: each write of the next turn is larger by what came meanwhile, and beyond
/// some ten KB a byte costs more than in a small one.
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// A turn and its pause together take no longer, unless the turn alone does; then there is none. The turns of a storm that once
/// grew this long would only grow longer with it.
const CYCLE_MAX: Duration = Duration::from_millis(200);
/// Shorter pauses are none: the timer's own grain is a millisecond.
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// Sockets that are written before others may have the core: half a millisecond.
const AT_ONCE: usize = 64;
/// Parts of a heartbeat: at 10,000 connections and 30 s each part is 156 pings, a millisecond, twice a second.
const WHEEL_SLOTS: usize = 64;

/// All shards of a process.
pub struct Shards {
    shards: Vec<Arc<Shard>>,
    next: AtomicUsize,
}

/// The connections that one task writes to.
pub struct Shard {
    me: Weak<Shard>,
    heartbeat: Duration,
    world: Arc<dyn World>,
    /// Told when there is something to do.
    work: Notify,
    todo: Mutex<Todo>,
    /// The rooms that its connections read, by their feeds' addresses. Lock order: this before a room's seats.
    rooms: Mutex<HashMap<usize, Arc<Room>>>,
    wheel: Mutex<Wheel>,
}

#[derive(Default)]
struct Todo {
    rooms: Vec<Arc<Room>>,
    outlets: Vec<Arc<Outlet>>,
}

/// A room's viewers in this shard.
struct Room {
    feed: Arc<Feed>,
    shard: Weak<Shard>,
    is_noted: AtomicBool,
    seats: Mutex<Slots>,
    /// Itself, as the feed knows it.
    listener: OnceLock<Weak<dyn Listener>>,
}

/// Places that are used again. Connections come and go by the thousand, and each knows its number.
#[derive(Default)]
struct Slots {
    slots: Vec<Option<Arc<Outlet>>>,
    free: Vec<usize>,
}

#[derive(Default)]
struct Wheel {
    slots: Vec<Slots>,
    /// The slot that is looked at next.
    hand: usize,
}

/// A viewer's seat in a room; left when dropped.
pub struct Seat {
    room: Arc<Room>,
    outlet: Arc<Outlet>,
    number: usize,
    _counted: Subscription,
}

/// A connection's place in its shard, with its writing half; gone when dropped.
pub struct Berth {
    /// What it writes with.
    pub outlet: Arc<Outlet>,
    slot: (usize, usize),
}

impl Shards {
    /// So many shards, whose tasks are to be run ([`Self::all`], [`Shard::run`]).
    pub fn new(count: usize, heartbeat: Duration, world: &Arc<dyn World>) -> Arc<Self> {
        let shards = (0..count.max(1)).map(|_| {
            Arc::new_cyclic(|me| Shard {
                me: me.clone(),
                heartbeat,
                world: world.clone(),
                work: Notify::new(),
                todo: Mutex::default(),
                rooms: Mutex::default(),
                wheel: Mutex::new(Wheel {
                    slots: (0..WHEEL_SLOTS).map(|_| Slots::default()).collect(),
                    hand: 0,
                }),
            })
        });
        Arc::new(Self { shards: shards.collect(), next: AtomicUsize::new(0) })
    }

    /// Each of them.
    pub fn all(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    /// Has the connections that read this room look again whether it is open.
    pub async fn look_again(&self, feed: &Arc<Feed>) {
        for shard in &self.shards {
            let Some(room) = shard.rooms.lock().get(&address(feed)).cloned() else { continue };
            let mut from = 0;
            loop {
                let (some, all) = {
                    let seats = room.seats.lock();
                    (seats.some(from), seats.slots.len())
                };
                some.iter().for_each(|outlet| outlet.look_at_rooms());
                from += AT_ONCE;
                if from >= all {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes a connection in; they are dealt out in turn. What the rooms publish may be written compressed.
    pub fn take(&self, wire: Arc<dyn Wire>, signals: Arc<Signals>, deflates: bool) -> Berth {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        let shard = &self.shards[number];
        let outlet = Outlet::new(wire, shard.clone(), signals, deflates);
        let mut wheel = shard.wheel.lock();
        // The slot that was looked at last: its next turn is a heartbeat from now.
        let slot = (wheel.hand + WHEEL_SLOTS - 1) % WHEEL_SLOTS;
        let number = wheel.slots[slot].put(outlet.clone());
        Berth { outlet, slot: (slot, number) }
    }
}

impl Shard {
    /// Writes, turn after turn, until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let slot_time = (self.heartbeat / u32::try_from(WHEEL_SLOTS).unwrap_or(1)).max(PAUSE_MIN);
        let mut wheel = tokio::time::interval(slot_time);
        wheel.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        wheel.reset();
        let ping = frame::whole(Opcode::Ping, &[]);
        let mut not_before = Instant::now();
        loop {
            tokio::select! {
                biased;
                _ = wheel.tick() => self.beat(&ping).await,
                () = self.work_after(not_before) => {
                    let begun = Instant::now();
                    self.turn().await;
                    let now = Instant::now();
                    not_before = now + pause_after(now - begun);
                }
            }
        }
    }

    /// Resolves when there is something to do and it is time. Cancel-safe: a permit that was taken is given back.
    async fn work_after(&self, time: Instant) {
        if time > Instant::now() {
            tokio::time::sleep_until(time).await;
        }
        self.work.notified().await;
    }

    /// There is something to write to this connection.
    pub(super) fn note(&self, outlet: &Arc<Outlet>) {
        if !outlet.is_noted.swap(true, Ordering::AcqRel) {
            self.todo.lock().outlets.push(outlet.clone());
            self.work.notify_one();
        }
    }

    async fn turn(&self) {
        let todo = std::mem::take(&mut *self.todo.lock());
        let (mut batches, mut fanout) = (Batches::new(), Fanout::begin());
        for room in todo.rooms {
            // Before the ring is looked at: what comes after is news again.
            room.is_noted.store(false, Ordering::Release);
            batches.clear();
            let mut from = 0;
            loop {
                let seated = room.seats.lock().some(from);
                for outlet in &seated {
                    self.pump(outlet, &mut batches, &mut fanout);
                }
                from += AT_ONCE;
                if from >= room.seats.lock().slots.len() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        for outlets in todo.outlets.chunks(AT_ONCE) {
            for outlet in outlets {
                outlet.is_noted.store(false, Ordering::Release);
                self.pump(outlet, &mut batches, &mut fanout);
            }
            tokio::task::yield_now().await;
        }
        fanout.end();
    }

    fn pump(&self, outlet: &Arc<Outlet>, batches: &mut Batches, fanout: &mut Fanout) {
        if outlet.pump(batches, fanout) {
            self.note(outlet);
        }
    }

    /// Looks at the connections of one slot.
    async fn beat(&self, ping: &Bytes) {
        let (now, wall) = (Instant::now(), self.world.now());
        let hand = {
            let mut wheel = self.wheel.lock();
            let hand = wheel.hand;
            wheel.hand = (hand + 1) % WHEEL_SLOTS;
            hand
        };
        let mut from = 0;
        loop {
            let (some, all) = {
                let slot = &self.wheel.lock().slots[hand];
                (slot.some(from), slot.slots.len())
            };
            for outlet in some {
                outlet.beat(now, wall, self.heartbeat, ping);
            }
            from += AT_ONCE;
            if from >= all {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Sits a connection down in a room.
    pub(super) fn seat(&self, outlet: &Arc<Outlet>, feed: &Arc<Feed>) -> Seat {
        let mut rooms = self.rooms.lock();
        let room = rooms.entry(address(feed)).or_insert_with(|| {
            let room = Arc::new(Room {
                feed: feed.clone(),
                shard: self.me.clone(),
                is_noted: AtomicBool::new(false),
                seats: Mutex::default(),
                listener: OnceLock::new(),
            });
            let listener: Arc<dyn Listener> = room.clone();
            let _ = room.listener.set(Arc::downgrade(&listener));
            feed.listen(listener);
            room
        });
        let number = room.seats.lock().put(outlet.clone());
        Seat { room: room.clone(), outlet: outlet.clone(), number, _counted: feed.subscribe() }
    }
}

/// A room is known by its feed, which lives as long as the room's entry here does.
fn address(feed: &Arc<Feed>) -> usize {
    Arc::as_ptr(feed) as usize
}

/// How long to rest after a turn that took so long.
fn pause_after(turn: Duration) -> Duration {
    let pause = (turn * PAUSE_PER_TURN).min(PAUSE_MAX).min(CYCLE_MAX.saturating_sub(turn));
    if pause < PAUSE_MIN { Duration::ZERO } else { pause }
}

impl Listener for Room {
    fn news(self: Arc<Self>) {
        if !self.is_noted.swap(true, Ordering::AcqRel)
            && let Some(shard) = self.shard.upgrade()
        {
            shard.todo.lock().rooms.push(self);
            shard.work.notify_one();
        }
    }
}

impl Slots {
    fn put(&mut self, outlet: Arc<Outlet>) -> usize {
        if let Some(number) = self.free.pop() {
            self.slots[number] = Some(outlet);
            return number;
        }
        self.slots.push(Some(outlet));
        self.slots.len() - 1
    }

    /// Takes one out; `true` if nobody is left.
    fn take(&mut self, number: usize) -> bool {
        self.slots[number] = None;
        self.free.push(number);
        if self.free.len() < self.slots.len() {
            return false;
        }
        *self = Self::default();
        true
    }

    /// Those of the next places.
    fn some(&self, from: usize) -> Vec<Arc<Outlet>> {
        self.slots.iter().skip(from).take(AT_ONCE).flatten().cloned().collect()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.outlet.leave(&self.room.feed);
        let Some(shard) = self.room.shard.upgrade() else { return };
        let mut rooms = shard.rooms.lock();
        if self.room.seats.lock().take(self.number) {
            rooms.remove(&address(&self.room.feed));
            if let Some(listener) = self.room.listener.get().and_then(Weak::upgrade) {
                self.room.feed.unlisten(&listener);
            }
        }
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        self.outlet.forget();
        let (slot, number) = self.slot;
        self.outlet.shard.wheel.lock().slots[slot].take(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_stays_a_bounded_share_and_an_idle_room_waits_for_nothing() {
        assert_eq!(pause_after(Duration::from_micros(200)), Duration::ZERO);
        let turn = Duration::from_micros(6_500);
        let pause = pause_after(turn);
        assert!(turn.as_secs_f64() / (turn + pause).as_secs_f64() <= 0.2 + f64::EPSILON);
        assert_eq!(pause_after(Duration::from_millis(90)), PAUSE_MAX);
    }

    #[test]
    fn a_turn_that_is_long_by_itself_is_followed_by_the_next() {
        for turn in [151, 175, 199].map(Duration::from_millis) {
            assert_eq!(turn + pause_after(turn), CYCLE_MAX);
        }
        assert_eq!(pause_after(CYCLE_MAX), Duration::ZERO);
        assert_eq!(pause_after(Duration::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn a_place_that_was_left_is_taken_again() {
        let mut slots = Slots { slots: vec![None, None], free: vec![] };
        assert!(!slots.take(0));
        assert!(slots.take(1), "nobody is left");
        assert!(slots.slots.is_empty() && slots.free.is_empty());
    }
}
