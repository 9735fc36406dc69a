//! Who may do what, and what follows from it.

use super::{
    facts::{Fact, Key, State, Value},
    recent::Recent,
    rules::{Objection, Speaker, objection},
    *,
};
use crate::message::{Author, Styled};
use proptest::prelude::*;
use uuid::Uuid;

fn person(id: u64, name: &str) -> Person {
    Person { id: UserId(id), username: name.into() }
}

fn taken(seq: u64, act: Act) -> Taken {
    let reason = Some("because".to_owned());
    Taken {
        seq: Seq(seq),
        measure: Measure { room: RoomId(1), by: person(1, "mia"), at: Millis(seq * 1_000), reason, act },
    }
}

fn learn(state: &mut State, seq: u64, act: Act) {
    for fact in taken(seq, act).facts() {
        assert!(state.learn(fact.clone()), "{fact:?}");
        assert!(!state.learn(fact), "once more is no news");
    }
}

fn message(seq: u64, author: u64) -> Logged {
    let author = Author {
        id: UserId(author),
        username: format!("user{author}"),
        display_name: format!("User{author}"),
        color: "#FF7F50".into(),
        badges: vec![],
    };
    let message = Styled {
        id: MessageId(Uuid::from_u128(u128::from(seq))),
        room: RoomId(1),
        author,
        text: "styled".into(),
        original: "typed".into(),
        emotes: vec![],
        mentions: vec![],
        reply_to: None,
        action: false,
        styled: true,
        sent_at: Millis(seq),
        nonce: None,
    };
    Logged { seq: Seq(seq), message }
}

#[test]
fn who_may_do_what() {
    use Role::{Admin, Broadcaster, Moderator, Viewer, Vip};
    const ALL: [Role; 5] = [Viewer, Vip, Moderator, Broadcaster, Admin];
    let (me, you) = (person(1, "me"), person(2, "you"));
    let delete = |author: &Person| Act::Delete {
        id: MessageId(Uuid::nil()),
        seq: Seq(1),
        author: author.clone(),
        excerpt: String::new(),
    };
    for role in ALL {
        assert_eq!(may(&me, role, &delete(&me), role), Ok(()), "one's own message");
        let ban = Act::Ban { user: me.clone(), seconds: Some(1) };
        assert!(may(&me, role, &ban, role).is_err(), "{role:?} bans oneself");
        for target in ALL {
            let against = role >= Moderator && (target < Moderator || target < role);
            let user = you.clone();
            let acts = [
                delete(&you),
                Act::Ban { user: user.clone(), seconds: None },
                Act::Unban { user: user.clone() },
                Act::Clear { user: Some(user.clone()) },
            ];
            for act in acts {
                assert_eq!(may(&me, role, &act, target).is_ok(), against, "{role:?}, {act:?}, {target:?}");
            }
            for given in [Viewer, Vip, Moderator, Broadcaster] {
                let act = Act::Role { user: user.clone(), role: given };
                let needed = if given == Broadcaster || target == Broadcaster { Admin } else { Broadcaster };
                assert_eq!(
                    may(&me, role, &act, target).is_ok(),
                    role >= needed,
                    "{role:?}, {act:?}, {target:?}"
                );
            }
        }
        for act in [Act::Clear { user: None }, Act::Unpin, Act::Settings(SettingsChange::default())] {
            assert_eq!(may(&me, role, &act, Viewer).is_ok(), role >= Moderator);
        }
    }
}

#[test]
fn a_ban_holds_and_takes_away_what_came_before() {
    let mut state = State::default();
    learn(&mut state, 10, Act::Ban { user: person(5, "eve"), seconds: Some(60) });
    let ban = state.ban(UserId(5), Millis(10_000)).unwrap();
    assert_eq!(
        (ban.until, ban.reason.as_deref(), &ban.by[..]),
        (Some(Millis(70_000)), Some("because"), "mia")
    );
    assert!(state.ban(UserId(5), Millis(70_000)).is_none() && state.ban(UserId(6), Millis(0)).is_none());
    assert!(state.is_gone(Seq(9), UserId(5)) && !state.is_gone(Seq(11), UserId(5)));
    assert!(!state.is_gone(Seq(9), UserId(6)));
    learn(&mut state, 12, Act::Unban { user: person(5, "eve") });
    assert!(state.ban(UserId(5), Millis(12_000)).is_none());
    assert!(state.is_gone(Seq(9), UserId(5)), "what is gone stays gone");
    assert!(state.bans(Millis(0)).is_empty());
}

#[test]
fn deletions_clears_and_pins() {
    let mut state = State::default();
    learn(&mut state, 3, Act::Pin(Box::new(message(2, 5))));
    assert_eq!(state.pinned().map(|m| m.seq), Some(Seq(2)));
    let act = Act::Delete {
        id: message(2, 5).message.id,
        seq: Seq(2),
        author: person(5, "eve"),
        excerpt: String::new(),
    };
    learn(&mut state, 4, act);
    assert!(state.is_gone(Seq(2), UserId(5)) && !state.is_gone(Seq(1), UserId(5)));
    assert_eq!(state.pinned(), None, "a message that is gone is not pinned");
    learn(&mut state, 20, Act::Clear { user: None });
    assert!(state.is_gone(Seq(19), UserId(6)) && !state.is_gone(Seq(21), UserId(6)));
    learn(&mut state, 22, Act::Pin(Box::new(message(21, 5))));
    learn(&mut state, 23, Act::Unpin);
    assert_eq!(state.pinned(), None);
}

#[test]
fn roles_settings_and_phrases() {
    let mut state = State::default();
    for (seq, id, name, role) in
        [(1, 2, "zoe", Role::Moderator), (2, 3, "bo", Role::Moderator), (3, 4, "cy", Role::Broadcaster)]
    {
        learn(&mut state, seq, Act::Role { user: person(id, name), role });
    }
    let names = |state: &State| state.roles().into_iter().map(|(who, _)| who.username).collect::<Vec<_>>();
    assert_eq!(names(&state), ["cy", "bo", "zoe"]);
    learn(&mut state, 4, Act::Role { user: person(3, "bo"), role: Role::Viewer });
    assert_eq!((names(&state), state.role(UserId(3))), (vec!["cy".into(), "zoe".into()], Role::Viewer));
    let slow = SettingsChange { slow_mode_seconds: Some(30), ..SettingsChange::default() };
    learn(&mut state, 5, Act::Settings(slow));
    learn(
        &mut state,
        6,
        Act::Settings(SettingsChange { emote_only: Some(true), ..SettingsChange::default() }),
    );
    let now = RoomSettings { slow_mode_seconds: 30, emote_only: true, unique_chat: false };
    assert_eq!(state.settings(), now, "each rule by itself");
    assert!(slow.beyond(&now).is_empty());
    learn(&mut state, 7, Act::BlockPhrase { phrase: "bad".into(), pattern: false });
    assert!(state.words().blocks("so BAD!"));
    assert_eq!(state.phrases().map(|(id, _)| id).collect::<Vec<_>>(), [Seq(7)]);
    learn(&mut state, 8, Act::AllowPhrase { id: Seq(7), phrase: "bad".into() });
    assert!(!state.words().blocks("so BAD!") && state.phrases().next().is_none());
}

#[test]
fn deletions_are_remembered_up_to_a_number() {
    let mut state = State::default();
    let gone = |n: u64| Fact { key: Key::Deleted(Seq(n)), since: Seq(1_000_000 + n), value: Value::Gone };
    for n in 1..=facts::DELETIONS_MAX as u64 + 1 {
        state.learn(gone(n));
    }
    assert!(!state.is_gone(Seq(1), UserId(1)) && state.is_gone(Seq(2), UserId(1)));
}

#[test]
fn what_speaks_against_a_line() {
    let mut state = State::default();
    let mut recent = Recent::default();
    let now = Millis(100_000);
    learn(&mut state, 1, Act::BlockPhrase { phrase: "bad".into(), pattern: false });
    let rules =
        SettingsChange { slow_mode_seconds: Some(30), emote_only: Some(false), unique_chat: Some(true) };
    learn(&mut state, 2, Act::Settings(rules));
    recent.hear(UserId(5), "hello", Millis(90_000));
    let ask = |state: &State, recent: &Recent, id, role, text: &str| {
        objection(state, recent, Speaker { id: UserId(id), role }, text, &[], now)
    };
    let all = [Role::Viewer, Role::Vip, Role::Moderator, Role::Broadcaster, Role::Admin];
    let refused = |state: &State, recent: &Recent, text: &str| -> Vec<Role> {
        all.into_iter().filter(|role| ask(state, recent, 5, *role, text).is_some()).collect()
    };
    assert_eq!(ask(&state, &recent, 5, Role::Viewer, "new"), Some(Objection::SlowMode { wait_ms: 20_000 }));
    assert_eq!(refused(&state, &recent, "new"), [Role::Viewer]);
    assert_eq!(ask(&state, &recent, 6, Role::Viewer, "HELLO"), Some(Objection::Duplicate));
    assert_eq!(refused(&state, &recent, "hello"), [Role::Viewer]);
    assert_eq!(ask(&state, &recent, 6, Role::Vip, "how bad"), Some(Objection::Blocked));
    assert_eq!(refused(&state, &recent, "how bad"), [Role::Viewer, Role::Vip]);
    assert_eq!(ask(&state, &recent, 6, Role::Viewer, "new"), None);
    learn(
        &mut state,
        3,
        Act::Settings(SettingsChange { emote_only: Some(true), ..SettingsChange::default() }),
    );
    assert_eq!(ask(&state, &recent, 6, Role::Viewer, "new"), Some(Objection::EmoteOnly));
    learn(&mut state, 4, Act::Ban { user: person(5, "eve"), seconds: None });
    let banned = Objection::Banned { until: None, reason: Some("because".into()) };
    assert_eq!(ask(&state, &recent, 5, Role::Moderator, "new"), Some(banned));
    assert_eq!(refused(&state, &recent, "new"), &all[..4]);
}

fn any_act() -> impl Strategy<Value = Act> {
    let user = || (1_u64..4).prop_map(|id| person(id, &format!("user{id}")));
    let rules = any::<(Option<u8>, Option<bool>, Option<bool>)>();
    prop_oneof![
        (1_u64..6).prop_map(|seq| {
            let m = message(seq, 1);
            Act::Delete { id: m.message.id, seq: m.seq, author: person(1, "user1"), excerpt: String::new() }
        }),
        proptest::option::of(user()).prop_map(|user| Act::Clear { user }),
        (user(), proptest::option::of(1_u32..100)).prop_map(|(user, seconds)| Act::Ban { user, seconds }),
        user().prop_map(|user| Act::Unban { user }),
        (user(), any::<bool>())
            .prop_map(|(user, up)| Act::Role { user, role: if up { Role::Moderator } else { Role::Viewer } }),
        rules.prop_map(|(slow, emote_only, unique_chat)| Act::Settings(SettingsChange {
            slow_mode_seconds: slow.map(u32::from),
            emote_only,
            unique_chat
        })),
        (1_u64..6).prop_map(|seq| Act::Pin(Box::new(message(seq, 1)))),
        Just(Act::Unpin),
        Just(Act::BlockPhrase { phrase: "bad".into(), pattern: false }),
        (1_u64..20).prop_map(|id| Act::AllowPhrase { id: Seq(id), phrase: "bad".into() }),
    ]
}

/// All that can be asked of a state.
fn told(state: &State) -> String {
    let gone: Vec<_> = (1..30)
        .flat_map(|seq| (1..4).map(move |user| (seq, user)))
        .filter(|(seq, user)| state.is_gone(Seq(*seq), UserId(*user)))
        .collect();
    let phrases: Vec<_> = state.phrases().collect();
    let (roles, bans) = (state.roles(), state.bans(Millis(0)));
    format!("{roles:?} {bans:?} {:?} {:?} {phrases:?} {gone:?}", state.settings(), state.pinned())
}

proptest! {
    /// A process that learns facts in any order and several times over comes to the state of one that reads the log.
    #[test]
    fn the_order_in_which_facts_are_heard_does_not_matter(
        acts in proptest::collection::vec(any_act(), 1..20),
        order in proptest::collection::vec(any::<proptest::sample::Index>(), 60),
    ) {
        let facts: Vec<Fact> = acts
            .into_iter()
            .zip(10_u64..)
            .flat_map(|(act, seq)| taken(seq, act).facts())
            .collect();
        let (mut straight, mut crooked) = (State::default(), State::default());
        for fact in &facts {
            straight.learn(fact.clone());
        }
        if !facts.is_empty() {
            for at in &order {
                crooked.learn(facts[at.index(facts.len())].clone());
            }
        }
        for fact in facts.iter().rev() {
            crooked.learn(fact.clone());
        }
        prop_assert_eq!(told(&straight), told(&crooked));
    }
}
