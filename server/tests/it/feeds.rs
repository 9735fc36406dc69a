//! A storm in one room, seen by some hundred viewers on all kinds of feeds at once: whoever reads everything gets every
//! message in order or is told exactly what is gone, and whoever reads a sample can add up what was left out.
//!
//! How fast the machine is decides who falls off the ring and what the sample is, and nothing else: what is checked holds
//! for each outcome.

use crate::support::{PASSWORD, Server, User, config, shared::Shared};
use client::{Error, Options, Rest, Socket};
use protocol::{
    frames::{FeedKind, ServerFrame},
    ids::Seq,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{collections::BTreeSet, net::SocketAddr, time::Duration};
use tokio::{sync::watch, task::JoinSet};

const ROOM: &str = "alone";
const RING: u32 = 100;
/// Under way at once: less than the ring, so that whoever is waited for cannot fall off it.
const CHUNK: usize = 40;
/// Of 2,000 bytes each: 8 MB, more than the buffers of a connection hold, so whoever does not read falls off the ring.
const MESSAGES: usize = 4_000;
/// Every so many of them mention the one who is logged in.
const MENTIONS_EVERY: usize = 101;
const THE_END: &str = "the end";

/// How many there are of each kind that read as they can, and that read nothing before the end.
const READERS: [(FeedKind, usize, usize); 3] =
    [(FeedKind::Full, 16, 8), (FeedKind::Readable, 90, 10), (FeedKind::Auto, 90, 10)];

/// What one viewer was told, in its order.
#[derive(Debug)]
enum Told {
    Shown { seqs: Vec<Seq>, skipped: u64 },
    Gap { from: Seq, to: Seq },
}

struct Viewer {
    feed: FeedKind,
    /// Read nothing before the end.
    stalled: bool,
    named: bool,
    told: Vec<Told>,
    /// It did not read for so long that the server gave it up; what it got until then has to be right.
    given_up: bool,
}

/// Each viewer is two open files of this process, and the usual limit is 1,024.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("up to the hard limit");
}

/// Reads until the end has come.
async fn watch_room(mut socket: Socket, mut viewer: Viewer, mut over: watch::Receiver<bool>) -> Viewer {
    if viewer.stalled {
        over.wait_for(|over| *over).await.expect("the writer outlives the storm");
    }
    loop {
        match socket.recv().await {
            Ok(ServerFrame::Messages { messages, skipped, .. }) => {
                let is_over = messages.iter().any(|message| message.text == THE_END);
                let seqs = messages.into_iter().map(|message| message.seq).collect();
                viewer.told.push(Told::Shown { seqs, skipped });
                if is_over {
                    return viewer;
                }
            }
            Ok(ServerFrame::Gap { from, to, .. }) => viewer.told.push(Told::Gap { from, to }),
            Ok(_) => {}
            Err(Error::Closed { .. }) if viewer.stalled => {
                viewer.given_up = true;
                return viewer;
            }
            Err(error) => panic!("{:?}, stalled: {}: {error}", viewer.feed, viewer.stalled),
        }
    }
}

async fn enter(address: SocketAddr, viewer: &Viewer, user: Option<&User>) -> Socket {
    let receive_buffer_bytes = viewer.stalled.then_some(4096);
    // Whoever is on a sample may wait long on a busy machine; that is not what is tested.
    let options = Options { receive_buffer_bytes, deadline: Duration::from_secs(120), ..Options::default() };
    let mut socket = Socket::connect_with(address, options).await.unwrap();
    if let Some(user) = user {
        socket.auth(&user.access_token).await.unwrap();
    }
    let joined = socket.join_feed(ROOM, viewer.feed).await.unwrap();
    assert_eq!(joined.seq, Seq(0), "nothing was said yet");
    socket
}

/// Says everything, no more at once than the one who is waited for surely gets. Gives each message's place.
async fn storm(writer: &mut Socket, waited_for: &mut Socket) -> Vec<Seq> {
    let long = "🤪".repeat(480);
    let (mut said, mut seen) = (Vec::new(), Vec::new());
    while said.len() < MESSAGES {
        let chunk = said.len()..(said.len() + CHUNK).min(MESSAGES);
        for number in chunk.clone() {
            let mention = if number % MENTIONS_EVERY == 0 { "@dora " } else { "" };
            writer.submit(ROOM, &format!("{mention}{long}"), &format!("n{number}")).await.unwrap();
        }
        for number in chunk {
            said.push(writer.outcome(&format!("n{number}")).await.unwrap().seq);
        }
        // A gap would be an error here.
        let wanted = said.len() - seen.len();
        seen.extend(waited_for.messages(ROOM, wanted).await.unwrap().iter().map(|message| message.seq));
        waited_for.take_kept();
        writer.take_kept();
    }
    assert_eq!(seen, said, "who keeps up sees everything, in order");
    said
}

/// Checks one viewer's account against all that was said; gives what it was shown, and in which gaps the rest may be.
fn judge(viewer: &Viewer, all: &[Seq]) -> (BTreeSet<Seq>, Vec<(Seq, Seq)>) {
    let case = format!("{:?}, stalled: {}, named: {}", viewer.feed, viewer.stalled, viewer.named);
    // How many of all there are up to this place.
    let up_to = |seq: Seq| all.partition_point(|of_all| *of_all <= seq);
    let (mut shown, mut gaps) = (BTreeSet::new(), Vec::new());
    let (mut place, mut accounted) = (Seq(0), 0_usize);
    for told in &viewer.told {
        match told {
            Told::Shown { seqs, skipped } => {
                let before = seqs.first().map_or(0, |first| up_to(*first) - 1);
                assert!(before >= accounted, "{case}: more was told as left out than lies before {seqs:?}");
                for seq in seqs {
                    assert!(*seq > place, "{case}: {seq} after {place}");
                    assert!(all.binary_search(seq).is_ok(), "{case}: {seq} was never said");
                    place = *seq;
                    shown.insert(*seq);
                }
                accounted += seqs.len() + usize::try_from(*skipped).unwrap();
                assert!(accounted >= up_to(place), "{case}: of what lies before {place} not all was told");
                assert!(viewer.feed != FeedKind::Full || *skipped == 0, "{case}: {skipped} left out");
            }
            Told::Gap { from, to } => {
                assert!(*from >= place && to > from, "{case}: a gap from {from} to {to} after {place}");
                assert!(viewer.feed != FeedKind::Full || *from == place, "{case}: {from} is not {place}");
                accounted += up_to(*to) - up_to(*from);
                place = *to;
                gaps.push((*from, *to));
            }
        }
    }
    if !viewer.given_up {
        assert_eq!(accounted, all.len(), "{case}: shown, left out and gaps are everything there was");
    }
    (shown, gaps)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_every_viewer_of_every_feed_can_account_for_every_message() {
    allow_many_files();
    let shared = Shared::new(config().log.partitions);
    let mut settings = config();
    settings.feed.ring_messages = RING;
    let server = Server::over(settings, shared.engines()).await;
    let [boss, cast, dora] =
        [server.user("boss").await, server.user("cast").await, server.user("dora").await];
    shared.promote(boss.id).await;
    let admin = Rest::new(server.address).login("boss", PASSWORD).await.unwrap();
    let admin = Rest::new(server.address).bearer(&admin.access_token);
    admin.give_role(ROOM, "broadcaster", "cast").await.unwrap();

    let (finish, over) = watch::channel(false);
    let mut viewers = JoinSet::new();
    for (feed, reading, stalled) in READERS {
        for number in 0..reading + stalled {
            // One of them is logged in, and gets besides what mentions her.
            let named = feed == FeedKind::Readable && number == 0;
            let stalled = number >= reading;
            let viewer = Viewer { feed, stalled, named, told: Vec::new(), given_up: false };
            let socket = enter(server.address, &viewer, named.then_some(&dora)).await;
            viewers.spawn(watch_room(socket, viewer, over.clone()));
        }
    }
    let mut waited_for = server.socket().await;
    waited_for.join_feed(ROOM, FeedKind::Full).await.unwrap();
    let mut all = storm(&mut server.user("ada").await.socket().await, &mut waited_for).await;
    // The broadcaster's word is in every sample, so everybody is told what was left out before it.
    all.push(cast.socket().await.send_text(ROOM, THE_END, "end").await.unwrap().seq);
    finish.send(true).unwrap();
    let viewers = viewers.join_all().await;

    let count: usize = READERS.iter().map(|(_, reading, stalled)| reading + stalled).sum();
    assert_eq!(viewers.len(), count);
    let mentions: BTreeSet<Seq> = all[..MESSAGES].iter().step_by(MENTIONS_EVERY).copied().collect();
    let judged: Vec<_> = viewers.iter().map(|viewer| (viewer, judge(viewer, &all))).collect();
    for kind in [FeedKind::Readable, FeedKind::Auto] {
        let of_kind = || judged.iter().filter(|(viewer, _)| viewer.feed == kind && !viewer.given_up);
        let anonymous = of_kind().filter(|(viewer, _)| !viewer.named);
        let sample: BTreeSet<Seq> = anonymous.flat_map(|(_, (shown, _))| shown.clone()).collect();
        // Of 4,000 messages a sample is 40, and 20 for each second that they took: less than everything in any time that
        // the clients here would wait for.
        assert!(sample.len() < all.len(), "{kind:?}: nothing was left out");
        for (viewer, (shown, gaps)) in of_kind() {
            let is_gone = |seq: &Seq| gaps.iter().any(|(from, to)| from < seq && seq <= to);
            let mut expected = sample.clone();
            if viewer.named {
                expected.extend(&mentions);
            }
            expected.retain(|seq| !is_gone(seq));
            assert_eq!(*shown, expected, "{kind:?}, named: {}: the sample is the same for all", viewer.named);
        }
    }
    let stalled = || judged.iter().filter(|(viewer, _)| viewer.stalled && viewer.feed == FeedKind::Full);
    let fell = stalled().filter(|(viewer, (_, gaps))| viewer.given_up || !gaps.is_empty()).count();
    assert_eq!(fell, stalled().count(), "the buffers of the connection held everything: say more");
    server.stop().await;
}
