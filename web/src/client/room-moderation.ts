import type {
  BansAnswer,
  BlockedPhrase,
  ModerationLogAnswer,
  Role,
  Room,
  RoomRole,
  SettingsBody,
} from "../protocol/__generated__/protocol";
import { bansAnswer, type Card, card, logAnswer, phrase, phrasesAnswer, rolesAnswer } from "../protocol/moderation";
import { room as roomShape } from "../protocol/objects";
import { type Api, nothing, roomPath } from "./api";

/** Seconds a timeout may last; null is for ever. */
export interface Preset {
  label: string;
  seconds: number | null;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What a moderator chooses from, by its place also with the keys 1 to 7. */
export const PRESETS: readonly Preset[] = [
  { label: "30 s", seconds: 30 },
  { label: "1 min", seconds: MINUTE },
  { label: "10 min", seconds: 10 * MINUTE },
  { label: "1 h", seconds: HOUR },
  { label: "1 day", seconds: DAY },
  { label: "7 days", seconds: 7 * DAY },
  { label: "Ban", seconds: null },
];

/** The seats of a room that can be given and taken; each is a path of its own. */
export type Seat = "moderators" | "vips" | "broadcaster";

export const moderates = (role: Role): boolean => role === "moderator" || role === "broadcaster" || role === "admin";
/** Who gives and takes the roles of a room. */
export const leads = (role: Role): boolean => role === "broadcaster" || role === "admin";

/** The calls that keep one room civil. What they do comes back as frames, like for everyone. */
export class RoomModeration {
  readonly slug: string;
  private readonly api: Api;

  constructor(api: Api, slug: string) {
    this.api = api;
    this.slug = slug;
  }

  async ban(username: string, seconds: number | null, reason: string): Promise<void> {
    const body = { ...(seconds !== null && { duration_seconds: seconds }), ...(reason !== "" && { reason }) };
    await this.change("PUT", `/bans/${part(username)}`, body);
  }

  async unban(username: string): Promise<void> {
    await this.change("DELETE", `/bans/${part(username)}`);
  }

  /** All messages of one person, or all there are. */
  async clear(username: string | null, reason = ""): Promise<void> {
    const body = { ...(username !== null && { username }), ...(reason !== "" && { reason }) };
    await this.change("POST", "/clear", body);
  }

  async seat(seat: Seat, username: string, given: boolean): Promise<void> {
    await this.change(given ? "PUT" : "DELETE", `/${seat}/${part(username)}`);
  }

  async pin(messageId: string): Promise<void> {
    await this.change("PUT", "/pinned", { message_id: messageId });
  }

  async unpin(): Promise<void> {
    await this.change("DELETE", "/pinned");
  }

  settings(change: SettingsBody): Promise<Room> {
    return this.api.request({
      method: "PATCH",
      path: this.path("/settings"),
      body: change,
      answer: roomShape,
      authenticated: true,
    });
  }

  bans(after: string | null): Promise<BansAnswer> {
    const query = after === null ? "" : `?after=${part(after)}`;
    return this.api.request({
      method: "GET",
      path: this.path(`/bans${query}`),
      answer: bansAnswer,
      authenticated: true,
    });
  }

  async roles(): Promise<RoomRole[]> {
    const path = this.path("/roles");
    return (await this.api.request({ method: "GET", path, answer: rolesAnswer, authenticated: true })).roles;
  }

  card(username: string, signal?: AbortSignal): Promise<Card> {
    const path = this.path(`/users/${part(username)}`);
    return this.api.request({ method: "GET", path, answer: card, authenticated: true, signal });
  }

  log(before: string | null, limit = 50): Promise<ModerationLogAnswer> {
    const query = new URLSearchParams({ limit: String(limit), ...(before !== null && { before }) });
    const path = this.path(`/moderation-log?${query}`);
    return this.api.request({ method: "GET", path, answer: logAnswer, authenticated: true });
  }

  async phrases(): Promise<BlockedPhrase[]> {
    const path = this.path("/blocked-phrases");
    return (await this.api.request({ method: "GET", path, answer: phrasesAnswer, authenticated: true })).phrases;
  }

  block(words: string, pattern: boolean): Promise<BlockedPhrase> {
    const body = { phrase: words, pattern };
    const path = this.path("/blocked-phrases");
    return this.api.request({ method: "POST", path, body, answer: phrase, authenticated: true });
  }

  async unblock(id: string): Promise<void> {
    await this.change("DELETE", `/blocked-phrases/${part(id)}`);
  }

  private async change(method: "PUT" | "POST" | "DELETE", path: string, body?: object): Promise<void> {
    await this.api.request({ method, path: this.path(path), body, answer: nothing, authenticated: true });
  }

  private path(rest: string): string {
    return `${roomPath(this.slug)}${rest}`;
  }
}

const part = encodeURIComponent;
