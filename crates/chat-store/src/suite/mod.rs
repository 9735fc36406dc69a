//! The promises of the port as tests: every engine passes all of them. A new promise begins as a new case.
//!
//! An engine says in [`Engine`] how it is opened, and runs the suite with [`conformance!`](crate::conformance), which
//! makes a test of each case:
//!
//! ```ignore
//! chat_store::conformance!(MyEngine);          // every engine
//! chat_store::conformance!(MyEngine, persists); // one whose data outlive it
//! ```
//!
//! The suite knows nothing of how an engine works inside; what happens to damaged files or full disks is tested beside
//! the engine.

use crate::{BoxFuture, Store};
use chat::{
    account::{Account, Family, RefreshToken, TokenHash},
    message::{Author, EmoteRange, Logged, ReplyTo, Styled},
    time::Millis,
};
use protocol::ids::{MessageId, RoomId, Seq, UserId};
use std::sync::Arc;
use uuid::Uuid;

pub mod accounts;
pub mod checkpoints;
pub mod messages;
pub mod moderation;
pub mod persistence;
pub mod run_time;
pub mod sessions;

/// A place where an engine keeps its data, empty at first.
pub trait Engine: Default + Send + Sync {
    /// Opens what is there. Not called again before the store that it gave is closed and dropped.
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>>;

    /// Do rows go when `expire` and `sweep` say so? If not they go by themselves, and the suite looks that those calls
    /// leave them alone.
    fn gives_up_when_told(&self) -> bool {
        true
    }
}

/// Makes a test of each case of the suite.
#[macro_export]
macro_rules! conformance {
    ($engine:ty) => {
        $crate::conformance! { @cases $engine;
            messages:
                an_empty_room_has_no_pages,
                a_message_comes_back_with_every_field,
                latest_is_the_newest_oldest_first,
                before_and_after_leave_out_their_place,
                pages_at_the_ends_of_all_places,
                a_page_has_a_longest_length,
                paging_meets_every_row_once,
                rooms_do_not_mix,
                writing_again_changes_nothing,
                a_row_is_never_written_over,
                rows_may_come_in_any_order,
                a_message_is_found_by_its_id,
                an_id_at_two_places_is_the_first,
                writing_nothing_is_fine,
                rows_of_the_log_are_kept_with_their_mark,
                batches_may_lie_between_each_other,
                expiry_goes_by_time_and_in_steps,
                expiry_with_clocks_that_disagree,
                readers_see_whole_batches;
            moderation:
                a_room_without_measures,
                measures_and_their_facts_come_back,
                the_log_is_read_in_pages_newest_first,
                writing_measures_again_changes_nothing,
                deletions_are_found_among_places,
                measures_about_a_user,
                measures_of_rooms_do_not_mix,
                many_facts_come_back;
            accounts:
                an_account_is_found_by_name_and_id,
                names_are_unique_in_any_case,
                an_id_in_use_is_refused,
                of_many_at_once_exactly_one_wins,
                an_update_changes_what_it_names,
                updates_at_once_lose_nothing;
            sessions:
                a_token_is_kept,
                opening_again_changes_nothing,
                rotation_spends_and_follows,
                a_spent_token_revokes_its_family,
                a_rotation_made_again_is_answered_as_before,
                of_two_rotations_at_once_one_is_reuse,
                a_token_is_good_until_its_time,
                a_hash_in_use_is_refused,
                revoking_a_family_spares_the_others,
                revoking_a_user_names_the_families,
                a_sweep_takes_what_is_past_its_time,
                a_large_sweep_takes_all;
            checkpoints:
                none_before_the_first,
                each_consumer_and_partition_has_its_own,
                the_last_one_counts,
                a_closed_store_says_so;
            run_time:
                an_emote_is_kept_with_its_picture,
                a_name_changes_its_picture_and_an_id_does_not,
                a_removed_emote_leaves_its_picture,
                a_room_is_made_once_and_changed,
                of_many_rooms_at_once_exactly_one_is_made,
                a_token_of_a_bot_is_good_until_it_is_taken_away;
        }
    };
    ($engine:ty, persists) => {
        $crate::conformance! { $engine }
        $crate::conformance! { @cases $engine;
            persistence:
                everything_is_there_after_reopen,
                revocations_are_there_after_reopen,
                expiry_is_there_after_reopen,
                many_lives_of_one_store;
        }
    };
    (@cases $engine:ty; $($group:ident: $($case:ident),+;)+) => {
        $(mod $group {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                $crate::suite::$group::$case(&<$engine>::default()).await;
            })+
        })+
    };
}

/// Time in the suite begins here.
pub(crate) const T0: u64 = 1_720_000_000_000;

/// A message of a room, with an id and a time that follow from its place.
pub(crate) fn line(room: u64, seq: u64) -> Logged {
    line_at(room, seq, T0 + seq.min(1_000_000_000))
}

/// A message of a room at a place and a time.
pub(crate) fn line_at(room: u64, seq: u64, sent_at: u64) -> Logged {
    Logged {
        seq: Seq(seq),
        message: Styled {
            id: id(room, seq),
            room: RoomId(room),
            author: Author {
                id: UserId(7),
                username: "ada".into(),
                display_name: "Ada".into(),
                color: "#FF7F50".into(),
                badges: vec!["founder".into()],
            },
            text: format!("skibidi {room}/{seq} ✨"),
            original: format!("{room}/{seq}"),
            emotes: vec![],
            mentions: vec![],
            reply_to: None,
            action: false,
            styled: true,
            sent_at: Millis(sent_at),
            nonce: None,
        },
    }
}

/// The id that [`line()`] gives.
pub(crate) fn id(room: u64, seq: u64) -> MessageId {
    MessageId(Uuid::from_u128(u128::from(room) << 64 | u128::from(seq)))
}

/// A message with every field filled.
pub(crate) fn rich(room: u64, seq: u64) -> Logged {
    let mut logged = line(room, seq);
    let message = &mut logged.message;
    message.emotes = vec![EmoteRange { id: "25".into(), name: "Kappa".into(), start: 0, end: 4 }];
    message.mentions = vec!["bob".into(), "eve".into()];
    message.reply_to = Some(ReplyTo {
        id: id(room, 1),
        username: "bob".into(),
        display_name: "Bob".into(),
        excerpt: "no cap".into(),
    });
    message.action = true;
    message.nonce = Some("c1".into());
    logged
}

pub(crate) fn account(id: u64, name: &str) -> Account {
    Account {
        id: UserId(id),
        username: name.to_ascii_lowercase(),
        display_name: name.to_owned(),
        color: "#00FF7F".into(),
        created_at: Millis(T0),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".into(),
        admin: false,
    }
}

pub(crate) fn hash(n: u64) -> TokenHash {
    let mut bytes = [0xa5; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    TokenHash(bytes)
}

pub(crate) fn token(user: u64, family: u128, expires_at: u64) -> RefreshToken {
    RefreshToken { user: UserId(user), family: Family(family), expires_at: Millis(expires_at), spent: false }
}

/// The places of a page.
pub(crate) fn places(page: &[Logged]) -> Vec<u64> {
    page.iter().map(|logged| logged.seq.0).collect()
}
