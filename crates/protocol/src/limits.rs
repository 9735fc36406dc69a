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
