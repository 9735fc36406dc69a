import { beforeEach, describe, expect, it } from "vitest";
import type { ClientFrame } from "../protocol/__generated__/protocol";
import type { RoomFrame } from "../protocol/message";
import { FakeSocket } from "../testing/fake-socket";
import { FakeTimers, settle } from "../testing/fake-timers";
import { ada } from "../testing/messages";
import { Connection, type RoomReader } from "./connection";

class Reader implements RoomReader {
  readonly slug: string;
  readonly got: RoomFrame[] = [];
  lostTimes = 0;
  authedTimes = 0;
  after: string | null = null;

  constructor(slug: string) {
    this.slug = slug;
  }
  joinFrame(): ClientFrame {
    return { type: "join", room: this.slug, history: 10, after: this.after };
  }
  receive(frame: RoomFrame): void {
    this.got.push(frame);
  }
  authed(): void {
    this.authedTimes += 1;
  }
  lost(): void {
    this.lostTimes += 1;
  }
}

let timers: FakeTimers;
let sockets: FakeSocket[];
let token: string | null;
let forced: number;
let refused: (string | true | undefined)[];
let connection: Connection;
let reader: Reader;

const socket = () => sockets.at(-1) as FakeSocket;

beforeEach(() => {
  timers = new FakeTimers();
  sockets = [];
  token = null;
  forced = 0;
  refused = [];
  connection = new Connection({
    open: () => {
      sockets.push(new FakeSocket());
      return socket();
    },
    tokens: async (no) => {
      if (no) forced += 1;
      refused.push(no);
      return token;
    },
    timers,
  });
  reader = new Reader("bestie");
});

/** The page comes into a room, with a token or without. */
async function enter(as: string | null = null): Promise<void> {
  token = as;
  connection.read(reader);
  socket().hello();
  await settle();
}

/** The server knows who it is. */
const known = () => socket().say({ type: "authed", user: ada, expires_at: 1 });

describe("opening", () => {
  it("opens for the first reader, joins at hello and reads without an account", async () => {
    connection.read(reader);
    expect(sockets.length).toBe(1);
    expect(socket().sent).toEqual([]);
    socket().hello();
    await settle();
    expect(socket().sent.map((frame) => frame.type)).toEqual(["join"]);
  });

  it("proves who one is right after joining", async () => {
    await enter("t1");
    expect(socket().sentOf("auth")).toEqual([{ type: "auth", token: "t1" }]);
    expect(connection.authed).toBe(false);
    known();
    expect(connection.authed).toBe(true);
    expect(reader.authedTimes).toBe(1);
  });

  it("asks for a new token when the server refuses the one it has", async () => {
    await enter("t1");
    socket().say({ type: "error", code: "token_expired", detail: "" });
    await settle();
    expect(forced).toBe(1);
    expect(socket().sentOf("auth").length).toBe(2);
  });

  it("says which token was refused, not which one is the newest", async () => {
    await enter("t1");
    known();
    // Logged in anew, which ends the session of before.
    connection.authenticate("t2");
    connection.authenticate("t3");
    socket().say({ type: "error", code: "unauthorized", detail: "" });
    known();
    socket().end(4001);
    expect(refused).toEqual([undefined, "t2", "t3"]);
  });

  it("tells an ended session by its own token while a newer one is not answered yet", async () => {
    await enter("t1");
    known();
    connection.authenticate("t2");
    socket().end(4001);
    expect(refused).toEqual([undefined, "t1"]);
  });

  it("gives up on a server that never says hello", () => {
    connection.read(reader);
    timers.advance(10_000);
    expect(connection.state.getSnapshot().phase).toBe("waiting");
    expect(socket().closed).toBe(true);
  });
});

describe("losing and finding", () => {
  beforeEach(() => {
    connection.read(reader);
    socket().hello();
  });

  it("tells the readers, waits with jitter and joins from where they stopped", () => {
    reader.after = "41";
    socket().end(1006);
    expect(reader.lostTimes).toBe(1);
    expect(connection.write({ type: "ping", id: "x" })).toBe(false);
    timers.advance(249);
    expect(sockets.length).toBe(1);
    timers.advance(1);
    expect(sockets.length).toBe(2);
    socket().hello();
    expect(socket().sentOf("join")[0]).toMatchObject({ room: "bestie", after: "41" });
  });

  it("doubles its patience up to half a minute and begins anew after a steady while", () => {
    const waits: number[] = [];
    for (let attempt = 0; attempt < 10; attempt++) {
      socket().end(1006);
      const state = connection.state.getSnapshot();
      if (state.phase !== "waiting") throw new Error(state.phase);
      waits.push(state.retryAt - timers.now());
      timers.advance(state.retryAt - timers.now());
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000]);
    socket().hello();
    timers.advance(11_000);
    socket().end(1006);
    const state = connection.state.getSnapshot();
    expect(state.phase === "waiting" && state.retryAt - timers.now()).toBe(250);
  });

  it.each([1013, 4009, 1008])("keeps away longer after %i", (code) => {
    socket().end(code);
    const state = connection.state.getSnapshot();
    expect(state.phase === "waiting" && state.crowded && state.retryAt - timers.now()).toBe(5_250);
  });

  it("does not wait when someone is there to see", () => {
    socket().end(1006);
    connection.retryNow();
    expect(sockets.length).toBe(2);
    timers.advance(60_000);
    expect(sockets.filter((one) => !one.closed).length).toBeLessThanOrEqual(1);
  });

  it("moves when the node is about to stop, and reads until then", () => {
    socket().say({ type: "reconnect", after_ms: 1_234 });
    timers.advance(1_233);
    expect(sockets.length).toBe(1);
    sockets[0]?.say({ type: "messages", room: "bestie", messages: [], skipped: 0 });
    expect(reader.got.length).toBe(1);
    timers.advance(1);
    expect(sockets.length).toBe(2);
    expect(sockets[0]?.closed).toBe(true);
  });

  it("notices a server that fell silent", () => {
    timers.advance(30_000);
    expect(socket().sentOf("ping").length).toBe(1);
    timers.advance(9_999);
    expect(connection.state.getSnapshot().phase).toBe("open");
    timers.advance(1);
    expect(connection.state.getSnapshot().phase).toBe("waiting");
  });

  it("takes an answer to its ping for life", () => {
    timers.advance(30_000);
    socket().say({ type: "pong", id: "beat" });
    timers.advance(29_999);
    expect(connection.state.getSnapshot().phase).toBe("open");
  });

  it("listens to the newest socket only", () => {
    const old = socket();
    socket().end(1006);
    connection.retryNow();
    socket().hello();
    old.say({ type: "left", room: "bestie" });
    old.end(1006);
    expect(reader.got).toEqual([]);
    expect(connection.state.getSnapshot().phase).toBe("open");
  });
});

describe("frames", () => {
  beforeEach(() => {
    connection.read(reader);
    socket().hello();
  });

  it("counts and survives what it cannot read", () => {
    socket().sayRaw("{");
    socket().sayRaw(new ArrayBuffer(4));
    socket().say({ type: "poll" });
    socket().say({ type: "ack" });
    expect(connection.ignored).toEqual({ unknown: 1, malformed: 2 });
    expect(connection.state.getSnapshot().phase).toBe("open");
  });

  it("gives a frame to the room it names and an ack to whoever knows it", () => {
    const other = new Reader("skibidi");
    connection.read(other);
    socket().say({ type: "left", room: "skibidi" });
    socket().say({ type: "ack", nonce: "n", id: "i", seq: "1", sent_at: 0 });
    expect(reader.got.map((frame) => frame.type)).toEqual(["ack"]);
    expect(other.got.map((frame) => frame.type)).toEqual(["left", "ack"]);
  });

  it("leaves a room nobody reads any more", () => {
    const other = new Reader("skibidi");
    const stop = connection.read(other);
    stop();
    expect(socket().sentOf("leave")).toEqual([{ type: "leave", room: "skibidi" }]);
  });
});
