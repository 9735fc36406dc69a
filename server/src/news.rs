//! "Look into the store": what admins changed there at run time, and every process keeps a copy of.
//!
//! A word says only that there is something new, so one that comes twice, late or never does little harm: whoever keeps a
//! copy also looks by itself, every [`LOOK_EVERY`]. It knows neither what is kept nor how words travel
//! ([`nodes`](crate::nodes) carries them). Start with [`News`].

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};

/// How often a copy is renewed without a word: an answer of the store that is small.
pub const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Of what there is a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Names of emotes.
    Emotes,
    /// Rooms.
    Rooms,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Emotes, Self::Rooms];
}

/// The words of this process: those it heard, and those it has to tell the others.
#[derive(Debug, Default)]
pub struct News {
    heard: [Notify; Topic::ALL.len()],
    untold: [AtomicBool; Topic::ALL.len()],
    tell: Notify,
}

impl News {
    /// This process changed something: the others have to know.
    pub fn say(&self, topic: Topic) {
        self.untold[topic as usize].store(true, Ordering::Release);
        self.tell.notify_one();
    }

    /// Another process says so.
    pub fn hear(&self, topic: Topic) {
        self.heard[topic as usize].notify_one();
    }

    /// Waits for a word of another process, or until it is time to look by oneself.
    pub async fn time_to_look(&self, topic: Topic) {
        let _ = timeout(LOOK_EVERY, self.heard[topic as usize].notified()).await;
    }

    /// Waits for something to tell the others. Cancel-safe.
    pub async fn to_tell(&self) -> Topic {
        loop {
            let told = self.tell.notified();
            if let Some(topic) = self.to_tell_now() {
                return topic;
            }
            told.await;
        }
    }

    /// Something to tell the others, if there is any.
    pub fn to_tell_now(&self) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| self.untold[*topic as usize].swap(false, Ordering::AcqRel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_is_told_once_and_not_heard_here() {
        let news = News::default();
        news.say(Topic::Rooms);
        news.say(Topic::Rooms);
        news.say(Topic::Emotes);
        assert_eq!(news.to_tell().await, Topic::Emotes);
        assert_eq!(news.to_tell().await, Topic::Rooms);
        assert_eq!(news.to_tell_now(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_word_wakes_the_one_who_keeps_that_copy() {
        let news = News::default();
        let begin = tokio::time::Instant::now();
        news.hear(Topic::Emotes);
        news.time_to_look(Topic::Emotes).await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
        news.hear(Topic::Emotes);
        news.time_to_look(Topic::Rooms).await;
        assert_eq!(begin.elapsed(), LOOK_EVERY, "nobody said anything of rooms");
    }
}
