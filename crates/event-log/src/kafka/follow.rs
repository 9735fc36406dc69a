//! The two threads of the engine: one follows the ends of the partitions, one keeps watch on the brokers.

use super::{Options, State};
use crate::{Offset, Record};
use bytes::Bytes;
use rdkafka::{
    Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{sync::Arc, time::Duration};

/// How long the follower waits before it looks whether it should end.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// Most records that are taken over at once: one wake of the waiters for all of them.
const BATCH_RECORDS_MAX: usize = 1024;
/// How often the brokers are asked for the bounds, which is also the sign that they are there; and how long one may take.
const WATCH_EVERY: Duration = Duration::from_secs(1);
const WATCH_TIMEOUT: Duration = Duration::from_secs(1);

/// A consumer that begins right behind what each view has seen.
pub(super) fn consumer(options: &Options, state: &State) -> Result<BaseConsumer, KafkaError> {
    let consumer: BaseConsumer = options.consumer().create()?;
    assign(&consumer, options, state)?;
    Ok(consumer)
}

fn assign(consumer: &BaseConsumer, options: &Options, state: &State) -> Result<(), KafkaError> {
    let mut places = TopicPartitionList::new();
    for (partition, view) in (0..).zip(&state.views) {
        places.add_partition_offset(
            &options.topic,
            partition,
            super::kafka_offset(*view.seen.borrow() + 1),
        )?;
    }
    consumer.assign(&places)
}

/// Brings new records into the views until the log is closed.
pub(super) fn follow(consumer: &BaseConsumer, options: &Options, state: &Arc<State>) {
    let mut batches: Vec<Vec<Record>> = state.views.iter().map(|_| Vec::new()).collect();
    while !state.stopped() {
        let mut taken = 0;
        let mut wait = POLL_EVERY;
        let mut lost_place = false;
        while taken < BATCH_RECORDS_MAX {
            match consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    let payload = Bytes::copy_from_slice(message.payload().unwrap_or_default());
                    let batch = usize::try_from(message.partition()).ok().and_then(|p| batches.get_mut(p));
                    if let Some(batch) = batch {
                        batch.push(Record { offset: Offset(super::offset(message.offset())), payload });
                    }
                    taken += 1;
                }
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset,
                ))) => {
                    lost_place = true;
                    break;
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, "following the topic goes on");
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        for (view, batch) in state.views.iter().zip(&mut batches) {
            if !batch.is_empty() {
                view.push(batch.drain(..), options.tail_bytes_max);
            }
        }
        if lost_place {
            find_place(consumer, options, state);
        }
    }
}

/// A view's place is not in the topic: either the records were trimmed before they were seen, or the topic lost its end.
fn find_place(consumer: &BaseConsumer, options: &Options, state: &State) {
    for (partition, view) in (0..).zip(&state.views) {
        let Ok((low, high)) = consumer.fetch_watermarks(&options.topic, partition, WATCH_TIMEOUT) else {
            continue;
        };
        let (low, high) = (super::watermark(low), super::watermark(high));
        let seen = *view.seen.borrow();
        if high < seen {
            state.fail(format!(
                "partition {partition} of the topic {} ends at {high}, but {seen} was there",
                options.topic
            ));
        } else if low > seen {
            tracing::warn!(
                partition,
                from = seen + 1,
                to = low,
                "records were trimmed before they were seen"
            );
            view.raise_first(low + 1);
            view.skip_to(low);
        }
    }
    if let Err(error) = assign(consumer, options, state) {
        tracing::warn!(%error, "cannot follow the topic");
    }
}

/// Asks for the bounds now and then, until the log is closed. What it learns: what retention took away, and whether the
/// brokers can be reached.
pub(super) fn watch(asker: &BaseConsumer, options: &Options, state: &Arc<State>) {
    while !state.wait_stopped(WATCH_EVERY) {
        let mut failed = None;
        for (partition, view) in (0..).zip(&state.views) {
            match asker.fetch_watermarks(&options.topic, partition, WATCH_TIMEOUT) {
                Ok((low, _)) => view.raise_first(super::watermark(low) + 1),
                Err(error) => {
                    failed = Some(format!("partition {partition} of {}: {error}", options.topic));
                    break;
                }
            }
        }
        state.set_unreachable(failed);
    }
}
