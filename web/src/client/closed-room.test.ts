import { beforeEach, expect, it } from "vitest";
import { FakeSocket } from "../testing/fake-socket";
import { FakeTimers } from "../testing/fake-timers";
import { ada, messagesFrom } from "../testing/messages";
import { Api } from "./api";
import { Connection } from "./connection";
import { Muted } from "./muted";
import { RoomSession } from "./room-session";
import { Session } from "./session";
import { MemoryStorage } from "./storage";

let socket: FakeSocket;
let room: RoomSession;

const phase = () => room.log.getSnapshot().phase;
const joined = () =>
  socket.say({
    type: "joined",
    room: "bestie",
    epoch: "e1",
    seq: "10",
    recovered: null,
    reason: null,
    history: messagesFrom(8, 10),
    viewers: 3,
    you: { role: "admin" },
  });

beforeEach(() => {
  const timers = new FakeTimers();
  const storage = new MemoryStorage();
  const api = new Api(async () => Response.json({ status: 500, code: "internal" }, { status: 500 }));
  const session = new Session({ api, storage, lock: (_, run) => run(), timers });
  socket = new FakeSocket();
  const connection = new Connection({ open: () => socket, tokens: (refused) => session.accessToken(refused), timers });
  const screen = { visible: () => true, nextFrame: (run: () => void) => timers.after(16, run) };
  room = new RoomSession("bestie", { api, connection, session, muted: new Muted(storage), timers, screen });
  room.start();
  socket.hello();
});

it("is closed for whoever reads it, when an admin closes it", () => {
  joined();
  socket.say({ type: "left", room: "bestie", reason: "archived" });
  expect(phase()).toBe("closed");
});

it("is closed for whoever comes, and asked for again once it is known who that is", () => {
  socket.say({ type: "error", code: "room_archived", detail: "", room: "bestie" });
  expect(phase()).toBe("closed");
  const asked = socket.sentOf("join").length;
  socket.say({ type: "authed", user: ada, expires_at: 9e15 });
  expect(socket.sentOf("join").length).toBe(asked + 1);
  joined();
  expect(phase()).toBe("live");
  expect(room.log.getSnapshot().rows.length).toBe(3);
});

it("stays open when only one line was refused", () => {
  joined();
  socket.say({ type: "error", code: "room_archived", detail: "", room: "bestie", nonce: "n" });
  expect(phase()).toBe("live");
});

it("tells its new words once they change, and not with every count", () => {
  joined();
  const frame = { type: "room", room: "bestie", settings: {}, viewers: 4, messages_per_second: 0, pinned: null };
  const heard: unknown[] = [];
  room.gauge.words.subscribe(() => heard.push(room.gauge.words.getSnapshot()));
  socket.say(frame);
  socket.say({ ...frame, title: "Besties", description: "" });
  socket.say({ ...frame, archived: true });
  socket.say({ ...frame, title: 7, archived: "yes" });
  expect(heard).toEqual([{ title: "Besties", description: "" }, { archived: true }]);
});
