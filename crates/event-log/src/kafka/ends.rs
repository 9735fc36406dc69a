//! Where partitions end, asked of the brokers when somebody has to know it now.
//!
//! One question a partition is under way at a time. Its answer, or that there was none, is for everybody who came before
//! it was asked; who came later waits for the next one. A leader tells its high watermark, and answers a producer only when
//! that is past the record; a new leader tells none before it knows the old one's.

use super::{Shared, kafka_partition, watermark};
use crate::{Offset, Partition, ReadError};
use rdkafka::consumer::Consumer;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long an answer may take. Whoever waits for it has not much longer to wait for the records.
const ANSWER_MAX: Duration = Duration::from_secs(1);

struct Answer {
    asked: Instant,
    end: Result<u64, String>,
}

/// The last answer for each partition.
pub(super) struct Ends(Vec<Arc<tokio::sync::Mutex<Option<Answer>>>>);

impl Ends {
    pub(super) fn of(partitions: u32) -> Self {
        Self((0..partitions).map(|_| Arc::default()).collect())
    }
}

/// Asks, or hears the answer of somebody else's question that was asked after this was called.
pub(super) async fn end(shared: &Arc<Shared>, partition: Partition) -> Result<Offset, ReadError> {
    let came = Instant::now();
    let last = shared.ends.0.get(partition.0 as usize).ok_or(ReadError::NoPartition(partition))?;
    let mut last = Arc::clone(last).lock_owned().await;
    if let Some(answer) = last.as_ref().filter(|answer| answer.asked >= came) {
        return answer.end.clone().map(Offset).map_err(ReadError::Unavailable);
    }
    shared.alive()?;
    if let Some(why) = shared.state.health().objection() {
        return Err(ReadError::Unavailable(why));
    }
    let shared = Arc::clone(shared);
    // The question keeps its place if whoever asks it gives up.
    let question = tokio::task::spawn_blocking(move || {
        let asked = Instant::now();
        let end = shared.ask(partition);
        *last = Some(Answer { asked, end: end.clone() });
        end
    });
    let end = question.await.unwrap_or_else(|error| Err(error.to_string()));
    end.map(Offset).map_err(ReadError::Unavailable)
}

impl Shared {
    fn ask(&self, partition: Partition) -> Result<u64, String> {
        let number = kafka_partition(partition);
        let watermarks = self.asker.fetch_watermarks(&self.options.topic, number, ANSWER_MAX);
        let end = watermarks.map(|(_, high)| watermark(high)).map_err(|error| error.to_string())?;
        if let Some(view) = self.state.views.get(partition.0 as usize) {
            view.raise_last(end);
        }
        Ok(end)
    }
}
