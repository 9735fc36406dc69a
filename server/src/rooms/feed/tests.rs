//! The ring's promises: one order, nothing twice, every hole told.

mod deflated;

use super::*;
use chat::{
    message::{Author, Styled},
    time::Millis,
};
use protocol::{
    frames::ServerFrame,
    ids::{RoomId, UserId},
};

pub(super) fn message(seq: u64) -> Logged {
    let author = Author {
        id: UserId(1),
        username: "ada".into(),
        display_name: "Ada".into(),
        color: "#FF69B4".into(),
        badges: vec![],
    };
    let message = Styled {
        id: MessageId(uuid::Uuid::from_u128(u128::from(seq))),
        room: RoomId(1),
        author,
        text: format!("line [{seq}], \"quoted\""),
        original: String::new(),
        emotes: vec![],
        mentions: vec![],
        reply_to: None,
        action: false,
        styled: true,
        sent_at: Millis(seq),
        nonce: None,
    };
    Logged { seq: Seq(seq), message }
}

fn messages(seqs: impl IntoIterator<Item = u64>) -> Vec<Logged> {
    seqs.into_iter().map(message).collect()
}

fn feed(messages_max: usize) -> Arc<Feed> {
    Feed::new("bestie", RingLimits { messages_max, bytes_max: usize::MAX })
}

/// The seqs of all messages in some frames, as a client would read them.
fn seqs(frames: &[Bytes]) -> Vec<u64> {
    let parse = |frame: &Bytes| serde_json::from_slice::<ServerFrame>(frame::payload(frame)).unwrap();
    let messages = frames.iter().flat_map(|frame| match parse(frame) {
        ServerFrame::Messages { room, messages, skipped: 0 } if room == "bestie" => messages,
        ServerFrame::Room { .. } => vec![],
        other => panic!("{other:?}"),
    });
    messages.map(|m| m.seq.0).collect()
}

/// Everything that is before the cursor, which goes past it.
fn pull(feed: &Feed, cursor: &mut Cursor) -> (Option<Gap>, Vec<u64>) {
    let (gap, batch) = feed.pull(cursor, None, usize::MAX);
    let frames: Vec<Bytes> = batch.steps().iter().map(|step| step.bytes(false).clone()).collect();
    *cursor = batch.end();
    assert!(!feed.has_more(cursor));
    (gap, seqs(&frames))
}

fn snapshot(snapshot: &Snapshot) -> Vec<u64> {
    snapshot
        .messages
        .iter()
        .map(|m| {
            let decoded: protocol::objects::FrameMessage = serde_json::from_str(m.json()).unwrap();
            assert_eq!(decoded.seq, m.seq());
            m.seq().0
        })
        .collect()
}

#[test]
fn a_cursor_gets_everything_after_its_snapshot_once() {
    let feed = feed(1_000);
    feed.publish(&messages([3, 4, 7]));
    let past = feed.latest(2);
    assert_eq!((snapshot(&past), past.last), (vec![4, 7], Seq(7)));
    let mut cursor = past.cursor;
    assert_eq!(pull(&feed, &mut cursor), (None, vec![]));
    feed.publish(&messages([8]));
    feed.publish(&messages([12, 13]));
    assert_eq!(pull(&feed, &mut cursor), (None, vec![8, 12, 13]));
    assert_eq!(pull(&feed, &mut cursor), (None, vec![]));
}

#[test]
fn the_same_part_of_the_log_read_again_shows_nothing_twice() {
    let feed = feed(1_000);
    let mut cursor = feed.latest(0).cursor;
    feed.publish(&messages([1, 2, 3]));
    feed.publish(&messages([1, 2, 3]));
    feed.publish(&messages([2, 3, 4]));
    assert_eq!(pull(&feed, &mut cursor), (None, vec![1, 2, 3, 4]));
}

#[test]
fn whoever_falls_off_the_ring_is_told_exactly_what_is_gone() {
    let feed = feed(4);
    feed.publish(&messages([1, 2]));
    let mut cursor = feed.latest(0).cursor;
    for seq in [5, 6, 9, 10, 11, 12] {
        feed.publish(&messages([seq]));
    }
    let gap = Gap { from: Seq(2), to: Seq(6) };
    assert_eq!(pull(&feed, &mut cursor), (Some(gap), vec![9, 10, 11, 12]));
    feed.publish(&messages([13]));
    assert_eq!(pull(&feed, &mut cursor), (None, vec![13]));
}

#[test]
fn lost_counters_are_no_hole() {
    let feed = feed(2);
    feed.publish(&messages([1]));
    let mut cursor = feed.latest(0).cursor;
    let room = ServerFrame::Room {
        room: "bestie".into(),
        settings: Default::default(),
        viewers: 1,
        messages_per_second: 0.0,
        pinned: None,
        title: None,
        description: None,
        archived: None,
    };
    feed.publish_frame(room.to_json());
    feed.publish(&messages([2, 3]));
    assert_eq!(pull(&feed, &mut cursor), (None, vec![2, 3]));
}

#[test]
fn resume_is_complete_or_says_where_the_ring_begins() {
    let feed = feed(3);
    feed.publish(&messages([1]));
    feed.publish(&messages([4]));
    feed.publish(&messages([6]));
    feed.publish(&messages([9]));
    let resume = |after| match feed.resume(Seq(after)) {
        Resume::Complete(past) => Ok(snapshot(&past)),
        Resume::Before(seq) => Err(seq.0),
    };
    assert_eq!(resume(0), Err(1));
    assert_eq!(resume(1), Ok(vec![4, 6, 9]));
    assert_eq!(resume(2), Ok(vec![4, 6, 9]));
    assert_eq!(resume(6), Ok(vec![9]));
    assert_eq!(resume(9), Ok(vec![]));
}

#[test]
fn the_ring_stays_inside_its_bytes() {
    let feed = Feed::new("bestie", RingLimits { messages_max: usize::MAX, bytes_max: 2_000 });
    for seq in 1..=100 {
        feed.publish(&messages([seq]));
        let ring = feed.ring.read();
        assert!(ring.bytes <= 2_000 || ring.items.len() == 1);
        assert_eq!(ring.bytes, ring.items.iter().map(|i| i.frame.len()).sum::<usize>());
    }
}

#[test]
fn a_large_batch_travels_in_several_frames_and_turns() {
    let feed = feed(10_000);
    let mut cursor = feed.latest(0).cursor;
    feed.publish(&messages(1..=450));
    let mut all = Vec::new();
    let mut turns = 0;
    while feed.has_more(&cursor) {
        let (gap, batch) = feed.pull(&mut cursor, None, 1);
        assert_eq!(gap, None);
        let [step] = batch.steps() else { panic!("one frame always fits a turn, and no more") };
        cursor.pass(step);
        all.append(&mut seqs(std::slice::from_ref(step.bytes(false))));
        turns += 1;
    }
    assert_eq!(turns, 3);
    assert_eq!(all, (1..=450).collect::<Vec<_>>());
}

#[test]
fn what_stands_side_by_side_travels_as_one_frame_and_keeps_its_order() {
    let feed = feed(10_000);
    let mut cursor = feed.latest(0).cursor;
    for seq in 1..=3 {
        feed.publish(&messages([seq]));
    }
    let room = ServerFrame::Room {
        room: "bestie".into(),
        settings: Default::default(),
        viewers: 1,
        messages_per_second: 0.0,
        pinned: None,
        title: None,
        description: None,
        archived: None,
    };
    feed.publish_frame(room.to_json());
    feed.publish(&messages(4..=5));
    feed.publish(&messages(6..=210));
    let (_, batch) = feed.pull(&mut cursor, None, usize::MAX);
    let frames: Vec<Vec<u64>> =
        batch.steps().iter().map(|step| seqs(std::slice::from_ref(step.bytes(false)))).collect();
    // A frame holds two hundred; what is one batch in the ring is not taken apart.
    let expected = [vec![1, 2, 3], vec![], (4..=5).collect(), (6..=205).collect(), (206..=210).collect()];
    assert_eq!(frames, expected);
    // Whoever stops between two frames goes on there.
    cursor.pass(&batch.steps()[0]);
    assert_eq!(pull(&feed, &mut cursor), (None, (4..=210).collect()));
}

#[test]
fn a_room_full_of_its_own_frames_does_not_make_a_write_endless() {
    let feed = feed(10_000);
    let mut cursor = feed.latest(0).cursor;
    for _ in 0..100 {
        feed.publish_frame("{}".into());
    }
    let (_, batch) = feed.pull(&mut cursor, None, usize::MAX);
    assert_eq!(batch.steps().len(), batch::STEPS_MAX);
    cursor.pass(&batch.steps()[0]);
    assert!(feed.has_more(&cursor));
}

#[test]
fn viewers_are_counted_until_they_leave() {
    let feed = feed(10);
    let (first, second) = (feed.subscribe(), feed.subscribe());
    assert_eq!(feed.viewers(), 2);
    drop(first);
    assert_eq!(feed.viewers(), 1);
    drop(second);
    assert_eq!(feed.viewers(), 0);
}

#[derive(Default)]
struct Ear(AtomicU64);

impl Listener for Ear {
    fn news(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn who_listens_is_told_until_it_listens_no_more() {
    let feed = feed(10);
    let (a, b) = (Arc::new(Ear::default()), Arc::new(Ear::default()));
    feed.listen(a.clone());
    feed.listen(b.clone());
    feed.publish(&messages([1]));
    feed.unlisten(&(a.clone() as Arc<dyn Listener>));
    feed.publish_frame("{}".into());
    feed.publish(&messages([1]));
    let told = |ear: &Ear| ear.0.load(Ordering::Relaxed);
    assert_eq!((told(&a), told(&b)), (1, 2), "what was published before is no news");
}

#[test]
fn a_message_is_found_by_its_id_while_it_is_in_the_ring() {
    let feed = feed(2);
    feed.publish(&messages([1, 2]));
    let id = message(2).message.id;
    assert_eq!(feed.find(id).map(|m| m.seq()), Some(Seq(2)));
    feed.publish(&messages([3, 4]));
    assert!(feed.find(id).is_none());
}

#[tokio::test]
async fn who_waits_for_a_message_is_told_when_it_comes() {
    let feed = feed(10);
    feed.publish(&messages([1]));
    feed.reached(Seq(1)).await;
    let other = feed.clone();
    let waits = tokio::spawn(async move { other.reached(Seq(3)).await });
    feed.publish(&messages([2]));
    tokio::task::yield_now().await;
    assert!(!waits.is_finished());
    feed.publish(&messages([4]));
    waits.await.unwrap();
}

#[test]
fn a_join_is_served_whatever_has_left_the_ring() {
    let feed = feed(100);
    feed.publish(&messages(1..=90));
    feed.publish(&messages(91..=180));
    assert_eq!(feed.complete_after(), Seq(90), "two batches are more than the ring may keep");
    let seqs = |count| feed.latest(count).messages.iter().map(|m| m.seq().0).collect::<Vec<_>>();
    assert_eq!(seqs(100), (81..=180).collect::<Vec<_>>());
    assert_eq!(seqs(3), [178, 179, 180]);

    let quiet = Feed::new("bestie", RingLimits { messages_max: 100, bytes_max: 2_000 });
    quiet.publish(&messages([1, 2]));
    for viewers in 0..1_000 {
        quiet.publish_frame(format!("viewers {viewers}"));
    }
    assert_eq!(quiet.latest(10).messages.len(), 2, "viewers who come and go do not push out what was said");
}

/// What a viewer that has seen nothing yet is sent, and what a join is shown.
fn seen(feed: &Feed, from: Cursor) -> (Vec<u64>, Vec<u64>) {
    let mut cursor = from;
    let (gap, live) = pull(feed, &mut cursor);
    assert_eq!((gap, feed.has_more(&cursor)), (None, false));
    (live, snapshot(&feed.latest(100)))
}

#[test]
fn what_is_taken_away_is_neither_sent_nor_shown_nor_found() {
    let feed = feed(1_000);
    let start = feed.latest(0).cursor;
    feed.publish(&messages([1, 2, 3]));
    feed.publish(&messages([4]));
    let between = feed.latest(0).cursor;
    feed.publish(&messages([5, 6]));
    let gone = [2, 4, 6];
    let is_gone = |place: &Place| gone.contains(&place.seq.0);
    feed.retract(&is_gone, None);
    assert_eq!(seen(&feed, start), (vec![1, 3, 5], vec![1, 3, 5]));
    assert_eq!(seen(&feed, between).0, [5], "cursors stay where they were");
    for seq in 1..=6 {
        let found = feed.find(messages([seq])[0].message.id);
        assert_eq!(found.is_some(), !gone.contains(&seq), "{seq}");
    }
    assert_eq!(feed.last(), Seq(6), "places stay taken");
    match feed.resume(Seq(1)) {
        Resume::Complete(past) => assert_eq!(snapshot(&past), [3, 5]),
        Resume::Before(seq) => panic!("the ring begins after {seq}"),
    }
    // Once more changes nothing.
    feed.retract(&is_gone, None);
    assert_eq!(seen(&feed, start).0, [1, 3, 5]);
}

#[test]
fn the_frame_about_it_comes_after_the_messages_before_it() {
    let feed = feed(1_000);
    let mut cursor = feed.latest(0).cursor;
    feed.publish(&messages([1, 2]));
    let frame =
        ServerFrame::Deleted { room: "bestie".into(), ids: vec![messages([1])[0].message.id] }.to_json();
    feed.retract(&|place| place.seq == Seq(1), Some(frame.clone()));
    feed.publish(&messages([3]));
    let (gap, batch) = feed.pull(&mut cursor, None, usize::MAX);
    assert_eq!(gap, None);
    let frames: Vec<Bytes> = batch.steps().iter().map(|step| step.bytes(false).clone()).collect();
    assert_eq!(frames.len(), 3);
    assert_eq!(
        (seqs(&frames[..1]), frame::payload(&frames[1]), seqs(&frames[2..])),
        (vec![2], frame.as_bytes(), vec![3])
    );
}

#[test]
fn by_author_and_beyond_the_ring() {
    // The ring holds two messages, a join shows a hundred.
    let feed = feed(2);
    let mut all = messages(1..=40);
    for message in all.iter_mut().filter(|m| m.seq.0 % 2 == 0) {
        message.message.author.id = UserId(2);
    }
    for batch in all.chunks(8) {
        feed.publish(batch);
    }
    feed.retract(&|place| place.author == UserId(2) && place.seq <= Seq(38), None);
    let left: Vec<u64> = (1..=40).filter(|seq| seq % 2 == 1 || *seq > 38).collect();
    assert_eq!(snapshot(&feed.latest(100)), left);
    feed.retract(&|_| true, None);
    assert_eq!(snapshot(&feed.latest(100)), [0; 0]);
    // The ring goes on counting: a batch of nothing leaves it like any other.
    let mut late = Cursor { next: 0, last: Seq(3), kind: FeedKind::Full, skipped: 0 };
    feed.publish(&messages([41, 42, 43]));
    let (gap, live) = pull(&feed, &mut late);
    assert_eq!((gap, live), (Some(Gap { from: Seq(3), to: Seq(40) }), vec![41, 42, 43]));
}

/// A storm: a thousand messages in one second, and nothing before it.
fn storm(feed: &Feed, from: u64) {
    let batch: Vec<Logged> = (from..from + 1_000)
        .map(|seq| {
            let mut logged = message(seq);
            logged.message.sent_at = Millis(1_000_000 + seq);
            logged.message.id = MessageId(uuid::Uuid::from_u128(u128::from(seq.wrapping_mul(0x9e37_79b9))));
            logged.message.author.username = format!("user_{seq}");
            logged
        })
        .collect();
    for batch in batch.chunks(50) {
        feed.publish(batch);
    }
}

/// The frames before a cursor: the places in each, and how many it says were left out.
fn frames_of(feed: &Feed, cursor: &mut Cursor, viewer: Option<&str>) -> Vec<(Vec<u64>, u64)> {
    let (gap, batch) = feed.pull(cursor, viewer, 1);
    assert_eq!(gap, None);
    *cursor = batch.end();
    let parse = |step: &batch::Step| serde_json::from_slice(frame::payload(step.bytes(false))).unwrap();
    batch
        .steps()
        .iter()
        .map(|step| match parse(step) {
            ServerFrame::Messages { messages, skipped, .. } => {
                assert_eq!(step.messages, messages.len() as u64);
                (messages.iter().map(|m| m.seq.0).collect(), skipped)
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_sample_says_how_much_it_leaves_out_and_all_together_is_everything() {
    let feed = feed(10_000);
    for kind in [FeedKind::Readable, FeedKind::Auto] {
        let from = feed.last().0 + 1;
        let (mut cursor, mut full) = (feed.latest(0).cursor.of_kind(kind), feed.latest(0).cursor);
        storm(&feed, from);
        let frames = frames_of(&feed, &mut cursor, None);
        let shown: Vec<u64> = frames.iter().flat_map(|(seqs, _)| seqs.clone()).collect();
        assert!(shown.len() < 200 && shown.is_sorted(), "{shown:?}");
        // What came after the last one that is shown is told by the next frame.
        feed.publish(&[{
            let mut calm = message(from + 2_000);
            calm.message.sent_at = Millis(9_000_000);
            calm
        }]);
        let after = frames_of(&feed, &mut cursor, None);
        assert_eq!(after.len(), 1);
        let skipped: u64 = frames.iter().chain(&after).map(|(_, skipped)| skipped).sum();
        assert_eq!(shown.len() as u64 + skipped, 1_000, "{kind:?}");
        assert!(!feed.has_more(&cursor));
        assert_eq!(pull(&feed, &mut full).1.len(), 1_001, "the full feed leaves nothing out");
        feed.publish(&[{
            let mut calm = message(from + 3_000);
            calm.message.sent_at = Millis(1);
            calm
        }]);
    }
}

#[test]
fn the_same_sample_is_one_frame_for_all_and_who_is_concerned_gets_more() {
    let feed = feed(10_000);
    let start = feed.latest(0).cursor.of_kind(FeedKind::Readable);
    storm(&feed, 1);
    let (_, shared) = feed.pull(&mut start.clone(), None, 1);
    let all: Vec<u64> =
        frames_of(&feed, &mut start.clone(), None).into_iter().flat_map(|(seqs, _)| seqs).collect();
    let missed = (1..=1_000).find(|seq| !all.contains(seq)).unwrap();
    let name = format!("user_{missed}");
    assert!(shared.concerns(&name) && !shared.concerns("somebody"));
    let frames = frames_of(&feed, &mut start.clone(), Some(&name));
    let mine: Vec<u64> = frames.iter().flat_map(|(seqs, _)| seqs.clone()).collect();
    let mut expected = all;
    expected.push(missed);
    expected.sort_unstable();
    assert_eq!(mine, expected, "in the room's order");
}

#[test]
fn mentions_and_answers_concern_too() {
    let mut line = message(1);
    line.message.mentions = vec!["bob".into()];
    line.message.reply_to = Some(chat::message::ReplyTo {
        id: line.message.id,
        username: "eve".into(),
        display_name: "Eve".into(),
        excerpt: String::new(),
    });
    let names: Vec<String> = concerned(&line.message).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["ada", "bob", "eve"]);
}

#[test]
fn what_is_taken_away_from_a_sample_is_not_told_as_left_out() {
    let feed = feed(10_000);
    let mut cursor = feed.latest(0).cursor.of_kind(FeedKind::Readable);
    storm(&feed, 1);
    feed.retract(&|_| true, None);
    assert_eq!(frames_of(&feed, &mut cursor, None), []);
    assert!(!feed.has_more(&cursor));
    assert_eq!(cursor.skipped, 0);
}
