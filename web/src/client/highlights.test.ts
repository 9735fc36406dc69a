import { beforeEach, expect, it } from "vitest";
import { Highlights, WORD_LENGTH_MAX, WORDS_MAX } from "./highlights";
import { MemoryStorage } from "./storage";

let storage: MemoryStorage;
let highlights: Highlights;

beforeEach(() => {
  storage = new MemoryStorage();
  highlights = new Highlights(storage);
});

it("finds whole words in any case, and phrases across spaces", () => {
  highlights.write("Rust, good  game ,c++,, rust");
  expect(highlights.words.getSnapshot()).toEqual(["rust", "good game", "c++"]);
  for (const text of ["I like RUST.", "a Good   game!", "rust", "in c++ too", "(rust)"])
    expect([text, highlights.in(text, null)]).toEqual([text, true]);
  for (const text of ["trust me", "rusty", "rust_fan", "goodgame", "c+", "", "ärust"])
    expect([text, highlights.in(text, null)]).toEqual([text, false]);
});

it("finds the reader's name without an @, and forgets it with them", () => {
  expect(highlights.in("ask Ada about it", "ada")).toBe(true);
  expect(highlights.in("ask Adam about it", "ada")).toBe(false);
  expect(highlights.in("ask Ada about it", null)).toBe(false);
});

it("takes what means something to patterns as it is", () => {
  highlights.write(".*, [a-z], \\d, a|b, x-y");
  for (const text of ["anything", "7", "a", "xzy"]) expect([text, highlights.in(text, null)]).toEqual([text, false]);
  for (const text of ["so .* it is", "[A-Z]", "\\d", "a|b", "x-y"])
    expect([text, highlights.in(text, null)]).toEqual([text, true]);
});

it("is there again after a reload, bounded, whatever lies in the storage", () => {
  highlights.write(["x".repeat(WORD_LENGTH_MAX + 1), ...Array.from({ length: 40 }, (_, at) => `word${at}`)].join());
  const again = new Highlights(storage).words.getSnapshot();
  expect([again.length, again[0]]).toEqual([WORDS_MAX, "word0"]);
  for (const raw of ["{", "7", '{"a":1}', "[null,7]"]) {
    storage.set("twitchy.highlights", raw);
    expect(new Highlights(storage).words.getSnapshot()).toEqual([]);
  }
});
