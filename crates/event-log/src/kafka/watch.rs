//! The thread that keeps watch on the brokers: are they there, is it still the same topic, what does it hold, and what
//! became of appends that were answered "unknown"?
//!
//! Such an append may still be in a broker's hands when the brokers answer again, so the watch waits for a round more
//! before it writes a barrier (see `produce`). A request that lay longer than that in some network in between could still
//! come after the barrier; Kafka offers nothing against that short of transactions. It would be seen by every reader in
//! the same place, as any record.

use super::{Shared, State, client, follow, topic, watermark};
use crate::{AppendError, Offset, Partition};
use rdkafka::consumer::Consumer;
use std::{sync::atomic::Ordering, time::Duration};
use tokio::{
    runtime::Runtime,
    sync::oneshot::{Receiver, error::TryRecvError},
};

/// How often the brokers are asked, and how long one answer may take. Brokers that are killed are noticed at once, as
/// their connections break; ones that hang are noticed after both times together.
const WATCH_EVERY: Duration = Duration::from_millis(500);
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// How often it is looked whether a barrier was answered.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Asks every now and then, until the log is closed.
pub(super) fn watch(shared: &Shared, runtime: &Runtime) {
    let (options, state) = (&shared.options, &*shared.state);
    // Has nothing been under way for a whole round in which the brokers answered?
    let mut settled = false;
    while !state.wait_stopped(WATCH_EVERY) {
        client::listen(&shared.asker);
        metrics::gauge!("twitchy_log_records_under_way")
            .set(state.records_under_way.load(Ordering::Relaxed) as f64);
        metrics::gauge!("twitchy_log_bytes_under_way")
            .set(state.bytes_under_way.load(Ordering::Relaxed) as f64);
        let alarms = state.alarms();
        let nothing_under_way = state.records_under_way.load(Ordering::Acquire) == 0;
        match runtime.block_on(topic::epoch(&shared.admin, options, ANSWER_MAX)) {
            Ok(Some(epoch)) if epoch == shared.epoch => {}
            Ok(_) => {
                state.fail(&format!("the topic {} was deleted and made anew", options.topic));
                continue;
            }
            Err(why) => {
                settled = false;
                unwell(shared, &why);
                // It asks the controller alone, and learns from metadata only who that is now. By itself it would ask the
                // broker that is gone for minutes.
                let _ = shared.admin.inner().fetch_metadata(Some(&options.topic), ANSWER_MAX);
                continue;
            }
        }
        if let Err(why) = bounds(shared) {
            settled = false;
            unwell(shared, &why);
            continue;
        }
        let uncertain = state.uncertain_partitions();
        if uncertain.is_empty() {
            state.reachable(alarms);
        } else if nothing_under_way && settled {
            match make_certain(shared, &uncertain) {
                Ok(()) => state.reachable(alarms),
                Err(why) => {
                    settled = false;
                    unwell(shared, &why);
                }
            }
            continue;
        }
        settled = nothing_under_way;
    }
}

fn unwell(shared: &Shared, why: &str) {
    shared.state.unreachable(why);
    // Consumers that nobody listens to gather complaints.
    shared.fetchers.clear();
}

/// Learns what every partition holds.
fn bounds(shared: &Shared) -> Result<(), String> {
    let Shared { options, state, asker, .. } = shared;
    for (partition, view) in (0..).zip(&state.views) {
        let (_, known) = view.seen_and_last();
        let (low, high) = asker
            .fetch_watermarks(&options.topic, partition, ANSWER_MAX)
            .map_err(|error| format!("partition {partition} of {}: {error}", options.topic))?;
        let end = watermark(high);
        if end < known {
            state.fail(&follow::lost_end(options, partition, end, known));
            return Err("the topic lost its end".to_owned());
        }
        view.raise_last(end);
        view.raise_first(watermark(low) + 1);
    }
    Ok(())
}

/// Writes a barrier to each of these partitions and waits until they are durable.
fn make_certain(shared: &Shared, partitions: &[u32]) -> Result<(), String> {
    let barriers: Vec<_> = partitions.iter().map(|p| shared.producer.barrier(Partition(*p))).collect();
    for barrier in barriers {
        let answer = barrier.and_then(|barrier| wait(&shared.state, barrier));
        answer.map_err(|error| format!("it is not certain yet what was written: {error}"))?;
    }
    shared.state.certain(partitions);
    tracing::info!(?partitions, "it is certain now what was written");
    Ok(())
}

fn wait(state: &State, mut barrier: Receiver<Result<Offset, AppendError>>) -> Result<Offset, AppendError> {
    loop {
        match barrier.try_recv() {
            Ok(answer) => return answer,
            Err(TryRecvError::Closed) => return Err(AppendError::Unknown("the log stopped".to_owned())),
            Err(TryRecvError::Empty) if state.wait_stopped(LOOK_EVERY) => {
                return Err(AppendError::Unknown("the log is closed".to_owned()));
            }
            Err(TryRecvError::Empty) => {}
        }
    }
}

/// The runtime that questions to the admin client are awaited on.
pub(super) fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().build()
}
