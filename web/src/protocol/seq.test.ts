import { expect, it } from "vitest";
import { compareSeq, isLater, seqBefore } from "./seq";

it("orders 64-bit places, not words", () => {
  const shuffled = ["10", "9", "18446744073709551615", "0", "9007199254740993", "9007199254740992"];
  expect(shuffled.sort(compareSeq)).toEqual([
    "0",
    "9",
    "10",
    "9007199254740992",
    "9007199254740993",
    "18446744073709551615",
  ]);
  expect(isLater("10", "10")).toBe(false);
  expect(seqBefore("18446744073709551615")).toBe("18446744073709551614");
});
