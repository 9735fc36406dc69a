//! Keeping a room civil, on one server: who may do what, and what everyone else sees of it.

use crate::support::{Server, whole_history};
use crate::support::{User, config, refused, shared::Shared, texts};
use client::{Error, Socket};
use protocol::{
    codes::ErrorCode,
    frames::{Role, ServerFrame},
    ids::MessageId,
    moderation::{BanBody, ClearBody, ModerationAction, SettingsBody},
    objects::Badge,
};

const ROOM: &str = "alone";

/// A server with a room that has a broadcaster and a moderator.
struct House {
    server: Server,
    admin: User,
    cast: User,
    mia: User,
}

async fn house() -> House {
    let shared = Shared::new(config().log.partitions);
    let server = Server::over(config(), shared.engines()).await;
    let [admin, cast, mia] = [server.user("boss").await, server.user("cast").await, server.user("mia").await];
    shared.promote(admin.id).await;
    let admin = User::login(server.address, "boss").await;
    admin.rest.give_role(ROOM, "broadcaster", "cast").await.unwrap();
    cast.rest.give_role(ROOM, "moderators", "mia").await.unwrap();
    House { server, admin, cast, mia }
}

fn ban_for(seconds: Option<u32>) -> BanBody {
    BanBody { duration_seconds: seconds, reason: Some("spam".to_owned()) }
}

fn rules(change: impl FnOnce(&mut SettingsBody)) -> SettingsBody {
    let mut body = SettingsBody::default();
    change(&mut body);
    body
}

/// Waits for a frame about the room.
async fn told<T>(socket: &mut Socket, what: &str, pick: impl FnMut(&ServerFrame) -> Option<T>) -> T {
    socket.wait_for(what, pick).await.unwrap()
}

fn deleted(frame: &ServerFrame) -> Option<Vec<MessageId>> {
    match frame {
        ServerFrame::Deleted { room, ids } if room == ROOM => Some(ids.clone()),
        _ => None,
    }
}

fn cleared(frame: &ServerFrame) -> Option<Option<String>> {
    match frame {
        ServerFrame::Cleared { room, username } if room == ROOM => Some(username.clone()),
        _ => None,
    }
}

fn role(frame: &ServerFrame) -> Option<Role> {
    match frame {
        ServerFrame::Role { room, you } if room == ROOM => Some(you.role),
        _ => None,
    }
}

async fn history(server: &Server) -> Vec<String> {
    texts(&whole_history(&server.rest(), ROOM).await)
}

#[tokio::test]
async fn roles_are_given_by_those_above_and_shown_as_badges() {
    let House { server, admin, cast, mia } = house().await;
    let vic = server.user("vic").await;
    let mut at_vic = vic.socket().await;
    assert_eq!(at_vic.join(ROOM).await.unwrap().you.role, Role::Viewer);
    refused(mia.rest.give_role(ROOM, "vips", "vic").await, ErrorCode::Forbidden);
    refused(cast.rest.give_role(ROOM, "broadcaster", "vic").await, ErrorCode::Forbidden);
    refused(cast.rest.give_role(ROOM, "vips", "nobody_here").await, ErrorCode::NotFound);
    refused(cast.rest.give_role("nowhere", "vips", "vic").await, ErrorCode::RoomNotFound);
    refused(server.rest().give_role(ROOM, "vips", "vic").await, ErrorCode::Unauthorized);
    cast.rest.give_role(ROOM, "vips", "VIC").await.unwrap();
    assert_eq!(told(&mut at_vic, "role", role).await, Role::Vip);
    let message = vic.rest.send(ROOM, "hi", None).await.unwrap();
    assert_eq!(message.user.badges, [Badge::Vip]);
    let mut socket = cast.socket().await;
    assert_eq!(socket.join(ROOM).await.unwrap().you.role, Role::Broadcaster);
    socket.send_text(ROOM, "me too", "n").await.unwrap();
    let badges = |m: &protocol::objects::FrameMessage| m.user.badges.clone();
    let shown = at_vic.messages(ROOM, 2).await.unwrap();
    assert_eq!(shown.iter().map(badges).collect::<Vec<_>>(), [[Badge::Vip], [Badge::Broadcaster]]);
    let roles = server.rest().roles(ROOM).await.unwrap().roles;
    let roles: Vec<_> = roles.iter().map(|r| (r.user.username.as_str(), r.role)).collect();
    assert_eq!(roles, [("cast", Role::Broadcaster), ("mia", Role::Moderator), ("vic", Role::Vip)]);
    // A room has one broadcaster.
    admin.rest.give_role(ROOM, "broadcaster", "mia").await.unwrap();
    assert_eq!(told(&mut socket, "role", role).await, Role::Viewer);
    refused(cast.rest.take_role(ROOM, "vips", "vic").await, ErrorCode::Forbidden);
    mia.rest.take_role(ROOM, "vips", "vic").await.unwrap();
    assert_eq!(told(&mut at_vic, "role", role).await, Role::Viewer);
    let mut at_admin = admin.socket().await;
    assert_eq!(at_admin.join(ROOM).await.unwrap().you.role, Role::Admin);
    // Who becomes a user after joining is told what they are.
    let mut late = server.socket().await;
    late.join(ROOM).await.unwrap();
    late.auth(&mia.access_token).await.unwrap();
    assert_eq!(told(&mut late, "role", role).await, Role::Broadcaster);
}

#[tokio::test]
async fn a_banned_user_s_open_sockets_stop_writing_and_their_messages_go() {
    let House { server, mia, cast, .. } = house().await;
    let eve = server.user("eve").await;
    let (mut first, mut second) = (eve.socket().await, eve.socket().await);
    let mut viewer = server.socket().await;
    for socket in [&mut first, &mut second, &mut viewer] {
        socket.join(ROOM).await.unwrap();
    }
    first.send_text(ROOM, "bad", "1").await.unwrap();
    mia.rest.send(ROOM, "good", None).await.unwrap();
    mia.rest.ban(ROOM, "Eve", &ban_for(None)).await.unwrap();
    for socket in [&mut first, &mut second] {
        let banned = told(socket, "banned", |frame| match frame {
            ServerFrame::Banned { until, reason, .. } => Some((*until, reason.clone())),
            _ => None,
        });
        assert_eq!(banned.await, (None, Some("spam".to_owned())));
        let refusal = refused(socket.send_text(ROOM, "again", "2").await, ErrorCode::Banned);
        assert!(refusal.detail.contains("spam"), "{}", refusal.detail);
    }
    refused(eve.rest.send(ROOM, "again", None).await, ErrorCode::Banned);
    eve.rest.send("busy", "elsewhere", None).await.unwrap();
    assert_eq!(told(&mut viewer, "cleared", cleared).await, Some("eve".to_owned()));
    assert_eq!(history(&server).await, ["good"]);
    let bans = mia.rest.bans(ROOM).await.unwrap().bans;
    assert_eq!(bans.len(), 1);
    assert_eq!((bans[0].user.username.as_str(), bans[0].ban.by.as_str()), ("eve", "mia"));
    refused(eve.rest.bans(ROOM).await, ErrorCode::Forbidden);
    let mut third = eve.socket().await;
    third.join(ROOM).await.unwrap();
    told(&mut third, "banned", |f| matches!(f, ServerFrame::Banned { .. }).then_some(())).await;
    // The nonce of a message that was accepted gets its answer still.
    first.send_text(ROOM, "bad", "1").await.unwrap();
    mia.rest.unban(ROOM, "eve").await.unwrap();
    told(&mut first, "unbanned", |f| matches!(f, ServerFrame::Unbanned { .. }).then_some(())).await;
    first.send_text(ROOM, "sorry", "3").await.unwrap();
    refused(mia.rest.unban(ROOM, "eve").await, ErrorCode::NotFound);
    assert_eq!(history(&server).await, ["good", "sorry"], "what is gone stays gone");
    refused(cast.rest.give_role("busy", "moderators", "eve").await, ErrorCode::Forbidden);
}

#[tokio::test]
async fn nobody_acts_against_equals_or_those_above() {
    let House { server, admin, cast, mia } = house().await;
    let [max, eve] = [server.user("max").await, server.user("eve").await];
    cast.rest.give_role(ROOM, "moderators", "max").await.unwrap();
    for name in ["max", "cast", "boss", "mia"] {
        refused(mia.rest.ban(ROOM, name, &ban_for(Some(1))).await, ErrorCode::Forbidden);
    }
    refused(cast.rest.ban(ROOM, "boss", &ban_for(None)).await, ErrorCode::Forbidden);
    refused(eve.rest.ban(ROOM, "max", &ban_for(None)).await, ErrorCode::Forbidden);
    refused(server.rest().ban(ROOM, "max", &ban_for(None)).await, ErrorCode::Unauthorized);
    refused(mia.rest.ban(ROOM, "nobody_here", &ban_for(None)).await, ErrorCode::NotFound);
    for seconds in [0, 14 * 24 * 3600 + 1] {
        refused(mia.rest.ban(ROOM, "eve", &ban_for(Some(seconds))).await, ErrorCode::ValidationFailed);
    }
    let long = BanBody { reason: Some("x".repeat(501)), ..BanBody::default() };
    refused(mia.rest.ban(ROOM, "eve", &long).await, ErrorCode::ValidationFailed);
    let of_max = max.rest.send(ROOM, "mine", None).await.unwrap();
    let of_boss = admin.rest.send(ROOM, "the boss", None).await.unwrap();
    refused(mia.rest.delete_message(ROOM, of_max.id).await, ErrorCode::Forbidden);
    refused(cast.rest.delete_message(ROOM, of_boss.id).await, ErrorCode::Forbidden);
    refused(eve.rest.delete_message(ROOM, of_max.id).await, ErrorCode::Forbidden);
    let user = ClearBody { username: Some("max".to_owned()), reason: None };
    refused(mia.rest.clear(ROOM, &user).await, ErrorCode::Forbidden);
    assert_eq!(history(&server).await, ["mine", "the boss"]);
    cast.rest.ban(ROOM, "max", &ban_for(Some(600))).await.unwrap();
    refused(max.rest.send(ROOM, "still here", None).await, ErrorCode::Banned);
    cast.rest.unban(ROOM, "max").await.unwrap();
    max.rest.delete_message(ROOM, max.rest.send(ROOM, "oops", None).await.unwrap().id).await.unwrap();
    assert_eq!(history(&server).await, ["the boss"]);
}

#[tokio::test]
async fn a_deleted_message_is_nowhere_any_more() {
    let House { server, mia, .. } = house().await;
    let eve = server.user("eve").await;
    let mut viewer = server.socket().await;
    let joined = viewer.join(ROOM).await.unwrap();
    let first = eve.rest.send(ROOM, "first", None).await.unwrap();
    let bad = eve.rest.send(ROOM, "bad", None).await.unwrap();
    eve.rest.send(ROOM, "last", None).await.unwrap();
    assert_eq!(viewer.messages(ROOM, 3).await.unwrap().len(), 3);
    mia.rest.delete_message(ROOM, bad.id).await.unwrap();
    assert_eq!(told(&mut viewer, "deleted", deleted).await, [bad.id]);
    assert_eq!(history(&server).await, ["first", "last"]);
    let back = server.rest().before(ROOM, bad.seq, 10).await.unwrap();
    assert_eq!(texts(&back.messages), ["first"]);
    let mut another = server.socket().await;
    assert_eq!(texts(&another.join(ROOM).await.unwrap().history), ["first", "last"]);
    // A resume across the deletion does not bring it back.
    let mut resumed = server.socket().await;
    let again = resumed.resume(ROOM, joined.seq, &joined.epoch).await.unwrap();
    assert_eq!((again.recovered, texts(&again.history)), (Some(true), vec!["first".into(), "last".into()]));
    refused(eve.rest.reply(ROOM, "to it", bad.id).await, ErrorCode::MessageNotFound);
    refused(mia.rest.original(ROOM, bad.id).await, ErrorCode::MessageNotFound);
    refused(mia.rest.delete_message(ROOM, bad.id).await, ErrorCode::MessageNotFound);
    assert_eq!(mia.rest.original(ROOM, first.id).await.unwrap(), "first", "moderators see what was typed");
    // A page of one is filled from what lies before.
    assert_eq!(texts(&server.rest().latest(ROOM, 1).await.unwrap().messages), ["last"]);
    let page = server.rest().after(ROOM, first.seq, 1).await.unwrap();
    assert_eq!(texts(&page.messages), ["last"]);
}

#[tokio::test]
async fn a_room_or_a_user_is_cleared() {
    let House { server, mia, .. } = house().await;
    let [eve, ada] = [server.user("eve").await, server.user("ada").await];
    let mut viewer = server.socket().await;
    viewer.join(ROOM).await.unwrap();
    for n in 0..3 {
        eve.rest.send(ROOM, &format!("eve {n}"), None).await.unwrap();
        ada.rest.send(ROOM, &format!("ada {n}"), None).await.unwrap();
    }
    let user = ClearBody { username: Some("eve".to_owned()), reason: None };
    mia.rest.clear(ROOM, &user).await.unwrap();
    assert_eq!(told(&mut viewer, "cleared", cleared).await, Some("eve".to_owned()));
    assert_eq!(history(&server).await, ["ada 0", "ada 1", "ada 2"]);
    eve.rest.send(ROOM, "eve is back", None).await.unwrap();
    assert_eq!(texts(&server.rest().latest(ROOM, 2).await.unwrap().messages), ["ada 2", "eve is back"]);
    refused(ada.rest.clear(ROOM, &ClearBody::default()).await, ErrorCode::Forbidden);
    mia.rest.clear(ROOM, &ClearBody::default()).await.unwrap();
    assert_eq!(told(&mut viewer, "cleared", cleared).await, None);
    assert_eq!(history(&server).await, [""; 0]);
    ada.rest.send(ROOM, "a new day", None).await.unwrap();
    assert_eq!(history(&server).await, ["a new day"]);
    let mut late = server.socket().await;
    assert_eq!(texts(&late.join(ROOM).await.unwrap().history), ["a new day"]);
    let page = server.rest().latest(ROOM, 1).await.unwrap();
    assert_eq!(texts(&server.rest().before(ROOM, page.messages[0].seq, 10).await.unwrap().messages), [""; 0]);
}

#[tokio::test]
async fn slow_mode_holds_viewers_and_not_those_above() {
    let House { server, cast, mia, .. } = house().await;
    let [eve, vic] = [server.user("eve").await, server.user("vic").await];
    cast.rest.give_role(ROOM, "vips", "vic").await.unwrap();
    let mut viewer = server.socket().await;
    viewer.join(ROOM).await.unwrap();
    refused(
        eve.rest.change_settings(ROOM, &rules(|r| r.slow_mode_seconds = Some(60))).await,
        ErrorCode::Forbidden,
    );
    let beyond = rules(|r| r.slow_mode_seconds = Some(121));
    refused(mia.rest.change_settings(ROOM, &beyond).await, ErrorCode::ValidationFailed);
    let room = mia.rest.change_settings(ROOM, &rules(|r| r.slow_mode_seconds = Some(120))).await.unwrap();
    assert_eq!(room.settings.slow_mode_seconds, 120);
    let slow = told(&mut viewer, "room", |frame| match frame {
        ServerFrame::Room { settings, .. } if settings.slow_mode_seconds > 0 => {
            Some(settings.slow_mode_seconds)
        }
        _ => None,
    });
    assert_eq!(slow.await, 120);
    let mut socket = eve.socket().await;
    assert_eq!(socket.join(ROOM).await.unwrap().settings.slow_mode_seconds, 120);
    socket.send_text(ROOM, "one", "1").await.unwrap();
    let refusal = refused(socket.send_text(ROOM, "two", "2").await, ErrorCode::SlowMode);
    assert!(refusal.retry_after_ms.is_some_and(|ms| (1..=120_000).contains(&ms)), "{refusal:?}");
    refused(eve.rest.send(ROOM, "two", None).await, ErrorCode::SlowMode);
    assert_eq!(socket.send_text(ROOM, "one", "1").await.unwrap().nonce, "1", "a retry is no second message");
    for user in [&vic, &mia, &cast] {
        for n in 0..2 {
            user.rest.send(ROOM, &format!("{n}"), None).await.unwrap();
        }
    }
    mia.rest.change_settings(ROOM, &rules(|r| r.slow_mode_seconds = Some(0))).await.unwrap();
    socket.send_text(ROOM, "two", "2").await.unwrap();
}

#[tokio::test]
async fn unique_chat_takes_each_line_once_and_emote_only_takes_no_words() {
    let House { server, mia, .. } = house().await;
    let [eve, ada] = [server.user("eve").await, server.user("ada").await];
    mia.rest.change_settings(ROOM, &rules(|r| r.unique_chat = Some(true))).await.unwrap();
    eve.rest.send(ROOM, "hello there", None).await.unwrap();
    for text in ["hello there", "HELLO   there"] {
        refused(eve.rest.send(ROOM, text, None).await, ErrorCode::DuplicateMessage);
        refused(ada.rest.send(ROOM, text, None).await, ErrorCode::DuplicateMessage);
    }
    ada.rest.send(ROOM, "hello, there", None).await.unwrap();
    mia.rest.send(ROOM, "hello there", None).await.unwrap();
    let emotes = rules(|r| (r.unique_chat, r.emote_only) = (Some(false), Some(true)));
    let room = mia.rest.change_settings(ROOM, &emotes).await.unwrap();
    assert!(room.settings.emote_only && !room.settings.unique_chat);
    for text in ["hello there", "BestieHug!", "BestieHug hi"] {
        refused(eve.rest.send(ROOM, text, None).await, ErrorCode::EmoteOnly);
    }
    assert_eq!(eve.rest.send(ROOM, "BestieHug  BestieHug", None).await.unwrap().emotes.len(), 2);
    mia.rest.send(ROOM, "words of a moderator", None).await.unwrap();
    mia.rest.change_settings(ROOM, &rules(|r| r.emote_only = Some(false))).await.unwrap();
    eve.rest.send(ROOM, "hello there", None).await.unwrap();
}

#[tokio::test]
async fn blocked_phrases_are_looked_for_in_what_was_typed() {
    let House { server, mia, .. } = house().await;
    let eve = server.user("eve").await;
    let word = mia.rest.block_phrase(ROOM, " bad word ", false).await.unwrap();
    let pattern = mia.rest.block_phrase(ROOM, "w[o0]rse+", true).await.unwrap();
    for text in ["a BAD  word!", "w0rseee"] {
        refused(eve.rest.send(ROOM, text, None).await, ErrorCode::BlockedPhrase);
    }
    let mut socket = eve.socket().await;
    refused(socket.send_text(ROOM, "bad word", "1").await, ErrorCode::BlockedPhrase);
    eve.rest.send(ROOM, "bad words", None).await.unwrap();
    mia.rest.send(ROOM, "do not say bad word", None).await.unwrap();
    for (phrase, pattern) in [("a(", true), (".*", true), ("", false), (r"\w{200}\w{200}", true)] {
        refused(mia.rest.block_phrase(ROOM, phrase, pattern).await, ErrorCode::ValidationFailed);
    }
    refused(mia.rest.block_phrase(ROOM, &"x".repeat(201), false).await, ErrorCode::ValidationFailed);
    refused(eve.rest.blocked_phrases(ROOM).await, ErrorCode::Forbidden);
    let phrases = mia.rest.blocked_phrases(ROOM).await.unwrap().phrases;
    assert_eq!(
        phrases.iter().map(|p| (p.id, &p.phrase[..])).collect::<Vec<_>>(),
        [(word.id, "bad word"), (pattern.id, "w[o0]rse+")]
    );
    mia.rest.allow_phrase(ROOM, word.id).await.unwrap();
    refused(mia.rest.allow_phrase(ROOM, word.id).await, ErrorCode::NotFound);
    eve.rest.send(ROOM, "bad word", None).await.unwrap();
}

#[tokio::test]
async fn a_pinned_message_is_shown_until_it_goes() {
    let House { server, mia, .. } = house().await;
    let eve = server.user("eve").await;
    let mut viewer = server.socket().await;
    assert_eq!(viewer.join(ROOM).await.unwrap().pinned, None);
    let message = eve.rest.send(ROOM, "read this", None).await.unwrap();
    refused(eve.rest.pin(ROOM, message.id).await, ErrorCode::Forbidden);
    mia.rest.pin(ROOM, message.id).await.unwrap();
    let shown = told(&mut viewer, "room", |frame| match frame {
        ServerFrame::Room { pinned: Some(pinned), .. } => Some(pinned.as_ref().clone()),
        _ => None,
    });
    assert_eq!(shown.await, message);
    assert_eq!(server.socket().await.join(ROOM).await.unwrap().pinned, Some(message.clone()));
    assert_eq!(server.rest().room(ROOM).await.unwrap().pinned, Some(message.clone()));
    mia.rest.unpin(ROOM).await.unwrap();
    mia.rest.unpin(ROOM).await.unwrap();
    assert_eq!(server.rest().room(ROOM).await.unwrap().pinned, None);
    mia.rest.pin(ROOM, message.id).await.unwrap();
    mia.rest.delete_message(ROOM, message.id).await.unwrap();
    assert_eq!(server.rest().room(ROOM).await.unwrap().pinned, None);
    refused(mia.rest.pin(ROOM, message.id).await, ErrorCode::MessageNotFound);
}

#[tokio::test]
async fn who_did_what_when_and_why_is_written_down() {
    let House { server, cast, mia, .. } = house().await;
    let eve = server.user("eve").await;
    for n in 0..3 {
        eve.rest.send(ROOM, &format!("spam {n}"), None).await.unwrap();
    }
    let bad = eve.rest.send(ROOM, "bad", None).await.unwrap();
    mia.rest.delete_message(ROOM, bad.id).await.unwrap();
    let card = mia.rest.user_card(ROOM, "eve").await.unwrap();
    assert_eq!((card.user.id, card.role, card.banned), (eve.id, Role::Viewer, None));
    assert_eq!(texts(&card.messages), ["spam 0", "spam 1", "spam 2"]);
    mia.rest.ban(ROOM, "eve", &ban_for(Some(600))).await.unwrap();
    mia.rest.change_settings(ROOM, &rules(|r| r.slow_mode_seconds = Some(5))).await.unwrap();
    refused(eve.rest.moderation_log(ROOM, 10, None).await, ErrorCode::Forbidden);
    refused(mia.rest.moderation_log(ROOM, 101, None).await, ErrorCode::ValidationFailed);
    let all = cast.rest.moderation_log(ROOM, 100, None).await.unwrap();
    let actions: Vec<_> = all.entries.iter().map(|entry| entry.action).collect();
    let expected = [
        ModerationAction::Settings,
        ModerationAction::Timeout,
        ModerationAction::Delete,
        ModerationAction::Role,
        ModerationAction::Role,
    ];
    assert_eq!((actions, all.next_before), (expected.to_vec(), None));
    let timeout = &all.entries[1];
    assert_eq!((timeout.moderator.as_str(), timeout.target.as_deref()), ("mia", Some("eve")));
    assert_eq!((timeout.duration_seconds, timeout.reason.as_deref()), (Some(600), Some("spam")));
    let delete = &all.entries[2];
    assert_eq!((delete.message_id, delete.detail.as_deref()), (Some(bad.id), Some("bad")));
    let first = mia.rest.moderation_log(ROOM, 2, None).await.unwrap();
    let rest = mia.rest.moderation_log(ROOM, 100, first.next_before).await.unwrap();
    assert_eq!([first.entries, rest.entries].concat(), all.entries, "in pages it is the same");
    let card = mia.rest.user_card(ROOM, "eve").await.unwrap();
    assert!(card.messages.is_empty() && card.banned.is_some_and(|ban| ban.by == "mia"));
    assert_eq!(card.measures, all.entries[1..3]);
    refused(eve.rest.user_card(ROOM, "mia").await, ErrorCode::Forbidden);
    refused(mia.rest.user_card(ROOM, "nobody_here").await, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_flood_of_measures_is_held_up() {
    let House { server: _server, mia, .. } = house().await;
    let mut held = None;
    // The burst, and what comes back while it is spent.
    for n in 0..2_000 {
        let body = rules(|r| r.slow_mode_seconds = Some(n % 2 + 1));
        match mia.rest.change_settings(ROOM, &body).await {
            Ok(_) => {}
            Err(Error::Refused(refusal)) => {
                held = Some(refusal);
                break;
            }
            Err(other) => panic!("{other}"),
        }
    }
    let held = held.expect("not 2,000 in a row");
    assert_eq!(held.code, ErrorCode::RateLimited);
    assert!(held.retry_after_ms.is_some());
}
