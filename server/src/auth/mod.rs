//! Who is it? Registration, log-in, sessions and the tokens that prove them.
//!
//! It knows accounts and the ports they are kept in. It knows nothing of HTTP, of sockets or of rooms, and it has no
//! clock: whoever calls says what time it is (only the rate limits run on a monotonic clock of their own).
//!
//! Start with [`service::Accounts`]: it makes every decision; the other modules are its tools.
//!
//! | module | what it does |
//! |---|---|
//! | [`service`] | register, log in, refresh, log out, change password and profile, authenticate |
//! | [`identity`] | who somebody is, as others may see it |
//! | [`passwords`] | which passwords are allowed |
//! | [`hasher`] | argon2id, a bounded number at a time |
//! | [`tokens`] | signed access tokens (JWT) and opaque refresh tokens |
//! | [`secret`] | the signing keys, on disk or from the settings |
//! | [`revocations`] | which sessions ended a moment ago, and who wants to be told |
//! | `remembered` | who proved a session lately, for while the store does not answer |
//! | [`rates`] | how often an address or an account may try |
//!
//! # A session
//! A log-in begins a session (a [`Family`](chat::account::Family)): a row of refresh tokens, of which only the newest
//! is good, and access tokens that live 15 minutes. An access token carries the hash of the refresh token it was
//! issued with. [`service::Accounts::authenticate`] asks the store whether that one is still known, so a session that
//! was ended is over at once on every node and after a restart too, not only when its last access token runs out.
//! While the store does not answer, a session that it vouched for before is taken as good until its access token runs out.
//! The hash tells nothing of the refresh token, which has 256 random bits.
//!
//! # For a gateway
//! Subscribe to [`service::Accounts::revocations`] *before* the first `authenticate`, and on each word from it close
//! the sockets whose family [`has_ended`](revocations::Revocations::has_ended). Where a socket's
//! [`Identity::expires_at`](identity::Identity::expires_at) passes without a new token, it is over as well.

pub mod error;
pub mod hasher;
pub mod identity;
pub mod passwords;
mod provider;
pub mod rates;
mod remembered;
pub mod revocations;
pub mod secret;
pub mod service;
pub mod tokens;

pub use error::AuthError;
pub use identity::{Identity, Profile};
pub use service::Accounts;
