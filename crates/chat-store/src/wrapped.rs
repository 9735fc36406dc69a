//! For a store around another one, as tests have them: passes on the ports that it has nothing to add to.

/// Makes a store pass [`EmoteStore`](crate::EmoteStore), [`RoomStore`](crate::RoomStore) and
/// [`BotStore`](crate::BotStore) on to the one inside: `pass_on_run_time!(MyStore, |store| store.inner);`
#[macro_export]
macro_rules! pass_on_run_time {
    ($store:ty, |$this:ident| $inner:expr) => {
        $crate::pass_on_run_time! { @port $store, |$this| $inner, EmoteStore {
            put_emote(emote: ::chat::emotes::Emote, picture: ::chat::emotes::Picture) -> ();
            remove_emote(scope: ::chat::emotes::Scope, name: ::chat::emotes::EmoteName) -> bool;
            emotes() -> Vec<::chat::emotes::Emote>;
            picture(id: ::chat::emotes::EmoteId) -> Option<::chat::emotes::Picture>;
        } }
        $crate::pass_on_run_time! { @port $store, |$this| $inner, RoomStore {
            create_room(room: ::chat::rooms::KeptRoom) -> $crate::Created;
            change_room(slug: &str, change: $crate::RoomChange) -> Option<::chat::rooms::KeptRoom>;
            rooms() -> Vec<::chat::rooms::KeptRoom>;
        } }
        $crate::pass_on_run_time! { @port $store, |$this| $inner, BotStore {
            add_bot_token(token: ::chat::account::BotToken) -> ();
            bot_token(hash: ::chat::account::TokenHash) -> Option<::chat::account::BotToken>;
            bot_tokens(user: ::protocol::ids::UserId) -> Vec<::chat::account::BotToken>;
            remove_bot_token(user: ::protocol::ids::UserId, family: ::chat::account::Family) -> bool;
        } }
    };
    (@port $store:ty, |$this:ident| $inner:expr, $port:ident {
        $($call:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)+
    }) => {
        impl $crate::$port for $store {
            $(fn $call(&self, $($argument: $kind),*) -> $crate::BoxFuture<'_, Result<$answer, $crate::StoreError>> {
                let $this = self;
                $crate::$port::$call(&$inner, $($argument),*)
            })+
        }
    };
}
