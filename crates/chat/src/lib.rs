//! The domain of the chat, without I/O and without a clock: whoever calls says what time it is.
//!
//! Start with [`message`]: a line goes `Draft → Styled → (log) → Logged`, and [`record`] is the form in which it
//! is kept.

pub mod account;
pub mod admission;
pub mod emotes;
pub mod message;
pub mod moderation;
pub mod names;
pub mod nonces;
pub mod record;
pub mod rooms;
pub mod time;
mod wire;
