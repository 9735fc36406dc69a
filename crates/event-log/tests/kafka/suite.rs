//! The promises that every engine keeps.

use crate::{admin, open, patient, shaped};
use event_log::{
    BoxFuture, EventLog,
    suite::{Persists, Shape, Subject},
};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// Each case has its own prefix for the topics.
struct Kafka {
    prefix: String,
}

impl Kafka {
    fn new() -> Self {
        static CASES: AtomicU32 = AtomicU32::new(0);
        let case = CASES.fetch_add(1, Ordering::Relaxed);
        Self { prefix: format!("s{}-{case}", std::process::id()) }
    }
}

impl Subject for Kafka {
    fn make<'a>(&'a self, name: &'a str, shape: Shape) -> BoxFuture<'a, Arc<dyn EventLog>> {
        Box::pin(async move {
            let options = shaped(format!("{}-{name}", self.prefix), shape);
            Arc::new(open(options).await.expect("the log opens")) as Arc<dyn EventLog>
        })
    }
}

impl Persists for Kafka {
    fn reopen<'a>(&'a self, name: &'a str, shape: Shape) -> BoxFuture<'a, Arc<dyn EventLog>> {
        self.make(name, shape)
    }

    fn destroy<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let topic = format!("{}-{name}", self.prefix);
            let answers = admin().delete_topics(&[&topic], &patient()).await.expect("an answer");
            assert_eq!(answers, [Ok(topic)]);
        })
    }
}

event_log::event_log_suite!(basic persistent => Kafka::new());
