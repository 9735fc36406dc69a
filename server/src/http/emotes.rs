//! Emotes over REST, and their pictures.

use super::{
    App,
    extract::{Address, Admin, AsAdmin, Path},
    problem::Refusal,
};
use crate::{
    auth::Identity,
    emotes::{EmoteError, live::Set, url_of},
};
use axum::{
    Json,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chat::emotes::{EmoteId, EmoteName, Picture, Scope};
use chat_store::StoreError;
use protocol::{
    codes::ErrorCode,
    limits::EMOTE_BYTES_MAX,
    objects,
    rest::{EmotesAnswer, Problem},
};
use std::sync::Arc;

/// For whoever opens a picture by itself: it draws, and that is all.
const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

fn told(set: &Set) -> Json<EmotesAnswer> {
    let mut emotes: Vec<_> = set
        .all()
        .map(|(name, known)| objects::Emote {
            id: known.id.to_string(),
            name: name.to_owned(),
            url: url_of(&known.id),
            animated: known.animated,
        })
        .collect();
    emotes.sort_by(|a, b| a.name.cmp(&b.name));
    Json(EmotesAnswer { emotes })
}

/// The emotes that may be used in all rooms.
#[utoipa::path(get, path = "/api/v1/emotes", tag = "emotes", responses(
    (status = 200, description = "All that may be used anywhere, by name", body = EmotesAnswer)))]
pub async fn list(State(app): State<Arc<App>>) -> Json<EmotesAnswer> {
    told(&app.gateway.emotes.live().everywhere())
}

/// The emotes that may be used in a room: its own, and those of all rooms.
#[utoipa::path(get, path = "/api/v1/rooms/{slug}/emotes", tag = "emotes", params(("slug" = String, Path)), responses(
    (status = 200, description = "All that may be used there, by name", body = EmotesAnswer),
    (status = 404, description = "`room_not_found`", body = Problem)))]
pub async fn list_of_room(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    AsAdmin(admin): AsAdmin,
) -> Result<Json<EmotesAnswer>, Refusal> {
    let room = super::rooms::room(&app, &slug, admin)?;
    Ok(told(&app.gateway.emotes.live().of_room(room.id())))
}

fn named(name: &str) -> Result<EmoteName, Refusal> {
    name.parse()
        .map_err(|bad: chat::emotes::BadEmoteName| Refusal::field("name", bad.code(), bad.to_string()))
}

/// The body as it is, read only for those who may upload.
async fn body(request: Request) -> Result<Bytes, Refusal> {
    let body = axum::body::to_bytes(request.into_body(), EMOTE_BYTES_MAX).await;
    body.map_err(|_| {
        Refusal::new(ErrorCode::PayloadTooLarge, format!("a picture has at most {EMOTE_BYTES_MAX} bytes"))
    })
}

async fn put_in(
    app: &App,
    user: &Identity,
    scope: Scope,
    name: &str,
    request: Request,
) -> Result<Json<objects::Emote>, Refusal> {
    let (name, bytes) = (named(name)?, body(request).await?);
    let emote = app.gateway.emotes.put(scope, name, &bytes, user.user.id, app.gateway.world.now()).await?;
    tracing::info!(name = %emote.name, id = %emote.id, by = %user.user.username, "an emote was uploaded");
    let (url, id) = (url_of(&emote.id), emote.id.to_string());
    Ok(Json(objects::Emote { id, name: emote.name.to_string(), url, animated: emote.animated }))
}

/// Uploads an emote for all rooms, or another picture for one: the body is the picture.
#[utoipa::path(put, path = "/api/v1/emotes/{name}", tag = "emotes", params(("name" = String, Path)),
    security(("bearer" = [])), request_body(content = Vec<u8>, content_type = "application/octet-stream",
    description = "SVG, PNG, GIF or WebP; what it is, is read from its bytes"), responses(
    (status = 200, description = "It may be used from now on", body = objects::Emote),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 409, description = "`limit_reached`", body = Problem),
    (status = 413, description = "`payload_too_large`", body = Problem),
    (status = 422, description = "`validation_failed`: the name or the picture", body = Problem)))]
pub async fn put(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Admin(user): Admin,
    request: Request,
) -> Result<Json<objects::Emote>, Refusal> {
    put_in(&app, &user, Scope::Everywhere, &name, request).await
}

/// The same for one room.
#[utoipa::path(put, path = "/api/v1/rooms/{slug}/emotes/{name}", tag = "emotes",
    params(("slug" = String, Path), ("name" = String, Path)),
    security(("bearer" = [])), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 200, description = "It may be used in this room from now on", body = objects::Emote),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`room_not_found`", body = Problem),
    (status = 409, description = "`limit_reached`", body = Problem),
    (status = 413, description = "`payload_too_large`", body = Problem),
    (status = 422, description = "`validation_failed`: the name or the picture", body = Problem)))]
pub async fn put_of_room(
    State(app): State<Arc<App>>,
    Path((slug, name)): Path<(String, String)>,
    Admin(user): Admin,
    request: Request,
) -> Result<Json<objects::Emote>, Refusal> {
    let scope = Scope::Room(super::rooms::room(&app, &slug, true)?.id());
    put_in(&app, &user, scope, &name, request).await
}

/// Takes an emote of all rooms away. Messages that show it go on to.
#[utoipa::path(delete, path = "/api/v1/emotes/{name}", tag = "emotes", params(("name" = String, Path)),
    security(("bearer" = [])), responses(
    (status = 204, description = "It is a word again"),
    (status = 403, description = "`forbidden`: also one that comes with the program", body = Problem),
    (status = 404, description = "`not_found`", body = Problem)))]
pub async fn delete(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    _: Admin,
) -> Result<StatusCode, Refusal> {
    app.gateway.emotes.remove(Scope::Everywhere, named(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same for one of a room's own.
#[utoipa::path(delete, path = "/api/v1/rooms/{slug}/emotes/{name}", tag = "emotes",
    params(("slug" = String, Path), ("name" = String, Path)), security(("bearer" = [])), responses(
    (status = 204, description = "It is what it is in all rooms again"),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`not_found`, `room_not_found`", body = Problem)))]
pub async fn delete_of_room(
    State(app): State<Arc<App>>,
    Path((slug, name)): Path<(String, String)>,
    _: Admin,
) -> Result<StatusCode, Refusal> {
    let scope = Scope::Room(super::rooms::room(&app, &slug, true)?.id());
    app.gateway.emotes.remove(scope, named(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A picture, for ever the same under its id.
#[utoipa::path(get, path = "/emotes/{id}", tag = "emotes", params(("id" = String, Path)), responses(
    (status = 200, description = "SVG, PNG, GIF or WebP, to be kept for ever", content_type = "image/*"),
    (status = 404, description = "`not_found`", body = Problem)))]
pub async fn picture(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Address(address): Address,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let missing = || Refusal::new(ErrorCode::NotFound, "there is no such emote");
    let id: EmoteId = id.parse().map_err(|_| missing())?;
    let picture = match app.gateway.emotes.picture_here(&id) {
        Some(picture) => picture,
        None => {
            // Only these cost the store anything.
            app.gateway.limits.request(address).map_err(Refusal::rate_limited)?;
            app.gateway.emotes.picture_kept(&id).await?.ok_or_else(missing)?
        }
    };
    let tag = format!("\"{id}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|known| known.split(',').any(|t| t.trim().trim_start_matches("W/") == tag));
    Ok(shown(picture, fresh, &tag))
}

fn shown(Picture { kind, bytes }: Picture, fresh: bool, tag: &str) -> Response {
    let body = Bytes::from_owner(bytes);
    let mut response = if fresh { StatusCode::NOT_MODIFIED.into_response() } else { body.into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PICTURE_POLICY));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

impl From<EmoteError> for Refusal {
    fn from(error: EmoteError) -> Self {
        match error {
            EmoteError::Unfit(unfit) => Self::field("picture", unfit.code(), unfit.to_string()),
            EmoteError::TooMany => Self::new(ErrorCode::LimitReached, error.to_string()),
            EmoteError::BuiltIn => Self::new(ErrorCode::Forbidden, error.to_string()),
            EmoteError::Missing => Self::new(ErrorCode::NotFound, error.to_string()),
            EmoteError::Store(StoreError::Full) => {
                Self::new(ErrorCode::StorageFull, "there is no space left")
            }
            EmoteError::Store(error) => error.into(),
        }
    }
}
