//! Moderation over REST: who asks, what is asked, and then [`Room::take`], which decides.

use super::{
    App,
    extract::{AsAdmin, Body, Path, Query, User},
    problem::Refusal,
};
use crate::{
    auth::{Identity, Profile},
    rooms::{Room, kept::NewWords, moderation::Parties},
};
use axum::{Json, extract::State, http::StatusCode};
use chat::{
    message::excerpt,
    moderation::{Act, NotAllowed, Person, SettingsChange, words},
};
use protocol::{
    codes::ErrorCode,
    frames::Role,
    ids::{MessageId, Seq},
    limits::{
        BANS_PAGE_MAX, CARD_MEASURES_MAX, CARD_MESSAGES_MAX, LOG_ENTRIES_DEFAULT, LOG_ENTRIES_MAX,
        PHRASE_CODE_POINTS_MAX, REASON_CODE_POINTS_MAX, SLOW_MODE_SECONDS_MAX, TIMEOUT_SECONDS,
    },
    moderation::{
        BanBody, BannedUser, BansAnswer, BlockedPhrase, BlockedPhraseBody, BlockedPhrasesAnswer, ClearBody,
        ModerationLogAnswer, PinBody, RolesAnswer, RoomRole, SettingsBody, UserCard,
    },
    objects,
    rest::Problem,
};
use serde::Deserialize;
use std::sync::Arc;

/// Newest messages of a room among which those of a user card are looked for: five reads of the store.
const CARD_ROWS_MAX: usize = 5_000;

type Done = Result<StatusCode, Refusal>;

/// The room, and what the one who asks is there. It may have to be woken for that.
async fn enter(app: &App, slug: &str, user: &Identity) -> Result<(Arc<Room>, Role), Refusal> {
    let room = super::rooms::room(app, slug, user.user.admin)?;
    room.shown().await?;
    let role = room.role(user.user.id, user.user.admin);
    Ok((room, role))
}

/// The same, for what only moderators may see.
async fn enter_as_moderator(app: &App, slug: &str, user: &Identity) -> Result<(Arc<Room>, Role), Refusal> {
    let (room, role) = enter(app, slug, user).await?;
    if role < Role::Moderator {
        return Err(Refusal::new(ErrorCode::Forbidden, NotAllowed::Moderators.to_string()));
    }
    Ok((room, role))
}

fn person(profile: &Profile) -> Person {
    Person { id: profile.id, username: profile.username.clone() }
}

async fn find_user(app: &App, username: &str) -> Result<Profile, Refusal> {
    let found = app.gateway.accounts.find_by_name(username).await?;
    found.ok_or_else(|| Refusal::new(ErrorCode::NotFound, "there is no user of this name"))
}

fn reason(reason: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(reason) = reason else { return Ok(None) };
    let reason = reason.trim();
    if reason.chars().any(char::is_control) {
        return Err(Refusal::field("reason", "control_character", "one plain line"));
    }
    if reason.chars().count() > REASON_CODE_POINTS_MAX {
        let detail = format!("at most {REASON_CODE_POINTS_MAX} characters");
        return Err(Refusal::field("reason", "too_long", detail));
    }
    Ok(Some(reason.to_owned()).filter(|reason| !reason.is_empty()))
}

/// Takes a measure for the one who asks.
async fn take(
    app: &App,
    (room, role): &(Arc<Room>, Role),
    user: &Identity,
    target: Role,
    act: Act,
    reason: Option<String>,
) -> Result<Seq, Refusal> {
    measured(app, user)?;
    let by = person(&user.user);
    Ok(room.take(Parties { by: &by, role: *role, target }, act, reason).await?)
}

/// Counts one more change by this user.
pub(super) fn measured(app: &App, user: &Identity) -> Result<(), Refusal> {
    app.gateway.limits.measure(user.user.id).map_err(|retry_after| Refusal {
        retry_after: Some(retry_after),
        ..Refusal::new(ErrorCode::RateLimited, "so many measures at once; wait a moment")
    })
}

async fn find_message(app: &App, room: &Room, id: MessageId) -> Result<chat::message::Logged, Refusal> {
    let found = app.gateway.history.message(room, id).await?;
    found.ok_or_else(|| Refusal::new(ErrorCode::MessageNotFound, "there is no such message in this room"))
}

fn message_id(id: &str) -> Result<MessageId, Refusal> {
    id.parse().map_err(|_| Refusal::new(ErrorCode::MessageNotFound, "there is no such message in this room"))
}

/// Takes one message away.
#[utoipa::path(delete, path = "/api/v1/rooms/{slug}/messages/{id}", tag = "moderation",
    params(("slug" = String, Path), ("id" = String, Path)), security(("bearer" = [])), responses(
    (status = 204, description = "It is gone"),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`room_not_found`, `message_not_found`", body = Problem)))]
pub async fn delete_message(
    State(app): State<Arc<App>>,
    Path((slug, id)): Path<(String, String)>,
    User(user): User,
) -> Done {
    let entered = enter(&app, &slug, &user).await?;
    let found = find_message(&app, &entered.0, message_id(&id)?).await?;
    let author = &found.message.author;
    let own = author.id == user.user.id;
    if !own && entered.1 < Role::Moderator {
        return Err(Refusal::new(ErrorCode::Forbidden, NotAllowed::Moderators.to_string()));
    }
    let admin = !own && app.gateway.accounts.find_by_id(author.id).await?.is_some_and(|author| author.admin);
    let target = entered.0.role(author.id, admin);
    let act = Act::Delete {
        id: found.message.id,
        seq: found.seq,
        author: Person { id: author.id, username: author.username.clone() },
        excerpt: excerpt(&found.message.text),
    };
    take(&app, &entered, &user, target, act, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes away a user's messages, or all.
#[utoipa::path(post, path = "/api/v1/rooms/{slug}/clear", tag = "moderation", params(("slug" = String, Path)),
    security(("bearer" = [])), request_body = ClearBody, responses(
    (status = 204, description = "They are gone"),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`room_not_found`, `not_found`: no such user", body = Problem)))]
pub async fn clear(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    User(user): User,
    Body(body): Body<ClearBody>,
) -> Done {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let room = &entered.0;
    let reason = reason(body.reason)?;
    let target = match body.username {
        Some(name) => Some(find_user(&app, &name).await?),
        None => None,
    };
    let role = target.as_ref().map_or(Role::Viewer, |target| room.role(target.id, target.admin));
    let act = Act::Clear { user: target.as_ref().map(person) };
    take(&app, &entered, &user, role, act, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bans a user, or times them out.
#[utoipa::path(put, path = "/api/v1/rooms/{slug}/bans/{username}", tag = "moderation",
    params(("slug" = String, Path), ("username" = String, Path)), security(("bearer" = [])),
    request_body = BanBody, responses(
    (status = 204, description = "They cannot write any more, and their messages are gone"),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`room_not_found`, `not_found`: no such user", body = Problem),
    (status = 422, description = "`validation_failed`", body = Problem)))]
pub async fn ban(
    State(app): State<Arc<App>>,
    Path((slug, username)): Path<(String, String)>,
    User(user): User,
    Body(body): Body<BanBody>,
) -> Done {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let room = &entered.0;
    let reason = reason(body.reason)?;
    if body.duration_seconds.is_some_and(|seconds| !TIMEOUT_SECONDS.contains(&seconds)) {
        let detail = format!("{} to {} seconds", TIMEOUT_SECONDS.start(), TIMEOUT_SECONDS.end());
        return Err(Refusal::field("duration_seconds", "out_of_range", detail));
    }
    let target = find_user(&app, &username).await?;
    let role = room.role(target.id, target.admin);
    let act = Act::Ban { user: person(&target), seconds: body.duration_seconds };
    take(&app, &entered, &user, role, act, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a ban or a timeout.
#[utoipa::path(delete, path = "/api/v1/rooms/{slug}/bans/{username}", tag = "moderation",
    params(("slug" = String, Path), ("username" = String, Path)), security(("bearer" = [])), responses(
    (status = 204, description = "They can write"),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`room_not_found`, `not_found`: no such user, or not banned", body = Problem)))]
pub async fn unban(
    State(app): State<Arc<App>>,
    Path((slug, username)): Path<(String, String)>,
    User(user): User,
) -> Done {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let room = &entered.0;
    let target = find_user(&app, &username).await?;
    if room.ban(target.id).is_none() {
        return Err(Refusal::new(ErrorCode::NotFound, "this user is not banned here"));
    }
    let role = room.role(target.id, target.admin);
    let act = Act::Unban { user: person(&target) };
    take(&app, &entered, &user, role, act, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which page of the bans.
#[derive(Debug, Default, Deserialize)]
pub struct BansQuery {
    after: Option<String>,
}

/// Those who may not write now.
#[utoipa::path(get, path = "/api/v1/rooms/{slug}/bans", tag = "moderation",
    params(("slug" = String, Path), ("after" = Option<String>, Query, description = "a username: those behind it")),
    security(("bearer" = [])), responses(
    (status = 200, description = "By name", body = BansAnswer),
    (status = 403, description = "`forbidden`", body = Problem)))]
pub async fn bans(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    User(user): User,
    Query(query): Query<BansQuery>,
) -> Result<Json<BansAnswer>, Refusal> {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let room = &entered.0;
    let found = room.bans(query.after.as_deref().unwrap_or(""), BANS_PAGE_MAX);
    let bans: Vec<_> =
        found.into_iter().map(|ban| BannedUser { user: ban.user.clone().into(), ban: ban.into() }).collect();
    let next_after =
        bans.last().filter(|_| bans.len() == BANS_PAGE_MAX).map(|last| last.user.username.clone());
    Ok(Json(BansAnswer { bans, next_after }))
}

/// Everyone who is more than a viewer.
#[utoipa::path(get, path = "/api/v1/rooms/{slug}/roles", tag = "moderation", params(("slug" = String, Path)),
    responses((status = 200, description = "The broadcaster first", body = RolesAnswer),
    (status = 404, description = "`room_not_found`", body = Problem)))]
pub async fn roles(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    AsAdmin(admin): AsAdmin,
) -> Result<Json<RolesAnswer>, Refusal> {
    let room = super::rooms::room(&app, &slug, admin)?;
    room.shown().await?;
    let roles = room.roles().into_iter().map(|(user, role)| RoomRole { user: user.into(), role }).collect();
    Ok(Json(RolesAnswer { roles }))
}

/// Gives a role, or takes it away from who has it.
async fn set_role(app: &App, slug: &str, username: &str, user: &Identity, role: Role, give: bool) -> Done {
    let entered = enter(app, slug, user).await?;
    if entered.1 < Role::Broadcaster {
        return Err(Refusal::new(ErrorCode::Forbidden, NotAllowed::Broadcaster.to_string()));
    }
    let target = find_user(app, username).await?;
    let held = entered.0.role(target.id, false);
    if give == (held == role) {
        // As it is asked for already; a broadcaster asked for as less keeps being one.
        return Ok(StatusCode::NO_CONTENT);
    }
    if give && role >= Role::Moderator && entered.0.ban(target.id).is_some() {
        return Err(Refusal::new(ErrorCode::Forbidden, "this user is banned here; lift the ban first"));
    }
    if give && role == Role::Broadcaster {
        // A room has one.
        for (before, held) in entered.0.roles() {
            if held == Role::Broadcaster {
                let act = Act::Role { user: before, role: Role::Viewer };
                take(app, &entered, user, held, act, None).await?;
            }
        }
    }
    let act = Act::Role { user: person(&target), role: if give { role } else { Role::Viewer } };
    take(app, &entered, user, held, act, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

macro_rules! roles {
    ($($put:ident $delete:ident $path:literal $role:ident $who:literal;)+) => { $(
        #[doc = concat!("Gives a role. For ", $who, ".")]
        #[utoipa::path(put, path = $path, tag = "moderation",
            params(("slug" = String, Path), ("username" = String, Path)), security(("bearer" = [])), responses(
            (status = 204, description = "They have it"),
            (status = 403, description = "`forbidden`", body = Problem),
            (status = 404, description = "`room_not_found`, `not_found`: no such user", body = Problem)))]
        pub async fn $put(
            State(app): State<Arc<App>>,
            Path((slug, username)): Path<(String, String)>,
            User(user): User,
        ) -> Done {
            set_role(&app, &slug, &username, &user, Role::$role, true).await
        }

        #[doc = concat!("Takes a role away. For ", $who, ".")]
        #[utoipa::path(delete, path = $path, tag = "moderation",
            params(("slug" = String, Path), ("username" = String, Path)), security(("bearer" = [])), responses(
            (status = 204, description = "They do not have it"),
            (status = 403, description = "`forbidden`", body = Problem),
            (status = 404, description = "`room_not_found`, `not_found`: no such user", body = Problem)))]
        pub async fn $delete(
            State(app): State<Arc<App>>,
            Path((slug, username)): Path<(String, String)>,
            User(user): User,
        ) -> Done {
            set_role(&app, &slug, &username, &user, Role::$role, false).await
        }
    )+ };
}

roles! {
    add_moderator remove_moderator "/api/v1/rooms/{slug}/moderators/{username}" Moderator "the broadcaster and admins";
    add_vip remove_vip "/api/v1/rooms/{slug}/vips/{username}" Vip "the broadcaster and admins";
    set_broadcaster remove_broadcaster "/api/v1/rooms/{slug}/broadcaster/{username}" Broadcaster "admins";
}

/// Changes the room's rules.
#[utoipa::path(patch, path = "/api/v1/rooms/{slug}/settings", tag = "moderation", params(("slug" = String, Path)),
    security(("bearer" = [])), request_body = SettingsBody, responses(
    (status = 200, description = "The room as it is now", body = objects::Room),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 422, description = "`validation_failed`", body = Problem)))]
pub async fn settings(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    User(user): User,
    Body(body): Body<SettingsBody>,
) -> Result<Json<objects::Room>, Refusal> {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let room = &entered.0;
    if body.slow_mode_seconds.is_some_and(|seconds| seconds > SLOW_MODE_SECONDS_MAX) {
        let detail = format!("0 to {SLOW_MODE_SECONDS_MAX}");
        return Err(Refusal::field("slow_mode_seconds", "out_of_range", detail));
    }
    let SettingsBody { slow_mode_seconds, emote_only, unique_chat, title, description } = body;
    let words = NewWords { title, description };
    if words != NewWords::default() {
        if entered.1 < Role::Broadcaster {
            return Err(Refusal::new(ErrorCode::Forbidden, NotAllowed::Broadcaster.to_string()));
        }
        let words = words.beyond(&room.words())?;
        if words != NewWords::default() {
            // In the log first: there is no change that it does not tell of.
            let act = Act::Retitle { title: words.title.clone(), description: words.description.clone() };
            take(&app, &entered, &user, Role::Viewer, act, None).await?;
            app.gateway.keeper.retitle(room, words).await?;
            tracing::info!(room = %slug, by = %user.user.username, "a room has its words");
        }
    }
    let change = SettingsChange { slow_mode_seconds, emote_only, unique_chat }.beyond(&room.settings());
    if !change.is_empty() {
        take(&app, &entered, &user, Role::Viewer, Act::Settings(change), None).await?;
    }
    Ok(Json(room.to_object()))
}

/// Shows a message above the room.
#[utoipa::path(put, path = "/api/v1/rooms/{slug}/pinned", tag = "moderation", params(("slug" = String, Path)),
    security(("bearer" = [])), request_body = PinBody, responses(
    (status = 204, description = "It is shown"),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`room_not_found`, `message_not_found`", body = Problem)))]
pub async fn pin(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    User(user): User,
    Body(body): Body<PinBody>,
) -> Done {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let room = &entered.0;
    let found = find_message(&app, room, body.message_id).await?;
    let act = Act::Pin(Box::new(found));
    take(&app, &entered, &user, Role::Viewer, act, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows it no more.
#[utoipa::path(delete, path = "/api/v1/rooms/{slug}/pinned", tag = "moderation", params(("slug" = String, Path)),
    security(("bearer" = [])), responses(
    (status = 204, description = "Nothing is shown"),
    (status = 403, description = "`forbidden`", body = Problem)))]
pub async fn unpin(State(app): State<Arc<App>>, Path(slug): Path<String>, User(user): User) -> Done {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let room = &entered.0;
    if room.pinned().is_some() {
        take(&app, &entered, &user, Role::Viewer, Act::Unpin, None).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What may not be said.
#[utoipa::path(get, path = "/api/v1/rooms/{slug}/blocked-phrases", tag = "moderation",
    params(("slug" = String, Path)), security(("bearer" = [])), responses(
    (status = 200, description = "Oldest first", body = BlockedPhrasesAnswer),
    (status = 403, description = "`forbidden`", body = Problem)))]
pub async fn phrases(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    User(user): User,
) -> Result<Json<BlockedPhrasesAnswer>, Refusal> {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let room = &entered.0;
    let phrases = room.phrases().into_iter().map(|(id, phrase)| BlockedPhrase {
        id,
        phrase: phrase.phrase,
        pattern: phrase.pattern,
        by: phrase.by,
        at: phrase.at.0,
    });
    Ok(Json(BlockedPhrasesAnswer { phrases: phrases.collect() }))
}

/// Blocks a phrase.
#[utoipa::path(post, path = "/api/v1/rooms/{slug}/blocked-phrases", tag = "moderation",
    params(("slug" = String, Path)), security(("bearer" = [])), request_body = BlockedPhraseBody, responses(
    (status = 201, description = "It may not be said", body = BlockedPhrase),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 409, description = "`limit_reached`", body = Problem),
    (status = 422, description = "`validation_failed`", body = Problem)))]
pub async fn block_phrase(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    User(user): User,
    Body(body): Body<BlockedPhraseBody>,
) -> Result<(StatusCode, Json<BlockedPhrase>), Refusal> {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let phrase = body.phrase.trim().to_owned();
    let points = phrase.chars().count();
    if points == 0 || points > PHRASE_CODE_POINTS_MAX || phrase.chars().any(char::is_control) {
        let detail = format!("1 to {PHRASE_CODE_POINTS_MAX} characters in one line");
        return Err(Refusal::field("phrase", "out_of_range", detail));
    }
    words::compile(&phrase, body.pattern)
        .map_err(|error| Refusal::field("phrase", "invalid", error.to_string()))?;
    let (pattern, by, at) = (body.pattern, user.user.username.clone(), app.gateway.world.now().0);
    let act = Act::BlockPhrase { phrase: phrase.clone(), pattern };
    let id = take(&app, &entered, &user, Role::Viewer, act, None).await?;
    Ok((StatusCode::CREATED, Json(BlockedPhrase { id, phrase, pattern, by, at })))
}

/// Allows a phrase again.
#[utoipa::path(delete, path = "/api/v1/rooms/{slug}/blocked-phrases/{id}", tag = "moderation",
    params(("slug" = String, Path), ("id" = String, Path)), security(("bearer" = [])), responses(
    (status = 204, description = "It may be said"),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`room_not_found`, `not_found`: no such phrase", body = Problem)))]
pub async fn allow_phrase(
    State(app): State<Arc<App>>,
    Path((slug, id)): Path<(String, String)>,
    User(user): User,
) -> Done {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let room = &entered.0;
    let missing = || Refusal::new(ErrorCode::NotFound, "the room blocks no phrase of this id");
    let id: Seq = id.parse().map_err(|_| missing())?;
    let found = room.phrases().into_iter().find(|(known, _)| *known == id).ok_or_else(missing)?;
    let act = Act::AllowPhrase { id, phrase: found.1.phrase };
    take(&app, &entered, &user, Role::Viewer, act, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a moderator wants to know of a user.
#[utoipa::path(get, path = "/api/v1/rooms/{slug}/users/{username}", tag = "moderation",
    params(("slug" = String, Path), ("username" = String, Path)), security(("bearer" = [])), responses(
    (status = 200, description = "The card", body = UserCard),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`room_not_found`, `not_found`: no such user", body = Problem)))]
pub async fn user_card(
    State(app): State<Arc<App>>,
    Path((slug, username)): Path<(String, String)>,
    User(user): User,
) -> Result<Json<UserCard>, Refusal> {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let room = &entered.0;
    let about = find_user(&app, &username).await?;
    let history = &app.gateway.history;
    let messages = history.messages_of(room, about.id, CARD_MESSAGES_MAX, CARD_ROWS_MAX).await?;
    let measures = history.measures_about(room, about.id, CARD_MEASURES_MAX).await?;
    Ok(Json(UserCard {
        role: room.role(about.id, about.admin),
        banned: room.ban(about.id).map(Into::into),
        user: about.into(),
        messages: messages.iter().map(|message| message.to_message(room.slug())).collect(),
        measures: measures.iter().map(chat::moderation::Taken::to_entry).collect(),
    }))
}

/// Which page of the moderation log.
#[derive(Debug, Default, Deserialize)]
pub struct LogQuery {
    limit: Option<String>,
    before: Option<String>,
}

/// Who did what, when and why.
#[utoipa::path(get, path = "/api/v1/rooms/{slug}/moderation-log", tag = "moderation",
    params(("slug" = String, Path),
        ("limit" = Option<u32>, Query, description = "1 to 100, 50 where left out"),
        ("before" = Option<String>, Query, description = "an `id`: the newest before it")),
    security(("bearer" = [])), responses(
    (status = 200, description = "Newest first", body = ModerationLogAnswer),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 422, description = "`validation_failed`", body = Problem)))]
pub async fn log(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    User(user): User,
    Query(query): Query<LogQuery>,
) -> Result<Json<ModerationLogAnswer>, Refusal> {
    let entered = enter_as_moderator(&app, &slug, &user).await?;
    let room = &entered.0;
    let number = |name: &str, text: &str| {
        text.parse::<u32>().map_err(|_| Refusal::field(name, "invalid", "a number from 1 to 100"))
    };
    let limit = query.limit.map_or(Ok(LOG_ENTRIES_DEFAULT), |text| number("limit", &text))?;
    if !(1..=LOG_ENTRIES_MAX).contains(&limit) {
        return Err(Refusal::field("limit", "out_of_range", "a number from 1 to 100"));
    }
    let before = query.before.map(|text| text.parse::<Seq>()).transpose();
    let before = before.map_err(|_| Refusal::field("before", "invalid", "an id: digits"))?;
    let taken = app.gateway.history.measures(room, before.unwrap_or(Seq(u64::MAX)), limit as usize).await?;
    let next_before = taken.last().filter(|_| taken.len() == limit as usize).map(|last| last.seq);
    let entries = taken.iter().map(chat::moderation::Taken::to_entry).collect();
    Ok(Json(ModerationLogAnswer { entries, next_before }))
}
