//! What the bestie says around a line: openers and closers by mood. An opener that ends with a comma or colon flows
//! into the line; any other is a sentence of its own.

use std::sync::LazyLock;

use transformer_api::{Kind, Lexicon, Piece, Reading};

/// What a line is about, as far as the bestie listens. The later wins where a line is about several things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mood {
    Plain,
    Story,
    Laughter,
    Food,
    Stream,
    Love,
    Win,
    Lose,
    Lag,
    Shade,
    Thanks,
    Farewell,
    Link,
    Question,
    Sad,
    Foreign,
    Letter,
    Number,
    Code,
    Command,
    Emote,
    Emoji,
    Mention,
    LinkOnly,
    Silence,
}

/// Openers and closers of a mood. Empty openers: the line itself comes first.
pub(crate) struct Frame {
    pub(crate) openers: &'static [&'static str],
    pub(crate) closers: &'static [&'static str],
}

/// From this many code points on, a line is a story and gets a frame that stays out of its way.
const STORY_CODE_POINTS_MIN: usize = 160;

impl Mood {
    pub(crate) fn of(pieces: &[Piece<'_>], reading: &Reading, code_points: usize) -> Self {
        if reading.words == 0 {
            return Self::wordless(pieces);
        }
        if pieces.len() <= 2 && pieces.iter().any(|p| p.kind == Kind::Word && p.text.chars().count() == 1) {
            return Self::Letter;
        }
        if pieces.first().is_some_and(|p| p.kind == Kind::Command) {
            return Self::Command;
        }
        let mut mood = if reading.laughter { Self::Laughter } else { Self::Plain };
        let mut foreign = 0;
        for (at, piece) in pieces.iter().enumerate() {
            mood = mood.max(match piece.kind {
                Kind::Link => Self::Link,
                Kind::Emote if SAD_EMOTES.contains(&piece.text) => Self::Sad,
                Kind::Word if !piece.text.is_ascii() => {
                    foreign += usize::from(!piece.text.contains(['\'', '’']));
                    continue;
                }
                Kind::Word => match topics().find(pieces, at) {
                    Some(found) => Self::named(found.answers[0]),
                    None => continue,
                },
                _ => continue,
            });
        }
        if foreign * 2 > reading.words {
            return Self::Foreign;
        }
        if reading.question {
            mood = mood.max(Self::Question);
        }
        if code_points >= STORY_CODE_POINTS_MIN { Self::Story } else { mood }
    }

    fn wordless(pieces: &[Piece<'_>]) -> Self {
        let has = |kind| pieces.iter().any(|piece| piece.kind == kind);
        [
            (Kind::Command, Self::Command),
            (Kind::Link, Self::LinkOnly),
            (Kind::Code, Self::Code),
            (Kind::Emote, Self::Emote),
            (Kind::Symbol, Self::Emoji),
            (Kind::Number, Self::Number),
            (Kind::Mention, Self::Mention),
        ]
        .into_iter()
        .find(|&(kind, _)| has(kind))
        .map_or(Self::Silence, |(_, mood)| mood)
    }

    fn named(topic: &str) -> Self {
        match topic {
            "sad" => Self::Sad,
            "bye" => Self::Farewell,
            "thanks" => Self::Thanks,
            "shade" => Self::Shade,
            "lag" => Self::Lag,
            "lose" => Self::Lose,
            "win" => Self::Win,
            "love" => Self::Love,
            "stream" => Self::Stream,
            "food" => Self::Food,
            _ => Self::Plain,
        }
    }

    pub(crate) fn frame(self) -> Frame {
        let (openers, closers): (&[&str], &[&str]) = match self {
            Self::Plain => (
                &[
                    "Okay bestie,",
                    "Bestie, listen:",
                    "Not gonna lie,",
                    "Lowkey,",
                    "Fr fr,",
                    "No cap,",
                    "Bestie. ✨",
                    "Girl, okay,",
                    "So basically,",
                ],
                &[
                    "Slayyy. 💅",
                    "And that's on periodt. 💅",
                    "It's giving main character. ✨",
                    "No cap. 🧢",
                    "We move. ✨",
                    "Period. 💅",
                    "The vibes are immaculate. ✨",
                    "I said what I said. 💁‍♀️",
                    "Iconic, honestly. 💖",
                    "Living for it. 🤪",
                ],
            ),
            Self::Story => (
                &["Storytime, besties:", "Grab your iced coffee, bestie:", "Okay so boom:"],
                &["The end. 💅", "I'd watch the miniseries. 🍿", "And that's the tea. ☕"],
            ),
            Self::Laughter => (
                &["Help. 💀", "Not me wheezing,", "Girl. 😭"],
                &[
                    "I can't breathe. 💀",
                    "Mascara: ruined. 😭",
                    "So unserious. 🤪",
                    "I'm in tears, the cute kind. 😭",
                    "Somebody check on me. 💀",
                ],
            ),
            Self::Food => (
                &["Snack report:", "Bestie,", "Okay but"],
                &[
                    "Busssin. 🤤",
                    "Little treat culture. 🧋",
                    "Girl dinner is served. 🍽️",
                    "Calories don't count in this chat. 🍟",
                ],
            ),
            Self::Stream => (
                &["Okay besties,", "Front row seats, bestie:", "Not gonna lie,"],
                &[
                    "The content is contenting. 📺",
                    "We are so seated. 🍿",
                    "Parasocial and thriving. ✨",
                    "Better than my horoscope. 🔮",
                ],
            ),
            Self::Love => (
                &["I'm not crying, you are. 🥹", "Okay but fr,", "Say it with me:", "Bestie,", "No because"],
                &[
                    "Obsessed. 💖",
                    "Main character energy. ✨",
                    "We love to see it. 🥰",
                    "Ten out of ten, no notes. 💅",
                    "Ate and left no crumbs. 💅",
                    "Screaming, crying, clapping. 👏",
                ],
            ),
            Self::Win => (
                &["Besties, we did that. 👑", "Put some respect on it:", "Crowns on, bestie:"],
                &[
                    "Ate and left no crumbs. 💅",
                    "We manifested this. ✨",
                    "Winners don't smudge. 👑",
                    "Slay secured. 🏆",
                ],
            ),
            Self::Lose => (
                &["Not the L. 😭", "Humbling moment, bestie:", "Okay so, tragedy:"],
                &[
                    "We cry, we reapply, we requeue. 💄",
                    "Flop era, but cute. 🥀",
                    "It's called character development. 🥲",
                    "The comeback will be televised. 👑",
                ],
            ),
            Self::Lag => (
                &[
                    "Bestie, the wifi. 📶",
                    "Mercury is in retrograde again:",
                    "Technical difficulties, bestie:",
                ],
                &[
                    "The pixels are not pixelling. 📉",
                    "Somebody water the router. 🪴",
                    "Serving slideshow, serving 2007. 🐌",
                    "Turn it off and slay it on again. 🔌",
                ],
            ),
            Self::Shade => (
                &["The shade. 🌚", "Oh, we're being mean today:", "Not the violence, bestie. 😬"],
                &[
                    "Be so for real. 💀",
                    "Who hurt you, bestie? 🫂",
                    "Drink some water. 💧",
                    "Somebody had to say it. 🐍",
                    "The claws are out. 💅",
                ],
            ),
            Self::Thanks => (
                &["Actual angel behaviour:", "Hand on heart, bestie:", "Bestie,"],
                &[
                    "Never change. 💖",
                    "I owe you an iced latte. 🧋",
                    "You're on the group chat's good list. 😇",
                    "Mwah. 💋",
                ],
            ),
            Self::Farewell => (
                &["Not you leaving me,", "Okay besties,", "Soft exit:"],
                &[
                    "Love you, mean it. 💋",
                    "Text me when you're home. 💌",
                    "Don't let the FOMO bite. 👋",
                    "The group chat will be empty without you. 🥺",
                ],
            ),
            Self::Link => (
                &["Bestie, eyes here:", "Drop everything, bestie:", "Sending this to the group chat:"],
                &["I clicked so fast. 👀", "The research is researching. 🔍", "Read it and gasp. 😱"],
            ),
            Self::Question => (
                &[
                    "Bestie, quick q:",
                    "Okay real talk,",
                    "Asking for the group chat:",
                    "Not me wondering,",
                    "Bestie,",
                ],
                &[
                    "Spill. ☕",
                    "I need the tea. 🍵",
                    "Don't gatekeep. 👀",
                    "My tarot deck has no answers. 🔮",
                    "Details, bestie, details. 👀",
                    "I'm so seated for the answer. 🍿",
                ],
            ),
            Self::Sad => (
                &[
                    "Oh no, bestie. 🥺",
                    "Come here, bestie. 🫂",
                    "Tissues out, besties. 🥺",
                    "Group hug, everyone. 🫂",
                ],
                &[
                    "Big big hugs. 🫂",
                    "You're so loved. 💖",
                    "Hot tea and a blanket, now. 🍵",
                    "We ride at dawn for you. 💗",
                    "It gets better, promise. 🩷",
                ],
            ),
            Self::Foreign => (
                &["Bestie said", "Subtitles on, besties:", "And I quote,"],
                &[
                    "It's giving international. 🌍",
                    "Slay knows no borders. 💅",
                    "Fluent in iconic. ✨",
                    "Felt that in every language. 🥹",
                ],
            ),
            Self::Letter => (
                &["Bestie just said", "And I quote:", "The whole message:"],
                &[
                    "So mysterious. 🤫",
                    "A woman of few words. 💅",
                    "The whole alphabet is jealous. 🔤",
                    "Elaborate? No. Iconic. ✨",
                ],
            ),
            Self::Number => (
                &["Bestie,", "Angel number alert:", "The stats:"],
                &["The math is mathing. 🧮", "Girl math approves. 💅", "Numerology says slay. 🔢"],
            ),
            Self::Code => (
                &["Bestie wrote", "Girls who code:"],
                &["The code is coding. 💻", "Compiles in lip gloss. 💄", "Ship it in heels. 👠"],
            ),
            Self::Command => {
                (&[], &["So bossy, I love it. 🤖", "Yes chef. 💅", "The bot works harder than my ex. 🤖"])
            }
            Self::Emote => (
                &["Bestie served", "The face card:", "Current mood, bestie:"],
                &["No notes. 💅", "Speaks volumes. ✨", "Hung in the Louvre. 🖼️"],
            ),
            Self::Emoji => (
                &["Bestie said", "Say it with glitter:", "Feelings report:"],
                &["No notes.", "Felt that.", "Poetry, honestly.", "And that's on vibes."],
            ),
            Self::Mention => (
                &["Paging", "Calling the icon", "Where is my girl"],
                &["The group chat needs you. 📣", "Report to brunch. 🥂", "Front and centre, bestie. 💅"],
            ),
            Self::LinkOnly => (
                &["Bestie, you need this:", "Drop everything, bestie:", "Straight to the group chat:"],
                &["I clicked so fast. 👀", "No context, just iconic. ✨", "Homework, besties. 📚"],
            ),
            Self::Silence => (
                &["Bestie just said"],
                &["The drama. The mystery. 🎭", "Punctuation as a lifestyle. 💅", "And honestly? Same. 💀"],
            ),
        };
        Frame { openers, closers }
    }
}

const SAD_EMOTES: &[&str] =
    &[":(", ":-(", ":'(", "T_T", "</3", "Sadge", "peepoSad", "BibleThump", "FeelsBadMan", "SAJ"];

/// Which words make a line about something.
fn topics() -> &'static Lexicon {
    static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
        Lexicon::new(&[
            (
                "sad|depressed|crying|cry|lonely|heartbroken|want to die|wanna die|kill myself|suicidal|grief|funeral|passed away|broke up|dumped me|my dog died|my cat \
                 died|my dad died|my mom died|grandma died|grandpa died|died yesterday|died today|dog died|cat died|miss you|i miss my|fired|failed my|hospital|likes me|feel sick|feeling sick|cat is sick|dog is sick|mom is sick|dad is sick|cancer|anxious|anxiety|rough day|bad day|worst day|hurts|got dumped|i'm not ok|im \
                 not ok|feeling down|hate my life|hate myself",
                &["sad"],
            ),
            (
                "bye|goodbye|cya|gn|goodnight|good night|gotta go|gtg|g2g|see you later|see you tomorrow|see you soon|see you all|see you guys|see you next|see ya|heading out|off to bed|going to \
                 bed|going to sleep|have to go|logging off",
                &["bye"],
            ),
            ("thanks|thank you|thx|ty|tysm|appreciate|cheers", &["thanks"]),
            (
                "trash|garbage|noob|noobs|stupid|dumb|idiot|idiots|moron|sucks|suck|ugly|loser|losers|cringe|clown|clowns|pathetic|bot\
                 |stfu|shut up|hate you|asshole|worst|toxic|fake|cheater|cheaters|hacker|hackers|kys|kill yourself|bitch|annoying",
                &["shade"],
            ),
            (
                "lag|lags|laggy|lagging|buffering|buffer|fps|ping|frozen|stutter|stuttering|disconnected|dc|crash|crashed|offline|\
                 choppy|rubberbanding|packet loss|audio|mic|muted|bitrate|pixels|desync|error|bug|bugs",
                &["lag"],
            ),
            (
                "lost|lose|loses|losing|died|dies|dying|throw|i am dead|throwing|threw|unlucky|skill issue|game over|defeat|choked|choke|rip|\
                 wiped|got destroyed",
                &["lose"],
            ),
            (
                "gg|ggs|ggwp|win|wins|won|winning|winner|clutch|boss is dead|victory|ez|champion|champions|let's go|lets go|letsgo|lesgo|lfg|ace|\
                 pentakill|highscore|new record|world record|beat the|ranked up|promoted",
                &["win"],
            ),
            (
                "love|loves|adore|amazing|awesome|beautiful|the best|perfect|gorgeous|cute|great|incredible|talented|legend|goat|proud|\
                 congrats|congratulations|happy birthday|iconic|brilliant|ily|good job|well done|nice|not bad|not sad",
                &["love"],
            ),
            (
                "stream|streamer|streaming|raid|clip|clips|vod|sub|subs|subbed|follow|followed|viewers|mods|content|channel",
                &["stream"],
            ),
            (
                "food|pizza|burger|burgers|fries|hungry|eat|eating|lunch|dinner|breakfast|snack|snacks|coffee|cake|taco|tacos|sushi|\
                 delicious|tasty|yummy|cooking|starving|ramen",
                &["food"],
            ),
        ])
    });
    &LEXICON
}

/// What may be hung on the end of a sentence, before its stop.
pub(crate) const TAGS: &[&str] =
    &[", fr", ", no cap", ", ngl", ", bestie", ", fr fr", ", as one does", ", and i mean that"];
/// The same for a question.
pub(crate) const QUESTION_TAGS: &[&str] =
    &[", bestie", ", be honest", ", no shade", " tho", ", hypothetically"];
/// The same where somebody is sad.
pub(crate) const SOFT_TAGS: &[&str] = &[", bestie", ", my heart", ", ugh"];
/// What softens a plain statement after `is`.
pub(crate) const ASIDES: &[&str] = &[" lowkey", " literally", " honestly", " highkey"];
