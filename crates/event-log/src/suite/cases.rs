//! The cases of the suite, one promise each; the list of tests is in [`event_log_suite!`](crate::event_log_suite).
//!
//! Each case makes the logs it needs under its own name, so all of them can run at once against one broker.
#![allow(missing_docs, reason = "a case's name is its sentence")]

use super::{Holds, P0, Persists, Shape, Subject, offsets, payloads, queue, read_all, write};
use crate::{AppendError, Bounds, Offset, Partition, RECORD_BYTES_MAX, ReadError};
use bytes::Bytes;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

const P1: Partition = Partition(1);
const P2: Partition = Partition(2);

/// Is the future still waiting after one look?
async fn is_pending<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

pub async fn a_new_log_is_empty(subject: &impl Subject) {
    let log = subject.make("empty", Shape::default()).await;
    assert_eq!(log.partitions(), 3);
    log.healthy().expect("a new log takes appends");
    for partition in [P0, P1, P2] {
        assert_eq!(log.bounds(partition), Ok(Bounds { first: Offset(1), last: Offset(0) }));
        assert_eq!(log.read(partition, Offset(0), 10, 1000).await, Ok(vec![]));
        let epoch = log.epoch(partition).expect("every partition has an epoch");
        assert!(!epoch.0.is_empty());
        assert_eq!(log.epoch(partition), Ok(epoch));
    }
}

pub async fn offsets_are_dense_from_one_in_every_partition(subject: &impl Subject) {
    let log = subject.make("dense", Shape::default()).await;
    for expected in 1..=20 {
        for partition in [P2, P0, P1] {
            assert_eq!(write(&*log, partition, "x").await, Offset(expected));
            assert_eq!(log.bounds(partition), Ok(Bounds { first: Offset(1), last: Offset(expected) }));
        }
    }
    for partition in [P0, P1, P2] {
        assert_eq!(offsets(&read_all(&*log, partition, Offset(0)).await), (1..=20).collect::<Vec<_>>());
    }
}

pub async fn payloads_come_back_byte_for_byte(subject: &impl Subject) {
    let log = subject.make("bytes", Shape::default()).await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let largest: Vec<u8> = (0..=250).cycle().take(RECORD_BYTES_MAX).collect();
    let written = [vec![], every_byte, "💅 – ünï".as_bytes().to_vec(), vec![0; 1], largest, vec![]];
    for payload in &written {
        write(&*log, P0, payload.clone()).await;
    }
    assert_eq!(payloads(&read_all(&*log, P0, Offset(0)).await), written);
}

pub async fn the_order_of_calls_is_the_order_of_offsets(subject: &impl Subject) {
    let log = subject.make("order", Shape::default()).await;
    let under_way: Vec<_> = (0..500).map(|i| queue(&*log, P0, format!("{i}"))).collect();
    for (expected, append) in (1..).zip(under_way) {
        assert_eq!(append.await, Ok(Offset(expected)));
    }
    let expected: Vec<_> = (0..500).map(|i| format!("{i}").into_bytes()).collect();
    assert_eq!(payloads(&read_all(&*log, P0, Offset(0)).await), expected);
}

pub async fn each_of_many_appenders_keeps_its_order(subject: &impl Subject) {
    const APPENDERS: usize = 16;
    const EACH: usize = 100;
    let log = subject.make("appenders", Shape::default()).await;
    let appenders: Vec<_> = (0..APPENDERS)
        .map(|appender| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let mut own = Vec::new();
                for i in 0..EACH {
                    own.push(write(&*log, P0, format!("{appender} {i}")).await);
                }
                own
            })
        })
        .collect();
    let mut told = vec![];
    for appender in appenders {
        told.push(appender.await.expect("the appender ends"));
    }
    let records = read_all(&*log, P0, Offset(0)).await;
    assert_eq!(offsets(&records), (1..=(APPENDERS * EACH) as u64).collect::<Vec<_>>());
    for (appender, told) in told.iter().enumerate() {
        let prefix = format!("{appender} ");
        let own: Vec<_> = records.iter().filter(|r| r.payload.starts_with(prefix.as_bytes())).collect();
        let expected: Vec<_> = (0..EACH).map(|i| format!("{appender} {i}").into_bytes()).collect();
        assert_eq!(own.iter().map(|r| r.payload.to_vec()).collect::<Vec<_>>(), expected);
        assert_eq!(&own.iter().map(|r| r.offset).collect::<Vec<_>>(), told, "each was told its own offset");
    }
}

pub async fn a_dropped_append_is_still_written(subject: &impl Subject) {
    let log = subject.make("dropped", Shape::default()).await;
    drop(queue(&*log, P0, "nobody waits"));
    assert_eq!(write(&*log, P0, "somebody waits").await, Offset(2));
    assert_eq!(
        payloads(&read_all(&*log, P0, Offset(0)).await),
        [b"nobody waits".as_slice(), b"somebody waits"]
    );
}

pub async fn a_page_has_its_limits(subject: &impl Subject) {
    let log = subject.make("pages", Shape::default()).await;
    for i in 0..10_u8 {
        write(&*log, P0, vec![i; 100]).await;
    }
    let read = |after, records_max, bytes_max| {
        let log = Arc::clone(&log);
        async move { offsets(&log.read(P0, Offset(after), records_max, bytes_max).await.expect("a page")) }
    };
    assert_eq!(read(0, 3, 1 << 20).await, [1, 2, 3], "limited by records");
    assert_eq!(read(7, 30, 1 << 20).await, [8, 9, 10], "limited by the end");
    assert_eq!(read(4, 1, 1 << 20).await, [5]);
    let by_bytes = read(0, 10, 350).await;
    assert!(by_bytes.len() >= 3 && by_bytes.len() < 10, "limited by bytes: {by_bytes:?}");
    assert_eq!(read(2, 10, 1).await, [3], "at least one, however large");
    assert_eq!(read(2, 10, 0).await, [3], "at least one, however large");
    assert_eq!(read(2, 0, 1 << 20).await, [3], "no records counts as one");
}

pub async fn pages_follow_without_hole(subject: &impl Subject) {
    let log = subject.make("follow-pages", Shape::default()).await;
    let under_way: Vec<_> = (0..250).map(|i| queue(&*log, P1, format!("{i}"))).collect();
    for append in under_way {
        append.await.expect("durable");
    }
    for size in [1, 7, 100, 249, 250, 251] {
        let mut seen = vec![];
        loop {
            let after = seen.last().copied().unwrap_or(0);
            let page = log.read(P1, Offset(after), size, 1 << 20).await.expect("a page");
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= size);
            seen.extend(offsets(&page));
        }
        assert_eq!(seen, (1..=250).collect::<Vec<_>>(), "pages of {size}");
    }
}

pub async fn the_end_is_empty_and_not_an_error(subject: &impl Subject) {
    let log = subject.make("end", Shape::default()).await;
    for after in [0, 1, 2, 3, u64::MAX] {
        assert_eq!(log.read(P0, Offset(after), 10, 1000).await, Ok(vec![]), "empty log, after {after}");
    }
    for _ in 0..3 {
        write(&*log, P0, "x").await;
    }
    for after in [3, 4, u64::MAX - 1, u64::MAX] {
        assert_eq!(log.read(P0, Offset(after), 10, 1000).await, Ok(vec![]), "after {after}");
    }
}

pub async fn the_end_is_where_the_newest_record_is(subject: &impl Subject) {
    let log = subject.make("newest", Shape::default()).await;
    assert_eq!(log.end(P0).await, Ok(Offset(0)), "an empty log");
    for number in 1..=20 {
        let written = write(&*log, P0, "x").await;
        assert_eq!((log.end(P0).await, written), (Ok(written), Offset(number)), "right after the answer");
    }
    assert_eq!(log.end(Partition(1)).await, Ok(Offset(0)), "another partition");
    assert!(matches!(log.end(Partition(99)).await, Err(ReadError::NoPartition(Partition(99)))));
}

pub async fn waiting_ends_with_the_record(subject: &impl Subject) {
    let log = subject.make("wait", Shape::default()).await;
    let waiters: Vec<_> = (0..20)
        .map(|_| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                log.wait_past(P0, Offset(1)).await.expect("the log is open");
                log.bounds(P0).expect("it exists").last
            })
        })
        .collect();
    let mut one = pin!(log.wait_past(P0, Offset(1)));
    assert!(is_pending(one.as_mut()).await);
    write(&*log, P1, "elsewhere").await;
    write(&*log, P0, "first").await;
    assert!(is_pending(one.as_mut()).await, "offset 1 is not past offset 1");
    write(&*log, P0, "second").await;
    assert_eq!(one.await, Ok(()));
    for waiter in waiters {
        assert!(
            waiter.await.expect("the waiter ends") >= Offset(2),
            "the record is there when the wait ends"
        );
    }
    for passed in [0, 1] {
        assert_eq!(log.wait_past(P0, Offset(passed)).await, Ok(()), "already past {passed}");
    }
}

pub async fn waiting_may_be_given_up(subject: &impl Subject) {
    let log = subject.make("give-up", Shape::default()).await;
    for _ in 0..100 {
        let mut wait = Box::pin(log.wait_past(P0, Offset(0)));
        assert!(is_pending(wait.as_mut()).await);
    }
    let log_two = Arc::clone(&log);
    let stays = tokio::spawn(async move { log_two.wait_past(P0, Offset(0)).await });
    let gives_up = {
        let log = Arc::clone(&log);
        tokio::spawn(async move { log.wait_past(P0, Offset(0)).await })
    };
    gives_up.abort();
    let _ = gives_up.await;
    write(&*log, P0, "x").await;
    assert_eq!(stays.await.expect("the waiter ends"), Ok(()));
    assert_eq!(read_all(&*log, P0, Offset(0)).await.len(), 1);
}

pub async fn a_follower_sees_each_record_once_and_in_order(subject: &impl Subject) {
    const RECORDS: usize = 1000;
    let log = subject.make("follower", Shape::default()).await;
    let follower = {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while seen.len() < RECORDS {
                let at = Offset(seen.len() as u64);
                log.wait_past(P0, at).await.expect("the log is open");
                let page = log.read(P0, at, 64, 1 << 20).await.expect("a page");
                assert!(!page.is_empty(), "what was waited for can be read");
                for record in page {
                    assert_eq!(record.offset, Offset(seen.len() as u64 + 1));
                    seen.push(record.payload);
                }
            }
            seen
        })
    };
    for i in 0..RECORDS {
        let append = queue(&*log, P0, format!("{i}"));
        if i % 10 == 0 {
            append.await.expect("durable");
        }
    }
    let seen = follower.await.expect("the follower ends");
    assert_eq!(seen, (0..RECORDS).map(|i| Bytes::from(format!("{i}"))).collect::<Vec<_>>());
}

pub async fn trimming_moves_the_first_offset(subject: &impl Subject) {
    let log = subject.make("trim", Shape::default()).await;
    for i in 1..=10 {
        write(&*log, P0, format!("{i}")).await;
    }
    assert_eq!(log.trim(P0, Offset(0)).await, Ok(()));
    assert_eq!(log.bounds(P0), Ok(Bounds { first: Offset(1), last: Offset(10) }));
    assert_eq!(log.trim(P0, Offset(4)).await, Ok(()));
    assert_eq!(log.bounds(P0), Ok(Bounds { first: Offset(5), last: Offset(10) }));
    for after in [0, 1, 3] {
        assert_eq!(
            log.read(P0, Offset(after), 10, 1000).await,
            Err(ReadError::Trimmed { asked: Offset(after + 1), first: Offset(5) })
        );
    }
    assert_eq!(offsets(&read_all(&*log, P0, Offset(4)).await), [5, 6, 7, 8, 9, 10]);
    assert_eq!(payloads(&log.read(P0, Offset(4), 1, 1000).await.expect("a page")), [b"5"]);
    assert_eq!(log.trim(P0, Offset(2)).await, Ok(()), "what is gone can be trimmed again");
    assert_eq!(log.bounds(P0), Ok(Bounds { first: Offset(5), last: Offset(10) }));
}

pub async fn trimming_never_passes_the_end(subject: &impl Subject) {
    let log = subject.make("trim-end", Shape::default()).await;
    assert_eq!(log.trim(P0, Offset(7)).await, Ok(()), "an empty log has nothing to trim");
    assert_eq!(log.bounds(P0), Ok(Bounds { first: Offset(1), last: Offset(0) }));
    assert_eq!(write(&*log, P0, "x").await, Offset(1));
    assert_eq!(log.trim(P0, Offset(u64::MAX)).await, Ok(()));
    assert_eq!(log.bounds(P0), Ok(Bounds { first: Offset(2), last: Offset(1) }));
    assert_eq!(write(&*log, P0, "y").await, Offset(2));
    assert_eq!(offsets(&read_all(&*log, P0, Offset(1)).await), [2], "a later record was not trimmed before");
}

pub async fn trimming_everything_keeps_the_offsets(subject: &impl Subject) {
    let log = subject.make("trim-all", Shape::default()).await;
    for _ in 0..5 {
        write(&*log, P0, "x").await;
    }
    assert_eq!(log.trim(P0, Offset(5)).await, Ok(()));
    assert_eq!(log.bounds(P0), Ok(Bounds { first: Offset(6), last: Offset(5) }));
    assert_eq!(log.read(P0, Offset(5), 10, 1000).await, Ok(vec![]));
    assert_eq!(
        log.read(P0, Offset(4), 10, 1000).await,
        Err(ReadError::Trimmed { asked: Offset(5), first: Offset(6) })
    );
    assert_eq!(log.wait_past(P0, Offset(4)).await, Ok(()), "5 was durable once");
    assert_eq!(write(&*log, P0, "y").await, Offset(6));
    assert_eq!(offsets(&read_all(&*log, P0, Offset(5)).await), [6]);
}

pub async fn trimming_leaves_other_partitions_alone(subject: &impl Subject) {
    let log = subject.make("trim-others", Shape::default()).await;
    for partition in [P0, P1, P2] {
        for _ in 0..4 {
            write(&*log, partition, "x").await;
        }
    }
    assert_eq!(log.trim(P1, Offset(3)).await, Ok(()));
    assert_eq!(offsets(&read_all(&*log, P0, Offset(0)).await), [1, 2, 3, 4]);
    assert_eq!(offsets(&read_all(&*log, P1, Offset(3)).await), [4]);
    assert_eq!(offsets(&read_all(&*log, P2, Offset(0)).await), [1, 2, 3, 4]);
}

pub async fn an_unknown_partition_is_named(subject: &impl Subject) {
    let log = subject.make("unknown", Shape::default()).await;
    for partition in [Partition(3), Partition(u32::MAX)] {
        let unknown = ReadError::NoPartition(partition);
        assert_eq!(log.append(partition, Bytes::new()).err(), Some(AppendError::NoPartition(partition)));
        assert_eq!(log.epoch(partition), Err(unknown.clone()));
        assert_eq!(log.bounds(partition), Err(unknown.clone()));
        assert_eq!(log.read(partition, Offset(0), 1, 1).await, Err(unknown.clone()));
        assert_eq!(log.wait_past(partition, Offset(0)).await, Err(unknown.clone()));
        assert_eq!(log.trim(partition, Offset(1)).await, Err(unknown));
    }
}

pub async fn a_record_above_the_limit_is_refused(subject: &impl Subject) {
    let log = subject.make("too-large", Shape::default()).await;
    let too_large = log.append(P0, Bytes::from(vec![0; RECORD_BYTES_MAX + 1])).err();
    assert_eq!(
        too_large,
        Some(AppendError::TooLarge { bytes: RECORD_BYTES_MAX + 1, limit_bytes: RECORD_BYTES_MAX })
    );
    assert_eq!(write(&*log, P0, "small").await, Offset(1), "the refused record took no offset");
}

pub async fn closing_answers_and_refuses(subject: &impl Subject) {
    let log = subject.make("close", Shape::default()).await;
    let under_way: Vec<_> = (0..300).map(|_| queue(&*log, P0, "x")).collect();
    log.close().await;
    for (expected, append) in (1..).zip(under_way) {
        assert_eq!(append.await, Ok(Offset(expected)), "what was taken before is finished");
    }
    assert!(matches!(log.append(P0, Bytes::new()), Err(AppendError::Unavailable(_))));
    assert!(matches!(log.read(P0, Offset(0), 1, 1).await, Err(ReadError::Unavailable(_))));
    assert!(matches!(log.trim(P0, Offset(1)).await, Err(ReadError::Unavailable(_))));
    assert!(matches!(log.wait_past(P0, Offset(300)).await, Err(ReadError::Unavailable(_))));
    log.healthy().expect_err("a closed log takes no appends");
    log.close().await;
}

pub async fn closing_wakes_who_waits(subject: &impl Subject) {
    let log = subject.make("close-wakes", Shape::default()).await;
    write(&*log, P0, "x").await;
    let mut waiters: Vec<_> = (0..5).map(|_| Box::pin(log.wait_past(P0, Offset(1)))).collect();
    for waiter in &mut waiters {
        assert!(is_pending(waiter.as_mut()).await);
    }
    log.close().await;
    for waiter in waiters {
        assert!(matches!(waiter.await, Err(ReadError::Unavailable(_))));
    }
}

pub async fn two_logs_have_two_epochs(subject: &impl Subject) {
    let one = subject.make("epochs-one", Shape::default()).await;
    let two = subject.make("epochs-two", Shape::default()).await;
    for partition in [P0, P1, P2] {
        assert_ne!(one.epoch(partition), two.epoch(partition));
    }
}

pub async fn a_group_of_one_has_all_partitions_until_the_end(subject: &impl Subject) {
    let log = subject.make("group", Shape::default()).await;
    let mut member = log.join_group("workers");
    // An engine may share out step by step; it ends with all.
    while member.changed().await.expect("the log is open") != [P0, P1, P2] {}
    assert!(is_pending(pin!(member.changed())).await, "told once");
    let end = write(&*log, P1, "x").await;
    member.commit(P1, end);
    log.close().await;
    // What was on its way may come before the end.
    let ended = loop {
        match member.changed().await {
            Ok(partitions) => assert!(partitions.len() <= 3, "{partitions:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(ended, ReadError::Unavailable(_)), "{ended:?}");
}

pub async fn every_member_of_a_log_that_is_not_shared_has_all_partitions(subject: &impl Subject) {
    let log = subject.make("group-alone", Shape::default()).await;
    assert!(!log.is_shared());
    let mut members: Vec<_> = ["a", "a", "b"].into_iter().map(|group| log.join_group(group)).collect();
    for member in &mut members {
        assert_eq!(member.changed().await, Ok(vec![P0, P1, P2]));
    }
    drop(members.pop());
    for member in &mut members {
        assert!(is_pending(pin!(member.changed())).await, "nothing changes when another leaves");
    }
}

pub async fn nobody_sees_a_record_before_it_is_durable(subject: &impl Holds) {
    let log = subject.make("unseen", Shape::default()).await;
    write(&*log, P0, "old").await;
    let hold = subject.hold("unseen");
    let mut wait = pin!(log.wait_past(P0, Offset(1)));
    let mut append = pin!(queue(&*log, P0, "new"));
    assert!(is_pending(append.as_mut()).await, "not acknowledged");
    assert!(is_pending(wait.as_mut()).await, "nobody is woken");
    assert_eq!(log.bounds(P0).expect("it exists").last, Offset(1), "not counted");
    assert_eq!(offsets(&read_all(&*log, P0, Offset(0)).await), [1], "not read");
    assert_eq!(log.trim(P0, Offset(0)).await, Ok(()));
    drop(hold);
    assert_eq!(append.await, Ok(Offset(2)));
    assert_eq!(wait.await, Ok(()));
    assert_eq!(offsets(&read_all(&*log, P0, Offset(0)).await), [1, 2]);
}

pub async fn a_full_queue_refuses_and_recovers(subject: &impl Holds) {
    const QUEUE: usize = 4;
    let shape = Shape { queue_records_max: Some(QUEUE), ..Shape::default() };
    let log = subject.make("overload", shape).await;
    let hold = subject.hold("overload");
    let under_way: Vec<_> = (0..QUEUE).map(|i| queue(&*log, P0, format!("{i}"))).collect();
    for partition in [P0, P1] {
        let refused = log.append(partition, Bytes::from_static(b"refused")).err();
        assert!(
            matches!(refused, Some(AppendError::Overloaded { retry_after }) if !retry_after.is_zero()),
            "{refused:?}"
        );
    }
    drop(hold);
    for (expected, append) in (1..).zip(under_way) {
        assert_eq!(append.await, Ok(Offset(expected)));
    }
    assert_eq!(write(&*log, P0, "again").await, Offset(QUEUE as u64 + 1));
    let seen = read_all(&*log, P0, Offset(0)).await;
    assert_eq!(payloads(&seen), [b"0".as_slice(), b"1", b"2", b"3", b"again"]);
}

pub async fn closing_finishes_what_is_under_way(subject: &impl Holds) {
    let log = subject.make("close-held", Shape::default()).await;
    let hold = subject.hold("close-held");
    let under_way: Vec<_> = (0..10).map(|_| queue(&*log, P0, "x")).collect();
    let mut closing = pin!(log.close());
    let under_way_still = is_pending(closing.as_mut()).await;
    assert!(
        matches!(log.append(P0, Bytes::new()), Err(AppendError::Unavailable(_))),
        "closing takes no more"
    );
    drop(hold);
    if under_way_still {
        closing.await;
    }
    for (expected, append) in (1..).zip(under_way) {
        assert_eq!(append.await, Ok(Offset(expected)));
    }
}

pub async fn reopening_keeps_everything(subject: &impl Persists) {
    let shape = Shape::default();
    let log = subject.make("reopen", shape).await;
    let mut epochs = vec![];
    for (partition, records) in [(P0, 300), (P1, 0), (P2, 1)] {
        epochs.push(log.epoch(partition));
        for i in 0..records {
            write(&*log, partition, format!("{} {i}", partition.0)).await;
        }
    }
    log.close().await;
    drop(log);
    for round in 0..3 {
        let log = subject.reopen("reopen", shape).await;
        let now: Vec<_> = [P0, P1, P2].map(|p| log.epoch(p)).into();
        assert_eq!(now, epochs);
        let records = read_all(&*log, P0, Offset(0)).await;
        assert_eq!(offsets(&records), (1..=300 + round).collect::<Vec<_>>());
        for (i, record) in records.iter().take(300).enumerate() {
            assert_eq!(record.payload, format!("0 {i}"));
        }
        assert_eq!(log.bounds(P1), Ok(Bounds { first: Offset(1), last: Offset(round) }));
        assert_eq!(payloads(&read_all(&*log, P2, Offset(0)).await), [b"2 0"]);
        assert_eq!(write(&*log, P0, "later").await, Offset(301 + round));
        assert_eq!(write(&*log, P1, "later").await, Offset(1 + round));
        log.close().await;
    }
}

pub async fn reopening_keeps_the_trim(subject: &impl Persists) {
    let shape = Shape::default();
    let log = subject.make("reopen-trim", shape).await;
    for i in 1..=10 {
        write(&*log, P0, format!("{i}")).await;
    }
    log.trim(P0, Offset(6)).await.expect("trimmed");
    log.close().await;
    let log = subject.reopen("reopen-trim", shape).await;
    assert_eq!(log.bounds(P0), Ok(Bounds { first: Offset(7), last: Offset(10) }));
    assert_eq!(
        log.read(P0, Offset(0), 1, 1).await,
        Err(ReadError::Trimmed { asked: Offset(1), first: Offset(7) })
    );
    assert_eq!(payloads(&read_all(&*log, P0, Offset(6)).await), [b"7".as_slice(), b"8", b"9", b"10"]);
    log.close().await;
}

pub async fn reopening_a_log_trimmed_to_nothing_keeps_the_offsets(subject: &impl Persists) {
    let shape = Shape::default();
    let log = subject.make("reopen-nothing", shape).await;
    let epoch = log.epoch(P0);
    for _ in 0..5 {
        write(&*log, P0, "x").await;
    }
    log.trim(P0, Offset(5)).await.expect("trimmed");
    log.close().await;
    let log = subject.reopen("reopen-nothing", shape).await;
    assert_eq!(log.epoch(P0), epoch);
    assert_eq!(log.bounds(P0), Ok(Bounds { first: Offset(6), last: Offset(5) }));
    assert_eq!(write(&*log, P0, "y").await, Offset(6));
    log.close().await;
}

pub async fn a_log_made_anew_has_another_epoch(subject: &impl Persists) {
    let shape = Shape::default();
    let log = subject.make("anew", shape).await;
    let before: Vec<_> = [P0, P1, P2].map(|p| log.epoch(p)).into();
    write(&*log, P0, "x").await;
    log.close().await;
    drop(log);
    subject.destroy("anew").await;
    let log = subject.make("anew", shape).await;
    for (partition, before) in [P0, P1, P2].into_iter().zip(before) {
        assert_ne!(log.epoch(partition), before, "a position of the old log must not fit the new one");
        assert_eq!(log.bounds(partition), Ok(Bounds { first: Offset(1), last: Offset(0) }));
    }
    log.close().await;
}
