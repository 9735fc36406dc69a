//! Wall-clock time as the protocol speaks it.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC. For display, expiry and buckets; never for order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// This much later, stopping at the end of time instead of wrapping.
    #[must_use]
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}
