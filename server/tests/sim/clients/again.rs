//! Lines that are sent more than once with the same nonce: over two connections at the same time, or after the ack.

use super::{ANSWER_MAX, Connection, HOPE_NANOS, Line, record};
use crate::{dice::Dice, run::Sim};
use protocol::{
    codes::ErrorCode,
    frames::{ClientFrame, ServerFrame},
};
use std::sync::Arc;
use testkit::history::Outcome;

/// Sends a line that was sent before, over a connection of its own; none if that is too late, or the gateway did not take it.
async fn send_again(sim: &Arc<Sim>, dice: &Dice, token: &str, line: &Line, first: u64) -> Option<Connection> {
    let connection = Connection::open(sim, dice).await;
    if sim.world.nanos() - first > HOPE_NANOS || !connection.auth(token).await {
        return None;
    }
    let Line { room, text, nonce, reply_to, .. } = line.clone();
    connection.send(&ClientFrame::Send { room, text, nonce, reply_to }).await.then_some(connection)
}

/// The same line with the same nonce over another connection at the same time. A refusal says nothing here: the other
/// one may be accepted after it.
pub(super) async fn twin(sim: Arc<Sim>, dice: Dice, user: String, token: String, line: Line) {
    let Some(t0) = line.first_sent else { return };
    let Some(connection) = send_again(&sim, &dice, &token, &line, t0).await else { return };
    while let Ok(frame) = connection.receive(ANSWER_MAX).await {
        match frame {
            ServerFrame::Ack { id, seq, .. } => {
                return record(&sim, &user, t0, &line, Outcome::Accepted { id, seq });
            }
            ServerFrame::Error { .. } => return,
            _ => {}
        }
    }
}

/// The line was accepted, and is asked for again, as by somebody whose ack was lost. Whichever gateway is asked, and however
/// far it is behind, must not say that the line was refused.
pub(super) async fn after_ack(sim: Arc<Sim>, dice: Dice, user: String, token: String, line: Line) {
    let Some(t0) = line.first_sent else { return };
    for _ in 0..dice.between(1..=3) {
        let Some(connection) = send_again(&sim, &dice, &token, &line, t0).await else { return };
        while let Ok(frame) = connection.receive(ANSWER_MAX).await {
            match frame {
                ServerFrame::Ack { id, seq, .. } => {
                    record(&sim, &user, t0, &line, Outcome::Accepted { id, seq });
                    break;
                }
                // This one cannot tell.
                ServerFrame::Error { code: ErrorCode::Unavailable, .. } => break,
                ServerFrame::Error { code, .. } => {
                    let (nonce, code) = (&line.nonce, code.as_str());
                    return sim.problem(format!("{nonce} was accepted, and then refused as {code}"));
                }
                _ => {}
            }
        }
        tokio::time::sleep(dice.millis(0..=2_000)).await;
    }
}
