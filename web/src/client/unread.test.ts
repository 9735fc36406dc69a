import { beforeEach, expect, it } from "vitest";
import type { ChatMessage } from "../protocol/message";
import { FakeTimers } from "../testing/fake-timers";
import { ada, messageAt, messagesFrom } from "../testing/messages";
import { Api } from "./api";
import { Session } from "./session";
import { MemoryStorage } from "./storage";
import { Unread } from "./unread";

let timers: FakeTimers;
let said: ChatMessage[];
let asked: string[];
let visible: boolean;
let unread: Unread;

const network = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve));
};
const later = async () => {
  timers.advance(10_000);
  await network();
};

beforeEach(() => {
  timers = new FakeTimers();
  said = [];
  asked = [];
  visible = true;
  const storage = new MemoryStorage();
  storage.set("twitchy.session", JSON.stringify({ refresh_token: "r", user: ada }));
  const api = new Api(async (input) => {
    asked.push(input);
    const query = new URL(input, "http://x").searchParams;
    const messages = said
      .filter((m) => Number(m.seq) > Number(query.get("after")))
      .slice(0, Number(query.get("limit")));
    return Response.json({ messages, next_before: null, next_after: null });
  });
  const session = new Session({ api, storage, lock: (_, run) => run(), timers });
  unread = new Unread({ api, session, timers, visible: () => visible });
});

it("counts what others said since one left, and who called", async () => {
  unread.leave("ohio", "5");
  await later();
  expect(unread.news.getSnapshot().size).toBe(0);
  said = [...messagesFrom(4, 7), messageAt(8, { user: { ...ada, badges: [] } })];
  await later();
  expect(unread.news.getSnapshot().get("ohio")).toEqual({ count: 2, more: false, calls: false });
  said.push(messageAt(9, { mentions: ["ada"] }));
  await later();
  expect(unread.news.getSnapshot().get("ohio")).toEqual({ count: 3, more: false, calls: true });
  unread.entered("ohio");
  expect(unread.news.getSnapshot().size).toBe(0);
});

it("asks no more once there is more than it counts, nor for hidden pages, nor for nothing", async () => {
  await later();
  expect(asked).toEqual([]);
  said = messagesFrom(1, 500);
  unread.leave("ohio", "5");
  visible = false;
  await later();
  expect(asked).toEqual([]);
  visible = true;
  await later();
  await later();
  expect(unread.news.getSnapshot().get("ohio")).toMatchObject({ count: 100, more: true });
  expect(asked.length).toBe(1);
});

it("looks at a few rooms only", async () => {
  said = messagesFrom(1, 3);
  for (let room = 0; room < 30; room++) unread.leave(`room${room}`, "1");
  await later();
  expect(unread.news.getSnapshot().size).toBe(8);
  expect(unread.news.getSnapshot().has("room29")).toBe(true);
});
