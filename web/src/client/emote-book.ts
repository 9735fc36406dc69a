import type { Emote } from "../protocol/__generated__/protocol";
import type { Api } from "./api";
import { Signal } from "./signal";
import type { Timers } from "./timers";

/** A picture that the book does not know makes it look again, this often at most. */
const LOOK_AGAIN_MS = 30_000;

export type Pages = { kind: "closed" } | { kind: "open"; emotes: readonly Emote[] } | { kind: "failed" };

/** The emotes of one room, those of all rooms included; reads them anew when a message shows one it does not know. */
export class EmoteBook {
  readonly pages = new Signal<Pages>({ kind: "closed" });

  private byName = new Map<string, Emote>();
  private ids = new Set<string>();
  private readAt: number | null = null;
  private reading: Promise<void> | null = null;
  private readonly slug: string;
  private readonly api: Api;
  private readonly timers: Timers;

  constructor(slug: string, deps: { api: Api; timers: Timers }) {
    this.slug = slug;
    this.api = deps.api;
    this.timers = deps.timers;
  }

  get emotes(): readonly Emote[] {
    const pages = this.pages.getSnapshot();
    return pages.kind === "open" ? pages.emotes : [];
  }

  named(name: string): Emote | null {
    return this.byName.get(name) ?? null;
  }

  /** What messages show; asks again if that is news. */
  saw(ids: Iterable<string>): void {
    for (const id of ids) {
      if (this.ids.has(id)) continue;
      void this.open();
      return;
    }
  }

  /** Reads the book, unless that was done a moment ago. */
  open(): Promise<void> {
    const fresh = this.readAt !== null && this.timers.now() - this.readAt < LOOK_AGAIN_MS;
    if (fresh) return Promise.resolve();
    this.reading ??= this.read().finally(() => {
      this.reading = null;
    });
    return this.reading;
  }

  retry(): Promise<void> {
    this.readAt = null;
    return this.open();
  }

  private async read(): Promise<void> {
    this.readAt = this.timers.now();
    try {
      const emotes = await this.api.emotes(this.slug);
      this.byName = new Map(emotes.map((emote) => [emote.name, emote]));
      this.ids = new Set(emotes.map((emote) => emote.id));
      this.pages.set({ kind: "open", emotes });
    } catch {
      // What was known stays good.
      if (this.pages.getSnapshot().kind !== "open") this.pages.set({ kind: "failed" });
    }
  }
}
