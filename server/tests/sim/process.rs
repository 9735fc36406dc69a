//! The process under simulation: the real rooms, feeds, followers, sessions and connection drivers, put together as
//! `server::compose` does over real engines, and what stops and starts it again.

use crate::{
    life::Life,
    log::SimLog,
    net::{self, ClientEnd, Cutter, Line},
    run::{Node, Sim},
    shared_log::SharedLog,
    store::SimStore,
};
use chat::{
    account::{Account, Family, RefreshToken, TokenHash},
    rooms::RoomDefinition,
    time::Millis,
};
use chat_store::{AccountStore, Created, MessageStore, SessionStore, Store};
use event_log::{EventLog, Offset, Partition};
use futures_util::FutureExt;
use protocol::ids::UserId;
use server::{
    auth::{
        self, Accounts,
        hasher::{Cost, Hasher},
        rates::{RateClock, RateLimits},
        secret::Keys,
        tokens::{AccessTokens, Claim},
    },
    emotes::Emotes,
    figures::PerMessage,
    following::{self, Following},
    gateway::{self, Gateway, connection, registry::Registry, shard::Shards},
    limits::{self, Limits},
    persist::Marks,
    rooms::{
        Directory,
        feed::RingLimits,
        kept::{Keeper, Rules},
        ticker,
    },
    world::World,
};
use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const SECRET: &str = "only for simulated tokens, of which nobody else ever hears";
/// How long tokens are good: longer than any run.
const TOKEN_TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// As in the settings' default.
pub const HEARTBEAT: Duration = Duration::from_secs(30);
/// As on a machine of two cores.
const SHARDS: usize = 2;
/// How far the feed of a process may be behind what it has heard of a shared log: some reads of 100 ms, and pauses of a
/// second after those that failed.
const TAIL_LAG: Duration = Duration::from_secs(6);
/// How much further behind it may be while the partition is woken: two seconds without anything new from the store, a look
/// that takes as long, and the time between two of them.
const WAKE_LAG: Duration = Duration::from_millis(4_300);
/// How long a stop may take.
const GRACE: Duration = Duration::from_secs(10);

/// One life, as its clients see it.
#[derive(Clone)]
pub struct Process {
    pub life: Arc<Life>,
    pub log: Log,
    pub store: Arc<dyn Store>,
    pub gateway: Arc<Gateway>,
    pub marks: Arc<Marks>,
    pub calls: mpsc::UnboundedSender<Call>,
}

/// A process's log: its own, or its view of the brokers'.
#[derive(Clone)]
pub enum Log {
    Own(Arc<SimLog>),
    Shared(Arc<SharedLog>),
}

impl Log {
    fn open(sim: &Sim, node: &Node, life: &Arc<Life>, tasks: &mut JoinSet<Ended>) -> Self {
        let (life, dice, trace) = (life.clone(), sim.dice.fork(), sim.trace.clone());
        let partitions = (0..sim.plan.partitions).map(Partition);
        let Some(brokers) = &sim.brokers else {
            let (disk, faults) = (sim.disk.clone(), sim.log_faults.clone());
            let log = SimLog::open(disk, life, dice, trace, faults, sim.plan.queue_max);
            for partition in partitions {
                let log = log.clone();
                tasks.spawn(async move {
                    log.write(partition).await;
                    None
                });
            }
            return Self::Own(log);
        };
        let own = node.trouble.clone();
        let log = SharedLog::open(brokers.clone(), life, dice, trace, own, &sim.plan);
        tasks.spawn(log.clone().watch().map(|()| None));
        for partition in partitions {
            tasks.spawn(log.clone().write(partition).map(|()| None));
            tasks.spawn(log.clone().follow(partition).map(|()| None));
        }
        Self::Shared(log)
    }

    pub fn port(&self) -> Arc<dyn EventLog> {
        match self {
            Self::Own(log) => log.clone(),
            Self::Shared(log) => log.clone(),
        }
    }

    /// There is space again.
    pub fn space_again(&self) {
        if let Self::Own(log) = self {
            log.space_again();
        }
    }

    fn crash(&self) {
        match self {
            Self::Own(log) => log.crash(),
            Self::Shared(log) => log.crash(),
        }
    }
}

/// What a task of the process says when it ends.
type Ended = Option<String>;

/// Runs process after process in one place until the run is over.
pub async fn supervise(sim: Arc<Sim>, node: Arc<Node>) {
    let name = node.name();
    loop {
        let life = Arc::new(Life::new(sim.next_death()));
        let mut tasks = JoinSet::new();
        let log = Log::open(&sim, &node, &life, &mut tasks);
        let store =
            SimStore::open(sim.store_disk.clone(), life.clone(), sim.dice.fork(), sim.store_faults.clone());
        *node.life.lock() = Some(life.clone());
        sim.trace.note(|| format!("{name}: starts"));
        let (calls, received) = mpsc::unbounded_channel();
        let booted = tokio::select! {
            biased;
            () = life.ended() => Err("died while starting".to_owned()),
            booted = boot(&sim, &node, life.clone(), log.clone(), store, calls, &mut tasks) => booted,
        };
        match booted {
            Ok(process) => {
                sim.trace.note(|| format!("{name}: ready"));
                *node.front.lock() = Some(process.clone());
                sim.front_changed.notify_waiters();
                serve(&sim, &node, &process, received, &mut tasks).await;
                *node.front.lock() = None;
            }
            Err(why) => sim.trace.note(|| format!("{name}: did not start: {why}")),
        }
        let crashed = !life.alive();
        life.kill();
        // Its tasks have no effect any more; now they are dropped.
        tasks.shutdown().await;
        log.crash();
        // A store that is a server of its own does not crash with a process.
        if crashed && sim.brokers.is_none() {
            sim.store_disk.crash(&sim.dice, &sim.trace).await;
        }
        let restart_ms = if sim.is_healed() { 100 } else { sim.plan.restart_ms };
        tokio::time::sleep(sim.dice.millis(1..=restart_ms)).await;
    }
}

/// Until it dies, a part breaks, or it is asked to stop.
async fn serve(
    sim: &Sim,
    node: &Node,
    process: &Process,
    mut calls: mpsc::UnboundedReceiver<Call>,
    tasks: &mut JoinSet<Ended>,
) {
    loop {
        tokio::select! {
            biased;
            () = process.life.ended() => {
                sim.trace.note(|| format!("{}: killed", node.name()));
                return;
            }
            Some(ended) = tasks.join_next() => {
                if let Ok(Some(reason)) = ended {
                    sim.trace.note(|| format!("{}: a part broke: {reason}", node.name()));
                    break;
                }
            }
            Some(call) = calls.recv() => match call {
                Call::Stop => break,
                Call::Connection(end) => {
                    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
                    let place = process.gateway.limits.connections.take(address);
                    let place = place.expect("there is no limit");
                    let outward = end.outward();
                    let serve = connection::serve(process.gateway.clone(), end, outward, place);
                    let serve = process.gateway.tasks.track_future(serve);
                    tasks.spawn(async move {
                        serve.await;
                        None
                    });
                }
            },
        }
    }
    // As `compose::Running::stopped` does.
    sim.trace.note(|| format!("{}: stops", node.name()));
    *node.front.lock() = None;
    process.gateway.stopping.cancel();
    process.gateway.tasks.close();
    let stop = async {
        let _ = tokio::time::timeout(GRACE, process.gateway.tasks.wait()).await;
        process.log.port().close().await;
        process.store.close().await;
    };
    tokio::select! {
        biased;
        () = process.life.ended() => {}
        () = stop => {}
    }
}

/// What the process is asked from outside.
pub enum Call {
    /// A new connection.
    Connection(net::ServerEnd),
    /// Stop in order.
    Stop,
}

async fn boot(
    sim: &Sim,
    node: &Node,
    life: Arc<Life>,
    sim_log: Log,
    store: Arc<SimStore>,
    calls: mpsc::UnboundedSender<Call>,
    tasks: &mut JoinSet<Ended>,
) -> Result<Process, String> {
    let log = sim_log.port();
    let store: Arc<dyn Store> = store;
    let world: Arc<dyn World> = node.world.clone();
    let ring = RingLimits { messages_max: sim.plan.ring_messages, bytes_max: 1024 * 1024 };
    let rooms = Directory::new(sim.plan.rooms.clone(), &transformer_styles::all(), &log, ring, &world)
        .map_err(|e| e.to_string())?;
    let following = Following::prepare(&log, &store, &rooms, &node.roles, &world, sim.plan.keep).await;
    let Following { marks, history, work } = following.map_err(|e| e.to_string())?;
    for work in work {
        tasks.spawn(async move { Some(work.run.await) });
    }
    let accounts = Arc::new(accounts(&store));
    let registry = Arc::new(Registry::default());
    {
        let (registry, revocations) = (registry.clone(), accounts.revocations().clone());
        tasks.spawn(async move {
            registry.follow(revocations).await;
            None
        });
        let rooms = rooms.clone();
        tasks.spawn(async move {
            ticker::run(rooms).await;
            None
        });
    }
    let shards = Shards::new(SHARDS, HEARTBEAT, &world);
    for shard in shards.all() {
        let shard = shard.clone();
        tasks.spawn(async move {
            shard.run().await;
            None
        });
    }
    let limits = Arc::new(Limits::new(limits::Options::default()));
    limits.pace.pressure.set(sim.plan.refuses);
    let emotes = Emotes::new(rooms.emotes().clone(), store.clone(), Arc::default());
    let rules = Rules {
        preset: sim.plan.rooms.clone(),
        partitions: NonZeroU32::new(log.partitions()).expect("a log has partitions"),
        rooms_max: 100,
    };
    let keeper = Keeper::new(rooms.clone(), rules, store.clone(), Arc::default(), world.clone());
    let gateway = Arc::new(Gateway {
        rooms,
        keeper,
        history,
        emotes,
        accounts,
        limits,
        registry,
        shards,
        world,
        figures: PerMessage::look_up(),
        options: gateway::Options {
            heartbeat: HEARTBEAT,
            compression: true,
            rooms_per_connection: 10,
            resume_messages_max: sim.plan.resume_max,
            user_messages_per_second: 0.0,
            shutdown_grace: GRACE,
        },
        stopping: CancellationToken::new(),
        tasks: TaskTracker::new(),
    });
    Ok(Process { life, log: sim_log, store, gateway, marks, calls })
}

fn accounts(store: &Arc<dyn Store>) -> Accounts {
    // Never used: nobody logs in. Making one computes a hash, so there is one for all.
    static HASHER: OnceLock<Hasher> = OnceLock::new();
    let hasher =
        HASHER.get_or_init(|| Hasher::new(Cost::MINIMUM, NonZeroUsize::MIN).expect("19 MiB are there"));
    let options = auth::service::Options {
        access_ttl: TOKEN_TTL,
        refresh_ttl: TOKEN_TTL,
        rates: RateLimits::NONE,
        rooms: Vec::new(),
    };
    let bots = store.clone();
    Accounts::new(store.clone(), store.clone(), bots, keys(), hasher.clone(), RateClock::monotonic(), options)
}

fn keys() -> Keys {
    Keys::from_secrets(SECRET, &[]).expect("it is long enough")
}

impl Process {
    /// Gives up what is older than this, as the housekeeping does.
    pub async fn trim(&self, before: Millis) {
        let log = self.log.port();
        for partition in (0..log.partitions()).map(Partition) {
            let stored: Offset = self.marks.stored(partition);
            let _ = following::trim(log.as_ref(), partition, before, stored).await;
        }
    }

    /// Up to when it has certainly heard of all that is in a room's log; nanoseconds of the run.
    pub fn heard_until(&self, sim: &Sim, room: &str) -> u64 {
        let Log::Shared(log) = &self.log else { return sim.world.nanos() };
        let room = self.gateway.rooms.get(room).expect("a room of the plan");
        let lag = if sim.plan.keep.is_some() { TAIL_LAG + WAKE_LAG } else { TAIL_LAG };
        let behind = log.complete_until(room.partition).elapsed() + lag;
        sim.world.nanos().saturating_sub(u64::try_from(behind.as_nanos()).expect("runs are short"))
    }

    /// Is everything that is in the log in the store?
    pub fn is_stored(&self, sim: &Sim) -> bool {
        let log = self.log.port();
        (0..log.partitions()).map(Partition).all(|p| {
            let last = sim.brokers.as_ref().map_or(0, |brokers| brokers.last(p));
            let stored = self.marks.stored(p);
            stored.0 >= last && log.bounds(p).is_ok_and(|bounds| bounds.last <= stored)
        })
    }
}

/// Connects to whoever serves; `None` if nobody does.
pub fn connect(sim: &Sim, line: Line) -> Option<(ClientEnd, Cutter)> {
    let process = sim.gateway()?;
    let (client, server, cutter) = net::connection(line, process.life.clone(), &sim.dice);
    process.calls.send(Call::Connection(server)).ok()?;
    Some((client, cutter))
}

/// Makes an account and gives a token for it.
pub async fn enroll(
    store: &(impl AccountStore + SessionStore + MessageStore),
    number: u64,
) -> (String, String) {
    let username = format!("user_{number}");
    let account = Account {
        id: UserId(number),
        username: username.clone(),
        display_name: username.clone(),
        color: "#112233".to_owned(),
        created_at: Millis(0),
        password_hash: String::new(),
        admin: false,
    };
    assert_eq!(store.create(account).await, Ok(Created::Yes));
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    let (session, family) = (TokenHash(hash), Family(number.into()));
    let expires_at = Millis(u64::MAX);
    let token = RefreshToken { user: UserId(number), family, expires_at, spent: false };
    store.open(session, token).await.expect("the memory engine takes tokens");
    let claim = Claim { user: UserId(number), name: &username, family, session };
    // In the future of the machine's clock or in its past: the run's own clock is what counts.
    let token = AccessTokens::new(keys(), TOKEN_TTL).issue(&claim, Millis(crate::world::BEGIN_MS));
    (username, token)
}

/// A room of a plan.
pub fn room(number: usize, style: &str, partition: u32) -> RoomDefinition {
    let slug: chat::rooms::Slug = format!("room{number}").parse().expect("letters and digits");
    RoomDefinition {
        id: slug.room_id(),
        slug,
        title: String::new(),
        description: String::new(),
        transformer: style.to_owned(),
        partition,
    }
}
