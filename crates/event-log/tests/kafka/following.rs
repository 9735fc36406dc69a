//! What is fetched of a topic: the partitions for which somebody waits, and nothing of the others.

use crate::{P0, open, options, read_all, until, within};
use bytes::Bytes;
use event_log::{EventLog, Offset, Partition, kafka::KafkaLog};
use std::time::Duration;

const P1: Partition = Partition(1);
const RECORD_BYTES: u64 = 10_000;
const RECORDS: u64 = 100;

/// Some records more.
async fn write(log: &KafkaLog, partition: Partition) {
    let record = || Bytes::from(vec![7; usize::try_from(RECORD_BYTES).expect("small")]);
    let appends: Vec<_> =
        (0..RECORDS).map(|_| log.append(partition, record()).expect("it is taken")).collect();
    for append in appends {
        append.await.expect("it is durable");
    }
}

fn fetched(log: &KafkaLog, partition: Partition) -> u64 {
    log.fetched_bytes(partition).expect("there is such a partition")
}

#[tokio::test]
async fn nothing_is_fetched_of_a_partition_that_nobody_waits_for() {
    let options = options("following");
    let writer = open(options.clone()).await.expect("it opens");
    let mut hasty = options;
    hasty.followed_on = Duration::from_millis(100);
    let reader = open(hasty).await.expect("it opens");
    let all = RECORDS * RECORD_BYTES;

    // One partition is waited for. The other one is written first, so that it would be fetched before.
    let waits = reader.wait_past(P0, Offset(RECORDS - 1));
    let (waited, ()) = tokio::join!(within("the last record", waits), async {
        until("the partition is followed", || reader.follows(P0)).await;
        write(&writer, P1).await;
        write(&writer, P0).await;
    });
    waited.expect("the log is open");
    until("what was fetched is counted", || fetched(&reader, P0) >= all).await;
    assert_eq!((fetched(&reader, P1), reader.follows(P1)), (0, false));

    // It is readable all the same, and what was there before is not fetched when it is waited for.
    until("the other partition's end is known", || reader.bounds(P1).is_ok_and(|b| b.last.0 == RECORDS))
        .await;
    assert_eq!(read_all(&reader, P1).await.len() as u64, RECORDS);
    let waits = reader.wait_past(P1, Offset(2 * RECORDS - 1));
    let (waited, ()) = tokio::join!(within("the last record", waits), async {
        until("the partition is followed", || reader.follows(P1)).await;
        write(&writer, P1).await;
    });
    waited.expect("the log is open");
    until("what was fetched is counted", || fetched(&reader, P1) >= all).await;
    assert!(fetched(&reader, P1) < 2 * all, "{} bytes", fetched(&reader, P1));
    assert_eq!(read_all(&reader, P1).await.len() as u64, 2 * RECORDS);

    // Nobody waits for the first one any more.
    until("nobody follows it", || !reader.follows(P0)).await;
    let before = fetched(&reader, P0);
    write(&writer, P0).await;
    until("its end is known", || reader.bounds(P0).is_ok_and(|b| b.last.0 == 2 * RECORDS)).await;
    // As many bytes come by another way, and are counted later than these would have been.
    let waits = reader.wait_past(P1, Offset(3 * RECORDS - 1));
    let (waited, ()) = tokio::join!(within("the last record", waits), write(&writer, P1));
    waited.expect("the log is open");
    let others = fetched(&reader, P1);
    until("others are counted", || fetched(&reader, P1) >= others.max(2 * all)).await;
    assert_eq!(fetched(&reader, P0), before);
    assert_eq!(read_all(&reader, P0).await.len() as u64, 2 * RECORDS);
    for log in [&writer, &reader] {
        log.close().await;
    }
}
