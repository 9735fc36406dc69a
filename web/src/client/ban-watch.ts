import type { Ban } from "./room-state";
import { Signal } from "./signal";
import type { Cancel, Timers } from "./timers";

/** Longer than timers can wait: by then the page was reloaded, and the server says whether it still holds. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** That one may not write, until it is over. */
export class BanWatch {
  readonly ban = new Signal<Ban | null>(null);
  private cancel: Cancel = () => {};
  private readonly timers: Timers;

  constructor(timers: Timers) {
    this.timers = timers;
  }

  set(ban: Ban | null): void {
    this.cancel();
    this.ban.set(ban);
    if (ban === null || ban.until === null) return;
    const left = Math.min(Math.max(0, ban.until - this.timers.now()), TIMER_MAX_MS);
    this.cancel = this.timers.after(left, () => this.ban.set(null));
  }

  stop(): void {
    this.cancel();
  }
}
