//! Nodes over one memory log, with a clock that the tests move.

use super::{
    presence::HEARD_FOR,
    words::{ROOMS_MAX, SESSIONS_MAX},
    *,
};
use crate::news::LOOK_EVERY;
use crate::rooms::feed::{RingLimits, Subscription};
use chat::account::Family;
use event_log::{RECORD_BYTES_MAX, memory::MemoryLog};
use protocol::ids::UserId;
use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::AtomicU64,
};
use tokio::task::{AbortHandle, yield_now};

const TTL: Duration = Duration::from_secs(900);
const ROOM: RoomId = RoomId(7);

/// Wall time; tokio's own is paused and moved by the tests.
struct Clock(AtomicU64);

impl World for Clock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }

    fn random(&self) -> u128 {
        0
    }
}

struct House {
    clock: Arc<Clock>,
    /// What a reopening gets: the newest log there is.
    log: Arc<Mutex<Arc<MemoryLog>>>,
}

struct Node {
    nodes: Arc<Nodes>,
    feed: Arc<Feed>,
    revocations: Arc<Revocations>,
    news: Arc<News>,
    task: AbortHandle,
}

impl House {
    fn new() -> Self {
        let log = Arc::new(Mutex::new(Arc::new(MemoryLog::new(PARTITIONS))));
        Self { clock: Arc::new(Clock(AtomicU64::new(10_000_000))), log }
    }

    fn log(&self) -> Arc<MemoryLog> {
        self.log.lock().clone()
    }

    async fn node(&self, id: u64) -> Node {
        let feed = Feed::new("ohio", RingLimits { messages_max: 10, bytes_max: 1_000 });
        let revocations = Arc::new(Revocations::new(TTL));
        let news = Arc::new(News::default());
        let newest = self.log.clone();
        let reopen: Reopen = Box::new(move || {
            let log = newest.lock().clone();
            Box::pin(async move { Ok(log as Arc<dyn EventLog>) })
        });
        let log = NodesLog { log: self.log(), reopen };
        let nodes = Nodes::new(
            NodeId(id),
            log,
            {
                let feeds: Feeds = Arc::new([(ROOM, feed.clone())].into());
                Box::new(move || feeds.clone())
            },
            revocations.clone(),
            news.clone(),
            self.clock.clone(),
        );
        nodes.catch_up().await;
        let task = tokio::spawn(nodes.clone().run()).abort_handle();
        Node { nodes, feed, revocations, news, task }
    }

    async fn say(&self, to: Partition, payload: impl Into<bytes::Bytes>) {
        self.log().append(to, payload.into()).unwrap().await.unwrap();
    }
}

fn viewers(feed: &Arc<Feed>, count: usize) -> Vec<Subscription> {
    (0..count).map(|_| feed.subscribe()).collect()
}

/// Lets time pass until it is so; a minute is more than anything here needs.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        for _ in 0..600 {
            if is_so() {
                return;
            }
            pass(Duration::from_millis(100)).await;
        }
        panic!("{what} did not come to be, at {place}");
    }
}

/// In small steps, so that whatever has to be done once a second is.
async fn pass(time: Duration) {
    const STEP: Duration = Duration::from_millis(100);
    for _ in 0..time.as_millis().div_ceil(STEP.as_millis()) {
        tokio::time::advance(STEP).await;
        // Every task here has its turn, also those that others wake.
        for _ in 0..20 {
            yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_not_followed_here_has_the_pace_that_others_count() {
    let house = House::new();
    let (a, b, c) = (house.node(1).await, house.node(2).await, house.node(3).await);
    b.feed.set_pace_here(Some(139));
    c.feed.set_pace_here(Some(50));
    until("the highest is heard", || a.feed.pace() == 139).await;
    assert_eq!((b.feed.pace(), c.feed.pace()), (139, 50), "who counts believes itself");
    b.feed.set_pace_here(None);
    until("who let go says nothing more", || a.feed.pace() == 50).await;
    until("nor believes what it counted", || b.feed.pace() == 50).await;
    c.feed.set_pace_here(Some(0));
    until("silence", || a.feed.pace() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn viewers_of_all_nodes_are_added_up() {
    let house = House::new();
    let (a, b) = (house.node(1).await, house.node(2).await);
    let of_a = viewers(&a.feed, 3);
    let _of_b = viewers(&b.feed, 2);
    until("5 at both", || a.feed.viewers() == 5 && b.feed.viewers() == 5).await;
    assert_eq!((a.feed.viewers_here(), b.feed.viewers_here()), (3, 2), "nobody adds up its own");
    drop(of_a);
    until("2 at both", || a.feed.viewers() == 2 && b.feed.viewers() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn who_leaves_counts_no_more_at_once_and_who_falls_silent_after_a_while() {
    let house = House::new();
    let (a, b, c) = (house.node(1).await, house.node(2).await, house.node(3).await);
    let _viewers = [viewers(&a.feed, 1), viewers(&b.feed, 10), viewers(&c.feed, 100)];
    until("all are heard", || a.feed.viewers() == 111).await;
    let left = Instant::now();
    b.nodes.leave().await;
    until("those of b are gone", || a.feed.viewers() == 101).await;
    assert!(left.elapsed() < HEARD_FOR, "it need not be waited for");
    // It still runs, and says nothing behind its last word.
    pass(HEARD_FOR).await;
    assert_eq!(a.feed.viewers(), 101);

    c.task.abort();
    pass(HEARD_FOR / 2).await;
    assert_eq!(a.feed.viewers(), 101, "a word that is late is no end");
    until("those of c are gone", || a.feed.viewers() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_at_one_node_ends_at_all_and_no_word_goes_round() {
    let house = House::new();
    let (a, b) = (house.node(1).await, house.node(2).await);
    let (mut at_a, mut at_b) = (a.revocations.subscribe(), b.revocations.subscribe());
    let mut own_of_b = b.revocations.subscribe_own();
    a.revocations.end_user(UserId(5), vec![Family(50), Family(51)], house.clock.now());
    a.revocations.end_family(Family(60), house.clock.now());
    let all = [50, 51, 60].map(Family);
    until("b knows", || all.iter().all(|family| b.revocations.has_ended(*family))).await;
    pass(Duration::from_secs(10)).await;

    let words = |hub: &mut broadcast::Receiver<_>| std::iter::from_fn(|| hub.try_recv().ok()).count();
    assert_eq!((words(&mut at_a), words(&mut at_b)), (2, 2), "each word once at each");
    assert!(own_of_b.try_recv().is_err());
    assert_eq!(
        house.log().bounds(LASTING).unwrap().last,
        Offset(1),
        "both in one record, and nobody repeats it"
    );
}

#[tokio::test(start_paused = true)]
async fn who_starts_knows_what_ended_as_long_as_it_matters() {
    let house = House::new();
    let a = house.node(1).await;
    a.revocations.end_family(Family(1), house.clock.now());
    until("it is told", || house.log().bounds(LASTING).unwrap().last == Offset(1)).await;
    house.clock.0.fetch_add(600_000, Ordering::Relaxed);
    a.revocations.end_family(Family(2), house.clock.now());
    until("it is told", || house.log().bounds(LASTING).unwrap().last == Offset(2)).await;
    house.clock.0.fetch_add(300_000, Ordering::Relaxed);
    let b = house.node(2).await;
    let known = [1, 2].map(|f| b.revocations.has_ended(Family(f)));
    assert_eq!(known, [false, true], "the first's access tokens have all run out");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_passed_over() {
    let house = House::new();
    let a = house.node(1).await;
    let newer = r#"{"v":2,"node":"3","at":1,"kind":"viewers","rooms":{"7":1000}}"#;
    for garbage in ["", "\u{0}", "{}", "[1]", r#"{"v":1,"node":"x","at":1,"kind":"left"}"#, newer] {
        house.say(PASSING, garbage).await;
        house.say(LASTING, garbage).await;
    }
    // A room that this node does not have, beside one that it has; and a field of a later day.
    house.say(PASSING, r#"{"v":1,"node":"3","at":1,"kind":"viewers","rooms":{"7":4,"8":9},"more":{}}"#).await;
    house.say(LASTING, r#"{"v":1,"node":"3","at":1,"kind":"ended","ends":[{"sessions":["1f"]}]}"#).await;
    until("what is behind it is heard", || a.feed.viewers() == 4 && a.revocations.has_ended(Family(0x1f)))
        .await;
    let b = house.node(2).await;
    assert!(!b.nodes.in_trouble.load(Ordering::Relaxed), "it is no trouble at a start either");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_closed_is_opened_again_and_nothing_that_lasts_is_lost() {
    let house = House::new();
    let (a, b) = (house.node(1).await, house.node(2).await);
    let _viewers = [viewers(&a.feed, 1), viewers(&b.feed, 2)];
    until("both are heard", || a.feed.viewers() == 3 && b.feed.viewers() == 3).await;

    house.log().close().await;
    a.revocations.end_family(Family(1), house.clock.now());
    until("each counts alone", || a.feed.viewers() == 1 && b.feed.viewers() == 2).await;
    assert!(a.nodes.in_trouble.load(Ordering::Relaxed) && !b.revocations.has_ended(Family(1)));

    *house.log.lock() = Arc::new(MemoryLog::new(PARTITIONS));
    until("both are heard again", || a.feed.viewers() == 3 && b.feed.viewers() == 3).await;
    until("b knows what ended meanwhile", || b.revocations.has_ended(Family(1))).await;
    assert!(!a.nodes.in_trouble.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_stop_tells_what_is_not_told_yet() {
    let house = House::new();
    let (a, b) = (house.node(1).await, house.node(2).await);
    a.task.abort();
    yield_now().await;
    a.revocations.end_user(UserId(1), (0..2_000).map(Family).collect(), house.clock.now());
    let log = house.log();
    // Only a's engine is to be closed, and here both have the same.
    {
        let mut outbox = a.nodes.outbox.lock().await;
        while outbox.fill_now() {
            a.nodes.tell_waiting(log.as_ref(), &mut outbox).await.unwrap();
        }
    }
    until("b knows all", || (0..2_000).all(|family| b.revocations.has_ended(Family(family)))).await;
    assert_eq!(log.bounds(LASTING).unwrap().last, Offset(4), "each with as many as fit");
    a.nodes.close().await;
    assert!(log.healthy().is_err());
}

#[test]
fn much_is_told_at_once_and_little_every_other_time() {
    let mut telling = Telling::default();
    let mut next = |counts: &[u64]| {
        let counts = counts.iter().enumerate().map(|(room, count)| (RoomId(room as u64), *count));
        telling
            .next(counts)
            .map(|say| say.into_iter().map(|(room, count)| (room.0, count)).collect::<Vec<_>>())
    };
    assert_eq!(next(&[0, 0]), Some(vec![]), "that it is there");
    assert_eq!(next(&[0, 0]), None);
    assert_eq!(next(&[0, 100]), Some(vec![(1, 100)]));
    assert_eq!(next(&[1, 105]), Some(vec![(0, 1)]), "from none to one, and not a twentieth");
    assert_eq!(next(&[1, 105]), Some(vec![(0, 1), (1, 105)]));
    assert_eq!(next(&[1, 130]), Some(vec![(1, 130)]));
    assert_eq!(next(&[0, 130]), Some(vec![(0, 0), (1, 130)]), "from one to none, once");
    assert_eq!(next(&[0, 130]), None);
    assert_eq!(next(&[0, 130]), Some(vec![(1, 130)]));
}

#[test]
fn words_are_forgotten_one_by_one() {
    let mut elsewhere = Elsewhere::default();
    let start = Instant::now();
    let later = |seconds| start + Duration::from_secs(seconds);
    assert!(elsewhere.hear(NodeId(1), [(ROOM, 5), (RoomId(8), 1)], later(0)));
    assert!(elsewhere.hear(NodeId(1), [(ROOM, 6)], later(3)));
    assert!(elsewhere.hear(NodeId(2), [(ROOM, u64::MAX)], later(3)));
    assert_eq!(elsewhere.sums(later(6)), HashMap::from([(ROOM, u64::MAX), (RoomId(8), 1)]));
    assert!(elsewhere.hear(NodeId(2), [(ROOM, 0)], later(6)));
    assert_eq!(elsewhere.sums(later(7)), HashMap::from([(ROOM, 6)]), "room 8 was told 7 s ago");
    assert_eq!(elsewhere.nodes(), 2);
    assert_eq!(elsewhere.sums(later(10)), HashMap::new());
    assert_eq!(elsewhere.nodes(), 1, "the first was last heard 7 s ago");
    let heard = (10..2_000).filter(|id| elsewhere.hear(NodeId(*id), [(ROOM, 1)], later(11))).count();
    assert_eq!((heard, elsewhere.nodes()), (1_023, 1_024), "it is bounded");
    assert!(elsewhere.hear(NodeId(10), [], later(11)), "who is known goes on");
}

#[test]
fn the_form_of_the_words_holds() {
    let record = |word| Record { node: NodeId(0x9f), at: Millis(1_730_000_000_000), word };
    let ends = vec![
        End { user: Some(UserId(7)), families: vec![Family(0x1f), Family(u128::MAX)] },
        End { user: None, families: vec![Family(1)] },
    ];
    for (word, text) in [
        (Word::Left, r#""kind":"left"}"#),
        (Word::Paces(BTreeMap::from([(ROOM, 139)])), r#""kind":"paces","rooms":{"7":139}}"#),
        (Word::Viewers(BTreeMap::from([(ROOM, 12)])), r#""kind":"viewers","rooms":{"7":12}}"#),
        (
            Word::Ended(ends),
            r#""kind":"ended","ends":[{"user":"7","sessions":["0000000000000000000000000000001f","ffffffffffffffffffffffffffffffff"]},{"sessions":["00000000000000000000000000000001"]}]}"#,
        ),
    ] {
        let record = record(word);
        let bytes = record.encode();
        let text = format!(r#"{{"v":1,"node":"000000000000009f","at":1730000000000,{text}"#);
        assert_eq!(std::str::from_utf8(&bytes).unwrap(), text);
        assert_eq!(Record::decode(&bytes), Ok(record));
    }
    let unread = |text: &str| Record::decode(text.as_bytes()).unwrap_err();
    assert_eq!(unread(r#"{"v":1,"node":"9f","at":1,"kind":"pinned","room":"7"}"#), Unread::Newer);
    assert_eq!(unread(r#"{"v":2,"whatever":[]}"#), Unread::Newer);
    assert_eq!(unread(r#"{"v":1,"node":"9f","at":1,"kind":"viewers"}"#), Unread::Garbage);
    assert_eq!(unread(r#"{"v":1,"node":"9f","at":1,"kind":"viewers","rooms":{"7":-1}}"#), Unread::Garbage);
}

#[test]
fn the_largest_words_fit_into_a_record() {
    let id = |i: usize| u64::MAX - i as u64;
    let rooms = (0..ROOMS_MAX).map(|i| (RoomId(id(i)), u64::MAX)).collect();
    let one = |i| End { user: Some(UserId(id(i))), families: vec![Family(u128::MAX)] };
    let each = (0..SESSIONS_MAX).map(one).collect();
    for word in [Word::Viewers(rooms), Word::Ended(each)] {
        let bytes = Record { node: NodeId(u64::MAX), at: Millis(u64::MAX), word }.encode().len();
        assert!(bytes <= RECORD_BYTES_MAX, "{bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_new_in_the_store_is_told_to_the_others_alone() {
    let house = House::new();
    let (one, two) = (house.node(1).await, house.node(2).await);
    let begin = Instant::now();
    one.news.say(Topic::Emotes);
    two.news.time_to_look(Topic::Emotes).await;
    assert!(begin.elapsed() < LOOK_EVERY, "without a word it would have waited so long");
    let begin = Instant::now();
    one.news.time_to_look(Topic::Emotes).await;
    assert_eq!(begin.elapsed(), LOOK_EVERY, "its own word is none to itself");
}
