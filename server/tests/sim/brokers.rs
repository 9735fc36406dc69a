//! Simulated brokers: a durable log that several processes share, and a group among whose members its partitions are
//! shared out. A process's own view of them is `shared_log`.

use crate::{dice::Dice, life::Life, world::Trace};
use bytes::Bytes;
use event_log::{BoxFuture, Membership, Offset, Partition, ReadError};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};
use tokio::{sync::Notify, time::Instant};

/// What is wrong with the brokers, or with one process's way to them; set from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Out of reach.
    pub away: bool,
    /// Records arrive, and none come back: a partition in one direction.
    pub deaf: bool,
    /// Commits take up to this long.
    pub commit_ms: u64,
    /// Of a hundred delivery reports, so many are lost.
    pub reports_lost: u64,
    /// Of a hundred reads, so many fail.
    pub reads_fail: u64,
}

/// One partition: what is durable, and since when.
#[derive(Default)]
struct Topic {
    trimmed: u64,
    /// Payloads, with the simulated time at which each became durable.
    records: Vec<(Bytes, Instant)>,
}

/// The brokers outlive every process.
pub struct Brokers {
    topics: Mutex<Vec<Topic>>,
    /// A partition has grown, or the group has changed.
    pub changed: Notify,
    group: Mutex<Group>,
    pub trouble: Mutex<Trouble>,
    /// The highest offset that the group was ever said to be done with, by partition.
    committed: Mutex<BTreeMap<u32, u64>>,
    trace: Trace,
}

#[derive(Default)]
struct Group {
    members: Vec<u64>,
    next: u64,
    /// Turns the assignment round.
    turn: usize,
}

impl Brokers {
    /// With so many empty partitions.
    pub fn new(partitions: u32, trace: Trace) -> Self {
        Self {
            topics: Mutex::new((0..partitions).map(|_| Topic::default()).collect()),
            changed: Notify::new(),
            group: Mutex::default(),
            trouble: Mutex::default(),
            committed: Mutex::default(),
            trace,
        }
    }

    pub fn partitions(&self) -> u32 {
        u32::try_from(self.topics.lock().len()).expect("made from a u32")
    }

    /// Records of all partitions, ever.
    pub fn records(&self) -> u64 {
        (0..self.partitions()).map(|p| self.last(Partition(p))).sum()
    }

    pub fn last(&self, partition: Partition) -> u64 {
        let topics = self.topics.lock();
        let topic = &topics[partition.0 as usize];
        topic.records.len() as u64
    }

    pub fn first(&self, partition: Partition) -> u64 {
        self.topics.lock()[partition.0 as usize].trimmed + 1
    }

    /// Makes records durable; the offset of the last.
    pub fn append(&self, partition: Partition, payloads: impl IntoIterator<Item = Bytes>) -> u64 {
        let now = Instant::now();
        {
            let topic = &mut self.topics.lock()[partition.0 as usize];
            topic.records.extend(payloads.into_iter().map(|payload| (payload, now)));
        }
        self.changed.notify_waiters();
        self.last(partition)
    }

    /// Records after one place up to another.
    pub fn page(&self, partition: Partition, after: u64, last: u64) -> Result<Vec<Bytes>, ReadError> {
        let topics = self.topics.lock();
        let topic = &topics[partition.0 as usize];
        if after < topic.trimmed {
            return Err(ReadError::Trimmed { asked: Offset(after + 1), first: Offset(topic.trimmed + 1) });
        }
        let place =
            |offset: u64| usize::try_from(offset).expect("a place in memory").min(topic.records.len());
        let (from, to) = (place(after), place(last));
        Ok(topic
            .records
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .map(|(payload, _)| payload.clone())
            .collect())
    }

    /// When the first record after this one became durable; now if there is none.
    pub fn complete_until(&self, partition: Partition, after: u64) -> Instant {
        let topics = self.topics.lock();
        let next = usize::try_from(after).expect("a place in memory");
        topics[partition.0 as usize].records.get(next).map_or_else(Instant::now, |(_, at)| *at)
    }

    /// Retention.
    pub fn trim(&self, partition: Partition, up_to: u64) {
        let topic = &mut self.topics.lock()[partition.0 as usize];
        topic.trimmed = topic.trimmed.max(up_to.min(topic.records.len() as u64));
        self.trace.note(|| format!("brokers: {} trimmed to {}", partition.0, topic.trimmed));
    }

    /// What the group was said to be done with.
    pub fn committed(&self) -> BTreeMap<u32, u64> {
        self.committed.lock().clone()
    }

    /// Shares the partitions out in another way.
    pub fn rebalance(&self) {
        self.group.lock().turn += 1;
        self.changed.notify_waiters();
    }

    pub fn join(self: &Arc<Self>, life: Arc<Life>, dice: Dice) -> Box<dyn Membership> {
        let number = {
            let mut group = self.group.lock();
            group.next += 1;
            let number = group.next;
            group.members.push(number);
            number
        };
        self.trace.note(|| format!("group: member {number} joins"));
        self.changed.notify_waiters();
        Box::new(Member { number, brokers: self.clone(), life, dice, told: None })
    }

    fn share_of(&self, member: u64) -> Vec<Partition> {
        let group = self.group.lock();
        let Some(place) = group.members.iter().position(|m| *m == member) else { return Vec::new() };
        let count = group.members.len();
        (0..self.partitions())
            .filter(|p| (*p as usize + group.turn) % count == place)
            .map(Partition)
            .collect()
    }

    fn leave(&self, member: u64) {
        self.group.lock().members.retain(|m| *m != member);
        self.trace.note(|| format!("group: member {member} is gone"));
        self.changed.notify_waiters();
    }
}

struct Member {
    number: u64,
    brokers: Arc<Brokers>,
    life: Arc<Life>,
    dice: Dice,
    told: Option<Vec<Partition>>,
}

impl Membership for Member {
    fn changed(&mut self) -> BoxFuture<'_, Result<Vec<Partition>, ReadError>> {
        Box::pin(async move {
            loop {
                let brokers = self.brokers.clone();
                let changed = brokers.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if self.told.as_ref() != Some(&brokers.share_of(self.number)) {
                    // The others hear of it sooner or later than this one: for a while two hold the same.
                    tokio::time::sleep(self.dice.latency(100, 3_000)).await;
                    let share = brokers.share_of(self.number);
                    if self.told.as_ref() != Some(&share) {
                        brokers.trace.note(|| format!("group: member {} has {share:?}", self.number));
                        self.told = Some(share.clone());
                        return Ok(share);
                    }
                    continue;
                }
                changed.await;
            }
        })
    }

    fn commit(&self, partition: Partition, offset: Offset) {
        if self.life.step() {
            let mut committed = self.brokers.committed.lock();
            let committed = committed.entry(partition.0).or_default();
            *committed = (*committed).max(offset.0);
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let (number, brokers) = (self.number, self.brokers.clone());
        if self.life.alive() {
            return brokers.leave(number);
        }
        // A crash is found out after the session's time.
        let wait = self.dice.millis(100..=5_000);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(wait).await;
                brokers.leave(number);
            });
        }
    }
}
