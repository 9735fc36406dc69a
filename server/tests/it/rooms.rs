//! Rooms that admins make, retitle, close and open again while the server runs.

use crate::support::{
    Server, User, config,
    process::{Folder, Process},
    refused,
    shared::Shared,
    texts, whole_history,
};
use client::{Rest, Socket};
use protocol::{
    codes::ErrorCode,
    frames::{LeftReason, ServerFrame},
    moderation::{ModerationAction, SettingsBody},
    objects::Room,
    rest::NewRoomBody,
};
use server::config::Secret;

/// Tries of what other nodes learn of a moment later. Each is a call over a socket; tens are enough, and a node that never
/// hears the word looks by itself within ten seconds.
const TRIES: usize = 1_000_000;

fn body(slug: &str, transformer: &str) -> NewRoomBody {
    NewRoomBody {
        slug: slug.to_owned(),
        title: "Night shift".to_owned(),
        description: Some("For those who are up.".to_owned()),
        transformer: transformer.to_owned(),
    }
}

fn words(title: &str) -> SettingsBody {
    SettingsBody { title: Some(title.to_owned()), ..SettingsBody::default() }
}

/// Two nodes over one log and one store, and an admin.
struct House {
    shared: Shared,
    here: Server,
    there: Server,
    admin: User,
}

async fn node(shared: &Shared) -> Server {
    let mut config = config();
    config.auth.secret = Secret::new("one secret for all of the nodes here".to_owned());
    Server::over(config, shared.engines()).await
}

async fn house() -> House {
    let shared = Shared::new(config().log.partitions);
    let (here, there) = (node(&shared).await, node(&shared).await);
    let admin = here.user("ada").await;
    shared.promote(admin.id).await;
    House { shared, here, there, admin }
}

/// Asks until the answer is as it will be.
async fn until(what: &str, rest: &Rest, slug: &str, is_so: impl Fn(Result<Room, ErrorCode>) -> bool) {
    for _ in 0..TRIES {
        let answer = match rest.room(slug).await {
            Ok(room) => Ok(room),
            Err(client::Error::Refused(refusal)) => Err(refusal.code),
            Err(other) => panic!("{what}: {other}"),
        };
        if is_so(answer) {
            return;
        }
    }
    panic!("{what} did not come to be");
}

async fn slugs(rest: &Rest) -> Vec<String> {
    rest.rooms().await.unwrap().into_iter().map(|room| room.slug).collect()
}

/// What a reader gets until it is told to leave: the texts, and why it ends.
async fn until_left(socket: &mut Socket, room: &str) -> (Vec<String>, Option<LeftReason>) {
    let mut said = Vec::new();
    loop {
        match socket.recv().await.unwrap() {
            ServerFrame::Messages { room: of, messages, .. } if of == room => said.extend(texts(&messages)),
            ServerFrame::Left { room: of, reason } if of == room => return (said, reason),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_room_that_was_made_is_like_any_other_at_once() {
    let House { here, admin, .. } = house().await;
    let made = admin.rest.create_room(&body("night", "skibidi")).await.unwrap();
    assert_eq!((made.slug.as_str(), made.title.as_str(), made.archived), ("night", "Night shift", false));
    assert_eq!(made.transformer.name, "skibidi");
    assert_ne!(made.transformer.sample_in, made.transformer.sample_out, "its card shows what it does");
    assert_eq!(slugs(&here.rest()).await.last().map(String::as_str), Some("night"), "behind the preset ones");

    let mut viewer = here.socket().await;
    assert!(viewer.join("night").await.unwrap().history.is_empty());
    let eve = here.user("eve").await;
    let said = eve.rest.send("night", "hello there, good night", Some("n1")).await.unwrap();
    let ohio = here.rest().preview("ohio", "hello there, good night").await.unwrap();
    assert_eq!(
        here.rest().preview("night", "hello there, good night").await.unwrap(),
        ohio,
        "the same style"
    );
    assert!(said.styled);
    assert_eq!(texts(&viewer.messages("night", 1).await.unwrap()), std::slice::from_ref(&said.text));
    assert_eq!(texts(&whole_history(&here.rest(), "night").await), [said.text]);
    assert!(here.rest().previews("hi").await.unwrap().rooms.contains_key("night"));
}

#[tokio::test]
async fn only_admins_make_and_close_rooms_and_the_broadcaster_finds_the_words() {
    let House { here, admin, .. } = house().await;
    let eve = here.user("eve").await;
    for (rest, code) in [(&here.rest(), ErrorCode::Unauthorized), (&eve.rest, ErrorCode::Forbidden)] {
        refused(rest.create_room(&body("night", "plain")).await, code);
        refused(rest.archive_room("alone").await, code);
        refused(rest.restore_room("alone").await, code);
        refused(rest.change_settings("alone", &words("Mine")).await, code);
    }
    admin.rest.create_room(&body("night", "plain")).await.unwrap();
    admin.rest.give_role("night", "broadcaster", "eve").await.unwrap();
    refused(eve.rest.archive_room("night").await, ErrorCode::Forbidden);
    let renamed = eve.rest.change_settings("night", &words("  Mine <now>  ")).await.unwrap();
    assert_eq!(
        (renamed.title.as_str(), renamed.description.as_str()),
        ("Mine <now>", "For those who are up.")
    );
    let mia = here.user("mia").await;
    admin.rest.give_role("night", "moderators", "mia").await.unwrap();
    refused(mia.rest.change_settings("night", &words("Hers")).await, ErrorCode::Forbidden);
    let slow = SettingsBody { slow_mode_seconds: Some(5), ..SettingsBody::default() };
    assert_eq!(mia.rest.change_settings("night", &slow).await.unwrap().title, "Mine <now>");
}

#[tokio::test]
async fn whoever_comes_back_hears_what_the_room_is_called_by_now() {
    let House { here, admin, .. } = house().await;
    admin.rest.create_room(&body("night", "plain")).await.unwrap();
    let mut viewer = here.socket().await;
    let joined = viewer.join("night").await.unwrap();
    assert_eq!(joined.title.as_deref(), Some("Night shift"));
    assert_eq!(joined.description.as_deref(), Some("For those who are up."));
    drop(viewer);
    let new = SettingsBody { description: Some(String::new()), ..words("Late") };
    admin.rest.change_settings("night", &new).await.unwrap();
    let again = here.socket().await.join("night").await.unwrap();
    assert_eq!((again.title.as_deref(), again.description.as_deref()), (Some("Late"), Some("")));
    assert!(!again.archived);
    admin.rest.archive_room("night").await.unwrap();
    let mut of_admin = here.socket().await;
    of_admin.auth(&admin.access_token).await.unwrap();
    assert!(of_admin.join("night").await.unwrap().archived);
}

#[tokio::test]
async fn the_moderation_log_tells_who_gave_a_room_its_words() {
    let House { here: _here, admin, .. } = house().await;
    admin.rest.create_room(&body("night", "plain")).await.unwrap();
    let both = SettingsBody { description: Some(String::new()), ..words(" Late ") };
    admin.rest.change_settings("night", &both).await.unwrap();
    // What is so already is no change, and what is refused was none.
    admin.rest.change_settings("night", &both).await.unwrap();
    refused(admin.rest.change_settings("night", &words("")).await, ErrorCode::ValidationFailed);
    admin.rest.change_settings("night", &words("Early")).await.unwrap();
    let log = admin.rest.moderation_log("night", 10, None).await.unwrap().entries;
    let told: Vec<_> = log
        .into_iter()
        .filter(|entry| entry.action == ModerationAction::Settings)
        .map(|entry| (entry.moderator, entry.detail.unwrap_or_default()))
        .collect();
    let by_ada = |detail: &str| ("ada".to_owned(), detail.to_owned());
    assert_eq!(told, [by_ada("title “Early”"), by_ada("title “Late”, no description")]);
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_with_a_reason() {
    let server = {
        let shared = Shared::new(config().log.partitions);
        let mut config = config();
        config.limits.rooms = 7;
        let server = Server::over(config, shared.engines()).await;
        let admin = server.user("ada").await;
        shared.promote(admin.id).await;
        (server, admin)
    };
    let (here, admin) = server;
    let wrong = NewRoomBody { title: "\n".into(), ..body("No Slug", "shouting") };
    let told = refused(admin.rest.create_room(&wrong).await, ErrorCode::ValidationFailed);
    let fields: Vec<_> = told.errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["slug", "title", "transformer"]);
    refused(admin.rest.create_room(&body("alone", "plain")).await, ErrorCode::RoomTaken);
    admin.rest.create_room(&body("night", "plain")).await.unwrap();
    refused(admin.rest.create_room(&body("night", "bestie")).await, ErrorCode::RoomTaken);
    admin.rest.create_room(&body("day", "plain")).await.unwrap();
    refused(admin.rest.create_room(&body("noon", "plain")).await, ErrorCode::LimitReached);
    admin.rest.archive_room("day").await.unwrap();
    refused(admin.rest.create_room(&body("day", "plain")).await, ErrorCode::RoomTaken);
    refused(admin.rest.create_room(&body("noon", "plain")).await, ErrorCode::LimitReached);
    refused(admin.rest.archive_room("alone").await, ErrorCode::Forbidden);
    refused(admin.rest.archive_room("nobody").await, ErrorCode::RoomNotFound);
    refused(admin.rest.restore_room("nobody").await, ErrorCode::RoomNotFound);
    refused(admin.rest.change_settings("nobody", &words("x")).await, ErrorCode::RoomNotFound);
    refused(admin.rest.change_settings("alone", &words("\u{202e}x")).await, ErrorCode::ValidationFailed);
    assert_eq!(here.rest().room("alone").await.unwrap().title, "Alone");
}

#[tokio::test]
async fn a_room_that_is_closed_lets_nobody_in_but_admins_and_keeps_what_was_said() {
    let House { here, admin, .. } = house().await;
    admin.rest.create_room(&body("night", "plain")).await.unwrap();
    let (mut viewer, mut boss) = (here.socket().await, admin.socket().await);
    viewer.join("night").await.unwrap();
    viewer.join("alone").await.unwrap();
    boss.join("night").await.unwrap();
    let eve = here.user("eve").await;
    let mut writer = eve.socket().await;
    let first = writer.send_text("night", "one", "n1").await.unwrap();
    writer.send_text("night", "two", "n2").await.unwrap();

    admin.rest.archive_room("night").await.unwrap();
    let (said, why) = until_left(&mut viewer, "night").await;
    assert_eq!(
        (said.as_slice(), why),
        (&["one".to_owned(), "two".to_owned()][..], Some(LeftReason::Archived))
    );
    refused(viewer.join("night").await, ErrorCode::RoomArchived);
    refused(writer.join("night").await, ErrorCode::RoomArchived);
    refused(writer.send_text("night", "three", "n3").await, ErrorCode::RoomArchived);
    refused(boss.send_text("night", "three", "b3").await, ErrorCode::RoomArchived);
    refused(eve.rest.send("night", "three", None).await, ErrorCode::RoomArchived);
    // What was accepted stays accepted, whoever asks again.
    assert_eq!(writer.send_text("night", "one", "n1").await.unwrap(), first);
    for rest in [&here.rest(), &eve.rest] {
        refused(rest.room("night").await, ErrorCode::RoomArchived);
        refused(rest.latest("night", 10).await, ErrorCode::RoomArchived);
        refused(rest.preview("night", "hi").await, ErrorCode::RoomArchived);
        assert!(!slugs(rest).await.contains(&"night".to_owned()));
    }
    assert!(!here.rest().previews("hi").await.unwrap().rooms.contains_key("night"));
    assert!(admin.rest.room("night").await.unwrap().archived);
    assert_eq!(texts(&whole_history(&admin.rest, "night").await), ["one", "two"]);
    assert_eq!(texts(&admin.socket().await.join("night").await.unwrap().history), ["one", "two"]);
    // Only this room: the connection goes on.
    eve.rest.send("alone", "elsewhere", None).await.unwrap();
    assert_eq!(texts(&viewer.messages("alone", 1).await.unwrap()), ["elsewhere"]);

    admin.rest.archive_room("night").await.unwrap();
    admin.rest.restore_room("night").await.unwrap();
    admin.rest.restore_room("night").await.unwrap();
    // The admin was there all the time.
    let opened = |frame: &ServerFrame| match frame {
        ServerFrame::Room { archived, .. } => archived.filter(|archived| !archived),
        _ => None,
    };
    boss.wait_for("that it is open", opened).await.unwrap();
    assert_eq!(texts(&viewer.join("night").await.unwrap().history), ["one", "two"]);
    writer.send_text("night", "three", "n3").await.unwrap();
    assert_eq!(texts(&viewer.messages("night", 1).await.unwrap()), ["three"]);
    assert_eq!(texts(&whole_history(&here.rest(), "night").await), ["one", "two", "three"]);
}

#[tokio::test]
async fn every_node_has_the_rooms_of_all() {
    let House { shared, here, there, admin } = house().await;
    let (rest, eve) = (there.rest(), there.user("eve").await);
    admin.rest.create_room(&body("night", "plain")).await.unwrap();
    admin.rest.send("night", "before you knew", Some("n1")).await.unwrap();
    until("the room", &rest, "night", |answer| answer.is_ok()).await;
    let mut viewer = there.socket().await;
    assert_eq!(texts(&viewer.join("night").await.unwrap().history), ["before you knew"]);
    eve.rest.send("night", "and here I am", None).await.unwrap();
    assert_eq!(texts(&viewer.messages("night", 1).await.unwrap()), ["and here I am"]);

    admin.rest.change_settings("night", &words("Late")).await.unwrap();
    let renamed = |frame: &ServerFrame| match frame {
        ServerFrame::Room { title, .. } => title.clone(),
        _ => None,
    };
    assert_eq!(viewer.wait_for("the new title", renamed).await.unwrap(), "Late");
    admin.rest.archive_room("night").await.unwrap();
    assert_eq!(until_left(&mut viewer, "night").await.1, Some(LeftReason::Archived));
    refused(eve.rest.send("night", "too late", None).await, ErrorCode::RoomArchived);
    // One that was not there when all that was said.
    let third = node(&shared).await;
    refused(third.rest().room("night").await, ErrorCode::RoomArchived);
    admin.rest.restore_room("night").await.unwrap();
    for rest in [third.rest(), rest] {
        until("that it is open", &rest, "night", |answer| answer.is_ok_and(|room| room.title == "Late"))
            .await;
        assert_eq!(texts(&whole_history(&rest, "night").await), ["before you knew", "and here I am"]);
    }
    assert_eq!(here.rest().room("night").await.unwrap().title, "Late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_look_after_rooms_on_the_command_line() {
    let folder = Folder::new();
    let room = |arguments: &[&str]| folder.twitchy(&[&["room"], arguments].concat()).run();
    let well = |arguments: &[&str]| {
        let ended = room(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.err);
        ended.out
    };
    assert_eq!(well(&["create", "night", "--title", "Night shift", "--style", "plain"]), "night made\n");
    well(&["create", "day", "--title", "Day", "--style", "bestie", "--description", "Early."]);
    let taken = |slug| room(&["create", slug, "--title", "x", "--style", "plain"]);
    taken("night").refused(1, &["night"]);
    taken("alone").refused(1, &["alone"]);
    taken("No").refused(64, &["slug"]);
    room(&["create", "noon", "--title", "x", "--style", "shouting"]).refused(64, &["transformer", "plain"]);
    room(&["retitle", "night"]).refused(64, &["title"]);
    room(&["retitle", "nobody", "--title", "x"]).refused(1, &["nobody"]);
    room(&["archive", "alone"]).refused(1, &["configuration"]);
    well(&["retitle", "night", "--title", "Late"]);
    well(&["retitle", "alone", "--description", "Not any more."]);
    well(&["archive", "day"]);
    let list = well(&["list"]);
    let rooms: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rooms.len(), 7, "{list}");
    for expected in [
        ["alone", "plain", "preset", "Alone"],
        ["night", "plain", "open", "Late"],
        ["day", "bestie", "closed", "Day"],
    ] {
        assert!(rooms.iter().any(|room| *room == expected), "{expected:?} in {list}");
    }

    let process = folder.serve();
    room(&["list"]).refused(74, &["data"]);
    let rest = Rest::new(process.address);
    assert_eq!(rest.room("night").await.unwrap().title, "Late");
    assert_eq!(rest.room("alone").await.unwrap().description, "Not any more.");
    refused(rest.room("day").await, ErrorCode::RoomArchived);
    assert_eq!(process.stop().await.code, Some(0));
    well(&["restore", "day"]);
    let process = folder.serve();
    assert_eq!(Rest::new(process.address).room("day").await.unwrap().description, "Early.");
    assert_eq!(process.stop().await.code, Some(0));
}

/// Calls of an account that an operator made an admin.
async fn boss(process: &Process, password: &str) -> Rest {
    let rest = Rest::new(process.address);
    rest.bearer(&rest.login("boss", password).await.unwrap().access_token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_outlive_the_process_however_it_ends() {
    let folder = Folder::new();
    let made = folder.twitchy(&["user", "create", "boss", "--admin"]).run();
    let password = made.out.trim().rsplit(' ').next().unwrap().to_owned();
    let process = folder.serve();
    let admin = boss(&process, &password).await;
    admin.create_room(&body("night", "plain")).await.unwrap();
    admin.create_room(&body("day", "bestie")).await.unwrap();
    admin.send("night", "said before the end", Some("n1")).await.unwrap();
    admin.change_settings("night", &words("Late")).await.unwrap();
    admin.change_settings("alone", &words("Not alone")).await.unwrap();
    admin.archive_room("day").await.unwrap();
    process.kill();

    let process = folder.serve();
    let rest = Rest::new(process.address);
    assert_eq!(rest.room("night").await.unwrap().title, "Late");
    assert_eq!(rest.room("alone").await.unwrap().title, "Not alone");
    refused(rest.room("day").await, ErrorCode::RoomArchived);
    assert_eq!(texts(&whole_history(&rest, "night").await), ["said before the end"]);
    let admin = boss(&process, &password).await;
    admin.send("night", "said before the end", Some("n1")).await.unwrap();
    admin.send("night", "and after it", Some("n2")).await.unwrap();
    admin.restore_room("day").await.unwrap();
    assert_eq!(process.stop().await.code, Some(0));

    let process = folder.serve();
    let rest = Rest::new(process.address);
    assert_eq!(texts(&whole_history(&rest, "night").await), ["said before the end", "and after it"]);
    assert_eq!(rest.room("day").await.unwrap().transformer.name, "bestie");
    assert_eq!(process.stop().await.code, Some(0));
}
