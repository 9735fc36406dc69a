//! One run: a plan drawn from the seed, faults for a while, then healing, then the judgement.
//!
//! Start with [`run`].

use crate::{
    brokers::{Brokers, Trouble},
    clients, cluster,
    dice::Dice,
    life::Life,
    log::{Disk, LogFaults},
    net::{ClientEnd, Cutter, Line},
    plan::{Fault, Plan},
    process::{self, Call, Process},
    store::{StoreDisk, StoreFaults},
    world::{SimWorld, Trace},
};
use chat::{message::Logged, time::Millis};
use chat_store::{MessageStore, Page};
use event_log::{Epoch, Partition};
use parking_lot::Mutex;
use protocol::ids::Seq;
use server::{config::Role, world::World};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use testkit::{
    checker::{self, Report},
    history::{self, Event, Shown},
};
use tokio::sync::Notify;

/// After the faults everything has to be well again within this time: restarts (100 ms), reconnects (1 s), a retry of
/// a follower (0.5 s), answers that clients wait for (10 s at most) and come back for, twice.
const RECOVERY_MAX: Duration = Duration::from_secs(40);
/// After that, what a reader lacks is not on its way any more.
const SETTLE: Duration = Duration::from_secs(20);

/// Everything of a run that its actors share.
pub struct Sim {
    pub dice: Dice,
    pub plan: Plan,
    pub world: Arc<SimWorld>,
    pub trace: Trace,
    pub disk: Arc<Disk>,
    pub store_disk: Arc<StoreDisk>,
    pub log_faults: Arc<Mutex<LogFaults>>,
    pub store_faults: Arc<Mutex<StoreFaults>>,
    /// The log of several processes, if that is what is simulated.
    pub brokers: Option<Arc<Brokers>>,
    /// Where processes run.
    pub nodes: Vec<Arc<Node>>,
    pub front_changed: Notify,
    /// Who reads what over an open connection, by connection.
    pub reading: Mutex<BTreeSet<(u64, String)>>,
    /// Every connection there was, to be cut.
    pub cutters: Mutex<Vec<Cutter>>,
    /// Ends of clients that vanished without a word.
    pub vanished: Mutex<Vec<ClientEnd>>,
    events: Mutex<Vec<Event>>,
    /// What is wrong beyond the rules of the history.
    problems: Mutex<Vec<String>>,
    healed: AtomicBool,
    connections: AtomicU64,
    /// How often a partition fell asleep.
    pub naps: AtomicU64,
}

/// A place where a process runs, one after the other.
pub struct Node {
    pub number: usize,
    pub roles: Vec<Role>,
    /// Its clock.
    pub world: Arc<SimWorld>,
    /// The life that lives now, serving or still starting.
    pub life: Mutex<Option<Arc<Life>>>,
    /// Who serves, if somebody does.
    pub front: Mutex<Option<Process>>,
    /// What is wrong with its way to the brokers.
    pub trouble: Arc<Mutex<Trouble>>,
}

impl Node {
    pub fn new(number: usize, roles: Vec<Role>, world: Arc<SimWorld>) -> Arc<Self> {
        let (life, front, trouble) = (Mutex::default(), Mutex::default(), Arc::default());
        Arc::new(Self { number, roles, world, life, front, trouble })
    }

    pub fn name(&self) -> String {
        format!("process {}", self.number)
    }

    pub fn is_gateway(&self) -> bool {
        self.roles.contains(&Role::Gateway)
    }
}

impl Sim {
    /// Adds to the history.
    pub fn record(&self, event: Event) {
        self.trace.note(|| format!("history: {}", tell(&event)));
        self.events.lock().push(event);
    }

    /// Something that must not be.
    pub fn problem(&self, what: impl Into<String>) {
        let what = what.into();
        self.trace.note(|| format!("PROBLEM: {what}"));
        self.problems.lock().push(what);
    }

    /// Is the time of faults over?
    pub fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    /// A number for a connection.
    pub fn connection_number(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// At which step the next life ends.
    pub fn next_death(&self) -> Option<u64> {
        let mortal = self.plan.deadly_steps && !self.is_healed() && self.dice.percent(70);
        // From the first steps of the start to the middle of things.
        mortal.then(|| self.dice.between(1..=1 << self.dice.between(2..=10)))
    }

    /// A line of this quality.
    pub fn line(&self, dice: &Dice) -> Line {
        let (bytes_max, latency_ms) = (dice.pick(&[1_500, 20_000, 1_000_000]), dice.pick(&[0, 2, 30]));
        Line { bytes_max, latency_ms, deflates: self.plan.deflates && dice.percent(50) }
    }

    /// A room's name.
    pub fn room(&self, dice: &Dice) -> String {
        dice.pick(&self.plan.rooms).slug.as_str().to_owned()
    }

    /// Waits until somebody serves.
    pub async fn serving(&self) -> Process {
        loop {
            let changed = self.front_changed.notified();
            if let Some(process) = self.gateway() {
                return process;
            }
            changed.await;
        }
    }

    /// Some gateway that serves now.
    pub fn gateway(&self) -> Option<Process> {
        let serving = self.nodes.iter().filter(|node| node.is_gateway());
        let mut serving: Vec<Process> = serving.filter_map(|node| node.front.lock().clone()).collect();
        let place = if serving.len() > 1 { self.dice.below(serving.len()) } else { 0 };
        (place < serving.len()).then(|| serving.swap_remove(place))
    }

    /// Some place where processes run.
    pub fn node(&self, dice: &Dice) -> &Arc<Node> {
        let place = if self.nodes.len() > 1 { dice.below(self.nodes.len()) } else { 0 };
        &self.nodes[place]
    }
}

/// What came of a run.
pub struct Outcome {
    pub report: Report,
    pub problems: Vec<String>,
    pub events: Vec<Event>,
    pub trace: Vec<String>,
    pub simulated: Duration,
    pub records: u64,
    /// Second records of one message in a shared log, and how often a partition fell asleep.
    pub repeats: u64,
    pub naps: u64,
}

impl Outcome {
    /// Is there nothing to complain of?
    pub fn is_clean(&self) -> bool {
        self.report.clean && self.problems.is_empty()
    }

    /// FNV-1a over all that happened.
    pub fn hash(&self) -> u64 {
        history::text_hash(&format!("{:?}{:?}{:?}", self.events, self.trace, self.problems))
    }
}

/// Plays a seed with one process.
pub fn run(seed: u64, traced: bool) -> Outcome {
    play_with(seed, traced, false)
}

/// Plays a seed with several processes over one log and one store.
pub fn run_cluster(seed: u64, traced: bool) -> Outcome {
    play_with(seed, traced, true)
}

fn play_with(seed: u64, traced: bool, cluster: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime needs nothing special").block_on(play(seed, traced, cluster))
}

async fn play(seed: u64, traced: bool, cluster: bool) -> Outcome {
    let dice = Dice::new(seed);
    let drawn = dice.fork();
    let mut plan = Plan::draw(&drawn, seed);
    let trace = Trace::new(traced);
    let world = Arc::new(SimWorld::new(dice.fork()));
    let (brokers, nodes) = if cluster {
        let nodes = cluster::draw(&drawn, &mut plan);
        (Some(Arc::new(Brokers::new(plan.partitions, trace.clone()))), nodes)
    } else {
        (None, vec![Node::new(1, vec![Role::Gateway, Role::Persist], world.clone())])
    };
    trace.note(|| format!("seed {seed}: {plan:?}"));
    let sim = Arc::new(Sim {
        world,
        disk: Arc::new(Disk::new(plan.partitions)),
        store_disk: Arc::default(),
        log_faults: Arc::default(),
        store_faults: Arc::default(),
        brokers,
        nodes,
        front_changed: Notify::new(),
        reading: Mutex::default(),
        cutters: Mutex::default(),
        vanished: Mutex::default(),
        events: Mutex::default(),
        problems: Mutex::default(),
        naps: AtomicU64::new(0),
        healed: AtomicBool::new(false),
        connections: AtomicU64::new(0),
        dice,
        plan,
        trace,
    });
    begin(&sim, seed);
    let mut users = Vec::new();
    // One more than writers: who probes at the end.
    for number in 1..=sim.plan.writers + 1 {
        users.push(process::enroll(sim.store_disk.engine(), number).await);
    }
    let (prober, writers) = users.split_last().expect("one at least");
    let supervisors: Vec<_> =
        sim.nodes.iter().map(|node| tokio::spawn(process::supervise(sim.clone(), node.clone()))).collect();
    let writers: Vec<_> = writers
        .iter()
        .enumerate()
        .map(|(number, (user, token))| {
            let writer = clients::Writer::new(&sim, number, user, token);
            tokio::spawn(writer.write(sim.plan.lines_each))
        })
        .collect();
    let mut others: Vec<_> =
        (0..sim.plan.readers).map(|_| tokio::spawn(clients::read(sim.clone(), sim.dice.fork()))).collect();
    others.push(tokio::spawn(clients::read_pages(sim.clone(), sim.dice.fork())));
    if sim.dice.percent(30) {
        others.push(tokio::spawn(clients::abuse::run(sim.clone(), sim.dice.fork())));
    }
    others.push(tokio::spawn(cluster::count_naps(sim.clone())));
    if sim.plan.night.is_some() {
        others.push(tokio::spawn(night(sim.clone())));
    }

    trouble(&sim).await;
    heal(&sim);
    let writers = async {
        for writer in writers {
            writer.await.expect("a writer does not panic");
        }
    };
    if tokio::time::timeout(RECOVERY_MAX, writers).await.is_err() {
        sim.problem("liveness: writers have no answers long after the faults ended");
    }
    let probe = clients::Writer::new(&sim, 99, &prober.0, &prober.1).probe();
    if tokio::time::timeout(RECOVERY_MAX, probe).await.is_err() {
        sim.problem("liveness: a probe is not acked long after the faults ended");
    }
    tokio::time::sleep(SETTLE).await;
    stayed(&sim);
    if tokio::time::timeout(RECOVERY_MAX, read_finals(&sim)).await.is_err() {
        sim.problem("liveness: the final history cannot be read");
    }
    for other in others {
        other.abort();
        let _ = other.await;
    }
    for supervisor in supervisors {
        supervisor.abort();
        let _ = supervisor.await;
    }
    judge(&sim)
}

fn begin(sim: &Sim, seed: u64) {
    let rooms = sim.plan.rooms.iter().map(|room| history::Baseline {
        room: room.slug.as_str().to_owned(),
        epoch: format!("epoch{}", room.partition),
        seq: Seq(0),
    });
    sim.record(Event::Began(history::Began { seed, rooms: rooms.collect(), strangers: false, gateways: 1 }));
}

/// Faults, one after the other.
async fn trouble(sim: &Arc<Sim>) {
    let dice = sim.dice.fork();
    let end = tokio::time::Instant::now() + sim.plan.troubles + sim.plan.night.unwrap_or_default();
    while tokio::time::Instant::now() < end {
        tokio::time::sleep(dice.millis(50..=2_500)).await;
        if sim.plan.faults.is_empty() {
            continue;
        }
        let fault = dice.pick(&sim.plan.faults);
        // A store that is away all night shows whether the log is trimmed before its time.
        let lasts = match (fault, sim.plan.night) {
            (Fault::StoreAway | Fault::StoreFull, Some(night)) if dice.percent(50) => night,
            _ => dice.millis(20..=4_000),
        };
        sim.trace.note(|| format!("fault: {fault:?} for {lasts:?}"));
        match fault {
            Fault::Kill => {
                if let Some(life) = sim.node(&dice).life.lock().as_ref() {
                    life.kill();
                }
            }
            Fault::Stop => {
                if let Some(process) = sim.node(&dice).front.lock().as_ref() {
                    let _ = process.calls.send(Call::Stop);
                }
            }
            Fault::Cut => {
                for cutter in sim.cutters.lock().iter().filter(|_| dice.percent(40)) {
                    cutter.cut();
                }
            }
            Fault::SyncFails => sim.log_faults.lock().sync_fails = true,
            Fault::Clock if sim.brokers.is_some() => cluster::skew(sim, &dice),
            Fault::Clock => {
                let skew = dice.between(0..=120_000);
                sim.world.skew(i64::try_from(skew).expect("small") - 60_000);
            }
            Fault::LogFull => sim.log_faults.lock().full = true,
            Fault::LogAway => sim.log_faults.lock().away = true,
            Fault::SlowLog => sim.log_faults.lock().commit_ms = 3_000,
            Fault::StoreAway => sim.store_faults.lock().away = true,
            Fault::StoreFull => sim.store_faults.lock().full = true,
            Fault::SlowStore => sim.store_faults.lock().slow_ms = 2_000,
            Fault::Brokers(what) => cluster::trouble(sim, &dice, what),
        }
        if !matches!(fault, Fault::Kill | Fault::Stop | Fault::Cut | Fault::Clock) {
            tokio::time::sleep(lasts).await;
            faults_over(sim);
        }
    }
}

fn faults_over(sim: &Sim) {
    *sim.log_faults.lock() = LogFaults::default();
    *sim.store_faults.lock() = StoreFaults::default();
    cluster::trouble_over(sim);
    for node in &sim.nodes {
        if let Some(process) = node.front.lock().as_ref() {
            process.log.space_again();
        }
    }
}

/// A long time after which the log gives up what is old.
async fn night(sim: Arc<Sim>) {
    /// Nonces live ten minutes; the wall clock may be two minutes off.
    const KEPT_MS: u64 = 13 * 60 * 1_000;
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        if sim.brokers.is_some() {
            cluster::retention(&sim).await;
        } else if let Some(process) = sim.gateway() {
            let before = Millis(sim.world.now().0.saturating_sub(KEPT_MS));
            let _ = tokio::time::timeout(Duration::from_secs(30), process.trim(before)).await;
        }
    }
}

fn heal(sim: &Sim) {
    sim.trace.note(|| "the faults are over".to_owned());
    sim.healed.store(true, Ordering::Relaxed);
    faults_over(sim);
    for node in &sim.nodes {
        if let Some(life) = node.life.lock().as_ref() {
            life.spare();
        }
    }
}

/// Everyone who reads over an open connection has to have everything by now.
fn stayed(sim: &Sim) {
    let mut newest: BTreeMap<String, Seq> = BTreeMap::new();
    for event in sim.events.lock().iter() {
        if let Event::Send(history::Send { room, outcome: history::Outcome::Accepted { seq, .. }, .. }) =
            event
        {
            let newest = newest.entry(room.clone()).or_default();
            *newest = (*newest).max(*seq);
        }
    }
    let reading = sim.reading.lock().clone();
    let readers: BTreeSet<u64> = reading.iter().map(|(connection, _)| *connection).collect();
    if (readers.len() as u64) < sim.plan.readers {
        sim.problem("liveness: not all readers are back long after the faults ended");
    }
    for (connection, room) in reading {
        if let Some(until) = newest.get(&room).copied() {
            let t = sim.world.nanos();
            sim.record(Event::Stayed(history::Stayed { t, connection, room, until }));
        }
    }
}

/// The final histories: what REST would tell, forwards and backwards, and the rows of the store.
async fn read_finals(sim: &Sim) {
    if sim.brokers.is_some() {
        cluster::same_everywhere(sim).await;
    }
    let process = sim.serving().await;
    while !process.is_stored(sim) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for definition in &sim.plan.rooms {
        let slug = definition.slug.as_str();
        let room = process.gateway.rooms.get(slug).expect("a room of the plan");
        let history = &process.gateway.history;
        let mut all: Vec<Logged> = Vec::new();
        loop {
            let after = all.last().map_or(Seq(0), |m| m.seq);
            match history.after(&room, after, 100).await {
                Ok(page) if page.is_empty() => break,
                Ok(page) => all.extend(page),
                Err(error) => return sim.problem(format!("the final history of {slug}: {error}")),
            }
        }
        let mut backwards: Vec<Logged> = Vec::new();
        loop {
            match history.before(&room, backwards.first().map(|m| m.seq), 100).await {
                Ok(page) if page.is_empty() => break,
                Ok(page) => backwards = page.into_iter().chain(backwards).collect(),
                Err(error) => return sim.problem(format!("the final history of {slug}: {error}")),
            }
        }
        if backwards != all {
            sim.problem(format!("{slug}: the history read backwards is not the history read forwards"));
        }
        let mut rows: Vec<Logged> = Vec::new();
        loop {
            let page = Page::After(rows.last().map_or(Seq(0), |m| m.seq));
            let page = sim.store_disk.engine().page(definition.id, page, 100).await.expect("it is open");
            if page.is_empty() {
                break;
            }
            rows.extend(page);
        }
        if rows != all {
            sim.problem(format!("{slug}: the rows of the store are not the history"));
        }
        for logged in &all {
            let frame = logged.to_frame_message();
            let shown: Shown = clients::shown(&frame);
            sim.record(Event::Stored(history::Stored { room: slug.to_owned(), shown }));
        }
        let Ok(Epoch(epoch)) = process.log.port().epoch(Partition(definition.partition)) else { continue };
        sim.record(Event::Read(history::Read { t: sim.world.nanos(), room: slug.to_owned(), epoch }));
    }
}

fn judge(sim: &Sim) -> Outcome {
    let events = std::mem::take(&mut *sim.events.lock());
    Outcome {
        report: checker::check(&events),
        problems: sim.problems.lock().clone(),
        trace: sim.trace.lines(),
        simulated: Duration::from_nanos(sim.world.nanos()),
        records: sim.brokers.as_ref().map_or_else(|| sim.disk.records(), |brokers| brokers.records()),
        repeats: cluster::repeats(sim),
        naps: sim.naps.load(Ordering::Relaxed),
        events,
    }
}

/// An event in a line.
fn tell(event: &Event) -> String {
    match event {
        Event::Send(s) => {
            format!("{} {} nonce {}: {:?} since {} ms", s.room, s.user, s.nonce, s.outcome, s.t0 / 1_000_000)
        }
        Event::Joined(j) => format!(
            "reader {} joined {} up to {}, asked {} after {:?}: recovered {:?} {:?}",
            j.connection, j.room, j.seq, j.asked, j.after, j.recovered, j.reason
        ),
        Event::Message(m) => {
            let past = if m.past { " (past)" } else { "" };
            format!("reader {} was shown {} {} {:?}{past}", m.connection, m.room, m.shown.seq, m.shown.nonce)
        }
        other => format!("{other:?}"),
    }
}
