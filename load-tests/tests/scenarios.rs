//! Every scenario against the real server, at a scale that takes two seconds: it runs, it is clean, and it shows what it
//! is to show. And against a server that is broken on purpose: the checks find it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};
use tempfile::TempDir;
use testkit::process::{self, Server};

/// A small ring, so that slow viewers fall off it within a run of some seconds.
const CONFIG: &str = r#"
[feed]
ring_messages = 100
[[rooms]]
slug = "bestie"
title = "Bestie"
transformer = "bestie"
[[rooms]]
slug = "plain"
title = "Plain"
transformer = "plain"
[[rooms]]
slug = "synergy"
title = "Synergy"
transformer = "corporate"
"#;

fn built(arguments: &[&str], name: &str) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--package", "server", "--bin", name, "--message-format", "json-render-diagnostics"])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs this test, so it can be run");
    assert!(built.status.success(), "building the server failed");
    let lines = String::from_utf8(built.stdout).expect("cargo writes UTF-8");
    let messages = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut programs = messages
        .filter(|m| m["target"]["name"] == name)
        .filter_map(|m| m["executable"].as_str().map(PathBuf::from));
    programs.next().expect("cargo says where it put the program")
}

/// The whole server; a workspace's test run has it already.
fn twitchy() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| built(&[], "twitchy"))
}

fn start(binary: &Path, fault: Option<&str>) -> (TempDir, Server) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("twitchy.toml");
    fs::write(&config, CONFIG).expect("the temporary folder takes files");
    let mut options = process::Options::new(binary, folder.path());
    if let Some(fault) = fault {
        options = options.with_env("BROKEN_ON_PURPOSE", fault);
    }
    options.args = vec!["--config".into(), config.into()];
    let server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    (folder, server)
}

/// Plays a scenario file; the report too.
fn play(server: &Server, scenario: &Path, arguments: &[&str], out: &Path) -> (Output, serde_json::Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_twitchy-load"))
        .arg("run")
        .arg(scenario)
        .arg(format!("http://{}", server.address()))
        .args(["--quiet", "--out"])
        .arg(out)
        .args(arguments)
        .output()
        .expect("the program is there");
    let told = String::from_utf8_lossy(&output.stderr);
    let report = fs::read(out.join("report.json")).unwrap_or_else(|error| panic!("{error}; {told}"));
    (output, serde_json::from_slice(&report).expect("a report is JSON"))
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{name}.toml"))
}

#[test]
fn every_shipped_scenario_runs_and_is_clean() {
    let (folder, server) = start(twitchy(), None);
    for entry in fs::read_dir(shipped("peak").parent().expect("a folder")).expect("the scenarios").flatten() {
        let path = entry.path();
        let out = folder.path().join(entry.file_name());
        // Of 150,000 viewers a thousandth.
        let scale = if path.ends_with("peak.toml") { "0.001" } else { "0.005" };
        let (output, report) = play(&server, &path, &["--scale", scale, "--seconds", "2"], &out);
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {told}", path.display());
        assert!(told.contains("clean: 0 lost, 0 doubles, 0 out of order"), "{told}");
        assert!(report["counts"]["shown"].as_u64() > Some(0), "{}: {report}", path.display());
        assert!(report["connected"].as_u64() > Some(1), "{report}");
        for file in ["report.md", "rate.svg", "latency.svg", "cpu.svg"] {
            assert!(out.join(file).exists(), "{file}");
        }
    }
}

// A run is over as soon as everybody has everything; how long that may take is for machines that are busy elsewhere.

/// Long lines into one room, of whose viewers some read nothing until the end.
const SLOW: &str = r#"
about = "Slow viewers and a ring of 100 messages."
seconds = 3
drain_seconds = 120
writers = 8
text_bytes = 450
[[rooms]]
slug = "plain"
rate = [[0, 1500]]
viewers = 4
slow = 0.5
"#;

/// All break twice, and come back at once.
const BREAK: &str = r#"
about = "Connections break."
seconds = 3
drain_seconds = 120
writers = 2
kills = [{ at = 1, share = 1.0, within = 0 }, { at = 2, share = 0.5, within = 0.2 }]
[[rooms]]
slug = "bestie"
rate = [[0, 50]]
viewers = 6
joins = [{ at = 1, within = 0.5, viewers = 4 }]
"#;

/// Half of the viewers ask for compressed messages; what is said is what people type.
const COMPRESSED: &str = r#"
about = "Compressed messages."
seconds = 2
drain_seconds = 120
writers = 4
golden = ["GOLDEN"]
[[rooms]]
slug = "bestie"
rate = [[0, 200]]
viewers = 4
compressed = 0.5
"#;

/// Eight messages at a time.
const CLOSED: &str = r#"
about = "A closed loop."
seconds = 3
drain_seconds = 120
writers = 2
under_way = 8
[[rooms]]
slug = "plain"
viewers = 3
"#;

fn written(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("scenario.toml");
    fs::write(&path, text).expect("the temporary folder takes files");
    path
}

#[test]
fn viewers_who_fall_off_the_ring_are_told_and_nothing_is_lost() {
    let (folder, server) = start(twitchy(), None);
    let (output, report) = play(&server, &written(&folder, SLOW), &[], &folder.path().join("out"));
    assert!(output.status.success(), "{report}");
    assert!(report["checks"]["told"].as_u64() > Some(0), "{}", report["checks"]);
    assert!(report["counts"]["gaps"].as_u64() > Some(0), "{}", report["counts"]);
}

#[test]
fn viewers_who_come_back_get_all_they_missed() {
    let (folder, server) = start(twitchy(), None);
    let (output, report) =
        play(&server, &written(&folder, BREAK), &["--processes", "2"], &folder.path().join("out"));
    assert!(output.status.success(), "{report}");
    assert!(report["counts"]["back"].as_u64() >= Some(6), "{}", report["counts"]);
    assert_eq!(report["counts"]["back"], report["counts"]["recovered"], "{}", report["counts"]);
    assert_eq!(report["latencies_ms"]["due_to_joined"]["count"], 4, "{}", report["latencies_ms"]);
    assert_eq!(report["workers"], 3);
}

#[test]
fn viewers_who_ask_for_it_get_messages_compressed_and_see_the_same() {
    let (folder, server) = start(twitchy(), None);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../transformers/bestie/golden.txt");
    let scenario = COMPRESSED.replace("GOLDEN", &golden.display().to_string());
    let (output, report) = play(&server, &written(&folder, &scenario), &[], &folder.path().join("out"));
    assert!(output.status.success(), "{report}");
    assert_eq!(report["connected"], 8, "{report}");
    assert!(report["counts"]["saved"].as_u64() > Some(0), "{}", report["counts"]);
    assert!(report["window"]["wire_share"].as_f64() < Some(1.0), "{}", report["window"]);
    assert_eq!(report["checks"]["without_answer"], 0, "{}", report["checks"]);
    assert_eq!(report["counts"]["refused"], serde_json::json!({}), "all of it is admitted");
}

#[test]
fn a_closed_loop_writes_the_next_message_when_one_has_arrived() {
    let (folder, server) = start(twitchy(), None);
    let (output, report) = play(&server, &written(&folder, CLOSED), &[], &folder.path().join("out"));
    assert!(output.status.success(), "{report}");
    let offered = report["counts"]["offered"].as_u64().expect("a count");
    assert!(offered > 8, "{}", report["counts"]);
    assert_eq!(report["counts"]["shown"], 3 * offered, "{}", report["counts"]);
}

#[test]
fn a_server_that_keeps_a_gap_to_itself_is_found_out() {
    let broken = built(&["--no-default-features", "--features", "broken"], "twitchy-broken");
    let (folder, server) = start(&broken, Some("silent-gap"));
    let (output, report) = play(&server, &written(&folder, SLOW), &[], &folder.path().join("out"));
    assert!(!output.status.success(), "{report}");
    // Lost to those who read slowly; on a machine that is full all viewers fall off the ring, and then nobody saw it.
    let found = |what: &str| report["checks"][what].as_u64().expect("a count");
    assert!(found("lost") + found("unseen") > 0, "{}", report["checks"]);
}
