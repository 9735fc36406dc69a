//! G21: whatever a style does with a message, it is shown, and its room goes on.
//!
//! Here alone the server runs inside the test, put together as the program does it: the program itself has no style
//! that fails.

use crate::support::{accepted, alone, choices, folder, judge, tell, times};
use client::{Rest, Socket};
use server::{
    compose,
    config::{self, ConfigFile},
};
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use testkit::workload::{self, Run};
use transformer_api::{Line, Transformer};

/// Panics on some lines, and loops on others until it is let go.
struct Poison(Arc<AtomicBool>);

impl Transformer for Poison {
    fn name(&self) -> &'static str {
        "poison"
    }
    fn description(&self) -> &'static str {
        "Panics on \"lol\", loops on \"forever\"."
    }
    fn sample(&self) -> &'static str {
        "lol"
    }
    fn transform(&self, line: Line<'_>) -> String {
        assert!(!line.text.contains("lol"), "poison");
        while line.text.contains("forever") && !self.0.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        format!("{} (styled)", line.text)
    }
}

/// Lets the loops go, also when the test fails.
struct LetGo(Arc<AtomicBool>);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn start(folder: &Path, style: Poison) -> (SocketAddr, compose::Running) {
    let file = folder.join("twitchy.toml");
    let data = folder.join("data");
    let settings = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata = \"{}\"\n\
         [limits]\nuser_messages_per_second = 0\nconnections_per_address = 0\nrequests_per_address_per_second = 0\n\
         registrations_per_address_per_hour = 0\nlogins_per_address_per_minute = 0\n\
         [[rooms]]\nslug = \"poison\"\ntitle = \"Poison\"\ntransformer = \"poison\"\npartition = 0\n\
         [[rooms]]\nslug = \"plain\"\ntitle = \"Plain\"\ntransformer = \"plain\"\npartition = 1\n",
        data.display()
    );
    fs::write(&file, settings).unwrap();
    let styles = transformer_styles::all().with(Arc::new(style));
    let names: Vec<&str> = styles.names().collect();
    let file = ConfigFile::read(Some(&file)).unwrap_or_else(|findings| panic!("{findings}"));
    let loaded = config::load(&file, &[], &[], &names).unwrap_or_else(|findings| panic!("{findings}"));
    let running =
        compose::start_with(&loaded.config, &styles).await.unwrap_or_else(|error| panic!("{error}"));
    (running.address(), running)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g21_a_style_that_panics_or_loops_stops_neither_room_nor_process() {
    let _alone = alone();
    let name = "g21_styles";
    let (seed, _) = choices(name);
    let folder = folder();
    let let_go = LetGo(Arc::default());
    let (address, running) = start(folder.path(), Poison(let_go.0.clone())).await;
    // About one line in twelve of the workload says "lol".
    let run =
        Run::start(workload::Options::new(address, seed)).await.unwrap_or_else(|error| panic!("{error}"));
    accepted(&run, times(300, 10_000)).await;
    let rest = Rest::new(address);
    let rest = rest.bearer(&rest.register("mallory", "i know a bad word").await.unwrap().access_token);
    // As often as there are threads in the runtime, and once more: each of them would be gone.
    let mut hung = Vec::new();
    for number in 0..3 {
        let message = rest.send("poison", &format!("forever {number}"), None).await.unwrap();
        assert!(!message.styled, "{message:?}");
        assert_eq!(message.text, format!("forever {number}"));
        hung.push(message.id);
        accepted(&run, 50).await;
    }
    let off = rest.send("poison", "a good line", None).await.unwrap();
    assert!(!off.styled, "two threads are gone: the style is not asked any more");
    let beside = rest.send("plain", "forever and lol", None).await.unwrap();
    assert!(beside.styled, "the room beside it knows nothing of it");
    assert_eq!(rest.preview("poison", "a preview").await.unwrap(), "a preview");
    let mut socket = Socket::connect(address).await.unwrap();
    assert_eq!(socket.join("poison").await.unwrap().history.len(), 10);
    let_go.0.store(true, Ordering::Relaxed);
    // The threads come back, and the style with them.
    while !rest.send("poison", "are you back", None).await.unwrap().styled {}
    let mut plain = 0;
    let mut page = rest.latest("poison", 100).await.unwrap();
    loop {
        for message in &page.messages {
            let lol = message.text.contains("lol");
            assert!(!(lol && message.styled), "{message:?}");
            plain += u64::from(!message.styled);
        }
        match page.next_before {
            Some(before) => page = rest.before("poison", before, 100).await.unwrap(),
            None => break,
        }
    }
    let events = run.finish().await;
    running.stop().cancel();
    running.stopped().await.expect("it stops as always");
    tell(&format!("{name}: 3 lines without an end, {plain} lines shown plain"));
    // Mallory's lines are strangers to the workload.
    let events = events.into_iter().map(|event| match event {
        testkit::history::Event::Began(mut began) => {
            began.strangers = true;
            testkit::history::Event::Began(began)
        }
        other => other,
    });
    judge(name, "a panic on every \"lol\", three loops", &events.collect::<Vec<_>>());
}
