//! Which records of a log that several processes write to are second ones of one message.
//!
//! Two processes may append the same nonce before either has read the other's record; the first in the log is the message.
//! Here a reading that begins anywhere finds the state from which it can judge. It knows no feed and no store. Start
//! with [`Repeats::before`].

use super::tail::{READ_BYTES_MAX, READ_RECORDS_MAX, decode, last_before, seen};
use chat::{
    message::Logged,
    nonces::{Accepted, LOOK_BACK_MS, Nonces},
    record::{Head, Seen},
    time::Millis,
};
use event_log::{EventLog, Offset, Partition, ReadError};
use protocol::ids::{RoomId, Seq};
use std::collections::HashMap;

/// So many records say what time it was at a place in the log: more than one, as a process's clock may be ahead.
const TIME_RECORDS: usize = 64;

/// Judges the records of one partition, in their order.
#[derive(Debug, Default)]
pub struct Repeats {
    rooms: HashMap<RoomId, Nonces>,
}

/// What the room's nonces are told of a message, if it has a nonce.
pub(super) fn accepted(logged: &Logged) -> Accepted {
    Accepted { id: logged.message.id, seq: logged.seq, sent_at: logged.message.sent_at }
}

impl Repeats {
    /// Ready to judge what comes after this record: reads what was sent in the time before. `now` is the wall clock's.
    pub async fn before(
        log: &dyn EventLog,
        partition: Partition,
        after: Offset,
        now: Millis,
    ) -> Result<Self, ReadError> {
        let mut repeats = Self::default();
        let time = time_at(log, partition, after, now).await?;
        let mut at =
            last_before(log, partition, Millis(time.0.saturating_sub(LOOK_BACK_MS))).await?.min(after);
        while at < after {
            let records = log.read(partition, at, READ_RECORDS_MAX, READ_BYTES_MAX).await?;
            let Some(last) = records.last() else { break };
            at = last.offset;
            for record in records.iter().filter(|r| r.offset <= after) {
                if let Some(Seen::Message(head)) = seen(partition, record) {
                    repeats.is_message(Seq(record.offset.0), &head, now);
                }
            }
        }
        Ok(repeats)
    }

    /// Is this the message of its nonce, and no second record of one? To be asked once for each record.
    pub fn is_message(&mut self, seq: Seq, head: &Head<'_>, now: Millis) -> bool {
        let Head { id, room, author, sent_at, nonce } = *head;
        let Some(nonce) = nonce else { return true };
        let nonces = self.rooms.entry(room).or_insert_with(Nonces::of_shared_log);
        nonces.forget_old(now);
        nonces.settle(author, nonce, Accepted { id, seq, sent_at })
    }
}

/// What time it was at a place in the log: when the earliest of the records around there was sent; `now` if there is none.
pub(super) async fn time_at(
    log: &dyn EventLog,
    partition: Partition,
    at: Offset,
    now: Millis,
) -> Result<Millis, ReadError> {
    let from = Offset(at.0.saturating_sub(1)).max(Offset(log.bounds(partition)?.first.0.saturating_sub(1)));
    let records = log.read(partition, from, TIME_RECORDS, READ_BYTES_MAX).await?;
    let sent = records.iter().filter_map(|r| decode(partition, r)).map(|logged| logged.message.sent_at);
    Ok(sent.min().unwrap_or(now).min(now))
}
