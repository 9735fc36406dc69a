import type { Emote } from "../protocol/__generated__/protocol";
import { isRecord } from "../protocol/shape";
import { Signal } from "./signal";
import type { KeyValue } from "./storage";

const STORAGE_KEY = "twitchy.emotes";
const RECENT_MAX = 28;
const FAVOURITES_MAX = 200;
const NAME = /^[A-Za-z0-9_]{1,32}$/;

export interface Taste {
  /** Names, the last used first. */
  recent: readonly string[];
  favourites: readonly string[];
}

/** Which emotes the reader likes; this browser's matter. */
export class EmoteTaste {
  readonly state: Signal<Taste>;
  private readonly storage: KeyValue;

  constructor(storage: KeyValue) {
    this.storage = storage;
    this.state = new Signal(parse(storage.get(STORAGE_KEY)));
  }

  used(names: readonly string[]): void {
    if (names.length === 0) return;
    const { recent, favourites } = this.state.getSnapshot();
    this.keep({ favourites, recent: [...new Set([...names, ...recent])].slice(0, RECENT_MAX) });
  }

  favour(name: string, liked: boolean): void {
    const { recent, favourites } = this.state.getSnapshot();
    const others = favourites.filter((other) => other !== name);
    this.keep({ recent, favourites: liked ? [...others, name].slice(-FAVOURITES_MAX) : others });
  }

  /** The best for a part of a name first: exact, liked, beginning so, lately used, by the alphabet. */
  ranked(emotes: readonly Emote[], part: string, limit: number): Emote[] {
    const { recent, favourites } = this.state.getSnapshot();
    const wanted = part.toLowerCase();
    const rank = (emote: Emote): number[] => {
      const name = emote.name.toLowerCase();
      const used = recent.indexOf(emote.name);
      return [
        emote.name === part ? 0 : name === wanted ? 1 : 2,
        favourites.includes(emote.name) ? 0 : 1,
        name.startsWith(wanted) ? 0 : 1,
        used < 0 ? RECENT_MAX : used,
      ];
    };
    return emotes
      .filter((emote) => emote.name.toLowerCase().includes(wanted))
      .map((emote) => ({ emote, rank: rank(emote) }))
      .sort((a, b) => compare(a.rank, b.rank) || a.emote.name.localeCompare(b.emote.name, "en"))
      .slice(0, limit)
      .map(({ emote }) => emote);
  }

  private keep(taste: Taste): void {
    this.state.set(taste);
    this.storage.set(STORAGE_KEY, JSON.stringify(taste));
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, place) => value !== b[place]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

function parse(raw: string | null): Taste {
  let value: unknown = null;
  try {
    value = JSON.parse(raw ?? "null");
  } catch {
    // Someone else's word under our key.
  }
  const names = (list: unknown, max: number) =>
    Array.isArray(list)
      ? list.filter((name): name is string => typeof name === "string" && NAME.test(name)).slice(0, max)
      : [];
  if (!isRecord(value)) return { recent: [], favourites: [] };
  return { recent: names(value.recent, RECENT_MAX), favourites: names(value.favourites, FAVOURITES_MAX) };
}
