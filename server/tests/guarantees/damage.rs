//! G5: damaged files. The server either starts with everything that was accepted, or refuses in one clear line; it never
//! starts with less. (Every byte of the engine's files is the business of the engine's own tests.)

use crate::support::{alone, choices, folder, options, server, tell, times};
use client::Rest;
use protocol::ids::Seq;
use rand::{RngExt, rngs::StdRng};
use std::{fs, net::SocketAddr, os::unix::fs::FileExt, path::Path, process::Command};
use testkit::process::{Error, Server};

const ROOMS: [&str; 2] = ["bestie", "ohio"];
const LAST: &str = "the very last words";

/// All that one can read: the rooms, and that the account is there.
async fn everything(address: SocketAddr) -> Vec<(Seq, String, String)> {
    let rest = Rest::new(address);
    let mut all = Vec::new();
    for room in ROOMS {
        let mut after = Seq(0);
        loop {
            let page = rest.after(room, after, 100).await.unwrap();
            all.extend(page.messages.into_iter().map(|m| (m.seq, m.id.to_string(), m.text)));
            match page.next_after {
                Some(next) => after = next,
                None => break,
            }
        }
        // What a join shows comes another way.
        let mut socket = client::Socket::connect(address).await.unwrap();
        let past = socket.join_with_history(room, 100).await.unwrap().history;
        all.extend(past.into_iter().map(|m| (m.seq, m.id.to_string(), m.text)));
    }
    rest.login("ada", "everything is there").await.expect("the account is there");
    all
}

/// Something that a disk does to a file.
enum Damage {
    Flip { at: u64, bit: u8 },
    Cut { to: u64 },
}

impl Damage {
    fn apply(&self, file: &Path) {
        let open = fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
        match self {
            Self::Flip { at, bit } => {
                let mut byte = [0];
                open.read_exact_at(&mut byte, *at).unwrap();
                open.write_all_at(&[byte[0] ^ 1 << bit], *at).unwrap();
            }
            Self::Cut { to } => open.set_len(*to).unwrap(),
        }
    }
}

/// Flips in pages that hold something, and cuts; for the log also within and after its last record.
fn damages(file: &Path, count: u64, choices: &mut StdRng) -> Vec<Damage> {
    let bytes = fs::read(file).unwrap();
    let used: Vec<usize> =
        (0..bytes.len() / 4096).filter(|page| bytes[page * 4096..][..4096].iter().any(|b| *b != 0)).collect();
    let mut all = Vec::new();
    for _ in 0..count {
        let page = used[choices.random_range(0..used.len())];
        let at = (page * 4096 + choices.random_range(0..4096)) as u64;
        all.push(Damage::Flip { at, bit: choices.random_range(0..8) });
        all.push(Damage::Cut { to: choices.random_range(0..bytes.len() as u64) });
    }
    if let Some(last) = bytes.windows(LAST.len()).rposition(|window| window == LAST.as_bytes()) {
        let last = last as u64;
        let end = last + LAST.len() as u64;
        all.extend([last, last + 1, end - 1, end].map(|to| Damage::Cut { to }));
        all.push(Damage::Flip { at: last, bit: 0 });
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g05_damaged_files_are_told_and_never_taken_for_shorter_ones() {
    let _alone = alone();
    let (_, mut choices) = choices("g05_damage");
    let count = times(5, 100);
    let (mut whole, mut refused) = (0, 0);
    for closed in [false, true] {
        let origin = folder();
        let mut server = server(origin.path());
        let rest = Rest::new(server.address());
        let rest = rest.bearer(&rest.register("ada", "everything is there").await.unwrap().access_token);
        for number in 0..60 {
            rest.send(ROOMS[number % 2], &format!("line {number}"), None).await.unwrap();
        }
        rest.send("bestie", LAST, None).await.unwrap();
        let before = everything(server.address()).await;
        assert!(before.len() >= 2 * 61);
        if closed {
            server.terminate().unwrap();
        } else {
            server.kill();
        }
        for file in ["log/log.redb", "store/messages.redb", "store/accounts.redb"] {
            for damage in damages(&origin.path().join("data").join(file), count, &mut choices) {
                let copy = folder();
                let data = copy.path().join("data");
                let done = Command::new("cp").arg("-a").arg(origin.path().join("data")).arg(&data).status();
                assert!(done.unwrap().success());
                damage.apply(&data.join(file));
                let told = match damage {
                    Damage::Flip { at, bit } => {
                        format!("{file}, closed: {closed}, bit {bit} of byte {at} flipped")
                    }
                    Damage::Cut { to } => format!("{file}, closed: {closed}, cut to {to} bytes"),
                };
                match tokio::task::block_in_place(|| Server::start(options(copy.path()))) {
                    Ok(server) => {
                        let after = everything(server.address()).await;
                        assert!(
                            after == before,
                            "{told}: it started with something else:\n{}",
                            server.log_tail()
                        );
                        whole += 1;
                    }
                    Err(Error::Ended { status, log }) => {
                        assert_eq!(status.code(), Some(74), "{told}: {log}");
                        let line = log.lines().find(|line| line.starts_with("twitchy: "));
                        let name = Path::new(file).file_name().unwrap().to_string_lossy();
                        assert!(line.is_some_and(|line| line.contains(&*name)), "{told}: {log}");
                        refused += 1;
                    }
                    Err(error) => panic!("{told}: {error}"),
                }
            }
        }
    }
    tell(&format!(
        "g05_damage: {} damaged folders: {whole} started with everything, {refused} were refused",
        whole + refused
    ));
    assert!(refused > 0 && whole > 0, "the damages hit too little");
}
