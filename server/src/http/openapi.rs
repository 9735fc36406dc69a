//! The description of the REST calls, made from the handlers themselves: `/openapi.json`.

use super::{accounts, bots, emotes, moderation, ops, rooms};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Twitchy",
        description = "A live chat in which every room has a style. Reading needs no account. The WebSocket at `/ws` \
            (subprotocol `twitchy.v1.json`) is described in docs/protocol.md.",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&Bearer),
    paths(
        accounts::register,
        accounts::login,
        accounts::refresh,
        accounts::logout,
        accounts::me,
        accounts::update_me,
        accounts::change_password,
        bots::create,
        bots::tokens,
        bots::create_token,
        bots::revoke_token,
        rooms::list,
        rooms::get,
        rooms::create,
        rooms::archive,
        rooms::restore,
        rooms::messages,
        rooms::send,
        rooms::original,
        rooms::preview,
        rooms::previews,
        emotes::list,
        emotes::list_of_room,
        emotes::put,
        emotes::put_of_room,
        emotes::delete,
        emotes::delete_of_room,
        emotes::picture,
        moderation::delete_message,
        moderation::clear,
        moderation::ban,
        moderation::unban,
        moderation::bans,
        moderation::roles,
        moderation::add_moderator,
        moderation::remove_moderator,
        moderation::add_vip,
        moderation::remove_vip,
        moderation::set_broadcaster,
        moderation::remove_broadcaster,
        moderation::settings,
        moderation::pin,
        moderation::unpin,
        moderation::phrases,
        moderation::block_phrase,
        moderation::allow_phrase,
        moderation::user_card,
        moderation::log,
        ops::healthz,
        ops::readyz,
        ops::metrics
    )
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        api.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The description as JSON.
pub fn json() -> String {
    Api::openapi().to_pretty_json().expect("the description has only string keys")
}
