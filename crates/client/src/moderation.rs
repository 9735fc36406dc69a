//! The REST calls of moderators. Each gives the body of the success; all have the errors of
//! [`Rest::call`](crate::Rest::call) and [`Answer::json`](crate::Answer::json).

#![allow(clippy::missing_errors_doc)] // said once, above

use crate::{Call, Error, Rest};
use hyper::Method;
use protocol::{
    ids::{MessageId, Seq},
    moderation::{
        BanBody, BansAnswer, BlockedPhrase, BlockedPhraseBody, BlockedPhrasesAnswer, ClearBody,
        ModerationLogAnswer, PinBody, RolesAnswer, SettingsBody, UserCard,
    },
    objects::Room,
};

impl Rest {
    async fn without_body(&self, method: Method, path: &str) -> Result<(), Error> {
        self.call(Call::new(method, format!("/api/v1{path}"))).await?.success()
    }

    /// Takes one message away.
    pub async fn delete_message(&self, slug: &str, id: MessageId) -> Result<(), Error> {
        self.without_body(Method::DELETE, &format!("/rooms/{slug}/messages/{id}")).await
    }

    /// Takes a user's messages away, or all.
    pub async fn clear(&self, slug: &str, body: &ClearBody) -> Result<(), Error> {
        self.with_body(Method::POST, &format!("/rooms/{slug}/clear"), body).await?.success()
    }

    /// Bans a user, or times them out.
    pub async fn ban(&self, slug: &str, username: &str, body: &BanBody) -> Result<(), Error> {
        self.with_body(Method::PUT, &format!("/rooms/{slug}/bans/{username}"), body).await?.success()
    }

    /// Ends a ban or a timeout.
    pub async fn unban(&self, slug: &str, username: &str) -> Result<(), Error> {
        self.without_body(Method::DELETE, &format!("/rooms/{slug}/bans/{username}")).await
    }

    /// Those who may not write.
    pub async fn bans(&self, slug: &str) -> Result<BansAnswer, Error> {
        self.get(&format!("/rooms/{slug}/bans")).await
    }

    /// Gives a role: `moderators`, `vips` or `broadcaster`.
    pub async fn give_role(&self, slug: &str, role: &str, username: &str) -> Result<(), Error> {
        self.without_body(Method::PUT, &format!("/rooms/{slug}/{role}/{username}")).await
    }

    /// Takes one away.
    pub async fn take_role(&self, slug: &str, role: &str, username: &str) -> Result<(), Error> {
        self.without_body(Method::DELETE, &format!("/rooms/{slug}/{role}/{username}")).await
    }

    /// Everyone who is more than a viewer.
    pub async fn roles(&self, slug: &str) -> Result<RolesAnswer, Error> {
        self.get(&format!("/rooms/{slug}/roles")).await
    }

    /// Changes the room's rules.
    pub async fn change_settings(&self, slug: &str, body: &SettingsBody) -> Result<Room, Error> {
        self.with_body(Method::PATCH, &format!("/rooms/{slug}/settings"), body).await?.json()
    }

    /// Shows a message above the room.
    pub async fn pin(&self, slug: &str, id: MessageId) -> Result<(), Error> {
        let body = PinBody { message_id: id };
        self.with_body(Method::PUT, &format!("/rooms/{slug}/pinned"), &body).await?.success()
    }

    /// Shows it no more.
    pub async fn unpin(&self, slug: &str) -> Result<(), Error> {
        self.without_body(Method::DELETE, &format!("/rooms/{slug}/pinned")).await
    }

    /// What may not be said.
    pub async fn blocked_phrases(&self, slug: &str) -> Result<BlockedPhrasesAnswer, Error> {
        self.get(&format!("/rooms/{slug}/blocked-phrases")).await
    }

    /// Blocks a phrase, or a pattern.
    pub async fn block_phrase(
        &self,
        slug: &str,
        phrase: &str,
        pattern: bool,
    ) -> Result<BlockedPhrase, Error> {
        let body = BlockedPhraseBody { phrase: phrase.to_owned(), pattern };
        self.with_body(Method::POST, &format!("/rooms/{slug}/blocked-phrases"), &body).await?.json()
    }

    /// Allows it again.
    pub async fn allow_phrase(&self, slug: &str, id: Seq) -> Result<(), Error> {
        self.without_body(Method::DELETE, &format!("/rooms/{slug}/blocked-phrases/{id}")).await
    }

    /// What a moderator wants to know of a user.
    pub async fn user_card(&self, slug: &str, username: &str) -> Result<UserCard, Error> {
        self.get(&format!("/rooms/{slug}/users/{username}")).await
    }

    /// The newest entries of the moderation log, before a place.
    pub async fn moderation_log(
        &self,
        slug: &str,
        limit: u32,
        before: Option<Seq>,
    ) -> Result<ModerationLogAnswer, Error> {
        let before = before.map(|before| format!("&before={before}")).unwrap_or_default();
        self.get(&format!("/rooms/{slug}/moderation-log?limit={limit}{before}")).await
    }
}
