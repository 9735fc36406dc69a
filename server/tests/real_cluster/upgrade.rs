//! G19: a keyspace of the first version of the schema, with rows as the first version wrote them, is brought up to date by
//! `twitchy migrate`, and then read and written by today's program.
//!
//! The statements, sums and bytes here are those of version 1, written out: they stay when the program changes.

use crate::support::{Cluster, alone, blocking, bytes_of, tell, until};
use chat_store::{Checkpoint, CheckpointStore, MessageStore};
use client::Rest;
use event_log::{EventLog, Partition};
use protocol::ids::{MessageId, RoomId};
use scylla::client::session_builder::SessionBuilder;
use test_servers::{cassandra, kafka};

/// The tables of version 1. An applied migration never changes: its sum below would not fit any more.
const TABLES: &str = include_str!("../../../migrations/0001_store.cql");
/// Of those tables, as version 1 noted it.
const SUM: i64 = 1_363_853_635;
/// Tables that every version of `migrate` makes before anything else.
const OWN_TABLES: [&str; 2] = [
    "CREATE TABLE schema_migrations (part text, number int, name text, checksum bigint, PRIMARY KEY (part, number))",
    "CREATE TABLE schema_lock (part text PRIMARY KEY, owner uuid)",
];

/// The id of the room `bestie`, in partition 0.
const BESTIE: u64 = 2_188_801_979_011_559_293;
/// A message of format 1, see `crates/chat/golden`; the room in it is 300, its nonce `c1`.
const GOLDEN: &str = include_str!("../../../crates/chat/golden/record-v1-message-full.hex");
/// When it was said, in milliseconds.
const SENT_AT: i64 = 1_720_000_000_000;

/// `a password for the test`.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBzaXh0ZWVuLg$vaj1mckDqwpUN6PF5ysYVN9UMmDYsp50DUOvBVkbl4k";
const ADA: i64 = 77;

/// The message as number `number` of `bestie`: its id and its nonce end in that number.
fn record(number: u8) -> Vec<u8> {
    let golden = bytes_of(GOLDEN);
    // Version and kind, the id, the room (two bytes), and the rest.
    let (head, rest) = golden.split_at(18);
    assert_eq!(rest[..2], [0xac, 0x02], "the room");
    let mut bytes = head.to_vec();
    bytes[17] = number;
    let mut room = BESTIE;
    while room >= 0x80 {
        bytes.push(u8::try_from(room & 0x7f).unwrap() | 0x80);
        room >>= 7;
    }
    bytes.push(u8::try_from(room).unwrap());
    bytes.extend_from_slice(&rest[2..]);
    *bytes.last_mut().unwrap() = b'0' + number;
    bytes
}

/// The same in the table: the sum of its key and of it in front.
fn row(seq: u64, record: &[u8]) -> Vec<u8> {
    let mut sum = crc32fast::Hasher::new();
    for part in [b"message".as_slice(), &BESTIE.to_be_bytes(), &seq.to_be_bytes(), record] {
        sum.update(part);
    }
    [&sum.finalize().to_le_bytes(), record].concat()
}

fn id(number: u8) -> MessageId {
    MessageId(uuid::Uuid::from_slice(&record(number)[2..18]).unwrap())
}

/// What version 1 left behind: its tables, two messages, an account, and how far it had come.
async fn version_1(keyspace: &str, epoch: &str) {
    let session = SessionBuilder::new().known_node(cassandra::shared().address()).build().await.unwrap();
    let replication = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}";
    let make = format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}");
    session.query_unpaged(make, ()).await.unwrap();
    session.use_keyspace(keyspace, false).await.unwrap();
    let lines: Vec<&str> =
        TABLES.lines().map(|line| line.split_once("--").map_or(line, |(cql, _)| cql)).collect();
    let tables = lines.join(" ");
    let tables = tables.split(';').map(str::trim).filter(|cql| !cql.is_empty());
    for table in OWN_TABLES.into_iter().chain(tables) {
        session.query_unpaged(table, ()).await.unwrap();
    }
    session.await_schema_agreement().await.unwrap();

    let applied =
        "INSERT INTO schema_migrations (part, number, name, checksum) VALUES ('store', 1, 'store', ?)";
    session.query_unpaged(applied, (SUM,)).await.unwrap();
    let room = BESTIE.cast_signed();
    let bucket = "INSERT INTO message_buckets (room, bucket) VALUES (?, 0) USING TIMESTAMP 0 AND TTL 0";
    session.query_unpaged(bucket, (room,)).await.unwrap();
    let ids = "INSERT INTO message_ids (room, slot, bucket, first_place, last_place, first_id, last_id) \
               VALUES (?, ?, 0, 1, 2, ?, ?) USING TTL 0";
    let slot = i64::try_from((id(1).0.as_u128() >> 80) / 4096).unwrap();
    session.query_unpaged(ids, (room, slot, id(1).0, id(2).0)).await.unwrap();
    let message =
        "INSERT INTO messages (room, bucket, place, record) VALUES (?, 0, ?, ?) USING TIMESTAMP ? AND TTL 0";
    for number in [1_u8, 2] {
        let values = (room, i32::from(number), row(number.into(), &record(number)), SENT_AT * 1_000);
        session.query_unpaged(message, values).await.unwrap();
    }
    let account_id = "INSERT INTO account_ids (id, username) VALUES (?, 'ada') IF NOT EXISTS";
    session.query_unpaged(account_id, (ADA,)).await.unwrap();
    let account = "INSERT INTO accounts (username, id, display_name, color, created_at, password_hash, admin) \
                   VALUES ('ada', ?, 'Ada', '#FF7F50', ?, ?, true) IF NOT EXISTS";
    session.query_unpaged(account, (ADA, SENT_AT, PASSWORD_HASH)).await.unwrap();
    let checkpoint =
        "INSERT INTO checkpoints (consumer, log_partition, epoch, log_offset) VALUES ('persist', 0, ?, 2)";
    session.query_unpaged(checkpoint, (epoch,)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g19_a_keyspace_of_the_first_version_is_brought_up_to_date_and_read() {
    let _alone = alone();
    let (broker, node) = blocking(|| (kafka::shared().address(), cassandra::shared().address()));
    let cluster = Cluster::unmigrated(broker, node, None);
    // Three messages are in the log, two of which the persister of version 1 had written.
    let log = cluster.log().await;
    for number in 1..=3 {
        log.append(Partition(0), record(number).into()).unwrap().await.unwrap();
    }
    let epoch = log.epoch(Partition(0)).unwrap().0;
    log.close().await;
    version_1(cluster.name(), &epoch).await;

    let (status, said) = cluster.refused(&[]);
    assert!(status.code() == Some(64) && said.contains("twitchy migrate"), "{status}: {said}");
    let migrated = blocking(|| cluster.migrate());
    let said = String::from_utf8_lossy(&migrated.stdout).into_owned();
    assert!(migrated.status.success(), "{migrated:?}");
    assert!(said.contains("moderation") && said.contains("run_time") && !said.contains("0001"), "{said}");

    let store = cluster.store().await;
    let checkpoint = store.load("persist", 0).await.unwrap();
    assert_eq!(checkpoint, Some(Checkpoint { epoch, offset: 2 }));
    for number in [1, 2] {
        assert!(store.message(RoomId(BESTIE), id(number)).await.unwrap().is_some(), "message {number}");
    }

    let [server] = cluster.start(["gateway,persist"]);
    let rest = Rest::new(server.address());
    let session = rest.login("ada", "a password for the test").await.expect("the account is good");
    let ada = rest.bearer(&session.access_token);
    let me = ada.me().await.unwrap();
    assert_eq!((me.id.0, me.username.as_str(), me.display_name.as_str()), (77, "ada", "Ada"));
    ada.send("bestie", "still here", None).await.expect("taken");
    until("all of them are in the store", async || {
        let after = store.load("persist", 0).await.ok().flatten();
        after.is_some_and(|at| at.offset >= 4).then_some(())
    })
    .await;
    let rows = cluster.store_is_the_log().await;
    let page = rest.latest("bestie", 10).await.unwrap();
    let ids: Vec<MessageId> = page.messages.iter().map(|message| message.id).collect();
    assert_eq!((rows, ids.len(), &ids[..3]), (4, 4, &[id(1), id(2), id(3)][..]));
    tell(&format!("cluster_g19_upgrade: {rows} rows after it, three of format 1; said: {}", said.trim()));
}
