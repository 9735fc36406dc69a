import { describe, expect, it } from "vitest";
import { contrast, readableNameColor, WORST_ROW } from "./name-color";

const DARK = [
  ["#0000FF", "#6092FF"],
  ["#8A2BE2", "#B279FF"],
  ["#B22222", "#F7675C"],
  ["#008000", "#41AA3C"],
  ["#FF0000", "#FF604E"],
  ["#000000", "#969696"],
  ["#2E8B57", "#4DA771"],
] as const;

const LIGHT = [
  ["#FFFFFF", "#6D6D6D"],
  ["#00FF7F", "#007E3C"],
  ["#9ACD32", "#567700"],
  ["#FF69B4", "#C42F81"],
  ["#FF7F50", "#BF450B"],
  ["#1E90FF", "#006DCB"],
] as const;

const channels = (color: string) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));

function expectNear(actual: string, expected: string) {
  const distances = channels(actual).map((channel, at) => Math.abs(channel - (channels(expected)[at] ?? 0)));
  expect(Math.max(...distances), `${actual} for ${expected}`).toBeLessThanOrEqual(2);
}

describe("readableNameColor", () => {
  it.each(DARK)("lifts %s to %s on dark", (color, expected) => expectNear(readableNameColor(color, "dark"), expected));
  it.each(LIGHT)("lowers %s to %s on light", (color, expected) =>
    expectNear(readableNameColor(color, "light"), expected),
  );

  it("leaves a readable colour alone", () => {
    expect(readableNameColor("#FFA3CF", "dark")).toBe("#FFA3CF");
  });

  it("reaches the contrast on the worst row for every corner of sRGB", () => {
    for (let at = 0; at < 512; at++) {
      const color = `#${[at >> 6, (at >> 3) & 7, at & 7].map((part) => (part * 36).toString(16).padStart(2, "0")).join("")}`;
      for (const scheme of ["dark", "light"] as const) {
        const result = readableNameColor(color, scheme);
        expect(contrast(result, WORST_ROW[scheme]), `${color} on ${scheme}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  it("takes anything that is no colour for grey", () => {
    expect(readableNameColor("url(javascript:alert(1))", "dark")).toMatch(/^#[0-9A-F]{6}$/);
  });
});
