import type { RoomSettings } from "../protocol/__generated__/protocol";
import type { FrameOf } from "../protocol/message";
import { EMPTY_VITALS, type RoomVitals } from "./room-state";
import { Signal } from "./signal";
import { Barometer } from "./weather";

const PULSE_SAMPLES = 60;
/** A feed that left nothing out for so long shows everything again. */
const SAMPLED_HOLD_MS = 5_000;

export type RoomWords = Pick<FrameOf<"room">, "title" | "description" | "archived">;
export type Told = Pick<FrameOf<"room">, "viewers" | "settings" | "pinned" | "messages_per_second"> & RoomWords;

/** What a room is like right now, told a few times a second at most: who reads, how fast it goes, how much is shown. */
export class RoomGauge {
  readonly vitals = new Signal<RoomVitals>(EMPTY_VITALS);
  /** What the room was last told to be called, or whether it is closed; null until that changes. */
  readonly words = new Signal<RoomWords | null>(null);
  /** Messages a second over the last minute, one sample a second, oldest first. */
  readonly pulse = new Signal<readonly number[]>([]);

  private readonly barometer = new Barometer();
  private shown = 0;
  private skipped = 0;
  private passedBy = 0;
  private skippedAt: number | null = null;

  /** Messages that reached this page, and those that the feed left out before them. */
  count(shown: number, skipped: number, now: number): void {
    this.shown += shown;
    if (skipped <= 0) return;
    this.skipped += skipped;
    this.passedBy += skipped;
    this.skippedAt = now;
  }

  set(part: Partial<Pick<RoomVitals, "role" | "feed">>): void {
    this.vitals.update((vitals) => ({ ...vitals, ...part }));
  }

  told(frame: Told, now: number): void {
    const { title, description, archived } = frame;
    if (title !== undefined || description !== undefined || archived !== undefined)
      this.words.set({
        ...(title !== undefined && { title }),
        ...(description !== undefined && { description }),
        ...(archived !== undefined && { archived }),
      });
    this.vitals.update((vitals) => ({
      ...vitals,
      viewers: frame.viewers,
      messagesPerSecond: frame.messages_per_second,
      settings: sameSettings(vitals.settings, frame.settings) ? vitals.settings : frame.settings,
      pinned: frame.pinned,
      weather: this.barometer.read(frame.messages_per_second, now),
    }));
  }

  /** Once a second: the minute's graph moves on, also through silence. */
  tick(now: number): void {
    const rate = this.vitals.getSnapshot().messagesPerSecond;
    this.pulse.update((samples) => [...samples, rate].slice(-PULSE_SAMPLES));
    const { shown, skipped } = this;
    this.shown = 0;
    this.skipped = 0;
    const sampled = this.skippedAt !== null && now - this.skippedAt < SAMPLED_HOLD_MS;
    if (!sampled) this.passedBy = 0;
    const next = {
      shownPerSecond: shown,
      // What was counted here is newer than what the room says of itself, and the room's own is steadier.
      passingPerSecond: Math.max(rate, shown + skipped),
      passedBy: this.passedBy,
      sampled,
      weather: this.barometer.read(rate, now),
    };
    this.vitals.update((vitals) => {
      const same = (Object.keys(next) as (keyof typeof next)[]).every((key) => vitals[key] === next[key]);
      return same ? vitals : { ...vitals, ...next };
    });
  }
}

/** The same ones keep their identity, so that who watches them alone is left alone. */
const sameSettings = (a: RoomSettings, b: RoomSettings): boolean =>
  (Object.keys(b) as (keyof RoomSettings)[]).every((key) => a[key] === b[key]);
