//! The statements, prepared once when the store is opened.
//!
//! Every statement that may be made twice without harm is marked so, and then the driver tries it on another node.

use scylla::{
    client::session::Session,
    errors::PrepareError,
    statement::{Consistency, Statement, prepared::PreparedStatement},
};

macro_rules! statements {
    ($($(#[$meta:meta])* $name:ident: $kind:ident, $cql:expr;)+) => {
        /// All statements of an open store.
        pub(super) struct Statements {
            $($(#[$meta])* pub(super) $name: PreparedStatement,)+
        }

        impl Statements {
            /// Prepares them for the tables of this keyspace.
            pub(super) async fn prepare(session: &Session, keyspace: &str) -> Result<Self, PrepareError> {
                Ok(Self {
                    $($name: prepare(session, keyspace, $cql, Kind::$kind).await?,)+
                })
            }
        }
    };
}

/// How a statement is asked.
enum Kind {
    /// Doing it twice is the same as once.
    Plain,
    /// A lightweight transaction.
    Cas,
    /// A read that sees what every transaction before it did.
    Serial,
}

async fn prepare(
    session: &Session,
    keyspace: &str,
    cql: &str,
    kind: Kind,
) -> Result<PreparedStatement, PrepareError> {
    let mut statement = session.prepare(Statement::new(cql.replace("KS.", &format!("{keyspace}.")))).await?;
    match kind {
        Kind::Plain => statement.set_is_idempotent(true),
        Kind::Cas => statement.set_is_idempotent(false),
        Kind::Serial => {
            statement.set_is_idempotent(true);
            statement.set_consistency(Consistency::LocalSerial);
        }
    }
    Ok(statement)
}

statements! {
    insert_row: Plain, "INSERT INTO KS.messages (room, bucket, place, record) VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
    insert_bucket: Plain, "INSERT INTO KS.message_buckets (room, bucket) VALUES (?, ?) USING TIMESTAMP ? AND TTL ?";
    insert_ids: Plain, "INSERT INTO KS.message_ids (room, slot, bucket, first_place, last_place, first_id, last_id) \
        VALUES (?, ?, ?, ?, ?, ?, ?) USING TTL ?";
    /// Newest first, from this bucket on.
    buckets_down: Plain, "SELECT bucket FROM KS.message_buckets WHERE room = ? AND bucket <= ? ORDER BY bucket DESC LIMIT ?";
    /// Oldest first, from this bucket on.
    buckets_up: Plain, "SELECT bucket FROM KS.message_buckets WHERE room = ? AND bucket >= ? ORDER BY bucket ASC LIMIT ?";
    /// Newest first, before this place.
    rows_down: Plain, "SELECT place, record FROM KS.messages WHERE room = ? AND bucket = ? AND place < ? ORDER BY place DESC LIMIT ?";
    /// Oldest first, from this place on.
    rows_up: Plain, "SELECT place, record FROM KS.messages WHERE room = ? AND bucket = ? AND place >= ? ORDER BY place ASC LIMIT ?";
    rows_between: Plain, "SELECT place, record FROM KS.messages WHERE room = ? AND bucket = ? AND place >= ? AND place <= ?";
    places_between: Plain, "SELECT place FROM KS.messages WHERE room = ? AND bucket = ? AND place >= ? AND place <= ?";
    last_place: Plain, "SELECT place FROM KS.messages WHERE room = ? AND bucket = ? ORDER BY place DESC LIMIT 1";
    ids: Plain, "SELECT bucket, first_place, last_place, first_id, last_id FROM KS.message_ids WHERE room = ? AND slot = ?";

    insert_measure_bucket: Plain, "INSERT INTO KS.moderation_buckets (room, bucket) VALUES (?, ?)";
    insert_measure: Plain, "INSERT INTO KS.moderation_log (room, bucket, place, record) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    insert_measure_about: Plain, "INSERT INTO KS.moderation_about (room, user, seq, record) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    insert_fact: Plain, "INSERT INTO KS.moderation_facts (room, kind, id, fact) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    insert_deletion: Plain, "INSERT INTO KS.moderation_deletions (room, bucket, place, fact) VALUES (?, ?, ?, ?) \
        USING TIMESTAMP ? AND TTL ?";
    /// In the order of the keys, behind this one.
    facts: Plain, "SELECT kind, id, fact FROM KS.moderation_facts WHERE room = ? AND (kind, id) > (?, ?) LIMIT ?";
    deletions: Plain, "SELECT place FROM KS.moderation_deletions WHERE room = ? AND bucket = ? AND place >= ? AND place <= ?";
    /// Newest first, from this bucket on.
    measure_buckets: Plain, "SELECT bucket FROM KS.moderation_buckets WHERE room = ? AND bucket <= ? ORDER BY bucket DESC LIMIT ?";
    /// Newest first, before this place.
    measures: Plain, "SELECT place, record FROM KS.moderation_log WHERE room = ? AND bucket = ? AND place < ? ORDER BY place DESC LIMIT ?";
    measures_about: Plain, "SELECT seq, record FROM KS.moderation_about WHERE room = ? AND user = ? ORDER BY seq DESC LIMIT ?";

    create_account: Cas, "INSERT INTO KS.accounts (username, id, display_name, color, created_at, password_hash, admin) \
        VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
    account: Plain, "SELECT id, display_name, color, created_at, password_hash, admin FROM KS.accounts WHERE username = ?";
    account_now: Serial, "SELECT id, display_name, color, created_at, password_hash, admin FROM KS.accounts WHERE username = ?";
    claim_id: Cas, "INSERT INTO KS.account_ids (id, username) VALUES (?, ?) IF NOT EXISTS";
    name_of: Plain, "SELECT username FROM KS.account_ids WHERE id = ?";
    name_of_now: Serial, "SELECT username FROM KS.account_ids WHERE id = ?";
    set_display_name: Cas, "UPDATE KS.accounts SET display_name = ? WHERE username = ? IF id = ?";
    set_color: Cas, "UPDATE KS.accounts SET color = ? WHERE username = ? IF id = ?";
    set_password_hash: Cas, "UPDATE KS.accounts SET password_hash = ? WHERE username = ? IF id = ?";
    set_admin: Cas, "UPDATE KS.accounts SET admin = ? WHERE username = ? IF id = ?";

    family_of: Plain, "SELECT family FROM KS.session_hashes WHERE hash = ?";
    insert_hash: Plain, "INSERT INTO KS.session_hashes (hash, family) VALUES (?, ?) USING TTL ?";
    insert_user_session: Plain, "INSERT INTO KS.user_sessions (user, family) VALUES (?, ?) USING TTL ?";
    user_sessions: Plain, "SELECT family FROM KS.user_sessions WHERE user = ?";
    forget_user_session: Plain, "DELETE FROM KS.user_sessions WHERE user = ? AND family = ?";
    token: Plain, "SELECT revoked, user, expires_at, spent FROM KS.sessions WHERE family = ? AND hash = ?";
    token_now: Serial, "SELECT revoked, user, expires_at, spent FROM KS.sessions WHERE family = ? AND hash = ?";
    insert_token: Cas, "INSERT INTO KS.sessions (family, hash, user, expires_at, spent) VALUES (?, ?, ?, ?, false) IF NOT EXISTS USING TTL ?";
    /// Only with a family that is not revoked; the part of a batch that decides.
    spend_token: Cas, "UPDATE KS.sessions USING TTL ? SET spent = true WHERE family = ? AND hash = ? IF spent = false AND revoked = null";
    /// The hash is null where nothing but `revoked` is left.
    family_now: Serial, "SELECT hash, revoked, expires_at FROM KS.sessions WHERE family = ?";
    revoke_family: Cas, "UPDATE KS.sessions USING TTL ? SET revoked = true WHERE family = ? IF revoked = null";
    revoke_for_longer: Cas, "UPDATE KS.sessions USING TTL ? SET revoked = true WHERE family = ? IF revoked = true";

    save: Plain, "INSERT INTO KS.checkpoints (consumer, log_partition, epoch, log_offset) VALUES (?, ?, ?, ?)";
    load: Plain, "SELECT epoch, log_offset FROM KS.checkpoints WHERE consumer = ? AND log_partition = ?";

    insert_picture: Plain, "INSERT INTO KS.pictures (id, kind, bytes) VALUES (?, ?, ?)";
    picture: Plain, "SELECT kind, bytes FROM KS.pictures WHERE id = ?";
    insert_emote: Plain, "INSERT INTO KS.emotes (part, scope, name, id, animated, by_user, at) VALUES (?, ?, ?, ?, ?, ?, ?)";
    delete_emote: Plain, "DELETE FROM KS.emotes WHERE part = ? AND scope = ? AND name = ?";
    emotes: Plain, "SELECT scope, name, id, animated, by_user, at FROM KS.emotes WHERE part = ? LIMIT ?";

    create_room: Cas, "INSERT INTO KS.rooms (part, slug, id, title, description, transformer, log_partition, archived, created_at) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
    rooms: Plain, "SELECT slug, id, title, description, transformer, log_partition, archived, created_at FROM KS.rooms \
        WHERE part = ? LIMIT ?";
    rooms_now: Serial, "SELECT slug, id, title, description, transformer, log_partition, archived, created_at FROM KS.rooms \
        WHERE part = ? LIMIT ?";
    room_now: Serial, "SELECT slug, id, title, description, transformer, log_partition, archived, created_at FROM KS.rooms \
        WHERE part = ? AND slug = ?";
    set_room_title: Cas, "UPDATE KS.rooms SET title = ? WHERE part = ? AND slug = ? IF id = ?";
    set_room_description: Cas, "UPDATE KS.rooms SET description = ? WHERE part = ? AND slug = ? IF id = ?";
    set_room_archived: Cas, "UPDATE KS.rooms SET archived = ? WHERE part = ? AND slug = ? IF id = ?";

    insert_bot_token_of: Plain, "INSERT INTO KS.bot_tokens_of (user, family, hash, name, created_at) VALUES (?, ?, ?, ?, ?)";
    bot_tokens_of: Plain, "SELECT user, family, hash, name, created_at FROM KS.bot_tokens_of WHERE user = ?";
    delete_bot_token_of: Plain, "DELETE FROM KS.bot_tokens_of WHERE user = ? AND family = ?";
    insert_bot_token: Plain, "INSERT INTO KS.bot_tokens (hash, user, family, name, created_at) VALUES (?, ?, ?, ?, ?)";
    bot_token: Plain, "SELECT user, family, hash, name, created_at FROM KS.bot_tokens WHERE hash = ?";
    delete_bot_token: Plain, "DELETE FROM KS.bot_tokens WHERE hash = ?";
}
