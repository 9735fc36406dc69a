import type { Room } from "../protocol/__generated__/protocol";
import type { Api } from "./api";
import { Signal } from "./signal";
import type { Cancel, Timers } from "./timers";

export type Directory =
  | { kind: "loading" }
  | { kind: "ready"; rooms: readonly Room[]; stale: boolean }
  | { kind: "failed" };

const EVERY_MS = 5_000;
const RETRY_MS = 3_000;
/** A minute of samples for the small graph of each room. */
const SAMPLES_MAX = 13;

/** All rooms with their live counts, asked for every few seconds while someone watches and the page is visible. */
export class RoomDirectory {
  readonly state = new Signal<Directory>({ kind: "loading" });
  readonly pulses = new Signal<ReadonlyMap<string, readonly number[]>>(new Map());

  private watchers = 0;
  private asked = 0;
  private cancel: Cancel | null = null;
  private readonly api: Api;
  private readonly timers: Timers;
  private readonly visible: () => boolean;

  constructor(deps: { api: Api; timers: Timers; visible: () => boolean }) {
    this.api = deps.api;
    this.timers = deps.timers;
    this.visible = deps.visible;
  }

  watch(): () => void {
    this.watchers += 1;
    if (this.watchers === 1) void this.load();
    return () => {
      this.watchers -= 1;
      if (this.watchers > 0) return;
      this.cancel?.();
      this.cancel = null;
    };
  }

  retry(): void {
    this.cancel?.();
    this.state.set({ kind: "loading" });
    void this.load();
  }

  /** Something was changed: asks again at once, and shows what it had until then. */
  async refresh(): Promise<void> {
    this.cancel?.();
    await this.load();
  }

  /** What a room says of itself, sooner than the list. */
  told(slug: string, words: Partial<Pick<Room, "title" | "description" | "archived">>): void {
    this.state.update((state) =>
      state.kind === "ready"
        ? { ...state, rooms: state.rooms.map((room) => (room.slug === slug ? { ...room, ...words } : room)) }
        : state,
    );
  }

  private async load(): Promise<void> {
    const asked = ++this.asked;
    let next = EVERY_MS;
    try {
      const rooms = await this.api.rooms();
      // A later question knows more.
      if (asked !== this.asked) return;
      this.state.set({ kind: "ready", rooms, stale: false });
      this.pulses.set(
        new Map(
          rooms.map((room) => {
            const samples = this.pulses.getSnapshot().get(room.slug) ?? [];
            return [room.slug, [...samples, room.messages_per_second].slice(-SAMPLES_MAX)];
          }),
        ),
      );
    } catch {
      if (asked !== this.asked) return;
      next = RETRY_MS;
      this.state.update((state) => (state.kind === "ready" ? { ...state, stale: true } : { kind: "failed" }));
    }
    if (this.watchers > 0) this.plan(next);
  }

  private plan(ms: number): void {
    this.cancel?.();
    this.cancel = this.timers.after(ms, () => {
      if (this.visible()) void this.load();
      else this.plan(EVERY_MS);
    });
  }
}
