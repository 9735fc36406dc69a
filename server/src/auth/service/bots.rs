//! Bots: accounts of programs. Nobody logs in to one; whoever has one of its tokens is it.
//!
//! A token is good until it is revoked. It is asked for in the store each time it is shown, and stands for a log-in
//! ([`Family`]) of its own, so that its connections end with it, on every node.

use super::{Accounts, AuthError, field_error, name_error, random_u128};
use crate::auth::{
    identity::{Identity, Profile},
    tokens::RefreshSecret,
};
use chat::{
    account::{Account, BOT_PASSWORD_HASH, BotToken, Family},
    names::{Color, DisplayName, Username},
    time::Millis,
};
use chat_store::{BOT_TOKENS_MAX, Created};
use protocol::{
    limits::BOT_TOKEN_NAME_CODE_POINTS_MAX,
    rest::{self, BotBody, BotTokenBody, NewBotToken},
};

/// What a bot's token begins with, so that it is told from others, also by those who search for secrets in code.
pub const BOT_TOKEN_PREFIX: &str = "twitchy_bot_";
/// How long a connection holds that a bot proved itself on; then it has to do so again, with the same token. So one
/// whose token was revoked while nobody could be told does not go on for ever.
pub const BOT_PROOF_MS: u64 = 24 * 3600 * 1000;

impl Accounts {
    /// Makes a bot's account. Unlike people, admins may give it a reserved name.
    ///
    /// # Errors
    /// `Validation` (fields `username`, `display_name`), `UsernameTaken`, and those of the store.
    pub async fn create_bot(&self, body: BotBody, now: Millis) -> Result<Profile, AuthError> {
        let invalid = |field: &str, e| AuthError::Validation(vec![name_error(field, e)]);
        let username = Username::parse(&body.username).map_err(|e| invalid("username", e))?;
        let typed = body.display_name.as_deref().unwrap_or(&body.username);
        let display_name = DisplayName::parse(typed, &username).map_err(|e| invalid("display_name", e))?;
        let account = Account {
            id: self.free_id(now).await?,
            color: Color::default_for(&username).into(),
            username: username.into(),
            display_name: display_name.into(),
            created_at: now,
            password_hash: BOT_PASSWORD_HASH.to_owned(),
            admin: false,
        };
        match self.stores.accounts.create(account.clone()).await? {
            Created::Yes => Ok(account.into()),
            Created::NameTaken => Err(AuthError::UsernameTaken),
        }
    }

    async fn bot(&self, name: &str) -> Result<Option<Account>, AuthError> {
        Ok(self.find(name).await?.filter(Account::is_bot))
    }

    /// Makes a token of a bot; it is shown this once. `None` if there is no bot of that name.
    ///
    /// # Errors
    /// `Validation` (field `name`), `LimitReached`, and those of the store.
    pub async fn create_bot_token(
        &self,
        bot: &str,
        body: BotTokenBody,
        now: Millis,
    ) -> Result<Option<NewBotToken>, AuthError> {
        let name = body.name.trim().to_owned();
        let length = name.chars().count();
        if length == 0 || length > BOT_TOKEN_NAME_CODE_POINTS_MAX || name.chars().any(char::is_control) {
            let detail = format!("1 to {BOT_TOKEN_NAME_CODE_POINTS_MAX} characters in one line");
            return Err(AuthError::Validation(vec![field_error("name", "invalid", detail)]));
        }
        let Some(account) = self.bot(bot).await? else { return Ok(None) };
        if self.stores.bots.bot_tokens(account.id).await?.len() >= BOT_TOKENS_MAX {
            return Err(AuthError::TooManyTokens);
        }
        let (secret, family) = (RefreshSecret::generate(), Family(random_u128()));
        let kept = BotToken { hash: secret.hash(), user: account.id, family, name, created_at: now };
        self.stores.bots.add_bot_token(kept.clone()).await?;
        let rest::BotToken { id, name, created_at } = told(kept);
        let token = format!("{BOT_TOKEN_PREFIX}{}", secret.reveal());
        Ok(Some(NewBotToken { id, name, created_at, token }))
    }

    /// The tokens of a bot that are good, oldest first. `None` if there is no bot of that name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn bot_tokens(&self, bot: &str) -> Result<Option<Vec<rest::BotToken>>, AuthError> {
        let Some(account) = self.bot(bot).await? else { return Ok(None) };
        Ok(Some(self.stores.bots.bot_tokens(account.id).await?.into_iter().map(told).collect()))
    }

    /// Ends a token and its connections. `false` if there is no such bot or it has no such token.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn revoke_bot_token(&self, bot: &str, id: &str, now: Millis) -> Result<bool, AuthError> {
        let Some(account) = self.bot(bot).await? else { return Ok(false) };
        let is_id = id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let Some(family) = u128::from_str_radix(id, 16).ok().filter(|_| is_id).map(Family) else {
            return Ok(false);
        };
        let gone = self.stores.bots.remove_bot_token(account.id, family).await?;
        if gone {
            self.revocations.end_family(family, now);
        }
        Ok(gone)
    }

    /// Who holds this token of a bot?
    pub(super) async fn authenticate_bot(&self, secret: &str, now: Millis) -> Result<Identity, AuthError> {
        let secret = RefreshSecret::parse(secret).ok_or(AuthError::Unauthorized)?;
        let token = self.stores.bots.bot_token(secret.hash()).await?.ok_or(AuthError::Unauthorized)?;
        let account = self.stores.accounts.by_id(token.user).await?;
        let account = account.filter(Account::is_bot).ok_or(AuthError::Unauthorized)?;
        // It may have ended while the store was asked.
        if self.revocations.has_ended(token.family) {
            return Err(AuthError::Unauthorized);
        }
        Ok(Identity { user: account.into(), family: token.family, expires_at: now.plus(BOT_PROOF_MS) })
    }
}

fn told(token: BotToken) -> rest::BotToken {
    let BotToken { family, name, created_at, .. } = token;
    rest::BotToken { id: format!("{:032x}", family.0), name, created_at: created_at.0 }
}
