//! Pages of older records, read from the broker on blocking threads by a few consumers that are kept.

use super::{Options, client::Client, view::Page};
use crate::{Offset, Partition, ReadError, Record};
use bytes::Bytes;
use parking_lot::Mutex;
use rdkafka::{
    Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Most pages that are fetched at once; more wait. Each has a consumer of its own with its own connection and at most
/// 4 MiB of records fetched ahead.
pub(super) const FETCHERS_MAX: usize = 4;
/// How long a fetch waits for its next record before it looks at its deadline.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// The consumers that are not in use.
pub(super) struct Fetchers {
    pub(super) permits: Semaphore,
    idle: Mutex<Vec<BaseConsumer<Client>>>,
}

/// What a page is to hold. Everything up to `last` is known to be durable.
pub(super) struct Wanted {
    pub(super) partition: Partition,
    pub(super) after: u64,
    pub(super) last: u64,
    pub(super) records_max: usize,
    pub(super) bytes_max: usize,
}

impl Fetchers {
    pub(super) fn new() -> Self {
        Self { permits: Semaphore::new(FETCHERS_MAX), idle: Mutex::default() }
    }

    /// One page. Blocks, at most about `request_timeout`. `Ok(None)`: the records are gone.
    pub(super) fn page(&self, options: &Options, wanted: &Wanted) -> Result<Option<Vec<Record>>, ReadError> {
        let unavailable = |error: KafkaError| ReadError::Unavailable(error.to_string());
        let idle = self.idle.lock().pop();
        let consumer = match idle {
            Some(consumer) => consumer,
            None => options.consumer().create_with_context(Client::default()).map_err(unavailable)?,
        };
        let mut place = TopicPartitionList::new();
        place
            .add_partition_offset(
                &options.topic,
                super::kafka_partition(wanted.partition),
                super::kafka_offset(wanted.after + 1),
            )
            .map_err(unavailable)?;
        consumer.assign(&place).map_err(unavailable)?;
        let page = fill(&consumer, options.request_timeout, wanted);
        // One that failed is not used again.
        if page.is_ok() && consumer.unassign().is_ok() {
            self.idle.lock().push(consumer);
        }
        page
    }

    /// Lets the consumers go. Blocks for moments.
    pub(super) fn clear(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }
}

fn fill(
    consumer: &BaseConsumer<Client>,
    timeout: Duration,
    wanted: &Wanted,
) -> Result<Option<Vec<Record>>, ReadError> {
    let mut page = Page::new(wanted.records_max, wanted.bytes_max);
    let deadline = Instant::now() + timeout;
    let mut next = wanted.after + 1;
    while next <= wanted.last {
        match consumer.poll(POLL_EVERY) {
            None if Instant::now() < deadline => {}
            // A short page is as good as a full one.
            None if !page.records.is_empty() => break,
            None => return Err(ReadError::Unavailable("the broker did not answer in time".to_owned())),
            Some(Ok(message)) => {
                let offset = super::offset(message.offset());
                // What was fetched for the place before this one.
                if i64::from(message.partition()) != i64::from(wanted.partition.0) || offset < next {
                    continue;
                }
                if !fill_hole(&mut page, &mut next, offset.min(wanted.last + 1)) || next > wanted.last {
                    break;
                }
                let payload = message.payload().unwrap_or_default();
                if !page.fits(payload.len()) {
                    break;
                }
                page.push(Record { offset: Offset(offset), payload: Bytes::copy_from_slice(payload) });
                next += 1;
            }
            // The end, as it was when this fetch was answered: the rest of what is wanted are holes.
            Some(Err(KafkaError::PartitionEOF(partition)))
                if i64::from(partition) == i64::from(wanted.partition.0) =>
            {
                fill_hole(&mut page, &mut next, wanted.last + 1);
                break;
            }
            Some(Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset,
            ))) => return Ok(None),
            // The client library tries again by itself.
            Some(Err(error)) if Instant::now() < deadline => {
                tracing::debug!(%error, "a fetch goes on");
            }
            Some(Err(error)) => return Err(ReadError::Unavailable(error.to_string())),
        }
    }
    Ok(Some(page.records))
}

/// Empty records from `next` to before `end`, as long as they fit; do all of them?
fn fill_hole(page: &mut Page, next: &mut u64, end: u64) -> bool {
    if *next < end {
        super::tell_of_holes();
    }
    while *next < end {
        if !page.fits(0) {
            return false;
        }
        page.push(Record { offset: Offset(*next), payload: Bytes::new() });
        *next += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_fills_a_page_and_no_more() {
        let mut page = Page::new(5, 100);
        let mut next = 3;
        assert!(fill_hole(&mut page, &mut next, 5));
        assert_eq!(next, 5);
        assert!(!fill_hole(&mut page, &mut next, u64::MAX));
        let offsets: Vec<_> = page.records.iter().map(|r| r.offset.0).collect();
        assert_eq!((offsets, next), (vec![3, 4, 5, 6, 7], 8));
    }
}
