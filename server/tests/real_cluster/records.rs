//! Records on the topic that are none of ours: set aside, counted, and the room goes on at every gateway.

use crate::support::{Cluster, accepted, alone, bytes_of, choices, counted, judge, run, tell, until};
use event_log::{EventLog, Partition};
use rand::RngExt;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g21_garbage_and_unknown_versions_on_the_topic_are_set_aside_and_the_room_goes_on() {
    let _alone = alone();
    let name = "cluster_records";
    let (seed, mut choices) = choices(name);
    let cluster = Cluster::shared();
    let gateways = cluster.start(["gateway,persist", "gateway"]);
    let run = run(&gateways, seed, |options| options.rate = 200.0).await;
    let log = cluster.log().await;
    let known = bytes_of(include_str!("../../../crates/chat/golden/record-v1-message-full.hex"));
    let mut wrong: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0],
        b"hello".to_vec(),
        vec![0xff; 60_000],
        // Of a version that is not known yet, of a kind that is not, and cut off.
        [&[200], &known[1..]].concat(),
        [&known[..1], &[200], &known[2..]].concat(),
        known[..known.len() - 1].to_vec(),
    ];
    for _ in 0..13 {
        let length = choices.random_range(1..500);
        wrong.push((0..length).map(|_| choices.random()).collect());
    }
    for (number, record) in wrong.iter().enumerate() {
        accepted(&run, 20).await;
        log.append(Partition(number as u32 % 3), record.clone().into()).unwrap().await.unwrap();
    }
    accepted(&run, 100).await;
    judge(name, &format!("{} records that are none", wrong.len()), &run.finish().await);
    let rows = cluster.store_is_the_log().await;
    // The feed of each gateway passes each of them, and so does the persister that it falls to; a gateway that reads a
    // room's past comes by again.
    for server in &gateways {
        let count = until("they are counted", async || {
            let count = counted(server, "twitchy_records_set_aside_total").await;
            (count >= wrong.len() as f64).then_some(count)
        })
        .await;
        tell(&format!(
            "{name}: {} records set aside, counted {count} times; {rows} rows, those of the log",
            wrong.len()
        ));
    }
}
