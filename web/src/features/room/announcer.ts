import type { Announce } from "../../client/settings";
import type { ChatMessage } from "../../protocol/message";
import { plainForReaders } from "../../ui/plain-text";

/** Readers cut each other's words off when texts follow faster. */
const EVERY_MS = 1_000;
const QUEUE_MAX = 5;
const KEPT_MS = 10_000;
const SUMMARY_EVERY_MS = 10_000;
/** More lines than this in the time of a summary can't be spoken one by one. */
const SPOKEN_MAX = 5;

/**
 * Speaks for the log, which is silent itself: a small queue of lines appended one at a time to a polite region. Too
 * many at once become one sentence that says how many.
 */
export class Announcer {
  private queue: string[] = [];
  private busy = false;
  private policy: Announce = "calls";
  private heard = 0;
  private calls = 0;
  private counting = false;
  /** Told that lines come too fast to be read out; told again only after it was calm in between. */
  private toldFast = false;
  private readonly say: (text: string) => () => void;
  private readonly after: (ms: number, run: () => void) => void;

  constructor(say: (text: string) => () => void, after: (ms: number, run: () => void) => void) {
    this.say = say;
    this.after = after;
  }

  set(policy: Announce): void {
    this.policy = policy;
    if (policy === "off") this.queue = [];
  }

  /** Lines that came, those that call the reader included. */
  spoke(messages: readonly ChatMessage[], calls: (message: ChatMessage) => boolean): void {
    if (messages.length === 0 || this.policy === "off") return;
    const toReader = messages.filter(calls);
    if (this.policy === "calls") {
      for (const message of toReader) this.line(message, true);
      return;
    }
    this.heard += messages.length;
    this.calls += toReader.length;
    this.count();
    if (this.policy === "all" && this.heard <= SPOKEN_MAX) {
      for (const message of messages) this.line(message, toReader.includes(message));
    } else if (this.policy === "all" && !this.toldFast) {
      this.toldFast = true;
      this.queue = [];
      this.add("Too fast to read out. Only counts from here on.");
    }
  }

  private count(): void {
    if (this.counting) return;
    this.counting = true;
    this.after(SUMMARY_EVERY_MS, () => {
      this.counting = false;
      const { heard, calls } = this;
      this.heard = 0;
      this.calls = 0;
      const spokenAlready = this.policy === "all" && heard <= SPOKEN_MAX;
      if (spokenAlready) this.toldFast = false;
      else if (heard > 0 && (this.policy === "summary" || this.policy === "all"))
        this.add(`${heard} ${heard === 1 ? "message" : "messages"}${calls > 0 ? `, ${calls} to you` : ""}`);
    });
  }

  private line(message: ChatMessage, call: boolean): void {
    const reply = call && message.reply_to ? " replies to you" : "";
    this.add(`${message.user.display_name}${reply}: ${plainForReaders(message.text)}`);
  }

  private add(text: string): void {
    this.queue.push(text);
    if (this.queue.length > QUEUE_MAX)
      this.queue = [`${this.queue.length} messages${this.policy === "calls" ? " to you" : ""}`];
    if (!this.busy) this.next();
  }

  private next(): void {
    const text = this.queue.shift();
    this.busy = text !== undefined;
    if (text === undefined) return;
    const remove = this.say(text);
    this.after(KEPT_MS, remove);
    this.after(EVERY_MS, () => this.next());
  }
}
