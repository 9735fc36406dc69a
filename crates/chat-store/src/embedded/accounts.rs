//! Tables of `accounts.redb` that hold the accounts; those beside them are in `sessions` and `moderation`.

use super::{
    error::Failure,
    file::{Done, Plan},
    moderation, run_time, sessions,
};
use crate::{AccountChange, Created, rows};
use chat::account::Account;
use protocol::ids::UserId;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};

/// Id → account.
const ACCOUNTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("accounts");
/// Lower-case name → id.
const NAMES: TableDefinition<'_, &str, u64> = TableDefinition::new("names");

pub(super) const PLAN: Plan = Plan {
    contents: "accounts",
    create: |txn| {
        txn.open_table(ACCOUNTS)?;
        txn.open_table(NAMES)?;
        sessions::create_tables(txn)?;
        moderation::create_tables(txn)
    },
    later: moderation::create_tables,
    verify: |txn| {
        verify(txn)?;
        sessions::verify(txn)?;
        moderation::verify(txn)?;
        run_time::verify(txn)
    },
    // The walk above finds the same and changes nothing.
    check_pages: false,
    advice: "restore it from a backup",
};

/// Reads every account, and its name in the index. About a microsecond each.
fn verify(txn: &ReadTransaction) -> Result<(), Failure> {
    let accounts = txn.open_table(ACCOUNTS)?;
    let names = txn.open_table(NAMES)?;
    let mut count = 0;
    for entry in accounts.iter()? {
        let (id, row) = entry?;
        let account = rows::decode_account(UserId(id.value()), row.value())?;
        let indexed = names.get(account.username.to_ascii_lowercase().as_str())?.map(|id| id.value());
        if indexed != Some(id.value()) {
            return Err(Failure::damaged(format!("account {}: not found by its name", id.value())));
        }
        count += 1;
    }
    // The lengths are kept apart from the rows: rows that cannot be reached any more are missed here.
    if accounts.len()? != count || names.len()? != count {
        return Err(Failure::damaged("accounts are missing"));
    }
    Ok(())
}

pub(super) fn create(txn: &WriteTransaction, account: &Account) -> Result<Done<Created>, Failure> {
    let name = account.username.to_ascii_lowercase();
    let mut names = txn.open_table(NAMES)?;
    let mut accounts = txn.open_table(ACCOUNTS)?;
    if names.get(name.as_str())?.is_some() {
        return Ok(Done::Nothing(Created::NameTaken));
    }
    if accounts.get(account.id.0)?.is_some() {
        return Err(crate::id_in_use(account.id).into());
    }
    names.insert(name.as_str(), account.id.0)?;
    accounts.insert(account.id.0, rows::encode_account(account).as_slice())?;
    Ok(Done::Durably(Created::Yes))
}

pub(super) fn by_name(txn: &ReadTransaction, name: &str) -> Result<Option<Account>, Failure> {
    let Some(id) = txn.open_table(NAMES)?.get(name)?.map(|id| id.value()) else {
        return Ok(None);
    };
    match by_id(txn, UserId(id))? {
        Some(account) if account.username.eq_ignore_ascii_case(name) => Ok(Some(account)),
        _ => Err(Failure::damaged(format!("the index of names is wrong about account {id}"))),
    }
}

pub(super) fn by_id(txn: &ReadTransaction, id: UserId) -> Result<Option<Account>, Failure> {
    let accounts = txn.open_table(ACCOUNTS)?;
    let row = accounts.get(id.0)?;
    Ok(row.map(|row| rows::decode_account(id, row.value())).transpose()?)
}

pub(super) fn update(
    txn: &WriteTransaction,
    id: UserId,
    change: AccountChange,
) -> Result<Done<Option<Account>>, Failure> {
    let mut accounts = txn.open_table(ACCOUNTS)?;
    let kept = accounts.get(id.0)?.map(|row| rows::decode_account(id, row.value())).transpose()?;
    let Some(mut account) = kept else {
        return Ok(Done::Nothing(None));
    };
    change.apply(&mut account);
    accounts.insert(id.0, rows::encode_account(&account).as_slice())?;
    Ok(Done::Durably(Some(account)))
}
