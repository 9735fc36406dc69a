import { isRecord } from "../protocol/shape";
import { Signal } from "./signal";
import type { KeyValue } from "./storage";

export type Theme = "system" | "dark" | "light";

export interface Settings {
  theme: Theme;
  timestamps: boolean;
  /** Chat text in CSS pixels. */
  textSize: number;
  reduceMotion: boolean;
  /** Emotes that move: always, or only while pointed at. */
  emotes: "play" | "hover";
  /** A short sound when someone calls the reader. */
  sound: boolean;
  /** What is read out to those who listen. */
  announce: Announce;
}

/** `calls`: lines that call the reader · `summary`: how many, every few seconds · `all`, as long as that can be spoken. */
export type Announce = "off" | "calls" | "summary" | "all";
const ANNOUNCE: readonly Announce[] = ["off", "calls", "summary", "all"];

export const TEXT_SIZES = [13, 15, 17, 20] as const;
const STORAGE_KEY = "twitchy.settings";
const DEFAULTS: Settings = {
  theme: "system",
  timestamps: false,
  textSize: 15,
  reduceMotion: false,
  emotes: "play",
  sound: false,
  announce: "calls",
};

/** How the reader likes the page. Anything unreadable in storage gives the defaults. */
export class SettingsStore {
  readonly state: Signal<Settings>;
  private readonly storage: KeyValue;

  constructor(storage: KeyValue) {
    this.storage = storage;
    this.state = new Signal(parse(storage.get(STORAGE_KEY)));
  }

  change(part: Partial<Settings>): void {
    const next = { ...this.state.getSnapshot(), ...part };
    this.state.set(next);
    this.storage.set(STORAGE_KEY, JSON.stringify(next));
  }
}

function parse(raw: string | null): Settings {
  let value: unknown = null;
  try {
    value = JSON.parse(raw ?? "null");
  } catch {
    // Someone else's word under our key.
  }
  if (!isRecord(value)) return DEFAULTS;
  const { theme, timestamps, textSize, reduceMotion, emotes, sound, announce } = value;
  return {
    theme: theme === "dark" || theme === "light" ? theme : "system",
    timestamps: timestamps === true,
    textSize: TEXT_SIZES.find((size) => size === textSize) ?? DEFAULTS.textSize,
    reduceMotion: reduceMotion === true,
    emotes: emotes === "hover" ? "hover" : "play",
    sound: sound === true,
    announce: ANNOUNCE.find((word) => word === announce) ?? DEFAULTS.announce,
  };
}
