//! Who somebody is, as the rest of the server may see it. It knows no password and no token.

use chat::{
    account::{Account, Family},
    time::Millis,
};
use protocol::{ids::UserId, objects::User};

/// An account as the rest of the server may see it: all but the password's hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// For ever.
    pub id: UserId,
    /// Lower case.
    pub username: String,
    /// The same letters in any case.
    pub display_name: String,
    /// `#RRGGBB`.
    pub color: String,
    /// When it was made.
    pub created_at: Millis,
    /// May do everything.
    pub admin: bool,
    /// Is a program.
    pub bot: bool,
}

impl From<Account> for Profile {
    fn from(account: Account) -> Self {
        let bot = account.is_bot();
        let Account { id, username, display_name, color, created_at, password_hash: _, admin } = account;
        Self { id, username, display_name, color, created_at, admin, bot }
    }
}

impl From<Profile> for User {
    fn from(profile: Profile) -> Self {
        let Profile { id, username, display_name, color, created_at, admin, bot } = profile;
        Self { id, username, display_name, color, created_at: created_at.0, admin, bot }
    }
}

/// Someone who proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who, as of this moment.
    pub user: Profile,
    /// By which log-in.
    pub family: Family,
    /// From this moment on the proof is worth nothing.
    pub expires_at: Millis,
}
