//! G19: a data folder of each released format is kept, and opened by every later version.
//!
//! `crates/testkit/fixtures/data-v1.tar.gz` is such a folder, `data-v1.json` says what is in it. They were made by
//! `GUARANTEES_FIXTURE=../crates/testkit/fixtures cargo test -p server --test guarantees g19_a_folder_like` (tests run in the
//! folder `server`), and are never made again for the same format.

use crate::support::{alone, folder, has_tool, server, tell, tool};
use client::{Rest, Socket};
use protocol::ids::Seq;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};
use testkit::{
    process::Server,
    trial::{Leavings, set_clock},
};

const ROOMS: [&str; 3] = ["bestie", "ohio", "synergy"];
const PASSWORDS: [(&str, &str); 2] =
    [("ada", "a password for ever"), ("grace", "another one, with \u{fc}ml\u{e4}uts")];

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/testkit/fixtures")
}

/// What the fixture was made by, so that it can still be made; and what it makes now can be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g19_a_folder_like_the_fixture_can_be_made_and_read() {
    let _alone = alone();
    let own = folder();
    let to = std::env::var_os("GUARANTEES_FIXTURE").map_or_else(|| own.path().to_owned(), PathBuf::from);
    write(&to).await;
    read(&to).await;
}

async fn write(to: &Path) {
    let folder = folder();
    let mut server = server(folder.path());
    let rest = Rest::new(server.address());
    let (mut users, mut rooms) = (Vec::new(), serde_json::Map::new());
    for (name, password) in PASSWORDS {
        let answer = rest.register(name, password).await.unwrap();
        users.push(json!({
            "name": name, "id": answer.user.id, "color": answer.user.color,
            "access_token": answer.access_token, "refresh_token": answer.refresh_token,
        }));
    }
    for room in ROOMS {
        let mut first = None;
        for number in 0..40 {
            let token = users[number % 2]["access_token"].as_str().unwrap();
            let nonce = (number % 3 == 0).then(|| format!("{room}-{number}"));
            let text = match number % 4 {
                0 => format!("hello friends, this is line {number}"),
                1 => format!("/me says line {number} to @ada \u{1f389}"),
                2 => format!("look at https://example.org/{number}?a=b"),
                _ => format!("\u{3053}\u{3093}\u{306b}\u{3061}\u{306f} {number}"),
            };
            let rest = rest.bearer(token);
            let said = match first {
                Some(first) if number % 5 == 4 => rest.reply(room, &text, first).await.unwrap(),
                _ => rest.send(room, &text, nonce.as_deref()).await.unwrap(),
            };
            first.get_or_insert(said.id);
        }
        let page = rest.after(room, Seq(0), 100).await.unwrap();
        rooms.insert(room.to_owned(), serde_json::to_value(page.messages).unwrap());
    }
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(server.terminate().unwrap().code(), Some(0));
    let told = json!({ "made_at": at, "users": users, "rooms": rooms });
    fs::write(to.join("data-v1.json"), serde_json::to_string_pretty(&told).unwrap() + "\n").unwrap();
    let (archive, root) =
        (to.join("data-v1.tar.gz").display().to_string(), folder.path().display().to_string());
    tool("tar", &["--owner=0", "--group=0", "-czf", &archive, "-C", &root, "data"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g19_the_data_of_format_1_is_read_in_full() {
    let _alone = alone();
    read(&fixtures()).await;
}

/// Unpacks it, and says what is in it.
fn unpack(from: &Path, folder: &Path) -> Value {
    let archive = from.join("data-v1.tar.gz").display().to_string();
    tool("tar", &["--no-same-owner", "-xzf", &archive, "-C", &folder.display().to_string()]);
    serde_json::from_slice(&fs::read(from.join("data-v1.json")).unwrap()).unwrap()
}

async fn read(from: &Path) {
    let folder = folder();
    let told = unpack(from, folder.path());
    let server = server(folder.path());
    let rest = Rest::new(server.address());
    let mut messages = 0;
    for room in ROOMS {
        let page = rest.after(room, Seq(0), 100).await.unwrap();
        let told = told["rooms"][room].as_array().unwrap();
        assert_eq!(page.messages.len(), told.len());
        for (message, told) in page.messages.iter().zip(told) {
            let message = serde_json::to_value(message).unwrap();
            // Later versions may add fields; none of these may change.
            for (field, value) in told.as_object().unwrap() {
                assert_eq!(&message[field], value, "{room}: {message}");
            }
        }
        let mut socket = Socket::connect(server.address()).await.unwrap();
        let past = socket.join_with_history(room, 100).await.unwrap();
        assert_eq!(past.history.len(), told.len());
        messages += told.len();
    }
    for ((name, password), told) in PASSWORDS.iter().zip(told["users"].as_array().unwrap()) {
        let user = rest.login(name, password).await.unwrap().user;
        assert_eq!((json!(user.id), json!(user.color)), (told["id"].clone(), told["color"].clone()));
    }
    drop(server);
    tell(&format!("g19_format: {messages} messages and {} accounts of format 1", PASSWORDS.len()));
}

/// Tokens and nonces end with time, so the clock is set to when the folder was made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g19_the_tokens_and_nonces_of_format_1_hold() {
    let _alone = alone();
    let name = "g19_tokens";
    if !has_tool(name, "faketime", "faketime") {
        return;
    }
    let folder = folder();
    let told = unpack(&fixtures(), folder.path());
    let made_at = told["made_at"].as_u64().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut options = crate::support::options(folder.path());
    let back = format!("-{}s", now.saturating_sub(made_at));
    set_clock(&mut options, Some(&back));
    let mut leavings = Leavings::default();
    let server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    leavings.of(&server);
    let rest = Rest::new(server.address());
    for user in told["users"].as_array().unwrap() {
        let token = user["access_token"].as_str().unwrap();
        assert_eq!(json!(rest.bearer(token).me().await.unwrap().id), user["id"]);
    }
    let ada = rest.bearer(told["users"][0]["access_token"].as_str().unwrap());
    for room in ROOMS {
        let first = &told["rooms"][room][0];
        let again = ada.send(room, "said again", Some(&format!("{room}-0"))).await.unwrap();
        assert_eq!(json!(again.id), first["id"], "the nonce is known");
        let id = again.id;
        assert_eq!(ada.original(room, id).await.unwrap(), "hello friends, this is line 0");
    }
    let refreshed = rest.refresh(told["users"][1]["refresh_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(json!(refreshed.user.id), told["users"][1]["id"]);
}
