//! Members of a group share the partitions out.

use crate::{PATIENCE, client, open, options, until, within};
use event_log::{
    EventLog, Membership, Offset, Partition,
    kafka::{KafkaLog, Options},
};
use rdkafka::{
    Offset as KafkaOffset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::task::JoinSet;

/// Tells this test binary's child which topic to be a member for.
const TOPIC_VARIABLE: &str = "MEMBER_OF_TOPIC";
const GROUP: &str = "workers";
/// As short as a broker takes it.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
const ALL: [Partition; 3] = [Partition(0), Partition(1), Partition(2)];

/// Waits until a member has so many partitions, and gives them.
async fn has(member: &mut Box<dyn Membership>, count: usize) -> Vec<Partition> {
    within(&format!("an assignment of {count} partitions"), async {
        loop {
            let now = member.changed().await.expect("the log is open");
            if now.len() == count {
                return now;
            }
        }
    })
    .await
}

#[tokio::test]
async fn two_members_share_and_the_one_that_stays_has_all() {
    let options = options("group");
    let a = open(options.clone()).await.expect("it opens");
    let b = open(options).await.expect("it opens");
    let mut first = a.join_group(GROUP);
    assert_eq!(has(&mut first, 3).await, ALL);
    let mut second = b.join_group(GROUP);
    let mut elsewhere = b.join_group("others");
    let (some, rest) = tokio::join!(within("less", first.changed()), within("some", second.changed()));
    let mut both = [some.expect("open"), rest.expect("open")].concat();
    both.sort_unstable();
    assert_eq!(both, ALL, "each partition is somebody's, none is both's");
    assert_eq!(has(&mut elsewhere, 3).await, ALL, "another group is no concern of this one");
    drop(second);
    assert_eq!(has(&mut first, 3).await, ALL);
    // More members than partitions: somebody has none, and is told so.
    let mut crowd: Vec<_> = (0..3).map(|_| b.join_group(GROUP)).collect();
    crowd.push(first);
    let mut idle = JoinSet::new();
    for mut member in crowd {
        idle.spawn(async move { while !member.changed().await.expect("the log is open").is_empty() {} });
    }
    within("a member without partitions", idle.join_next()).await.expect("some").expect("no panic");
    drop(idle);
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn progress_is_there_for_operators_and_never_goes_back() {
    let options = options("progress");
    let log = open(options.clone()).await.expect("it opens");
    for i in 0..5 {
        log.append(Partition(1), format!("{i}").into()).expect("taken").await.expect("durable");
    }
    let mut member = log.join_group(GROUP);
    has(&mut member, 3).await;
    member.commit(Partition(1), Offset(4));
    member.commit(Partition(1), Offset(2));
    let asker: BaseConsumer = client().set("group.id", GROUP).create().expect("a consumer");
    let committed = || {
        let mut places = TopicPartitionList::new();
        places.add_partition(&options.topic, 1);
        let answer = asker.committed_offsets(places, Duration::from_secs(10)).expect("an answer");
        answer.elements()[0].offset()
    };
    // Four of five are done, so Kafka's "next to read" is the fifth, which it counts as 4: a lag of 1.
    until("the progress", || committed() == KafkaOffset::Offset(4)).await;
    member.commit(Partition(1), Offset(5));
    drop(member);
    until("what was noted right before leaving", || committed() == KafkaOffset::Offset(5)).await;
}

/// A process of its own, so that it can be killed; or, when no other test started it, a small test by itself.
#[test]
fn a_single_member_has_all_partitions() {
    let child_of = std::env::var(TOPIC_VARIABLE).ok();
    let is_child = child_of.is_some();
    let options = match child_of {
        Some(topic) => {
            let (address, topic) = topic.split_once('/').expect("address/topic");
            Options { session_timeout: SESSION_TIMEOUT, ..Options::new(address, topic) }
        }
        None => options("single"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let log = KafkaLog::open(options).expect("it opens");
    let mut member = log.join_group(GROUP);
    runtime.block_on(async {
        if is_child {
            // Until it is killed; not for ever, should the killer itself be killed.
            let stay = async {
                while let Ok(now) = member.changed().await {
                    println!("\nassigned {}", now.len());
                }
            };
            let _ = tokio::time::timeout(PATIENCE, stay).await;
        } else {
            assert_eq!(has(&mut member, 3).await, ALL);
        }
    });
}

/// Ends with the value, however the test ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_partitions_of_a_member_that_dies_go_to_the_others() {
    let options = options("dying");
    let log = open(options.clone()).await.expect("it opens");
    let mut member = log.join_group(GROUP);
    assert_eq!(has(&mut member, 3).await, ALL);
    let mut child = Command::new(std::env::current_exe().expect("this test binary"));
    child
        .args(["--exact", "groups::a_single_member_has_all_partitions", "--nocapture"])
        .env(TOPIC_VARIABLE, format!("{}/{}", options.brokers, options.topic))
        .stdout(Stdio::piped());
    let mut child = Killed(child.spawn().expect("a process"));
    let told = BufReader::new(child.0.stdout.take().expect("piped"));
    let childs = tokio::task::spawn_blocking(move || {
        told.lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("assigned ")?.parse::<usize>().ok())
    });
    let own = within("a share for the other process", member.changed()).await.expect("the log is open");
    let childs =
        within("the other's share", childs).await.expect("read").expect("it was told its partitions");
    assert_eq!(own.len() + childs, 3, "{own:?}");
    assert!(childs > 0);
    // A kill leaves no time to say goodbye.
    drop(child);
    assert_eq!(has(&mut member, 3).await, ALL);
}
