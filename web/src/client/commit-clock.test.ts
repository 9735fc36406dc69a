import { expect, it } from "vitest";
import { FakeTimers } from "../testing/fake-timers";
import { CommitClock } from "./commit-clock";

function clockAt(perSecond: number, seconds: number): number {
  const timers = new FakeTimers();
  let commits = 0;
  const clock = new CommitClock({
    commit: () => {
      commits += 1;
    },
    screen: { visible: () => true, nextFrame: (run) => timers.after(16, run) },
    timers,
  });
  const steps = Math.min(perSecond, 100) * seconds;
  for (let step = 0; step < steps; step++) {
    clock.arrived(Math.max(1, perSecond / 100));
    timers.advance((seconds * 1_000) / steps);
  }
  return commits / seconds;
}

it("commits each message of a calm room", () => expect(clockAt(5, 10)).toBe(5));
it("commits a busy room ten times a second", () => expect(clockAt(100, 10)).toBeLessThanOrEqual(12));
it("commits a storm four times a second", () => expect(clockAt(2_000, 10)).toBeLessThanOrEqual(5));
