//! Which passwords are allowed: long enough, and not among those that are tried first.
//!
//! Nothing is trimmed, folded or cut off: every code point counts, NUL and spaces included, and no kinds of characters
//! are demanded. It knows nothing of hashes. Start with [`check`].

use protocol::limits::PASSWORD_LEN;
use std::{collections::HashSet, sync::LazyLock};

/// What is wrong with a password. No text repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Under 8 code points.
    #[error("a password has {} characters at least", PASSWORD_LEN.start())]
    TooShort,
    /// Over 1,024 bytes.
    #[error("a password has {} bytes at most", PASSWORD_LEN.end())]
    TooLong,
    /// Among the first that anybody would try.
    #[error("this password is among the first that are tried; take another one")]
    TooCommon,
    /// Little more than the username.
    #[error("a password must not be made of the username")]
    ContainsUsername,
}

impl PasswordError {
    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::TooCommon => "too_common",
            Self::ContainsUsername => "contains_username",
        }
    }
}

/// May this be the password of this user? `username` is lower case, and empty where there is none (yet).
///
/// # Errors
/// See [`PasswordError`].
pub fn check(password: &str, username: &str) -> Result<(), PasswordError> {
    if password.len() > *PASSWORD_LEN.end() {
        return Err(PasswordError::TooLong);
    }
    if password.chars().count() < *PASSWORD_LEN.start() {
        return Err(PasswordError::TooShort);
    }
    let lower = password.to_lowercase();
    if !username.is_empty() && lower.contains(username) {
        // In a long phrase the name does no harm: what counts is what is left of it.
        let left = lower.replace(username, "").chars().count();
        if left < *PASSWORD_LEN.start() {
            return Err(PasswordError::ContainsUsername);
        }
    }
    if is_common(&lower) { Err(PasswordError::TooCommon) } else { Ok(()) }
}

/// The words of the file beside this one: what people take for a password, in lower case.
static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("passwords/common.txt").lines().collect());

/// So many digits and signs before and behind a common word do not make it better.
const DECORATION_MAX: usize = 4;

/// Neighbours on a keyboard and in the alphabet. They count in both directions, and from any place.
const ROWS: [&str; 8] = [
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiopü+",
    "azertyuiop",
    "1q2w3e4r5t6z7u8i9o0p",
];

fn is_common(lower: &str) -> bool {
    COMMON.contains(lower) || is_decorated_word(lower) || is_repetition(lower) || is_row(lower)
}

/// `dragon1!` is `dragon`, and `p4ssw0rd` is `password`.
fn is_decorated_word(lower: &str) -> bool {
    let decoration = |c: char| c.is_ascii_digit() || c.is_ascii_punctuation();
    let word = lower.trim_matches(decoration);
    let plain = |word: &str| word.chars().map(unleet).collect::<String>();
    let little = lower.chars().count() - word.chars().count() <= DECORATION_MAX;
    COMMON.contains(plain(lower).as_str())
        || little && (COMMON.contains(word) || COMMON.contains(plain(word).as_str()))
        // `p@ssw0rd1`: the digits at the end are no letters, those in the middle are.
        || COMMON.contains(plain(lower.trim_end_matches(decoration)).as_str()) && little
}

fn unleet(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        _ => c,
    }
}

/// A piece of up to four characters again and again: `aaaaaaaa`, `abcabcabc`, `12341234`.
fn is_repetition(lower: &str) -> bool {
    let chars: Vec<char> = lower.chars().collect();
    (1..=4).any(|period| chars.iter().zip(&chars[period..]).all(|(a, b)| a == b))
}

/// One piece of a row: `23456789`, `qwertyui`, `lkjhgfdsa`; or a few of them, `qwerasdf`, `1234qwer`.
fn is_row(lower: &str) -> bool {
    const PIECE_MIN: usize = 4;
    let chars: Vec<char> = lower.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let longest = (PIECE_MIN..=chars.len() - at)
            .take_while(|len| {
                let piece: String = chars[at..at + len].iter().collect();
                let back: String = piece.chars().rev().collect();
                ROWS.iter().any(|row| row.contains(&piece) || row.contains(&back))
            })
            .last();
        match longest {
            Some(len) => at += len,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use PasswordError::{ContainsUsername, TooCommon, TooLong, TooShort};

    #[test]
    fn length_is_in_code_points_below_and_in_bytes_above() {
        let distinct =
            |n: u32| (0..n).map(|i| char::from_u32(0x4E00 + i * 7 % 5_000).unwrap()).collect::<String>();
        for (password, expected) in [
            (String::new(), Err(TooShort)),
            (distinct(7), Err(TooShort)),
            (distinct(8), Ok(())),
            (distinct(64), Ok(())),
            ("😀🎉😎🐙🦀🌍🍕".to_owned(), Err(TooShort)),
            ("😀🎉😎🐙🦀🌍🍕🚀".to_owned(), Ok(())),
            (distinct(341) + "x", Ok(())),        // 1,024 bytes
            (distinct(341) + "xy", Err(TooLong)), // 1,025
            (" leading and trailing ".to_owned(), Ok(())),
            ("tab\tand\nline".to_owned(), Ok(())),
            ("nul\0nul\0 is a character".to_owned(), Ok(())),
            ("no digits and no capitals".to_owned(), Ok(())),
        ] {
            assert_eq!(check(&password, "alice"), expected, "{password:?}");
        }
    }

    #[test]
    fn what_is_tried_first_is_refused() {
        for password in [
            "password",
            "password1",
            "Password1",
            "PASSWORD",
            "password123",
            "P@ssw0rd",
            "p4ssw0rd!",
            "p@ssw0rd1",
            "passw0rd",
            "12345678",
            "123456789",
            "1234567890",
            "87654321",
            "23456789",
            "11111111",
            "00000000",
            "aaaaaaaa",
            "AAAAAAAA",
            "abcabcabc",
            "12341234",
            "121212121",
            "abcdefgh",
            "ABCDEFGHIJ",
            "qwertyui",
            "qwertyuiop",
            "poiuytrewq",
            "asdfghjkl",
            "qwerasdf",
            "1234qwer",
            "qwertzui",
            "1q2w3e4r",
            "1q2w3e4r5t",
            "iloveyou",
            "iloveyou2",
            "letmein1",
            "letmein123",
            "welcome1",
            "Dragon99",
            "monkey12",
            "football1",
            "superman",
            "trustno1",
            "sunshine!",
            "princess1",
            "twitchy123",
            "changeme",
            "charlie1",
            "1dragon1",
            "😀😀😀😀😀😀😀😀",
        ] {
            assert_eq!(check(password, "alice"), Err(TooCommon), "{password:?}");
        }
    }

    #[test]
    fn ordinary_passwords_are_not() {
        for password in [
            "correct horse battery staple",
            "dragonfly lamp",
            "xK9#mQ2$vL",
            "mein hund heisst",
            "password manager ftw",
            "dragon84729105",
            "qwerty is a row",
            "abcd efgh",
            "9f8e7d6c5b4a",
            "abcabcabd",
            "пароль-для-чата",
        ] {
            assert_eq!(check(password, "alice"), Ok(()), "{password:?}");
        }
    }

    #[test]
    fn the_username_alone_is_no_password() {
        for password in ["alice123", "Alice2024", "alicealice", "ALICE!!!!!", "xalice1y", "alicealicealice1"]
        {
            assert_eq!(check(password, "alice"), Err(ContainsUsername), "{password:?}");
        }
        assert_eq!(check("alice and the hatter", "alice"), Ok(()));
        assert_eq!(check("alice-x7Kq2pWm", "alice"), Ok(()));
        assert_eq!(check("alice12345", "bob"), Ok(()));
        assert_eq!(check("verylongusername_1", "verylongusername_1"), Err(ContainsUsername));
    }

    #[test]
    fn the_list_is_in_the_form_it_is_searched_in() {
        let lines: Vec<_> = include_str!("passwords/common.txt").lines().collect();
        assert!(lines.is_sorted(), "sorted, so that a change is a small diff");
        assert_eq!(COMMON.len(), lines.len(), "no word twice");
        for line in &lines {
            assert!(line.len() >= 4 && *line == line.to_lowercase() && *line == line.trim(), "{line:?}");
        }
        assert!(lines.len() > 300);
    }
}
