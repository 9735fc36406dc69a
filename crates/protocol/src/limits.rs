//! What the protocol allows at most. Settings may be tighter; nothing may be looser.

/// Code points of a message as typed.
pub const MESSAGE_CODE_POINTS_MAX: usize = 500;
/// Code points of a message after its style.
pub const STYLED_CODE_POINTS_MAX: usize = 2_000;
/// Bytes of one WebSocket message from a client; above it the connection ends with 1009.
pub const FRAME_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a REST body; above it 413.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a nonce, at least 1.
pub const NONCE_BYTES_MAX: usize = 64;
/// How long a nonce holds.
pub const NONCE_TTL_MS: u64 = 10 * 60 * 1000;
/// Messages in a `joined` frame or a page of history.
pub const HISTORY_MAX: u32 = 100;
/// The same where the client does not say.
pub const HISTORY_DEFAULT: u32 = 10;
/// Code points of a reply's excerpt.
pub const EXCERPT_CODE_POINTS_MAX: usize = 100;
/// Bytes of the `id` of a `ping`.
pub const PING_ID_BYTES_MAX: usize = 64;
/// Shortest and longest username, in bytes (they are ASCII).
pub const USERNAME_BYTES: std::ops::RangeInclusive<usize> = 3..=25;
/// Shortest and longest password, in bytes for the upper bound and code points for the lower.
pub const PASSWORD_LEN: std::ops::RangeInclusive<usize> = 8..=1024;
/// Seconds of slow mode, so that a restart still finds in the log who spoke last.
pub const SLOW_MODE_SECONDS_MAX: u32 = 120;
/// Seconds of a timeout: two weeks. What is to last longer is a ban.
pub const TIMEOUT_SECONDS: std::ops::RangeInclusive<u32> = 1..=14 * 24 * 3600;
/// Code points of a reason.
pub const REASON_CODE_POINTS_MAX: usize = 500;
/// Code points of a blocked phrase.
pub const PHRASE_CODE_POINTS_MAX: usize = 200;
/// Blocked phrases of one room.
pub const PHRASES_MAX: usize = 200;
/// Entries of a page of a moderation log, and the same where the client does not say.
pub const LOG_ENTRIES_MAX: u32 = 100;
/// See [`LOG_ENTRIES_MAX`].
pub const LOG_ENTRIES_DEFAULT: u32 = 50;
/// Messages of a user card.
pub const CARD_MESSAGES_MAX: usize = 50;
/// Measures of a user card.
pub const CARD_MEASURES_MAX: usize = 50;
/// Bans of one page of the list.
pub const BANS_PAGE_MAX: usize = 1_000;
/// Bytes of an emote's picture.
pub const EMOTE_BYTES_MAX: usize = 256 * 1024;
/// Shortest and longest name of an emote, in bytes (they are ASCII).
pub const EMOTE_NAME_BYTES: std::ops::RangeInclusive<usize> = 2..=32;
/// Emotes of one message; further ones are shown as their names. A message that is nothing but two-letter emotes has more.
pub const EMOTES_PER_MESSAGE_MAX: usize = 64;
/// Longest title of a room, in code points, at least 1.
pub const ROOM_TITLE_CODE_POINTS_MAX: usize = 100;
/// Longest description of a room, in code points.
pub const ROOM_DESCRIPTION_CODE_POINTS_MAX: usize = 300;
/// Longest name of a bot's token, in code points, at least 1.
pub const BOT_TOKEN_NAME_CODE_POINTS_MAX: usize = 64;
