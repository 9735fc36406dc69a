//! When rows go by themselves: the TTL of a row follows from the time in its record, so that a row that is written again
//! later goes at the same time.

use chat::time::Millis;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Cassandra in its default storage format can keep no expiry at or after 2038-01-19 03:14:07 UTC and refuses such a row.
/// What would live longer has no TTL. Seconds since the Unix epoch, with a minute for clocks that differ.
const LATEST: u64 = (1 << 31) - 1 - 60;

/// When a row goes, in whole seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expiry {
    At(u64),
    Never,
}

impl Expiry {
    /// So long after a time, rounded up.
    pub(super) fn after(time: Millis, keep: Option<Duration>) -> Self {
        let Some(keep) = keep else { return Self::Never };
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        match time.0.saturating_add(keep).div_ceil(1_000) {
            at if at < LATEST => Self::At(at),
            _ => Self::Never,
        }
    }

    /// This much later.
    pub(super) fn plus(self, seconds: u64) -> Self {
        match self {
            Self::At(at) if at.saturating_add(seconds) < LATEST => Self::At(at + seconds),
            _ => Self::Never,
        }
    }

    /// What a statement says behind `USING TTL`, where 0 is for ever; `None` once it is over.
    pub(super) fn ttl(self, now: Millis) -> Option<i32> {
        match self {
            Self::Never => Some(0),
            Self::At(at) => i32::try_from(at.checked_sub(now.0 / 1_000)?).ok().filter(|&ttl| ttl > 0),
        }
    }

    /// A timestamp that grows with the expiry: of two writes of a row the one that lives longer wins. Microseconds.
    pub(super) fn as_timestamp(self) -> i64 {
        match self {
            Self::At(at) => timestamp(Millis(at.saturating_mul(1_000))),
            Self::Never => timestamp(Millis(u64::MAX)),
        }
    }
}

/// The time of a record as the timestamp of its row, in microseconds. What lies after the year 9999 lies at its end.
pub(super) fn timestamp(time: Millis) -> i64 {
    const END: u64 = 253_402_300_799_000;
    time.0.min(END).cast_signed() * 1_000
}

/// The clock of this machine. It decides how many seconds a row still has, and nothing else.
pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_500);

    #[test]
    fn a_row_goes_at_a_time_that_does_not_depend_on_when_it_is_written() {
        let expiry = Expiry::after(Millis(1_800_000_000_001), Some(Duration::from_secs(60)));
        assert_eq!(expiry, Expiry::At(1_800_000_061), "rounded up");
        assert_eq!(expiry.ttl(NOW), Some(61));
        assert_eq!(expiry.ttl(NOW.plus(59_600)), Some(1));
        assert_eq!(expiry.ttl(NOW.plus(60_500)), None, "0 would be for ever");
        assert_eq!(expiry.ttl(NOW.plus(600_000)), None);
    }

    #[test]
    fn what_cassandra_cannot_keep_is_for_ever() {
        assert_eq!(Expiry::after(NOW, None), Expiry::Never);
        assert_eq!(Expiry::after(NOW, Some(Duration::MAX)), Expiry::Never);
        assert_eq!(Expiry::after(Millis(u64::MAX), Some(Duration::from_secs(1))), Expiry::Never);
        assert_eq!(Expiry::At(LATEST - 1).plus(1), Expiry::Never);
        assert_eq!(Expiry::Never.ttl(NOW), Some(0));
    }

    #[test]
    fn whoever_lives_longer_has_the_larger_timestamp() {
        let times =
            [Expiry::At(0), Expiry::At(1), Expiry::At(LATEST), Expiry::Never].map(Expiry::as_timestamp);
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
        assert!(timestamp(Millis(u64::MAX)) > 0);
    }
}
