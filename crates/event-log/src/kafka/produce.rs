//! Appends on their way: the bound in front of the producer, its delivery reports, and barriers.
//!
//! A *barrier* is a record without a value (Kafka's null) and with the header [`BARRIER_HEADER`]. It is written to
//! a partition where an append was answered "unknown": Kafka appends in order and acknowledges in order, so once the barrier
//! is durable, whatever came before it is, and the bounds hold it. Readers see it as an empty record, so offsets stay dense.

use super::{
    Options,
    gather::{Gathering, Sink},
    offset,
    state::State,
};
use crate::{AppendError, Offset, Partition};
use bytes::Bytes;
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Header, Message, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// The header by which other readers of the topic know a barrier.
pub const BARRIER_HEADER: &str = "twitchy-barrier";
/// What an append under way takes besides its payload: its entry here and the client library's.
const ENTRY_BYTES: usize = 512;
/// How long the polling thread waits for reports before it looks whether it should end.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// A guess for whoever was refused: as long as some batches take.
const RETRY_AFTER: Duration = Duration::from_millis(50);

type Answer = oneshot::Sender<Result<Offset, AppendError>>;

/// An append under way, kept by the client library until its delivery report.
pub(super) struct Waiting {
    answer: Answer,
    partition: Partition,
    bytes: usize,
    /// What was durable before it was handed over: it cannot come to lie there or before.
    known: u64,
}

/// A record that is to be handed to the client library.
struct Outgoing {
    /// A barrier has none.
    payload: Option<Bytes>,
    waiting: Box<Waiting>,
}

/// The client library's producer, and the topic.
struct Library {
    client: BaseProducer<Reports>,
    state: Arc<State>,
    topic: String,
}

/// The producer and its bound.
pub(super) struct Producer {
    library: Library,
    gathering: Gathering<Outgoing>,
    state: Arc<State>,
    records_max: usize,
    bytes_max: usize,
}

impl Producer {
    pub(super) fn new(options: &Options, state: &Arc<State>) -> Result<Self, KafkaError> {
        let client = options.producer().create_with_context(Reports(Arc::clone(state)))?;
        Ok(Self {
            library: Library { client, state: Arc::clone(state), topic: options.topic.clone() },
            gathering: Gathering::new(state.views.len()),
            state: Arc::clone(state),
            records_max: options.queue_records_max,
            bytes_max: options.queue_bytes_max,
        })
    }

    /// Lets the client library learn who leads the partitions, so that the first append does not have to.
    pub(super) fn warm_up(&self, timeout: Duration) {
        let Library { client, topic, .. } = &self.library;
        if let Err(error) = client.client().fetch_metadata(Some(topic), timeout) {
            tracing::debug!(%error, "the first append will take longer");
        }
    }

    /// Hands delivery reports out until the log is stopped.
    pub(super) fn serve(&self) {
        while !self.state.stopped() {
            self.library.client.poll(POLL_EVERY);
        }
    }

    /// Sends what waits for its partition's next batch, until the log is stopped.
    pub(super) fn serve_gathered(&self) {
        self.gathering.serve(&self.library);
    }

    /// Ends [`Self::serve_gathered`]; what still waits is given up.
    pub(super) fn stop(&self) {
        self.gathering.stop();
    }

    /// Waits until everything under way was answered.
    pub(super) fn flush(&self, timeout: Duration) {
        self.gathering.send_all(Instant::now(), &self.library);
        if let Err(error) = self.library.client.flush(timeout) {
            tracing::warn!(%error, "not everything under way was answered");
        }
    }

    /// Hands a record over.
    pub(super) fn append(
        &self,
        partition: Partition,
        payload: &Bytes,
    ) -> Result<oneshot::Receiver<Result<Offset, AppendError>>, AppendError> {
        // Held until the record is handed over: see `state`.
        let health = self.state.health();
        if self.state.closing.load(Ordering::Acquire) {
            return Err(AppendError::Unavailable("the log is closed".to_owned()));
        }
        if let Some(objection) = health.objection() {
            return Err(AppendError::Unavailable(objection));
        }
        self.send(partition, Some(payload))
    }

    /// Hands a barrier over; unlike an append, while the log is not well.
    pub(super) fn barrier(
        &self,
        partition: Partition,
    ) -> Result<oneshot::Receiver<Result<Offset, AppendError>>, AppendError> {
        self.send(partition, None)
    }

    fn send(
        &self,
        partition: Partition,
        payload: Option<&Bytes>,
    ) -> Result<oneshot::Receiver<Result<Offset, AppendError>>, AppendError> {
        let bytes = payload.map_or(0, Bytes::len) + ENTRY_BYTES;
        if !self.reserve(bytes) {
            return Err(AppendError::Overloaded { retry_after: RETRY_AFTER });
        }
        let known = self.state.views.get(partition.0 as usize).map_or(0, |view| view.bounds().last.0);
        let (answer, receiver) = oneshot::channel();
        let waiting = Box::new(Waiting { answer, partition, bytes, known });
        let outgoing = Outgoing { payload: payload.cloned(), waiting };
        self.gathering.put(partition.0 as usize, outgoing, Instant::now(), &self.library);
        Ok(receiver)
    }

    /// Counts an append in, if there is room.
    fn reserve(&self, bytes: usize) -> bool {
        let before = self.state.records_under_way.fetch_add(1, Ordering::AcqRel);
        let bytes_before = self.state.bytes_under_way.fetch_add(bytes, Ordering::AcqRel);
        let room = before < self.records_max
            && (before == 0 || bytes_before.saturating_add(bytes) <= self.bytes_max);
        if !room {
            self.state.give_back(bytes);
        }
        room
    }
}

impl Sink<Outgoing> for Library {
    fn send(&self, partition: usize, Outgoing { payload, waiting }: Outgoing) {
        let record = BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topic, waiting)
            .partition(i32::try_from(partition).unwrap_or(i32::MAX));
        let record = match &payload {
            Some(payload) => record.payload(&payload[..]),
            None => {
                record.headers(OwnedHeaders::new().insert(Header { key: BARRIER_HEADER, value: Some("1") }))
            }
        };
        let Err((error, record)) = self.client.send(record) else { return };
        let Waiting { answer, bytes, .. } = *record.delivery_opaque;
        self.state.give_back(bytes);
        let refused = match error {
            KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => {
                AppendError::Overloaded { retry_after: RETRY_AFTER }
            }
            // Refused before it was queued, so it was never sent.
            error => AppendError::Unavailable(error.to_string()),
        };
        let _ = answer.send(Err(refused));
    }
}

impl State {
    /// Counts an append out.
    fn give_back(&self, bytes: usize) {
        self.records_under_way.fetch_sub(1, Ordering::AcqRel);
        self.bytes_under_way.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// Receives the producer's delivery reports and complaints.
pub(super) struct Reports(Arc<State>);

impl ClientContext for Reports {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(facility, text, "the Kafka client says");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error {
            KafkaError::Global(RDKafkaErrorCode::Fatal) => self.0.fail(reason),
            KafkaError::Global(RDKafkaErrorCode::AllBrokersDown) => {
                if self.0.records_under_way.load(Ordering::Acquire) > 0 {
                    // Refuse at once instead of letting more appends wait for their timeout; the watch finds out when it
                    // is over.
                    self.0.unreachable(reason);
                } else {
                    // Perhaps the broker only hung up because nobody said anything for long.
                    self.0.nudge();
                }
            }
            error => tracing::debug!(%error, reason, "the Kafka client tells of an error"),
        }
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Waiting>;

    fn delivery(&self, report: &DeliveryResult<'_>, waiting: Box<Waiting>) {
        let state = &self.0;
        let Waiting { answer, partition, bytes, known } = *waiting;
        let unknown = |why: String| {
            metrics::counter!("twitchy_log_delivery_failures_total").increment(1);
            state.uncertain(partition.0, &why);
            Err(AppendError::Unknown(why))
        };
        let answered = match report {
            // The client library does not tell whether an earlier attempt may have arrived, so it may have.
            Err((error, _)) => unknown(error.to_string()),
            // A repeated attempt that the broker had seen too long ago to know its place.
            Ok(message) if message.offset() < 0 => {
                unknown("it is written, but the broker does not know where".to_owned())
            }
            Ok(message) => {
                let at = offset(message.offset());
                if at <= known {
                    let why = format!(
                        "partition {} took a record as {at} after {known}: its end was lost, or the topic made anew",
                        partition.0
                    );
                    state.fail(&why);
                    Err(AppendError::Unknown(why))
                } else {
                    if let Some(view) = state.views.get(partition.0 as usize) {
                        view.raise_last(at);
                    }
                    Ok(Offset(at))
                }
            }
        };
        // Only now: while anything is counted as under way, nothing is made certain.
        state.give_back(bytes);
        // A caller that no longer waits is no reason not to keep its record.
        let _ = answer.send(answered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::view::PartitionView;

    const DOWN: KafkaError = KafkaError::Global(RDKafkaErrorCode::AllBrokersDown);

    fn state() -> Arc<State> {
        Arc::new(State::new(vec![PartitionView::new(1, 0), PartitionView::new(1, 0)]))
    }

    #[test]
    fn a_broker_that_hangs_up_on_a_silent_client_is_no_outage() {
        let state = state();
        Reports(Arc::clone(&state)).error(DOWN, "1/1 brokers are down");
        assert_eq!(state.health().objection(), None);
        assert!(!state.wait_stopped(Duration::MAX), "the watch looks at once");
    }

    #[test]
    fn a_broker_that_hangs_up_with_records_under_way_is_an_outage_until_one_answers() {
        let state = state();
        state.records_under_way.store(1, Ordering::Release);
        let before = state.alarms();
        Reports(Arc::clone(&state)).error(DOWN, "1/1 brokers are down");
        assert!(state.health().objection().is_some_and(|why| why.contains("1/1 brokers are down")));
        state.reachable(before);
        assert!(state.health().objection().is_some(), "that answer is older than the alarm");
        state.reachable(state.alarms());
        assert_eq!(state.health().objection(), None);
    }

    #[test]
    fn what_is_uncertain_keeps_the_log_from_being_well() {
        let state = state();
        state.uncertain(1, "timed out");
        state.uncertain(0, "timed out");
        state.reachable(state.alarms());
        assert!(state.health().objection().is_some());
        assert_eq!(state.uncertain_partitions(), [0, 1]);
        state.certain(&[1]);
        state.reachable(state.alarms());
        assert!(state.health().objection().is_some(), "partition 0 is not certain yet");
        state.certain(&[0]);
        state.reachable(state.alarms());
        assert_eq!(state.health().objection(), None);
    }

    #[test]
    fn a_failed_log_stays_failed_and_tells_the_first_reason() {
        let state = state();
        let ended = state.ended.subscribe();
        Reports(Arc::clone(&state)).error(KafkaError::Global(RDKafkaErrorCode::Fatal), "out of sequence");
        state.unreachable("also that");
        state.reachable(state.alarms());
        assert!(state.health().objection().is_some_and(|why| why.contains("out of sequence")));
        state.end("closed later");
        assert_eq!(ended.borrow().as_deref(), Some("out of sequence"));
    }
}
