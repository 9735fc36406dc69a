import { act, render } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Highlights } from "../../client/highlights";
import { SettingsStore } from "../../client/settings";
import { MemoryStorage } from "../../client/storage";
import { FakeSocket } from "../../testing/fake-socket";
import { FakeTimers } from "../../testing/fake-timers";
import { messageAt } from "../../testing/messages";
import { joinedFrame, openRoom } from "../../testing/room";
import { CallAnnouncer } from "./call-announcer";

let socket: FakeSocket;
let highlights: Highlights;
let hidden: boolean;

const arrive = (seq: number, text: string) =>
  act(() => socket.say({ type: "messages", room: "bestie", messages: [messageAt(seq, { text })], skipped: 0 }));
const turn = (to: boolean) => {
  hidden = to;
  document.dispatchEvent(new Event("visibilitychange"));
};

beforeEach(() => {
  hidden = true;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
  socket = new FakeSocket();
  const opened = openRoom({ timers: new FakeTimers(), open: () => socket });
  highlights = opened.highlights;
  socket.hello();
  socket.say(joinedFrame());
  render(<CallAnnouncer room={opened.room} title="Bestie" settings={new SettingsStore(new MemoryStorage())} />);
});
afterEach(() => {
  document.title = "";
});

it("marks the tab when a word to notice is said while nobody looks, until somebody does", () => {
  highlights.write("rust");
  arrive(11, "dust");
  expect(document.title).toBe("Bestie · Twitchy");
  arrive(12, "Rust!");
  expect(document.title).toBe("(•) Bestie · Twitchy");
  turn(false);
  expect(document.title).toBe("Bestie · Twitchy");
  arrive(13, "rust again");
  expect(document.title).toBe("Bestie · Twitchy");
});
