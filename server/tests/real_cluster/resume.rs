//! G9 across gateways: every place learnt at one has its one right answer at another.

use crate::support::{Cluster, accepted, again, alone, choices, judge, mixed, run, tell, times, user};
use client::Socket;
use protocol::{frames::NotRecovered, ids::Seq};
use testkit::trial::resumes;

const REPLAYED_MAX: u64 = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g09_every_place_learnt_at_one_gateway_has_its_answer_at_another() {
    let _alone = alone();
    // The ring is shorter than what is replayed, so that some comes from the store and some from memory.
    let cluster = Cluster::shared()
        .with("FEED__RING_MESSAGES", "100")
        .with("FEED__RESUME_MESSAGES_MAX", &REPLAYED_MAX.to_string());
    let [here, mut there] = cluster.start(["gateway,persist", "gateway"]);
    let rest = user(&here, "ada").await;
    // One partition a room and nobody else in it: places are 1, 2, 3 and so on.
    let now = 200;
    for number in 1..=now {
        assert_eq!(rest.send("bestie", &format!("line {number}"), None).await.unwrap().seq, Seq(number));
    }
    let mut learnt = Socket::connect(here.address()).await.unwrap();
    let epoch = learnt.join_with_history("bestie", 0).await.unwrap().epoch;
    let other = learnt.join_with_history("ohio", 0).await.unwrap().epoch;
    let limit = now - REPLAYED_MAX;
    let mut cases = 0;
    for restarted in [false, true] {
        if restarted {
            there.kill();
            again(&mut there);
        }
        let table = [
            // First, since the other gateway may not have seen it yet: it must not be called ahead.
            (now, &*epoch, Ok(0)),
            (0, &*epoch, Err(NotRecovered::TooOld)),
            (limit - 1, &epoch, Err(NotRecovered::TooOld)),
            (limit, &epoch, Ok(REPLAYED_MAX)),
            (limit + 1, &epoch, Ok(REPLAYED_MAX - 1)),
            (99, &epoch, Ok(101)),
            (100, &epoch, Ok(100)),
            (101, &epoch, Ok(99)),
            (now - 1, &epoch, Ok(1)),
            (now + 1, &epoch, Err(NotRecovered::Ahead)),
            (u64::MAX, &epoch, Err(NotRecovered::Ahead)),
            (now - 1, "", Err(NotRecovered::EpochChanged)),
            (now - 1, "made up", Err(NotRecovered::EpochChanged)),
            // One topic is one log, so its rooms have one epoch.
            (now - 1, &other, Ok(1)),
        ];
        for (after, epoch, expected) in table {
            let told = format!("{:?}", (after, epoch, restarted));
            resumes(there.address(), "bestie", (after, epoch), now, expected, &told).await;
            cases += 1;
        }
    }
    tell(&format!("cluster_g09_resume: {cases} places, {now} messages"));
}

/// A sender that changes its gateway right after an ack: the place it was told is never called ahead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g09_a_place_is_known_everywhere_right_after_its_ack() {
    let _alone = alone();
    let cluster = Cluster::shared();
    let servers = cluster.start(["gateway,persist", "gateway"]);
    let rest = user(&servers[0], "grace").await;
    let token = rest.token().unwrap().to_owned();
    let mut sockets = Vec::new();
    for server in &servers {
        let mut socket = Socket::connect(server.address()).await.unwrap();
        socket.auth(&token).await.unwrap();
        sockets.push(socket);
    }
    let epoch = sockets[0].join_with_history("ohio", 0).await.unwrap().epoch;
    let rounds = times(100, 2_000);
    for round in 0..rounds {
        let (one, other) = (round as usize % 2, (round as usize + 1) % 2);
        let ack = sockets[one].send_text("ohio", "and now over there", &format!("n{round}")).await.unwrap();
        let mut socket = Socket::connect(servers[other].address()).await.unwrap();
        let joined = socket.resume("ohio", ack.seq, &epoch).await.unwrap();
        assert_eq!((joined.recovered, joined.reason), (Some(true), None), "round {round}, {ack:?}");
        assert_eq!((joined.seq, joined.history.len()), (ack.seq, 0), "round {round}");
    }
    tell(&format!("cluster_g09_ack: {rounds} resumes right after an ack, at the other gateway"));
}

/// Readers that go without a word and come back at the next gateway, which may have been killed a moment ago.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g09_resumes_across_gateways_under_load_and_kills_have_no_hole() {
    let _alone = alone();
    let name = "cluster_g09_load";
    let (seed, _) = choices(name);
    let cluster =
        Cluster::shared().with("FEED__RING_MESSAGES", "128").with("FEED__RESUME_MESSAGES_MAX", "500");
    let mut gateways = cluster.start(["gateway", "gateway", "gateway,persist"]);
    let run = run(&gateways, seed, |options| (options.readers, options.rate) = (mixed(25), 300.0)).await;
    let kills = times(4, 40);
    for kill in 0..kills {
        accepted(&run, 300).await;
        let gateway = &mut gateways[kill as usize % 2];
        gateway.kill();
        again(gateway);
    }
    accepted(&run, 300).await;
    let counts = judge(name, &format!("{kills} kills"), &run.finish().await);
    assert!(counts.resumes_recovered > 50, "{counts:?}");
}
