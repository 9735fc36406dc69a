//! How often an address or an account may try. It decides nothing but that.
//!
//! Memory is bounded by construction: a key is hashed, with a seed that nobody outside knows, into one of
//! `BUCKETS` buckets, so however many addresses come, there are no more counters than that. Two keys may share a
//! bucket; they then share an allowance, which only shows when one of them is abusive.

use super::error::AuthError;
use crate::limits::network;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, FakeRelativeClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::keyed::DashMapStateStore,
};
use std::{
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    time::Instant,
};

/// Counters of one limit at most: 131,072 × about 40 bytes is 5 MiB; there are four limits.
const BUCKETS: u32 = 128 * 1_024;

/// How often one may try. 0 is no limit. Each is also the number of tries that may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Registrations from one address in an hour. An address is an IPv4 address or an IPv6 network of 64 bits.
    pub registrations_per_address_hour: u32,
    /// Log-ins, good or bad, from one address in a minute, whatever the account.
    pub logins_per_address_minute: u32,
    /// Log-ins to one account from one address in a minute. A stranger who tries names uses this up for their own
    /// address only, so the owner still gets in.
    pub logins_per_account_and_address_minute: u32,
    /// Log-ins to one account in a minute from all addresses together: the bound on guessing from many.
    pub logins_per_account_minute: u32,
}

impl RateLimits {
    /// No limit at all.
    pub const NONE: Self = Self {
        registrations_per_address_hour: 0,
        logins_per_address_minute: 0,
        logins_per_account_and_address_minute: 0,
        logins_per_account_minute: 0,
    };
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            registrations_per_address_hour: 20,
            logins_per_address_minute: 30,
            logins_per_account_and_address_minute: 10,
            logins_per_account_minute: 60,
        }
    }
}

/// The clock of the limits: monotonic, or set by hand in tests.
#[derive(Clone, Debug)]
pub struct RateClock(Source);

#[derive(Clone, Debug)]
enum Source {
    Monotonic(Instant),
    Manual(FakeRelativeClock),
}

impl RateClock {
    /// The machine's monotonic clock.
    pub fn monotonic() -> Self {
        Self(Source::Monotonic(Instant::now()))
    }

    /// A clock that stands still until the other half is told to advance.
    pub fn manual() -> (Self, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Self(Source::Manual(clock.clone())), clock)
    }
}

impl Clock for RateClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        match &self.0 {
            Source::Monotonic(start) => start.elapsed().into(),
            Source::Manual(clock) => clock.now(),
        }
    }
}

type Limiter = RateLimiter<u32, DashMapStateStore<u32>, RateClock, NoOpMiddleware<Nanos>>;

/// The counters.
#[derive(Debug)]
pub(super) struct Rates {
    registrations: Option<Limiter>,
    logins_of_address: Option<Limiter>,
    logins_of_pair: Option<Limiter>,
    logins_of_account: Option<Limiter>,
    seed: RandomState,
    clock: RateClock,
}

impl Rates {
    pub(super) fn new(limits: RateLimits, clock: RateClock) -> Self {
        let limiter = |quota: fn(NonZeroU32) -> Quota, n| {
            NonZeroU32::new(n).map(|n| Limiter::new(quota(n), DashMapStateStore::default(), clock.clone()))
        };
        Self {
            registrations: limiter(Quota::per_hour, limits.registrations_per_address_hour),
            logins_of_address: limiter(Quota::per_minute, limits.logins_per_address_minute),
            logins_of_pair: limiter(Quota::per_minute, limits.logins_per_account_and_address_minute),
            logins_of_account: limiter(Quota::per_minute, limits.logins_per_account_minute),
            seed: RandomState::new(),
            clock,
        }
    }

    /// May this address register once more?
    pub(super) fn registration(&self, from: IpAddr) -> Result<(), AuthError> {
        self.check(self.registrations.as_ref(), network(from))
    }

    /// May this address try this account once more? The narrowest allowance that is used up answers first, and the
    /// wider ones are not charged: whoever is refused alone takes nothing from others.
    pub(super) fn login(&self, account: Option<&str>, from: IpAddr) -> Result<(), AuthError> {
        let from = network(from);
        self.check(self.logins_of_address.as_ref(), from)?;
        if let Some(account) = account {
            self.check(self.logins_of_pair.as_ref(), (account, from))?;
            self.check(self.logins_of_account.as_ref(), account)?;
        }
        Ok(())
    }

    /// Forgets counters that are full again.
    pub(super) fn sweep(&self) {
        for limiter in self.limiters() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    fn limiters(&self) -> impl Iterator<Item = &Limiter> {
        [&self.registrations, &self.logins_of_address, &self.logins_of_pair, &self.logins_of_account]
            .into_iter()
            .flatten()
    }

    fn check(&self, limiter: Option<&Limiter>, key: impl Hash) -> Result<(), AuthError> {
        let Some(limiter) = limiter else { return Ok(()) };
        let bucket = u32::try_from(self.seed.hash_one(key) % u64::from(BUCKETS)).expect("below BUCKETS");
        limiter.check_key(&bucket).map_err(|not_until| AuthError::RateLimited {
            retry_after: not_until.wait_time_from(self.clock.now()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ip(s: &str) -> IpAddr {
        s.parse().unwrap()
    }

    fn waits(result: Result<(), AuthError>) -> u64 {
        match result {
            Err(AuthError::RateLimited { retry_after }) => retry_after.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_registers_so_often_in_an_hour() {
        let (clock, time) = RateClock::manual();
        let rates =
            Rates::new(RateLimits { registrations_per_address_hour: 3, ..RateLimits::default() }, clock);
        for _ in 0..3 {
            rates.registration(ip("192.0.2.1")).unwrap();
        }
        assert_eq!(waits(rates.registration(ip("192.0.2.1"))), 1_200);
        assert_eq!(
            waits(rates.registration(ip("::ffff:192.0.2.1"))),
            1_200,
            "the same address, written otherwise"
        );
        rates.registration(ip("192.0.2.2")).unwrap();
        time.advance(Duration::from_secs(1_200));
        rates.registration(ip("192.0.2.1")).unwrap();
        assert_eq!(waits(rates.registration(ip("192.0.2.1"))), 1_200);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let (clock, _) = RateClock::manual();
        let rates =
            Rates::new(RateLimits { registrations_per_address_hour: 1, ..RateLimits::default() }, clock);
        rates.registration(ip("2001:db8:0:1::1")).unwrap();
        waits(rates.registration(ip("2001:db8:0:1:ffff::2")));
        rates.registration(ip("2001:db8:0:2::1")).unwrap();
    }

    #[test]
    fn a_stranger_does_not_lock_the_owner_out() {
        let (clock, _) = RateClock::manual();
        let rates = Rates::new(RateLimits::default(), clock);
        let refused = (0..50).filter(|_| rates.login(Some("alice"), ip("127.0.0.2")).is_err()).count();
        assert_eq!(refused, 40);
        rates.login(Some("alice"), ip("127.0.0.3")).unwrap();
    }

    #[test]
    fn many_addresses_guess_no_faster_than_one_account_allows() {
        let (clock, time) = RateClock::manual();
        let rates = Rates::new(RateLimits { logins_per_account_minute: 5, ..RateLimits::default() }, clock);
        let allowed = |net: &str| {
            (1..=20).filter(|i| rates.login(Some("alice"), ip(&format!("{net}.{i}"))).is_ok()).count()
        };
        assert_eq!(allowed("198.51.100"), 5);
        rates.login(Some("bob"), ip("198.51.100.1")).unwrap();
        time.advance(Duration::from_secs(12));
        assert_eq!(allowed("203.0.113"), 1, "it comes back by and by");
    }

    #[test]
    fn zero_is_no_limit() {
        let (clock, _) = RateClock::manual();
        let none = RateLimits {
            registrations_per_address_hour: 0,
            logins_per_address_minute: 0,
            logins_per_account_and_address_minute: 0,
            logins_per_account_minute: 0,
        };
        let rates = Rates::new(none, clock);
        for _ in 0..1_000 {
            rates.registration(ip("192.0.2.1")).unwrap();
            rates.login(Some("alice"), ip("192.0.2.1")).unwrap();
        }
    }

    #[test]
    fn a_sweep_forgets_what_is_full_again_and_keys_are_bounded() {
        let (clock, time) = RateClock::manual();
        let limits = RateLimits { logins_per_account_and_address_minute: 1, ..RateLimits::default() };
        let rates = Rates::new(limits, clock);
        for i in 0..2 * BUCKETS {
            // The address alone has a limit too, so it changes with every try.
            let _ = rates.login(Some("alice"), IpAddr::V4(i.into()));
        }
        let keys = || rates.limiters().map(RateLimiter::len).max().unwrap();
        assert!(keys() > BUCKETS as usize / 2 && keys() <= BUCKETS as usize, "{}", keys());
        rates.sweep();
        assert!(keys() > 0, "none is full again");
        waits(rates.login(Some("alice"), IpAddr::V4(0.into())));
        time.advance(Duration::from_secs(120));
        rates.sweep();
        assert_eq!(keys(), 0);
    }

    #[test]
    fn the_monotonic_clock_goes_forward() {
        let clock = RateClock::monotonic();
        let before = clock.now();
        assert!(clock.now() >= before);
    }
}
