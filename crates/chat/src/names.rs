//! Names and colours of users: what may be typed, and what becomes of it.
//!
//! It does not know which names are taken; that is the store's matter. Start with [`Username::parse`].

use protocol::limits::USERNAME_BYTES;
use std::{collections::HashSet, fmt};

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Under 3 characters.
    #[error("a name has {} characters at least", USERNAME_BYTES.start())]
    TooShort,
    /// Over 25 characters.
    #[error("a name has {} characters at most", USERNAME_BYTES.end())]
    TooLong,
    /// Something else than letters, digits and `_`, or nothing but `_`.
    #[error("a name is made of the letters a to z, digits and _, and not of _ alone")]
    BadCharacter,
    /// Somebody could take its bearer for a part of the site.
    #[error("this name is reserved")]
    Reserved,
    /// The display name has other letters than the username.
    #[error("the display name must have the same letters as the username; only their case is free")]
    Mismatch,
}

impl NameError {
    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::BadCharacter => "bad_character",
            Self::Reserved => "reserved",
            Self::Mismatch => "mismatch",
        }
    }
}

/// The name that identifies a user to people: `[a-z0-9_]{3,25}` with at least one letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(String);

impl Username {
    /// From what was typed, in any case; nothing is trimmed. Only ASCII letters are folded, so no letter of another
    /// alphabet becomes one of ours on the way (`K`, the sign for Kelvin, would otherwise be a `k`).
    ///
    /// # Errors
    /// `TooShort`, `TooLong`, `BadCharacter`.
    pub fn parse(typed: &str) -> Result<Self, NameError> {
        if typed.chars().count() > *USERNAME_BYTES.end() {
            return Err(NameError::TooLong);
        }
        if !typed.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(NameError::BadCharacter);
        }
        if typed.len() < *USERNAME_BYTES.start() {
            return Err(NameError::TooShort);
        }
        if typed.bytes().all(|b| b == b'_') {
            return Err(NameError::BadCharacter);
        }
        Ok(Self(typed.to_ascii_lowercase()))
    }

    /// Lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Username> for String {
    fn from(name: Username) -> Self {
        name.0
    }
}

/// Names that speak for the site, for everyone or for nobody.
const RESERVED: [&str; 56] = [
    "abuse",
    "account",
    "admin",
    "administrator",
    "all",
    "anonymous",
    "api",
    "auth",
    "billing",
    "bot",
    "broadcaster",
    "channel",
    "channels",
    "chat",
    "contact",
    "deleted",
    "docs",
    "everybody",
    "everyone",
    "false",
    "founder",
    "ghost",
    "guest",
    "help",
    "here",
    "host",
    "info",
    "login",
    "logout",
    "mod",
    "moderation",
    "moderator",
    "moderators",
    "mods",
    "nobody",
    "null",
    "official",
    "owner",
    "postmaster",
    "register",
    "room",
    "rooms",
    "root",
    "security",
    "server",
    "settings",
    "staff",
    "superuser",
    "support",
    "sysadmin",
    "system",
    "true",
    "twitchy",
    "undefined",
    "vip",
    "webmaster",
];

/// The nicks that anonymous readers of the IRC door take: this word and digits.
const ANONYMOUS_NICK: &str = "justinfan";

/// The names nobody may register.
#[derive(Clone, Debug)]
pub struct Reserved {
    rooms: HashSet<String>,
}

impl Reserved {
    /// The built-in list and the slugs of these rooms.
    pub fn new(rooms: impl IntoIterator<Item = String>) -> Self {
        Self { rooms: rooms.into_iter().map(|slug| fold(&slug)).collect() }
    }

    /// Gives the name back if it is free to take. `_` does not make another name of a reserved one: `_mod_` reads
    /// like `mod`.
    ///
    /// # Errors
    /// `Reserved`.
    pub fn check(&self, name: Username) -> Result<Username, NameError> {
        let folded = fold(name.as_str());
        let anonymous =
            folded.strip_prefix(ANONYMOUS_NICK).is_some_and(|r| r.bytes().all(|b| b.is_ascii_digit()));
        if anonymous || RESERVED.binary_search(&folded.as_str()).is_ok() || self.rooms.contains(&folded) {
            return Err(NameError::Reserved);
        }
        Ok(name)
    }
}

/// Slugs may have `-` where names have `_`.
fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

/// A username as its bearer likes to see it: the same letters in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// From what was typed, for this user.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn parse(typed: &str, username: &Username) -> Result<Self, NameError> {
        if !typed.eq_ignore_ascii_case(username.as_str()) {
            return Err(NameError::Mismatch);
        }
        Ok(Self(typed.to_owned()))
    }

    /// As shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0
    }
}

/// It is not `#RRGGBB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a colour is # and six hexadecimal digits, like #1E90D6")]
pub struct BadColor;

impl BadColor {
    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        "bad_color"
    }
}

/// The colour of a name: `#RRGGBB`, upper case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Color(String);

/// Colours for those who choose none. Each has a contrast of at least 3 to 1 both on white and on the dark theme's
/// `#18181B` (the relative luminance lies between 0.128 and 0.30), and a name of its own hue.
const PALETTE: [&str; 15] = [
    "#E0433A", "#D2691E", "#B8860B", "#7A8B00", "#3E9B2F", "#1E9E6A", "#12969B", "#1E90D6", "#4F7FE8",
    "#7B6CF0", "#9A5CE6", "#BE4FD6", "#D9479B", "#A0785A", "#7D8794",
];

impl Color {
    /// From what was typed, in any case.
    ///
    /// # Errors
    /// [`BadColor`].
    pub fn parse(typed: &str) -> Result<Self, BadColor> {
        let digits = typed.strip_prefix('#').ok_or(BadColor)?;
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadColor);
        }
        Ok(Self(typed.to_ascii_uppercase()))
    }

    /// The colour of somebody who chose none: always the same for the same name.
    #[must_use]
    pub fn default_for(username: &Username) -> Self {
        // FNV-1a, written out: the hashers of the standard library may change their results.
        let hash = username
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        // The high half is the better mixed one; the remainder is below 15, so it fits any usize.
        let index = usize::try_from((hash >> 32) % PALETTE.len() as u64).unwrap_or(0);
        Self(PALETTE[index].to_owned())
    }

    /// `#RRGGBB`, upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(s: &str) -> Username {
        Username::parse(s).unwrap()
    }

    #[test]
    fn a_table_of_names() {
        use NameError::{BadCharacter, TooLong, TooShort};
        let longest = "a".repeat(25);
        let too_long = "a".repeat(26);
        let table: [(&str, Result<&str, NameError>); 27] = [
            ("abc", Ok("abc")),
            ("ABC", Ok("abc")),
            ("xX_Sniper_Xx", Ok("xx_sniper_xx")),
            ("_a_", Ok("_a_")),
            ("__1", Ok("__1")),
            ("007", Ok("007")),
            (&longest, Ok(&longest)),
            ("", Err(TooShort)),
            ("a", Err(TooShort)),
            ("ab", Err(TooShort)),
            (&too_long, Err(TooLong)),
            ("___", Err(BadCharacter)),
            ("_", Err(TooShort)),
            ("a b", Err(BadCharacter)),
            (" abc", Err(BadCharacter)),
            ("abc ", Err(BadCharacter)),
            ("abc\n", Err(BadCharacter)),
            ("abc\0", Err(BadCharacter)),
            ("a-b", Err(BadCharacter)),
            ("a.b", Err(BadCharacter)),
            ("müller", Err(BadCharacter)),
            ("аdmin", Err(BadCharacter)),        // Cyrillic а
            ("\u{212A}evin", Err(BadCharacter)), // the sign for Kelvin
            ("ｆｕｌｌ", Err(BadCharacter)),
            ("abc\u{200B}", Err(BadCharacter)),
            ("e\u{301}abc", Err(BadCharacter)),
            ("😀😀😀", Err(BadCharacter)),
        ];
        for (typed, expected) in table {
            let parsed = Username::parse(typed);
            assert_eq!(parsed.as_ref().map(Username::as_str).map_err(|e| *e), expected, "{typed:?}");
        }
    }

    #[test]
    fn the_reserved_list_is_sorted_and_of_valid_names() {
        assert!(RESERVED.is_sorted(), "it is searched by halving");
        for word in RESERVED {
            assert_eq!(name(word).as_str(), word);
        }
    }

    #[test]
    fn reserved_names_are_refused() {
        let reserved = Reserved::new(["bestie".to_owned(), "big-room".to_owned()]);
        for typed in [
            "admin",
            "ADMIN",
            "_admin_",
            "mod",
            "m_o_d",
            "System",
            "twitchy",
            "justinfan",
            "justinfan123",
            "JustinFan_1",
            "bestie",
            "Bestie",
            "big_room",
            "bigroom",
            "everyone",
            "null",
        ] {
            assert_eq!(reserved.check(name(typed)), Err(NameError::Reserved), "{typed}");
        }
        for typed in ["admiral", "modest", "justinfanatic", "justin", "besties", "allan"] {
            assert_eq!(reserved.check(name(typed)), Ok(name(typed)));
        }
    }

    #[test]
    fn a_display_name_has_the_same_letters() {
        let alice = name("alice_1");
        assert_eq!(DisplayName::parse("ALICE_1", &alice).unwrap().as_str(), "ALICE_1");
        assert_eq!(DisplayName::parse("aLiCe_1", &alice).unwrap().as_str(), "aLiCe_1");
        for typed in ["alice", "alice_1 ", " alice_1", "alice_2", "", "аlice_1", "alıce_1", "alice\u{200B}_1"]
        {
            assert_eq!(DisplayName::parse(typed, &alice), Err(NameError::Mismatch), "{typed:?}");
        }
    }

    #[test]
    fn a_table_of_colours() {
        assert_eq!(Color::parse("#1e90d6").unwrap().as_str(), "#1E90D6");
        for typed in [
            "", "#", "1E90D6", "#FFF", "#1E90D", "#1E90D6F", "#GGGGGG", "#１E90D", "red", " #1E90D6",
            "#+12345",
        ] {
            assert_eq!(Color::parse(typed), Err(BadColor), "{typed:?}");
        }
    }

    #[test]
    fn the_palette_can_be_read_on_light_and_on_dark() {
        fn luminance(color: &str) -> f64 {
            let channel = |at: usize| {
                let c = f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0;
                if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        }
        let contrast = |a: f64, b: f64| (a.max(b) + 0.05) / (a.min(b) + 0.05);
        for color in PALETTE {
            assert_eq!(Color::parse(color).unwrap().as_str(), color);
            for background in ["#FFFFFF", "#18181B"] {
                let c = contrast(luminance(color), luminance(background));
                assert!(c >= 3.0, "{color} on {background}: {c}");
            }
        }
        let distinct: HashSet<_> = PALETTE.into_iter().collect();
        assert_eq!(distinct.len(), PALETTE.len());
    }

    #[test]
    fn the_default_colour_never_changes() {
        // Computed by another program from the definition of FNV-1a: a change here would repaint everybody.
        assert_eq!(Color::default_for(&name("alice")), Color::default_for(&name("ALICE")));
        let colors: Vec<_> = ["alice", "bob", "carol"].map(|n| Color::default_for(&name(n)).0).into();
        assert_eq!(colors, ["#A0785A", "#1E9E6A", "#D9479B"]);
        let mut used = HashSet::new();
        for i in 0..1_000 {
            used.insert(Color::default_for(&name(&format!("viewer_{i}"))).0);
        }
        assert_eq!(used.len(), PALETTE.len(), "every colour is somebody's");
    }

    proptest! {
        #[test]
        fn what_parses_is_canonical(typed in "\\PC{0,30}|[A-Za-z0-9_]{0,30}") {
            match Username::parse(&typed) {
                Ok(parsed) => {
                    prop_assert!(USERNAME_BYTES.contains(&parsed.as_str().len()));
                    prop_assert!(parsed.as_str().bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')));
                    prop_assert!(parsed.as_str().eq_ignore_ascii_case(&typed));
                    prop_assert_eq!(Username::parse(parsed.as_str()), Ok(parsed.clone()));
                    prop_assert!(DisplayName::parse(&typed, &parsed).is_ok());
                    prop_assert!(PALETTE.contains(&Color::default_for(&parsed).as_str()));
                }
                Err(e) => prop_assert!(!matches!(e, NameError::Reserved | NameError::Mismatch)),
            }
        }

        #[test]
        fn every_name_of_the_pattern_parses(typed in "[a-z0-9_]{2,24}[a-z0-9]") {
            prop_assert_eq!(Username::parse(&typed).map(String::from), Ok(typed));
        }

        #[test]
        fn colours_are_six_digits(typed in "#?[0-9a-gA-G]{0,8}") {
            let digits = typed.strip_prefix('#').unwrap_or("");
            let good = digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit());
            prop_assert_eq!(Color::parse(&typed).is_ok(), good);
        }
    }
}
