//! Going on where another connection ended: nothing is missing, nothing comes twice, and what cannot be given is told.

use crate::support::{Server, keys, messages_in, refused, same, say_many, texts, whole_history};
use client::{Ack, Joined, Options, Socket};
use protocol::{
    codes::ErrorCode,
    frames::{NotRecovered, ServerFrame},
    ids::{MessageId, Seq},
    objects::FrameMessage,
};
use server::config::Config;
use tokio::sync::Semaphore;

type Key = (Seq, MessageId, String);

/// A ring of 100 messages, and at most 150 are replayed.
fn short_memory(config: &mut Config) {
    config.feed.ring_messages = 100;
    config.feed.resume_messages_max = 150;
}

fn keys_of(acks: &[Ack]) -> Vec<Key> {
    acks.iter().map(|ack| (ack.seq, ack.id, ack.nonce.clone())).collect()
}

/// Everything a resume gave: the history, the frames behind it, and what is said now.
async fn all_after(socket: &mut Socket, joined: &Joined, room: &str, last: &str) -> Vec<FrameMessage> {
    let mut all = joined.history.clone();
    while all.last().is_none_or(|message| message.text != last) {
        all.extend(socket.messages(room, 1).await.unwrap());
    }
    all
}

#[tokio::test]
async fn every_place_up_to_the_limit_is_gone_on_from_completely() {
    let server = Server::with(short_memory).await;
    let mut writer = server.user("ada").await.socket().await;
    let mut said = keys_of(&say_many(&mut writer, "alone", "m", 300).await);
    let epoch = server.socket().await.join("alone").await.unwrap().epoch;
    // 0: nothing was missed; around 100: the edge of the ring and of the `history` field; 150: the limit.
    for missed in [0, 1, 2, 10, 11, 97, 98, 99, 100, 101, 102, 103, 130, 149, 150] {
        let after = said[said.len() - missed - 1].0;
        let mut socket = server.socket().await;
        let joined = socket.resume("alone", after, &epoch).await.unwrap();
        assert_eq!((joined.recovered, joined.reason), (Some(true), None), "{missed} missed");
        assert_eq!(joined.history.len(), missed.min(100), "{missed} missed");
        if let Some(last) = joined.history.last() {
            assert_eq!(joined.seq, last.seq, "{missed} missed: `seq` is where `history` ends");
        } else {
            assert_eq!(joined.seq, after, "nothing was missed");
        }
        let name = format!("after-{missed}");
        said.extend(keys_of(&[writer.send_text("alone", &name, &name).await.unwrap()]));
        let got = all_after(&mut socket, &joined, "alone", &name).await;
        same(&keys(&got), &said[said.len() - missed - 1..], &format!("{missed} missed"));
    }
}

#[tokio::test]
async fn a_long_absence_is_gone_on_from_over_many_pages_of_the_store() {
    for server in [
        Server::with(|config| config.feed.ring_messages = 100).await,
        Server::durable(|config| config.feed.ring_messages = 100).await,
    ] {
        let mut writer = server.user("ada").await.socket().await;
        // Another room's messages lie between them.
        say_many(&mut writer, "busy", "other", 700).await;
        let mut said = keys_of(&say_many(&mut writer, "quiet", "m", 1_200).await);
        say_many(&mut writer, "busy", "others", 700).await;
        said.extend(keys_of(&say_many(&mut writer, "quiet", "n", 1_200).await));
        let epoch = server.socket().await.join("quiet").await.unwrap().epoch;
        // The store gives 1,000 a page; at most 2,000 are replayed.
        for missed in [999, 1_000, 1_001, 1_099, 1_100, 1_101, 1_200, 1_500, 1_999, 2_000] {
            let after = said[said.len() - missed - 1].0;
            let mut socket = server.socket().await;
            let joined = socket.resume("quiet", after, &epoch).await.unwrap();
            assert_eq!((joined.recovered, joined.reason), (Some(true), None), "{missed} missed");
            let got = all_after(&mut socket, &joined, "quiet", "n-1199").await;
            same(&keys(&got), &said[said.len() - missed..], &format!("{missed} missed"));
        }
        let after = said[said.len() - 2_002].0;
        let joined = server.socket().await.resume("quiet", after, &epoch).await.unwrap();
        assert_eq!((joined.recovered, joined.reason), (Some(false), Some(NotRecovered::TooOld)));
    }
}

#[tokio::test]
async fn what_cannot_be_gone_on_from_is_told_and_answered_by_the_usual_history() {
    let server = Server::with(short_memory).await;
    let mut writer = server.user("ada").await.socket().await;
    let said = say_many(&mut writer, "alone", "m", 300).await;
    let (last, epoch) = {
        let joined = server.socket().await.join("alone").await.unwrap();
        (joined.seq, joined.epoch)
    };
    assert_eq!(last, said[299].seq);
    let newest: Vec<String> = (290..300).map(|i| format!("m-{i}")).collect();
    let ahead = Some(NotRecovered::Ahead);
    let too_old = Some(NotRecovered::TooOld);
    let changed = Some(NotRecovered::EpochChanged);
    for (after, of, reason) in [
        (said[148].seq, epoch.as_str(), too_old), // 151 missed
        (said[0].seq, &epoch, too_old),
        (Seq(0), &epoch, too_old),
        (Seq(last.0 + 1), &epoch, ahead),
        (Seq(u64::from(u32::MAX)), &epoch, ahead),
        (Seq(i64::MAX as u64), &epoch, ahead),
        (Seq(u64::MAX), &epoch, ahead),
        (last, "another", changed),
        (last, "", changed),
        (last, &"x".repeat(10_000), changed),
        (Seq(0), "another", changed),
        (Seq(u64::MAX), "another", changed),
    ] {
        let mut socket = server.socket().await;
        let joined = socket.resume("alone", after, of).await.unwrap();
        let case = format!("{after} of {of:.20}");
        assert_eq!((joined.recovered, joined.reason), (Some(false), reason), "{case}");
        assert_eq!(texts(&joined.history), newest, "{case}");
        assert_eq!((joined.seq, joined.epoch), (last, epoch.clone()), "{case}");
        socket.ping("end").await.unwrap();
        assert_eq!(messages_in(socket.take_kept()), [], "{case}: nothing but the history");
    }
}

#[tokio::test]
async fn a_small_room_is_gone_on_from_its_beginning() {
    let server = Server::with(short_memory).await;
    let fresh = server.socket().await.join("alone").await.unwrap();
    assert_eq!((fresh.seq, fresh.history.len()), (Seq(0), 0));
    let mut writer = server.user("ada").await.socket().await;
    let said = say_many(&mut writer, "alone", "m", 120).await;
    let mut socket = server.socket().await;
    let joined = socket.resume("alone", fresh.seq, &fresh.epoch).await.unwrap();
    assert_eq!(joined.recovered, Some(true));
    assert_eq!(keys(&all_after(&mut socket, &joined, "alone", "m-119").await), keys_of(&said));
}

#[tokio::test]
async fn a_place_between_two_rooms_of_a_partition_counts_in_both() {
    let server = Server::with(short_memory).await;
    let mut writer = server.user("ada").await.socket().await;
    let one = writer.send_text("quiet", "one", "1").await.unwrap();
    let two = writer.send_text("busy", "two", "2").await.unwrap();
    let epoch = server.socket().await.join("quiet").await.unwrap().epoch;
    // The place of another room's message lies after everything of this room, and is not ahead of the log.
    let joined = server.socket().await.resume("quiet", two.seq, &epoch).await.unwrap();
    assert_eq!((joined.recovered, joined.history.len()), (Some(true), 0));
    let joined = server.socket().await.resume("busy", one.seq, &epoch).await.unwrap();
    assert_eq!((joined.recovered, texts(&joined.history)), (Some(true), vec!["two".to_owned()]));
}

#[tokio::test]
async fn a_place_without_its_epoch_is_refused() {
    let server = Server::start().await;
    let mut socket = server.socket().await;
    socket.send_raw(r#"{"type":"join","room":"alone","after":"0"}"#).await.unwrap();
    let refusal = socket.refused().await.unwrap();
    assert_eq!((refusal.code, refusal.room.as_deref()), (ErrorCode::ValidationFailed, Some("alone")));
    // An epoch alone asks for nothing.
    socket.send_raw(r#"{"type":"join","room":"alone","epoch":"x"}"#).await.unwrap();
    let joined = socket.wait_for("joined", |frame| match frame {
        ServerFrame::Joined { recovered, .. } => Some(*recovered),
        _ => None,
    });
    assert_eq!(joined.await.unwrap(), None);
    refused(socket.resume("nowhere", Seq(0), "x").await, ErrorCode::RoomNotFound);
}

#[tokio::test]
async fn after_a_restart_the_same_epoch_goes_on() {
    let server = Server::durable(short_memory).await;
    let mut writer = server.user("ada").await.socket().await;
    let said = keys_of(&say_many(&mut writer, "alone", "m", 140).await);
    let before = server.socket().await.join("alone").await.unwrap();
    writer.vanish();
    let server = server.restart(|_| {}).await;
    for missed in [0, 1, 99, 100, 101, 139] {
        let after = said[said.len() - missed - 1].0;
        let mut socket = server.socket().await;
        let joined = socket.resume("alone", after, &before.epoch).await.unwrap();
        assert_eq!((joined.recovered, joined.reason), (Some(true), None), "{missed} missed");
        let mut got = joined.history.clone();
        if got.len() < missed {
            got.extend(socket.messages("alone", missed - got.len()).await.unwrap());
        }
        same(&keys(&got), &said[said.len() - missed..], &format!("{missed} missed"));
    }
    let joined = server.socket().await.join_with_history("alone", 100).await.unwrap();
    assert_eq!((keys(&joined.history), joined.seq), (said[40..].to_vec(), before.seq));
    assert_eq!(keys(&whole_history(&server.rest(), "alone").await), said);
}

#[tokio::test]
async fn a_join_gets_its_history_also_when_the_ring_has_lost_it() {
    let server = Server::durable(short_memory).await;
    let mut writer = server.user("ada").await.socket().await;
    let said = keys_of(&say_many(&mut writer, "alone", "m", 140).await);
    writer.vanish();
    // After a start the ring has one batch of 140, which is above its limit of 100; the next frame pushes all of it out.
    let server = server.restart(|_| {}).await;
    let mut first = server.socket().await;
    first.join("alone").await.unwrap();
    let room = |frame: &ServerFrame| matches!(frame, ServerFrame::Room { .. }).then_some(());
    first.wait_for("room", room).await.unwrap();
    for wanted in [1, 10, 100] {
        let joined = server.socket().await.join_with_history("alone", wanted).await.unwrap();
        same(&keys(&joined.history), &said[140 - wanted as usize..], &format!("the last {wanted}"));
        assert_eq!(joined.seq, said[139].0);
    }
    let joined = server.socket().await.join_with_history("busy", 100).await.unwrap();
    assert_eq!((joined.seq, joined.history.len()), (Seq(0), 0));
}

#[tokio::test]
async fn a_log_made_anew_is_another_epoch() {
    let server = Server::durable(|_| {}).await;
    let mut writer = server.user("ada").await.socket().await;
    writer.send_text("alone", "hello", "1").await.unwrap();
    let before = server.socket().await.join("alone").await.unwrap();
    writer.vanish();
    let other = Server::durable(|_| {}).await;
    let joined = other.socket().await.resume("alone", before.seq, &before.epoch).await.unwrap();
    assert_eq!((joined.recovered, joined.reason), (Some(false), Some(NotRecovered::EpochChanged)));
    assert_ne!(joined.epoch, before.epoch);
}

/// Reads with connections that break again and again, each gone on from where the one before ended; gives the
/// place where it began and all that came, in the order in which it came.
async fn read_in_pieces(
    server: &Server,
    room: &str,
    last: &str,
    mut piece: usize,
    begun: &Semaphore,
) -> (Seq, Vec<FrameMessage>) {
    let mut socket = server.socket().await;
    let joined = socket.join_with_history(room, 0).await.unwrap();
    begun.add_permits(1);
    let (start, epoch) = (joined.seq, joined.epoch);
    let mut place = start;
    let mut all: Vec<FrameMessage> = Vec::new();
    let is_last = |message: &FrameMessage| message.text == last;
    loop {
        for _ in 0..piece {
            all.extend(socket.messages(room, 1).await.unwrap());
            if all.last().is_some_and(is_last) {
                return (start, all);
            }
        }
        // What has arrived besides is lost with the connection, as it is in life.
        place = all.last().map_or(place, |message| message.seq);
        socket.vanish();
        piece = piece % 17 + 3;
        socket = server.socket().await;
        let joined = socket.resume(room, place, &epoch).await.unwrap();
        assert_eq!((joined.recovered, joined.reason), (Some(true), None), "after {place}");
        place = joined.history.last().map_or(place, |message| message.seq);
        all.extend(joined.history);
        if all.last().is_some_and(is_last) {
            return (start, all);
        }
    }
}

/// Joins afresh in the middle of it and reads to the end.
async fn read_from_the_middle(
    server: &Server,
    room: &str,
    last: &str,
    begun: &Semaphore,
) -> (Seq, Vec<FrameMessage>) {
    let mut socket = server.socket().await;
    let joined = socket.join(room).await.unwrap();
    begun.add_permits(1);
    let mut live: Vec<FrameMessage> = Vec::new();
    while live.last().or(joined.history.last()).is_none_or(|message| message.text != last) {
        live.extend(socket.messages(room, 1).await.unwrap());
    }
    (joined.seq, live)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_thousands_come_in_nothing_is_missing_and_nothing_twice() {
    const COUNT: usize = 3_000;
    const READERS: usize = 6;
    let server = Server::with(|config| config.feed.resume_messages_max = 100_000).await;
    let ada = server.user("ada").await;
    let (mut here, mut there) = (ada.socket().await, ada.socket().await);
    let last = format!("m-{}", COUNT - 1);
    let begun = Semaphore::new(0);
    // The other room of the partition is busy too, so places have gaps.
    let (said, _, in_pieces, other_pieces, middles) = tokio::join!(
        async {
            let mut said = Vec::new();
            // However long they take to begin, they begin in the middle of it and see as many more.
            for piece in 0.. {
                if begun.available_permits() == READERS {
                    break;
                }
                said.extend(say_many(&mut here, "quiet", &format!("before-{piece}"), 100).await);
            }
            said.extend(say_many(&mut here, "quiet", "m", COUNT).await);
            said
        },
        say_many(&mut there, "busy", "other", COUNT / 2),
        read_in_pieces(&server, "quiet", &last, 1, &begun),
        read_in_pieces(&server, "quiet", &last, 9, &begun),
        async {
            let mut middles = Vec::new();
            for _ in 0..4 {
                let mut one = server.socket().await;
                one.join("quiet").await.unwrap();
                // Not before some more have come, so that the four begin in different places.
                let _ = one.messages("quiet", COUNT / 40).await.unwrap();
                middles.push(read_from_the_middle(&server, "quiet", &last, &begun));
            }
            futures_util::future::join_all(middles).await
        },
    );
    let said = keys_of(&said);
    for (seq, live) in middles.into_iter().chain([in_pieces, other_pieces]) {
        let expected: Vec<Key> = said.iter().filter(|(place, ..)| *place > seq).cloned().collect();
        assert!(expected.len() >= COUNT, "it began in time to see much of it");
        same(&keys(&live), &expected, &format!("after {seq}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_too_slow_is_told_the_gap_and_costs_nobody_anything() {
    // 2,000 bytes each: four times what the buffers of a connection hold.
    const COUNT: usize = 10_000;
    let server = Server::with(short_memory).await;
    let options = Options { receive_buffer_bytes: Some(16 * 1024), ..Options::default() };
    let mut slow = server.socket_with(options).await.unwrap();
    slow.join_with_history("alone", 0).await.unwrap();
    let mut writer = server.user("ada").await.socket().await;
    let long = "🤪".repeat(490);
    let mut said = Vec::new();
    for i in 0..COUNT {
        let name = format!("m-{i}");
        writer.submit("alone", &format!("{long}{name}"), &name).await.unwrap();
        if i >= 50 {
            said.push(writer.outcome(&format!("m-{}", i - 50)).await.unwrap().seq);
        }
    }
    for i in COUNT - 50..COUNT {
        said.push(writer.outcome(&format!("m-{i}")).await.unwrap().seq);
    }

    let last = *said.last().unwrap();
    let (mut place, mut got, mut gaps) = (Seq(0), Vec::new(), 0);
    while place < last {
        match slow.recv().await.unwrap() {
            ServerFrame::Messages { messages, .. } => {
                for message in messages {
                    assert!(message.seq > place, "in order and none twice");
                    place = message.seq;
                    got.push(message.seq);
                }
            }
            ServerFrame::Gap { room, from, to } => {
                assert_eq!(
                    (room.as_str(), from),
                    ("alone", place),
                    "a gap begins where the last message ended"
                );
                assert!(to > from);
                got.extend(said.iter().filter(|seq| **seq > from && **seq <= to));
                place = to;
                gaps += 1;
            }
            _ => {}
        }
    }
    assert!(gaps > 0, "the buffers of the connection held all of it; the test has to send more");
    same(&got, &said, "what came and what the gaps tell is everything");
    assert!(writer.send_text("alone", "still here", "end").await.is_ok());
    let again = slow.messages("alone", 1).await.unwrap();
    assert_eq!(texts(&again), ["still here"], "and it reads on");
}
