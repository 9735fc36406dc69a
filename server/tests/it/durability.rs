//! *Accepted means durable*: the built binary, loaded by writers, killed with SIGKILL again and again, keeps every
//! message that it acknowledged, once, in the place that it said.

use crate::support::{
    PASSWORD,
    process::{Folder, Process},
    same, socket, whole_history,
};
use client::{Error, Rest};
use protocol::ids::{MessageId, Seq};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

const KILLS: usize = 20;
const WRITERS: usize = 8;
/// Messages of one writer that wait for their ack.
const WINDOW: usize = 32;
/// A life ends after at most so many sends.
const SENDS_PER_LIFE_MAX: usize = 1_500;
/// Far above what a life takes; without it a server that refuses its writers would be waited for.
const LIFE_MAX: Duration = Duration::from_secs(120);
/// A start takes about so many turns of the scheduler on a quiet machine.
const START_TURNS_MAX: u32 = 200_000;
const ROOM: &str = "alone";

/// One account and what it knows of its messages.
struct Writer {
    name: String,
    /// Does it ask again after a crash, or leave unknown what is unknown?
    retries: bool,
    sent: usize,
    acked: HashMap<String, (Seq, MessageId)>,
    /// Sent and not answered, in their order.
    unknown: Vec<String>,
    /// Not answered and not asked again.
    given_up: HashSet<String>,
}

/// When the process is to be killed: counted in sends of all writers.
struct Fuse {
    sends: AtomicUsize,
    at: usize,
    burnt: Notify,
}

impl Fuse {
    fn count(&self) {
        if self.sends.fetch_add(1, Ordering::Relaxed) + 1 == self.at {
            self.burnt.notify_one();
        }
    }
}

impl Writer {
    /// Writes until the connection ends.
    async fn write(mut self, address: SocketAddr, fuse: Arc<Fuse>) -> Self {
        // The process may be killed at any moment, also in the middle of this.
        let _ = self.write_on(address, &fuse).await;
        if !self.retries {
            self.given_up.extend(self.unknown.drain(..));
        }
        self
    }

    async fn write_on(&mut self, address: SocketAddr, fuse: &Fuse) -> Result<(), Error> {
        let session = Rest::new(address).login(&self.name, PASSWORD).await?;
        let mut socket = client::Socket::connect(address).await?;
        socket.auth(&session.access_token).await?;
        for again in self.unknown.clone() {
            fuse.count();
            let ack = socket.send_text(ROOM, &again, &again).await?;
            self.accepted(&ack);
        }
        loop {
            while self.unknown.len() < WINDOW {
                let text = format!("{}-{}", self.name, self.sent);
                self.sent += 1;
                // From here on nobody knows what became of it, until the ack.
                self.unknown.push(text.clone());
                fuse.count();
                socket.submit(ROOM, &text, &text).await?;
            }
            let oldest = self.unknown[0].clone();
            let ack = socket.outcome(&oldest).await?;
            self.accepted(&ack);
        }
    }

    fn accepted(&mut self, ack: &client::Ack) {
        self.unknown.retain(|text| *text != ack.nonce);
        let before = self.acked.insert(ack.nonce.clone(), (ack.seq, ack.id));
        assert!(before.is_none_or(|before| before == (ack.seq, ack.id)), "one nonce, one answer: {ack:?}");
    }
}

fn serve(folder: &Folder) -> Process {
    // The configuration of the tests has no limits; only a resume of everything needs more than usual.
    folder.twitchy(&["serve"]).env("TWITCHY_FEED__RESUME_MESSAGES_MAX", "100000").serve()
}

/// One life: everybody writes until the process is killed.
async fn life(folder: &Folder, writers: Vec<Writer>, sends: usize) -> Vec<Writer> {
    let process = serve(folder);
    let address = process.address;
    let fuse = Arc::new(Fuse { sends: AtomicUsize::new(0), at: sends, burnt: Notify::new() });
    let writing: Vec<_> =
        writers.into_iter().map(|writer| tokio::spawn(writer.write(address, fuse.clone()))).collect();
    if sends > 0 {
        let burnt = tokio::time::timeout(LIFE_MAX, fuse.burnt.notified()).await;
        burnt.expect("the writers write until the process is killed");
    }
    process.kill();
    let mut back = Vec::new();
    for writer in writing {
        back.push(writer.await.expect("a writer does not panic"));
    }
    back
}

/// A life that is not even ready: killed while it reads what the last one left, some turns of the scheduler in.
fn killed_at_the_start(folder: &Folder, turns: u32) {
    let mut child = folder.twitchy(&["serve"]).start();
    for _ in 0..turns {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_twenty_times_it_keeps_every_acked_message_once() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = Folder::new();
    let first = serve(&folder);
    let epoch = socket(first.address).await.join(ROOM).await.unwrap().epoch;
    let mut writers = Vec::new();
    for i in 0..WRITERS {
        let name = format!("writer{i}");
        Rest::new(first.address).register(&name, PASSWORD).await.unwrap();
        let (acked, given_up) = (HashMap::new(), HashSet::new());
        writers.push(Writer { name, retries: i % 2 == 0, sent: 0, acked, unknown: Vec::new(), given_up });
    }
    first.kill();

    for kill in 0..KILLS {
        if kill % 5 == 2 {
            killed_at_the_start(&folder, random.random_range(0..START_TURNS_MAX));
        }
        // Now and then as soon as it is ready, mostly at full speed.
        let sends = if kill % 7 == 3 {
            random.random_range(0..10)
        } else {
            random.random_range(10..SENDS_PER_LIFE_MAX)
        };
        writers = life(&folder, writers, sends).await;
    }

    let last = serve(&folder);
    let rest = Rest::new(last.address);
    let history = whole_history(&rest, ROOM).await;
    assert!(history.windows(2).all(|pair| pair[0].seq < pair[1].seq), "in order and no place twice");
    let mut found: HashMap<String, (Seq, MessageId)> = HashMap::new();
    for message in &history {
        let twice = found.insert(message.text.clone(), (message.seq, message.id));
        assert_eq!(twice, None, "{} is there twice", message.text);
    }

    let (mut sent, mut acked, mut unknown, mut survived) = (0, 0, 0, 0);
    for writer in &writers {
        sent += writer.sent;
        acked += writer.acked.len();
        for (text, place) in &writer.acked {
            assert_eq!(found.get(text), Some(place), "{text} was acked");
        }
        // What was never answered is there once or not at all.
        let open = writer.unknown.iter().chain(&writer.given_up);
        for text in open {
            unknown += 1;
            survived += usize::from(found.contains_key(text));
        }
    }
    assert_eq!(history.len(), acked + survived, "and nothing that nobody sent");
    println!("{KILLS} kills: {sent} sent, {acked} acked, {unknown} unknown of which {survived} are there");
    assert!(acked > KILLS * 100, "{acked} acked; the kills came too early to prove anything");

    // The same over a resume: from the beginning, and from where somebody may have been when it was killed.
    let last_text = history.last().expect("much was acked").text.clone();
    for from in [0, history.len() / 3, history.len() - 50] {
        let after = if from == 0 { Seq(0) } else { history[from - 1].seq };
        let mut reader = socket(last.address).await;
        let joined = reader.resume(ROOM, after, &epoch).await.unwrap();
        assert_eq!(
            (joined.recovered, joined.reason),
            (Some(true), None),
            "the log is the same after {KILLS} kills"
        );
        let mut seen = joined.history;
        while seen.last().is_none_or(|message| message.text != last_text) {
            seen.extend(reader.messages(ROOM, 1).await.unwrap());
        }
        let places: Vec<_> =
            seen.into_iter().map(|message| (message.seq, message.id, message.text)).collect();
        let expected: Vec<_> = history[from..].iter().map(|m| (m.seq, m.id, m.text.clone())).collect();
        same(&places, &expected, &format!("resumed after {after}"));
    }

    // A retry after all that is still the same message.
    let writer = writers.iter().find(|writer| !writer.acked.is_empty()).expect("somebody was acked");
    let (text, place) = writer.acked.iter().max_by_key(|(_, (seq, _))| *seq).expect("not empty");
    let session = rest.login(&writer.name, PASSWORD).await.unwrap();
    let mut socket = socket(last.address).await;
    socket.auth(&session.access_token).await.unwrap();
    let again = socket.send_text(ROOM, text, text).await.unwrap();
    assert_eq!((again.seq, again.id), *place);
    let ended = last.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}
