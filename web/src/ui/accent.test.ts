import { expect, it } from "vitest";
import { roomHue } from "./accent";

it("gives every room a hue and none the one of mentions", () => {
  for (let at = 0; at < 2_000; at++) {
    const hue = roomHue(`room-${at}`);
    expect(hue).toBeGreaterThanOrEqual(0);
    expect(hue).toBeLessThan(360);
    expect(Math.abs(hue - 80)).toBeGreaterThanOrEqual(25);
  }
});
