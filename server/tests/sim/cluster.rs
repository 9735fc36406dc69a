//! Several processes over one log and one store: what such a run is like, and what is asked of it beside the rules of the
//! history.

use crate::{
    brokers::Trouble,
    dice::Dice,
    plan::{Fault as AnyFault, Plan},
    process::Process,
    run::{Node, Sim},
    world::SimWorld,
};
use chat::{message::Logged, record::Record, time::Millis};
use chat_store::CheckpointStore;
use event_log::Partition;
use protocol::{ids::Seq, limits::NONCE_TTL_MS};
use server::{config::Role, rooms::followed::Stage, world::World};
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// What the brokers do, to all processes or to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Away,
    AwayFromOne,
    OneIsDeaf,
    SlowCommits,
    ReportsLost,
    ReadsFail,
    Rebalance,
}

const FAULTS: [AnyFault; 14] = [
    AnyFault::Kill,
    AnyFault::Kill,
    AnyFault::Stop,
    AnyFault::Cut,
    AnyFault::Cut,
    AnyFault::StoreAway,
    AnyFault::SlowStore,
    AnyFault::Brokers(Fault::Away),
    AnyFault::Brokers(Fault::AwayFromOne),
    AnyFault::Brokers(Fault::OneIsDeaf),
    AnyFault::Brokers(Fault::SlowCommits),
    AnyFault::Brokers(Fault::ReportsLost),
    AnyFault::Brokers(Fault::ReadsFail),
    AnyFault::Brokers(Fault::Rebalance),
];

/// The places of a cluster, and other faults for the plan. Each has a clock of its own, off by a few seconds at most.
pub fn draw(dice: &Dice, plan: &mut Plan) -> Vec<Arc<Node>> {
    let kinds = dice.between(1..=5);
    plan.faults = (0..kinds).map(|_| dice.pick(&FAULTS)).collect();
    if dice.percent(30) {
        plan.faults.push(AnyFault::Clock);
    }
    plan.twins = dice.pick(&[3, 20, 60]);
    plan.lag_ms = dice.pick(&[5, 5, 100, 800]);
    plan.keep = dice.pick(&[None, Some(10), Some(10), Some(15), Some(60)]).map(Duration::from_secs);
    if plan.keep.is_some() && dice.percent(50) {
        // Long enough for partitions to fall asleep and be woken, again and again.
        plan.troubles += dice.millis(20_000..=90_000);
    }
    let (gateway, persist) = (vec![Role::Gateway], vec![Role::Persist]);
    let both = vec![Role::Gateway, Role::Persist];
    let roles = dice.pick(&[
        vec![both.clone(), both.clone()],
        vec![both.clone(), both.clone()],
        vec![both.clone(), gateway.clone()],
        vec![gateway.clone(), gateway.clone(), persist.clone()],
        vec![both.clone(), both, gateway],
        vec![vec![Role::Gateway], vec![Role::Gateway], persist.clone(), persist],
    ]);
    let nodes = roles.into_iter().enumerate().map(|(place, roles)| {
        let world = Arc::new(SimWorld::new(dice.fork()));
        world.skew(off(dice, 3_000));
        Node::new(place + 1, roles, world)
    });
    nodes.collect()
}

fn off(dice: &Dice, most_ms: u64) -> i64 {
    let signed = |ms: u64| i64::try_from(ms).expect("small");
    signed(dice.between(0..=2 * most_ms)) - signed(most_ms)
}

/// A clock is set; two of them differ by less than the processes of a cluster may.
pub fn skew(sim: &Sim, dice: &Dice) {
    sim.node(dice).world.skew(off(dice, 20_000));
}

/// Something of the brokers goes wrong.
pub fn trouble(sim: &Sim, dice: &Dice, what: Fault) {
    let Some(brokers) = &sim.brokers else { return };
    let one = &sim.node(dice).trouble;
    match what {
        Fault::Away => brokers.trouble.lock().away = true,
        Fault::AwayFromOne => one.lock().away = true,
        Fault::OneIsDeaf => one.lock().deaf = true,
        Fault::SlowCommits => brokers.trouble.lock().commit_ms = 3_000,
        Fault::ReportsLost => brokers.trouble.lock().reports_lost = 50,
        Fault::ReadsFail => one.lock().reads_fail = 60,
        Fault::Rebalance => brokers.rebalance(),
    }
}

/// All is well again.
pub fn trouble_over(sim: &Sim) {
    if let Some(brokers) = &sim.brokers {
        *brokers.trouble.lock() = Trouble::default();
    }
    for node in &sim.nodes {
        *node.trouble.lock() = Trouble::default();
    }
}

/// The brokers give up what is old. They do not ask how far the store is; but they keep records for much longer than a
/// store is behind, which is simulated by asking.
pub async fn retention(sim: &Sim) {
    const KEPT_MS: u64 = 16 * 60 * 1_000;
    let Some(brokers) = &sim.brokers else { return };
    let before = Millis(sim.world.now().0.saturating_sub(KEPT_MS));
    for partition in (0..brokers.partitions()).map(Partition) {
        let stored = stored(sim, partition).await;
        let Ok(page) = brokers.page(partition, brokers.first(partition) - 1, stored) else { continue };
        let old = page.iter().take_while(|payload| sent_at(payload).is_none_or(|at| at < before)).count();
        if old > 0 {
            brokers.trim(partition, brokers.first(partition) - 1 + old as u64);
        }
    }
}

async fn stored(sim: &Sim, partition: Partition) -> u64 {
    let checkpoint = sim.store_disk.engine().load("persist", partition.0).await;
    checkpoint.expect("the memory engine is there").map_or(0, |checkpoint| checkpoint.offset)
}

fn sent_at(payload: &[u8]) -> Option<Millis> {
    let Ok(Record::Message(message)) = Record::decode(payload) else { return None };
    Some(message.sent_at)
}

/// Waits until every gateway is up and has all; then all must tell the same history, and nobody may have said that the
/// store has what it has not.
pub async fn same_everywhere(sim: &Sim) {
    let Some(brokers) = &sim.brokers else { return };
    let gateways = || sim.nodes.iter().filter(|node| node.is_gateway());
    let all_up = || -> Option<Vec<Process>> { gateways().map(|node| node.front.lock().clone()).collect() };
    let processes = loop {
        match all_up() {
            Some(up) if up.iter().all(|process| process.is_stored(sim)) => break up,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    for definition in &sim.plan.rooms {
        let slug = definition.slug.as_str();
        let mut told: Option<Vec<Logged>> = None;
        for process in &processes {
            let room = process.gateway.rooms.get(slug).expect("a room of the plan");
            let Ok(history) = process.gateway.history.after(&room, Seq(0), usize::MAX).await else {
                return sim.problem(format!("{slug}: a gateway does not tell its history"));
            };
            if told.as_ref().is_some_and(|told| *told != history) {
                sim.problem(format!("{slug}: two gateways tell different histories"));
            }
            told = Some(history);
        }
    }
    for (partition, committed) in brokers.committed() {
        let stored = stored(sim, Partition(partition)).await;
        if committed > stored {
            sim.problem(format!("partition {partition}: committed up to {committed}, stored up to {stored}"));
        }
    }
}

/// Counts how often a partition fell asleep, as long as the run goes on.
pub async fn count_naps(sim: Arc<Sim>) {
    let mut awake = BTreeSet::new();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for node in &sim.nodes {
            let front = node.front.lock();
            let Some(process) = front.as_ref() else {
                awake.retain(|(number, _)| *number != node.number);
                continue;
            };
            for followed in process.gateway.rooms.partitions() {
                let place = (node.number, followed.partition.0);
                if followed.stage() > Stage::Asleep {
                    awake.insert(place);
                } else if awake.remove(&place) {
                    sim.naps.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// How many records of the log repeat an earlier one's nonce: what the run was for.
pub fn repeats(sim: &Sim) -> u64 {
    let Some(brokers) = &sim.brokers else { return 0 };
    let mut repeats = 0;
    for partition in (0..brokers.partitions()).map(Partition) {
        let first = brokers.first(partition) - 1;
        let page = brokers.page(partition, first, brokers.last(partition)).unwrap_or_default();
        let mut seen: BTreeMap<_, Millis> = BTreeMap::new();
        for payload in page {
            let Ok(Record::Message(message)) = Record::decode(&payload) else { continue };
            match seen.entry((message.room, message.author.id, message.nonce.clone())) {
                Entry::Occupied(first) if message.sent_at <= first.get().plus(NONCE_TTL_MS) => repeats += 1,
                Entry::Occupied(mut past) => drop(past.insert(message.sent_at)),
                Entry::Vacant(free) => drop(free.insert(message.sent_at)),
            }
        }
    }
    repeats
}
