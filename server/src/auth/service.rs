//! The application service of accounts: every rule about who may be whom, in one place.
//!
//! It composes the tools of its neighbours over two ports of the store. It knows no HTTP and no socket. Start with
//! [`Accounts`]; times are passed in.

use super::{
    error::AuthError,
    hasher::{HashError, Hasher},
    identity::{Identity, Profile},
    passwords::{self, PasswordError},
    rates::{RateClock, RateLimits, Rates},
    remembered::{Remembered, Session},
    revocations::Revocations,
    secret::Keys,
    tokens::{AccessTokens, Claim, RefreshSecret, TokenError, random_bytes},
};
use chat::{
    account::{Account, Family, RefreshToken},
    names::{Color, DisplayName, NameError, Reserved, Username},
    time::Millis,
};
use chat_store::{AccountChange, AccountStore, BotStore, Created, SessionStore, Spent};
use protocol::{
    ids::UserId,
    limits::PASSWORD_LEN,
    rest::{AuthAnswer, FieldError, LoginBody, PasswordBody, ProfileBody, RefreshBody, RegisterBody},
};
use std::{net::IpAddr, sync::Arc, time::Duration};

mod bots;

pub use bots::{BOT_PROOF_MS, BOT_TOKEN_PREFIX};

/// What the service may be told at the start.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long an access token is good.
    pub access_ttl: Duration,
    /// How long a refresh token is good if it is not used. Never shorter than `access_ttl`.
    pub refresh_ttl: Duration,
    /// How often one may try.
    pub rates: RateLimits,
    /// Slugs of the rooms: nobody may be called like a room.
    pub rooms: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_secs(15 * 60),
            refresh_ttl: Duration::from_secs(30 * 24 * 60 * 60),
            rates: RateLimits::default(),
            rooms: Vec::new(),
        }
    }
}

/// A password that the server made up. Shown once, to the operator.
pub struct NewPassword(String);

impl NewPassword {
    /// The password itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewPassword(…)")
    }
}

/// The accounts and their sessions. Cheap to share in an `Arc`; all methods take `&self`.
#[derive(Debug)]
pub struct Accounts {
    stores: Stores,
    hasher: Hasher,
    tokens: AccessTokens,
    revocations: Arc<Revocations>,
    remembered: Remembered,
    rates: Rates,
    reserved: Reserved,
    refresh_ttl: Duration,
}

struct Stores {
    accounts: Arc<dyn AccountStore>,
    sessions: Arc<dyn SessionStore>,
    bots: Arc<dyn BotStore>,
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stores")
    }
}

impl Accounts {
    /// Puts the parts together. The three stores are usually the same engine.
    pub fn new(
        accounts: Arc<dyn AccountStore>,
        sessions: Arc<dyn SessionStore>,
        bots: Arc<dyn BotStore>,
        keys: Keys,
        hasher: Hasher,
        clock: RateClock,
        options: Options,
    ) -> Self {
        let Options { access_ttl, refresh_ttl, rates, rooms } = options;
        let tokens = AccessTokens::new(keys, access_ttl);
        let access_ttl = tokens.ttl();
        Self {
            stores: Stores { accounts, sessions, bots },
            hasher,
            tokens,
            revocations: Arc::new(Revocations::new(access_ttl)),
            remembered: Remembered::default(),
            rates: Rates::new(rates, clock),
            reserved: Reserved::new(rooms),
            refresh_ttl: refresh_ttl.max(access_ttl),
        }
    }

    /// Which sessions ended lately; subscribe to close their sockets.
    pub fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    /// Signs with other keys from now on. Tokens of keys that are not among them are refused.
    pub fn replace_keys(&self, keys: Keys) {
        self.tokens.replace_keys(keys);
    }

    /// Makes an account and begins its first session.
    ///
    /// # Errors
    /// `Validation` (fields `username`, `display_name`, `password`), `UsernameTaken`, `RateLimited`, `Busy`, and those
    /// of the store.
    pub async fn register(
        &self,
        body: RegisterBody,
        from: IpAddr,
        now: Millis,
    ) -> Result<AuthAnswer, AuthError> {
        let RegisterBody { username: typed, password, display_name } = body;
        let mut wrong = Vec::new();
        let username = match Username::parse(&typed).and_then(|name| self.reserved.check(name)) {
            Ok(name) => Some(name),
            Err(e) => {
                wrong.push(name_error("username", e));
                None
            }
        };
        let display_name = username.as_ref().and_then(|username| {
            DisplayName::parse(display_name.as_deref().unwrap_or(&typed), username)
                .map_err(|e| wrong.push(name_error("display_name", e)))
                .ok()
        });
        if let Err(e) = passwords::check(&password, username.as_ref().map_or("", Username::as_str)) {
            wrong.push(password_error("password", e));
        }
        let (Some(username), Some(display_name), true) = (username, display_name, wrong.is_empty()) else {
            return Err(AuthError::Validation(wrong));
        };
        // An answer shows whether a name is taken, so every try that gets one counts.
        self.rates.registration(from)?;
        if self.stores.accounts.by_name(username.as_str()).await?.is_some() {
            return Err(AuthError::UsernameTaken);
        }
        let account = self.create(username, display_name, password, now).await?;
        self.open_family(account.into(), Family(random_u128()), now).await
    }

    /// Begins a session.
    ///
    /// # Errors
    /// `InvalidCredentials` for unknown names and wrong passwords alike (and it takes as long for both),
    /// `RateLimited`, `Busy`, and those of the store.
    pub async fn login(&self, body: LoginBody, from: IpAddr, now: Millis) -> Result<AuthAnswer, AuthError> {
        let LoginBody { username, password } = body;
        let username = Username::parse(&username).ok();
        self.rates.login(username.as_ref().map(Username::as_str), from)?;
        let account = match &username {
            Some(name) => self.stores.accounts.by_name(name.as_str()).await?,
            None => None,
        };
        let verified = self.verify(password, account.as_ref()).await?;
        let Some(account) = account.filter(|_| verified) else {
            return Err(AuthError::InvalidCredentials);
        };
        let verified_hash = account.password_hash.clone();
        let id = account.id;
        let family = Family(random_u128());
        let answer = self.open_family(account.into(), family, now).await?;
        // The password may have been changed while it was being checked, and the sessions of before been ended. The
        // change writes the hash first and ends sessions second, and here the session comes first and the look at the
        // hash second: so one of the two sees the other.
        let still = self.stores.accounts.by_id(id).await?;
        if still.is_none_or(|account| account.password_hash != verified_hash) {
            self.stores.sessions.revoke_family(family).await?;
            return Err(AuthError::InvalidCredentials);
        }
        Ok(answer)
    }

    /// Exchanges a refresh token for the next one and a new access token. A client that names the next one may ask again
    /// for an exchange whose answer it lost, until it uses that next one.
    ///
    /// # Errors
    /// `Unauthorized` for a token that is not known, ended, past its time, or was exchanged before; in the last case
    /// somebody has a copy, and the whole session is over. `Validation` (field `next_refresh_token`), and those of the
    /// store.
    pub async fn refresh(&self, body: RefreshBody, now: Millis) -> Result<AuthAnswer, AuthError> {
        let secret = RefreshSecret::parse(&body.refresh_token).ok_or(AuthError::Unauthorized)?;
        // Reading is cheap and rotating is a durable write: made-up tokens must not reach the write.
        if self.stores.sessions.token(secret.hash()).await?.is_none() {
            return Err(AuthError::Unauthorized);
        }
        let next = match &body.next_refresh_token {
            Some(named) => RefreshSecret::parse(named).ok_or_else(malformed_next)?,
            None => RefreshSecret::generate(),
        };
        let next_expires_at = now.plus(millis(self.refresh_ttl));
        match self.stores.sessions.rotate(secret.hash(), next.hash(), next_expires_at, now).await? {
            Spent::Now(token) => {
                let account = self.stores.accounts.by_id(token.user).await?.ok_or(AuthError::Unauthorized)?;
                Ok(self.answer(account.into(), token.family, &next, now))
            }
            Spent::Reused(token) => {
                tracing::warn!(user = %token.user, "a refresh token was used twice; its session is over");
                self.revocations.end_family(token.family, now);
                Err(AuthError::Unauthorized)
            }
            Spent::Unknown => Err(AuthError::Unauthorized),
        }
    }

    /// Ends the session of this refresh token, spent or not. A token that is not known is no error: the session is
    /// over either way.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn logout(&self, body: RefreshBody, now: Millis) -> Result<(), AuthError> {
        let Some(secret) = RefreshSecret::parse(&body.refresh_token) else { return Ok(()) };
        if let Some(token) = self.stores.sessions.token(secret.hash()).await? {
            self.stores.sessions.revoke_family(token.family).await?;
            self.revocations.end_family(token.family, now);
        }
        Ok(())
    }

    /// Changes the password and ends every session of the user, the one that asks included.
    ///
    /// # Errors
    /// `Validation` (field `new_password`), `InvalidCredentials` if the current password is wrong, `RateLimited`,
    /// `Busy`, and those of the store.
    pub async fn change_password(
        &self,
        who: &Identity,
        body: PasswordBody,
        from: IpAddr,
        now: Millis,
    ) -> Result<(), AuthError> {
        let PasswordBody { current_password, new_password } = body;
        if let Err(e) = passwords::check(&new_password, &who.user.username) {
            return Err(AuthError::Validation(vec![password_error("new_password", e)]));
        }
        self.rates.login(Some(&who.user.username), from)?;
        let account = self.stores.accounts.by_id(who.user.id).await?.ok_or(AuthError::Unauthorized)?;
        if !self.verify(current_password, Some(&account)).await? {
            return Err(AuthError::InvalidCredentials);
        }
        self.set_password(account.id, new_password, now).await
    }

    /// Changes what is given of the profile.
    ///
    /// # Errors
    /// `Validation` (fields `display_name`, `color`), `Unauthorized` if the account is gone, and those of the store.
    pub async fn update_profile(&self, who: &Identity, body: ProfileBody) -> Result<Profile, AuthError> {
        let ProfileBody { display_name, color } = body;
        let mut wrong = Vec::new();
        let mut change = AccountChange::default();
        if let Some(typed) = display_name {
            match Username::parse(&who.user.username).and_then(|name| DisplayName::parse(&typed, &name)) {
                Ok(name) => change.display_name = Some(name.into()),
                Err(e) => wrong.push(name_error("display_name", e)),
            }
        }
        if let Some(typed) = color {
            match Color::parse(&typed) {
                Ok(color) => change.color = Some(color.into()),
                Err(e) => wrong.push(field_error("color", e.code(), e.to_string())),
            }
        }
        if !wrong.is_empty() {
            return Err(AuthError::Validation(wrong));
        }
        if change == AccountChange::default() {
            return self.me(who).await;
        }
        self.stores
            .accounts
            .update(who.user.id, change)
            .await?
            .map(Profile::from)
            .ok_or(AuthError::Unauthorized)
    }

    /// The profile as it is now.
    ///
    /// # Errors
    /// `Unauthorized` if the account is gone, and those of the store.
    pub async fn me(&self, who: &Identity) -> Result<Profile, AuthError> {
        self.stores.accounts.by_id(who.user.id).await?.map(Profile::from).ok_or(AuthError::Unauthorized)
    }

    /// The user of this name, in any case of letters.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn find_by_name(&self, username: &str) -> Result<Option<Profile>, AuthError> {
        Ok(self.stores.accounts.by_name(username).await?.map(Profile::from))
    }

    /// The user of this id.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn find_by_id(&self, id: UserId) -> Result<Option<Profile>, AuthError> {
        Ok(self.stores.accounts.by_id(id).await?.map(Profile::from))
    }

    /// Who holds this access token?
    ///
    /// # Errors
    /// `TokenExpired` for a good one past its time, `Unauthorized` for any other that does not prove a session that
    /// is still open, and those of the store. A store out of reach is an error only for a session that was not proved to
    /// this process before.
    pub async fn authenticate(&self, token: &str, now: Millis) -> Result<Identity, AuthError> {
        if let Some(secret) = token.strip_prefix(BOT_TOKEN_PREFIX) {
            return self.authenticate_bot(secret, now).await;
        }
        let claim = self.tokens.verify(token, now).map_err(|e| match e {
            TokenError::Expired => AuthError::TokenExpired,
            _ => AuthError::Unauthorized,
        })?;
        if self.revocations.has_ended(claim.family) {
            return Err(AuthError::Unauthorized);
        }
        let asked = async {
            let token = self.stores.sessions.token(claim.session).await?;
            if token.is_none_or(|token| token.family != claim.family || token.user != claim.user) {
                return Ok(None);
            }
            Ok(self.stores.accounts.by_id(claim.user).await?.map(Profile::from))
        };
        let key = Session { hash: claim.session, family: claim.family, user: claim.user };
        let user = self.remembered.or_ask(key, asked).await?.ok_or(AuthError::Unauthorized)?;
        // It may have ended while the store was asked, or not answer.
        if self.revocations.has_ended(claim.family) {
            return Err(AuthError::Unauthorized);
        }
        Ok(Identity { user, family: claim.family, expires_at: claim.expires_at })
    }

    /// For the command line: makes an account, with a made-up password (then answered) where none is given. The operator
    /// may take reserved names.
    ///
    /// # Errors
    /// `Validation` (fields `username`, `password`), `UsernameTaken`, and those of the store.
    pub async fn create_user(
        &self,
        name: &str,
        password: Option<String>,
        now: Millis,
    ) -> Result<(Profile, Option<NewPassword>), AuthError> {
        let invalid = |e| AuthError::Validation(vec![name_error("username", e)]);
        let username = Username::parse(name).map_err(invalid)?;
        let display_name = DisplayName::parse(name, &username).map_err(invalid)?;
        let (password, made_up) = given_or_made_up(password, username.as_str())?;
        let account = self.create(username, display_name, password, now).await?;
        Ok((account.into(), made_up))
    }

    /// For the command line: makes somebody an admin, or takes it back. `None` if there is nobody of that name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn set_admin(&self, name: &str, admin: bool) -> Result<Option<Profile>, AuthError> {
        let Some(account) = self.find(name).await? else { return Ok(None) };
        let change = AccountChange { admin: Some(admin), ..AccountChange::default() };
        Ok(self.stores.accounts.update(account.id, change).await?.map(Profile::from))
    }

    /// For the command line: gives somebody a new password, made up (then answered) where none is given, and ends all
    /// their sessions. `None` if there is nobody of that name.
    ///
    /// # Errors
    /// `Validation` (field `password`), `Busy`, and those of the store.
    pub async fn reset_password(
        &self,
        name: &str,
        password: Option<String>,
        now: Millis,
    ) -> Result<Option<Option<NewPassword>>, AuthError> {
        // A bot with a password would be none any more.
        let found = self.find(name).await?.filter(|account| !account.is_bot());
        let Some(account) = found else { return Ok(None) };
        let (password, made_up) = given_or_made_up(password, &account.username)?;
        self.set_password(account.id, password, now).await?;
        Ok(Some(made_up))
    }

    /// Forgets what has had its time: counters of tries, ended sessions, refresh tokens. Call it every minute. Says
    /// how many refresh tokens went.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn sweep(&self, now: Millis) -> Result<usize, AuthError> {
        self.rates.sweep();
        self.revocations.sweep(now);
        Ok(self.stores.sessions.sweep(now).await?)
    }

    async fn find(&self, name: &str) -> Result<Option<Account>, AuthError> {
        match Username::parse(name) {
            Ok(name) => Ok(self.stores.accounts.by_name(name.as_str()).await?),
            Err(_) => Ok(None),
        }
    }

    async fn create(
        &self,
        username: Username,
        display_name: DisplayName,
        password: String,
        now: Millis,
    ) -> Result<Account, AuthError> {
        let account = Account {
            id: self.free_id(now).await?,
            color: Color::default_for(&username).into(),
            username: username.into(),
            display_name: display_name.into(),
            created_at: now,
            password_hash: self.hasher.hash(password).await?,
            admin: false,
        };
        match self.stores.accounts.create(account.clone()).await? {
            Created::Yes => Ok(account),
            Created::NameTaken => Err(AuthError::UsernameTaken),
        }
    }

    /// An id nobody has. Two accounts of the same millisecond meet with a chance of 1 to 4 million; it is looked up
    /// all the same, because an id is for ever.
    async fn free_id(&self, now: Millis) -> Result<UserId, AuthError> {
        for _ in 0..USER_ID_TRIES {
            let id = user_id(now, random_u128());
            if self.stores.accounts.by_id(id).await?.is_none() {
                return Ok(id);
            }
        }
        tracing::error!("found no free user id");
        Err(AuthError::Internal)
    }

    /// Is it this account's password? For no account the same work is done, and the answer is no.
    async fn verify(&self, password: String, account: Option<&Account>) -> Result<bool, AuthError> {
        // No account has such a password, and the answer comes as quickly for every name.
        if password.len() > *PASSWORD_LEN.end() {
            return Ok(false);
        }
        // Nor has a bot any.
        let account = account.filter(|account| !account.is_bot());
        Ok(self.hasher.verify(password, account.map(|a| a.password_hash.clone())).await?)
    }

    async fn set_password(&self, user: UserId, password: String, now: Millis) -> Result<(), AuthError> {
        let password_hash = Some(self.hasher.hash(password).await?);
        let change = AccountChange { password_hash, ..AccountChange::default() };
        self.stores.accounts.update(user, change).await?.ok_or(AuthError::Unauthorized)?;
        let families = self.stores.sessions.revoke_user(user).await?;
        self.revocations.end_user(user, families, now);
        Ok(())
    }

    async fn open_family(
        &self,
        profile: Profile,
        family: Family,
        now: Millis,
    ) -> Result<AuthAnswer, AuthError> {
        let secret = RefreshSecret::generate();
        let expires_at = now.plus(millis(self.refresh_ttl));
        let token = RefreshToken { user: profile.id, family, expires_at, spent: false };
        self.stores.sessions.open(secret.hash(), token).await?;
        Ok(self.answer(profile, family, &secret, now))
    }

    fn answer(&self, profile: Profile, family: Family, refresh: &RefreshSecret, now: Millis) -> AuthAnswer {
        let claim = Claim { user: profile.id, name: &profile.username, family, session: refresh.hash() };
        AuthAnswer {
            access_token: self.tokens.issue(&claim, now),
            refresh_token: refresh.reveal(),
            token_type: "Bearer".to_owned(),
            expires_in: self.tokens.ttl().as_secs(),
            user: profile.into(),
        }
    }
}

/// Where ids of users begin to count: 2024-01-01. 41 bits of milliseconds from then last until 2093; counted from
/// 1970 they would end in 2039.
const USER_ID_EPOCH_MS: u64 = 1_704_067_200_000;
const USER_ID_RANDOM_BITS: u32 = 22;
const USER_ID_TRIES: usize = 4;

/// 41 bits of milliseconds and 22 random ones. By time, so new accounts are neighbours in the store's order; random
/// below that, so nodes need no number of their own; 63 bits, so it fits the signed integers of other languages and
/// of the databases.
fn user_id(now: Millis, random: u128) -> UserId {
    const TIME_MASK: u64 = (1 << 41) - 1;
    const RANDOM_MASK: u128 = (1 << USER_ID_RANDOM_BITS) - 1;
    let time = now.0.saturating_sub(USER_ID_EPOCH_MS) & TIME_MASK;
    let random = u64::try_from(random & RANDOM_MASK).expect("22 bits");
    UserId(time << USER_ID_RANDOM_BITS | random)
}

fn random_u128() -> u128 {
    u128::from_le_bytes(random_bytes())
}

/// The password to set, and the one to tell if it was made up.
fn given_or_made_up(
    given: Option<String>,
    username: &str,
) -> Result<(String, Option<NewPassword>), AuthError> {
    match given {
        Some(password) => match passwords::check(&password, username) {
            Ok(()) => Ok((password, None)),
            Err(e) => Err(AuthError::Validation(vec![password_error("password", e)])),
        },
        None => {
            let password = made_up_password();
            Ok((password.clone(), Some(NewPassword(password))))
        }
    }
}

/// 20 of 32 signs are 100 random bits. Without `i`, `l`, `o` and `u`, which people misread.
fn made_up_password() -> String {
    const SIGNS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    random_bytes::<20>().iter().map(|b| char::from(SIGNS[usize::from(b % 32)])).collect()
}

/// Whole milliseconds; half a billion years are enough.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn malformed_next() -> AuthError {
    let detail = "32 bytes in base64url without padding are wanted".to_owned();
    AuthError::Validation(vec![field_error("next_refresh_token", "malformed", detail)])
}

fn name_error(field: &str, e: NameError) -> FieldError {
    field_error(field, e.code(), e.to_string())
}

fn password_error(field: &str, e: PasswordError) -> FieldError {
    field_error(field, e.code(), e.to_string())
}

fn field_error(field: &str, code: &str, detail: String) -> FieldError {
    FieldError { field: field.to_owned(), code: code.to_owned(), detail }
}

impl From<HashError> for AuthError {
    fn from(e: HashError) -> Self {
        match e {
            HashError::Busy { retry_after } => Self::Busy { retry_after },
            HashError::Unreadable | HashError::Failed => {
                tracing::error!("password hash: {e}");
                Self::Internal
            }
        }
    }
}

#[cfg(test)]
mod tests;
