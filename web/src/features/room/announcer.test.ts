import { beforeEach, expect, it } from "vitest";
import { FakeTimers } from "../../testing/fake-timers";
import { messageAt } from "../../testing/messages";
import { Announcer } from "./announcer";

let timers: FakeTimers;
let said: { text: string; at: number }[];
let standing: number;
let announcer: Announcer;

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
  announcer.called(messageAt(1, { text: "𝐇𝐞𝐲" }));
  announcer.called(messageAt(2, { reply_to: { id: "x", username: "ada", display_name: "Ada", excerpt: "" } }));
  timers.advance(5_000);
  expect(said.map((line) => line.text)).toEqual(["Bob: Hey", "Bob replies to you: line 2"]);
  expect((said[1]?.at ?? 0) - (said[0]?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
});

it("sums up a flood and leaves nothing behind", () => {
  for (let turn = 0; turn < 600; turn++) {
    announcer.called(messageAt(turn + 1));
    timers.advance(100);
  }
  timers.advance(30_000);
  expect(said.length).toBeLessThanOrEqual(70);
  expect(said.some((line) => /^\d+ messages to you$/.test(line.text))).toBe(true);
  expect(standing).toBe(0);
});
