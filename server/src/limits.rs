//! How often and how many: the limits on users, addresses and connections.
//!
//! The arithmetic of the buckets is `governor`'s (GCRA). Every limit is a setting where 0 means none. Kept in memory,
//! by process; [`Limits::sweep`] forgets those who have been quiet.

use crate::pressure::Pressure;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock, clock::DefaultClock};
use parking_lot::Mutex;
use protocol::ids::UserId;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What the settings say; 0 means none, which is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Messages of one user a second, in the long run.
    pub user_messages_per_second: f64,
    /// Messages that a user may send at once.
    pub user_message_burst: u32,
    /// The same for one bot.
    pub bot_messages_per_second: f64,
    /// Messages that a bot may send at once.
    pub bot_message_burst: u32,
    /// Previews of one address a second.
    pub previews_per_address_per_second: u32,
    /// REST calls of one address a second.
    pub requests_per_address_per_second: u32,
    /// WebSocket connections of one address.
    pub connections_per_address: usize,
    /// WebSocket connections in all.
    pub connections: usize,
}

/// A bucket for each key, or none at all. There are as many as keys came since the last sweep: each costs its owner an
/// account or a connection, so a flood of 5,000 new addresses a second leaves 300,000 buckets of some 60 bytes, 18 MB,
/// until it is swept.
struct Buckets<K: Clone + std::hash::Hash + Eq>(Option<DefaultKeyedRateLimiter<K>>);

impl<K: Clone + std::hash::Hash + Eq> Buckets<K> {
    /// `per_second` in the long run, `burst` at once.
    fn new(per_second: f64, burst: u32) -> Self {
        let quota = (per_second > 0.0)
            .then(|| Quota::with_period(Duration::from_secs_f64(1.0 / per_second)))
            .flatten()
            .zip(NonZeroU32::new(burst.max(1)))
            .map(|(quota, burst)| quota.allow_burst(burst));
        Self(quota.map(RateLimiter::keyed))
    }

    fn check(&self, key: &K) -> Result<(), Duration> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        buckets.check_key(key).map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }

    fn sweep(&self) {
        if let Some(buckets) = &self.0 {
            buckets.retain_recent();
            buckets.shrink_to_fit();
        }
    }
}

/// How fast users may speak, over all rooms, connections and dialects; and how much the process can take of all of them.
#[derive(Clone)]
pub struct UserPace {
    /// Whether the process can take one more at all.
    pub pressure: Arc<Pressure>,
    people: Arc<Buckets<UserId>>,
    bots: Arc<Buckets<UserId>>,
}

impl UserPace {
    /// Takes one message out of the user's bucket, or says how long to wait. Bots have a pace of their own.
    pub fn check(&self, user: UserId, is_bot: bool) -> Result<(), Duration> {
        if is_bot { self.bots.check(&user) } else { self.people.check(&user) }
    }
}

/// Measures of one moderator a second in the long run, and at once: as fast as a hand can click through a raid. Each is a
/// record of the log and a few rows for ever, so 5 a second all day are 432,000, some 100 MB.
const MEASURES_PER_SECOND: f64 = 5.0;
const MEASURES_BURST: u32 = 50;

/// All limits of one process.
pub struct Limits {
    /// How fast users may speak.
    pub pace: UserPace,
    /// Connections now.
    pub connections: Arc<Connections>,
    previews: Buckets<IpAddr>,
    requests: Buckets<IpAddr>,
    measures: Buckets<UserId>,
}

impl Limits {
    /// Sets them up.
    pub fn new(options: Options) -> Self {
        let Options {
            user_messages_per_second,
            user_message_burst,
            bot_messages_per_second,
            bot_message_burst,
            previews_per_address_per_second: previews,
            requests_per_address_per_second: requests,
            connections_per_address,
            connections,
        } = options;
        Self {
            pace: UserPace {
                pressure: Arc::default(),
                people: Arc::new(Buckets::new(user_messages_per_second, user_message_burst)),
                bots: Arc::new(Buckets::new(bot_messages_per_second, bot_message_burst)),
            },
            connections: Arc::new(Connections {
                per_address_max: connections_per_address,
                all_max: connections,
                all: AtomicUsize::new(0),
                by_address: Mutex::default(),
            }),
            // A page that loads asks for several things at once: two seconds' worth may come together.
            previews: Buckets::new(f64::from(previews), previews.saturating_mul(2)),
            requests: Buckets::new(f64::from(requests), requests.saturating_mul(2)),
            measures: Buckets::new(MEASURES_PER_SECOND, MEASURES_BURST),
        }
    }

    /// One preview for this address.
    pub fn preview(&self, address: IpAddr) -> Result<(), Duration> {
        self.previews.check(&network(address))
    }

    /// One REST call for this address.
    pub fn request(&self, address: IpAddr) -> Result<(), Duration> {
        self.requests.check(&network(address))
    }

    /// One measure of this moderator.
    pub fn measure(&self, user: UserId) -> Result<(), Duration> {
        self.measures.check(&user)
    }

    /// Forgets those who have been quiet; to be called once a minute.
    pub fn sweep(&self) {
        self.pace.people.sweep();
        self.pace.bots.sweep();
        self.previews.sweep();
        self.requests.sweep();
        self.measures.sweep();
    }
}

/// Who counts as one: an IPv4 address, or the /64 that one IPv6 subscriber has.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// WebSocket connections of this process.
pub struct Connections {
    per_address_max: usize,
    all_max: usize,
    all: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// This address has its share.
    Address,
    /// The process has all it can carry.
    Process,
}

/// One connection's place; given up when dropped.
pub struct Place {
    connections: Arc<Connections>,
    network: IpAddr,
}

impl Connections {
    /// Takes a place.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let network = network(address);
        let mut by_address = self.by_address.lock();
        let held = by_address.get(&network).copied().unwrap_or(0);
        if self.per_address_max > 0 && held >= self.per_address_max {
            return Err(Full::Address);
        }
        if self.all_max > 0 && self.all.load(Ordering::Relaxed) >= self.all_max {
            return Err(Full::Process);
        }
        by_address.insert(network, held + 1);
        self.all.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("twitchy_connections").increment(1.0);
        Ok(Place { connections: self.clone(), network })
    }

    /// How many there may be; 0 for no limit.
    pub fn max(&self) -> usize {
        self.all_max
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.connections.by_address.lock();
        if let Some(held) = by_address.get_mut(&self.network) {
            *held -= 1;
            if *held == 0 {
                by_address.remove(&self.network);
            }
        }
        self.connections.all.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("twitchy_connections").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_second: f64, burst: u32, per_address: usize, all: usize) -> Limits {
        Limits::new(Options {
            user_messages_per_second: per_second,
            user_message_burst: burst,
            bot_messages_per_second: 4.0,
            bot_message_burst: 7,
            previews_per_address_per_second: 1,
            requests_per_address_per_second: 0,
            connections_per_address: per_address,
            connections: all,
        })
    }

    #[test]
    fn a_user_has_a_burst_and_then_waits() {
        let limits = limits(0.01, 3, 0, 0);
        for _ in 0..3 {
            assert_eq!(limits.pace.check(UserId(1), false), Ok(()));
        }
        let wait = limits.pace.check(UserId(1), false).expect_err("the burst is spent");
        assert!(wait > Duration::from_secs(90) && wait <= Duration::from_secs(100), "{wait:?}");
        assert_eq!(limits.pace.check(UserId(2), false), Ok(()), "others are not disturbed");
    }

    #[test]
    fn bots_have_a_pace_of_their_own() {
        let limits = limits(0.01, 3, 0, 0);
        for _ in 0..7 {
            assert_eq!(limits.pace.check(UserId(1), true), Ok(()));
        }
        let wait = limits.pace.check(UserId(1), true).expect_err("the burst is spent");
        assert!(wait <= Duration::from_millis(250), "{wait:?}");
        assert_eq!(limits.pace.check(UserId(2), true), Ok(()), "other bots are not disturbed");
    }

    #[test]
    fn zero_means_none() {
        let limits = limits(0.0, 0, 0, 0);
        for _ in 0..10_000 {
            assert_eq!(limits.pace.check(UserId(1), false), Ok(()));
            assert_eq!(limits.request(IpAddr::from([127, 0, 0, 1])), Ok(()));
        }
    }

    #[test]
    fn places_are_counted_by_address_and_given_back() {
        let limits = limits(0.0, 0, 2, 3);
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = limits.connections.take(a).ok();
        let _second = limits.connections.take(a).ok();
        assert_eq!(limits.connections.take(a).err(), Some(Full::Address));
        let _third = limits.connections.take(b).ok();
        assert_eq!(limits.connections.take(b).err(), Some(Full::Process));
        drop(first);
        assert!(limits.connections.take(b).is_ok());
        assert_eq!(limits.connections.count(), 2);
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one_address() {
        let of = |s: &str| network(s.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
