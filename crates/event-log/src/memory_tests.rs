//! The suite over the memory engine. It does not persist, so that group is not run.

use crate::{
    BoxFuture, EventLog,
    memory::{MemoryLog, QUEUE_RECORDS_MAX},
    suite::{Holds, Shape, Subject},
};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};

#[derive(Default)]
struct Memory(Mutex<HashMap<String, Arc<MemoryLog>>>);

impl Subject for Memory {
    fn make<'a>(&'a self, name: &'a str, shape: Shape) -> BoxFuture<'a, Arc<dyn EventLog>> {
        let log = Arc::new(MemoryLog::with_queue(
            shape.partitions,
            shape.queue_records_max.unwrap_or(QUEUE_RECORDS_MAX),
        ));
        self.0.lock().insert(name.to_owned(), Arc::clone(&log));
        Box::pin(async move { log as Arc<dyn EventLog> })
    }
}

impl Holds for Memory {
    fn hold(&self, name: &str) -> Box<dyn Send> {
        Box::new(self.0.lock()[name].hold())
    }
}

crate::event_log_suite!(basic unshared held => Memory::default());
