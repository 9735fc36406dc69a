//! What a store says it has written, and has lost when it is back, is written again.

use super::{marks::UNSYNCED_MAX, *};
use crate::world::Real;
use chat::{
    admission,
    message::{Author, Draft, Logged, Styled},
    record::Record,
    time::Millis,
};
use chat_store::{CheckpointStore, MessageStore, Page, memory::MemoryStore};
use event_log::memory::MemoryLog;
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use tokio::time::sleep;

const P0: Partition = Partition(0);
const ROOM: RoomId = RoomId(7);
const SENT_AT: Millis = Millis(1_800_000_000_000);

fn message(room: RoomId, nonce: Option<&str>) -> Styled {
    let author = Author {
        id: UserId(1),
        username: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        color: "#112233".to_owned(),
        badges: Vec::new(),
    };
    let text = admission::admit("hello").unwrap();
    let nonce = nonce.map(str::to_owned);
    let draft = Draft { room, author, text, reply_to: None, nonce, admin: false };
    draft.into_styled(MessageId(uuid::Uuid::now_v7()), SENT_AT, None)
}

struct Bench {
    log: Arc<MemoryLog>,
    store: Arc<MemoryStore>,
    marks: Arc<Marks>,
}

impl Bench {
    async fn start() -> Self {
        Self::start_with(MemoryStore::new()).await
    }

    async fn start_with(store: MemoryStore) -> Self {
        let bench = Self { log: Arc::new(MemoryLog::new(1)), store: Arc::new(store), marks: Marks::new(1) };
        let world: Arc<dyn World> = Arc::new(Real);
        let (log, store) = (bench.log.clone(), bench.store.clone());
        let mut persister = Persister::start(log, store, bench.marks.clone(), P0, &world).await.unwrap();
        // The log of this bench is no shared one.
        persister.unsynced = Some(Unsynced::default());
        tokio::spawn(persister.run());
        bench
    }

    /// What a checkpoint says.
    async fn saved(&self, name: &str) -> Option<u64> {
        self.store.load(name, P0.0).await.unwrap().map(|checkpoint| checkpoint.offset)
    }

    /// A record more; its place.
    async fn append(&self, nonce: Option<&str>) -> Offset {
        let record = Record::Message(Box::new(message(ROOM, nonce))).encode();
        self.log.append(P0, record.into()).unwrap().await.unwrap()
    }

    /// One whose store is full as soon as it has three messages of the room, as long as it has not forgotten everything.
    async fn soon_full() -> Self {
        const OTHERS: usize = 10;
        let bench = Self::start_with(MemoryStore::with_rows_max(OTHERS + 3)).await;
        let others =
            (1..).take(OTHERS).map(|seq| Logged { seq: Seq(seq), message: message(RoomId(8), None) });
        bench.store.write(others.collect()).await.unwrap();
        bench
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

    /// The store has nothing any more of what it had.
    async fn forgets(&self) {
        self.store.expire(SENT_AT.plus(1), 1_000).await.unwrap();
        assert!(self.rows().await.is_empty());
    }

    /// The store was away since then, and is back without anything it had.
    async fn loses_all(&self, since: Instant) {
        self.forgets().await;
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
    // And the next one comes before what was written again is on the disk: it all is, once more.
    bench.say(1).await;
    let since = Instant::now();
    sleep(AWAY_MIN).await;
    bench.loses_all(since).await;
    bench.say(1).await;
    assert_eq!(bench.rows().await, [4, 5, 6, 7, 8, 9, 10, 11]);
    // Who was only slow has lost nothing.
    bench.marks.back_from(Instant::now());
    assert_eq!(bench.marks.stored(P0), Offset(11));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_again_and_again_is_filled_at_last() {
    let bench = Bench::start().await;
    bench.say(1).await;
    let mut rows = Vec::new();
    for _ in 0..=AGAIN_MAX {
        sleep(Duration::from_millis(1)).await;
        let since = Instant::now();
        sleep(AWAY_MIN).await;
        bench.loses_all(since).await;
        bench.say(1).await;
        rows.push(bench.rows().await);
    }
    assert_eq!(rows, [vec![1, 2], vec![1, 2, 3], vec![1, 2, 3, 4], vec![5]], "after so often it goes on");
}

/// Time stands still while something runs, so what is stored then was not waited for.
#[tokio::test(start_paused = true)]
async fn what_comes_soon_after_a_step_is_gathered_unless_it_fills_a_page() {
    let bench = Bench::start().await;
    let turns = async || {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        bench.marks.stored(P0)
    };
    // The first one is written at once.
    assert_eq!((bench.append(None).await, turns().await), (Offset(1), Offset(1)));
    bench.append(None).await;
    assert_eq!((bench.append(None).await, turns().await), (Offset(3), Offset(1)));
    sleep(GATHER).await;
    assert_eq!(turns().await, Offset(3));
    let page = READ_RECORDS_MAX as u64;
    for _ in 1..page {
        bench.append(None).await;
    }
    assert_eq!(turns().await, Offset(3));
    bench.append(None).await;
    assert_eq!(turns().await, Offset(3 + page));
    // And what was quiet for a while goes at once again.
    sleep(GATHER).await;
    assert_eq!((bench.append(None).await, turns().await), (Offset(4 + page), Offset(4 + page)));
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_of_what_is_certain_follows_behind() {
    let bench = Bench::start().await;
    bench.say(2).await;
    assert_eq!((bench.saved(CONSUMER).await, bench.saved(CERTAIN).await), (Some(2), Some(0)));
    sleep(UNSYNCED_MAX / 2).await;
    bench.say(1).await;
    assert_eq!((bench.saved(CONSUMER).await, bench.saved(CERTAIN).await), (Some(3), Some(0)));
    sleep(UNSYNCED_MAX).await;
    bench.say(1).await;
    assert_eq!((bench.saved(CONSUMER).await, bench.saved(CERTAIN).await), (Some(4), Some(3)));
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
    marks.hear(P0, Offset(1_000));
    assert_eq!(outage().await, Offset(1_000));
    marks.hear(P0, Offset(1_005));
    assert_eq!(marks.stored(P0), Offset(1_005));
    assert_eq!(outage().await, Offset(1_000), "another process wrote these a moment ago");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_from_before_an_outage_raises_no_mark() {
    let outage = async || {
        let marks = Marks::new(1);
        marks.hear(P0, Offset(5));
        marks.hear(P0, Offset(9));
        let since = Instant::now();
        sleep(AWAY_MIN).await;
        marks.back_from(since);
        assert_eq!(marks.stored(P0), Offset(5));
        marks.hear(P0, Offset(9));
        assert_eq!(marks.stored(P0), Offset(5), "what lies behind may be lost");
        marks
    };
    // A persister takes it back, and goes on from there.
    let marks = outage().await;
    for (checkpoint, stored) in [(9, 5), (4, 5), (7, 7), (9, 9)] {
        marks.hear(P0, Offset(checkpoint));
        assert_eq!(marks.stored(P0), Offset(stored), "{checkpoint}");
    }
    // No persister noticed anything, and after some time it is as certain as any.
    let marks = outage().await;
    sleep(UNSYNCED_MAX).await;
    marks.hear(P0, Offset(9));
    assert_eq!(marks.stored(P0), Offset(5));
    sleep(Duration::from_millis(1)).await;
    marks.hear(P0, Offset(9));
    assert_eq!(marks.stored(P0), Offset(9));
}

/// A database may be back so quickly that nobody was refused, and nobody need write at that time.
#[tokio::test(start_paused = true)]
async fn a_store_that_was_started_anew_is_noticed_however_short_it_took() {
    let bench = Bench::start().await;
    bench.marks.look_for_new_life(bench.store.as_ref()).await;
    bench.say(3).await;
    sleep(UNSYNCED_MAX * 2).await;
    bench.marks.look_for_new_life(bench.store.as_ref()).await;
    bench.say(2).await;
    bench.forgets().await;
    bench.store.starts_anew();
    sleep(Duration::from_millis(100)).await;
    bench.marks.look_for_new_life(bench.store.as_ref()).await;
    assert_eq!(bench.marks.stored(P0), Offset(3), "the log stands in until they are there again");
    while bench.marks.stored(P0) < Offset(5) {
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bench.rows().await, [4, 5], "the older ones were on the disk long before");
    // Nothing new is nothing to go back for.
    bench.forgets().await;
    bench.marks.look_for_new_life(bench.store.as_ref()).await;
    bench.say(1).await;
    assert_eq!(bench.rows().await, [6]);
    // And the next time comes at once: what was written again is, once more.
    bench.store.starts_anew();
    bench.marks.look_for_new_life(bench.store.as_ref()).await;
    bench.say(1).await;
    assert_eq!(bench.rows().await, [4, 5, 6, 7]);
}

/// Who could not write for a moment asks before it goes on: its next checkpoint would speak for what was lost.
#[tokio::test(start_paused = true)]
async fn a_persister_that_was_refused_for_a_moment_goes_back_before_it_goes_on() {
    let bench = Bench::soon_full().await;
    bench.marks.look_for_new_life(bench.store.as_ref()).await;
    bench.say(3).await;
    let last = bench.append(None).await;
    sleep(RETRY * 3).await;
    assert_eq!(bench.marks.stored(P0), Offset(3), "it is full");
    bench.forgets().await;
    bench.store.starts_anew();
    while bench.marks.stored(P0) < last || bench.saved(CONSUMER).await != Some(last.0) {
        sleep(Duration::from_millis(10)).await;
        // A checkpoint says only what is there.
        let (saved, rows) = (bench.saved(CONSUMER).await.unwrap(), bench.rows().await);
        let up_to = (1..=saved).collect::<Vec<_>>();
        assert!(rows == up_to || saved == 3, "{saved}: {rows:?}");
    }
    assert_eq!(bench.rows().await, [1, 2, 3, 4]);
}

/// It goes back once, however long it is refused after that.
#[tokio::test(start_paused = true)]
async fn a_store_that_answers_and_takes_nothing_is_gone_back_for_once() {
    let bench = Bench::soon_full().await;
    bench.say(3).await;
    let mut heard = bench.marks.lost.subscribe();
    bench.append(None).await;
    sleep(AWAY_MIN * 20).await;
    assert!(heard.has_changed().unwrap(), "it was refused for long");
    heard.mark_unchanged();
    sleep(AWAY_MIN * 20).await;
    assert!(!heard.has_changed().unwrap(), "nothing was written since");
    bench.forgets().await;
    bench.say(1).await;
    assert_eq!(bench.rows().await.last(), Some(&5));
}

/// The log of this bench is no shared one, so the judge comes by hand.
#[tokio::test(start_paused = true)]
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
        persister.unsynced = Some(Unsynced::default());
        persister
    };
    let goes_back = async |persister: &mut Persister| {
        bench.store.expire(SENT_AT.plus(1), 1_000).await.unwrap();
        let before = persister.at;
        persister.unsynced.as_mut().unwrap().trail.leaves(0);
        let since = Instant::now();
        sleep(AWAY_MIN).await;
        persister.marks.back_from(since);
        persister.go_back();
        assert_eq!(persister.at, Offset(0));
        // Others hear of it before the first row is written.
        assert_eq!(bench.saved(CONSUMER).await, Some(before.0));
        persister.take_back().await.unwrap();
        assert_eq!(bench.saved(CONSUMER).await, Some(0));
        assert_eq!(persister.marks.stored(P0), Offset(0));
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
