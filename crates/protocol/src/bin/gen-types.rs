//! Writes the protocol's types as TypeScript: `cargo xtask gen-types` calls it.
//!
//! One file, no imports, sorted by name, so that a change of the protocol is a visible diff.

use protocol::{codes, frames, ids, moderation, objects, rest};
use std::{error::Error, fmt::Write as _, path::PathBuf};
use ts_rs::{Config, TS};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: gen-types OUT.ts")?);
    let config = Config::new().with_large_int("number");
    let mut types: Vec<(String, String)> = Vec::new();
    macro_rules! add {
        ($($t:ty),* $(,)?) => { $( types.push((<$t as TS>::name(&config), <$t as TS>::decl(&config))); )* };
    }
    add!(ids::UserId, ids::RoomId, ids::Seq, ids::MessageId, codes::ErrorCode);
    add!(
        objects::User,
        objects::Badge,
        objects::Author,
        objects::EmoteRange,
        objects::ReplyTo,
        objects::Message,
        objects::FrameAuthor,
        objects::FrameMessage,
        objects::RoomTransformer,
        objects::RoomSettings,
        objects::Room,
        objects::Emote,
    );
    add!(
        frames::FeedKind,
        frames::ClientFrame,
        frames::Limits,
        frames::Role,
        frames::You,
        frames::NotRecovered,
        frames::LeftReason,
        frames::ServerFrame,
    );
    add!(
        rest::RegisterBody,
        rest::LoginBody,
        rest::RefreshBody,
        rest::AuthAnswer,
        rest::ProfileBody,
        rest::PasswordBody,
        rest::RoomsAnswer,
        rest::MessagesAnswer,
        rest::SendBody,
        rest::PreviewBody,
        rest::TextAnswer,
        rest::PreviewsAnswer,
        rest::NewRoomBody,
        rest::BotBody,
        rest::BotTokenBody,
        rest::BotToken,
        rest::NewBotToken,
        rest::BotTokensAnswer,
        rest::EmotesAnswer,
        rest::FieldError,
        rest::Problem,
    );
    add!(
        moderation::Person,
        moderation::RolesAnswer,
        moderation::RoomRole,
        moderation::BanBody,
        moderation::Ban,
        moderation::BansAnswer,
        moderation::BannedUser,
        moderation::ClearBody,
        moderation::SettingsBody,
        moderation::PinBody,
        moderation::BlockedPhraseBody,
        moderation::BlockedPhrase,
        moderation::BlockedPhrasesAnswer,
        moderation::UserCard,
        moderation::ModerationAction,
        moderation::LogEntry,
        moderation::ModerationLogAnswer,
    );
    types.sort();
    let mut text = String::from(
        "// Generated from crates/protocol by `cargo xtask gen-types`. Do not edit: change the Rust types and run it again.\n",
    );
    for (_, declaration) in &types {
        text.push_str("\nexport ");
        for line in declaration.lines() {
            writeln!(text, "{}", line.trim_end())?;
        }
    }
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&out, text)?;
    Ok(())
}
