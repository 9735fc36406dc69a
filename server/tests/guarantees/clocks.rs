//! G15: a clock that is wrong changes no order, loses nothing, and lets no token live longer.

use crate::support::{accepted, alone, choices, folder, has_tool, judge, options, run, server, tell};
use client::Rest;
use protocol::codes::ErrorCode;
use std::{fs, process::Command};
use testkit::process::{Options, Server};

/// A clock that stands elsewhere, by the library of `faketime` (the program itself would stay between us and the server).
/// The monotonic clock stays as it is.
pub fn set(options: &mut Options, offset: Option<&str>) {
    options.env.retain(|(name, _)| !["LD_PRELOAD", "FAKETIME"].contains(&name.as_str()));
    let Some(offset) = offset else { return };
    let said = Command::new("faketime").args(["-f", "+0", "sh", "-c", "echo $LD_PRELOAD"]).output().unwrap();
    let library = String::from_utf8(said.stdout).unwrap().trim().to_owned();
    let env = [("LD_PRELOAD", &*library), ("FAKETIME", offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    options.env.extend(env.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

/// What the library leaves in shared memory when its process is killed; taken away when dropped.
#[derive(Default)]
pub struct Leavings(Vec<u32>);

impl Leavings {
    /// This process was started with another clock.
    pub fn of(&mut self, server: &Server) {
        self.0.extend(server.pid());
    }
}

impl Drop for Leavings {
    fn drop(&mut self) {
        for pid in &self.0 {
            // There are none of a process that had the right clock, or ended by itself.
            let _ = fs::remove_file(format!("/dev/shm/faketime_shm_{pid}"));
            let _ = fs::remove_file(format!("/dev/shm/sem.faketime_sem_{pid}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g15_a_wrong_clock_changes_no_order_and_loses_nothing() {
    let _alone = alone();
    let name = "g15_clocks";
    if !has_tool(name, "faketime", "faketime") {
        return;
    }
    let (seed, _) = choices(name);
    let folder = folder();
    let mut leavings = Leavings::default();
    let mut ahead = options(folder.path());
    set(&mut ahead, Some("+1d"));
    let mut server = Server::start(ahead).unwrap_or_else(|error| panic!("{error}"));
    leavings.of(&server);
    let run = run(&server, seed, |_| {}).await;
    // A nonce is known for ten minutes of the server's clock, so no clock leaps ahead by more: a send that a kill cut off
    // might then be accepted again (docs/guarantees.md says so).
    let clocks =
        [None, Some("+5m"), Some("-2h"), Some("-2h5m"), Some("-1h57m x20"), Some("-1h50m"), Some("-1d")];
    for clock in clocks {
        accepted(&run, 100).await;
        server.kill();
        set(server.options_mut(), clock);
        crate::support::again(&mut server);
        leavings.of(&server);
    }
    accepted(&run, 100).await;
    judge(name, &format!("{} starts, each with another clock", clocks.len() + 1), &run.finish().await);
}

/// A token of a clock that ran ahead is worth nothing when the clock is right again, and an old one stays old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g15_no_token_lives_longer_because_a_clock_was_wrong() {
    let _alone = alone();
    let name = "g15_tokens";
    if !has_tool(name, "faketime", "faketime") {
        return;
    }
    let folder = folder();
    let mut leavings = Leavings::default();
    let mut server = server(folder.path());
    let now = Rest::new(server.address()).register("ada", "what time is it").await.unwrap();
    let mut at = async |server: &mut Server, clock| {
        server.kill();
        set(server.options_mut(), clock);
        crate::support::again(server);
        leavings.of(server);
        Rest::new(server.address())
    };
    let refused = async |rest: &Rest, token: &str| {
        let code = rest.bearer(token).me().await.unwrap_err().code();
        assert!(matches!(code, Some(ErrorCode::TokenExpired | ErrorCode::Unauthorized)), "{code:?}");
    };
    // Access tokens live 15 minutes. A minute of difference between clocks is allowed for.
    let rest = at(&mut server, Some("+14m")).await;
    rest.bearer(&now.access_token).me().await.expect("it is still good");
    let rest = at(&mut server, Some("+16m")).await;
    refused(&rest, &now.access_token).await;
    let rest = at(&mut server, Some("+1d")).await;
    refused(&rest, &now.access_token).await;
    let tomorrow = rest.login("ada", "what time is it").await.unwrap();
    rest.bearer(&tomorrow.access_token).me().await.expect("it is good by this clock");
    let rest = at(&mut server, None).await;
    refused(&rest, &tomorrow.access_token).await;
    // Who was sent away only has to log in, or to refresh.
    let again = rest.refresh(&tomorrow.refresh_token).await.unwrap();
    rest.bearer(&again.access_token).me().await.unwrap();
    let rest = at(&mut server, Some("-2h")).await;
    refused(&rest, &again.access_token).await;
    tell(&format!("{name}: 5 clocks, no token lived longer"));
}
