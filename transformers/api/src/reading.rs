//! What kind of line it is: shouted, asked, a greeting, laughter. Rules of thumb for English chat, cheap and
//! without memory; a line they misread is still said faithfully.

use crate::{Case, Kind, Piece};

/// What a line's pieces tell about the whole of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Written in capitals throughout, with four letters or more.
    pub shouting: bool,
    /// Ends with a question mark, or its last clause begins like a question and does not end otherwise.
    pub question: bool,
    /// Begins with a greeting.
    pub greeting: bool,
    /// A greeting and nothing but those who are greeted: `hi there`, `hello everyone!`, `yo @name`.
    pub bare_greeting: bool,
    /// Somebody laughs in it.
    pub laughter: bool,
    /// How many words it has.
    pub words: usize,
    /// Whether it has words in letters beyond ASCII.
    pub foreign: bool,
}

impl Reading {
    /// Reads the line cut into `pieces`.
    #[must_use]
    pub fn of(pieces: &[Piece<'_>]) -> Self {
        let mut reading = Self::default();
        let (mut upper, mut lower) = (0_usize, 0_usize);
        let mut bare = true;
        // The first words of the clause that is open, without a greeting before them.
        let mut opening = [""; 3];
        let mut clause_words = 0;
        let mut first = "";
        let mut end = "";
        for piece in pieces {
            match piece.kind {
                Kind::Word => {
                    bare = bare && (is_greeting(piece.text) || greeted(piece.text).is_some());
                    match reading.words {
                        0 => {
                            first = piece.text;
                            reading.greeting = is_greeting(first);
                        }
                        1 if is(first, &["good"]) => {
                            reading.greeting = is(piece.text, &["morning", "evening", "afternoon", "day"]);
                        }
                        _ => {}
                    }
                    reading.words += 1;
                    if !end.is_empty() {
                        clause_words = 0;
                    }
                    if clause_words > 0 || !((bare && reading.greeting) || calls(piece.text)) {
                        if let Some(place) = opening.get_mut(clause_words) {
                            *place = piece.text;
                        }
                        clause_words += 1;
                    }
                    end = "";
                    if is_laughter(piece.text) {
                        reading.laughter = true;
                        continue;
                    }
                    if piece.text.is_ascii() {
                        if piece.text.len() > 1 {
                            let capitals = piece.text.bytes().filter(u8::is_ascii_uppercase).count();
                            upper += capitals;
                            lower += piece.text.bytes().filter(u8::is_ascii_lowercase).count();
                        }
                    } else {
                        reading.foreign |= piece.text.chars().any(|c| !c.is_ascii() && c.is_alphabetic());
                        upper +=
                            if Case::of(piece.text) == Case::Upper { piece.text.chars().count() } else { 0 };
                        lower += piece.text.chars().filter(|c| c.is_lowercase()).count();
                    }
                }
                Kind::Punctuation => end = piece.text,
                Kind::Emote => reading.laughter |= is_laughter(piece.text),
                Kind::Link | Kind::Code | Kind::Number | Kind::Command => {
                    bare = false;
                    end = "";
                }
                Kind::Mention | Kind::Symbol | Kind::Space => {}
            }
        }
        reading.shouting = upper >= 4 && upper >= 4 * lower;
        reading.bare_greeting =
            reading.greeting && bare && reading.words <= 6 && !end.contains(['?', '？', '؟']);
        reading.question = end.contains(['?', '？', '؟'])
            || (clause_words >= 2 && !end.contains(['.', '!']) && asks(opening));
        reading
    }
}

fn is(word: &str, of: &[&str]) -> bool {
    of.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether `word` greets. `good morning` and its like are two words; [`Reading`] knows them.
#[must_use]
pub fn is_greeting(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "hi",
        "hii",
        "hiii",
        "hello",
        "helo",
        "hey",
        "heyy",
        "heyyy",
        "heya",
        "hiya",
        "howdy",
        "yo",
        "sup",
        "wassup",
        "whatsup",
        "hallo",
        "hola",
        "bonjour",
        "salut",
        "ciao",
        "ola",
        "aloha",
        "greetings",
        "gm",
        "ello",
        "henlo",
        "hai",
        "haii",
        "hellooo",
        "helloo",
        "morning",
        "evening",
        "g'day",
        "oi",
    ];
    word.len() <= 9 && is(word, WORDS)
}

/// What a word beside a greeting does there; it does not make a statement of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Greeted {
    /// Somebody without a name: `there`, `dude`.
    One,
    /// Several: `everyone`, `chat`.
    Many,
    /// Somebody who is called as every style calls them: `you`, `mods`.
    Called,
    /// Nobody: the `to` and `the` of `hi to the chat`, the `morning` of `good morning`.
    Nobody,
}

/// What `word` does beside a greeting; none if it says something of its own.
#[must_use]
pub fn greeted(word: &str) -> Option<Greeted> {
    const ONE: &[&str] = &[
        "there", "friend", "bro", "dude", "man", "mate", "buddy", "pal", "girl", "sir", "again", "streamer",
    ];
    const MANY: &[&str] = &[
        "everyone",
        "everybody",
        "all",
        "chat",
        "guys",
        "folks",
        "people",
        "friends",
        "peeps",
        "bros",
        "gang",
        "team",
        "y'all",
        "yall",
        "fam",
        "mates",
        "boys",
        "ladies",
        "girls",
        "world",
        "gentlemen",
    ];
    const CALLED: &[&str] = &["bestie", "besties", "mods", "you"];
    const NOBODY: &[&str] =
        &["to", "and", "good", "morning", "evening", "afternoon", "day", "my", "the", "from"];
    if word.len() > 9 {
        return None;
    }
    [(ONE, Greeted::One), (MANY, Greeted::Many), (CALLED, Greeted::Called), (NOBODY, Greeted::Nobody)]
        .into_iter()
        .find_map(|(words, greeted)| is(word, words).then_some(greeted))
}

/// Whether `word` only leads up to what a clause says: `mods can you …`, `but is it …`.
fn calls(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "mods", "chat", "streamer", "guys", "bro", "dude", "and", "but", "ok", "okay", "wait", "well", "um",
        "also",
    ];
    word.len() <= 8 && is(word, WORDS)
}

/// Whether `word` laughs: `lol`, `LMAO`, `hahaha`, `xD`, `KEKW`.
#[must_use]
pub fn is_laughter(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "lol", "lul", "lulw", "lmao", "lmfao", "rofl", "roflmao", "kek", "kekw", "omegalul", "xd", "xdd",
        "icant", "loll", "lolol", "lels", "lel",
    ];
    let bytes = word.as_bytes();
    let may = |first: &u8| {
        matches!(first.to_ascii_lowercase(), b'a' | b'h' | b'i' | b'j' | b'k' | b'l' | b'o' | b'r' | b'x')
    };
    if word.len() < 2 || !bytes.first().is_some_and(may) {
        return false;
    }
    let rolling = || {
        let (a, b) = (bytes[0].to_ascii_lowercase(), bytes[1].to_ascii_lowercase());
        word.len() >= 4
            && matches!((a, b), (b'h' | b'j' | b'a' | b'k', _))
            && bytes.iter().all(|c| matches!(c.to_ascii_lowercase(), b'h' | b'a' | b'e' | b'i' | b'j' | b'k'))
            && (bytes
                .windows(4)
                .any(|w| w[..2].eq_ignore_ascii_case(&w[2..]) && !w[0].eq_ignore_ascii_case(&w[1])))
    };
    (word.len() <= 8 && is(word, WORDS)) || rolling()
}

/// Whether a clause with this opening asks, in case it has no question mark.
fn asks([first, second, third]: [&str; 3]) -> bool {
    const VERBS: &[&str] = &[
        "is", "are", "am", "was", "were", "do", "does", "did", "can", "could", "will", "would", "should",
        "has", "have", "u", "you", "r",
    ];
    /// Of these, how many ask at the head of a clause.
    const ASKING_VERBS: usize = 15;
    const WHO: &[&str] = &[
        "i", "you", "u", "we", "they", "he", "she", "it", "this", "that", "there", "the", "my", "your",
        "anyone", "anybody", "someone", "somebody", "chat", "everyone", "ya", "any", "these", "those",
        "streamer",
    ];
    if is(first, &["how"]) {
        is(second, VERBS) || is(second, &["to", "much", "many", "long", "old", "come", "tall", "often"])
    } else if is(first, &["what", "whats", "what's"]) {
        !is(first, &["what"])
            || is(second, VERBS)
            || is(second, &["time", "game", "song", "rank", "about"])
            || (is(second, &["happened", "happens"]) && !is(third, VERBS))
            // `what keyboard do you use`, but neither `what a day is this` nor `what they did`.
            || (is(third, &VERBS[..ASKING_VERBS]) && !is(second, WHO) && !is(second, &["a", "an", "happened"]))
    } else if is(first, &["who", "where", "why", "wheres", "where's", "who's", "whos", "whose", "which"]) {
        true
    } else if is(first, &["when", "whens", "when's"]) {
        !is(first, &["when"]) || is(second, VERBS) || is(second, &["next", "stream"])
    } else if is(first, &["anyone", "anybody"]) {
        true
    } else {
        // `do it` and `have you …` begin alike; the first commands.
        is(first, &VERBS[..ASKING_VERBS])
            && is(second, WHO)
            && !(is(first, &["do"]) && is(second, &["it", "this", "that", "the"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EmoteNames, pieces};

    fn read(text: &str) -> Reading {
        Reading::of(&pieces(text, &EmoteNames::new()))
    }

    #[test]
    fn shouting_needs_letters_enough() {
        for text in ["WHAT IS THIS", "HELP ME", "NO WAY I DID THAT", "ПОМОГИТЕ"] {
            assert!(read(text).shouting, "{text}");
        }
        for text in ["I", "GG", "OK", "LMAO", "KEKW POGGERS", "I AM groot and shy", "", "123!", "日本語です"]
        {
            assert!(!read(text).shouting, "{text}");
        }
    }

    #[test]
    fn questions_with_and_without_their_mark() {
        for text in [
            "ok?",
            "what??",
            "how do i join",
            "is this live",
            "where r u",
            "いいですか？",
            "why Kappa ?",
            "anyone up",
            "mods can you help",
            "what keyboard do you use",
            "what happened to the intro",
            "i missed it, what happened",
        ] {
            assert!(read(text).question, "{text}");
        }
        for text in [
            "what a save",
            "how nice",
            "is good",
            "do it",
            "why not.",
            "chat is wild",
            "guys are mean",
            "what a game is this",
            "what they did is mean",
            "what happened was wild",
            "is? no",
            "when he dies",
            "https://a.b/?x",
        ] {
            assert!(!read(text).question, "{text}");
        }
    }

    #[test]
    fn greetings_bare_and_not() {
        for text in
            ["hi there", "hello everyone!", "Hey @bob 👋", "yo", "good morning chat", "HELLO", "gm all Kappa"]
        {
            assert!(read(text).bare_greeting, "{text}");
        }
        for text in ["hi what game is this", "hello?", "hey 5", "there", "good game", "hi see https://a.b"] {
            assert!(!read(text).bare_greeting, "{text}");
        }
        for (word, who) in [
            ("There", Some(Greeted::One)),
            ("GENTLEMEN", Some(Greeted::Many)),
            ("mods", Some(Greeted::Called)),
            ("my", Some(Greeted::Nobody)),
            ("game", None),
            ("everybodyy", None),
        ] {
            assert_eq!(greeted(word), who, "{word}");
        }
        assert!(read("hi what game is this").greeting);
        assert!(!read("morale").greeting);
    }

    #[test]
    fn laughter_in_its_spellings() {
        for text in
            ["lol", "LMAO", "hahaha", "jajaja", "hehe", "xD", "that was funny KEKW", "ahahah", "HAHAHAHA"]
        {
            assert!(read(text).laughter, "{text}");
        }
        for text in ["ha", "haha!".trim_end_matches("ha!"), "he", "hike", "kaja", "aha"] {
            assert!(!read(text).laughter, "{text}");
        }
    }
}
