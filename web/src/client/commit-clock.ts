import type { Cancel, Timers } from "./timers";

/** Messages a second from which on the page is committed every 100 ms, and every 250 ms. */
const BUSY_FROM = 20;
const STORM_FROM = 200;
const BUSY_EVERY_MS = 100;
const STORM_EVERY_MS = 250;
const WINDOW_MS = 1_000;

/** How the page shows itself to a clock: whether it can be seen, and when its next frame is. */
export interface Screen {
  visible(): boolean;
  nextFrame(run: () => void): Cancel;
}

/**
 * Says when new messages may reach the page: at the next frame while it is calm, a few times a second when it is not,
 * and not at all while nobody looks. The stream is taken in completely either way.
 */
export class CommitClock {
  private cancel: Cancel | null = null;
  private windowStart = 0;
  private inWindow = 0;
  private perSecond = 0;
  private readonly commit: () => void;
  private readonly screen: Screen;
  private readonly timers: Timers;

  constructor(deps: { commit: () => void; screen: Screen; timers: Timers }) {
    this.commit = deps.commit;
    this.screen = deps.screen;
    this.timers = deps.timers;
  }

  arrived(count: number): void {
    const now = this.timers.now();
    if (now - this.windowStart >= WINDOW_MS) {
      // A window may have ended long ago; then its rate says nothing about now.
      this.perSecond = now - this.windowStart < 2 * WINDOW_MS ? this.inWindow : 0;
      this.windowStart = now;
      this.inWindow = 0;
    }
    this.inWindow += count;
    this.request();
  }

  request(): void {
    if (this.cancel || !this.screen.visible()) return;
    const rate = Math.max(this.perSecond, this.inWindow);
    if (rate < BUSY_FROM) this.cancel = this.screen.nextFrame(this.run);
    else this.cancel = this.timers.after(rate < STORM_FROM ? BUSY_EVERY_MS : STORM_EVERY_MS, this.run);
  }

  /** The page can be seen again: one commit of the newest state. */
  shown(): void {
    this.request();
  }

  stop(): void {
    this.cancel?.();
    this.cancel = null;
  }

  private readonly run = (): void => {
    this.cancel = null;
    this.commit();
  };
}
