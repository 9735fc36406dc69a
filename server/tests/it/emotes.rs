//! Emotes from upload to picture: two servers over one store, an admin at one and people at the other.

use crate::support::{Server, User, config, refused, shared::Shared};
use client::{Answer, Call, Rest};
use protocol::{
    codes::ErrorCode,
    frames::ServerFrame,
    limits::EMOTE_BYTES_MAX,
    objects::{Emote, EmoteRange},
    rest::EmotesAnswer,
};
use server::config::Secret;

struct House {
    here: Server,
    there: Server,
    admin: User,
}

async fn house() -> House {
    let shared = Shared::new(config().log.partitions);
    let node = || {
        let mut config = config();
        config.auth.secret = Secret::new("one secret for all of the nodes here".to_owned());
        Server::over(config, shared.engines())
    };
    let (here, there) = (node().await, node().await);
    let admin = here.user("ada").await;
    shared.promote(admin.id).await;
    House { here, there, admin }
}

fn put(path: &str, body: impl Into<bytes::Bytes>) -> Call {
    Call::new(client::Method::PUT, format!("/api/v1{path}")).body(body)
}

fn delete(path: &str) -> Call {
    Call::new(client::Method::DELETE, format!("/api/v1{path}"))
}

fn svg(inside: &str) -> String {
    format!("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 28 28'>{inside}</svg>")
}

async fn named(rest: &Rest, path: &str, name: &str) -> Option<Emote> {
    let answer = rest.call(Call::get(format!("/api/v1{path}"))).await.unwrap();
    let EmotesAnswer { emotes } = answer.json().unwrap();
    assert!(emotes.is_sorted_by(|a, b| a.name < b.name), "by name, each once");
    emotes.into_iter().find(|emote| emote.name == name)
}

/// Says something and gives where emotes stand in what the room made of it, each checked against the text.
async fn said(user: &User, room: &str, text: &str) -> Vec<EmoteRange> {
    let message = user.rest.send(room, text, None).await.unwrap();
    let chars: Vec<char> = message.text.chars().collect();
    for EmoteRange { name, start, end, .. } in &message.emotes {
        let shown: String = chars[*start as usize..=*end as usize].iter().collect();
        assert_eq!(&shown, name, "in {}", message.text);
    }
    message.emotes
}

#[tokio::test]
async fn those_of_the_program_are_there_whole_and_shown() {
    let house = house().await;
    let bob = house.there.user("bob").await;
    let hug = named(&house.here.rest(), "/emotes", "BestieHug").await.unwrap();
    for room in ["plain", "bestie", "ohio"] {
        let room = if room == "plain" { "alone" } else { room };
        let ranges = said(&bob, room, "what a day BestieHug for you all, BestieHug!").await;
        let mine = ranges.iter().filter(|range| range.id == hug.id && range.name == "BestieHug").count();
        assert_eq!(mine, 2, "in {room}: {ranges:?}");
    }
    // The same in frames and in the history.
    let mut socket = house.here.socket().await;
    let joined = socket.join("alone").await.unwrap();
    assert_eq!(joined.history[0].emotes.len(), 2);
    assert_eq!(house.there.rest().latest("alone", 1).await.unwrap().messages[0].emotes.len(), 2);
    // Another node shows the same picture without having seen it before.
    let picture = house.there.rest().call(Call::get(hug.url)).await.unwrap();
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
}

#[tokio::test]
async fn an_upload_is_known_at_the_other_node_and_a_deleted_one_still_shows() {
    let house = house().await;
    let bob = house.there.user("bob").await;
    let everywhere: Emote =
        house.admin.rest.call(put("/emotes/NewOne", svg(""))).await.unwrap().json().unwrap();
    let moving = "<style>.a{animation:b 1s}@keyframes b{to{opacity:0}}\
        @media (prefers-reduced-motion:reduce){.a{animation:none}}</style><g class='a'/>";
    let here: Emote =
        house.admin.rest.call(put("/rooms/alone/emotes/NewOne", svg(moving))).await.unwrap().json().unwrap();
    assert_eq!((everywhere.animated, here.animated), (false, true));
    assert_eq!(here.url, format!("/emotes/{}", here.id));

    // At once where it was uploaded, and soon at the other.
    assert_eq!(named(&house.here.rest(), "/rooms/alone/emotes", "NewOne").await, Some(here.clone()));
    assert_eq!(named(&house.here.rest(), "/rooms/quiet/emotes", "NewOne").await, Some(everywhere.clone()));
    assert_eq!(named(&house.here.rest(), "/emotes", "NewOne").await, Some(everywhere.clone()));
    while named(&house.there.rest(), "/rooms/alone/emotes", "NewOne").await.as_ref() != Some(&here) {
        tokio::task::yield_now().await;
    }
    let ids = |ranges: Vec<EmoteRange>| ranges.into_iter().map(|range| range.id).collect::<Vec<_>>();
    assert_eq!(ids(said(&bob, "alone", "NewOne").await), std::slice::from_ref(&here.id));
    assert_eq!(ids(said(&bob, "quiet", "NewOne").await), std::slice::from_ref(&everywhere.id));

    let gone = house.admin.rest.call(delete("/rooms/alone/emotes/NewOne")).await.unwrap();
    assert_eq!(gone.status.as_u16(), 204);
    while named(&house.there.rest(), "/rooms/alone/emotes", "NewOne").await.as_ref() != Some(&everywhere) {
        tokio::task::yield_now().await;
    }
    let old = house.there.rest().latest("alone", 1).await.unwrap();
    assert_eq!(old.messages[0].emotes[0].id, here.id, "what was said is what was said");
    let picture = house.there.rest().call(Call::get(here.url.clone())).await.unwrap();
    assert_eq!((picture.status.as_u16(), picture.text()), (200, svg(moving)));
    let again = house.admin.rest.call(delete("/rooms/alone/emotes/NewOne")).await.unwrap();
    refused(again.success(), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_picture_is_kept_for_ever_and_can_do_nothing() {
    let house = house().await;
    let emote: Emote = house.admin.rest.call(put("/emotes/NewOne", svg(""))).await.unwrap().json().unwrap();
    let check = |answer: &Answer| {
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-type"), Some("image/svg+xml"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"), "{policy}");
    };
    let first = house.there.rest().call(Call::get(emote.url.clone())).await.unwrap();
    assert_eq!((first.status.as_u16(), first.text()), (200, svg("")));
    check(&first);
    let tag = first.header("etag").unwrap().to_owned();
    let call = Call::get(emote.url.clone()).header("if-none-match", &tag);
    let second = house.there.rest().call(call).await.unwrap();
    assert_eq!((second.status.as_u16(), second.body.len()), (304, 0));
    check(&second);
    let page = house.there.rest().call(Call::get("/")).await.unwrap();
    assert!(!page.header("content-security-policy").unwrap().contains("sandbox"), "pages keep their own");
    for path in
        ["/emotes/nothing", "/emotes/aB3-_aB3-_aB3-_aB3-_", "/emotes/..%2f..%2fetc%2fpasswd", "/emotes/%00"]
    {
        let missing = house.there.rest().call(Call::get(path)).await.unwrap();
        refused(missing.success(), ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn only_admins_change_emotes_and_only_pictures_get_in() {
    let house = house().await;
    let bob = house.here.user("bob").await;
    for call in
        [put("/emotes/NewOne", svg("")), delete("/emotes/NewOne"), put("/rooms/alone/emotes/NewOne", svg(""))]
    {
        refused(house.here.rest().call(call.clone()).await.unwrap().success(), ErrorCode::Unauthorized);
        refused(bob.rest.call(call).await.unwrap().success(), ErrorCode::Forbidden);
    }
    let most = svg(&"<g/>".repeat(100)) + &" ".repeat(EMOTE_BYTES_MAX - svg(&"<g/>".repeat(100)).len());
    let page = b"\x89PNG\r\n\x1a\n<script>alert(1)</script>".to_vec();
    for (call, code) in [
        (put("/emotes/newone", svg("")), ErrorCode::ValidationFailed),
        (put("/emotes/New%20One", svg("")), ErrorCode::ValidationFailed),
        (put("/rooms/nowhere/emotes/NewOne", svg("")), ErrorCode::RoomNotFound),
        (put("/emotes/NewOne", ""), ErrorCode::ValidationFailed),
        (put("/emotes/NewOne", svg("<script>alert(1)</script>")), ErrorCode::ValidationFailed),
        (put("/emotes/NewOne", page).header("content-type", "image/png"), ErrorCode::ValidationFailed),
        (put("/emotes/NewOne", most.clone() + " "), ErrorCode::PayloadTooLarge),
        (delete("/emotes/NewOne"), ErrorCode::NotFound),
        (delete("/emotes/BestieHug"), ErrorCode::Forbidden),
    ] {
        refused(house.admin.rest.call(call).await.unwrap().success(), code);
    }
    assert_eq!(named(&house.here.rest(), "/emotes", "NewOne").await, None);
    // What it is called says nothing of what it is.
    let lied = put("/emotes/NewOne", most).header("content-type", "text/html");
    let emote: Emote = house.admin.rest.call(lied).await.unwrap().json().unwrap();
    let picture = house.here.rest().call(Call::get(emote.url)).await.unwrap();
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
}

#[tokio::test]
async fn viewers_get_them_with_the_message() {
    let house = house().await;
    let bob = house.here.user("bob").await;
    let mut reader = house.there.socket().await;
    reader.join("alone").await.unwrap();
    said(&bob, "alone", "✨ HypeTime").await;
    let ranges = |frame: &ServerFrame| match frame {
        ServerFrame::Messages { messages, .. } => Some(messages[0].emotes.clone()),
        _ => None,
    };
    let ranges = reader.wait_for("the message", ranges).await.unwrap();
    assert_eq!(ranges.iter().map(|r| (r.start, r.end)).collect::<Vec<_>>(), [(2, 9)]);
}
