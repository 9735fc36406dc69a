import type { Api } from "./api";
import type { Session } from "./session";
import { Signal } from "./signal";
import type { Cancel, Timers } from "./timers";

/** What was said in a room since the reader left it. */
export interface News {
  count: number;
  /** There may be more than were counted. */
  more: boolean;
  /** Some of it calls the reader. */
  calls: boolean;
}

const EVERY_MS = 10_000;
/** One page of messages; who needs to know whether it was a hundred or a thousand goes there. */
const COUNT_MAX = 100;
/** Rooms that are looked at; those left longest ago are dropped. */
const ROOMS_MAX = 8;

/**
 * News of the rooms that were visited and left in this tab. Asks for them every few seconds, one small page a room,
 * rather than reading all of them live: a room in a storm must not cost those who left it.
 */
export class Unread {
  readonly news = new Signal<ReadonlyMap<string, News>>(new Map());

  /** The last place read in each room, the room left last at the end. */
  private readonly left = new Map<string, string>();
  private cancel: Cancel | null = null;
  private readonly api: Api;
  private readonly session: Session;
  private readonly timers: Timers;
  private readonly visible: () => boolean;

  constructor(deps: { api: Api; session: Session; timers: Timers; visible: () => boolean }) {
    this.api = deps.api;
    this.session = deps.session;
    this.timers = deps.timers;
    this.visible = deps.visible;
  }

  entered(slug: string): void {
    this.left.delete(slug);
    this.tell(slug, null);
  }

  leave(slug: string, seq: string | null): void {
    if (seq === null) return;
    this.left.delete(slug);
    this.left.set(slug, seq);
    for (const oldest of this.left.keys()) {
      if (this.left.size <= ROOMS_MAX) break;
      this.left.delete(oldest);
      this.tell(oldest, null);
    }
    this.plan();
  }

  private plan(): void {
    if (this.cancel || this.left.size === 0) return;
    this.cancel = this.timers.after(EVERY_MS, () => {
      this.cancel = null;
      void this.look().finally(() => this.plan());
    });
  }

  private async look(): Promise<void> {
    if (!this.visible()) return;
    for (const [slug, seq] of [...this.left]) {
      // Counted to the end already: nothing more to learn.
      if (this.news.getSnapshot().get(slug)?.more) continue;
      const page = await this.api.messages(slug, { after: seq, limit: COUNT_MAX }).catch(() => null);
      if (!page || this.left.get(slug) !== seq) continue;
      const me = this.session.user?.username;
      const others = page.messages.filter((message) => message.user.username !== me);
      const calls = others.some(
        (message) => me !== undefined && (message.mentions.includes(me) || message.reply_to?.username === me),
      );
      const count = others.length;
      this.tell(slug, count === 0 ? null : { count, more: page.messages.length >= COUNT_MAX, calls });
    }
  }

  private tell(slug: string, news: News | null): void {
    const known = this.news.getSnapshot();
    const before = known.get(slug);
    if (news === null ? !before : before?.count === news.count && before.calls === news.calls) return;
    const next = new Map(known);
    if (news === null) next.delete(slug);
    else next.set(slug, news);
    this.news.set(next);
  }
}
