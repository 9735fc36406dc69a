//! G6: what has no answer is asked again with the same nonce, and is there once.

use crate::support::{again, alone, choices, folder, server, tell, times};
use client::{Rest, Socket};
use protocol::ids::Seq;
use rand::RngExt;
use std::collections::HashMap;

/// The connection is cut before the ack; every tenth time the server is killed as well. Then it is asked again, twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g06_a_retry_makes_one_message_also_across_a_restart() {
    let _alone = alone();
    let (_, mut choices) = choices("g06_retries");
    let folder = folder();
    let mut server = server(folder.path());
    let token = Rest::new(server.address()).register("ada", "ask me once more").await.unwrap().access_token;
    let cuts = times(200, 2_000);
    let (mut kills, mut first_was_there) = (0, 0);
    let mut acks = HashMap::new();
    for number in 0..cuts {
        let (nonce, text) = (format!("n{number}"), format!("number{number}"));
        let mut socket = Socket::connect(server.address()).await.unwrap();
        socket.auth(&token).await.unwrap();
        let before = socket.join_with_history("bestie", 0).await.unwrap().seq;
        socket.submit("bestie", &text, &nonce).await.unwrap();
        // Some have been read by the server when the connection goes, some have not.
        for _ in 0..choices.random_range(0..200) {
            tokio::task::yield_now().await;
        }
        socket.vanish();
        if number % 10 == 0 {
            server.kill();
            again(&mut server);
            kills += 1;
        }
        let mut socket = Socket::connect(server.address()).await.unwrap();
        socket.auth(&token).await.unwrap();
        let seen = socket.join_with_history("bestie", 0).await.unwrap().seq;
        first_was_there += u64::from(seen > before);
        let ack = socket.send_text("bestie", &text, &nonce).await.unwrap();
        // By the other edge too: the same message.
        let rest = Rest::new(server.address()).bearer(&token);
        let message = rest.send("bestie", &text, Some(&nonce)).await.unwrap();
        assert_eq!((message.id, message.seq), (ack.id, ack.seq));
        acks.insert(ack.id, ack.seq);
    }
    let rest = Rest::new(server.address());
    let (mut all, mut after) = (Vec::new(), Seq(0));
    loop {
        let page = rest.after("bestie", after, 100).await.unwrap();
        all.extend(page.messages);
        match page.next_after {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(all.len() as u64, cuts, "one message for each nonce");
    for message in all {
        assert_eq!(acks.get(&message.id), Some(&message.seq), "{message:?}");
    }
    tell(&format!(
        "g06_retries: {cuts} connections cut before the ack, {kills} kills; {first_was_there} were seen before they were \
         asked again, {cuts} messages in the history"
    ));
}
