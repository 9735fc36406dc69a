import type { ChatMessage } from "../../protocol/message";
import { plainForReaders } from "../../ui/plain-text";

/** Readers cut each other's words off when texts follow faster. */
const EVERY_MS = 1_000;
const QUEUE_MAX = 5;
const KEPT_MS = 10_000;

/**
 * Speaks for the log, which is silent itself: a small queue of lines appended one at a time to a polite region. Too
 * many at once become one sentence that says how many.
 */
export class Announcer {
  private queue: string[] = [];
  private busy = false;
  private readonly say: (text: string) => () => void;
  private readonly after: (ms: number, run: () => void) => void;

  constructor(say: (text: string) => () => void, after: (ms: number, run: () => void) => void) {
    this.say = say;
    this.after = after;
  }

  called(message: ChatMessage): void {
    const reply = message.reply_to ? " replies to you" : "";
    this.queue.push(`${message.user.display_name}${reply}: ${plainForReaders(message.text)}`);
    if (this.queue.length > QUEUE_MAX) this.queue = [`${this.queue.length} messages to you`];
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
