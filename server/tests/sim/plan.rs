//! What a run is like, drawn from its seed. What comes of it is in [`crate::run`].

use crate::{cluster, dice::Dice, process};
use chat::rooms::RoomDefinition;
use std::time::Duration;

/// The kinds of faults; a run has some of them, so that one does not always hide behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Kill,
    Stop,
    Cut,
    LogFull,
    LogAway,
    SyncFails,
    SlowLog,
    StoreAway,
    StoreFull,
    SlowStore,
    Clock,
    /// Something of the brokers.
    Brokers(cluster::Fault),
}

const FAULTS: [Fault; 11] = [
    Fault::Kill,
    Fault::Stop,
    Fault::Cut,
    Fault::LogFull,
    Fault::LogAway,
    Fault::SyncFails,
    Fault::SlowLog,
    Fault::StoreAway,
    Fault::StoreFull,
    Fault::SlowStore,
    Fault::Clock,
];

/// What a run is like.
#[derive(Clone, Debug)]
pub struct Plan {
    pub partitions: u32,
    pub rooms: Vec<RoomDefinition>,
    pub ring_messages: usize,
    pub resume_max: usize,
    pub queue_max: usize,
    pub restart_ms: u64,
    pub writers: u64,
    pub lines_each: u64,
    pub readers: u64,
    pub faults: Vec<Fault>,
    /// Does the process also die at exact steps?
    pub deadly_steps: bool,
    /// How long the faults go on.
    pub troubles: Duration,
    /// Of a hundred lines, so many are sent over two connections at once.
    pub twins: u64,
    /// How far processes usually are behind a shared log.
    pub lag_ms: u64,
    /// How long a partition of a shared log is followed after its last viewer and sender left, if not for ever.
    pub keep: Option<Duration>,
    /// Half of the clients read compressed messages.
    pub deflates: bool,
    /// Writers ask again for lines that were accepted.
    pub asks_again: bool,
    /// The share of all sends that each process refuses because it has too much to do.
    pub refuses: f64,
    /// A quiet time in between, longer than nonces live; then the log is trimmed.
    pub night: Option<Duration>,
}

impl Plan {
    pub fn draw(dice: &Dice, seed: u64) -> Self {
        let partitions = u32::try_from(dice.between(1..=3)).expect("small");
        let styles = ["plain", "plain", "bestie", "skibidi", "corporate"];
        let rooms = (0..dice.between(1..=3))
            .map(|n| {
                let partition = u32::try_from(dice.below(partitions as usize)).expect("small");
                process::room(usize::try_from(n).expect("small"), dice.pick(&styles), partition)
            })
            .collect();
        let kinds = dice.between(0..=4);
        Self {
            partitions,
            rooms,
            ring_messages: dice.pick(&[10, 25, 100]),
            resume_max: dice.pick(&[10, 60, 1_000]),
            queue_max: dice.pick(&[3, 16, 1_000]),
            restart_ms: dice.pick(&[20, 500, 3_000]),
            writers: dice.between(1..=4),
            lines_each: dice.pick(&[3, 10, 25]),
            readers: dice.between(1..=3),
            faults: (0..kinds).map(|_| dice.pick(&FAULTS)).collect(),
            deadly_steps: dice.percent(50),
            troubles: dice.millis(2_000..=20_000),
            twins: 3,
            lag_ms: 5,
            keep: None,
            // Not by the dice: seeds from before there was compression, and those that are kept, mean what they meant.
            deflates: seed % 4 == 3,
            asks_again: seed % 4 == 2,
            refuses: if seed % 8 == 2 { 0.3 } else { 0.0 },
            night: dice.percent(15).then(|| dice.millis(800_000..=1_300_000)),
        }
    }
}
