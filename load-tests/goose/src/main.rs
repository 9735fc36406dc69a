//! REST under load with goose: readers who open a room and look back, and a few writers who are retried by nonce.
//!
//! `cargo run --release -- --host http://127.0.0.1:8080 --users 20 --run-time 30s` in this folder, with the
//! server's limits off. Its users wait for each answer (a closed loop), so its latencies are those of a calm server; for an
//! open loop there is `twitchy-load`. The exit code is 1 if anything was not as it should be. Start with [`main`].

use goose::{goose::GooseResponse, prelude::*};
use serde_json::{Value, json};
use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const ROOM: &str = "bestie";
const PASSWORD: &str = "correct horse battery";

/// Of users and of messages.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// What a writer logged in with.
#[derive(Clone)]
struct Token(String);

fn number() -> u64 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// The answer's body, if its status is a success and the body is as it should be; else goose counts a failure.
async fn judged(
    user: &mut GooseUser,
    mut goose: GooseResponse,
    right: impl FnOnce(&Value) -> bool,
) -> Result<Value, Box<TransactionError>> {
    let body = match goose.response {
        Ok(response) if response.status().is_success() => response.json().await.unwrap_or(Value::Null),
        _ => Value::Null,
    };
    if !right(&body) {
        user.set_failure("not as it should be", &mut goose.request, None, Some(&body.to_string()))?;
    }
    Ok(body)
}

fn seqs(body: &Value) -> Vec<u64> {
    let messages = body["messages"].as_array().into_iter().flatten();
    messages.filter_map(|message| message["seq"].as_str()?.parse().ok()).collect()
}

/// A room's facts, its last ten messages, and those before.
async fn read(user: &mut GooseUser) -> TransactionResult {
    let goose = user.get("/api/v1/rooms").await?;
    judged(user, goose, |body| body["rooms"].as_array().is_some_and(|rooms| !rooms.is_empty())).await?;
    let path = format!("/api/v1/rooms/{ROOM}/messages");
    let goose = user.get_named(&format!("{path}?limit=10"), "latest").await?;
    let body = judged(user, goose, |body| body["messages"].is_array() && seqs(body).is_sorted()).await?;
    if let Some(before) = body["next_before"].as_str() {
        let place = before.parse::<u64>().unwrap_or(0);
        let goose = user.get_named(&format!("{path}?limit=10&before={before}"), "older").await?;
        judged(user, goose, |body| body["messages"].is_array() && seqs(body).iter().all(|seq| *seq < place))
            .await?;
    }
    Ok(())
}

async fn register(user: &mut GooseUser) -> TransactionResult {
    // Not the names of the run before.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis());
    let name = format!("goose_{:x}_{}", now & 0xffff_ffff, number());
    let goose =
        user.post_json("/api/v1/auth/register", &json!({ "username": name, "password": PASSWORD })).await?;
    let body = judged(user, goose, |body| body["access_token"].is_string()).await?;
    user.set_session_data(Token(body["access_token"].as_str().unwrap_or_default().to_owned()));
    Ok(())
}

/// A message, and the same once more: it is there once.
async fn write(user: &mut GooseUser) -> TransactionResult {
    let token = user.get_session_data::<Token>().map_or_else(String::new, |token| token.0.clone());
    let number = number();
    let body = json!({ "text": format!("hello from goose {number}"), "nonce": format!("goose-{number}") });
    let mut first = Value::Null;
    for again in [false, true] {
        let path = format!("/api/v1/rooms/{ROOM}/messages");
        let builder = user.get_request_builder(&GooseMethod::Post, &path)?.bearer_auth(&token).json(&body);
        let name = if again { "send again" } else { "send" };
        let request = GooseRequest::builder().set_request_builder(builder).name(name).build();
        let goose = user.request(request).await?;
        let id = first["id"].clone();
        first = judged(user, goose, |body| body["id"].is_string() && (!again || body["id"] == id)).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<GooseError>> {
    let pause =
        |scenario: Scenario| scenario.set_wait_time(Duration::from_millis(50), Duration::from_millis(250));
    let metrics = GooseAttack::initialize()?
        .register_scenario(
            pause(scenario!("Reader").set_weight(4)?)?
                .register_transaction(transaction!(read).set_name("read")),
        )
        .register_scenario(
            pause(scenario!("Writer").set_weight(1)?)?
                .register_transaction(transaction!(register).set_name("register").set_on_start())
                .register_transaction(transaction!(write).set_name("write")),
        )
        .execute()
        .await?;
    let failed: usize = metrics.requests.values().map(|request| request.fail_count).sum();
    Ok(if failed == 0 && !metrics.requests.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
