//! Refresh tokens. All tokens of a log-in lie in one partition, and so they are changed in one step: a lightweight
//! transaction that spends one token and adds the next only if the log-in is not revoked.
//!
//! A log-in ends by its flag `revoked`; its tokens stay where they are, unseen, until their TTL. Nothing is deleted
//! there: a deletion has a time, and one from a clock that is behind would leave tokens alive.
//!
//! That a new hash is not in use is looked for and not locked: hashes are of 256 random bits.

use super::{
    client::{Cas, Client},
    expiry::{self, Expiry},
};
use crate::{Spent, StoreError};
use chat::{
    account::{Family, RefreshToken, TokenHash},
    time::Millis,
};
use protocol::ids::UserId;
use scylla::statement::batch::{Batch, BatchType};
use std::time::Duration;

/// How much longer than it is good a token is kept: whether it is good is judged by the caller's clock and not by TTL,
/// and the clocks of a cluster differ by less than this.
const SPARE: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a rotation of which nobody knows whether it happened is made again.
const TRIES: usize = 3;

/// What is kept of a token; a column that is not there is null.
type Columns = (Option<bool>, Option<i64>, Option<i64>, Option<bool>);

/// How long a row lives whose token is good until then. What is past its time lives for the spare from now on.
fn ttl(expires_at: Millis) -> i32 {
    let now = expiry::now();
    Expiry::after(expires_at.max(now), Some(SPARE)).ttl(now).unwrap_or(0)
}

pub(super) fn family_of(bytes: &[u8]) -> Result<Family, StoreError> {
    let bytes = bytes
        .try_into()
        .map_err(|_| StoreError::Damaged("a log-in whose name has no 16 bytes".to_owned()))?;
    Ok(Family(u128::from_be_bytes(bytes)))
}

/// A token of a family, unless it is revoked.
fn token_of(family: Family, columns: Columns) -> Result<Option<RefreshToken>, StoreError> {
    match columns {
        (Some(true), ..) => Ok(None),
        (_, Some(user), Some(expires_at), Some(spent)) => Ok(Some(RefreshToken {
            user: UserId(user.cast_unsigned()),
            family,
            expires_at: Millis(expires_at.cast_unsigned()),
            spent,
        })),
        _ => Err(StoreError::Damaged("a refresh token has not all columns".to_owned())),
    }
}

/// How a token is read.
#[derive(Clone, Copy)]
enum Read {
    /// As it was when the last change was answered.
    Quorum,
    /// With all changes whose end nobody knows brought to one.
    Serial,
}

async fn in_family(
    client: &Client,
    family: Family,
    hash: TokenHash,
    how: Read,
) -> Result<Option<RefreshToken>, StoreError> {
    let statement = match how {
        Read::Quorum => &client.statements.token,
        Read::Serial => &client.statements.token_now,
    };
    let columns: Option<Columns> =
        client.first(statement, (&family.0.to_be_bytes()[..], &hash.0[..])).await?;
    Ok(columns.map(|columns| token_of(family, columns)).transpose()?.flatten())
}

async fn find(client: &Client, hash: TokenHash, how: Read) -> Result<Option<RefreshToken>, StoreError> {
    let Some((family,)) = client.first::<(Vec<u8>,)>(&client.statements.family_of, (&hash.0[..],)).await?
    else {
        return Ok(None);
    };
    in_family(client, family_of(&family)?, hash, how).await
}

pub(super) async fn token(client: &Client, hash: TokenHash) -> Result<Option<RefreshToken>, StoreError> {
    find(client, hash, Read::Quorum).await
}

pub(super) async fn open(client: &Client, hash: TokenHash, token: RefreshToken) -> Result<(), StoreError> {
    match find(client, hash, Read::Serial).await? {
        Some(kept) if kept == token => return Ok(()),
        Some(_) => return Err(crate::hash_in_use()),
        None => {}
    }
    let (family, ttl) = (token.family.0.to_be_bytes(), ttl(token.expires_at));
    let user = token.user.0.cast_signed();
    // The ways to the token first: without the token they lead nowhere.
    tokio::try_join!(
        client.run(&client.statements.insert_hash, (&hash.0[..], &family[..], ttl)),
        client.run(&client.statements.insert_user_session, (user, &family[..], ttl)),
    )?;
    let values = (&family[..], &hash.0[..], user, token.expires_at.0.cast_signed(), ttl);
    let answer = client.cas(&client.statements.insert_token, values).await;
    if let Cas::Applied = answer {
        return Ok(());
    }
    match (in_family(client, token.family, hash, Read::Serial).await, answer) {
        (Ok(Some(kept)), _) if kept == token => Ok(()),
        (Ok(None) | Err(_), Cas::Unknown(error)) => Err(error),
        (Ok(_), _) => Err(crate::hash_in_use()),
        (Err(error), _) => Err(error),
    }
}

pub(super) async fn rotate(
    client: &Client,
    hash: TokenHash,
    next: TokenHash,
    next_expires_at: Millis,
    now: Millis,
) -> Result<Spent, StoreError> {
    let Some(token) = find(client, hash, Read::Serial).await?.filter(|token| token.expires_at > now) else {
        return Ok(Spent::Unknown);
    };
    if token.spent {
        let follower = in_family(client, token.family, next, Read::Serial).await?;
        return match follower.filter(|follower| token.was_followed_by(follower, now)) {
            Some(follower) => Ok(Spent::Now(follower)),
            None => reused(client, token).await,
        };
    }
    if next == hash || find(client, next, Read::Quorum).await?.is_some() {
        return Err(crate::hash_in_use());
    }
    let follower = RefreshToken { expires_at: next_expires_at, spent: false, ..token };
    let (family, next_ttl) = (token.family.0.to_be_bytes(), ttl(next_expires_at));
    let user = token.user.0.cast_signed();
    tokio::try_join!(
        client.run(&client.statements.insert_hash, (&next.0[..], &family[..], next_ttl)),
        client.run(&client.statements.insert_user_session, (user, &family[..], next_ttl)),
    )?;
    let mut batch = Batch::new(BatchType::Unlogged);
    batch.append_statement(client.statements.spend_token.clone());
    batch.append_statement(client.statements.insert_token.clone());
    let values = (
        (ttl(token.expires_at), &family[..], &hash.0[..]),
        (&family[..], &next.0[..], user, next_expires_at.0.cast_signed(), next_ttl),
    );
    let mut unknown = None;
    for _ in 0..TRIES {
        match client.cas_batch(&batch, values).await {
            Cas::Applied => return Ok(Spent::Now(follower)),
            Cas::Refused => {}
            Cas::Unknown(error) => unknown = Some(error),
        }
        let read = |hash| in_family(client, token.family, hash, Read::Serial);
        let known = tokio::try_join!(read(hash), read(next));
        match known {
            // Only who asks for this knows the next one, so this call added it, or the same one made again.
            Ok((Some(_), Some(_))) => return Ok(Spent::Now(follower)),
            Ok((Some(kept), None)) if kept.spent => return reused(client, kept).await,
            // Not done, and certainly: a read at LOCAL_SERIAL leaves nothing open.
            Ok((Some(_), None)) => {}
            // Revoked meanwhile.
            Ok((None, _)) => return Ok(Spent::Unknown),
            Err(error) => return Err(unknown.unwrap_or(error)),
        }
    }
    Err(unknown.unwrap_or_else(|| StoreError::Unavailable("the rotation was not decided".to_owned())))
}

/// Someone has a copy. Of several who find that at once, one is told.
async fn reused(client: &Client, token: RefreshToken) -> Result<Spent, StoreError> {
    Ok(if revoke(client, token.family).await? { Spent::Reused(token) } else { Spent::Unknown })
}

/// Ends a log-in; says whether there was one to end.
async fn revoke(client: &Client, family: Family) -> Result<bool, StoreError> {
    let key = family.0.to_be_bytes();
    let Some(before) = lives_until(client, &key).await? else { return Ok(false) };
    if before.revoked {
        return Ok(false);
    }
    match client.cas(&client.statements.revoke_family, (ttl(before.last), &key[..])).await {
        Cas::Applied => {}
        Cas::Refused => return Ok(false),
        Cas::Unknown(error) => return Err(error),
    }
    // A token that was added in between may live longer than the flag would. None is added any more.
    let after = lives_until(client, &key).await?.map_or(before.last, |after| after.last);
    if after > before.last
        && let Cas::Unknown(error) =
            client.cas(&client.statements.revoke_for_longer, (ttl(after), &key[..])).await
    {
        return Err(error);
    }
    Ok(true)
}

/// What is known of a log-in as a whole.
struct Login {
    revoked: bool,
    /// The time until which its last token is good.
    last: Millis,
}

async fn lives_until(client: &Client, family: &[u8]) -> Result<Option<Login>, StoreError> {
    /// The hash, whether the family is revoked, until when the token is good.
    type Columns = (Option<Vec<u8>>, Option<bool>, Option<i64>);
    let tokens: Vec<Columns> = client.rows(&client.statements.family_now, (family,)).await?;
    let revoked = tokens.iter().any(|(_, revoked, _)| *revoked == Some(true));
    let times =
        tokens.iter().filter(|(hash, ..)| hash.is_some()).filter_map(|&(_, _, expires_at)| expires_at);
    Ok(times.map(|at| Millis(at.cast_unsigned())).max().map(|last| Login { revoked, last }))
}

pub(super) async fn revoke_family(client: &Client, family: Family) -> Result<(), StoreError> {
    revoke(client, family).await.map(drop)
}

pub(super) async fn revoke_user(client: &Client, user: UserId) -> Result<Vec<Family>, StoreError> {
    let user = user.0.cast_signed();
    let all: Vec<(Vec<u8>,)> = client.rows(&client.statements.user_sessions, (user,)).await?;
    let mut gone = Vec::new();
    for (bytes,) in all {
        let family = family_of(&bytes)?;
        if revoke(client, family).await? {
            gone.push(family);
        }
        client.run(&client.statements.forget_user_session, (user, &bytes[..])).await?;
    }
    gone.sort_unstable();
    Ok(gone)
}
