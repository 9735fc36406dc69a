//! A store that does not take messages, as a persister lives through it: one line when it begins, one now and then, and one
//! when it is over. It knows no store. Start with [`Trouble::failed`].

use std::time::Duration;
use tokio::time::Instant;

/// A trouble that goes on is told of no more often than this.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// From the first write that failed to the first that does not.
#[derive(Debug)]
pub(super) struct Trouble {
    /// When the first of them was begun.
    pub(super) since: Instant,
    /// Writes that failed.
    pub(super) failures: u64,
    /// It went back already; nothing was written since.
    pub(super) went_back: bool,
    told: Option<Instant>,
}

impl Trouble {
    /// Began with a write at this time.
    pub(super) fn new(since: Instant) -> Self {
        Self { since, failures: 0, went_back: false, told: None }
    }

    /// One more failed. Is that to be told of?
    pub(super) fn failed(&mut self) -> bool {
        self.failures += 1;
        let due = self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if due {
            self.told = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_told_when_it_begins_and_then_now_and_then() {
        let mut trouble = Trouble::new(Instant::now());
        let mut told = Vec::new();
        for _ in 0..200 {
            if trouble.failed() {
                told.push(trouble.failures);
            }
            tokio::time::advance(Duration::from_millis(500)).await;
        }
        assert_eq!(told, [1, 61, 121, 181]);
    }
}
