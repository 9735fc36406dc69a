//! G20 and G23: more than the server can take, and no descriptors left.

use crate::support::{Attached, alone, folder, has_tool, options, server, tell};
use client::{Rest, Socket};
use protocol::{codes::ErrorCode, frames::ServerFrame};
use std::{collections::HashMap, ffi::OsString, fs, net::TcpStream, time::Duration};
use testkit::{process::Server, trial::memory_kib};

/// Processor time so far, in hundredths of a second.
fn processor_ticks(server: &Server) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid().unwrap())).unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap()..].split_ascii_whitespace().collect();
    fields[12].parse::<u64>().unwrap() + fields[13].parse::<u64>().unwrap()
}

/// The log's queue holds 16,384 records and a group under way 4,096; this is three times both. One connection may have
/// 1,024 sends under way.
const SENDERS: usize = 62;
const EACH: usize = 1_000;

/// The disk becomes slow: a sync takes a second. What is sent at once is three times what the log's queue holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g20_overload_is_refused_in_words_and_ends_by_itself() {
    let _alone = alone();
    let name = "g20_overload";
    if !has_tool(name, "strace", "strace") {
        return;
    }
    let folder = folder();
    let server = server(folder.path());
    let mut sockets = Vec::new();
    for number in 0..SENDERS {
        let rest = Rest::new(server.address());
        let user = rest.register(&format!("flood{number}"), "three times too much").await.unwrap();
        let options = client::Options { deadline: Duration::from_secs(120), ..client::Options::default() };
        let mut socket = Socket::connect_with(server.address(), options).await.unwrap();
        socket.auth(&user.access_token).await.unwrap();
        sockets.push(socket);
    }
    let before = memory_kib(&server, "VmRSS");
    let slow = Attached::to(
        &server,
        &["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:delay_exit=1000000"],
    );
    let mut floods = Vec::new();
    for (number, mut socket) in sockets.into_iter().enumerate() {
        floods.push(tokio::spawn(async move {
            let text = "so much to say ".repeat(12);
            for count in 0..EACH {
                socket.submit("synergy", &text, &format!("f{number}_{count}")).await.unwrap();
            }
            let mut answers: HashMap<&'static str, u64> = HashMap::new();
            for _ in 0..EACH {
                let answer = socket.wait_for("answer", |frame| match frame {
                    ServerFrame::Ack { .. } => Some("accepted"),
                    ServerFrame::Error { nonce: Some(_), code, .. } => Some(code.as_str()),
                    _ => None,
                });
                *answers.entry(answer.await.unwrap()).or_default() += 1;
            }
            (socket, answers)
        }));
    }
    let mut answers: HashMap<&'static str, u64> = HashMap::new();
    let mut sockets = Vec::new();
    for flood in floods {
        let (socket, told) = flood.await.unwrap();
        sockets.push(socket);
        told.into_iter().for_each(|(code, count)| *answers.entry(code).or_default() += count);
    }
    let grown = memory_kib(&server, "VmHWM").saturating_sub(before) / 1024;
    drop(slow);
    tell(&format!("{name}: {} sends at once, {answers:?}, at most {grown} MiB more memory", SENDERS * EACH));
    let definite = ["accepted", ErrorCode::Overloaded.as_str(), ErrorCode::RateLimited.as_str()];
    assert!(answers.keys().all(|code| definite.contains(code)), "{answers:?}");
    assert_eq!(answers.values().sum::<u64>(), (SENDERS * EACH) as u64, "every send has an answer");
    let refused =
        answers.iter().filter(|(code, _)| **code != "accepted").map(|(_, count)| count).sum::<u64>();
    assert!(refused > 0, "it was no overload: {answers:?}");
    // The log's queue 16 MiB, its tail 16 × 4 MiB, the ring, the caches of three files, the sends under way.
    assert!(grown < 300, "{grown} MiB");
    // Back to normal: no refusal and no restart.
    for (number, mut socket) in sockets.into_iter().enumerate() {
        socket.send_text("synergy", "and now?", &format!("after{number}")).await.unwrap();
    }
}

/// `ulimit -n 200` and 300 connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g23_without_descriptors_connections_live_and_the_server_does_not_spin() {
    let _alone = alone();
    let name = "g23_descriptors";
    let folder = folder();
    let mut options = options(folder.path());
    let limit = r#"ulimit -n 200; exec "$0" "$@""#;
    options.wrapper = ["sh", "-c", limit].map(OsString::from).to_vec();
    let server = Server::start(options).unwrap_or_else(|error| panic!("{error}"));
    let rest = Rest::new(server.address());
    let token = rest.register("early", "i was here first").await.unwrap().access_token;
    let mut writer = Socket::connect(server.address()).await.unwrap();
    writer.auth(&token).await.unwrap();
    let mut reader = Socket::connect(server.address()).await.unwrap();
    reader.join("bestie").await.unwrap();
    let crowd: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect(server.address()).expect("the system's backlog takes them"))
        .collect();
    let open = || fs::read_dir(format!("/proc/{}/fd", server.pid().unwrap())).unwrap().count();
    while open() < 200 {
        tokio::task::yield_now().await;
    }
    let ticks = processor_ticks(&server);
    let waited = std::time::Instant::now();
    let mut said = 0;
    // Long enough for an accept loop that spins to burn a core.
    while waited.elapsed() < Duration::from_secs(2) {
        writer.send_text("bestie", "still here", &format!("still{said}")).await.expect("those inside go on");
        reader.messages("bestie", 1).await.expect("those inside go on");
        said += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let spent = processor_ticks(&server) - ticks;
    drop(crowd);
    let mut late = Socket::connect(server.address()).await.expect("it accepts again");
    late.join("bestie").await.expect("it serves again");
    tell(&format!(
        "{name}: 300 connections to 200 descriptors, {said} messages meanwhile, {spent} ticks of processor in 2 s"
    ));
    assert!(spent < 100, "the server used {spent} hundredths of a second of the processor in two seconds");
}
