//! The process under simulation: the real rooms, feeds, followers, sessions and connection drivers, put together as
//! `server::compose` does over real engines, and what stops and starts it again.

use crate::{
    life::Life,
    log::SimLog,
    net::{self, ClientEnd, Cutter, Line},
    run::Sim,
    store::SimStore,
};
use chat::{
    account::{Account, Family, RefreshToken, TokenHash},
    rooms::RoomDefinition,
    time::Millis,
};
use chat_store::{AccountStore, Created, MessageStore, SessionStore, Store};
use event_log::{EventLog, Offset, Partition};
use protocol::ids::UserId;
use server::{
    auth::{
        self, Accounts,
        hasher::{Cost, Hasher},
        rates::{RateClock, RateLimits},
        secret::Keys,
        tokens::{AccessTokens, Claim},
    },
    config::Role,
    following::{self, Following},
    gateway::{self, Gateway, connection, registry::Registry},
    limits::{self, Limits},
    persist::Marks,
    rooms::{Directory, feed::RingLimits, ticker},
    world::World,
};
use std::{
    net::{IpAddr, Ipv4Addr},
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
/// How long a stop may take.
const GRACE: Duration = Duration::from_secs(10);

/// One life, as its clients see it.
#[derive(Clone)]
pub struct Process {
    pub life: Arc<Life>,
    pub log: Arc<SimLog>,
    pub store: Arc<dyn Store>,
    pub gateway: Arc<Gateway>,
    pub marks: Arc<Marks>,
    pub calls: mpsc::UnboundedSender<Call>,
}

/// What a task of the process says when it ends.
type Ended = Option<String>;

/// Runs process after process until the run is over.
pub async fn supervise(sim: Arc<Sim>) {
    loop {
        let life = Arc::new(Life::new(sim.next_death()));
        let mut tasks = JoinSet::new();
        let log = SimLog::open(
            sim.disk.clone(),
            life.clone(),
            sim.dice.fork(),
            sim.trace.clone(),
            sim.log_faults.clone(),
            sim.plan.queue_max,
        );
        for partition in 0..sim.plan.partitions {
            let log = log.clone();
            tasks.spawn(async move {
                log.write(Partition(partition)).await;
                None
            });
        }
        let store =
            SimStore::open(sim.store_disk.clone(), life.clone(), sim.dice.fork(), sim.store_faults.clone());
        *sim.life.lock() = Some(life.clone());
        sim.trace.note(|| "process: starts".to_owned());
        let (calls, received) = mpsc::unbounded_channel();
        let booted = tokio::select! {
            biased;
            () = life.ended() => Err("died while starting".to_owned()),
            booted = boot(&sim, life.clone(), log.clone(), store, calls, &mut tasks) => booted,
        };
        match booted {
            Ok(process) => {
                sim.trace.note(|| "process: ready".to_owned());
                *sim.front.lock() = Some(process.clone());
                sim.front_changed.notify_waiters();
                serve(&sim, &process, received, &mut tasks).await;
                *sim.front.lock() = None;
            }
            Err(why) => sim.trace.note(|| format!("process: did not start: {why}")),
        }
        let crashed = !life.alive();
        life.kill();
        // Its tasks have no effect any more; now they are dropped.
        tasks.shutdown().await;
        log.crash();
        if crashed {
            sim.store_disk.crash(&sim.dice, &sim.trace).await;
        }
        let restart_ms = if sim.is_healed() { 100 } else { sim.plan.restart_ms };
        tokio::time::sleep(sim.dice.millis(1..=restart_ms)).await;
    }
}

/// Until it dies, a part breaks, or it is asked to stop.
async fn serve(
    sim: &Sim,
    process: &Process,
    mut calls: mpsc::UnboundedReceiver<Call>,
    tasks: &mut JoinSet<Ended>,
) {
    loop {
        tokio::select! {
            biased;
            () = process.life.ended() => {
                sim.trace.note(|| "process: killed".to_owned());
                return;
            }
            Some(ended) = tasks.join_next() => {
                if let Ok(Some(reason)) = ended {
                    sim.trace.note(|| format!("process: a part broke: {reason}"));
                    break;
                }
            }
            Some(call) = calls.recv() => match call {
                Call::Stop => break,
                Call::Connection(end) => {
                    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
                    let place = process.gateway.limits.connections.take(address);
                    let place = place.expect("there is no limit");
                    let serve = connection::serve(process.gateway.clone(), end, place);
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
    sim.trace.note(|| "process: stops".to_owned());
    *sim.front.lock() = None;
    process.gateway.stopping.cancel();
    process.gateway.tasks.close();
    let stop = async {
        let _ = tokio::time::timeout(GRACE, process.gateway.tasks.wait()).await;
        process.log.close().await;
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
    life: Arc<Life>,
    sim_log: Arc<SimLog>,
    store: Arc<SimStore>,
    calls: mpsc::UnboundedSender<Call>,
    tasks: &mut JoinSet<Ended>,
) -> Result<Process, String> {
    let log: Arc<dyn EventLog> = sim_log.clone();
    let store: Arc<dyn Store> = store;
    let world: Arc<dyn World> = sim.world.clone();
    let ring = RingLimits { messages_max: sim.plan.ring_messages, bytes_max: 1024 * 1024 };
    let rooms = Directory::new(sim.plan.rooms.clone(), &transformer_styles::all(), &log, ring, &world)
        .map_err(|e| e.to_string())?;
    let following = Following::prepare(&log, &store, &rooms, &[Role::Gateway, Role::Persist], &world).await;
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
    let limits = Arc::new(Limits::new(limits::Options {
        user_messages_per_second: 0.0,
        user_message_burst: 0,
        previews_per_address_per_second: 0,
        requests_per_address_per_second: 0,
        connections_per_address: 0,
        connections: 0,
    }));
    let gateway = Arc::new(Gateway {
        rooms,
        history,
        accounts,
        limits,
        registry,
        world,
        options: gateway::Options {
            heartbeat: HEARTBEAT,
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
    Accounts::new(store.clone(), store.clone(), keys(), hasher.clone(), RateClock::monotonic(), options)
}

fn keys() -> Keys {
    Keys::from_secrets(SECRET, &[]).expect("it is long enough")
}

impl Process {
    /// Gives up what is older than this, as the housekeeping does.
    pub async fn trim(&self, before: Millis) {
        for partition in (0..self.log.partitions()).map(Partition) {
            let stored: Offset = self.marks.stored(partition);
            let _ = following::trim(self.log.as_ref(), partition, before, stored).await;
        }
    }

    /// Is everything that is in the log in the store?
    pub fn is_stored(&self) -> bool {
        (0..self.log.partitions())
            .map(Partition)
            .all(|p| self.log.bounds(p).is_ok_and(|bounds| bounds.last <= self.marks.stored(p)))
    }
}

/// Connects to whoever serves; `None` if nobody does.
pub fn connect(sim: &Sim, line: Line) -> Option<(ClientEnd, Cutter)> {
    let process = sim.front.lock().clone()?;
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
