//! Promises of [`ModerationStore`](crate::ModerationStore).

use super::{Engine, T0, id, rich};
use chat::{
    moderation::{
        Act, Measure, Person, SettingsChange, Taken,
        facts::{Fact, Key, State},
    },
    time::Millis,
};
use protocol::{
    frames::Role,
    ids::{RoomId, Seq, UserId},
};

pub(crate) fn person(id: u64) -> Person {
    Person { id: UserId(id), username: format!("user{id}") }
}

pub(crate) fn taken(room: u64, seq: u64, act: Act) -> Taken {
    let measure = Measure {
        room: RoomId(room),
        by: person(1),
        at: Millis(T0 + seq.min(1_000_000_000)),
        reason: seq.is_multiple_of(2).then(|| "because ✨".to_owned()),
        act,
    };
    Taken { seq: Seq(seq), measure }
}

fn ban(user: u64) -> Act {
    Act::Ban { user: person(user), seconds: user.is_multiple_of(2).then_some(600) }
}

fn delete(room: u64, seq: u64) -> Act {
    Act::Delete { id: id(room, seq), seq: Seq(seq), author: person(7), excerpt: "no cap".into() }
}

/// One of each kind, from this place on.
pub(crate) fn all_kinds(room: u64, first: u64) -> Vec<Taken> {
    let rules =
        SettingsChange { slow_mode_seconds: Some(30), emote_only: Some(true), unique_chat: Some(true) };
    let acts = vec![
        Act::Role { user: person(4), role: Role::Moderator },
        Act::Role { user: UserId(u64::MAX).into_person(), role: Role::Broadcaster },
        ban(5),
        ban(6),
        Act::Unban { user: person(5) },
        Act::Clear { user: Some(person(8)) },
        Act::Settings(rules),
        Act::Pin(Box::new(rich(room, 3))),
        Act::BlockPhrase { phrase: "b[a4]d".into(), pattern: true },
        Act::BlockPhrase { phrase: "worse".into(), pattern: false },
        Act::AllowPhrase { id: Seq(first + 8), phrase: "b[a4]d".into() },
        delete(room, 2),
        Act::Clear { user: None },
        Act::Retitle { title: Some("Late ✨".into()), description: Some(String::new()) },
    ];
    acts.into_iter().zip(first..).map(|(act, seq)| taken(room, seq, act)).collect()
}

trait IntoPerson {
    fn into_person(self) -> Person;
}

impl IntoPerson for UserId {
    fn into_person(self) -> Person {
        Person { id: self, username: "last".into() }
    }
}

/// What a state made of these facts says.
fn told(facts: impl IntoIterator<Item = Fact>) -> String {
    let mut state = State::default();
    for fact in facts {
        state.learn(fact);
    }
    let phrases: Vec<_> = state.phrases().collect();
    let gone = (0..40).filter(|seq| state.is_gone(Seq(*seq), UserId(8))).count();
    format!(
        "{:?} {:?} {:?} {:?} {phrases:?} {gone} {}",
        state.roles(),
        state.bans(Millis(T0)),
        state.settings(),
        state.pinned(),
        state.all_cleared()
    )
}

fn expected<'a>(measures: impl IntoIterator<Item = &'a Taken>) -> String {
    told(measures.into_iter().flat_map(Taken::facts).filter(|fact| !matches!(fact.key, Key::Deleted(_))))
}

fn newest_first(mut measures: Vec<Taken>) -> Vec<Taken> {
    measures.reverse();
    measures
}

const END: Seq = Seq(u64::MAX);

/// A room that nobody keeps civil yet.
pub async fn a_room_without_measures(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(store.facts(RoomId(1)).await, Ok(vec![]));
    assert_eq!(store.deleted(RoomId(1), vec![Seq(1)]).await, Ok(vec![]));
    assert_eq!(store.measures(RoomId(1), END, 10).await, Ok(vec![]));
    assert_eq!(store.measures_about(RoomId(1), UserId(1), 10).await, Ok(vec![]));
    assert_eq!(store.measure(vec![]).await, Ok(()));
}

/// Every kind comes back as it was, and so does what follows from it.
pub async fn measures_and_their_facts_come_back(engine: &impl Engine) {
    let store = engine.open().await;
    let all = all_kinds(1, 10);
    assert_eq!(store.measure(all.clone()).await, Ok(()));
    assert_eq!(store.measures(RoomId(1), END, 100).await, Ok(newest_first(all.clone())));
    assert_eq!(told(store.facts(RoomId(1)).await.expect("facts")), expected(&all));
}

/// `measures`: pages, over many buckets.
pub async fn the_log_is_read_in_pages_newest_first(engine: &impl Engine) {
    let store = engine.open().await;
    let places: Vec<u64> = (1..=20).map(|n| n * n * n * 10_000_000).collect();
    let all: Vec<Taken> = places.iter().map(|seq| taken(1, *seq, ban(seq % 7))).collect();
    store.measure(all.clone()).await.expect("measure");
    let (mut before, mut seen) = (END, Vec::new());
    loop {
        let page = store.measures(RoomId(1), before, 3).await.expect("measures");
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        before = last.seq;
        seen.extend(page);
    }
    assert_eq!(seen, newest_first(all));
    assert_eq!(store.measures(RoomId(1), Seq(places[0]), 3).await, Ok(vec![]), "`before` is left out");
    assert_eq!(store.measures(RoomId(1), END, 0).await, Ok(vec![]));
}

/// A part of the log that is written twice, also after a later part: as after a crash.
pub async fn writing_measures_again_changes_nothing(engine: &impl Engine) {
    let store = engine.open().await;
    let mut all = all_kinds(1, 10);
    all.push(taken(1, 30, ban(5)));
    all.push(taken(1, 31, Act::Role { user: person(4), role: Role::Viewer }));
    all.push(taken(1, 32, Act::Unpin));
    store.measure(all.clone()).await.expect("measure");
    for again in [&all[..], &all[..5], &all[3..9], &all[..1]] {
        assert_eq!(store.measure(again.to_vec()).await, Ok(()));
        assert_eq!(told(store.facts(RoomId(1)).await.expect("facts")), expected(&all));
        assert_eq!(store.measures(RoomId(1), END, 100).await, Ok(newest_first(all.clone())));
    }
    // Other measures in the same places, as no log has them: the first stay.
    let about = store.measures_about(RoomId(1), UserId(5), 10).await.expect("measures_about");
    assert_eq!(about.iter().map(|one| one.seq.0).collect::<Vec<_>>(), [30, 14, 12]);
}

/// `deleted`, near and far.
pub async fn deletions_are_found_among_places(engine: &impl Engine) {
    let store = engine.open().await;
    let gone = [1, 7, 1 << 24, (1 << 24) + 1, 1 << 40];
    let acts = gone.into_iter().zip((1 << 41)..).map(|(seq, at)| taken(1, at, delete(1, seq)));
    store.measure(acts.collect()).await.expect("measure");
    let ask = |places: Vec<u64>| {
        let store = store.clone();
        async move {
            let places = places.into_iter().map(Seq).collect();
            let mut found = store.deleted(RoomId(1), places).await.expect("deleted");
            found.sort_unstable();
            found.into_iter().map(|seq| seq.0).collect::<Vec<_>>()
        }
    };
    assert_eq!(ask(vec![]).await, [0; 0]);
    assert_eq!(ask((0..10).collect()).await, [1, 7]);
    assert_eq!(ask(vec![2, 6, 8]).await, [0; 0], "what lies between is not asked for");
    assert_eq!(ask(vec![3, 1 << 24, 1 << 40, 5 << 40]).await, [1 << 24, 1 << 40]);
    assert_eq!(store.deleted(RoomId(2), vec![Seq(1)]).await, Ok(vec![]));
    assert_eq!(store.facts(RoomId(1)).await, Ok(vec![]), "single deletions are not among the facts");
}

/// `measures_about`: newest first, up to a number.
pub async fn measures_about_a_user(engine: &impl Engine) {
    let store = engine.open().await;
    let all: Vec<Taken> = (1..=30).map(|seq| taken(1, seq, ban(seq % 3))).collect();
    store.measure(all.clone()).await.expect("measure");
    let about: Vec<Taken> = all.into_iter().filter(|one| one.seq.0 % 3 == 2).rev().collect();
    assert_eq!(store.measures_about(RoomId(1), UserId(2), 100).await, Ok(about.clone()));
    assert_eq!(store.measures_about(RoomId(1), UserId(2), 4).await, Ok(about[..4].to_vec()));
    assert_eq!(store.measures_about(RoomId(1), UserId(9), 4).await, Ok(vec![]));
}

/// Measures of one room say nothing of another.
pub async fn measures_of_rooms_do_not_mix(engine: &impl Engine) {
    let store = engine.open().await;
    let (one, other) = (all_kinds(1, 10), vec![taken(2, 11, ban(9))]);
    store.measure([one.clone(), other.clone()].concat()).await.expect("measure");
    assert_eq!(store.measures(RoomId(2), END, 100).await, Ok(other.clone()));
    assert_eq!(told(store.facts(RoomId(2)).await.expect("facts")), expected(&other));
    assert_eq!(told(store.facts(RoomId(1)).await.expect("facts")), expected(&one));
    assert_eq!(store.measures_about(RoomId(2), UserId(5), 10).await, Ok(vec![]));
}

/// Many users with a fact each: more than an engine may like to give at once.
pub async fn many_facts_come_back(engine: &impl Engine) {
    const USERS: u64 = 1_500;
    let store = engine.open().await;
    let all: Vec<Taken> = (1..=USERS).map(|n| taken(1, n, ban(n << 40))).collect();
    for part in all.chunks(500) {
        store.measure(part.to_vec()).await.expect("measure");
    }
    assert_eq!(told(store.facts(RoomId(1)).await.expect("facts")), expected(&all));
}
