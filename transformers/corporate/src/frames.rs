//! What a mail begins and ends with, by what kind of line it is. Openers end in a colon or a stop; each list of
//! closers ends in something short, so that even the shortest line finds one that fits.

use transformer_api::speech::Mood;

/// Before the line.
pub(crate) fn openers(mood: Mood) -> &'static [&'static str] {
    match mood {
        Mood::Sad => {
            &["Thank you for your transparency.", "With empathy:", "Looping in HR:", "You are heard."]
        }
        Mood::Shout => &[
            // The house phrase, three times of five.
            "I want to flag with some urgency:",
            "I want to flag with some urgency:",
            "I want to flag with some urgency:",
            "Flagging with urgency:",
            "Escalating:",
        ],
        Mood::Question => &[
            "Quick question:",
            "For clarity:",
            "Before we proceed:",
            "Pulling you in on this:",
            "Picking your brain:",
        ],
        Mood::Greeting => &["Circling back to say:", "Dear all:", "Kicking us off:"],
        Mood::Link => &["Please find attached:", "Sharing for visibility:", "Dropping this in the deck:"],
        Mood::Number => &["The numbers are in:", "Headline KPI:", "This quarter:", "Per the dashboard:"],
        Mood::Picture => {
            &["Please see visual attached:", "Pulse survey result:", "Per my last emote:", "Feedback:"]
        }
        Mood::Foreign => &["From our regional office:", "For our global partners:", "Going global:"],
        Mood::Code => &["For the engineering team:", "Per the tech lead:", "Technical deep dive:"],
        Mood::Blame => &[
            "As constructive feedback:",
            "In the spirit of growth:",
            "For your next review:",
            "With respect:",
            "Candidly:",
        ],
        Mood::Praise => &["Kudos:", "Recognition corner:", "Quick shout-out:", "Positive feedback:"],
        Mood::Win => &["Win of the week:", "Happy to report:", "Sharing a success story:", "Proud moment:"],
        Mood::Loss => &["Lessons learned:", "For the retro:", "Post-mortem:", "Adjusting the forecast:"],
        Mood::Food => &["Catering update:", "On the lunch-and-learn:", "Wellness update:"],
        Mood::Lag => &["Incident report:", "Status page update:", "Looping in IT:"],
        Mood::Bye => &["Before I drop:", "Out-of-office notice:", "Conscious of time:"],
        Mood::Thanks => &["With appreciation:", "A note of thanks:", "In gratitude:"],
        Mood::Laugh => &["On a lighter note:", "For team morale:", "Culture moment:"],
        Mood::Plain | Mood::Joke => &[
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
pub(crate) fn closers(mood: Mood) -> &'static [&'static str] {
    match mood {
        Mood::Sad => &[
            "HR has a wellness webinar on Thursday.",
            "You remain a key stakeholder.",
            "Please take a wellness day.",
            "My door is always open.",
            "HR is here for you.",
            "We value you.",
            "Take care.",
        ],
        Mood::Shout => &[
            "Please treat as high priority.",
            "Leadership is in copy.",
            "Legal is in copy.",
            "Action required.",
            "This is now a P1.",
            "Marked as urgent.",
            "I remain calm.",
            "Thank you.",
        ],
        Mood::Question => &[
            "Please advise by EOD.",
            "Happy to take this offline.",
            "Looping in stakeholders.",
            "Let me know your bandwidth.",
            "No rush, but yesterday is ideal.",
            "Thanks in advance.",
            "Kindly advise.",
        ],
        Mood::Greeting => &[
            "I hope this message finds you well.",
            "Looking forward to our synergy.",
            "I trust you are well.",
            "Let us align soon.",
            "Best regards",
        ],
        Mood::Link => &[
            "Please review by EOD.",
            "Happy to walk you through it.",
            "Slides to follow.",
            "See slide 47.",
            "Please advise.",
            "As attached.",
            "FYI.",
        ],
        Mood::Number => &[
            "Up year over year.",
            "Adding this to the deck.",
            "See appendix.",
            "On target.",
            "As forecast.",
            "Audited.",
        ],
        Mood::Picture => &[
            "Let that inform our roadmap.",
            "I stand by this feedback.",
            "Open to discussion.",
            "No notes.",
            "Kindly advise.",
            "Aligned.",
            "Noted.",
        ],
        Mood::Foreign => &[
            "Localization is in the backlog.",
            "Global synergy.",
            "Translation to follow.",
            "Regional sign-off pending.",
            "Best regards",
        ],
        Mood::Code => &[
            "Please open a ticket.",
            "Parking this in the backlog.",
            "Shipping by end of quarter.",
            "Needs sign-off.",
            "Regards",
        ],
        Mood::Blame => &[
            "Let us revisit this at your next review.",
            "An improvement plan is attached.",
            "I say this with a growth mindset.",
            "Please action this feedback.",
            "Documented for HR.",
            "Let us take this offline.",
            "Best regards",
            "Noted.",
        ],
        Mood::Praise => &[
            "This exceeds expectations.",
            "Featured in the newsletter.",
            "A pizza party is pending approval.",
            "In lieu of a raise, thank you.",
            "Strong synergy.",
            "Well executed.",
            "Kudos.",
        ],
        Mood::Win => &[
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
        Mood::Loss => &[
            "A retro is on your calendar.",
            "Let us pivot.",
            "Adding this to the risk register.",
            "We fail forward.",
            "Key learnings to follow.",
            "Noted.",
        ],
        Mood::Food => &[
            "Please keep your receipts.",
            "This is not reimbursable.",
            "Expensed.",
            "Lunch-and-learn to follow.",
            "Enjoy.",
        ],
        Mood::Lag => &[
            "IT has been notified.",
            "Have we tried a reboot?",
            "A ticket has been raised.",
            "Root cause to follow.",
            "SLA missed.",
            "Noted.",
        ],
        Mood::Bye => &[
            "Best regards",
            "For urgent matters, contact nobody.",
            "Back next business day.",
            "Kind regards",
            "Warmly",
        ],
        Mood::Thanks => {
            &["Much appreciated.", "Great partnership.", "Warm regards", "Kudos.", "Best regards"]
        }
        Mood::Laugh => &[
            "Morale KPI met.",
            "Engagement is trending up.",
            "Fun is approved.",
            "Smiles: on track.",
            "Noted.",
        ],
        Mood::Plain | Mood::Joke => &[
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
