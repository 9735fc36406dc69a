//! How long to wait after a failure: full jitter, so that those who lost a server together do not come back together.

use rand::{RngExt, rngs::StdRng};
use std::time::Duration;
use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(20);
const MAX: Duration = Duration::from_secs(1);

pub(super) struct Pauses {
    choices: StdRng,
    failures: u32,
    failing_since: Option<Instant>,
}

impl Pauses {
    pub(super) fn new(choices: StdRng) -> Self {
        Self { choices, failures: 0, failing_since: None }
    }

    pub(super) fn success(&mut self) {
        self.failures = 0;
        self.failing_since = None;
    }

    /// Did nothing work for so long?
    pub(super) fn gave_up(&self, after: Duration) -> bool {
        self.failing_since.is_some_and(|since| since.elapsed() >= after)
    }

    /// Waits a chance share of a bound that doubles with each failure, and not less than the server asked for.
    pub(super) async fn after_failure(&mut self, asked: Option<Duration>) {
        let bound = FIRST.saturating_mul(1 << self.failures.min(16)).min(MAX);
        self.failures += 1;
        self.failing_since.get_or_insert_with(Instant::now);
        let wait = bound.mul_f64(self.choices.random::<f64>());
        tokio::time::sleep(wait.max(asked.unwrap_or_default().min(MAX))).await;
    }
}
