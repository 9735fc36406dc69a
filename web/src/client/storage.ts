/**
 * Browser storage that may be full, blocked or absent. Reading gives null and writing does nothing then; a copy in
 * memory keeps the tab going.
 */
export interface KeyValue {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
}

export class MemoryStorage implements KeyValue {
  private readonly values = new Map<string, string>();
  get(key: string): string | null {
    return this.values.get(key) ?? null;
  }
  set(key: string, value: string): void {
    this.values.set(key, value);
  }
  remove(key: string): void {
    this.values.delete(key);
  }
}

/** `open` is a function because merely naming `localStorage` throws where storage is blocked. */
export class SafeStorage implements KeyValue {
  private readonly memory = new MemoryStorage();
  private readonly open: () => Storage;
  private blocked = false;

  constructor(open: () => Storage) {
    this.open = open;
  }

  get(key: string): string | null {
    if (this.blocked) return this.memory.get(key);
    try {
      return this.open().getItem(key);
    } catch {
      this.blocked = true;
      return this.memory.get(key);
    }
  }

  set(key: string, value: string): void {
    this.memory.set(key, value);
    if (this.blocked) return;
    try {
      this.open().setItem(key, value);
    } catch {
      this.blocked = true;
    }
  }

  remove(key: string): void {
    this.memory.remove(key);
    if (this.blocked) return;
    try {
      this.open().removeItem(key);
    } catch {
      this.blocked = true;
    }
  }
}
