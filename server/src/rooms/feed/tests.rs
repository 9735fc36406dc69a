//! The ring's promises: one order, nothing twice, every hole told.

use super::*;
use chat::{
    message::{Author, Styled},
    time::Millis,
};
use protocol::{
    frames::ServerFrame,
    ids::{RoomId, UserId},
};

fn message(seq: u64) -> Logged {
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
fn seqs(frames: &[Utf8Bytes]) -> Vec<u64> {
    let parse = |frame: &Utf8Bytes| serde_json::from_str::<ServerFrame>(frame.as_str()).unwrap();
    let messages = frames.iter().flat_map(|frame| match parse(frame) {
        ServerFrame::Messages { room, messages, skipped: 0 } if room == "bestie" => messages,
        ServerFrame::Room { .. } => vec![],
        other => panic!("{other:?}"),
    });
    messages.map(|m| m.seq.0).collect()
}

fn pull(feed: &Feed, cursor: &mut Cursor) -> (Option<Gap>, Vec<u64>) {
    let mut frames = Vec::new();
    let gap = feed.pull(cursor, &mut frames, usize::MAX);
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
    assert_eq!(feed.published(), 4);
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
        let mut frames = Vec::new();
        assert_eq!(feed.pull(&mut cursor, &mut frames, 1), None);
        assert_eq!(frames.len(), 1, "one frame always fits a turn");
        all.append(&mut seqs(&frames));
        turns += 1;
    }
    assert_eq!(turns, 3);
    assert_eq!(all, (1..=450).collect::<Vec<_>>());
}

#[test]
fn viewers_are_counted_and_woken_until_they_leave() {
    let feed = feed(10);
    let (a, b) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let first = feed.subscribe(a.clone());
    let second = feed.subscribe(b.clone());
    assert_eq!(feed.viewers(), 2);
    drop(first);
    feed.publish(&messages([1]));
    assert_eq!(feed.viewers(), 1);
    let woken = |n: &Notify| futures_util::FutureExt::now_or_never(n.notified()).is_some();
    assert_eq!((woken(&a), woken(&b)), (false, true));
    // The free slot is used again.
    let third = feed.subscribe(a);
    assert_eq!(feed.wakers.lock().slots.len(), 2);
    drop((second, third));
    assert_eq!(feed.viewers(), 0);
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
