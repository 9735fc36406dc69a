import { Api } from "../client/api";
import type { Screen } from "../client/commit-clock";
import { Connection, type Socket } from "../client/connection";
import { EmoteTaste } from "../client/emote-taste";
import { Highlights } from "../client/highlights";
import { browserLock } from "../client/lock";
import { Muted } from "../client/muted";
import { RoomDirectory } from "../client/room-directory";
import { RoomSession } from "../client/room-session";
import { Session } from "../client/session";
import { SettingsStore } from "../client/settings";
import { SafeStorage } from "../client/storage";
import { browserTimers } from "../client/timers";
import { Toasts } from "../client/toasts";
import { Unread } from "../client/unread";
import { Navigation } from "./navigation";

const SUBPROTOCOL = "twitchy.v1.json";

/** Everything that lives as long as the page, put together in one place. */
export function createServices() {
  const timers = browserTimers;
  const shared = new SafeStorage(() => localStorage);
  const ofTab = new SafeStorage(() => sessionStorage);
  const visible = () => !document.hidden;
  const screen: Screen = {
    visible,
    nextFrame: (run) => {
      const id = requestAnimationFrame(run);
      return () => cancelAnimationFrame(id);
    },
  };

  const api = new Api((input, init) => fetch(input, init));
  const session = new Session({ api, storage: shared, lock: browserLock(shared, timers), timers });
  const connection = new Connection({
    open: () => new WebSocket(socketAddress(), SUBPROTOCOL) as Socket,
    tokens: (refused) => session.accessToken(refused),
    timers,
  });
  const muted = new Muted(shared);
  const highlights = new Highlights(shared);
  const unread = new Unread({ api, session, timers, visible });
  const directory = new RoomDirectory({ api, timers, visible });

  let userId = session.user?.id ?? null;
  session.token.subscribe(() => {
    const token = session.token.getSnapshot();
    if (token !== null) connection.authenticate(token);
  });
  session.state.subscribe(() => {
    const next = session.user?.id ?? null;
    // Logged out, or someone else: the old socket would still speak for the one before.
    if (userId !== null && next !== userId) connection.restart();
    userId = next;
  });
  addEventListener("storage", (event) => {
    if (event.storageArea === null || event.storageArea === localStorage) session.storageChanged(event.key);
  });
  addEventListener("online", () => connection.retryNow());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) connection.retryNow();
  });

  return {
    toasts: new Toasts(),
    taste: new EmoteTaste(shared),
    timers,
    api,
    session,
    connection,
    directory,
    muted,
    highlights,
    unread,
    navigation: new Navigation(),
    settings: new SettingsStore(shared),
    storage: { shared, ofTab },
    openRoom: (slug: string) => new RoomSession(slug, { api, connection, session, muted, highlights, timers, screen }),
  };
}

export type Services = ReturnType<typeof createServices>;

function socketAddress(): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}/ws`;
}
