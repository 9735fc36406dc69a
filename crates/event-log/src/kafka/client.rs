//! What consumers hear from the client library besides records, and the first contact with the brokers.

use super::{OpenError, Options, State};
use parking_lot::Mutex;
use rdkafka::{
    ClientContext, Statistics,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::Metadata,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long one question of the first contact may take before it is looked what the client library complained about.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// How long complaints are listened to in between.
const LISTEN: Duration = Duration::from_millis(10);

/// Signs in the client library's complaints that the two sides do not speak the same: one of them TLS or a login, the other
/// not. A broker that expects TLS hangs up on the very first question, one that expects a login on the first after it.
const OTHER_LANGUAGE: [&str; 4] =
    ["SSL", "mechanism handshake failed", "in state APIVERSION_QUERY", "in state UP"];

/// Keeps what went wrong, for whoever cannot reach a broker and wants to say why.
#[derive(Default)]
pub(super) struct Client {
    complaints: Mutex<Complaints>,
    /// Whose views are told how much was fetched of which topic.
    counts: Option<(String, Arc<State>)>,
}

#[derive(Default)]
struct Complaints {
    /// The brokers do not take the login.
    login: Option<String>,
    last: Option<String>,
}

impl Client {
    /// One that counts what is fetched of a topic.
    pub(super) fn counting(topic: String, state: Arc<State>) -> Self {
        Self { counts: Some((topic, state)), ..Self::default() }
    }

    fn complain(&self, code: Option<RDKafkaErrorCode>, reason: &str) {
        use RDKafkaErrorCode as Code;
        let mut complaints = self.complaints.lock();
        let login = matches!(code, Some(Code::Authentication | Code::SaslAuthenticationFailed));
        if code == Some(Code::AllBrokersDown) {
            return;
        }
        let place =
            if login && !is_other_language(reason) { &mut complaints.login } else { &mut complaints.last };
        *place = Some(reason.to_owned());
    }
}

fn is_other_language(reason: &str) -> bool {
    OTHER_LANGUAGE.iter().any(|sign| reason.contains(sign))
}

impl ClientContext for Client {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(facility, text, "the Kafka client says");
        // That a broker hangs up is no error to the client library.
        if facility == "FAIL" {
            self.complain(None, text);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the Kafka client tells of an error");
        self.complain(error.rdkafka_error_code(), reason);
    }

    fn stats(&self, statistics: Statistics) {
        let Some((name, state)) = &self.counts else { return };
        let Some(topic) = statistics.topics.get(name) else { return };
        for (number, partition) in &topic.partitions {
            let view = usize::try_from(*number).ok().and_then(|number| state.views.get(number));
            if let Some(view) = view {
                let bytes = view.count_fetched(partition.rxbytes);
                metrics::counter!("twitchy_log_fetched_bytes_total", "topic" => name.clone(), "partition" => number.to_string())
                    .absolute(bytes);
            }
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
        let complaints = asker.context().complaints.lock();
        if let Some(reason) = &complaints.login {
            return Err(OpenError::Refused(format!("the login to {}: {reason}", options.brokers)));
        }
        if left > ASK_EVERY {
            continue;
        }
        return Err(match &complaints.last {
            Some(reason) if is_other_language(reason) => OpenError::Config(format!(
                "{} and this program do not speak the same (TLS, or a login, on one side alone?): {reason}",
                options.brokers
            )),
            Some(reason) => OpenError::Unreachable(format!("{}: {reason}", options.brokers)),
            None => OpenError::Unreachable(format!("{}: {error}", options.brokers)),
        });
    }
}

/// Takes what the client library has to say, so that it does not pile up. For consumers that have no place in a topic.
pub(super) fn listen(asker: &BaseConsumer<Client>) {
    let until = Instant::now() + LISTEN;
    while asker.poll(until.saturating_duration_since(Instant::now())).is_some() {}
}
