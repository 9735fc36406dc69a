//! A measure at one gateway holds at all, and outlives them.

use crate::support::{Cluster, ROOMS, again, alone, tell};
use chat_store::{AccountChange, AccountStore as _};
use client::{Error, Rest, Socket};
use protocol::{
    codes::ErrorCode,
    frames::{Role, ServerFrame},
    ids::MessageId,
    moderation::{BanBody, ClearBody, SettingsBody},
};
use std::{net::SocketAddr, time::Instant};

const PASSWORD: &str = "a password for the test";

async fn history(address: SocketAddr, room: &str) -> Vec<MessageId> {
    let page = Rest::new(address).latest(room, 100).await.unwrap();
    page.messages.into_iter().map(|message| message.id).collect()
}

fn is_banned<T>(answer: &Result<T, Error>) -> bool {
    answer.as_ref().err().and_then(Error::code) == Some(ErrorCode::Banned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ban_at_one_gateway_stops_sends_at_all_and_outlives_them() {
    let _alone = alone();
    let name = "cluster_moderation";
    let cluster = Cluster::shared();
    let [mut a, mut b] = cluster.start(["gateway,persist", "gateway"]);
    let room = ROOMS[0];
    let at_a = Rest::new(a.address());
    let boss = at_a.register("boss", PASSWORD).await.unwrap();
    let change = AccountChange { admin: Some(true), ..AccountChange::default() };
    cluster.store().await.update(boss.user.id, change).await.unwrap();
    let boss = at_a.login("boss", PASSWORD).await.unwrap().access_token;
    let eve = at_a.register("eve", PASSWORD).await.unwrap().access_token;
    let mia = at_a.register("mia", PASSWORD).await.unwrap().access_token;
    let by_boss = at_a.bearer(&boss);
    let mut eve_at_b = Socket::connect(b.address()).await.unwrap();
    eve_at_b.auth(&eve).await.unwrap();
    let joined = eve_at_b.join(room).await.unwrap();
    by_boss.give_role(room, "moderators", "mia").await.unwrap();
    let by_mia = at_a.bearer(&mia);
    by_mia.send(room, "before the flood", None).await.unwrap();
    by_mia.clear(room, &ClearBody::default()).await.unwrap();
    eve_at_b.send_text(room, "bad", "1").await.unwrap();
    let oops = by_mia.send(room, "oops", None).await.unwrap();
    let good = by_mia.send(room, "good", None).await.unwrap();
    by_mia.delete_message(room, oops.id).await.unwrap();
    by_mia.pin(room, good.id).await.unwrap();
    let slow = SettingsBody { slow_mode_seconds: Some(7), ..SettingsBody::default() };
    by_mia.change_settings(room, &slow).await.unwrap();
    let since = Instant::now();
    by_mia.ban(room, "eve", &BanBody::default()).await.unwrap();
    let banned = |frame: &ServerFrame| matches!(frame, ServerFrame::Banned { .. }).then_some(());
    eve_at_b.wait_for("banned", banned).await.unwrap();
    let took = since.elapsed().as_secs_f64();
    assert!(is_banned(&eve_at_b.send_text(room, "again", "2").await));
    let log = by_mia.moderation_log(room, 100, None).await.unwrap();
    assert_eq!(log.entries.len(), 6);
    // Those who were there, and those who come after a kill and know only what lies in the log and the database.
    for life in 0..2 {
        for server in [&a, &b] {
            let rest = Rest::new(server.address());
            assert_eq!(history(server.address(), room).await, [good.id], "life {life}");
            let mut resumed = Socket::connect(server.address()).await.unwrap();
            let past = resumed.resume(room, joined.seq, &joined.epoch).await.unwrap();
            let shown: Vec<_> = past.history.iter().map(|message| message.id).collect();
            assert_eq!((past.recovered, shown), (Some(true), vec![good.id]), "life {life}");
            assert_eq!((past.settings.slow_mode_seconds, past.pinned.map(|m| m.id)), (7, Some(good.id)));
            assert!(is_banned(&rest.bearer(&eve).send(room, "again", None).await), "life {life}");
            let by_mia = rest.bearer(&mia);
            assert_eq!(by_mia.moderation_log(room, 100, None).await.unwrap(), log, "life {life}");
            assert_eq!(by_mia.user_card(room, "mia").await.unwrap().role, Role::Moderator);
        }
        // The second life finds all of it in the database, the first may find it in the log alone.
        if life == 0 {
            cluster.store_is_the_log().await;
        }
        for server in [&mut a, &mut b] {
            server.kill();
            again(server);
        }
    }
    tell(&format!("{name}: a ban at one gateway was told at the other after {took:.2} s"));
}
