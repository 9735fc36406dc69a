import { beforeEach, expect, it } from "vitest";
import { FakeSocket } from "../testing/fake-socket";
import { FakeTimers } from "../testing/fake-timers";
import { ada } from "../testing/messages";
import { joinedFrame, openRoom } from "../testing/room";
import type { RoomSession } from "./room-session";

let socket: FakeSocket;
let timers: FakeTimers;
let room: RoomSession;

const phase = () => room.log.getSnapshot().phase;
const joined = (part: object = {}) => socket.say(joinedFrame({ you: { role: "admin" }, ...part }));

beforeEach(() => {
  socket = new FakeSocket();
  timers = new FakeTimers();
  ({ room } = openRoom({ timers, open: () => socket }));
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

it("hears on coming back what was changed meanwhile, also that it is open again", () => {
  joined({ title: "Bestie", description: "Here.", archived: true });
  expect(room.gauge.words.getSnapshot()).toEqual({ title: "Bestie", description: "Here.", archived: true });
  socket.end(1006);
  timers.advance(1_000);
  socket.hello();
  joined({ title: "Besties", description: "" });
  expect(room.gauge.words.getSnapshot()).toEqual({ title: "Besties", description: "", archived: false });
});
