//! What goes before and after a line: by what kind of line it is. All in small letters; a shouted line gets them
//! in capitals. Each closer list ends in something short, so that even the shortest line finds one that fits.

use transformer_api::speech::Mood;

/// Before the line; each ends where a space or the line follows.
pub(crate) fn openers(mood: Mood) -> &'static [&'static str] {
    match mood {
        Mood::Sad => &["stay strong sigma,", "bro, group hug,", "chat be nice,", "oh nah,"],
        Mood::Shout => &["erm, what the sigma,", "bro is crashing out:", "six seven alert:", "ayo,"],
        Mood::Question => {
            &["erm,", "chat,", "sigma question:", "real quick,", "asking for ohio:", "ayo chat,"]
        }
        Mood::Greeting => &["ayo,", "new sigma dropped:", "aura alert:", "*hits the griddy*"],
        Mood::Link => &["caught in 4K 📸", "fresh ohio lore:", "4K evidence:", "erm, peep this:"],
        Mood::Number => &["erm,", "aura check:", "ohio math:", "chat, it's"],
        Mood::Joke => &["chat,", "ayo,", "he said it:", "*does the hands*"],
        Mood::Picture => &["*mewing*", "erm,", "no words, just aura:", "bro said"],
        Mood::Foreign => &["multilingual sigma:", "global rizz:", "ohio worldwide:", "erm,"],
        Mood::Code => &["sigma dev yapping:", "bro compiled this in ohio:", "erm,"],
        Mood::Blame => &["erm,", "nah,", "not gonna cap,", "ayo chill,", "ohio report:"],
        Mood::Praise => &["no cap,", "sheesh,", "ngl,", "aura report:", "fax,"],
        Mood::Win => &["sheesh,", "let him cook,", "ayo,", "mog alert:"],
        Mood::Loss => &["erm,", "bruh,", "canon event:", "ohio moment:"],
        Mood::Food => &["fanum is typing…", "erm,", "tax alert:", "ayo,"],
        Mood::Lag => &["ohio wifi check:", "erm,", "bruh,"],
        Mood::Bye => &["aight,", "sigma down,", "erm,"],
        Mood::Thanks => &["respectful sigma:", "erm,", "aight,"],
        Mood::Laugh => &["bro,", "nah,", "chat,"],
        Mood::Plain => &[
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
pub(crate) fn closers(mood: Mood) -> &'static [&'static str] {
    match mood {
        Mood::Sad => &[
            "the comeback arc starts now",
            "we got you, +1000 aura",
            "sending max aura",
            "ohio believes in you",
            "you got this fr",
            "+1000 aura 🫂",
            "🫂",
        ],
        Mood::Shout => &[
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
        Mood::Question => &[
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
        Mood::Greeting => {
            &["+100 aura", "welcome to ohio", "aura detected", "don't fanum tax me", "fr fr", "🗿"]
        }
        Mood::Link => &["only in ohio 💀", "chat is this real", "certified ohio footage", "no cap 📸", "📸"],
        Mood::Number => &["aura points", "aura, no cap", "on the ohio scale", "rizz units", "aura", "🗿"],
        Mood::Joke => &["SIX SEVEN", "six seven 🤷", "SIX SEVENNN 🤲", "six sevennn 🗣️"],
        Mood::Picture => &["said no sigma ever", "chat is this real", "only in ohio", "+67 aura", "fr", "🗿"],
        Mood::Foreign => &[
            "real, no cap 🗿",
            "rizz has no borders",
            "sigma in any alphabet",
            "so sigma",
            "fr fr",
            "W rizz",
            "🗿",
        ],
        Mood::Code => &[
            "works on my toilet 🚽",
            "no bugs in ohio",
            "let him compile",
            "sigma syntax",
            "fr",
            "W code",
            "🗿",
        ],
        Mood::Blame => &[
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
        Mood::Praise => &[
            "+1000 aura",
            "let him cook 🔥",
            "no cap fr fr",
            "rizz levels illegal in ohio",
            "aura through the roof 📈",
            "mogging the whole lobby",
            "fr 🔥",
            "🔥",
        ],
        Mood::Win => &[
            "+1000 aura",
            "opps got fanum taxed",
            "we're so back",
            "mogged 🗿",
            "hit the griddy",
            "L to the opps",
            "sheesh 🔥",
            "🔥",
        ],
        Mood::Loss => &[
            "-500 aura",
            "certified ohio moment",
            "bro got fanum taxed 💀",
            "caught in 4K 📸",
            "canon event",
            "he was NOT cooking",
            "fr 💀",
            "💀",
        ],
        Mood::Food => &[
            "fanum is on his way",
            "20% fanum tax applies",
            "hide it from fanum",
            "taxed already 💀",
            "bussin fr",
            "💀",
        ],
        Mood::Lag => {
            &["router got fanum taxed", "hamster quit 💀", "wifi on -500 aura", "only in ohio", "💀"]
        }
        Mood::Bye => {
            &["bye bye 🤫🧏", "stay sigma", "*griddies away*", "don't let ohio catch you", "mew well", "🫡"]
        }
        Mood::Thanks => &["+200 aura", "manners mog", "sigma etiquette", "W manners", "🫡"],
        Mood::Laugh => &["goofy ahh", "i'm cooked 💀", "crying in ohio 💀", "six seven", "fr 💀", "💀"],
        Mood::Plain => &[
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

/// Between two sentences.
pub(crate) const BETWEEN: &[&str] = &["no cap.", "💀", "fax.", "real.", "erm.", "six seven.", "🗿"];
/// After a comma.
pub(crate) const AFTER_COMMA: &[&str] = &["erm,", "no cap,", "like,", "on skibidi,"];
