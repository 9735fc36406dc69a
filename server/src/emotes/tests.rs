//! Changes by admins, over the store in memory.

use super::*;
use chat::emotes::PictureKind;
use chat_store::{EmoteStore, memory::MemoryStore};
use protocol::ids::RoomId;

const BY: UserId = UserId(7);
const NOW: Millis = Millis(1_000);

fn svg(inside: &str) -> Vec<u8> {
    format!("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 28 28'>{inside}</svg>").into_bytes()
}

fn name(name: &str) -> EmoteName {
    name.parse().unwrap()
}

struct Bench {
    store: Arc<MemoryStore>,
    news: Arc<News>,
    emotes: Arc<Emotes>,
}

impl Bench {
    fn new() -> Self {
        let (store, news) = (Arc::new(MemoryStore::new()), Arc::new(News::default()));
        let emotes = Emotes::new(Live::default(), store.clone(), news.clone());
        Self { store, news, emotes }
    }

    async fn put(&self, scope: Scope, called: &str, bytes: &[u8]) -> Result<Emote, EmoteError> {
        self.emotes.put(scope, name(called), bytes, BY, NOW).await
    }
}

#[tokio::test]
async fn an_upload_is_used_at_once_and_the_others_are_told() {
    let bench = Bench::new();
    let room = RoomId(7);
    let everywhere = bench.put(Scope::Everywhere, "NewOne", &svg("")).await.unwrap();
    let here = bench.put(Scope::Room(room), "NewOne", &svg("<g/>")).await.unwrap();
    assert_ne!(everywhere.id, here.id);
    let id = |set: &live::Set| set.get("NewOne").map(|known| known.id.clone());
    assert_eq!(id(&bench.emotes.live().of_room(room)), Some(here.id.clone()));
    assert_eq!(id(&bench.emotes.live().of_room(RoomId(8))), Some(everywhere.id.clone()));
    assert_eq!(bench.news.to_tell_now(), Some(Topic::Emotes));

    // Another process finds it by looking.
    let other = Emotes::new(Live::default(), bench.store.clone(), Arc::default());
    assert_eq!(id(&other.live().of_room(room)), None);
    other.look().await.unwrap();
    assert_eq!(id(&other.live().of_room(room)), Some(here.id.clone()));
    let there = other.picture_kept(&here.id).await.unwrap().unwrap();
    assert_eq!((there.kind, &*there.bytes), (PictureKind::Svg, &*svg("<g/>")));
    assert_eq!(other.picture_here(&here.id), Some(there), "from now on without the store");
}

#[tokio::test]
async fn the_name_goes_and_the_picture_stays() {
    let bench = Bench::new();
    let emote = bench.put(Scope::Everywhere, "NewOne", &svg("")).await.unwrap();
    bench.emotes.remove(Scope::Everywhere, name("NewOne")).await.unwrap();
    assert!(bench.emotes.live().everywhere().get("NewOne").is_none());
    assert!(bench.emotes.picture_kept(&emote.id).await.unwrap().is_some());
    let again = bench.emotes.remove(Scope::Everywhere, name("NewOne")).await;
    assert!(matches!(again, Err(EmoteError::Missing)));
}

#[tokio::test]
async fn those_of_the_program_can_be_replaced_and_come_back() {
    let bench = Bench::new();
    let own = &own::emotes()[0];
    let now = || bench.emotes.live().everywhere().get(own.name.as_str()).map(|known| known.id.clone());
    assert_eq!(now(), Some(own.id.clone()));
    assert!(bench.emotes.picture_here(&own.id).is_some());
    let other = bench.put(Scope::Everywhere, own.name.as_str(), &svg("")).await.unwrap();
    assert_eq!(now(), Some(other.id));
    bench.emotes.remove(Scope::Everywhere, own.name.clone()).await.unwrap();
    assert_eq!(now(), Some(own.id.clone()));
    let gone = bench.emotes.remove(Scope::Everywhere, own.name.clone()).await;
    assert!(matches!(gone, Err(EmoteError::BuiltIn)));
    let elsewhere = bench.emotes.remove(Scope::Room(RoomId(1)), own.name.clone()).await;
    assert!(matches!(elsewhere, Err(EmoteError::Missing)));
}

#[tokio::test]
async fn what_is_no_picture_never_reaches_the_store() {
    let bench = Bench::new();
    let refused = bench.put(Scope::Everywhere, "NewOne", &svg("<script/>")).await;
    assert!(matches!(refused, Err(EmoteError::Unfit(picture::Unfit::Svg(_)))));
    assert_eq!(bench.store.emotes().await, Ok(vec![]));
    assert_eq!(bench.news.to_tell_now(), None);
}

#[tokio::test]
async fn a_scope_has_so_many_and_replacing_goes_on() {
    let bench = Bench::new();
    for n in 0..SCOPE_MAX {
        bench.put(Scope::Everywhere, &format!("N{n}"), &svg("")).await.unwrap();
    }
    assert!(matches!(bench.put(Scope::Everywhere, "OneMore", &svg("")).await, Err(EmoteError::TooMany)));
    bench.put(Scope::Everywhere, "N0", &svg("<g/>")).await.unwrap();
    bench.put(Scope::Room(RoomId(1)), "OneMore", &svg("")).await.unwrap();
}

#[test]
fn the_cache_is_bounded_and_gives_up_the_oldest() {
    let mut cache = Cache::default();
    let picture = || Picture { kind: PictureKind::Png, bytes: vec![0; CACHE_BYTES_MAX / 4].into() };
    let ids: Vec<EmoteId> = (0..6u8).map(|n| id_of(&[n])).collect();
    for id in &ids {
        cache.keep(id.clone(), picture());
        cache.keep(id.clone(), picture());
    }
    assert_eq!(cache.pictures.len(), 4);
    assert!(!cache.pictures.contains_key(&ids[1]) && cache.pictures.contains_key(&ids[2]));
    assert_eq!((cache.order.len(), cache.bytes), (4, CACHE_BYTES_MAX));
}
