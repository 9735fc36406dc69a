//! Promises of what admins set up at run time: [`EmoteStore`](crate::EmoteStore), [`RoomStore`](crate::RoomStore) and
//! [`BotStore`](crate::BotStore).

use super::{Engine, T0, hash};
use crate::{Created, RoomChange, Store};
use chat::{
    account::{BotToken, Family},
    emotes::{Emote, EmoteId, EmoteName, Picture, PictureKind, Scope},
    rooms::{KeptRoom, RoomDefinition},
    time::Millis,
};
use protocol::ids::{RoomId, UserId};
use std::sync::Arc;

fn name(name: &str) -> EmoteName {
    name.parse().expect("a name")
}

fn id(n: u32) -> EmoteId {
    format!("{n:_>20}").parse().expect("an id")
}

pub(super) fn emote(scope: Scope, called: &str, n: u32) -> Emote {
    Emote {
        scope,
        name: name(called),
        id: id(n),
        animated: n.is_multiple_of(2),
        by: UserId(7),
        at: Millis(T0),
    }
}

pub(super) fn picture(n: u8) -> Picture {
    Picture { kind: PictureKind::Svg, bytes: vec![n; 1_000].into() }
}

pub(super) fn room(slug: &str) -> KeptRoom {
    let slug: chat::rooms::Slug = slug.parse().expect("a slug");
    KeptRoom {
        definition: RoomDefinition {
            id: slug.room_id(),
            title: format!("The {slug} ✨"),
            description: String::new(),
            transformer: "plain".into(),
            partition: 3,
            slug,
        },
        archived: false,
        created_at: Millis(T0),
    }
}

pub(super) fn bot_token(user: u64, n: u64) -> BotToken {
    BotToken {
        hash: hash(n),
        user: UserId(user),
        family: Family(u128::from(n) << 64 | 1),
        name: format!("number {n}"),
        created_at: Millis(T0 + n),
    }
}

/// `put_emote`, `emotes`, `picture`.
pub async fn an_emote_is_kept_with_its_picture(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(store.emotes().await, Ok(vec![]));
    assert_eq!(store.picture(id(1)).await, Ok(None));
    let here = Scope::Room(RoomId(u64::MAX >> 1));
    let all = [
        (emote(Scope::Everywhere, "Hype", 1), picture(1)),
        (emote(Scope::Everywhere, "hypE", 2), picture(2)),
        (emote(here, "Hype", 3), Picture { kind: PictureKind::Webp, ..picture(3) }),
    ];
    for (emote, picture) in all.iter().rev() {
        store.put_emote(emote.clone(), picture.clone()).await.expect("put");
    }
    let emotes: Vec<Emote> = all.iter().map(|(emote, _)| emote.clone()).collect();
    assert_eq!(store.emotes().await, Ok(emotes), "by scope and name");
    for (emote, picture) in all {
        assert_eq!(store.picture(emote.id).await, Ok(Some(picture)));
    }
}

/// A name may get another picture; what an id shows never changes.
pub async fn a_name_changes_its_picture_and_an_id_does_not(engine: &impl Engine) {
    let store = engine.open().await;
    store.put_emote(emote(Scope::Everywhere, "Hype", 1), picture(1)).await.expect("put");
    store.put_emote(emote(Scope::Everywhere, "Hype", 2), picture(2)).await.expect("put");
    assert_eq!(store.emotes().await, Ok(vec![emote(Scope::Everywhere, "Hype", 2)]));
    assert_eq!(store.picture(id(1)).await, Ok(Some(picture(1))), "old messages show it");
    assert_eq!(store.picture(id(2)).await, Ok(Some(picture(2))));
}

/// `remove_emote`: the name goes, the picture stays.
pub async fn a_removed_emote_leaves_its_picture(engine: &impl Engine) {
    let store = engine.open().await;
    let here = Scope::Room(RoomId(5));
    store.put_emote(emote(Scope::Everywhere, "Hype", 1), picture(1)).await.expect("put");
    store.put_emote(emote(here, "Hype", 1), picture(1)).await.expect("put");
    assert_eq!(store.remove_emote(Scope::Room(RoomId(6)), name("Hype")).await, Ok(false));
    assert_eq!(store.remove_emote(here, name("Hyper")).await, Ok(false));
    assert_eq!(store.remove_emote(here, name("Hype")).await, Ok(true));
    assert_eq!(store.remove_emote(here, name("Hype")).await, Ok(false));
    assert_eq!(store.emotes().await, Ok(vec![emote(Scope::Everywhere, "Hype", 1)]));
    assert_eq!(store.remove_emote(Scope::Everywhere, name("Hype")).await, Ok(true));
    assert_eq!(store.emotes().await, Ok(vec![]));
    assert_eq!(store.picture(id(1)).await, Ok(Some(picture(1))));
    store.put_emote(emote(here, "Hype", 1), picture(1)).await.expect("put again");
    assert_eq!(store.emotes().await, Ok(vec![emote(here, "Hype", 1)]));
}

/// `create_room`, `change_room`, `rooms`.
pub async fn a_room_is_made_once_and_changed(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(store.rooms().await, Ok(vec![]));
    assert_eq!(store.create_room(room("night")).await, Ok(Created::Yes));
    let mut other = room("night");
    other.definition.title = "Another".into();
    assert_eq!(store.create_room(other).await, Ok(Created::NameTaken));
    let biggest = KeptRoom {
        definition: RoomDefinition {
            id: RoomId(u64::MAX >> 1),
            partition: u32::MAX,
            description: "d".repeat(300),
            ..room("day").definition
        },
        archived: true,
        created_at: Millis(T0),
    };
    assert_eq!(store.create_room(biggest.clone()).await, Ok(Created::Yes));
    assert_eq!(store.rooms().await, Ok(vec![biggest.clone(), room("night")]), "by slug");

    let mut now = room("night");
    assert_eq!(store.change_room("night", RoomChange::default()).await, Ok(Some(now.clone())));
    now.definition.title = "Late".into();
    let change = RoomChange { title: Some("Late".into()), ..RoomChange::default() };
    assert_eq!(store.change_room("night", change).await, Ok(Some(now.clone())));
    now.definition.description = "For those who are up.".into();
    let change = RoomChange { description: Some("For those who are up.".into()), ..RoomChange::default() };
    assert_eq!(store.change_room("night", change).await, Ok(Some(now.clone())));
    for archived in [true, false, true] {
        now.archived = archived;
        let change = RoomChange { archived: Some(archived), ..RoomChange::default() };
        assert_eq!(store.change_room("night", change).await, Ok(Some(now.clone())));
    }
    let change = RoomChange { archived: Some(false), ..RoomChange::default() };
    assert_eq!(store.change_room("nobody", change).await, Ok(None));
    assert_eq!(store.rooms().await, Ok(vec![biggest, now]));
}

/// Everybody makes the same room.
pub async fn of_many_rooms_at_once_exactly_one_is_made(engine: &impl Engine) {
    let store: Arc<dyn Store> = engine.open().await;
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let store = Arc::clone(&store);
            let mut mine = room("night");
            mine.definition.title = format!("Number {n}");
            tokio::spawn(async move { (store.create_room(mine.clone()).await.expect("create_room"), mine) })
        })
        .collect();
    let mut winners = vec![];
    for task in tasks {
        let (created, mine) = task.await.expect("the task runs to its end");
        if created == Created::Yes {
            winners.push(mine);
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(store.rooms().await, Ok(winners));
}

/// `add_bot_token`, `bot_token`, `bot_tokens`, `remove_bot_token`.
pub async fn a_token_of_a_bot_is_good_until_it_is_taken_away(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(store.bot_token(hash(1)).await, Ok(None));
    assert_eq!(store.bot_tokens(UserId(7)).await, Ok(vec![]));
    for token in [bot_token(7, 2), bot_token(7, 1), bot_token(u64::MAX, 3), bot_token(7, 1)] {
        store.add_bot_token(token).await.expect("add");
    }
    assert_eq!(store.bot_token(hash(1)).await, Ok(Some(bot_token(7, 1))));
    assert_eq!(store.bot_tokens(UserId(7)).await, Ok(vec![bot_token(7, 1), bot_token(7, 2)]), "oldest first");
    assert_eq!(store.bot_tokens(UserId(u64::MAX)).await, Ok(vec![bot_token(u64::MAX, 3)]));

    let family = bot_token(7, 1).family;
    assert_eq!(store.remove_bot_token(UserId(8), family).await, Ok(false), "of another");
    assert_eq!(store.remove_bot_token(UserId(7), Family(99)).await, Ok(false));
    assert_eq!(store.remove_bot_token(UserId(7), family).await, Ok(true));
    assert_eq!(store.remove_bot_token(UserId(7), family).await, Ok(false));
    assert_eq!(store.bot_token(hash(1)).await, Ok(None));
    assert_eq!(store.bot_tokens(UserId(7)).await, Ok(vec![bot_token(7, 2)]));
}
