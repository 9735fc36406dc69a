//! The thread that follows the ends of the partitions that somebody waits for, and brings new records into the views.
//!
//! Offsets without a record (see the head of the engine) are filled when the next record comes, or, at the end of
//! a partition, when the broker says that its end is reached while the view knows that more is durable.

use super::{Options, State, client::Client, view::Turn};
use crate::{Offset, Record};
use bytes::Bytes;
use rdkafka::{
    Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long the follower waits before it looks whether it should end, or follow another partition.
const POLL_EVERY: Duration = Duration::from_millis(25);
/// Most records that are taken over at once: one wake of the waiters for all of them.
const BATCH_RECORDS_MAX: usize = 1024;
/// How long a question about a lost place may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a view may know of more than the tail brings before its end is asked for anew. A record takes milliseconds.
const LATE: Duration = Duration::from_secs(1);

/// A view that knows of more than the tail brought.
struct Late {
    since: Instant,
    seen: u64,
    /// Asked for anew; when the end is told, there is nothing more up to here.
    asked: Option<u64>,
}

/// A consumer that follows nothing yet.
pub(super) fn consumer(options: &Options, state: &Arc<State>) -> Result<BaseConsumer<Client>, KafkaError> {
    options.follower().create_with_context(Client::counting(options.topic.clone(), state.clone()))
}

/// Begins right behind what each view that is followed has seen.
fn assign(consumer: &BaseConsumer<Client>, options: &Options, state: &State) -> Result<(), KafkaError> {
    let mut places = TopicPartitionList::new();
    for (partition, view) in (0..).zip(&state.views) {
        if let Some(seen) = view.followed_at() {
            places.add_partition_offset(&options.topic, partition, super::kafka_offset(seen + 1))?;
        }
    }
    consumer.assign(&places)
}

/// Begins with partitions that somebody waits for now, and lets go of those that nobody does. The others are not disturbed.
fn share(consumer: &BaseConsumer<Client>, options: &Options, state: &State) -> Result<(), KafkaError> {
    let now = Instant::now();
    let (mut more, mut fewer) = (TopicPartitionList::new(), TopicPartitionList::new());
    for (partition, view) in (0..).zip(&state.views) {
        match view.turn(now, options.followed_on) {
            Some(Turn::Follow(seen)) => {
                more.add_partition_offset(&options.topic, partition, super::kafka_offset(seen + 1))?;
            }
            Some(Turn::LetGo) => {
                fewer.add_partition(&options.topic, partition);
            }
            None => {}
        }
    }
    if more.count() > 0 {
        consumer.incremental_assign(&more)?;
    }
    if fewer.count() > 0 {
        consumer.incremental_unassign(&fewer)?;
    }
    Ok(())
}

/// Brings new records into the views until the log is closed.
pub(super) fn follow(consumer: &BaseConsumer<Client>, options: &Options, state: &State) {
    let mut batches: Vec<Vec<Record>> = state.views.iter().map(|_| Vec::new()).collect();
    let mut late: Vec<Option<Late>> = state.views.iter().map(|_| None).collect();
    while !state.stopped() {
        if let Err(error) = share(consumer, options, state).or_else(|_| assign(consumer, options, state)) {
            tracing::warn!(%error, "cannot follow the topic");
        }
        let mut taken = 0;
        let mut wait = POLL_EVERY;
        let mut lost_place = false;
        let mut ends = Vec::new();
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
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    ends.extend(usize::try_from(partition));
                    // After what came before it.
                    break;
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
        for end in ends {
            if let (Some(view), Some(Some(Late { asked: Some(asked), .. }))) =
                (state.views.get(end), late.get(end))
            {
                view.fill(*asked, options.tail_bytes_max);
            }
        }
        if lost_place {
            find_place(consumer, options, state);
        } else if taken == 0 {
            ask_for_late(consumer, options, state, &mut late);
        }
    }
}

/// Begins anew behind what was seen, if some view has waited long for more: then either it comes, or the end is told.
fn ask_for_late(
    consumer: &BaseConsumer<Client>,
    options: &Options,
    state: &State,
    late: &mut [Option<Late>],
) {
    let now = Instant::now();
    let mut ask = false;
    for (view, late) in state.views.iter().zip(late.iter_mut()) {
        let (seen, last) = view.seen_and_last();
        match late {
            _ if seen >= last || view.followed_at().is_none() => *late = None,
            Some(late) if late.seen == seen => ask |= now.duration_since(late.since) >= LATE,
            _ => *late = Some(Late { since: now, seen, asked: None }),
        }
    }
    if !ask {
        return;
    }
    for (view, late) in state.views.iter().zip(late) {
        if let Some(late) = late {
            *late = Late { since: now, asked: Some(view.seen_and_last().1), ..*late };
        }
    }
    if let Err(error) = assign(consumer, options, state) {
        tracing::warn!(%error, "cannot follow the topic");
    }
}

/// A view's place is not in the topic: either the records were trimmed before they were seen, or the topic lost its end.
fn find_place(consumer: &BaseConsumer<Client>, options: &Options, state: &State) {
    for (partition, view) in (0..).zip(&state.views) {
        let Ok((low, high)) = consumer.fetch_watermarks(&options.topic, partition, ASK_TIMEOUT) else {
            continue;
        };
        let (low, high) = (super::watermark(low), super::watermark(high));
        let Some(seen) = view.followed_at() else { continue };
        if high < seen {
            state.fail(&lost_end(options, partition, high, seen));
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

/// The text for a partition that ends before what was durable in it.
pub(super) fn lost_end(options: &Options, partition: i32, end: u64, known: u64) -> String {
    format!(
        "partition {partition} of the topic {} ends at {end}, but {known} was there: records were lost, or the topic was deleted and made anew",
        options.topic
    )
}
