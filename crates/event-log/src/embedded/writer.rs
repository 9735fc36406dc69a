//! The one thread that writes: it takes what waits, makes it durable with one commit, and only then answers.
//!
//! While a group is committed the next one gathers in the queue, so the size of a group follows the load by itself. It
//! knows no caller: answers go through channels. Start with [`Writer::run`].
//!
//! ```text
//!              commit ok                      no space                 any other error
//!  Open ───────────────────▶ Open    Open ───────────────▶ Full   Open ─────────────────▶ Failed (for good)
//!                                    Full ── space again ─▶ Open
//! ```

use super::{
    Condition, Queue, Shared, Waiting,
    files::{Verdict, probe_space},
    open::{FILE_NAME, open_file},
    store::Stored,
    witness::Witness,
};
use crate::{AppendError, Offset};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

/// Most records in one commit. At 0.4 kB a commit of 4,096 takes about 30 ms on two busy cores; larger groups would gain
/// little (see docs/performance.md) and make the first of a group wait longer.
const GROUP_RECORDS_MAX: usize = 4096;
/// Most bytes in one commit; at least one record always fits.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Records that one step of trimming deletes, between two groups: about as much work as a group.
const TRIM_STEP_RECORDS: u64 = 4096;
/// What the disk must be able to take before appends are accepted again: one group.
const SPACE_PROBE_BYTES: usize = GROUP_BYTES_MAX;
/// Every how many failed probes the log is tried all the same: trimmed pages inside its file may do without new space.
/// A failed try costs one opening, so with the wait of [`Writer::probe_wait`] at most 1/30 of the time goes there.
const PROBES_PER_TRY: u32 = 30;

pub(super) struct Writer {
    shared: Arc<Shared>,
    witness: Witness,
    /// Kept open, and so locked, until the store is let go.
    lock: File,
    /// Newest durable offset per partition, as the log has it.
    last: Vec<u64>,
    /// Failed probes since the disk was full.
    probes: u32,
    reopen_took: Duration,
}

/// What to do next.
enum Work {
    Group(Vec<Waiting>),
    Trim,
    Probe,
    Stop,
}

/// Why the file could not be opened again.
struct NotOpened {
    detail: String,
    no_space: bool,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, witness: Witness, lock: File, last: Vec<u64>) -> Self {
        Self { shared, witness, lock, last, probes: 0, reopen_took: Duration::ZERO }
    }

    /// The thread: until the log is closed.
    pub(super) fn run(mut self) {
        // Whatever happens here, nobody may wait for an answer that never comes.
        if catch_unwind(AssertUnwindSafe(|| self.work())).is_err() {
            self.fail("the writer panicked", Vec::new());
        }
        self.stop();
    }

    fn work(&mut self) {
        loop {
            match self.next() {
                Work::Group(group) => {
                    self.write(group);
                    // Trimming takes its turn even when there is always a group waiting.
                    self.trim_step();
                }
                Work::Trim => self.trim_step(),
                Work::Probe => self.probe(),
                Work::Stop => return,
            }
        }
    }

    fn next(&self) -> Work {
        let mut queue = self.shared.queue.lock();
        loop {
            if queue.abandoned {
                return Work::Stop;
            }
            match &queue.condition {
                Condition::Open if !queue.waiting.is_empty() && queue.holds == 0 => {
                    return Work::Group(take_group(&mut queue));
                }
                Condition::Open if queue.closing && queue.waiting.is_empty() => return Work::Stop,
                Condition::Open if self.shared.trim_wanted(&queue).is_some() => return Work::Trim,
                Condition::Open => self.shared.wake.wait(&mut queue),
                Condition::Full(_) | Condition::Failed(_) if queue.closing => return Work::Stop,
                Condition::Full(_) => {
                    let until = Instant::now() + self.probe_wait();
                    if self.shared.wake.wait_until(&mut queue, until).timed_out() {
                        return Work::Probe;
                    }
                }
                Condition::Failed(_) => self.shared.wake.wait(&mut queue),
            }
        }
    }

    fn write(&mut self, group: Vec<Waiting>) {
        #[cfg(feature = "broken")]
        let group = self.answer_too_early(group);
        let mut batch: BTreeMap<u32, (u64, Vec<&Bytes>)> = BTreeMap::new();
        for waiting in &group {
            let next = || (self.last[waiting.partition as usize] + 1, Vec::new());
            batch.entry(waiting.partition).or_insert_with(next).1.push(&waiting.payload);
        }
        let result = self.shared.with_store(|store| (store.commit(&batch), store.verdict()));
        match result {
            Ok((Ok(()), _)) => self.publish(group),
            Ok((Err(detail), Verdict::Failed)) => self.fail(&detail, group),
            Ok((Err(detail), verdict)) => self.no_space(&detail, verdict, group),
            Err(detail) => self.fail(&detail, group),
        }
    }

    /// Answers, then waits long enough for a kill, and goes on with nobody left to be answered.
    #[cfg(feature = "broken")]
    fn answer_too_early(&self, mut group: Vec<Waiting>) -> Vec<Waiting> {
        if crate::broken::Fault::AckBeforeAppend.is_on() {
            let mut last = self.last.clone();
            for waiting in &mut group {
                let last = &mut last[waiting.partition as usize];
                *last += 1;
                let (nobody, _) = tokio::sync::oneshot::channel();
                let _ = std::mem::replace(&mut waiting.answer, nobody).send(Ok(Offset(*last)));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        group
    }

    /// The group is durable: now it may be seen, and after that answered.
    fn publish(&mut self, group: Vec<Waiting>) {
        let mut answers = Vec::with_capacity(group.len());
        let mut fresh: BTreeMap<u32, Vec<Bytes>> = BTreeMap::new();
        for waiting in group {
            let last = &mut self.last[waiting.partition as usize];
            *last += 1;
            answers.push((waiting.answer, Offset(*last)));
            fresh.entry(waiting.partition).or_default().push(waiting.payload);
        }
        self.witness.note(&self.last);
        for (partition, payloads) in fresh {
            self.shared.partitions[partition as usize].push(payloads, self.shared.options.tail_bytes_max);
        }
        for (answer, offset) in answers {
            // Nobody waits any more: the record is in the log all the same.
            let _ = answer.send(Ok(offset));
        }
    }

    /// The log closes for good: nothing more is taken, everything under way is told that nobody knows.
    fn fail(&self, detail: &str, group: Vec<Waiting>) {
        tracing::error!(path = %self.shared.folder.display(), detail, "the log failed and takes no more records");
        let waiting = {
            let mut queue = self.shared.queue.lock();
            queue.condition = Condition::Failed(detail.to_owned());
            queue.take_all()
        };
        answer_all(group.into_iter().chain(waiting), &AppendError::Unknown(detail.to_owned()));
        self.shared.wake_waiters();
    }

    /// A commit met a full disk. redb must be opened again after any error; that also shows how far the log really goes.
    fn no_space(&mut self, detail: &str, verdict: Verdict, group: Vec<Waiting>) {
        tracing::warn!(path = %self.shared.folder.display(), detail, "no space left for the log: refusing records");
        self.shared.queue.lock().condition = Condition::Full(detail.to_owned());
        let answer = match self.reopen() {
            Ok(stored) if stored.iter().map(|s| s.last).eq(self.last.iter().copied()) => {
                AppendError::StorageFull
            }
            Ok(stored) if self.grew_by(&group, &stored) => {
                // The commit had come far enough after all, and opening made it durable.
                self.publish(group);
                let rest = self.shared.queue.lock().take_all();
                answer_all(rest, &AppendError::StorageFull);
                return;
            }
            Ok(_) => return self.fail("the log is not as it was before the disk was full", group),
            Err(NotOpened { no_space: true, .. }) if verdict == Verdict::NoSpaceNotCommitted => {
                AppendError::StorageFull
            }
            Err(NotOpened { no_space: true, detail }) => AppendError::Unknown(detail),
            Err(NotOpened { no_space: false, detail }) => return self.fail(&detail, group),
        };
        answer_all(group, &answer);
        // Those that still waited were never tried.
        let rest = self.shared.queue.lock().take_all();
        answer_all(rest, &AppendError::StorageFull);
    }

    fn grew_by(&self, group: &[Waiting], stored: &[Stored]) -> bool {
        let mut expected = self.last.clone();
        for waiting in group {
            expected[waiting.partition as usize] += 1;
        }
        stored.iter().map(|s| s.last).eq(expected)
    }

    /// Lets go of the file and opens it again. Until that works, only what is in memory can be read.
    fn reopen(&mut self) -> Result<Vec<Stored>, NotOpened> {
        let start = Instant::now();
        let result = self.drop_and_open();
        self.reopen_took = start.elapsed();
        result
    }

    fn drop_and_open(&self) -> Result<Vec<Stored>, NotOpened> {
        let mut slot = self.shared.store.write();
        let old = slot.take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(old)));
        if dropped.is_err() {
            let detail = "the database library panicked while closing".to_owned();
            return Err(NotOpened { detail, no_space: false });
        }
        let path = self.shared.folder.join(FILE_NAME);
        match open_file(&path, self.shared.options.partitions, &self.shared.watch) {
            Ok((store, stored)) => {
                *slot = Some(store);
                Ok(stored)
            }
            Err(error) => Err(NotOpened { no_space: error.is_no_space(), detail: error.to_string() }),
        }
    }

    /// A large log takes long to open (every page is checked), so it is not opened all the time.
    fn probe_wait(&self) -> Duration {
        self.shared.options.space_probe_every.max(self.reopen_took)
    }

    /// Is there space again?
    fn probe(&mut self) {
        let space = probe_space(&self.shared.folder, SPACE_PROBE_BYTES, &self.shared.watch).is_ok();
        self.probes += 1;
        if !space && !self.probes.is_multiple_of(PROBES_PER_TRY) {
            return;
        }
        if self.shared.store.read().is_none() {
            match self.reopen() {
                Ok(stored) if !self.adopt(&stored) => {
                    return self.fail("the log is shorter than it was before the disk was full", Vec::new());
                }
                Ok(_) => {}
                Err(NotOpened { no_space: true, .. }) => return,
                Err(NotOpened { detail, .. }) => return self.fail(&detail, Vec::new()),
            }
        }
        // An empty commit writes pages and syncs like any other.
        let tried = self.shared.with_store(|s| (s.commit(&BTreeMap::new()), s.verdict()));
        match tried {
            Ok((Ok(()), _)) => {
                self.probes = 0;
                tracing::info!(path = %self.shared.folder.display(), "there is space again: taking records");
                self.shared.queue.lock().condition = Condition::Open;
            }
            Ok((Err(detail), Verdict::Failed)) | Err(detail) => self.fail(&detail, Vec::new()),
            Ok((Err(detail), verdict)) => self.no_space(&detail, verdict, Vec::new()),
        }
    }

    /// Takes over what opening found: records whose callers were told `Unknown` may be there.
    fn adopt(&mut self, stored: &[Stored]) -> bool {
        if stored.iter().zip(&self.last).any(|(stored, last)| stored.last < *last) {
            return false;
        }
        for ((partition, stored), last) in self.shared.partitions.iter().zip(stored).zip(&mut self.last) {
            if stored.last > *last {
                *last = stored.last;
                partition.jump(stored.last);
            }
        }
        self.witness.note(&self.last);
        true
    }

    fn trim_step(&mut self) {
        let Some((partition, up_to)) = ({
            let queue = self.shared.queue.lock();
            self.shared.trim_wanted(&queue)
        }) else {
            return;
        };
        let state = &self.shared.partitions[partition as usize];
        let first = state.progress.borrow().trimmed + 1;
        let new_first = (up_to + 1).min(first + TRIM_STEP_RECORDS);
        // Readers are told before the records go, so that none of them takes the gap for damage.
        state.raise_first(new_first);
        let result = self.shared.with_store(|s| (s.trim(partition, first, new_first), s.verdict()));
        match result {
            Ok((Ok(()), _)) => state.progress.send_modify(|p| p.trimmed = new_first - 1),
            Ok((Err(detail), Verdict::Failed)) | Err(detail) => self.fail(&detail, Vec::new()),
            Ok((Err(detail), verdict)) => self.no_space(&detail, verdict, Vec::new()),
        }
    }

    fn stop(self) {
        let left = {
            let mut queue = self.shared.queue.lock();
            queue.closing = true;
            queue.take_all()
        };
        answer_all(left, &AppendError::Unavailable("the log was closed before it was written".to_owned()));
        let store = self.shared.store.write().take();
        if catch_unwind(AssertUnwindSafe(|| drop(store))).is_err() {
            tracing::error!(path = %self.shared.folder.display(), "the database library panicked while closing");
        }
        self.witness.sync();
        drop(self.lock);
        self.shared.released.send_replace(true);
        self.shared.wake_waiters();
    }
}

fn take_group(queue: &mut Queue) -> Vec<Waiting> {
    let mut bytes = 0;
    let records = queue
        .waiting
        .iter()
        .take(GROUP_RECORDS_MAX)
        .take_while(|waiting| {
            bytes += waiting.payload.len();
            bytes <= GROUP_BYTES_MAX
        })
        .count()
        .max(1);
    let group: Vec<_> = queue.waiting.drain(..records).collect();
    queue.waiting_bytes -= group.iter().map(Waiting::bytes).sum::<usize>();
    group
}

fn answer_all(waiting: impl IntoIterator<Item = Waiting>, error: &AppendError) {
    for waiting in waiting {
        let _ = waiting.answer.send(Err(error.clone()));
    }
}
