//! The domain of the chat, without I/O and without a clock: whoever calls says what time it is.
//!
//! Start with [`message`]: a line goes `Draft → Styled → (log) → Logged`.

pub mod account;
pub mod message;
pub mod names;
pub mod record;
pub mod rooms;
pub mod time;
