import type { KeyValue } from "../../client/storage";

const HISTORY_MAX = 30;

/** Unsent text and sent lines of one room, for the open tab only: what one types is private. */
export class Draft {
  private readonly storage: KeyValue;
  private readonly key: string;

  constructor(storage: KeyValue, room: string) {
    this.storage = storage;
    this.key = `twitchy.draft.${room}`;
  }

  read(): string {
    return this.storage.get(this.key) ?? "";
  }

  write(text: string): void {
    if (text === "") this.storage.remove(this.key);
    else this.storage.set(this.key, text);
  }

  history(): string[] {
    try {
      const lines: unknown = JSON.parse(this.storage.get(`${this.key}.sent`) ?? "[]");
      return Array.isArray(lines) ? lines.filter((line): line is string => typeof line === "string") : [];
    } catch {
      return [];
    }
  }

  remember(text: string): void {
    const lines = this.history();
    if (lines.at(-1) === text) return;
    this.storage.set(`${this.key}.sent`, JSON.stringify([...lines, text].slice(-HISTORY_MAX)));
  }
}
