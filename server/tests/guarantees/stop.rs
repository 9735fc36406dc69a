//! G17: a stop that was asked for leaves nobody in the dark.

use crate::support::{alone, choices, folder, server, tell, times};
use client::{Error, Rest, Socket};
use protocol::{frames::ServerFrame, ids::Seq};
use rand::RngExt;
use std::collections::{HashMap, HashSet};

/// What one sender was told.
#[derive(Default)]
struct Told {
    acked: HashMap<String, Seq>,
    unknown: u64,
    reconnect: bool,
    close_code: Option<u16>,
}

/// Sends without waiting, until it is told that the server stops; then waits for what it is owed.
async fn sender(mut socket: Socket, number: usize) -> Told {
    let mut told = Told::default();
    let mut open: HashSet<String> = HashSet::new();
    let mut count = 0;
    loop {
        while !told.reconnect && open.len() < 16 {
            let nonce = format!("s{number}_{count}");
            count += 1;
            if socket.submit("synergy", &format!("line {count} of {number}"), &nonce).await.is_err() {
                break;
            }
            open.insert(nonce);
        }
        match socket.recv().await {
            Ok(ServerFrame::Ack { nonce, seq, .. }) => {
                open.remove(&nonce);
                told.acked.insert(nonce, seq);
            }
            Ok(ServerFrame::Error { nonce: Some(nonce), .. }) => {
                open.remove(&nonce);
            }
            Ok(ServerFrame::Reconnect { .. }) => told.reconnect = true,
            Ok(_) => {}
            Err(Error::Closed { closed, .. }) => {
                told.close_code = closed.code;
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    told.unknown = open.len() as u64;
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g17_a_stop_under_load_answers_everything_and_loses_nothing() {
    let _alone = alone();
    let (_, mut choices) = choices("g17_stop");
    let folder = folder();
    let mut server = server(folder.path());
    let mut tokens = Vec::new();
    for number in 0..8 {
        let rest = Rest::new(server.address());
        tokens.push(rest.register(&format!("sender{number}"), "until the end").await.unwrap().access_token);
    }
    let stops = times(3, 30);
    let (mut before, mut answered) = (Seq(0), 0);
    for _ in 0..stops {
        let mut senders = Vec::new();
        for (number, token) in tokens.iter().enumerate() {
            let mut socket = Socket::connect(server.address()).await.unwrap();
            socket.auth(token).await.unwrap();
            senders.push(tokio::spawn(sender(socket, number + 8 * answered)));
        }
        let mut watcher = Socket::connect(server.address()).await.unwrap();
        watcher.join_with_history("synergy", 0).await.unwrap();
        watcher.messages("synergy", choices.random_range(200..800)).await.unwrap();
        let status = tokio::task::block_in_place(|| server.terminate()).unwrap();
        assert_eq!(status.code(), Some(0), "{}", server.log_tail());
        let mut acked = HashSet::new();
        for sender in senders {
            let told = sender.await.unwrap();
            assert!(told.reconnect, "it was not told when to come back");
            assert_eq!(told.close_code, Some(1012));
            assert_eq!(told.unknown, 0, "sends without an answer");
            acked.extend(told.acked.into_values());
        }
        answered += acked.len();
        crate::support::again(&mut server);
        let rest = Rest::new(server.address());
        let mut kept = HashSet::new();
        loop {
            let page = rest.after("synergy", before, 100).await.unwrap();
            kept.extend(page.messages.iter().map(|message| message.seq));
            before = page.messages.last().map_or(before, |message| message.seq);
            if page.next_after.is_none() {
                break;
            }
        }
        assert_eq!(kept, acked, "what was acked is what is there");
    }
    tell(&format!("g17_stop: {stops} stops under load, {answered} messages acked, 0 without an answer"));
}
