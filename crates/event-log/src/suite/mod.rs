//! The promises of [`EventLog`] as tests that every engine passes.
//!
//! An engine's tests implement [`Subject`] (and, where it can, [`Persists`] and [`Holds`]) and name the groups they
//! run with [`event_log_suite!`](crate::event_log_suite). The cases know no engine: logs are named, so that an engine
//! may map a name to a folder or to a topic, and nothing here sleeps or looks at a clock. A new promise begins as a new
//! case: a function in [`cases`] and a line in the macro.

pub mod cases;

use crate::{Append, BoxFuture, EventLog, Offset, Partition, Record};
use bytes::Bytes;
use std::sync::Arc;

/// What a case wants its log to be like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Number of partitions.
    pub partitions: u32,
    /// Most records that may wait for the writer; `None` is the engine's own default.
    pub queue_records_max: Option<usize>,
}

impl Default for Shape {
    fn default() -> Self {
        Self { partitions: 3, queue_records_max: None }
    }
}

/// An engine under test.
pub trait Subject: Send + Sync {
    /// Makes a new, empty log under a name that no other log of this subject has.
    fn make<'a>(&'a self, name: &'a str, shape: Shape) -> BoxFuture<'a, Arc<dyn EventLog>>;
}

/// An engine whose records outlive the value that wrote them.
pub trait Persists: Subject {
    /// Opens the log of this name again, after it was closed.
    fn reopen<'a>(&'a self, name: &'a str, shape: Shape) -> BoxFuture<'a, Arc<dyn EventLog>>;
    /// Takes the (closed) log of this name away with all its records.
    fn destroy<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()>;
}

/// An engine whose commits a test can hold back.
pub trait Holds: Subject {
    /// Until the guard is dropped, nothing that is appended to the log of this name becomes durable.
    fn hold(&self, name: &str) -> Box<dyn Send>;
}

/// Runs groups of cases as tests: `event_log_suite!(basic unshared held persistent => MySubject::new())`. The expression is
/// evaluated once per case.
#[macro_export]
macro_rules! event_log_suite {
    ($($group:ident)+ => $subject:expr) => { $($crate::event_log_suite!(@$group $subject);)+ };
    (@basic $subject:expr) => {
        $crate::event_log_suite!(@cases $subject;
            a_new_log_is_empty
            offsets_are_dense_from_one_in_every_partition
            payloads_come_back_byte_for_byte
            the_order_of_calls_is_the_order_of_offsets
            each_of_many_appenders_keeps_its_order
            a_dropped_append_is_still_written
            a_page_has_its_limits
            pages_follow_without_hole
            the_end_is_empty_and_not_an_error
            the_end_is_where_the_newest_record_is
            waiting_ends_with_the_record
            waiting_may_be_given_up
            a_follower_sees_each_record_once_and_in_order
            trimming_moves_the_first_offset
            trimming_never_passes_the_end
            trimming_everything_keeps_the_offsets
            trimming_leaves_other_partitions_alone
            an_unknown_partition_is_named
            a_record_above_the_limit_is_refused
            closing_answers_and_refuses
            closing_wakes_who_waits
            two_logs_have_two_epochs
            a_group_of_one_has_all_partitions_until_the_end
        );
    };
    (@held $subject:expr) => {
        $crate::event_log_suite!(@cases $subject;
            nobody_sees_a_record_before_it_is_durable
            a_full_queue_refuses_and_recovers
            closing_finishes_what_is_under_way
        );
    };
    (@unshared $subject:expr) => {
        $crate::event_log_suite!(@cases $subject;
            every_member_of_a_log_that_is_not_shared_has_all_partitions
        );
    };
    (@persistent $subject:expr) => {
        $crate::event_log_suite!(@cases $subject;
            reopening_keeps_everything
            reopening_keeps_the_trim
            reopening_a_log_trimmed_to_nothing_keeps_the_offsets
            a_log_made_anew_has_another_epoch
        );
    };
    (@cases $subject:expr; $($case:ident)+) => {$(
        #[tokio::test]
        async fn $case() {
            $crate::suite::cases::$case(&$subject).await;
        }
    )+};
}

/// Partition 0, where most cases play.
const P0: Partition = Partition(0);

/// Queues a record and waits until it is durable.
async fn write(log: &dyn EventLog, partition: Partition, payload: impl Into<Vec<u8>>) -> Offset {
    queue(log, partition, payload).await.expect("the record becomes durable")
}

/// Queues a record.
fn queue(log: &dyn EventLog, partition: Partition, payload: impl Into<Vec<u8>>) -> Append {
    log.append(partition, Bytes::from(payload.into())).expect("the record is taken")
}

/// Everything after `after`, page by page.
async fn read_all(log: &dyn EventLog, partition: Partition, after: Offset) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    loop {
        let after = all.last().map_or(after, |r| r.offset);
        let page = log.read(partition, after, 100, 64 * 1024).await.expect("the log can be read");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

fn payloads(records: &[Record]) -> Vec<&[u8]> {
    records.iter().map(|r| r.payload.as_ref()).collect()
}

fn offsets(records: &[Record]) -> Vec<u64> {
    records.iter().map(|r| r.offset.0).collect()
}
