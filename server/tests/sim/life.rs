//! One life of the process: it ends at an exact step. A step is anything that has an effect outside the process's
//! memory or comes in from there: a call of the log or the store, a frame in or out.
//!
//! From that step on nothing gets out of it any more, whatever its tasks still do before they are dropped.

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Is the process alive?
#[derive(Debug)]
pub struct Life {
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug)]
struct State {
    alive: bool,
    steps: u64,
    dies_at: Option<u64>,
}

impl Life {
    /// A life that ends at this step, or when it is killed.
    pub fn new(dies_at: Option<u64>) -> Self {
        Self { state: Mutex::new(State { alive: true, steps: 0, dies_at }), ended: Notify::new() }
    }

    /// Takes a step; `false` if the process is dead and must have no effect.
    pub fn step(&self) -> bool {
        let mut state = self.state.lock();
        state.steps += 1;
        if state.alive && state.dies_at.is_some_and(|at| state.steps >= at) {
            state.alive = false;
            self.ended.notify_one();
        }
        state.alive
    }

    /// A step of something that waits: never comes back to the dead.
    pub async fn live(&self) {
        if !self.step() {
            std::future::pending::<()>().await;
        }
    }

    /// `kill -9`.
    pub fn kill(&self) {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.alive, false) {
            self.ended.notify_one();
        }
    }

    /// No more faults: it dies of nothing any more.
    pub fn spare(&self) {
        self.state.lock().dies_at = None;
    }

    /// Is it?
    pub fn alive(&self) -> bool {
        self.state.lock().alive
    }

    /// Resolves when it is dead. For one waiter.
    pub async fn ended(&self) {
        while self.alive() {
            self.ended.notified().await;
        }
    }
}
