import type { Cancel, Timers } from "../client/timers";

/** A clock that moves when it is told to. */
export class FakeTimers implements Timers {
  private time = 1_000_000;
  private waiting: { at: number; run: () => void }[] = [];
  chance = 0.5;

  now = (): number => this.time;
  random = (): number => this.chance;

  after = (ms: number, run: () => void): Cancel => {
    const entry = { at: this.time + ms, run };
    this.waiting.push(entry);
    return () => {
      this.waiting = this.waiting.filter((other) => other !== entry);
    };
  };

  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = this.waiting.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.waiting = this.waiting.filter((entry) => entry !== due);
      this.time = Math.max(this.time, due.at);
      due.run();
    }
    this.time = end;
  }
}

/** Lets promises that are already settled run their course. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
