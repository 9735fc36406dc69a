import type { ChatMessage, FrameOf } from "../protocol/message";
import { seqAfter, seqBefore } from "../protocol/seq";
import type { Api } from "./api";
import type { Connection } from "./connection";
import { newNonce } from "./nonce";
import { Outbox, type PendingLine } from "./outbox";
import type { Refusal } from "./room-state";
import { Signal } from "./signal";
import type { Cancel, Timers } from "./timers";

/** No answer to a line in this time: it is shown as unanswered and can be sent again. */
const ANSWER_WITHIN_MS = 10_000;
/** An accepted line whose message did not come (a sampled feed may leave it out) is fetched. */
const APPEAR_WITHIN_MS = 2_000;

/** A line that goes out by itself when its author may speak again. */
export interface Armed {
  text: string;
  replyTo: string | null;
  at: number;
}

interface Deps {
  slug: string;
  api: Api;
  connection: Connection;
  timers: Timers;
  /** Pending lines changed. */
  changed: () => void;
  /** Whether a message stands on the page or waits for it. */
  known: (id: string) => boolean;
  /** One's own message, fetched because the feed did not bring it. */
  found: (message: ChatMessage) => void;
  /** Milliseconds one has to wait between two lines here, or 0. */
  pace: () => number;
}

/** What one says in a room: sends it, waits for the answer, tries again, and knows when one may speak next. */
export class Talk {
  readonly refusal = new Signal<Refusal | null>(null);
  /** When slow mode lets one speak again, by this page's clock; null if one may now. */
  readonly nextAt = new Signal<number | null>(null);
  readonly armed = new Signal<Armed | null>(null);

  private readonly outbox = new Outbox();
  private cancelNext: Cancel = () => {};
  private readonly deps: Deps;

  constructor(deps: Deps) {
    this.deps = deps;
  }

  get lines(): readonly PendingLine[] {
    return this.outbox.shown;
  }

  ownLine(id: string): { key: string; text: string } | null {
    return this.outbox.ownLine(id);
  }

  learn(id: string, text: string): void {
    this.outbox.learn(id, text);
  }

  match(message: ChatMessage): void {
    this.outbox.match(message);
  }

  /** False when too many lines are still on the way. */
  send(text: string, replyTo: string | null): boolean {
    const line = this.outbox.add(newNonce(), text, replyTo);
    if (!line) return false;
    this.refusal.set(null);
    this.transmit(line.nonce);
    return true;
  }

  /** Says it as soon as slow mode allows; false if something waits for that already, or nothing has to. */
  arm(text: string, replyTo: string | null): boolean {
    const at = this.nextAt.getSnapshot();
    if (at === null || this.armed.getSnapshot()) return false;
    this.armed.set({ text, replyTo, at });
    return true;
  }

  /** What waited comes back to whoever wants to change it. */
  disarm(): string | null {
    const text = this.armed.getSnapshot()?.text ?? null;
    this.armed.set(null);
    return text;
  }

  retry(nonce: string): void {
    this.refusal.set(null);
    this.outbox.mark(nonce, { status: "waiting", code: null });
    this.transmit(nonce);
    this.deps.changed();
  }

  /** Gives a failed line up; its text goes back to whoever wants to change it. */
  discard(nonce: string): string | null {
    const text = this.outbox.get(nonce)?.text ?? null;
    this.outbox.drop(nonce);
    this.refusal.set(null);
    this.deps.changed();
    return text;
  }

  /** The connection is someone's again: what waits goes out. */
  authed(): void {
    for (const line of this.outbox.lines) if (line.status === "waiting") this.transmit(line.nonce);
  }

  lost(): void {
    this.outbox.unsent();
  }

  stop(): void {
    this.cancelNext();
    this.outbox.unsent();
  }

  /** Someone else sits here now, or slow mode was changed: nobody has to wait for what was. */
  freed(): void {
    if (this.nextAt.getSnapshot() !== null) this.passed();
  }

  /** True if the ack was for one of these lines. */
  accepted(ack: FrameOf<"ack">): boolean {
    if (!this.outbox.accept(ack.nonce, ack.id, ack.seq)) return false;
    const pace = this.deps.pace();
    if (pace > 0) this.wait(pace);
    if (this.deps.known(ack.id)) this.outbox.drop(ack.nonce);
    else this.deps.timers.after(APPEAR_WITHIN_MS, () => void this.fetch(ack));
    return true;
  }

  refused(frame: FrameOf<"error">): void {
    const { timers } = this.deps;
    const retryAt = frame.retry_after_ms === undefined ? null : timers.now() + frame.retry_after_ms;
    if (frame.nonce !== undefined) {
      if (!this.outbox.get(frame.nonce)) return;
      this.outbox.mark(frame.nonce, { status: "failed", code: frame.code });
    }
    this.refusal.set({ code: frame.code, detail: frame.detail, retryAt });
    if (frame.code === "slow_mode" && frame.retry_after_ms !== undefined) this.wait(frame.retry_after_ms);
    this.deps.changed();
  }

  private wait(ms: number): void {
    this.cancelNext();
    const at = this.deps.timers.now() + ms;
    this.nextAt.set(at);
    this.armed.update((armed) => armed && { ...armed, at });
    this.cancelNext = this.deps.timers.after(ms, () => this.passed());
  }

  /** One may speak: what was armed goes, and whatever forbids it by now is told as for any line. */
  private passed(): void {
    this.cancelNext();
    this.nextAt.set(null);
    const armed = this.armed.getSnapshot();
    if (!armed) return;
    this.armed.set(null);
    this.send(armed.text, armed.replyTo);
    this.deps.changed();
  }

  /** The room's feed left one's own message out. */
  private async fetch(ack: FrameOf<"ack">): Promise<void> {
    if (!this.outbox.get(ack.nonce)) return;
    const query = { after: seqBefore(ack.seq), before: seqAfter(ack.seq), limit: 1 };
    const page = await this.deps.api.messages(this.deps.slug, query).catch(() => null);
    const message = page?.messages.find((candidate) => candidate.id === ack.id);
    if (message) this.deps.found(message);
    if (page) this.outbox.drop(ack.nonce);
    this.deps.changed();
  }

  private transmit(nonce: string): void {
    const { connection, slug, timers } = this.deps;
    const line = this.outbox.get(nonce);
    if (!line || !connection.authed) return;
    const reply = line.replyTo === null ? {} : { reply_to: line.replyTo };
    if (!connection.write({ type: "send", room: slug, text: line.text, nonce, ...reply })) return;
    const sentAt = timers.now();
    this.outbox.mark(nonce, { status: "sent", code: null, sentAt });
    timers.after(ANSWER_WITHIN_MS, () => {
      const now = this.outbox.get(nonce);
      if (now?.status !== "sent" || now.sentAt !== sentAt) return;
      this.outbox.mark(nonce, { status: "failed", code: "unanswered" });
      this.deps.changed();
    });
  }
}
