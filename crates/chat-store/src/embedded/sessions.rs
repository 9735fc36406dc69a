//! Tables of `accounts.redb` that hold the refresh tokens: the rows, and three indices by which they are forgotten.

use super::{error::Failure, file::Done};
use crate::{Spent, rows};
use chat::{
    account::{Family, RefreshToken, TokenHash},
    time::Millis,
};
use protocol::ids::UserId;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};

/// SHA-256 of the token, as redb wants it.
type Hash = [u8; 32];

/// Hash → token.
const TOKENS: TableDefinition<'_, Hash, &[u8]> = TableDefinition::new("tokens");
/// (family, hash).
const FAMILIES: TableDefinition<'_, (u128, Hash), ()> = TableDefinition::new("token_families");
/// (user, family, hash).
const USERS: TableDefinition<'_, (u64, u128, Hash), ()> = TableDefinition::new("token_users");
/// (expiry, hash).
const EXPIRIES: TableDefinition<'_, (u64, Hash), ()> = TableDefinition::new("token_expiries");

const LOWEST: Hash = [0; 32];
const HIGHEST: Hash = [0xff; 32];

pub(super) fn create_tables(txn: &WriteTransaction) -> Result<(), Failure> {
    Tokens::of(txn).map(drop)
}

/// Reads every token, and its places in the indices.
pub(super) fn verify(txn: &ReadTransaction) -> Result<(), Failure> {
    let tokens = txn.open_table(TOKENS)?;
    let families = txn.open_table(FAMILIES)?;
    let users = txn.open_table(USERS)?;
    let expiries = txn.open_table(EXPIRIES)?;
    let mut count = 0;
    for entry in tokens.iter()? {
        let (hash, row) = entry?;
        let hash = hash.value();
        let token = rows::decode_token(TokenHash(hash), row.value())?;
        if families.get((token.family.0, hash))?.is_none()
            || users.get((token.user.0, token.family.0, hash))?.is_none()
            || expiries.get((token.expires_at.0, hash))?.is_none()
        {
            return Err(Failure::damaged("a token is missing in an index"));
        }
        count += 1;
    }
    if [tokens.len()?, families.len()?, users.len()?, expiries.len()?] != [count; 4] {
        return Err(Failure::damaged("tokens are missing"));
    }
    Ok(())
}

/// The four tables, changed together.
struct Tokens<'txn> {
    tokens: Table<'txn, Hash, &'static [u8]>,
    families: Table<'txn, (u128, Hash), ()>,
    users: Table<'txn, (u64, u128, Hash), ()>,
    expiries: Table<'txn, (u64, Hash), ()>,
}

impl<'txn> Tokens<'txn> {
    fn of(txn: &'txn WriteTransaction) -> Result<Self, Failure> {
        Ok(Self {
            tokens: txn.open_table(TOKENS)?,
            families: txn.open_table(FAMILIES)?,
            users: txn.open_table(USERS)?,
            expiries: txn.open_table(EXPIRIES)?,
        })
    }

    fn get(&self, hash: TokenHash) -> Result<Option<RefreshToken>, Failure> {
        let row = self.tokens.get(hash.0)?;
        Ok(row.map(|row| rows::decode_token(hash, row.value())).transpose()?)
    }

    /// Adds a token, or changes whether one is spent.
    fn put(&mut self, hash: TokenHash, token: &RefreshToken) -> Result<(), Failure> {
        self.tokens.insert(hash.0, rows::encode_token(hash, token).as_slice())?;
        self.families.insert((token.family.0, hash.0), ())?;
        self.users.insert((token.user.0, token.family.0, hash.0), ())?;
        self.expiries.insert((token.expires_at.0, hash.0), ())?;
        Ok(())
    }

    fn forget(&mut self, hash: Hash) -> Result<(), Failure> {
        let token =
            self.get(TokenHash(hash))?.ok_or_else(|| Failure::damaged("an index names a missing token"))?;
        self.tokens.remove(hash)?;
        self.families.remove((token.family.0, hash))?;
        self.users.remove((token.user.0, token.family.0, hash))?;
        self.expiries.remove((token.expires_at.0, hash))?;
        Ok(())
    }

    fn forget_family(&mut self, Family(family): Family) -> Result<usize, Failure> {
        let mut hashes = Vec::new();
        for entry in self.families.range((family, LOWEST)..=(family, HIGHEST))? {
            hashes.push(entry?.0.value().1);
        }
        for &hash in &hashes {
            self.forget(hash)?;
        }
        Ok(hashes.len())
    }
}

pub(super) fn open(
    txn: &WriteTransaction,
    hash: TokenHash,
    token: RefreshToken,
) -> Result<Done<()>, Failure> {
    let mut tokens = Tokens::of(txn)?;
    match tokens.get(hash)? {
        Some(kept) if kept == token => Ok(Done::Nothing(())),
        Some(_) => Err(crate::hash_in_use().into()),
        None => tokens.put(hash, &token).map(Done::Durably),
    }
}

pub(super) fn rotate(
    txn: &WriteTransaction,
    hash: TokenHash,
    next: TokenHash,
    next_expires_at: Millis,
    now: Millis,
) -> Result<Done<Spent>, Failure> {
    let mut tokens = Tokens::of(txn)?;
    let Some(token) = tokens.get(hash)?.filter(|token| token.expires_at > now) else {
        return Ok(Done::Nothing(Spent::Unknown));
    };
    if token.spent {
        if let Some(follower) = tokens.get(next)?.filter(|follower| token.was_followed_by(follower, now)) {
            return Ok(Done::Nothing(Spent::Now(follower)));
        }
        tokens.forget_family(token.family)?;
        return Ok(Done::Durably(Spent::Reused(token)));
    }
    if tokens.get(next)?.is_some() {
        return Err(crate::hash_in_use().into());
    }
    let follower = RefreshToken { expires_at: next_expires_at, spent: false, ..token };
    tokens.put(hash, &RefreshToken { spent: true, ..token })?;
    tokens.put(next, &follower)?;
    Ok(Done::Durably(Spent::Now(follower)))
}

pub(super) fn token(txn: &ReadTransaction, hash: TokenHash) -> Result<Option<RefreshToken>, Failure> {
    let tokens = txn.open_table(TOKENS)?;
    let row = tokens.get(hash.0)?;
    Ok(row.map(|row| rows::decode_token(hash, row.value())).transpose()?)
}

pub(super) fn revoke_family(txn: &WriteTransaction, family: Family) -> Result<Done<()>, Failure> {
    let gone = Tokens::of(txn)?.forget_family(family)?;
    Ok(if gone == 0 { Done::Nothing(()) } else { Done::Durably(()) })
}

pub(super) fn revoke_user(
    txn: &WriteTransaction,
    UserId(user): UserId,
) -> Result<Done<Vec<Family>>, Failure> {
    let mut tokens = Tokens::of(txn)?;
    let mut families = Vec::new();
    for entry in tokens.users.range((user, 0, LOWEST)..=(user, u128::MAX, HIGHEST))? {
        families.push(Family(entry?.0.value().1));
    }
    // The index is in the order of families, so those alike are neighbours.
    families.dedup();
    for &family in &families {
        tokens.forget_family(family)?;
    }
    Ok(if families.is_empty() { Done::Nothing(families) } else { Done::Durably(families) })
}

pub(super) fn sweep(txn: &WriteTransaction, now: Millis, tokens_max: usize) -> Result<usize, Failure> {
    let mut tokens = Tokens::of(txn)?;
    let mut hashes = Vec::new();
    for entry in tokens.expiries.range(..=(now.0, HIGHEST))?.take(tokens_max) {
        hashes.push(entry?.0.value().1);
    }
    for &hash in &hashes {
        tokens.forget(hash)?;
    }
    Ok(hashes.len())
}
