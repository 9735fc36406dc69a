//! What a store says it has written, and has lost when it is back, is written again.

use super::*;
use crate::world::Real;
use chat::{
    admission,
    message::{Author, Draft},
    record::Record,
    time::Millis,
};
use chat_store::{MessageStore, Page, memory::MemoryStore};
use event_log::memory::MemoryLog;
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use tokio::time::sleep;

const P0: Partition = Partition(0);
const ROOM: RoomId = RoomId(7);
const SENT_AT: Millis = Millis(1_800_000_000_000);

struct Bench {
    log: Arc<MemoryLog>,
    store: Arc<MemoryStore>,
    marks: Arc<Marks>,
}

impl Bench {
    async fn start() -> Self {
        let bench = Self {
            log: Arc::new(MemoryLog::new(1)),
            store: Arc::new(MemoryStore::new()),
            marks: Marks::new(1),
        };
        let world: Arc<dyn World> = Arc::new(Real);
        let (log, store) = (bench.log.clone(), bench.store.clone());
        let persister = Persister::start(log, store, bench.marks.clone(), P0, &world).await.unwrap();
        tokio::spawn(persister.run());
        bench
    }

    /// A record more; its place.
    async fn append(&self, nonce: Option<&str>) -> Offset {
        let author = Author {
            id: UserId(1),
            username: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            color: "#112233".to_owned(),
            badges: Vec::new(),
        };
        let text = admission::admit("hello").unwrap();
        let draft =
            Draft { room: ROOM, author, text, reply_to: None, nonce: nonce.map(str::to_owned), admin: false };
        let message = draft.into_styled(MessageId(uuid::Uuid::now_v7()), SENT_AT, None);
        let record = Record::Message(Box::new(message)).encode();
        self.log.append(P0, record.into()).unwrap().await.unwrap()
    }

    /// So many messages more, and waits until they are stored.
    async fn say(&self, count: u64) {
        let mut last = Offset(0);
        for _ in 0..count {
            last = self.append(None).await;
        }
        while self.marks.stored(P0) < last {
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn rows(&self) -> Vec<u64> {
        let page = self.store.page(ROOM, Page::After(Seq(0)), 1_000).await.unwrap();
        page.iter().map(|logged| logged.seq.0).collect()
    }

    /// The store was away since then, and is back without anything it had.
    async fn loses_all(&self, since: Instant) {
        self.store.expire(SENT_AT.plus(1), 1_000).await.unwrap();
        assert!(self.rows().await.is_empty());
        self.marks.back_from(since);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_store_took_shortly_before_it_was_away_is_written_again() {
    let bench = Bench::start().await;
    bench.say(3).await;
    sleep(UNSYNCED_MAX * 2).await;
    bench.say(4).await;
    sleep(Duration::from_secs(5)).await;
    bench.say(2).await;
    let since = Instant::now();
    // However long it is away.
    sleep(UNSYNCED_MAX * 10).await;
    bench.loses_all(since).await;
    assert_eq!(
        bench.marks.stored(P0),
        Offset(3),
        "what lies behind is read from the log until it is there again"
    );
    while bench.marks.stored(P0) < Offset(9) {
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bench.rows().await, [4, 5, 6, 7, 8, 9], "the older ones were on the disk long before");
    // Others who noticed the same outage.
    bench.loses_all(since).await;
    assert_eq!(bench.marks.stored(P0), Offset(9), "it is heard once");
    // And the next one: what came since.
    bench.say(1).await;
    let since = Instant::now();
    sleep(AWAY_MIN).await;
    bench.loses_all(since).await;
    bench.say(1).await;
    assert_eq!(bench.rows().await, [10, 11]);
    // Who was only slow has lost nothing.
    bench.marks.back_from(Instant::now());
    assert_eq!(bench.marks.stored(P0), Offset(11));
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_found_at_the_start_is_nothing_that_was_written_lately() {
    let marks = Marks::new(1);
    let outage = async || {
        sleep(Duration::from_millis(1)).await;
        let since = Instant::now();
        sleep(AWAY_MIN).await;
        marks.back_from(since);
        marks.stored(P0)
    };
    marks.learn(P0, Offset(1_000));
    assert_eq!(outage().await, Offset(1_000));
    marks.learn(P0, Offset(1_005));
    assert_eq!(outage().await, Offset(1_000), "another process wrote these a moment ago");
    marks.learn(P0, Offset(1_005));
    assert_eq!(outage().await, Offset(1_005), "and it did so again");
}

/// The log of this bench is no shared one, so the judge comes by hand.
#[tokio::test]
async fn second_records_stay_second_ones_however_far_a_persister_goes_back() {
    let bench = Bench { log: Arc::new(MemoryLog::new(1)), store: Arc::default(), marks: Marks::new(1) };
    let world: Arc<dyn World> = Arc::new(Real);
    let first = bench.append(Some("n")).await;
    bench.append(Some("n")).await;
    let third = bench.append(None).await;
    let messages = [first.0, third.0];
    let start = async || {
        let (log, store) = (bench.log.clone(), bench.store.clone());
        let mut persister = Persister::start(log, store, bench.marks.clone(), P0, &world).await.unwrap();
        let judge = Judge::after(bench.log.as_ref(), P0, persister.at, world.clone()).await.unwrap();
        persister.judge = Some(judge);
        persister
    };
    let goes_back = async |persister: &mut Persister| {
        bench.store.expire(SENT_AT.plus(1), 1_000).await.unwrap();
        persister.marks.lost.send_modify(|lost| lost.from = Box::new([Some(0)]));
        persister.go_back();
        assert_eq!(persister.at, Offset(0));
        persister.catch_up().await.unwrap();
        bench.rows().await
    };
    let mut persister = start().await;
    persister.catch_up().await.unwrap();
    assert_eq!(bench.rows().await, messages);
    // What it has judged itself and forgotten, as a checkpoint that was read meanwhile says that all is certain.
    persister.judge.as_mut().unwrap().forget_before(third);
    assert_eq!(goes_back(&mut persister).await, messages);
    // What was judged before it came.
    let mut later = start().await;
    assert_eq!(later.at, third);
    assert_eq!(goes_back(&mut later).await, messages);
}
