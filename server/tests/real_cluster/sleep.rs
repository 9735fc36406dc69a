//! A gateway fetches what is read or written there, and lets go of it afterwards; to clients that makes no difference.

use crate::support::{Cluster, alone, metrics, tell, until, user};
use client::{Rest, Socket};
use testkit::process::Server;

/// What a gateway says of the partition of `bestie`; of the topic of messages, where the name does not say so.
async fn figure(server: &Server, name: &str) -> f64 {
    let all = metrics(server).await;
    let of_it =
        |key: &str| key.starts_with(name) && key.contains("partition=\"0\"") && !key.contains("-nodes\"");
    all.iter().find(|(key, _)| of_it(key)).map_or(0.0, |(_, value)| *value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_fetches_only_what_is_read_or_written_there_and_lets_it_go() {
    const FETCHED: &str = "twitchy_log_fetched_bytes_total";
    const FOLLOWED: &str = "twitchy_partition_followed";
    let _alone = alone();
    let cluster = Cluster::shared()
        .with("GATEWAY__FOLLOW_IDLE_SECONDS", "15")
        .with("LIMITS__USER_MESSAGES_PER_SECOND", "0");
    let [here, there] = cluster.start(["gateway,persist", "gateway"]);
    let rest = user(&here, "ada").await;
    let mut last = None;
    let elsewhere = Rest::new(there.address());
    // The other gateway tells the room's pace, and fetches nothing of it.
    let pace = until("the room's pace is told", async || {
        let number = last.as_ref().map_or(0, |(number, _)| number + 1);
        let said = rest.send("bestie", "hello over there", Some(&format!("n{number}"))).await.unwrap();
        last = Some((number, said));
        // The list of all rooms; a look at one room brings it up.
        let rooms = elsewhere.rooms().await.unwrap();
        let pace = rooms.iter().find(|room| room.slug == "bestie").expect("it is there").messages_per_second;
        (pace > 0.0).then_some(pace)
    })
    .await;
    until("what was fetched is counted", async || (figure(&here, FETCHED).await > 0.0).then_some(())).await;
    assert_eq!((figure(&there, FETCHED).await, figure(&there, FOLLOWED).await), (0.0, 0.0));
    // Whoever joins there, or asks again there, finds everything.
    let (number, said) = last.expect("something was said");
    let mut socket = Socket::connect(there.address()).await.unwrap();
    let joined = socket.join("bestie").await.unwrap();
    // Until its nonces are known the room has what the store has, and what was said within the last moments comes as news.
    let mut newest = joined.history.last().map(|message| message.seq);
    while newest < Some(said.seq) {
        newest = socket.messages("bestie", 1).await.unwrap().last().map(|message| message.seq);
    }
    assert_eq!(newest, Some(said.seq));
    socket.auth(rest.token().unwrap()).await.unwrap();
    let again = socket.send_text("bestie", "hello over there", &format!("n{number}")).await.unwrap();
    assert_eq!((again.id, again.seq), (said.id, said.seq), "it is one message");
    assert!((figure(&there, FOLLOWED).await - 1.0).abs() < f64::EPSILON);
    let live = rest.send("bestie", "live", None).await.unwrap();
    assert_eq!(socket.messages("bestie", 1).await.unwrap()[0].seq, live.seq);
    until("what was fetched is counted", async || (figure(&there, FETCHED).await > 0.0).then_some(())).await;
    drop(socket);
    until("it is let go", async || (figure(&there, FOLLOWED).await == 0.0).then_some(())).await;
    tell(&format!("cluster_sleep: {pace} messages/s told by a gateway that fetched none of them"));
}
