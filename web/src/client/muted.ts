import { Signal } from "./signal";
import type { KeyValue } from "./storage";

const STORAGE_KEY = "twitchy.muted";
/** The longest ago muted are heard again when there are more. */
const MUTED_MAX = 500;
const NAME = /^[a-z0-9_]{3,25}$/;

/** People the reader does not want to hear, by user name; this browser's matter, no server knows. */
export class Muted {
  readonly names: Signal<ReadonlySet<string>>;
  private readonly storage: KeyValue;

  constructor(storage: KeyValue) {
    this.storage = storage;
    this.names = new Signal<ReadonlySet<string>>(new Set(parse(storage.get(STORAGE_KEY))));
  }

  has(username: string): boolean {
    return this.names.getSnapshot().has(username);
  }

  set(username: string, muted: boolean): void {
    const others = [...this.names.getSnapshot()].filter((name) => name !== username);
    const next = muted ? [...others, username].slice(-MUTED_MAX) : others;
    this.storage.set(STORAGE_KEY, JSON.stringify(next));
    this.names.set(new Set(next));
  }
}

function parse(raw: string | null): string[] {
  try {
    const names: unknown = JSON.parse(raw ?? "[]");
    if (!Array.isArray(names)) return [];
    return names.filter((name): name is string => typeof name === "string" && NAME.test(name)).slice(-MUTED_MAX);
  } catch {
    return [];
  }
}
