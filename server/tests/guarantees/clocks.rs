//! G15: a clock that is wrong changes no order, loses nothing, and lets no token live longer.

use crate::support::{accepted, alone, choices, folder, has_tool, judge, options, run, server, tell};
use client::Rest;
use protocol::codes::ErrorCode;
use testkit::{
    process::Server,
    trial::{Leavings, set_clock},
};

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
    set_clock(&mut ahead, Some("+1d"));
    let mut server = Server::start(ahead).unwrap_or_else(|error| panic!("{error}"));
    leavings.of(&server);
    let run = run(&server, seed, |_| {}).await;
    // A nonce is known for ten minutes of the server's clock, so no clock leaps ahead by more: a send that a kill cut off
    // might then be accepted again (docs/guarantees.md says so).
    // One unit each: of "-2h5m" the library takes two minutes.
    let clocks =
        [None, Some("+5m"), Some("-2h"), Some("-125m"), Some("-117m x20"), Some("-110m"), Some("-1d")];
    for clock in clocks {
        accepted(&run, 100).await;
        server.kill();
        set_clock(server.options_mut(), clock);
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
        set_clock(server.options_mut(), clock);
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
