import type { ErrorCode } from "../protocol/__generated__/protocol";
import type { ChatMessage } from "../protocol/message";

/** Lines of one's own that are on the way, or that did not get through. */
export interface PendingLine {
  /** Also the nonce: sending again under it can never make a second message. */
  nonce: string;
  key: string;
  text: string;
  replyTo: string | null;
  /** `waiting` for a connection · `sent` and unanswered · `accepted` and about to appear · `failed`. */
  status: "waiting" | "sent" | "accepted" | "failed";
  code: ErrorCode | "unanswered" | null;
  /** When it last went out, by this page's clock. */
  sentAt: number | null;
  /** The id, once the server has told it. */
  id: string | null;
  seq: string | null;
}

/** More unanswered lines than this are not taken; the protocol allows 64 in flight. */
export const PENDING_MAX = 20;
/** Own lines whose typed text is remembered for showing it again. */
const REMEMBERED_MAX = 200;

/** What happened to one's own lines, matched to messages of the room. Knows no clock and no network. */
export class Outbox {
  lines: readonly PendingLine[] = [];
  private readonly byId = new Map<string, { key: string; text: string }>();
  /** Lines whose message seems to be on the page already, before the ack said so. */
  private readonly guessed = new Map<string, string>();

  add(nonce: string, text: string, replyTo: string | null): PendingLine | null {
    if (this.lines.length >= PENDING_MAX) return null;
    const line: PendingLine = {
      nonce,
      key: `own:${nonce}`,
      text,
      replyTo,
      status: "waiting",
      code: null,
      sentAt: null,
      id: null,
      seq: null,
    };
    this.lines = [...this.lines, line];
    return line;
  }

  get(nonce: string): PendingLine | null {
    return this.lines.find((line) => line.nonce === nonce) ?? null;
  }

  mark(nonce: string, change: Partial<PendingLine>): void {
    this.lines = this.lines.map((line) => (line.nonce === nonce ? { ...line, ...change } : line));
  }

  drop(nonce: string): void {
    this.lines = this.lines.filter((line) => line.nonce !== nonce);
    this.guessed.delete(nonce);
  }

  /** The connection is gone: what was sent is unknown, and goes again under the same nonce. */
  unsent(): void {
    this.lines = this.lines.map((line) => (line.status === "sent" ? { ...line, status: "waiting" } : line));
  }

  /** True if the ack was for one of these lines. */
  accept(nonce: string, id: string, seq: string): boolean {
    const line = this.get(nonce);
    if (!line) return false;
    this.remember(id, line);
    const guess = this.guessed.get(nonce);
    if (guess !== undefined && guess !== id) this.byId.delete(guess);
    if (guess === id) this.drop(nonce);
    else {
      this.guessed.delete(nonce);
      this.mark(nonce, { status: "accepted", id, seq });
    }
    return true;
  }

  /** A message of one's own arrived: which line was it? The first unanswered one, until an ack knows better. */
  match(message: ChatMessage): void {
    const acked = this.lines.find((line) => line.id === message.id);
    if (acked) {
      this.drop(acked.nonce);
      return;
    }
    if (this.byId.has(message.id)) return;
    const line = this.lines.find((candidate) => candidate.status === "sent" && !this.guessed.has(candidate.nonce));
    if (!line) return;
    this.guessed.set(line.nonce, message.id);
    this.remember(message.id, line);
  }

  /** Lines to show below the room's own: those whose message is not there yet. */
  get shown(): readonly PendingLine[] {
    return this.lines.filter((line) => !this.guessed.has(line.nonce));
  }

  ownLine(id: string): { key: string; text: string } | null {
    return this.byId.get(id) ?? null;
  }

  /** What was typed for a line that this tab did not send. */
  learn(id: string, text: string): void {
    this.remember(id, { key: id, text });
  }

  private remember(id: string, line: { key: string; text: string }): void {
    this.byId.set(id, { key: line.key, text: line.text });
    if (this.byId.size <= REMEMBERED_MAX) return;
    const oldest = this.byId.keys().next();
    if (!oldest.done) this.byId.delete(oldest.value);
  }
}
