//! Once a second: counts messages and viewers of each room, and tells the viewers what changed.

use super::{Directory, News, Room, followed::Stage};
use protocol::ids::RoomId;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

/// The rate is that of the last so many seconds.
const WINDOW_SECONDS: usize = 5;

struct Counted {
    room: Arc<Room>,
    heard: VecDeque<u64>,
    told: (u64, f64),
}

/// Runs until it is dropped.
pub async fn run(rooms: Arc<Directory>) {
    let mut counted: HashMap<RoomId, Counted> = HashMap::new();
    let mut every_second = tokio::time::interval(Duration::from_secs(1));
    every_second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every_second.tick().await;
        for room in rooms.all().iter() {
            if room.is_archived() {
                if counted.remove(&room.id()).is_some() {
                    metrics::gauge!("twitchy_room_viewers", "room" => room.slug().to_owned()).set(0.0);
                }
            } else {
                counted.entry(room.id()).or_insert_with(|| Counted::new(room)).tick();
            }
        }
    }
}

impl Counted {
    fn new(room: &Arc<Room>) -> Self {
        Self { room: room.clone(), heard: VecDeque::from([room.heard()]), told: (0, 0.0) }
    }

    fn tick(&mut self) {
        let room = &self.room;
        let (now, before) = (room.heard(), *self.heard.front().unwrap_or(&0));
        let seconds = self.heard.len().max(1) as u64;
        // A room that is not followed has its pace from those that follow it.
        let live = room.followed.stage() == Stage::Live;
        room.feed.set_pace_here(live.then(|| ((now - before) * 10 + seconds / 2) / seconds));
        #[allow(clippy::cast_precision_loss)] // fits exactly
        let rate = room.feed.pace() as f64 / 10.0;
        self.heard.push_back(now);
        if self.heard.len() > WINDOW_SECONDS {
            self.heard.pop_front();
        }
        *room.messages_per_second.write() = rate;
        // Those here alone: whoever collects the figures of all nodes adds them up.
        let (viewers, here) = (room.feed.viewers(), room.feed.viewers_here());
        metrics::gauge!("twitchy_room_viewers", "room" => room.slug().to_owned()).set(here as f64);
        if self.told == (viewers, rate) {
            return;
        }
        self.told = (viewers, rate);
        if here > 0 {
            room.feed.publish_frame(room.frame(News::default()).to_json());
        }
    }
}
