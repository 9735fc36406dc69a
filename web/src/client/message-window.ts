import type { ChatMessage } from "../protocol/message";
import { isLater } from "../protocol/seq";
import { type GapRow, type MessageRow, messageRow, type RemovedRow, type Row, rowSeq, type Viewpoint } from "./rows";

/** Rows kept when the log is trimmed, and how many there may be before it is: trimming in chunks is cheaper. */
export const ROWS_KEPT = 200;
export const ROWS_MAX = 250;
/** More than two screens: what one commit brings beyond that was gone before anyone could see it, so no row is made. */
export const ROWS_FRESH_MAX = 100;
/** While someone reads back there may be more, so that loading does not take away what they look at. */
export const ROWS_READING_MAX = 600;
/** Messages that wait beside the page while it is paused; with 350 B each that is under 2 MB. */
export const BUFFER_MAX = 5_000;
/** Of messages taken away in a row, a moderator can look at so many. */
const KEPT_MAX = 50;
/** Reading on from a pause brings this many at a time. */
const READ_ON = 50;
/** The key of the gap between what was jumped to and the present; there is one at most. */
const AHEAD = "gap:ahead";

/**
 * Which part of a room's order is on the page. While it follows, the newest rows; while it is paused, what was there
 * stays, the rest waits, and what falls out of the waiting part is said to be missing. Pure bookkeeping: no clock, no
 * network, no page.
 */
export class MessageWindow {
  rows: readonly Row[] = [];
  following = true;
  /** It waits only because a moderator's pointer is on it. */
  held = false;

  /** The newest place taken in; what is not later was seen before. */
  private newest: string | null = null;
  private incoming: (ChatMessage | GapRow)[] = [];
  private buffer: (ChatMessage | GapRow)[] = [];
  private lost: { from: string; to: string; count: number } | null = null;
  /** Left out by a sampled feed while this waits, and what waited until then: all of it is read from the history. */
  private passed = 0;
  private notices = 0;
  private readonly viewpoint: Viewpoint;

  constructor(viewpoint: Viewpoint) {
    this.viewpoint = viewpoint;
  }

  get newestSeq(): string | null {
    return this.newest;
  }

  get oldestSeq(): string | null {
    for (const row of this.rows) {
      const seq = row.kind === "gap" ? row.from : rowSeq(row);
      if (seq !== null) return seq;
    }
    return null;
  }

  /** Messages that arrived and are not on the page, those that no longer fit included. */
  get waiting(): number {
    const held = [...this.buffer, ...(this.following ? [] : this.incoming)];
    return held.filter((item) => !isGap(item)).length + (this.lost?.count ?? 0) + this.passed;
  }

  has(id: string): boolean {
    const is = (item: ChatMessage | GapRow) => !isGap(item) && item.id === id;
    return (
      this.rows.some((row) => row.kind === "message" && row.message.id === id) ||
      this.incoming.some(is) ||
      this.buffer.some(is)
    );
  }

  /** A message whose place went by before it came, put where it belongs. False where its place is not on the page. */
  insert(message: ChatMessage): boolean {
    this.commit();
    const oldest = this.oldestSeq;
    if (this.has(message.id) || this.ahead || oldest === null || !isLater(message.seq, oldest)) return false;
    const later = (seq: string | null) => seq !== null && isLater(seq, message.seq);
    const at = this.rows.findIndex((row) => later(row.kind === "gap" ? row.from : rowSeq(row)));
    if (at < 0 && this.buffer.length > 0) {
      const place = this.buffer.findIndex((item) => later(isGap(item) ? item.from : item.seq));
      this.buffer.splice(place < 0 ? this.buffer.length : place, 0, message);
      return true;
    }
    this.rows = this.rows.toSpliced(at < 0 ? this.rows.length : at, 0, messageRow(message, this.viewpoint));
    return true;
  }

  /**
   * A sampled feed left this many out, up to and with what it brings now. Who follows is told by numbers alone; for who
   * waits, everything from here on is read from the history, so that nothing is missing.
   */
  passBy(count: number, messages: readonly ChatMessage[]): boolean {
    if (this.following || this.held) return false;
    this.commit();
    const to = messages.at(-1)?.seq;
    const from = this.ahead?.from ?? this.lastShown();
    if (to === undefined || from === null || !isLater(to, from)) return false;
    this.passed += count + messages.length + this.buffer.length + (this.lost?.count ?? 0);
    this.buffer = [];
    this.lost = null;
    this.newest = to;
    const rows = this.ahead ? this.rows.slice(0, -1) : this.rows;
    this.rows = [...rows, { kind: "gap", key: AHEAD, from, to, count: null, loading: this.ahead?.loading ?? false }];
    return true;
  }

  /** Takes in live messages; gives back those that were new. */
  take(messages: readonly ChatMessage[]): ChatMessage[] {
    const fresh: ChatMessage[] = [];
    for (const message of messages) {
      if (this.newest !== null && !isLater(message.seq, this.newest)) continue;
      this.newest = message.seq;
      fresh.push(message);
    }
    this.incoming.push(...fresh);
    this.boundIncoming();
    return fresh;
  }

  /** The server left out a stretch of the order. */
  takeGap(from: string, to: string): void {
    if (this.newest !== null && !isLater(to, this.newest)) return;
    this.newest = to;
    this.incoming.push({ kind: "gap", key: `gap:${from}:${to}`, from, to, count: null, loading: false });
  }

  /** Brings what arrived to the page, or to the waiting part. True if rows changed. */
  commit(): boolean {
    const arrived = this.incoming;
    if (arrived.length === 0) return false;
    this.incoming = [];
    if (this.following) {
      this.append(arrived);
      return true;
    }
    this.buffer.push(...arrived);
    this.boundBuffer();
    return false;
  }

  /** `held` is for a moment, while a hand is on a row: a sample goes on as such meanwhile. */
  pause(held = false): void {
    this.commit();
    this.following = false;
    this.held = held;
  }

  /** The gap between what was jumped to and the present; null when what is shown reaches the present. */
  get ahead(): GapRow | null {
    const last = this.rows.at(-1);
    return last?.kind === "gap" && last.key === AHEAD ? last : null;
  }

  /** Shows another part of the order, oldest first, and waits there. What is live goes on waiting beside it. */
  jump(messages: readonly ChatMessage[]): void {
    this.following = false;
    this.held = false;
    this.passed = 0;
    this.incoming = [];
    this.buffer = [];
    this.lost = null;
    this.rows = messages.map((message) => messageRow(message, this.viewpoint));
    const last = messages.at(-1);
    if (!last || this.newest === null || !isLater(this.newest, last.seq)) return;
    this.rows = [
      ...this.rows,
      { kind: "gap", key: AHEAD, from: last.seq, to: this.newest, count: null, loading: false },
    ];
  }

  /** Back to the present after a jump, given the newest messages. */
  land(newest: readonly ChatMessage[]): void {
    this.rows = newest.map((message) => messageRow(message, this.viewpoint));
    const last = newest.at(-1);
    const waiting = [...this.buffer, ...this.incoming];
    this.incoming = [];
    this.buffer = waiting.filter((item) => !last || isGap(item) || isLater(item.seq, last.seq));
    if (this.lost && last && !isLater(this.lost.to, last.seq)) this.lost = null;
    if (last && (this.newest === null || isLater(last.seq, this.newest))) this.newest = last.seq;
    this.follow();
  }

  /** Back to the newest. */
  follow(): void {
    this.commit();
    this.following = true;
    this.held = false;
    this.passed = 0;
    this.readBuffer(this.buffer.length);
    this.trimOldest(ROWS_KEPT);
  }

  /** The reader came to the end of what is shown: some more of what waits. True when nothing waits any longer. */
  readOn(): boolean {
    this.commit();
    this.readBuffer(READ_ON);
    this.trimOldest(ROWS_READING_MAX);
    return this.buffer.length === 0 && this.lost === null;
  }

  /** Older messages, oldest first. Makes the log wait: one who reads back must not be moved. */
  prepend(messages: readonly ChatMessage[]): void {
    const oldest = this.oldestSeq;
    const older = messages.filter((message) => oldest === null || isLater(oldest, message.seq));
    this.rows = [...older.map((message) => messageRow(message, this.viewpoint)), ...this.rows];
    const newest = this.rows.at(-1);
    if (this.newest === null && newest) this.newest = rowSeq(newest);
    if (!this.following) this.trimNewest();
  }

  /** What a gap row stood for; `until` is the place up to which nothing of it is missing any more, if all was read. */
  fill(key: string, messages: readonly ChatMessage[], until: string | null): void {
    this.rows = this.rows.flatMap((row): Row[] => {
      if (row.kind !== "gap" || row.key !== key) return [row];
      const found = messages.filter((m) => isLater(m.seq, row.from) && !isLater(m.seq, row.to));
      if (key === AHEAD) this.passed = Math.max(0, this.passed - found.length);
      const rows = found.map((message) => messageRow(message, this.viewpoint));
      const last = found.at(-1);
      // It may have grown while it was read.
      if (until !== null && isLater(row.to, until)) return [...rows, { ...row, from: until, loading: false }];
      if (until !== null || !last) return rows;
      const count = row.count === null ? null : Math.max(0, row.count - found.length);
      return [...rows, { ...row, from: last.seq, count, loading: false }];
    });
    // Whoever loads on and on reads at the end of it.
    if (this.rows.length > 2 * ROWS_READING_MAX) this.trimOldest(ROWS_READING_MAX);
  }

  gapLoading(key: string, loading: boolean): GapRow | null {
    let found: GapRow | null = null;
    this.rows = this.rows.map((row) => {
      if (row.kind !== "gap" || row.key !== key) return row;
      found = { ...row, loading };
      return found;
    });
    return found;
  }

  /**
   * Takes messages away: a row stays where one was seen, nothing where it was not, and the text for moderators alone.
   */
  remove(matches: (message: ChatMessage) => boolean): void {
    const stays = (item: ChatMessage | GapRow) => isGap(item) || !matches(item);
    this.incoming = this.incoming.filter(stays);
    this.buffer = this.buffer.filter(stays);
    const rows: Row[] = [];
    for (const row of this.rows) {
      if (row.kind !== "message" || !matches(row.message)) {
        rows.push(row);
        continue;
      }
      const last = rows.at(-1);
      if (last?.kind === "removed" && last.username === row.message.user.username) {
        const kept = this.viewpoint.moderates ? [...last.kept, row.message].slice(-KEPT_MAX) : [];
        rows[rows.length - 1] = { ...last, seq: row.message.seq, count: last.count + 1, kept };
      } else rows.push(removedRow(row, this.viewpoint.moderates));
    }
    this.rows = rows;
  }

  /** A moderator looks at what was taken away, or learnt why. */
  changeRemoved(key: string, change: Partial<Pick<RemovedRow, "revealed" | "why">>): void {
    this.rows = this.rows.map((row) => (row.kind === "removed" && row.key === key ? { ...row, ...change } : row));
  }

  /** Everything goes: the room was cleared, or its log is another one now. */
  reset(notice: string | null): void {
    this.incoming = [];
    this.buffer = [];
    this.lost = null;
    this.newest = null;
    this.rows = notice === null ? [] : [{ kind: "notice", key: `notice:${this.notices++}`, text: notice }];
  }

  /** After a reset in the same order: what came before this place is not to come back. */
  seen(seq: string | null): void {
    this.newest = seq;
  }

  /** The viewer is someone else now, or a line turned out to be theirs. */
  refresh(): void {
    this.rows = this.rows.map((row) => {
      if (row.kind === "message") return messageRow(row.message, this.viewpoint);
      // Who moderates no longer has no business with it.
      return row.kind === "removed" && !this.viewpoint.moderates ? { ...row, kept: [], revealed: false } : row;
    });
  }

  private append(arrived: readonly (ChatMessage | GapRow)[]): void {
    const whole = arrived.length >= ROWS_FRESH_MAX;
    const items = whole ? arrived.slice(-ROWS_FRESH_MAX) : arrived;
    if (whole) this.rows = [];
    this.rows = [...this.rows, ...items.map((item) => (isGap(item) ? item : messageRow(item, this.viewpoint)))];
    if (this.rows.length > ROWS_MAX) this.trimOldest(ROWS_KEPT);
  }

  private readBuffer(count: number): void {
    const rows: Row[] = [...this.rows];
    if (this.lost)
      rows.push({ kind: "gap", key: `gap:${this.lost.from}:${this.lost.to}`, loading: false, ...this.lost });
    this.lost = null;
    const next = this.buffer.splice(0, count);
    this.rows = [...rows, ...next.map((item) => (isGap(item) ? item : messageRow(item, this.viewpoint)))];
  }

  /** While following, what is older than a full page would be trimmed in the same commit. */
  private boundIncoming(): void {
    const limit = this.following ? ROWS_MAX : BUFFER_MAX;
    if (this.incoming.length > 2 * limit) {
      if (!this.following) this.commit();
      else this.incoming = this.incoming.slice(-limit);
    }
  }

  private boundBuffer(): void {
    const surplus = this.buffer.length - BUFFER_MAX;
    if (surplus <= 0) return;
    for (const item of this.buffer.splice(0, surplus)) {
      const seq = isGap(item) ? item.to : item.seq;
      const from = this.lost?.from ?? this.lastShown() ?? seq;
      this.lost = { from, to: seq, count: (this.lost?.count ?? 0) + 1 };
    }
  }

  private lastShown(): string | null {
    for (let at = this.rows.length - 1; at >= 0; at--) {
      const row = this.rows[at];
      const seq = row ? rowSeq(row) : null;
      if (seq !== null) return seq;
    }
    return null;
  }

  private trimOldest(keep: number): void {
    if (this.rows.length > keep) this.rows = this.rows.slice(-keep);
  }

  /** Rows far below someone who reads back go to the waiting part again. */
  private trimNewest(): void {
    if (this.rows.length <= ROWS_READING_MAX) return;
    const back = this.rows.slice(ROWS_READING_MAX);
    this.rows = this.rows.slice(0, ROWS_READING_MAX);
    const items = back.flatMap((row): (ChatMessage | GapRow)[] =>
      row.kind === "message" ? [row.message] : row.kind === "gap" ? [row] : [],
    );
    if (this.lost) {
      items.push({ kind: "gap", key: `gap:${this.lost.from}:${this.lost.to}`, loading: false, ...this.lost });
      this.lost = null;
    }
    this.buffer.unshift(...items);
    this.boundBuffer();
  }
}

const isGap = (item: ChatMessage | GapRow): item is GapRow => "kind" in item && item.kind === "gap";

function removedRow(row: MessageRow, keep: boolean): RemovedRow {
  const { seq, user } = row.message;
  return {
    kind: "removed",
    key: row.key,
    seq,
    displayName: user.display_name,
    username: user.username,
    count: 1,
    own: row.own,
    kept: keep ? [row.message] : [],
    revealed: false,
    why: null,
  };
}
