import type {
  Ban,
  BannedUser,
  BansAnswer,
  BlockedPhrase,
  BlockedPhrasesAnswer,
  LogEntry,
  ModerationAction,
  ModerationLogAnswer,
  Person,
  Role,
  RolesAnswer,
  RoomRole,
  UserCard,
} from "./__generated__/protocol";
import type { ChatMessage } from "./message";
import { message, user } from "./objects";
import { decimal, finite, flag, listOf, nullable, oneOf, record, type Shape, text, withDefault } from "./shape";

const maybe = <T>(shape: Shape<T>): Shape<T | null> => withDefault<T | null>(shape, null);

export const role: Shape<Role> = oneOf<Role>("viewer", "vip", "moderator", "broadcaster", "admin");

/** An action that this page does not know yet is shown by its name. */
const action = text as Shape<ModerationAction>;
const person = record<Person>({ id: decimal, username: text });

const ban = record<Ban>({ until: maybe(finite), reason: maybe(text), by: text, at: finite });

const bannedUser = record<BannedUser>({
  user: person,
  until: maybe(finite),
  reason: maybe(text),
  by: text,
  at: finite,
});

const entry = record<LogEntry>({
  id: decimal,
  at: finite,
  moderator: text,
  action,
  target: maybe(text),
  duration_seconds: maybe(finite),
  reason: maybe(text),
  message_id: maybe(text),
  detail: maybe(text),
});

export const bansAnswer = record<BansAnswer>({ bans: listOf(bannedUser), next_after: maybe(text) });

export const logAnswer = record<ModerationLogAnswer>({ entries: listOf(entry), next_before: maybe(decimal) });

export const rolesAnswer = record<RolesAnswer>({ roles: listOf(record<RoomRole>({ user: person, role })) });

export const phrase = record<BlockedPhrase>({ id: decimal, phrase: text, pattern: flag, by: text, at: finite });

export const phrasesAnswer = record<BlockedPhrasesAnswer>({ phrases: listOf(phrase) });

/** A card whose messages are as the page works with them. */
export type Card = Omit<UserCard, "messages"> & { messages: ChatMessage[] };

export const card = record<Card>({
  user,
  role,
  banned: nullable(ban),
  messages: withDefault(listOf(message), []),
  measures: withDefault(listOf(entry), []),
});
