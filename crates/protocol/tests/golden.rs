//! The golden files: each frame and body once, as JSON that people and the web client's tests read too.
//!
//! `UPDATE_GOLDEN=1 cargo test -p protocol --test golden` writes them anew; read the diff before committing it.

#![allow(clippy::unwrap_used)] // a test: what fails is the finding

use protocol::{codes::ErrorCode, frames::*, ids::*, moderation::*, objects::*, rest::*};
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeSet, fs, path::PathBuf};

/// Compares a value with its golden file in both directions and notes the file as known.
struct Golden {
    folder: &'static str,
    seen: BTreeSet<String>,
}

impl Golden {
    fn new(folder: &'static str) -> Self {
        Self { folder, seen: BTreeSet::new() }
    }

    fn dir(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(self.folder)
    }

    #[track_caller]
    fn check<T: Serialize + DeserializeOwned>(&mut self, name: &str, value: &T) {
        let path = self.dir().join(format!("{name}.json"));
        let now = serde_json::to_value(value).unwrap();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(self.dir()).unwrap();
            fs::write(&path, serde_json::to_string_pretty(value).unwrap() + "\n").unwrap();
        }
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(now, golden, "{}: the encoding changed", path.display());
        let back: T = serde_json::from_str(&text).unwrap();
        assert_eq!(
            serde_json::to_value(back).unwrap(),
            golden,
            "{}: decoding loses something",
            path.display()
        );
        assert!(self.seen.insert(format!("{name}.json")), "{name} twice");
    }

    /// No file without a case.
    fn done(self) {
        let files: BTreeSet<String> = fs::read_dir(self.dir())
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(files, self.seen, "golden/{}: files and cases differ", self.folder);
    }
}

fn id(n: u8) -> MessageId {
    format!("0193b2c4-0000-7000-8000-0000000000{n:02x}").parse().unwrap()
}

fn author() -> Author {
    Author {
        id: UserId(7_311_234_567_890_123_456),
        username: "ada_99".into(),
        display_name: "Ada_99".into(),
        color: "#FF69B4".into(),
        badges: vec![],
    }
}

fn plain_message() -> Message {
    Message {
        id: id(1),
        seq: Seq(41),
        room: "bestie".into(),
        user: author(),
        text: "Hey bestie! ✨💅  Fr fr, hi bestie!  No cap, slayyy.  Busssin.  🤪".into(),
        emotes: vec![],
        mentions: vec![],
        reply_to: None,
        action: false,
        styled: true,
        sent_at: 1_795_000_000_000,
    }
}

fn full_message() -> Message {
    Message {
        id: id(2),
        seq: Seq(18_446_744_073_709_551_615),
        text: "waves at @ada_99 with Kappa".into(),
        user: Author { badges: vec![Badge::Moderator, Badge::Founder], ..author() },
        emotes: vec![EmoteRange { id: "25".into(), name: "Kappa".into(), start: 22, end: 26 }],
        mentions: vec!["ada_99".into()],
        reply_to: Some(ReplyTo {
            id: id(1),
            username: "ada_99".into(),
            display_name: "Ada_99".into(),
            excerpt: "Hey bestie! ✨💅".into(),
        }),
        action: true,
        styled: false,
        ..plain_message()
    }
}

fn user() -> User {
    User {
        id: UserId(7_311_234_567_890_123_456),
        username: "ada_99".into(),
        display_name: "Ada_99".into(),
        color: "#FF69B4".into(),
        created_at: 1_794_900_000_000,
        admin: false,
        bot: false,
    }
}

fn room() -> Room {
    Room {
        id: RoomId(1),
        slug: "bestie".into(),
        title: "Bestie".into(),
        description: "Everything you say, as your best friend would.".into(),
        transformer: RoomTransformer {
            name: "bestie".into(),
            sample_in: "hi there".into(),
            sample_out: "Hey bestie! ✨💅  Fr fr, hi bestie!  No cap, slayyy.  Busssin.  🤪".into(),
        },
        settings: RoomSettings { slow_mode_seconds: 5, emote_only: false, unique_chat: true },
        viewers: 3,
        messages_per_second: 1.5,
        pinned: Some(plain_message()),
        archived: false,
    }
}

#[test]
fn client_frames() {
    let mut golden = Golden::new("client");
    golden.check("auth", &ClientFrame::Auth { token: "eyJ.e30.c2ln".into() });
    golden.check(
        "join",
        &ClientFrame::Join {
            room: "bestie".into(),
            history: Some(10),
            after: None,
            epoch: None,
            feed: FeedKind::Auto,
        },
    );
    golden.check(
        "join_resume",
        &ClientFrame::Join {
            room: "bestie".into(),
            history: Some(0),
            after: Some(Seq(41)),
            epoch: Some("e1".into()),
            feed: FeedKind::Full,
        },
    );
    golden.check("leave", &ClientFrame::Leave { room: "bestie".into() });
    golden.check(
        "send",
        &ClientFrame::Send {
            room: "bestie".into(),
            text: "hi there".into(),
            nonce: "c1".into(),
            reply_to: Some(id(1)),
        },
    );
    golden.check("ping", &ClientFrame::Ping { id: "x".into() });
    golden.done();
}

#[test]
fn server_frames() {
    let mut golden = Golden::new("server");
    let limits = Limits {
        message_code_points_max: 500,
        frame_bytes_max: 16_384,
        history_max: 100,
        nonce_bytes_max: 64,
        rooms_per_connection: 32,
        sends_in_flight_max: 64,
        user_messages_per_second: 2.0,
    };
    golden
        .check("hello", &ServerFrame::Hello { server: "twitchy/0.1.0".into(), heartbeat_ms: 30_000, limits });
    let bot = User { admin: true, bot: true, ..user() };
    golden.check("authed_bot", &ServerFrame::Authed { user: bot, expires_at: 253_402_300_799_000 });
    golden.check("authed", &ServerFrame::Authed { user: user(), expires_at: 1_795_000_900_000 });
    let joined = |recovered, reason, history| ServerFrame::Joined {
        room: "bestie".into(),
        epoch: "e1".into(),
        seq: Seq(41),
        recovered,
        reason,
        history,
        viewers: 3,
        settings: RoomSettings::default(),
        pinned: None,
        you: You { role: Role::Viewer },
        title: Some("Bestie".into()),
        description: Some("Everyone is your bestie here.".into()),
        archived: false,
    };
    golden.check("joined", &joined(None, None, vec![plain_message().into()]));
    golden.check("joined_recovered", &joined(Some(true), None, vec![]));
    golden.check("joined_epoch_changed", &joined(Some(false), Some(NotRecovered::EpochChanged), vec![]));
    golden.check("joined_too_old", &joined(Some(false), Some(NotRecovered::TooOld), vec![]));
    golden.check("joined_ahead", &joined(Some(false), Some(NotRecovered::Ahead), vec![]));
    golden.check("left", &ServerFrame::Left { room: "bestie".into(), reason: None });
    golden.check(
        "left_archived",
        &ServerFrame::Left { room: "bestie".into(), reason: Some(LeftReason::Archived) },
    );
    golden.check(
        "messages",
        &ServerFrame::Messages {
            room: "bestie".into(),
            messages: vec![plain_message().into(), full_message().into()],
            skipped: 12,
        },
    );
    golden.check(
        "ack",
        &ServerFrame::Ack { nonce: "c1".into(), id: id(1), seq: Seq(41), sent_at: 1_795_000_000_000 },
    );
    golden.check(
        "error",
        &ServerFrame::Error {
            code: ErrorCode::RateLimited,
            detail: "you send too fast".into(),
            nonce: Some("c1".into()),
            room: Some("bestie".into()),
            retry_after_ms: Some(1_200),
        },
    );
    golden.check(
        "error_plain",
        &ServerFrame::Error {
            code: ErrorCode::InvalidJson,
            detail: "not valid JSON at line 1 column 2".into(),
            nonce: None,
            room: None,
            retry_after_ms: None,
        },
    );
    golden.check("gap", &ServerFrame::Gap { room: "bestie".into(), from: Seq(41), to: Seq(99) });
    golden.check("deleted", &ServerFrame::Deleted { room: "bestie".into(), ids: vec![id(1)] });
    golden.check(
        "cleared_user",
        &ServerFrame::Cleared { room: "bestie".into(), username: Some("spammer".into()) },
    );
    golden.check("cleared_all", &ServerFrame::Cleared { room: "bestie".into(), username: None });
    golden.check(
        "room",
        &ServerFrame::Room {
            room: "bestie".into(),
            settings: room().settings,
            viewers: 3,
            messages_per_second: 1.5,
            pinned: Some(Box::new(plain_message())),
            title: None,
            description: None,
            archived: None,
        },
    );
    golden.check(
        "room_renamed",
        &ServerFrame::Room {
            room: "bestie".into(),
            settings: room().settings,
            viewers: 3,
            messages_per_second: 1.5,
            pinned: None,
            title: Some("Besties".into()),
            description: Some(String::new()),
            archived: Some(true),
        },
    );
    golden.check(
        "banned",
        &ServerFrame::Banned { room: "bestie".into(), until: None, reason: Some("spam".into()) },
    );
    golden.check("unbanned", &ServerFrame::Unbanned { room: "bestie".into() });
    golden.check("role", &ServerFrame::Role { room: "bestie".into(), you: You { role: Role::Moderator } });
    golden.check("reconnect", &ServerFrame::Reconnect { after_ms: 1_234 });
    golden.check("pong", &ServerFrame::Pong { id: "x".into() });
    golden.done();
}

#[test]
fn rest_bodies() {
    let mut golden = Golden::new("rest");
    golden.check(
        "register",
        &RegisterBody {
            username: "ada_99".into(),
            password: "correct horse".into(),
            display_name: Some("Ada_99".into()),
        },
    );
    golden.check("login", &LoginBody { username: "ada_99".into(), password: "correct horse".into() });
    golden.check("refresh", &RefreshBody { refresh_token: "r1".into(), next_refresh_token: None });
    golden.check(
        "refresh_repeatable",
        &RefreshBody {
            refresh_token: "r1".into(),
            next_refresh_token: Some("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".into()),
        },
    );
    golden.check(
        "auth_answer",
        &AuthAnswer {
            user: user(),
            access_token: "eyJ.e30.c2ln".into(),
            refresh_token: "r2".into(),
            token_type: "Bearer".into(),
            expires_in: 900,
        },
    );
    golden.check(
        "profile",
        &ProfileBody { display_name: Some("ADA_99".into()), color: Some("#00FF7F".into()) },
    );
    golden.check(
        "password",
        &PasswordBody { current_password: "correct horse".into(), new_password: "battery staple".into() },
    );
    golden.check("rooms", &RoomsAnswer { rooms: vec![room(), Room { pinned: None, ..room() }] });
    golden.check(
        "messages",
        &MessagesAnswer {
            messages: vec![plain_message(), full_message()],
            next_before: Some(Seq(41)),
            next_after: None,
        },
    );
    golden.check(
        "send",
        &SendBody { text: "hi there".into(), nonce: Some("c1".into()), reply_to: Some(id(1)) },
    );
    golden.check("preview", &PreviewBody { text: "hi there".into() });
    golden.check("text", &TextAnswer { text: "hi there".into() });
    golden.check(
        "previews",
        &PreviewsAnswer { rooms: [("bestie".to_owned(), "Hey bestie!".to_owned())].into_iter().collect() },
    );
    golden.check(
        "emotes",
        &EmotesAnswer {
            emotes: vec![Emote {
                id: "25".into(),
                name: "Kappa".into(),
                url: "/emotes/25.svg".into(),
                animated: false,
            }],
        },
    );
    golden.check(
        "new_room",
        &NewRoomBody {
            slug: "late_night".into(),
            title: "Late night".into(),
            description: Some("For those who are still up.".into()),
            transformer: "bestie".into(),
        },
    );
    golden.check("room_archived", &Room { archived: true, pinned: None, ..room() });
    golden.check("bot", &BotBody { username: "dice_bot".into(), display_name: Some("Dice_Bot".into()) });
    golden.check("bot_token", &BotTokenBody { name: "on the blue server".into() });
    let (id, name, created_at) = ("5f3a".to_owned(), "on the blue server".to_owned(), 1_795_000_000_000);
    golden.check(
        "bot_tokens",
        &BotTokensAnswer { tokens: vec![BotToken { id: id.clone(), name: name.clone(), created_at }] },
    );
    golden
        .check("new_bot_token", &NewBotToken { id, name, created_at, token: "twitchy_bot_c2VjcmV0".into() });
    golden.check(
        "problem",
        &Problem {
            kind: "/docs#validation_failed".into(),
            title: ErrorCode::ValidationFailed.title().into(),
            status: 422,
            detail: "one field is not as it should be".into(),
            code: ErrorCode::ValidationFailed,
            errors: vec![FieldError {
                field: "username".into(),
                code: "too_short".into(),
                detail: "a name has 3 to 25 letters".into(),
            }],
            retry_after_ms: None,
        },
    );
    golden.check(
        "problem_rate_limited",
        &Problem {
            kind: "/docs#rate_limited".into(),
            title: ErrorCode::RateLimited.title().into(),
            status: 429,
            detail: "wait a moment".into(),
            code: ErrorCode::RateLimited,
            errors: vec![],
            retry_after_ms: Some(1_200),
        },
    );
    golden.done();
}

fn entry() -> LogEntry {
    LogEntry {
        id: Seq(43),
        at: 1_795_000_001_000,
        moderator: "mia".into(),
        action: ModerationAction::Timeout,
        target: Some("spammer".into()),
        duration_seconds: Some(600),
        reason: Some("spam".into()),
        message_id: None,
        detail: None,
    }
}

fn ban() -> Ban {
    Ban {
        until: Some(1_795_000_601_000),
        reason: Some("spam".into()),
        by: "mia".into(),
        at: 1_795_000_001_000,
    }
}

fn person(id: u64, name: &str) -> Person {
    Person { id: UserId(id), username: name.into() }
}

#[test]
fn moderation_bodies() {
    let mut golden = Golden::new("moderation");
    golden.check(
        "roles",
        &RolesAnswer {
            roles: vec![
                RoomRole { user: person(7, "ada_99"), role: Role::Broadcaster },
                RoomRole { user: person(8, "mia"), role: Role::Moderator },
                RoomRole { user: person(9, "vic"), role: Role::Vip },
            ],
        },
    );
    golden.check("ban", &BanBody { duration_seconds: Some(600), reason: Some("spam".into()) });
    golden.check(
        "bans",
        &BansAnswer {
            bans: vec![
                BannedUser { user: person(10, "spammer"), ban: ban() },
                BannedUser { user: person(11, "troll"), ban: Ban { until: None, reason: None, ..ban() } },
            ],
            next_after: Some("troll".into()),
        },
    );
    golden.check("clear_user", &ClearBody { username: Some("spammer".into()), reason: Some("spam".into()) });
    golden.check("clear_all", &ClearBody::default());
    golden.check(
        "settings",
        &SettingsBody {
            slow_mode_seconds: Some(30),
            emote_only: Some(true),
            unique_chat: Some(false),
            title: Some("Besties".into()),
            description: Some("For besties.".into()),
        },
    );
    golden.check("pin", &PinBody { message_id: id(1) });
    golden.check("blocked_phrase", &BlockedPhraseBody { phrase: "b[a4]d".into(), pattern: true });
    golden.check(
        "blocked_phrases",
        &BlockedPhrasesAnswer {
            phrases: vec![BlockedPhrase {
                id: Seq(44),
                phrase: "b[a4]d".into(),
                pattern: true,
                by: "mia".into(),
                at: 1_795_000_001_000,
            }],
        },
    );
    golden.check(
        "user_card",
        &UserCard {
            user: user(),
            role: Role::Viewer,
            banned: Some(ban()),
            messages: vec![plain_message()],
            measures: vec![entry()],
        },
    );
    golden.check(
        "log",
        &ModerationLogAnswer {
            entries: vec![
                LogEntry {
                    id: Seq(45),
                    action: ModerationAction::Delete,
                    target: Some("ada_99".into()),
                    duration_seconds: None,
                    reason: None,
                    message_id: Some(id(1)),
                    detail: Some("Hey bestie!".into()),
                    ..entry()
                },
                entry(),
            ],
            next_before: Some(Seq(43)),
        },
    );
    golden.done();
}

/// Sends are read by a way of their own. Whatever it does not take has to be what it always was.
#[test]
fn a_send_is_read_however_it_is_spelled() {
    let send = |reply_to| ClientFrame::Send {
        room: "bestie".into(),
        text: "h\u{ed} \"there\"".into(),
        nonce: "c1".into(),
        reply_to,
    };
    let said = r#""room":"bestie","text":"h\u00ed \"there\"","nonce":"c1""#;
    for (spelled, read) in [
        (format!(r#"{{"type":"send",{said}}}"#), send(None)),
        (format!(r#"{{{said},"later":[{{}}],"type":"send","reply_to":null}}"#), send(None)),
        (format!(r#" {{"type":"\u0073end",{said}}} "#), send(None)),
        (format!(r#"{{"type":"send",{said},"reply_to":"{}"}}"#, id(7)), send(Some(id(7)))),
    ] {
        assert_eq!(ClientFrame::parse(&spelled), Ok(read), "{spelled}");
    }
    for (spelled, code) in [
        (format!(r#"{{"type":"send",{said},"nonce":"c2"}}"#), ErrorCode::BadRequest),
        (format!(r#"{{"type":"send","type":"send",{said}}}"#), ErrorCode::BadRequest),
        (format!(r#"{{"type":"sent",{said}}}"#), ErrorCode::UnknownType),
        (format!(r#"{{"type":["send"],{said}}}"#), ErrorCode::BadRequest),
        (r#"{"type":"send","room":"bestie","nonce":"c1"}"#.to_owned(), ErrorCode::BadRequest),
        (format!(r#"{{"type":"send",{said}}} x"#), ErrorCode::InvalidJson),
        (format!(r#"{{"type":"send",{said}"#), ErrorCode::InvalidJson),
    ] {
        assert_eq!(ClientFrame::parse(&spelled).map_err(|bad| bad.code), Err(code), "{spelled}");
    }
}

/// Frames put together from encoded parts are the frames that serde writes.
#[test]
fn the_quick_messages_frame_is_the_same() {
    let messages: Vec<FrameMessage> = vec![plain_message().into(), full_message().into()];
    let encoded: Vec<String> = messages.iter().map(|m| serde_json::to_string(m).unwrap()).collect();
    for n in 0..=messages.len() {
        let whole =
            ServerFrame::Messages { room: "be\"stie".into(), messages: messages[..n].to_vec(), skipped: 3 };
        assert_eq!(messages_frame("be\"stie", encoded[..n].iter().map(String::as_str), 3), whole.to_json());
    }
}

#[test]
fn the_quick_joined_frame_is_the_same() {
    let history: Vec<FrameMessage> = vec![plain_message().into(), full_message().into()];
    let encoded: Vec<String> = history.iter().map(|m| serde_json::to_string(m).unwrap()).collect();
    let joined = |history| ServerFrame::Joined {
        room: "bestie".into(),
        epoch: "e1".into(),
        seq: Seq(41),
        recovered: Some(true),
        reason: None,
        history,
        viewers: 3,
        settings: RoomSettings::default(),
        pinned: Some(Box::new(plain_message())),
        you: You { role: Role::Viewer },
        title: Some(r#""history":[]"#.into()),
        description: None,
        archived: true,
    };
    for n in 0..=history.len() {
        let quick = joined_frame(&joined(vec![]), encoded[..n].iter().map(String::as_str));
        assert_eq!(quick, joined(history[..n].to_vec()).to_json());
    }
}

/// A plain line costs little more than its text.
#[test]
fn defaults_are_left_out_of_frames() {
    let json = serde_json::to_string(&FrameMessage::from(plain_message())).unwrap();
    for left_out in ["badges", "emotes", "mentions", "reply_to", "action", "styled", "room"] {
        assert!(!json.contains(left_out), "{left_out} in {json}");
    }
}
