//! What reaches a socket that takes as much as it likes: every byte once and in order, gaps told, nothing kept.

use super::*;
use crate::{
    gateway::shard::{Berth, Seat, Shards},
    rooms::feed::RingLimits,
    websocket::frame::Opcode,
    world::{Real, World},
};
use futures_util::FutureExt;
use std::sync::atomic::{AtomicUsize, Ordering};

const HEARTBEAT: Duration = Duration::from_secs(30);

/// Takes so many bytes, and says when it takes more.
#[derive(Default)]
struct Pretence {
    room: AtomicUsize,
    taken: Mutex<Vec<u8>>,
    writes: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
    broken: AtomicBool,
}

impl Pretence {
    fn take(&self, more: usize) {
        self.room.fetch_add(more, Ordering::Relaxed);
        if let Some(waiting) = self.waiting.lock().take() {
            waiting.wake();
        }
    }

    /// The payloads of the frames that came, all of which have to be whole.
    fn frames(&self) -> Vec<String> {
        let taken = std::mem::take(&mut *self.taken.lock());
        let mut rest = &taken[..];
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let header = match rest[1] {
                126 => 4,
                127 => panic!("no frame here is so long"),
                _ => 2,
            };
            let length = if header == 4 {
                usize::from(rest[2]) << 8 | usize::from(rest[3])
            } else {
                usize::from(rest[1])
            };
            frames.push(String::from_utf8(rest[header..header + length].to_vec()).unwrap());
            rest = &rest[header + length..];
        }
        frames
    }
}

impl Wire for Pretence {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        if self.broken.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = self.room.load(Ordering::Relaxed);
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(room).collect();
        if bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room.fetch_sub(bytes.len(), Ordering::Relaxed);
        self.taken.lock().extend(&bytes);
        Ok(bytes.len())
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.room.load(Ordering::Relaxed) > 0 {
            return Poll::Ready(Ok(()));
        }
        *self.waiting.lock() = Some(context.waker().clone());
        Poll::Pending
    }
}

struct Viewer {
    wire: Arc<Pretence>,
    berth: Berth,
    signals: Arc<Signals>,
    feed: Arc<Feed>,
    shards: Arc<Shards>,
    _seat: Seat,
}

/// Somebody who reads a room and whose socket takes so many bytes.
fn viewer(room: usize) -> Viewer {
    viewer_of(room, 1_000, false)
}

/// The same, of a ring that holds so many bytes, and perhaps read compressed.
fn viewer_of(room: usize, ring: usize, deflates: bool) -> Viewer {
    let world: Arc<dyn World> = Arc::new(Real);
    let shards = Shards::new(1, HEARTBEAT, &world);
    let wire = Arc::new(Pretence::default());
    wire.take(room);
    let signals: Arc<Signals> = Arc::default();
    let berth = shards.take(wire.clone(), signals.clone(), deflates);
    let feed = Feed::new("bestie", RingLimits { messages_max: 10_000, bytes_max: ring });
    let seat = berth.outlet.shard.seat(&berth.outlet, &feed);
    berth.outlet.read(feed.clone(), feed.latest(0).cursor, vec![frame::text("joined")]);
    Viewer { wire, berth, signals, feed, shards, _seat: seat }
}

impl Viewer {
    /// Until the shard has nothing more to do; too short for its wheel.
    async fn rest(&self) {
        let run = self.shards.all()[0].clone().run();
        assert!(tokio::time::timeout(Duration::from_millis(200), run).await.is_err());
    }

    fn outlet(&self) -> &Arc<Outlet> {
        &self.berth.outlet
    }
}

fn lines(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("line {n} of some length, as lines are")).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_put_in_goes_out_together_and_before_what_is_sent_after_it() {
    let viewer = viewer(1_000_000);
    assert_eq!(viewer.wire.frames(), ["joined"]);
    let writes = || viewer.wire.writes.swap(0, Ordering::Relaxed);
    writes();
    let put = |lines: &[String]| lines.iter().for_each(|line| viewer.outlet().put(frame::text(line)));
    put(&lines(0..3));
    assert_eq!((viewer.wire.frames(), writes()), (vec![], 0));
    viewer.outlet().flush();
    assert_eq!((viewer.wire.frames(), writes()), (lines(0..3), 1));
    // As much as one write takes is not kept back.
    let many = lines(0..u32::try_from(SLICES_MAX).unwrap() + 1);
    put(&many);
    assert_eq!((viewer.wire.frames(), writes()), (many[..SLICES_MAX].to_vec(), 1));
    viewer.outlet().send([frame::text("pong")]);
    assert_eq!((viewer.wire.frames(), writes()), (vec![many[SLICES_MAX].clone(), "pong".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn one_turn_is_one_write_and_what_is_ones_own_goes_out_at_once() {
    let viewer = viewer(1_000_000);
    assert_eq!(viewer.wire.frames(), ["joined"], "no turn was needed");
    viewer.rest().await;
    let before = viewer.wire.writes.load(Ordering::Relaxed);
    for line in lines(0..10) {
        viewer.feed.publish_frame(line);
    }
    assert_eq!(viewer.wire.frames(), [""; 0], "the shard writes it, not who publishes it");
    viewer.rest().await;
    assert_eq!(viewer.wire.frames(), lines(0..10));
    assert_eq!(viewer.wire.writes.load(Ordering::Relaxed) - before, 1);
    viewer.outlet().send([frame::text("ack")]);
    assert_eq!(viewer.wire.frames(), ["ack"]);
    let before = viewer.wire.writes.load(Ordering::Relaxed);
    viewer.outlet().send(lines(0..10).iter().map(|ack| frame::text(ack)));
    assert_eq!(viewer.wire.frames(), lines(0..10));
    assert_eq!(viewer.wire.writes.load(Ordering::Relaxed) - before, 1, "acks that are there together");
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_takes_a_few_bytes_now_and_then_gets_every_byte_in_order() {
    for bytes in [1, 2, 3, 7, 50] {
        let viewer = viewer(0);
        for line in lines(0..5) {
            viewer.feed.publish_frame(line);
        }
        let mut expected = vec!["joined".to_owned()];
        expected.extend(lines(0..5));
        expected.push("ack".to_owned());
        // The ack overtakes what the shard has not begun; but it never splits a frame.
        let mut answered = false;
        for round in 0..2_000 {
            viewer.wire.take(bytes);
            viewer.rest().await;
            if round == 20 / bytes {
                viewer.outlet().send([frame::text("ack")]);
                answered = true;
            }
        }
        assert!(answered);
        let mut got = viewer.wire.frames();
        assert_eq!(got.first().map(String::as_str), Some("joined"));
        let rooms: Vec<String> = got.iter().filter(|frame| frame.starts_with("line")).cloned().collect();
        assert_eq!(rooms, lines(0..5), "in order, {bytes} bytes at a time");
        got.sort();
        expected.sort();
        assert_eq!(got, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_socket_is_left_alone_and_keeps_no_more_than_a_frame() {
    let viewer = viewer(12);
    for line in lines(0..200) {
        viewer.feed.publish_frame(line);
        viewer.rest().await;
    }
    let writes = viewer.wire.writes.load(Ordering::Relaxed);
    assert!(writes <= 4, "{writes} writes to a socket that said it is full");
    assert!(viewer.outlet().out.lock().own_bytes <= 60, "the rest of one frame");
    viewer.wire.take(1_000_000);
    viewer.rest().await;
    let frames = viewer.wire.frames();
    // The frame that was begun, then what the ring still holds (a thousand bytes), the newest last.
    assert_eq!(frames[..2], ["joined".to_owned(), lines(0..1)[0].clone()]);
    assert!(frames.len() < 50, "{}", frames.len());
    assert_eq!(frames.last(), lines(199..200).first());
}

#[tokio::test(start_paused = true)]
async fn a_broken_socket_ends_its_connection_and_no_other() {
    let viewer = viewer(1_000);
    viewer.rest().await;
    viewer.wire.broken.store(true, Ordering::Relaxed);
    viewer.feed.publish_frame("news".into());
    viewer.rest().await;
    assert_eq!(viewer.outlet().over(), Some(End::Gone));
    assert!(viewer.signals.wake.notified().now_or_never().is_some(), "its task is told");
    let writes = viewer.wire.writes.load(Ordering::Relaxed);
    viewer.feed.publish_frame("more".into());
    viewer.rest().await;
    assert_eq!(viewer.wire.writes.load(Ordering::Relaxed), writes);
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_for_two_heartbeats_is_given_up() {
    let viewer = viewer(1_000_000);
    let run = tokio::spawn(viewer.shards.all()[0].clone().run());
    for _ in 0..5 {
        viewer.wire.taken.lock().clear();
        tokio::time::sleep(HEARTBEAT + Duration::from_secs(1)).await;
        assert_eq!(viewer.wire.taken.lock()[..], frame::whole(Opcode::Ping, &[]), "a ping a heartbeat");
        viewer.outlet().heard();
    }
    tokio::time::sleep(HEARTBEAT * 7 / 2).await;
    assert_eq!(viewer.outlet().over(), Some(End::Close(CloseReason::TooSlow)));
    run.abort();
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_is_given_up_though_it_talks() {
    let viewer = viewer(3);
    let run = tokio::spawn(viewer.shards.all()[0].clone().run());
    for _ in 0..5 {
        viewer.outlet().heard();
        tokio::time::sleep(HEARTBEAT).await;
    }
    assert_eq!(viewer.outlet().over(), Some(End::Close(CloseReason::TooSlow)));
    // The goodbye is tried all the same.
    viewer.outlet().goodbye(frame::close(CloseReason::TooSlow));
    assert_eq!(viewer.outlet().over(), None);
    run.abort();
}

#[tokio::test(start_paused = true)]
async fn a_log_in_that_ends_ends_the_connection() {
    let viewer = viewer(1_000_000);
    let run = tokio::spawn(viewer.shards.all()[0].clone().run());
    viewer.outlet().authed("ada", Millis(1));
    tokio::time::sleep(HEARTBEAT * 2).await;
    assert_eq!(viewer.outlet().over(), Some(End::Close(CloseReason::SessionOver)));
    run.abort();
}

#[tokio::test(start_paused = true)]
async fn who_asks_much_and_reads_nothing_has_to_wait() {
    let viewer = viewer(0);
    assert!(viewer.outlet().is_short());
    viewer.outlet().send((0..2).map(|_| frame::text(&"x".repeat(OWN_BYTES_MAX / 2))));
    assert!(!viewer.outlet().is_short());
    assert!(viewer.outlet().written_to(OWN_BYTES_MAX).now_or_never().is_none());
    viewer.wire.take(1_000_000);
    let (waited, ()) = tokio::join!(
        tokio::time::timeout(HEARTBEAT, viewer.outlet().written_to(OWN_BYTES_MAX)),
        viewer.rest()
    );
    assert_eq!(waited, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_gets_nothing_more_and_leaves_nothing_behind() {
    let viewer = viewer(1_000_000);
    viewer.rest().await;
    viewer.wire.frames();
    let Viewer { wire, berth, feed, shards, signals: _signals, _seat: seat } = viewer;
    drop(seat);
    assert_eq!(feed.viewers(), 0);
    feed.publish_frame("news".into());
    let run = shards.all()[0].clone().run();
    assert!(tokio::time::timeout(HEARTBEAT / 2, run).await.is_err());
    assert_eq!(wire.frames(), [""; 0]);
    let outlet = Arc::downgrade(&berth.outlet);
    drop(berth);
    assert!(outlet.upgrade().is_none(), "nobody keeps it");
    assert_eq!(Arc::strong_count(&feed), 1);
}

#[tokio::test(start_paused = true)]
async fn who_reads_compressed_gets_the_same_in_fewer_bytes_however_it_is_cut() {
    let viewer = viewer_of(10, 10_000, true);
    let line = "the same again and again and again ".repeat(40);
    viewer.feed.publish_frame(line.clone());
    viewer.feed.publish_frame("short".into());
    for _ in 0..100 {
        viewer.wire.take(3);
        viewer.rest().await;
    }
    let taken = viewer.wire.taken.lock().clone();
    let joined = frame::text("joined").len();
    let long = frame::compressed(Opcode::Text, &[]).first().copied();
    assert_eq!(taken.get(joined).copied(), long);
    let length = usize::from(taken[joined + 1]);
    assert!(length < line.len() / 10);
    let payload = &taken[joined + 2..joined + 2 + length];
    assert_eq!(crate::websocket::deflate::inflate(payload, 10_000), Ok(line.into_bytes()));
    assert_eq!(taken[joined + 2 + length..], frame::text("short"), "too short to gain anything");
}
