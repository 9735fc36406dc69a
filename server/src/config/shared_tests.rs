//! The settings of engines that several processes share: what they need, and what does not go together.

use super::*;
use std::fmt::Write as _;

const SECRET: &str = "a secret of more than thirty-two bytes";
const OLD_SECRET: &str = "the secret of more than a month ago";
const ROOM: &str = "[[rooms]]\nslug = \"plain\"\ntitle = \"Plain\"\ntransformer = \"plain\"\n";
/// All that is needed for both engines.
const SHARED: &[(&str, &str)] = &[
    ("log.engine", "kafka"),
    ("kafka.brokers", "kafka-1:9092,kafka-2:9092"),
    ("store.engine", "cassandra"),
    ("cassandra.nodes", "cassandra-1:9042"),
    ("auth.secret", SECRET),
];

/// With other values for some of those settings; an empty one is not set.
fn loaded(other: &[(&str, &str)]) -> Result<Loaded, Findings> {
    let kept = SHARED.iter().filter(|(path, _)| other.iter().all(|(theirs, _)| theirs != path));
    let environment: Vec<_> = kept
        .chain(other)
        .filter(|(_, value)| !value.is_empty())
        .map(|(path, value)| {
            let key = KEYS.iter().find(|key| key.path == *path).expect("there is such a setting");
            (OsString::from(key.variable()), OsString::from(value))
        })
        .collect();
    load(&ConfigFile::new("test.toml", ROOM), &environment, &[], &["plain"])
}

/// Every finding, each without the place it came from.
#[track_caller]
fn refused(other: &[(&str, &str)], expected: &[&str]) {
    let findings = loaded(other).expect_err("there is something wrong with it");
    let found = findings.0.iter().map(|finding| {
        let mut line = finding.key.clone();
        write!(line, ": {}", finding.text).expect("a String takes all");
        line
    });
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn with_both_engines_shared_each_role_may_stand_alone() {
    let config = loaded(&[]).unwrap_or_else(|e| panic!("{e}")).config;
    assert_eq!(config.kafka.brokers, ["kafka-1:9092", "kafka-2:9092"]);
    assert_eq!((config.kafka.topic.as_str(), config.cassandra.keyspace.as_str()), ("twitchy", "twitchy"));
    for role in ["gateway", "persist", "gateway,persist"] {
        loaded(&[("roles", role)]).unwrap_or_else(|e| panic!("{role}: {e}"));
    }
    let alone = "expected both gateway and persist, as log and store are not shared between processes (that takes \
                 log.engine = \"kafka\" and store.engine = \"cassandra\")";
    for engine in [("log.engine", "embedded"), ("store.engine", "memory")] {
        loaded(&[engine]).unwrap_or_else(|e| panic!("one of them may be shared: {e}"));
        refused(&[engine, ("roles", "persist")], &[&format!("roles: {alone}")]);
    }
}

#[test]
fn a_secret_is_asked_of_whoever_takes_connections() {
    let asked = |engine| {
        format!(
            "auth.secret: expected a secret (or auth.secret_file), the same in every process: with {engine} any of them \
             may be asked to check what another has signed; make one with: openssl rand -hex 32"
        )
    };
    refused(&[("auth.secret", "")], &[&asked("log.engine = \"kafka\"")]);
    refused(&[("auth.secret", ""), ("log.engine", "memory")], &[&asked("store.engine = \"cassandra\"")]);
    loaded(&[("auth.secret", ""), ("roles", "persist")]).expect("it signs nothing");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, SECRET).unwrap();
    loaded(&[("auth.secret", ""), ("auth.secret_file", path.to_str().unwrap())])
        .expect("it may lie in a file");
}

#[test]
fn secrets_from_before_are_kept_beside_the_one_that_signs() {
    let both = format!("{SECRET},{OLD_SECRET}");
    let one = loaded(&[("auth.previous_secrets", OLD_SECRET)]).unwrap();
    let secrets: Vec<_> = one.config.auth.previous_secrets.iter().map(Secret::expose).collect();
    assert_eq!(secrets, [OLD_SECRET.as_bytes()]);
    let printed = print(&one);
    assert!(
        printed.contains("# previous_secrets = (redacted)  # TWITCHY_AUTH__PREVIOUS_SECRETS\n"),
        "{printed}"
    );
    assert!(!printed.contains(OLD_SECRET) && !format!("{one:?}").contains(OLD_SECRET));
    assert!(print(&loaded(&[]).unwrap()).contains("previous_secrets = []  # default\n"));
    assert_eq!(loaded(&[("auth.previous_secrets", &both)]).unwrap().config.auth.previous_secrets.len(), 2);

    let memory = [("auth.secret", ""), ("log.engine", "memory"), ("store.engine", "memory")];
    refused(
        &[&memory[..], &[("auth.previous_secrets", OLD_SECRET)]].concat(),
        &["auth.previous_secrets: there is no auth.secret that came after them; set it, or auth.secret_file"],
    );
    refused(
        &[("auth.previous_secrets", &[OLD_SECRET; 9].join(","))],
        &["auth.previous_secrets: expected at most 8, found 9"],
    );
    let list = "auth.previous_secrets: expected a list of texts of at least 32 bytes each, found";
    refused(&[("auth.previous_secrets", "hunter2")], &[&format!("{list} 7 bytes")]);
    refused(&[("auth.previous_secrets", "[hunter2")], &[&format!("{list} something else")]);
    let file = ConfigFile::new("test.toml", format!("[auth]\nprevious_secrets = \"{OLD_SECRET}\"\n{ROOM}"));
    let findings = load(&file, &[], &[], &["plain"]).unwrap_err().to_string();
    assert_eq!(findings, format!("test.toml:2: {list} something else"));
}

#[test]
fn engines_need_somewhere_to_start_from() {
    let none = "expected at least one host:port for this engine";
    refused(
        &[("kafka.brokers", ""), ("cassandra.nodes", "")],
        &[&format!("kafka.brokers: {none}"), &format!("cassandra.nodes: {none}")],
    );
    for path in ["kafka.brokers", "cassandra.nodes"] {
        let wrong = |host: &str| format!("{path}: expected host:port, found {host:?}");
        let hosts = ["b", ":1", "c:0", "d:70000", "a b:1"].map(wrong);
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        refused(&[(path, "a:9092,b,:1,c:0,d:70000,a b:1")], &hosts);
    }
}

#[test]
fn copies_are_as_many_as_there_can_be() {
    refused(
        &[("kafka.replication", "1")],
        &["kafka.min_insync_replicas: expected at most kafka.replication, which is 1; found 2"],
    );
    loaded(&[("kafka.replication", "1"), ("kafka.min_insync_replicas", "1")]).expect("one broker is enough");
    for (path, value) in [
        ("kafka.replication", "0"),
        ("kafka.min_insync_replicas", "0"),
        ("cassandra.replication", "0"),
        ("cassandra.replication", "33"),
    ] {
        refused(&[(path, value)], &[&format!("{path}: expected a whole number from 1 to 32, found {value}")]);
    }
}

#[test]
fn names_are_such_as_the_engines_take() {
    let long = "x".repeat(244);
    for topic in ["a b", "ä", "a/b", &long] {
        refused(
            &[("kafka.topic", topic)],
            &["kafka.topic: expected 1 to 243 of a to z, A to Z, 0 to 9, ., _ and -"],
        );
    }
    loaded(&[("kafka.topic", &long[1..]), ("cassandra.keyspace", "chat_2")]).expect("both will do");
    let long = "x".repeat(49);
    for keyspace in ["Chat", "2chat", "_chat", "ch-at", &long] {
        refused(
            &[("cassandra.keyspace", keyspace)],
            &["cassandra.keyspace: expected 1 to 48 of a to z, 0 to 9 and _, a letter first"],
        );
    }
}

#[test]
fn a_name_has_one_password_and_a_password_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    let file = path.to_str().unwrap();
    std::fs::write(&path, "swordfish\n").unwrap();
    for engine in ["kafka", "cassandra"] {
        let [username, password, password_file] =
            ["username", "password", "password_file"].map(|name| format!("{engine}.{name}"));
        let (username, password, password_file) = (&*username, &*password, &*password_file);
        refused(
            &[(username, "ada")],
            &[&format!("{username}: it needs a password; set {password} or {password_file}")],
        );
        refused(&[(password, "swordfish")], &[&format!("{password}: there is no {username} for it")]);
        refused(&[(password_file, file)], &[&format!("{password_file}: there is no {username} for it")]);
        refused(
            &[(username, "ada"), (password, "swordfish"), (password_file, file)],
            &[&format!("{password_file}: {password} is set too; keep one of them")],
        );
        for place in [(password, "swordfish"), (password_file, file)] {
            let loaded = loaded(&[(username, "ada"), place]).unwrap_or_else(|e| panic!("{place:?}: {e}"));
            let Config { kafka, cassandra, .. } = &loaded.config;
            let found = if engine == "kafka" { &kafka.password } else { &cassandra.password };
            assert_eq!(found.as_ref().map(Password::expose), Some("swordfish"));
            let shown = [print(&loaded), format!("{loaded:?}")].concat();
            assert!(!shown.contains("swordfish") && shown.contains("# password = (redacted)"), "{shown}");
        }
    }
    std::fs::write(&path, "\n").unwrap();
    refused(
        &[("kafka.username", "ada"), ("kafka.password_file", file)],
        &[&format!("kafka.password_file: {file}: there is no password in it")],
    );
}

#[test]
fn authorities_are_for_tls_and_have_to_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let file = path.to_str().unwrap();
    for engine in ["kafka", "cassandra"] {
        let (tls, ca_file) = (format!("{engine}.tls"), format!("{engine}.ca_file"));
        refused(&[(&ca_file, file)], &[&format!("{ca_file}: without {tls} = true it means nothing")]);
        let findings = loaded(&[(&tls, "true"), (&ca_file, file)]).unwrap_err();
        assert!(findings.0[0].key == ca_file && findings.0[0].text.starts_with(file), "{findings}");
        refused(&[(&tls, "yes")], &[&format!("{tls}: expected true or false, found \"yes\"")]);
    }
    std::fs::write(&path, "").unwrap();
    for engine in ["kafka", "cassandra"] {
        let (tls, ca_file) = (format!("{engine}.tls"), format!("{engine}.ca_file"));
        loaded(&[(&tls, "true"), (&ca_file, file)]).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn how_to_log_in_is_a_word() {
    let config = loaded(&[("kafka.sasl_mechanism", "SCRAM-SHA-512")]).unwrap().config;
    assert_eq!(config.kafka.sasl_mechanism, SaslMechanism::ScramSha512);
    refused(
        &[("kafka.sasl_mechanism", "scram")],
        &["kafka.sasl_mechanism: expected PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, found \"scram\""],
    );
}
