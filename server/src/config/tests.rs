//! The layers of the settings, each finding, and the shipped file.

use super::*;
use chat::rooms::RoomDefinition;
use protocol::ids::RoomId;
use std::net::SocketAddr;

const STYLES: &[&str] = &["bestie", "corporate", "plain", "skibidi"];
/// One good room, to be put behind what a test looks at.
const ROOM: &str = "\n[[rooms]]\nslug = \"plain\"\ntitle = \"Plain\"\ntransformer = \"plain\"\n";
const SECRET: &str = "a secret of more than thirty-two bytes";

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// With a good room behind the text.
fn loaded(text: &str, environment: &[(&str, &str)], flags: &[Flag]) -> Result<Loaded, Findings> {
    let file = ConfigFile::new("test.toml", format!("{text}{ROOM}"));
    load(&file, &variables(environment), flags, STYLES)
}

fn good(text: &str, environment: &[(&str, &str)]) -> Config {
    loaded(text, environment, &[]).unwrap_or_else(|findings| panic!("{findings}")).config
}

fn listen(text: &str) -> Flag {
    Flag { name: "--listen", path: "server.listen", text: text.to_owned() }
}

/// Every finding, and no other.
#[track_caller]
fn check(text: &str, environment: &[(&str, &str)], expected: &[&str]) {
    let findings = loaded(text, environment, &[]).expect_err("there is something wrong with it").to_string();
    assert_eq!(findings.lines().collect::<Vec<_>>(), expected);
}

/// The same without the good room.
#[track_caller]
fn check_rooms(text: &str, expected: &[&str]) {
    let file = ConfigFile::new("test.toml", text);
    let findings = load(&file, &[], &[], STYLES).expect_err("there is something wrong with it").to_string();
    assert_eq!(findings.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn defaults_are_as_promised() {
    let config = good("", &[]);
    assert_eq!(Config { rooms: Vec::new(), ..config.clone() }, Config::default());
    assert_eq!(config.server.listen, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!(config.server.data, std::path::Path::new("./data"));
    assert_eq!(config.log.engine, LogEngine::Embedded);
    assert_eq!(config.store.engine, StoreEngine::Embedded);
    assert_eq!(config.limits.user_messages_per_second.get(), Some(2.0));
    assert_eq!(config.limits.connections.get(), NonZeroU32::new(16_000));
    assert_eq!(config.store.retention_days.get(), None);
    assert_eq!(config.roles, [Role::Gateway, Role::Persist]);
}

#[test]
fn every_default_is_accepted_by_its_own_key() {
    for key in KEYS {
        let Some(value) = (key.default)() else { continue };
        assert_eq!((key.refuse)(&value), None, "{}", key.path);
        if let (Some(range), Some(number)) = (&key.range, value.as_integer()) {
            assert!(range.contains(&number), "{}", key.path);
        }
    }
}

#[test]
fn later_layers_win() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"";
    let variable = [("TWITCHY_SERVER__LISTEN", "127.0.0.1:2")];
    let port = |loaded: Result<Loaded, Findings>| loaded.unwrap().config.server.listen.port();
    assert_eq!(port(loaded("", &[], &[])), 8080);
    assert_eq!(port(loaded(file, &[], &[])), 1);
    assert_eq!(port(loaded(file, &variable, &[])), 2);
    assert_eq!(port(loaded(file, &variable, &[listen("127.0.0.1:3")])), 3);
    assert_eq!(port(loaded(file, &[], &[listen("[::1]:0")])), 0);
}

#[test]
fn origins_are_kept() {
    let environment = [("TWITCHY_LOG__ENGINE", "memory")];
    let loaded = loaded("[log]\nengine = \"embedded\"\npartitions = 4", &environment, &[listen("[::1]:0")]);
    let loaded = loaded.unwrap();
    assert_eq!(*loaded.source("server.listen"), Source::Flag("--listen"));
    assert_eq!(*loaded.source("log.engine"), Source::Environment("TWITCHY_LOG__ENGINE".to_owned()));
    let line = Source::File { name: "test.toml".to_owned(), line: Some(3) };
    assert_eq!(*loaded.source("log.partitions"), line);
    assert_eq!(*loaded.source("log.retention_hours"), Source::Default);
}

#[test]
fn every_setting_can_come_from_the_environment() {
    for key in KEYS {
        let value = match (key.default)() {
            Some(toml::Value::String(text)) => text,
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let loaded = loaded("", &[(&key.variable(), &value)], &[]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(*loaded.source(key.path), Source::Environment(key.variable()));
        assert_eq!(loaded.config.server, Config::default().server);
        assert_eq!(loaded.config.limits, Config::default().limits);
    }
}

#[test]
fn environment_is_read_by_the_type_of_the_setting() {
    let config = good(
        "[irc]\nlisten = \"127.0.0.1:6667\"",
        &[
            ("TWITCHY_LIMITS__USER_MESSAGES_PER_SECOND", "0"),
            ("TWITCHY_LIMITS__CONNECTIONS", "0"),
            ("TWITCHY_KAFKA__BROKERS", "a:9092, b:9092,"),
            ("TWITCHY_CASSANDRA__NODES", "[\"c:9042\", \"d:9042\"]"),
            ("TWITCHY_SERVER__PUBLIC_ORIGINS", ""),
            ("TWITCHY_ROLES", "persist,gateway"),
            ("TWITCHY_IRC__LISTEN", ""),
            ("TWITCHY_AUTH__SECRET", SECRET),
            ("TWITCHY_LOG", "debug"),
            ("TWITCHY_LOG_FORMAT", "json"),
            ("TWITCHY_CONFIG", "x.toml"),
            ("TWITCHYX", "of somebody else"),
            ("PATH", "/bin"),
        ],
    );
    assert_eq!(config.limits.user_messages_per_second.get(), None);
    assert_eq!(config.limits.connections.get(), None);
    assert_eq!(config.kafka.brokers, ["a:9092", "b:9092"]);
    assert_eq!(config.cassandra.nodes, ["c:9042", "d:9042"]);
    assert_eq!(config.server.public_origins, []);
    assert_eq!(config.roles, [Role::Persist, Role::Gateway]);
    assert_eq!(config.irc.listen, None);
    assert_eq!(config.auth.secret.unwrap().expose(), SECRET.as_bytes());
}

#[test]
fn what_kubernetes_sets_for_a_service_of_our_name_is_passed_over() {
    let links = [
        ("TWITCHY_SERVICE_HOST", "10.0.0.1"),
        ("TWITCHY_SERVICE_PORT", "8080"),
        ("TWITCHY_SERVICE_PORT_HTTP", "8080"),
        ("TWITCHY_PORT", "tcp://10.0.0.1:8080"),
        ("TWITCHY_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("TWITCHY_IRC_PORT_6667_TCP_PROTO", "tcp"),
    ];
    assert_eq!(Config { rooms: Vec::new(), ..good("", &links) }, Config::default());
    check("", &[("TWITCHY_PORT", "8080")], &["TWITCHY_PORT: no setting has this variable"]);
    check(
        "",
        &[("TWITCHY_SERVER__PORT", "tcp://x")],
        &["TWITCHY_SERVER__PORT: no setting has this variable"],
    );
}

#[test]
fn rooms_from_the_environment_replace_those_of_the_file() {
    let rooms = r#"[{slug = "ohio", title = "Ohio", transformer = "skibidi", id = 7, partition = 3}]"#;
    let config = good("", &[("TWITCHY_ROOMS", rooms)]);
    assert_eq!(
        config.rooms,
        [RoomDefinition {
            id: RoomId(7),
            slug: "ohio".parse().unwrap(),
            title: "Ohio".to_owned(),
            description: String::new(),
            transformer: "skibidi".to_owned(),
            partition: 3,
        }]
    );
    check(
        "",
        &[("TWITCHY_ROOMS", "ohio")],
        &["TWITCHY_ROOMS: rooms: expected a list of tables in TOML, as [{slug = \"…\", …}]"],
    );
    check(
        "",
        &[("TWITCHY_ROOMS", "[]")],
        &[
            "TWITCHY_ROOMS: rooms: no rooms; add at least one [[rooms]] table with slug, title and transformer",
        ],
    );
    check(
        "",
        &[("TWITCHY_ROOMS", "[]\nroles = []")],
        &["TWITCHY_ROOMS: rooms: expected a list of tables in TOML, as [{slug = \"…\", …}]"],
    );
}

#[test]
fn a_room_gets_id_and_partition_from_its_slug() {
    let config = good("[log]\npartitions = 5", &[]);
    let [room] = &config.rooms[..] else { panic!("one room") };
    assert_eq!(room.id, room.slug.room_id());
    assert_eq!(u64::from(room.partition), room.id.0 % 5);
}

#[test]
fn everything_wrong_is_told_at_once() {
    check(
        "[server]\nlisten = \"localhost\"\nlissten = 1\n[limits]\nconections = 5\n\
         connections = -1\nuser_messages_per_second = \"two\"\n[stor]\nengine = \"memory\"\n[log]\npartitions = 0",
        &[
            ("TWITCHY_LIMITS__CONNECTIONS", "many"),
            ("TWITCHY_LIMIT__CONNECTIONS", "5"),
            ("TWITCHY_AUTH__ACCESS_TOKEN_MINUTES", "1.5"),
        ],
        &[
            "test.toml:2: server.listen: expected an IP address and port, as \"127.0.0.1:8080\", \"0.0.0.0:8080\" or \
             \"[::1]:8080\", found \"localhost\"",
            "test.toml:3: server.lissten: no such setting (did you mean \"server.listen\"?)",
            "test.toml:5: limits.conections: no such setting (did you mean \"limits.connections\"?)",
            "test.toml:6: limits.connections: expected a whole number from 0 (none) to 4294967295, found -1",
            "test.toml:7: limits.user_messages_per_second: expected a number from 0.001 to 1000000, or 0 (none), \
             found \"two\"",
            "test.toml:8: stor: no such section (did you mean \"store\"?)",
            "test.toml:11: log.partitions: expected a whole number from 1 to 1024, found 0",
            "TWITCHY_AUTH__ACCESS_TOKEN_MINUTES: auth.access_token_minutes: expected a whole number from 1 to 1440, \
             found \"1.5\"",
            "TWITCHY_LIMITS__CONNECTIONS: limits.connections: expected a whole number from 0 (none) to 4294967295, \
             found \"many\"",
            "TWITCHY_LIMIT__CONNECTIONS: no setting has this variable (did you mean TWITCHY_LIMITS__CONNECTIONS?)",
        ],
    );
}

#[test]
fn unknown_names_are_told_with_what_was_meant() {
    check(
        "listen = \"127.0.0.1:1\"",
        &[],
        &["test.toml:1: listen: no such setting (did you mean \"server.listen\"?)"],
    );
    check(
        "[server]\nretention_days = 3",
        &[],
        &["test.toml:2: server.retention_days: no such setting (did you mean \"store.retention_days\"?)"],
    );
    check("[whatever]\nx = 3", &[], &["test.toml:1: whatever: no such section"]);
    check("", &[("TWITCHY_HOME", "/")], &["TWITCHY_HOME: no setting has this variable"]);
    check("server = 3", &[], &["test.toml:1: server: expected a section [server], found 3"]);
}

#[test]
fn values_of_the_wrong_kind_are_told() {
    check(
        "[log]\nengine = \"kafak\"",
        &[],
        &["test.toml:2: log.engine: expected embedded, kafka or memory, found \"kafak\""],
    );
    check(
        "[limits]\nuser_messages_per_second = nan",
        &[],
        &[
            "test.toml:2: limits.user_messages_per_second: expected a number from 0.001 to 1000000, or 0 (none), found nan",
        ],
    );
    check(
        "",
        &[("TWITCHY_LIMITS__USER_MESSAGES_PER_SECOND", "inf")],
        &[
            "TWITCHY_LIMITS__USER_MESSAGES_PER_SECOND: limits.user_messages_per_second: expected a number from 0.001 to \
         1000000, or 0 (none), found inf",
        ],
    );
    check(
        "[auth]\nargon2_memory_kib = 1024",
        &[],
        &["test.toml:2: auth.argon2_memory_kib: expected a whole number from 19456 to 1048576, found 1024"],
    );
    check(
        "roles = \"gateway\"",
        &[],
        &["test.toml:1: roles: expected a list of gateway and persist, found \"gateway\""],
    );
    check(
        "",
        &[("TWITCHY_SERVER__DATA", "")],
        &["TWITCHY_SERVER__DATA: server.data: expected a path, found \"\""],
    );
    let found = loaded("", &[], &[listen("8080")]).unwrap_err().to_string();
    assert!(found.starts_with("--listen: server.listen: expected an IP address and port"), "{found}");
}

#[test]
fn long_and_many_lined_values_stay_on_one_short_line() {
    let text = format!("{}\n{}", "x".repeat(10), "y".repeat(100_000));
    let findings = loaded("", &[("TWITCHY_LOG__ENGINE", &text)], &[]).unwrap_err().to_string();
    assert!(findings.lines().count() == 1 && findings.len() < 300, "{findings}");
    let findings = loaded("\"a\\nb\" = 1", &[], &[]).unwrap_err().to_string();
    assert_eq!(findings, "test.toml:1: a\\nb: no such setting");
}

#[test]
fn origins_of_sites_are_as_browsers_send_them() {
    let all = "[server]\npublic_origins = [\"https://example.org\", \"http://[::1]:3000\"]";
    let origins = good(all, &[]).server.public_origins;
    assert_eq!(
        origins.iter().map(Origin::as_str).collect::<Vec<_>>(),
        ["https://example.org", "http://[::1]:3000"]
    );
    for bad in [
        "*",
        "example.org",
        "https://Example.org",
        "https://a.b/",
        "https://a.b:443",
        "http://",
        "ftp://a",
        "https://a:",
    ] {
        let findings = loaded("", &[("TWITCHY_SERVER__PUBLIC_ORIGINS", bad)], &[]).unwrap_err().to_string();
        assert!(findings.contains(&format!("found {bad:?}")), "{findings}");
    }
}

#[test]
fn syntax_errors_are_one_line_with_their_place() {
    let cases = [
        ("[server]\nlisten = \n", "test.toml:2:10: "),
        ("[server]\n[server]\n", "test.toml:2:2: "),
        ("a = 1\n  ä€ = 2", "test.toml:2:3: "),
        ("x = \"", "test.toml:1:"),
        ("[limits]\nconnections = 99999999999999999999", "test.toml:2:15: "),
    ];
    for (text, place) in cases {
        let file = ConfigFile::new("test.toml", text);
        let findings = load(&file, &[], &[], STYLES).unwrap_err().to_string();
        assert!(findings.starts_with(place) && findings.lines().count() == 1, "{text:?}: {findings}");
        assert!(findings.len() > place.len(), "{findings}");
    }
}

#[test]
fn rooms_that_are_wrong_are_told_by_place_and_slug() {
    check_rooms("", &["rooms: no rooms; add at least one [[rooms]] table with slug, title and transformer"]);
    check_rooms("rooms = \"ohio\"", &["test.toml:1: rooms: expected [[rooms]] tables, found \"ohio\""]);
    check_rooms("rooms = [1]", &["test.toml:1: rooms[0]: expected a table, found 1"]);
    check_rooms(
        &format!("{ROOM}[[rooms]]\nslug = \"ohio\"\ntitle = \"O\"\ntransformer = \"skibdi\""),
        &[
            "test.toml:6: rooms[1] \"ohio\": unknown transformer \"skibdi\"; known: bestie, corporate, plain, skibidi \
         (did you mean \"skibidi\"?)",
        ],
    );
    check_rooms(
        "[[rooms]]\nslug = \"A b\"\ntittle = \"x\"\nid = 0\npartition = 16\ndescription = 5",
        &[
            "test.toml:1: rooms[0] \"A b\": no such key: \"tittle\" (did you mean \"title\"?)",
            "test.toml:1: rooms[0] \"A b\": a slug has 3 to 25 characters, each a to z, 0 to 9 or _",
            "test.toml:1: rooms[0] \"A b\": title is missing",
            "test.toml:1: rooms[0] \"A b\": description: expected a text, found 5",
            "test.toml:1: rooms[0] \"A b\": transformer is missing",
            "test.toml:1: rooms[0] \"A b\": id: expected a whole number from 1 to 9223372036854775807, found 0",
            "test.toml:1: rooms[0] \"A b\": partition: expected a whole number from 0 to 15, found 16",
        ],
    );
    check_rooms(
        &format!("{ROOM}{ROOM}"),
        &["test.toml:7: rooms[1] \"plain\": slug as in rooms[0]; give each room its own"],
    );
    let id = good("", &[]).rooms[0].id;
    check_rooms(
        &format!("{ROOM}[[rooms]]\nslug=\"ohio\"\ntitle=\"O\"\ntransformer=\"plain\"\nid = {id}"),
        &[&format!("test.toml:6: rooms[1] \"ohio\": id {id} as in rooms[0]; give this room another id")],
    );
    check_rooms(
        &format!(
            "[[rooms]]\nslug=\"ohio\"\ntitle=\" \"\ntransformer=\"plain\"\ndescription=\"{}\\n\"",
            "x".repeat(300)
        ),
        &[
            "test.toml:1: rooms[0] \"ohio\": title: expected a text that is not empty",
            "test.toml:1: rooms[0] \"ohio\": description: expected at most 300 characters, found 301",
            "test.toml:1: rooms[0] \"ohio\": description: expected one line without control characters",
        ],
    );
}

#[test]
fn partitions_of_rooms_are_not_doubted_when_their_number_is_wrong() {
    check_rooms(
        "[log]\npartitions = 5000\n[[rooms]]\nslug=\"ohio\"\ntitle=\"O\"\ntransformer=\"plain\"\npartition = 40",
        &["test.toml:2: log.partitions: expected a whole number from 1 to 1024, found 5000"],
    );
}

#[test]
fn settings_that_do_not_go_together_are_told() {
    check("roles = []", &[], &["test.toml:1: roles: expected at least one of gateway and persist"]);
    check(
        "",
        &[("TWITCHY_ROLES", "gateway")],
        &[
            "TWITCHY_ROLES: roles: expected both gateway and persist, as log and store are not shared between processes \
         (that takes log.engine = \"kafka\" and store.engine = \"cassandra\")",
        ],
    );
    check(
        "roles = [\"gateway\", \"gateway\", \"persist\"]",
        &[],
        &["test.toml:1: roles: gateway stands there more than once"],
    );
    check(
        "[irc]\nlisten = \"127.0.0.1:8080\"",
        &[],
        &["test.toml:2: irc.listen: 127.0.0.1:8080 is the address of server.listen too; choose another port"],
    );
    let picked = good("[server]\nlisten = \"127.0.0.1:0\"\n[ops]\nlisten = \"127.0.0.1:0\"", &[]);
    assert_eq!(picked.ops.listen.map(|address| address.port()), Some(0));
    good("[kafka]\nbrokers = [\"not looked at\"]", &[]);
}

#[cfg(not(any(feature = "kafka", feature = "cassandra")))]
#[test]
fn engines_that_were_left_out_are_told() {
    let findings =
        loaded("[log]\nengine = \"kafka\"\n[store]\nengine = \"cassandra\"", &[], &[]).unwrap_err();
    for (line, key, engine) in [(2, "log", "kafka"), (4, "store", "cassandra")] {
        let wanted = format!(
            "test.toml:{line}: {key}.engine: this program was built without \"{engine}\"; use one with it, or \"embedded\""
        );
        assert!(findings.to_string().lines().any(|finding| finding == wanted), "{findings}");
    }
}

#[test]
fn secrets_are_long_enough_and_never_shown() {
    check(
        "[auth]\nsecret = \"hunter2\"",
        &[],
        &["test.toml:2: auth.secret: expected a text of at least 32 bytes, found 7 bytes"],
    );
    check(
        "[auth]\nsecret = 123456789",
        &[],
        &["test.toml:2: auth.secret: expected a text of at least 32 bytes, found something else"],
    );
    let loaded = loaded("", &[("TWITCHY_AUTH__SECRET", SECRET)], &[]).unwrap();
    let printed = print(&loaded);
    assert!(printed.contains("# secret = (redacted)  # TWITCHY_AUTH__SECRET\n"), "{printed}");
    assert!(!printed.contains(SECRET) && !format!("{loaded:?}").contains(SECRET));
    let broken = ConfigFile::new("test.toml", format!("[auth]\nsecret = \"{SECRET}\" x"));
    let findings = load(&broken, &[], &[], STYLES).unwrap_err();
    assert!(!findings.to_string().contains(SECRET), "{findings}");
}

#[test]
fn the_secret_may_lie_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let name = path.to_str().unwrap();
    let variable = [("TWITCHY_AUTH__SECRET_FILE", name)];

    let missing = loaded("", &variable, &[]).unwrap_err().to_string();
    assert!(
        missing.starts_with(&format!("TWITCHY_AUTH__SECRET_FILE: auth.secret_file: {name}: ")),
        "{missing}"
    );

    std::fs::write(&path, "hunter2\n\n").unwrap();
    let short = loaded("", &variable, &[]).unwrap_err().to_string();
    assert!(short.ends_with("expected at least 32 bytes, found 7") && !short.contains("hunter2"), "{short}");

    std::fs::write(&path, "x".repeat(5000)).unwrap();
    let long = loaded("", &variable, &[]).unwrap_err().to_string();
    assert!(long.ends_with("expected at most 4096 bytes"), "{long}");

    std::fs::write(&path, format!("{SECRET}\n")).unwrap();
    let loaded_one = loaded("", &variable, &[]).unwrap();
    assert_eq!(loaded_one.config.auth.secret.as_ref().unwrap().expose(), SECRET.as_bytes());
    assert!(print(&loaded_one).contains(&format!("# secret = (redacted)  # {name}\n")));

    let both = loaded(&format!("[auth]\nsecret = \"{SECRET}\""), &variable, &[]).unwrap_err().to_string();
    assert!(both.ends_with("auth.secret_file: auth.secret is set too; keep one of them"), "{both}");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf_8_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let environment = [("TWITCHY_SERVER__DATA".into(), OsString::from_vec(vec![b'x', 0xff]))];
    let findings = load(&ConfigFile::shipped(), &environment, &[], STYLES).unwrap_err();
    assert_eq!(findings.to_string(), "TWITCHY_SERVER__DATA: not UTF-8");
}

#[test]
fn a_named_file_has_to_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.toml");
    let findings = ConfigFile::read(Some(&path)).unwrap_err().to_string();
    assert!(
        findings.starts_with(&format!("{}: ", path.display())) && findings.lines().count() == 1,
        "{findings}"
    );
    let findings = ConfigFile::read(Some(folder.path())).unwrap_err().to_string();
    assert!(findings.starts_with(&format!("{}: ", folder.path().display())), "{findings}");
    std::fs::write(&path, ROOM).unwrap();
    assert_eq!(ConfigFile::read(Some(&path)).unwrap().name(), path.to_str().unwrap());
    std::fs::write(&path, b"x = \"\xff\"").unwrap();
    assert!(ConfigFile::read(Some(&path)).unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn what_is_printed_loads_again_and_says_the_same() {
    let environment = [("TWITCHY_IRC__LISTEN", "127.0.0.1:6667"), ("TWITCHY_ROLES", "persist,gateway")];
    let first = load(&ConfigFile::shipped(), &variables(&environment), &[listen("[::1]:9")], STYLES).unwrap();
    let printed = print(&first);
    let again =
        load(&ConfigFile::new("printed", &*printed), &[], &[], STYLES).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again.config, first.config);
    for line in [
        "listen = \"[::1]:9\"  # --listen",
        "roles = [\"persist\", \"gateway\"]  # TWITCHY_ROLES",
        "partitions = 16  # default",
        "# secret is not set  # default",
        "[[rooms]]  # built-in config/twitchy.toml:",
    ] {
        assert!(printed.contains(line), "{line}\n{printed}");
    }
}

#[test]
fn the_shipped_file_has_the_three_rooms() {
    let config = load(&ConfigFile::shipped(), &[], &[], STYLES).unwrap_or_else(|e| panic!("{e}")).config;
    let rooms = config
        .rooms
        .iter()
        .map(|room| (room.slug.as_str(), &*room.title, &*room.transformer, room.partition));
    assert_eq!(
        rooms.collect::<Vec<_>>(),
        [
            ("bestie", "Bestie", "bestie", 0),
            ("ohio", "Only in Ohio", "skibidi", 1),
            ("synergy", "Synergy", "corporate", 2),
        ]
    );
    assert!(config.rooms.iter().all(|room| !room.description.is_empty() && room.id == room.slug.room_id()));
    assert_eq!(Config { rooms: Vec::new(), ..config }, Config::default());
}

/// With its comments taken away the shipped file has every setting, each at its default.
#[test]
fn the_shipped_file_shows_every_default() {
    let text = include_str!("../../../config/twitchy.toml");
    let setting = |line: &str| {
        line.strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
            .map(str::to_owned)
    };
    let text: Vec<String> =
        text.lines().map(|line| setting(line).unwrap_or_else(|| line.to_owned())).collect();
    let loaded =
        load(&ConfigFile::new("shown", text.join("\n")), &[], &[], STYLES).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(Config { rooms: Vec::new(), ..loaded.config.clone() }, Config::default());
    for key in KEYS {
        assert!(matches!(loaded.source(key.path), Source::File { .. }), "{} is missing", key.path);
    }
}

/// `UPDATE_GOLDEN=1 cargo test -p server config` writes the tables anew.
#[test]
fn the_page_of_settings_is_not_stale() {
    const MARK: &str =
        "<!-- made from the list of settings: UPDATE_GOLDEN=1 cargo test -p server config -->\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, tables) = page.split_once(MARK).expect("the page has its mark");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{head}{MARK}{}", reference())).unwrap();
    } else {
        assert!(
            tables == reference(),
            "docs/configuration.md is stale: UPDATE_GOLDEN=1 cargo test -p server config"
        );
    }
}
