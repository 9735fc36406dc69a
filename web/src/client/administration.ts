import type { Emote, NewRoomBody, Room } from "../protocol/__generated__/protocol";
import { emote, room } from "../protocol/objects";
import { type Api, nothing, roomPath } from "./api";

/** Pictures an emote may be, and how big. */
export const EMOTE_TYPES = ["image/svg+xml", "image/png", "image/gif", "image/webp"];
export const EMOTE_BYTES_MAX = 256 * 1024;

/** What may be called a room, and how long its words may be. */
export const SLUG = /^[a-z0-9_]{3,25}$/;
export const TITLE_MAX = 100;
export const DESCRIPTION_MAX = 300;

/** The calls that only admins make: rooms and emotes. */
export class Administration {
  private readonly api: Api;

  constructor(api: Api) {
    this.api = api;
  }

  createRoom(body: NewRoomBody): Promise<Room> {
    return this.api.request({ method: "POST", path: "/rooms", body, answer: room, authenticated: true });
  }

  /** Nobody but admins reads it from then on. */
  async archive(slug: string): Promise<void> {
    await this.api.request({ method: "DELETE", path: roomPath(slug), answer: nothing, authenticated: true });
  }

  async restore(slug: string): Promise<void> {
    const path = `${roomPath(slug)}/restore`;
    await this.api.request({ method: "POST", path, answer: nothing, authenticated: true });
  }

  /** `slug` is null for an emote of all rooms. */
  putEmote(slug: string | null, name: string, picture: Blob): Promise<Emote> {
    return this.api.request({
      method: "PUT",
      path: emotePath(slug, name),
      body: picture,
      answer: emote,
      authenticated: true,
    });
  }

  async deleteEmote(slug: string | null, name: string): Promise<void> {
    await this.api.request({ method: "DELETE", path: emotePath(slug, name), answer: nothing, authenticated: true });
  }
}

const emotePath = (slug: string | null, name: string): string =>
  `${slug === null ? "" : roomPath(slug)}/emotes/${encodeURIComponent(name)}`;
