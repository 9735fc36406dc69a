//! Random sequences of operations, kills and reopenings among them, against a model: a list of payloads per partition.
//! The sequences are the same in every run; a failing one is made small and printed.

use super::{copy_folder, options};
use crate::{
    Append, Bounds, EventLog, Offset, Partition, ReadError,
    embedded::{EmbeddedLog, Options},
};
use bytes::Bytes;
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any},
    prop_oneof,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::path::PathBuf;
use tempfile::TempDir;

const PARTITIONS: u32 = 2;

#[derive(Clone, Debug)]
enum Operation {
    /// Several records at once, by length.
    Append {
        partition: u32,
        lengths: Vec<usize>,
    },
    /// `per_mille` of what there was, from the beginning.
    Trim {
        partition: u32,
        per_mille: u64,
    },
    Read {
        partition: u32,
        per_mille: u64,
        records_max: usize,
        bytes_max: usize,
    },
    Reopen,
    /// The files as they are, opened in another place, as after a kill.
    Kill,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let partition = || 0..PARTITIONS;
    let append = (partition(), vec(prop_oneof![0..600_usize, 3000..9000_usize], 1..40));
    let read = (partition(), 0..1200_u64, 0..60_usize, prop_oneof![0..2000_usize, Just(1 << 20)]);
    let operation = prop_oneof![
        6 => append.prop_map(|(partition, lengths)| Operation::Append { partition, lengths }),
        2 => (partition(), 0..1100_u64).prop_map(|(partition, per_mille)| Operation::Trim { partition, per_mille }),
        6 => read.prop_map(|(partition, per_mille, records_max, bytes_max)| {
            Operation::Read { partition, per_mille, records_max, bytes_max }
        }),
        1 => Just(Operation::Reopen),
        1 => Just(Operation::Kill),
    ];
    vec(operation, 1..30)
}

/// What a partition should hold.
#[derive(Default)]
struct Model {
    trimmed: usize,
    payloads: Vec<Bytes>,
}

struct World {
    base: TempDir,
    path: PathBuf,
    options: Options,
    log: EmbeddedLog,
    model: Vec<Model>,
    kills: usize,
}

impl World {
    fn new(tail_bytes_max: usize) -> Self {
        let base = TempDir::new().expect("a temporary folder");
        let path = base.path().join("log");
        let options = Options { partitions: PARTITIONS, tail_bytes_max, ..options() };
        let log = EmbeddedLog::open(&path, options.clone()).expect("the log opens");
        let model = (0..PARTITIONS).map(|_| Model::default()).collect();
        Self { base, path, options, log, model, kills: 0 }
    }

    async fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Append { partition, lengths } => self.append(*partition, lengths).await,
            Operation::Trim { partition, per_mille } => {
                let model = &mut self.model[*partition as usize];
                let up_to = model.payloads.len() as u64 * per_mille / 1000;
                self.log.trim(Partition(*partition), Offset(up_to)).await.expect("trimmed");
                let up_to = usize::try_from(up_to).expect("small").min(model.payloads.len());
                model.trimmed = model.trimmed.max(up_to);
            }
            Operation::Read { partition, per_mille, records_max, bytes_max } => {
                let after = self.model[*partition as usize].payloads.len() as u64 * per_mille / 1000;
                self.read(*partition, after, *records_max, *bytes_max).await;
            }
            Operation::Reopen => {
                self.log.close().await;
                self.log = EmbeddedLog::open(&self.path, self.options.clone()).expect("the log opens again");
            }
            Operation::Kill => {
                self.kills += 1;
                let copy = self.base.path().join(format!("killed {}", self.kills));
                copy_folder(&self.path, &copy);
                self.log = EmbeddedLog::open(&copy, self.options.clone()).expect("a killed log opens");
                self.path = copy;
            }
        }
        self.check_bounds();
    }

    async fn append(&mut self, partition: u32, lengths: &[usize]) {
        let model = &mut self.model[partition as usize];
        let mut under_way: Vec<Append> = Vec::new();
        let next = model.payloads.len() as u64 + 1;
        for length in lengths {
            let filler = (model.payloads.len() % 256).to_le_bytes()[0];
            let payload = Bytes::from(vec![filler; *length]);
            under_way.push(self.log.append(Partition(partition), payload.clone()).expect("taken"));
            model.payloads.push(payload);
        }
        for (expected, append) in (next..).zip(under_way) {
            assert_eq!(append.await, Ok(Offset(expected)));
        }
    }

    async fn read(&self, partition: u32, after: u64, records_max: usize, bytes_max: usize) {
        let model = &self.model[partition as usize];
        let page = self.log.read(Partition(partition), Offset(after), records_max, bytes_max).await;
        let first = model.trimmed as u64 + 1;
        if after + 1 < first {
            let trimmed = ReadError::Trimmed { asked: Offset(after + 1), first: Offset(first) };
            assert_eq!(page, Err(trimmed));
            return;
        }
        let skip = usize::try_from(after).expect("small");
        let mut expected = Vec::new();
        let mut bytes = 0;
        for payload in model.payloads.iter().skip(skip).take(records_max.max(1)) {
            bytes += payload.len();
            if !expected.is_empty() && bytes > bytes_max {
                break;
            }
            expected.push(payload.clone());
        }
        let page = page.expect("a page");
        assert!(page.iter().zip(after + 1..).all(|(record, offset)| record.offset == Offset(offset)));
        assert_eq!(page.into_iter().map(|r| r.payload).collect::<Vec<_>>(), expected);
    }

    fn check_bounds(&self) {
        for (partition, model) in (0..).zip(&self.model) {
            let bounds =
                Bounds { first: Offset(model.trimmed as u64 + 1), last: Offset(model.payloads.len() as u64) };
            assert_eq!(self.log.bounds(Partition(partition)), Ok(bounds));
        }
    }
}

#[test]
fn the_log_is_as_a_list_of_payloads() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let inputs = (operations(), any::<bool>());
    let result = runner.run(&inputs, |(operations, tail)| {
        runtime.block_on(async {
            let mut world = World::new(if tail { 20_000 } else { 0 });
            for operation in &operations {
                world.apply(operation).await;
            }
            for partition in 0..PARTITIONS {
                let trimmed = world.model[partition as usize].trimmed as u64;
                world.read(partition, trimmed, 4096, 1 << 20).await;
            }
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
