//! Appends that wait for the next batch of their partition.
//!
//! A batch costs the brokers, and everybody who follows them, nearly as much with one record in it as with fifty. So the first
//! record after a pause goes at once, and what comes soon after a batch goes together: after as many milliseconds as that batch
//! had records, at most [`PAUSE_MAX`]. A partition with fewer than a thousand records a second hardly waits; one with more sends
//! a hundred batches a second, whatever comes. The client library's own `linger.ms` can do one of the two.
//!
//! It knows no broker and no answer, only what is handed on, when, and in which order. Start with [`Gathering::put`]; one thread
//! is in [`Gathering::serve`].

use parking_lot::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// Longest pause between two batches of a partition, and so the most that a record waits here.
pub(super) const PAUSE_MAX: Duration = Duration::from_millis(10);
/// For each record of the last batch.
const PAUSE_PER_RECORD: Duration = Duration::from_millis(1);

/// Where items go, in the order in which they came.
pub(super) trait Sink<T> {
    /// Takes one of this partition's.
    fn send(&self, partition: usize, item: T);
}

/// What waits, of all partitions.
pub(super) struct Gathering<T> {
    partitions: Vec<Mutex<Outbox<T>>>,
    /// When the thread has to look next; none: when it is told.
    next: Mutex<Next>,
    told: Condvar,
}

/// Never longer than what the bound of the producer lets in.
struct Outbox<T> {
    waiting: Vec<T>,
    /// Not before is the next batch sent.
    due: Option<Instant>,
}

#[derive(Default)]
struct Next {
    at: Option<Instant>,
    stopped: bool,
}

/// How long a partition pauses after a batch.
fn pause(records: usize) -> Duration {
    let records = u32::try_from(records).unwrap_or(u32::MAX);
    PAUSE_PER_RECORD.saturating_mul(records).min(PAUSE_MAX)
}

impl<T> Gathering<T> {
    pub(super) fn new(partitions: usize) -> Self {
        let outbox = || Mutex::new(Outbox { waiting: Vec::new(), due: None });
        Self {
            partitions: (0..partitions).map(|_| outbox()).collect(),
            next: Mutex::default(),
            told: Condvar::new(),
        }
    }

    /// Sends it now, or with the next batch. A partition that is not there is none of the callers'.
    pub(super) fn put(&self, partition: usize, item: T, now: Instant, sink: &impl Sink<T>) {
        let Some(outbox) = self.partitions.get(partition) else { return };
        let mut outbox = outbox.lock();
        match outbox.due.filter(|due| now < *due) {
            // The lock is held, so that those who come meanwhile come after it.
            None if outbox.waiting.is_empty() => {
                outbox.due = Some(now + pause(1));
                sink.send(partition, item);
            }
            due => {
                outbox.waiting.push(item);
                let first = outbox.waiting.len() == 1;
                drop(outbox);
                if first {
                    self.tell(due.unwrap_or(now));
                }
            }
        }
    }

    fn tell(&self, due: Instant) {
        let mut next = self.next.lock();
        if next.at.is_none_or(|at| due < at) {
            next.at = Some(due);
            self.told.notify_one();
        }
    }

    /// Sends what is due at this time; when is the next?
    fn send_due(&self, now: Instant, sink: &impl Sink<T>) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for (partition, outbox) in self.partitions.iter().enumerate() {
            let mut outbox = outbox.lock();
            if outbox.waiting.is_empty() {
                continue;
            }
            match outbox.due.filter(|due| now < *due) {
                Some(due) => next = Some(next.map_or(due, |next| next.min(due))),
                None => outbox.send(partition, now, sink),
            }
        }
        next
    }

    /// Sends everything that waits.
    pub(super) fn send_all(&self, now: Instant, sink: &impl Sink<T>) {
        for (partition, outbox) in self.partitions.iter().enumerate() {
            outbox.lock().send(partition, now, sink);
        }
    }

    /// Sends what becomes due, until [`Self::stop`].
    pub(super) fn serve(&self, sink: &impl Sink<T>) {
        loop {
            {
                let mut next = self.next.lock();
                loop {
                    if next.stopped {
                        return;
                    }
                    match next.at {
                        Some(at) if at <= Instant::now() => break,
                        Some(at) => drop(self.told.wait_until(&mut next, at)),
                        None => self.told.wait(&mut next),
                    }
                }
                next.at = None;
            }
            if let Some(due) = self.send_due(Instant::now(), sink) {
                self.tell(due);
            }
        }
    }

    /// Ends [`Self::serve`].
    pub(super) fn stop(&self) {
        self.next.lock().stopped = true;
        self.told.notify_all();
    }
}

impl<T> Outbox<T> {
    fn send(&mut self, partition: usize, now: Instant, sink: &impl Sink<T>) {
        if self.waiting.is_empty() {
            return;
        }
        self.due = Some(now + pause(self.waiting.len()));
        for item in self.waiting.drain(..) {
            sink.send(partition, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Sent(Mutex<Vec<(usize, u32)>>);

    impl Sink<u32> for Sent {
        fn send(&self, partition: usize, item: u32) {
            self.0.lock().push((partition, item));
        }
    }

    impl Sent {
        fn take(&self) -> Vec<(usize, u32)> {
            std::mem::take(&mut *self.0.lock())
        }
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_goes_at_once_and_what_comes_soon_after_goes_together_in_order() {
        let (gathering, sent, start) = (Gathering::new(2), Sent::default(), Instant::now());
        gathering.put(0, 1, start, &sent);
        assert_eq!(sent.take(), [(0, 1)]);
        for item in 2..=4 {
            gathering.put(0, item, start, &sent);
        }
        gathering.put(1, 9, start, &sent);
        assert_eq!(sent.take(), [(1, 9)], "the other partition had its pause long ago");
        // It is due, and whoever comes now comes after those that wait.
        gathering.put(0, 5, start + MS, &sent);
        assert_eq!(sent.take(), []);
        assert_eq!(gathering.send_due(start + MS, &sent), None);
        assert_eq!(sent.take(), [(0, 2), (0, 3), (0, 4), (0, 5)]);
        // Four went, so it is four milliseconds until the next.
        gathering.put(0, 6, start + MS * 4, &sent);
        assert_eq!(gathering.send_due(start + MS * 4, &sent), Some(start + MS * 5));
        assert_eq!(sent.take(), []);
        assert_eq!(gathering.send_due(start + MS * 5, &sent), None);
        assert_eq!(sent.take(), [(0, 6)]);
        gathering.put(0, 7, start + MS * 6, &sent);
        assert_eq!(sent.take(), [(0, 7)], "after its pause a lone one waits for nobody");
    }

    #[test]
    fn nothing_waits_longer_than_the_longest_pause_and_all_goes_when_asked() {
        let (gathering, sent, start) = (Gathering::new(1), Sent::default(), Instant::now());
        for item in 0..1_000 {
            gathering.put(0, item, start, &sent);
        }
        gathering.send_all(start, &sent);
        assert_eq!(sent.take(), (0..1_000).map(|item| (0, item)).collect::<Vec<_>>());
        gathering.put(0, 1_000, start, &sent);
        assert_eq!(gathering.send_due(start, &sent), Some(start + PAUSE_MAX));
        gathering.send_all(start, &sent);
        assert_eq!(sent.take(), [(0, 1_000)]);
    }

    #[test]
    fn the_thread_sends_what_is_due_and_ends_when_it_is_told() {
        let (gathering, sent) = (Gathering::new(1), Sent::default());
        std::thread::scope(|scope| {
            scope.spawn(|| gathering.serve(&sent));
            let now = Instant::now();
            for item in 0..100 {
                gathering.put(0, item, now, &sent);
            }
            while sent.0.lock().len() < 100 {
                std::thread::yield_now();
            }
            gathering.stop();
        });
        assert_eq!(sent.take(), (0..100).map(|item| (0, item)).collect::<Vec<_>>());
    }
}
