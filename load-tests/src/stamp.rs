//! The mark that every message of a run carries: its number, and when it was due.
//!
//! It looks like a mention, because every style keeps mentions whole, and is found in a frame without reading the frame.
//! Times are microseconds of the machine's monotonic clock, which all processes of a run share. Start with [`write`].

use memchr::memmem::Finder;
use rustix::time::{ClockId, clock_gettime};

const MARK: &[u8] = b"@zq";
const NUMBER: usize = 8;
const TIME: usize = 12;
/// Bytes of a mark; a username has at most 25, and the `@` before it.
pub const LEN: usize = MARK.len() + NUMBER + TIME;

/// Which message, and when it was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub number: u32,
    pub due: u64,
}

/// Microseconds of the monotonic clock.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or(0) * 1_000_000 + nanos.unwrap_or(0) / 1_000
}

/// What finds marks; made once.
pub fn finder() -> Finder<'static> {
    Finder::new(MARK)
}

/// As it stands in a text. The time has 48 bits: nine years after the machine's start.
pub fn write(stamp: Stamp) -> String {
    format!("@zq{:08x}{:012x}", stamp.number, stamp.due & 0xffff_ffff_ffff)
}

/// The mark that begins here, if there is one.
pub fn read(at: &[u8]) -> Option<Stamp> {
    let digits = at.strip_prefix(MARK)?.get(..NUMBER + TIME)?;
    let (number, due) = digits.split_at(NUMBER);
    Some(Stamp { number: u32::try_from(hex(number)?).ok()?, due: hex(due)? })
}

/// The first mark in these bytes.
pub fn first(finder: &Finder<'_>, bytes: &[u8]) -> Option<Stamp> {
    finder.find_iter(bytes).find_map(|at| read(&bytes[at..]))
}

/// The decimal number at the beginning.
pub fn decimal(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let digits = bytes.get(..digits).filter(|digits| !digits.is_empty())?;
    digits.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(sum << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_whatever_a_style_puts_around_it() {
        let stamp = Stamp { number: 0xdead_beef, due: 0x0123_4567_89ab };
        let text = format!("Fr fr @zq, @zqxyz {} no cap", write(stamp));
        assert_eq!(write(stamp).len(), LEN);
        assert_eq!(first(&finder(), text.as_bytes()), Some(stamp));
        assert_eq!(first(&finder(), &text.as_bytes()[..30]), None);
    }

    #[test]
    fn numbers_are_read_and_no_more_than_numbers() {
        assert_eq!(decimal(br#"12","x":3}"#), Some(12));
        assert_eq!(decimal(b"x"), None);
        assert_eq!(decimal(b"99999999999999999999999"), None);
    }
}
