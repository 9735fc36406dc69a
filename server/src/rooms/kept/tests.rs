//! What may be made, and what becomes of it in the store. The whole way over REST is in `tests/it/rooms.rs`.

use super::*;
use chat_store::{RoomStore, memory::MemoryStore};

const NOW: Millis = Millis(1_795_000_000_000);

fn body(slug: &str) -> NewRoomBody {
    NewRoomBody {
        slug: slug.to_owned(),
        title: "Night shift".to_owned(),
        description: None,
        transformer: "plain".to_owned(),
    }
}

fn rules(preset: &[&str]) -> Rules {
    let partitions = NonZeroU32::new(3).unwrap();
    let styles = transformer_styles::all();
    let define = |slug: &&str| define(body(slug), &styles, partitions).unwrap();
    Rules { preset: preset.iter().map(define).collect(), partitions, rooms_max: 3 }
}

async fn create(rules: &Rules, store: &MemoryStore, body: NewRoomBody) -> Result<KeptRoom, RoomError> {
    rules.create(store, body, &transformer_styles::all(), NOW).await
}

fn wrong_fields(error: RoomError) -> Vec<(String, String)> {
    let RoomError::Invalid(errors) = error else { panic!("{error}") };
    errors.into_iter().map(|error| (error.field, error.code)).collect()
}

#[tokio::test]
async fn all_that_is_wrong_with_a_room_is_told_at_once() {
    let all_wrong = NewRoomBody {
        slug: "../x".into(),
        title: "\u{200b} \u{3164}".into(),
        description: Some("d".repeat(301)),
        transformer: "shouting".into(),
    };
    let wrong = create(&rules(&[]), &MemoryStore::new(), all_wrong).await.unwrap_err();
    let told = wrong_fields(wrong);
    let told: Vec<_> = told.iter().map(|(field, code)| (field.as_str(), code.as_str())).collect();
    assert_eq!(
        told,
        [("slug", "invalid"), ("title", "empty"), ("description", "too_long"), ("transformer", "unknown")]
    );
}

#[tokio::test]
async fn words_that_would_break_a_page_are_refused_and_others_are_not() {
    let store = MemoryStore::new();
    let rules = rules(&["night"]);
    let title = |title: &str| NewWords { title: Some(title.to_owned()), description: None };
    for (hostile, code) in [
        ("a\nb", "control_character"),
        ("a\u{0}b", "control_character"),
        ("a\u{2028}b", "control_character"),
        ("\u{202e}thgin", "control_character"),
        ("\u{2067}night", "control_character"),
        ("", "empty"),
        ("  ", "empty"),
        ("\u{feff}", "empty"),
        ("\u{200d}\u{fe0f}", "empty"),
    ] {
        let refused = rules.retitle(&store, "night", title(hostile), NOW).await.unwrap_err();
        assert_eq!(wrong_fields(refused), [("title".to_owned(), code.to_owned())], "{hostile:?}");
    }
    assert_eq!(store.rooms().await, Ok(vec![]), "nothing of it was kept");
    for good in
        ["<script>alert(1)</script>", "👩‍👩‍👧 night", "ليلة", "'; DROP TABLE rooms; --", &"🎺".repeat(100)]
    {
        let kept = rules.retitle(&store, "night", title(good), NOW).await.unwrap();
        assert_eq!(kept.definition.title, good, "kept as it is: whoever shows it has to quote it");
    }
}

#[tokio::test]
async fn a_name_is_taken_by_any_room_and_for_ever() {
    let (store, rules) = (MemoryStore::new(), rules(&["preset"]));
    let made = create(&rules, &store, body("night")).await.unwrap();
    assert_eq!((made.archived, made.created_at, made.definition.partition < 3), (false, NOW, true));
    rules.archive(&store, "night", true).await.unwrap();
    for slug in ["preset", "night"] {
        let taken = create(&rules, &store, body(slug)).await;
        assert!(matches!(taken, Err(RoomError::Taken(name)) if name == slug), "{slug}");
    }
    // Two names of one id are as good as never met; a configuration may choose an id.
    let mut same_id = self::rules(&["other"]);
    same_id.preset[0].id = "third".parse::<Slug>().unwrap().room_id();
    assert!(matches!(create(&same_id, &store, body("third")).await, Err(RoomError::Taken(_))));
}

#[tokio::test]
async fn there_are_no_more_rooms_than_there_may_be() {
    let (store, rules) = (MemoryStore::new(), rules(&["preset"]));
    create(&rules, &store, body("one")).await.unwrap();
    // A preset room that was given other words is no further room.
    let words = NewWords { title: Some("Other".into()), description: None };
    rules.retitle(&store, "preset", words, NOW).await.unwrap();
    create(&rules, &store, body("two")).await.unwrap();
    assert!(matches!(create(&rules, &store, body("three")).await, Err(RoomError::TooMany(3))));
    rules.archive(&store, "one", true).await.unwrap();
    assert!(
        matches!(create(&rules, &store, body("three")).await, Err(RoomError::TooMany(3))),
        "a closed one counts"
    );
}

#[tokio::test]
async fn a_room_of_the_configuration_changes_its_words_and_nothing_else() {
    let (store, rules) = (MemoryStore::new(), rules(&["preset"]));
    for archived in [true, false] {
        assert!(matches!(rules.archive(&store, "preset", archived).await, Err(RoomError::Preset(_))));
    }
    let words = NewWords { title: None, description: Some(" Late. ".into()) };
    let kept = rules.retitle(&store, "preset", words, NOW).await.unwrap();
    assert_eq!(
        (kept.definition.title.as_str(), kept.definition.description.as_str()),
        ("Night shift", "Late.")
    );
    // Taken out of the configuration it is closed, as it would be if nobody had changed its words.
    let without = self::rules(&[]);
    assert_eq!(store.rooms().await.map(|rooms| rooms[0].archived), Ok(true));
    let restored = without.archive(&store, "preset", false).await.unwrap();
    assert_eq!((restored.archived, restored.definition.description.as_str()), (false, "Late."));
}

#[tokio::test]
async fn a_room_that_is_not_there_cannot_be_changed() {
    let (store, rules) = (MemoryStore::new(), rules(&[]));
    assert!(matches!(rules.archive(&store, "nobody", true).await, Err(RoomError::Missing(_))));
    let words = NewWords { title: Some("Other".into()), description: None };
    assert!(matches!(rules.retitle(&store, "nobody", words, NOW).await, Err(RoomError::Missing(_))));
}
