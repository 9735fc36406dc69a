//! G19: records of the first format on the topic are read, and migrating again over data that is there changes nothing.
//!
//! There is one version of the program so far, so an upgrade is a rolling restart over the same data (see `rolling`);
//! these tests hold what the next version will find.

use crate::support::{
    Cluster, ROOMS, accepted, alone, blocking, bytes_of, choices, counted, judge, run, tell, until,
};
use chat::record::Record;
use chat_store::MessageStore;
use event_log::{EventLog, Partition};
use std::time::Duration;
use testkit::process::Server;

/// Bytes that were written once and for all: see `crates/chat/golden`.
const GOLDEN: [&str; 2] = [
    include_str!("../../../crates/chat/golden/record-v1-message-full.hex"),
    include_str!("../../../crates/chat/golden/record-v1-message-empty.hex"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g19_records_of_format_1_on_the_topic_are_read() {
    let _alone = alone();
    let cluster = Cluster::shared();
    let [server] = cluster.start(["gateway,persist"]);
    let log = cluster.log().await;
    let mut wanted = Vec::new();
    for hex in GOLDEN {
        let record = bytes_of(hex);
        let Record::Message(message) = Record::decode(&record).unwrap() else { panic!("not a message") };
        // The room of these bytes is none of today's; it is kept all the same, for it may come back.
        log.append(Partition(0), record.into()).unwrap().await.unwrap();
        wanted.push(*message);
    }
    let store = cluster.store().await;
    for message in wanted {
        let found = until("the record is in the store", async || {
            store.message(message.room, message.id).await.unwrap()
        })
        .await;
        assert_eq!(found.message, message);
    }
    assert_eq!(counted(&server, "twitchy_records_set_aside_total").await, 0.0);
    tell(&format!(
        "cluster_g19_records: {} records of format 1 written to the topic and read in full",
        GOLDEN.len()
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g19_migrating_again_and_twice_at_once_changes_nothing_under_load() {
    let _alone = alone();
    let name = "cluster_g19_migrate";
    let (seed, _) = choices(name);
    let cluster = Cluster::shared();
    let gateways: [Server; 2] = cluster.start(["gateway,persist"; 2]);
    let run = run(&gateways, seed, |options| options.rate = 200.0).await;
    accepted(&run, 200).await;
    let outputs = blocking(|| {
        let spawn = || cluster.command(&["migrate"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let both = [spawn(), spawn()];
        both.map(|child| child.wait_with_output().unwrap())
    });
    for output in outputs {
        assert!(output.status.success(), "{output:?}");
    }
    accepted(&run, 200).await;
    let counts = judge(name, "migrated twice at once under load", &run.finish().await);
    assert_eq!(counts.rejected.len(), 0, "{counts:?}");
    let rows = cluster.store_is_the_log().await;
    tell(&format!("{name}: {rows} rows in {} rooms, those of the log", ROOMS.len()));
    // All of it is there for who starts anew, too.
    drop(gateways);
    let started = blocking(|| cluster.start(["gateway,persist"]));
    let page = client::Rest::new(started[0].address())
        .with_deadline(Duration::from_secs(30))
        .latest("ohio", 100)
        .await;
    assert!(!page.unwrap().messages.is_empty());
}
