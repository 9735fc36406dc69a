//! Time and chance, as the core meets them: the two things that no input decides. They are behind a trait so that a
//! whole run can be played again from its seed. Timers are tokio's, which can be paused.

use crate::clock;
use chat::time::Millis;

/// Where the core gets the time of day and its random bits from.
pub trait World: Send + Sync + 'static {
    /// The wall clock. Order never comes from here.
    fn now(&self) -> Millis;
    /// Bits that nobody can foresee.
    fn random(&self) -> u128;
}

/// The world that a server runs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real;

impl World for Real {
    fn now(&self) -> Millis {
        clock::now()
    }

    fn random(&self) -> u128 {
        rand::random()
    }
}
