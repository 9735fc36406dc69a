import type {
  AuthAnswer,
  Author,
  Badge,
  Emote,
  EmoteRange,
  EmotesAnswer,
  MessagesAnswer,
  Problem,
  ReplyTo,
  Room,
  RoomSettings,
  RoomTransformer,
  User,
  You,
} from "./__generated__/protocol";
import type { ChatMessage } from "./message";
import {
  decimal,
  finite,
  flag,
  isRecord,
  listOf,
  nullable,
  oneOf,
  record,
  type Shape,
  text,
  withDefault,
} from "./shape";

const badge = oneOf<Badge>("broadcaster", "moderator", "vip", "founder", "bot");

const author = record<Author>({
  id: decimal,
  username: text,
  display_name: text,
  color: text,
  badges: withDefault(listOf(badge), []),
});

const emoteRange = record<EmoteRange>({ id: text, name: text, start: finite, end: finite });
const replyTo = record<ReplyTo>({ id: text, username: text, display_name: text, excerpt: text });

export const message = record<ChatMessage>({
  id: text,
  seq: decimal,
  user: author,
  text,
  emotes: withDefault(listOf(emoteRange), []),
  mentions: withDefault(listOf(text), []),
  reply_to: withDefault<ReplyTo | null>(replyTo, null),
  action: withDefault(flag, false),
  styled: withDefault(flag, true),
  sent_at: finite,
});

const isTrue = (value: unknown): boolean => value === true;

export const user = record<User>({
  id: decimal,
  username: text,
  display_name: text,
  color: text,
  created_at: finite,
  admin: isTrue,
  bot: isTrue,
});

export const settings = record<RoomSettings>({
  slow_mode_seconds: withDefault(finite, 0),
  emote_only: withDefault(flag, false),
  unique_chat: withDefault(flag, false),
});

export const you = record<You>({ role: withDefault(text, "viewer") as Shape<You["role"]> });

/** A pinned message carries its room, which the page knows already. */
export const pinned = nullable(message) as Shape<Room["pinned"]>;

export const emote = record<Emote>({
  id: text,
  name: text,
  url: withDefault(text, ""),
  animated: withDefault(flag, false),
});

export const emotesAnswer = record<EmotesAnswer>({ emotes: listOf(emote) });

const transformer = record<RoomTransformer>({ name: text, sample_in: text, sample_out: text });

export const room = record<Room>({
  id: decimal,
  slug: text,
  title: text,
  description: withDefault(text, ""),
  transformer,
  settings,
  viewers: withDefault(finite, 0),
  messages_per_second: withDefault(finite, 0),
  pinned: withDefault<Room["pinned"]>(pinned, null),
  archived: isTrue,
});

export const rooms: Shape<Room[]> = (value) => (isRecord(value) ? listOf(room)(value.rooms) : undefined);

export const messagesAnswer = record<Omit<MessagesAnswer, "messages"> & { messages: ChatMessage[] }>({
  messages: listOf(message),
  next_before: withDefault<string | null>(decimal, null),
  next_after: withDefault<string | null>(decimal, null),
});

export const authAnswer = record<AuthAnswer>({
  user,
  access_token: text,
  refresh_token: text,
  token_type: text,
  expires_in: finite,
});

export const textAnswer = record({ text });

export const previewsAnswer: Shape<Record<string, string>> = (value) => {
  if (!isRecord(value) || !isRecord(value.rooms)) return undefined;
  return Object.fromEntries(
    Object.entries(value.rooms).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
};

const fieldError = record({ field: text, code: text, detail: text });

/** What of a problem document the page acts on; the rest of it is for people with a console. */
export const problem = record<
  Pick<Problem, "detail" | "status"> & { code: string; errors: NonNullable<Problem["errors"]> }
>({
  status: finite,
  code: text,
  detail: withDefault(text, ""),
  errors: withDefault(listOf(fieldError), []),
});
