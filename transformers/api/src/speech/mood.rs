//! What kind of line it is, as far as the frame around it is concerned.

use crate::{Kind, Lexicon, Piece, Reading};

/// What a line is about or how it is said; a style has openers and closers for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mood {
    /// Somebody is down; no style jokes about it.
    Sad,
    /// A running joke of the style's own.
    Joke,
    /// In capitals throughout.
    Shout,
    /// Asks.
    Question,
    /// Greets and says nothing else.
    Greeting,
    /// Shows something.
    Link,
    /// Numbers without words.
    Number,
    /// Emotes, emoji or punctuation without words.
    Picture,
    /// In another alphabet.
    Foreign,
    /// Has code in it.
    Code,
    /// Something is bad, or somebody.
    Blame,
    /// Something is good, or somebody.
    Praise,
    /// Won.
    Win,
    /// Lost.
    Loss,
    /// Eats or drinks.
    Food,
    /// Lag, crashes, bugs.
    Lag,
    /// Leaves.
    Bye,
    /// Thanks, begs pardon, congratulates.
    Thanks,
    /// Laughs.
    Laugh,
    /// None of the others.
    Plain,
}

impl Mood {
    /// The mood that a table of moods calls `name`; [`Plain`](Self::Plain) if there is no such mood.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "sad" => Self::Sad,
            "blame" => Self::Blame,
            "praise" => Self::Praise,
            "win" => Self::Win,
            "loss" => Self::Loss,
            "food" => Self::Food,
            "lag" => Self::Lag,
            "bye" => Self::Bye,
            "thanks" => Self::Thanks,
            _ => Self::Plain,
        }
    }

    /// The mood of a line: sadness first, then `own`, what the line is, and last the first topic in it that `topics`
    /// names.
    pub(crate) fn of(pieces: &[Piece<'_>], reading: &Reading, topics: &Lexicon, own: Option<Self>) -> Self {
        let (mut topic, mut sad) = (Self::Plain, false);
        let (mut link, mut number, mut code) = (false, false, false);
        for (at, piece) in pieces.iter().enumerate() {
            match piece.kind {
                Kind::Word => {
                    if let Some(found) = topics.find(pieces, at) {
                        let named = Self::named(found.answers[0]);
                        sad |= named == Self::Sad;
                        if topic == Self::Plain {
                            topic = named;
                        }
                    }
                }
                Kind::Link => link = true,
                Kind::Number => number = true,
                Kind::Code => code = true,
                _ => {}
            }
        }
        match (own, reading) {
            _ if sad => Self::Sad,
            (Some(own), _) => own,
            _ if reading.shouting => Self::Shout,
            _ if reading.question => Self::Question,
            _ if reading.bare_greeting => Self::Greeting,
            _ if link => Self::Link,
            _ if code => Self::Code,
            _ if number && reading.words == 0 => Self::Number,
            _ if reading.words == 0 => Self::Picture,
            _ if reading.foreign => Self::Foreign,
            _ if topic != Self::Plain => topic,
            _ if reading.laughter => Self::Laugh,
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EmoteNames, pieces};

    #[test]
    fn what_a_line_is_goes_before_what_it_is_about() {
        let topics = Lexicon::new(&[("sad", &["sad"]), ("won", &["win"]), ("pizza", &["food"])]);
        for (text, mood) in [
            ("we won a pizza", Mood::Win),
            ("so sad that we won", Mood::Sad),
            ("I AM SAD THAT WE WON", Mood::Sad),
            ("WE WON THE PIZZA", Mood::Shout),
            ("who won", Mood::Question),
            ("hi there", Mood::Greeting),
            ("pizza https://a.b/", Mood::Link),
            ("pizza `x`", Mood::Code),
            ("42", Mood::Number),
            ("42 pizza", Mood::Food),
            ("😀 😀", Mood::Picture),
            ("привет", Mood::Foreign),
            ("hahaha", Mood::Laugh),
            ("the table", Mood::Plain),
        ] {
            let pieces = pieces(text, &EmoteNames::new());
            let reading = Reading::of(&pieces);
            assert_eq!(Mood::of(&pieces, &reading, &topics, None), mood, "{text}");
            let own = Mood::of(&pieces, &reading, &topics, Some(Mood::Joke));
            assert_eq!(own, if mood == Mood::Sad { Mood::Sad } else { Mood::Joke }, "{text}");
        }
    }
}
