//! Accounts and checkpoints.
//!
//! An account is one row under its name, made by one lightweight transaction: that is where a name is given away. The way
//! from an id to its name is a row of its own, written before; left behind by a crash or by the loser of a race it leads
//! to no account or to one of another id, and so to nothing.

use super::client::{Cas, Client};
use crate::{AccountChange, Checkpoint, Created, StoreError};
use chat::{account::Account, time::Millis};
use protocol::ids::UserId;
use scylla::{
    serialize::row::SerializeRow,
    statement::{
        batch::{Batch, BatchType},
        prepared::PreparedStatement,
    },
    value::CqlValue,
};

/// How often a transaction of which nobody knows whether it happened is made again. Each time takes at most the time of
/// a request.
const TRIES: usize = 3;

/// A row of the table behind its name. A column that is not there is null.
type Columns = (Option<i64>, Option<String>, Option<String>, Option<i64>, Option<String>, Option<bool>);

fn account(username: &str, columns: Columns) -> Result<Account, StoreError> {
    let (Some(id), Some(display_name), Some(color), Some(created_at), Some(password_hash), Some(admin)) =
        columns
    else {
        return Err(StoreError::Damaged(format!("the account {username} has not all columns")));
    };
    Ok(Account {
        id: UserId(id.cast_unsigned()),
        username: username.to_owned(),
        display_name,
        color,
        created_at: Millis(created_at.cast_unsigned()),
        password_hash,
        admin,
    })
}

async fn read(
    client: &Client,
    statement: &PreparedStatement,
    username: &str,
) -> Result<Option<Account>, StoreError> {
    // Cassandra has no key without bytes.
    if username.is_empty() {
        return Ok(None);
    }
    let columns: Option<Columns> = client.first(statement, (username,)).await?;
    columns.map(|columns| account(username, columns)).transpose()
}

/// Makes a transaction until it is known what came of it. `done` reads whether it happened after all.
pub(super) async fn decided<F>(
    client: &Client,
    statement: &PreparedStatement,
    values: impl SerializeRow,
    done: impl Fn() -> F,
) -> Result<bool, StoreError>
where
    F: Future<Output = Result<Option<bool>, StoreError>>,
{
    let mut last = None;
    for _ in 0..TRIES {
        match client.cas(statement, &values).await {
            Cas::Applied => return Ok(true),
            // What stands in the way may be what an earlier try did.
            Cas::Refused if last.is_none() => return Ok(false),
            Cas::Refused => return Ok(done().await?.unwrap_or(false)),
            Cas::Unknown(error) => {
                if let Some(decided) = done().await.map_err(|_| error.clone())? {
                    return Ok(decided);
                }
                last = Some(error);
            }
        }
    }
    Err(last.unwrap_or_else(|| StoreError::Unavailable("a transaction was not decided".to_owned())))
}

pub(super) async fn create(client: &Client, account: Account) -> Result<Created, StoreError> {
    let Account { id, username, display_name, color, created_at, password_hash, admin } = account;
    let name = username.to_ascii_lowercase();
    let statements = &client.statements;
    if name.is_empty() {
        return Err(StoreError::Unavailable("an account without a name".to_owned()));
    }
    if read(client, &statements.account_now, &name).await?.is_some() {
        return Ok(Created::NameTaken);
    }
    let key = id.0.cast_signed();
    let claimed = decided(client, &statements.claim_id, (key, &name), || async {
        let there: Option<(String,)> = client.first(&statements.name_of_now, (key,)).await?;
        Ok(there.map(|(there,)| there == name))
    });
    if !claimed.await? {
        // Ids are random, so this is an id that somebody has, or what is left of an attempt with the same one.
        let there: Option<(String,)> = client.first(&statements.name_of_now, (key,)).await?;
        if there.is_none_or(|(there,)| there != name) {
            return Err(crate::id_in_use(id));
        }
    }
    let values = (&name, key, display_name, color, created_at.0.cast_signed(), password_hash, admin);
    let created = decided(client, &statements.create_account, values, || async {
        Ok(read(client, &statements.account_now, &name).await?.map(|there| there.id == id))
    });
    Ok(if created.await? { Created::Yes } else { Created::NameTaken })
}

pub(super) async fn by_name(client: &Client, username: &str) -> Result<Option<Account>, StoreError> {
    read(client, &client.statements.account, &username.to_ascii_lowercase()).await
}

pub(super) async fn by_id(client: &Client, id: UserId) -> Result<Option<Account>, StoreError> {
    let Some((name,)) = client.first::<(String,)>(&client.statements.name_of, (id.0.cast_signed(),)).await?
    else {
        return Ok(None);
    };
    let account = read(client, &client.statements.account, &name).await?;
    Ok(account.filter(|account| account.id == id))
}

pub(super) async fn update(
    client: &Client,
    id: UserId,
    change: AccountChange,
) -> Result<Option<Account>, StoreError> {
    let statements = &client.statements;
    let key = id.0.cast_signed();
    let Some((name,)) = client.first::<(String,)>(&statements.name_of, (key,)).await? else {
        return Ok(None);
    };
    let AccountChange { display_name, color, password_hash, admin } = change;
    // Each column by itself, so that two who change different ones do not undo each other.
    let changes = [
        (&statements.set_display_name, display_name.map(CqlValue::Text)),
        (&statements.set_color, color.map(CqlValue::Text)),
        (&statements.set_password_hash, password_hash.map(CqlValue::Text)),
        (&statements.set_admin, admin.map(CqlValue::Boolean)),
    ];
    let mut batch = Batch::new(BatchType::Unlogged);
    let mut values = Vec::new();
    for (statement, value) in changes {
        if let Some(value) = value {
            batch.append_statement(statement.clone());
            values.push((value, &name, key));
        }
    }
    if !values.is_empty() {
        match client.cas_batch(&batch, &values[..]).await {
            Cas::Applied => {}
            Cas::Refused => return Ok(None),
            Cas::Unknown(error) => return Err(error),
        }
    }
    let account = read(client, &statements.account_now, &name).await?;
    Ok(account.filter(|account| account.id == id))
}

pub(super) async fn load(
    client: &Client,
    consumer: &str,
    partition: u32,
) -> Result<Option<Checkpoint>, StoreError> {
    let row: Option<(Option<String>, Option<i64>)> =
        client.first(&client.statements.load, (consumer, i64::from(partition))).await?;
    match row {
        None => Ok(None),
        Some((Some(epoch), Some(offset))) => Ok(Some(Checkpoint { epoch, offset: offset.cast_unsigned() })),
        Some(_) => Err(StoreError::Damaged(format!("the checkpoint of {consumer}/{partition} is not whole"))),
    }
}

pub(super) async fn save(
    client: &Client,
    consumer: &str,
    partition: u32,
    at: &Checkpoint,
) -> Result<(), StoreError> {
    let values = (consumer, i64::from(partition), &at.epoch, at.offset.cast_signed());
    client.run(&client.statements.save, values).await
}
