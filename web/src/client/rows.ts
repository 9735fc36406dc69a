import type { ChatMessage } from "../protocol/message";
import { type Token, tokenize } from "./tokens";

/** One line of the log as the page shows it. Rows are immutable; a change makes a new one under the same key. */
export type Row = MessageRow | GapRow | RemovedRow | NoticeRow;

export interface MessageRow {
  kind: "message";
  key: string;
  message: ChatMessage;
  tokens: readonly Token[];
  own: boolean;
  /** Mentions the reader or answers them. */
  toMe: boolean;
  /** Has a word in it that the reader wants to notice, or their name, and calls nobody. */
  noted: boolean;
  /** What its author typed, where this tab knows it. */
  original: string | null;
  /** By someone the reader does not want to hear: keeps its place and is not shown. */
  muted: boolean;
  /** The reader's local midnight before it. */
  day: number;
}

export interface GapRow {
  kind: "gap";
  key: string;
  from: string;
  to: string;
  /** Null where the server did not say how many. */
  count: number | null;
  loading: boolean;
}

export interface RemovedRow {
  kind: "removed";
  key: string;
  /** The last place that was taken away, for reading on from there. */
  seq: string;
  displayName: string;
  username: string;
  count: number;
  own: boolean;
  /** What was taken away, for moderators alone: the newest of it. */
  kept: readonly ChatMessage[];
  /** A moderator looks at it. */
  revealed: boolean;
  /** Who took it away and why, once that was asked. */
  why: string | null;
}

export interface NoticeRow {
  kind: "notice";
  key: string;
  text: string;
}

/** Who looks, and what of their own lines is known. */
export interface Viewpoint {
  readonly username: string | null;
  /** May see what was taken away, and what others typed. */
  readonly moderates: boolean;
  muted(username: string): boolean;
  /** A text that the reader wants to notice. */
  notes(text: string): boolean;
  /** The key and the typed text of a line, where it is known: one's own, and for moderators what they looked at. */
  ownLine(id: string): { key: string; text: string } | null;
}

export function messageRow(message: ChatMessage, viewpoint: Viewpoint): MessageRow {
  const me = viewpoint.username;
  const own = me !== null && message.user.username === me;
  const toMe = me !== null && !own && (message.reply_to?.username === me || message.mentions.includes(me));
  const line = own || viewpoint.moderates ? viewpoint.ownLine(message.id) : null;
  return {
    kind: "message",
    key: line?.key ?? message.id,
    message,
    tokens: tokenize(message.text, message.mentions, me, message.emotes),
    own,
    toMe,
    noted: !own && !toMe && viewpoint.notes(message.text),
    original: line?.text ?? null,
    muted: !own && viewpoint.muted(message.user.username),
    day: new Date(message.sent_at).setHours(0, 0, 0, 0),
  };
}

/** The place of a row in the room's order; null for those that have none. */
export function rowSeq(row: Row): string | null {
  if (row.kind === "message") return row.message.seq;
  if (row.kind === "gap") return row.to;
  return row.kind === "removed" ? row.seq : null;
}
