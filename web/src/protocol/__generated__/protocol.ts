// Generated from crates/protocol by `cargo xtask gen-types`. Do not edit: change the Rust types and run it again.

export type AuthAnswer = {
/**
 * Who one is now.
 */
user: User,
/**
 * For `Authorization: Bearer …` and the `auth` frame.
 */
access_token: string,
/**
 * For one `POST /auth/refresh`.
 */
refresh_token: string,
/**
 * Always `Bearer`.
 */
token_type: string,
/**
 * Seconds until the access token expires.
 */
expires_in: number, };

export type Author = {
/**
 * For ever.
 */
id: UserId,
/**
 * Lower case.
 */
username: string,
/**
 * As shown.
 */
display_name: string,
/**
 * `#RRGGBB`.
 */
color: string,
/**
 * In frames left out when empty.
 */
badges: Array<Badge>, };

export type Badge = "broadcaster" | "moderator" | "vip" | "founder" | "bot";

export type Ban = {
/**
 * For ever where null.
 */
until: number | null,
/**
 * If one was given.
 */
reason: string | null,
/**
 * Username of the moderator.
 */
by: string,
/**
 * When.
 */
at: number, };

export type BanBody = {
/**
 * A timeout of so many seconds; a ban for ever where left out.
 */
duration_seconds?: number,
/**
 * For the user concerned and for the log.
 */
reason?: string, };

export type BannedUser = {
/**
 * Who.
 */
user: Person,
/**
 * For ever where null.
 */
until: number | null,
/**
 * If one was given.
 */
reason: string | null,
/**
 * Username of the moderator.
 */
by: string,
/**
 * When.
 */
at: number, };

export type BansAnswer = {
/**
 * By name; those whose time is over are not among them.
 */
bans: Array<BannedUser>,
/**
 * For the page after this one (`?after=`); null at the end.
 */
next_after: string | null, };

export type BlockedPhrase = {
/**
 * For `DELETE`.
 */
id: Seq,
/**
 * As it was given.
 */
phrase: string,
/**
 * Is it a regular expression?
 */
pattern: boolean,
/**
 * Username of the moderator.
 */
by: string,
/**
 * When.
 */
at: number, };

export type BlockedPhraseBody = {
/**
 * What may not be said, in any case of letters.
 */
phrase: string,
/**
 * Is it a regular expression? Else it is a word or several, as they are.
 */
pattern?: boolean, };

export type BlockedPhrasesAnswer = {
/**
 * Oldest first.
 */
phrases: Array<BlockedPhrase>, };

export type BotBody = {
/**
 * 3 to 25 of `a`–`z`, `0`–`9`, `_`.
 */
username: string,
/**
 * The same letters as the username, in any case.
 */
display_name?: string, };

export type BotToken = {
/**
 * To revoke it by.
 */
id: string,
/**
 * What it is for.
 */
name: string,
/**
 * Milliseconds since the Unix epoch.
 */
created_at: number, };

export type BotTokenBody = {
/**
 * What it is for, so that the right one is revoked: 1 to 64 code points.
 */
name: string, };

export type BotTokensAnswer = {
/**
 * Those that are good, oldest first.
 */
tokens: Array<BotToken>, };

export type ClearBody = {
/**
 * Whose messages; everyone's where left out.
 */
username?: string,
/**
 * For the log.
 */
reason?: string, };

export type ClientFrame = { "type": "auth",
/**
 * An access token.
 */
token: string, } | { "type": "join",
/**
 * Its slug.
 */
room: string,
/**
 * 0 to 100, 10 where left out.
 */
history?: number | null,
/**
 * Everything later than this.
 */
after?: Seq | null,
/**
 * Where `after` comes from.
 */
epoch?: string | null,
/**
 * `auto` where left out.
 */
feed?: FeedKind, } | { "type": "leave",
/**
 * Its slug.
 */
room: string, } | { "type": "send",
/**
 * Where.
 */
room: string,
/**
 * 1 to 500 code points.
 */
text: string,
/**
 * 1 to 64 bytes of the sender's choice.
 */
nonce: string,
/**
 * A message of the same room.
 */
reply_to?: MessageId | null, } | { "type": "ping",
/**
 * Comes back.
 */
id: string, };

export type Emote = {
/**
 * Of its picture: a changed picture has another id, so what an id shows never changes.
 */
id: string,
/**
 * The word it stands for, in these very letters.
 */
name: string,
/**
 * Its picture, to be kept for ever.
 */
url: string,
/**
 * Does it move?
 */
animated: boolean, };

export type EmoteRange = {
/**
 * Of the emote.
 */
id: string,
/**
 * The word it stands for.
 */
name: string,
/**
 * First code point.
 */
start: number,
/**
 * Last code point.
 */
end: number, };

export type EmotesAnswer = {
/**
 * By name. Of a room: also those that may be used anywhere; where both have a name, the room's.
 */
emotes: Array<Emote>, };

export type ErrorCode = "bad_request" | "invalid_json" | "validation_failed" | "unknown_type" | "unauthorized" | "invalid_credentials" | "token_expired" | "forbidden" | "banned" | "anonymous_read_only" | "not_found" | "room_not_found" | "room_archived" | "message_not_found" | "username_taken" | "room_taken" | "limit_reached" | "duplicate_message" | "payload_too_large" | "message_too_long" | "message_empty" | "emote_only" | "blocked_phrase" | "slow_mode" | "rate_limited" | "overloaded" | "storage_full" | "unavailable" | "internal";

export type FeedKind = "full" | "readable" | "auto";

export type FieldError = {
/**
 * Its name.
 */
field: string,
/**
 * A stable word.
 */
code: string,
/**
 * For people.
 */
detail: string, };

export type FrameAuthor = {
/**
 * For ever.
 */
id: UserId,
/**
 * Lower case.
 */
username: string,
/**
 * As shown.
 */
display_name: string,
/**
 * `#RRGGBB`.
 */
color: string,
/**
 * None if left out.
 */
badges?: Array<Badge>, };

export type FrameMessage = {
/**
 * UUIDv7.
 */
id: MessageId,
/**
 * Its place in the room's order.
 */
seq: Seq,
/**
 * Who said it.
 */
user: FrameAuthor,
/**
 * After the room's style.
 */
text: string,
/**
 * Pictures in `text`.
 */
emotes?: Array<EmoteRange>,
/**
 * Usernames.
 */
mentions?: Array<string>,
/**
 * What it answers.
 */
reply_to?: ReplyTo,
/**
 * `/me`.
 */
action?: boolean,
/**
 * False when the style failed on it and the plain text is shown; left out when true.
 */
styled?: boolean,
/**
 * Milliseconds since the Unix epoch.
 */
sent_at: number, };

export type LeftReason = "archived";

export type Limits = {
/**
 * Code points of a message.
 */
message_code_points_max: number,
/**
 * Bytes of a frame.
 */
frame_bytes_max: number,
/**
 * Messages in a `joined` frame.
 */
history_max: number,
/**
 * Bytes of a nonce.
 */
nonce_bytes_max: number,
/**
 * Rooms that one connection may read at once.
 */
rooms_per_connection: number,
/**
 * Sends of one connection that may wait for their `ack`.
 */
sends_in_flight_max: number,
/**
 * Messages a user may send, a second; 0 means no limit.
 */
user_messages_per_second: number, };

export type LogEntry = {
/**
 * Its place in the room's order, that of the messages.
 */
id: Seq,
/**
 * When.
 */
at: number,
/**
 * Username of who did it.
 */
moderator: string,
/**
 * What.
 */
action: ModerationAction,
/**
 * Username of whom it concerns.
 */
target: string | null,
/**
 * Of a timeout.
 */
duration_seconds: number | null,
/**
 * If one was given.
 */
reason: string | null,
/**
 * The message it is about.
 */
message_id: MessageId | null,
/**
 * The rest, for people: the beginning of a deleted message, a role, a phrase, what was set.
 */
detail: string | null, };

export type LoginBody = {
/**
 * In any case.
 */
username: string,
/**
 * The password.
 */
password: string, };

export type Message = {
/**
 * UUIDv7.
 */
id: MessageId,
/**
 * Its place in the room's order.
 */
seq: Seq,
/**
 * Slug of the room.
 */
room: string,
/**
 * Who said it.
 */
user: Author,
/**
 * After the room's style.
 */
text: string,
/**
 * Pictures in `text`.
 */
emotes: Array<EmoteRange>,
/**
 * Usernames.
 */
mentions: Array<string>,
/**
 * What it answers.
 */
reply_to: ReplyTo | null,
/**
 * `/me`.
 */
action: boolean,
/**
 * False when the style failed on it and the plain text is shown.
 */
styled: boolean,
/**
 * Milliseconds since the Unix epoch.
 */
sent_at: number, };

export type MessageId = string;

export type MessagesAnswer = {
/**
 * Oldest first.
 */
messages: Array<Message>,
/**
 * For the page before this one; null at the beginning of the room.
 */
next_before: Seq | null,
/**
 * For the page after this one; null where the room's present is reached.
 */
next_after: Seq | null, };

export type ModerationAction = "delete" | "clear" | "timeout" | "ban" | "unban" | "role" | "settings" | "pin" | "unpin" | "block_phrase" | "unblock_phrase";

export type ModerationLogAnswer = {
/**
 * Newest first.
 */
entries: Array<LogEntry>,
/**
 * For the page after this one (`?before=`); null at the beginning of the room.
 */
next_before: Seq | null, };

export type NewBotToken = {
/**
 * To revoke it by.
 */
id: string,
/**
 * What it is for.
 */
name: string,
/**
 * Milliseconds since the Unix epoch.
 */
created_at: number,
/**
 * For `Authorization: Bearer …` and the `auth` frame, like an access token; good until it is revoked.
 */
token: string, };

export type NewRoomBody = {
/**
 * Its name in URLs and frames: 3 to 25 of `a`–`z`, `0`–`9`, `_`; for ever.
 */
slug: string,
/**
 * Its name for people, 1 to 100 code points.
 */
title: string,
/**
 * At most 300 code points; empty where left out.
 */
description?: string,
/**
 * Name of its style; for ever.
 */
transformer: string, };

export type NotRecovered = "epoch_changed" | "too_old" | "ahead";

export type PasswordBody = {
/**
 * The one so far.
 */
current_password: string,
/**
 * The one from now on.
 */
new_password: string, };

export type Person = {
/**
 * For ever.
 */
id: UserId,
/**
 * Lower case.
 */
username: string, };

export type PinBody = {
/**
 * A message of this room.
 */
message_id: MessageId, };

export type PreviewBody = {
/**
 * As for a message.
 */
text: string, };

export type PreviewsAnswer = {
/**
 * What each room would make of it, by slug.
 */
rooms: { [key in string]: string }, };

export type Problem = {
/**
 * `/docs#` and the code.
 */
type: string,
/**
 * Of the code.
 */
title: string,
/**
 * HTTP status.
 */
status: number,
/**
 * What went wrong here, and what to do.
 */
detail: string,
/**
 * The stable word.
 */
code: ErrorCode,
/**
 * For `validation_failed`.
 */
errors?: Array<FieldError>,
/**
 * For `rate_limited`, `slow_mode`, `overloaded`.
 */
retry_after_ms?: number, };

export type ProfileBody = {
/**
 * The same letters as the username, in any case.
 */
display_name?: string,
/**
 * `#RRGGBB`.
 */
color?: string, };

export type RefreshBody = {
/**
 * As it came with the last answer.
 */
refresh_token: string,
/**
 * What the next one is to be: 32 random bytes of the client, in base64url without padding. An exchange whose answer
 * was lost can then be asked for again with the same two. Logging out does not look at it.
 */
next_refresh_token?: string, };

export type RegisterBody = {
/**
 * 3 to 25 of `a`–`z`, `0`–`9`, `_`.
 */
username: string,
/**
 * 8 characters at least.
 */
password: string,
/**
 * The same letters as the username, in any case.
 */
display_name?: string, };

export type ReplyTo = {
/**
 * Which.
 */
id: MessageId,
/**
 * Its author.
 */
username: string,
/**
 * Its author, as shown.
 */
display_name: string,
/**
 * Its beginning.
 */
excerpt: string, };

export type Role = "viewer" | "vip" | "moderator" | "broadcaster" | "admin";

export type RolesAnswer = {
/**
 * Everyone who is more than a viewer here: the broadcaster first, then moderators, then VIPs, each by name.
 */
roles: Array<RoomRole>, };

export type Room = {
/**
 * For ever.
 */
id: RoomId,
/**
 * Its name in URLs and frames.
 */
slug: string,
/**
 * Its name for people.
 */
title: string,
/**
 * One or two sentences.
 */
description: string,
/**
 * Its style, fixed at creation.
 */
transformer: RoomTransformer,
/**
 * Its rules.
 */
settings: RoomSettings,
/**
 * Connections that read it now.
 */
viewers: number,
/**
 * Over the last few seconds.
 */
messages_per_second: number,
/**
 * The pinned message.
 */
pinned: Message | null,
/**
 * Closed: only admins see it, and nobody writes; left out when false.
 */
archived?: boolean, };

export type RoomId = string;

export type RoomRole = {
/**
 * Who.
 */
user: Person,
/**
 * What.
 */
role: Role, };

export type RoomSettings = {
/**
 * Seconds between two messages of one user; 0 is off.
 */
slow_mode_seconds: number,
/**
 * Only emotes.
 */
emote_only: boolean,
/**
 * No line twice.
 */
unique_chat: boolean, };

export type RoomTransformer = {
/**
 * Of the style.
 */
name: string,
/**
 * Something someone might type.
 */
sample_in: string,
/**
 * What the room would make of it.
 */
sample_out: string, };

export type RoomsAnswer = {
/**
 * In the order of the configuration.
 */
rooms: Array<Room>, };

export type SendBody = {
/**
 * 1 to 500 code points.
 */
text: string,
/**
 * 1 to 64 bytes of the sender's choice; makes a retry harmless.
 */
nonce?: string,
/**
 * A message of the same room.
 */
reply_to?: MessageId, };

export type Seq = string;

export type ServerFrame = { "type": "hello",
/**
 * `twitchy/<version>`
 */
server: string,
/**
 * The server sends a WebSocket ping this often.
 */
heartbeat_ms: number,
/**
 * What is allowed.
 */
limits: Limits, } | { "type": "authed",
/**
 * Who one is now.
 */
user: User,
/**
 * When the token ends; `auth` again before.
 */
expires_at: number, } | { "type": "joined",
/**
 * Its slug.
 */
room: string,
/**
 * Identity of the room's log.
 */
epoch: string,
/**
 * Everything up to here is in `history` or older.
 */
seq: Seq,
/**
 * After a resume: was it complete?
 */
recovered: boolean | null,
/**
 * If not, why.
 */
reason: NotRecovered | null,
/**
 * Oldest first.
 */
history: Array<FrameMessage>,
/**
 * Connections that read it.
 */
viewers: number,
/**
 * Its rules.
 */
settings: RoomSettings,
/**
 * The pinned message.
 */
pinned: Message | null,
/**
 * What one is here.
 */
you: You,
/**
 * Its name for people.
 */
title?: string,
/**
 * The line under it.
 */
description?: string,
/**
 * Closed, so that only admins read it; left out while it is open.
 */
archived?: boolean, } | { "type": "left",
/**
 * Its slug.
 */
room: string,
/**
 * Why, where the client did not ask for it.
 */
reason?: LeftReason, } | { "type": "messages",
/**
 * Slug.
 */
room: string,
/**
 * One or more.
 */
messages: Array<FrameMessage>,
/**
 * How many a `readable` feed left out before this frame.
 */
skipped: number, } | { "type": "ack",
/**
 * Of the `send`.
 */
nonce: string,
/**
 * Of the message.
 */
id: MessageId,
/**
 * Its place.
 */
seq: Seq,
/**
 * When it was accepted.
 */
sent_at: number, } | { "type": "error",
/**
 * The stable word.
 */
code: ErrorCode,
/**
 * For people.
 */
detail: string,
/**
 * Of the `send` that was refused.
 */
nonce?: string,
/**
 * The room it was about.
 */
room?: string,
/**
 * Not before that.
 */
retry_after_ms?: number, } | { "type": "gap",
/**
 * Slug.
 */
room: string,
/**
 * The last one sent.
 */
from: Seq,
/**
 * The last one left out.
 */
to: Seq, } | { "type": "deleted",
/**
 * Slug.
 */
room: string,
/**
 * Of the messages.
 */
ids: Array<MessageId>, } | { "type": "cleared",
/**
 * Slug.
 */
room: string,
/**
 * Whose; everyone's where left out.
 */
username?: string, } | { "type": "room",
/**
 * Slug.
 */
room: string,
/**
 * Its rules.
 */
settings: RoomSettings,
/**
 * Connections that read it.
 */
viewers: number,
/**
 * Over the last few seconds.
 */
messages_per_second: number,
/**
 * The pinned message.
 */
pinned: Message | null,
/**
 * Its name for people, where that changed.
 */
title?: string,
/**
 * The line under it, where that changed.
 */
description?: string,
/**
 * Closed, or open again, where that changed.
 */
archived?: boolean, } | { "type": "banned",
/**
 * Slug.
 */
room: string,
/**
 * For ever where null.
 */
until: number | null,
/**
 * Why.
 */
reason: string | null, } | { "type": "unbanned",
/**
 * Slug.
 */
room: string, } | { "type": "role",
/**
 * Slug.
 */
room: string,
/**
 * What one is here from now on.
 */
you: You, } | { "type": "reconnect",
/**
 * Come back after this, with `after`.
 */
after_ms: number, } | { "type": "pong",
/**
 * Of the `ping`.
 */
id: string, };

export type SettingsBody = {
/**
 * Seconds between two messages of one user; 0 switches it off.
 */
slow_mode_seconds?: number,
/**
 * Only emotes.
 */
emote_only?: boolean,
/**
 * No line twice.
 */
unique_chat?: boolean,
/**
 * Its name for people, 1 to 100 code points. For the broadcaster and admins.
 */
title?: string,
/**
 * At most 300 code points. For the broadcaster and admins.
 */
description?: string, };

export type TextAnswer = {
/**
 * The text.
 */
text: string, };

export type User = {
/**
 * For ever.
 */
id: UserId,
/**
 * Lower case, `[a-z0-9_]{3,25}`.
 */
username: string,
/**
 * The same letters in any case.
 */
display_name: string,
/**
 * `#RRGGBB`.
 */
color: string,
/**
 * Milliseconds since the Unix epoch.
 */
created_at: number,
/**
 * May do everything; left out when false.
 */
admin?: boolean,
/**
 * Is a program; left out when false.
 */
bot?: boolean, };

export type UserCard = {
/**
 * Who.
 */
user: User,
/**
 * What they are here.
 */
role: Role,
/**
 * Null for who may write.
 */
banned: Ban | null,
/**
 * Their newest in this room, oldest first; without those that were taken away.
 */
messages: Array<Message>,
/**
 * What was done about them here, newest first.
 */
measures: Array<LogEntry>, };

export type UserId = string;

export type You = {
/**
 * What one is here.
 */
role: Role, };
