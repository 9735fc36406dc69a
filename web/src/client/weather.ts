/** How fast a room is, in words people know. */
export type Weather = "calm" | "breezy" | "busy" | "storm";

const STEPS: readonly { weather: Weather; from: number }[] = [
  { weather: "storm", from: 200 },
  { weather: "busy", from: 20 },
  { weather: "breezy", from: 2 },
  { weather: "calm", from: 0 },
];
/** A change has to hold this long, so that the word does not flicker at a border. */
const HOLD_MS = 5_000;

export const weatherOf = (messagesPerSecond: number): Weather =>
  STEPS.find((step) => messagesPerSecond >= step.from)?.weather ?? "calm";

/** The weather with memory. */
export class Barometer {
  weather: Weather | null = null;
  private candidate: Weather | null = null;
  private since = 0;

  read(messagesPerSecond: number, now: number): Weather {
    const next = weatherOf(messagesPerSecond);
    if (this.weather === null) this.weather = next;
    if (next === this.weather) this.candidate = null;
    else if (next !== this.candidate) {
      this.candidate = next;
      this.since = now;
    } else if (now - this.since >= HOLD_MS) {
      this.weather = next;
      this.candidate = null;
    }
    return this.weather;
  }
}
