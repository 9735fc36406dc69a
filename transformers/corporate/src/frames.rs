//! What a mail begins and ends with, by what kind of line it is. Openers end in a colon or a stop; each list of
//! closers ends in something short, so that even the shortest line finds one that fits.

/// What kind of line it is, as far as its frame is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Sad,
    Shout,
    Question,
    Greeting,
    Link,
    Number,
    Picture,
    Foreign,
    Code,
    Feedback,
    Kudos,
    Win,
    Setback,
    Food,
    Outage,
    Bye,
    Thanks,
    Laugh,
    Plain,
}

impl Mood {
    /// The mood that a word of the table `MOODS` names.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "sad" => Self::Sad,
            "feedback" => Self::Feedback,
            "kudos" => Self::Kudos,
            "win" => Self::Win,
            "setback" => Self::Setback,
            "food" => Self::Food,
            "outage" => Self::Outage,
            "bye" => Self::Bye,
            "thanks" => Self::Thanks,
            _ => Self::Plain,
        }
    }

    /// Before the line.
    pub(crate) fn openers(self) -> &'static [&'static str] {
        match self {
            Self::Sad => {
                &["Thank you for your transparency.", "With empathy:", "Looping in HR:", "You are heard."]
            }
            Self::Shout => &[
                // The house phrase, three times of five.
                "I want to flag with some urgency:",
                "I want to flag with some urgency:",
                "I want to flag with some urgency:",
                "Flagging with urgency:",
                "Escalating:",
            ],
            Self::Question => &[
                "Quick question:",
                "For clarity:",
                "Before we proceed:",
                "Pulling you in on this:",
                "Picking your brain:",
            ],
            Self::Greeting => &["Circling back to say:", "Dear all:", "Kicking us off:"],
            Self::Link => &["Please find attached:", "Sharing for visibility:", "Dropping this in the deck:"],
            Self::Number => &["The numbers are in:", "Headline KPI:", "This quarter:", "Per the dashboard:"],
            Self::Picture => {
                &["Please see visual attached:", "Pulse survey result:", "Per my last emote:", "Feedback:"]
            }
            Self::Foreign => &["From our regional office:", "For our global partners:", "Going global:"],
            Self::Code => &["For the engineering team:", "Per the tech lead:", "Technical deep dive:"],
            Self::Feedback => &[
                "As constructive feedback:",
                "In the spirit of growth:",
                "For your next review:",
                "With respect:",
                "Candidly:",
            ],
            Self::Kudos => &["Kudos:", "Recognition corner:", "Quick shout-out:", "Positive feedback:"],
            Self::Win => {
                &["Win of the week:", "Happy to report:", "Sharing a success story:", "Proud moment:"]
            }
            Self::Setback => {
                &["Lessons learned:", "For the retro:", "Post-mortem:", "Adjusting the forecast:"]
            }
            Self::Food => &["Catering update:", "On the lunch-and-learn:", "Wellness update:"],
            Self::Outage => &["Incident report:", "Status page update:", "Looping in IT:"],
            Self::Bye => &["Before I drop:", "Out-of-office notice:", "Conscious of time:"],
            Self::Thanks => &["With appreciation:", "A note of thanks:", "In gratitude:"],
            Self::Laugh => &["On a lighter note:", "For team morale:", "Culture moment:"],
            Self::Plain => &[
                "Per my last message:",
                "Circling back:",
                "For visibility:",
                "Looping everyone in:",
                "Gentle reminder:",
                "As discussed:",
                "To level-set:",
                "Touching base:",
                "Putting this on your radar:",
                "At a high level:",
                "Quick sync:",
                "FYI:",
            ],
        }
    }

    /// After the line.
    pub(crate) fn closers(self) -> &'static [&'static str] {
        match self {
            Self::Sad => &[
                "HR has a wellness webinar on Thursday.",
                "You remain a key stakeholder.",
                "Please take a wellness day.",
                "My door is always open.",
                "HR is here for you.",
                "We value you.",
                "Take care.",
            ],
            Self::Shout => &[
                "Please treat as high priority.",
                "Leadership is in copy.",
                "Legal is in copy.",
                "Action required.",
                "This is now a P1.",
                "Marked as urgent.",
                "I remain calm.",
                "Thank you.",
            ],
            Self::Question => &[
                "Please advise by EOD.",
                "Happy to take this offline.",
                "Looping in stakeholders.",
                "Let me know your bandwidth.",
                "No rush, but yesterday is ideal.",
                "Thanks in advance.",
                "Kindly advise.",
            ],
            Self::Greeting => &[
                "I hope this message finds you well.",
                "Looking forward to our synergy.",
                "I trust you are well.",
                "Let us align soon.",
                "Best regards",
            ],
            Self::Link => &[
                "Please review by EOD.",
                "Happy to walk you through it.",
                "Slides to follow.",
                "See slide 47.",
                "Please advise.",
                "As attached.",
                "FYI.",
            ],
            Self::Number => &[
                "Up year over year.",
                "Adding this to the deck.",
                "See appendix.",
                "On target.",
                "As forecast.",
                "Audited.",
            ],
            Self::Picture => &[
                "Let that inform our roadmap.",
                "I stand by this feedback.",
                "Open to discussion.",
                "No notes.",
                "Kindly advise.",
                "Aligned.",
                "Noted.",
            ],
            Self::Foreign => &[
                "Localization is in the backlog.",
                "Global synergy.",
                "Translation to follow.",
                "Regional sign-off pending.",
                "Best regards",
            ],
            Self::Code => &[
                "Please open a ticket.",
                "Parking this in the backlog.",
                "Shipping by end of quarter.",
                "Needs sign-off.",
                "Regards",
            ],
            Self::Feedback => &[
                "Let us revisit this at your next review.",
                "An improvement plan is attached.",
                "I say this with a growth mindset.",
                "Please action this feedback.",
                "Documented for HR.",
                "Let us take this offline.",
                "Best regards",
                "Noted.",
            ],
            Self::Kudos => &[
                "This exceeds expectations.",
                "Featured in the newsletter.",
                "A pizza party is pending approval.",
                "In lieu of a raise, thank you.",
                "Strong synergy.",
                "Well executed.",
                "Kudos.",
            ],
            Self::Win => &[
                "Sharing this with leadership.",
                "The board will be pleased.",
                "Bonus pending approval.",
                "Strong synergy.",
                "Well executed.",
                "Trending upward.",
                "KPIs met.",
                "Onwards.",
                "Kudos.",
            ],
            Self::Setback => &[
                "A retro is on your calendar.",
                "Let us pivot.",
                "Adding this to the risk register.",
                "We fail forward.",
                "Key learnings to follow.",
                "Noted.",
            ],
            Self::Food => &[
                "Please keep your receipts.",
                "This is not reimbursable.",
                "Expensed.",
                "Lunch-and-learn to follow.",
                "Enjoy.",
            ],
            Self::Outage => &[
                "IT has been notified.",
                "Have we tried a reboot?",
                "A ticket has been raised.",
                "Root cause to follow.",
                "SLA missed.",
                "Noted.",
            ],
            Self::Bye => &[
                "Best regards",
                "For urgent matters, contact nobody.",
                "Back next business day.",
                "Kind regards",
                "Warmly",
            ],
            Self::Thanks => {
                &["Much appreciated.", "Great partnership.", "Warm regards", "Kudos.", "Best regards"]
            }
            Self::Laugh => &[
                "Morale KPI met.",
                "Engagement is trending up.",
                "Fun is approved.",
                "Smiles: on track.",
                "Noted.",
            ],
            Self::Plain => &[
                "Best regards",
                "Let us take this offline.",
                "Please advise.",
                "Let us align on next steps.",
                "Action items to follow.",
                "Happy to connect.",
                "Adding this to the agenda.",
                "Let us not boil the ocean.",
                "Thoughts welcome.",
                "More to follow.",
                "This moves the needle.",
                "Warm regards",
                "Regards",
            ],
        }
    }
}
