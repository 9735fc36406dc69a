import { beforeEach, expect, it } from "vitest";
import type { ChatMessage } from "../../protocol/message";
import { FakeTimers } from "../../testing/fake-timers";
import { messageAt, messagesFrom } from "../../testing/messages";
import { Announcer } from "./announcer";

let timers: FakeTimers;
let said: { text: string; at: number }[];
let standing: number;
let announcer: Announcer;
const called = (message: ChatMessage) => announcer.spoke([message], () => true);
const nobody = () => false;

beforeEach(() => {
  timers = new FakeTimers();
  said = [];
  standing = 0;
  announcer = new Announcer(
    (text) => {
      said.push({ text, at: timers.now() });
      standing += 1;
      return () => {
        standing -= 1;
      };
    },
    (ms, run) => timers.after(ms, run),
  );
});

it("says name and text, in order, a second apart", () => {
  called(messageAt(1, { text: "𝐇𝐞𝐲" }));
  called(messageAt(2, { reply_to: { id: "x", username: "ada", display_name: "Ada", excerpt: "" } }));
  timers.advance(5_000);
  expect(said.map((line) => line.text)).toEqual(["Bob: Hey", "Bob replies to you: line 2"]);
  expect((said[1]?.at ?? 0) - (said[0]?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
});

it("sums up a flood and leaves nothing behind", () => {
  for (let turn = 0; turn < 600; turn++) {
    called(messageAt(turn + 1));
    timers.advance(100);
  }
  timers.advance(30_000);
  expect(said.length).toBeLessThanOrEqual(70);
  expect(said.some((line) => /^\d+ messages to you$/.test(line.text))).toBe(true);
  expect(standing).toBe(0);
});

it("leaves out what does not call the reader, unless told otherwise", () => {
  announcer.spoke(messagesFrom(1, 3), nobody);
  timers.advance(60_000);
  expect(said).toEqual([]);
  announcer.set("off");
  called(messageAt(4));
  timers.advance(60_000);
  expect(said).toEqual([]);
});

it("counts every ten seconds when that is wanted", () => {
  announcer.set("summary");
  for (let turn = 0; turn < 60; turn++) {
    announcer.spoke(messagesFrom(turn * 500 + 1, turn * 500 + 500), (message) => message.seq === "7");
    timers.advance(1_000);
  }
  timers.advance(20_000);
  expect(said.length).toBeLessThanOrEqual(6);
  expect(said[0]?.text).toMatch(/^\d+ messages, 1 to you$/);
  expect(said[1]?.text).toMatch(/^\d+ messages$/);
});

it("reads everything while that can be spoken, and says once when it can't", () => {
  announcer.set("all");
  announcer.spoke([messageAt(1)], nobody);
  timers.advance(20_000);
  expect(said.map((line) => line.text)).toEqual(["Bob: line 1"]);
  for (let turn = 0; turn < 30; turn++) {
    announcer.spoke(messagesFrom(turn * 10 + 2, turn * 10 + 11), nobody);
    timers.advance(1_000);
  }
  expect(said.filter((line) => line.text.startsWith("Too fast")).length).toBe(1);
  timers.advance(60_000);
  announcer.spoke([messageAt(999)], nobody);
  timers.advance(20_000);
  expect(said.at(-1)?.text).toBe("Bob: line 999");
});
