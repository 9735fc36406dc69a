import { expect, it } from "vitest";
import { dayName, inputTime, midnight } from "./times";

const at = (text: string) => new Date(text).getTime();

it("calls days by their names", () => {
  const today = midnight(at("2026-03-30T15:00"));
  expect(dayName(midnight(at("2026-03-30T00:00")), today)).toBe("Today");
  expect(dayName(midnight(at("2026-03-29T23:59")), today)).toBe("Yesterday");
  expect(dayName(midnight(at("2026-03-28T12:00")), today)).toContain("28");
});

it("writes a time as its box reads it", () => {
  for (const text of ["2026-01-02T03:04", "1999-12-31T23:59"]) expect(inputTime(at(text))).toBe(text);
});
