import type { Message, Role, RoomSettings } from "../protocol/__generated__/protocol";
import type { Api } from "./api";
import type { Screen } from "./commit-clock";
import type { Connection } from "./connection";
import type { Highlights } from "./highlights";
import type { Muted } from "./muted";
import type { PendingLine } from "./outbox";
import type { Row } from "./rows";
import type { Session } from "./session";
import type { Timers } from "./timers";
import type { Weather } from "./weather";

/** What a room's session works with, all of it the page's. */
export interface RoomDeps {
  api: Api;
  connection: Connection;
  session: Session;
  muted: Muted;
  highlights: Highlights;
  timers: Timers;
  screen: Screen;
}

/** The log as one commit left it. Immutable; components read this and nothing else. */
export interface LogSnapshot {
  /**
   * `joining` until the first answer, `slow` when that takes long · `live` · `missing` if there is no such room ·
   * `closed` if only admins may read it.
   */
  phase: "joining" | "slow" | "live" | "missing" | "closed";
  rows: readonly Row[];
  pending: readonly PendingLine[];
  following: boolean;
  /** It waits only while a moderator's pointer is on it. */
  held: boolean;
  /** Messages that arrived and are not on the page. */
  waiting: number;
  older: "idle" | "loading" | "start" | "failed";
  /** What is shown was jumped to, and the present is elsewhere. */
  away: boolean;
  /** Looking for a place to jump to, or for the way back. */
  jump: "idle" | "searching" | "failed";
}

/** What the room is like right now; changes at most a few times a second. */
export interface RoomVitals {
  role: Role;
  viewers: number;
  messagesPerSecond: number;
  /** Messages a second that reach this page; less than the room's where the feed is a sample. */
  shownPerSecond: number;
  /** All messages a second, those that the feed leaves out included. */
  passingPerSecond: number;
  /** How many were left out since the feed began to be a sample. */
  passedBy: number;
  /** The feed leaves messages out, or did a moment ago. */
  sampled: boolean;
  weather: Weather;
  settings: RoomSettings;
  pinned: Omit<Message, "room"> | null;
  feed: "auto" | "full";
}

export interface Refusal {
  code: string;
  detail: string;
  /** When it is worth trying again, by this page's clock. */
  retryAt: number | null;
}

export interface Ban {
  until: number | null;
  reason: string | null;
}

export const EMPTY_LOG: LogSnapshot = {
  phase: "joining",
  rows: [],
  pending: [],
  following: true,
  held: false,
  waiting: 0,
  older: "idle",
  away: false,
  jump: "idle",
};

export const EMPTY_VITALS: RoomVitals = {
  role: "viewer",
  viewers: 0,
  messagesPerSecond: 0,
  shownPerSecond: 0,
  passingPerSecond: 0,
  passedBy: 0,
  sampled: false,
  weather: "calm",
  settings: { slow_mode_seconds: 0, emote_only: false, unique_chat: false },
  pinned: null,
  feed: "auto",
};
