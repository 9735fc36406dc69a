//! What cannot be served: each is one clear line, with its code, within bounded time, and nothing is changed.

use crate::support::{Cluster, alone, blocking, broker, node, tell, times, user};
use scylla::client::session_builder::SessionBuilder;
use std::time::Instant;
use test_servers::{cassandra, kafka};

/// Of `sysexits.h`: usage and configuration; a service that is not available.
const USAGE: i32 = 64;
const UNAVAILABLE: i32 = 69;

/// Something that nobody listens at.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// The start is refused with this code, and a line that says all of this.
fn refused(cluster: &Cluster, what: &str, change: &[(&str, &str)], code: i32, words: &[&str]) {
    let since = Instant::now();
    let (status, log) = cluster.refused(change);
    let lines: Vec<&str> =
        log.lines().filter(|line| line.starts_with("twitchy: ") || line.starts_with("error")).collect();
    let [line] = *lines else { panic!("{what}: not one line but {lines:?}; all of it:\n{log}") };
    for word in words {
        assert!(line.contains(word), "{what}: no {word:?} in {line:?}");
    }
    assert_eq!(status.code(), Some(code), "{what}: {line}");
    assert!(
        !log.contains("not-a-secret") && !log.contains("wrong password"),
        "{what}: a password is told:\n{log}"
    );
    tell(&format!("cluster_bad: {what}: {:.1} s, code {code}: {line}", since.elapsed().as_secs_f64()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_addresses_and_settings_are_told_in_one_line() {
    let _alone = alone();
    let cluster = Cluster::shared();
    let nowhere = nowhere();
    refused(&cluster, "no broker there", &[("KAFKA__BROKERS", &nowhere)], UNAVAILABLE, &["Kafka", &nowhere]);
    refused(
        &cluster,
        "no database there",
        &[("CASSANDRA__NODES", &nowhere)],
        UNAVAILABLE,
        &["Cassandra", &nowhere],
    );
    refused(&cluster, "no secret", &[("AUTH__SECRET", "")], USAGE, &["auth.secret"]);
    refused(&cluster, "no brokers", &[("KAFKA__BROKERS", "")], USAGE, &["kafka.brokers"]);
    refused(&cluster, "no nodes", &[("CASSANDRA__NODES", "")], USAGE, &["cassandra.nodes"]);
    refused(
        &cluster,
        "a database in place of a broker",
        &[("KAFKA__BROKERS", cassandra::shared().address())],
        USAGE,
        &["Kafka", "do not speak the same"],
    );
    if times(0, 1) == 1 {
        // It is waited for: half a minute.
        let change = [("CASSANDRA__NODES", cluster.kafka())];
        refused(&cluster, "a broker in place of a database", &change, UNAVAILABLE, &["Cassandra"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_topics_are_told_in_one_line() {
    let _alone = alone();
    let cluster = Cluster::shared();
    // The topic is made with three.
    drop(cluster.start(["gateway,persist"]));
    refused(
        &cluster,
        "a topic with too few partitions",
        &[("LOG__PARTITIONS", "5")],
        USAGE,
        &[cluster.name(), "partitions", "3", "5"],
    );
    refused(
        &cluster,
        "a topic with too few copies",
        &[("KAFKA__REPLICATION", "3"), ("KAFKA__MIN_INSYNC_REPLICAS", "2")],
        USAGE,
        &[cluster.name(), "replication", "1", "3"],
    );
    let other = Cluster::shared();
    let servers = other.start(["gateway,persist"]);
    user(&servers[0], "ada").await.send("ohio", "it is mine", None).await.unwrap();
    assert_eq!(other.store_is_the_log().await, 1);
    drop(servers);
    refused(
        &cluster,
        "the keyspace of another topic",
        &[("CASSANDRA__KEYSPACE", other.name())],
        // As a data folder whose log and store do not belong together.
        74,
        &["belongs to another log"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_keyspaces_are_told_in_one_line() {
    let _alone = alone();
    let shared = blocking(cassandra::shared).address();
    let cluster = blocking(|| Cluster::unmigrated(kafka::shared().address(), shared, None));
    refused(&cluster, "a keyspace that was never migrated", &[], USAGE, &["twitchy migrate"]);
    assert!(blocking(|| cluster.migrate()).status.success());
    let session = SessionBuilder::new().known_node(shared).build().await.unwrap();
    let newer = format!(
        "INSERT INTO {}.schema_migrations (part, number, name, checksum) VALUES ('store', 99, 'from_the_future', 1)",
        cluster.name()
    );
    session.query_unpaged(newer, ()).await.unwrap();
    refused(&cluster, "a keyspace of a newer version", &[], USAGE, &["version 99", "newer"]);
    let migrated = blocking(|| cluster.migrate());
    let said = String::from_utf8_lossy(&migrated.stderr);
    let lines = said.lines().filter(|line| line.starts_with("twitchy: ")).count();
    assert_eq!((migrated.status.code(), lines), (Some(USAGE), 1), "{said}");
    assert!(!said.contains("WARN"), "{said}");
    assert!(said.contains("99"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_credentials_are_told_in_one_line() {
    let _alone = alone();
    let (broker, node) = (broker(), node());
    let guarded = Cluster::with_node(&node);
    let login = [
        ("KAFKA__BROKERS", broker.login_address()),
        ("KAFKA__USERNAME", kafka::USERNAME),
        ("KAFKA__SASL_MECHANISM", "PLAIN"),
    ];
    let with = |more: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> {
        login.iter().copied().chain(more.iter().copied()).collect()
    };
    let cluster = Cluster::with_broker(&broker);
    refused(
        &cluster,
        "a wrong password for Kafka",
        &with(&[("KAFKA__PASSWORD", "wrong password")]),
        USAGE,
        &["Kafka"],
    );
    refused(
        &cluster,
        "no log-in where Kafka asks for one",
        &[("KAFKA__BROKERS", broker.login_address())],
        USAGE,
        &["Kafka", "do not speak the same"],
    );
    // And with the right one it serves.
    let mut options = cluster.options("gateway,persist");
    options.env.extend(
        with(&[("KAFKA__PASSWORD", kafka::PASSWORD)])
            .iter()
            .map(|(k, v)| (format!("TWITCHY_{k}"), (*v).to_owned())),
    );
    let server =
        blocking(|| testkit::process::Server::start(options)).unwrap_or_else(|error| panic!("{error}"));
    let log = server.log_tail();
    assert!(!log.contains(kafka::PASSWORD), "{log}");
    drop(server);
    let cluster = guarded;
    refused(
        &cluster,
        "a wrong password for Cassandra",
        &[("CASSANDRA__PASSWORD", "wrong password")],
        USAGE,
        &["Cassandra refuses this user"],
    );
    refused(
        &cluster,
        "no log-in where Cassandra asks for one",
        &[("CASSANDRA__USERNAME", ""), ("CASSANDRA__PASSWORD", "")],
        USAGE,
        &["Cassandra"],
    );
}

/// Builds without TLS refuse the setting; those with it are tested against a broker and a node without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_tls_expected_and_not_there_is_told_in_one_line() {
    let _alone = alone();
    let cluster = Cluster::shared();
    let code = |with_tls: bool| if with_tls { UNAVAILABLE } else { USAGE };
    refused(
        &cluster,
        "TLS expected of Kafka",
        &[("KAFKA__TLS", "true")],
        code(cfg!(feature = "kafka-tls")),
        &["TLS"],
    );
    refused(
        &cluster,
        "TLS expected of Cassandra",
        &[("CASSANDRA__TLS", "true")],
        code(cfg!(feature = "cassandra-tls")),
        &["TLS"],
    );
}
