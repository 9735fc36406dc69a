//! The built binary: how it starts, what it refuses, how it stops, and what it never writes down.

use crate::support::{
    CONFIG, PASSWORD, User, keys,
    process::{Ended, Folder},
    refused, same, socket, whole_history,
};
use client::{Error, Rest, Socket};
use protocol::{codes::ErrorCode, frames::ServerFrame};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Nothing but what an operator expects: it ended well and printed nothing more.
#[track_caller]
fn well(ended: &Ended) {
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{}", ended.err);
    for bad in ["panicked", "ERROR", "WARN"] {
        let lines = ended.err.lines().filter(|line| line.contains(bad) && !line.contains("no web page"));
        assert_eq!(lines.collect::<Vec<_>>(), Vec::<&str>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_prints_one_line_when_ready_and_ends_well_on_sigterm() {
    let folder = Folder::new();
    let process = folder.serve();
    // The line was read; whoever reads it can connect at once.
    let user = User::register(process.address, "ada").await;
    user.rest.send("quiet", "hello", None).await.unwrap();
    well(&process.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_configuration_it_serves_the_three_rooms() {
    let folder = Folder::new();
    let empty = tempfile::tempdir().unwrap();
    let data = empty.path().join("data");
    let twitchy = folder.twitchy(&["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    let process = twitchy
        .env_remove("TWITCHY_CONFIG")
        .env_remove("TWITCHY_SERVER__DATA")
        .in_folder(empty.path())
        .serve();
    let rooms = Rest::new(process.address).rooms().await.unwrap();
    assert_eq!(rooms.len(), 3);
    assert!(rooms.iter().any(|room| room.slug == "bestie" && room.transformer.name == "bestie"));
    well(&process.stop().await);
    assert!(data.join("log").exists() && data.join("store").exists(), "its data are where it was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_is_a_stop_like_any_other() {
    let folder = Folder::new();
    let process = folder.serve();
    let mut idle = socket(process.address).await;
    process.interrupt();
    let told = |frame: &ServerFrame| matches!(frame, ServerFrame::Reconnect { .. }).then_some(());
    idle.wait_for("reconnect", told).await.unwrap();
    assert_eq!(idle.closed().await.unwrap().code, Some(1012), "also for those who only read");
    well(&process.ended_meanwhile().await);
}

/// Writes until it is told to come back, then waits for what is still unanswered.
async fn write_until_told(mut socket: Socket, name: &str) -> (usize, Vec<client::Ack>, client::Closed) {
    let (mut sent, mut acks, mut told) = (0, Vec::new(), None);
    let mut open = std::collections::HashSet::new();
    let closed = loop {
        while told.is_none() && open.len() < 64 {
            let text = format!("{name}-{sent}");
            socket.submit("busy", &text, &text).await.expect("it takes what comes until it says otherwise");
            open.insert(text);
            sent += 1;
        }
        match socket.recv().await {
            Ok(ServerFrame::Ack { nonce, id, seq, sent_at }) => {
                assert!(open.remove(&nonce), "{nonce} was answered once");
                acks.push(client::Ack { nonce, id, seq, sent_at });
            }
            Ok(ServerFrame::Error { nonce, code, .. }) => {
                let nonce = nonce.expect("the error of a send");
                assert!(open.remove(&nonce), "{nonce} was answered once");
                assert!(matches!(code, ErrorCode::Unavailable | ErrorCode::Overloaded), "{code:?}");
            }
            Ok(ServerFrame::Reconnect { after_ms }) => told = Some(after_ms),
            Ok(_) => {}
            Err(Error::Closed { closed, .. }) => break closed,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(told.is_some(), "it said when to come back");
    assert!(open.is_empty(), "every send was answered: {open:?}");
    (sent, acks, closed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_answers_every_send_and_loses_none() {
    let folder = Folder::new();
    let process = folder.serve();
    let watch = User::register(process.address, "watcher").await;
    let mut reader = watch.socket().await;
    reader.join("busy").await.unwrap();
    let mut writers = Vec::new();
    for name in ["writer1", "writer2", "writer3", "writer4"] {
        let socket = User::register(process.address, name).await.socket().await;
        writers.push(write_until_told(socket, name));
    }
    let stop = async {
        // Not before much has come in, so the writers are at full speed.
        reader.messages("busy", 500).await.unwrap();
        process.terminate();
        reader.closed().await.unwrap()
    };
    let (written, of_reader) = tokio::join!(futures_util::future::join_all(writers), stop);
    well(&process.ended_meanwhile().await);
    assert_eq!(of_reader.code, Some(1012), "{of_reader}");
    let mut acked = Vec::new();
    for (sent, acks, closed) in written {
        assert!(sent > 0 && !acks.is_empty());
        assert_eq!(closed.code, Some(1012), "{closed}");
        acked.extend(acks.into_iter().map(|ack| (ack.seq, ack.id, ack.nonce)));
    }
    acked.sort_unstable();
    let process = folder.serve();
    same(&keys(&whole_history(&Rest::new(process.address), "busy").await), &acked, "what was acked is there");
    well(&process.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_data_is_refused() {
    let folder = Folder::new();
    let process = folder.serve();
    let user = User::register(process.address, "ada").await;
    folder.twitchy(&["serve"]).run().refused(74, &["data"]);
    folder.twitchy(&["user", "promote", "ada"]).run().refused(74, &["data"]);
    user.rest.send("quiet", "nobody noticed", None).await.expect("the first goes on");
    well(&process.stop().await);
    well(&folder.serve().stop().await);
}

#[cfg(feature = "kafka")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_do_not_answer_are_told() {
    let folder = Folder::new();
    // Bound and not listened on: whoever connects is refused.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let secret = "a secret of more than thirty-two bytes";
    let twitchy = |engine: &str, value: &str, address: &str| {
        let twitchy = folder.twitchy(&["serve"]).env("TWITCHY_AUTH__SECRET", secret);
        twitchy.env(engine, value).env(address, &closed).run()
    };
    twitchy("TWITCHY_LOG__ENGINE", "kafka", "TWITCHY_KAFKA__BROKERS").refused(69, &["Kafka", &closed]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_told() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = folder.twitchy(&["serve", "--listen", &address]).run();
    assert_ne!(ended.code, Some(0));
    ended.refused(ended.code.expect("no signal"), &[&address, "--listen"]);
    // Nothing was made for nothing, or it can be used all the same.
    well(&folder.serve().stop().await);
}

#[test]
fn a_data_folder_that_cannot_be_one_is_told() {
    let folder = Folder::new();
    fs::write(folder.data(), "a file").unwrap();
    folder.twitchy(&["serve"]).run().refused(74, &["data"]);
    folder.twitchy(&["serve", "--data", "data/below"]).run().refused(74, &["data/below"]);
    folder.twitchy(&["serve", "--data", "/proc/nothing/here"]).run().refused(74, &["/proc/nothing/here"]);
    for part in ["log", "store"] {
        let folder = Folder::new();
        fs::create_dir(folder.data()).unwrap();
        fs::write(folder.data().join(part), "a file").unwrap();
        folder.twitchy(&["serve"]).run().refused(74, &[part]);
    }
    assert_eq!(fs::read_to_string(folder.data()).unwrap(), "a file", "what was there is untouched");
}

#[test]
fn a_configuration_that_is_broken_is_told_line_by_line() {
    let folder = Folder::new();
    let with = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.twitchy(&["serve", "--config", name]).run()
    };
    with("syntax.toml", "[server\nlisten = 1").refused(64, &["syntax.toml"]);
    let style = CONFIG.replace("transformer = \"skibidi\"", "transformer = \"skibidy\"");
    with("style.toml", &style).refused(64, &["skibidy", "style.toml"]);
    let twice = CONFIG.replace("slug = \"busy\"", "slug = \"quiet\"");
    with("twice.toml", &twice).refused(64, &["quiet"]);
    with("key.toml", &CONFIG.replace("shutdown_grace_seconds", "shutdown_grace"))
        .refused(64, &["shutdown_grace"]);
    with("range.toml", &format!("{CONFIG}\n[auth]\naccess_token_minutes = 0\n"))
        .refused(64, &["access_token_minutes"]);
    folder.twitchy(&["serve", "--config", "missing.toml"]).run().refused(64, &["missing.toml"]);
    folder
        .twitchy(&["serve"])
        .env("TWITCHY_LOG__ENGINE", "tape")
        .run()
        .refused(64, &["TWITCHY_LOG__ENGINE", "tape"]);
    folder
        .twitchy(&["serve"])
        .env("TWITCHY_LIMITS__CONECTIONS", "5")
        .run()
        .refused(64, &["TWITCHY_LIMITS__CONECTIONS"]);
    folder.twitchy(&["serve", "--listen", "nowhere"]).run().refused(64, &["--listen", "nowhere"]);
    folder.twitchy(&["serve", "--lisen", "x"]).run().refused(64, &["--lisen"]);
    folder.twitchy(&["serves"]).run().refused(64, &["serves"]);
    folder.twitchy(&["serve"]).env("TWITCHY_LOG", "a=shout").run().refused(64, &["TWITCHY_LOG"]);
    folder.twitchy(&["serve"]).env("TWITCHY_LOG_FORMAT", "xml").run().refused(64, &["TWITCHY_LOG_FORMAT"]);

    let several = folder
        .twitchy(&["serve", "--listen", "nowhere"])
        .env("TWITCHY_LOG__ENGINE", "tape")
        .env("TWITCHY_LIMITS__CONNECTIONS", "many")
        .run();
    assert_eq!((several.code, several.out.as_str()), (Some(64), ""));
    for word in ["nowhere", "tape", "many"] {
        let lines = several.err.lines().filter(|line| line.contains(word)).count();
        assert_eq!(lines, 1, "one line for {word}: {}", several.err);
    }
    assert!(!folder.data().exists(), "nothing was begun");
}

#[test]
fn the_configuration_can_be_checked_and_shown_without_secrets() {
    let folder = Folder::new();
    let check = folder.twitchy(&["config", "check"]).run();
    assert_eq!((check.code, check.err.as_str()), (Some(0), ""), "{}", check.out);
    folder
        .twitchy(&["config", "check"])
        .env("TWITCHY_SERVER__LISTEN", "x")
        .run()
        .refused(64, &["TWITCHY_SERVER__LISTEN"]);
    let secret = "not to be seen by anybody, ever";
    let print = folder
        .twitchy(&["config", "print", "--listen", "127.0.0.1:4321"])
        .env("TWITCHY_AUTH__SECRET", &format!("{secret} {secret}"))
        .env("TWITCHY_LIMITS__CONNECTIONS", "77")
        .run();
    assert_eq!((print.code, print.err.as_str()), (Some(0), ""));
    for shown in ["127.0.0.1:4321", "77", "TWITCHY_LIMITS__CONNECTIONS", "--listen", "twitchy.toml", "bestie"]
    {
        assert!(print.out.contains(shown), "{shown} in {}", print.out);
    }
    assert!(!print.out.contains(secret));
    assert!(!folder.data().exists(), "looking changes nothing");
}

#[test]
fn help_and_version_are_no_mistakes() {
    let folder = Folder::new();
    for arguments in [&["--help"][..], &["serve", "--help"], &["user", "--help"], &["help"], &["--version"]] {
        let ended = folder.twitchy(arguments).run();
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(ended.out.contains("twitchy"), "{arguments:?}: {}", ended.out);
    }
    assert_eq!(folder.twitchy(&[]).run().code, Some(64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_make_accounts_admins_and_passwords() {
    let folder = Folder::new();
    let made = folder.twitchy(&["user", "create", "Operator"]).run();
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert_eq!(made.out.lines().count(), 1, "{}", made.out);
    let password = made.out.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(password.len() >= 16, "{}", made.out);
    let again = folder.twitchy(&["user", "create", "operator"]).run();
    again.refused(1, &["taken"]);
    folder.twitchy(&["user", "create", "no name"]).run().refused(64, &["name"]);
    folder.twitchy(&["user", "promote", "nobody"]).run().refused(1, &["nobody"]);

    let process = folder.serve();
    let rest = Rest::new(process.address);
    let operator = rest.login("operator", &password).await.unwrap();
    let ada = User::register(process.address, "ada").await;
    let said = ada.rest.send("bestie", "hi there", None).await.unwrap();
    refused(rest.bearer(&operator.access_token).original("bestie", said.id).await, ErrorCode::Forbidden);
    well(&process.stop().await);

    assert_eq!(folder.twitchy(&["user", "promote", "operator"]).run().code, Some(0));
    let reset = folder.twitchy(&["user", "reset-password", "ada"]).run();
    assert_eq!(reset.code, Some(0), "{}", reset.err);
    let new = reset.out.trim().rsplit(' ').next().unwrap();

    let process = folder.serve();
    let rest = Rest::new(process.address);
    // The access token is as good as before: it says who, and the account says what they may.
    let original = rest.bearer(&operator.access_token).original("bestie", said.id).await.unwrap();
    assert_eq!(original, "hi there");
    refused(rest.login("ada", PASSWORD).await, ErrorCode::InvalidCredentials);
    refused(rest.bearer(&ada.access_token).me().await, ErrorCode::Unauthorized);
    refused(rest.refresh(&ada.refresh_token).await, ErrorCode::Unauthorized);
    assert_eq!(rest.login("ada", new).await.unwrap().user.id, ada.id);
    well(&process.stop().await);
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signing_secret_is_made_once_for_the_owner_alone() {
    let folder = Folder::new();
    let process = folder.serve();
    let ada = User::register(process.address, "ada").await;
    let secret: Vec<PathBuf> =
        files(&folder.data()).into_iter().filter(|path| path.to_string_lossy().contains("secret")).collect();
    let [secret] = secret.as_slice() else { panic!("{secret:?}") };
    assert_eq!(fs::metadata(secret).unwrap().permissions().mode() & 0o777, 0o600);
    let first = fs::read(secret).unwrap();
    well(&process.stop().await);
    let process = folder.serve();
    assert_eq!(fs::read(secret).unwrap(), first);
    let rest = Rest::new(process.address).bearer(&ada.access_token);
    assert_eq!(rest.me().await.unwrap().id, ada.id, "tokens outlive a restart");
    well(&process.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_password_and_no_token_is_ever_in_a_log_or_on_the_disk() {
    const NEW: &str = "eleven green herons";
    const WRONG: &str = "a wrong guess of a password";
    for format in ["text", "json"] {
        let folder = Folder::new();
        let twitchy =
            folder.twitchy(&["serve"]).env("TWITCHY_LOG", "trace").env("TWITCHY_LOG_FORMAT", format);
        let process = twitchy.serve();
        let rest = Rest::new(process.address);
        let ada = User::register(process.address, "ada").await;
        let elsewhere = User::login(process.address, "ada").await;
        let stolen = rest.refresh(&elsewhere.refresh_token).await.unwrap();
        refused(rest.refresh(&elsewhere.refresh_token).await, ErrorCode::Unauthorized);
        refused(rest.login("ada", WRONG).await, ErrorCode::InvalidCredentials);
        refused(rest.register("ada", WRONG).await, ErrorCode::UsernameTaken);
        let renewed = rest.refresh(&ada.refresh_token).await.unwrap();
        let mut connection = socket(process.address).await;
        connection.auth(&renewed.access_token).await.unwrap();
        let forged = format!("{}x", renewed.access_token);
        refused(connection.auth(&forged).await, ErrorCode::Unauthorized);
        refused(rest.bearer(&forged).me().await, ErrorCode::Unauthorized);
        connection.send_text("quiet", "hello", "n").await.unwrap();
        rest.bearer(&renewed.access_token).change_password(PASSWORD, NEW).await.unwrap();
        let last = rest.login("ada", NEW).await.unwrap();
        rest.logout(&last.refresh_token).await.unwrap();
        let query = format!("/api/v1/users/me?access_token={}", last.access_token);
        rest.call(client::Call::get(query)).await.unwrap();
        connection.vanish();
        let ended = process.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(
            ended.err.contains("a refresh token was used twice"),
            "what happened was told: {}",
            ended.err
        );

        let signature = |token: &str| token.rsplit('.').next().expect("three parts").to_owned();
        let secrets = [
            PASSWORD.to_owned(),
            NEW.to_owned(),
            WRONG.to_owned(),
            signature(&ada.access_token),
            signature(&elsewhere.access_token),
            signature(&renewed.access_token),
            signature(&last.access_token),
            ada.refresh_token.clone(),
            elsewhere.refresh_token.clone(),
            stolen.refresh_token.clone(),
            renewed.refresh_token.clone(),
            last.refresh_token.clone(),
        ];
        for secret in &secrets {
            assert!(!ended.err.contains(secret.as_str()), "a secret in the {format} logs");
        }
        for file in files(&folder.data()) {
            let bytes = fs::read(&file).unwrap();
            for secret in &secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "a secret in {}", file.display());
            }
        }
    }
}
