//! Rooms and messages over REST.

use super::{
    App,
    extract::{Address, Admin, AsAdmin, Body, MaybeUser, Path, Query, User},
    problem::Refusal,
};
use crate::{
    auth::Identity,
    gateway::connection::say,
    rooms::{Room, kept::RoomError},
};
use axum::{Json, extract::State, http::StatusCode};
use chat::admission;
use chat_store::StoreError;
use protocol::{
    codes::ErrorCode,
    frames::Role,
    ids::{MessageId, Seq},
    limits::{HISTORY_DEFAULT, HISTORY_MAX, NONCE_BYTES_MAX},
    objects,
    rest::{
        MessagesAnswer, NewRoomBody, PreviewBody, PreviewsAnswer, Problem, RoomsAnswer, SendBody, TextAnswer,
    },
};
use serde::Deserialize;
use std::{
    collections::{HashMap, hash_map::Entry},
    str::FromStr,
    sync::Arc,
    time::Instant,
};

/// The room, for somebody who may read it: one that is closed is there for admins alone.
pub(super) fn room(app: &App, slug: &str, admin: bool) -> Result<Arc<Room>, Refusal> {
    let room = app.gateway.rooms.get(slug).ok_or_else(Refusal::room_not_found)?;
    if room.is_archived() && !admin { Err(Refusal::room_archived()) } else { Ok(room) }
}

/// All rooms that are open; for admins also those that are closed.
#[utoipa::path(get, path = "/api/v1/rooms", tag = "rooms", security((), ("bearer" = [])), responses(
    (status = 200, description = "All rooms; for admins also those that are closed", body = RoomsAnswer)))]
pub async fn list(State(app): State<Arc<App>>, AsAdmin(admin): AsAdmin) -> Json<RoomsAnswer> {
    let rooms = app.gateway.rooms.all();
    let seen = rooms.iter().filter(|room| room.is_ready() && (admin || !room.is_archived()));
    Json(RoomsAnswer { rooms: seen.map(|room| room.to_object()).collect() })
}

/// One room.
#[utoipa::path(get, path = "/api/v1/rooms/{slug}", tag = "rooms", params(("slug" = String, Path)),
    security((), ("bearer" = [])), responses(
    (status = 200, description = "The room", body = objects::Room),
    (status = 403, description = "`room_archived`, unless an admin asks", body = Problem),
    (status = 404, description = "`room_not_found`", body = Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    AsAdmin(admin): AsAdmin,
) -> Result<Json<objects::Room>, Refusal> {
    let room = room(&app, &slug, admin)?;
    Ok(Json(app.gateway.history.object(&room).await))
}

/// Makes a room. Its style is fixed with that.
#[utoipa::path(post, path = "/api/v1/rooms", tag = "rooms", security(("bearer" = [])), request_body = NewRoomBody,
    responses(
    (status = 201, description = "It is there, here at once and elsewhere within a second", body = objects::Room),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 409, description = "`room_taken`, also by a closed one; `limit_reached`", body = Problem),
    (status = 422, description = "`validation_failed`", body = Problem),
    (status = 429, description = "`rate_limited`", body = Problem),
    (status = 503, description = "`unavailable`: ask for it with `GET`, it may have been made", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    Admin(admin): Admin,
    Body(body): Body<NewRoomBody>,
) -> Result<(StatusCode, Json<objects::Room>), Refusal> {
    super::moderation::measured(&app, &admin)?;
    let room = app.gateway.keeper.create(body).await?;
    tracing::info!(room = room.slug(), by = %admin.user.username, "a room was made");
    Ok((StatusCode::CREATED, Json(room.to_object())))
}

async fn set_archived(
    app: &App,
    slug: &str,
    admin: &Identity,
    archived: bool,
) -> Result<StatusCode, Refusal> {
    super::moderation::measured(app, admin)?;
    let room = room(app, slug, true)?;
    if room.is_archived() != archived || room.is_preset() {
        app.gateway.keeper.archive(slug, archived).await?;
        tracing::info!(room = slug, archived, by = %admin.user.username, "a room was closed or opened");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Closes a room: nobody writes, only admins read, and it can be opened again. What was said stays. Doing it again changes
/// nothing.
#[utoipa::path(delete, path = "/api/v1/rooms/{slug}", tag = "rooms", params(("slug" = String, Path)),
    security(("bearer" = [])), responses(
    (status = 204, description = "It is closed, here at once and elsewhere within a second"),
    (status = 403, description = "`forbidden`: also one that stands in the configuration", body = Problem),
    (status = 404, description = "`room_not_found`", body = Problem)))]
pub async fn archive(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    Admin(admin): Admin,
) -> Result<StatusCode, Refusal> {
    set_archived(&app, &slug, &admin, true).await
}

/// Opens a room again. Doing it again changes nothing.
#[utoipa::path(post, path = "/api/v1/rooms/{slug}/restore", tag = "rooms", params(("slug" = String, Path)),
    security(("bearer" = [])), responses(
    (status = 204, description = "It is open, here at once and elsewhere within a second"),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`room_not_found`", body = Problem)))]
pub async fn restore(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    Admin(admin): Admin,
) -> Result<StatusCode, Refusal> {
    set_archived(&app, &slug, &admin, false).await
}

impl From<RoomError> for Refusal {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Invalid(errors) => Self::validation(errors),
            RoomError::Taken(_) => Self::new(ErrorCode::RoomTaken, error.to_string()),
            RoomError::TooMany(_) => Self::new(ErrorCode::LimitReached, error.to_string()),
            RoomError::Missing(_) => Self::room_not_found(),
            RoomError::Preset(_) => Self::new(ErrorCode::Forbidden, error.to_string()),
            RoomError::Store(StoreError::Full) => Self::new(ErrorCode::StorageFull, "there is no space left"),
            RoomError::Store(error) => error.into(),
        }
    }
}

/// Which page of the history; all as text, so that each gets its own error.
#[derive(Debug, Default, Deserialize)]
pub struct PageQuery {
    limit: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

fn query<T: FromStr>(name: &str, value: Option<&String>, what: &str) -> Result<Option<T>, Refusal> {
    value.map(|text| text.parse().map_err(|_| Refusal::field(name, "invalid", what))).transpose()
}

/// A page of a room's history, oldest first.
#[utoipa::path(get, path = "/api/v1/rooms/{slug}/messages", tag = "rooms",
    params(("slug" = String, Path),
        ("limit" = Option<u32>, Query, description = "1 to 100, 10 where left out"),
        ("before" = Option<String>, Query, description = "a `seq`: the newest before it"),
        ("after" = Option<String>, Query, description = "a `seq`: the oldest after it")),
    responses(
    (status = 200, description = "The page", body = MessagesAnswer),
    (status = 404, description = "`room_not_found`", body = Problem),
    (status = 422, description = "`validation_failed`", body = Problem),
    (status = 503, description = "`unavailable`", body = Problem)))]
pub async fn messages(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    AsAdmin(admin): AsAdmin,
    Query(page): Query<PageQuery>,
) -> Result<Json<MessagesAnswer>, Refusal> {
    let room = &room(&app, &slug, admin)?;
    let limit =
        query::<u32>("limit", page.limit.as_ref(), "a number from 1 to 100")?.unwrap_or(HISTORY_DEFAULT);
    if !(1..=HISTORY_MAX).contains(&limit) {
        return Err(Refusal::field("limit", "out_of_range", "a number from 1 to 100"));
    }
    let limit = limit as usize;
    let before = query::<Seq>("before", page.before.as_ref(), "a seq: digits")?;
    let after = query::<Seq>("after", page.after.as_ref(), "a seq: digits")?;
    let history = &app.gateway.history;
    let found = match (before, after) {
        (Some(_), Some(_)) => return Err(Refusal::field("after", "conflict", "either `before` or `after`")),
        (before, None) => history.before(room, before, limit).await?,
        (None, Some(after)) => history.after(room, after, limit).await?,
    };
    let full = found.len() == limit;
    let first = found.first().map(|m| m.seq);
    let last = found.last().map(|m| m.seq);
    // A page that is not full has reached the end that it was going for; the other end is known only if it was asked for.
    let (next_before, next_after) = match (before, after) {
        (_, Some(_)) => (first, last.filter(|_| full)),
        (Some(_), None) => (first.filter(|_| full), last),
        (None, None) => (first.filter(|_| full), None),
    };
    let messages = found.iter().map(|m| m.to_message(room.slug())).collect();
    Ok(Json(MessagesAnswer { messages, next_before, next_after }))
}

/// Says something; answered once it is durable.
#[utoipa::path(post, path = "/api/v1/rooms/{slug}/messages", tag = "rooms", params(("slug" = String, Path)),
    security(("bearer" = [])), request_body = SendBody, responses(
    (status = 201, description = "Accepted: durable, and everyone will see it", body = objects::Message),
    (status = 401, description = "`unauthorized`, `token_expired`", body = Problem),
    (status = 403, description = "`anonymous_read_only`, `room_archived`, `banned`, `emote_only`, `blocked_phrase`", body = Problem),
    (status = 404, description = "`room_not_found`, `message_not_found`", body = Problem),
    (status = 422, description = "`message_empty`, `message_too_long`, `validation_failed`", body = Problem),
    (status = 409, description = "`duplicate_message`", body = Problem),
    (status = 429, description = "`rate_limited`, `slow_mode`", body = Problem),
    (status = 500, description = "Not known whether it was accepted: ask again with the same nonce", body = Problem),
    (status = 503, description = "`overloaded`, `unavailable`", body = Problem),
    (status = 507, description = "`storage_full`", body = Problem)))]
pub async fn send(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    MaybeUser(user): MaybeUser,
    Body(body): Body<SendBody>,
) -> Result<(StatusCode, Json<objects::Message>), Refusal> {
    let user = user.ok_or_else(|| {
        Refusal::new(ErrorCode::AnonymousReadOnly, "register or log in to write: `Authorization: Bearer …`")
    })?;
    // Whether it is open is asked behind the nonce: what was accepted before it was closed stays accepted.
    let room = &room(&app, &slug, true)?;
    let SendBody { text, nonce, reply_to } = body;
    if nonce.as_ref().is_some_and(|n| n.is_empty() || n.len() > NONCE_BYTES_MAX) {
        return Err(Refusal::field("nonce", "out_of_range", format!("1 to {NONCE_BYTES_MAX} bytes")));
    }
    let text = admission::admit(&text)?;
    let submitted = say(&app.gateway, room, &user, text, nonce, reply_to).await?;
    let asked = Instant::now();
    let accepted = submitted.outcome().await?;
    app.gateway.figures.acks.record(asked.elapsed().as_secs_f64());
    // It is accepted: whatever breaks from here on must not be told as a refusal.
    let shown = app.gateway.history.accepted(room, accepted.id, accepted.seq).await;
    let message = shown.ok().flatten().ok_or_else(|| {
        Refusal::new(
            ErrorCode::Internal,
            "accepted, but it cannot be shown; the same nonce gets the same message",
        )
    })?;
    Ok((StatusCode::CREATED, Json(message.to_message(room.slug()))))
}

/// What its author typed; for the author and moderators.
#[utoipa::path(get, path = "/api/v1/rooms/{slug}/messages/{id}/original", tag = "rooms",
    params(("slug" = String, Path), ("id" = String, Path)), security(("bearer" = [])), responses(
    (status = 200, description = "The text before the room's style", body = TextAnswer),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`message_not_found`", body = Problem)))]
pub async fn original(
    State(app): State<Arc<App>>,
    Path((slug, id)): Path<(String, String)>,
    User(user): User,
) -> Result<Json<TextAnswer>, Refusal> {
    let room = &room(&app, &slug, user.user.admin)?;
    let missing = || Refusal::new(ErrorCode::MessageNotFound, "there is no such message in this room");
    let id: MessageId = id.parse().map_err(|_| missing())?;
    let found = app.gateway.history.message(room, id).await?.ok_or_else(missing)?;
    room.shown().await?;
    let role = room.role(user.user.id, user.user.admin);
    if found.message.author.id != user.user.id && role < Role::Moderator {
        return Err(Refusal::new(
            ErrorCode::Forbidden,
            "what was typed is for its author and the moderators",
        ));
    }
    Ok(Json(TextAnswer { text: found.message.original }))
}

fn preview_of(app: &App, address: std::net::IpAddr, body: &PreviewBody) -> Result<String, Refusal> {
    app.gateway.limits.preview(address).map_err(Refusal::rate_limited)?;
    Ok(admission::admit(&body.text)?.into_parts().0)
}

/// What the room would make of a text, more or less: the real choices hang on the message's id.
#[utoipa::path(post, path = "/api/v1/rooms/{slug}/preview", tag = "rooms", params(("slug" = String, Path)),
    request_body = PreviewBody, responses(
    (status = 200, description = "Something like it", body = TextAnswer),
    (status = 404, description = "`room_not_found`", body = Problem),
    (status = 422, description = "`message_empty`, `message_too_long`, `validation_failed`", body = Problem),
    (status = 429, description = "`rate_limited`", body = Problem)))]
pub async fn preview(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    Address(address): Address,
    Body(body): Body<PreviewBody>,
) -> Result<Json<TextAnswer>, Refusal> {
    let room = room(&app, &slug, false)?;
    let text = preview_of(&app, address, &body)?;
    Ok(Json(TextAnswer { text: room.preview(&text).await }))
}

/// What each room would make of a text.
#[utoipa::path(post, path = "/api/v1/preview", tag = "rooms", request_body = PreviewBody, responses(
    (status = 200, description = "By slug", body = PreviewsAnswer),
    (status = 422, description = "`message_empty`, `message_too_long`, `validation_failed`", body = Problem),
    (status = 429, description = "`rate_limited`", body = Problem)))]
pub async fn previews(
    State(app): State<Arc<App>>,
    Address(address): Address,
    Body(body): Body<PreviewBody>,
) -> Result<Json<PreviewsAnswer>, Refusal> {
    let text = preview_of(&app, address, &body)?;
    let mut rooms = std::collections::BTreeMap::new();
    // Rooms of one style with the same emotes say the same, so a thousand rooms cost a few lines.
    let mut said: HashMap<_, String> = HashMap::new();
    for room in app.gateway.rooms.open() {
        let preview = match said.entry(room.voice()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => new.insert(room.preview(&text).await).clone(),
        };
        rooms.insert(room.slug().to_owned(), preview);
    }
    Ok(Json(PreviewsAnswer { rooms }))
}
