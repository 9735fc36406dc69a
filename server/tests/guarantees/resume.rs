//! G9: every place one can resume from has one right answer, in a quiet room and under load.

use crate::support::{accepted, alone, choices, folder, judge, mixed, options, run, tell, times};
use client::{Rest, Socket};
use protocol::{codes::ErrorCode, frames::NotRecovered, ids::Seq};
use testkit::{process::Server, trial::resumes};

const REPLAYED_MAX: u64 = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g09_every_place_to_resume_from_has_its_answer() {
    let _alone = alone();
    let folder = folder();
    // The ring is shorter than what is replayed, so that some comes from the store and some from memory.
    let options = options(folder.path())
        .with_env("TWITCHY_FEED__RING_MESSAGES", "100")
        .with_env("TWITCHY_FEED__RESUME_MESSAGES_MAX", &REPLAYED_MAX.to_string());
    let mut server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    let rest = Rest::new(server.address());
    let rest = rest.bearer(&rest.register("ada", "where was i then").await.unwrap().access_token);
    // One partition a room and nobody else in it: places are 1, 2, 3 and so on.
    let now = 200;
    for number in 1..=now {
        assert_eq!(rest.send("bestie", &format!("line {number}"), None).await.unwrap().seq, Seq(number));
    }
    let mut cases = 0;
    for restarted in [false, true] {
        if restarted {
            server.kill();
            crate::support::again(&mut server);
        }
        let mut socket = Socket::connect(server.address()).await.unwrap();
        let epoch = socket.join_with_history("bestie", 0).await.unwrap().epoch;
        let other = socket.join_with_history("ohio", 0).await.unwrap().epoch;
        let limit = now - REPLAYED_MAX;
        let table = [
            (0, &*epoch, Err(NotRecovered::TooOld)),
            (limit - 1, &epoch, Err(NotRecovered::TooOld)),
            (limit, &epoch, Ok(REPLAYED_MAX)),
            (limit + 1, &epoch, Ok(REPLAYED_MAX - 1)),
            (99, &epoch, Ok(101)),
            (100, &epoch, Ok(100)),
            (101, &epoch, Ok(99)),
            (now - 1, &epoch, Ok(1)),
            (now, &epoch, Ok(0)),
            (now + 1, &epoch, Err(NotRecovered::Ahead)),
            (u64::MAX, &epoch, Err(NotRecovered::Ahead)),
            (now - 1, "", Err(NotRecovered::EpochChanged)),
            (now - 1, "made up", Err(NotRecovered::EpochChanged)),
            (now - 1, &other, Err(NotRecovered::EpochChanged)),
        ];
        for (after, epoch, expected) in table {
            let told = format!("{:?}", (after, epoch, restarted));
            resumes(server.address(), "bestie", (after, epoch), now, expected, &told).await;
            cases += 1;
        }
        for after in ["\"-1\"", "\"\"", "\"one\"", "-1", "18446744073709551616", "\"18446744073709551616\""] {
            let frame = format!(r#"{{"type":"join","room":"bestie","after":{after},"epoch":"{epoch}"}}"#);
            socket.send_raw(frame).await.unwrap();
            let code = socket.refused().await.unwrap().code;
            let definite = [ErrorCode::BadRequest, ErrorCode::ValidationFailed, ErrorCode::InvalidJson];
            assert!(definite.contains(&code), "{after}: {code:?}");
            cases += 1;
        }
    }
    tell(&format!("g09_resume: {cases} places, {now} messages"));
}

/// Readers that go without a word and come back, over a ring that is too short for some of them, while all is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g09_resumes_under_load_and_kills_have_no_hole() {
    let _alone = alone();
    let (seed, _) = choices("g09_load");
    let folder = folder();
    let options = options(folder.path())
        .with_env("TWITCHY_FEED__RING_MESSAGES", "128")
        .with_env("TWITCHY_FEED__RESUME_MESSAGES_MAX", "500");
    let mut server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    let run = run(&server, seed, |options| (options.readers, options.rate) = (mixed(25), 500.0)).await;
    let kills = times(5, 50);
    for _ in 0..kills {
        accepted(&run, 400).await;
        server.kill();
        crate::support::again(&mut server);
    }
    accepted(&run, 400).await;
    let counts = judge("g09_load", &format!("{kills} kills"), &run.finish().await);
    assert!(counts.resumes_recovered > 50, "{counts:?}");
}
