import { expect, it } from "vitest";
import { Barometer, weatherOf } from "./weather";

it("has a word for every speed", () => {
  expect([0, 1.9, 2, 19, 20, 199, 200, 13_889].map(weatherOf)).toEqual([
    "calm",
    "calm",
    "breezy",
    "breezy",
    "busy",
    "busy",
    "storm",
    "storm",
  ]);
});

it("does not flicker at a border", () => {
  const barometer = new Barometer();
  const words = Array.from({ length: 20 }, (_, at) => barometer.read(at % 2 ? 25 : 15, at * 1_000));
  expect(new Set(words)).toEqual(new Set(["breezy"]));
  expect(barometer.read(25, 21_000)).toBe("breezy");
  expect(barometer.read(25, 26_000)).toBe("busy");
});
