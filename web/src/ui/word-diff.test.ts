import { expect, it } from "vitest";
import { wordDiff } from "./word-diff";

const added = (original: string, styled: string) =>
  wordDiff(original, styled)
    .filter((piece) => piece.added)
    .map((piece) => piece.text.trim());

it("tells what a style added from what was typed", () => {
  expect(added("hi there", "Hey bestie! Hi, there!  No cap 🤪")).toEqual(["Hey bestie!", "No cap 🤪"]);
});

it("knows a word again in capitals, with marks or in mathematical letters", () => {
  expect(added("hello you", "HELLO, 𝐲𝐨𝐮!!")).toEqual([]);
});

it("loses nothing of the line", () => {
  for (const styled of ["", " a  b ", "x\n\ny", "🤪", "a b c ".repeat(400)])
    expect(
      wordDiff("b c a", styled)
        .map((piece) => piece.text)
        .join(""),
    ).toBe(styled);
});

it("gives up on very long lines rather than on the page", () => {
  expect(wordDiff("a ".repeat(2_000), "b ".repeat(2_000))).toEqual([{ text: "b ".repeat(2_000), added: false }]);
});
