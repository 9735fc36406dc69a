import { beforeEach, describe, expect, it } from "vitest";
import { messageAt, messagesFrom } from "../testing/messages";
import { BUFFER_MAX, MessageWindow, ROWS_FRESH_MAX, ROWS_MAX, ROWS_READING_MAX } from "./message-window";

let window: MessageWindow;
const seqs = () => window.rows.map((row) => (row.kind === "message" ? Number(row.message.seq) : row.kind));
const live = (first: number, last: number) => {
  window.take(messagesFrom(first, last));
  window.commit();
};

beforeEach(() => {
  window = new MessageWindow({
    username: "ada",
    moderates: false,
    muted: () => false,
    notes: () => false,
    ownLine: () => null,
  });
});

describe("while following", () => {
  it("shows each message once, in order, however often it comes", () => {
    live(1, 5);
    live(3, 8);
    live(8, 8);
    expect(seqs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("never has more rows than it may, and always the newest", () => {
    for (let first = 1; first < 5_000; first += 37) {
      live(first, first + 36);
      expect(window.rows.length).toBeLessThanOrEqual(ROWS_MAX);
      expect(seqs().at(-1)).toBe(first + 36);
    }
  });

  it("holds a storm between two commits without growing", () => {
    window.take(messagesFrom(1, 20_000));
    window.commit();
    expect(window.rows.length).toBe(ROWS_FRESH_MAX);
    expect(seqs()[0]).toBe(20_000 - ROWS_FRESH_MAX + 1);
    live(20_001, 20_001);
    expect(seqs().at(-1)).toBe(20_001);
  });

  it("says where the server left something out", () => {
    live(1, 2);
    window.takeGap("2", "9");
    live(10, 10);
    expect(seqs()).toEqual([1, 2, "gap", 10]);
  });
});

describe("while paused", () => {
  beforeEach(() => {
    live(1, 100);
    window.pause();
  });

  it("does not touch a single row", () => {
    const before = window.rows;
    live(101, 2_000);
    expect(window.rows).toBe(before);
    expect(window.waiting).toBe(1_900);
  });

  it("loses nothing when it follows again, up to a page", () => {
    live(101, 150);
    window.follow();
    expect(seqs()).toEqual(Array.from({ length: 150 }, (_, at) => at + 1));
    expect(window.waiting).toBe(0);
  });

  it("reads on without a hole", () => {
    live(101, 300);
    let done = false;
    for (let turn = 0; turn < 10 && !done; turn++) done = window.readOn();
    expect(done).toBe(true);
    expect(seqs()).toEqual(Array.from({ length: 300 }, (_, at) => at + 1));
  });

  it("owns up to what no longer fits", () => {
    live(101, 100 + BUFFER_MAX);
    live(101 + BUFFER_MAX, 300 + BUFFER_MAX);
    expect(window.waiting).toBe(BUFFER_MAX + 200);
    window.readOn();
    const gap = window.rows.find((row) => row.kind === "gap");
    expect(gap).toMatchObject({ from: "100", to: "300", count: 200 });
    expect(seqs().slice(100, 103)).toEqual(["gap", 301, 302]);
  });

  it("counts every message: shown, waiting or said to be missing", () => {
    for (let first = 101; first <= 20_000; first += 400) live(first, Math.min(20_000, first + 399));
    expect(window.rows.length + window.waiting).toBe(20_000);
  });
});

describe("older messages", () => {
  it("come in front, without doubles", () => {
    live(50, 60);
    window.pause();
    window.prepend(messagesFrom(40, 52));
    expect(seqs()[0]).toBe(40);
    expect(new Set(seqs()).size).toBe(21);
  });

  it("do not grow the page for ever, and what leaves at the end comes back", () => {
    live(5_001, 5_200);
    window.pause();
    for (let first = 4_951; first > 3_000; first -= 50) window.prepend(messagesFrom(first, first + 49));
    expect(window.rows.length).toBe(ROWS_READING_MAX);
    const top = Number(seqs()[0]);
    while (!window.readOn()) expect(window.rows.length).toBeLessThanOrEqual(ROWS_READING_MAX);
    expect(seqs().at(-1)).toBe(5_200);
    expect(top).toBeLessThan(3_052);
  });

  it("fill a gap in part and then whole", () => {
    live(1, 2);
    window.takeGap("2", "9");
    live(10, 10);
    window.fill("gap:2:9", messagesFrom(3, 6), null);
    expect(seqs()).toEqual([1, 2, 3, 4, 5, 6, "gap", 10]);
    window.fill("gap:2:9", messagesFrom(6, 9), "9");
    expect(seqs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});

describe("removal", () => {
  it("leaves a row without the text where it was seen, and nothing where it was not", () => {
    live(1, 3);
    window.pause();
    live(4, 6);
    window.remove((message) => message.seq === "2" || message.seq === "5");
    expect(JSON.stringify(window.rows)).not.toContain("line 2");
    window.follow();
    expect(seqs()).toEqual([1, "removed", 3, 4, 6]);
  });

  it("folds one person's lines in a row into one", () => {
    live(1, 5);
    window.remove((message) => Number(message.seq) >= 2);
    expect(window.rows).toMatchObject([{ kind: "message" }, { kind: "removed", count: 4, displayName: "Bob" }]);
  });

  it("keeps its place in the order when all of it is gone", () => {
    live(1, 5);
    window.remove(() => true);
    expect(window.oldestSeq).not.toBeNull();
    live(5, 6);
    expect(seqs()).toEqual(["removed", 6]);
  });
});

it("marks what calls the reader, and what the reader said", () => {
  window.take([
    messageAt(1, { mentions: ["ada"], text: "@ada hi" }),
    messageAt(2, { reply_to: { id: "x", username: "ada", display_name: "Ada", excerpt: "" } }),
    messageAt(3, { user: { id: "1", username: "ada", display_name: "Ada", color: "#FFFFFF", badges: [] } }),
    messageAt(4),
  ]);
  window.commit();
  expect(window.rows.map((row) => row.kind === "message" && [row.toMe, row.own])).toEqual([
    [true, false],
    [true, false],
    [false, true],
    [false, false],
  ]);
});
