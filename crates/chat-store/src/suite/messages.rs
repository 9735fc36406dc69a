//! Promises of [`MessageStore`](crate::MessageStore).

use super::{Engine, T0, id, line, line_at, places, rich};
use crate::{Checkpoint, Mark, PAGE_ROWS_MAX, Page, Row, Store};
use chat::{message::Logged, time::Millis};
use protocol::ids::{RoomId, Seq};
use std::sync::Arc;

const ROOM: RoomId = RoomId(1);

async fn page(store: &Arc<dyn Store>, page: Page, limit: usize) -> Vec<u64> {
    places(&store.page(ROOM, page, limit).await.expect("page"))
}

/// A room that nobody wrote in.
pub async fn an_empty_room_has_no_pages(engine: &impl Engine) {
    let store = engine.open().await;
    for which in [Page::Latest, Page::Before(Seq(5)), Page::After(Seq(0)), Page::Before(Seq(u64::MAX))] {
        assert_eq!(page(&store, which, 10).await, [0; 0], "{which:?}");
    }
    assert_eq!(store.message(ROOM, id(1, 1)).await, Ok(None));
    assert_eq!(store.expire(Millis(u64::MAX), 10).await, Ok(0));
}

/// Nothing of a message is lost.
pub async fn a_message_comes_back_with_every_field(engine: &impl Engine) {
    let store = engine.open().await;
    let rows = vec![rich(1, 3), line(1, 4)];
    store.write(rows.clone()).await.expect("write");
    assert_eq!(store.page(ROOM, Page::Latest, 10).await, Ok(rows));
}

/// `Page::Latest`.
pub async fn latest_is_the_newest_oldest_first(engine: &impl Engine) {
    let store = engine.open().await;
    store.write((1..=20).map(|seq| line(1, seq * 10)).collect()).await.expect("write");
    assert_eq!(page(&store, Page::Latest, 3).await, [180, 190, 200]);
    assert_eq!(page(&store, Page::Latest, 1).await, [200]);
    assert_eq!(page(&store, Page::Latest, 0).await, [0; 0]);
    assert_eq!(page(&store, Page::Latest, 20).await.len(), 20);
    assert_eq!(page(&store, Page::Latest, 21).await.len(), 20);
}

/// `Page::Before` and `Page::After`, with places that hold a row and places that do not.
pub async fn before_and_after_leave_out_their_place(engine: &impl Engine) {
    let store = engine.open().await;
    store.write([10, 20, 30, 40].map(|seq| line(1, seq)).to_vec()).await.expect("write");
    for (which, limit, expected) in [
        (Page::Before(Seq(30)), 10, vec![10, 20]),
        (Page::Before(Seq(30)), 1, vec![20]),
        (Page::Before(Seq(30)), 2, vec![10, 20]),
        (Page::Before(Seq(30)), 0, vec![]),
        (Page::Before(Seq(31)), 1, vec![30]),
        (Page::Before(Seq(10)), 10, vec![]),
        (Page::Before(Seq(11)), 10, vec![10]),
        (Page::Before(Seq(1_000)), 2, vec![30, 40]),
        (Page::After(Seq(20)), 10, vec![30, 40]),
        (Page::After(Seq(20)), 1, vec![30]),
        (Page::After(Seq(20)), 2, vec![30, 40]),
        (Page::After(Seq(20)), 0, vec![]),
        (Page::After(Seq(19)), 1, vec![20]),
        (Page::After(Seq(40)), 10, vec![]),
        (Page::After(Seq(39)), 10, vec![40]),
        (Page::After(Seq(0)), 3, vec![10, 20, 30]),
        (Page::After(Seq(1_000)), 10, vec![]),
    ] {
        assert_eq!(page(&store, which, limit).await, expected, "{which:?}, {limit}");
    }
}

/// Places 0 and 2⁶⁴ − 1, with neighbours in the rooms before and after.
pub async fn pages_at_the_ends_of_all_places(engine: &impl Engine) {
    const MAX: u64 = u64::MAX;
    let store = engine.open().await;
    store.write(vec![line(0, MAX), line(2, 0), line(2, 1), line(1, 1), line(1, MAX)]).await.expect("write");
    for (which, expected) in [
        (Page::Latest, vec![1, MAX]),
        (Page::Before(Seq(0)), vec![]),
        (Page::Before(Seq(1)), vec![]),
        (Page::Before(Seq(MAX)), vec![1]),
        (Page::After(Seq(0)), vec![1, MAX]),
        (Page::After(Seq(MAX - 1)), vec![MAX]),
        (Page::After(Seq(MAX)), vec![]),
    ] {
        assert_eq!(page(&store, which, usize::MAX).await, expected, "{which:?}");
    }
    store.write(vec![line(u64::MAX, MAX)]).await.expect("write");
    let last = store.page(RoomId(u64::MAX), Page::After(Seq(5)), 5).await.expect("page");
    assert_eq!(places(&last), [MAX], "the last room's last place");
}

/// However much is asked for.
pub async fn a_page_has_a_longest_length(engine: &impl Engine) {
    let store = engine.open().await;
    let rows = u64::try_from(PAGE_ROWS_MAX).expect("a small number") + 1;
    store.write((1..=rows).map(|seq| line(1, seq)).collect()).await.expect("write");
    let latest = page(&store, Page::Latest, usize::MAX).await;
    assert_eq!((latest.len(), latest[0]), (PAGE_ROWS_MAX, 2));
    let after = page(&store, Page::After(Seq(0)), usize::MAX).await;
    assert_eq!((after.len(), after[0]), (PAGE_ROWS_MAX, 1));
}

/// Paging back and forth through a room.
pub async fn paging_meets_every_row_once(engine: &impl Engine) {
    let store = engine.open().await;
    let all: Vec<u64> = (1..=100).map(|n| n * n).collect();
    store.write(all.iter().map(|&seq| line(1, seq)).collect()).await.expect("write");
    let mut forward = vec![];
    loop {
        let next = page(&store, Page::After(Seq(forward.last().copied().unwrap_or(0))), 7).await;
        if next.is_empty() {
            break;
        }
        forward.extend(next);
    }
    assert_eq!(forward, all);
    let mut backward: Vec<u64> = vec![];
    loop {
        let mut next =
            page(&store, Page::Before(Seq(backward.first().copied().unwrap_or(u64::MAX))), 7).await;
        if next.is_empty() {
            break;
        }
        next.extend(backward);
        backward = next;
    }
    assert_eq!(backward, all);
}

/// The same places and ids in several rooms.
pub async fn rooms_do_not_mix(engine: &impl Engine) {
    let store = engine.open().await;
    let mut shared = line(2, 5);
    shared.message.id = id(1, 5);
    store.write(vec![line(1, 5), shared.clone(), line(3, 6)]).await.expect("write");
    for (room, rows) in [(1, vec![line(1, 5)]), (2, vec![shared.clone()]), (3, vec![line(3, 6)]), (4, vec![])]
    {
        assert_eq!(store.page(RoomId(room), Page::Latest, 10).await, Ok(rows), "room {room}");
    }
    assert_eq!(store.message(RoomId(1), id(1, 5)).await, Ok(Some(line(1, 5))));
    assert_eq!(store.message(RoomId(2), id(1, 5)).await, Ok(Some(shared)));
    assert_eq!(store.message(RoomId(3), id(1, 5)).await, Ok(None));
}

/// The same range twice, and ranges that overlap.
pub async fn writing_again_changes_nothing(engine: &impl Engine) {
    let store = engine.open().await;
    let rows: Vec<_> = (1..=10).map(|seq| line(1, seq)).collect();
    store.write(rows[..6].to_vec()).await.expect("write");
    store.write(rows[..6].to_vec()).await.expect("write again");
    store.write(rows[3..].to_vec()).await.expect("write what overlaps");
    store.write(rows.iter().chain(&rows).cloned().collect()).await.expect("write all of it twice at once");
    assert_eq!(store.page(ROOM, Page::Latest, 100).await, Ok(rows.clone()));
    assert_eq!(store.message(ROOM, id(1, 4)).await, Ok(Some(rows[3].clone())));
    if engine.gives_up_when_told() {
        assert_eq!(store.expire(Millis(u64::MAX), 100).await, Ok(10), "each row goes once");
        assert_eq!(page(&store, Page::Latest, 100).await, [0; 0]);
    }
}

/// A row that says something else does not take the place of the first.
pub async fn a_row_is_never_written_over(engine: &impl Engine) {
    let store = engine.open().await;
    store.write(vec![line(1, 1)]).await.expect("write");
    let mut other = line_at(1, 1, T0 + 99);
    other.message.id = id(1, 99);
    other.message.text = "something else".into();
    store.write(vec![other, line(1, 2)]).await.expect("write");
    assert_eq!(store.page(ROOM, Page::Latest, 10).await, Ok(vec![line(1, 1), line(1, 2)]));
    assert_eq!(store.message(ROOM, id(1, 99)).await, Ok(None), "and leaves no trace");
    if engine.gives_up_when_told() {
        assert_eq!(store.expire(Millis(u64::MAX), 10).await, Ok(2));
    }
}

/// A room's rows need not come in order, nor room after room.
pub async fn rows_may_come_in_any_order(engine: &impl Engine) {
    let store = engine.open().await;
    store.write(vec![line(2, 9), line(1, 30), line(2, 1), line(1, 10)]).await.expect("write");
    store.write(vec![line(1, 20), line(1, 5), line(2, 4), line(1, 40)]).await.expect("write");
    assert_eq!(page(&store, Page::Latest, 10).await, [5, 10, 20, 30, 40]);
    let other = store.page(RoomId(2), Page::Latest, 10).await.expect("page");
    assert_eq!(places(&other), [1, 4, 9]);
    assert_eq!(store.message(ROOM, id(1, 20)).await, Ok(Some(line(1, 20))));
}

/// `message`.
pub async fn a_message_is_found_by_its_id(engine: &impl Engine) {
    let store = engine.open().await;
    store.write(vec![line(1, 1), rich(1, 2)]).await.expect("write");
    assert_eq!(store.message(ROOM, id(1, 2)).await, Ok(Some(rich(1, 2))));
    assert_eq!(store.message(ROOM, id(1, 3)).await, Ok(None));
}

/// A writer's retry may bring the same message to the log twice.
pub async fn an_id_at_two_places_is_the_first(engine: &impl Engine) {
    let store = engine.open().await;
    let again = |seq: u64, sent_at: u64| {
        let mut logged = line_at(1, seq, sent_at);
        logged.message.id = id(1, 1);
        logged
    };
    store.write(vec![again(7, T0 + 7)]).await.expect("write");
    store.write(vec![again(3, T0 + 3), again(9, T0 + 9)]).await.expect("write");
    assert_eq!(page(&store, Page::Latest, 10).await, [3, 7, 9], "the history shows what the log holds");
    assert_eq!(store.message(ROOM, id(1, 1)).await, Ok(Some(again(3, T0 + 3))));
    if engine.gives_up_when_told() {
        assert_eq!(store.expire(Millis(T0 + 4), 10).await, Ok(1));
        assert_eq!(page(&store, Page::Latest, 10).await, [7, 9]);
    }
}

/// An empty batch.
pub async fn writing_nothing_is_fine(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(store.write(vec![]).await, Ok(()));
}

/// `keep`: as `write` and then `save`.
pub async fn rows_of_the_log_are_kept_with_their_mark(engine: &impl Engine) {
    let store = engine.open().await;
    let at = |offset| Checkpoint { epoch: "e1".to_owned(), offset };
    let mark = |offset| Some(Mark { consumer: "persist", partition: 3, at: at(offset) });
    let rows = |logged: &[Logged]| logged.iter().map(Row::from).collect::<Vec<_>>();
    let first = [rich(1, 1), line(1, 2), line(2, 2)];
    assert_eq!(store.keep(rows(&first), mark(2)).await, Ok(()));
    assert_eq!(store.load("persist", 3).await, Ok(Some(at(2))));
    assert_eq!(store.page(ROOM, Page::Latest, 10).await, Ok(first[..2].to_vec()));
    assert_eq!(store.message(ROOM, id(1, 1)).await, Ok(Some(rich(1, 1))));
    // Again, with one more and with nothing to mark; then a mark alone.
    assert_eq!(store.keep(rows(&[rich(1, 1), line(1, 3)]), None).await, Ok(()));
    assert_eq!(page(&store, Page::Latest, 10).await, [1, 2, 3]);
    assert_eq!(store.load("persist", 3).await, Ok(Some(at(2))));
    assert_eq!(store.keep(vec![], mark(3)).await, Ok(()));
    assert_eq!(store.load("persist", 3).await, Ok(Some(at(3))));
}

/// Neither places nor ids nor times of one batch need lie behind those of the one before.
pub async fn batches_may_lie_between_each_other(engine: &impl Engine) {
    const ROWS: u64 = 240;
    let store = engine.open().await;
    // Every place once, far from its neighbours, in rooms of which each has another order of times.
    let places: Vec<u64> = (0..ROWS).map(|n| 1 + n * 77 % ROWS).collect();
    let at = |room: u64, seq: u64| line_at(room, seq, T0 + seq * (7 + room * 47) % ROWS);
    for batch in places.chunks(37) {
        let rows = [0, 1, 2].into_iter().flat_map(|room| batch.iter().map(move |&seq| at(room, seq)));
        store.write(rows.collect()).await.expect("write");
    }
    let all: Vec<u64> = (1..=ROWS).collect();
    for room in 0..3 {
        let page = store.page(RoomId(room), Page::Latest, 500).await.expect("page");
        assert_eq!(page, all.iter().map(|&seq| at(room, seq)).collect::<Vec<_>>());
        for seq in [1, 2, 120, ROWS] {
            assert_eq!(store.message(RoomId(room), id(room, seq)).await, Ok(Some(at(room, seq))));
        }
    }
    if engine.gives_up_when_told() {
        let old =
            (0..3).map(|room| all.iter().filter(|&&seq| at(room, seq).message.sent_at.0 < T0 + 50).count());
        assert_eq!(store.expire(Millis(T0 + 50), usize::MAX).await, Ok(old.sum::<usize>()));
        assert_eq!(store.expire(Millis(u64::MAX), usize::MAX).await.map(|left| left > 0), Ok(true));
        assert_eq!(page(&store, Page::Latest, 10).await, [0; 0]);
    }
}

/// `expire`: what was sent before, the oldest first, no more than asked for, and wholly.
pub async fn expiry_goes_by_time_and_in_steps(engine: &impl Engine) {
    let store = engine.open().await;
    if !engine.gives_up_when_told() {
        return expire_leaves_all(&store).await;
    }
    store.write((1..=10).flat_map(|seq| [line(1, seq), line(2, seq)]).collect()).await.expect("write");
    let limit = Millis(T0 + 8);
    assert_eq!(store.expire(limit, 0).await, Ok(0));
    let mut left = 14;
    while left > 0 {
        let step = left.min(4);
        assert_eq!(store.expire(limit, 4).await, Ok(step), "{left} to go");
        left -= step;
        let rows = store.page(ROOM, Page::Latest, 20).await.expect("page").len()
            + store.page(RoomId(2), Page::Latest, 20).await.expect("page").len();
        assert_eq!(rows, 6 + left, "neither more nor less than it said");
        for seq in 1..=10 {
            for room in [1, 2] {
                let found = store.message(RoomId(room), id(room, seq)).await.expect("message").is_some();
                let shown =
                    places(&store.page(RoomId(room), Page::Latest, 20).await.expect("page")).contains(&seq);
                assert_eq!(found, shown, "room {room}, place {seq}: by its id as in a page");
            }
        }
    }
    assert_eq!(store.expire(limit, 4).await, Ok(0));
    assert_eq!(page(&store, Page::Latest, 20).await, [8, 9, 10], "what was sent at the limit itself stays");
    assert_eq!(store.expire(Millis(u64::MAX), usize::MAX).await, Ok(6));
}

/// What `expire` is to an engine whose rows go by themselves.
pub(super) async fn expire_leaves_all(store: &Arc<dyn Store>) {
    store.write((1..=10).map(|seq| line(1, seq)).collect()).await.expect("write");
    assert_eq!(store.expire(Millis(u64::MAX), usize::MAX).await, Ok(0));
    assert_eq!(page(store, Page::Latest, 20).await.len(), 10);
    assert_eq!(store.message(ROOM, id(1, 1)).await, Ok(Some(line(1, 1))));
}

/// The order of a room need not be the order of its times.
pub async fn expiry_with_clocks_that_disagree(engine: &impl Engine) {
    let store = engine.open().await;
    if !engine.gives_up_when_told() {
        return expire_leaves_all(&store).await;
    }
    let rows = [(1, 50), (2, 10), (3, 60), (4, 0), (5, 49)].map(|(seq, at)| line_at(1, seq, T0 + at));
    store.write(rows.to_vec()).await.expect("write");
    assert_eq!(store.expire(Millis(T0 + 50), 100).await, Ok(3));
    assert_eq!(page(&store, Page::Latest, 10).await, [1, 3]);
}

/// All of a batch or nothing of it, whenever one looks.
pub async fn readers_see_whole_batches(engine: &impl Engine) {
    const BATCH: u64 = 10;
    const BATCHES: u64 = 30;
    let store = engine.open().await;
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for batch in 0..BATCHES {
                let seqs = batch * BATCH + 1..=(batch + 1) * BATCH;
                store.write(seqs.map(|seq| line(1, seq)).collect()).await.expect("write");
            }
        })
    };
    let mut seen = 0;
    loop {
        let last_look = writer.is_finished();
        let rows = page(&store, Page::Latest, usize::MAX).await;
        let now = rows.last().copied().unwrap_or(0);
        assert_eq!(now % BATCH, 0, "part of a batch");
        assert_eq!(rows, (1..=now).collect::<Vec<_>>());
        assert!(now >= seen, "rows were there and went");
        seen = now;
        if last_look {
            break;
        }
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer runs to its end");
    assert_eq!(seen, BATCHES * BATCH);
}
