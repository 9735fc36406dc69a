//! Measures at one node hold at all of them, and outlive every process.

use crate::support::{
    PASSWORD, Server, User, config, process::Folder, refused, shared::Shared, socket, texts, whole_history,
};
use client::{Rest, Socket};
use protocol::{
    codes::ErrorCode,
    frames::{Role, ServerFrame},
    moderation::{BanBody, ClearBody, SettingsBody},
};
use server::config::Secret;

const ROOM: &str = "alone";

async fn node(shared: &Shared) -> Server {
    let mut config = config();
    config.auth.secret = Secret::new("one secret for all of the nodes here".to_owned());
    Server::over(config, shared.engines()).await
}

async fn cleared(socket: &mut Socket, name: &str) {
    let of = |frame: &ServerFrame| match frame {
        ServerFrame::Cleared { username: Some(username), .. } if username == name => Some(()),
        _ => None,
    };
    socket.wait_for("cleared", of).await.unwrap();
}

async fn banned(socket: &mut Socket) {
    let of = |frame: &ServerFrame| matches!(frame, ServerFrame::Banned { .. }).then_some(());
    socket.wait_for("banned", of).await.unwrap();
}

#[tokio::test]
async fn a_ban_at_one_node_stops_sends_at_another() {
    let shared = Shared::new(config().log.partitions);
    let (a, b) = (node(&shared).await, node(&shared).await);
    let [boss, eve, ada] = [a.user("boss").await, a.user("eve").await, a.user("ada").await];
    shared.promote(boss.id).await;
    let boss = User::login(a.address, "boss").await;
    let mut eve_at_b = socket(b.address).await;
    eve_at_b.auth(&eve.access_token).await.unwrap();
    let mut viewer_at_b = b.socket().await;
    let joined = viewer_at_b.join(ROOM).await.unwrap();
    eve_at_b.join(ROOM).await.unwrap();
    eve_at_b.send_text(ROOM, "bad", "1").await.unwrap();
    let deleted = ada.rest.send(ROOM, "oops", None).await.unwrap();
    ada.rest.send(ROOM, "good", None).await.unwrap();
    boss.rest.ban(ROOM, "eve", &BanBody::default()).await.unwrap();
    boss.rest.delete_message(ROOM, deleted.id).await.unwrap();
    banned(&mut eve_at_b).await;
    cleared(&mut viewer_at_b, "eve").await;
    refused(eve_at_b.send_text(ROOM, "again", "2").await, ErrorCode::Banned);
    let gone = |frame: &ServerFrame| match frame {
        ServerFrame::Deleted { ids, .. } => Some(ids.clone()),
        _ => None,
    };
    assert_eq!(viewer_at_b.wait_for("deleted", gone).await.unwrap(), [deleted.id]);
    // All agree: those who were there, and one that comes later.
    let c = node(&shared).await;
    for server in [&a, &b, &c] {
        assert_eq!(texts(&whole_history(&server.rest(), ROOM).await), ["good"]);
        let mut resumed = server.socket().await;
        let again = resumed.resume(ROOM, joined.seq, &joined.epoch).await.unwrap();
        assert_eq!((again.recovered, texts(&again.history)), (Some(true), vec!["good".to_owned()]));
        let mut late = server.socket().await;
        assert_eq!(texts(&late.join(ROOM).await.unwrap().history), ["good"]);
        let of_eve = server.rest().bearer(&eve.access_token);
        refused(of_eve.send(ROOM, "again", None).await, ErrorCode::Banned);
        let of_boss = server.rest().bearer(&boss.access_token);
        assert_eq!(of_boss.bans(ROOM).await.unwrap().bans.len(), 1);
        assert_eq!(of_boss.moderation_log(ROOM, 10, None).await.unwrap().entries.len(), 2);
    }
    // Lifted at one, lifted at all.
    let told = |frame: &ServerFrame| matches!(frame, ServerFrame::Unbanned { .. }).then_some(());
    c.rest().bearer(&boss.access_token).unban(ROOM, "eve").await.unwrap();
    eve_at_b.wait_for("unbanned", told).await.unwrap();
    eve_at_b.send_text(ROOM, "sorry", "3").await.unwrap();
}

/// An account that an operator made an admin.
fn admin(folder: &Folder) -> String {
    let made = folder.twitchy(&["user", "create", "boss", "--admin"]).run();
    assert_eq!(made.code, Some(0), "{}", made.err);
    made.out.trim().rsplit(' ').next().expect("a password").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measures_outlive_a_killed_process() {
    let folder = Folder::new();
    let password = admin(&folder);
    let process = folder.serve();
    let rest = Rest::new(process.address);
    let eve = rest.register("eve", PASSWORD).await.unwrap();
    let mia = rest.register("mia", PASSWORD).await.unwrap();
    let boss = rest.bearer(&rest.login("boss", &password).await.unwrap().access_token);
    let [of_eve, of_mia] = [rest.bearer(&eve.access_token), rest.bearer(&mia.access_token)];
    let joined = socket(process.address).await.join(ROOM).await.unwrap();
    boss.give_role(ROOM, "moderators", "mia").await.unwrap();
    of_mia.send(ROOM, "before the flood", None).await.unwrap();
    of_mia.clear(ROOM, &ClearBody::default()).await.unwrap();
    of_eve.send(ROOM, "bad", None).await.unwrap();
    let oops = of_mia.send(ROOM, "oops", None).await.unwrap();
    let good = of_mia.send(ROOM, "good", None).await.unwrap();
    of_mia.delete_message(ROOM, oops.id).await.unwrap();
    of_mia.pin(ROOM, good.id).await.unwrap();
    let slow = SettingsBody { slow_mode_seconds: Some(7), ..SettingsBody::default() };
    of_mia.change_settings(ROOM, &slow).await.unwrap();
    of_mia.block_phrase(ROOM, "worse", false).await.unwrap();
    of_mia.ban(ROOM, "eve", &BanBody::default()).await.unwrap();
    let log = of_mia.moderation_log(ROOM, 100, None).await.unwrap();
    process.kill();
    for _ in 0..2 {
        let process = folder.serve();
        let rest = Rest::new(process.address);
        assert_eq!(texts(&whole_history(&rest, ROOM).await), ["good"]);
        let mut again = socket(process.address).await;
        let resumed = again.resume(ROOM, joined.seq, &joined.epoch).await.unwrap();
        assert_eq!((resumed.recovered, texts(&resumed.history)), (Some(true), vec!["good".to_owned()]));
        let room = rest.room(ROOM).await.unwrap();
        assert_eq!((room.settings.slow_mode_seconds, room.pinned.map(|m| m.id)), (7, Some(good.id)));
        refused(rest.bearer(&eve.access_token).send(ROOM, "again", None).await, ErrorCode::Banned);
        let of_mia = rest.bearer(&mia.access_token);
        assert_eq!(of_mia.moderation_log(ROOM, 100, None).await.unwrap(), log, "not one entry more or less");
        assert_eq!(of_mia.blocked_phrases(ROOM).await.unwrap().phrases.len(), 1);
        let mut socket = socket(process.address).await;
        socket.auth(&mia.access_token).await.unwrap();
        assert_eq!(socket.join(ROOM).await.unwrap().you.role, Role::Moderator);
        process.kill();
    }
}
