//! What the processes that serve the same rooms tell each other, over a small log of its own beside that of messages.
//!
//! ```text
//!  partition PASSING   viewers, "I stop", "look there"    every 2 s; nobody reads it back
//!  partition LASTING   sessions that ended                 read back as long as an access token lives
//! ```
//! Nothing of it is the truth: that is in the log of messages and in the store. Without it a node counts only its own
//! viewers, and an ended session's open sockets elsewhere live until their access token runs out. So trouble here is
//! logged once, counted, and never stops anything; when the log is there again, the words flow again.
//!
//! It names no engine and knows no socket. Start with [`Nodes::new`] and [`Nodes::run`]; [`words`] is the form of
//! the records, `presence` the counting.

mod presence;
#[cfg(test)]
mod tests;
pub mod words;

use crate::{
    auth::revocations::{self, End, Revocations},
    news::{News, Topic},
    rooms::{directory::Feeds, feed::Feed},
    world::World,
};
use chat::time::Millis;
use event_log::{Append, AppendError, BoxFuture, EventLog, Offset, Partition, ReadError};
use parking_lot::Mutex;
use presence::{Elsewhere, Telling};
use protocol::ids::RoomId;
use std::{
    collections::VecDeque,
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use words::{NodeId, ROOMS_MAX, Record, SESSIONS_MAX, Unread, Word};

/// For words that matter for seconds.
pub const PASSING: Partition = Partition(0);
/// For words that a node has to know that was not there when they were said.
pub const LASTING: Partition = Partition(1);
/// How many partitions the nodes' log has.
pub const PARTITIONS: u32 = 2;

/// How often a node looks at its counts, and adds up those of the others.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two tries while the log does not do as asked.
const RETRY: Duration = Duration::from_secs(1);
/// How long reading back may hold up a start.
const CATCH_UP_MAX: Duration = Duration::from_secs(5);
/// How long "I stop" may hold up a stop.
const LEAVE_MAX: Duration = Duration::from_secs(1);
/// Records of one read, and about their bytes: a second of 100 nodes that tell 1,000 rooms each.
const READ_RECORDS_MAX: usize = 256;
const READ_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Opens the nodes' log once more, after it was closed under us.
pub type Reopen = Box<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn EventLog>, String>> + Send + Sync>;

/// The feeds of all rooms that there are now.
pub type FeedsNow = Box<dyn Fn() -> Feeds + Send + Sync>;

/// The log, and how to get it back.
pub struct NodesLog {
    /// Of [`PARTITIONS`] partitions, and shared.
    pub log: Arc<dyn EventLog>,
    /// See [`Reopen`].
    pub reopen: Reopen,
}

/// This node among the others.
pub struct Nodes {
    id: NodeId,
    log: Mutex<Arc<dyn EventLog>>,
    reopen: Reopen,
    feeds: FeedsNow,
    revocations: Arc<Revocations>,
    news: Arc<News>,
    world: Arc<dyn World>,
    /// Never held over an await. Whoever appends to `PASSING` holds it, so that nothing comes behind "I stop".
    telling: Mutex<Speaker>,
    elsewhere: Mutex<Elsewhere>,
    outbox: tokio::sync::Mutex<Outbox>,
    places: Mutex<Places>,
    /// Was trouble told and not yet its end?
    in_trouble: AtomicBool,
    /// Was it told that there are records nobody can read?
    garbage_told: AtomicBool,
}

#[derive(Default)]
struct Speaker {
    telling: Telling,
    left: bool,
}

/// Ends made here that the others do not know yet.
struct Outbox {
    own: broadcast::Receiver<End>,
    /// Cut to size. At most one word of `own`, or as many as fit into one record.
    waiting: VecDeque<End>,
}

/// How far both partitions were read.
#[derive(Clone, Copy, Default)]
struct Places {
    passing: Offset,
    lasting: Offset,
}

impl Nodes {
    /// A node that has heard and said nothing yet. Ends made from now on will be told.
    pub fn new(
        id: NodeId,
        log: NodesLog,
        feeds: FeedsNow,
        revocations: Arc<Revocations>,
        news: Arc<News>,
        world: Arc<dyn World>,
    ) -> Arc<Self> {
        metrics::gauge!("twitchy_node_info", "node" => id.to_string()).set(1.0);
        metrics::gauge!("twitchy_nodes_log_reachable").set(1.0);
        Arc::new(Self {
            id,
            log: Mutex::new(log.log),
            reopen: log.reopen,
            feeds,
            telling: Mutex::default(),
            elsewhere: Mutex::default(),
            outbox: tokio::sync::Mutex::new(Outbox {
                own: revocations.subscribe_own(),
                waiting: VecDeque::new(),
            }),
            revocations,
            news,
            world,
            places: Mutex::default(),
            in_trouble: AtomicBool::new(false),
            garbage_told: AtomicBool::new(false),
        })
    }

    /// Who this is.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Reads back which sessions ended while this node was not there. Called before anyone is served; if it takes too
    /// long the rest is read while serving.
    pub async fn catch_up(&self) {
        let log = self.log();
        match timeout(CATCH_UP_MAX, self.read_back(log.as_ref())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.trouble(&error),
            Err(_) => self.trouble(&"reading it back takes long"),
        }
    }

    async fn read_back(&self, log: &dyn EventLog) -> Result<(), ReadError> {
        let last = log.bounds(PASSING)?.last;
        let lasting = log.bounds(LASTING)?;
        // Each record holds one session at least, and more than this nobody remembers.
        let newest = lasting.last.0.saturating_sub(revocations::ENDED_MAX as u64);
        let mut at = Offset(lasting.first.0.saturating_sub(1).max(newest));
        *self.places.lock() = Places { passing: last, lasting: at };
        while at < lasting.last {
            let records = log.read(LASTING, at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
            let Some(last) = records.last() else { break };
            at = last.offset;
            for record in &records {
                self.hear(&record.payload, When::Earlier);
            }
            self.places.lock().lasting = at;
        }
        Ok(())
    }

    /// Tells and listens until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let talk = async {
            loop {
                let log = self.log();
                let broke = tokio::select! {
                    why = self.listen(log.as_ref(), PASSING) => why,
                    why = self.listen(log.as_ref(), LASTING) => why,
                    () = self.tell_viewers(log.as_ref()) => return,
                    () = self.tell_ends(log.as_ref()) => return,
                    () = self.tell_news(log.as_ref()) => return,
                };
                self.trouble(&broke);
                self.open_again().await;
            }
        };
        tokio::join!(talk, self.add_up());
    }

    /// Says that this node stops. Nothing is said of viewers after it.
    pub async fn leave(&self) {
        let log = self.log();
        let append = {
            let mut speaker = self.telling.lock();
            if std::mem::replace(&mut speaker.left, true) {
                return;
            }
            self.append(log.as_ref(), PASSING, Word::Left)
        };
        if let Ok(append) = append {
            // Without it the others wait until they have heard nothing for long enough.
            let _ = timeout(LEAVE_MAX, append).await;
        }
    }

    /// Tells what still waits, as long as a stop may wait for it, and lets go of the log.
    pub async fn close(&self) {
        let log = self.log();
        let _ = timeout(LEAVE_MAX, async {
            let mut outbox = self.outbox.lock().await;
            while outbox.fill_now() {
                if self.tell_waiting(log.as_ref(), &mut outbox).await.is_err() {
                    return;
                }
            }
        })
        .await;
        log.close().await;
    }

    fn log(&self) -> Arc<dyn EventLog> {
        self.log.lock().clone()
    }

    /// The log was closed for good, which engines do when they can no longer tell what they wrote.
    async fn open_again(&self) {
        loop {
            sleep(RETRY).await;
            match (self.reopen)().await {
                Ok(log) => {
                    *self.log.lock() = log;
                    self.catch_up().await;
                    return;
                }
                Err(error) => self.trouble(&error),
            }
        }
    }

    /// Follows one partition; ends with the reason when the log is closed.
    async fn listen(&self, log: &dyn EventLog, partition: Partition) -> String {
        let mut at = self.place(partition);
        loop {
            if let Err(error) = log.wait_past(partition, at).await {
                return error.to_string();
            }
            match log.read(partition, at, READ_RECORDS_MAX, READ_BYTES_MAX).await {
                Ok(records) if !records.is_empty() => {
                    for record in records {
                        self.hear(&record.payload, When::Now);
                        at = record.offset;
                    }
                }
                Ok(_) => sleep(RETRY).await,
                Err(ReadError::Trimmed { first, .. }) => at = Offset(first.0.saturating_sub(1)),
                Err(error) => {
                    self.trouble(&error);
                    sleep(RETRY).await;
                }
            }
        }
    }

    fn place(&self, partition: Partition) -> Offset {
        let places = *self.places.lock();
        if partition == LASTING { places.lasting } else { places.passing }
    }

    fn hear(&self, payload: &[u8], when: When) {
        let Record { node, at, word } = match Record::decode(payload) {
            Ok(record) => record,
            Err(why) => return self.set_aside(why),
        };
        if node == self.id {
            return;
        }
        match (word, when) {
            (Word::Viewers(rooms), When::Now) => {
                let feeds = (self.feeds)();
                let rooms = rooms.into_iter().filter(|(room, _)| feeds.contains_key(room));
                Self::count_heard(self.elsewhere.lock().hear(node, rooms, Instant::now()));
            }
            (Word::Paces(rooms), When::Now) => {
                let feeds = (self.feeds)();
                let rooms = rooms.into_iter().filter(|(room, _)| feeds.contains_key(room));
                Self::count_heard(self.elsewhere.lock().hear_paces(node, rooms, Instant::now()));
            }
            (Word::Left, When::Now) => self.elsewhere.lock().left(node),
            // Whoever said it says something newer within seconds.
            (Word::Viewers(_) | Word::Paces(_) | Word::Left | Word::Look(_), When::Earlier) => {}
            (Word::Look(topic), When::Now) => self.news.hear(topic),
            (Word::Ended(ends), when) => {
                let now = self.world.now();
                // A word that comes now is of now, whatever its node's clock says.
                let at = if when == When::Now { now } else { at };
                for end in ends {
                    self.revocations.end_elsewhere(&end, at, now);
                }
            }
        }
    }

    fn count_heard(heard: bool) {
        if !heard {
            metrics::counter!("twitchy_nodes_set_aside_total", "why" => "too_many_nodes").increment(1);
        }
    }

    fn set_aside(&self, why: Unread) {
        let label = match why {
            Unread::Newer => "newer",
            Unread::Garbage => "garbage",
        };
        metrics::counter!("twitchy_nodes_set_aside_total", "why" => label).increment(1);
        if why == Unread::Garbage && !self.garbage_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "there are records in the nodes' log that are none; they are set aside and counted"
            );
        }
    }

    /// Once a second: what the others said becomes part of the rooms' counts.
    async fn add_up(&self) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let (sums, paces, nodes) = {
                let (mut elsewhere, now) = (self.elsewhere.lock(), Instant::now());
                (elsewhere.sums(now), elsewhere.paces(now), elsewhere.nodes())
            };
            for (room, feed) in (self.feeds)().iter() {
                feed.set_viewers_elsewhere(sums.get(room).copied().unwrap_or(0));
                feed.set_pace_elsewhere(paces.get(room).copied().unwrap_or(0));
            }
            #[allow(clippy::cast_precision_loss)] // about a thousand at most
            metrics::gauge!("twitchy_nodes_heard").set(nodes as f64);
        }
    }

    /// Once a second: says how many read which room, if it is time or much has changed.
    async fn tell_viewers(&self, log: &dyn EventLog) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let appends = self.say_viewers(log);
            for append in appends {
                let done = match append {
                    Ok(append) => append.await.map(|_| ()),
                    Err(error) => Err(error),
                };
                match done {
                    Ok(()) => self.well(),
                    Err(error) => self.trouble(&error),
                }
            }
        }
    }

    fn say_viewers(&self, log: &dyn EventLog) -> Vec<Result<Append, AppendError>> {
        let mut speaker = self.telling.lock();
        if speaker.left {
            return Vec::new();
        }
        let feeds = (self.feeds)();
        let counts = feeds.iter().map(|(room, feed)| (*room, feed.viewers_here()));
        let pace = |(room, feed): (&RoomId, &Arc<Feed>)| Some((*room, feed.pace_here().filter(|p| *p > 0)?));
        let paces: Vec<_> = match speaker.telling.says_all() {
            true => feeds.iter().filter_map(pace).collect(),
            false => Vec::new(),
        };
        let Some(say) = speaker.telling.next(counts) else { return Vec::new() };
        let say: Vec<_> = say.into_iter().collect();
        // Also nothing is said: that this node is there.
        let records = if say.is_empty() { vec![&say[..]] } else { say.chunks(ROOMS_MAX).collect() };
        let viewers = |rooms: &[(RoomId, u64)]| Word::Viewers(rooms.iter().copied().collect());
        let words = records.into_iter().map(viewers);
        let paces = paces.chunks(ROOMS_MAX).map(|rooms| Word::Paces(rooms.iter().copied().collect()));
        words.chain(paces).map(|word| self.append(log, PASSING, word)).collect()
    }

    /// Tells what was changed here. What the log does not take is told again; meanwhile the others look by themselves.
    async fn tell_news(&self, log: &dyn EventLog) {
        loop {
            let topic = self.news.to_tell().await;
            let told = match self.append(log, PASSING, Word::Look(topic)) {
                Ok(append) => append.await.map(drop),
                Err(error) => Err(error),
            };
            match told {
                Ok(()) => self.well(),
                Err(error) => {
                    self.news.say(topic);
                    self.trouble(&error);
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Tells the ends made here, in order; what the log does not take is told again until it does.
    async fn tell_ends(&self, log: &dyn EventLog) {
        let mut outbox = self.outbox.lock().await;
        loop {
            outbox.fill().await;
            if let Err(error) = self.tell_waiting(log, &mut outbox).await {
                self.trouble(&error);
                sleep(RETRY).await;
            }
        }
    }

    /// Tells as much as fits into one record. An end told twice does no harm.
    async fn tell_waiting(&self, log: &dyn EventLog, outbox: &mut Outbox) -> Result<(), AppendError> {
        let mut sessions = 0;
        let fits = outbox.waiting.iter().take_while(|end| {
            sessions += end.families.len();
            sessions <= SESSIONS_MAX
        });
        let ends: Vec<End> = fits.cloned().collect();
        let count = ends.len();
        self.append(log, LASTING, Word::Ended(ends))?.await?;
        outbox.waiting.drain(..count);
        self.well();
        Ok(())
    }

    fn append(&self, log: &dyn EventLog, to: Partition, word: Word) -> Result<Append, AppendError> {
        let record = Record { node: self.id, at: self.world.now(), word };
        log.append(to, record.encode())
    }

    fn trouble(&self, why: &dyn Display) {
        metrics::counter!("twitchy_nodes_failures_total").increment(1);
        if !self.in_trouble.swap(true, Ordering::Relaxed) {
            metrics::gauge!("twitchy_nodes_log_reachable").set(0.0);
            tracing::warn!(
                %why,
                "the nodes' log does not work; until it does, viewers are counted here alone and sessions that end \
                 elsewhere keep their open connections for some minutes"
            );
        }
    }

    fn well(&self) {
        if self.in_trouble.load(Ordering::Relaxed) && self.in_trouble.swap(false, Ordering::Relaxed) {
            metrics::gauge!("twitchy_nodes_log_reachable").set(1.0);
            tracing::info!("the nodes' log works again");
        }
    }
}

/// When a record was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Now,
    /// Before this node was there.
    Earlier,
}

impl Outbox {
    /// Waits until there is something to tell. Cancel-safe.
    async fn fill(&mut self) {
        while self.waiting.is_empty() {
            match self.own.recv().await {
                Ok(end) => self.waiting.extend(words::cut(end)),
                Err(RecvError::Lagged(lost)) => lost_words(lost),
                // Never: the sender lives as long as whoever owns this.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
        self.fill_now();
    }

    /// Takes what is there, up to a record full. Is there anything?
    fn fill_now(&mut self) -> bool {
        while self.waiting.len() < SESSIONS_MAX {
            match self.own.try_recv() {
                Ok(end) => self.waiting.extend(words::cut(end)),
                Err(broadcast::error::TryRecvError::Lagged(lost)) => lost_words(lost),
                Err(_) => break,
            }
        }
        !self.waiting.is_empty()
    }
}

fn lost_words(lost: u64) {
    metrics::counter!("twitchy_nodes_ends_untold_total").increment(lost);
}

/// "Look there" from a process that is no node: a command that changed something in the store while nodes serve.
///
/// # Errors
/// Those of the log.
pub async fn tell_news_once(log: &dyn EventLog, topic: Topic, now: Millis) -> Result<(), AppendError> {
    let record = Record { node: NodeId(rand::random()), at: now, word: Word::Look(topic) };
    log.append(PASSING, record.encode())?.await.map(drop)
}

/// The same word from a process that is no node: a command that ended sessions while nodes serve.
///
/// # Errors
/// Those of the log.
pub async fn tell_ends_once(log: &dyn EventLog, ends: Vec<End>, now: Millis) -> Result<(), AppendError> {
    for end in ends.into_iter().flat_map(words::cut) {
        let record = Record { node: NodeId(rand::random()), at: now, word: Word::Ended(vec![end]) };
        log.append(LASTING, record.encode())?.await?;
    }
    Ok(())
}
