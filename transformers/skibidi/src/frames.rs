//! What goes before and after a line: by what kind of line it is. All in small letters; a shouted line gets them
//! in capitals. Each closer list ends in something short, so that even the shortest line finds one that fits.

/// What kind of line it is, as far as its frame is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Sad,
    Shout,
    Question,
    Greeting,
    Link,
    Number,
    SixSeven,
    Picture,
    Foreign,
    Code,
    Roast,
    Praise,
    Win,
    Fumble,
    Food,
    Lag,
    Bye,
    Polite,
    Laugh,
    Plain,
}

impl Mood {
    /// The mood that a word of the table `MOODS` names.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "sad" => Self::Sad,
            "roast" => Self::Roast,
            "praise" => Self::Praise,
            "win" => Self::Win,
            "fumble" => Self::Fumble,
            "food" => Self::Food,
            "lag" => Self::Lag,
            "bye" => Self::Bye,
            "polite" => Self::Polite,
            _ => Self::Plain,
        }
    }

    /// Before the line; each ends where a space or the line follows.
    pub(crate) fn openers(self) -> &'static [&'static str] {
        match self {
            Self::Sad => &["stay strong sigma,", "bro, group hug,", "chat be nice,", "oh nah,"],
            Self::Shout => &["erm, what the sigma,", "bro is crashing out:", "six seven alert:", "ayo,"],
            Self::Question => {
                &["erm,", "chat,", "sigma question:", "real quick,", "asking for ohio:", "ayo chat,"]
            }
            Self::Greeting => &["ayo,", "new sigma dropped:", "aura alert:", "*hits the griddy*"],
            Self::Link => &["caught in 4K 📸", "fresh ohio lore:", "4K evidence:", "erm, peep this:"],
            Self::Number => &["erm,", "aura check:", "ohio math:", "chat, it's"],
            Self::SixSeven => &["chat,", "ayo,", "he said it:", "*does the hands*"],
            Self::Picture => &["*mewing*", "erm,", "no words, just aura:", "bro said"],
            Self::Foreign => &["multilingual sigma:", "global rizz:", "ohio worldwide:", "erm,"],
            Self::Code => &["sigma dev yapping:", "bro compiled this in ohio:", "erm,"],
            Self::Roast => &["erm,", "nah,", "not gonna cap,", "ayo chill,", "ohio report:"],
            Self::Praise => &["no cap,", "sheesh,", "ngl,", "aura report:", "fax,"],
            Self::Win => &["sheesh,", "let him cook,", "ayo,", "mog alert:"],
            Self::Fumble => &["erm,", "bruh,", "canon event:", "ohio moment:"],
            Self::Food => &["fanum is typing…", "erm,", "tax alert:", "ayo,"],
            Self::Lag => &["ohio wifi check:", "erm,", "bruh,"],
            Self::Bye => &["aight,", "sigma down,", "erm,"],
            Self::Polite => &["respectful sigma:", "erm,", "aight,"],
            Self::Laugh => &["bro,", "nah,", "chat,"],
            Self::Plain => &[
                "erm,",
                "ayo,",
                "ngl,",
                "chat,",
                "lowkey",
                "bro,",
                "sigma fact:",
                "breaking ohio news:",
                "no cap,",
                "six seven,",
            ],
        }
    }

    /// After the line.
    pub(crate) fn closers(self) -> &'static [&'static str] {
        match self {
            Self::Sad => &[
                "the comeback arc starts now",
                "we got you, +1000 aura",
                "sending max aura",
                "ohio believes in you",
                "you got this fr",
                "+1000 aura 🫂",
                "🫂",
            ],
            Self::Shout => &[
                "what the sigma!!",
                "bro is NOT mewing 💀",
                "someone fanum tax that caps lock",
                "chat is this real",
                "crashing out fr 💀",
                "sheesh 💀",
                "gyatt",
                "six seven",
                "🗿",
            ],
            Self::Question => &[
                "chat is this real",
                "only sigmas may answer",
                "asking for fanum",
                "the opps wanna know too",
                "NPCs need not reply",
                "what the sigma 🗿",
                "+100 aura for the answer",
                "erm 🤔",
                "fr tho",
                "be real",
            ],
            Self::Greeting => {
                &["+100 aura", "welcome to ohio", "aura detected", "don't fanum tax me", "fr fr", "🗿"]
            }
            Self::Link => {
                &["only in ohio 💀", "chat is this real", "certified ohio footage", "no cap 📸", "📸"]
            }
            Self::Number => &["aura points", "aura, no cap", "on the ohio scale", "rizz units", "aura", "🗿"],
            Self::SixSeven => &["SIX SEVEN", "six seven 🤷", "SIX SEVENNN 🤲", "six sevennn 🗣️"],
            Self::Picture => {
                &["said no sigma ever", "chat is this real", "only in ohio", "+67 aura", "fr", "🗿"]
            }
            Self::Foreign => &[
                "real, no cap 🗿",
                "rizz has no borders",
                "sigma in any alphabet",
                "so sigma",
                "fr fr",
                "W rizz",
                "🗿",
            ],
            Self::Code => &[
                "works on my toilet 🚽",
                "no bugs in ohio",
                "let him compile",
                "sigma syntax",
                "fr",
                "W code",
                "🗿",
            ],
            Self::Roast => &[
                "-500 aura",
                "L + ratio",
                "NPC behavior",
                "only in ohio 💀",
                "straight to ohio",
                "aura in shambles 📉",
                "couldn't be sigma",
                "fr 💀",
                "💀",
            ],
            Self::Praise => &[
                "+1000 aura",
                "let him cook 🔥",
                "no cap fr fr",
                "rizz levels illegal in ohio",
                "aura through the roof 📈",
                "mogging the whole lobby",
                "fr 🔥",
                "🔥",
            ],
            Self::Win => &[
                "+1000 aura",
                "opps got fanum taxed",
                "we're so back",
                "mogged 🗿",
                "hit the griddy",
                "L to the opps",
                "sheesh 🔥",
                "🔥",
            ],
            Self::Fumble => &[
                "-500 aura",
                "certified ohio moment",
                "bro got fanum taxed 💀",
                "caught in 4K 📸",
                "canon event",
                "he was NOT cooking",
                "fr 💀",
                "💀",
            ],
            Self::Food => &[
                "fanum is on his way",
                "20% fanum tax applies",
                "hide it from fanum",
                "taxed already 💀",
                "bussin fr",
                "💀",
            ],
            Self::Lag => {
                &["router got fanum taxed", "hamster quit 💀", "wifi on -500 aura", "only in ohio", "💀"]
            }
            Self::Bye => &[
                "bye bye 🤫🧏",
                "stay sigma",
                "*griddies away*",
                "don't let ohio catch you",
                "mew well",
                "🫡",
            ],
            Self::Polite => &["+200 aura", "manners mog", "sigma etiquette", "W manners", "🫡"],
            Self::Laugh => &["goofy ahh", "i'm cooked 💀", "crying in ohio 💀", "six seven", "fr 💀", "💀"],
            Self::Plain => &[
                "no cap",
                "only in ohio 💀",
                "fr fr",
                "on skibidi",
                "chat is this real",
                "what the sigma",
                "caught in 4K 📸",
                "and that's on fanum",
                "sussy baka",
                "six seven",
                "bye bye 🤫🧏",
                "+67 aura",
                "real 🗿",
                "fr 💀",
                "fax",
                "sheesh",
                "no cap 🧢",
            ],
        }
    }
}

/// Between two sentences.
pub(crate) const BETWEEN: &[&str] = &["no cap.", "💀", "fax.", "real.", "erm.", "six seven.", "🗿"];
/// After a comma.
pub(crate) const AFTER_COMMA: &[&str] = &["erm,", "no cap,", "like,", "on skibidi,"];
