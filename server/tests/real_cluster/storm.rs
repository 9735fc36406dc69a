//! G16: a gateway with thousands of viewers dies, and all of them come to another one.

use crate::support::{Cluster, accepted, alone, choices, counted, judge, run, tell, times};
use client::{Options, Socket};
use protocol::{frames::ServerFrame, ids::Seq};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::workload::Behaviour;
use tokio::{sync::Semaphore, task::JoinSet};

/// As a good client does it: a chance share of this, so that not all come at once.
const SPREAD: Duration = Duration::from_secs(5);
/// They join so many at a time at first; that is no storm.
const JOINING: usize = 200;
/// Back at another gateway within this time, or the test fails. The spread, and what two cores need for handshakes in a
/// build without optimization.
const BACK_MAX: Duration = Duration::from_secs(60);

/// One viewer: the gateway dies under it, it comes back elsewhere with its place, and says how long after.
struct Viewer {
    number: u64,
    from: SocketAddr,
    to: SocketAddr,
    choices: StdRng,
    joining: Arc<Semaphore>,
    joined: Arc<AtomicU64>,
}

impl Viewer {
    async fn connect(&self, at: SocketAddr) -> Result<Socket, client::Error> {
        // One address of the machine has some 28,000 ports; and a limit by address would see many.
        let [high, low] = u16::try_from(self.number % 251 + 2).unwrap_or(2).to_be_bytes();
        let source = IpAddr::V4(Ipv4Addr::new(127, 77, high, low));
        let options = Options { source: Some(source), deadline: BACK_MAX, ..Options::default() };
        Socket::connect_with(at, options).await
    }

    async fn watch(mut self, died: Arc<parking_lot::Mutex<Option<Instant>>>) -> Back {
        let room = crate::support::ROOMS[self.number as usize % 3];
        let (mut socket, epoch, mut at) = {
            let _turn = self.joining.acquire().await.expect("nobody closes it");
            let mut socket = self.connect(self.from).await.expect("the gateway is well");
            let joined = socket.join(room).await.expect("the room is there");
            (socket, joined.epoch, joined.seq)
        };
        self.joined.fetch_add(1, Ordering::Relaxed);
        loop {
            match socket.recv().await {
                Ok(ServerFrame::Messages { messages, .. }) => at = messages.last().map_or(at, |m| m.seq),
                Ok(_) | Err(client::Error::TimedOut { .. }) => {}
                Err(_) => break,
            }
        }
        let died = died.lock().expect("it died, or the connection would be there");
        let mut tries = 0;
        loop {
            tries += 1;
            tokio::time::sleep(SPREAD.mul_f64(self.choices.random())).await;
            let Ok(mut back) = self.connect(self.to).await else { continue };
            let Ok(joined) = back.resume(room, at, &epoch).await else { continue };
            return Back {
                after: died.elapsed(),
                tries,
                recovered: joined.recovered == Some(true),
                at,
                socket: back,
            };
        }
    }
}

struct Back {
    after: Duration,
    tries: u32,
    recovered: bool,
    #[allow(dead_code)] // in the message of a failed test
    at: Seq,
    /// Kept open: they are all there at the same time.
    #[allow(dead_code)]
    socket: Socket,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g16_thousands_who_lost_their_gateway_come_back_elsewhere_without_the_database() {
    let _alone = alone();
    let name = "cluster_g16_storm";
    let (seed, _) = choices(name);
    let count = times(5_000, 9_000);
    let cluster = Cluster::shared().with("LIMITS__CONNECTIONS", "12000");
    let [mut dying, staying, _persister] = cluster.start(["gateway", "gateway", "persist"]);
    // Few messages: each is shown thousands of times, by a build without optimization.
    let run = run(std::slice::from_ref(&staying), seed, |options| {
        (options.rate, options.readers, options.writers, options.long) =
            (3.0, vec![Behaviour::Steady; 3], 3, 0.0);
    })
    .await;
    let (joining, joined) = (Arc::new(Semaphore::new(JOINING)), Arc::new(AtomicU64::new(0)));
    let died = Arc::new(parking_lot::Mutex::new(None));
    let mut viewers = JoinSet::new();
    for number in 0..count {
        let viewer = Viewer {
            number,
            from: dying.address(),
            to: staying.address(),
            choices: StdRng::seed_from_u64(seed ^ number),
            joining: joining.clone(),
            joined: joined.clone(),
        };
        viewers.spawn(viewer.watch(died.clone()));
    }
    crate::support::until("all are there", async || (joined.load(Ordering::Relaxed) == count).then_some(()))
        .await;
    accepted(&run, 5).await;
    let (reads, hashes) = (
        counted(&staying, "twitchy_store_reads_total").await,
        counted(&staying, "twitchy_password_hashes_total").await,
    );
    assert!(hashes >= 3.0, "the writers' accounts were made here: {hashes}");
    *died.lock() = Some(Instant::now());
    dying.kill();
    let mut back = Vec::new();
    let all = async {
        while let Some(viewer) = viewers.join_next().await {
            back.push(viewer.expect("no viewer panics"));
        }
    };
    let outcome = tokio::time::timeout(BACK_MAX, all).await;
    assert!(outcome.is_ok(), "only {} of {count} are back after {BACK_MAX:?}", back.len());
    let reads = counted(&staying, "twitchy_store_reads_total").await - reads;
    let hashes = counted(&staying, "twitchy_password_hashes_total").await - hashes;
    let mut after: Vec<f64> = back.iter().map(|b| b.after.as_secs_f64()).collect();
    after.sort_by(f64::total_cmp);
    let tries: u32 = back.iter().map(|b| b.tries).sum();
    let recovered = back.iter().filter(|b| b.recovered).count();
    tell(&format!(
        "{name}: {count} viewers back after {:.1} s (half) to {:.1} s (all), {tries} tries, {recovered} resumed in full, \
         {reads} reads of the store, {hashes} passwords hashed",
        after[after.len() / 2],
        after[after.len() - 1]
    ));
    assert_eq!(recovered, back.len(), "a ring of 4,096 messages has the few that were missed");
    assert_eq!((reads, hashes), (0.0, 0.0), "joins and resumes come from memory");
    accepted(&run, 5).await;
    drop(back);
    judge(name, &format!("{count} viewers change their gateway"), &run.finish().await);
}
