//! What consumers hear from the client library besides records, and the first contact with the brokers.

use super::{OpenError, Options};
use parking_lot::Mutex;
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::Metadata,
};
use std::time::{Duration, Instant};

/// How long one question of the first contact may take before it is looked what the client library complained about.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// How long complaints are listened to in between.
const LISTEN: Duration = Duration::from_millis(10);

/// Keeps what went wrong, for whoever cannot reach a broker and wants to say why.
#[derive(Default)]
pub(super) struct Client(Mutex<Complaints>);

#[derive(Default)]
struct Complaints {
    /// The brokers do not take the login.
    login: Option<String>,
    /// The two sides do not speak the same: one of them TLS or a login, the other not.
    language: Option<String>,
    last: Option<String>,
}

impl ClientContext for Client {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(facility, text, "the Kafka client says");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the Kafka client tells of an error");
        let mut complaints = self.0.lock();
        let reason = reason.to_owned();
        match error {
            KafkaError::Global(
                RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed,
            ) => {
                complaints.login = Some(reason);
            }
            KafkaError::Global(RDKafkaErrorCode::SSL) => complaints.language = Some(reason),
            // The client library's guess when a broker hangs up in the middle of the first words.
            _ if reason.contains("security.protocol") || reason.contains("UP_AFTER_HANDSHAKE") => {
                complaints.language = Some(reason);
            }
            KafkaError::Global(RDKafkaErrorCode::AllBrokersDown) => {}
            _ => complaints.last = Some(reason),
        }
    }
}

impl ConsumerContext for Client {}

/// Asks what the brokers know of the topic, until one answers or it is clear why none does. Blocks.
pub(super) fn metadata(asker: &BaseConsumer<Client>, options: &Options) -> Result<Metadata, OpenError> {
    let deadline = Instant::now() + options.request_timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let error = match asker.fetch_metadata(Some(&options.topic), left.min(ASK_EVERY)) {
            Ok(metadata) => return Ok(metadata),
            Err(error) => error,
        };
        listen(asker);
        let complaints = asker.context().0.lock();
        if let Some(reason) = &complaints.login {
            return Err(OpenError::Refused(format!("the login to {}: {reason}", options.brokers)));
        }
        if left > ASK_EVERY {
            continue;
        }
        return Err(match (&complaints.language, &complaints.last) {
            (Some(reason), _) => OpenError::Config(format!(
                "{} and this program do not speak the same (TLS, or a login, on one side alone?): {reason}",
                options.brokers
            )),
            (None, Some(reason)) => OpenError::Unreachable(format!("{}: {reason}", options.brokers)),
            (None, None) => OpenError::Unreachable(format!("{}: {error}", options.brokers)),
        });
    }
}

/// Takes what the client library has to say, so that it does not pile up. For consumers that have no place in a topic.
pub(super) fn listen(asker: &BaseConsumer<Client>) {
    let until = Instant::now() + LISTEN;
    while asker.poll(until.saturating_duration_since(Instant::now())).is_some() {}
}
