import { beforeEach, describe, expect, it } from "vitest";
import { FakeSocket } from "../testing/fake-socket";
import { FakeTimers, settle } from "../testing/fake-timers";
import { ada, messageAt, messagesFrom } from "../testing/messages";
import { failedCall, joinedFrame, openRoom } from "../testing/room";
import type { Highlights } from "./highlights";
import type { Muted } from "./muted";
import type { RoomSession } from "./room-session";

let timers: FakeTimers;
let sockets: FakeSocket[];
let requests: string[];
let pages: Record<string, object>;
let room: RoomSession;
let visible: boolean;
let muted: Muted;
let highlights: Highlights;

const socket = () => sockets.at(-1) as FakeSocket;
const log = () => room.log.getSnapshot();
const texts = () => log().rows.map((row) => (row.kind === "message" ? row.message.text : row.kind));
const own = (seq: number, text: string, id = `id-${seq}`) =>
  messageAt(seq, { id, text, user: { id: "1", username: "ada", display_name: "Ada", color: "#FF69B4", badges: [] } });
const nonce = () => socket().sentOf("send").at(-1)?.nonce ?? "";
/** More than one real turn: reading a response's body is not only promises. */
const network = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve));
};

const joined = (part: object = {}) => socket().say(joinedFrame(part));
const arrive = (...messages: object[]) => {
  socket().say({ type: "messages", room: "bestie", messages, skipped: 0 });
  timers.advance(20);
};
const authed = () => socket().say({ type: "authed", user: ada, expires_at: 9e15 });

async function start(member: boolean, first: object = {}) {
  const fetch = async (input: string) => {
    requests.push(input);
    if (input.endsWith("/refresh")) {
      return Response.json({
        user: ada,
        access_token: "a",
        refresh_token: "r2",
        token_type: "Bearer",
        expires_in: 900,
      });
    }
    const page = Object.entries(pages).find(([part]) => input.includes(part))?.[1];
    return page ? Response.json(page) : failedCall();
  };
  const open = () => {
    sockets.push(new FakeSocket());
    return socket();
  };
  ({ room, muted, highlights } = openRoom({ timers, open, member, visible: () => visible, fetch }));
  socket().hello();
  joined(first);
  if (member) {
    await network();
    authed();
  }
}

beforeEach(() => {
  timers = new FakeTimers();
  sockets = [];
  requests = [];
  pages = {};
  visible = true;
});

describe("reading", () => {
  beforeEach(() => start(false));

  it("marks what the reader wants to notice, also in what is there already", () => {
    const noted = () => log().rows.map((row) => row.kind === "message" && row.noted);
    expect(noted()).toEqual([false, false, false]);
    highlights.write("9, elsewhere");
    expect(noted()).toEqual([false, true, false]);
    highlights.write("");
    expect(noted()).toEqual([false, false, false]);
  });

  it("shows the history at once and what comes after it", () => {
    expect(texts()).toEqual(["line 8", "line 9", "line 10"]);
    arrive(messageAt(11));
    expect(texts().at(-1)).toBe("line 11");
  });

  it("joins again from where it stopped and says how much that brought", () => {
    socket().end(1006);
    timers.advance(1_000);
    socket().hello();
    expect(socket().sentOf("join")[0]).toMatchObject({ after: "10", epoch: "e1" });
    joined({ recovered: true, seq: "13", history: messagesFrom(11, 13) });
    expect(texts()).toEqual([8, 9, 10, 11, 12, 13].map((seq) => `line ${seq}`));
    expect(room.caughtUp.getSnapshot()).toBe(3);
  });

  it("shows a gap when too much was missed, and fills it on request", async () => {
    pages["after=10"] = { messages: messagesFrom(11, 19), next_before: null, next_after: null };
    socket().end(1006);
    timers.advance(1_000);
    socket().hello();
    joined({ recovered: false, reason: "too_old", seq: "21", history: messagesFrom(20, 21) });
    expect(texts().slice(2, 5)).toEqual(["line 10", "gap", "line 20"]);
    const gap = log().rows.find((row) => row.kind === "gap");
    await room.fillGap(gap?.key ?? "");
    expect(texts()).toEqual(Array.from({ length: 14 }, (_, at) => `line ${8 + at}`));
  });

  it("starts anew when the log did", () => {
    socket().end(1006);
    timers.advance(1_000);
    socket().hello();
    joined({ recovered: false, reason: "epoch_changed", epoch: "e2", seq: "2", history: messagesFrom(1, 2) });
    expect(texts()).toEqual(["notice", "line 1", "line 2"]);
  });

  it("takes messages away", () => {
    socket().say({ type: "deleted", room: "bestie", ids: ["id-9"] });
    expect(texts()).toEqual(["line 8", "removed", "line 10"]);
    socket().say({ type: "cleared", room: "bestie", username: "bob" });
    expect(texts().filter((text) => text.startsWith("line"))).toEqual([]);
    arrive(messageAt(9), messageAt(11));
    expect(texts().at(-1)).toBe("line 11");
    socket().say({ type: "cleared", room: "bestie" });
    expect(texts()).toEqual(["notice"]);
    arrive(messageAt(11), messageAt(12));
    expect(texts()).toEqual(["notice", "line 12"]);
  });

  it("renders nothing while nobody looks, and the newest when someone does", () => {
    visible = false;
    for (let seq = 11; seq < 3_000; seq++) arrive(messageAt(seq));
    expect(texts().at(-1)).toBe("line 10");
    visible = true;
    room.shown();
    timers.advance(300);
    expect(texts().at(-1)).toBe("line 2999");
    expect(log().rows.length).toBeLessThanOrEqual(250);
  });

  it("commits a storm four times a second at most", () => {
    let commits = 0;
    room.log.subscribe(() => {
      commits += 1;
    });
    let seq = 11;
    for (let turn = 0; turn < 300; turn++) {
      socket().say({
        type: "messages",
        room: "bestie",
        messages: Array.from({ length: 20 }, () => messageAt(seq++)),
        skipped: 0,
      });
      timers.advance(10);
    }
    // Three seconds of 2,000 a second; the first fraction is still calm.
    expect(commits).toBeLessThanOrEqual(20);
    expect(texts().at(-1)).toMatch(/^line \d{4}$/);
  });

  it("says that a room does not exist", () => {
    socket().say({ type: "error", code: "room_not_found", detail: "", room: "bestie" });
    expect(log().phase).toBe("missing");
  });
});

describe("older messages", () => {
  it("are loaded page by page and then begin", async () => {
    // A full first page means there may be more.
    const long = { history: messagesFrom(21, 50), seq: "50" };
    pages["before=21"] = { messages: messagesFrom(1, 20), next_before: null, next_after: "20" };
    await start(false, long);
    expect(log().older).toBe("idle");
    await room.loadOlder();
    expect(texts()[0]).toBe("line 1");
    expect(log().older).toBe("start");
  });

  it("say when they could not be loaded, and can be asked for again", async () => {
    await start(false, { history: messagesFrom(21, 50), seq: "50" });
    await room.loadOlder();
    expect(log().older).toBe("failed");
    pages["before=21"] = { messages: messagesFrom(11, 20), next_before: "11", next_after: "20" };
    await room.retryOlder();
    expect(texts()[0]).toBe("line 11");
    expect(log().older).toBe("idle");
  });
});

describe("talking", () => {
  beforeEach(() => start(true));

  it("shows the plain line at once and the styled one in its place, whichever of ack and message is first", () => {
    room.send("hi there", null);
    expect(log().pending).toMatchObject([{ text: "hi there", status: "sent" }]);
    const key = log().pending[0]?.key;
    socket().say({ type: "ack", nonce: nonce(), id: "m1", seq: "11", sent_at: 1 });
    timers.advance(20);
    expect(log().pending).toMatchObject([{ status: "accepted" }]);
    arrive(own(11, "Hey bestie!", "m1"));
    expect(log().pending).toEqual([]);
    expect(log().rows.at(-1)).toMatchObject({ key, own: true, original: "hi there" });

    room.send("again", null);
    const second = nonce();
    arrive(own(12, "Again, bestie!", "m2"));
    expect(log().pending).toEqual([]);
    expect(log().rows.at(-1)).toMatchObject({ original: "again" });
    socket().say({ type: "ack", nonce: second, id: "m2", seq: "12", sent_at: 1 });
    timers.advance(20);
    expect(texts().slice(-2)).toEqual(["Hey bestie!", "Again, bestie!"]);
    expect(log().pending).toEqual([]);
  });

  it("says a refusal and keeps the line for another try under the same nonce", () => {
    room.send("too fast", null);
    const first = nonce();
    socket().say({
      type: "error",
      code: "rate_limited",
      detail: "",
      nonce: first,
      room: "bestie",
      retry_after_ms: 1_200,
    });
    expect(log().pending).toMatchObject([{ status: "failed", code: "rate_limited" }]);
    expect(room.talk.refusal.getSnapshot()).toMatchObject({ code: "rate_limited", retryAt: timers.now() + 1_200 });
    room.talk.retry(first);
    expect(
      socket()
        .sentOf("send")
        .map((frame) => frame.nonce),
    ).toEqual([first, first]);
    expect(room.talk.refusal.getSnapshot()).toBeNull();
  });

  it("sends again after a loss under the same nonce, and shows one line", async () => {
    room.send("hello", null);
    const first = nonce();
    socket().end(1006);
    expect(log().pending).toMatchObject([{ status: "waiting" }]);
    timers.advance(1_000);
    socket().hello();
    await network();
    joined({ recovered: true, seq: "11", history: [own(11, "Hello, bestie!", "m1")] });
    authed();
    expect(nonce()).toBe(first);
    socket().say({ type: "ack", nonce: first, id: "m1", seq: "11", sent_at: 1 });
    timers.advance(20);
    expect(log().pending).toEqual([]);
    expect(texts().filter((text) => text === "Hello, bestie!").length).toBe(1);
    expect(log().rows.at(-1)).toMatchObject({ original: "hello" });
  });

  it("takes silence for unknown and lets one try again", () => {
    room.send("anyone?", null);
    timers.advance(10_000);
    expect(log().pending).toMatchObject([{ status: "failed", code: "unanswered" }]);
  });

  it("counts the time for an answer from the last try", () => {
    room.send("again", null);
    const first = nonce();
    socket().say({ type: "error", code: "overloaded", detail: "", nonce: first, room: "bestie" });
    timers.advance(9_000);
    room.talk.retry(first);
    timers.advance(9_000);
    expect(log().pending).toMatchObject([{ status: "sent" }]);
    timers.advance(1_000);
    expect(log().pending).toMatchObject([{ status: "failed", code: "unanswered" }]);
  });

  it("fetches its own line when the feed left it out", async () => {
    pages["after=10"] = { messages: [own(11, "Styled", "m1")], next_before: null, next_after: null };
    room.send("hello", null);
    socket().say({ type: "ack", nonce: nonce(), id: "m1", seq: "11", sent_at: 1 });
    timers.advance(2_000);
    await network();
    timers.advance(20);
    expect(texts().at(-1)).toBe("Styled");
    expect(log().pending).toEqual([]);
  });

  it("waits while there is no connection and takes no more than it can answer for", () => {
    socket().end(1006);
    for (let line = 0; line < 20; line++) expect(room.send(`line ${line}`, null)).toBe(true);
    expect(room.send("one more", null)).toBe(false);
    expect(log().pending.every((line) => line.status === "waiting")).toBe(true);
  });

  it("hears who calls, live and not from history", async () => {
    joined({ recovered: true, history: [messageAt(11, { mentions: ["ada"] })] });
    arrive(messageAt(12, { mentions: ["ada"] }), messageAt(13), own(14, "me", "x"));
    expect(room.calls.getSnapshot().map((message) => message.seq)).toEqual(["12"]);
  });

  it("goes back to the end when one talks", () => {
    room.pause();
    arrive(messageAt(11));
    expect(log()).toMatchObject({ following: false, waiting: 1 });
    room.send("hi", null);
    expect(log()).toMatchObject({ following: true, waiting: 0 });
  });
});

it("lets go of everything when the reader leaves", async () => {
  await start(false);
  room.stop();
  await settle();
  expect(socket().sentOf("leave").length).toBe(1);
});

describe("elsewhere in time", () => {
  /** A thousand messages, one a second, read over REST as the server would answer. */
  const answer = (input: string) => {
    const query = new URL(input, "http://x").searchParams;
    const limit = Number(query.get("limit"));
    const [before, after] = [query.get("before"), query.get("after")];
    const all = messagesFrom(1, 1_000);
    const later = all.filter((m) => after === null || Number(m.seq) > Number(after));
    const within = later.filter((m) => before === null || Number(m.seq) < Number(before));
    const messages = after === null ? within.slice(-limit) : within.slice(0, limit);
    return {
      messages,
      next_before: messages[0]?.seq === "1" ? null : (messages[0]?.seq ?? null),
      next_after: messages.at(-1)?.seq ?? null,
    };
  };
  const numbers = () => log().rows.map((row) => (row.kind === "message" ? Number(row.message.seq) : row.kind));

  beforeEach(async () => {
    await start(true, { seq: "1000", history: messagesFrom(990, 1_000) });
    Object.defineProperty(pages, "/messages?", {
      configurable: true,
      enumerable: true,
      get: () => answer(requests.at(-1) ?? ""),
    });
  });

  it("shows what was said at a time, waits there, and says what lies ahead", async () => {
    const found = await room.jumpTo(500_000);
    expect(found?.seq).toBe("500");
    expect(room.target.getSnapshot()).toBe("id-500");
    expect(log()).toMatchObject({ following: false, away: true, jump: "idle" });
    expect(numbers().at(-1)).toBe("gap");
    expect(numbers()).toContain(500);
    arrive(messageAt(1_001));
    expect(numbers()).not.toContain(1_001);
    expect(log().waiting).toBe(1);
  });

  it("reads on to the present without a hole or a double", async () => {
    await room.jumpTo(850_000);
    expect(log().away).toBe(true);
    arrive(messageAt(1_001));
    for (let turn = 0; turn < 8 && !log().following; turn++) {
      room.readOn();
      await network();
    }
    const shown = numbers();
    expect(shown.at(-1)).toBe(1_001);
    const from = shown[0] as number;
    expect(shown).toEqual(Array.from({ length: 1_001 - from + 1 }, (_, at) => from + at));
  });

  it("comes back to the newest, with what arrived meanwhile", async () => {
    await room.jumpTo(100_000);
    expect(log().away).toBe(true);
    arrive(messageAt(1_001), messageAt(1_002));
    room.follow();
    await network();
    expect(log()).toMatchObject({ following: true, away: false, waiting: 0 });
    expect(numbers().slice(-4)).toEqual([999, 1_000, 1_001, 1_002]);
    expect(numbers()).not.toContain("gap");
  });

  it("says so when the place can't be found", async () => {
    Object.defineProperty(pages, "/messages?", { configurable: true, enumerable: true, value: undefined });
    expect(await room.jumpTo(5)).toBeNull();
    expect(log().jump).toBe("failed");
    expect(numbers().at(-1)).toBe(1_000);
  });
});

describe("people one does not want to hear", () => {
  beforeEach(() => start(true));

  it("keep their place unseen, call nobody, and are back when heard again", () => {
    muted.set("bob", true);
    arrive(messageAt(11, { mentions: ["ada"] }));
    expect(room.calls.getSnapshot()).toEqual([]);
    expect(log().rows.every((row) => row.kind === "message" && row.muted)).toBe(true);
    muted.set("bob", false);
    expect(log().rows.some((row) => row.kind === "message" && row.muted)).toBe(false);
  });
});

describe("a feed that is a sample", () => {
  const sampled = (skipped: number, ...messages: object[]) => {
    socket().say({ type: "messages", room: "bestie", messages, skipped });
    timers.advance(20);
  };
  const seqs = () => log().rows.map((row) => (row.kind === "message" ? Number(row.message.seq) : row.kind));

  it("says how much of the room it shows, until nothing is left out for a while", async () => {
    await start(false);
    sampled(180, messageAt(200), messageAt(201));
    timers.advance(1_000);
    expect(room.vitals.getSnapshot()).toMatchObject({
      sampled: true,
      shownPerSecond: 2,
      passingPerSecond: 182,
      passedBy: 180,
    });
    timers.advance(3_000);
    expect(room.vitals.getSnapshot().sampled).toBe(true);
    timers.advance(3_000);
    expect(room.vitals.getSnapshot()).toMatchObject({ sampled: false, passedBy: 0, shownPerSecond: 0 });
  });

  it("shows the whole one when that is wanted, from where it stopped", async () => {
    await start(false);
    room.setFeed("full");
    expect(socket().sentOf("join").at(-1)).toMatchObject({ feed: "full", after: "10", epoch: "e1" });
    joined({ recovered: true, seq: "12", history: messagesFrom(11, 12) });
    expect(seqs()).toEqual([8, 9, 10, 11, 12]);
  });

  it("misses nothing for who waits: what was left out is read from the history", async () => {
    await start(false);
    room.pause();
    arrive(messageAt(11));
    sampled(88, messageAt(100));
    expect(log()).toMatchObject({ waiting: 90, away: true });
    expect(seqs()).toEqual([8, 9, 10, "gap"]);
    pages["after=10"] = { messages: messagesFrom(11, 60), next_before: null, next_after: "60" };
    room.readOn();
    // It grows while it is read.
    sampled(19, messageAt(120));
    await network();
    expect(seqs().slice(-2)).toEqual([60, "gap"]);
    pages["after=60"] = { messages: messagesFrom(61, 120), next_before: null, next_after: null };
    room.readOn();
    await network();
    expect(seqs()).toEqual(Array.from({ length: 113 }, (_, at) => 8 + at));
    room.readOn();
    expect(log()).toMatchObject({ following: true, waiting: 0 });
    arrive(messageAt(121));
    expect(seqs().at(-1)).toBe(121);
  });

  it("puts a line of one's own that comes late where it belongs, once, and calls where one hears them", async () => {
    await start(true);
    sampled(10, messageAt(20), messageAt(30));
    room.send("late", null);
    socket().say({ type: "ack", nonce: nonce(), id: "m1", seq: "25", sent_at: 1 });
    sampled(0, own(25, "Late, bestie!", "m1"));
    sampled(0, own(25, "Late, bestie!", "m1"), messageAt(27, { mentions: ["ada"] }));
    expect(seqs()).toEqual([8, 9, 10, 20, 25, 27, 30]);
    expect(log().pending).toEqual([]);
    expect(room.calls.getSnapshot().map((message) => message.seq)).toEqual(["27"]);
  });
});

describe("slow mode", () => {
  const slow = { slow_mode_seconds: 30, emote_only: false, unique_chat: false };

  it("counts from one's last line, and says what waits as soon as one may", async () => {
    await start(true, { settings: slow });
    expect(room.talk.arm("too early", null)).toBe(false);
    room.send("first", null);
    socket().say({ type: "ack", nonce: nonce(), id: "m1", seq: "11", sent_at: 1 });
    expect(room.talk.nextAt.getSnapshot()).toBe(timers.now() + 30_000);
    expect(room.talk.arm("second", null)).toBe(true);
    expect(room.talk.arm("third", null)).toBe(false);
    timers.advance(29_000);
    expect(socket().sentOf("send").length).toBe(1);
    timers.advance(1_000);
    expect(socket().sentOf("send").at(-1)?.text).toBe("second");
    expect(room.talk.armed.getSnapshot()).toBeNull();
    expect(room.talk.nextAt.getSnapshot()).toBeNull();
  });

  it("gives back what waited, and lets go when it ends", async () => {
    await start(true, { settings: slow });
    room.send("first", null);
    socket().say({ type: "ack", nonce: nonce(), id: "m1", seq: "11", sent_at: 1 });
    room.talk.arm("second", null);
    expect(room.talk.disarm()).toBe("second");
    room.talk.arm("third", null);
    socket().say({ type: "room", room: "bestie", settings: { ...slow, slow_mode_seconds: 0 }, viewers: 1 });
    expect(socket().sentOf("send").at(-1)?.text).toBe("third");
  });

  it("waits as long as a refusal says, and not at all for those it does not hold", async () => {
    await start(true, { settings: slow, you: { role: "moderator" } });
    room.send("first", null);
    socket().say({ type: "ack", nonce: nonce(), id: "m1", seq: "11", sent_at: 1 });
    expect(room.talk.nextAt.getSnapshot()).toBeNull();
    room.send("second", null);
    socket().say({
      type: "error",
      code: "slow_mode",
      detail: "",
      nonce: nonce(),
      room: "bestie",
      retry_after_ms: 4_000,
    });
    expect(room.talk.nextAt.getSnapshot()).toBe(timers.now() + 4_000);
  });
});

describe("measures against the reader", () => {
  const ban = () => room.ban.getSnapshot();

  it("hold until their time is over, or until they are lifted", async () => {
    await start(true);
    socket().say({ type: "banned", room: "bestie", until: timers.now() + 60_000, reason: "spam" });
    expect(ban()).toMatchObject({ reason: "spam" });
    timers.advance(59_000);
    expect(ban()).not.toBeNull();
    timers.advance(1_000);
    expect(ban()).toBeNull();
    socket().say({ type: "banned", room: "bestie", until: null, reason: null });
    timers.advance(1e9);
    expect(ban()).toEqual({ until: null, reason: null });
    socket().say({ type: "unbanned", room: "bestie" });
    expect(ban()).toBeNull();
  });
  it("outlive a renewed token", async () => {
    await start(true);
    socket().say({ type: "banned", room: "bestie", until: null, reason: null });
    timers.advance(860_000);
    await network();
    expect(requests.filter((input) => input.endsWith("/refresh")).length).toBeGreaterThan(1);
    expect(ban()).not.toBeNull();
  });
});

describe("what was taken away", () => {
  const removed = () => log().rows.find((row) => row.kind === "removed");

  it("is kept from viewers", async () => {
    await start(false);
    socket().say({ type: "deleted", room: "bestie", ids: ["id-9"] });
    expect(removed()).toMatchObject({ count: 1, kept: [] });
    expect(JSON.stringify(log())).not.toContain("line 9");
  });
  it("is there for moderators to look at, for as long as they are", async () => {
    await start(true, { you: { role: "moderator" } });
    socket().say({ type: "cleared", room: "bestie", username: "bob" });
    expect(removed()).toMatchObject({ count: 3, revealed: false });
    room.changeRemoved(removed()?.key ?? "", { revealed: true, why: "rude" });
    expect(removed()).toMatchObject({ revealed: true, why: "rude" });
    expect(JSON.stringify(log())).toContain("line 9");
    socket().say({ type: "role", room: "bestie", you: { role: "viewer" } });
    expect(removed()).toMatchObject({ revealed: false, kept: [] });
    expect(JSON.stringify(log())).not.toContain("line 9");
  });
});

describe("a moderator's hand on a row", () => {
  it("stops the list for a moment, in a sample too, and lets it go on as it was", async () => {
    await start(true, { you: { role: "moderator" } });
    room.hold();
    expect(log()).toMatchObject({ following: false, held: true });
    socket().say({ type: "messages", room: "bestie", messages: [messageAt(20)], skipped: 9 });
    timers.advance(20);
    expect(log()).toMatchObject({ waiting: 1, away: false });
    room.release();
    expect(log()).toMatchObject({ following: true, held: false });
    expect(texts().at(-1)).toBe("line 20");
  });
  it("lets go of nothing that the reader stopped", async () => {
    await start(true, { you: { role: "moderator" } });
    room.hold();
    room.pause();
    room.release();
    expect(log()).toMatchObject({ following: false, held: false });
  });
});
