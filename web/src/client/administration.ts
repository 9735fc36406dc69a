import type { Emote } from "../protocol/__generated__/protocol";
import { emote } from "../protocol/objects";
import { type Api, nothing, roomPath } from "./api";

/** Pictures an emote may be, and how big. */
export const EMOTE_TYPES = ["image/svg+xml", "image/png", "image/gif", "image/webp"];
export const EMOTE_BYTES_MAX = 256 * 1024;

/** The calls that only admins make: emotes. */
export class Administration {
  private readonly api: Api;

  constructor(api: Api) {
    this.api = api;
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
