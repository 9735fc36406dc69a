//! Where a style works apart: a thread of its own for a style that may hang, and what happens when it does.
//!
//! Nothing can end a thread that loops, and a looping style on one of the runtime's threads would take that thread, and
//! whatever else waits on it, for ever. So lines go to the style's thread through a bounded queue and come out in
//! their order. A watch looks at the line that is being worked on; when it has taken too long, the thread is left behind
//! at the lowest priority, the line goes on plain, and another thread takes the queue over. A style that has left
//! [`LEFT_BEHIND_MAX`] threads behind is not asked any more. See docs/decisions/0004-styles-that-hang.md.
//!
//! It knows no room and no log. Start with [`Stage::put`] and [`Stage::watch`].

use super::style::{Failure, Voice, told};
use crate::emotes::live::Set;
use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use transformer_api::Seed;

/// Lines that may wait for one style. They are admitted texts of at most 2,000 bytes and their drafts: 4,096 are 16 MiB
/// at the very worst, and a third of a second of the busiest room (13,889/s) at its usual size.
const WAITING_MAX: usize = 4_096;
/// A line that has taken so long is given up. Styles need some microseconds; this is what a room waits when one hangs,
/// and longer than a healthy thread is kept from a busy processor.
pub const HANG: Duration = Duration::from_millis(250);
/// Threads of one style that may be stuck at the same time. Each burns a processor at the lowest priority; whoever
/// knows a text on which a style hangs must not be able to make more of them.
pub const LEFT_BEHIND_MAX: u32 = 2;

/// What is done with the answer, on the style's thread, in the order of the lines.
type Then = Box<dyn FnOnce(Option<String>) + Send>;

struct Job {
    text: String,
    seed: Seed,
    emotes: Arc<Set>,
    then: Then,
}

/// A style's thread and its queue. Dropping it ends the thread after what waits.
pub struct Stage(Arc<Shared>);

struct Shared {
    voice: Voice,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// What the thread is at: since when, and what is to be done with the answer.
    current: Option<(Instant, Then)>,
    /// Counts the threads; one that finds another number than its own has been left behind.
    thread: u64,
    /// Threads that are stuck now.
    left_behind: u32,
    closing: bool,
    /// For the one that may get stuck: the system's number of the thread.
    system_id: Option<rustix::thread::Pid>,
}

/// Too much waits for the style already.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Stage {
    /// Starts the thread.
    pub fn new(voice: Voice) -> Self {
        let shared = Arc::new(Shared { voice, state: Mutex::default(), wake: Condvar::new() });
        shared.clone().start_thread(0);
        Self(shared)
    }

    /// Has the line said; `then` gets the answer, after those of all lines before it. Quick: it waits for nothing.
    ///
    /// # Errors
    /// [`Full`]; `then` is not called.
    pub fn put(
        &self,
        seed: Seed,
        text: String,
        emotes: Arc<Set>,
        then: impl FnOnce(Option<String>) + Send + 'static,
    ) -> Result<(), Full> {
        let mut state = self.0.state.lock();
        if state.waiting.len() >= WAITING_MAX {
            return Err(Full);
        }
        state.waiting.push_back(Job { text, seed, emotes, then: Box::new(then) });
        drop(state);
        self.0.wake.notify_one();
        Ok(())
    }

    /// Looks whether the style hangs; to be called several times in [`HANG`]. True if a thread was left behind.
    pub fn watch(&self, now: Instant) -> bool {
        let shared = &self.0;
        let mut state = shared.state.lock();
        let hangs = |(since, _): &mut (Instant, Then)| now.saturating_duration_since(*since) >= HANG;
        let Some((_, then)) = state.current.take_if(hangs) else { return false };
        state.thread += 1;
        state.left_behind += 1;
        let (next, stuck, system_id) = (state.thread, state.left_behind, state.system_id.take());
        drop(state);
        if let Some(id) = system_id {
            // What it does is of no use to anyone. If the system refuses, it only costs more.
            let _ = rustix::process::setpriority_process(Some(id), 19);
        }
        tracing::error!(
            style = shared.voice.name(),
            stuck,
            off = stuck >= LEFT_BEHIND_MAX,
            "a style hangs on a message, which is shown plain; its thread is left behind"
        );
        // Before there is another thread that could take the next line: the order holds.
        then(shared.told(Err(Failure::Hung)));
        shared.clone().start_thread(next);
        true
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.0.state.lock().closing = true;
        self.0.wake.notify_one();
    }
}

impl Shared {
    fn start_thread(self: Arc<Self>, number: u64) {
        let name = format!("style-{}", self.voice.name());
        let shared = self.clone();
        let started = thread::Builder::new().name(name).spawn(move || shared.work(number));
        if let Err(error) = started {
            // Rare (no memory for a thread), and still nobody may wait for ever.
            tracing::error!(style = self.voice.name(), %error, "no thread for a style; what waited is shown plain");
            let waiting = std::mem::take(&mut self.state.lock().waiting);
            waiting.into_iter().for_each(|job| (job.then)(self.told(Err(Failure::Hung))));
        }
    }

    fn told(&self, answer: Result<String, Failure>) -> Option<String> {
        told(self.voice.name(), answer)
    }

    fn work(&self, number: u64) {
        let mut state = self.state.lock();
        state.system_id = Some(rustix::thread::gettid());
        loop {
            let Some(Job { text, seed, emotes, then }) = state.waiting.pop_front() else {
                if state.closing {
                    return;
                }
                self.wake.wait(&mut state);
                continue;
            };
            if state.left_behind >= LEFT_BEHIND_MAX {
                drop(state);
                then(self.told(Err(Failure::Off)));
            } else {
                state.current = Some((Instant::now(), then));
                drop(state);
                let said = self.voice.say(seed, &text, emotes.names());
                state = self.state.lock();
                if state.thread != number {
                    // Not stuck, only very late: it does not count any more.
                    state.left_behind -= 1;
                    return;
                }
                let Some((_, then)) = state.current.take() else { continue };
                drop(state);
                then(self.told(said));
            }
            state = self.state.lock();
        }
    }
}

#[cfg(test)]
mod tests;
