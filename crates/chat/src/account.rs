//! Who may speak: accounts and the refresh tokens of their sessions.

use crate::time::Millis;
use protocol::ids::UserId;
use serde::{Deserialize, Serialize};

/// A registered user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// For ever.
    pub id: UserId,
    /// Lower case, `[a-z0-9_]{3,25}`, unique.
    pub username: String,
    /// The same letters in any case.
    pub display_name: String,
    /// `#RRGGBB`.
    pub color: String,
    /// When it was made.
    pub created_at: Millis,
    /// PHC string of argon2id.
    pub password_hash: String,
    /// May do everything.
    pub admin: bool,
}

/// What stands in the place of a bot's password hash. It is no PHC string, so no password ever fits it: whoever has this
/// is a bot, and comes in by a [`BotToken`] alone.
pub const BOT_PASSWORD_HASH: &str = "bot";

impl Account {
    /// Is it a program's?
    #[must_use]
    pub fn is_bot(&self) -> bool {
        self.password_hash == BOT_PASSWORD_HASH
    }
}

/// What is kept of a bot's token: its hash, never the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotToken {
    /// SHA-256 of the token.
    pub hash: TokenHash,
    /// Whose.
    pub user: UserId,
    /// Its id, by which it is revoked; it stands for a log-in that never ends by itself.
    pub family: Family,
    /// What it is for.
    pub name: String,
    /// When it was made.
    pub created_at: Millis,
}

/// SHA-256 of a refresh token; the token itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenHash(pub [u8; 32]);

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// All refresh tokens that came from one log-in, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Family(pub u128);

/// What is kept of one refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshToken {
    /// Whose.
    pub user: UserId,
    /// Of which log-in.
    pub family: Family,
    /// Good until then.
    pub expires_at: Millis,
    /// Has it been exchanged for the next one?
    pub spent: bool,
}

impl RefreshToken {
    /// Is this the token of its log-in that is good now? Who can name it has the session anyway, so an exchange that
    /// names both may be made again.
    #[must_use]
    pub fn was_followed_by(&self, other: &Self, now: Millis) -> bool {
        self.spent && other.family == self.family && !other.spent && other.expires_at > now
    }
}
