//! A log that several processes share, in one test: each process has its own view of the same records. And the parts of a
//! process that matter here: rooms, feeds, persisters.

use bytes::Bytes;
use chat::{
    admission,
    message::{Author, Draft, Styled},
    nonces::Accepted,
    record::Record,
    rooms::{RoomDefinition, Slug},
    time::Millis,
};
use chat_store::{Store, memory::MemoryStore};
use event_log::{
    Append, AppendError, Bounds, BoxFuture, Epoch, EventLog, Membership, Offset, Partition, ReadError,
    memory::MemoryLog,
};
use parking_lot::Mutex;
use protocol::ids::{MessageId, Seq, UserId};
use server::{
    config::Role,
    following::{Following, PrepareError},
    limits::{self, Limits},
    persist::Marks,
    rooms::{Directory, Room, accept::Rejected, feed::RingLimits, history::History},
    world::World,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

pub(crate) const GATEWAY: &[Role] = &[Role::Gateway];
pub(crate) const PERSIST: &[Role] = &[Role::Persist];
pub(crate) const BOTH: &[Role] = &[Role::Gateway, Role::Persist];
/// Where the clock stands.
pub(crate) const NOW: u64 = 1_800_000_000_000;
pub(crate) const P0: Partition = Partition(0);

/// The log and the store of all processes.
pub(crate) struct Shared {
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) store: Arc<MemoryStore>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self { log: Arc::new(MemoryLog::new(1)), store: Arc::new(MemoryStore::new()) }
    }

    /// A record as another process would have written it; its place.
    pub(crate) async fn written(&self, nonce: Option<&str>, text: &str, sent_at: u64) -> Seq {
        let message = draft(nonce, text).into_styled(new_id(), Millis(sent_at), None);
        self.raw(Record::Message(Box::new(message)).encode()).await
    }

    /// Bytes of whatever kind.
    pub(crate) async fn raw(&self, bytes: impl Into<Bytes>) -> Seq {
        Seq(self.log.append(P0, bytes.into()).expect("it takes it").await.expect("it keeps it").0)
    }

    pub(crate) fn last(&self) -> u64 {
        self.log.bounds(P0).expect("it is there").last.0
    }

    /// The texts that the store has of the room.
    pub(crate) async fn rows(&self) -> Vec<String> {
        let rows = chat_store::MessageStore::page(
            self.store.as_ref(),
            definition().id,
            chat_store::Page::After(Seq(0)),
            1_000,
        );
        texts(rows.await.expect("the memory engine is there").iter().map(|row| &row.message))
    }
}

pub(crate) fn texts<'a>(messages: impl Iterator<Item = &'a Styled>) -> Vec<String> {
    messages.map(|message| message.text.clone()).collect()
}

fn new_id() -> MessageId {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    MessageId(
        uuid::Builder::from_unix_timestamp_millis(
            NOW,
            &number.to_le_bytes().repeat(2)[..10].try_into().expect("ten"),
        )
        .into_uuid(),
    )
}

fn definition() -> RoomDefinition {
    let slug: Slug = "room".parse().expect("letters");
    RoomDefinition {
        id: slug.room_id(),
        slug,
        title: String::new(),
        description: String::new(),
        transformer: "plain".to_owned(),
        partition: 0,
    }
}

pub(crate) fn draft(nonce: Option<&str>, text: &str) -> Draft {
    Draft {
        room: definition().id,
        author: Author {
            id: UserId(1),
            username: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            color: "#112233".to_owned(),
            badges: Vec::new(),
        },
        text: admission::admit(text).expect("it may be said"),
        reply_to: None,
        nonce: nonce.map(str::to_owned),
        admin: false,
    }
}

/// One process's view of the log; what is wrong with it is for the test to say.
pub(crate) struct View {
    inner: Arc<MemoryLog>,
    /// Nothing beyond this is seen.
    seen_max: watch::Sender<u64>,
    /// Not even that there is more is known.
    unheard: Mutex<bool>,
    away: Mutex<bool>,
    closed: watch::Sender<bool>,
    /// Which partitions are this process's.
    pub(crate) share: watch::Sender<Vec<Partition>>,
}

impl View {
    fn new(inner: Arc<MemoryLog>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            seen_max: watch::Sender::new(u64::MAX),
            unheard: Mutex::new(false),
            away: Mutex::new(false),
            closed: watch::Sender::new(false),
            share: watch::Sender::new(vec![P0]),
        })
    }

    /// Records after this one are on their way here.
    pub(crate) fn sees_up_to(&self, last: u64) {
        self.seen_max.send_replace(last);
    }

    /// As [`Self::sees_up_to`], and their existence is not known either.
    pub(crate) fn hears_up_to(&self, last: u64) {
        *self.unheard.lock() = true;
        self.sees_up_to(last);
    }

    /// Nothing works.
    pub(crate) fn away(&self, away: bool) {
        *self.away.lock() = away;
    }

    fn reach(&self) -> Result<(), String> {
        match (*self.closed.borrow(), *self.away.lock()) {
            (true, _) => Err("the log is closed".to_owned()),
            (_, true) => Err("out of reach".to_owned()),
            _ => Ok(()),
        }
    }
}

impl EventLog for View {
    fn partitions(&self) -> u32 {
        self.inner.partitions()
    }

    fn epoch(&self, partition: Partition) -> Result<Epoch, ReadError> {
        self.inner.epoch(partition)
    }

    fn bounds(&self, partition: Partition) -> Result<Bounds, ReadError> {
        let mut bounds = self.inner.bounds(partition)?;
        if *self.unheard.lock() {
            bounds.last = bounds.last.min(Offset(*self.seen_max.borrow()));
        }
        Ok(bounds)
    }

    fn append(&self, partition: Partition, payload: Bytes) -> Result<Append, AppendError> {
        self.reach().map_err(AppendError::Unavailable)?;
        self.inner.append(partition, payload)
    }

    fn read(
        &self,
        partition: Partition,
        after: Offset,
        records_max: usize,
        bytes_max: usize,
    ) -> BoxFuture<'_, Result<Vec<event_log::Record>, ReadError>> {
        Box::pin(async move {
            self.reach().map_err(ReadError::Unavailable)?;
            let mut page = self.inner.read(partition, after, records_max, bytes_max).await?;
            let seen = *self.seen_max.borrow();
            page.retain(|record| record.offset.0 <= seen);
            Ok(page)
        })
    }

    fn wait_past(&self, partition: Partition, offset: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async move {
            let (mut seen, mut closed) = (self.seen_max.subscribe(), self.closed.subscribe());
            let there = async {
                let _ = seen.wait_for(|seen| *seen > offset.0).await;
                self.inner.wait_past(partition, offset).await
            };
            tokio::select! {
                biased;
                there = there => there,
                _ = closed.wait_for(|closed| *closed) => Err(ReadError::Unavailable("the log is closed".to_owned())),
            }
        })
    }

    fn end(&self, partition: Partition) -> BoxFuture<'_, Result<Offset, ReadError>> {
        let end = self.reach().map_err(ReadError::Unavailable).and_then(|()| self.inner.bounds(partition));
        Box::pin(std::future::ready(end.map(|bounds| bounds.last)))
    }

    fn trim(&self, _partition: Partition, _up_to: Offset) -> BoxFuture<'_, Result<(), ReadError>> {
        panic!("a process does not trim a log that others share")
    }

    fn healthy(&self) -> Result<(), String> {
        self.reach()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.closed.send_replace(true);
        Box::pin(std::future::ready(()))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn join_group(&self, group: &str) -> Box<dyn Membership> {
        assert_eq!(group, "persist");
        let mut share = self.share.subscribe();
        share.mark_changed();
        Box::new(Member(share))
    }
}

struct Member(watch::Receiver<Vec<Partition>>);

impl Membership for Member {
    fn changed(&mut self) -> BoxFuture<'_, Result<Vec<Partition>, ReadError>> {
        Box::pin(async move {
            let gone = self.0.changed().await;
            gone.map_err(|_| ReadError::Unavailable("the log is closed".to_owned()))?;
            Ok(self.0.borrow_and_update().clone())
        })
    }

    fn commit(&self, _partition: Partition, _offset: Offset) {}
}

/// The clock that the test's runtime pauses.
struct Clock(tokio::time::Instant);

impl World for Clock {
    fn now(&self) -> Millis {
        Millis(NOW + u64::try_from(self.0.elapsed().as_millis()).expect("tests are short"))
    }

    fn random(&self) -> u128 {
        rand::random()
    }
}

/// A process.
pub(crate) struct Process {
    pub(crate) view: Arc<View>,
    pub(crate) rooms: Arc<Directory>,
    pub(crate) room: Arc<Room>,
    pub(crate) history: History,
    pub(crate) marks: Arc<Marks>,
    /// What it runs; each says why it ended.
    pub(crate) work: JoinSet<(&'static str, String)>,
}

impl Process {
    pub(crate) async fn start(shared: &Shared, roles: &[Role]) -> Self {
        Self::start_with(shared, View::new(shared.log.clone()), roles).await.expect("it starts")
    }

    pub(crate) fn view(shared: &Shared) -> Arc<View> {
        View::new(shared.log.clone())
    }

    /// One that follows the partition only while somebody needs it, and so long after that.
    pub(crate) async fn lazy(shared: &Shared, roles: &[Role], keep: Duration) -> Self {
        Self::start_keeping(shared, View::new(shared.log.clone()), roles, Some(keep))
            .await
            .expect("it starts")
    }

    pub(crate) async fn start_with(
        shared: &Shared,
        view: Arc<View>,
        roles: &[Role],
    ) -> Result<Self, PrepareError> {
        Self::start_keeping(shared, view, roles, None).await
    }

    async fn start_keeping(
        shared: &Shared,
        view: Arc<View>,
        roles: &[Role],
        keep: Option<Duration>,
    ) -> Result<Self, PrepareError> {
        let log: Arc<dyn EventLog> = view.clone();
        let store: Arc<dyn Store> = shared.store.clone();
        let world: Arc<dyn World> = Arc::new(Clock(tokio::time::Instant::now()));
        let ring = RingLimits { messages_max: 1_000, bytes_max: 1024 * 1024 };
        let styles = transformer_styles::all();
        let rooms = Directory::new(vec![definition()], &styles, &log, ring, &world).expect("one plain room");
        let Following { marks, history, work } =
            Following::prepare(&log, &store, &rooms, roles, &world, keep).await?;
        let mut tasks = JoinSet::new();
        for work in work {
            tasks.spawn(async move { (work.name, work.run.await) });
        }
        let room = rooms.get("room").expect("it is there");
        Ok(Self { view, rooms, room, history, marks, work: tasks })
    }

    /// Says something.
    pub(crate) async fn say(&self, nonce: &str, text: &str) -> Result<Accepted, Rejected> {
        self.say_in(&self.room, nonce, text).await
    }

    /// Says something while so much of everything is refused.
    pub(crate) async fn say_under(
        &self,
        pressure: f64,
        nonce: &str,
        text: &str,
    ) -> Result<Accepted, Rejected> {
        say(&self.room, pressure, nonce, text).await
    }

    /// Says something in a room of one's choice.
    pub(crate) async fn say_in(
        &self,
        room: &Arc<Room>,
        nonce: &str,
        text: &str,
    ) -> Result<Accepted, Rejected> {
        say(room, 0.0, nonce, text).await
    }

    /// What viewers were shown, as far as the ring goes back.
    pub(crate) fn shown(&self) -> Vec<Seq> {
        self.room.feed.latest(1_000).messages.iter().map(server::rooms::feed::Encoded::seq).collect()
    }

    /// The texts of the room's history.
    pub(crate) async fn told(&self) -> Vec<String> {
        self.told_of(&self.room).await
    }

    /// The same of a room of one's choice.
    pub(crate) async fn told_of(&self, room: &Room) -> Vec<String> {
        let history = self.history.after(room, Seq(0), 1_000).await.expect("it can be read");
        texts(history.iter().map(|logged| &logged.message))
    }

    /// Waits, in the runtime's paused time, until the store is so far.
    pub(crate) async fn stored(&self, up_to: u64) {
        while self.marks.stored(P0).0 < up_to {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until its feed is so far.
    pub(crate) async fn reached(&self, seq: Seq) {
        self.room.feed.reached(seq).await;
    }
}

async fn say(room: &Arc<Room>, pressure: f64, nonce: &str, text: &str) -> Result<Accepted, Rejected> {
    let limits = Limits::new(limits::Options::default());
    limits.pace.pressure.set(pressure);
    let now = Millis(NOW);
    let draft = Draft { room: room.id(), ..draft(Some(nonce), text) };
    room.submit(draft, &limits.pace, now)?.outcome().await
}
