import { Api } from "../client/api";
import { Connection } from "../client/connection";
import { Highlights } from "../client/highlights";
import { Muted } from "../client/muted";
import { RoomSession } from "../client/room-session";
import { Session } from "../client/session";
import { MemoryStorage } from "../client/storage";
import type { FakeSocket } from "./fake-socket";
import type { FakeTimers } from "./fake-timers";
import { ada, messagesFrom } from "./messages";

/** What the server says when one comes into the room `bestie`, where three lines were said. */
export const joinedFrame = (part: object = {}) => ({
  type: "joined",
  room: "bestie",
  epoch: "e1",
  seq: "10",
  recovered: null,
  reason: null,
  history: messagesFrom(8, 10),
  viewers: 3,
  you: { role: "viewer" },
  ...part,
});

interface Parts {
  timers: FakeTimers;
  open: () => FakeSocket;
  /** Ada reads, who was here before; nobody by a name otherwise. */
  member?: boolean;
  visible?: () => boolean;
  /** Calls; every one fails where this is left out. */
  fetch?: (path: string) => Promise<Response>;
}

export const failedCall = () => Response.json({ status: 500, code: "internal" }, { status: 500 });

/** The room `bestie` as one tab reads it, started; all but the socket, the clock and the calls is the real thing. */
export function openRoom({
  timers,
  open,
  member = false,
  visible = () => true,
  fetch = async () => failedCall(),
}: Parts) {
  const storage = new MemoryStorage();
  if (member) storage.set("twitchy.session", JSON.stringify({ refresh_token: "r", user: ada }));
  const api = new Api(fetch);
  const session = new Session({ api, storage, lock: (_, run) => run(), timers });
  const connection = new Connection({ open, tokens: (refused) => session.accessToken(refused), timers });
  const muted = new Muted(storage);
  const screen = { visible, nextFrame: (run: () => void) => timers.after(16, run) };
  const highlights = new Highlights(storage);
  const room = new RoomSession("bestie", { api, connection, session, muted, highlights, timers, screen });
  room.start();
  return { room, muted, highlights };
}
