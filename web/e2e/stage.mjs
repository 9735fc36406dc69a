/**
 * A server's side of the page, played: `/api` and `/ws` are answered here and nothing of them reaches the real server,
 * which only serves the page. For what a real server never says: hostile fields, broken frames, silence.
 */
const JSON_TYPE = "application/json";

export const ROOM = {
  id: "1",
  slug: "bestie",
  title: "Bestie",
  description: "Everyone is your bestie here.",
  transformer: { name: "bestie", sample_in: "hi there", sample_out: "Hey bestie! Hi there!" },
  settings: { slow_mode_seconds: 0, emote_only: false, unique_chat: false },
  viewers: 3,
  messages_per_second: 0,
  pinned: null,
};
export const ME = { id: "9", username: "ines", display_name: "Ines", color: "#FF69B4", created_at: 1 };

let next = 0;
export function messageOf(username, text, part = {}) {
  next += 1;
  const id = `0192f0e0-1234-7abc-8def-${String(next).padStart(12, "0")}`;
  const user = { id: String(100 + next), username, display_name: username, color: "#1E90FF", ...part.user };
  return { id, seq: String(next), text, sent_at: Date.now(), ...part, user };
}

export class Stage {
  /** Frames the page sent, newest last. */
  sent = [];
  /** REST calls the page made: method and path. */
  calls = [];
  #socket = null;
  #waiting = [];

  /** `history` is what a join brings; `rest` answers a path with a body, `null` for never, `false` for a refusal. */
  constructor({
    history = [],
    rest = () => undefined,
    room = ROOM,
    member = false,
    joins = true,
    role = "viewer",
  } = {}) {
    Object.assign(this, { history, rest, room, member, joins, role });
  }

  async play(page) {
    if (this.member) {
      const session = JSON.stringify({ refresh_token: "r", user: ME });
      await page.addInitScript((value) => localStorage.setItem("twitchy.session", value), session);
    }
    await page.route("**/api/v1/**", (route) => this.#answer(route));
    await page.routeWebSocket("**/ws", (socket) => {
      this.#socket = socket;
      socket.onMessage((raw) => this.#take(JSON.parse(raw)));
      this.say({ type: "hello", server: "stage", heartbeat_ms: 30_000, limits: {} });
    });
  }

  say(frame) {
    this.raw(JSON.stringify(frame));
  }

  raw(text) {
    this.#socket?.send(text);
  }

  messages(...messages) {
    this.say({ type: "messages", room: this.room.slug, messages, skipped: 0 });
  }

  /** The next frame of a type that the page sends, or one it sent already. */
  frame(type) {
    const found = this.sent.find((frame) => frame.type === type);
    if (found) return Promise.resolve(found);
    return new Promise((resolve) => this.#waiting.push({ type, resolve }));
  }

  close(code) {
    return this.#socket?.close({ code });
  }

  #take(frame) {
    this.sent.push(frame);
    for (const waiting of this.#waiting) if (waiting.type === frame.type) waiting.resolve(frame);
    if (frame.type === "ping") this.say({ type: "pong", id: frame.id });
    if (frame.type === "auth") this.say({ type: "authed", user: ME, expires_at: Date.now() + 9e5 });
    if (frame.type === "join" && this.joins) {
      const { slug, title, description, archived, settings, viewers, pinned } = this.room;
      const seq = this.history.at(-1)?.seq ?? "0";
      this.say({
        type: "joined",
        room: slug,
        epoch: "e",
        seq,
        recovered: frame.after ? true : null,
        reason: null,
        history: frame.after ? [] : this.history,
        viewers,
        settings,
        pinned,
        you: { role: this.role },
        title,
        description,
        archived,
      });
    }
  }

  async #answer(route) {
    const request = route.request();
    const { pathname } = new URL(request.url());
    const path = pathname.replace("/api/v1", "");
    this.calls.push(`${request.method()} ${path}`);
    const own = this.rest(path, request);
    // Never answered: the page has to live with it.
    if (own === null) return;
    const body = own ?? this.#usual(path);
    // Done, and nothing to say of it.
    if (body === true) await route.fulfill({ status: 204 });
    else if (body) await route.fulfill({ status: 200, contentType: JSON_TYPE, body: JSON.stringify(body) });
    else await route.fulfill({ status: 404, contentType: JSON_TYPE, body: '{"status":404,"code":"not_found"}' });
  }

  #usual(path) {
    if (path === "/rooms") return { rooms: [this.room] };
    if (path.endsWith("/emotes")) return { emotes: [] };
    if (path.endsWith("/messages")) return { messages: [], next_before: null, next_after: null };
    if (path.endsWith("/preview")) return { text: "Hey bestie!" };
    if (path === "/auth/refresh" || path === "/auth/login")
      return { user: ME, access_token: "a", refresh_token: "r", token_type: "Bearer", expires_in: 900 };
    return undefined;
  }
}
