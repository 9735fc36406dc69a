//! Hashing of passwords: argon2id, away from the threads that serve, so many at once and no more.
//!
//! It does not know which passwords are allowed. Start with [`Hasher`].

use super::tokens::random_bytes;
use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{Error as PhcError, phc::PasswordHash},
};
use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many may wait for each that is being hashed. A hash takes about 25 ms of a core, so the last in the queue waits
/// 32 × 25 ms = 0.8 s; who comes later is told to come again. Waiting costs the bytes of a password, hashing 19 MiB:
/// with 4 at once that is 76 MiB, and 4 × 33 × 1 KiB of passwords.
const WAITING_PER_PERMIT: usize = 32;

/// When to come again if the queue is full: it is empty by then.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bytes of salt: what the specification of argon2 recommends.
const SALT_BYTES: usize = 16;

/// What a hash costs whoever wants to guess it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// The cost is under the accepted minimum, or not one that argon2 can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("password hashing needs {} KiB, {} passes and 1 lane at least, and 8 KiB for each lane", Cost::MINIMUM.memory_kib, Cost::MINIMUM.passes)]
pub struct BadCost;

impl Cost {
    /// 19 MiB, 2 passes, 1 lane.
    pub const MINIMUM: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };

    /// More than the minimum, in any of the three.
    ///
    /// # Errors
    /// [`BadCost`].
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, BadCost> {
        let least = Self::MINIMUM;
        let enough = memory_kib >= least.memory_kib && passes >= least.passes && lanes >= least.lanes;
        if !enough || Params::new(memory_kib, passes, lanes, None).is_err() {
            return Err(BadCost);
        }
        Ok(Self { memory_kib, passes, lanes })
    }

    /// Too cheap for anything but tests.
    #[cfg(test)]
    pub(super) const CHEAP: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };

    fn argon2(self) -> Argon2<'static> {
        let params =
            Params::new(self.memory_kib, self.passes, self.lanes, None).expect("checked when it was made");
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::MINIMUM
    }
}

/// Why there is no hash, or no answer about one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The queue is full.
    #[error("too many passwords are waiting")]
    Busy {
        /// When to come again.
        retry_after: Duration,
    },
    /// What is stored is no hash of argon2id.
    #[error("a stored password hash cannot be read")]
    Unreadable,
    /// There was no memory, or the process is stopping.
    #[error("hashing failed")]
    Failed,
}

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

struct Inner {
    argon2: Argon2<'static>,
    /// Hashing or waiting.
    places: Arc<Semaphore>,
    /// Hashing.
    permits: Arc<Semaphore>,
    /// What is checked where there is no account: nobody's password.
    nobody: String,
    computed: AtomicU64,
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("computed", &self.computed()).finish_non_exhaustive()
    }
}

impl Hasher {
    /// At most `at_once` passwords at the same time, each with memory as `cost` says: usually one for each core. It
    /// computes one hash at once, so it takes a moment.
    ///
    /// # Errors
    /// `Failed` if there is not even memory for one.
    pub fn new(cost: Cost, at_once: NonZeroUsize) -> Result<Self, HashError> {
        let argon2 = cost.argon2();
        let at_once = at_once.get();
        let places = at_once.saturating_mul(1 + WAITING_PER_PERMIT).min(Semaphore::MAX_PERMITS);
        Ok(Self(Arc::new(Inner {
            nobody: hash(&argon2, &random_bytes::<32>())?,
            argon2,
            places: Arc::new(Semaphore::new(places)),
            permits: Arc::new(Semaphore::new(at_once.min(places))),
            computed: AtomicU64::new(0),
        })))
    }

    /// The PHC string of a password, with a new salt.
    ///
    /// # Errors
    /// `Busy`, `Failed`.
    pub async fn hash(&self, password: String) -> Result<String, HashError> {
        self.run(move |inner| hash(&inner.argon2, password.as_bytes())).await
    }

    /// Is this the password of that PHC string? Without a string the same work is done and the answer is no, so the
    /// time does not tell whether there was one.
    ///
    /// # Errors
    /// `Busy`, `Unreadable`, `Failed`.
    pub async fn verify(&self, password: String, phc: Option<String>) -> Result<bool, HashError> {
        self.run(move |inner| {
            let real = phc.is_some();
            let matches = verify(&inner.argon2, password.as_bytes(), phc.as_ref().unwrap_or(&inner.nobody))?;
            Ok(real && matches)
        })
        .await
    }

    /// How many hashes were computed so far.
    pub fn computed(&self) -> u64 {
        self.0.computed.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let place = Arc::clone(&self.0.places)
            .try_acquire_owned()
            .map_err(|_| HashError::Busy { retry_after: BUSY_RETRY_AFTER })?;
        let permit = Arc::clone(&self.0.permits).acquire_owned().await.map_err(|_| HashError::Failed)?;
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || {
            // They go with the work: if the caller goes away, the work goes on and still counts.
            let _held: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, permit);
            inner.computed.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("twitchy_password_hashes_total").increment(1);
            work(&inner)
        })
        .await
        .map_err(|_| HashError::Failed)?
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8]) -> Result<String, HashError> {
    let phc = argon2
        .hash_password_with_salt(password, &random_bytes::<SALT_BYTES>())
        .map_err(|_| HashError::Failed)?;
    Ok(phc.to_string())
}

fn verify(argon2: &Argon2<'_>, password: &[u8], phc: &str) -> Result<bool, HashError> {
    let phc = PasswordHash::new(phc).map_err(|_| HashError::Unreadable)?;
    if phc.algorithm.as_str() != Algorithm::Argon2id.as_str() || phc.salt.is_none() || phc.hash.is_none() {
        return Err(HashError::Unreadable);
    }
    match argon2.verify_password(password, &phc) {
        Ok(()) => Ok(true),
        Err(PhcError::PasswordInvalid) => Ok(false),
        Err(_) => Err(HashError::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NonZeroUsize = NonZeroUsize::MIN;

    fn cheap(at_once: usize) -> Hasher {
        Hasher::new(Cost::CHEAP, NonZeroUsize::new(at_once).unwrap()).unwrap()
    }

    async fn same(hasher: &Hasher, a: &str, b: &str) -> bool {
        let phc = hasher.hash(a.to_owned()).await.unwrap();
        hasher.verify(b.to_owned(), Some(phc)).await.unwrap()
    }

    #[tokio::test]
    async fn the_real_cost_is_in_the_string() {
        let hasher = Hasher::new(Cost::default(), ONE).unwrap();
        let phc = hasher.hash("correct horse".to_owned()).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(hasher.verify("correct horse".to_owned(), Some(phc.clone())).await.unwrap());
        assert!(!hasher.verify("correct hors".to_owned(), Some(phc)).await.unwrap());
        assert!(
            hasher.0.nobody.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "nobody costs as much as somebody"
        );
    }

    #[test]
    fn the_cost_goes_only_upwards() {
        assert_eq!(Cost::new(19_456, 2, 1), Ok(Cost::MINIMUM));
        assert!(Cost::new(47_104, 3, 2).is_ok());
        for (m, t, p) in [
            (19_455, 2, 1),
            (19_456, 1, 1),
            (19_456, 2, 0),
            (8, 1, 1),
            (1 << 20, 1, 1),
            (19_456, 2, u32::MAX),
        ] {
            assert_eq!(Cost::new(m, t, p), Err(BadCost), "{m} {t} {p}");
        }
    }

    #[tokio::test]
    async fn every_byte_of_a_password_counts() {
        let hasher = cheap(2);
        let head = "x".repeat(72);
        for password in
            ["a\0b", "  spaces  ", "пароль пароль", "😀😀😀😀😀😀😀😀", "e\u{301}", &"x".repeat(1_024)]
        {
            assert!(same(&hasher, password, password).await, "{password:?}");
        }
        for (a, b) in [
            (format!("{head}1"), format!("{head}2")),
            ("a\0b".to_owned(), "a\0c".to_owned()),
            ("a\0b".to_owned(), "a".to_owned()),
            (" spaces ".to_owned(), "spaces".to_owned()),
            ("Password".to_owned(), "password".to_owned()),
            ("e\u{301}".to_owned(), "\u{e9}".to_owned()),
            ("x".repeat(1_024), "x".repeat(1_023)),
        ] {
            assert!(!same(&hasher, &a, &b).await, "{a:?} {b:?}");
        }
    }

    #[tokio::test]
    async fn the_same_password_never_gives_the_same_string() {
        let hasher = cheap(1);
        let a = hasher.hash("correct horse".to_owned()).await.unwrap();
        assert_ne!(a, hasher.hash("correct horse".to_owned()).await.unwrap());
    }

    #[tokio::test]
    async fn for_nobody_the_work_is_done_and_the_answer_is_no() {
        let hasher = cheap(1);
        assert_eq!(hasher.computed(), 0);
        assert_eq!(hasher.verify("correct horse".to_owned(), None).await, Ok(false));
        assert_eq!(hasher.computed(), 1);
    }

    #[tokio::test]
    async fn strings_that_are_no_hash_are_told_apart_from_wrong_passwords() {
        let hasher = cheap(1);
        for phc in [
            "",
            "correct horse",
            "$argon2id$v=19$m=8,t=1,p=1",
            "$argon2d$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let verified = hasher.verify("correct horse".to_owned(), Some(phc.to_owned())).await;
            assert_eq!(verified, Err(HashError::Unreadable), "{phc}");
        }
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_and_never_are_more_hashed_than_permitted() {
        let hasher = cheap(1);
        // Whoever holds the only permit stands for a hash that takes its time.
        let permit = Arc::clone(&hasher.0.permits).acquire_owned().await.unwrap();
        let waiting: Vec<_> = (0..=WAITING_PER_PERMIT)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.hash("correct horse".to_owned()).await })
            })
            .collect();
        while hasher.0.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.computed(), 0);
        assert_eq!(hasher.hash("x".to_owned()).await, Err(HashError::Busy { retry_after: BUSY_RETRY_AFTER }));
        // One who goes away while waiting makes room.
        let mut waiting = waiting.into_iter();
        let gone = waiting.next().unwrap();
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(hasher.0.places.available_permits(), 1);
        drop(permit);
        for done in waiting {
            done.await.unwrap().unwrap();
        }
        assert_eq!(hasher.computed(), WAITING_PER_PERMIT as u64);
        assert!(hasher.hash("x".to_owned()).await.is_ok());
    }

    #[tokio::test]
    async fn work_counts_until_it_is_done_even_if_its_caller_went_away() {
        let hasher = cheap(1);
        let (started, mut has_started) = tokio::sync::mpsc::unbounded_channel();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let caller = tokio::spawn({
            let hasher = hasher.clone();
            async move {
                let work = move |_: &Inner| {
                    started.send(()).unwrap();
                    wait.recv().map_err(|_| HashError::Failed)
                };
                hasher.run(work).await
            }
        });
        has_started.recv().await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert_eq!(hasher.0.permits.available_permits(), 0, "its memory is still in use");
        assert_eq!(hasher.0.places.available_permits(), WAITING_PER_PERMIT);
        go.send(()).unwrap();
        hasher.hash("correct horse".to_owned()).await.unwrap();
        assert_eq!(hasher.0.places.available_permits(), 1 + WAITING_PER_PERMIT);
    }

    #[test]
    fn nothing_of_a_hash_is_printed() {
        let hasher = cheap(1);
        assert!(!format!("{hasher:?}").contains("argon2id$"));
    }
}
