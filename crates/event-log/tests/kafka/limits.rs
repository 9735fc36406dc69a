//! Bounds on what is under way, and the end of the last owner.

use crate::{P0, open, options, within};
use event_log::{Append, AppendError, EventLog, Offset, RECORD_BYTES_MAX, kafka::Options};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Wake, Waker},
};
use tokio::sync::oneshot;

/// Keeps appending without waiting, until it is refused; what was taken is written all the same.
#[tokio::test]
async fn too_much_at_once_is_refused_and_not_gathered() {
    const BYTES_MAX: usize = 8 * (RECORD_BYTES_MAX + 1024);
    const ATTEMPTS_MAX: u64 = 1_000_000;
    let options = Options { queue_bytes_max: BYTES_MAX, ..options("overload") };
    let log = open(options).await.expect("it opens");
    let payload = bytes::Bytes::from(vec![b'x'; RECORD_BYTES_MAX]);
    let mut taken: VecDeque<Append> = VecDeque::new();
    let mut refused = 0;
    let mut appended = 0;
    while refused < 3 {
        assert!(appended + refused < ATTEMPTS_MAX, "never refused");
        match log.append(P0, payload.clone()) {
            Ok(append) => {
                appended += 1;
                taken.push_back(append);
            }
            Err(AppendError::Overloaded { retry_after }) => {
                assert!(!retry_after.is_zero());
                refused += 1;
                // Room comes with the answers.
                let oldest = taken.pop_front().expect("refused while nothing is under way");
                oldest.await.expect("durable");
            }
            Err(error) => panic!("{error}"),
        }
    }
    for append in taken {
        append.await.expect("durable");
    }
    assert_eq!(log.bounds(P0).expect("it exists").last, Offset(appended), "what was refused is not there");
    log.append(P0, payload).expect("there is room again").await.expect("durable");
}

#[tokio::test]
async fn the_number_of_appends_under_way_is_bounded_too() {
    const RECORDS_MAX: usize = 10;
    let options = Options { queue_records_max: RECORDS_MAX, ..options("overload-records") };
    let log = open(options).await.expect("it opens");
    let mut under_way: Vec<Append> = Vec::new();
    // All but the first wait for the next batch.
    let refused = loop {
        assert!(under_way.len() < 100_000, "never refused");
        match log.append(P0, "x".into()) {
            Ok(append) => under_way.push(append),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Overloaded { .. }), "{refused}");
    assert!(under_way.len() >= RECORDS_MAX);
    for append in under_way {
        append.await.expect("durable");
    }
}

/// Drops the log when it is woken, then tells.
struct LastOwner(Mutex<Option<Owned>>);

type Owned = (Arc<dyn EventLog>, oneshot::Sender<()>);

impl Wake for LastOwner {
    fn wake(self: Arc<Self>) {
        let Some((log, dropped)) = self.0.lock().take() else { return };
        drop(log);
        dropped.send(()).expect("the test waits");
    }
}

#[tokio::test]
async fn the_engines_own_thread_may_drop_the_last_owner() {
    let log: Arc<dyn EventLog> = Arc::new(open(options("last-owner")).await.expect("it opens"));
    let mut append = log.append(P0, "x".into()).expect("taken");
    let (tell, dropped) = oneshot::channel();
    let owner = Arc::new(LastOwner(Mutex::new(Some((log, tell)))));
    let waker = Waker::from(owner);
    // The client library lingers for half a millisecond, so it is not answered yet; if the machine slept that long, the owner is dropped here.
    let pending = Pin::new(&mut append).poll(&mut Context::from_waker(&waker)).is_pending();
    if !pending {
        waker.wake();
    }
    within("the end of the log on its own thread", dropped).await.expect("dropped");
}
