import { Signal } from "./signal";
import type { KeyValue } from "./storage";

const STORAGE_KEY = "twitchy.highlights";
/** One pattern of all of them is matched against every line, so there are not many and none is long. */
export const WORDS_MAX = 30;
export const WORD_LENGTH_MAX = 40;

/** Words that the reader wants to notice in what others say; this browser's matter, no server knows. */
export class Highlights {
  readonly words: Signal<readonly string[]>;
  private readonly storage: KeyValue;
  /** Of the words and a name, for as long as those are the same. */
  private pattern: { of: readonly string[]; me: string | null; regex: RegExp | null } | null = null;

  constructor(storage: KeyValue) {
    this.storage = storage;
    this.words = new Signal<readonly string[]>(parse(storage.get(STORAGE_KEY)));
  }

  /** Takes what a person wrote: words or short phrases with commas between them. */
  write(text: string): void {
    const words = tidy(text.split(","));
    this.storage.set(STORAGE_KEY, JSON.stringify(words));
    this.words.set(words);
  }

  /** Is one of the words in it, or the reader's name? Whole words, in any case. */
  in(text: string, me: string | null): boolean {
    const of = this.words.getSnapshot();
    if (this.pattern?.of !== of || this.pattern.me !== me) this.pattern = { of, me, regex: regexOf(of, me) };
    return this.pattern.regex?.test(text) ?? false;
  }
}

function regexOf(words: readonly string[], me: string | null): RegExp | null {
  const all = me === null ? words : [...words, me];
  if (all.length === 0) return null;
  const escaped = all.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/ /g, "\\s+"));
  return new RegExp(`(?<![\\p{L}\\p{N}_])(?:${escaped.join("|")})(?![\\p{L}\\p{N}_])`, "iu");
}

function tidy(words: readonly unknown[]): string[] {
  const texts = words.filter((word): word is string => typeof word === "string");
  const clean = texts.map((word) => word.trim().replace(/\s+/g, " ").toLowerCase());
  return [...new Set(clean)].filter((word) => word !== "" && word.length <= WORD_LENGTH_MAX).slice(0, WORDS_MAX);
}

function parse(raw: string | null): string[] {
  try {
    const words: unknown = JSON.parse(raw ?? "[]");
    return Array.isArray(words) ? tidy(words) : [];
  } catch {
    return [];
  }
}
