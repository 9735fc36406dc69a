//! Simulated clients that break the rules.

use super::{ANSWER_MAX, Connection};
use crate::{dice::Dice, net::Frame, run::Sim};
use protocol::frames::ServerFrame;
use std::{sync::Arc, time::Duration};

/// Breaks rules: frames that are none, names that are none, sends without an account, floods.
pub async fn run(sim: Arc<Sim>, dice: Dice) {
    loop {
        let connection = Connection::open(&sim, &dice).await;
        for _ in 0..dice.between(1..=30) {
            let room = sim.room(&dice);
            let text = match dice.below(8) {
                0 => "{".to_owned(),
                1 => r#"{"type":"shout"}"#.to_owned(),
                2 => format!(r#"{{"type":"send","room":"{room}","text":"psst @nq77_1","nonce":"nq77_1"}}"#),
                3 => r#"{"type":"join","room":"nowhere"}"#.to_owned(),
                4 => format!(r#"{{"type":"join","room":"{room}","history":101}}"#),
                5 => format!(r#"{{"type":"join","room":"{room}","after":"3"}}"#),
                6 => r#"{"type":"auth","token":"a.b.c"}"#.to_owned(),
                _ => {
                    for _ in 0..dice.pick(&[1, 400]) {
                        let ping = r#"{"type":"ping","id":"x"}"#.to_owned();
                        if connection.end.send(Frame::Text(ping)).await.is_err() {
                            break;
                        }
                    }
                    r#"{"type":"leave","room":"nowhere"}"#.to_owned()
                }
            };
            let frame = if dice.percent(2) { Frame::Binary } else { Frame::Text(text) };
            let sent = tokio::time::timeout(ANSWER_MAX, connection.end.send(frame)).await;
            if !matches!(sent, Ok(Ok(()))) {
                break;
            }
            while let Ok(frame) = connection.receive(Duration::from_millis(200)).await {
                match frame {
                    ServerFrame::Error { .. } | ServerFrame::Pong { .. } | ServerFrame::Reconnect { .. } => {}
                    other => sim.problem(format!("abuse was answered with {other:?}")),
                }
            }
        }
        tokio::time::sleep(dice.millis(100..=10_000)).await;
    }
}
