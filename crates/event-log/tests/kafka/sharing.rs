//! Several processes on one topic, as far as one process can play them, and the end of the topic under them.

use crate::{P0, admin, open, options, patient, read_all, until, within};
use event_log::{AppendError, EventLog, Offset, Partition, ReadError};

#[tokio::test]
async fn two_logs_on_one_topic_see_one_order() {
    const EACH: usize = 200;
    let options = options("two");
    let (a, b) = tokio::join!(open(options.clone()), open(options));
    let (a, b) = (a.expect("the first opens"), b.expect("the second opens"));
    assert!(a.is_shared() && b.is_shared());
    assert_eq!(a.epoch(P0), b.epoch(P0));
    let under_way: Vec<_> = (0..EACH)
        .flat_map(|i| [(&a, "a", i), (&b, "b", i)])
        .map(|(log, who, i)| log.append(P0, format!("{who} {i}").into()).expect("taken"))
        .collect();
    for append in under_way {
        append.await.expect("durable");
    }
    let mut seen = Vec::new();
    for log in [&a, &b] {
        let end = Offset(2 * EACH as u64 - 1);
        within("the last record", log.wait_past(P0, end)).await.expect("open");
        seen.push(read_all(log, P0).await);
    }
    assert_eq!(seen[0], seen[1], "the same records in the same order");
    assert_eq!(seen[0].len(), 2 * EACH);
    for who in ["a", "b"] {
        let own: Vec<_> = seen[0]
            .iter()
            .filter(|r| r.payload.starts_with(who.as_bytes()))
            .map(|r| r.payload.clone())
            .collect();
        let expected: Vec<_> = (0..EACH).map(|i| bytes::Bytes::from(format!("{who} {i}"))).collect();
        assert_eq!(own, expected, "each one's own order is kept");
    }
}

#[tokio::test]
async fn what_one_writes_wakes_the_other() {
    let options = options("wakes");
    let a = open(options.clone()).await.expect("the first opens");
    let b = open(options).await.expect("the second opens");
    let (written, woken) = tokio::join!(
        async { a.append(Partition(1), "from a".into()).expect("taken").await },
        within("the other's record", b.wait_past(Partition(1), Offset(0)))
    );
    assert_eq!((written, woken), (Ok(Offset(1)), Ok(())));
    let page = b.read(Partition(1), Offset(0), 10, 1000).await.expect("a page");
    assert_eq!(page[0].payload, "from a");
}

/// Whoever was told that a record is durable may ask any other process at once, also where that one follows nothing.
#[tokio::test]
async fn the_end_that_one_asks_for_holds_what_the_other_was_just_told_of() {
    let options = options("end");
    let (writer, asker) = tokio::join!(open(options.clone()), open(options));
    let (writer, asker) = (writer.expect("the first opens"), asker.expect("the second opens"));
    for round in 0..50 {
        let several: Vec<_> = (0..3).map(|_| writer.append(P0, "x".into()).expect("taken")).collect();
        let mut told = Offset(0);
        for append in several {
            told = append.await.expect("durable");
        }
        // Some ask at the same time.
        let (a, b, c) = tokio::join!(asker.end(P0), asker.end(P0), asker.end(P0));
        for end in [a, b, c] {
            assert_eq!(end, Ok(told), "round {round}");
        }
        assert_eq!(asker.bounds(P0).expect("it is there").last, told);
    }
    asker.close().await;
    assert!(matches!(asker.end(P0).await, Err(ReadError::Unavailable(_))));
}

#[tokio::test]
async fn a_topic_made_anew_under_a_log_ends_it() {
    let options = options("anew");
    let log = open(options.clone()).await.expect("it opens");
    for _ in 0..3 {
        log.append(P0, "old".into()).expect("taken").await.expect("durable");
    }
    let mut member = log.join_group("anew");
    within("the first assignment", member.changed()).await.expect("partitions");
    // Past all that the new one will have: until it is noticed, its records may count as the old one's.
    let waits = log.wait_past(P0, Offset(1_000));
    let deleted = admin().delete_topics(&[&options.topic], &patient()).await.expect("an answer");
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    let anew = open(options).await.expect("made anew");
    assert_ne!(log.epoch(P0), anew.epoch(P0));
    // More than the old one had, so offsets alone would not tell.
    for _ in 0..5 {
        anew.append(P0, "new".into()).expect("taken").await.expect("durable");
    }
    until("that it is noticed", || log.healthy().is_err_and(|why| why.contains("until the next start")))
        .await;
    assert!(matches!(within("the end", waits).await, Err(ReadError::Unavailable(_))));
    assert!(matches!(log.append(P0, "lost".into()), Err(AppendError::Unavailable(_))));
    for after in [0, 3] {
        let read = log.read(P0, Offset(after), 10, 1000).await;
        assert!(matches!(read, Err(ReadError::Unavailable(_))), "{read:?}");
    }
    let ended = within("the member's end", async {
        loop {
            if let Err(error) = member.changed().await {
                break error;
            }
        }
    });
    assert!(matches!(ended.await, ReadError::Unavailable(_)));
    assert_eq!(read_all(&anew, P0).await.len(), 5, "nothing of the old log came into the new one");
    anew.healthy().expect("the new log is well");
}
